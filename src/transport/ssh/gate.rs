//! Owns what stands between a host and everything else: [`Gate`] passes its key or words why not, refuses what it opens
//! towards us, and hears its last words; and the algorithms we speak. Leaves out how a verdict is found (`known_hosts`).
//!
//! The host key is checked at the first key exchange, and at each later one it must be the same (`renewal`).

use super::agent_forward;
use super::config::{HostConfig, Strict};
use super::forward::remote::{Asked, Incoming};
use super::hostcert::{self, Word};
use super::known_hosts::{self, File, HostKey, Verdict};
use super::offer;
use super::patience::Asker;
use super::renewal::Witness;
use super::way::Way;
use crate::failure::Failure;
use crate::text::{escape, short};
use crate::transport::ask::KeyAsked;
use russh::client::{self, DisconnectReason, Session};
use russh::keys::agent::AgentSessionBinding;
use russh::keys::{Algorithm, Certificate, PublicKeyOrCertificate};
use russh::{Preferred, cipher};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Semaphore, mpsc, watch};

const BANNER_LINES: usize = 20;

/// What the handler learns and the caller words.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) refusal: Option<Failure>,
    /// Escaped already, its lines kept.
    pub(super) banner: String,
    pub(super) last_words: Option<String>,
    /// They were a goodbye of the host's; else the connection broke.
    pub(super) dismissed: bool,
    /// The host showed another key when keys were renewed.
    pub(super) another: bool,
    /// Which connection this is, for an ssh-agent.
    pub(super) binding: Option<AgentSessionBinding>,
    /// Where a program's connection to the display goes, if it was lent.
    pub(super) x11: Option<mpsc::UnboundedSender<Incoming>>,
    /// What the connection is encrypted with, as RFC 4253 names it.
    pub(super) cipher: Option<String>,
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
    pub(super) config: HostConfig,
    pub(super) files: Vec<File>,
    pub(super) revoked: Option<File>,
    /// Its key is on record for this address as well, where CheckHostIP asks for that.
    pub(super) address: Option<std::net::IpAddr>,
    /// How it was reached, for who is asked about its key.
    pub(super) way: Way,
    pub(super) asker: Asker,
    pub(super) shared: Arc<Shared>,
    pub(super) witness: Witness,
    pub(super) asked: Arc<Asked>,
    /// Connections to the ssh-agent that may still come.
    pub(super) agents: Arc<Semaphore>,
    /// Its end tells that the connection has ended.
    pub(super) _alive: watch::Sender<()>,
}

