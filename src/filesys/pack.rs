//! Owns a tree as a bundle: what there is, entry by entry, with its bytes or without. Leaves out where it is sent.

use super::walk::{Chunk, Found, Plan, Walk};
use super::{Dir, Get, MANY, MANY_BYTES, Reader, SMALL, Tally, fault, get, untold};
use crate::proto::bundle::{Decoder, Entry, Record, encode, encode_bytes};
use crate::proto::control::{Failed, Fault, FileInfo, FileKind, FileName, FilePath, FilesPack};
use std::collections::{HashMap, VecDeque};

/// Bytes of a bundle that are told at once of what is not read.
const TOLD: usize = 256 << 10;

/// Entries that the other side tells of, without their bytes.
struct Said {
    decoder: Decoder,
    entries: usize,
    bytes: usize,
}

impl Default for Said {
    fn default() -> Said {
        Said { decoder: Decoder::bare(), entries: 0, bytes: 0 }
    }
}

impl Said {
    /// Bytes of their paths at most: 16 MiB.
    const MOST: usize = 16 << 20;

    /// Takes the next bytes, and hands on each entry and whether there is room for it; true = the end has come.
    fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Entry, bool) -> Result<(), Fault>) -> Result<bool, Fault> {
        self.decoder.push(bytes);
        let bad = |e| Fault::new(Fault::BAD_PARAMS, format!("what came is no bundle: {e}"));
        while let Some(record) = self.decoder.record().map_err(bad)? {
            match record {
                Record::Entry(entry) => {
                    self.entries += 1;
                    self.bytes += entry.path.as_bytes().len();
                    each(entry, self.entries <= FilesPack::HAVE && self.bytes <= Said::MOST)?;
                }
                Record::End(_) => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }
}

/// What the other side has already: size and time of change.
#[derive(Default)]
pub struct Have {
    said: Said,
    files: HashMap<FilePath, (u64, i64)>,
}

impl Have {
    /// Takes the next bytes of the bundle that says so; true = its end has come.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<bool, Fault> {
        self.said.feed(bytes, |entry, is_room| {
            if entry.kind == FileKind::File && is_room {
                self.files.insert(entry.path, (entry.size, entry.mtime_ms));
            }
            Ok(())
        })
    }

    fn has(&self, path: &FilePath, info: &FileInfo) -> bool {
        self.files.get(path).is_some_and(|(size, mtime)| *size == info.size && same_time(*mtime, info.mtime_ms))
    }
}

/// Of two times of change, of which one may have come through a file system that keeps whole seconds.
pub fn same_time(a: i64, b: i64) -> bool {
    let whole = |ms: i64| ms.rem_euclid(1000) == 0;
    a == b || ((whole(a) || whole(b)) && a.div_euclid(1000) == b.div_euclid(1000))
}

/// Files that are wanted, as the other side names them.
#[derive(Default)]
pub struct Wants {
    said: Said,
    files: VecDeque<Entry>,
}

impl Wants {
    /// Takes the next bytes of the bundle that says so; true = its end has come.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<bool, Fault> {
        self.said.feed(bytes, |entry, is_room| {
            if !is_room {
                return Err(Fault::new(Fault::BAD_PARAMS, "that is too much for one call"));
            }
            self.files.push_back(entry);
            Ok(())
        })
    }
}

/// Files that were asked for one by one, as a bundle.
pub struct Pick {
    top: Dir,
    wants: Wants,
    /// The directory that was used last.
    dir: Option<(FilePath, Dir)>,
    large: Option<Large>,
    read: VecDeque<Small>,
    tally: Tally,
    ended: bool,
}

impl Pick {
    pub fn new(top: Dir, wants: Wants) -> Pick {
        Pick {
            top: top.into_tree(),
            wants,
            dir: None,
            large: None,
            read: VecDeque::new(),
            tally: Tally::default(),
            ended: false,
        }
    }

