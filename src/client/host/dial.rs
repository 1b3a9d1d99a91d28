//! Owns how a link to a host's agent comes to be: in this process for this machine, over SSH for any other.
//! Leaves out what is done with it.

use super::HostId;
use super::once::Once;
use super::without::{self, Without};
use crate::client::files::Ups;
use crate::client::forwards::Records;
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::link::{Incoming, Link, locked};
use crate::paths::Paths;
use crate::proto::control::{Fault, Initialized, SessionAttach, SessionAttached, SessionCreate, SessionInfo};
use crate::proto::frame::Frame;
use crate::proto::hello;
use crate::proto::ids::ClientId;
use crate::store::met;
use crate::sys;
use crate::text::{shell, typed};
use crate::transport::ask::Ask;
use crate::transport::deploy::{Offer, Release, choose};
use crate::transport::ssh::forward::Status;
use crate::transport::ssh::{Again, Note, Ssh};
use crate::transport::{self, DeployPolicy};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

/// News of sleep and network comes in bursts.
const BURST: Duration = Duration::from_millis(100);

/// What every host's link of this client shares.
pub struct Env {
    pub paths: Paths,
    /// `-F FILE`
    pub ssh_config: Option<PathBuf>,
    pub client: ClientId,
    /// May a missing agent be put there on a person's word?
    pub deploy: DeployPolicy,
    /// Where programs for hosts come from.
    pub offer: Offer,
    /// Starts this machine's agent on the other end of the pipe it returns. The roof fills it in: roles are strangers.
    pub local: Box<dyn Fn() -> DuplexStream + Send + Sync>,
    /// The links that stand, for who works over them beside their hosts' tasks.
    pub ups: Ups,
    records: Records,
    /// Hosts that are reached without an agent, and whether a person chose that for the host.
    without: Mutex<HashMap<HostId, bool>>,
    /// Counts up when this machine slept or its network changed.
    wakes: OnceLock<watch::Receiver<u64>>,
    /// Where the tasks of other machines' hosts run.
    network: OnceLock<Handle>,
}

impl Env {
    /// A command to be typed next, with our `-F FILE`.
    pub fn typed(&self, command: &str) -> String {
        typed(command, self.ssh_config.as_deref())
    }
    pub fn new(
        paths: Paths,
        ssh_config: Option<PathBuf>,
        deploy: DeployPolicy,
        local: Box<dyn Fn() -> DuplexStream + Send + Sync>,
    ) -> Arc<Env> {
        let client = ClientId::random();
        let offer = offer(&paths);
        Arc::new(Env {
            paths,
            ssh_config,
            client,
            deploy,
            offer,
            local,
            ups: Ups::default(),
            records: Records::default(),
            without: Mutex::default(),
            wakes: OnceLock::new(),
            network: OnceLock::new(),
        })
    }

