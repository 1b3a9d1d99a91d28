//! Owns what becomes of a file whose name is taken: what was wanted beforehand, or what a person answers.

use super::there::{There, look_at};
use super::watch::first_name;
use super::{Conflict, JobEvent, Run, What};
use crate::client::files::carry::Item;
use crate::proto::control::*;

/// Names tried for a copy beside another.
pub(super) const NAMES: u32 = 1000;

fn cancelled() -> Fault {
    Fault::new(Fault::REFUSED, "cancelled")
}

/// The name with a number before its ending.
pub(super) fn numbered(name: &FileName, number: u32) -> Option<FileName> {
    let bytes = name.as_bytes();
    let dot = bytes.iter().rposition(|b| *b == b'.').filter(|at| *at > 0).unwrap_or(bytes.len());
    let (stem, ending) = bytes.split_at(dot);
    FileName::new([stem, format!(" ({number})").as_bytes(), ending].concat()).ok()
}

impl Run {
    /// Whether a file is copied although something has its name there, and how.
    pub(super) async fn goes(&mut self, item: &mut Item, there: There) -> Result<bool, Fault> {
        if there.same {
            self.watch.done(1, item.entry.size);
            return Ok(false);
        }
        let there = there.info;
        let older = there.mtime_ms < item.entry.mtime_ms;
        let what = match (self.decided.get(&item.entry.path), self.conflict) {
            (Some(what), _) => *what,
            (None, Conflict::Skip) => What::Skip,
            (None, Conflict::Replace) => What::Replace,
            (None, Conflict::ReplaceOlder) => What::ReplaceOlder,
            (None, Conflict::KeepBoth) => What::KeepBoth,
            (None, Conflict::Refuse) => {
                let why = Fault::new(Fault::NAME_TAKEN, format!("'{}' is there already, and is another one", item.to));
                self.watch.failed_there(Failed { path: item.to.clone(), why });
                return Ok(false);
            }
            (None, Conflict::Ask) => self.ask(item, there).await?,
        };
        match what {
            What::Replace | What::ReplaceOlder if older || what == What::Replace => {
                item.replace = true;
                Ok(true)
            }
            What::Skip | What::Replace | What::ReplaceOlder => {
                self.watch.skip(&item.to);
                Ok(false)
            }
            What::KeepBoth => self.beside(item).await,
            What::Cancel => Err(cancelled()),
        }
    }

    /// Finds a name for it; not where it is there under one of them.
    async fn beside(&mut self, item: &mut Item) -> Result<bool, Fault> {
        let split = item.to.split();
        for number in 2..NAMES {
            let Some((dir, name)) = &split else { break };
            let Some(new) = numbered(name, number) else { break };
            let to = dir.join(&new);
            let source = self.compared(&item.entry, &to);
            match look_at(&self.job.from, source, &self.job.to, self.to_path(&to), &item.entry).await? {
                Some(there) if there.same => {
                    self.knows(&item.entry, &to);
                    self.watch.done(1, item.entry.size);
                    return Ok(false);
                }
                Some(_) => {}
                None => {
                    self.watch.beside.insert(first_name(&to), first_name(&item.to));
                    item.to = to;
                    return Ok(true);
                }
            }
        }
        let why = Fault::new(Fault::NAME_TAKEN, "there is no name for it beside the one that is there");
        self.watch.failed_there(Failed { path: item.to.clone(), why });
        Ok(false)
    }

    async fn ask(&mut self, item: &Item, there: FileInfo) -> Result<What, Fault> {
        self.asked += 1;
        let id = self.asked;
        let entry = &item.entry;
        let name = item.to.split().map(|(_, name)| name).unwrap_or_default();
        let ours = FileInfo {
            name,
            kind: entry.kind,
            size: entry.size,
            mode: entry.mode,
            mtime_ms: entry.mtime_ms,
            ..FileInfo::default()
        };
        let asked = JobEvent::Asked { id, path: item.to.clone(), theirs: Box::new(there), ours: Box::new(ours) };
        let _ = self.watch.events.send(asked);
        loop {
            let Some((to, choice)) = self.answers.recv().await else { return Err(cancelled()) };
            if to != id {
                continue;
            }
            match choice.what.for_all().filter(|_| choice.all) {
                Some(conflict) => self.conflict = conflict,
                None => drop(self.decided.insert(entry.path.clone(), choice.what)),
            }
            return Ok(choice.what);
        }
    }
}
