//! Owns how much output a link may have on its way to us ([`OutputCredit`]): measured from what arrives and from round trips,
//! shared among the streams. Pure: the clock is passed in. Leaves out acknowledging it, and files ([`files`]).
//!
//! Nothing is known of a link's rate beforehand, and a queue once built is in the way of every key's echo. So it begins
//! small, grows while round trips stay what they were, and shrinks as soon as they tell of a queue: a congestion window ruled
//! by delay, as that of LEDBAT (RFC 6817) and BBR, at the receiver's end.

pub mod files;

use std::time::{Duration, Instant};

/// What a link of which nothing is known may have on its way.
const FIRST: u64 = 16 << 10;
/// A link that answers within this has no queue worth speaking of: it has more from the beginning, and no more than that.
/// What a flood has beyond it comes as Screens: nobody could read it, and reading all of it here as well would take the
/// processor from whoever writes it, where both are one machine.
pub const NEAR: Duration = Duration::from_millis(5);
const MOST_NEAR: u64 = 64 << 10;
/// Never less than a screen takes.
const LEAST: u64 = 4 << 10;
const MOST: u64 = 4 << 20;
/// A stream nobody looks at, at least.
const LEAST_SHARE: u64 = 2 << 10;
/// A queue of so much beyond the round trip is borne.
const QUEUE: Duration = Duration::from_millis(20);
/// The shortest round trip is forgotten after this: the way may have become another.
const MEMORY: Duration = Duration::from_secs(60);
/// While much arrives, round trips are measured this often, or once in a round trip.
const OFTEN: Duration = Duration::from_millis(50);

/// What may be on its way, and what tells of a queue. When it grows is its owner's matter.
struct Window {
    bytes: u64,
    /// Nothing made it smaller yet, as in TCP's slow start.
    startup: bool,
    /// The shortest round trip, that of the way without a queue, and when it was seen.
    min_rtt: Option<(Duration, Instant)>,
    /// The last round trip, where it told of a queue.
    late: Option<Duration>,
    /// What came since the last round trip.
    arrived: u64,
    asked: Option<Instant>,
}

/// What a round trip tells of the way.
struct Trip {
    rtt: Duration,
    min_rtt: Duration,
    /// What it took beyond that: what it waited.
    queue: Duration,
}

impl Trip {
    fn is_late(&self) -> bool {
        self.queue > QUEUE
    }

    fn is_near(&self) -> bool {
        self.min_rtt <= NEAR
    }

    /// What the way takes with half of the queue that is borne: what a window is made for.
    fn aim(&self) -> Duration {
        self.min_rtt + QUEUE / 2
    }
}

impl Window {
    fn new(bytes: u64) -> Window {
        Window { bytes, startup: true, min_rtt: None, late: None, arrived: 0, asked: None }
    }

    fn arrived(&mut self, bytes: u64) {
        self.arrived = self.arrived.saturating_add(bytes);
    }

    fn asks(&mut self, now: Instant) -> bool {
        let pause = self.min_rtt().map_or(OFTEN, |min_rtt| min_rtt.max(OFTEN));
        let due = self.asked.is_none_or(|at| now.saturating_duration_since(at) >= pause);
        let asks = due && self.arrived >= self.bytes / 4;
        if asks {
            self.asked = Some(now);
        }
        asks
    }

    fn min_rtt(&self) -> Option<Duration> {
        self.min_rtt.map(|(min_rtt, _)| min_rtt)
    }

    /// What a round trip tells, the shortest one learnt from it.
    fn trip(&mut self, rtt: Duration, now: Instant) -> Trip {
        let known =
            self.min_rtt.filter(|(shortest, at)| rtt > *shortest && now.saturating_duration_since(*at) <= MEMORY);
        if self.min_rtt.is_none() && rtt <= NEAR {
            self.bytes = self.bytes.max(MOST_NEAR);
        }
        let (min_rtt, _) = *self.min_rtt.insert(known.unwrap_or((rtt, now)));
        Trip { rtt, min_rtt, queue: rtt.saturating_sub(min_rtt) }
    }

    /// A round trip without a queue: it grows by so much, if what it allows is made use of.
    fn grow(&mut self, by: u64, most: u64) {
        if self.arrived >= self.bytes / 2 {
            self.bytes = (self.bytes + by).min(most);
        }
        self.late = None;
        self.arrived = 0;
    }

    /// A late round trip: the second one after the other makes it smaller.
    fn shrink(&mut self, trip: &Trip, least: u64) {
        // one alone may have been a packet that was lost
        let Some(before) = self.late.replace(trip.rtt) else { return };
        // what hardly arrives builds no queue: others do, or packets are lost
        if std::mem::take(&mut self.arrived) < self.bytes / 4 {
            return;
        }
        let (may, took) = (trip.aim().as_secs_f64(), trip.rtt.min(before).as_secs_f64());
        // never to less than half at once: one lost packet makes a long round trip, too
        let fewer = (self.bytes as f64 * (may / took).max(0.5)) as u64;
        self.limit(fewer.max(least));
        // the next one set out before this could help
        self.late = None;
    }

    fn limit(&mut self, most: u64) {
        self.bytes = self.bytes.min(most);
        self.startup = false;
    }
}

/// Of the output of sessions, for all streams together.
pub struct OutputCredit {
    window: Window,
}

impl Default for OutputCredit {
    fn default() -> OutputCredit {
        OutputCredit { window: Window::new(FIRST) }
    }
}

impl OutputCredit {
    /// Bytes of output came.
    pub fn arrived(&mut self, bytes: usize) {
        self.window.arrived(bytes as u64);
    }