    /// Appends the next part of the bundle, some MiB at most; false = it has ended.
    pub async fn next(&mut self, out: &mut Vec<u8>) -> bool {
        if self.ended {
            return false;
        }
        if let Some(large) = &mut self.large {
            if large.next(out, &mut self.tally).await {
                self.large = None;
            }
            return true;
        }
        if !self.read.is_empty() {
            self.tally.failures += tell(&mut self.read, out).await;
            return true;
        }
        let Some(first) = self.wants.files.pop_front() else {
            encode(&Record::End(self.tally.end(None)), out);
            self.ended = true;
            return true;
        };
        let (dir, name) = match self.place(&first.path).await {
            Ok(place) => place,
            Err(why) => {
                self.failed(first.path, why, out);
                return true;
            }
        };
        if first.size > SMALL {
            match dir.read(&name, 0, None).await {
                Ok((info, reader)) if info.kind == FileKind::File && info.size == first.size => {
                    self.large = Some(Large { path: first.path.clone(), reader, left: info.size });
                    encode(&Record::Entry(first), out);
                }
                Ok(_) => self.failed(first.path, changed(), out),
                Err(why) => self.failed(first.path, why, out),
            }
            return true;
        }
        // those that follow in the same directory are read together with it
        let mut bytes = first.size;
        let across = dir.reads_across();
        let mut some = vec![(first, dir, name)];
        while let Some(next) = self.wants.files.front()
            && some.len() < MANY
            && next.size <= SMALL
            && bytes + next.size + 4 * next.path.as_bytes().len() as u64 <= MANY_BYTES
            && let Some((above, _)) = next.path.split()
            && (across || self.dir.as_ref().is_some_and(|(path, _)| *path == above))
            && let path = next.path.clone()
            // (why it can't be gone into is told when its turn comes)
            && let Ok((dir, name)) = self.place(&path).await
            && let Some(next) = self.wants.files.pop_front()
        {
            bytes += next.size + 4 * next.path.as_bytes().len() as u64;
            some.push((next, dir, name));
        }
        let wanted =
            some.iter().map(|(e, dir, name)| Get { dir: dir.clone(), name: name.clone(), size: e.size }).collect();
        let read = some.into_iter().zip(get(wanted).await);
        self.read = read.map(|((entry, dir, name), bytes)| Small { dir, name, entry, bytes }).collect();
        true
    }

    /// The directory that a path lies in, and its name there.
    async fn place(&mut self, path: &FilePath) -> Result<(Dir, FileName), Fault> {
        let none = || Fault::new(Fault::BAD_PARAMS, "that names no file in a tree");
        let (above, name) = path.names().and_then(|_| path.split()).ok_or_else(none)?;
        if let Some((at, dir)) = &self.dir
            && *at == above
        {
            return Ok((dir.clone(), name));
        }
        let dir = self.top.below(&above, false).await?;
        self.dir = Some((above, dir.clone()));
        Ok((dir, name))
    }

    fn failed(&mut self, path: FilePath, why: Fault, out: &mut Vec<u8>) {
        self.tally.failures += 1;
        encode(&Record::Failed(Failed { path, why }), out);
    }
}

pub struct Pack {
    walk: Walk,
    contents: bool,
    have: Have,
    /// Of the directory seen last: what is still to be told, files still to be read.
    seen: (FilePath, VecDeque<FileInfo>),
    plan: Plan,
    read: VecDeque<Small>,
    large: Option<Large>,
    tally: Tally,
    ended: bool,
}

struct Large {
    path: FilePath,
    reader: Reader,
    left: u64,
}

fn entry(path: FilePath, info: &FileInfo) -> Entry {
    Entry {
        path,
        kind: info.kind,
        size: if info.kind == FileKind::File { info.size } else { 0 },
        mode: info.mode,
        mtime_ms: info.mtime_ms,
        link: info.link.as_ref().map(|l| l.target.clone()),
    }
}

fn changed() -> Fault {
    Fault::new(Fault::REFUSED, "it became shorter while it was read")
}

/// A file that was read in one go.
struct Small {
    dir: Dir,
    name: FileName,
    entry: Entry,
    bytes: Result<Vec<u8>, Fault>,
}

impl Small {
    async fn tell(mut self, out: &mut Vec<u8>) -> Result<(), Failed> {
        let bytes = match self.bytes {
            Ok(bytes) if bytes.len() as u64 == self.entry.size => Ok(bytes),
            Ok(_) if self.entry.size == 0 => untold(&self.dir, &self.name).await.map(|(info, bytes)| {
                self.entry.size = info.size;
                bytes
            }),
            Ok(_) => Err(changed()),
            Err(why) => Err(why),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(why) => return Err(Failed { path: self.entry.path, why }),
        };
        encode(&Record::Entry(self.entry), out);
        encode_bytes(&bytes, out);
        encode(&Record::Whole, out);
        Ok(())
    }
}

/// Appends files that were read, as many as are sent at once, and why others could not be; answers how many those are.
async fn tell(files: &mut VecDeque<Small>, out: &mut Vec<u8>) -> u64 {
    let mut failures = 0;
    while (out.len() as u64) < MANY_BYTES
        && let Some(file) = files.pop_front()
    {
        if let Err(failed) = file.tell(out).await {
            failures += 1;
            encode(&Record::Failed(failed), out);
        }
    }
    failures
}

