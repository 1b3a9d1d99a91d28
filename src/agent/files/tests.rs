//! A client's calls about files, over a link to an agent, frame by frame.

use crate::agent::{Context, Defaults, run};
use crate::link::Link;
use crate::paths::Paths;
use crate::proto::bundle::{Decoder, Entry, Record, encode, encode_bytes};
use crate::proto::control::*;
use crate::proto::frame::{Body, Frame, MAX_PIECE};
use crate::proto::ids::StreamId;
use crate::proto::notice::Notice;
use crate::sys::Inherited;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::UnboundedReceiver;

fn path(text: impl AsRef<Path>) -> FilePath {
    FilePath::new(text.as_ref().as_os_str().as_bytes()).unwrap()
}

/// An agent whose home is an empty directory, and a link to it.
struct Client {
    home: PathBuf,
    link: Link,
    _dir: tempfile::TempDir,
}

fn with<F: Future<Output = ()>>(test: impl FnOnce(Client) -> F) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        let paths = Paths::from_vars(|_| None, Some(home.clone()), None, "machine", "boot").unwrap();
        let inherited = Inherited { umask: 0o022, core: None };
        let (host, defaults) = ("local".into(), Defaults::default());
        let ctx = Context { paths, local: true, host, inherited, defaults, ssh_config: None, taken: false };
        let (ours, theirs) = tokio::io::duplex(256 << 10);
        tokio::spawn(run(theirs, ctx));
        let (tx, _) = tokio::sync::mpsc::unbounded_channel();
        let (link, served) = Link::new(ours, false, tx);
        tokio::spawn(served);
        let home = home.join("work");
        std::fs::create_dir(&home).unwrap();
        test(Client { home, link, _dir: dir }).await;
    });
}

/// Frames of a stream, taken with little credit at a time.
struct Stream<'a> {
    link: &'a Link,
    stream: StreamId,
    frames: UnboundedReceiver<Frame>,
    at: u64,
    /// How far the agent takes what is sent.
    limit: u64,
}

enum Came {
    Bytes(Vec<u8>),
    Ended(FilesEnded),
}

impl Client {
    fn stream(&self, stream: StreamId) -> Stream<'_> {
        Stream { link: &self.link, stream, frames: self.link.open_stream(stream), at: 0, limit: 0 }
    }
}

