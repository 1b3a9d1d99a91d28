//! Owns a host's link as the client sees it: connect, deploy, reconnect, resend; one task a host.
//! The verbs use it too. Leaves out what is drawn.

mod answers;
pub mod attached;
pub mod dial;
mod dialing;
pub mod find;
pub mod forward;
pub mod measured;
pub mod mixed;
mod once;
mod task;
pub mod without;

pub use dial::{Dialed, Env, First, Reply, attaching, dial, dial_by};
pub use task::{LAST_WORDS, first_attach, spawn};

use crate::client::book::Change;
use crate::client::gauges::How;
use crate::client::layer::form::Listing;
use crate::link::Link;
use crate::link::feed::{Feed, WINDOW};
use crate::proto::control::connections::{Connection, ConnectionsAdd, ConnectionsList, Folder, Listed};
use crate::proto::control::{Act, Containers, ContainersAct, ContainersList};
use crate::proto::control::{Fault, MarkInfo, PortInfo, SessionCreate, SessionDetach, SessionInfo, SessionList};
use crate::proto::frame::{self, Body, Frame};
use crate::proto::gauges::{Gauges, Watched};
use crate::proto::ids::{Offset, SessionId, Size, StreamId};
use crate::proto::notice::SessionExited;
use crate::secret::Secret;
use crate::store::connections::Book;
use crate::term::screen::Colors;
use crate::transport::ask::{KeyAsked, SecretAsked};
use crate::transport::ssh::Lends;
use crate::transport::ssh::forward::Status;
use crate::transport::ssh::forward::spec::Spec;
pub use answers::answer as answer_asked;
use attached::{Settled, Waiting};
use measured::Measured;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A host of the tree: `local`, an alias of ssh_config, or `user@host[:port]`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct HostId(String);

impl HostId {
    pub fn local() -> HostId {
        HostId("local".into())
    }
    pub fn new(name: impl Into<String>) -> HostId {
        HostId(name.into())
    }
    pub fn is_local(&self) -> bool {
        self.0 == "local"
    }
    /// As the user wrote it: show it through `text::escape`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How it stands with a host.
#[derive(Clone, PartialEq, Debug)]
pub enum HostState {
    /// Known, not asked for.
    Offline,
    Connecting,
    /// Looking for or putting the agent there: what is being done, and how far (0 to 1) where that is known.
    Deploying {
        step: String,
        done: Option<f32>,
    },
    /// `build` empty = without an agent there.
    Online {
        build: String,
        hostname: String,
    },
    /// Its agent ended in order and is expected back: why.
    Updating {
        why: String,
    },
    /// The link fell; `retry` counts from when the event was sent.
    Lost {
        why: String,
        retry: Duration,
    },
    /// No further try by itself: a changed host key, refused, unusable. `hard` = a hard stop that must be read.
    Failed {
        why: String,
        hints: Vec<String>,
        hard: bool,
    },
}

impl HostState {
    /// Reached over plain SSH: its sessions live on this machine.
    pub fn is_without_agent(&self) -> bool {
        matches!(self, HostState::Online { build, .. } if build.is_empty())
    }
}

/// A question for the person, answered by `HostCommand::Answer`.
#[derive(Clone, PartialEq, Debug)]
pub enum Question {
    /// An unknown host key: may it be trusted and kept?
    HostKey(KeyAsked),
    /// No agent of this build there: may it be put there?
    Deploy { host: String, found: Option<String>, offered: String, steps: Vec<String> },
    /// A secret (passphrase, password).
    Secret(SecretAsked),
}

#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    Yes,
    No,
    /// No agent there: plain SSH.
    Without,
    Secret(Secret),
}

