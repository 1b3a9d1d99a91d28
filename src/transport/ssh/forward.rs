//! Owns the forwards of one host: [`Forwards`] keeps what was asked for over every link to it. A listener here stays
//! while the link is away, and connections made meanwhile wait for it a little; a listener there is asked for anew.
//! Leaves out who asks for them, and how they are shown.
//!
//! - [`spec`] what is written · [`socks`] what a SOCKS client says · `listen` sockets here · `remote` what the host may
//!   open · `pump` one connection

mod listen;
mod pump;
pub(super) mod remote;
pub mod socks;
pub mod spec;

use super::connect::NotOpened;
use super::{Channel, Ssh};
use crate::failure::Failure;
use crate::text::escape;
use listen::{Conn, Listener};
use spec::{Kind, Place, Spec};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections of one forward at a time.
const CONNECTIONS_MOST: usize = 8192;
/// Forwards of one host.
const FORWARDS_MOST: usize = 256;
/// A connection made while the link is away waits this long for it, then it is refused.
const LINK_WITHIN: Duration = Duration::from_secs(10);
/// A SOCKS client says within this where to.
const SAID_WITHIN: Duration = Duration::from_secs(30);
/// Connecting from this machine, for the host.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// A listener that stood on an earlier link and is refused now: the host may not have noticed that link's end.
const AGAIN: Duration = Duration::from_secs(2);
/// A host that has not said for so long whether it listens is told of.
const SLOW: Duration = Duration::from_secs(3);
/// The host is told that nobody listens any more.
const END_WITHIN: Duration = Duration::from_secs(3);
/// Too many open files: others have to end first.
const BREATH: Duration = Duration::from_millis(100);

/// How it stands with a forward.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// Not known yet whether it can be.
    Opening,
    Open,
    /// The link is away; it stands again when the link does.
    Waiting,
    Failed(Why),
}

/// As [`Failure`] has it; escaped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Why {
    pub kind: crate::failure::Kind,
    pub what: String,
    pub hints: Vec<String>,
}

/// A forward as it is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// Unique among the host's.
    pub id: u64,
    pub spec: Spec,
    /// The port listened on, where it is TCP and known.
    pub port: Option<u16>,
    pub state: State,
    /// ssh_config asked for it.
    pub configured: bool,
    /// Connections open now, ever made, and refused on the other side.
    pub connections: u64,
    pub total: u64,
    pub refused: u64,
    /// Bytes: to the host, and from it.
    pub up: u64,
    pub down: u64,
    /// Why the last refused connection was, or why it takes so long to open; escaped.
    pub trouble: Option<String>,
}

impl Status {
    /// Where it listens, with the port it got.
    pub fn from(&self) -> String {
        match (&self.spec.listen, self.port) {
            (Place::Tcp { host, .. }, Some(port)) => Place::Tcp { host: host.clone(), port }.to_string(),
            (place, _) => place.to_string(),
        }
    }
    /// Where it leads.
    pub fn to(&self) -> String {
        self.spec.target.as_ref().map_or_else(|| "SOCKS".to_string(), ToString::to_string)
    }
}

/// What a forward's tasks tell of it.
struct Counts {
    connections: AtomicU64,
    total: AtomicU64,
    refused: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
    told: Mutex<Told>,
    changed: watch::Sender<u64>,
}

struct Told {
    state: State,
    port: Option<u16>,
    trouble: Option<String>,
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(|e| e.into_inner())
    }
    fn changed(&self) {
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
    }
    fn stands(&self, port: Option<u16>) {
        let mut told = self.lock();
        (told.state, told.port, told.trouble) = (State::Open, port, None);
        drop(told);
        self.changed();
    }
    fn failed(&self, why: Failure) {
        self.lock().state = State::Failed(Why { kind: why.kind, what: why.what, hints: why.hints });
        self.changed();
    }
    fn opening(&self) {
        self.lock().state = State::Opening;
        self.changed();
    }
    fn slow(&self, what: String) {
        self.lock().trouble = Some(what);
        self.changed();
    }
    fn refused(&self, why: String) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.lock().trouble = Some(why);
        self.changed();
    }
}

