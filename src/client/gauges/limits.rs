//! Owns when a machine is beyond its limits: the settings' levels, how long it must be above one, and below it again, so that
//! nothing flickers. Pure. Leaves out where that is drawn.

use crate::proto::gauges::Gauges;
use std::time::Duration;

pub use crate::config::Limits;

/// Below a level by so much it is over.
const BACK: f32 = 3.0;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Level {
    #[default]
    Fine,
    Limited,
    Error,
}

/// How it stands with one gauge.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct One {
    level: Level,
    /// The other level that it has been at, and since when.
    turning: Option<(Level, Duration)>,
}

/// How it stands with a machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alarm {
    ones: [One; 5],
    /// Why, the worst first; of each that is not fine a word or two.
    pub why: Vec<(Level, String)>,
}

impl Alarm {
    pub fn level(&self) -> Level {
        self.why.first().map_or(Level::Fine, |(level, _)| *level)
    }

    /// `disk 97% of /`, and what else there is.
    pub fn words(&self) -> String {
        self.why.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn feed(&mut self, g: &Gauges, now: Duration, limits: &Limits) {
        let disk = g.fullest();
        let hot = g.hottest();
        let values = [
            (g.cpu, limits.cpu, "CPU"),
            (g.mem(), limits.mem, "memory"),
            (disk.map(|d| d.percent()), limits.disk, "disk"),
            (g.swap(), limits.swap, "swap"),
            (hot.map(|t| t.celsius), limits.temp, "temperature"),
        ];
        let mut why = Vec::new();
        for (one, (value, (warn, error), what)) in self.ones.iter_mut().zip(values) {
            // (nothing known: as it was, for no longer than it is shown at all)
            let Some(value) = value else { continue };
            one.feed(value, f32::from(warn), f32::from(error), now, limits.after);
            if one.level == Level::Fine {
                continue;
            }
            why.push((
                one.level,
                match what {
                    "disk" => format!("{what} {value:.0}% of {}", disk.map(|d| d.mount.as_str()).unwrap_or_default()),
                    "temperature" => format!("{value:.0}°C at {}", hot.map(|t| t.name.as_str()).unwrap_or_default()),
                    _ => format!("{what} {value:.0}%"),
                },
            ));
        }
        // what it can't tell is a limit, too
        why.extend(g.faults.iter().map(|f| (Level::Limited, f.clone())));
        why.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
        self.why = why;
    }
}

impl One {
    fn feed(&mut self, value: f32, warn: f32, error: f32, now: Duration, after: Duration) {
        let above = |level: f32, at: Level| {
            // who is there already leaves it a little below
            let level = if self.level >= at { level - BACK } else { level };
            value >= level
        };
        let to = match () {
            () if error > 0.0 && above(error, Level::Error) => Level::Error,
            () if warn > 0.0 && above(warn, Level::Limited) => Level::Limited,
            () => Level::Fine,
        };
        if to == self.level {
            self.turning = None;
            return;
        }
        let since = match self.turning {
            // (on the way to an error it is limited all the while)
            Some((_, since)) if to > self.level => since,
            Some((was, since)) if was == to => since,
            _ => now,
        };
        self.turning = Some((to, since));
        if now.saturating_sub(since) >= after {
            *self = One { level: to, turning: None };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::gauges::{Disk, Temp};

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_level_is_reached_and_left_slowly() {
        let limits = Limits { mem: (80, 95), after: at(10), ..Limits::default() };
        let mut alarm = Alarm::default();
        let mut feed = |t: u64, percent: u64| {
            let g = Gauges { cpu: Some(1.0), mem_used: percent, mem_total: 100, ..Gauges::default() };
            alarm.feed(&g, at(t), &limits);
            alarm.level()
        };
        assert_eq!([feed(0, 85), feed(5, 85), feed(8, 70), feed(9, 85), feed(18, 85)], [Level::Fine; 5]);
        assert_eq!(feed(19, 85), Level::Limited);
        // around the level it stays
        assert_eq!([feed(20, 79), feed(40, 78), feed(60, 81)], [Level::Limited; 3]);
        assert_eq!([feed(61, 96), feed(70, 97)], [Level::Limited; 2]);
        assert_eq!([feed(71, 97), feed(72, 93), feed(100, 92)], [Level::Error; 3]);
        assert_eq!([feed(101, 10), feed(110, 10), feed(111, 10)], [Level::Error, Level::Error, Level::Fine]);
    }

    #[test]
    fn why_is_said_the_worst_first() {
        let limits = Limits { disk: (50, 90), temp: (60, 70), after: at(0), ..Limits::default() };
        let g = Gauges {
            disks: vec![
                Disk { mount: "/".into(), used: 55, total: 100, available: None },
                Disk { mount: "/boot".into(), used: 60, total: 100, available: None },
            ],
            temps: vec![Temp { name: "cpu".into(), celsius: 75.0 }],
            faults: vec!["/proc/stat: no".into()],
            ..Gauges::default()
        };
        let mut alarm = Alarm::default();
        alarm.feed(&g, at(0), &limits);
        assert_eq!(alarm.level(), Level::Error);
        assert_eq!(alarm.words(), "75°C at cpu, disk 60% of /boot, /proc/stat: no");
        // switched off
        let off = Limits { disk: (0, 0), temp: (0, 0), ..limits };
        let mut alarm = Alarm::default();
        alarm.feed(&Gauges { faults: Vec::new(), ..g }, at(0), &off);
        assert_eq!(alarm.level(), Level::Fine);
    }
}