    /// A thread of their own for the hosts of other machines: a handshake computes for milliseconds, and many at once
    /// (after sleep, or when a window comes back) would hold up keys and frames. It goes with the process.
    pub(super) fn network(&self) -> Handle {
        let start = || {
            let begun = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
                let handle = runtime.handle().clone();
                let run = move || runtime.block_on(std::future::pending::<()>());
                std::thread::Builder::new().name("thub-network".into()).spawn(run).map(|_| handle)
            });
            // (no thread to be had: as well as it goes)
            begun.unwrap_or_else(|_| Handle::current())
        };
        self.network.get_or_init(start).clone()
    }

    /// For who shows one host alone: its link is served where its keys are read, which is two switches of threads less for
    /// each. Wanted before the first host is started.
    pub fn keep_together(&self) {
        let _ = self.network.set(Handle::current());
    }

    /// Changes when this machine slept or its network changed: links are doubted then, and dials worth another try.
    pub fn wakes(&self) -> watch::Receiver<u64> {
        let listen = || {
            let (tx, rx) = watch::channel(0);
            let mut wake = sys::wake::Wake::listen();
            tokio::spawn(async move {
                loop {
                    let why = wake.next().await;
                    tracing::debug!(?why, "links are doubted");
                    tx.send_modify(|n| *n += 1);
                    // (the last of a burst counts: that is when all is in place)
                    while tokio::time::timeout(BURST, wake.next()).await.is_ok() {}
                    tx.send_modify(|n| *n += 1);
                }
            });
            rx
        };
        let mut wakes = self.wakes.get_or_init(listen).clone();
        wakes.mark_unchanged();
        wakes
    }

    /// From here on the host is reached without an agent: plain SSH through a target process of this machine. `chosen` =
    /// for the host, by a person: later clients do so as well, as long as sessions are there.
    pub fn go_without(&self, host: &HostId, chosen: bool) {
        *locked(&self.without).entry(host.clone()).or_default() |= chosen;
    }
    /// The host is asked about its agent again.
    pub fn go_with(&self, host: &HostId) {
        locked(&self.without).remove(host);
    }
    pub fn goes_without(&self, host: &HostId) -> bool {
        locked(&self.without).contains_key(host)
    }
    pub(super) fn was_chosen_without(&self, host: &HostId) -> bool {
        locked(&self.without).get(host).copied().unwrap_or(false)
    }

    /// Keeps what `thub forward ls` tells of a host.
    pub(super) fn record(self: &Arc<Env>, host: &str, forwards: &[Status]) {
        if self.records.say(host, forwards) {
            let env = self.clone();
            tokio::task::spawn_blocking(move || env.records.write(&env.paths));
        }
    }
}

/// Programs kept in the data dir, and the release that the settings or this build name.
fn offer(paths: &Paths) -> Offer {
    let text = Config::read(paths).ok().flatten().unwrap_or_default();
    let (config, _) = Config::parse_what_can_be(&text);
    Offer {
        programs: Some(paths.data_dir().join("programs")),
        release: Release::of(config.release.as_deref(), config.release_key.as_deref()),
        ..Offer::default()
    }
}

/// A link that stands, or is about to: its calls may be sent at once.
pub struct Dialed {
    pub link: Link,
    pub incoming: mpsc::UnboundedReceiver<Incoming>,
    /// Why it ended.
    pub ended: oneshot::Receiver<io::Error>,
    /// What the agent said of itself.
    pub hello: Initialized,
    /// Kept: the link lives on it.
    pub ssh: Option<Ssh>,
    /// The host has no agent: the link is to this machine's, sessions are channels of this target process.
    pub without: Option<Without>,
    /// What was asked for together with hello.
    pub begun: Begun,
}

impl Dialed {
    /// A session as it has to be asked for over this link.
    pub fn wanted(&self, create: SessionCreate) -> SessionCreate {
        match &self.without {
            Some(without) => without.wanted(create),
            None => create,
        }
    }
}

/// What is sent in one flight with hello, as calls on the link that is about to stand.
pub type First = Arc<dyn Fn(&Link) -> Begun + Send + Sync>;

/// Calls sent with hello; their answers come after its.
#[derive(Default)]
pub struct Begun {
    pub attaches: Vec<Attaching>,
    /// Frames of their streams.
    pub frames: Option<mpsc::UnboundedReceiver<Frame>>,
    /// The list of sessions.
    pub list: Option<Reply<Vec<SessionInfo>>>,
}

pub type Reply<T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + Sync>>;

/// An attach whose answer is under way.
pub struct Attaching {
    pub asked: SessionAttach,
    pub answer: Reply<SessionAttached>,
}

/// Attaches to be sent with hello.
pub fn attaching(link: &Link, wanted: &[SessionAttach]) -> Begun {
    let (tx, frames) = mpsc::unbounded_channel();
    let attach = |asked: &SessionAttach| {
        link.route_stream(asked.stream, tx.clone());
        Attaching { asked: asked.clone(), answer: Box::pin(link.call(asked)) }
    };
    Begun { attaches: wanted.iter().map(attach).collect(), frames: Some(frames), list: None }
}

