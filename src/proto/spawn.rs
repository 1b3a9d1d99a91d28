//! Owns what an agent and the session process it starts say to each other, over standard input and output.
//! Leaves out the socket they use later.

use super::control::connections::{Docker, Serial, Telnet};
use super::control::{Fault, SessionCreate, SessionInfo, is_no};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What an agent tells a new session process, as JSON on its standard input.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Spec {
    pub id: String,
    pub create: SessionCreate,
    /// Resolved by the agent: an existing directory.
    pub cwd: String,
    /// The same, byte for byte, where it is not UTF-8.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cwd_bytes: Vec<u8>,
    pub login: bool,
    /// The user's shell, where the settings name another than the system does.
    pub shell: Option<String>,
    /// Lines of history kept.
    pub history: usize,
    pub umask: u32,
    /// The program's soft limit of core dumps, bytes; -1 = no limit, left out = as it is.
    pub core: Option<i64>,
    /// What THUB_HOST says inside.
    pub host: String,
    /// What its connection says.
    #[serde(skip_serializing_if = "From::is_nothing")]
    pub from: From,
}

/// What a session gets from its prepared connection, placeholders filled in.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct From {
    pub connection: String,
    pub connection_id: String,
    /// The shell, where it names one.
    pub shell: Option<String>,
    /// Run by the shell in its own stead.
    pub line: Option<String>,
    /// Typed once it is there.
    pub typed: Option<String>,
    pub env: Vec<(String, String)>,
    /// What the program writes, where it is not UTF-8.
    pub encoding: Option<String>,
    /// What it is connected to in a program's stead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceSpec>,
    /// What its user is told first: it was started again by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}

/// What a session without a program of its own is connected to.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum DeviceSpec {
    /// With a target process in `create.target`: a port of that host.
    Serial(Serial),
    Docker(Docker),
    Telnet(Telnet),
}

impl DeviceSpec {
    /// As [`SessionInfo::kind`] has it.
    pub fn kind(&self) -> &'static str {
        match self {
            DeviceSpec::Serial(_) => "serial",
            DeviceSpec::Docker(_) => "docker",
            DeviceSpec::Telnet(_) => "telnet",
        }
    }
}

impl From {
    fn is_nothing(&self) -> bool {
        *self == From::default()
    }
}

impl Default for Spec {
    fn default() -> Spec {
        Spec {
            id: String::new(),
            create: SessionCreate::default(),
            cwd: String::new(),
            cwd_bytes: Vec::new(),
            login: false,
            shell: None,
            history: 10_000,
            umask: 0o022,
            core: None,
            host: "local".into(),
            from: From::default(),
        }
    }
}

impl Spec {
    pub fn directory(&self) -> PathBuf {
        if self.cwd_bytes.is_empty() {
            PathBuf::from(&self.cwd)
        } else {
            PathBuf::from(OsStr::from_bytes(&self.cwd_bytes))
        }
    }

    pub fn in_directory(mut self, cwd: &Path) -> Spec {
        self.cwd = cwd.to_string_lossy().into_owned();
        self.cwd_bytes = if cwd.to_str().is_some() { Vec::new() } else { cwd.as_os_str().as_bytes().to_vec() };
        self
    }
}

/// What a new session process answers on its standard output: one JSON object, then end of file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Started {
    pub result: Result<SessionInfo, Fault>,
}

/// What a client tells a new target process, as JSON on its standard input.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct TargetSpec {
    /// As the user wrote it: an alias of ssh_config or `user@host[:port]`.
    pub dest: String,
    /// The ssh_config to use instead of the user's, an absolute path, byte for byte.
    pub ssh_config: Option<Vec<u8>>,
    /// What a prepared connection says beside ssh_config: a key file to be tried first,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_path: Option<String>,
    /// jump hosts in place of its own,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_jump: Option<String>,
    /// and what is lent to the host.
    #[serde(skip_serializing_if = "is_no")]
    pub forward_agent: bool,
    #[serde(skip_serializing_if = "is_no")]
    pub x11: bool,
}

/// What a new target process answers on its standard output once its socket stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetStarted {
    pub result: Result<super::control::TargetInfo, Fault>,
}
