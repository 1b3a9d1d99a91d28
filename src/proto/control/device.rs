//! Owns what is known of the far end of a session that has no program of its own, and what can be done with it. Pure.
//! Leaves out the calls of every session (`super`).

use super::connections::check::check_baud;
use super::{Done, Method, is_zero};
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
    /// Since when, ms since 1970 by the clock as it is set there now.
    pub since_ms: u64,
    /// The same in ms since its machine was booted, a clock that nobody sets; 0 = not told.
    #[serde(skip_serializing_if = "is_zero")]
    pub since_up: u64,
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

    /// A host was silent for so long, ms; 0 = it is heard. Whether that is news: how long it lasts is counted by who shows it.
    /// `up_ms` = ms since this machine was booted.
    pub fn hear(&mut self, quiet_ms: u64, up_ms: u64) -> bool {
        let state = if quiet_ms == 0 { "" } else { Device::WAITING };
        if self.state == state {
            return false;
        }
        self.state = state.into();
        self.since_up = up_ms.saturating_sub(quiet_ms);
        self.why = (quiet_ms != 0).then(|| "nothing is heard of it".into());
        true
    }
}

/// Does something with what a session is connected to.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionAct {
    pub session: SessionId,
    #[serde(default)]
    pub act: Act,
}
method!(SessionAct = "session.act" -> Done);

/// Refused (WRONG_KIND) where the far end knows no such thing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
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
    #[default]
    #[serde(other)]
    Unknown,
}

/// Something that can be done, as it is typed and as a menu has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Deed {
    pub name: &'static str,
    /// What follows its name; in brackets where it may be left out, empty = nothing.
    pub takes: &'static str,
    /// One line, for help.
    pub doc: &'static str,
    /// Its letter in a menu.
    pub key: char,
    /// The kinds of sessions that know it.
    pub kinds: &'static [&'static str],
}

const fn deed(
    name: &'static str,
    takes: &'static str,
    doc: &'static str,
    key: char,
    kinds: &'static [&'static str],
) -> Deed {
    Deed { name, takes, doc, key, kinds }
}

const SERIAL: &[&str] = &["serial"];
const SWITCH: &str = "on|off";

/// THE table of what can be done with a port, a container and a telnet host: help, menus and parsing come from it.
pub static ACTS: &[Deed] = &[
    deed("break", "[MS]", "send a break", 'b', &["serial", "telnet"]),
    deed("dtr", SWITCH, "set the DTR line", 'd', SERIAL),
    deed("rts", SWITCH, "set the RTS line", 'r', SERIAL),
    deed("hex", SWITCH, "show bytes as a hex dump", 'h', SERIAL),
    deed("timestamps", SWITCH, "show when each line began", 't', SERIAL),
    deed("echo", SWITCH, "show what is typed here", 'e', SERIAL),
    deed("newline", "cr|lf|crlf", "what Enter sends", 'n', SERIAL),
    deed("baud", "RATE", "change the speed", 's', SERIAL),
    deed("log", "PATH|off", "append what comes to a file there", 'l', SERIAL),
    deed("send-file", "PATH", "send a file that lies there", 'f', SERIAL),
    deed("stop-sending", "", "end what is being sent", 'x', SERIAL),
    deed("mode", "auto|line|character", "whole lines or single characters", 'm', &["telnet"]),
    deed("stop", "", "stop the container", 'p', &["docker"]),
    deed("start", "", "start the container", 'u', &["docker"]),
];

impl Deed {
    pub fn named(name: &str) -> Option<&'static Deed> {
        ACTS.iter().find(|d| d.name == name)
    }

    /// Those of a kind of session.
    pub fn of(kind: &str) -> impl Iterator<Item = &'static Deed> {
        ACTS.iter().filter(move |d| d.kinds.contains(&kind))
    }

    pub fn is_switch(&self) -> bool {
        self.takes == SWITCH
    }

    /// How it stands just now, in a word; empty = nothing is said of it.
    pub fn now(&self, device: &Device) -> String {
        let mark =
            |start: &str| device.marks.iter().find_map(|m| m.strip_prefix(start)).map(|rest| rest.trim().to_string());
        match self.name {
            "dtr" => mark("DTR ").unwrap_or_default(),
            "rts" => mark("RTS ").unwrap_or_default(),
            "newline" => mark("newline ").unwrap_or_else(|| "cr".into()),
            "log" => mark("log ").unwrap_or_else(|| "off".into()),
            "stop-sending" => mark("sending ").unwrap_or_default(),
            "mode" => mark("mode ").unwrap_or_default(),
            "baud" => device.what.split(" · ").nth(1).unwrap_or_default().into(),
            _ if self.is_switch() => if mark(self.name).is_some() { "on" } else { "off" }.into(),
            _ => String::new(),
        }
    }
}

