//! Owns the way to a host: stream, handshake, and [`Ssh`], the handle to what came of it.
//! Leaves out the word on its key (`gate`), how we prove who we are (`auth`) and what flows (`channel`).

use super::auth;
use super::channel::{Channel, Exit};
use super::config::{self, HostConfig};
use super::gate::{self, Gate, Shared};
use super::known_hosts;
use super::patience::{Asker, Patience};
use super::sftp::Sftp;
use super::stream::{self, Cut, Wire};
use crate::failure::{Failure, Kind};
use crate::text::{escape, short};
use crate::transport::ask::Ask;
use russh::client::{self, Handle};
use russh::keys::HashAlg;
use std::borrow::Cow;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

/// Handshake, then authentication: each so long, without the time of questions.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(30);
const AUTH_WITHIN: Duration = Duration::from_secs(30);
const OPEN_WITHIN: Duration = Duration::from_secs(15);
/// A short command, to its end.
const OUTPUT_WITHIN: Duration = Duration::from_secs(120);
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVE_MOST: usize = 2;
const WINDOW: u32 = 2 << 20;
const JUMPS_MOST: usize = 8;

/// What has to outlive a channel.
pub(super) type Keep = Arc<Inner>;

pub(super) struct Inner {
    handle: Handle<Gate>,
    config: HostConfig,
    shared: Arc<Shared>,
    gone: watch::Receiver<()>,
    /// Dropped with the last user: the stream ends, whatever russh still waits for.
    _cut: Cut,
}

/// A live SSH connection; clones share it, it ends with the last clone and the last channel.
#[derive(Clone)]
pub struct Ssh {
    inner: Arc<Inner>,
}

/// Connects to `dest` (as [`config::parse_dest`] takes it) and proves who we are.
pub async fn connect(dest: &str, file: Option<&Path>, ask: Arc<dyn Ask>) -> Result<Ssh, Failure> {
    hop(dest.to_string(), file.map(Path::to_path_buf), ask, 0, None).await
}

type Hop = Pin<Box<dyn Future<Output = Result<Ssh, Failure>> + Send>>;

/// One hop; `via` = the jumps before it where the destination's own ProxyJump does not count.
fn hop(dest: String, file: Option<PathBuf>, ask: Arc<dyn Ask>, depth: usize, via: Option<Vec<String>>) -> Hop {
    Box::pin(async move {
        if depth > JUMPS_MOST {
            return Err(Failure::usage(
                format!("{}: more than {JUMPS_MOST} jump hosts, one behind the other", escape(&dest)),
                "look for a circle in the ProxyJump lines of your ssh_config",
            ));
        }
        let config = config::resolve(&dest, file.as_deref()).await?;
        crate::sys::test_point("connect");
        let jumps = via.unwrap_or_else(|| jumps_of(&config));
        let wire = if let Some((last, before)) = jumps.split_last() {
            let before = (!before.is_empty()).then(|| before.to_vec());
            let jump = hop(last.clone(), file, ask.clone(), depth + 1, before)
                .await
                .map_err(|f| f.hint(format!("it is the jump host on the way to {}", config.shown())))?;
            Wire::jump(jump.direct(&config).await?)
        } else if let Some(command) = &config.proxy_command {
            if config.proxy_use_fdpass {
                return Err(Failure::usage(
                    format!("{}: ProxyUseFdpass is not supported", config.shown()),
                    "use a ProxyCommand that copies the bytes (`nc %h %p`), or ProxyJump",
                ));
            }
            stream::command(&config, command)?
        } else {
            stream::tcp(&config).await?
        };
        handshake(config, wire, ask).await
    })
}

