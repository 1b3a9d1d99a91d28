//! Owns the calls about containers of a machine's engine, with or without a session. Pure. Leaves out what a connection says
//! of one (`connections`), and a session's own (`device`).

use super::{Done, Method, is_no};
use serde::{Deserialize, Serialize};

/// What containers there are, and images. Errors: UNKNOWN no engine, REFUSED no right to ask it (the message says who has
/// it), GONE it is not running, TIMEOUT it is silent.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ContainersList {
    /// The engine's socket, a path; left out = `$DOCKER_HOST`, else Docker's own place, else Podman's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    #[serde(skip_serializing_if = "is_no")]
    pub images: bool,
}
method!(ContainersList = "containers.list" -> Containers);

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Containers {
    /// Where the engine was found.
    pub socket: String,
    /// `Podman 4.3.1`; empty = an older agent does not say. Untrusted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub engine: String,
    /// Whoever may use the socket has this user's rights there; empty = root's (or an older agent does not say).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// Running ones first, then by name; [`Containers::MOST`] at most.
    pub containers: Vec<ContainerInfo>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageInfo>,
    /// There are more than are told.
    #[serde(skip_serializing_if = "is_no")]
    pub more: bool,
}
impl Containers {
    pub const MOST: usize = 2000;
}

/// A container. All of its words are untrusted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ContainerInfo {
    /// 64 hexadecimal digits.
    pub id: String,
    pub names: Vec<String>,
    pub image: String,
    /// created, running, paused, restarting, removing, exited, dead
    pub state: String,
    /// `Up 3 hours (healthy)`, in the engine's words.
    pub status: String,
    /// Seconds since 1970.
    pub created: i64,
    /// `127.0.0.1:8080->80/tcp`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
}
impl ContainerInfo {
    /// What it is called: its first name, else its id's beginning.
    pub fn label(&self) -> &str {
        match self.names.first() {
            Some(name) => name,
            None => self.id.get(..12).unwrap_or(&self.id),
        }
    }
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }
}

/// An image. All of its words are untrusted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ImageInfo {
    /// `sha256:` and 64 hexadecimal digits.
    pub id: String,
    /// `debian:12`; none where it has no name.
    pub names: Vec<String>,
    /// Bytes.
    pub size: i64,
    /// Seconds since 1970.
    pub created: i64,
}

/// Starts a container, or stops it (its own program gets its signal, and 10 s). Errors: as [`ContainersList`]'s, UNKNOWN no such
/// container, SPAWN it can't be started.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ContainersAct {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// A name or an id.
    pub container: String,
    /// start, stop
    pub act: String,
}
method!(ContainersAct = "containers.act" -> Done);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_is_called() {
        let one =
            ContainerInfo { id: "0123456789abcdef".into(), names: vec!["web".into()], ..ContainerInfo::default() };
        assert_eq!(one.label(), "web");
        assert_eq!(ContainerInfo { names: Vec::new(), ..one }.label(), "0123456789ab");
    }
}
