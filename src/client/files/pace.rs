//! Owns how much of files may be on its way over a link, either way: what the network holds in a queue is in the way of
//! every key. Measured as the credit of output is (`link::credit`), and shared by all that is copied. Leaves out the bytes.

use crate::link::credit::Credit;
use crate::link::{Link, locked};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Towards us, or from us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Down,
    Up,
}

struct Lane {
    credit: Credit,
    streams: usize,
}

struct State {
    down: Lane,
    up: Lane,
    /// The answer that was looked at last.
    looked: Option<Instant>,
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
        let lane = || Lane { credit: Credit::of_files(), streams: 0 };
        let state = || State { down: lane(), up: lane(), looked: None };
        Pace(far.then(|| Arc::new(Mutex::new(state()))))
    }

    /// One more stream, as long as it lives.
    pub fn join(&self, way: Way) -> Share {
        if let Some(state) = &self.0 {
            locked(state).lane(way).streams += 1;
        }
        Share { pace: self.clone(), way }
    }
}

/// A stream's share of a link.
pub struct Share {
    pace: Pace,
    way: Way,
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(state) = &self.pace.0 {
            locked(state).lane(self.way).streams -= 1;
        }
    }
}

impl Share {
    /// So many bytes went. How long round trips take meanwhile is asked and looked at now and then.
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
        let credit = &mut state.lane(self.way).credit;
        credit.arrived(bytes);
        if credit.asks(now) {
            link.ping();
        }
    }

    /// Bytes that may be on their way; `most` where nothing speaks against it.
    pub fn bytes(&self, most: u64) -> u64 {
        let Some(state) = &self.pace.0 else { return most };
        let mut state = locked(state);
        let lane = state.lane(self.way);
        (lane.credit.share(false, 1) / lane.streams.max(1) as u64).clamp(1, most)
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
        assert_eq!(Pace::new(false).join(Way::Down).bytes(4 << 20), 4 << 20);
    }
}