impl client::Handler for Gate {
    type Error = russh::Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        self.witness.shown();
        let judged = match offered.certificate() {
            Some(certificate) => self.judge_certificate(certificate).await,
            None => match offered.public_key().to_bytes().ok().and_then(HostKey::from_blob) {
                Some(key) => self.judge(&key, None).await,
                None => return Ok(false),
            },
        };
        match judged {
            Ok(()) => {
                self.witness.accepted(&offered.public_key(), offered.certificate().is_some());
                Ok(true)
            }
            Err(refusal) => {
                self.shared.lock().refusal = Some(refusal);
                Ok(false)
            }
        }
    }

    async fn kex_done(&mut self, _: Option<&[u8]>, names: &russh::Names, _: &mut Session) -> Result<(), russh::Error> {
        if self.witness.renewed() {
            self.shared.lock().cipher = Some(names.cipher.as_ref().to_string());
            return Ok(());
        }
        self.shared.lock().another = true;
        Err(russh::Error::UnknownKey)
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), russh::Error> {
        let lines: Vec<String> = banner.trim().lines().take(BANNER_LINES).map(|l| short(l.trim_end(), 200)).collect();
        self.shared.lock().banner = lines.join("\n");
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        let words = match &reason {
            DisconnectReason::ReceivedDisconnect(info) => short(&info.message, 200),
            DisconnectReason::Error(e) => short(&plainly(e), 200),
        };
        let mut heard = self.shared.lock();
        let another = heard.another.then(|| "it showed ANOTHER HOST KEY when keys were renewed".to_string());
        heard.last_words = Some(another.unwrap_or(words));
        heard.dismissed = matches!(reason, DisconnectReason::ReceivedDisconnect(_));
        Ok(())
    }

    // russh takes every channel a host opens towards us unless told otherwise. What nobody asked for is refused, which
    // dropping its reply does. Nothing is awaited here: this runs in the loop that every channel's bytes go through.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: russh::Channel<client::Msg>,
        address: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.asked.tcp(address, port, Incoming { channel, reply });
        Ok(())
    }
    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        channel: russh::Channel<client::Msg>,
        path: &str,
        reply: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.asked.unix(path, Incoming { channel, reply });
        Ok(())
    }
    async fn server_channel_open_agent_forward(
        &mut self,
        channel: russh::Channel<client::Msg>,
        reply: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        // only where ssh_config lends the agent to this host
        if let Some(path) = self.config.lent_agent() {
            let binding = self.shared.lock().binding.clone();
            let Ok(room) = self.agents.clone().try_acquire_owned() else { return Ok(()) };
            tokio::spawn(async move {
                let _room = room;
                if let Some(agent) = agent_forward::open(path, binding).await {
                    reply.accept().await;
                    agent_forward::copy(channel, agent).await;
                }
            });
        }
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
        channel: russh::Channel<client::Msg>,
        _: &str,
        _: u32,
        reply: client::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        if let Some(x11) = &self.shared.lock().x11 {
            let _ = x11.send(Incoming { channel, reply });
        }
        Ok(())
    }
}

impl Gate {
    /// The word on a key; `flawed` = why the certificate it came in is not believed. Then only a key on record is
    /// good enough: nobody is asked to trust it, and it is not learned.
    async fn judge(&self, key: &HostKey, flawed: Option<&str>) -> Result<(), Failure> {
        let (host, port) = self.config.recorded_as();
        large_enough(&self.config, key)?;
        let verdict = match self.revoked.as_ref().and_then(|f| known_hosts::revoked(f, key)) {
            Some(stop) => stop,
            None => known_hosts::verdict(&self.files, &host, port, key),
        };
        // CheckHostIP: what is on record for the address says otherwise (OpenSSH asks; this stops)
        let by_address = self
            .address
            .filter(|_| matches!(verdict, Verdict::Known | Verdict::Unknown))
            .map(|ip| known_hosts::verdict(&self.files, &ip.to_string(), port, key));
        let verdict = by_address.filter(|v| !matches!(v, Verdict::Known | Verdict::Unknown)).unwrap_or(verdict);
        if let (Verdict::Unknown, Some(why)) = (&verdict, flawed) {
            return Err(Failure::refused(
                format!(
                    "{}: its host certificate is not accepted: {why}; the key in it, {} {}, is not on record",
                    self.config.shown(),
                    escape(&key.kind),
                    key.fingerprint()
                ),
                "ask its admin for a new certificate, or add the key to known_hosts once you know that it is right",
            ));
        }
        match decide(&verdict, self.config.strict, self.config.batch) {
            Decision::Accept => Ok(()),
            Decision::Refuse => Err(refusal(&self.config, &verdict, key)),
            Decision::Ask => {
                let file = self.keepable(key)?;
                match self.asker.host_key(&self.question(key)).await {
                    Some(true) => self.learn(key, file).await,
                    _ => Err(refusal(&self.config, &verdict, key)),
                }
            }
            Decision::Learn => self.learn(key, self.keepable(key)?).await,
        }
    }

    /// What a person has to know to answer for a key.
    fn question(&self, key: &HostKey) -> KeyAsked {
        let (host, port) = self.config.recorded_as();
        let kept = self.config.user_known_hosts.first().map_or(String::new(), |file| {
            short(&format!("{}, as {}", file.to_string_lossy(), known_hosts::name_of(&host, port)), 300)
        });
        KeyAsked {
            host: self.config.shown(),
            address: self.way.address(&self.config),
            way: self.way.role(),
            kind: short(&key.kind, 100),
            fingerprint: key.fingerprint(),
            kept,
        }
    }