/// What the client wants of a host. Sessions are attached at most once by a client process.
#[derive(Clone, PartialEq, Debug)]
pub enum HostCommand {
    /// Connect now (also: stop waiting for the next try).
    Connect,
    /// Connect without an agent there, over plain SSH, from now on.
    Without,
    /// The other way round: its agent is asked for again.
    With,
    /// Let go of the link; nothing is ended.
    Disconnect,
    /// Put this build's agent there and go over to it; sessions go on.
    Update,
    Attach {
        session: SessionId,
        size: Size,
        watch: bool,
    },
    Detach {
        session: SessionId,
    },
    /// Typed: sent exactly once, held while the link is down.
    Input {
        session: SessionId,
        bytes: Vec<u8>,
        /// Bytes typed with these in all, as the pane counts them.
        count: u64,
    },
    /// Throw away input not yet sent, and what was sent where it has not arrived. Answered by `Dropped`.
    DropInput {
        session: SessionId,
    },
    /// A person opened, focused or resized it: decides the size under `latest`.
    Resize {
        session: SessionId,
        size: Size,
    },
    /// Output up to here has been taken in; after a Screen: has been drawn. Gives the sender new credit.
    Seen {
        session: SessionId,
        offset: Offset,
    },
    /// `tag` comes back in `Created`.
    Create {
        tag: u64,
        create: Box<SessionCreate>,
        /// The host may have to ask something first: it is a connection that it reaches over SSH.
        asks: bool,
    },
    /// Nobody waits any more for the session that was asked for with this tag: nothing is asked for it.
    Forget {
        tag: u64,
    },
    Close {
        session: SessionId,
    },
    Rename {
        session: SessionId,
        name: String,
    },
    /// Something is done with what a session is connected to.
    Act {
        session: SessionId,
        act: Act,
    },
    /// The prepared connections, now and whenever they are others.
    Connections,
    /// Change them; `tag` comes back in `Booked`.
    Book {
        tag: u64,
        change: Box<Change>,
    },
    /// What there is for a field of a form; `tag` comes back in `Offered`.
    Offer {
        tag: u64,
        what: Listing,
        /// Of the engine that has this socket.
        socket: Option<String>,
    },
    /// What the outer terminal's colours are: the session's program may ask.
    Colors {
        session: SessionId,
        colors: Colors,
    },
    /// Lines `from..to` of the history (counted from the session's first line).
    History {
        session: SessionId,
        from: u64,
        to: Option<u64>,
    },
    /// Look for a pattern in history and screen, in lines before `to`; an earlier search of the session ends. `tag` comes
    /// back in `Found`.
    Search {
        session: SessionId,
        tag: u64,
        pattern: String,
        case: bool,
        to: Option<u64>,
    },
    /// What the shell marked.
    Marks {
        session: SessionId,
    },
    /// Ask for the list of sessions; it also comes by itself when it changes.
    List,
    /// All whose gauges are wanted of its agent, and how.
    Gauges(Vec<(Watched, How)>),
    Answer {
        id: u64,
        answer: Answer,
    },
    /// Open a forward, for as long as the host is wanted.
    Forward(Spec),
    /// Forward what listens there to the same port here, or to one near it.
    ForwardPort(PortInfo),
    /// End one.
    Unforward(u64),
    /// Something of its containers; `tag` comes back in `Containers`.
    Containers {
        tag: u64,
        ask: Box<ContainersAsk>,
    },
    /// Somebody looks at forwards and ports, or no longer.
    Ports(bool),
    /// Somebody looks at what the link is like, or no longer.
    Look(bool),
}

/// What is asked of a host's containers.
#[derive(Clone, PartialEq, Debug)]
pub enum ContainersAsk {
    List(ContainersList),
    Act(ContainersAct),
}