impl Stream<'_> {
    /// What comes next; acknowledged at once.
    async fn next(&mut self) -> Came {
        loop {
            let frame = self.frames.recv().await.expect("the agent lives");
            match frame.body().unwrap() {
                Body::Data { offset, bytes } => {
                    assert_eq!(offset, self.at, "in order");
                    assert!(bytes.len() <= MAX_PIECE);
                    self.at += bytes.len() as u64;
                    self.link.out.urgent(self.stream, Body::Ack { seen: self.at, limit: self.at + 20_000 });
                    return Came::Bytes(bytes.to_vec());
                }
                Body::Ack { limit, .. } => self.limit = self.limit.max(limit),
                Body::Call(json) => {
                    let json: serde_json::Value = serde_json::from_slice(json).unwrap();
                    let notice = Notice::from_wire(json["method"].as_str().unwrap(), json["params"].clone());
                    let Some(Notice::FilesEnded(ended)) = notice else { panic!("{notice:?}") };
                    return Came::Ended(*ended);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    async fn bytes(&mut self) -> Vec<u8> {
        match self.next().await {
            Came::Bytes(bytes) => bytes,
            Came::Ended(ended) => panic!("{ended:?}"),
        }
    }

    /// Lines, to the one that is the last.
    async fn lines<T: serde::de::DeserializeOwned>(&mut self, is_last: impl Fn(&T) -> bool) -> Vec<T> {
        let (mut all, mut buf) = (Vec::new(), Vec::new());
        loop {
            buf.extend(self.bytes().await);
            while let Some(end) = buf.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = buf.drain(..=end).collect();
                all.push(serde_json::from_slice(&line).unwrap());
                if is_last(all.last().unwrap()) {
                    assert!(buf.is_empty());
                    return all;
                }
            }
        }
    }

    async fn progress(&mut self) -> FilesProgress {
        let lines = self.lines(|l: &FilesProgress| l.end.is_some()).await;
        let failed = lines.iter().flat_map(|l| l.failed.clone()).collect();
        FilesProgress { failed, ..lines.last().unwrap().clone() }
    }

    /// Sends bytes from an offset on, as far as they are taken.
    async fn send(&mut self, from: u64, bytes: &[u8]) {
        for (i, piece) in bytes.chunks(MAX_PIECE).enumerate() {
            let offset = from + (i * MAX_PIECE) as u64;
            while offset + piece.len() as u64 > self.limit {
                let frame = self.frames.recv().await.expect("the agent lives");
                match frame.body().unwrap() {
                    Body::Ack { limit, .. } => self.limit = limit,
                    Body::Data { bytes, .. } => self.at += bytes.len() as u64,
                    other => panic!("{other:?}"),
                }
            }
            self.link.out.bulk(self.stream, Body::Data { offset, bytes: piece });
        }
    }

    fn end(&self, at: u64) {
        self.link.out.bulk(self.stream, Body::Data { offset: at, bytes: &[] });
    }
}

fn noise(many: usize) -> Vec<u8> {
    (0..many).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[test]
fn a_listing_comes_in_lines() {
    with(|c| async move {
        for i in 0..1500 {
            std::fs::write(c.home.join(i.to_string()), "").unwrap();
        }
        let mut stream = c.stream(2);
        let list = FilesList { path: path("work"), stream: 2, window: 20_000, ..FilesList::default() };
        assert_eq!(c.link.call(&list).await.unwrap().real, path(&c.home));
        let lines = stream.lines(|l: &FilesLines| l.end.is_some()).await;
        assert!(lines.len() > 3 && lines[0].entries.len() < 100, "the first ones come at once");
        assert_eq!(lines.iter().map(|l| l.entries.len()).sum::<usize>(), 1500);
        assert_eq!(lines.last().unwrap().end, Some(ListEnd { entries: 1500, ..ListEnd::default() }));

        let none = c.link.call(&FilesList { path: path("none"), stream: 4, ..list.clone() }).await.unwrap_err();
        assert_eq!(none.code, Fault::UNKNOWN);
        let zero = c.link.call(&FilesList { stream: 0, ..list.clone() }).await.unwrap_err();
        assert_eq!(zero.code, Fault::BAD_PARAMS);
        let place = Place::of_target("t-0123456789abcdef".parse().unwrap());
        let target = c.link.call(&FilesList { place, stream: 4, ..list }).await.unwrap_err();
        assert_eq!(target.code, Fault::GONE);
    });
}

#[test]
fn a_listing_that_is_too_long_is_cut_and_says_so() {
    with(|c| async move {
        for i in 0..=FilesList::MOST {
            std::fs::File::create(c.home.join(i.to_string())).unwrap();
        }
        let mut stream = c.stream(2);
        let list = FilesList { path: path("work"), stream: 2, window: 1 << 20, ..FilesList::default() };
        c.link.call(&list).await.unwrap();
        let lines = stream.lines(|l: &FilesLines| l.end.is_some()).await;
        assert_eq!(lines.iter().map(|l| l.entries.len() as u64).sum::<u64>(), FilesList::MOST);
        let end = ListEnd { entries: FilesList::MOST, more: true, ..ListEnd::default() };
        assert_eq!(lines.last().unwrap().end, Some(end));
    });
}

#[test]
fn a_stream_that_is_let_go_of_ends_the_work() {
    with(|c| async move {
        let bytes = noise(3_000_000);
        std::fs::write(c.home.join("a"), &bytes).unwrap();
        let mut stream = c.stream(2);
        let read = FilesRead { path: path("work/a"), stream: 2, window: 20_000, ..FilesRead::default() };
        c.link.call(&read).await.unwrap();
        stream.bytes().await;
        c.link.call(&SessionDetach { stream: 2 }).await.unwrap();
        // the same number serves again
        let mut stream = c.stream(2);
        let read = FilesRead { from: 2_999_990, ..read };
        c.link.call(&read).await.unwrap();
        stream.at = 2_999_990;
        assert_eq!(stream.bytes().await, &bytes[2_999_990..]);
    });
}

#[test]
fn a_file_goes_there_and_back() {
    with(|c| async move {
        let bytes = noise(9_000_000);
        let write = FilesWrite {
            dir: path("work"),
            name: FileName::new("größe").unwrap(),
            stream: 2,
            part: "00000000000000ff".into(),
            size: Some(bytes.len() as u64),
            mode: Some(0o600),
            mtime_ms: Some(1_700_000_000_123),
            ..FilesWrite::default()
        };
        let mut stream = c.stream(2);
        let writing = c.link.call(&write).await.unwrap();
        assert_eq!(writing, FilesWriting { at: 0, limit: 256 << 10 });
        stream.limit = writing.limit;
        stream.send(0, &bytes[..6 << 20]).await;
        // cut: what was taken stays
        while stream.limit < (6 << 20) + (256 << 10) {
            let frame = stream.frames.recv().await.unwrap();
            if let Body::Ack { limit, .. } = frame.body().unwrap() {
                stream.limit = limit;
            }
        }
        c.link.call(&SessionDetach { stream: 2 }).await.unwrap();
        let again = FilesWrite { stream: 4, window: 1 << 20, ..write };
        let mut stream = c.stream(4);
        let writing = loop {
            match c.link.call(&again).await {
                Ok(writing) => break writing,
                // (the first one is just letting go of it)
                Err(f) => assert_eq!(f.code, Fault::REFUSED),
            }
            stream = c.stream(4);
        };
        assert_eq!(writing, FilesWriting { at: 2 << 20, limit: 3 << 20 });
        stream.limit = writing.limit;
        stream.send(writing.at, &bytes[2 << 20..]).await;
        stream.end(bytes.len() as u64);
        let Came::Ended(ended) = stream.next().await else { panic!() };
        let info = ended.info.unwrap();
        assert_eq!((info.size, info.mtime_ms, info.mode), (bytes.len() as u64, 1_700_000_000_123, 0o600));

        let mut stream = c.stream(6);
        let read = FilesRead { path: path("work/größe"), stream: 6, ..FilesRead::default() };
        assert_eq!(c.link.call(&read).await.unwrap().info.size, bytes.len() as u64);
        let mut back = Vec::new();
        let ended = loop {
            match stream.next().await {
                Came::Bytes(bytes) => back.extend(bytes),
                Came::Ended(ended) => break ended,
            }
        };
        assert!(back == bytes && ended.fault.is_none() && ended.info == Some(info));

        let hash = FilesHash { path: path("work/größe"), from: 7, to: Some(1 << 20), ..FilesHash::default() };
        let hashed = c.link.call(&hash).await.unwrap();
        use sha2::Digest;
        let sha256 = crate::proto::ids::hex(&sha2::Sha256::digest(&bytes[7..1 << 20]));
        assert_eq!(hashed, FilesHashed { sha256, bytes: (1 << 20) - 7 });
    });
}

#[test]
fn what_goes_wrong_with_a_file_is_told() {
    with(|c| async move {
        let write = FilesWrite {
            dir: path("work"),
            name: FileName::new("a").unwrap(),
            stream: 2,
            part: "00000000000000ff".into(),
            keep: false,
            ..FilesWrite::default()
        };
        let bad = c.link.call(&FilesWrite { part: "../../../../etc/".into(), ..write.clone() }).await.unwrap_err();
        assert_eq!(bad.code, Fault::BAD_PARAMS);
        let mut stream = c.stream(2);
        c.link.call(&write).await.unwrap();
        c.link.out.bulk(2, Body::Data { offset: 9, bytes: b"not where it belongs" });
        let Came::Ended(ended) = stream.next().await else { panic!() };
        assert_eq!(ended.fault.unwrap().code, Fault::BAD_PARAMS);
        let mut stream = c.stream(4);
        c.link.call(&FilesWrite { size: Some(9), stream: 4, ..write.clone() }).await.unwrap();
        stream.end(0);
        let Came::Ended(ended) = stream.next().await else { panic!() };
        assert_eq!(ended.fault.unwrap().code, Fault::BAD_PARAMS);
        assert_eq!(std::fs::read_dir(&c.home).unwrap().count(), 0, "nothing is left of it");
        std::fs::write(c.home.join("a"), "").unwrap();
        assert_eq!(c.link.call(&FilesWrite { stream: 6, ..write }).await.unwrap_err().code, Fault::NAME_TAKEN);
    });
}

#[test]
fn small_calls() {
    with(|c| async move {
        let mkdir = FilesMkdir { path: path("work/a/b"), parents: true, ..FilesMkdir::default() };
        c.link.call(&mkdir).await.unwrap();
        let rename = FilesRename { from: path("work/a/b"), to: path("work/c"), ..FilesRename::default() };
        c.link.call(&rename).await.unwrap();
        c.link.call(&FilesChmod { path: path("work/c"), mode: 0o700, ..FilesChmod::default() }).await.unwrap();
        let stat = FilesStat { path: path("work/c"), real: true, space: true, ..FilesStat::default() };
        let stat = c.link.call(&stat).await.unwrap();
        assert_eq!((stat.info.mode, stat.real), (0o700, Some(path(c.home.join("c")))));
        assert!(stat.space.unwrap().total > 0);
        std::os::unix::fs::symlink("c", c.home.join("link")).unwrap();
        let read = FilesLinkRead { path: path("work/link"), ..FilesLinkRead::default() };
        assert_eq!(c.link.call(&read).await.unwrap().target, path("c"));
        c.link.call(&FilesDelete { path: path("work/link"), ..FilesDelete::default() }).await.unwrap();
        let full = c.link.call(&FilesDelete { path: path("work"), ..FilesDelete::default() }).await.unwrap_err();
        assert_eq!(full.code, Fault::NAME_TAKEN);
        let no_stream = FilesDelete { path: path("work"), recursive: true, ..FilesDelete::default() };
        assert_eq!(c.link.call(&no_stream).await.unwrap_err().code, Fault::BAD_PARAMS);
        assert!(c.home.join("c").exists());
    });
}

#[test]
fn work_on_trees_tells_how_it_goes() {
    with(|c| async move {
        std::fs::create_dir(c.home.join("a")).unwrap();
        for i in 0..800 {
            std::fs::write(c.home.join("a").join(i.to_string()), "12345").unwrap();
        }
        let mut stream = c.stream(2);
        let copy = FilesCopy { from: path("work/a"), to: path("work/b"), stream: 2, ..FilesCopy::default() };
        c.link.call(&copy).await.unwrap();
        let told = stream.progress().await;
        assert_eq!((told.files, told.bytes, told.end), (801, 4000, Some(WorkEnd::default())));
        let mut stream = c.stream(4);
        let delete = FilesDelete { path: path("work/a"), recursive: true, stream: 4, ..FilesDelete::default() };
        c.link.call(&delete).await.unwrap();
        let told = stream.progress().await;
        assert_eq!((told.files, told.bytes, told.end), (801, 4000, Some(WorkEnd::default())));
        assert!(!c.home.join("a").exists() && c.home.join("b/799").exists());
    });
}

/// What a bundle says that comes on a stream.
async fn bundle(stream: &mut Stream<'_>, mut decoder: Decoder) -> Vec<Record> {
    let mut all = Vec::new();
    while !matches!(all.last(), Some(Record::End(_))) {
        decoder.push(&stream.bytes().await);
        while let Some(record) = decoder.record().unwrap() {
            all.push(record);
        }
    }
    all
}

#[test]
fn trees_go_there_and_back() {
    with(|c| async move {
        let mut sent = Vec::new();
        let entry =
            |name: String, kind| Entry { path: path(name), kind, size: 9, mode: 0o755, mtime_ms: 5000, link: None };
        encode(&Record::Entry(entry("t".into(), FileKind::Dir)), &mut sent);
        for i in 0..10_000 {
            encode(&Record::Entry(entry(format!("t/{i:05}"), FileKind::File)), &mut sent);
            encode_bytes(b"some text", &mut sent);
            encode(&Record::Whole, &mut sent);
        }
        encode(&Record::Entry(entry("../t".into(), FileKind::File)), &mut sent);
        encode_bytes(b"some text", &mut sent);
        encode(&Record::Whole, &mut sent);
        encode(&Record::End(WorkEnd::default()), &mut sent);
        let mut stream = c.stream(2);
        let unpack = FilesUnpack { dir: path("work"), stream: 2, ..FilesUnpack::default() };
        stream.limit = c.link.call(&unpack).await.unwrap().limit;
        // (lines come meanwhile; they need no credit beyond the first)
        stream.send(0, &sent).await;
        let mut lines = Vec::new();
        while !lines.ends_with(b"}}\n") {
            lines.extend(stream.bytes().await);
        }
        let last = lines.split(|b| *b == b'\n').rev().nth(1).unwrap();
        let told: FilesProgress = serde_json::from_slice(last).unwrap();
        assert_eq!((told.files, told.bytes), (10_001, 90_000));
        assert_eq!(told.end, Some(WorkEnd { unusable: 1, ..WorkEnd::default() }));
        assert_eq!(std::fs::read_dir(c.home.join("t")).unwrap().count(), 10_000);
        assert!(!c.home.join("../t").exists());

        let mut stream = c.stream(4);
        let pack = FilesPack { dir: path("work"), stream: 4, contents: false, window: 1 << 20, ..FilesPack::default() };
        c.link.call(&pack).await.unwrap();
        let there = bundle(&mut stream, Decoder::bare()).await;
        assert_eq!(there.len(), 10_002);
        let have: Vec<_> =
            there.into_iter().filter(|r| !matches!(r, Record::Entry(e) if e.path == path("t/00042"))).collect();

        let mut stream = c.stream(6);
        let pack = FilesPack { contents: true, have: true, stream: 6, ..pack };
        stream.limit = c.link.call(&pack).await.unwrap().limit;
        let mut said = Vec::new();
        have.iter().for_each(|r| encode(r, &mut said));
        stream.send(0, &said).await;
        let came = bundle(&mut stream, Decoder::new()).await;
        let [Record::Entry(dir), Record::Entry(file), Record::Bytes(bytes), Record::Whole, Record::End(_)] = &came[..]
        else {
            panic!("{came:?}")
        };
        assert_eq!(
            (dir.path.clone(), file.path.clone(), bytes.as_slice()),
            (path("t"), path("t/00042"), &b"some text"[..])
        );
    });
}
