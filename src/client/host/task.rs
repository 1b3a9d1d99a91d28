//! Owns one host's task: its link, its attached sessions, its calls; dials again when the link falls.
//! Leaves out how a link comes to be (`dial.rs`) and where a session stands (`attached.rs`).

mod asker;
mod asking;
mod booking;
mod calls;
mod frames;
mod gauges;
mod look;
mod offer;
mod shortcut;

use super::attached::{Attached, Waiting};
use super::dial::{Attaching, First, attaching};
use super::dialing::{Dial, Dialing};
use super::forward::Forwarding;
use super::without::{self, Without};
use super::{Dialed, Env, HostCommand, HostEvent, HostId, HostState, dial_by};
use crate::client::files::Up;
use crate::failure::Kind;
use crate::link::credit::OutputCredit;
use crate::link::pulse::{Act, Pulse, Signs};
use crate::link::{Incoming, Link};
use crate::proto::control::*;
use crate::proto::frame::Frame;
use crate::proto::gauges::Watched;
use crate::proto::hello;
use crate::proto::ids::{SessionId, Size, StreamId};
use crate::proto::notice::ShuttingDown;
use crate::transport::DeployPolicy;
use crate::transport::ask::{Ask, Nobody};
use crate::transport::ssh::forward::Why;
use asker::Asker;
use asking::Asking;
use booking::Booking;
use look::Looked;
use shortcut::Shortcuts;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

/// Credit for a session's output. On this machine a flood soon turns into Screens; over a network a queue is delay.
const WINDOW_LOCAL: u64 = 32 << 10;
const WINDOW_FAR: u64 = 64 << 10;
/// Screens on their way at once over a network, while a flood goes on: each packet of theirs may be the lost one that all
/// behind it wait for, the answer to Ctrl-C too. What a flood ends with waits for none.
const SCREENS_FAR: u32 = 1;
/// Between dials while the drop is fresh.
const AGAIN: Duration = Duration::from_millis(500);
/// How long it counts as fresh.
const FRESH: Duration = Duration::from_secs(120);
const SLOWEST: Duration = Duration::from_secs(30);
/// A host that let us in before and refuses us now is asked again this often: a login that the network cut looks
/// like a refusal.
const REFUSALS: u32 = 5;

/// Frames taken in before commands are looked for again.
const TOGETHER: usize = 8;
/// Lines that a search shows, the newest.
const HITS: u64 = 10_000;
/// A session is started within this, or is not.
const CREATE: Duration = Duration::from_secs(15);
/// After an agent ended in order its return is waited for so much longer than it said, before that counts as a failure.
const OVERDUE: Duration = Duration::from_secs(10);
/// And no longer than this in all, whatever it said.
const RETURN: Duration = Duration::from_secs(600);
/// A link that falls this soon after it stood was none: the next try waits as after a failed one.
const STOOD: Duration = Duration::from_secs(2);

/// What was typed before the window goes has so long to arrive.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

type Events = mpsc::UnboundedSender<(HostId, HostEvent)>;

/// Starts a host's task; `first` = a link that stands already. It ends when the sender returned is dropped.
pub fn spawn(host: HostId, env: Arc<Env>, events: Events, first: Option<Dialed>) -> mpsc::UnboundedSender<HostCommand> {
    let (tx, rx) = mpsc::unbounded_channel();
    let (inner_tx, inner) = mpsc::unbounded_channel();
    let forwards = Forwarding::new(host.clone(), env.clone(), events.clone());
    let asker = Asker::new(host.clone(), env.clone(), events.clone());
    let task = Task {
        host,
        env,
        events,
        asking: Asking::new(asker.clone()),
        asker,
        inner_tx,
        attached: HashMap::new(),
        early: Vec::new(),
        next_stream: 2,
        tries: 0,
        watched: gauges::Watches::default(),
        announced: HashMap::new(),
        typed_last: None,
        searching: HashMap::new(),
        renew: false,
        forwards,
        wakes: None,
        had_agent: false,
        looking: false,
    };
    let runtime = if task.host.is_local() { Handle::current() } else { task.env.network() };
    runtime.spawn(task.run(rx, inner, first));
    tx
}