    /// As OpenSSH: a certificate nobody on record vouches for counts as the plain key in it.
    async fn judge_certificate(&self, certificate: &Certificate) -> Result<(), Failure> {
        let (host, port) = self.config.recorded_as();
        let principal = self.config.host_key_alias.clone().unwrap_or_else(|| host.clone());
        let now = crate::sys::unix_now();
        let (revoked, signed_by) = (self.revoked.as_ref(), &self.config.ca_signature_algorithms);
        match hostcert::judge(&self.files, revoked, (&host, port), &principal, certificate, signed_by, now) {
            Word::Vouched => {
                hostcert::plain(certificate.public_key()).map_or(Ok(()), |k| large_enough(&self.config, &k))
            }
            Word::Stop(verdict, key) => Err(refusal(&self.config, &verdict, &key)),
            Word::Nothing(why) => match hostcert::plain(certificate.public_key()) {
                Some(key) => self.judge(&key, why.as_deref()).await,
                None => Err(Failure::refused(
                    format!("{}: its host certificate can't be read", self.config.shown()),
                    format!("ask its admin for a new one; {} tells more", self.config.ssh_v()),
                )),
            },
        }
    }

    /// The file that would keep a key. Where there is none nobody is asked, and as in OpenSSH the host is not let in
    /// (`/dev/null` is a file: who names that wants to be asked each time).
    fn keepable(&self, key: &HostKey) -> Result<PathBuf, Failure> {
        let (at, print) = (self.config.shown(), key.fingerprint());
        let unknown = format!("{at}: its host key {} {print} is not on record and can't be kept", escape(&key.kind));
        let Some(file) = self.config.user_known_hosts.first() else {
            return Err(Failure::refused(
                format!("{unknown}: UserKnownHostsFile is none"),
                "name a file with UserKnownHostsFile, or once you know that the key is right, add it to a \
                 GlobalKnownHostsFile",
            ));
        };
        let (host, port) = self.config.recorded_as();
        let name = known_hosts::name_of(&host, port);
        if !known_hosts::can_hold(&name) {
            let option = if self.config.host_key_alias.is_some() { "HostKeyAlias" } else { "HostName" };
            return Err(Failure::refused(
                format!("{unknown}: `{}` is no name that known_hosts can hold", short(&name, 200)),
                format!("let {option} in ssh_config be one plain name: no blank, comma or any of * ? ! | # @"),
            ));
        }
        Ok(file.clone())
    }

    async fn learn(&self, key: &HostKey, file: PathBuf) -> Result<(), Failure> {
        let (host, port) = self.config.recorded_as();
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

/// Why a connection broke, in words that are not the library's; raw.
fn plainly(error: &russh::Error) -> String {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    let kind = match error {
        russh::Error::HUP | russh::Error::Disconnect => Some(UnexpectedEof),
        russh::Error::IO(e) => Some(e.kind()),
        _ => None,
    };
    match kind {
        Some(UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe) => {
            "the host or the network ended it".into()
        }
        Some(TimedOut) => "the network did not answer any more".into(),
        _ => error.to_string(),
    }
}

/// RequiredRSASize, whoever vouches for the key.
fn large_enough(config: &HostConfig, key: &HostKey) -> Result<(), Failure> {
    match offer::too_small(config, &key.blob) {
        None => Ok(()),
        Some(bits) => Err(Failure::refused(
            format!("{}: its RSA host key has {bits} bits, fewer than RequiredRSASize", config.shown()),
            "ask its admin for another host key (ssh-keygen -A makes them)",
        )),
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

/// Changed, revoked and unreadable stop under every setting; `batch` = nobody may be asked.
fn decide(verdict: &Verdict, strict: Strict, batch: bool) -> Decision {
    match (verdict, strict) {
        (Verdict::Known, _) => Decision::Accept,
        (Verdict::Unknown, Strict::Ask) if batch => Decision::Refuse,
        (Verdict::Unknown, Strict::Ask) => Decision::Ask,
        (Verdict::Unknown, Strict::AcceptNew | Strict::No) => Decision::Learn,
        _ => Decision::Refuse,
    }
}

/// Exactly why a host's key is not accepted, and what to do.
fn refusal(config: &HostConfig, verdict: &Verdict, key: &HostKey) -> Failure {
    let (at, print) = (config.shown(), key.fingerprint());
    let kind = escape(&key.kind);
    let place = |file: &Path, line: usize| match line {
        0 => escape(&file.to_string_lossy()),
        line => format!("{}:{line}", escape(&file.to_string_lossy())),
    };
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
                crate::text::shell(&file.to_string_lossy()),
                crate::text::shell(&known_hosts::name_of(&host, port))
            ))
            .hard()
        }
        Verdict::Revoked { file, line } => Failure::refused(
            format!("{at}: its host key {kind} {print} is marked revoked in {}", place(file, *line)),
            "do not connect to it; ask its admin for the new key",
        )
        .hard(),
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
                "compare the fingerprint and accept it once: you are asked when you connect at a terminal, by thub or `{}`",
                crate::text::typed(&format!("ssh {}", crate::text::shell(&config.alias)), config.file.as_deref())
            ),
        ),
    }
}

