//! Owns this host's serial ports as an agent sees them: which there are, and sessions on them that were lost and are begun
//! again by themselves. Leaves out the ports (`backend::serial`), and starting a process (`sessions.rs`).
//!
//! A session on a port has no program that would be begun anew: what is lost with its process is its screen. So one that
//! was killed, or went with a restart of the machine, is there again under its id and name: an agent's first look begins it,
//! and while somebody follows the list of sessions its process is watched. One behind SSH is, too, where nobody has to be
//! asked for that. Never one that its user has ended; and one that is lost again and again is left, as is one that can't
//! be begun: why is said with it.

use super::Agent;
use super::relay::ANSWER;
use super::targets::{Connect, is_connected};
use crate::backend::{pty, serial};
use crate::link::{call, locked};
use crate::proto::control::*;
use crate::proto::ids::{SessionId, Size, TargetId};
use crate::proto::notice::Notice;
use crate::store::rundir::Entry;
use crate::store::sessions::{self, Sessions};
use crate::store::target;
use crate::sys;
use crate::text::short;
use rustix::io::Errno;
use rustix::process::Pid;
use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// What such a session is listed as.
const KIND: &str = "serial";
/// What is not begun again within this is listed as lost, until it is.
const FIRST: Duration = Duration::from_secs(2);
/// Who begins one again has done so within this.
const TURN: Duration = Duration::from_secs(15);

impl Agent {
    pub(super) async fn serial_ports(&self) -> Result<SerialListed, Fault> {
        // (a walk through /proc)
        let found = tokio::task::spawn_blocking(|| serial::list(&serial::Roots::default())).await;
        let mut ports = found.map_err(|e| Fault::new(Fault::INTERNAL, e.to_string()))?;
        let run = self.run();
        for session in ports.iter_mut().filter_map(|p| p.holder.as_mut()?.session.as_mut()) {
            let entry = session.parse().ok().and_then(|id: SessionId| run.entry(&id));
            if let Some(Entry::Alive(record)) = entry {
                *session = record.info.label().to_string();
            }
        }
        Ok(SerialListed { ports })
    }

    /// All sessions, the oldest first. Those on ports of this machine that were lost are begun again by an agent's first
    /// look, before anybody is told of sessions; those behind SSH meanwhile, but where their host is connected.
    pub(super) async fn look(self: &Arc<Agent>) -> Vec<Entry> {
        // (hello and the first list come together: who is second sees what the first has begun)
        let mut looked = self.looked.lock().await;
        let mut all = self.entries();
        if std::mem::replace(&mut *looked, true) {
            return all;
        }
        let until = tokio::time::Instant::now() + FIRST;
        let (defined, mut begun) = (self.defined(), Vec::new());
        for (at, entry) in all.iter().enumerate() {
            if let Entry::Alive(record) = entry {
                self.mends_way(&record.info);
            }
            let Some((id, info)) = self.comes_again(entry, &defined) else { continue };
            let task = self.begins(id.clone());
            begun.push((at, id, task, info.target));
        }
        for (at, id, task, target) in begun {
            let begins = async {
                let is_near = match target.parse() {
                    Ok(target) => is_connected(&self.run(), &target).await,
                    Err(_) => true,
                };
                if is_near {
                    let _ = task.await;
                }
            };
            let _ = tokio::time::timeout_at(until, begins).await;
            if let Some(now) = self.entry(&id) {
                all[at] = now;
            }
        }
        all
    }

    /// A session that is to be begun again.
    fn comes_again(&self, entry: &Entry, defined: &Sessions) -> Option<(SessionId, SessionInfo)> {
        let Entry::Lost(info) = entry else { return None };
        let id = info.id.parse().ok().filter(|_| info.kind == KIND)?;
        let is_left = !defined.sessions.contains_key(&info.id) || defined.left(&self.boot(), &info.id).is_some();
        (!is_left).then(|| (id, info.clone()))
    }