/// The attach that a task would send for a session nobody has shown yet: for who sends it with hello.
pub fn first_attach(env: &Env, session: SessionId, size: Size, watch: bool, stream: StreamId) -> SessionAttach {
    let mut first = Attached::new(session, stream, size.clamped(), watch, WINDOW_FAR);
    first.allow(WINDOW_FAR, SCREENS_FAR);
    first.request(&env.client, stream)
}

/// Answers to calls, as they come.
enum Inner {
    Attached {
        session: SessionId,
        stream: StreamId,
        reply: Box<Result<SessionAttached, Fault>>,
    },
    Listed(Result<Vec<SessionInfo>, Fault>),
    Connections {
        stream: StreamId,
        result: Box<Result<connections::Listed, Fault>>,
    },
    /// The change with this tag was answered.
    Booked(u64),
    /// The agent does not watch that, by the number under which it was asked; and it is time to ask again.
    Unwatched(Watched, u64, Fault),
    WatchAgain(Watched, u64),
    AttachAgain(SessionId),
    /// A way past the agent is there; `number` = which try it was.
    Shortcut {
        session: SessionId,
        number: u64,
        link: Link,
        lent: Lent,
    },
    ShortcutOver {
        session: SessionId,
        number: u64,
    },
    /// The link fell before it was answered, and somebody waits for it: asked again on the next.
    HistoryAgain {
        session: SessionId,
        from: u64,
        to: Option<u64>,
    },
}

/// A live link and what belongs to it.
struct Live {
    link: Link,
    incoming: mpsc::UnboundedReceiver<Incoming>,
    ended: oneshot::Receiver<std::io::Error>,
    frames: mpsc::UnboundedReceiver<Frame>,
    frames_tx: mpsc::UnboundedSender<Frame>,
    streams: HashMap<StreamId, SessionId>,
    /// Frames of streams whose attach is not answered yet.
    unanswered: HashMap<StreamId, Vec<Frame>>,
    /// Attaches sent together with hello, of sessions that nobody has asked to see yet.
    begun: Vec<Attaching>,
    /// As the agent's hello named them.
    build: String,
    exe: String,
    /// It said that it ends.
    leaving: Option<ShuttingDown>,
    pulse: Pulse,
    /// What the link may carry; none where it is within this machine.
    credit: Option<OutputCredit>,
    /// Kept: the link lives on it.
    ssh: Option<crate::transport::ssh::Ssh>,
    /// No agent there: the link is to this machine's.
    without: Option<Without>,
    looked: Looked,
    shortcuts: Shortcuts,
    booking: Booking,
}

struct Task {
    host: HostId,
    env: Arc<Env>,
    events: Events,
    asker: Arc<Asker>,
    inner_tx: mpsc::UnboundedSender<Inner>,
    attached: HashMap<SessionId, Attached>,
    /// Calls wanted while there was no link, or a silent one.
    early: Vec<HostCommand>,
    next_stream: StreamId,
    /// Shortcuts tried so far.
    tries: u64,
    /// What its agent may ask.
    asking: Arc<Asking>,
    watched: gauges::Watches,
    announced: HashMap<SessionId, Waiting>,
    /// Whom its echo is waited for: it gets more of the link than the others.
    typed_last: Option<SessionId>,
    /// The search under way in a session.
    searching: HashMap<SessionId, tokio::task::AbortHandle>,
    /// The next dial puts this build's agent there.
    renew: bool,
    forwards: Forwarding,
    /// This machine slept, or its network changed; none where that is no matter.
    wakes: Option<watch::Receiver<u64>>,
    /// An agent of the host answered.
    had_agent: bool,
    /// Somebody looks at what the link is like.
    looking: bool,
}

enum Turn {
    Go,
    Down(String),
    /// The agent ended in order: no failure, and it is back soon.
    Left(ShuttingDown),
    Disconnect,
    Over,
    /// It must not be, as ssh_config has it.
    Unwanted(Why),
}

impl Task {
    fn tell(&self, event: HostEvent) {
        let _ = self.events.send((self.host.clone(), event));
    }

