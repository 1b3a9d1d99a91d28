//! Owns the SSH connection: made when somebody wants it, by one at a time, made anew when it was lost and is wanted again.
//! Leaves out what flows over it.

use super::ask::Newest;
use crate::failure::Failure;
use crate::link::locked;
use crate::proto::control::{TargetInfo, Told};
use crate::proto::spawn::TargetSpec;
use crate::text::escape;
use crate::transport::ask::Ask;
use crate::transport::ssh::{self, Ssh};
use crate::transport::told::tell;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

#[derive(Clone)]
enum State {
    Idle,
    Connecting,
    Up(Ssh),
    Down(Told),
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Hold {
    spec: Arc<TargetSpec>,
    asks: Arc<Newest>,
    state: watch::Sender<State>,
    /// Held while somebody looks whether to connect: never over an await.
    starting: Arc<Mutex<()>>,
}

impl Hold {
    pub fn new(spec: TargetSpec, asks: Arc<Newest>) -> Hold {
        Hold { spec: Arc::new(spec), asks, state: watch::Sender::new(State::Idle), starting: Arc::default() }
    }

    /// The connection, made first where there is none.
    pub async fn get(&self) -> Result<Ssh, Told> {
        let mut state = self.state.subscribe();
        self.start();
        loop {
            match state.borrow_and_update().clone() {
                State::Up(ssh) => return Ok(ssh),
                State::Down(why) => return Err(why),
                State::Idle | State::Connecting => {}
            }
            if state.changed().await.is_err() {
                return Err(Told::default());
            }
        }
    }

    /// Starts connecting unless that is done or under way.
    fn start(&self) {
        let _one = locked(&self.starting);
        match &*self.state.borrow() {
            State::Connecting => return,
            State::Up(ssh) if !ssh.is_closed() => return,
            _ => {}
        }
        self.state.send_replace(State::Connecting);
        let hold = self.clone();
        tokio::spawn(async move {
            let file = hold.spec.ssh_config.clone().map(|p| PathBuf::from(OsString::from_vec(p)));
            let ask: Arc<dyn Ask> = hold.asks.clone();
            match ssh::connect(&hold.spec.dest, file.as_deref(), ask).await {
                Ok(ssh) => {
                    hold.state.send_replace(State::Up(ssh.clone()));
                    ssh.closed().await;
                    let why = tell(&ssh.lost());
                    drop(ssh);
                    hold.state.send_if_modified(|s| {
                        let mine = matches!(s, State::Up(ssh) if ssh.is_closed());
                        if mine {
                            *s = State::Down(why);
                        }
                        mine
                    });
                }
                Err(failure) => {
                    hold.state.send_replace(State::Down(tell(&failure)));
                }
            }
        });
    }

    /// Says goodbye to the host: every channel ends.
    pub async fn close(&self) {
        let ssh = match &*self.state.borrow() {
            State::Up(ssh) => Some(ssh.clone()),
            _ => None,
        };
        if let Some(ssh) = ssh {
            ssh.close().await;
        }
    }

    /// How it stands; the channels are counted by who has them.
    pub fn info(&self, channels: u32) -> TargetInfo {
        let (host, state, failure) = match &*self.state.borrow() {
            State::Idle => (escape(&self.spec.dest), "idle", None),
            State::Connecting if self.asks.is_waiting() => (escape(&self.spec.dest), "waiting", None),
            State::Connecting => (escape(&self.spec.dest), "connecting", None),
            State::Up(ssh) if ssh.is_closed() => (ssh.name(), "lost", Some(tell(&ssh.lost()))),
            State::Up(ssh) => (ssh.name(), "connected", None),
            State::Down(why) => (escape(&self.spec.dest), "lost", Some(why.clone())),
        };
        TargetInfo { host, state: state.into(), channels, pid: std::process::id(), failure }
    }
}

/// The sentence of a failure and what to do next, in one.
pub fn words(failure: &Failure) -> String {
    match failure.hints.first() {
        Some(hint) => format!("{}; {hint}", failure.what),
        None => failure.what.clone(),
    }
}
