//! Owns how what has been decided on is carried over: small files and links as one bundle, a large file by itself, from where
//! a cut has left it; then the directories' modes and times. Leaves out deciding, and what is done after a cut.

use super::job::Watch;
use super::scan::bad;
use super::stream::{Came, Lines, Stream};
use super::{End, Reading};
use crate::proto::bundle::{self, Decoder, Entry, Record};
use crate::proto::control::*;
use crate::proto::ids::hex;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// A file larger than this is carried by itself: of a smaller one a cut costs less than asking for it.
pub const LARGE: u64 = 8 << 20;
/// Bytes handed on at once.
const TURN: usize = 64 << 10;
/// A part that another writer has is waited for: whose link fell may have it for a while yet.
const BUSY: Duration = Duration::from_secs(25);
/// A file that is another whenever it is looked at is given up.
const CHANGES: u32 = 3;

/// What is carried, from where to where, both within their trees.
#[derive(Clone, Debug)]
pub struct Item {
    pub entry: Entry,
    pub to: FilePath,
    pub replace: bool,
}

/// Of both ends.
pub struct Way<'a> {
    pub from: &'a End,
    pub dir: &'a FilePath,
    pub to: &'a End,
    pub into: &'a FilePath,
    /// What comes is to be on disk.
    pub sync: bool,
}

/// A fault that the next link may be without.
pub fn is_cut(fault: &Fault) -> bool {
    matches!(fault.code, Fault::GONE | Fault::TIMEOUT)
}

/// What is the matter with all of it: no use in going on.
fn is_for_all(fault: &Fault) -> bool {
    is_cut(fault) || fault.code == Fault::FULL
}

fn ended(lines: &Option<WorkEnd>) -> Result<(), Fault> {
    lines.as_ref().and_then(|end| end.fault.clone()).map_or(Ok(()), Err)
}

/// A bundle on its way in.
struct Into<'a> {
    lines: Lines,
    out: Vec<u8>,
    watch: &'a mut Watch,
    /// What is sent counts as carried.
    counts: bool,
    end: Option<WorkEnd>,
}

