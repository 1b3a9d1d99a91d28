//! Owns what a host may open towards us: only what was asked for, for as long as it is asked for ([`Asked`]).
//! Leaves out asking, and what becomes of a connection.

use super::spec::Place;
use crate::transport::ssh::connect::bind_name;
use russh::client::{ChannelOpenHandle, Msg};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::mpsc;

/// A channel that the host opens; refused where it is dropped.
pub(in crate::transport::ssh) struct Incoming {
    pub(in crate::transport::ssh) channel: russh::Channel<Msg>,
    pub(in crate::transport::ssh) reply: ChannelOpenHandle,
}

struct Entry {
    id: u64,
    at: Place,
    /// None = the host has not said yet which one it chose.
    port: Option<u32>,
    to: mpsc::Sender<Incoming>,
}

/// Connections taken by the host for one forward that nobody here has looked at yet.
const WAITING_MOST: usize = 1024;

/// The forwards asked of one host.
#[derive(Default)]
pub(in crate::transport::ssh) struct Asked {
    entries: Mutex<(u64, Vec<Entry>)>,
}

/// Expected until it is dropped.
pub(super) struct Expected {
    of: Arc<Asked>,
    id: u64,
}

impl Asked {
    fn lock(&self) -> MutexGuard<'_, (u64, Vec<Entry>)> {
        self.entries.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// From now on, so before the host is asked: it may open a channel right behind its answer. None = the same is
    /// expected for another forward.
    pub(super) fn announce(self: &Arc<Asked>, at: &Place) -> Option<(Expected, mpsc::Receiver<Incoming>)> {
        let (to, from) = mpsc::channel(WAITING_MOST);
        let mut all = self.lock();
        let chosen = matches!(at, Place::Tcp { port: 0, .. });
        if !chosen && all.1.iter().any(|e| e.at == *at) {
            return None;
        }
        let port = match at {
            Place::Tcp { port: 0, .. } => None,
            Place::Tcp { port, .. } => Some(u32::from(*port)),
            Place::Unix(_) => Some(0),
        };
        all.0 += 1;
        let id = all.0;
        all.1.push(Entry { id, at: at.clone(), port, to });
        Some((Expected { of: self.clone(), id }, from))
    }

    /// The host says that somebody connected to this port of that address (RFC 4254, 7.2).
    pub(in crate::transport::ssh) fn tcp(&self, address: &str, port: u32, incoming: Incoming) {
        let all = self.lock();
        let mine = |e: &&Entry| match &e.at {
            Place::Tcp { host, .. } => bind_name(host).eq_ignore_ascii_case(address),
            Place::Unix(_) => false,
        };
        let exact = all.1.iter().filter(mine).find(|e| e.port == Some(port));
        let Some(entry) = exact.or_else(|| all.1.iter().filter(mine).find(|e| e.port.is_none())) else {
            tracing::warn!(port, "a channel nobody asked for is refused");
            return;
        };
        let _ = entry.to.try_send(incoming);
    }

    /// The same for a socket.
    pub(in crate::transport::ssh) fn unix(&self, path: &str, incoming: Incoming) {
        let all = self.lock();
        match all.1.iter().find(|e| matches!(&e.at, Place::Unix(p) if p == path)) {
            Some(entry) => drop(entry.to.try_send(incoming)),
            None => tracing::warn!("a channel nobody asked for is refused"),
        }
    }
}

impl Expected {
    /// The port that the host chose.
    pub(super) fn on(&self, port: u16) {
        if let Some(entry) = self.of.lock().1.iter_mut().find(|e| e.id == self.id) {
            entry.port = Some(u32::from(port));
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.of.lock().1.retain(|e| e.id != self.id);
    }
}