/// Reaches a host's agent and says hello.
pub async fn dial(host: &HostId, env: &Env, ask: Arc<dyn Ask>) -> Result<Dialed, Failure> {
    dial_by(host, env, ask, env.deploy, None).await
}

/// The same with a word of one's own on whether an agent is put there, and with what else is asked for at once.
pub async fn dial_by(
    host: &HostId,
    env: &Env,
    ask: Arc<dyn Ask>,
    policy: DeployPolicy,
    first: Option<First>,
) -> Result<Dialed, Failure> {
    if host.is_local() {
        let io = (env.local)();
        return greet(host, env, io, None).await;
    }
    if env.goes_without(host) {
        return without::dial(host, env, ask).await;
    }
    let dial = Once::dial(ask);
    let greeted = open(host, env, dial.0.clone(), policy, first).await;
    // the question about the agent was answered so: another process logs in, and asks what it has to through us
    if greeted.is_err() && env.goes_without(host) {
        dial.0.again();
        return without::dial(host, env, dial.0.clone()).await;
    }
    greeted
}

/// Reaches it as a guess has it, from what it did last time; or step by step, where that may be why it hung up.
async fn open(
    host: &HostId,
    env: &Env,
    ask: Arc<dyn Ask>,
    policy: DeployPolicy,
    first: Option<First>,
) -> Result<Dialed, Failure> {
    let met = met::recall(&env.paths, host.as_str());
    let greeting = Greeting::begin(env, first.as_ref());
    let note = Arc::new(Note::default());
    let again = met.guess(sys::unix_now()).map(|key| {
        let (key, early, note) = (key.to_string(), greeting.early(), note.clone());
        Again { key, command: tokio::spawn(async move { transport::deploy::starting(&early).await.ok() }), note }
    });
    let knew = again.is_some();
    let opened = open_by(host, env, ask.clone(), policy, first.as_ref(), greeting, again).await;
    let remember = |change: &dyn Fn(&mut met::Met)| met::remember(&env.paths, host.as_str(), change);
    match &opened {
        Err(why) if note.may_be_why() => {
            tracing::info!(why = why.what, "connecting again, one step after the other");
            let greeting = Greeting::begin(env, first.as_ref());
            let opened = open_by(host, env, ask, policy, first.as_ref(), greeting, None).await;
            if opened.is_ok() {
                remember(&|met| (met.broke, met.broke_at) = (met.broke.saturating_add(1), sys::unix_now()));
            }
            return opened;
        }
        Err(failure) if knew && failure.kind == Kind::Refused => remember(&|met| met.key = None),
        _ => {}
    }
    opened
}

/// Connects, and says hello to the agent that goes with this build. One whose hello says what its name and banner did
/// not is passed over.
async fn open_by(
    host: &HostId,
    env: &Env,
    ask: Arc<dyn Ask>,
    policy: DeployPolicy,
    first: Option<&First>,
    mut greeting: Greeting,
    again: Option<Again>,
) -> Result<Dialed, Failure> {
    let file = env.ssh_config.as_deref();
    let note = again.as_ref().map(|again| again.note.clone()).unwrap_or_default();
    let ssh = transport::ssh::connect_again(host.as_str(), file, ask.clone(), again).await?;
    let mut unfit: Vec<String> = Vec::new();
    let mut told = None;
    loop {
        let early = greeting.early();
        let offer = env.offer.clone();
        let opened = match transport::agent(&ssh, host.as_str(), ask.clone(), policy, offer, &unfit, &early).await {
            Ok(opened) => opened,
            // none other is there: what the last one said is why
            Err(failure) if failure.kind == Kind::Refused => return Err(told.unwrap_or(failure)),
            Err(failure) => {
                if ssh.is_closed() {
                    note.breaks();
                }
                return Err(failure);
            }
        };
        if opened.greeted {
            greeting.link.out.skip(early.len());
        }
        match greeting.answered(host, env, opened.channel, Some(ssh.clone())).await {
            // (a greeting is refused for that alone)
            Err(failure)
                if failure.kind == Kind::Refused && unfit.len() < choose::TRIED && !unfit.contains(&opened.build) =>
            {
                unfit.push(opened.build);
                told = Some(failure);
                greeting = Greeting::begin(env, first);
            }
            greeted => {
                ssh.begun();
                let key = ssh.key().map(str::to_string);
                met::remember(&env.paths, host.as_str(), |met| {
                    met.key.clone_from(&key);
                    if note.was_sent() {
                        met.broke = 0;
                    }
                });
                return greeted;
            }
        }
    }
}

