//! Owns what differs between systems, and the calls that need `unsafe`: one noun a file. Leaves out any policy: what to do
//! with it is its callers' matter.
//!
//! - `who` user and machine · `process` names, signals, limits · `own` processes of thub's own · `listening` ports
//! - `stream` descriptors as streams · `quiet` a terminal asked on · `x11` cookies · `time` times as text · `wipe` freed memory
//! - `tcp` what TCP knows of a connection
//! - `clock` a loop's task and timer · `idle` what costs nothing meanwhile · `wake` that the network may be another · `logout` what it does, over `dbus`

mod clock;
mod dbus;
mod idle;
pub mod listening;
pub mod logout;
pub mod own;
mod process;
mod quiet;
mod stream;
pub mod tcp;
mod time;
pub mod wake;
mod who;
mod wipe;
pub mod x11;

pub use clock::{Clock, as_task, is_due};
pub use idle::*;
pub use process::*;
pub use quiet::*;
pub use stream::*;
pub use tcp::{Tcp, is_stranded, tcp};
pub use time::*;
pub use who::*;
pub use wipe::{Allocator, Wiping, wipe_stack};

use std::path::PathBuf;

/// A named event that a test may wait for: where `$THUB_TEST_STOP` is a directory with a file of that name, one process
/// that comes by takes the file (it becomes `NAME.PID`) and stops (SIGSTOP) until somebody lets it go on. What is killed
/// then is killed at that very point and at no other. Nothing but a look at a variable otherwise.
pub fn test_point(name: &str) {
    static DIR: std::sync::OnceLock<Option<PathBuf>> = std::sync::OnceLock::new();
    let Some(dir) = DIR.get_or_init(|| std::env::var_os("THUB_TEST_STOP").map(PathBuf::from)) else { return };
    let me = rustix::process::getpid();
    if std::fs::rename(dir.join(name), dir.join(format!("{name}.{}", me.as_raw_nonzero()))).is_ok() {
        let _ = rustix::process::kill_process(me, rustix::process::Signal::STOP);
    }
}
