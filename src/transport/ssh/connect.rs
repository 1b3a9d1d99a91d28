//! Owns the way to a host: stream, handshake, and [`Ssh`], the handle to what came of it.
//! Leaves out the word on its key (`gate`), how we prove who we are (`auth`) and what flows (`channel`).

use super::agent_forward;
use super::ahead::{self, Again, Note};
use super::auth;
use super::channel::{Channel, Exit};
use super::config::{self, HostConfig};
use super::forward::remote::{Asked, Incoming};
use super::forward::spec::Place;
use super::gate::{self, Gate, Shared};
use super::known_hosts;
use super::lane::Lane;
use super::look::{Look, Steps};
use super::offer;
use super::patience::{Asker, Patience};
use super::renewal;
use super::sftp::Sftp;
use super::stream::{self, Cut, Heard, Wire};
use super::turn::{self, Turn};
use super::way::{Jump, Through, Way};
use super::x11::{self, X11};
use crate::failure::{Failure, Kind};
use crate::proto::ids::Size;
use crate::proto::x11::COOKIE;
use crate::text::{escape, short};
use crate::transport::ask::Ask;
use russh::ChannelMsg;
use russh::client::{self, Handle, Opening};
use russh::keys::HashAlg;
use std::borrow::Cow;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OnceCell, Semaphore, mpsc, watch};

/// Handshake, then authentication: each so long, without the time of questions.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(30);
const AUTH_WITHIN: Duration = Duration::from_secs(30);
const OPEN_WITHIN: Duration = Duration::from_secs(15);
/// A short command, to its end.
const OUTPUT_WITHIN: Duration = Duration::from_secs(120);
/// A connection made there for a forward: what a host that drops packets makes connect(2) wait.
const REACH_WITHIN: Duration = Duration::from_secs(150);
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVE_MOST: usize = 2;
/// Where nothing that is lost can come back, a network that stands still is waited for: two minutes.
const KEEPALIVE_PATIENT: usize = 24;
const WINDOW: u32 = 2 << 20;
/// What a terminal prints before the host has said that there is one.
const EARLY_MOST: usize = 1 << 20;
const JUMPS_MOST: usize = 8;

/// What has to outlive a channel.
pub(super) type Keep = Arc<Inner>;

pub(super) struct Inner {
    handle: Handle<Gate>,
    config: HostConfig,
    shared: Arc<Shared>,
    gone: watch::Receiver<()>,
    /// What the host may open towards us.
    asked: Arc<Asked>,
    pub(super) lane: Arc<Lane>,
    heard: Arc<Heard>,
    /// The display, once it was lent.
    x11: OnceCell<Option<Arc<X11>>>,
    /// Of those that begin at once.
    turn: Turn,
    /// A key was all it took to log in: this one.
    key: Option<String>,
    /// Opened together with the login, for the command.
    ahead: Mutex<Option<(Opening, String)>>,
    look: Look,
    /// Dropped with the last user: the stream ends, whatever russh still waits for.
    _cut: Cut,
}

/// A live SSH connection; clones share it, it ends with the last clone and the last channel.
#[derive(Clone)]
pub struct Ssh {
    inner: Arc<Inner>,
}

/// A terminal wanted on a host (RFC 4254, 6.2 to 6.5).
pub struct Terminal {
    /// One line for the login shell there; none = the shell itself.
    pub command: Option<String>,
    pub term: String,
    pub size: Size,
    pub env: Vec<(String, String)>,
}

/// Connects to `dest` (as [`config::parse_dest`] takes it) and proves who we are.
pub async fn connect(dest: &str, file: Option<&Path>, ask: Arc<dyn Ask>) -> Result<Ssh, Failure> {
    connect_again(dest, file, ask, None).await
}

/// The same to a host where a key was taken before: the login and the first command go out in one flight.
pub async fn connect_again(
    dest: &str,
    file: Option<&Path>,
    ask: Arc<dyn Ask>,
    again: Option<Again>,
) -> Result<Ssh, Failure> {
    let file = file.map(Path::to_path_buf);
    let note = again.as_ref().map(|again| again.note.clone()).unwrap_or_default();
    hop(dest.to_string(), file, ask, 0, None, Manner { again, note, ..Manner::plain(KEEPALIVE_MOST) }).await
}

/// How a connection is begun and held.
struct Manner {
    /// What a prepared connection says of the target.
    beside: Beside,
    /// So many may stay unanswered.
    keepalives: usize,
    again: Option<Again>,
    /// Who hears of questions on the way.
    note: Arc<Note>,
}

impl Manner {
    fn plain(keepalives: usize) -> Manner {
        Manner { beside: Beside::default(), keepalives, again: None, note: Arc::default() }
    }
}

