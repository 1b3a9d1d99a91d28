//! Owns the walk through a tree: what is in it, directory by directory, never through a symlink. Leaves out what is done with
//! it.

use super::{Batch, DEEPEST, Dir, Kept, Listing, MANY, MANY_BYTES, SMALL, weight};
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath};
use std::collections::VecDeque;

/// Bytes of entries that are enough for work that is done in one go.
const BYTES: usize = 1 << 20;

/// What comes next. Paths are within the tree.
pub enum Found {
    /// A directory is gone into.
    Dir {
        path: FilePath,
        info: FileInfo,
    },
    /// What else there is in a directory.
    Files {
        dir: Dir,
        path: FilePath,
        infos: Vec<FileInfo>,
    },
    /// All in a directory has been seen; `within` is the one it lies in.
    Left {
        path: FilePath,
        within: Dir,
        info: FileInfo,
    },
    Failed {
        path: FilePath,
        why: Fault,
    },
}

pub struct Walk {
    levels: Vec<Level>,
    /// What is mounted in the tree is not gone into.
    pub one_disk: bool,
    /// Names that are none.
    pub unusable: u64,
}

struct Level {
    dir: Dir,
    path: FilePath,
    /// Wanted by name, or found without a word about what it is: not looked at yet.
    names: VecDeque<FileName>,
    listing: Option<Listing>,
    batch: VecDeque<FileInfo>,
    /// Where it lies, and what it is; the top is not of the tree.
    of: Option<(Dir, FileInfo)>,
    /// Room for what the one above keeps meanwhile.
    _kept: Kept,
}

impl Level {
    /// Bytes that it keeps while others are gone into.
    fn bytes(&self) -> usize {
        let names: usize = self.names.iter().map(|name| size_of::<FileName>() + name.as_bytes().len()).sum();
        self.batch.iter().map(weight).sum::<usize>() + names + self.listing.as_ref().map_or(0, Listing::bytes)
    }
}

impl Walk {
    /// Through what has these names in a directory; none = through all in it.
    pub fn new(dir: Dir, names: Vec<FileName>) -> Walk {
        let listing = names.is_empty().then(|| dir.list());
        let batch = VecDeque::new();
        let (path, names) = (FilePath::default(), names.into());
        let top = Level { dir, path, names, listing, batch, of: None, _kept: Kept::Local };
        Walk { levels: vec![top], one_disk: false, unusable: 0 }
    }

