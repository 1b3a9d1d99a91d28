//! Owns how a forward is put into words and records. Leaves out the forwards (`transport/ssh/forward.rs`).

use crate::store::forwards::Shown;
use crate::text::escape;
use crate::transport::ssh::forward::{State, Status};

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
