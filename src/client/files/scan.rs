//! Owns what is to be copied: the source's entries as they come, cut into chunks, each directory told once all in it has
//! been seen. Leaves out what becomes of them.

use super::End;
use super::stream::{Came, Stream};
use crate::proto::bundle::{BadBundle, Decoder, Entry, Record};
use crate::proto::control::{Failed, Fault, FileKind, FileName, FilePath, FilesPack, WorkEnd};
use std::collections::{HashSet, VecDeque};

/// Entries of a chunk at most, and bytes of their paths: what a copy holds of a tree, however large it is.
pub const MANY: usize = 10_000;
const BYTES: usize = 4 << 20;
/// Bytes of names in one call: as JSON they may be four times as long.
const NAMES: usize = 32 << 10;

/// What is looked at together.
#[derive(Default)]
pub struct Chunk {
    /// In the order of the walk: a directory comes before what is in it.
    pub entries: Vec<Entry>,
    /// Directories of which nothing more comes; one comes before those in it.
    pub closed: Vec<Entry>,
    pub failed: Vec<Failed>,
    /// All has been seen.
    pub end: Option<WorkEnd>,
}

pub struct Scan {
    from: End,
    dir: FilePath,
    /// What did not go into one call.
    rest: VecDeque<Vec<FileName>>,
    stream: Stream,
    decoder: Decoder,
    unusable: u64,
    /// What was asked for: nothing else is taken, whatever comes.
    wanted: HashSet<FileName>,
    /// Directories that more may come of.
    open: Vec<Entry>,
}

pub fn bad(e: BadBundle) -> Fault {
    Fault::new(Fault::PARSE, format!("what the host sent is no tree: {e}"))
}

/// Whether the one path lies below the other.
pub fn is_below(path: &FilePath, top: &FilePath) -> bool {
    path.as_bytes().strip_prefix(top.as_bytes()).is_some_and(|rest| rest.starts_with(b"/"))
}

impl Scan {
    pub async fn open(end: &End, dir: &FilePath, names: &[FileName]) -> Result<Scan, Fault> {
        let mut rest = VecDeque::from([Vec::new()]);
        let mut bytes = 0;
        for name in names {
            bytes += name.as_bytes().len();
            if bytes > NAMES {
                bytes = name.as_bytes().len();
                rest.push_back(Vec::new());
            }
            rest.back_mut().into_iter().for_each(|group| group.push(name.clone()));
        }
        let (from, dir) = (end.clone(), dir.clone());
        let stream = Scan::pack(&from, &dir, rest.pop_front().unwrap_or_default()).await?;
        let wanted = names.iter().cloned().collect();
        Ok(Scan { wanted, from, dir, rest, stream, decoder: Decoder::bare(), unusable: 0, open: Vec::new() })
    }

    async fn pack(from: &End, dir: &FilePath, names: Vec<FileName>) -> Result<Stream, Fault> {
        from.pack(FilesPack { dir: dir.clone(), names, contents: false, ..FilesPack::default() }).await
    }

    pub async fn next(&mut self) -> Result<Chunk, Fault> {
        let (mut chunk, mut bytes) = (Chunk::default(), 0);
        while chunk.entries.len() + chunk.failed.len() < MANY && bytes < BYTES {
            let Some(record) = self.decoder.record().map_err(bad)? else {
                match self.stream.next().await? {
                    Came::Bytes(bytes) => self.decoder.push(&bytes),
                    Came::Ended(_) => return Err(Fault::new(Fault::PARSE, "the host broke off")),
                }
                continue;
            };
            match record {
                // (a name that leads elsewhere is none)
                Record::Entry(e) if self.is_wanted(&e.path) => {
                    bytes += e.path.as_bytes().len();
                    self.close(Some(&e.path), &mut chunk.closed);
                    // what is in nothing that came is nowhere
                    let parent = e.path.split().map(|(parent, _)| parent).unwrap_or_default();
                    let inside = self.open.last().map(|last| last.path.clone()).unwrap_or_default();
                    if parent != inside {
                        self.unusable += 1;
                        continue;
                    }
                    if e.kind == FileKind::Dir {
                        self.open.push(e.clone());
                    }
                    chunk.entries.push(e);
                }
                Record::Failed(failed) => {
                    bytes += failed.path.as_bytes().len();
                    chunk.failed.push(failed);
                }
                Record::End(end) => {
                    self.unusable += end.unusable;
                    if let (None, Some(names)) = (&end.fault, self.rest.pop_front()) {
                        self.stream = Scan::pack(&self.from, &self.dir, names).await?;
                        self.decoder = Decoder::bare();
                        continue;
                    }
                    self.close(None, &mut chunk.closed);
                    chunk.end = Some(WorkEnd { unusable: self.unusable, ..end });
                    break;
                }
                Record::Entry(_) => self.unusable += 1,
                _ => {}
            }
        }
        chunk.closed.reverse();
        Ok(chunk)
    }

    fn is_wanted(&self, path: &FilePath) -> bool {
        let first = path.names().and_then(|names| names.into_iter().next());
        first.is_some_and(|first| self.wanted.contains(&first))
    }

    /// Closes those that the next one is not in.
    fn close(&mut self, next: Option<&FilePath>, closed: &mut Vec<Entry>) {
        while let Some(last) = self.open.pop_if(|last| !next.is_some_and(|next| is_below(next, &last.path))) {
            closed.push(last);
        }
    }
}

/// Files and bytes in all.
pub async fn count(end: &End, dir: &FilePath, names: &[FileName]) -> Result<(u64, u64), Fault> {
    let mut scan = Scan::open(end, dir, names).await?;
    let mut sum = (0, 0);
    loop {
        let chunk = scan.next().await?;
        sum = add(sum, &chunk.entries);
        if chunk.end.is_some() {
            return Ok(sum);
        }
    }
}

pub fn add(sum: (u64, u64), entries: &[Entry]) -> (u64, u64) {
    let bytes: u64 = entries.iter().filter(|e| e.kind == FileKind::File).map(|e| e.size).sum();
    (sum.0 + entries.len() as u64, sum.1.saturating_add(bytes))
}