    /// None = all has been seen.
    pub async fn next(&mut self) -> Option<Found> {
        loop {
            let level = self.levels.last_mut()?;
            if level.batch.front().is_some_and(|info| info.kind == FileKind::Dir)
                && let Some(info) = level.batch.pop_front()
            {
                let (within, path) = (level.dir.clone(), level.path.join(&info.name));
                return Some(self.enter(within, path, info).await);
            }
            let mut infos = Vec::new();
            while level.batch.front().is_some_and(|info| info.kind != FileKind::Dir) {
                infos.extend(level.batch.pop_front());
            }
            if !infos.is_empty() {
                return Some(Found::Files { dir: level.dir.clone(), path: level.path.clone(), infos });
            }
            if let Some(name) = level.names.pop_front() {
                match level.dir.info(&name).await {
                    Ok(info) => level.batch.push_back(info),
                    Err(why) => return Some(Found::Failed { path: level.path.join(&name), why }),
                }
                continue;
            }
            let listed = match &mut level.listing {
                Some(listing) => many(listing).await,
                None => Ok(None),
            };
            match listed {
                Ok(Some(Batch { entries, unusable })) => {
                    self.unusable += unusable;
                    let (unknown, entries): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_unknown);
                    level.names.extend(unknown.into_iter().map(|e| e.name));
                    // files first: directories are gone into once the rest of the batch is known
                    let (files, dirs): (Vec<_>, Vec<_>) = entries.into_iter().partition(|e| e.kind != FileKind::Dir);
                    level.batch.extend(files.into_iter().chain(dirs));
                }
                Ok(None) => {
                    let Level { path, of, .. } = self.levels.pop()?;
                    if let Some((within, info)) = of {
                        return Some(Found::Left { path, within, info });
                    }
                }
                Err(why) => {
                    level.listing = None;
                    return Some(Found::Failed { path: level.path.clone(), why });
                }
            }
        }
    }

    /// Goes into a directory (again).
    pub async fn enter(&mut self, within: Dir, path: FilePath, info: FileInfo) -> Found {
        let failed = |path: FilePath, code: i64, why: &str| Found::Failed { path, why: Fault::new(code, why) };
        if self.levels.len() > DEEPEST || path.as_bytes().len() > FilePath::MOST - FileName::MOST - 1 {
            return failed(path, Fault::REFUSED, "directories lie too deep in each other");
        }
        let dir = match within.sub(&info.name).await {
            Ok(dir) => dir,
            Err(why) => return Found::Failed { path, why },
        };
        // (the top is what was asked for)
        if self.one_disk && self.levels.len() > 1 && dir.is_mount() {
            return failed(path, Fault::OTHER_DISK, "another file system is mounted there");
        }
        let Some(kept) = dir.keep(self.levels.last().map_or(0, Level::bytes)) else {
            let why = "too much in the directories above it is still to be gone into: take it by itself";
            return failed(path, Fault::REFUSED, why);
        };
        let (listing, batch, names) = (Some(dir.list()), VecDeque::new(), VecDeque::new());
        let of = Some((within, info.clone()));
        self.levels.push(Level { dir, path: path.clone(), names, listing, batch, of, _kept: kept });
        Found::Dir { path, info }
    }
}

/// Whether nothing is known of it but its name, and perhaps its kind.
fn is_unknown(info: &FileInfo) -> bool {
    (info.mode, info.mtime_ms, info.size) == (0, 0, 0) && info.kind != FileKind::Link
}

/// Entries enough for work that is done in one go: some file systems tell a few at a time.
async fn many(listing: &mut Listing) -> Result<Option<Batch>, Fault> {
    let Some(mut all) = listing.next().await? else { return Ok(None) };
    while all.entries.len() < MANY
        && all.entries.iter().map(weight).sum::<usize>() < BYTES
        && let Some(more) = listing.next().await?
    {
        all.entries.extend(more.entries);
        all.unusable += more.unusable;
    }
    Ok(Some(all))
}

/// Files that are read in one go, or one that is read by itself.
pub enum Chunk {
    Small(Vec<FileInfo>),
    Large(FileInfo),
}

/// The plain files of a directory, as they are read.
#[derive(Default)]
pub struct Plan {
    of: Option<(Dir, FilePath)>,
    chunks: VecDeque<Chunk>,
}

impl Plan {
    pub fn new(dir: Dir, path: FilePath, files: Vec<FileInfo>) -> Plan {
        let chunks = chunks(&path, files);
        Plan { of: Some((dir, path)), chunks }
    }

    /// What is read next; none = all has been.
    pub fn pop(&mut self) -> Option<(Dir, FilePath, Chunk)> {
        let chunk = self.chunks.pop_front()?;
        let (dir, path) = self.of.clone()?;
        Some((dir, path, chunk))
    }
}

fn chunks(path: &FilePath, files: Vec<FileInfo>) -> VecDeque<Chunk> {
    let (mut chunks, mut small, mut bytes) = (VecDeque::new(), Vec::new(), 0);
    for file in files {
        if file.size > SMALL {
            chunks.push_back(Chunk::Large(file));
            continue;
        }
        // (a path is told with each, as JSON)
        let more = file.size + 4 * (path.as_bytes().len() + file.name.as_bytes().len()) as u64;
        if small.len() >= MANY || bytes + more > MANY_BYTES {
            chunks.push_back(Chunk::Small(std::mem::take(&mut small)));
            bytes = 0;
        }
        bytes += more;
        small.push(file);
    }
    if !small.is_empty() {
        chunks.push_back(Chunk::Small(small));
    }
    chunks
}
