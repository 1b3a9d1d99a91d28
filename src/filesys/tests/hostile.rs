//! A server that means harm, or knows no better: a fault comes of it, in time, and nothing else.

#[cfg(target_os = "linux")]
mod memory;

use super::{name, path};
use crate::failure::Failure;
use crate::filesys::delete::Delete;
use crate::filesys::grow::Grow;
use crate::filesys::pack::{Have, Pack};
use crate::filesys::sftp::Remote;
use crate::filesys::{Dir, Fs};
use crate::proto::bundle::{Decoder, Record};
use crate::proto::control::{Fault, FileKind};
use crate::transport::ssh::sftp::{Patience, Sftp};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// Kinds of what a client asks.
const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const READ: u8 = 5;
const LSTAT: u8 = 7;
const SETSTAT: u8 = 9;
const OPENDIR: u8 = 11;
const READDIR: u8 = 12;
const FSTAT: u8 = 8;
const REMOVE: u8 = 13;
const MKDIR: u8 = 14;
const STAT: u8 = 17;
const RENAME: u8 = 18;

fn packet(kind: u8, id: u32, rest: &[u8]) -> Vec<u8> {
    let mut packet = ((rest.len() + 5) as u32).to_be_bytes().to_vec();
    packet.push(kind);
    packet.extend(id.to_be_bytes());
    packet.extend(rest);
    packet
}
fn text(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}
fn status(id: u32, code: u32) -> Vec<u8> {
    packet(101, id, &[&code.to_be_bytes()[..], &text(b"as I say"), &text(b"")].concat())
}
fn handle(id: u32) -> Vec<u8> {
    packet(102, id, &text(b"h"))
}
/// Of a directory, a file, a link.
fn attrs(id: u32, mode: u32, size: u64) -> Vec<u8> {
    packet(105, id, &[&5u32.to_be_bytes()[..], &size.to_be_bytes(), &mode.to_be_bytes()].concat())
}
fn names(id: u32, count: u32, names: &[&[u8]]) -> Vec<u8> {
    let mut rest = count.to_be_bytes().to_vec();
    for name in names {
        rest.extend([text(name), text(b""), 4u32.to_be_bytes().to_vec(), 0o100_644u32.to_be_bytes().to_vec()].concat());
    }
    packet(104, id, &rest)
}

/// Answers each request as it is told to, after an honest hello.
async fn serve(io: DuplexStream, mut answer: impl FnMut(u8, u32) -> Vec<u8>) {
    serve_all(io, move |kind, id, _| answer(kind, id)).await;
}

/// The same, by all that a request says.
async fn serve_all(mut io: DuplexStream, mut answer: impl FnMut(u8, u32, &[u8]) -> Vec<u8>) {
    while let Ok(length) = io.read_u32().await {
        let mut body = vec![0; length as usize];
        io.read_exact(&mut body).await.unwrap();
        let said = match body[0] {
            1 => [&5u32.to_be_bytes()[..], &[2], &3u32.to_be_bytes()].concat(),
            kind => answer(kind, u32::from_be_bytes(body[1..5].try_into().unwrap()), &body[5..]),
        };
        if io.write_all(&said).await.is_err() {
            return;
        }
    }
}

async fn fs(answer: impl FnMut(u8, u32) -> Vec<u8> + Send + 'static) -> Fs {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(serve(theirs, answer));
    // (long where an answer comes at all, and no test waits for it)
    let patience = Patience { silent: Duration::from_millis(300), each: Duration::from_secs(5) };
    Fs::Sftp(Remote::new(Sftp::start_with(ours, "host".into(), patience).await.unwrap()))
}

/// A directory there, whatever else it says.
fn dir_first(kind: u8, id: u32) -> Option<Vec<u8>> {
    match kind {
        STAT => Some(attrs(id, 0o040_755, 0)),
        OPENDIR | OPEN => Some(handle(id)),
        CLOSE => Some(status(id, 0)),
        _ => None,
    }
}