/// The same for channels that end with the connection: a silence of up to two minutes is borne, as `ssh` itself does.
pub async fn connect_patiently(
    dest: &str,
    file: Option<&Path>,
    ask: Arc<dyn Ask>,
    beside: Beside,
) -> Result<Ssh, Failure> {
    let manner = Manner { beside, ..Manner::plain(KEEPALIVE_PATIENT) };
    hop(dest.to_string(), file.map(Path::to_path_buf), ask, 0, None, manner).await
}

/// What a prepared connection says beside ssh_config, and before it. For the target itself, not for its jump hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// A key file, tried before the others.
    pub key_file: Option<PathBuf>,
    /// Jump hosts as ProxyJump names them, in place of those of ssh_config and of its ProxyCommand.
    pub jump: Option<String>,
    pub forward_agent: bool,
    pub x11: bool,
}

impl Beside {
    fn put(&self, config: &mut HostConfig) {
        if let Some(key) = &self.key_file {
            config.identity_files.retain(|f| f != key);
            config.identity_files.insert(0, key.clone());
        }
        if let Some(jump) = &self.jump {
            (config.proxy_command, config.proxy_use_fdpass) = (None, false);
            config.proxy_jump = Some(jump.clone()).filter(|j| !j.eq_ignore_ascii_case("none"));
        }
        if self.forward_agent {
            config.forward_agent.get_or_insert_with(config::AgentSocket::default);
        }
        config.forward_x11 |= self.x11;
    }
}

type Hop = Pin<Box<dyn Future<Output = Result<Ssh, Failure>> + Send>>;

/// A jump host: which one, and those before it where its own ProxyJump does not count.
type Passed = (Jump, Option<Vec<String>>);

/// One hop; `passed` = it is a jump host.
fn hop(
    dest: String,
    file: Option<PathBuf>,
    ask: Arc<dyn Ask>,
    depth: usize,
    passed: Option<Passed>,
    manner: Manner,
) -> Hop {
    Box::pin(async move {
        if depth > JUMPS_MOST {
            return Err(Failure::usage(
                format!("{}: more than {JUMPS_MOST} jump hosts, one behind the other", escape(&dest)),
                "look for a circle in the ProxyJump lines of your ssh_config",
            ));
        }
        let start = Instant::now();
        let mut config = config::resolve(&dest, file.as_deref()).await?;
        manner.beside.put(&mut config);
        config.refused()?;
        let mut steps = Steps { config: start.elapsed(), ..Steps::default() };
        let start = Instant::now();
        crate::sys::test_point("connect");
        let (itself, via) = passed.unzip();
        let jumps = via.clone().flatten().unwrap_or_else(|| jumps_of(&config));
        let mut way = Way { jump: itself.clone(), ..Way::default() };
        let wire = if let Some((last, before)) = jumps.split_last() {
            let before = (!before.is_empty()).then(|| before.to_vec());
            // (jumps of its own lead to it, those of a list all to the list's end)
            let which = match (&itself, via.flatten()) {
                (Some(itself), Some(_)) => itself.before(),
                _ => Jump::last(jumps.len(), config.shown()),
            };
            let jump = hop(
                last.clone(),
                file,
                ask.clone(),
                depth + 1,
                Some((which, before)),
                Manner { note: manner.note.clone(), ..Manner::plain(manner.keepalives) },
            )
            .await
            .map_err(|f| f.hint(format!("it is the jump host on the way to {}", config.shown())))?;
            jump.begun();
            way.through = Through::Host(jump.name());
            Wire::jump(jump.direct(&config).await?)
        } else if let Some(command) = &config.proxy_command {
            way.through = Through::ProxyCommand;
            stream::command(&config, command)?
        } else {
            stream::tcp(&config).await?
        };
        way.address = wire.address;
        steps.reach = start.elapsed();
        handshake(config, wire, way, ask, manner, steps).await
    })
}

/// A connection by TCP from a config made by hand.
#[cfg(test)]
pub(super) async fn over_tcp(config: HostConfig, ask: Arc<dyn Ask>, again: Option<Again>) -> Result<Ssh, Failure> {
    let wire = stream::tcp(&config).await?;
    let manner = Manner { again, ..Manner::plain(KEEPALIVE_MOST) };
    handshake(config, wire, Way::default(), ask, manner, Steps::default()).await
}

/// The jumps in the order they are passed; one that leads to the host itself is none (`Host *` with a ProxyJump).
fn jumps_of(config: &HostConfig) -> Vec<String> {
    let jumps: Vec<String> = config
        .proxy_jump
        .iter()
        .flat_map(|list| list.split(','))
        .map(|j| j.trim().to_string())
        .filter(|j| !j.is_empty())
        .collect();
    let itself = jumps.last().and_then(|j| config::parse_dest(j).ok()).is_some_and(|d| {
        (d.host == config.alias || d.host == config.hostname) && d.port.is_none_or(|p| p == config.port)
    });
    if itself { Vec::new() } else { jumps }
}

