//! Owns the unasked messages. Unknown ones are ignored. Leaves out who sends them when.

use super::control::{FilesEnded, MarkInfo, SessionInfo};
pub use super::gauges::Gauges;
use super::ids::StreamId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A notice as a client understands it. On a session's stream: the `Session…` ones. On stream 0: the others.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    SessionExited(SessionExited),
    /// Title, name, directory or size policy are another: the whole info anew.
    SessionChanged(Box<SessionInfo>),
    SessionBell,
    /// The session let go of this stream, and lives on: attach anew.
    SessionDropped,
    /// OSC 52 set: base64-decoded text for the user's clipboard, at most 100 KB.
    SessionClipboard(String),
    /// OSC 9, 777: a notification for the user.
    SessionNotified(String),
    /// OSC 133: the shell marked a prompt, a command, its output or its end.
    SessionMark(MarkInfo),
    /// The list of sessions is another; ask for it.
    SessionsChanged,
    /// The prepared connections are others; ask for them.
    ConnectionsChanged,
    /// Sessions that had been out of sight are there again: their ids.
    SessionsRecovered(Vec<String>),
    /// How it stands with a machine that is watched.
    MonitoringData(Box<Gauges>),
    /// The agent ends in order, its sessions live on. On stream 0, and as the last word on each attached stream.
    AgentShuttingDown(ShuttingDown),
    ExecExited {
        stream: StreamId,
        code: i32,
    },
    /// On a channel's stream, behind its last output.
    ChannelExited(SessionExited),
    /// A target process's host has sent nothing for this long, ms, though it was asked to; 0 = it is heard again.
    /// Repeated while it is silent.
    TargetSilent(u64),
    /// A target process's connection to its host is gone, and is made anew once it is wanted; `target.silent` of 0 = it
    /// stands again. Also told to who begins to look in between.
    TargetLost,
    /// On the stream of `files.read` or `files.write`, its last word.
    FilesEnded(Box<FilesEnded>),
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionExited {
    /// The program's own code; 128 + signal where a signal ended it.
    pub exit_code: Option<i32>,
    pub cause: Option<String>,
}

/// Why an agent ends, and for how long.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ShuttingDown {
    #[serde(rename = "text")]
    pub reason: String,
    /// When one may be started there again, seconds from now; left out = nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_return_s: Option<u64>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Words {
    text: String,
}
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Recovered {
    sessions: Vec<String>,
}
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Ended {
    stream: StreamId,
    code: i32,
}
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Silent {
    quiet_ms: u64,
}

impl Notice {
    /// Method name and parameters.
    pub fn to_wire(&self) -> (&'static str, Value) {
        let v = |x: serde_json::Result<Value>| x.unwrap_or(Value::Null);
        match self {
            Notice::SessionExited(e) => ("session.exited", v(serde_json::to_value(e))),
            Notice::SessionChanged(i) => ("session.changed", v(serde_json::to_value(i))),
            Notice::SessionBell => ("session.bell", Value::Object(Default::default())),
            Notice::SessionDropped => ("session.dropped", Value::Object(Default::default())),
            Notice::SessionClipboard(t) => ("session.clipboard", v(serde_json::to_value(Words { text: t.clone() }))),
            Notice::SessionNotified(t) => ("session.notified", v(serde_json::to_value(Words { text: t.clone() }))),
            Notice::SessionMark(m) => ("session.mark", v(serde_json::to_value(m))),
            Notice::SessionsChanged => ("sessions.changed", Value::Object(Default::default())),
            Notice::ConnectionsChanged => ("connections.changed", Value::Object(Default::default())),
            Notice::MonitoringData(g) => ("monitoring.data", v(serde_json::to_value(g))),
            Notice::SessionsRecovered(ids) => {
                ("session.recovered", v(serde_json::to_value(Recovered { sessions: ids.clone() })))
            }
            Notice::AgentShuttingDown(s) => ("agent.shutting_down", v(serde_json::to_value(s))),
            Notice::ExecExited { stream, code } => {
                ("exec.exited", v(serde_json::to_value(Ended { stream: *stream, code: *code })))
            }
            Notice::ChannelExited(e) => ("channel.exited", v(serde_json::to_value(e))),
            Notice::TargetSilent(quiet_ms) => {
                ("target.silent", v(serde_json::to_value(Silent { quiet_ms: *quiet_ms })))
            }
            Notice::TargetLost => ("target.lost", Value::Object(serde_json::Map::new())),
            Notice::FilesEnded(e) => ("files.ended", v(serde_json::to_value(e))),
        }
    }

    /// `None` = unknown or malformed: ignored.
    pub fn from_wire(method: &str, params: Value) -> Option<Notice> {
        let words = |p: Value| serde_json::from_value::<Words>(p).map(|w| w.text).ok();
        Some(match method {
            "session.exited" => Notice::SessionExited(serde_json::from_value(params).ok()?),
            "session.changed" => Notice::SessionChanged(serde_json::from_value(params).ok()?),
            "session.bell" => Notice::SessionBell,
            "session.dropped" => Notice::SessionDropped,
            "session.clipboard" => Notice::SessionClipboard(words(params)?),
            "session.notified" => Notice::SessionNotified(words(params)?),
            "session.mark" => Notice::SessionMark(serde_json::from_value(params).ok()?),
            "sessions.changed" => Notice::SessionsChanged,
            "connections.changed" => Notice::ConnectionsChanged,
            "monitoring.data" => Notice::MonitoringData(serde_json::from_value(params).ok()?),
            "session.recovered" => {
                Notice::SessionsRecovered(serde_json::from_value::<Recovered>(params).ok()?.sessions)
            }
            "agent.shutting_down" => Notice::AgentShuttingDown(serde_json::from_value(params).ok()?),
            "exec.exited" => {
                let e: Ended = serde_json::from_value(params).ok()?;
                Notice::ExecExited { stream: e.stream, code: e.code }
            }
            "channel.exited" => Notice::ChannelExited(serde_json::from_value(params).ok()?),
            "files.ended" => Notice::FilesEnded(serde_json::from_value(params).ok()?),
            "target.silent" => Notice::TargetSilent(serde_json::from_value::<Silent>(params).ok()?.quiet_ms),
            "target.lost" => Notice::TargetLost,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for n in [
            Notice::SessionExited(SessionExited { exit_code: Some(3), cause: None }),
            Notice::SessionChanged(Box::default()),
            Notice::SessionBell,
            Notice::SessionDropped,
            Notice::SessionClipboard("x".into()),
            Notice::SessionMark(MarkInfo { line: 7, kind: MarkInfo::END.into(), exit: Some(1), ..MarkInfo::default() }),
            Notice::SessionsChanged,
            Notice::MonitoringData(Box::new(Gauges { cpu: Some(1.5), mem_used: 1, mem_total: 2, ..Gauges::default() })),
            Notice::SessionsRecovered(vec!["k3f9".into()]),
            Notice::AgentShuttingDown(ShuttingDown { reason: "update".into(), expected_return_s: Some(5) }),
            Notice::ExecExited { stream: 4, code: 7 },
            Notice::ChannelExited(SessionExited { exit_code: None, cause: Some("connection lost".into()) }),
            Notice::TargetSilent(2900),
            Notice::TargetLost,
            Notice::FilesEnded(Box::default()),
        ] {
            let (m, p) = n.to_wire();
            assert_eq!(Notice::from_wire(m, p), Some(n));
        }
        assert_eq!(Notice::from_wire("session.new_thing", Value::Null), None);
    }
}