async fn listed(fs: &Fs) -> Result<(Vec<String>, u64), Fault> {
    let mut listing = fs.dir(&path("d")).await?.list();
    let (mut all, mut unusable) = (Vec::new(), 0);
    while let Some(batch) = listing.next().await? {
        all.extend(batch.entries.into_iter().map(|e| e.name.to_string()));
        unusable += batch.unusable;
    }
    Ok((all, unusable))
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_left_out_and_counted() {
    let mut times = 0;
    let fs = fs(move |kind, id| {
        dir_first(kind, id).unwrap_or_else(|| {
            times += 1;
            let long = vec![b'x'; 2000];
            match times {
                1 => names(id, 2, &[b".", b".."]),
                2 => names(id, 7, &[b"ok", b"../up", b"/abs", b"", b"nul\0", &long, b"\x1b]0;title\x07"]),
                _ => status(id, 1),
            }
        })
    });
    let (names, unusable) = listed(&fs.await).await.unwrap();
    assert_eq!((names, unusable), (vec!["ok".to_string(), "\\u{1b}]0;title\\u{7}".into()], 5));
}

#[tokio::test]
async fn counts_and_lengths_that_lie_end_it() {
    let lies: [fn(u32) -> Vec<u8>; 8] = [
        |id| names(id, u32::MAX, &[b"a"]),
        |id| packet(104, id, &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, b'a']),
        |_| vec![0xff, 0xff, 0xff, 0xff, 104],
        |_| vec![0, 0, 0, 0],
        |_| vec![0, 0, 0, 1, 104],
        |id| packet(77, id, b""),
        |id| names(id.wrapping_add(1), 1, &[b"a"]),
        |id| [names(id, 1, &[b"a"]), names(id, 1, &[b"a"])].concat(),
    ];
    for (i, lie) in lies.into_iter().enumerate() {
        let fs = fs(move |kind, id| dir_first(kind, id).unwrap_or_else(|| lie(id))).await;
        let fault = listed(&fs).await.unwrap_err();
        assert_eq!(fault.code, Fault::GONE, "{i}: {fault}");
        assert_eq!(fs.dir(&path("d")).await.err().unwrap().code, Fault::GONE, "{i}: it stays so");
    }
}

#[tokio::test]
async fn an_answer_to_something_else_is_none() {
    for answer in [attrs as fn(u32, u32, u64) -> Vec<u8>, |id, _, _| packet(103, id, &text(b"")), |id, _, _| handle(id)]
    {
        let fs = fs(move |kind, id| dir_first(kind, id).unwrap_or_else(|| answer(id, 0, 0))).await;
        assert!(matches!(listed(&fs).await.unwrap_err().code, Fault::INTERNAL | Fault::GONE));
    }
    let fs = fs(|kind, id| dir_first(kind, id).unwrap_or_else(|| names(id, 0, &[]))).await;
    assert_eq!(listed(&fs).await.unwrap_err().code, Fault::INTERNAL, "nothing, again and again");
}

#[tokio::test]
async fn a_listing_that_does_not_end_is_ended() {
    let many: Vec<u8> =
        (0..3000u32).flat_map(|i| [text(format!("f{i}").as_bytes()), text(b""), vec![0; 4]].concat()).collect();
    let fs = fs(move |kind, id| match kind {
        READDIR => packet(104, id, &[&3000u32.to_be_bytes()[..], &many].concat()),
        _ => dir_first(kind, id).unwrap_or_else(|| status(id, 4)),
    })
    .await;
    let mut listing = fs.dir(&path("d")).await.unwrap().list();
    let mut seen = 0;
    let fault = loop {
        match listing.next().await {
            Ok(batch) => seen += batch.unwrap().entries.len(),
            Err(fault) => break fault,
        }
    };
    assert!(fault.code == Fault::INTERNAL && seen <= 1_000_000, "{fault}");
}

