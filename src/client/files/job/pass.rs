//! Owns one pass of a job through all that is wanted: a chunk of it is looked at, decided on and carried over, then the next.

use super::watch::first_name;
use super::{Job, JobEvent, Run};
use crate::client::files::carry::{self, Item, LARGE, Way, is_cut};
use crate::client::files::scan::{Chunk, Scan, add, count, is_below};
use crate::filesys::no_such_kind;
use crate::proto::bundle::Entry;
use crate::proto::control::*;
use std::collections::HashMap;

impl Run {
    /// Goes through all of it, and carries over what is not there; or only looks. Answers what was not there.
    pub(super) async fn pass(&mut self, looks: bool) -> Result<u64, Fault> {
        self.watch.again();
        self.watch.coming = self.job.names.iter().map(|n| first_name(&self.there(&n.clone().into()))).collect();
        self.unusable = 0;
        let moved = self.moved.len() as u64;
        self.watch.meter.done(moved, 0);
        let mut scan = Scan::open(&self.job.from, &self.job.dir, &self.job.names).await?;
        let (mut tops, mut dead, mut lacking, mut sum) = (HashMap::new(), None, 0, (moved, 0));
        loop {
            let chunk = scan.next().await?;
            sum = add(sum, &chunk.entries);
            if let Some(WorkEnd { fault: Some(fault), .. }) = &chunk.end {
                return Err(fault.clone());
            }
            if !self.planned {
                self.plan(chunk.end.is_some(), sum);
            }
            if let Some(end) = &chunk.end {
                self.unusable = end.unusable;
            }
            let ends = chunk.end.is_some();
            lacking += self.chunk(chunk, &mut tops, &mut dead, looks).await?;
            if ends {
                return Ok(lacking);
            }
        }
    }

    /// Says what there is in all; what is much is counted beside.
    fn plan(&mut self, known: bool, (files, bytes): (u64, u64)) {
        self.planned = true;
        let events = self.watch.events.clone();
        if known {
            let _ = events.send(JobEvent::Planned { files, bytes });
            return;
        }
        let (from, dir, names) = (self.job.from.clone(), self.job.dir.clone(), self.job.names.clone());
        self.counting.spawn(async move {
            if let Ok((files, bytes)) = count(&from, &dir, &names).await {
                let _ = events.send(JobEvent::Planned { files, bytes });
            }
        });
    }

    async fn chunk(
        &mut self,
        chunk: Chunk,
        tops: &mut HashMap<Vec<u8>, Option<FileKind>>,
        dead: &mut Option<FilePath>,
        looks: bool,
    ) -> Result<u64, Fault> {
        let ends = chunk.end.is_some();
        for Failed { path, why } in chunk.failed {
            if is_cut(&why) {
                return Err(why);
            }
            let path = self.there(&path);
            self.watch.failed_there(Failed { path, why });
        }
        let found = self.found(&chunk.entries, tops).await?;
        let (mut small, mut large, mut lacking) = (Vec::new(), Vec::new(), 0);
        for (entry, there) in chunk.entries.into_iter().zip(found) {
            if dead.as_ref().is_some_and(|dead| is_below(&entry.path, dead)) {
                continue;
            }
            let to = self.there(&entry.path);
            let in_the_way = match (&entry.kind, &there) {
                (FileKind::Dir, Some(there)) => there.info.kind != FileKind::Dir,
                (_, Some(there)) => there.info.kind == FileKind::Dir,
                _ => false,
            };
            if in_the_way {
                let words = "what has that name there is of another kind";
                let why = Fault::new(Fault::NAME_TAKEN, format!("'{to}': {words}"));
                self.watch.failed_there(Failed { path: to, why });
                *dead = Some(entry.path);
                continue;
            }
            if entry.kind == FileKind::Dir {
                lacking += u64::from(there.is_none());
                continue;
            }
            let mut item = Item { entry, to, replace: false };
            if there.as_ref().is_some_and(|there| there.same) {
                self.knows(&item.entry, &item.to);
            }
            if let Some(there) = there
                && !self.goes(&mut item, there).await?
            {
                continue;
            }
            match item.entry.kind {
                FileKind::File if item.entry.size > LARGE => large.push(item),
                FileKind::File | FileKind::Link => small.push(item),
                _ => self.watch.failed_there(Failed { path: item.to, why: no_such_kind() }),
            }
        }
        lacking += (small.len() + large.len()) as u64;
        if looks {
            for Item { entry, to, replace } in small.into_iter().chain(large).filter(|_| self.job.dry) {
                let bytes = if entry.kind == FileKind::File { entry.size } else { 0 };
                let _ = self.watch.events.send(JobEvent::Would { path: to, bytes, replaces: replace });
            }
            return Ok(lacking);
        }
        let closed: Vec<(FilePath, Entry)> = chunk
            .closed
            .into_iter()
            .filter(|e| !dead.as_ref().is_some_and(|dead| e.path == *dead || is_below(&e.path, dead)))
            .map(|entry| (self.there(&entry.path), entry))
            .collect();
        let Job { from, dir, to, into, .. } = self.job.clone();
        let sync = self.job.moves || self.job.sync;
        let way = Way { from: &from, dir: &dir, to: &to, into: &into, sync };
        let (count, bytes) = (small.len() as u64, small.iter().map(|item| item.entry.size).sum::<u64>());
        let before = self.watch.failures;
        let brought: Vec<u64> = small.iter().filter_map(|item| self.mark(&item.entry, &item.to)).collect();
        carry::small(&way, small, &mut self.watch).await?;
        self.watch.done(count.saturating_sub(self.watch.failures - before), bytes);
        if self.watch.failures == before {
            self.known.extend(brought);
        }
        for item in large {
            let (mark, before) = (self.mark(&item.entry, &item.to), self.watch.failures);
            self.large(&way, item).await?;
            self.known.extend(mark.filter(|_| self.watch.failures == before));
        }
        let (count, before) = (closed.len() as u64, self.watch.failures);
        // (where nothing is lacking any more, what was carried before a cut may not be on disk yet)
        carry::dirs(&way, closed, ends && sync, &mut self.watch).await?;
        self.watch.done(count.saturating_sub(self.watch.failures - before), 0);
        Ok(lacking)
    }

    /// A large file: within one place its bytes need not come here.
    async fn large(&mut self, way: &Way<'_>, item: Item) -> Result<(), Fault> {
        let is_top = |path: &FilePath| !path.as_bytes().contains(&b'/');
        // (by path, so only where nobody but who asked has chosen it)
        if !way.from.whose().same_as(way.to.whose()) || !is_top(&item.entry.path) || !is_top(&item.to) {
            return carry::large(way, item, &mut self.watch).await;
        }
        self.watch.current(&item.entry.path);
        let (old, new) = (way.dir.below(&item.entry.path), way.into.below(&item.to));
        let mut failed = None;
        let (watch, mut before) = (&mut self.watch, 0);
        let ended = way.to.copy_within(&old, &new, item.replace, |line| {
            watch.carried(line.bytes.saturating_sub(std::mem::replace(&mut before, line.bytes)));
            watch.part(line.bytes);
            failed = line.failed.first().map(|f| f.why.clone()).or(failed.take());
        });
        let ended = ended.await.and_then(|end| end.fault.or(failed).map_or(Ok(()), Err));
        match ended {
            Ok(()) => self.watch.done(1, item.entry.size),
            Err(why) if is_cut(&why) || why.code == Fault::FULL => return Err(why),
            Err(why) => self.watch.failed_there(Failed { path: item.to, why }),
        }
        Ok(())
    }
}
