//! Owns the way to a host: stream, handshake, the word on its key, and [`Ssh`], the handle to what came of it.
//! Leaves out how we prove who we are (`auth`) and what flows (`channel`).
//!
//! The host key is checked at the first key exchange. russh does not ask again when keys are renewed: that exchange runs
//! inside the encrypted connection to the holder of the first key.

use super::auth;
use super::channel::{Channel, Exit};
use super::config::{self, HostConfig, Strict};
use super::known_hosts::{self, File, HostKey, Verdict};
use super::patience::{Asker, Patience};
use super::sftp::Sftp;
use super::stream::{self, Cut, Wire};
use crate::failure::{Failure, Kind};
use crate::text::{escape, short};
use crate::transport::ask::Ask;
use russh::client::{self, DisconnectReason, Handle, Session};
use russh::keys::{Algorithm, HashAlg, PublicKeyOrCertificate};
use russh::{Preferred, cipher};
use std::borrow::Cow;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
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
const BANNER_KEPT: usize = 1000;

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

/// What the handler learns and the caller words.
#[derive(Default)]
pub(super) struct Heard {
    refusal: Option<Failure>,
    /// Escaped already.
    pub(super) banner: String,
    pub(super) last_words: Option<String>,
}

#[derive(Default)]
pub(super) struct Shared(Mutex<Heard>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Stands between the host and everything else: nothing is offered to a host whose key it does not pass.
pub(super) struct Gate {
    config: HostConfig,
    files: Vec<File>,
    revoked: Option<File>,
    asker: Asker,
    shared: Arc<Shared>,
    _alive: watch::Sender<()>,
}

impl client::Handler for Gate {
    type Error = russh::Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        // certificates are never asked for
        if offered.certificate().is_some() {
            return Ok(false);
        }
        let Some(key) = host_key(offered) else { return Ok(false) };
        match self.judge(&key).await {
            Ok(()) => Ok(true),
            Err(refusal) => {
                self.shared.lock().refusal = Some(refusal);
                Ok(false)
            }
        }
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), russh::Error> {
        self.shared.lock().banner = short(banner.trim(), BANNER_KEPT);
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        let words = match &reason {
            DisconnectReason::ReceivedDisconnect(info) => short(&info.message, 200),
            DisconnectReason::Error(e) => short(&e.to_string(), 200),
        };
        self.shared.lock().last_words = Some(words);
        Ok(())
    }

    // russh takes every channel a host opens towards us unless told otherwise. Nothing here asked for forwarding: each is
    // refused, which dropping its reply does.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(reply);
        Ok(())
    }
    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        reply: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(reply);
        Ok(())
    }
    async fn server_channel_open_agent_forward(
        &mut self,
        _: russh::Channel<client::Msg>,

        reply: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(reply);
        Ok(())
    }
    async fn server_channel_open_session(
        &mut self,
        _: russh::Channel<client::Msg>,

        reply: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(reply);
        Ok(())
    }
    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(reply);
        Ok(())
    }
    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        reply: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(reply);
        Ok(())
    }
    async fn server_channel_open_x11(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: u32,
        reply: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(reply);
        Ok(())
    }
}

impl Gate {
    async fn judge(&self, key: &HostKey) -> Result<(), Failure> {
        let (host, port) = self.config.recorded_as();
        let verdict = match self.revoked.as_ref().and_then(|f| known_hosts::revoked(f, key)) {
            Some(stop) => stop,
            None => known_hosts::verdict(&self.files, &host, port, key),
        };
        match decide(&verdict, self.config.strict) {
            Decision::Accept => Ok(()),
            Decision::Refuse => Err(refusal(&self.config, &verdict, key)),
            Decision::Ask => {
                match self.asker.host_key(&self.config.shown(), &escape(&key.kind), &key.fingerprint()).await {
                    Some(true) => self.learn(key).await,
                    _ => Err(refusal(&self.config, &verdict, key)),
                }
            }
            Decision::Learn => self.learn(key).await,
        }
    }

