//! Owns one look at a machine (its counters at a moment, as read) and what two of them say: [`Gauges`]. Pure: the time between
//! them is passed in, and is never a wall clock's. Leaves out how a look is taken (`here`, `behind`) and read (`parse`).

use crate::proto::gauges::{Disk, Gauges, Net, Pressure, Process, Temp};
use std::collections::HashMap;
use std::time::Duration;

/// What a processor has done, in ticks since it was started.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Ticks {
    pub busy: u64,
    pub all: u64,
}

/// A machine at a moment. What could not be read is None or empty.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Look {
    pub cpu: Option<Ticks>,
    pub cores: Vec<Ticks>,
    /// Percent of all cores, where the system counts no ticks.
    pub cpu_percent: Option<f32>,
    pub load: Option<[f32; 3]>,
    /// Bytes: available, total.
    pub mem: Option<(u64, u64)>,
    /// Bytes: used, total.
    pub swap: Option<(u64, u64)>,
    /// None = not looked at this time: those of before hold.
    pub disks: Option<Vec<Disk>>,
    /// Bytes since it was started: read, written.
    pub disk_io: Option<(u64, u64)>,
    /// Name, bytes in, bytes out, since it was started.
    pub nets: Vec<(String, u64, u64)>,
    pub temps: Vec<Temp>,
    pub pressure: Option<Pressure>,
    /// Seconds, by its own clock that nobody sets.
    pub uptime: Option<f64>,
    pub processes: Option<u32>,
    /// With what each has used of a processor; none where they were not asked for.
    pub running: Vec<Running>,
    pub faults: Vec<String>,
}

#[derive(Clone, Default, Debug, PartialEq)]
pub struct Running {
    pub pid: u32,
    pub user: String,
    /// Seconds of a processor since it began.
    pub used: Option<f64>,
    /// Percent of one core, where the system says that itself.
    pub percent: Option<f32>,
    pub rss: u64,
    pub command: String,
}

/// Rates above this are none: 1 TB/s.
const FASTEST: u64 = 1 << 40;
/// How many processes are named of those with most CPU, and of those with most memory.
const NAMED: usize = Gauges::TOP / 2;

/// Percent busy between two looks; None where nothing passed, or the counters began anew.
fn busy(before: Ticks, now: Ticks) -> Option<f32> {
    let (busy, all) = (now.busy.checked_sub(before.busy)?, now.all.checked_sub(before.all)?);
    (all > 0).then(|| (busy.min(all) as f64 * 100.0 / all as f64) as f32)
}

/// A second's part of what came in between.
fn rate(before: u64, now: u64, passed: Duration) -> Option<u64> {
    let seconds = passed.as_secs_f64();
    let more = now.checked_sub(before)?;
    let rate = (more as f64 / seconds).round();
    (seconds > 0.0 && rate <= FASTEST as f64).then_some(rate as u64)
}

/// The time between two looks: by the machine's own clock where it says so, for what is on its way to here comes late.
fn between(before: &Look, now: &Look, passed: Duration) -> Duration {
    let own = before.uptime.zip(now.uptime).map(|(a, b)| b - a);
    // (in hundredths of a second; one that does not go by what passed here is none)
    let near = |s: &f64| *s >= 0.05 && (s - passed.as_secs_f64()).abs() < passed.as_secs_f64().max(1.0) * 2.0;
    own.filter(near).map_or(passed, Duration::from_secs_f64)
}

/// What two looks say, `passed` from one to the other. What a later look leaves out of the disks the one before has.
pub fn gauges(before: &Look, now: &Look, passed: Duration) -> Gauges {
    let passed = between(before, now, passed);
    let cpu = match (before.cpu, now.cpu) {
        (Some(a), Some(b)) => busy(a, b),
        _ => now.cpu_percent,
    };
    let cores = match before.cores.len() == now.cores.len() {
        true => before.cores.iter().zip(&now.cores).map(|(a, b)| busy(*a, *b).unwrap_or(0.0)).collect(),
        // (one came or went)
        false => Vec::new(),
    };
    let (available, mem_total) = now.mem.unwrap_or_default();
    let (swap_used, swap_total) = now.swap.unwrap_or_default();
    let disk = |of: fn((u64, u64)) -> u64| rate(of(before.disk_io?), of(now.disk_io?), passed);
    let nets = now.nets.iter().map(|(name, rx, tx)| {
        let old = before.nets.iter().find(|n| n.0 == *name);
        Net {
            name: name.clone(),
            rx: old.and_then(|o| rate(o.1, *rx, passed)),
            tx: old.and_then(|o| rate(o.2, *tx, passed)),
            rx_total: *rx,
            tx_total: *tx,
        }
    });
    let [load, load5, load15] = now.load.map_or([None; 3], |l| l.map(Some));
    Gauges {
        cpu,
        mem_used: mem_total.saturating_sub(available),
        mem_total,
        load,
        load5,
        load15,
        uptime: now.uptime.filter(|u| u.is_finite() && *u > 0.0).unwrap_or(0.0) as u64,
        cores,
        swap_used,
        swap_total,
        disks: now.disks.clone().unwrap_or_default(),
        disk_read: disk(|io| io.0),
        disk_written: disk(|io| io.1),
        nets: nets.collect(),
        temps: now.temps.clone(),
        pressure: now.pressure,
        processes: now.processes,
        top: top(&before.running, &now.running, passed),
        faults: now.faults.clone(),
        ..Gauges::default()
    }
    .sound()
}