async fn handshake(
    config: HostConfig,
    mut wire: Wire,
    way: Way,
    ask: Arc<dyn Ask>,
    manner: Manner,
    mut steps: Steps,
) -> Result<Ssh, Failure> {
    let start = Instant::now();
    let (read_config, revoked_path) = (config.clone(), config.revoked_host_keys.clone());
    let (files, revoked) = tokio::task::spawn_blocking(move || {
        let paths = [read_config.user_known_hosts, read_config.global_known_hosts].concat();
        (known_hosts::read(&paths), revoked_path.map(|p| known_hosts::read_list(&p)))
    })
    .await
    .map_err(|e| Failure::new(Kind::Internal, e.to_string(), "report this"))?;

    let (host, port) = config.recorded_as();
    let types = known_hosts::recorded_types(&files, &host, port);
    let asker = Asker { ask, patience: Arc::new(Patience::default()) };
    let shared = Arc::new(Shared::default());
    let (alive, gone) = watch::channel(());
    let certificates = !known_hosts::authorities(&files, &host, port).is_empty();
    renewal::listen();
    let asked = Arc::new(Asked::default());
    let (address, through) = (way.address(&config), way.through.clone());
    let gate = Gate {
        config: config.clone(),
        files,
        revoked,
        address: wire.address.filter(|ip| config.check_host_ip && config.hostname != ip.to_string()),
        way,
        asker: asker.clone(),
        shared: shared.clone(),
        asked: asked.clone(),
        witness: renewal::Witness::default(),
        agents: Arc::new(Semaphore::new(agent_forward::MOST)),
        _alive: alive,
    };
    let settings = client::Config {
        client_id: russh::SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-thub_", env!("CARGO_PKG_VERSION")))),
        window_size: WINDOW,
        preferred: gate::preferred(&types, certificates, gate::has_aes()),
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: manner.keepalives,
        nodelay: true,
        ..client::Config::default()
    };
    let settings = offer::narrowed(settings, &config)?;
    // a handshake given up leaves a task of russh's behind: cutting its stream ends it
    let cut = wire.cut();
    let (lane, heard, socket) = (wire.lane(), wire.heard(), wire.socket());
    let complaint = wire.complaint();
    let (wire, turn) = turn::take(wire.buffered());
    let shaking = client::connect_stream(Arc::new(settings), wire, gate);
    let at = config.shown();
    let look = format!("see whether an SSH server answers there: {} tells more", config.ssh_v());
    let mut handle = match asker.patience.within(HANDSHAKE_WITHIN, shaking).await {
        Some(Ok(handle)) => handle,
        Some(Err(e)) => {
            if let Some(refusal) = shared.lock().refusal.take() {
                return Err(refusal);
            }
            let hint = match &e {
                russh::Error::NoCommonAlgo { .. } => {
                    "the host knows only algorithms that are not safe any more, or that ssh_config leaves out"
                }
                _ => &look,
            };
            let said = match complaint {
                Some(complaint) => complaint.take().await,
                None => None,
            };
            let said = said.map(|s| format!("; the ProxyCommand says: {s}")).unwrap_or_default();
            let why = short(&e.to_string(), 300);
            return Err(Failure::unreachable(format!("{at}: no SSH connection: {why}{said}"), hint));
        }
        None => {
            return Err(Failure::unreachable(
                format!("{at}: the SSH handshake took longer than {} s", HANDSHAKE_WITHIN.as_secs()),
                look,
            ));
        }
    };
    shared.lock().binding = handle.agent_session_binding().cloned();
    let questions = asker.patience.spent();
    steps.key_exchange = start.elapsed().saturating_sub(questions);
    let start = Instant::now();
    let wiping = crate::sys::Wiping::begin();
    let (guess, ahead) = match manner.again {
        Some(Again { key, command, note }) => (Some((key, note)), ahead::open(&handle, &config, command).await),
        None => (None, None),
    };
    let proving = auth::prove(&mut handle, &config, &asker, &shared, guess);
    let proved = asker.patience.within(AUTH_WITHIN, proving).await;
    if !asker.patience.spent().is_zero() {
        manner.note.asks();
    }
    // from a task's own frame, which lies above those that keys passed through
    let _ = tokio::spawn(async { crate::sys::wipe_stack() }).await;
    drop(wiping);
    let key = match proved {
        Some(proved) => {
            let key = proved?;
            tracing::info!(host = at, "logged in");
            key
        }
        None => {
            return Err(Failure::unreachable(
                format!("{at}: logging in took longer than {} s", AUTH_WITHIN.as_secs()),
                "see whether `ssh` is as slow; a busy host or its name service may be the reason",
            ));
        }
    };
    let x11 = OnceCell::new();
    steps.login = start.elapsed().saturating_sub(asker.patience.spent().saturating_sub(questions));
    let (heard_too, shared_too) = (heard.clone(), shared.clone());
    let look = Look { address, through, steps, ready: Instant::now(), heard: heard_too, socket, shared: shared_too };
    let ahead = Mutex::new(ahead);
    let inner =
        Arc::new(Inner { key, ahead, look, handle, config, shared, gone, asked, lane, heard, x11, turn, _cut: cut });
    Ok(Ssh { inner })
}

