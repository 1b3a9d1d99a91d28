//! Owns what is said to a host before it has answered: a guess from its last login, and what became of it ([`Note`]).
//! Leaves out what is remembered between logins (`store/met`) and the sending (russh, see `vendor/russh/CHANGES.md`).

use super::config::HostConfig;
use super::gate::Gate;
use russh::ChannelMsg;
use russh::client::{Handle, Opening};
use russh::keys::{Certificate, HashAlg, PublicKey};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinHandle;

/// What is sent to a host in one flight behind the key exchange.
pub struct Again {
    /// The key that was all it took last time ([`super::Ssh::key`]).
    pub key: String,
    /// What [`super::Ssh::exec_lending`] is about to run.
    pub command: JoinHandle<Option<String>>,
    pub note: Arc<Note>,
}

/// What became of it.
#[derive(Default)]
pub struct Note {
    sent: AtomicBool,
    broke: AtomicBool,
    asked: AtomicBool,
}

impl Note {
    /// Something was sent ahead.
    pub fn was_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }
    /// It may be why the connection ended: to be done again, step by step. Never where a person was asked something: that
    /// would be asked twice.
    pub fn may_be_why(&self) -> bool {
        self.was_sent() && self.broke.load(Ordering::Relaxed) && !self.asked.load(Ordering::Relaxed)
    }
    pub(super) fn sends(&self, on: bool) {
        self.sent.store(on, Ordering::Relaxed);
    }
    /// The host ended the connection before its agent answered.
    pub fn breaks(&self) {
        self.broke.store(true, Ordering::Relaxed);
    }
    pub(super) fn asks(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }
}

/// A key as it was shown: by its fingerprint, or by its certificate's.
pub(super) fn print(public: &PublicKey, certificate: Option<&Certificate>) -> String {
    let Some(certificate) = certificate else { return public.fingerprint(HashAlg::Sha256).to_string() };
    use sha2::{Digest, Sha256};
    let bytes = certificate.to_bytes().unwrap_or_default();
    format!("certificate:{}", crate::proto::ids::hex(&Sha256::digest(bytes)))
}

/// A channel for what is about to run, opened together with the login. (A display is lent only once it has been asked for.)
pub(super) async fn open(
    handle: &Handle<Gate>,
    config: &HostConfig,
    command: JoinHandle<Option<String>>,
) -> Option<(Opening, String)> {
    if config.forward_x11 {
        return None;
    }
    let command = command.await.ok()??;
    let mut requests = Vec::new();
    if config.lent_agent().is_some() {
        requests.push(ChannelMsg::AgentForward { want_reply: false });
    }
    requests.push(ChannelMsg::Exec { want_reply: true, command: command.clone().into() });
    Some((handle.channel_open_ahead(requests).await.ok()?, command))
}

#[cfg(test)]
mod tests {
    use super::super::config::{AgentSocket, Dest, Strict};
    use super::super::connect;
    use super::*;
    use crate::transport::ask::Nobody;
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::LineEnding;
    use russh::keys::ssh_key::private::Ed25519Keypair;
    use russh::server::{self, Auth};
    use std::time::Duration;

    /// Takes every key, and opens channels, which it numbers from 2 on.
    struct Door;
    impl server::Handler for Door {
        type Error = russh::Error;
        async fn auth_publickey(&mut self, _: &str, _: server::VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
            Ok(Auth::Accept)
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
    }

    #[tokio::test]
    async fn a_host_that_numbers_its_channels_otherwise_is_found_out() {
        let key = |seed| PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("id");
        std::fs::write(&file, key(9).to_openssh(LineEnding::LF).unwrap()).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let settings = Arc::new(server::Config {
            keys: vec![key(7)],
            auth_rejection_time: Duration::ZERO,
            ..server::Config::default()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().ok().map(|a| a.port());
        let dest = Dest { user: Some("al".into()), host: "127.0.0.1".into(), port };
        let mut config = HostConfig::defaults(&dest, dir.path(), "me");
        (config.strict, config.identity_agent) = (Strict::AcceptNew, AgentSocket::None);
        config.identity_files = vec![file];
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(running) = server::run_stream(settings.clone(), stream, Door).await {
                    tokio::spawn(running);
                }
            }
        });
        let note = Arc::new(Note::default());
        let again = Again {
            key: print(key(9).public_key(), None),
            command: tokio::spawn(async { Some("true".into()) }),
            note: note.clone(),
        };
        let ssh = connect::over_tcp(config.clone(), Arc::new(Nobody), Some(again)).await.unwrap();
        assert_eq!(ssh.key(), Some(print(key(9).public_key(), None).as_str()));
        let failure = ssh.exec_lending("true").await.err().unwrap();
        assert!(ssh.is_closed() && note.was_sent(), "{failure}");
        // step by step it goes
        let ssh = connect::over_tcp(config, Arc::new(Nobody), None).await.unwrap();
        ssh.exec_lending("true").await.unwrap();
    }
}