    fn dial(&mut self) -> Dial {
        let policy = if std::mem::take(&mut self.renew) { DeployPolicy::Always } else { self.env.deploy };
        // (of several dials the oldest alone: each attach ends the one before)
        let sessions: Vec<SessionId> = self.attached.values().filter(|a| !a.ended).map(|a| a.session.clone()).collect();
        let mut wanted = Vec::new();
        for session in sessions {
            let stream = self.take_stream();
            wanted.extend(self.attached.get(&session).map(|a| a.request(&self.env.client, stream)));
        }
        let first: First = Arc::new(move |link: &Link| attaching(link, &wanted));
        self.dial_asking(self.asker.clone(), policy, Some(first))
    }
    fn dial_asking(&self, ask: Arc<dyn Ask>, policy: DeployPolicy, first: Option<First>) -> Dial {
        let (host, env) = (self.host.clone(), self.env.clone());
        let had_agent = self.had_agent;
        Box::pin(async move {
            // (whose agent was there has sessions of its own)
            if !host.is_local() && !had_agent && without::is_in_use(&host, &env).await {
                env.go_without(&host, true);
            }
            dial_by(&host, &env, ask, policy, first).await
        })
    }

    async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<HostCommand>,
        mut inner: mpsc::UnboundedReceiver<Inner>,
        mut first: Option<Dialed>,
    ) {
        // offline until somebody wants something
        'offline: loop {
            loop {
                let Some(command) = commands.recv().await else { return };
                let connect = !matches!(
                    command,
                    HostCommand::Disconnect
                        | HostCommand::Answer { .. }
                        | HostCommand::Seen { .. }
                        | HostCommand::List
                        | HostCommand::Connections
                        | HostCommand::Book { .. }
                        | HostCommand::Forget { .. }
                        | HostCommand::Gauges(_)
                        | HostCommand::Detach { .. }
                        | HostCommand::Resize { .. }
                        | HostCommand::DropInput { .. }
                        | HostCommand::Unforward(_)
                        | HostCommand::Ports(_)
                        | HostCommand::Look(_)
                );
                self.while_down(command);
                if connect {
                    break;
                }
            }
            if !self.host.is_local() && self.wakes.is_none() {
                self.wakes = Some(self.env.wakes());
            }
            let mut lost_at: Option<Instant> = None;
            // since when it is wanted and not there
            let mut away = Instant::now();
            let (mut tries, mut refusals) = (0u32, 0u32);
            let mut ready: Option<Dialed> = first.take();
            // until then an agent that ended in order is expected back
            let mut back: Option<Instant> = None;
            loop {
                let asked = self.asker.asked();
                let (expected, renewing) = (back.is_some_and(|b| Instant::now() < b), self.renew);
                let dialed = match ready.take() {
                    Some(dialed) => Ok(dialed),
                    None => {
                        if !expected {
                            self.tell(HostEvent::State(HostState::Connecting));
                        }
                        let mut dialing = Dialing::default();
                        dialing.start(self.dial());
                        // a link that fell is missed: the way may heal while a dial is stuck in what was broken
                        let missed = lost_at.is_some() && !self.attached.is_empty() && !renewing;
                        let mut again = tokio::time::interval(AGAIN);
                        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
                        again.reset();
                        loop {
                            tokio::select! {
                                dialed = dialing.next() => break dialed,
                                _ = again.tick(), if missed && away.elapsed() < FRESH => {
                                    self.dial_beside(&mut dialing, asked);
                                }
                                () = woken(&mut self.wakes) => self.dial_beside(&mut dialing, asked),
                                command = commands.recv() => match command {
                                    None => return,
                                    Some(HostCommand::Disconnect) => {
                                        self.let_go();
                                        continue 'offline;
                                    }
                                    Some(command) => self.while_down(command),
                                },
                            }
                        }
                    }
                };
                let why = match dialed {
                    Ok(dialed) => {
                        refusals = 0;
                        back = None;
                        let since = Instant::now();
                        let turn = self.online(dialed, &mut commands, &mut inner, &mut ready).await;
                        if since.elapsed() > STOOD {
                            tries = 0;
                        }
                        match turn {
                            Turn::Over => return,
                            Turn::Disconnect => {
                                self.let_go();
                                continue 'offline;
                            }
                            Turn::Unwanted(Why { what: why, hints, .. }) => {
                                self.fail_early(&why);
                                self.forwards.end();
                                self.tell(HostEvent::State(HostState::Failed { why, hints, hard: false }));
                                continue 'offline;
                            }
                            Turn::Down(why) => {
                                away = Instant::now();
                                lost_at = Some(away);
                                why
                            }
                            Turn::Left(ShuttingDown { reason, expected_return_s }) => {
                                away = Instant::now();
                                (lost_at, tries) = (Some(away), 0);
                                let expected = Duration::from_secs(expected_return_s.unwrap_or(0)) + OVERDUE;
                                back = Some(away + expected.min(RETURN));
                                crate::text::short(&reason, 200)
                            }
                            Turn::Go => continue,
                        }
                    }
                    Err(failure) => {
                        if renewing {
                            self.tell(HostEvent::Failed { what: format!("no other agent: {}", failure.what) });
                        }
                        let refused = failure.kind == Kind::Refused;
                        let perhaps_cut = refused
                            && !failure.hard
                            && lost_at.is_some()
                            && asked == self.asker.asked()
                            && refusals < REFUSALS;
                        refusals += u32::from(refused);
                        let final_word = (refused && !perhaps_cut)
                            || failure.kind == Kind::Usage
                            || (lost_at.is_none() && self.attached.is_empty());
                        if final_word {
                            let hard = failure.kind == Kind::Refused && failure.hard;
                            self.fail_early(&failure.what);
                            self.tell(HostEvent::State(HostState::Failed {
                                why: failure.what,
                                hints: failure.hints,
                                hard,
                            }));
                            continue 'offline;
                        }
                        failure.what
                    }
                };
                let expected = back.is_some_and(|b| Instant::now() < b);
                tries += 1;
                let fresh = away.elapsed() < FRESH && !self.attached.is_empty();
                let wait = match (tries, fresh) {
                    _ if refusals > 0 => backoff(refusals),
                    (1, _) => Duration::from_millis(20),
                    (_, true) => AGAIN,
                    _ if expected => AGAIN,
                    (n, false) => backoff(n),
                };
                self.tell(HostEvent::State(match expected {
                    true => HostState::Updating { why },
                    false => HostState::Lost { why, retry: wait },
                }));
                let until = tokio::time::Instant::now() + wait;
                loop {
                    tokio::select! {
                        () = tokio::time::sleep_until(until) => break,
                        () = woken(&mut self.wakes) => {
                            (away, tries) = (Instant::now(), 0);
                            break;
                        }
                        command = commands.recv() => match command {
                            None => return,
                            Some(HostCommand::Connect) => break,
                            Some(command @ (HostCommand::Without | HostCommand::With)) => {
                                self.while_down(command);
                                break;
                            }
                            Some(HostCommand::Disconnect) => {
                                self.let_go();
                                continue 'offline;
                            }
                            Some(command) => self.while_down(command),
                        },
                    }
                }
            }
        }
    }

    /// One more, which asks nobody anything; none where a person is being asked: `asked` = questions before the first.
    fn dial_beside(&self, dialing: &mut Dialing, asked: u64) {
        if self.asker.asked() == asked {
            dialing.start(self.dial_asking(Arc::new(Nobody), DeployPolicy::Never, None));
        } else {
            dialing.keep_oldest();
        }
    }

    /// On a person's word: what was asked for meanwhile is not done at some later time.
    fn let_go(&mut self) {
        self.env.go_with(&self.host);
        self.fail_early("the host was let go of");
        self.forwards.end();
        self.tell(HostEvent::State(HostState::Offline));
    }

    fn fail_early(&mut self, why: &str) {
        for command in std::mem::take(&mut self.early) {
            match command {
                HostCommand::Search { session, tag, .. } => {
                    self.tell(HostEvent::Found { session, tag, result: Err(why.to_string()) });
                }
                HostCommand::Create { tag, .. } => self.tell(HostEvent::Created { tag, result: Err(why.to_string()) }),
                HostCommand::Offer { tag, .. } => self.tell(HostEvent::Offered { tag, result: Err(why.to_string()) }),
                _ => self.tell(HostEvent::Failed { what: why.to_string() }),
            }
        }
    }

    /// What a command does while there is no link.
    fn while_down(&mut self, command: HostCommand) {
        if self.forwards.command(&command, None) {
            return;
        }
        match command {
            HostCommand::Attach { session, size, watch } => {
                let size = size.clamped();
                let window = if self.host.is_local() { WINDOW_LOCAL } else { WINDOW_FAR };
                let a = self
                    .attached
                    .entry(session.clone())
                    .or_insert_with(|| Attached::new(session, 0, size, watch, window));
                a.size = size;
                a.watch = watch;
            }
            HostCommand::Detach { session } => {
                self.attached.remove(&session);
                self.announced.remove(&session);
            }
            HostCommand::Input { session, bytes, count } => {
                if let Some(a) = self.attached.get_mut(&session) {
                    a.typed(&bytes, count);
                    self.announce(&session);
                }
            }
            HostCommand::DropInput { session } => {
                let (dropped, sent) = self.attached.get_mut(&session).map_or((0, 0), Attached::drop_input);
                self.tell_pending(&session);
                self.tell(HostEvent::Dropped { session, dropped, sent });
            }
            HostCommand::Resize { session, size } => {
                if let Some(a) = self.attached.get_mut(&session) {
                    a.size = size.clamped();
                }
            }
            HostCommand::Gauges(wanted) => self.watched.want(wanted),
            HostCommand::Look(on) => self.looking = on,
            HostCommand::Update => self.renew = true,
            HostCommand::Without => self.env.go_without(&self.host, true),
            HostCommand::With => self.env.go_with(&self.host),
            HostCommand::Answer { id, answer } => self.asker.answer(id, answer),
            c @ (HostCommand::Create { .. }
            | HostCommand::Offer { .. }
            | HostCommand::Close { .. }
            | HostCommand::Rename { .. }
            | HostCommand::History { .. }
            | HostCommand::Search { .. }
            | HostCommand::Containers { .. }
            | HostCommand::Marks { .. }) => {
                self.early.push(c);
            }
            HostCommand::Forget { tag } => {
                self.early.retain(|c| !matches!(c, HostCommand::Create { tag: t, .. } if *t == tag));
                self.asking.end(tag);
            }
            HostCommand::Book { tag, .. } => {
                let why = "the host is not connected just now: its connections are kept there".to_string();
                self.tell(HostEvent::Booked { tag, result: Err(why) });
            }
            // (what was meant for a board of now is not done to one of later)
            HostCommand::Act { .. } => {
                let what = "the host is not connected just now: nothing was done".to_string();
                self.tell(HostEvent::Failed { what });
            }
            HostCommand::Connect
            | HostCommand::Connections
            | HostCommand::Disconnect
            | HostCommand::Seen { .. }
            | HostCommand::Colors { .. }
            | HostCommand::List
            | HostCommand::Forward(_)
            | HostCommand::ForwardPort(_)
            | HostCommand::Unforward(_)
            | HostCommand::Ports(_) => {}
        }
    }

    /// Says how much typed input waits, where that is another number worth showing, and what became of what was dropped.
    fn announce(&mut self, session: &SessionId) {
        let Some(a) = self.attached.get_mut(session) else { return };
        let (waiting, settled, none) = (a.waiting(), a.settled(), Waiting::default());
        let told = self.announced.get(session).copied().unwrap_or(none);
        // a key that is on its way is no news
        let news = if a.live { told != none && (waiting == none || settled.is_some()) } else { waiting != told };
        if news {
            self.tell_pending(session);
        }
        if let Some(settled) = settled {
            self.tell(HostEvent::Settled { session: session.clone(), settled });
        }
    }

    /// What was typed last may not have arrived.
    fn announce_all(&mut self) {
        let told = |a: &Attached| self.announced.get(&a.session).copied().unwrap_or_default();
        let news = |a: &&Attached| !a.ended && a.waiting() != told(a);
        let sessions: Vec<SessionId> = self.attached.values().filter(news).map(|a| a.session.clone()).collect();
        for session in sessions {
            self.tell_pending(&session);
        }
    }

    fn tell_pending(&mut self, session: &SessionId) {
        let waiting = self.attached.get(session).map(Attached::waiting).unwrap_or_default();
        self.announced.insert(session.clone(), waiting);
        self.tell(HostEvent::Pending { session: session.clone(), waiting });
    }

    async fn online(
        &mut self,
        dialed: Dialed,
        commands: &mut mpsc::UnboundedReceiver<HostCommand>,
        inner: &mut mpsc::UnboundedReceiver<Inner>,
        ready: &mut Option<Dialed>,
    ) -> Turn {
        let Dialed { link, incoming, ended, hello, ssh, without, begun } = dialed;
        let (frames_tx, frames) = mpsc::unbounded_channel();
        self.forwards.up(ssh.as_ref(), &link);
        let mut live = Live {
            link: link.clone(),
            incoming,
            ended,
            frames,
            frames_tx,
            streams: HashMap::new(),
            unanswered: HashMap::new(),
            begun: Vec::new(),
            build: hello.build.clone(),
            exe: hello.exe,
            leaving: None,
            pulse: Pulse::new(Instant::now()),
            credit: (!self.host.is_local() && without.is_none()).then(OutputCredit::default),
            ssh,
            without,
            looked: Looked::default(),
            shortcuts: Shortcuts::default(),
            booking: Booking::default(),
        };
        self.had_agent |= live.without.is_none();
        self.tell(HostEvent::State(HostState::Online { build: hello.build, hostname: hello.hostname }));
        let reached = live.ssh.as_ref().map(|ssh| (ssh.lends(), ssh.look().address.clone()));
        let (lends, address) = reached.unwrap_or_default();
        self.tell(HostEvent::Reached { lends, address });
        if hello.ends_at_logout {
            self.tell(HostEvent::Said { what: super::ends_at_logout(&self.host) });
        }
        for attaching in begun.attaches {
            let stream = attaching.asked.stream;
            self.next_stream = self.next_stream.max(stream.saturating_add(4));
            link.route_stream(stream, live.frames_tx.clone());
            live.unanswered.insert(stream, Vec::new());
            live.begun.push(attaching);
        }
        if let Some(mut early) = begun.frames {
            // (nobody hands on to them any more: their streams lead here)
            while let Ok(frame) = early.try_recv() {
                self.frame(&mut live, frame);
            }
        }
        let sessions: Vec<SessionId> = self.attached.values().filter(|a| !a.ended).map(|a| a.session.clone()).collect();
        for session in sessions {
            self.attach(&mut live, &session);
        }
        drop(link.call(&Subscribe { topic: "sessions".into() }));
        // (this machine's gauges are not that host's)
        self.watched.begin(hello::can(&hello.capabilities, hello::PLACES));
        self.watch(&live);
        if let Some(without) = &live.without {
            without.look();
        }
        self.list(&live);
        let target = live.without.as_ref().map(|w| w.target.clone());
        let far = !self.host.is_local() && target.is_none();
        self.env.ups.up(&self.host, Up::new(link.clone(), far, target, self.asking.of_files()));
        for command in std::mem::take(&mut self.early) {
            self.command(&mut live, command);
        }
        let network = !self.host.is_local() && live.without.is_none();
        let mut beside = Dialing::default();
        let asked = self.asker.asked();
        let mut clock = crate::sys::Clock::new();
        let turn = loop {
            if network {
                clock.aim(Some(live.pulse.due(Instant::now(), &signs(&live))));
            }
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    None => {
                        self.last_words(&mut live, inner).await;
                        break Turn::Over;
                    }
                    Some(HostCommand::Disconnect) => {
                        if let Some(without) = &live.without {
                            without.let_go();
                        }
                        break Turn::Disconnect;
                    }
                    Some(HostCommand::With) if let Some(without) = &live.without => {
                        // (else the next dial finds that it goes on so)
                        without.let_go_now().await;
                        self.env.go_with(&self.host);
                        break Turn::Go;
                    }
                    Some(command) => {
                        self.command(&mut live, command);
                        // a key is on its way, an echo on the screen, before all else is looked at here
                        if commands.is_empty() {
                            tokio::task::yield_now().await;
                        }
                    }
                },
                frame = live.frames.recv() => if let Some(frame) = frame {
                    self.frame(&mut live, frame);
                    // what came with it, of which what was taken of a key goes before its echo
                    for _ in 0..TOGETHER {
                        let Ok(frame) = live.frames.try_recv() else { break };
                        self.frame(&mut live, frame);
                    }
                    if live.frames.is_empty() {
                        tokio::task::yield_now().await;
                    }
                },
                why = self.forwards.fails() => break Turn::Unwanted(why),
                Some(answer) = inner.recv() => self.answered(&mut live, answer),
                // once the link is over this queue is, too, and must not be asked before the end is
                Some(message) = live.incoming.recv() => match message {
                    Incoming::Notice { method, params } => self.notice(&mut live, &method, params),
                    Incoming::Rtt(rtt) => {
                        if let Some(credit) = &mut live.credit {
                            credit.round(rtt, Instant::now());
                        }
                        self.tell(HostEvent::Rtt(rtt));
                        self.feel(&mut live, &mut beside, asked);
                    }
                    Incoming::Call { id, method, params } => self.asked_by_agent(&live, id, method, params),
                },
                end = &mut live.ended => {
                    // what arrived before the end is still taken
                    while let Ok(frame) = live.frames.try_recv() {
                        self.frame(&mut live, frame);
                    }
                    if let Some(why) = live.leaving.take() {
                        break Turn::Left(why);
                    }
                    break Turn::Down(end.map_or_else(|_| "the link is gone".to_string(), |e| crate::text::escape(&e.to_string())));
                }
                Ok(dialed) = beside.next(), if !beside.is_empty() => {
                    *ready = Some(dialed);
                    break Turn::Go;
                }
                () = live.looked.due(), if self.looking && network => self.measure(&mut live),
                quiet = silence(&mut live.without) => self.tell(quiet.map_or(HostEvent::Unlinked, HostEvent::Silent)),
                () = woken(&mut self.wakes), if network => {
                    // (the address may come back: both are tried)
                    if live.ssh.as_ref().is_some_and(|ssh| ssh.look().is_stranded()) {
                        self.dial_beside(&mut beside, asked);
                    }
                    live.pulse.doubt(Instant::now());
                }
                () = clock.struck() => {
                    if let Some(quiet) = self.feel(&mut live, &mut beside, asked) {
                        break Turn::Down(format!("nothing heard for {} s", quiet.as_secs()));
                    }
                }
            }
        };
        live.link.close();
        live.shortcuts.close();
        self.unbook(&mut live);
        self.env.ups.down(&self.host);
        self.forwards.down();
        for a in self.attached.values_mut() {
            a.live = false;
        }
        self.announce_all();
        turn
    }

    /// The window goes: what was typed before arrives all the same, where the link is any good.
    async fn last_words(&mut self, live: &mut Live, inner: &mut mpsc::UnboundedReceiver<Inner>) {
        let waits = |a: &Attached| {
            let waiting = a.waiting();
            // (what was dropped after it was sent is not waited for)
            !a.ended && !a.watch && waiting.unsent + waiting.sent > waiting.doubted
        };
        let arrived = async {
            while !live.pulse.is_silent() && self.attached.values().any(waits) {
                tokio::select! {
                    biased;
                    frame = live.frames.recv() => match frame {
                        Some(frame) => self.frame(live, frame),
                        None => return,
                    },
                    Some(answer) = inner.recv() => self.answered(live, answer),
                    _ = &mut live.ended => return,
                }
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, arrived).await;
    }

    /// Feels the link's pulse; how long it is dead, where it is.
    fn feel(&mut self, live: &mut Live, beside: &mut Dialing, asked: u64) -> Option<Duration> {
        let mut dead = None;
        for act in live.pulse.look(Instant::now(), &signs(live)) {
            match act {
                Act::Ping => live.link.ping(),
                Act::Silent(quiet) => {
                    self.tell(HostEvent::Silent(quiet));
                    self.announce_all();
                }
                Act::Again => {
                    *beside = Dialing::default();
                    self.tell(HostEvent::Silent(Duration::ZERO));
                    // what was held back meanwhile
                    let sessions: Vec<SessionId> = self.attached.keys().cloned().collect();
                    for session in sessions {
                        self.send_input(live, &session);
                        self.announce(&session);
                    }
                    for command in std::mem::take(&mut self.early) {
                        self.command(live, command);
                    }
                }
                Act::Beside => self.dial_beside(beside, asked),
                Act::Dead(quiet) => dead = Some(quiet),
            }
        }
        dead
    }

    fn attach(&mut self, live: &mut Live, session: &SessionId) {
        let mut begun = std::mem::take(&mut live.begun);
        let known = begun.iter().position(|b| b.asked.session == *session).map(|i| begun.swap_remove(i));
        let goes_on = known.is_some_and(|known| self.goes_on(live, known));
        let more_wanted = |b: &Attaching| self.attached.get(&b.asked.session).is_some_and(|a| !a.ended);
        let (wanted, rest): (Vec<_>, Vec<_>) = begun.into_iter().partition(more_wanted);
        live.begun = wanted;
        rest.iter().for_each(|b| let_go(live, b.asked.stream));
        if goes_on {
            return;
        }
        live.end_shortcut(session);
        let stream = self.take_stream();
        self.allow(live, session);
        let Some(a) = self.attached.get_mut(session) else { return };
        let old = a.stream;
        if live.streams.remove(&old).is_some() {
            live.link.close_stream(old);
            drop(live.link.call(&SessionDetach { stream: old }));
        }
        live.link.route_stream(stream, live.frames_tx.clone());
        live.streams.insert(stream, session.clone());
        live.unanswered.remove(&old);
        live.unanswered.insert(stream, Vec::new());
        let call = live.link.call(&a.attach(&self.env.client, stream));
        self.await_attach(session.clone(), stream, call);
    }

    /// Goes on with an attach that was sent together with hello, if it still is what is wanted.
    fn goes_on(&mut self, live: &mut Live, attaching: Attaching) -> bool {
        let Attaching { asked, answer } = attaching;
        let (session, stream) = (asked.session.clone(), asked.stream);
        let a = self.attached.get_mut(&session).filter(|a| {
            let now = a.request(&self.env.client, stream);
            // (another size is asked for once it is answered, and how much may be on its way is said with each answer)
            let SessionAttach { size, window, screens, packed, .. } = asked;
            now.size.is_some() == size.is_some() && SessionAttach { size, window, screens, packed, ..now } == asked
        });
        let Some(a) = a else {
            let_go(live, stream);
            return false;
        };
        a.begun(stream, asked.size.unwrap_or(a.size));
        live.streams.insert(stream, session.clone());
        self.await_attach(session, stream, answer);
        true
    }

    fn await_attach(
        &self,
        session: SessionId,
        stream: StreamId,
        answer: impl Future<Output = Result<SessionAttached, Fault>> + Send + 'static,
    ) {
        let tx = self.inner_tx.clone();
        tokio::spawn(async move {
            let reply = Box::new(answer.await.and_then(|reply| hello::check_stream(&reply).map(|()| reply)));
            let _ = tx.send(Inner::Attached { session, stream, reply });
        });
    }

    /// A session's share of what the link may carry, as it is now.
    fn allow(&mut self, live: &Live, session: &SessionId) {
        let Some(credit) = &live.credit else { return };
        let share = credit.share(self.typed_last.as_ref() == Some(session), live.streams.len());
        if let Some(a) = self.attached.get_mut(session) {
            a.allow(share, SCREENS_FAR);
        }
    }

    /// A stream not in use: even ones are the client's; 4 apart leaves room for a second one beside it.
    fn take_stream(&mut self) -> StreamId {
        let stream = self.next_stream;
        self.next_stream = if stream > u32::MAX - 16 { 2 } else { stream + 4 };
        stream
    }

    fn list(&mut self, live: &Live) {
        let (link, tx, stream) = (live.link.clone(), self.inner_tx.clone(), self.take_stream());
        tokio::spawn(async move {
            let _ = tx.send(Inner::Listed(super::list_sessions(&link, stream).await));
        });
    }
}