/// What of the person's a host may use as long as it is connected: said where it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lends {
    /// ForwardAgent
    pub agent: bool,
    /// ForwardX11
    pub display: bool,
}

impl Lends {
    /// `agent`, `X11`, both or nothing.
    pub fn words(self) -> &'static str {
        match (self.agent, self.display) {
            (true, true) => "agent, X11",
            (true, false) => "agent",
            (false, true) => "X11",
            (false, false) => "",
        }
    }
}

impl Ssh {
    /// The key that was all it took to log in, as [`Again`] names it.
    pub fn key(&self) -> Option<&str> {
        self.inner.key.as_deref()
    }

    /// What can be looked at of it.
    pub fn look(&self) -> &Look {
        &self.inner.look
    }

    /// What it was made for answers: the next may begin.
    pub fn begun(&self) {
        self.inner.turn.end();
    }

    /// `user@host`, escaped: how questions and errors name it.
    pub fn name(&self) -> String {
        self.inner.config.shown()
    }

    pub fn config(&self) -> &HostConfig {
        &self.inner.config
    }

    /// Runs a command through the login shell there; both streams of it.
    pub async fn exec(&self, command: &str) -> Result<Channel, Failure> {
        let channel = self.open(self.inner.handle.channel_open_session()).await?;
        // no answer is waited for: a host that takes none of them says so and no more, as with ssh
        for (name, value) in self.inner.config.environment(std::env::vars_os()) {
            self.open(channel.set_env(false, name, value)).await?;
        }
        self.open(channel.exec(true, command)).await?;
        Ok(Channel::spawn(channel, self.inner.clone()))
    }

    /// The same with what ssh_config lends the host: the ssh-agent, the display.
    pub async fn exec_lending(&self, command: &str) -> Result<Channel, Failure> {
        let ahead = self.inner.ahead.lock().unwrap_or_else(|e| e.into_inner()).take();
        if let Some((opening, _)) = ahead.filter(|(_, ahead)| ahead == command) {
            match tokio::time::timeout(OPEN_WITHIN, opening.confirmed()).await {
                Ok(Ok(channel)) => return Ok(Channel::spawn(channel, self.inner.clone())),
                // nothing was run there
                Ok(Err(_)) => {}
                // (it may run yet)
                Err(_) => return Err(self.opens_nothing()),
            }
        }
        let channel = self.open(self.inner.handle.channel_open_session()).await?;
        self.lend(&channel).await?;
        self.open(channel.exec(true, command)).await?;
        Ok(Channel::spawn(channel, self.inner.clone()))
    }

    /// What the host has been lent.
    pub fn lends(&self) -> Lends {
        Lends {
            agent: self.inner.config.lent_agent().is_some(),
            display: self.inner.x11.get().is_some_and(Option::is_some),
        }
    }

    /// Lends the host what ssh_config says for what runs on this channel. Not answered whether it may: a host that
    /// forbids it runs the command without.
    async fn lend(&self, channel: &russh::Channel<client::Msg>) -> Result<(), Failure> {
        if self.inner.config.lent_agent().is_some() {
            self.open(channel.agent_forward(false)).await?;
        }
        if let Some(x11) = self.inner.x11.get_or_init(|| self.lend_display()).await {
            let asking = channel.request_x11(false, false, COOKIE, x11.cookie(), x11.screen());
            self.open(asking).await?;
        }
        Ok(())
    }

    /// From here on the host may open connections to the display.
    async fn lend_display(&self) -> Option<Arc<X11>> {
        let x11 = Arc::new(X11::prepare(&self.inner.config).await?);
        let (tx, opened) = mpsc::unbounded_channel();
        self.inner.shared.lock().x11 = Some(tx);
        tokio::spawn(x11::serve(x11.clone(), opened, Arc::downgrade(&self.inner)));
        Some(x11)
    }