pub(super) async fn greet<S>(host: &HostId, env: &Env, io: S, ssh: Option<Ssh>) -> Result<Dialed, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + 'static,
{
    Greeting::begin(env, None).answered(host, env, io, ssh).await
}

/// Hello, and what goes with it, on a link that is not served yet.
struct Greeting {
    link: Link,
    hello: Reply<Initialized>,
    begun: Begun,
}

impl Greeting {
    fn begin(env: &Env, first: Option<&First>) -> Greeting {
        let link = Link::unserved();
        let hello = Box::pin(link.call(&hello::initialize(env.client.clone())));
        let begun = first.map(|first| first(&link)).unwrap_or_default();
        Greeting { link, hello, begun }
    }

    /// What goes with the command that starts the agent.
    fn early(&self) -> Vec<u8> {
        let mut early = self.link.out.peek();
        if early.len() > hello::FIRST_MOST {
            early.clear();
        }
        early
    }

    async fn answered<S>(self, host: &HostId, env: &Env, io: S, ssh: Option<Ssh>) -> Result<Dialed, Failure>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + 'static,
    {
        let Greeting { link, hello, begun } = self;
        let (tx, incoming) = mpsc::unbounded_channel();
        let served = link.serve(io, false, tx);
        let (ended_tx, mut ended) = oneshot::channel();
        tokio::spawn(async move {
            let _ = ended_tx.send(served.await);
        });
        let name = crate::text::escape(host.as_str());
        if ssh.is_some() {
            crate::sys::test_point("hello");
        }
        let hello = match hello.await {
            Ok(hello) => hello,
            Err(fault) if fault.code == Fault::REFUSED => {
                link.close();
                return Err(unfit(host, env, &crate::text::short(&fault.message, 200)));
            }
            Err(fault) => {
                link.close();
                let why = match ended.try_recv() {
                    Ok(e) if fault.code == Fault::GONE => e.to_string(),
                    _ => crate::text::escape(&fault.message),
                };
                return Err(Failure::unreachable(
                    format!("the agent on {name} does not answer: {why}"),
                    if host.is_local() {
                        "run `thub doctor`".to_string()
                    } else {
                        format!(
                            "look whether `{}` works and prints nothing unusual; `{}` puts the agent there anew",
                            env.typed(&format!("ssh {}", shell(host.as_str()))),
                            env.typed(&format!("thub deploy {}", shell(host.as_str())))
                        )
                    },
                ));
            }
        };
        // this side's own agent is this build
        if !host.is_local() && (!choose::fits(&hello.build) || !hello::speaks(hello.revision)) {
            link.close();
            let what =
                format!("it is thub {} and speaks revision {}", crate::text::short(&hello.build, 60), hello.revision);
            return Err(unfit(host, env, &what));
        }
        Ok(Dialed { link, incoming, ended, hello, ssh, without: None, begun })
    }
}

/// It answered, and does not go with this build.
fn unfit(host: &HostId, env: &Env, what: &str) -> Failure {
    Failure::refused(
        format!(
            "the agent on {} and this thub ({}, protocol revisions {} to {}) do not go together: {what}",
            crate::text::escape(host.as_str()),
            hello::BUILD,
            hello::REVISION_MIN,
            hello::REVISION
        ),
        format!(
            "renew the older of the two: `{}` puts this build there, and sessions go on",
            env.typed(&format!("thub deploy {}", shell(host.as_str())))
        ),
    )
}