#[tokio::test]
async fn answers_that_never_come_are_not_waited_for() {
    let fs = fs(|kind, id| dir_first(kind, id).unwrap_or_default()).await;
    assert_eq!(listed(&fs).await.unwrap_err().code, Fault::TIMEOUT);
    assert_eq!(listed(&fs).await.unwrap_err().code, Fault::GONE);
    // not even to the hello
    let (ours, _theirs) = tokio::io::duplex(64);
    let patience = Patience { silent: Duration::from_millis(50), each: Duration::from_secs(5) };
    let silent = Sftp::start_with(ours, "host".into(), patience).await;
    assert!(Failure::from(silent.err().unwrap()).what.contains("SFTP does not start"));
}

#[tokio::test]
async fn a_server_that_stands_still_is_given_up_though_nobody_waits() {
    let fs = fs(|_, _| Vec::new()).await;
    let asked = tokio::time::timeout(Duration::from_millis(50), fs.stat(&path("f"), false, false)).await;
    assert!(asked.is_err(), "it was let go of");
    let Fs::Sftp(remote) = &fs else { panic!() };
    while remote.idle().is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(fs.stat(&path("f"), false, false).await.unwrap_err().code, Fault::GONE);
}

#[tokio::test]
async fn more_than_was_asked_for_ends_it() {
    let fs = fs(|kind, id| match kind {
        OPEN => handle(id),
        FSTAT => attrs(id, 0o100_644, 10),
        READ => packet(103, id, &text(&[7; 11])),
        _ => status(id, 0),
    })
    .await;
    let (info, mut reader) = fs.read(&path("f"), 0, None).await.unwrap();
    assert_eq!((info.kind, info.size), (FileKind::File, 10));
    assert_eq!(reader.next().await.unwrap_err().code, Fault::GONE);
}

#[tokio::test]
async fn a_file_that_is_longer_than_it_says_or_shorter() {
    for (size, pieces) in [(u64::MAX, 40), (100_000, 2)] {
        let mut left = pieces;
        let fs = fs(move |kind, id| match kind {
            OPEN => handle(id),
            FSTAT => attrs(id, 0o100_644, size),
            READ if left > 0 => {
                left -= 1;
                packet(103, id, &text(&[7; 1000]))
            }
            READ => status(id, 1),
            _ => status(id, 0),
        })
        .await;
        let (_, mut reader) = fs.read(&path("f"), 0, None).await.unwrap();
        let mut all = 0;
        while let Some(bytes) = reader.next().await.unwrap() {
            all += bytes.len();
        }
        assert!(all <= pieces * 1000, "{all}");
    }
}

#[tokio::test]
async fn who_stops_waiting_holds_nothing_up() {
    let (tx, mut closed) = tokio::sync::mpsc::unbounded_channel();
    let mut late = None;
    let fs = fs(move |kind, id| match kind {
        // the first is answered only with the second
        OPENDIR if late.is_none() => {
            late = Some(id);
            Vec::new()
        }
        OPENDIR => [handle(late.unwrap()), handle(id)].concat(),
        CLOSE => {
            tx.send(()).unwrap();
            status(id, 0)
        }
        _ => dir_first(kind, id).unwrap_or_else(|| status(id, 1)),
    })
    .await;
    let dir = fs.dir(&path("d")).await.unwrap();
    let mut first = dir.list();
    let asked = async { drop(first.next().await) };
    tokio::select! {
        biased;
        () = asked => panic!("nothing was answered"),
        () = std::future::ready(()) => {}
    }
    drop(first);
    let mut second = dir.list();
    assert!(second.next().await.unwrap().is_none());
    closed.recv().await.expect("what came too late for anybody is closed");
}