    pub(super) fn is_to_come(&self, entry: &Entry) -> bool {
        self.comes_again(entry, &self.defined()).is_some()
    }

    /// Begins one again beside whatever else there is to do: true once it stands.
    pub(super) fn begins(self: &Arc<Agent>, id: SessionId) -> tokio::task::JoinHandle<bool> {
        let agent = self.clone();
        tokio::spawn(async move { agent.begin_again(&id).await })
    }

    /// Waits for it, but no longer than a client does for an answer; none = it is not to be begun again. True = it stands.
    pub(super) async fn soon_again(self: &Arc<Agent>, entry: &Entry) -> Option<bool> {
        let (id, _) = self.comes_again(entry, &self.defined())?;
        Some(tokio::time::timeout(ANSWER, self.begins(id)).await.is_ok_and(|stands| stands.unwrap_or(false)))
    }

    /// Begins a lost session again, unless that is not to be (any more). Whether it stands, by whomsoever.
    async fn begin_again(&self, id: &SessionId) -> bool {
        match self.try_again(id).await {
            Ok(stands) => stands,
            // (another agent has)
            Err(_) if self.stands(id) => true,
            Err(fault) => {
                tracing::warn!(%fault, "a serial session is not begun again");
                // (what had no time may have some the next time)
                let is_late = matches!(fault.code, Fault::GONE | Fault::TIMEOUT);
                if let Some(dir) = self.state_dir().filter(|_| !is_late) {
                    let (boot, id, why) = (self.boot(), id.to_string(), short(&fault.message, 300));
                    let left = move || sessions::leave(&dir, &boot, &id, &why);
                    let _ = tokio::task::spawn_blocking(left).await;
                }
                call::notify(&self.link.out, 0, &Notice::SessionsChanged);
                false
            }
        }
    }

    async fn try_again(&self, id: &SessionId) -> Result<bool, Fault> {
        let lost = |agent: &Agent| agent.entry(id).and_then(|entry| agent.comes_again(&entry, &agent.defined()));
        let Some((_, info)) = lost(self) else { return Ok(self.stands(id)) };
        // what may take long goes before its turn
        if !info.target.is_empty() {
            self.reach_by_itself(id).await?;
        }
        let Some(_turn) = self.turn().await else { return Ok(self.stands(id)) };
        let Some((_, info)) = lost(self).filter(|_| locked(&self.leaving).is_none()) else {
            return Ok(self.stands(id));
        };
        let Some(dir) = self.state_dir() else { return Ok(false) };
        let (boot, counted) = (self.boot(), id.to_string());
        let begins = tokio::task::spawn_blocking(move || sessions::begins_again(&dir, &boot, &counted)).await;
        if !matches!(begins, Ok(Ok(true))) {
            call::notify(&self.link.out, 0, &Notice::SessionsChanged);
            return Ok(false);
        }
        let size = Size { cols: info.cols, rows: info.rows };
        let create = SessionCreate {
            again: Some(id.clone()),
            name: Some(info.name).filter(|n| !n.is_empty()),
            size: Some(size).filter(|s| s.is_valid()),
            ..SessionCreate::default()
        };
        let why = short(info.cause.as_deref().unwrap_or("its process is gone"), 120);
        let told = format!("begun again {}: what was shown before is lost; {why}", sys::now_rfc3339());
        self.create_as(create, Some((id.clone(), told))).await?;
        self.run().forget(id);
        Ok(true)
    }

    pub(super) fn stands(&self, id: &SessionId) -> bool {
        matches!(self.run().entry(id), Some(Entry::Alive(_)))
    }

    /// The host behind which its port is: connected, or not to be reached just now, which the session waits for.
    ///
    /// # Errors
    /// Somebody would have to be asked, or it is refused.
    async fn reach_by_itself(&self, id: &SessionId) -> Result<(), Fault> {
        let Some(defined) = self.defined().sessions.remove(id.as_str()) else { return Ok(()) };
        let kept = match &defined.create.connection {
            Some(connection) => self.prepared(connection).await.ok(),
            None => defined.create.definition.map(|d| *d),
        };
        if let Some(connection) = kept.or(defined.connection.map(|c| *c))
            && let Some(ssh) = self.port_is_behind(&connection).await?
        {
            self.reached(&ssh, Connect::Alone).await?;
        }
        Ok(())
    }

