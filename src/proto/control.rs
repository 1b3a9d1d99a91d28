//! Owns the calls of the protocol: one struct a method with its name, parameters and reply, and [`Fault`].
//! Leaves out who answers them. Every field has a default, so that older and newer builds understand each other.

use super::ids::{ClientId, Offset, SessionId, Size, StreamId, TargetId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A call: its parameters are the value itself.
pub trait Method: Serialize + DeserializeOwned {
    const NAME: &'static str;
    type Reply: Serialize + DeserializeOwned;
}

macro_rules! method {
    ($params:ident = $name:literal -> $reply:ident) => {
        impl Method for $params {
            const NAME: &'static str = $name;
            type Reply = $reply;
        }
    };
}

pub mod connections;
mod containers;
mod device;
mod files;
mod find;
mod life;
mod serial;
mod target;
pub use containers::*;
pub use device::*;
pub use files::*;
pub use find::*;
pub use life::*;
pub use serial::*;
pub use target::*;

/// Why a call failed. Codes are stable; the message is for people.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    pub code: i64,
    pub message: String,
}

impl Fault {
    pub const PARSE: i64 = -32700;
    pub const INVALID: i64 = -32600;
    pub const UNKNOWN_METHOD: i64 = -32601;
    pub const BAD_PARAMS: i64 = -32602;
    pub const INTERNAL: i64 = -32603;
    /// No session, connection, stream or file of that name.
    pub const UNKNOWN: i64 = 1;
    pub const NAME_TAKEN: i64 = 2;
    pub const REFUSED: i64 = 3;
    /// The session has ended.
    pub const ENDED: i64 = 4;
    pub const TIMEOUT: i64 = 5;
    /// What was to be started could not be.
    pub const SPAWN: i64 = 6;
    /// The link is gone.
    pub const GONE: i64 = 7;
    /// No room: a disk, or what this user may have of it.
    pub const FULL: i64 = 8;
    /// What is there is of another kind: a directory and no file, a link and neither.
    pub const WRONG_KIND: i64 = 9;
    /// The other path lies on another file system.
    pub const OTHER_DISK: i64 = 10;
    /// Somebody else is at it just now.
    pub const BUSY: i64 = 11;
    /// A serial port, a container or a telnet host is not to be had: the message is why, `; `, and what to do.
    pub const DEVICE: i64 = 12;

    pub fn new(code: i64, message: impl Into<String>) -> Fault {
        Fault { code, message: message.into() }
    }

    /// What an agent answers to a method of a later build.
    pub fn unknown_to_agent(method: &str) -> Fault {
        Fault::new(Fault::UNKNOWN_METHOD, format!("this agent knows no {}", crate::text::short(method, 64)))
    }
    /// What a session answers to one; its agent hands it on.
    pub fn unknown_to_session(method: &str) -> Fault {
        Fault::new(Fault::UNKNOWN_METHOD, format!("{OLD_SESSION} {}", crate::text::short(method, 64)))
    }
    /// Which side is older than the method called, if that is what it is about.
    pub fn older(&self) -> Option<Older> {
        (self.code == Fault::UNKNOWN_METHOD)
            .then(|| if self.message.starts_with(OLD_SESSION) { Older::Session } else { Older::Agent })
    }
}

/// How a session's answer begins; the same since the first build, so that it is told from its agent's.
const OLD_SESSION: &str = "a session knows no";

/// Who does not know a method that this build calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Older {
    Agent,
    Session,
}

/// Nothing to say beyond "done".
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Done {}

