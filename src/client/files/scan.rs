//! Owns what is to be copied: the source's entries as they come, cut into chunks, each directory told once all in it has
//! been seen. Leaves out what becomes of them.

use super::End;
use super::stream::{Came, Stream};
use crate::proto::bundle::{BadBundle, Decoder, Entry, Record};
use crate::proto::control::{Failed, Fault, FileKind, FileName, FilePath, FilesPack, WorkEnd};
use std::collections::{HashSet, VecDeque};

/// Entries of a chunk at most, and bytes of their paths and words: what a copy holds of a tree, however large it is.
pub const MANY: usize = 10_000;
const BYTES: usize = 4 << 20;
/// Bytes of the paths of directories that lie in one another: some thousands of them.
const DEEP: usize = 8 << 20;
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
    walk: Walk,
}

/// Where it is in the tree.
#[derive(Default)]
struct Walk {
    unusable: u64,
    /// What was asked for: nothing else is taken, whatever comes.
    wanted: HashSet<FileName>,
    /// Directories that more may come of, and the bytes of their paths.
    open: Vec<Entry>,
    deep: usize,
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
        let walk = Walk { wanted: names.iter().cloned().collect(), ..Walk::default() };
        Ok(Scan { from, dir, rest, stream, decoder: Decoder::bare(), walk })
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
                Record::Entry(e) => {
                    bytes += e.path.as_bytes().len() + e.link.as_ref().map_or(0, |link| link.as_bytes().len());
                    self.walk.entry(e, &mut chunk)?;
                }
                Record::Failed(failed) => {
                    bytes += failed.path.as_bytes().len() + failed.why.message.len();
                    chunk.failed.push(failed);
                }
                Record::End(end) => {
                    self.walk.unusable += end.unusable;
                    if let (None, Some(names)) = (&end.fault, self.rest.pop_front()) {
                        self.stream = Scan::pack(&self.from, &self.dir, names).await?;
                        self.decoder = Decoder::bare();
                        continue;
                    }
                    self.walk.close(None, &mut chunk.closed);
                    chunk.end = Some(WorkEnd { unusable: self.walk.unusable, ..end });
                    break;
                }
                _ => {}
            }
        }
        chunk.closed.reverse();
        Ok(chunk)
    }
}

impl Walk {
    /// Takes one in, where it belongs there.
    fn entry(&mut self, e: Entry, chunk: &mut Chunk) -> Result<(), Fault> {
        // (a name that leads elsewhere is none)
        if !self.is_wanted(&e.path) {
            self.unusable += 1;
            return Ok(());
        }
        self.close(Some(&e.path), &mut chunk.closed);
        // what is in nothing that came is nowhere
        let parent = e.path.split().map(|(parent, _)| parent).unwrap_or_default();
        let inside = self.open.last().map(|last| last.path.clone()).unwrap_or_default();
        if parent != inside {
            self.unusable += 1;
            return Ok(());
        }
        if e.kind == FileKind::Dir {
            self.deep += e.path.as_bytes().len();
            if self.deep > DEEP {
                let what = "directories lie in one another too deep to be copied: copy some of them at a time";
                return Err(Fault::new(Fault::INVALID, what));
            }
            self.open.push(e.clone());
        }
        chunk.entries.push(e);
        Ok(())
    }

    fn is_wanted(&self, path: &FilePath) -> bool {
        let first = path.names().and_then(|names| names.into_iter().next());
        first.is_some_and(|first| self.wanted.contains(&first))
    }

    /// Closes those that the next one is not in.
    fn close(&mut self, next: Option<&FilePath>, closed: &mut Vec<Entry>) {
        while let Some(last) = self.open.pop_if(|last| !next.is_some_and(|next| is_below(next, &last.path))) {
            self.deep = self.deep.saturating_sub(last.path.as_bytes().len());
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
    let sizes = entries.iter().filter(|e| e.kind == FileKind::File).map(|e| e.size);
    (sum.0 + entries.len() as u64, sizes.fold(sum.1, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_without_end_are_given_up() {
        let top = FileName::new("d").unwrap();
        let mut walk = Walk { wanted: [top.clone()].into(), ..Walk::default() };
        let (mut path, mut held, mut chunk) = (FilePath::from(top), 0, Chunk::default());
        let name = FileName::new("a").unwrap();
        let why = loop {
            let entry = Entry { path: path.clone(), kind: FileKind::Dir, ..Entry::default() };
            if let Err(why) = walk.entry(entry, &mut chunk) {
                break why;
            }
            held += path.as_bytes().len();
            path = path.join(&name);
            assert!(held <= DEEP);
        };
        assert!(why.message.contains("too deep"), "{why:?}");
        // what lies beside one another is no matter
        let mut walk = Walk { wanted: [name.clone()].into(), ..Walk::default() };
        let mut take = |path: &FilePath| {
            let mut chunk = Chunk::default();
            walk.entry(Entry { path: path.clone(), kind: FileKind::Dir, ..Entry::default() }, &mut chunk).unwrap();
            assert_eq!((chunk.entries.len(), chunk.closed.len() < 2), (1, true));
        };
        take(&name.clone().into());
        for n in 0..2 * DEEP / 1000 {
            take(&FilePath::from(name.clone()).join(&FileName::new(format!("{n:01000}")).unwrap()));
        }
    }
}
