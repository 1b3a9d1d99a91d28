//! Owns what a process that has nothing to do costs little with: [`Beat`], [`OwnPages`]. Leaves out what is done on a beat.

#[cfg(target_os = "linux")]
use super::async_fd;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;
#[cfg(target_os = "linux")]
use tokio::io::{Interest, unix::AsyncFd};

/// A timer of the kernel (timerfd_create(2)), monotonic.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(super) struct Timer(AsyncFd<OwnedFd>);

#[cfg(target_os = "linux")]
impl Timer {
    /// Set to nothing; made inside a runtime with I/O.
    pub(super) fn new() -> io::Result<Timer> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        Ok(Timer(async_fd(fd, Interest::READABLE).map_err(|(_, e)| e)?))
    }

    /// It strikes after `first`, and then each time after `every`, if that is not zero. What it was set to is over.
    pub(super) fn set(&self, first: Duration, every: Duration) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let spec = |d: Duration| Timespec { tv_sec: d.as_secs() as i64, tv_nsec: d.subsec_nanos().into() };
        // (zero would take it back)
        let times = Itimerspec { it_interval: spec(every), it_value: spec(first.max(Duration::from_nanos(1))) };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &times)?;
        Ok(())
    }

    /// Returns when it has struck. Cancel-safe.
    pub(super) async fn struck(&mut self) {
        loop {
            let Ok(mut ready) = self.0.readable().await else { return std::future::pending().await };
            let mut count = [0u8; 8];
            if ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut count)?)).is_ok() {
                return;
            }
        }
    }
}

/// A beat that wakes the process exactly once each time: a runtime's timer wheel wakes more often to sort itself.
pub struct Beat {
    #[cfg(target_os = "linux")]
    timer: Timer,
    #[cfg(not(target_os = "linux"))]
    every: tokio::time::Interval,
}

impl Beat {
    /// The first beat comes after `first`.
    pub fn new(first: Duration, every: Duration) -> io::Result<Beat> {
        #[cfg(target_os = "linux")]
        {
            let timer = Timer::new()?;
            timer.set(first, every)?;
            Ok(Beat { timer })
        }
        #[cfg(not(target_os = "linux"))]
        Ok(Beat { every: tokio::time::interval_at(tokio::time::Instant::now() + first, every) })
    }

    /// The next beat. Cancel-safe.
    pub async fn next(&mut self) {
        #[cfg(target_os = "linux")]
        self.timer.struck().await;
        #[cfg(not(target_os = "linux"))]
        self.every.tick().await;
    }
}

/// The pages of this program's own code and constants. A process that has nothing to do gives them back: those in use
/// are mapped again as they are touched. What lives for weeks and does little should weigh little.
#[derive(Default)]
pub struct OwnPages {
    /// From, to. The program's file stays mapped where it is as long as the process lives.
    ranges: Vec<(usize, usize)>,
}

impl OwnPages {
    /// Looks them up; none where the system does not say.
    pub fn find() -> OwnPages {
        let mut found = OwnPages::default();
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        let exe = std::fs::read_link("/proc/self/exe").unwrap_or_default();
        let mut mapping = None;
        for line in smaps.lines() {
            let mut words = line.split_ascii_whitespace();
            match (words.next(), words.next()) {
                (Some(range), Some(rights)) if ends(range).is_some() => {
                    let ours = line.splitn(6, ' ').last().is_some_and(|path| Path::new(path.trim_start()) == exe);
                    mapping = ends(range).filter(|_| ours && matches!(rights, "r-xp" | "r--p"));
                }
                // constants that were relocated have pages of their own: those must stay
                (Some("Anonymous:"), Some("0")) => found.ranges.extend(mapping.take()),
                _ => {}
            }
        }
        found
    }

    pub fn give_back(&self) {
        #[cfg(target_os = "linux")]
        for &(from, to) in &self.ranges {
            // SAFETY: a private mapping of the program's file, not writable and with no page of its own, holds nothing
            // but the file's bytes, and is never unmapped: what is dropped is read again from it
            unsafe { libc::madvise(from as *mut libc::c_void, to.saturating_sub(from), libc::MADV_DONTNEED) };
        }
    }
}

/// `from-to` in hexadecimal, as a line of smaps begins.
fn ends(range: &str) -> Option<(usize, usize)> {
    let (from, to) = range.split_once('-')?;
    Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
}
