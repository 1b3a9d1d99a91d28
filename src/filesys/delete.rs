//! Owns the deleting of a tree: from within, handle by handle, through no symlink and into nothing that is mounted there.
//! Leaves out who is told of it.

use super::walk::{Found, Walk};
use super::{Dir, Tally};
use crate::proto::control::{Fault, FileInfo, FileName, FilePath};

/// How often a directory is looked through anew that is not empty, though all that was seen in it has gone: file systems
/// may leave some out of a list while others are deleted from it.
const AGAIN: u32 = 8;

pub struct Delete {
    walk: Walk,
    /// For each directory gone into: failures before, and how often it was looked through.
    open: Vec<(u64, u32)>,
    pub tally: Tally,
}

impl Delete {
    /// Of what has this name, a directory or not.
    pub fn new(dir: Dir, name: FileName) -> Delete {
        // (each directory is looked at when it is its turn: what was seen may have been put in another's place since)
        let mut walk = Walk::new(dir, vec![name]);
        walk.one_disk = true;
        Delete { walk, open: Vec::new(), tally: Tally::default() }
    }

    /// The next bit of it; false = there is no more.
    pub async fn step(&mut self) -> bool {
        let Some(found) = self.walk.next().await else { return false };
        match found {
            Found::Dir { .. } => self.open.push((self.tally.failures(), 0)),
            Found::Files { dir, path, infos } => self.files(dir, path, infos).await,
            Found::Left { path, within, info } => self.left(path, within, info).await,
            Found::Failed { path, why } => self.tally.failed(path, why),
        }
        self.tally.unusable(std::mem::take(&mut self.walk.unusable));
        true
    }

    async fn files(&mut self, dir: Dir, path: FilePath, infos: Vec<FileInfo>) {
        let removed = dir.remove(infos.iter().map(|i| i.name.clone()).collect()).await;
        for (info, removed) in infos.iter().zip(removed) {
            match removed {
                // (somebody else was quicker)
                Ok(()) => self.tally.done(1, info.size),
                Err(why) if why.code == Fault::UNKNOWN => {}
                Err(why) => self.tally.failed(path.join(&info.name), why),
            }
        }
    }

    async fn left(&mut self, path: FilePath, within: Dir, info: FileInfo) {
        let (before, times) = self.open.pop().unwrap_or_default();
        let removed = within.rmdir(&info.name).await;
        let all_gone = self.tally.failures() == before;
        match removed {
            Ok(()) => self.tally.done(1, 0),
            Err(why) if why.code == Fault::UNKNOWN => {}
            Err(why) if why.code == Fault::NAME_TAKEN && all_gone && times < AGAIN => {
                match self.walk.enter(within, path, info).await {
                    Found::Failed { path, why } => self.tally.failed(path, why),
                    _ => self.open.push((before, times + 1)),
                }
            }
            // why it is not empty has been told
            Err(why) if why.code == Fault::NAME_TAKEN && !all_gone => {}
            Err(why) => self.tally.failed(path, why),
        }
    }
}