#[derive(Clone, PartialEq, Debug)]
pub enum HostEvent {
    /// The list, or none where something was done; or why not.
    Containers {
        tag: u64,
        result: Result<Option<Box<Containers>>, String>,
    },
    State(HostState),
    Sessions(Vec<SessionInfo>),
    /// Its prepared connections; none = its agent is from before there were any.
    Connections(Option<Arc<Listed>>),
    /// Whether a change to them was made: the id of what is new, or why not.
    Booked {
        tag: u64,
        result: Result<String, String>,
    },
    /// What there is of that, each with what is to be known of it, or why that can't be told. Untrusted.
    Offered {
        tag: u64,
        result: Result<Vec<(String, String)>, String>,
    },
    /// The attach was answered; output follows at `offset`. `again` = after a drop.
    Attached {
        session: SessionId,
        info: Box<SessionInfo>,
        again: bool,
    },
    AttachFailed {
        session: SessionId,
        why: String,
        ended: bool,
    },
    Output {
        session: SessionId,
        offset: Offset,
        bytes: Vec<u8>,
    },
    /// The whole screen as of `to`: replaces what the client has (`term::engine::Engine::restore`).
    Screen {
        session: SessionId,
        to: Offset,
        size: Size,
        bytes: Vec<u8>,
    },
    /// In force from `offset` on.
    Size {
        session: SessionId,
        offset: Offset,
        size: Size,
    },
    Tty {
        session: SessionId,
        flags: u8,
    },
    Exited {
        session: SessionId,
        exit: SessionExited,
    },
    Changed {
        session: SessionId,
        info: Box<SessionInfo>,
    },
    Bell {
        session: SessionId,
    },
    Clipboard {
        session: SessionId,
        text: String,
    },
    Notified {
        session: SessionId,
        text: String,
    },
    /// What was typed and the session has not applied yet.
    Pending {
        session: SessionId,
        waiting: Waiting,
    },
    /// The session has taken in what was typed, up to here in the pane's count; told of networks' hosts only.
    Applied {
        session: SessionId,
        count: u64,
    },
    /// The answer to `DropInput`, in bytes: `dropped` were never sent, `sent` may still arrive; of those `Settled` follows.
    Dropped {
        session: SessionId,
        dropped: usize,
        sent: usize,
    },
    /// What became of input that was sent before it was dropped.
    Settled {
        session: SessionId,
        settled: Settled,
    },
    /// Text that was typed and may never have arrived: shown, not sent again.
    Undelivered {
        session: SessionId,
        bytes: Vec<u8>,
    },
    Created {
        tag: u64,
        result: Result<Box<SessionInfo>, String>,
    },
    /// `lines` are UTF-8 with SGR, without line feeds; `from` is the number of the first, `total` how many there are.
    History {
        session: SessionId,
        from: u64,
        total: u64,
        lines: Vec<String>,
        /// The last line of all goes on in the screen's first row.
        open: bool,
    },
    Found {
        session: SessionId,
        tag: u64,
        result: Result<find::Found, String>,
    },
    Marks {
        session: SessionId,
        marks: Vec<MarkInfo>,
    },
    /// A call that failed: for a message.
    Failed {
        what: String,
    },
    /// To be known of this host, for a message.
    Said {
        what: String,
    },
    Rtt(Duration),
    /// What the link is like: about once a second, while somebody looks.
    Link(Box<Measured>),
    /// Nothing that was sent was answered for this long; zero = it is answered again.
    Silent(Duration),
    /// The connection to a host without an agent is gone, until `Silent` of zero: the next session makes it anew.
    Unlinked,
    Gauges(Box<Gauges>),
    /// What the host is lent over the link that stands now; the name, address and port that were reached, escaped
    /// (empty = not known).
    Reached {
        lends: Lends,
        address: String,
    },
    /// All of the host's, when one is another (and every 2 s while somebody looks).
    Forwards(Vec<Status>),
    /// What listens there; by port.
    Ports(Vec<PortInfo>),
    Ask {
        id: u64,
        question: Question,
    },
    /// An answer to it is of no use any more.
    Unasked {
        id: u64,
    },
}

/// Whether the program echoes what is typed (a password prompt does not).
pub fn echoes(flags: u8) -> bool {
    flags & frame::tty::ECHO != 0
}

