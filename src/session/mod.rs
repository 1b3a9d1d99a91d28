//! A session process: owns one program's terminal, its ring, its screen and whoever watches. It is the only thing
//! that must not die. Leaves out how anybody finds it: that is the run dir's matter.
//!
//! # Layout
//! - `mod.rs`   the process, and what a session holds
//! - `start.rs`  name, shell, environment, place in the run dir
//! - `run.rs`   the one select loop, and the end
//! - `output.rs`  what the program says, and who is told
//! - `encoding.rs`  a program that writes something else than UTF-8
//! - `input.rs`  what clients' streams bring
//! - `calls.rs`  the calls it answers
//! - `attach.rs`  who shows it, and at what size
//! - `search.rs`  searches on their way, a batch at a time
//! - `marks.rs`  what the shell marks, as it is told
//! - `clients.rs`  credit, screens, sizes, input positions
//! - `ring.rs`  raw output by offset

mod attach;
mod calls;
mod clients;
mod encoding;
mod input;
mod lent;
mod marks;
mod output;
pub mod ring;
mod run;
mod search;
mod start;

use crate::backend::Backend;
use crate::failure::Failure;
use crate::link::conn::Outbox;
use crate::paths::Paths;
use crate::proto::control::{Fault, SessionInfo};
use crate::proto::ids::{Offset, SessionId, Size};
use crate::proto::notice::SessionExited;
use crate::proto::spawn::{Spec, Started};
use crate::store::rundir::{Held, Record, RunDir};
use crate::sys;
use crate::term::engine::Engine;
use crate::term::screen::Colors;
use clients::{Applied, Conn, Policy};
use lent::Lent;
use marks::Commands;
use ring::Ring;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Input held for a program that does not read: 256 KiB. Its limit is the back-pressure on who types.
const QUEUE: usize = 256 << 10;
/// Who is about to take a name is waited for so long.
const NAMES: Duration = Duration::from_secs(5);

/// `thub session --id ID`: starts a session in a process of its own and returns once it stands.
/// To be called while this process has one thread.
pub fn main(id: &str) -> Result<(), Failure> {
    let id: SessionId = id.parse().map_err(|e| Failure::usage(format!("{e}"), "sessions are started by `thub new`"))?;
    // a lock or a pipe of whoever started us would be held for as long as the session lives
    // SAFETY: nothing has been opened yet.
    unsafe { sys::close_from(3) };
    let mut json = Vec::new();
    io::stdin().take(1 << 20).read_to_end(&mut json)?;
    let spec: Spec = serde_json::from_slice(&json)
        .map_err(|e| Failure::usage(format!("no session is described on standard input: {e}"), "use `thub new`"))?;
    // the parent returns to whoever started us, so that this process is nobody's child and leaves no zombie
    // SAFETY: this process has one thread.
    match unsafe { sys::fork() }? {
        sys::Fork::Parent { .. } => {
            // the child holds the other copy of standard output; who started us reads it to its end
            return Ok(());
        }
        sys::Fork::Child => {}
    }
    let report = |result: Result<SessionInfo, Fault>| {
        let json = serde_json::to_vec(&Started { result }).unwrap_or_default();
        let _ = io::stdout().write_all(&json);
        let _ = io::stdout().flush();
    };
    // (threads are there for searches alone, and none before the program is started)
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().thread_keep_alive(Duration::from_secs(1)).build()?;
    match Session::start(id, spec, &runtime) {
        Ok((session, listener)) => {
            report(Ok(session.info()));
            sys::detach_stdio();
            runtime.block_on(sys::as_task(session.run(listener)));
            // a search that still runs is nobody's any more
            runtime.shutdown_background();
        }
        Err(fault) => report(Err(fault)),
    }
    Ok(())
}

fn internal(what: &str) -> impl Fn(io::Error) -> Fault + '_ {
    move |e| Fault::new(Fault::INTERNAL, format!("{what}: {e}"))
}

struct Session {
    id: SessionId,
    record: Record,
    paths: Paths,
    run: RunDir,
    held: Held,
    pty: Backend,
    ring: Ring,
    engine: Engine,
    /// Input on its way to the program, from `queued` on.
    queue: Vec<u8>,
    queued: usize,
    conns: HashMap<u64, Conn>,
    applied: Applied,
    size: Size,
    policy: Policy,
    /// Searches so far.
    searched: u64,
    /// How long the shell's commands take, as it marks them.
    commands: Commands,
    time: sys::Steady,
    /// When it began, by [`sys::boot_ms`].
    began_ms: u64,
    /// Set by `session.resize`: clients' wishes rest until one of them resizes.
    pinned: bool,
    /// Another number for each size it has had, and for each process it was.
    resizes: u64,
    flags: u8,
    bells: u64,
    activity: u64,
    ended: Option<SessionExited>,
    /// Ended on a person's word: leaves no record.
    killed: bool,
    kill_at: Option<Instant>,
    /// When clients are told what was taken of their input, if no output took it along.
    acks_at: Option<Instant>,
    closing: Vec<(Outbox, u64)>,
    /// The screen as it was said last, in each revision that is spoken.
    snapshot: Vec<Snapshot>,
    /// Those of the terminal that shows it, which its program may ask for.
    colors: Colors,
    /// The process group in the foreground when it was last looked at.
    foreground: Option<rustix::process::Pid>,
    lent: Lent,
    encoding: Option<encoding::Encoding>,
}

/// A screen as of an offset and size.
struct Snapshot {
    at: Offset,
    resizes: u64,
    revision: u32,
    bytes: Arc<Vec<u8>>,
}
