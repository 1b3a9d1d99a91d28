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
}

impl Device {
    pub const CONNECTED: &str = "connected";
    pub const WAITING: &str = "waiting";

    /// A host was silent for so long, ms; 0 = it is heard. Whether that is news: how long it lasts is counted by who shows it.
    pub fn hear(&mut self, quiet_ms: u64, now_ms: u64) -> bool {
        let state = if quiet_ms == 0 { "" } else { Device::WAITING };
        if self.state == state {
            return false;
        }
        self.state = state.into();
        self.since_ms = now_ms.saturating_sub(quiet_ms);
        self.why = (quiet_ms != 0).then(|| "nothing is heard of it".into());
        true
    }
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
    fn silence_is_told_when_it_begins_and_when_it_ends() {
        let mut host = Device::default();
        assert!(!host.hear(0, 10_000), "it was heard all the time");
        assert!(host.hear(3000, 10_000));
        assert_eq!((host.state.as_str(), host.since_ms), (Device::WAITING, 7000));
        assert!(!host.hear(4000, 11_000), "it lasts");
        assert!(host.hear(0, 12_000) && host.state.is_empty() && host.why.is_none());
    }

    #[test]
    fn acts_of_later_builds_are_told_apart() {
        let read = |json: &str| serde_json::from_str::<Act>(json).unwrap();
        assert_eq!(read(r#"{"do":"break"}"#), Act::Break { ms: 0 });
        assert_eq!(read(r#"{"do":"lines","dtr":true}"#), Act::Lines { dtr: Some(true), rts: None });
        assert_eq!(read(r#"{"do":"dance","with":"x"}"#), Act::Unknown);
        assert_eq!(serde_json::to_string(&Act::Hex { on: true }).unwrap(), r#"{"do":"hex","on":true}"#);
    }
}