/// The hello; it and the first attaches may be sent before the banner has arrived.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Initialize {
    pub revision_min: u32,
    pub revision_max: u32,
    pub build: String,
    pub client: ClientId,
    /// service -> what it offers
    pub capabilities: BTreeMap<String, Capability>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Capability {
    pub version: u32,
    pub features: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Initialized {
    pub revision: u32,
    pub build: String,
    pub hostname: String,
    pub os: String,
    pub arch: String,
    pub pid: u32,
    /// Absolute path of the agent's binary.
    pub exe: String,
    pub home: String,
    /// Sessions found alive.
    pub recovered: u32,
    /// Their ids, the oldest first, at most [`Initialized::NAMED`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<String>,
    /// Sessions whose process was killed, as far as that is still on record.
    #[serde(skip_serializing_if = "is_none")]
    pub lost: u32,
    /// The system will end sessions when the user logs out there; said until the first session of this boot is started.
    pub ends_at_logout: bool,
    pub capabilities: BTreeMap<String, Capability>,
}
impl Initialized {
    /// Sessions named in the hello: the list itself is asked for.
    pub const NAMED: usize = 1000;
}
method!(Initialize = "initialize" -> Initialized);

/// Bytes of [`SessionInfo::running`].
pub const RUNNING: usize = 256;

/// What is known of a session; `thub ls --json` prints these.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionInfo {
    pub id: String,
    pub name: String,
    /// Filled in by the client: "local" or the host's name in the tree.
    pub host: String,
    pub kind: String,
    pub connection: String,
    /// running (a client is attached), detached, orphaned (alive, not reachable just now), exited, lost
    pub state: String,
    pub pid: u32,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// The same in milliseconds since 1970: puts sessions of one second in their order.
    #[serde(skip_serializing_if = "is_zero")]
    pub created_ms: u64,
    /// Milliseconds since its machine was booted, when it began: what puts sessions in their order though somebody sets the
    /// clock. None = not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_up: Option<u64>,
    /// Seconds since then by a clock that nobody sets, while it lives; 0 = not told.
    #[serde(skip_serializing_if = "is_zero")]
    pub age_s: u64,
    pub cols: u16,
    pub rows: u16,
    pub offset: Offset,
    pub title: String,
    pub exit_code: Option<i32>,
    pub clients: u32,
    /// Why it ended or was lost.
    pub cause: Option<String>,
    pub command: Vec<String>,
    /// What runs in the foreground of its terminal, where that is not its own program: the command line, untrusted, at
    /// most [`RUNNING`] bytes. Empty = nothing else, or unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub running: String,
    pub cwd: String,
    pub ended_at: Option<String>,
    /// Bells rung so far.
    pub bells: u64,
    /// The prepared connection it was started from, by its id there; empty = none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub connection_id: String,
    /// Its program works as root.
    #[serde(skip_serializing_if = "is_no")]
    pub root: bool,
    /// How it stands with what it is connected to, where that is no program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Box<Device>>,
    /// The target process whose channel it is; empty = a program of its own machine.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
}

impl Default for SessionInfo {
    fn default() -> SessionInfo {
        SessionInfo {
            id: String::new(),
            name: String::new(),
            host: "local".into(),
            kind: "shell".into(),
            connection: "Default Shell".into(),
            connection_id: String::new(),
            running: String::new(),
            state: "detached".into(),
            pid: 0,
            created_at: String::new(),
            created_ms: 0,
            created_up: None,
            age_s: 0,
            cols: 80,
            rows: 24,
            offset: 0,
            title: String::new(),
            exit_code: None,
            clients: 0,
            cause: None,
            command: Vec::new(),
            cwd: String::new(),
            ended_at: None,
            bells: 0,
            root: false,
            device: None,
            target: String::new(),
        }
    }
}

pub(super) fn is_zero(n: &u64) -> bool {
    *n == 0
}
pub(super) fn is_no(b: &bool) -> bool {
    !*b
}
fn is_none(n: &u32) -> bool {
    *n == 0
}
fn no_stream(n: &StreamId) -> bool {
    *n == 0
}

impl SessionInfo {
    /// The cause of what an earlier boot had.
    pub const LOST_AT_BOOT: &str = "lost at boot: the machine was restarted";