    /// A terminal there: the login shell, or a command run by it. An environment variable the host does not take
    /// (AcceptEnv in sshd_config(5)) is left out by it without a word.
    pub async fn terminal(&self, terminal: &Terminal) -> Result<Channel, Failure> {
        let mut channel = self.open(self.inner.handle.channel_open_session()).await?;
        self.lend(&channel).await?;
        let size = terminal.size.clamped();
        let (cols, rows) = (u32::from(size.cols), u32::from(size.rows));
        let modes = [(russh::Pty::IUTF8, 1)];
        self.open(channel.request_pty(true, &terminal.term, cols, rows, 0, 0, &modes)).await?;
        for (name, value) in &terminal.env {
            self.open(channel.set_env(false, name.as_str(), value.as_str())).await?;
        }
        match &terminal.command {
            None => self.open(channel.request_shell(true)).await?,
            Some(command) => self.open(channel.exec(true, command.as_str())).await?,
        }
        // an answer to each of the two, in their order; what comes between them is kept
        let mut early = Vec::new();
        for wanted in ["terminal", "shell"] {
            let answered = async {
                loop {
                    match channel.wait().await {
                        Some(ChannelMsg::Success) => return Some(true),
                        Some(ChannelMsg::Failure) => return Some(false),
                        Some(ChannelMsg::Data { data }) if early.len() + data.len() <= EARLY_MOST => {
                            early.extend_from_slice(&data);
                        }
                        // (who sends on and on and never answers would fill the memory here)
                        Some(ChannelMsg::Data { .. }) => return Some(false),
                        Some(ChannelMsg::Close) | None => return None,
                        Some(_) => {}
                    }
                }
            };
            match tokio::time::timeout(OPEN_WITHIN, answered).await {
                Ok(Some(true)) => {}
                Ok(Some(false)) => {
                    return Err(Failure::refused(
                        format!("{} gives this account no {wanted}", self.name()),
                        "ask its admin, or use an account that has one",
                    ));
                }
                Ok(None) => return Err(self.lost()),
                Err(_) => {
                    return Err(Failure::unreachable(
                        format!("{} gave no {wanted} within {} s", self.name(), OPEN_WITHIN.as_secs()),
                        "see whether the network there still works",
                    ));
                }
            }
        }
        let mut channel = Channel::spawn(channel, self.inner.clone());
        channel.unread(&early);
        Ok(channel)
    }

    /// Runs a short command to its end: stdout (at most `limit` bytes), the end of stderr, the exit code.
    pub async fn output(&self, command: &str, limit: usize) -> Result<(Vec<u8>, Vec<u8>, Option<u32>), Failure> {
        let run = async {
            let mut channel = self.exec(command).await?;
            channel.shutdown().await.map_err(|_| self.lost())?;
            let mut out = Vec::new();
            let read = (&mut channel).take(limit as u64 + 1).read_to_end(&mut out).await;
            read.map_err(|e| {
                if channel.was_refused() {
                    Failure::refused(
                        format!("{} does not run commands for this account", self.name()),
                        "ask its admin for a login shell, or use an account that has one",
                    )
                } else {
                    tracing::debug!(error = %e, "output");
                    self.lost()
                }
            })?;
            if out.len() > limit {
                return Err(Failure::failed(
                    format!("{}: a command printed more than {limit} bytes", self.name()),
                    "look at what the shell's rc files print there",
                ));
            }
            let code = match channel.wait().await {
                Exit::Code(code) => Some(code),
                Exit::Signal(_) | Exit::Unknown => None,
            };
            Ok((out, channel.stderr_tail(), code))
        };
        match tokio::time::timeout(OUTPUT_WITHIN, run).await {
            Ok(done) => done,
            Err(_) => Err(Failure::new(
                Kind::TimedOut,
                format!("{}: a command did not end within {} s", self.name(), OUTPUT_WITHIN.as_secs()),
                "see whether the host is overloaded, or its shell waits for something when it starts",
            )),
        }
    }

    /// An SFTP session, behind the length guard.
    pub async fn sftp(&self) -> Result<Sftp, Failure> {
        Ok(Sftp::start(self.sftp_channel().await?, self.name()).await?)
    }

    /// The bytes of an SFTP session, for who understands them elsewhere: no guard has looked at them. What is written gives
    /// way to everything else on the connection.
    pub async fn sftp_channel(&self) -> Result<Channel, Failure> {
        let channel = self.open(self.inner.handle.channel_open_session()).await?;
        self.open(channel.request_subsystem(true, "sftp")).await?;
        Ok(Channel::under(channel, self.inner.clone(), self.inner.lane.clone()))
    }

    /// A TCP connection from there to another host: what SSH to that one runs over.
    async fn direct(&self, to: &HostConfig) -> Result<Channel, Failure> {
        let opening = self.inner.handle.channel_open_direct_tcpip(&to.hostname, u32::from(to.port), "127.0.0.1", 0);
        match tokio::time::timeout(to.connect_timeout.max(OPEN_WITHIN), opening).await {
            Ok(Ok(channel)) => Ok(Channel::under(channel, self.inner.clone(), self.inner.lane.clone())),
            Ok(Err(russh::Error::ChannelOpenFailure(why))) => Err(Failure::unreachable(
                format!(
                    "{} can't be reached from {}: {}",
                    to.shown(),
                    self.name(),
                    not_opened(&why, "nothing answers there")
                ),
                "see whether the jump host may forward (AllowTcpForwarding) and reaches it",
            )),
            Ok(Err(_)) => Err(self.lost()),
            Err(_) => Err(Failure::unreachable(
                format!("{} can't be reached from {}: no answer", to.shown(), self.name()),
                "see whether the jump host reaches it",
            )),
        }
    }

