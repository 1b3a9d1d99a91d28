//! Owns what a loop runs on: its task ([`as_task`]) and its one timer ([`Clock`]). Leaves out what is due when.

#[cfg(target_os = "linux")]
use super::idle::Timer;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// Armed for a time as near as this that is not wanted any more, it is set anew; else it wakes once too early.
const SOON: Duration = Duration::from_millis(5);

/// Wakes no later than it was aimed at last. Times that move on, as they do with each key, are not set anew each time:
/// then it wakes once too early, and is aimed again.
///
/// A timer of the kernel's own where there is one: a runtime whose next timer comes sooner than it knew writes to itself to
/// be woken, which for each key is a call and an event more.
#[derive(Debug)]
pub struct Clock {
    #[cfg(target_os = "linux")]
    timer: Option<Timer>,
    sleep: Pin<Box<Sleep>>,
    armed: Option<Instant>,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

impl Clock {
    /// Made inside a runtime with timers and I/O.
    pub fn new() -> Clock {
        Clock {
            #[cfg(target_os = "linux")]
            timer: Timer::new().ok(),
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            armed: None,
        }
    }

    /// [`Clock::struck`] comes no later than this.
    pub fn aim(&mut self, at: Option<Instant>) {
        let Some(at) = at else { return };
        let now = Instant::now();
        if self.armed.is_none_or(|armed| at < armed || (armed < at && armed < now + SOON)) {
            self.armed = Some(at);
            #[cfg(target_os = "linux")]
            if let Some(timer) = &self.timer {
                if timer.set(at.saturating_duration_since(now), Duration::ZERO).is_ok() {
                    return;
                }
                self.timer = None;
            }
            self.sleep.as_mut().reset(at.into());
        }
    }

    /// Returns then, once; never if it was aimed at nothing. Cancel-safe.
    pub async fn struck(&mut self) {
        if self.armed.is_none() {
            return std::future::pending().await;
        }
        #[cfg(target_os = "linux")]
        if let Some(timer) = &mut self.timer {
            timer.struck().await;
            self.armed = None;
            return;
        }
        poll_fn(|cx| self.sleep.as_mut().poll(cx)).await;
        self.armed = None;
    }
}

/// Runs a loop as a task. What a runtime is started with is looked at only after it has asked the kernel for what else
/// happened: a task has its turn at once. A panic goes on here.
pub async fn as_task<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(future).await {
        Ok(done) => done,
        Err(e) => match e.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // the runtime ends, and this with it
            Err(_) => std::future::pending().await,
        },
    }
}

/// Whether the time has come: then it is over.
pub fn is_due(at: &mut Option<Instant>, now: Instant) -> bool {
    at.take_if(|at| *at <= now).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn it_strikes_at_the_earliest_and_may_be_aimed_again() {
        let start = Instant::now();
        let at = |ms| Some(start + Duration::from_millis(ms));
        let mut clock = Clock::new();
        let nothing = tokio::time::timeout(Duration::from_millis(10), clock.struck());
        assert!(nothing.await.is_err(), "aimed at nothing");
        let never = at(3_600_000);
        clock.aim(never);
        // (far enough that a busy machine comes to the next line before it is near: then it would be aimed anew)
        clock.aim(at(500));
        clock.aim(never);
        clock.aim(None);
        clock.struck().await;
        assert!(start.elapsed() >= Duration::from_millis(500));
        clock.aim(at(550));
        clock.struck().await;
        assert!(start.elapsed() >= Duration::from_millis(550));
        // near, and not wanted any more
        let begun = Instant::now();
        clock.aim(Some(begun + Duration::from_millis(1)));
        clock.aim(Some(begun + Duration::from_millis(30)));
        clock.struck().await;
        assert!(begun.elapsed() >= Duration::from_millis(30));
        let mut due = at(50);
        assert!(!is_due(&mut due, start));
        assert!(is_due(&mut due, Instant::now()) && due.is_none() && !is_due(&mut due, Instant::now()));
    }
}