    async fn learn(&self, key: &HostKey) -> Result<(), Failure> {
        let (host, port) = self.config.recorded_as();
        let Some(file) = self.config.user_known_hosts.first().cloned() else {
            tracing::warn!("no UserKnownHostsFile: the key is not kept");
            return Ok(());
        };
        let (path, key, hash) = (file.clone(), key.clone(), self.config.hash_known_hosts);
        let learned = tokio::task::spawn_blocking(move || known_hosts::learn(&file, &host, port, &key, hash)).await;
        let why = match learned {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(e)) => e.to_string(),
            Err(e) => e.to_string(),
        };
        Err(Failure::refused(
            format!("{}: its key can't be kept in {}: {why}", self.config.shown(), escape(&path.to_string_lossy())),
            "make that file writable, or name another one with UserKnownHostsFile",
        ))
    }
}

/// What follows from a verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Decision {
    Accept,
    Ask,
    Learn,
    Refuse,
}

/// Changed, revoked and unreadable stop under every setting.
fn decide(verdict: &Verdict, strict: Strict) -> Decision {
    match (verdict, strict) {
        (Verdict::Known, _) => Decision::Accept,
        (Verdict::Unknown, Strict::Ask) => Decision::Ask,
        (Verdict::Unknown, Strict::AcceptNew | Strict::No) => Decision::Learn,
        _ => Decision::Refuse,
    }
}

/// Exactly why a host's key is not accepted, and what to do.
fn refusal(config: &HostConfig, verdict: &Verdict, key: &HostKey) -> Failure {
    let (at, print) = (config.shown(), key.fingerprint());
    let kind = escape(&key.kind);
    let place = |file: &Path, line: usize| format!("{}:{line}", escape(&file.to_string_lossy()));
    match verdict {
        Verdict::Changed { file, line } => {
            let (host, port) = config.recorded_as();
            Failure::refused(
                format!(
                    "{at}: THE HOST KEY HAS CHANGED: it shows {kind} {print}, another key is on record in {}; \
                     nothing was sent to it",
                    place(file, *line)
                ),
                "somebody may be listening in, or the host was set up anew: ask its admin for the fingerprint above",
            )
            .hint(format!(
                "only if you are sure it is right: ssh-keygen -f {} -R {}, then connect again",
                shell(&file.to_string_lossy()),
                shell(&known_hosts::name_of(&host, port))
            ))
        }
        Verdict::Revoked { file, line } => Failure::refused(
            format!("{at}: its host key {kind} {print} is marked revoked in {}", place(file, *line)),
            "do not connect to it; ask its admin for the new key",
        ),
        Verdict::Unreadable { file, why } => Failure::refused(
            format!("{at}: its host key can't be checked: {}: {}", escape(&file.to_string_lossy()), escape(why)),
            "make that file readable, or correct the line",
        ),
        Verdict::Unknown if config.strict == Strict::Yes => Failure::refused(
            format!("{at}: its host key {kind} {print} is not on record, and StrictHostKeyChecking is yes"),
            "add the key to known_hosts once you know that it is right",
        ),
        Verdict::Unknown | Verdict::Known => Failure::refused(
            format!("{at}: its host key {kind} {print} is not on record and nobody accepted it"),
            format!(
                "compare the fingerprint and accept it once: open the host in the TUI (`thub`), or `ssh {}`",
                escape(&config.alias)
            ),
        ),
    }
}

/// A word as a person can paste it into a shell.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if word.chars().all(plain) { word.to_string() } else { format!("'{}'", escape(word).replace('\'', "'\\''")) }
}

fn host_key(offered: &PublicKeyOrCertificate) -> Option<HostKey> {
    let blob = offered.public_key().to_bytes().ok()?;
    let len = u32::from_be_bytes(blob.get(..4)?.try_into().ok()?) as usize;
    let kind = String::from_utf8(blob.get(4..4usize.checked_add(len)?)?.to_vec()).ok()?;
    Some(HostKey { kind, blob })
}

