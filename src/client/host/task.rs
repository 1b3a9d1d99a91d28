//! Owns one host's task: its link, its attached sessions, its calls; dials again when the link falls.
//! Leaves out how a link comes to be (`dial.rs`) and where a session stands (`attached.rs`).

use super::attached::{Attached, Take};
use super::dialing::{Dial, Dialing};
use super::find;
use super::forward::Forwarding;
use super::pulse::{Act, Pulse, Signs};
use super::without::{self, Without};
use super::{Answer, Dialed, Env, HostCommand, HostEvent, HostId, HostState, Question, dial_by, mixed};
use crate::failure::Kind;
use crate::link::{Incoming, Link};
use crate::proto::control::*;
use crate::proto::frame::{Body, Frame, MAX_PIECE};
use crate::proto::hello;
use crate::proto::ids::{SessionId, StreamId};
use crate::proto::notice::{Notice, ShuttingDown};
use crate::secret::Secret;
use crate::term::screen::Colors;
use crate::transport::DeployPolicy;
use crate::transport::ask::{Answered, Ask, Nobody};
use crate::transport::deploy::build_id;
use crate::transport::ssh::forward::Why;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

/// Credit for a session's output. On this machine a flood soon turns into Screens; over a network a queue is delay.
const WINDOW_LOCAL: u64 = 32 << 10;
const WINDOW_FAR: u64 = 64 << 10;
/// Between dials while the drop is fresh.
const AGAIN: Duration = Duration::from_millis(500);
/// How long it counts as fresh.
const FRESH: Duration = Duration::from_secs(120);
const SLOWEST: Duration = Duration::from_secs(30);
/// A host that let us in before and refuses us now is asked again this often: a login that the network cut looks
/// like a refusal.
const REFUSALS: u32 = 5;

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

type Events = mpsc::UnboundedSender<(HostId, HostEvent)>;

/// Starts a host's task; `first` = a link that stands already. It ends when the sender returned is dropped.
pub fn spawn(host: HostId, env: Arc<Env>, events: Events, first: Option<Dialed>) -> mpsc::UnboundedSender<HostCommand> {
    let (tx, rx) = mpsc::unbounded_channel();
    let (inner_tx, inner) = mpsc::unbounded_channel();
    let forwards = Forwarding::new(host.clone(), env.clone(), events.clone());
    let asker =
        Arc::new(Asker { host: host.clone(), env: env.clone(), events: events.clone(), state: Mutex::default() });
    let task = Task {
        host,
        env,
        events,
        asker,
        inner_tx,
        attached: HashMap::new(),
        early: Vec::new(),
        next_stream: 2,
        gauges: false,
        announced: HashMap::new(),
        searching: HashMap::new(),
        renew: false,
        forwards,
        wakes: None,
    };
    let runtime = if task.host.is_local() { Handle::current() } else { task.env.network() };
    runtime.spawn(task.run(rx, inner, first));
    tx
}

/// Questions on their way to a person.
struct Asker {
    host: HostId,
    env: Arc<Env>,
    events: Events,
    state: Mutex<(u64, HashMap<u64, oneshot::Sender<Answer>>)>,
}

impl Asker {
    fn ask(&self, question: Question) -> oneshot::Receiver<Answer> {
        let (tx, rx) = oneshot::channel();
        let id = {
            let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
            state.0 += 1;
            let id = state.0;
            // nobody waits any longer for what was asked in a dial that was given up
            state.1.retain(|_, waits| !waits.is_closed());
            state.1.insert(id, tx);
            id
        };
        let _ = self.events.send((self.host.clone(), HostEvent::Ask { id, question }));
        rx
    }
    /// How many questions were asked so far.
    fn asked(&self) -> u64 {
        self.state.lock().unwrap_or_else(|e| e.into_inner()).0
    }
    fn answer(&self, id: u64, answer: Answer) {
        let tx = self.state.lock().unwrap_or_else(|e| e.into_inner()).1.remove(&id);
        if let Some(tx) = tx {
            let _ = tx.send(answer);
        }
    }
}