/// Said before the first session on a host whose system ends sessions with the login.
pub fn ends_at_logout(host: &HostId) -> String {
    let place =
        if host.is_local() { "here".to_string() } else { format!("on {}", crate::text::short(host.as_str(), 40)) };
    format!(
        "sessions end when you log out {place}: `loginctl enable-linger` there keeps them; `thub doctor` tells more"
    )
}

/// Largest answer read from a stream: 1 GiB and what goes with it.
const MOST_READ: u64 = 5 << 28;

/// All sessions of a host, however many.
/// (It is asked for now; the future is the answer.)
pub fn list_sessions(
    link: &Link,
    stream: StreamId,
) -> impl Future<Output = Result<Vec<SessionInfo>, Fault>> + Send + Sync + use<> {
    /// No list of sessions is longer than this: 64 MiB.
    const MOST: u64 = 64 << 20;
    let mut frames = link.open_stream(stream);
    let (link, asked) = (link.clone(), link.call(&SessionList { stream }));
    async move {
        let listed = async {
            let reply = asked.await?;
            if reply.bytes == 0 {
                return Ok(reply.sessions);
            }
            if reply.bytes > MOST {
                return Err(Fault::new(Fault::INVALID, "the agent's list of sessions is too long to be one"));
            }
            let json = read_stream(&link, stream, &mut frames, 0, reply.bytes).await?;
            serde_json::from_slice(&json)
                .map_err(|e| Fault::new(Fault::PARSE, format!("the list of sessions is not understood: {e}")))
        }
        .await;
        drop(link.call(&SessionDetach { stream }));
        link.close_stream(stream);
        listed
    }
}

/// All prepared connections of a host, however many they are, over a stream that nothing else uses. Made sound
/// (`Book::sound`): whatever a host says, each is there once, and folders lead to the top.
pub fn list_connections(
    link: &Link,
    stream: StreamId,
) -> impl Future<Output = Result<Listed, Fault>> + Send + Sync + use<> {
    /// No file of them is longer: 16 MiB (`store::file::MOST`), and JSON of a link may be somewhat longer than on disk.
    const MOST: u64 = 32 << 20;
    let mut frames = link.open_stream(stream);
    let (link, asked) = (link.clone(), link.call(&ConnectionsList { stream }));
    async move {
        let listed = async {
            let reply = asked.await?;
            if reply.bytes == 0 {
                return Ok(reply.listed);
            }
            if reply.bytes > MOST {
                return Err(Fault::new(Fault::INVALID, "the agent's list of connections is too long to be one"));
            }
            let json = read_stream(&link, stream, &mut frames, 0, reply.bytes).await?;
            serde_json::from_slice(&json)
                .map_err(|e| Fault::new(Fault::PARSE, format!("the list of connections is not understood: {e}")))
        }
        .await;
        drop(link.call(&SessionDetach { stream }));
        link.close_stream(stream);
        listed.map(sound)
    }
}

fn sound(Listed { folders, connections, told }: Listed) -> Listed {
    let Book { folders, connections, .. } = Book { folders, connections, ..Book::empty() }.sound();
    Listed { folders, connections, told }
}

/// Adds many at once to a host's connections, all or none, however much it is: on `stream`.
pub fn add_connections(
    link: &Link,
    stream: StreamId,
    folders: Vec<Folder>,
    connections: Vec<Connection>,
) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
    /// A slow network has 16 MiB to carry.
    const WITHIN: Duration = Duration::from_secs(600);
    let add = ConnectionsAdd { folders, connections, ..ConnectionsAdd::default() };
    let json = serde_json::to_vec(&add).unwrap_or_default();
    let bytes = json.len() as u64;
    let mut frames = link.open_stream(stream);
    let added = link.call_within(&ConnectionsAdd { stream, bytes, ..ConnectionsAdd::default() }, WITHIN);
    let link = link.clone();
    async move {
        // (nothing is sent before its first Ack: nobody would take it)
        let mut feed = Feed::new(stream, 0, bytes, WINDOW);
        tokio::pin!(added);
        let result = loop {
            tokio::select! {
                answer = &mut added => break answer.map(drop),
                Some(frame) = frames.recv() => {
                    if let Ok(Body::Ack { seen, limit }) = frame.body() {
                        feed.ack(seen, limit);
                        feed.pump(&link.out, |at, most| {
                            let at = at as usize;
                            Cow::Borrowed(json.get(at..(at + most).min(json.len())).unwrap_or_default())
                        });
                    }
                }
            }
        };
        link.close_stream(stream);
        result
    }
}

