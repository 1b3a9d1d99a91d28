//! A target process: one for each user and SSH target, on the machine that reaches it. It holds the SSH connection to a
//! host without an agent, serves channels of it on a unix socket, and asks a person through whoever is connected to that
//! socket. Leaves out what a channel's bytes are: sessions know that.
//!
//! # Layout
//! - `mod.rs`      the process: how it starts
//! - `run.rs`      its socket, its calls, and when it ends
//! - `hold.rs`     the SSH connection: made when wanted, by one at a time
//! - `lent.rs`     ssh-agent and display of the client that asked last
//! - `links.rs`    which clients are connected
//! - `pulse.rs`    whether the host is heard, told to who looks
//! - `ask.rs`      questions to the newest client that can be asked
//! - `channel.rs`  one channel: bytes both ways, within credit

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

mod ask;
mod channel;
mod hold;
mod lent;
mod links;
mod pulse;
mod run;

use crate::failure::Failure;
use crate::paths::Paths;
use crate::proto::control::{Fault, TargetInfo};
use crate::proto::ids::TargetId;
use crate::proto::spawn::{TargetSpec, TargetStarted};
use crate::store::rundir::RunDir;
use crate::store::target::Seat;
use crate::sys;
use lent::Lent;
use std::io::{self, Read, Write};

/// `thub target --id ID`: starts a target process and returns once its socket stands, or once it is clear that another
/// one has its place. To be called while this process has one thread.
pub fn main(id: &str) -> Result<(), Failure> {
    let id: TargetId =
        id.parse().map_err(|e| Failure::usage(format!("{e}"), "target processes are started by thub itself"))?;
    // SAFETY: nothing has been opened yet.
    unsafe { sys::close_from(3) };
    let mut json = Vec::new();
    io::stdin().take(1 << 20).read_to_end(&mut json)?;
    let spec: TargetSpec = serde_json::from_slice(&json).map_err(|e| {
        Failure::usage(format!("no target is described on standard input: {e}"), "use `thub new -H HOST --no-agent`")
    })?;
    // the parent returns to whoever started us: this process is nobody's child, and outlives them
    // SAFETY: this process has one thread.
    if let sys::Fork::Parent { .. } = unsafe { sys::fork() }? {
        return Ok(());
    }
    sys::own::stand_alone();
    // where that outlives a logout; else it stays where it is
    let _ = sys::logout::own_scope(id.as_str());
    // keys and answers are held here: no dump, no file for others
    sys::take_care();
    let report = |result: Result<TargetInfo, Fault>| {
        let json = serde_json::to_vec(&TargetStarted { result }).unwrap_or_default();
        let _ = io::stdout().write_all(&json);
        let _ = io::stdout().flush();
    };
    let (paths, run, seat, listener) = match stand(&id, &spec) {
        Ok(Some(stands)) => stands,
        // somebody else was first: that one serves
        Ok(None) => {
            report(Ok(TargetInfo { host: spec.dest, ..TargetInfo::default() }));
            return Ok(());
        }
        Err(failure) => {
            report(Err(Fault::new(Fault::INTERNAL, failure.what)));
            return Ok(());
        }
    };
    report(Ok(TargetInfo { host: spec.dest.clone(), pid: std::process::id(), ..TargetInfo::default() }));
    sys::detach_stdio();
    let starters = sys::auth_sock();
    if let Some(path) = lent::variable(&run, &id) {
        // SAFETY: this process has one thread.
        unsafe { std::env::set_var("SSH_AUTH_SOCK", path) };
    }
    let lent = Lent::new(id, paths.clone(), starters);
    crate::log::start(&paths);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run::run(spec, paths, run, seat, lent, listener));
    runtime.shutdown_background();
    Ok(())
}

type Stands = (Paths, RunDir, Seat, std::os::unix::net::UnixListener);

/// Its place in the run dir; none = another one has it.
fn stand(id: &TargetId, spec: &TargetSpec) -> Result<Option<Stands>, Failure> {
    let paths = Paths::from_env()?;
    let run = RunDir::open(&paths)?;
    let Some(seat) = Seat::take(&run, id, &spec.dest)? else { return Ok(None) };
    let listener = seat.bind(&run)?;
    Ok(Some((paths, run, seat, listener)))
}
