//! Owns what the processes of the soak cost: how it is looked up, and how much is too much.

use super::programs::{HISTORY, RING, TYPED};
use std::time::Duration;

/// What a process has.
#[derive(Clone, Copy, Default, Debug)]
pub struct Has {
    /// Memory that is its own and no file's, in KiB (proc(5), smaps_rollup), and all that is mapped.
    pub anonymous: u64,
    pub resident: u64,
    pub files: usize,
    pub threads: usize,
}

pub fn has(pid: i32) -> Has {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let field = |name: &str| {
        let value = rollup.lines().find_map(|l| l.strip_prefix(name))?;
        value.split_whitespace().next()?.parse().ok()
    };
    let count = |what: &str| std::fs::read_dir(format!("/proc/{pid}/{what}")).map_or(0, Iterator::count);
    Has {
        anonymous: field("Anonymous:").unwrap_or(0),
        resident: field("Rss:").unwrap_or(0),
        files: count("fd"),
        threads: count("task"),
    }
}

impl Has {
    pub fn most(self, other: Has) -> Has {
        Has {
            anonymous: self.anonymous.max(other.anonymous),
            resident: self.resident.max(other.resident),
            files: self.files.max(other.files),
            threads: self.threads.max(other.threads),
        }
    }
}

/// Processor time it used so far, threads that ended included (proc(5), stat: utime and stime).
pub fn processor(pid: i32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    let ticks: u64 = fields.skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    let second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Duration::from_secs_f64(ticks as f64 / second as f64)
}

/// What a process may have more at the end than after the first part of the run, in KiB. Nothing of what flows is kept but
/// rings and histories: a leak of a thousandth of it would be more than this in an hour, one of a page a connection as well.
pub fn margin(name: &str) -> u64 {
    match name {
        // (5 MiB in all: ten panes' grids, a dial's buffers and a handshake come and go, with pages between them)
        "client" => 3 << 10,
        "agent" => 1 << 10,
        // all that is typed is kept: 60 bytes a line with its echo, five lines a second
        name if TYPED.iter().any(|t| t.0 == name) => 4 << 10,
        // those that print little have a ring and a history to fill: half a MiB where both are full
        _ => (RING as u64 >> 10) + (HISTORY as u64 / 2),
    }
}

/// Of a quiet second, a process may have so much of a processor: what is asked, drawn and looked at every few seconds.
pub const QUIET: f64 = 0.02;

/// The same of a hole longer than this, for who is at its ends: lines are typed and shown, the link is asked and dialed.
pub const IN_HOLES: f64 = 0.1;
pub const HOLE: Duration = Duration::from_secs(2);