/// The algorithms offered, those of keys on record first. No SHA-1, no CBC, no `none`, no compression.
fn preferred(types: &[String], aes: bool) -> Preferred {
    let place = |a: &Algorithm| {
        let kind = match a {
            Algorithm::Rsa { .. } => "ssh-rsa",
            other => other.as_str(),
        };
        types.iter().position(|t| t == kind).unwrap_or(types.len())
    };
    let mut keys: Vec<Algorithm> =
        Preferred::DEFAULT.key.iter().filter(|a| !matches!(a, Algorithm::Rsa { hash: None })).cloned().collect();
    keys.sort_by_key(place);
    let gcm = [cipher::AES_256_GCM, cipher::AES_128_GCM];
    let ctr = [cipher::AES_256_CTR, cipher::AES_192_CTR, cipher::AES_128_CTR];
    let chacha = [cipher::CHACHA20_POLY1305];
    let ciphers = if aes { [&gcm[..], &chacha, &ctr].concat() } else { [&chacha[..], &gcm, &ctr].concat() };
    Preferred {
        key: Cow::Owned(keys),
        cipher: Cow::Owned(ciphers),
        host_key_certificates: Cow::Borrowed(&[]),
        compression: Cow::Borrowed(&[russh::compression::NONE]),
        ..Preferred::DEFAULT
    }
}

/// Does the CPU do AES itself?
fn has_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    false
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
        preferred: preferred(&types, has_aes()),
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
    fn only_unknown_ever_depends_on_the_setting() {
        let bad = [
            Verdict::Changed { file: "/kh".into(), line: 3 },
            Verdict::Revoked { file: "/kh".into(), line: 3 },
            Verdict::Unreadable { file: "/kh".into(), why: "denied".into() },
        ];
        for strict in [Strict::Yes, Strict::Ask, Strict::AcceptNew, Strict::No] {
            assert_eq!(decide(&Verdict::Known, strict), Decision::Accept);
            for verdict in &bad {
                assert_eq!(decide(verdict, strict), Decision::Refuse, "{verdict:?} {strict:?}");
            }
        }
        assert_eq!(decide(&Verdict::Unknown, Strict::Yes), Decision::Refuse);
        assert_eq!(decide(&Verdict::Unknown, Strict::Ask), Decision::Ask);
        assert_eq!(decide(&Verdict::Unknown, Strict::AcceptNew), Decision::Learn);
        assert_eq!(decide(&Verdict::Unknown, Strict::No), Decision::Learn);
    }

    #[test]
    fn a_changed_key_is_worded_with_its_place_and_no_way_on() {
        let key = HostKey { kind: "ssh-ed25519".into(), blob: vec![1, 2, 3] };
        let mut c = host("web");
        c.port = 2222;
        let f = refusal(&c, &Verdict::Changed { file: "/a b/kh".into(), line: 3 }, &key);
        assert_eq!(f.code(), 4);
        assert!(f.what.contains("/a b/kh:3") && f.what.contains(&key.fingerprint()), "{f}");
        assert!(f.to_string().contains("ssh-keygen -f '/a b/kh' -R '[web]:2222'"), "{f}");
        let f = refusal(&c, &Verdict::Unknown, &key);
        assert!(f.what.contains(&key.fingerprint()) && f.code() == 4, "{f}");
    }

    #[test]
    fn algorithms() {
        let names = |p: &Preferred| p.key.iter().map(|a| a.to_string()).collect::<Vec<_>>();
        let plain = preferred(&[], true);
        assert_eq!(names(&plain).first().map(String::as_str), Some("ssh-ed25519"));
        assert!(!names(&plain).iter().any(|n| n == "ssh-rsa"), "SHA-1 is never offered");
        let rsa = preferred(&["ssh-rsa".into(), "ssh-dss".into()], false);
        assert_eq!(names(&rsa).first().map(String::as_str), Some("rsa-sha2-512"));
        assert_eq!(names(&rsa).get(2).map(String::as_str), Some("ssh-ed25519"));
        let first = |p: &Preferred| p.cipher.first().map(|n| n.as_ref().to_string());
        assert_eq!(first(&plain).as_deref(), Some("aes256-gcm@openssh.com"));
        assert_eq!(first(&rsa).as_deref(), Some("chacha20-poly1305@openssh.com"));
        for p in [&plain, &rsa] {
            assert!(p.cipher.iter().all(|c| !c.as_ref().contains("cbc") && c.as_ref() != "none"));
            assert!(p.mac.iter().all(|m| !m.as_ref().contains("sha1")));
            assert!(p.kex.iter().all(|k| !k.as_ref().ends_with("sha1")));
            assert_eq!(p.compression.len(), 1);
        }
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