/// Those that matter: with most CPU, then with most memory.
fn top(before: &[Running], now: &[Running], passed: Duration) -> Vec<Process> {
    let old: HashMap<u32, &Running> = before.iter().map(|p| (p.pid, p)).collect();
    let percent = |p: &Running| -> f32 {
        let then = old.get(&p.pid).and_then(|o| o.used);
        match (then, p.used, p.percent) {
            (Some(then), Some(used), _) if used >= then && !passed.is_zero() => {
                ((used - then) / passed.as_secs_f64() * 100.0) as f32
            }
            (_, _, percent) => percent.unwrap_or(0.0),
        }
    };
    let mut all: Vec<(f32, &Running)> = now.iter().map(|p| (percent(p), p)).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.rss.cmp(&a.1.rss)));
    let rest = all.split_off(all.len().min(NAMED));
    let mut large = rest;
    large.sort_by_key(|(_, p)| std::cmp::Reverse(p.rss));
    large.truncate(Gauges::TOP - NAMED);
    let named = |(cpu, p): (f32, &Running)| Process {
        pid: p.pid,
        user: p.user.clone(),
        cpu,
        rss: p.rss,
        command: p.command.clone(),
    };
    all.into_iter().chain(large).map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(busy: u64, all: u64) -> Ticks {
        Ticks { busy, all }
    }

    #[test]
    fn two_looks_make_rates() {
        let before = Look {
            cpu: Some(ticks(100, 1000)),
            cores: vec![ticks(50, 500), ticks(50, 500)],
            disk_io: Some((1000, 0)),
            nets: vec![("eth0".into(), 1000, 50)],
            uptime: Some(100.0),
            ..Look::default()
        };
        let now = Look {
            cpu: Some(ticks(200, 1400)),
            cores: vec![ticks(150, 700), ticks(50, 700)],
            mem: Some((3 << 30, 4 << 30)),
            disk_io: Some((5096, 8192)),
            nets: vec![("eth0".into(), 5000, 50), ("new".into(), 7, 7)],
            uptime: Some(102.0),
            load: Some([0.5, 0.4, 0.3]),
            ..Look::default()
        };
        // (it came half a second late)
        let g = gauges(&before, &now, Duration::from_millis(2500));
        assert_eq!((g.cpu, g.cores.clone()), (Some(25.0), vec![50.0, 0.0]));
        assert_eq!((g.disk_read, g.disk_written), (Some(2048), Some(4096)));
        assert_eq!((g.nets[0].rx, g.nets[0].tx, g.nets[1].rx), (Some(2000), Some(0), None));
        assert_eq!((g.mem(), g.uptime, g.load15), (Some(25.0), 102, Some(0.3)));
    }

    #[test]
    fn counters_that_begin_anew_say_nothing() {
        let high = Look {
            cpu: Some(ticks(900, 1000)),
            disk_io: Some((u64::MAX, 5)),
            nets: vec![("eth0".into(), u64::MAX, 0)],
            uptime: Some(1e6),
            ..Look::default()
        };
        let low = Look {
            cpu: Some(ticks(1, 2)),
            disk_io: Some((0, u64::MAX)),
            nets: vec![("eth0".into(), 0, u64::MAX)],
            uptime: Some(3.0),
            ..Look::default()
        };
        let g = gauges(&high, &low, Duration::from_secs(5));
        assert_eq!((g.cpu, g.disk_read, g.disk_written), (None, None, None));
        assert_eq!((g.nets[0].rx, g.nets[0].tx), (None, None));
        let same = gauges(&low, &low, Duration::ZERO);
        assert_eq!((same.cpu, same.disk_read), (None, None));
    }

    #[test]
    fn a_clock_that_jumps_is_not_gone_by() {
        let at = |uptime, rx| Look { uptime: Some(uptime), nets: vec![("e".into(), rx, 0)], ..Look::default() };
        let rx = |a, b| gauges(&at(a, 0), &at(b, 10_000), Duration::from_secs(5)).nets[0].rx;
        assert_eq!(rx(100.0, 105.0), Some(2000));
        for jump in [86_400.0 * 3.0, 100.0, -5.0, f64::NAN] {
            assert_eq!(rx(100.0, jump), Some(2000), "{jump}");
        }
    }

    #[test]
    fn those_with_most_are_named() {
        let run = |pid, used: f64, rss| Running { pid, used: Some(used), rss, ..Running::default() };
        let before: Vec<_> = (0..200).map(|pid| run(pid, 10.0, 0)).collect();
        let now: Vec<_> = (0..200).map(|pid| run(pid, if pid == 7 { 12.0 } else { 10.0 }, u64::from(pid))).collect();
        let top = gauges(
            &Look { running: before, ..Look::default() },
            &Look { running: now, ..Look::default() },
            Duration::from_secs(2),
        )
        .top;
        assert_eq!((top.len(), top[0].pid, top[0].cpu), (Gauges::TOP, 7, 100.0));
        assert!(top.iter().any(|p| p.pid == 199) && !top.iter().any(|p| p.pid == 3));
    }
}
