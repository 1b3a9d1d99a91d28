//! Owns how much output a link may have on its way to us: measured from what arrives and from round trips, shared among
//! the streams. Pure: the clock is passed in. Leaves out acknowledging it.
//!
//! Nothing is known of a link's rate beforehand, and a queue once built is in the way of every key's echo. So it begins
//! small, grows while round trips stay what they were, and shrinks as soon as they tell of a queue.

use std::time::{Duration, Instant};

/// What a link of which nothing is known may have on its way.
const FIRST: u64 = 16 << 10;
/// A link that answers within this has no queue worth speaking of: it has more from the beginning, and no more than that.
/// What a flood has beyond it comes as Screens: nobody could read it, and reading all of it here as well would take the
/// processor from whoever writes it, where both are one machine.
pub const NEAR: Duration = Duration::from_millis(5);
const MOST_NEAR: u64 = 64 << 10;
/// What files may have on their way over a link of which nothing is known.
const FIRST_OF_FILES: u64 = 32 << 10;
/// Never less than a screen takes.
const LEAST: u64 = 4 << 10;
const MOST: u64 = 4 << 20;
/// A stream nobody looks at, at least.
const LEAST_SHARE: u64 = 2 << 10;
/// A queue of so much beyond the round trip is borne.
const QUEUE: Duration = Duration::from_millis(20);
/// The shortest round trip is forgotten after this: the way may have become another.
const MEMORY: Duration = Duration::from_secs(60);
/// What a link carried is forgotten after this.
const RECENT: Duration = Duration::from_secs(5);
/// After so many round trips without a queue more is tried.
const CALM: u32 = 4;
/// Of a larger window more comes by at least this, where the link is not full. So many late round trips without it, and it
/// is.
const MORE: f64 = 1.15;
const FLAT: u32 = 2;
/// While much arrives, round trips are measured this often, or once in a round trip.
const OFTEN: Duration = Duration::from_millis(50);

pub struct Credit {
    /// For all streams together.
    total: u64,
    /// On a link that is near.
    most_near: u64,
    /// Of files: they keep the link full for minutes, and so have no more of a queue than it takes to know that it is full.
    gentle: bool,
    /// And of those that come to us: whoever sends them has a TCP that begins slowly, which is no queue.
    patient: bool,
    /// The shortest round trip, that of the way without a queue, and when it was seen.
    base: Option<(Duration, Instant)>,
    /// Output that came since the last round trip.
    arrived: u64,
    /// No queue was ever met.
    fresh: bool,
    /// The last round trip before, where it told of a queue. One alone may have been a packet that was lost.
    late: Option<Duration>,
    asked: Option<Instant>,
    /// When a round trip ended last, and what had arrived since the one before.
    ended: Option<Instant>,
    carried: (u64, Duration),
    /// What has arrived since.
    came: u64,
    /// The most that came in a second of late, bytes, and when: less than half of that is never too much.
    best: Option<(f64, Instant)>,
    /// Round trips without a queue, one after the other.
    calm: u32,
    /// Those in which no more came than before, and late.
    flat: u32,
}

impl Default for Credit {
    fn default() -> Credit {
        let (total, most_near, gentle, patient) = (FIRST, MOST_NEAR, false, false);
        let (base, arrived, fresh, late, asked) = (None, 0, true, None, None);
        let (ended, carried) = (None, (0, Duration::ZERO));
        let (best, calm, flat, came) = (None, 0, 0, 0);
        Credit {
            total,
            most_near,
            gentle,
            patient,
            base,
            arrived,
            fresh,
            late,
            asked,
            ended,
            carried,
            came,
            best,
            calm,
            flat,
        }
    }
}

impl Credit {
    /// Of files that go from us, all of which are wanted: as much as the link carries, however near it is.
    pub fn of_files() -> Credit {
        Credit { total: FIRST_OF_FILES, most_near: MOST, gentle: true, ..Credit::default() }
    }

