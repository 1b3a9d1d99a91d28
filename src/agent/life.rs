//! Owns an agent's end in order, and what it finds again: its hello, `session.recover`, `session.recovered`.
//! Leaves out who asks for it, and the sessions, which go on.

use super::sessions::shorten;
use super::{Agent, LIST};
use crate::link::{call, locked};
use crate::proto::control::*;
use crate::proto::hello;
use crate::proto::notice::{Notice, ShuttingDown};
use crate::store::rundir::Entry;
use crate::sys;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Streams have come to their end within this: a program that is run may tidy up for a second.
const STREAMS: Duration = Duration::from_millis(1500);
const LOOK: Duration = Duration::from_millis(5);
/// What is said of an end by a signal: another agent may be started at once.
pub(super) const STOPPED: &str = "it was stopped";
/// Until a client has put another build there, say.
const UPDATE: u64 = 5;

/// What a call means for the agent's life, if anything.
pub(super) fn farewell(method: &str, params: &serde_json::Value) -> Option<ShuttingDown> {
    let params = || params.clone();
    match method {
        AgentShutdown::NAME => {
            let AgentShutdown { reason, expected_return_s } = call::params(params()).ok()?;
            Some(ShuttingDown { reason, expected_return_s })
        }
        AgentUpdate::NAME => {
            let build = call::params::<AgentUpdate>(params()).ok()?.build;
            let reason = match build.as_str() {
                "" => "it is updated".into(),
                build => format!("it is updated to {}", crate::text::short(build, 60)),
            };
            Some(ShuttingDown { reason, expected_return_s: Some(UPDATE) })
        }
        _ => None,
    }
}

impl Agent {
    pub(super) async fn initialize(self: &Arc<Agent>, theirs: Initialize) -> Result<Initialized, Fault> {
        let ours = (hello::REVISION_MIN, hello::REVISION);
        let revision = hello::agree(ours, (theirs.revision_min, theirs.revision_max)).map_err(|_| {
            Fault::new(
                Fault::REFUSED,
                format!(
                    "this agent is thub {} and speaks protocol revisions {} to {}, the client is thub {} and speaks {} \
                     to {}",
                    hello::BUILD,
                    ours.0,
                    ours.1,
                    crate::text::short(&theirs.build, 60),
                    theirs.revision_min,
                    theirs.revision_max
                ),
            )
        })?;
        let (os, arch) = sys::os_arch();
        let exe = std::fs::read_link("/proc/self/exe").unwrap_or_else(|_| PathBuf::from("thub"));
        let entries = self.look().await;
        let alive: Vec<&Entry> = entries.iter().filter(|e| matches!(e, Entry::Alive(_))).collect();
        *locked(&self.known) = alive.iter().map(|e| e.info().id.clone()).collect();
        Ok(Initialized {
            revision,
            build: hello::BUILD.into(),
            hostname: sys::hostname(),
            os: os.into(),
            arch: arch.into(),
            pid: std::process::id(),
            exe: exe.to_string_lossy().into_owned(),
            home: self.ctx.paths.home().to_string_lossy().into_owned(),
            recovered: alive.len() as u32,
            sessions: alive.iter().take(Initialized::NAMED).map(|e| e.info().id.clone()).collect(),
            lost: entries.iter().filter(|e| matches!(e, Entry::Lost(_))).count() as u32,
            capabilities: hello::capabilities(),
            // (looked into by whoever answers)
            ends_at_logout: false,
        })
    }

    /// Looks through the run dir anew, asks what is alive, and tells of what had been out of sight.
    pub(super) async fn recover(self: &Arc<Agent>) -> SessionRecovered {
        let mut sessions = self.list().await;
        let count = |state: &[&str]| sessions.iter().filter(|s| state.contains(&s.state.as_str())).count() as u32;
        let (recovered, orphaned, lost) = (count(&["running", "detached"]), count(&["orphaned"]), count(&["lost"]));
        self.seen(sessions.iter().filter(|s| s.is_alive()).map(|s| s.id.clone()).collect());
        shorten(&mut sessions, LIST);
        SessionRecovered { sessions, recovered, orphaned, lost }
    }

    /// The run dir is another: what it has now.
    pub(super) fn look_again(&self) -> Vec<Entry> {
        let entries = self.run().entries();
        self.seen(entries.iter().filter(|e| matches!(e, Entry::Alive(_))).map(|e| e.info().id.clone()).collect());
        entries
    }

    /// These are alive now. Those that were not known of, and are older than this agent, were out of sight.
    fn seen(&self, alive: HashSet<String>) {
        let before = std::mem::replace(&mut *locked(&self.known), alive.clone());
        let run = self.run();
        let older = |id: &&String| {
            let entry = id.parse().ok().and_then(|id| run.entry(&id));
            entry.is_some_and(|e| e.info().created_up.is_none_or(|up| up < self.began_up))
        };
        let back: Vec<String> = alive.difference(&before).filter(older).take(Initialized::NAMED).cloned().collect();
        if !back.is_empty() {
            call::notify(&self.link.out, 0, &Notice::SessionsRecovered(back));
        }
    }

    /// Tells the client, lets go of every stream, and waits until they have come to their end. The link is still open
    /// then: an answer may follow.
    pub(super) async fn leave(self: &Arc<Agent>, why: ShuttingDown) {
        tracing::info!(reason = why.reason, "the agent ends");
        call::notify(&self.link.out, 0, &Notice::AgentShuttingDown(why.clone()));
        *locked(&self.leaving) = Some(why);
        for (_, task) in locked(&self.subscriptions).drain() {
            task.abort();
        }
        // who holds one of them tells its stream
        locked(&self.streams).clear();
        let until = tokio::time::Instant::now() + STREAMS;
        while self.held.load(Ordering::SeqCst) > 0 && tokio::time::Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
    }
}
