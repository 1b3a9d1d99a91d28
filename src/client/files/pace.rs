//! Owns how much of files may be on its way over a link, either way: what the network holds in a queue is in the way of
//! every key. Measured by [`FileCredit`], and shared by all that is copied. Leaves out the bytes.

use crate::link::credit::NEAR;
use crate::link::credit::files::FileCredit;
use crate::link::{Link, locked};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What goes at once: a burst that fills a router's queue is in the way of keys, or lost, however little is on its way in all.
const BURST: Duration = Duration::from_millis(5);
/// No less than this, bytes.
const LEAST: u64 = 4 << 10;
/// A stream on which nothing went for so long (a list of what is copied next) takes nothing from the others.
const IDLE: Duration = Duration::from_secs(1);
/// A link is filled by going a little faster than a window in each round trip.
const FASTER: f64 = 1.25;

/// Towards us, or from us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Down,
    Up,
}

struct Lane {
    credit: FileCredit,
    /// Its streams, and when something went on each last.
    streams: HashMap<u64, Instant>,
    /// What was sent so far is on its way by then, at the link's pace.
    busy: Option<Instant>,
}

impl Lane {
    /// Bytes a second; none where a burst is in nobody's way: the way is short, or not measured yet.
    fn rate(&self) -> Option<f64> {
        let min_rtt = self.credit.min_rtt().filter(|min_rtt| *min_rtt > NEAR)?;
        Some(FASTER * self.credit.window() as f64 / min_rtt.as_secs_f64())
    }

    /// What one of its streams may have on its way: they share alike, those aside on which nothing goes.
    fn share(&self, stream: u64, now: Instant) -> u64 {
        let is_busy = |(of, at): &(&u64, &Instant)| **of != stream && now.saturating_duration_since(**at) < IDLE;
        self.credit.window() / (self.streams.iter().filter(is_busy).count() as u64 + 1)
    }

    fn sent(&mut self, bytes: usize, now: Instant) {
        let Some(rate) = self.rate() else { return self.busy = None };
        let from = self.busy.filter(|busy| *busy > now).unwrap_or(now);
        self.busy = Some(from + Duration::from_secs_f64(bytes as f64 / rate));
    }

    /// How much may go at once, and when.
    fn turn(&self, now: Instant) -> (u64, Option<Instant>) {
        let Some(rate) = self.rate() else { return (u64::MAX, None) };
        let most = (rate * BURST.as_secs_f64()) as u64;
        (most.max(LEAST), self.busy.and_then(|busy| busy.checked_sub(BURST)).filter(|at| *at > now))
    }
}

struct State {
    down: Lane,
    up: Lane,
    /// The answer that was looked at last.
    looked: Option<Instant>,
    /// The next stream's.
    number: u64,
}

impl State {
    fn lane(&mut self, way: Way) -> &mut Lane {
        match way {
            Way::Down => &mut self.down,
            Way::Up => &mut self.up,
        }
    }
}

/// Of one link; cheap to clone. One that is within this machine has no pace.
#[derive(Clone)]
pub struct Pace(Option<Arc<Mutex<State>>>);

impl Pace {
    pub fn new(far: bool) -> Pace {
        let lane = |credit| Lane { credit, streams: HashMap::new(), busy: None };
        let state = || State { down: lane(FileCredit::down()), up: lane(FileCredit::up()), looked: None, number: 0 };
        Pace(far.then(|| Arc::new(Mutex::new(state()))))
    }

    /// One more stream, as long as it lives.
    pub fn join(&self, way: Way) -> Share {
        let mut number = 0;
        if let Some(state) = &self.0 {
            let mut state = locked(state);
            number = state.number;
            state.number += 1;
            state.lane(way).streams.insert(number, Instant::now());
        }
        Share { pace: self.clone(), way, number }
    }
}

/// A stream's share of a link.
pub struct Share {
    pace: Pace,
    way: Way,
    number: u64,
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(state) = &self.pace.0 {
            locked(state).lane(self.way).streams.remove(&self.number);
        }
    }
}

impl Share {
    /// So many bytes set out.
    pub fn sent(&self, bytes: usize) {
        if let Some(state) = &self.pace.0 {
            locked(state).lane(self.way).sent(bytes, Instant::now());
        }
    }

    /// So many bytes got there. How long round trips take meanwhile is asked and looked at now and then.
    pub fn moved(&self, bytes: usize, link: &Link) {
        let Some(state) = &self.pace.0 else { return };
        let mut state = locked(state);
        let now = Instant::now();
        if let Some((at, rtt)) = link.answered()
            && state.looked.is_none_or(|looked| looked < at)
        {
            state.looked = Some(at);
            state.down.credit.round(rtt, now);
            state.up.credit.round(rtt, now);
        }
        let lane = state.lane(self.way);
        lane.streams.insert(self.number, now);
        let credit = &mut lane.credit;
        credit.arrived(bytes);
        if credit.asks(now) {
            link.ping();
        }
    }

    /// How many bytes may be sent at once, and when, if that is not now.
    pub fn turn(&self) -> (u64, Option<Instant>) {
        let Some(state) = &self.pace.0 else { return (u64::MAX, None) };
        locked(state).lane(self.way).turn(Instant::now())
    }

    /// Bytes that may be on their way; `most` where nothing speaks against it.
    pub fn bytes(&self, most: u64) -> u64 {
        let Some(state) = &self.pace.0 else { return most };
        let mut state = locked(state);
        state.lane(self.way).share(self.number, Instant::now()).clamp(1, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_shared_and_one_of_this_machine_is_free() {
        let pace = Pace::new(true);
        let one = pace.join(Way::Down);
        let all = one.bytes(u64::MAX);
        let two = pace.join(Way::Down);
        assert_eq!((one.bytes(u64::MAX), two.bytes(u64::MAX)), (all / 2, all / 2));
        assert_eq!(pace.join(Way::Up).bytes(u64::MAX), all, "the other way has its own");
        drop(two);
        assert_eq!(one.bytes(u64::MAX), all);
        let idle = pace.join(Way::Down);
        if let Some(state) = &pace.0 {
            let later = Instant::now() + IDLE;
            assert_eq!(locked(state).lane(Way::Down).share(one.number, later), all, "nothing goes on the other");
        }
        drop(idle);
        assert_eq!(Pace::new(false).join(Way::Down).bytes(4 << 20), 4 << 20);
    }
}