impl Ask for Asker {
    fn host_key(&self, host: &str, kind: &str, fingerprint: &str) -> Answered<'_, bool> {
        let rx = self.ask(Question::HostKey { host: host.into(), kind: kind.into(), fingerprint: fingerprint.into() });
        Box::pin(async move { Some(rx.await.ok()? == Answer::Yes) })
    }
    fn secret(&self, host: &str, prompt: &str, echo: bool) -> Answered<'_, Secret> {
        let rx = self.ask(Question::Secret { host: host.into(), prompt: prompt.into(), echo });
        Box::pin(async move {
            match rx.await.ok()? {
                Answer::Secret(s) => Some(s),
                _ => None,
            }
        })
    }
    fn deploy(&self, host: &str, found: Option<&str>, offered: &str, steps: &[String]) -> Answered<'_, bool> {
        let rx = self.ask(Question::Deploy {
            host: host.into(),
            found: found.map(Into::into),
            offered: offered.into(),
            steps: steps.to_vec(),
        });
        Box::pin(async move {
            let answer = rx.await.ok()?;
            if answer == Answer::Without {
                self.env.go_without(&self.host);
            }
            Some(answer == Answer::Yes)
        })
    }
    fn said(&self, host: &str, text: &str) {
        let what = format!("{host} says: {}", text.replace('\n', " | "));
        let _ = self.events.send((self.host.clone(), HostEvent::Failed { what }));
    }
    fn directory(&self, host: &str, why: &str) -> Answered<'_, String> {
        let prompt = format!("{why}: another directory there, absolute");
        let rx = self.ask(Question::Secret { host: host.into(), prompt, echo: true });
        Box::pin(async move {
            match rx.await.ok()? {
                Answer::Secret(path) => Some(path.expose().trim().to_string()).filter(|p| !p.is_empty()),
                _ => None,
            }
        })
    }
    fn progress(&self, step: &str, done: Option<f32>) {
        let state = HostState::Deploying { step: step.into(), done };
        let _ = self.events.send((self.host.clone(), HostEvent::State(state)));
    }
}

/// Answers to calls, as they come.
enum Inner {
    Attached {
        session: SessionId,
        stream: StreamId,
        reply: Box<Result<SessionAttached, Fault>>,
    },
    Listed(Result<Vec<SessionInfo>, Fault>),
    AttachAgain(SessionId),
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
    /// As the agent's hello named them.
    build: String,
    exe: String,
    /// It said that it ends.
    leaving: Option<ShuttingDown>,
    pulse: Pulse,
    /// Kept: the link lives on it.
    _ssh: Option<crate::transport::ssh::Ssh>,
    /// No agent there: the link is to this machine's.
    without: Option<Without>,
}