    /// Whether to measure a round trip now: much arrives, and the last one was a while ago.
    pub fn asks(&mut self, now: Instant) -> bool {
        self.window.asks(now)
    }

    /// A round trip took this long.
    pub fn round(&mut self, rtt: Duration, now: Instant) {
        let window = &mut self.window;
        let trip = window.trip(rtt, now);
        if trip.is_late() {
            return window.shrink(&trip, LEAST);
        }
        let more = if window.startup { window.bytes } else { window.bytes / 8 };
        let most = if trip.is_near() { window.bytes.max(MOST_NEAR) } else { MOST };
        window.grow(more, most);
    }

    /// For one stream: the focused one gets half of all, the others share the rest.
    pub fn share(&self, focused: bool, streams: usize) -> u64 {
        let all = self.window.bytes;
        match (focused, streams) {
            (_, 0 | 1) => all,
            (true, _) => all / 2,
            (false, n) => (all / 2 / (n as u64 - 1)).max(LEAST_SHARE),
        }
    }

    /// The shortest round trip there was of late.
    pub fn min_rtt(&self) -> Option<Duration> {
        self.window.min_rtt()
    }
}

#[cfg(test)]
mod tests {
    use super::files::FileCredit;
    use super::*;

    trait Credit {
        fn arrived(&mut self, bytes: usize);
        fn asks(&mut self, now: Instant) -> bool;
        fn round(&mut self, rtt: Duration, now: Instant);
        fn window(&self) -> u64;
    }

    macro_rules! credit {
        ($credit:ty, $window:expr) => {
            impl Credit for $credit {
                fn arrived(&mut self, bytes: usize) {
                    self.arrived(bytes);
                }
                fn asks(&mut self, now: Instant) -> bool {
                    self.asks(now)
                }
                fn round(&mut self, rtt: Duration, now: Instant) {
                    self.round(rtt, now);
                }
                fn window(&self) -> u64 {
                    $window(self)
                }
            }
        };
    }
    credit!(OutputCredit, |credit: &OutputCredit| credit.share(true, 1));
    credit!(FileCredit, FileCredit::window);

    /// A link of this rate (bytes a second) and round trip, kept full for a while: the longest queue in the second half,
    /// and the share of the rate that was used then.
    fn play(mut credit: impl Credit, rate: f64, rtt: Duration, secs: u64) -> (Duration, f64) {
        let t0 = Instant::now();
        credit.round(rtt, t0);
        let (mut now, end) = (t0, t0 + Duration::from_secs(secs));
        let (mut worst, mut sent, mut counted) = (Duration::ZERO, 0.0, Duration::ZERO);
        while now < end {
            // a window a round trip: what the link does not carry meanwhile waits before it
            let window = credit.window() as f64;
            let took = rtt.as_secs_f64().max(window / rate);
            let round = Duration::from_secs_f64(took);
            credit.arrived(window as usize);
            now += round;
            assert!(credit.asks(now) || round < OFTEN);
            credit.round(round, now);
            if now > t0 + Duration::from_secs(secs / 2) {
                worst = worst.max(round - rtt);
                sent += window;
                counted += round;
            }
        }
        (worst, sent / counted.as_secs_f64() / rate)
    }

    #[test]
    fn a_link_is_filled_and_no_queue_is_built() {
        for (kbit, ms) in [(1000, 200), (10_000, 200), (10_000, 20), (100_000, 50), (300, 600)] {
            let (rate, rtt) = (f64::from(kbit) * 125.0, Duration::from_millis(ms));
            let (queue, used) = play(OutputCredit::default(), rate, rtt, 60);
            assert!(queue <= Duration::from_millis(50 + ms / 8), "{kbit} kbit/s, {ms} ms: {queue:?}");
            assert!(used > 0.8, "{kbit} kbit/s, {ms} ms: {used}");
            for credit in [FileCredit::up(), FileCredit::down()] {
                let (queue, used) = play(credit, rate, rtt, 60);
                assert!(queue <= Duration::from_millis(25 + ms / 16), "files, {kbit} kbit/s, {ms} ms: {queue:?}");
                assert!(used > 0.9, "files, {kbit} kbit/s, {ms} ms: {used}");
            }
        }
    }

    #[test]
    fn lost_packets_are_no_queue() {
        let mut credit = OutputCredit::default();
        let now = Instant::now();
        let ms = Duration::from_millis;
        credit.round(ms(200), now);
        for _ in 0..50 {
            // little comes, and every third time a packet had to be sent again
            for rtt in [200, 600, 620] {
                credit.arrived(500);
                credit.round(ms(rtt), now);
            }
        }
        assert_eq!(credit.share(true, 1), FIRST);
        for _ in 0..50 {
            for rtt in [200, 200, 600] {
                credit.arrived(FIRST as usize);
                credit.round(ms(rtt), now);
            }
        }
        assert!(credit.share(true, 1) >= FIRST);
    }

    #[test]
    fn a_change_of_the_way_is_followed() {
        let mut credit = OutputCredit::default();
        let mut now = Instant::now();
        for _ in 0..200 {
            credit.arrived(1 << 20);
            credit.round(Duration::from_millis(20), now);
            now += Duration::from_millis(50);
        }
        assert_eq!(credit.share(true, 1), MOST);
        for _ in 0..200 {
            now += Duration::from_millis(500);
            credit.arrived(1 << 20);
            credit.round(Duration::from_millis(100), now);
        }
        assert_eq!(credit.min_rtt(), Some(Duration::from_millis(100)));
        for _ in 0..40 {
            credit.arrived(1 << 20);
            credit.round(Duration::from_secs(1), now);
        }
        assert_eq!(credit.share(true, 1), LEAST);
        assert!(credit.share(false, 100) >= LEAST_SHARE);
    }
}
