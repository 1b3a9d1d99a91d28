//! Owns this host's serial ports as an agent sees them: which there are, and sessions on them that were lost and are begun
//! again by themselves. Leaves out the ports (`backend::serial`), and starting a process (`sessions.rs`).
//!
//! A session on a port has no program that would be begun anew: what is lost with its process is its screen. So one that
//! was killed, or went with a restart of the machine, is there again as soon as an agent is: under its id and name, once
//! for each loss. Not one that its user has ended, and not one behind SSH, for which somebody may have to be asked.

use super::Agent;
use crate::backend::serial::{Roots, list};
use crate::proto::control::*;
use crate::proto::ids::{SessionId, Size};
use crate::store::rundir::Entry;
use crate::store::sessions;
use crate::text::short;

/// What such a session is listed as.
const KIND: &str = "serial";

impl Agent {
    pub(super) async fn serial_ports(&self) -> Result<SerialListed, Fault> {
        // (a walk through /proc)
        let found = tokio::task::spawn_blocking(|| list(&Roots::default())).await;
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
    /// look, before anybody is told of sessions.
    pub(super) async fn look(&self) -> Vec<Entry> {
        // (hello and the first list come together: who is second sees what the first has begun)
        let mut looked = self.looked.lock().await;
        let mut all = self.entries();
        if !std::mem::replace(&mut *looked, true) {
            for entry in &mut all {
                if let Entry::Lost(info) = entry
                    && info.kind == KIND
                    && info.target.is_empty()
                    && let Ok(id) = info.id.parse::<SessionId>()
                {
                    self.begin_again(&id, info).await;
                    *entry = self.entry(&id).unwrap_or_else(|| Entry::Lost(std::mem::take(info)));
                }
            }
        }
        all
    }

    async fn begin_again(&self, id: &SessionId, info: &SessionInfo) {
        if !self.claim(id).await {
            return;
        }
        let size = Size { cols: info.cols, rows: info.rows };
        let create = SessionCreate {
            again: Some(id.clone()),
            name: Some(info.name.clone()).filter(|n| !n.is_empty()),
            size: Some(size).filter(|s| s.is_valid()),
            ..SessionCreate::default()
        };
        let why = short(info.cause.as_deref().unwrap_or("its process is gone"), 120);
        let told = format!("begun again {}: what was shown before is lost; {why}", crate::sys::now_rfc3339());
        match self.create_as(create, Some((id.clone(), told))).await {
            Ok(_) => self.run().forget(id),
            Err(fault) => {
                tracing::warn!(%fault, "a serial session is not begun again");
                self.claim(id).await;
            }
        }
    }

    /// Whether it is this agent that begins it again: one does, once.
    async fn claim(&self, id: &SessionId) -> bool {
        let Some(dir) = self.state_dir() else { return false };
        let id = id.to_string();
        let claimed = tokio::task::spawn_blocking(move || sessions::claim(&dir, &id)).await;
        matches!(claimed, Ok(Ok(true)))
    }
}