#[tokio::test]
async fn what_is_told_without_a_word_about_it_is_looked_at() {
    let mut told = false;
    let mut entries = 2u32.to_be_bytes().to_vec();
    for name in [&b"file"[..], b"lost"] {
        entries.extend([text(name), text(b""), vec![0; 4]].concat());
    }
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(serve_all(theirs, move |kind, id, rest| match kind {
        READDIR if !std::mem::replace(&mut told, true) => packet(104, id, &entries),
        LSTAT if texts(rest)[0].ends_with("file") => attrs(id, 0o100_644, 5),
        LSTAT => status(id, 3),
        READ => packet(103, id, &text(b"bytes")),
        READDIR => status(id, 1),
        _ => dir_first(kind, id).unwrap_or_else(|| status(id, 4)),
    }));
    let fs = Fs::Sftp(Remote::new(Sftp::start(ours, "host".into()).await.unwrap()));
    let mut pack = Pack::new(fs.dir(&path("d")).await.unwrap(), Vec::new(), true, Have::default());
    let (mut bundle, mut decoder, mut got) = (Vec::new(), Decoder::new(), Vec::new());
    while pack.next(&mut bundle).await {}
    decoder.push(&bundle);
    while let Some(record) = decoder.record().unwrap() {
        got.push(record);
    }
    let [Record::Entry(entry), Record::Bytes(bytes), Record::Whole, Record::Failed(lost), Record::End(_)] = &got[..]
    else {
        panic!("{got:?}")
    };
    assert_eq!((lost.path.as_bytes(), lost.why.code), (&b"lost"[..], Fault::REFUSED));
    assert_eq!((entry.path.as_bytes(), entry.size, bytes.as_slice()), (&b"file"[..], 5, &b"bytes"[..]));
}

/// The text that a request begins with, and what follows it.
fn first(rest: &[u8]) -> (String, &[u8]) {
    let (length, rest) = rest.split_first_chunk::<4>().unwrap();
    let (text, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
    (String::from_utf8(text.to_vec()).unwrap(), rest)
}

/// All the texts that a request is.
fn texts(mut rest: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while !rest.is_empty() {
        let (text, more) = first(rest);
        texts.push(text);
        rest = more;
    }
    texts
}

#[tokio::test]
async fn a_server_that_keeps_plain_modes_alone_gets_them() {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};
    let modes = Arc::new(Mutex::new(BTreeMap::from([("d".to_string(), 0o755), ("d/own".to_string(), 0o711)])));
    let there = modes.clone();
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(serve_all(theirs, move |kind, id, rest| {
        let mut there = there.lock().unwrap();
        let (path, rest) = if kind == CLOSE { Default::default() } else { first(rest) };
        match kind {
            LSTAT | STAT => there.get(&path).map_or(status(id, 2), |mode| attrs(id, 0o040_000 | mode, 0)),
            MKDIR if there.contains_key(&path) => status(id, 4),
            MKDIR | SETSTAT => {
                // (behind the flags, which say that it is there)
                let mode = u32::from_be_bytes(rest[4..8].try_into().unwrap());
                there.insert(path, mode & 0o777);
                status(id, 0)
            }
            _ => status(id, 4),
        }
    }));
    let fs = Fs::Sftp(Remote::new(Sftp::start(ours, "host".into()).await.unwrap()));
    // one copy makes the directory that it needs, the next one knows what it is to be
    for (at, mode) in [("new/sub", 0o750), ("new", 0o755), ("own", 0o777)] {
        let mut grow = Grow::new(fs.clone(), fs.dir(&path("d")).await.unwrap(), true);
        grow.dir(&path(at), mode, 0).await;
        grow.finish().await.unwrap();
        assert_eq!(grow.tally.failures(), 0);
    }
    let modes = modes.lock().unwrap();
    let mode = |at: &str| modes[at];
    assert_eq!((mode("d/new"), mode("d/new/sub"), mode("d/own")), (0o755, 0o750, 0o711));
}