    /// A connection from there for a forward; `from` = who connected here, as the host may log it.
    pub(super) async fn reach_from_there(&self, to: &Place, from: (String, u16)) -> Result<Channel, NotOpened> {
        let (ssh, to) = (self.clone(), to.clone());
        // not given up half way: what russh opens for nobody would stay open
        let opening = tokio::spawn(async move {
            let handle = &ssh.inner.handle;
            let opened = match to {
                Place::Tcp { host, port } => {
                    let host = host.unwrap_or_else(|| "localhost".into());
                    handle.channel_open_direct_tcpip(host, u32::from(port), from.0, u32::from(from.1)).await
                }
                Place::Unix(path) => handle.channel_open_direct_streamlocal(path).await,
            };
            match opened {
                Ok(channel) => Ok(Channel::bulk(channel, ssh.inner.clone(), ssh.inner.lane.clone())),
                Err(russh::Error::ChannelOpenFailure(why)) => Err(match why {
                    russh::ChannelOpenFailure::AdministrativelyProhibited => NotOpened::NotAllowed,
                    russh::ChannelOpenFailure::ConnectFailed => NotOpened::Refused,
                    russh::ChannelOpenFailure::ResourceShortage => NotOpened::Full,
                    _ => NotOpened::NotAllowed,
                }),
                Err(_) => Err(NotOpened::Lost),
            }
        });
        match tokio::time::timeout(REACH_WITHIN, opening).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(_)) => Err(NotOpened::Lost),
            Err(_) => Err(NotOpened::TooLate),
        }
    }

    /// A socket there as a stream (`direct-streamlocal@openssh.com`: OpenSSH's PROTOCOL, 2.4); none where the host does not
    /// lead to it. No task of ours stands between ([`Channel`] has two): it is to be read without a pause, as what waits
    /// there (a hundred messages) holds up the whole connection, and no write is to be given up but the last.
    pub async fn socket(&self, path: &str) -> Option<impl AsyncRead + AsyncWrite + Send + use<>> {
        let opened = self.inner.handle.channel_open_direct_streamlocal(path).await;
        Some(opened.ok()?.into_stream())
    }

    /// What the host opened towards us, taken.
    pub(super) async fn take_in(&self, incoming: Incoming) -> Channel {
        incoming.reply.accept().await;
        Channel::bulk(incoming.channel, self.inner.clone(), self.inner.lane.clone())
    }

    /// Which openings of the host's are expected.
    pub(super) fn asked(&self) -> &Arc<Asked> {
        &self.inner.asked
    }

    /// Asks the host to listen. `Ok` = the port, where it is TCP; `None` = it refuses.
    pub(super) async fn listen_there(&self, at: &Place) -> Result<Option<u16>, Failure> {
        let handle = &self.inner.handle;
        let asking = async {
            match at {
                Place::Tcp { host, port } => {
                    let given = handle.tcpip_forward(bind_name(host), u32::from(*port)).await?;
                    // it says which one only where it chose
                    Ok(if given == 0 { *port } else { u16::try_from(given).unwrap_or(0) })
                }
                Place::Unix(path) => handle.streamlocal_forward(path.as_str()).await.map(|()| 0),
            }
        };
        match tokio::time::timeout(OPEN_WITHIN, asking).await {
            Ok(Ok(port)) => Ok(Some(port)),
            Ok(Err(russh::Error::RequestDenied)) => Ok(None),
            Ok(Err(_)) => Err(self.lost()),
            Err(_) => Err(Failure::unreachable(
                format!("{} did not answer within {} s", self.name(), OPEN_WITHIN.as_secs()),
                "see whether the network there still works",
            )),
        }
    }

    /// Asks it to listen no more; `port` = the one it listens on.
    pub(super) async fn listen_no_more(&self, at: &Place, port: u16) {
        let handle = &self.inner.handle;
        let asking = async {
            match at {
                Place::Tcp { host, .. } => handle.cancel_tcpip_forward(bind_name(host), u32::from(port)).await,
                Place::Unix(path) => handle.cancel_streamlocal_forward(path.as_str()).await,
            }
        };
        if !self.is_closed() {
            let _ = tokio::time::timeout(CLOSE_WITHIN, asking).await;
        }
    }

    async fn open<C>(&self, opening: impl Future<Output = Result<C, russh::Error>>) -> Result<C, Failure> {
        match tokio::time::timeout(OPEN_WITHIN, opening).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(why))) => Err(Failure::refused(
                format!(
                    "{} opens no channel: {}",
                    self.name(),
                    not_opened(&why, "it has as many open as it allows, or can't")
                ),
                "close sessions over the same connection, or raise MaxSessions there",
            )),
            Ok(Err(_)) => Err(self.lost()),
            Err(_) => Err(self.opens_nothing()),
        }
    }

    fn opens_nothing(&self) -> Failure {
        Failure::unreachable(
            format!("{} did not open a channel within {} s", self.name(), OPEN_WITHIN.as_secs()),
            "see whether the network there still works",
        )
    }

    /// Why it ended, as far as more is known than that it did; escaped.
    pub(crate) fn last_words(&self) -> Option<String> {
        // (what ran through another host's connection ends with that one, in these words)
        self.inner.shared.lock().last_words.clone().filter(|w| !w.is_empty() && w != super::channel::LOST)
    }

    /// The connection is gone: with its last words.
    pub(crate) fn lost(&self) -> Failure {
        let why = self.last_words().map(|w| format!(": {w}")).unwrap_or_default();
        Failure::unreachable(
            format!("{}: the connection was lost{why}", self.name()),
            "connect again; see whether the network there still works",
        )
    }

    /// When bytes came last from the host, whatever they were.
    pub fn heard(&self) -> Instant {
        self.inner.heard.at()
    }

    /// Asks for a sign of life, and waits for it, or for the connection's end: a request that every server answers, if
    /// only to say that it does not know it (RFC 4254, 4; `keepalive@openssh.com` in OpenSSH's PROTOCOL).
    pub async fn ping(&self) {
        let _ = self.inner.handle.send_ping().await;
    }

    pub fn is_closed(&self) -> bool {
        self.inner.handle.is_closed()
    }

    /// Waits until the connection has ended, by whichever side.
    pub async fn closed(&self) {
        let mut gone = self.inner.gone.clone();
        while gone.changed().await.is_ok() {}
    }

    /// Says goodbye; every channel ends.
    pub async fn close(&self) {
        let bye = self.inner.handle.disconnect(russh::Disconnect::ByApplication, "", "");
        let _ = tokio::time::timeout(CLOSE_WITHIN, async {
            if bye.await.is_ok() {
                self.closed().await;
            }
        })
        .await;
    }
}