    /// Its process is there.
    pub fn is_alive(&self) -> bool {
        matches!(self.state.as_str(), "running" | "detached" | "orphaned")
    }
    /// The order they were made in, whatever the clock was set to meanwhile; those of an earlier boot come first.
    pub fn oldest_first(&self, other: &SessionInfo) -> std::cmp::Ordering {
        let key = |s: &SessionInfo| {
            let up = s
                .created_up
                .filter(|_| !s.cause.as_deref().is_some_and(|cause| cause.starts_with(SessionInfo::LOST_AT_BOOT)));
            (up, s.created_ms, s.pid)
        };
        key(self).cmp(&key(other)).then_with(|| self.id.cmp(&other.id))
    }
    /// Its name, or its id where it has none.
    pub fn label(&self) -> &str {
        if self.name.is_empty() { &self.id } else { &self.name }
    }
}

/// Starts a session.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionCreate {
    /// Left out = none; the id serves then.
    pub name: Option<String>,
    /// argv; empty = the user's shell.
    pub command: Vec<String>,
    /// Empty = the agent's own (a remote one: the home).
    pub cwd: String,
    /// The session whose program's present directory is taken, if it can be told.
    pub cwd_of: Option<SessionId>,
    pub size: Option<Size>,
    /// Bytes; 1 MiB by default, 4 KiB to 1 GiB.
    pub ring: Option<u64>,
    /// latest, smallest, largest, fixed
    pub size_policy: Option<String>,
    /// TERM inside; xterm-256color by default.
    pub term: Option<String>,
    /// Lines of history kept, up to 1,000,000; 10,000 where neither this nor the settings say otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<u64>,
    /// The prepared connection to open, by its id; what is said here goes before what that says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The same for one that is kept elsewhere, in a team's file say: as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<Box<connections::Connection>>,
    /// As this session was started, which has ended or is lost; where that is not on record, as the rest here says. The
    /// size is that which is told here. One that is lost is forgotten then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<SessionId>,
    /// The container that was made of the connection's image before, by id or name: where it is still there it is meant, and
    /// none is made. Known to the agent where a session is started again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// A channel of this target process instead of a program of its own machine; directory and shell are the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetId>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionCreated {
    pub session: SessionInfo,
    /// What was not as it was asked for: for the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}
impl SessionCreate {
    /// A ring's size, bytes: 4 KiB to 1 GiB.
    pub const RING: std::ops::RangeInclusive<u64> = 4 << 10..=1 << 30;
    /// Lines of history: up to a million.
    pub const HISTORY: std::ops::RangeInclusive<u64> = 0..=1_000_000;
}
method!(SessionCreate = "session.create" -> SessionCreated);

/// All sessions. With a `stream` the answer comes there, as the JSON of the list, and may be as long as it is; without
/// one it is shortened to what an answer may hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionList {
    #[serde(skip_serializing_if = "no_stream")]
    pub stream: StreamId,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionListed {
    pub sessions: Vec<SessionInfo>,
    /// Length of the answer on the stream.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes: u64,
}
method!(SessionList = "session.list" -> SessionListed);

/// One session's info; asked of the session process itself by its agent.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionGet {
    pub session: SessionId,
}
method!(SessionGet = "session.get" -> SessionCreated);

/// Shows a session on a stream of the client's choice (an even number not in use).
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionAttach {
    pub session: SessionId,
    pub stream: StreamId,
    #[serde(default)]
    pub client: ClientId,
    /// Output the client holds; left out = none. With `resizes` it says whether the missing bytes will do.
    #[serde(default)]
    pub have: Option<Offset>,
    /// `resizes` of the answer to its last attach: what it holds is of that size.
    #[serde(default)]
    pub resizes: u64,
    /// Output may be sent up to this far beyond where it starts: the first credit, bytes.
    #[serde(default)]
    pub window: u64,
    /// Screens that may be on their way at once, as far as the window has room for them; 0 = 1.
    #[serde(default)]
    pub screens: u32,
    /// Screens may come packed (`proto::pack`).
    #[serde(default)]
    pub packed: bool,
    /// The size wished for; a watcher has none.
    #[serde(default)]
    pub size: Option<Size>,
    /// By itself (after a drop), not by a person: does not decide the size while another client is active.
    #[serde(default)]
    pub auto: bool,
    /// Neither types nor resizes.
    #[serde(default)]
    pub watch: bool,
    /// No output wanted: input and notices alone.
    #[serde(default)]
    pub blind: bool,
    /// How much input this client has ever sent to this session.
    #[serde(default)]
    pub input_sent: Offset,
    /// Revisions the client speaks, for the session itself: the agent between may be of any build. 0 = 1, from builds
    /// that said nothing of it.
    #[serde(default)]
    pub revision_min: u32,
    #[serde(default)]
    pub revision_max: u32,
    /// What this client brings along: filled in by the agent it came through, whatever a client says; on a link of the
    /// session's own it is what that agent has told ([`Direct`]).
    #[serde(default, skip_serializing_if = "Lent::is_nothing")]
    pub lent: Lent,
}