/// A server that can't rename over what is there, with two files, `old` in the way of `new`; it refuses the renames that
/// `refuses` says, in the order in which they come. What there is in the end, each by what it was, and what came of it.
async fn replaced(refuses: &'static [usize]) -> (Vec<(String, String)>, Result<(), Fault>) {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};
    let files = [("d/new", "new"), ("d/old", "old")].map(|(at, what)| (at.to_string(), what.to_string()));
    let files = Arc::new(Mutex::new(BTreeMap::from(files)));
    let (there, mut renames) = (files.clone(), 0);
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(serve_all(theirs, move |kind, id, rest| {
        let mut there = there.lock().unwrap();
        let done = |done: bool| status(id, if done { 0 } else { 4 });
        match kind {
            LSTAT if there.contains_key(&texts(rest)[0]) => attrs(id, 0o100_644, 1),
            LSTAT => status(id, 2),
            REMOVE => done(there.remove(&texts(rest)[0]).is_some()),
            RENAME => {
                let [from, to] = &texts(rest)[..] else { panic!("a rename of two") };
                renames += 1;
                if refuses.contains(&renames) || there.contains_key(to) {
                    return done(false);
                }
                let what = there.remove(from);
                done(what.map(|what| there.insert(to.clone(), what)).is_some())
            }
            _ => dir_first(kind, id).unwrap_or_else(|| status(id, 4)),
        }
    }));
    let fs = Fs::Sftp(Remote::new(Sftp::start(ours, "host".into()).await.unwrap()));
    let done = fs.rename(&path("d/new"), &path("d/old"), true).await;
    let left = files.lock().unwrap().iter().map(|(at, what)| (at.clone(), what.clone())).collect();
    (left, done)
}

#[tokio::test]
async fn what_is_replaced_is_there_until_the_new_one_is() {
    let at = |left: &[(String, String)], what: &str| left.iter().find(|(_, w)| w == what).map(|(at, _)| at.clone());
    let (left, done) = replaced(&[]).await;
    done.unwrap();
    assert_eq!(left, [("d/old".to_string(), "new".to_string())]);
    // the new one can't be given that name: all is as it was
    let (left, done) = replaced(&[2]).await;
    done.unwrap_err();
    assert_eq!((at(&left, "old"), at(&left, "new")), (Some("d/old".into()), Some("d/new".into())));
    // nor can the old one be given it again: it is said where it is
    let (left, done) = replaced(&[2, 3]).await;
    let (why, aside) = (done.unwrap_err(), at(&left, "old").expect("it is somewhere"));
    assert!(why.message.contains(&aside) && aside.starts_with("d/.thub-"), "{why} {left:?}");
    assert_eq!(at(&left, "new"), Some("d/new".into()));
}

#[tokio::test]
async fn work_that_is_let_go_of_ends_though_nothing_is_answered() {
    let (tx, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let fs = fs(move |kind, id| match kind {
        READDIR => {
            tx.send(()).unwrap();
            Vec::new()
        }
        _ => dir_first(kind, id).unwrap_or_else(|| attrs(id, 0o040_755, 0)),
    })
    .await;
    let (dir, kept) = fs.parent("deleting", &path("d")).await.unwrap();
    let work = tokio::spawn(async move {
        let mut delete = Delete::new(dir, kept);
        while delete.step().await {}
    });
    asked.recv().await.expect("it looks into the directory");
    work.abort();
    assert!(work.await.unwrap_err().is_cancelled(), "it waits for no answer");
    fs.stat(&path("d"), false, false).await.expect("others go on");
}

#[tokio::test]
async fn a_link_in_place_of_a_directory_is_not_gone_into() {
    let (tx, mut removed) = tokio::sync::mpsc::unbounded_channel();
    let mut looked = 0;
    let fs = fs(move |kind, id| match kind {
        // a directory first, then something else
        LSTAT => {
            looked += 1;
            attrs(id, if looked == 1 { 0o040_755 } else { 0o120_777 }, 0)
        }
        REMOVE => {
            tx.send(()).unwrap();
            status(id, 0)
        }
        _ => dir_first(kind, id).unwrap_or_else(|| status(id, 1)),
    })
    .await;
    let dir: Dir = fs.dir(&path("d")).await.unwrap();
    let mut delete = Delete::new(dir, name("sub"));
    while delete.step().await {}
    assert_eq!(delete.tally.failures(), 1);
    drop((delete, fs));
    assert!(removed.recv().await.is_none(), "nothing was removed");
}