impl Act {
    /// As it is typed: a name of [`ACTS`], and what follows it.
    ///
    /// # Errors
    /// A sentence: what it is, and what would be right.
    pub fn typed(name: &str, follows: Option<&str>) -> Result<Act, String> {
        use crate::text::short;
        let Some(deed) = Deed::named(name) else {
            let names: Vec<&str> = ACTS.iter().map(|d| d.name).collect();
            return Err(format!("'{}' is none of {}", short(name, 40), names.join(", ")));
        };
        let follows = follows.map(str::trim).filter(|f| !f.is_empty());
        let wrong = || match follows {
            Some(follows) => format!("{name} {}: it takes {}", short(follows, 60), deed.takes),
            None => format!("{name}: {} is missing", deed.takes),
        };
        if deed.takes.is_empty() && follows.is_some() {
            return Err(format!("{name} takes nothing behind it"));
        }
        let on = || match follows {
            Some("on") => Ok(true),
            Some("off") => Ok(false),
            _ => Err(wrong()),
        };
        let text = || follows.map(String::from).ok_or_else(wrong);
        Ok(match name {
            "break" => Act::Break { ms: follows.map_or(Ok(0), |f| f.parse().map_err(|_| wrong()))? },
            "dtr" => Act::Lines { dtr: Some(on()?), rts: None },
            "rts" => Act::Lines { dtr: None, rts: Some(on()?) },
            "hex" => Act::Hex { on: on()? },
            "timestamps" => Act::Timestamps { on: on()? },
            "echo" => Act::LocalEcho { on: on()? },
            "newline" => Act::LineEnding { to: text()? },
            "baud" => {
                let rate: u64 = text()?.parse().map_err(|_| wrong())?;
                // (what no number of its kind can be is refused here, all else where the port is)
                let rate = u32::try_from(rate).map_err(|_| check_baud(rate).err().unwrap_or_else(wrong))?;
                Act::Baud { rate }
            }
            "log" => Act::Log { path: Some(text()?).filter(|p| p != "off") },
            "send-file" => Act::SendFile { path: text()? },
            "stop-sending" => Act::StopSending {},
            "mode" => Act::Mode { to: text()? },
            "stop" => Act::Stop {},
            _ => Act::Start {},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_when_it_begins_and_when_it_ends() {
        let mut host = Device::default();
        assert!(!host.hear(0, 10_000), "it was heard all the time");
        assert!(host.hear(3000, 10_000));
        assert_eq!((host.state.as_str(), host.since_up), (Device::WAITING, 7000));
        assert!(!host.hear(4000, 11_000), "it lasts");
        assert!(host.hear(0, 12_000) && host.state.is_empty() && host.why.is_none());
    }

    #[test]
    fn acts_are_typed_as_their_table_says() {
        assert_eq!(Act::typed("break", None), Ok(Act::Break { ms: 0 }));
        assert_eq!(Act::typed("break", Some("100")), Ok(Act::Break { ms: 100 }));
        assert_eq!(Act::typed("rts", Some("off")), Ok(Act::Lines { dtr: None, rts: Some(false) }));
        assert_eq!(Act::typed("log", Some("off")), Ok(Act::Log { path: None }));
        assert_eq!(Act::typed("log", Some("a b")), Ok(Act::Log { path: Some("a b".into()) }));
        assert_eq!(Act::typed("baud", Some("0")), Ok(Act::Baud { rate: 0 }));
        assert!(Act::typed("baud", Some("99999999999")).unwrap_err().starts_with("99999999999 is no speed: 50 to"));
        assert_eq!(Act::typed("start", None), Ok(Act::Start {}));
        for (name, follows, says) in [
            ("hex", None, "hex: on|off is missing"),
            ("hex", Some("maybe"), "hex maybe: it takes on|off"),
            ("baud", Some("fast"), "baud fast: it takes RATE"),
            ("stop", Some("now"), "stop takes nothing behind it"),
            ("dance", None, "'dance' is none of break, dtr,"),
        ] {
            let said = Act::typed(name, follows).unwrap_err();
            assert!(said.contains(says), "{said}");
        }
        // each name leads to an act of its own, each letter to one of a kind's
        for deed in ACTS {
            let follows = match deed.takes {
                "" | "[MS]" => None,
                "RATE" => Some("9600"),
                takes => takes.split('|').next(),
            };
            assert!(Act::typed(deed.name, follows).is_ok(), "{deed:?}");
            for kind in deed.kinds {
                assert_eq!(Deed::of(kind).filter(|d| d.key == deed.key).count(), 1, "{deed:?}");
            }
        }
    }

    #[test]
    fn how_it_stands_is_read_from_its_marks() {
        let marks = ["hex", "newline lf", "DTR off", "log /tmp/x y", "sending fw.bin 40 %"].map(String::from).to_vec();
        let device = Device { what: "/dev/ttyUSB0 · 9600 7E1".into(), marks, ..Device::default() };
        let now = |name: &str| Deed::named(name).unwrap().now(&device);
        assert_eq!(
            (now("hex"), now("echo"), now("newline"), now("dtr")),
            ("on".into(), "off".into(), "lf".into(), "off".into())
        );
        assert_eq!((now("log"), now("baud"), now("rts")), ("/tmp/x y".into(), "9600 7E1".into(), String::new()));
        assert_eq!((now("stop-sending"), now("break")), ("fw.bin 40 %".into(), String::new()));
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
