//! Owns what can be looked at of a connection: which way it goes, how long its beginning took, what came over it, what TCP
//! knows of it. Leaves out what that means.

use super::gate::Shared;
use super::stream::Heard;
use super::way::Through;
use crate::sys::{self, Tcp};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How long each step to a connection took, without the time of questions about this host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Steps {
    /// Reading ssh_config, or having `ssh -G` read it.
    pub config: Duration,
    /// To a stream: the name looked up and TCP connected, the ProxyCommand started, the jump host logged in to.
    pub reach: Duration,
    /// Reading known_hosts, waiting for a turn, and the key exchange.
    pub key_exchange: Duration,
    pub login: Duration,
}

/// What a connection tells of itself.
pub struct Look {
    /// The name asked for, the address that answered, the port, and what is between; escaped.
    pub address: String,
    pub through: Through,
    pub steps: Steps,
    /// When the login was done.
    pub ready: Instant,
    pub(super) heard: Arc<Heard>,
    pub(super) socket: Weak<OwnedFd>,
    pub(super) shared: Arc<Shared>,
}

impl Look {
    /// Bytes that came over it so far, SSH's own included.
    pub fn received(&self) -> u64 {
        self.heard.bytes()
    }

    /// As TCP to the host itself knows; `None` through a jump host or a ProxyCommand, on a system that does not tell, and
    /// once the connection is gone.
    pub fn tcp(&self) -> Option<Tcp> {
        sys::tcp(self.socket.upgrade()?.as_fd())
    }

    /// Whether the address it was made from is none of this machine's any more; never known through a jump host or a
    /// ProxyCommand.
    pub fn is_stranded(&self) -> bool {
        self.socket.upgrade().is_some_and(|socket| sys::is_stranded(socket.as_fd()))
    }

    /// What it is encrypted with, as RFC 4253 names it.
    pub fn cipher(&self) -> Option<String> {
        self.shared.lock().cipher.clone()
    }
}
