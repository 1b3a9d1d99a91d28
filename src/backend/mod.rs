//! Ways to get a byte stream with a program, a port or a channel at its other end: one face, [`Backend`].

pub mod bridge;
pub mod channel;
pub mod docker;
pub mod pty;
pub mod serial;
pub mod telnet;

use crate::proto::control::Device;
use crate::proto::ids::Size;
use bridge::{Bridge, Wish};
use channel::Channel;
use pty::Pty;
use rustix::process::{Pid, Signal};
use std::io;
use std::os::fd::OwnedFd;
use tokio::sync::watch;

/// How what is at the other end has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Its own code, or 128 + signal; none = nobody knows.
    pub code: Option<i32>,
    /// Where there is more to say than the code.
    pub cause: Option<String>,
}

/// What a session's bytes come from.
pub enum Backend {
    Pty(Pty),
    Channel(Channel),
    /// A serial port, a container, a telnet host.
    Bridge(Bridge),
}

impl Backend {
    /// The program's process, where it runs on this machine.
    pub fn pid(&self) -> Option<Pid> {
        match self {
            Backend::Pty(p) => Some(p.pid()),
            Backend::Channel(_) | Backend::Bridge(_) => None,
        }
    }

    /// A copy of the descriptor, for reading and writing.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        match self {
            Backend::Pty(p) => p.descriptor(),
            Backend::Channel(c) => c.bridge().descriptor(),
            Backend::Bridge(b) => b.descriptor(),
        }
    }

    /// Becomes readable when there is an end to be [`Backend::reap`]ed.
    pub fn end(&self) -> io::Result<OwnedFd> {
        match self {
            Backend::Pty(p) => pty::end_of(p.pid()),
            Backend::Channel(c) => c.bridge().end(),
            Backend::Bridge(b) => b.end(),
        }
    }

    /// Writes what is taken just now; nothing where there is no room.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Backend::Pty(p) => p.write(bytes),
            Backend::Channel(c) => c.bridge().write(bytes),
            Backend::Bridge(b) => b.write(bytes),
        }
    }

    pub fn resize(&self, size: Size) {
        match self {
            Backend::Pty(p) => p.resize(size),
            Backend::Channel(c) => c.resize(size),
            Backend::Bridge(b) => b.wish(Wish::Resize(size)),
        }
    }

    /// Whether anybody looks on: a host behind a channel is asked for signs of life then.
    pub fn look(&self, on: bool) {
        if let Backend::Channel(c) = self {
            c.look(on);
        }
    }

    /// How it stands with what is at the other end, where that is no program of this machine.
    pub fn device(&self) -> Option<watch::Receiver<Device>> {
        match self {
            Backend::Pty(_) => None,
            Backend::Channel(c) => Some(c.bridge().device()),
            Backend::Bridge(b) => Some(b.device()),
        }
    }

    /// ECHO and ICANON as a Tty frame has them. SSH does not tell of another machine's: neither is promised.
    pub fn flags(&self) -> u8 {
        match self {
            Backend::Pty(p) => p.flags(),
            Backend::Channel(_) | Backend::Bridge(_) => 0,
        }
    }

    /// The process group that has the terminal, where it is one of this machine.
    pub fn foreground(&self) -> Option<Pid> {
        match self {
            Backend::Pty(p) => p.foreground(),
            Backend::Channel(_) | Backend::Bridge(_) => None,
        }
    }

    /// Whether a shell edits a line just now, as far as that can be told.
    pub fn is_at_prompt(&self) -> bool {
        match self {
            Backend::Pty(p) => p.is_at_prompt(),
            Backend::Channel(_) | Backend::Bridge(_) => false,
        }
    }

    /// A channel and a bridge know one signal: HUP and KILL close them, and the host hangs up on what runs there.
    pub fn signal(&self, signal: Signal) {
        match self {
            Backend::Pty(p) => p.signal(signal),
            Backend::Channel(c) if signal == Signal::HUP || signal == Signal::KILL => c.close(),
            Backend::Bridge(b) if signal == Signal::HUP || signal == Signal::KILL => b.close(),
            Backend::Channel(_) | Backend::Bridge(_) => {}
        }
    }

    /// How it ended, once it has.
    pub fn reap(&self) -> Option<End> {
        match self {
            Backend::Pty(p) => {
                let (code, signal) = p.reap()?;
                Some(End { code: Some(code), cause: signal.map(|s| format!("ended by {s}")) })
            }
            Backend::Channel(c) => c.bridge().reap(),
            Backend::Bridge(b) => b.reap(),
        }
    }
}