    /// Of files that come to us.
    pub fn of_files_to_us() -> Credit {
        Credit { patient: true, ..Credit::of_files() }
    }

    /// Bytes of output came.
    pub fn arrived(&mut self, bytes: usize) {
        self.arrived = self.arrived.saturating_add(bytes as u64);
        self.came = self.came.saturating_add(bytes as u64);
    }

    /// Whether to measure a round trip now: much arrives, and the last one was a while ago.
    pub fn asks(&mut self, now: Instant) -> bool {
        let pause = self.base.map_or(OFTEN, |(base, _)| base.max(OFTEN));
        let due = self.asked.is_none_or(|at| now.saturating_duration_since(at) >= pause);
        let asks = due && self.arrived >= self.total / 4;
        if asks {
            self.asked = Some(now);
        }
        asks
    }

    /// A round trip took this long.
    pub fn round(&mut self, rtt: Duration, now: Instant) {
        let first = self.base.is_none();
        if self.base.is_none_or(|(base, at)| rtt <= base || now.saturating_duration_since(at) > MEMORY) {
            self.base = Some((rtt, now));
        }
        let base = self.base.map_or(rtt, |(base, _)| base);
        if first && rtt <= NEAR {
            self.total = self.total.max(MOST_NEAR);
        }
        let most = if base <= NEAR { self.most_near.max(self.total) } else { MOST };
        let late = (rtt.saturating_sub(base) > QUEUE).then_some(rtt);
        let before = std::mem::replace(&mut self.late, late);
        let time = self.ended.map_or(rtt, |at| now.saturating_duration_since(at));
        self.ended = Some(now);
        let came = std::mem::take(&mut self.came);
        let (bytes, past) = std::mem::replace(&mut self.carried, (came, time));
        let rate = (bytes + came) as f64 / (past + time).as_secs_f64().max(0.001);
        let best = self.best.map_or(0.0, |(best, _)| best);
        if rate >= best || self.best.is_some_and(|(_, at)| now.saturating_duration_since(at) > RECENT) {
            self.best = Some((rate, now));
        }
        let least = if self.gentle { (best / 2.0 * base.as_secs_f64()) as u64 } else { 0 }.clamp(LEAST, MOST);
        // as long as more comes of more, it is no queue
        let begins = self.patient && self.fresh;
        self.flat = if rate >= best * MORE { 0 } else { self.flat + u32::from(late.is_some()) };
        let late = late.filter(|_| !begins || self.flat >= FLAT);
        if begins && late.is_none() {
            self.late = None;
        }
        if self.gentle && late.is_some() && came.min(bytes) >= (self.total / 4).min(MOST_NEAR) {
            // whatever made it late: what is on its way beyond what the link carries in its time waits before it, or is lost,
            // and then comes all at once, which is the next time's queue
            let carries = (rate * (base + QUEUE / 2).as_secs_f64()) as u64;
            self.total = self.total.min(carries.max(self.total / 2).max(least));
            self.fresh = false;
        }
        self.calm = if late.is_none() && rtt.saturating_sub(base) < QUEUE / 2 { self.calm + 1 } else { 0 };
        if let Some(rtt) = late {
            let Some(before) = before else { return };
            // what hardly arrives builds no queue: others do, or packets are lost
            if self.arrived < self.total / 4 {
                self.arrived = 0;
                return;
            }
            self.fresh = false;
            let (may, took) = ((base + QUEUE / 2).as_secs_f64(), rtt.min(before).as_secs_f64());
            // never to less than half at once: one lost packet makes a long round trip, too
            let fewer = (self.total as f64 * (may / took).max(0.5)) as u64;
            self.total = self.total.min(fewer.max(least));
            // the next one set out before this could help
            self.late = None;
        } else if self.arrived >= self.total / 2 && (before.is_none() || !self.gentle) && (!begins || self.flat == 0) {
            self.total = (self.total + self.more(rtt.saturating_sub(base))).min(most);
        }
        self.arrived = 0;
    }