/// What a client lends to a session's program, as seen where that runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Lent {
    /// The socket of the ssh-agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_sock: Option<String>,
    /// The X display, as `$DISPLAY` names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

/// A session's own socket: who is let in there by the host (a channel of SSH, `direct-streamlocal@openssh.com`) and is its
/// user speaks with the session as an agent does.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Direct {
    /// Its path: absolute, at most 107 bytes.
    pub socket: String,
    /// What an attach is to bring along.
    #[serde(skip_serializing_if = "Lent::is_nothing")]
    pub lent: Lent,
}

impl Lent {
    fn is_nothing(&self) -> bool {
        *self == Lent::default()
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionAttached {
    /// What is spoken on this stream, whatever the agent between speaks.
    pub revision: u32,
    /// The session's own build; empty from builds that did not name it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub build: String,
    pub features: Vec<String>,
    /// Where output goes on from: the client's `have`, or where the Screen that follows stands.
    pub offset: Offset,
    /// A Screen follows.
    pub screen: bool,
    /// Another number for each size the session has had, and for each process that has been the session of this id.
    pub resizes: u64,
    /// Input of this client that has been applied; none = forgotten (what is unacknowledged must not be sent again).
    pub input_applied: Option<Offset>,
    /// Input may be sent up to here.
    pub input_limit: Offset,
    pub session: SessionInfo,
    /// How to get to it without the agent between; said by that one, where there may be such a way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct: Option<Direct>,
}
method!(SessionAttach = "session.attach" -> SessionAttached);

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionDetach {
    pub stream: StreamId,
}
method!(SessionDetach = "session.detach" -> Done);

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionResize {
    pub session: SessionId,
    pub size: Size,
}
method!(SessionResize = "session.resize" -> Done);

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionRename {
    pub session: SessionId,
    pub name: String,
}
method!(SessionRename = "session.rename" -> Done);

/// The colours of the terminal that shows the session, red, green and blue: what its program is told when it asks
/// (OSC 10, OSC 11). A program that wants to hear of it (mode 2031) is told when it turns light or dark. The last who
/// says so is right; what is left out stays as it was.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionColors {
    pub session: SessionId,
    #[serde(default)]
    pub text: Option<(u8, u8, u8)>,
    #[serde(default)]
    pub back: Option<(u8, u8, u8)>,
}
method!(SessionColors = "session.colors" -> Done);

/// Ends a session: hang-up, a second's grace, then kill. An ended one's record goes.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionClose {
    pub session: SessionId,
}
method!(SessionClose = "session.close" -> Done);

/// Raw output, `from..to`; answered by Data frames on `stream` at their own offsets.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionRead {
    pub session: SessionId,
    pub stream: StreamId,
    #[serde(default)]
    pub from: Offset,
    /// Left out = up to now.
    #[serde(default)]
    pub to: Option<Offset>,
    /// Sent beyond what was acknowledged, bytes.
    #[serde(default)]
    pub window: u64,
}
/// What will come: less than asked for where the ring has let go of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionReading {
    pub from: Offset,
    pub to: Offset,
}
method!(SessionRead = "session.read" -> SessionReading);

