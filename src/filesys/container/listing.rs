//! Owns the listing of a container's directory, and of those within it, which come with it for who goes through a tree.

use super::{AT_ONCE, Dir, archive, mark, said, scripts};
use crate::filesys::{Batch, weight};
use crate::link::locked;
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath};
use std::collections::{HashMap, VecDeque};

/// So deep a tree is listed at once.
const LEVELS: usize = 5;

pub struct Listing {
    dir: Dir,
    found: Option<VecDeque<FileInfo>>,
}

impl Listing {
    pub(super) fn new(dir: Dir) -> Listing {
        Listing { dir, found: None }
    }

    /// All there is in it; what lies within is kept for who comes to it.
    async fn all(&self) -> Result<Batch, Fault> {
        let Some(tree) = &self.dir.tree else { return self.one().await };
        if let Some(known) = locked(tree).remove(self.dir.path.as_ref()) {
            return Ok(known);
        }
        let mut within = HashMap::new();
        let all = match self.dir.at.has_tools() {
            true => self.levels(&mut within).await?,
            false => archive::tree(&self.dir.at.inside, &self.dir.path, archive::MOST_BYTES, Some(&mut within)).await?,
        };
        locked(tree).extend(within);
        Ok(all)
    }

    /// Several levels by one look. What could not be seen whole is looked at level by level.
    async fn levels(&self, within: &mut HashMap<FilePath, Batch>) -> Result<Batch, Fault> {
        let mark = mark();
        let args = vec![self.dir.here(), LEVELS.to_string()];
        let (said, code, _) = match self.dir.at.script(scripts::LIST, &mark, args).await {
            Err(fault) if fault.code == Fault::FULL => return self.one().await,
            said => said?,
        };
        if code != 0 {
            return self.one().await;
        }
        let mut batch = Batch::default();
        for line in said::marked(&mark, &said) {
            let Some((way, info)) = said::entry_below(line) else {
                batch.unusable += 1;
                continue;
            };
            let at = way.iter().fold(self.dir.path(), |at, name| at.join(name));
            if info.kind == FileKind::Dir && way.len() + 1 < LEVELS {
                within.entry(at.join(&info.name)).or_default();
            }
            match way.is_empty() {
                true => batch.entries.push(info),
                false => within.entry(at).or_default().entries.push(info),
            }
        }
        Ok(batch)
    }

    async fn one(&self) -> Result<Batch, Fault> {
        const DOING: &str = "reading the directory";
        if !self.dir.at.has_tools() {
            return archive::list(&self.dir.at.inside, &self.dir.path).await;
        }
        let mark = mark();
        let args = vec![self.dir.here(), "1".into()];
        let (said, code, complaint) = self.dir.at.script(scripts::LIST, &mark, args).await?;
        let lines = said::marked(&mark, &said);
        // (what went while it was looked at is no failure)
        if code != 0 && lines.is_empty() && said::errno(&complaint) != rustix::io::Errno::NOENT || code == 10 {
            return Err(said::failed(DOING, self.dir.path.as_bytes(), &complaint));
        }
        let mut all = Batch::default();
        lines.iter().for_each(|line| said::entry(line, &mut all));
        Ok(all)
    }

    pub async fn next(&mut self) -> Result<Option<Batch>, Fault> {
        let mut batch = Batch::default();
        if self.found.is_none() {
            self.dir.there().await?;
            let all = self.all().await?;
            batch.unusable = all.unusable;
            let mut known = self.dir.at.known();
            let dirs = all.entries.iter().filter(|e| e.kind == FileKind::Dir);
            dirs.for_each(|e| known.see(self.dir.of(&e.name)));
            drop(known);
            self.found = Some(all.entries.into());
        }
        let found = self.found.get_or_insert_default();
        let n = found.len().min(AT_ONCE);
        batch.entries = found.drain(..n).collect();
        if batch.entries.is_empty() && batch.unusable == 0 {
            return Ok(None);
        }
        if self.dir.at.has_tools() {
            let links: Vec<usize> =
                (0..n).filter(|i| batch.entries.get(*i).is_some_and(|e| e.kind == FileKind::Link)).collect();
            if !links.is_empty() {
                let names: Vec<&FileName> = links.iter().filter_map(|i| Some(&batch.entries.get(*i)?.name)).collect();
                let led = self.dir.links(&names).await?;
                for (i, link) in links.iter().zip(led) {
                    if let Some(entry) = batch.entries.get_mut(*i) {
                        entry.link = Some(link);
                    }
                }
            }
        }
        Ok(Some(batch))
    }

    pub fn bytes(&self) -> usize {
        self.found.as_ref().map_or(0, |all| all.iter().map(weight).sum())
    }
}