/// Why a forwarded connection did not come to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NotOpened {
    /// The server does not forward there.
    NotAllowed,
    /// Nobody took it there, or the name means nothing there.
    Refused,
    Full,
    TooLate,
    /// The connection to the host is gone.
    Lost,
}

/// Why a host did not open a channel (RFC 4254, 5.1), in words; `failed` = what a failed try means for this one (OpenSSH
/// says so too where there are as many sessions as it allows).
fn not_opened(why: &russh::ChannelOpenFailure, failed: &'static str) -> &'static str {
    match why {
        russh::ChannelOpenFailure::AdministrativelyProhibited => "it does not allow that",
        russh::ChannelOpenFailure::ConnectFailed => failed,
        russh::ChannelOpenFailure::UnknownChannelType => "it knows no such channel",
        russh::ChannelOpenFailure::ResourceShortage => "it has too much to do",
        _ => "it gave no reason",
    }
}

/// The address to listen on as the wire has it (RFC 4254, 7.1).
pub(super) fn bind_name(host: &Option<String>) -> &str {
    host.as_deref().unwrap_or("localhost")
}

/// The best signature hash for an RSA key there; `None` = only SHA-1, which is not used.
pub(super) async fn rsa_hash(handle: &Handle<Gate>) -> Option<HashAlg> {
    match handle.best_supported_rsa_hash().await {
        Ok(Some(hash)) => hash,
        // it does not say: every server since 2016 knows it
        _ => Some(HashAlg::Sha512),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Dest;

    fn host(name: &str) -> HostConfig {
        let dest = Dest { user: None, host: name.into(), port: None };
        HostConfig::defaults(&dest, Path::new("/h"), "me")
    }

    #[test]
    fn jumps() {
        let mut c = host("web");
        assert_eq!(jumps_of(&c), [] as [String; 0]);
        c.proxy_jump = Some("a@b:23,[::1]:22, last".into());
        assert_eq!(jumps_of(&c), ["a@b:23", "[::1]:22", "last"]);
        c.proxy_jump = Some("x,me@web".into());
        assert_eq!(jumps_of(&c), [] as [String; 0], "a circle of one");
        c.proxy_jump = Some("web:2222".into());
        assert_eq!(jumps_of(&c), ["web:2222"]);
    }

    // ---- against russh's own server

    use crate::transport::ask::Nobody;
    use crate::transport::ssh::config::{AgentSocket, Strict};
    use russh::ChannelId;
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::private::Ed25519Keypair;
    use russh::server;

    /// Lets everybody in; what is asked for as a terminal prints, and is never said to be one.
    struct Endless;
    impl server::Handler for Endless {
        type Error = russh::Error;
        async fn auth_none(&mut self, _: &str) -> Result<server::Auth, russh::Error> {
            Ok(server::Auth::Accept)
        }
        async fn channel_open_session(
            &mut self,
            _: russh::Channel<server::Msg>,
            reply: server::ChannelOpenHandle,
            _: &mut server::Session,
        ) -> Result<(), russh::Error> {
            reply.accept().await;
            Ok(())
        }
        async fn pty_request(
            &mut self,
            channel: ChannelId,
            _: &str,
            _: u32,
            _: u32,
            _: u32,
            _: u32,
            _: &[(russh::Pty, u32)],
            session: &mut server::Session,
        ) -> Result<(), russh::Error> {
            session.data(channel, vec![b'x'; EARLY_MOST + 1])
        }
    }

    async fn endless(agent: AgentSocket) -> (Ssh, server::Handle) {
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
        let settings =
            server::Config { keys: vec![key], auth_rejection_time: Duration::ZERO, ..server::Config::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let port = listener.local_addr().ok().map(|a| a.port());
        let dest = Dest { user: Some("al".into()), host: "127.0.0.1".into(), port };
        let mut config = HostConfig::defaults(&dest, dir.path(), "me");
        (config.strict, config.identity_agent) = (Strict::AcceptNew, AgentSocket::None);
        config.forward_agent = Some(agent);
        let (tell, told) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let running = server::run_stream(Arc::new(settings), stream, Endless).await.unwrap();
            let _ = tell.send(running.handle());
            let _ = running.await;
        });
        (over_tcp(config, Arc::new(Nobody), None).await.unwrap(), told.await.unwrap())
    }

    /// Believes any host.
    struct Guest;
    impl russh::client::Handler for Guest {
        type Error = russh::Error;
        async fn check_server_key(&mut self, _: &russh::keys::PublicKeyOrCertificate) -> Result<bool, russh::Error> {
            Ok(true)
        }
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_channel_that_was_closed_here() {
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
        let settings =
            server::Config { keys: vec![key], auth_rejection_time: Duration::ZERO, ..server::Config::default() };
        let (near, far) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            if let Ok(running) = server::run_stream(Arc::new(settings), far, Endless).await {
                let _ = running.await;
            }
        });
        let mut handle = russh::client::connect_stream(Arc::default(), near, Guest).await.unwrap();
        assert!(handle.authenticate_none("me").await.unwrap().success());
        let (mut read, write) = handle.channel_open_session().await.unwrap().split();
        write.close().await.unwrap();
        // (its end is not told to whoever closed it: only that nobody is left who could tell anything)
        let over = async { while read.wait().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(20), over).await.expect("the connection holds it no longer");
    }

    #[tokio::test]
    async fn a_host_that_prints_and_never_answers_is_not_listened_to() {
        let (ssh, _server) = endless(AgentSocket::None).await;
        let wanted = Terminal { command: None, term: "x".into(), size: Size::new(80, 24), env: Vec::new() };
        let asked = tokio::time::timeout(OPEN_WITHIN / 2, ssh.terminal(&wanted)).await;
        let f = asked.expect("it is given up at once").err().unwrap();
        assert!(f.what.contains("no terminal"), "{f}");
    }

    #[tokio::test]
    async fn a_host_gets_so_many_connections_to_the_agent_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    // it knows nothing of what it is asked
                    let mut piece = [0; 4096];
                    while stream.read(&mut piece).await.is_ok_and(|n| n > 0) {
                        let _ = stream.write_all(&[0, 0, 0, 1, 5]).await;
                    }
                });
            }
        });
        let (_ssh, server) = endless(AgentSocket::Path(path)).await;
        let mut held = Vec::new();
        for _ in 0..agent_forward::MOST {
            held.push(server.channel_open_agent().await.unwrap());
        }
        assert!(server.channel_open_agent().await.is_err());
        // one goes, another may come
        held.pop().unwrap().close().await.unwrap();
        let mut again = false;
        for _ in 0..500 {
            again = server.channel_open_agent().await.is_ok();
            if again {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(again);
    }

    #[tokio::test]
    async fn who_asks_the_agent_and_says_no_more_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // (who is asked over which connection comes first)
            let mut head = [0; 4];
            stream.read_exact(&mut head).await.unwrap();
            let mut binding = vec![0; u32::from_be_bytes(head) as usize];
            stream.read_exact(&mut binding).await.unwrap();
            stream.write_all(&[0, 0, 0, 1, 5]).await.unwrap();
            let mut asked = Vec::new();
            stream.read_to_end(&mut asked).await.unwrap();
            stream.write_all(b"you asked ").await.unwrap();
            stream.write_all(&asked).await.unwrap();
        });
        let (_ssh, server) = endless(AgentSocket::Path(path)).await;
        let channel = server.channel_open_agent().await.unwrap();
        let mut stream = channel.into_stream();
        stream.write_all(b"this").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut said = String::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_string(&mut said)).await;
        read.expect("an end").unwrap();
        assert_eq!(said, "you asked this");
    }
}