struct Task {
    host: HostId,
    env: Arc<Env>,
    events: Events,
    asker: Arc<Asker>,
    inner_tx: mpsc::UnboundedSender<Inner>,
    attached: HashMap<SessionId, Attached>,
    /// Calls wanted while there was no link.
    early: Vec<HostCommand>,
    next_stream: StreamId,
    gauges: bool,
    announced: HashMap<SessionId, usize>,
    /// The search under way in a session.
    searching: HashMap<SessionId, tokio::task::AbortHandle>,
    /// The next dial puts this build's agent there.
    renew: bool,
    forwards: Forwarding,
    /// This machine slept, or its network changed; none where that is no matter.
    wakes: Option<watch::Receiver<u64>>,
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
        self.dial_asking(self.asker.clone(), policy)
    }
    fn dial_asking(&self, ask: Arc<dyn Ask>, policy: DeployPolicy) -> Dial {
        let (host, env) = (self.host.clone(), self.env.clone());
        Box::pin(async move {
            if !host.is_local() && without::is_in_use(&host, &env).await {
                env.go_without(&host);
            }
            dial_by(&host, &env, ask, policy).await
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
                        | HostCommand::Gauges(_)
                        | HostCommand::Detach { .. }
                        | HostCommand::Resize { .. }
                        | HostCommand::DropInput { .. }
                        | HostCommand::Unforward(_)
                        | HostCommand::Ports(_)
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
                            Some(HostCommand::Without) => {
                                self.while_down(HostCommand::Without);
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
            dialing.start(self.dial_asking(Arc::new(Nobody), DeployPolicy::Never));
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
            HostCommand::Input { session, bytes } => {
                if let Some(a) = self.attached.get_mut(&session) {
                    a.typed(&bytes);
                    self.announce(&session);
                }
            }
            HostCommand::DropInput { session } => {
                if let Some(a) = self.attached.get_mut(&session) {
                    a.drop_unsent();
                    self.announce(&session);
                }
            }
            HostCommand::Resize { session, size } => {
                if let Some(a) = self.attached.get_mut(&session) {
                    a.size = size.clamped();
                }
            }
            HostCommand::Gauges(on) => self.gauges = on,
            HostCommand::Update => self.renew = true,
            HostCommand::Without => self.env.go_without(&self.host),
            HostCommand::Answer { id, answer } => self.asker.answer(id, answer),
            c @ (HostCommand::Create { .. }
            | HostCommand::Close { .. }
            | HostCommand::Rename { .. }
            | HostCommand::History { .. }
            | HostCommand::Search { .. }
            | HostCommand::Marks { .. }) => {
                self.early.push(c);
            }
            HostCommand::Connect
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

    /// Says how much typed input waits, where that is another number worth showing.
    fn announce(&mut self, session: &SessionId) {
        let Some(a) = self.attached.get(session) else { return };
        let pending = a.pending();
        let told = self.announced.get(session).copied().unwrap_or(0);
        // a key that is on its way is no news
        let news = if a.live { told > 0 && pending == 0 } else { pending != told };
        if news {
            self.tell_pending(session);
        }
    }

    /// What was typed last may not have arrived.
    fn announce_all(&mut self) {
        let told = |a: &Attached| self.announced.get(&a.session).copied().unwrap_or(0);
        let news = |a: &&Attached| !a.ended && a.pending() != told(a);
        let sessions: Vec<SessionId> = self.attached.values().filter(news).map(|a| a.session.clone()).collect();
        for session in sessions {
            self.tell_pending(&session);
        }
    }

    fn tell_pending(&mut self, session: &SessionId) {
        let pending = self.attached.get(session).map_or(0, Attached::pending);
        self.announced.insert(session.clone(), pending);
        self.tell(HostEvent::Pending { session: session.clone(), bytes: pending });
    }

    async fn online(
        &mut self,
        dialed: Dialed,
        commands: &mut mpsc::UnboundedReceiver<HostCommand>,
        inner: &mut mpsc::UnboundedReceiver<Inner>,
        ready: &mut Option<Dialed>,
    ) -> Turn {
        let Dialed { link, incoming, ended, hello, ssh, without } = dialed;
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
            build: hello.build.clone(),
            exe: hello.exe,
            leaving: None,
            pulse: Pulse::new(Instant::now()),
            _ssh: ssh,
            without,
        };
        self.tell(HostEvent::State(HostState::Online { build: hello.build, hostname: hello.hostname }));
        if hello.ends_at_logout {
            self.tell(HostEvent::Said { what: super::ends_at_logout(&self.host) });
        }
        let sessions: Vec<SessionId> = self.attached.values().filter(|a| !a.ended).map(|a| a.session.clone()).collect();
        for session in sessions {
            self.attach(&mut live, &session);
        }
        drop(link.call(&Subscribe { topic: "sessions".into() }));
        // (this machine's gauges are not that host's)
        if self.gauges && live.without.is_none() {
            drop(link.call(&MonitoringSubscribe {}));
        }
        self.list(&live);
        for command in std::mem::take(&mut self.early) {
            self.command(&mut live, command);
        }
        let network = !self.host.is_local() && live.without.is_none();
        let mut beside = Dialing::default();
        let asked = self.asker.asked();
        let turn = loop {
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    None => break Turn::Over,
                    Some(HostCommand::Disconnect) => break Turn::Disconnect,
                    Some(command) => self.command(&mut live, command),
                },
                frame = live.frames.recv() => if let Some(frame) = frame {
                    self.frame(&mut live, frame);
                },
                why = self.forwards.fails() => break Turn::Unwanted(why),
                Some(answer) = inner.recv() => self.answered(&mut live, answer),
                // once the link is over this queue is, too, and must not be asked before the end is
                Some(message) = live.incoming.recv() => match message {
                    Incoming::Notice { method, params } => self.notice(&mut live, &method, params),
                    Incoming::Rtt(rtt) => {
                        self.tell(HostEvent::Rtt(rtt));
                        self.feel(&mut live, &mut beside, asked);
                    }
                    Incoming::Call { id, method, .. } => crate::link::call::answer(&live.link.out, id, Err(Fault::new(Fault::UNKNOWN_METHOD, method))),
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
                () = woken(&mut self.wakes), if network => live.pulse.doubt(Instant::now()),
                () = tokio::time::sleep_until(live.pulse.due(Instant::now(), &signs(&live.link)).into()), if network => {
                    if let Some(quiet) = self.feel(&mut live, &mut beside, asked) {
                        break Turn::Down(format!("nothing heard for {} s", quiet.as_secs()));
                    }
                }
            }
        };
        live.link.close();
        self.forwards.down();
        for a in self.attached.values_mut() {
            a.live = false;
        }
        self.announce_all();
        turn
    }

    /// Feels the link's pulse; how long it is dead, where it is.
    fn feel(&mut self, live: &mut Live, beside: &mut Dialing, asked: u64) -> Option<Duration> {
        let mut dead = None;
        for act in live.pulse.look(Instant::now(), &signs(&live.link)) {
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
                }
                Act::Beside => self.dial_beside(beside, asked),
                Act::Dead(quiet) => dead = Some(quiet),
            }
        }
        dead
    }

    fn attach(&mut self, live: &mut Live, session: &SessionId) {
        let stream = self.take_stream();
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
        let (tx, session) = (self.inner_tx.clone(), session.clone());
        tokio::spawn(async move {
            let reply = Box::new(call.await.and_then(|reply| hello::check_stream(&reply).map(|()| reply)));
            let _ = tx.send(Inner::Attached { session, stream, reply });
        });
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

    fn command(&mut self, live: &mut Live, command: HostCommand) {
        match command {
            c @ HostCommand::Attach { .. } => {
                let HostCommand::Attach { session, .. } = &c else { return };
                let session = session.clone();
                self.while_down(c);
                if let Some(a) = self.attached.get_mut(&session) {
                    a.forget_output();
                    a.again = false;
                    a.ended = false;
                }
                self.attach(live, &session);
            }
            HostCommand::Detach { session } => {
                self.announced.remove(&session);
                if let Some(search) = self.searching.remove(&session) {
                    search.abort();
                }
                if let Some(a) = self.attached.remove(&session) {
                    live.streams.remove(&a.stream);
                    live.link.close_stream(a.stream);
                    drop(live.link.call(&SessionDetach { stream: a.stream }));
                }
            }
            HostCommand::Input { session, bytes } => {
                if let Some(a) = self.attached.get_mut(&session) {
                    a.typed(&bytes);
                    self.send_input(live, &session);
                    if live.pulse.is_silent() {
                        self.tell_pending(&session);
                    }
                }
            }
            HostCommand::Resize { session, size } => {
                if let Some(a) = self.attached.get_mut(&session) {
                    let size = size.clamped();
                    a.size = size;
                    if a.live && !a.watch {
                        live.link.out.urgent(a.stream, Body::Size { offset: 0, size });
                    }
                }
            }
            HostCommand::Seen { session, offset } => {
                if let Some(a) = self.attached.get_mut(&session)
                    && let Some((seen, limit)) = a.seen(offset)
                {
                    live.link.out.urgent(a.stream, Body::Ack { seen, limit });
                }
            }
            HostCommand::Create { tag, create } => {
                let (create, ready) = match &live.without {
                    Some(without) => (without.wanted(*create), Some(without.ready())),
                    None => (*create, None),
                };
                let (events, host, link) = (self.events.clone(), self.host.clone(), live.link.clone());
                let build = live.build.clone();
                tokio::spawn(async move {
                    // a connection that was lost is made anew first, and whoever is asked then has time
                    let ready = async { if let Some(ready) = ready { ready.await } else { Ok(()) } };
                    let result = match ready.await {
                        Err(failure) => Err(failure.what),
                        // longer than the agent waits for the session to stand: no answer must not mean that one was
                        // started
                        Ok(()) => {
                            let created = link.call_within(&create, CREATE).await;
                            created.map(|c| Box::new(c.session)).map_err(|f| mixed::told(&f, &host, &build))
                        }
                    };
                    let _ = events.send((host, HostEvent::Created { tag, result }));
                });
            }
            HostCommand::Close { session } => self.simple(live, SessionClose { session }),
            HostCommand::Rename { session, name } => self.simple(live, SessionRename { session, name }),
            // an older session knows no such call, and no harm is done
            HostCommand::Colors { session, colors: Colors { text, back } } => {
                drop(live.link.call(&SessionColors { session, text: Some(text), back: Some(back) }));
            }
            HostCommand::History { session, from, to } => self.history(live, session, from, to),
            HostCommand::Search { session, tag, pattern, case, to } => {
                let stream = self.take_stream();
                let limit = Some(HITS);
                let call = SessionSearch { case, to, limit, ..SessionSearch::new(session.clone(), stream, pattern) };
                let (link, events, host) = (live.link.clone(), self.events.clone(), self.host.clone());
                let (of, build) = (session.clone(), live.build.clone());
                let task = tokio::spawn(async move {
                    let result = find::search(&link, call).await.map_err(|f| match f.older() {
                        Some(_) => mixed::told(&f, &host, &build),
                        None => f.message,
                    });
                    let _ = events.send((host, HostEvent::Found { session, tag, result }));
                });
                if let Some(before) = self.searching.insert(of, task.abort_handle()) {
                    before.abort();
                }
            }
            HostCommand::Marks { session } => {
                let stream = self.take_stream();
                let (link, events, host) = (live.link.clone(), self.events.clone(), self.host.clone());
                let build = live.build.clone();
                tokio::spawn(async move {
                    let event = match find::marks(&link, &session, stream).await {
                        Ok(marks) => HostEvent::Marks { session, marks },
                        Err(fault) => HostEvent::Failed { what: mixed::told(&fault, &host, &build) },
                    };
                    let _ = events.send((host, event));
                });
            }
            HostCommand::Update => self.update(live),
            HostCommand::List => self.list(live),
            HostCommand::Gauges(on) => {
                self.gauges = on;
                match (on, &live.without) {
                    (true, None) => drop(live.link.call(&MonitoringSubscribe {})),
                    (false, None) => drop(live.link.call(&MonitoringUnsubscribe {})),
                    (_, Some(_)) => {}
                }
            }
            c @ (HostCommand::DropInput { .. } | HostCommand::Answer { .. }) => self.while_down(c),
            HostCommand::Connect | HostCommand::Without | HostCommand::Disconnect => {}
            c @ (HostCommand::Forward(_)
            | HostCommand::ForwardPort(_)
            | HostCommand::Unforward(_)
            | HostCommand::Ports(_)) => {
                self.forwards.command(&c, Some(&live.link));
            }
        }
    }

    /// This build's agent is put there and takes over from the one that runs. Where that fails, the next dial finds the
    /// one that is there.
    fn update(&mut self, live: &Live) {
        let build = build_id();
        if self.host.is_local() || live.exe.contains(&format!("/{build}/")) {
            return self.tell(HostEvent::Failed { what: format!("the agent there is this build's already ({build})") });
        }
        self.renew = true;
        let link = live.link.clone();
        tokio::spawn(async move {
            let reason = format!("it is updated to {build}");
            // one from before there was this call knows the other
            if link.call(&AgentUpdate { build }).await.is_err_and(|f| f.older().is_some()) {
                let _ = link.call(&AgentShutdown { reason, expected_return_s: None }).await;
            }
        });
    }

    /// A call of which only a failure is news.
    fn simple<M: Method + 'static>(&self, live: &Live, call: M) {
        let (call, events, host) = (live.link.call(&call), self.events.clone(), self.host.clone());
        let build = live.build.clone();
        tokio::spawn(async move {
            if let Err(fault) = call.await {
                let what = mixed::told(&fault, &host, &build);
                let _ = events.send((host, HostEvent::Failed { what }));
            }
        });
    }

    fn history(&mut self, live: &Live, session: SessionId, from: u64, to: Option<u64>) {
        let stream = self.take_stream();
        let (link, events, host) = (live.link.clone(), self.events.clone(), self.host.clone());
        let again = self.inner_tx.clone();
        tokio::spawn(async move {
            let event = match read_history(&link, &session, stream, from, to).await {
                Ok((reply, lines)) => {
                    HostEvent::History { session, from: reply.from, total: reply.to, lines, open: reply.open }
                }
                Err(fault) if fault.code == Fault::GONE => {
                    let _ = again.send(Inner::HistoryAgain { session, from, to });
                    return;
                }
                Err(fault) => HostEvent::Failed { what: crate::text::escape(&fault.message) },
            };
            let _ = events.send((host, event));
        });
    }

    /// Sends what was typed; into a link that answers nothing nothing is sent, so that it can still be thrown away.
    fn send_input(&mut self, live: &Live, session: &SessionId) {
        if live.pulse.is_silent() {
            return;
        }
        let Some(a) = self.attached.get_mut(session) else { return };
        while let Some((offset, bytes)) = a.next_input(MAX_PIECE) {
            live.link.out.urgent(a.stream, Body::Data { offset, bytes: &bytes });
        }
    }

    fn frame(&mut self, live: &mut Live, frame: Frame) {
        let Some(session) = live.streams.get(&frame.stream).cloned() else { return };
        let Some(a) = self.attached.get_mut(&session) else { return };
        // the answer to the attach goes before all that follows it, whichever arrives first
        if live.unanswered.contains_key(&frame.stream) {
            return live.unanswered.entry(frame.stream).or_default().push(frame);
        }
        let Ok(body) = frame.body() else { return };
        match body {
            Body::Data { offset, bytes } => match a.output(offset, bytes.len()) {
                Take::From(at) => {
                    let bytes = bytes.get(at..).unwrap_or_default().to_vec();
                    self.tell(HostEvent::Output { session, offset: offset + at as u64, bytes });
                }
                Take::Nothing => {}
                Take::Gap => {
                    a.forget_output();
                    self.attach(live, &session);
                }
            },
            Body::Screen { to, size, part, last, bytes } => {
                if let Some(bytes) = a.screen_part(to, part, last, bytes) {
                    self.tell(HostEvent::Screen { session, to, size, bytes });
                }
            }
            Body::Size { offset, size } => {
                a.resized();
                self.tell(HostEvent::Size { session, offset, size });
            }
            Body::Tty { flags, .. } => self.tell(HostEvent::Tty { session, flags }),
            Body::Ack { seen, limit } => {
                a.input_ack(seen, limit);
                self.send_input(live, &session);
                self.announce(&session);
            }
            Body::Call(json) => {
                let Ok(crate::link::call::Message::Notice { method, params }) = crate::link::call::parse(json) else {
                    return;
                };
                match Notice::from_wire(&method, params) {
                    Some(Notice::SessionExited(exit)) => {
                        a.ended = true;
                        a.live = false;
                        live.streams.remove(&frame.stream);
                        live.link.close_stream(frame.stream);
                        self.tell(HostEvent::Exited { session, exit });
                    }
                    Some(Notice::SessionChanged(info)) => self.tell(HostEvent::Changed { session, info }),
                    // the stream is over, the session is not
                    Some(Notice::SessionDropped) => {
                        a.live = false;
                        let tx = self.inner_tx.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(200)).await;
                            let _ = tx.send(Inner::AttachAgain(session));
                        });
                    }
                    // what is typed from here on goes to the next agent
                    Some(Notice::AgentShuttingDown(_)) => a.live = false,
                    Some(Notice::SessionBell) => self.tell(HostEvent::Bell { session }),
                    Some(Notice::SessionClipboard(text)) => self.tell(HostEvent::Clipboard { session, text }),
                    Some(Notice::SessionNotified(text)) => self.tell(HostEvent::Notified { session, text }),
                    // (what the shell marks is asked for when somebody looks back)
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn answered(&mut self, live: &mut Live, answer: Inner) {
        match answer {
            Inner::Attached { session, stream, reply } => {
                let early = live.unanswered.remove(&stream).unwrap_or_default();
                let Some(a) = self.attached.get_mut(&session).filter(|a| a.stream == stream) else { return };
                match *reply {
                    Ok(reply) => {
                        let again = a.again;
                        let undelivered = a.answered(&reply);
                        // it was made another size while the attach was on its way
                        if !a.watch && a.size != a.asked {
                            live.link.out.urgent(stream, Body::Size { offset: 0, size: a.size });
                        }
                        if !undelivered.is_empty() {
                            self.tell(HostEvent::Undelivered { session: session.clone(), bytes: undelivered });
                        }
                        self.tell(HostEvent::Attached {
                            session: session.clone(),
                            info: Box::new(reply.session),
                            again,
                        });
                        self.send_input(live, &session);
                        self.announce(&session);
                        for frame in early {
                            self.frame(live, frame);
                        }
                    }
                    // alive, but not reachable just now: its socket comes back within 5 s
                    Err(f) if f.code == Fault::TIMEOUT => {
                        let tx = self.inner_tx.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_secs(1)).await;
                            let _ = tx.send(Inner::AttachAgain(session));
                        });
                    }
                    Err(f) if f.code == Fault::GONE => {}
                    Err(f) => {
                        live.streams.remove(&stream);
                        live.link.close_stream(stream);
                        let ended = f.code == Fault::UNKNOWN || f.code == Fault::ENDED;
                        a.ended = true;
                        self.tell(HostEvent::AttachFailed { session, why: crate::text::escape(&f.message), ended });
                    }
                }
            }
            Inner::Listed(Ok(mut sessions)) => {
                // of this machine's sessions, those that are channels to this host
                if let Some(without) = &live.without {
                    sessions.retain(|s| s.target == without.target.as_str());
                }
                for s in &mut sessions {
                    s.host = self.host.as_str().to_string();
                }
                self.tell(HostEvent::Sessions(sessions));
            }
            Inner::Listed(Err(_)) => {}
            Inner::HistoryAgain { session, from, to } => {
                if self.attached.contains_key(&session) {
                    self.history(live, session, from, to);
                }
            }
            Inner::AttachAgain(session) => {
                if self.attached.get(&session).is_some_and(|a| !a.ended && !a.live) {
                    self.attach(live, &session);
                }
            }
        }
    }

    fn notice(&mut self, live: &mut Live, method: &str, params: serde_json::Value) {
        match Notice::from_wire(method, params) {
            Some(Notice::SessionsChanged | Notice::SessionsRecovered(_)) => self.list(live),
            Some(Notice::MonitoringData(gauges)) => self.tell(HostEvent::Gauges(gauges)),
            Some(Notice::AgentShuttingDown(why)) => {
                self.tell(HostEvent::State(HostState::Updating { why: crate::text::short(&why.reason, 200) }));
                live.leaving = Some(why);
            }
            _ => {}
        }
    }
}

fn signs(link: &Link) -> Signs {
    Signs { heard: link.heard(), answered: link.answered() }
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

/// Reads history lines to their end.
pub(super) async fn read_history(
    link: &Link,
    session: &SessionId,
    stream: StreamId,
    from: u64,
    to: Option<u64>,
) -> Result<(SessionHistoryReply, Vec<String>), Fault> {
    let mut frames = link.open_stream(stream);
    let read = async {
        let reply = link
            .call(&SessionHistory { session: session.clone(), stream, from, to, window: 0, revision: hello::REVISION })
            .await?;
        let bytes = super::read_stream(link, stream, &mut frames, 0, reply.bytes).await?;
        Ok::<_, Fault>((reply, bytes))
    };
    let read = read.await;
    // also where it failed half way: nobody reads on
    drop(link.call(&SessionDetach { stream }));
    link.close_stream(stream);
    let (reply, bytes) = read?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.split_terminator('\n').map(str::to_string).collect();
    Ok((reply, lines))
}
