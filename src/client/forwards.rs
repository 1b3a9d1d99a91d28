//! Owns how a forward is put into words and records. Leaves out the forwards (`transport/ssh/forward.rs`).

use crate::paths::Paths;
use crate::store::forwards::{Kept, Shown};
use crate::text::escape;
use crate::transport::ssh::forward::{State, Status};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// One word for a state.
pub fn state_word(state: &State) -> &'static str {
    match state {
        State::Opening => "opening",
        State::Open => "open",
        State::Waiting => "waiting",
        State::Failed(_) => "failed",
    }
}

/// As it is recorded, and printed by `--json`.
pub fn shown(host: &str, status: &Status) -> Shown {
    let trouble = match &status.state {
        State::Failed(why) => why.what.clone(),
        _ => status.trouble.clone().unwrap_or_default(),
    };
    Shown {
        host: escape(host),
        kind: status.spec.kind.letter().to_string(),
        from: status.from(),
        to: status.to(),
        port: status.port.unwrap_or_default(),
        state: state_word(&status.state).to_string(),
        trouble,
        configured: status.configured,
        connections: status.connections,
        total: status.total,
        refused: status.refused,
        pid: 0,
    }
}

/// What this process says of all its hosts' forwards, in one file.
#[derive(Default)]
pub struct Records {
    now: Mutex<BTreeMap<String, Vec<Shown>>>,
    kept: Mutex<Option<Kept>>,
}

impl Records {
    /// What is so of a host now; whether that is another than before.
    pub fn say(&self, host: &str, forwards: &[Status]) -> bool {
        let shown: Vec<Shown> = forwards.iter().map(|f| shown(host, f)).collect();
        let mut now = self.now.lock().unwrap_or_else(|e| e.into_inner());
        if now.get(host).map_or(shown.is_empty(), |before| *before == shown) {
            return false;
        }
        now.insert(host.to_string(), shown);
        true
    }

    /// Writes it. Blocks: for a thread that may.
    pub fn write(&self, paths: &Paths) {
        let mut kept = self.kept.lock().unwrap_or_else(|e| e.into_inner());
        // the latest, whoever comes first
        let all: Vec<Shown> = self.now.lock().unwrap_or_else(|e| e.into_inner()).values().flatten().cloned().collect();
        if kept.is_none() {
            *kept = Kept::new(paths).inspect_err(|e| tracing::warn!(why = %e.what, "no record of forwards")).ok();
        }
        if let Some(Err(e)) = kept.as_mut().map(|k| k.say(all)) {
            tracing::warn!(error = %e, "the record of forwards can't be written");
        }
    }
}