impl Into<'_> {
    fn line(&mut self, line: FilesProgress) -> Result<(), Fault> {
        self.watch.part(line.bytes);
        for failed in line.failed {
            if is_for_all(&failed.why) {
                return Err(failed.why);
            }
            self.watch.failed_there(failed);
        }
        if line.end.is_some() {
            self.end = line.end;
        }
        ended(&self.end)
    }

    fn put(&mut self, record: &Record) {
        bundle::encode(record, &mut self.out);
    }

    async fn flush(&mut self, least: usize) -> Result<(), Fault> {
        if self.out.len() < least {
            return Ok(());
        }
        let before = self.lines.stream.sent();
        self.lines.stream.send(&self.out).await?;
        if self.counts {
            self.watch.carried(self.lines.stream.sent() - before);
        }
        self.out.clear();
        while let Some(line) = self.lines.try_next()? {
            self.line(line)?;
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<(), Fault> {
        self.put(&Record::End(WorkEnd::default()));
        self.flush(0).await?;
        while self.end.is_none() {
            let line = self.lines.next().await?;
            self.line(line)?;
        }
        Ok(())
    }
}

/// Small files and links, as one bundle.
pub async fn small(way: &Way<'_>, items: Vec<Item>, watch: &mut Watch) -> Result<(), Fault> {
    if items.is_empty() {
        return Ok(());
    }
    let replace = items.iter().any(|item| item.replace);
    let files: Vec<&Entry> = items.iter().map(|i| &i.entry).filter(|e| e.kind == FileKind::File).collect();
    let (lines, picked) = tokio::join!(way.to.unpack(way.into, replace, false), pick(way, &files));
    let mut into = Into { lines: lines?, out: Vec::new(), watch, counts: true, end: None };
    let (mut from, mut decoder) = (picked?, Decoder::new());
    for item in items {
        into.watch.current(&item.entry.path);
        if item.entry.kind != FileKind::File {
            into.put(&Record::Entry(Entry { path: item.to, ..item.entry }));
            into.flush(TURN).await?;
            continue;
        }
        let Some(from) = &mut from else { return Err(Fault::new(Fault::INTERNAL, "files were not asked for")) };
        let mut begun = false;
        loop {
            match next(from, &mut decoder, &mut into).await? {
                Record::Entry(entry) if !begun && entry.path == item.entry.path => {
                    begun = true;
                    into.put(&Record::Entry(Entry { path: item.to.clone(), ..entry }));
                }
                Record::Bytes(bytes) if begun => bundle::encode_bytes(&bytes, &mut into.out),
                Record::Whole if begun => {
                    into.put(&Record::Whole);
                    break;
                }
                Record::Failed(failed) if failed.path == item.entry.path => {
                    if is_for_all(&failed.why) {
                        return Err(failed.why);
                    }
                    into.put(&Record::Failed(Failed { path: item.to.clone(), why: failed.why }));
                    break;
                }
                Record::End(WorkEnd { fault: Some(fault), .. }) => return Err(fault),
                _ => return Err(Fault::new(Fault::PARSE, "the host sent what was not asked for")),
            }
            into.flush(TURN).await?;
        }
    }
    into.finish().await
}

/// The next of what was asked for, while whoever takes it in may speak.
async fn next(from: &mut Stream, decoder: &mut Decoder, into: &mut Into<'_>) -> Result<Record, Fault> {
    loop {
        if let Some(record) = decoder.record().map_err(bad)? {
            return Ok(record);
        }
        // what waits here goes before it is waited for more
        let came = match from.try_next()? {
            Some(came) => came,
            None => {
                into.flush(1).await?;
                loop {
                    tokio::select! {
                        came = from.next() => break came?,
                        line = into.lines.next() => into.line(line?)?,
                    }
                }
            }
        };
        match came {
            Came::Bytes(bytes) => decoder.push(&bytes),
            Came::Ended(_) => return Err(Fault::new(Fault::PARSE, "the host broke off")),
        }
    }
}

/// Asks for files; none = there are none to ask for.
async fn pick(way: &Way<'_>, files: &[&Entry]) -> Result<Option<Stream>, Fault> {
    if files.is_empty() {
        return Ok(None);
    }
    let mut stream = way.from.pack(FilesPack { dir: way.dir.clone(), only: true, ..FilesPack::default() }).await?;
    let mut out = Vec::new();
    for entry in files {
        bundle::encode(&Record::Entry((*entry).clone()), &mut out);
        if out.len() >= TURN {
            stream.send(&out).await?;
            out.clear();
        }
    }
    bundle::encode(&Record::End(WorkEnd::default()), &mut out);
    stream.send(&out).await?;
    Ok(Some(stream))
}

/// Directories, as they are to be: those that are not there are made. `last` = what came until now is on disk in the end.
pub async fn dirs(way: &Way<'_>, dirs: Vec<(FilePath, Entry)>, last: bool, watch: &mut Watch) -> Result<(), Fault> {
    if dirs.is_empty() && !last {
        return Ok(());
    }
    let mut into =
        Into { lines: way.to.unpack(way.into, false, last).await?, out: Vec::new(), watch, counts: false, end: None };
    for (path, entry) in dirs {
        into.put(&Record::Entry(Entry { path, ..entry }));
        into.flush(TURN).await?;
    }
    into.finish().await
}

/// The same for the same file: host, path, size and time. `again` = another one, where that can't be used.
fn part(way: &Way<'_>, entry: &Entry, again: u32) -> String {
    let mut sha = Sha256::new();
    let whose = way.from.whose();
    let place = serde_json::to_vec(&whose.place).unwrap_or_default();
    for bytes in [whose.host.as_str().as_bytes(), &place, way.dir.as_bytes(), entry.path.as_bytes()] {
        sha.update((bytes.len() as u64).to_le_bytes());
        sha.update(bytes);
    }
    sha.update(entry.size.to_le_bytes());
    sha.update(entry.mtime_ms.to_le_bytes());
    sha.update(again.to_le_bytes());
    hex(sha.finalize().get(..8).unwrap_or_default())
}

/// One large file. What failed of it alone is told to `watch`.
pub async fn large(way: &Way<'_>, mut item: Item, watch: &mut Watch) -> Result<(), Fault> {
    let (mut changed, mut busy, mut again) = (0, 0, 0);
    watch.current(&item.entry.path);
    loop {
        let part = part(way, &item.entry, again);
        match one(way, &item, &part, watch).await {
            Ok(None) => {
                watch.done(1, item.entry.size);
                return Ok(());
            }
            Ok(Some(now)) if changed < CHANGES => {
                changed += 1;
                tracing::debug!("a file changed while it was copied");
                (item.entry.size, item.entry.mtime_ms) = (now.size, now.mtime_ms);
            }
            Ok(Some(_)) => {
                let why = Fault::new(Fault::REFUSED, "it changes while it is read");
                watch.failed_there(Failed { path: item.to, why });
                return Ok(());
            }
            Err(why) if matches!(why.code, Fault::BUSY | Fault::REFUSED) && again == 0 => {
                // (a part that can't be used stays so)
                if why.code == Fault::REFUSED || busy >= BUSY.as_secs() {
                    again = 1;
                } else {
                    busy += 1;
                    watch.waiting(&why);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            Err(why) if is_for_all(&why) => return Err(why),
            Err(why) => {
                watch.failed_there(Failed { path: item.to, why });
                return Ok(());
            }
        }
    }
}

/// Once; where it is another file by now, that one.
async fn one(way: &Way<'_>, item: &Item, part: &str, watch: &mut Watch) -> Result<Option<FileInfo>, Fault> {
    let bad = || Fault::new(Fault::BAD_PARAMS, "that names no file in a tree");
    let (below, name) = item.to.split().ok_or_else(bad)?;
    let entry = &item.entry;
    let write = FilesWrite {
        dir: way.into.clone(),
        below: below.clone(),
        name,
        part: part.to_string(),
        size: Some(entry.size),
        mode: Some(entry.mode & 0o777),
        mtime_ms: Some(entry.mtime_ms),
        replace: item.replace,
        sync: way.sync,
        ..FilesWrite::default()
    };
    let there = FilesWrite::part_name(part).map(|part| way.into.below(&below).join(&part));
    watch.part_at(there.clone());
    let mut into = way.to.write(write).await?;
    let (info, mut from) = way.from.read_below(way.dir, &entry.path, into.sent(), None).await?;
    let is_same = |info: &FileInfo| info.size == entry.size && info.mtime_ms == entry.mtime_ms;
    let mut now = Some(info).filter(|info| !is_same(info));
    if now.is_none() {
        watch.part(into.sent());
        copy(&mut from, &mut into, entry.size, watch).await?;
        now = from.end.clone().filter(|info| !is_same(info));
    }
    if now.is_some() {
        // what there is of it is of no use
        drop(into);
        if let Some(there) = there {
            let _ = way.to.delete(&there, false, |_| {}).await;
        }
        watch.part_at(None);
        return Ok(now);
    }
    into.end();
    loop {
        if let Came::Ended(ended) = into.next().await? {
            watch.part_at(None);
            return ended.fault.map_or(Ok(None), Err);
        }
    }
}

/// The bytes of a file up to where it ended when it was looked at.
async fn copy(from: &mut Reading, into: &mut Stream, size: u64, watch: &mut Watch) -> Result<(), Fault> {
    loop {
        let piece = tokio::select! {
            piece = from.next() => piece?,
            more = into.more() => {
                more?;
                into.go_on()?;
                watch.part(into.used);
                continue;
            }
        };
        let Some(piece) = piece else { return Ok(()) };
        // (what it has grown by is seen at its end)
        let most = usize::try_from(size.saturating_sub(into.sent())).unwrap_or(usize::MAX).min(piece.len());
        into.send(piece.get(..most).unwrap_or_default()).await?;
        watch.carried(most as u64);
        watch.part(into.used);
    }
}
