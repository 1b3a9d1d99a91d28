//! Owns what sessions were started as, and what is lost since the machine was restarted: kept, found again, started again.
//! Leaves out the file (`store::sessions`), and starting a process (`sessions.rs`).

use super::Agent;
use crate::backend::docker;
use crate::proto::control::connections::Connection;
use crate::proto::control::*;
use crate::proto::ids::SessionId;
use crate::safedir::SafeDir;
use crate::store::rundir::{Entry, oldest_first};
use crate::store::sessions::{self, Boot, Defined, Sessions, State};
use crate::sys;
use std::collections::HashSet;
use std::time::SystemTime;

impl Agent {
    pub(super) fn boot(&self) -> Boot {
        let run = self.run();
        Boot {
            machine: run.machine().into(),
            boot: run.boot().into(),
            now_ms: sys::unix_ms(SystemTime::now()),
            up_ms: sys::boot_ms(),
        }
    }

    pub(super) fn state_dir(&self) -> Option<SafeDir> {
        SafeDir::open(self.ctx.paths.state_dir()).ok()?
    }

    /// What sessions were started as.
    pub(super) fn defined(&self) -> Sessions {
        self.state_dir().map(|dir| sessions::load(&dir)).unwrap_or_default()
    }

    /// Why it is as it is: where it is not begun again by itself, that too.
    fn explained(&self, info: &mut SessionInfo, defined: &Sessions) {
        if let Some(left) = defined.left(&self.boot(), &info.id) {
            let cause = info.cause.take().unwrap_or_default();
            info.cause = Some(format!("{cause}; not begun again by itself: {left}"));
        }
    }

    /// Sessions that the last boot had and that have no record in the run dir.
    fn lost_at_boot(&self, defined: &Sessions) -> Vec<SessionInfo> {
        let seen = || self.state_dir().map(|dir| sessions::seen(&dir)).unwrap_or_default();
        defined.lost_at_boot(&self.boot(), seen)
    }

    /// One session, lost ones of the last boot too.
    pub(super) fn entry(&self, id: &SessionId) -> Option<Entry> {
        let found = self.run().entry(id);
        if let Some(Entry::Alive(_) | Entry::Ended(_)) = found {
            return found;
        }
        let defined = self.defined();
        let lost = || self.lost_at_boot(&defined).into_iter().find(|info| info.id == id.as_str());
        let mut found = found.or_else(|| lost().map(Entry::Lost));
        if let Some(Entry::Lost(info)) = &mut found {
            self.explained(info, &defined);
        }
        found
    }

    /// All sessions, lost ones of the last boot too, the oldest first.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut all = self.run().entries();
        let defined = self.defined();
        if all.iter().any(|e| matches!(e, Entry::Lost(_)))
            && let Some(dir) = self.state_dir()
        {
            let seen = sessions::seen(&dir);
            for entry in &mut all {
                if let Entry::Lost(info) = entry {
                    *info = seen.last_of(std::mem::take(info));
                }
            }
        }
        let there: HashSet<String> = all.iter().map(|e| e.info().id.clone()).collect();
        let lost = self.lost_at_boot(&defined);
        if lost.iter().any(|info| !there.contains(&info.id)) {
            all.extend(lost.into_iter().filter(|info| !there.contains(&info.id)).map(Entry::Lost));
            oldest_first(&mut all);
        }
        for entry in &mut all {
            if let Entry::Lost(info) = entry {
                self.explained(info, &defined);
            }
        }
        all
    }

    /// Keeps what a session was started as. Says why not, if not: the session goes on all the same.
    pub(super) async fn define(
        &self,
        info: SessionInfo,
        create: SessionCreate,
        connection: Option<Box<Connection>>,
    ) -> Option<String> {
        let boot = self.boot();
        let (machine, boot_id) = (boot.machine.clone(), boot.boot.clone());
        let (run, path, id) = (self.run(), self.ctx.paths.state_dir().to_path_buf(), info.id.clone());
        let defined = Defined { machine, boot: boot_id, info, create, connection, ..Defined::default() };
        let kept = tokio::task::spawn_blocking(move || {
            let dir = SafeDir::open_or_create(&path)?;
            let recorded = |id: &str| id.parse().is_ok_and(|id| run.entry(&id).is_some());
            sessions::define(&dir, &boot, &id, defined, recorded)
        });
        let failure = match kept.await {
            Ok(Ok(told)) => return told.map(|told| told.line()),
            Ok(Err(failure)) => failure.line(),
            Err(e) => e.to_string(),
        };
        tracing::warn!(failure, "what a session was started as is not kept");
        Some(format!("it can't be started again later: {failure}"))
    }

    /// A lost or ended session is not wanted any more.
    pub(super) async fn forget(&self, id: &SessionId) {
        self.run().forget(id);
        self.undefine(id).await;
    }

    /// It can't be started again from here on.
    pub(super) async fn undefine(&self, id: &SessionId) {
        let Some(dir) = self.state_dir() else { return };
        let gone = id.clone();
        let forgotten = tokio::task::spawn_blocking(move || sessions::forget(&dir, gone.as_str())).await;
        if let Ok(Err(failure)) = forgotten {
            tracing::warn!(%failure, "a session that is not wanted stays on record");
        }
    }

    /// Only what has ended or is lost is started again.
    pub(super) fn is_over(&self, id: &SessionId) -> Result<(), Fault> {
        let Some(Entry::Alive(record)) = self.run().entry(id) else { return Ok(()) };
        let label = record.info.label();
        let what = format!("session {label} is running: only one that has ended or is lost is started again");
        Err(Fault::new(Fault::REFUSED, what))
    }

    /// What a session was started as, where that is on record; size and name may be told anew.
    pub(super) async fn as_it_was(&self, id: &SessionId, wanted: SessionCreate) -> Result<SessionCreate, Fault> {
        self.is_over(id)?;
        let Some(defined) = self.defined().sessions.remove(id.as_str()) else { return Ok(wanted) };
        let mut create = defined.create;
        // a container that was made for it is meant again: by its id where that was seen, else by the name it was given
        let seen = self.entry(id).and_then(|e| e.info().device.as_ref()?.container.clone());
        let known = seen.or(create.container.take());
        create.container = Some(known.unwrap_or_else(|| docker::made_name(id.as_str())));
        create.size = wanted.size.or(create.size);
        create.name = wanted.name.or(create.name);
        // as the connection is now, or as it was where that is gone
        if let (Some(connection), Some(was)) = (&create.connection, defined.connection) {
            let there = self.book_now().await.is_ok_and(|book| book.connection(connection).is_some());
            if !there {
                (create.connection, create.definition) = (None, Some(was));
            }
        }
        Ok(create)
    }

    /// Keeps what is seen of the sessions, for after a restart of the machine.
    pub(super) async fn see(&self, list: &[SessionInfo]) {
        let run = self.run();
        let socket = |id: &str| run.path().join(format!("{id}.sock")).to_string_lossy().into_owned();
        let machine = run.machine().to_string();
        let state = State::of(&machine, list, socket);
        let Some(dir) = self.state_dir() else { return };
        let _ = tokio::task::spawn_blocking(move || sessions::see(&dir, &machine, state)).await;
    }
}
