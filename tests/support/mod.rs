//! Owns what tests from outside need: a home of their own, the binary run in it, a terminal to run it in, a network
//! that fails. Leaves out what is tested. Include it by `#[path]`.
#![allow(dead_code, unused_imports)]

pub mod agent;
pub mod cable;
pub mod engine;
pub mod home;
pub mod network;
pub mod podman;
pub mod proxy;
pub mod serial;
pub mod sshd;
pub mod systemd;
pub mod there;
pub mod tty;

pub use agent::Agent;
pub use home::{Home, Output};
pub use tty::Tty;

use std::time::{Duration, Instant};

pub const THUB: &str = env!("CARGO_BIN_EXE_thub");

/// How long an event is waited for before the test has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a count is done: `n`, times THUB_TEST_SCALE.
pub fn scale(n: usize) -> usize {
    let factor = std::env::var("THUB_TEST_SCALE").ok().and_then(|s| s.parse::<usize>().ok()).unwrap_or(1);
    n * factor.max(1)
}

/// Waits until `found` gives something; `what` says what was waited for.
#[track_caller]
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(t) = found() {
            return t;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Says that a real part is missing; with THUB_TEST_REAL=all that is a failure.
pub fn skip(what: &str) {
    assert_ne!(std::env::var("THUB_TEST_REAL").as_deref(), Ok("all"), "no {what}");
    println!("skipped: no {what}");
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Numbers without a crate: enough to cut at places nobody chose. The seed is printed by who makes it.
pub struct Dice(u64);

impl Dice {
    pub fn new() -> Dice {
        let seed = std::env::var("THUB_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            now.as_nanos() as u64
        });
        println!("THUB_TEST_SEED={seed}");
        Dice(seed | 1)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % n.max(1)
    }
}

/// Pids of processes of which `found` holds, given their environment.
pub fn processes(found: impl Fn(&[u8]) -> bool) -> Vec<i32> {
    let Ok(all) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = all.flatten().filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|p| std::fs::read(format!("/proc/{p}/environ")).is_ok_and(|e| found(&e))).collect()
}

/// Pids with this variable in their environment.
pub fn with_variable(name: &str, value: &std::path::Path) -> Vec<i32> {
    let wanted = format!("{name}={}", value.display()).into_bytes();
    processes(|e| e.split(|b| *b == 0).any(|v| v == wanted))
}

/// The words a process was started with.
pub fn words(pid: i32) -> Vec<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|b| *b == 0).map(|w| String::from_utf8_lossy(w).into_owned()).collect()
}

/// One letter, as /proc has it; 'x' = gone.
pub fn state_of(pid: i32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('x')
}

pub fn signal(pid: i32, signal: rustix::process::Signal) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Children of a process, dead ones not yet waited for included.
pub fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks.flatten().filter_map(|t| std::fs::read_to_string(t.path().join("children")).ok());
    lists.flat_map(|l| l.split_whitespace().filter_map(|p| p.parse().ok()).collect::<Vec<i32>>()).collect()
}
