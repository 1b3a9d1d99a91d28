//! Owns the round trips to a host of late: a short history, one entry a second at most. Pure: the clock is passed in.

use std::collections::VecDeque;
use std::time::Duration;

/// As many as a panel shows.
pub const KEPT: usize = 40;
/// Those closer together count as one: the longest of them.
const APART: Duration = Duration::from_millis(800);

#[derive(Default)]
pub struct Trips {
    /// When an entry began, and the longest round trip in it; the oldest first.
    list: VecDeque<(Duration, Duration)>,
}

impl Trips {
    pub fn add(&mut self, rtt: Duration, now: Duration) {
        if let Some((at, longest)) = self.list.back_mut()
            && now.saturating_sub(*at) < APART
        {
            *longest = rtt.max(*longest);
            return;
        }
        if self.list.len() >= KEPT {
            self.list.pop_front();
        }
        self.list.push_back((now, rtt));
    }

    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// The oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Duration> {
        self.list.iter().map(|(_, rtt)| *rtt)
    }

    pub fn longest(&self) -> Option<Duration> {
        self.iter().max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_and_no_more_than_some() {
        let ms = Duration::from_millis;
        let mut trips = Trips::default();
        for (at, rtt) in [(0, 30), (50, 90), (700, 20), (1000, 40), (3000, 50)] {
            trips.add(ms(rtt), ms(at));
        }
        assert_eq!(trips.iter().collect::<Vec<_>>(), [ms(90), ms(40), ms(50)]);
        assert_eq!(trips.longest(), Some(ms(90)));
        for n in 0..100 {
            trips.add(ms(n), Duration::from_secs(10 + n));
        }
        assert_eq!((trips.iter().count(), trips.iter().next(), trips.longest()), (KEPT, Some(ms(60)), Some(ms(99))));
        trips.clear();
        assert_eq!(trips.longest(), None);
    }
}
