//! Owns what is known of machines' gauges: the last ten minutes of each that is watched, and whether one is beyond its limits.
//! Pure: the moment is passed in. Leaves out who is watched when (`app/gauging`), and drawing.

pub mod limits;

use super::host::HostId;
use crate::proto::gauges::{Gauges, Watched};
use limits::{Alarm, Limits};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// How far back is remembered.
pub const KEPT: Duration = Duration::from_secs(600);
/// Points of one history: more than come in that time.
const POINTS: usize = 400;
/// Histories kept of what is watched no more.
const OTHERS: usize = 64;

/// Whose gauges, and the host whose agent tells them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Spot {
    pub via: HostId,
    pub of: Watched,
}

impl Spot {
    pub fn host(host: HostId) -> Spot {
        Spot { via: host, of: Watched::default() }
    }
}

/// How somebody looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct How {
    /// The processes too.
    pub detail: bool,
    /// Milliseconds; 0 = as they come.
    pub every_ms: u32,
}

/// What is drawn over time.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Point {
    pub at: Duration,
    /// So much before it is told by it.
    pub since: Duration,
    pub cpu: Option<f32>,
    pub mem: Option<f32>,
    pub swap: Option<f32>,
    /// Bytes a second.
    pub rx: Option<f32>,
    pub tx: Option<f32>,
    pub read: Option<f32>,
    pub written: Option<f32>,
}

/// One of the lines over time.
pub type Line = fn(&Point) -> Option<f32>;

#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What came last, and when.
    pub now: Option<Box<Gauges>>,
    pub at: Duration,
    history: VecDeque<Point>,
    pub alarm: Alarm,
}

impl Seen {
    /// What came last, where that is of now.
    pub fn current(&self, now: Duration) -> Option<&Gauges> {
        self.now.as_deref().filter(|g| now.saturating_sub(self.at) <= g.every() * 3 + Duration::from_secs(2))
    }

    /// Why nothing can be told of it, where that is so.
    pub fn fault(&self) -> Option<&str> {
        let gauges = self.now.as_deref()?;
        let nothing = gauges.cpu.is_none() && gauges.mem_total == 0;
        gauges.faults.first().filter(|_| nothing).map(String::as_str)
    }

    fn add(&mut self, gauges: Box<Gauges>, now: Duration, limits: &Limits) {
        let every = gauges.every();
        // (after a gap a point tells of no more than its own time)
        let since = match self.history.back() {
            Some(last) if now.saturating_sub(last.at) < every * 2 => last.at,
            _ => now.saturating_sub(every),
        };
        let (rx, tx) = rates(&gauges);
        let bytes = |n: Option<u64>| n.map(|n| n as f32);
        let point = Point {
            at: now,
            since,
            cpu: gauges.cpu,
            mem: gauges.mem(),
            swap: gauges.swap(),
            rx: bytes(rx),
            tx: bytes(tx),
            read: bytes(gauges.disk_read),
            written: bytes(gauges.disk_written),
        };
        self.alarm.feed(&gauges, now, limits);
        self.at = now;
        // (what can't be read leaves a gap)
        if gauges.cpu.is_some() || gauges.mem_total > 0 {
            self.history.push_back(point);
        }
        self.now = Some(gauges);
        let old = now.saturating_sub(KEPT);
        while self.history.len() > POINTS || self.history.front().is_some_and(|p| p.at < old) {
            self.history.pop_front();
        }
    }

    /// A line over the last `span`, in so many columns, the newest at the right; None = nothing is known of that time.
    pub fn line(&self, of: Line, now: Duration, span: Duration, columns: usize) -> Vec<Option<f32>> {
        let mut cells = vec![(0.0f64, 0u32); columns];
        if columns == 0 || span.is_zero() {
            return Vec::new();
        }
        let from = now.as_secs_f64() - span.as_secs_f64();
        let scale = columns as f64 / span.as_secs_f64();
        for point in &self.history {
            let Some(value) = of(point) else { continue };
            let first = (point.since.as_secs_f64() - from) * scale;
            let last = (point.at.as_secs_f64() - from) * scale;
            // (a column belongs to the point that its middle lies in; a short one has the column it ends in)
            let (a, b) = ((first + 0.5).floor().max(0.0) as usize, (last - 0.5).floor());
            let b = if last < 0.0 { continue } else { b.max(-1.0) };
            let end = (last.floor() as usize).min(columns - 1);
            let cells_of = if b >= a as f64 { a..=(b as usize).min(columns - 1) } else { end..=end };
            for cell in cells_of {
                if let Some((sum, n)) = cells.get_mut(cell) {
                    (*sum, *n) = (*sum + f64::from(value), *n + 1);
                }
            }
        }
        cells.into_iter().map(|(sum, n)| (n > 0).then(|| (sum / f64::from(n)) as f32)).collect()
    }

