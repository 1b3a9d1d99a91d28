//! Owns what an agent and the session process it starts say to each other, over standard input and output.
//! Leaves out the socket they use later.

use super::control::{Fault, SessionCreate, SessionInfo};
use serde::{Deserialize, Serialize};

/// What an agent tells a new session process, as JSON on its standard input.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Spec {
    pub id: String,
    pub create: SessionCreate,
    /// Resolved by the agent: an existing directory.
    pub cwd: String,
    pub login: bool,
    /// The user's shell, where the settings name another than the system does.
    pub shell: Option<String>,
    /// Lines of history kept.
    pub history: usize,
    pub umask: u32,
    /// What THUB_HOST says inside.
    pub host: String,
}

impl Default for Spec {
    fn default() -> Spec {
        Spec {
            id: String::new(),
            create: SessionCreate::default(),
            cwd: String::new(),
            login: false,
            shell: None,
            history: 10_000,
            umask: 0o022,
            host: "local".into(),
        }
    }
}

/// What a new session process answers on its standard output: one JSON object, then end of file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Started {
    pub result: Result<SessionInfo, Fault>,
}