/// Counts a connection while it lives.
struct Alive(Arc<Counts>);

impl Alive {
    fn new(counts: &Arc<Counts>) -> Alive {
        counts.connections.fetch_add(1, Ordering::Relaxed);
        counts.total.fetch_add(1, Ordering::Relaxed);
        counts.changed();
        Alive(counts.clone())
    }
}
impl Drop for Alive {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.changed();
    }
}

struct Held {
    spec: Spec,
    configured: bool,
    counts: Arc<Counts>,
    /// Its end is the forward's.
    stop: watch::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

type Link = watch::Receiver<Option<Ssh>>;

struct Inner {
    /// As errors name the host; escaped.
    host: String,
    link: watch::Sender<Option<Ssh>>,
    held: Mutex<(u64, BTreeMap<u64, Held>)>,
    changed: watch::Sender<u64>,
}

/// The forwards of one host. Clones share them; they end with the last clone.
#[derive(Clone)]
pub struct Forwards {
    inner: Arc<Inner>,
}

impl Forwards {
    /// None yet, and no link. `host` is shown, so escaped.
    pub fn new(host: impl Into<String>) -> Forwards {
        let (link, changed) = (watch::Sender::new(None), watch::Sender::new(0));
        Forwards { inner: Arc::new(Inner { host: host.into(), link, held: Mutex::default(), changed }) }
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Held>)> {
        self.inner.held.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The link stands, or (None) is away.
    pub fn link(&self, ssh: Option<Ssh>) {
        // what the host before this link listened on says nothing of this one
        for held in self.lock().1.values().filter(|h| ssh.is_some() && h.spec.kind == Kind::Remote) {
            held.counts.lock().state = State::Opening;
        }
        self.inner.link.send_replace(ssh);
        self.inner.changed.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Opens one; what becomes of it is told by [`Forwards::list`]. The same one again is that one.
    ///
    /// # Errors
    /// There are too many.
    pub fn open(&self, spec: Spec, configured: bool) -> Result<u64, Failure> {
        let mut held = self.lock();
        let failed = |h: &Held| matches!(h.counts.lock().state, State::Failed(_));
        if let Some((id, _)) = held.1.iter().find(|(_, h)| h.spec == spec && !failed(h)) {
            return Ok(*id);
        }
        held.1.retain(|_, h| h.spec != spec);
        if held.1.len() >= FORWARDS_MOST {
            return Err(Failure::failed(
                format!("{} has {FORWARDS_MOST} forwards already", self.inner.host),
                "close one that is not needed",
            ));
        }
        held.0 += 1;
        let id = held.0;
        let counts = Arc::new(Counts {
            connections: AtomicU64::new(0),
            total: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            told: Mutex::new(Told { state: State::Opening, port: None, trouble: None }),
            changed: self.inner.changed.clone(),
        });
        let (stop, stopped) = watch::channel(());
        let one = Forward {
            host: self.inner.host.clone(),
            spec: spec.clone(),
            counts: counts.clone(),
            link: self.inner.link.subscribe(),
            stopped,
        };
        let task = tokio::spawn(one.run());
        held.1.insert(id, Held { spec, configured, counts, stop, task });
        drop(held);
        self.inner.changed.send_modify(|n| *n = n.wrapping_add(1));
        Ok(id)
    }

    /// Ends one with all its connections. False = there is none.
    pub fn close(&self, id: u64) -> bool {
        let gone = self.lock().1.remove(&id).is_some();
        self.inner.changed.send_modify(|n| *n = n.wrapping_add(1));
        gone
    }

    /// Ends all of them, and waits until the host has been told; the link is what is returned.
    pub async fn end(&self) -> Option<Ssh> {
        let all = std::mem::take(&mut self.lock().1);
        let tasks: Vec<_> = all.into_values().map(|held| (drop(held.stop), held.task).1).collect();
        let _ = tokio::time::timeout(END_WITHIN, async {
            for task in tasks {
                let _ = task.await;
            }
        })
        .await;
        self.inner.link.send_replace(None)
    }

    /// All of them, in the order they were asked for.
    pub fn list(&self) -> Vec<Status> {
        let away = self.inner.link.borrow().is_none();
        let held = self.lock();
        let status = |(id, h): (&u64, &Held)| {
            let (c, told) = (&h.counts, h.counts.lock());
            let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
            let waits =
                away && (told.state == State::Open || told.state == State::Opening && h.spec.kind == Kind::Remote);
            Status {
                id: *id,
                spec: h.spec.clone(),
                port: told.port,
                state: if waits { State::Waiting } else { told.state.clone() },
                configured: h.configured,
                connections: get(&c.connections),
                total: get(&c.total),
                refused: get(&c.refused),
                up: get(&c.up),
                down: get(&c.down),
                trouble: told.trouble.clone(),
            }
        };
        held.1.iter().map(status).collect()
    }

    /// A handle that lists them, and keeps none alive.
    pub fn lister(&self) -> Lister {
        Lister(Arc::downgrade(&self.inner))
    }

    /// Says when the list is another (bytes are counted without that).
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }
}

/// Lists the forwards as long as somebody else has them.
pub struct Lister(Weak<Inner>);

impl Lister {
    pub fn list(&self) -> Option<Vec<Status>> {
        self.0.upgrade().map(|inner| Forwards { inner }.list())
    }
}

/// One forward's task.
struct Forward {
    host: String,
    spec: Spec,
    counts: Arc<Counts>,
    link: Link,
    stopped: watch::Receiver<()>,
}

impl Forward {
    async fn run(mut self) {
        match self.spec.kind {
            Kind::Local | Kind::Dynamic => self.here().await,
            Kind::Remote => self.there().await,
        }
        // one that failed is shown until it is closed
        while self.stopped.changed().await.is_ok() {}
    }

