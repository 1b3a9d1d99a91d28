//! Owns the SSH connection: made when somebody wants it, by one at a time, made anew when it was lost and is wanted again.
//! Leaves out what flows over it.

use super::ask::Newest;
use crate::failure::{Failure, Kind};
use crate::link::locked;
use crate::proto::control::{TargetInfo, Told};
use crate::proto::spawn::TargetSpec;
use crate::sys;
use crate::text::escape;
use crate::transport::ask::Ask;
use crate::transport::ssh::{self, Beside, Ssh};
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
        let (spec, asks) = (self.spec.clone(), self.asks.clone());
        self.attempt(async move {
            let file = spec.ssh_config.clone().map(|p| PathBuf::from(OsString::from_vec(p)));
            let ask: Arc<dyn Ask> = asks;
            let home = || sys::passwd().map(|p| p.home).or_else(|| std::env::var_os("HOME").map(PathBuf::from));
            let key_file = spec.key_path.clone().map(|path| match path.strip_prefix("~/") {
                Some(rest) => home().unwrap_or_else(|| PathBuf::from("/")).join(rest),
                None => PathBuf::from(path),
            });
            let (jump, forward_agent, x11) = (spec.proxy_jump.clone(), spec.forward_agent, spec.x11);
            let beside = Beside { key_file, jump, forward_agent, x11 };
            ssh::connect_patiently(&spec.dest, file.as_deref(), ask, beside).await
        });
    }

    /// Connects on a task of its own, and follows the connection to its end.
    fn attempt(&self, connecting: impl Future<Output = Result<Ssh, Failure>> + Send + 'static) {
        let (state, open) = (self.state.clone(), Attempt(self.state.clone()));
        tokio::spawn(async move {
            let connected = connecting.await;
            let ssh = match connected {
                Ok(ssh) => ssh,
                Err(failure) => {
                    state.send_replace(State::Down(tell(&failure)));
                    return;
                }
            };
            state.send_replace(State::Up(ssh.clone()));
            // from here on another attempt may be under way
            drop(open);
            ssh.closed().await;
            let why = tell(&ssh.lost());
            drop(ssh);
            state.send_if_modified(|s| {
                let mine = matches!(s, State::Up(ssh) if ssh.is_closed());
                if mine {
                    *s = State::Down(why);
                }
                mine
            });
        });
    }

    /// The next connection that stands; the one that stands now, where there is one.
    pub async fn up(&self) -> Ssh {
        let mut state = self.state.subscribe();
        loop {
            if let State::Up(ssh) = &*state.borrow_and_update()
                && !ssh.is_closed()
            {
                return ssh.clone();
            }
            // (the sender is ours)
            if state.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
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
        TargetInfo { host, state: state.into(), channels, pid: std::process::id(), failure, chosen: false }
    }
}

/// An attempt to connect. One that comes to its end without a word (it panicked) is over all the same: whoever waits
/// for it hears so, and the next one may begin.
struct Attempt(watch::Sender<State>);

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.send_if_modified(|s| {
            let open = matches!(s, State::Connecting);
            if open {
                let what = "connecting broke off inside thub";
                *s = State::Down(tell(&Failure::new(Kind::Internal, what, "try again; if it stays so, report it")));
            }
            open
        });
    }
}

/// The sentence of a failure and what to do next, in one.
pub fn words(failure: &Failure) -> String {
    match failure.hints.first() {
        Some(hint) => format!("{}; {hint}", failure.what),
        None => failure.what.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn an_attempt_that_panics_is_over() {
        let hold = Hold::new(TargetSpec::default(), Arc::default());
        hold.state.send_replace(State::Connecting);
        hold.attempt(async { panic!("a slip in connecting") });
        let told = tokio::time::timeout(std::time::Duration::from_secs(10), hold.get()).await.expect("an answer");
        assert_eq!(told.err().unwrap().kind, "internal");
        assert_eq!(hold.info(0).state, "lost");
    }
}