    /// The process that held the connection to a session's port may be gone, which the session waits for: it is there again
    /// where nobody has to be asked for that. Which process holds it, if one does.
    pub(super) fn mends_way(self: &Arc<Agent>, info: &SessionInfo) -> Option<Process> {
        let (id, target) = (info.id.parse::<SessionId>().ok()?, info.target.parse::<TargetId>().ok()?);
        if info.kind != KIND {
            return None;
        }
        if let Ok(stream) = target::connect(&self.run(), &target) {
            let pid = sys::peer_pid(&stream)?;
            return Some((pid, sys::process_start_time(i32::try_from(pid).ok()?)?));
        }
        let agent = self.clone();
        tokio::spawn(async move {
            if let Err(fault) = agent.reach_by_itself(&id).await {
                tracing::warn!(%fault, "the way to a serial port stays gone");
            }
        });
        None
    }

    /// The turn to begin lost sessions again, which one agent has at a time.
    async fn turn(&self) -> Option<File> {
        let run = self.run();
        tokio::task::spawn_blocking(move || run.lock_again(TURN)).await.ok()?.ok()
    }

    /// As long as this is held a lost session is not begun again by anybody: none = it is not lost.
    ///
    /// # Errors
    /// Somebody is at that for long.
    pub(super) async fn stays_lost(&self, id: &SessionId) -> Result<Option<File>, Fault> {
        match self.entry(id) {
            Some(Entry::Lost(info)) if info.kind == KIND => {
                let busy = || Fault::new(Fault::TIMEOUT, "lost sessions are being begun again just now: try once more");
                Ok(Some(self.turn().await.ok_or_else(busy)?))
            }
            _ => Ok(None),
        }
    }
}

/// A process by its number and when it started.
pub(super) type Process = (u32, u64);

/// Waits for the ends of the processes of sessions on ports, and of those that hold the connections to their hosts.
#[derive(Default)]
pub struct Ends {
    /// Which, by number and start.
    known: HashSet<Process>,
    tasks: JoinSet<Option<Process>>,
}

impl Ends {
    /// What is there now: the living are watched from here on, the lost are begun again.
    pub fn follow(&mut self, agent: &Arc<Agent>, entries: &[Entry]) {
        let mut defined = None;
        for entry in entries {
            match entry {
                Entry::Alive(record) if record.info.kind == KIND => {
                    for process in
                        agent.mends_way(&record.info).into_iter().chain([(record.info.pid, record.start_time)])
                    {
                        self.watch(process);
                    }
                }
                Entry::Lost(info) if info.kind == KIND => {
                    let defined = defined.get_or_insert_with(|| agent.defined());
                    if let Some((id, _)) = agent.comes_again(entry, defined) {
                        agent.begins(id);
                    }
                }
                _ => {}
            }
        }
    }

    fn watch(&mut self, key: Process) {
        let Some(pid) = i32::try_from(key.0).ok().and_then(Pid::from_raw) else { return };
        if !self.known.insert(key) {
            return;
        }
        match pty::end_of(pid).and_then(sys::watched) {
            Ok(end) => _ = self.tasks.spawn(async move { end.readable().await.map_or(Some(key), |_| Some(key)) }),
            // it has just ended, which is looked at once: one of another PID namespace has not
            Err(e) if Errno::from_io_error(&e) == Some(Errno::SRCH) => _ = self.tasks.spawn(async { None }),
            Err(e) => tracing::warn!(error = %e, "a session's process can't be watched"),
        }
    }

    /// One has ended.
    pub async fn next(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(Some(key))) => _ = self.known.remove(&key),
            Some(Ok(None) | Err(_)) => {}
            None => std::future::pending().await,
        }
    }
}