    /// Listens on this machine.
    async fn here(&mut self) {
        let unlink = self.link.borrow().as_ref().is_some_and(|ssh| ssh.config().forwards().unlink);
        let listener = match Listener::bind(&self.spec.listen, unlink).await {
            Ok(listener) => listener,
            Err(why) => return self.counts.failed(why),
        };
        self.counts.stands(listener.port());
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                _ = self.stopped.changed() => return,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                came = listener.accept(), if connections.len() < CONNECTIONS_MOST => match came {
                    Ok((conn, from)) => {
                        let (alive, link) = (Alive::new(&self.counts), self.link.clone());
                        let (target, host) = (self.spec.target.clone(), self.host.clone());
                        connections.spawn(async move { to_there(conn, from, target, link, alive, &host).await });
                    }
                    Err(e) => {
                        tracing::warn!(error = %e, "a forward's connection can't be taken");
                        tokio::time::sleep(BREATH).await;
                    }
                },
            }
        }
    }

    /// Has the host listen, on every link anew.
    async fn there(&mut self) {
        let mut connections = JoinSet::new();
        // a port that the host chose is wanted again on the next link
        let mut stood: Option<u16> = None;
        loop {
            let ssh = self.link.borrow_and_update().clone();
            let Some(ssh) = ssh else {
                tokio::select! {
                    _ = self.stopped.changed() => return,
                    changed = self.link.changed() => match changed {
                        Ok(()) => continue,
                        Err(_) => return,
                    },
                }
            };
            match self.listen_on(&ssh, stood, &mut connections).await {
                Turn::Stop => return,
                Turn::Link(port) => stood = port.or(stood),
                Turn::Refused(why) => {
                    self.counts.failed(why);
                    // another link, another answer
                    let wait = if stood.is_some() { AGAIN } else { Duration::MAX };
                    tokio::select! {
                        _ = self.stopped.changed() => return,
                        changed = self.link.changed() => if changed.is_err() { return },
                        () = tokio::time::sleep(wait.min(Duration::from_secs(86400))) => {}
                    }
                    self.counts.opening();
                }
            }
            if self.link.has_changed().is_err() {
                return;
            }
        }
    }

