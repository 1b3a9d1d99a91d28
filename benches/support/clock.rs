//! Owns what a piece of work cost this thread and this process. Leaves out the work.
#![allow(dead_code)]

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Time this thread has been running on a processor: what other programs do meanwhile does not count.
pub fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// A thread whose processor time others can read.
#[derive(Clone, Copy)]
pub struct Thread(Option<i32>);

/// The one that asks.
pub fn this_thread() -> Thread {
    #[cfg(target_os = "linux")]
    return Thread(Some(rustix::thread::gettid().as_raw_nonzero().get()));
    #[cfg(not(target_os = "linux"))]
    Thread(None)
}

impl Thread {
    /// As [`cpu`] there; `None` where no other thread can see it.
    pub fn cpu(self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{}/schedstat", self.0?)).ok()?;
        stat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    }
}

/// Bytes of memory this process has resident (Linux; 0 elsewhere).
pub fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}