/// Lines that have left the screen, `from..to`, counted from the session's first; answered by Data frames on `stream`
/// (offset 0 = first byte of the answer): each line as UTF-8 with SGR, ended by a line feed.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionHistory {
    pub session: SessionId,
    pub stream: StreamId,
    #[serde(default)]
    pub from: u64,
    #[serde(default)]
    pub to: Option<u64>,
    #[serde(default)]
    pub window: u64,
    /// The newest revision the client reads; 0 = 1.
    #[serde(default)]
    pub revision: u32,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionHistoryReply {
    pub from: u64,
    pub to: u64,
    /// The last line of all goes on in the screen's first row.
    pub open: bool,
    /// Length of the answer on the stream.
    pub bytes: u64,
}
method!(SessionHistory = "session.history" -> SessionHistoryReply);

/// History and screen of one moment; answered by Data frames on `stream` (offset 0 = first byte): first the history's
/// lines `from..`, as `session.history` has them, then the screen as a Screen frame has it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionCapture {
    pub session: SessionId,
    pub stream: StreamId,
    /// First line of history wanted; left out = none.
    #[serde(default)]
    pub from: Option<u64>,
    #[serde(default)]
    pub window: u64,
    /// The newest revision the client reads; 0 = 1.
    #[serde(default)]
    pub revision: u32,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionCaptured {
    /// Numbers of the first line sent and of the next after the last.
    pub from: u64,
    pub to: u64,
    /// The last line of the history goes on in the screen's first row.
    pub open: bool,
    pub history_bytes: u64,
    pub screen_bytes: u64,
    pub cols: u16,
    pub rows: u16,
    pub offset: Offset,
}
method!(SessionCapture = "session.capture" -> SessionCaptured);

/// Runs a program to its end, without a session: stdout on `stream`, stderr on `stream + 2`, stdin from `stream`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ExecRun {
    pub stream: StreamId,
    pub command: Vec<String>,
    pub cwd: String,
    pub window: u64,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ExecStarted {
    pub pid: u32,
}
method!(ExecRun = "exec.run" -> ExecStarted);

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ExecStop {
    pub stream: StreamId,
}
method!(ExecStop = "exec.stop" -> Done);

/// Topics: "sessions" (notice `sessions.changed`); of a target process "silence" (notice `target.silent`).
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Subscribe {
    pub topic: String,
}
method!(Subscribe = "subscribe" -> Done);
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Unsubscribe {
    pub topic: String,
}
method!(Unsubscribe = "unsubscribe" -> Done);

/// Gauges as notices `monitoring.data`, until that is called off or the link ends: of the agent's host every 2 s, of one that
/// it reaches over SSH or of a container every 5 s. Called again for the same it changes how. Every look but the first
/// tells; nothing is asked of a host whose connection is gone, for that could ask a person.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct MonitoringSubscribe {
    #[serde(flatten)]
    pub of: super::gauges::Watched,
    /// The processes too.
    #[serde(skip_serializing_if = "is_no")]
    pub detail: bool,
    /// So often, ms: not sooner than they come by themselves, a minute at most; 0 = as they come.
    #[serde(skip_serializing_if = "is_none")]
    pub every_ms: u32,
}
method!(MonitoringSubscribe = "monitoring.subscribe" -> Done);
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct MonitoringUnsubscribe {
    #[serde(flatten)]
    pub of: super::gauges::Watched,
}
method!(MonitoringUnsubscribe = "monitoring.unsubscribe" -> Done);

/// The TCP ports that the user's own programs listen on there, as far as the system tells.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct PortsList {}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct PortsListed {
    /// By port.
    pub ports: Vec<PortInfo>,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct PortInfo {
    pub port: u16,
    /// The address it listens on; `0.0.0.0` and `::` are all.
    pub address: String,
    /// 0 = not known.
    pub pid: u32,
    /// The program's name, at most 15 bytes; empty = not known.
    pub command: String,
}
method!(PortsList = "ports.list" -> PortsListed);