    /// What it grows by, where a round trip took so much more than the shortest. What a link does not carry of it waits
    /// before it, for two round trips and longer until that is seen.
    fn more(&self, queue: Duration) -> u64 {
        match (self.gentle, self.fresh) {
            (false, true) => self.total,
            (false, false) => self.total / 8,
            // (twice as much as the link carries may be more than its queue takes)
            (true, true) if self.base.is_some_and(|(base, _)| base <= NEAR) => self.total,
            (true, true) => self.total / 2,
            // (far below what it carries)
            (true, false) if self.calm > CALM => self.total / 4,
            (true, false) if queue < QUEUE / 2 => self.total / 16,
            (true, false) => self.total / 64,
        }
    }

    /// For one stream: the focused one gets half of all, the others share the rest.
    pub fn share(&self, focused: bool, streams: usize) -> u64 {
        match (focused, streams) {
            (_, 0 | 1) => self.total,
            (true, _) => self.total / 2,
            (false, n) => (self.total / 2 / (n as u64 - 1)).max(LEAST_SHARE),
        }
    }

    /// The shortest round trip there was of late.
    pub fn base(&self) -> Option<Duration> {
        self.base.map(|(base, _)| base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link of this rate (bytes a second) and round trip, kept full for a while: the longest queue in the second half,
    /// and the share of the rate that was used then.
    fn play(mut credit: Credit, rate: f64, rtt: Duration, secs: u64) -> (Duration, f64) {
        let t0 = Instant::now();
        credit.round(rtt, t0);
        let (mut now, end) = (t0, t0 + Duration::from_secs(secs));
        let (mut worst, mut sent, mut counted) = (Duration::ZERO, 0.0, Duration::ZERO);
        while now < end {
            // a window a round trip: what the link does not carry meanwhile waits before it
            let window = credit.share(true, 1) as f64;
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
            let (queue, used) = play(Credit::default(), rate, rtt, 60);
            assert!(queue <= Duration::from_millis(50 + ms / 8), "{kbit} kbit/s, {ms} ms: {queue:?}");
            assert!(used > 0.8, "{kbit} kbit/s, {ms} ms: {used}");
            for credit in [Credit::of_files(), Credit::of_files_to_us()] {
                let (queue, used) = play(credit, rate, rtt, 60);
                assert!(queue <= Duration::from_millis(25 + ms / 16), "files, {kbit} kbit/s, {ms} ms: {queue:?}");
                assert!(used > 0.9, "files, {kbit} kbit/s, {ms} ms: {used}");
            }
        }
    }

    #[test]
    fn lost_packets_are_no_queue() {
        let mut credit = Credit::default();
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

    /// Each second round trip is late, by what was sent at once and by what was lost of it.
    #[test]
    fn files_do_not_grow_between_two_late_round_trips() {
        let mut credit = Credit::of_files();
        let (mut now, ms) = (Instant::now(), Duration::from_millis);
        for _ in 0..20 {
            now += ms(200);
            credit.arrived(1 << 20);
            credit.round(ms(200), now);
        }
        assert!(credit.share(false, 1) > 1 << 20);
        for _ in 0..20 {
            // (1 MB a second, that is 210 KB)
            for rtt in [200, 450] {
                now += ms(rtt);
                credit.arrived(rtt as usize * 1000);
                credit.round(ms(rtt), now);
            }
        }
        let total = credit.share(false, 1);
        assert!((100_000..=220_000).contains(&total), "{total}");
    }

    #[test]
    fn a_change_of_the_way_is_followed() {
        let mut credit = Credit::default();
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
        assert_eq!(credit.base(), Some(Duration::from_millis(100)));
        for _ in 0..40 {
            credit.arrived(1 << 20);
            credit.round(Duration::from_secs(1), now);
        }
        assert_eq!(credit.share(true, 1), LEAST);
        assert!(credit.share(false, 100) >= LEAST_SHARE);
    }
}