/// The algorithms offered; certificates before plain keys where an authority is on record for the host. The order is
/// OpenSSH's (`order_hostkeyalgs` of its sshconnect2.c): where a key of the best type is on record it stays as it is,
/// else `types`, those on record, come first as a set. So one stale key of another type is not asked for.
/// No SHA-1, no CBC, no `none`, no compression.
pub(super) fn preferred(types: &[String], certificates: bool, aes: bool) -> Preferred {
    let known = |a: &Algorithm| {
        let kind = match a {
            Algorithm::Rsa { .. } => "ssh-rsa",
            other => other.as_str(),
        };
        types.iter().any(|t| t == kind)
    };
    let mut keys: Vec<Algorithm> =
        Preferred::DEFAULT.key.iter().filter(|a| !matches!(a, Algorithm::Rsa { hash: None })).cloned().collect();
    let certificates = if certificates { keys.clone() } else { Vec::new() };
    if !keys.first().is_some_and(known) {
        keys.sort_by_key(|a| !known(a));
    }
    let gcm = [cipher::AES_256_GCM, cipher::AES_128_GCM];
    let ctr = [cipher::AES_256_CTR, cipher::AES_192_CTR, cipher::AES_128_CTR];
    let chacha = [cipher::CHACHA20_POLY1305];
    let ciphers = if aes { [&gcm[..], &chacha, &ctr].concat() } else { [&chacha[..], &gcm, &ctr].concat() };
    Preferred {
        key: Cow::Owned(keys),
        cipher: Cow::Owned(ciphers),
        host_key_certificates: Cow::Owned(certificates),
        compression: Cow::Borrowed(&[russh::compression::NONE]),
        ..Preferred::DEFAULT
    }
}

/// Does the CPU do AES itself?
pub(super) fn has_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    false
}

