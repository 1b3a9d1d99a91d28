//! Owns how much of files a link may have on its way, one way: [`FileCredit`]. Pure. Leaves out their bytes, and what sends
//! them in time.
//!
//! Files keep a link full for minutes, while somebody types on it. So they grow as output does, but by less and less, and as
//! round trips alone do not tell a queue from a connection's slow start or a busy processor, what the link was seen to carry
//! ([`Bandwidth`]) bounds them from both sides.

use super::{LEAST, MOST, MOST_NEAR, QUEUE, Trip, Window};
use std::time::{Duration, Instant};

/// What a link of which nothing is known may have on its way.
const FIRST: u64 = 32 << 10;
/// What a link carried is forgotten after this.
const RECENT: Duration = Duration::from_secs(5);
/// After so many round trips without a queue more is tried.
const CALM: u32 = 4;
/// Of a larger window more comes by at least this, where the link is not full. So many late round trips without it, and it
/// is.
const MORE: f64 = 1.15;
const FLAT: u32 = 2;

/// All of them are wanted: as much as the link carries, however near it is, and no more of a queue than it takes to know that
/// it is full.
pub struct FileCredit {
    window: Window,
    bandwidth: Bandwidth,
    /// They come to us: whoever sends them has a TCP that begins slowly, which is no queue.
    to_us: bool,
    /// Round trips without a queue, one after the other.
    calm: u32,
    /// Late ones since more came than ever.
    flat: u32,
}

impl FileCredit {
    fn new(to_us: bool) -> FileCredit {
        FileCredit { window: Window::new(FIRST), bandwidth: Bandwidth::default(), to_us, calm: 0, flat: 0 }
    }

    /// Of files that come to us.
    pub fn down() -> FileCredit {
        FileCredit::new(true)
    }

    /// Of files that go from us.
    pub fn up() -> FileCredit {
        FileCredit::new(false)
    }

    /// So many bytes got where they go.
    pub fn arrived(&mut self, bytes: usize) {
        self.window.arrived(bytes as u64);
        self.bandwidth.arrived(bytes as u64);
    }

    /// Whether to measure a round trip now: much arrives, and the last one was a while ago.
    pub fn asks(&mut self, now: Instant) -> bool {
        self.window.asks(now)
    }

    /// A round trip took this long.
    pub fn round(&mut self, rtt: Duration, now: Instant) {
        let trip = self.window.trip(rtt, now);
        let seen = self.bandwidth.round(rtt, now);
        self.calm = if trip.queue < QUEUE / 2 { self.calm + 1 } else { 0 };
        // as long as more comes of more, it is no queue
        self.flat = if seen.rate >= seen.best * MORE { 0 } else { self.flat + u32::from(trip.is_late()) };
        let begins = self.to_us && self.window.startup;
        if !trip.is_late() || begins && self.flat < FLAT {
            let waits = self.window.late.is_some() || begins && self.flat > 0;
            let more = if waits { 0 } else { self.more(&trip) };
            return self.window.grow(more, MOST);
        }
        // less than half of what it carried of late is never too much
        let least = ((seen.best / 2.0 * trip.min_rtt.as_secs_f64()) as u64).clamp(LEAST, MOST);
        let bytes = self.window.bytes;
        if seen.least >= (bytes / 4).min(MOST_NEAR) {
            // whatever made it late: what is on its way beyond what the link carries in its time waits before it, or is lost,
            // and then comes all at once, which is the next time's queue
            let carries = (seen.rate * trip.aim().as_secs_f64()) as u64;
            self.window.limit(carries.max(bytes / 2).max(least));
        }
        self.window.shrink(&trip, least);
    }

    /// What it grows by. What a link does not carry of it waits before it, for two round trips and longer until that is seen.
    fn more(&self, trip: &Trip) -> u64 {
        let bytes = self.window.bytes;
        match self.window.startup {
            // (twice as much as a far link carries may be more than its queue takes)
            true if trip.is_near() => bytes,
            true => bytes / 2,
            // (far below what it carries)
            false if self.calm > CALM => bytes / 4,
            false if trip.queue < QUEUE / 2 => bytes / 16,
            false => bytes / 64,
        }
    }

    /// Bytes that may be on their way.
    pub fn window(&self) -> u64 {
        self.window.bytes
    }

    /// The shortest round trip there was of late.
    pub fn min_rtt(&self) -> Option<Duration> {
        self.window.min_rtt()
    }
}

/// What the link was seen to carry, as BBR estimates it.
#[derive(Default)]
struct Bandwidth {
    /// What came since the last round trip ended, and when that was.
    came: u64,
    ended: Option<Instant>,
    /// What came in that one, and how long it took.
    before: (u64, Duration),
    /// The most of late, bytes a second, and when.
    best: Option<(f64, Instant)>,
}

/// What was seen in the last two round trips.
struct Seen {
    /// Bytes a second.
    rate: f64,
    /// The most of late before, bytes a second.
    best: f64,
    /// Bytes in the one of the two in which fewer came.
    least: u64,
}

impl Bandwidth {
    fn arrived(&mut self, bytes: u64) {
        self.came = self.came.saturating_add(bytes);
    }

    fn round(&mut self, rtt: Duration, now: Instant) -> Seen {
        let time = self.ended.replace(now).map_or(rtt, |at| now.saturating_duration_since(at));
        let came = std::mem::take(&mut self.came);
        let (bytes, past) = std::mem::replace(&mut self.before, (came, time));
        let rate = (bytes + came) as f64 / (past + time).as_secs_f64().max(0.001);
        let best = self.best.map_or(0.0, |(best, _)| best);
        if rate >= best || self.best.is_some_and(|(_, at)| now.saturating_duration_since(at) > RECENT) {
            self.best = Some((rate, now));
        }
        Seen { rate, best, least: came.min(bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each second round trip is late, by what was sent at once and by what was lost of it.
    #[test]
    fn files_do_not_grow_between_two_late_round_trips() {
        let mut credit = FileCredit::up();
        let (mut now, ms) = (Instant::now(), Duration::from_millis);
        for _ in 0..20 {
            now += ms(200);
            credit.arrived(1 << 20);
            credit.round(ms(200), now);
        }
        assert!(credit.window() > 1 << 20);
        for _ in 0..20 {
            // (1 MB a second, that is 210 KB)
            for rtt in [200, 450] {
                now += ms(rtt);
                credit.arrived(rtt as usize * 1000);
                credit.round(ms(rtt), now);
            }
        }
        let total = credit.window();
        assert!((100_000..=220_000).contains(&total), "{total}");
    }
}