    async fn listen_on(&mut self, ssh: &Ssh, stood: Option<u16>, connections: &mut JoinSet<()>) -> Turn {
        let mut at = self.spec.listen.clone();
        if let (Place::Tcp { port, .. }, Some(before)) = (&mut at, stood)
            && *port == 0
        {
            *port = before;
        }
        let Some((expected, mut incoming)) = ssh.asked().announce(&at) else {
            return Turn::Refused(Failure::failed(
                format!("{} listens on {at} for another forward already", self.host),
                "close that one first",
            ));
        };
        let answer = {
            let mut asking = std::pin::pin!(ssh.listen_there(&at));
            let mut slow = false;
            loop {
                tokio::select! {
                    biased;
                    _ = self.stopped.changed() => {
                        // nobody waits for an answer; should it listen after all, it is to stop
                        let (ssh, at) = (ssh.clone(), at.clone());
                        let port = if let Place::Tcp { port, .. } = &at { *port } else { 0 };
                        tokio::spawn(async move { ssh.listen_no_more(&at, port).await });
                        return Turn::Stop;
                    }
                    answer = &mut asking => break answer,
                    () = tokio::time::sleep(SLOW), if !slow => {
                        slow = true;
                        self.counts.slow(format!("{} has not answered yet whether it listens there", self.host));
                    }
                }
            }
        };
        let port = match answer {
            Ok(Some(port)) => port,
            Ok(None) => return Turn::Refused(self.not_there(&at)),
            // the link fell: the next one decides
            Err(why) if ssh.is_closed() => {
                tracing::debug!(why = %why.what, "no listener there");
                return match self.link.changed().await {
                    Ok(()) => Turn::Link(None),
                    Err(_) => Turn::Stop,
                };
            }
            Err(why) => return Turn::Refused(why),
        };
        expected.on(port);
        let is_tcp = matches!(at, Place::Tcp { .. });
        self.counts.stands(is_tcp.then_some(port));
        loop {
            tokio::select! {
                biased;
                _ = self.stopped.changed() => {
                    ssh.listen_no_more(&at, port).await;
                    return Turn::Stop;
                }
                changed = self.link.changed() => return match changed {
                    Ok(()) => Turn::Link(is_tcp.then_some(port)),
                    Err(_) => Turn::Stop,
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                Some(came) = incoming.recv() => {
                    // refused where it is dropped
                    if connections.len() < CONNECTIONS_MOST {
                        let (alive, ssh, target) = (Alive::new(&self.counts), ssh.clone(), self.spec.target.clone());
                        connections.spawn(async move { from_there(came, ssh, target, alive).await });
                    }
                }
            }
        }
    }

    fn not_there(&self, at: &Place) -> Failure {
        let hint = match at {
            Place::Tcp { .. } => {
                "the port may be taken there (0 = any free one), or its sshd does not allow it (AllowTcpForwarding, PermitListen)"
            }
            Place::Unix(_) => {
                "the path may be there already (StreamLocalBindUnlink yes in its sshd_config removes it), or its sshd does not allow it (AllowStreamLocalForwarding)"
            }
        };
        Failure::refused(format!("{} does not listen on {at}", self.host), hint)
    }
}

enum Turn {
    Stop,
    /// The link is another; the port it listened on.
    Link(Option<u16>),
    Refused(Failure),
}

/// A connection made here, to where the host connects.
async fn to_there(
    mut conn: Conn,
    from: (String, u16),
    target: Option<Place>,
    mut link: Link,
    alive: Alive,
    host: &str,
) {
    let counts = &alive.0;
    let by_socks = target.is_none();
    let asked = match target {
        Some(target) => Ok((target, Vec::new(), false)),
        None => match tokio::time::timeout(SAID_WITHIN, said(&mut conn)).await {
            Ok(said) => said,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        },
    };
    let Ok((target, first, five)) = asked else { return };
    let there = tokio::time::timeout(LINK_WITHIN, link.wait_for(Option::is_some)).await;
    let ssh = there.ok().and_then(|stands| stands.ok()?.clone());
    let opened = match ssh {
        Some(ssh) => ssh.reach_from_there(&target, from).await,
        None => Err(NotOpened::Lost),
    };
    let outcome = match &opened {
        Ok(_) => socks::Outcome::Connected,
        Err(NotOpened::NotAllowed) => socks::Outcome::NotAllowed,
        Err(NotOpened::Refused) => socks::Outcome::Refused,
        Err(_) => socks::Outcome::Unreachable,
    };
    if by_socks && conn.write_all(&socks::reply(five, outcome)).await.is_err() {
        return;
    }
    let channel = match opened {
        Ok(channel) => channel,
        Err(why) => {
            counts.refused(match why {
                NotOpened::NotAllowed => {
                    format!("{host} does not forward to {target} (AllowTcpForwarding, PermitOpen in its sshd_config)")
                }
                NotOpened::Refused => format!("{host} can't connect to {target}: nothing answers there"),
                NotOpened::Full => format!("{host} has too much to do to connect to {target}"),
                NotOpened::TooLate => format!("{host} got no answer from {target}"),
                NotOpened::Lost => format!("the link to {host} was away"),
            });
            // after a SOCKS reply, which a reset could overtake, it just ends
            if !by_socks {
                conn.reset();
            }
            return;
        }
    };
    if pump::pump(&mut conn, channel, &first, counts).await.is_err() {
        conn.reset();
    }
}

/// A connection made there, to where this machine connects.
async fn from_there(incoming: remote::Incoming, ssh: Ssh, target: Option<Place>, alive: Alive) {
    let counts = &alive.0;
    let Some(target) = target else {
        return by_socks_from_there(ssh.take_in(incoming).await, counts).await;
    };
    match connect(&target).await {
        Ok(mut conn) => {
            let channel = ssh.take_in(incoming).await;
            if pump::pump(&mut conn, channel, &[], counts).await.is_err() {
                conn.reset();
            }
        }
        Err(why) => {
            counts.refused(why);
            incoming.reply.reject(russh::ChannelOpenFailure::ConnectFailed).await;
        }
    }
}

async fn by_socks_from_there(mut channel: Channel, counts: &Counts) {
    let Ok(Ok((target, first, five))) = tokio::time::timeout(SAID_WITHIN, said(&mut channel)).await else { return };
    match connect(&target).await {
        Ok(mut conn) => {
            channel.unread(&first);
            if channel.write_all(&socks::reply(five, socks::Outcome::Connected)).await.is_ok()
                && pump::pump(&mut conn, channel, &[], counts).await.is_err()
            {
                conn.reset();
            }
        }
        Err(why) => {
            counts.refused(why);
            let _ = channel.write_all(&socks::reply(five, socks::Outcome::Refused)).await;
            let _ = channel.shutdown().await;
        }
    }
}

async fn connect(target: &Place) -> Result<Conn, String> {
    match tokio::time::timeout(CONNECT_WITHIN, Conn::connect(target)).await {
        Ok(Ok(conn)) => Ok(conn),
        Ok(Err(e)) => Err(format!("this machine can't connect to {target}: {}", escape(&e.to_string()))),
        Err(_) => Err(format!("this machine got no answer from {target}")),
    }
}

/// Where a SOCKS client wants to go, what it sent behind that, and whether it speaks version 5. An error = it is none,
/// and has got its reply.
async fn said(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) -> io::Result<(Place, Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    let mut five = false;
    loop {
        let read = match five {
            false => socks::first(&bytes).map(|f| {
                f.map(|(used, first)| match first {
                    socks::First::Five => (used, None),
                    socks::First::Connect(place) => (used, Some(place)),
                })
            }),
            true => socks::request(&bytes).map(|r| r.map(|(used, place)| (used, Some(place)))),
        };
        match read {
            Ok(Some((used, place))) => {
                bytes.drain(..used.min(bytes.len()));
                match place {
                    Some(place) => return Ok((place, bytes, five)),
                    None => {
                        five = true;
                        stream.write_all(&socks::CHOSEN).await?;
                        continue;
                    }
                }
            }
            Ok(None) if bytes.len() < socks::MOST => {}
            Ok(None) => return Err(io::ErrorKind::InvalidData.into()),
            Err(refused) => {
                stream.write_all(&refused.0).await?;
                let _ = stream.shutdown().await;
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