#[cfg(test)]
mod tests {
    use super::super::config::Dest;
    use super::*;

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
            assert_eq!(decide(&Verdict::Known, strict, false), Decision::Accept);
            for verdict in &bad {
                assert_eq!(decide(verdict, strict, false), Decision::Refuse, "{verdict:?} {strict:?}");
            }
        }
        assert_eq!(decide(&Verdict::Unknown, Strict::Yes, false), Decision::Refuse);
        assert_eq!(decide(&Verdict::Unknown, Strict::Ask, false), Decision::Ask);
        assert_eq!(decide(&Verdict::Unknown, Strict::AcceptNew, false), Decision::Learn);
        assert_eq!(decide(&Verdict::Unknown, Strict::No, false), Decision::Learn);
        assert_eq!(decide(&Verdict::Unknown, Strict::Ask, true), Decision::Refuse);
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
        let plain = preferred(&[], false, true);
        assert_eq!(names(&plain).first().map(String::as_str), Some("ssh-ed25519"));
        assert!(!names(&plain).iter().any(|n| n == "ssh-rsa"), "SHA-1 is never offered");
        let rsa = preferred(&["ssh-rsa".into(), "ssh-dss".into()], true, false);
        assert_eq!(names(&rsa).first().map(String::as_str), Some("rsa-sha2-512"));
        assert_eq!(names(&rsa).get(2).map(String::as_str), Some("ssh-ed25519"));
        let first = |p: &Preferred| p.cipher.first().map(|n| n.as_ref().to_string());
        assert_eq!(first(&plain).as_deref(), Some("aes256-gcm@openssh.com"));
        assert_eq!(first(&rsa).as_deref(), Some("chacha20-poly1305@openssh.com"));
        // certificates only where there is somebody whose word they carry
        assert_eq!((plain.host_key_certificates.len(), &rsa.host_key_certificates), (0, &plain.key));
        // the best one on record: the order stays; else those on record, in that order
        let order = |types: &[&str]| {
            let types: Vec<String> = types.iter().map(|t| t.to_string()).collect();
            names(&preferred(&types, false, true))
        };
        assert_eq!(order(&["ssh-rsa", "ssh-ed25519"]), names(&plain));
        let two = order(&["ssh-rsa", "ecdsa-sha2-nistp384"]);
        assert_eq!(two.get(..3).unwrap(), ["ecdsa-sha2-nistp384", "rsa-sha2-512", "rsa-sha2-256"]);
        for p in [&plain, &rsa] {
            assert!(p.cipher.iter().all(|c| !c.as_ref().contains("cbc") && c.as_ref() != "none"));
            assert!(p.mac.iter().all(|m| !m.as_ref().contains("sha1")));
            assert!(p.kex.iter().all(|k| !k.as_ref().ends_with("sha1")));
            assert_eq!(p.compression.len(), 1);
            assert!(p.host_key_certificates.iter().all(|a| *a != Algorithm::Rsa { hash: None }));
        }
    }

    #[tokio::test]
    async fn a_certificate_makes_no_small_key_large() {
        use russh::keys::ssh_key::certificate::{Builder, CertType};
        use russh::keys::ssh_key::private::Ed25519Keypair;
        use russh::keys::{PrivateKey, PublicKey};
        let mut blob = Vec::new();
        for field in [&b"ssh-rsa"[..], &[1, 0, 1], &[&[0, 0xc1][..], &[0x55; 254], &[1]].concat()] {
            blob.extend((field.len() as u32).to_be_bytes());
            blob.extend(field);
        }
        let authority = PrivateKey::from(Ed25519Keypair::from_seed(&[9; 32]));
        let key = PublicKey::from_bytes(&blob).unwrap();
        let mut b = Builder::new(vec![7; 16], key.key_data().clone(), 0, u64::MAX >> 1).unwrap();
        b.cert_type(CertType::Host).unwrap().key_id("x").unwrap().valid_principal("web").unwrap();
        let certificate = b.sign(&authority).unwrap();
        let text = format!("@cert-authority web {}\n", authority.public_key().to_openssh().unwrap());
        let mut gate = Gate {
            config: host("web"),
            files: vec![File { path: "/kh".into(), text: Ok(text.into_bytes()) }],
            revoked: None,
            address: None,
            way: Way::default(),
            asker: Asker { ask: Arc::new(crate::transport::ask::Nobody), patience: Arc::default() },
            shared: Arc::default(),
            witness: Witness::default(),
            asked: Arc::default(),
            agents: Arc::new(Semaphore::new(1)),
            _alive: watch::channel(()).0,
        };
        gate.judge_certificate(&certificate).await.unwrap();
        gate.config.required_rsa_size = 4096;
        let f = gate.judge_certificate(&certificate).await.unwrap_err();
        assert!(f.what.contains("2048 bits"), "{f}");
    }
}