impl Pack {
    pub fn new(dir: Dir, names: Vec<FileName>, contents: bool, have: Have) -> Pack {
        Pack {
            walk: Walk::new(dir.into_tree(), names),
            contents,
            have,
            seen: Default::default(),
            plan: Plan::default(),
            read: VecDeque::new(),
            large: None,
            tally: Tally::default(),
            ended: false,
        }
    }

    /// Appends the next part of the bundle, some MiB at most; false = it has ended.
    pub async fn next(&mut self, out: &mut Vec<u8>) -> bool {
        if self.ended {
            return false;
        }
        if let Some(large) = &mut self.large {
            if large.next(out, &mut self.tally).await {
                self.large = None;
            }
        } else if !self.read.is_empty() {
            self.tally.failures += tell(&mut self.read, out).await;
        } else if !self.seen.1.is_empty() {
            // (their paths may be long, and as JSON far longer)
            while out.len() < TOLD
                && let Some(info) = self.seen.1.pop_front()
            {
                self.told(self.seen.0.join(&info.name), &info, out);
            }
        } else if let Some((dir, path, chunk)) = self.plan.pop() {
            match chunk {
                Chunk::Small(infos) => self.small(dir, &path, infos).await,
                Chunk::Large(info) => self.open(&dir, &path, &info, out).await,
            }
        } else {
            match self.walk.next().await {
                Some(Found::Dir { path, info }) => encode(&Record::Entry(entry(path, &info)), out),
                Some(Found::Files { dir, path, infos }) => self.files(dir, path, infos),
                Some(Found::Left { .. }) => {}
                Some(Found::Failed { path, why }) => self.failed(path, why, out),
                None => {
                    self.tally.unusable(self.walk.unusable);
                    encode(&Record::End(self.tally.end(None)), out);
                    self.ended = true;
                }
            }
        }
        true
    }

    fn failed(&mut self, path: FilePath, why: Fault, out: &mut Vec<u8>) {
        self.tally.failures += 1;
        encode(&Record::Failed(Failed { path, why }), out);
    }

    fn files(&mut self, dir: Dir, path: FilePath, infos: Vec<FileInfo>) {
        let (mut files, mut others) = (Vec::new(), VecDeque::new());
        for info in infos {
            match info.kind {
                FileKind::File if self.have.has(&path.join(&info.name), &info) => {}
                FileKind::File if self.contents => files.push(info),
                _ => others.push_back(info),
            }
        }
        self.seen = (path.clone(), others);
        self.plan = Plan::new(dir, path, files);
    }

    fn told(&mut self, at: FilePath, info: &FileInfo, out: &mut Vec<u8>) {
        match info.kind {
            FileKind::File | FileKind::Dir | FileKind::Link => encode(&Record::Entry(entry(at, info)), out),
            FileKind::Other => self.failed(at, fault::no_such_kind(), out),
        }
    }

    async fn small(&mut self, dir: Dir, path: &FilePath, infos: Vec<FileInfo>) {
        let wanted = infos.iter().map(|i| Get { dir: dir.clone(), name: i.name.clone(), size: i.size }).collect();
        let read = infos.into_iter().zip(get(wanted).await);
        let small = |(info, bytes): (FileInfo, _)| {
            let entry = entry(path.join(&info.name), &info);
            Small { dir: dir.clone(), name: info.name, entry, bytes }
        };
        self.read = read.map(small).collect();
    }

    async fn open(&mut self, dir: &Dir, path: &FilePath, info: &FileInfo, out: &mut Vec<u8>) {
        let at = path.join(&info.name);
        match dir.read(&info.name, 0, None).await {
            Ok((info, reader)) => {
                encode(&Record::Entry(entry(at.clone(), &info)), out);
                self.large = Some(Large { path: at, reader, left: info.size });
            }
            Err(why) => self.failed(at, why, out),
        }
    }
}

impl Large {
    /// Appends the next piece; true = that was the last.
    async fn next(&mut self, out: &mut Vec<u8>, tally: &mut Tally) -> bool {
        if self.left == 0 {
            encode(&Record::Whole, out);
            return true;
        }
        let why = match self.reader.next().await {
            Ok(Some(bytes)) => {
                // (what it has grown by meanwhile is another time's)
                let most = usize::try_from(self.left).unwrap_or(usize::MAX);
                let bytes = bytes.get(..bytes.len().min(most)).unwrap_or_default();
                encode_bytes(bytes, out);
                self.left -= bytes.len() as u64;
                return false;
            }
            Ok(None) => changed(),
            Err(why) => why,
        };
        tally.failures += 1;
        encode(&Record::Failed(Failed { path: std::mem::take(&mut self.path), why }), out);
        true
    }
}
