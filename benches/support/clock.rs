//! Owns what a piece of work cost this thread and this process. Leaves out the work.
#![allow(dead_code)]

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Time this thread has been running on a processor: what other programs do meanwhile does not count.
pub fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Bytes of memory this process has resident (Linux; 0 elsewhere).
pub fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}
