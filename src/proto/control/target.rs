//! Owns what is said to a target process: how it stands with its host, its channels, and what it asks a person.
//! Leaves out SSH.

use super::{Done, Method};
use crate::proto::ids::{Offset, StreamId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A failure on its way to who words it for a person.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Told {
    /// usage, failed, unreachable, refused, timed-out, internal
    pub kind: String,
    pub what: String,
    pub hints: Vec<String>,
    /// Must be read before anything goes on: a changed host key.
    pub hard: bool,
}

/// How a target process stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct TargetInfo {
    /// `user@host` once it is known, else what it was asked to reach.
    pub host: String,
    /// idle, connecting, waiting (a question is open and nobody is there to be asked), connected, lost
    pub state: String,
    /// Channels open.
    pub channels: u32,
    pub pid: u32,
    /// Why it is not connected.
    pub failure: Option<Told>,
    /// A person chose it for the host; else for a session of its own.
    pub chosen: bool,
}

/// Whoever calls this can be asked: the newest is asked first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct TargetAttach {
    /// For this host a person chose to do without an agent (or no more).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen: Option<bool>,
}
method!(TargetAttach = "target.attach" -> TargetInfo);

/// How it stands, at once.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct TargetGet {}
method!(TargetGet = "target.get" -> TargetInfo);

/// Connects, unless that is done; answered once it stands or has failed (`failure`), questions included. What the caller
/// lends is used from then on, until another one lends such a thing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct TargetConnect {
    /// The socket of its ssh-agent, an absolute path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_sock: Option<String>,
    /// The X display, as `$DISPLAY` names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// The file of that display's cookies, an absolute path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xauthority: Option<String>,
}
method!(TargetConnect = "target.connect" -> TargetInfo);

/// Ends it and its channels, now.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct TargetStop {}
method!(TargetStop = "target.stop" -> Done);

/// Opens a terminal on the host: Data both ways on `stream`, sizes to it, its end as the notice `channel.exited`. The
/// stream's end is the terminal's.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ChannelOpen {
    pub stream: StreamId,
    /// shell, exec; sftp = no terminal, but the bytes of an SFTP session; pipe = as exec without a terminal: what it writes on
    /// standard output, byte for byte.
    pub kind: String,
    /// argv of `exec`.
    pub command: Vec<String>,
    /// In their place, as it is: one line for the login shell there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    pub term: String,
    pub cols: u16,
    pub rows: u16,
    pub env: Vec<(String, String)>,
    /// Output may be sent up to here: the first credit, bytes.
    pub window: u64,
}
impl ChannelOpen {
    pub const SFTP: &str = "sftp";
    pub const PIPE: &str = "pipe";
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ChannelOpened {
    /// `user@host`
    pub host: String,
    /// Input may be sent up to here.
    pub input_limit: Offset,
}
method!(ChannelOpen = "channel.open" -> ChannelOpened);

/// Towards a person: an unknown host key.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct AskHostKey {
    pub host: String,
    pub kind: String,
    pub fingerprint: String,
    /// Name, address and port it was reached at.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Which jump host it is, and on the way to whom; empty = none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub way: String,
    /// The file that gets the key, and the name it gets there; empty = none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kept: String,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Trusted {
    /// None = nobody answered.
    pub trust: Option<bool>,
}
method!(AskHostKey = "ask.host_key" -> Trusted);

/// Towards a person: a secret that `host` will see, unless it is a passphrase.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct AskSecret {
    pub host: String,
    pub prompt: String,
    /// May be shown while typed.
    pub echo: bool,
    /// password, passphrase (of a key file on the machine that asks: it stays there), else an answer in the host's own
    /// words' stead. Believed only of a process of this machine: for who asks from elsewhere, what is typed is seen there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The answer before was wrong: so many tries are left, this one included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
}
#[derive(Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Secret {
    /// None = nobody answered, or it was cancelled.
    pub answer: Option<String>,
}
method!(AskSecret = "ask.secret" -> Secret);

/// Never says what it holds.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.answer.is_some() { "Secret(..)" } else { "Secret(none)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret { answer: Some("hunter2".into()) };
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
