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