    /// The last values, the newest last.
    pub fn last(&self, of: Line, most: usize) -> impl Iterator<Item = f32> + '_ {
        self.history.iter().skip(self.history.len().saturating_sub(most)).filter_map(of)
    }

    /// The highest of them.
    pub fn highest(&self, of: Line) -> f32 {
        self.history.iter().filter_map(of).fold(0.0, f32::max)
    }
}

/// In and out; of what has one interface whatever it is called, that.
pub fn rates(gauges: &Gauges) -> (Option<u64>, Option<u64>) {
    match (gauges.net(), gauges.nets.as_slice()) {
        (Some((rx, tx)), _) => (Some(rx), Some(tx)),
        (None, [one]) if !one.is_own() => (None, None),
        (None, [one]) => (one.rx, one.tx),
        _ => (None, None),
    }
}

/// Everything that is or was watched.
#[derive(Default)]
pub struct Book {
    seen: HashMap<Spot, Seen>,
}

impl Book {
    pub fn add(&mut self, via: &HostId, gauges: Box<Gauges>, now: Duration, limits: &Limits) {
        let spot = Spot { via: via.clone(), of: gauges.of.clone() };
        if !self.seen.contains_key(&spot) && self.seen.len() >= OTHERS {
            let oldest = self.seen.iter().min_by_key(|(_, s)| s.at).map(|(spot, _)| spot.clone());
            oldest.map(|spot| self.seen.remove(&spot));
        }
        self.seen.entry(spot).or_default().add(gauges, now, limits);
    }

    pub fn get(&self, spot: &Spot) -> Option<&Seen> {
        self.seen.get(spot)
    }

    /// That of a host itself.
    pub fn of_host(&self, host: &HostId) -> Option<&Seen> {
        self.seen.get(&Spot::host(host.clone()))
    }

    /// Of what was not heard of for longer than is remembered nothing is known.
    pub fn forget(&mut self, now: Duration) {
        self.seen.retain(|_, seen| now.saturating_sub(seen.at) <= KEPT);
    }

    /// How it stood with a host says nothing of one that was away since: its history stays.
    pub fn is_away(&mut self, host: &HostId) {
        for (_, seen) in self.seen.iter_mut().filter(|(spot, _)| spot.via == *host) {
            seen.now = None;
            seen.alarm = Alarm::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauges(cpu: f32) -> Box<Gauges> {
        Box::new(Gauges { cpu: Some(cpu), mem_used: 1, mem_total: 2, ..Gauges::default() })
    }

    fn s(n: f32) -> Duration {
        Duration::from_secs_f32(n)
    }

    #[test]
    fn ten_minutes_are_kept_and_what_is_away_is_a_gap() {
        let mut book = Book::default();
        let host = HostId::new("nas");
        let limits = Limits::default();
        let mut t = 1000.0;
        for n in 0..1000 {
            // (from the 900th to the 950th it was away)
            if !(900..950).contains(&n) {
                book.add(&host, gauges(if n < 950 { 10.0 } else { 90.0 }), s(t), &limits);
            }
            t += 2.0;
        }
        let seen = book.of_host(&host).unwrap();
        let now = s(t - 2.0);
        assert!(seen.history.len() <= 301 && seen.history.len() >= 250, "{}", seen.history.len());
        let line = seen.line(|p| p.cpu, now, KEPT, 60);
        assert_eq!(line.len(), 60);
        assert_eq!(line[59], Some(90.0));
        assert_eq!(line[0], Some(10.0));
        let gaps = line.iter().filter(|v| v.is_none()).count();
        assert!((8..=11).contains(&gaps), "{line:?}");
        assert_eq!(seen.last(|p| p.cpu, 3).collect::<Vec<_>>(), [90.0; 3]);
        // more columns than points: no holes
        let fine = seen.line(|p| p.cpu, now, s(60.0), 120);
        assert!(fine.iter().all(|v| *v == Some(90.0)), "{fine:?}");
        assert!(seen.current(now + s(5.0)).is_some() && seen.current(now + s(30.0)).is_none());
    }

    #[test]
    fn what_can_not_be_read_is_a_fault_and_no_zero() {
        let mut book = Book::default();
        let host = HostId::new("nas");
        let fault = Box::new(Gauges { faults: vec!["not connected".into()], ..Gauges::default() });
        book.add(&host, fault, s(1.0), &Limits::default());
        let seen = book.of_host(&host).unwrap();
        assert_eq!((seen.fault(), seen.history.len()), (Some("not connected"), 0));
        book.add(&host, gauges(1.0), s(2.0), &Limits::default());
        assert_eq!(book.of_host(&host).unwrap().fault(), None);
        book.is_away(&host);
        let seen = book.of_host(&host).unwrap();
        assert!(seen.now.is_none() && seen.history.len() == 1);
        book.forget(s(2.0) + KEPT * 2);
        assert!(book.of_host(&host).is_none());
    }
}
