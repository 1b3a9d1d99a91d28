//! Owns what is there already under the names of what is to come, and whether it is the same: by size and time, and in a move,
//! which deletes its source, by its bytes where this job did not bring it.

use super::Run;
use super::watch::first_name;
use crate::client::files::End;
use crate::client::files::carry::is_cut;
use crate::filesys::pack::same_time;
use crate::proto::bundle::Entry;
use crate::proto::control::*;
use std::collections::HashMap;
use std::hash::BuildHasher;
use tokio::task::JoinSet;

/// Files looked at together.
const TOGETHER: usize = 64;
/// Files that a move knows to be the same without comparing them again: 8 bytes each.
const KNOWN: usize = 500_000;

/// Whether what is there is what would be copied.
fn is_same(entry: &Entry, there: &FileInfo) -> bool {
    match (entry.kind, there.kind) {
        (FileKind::File, FileKind::File) => entry.size == there.size && same_time(entry.mtime_ms, there.mtime_ms),
        (FileKind::Link, FileKind::Link) => there.link.as_ref().map(|l| &l.target) == entry.link.as_ref(),
        _ => false,
    }
}

/// What has a file's name there.
pub(super) struct There {
    /// Without its names.
    pub(super) info: FileInfo,
    /// It is what would be copied.
    pub(super) same: bool,
}

/// Looks at what has an entry's name there; `source` = its own path, where bytes are to be compared.
pub(super) async fn look_at(
    from: &End,
    source: Option<FilePath>,
    to: &End,
    path: FilePath,
    entry: &Entry,
) -> Result<Option<There>, Fault> {
    let Some(FileInfo { kind, size, mode, mtime_ms, link, .. }) = to.look(&path).await? else { return Ok(None) };
    let info = FileInfo { kind, size, mode, mtime_ms, link, ..FileInfo::default() };
    let mut same = is_same(entry, &info);
    if let Some(source) = source.filter(|_| same && kind == FileKind::File) {
        same = has_same_bytes(from, &source, to, &path, size).await?;
    }
    Ok(Some(There { info: FileInfo { link: None, ..info }, same }))
}

/// Whether two files of this size are the same throughout; one that can't be read is not.
async fn has_same_bytes(from: &End, source: &FilePath, to: &End, path: &FilePath, size: u64) -> Result<bool, Fault> {
    let mut at = 0;
    while at < size {
        let end = size.min(at.saturating_add(FilesHash::MOST));
        match tokio::join!(from.hash(source, at, Some(end)), to.hash(path, at, Some(end))) {
            (Ok(ours), Ok(theirs)) if ours == theirs && ours.bytes == end - at => at = end,
            (Err(why), _) | (_, Err(why)) if is_cut(&why) => return Err(why),
            _ => return Ok(false),
        }
    }
    Ok(true)
}

impl Run {
    /// What a move remembers of a file that it has brought: while this is the same, so is the file. None = it remembers none
    /// (any more).
    pub(super) fn mark(&self, entry: &Entry, to: &FilePath) -> Option<u64> {
        let remembers = self.job.moves && entry.kind == FileKind::File && self.known.len() < KNOWN;
        remembers.then(|| self.hasher.hash_one((&entry.path, to, entry.size, entry.mtime_ms)))
    }

    pub(super) fn knows(&mut self, entry: &Entry, to: &FilePath) {
        self.known.extend(self.mark(entry, to));
    }

    /// The path whose bytes are to be compared with what is there under the other one, if they are.
    pub(super) fn compared(&self, entry: &Entry, to: &FilePath) -> Option<FilePath> {
        let known = self.known.contains(&self.hasher.hash_one((&entry.path, to, entry.size, entry.mtime_ms)));
        (self.job.moves && !known).then(|| self.job.dir.below(&entry.path))
    }

    /// What has each one's name there already.
    pub(super) async fn found(
        &mut self,
        entries: &[Entry],
        tops: &mut HashMap<Vec<u8>, Option<FileKind>>,
    ) -> Result<Vec<Option<There>>, Fault> {
        let is_top = |path: &FilePath| !path.as_bytes().contains(&b'/');
        let mut found: Vec<Option<There>> = entries.iter().map(|_| None).collect();
        for of_tops in [true, false] {
            let mut wanted = Vec::new();
            for (i, entry) in entries.iter().enumerate().filter(|(_, e)| is_top(&e.path) == of_tops) {
                // below what is not there, nothing is
                let below =
                    of_tops || tops.get(&first_name(&entry.path)).is_some_and(|kind| *kind == Some(FileKind::Dir));
                if below {
                    wanted.push((i, entry));
                }
            }
            let mut under_way = JoinSet::new();
            let mut wanted = wanted.into_iter();
            loop {
                while under_way.len() < TOGETHER
                    && let Some((i, entry)) = wanted.next()
                {
                    let there = self.there(&entry.path);
                    let (source, path) = (self.compared(entry, &there), self.to_path(&there));
                    let (from, to, entry) = (self.job.from.clone(), self.job.to.clone(), entry.clone());
                    under_way.spawn(async move { (i, look_at(&from, source, &to, path, &entry).await) });
                }
                let Some(looked) = under_way.join_next().await else { break };
                let (i, looked) = looked.map_err(|e| Fault::new(Fault::INTERNAL, e.to_string()))?;
                let looked = match looked {
                    // (what is in the way of it is told of itself)
                    Err(f) if f.code == Fault::WRONG_KIND => None,
                    other => other?,
                };
                if let Some(slot) = found.get_mut(i) {
                    *slot = looked;
                }
            }
            if of_tops {
                for (entry, found) in entries.iter().zip(&found).filter(|(e, _)| is_top(&e.path)) {
                    tops.entry(entry.path.as_bytes().to_vec()).or_insert(found.as_ref().map(|f| f.info.kind));
                }
            }
        }
        Ok(found)
    }
}