/// An attach that nobody wants any more.
fn let_go(live: &mut Live, stream: StreamId) {
    live.unanswered.remove(&stream);
    live.link.close_stream(stream);
    drop(live.link.call(&SessionDetach { stream }));
}

fn signs(live: &Live) -> Signs {
    let heard = live.link.heard();
    Signs { heard: live.shortcuts.heard().map_or(heard, |other| other.max(heard)), answered: live.link.answered() }
}

/// What is told next of the silence of a host without an agent; never, where it has one.
async fn silence(without: &mut Option<Without>) -> Option<Duration> {
    match without {
        Some(without) => without.silence().await,
        None => std::future::pending().await,
    }
}

/// The next piece of such news; never, where there is none.
async fn woken(wakes: &mut Option<watch::Receiver<u64>>) {
    if let Some(rx) = wakes
        && rx.changed().await.is_ok()
    {
        return;
    }
    *wakes = None;
    std::future::pending().await
}

/// 1 s, 2 s, 4 s ... to 30 s, each with up to a fifth more or less.
fn backoff(tries: u32) -> Duration {
    let base = Duration::from_millis(500).saturating_mul(1 << tries.min(7)).min(SLOWEST);
    let jitter = f64::from(u8::from_le_bytes(crate::proto::ids::random_bytes::<1>())) / 255.0 * 0.4 + 0.8;
    base.mul_f64(jitter).min(SLOWEST)
}

#[cfg(test)]
mod tests;