/// A connection by TCP from a config made by hand.
#[cfg(test)]
pub(super) async fn over_tcp(config: HostConfig, ask: Arc<dyn Ask>) -> Result<Ssh, Failure> {
    let wire = stream::tcp(&config).await?;
    handshake(config, wire, ask).await
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

async fn handshake(config: HostConfig, mut wire: Wire, ask: Arc<dyn Ask>) -> Result<Ssh, Failure> {
    let (read_config, revoked_path) = (config.clone(), config.revoked_host_keys.clone());
    let (files, revoked) = tokio::task::spawn_blocking(move || {
        let paths = [read_config.user_known_hosts, read_config.global_known_hosts].concat();
        (known_hosts::read(&paths), revoked_path.and_then(|p| known_hosts::read(&[p]).pop()))
    })
    .await
    .map_err(|e| Failure::new(Kind::Internal, e.to_string(), "report this"))?;

    let (host, port) = config.recorded_as();
    let types = known_hosts::recorded_types(&files, &host, port);
    let asker = Asker { ask, patience: Arc::new(Patience::default()) };
    let shared = Arc::new(Shared::default());
    let (alive, gone) = watch::channel(());
    let gate =
        Gate { config: config.clone(), files, revoked, asker: asker.clone(), shared: shared.clone(), _alive: alive };
    let settings = client::Config {
        client_id: russh::SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-thub_", env!("CARGO_PKG_VERSION")))),
        window_size: WINDOW,
        preferred: gate::preferred(&types, gate::has_aes()),
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVE_MOST,
        nodelay: true,
        ..client::Config::default()
    };
    // a handshake given up leaves a task of russh's behind: cutting its stream ends it
    let cut = wire.cut();
    let complaint = wire.complaint();
    let shaking = client::connect_stream(Arc::new(settings), wire, gate);
    let at = config.shown();
    let mut handle = match asker.patience.within(HANDSHAKE_WITHIN, shaking).await {
        Some(Ok(handle)) => handle,
        Some(Err(e)) => {
            if let Some(refusal) = shared.lock().refusal.take() {
                return Err(refusal);
            }
            let hint = match &e {
                russh::Error::NoCommonAlgo { .. } => "the host knows only algorithms that are not safe any more",
                _ => "see whether an SSH server answers there: `ssh -v` tells more",
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
                "see whether an SSH server answers there: `ssh -v` tells more",
            ));
        }
    };
    match asker.patience.within(AUTH_WITHIN, auth::prove(&mut handle, &config, &asker, &shared)).await {
        Some(proved) => proved?,
        None => {
            return Err(Failure::unreachable(
                format!("{at}: logging in took longer than {} s", AUTH_WITHIN.as_secs()),
                "see whether `ssh` is as slow; a busy host or its name service may be the reason",
            ));
        }
    }
    Ok(Ssh { inner: Arc::new(Inner { handle, config, shared, gone, _cut: cut }) })
}

impl Ssh {
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
        self.open(channel.exec(true, command)).await?;
        Ok(Channel::spawn(channel, self.inner.clone()))
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
        let channel = self.open(self.inner.handle.channel_open_session()).await?;
        self.open(channel.request_subsystem(true, "sftp")).await?;
        Sftp::start(Channel::spawn(channel, self.inner.clone()), self.name()).await
    }

    /// A TCP connection from there to another host: what SSH to that one runs over.
    async fn direct(&self, to: &HostConfig) -> Result<Channel, Failure> {
        let opening = self.inner.handle.channel_open_direct_tcpip(&to.hostname, u32::from(to.port), "127.0.0.1", 0);
        match tokio::time::timeout(to.connect_timeout.max(OPEN_WITHIN), opening).await {
            Ok(Ok(channel)) => Ok(Channel::spawn(channel, self.inner.clone())),
            Ok(Err(russh::Error::ChannelOpenFailure(why))) => Err(Failure::unreachable(
                format!("{} can't be reached from {}: {why:?}", to.shown(), self.name()),
                "see whether the jump host may forward (AllowTcpForwarding) and reaches it",
            )),
            Ok(Err(_)) => Err(self.lost()),
            Err(_) => Err(Failure::unreachable(
                format!("{} can't be reached from {}: no answer", to.shown(), self.name()),
                "see whether the jump host reaches it",
            )),
        }
    }

    async fn open<C>(&self, opening: impl Future<Output = Result<C, russh::Error>>) -> Result<C, Failure> {
        match tokio::time::timeout(OPEN_WITHIN, opening).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(why))) => Err(Failure::refused(
                format!("{} opens no channel: {why:?}", self.name()),
                "close sessions over the same connection, or raise MaxSessions there",
            )),
            Ok(Err(_)) => Err(self.lost()),
            Err(_) => Err(Failure::unreachable(
                format!("{} did not open a channel within {} s", self.name(), OPEN_WITHIN.as_secs()),
                "see whether the network there still works",
            )),
        }
    }

    /// The connection is gone: with its last words.
    pub(crate) fn lost(&self) -> Failure {
        let words = self.inner.shared.lock().last_words.clone().filter(|w| !w.is_empty());
        let why = words.map(|w| format!(": {w}")).unwrap_or_default();
        Failure::unreachable(
            format!("{}: the connection was lost{why}", self.name()),
            "connect again; see whether the network there still works",
        )
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
}
