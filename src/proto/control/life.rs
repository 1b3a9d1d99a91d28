//! Owns the calls about an agent's own life: its end in order, its renewal, what it finds again.

use super::{Done, Method, SessionInfo};
use serde::{Deserialize, Serialize};

/// Ends the agent in order: its link and its attached streams are told `agent.shutting_down`, then closed. Its sessions
/// live on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct AgentShutdown {
    pub reason: String,
    /// When an agent may be started here again, seconds from now; left out = nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_return_s: Option<u64>,
}
method!(AgentShutdown = "agent.shutdown" -> Done);

/// The same for another build's sake: the client dials again and finds that one. Agents before it answer -32601 and know
/// `agent.shutdown`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct AgentUpdate {
    /// The build that comes, as its directory is named; for the words that clients show.
    pub build: String,
}
method!(AgentUpdate = "agent.update" -> Done);

/// Looks through the run dir anew.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionRecover {}
/// What there is. Sessions this agent had not known of, or had lost sight of, are told as `session.recovered`, too.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionRecovered {
    /// All of them, shortened to what an answer may hold.
    pub sessions: Vec<SessionInfo>,
    /// Those whose process lives and answers.
    pub recovered: u32,
    /// Those whose process lives and does not answer now.
    pub orphaned: u32,
    /// Those whose process was killed.
    pub lost: u32,
}
method!(SessionRecover = "session.recover" -> SessionRecovered);