/// What a stream brings, from offset `from` to `to`, acknowledged as it comes. Short where the session let go of some.
pub async fn read_stream(
    link: &Link,
    stream: StreamId,
    frames: &mut mpsc::UnboundedReceiver<Frame>,
    from: Offset,
    to: Offset,
) -> Result<Vec<u8>, Fault> {
    // more than a ring and a history can be is not taken in
    if to.saturating_sub(from) > MOST_READ {
        return Err(Fault::new(Fault::INVALID, "the answer is too large"));
    }
    let mut all = Vec::new();
    let mut at = from;
    let mut acked = from;
    while at < to {
        let frame = tokio::time::timeout(Duration::from_secs(30), frames.recv())
            .await
            .map_err(|_| Fault::new(Fault::TIMEOUT, "the answer stopped half way"))?
            .ok_or_else(|| Fault::new(Fault::GONE, "the link is gone"))?;
        let (offset, bytes) = match frame.body() {
            Ok(Body::Data { offset, bytes }) => (offset, bytes),
            // nothing else comes on an answer's stream but the news of its end
            Ok(Body::Call(_)) => return Err(Fault::new(Fault::ENDED, "the session ended while it was read")),
            _ => continue,
        };
        if bytes.is_empty() {
            break;
        }
        if offset == at {
            all.extend_from_slice(bytes);
            at = at.saturating_add(bytes.len() as u64);
        }
        if at - acked > WINDOW / 2 {
            acked = at;
            link.out.urgent(stream, Body::Ack { seen: at, limit: at.saturating_add(WINDOW) });
        }
    }
    link.out.urgent(stream, Body::Ack { seen: at, limit: at.saturating_add(WINDOW) });
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::call;
    use serde_json::json;

    /// What a host's list becomes that says this.
    async fn listed(said: serde_json::Value) -> Listed {
        let (a, b) = tokio::io::duplex(1 << 16);
        let (host, served) = Link::new(a, true, mpsc::unbounded_channel().0);
        tokio::spawn(served);
        let (link, served) = Link::new(b, false, mpsc::unbounded_channel().0);
        tokio::spawn(served);
        let asked = list_connections(&link, 2);
        call::answer(&host.out, 1, Ok(said));
        asked.await.unwrap()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_a_host_lists_is_made_sound() {
        let folder = |id: &str, parent: Option<&str>| json!({ "id": id, "name": id, "parentId": parent });
        let connection = |id: &str, folder: &str| json!({ "id": id, "name": id, "folderId": folder });
        let listed = listed(json!({
            "folders": [folder("a", None), folder("a", Some("a")), folder("a", Some("a")),
                folder("x", Some("y")), folder("y", Some("x"))],
            "connections": [connection("c", "a"), connection("c", "nowhere")], "told": "it was damaged" }))
        .await;
        let unique: std::collections::HashSet<&String> =
            listed.folders.iter().map(|f| &f.id).chain(listed.connections.iter().map(|c| &c.id)).collect();
        assert_eq!((unique.len(), listed.told.as_deref()), (7, Some("it was damaged")));
        for folder in &listed.folders {
            let mut at = folder.parent_id.clone();
            for _ in 0..listed.folders.len() {
                at = at.and_then(|id| listed.folders.iter().find(|f| f.id == id)).and_then(|f| f.parent_id.clone());
            }
            assert_eq!(at, None, "{listed:?}");
        }
        assert_eq!(listed.connections[1].folder_id, None);
    }
}
