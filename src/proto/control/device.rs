//! Owns what is known of the far end of a session that has no program of its own, and what can be done with it. Pure.
//! Leaves out the calls of every session (`super`).

use super::{Done, Method};
use crate::proto::ids::SessionId;
use serde::{Deserialize, Serialize};

/// How it stands with what a session is connected to: a serial port, a container, a telnet host.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Device {
    /// What it is, for a row: `/dev/ttyUSB0 · 115200`, `web · nginx:1`. Untrusted.
    pub what: String,
    /// connected, waiting (it is away, and is looked for)
    pub state: String,
    /// Since when, ms since 1970.
    pub since_ms: u64,
    /// Why it waits; who has it. Untrusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What is on of what can be switched: `hex`, `timestamps`, `log /path`, `DTR`, `sending 40 %`. Untrusted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// The container's id, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The socket of the engine that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
}

impl Device {
    pub const CONNECTED: &str = "connected";
    pub const WAITING: &str = "waiting";
}

/// Does something with what a session is connected to.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionAct {
    pub session: SessionId,
    pub act: Act,
}
method!(SessionAct = "session.act" -> Done);

/// Refused (WRONG_KIND) where the far end knows no such thing.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Act {
    /// A break on a serial line, or telnet's (RFC 854).
    Break {
        /// Serial: how long, ms, 1 to 5000; 0 = 250.
        #[serde(default)]
        ms: u32,
    },
    /// Modem lines of a serial port; what is left out stays.
    Lines {
        #[serde(default)]
        dtr: Option<bool>,
        #[serde(default)]
        rts: Option<bool>,
    },
    Hex {
        on: bool,
    },
    Timestamps {
        on: bool,
    },
    LocalEcho {
        on: bool,
    },
    /// cr, lf, crlf
    LineEnding {
        to: String,
    },
    /// Bits per second.
    Baud {
        rate: u32,
    },
    /// Appends what comes to a file there; none = ends that.
    Log {
        path: Option<String>,
    },
    /// Sends a file's bytes; answered when it has begun, its progress is in [`Device::marks`].
    SendFile {
        path: String,
    },
    /// Ends what is being sent.
    StopSending {},
    /// Whole lines or single characters (telnet): auto, line, character.
    Mode {
        to: String,
    },
    /// Stops the container; starts it.
    Stop {},
    Start {},
    /// One of a later build.
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_of_later_builds_are_told_apart() {
        let read = |json: &str| serde_json::from_str::<Act>(json).unwrap();
        assert_eq!(read(r#"{"do":"break"}"#), Act::Break { ms: 0 });
        assert_eq!(read(r#"{"do":"lines","dtr":true}"#), Act::Lines { dtr: Some(true), rts: None });
        assert_eq!(read(r#"{"do":"dance","with":"x"}"#), Act::Unknown);
        assert_eq!(serde_json::to_string(&Act::Hex { on: true }).unwrap(), r#"{"do":"hex","on":true}"#);
    }
}
