//! Owns how it stands with a machine, as agents tell it: [`Gauges`], and whose they are ([`Watched`]). Pure.
//! Leaves out how they are taken (`agent/monitor`) and how they are drawn.
//!
//! What is not known is left out, and is not 0: a number that would say something has an `Option`, a total of 0 means that
//! nothing is known of it. Names and command lines are what that machine says: untrusted, and short already.

use super::control::Place;
use super::ids::SessionId;
use serde::{Deserialize, Serialize};

/// Whose gauges: `{}` = those of the agent's host. An agent of before knows no other.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq, Hash)]
#[serde(default)]
pub struct Watched {
    /// A host that the agent reaches over SSH, or the container of a prepared connection.
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    /// The container in which this session runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
}

impl Watched {
    /// The agent's own host.
    pub fn is_here(&self) -> bool {
        *self == Watched::default()
    }
    pub fn at(place: Place) -> Watched {
        Watched { place, session: None }
    }
    pub fn of_session(session: SessionId) -> Watched {
        Watched { session: Some(session), ..Watched::default() }
    }
}

/// A machine's or a container's load, taken by an agent.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default)]
pub struct Gauges {
    #[serde(flatten)]
    pub of: Watched,
    /// Percent of all cores since the notice before, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f32>,
    /// Bytes. Used is what programs could not have: the total without what is available.
    pub mem_used: u64,
    pub mem_total: u64,
    /// Load averages of 1, 5 and 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load5: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load15: Option<f32>,
    /// Seconds since it was started; 0 = unknown.
    pub uptime: u64,
    /// Percent of each core, at most [`Gauges::CORES`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cores: Vec<f32>,
    /// Bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub swap_used: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub swap_total: u64,
    /// Real file systems on its own disks, each once, at most [`Gauges::ROWS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<Disk>,
    /// Bytes a second, of all its disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_read: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_written: Option<u64>,
    /// At most [`Gauges::ROWS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nets: Vec<Net>,
    /// At most [`Gauges::ROWS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub temps: Vec<Temp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pressure: Option<Pressure>,
    /// How many processes there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    /// Those with most CPU and most memory, at most [`Gauges::TOP`]; only where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<Process>,
    /// What could not be read, and why: at most [`Gauges::FAULTS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// The next ones come this much later, ms; 0 = 2000.
    #[serde(skip_serializing_if = "is_little")]
    pub every_ms: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Disk {
    pub mount: String,
    /// Bytes, as statvfs(3) has them: all but what is free, and all.
    pub used: u64,
    pub total: u64,
    /// What its users may still have: less than what is free, where some is root's alone. Left out = the rest of the total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available: Option<u64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Net {
    pub name: String,
    /// Bytes a second, in and out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rx: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx: Option<u64>,
    /// Bytes since it was started.
    pub rx_total: u64,
    pub tx_total: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default)]
pub struct Temp {
    pub name: String,
    pub celsius: f32,
}

/// Percent of the last ten seconds in which some (or all) of its tasks waited for it (Linux' PSI, `avg10`).
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default)]
pub struct Pressure {
    pub cpu_some: f32,
    pub mem_some: f32,
    pub mem_full: f32,
    pub io_some: f32,
    pub io_full: f32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default)]
pub struct Process {
    pub pid: u32,
    pub user: String,
    /// Percent of one core.
    pub cpu: f32,
    /// Bytes in memory.
    pub rss: u64,
    pub command: String,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}
fn is_little(n: &u32) -> bool {
    *n == 0
}

impl Disk {
    /// Bytes that its users have and may have: the total but for what is root's alone.
    pub fn usable(&self) -> u64 {
        self.available.map_or(self.total, |available| self.used.saturating_add(available))
    }
    /// Percent in use of that, as `df` counts it.
    pub fn percent(&self) -> f32 {
        percent(self.used, self.usable()).unwrap_or(0.0)
    }
}

impl Net {
    /// Traffic of its own: neither to itself nor what another interface carries as well (bridges, containers' ends).
    pub fn is_own(&self) -> bool {
        let inner = ["lo", "veth", "docker", "br-", "virbr", "cni", "podman", "tap", "ifb", "dummy"];
        !inner.iter().any(|p| self.name.starts_with(p))
    }
}

impl Gauges {
    pub const CORES: usize = 512;
    pub const ROWS: usize = 32;
    pub const TOP: usize = 60;
    pub const FAULTS: usize = 8;
    /// Characters of a name, and of a command line.
    pub const NAME: usize = 100;
    pub const COMMAND: usize = 200;

    /// Percent of memory in use, 0 to 100.
    pub fn mem(&self) -> Option<f32> {
        percent(self.mem_used, self.mem_total)
    }
    /// The same of swap.
    pub fn swap(&self) -> Option<f32> {
        percent(self.swap_used, self.swap_total)
    }
    /// The fullest of its disks.
    pub fn fullest(&self) -> Option<&Disk> {
        self.disks.iter().max_by(|a, b| a.percent().total_cmp(&b.percent()))
    }
    pub fn hottest(&self) -> Option<&Temp> {
        self.temps.iter().max_by(|a, b| a.celsius.total_cmp(&b.celsius))
    }
    /// What its interfaces carry, in and out, bytes a second.
    pub fn net(&self) -> Option<(u64, u64)> {
        let own: Vec<&Net> = self.nets.iter().filter(|n| n.is_own()).collect();
        let sum = |of: fn(&Net) -> Option<u64>| {
            own.iter().filter_map(|n| of(n)).fold(None, |all: Option<u64>, n| Some(all.unwrap_or(0).saturating_add(n)))
        };
        Some((sum(|n| n.rx)?, sum(|n| n.tx)?))
    }
    /// When the next ones come.
    pub fn every(&self) -> std::time::Duration {
        std::time::Duration::from_millis(if self.every_ms == 0 { 2000 } else { u64::from(self.every_ms) })
    }

    /// Within what they can be, whatever another machine said: a gauge that is not a number is unknown, none is beyond its
    /// scale, no list is long.
    pub fn sound(mut self) -> Gauges {
        let scale = |p: Option<f32>, most: f32| p.filter(|p| p.is_finite()).map(|p| p.clamp(0.0, most));
        let level = |p: &mut f32, most: f32| *p = if p.is_finite() { p.clamp(0.0, most) } else { 0.0 };
        self.cpu = scale(self.cpu, 100.0);
        for load in [&mut self.load, &mut self.load5, &mut self.load15] {
            *load = scale(*load, 1e6);
        }
        self.mem_used = self.mem_used.min(self.mem_total);
        self.swap_used = self.swap_used.min(self.swap_total);
        self.cores.truncate(Gauges::CORES);
        self.cores.iter_mut().for_each(|c| level(c, 100.0));
        self.disks.truncate(Gauges::ROWS);
        for disk in &mut self.disks {
            disk.used = disk.used.min(disk.total);
            disk.available = disk.available.map(|a| a.min(disk.total - disk.used));
            cut(&mut disk.mount, Gauges::NAME);
        }
        self.nets.truncate(Gauges::ROWS);
        self.nets.iter_mut().for_each(|n| cut(&mut n.name, Gauges::NAME));
        self.temps.retain(|t| t.celsius.is_finite() && (-100.0..1000.0).contains(&t.celsius));
        self.temps.truncate(Gauges::ROWS);
        self.temps.iter_mut().for_each(|t| cut(&mut t.name, Gauges::NAME));
        if let Some(p) = &mut self.pressure {
            for each in [&mut p.cpu_some, &mut p.mem_some, &mut p.mem_full, &mut p.io_some, &mut p.io_full] {
                level(each, 100.0);
            }
        }
        self.top.truncate(Gauges::TOP);
        for process in &mut self.top {
            level(&mut process.cpu, 100.0 * Gauges::CORES as f32);
            cut(&mut process.user, Gauges::NAME);
            cut(&mut process.command, Gauges::COMMAND);
        }
        self.faults.truncate(Gauges::FAULTS);
        self.faults.iter_mut().for_each(|f| cut(f, Gauges::COMMAND));
        self
    }
}

/// Shortens to so many characters.
fn cut(text: &mut String, most: usize) {
    if let Some((at, _)) = text.char_indices().nth(most) {
        text.truncate(at);
    }
}

/// Percent; none of nothing.
pub fn percent(part: u64, whole: u64) -> Option<f32> {
    (whole > 0).then(|| (part as f64 * 100.0 / whole as f64).clamp(0.0, 100.0) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_left_out_and_older_builds_are_read() {
        let old = r#"{"cpu":12.5,"mem_used":1,"mem_total":4,"load":0.5,"uptime":9}"#;
        let read: Gauges = serde_json::from_str(old).unwrap();
        assert_eq!((read.cpu, read.mem(), read.load, read.of.is_here()), (Some(12.5), Some(25.0), Some(0.5), true));
        let none = Gauges::default();
        assert_eq!(serde_json::to_string(&none).unwrap(), r#"{"mem_used":0,"mem_total":0,"uptime":0}"#);
        assert_eq!((none.mem(), none.swap(), none.net(), none.fullest()), (None, None, None, None));
        let of = Watched::of_session("k3f9k3f9".parse().unwrap());
        let told = Gauges { of: of.clone(), ..none };
        let again: Gauges = serde_json::from_str(&serde_json::to_string(&told).unwrap()).unwrap();
        assert_eq!(again.of, of);
    }

    #[test]
    fn nonsense_is_brought_within_bounds() {
        let mad = Gauges {
            cpu: Some(f32::NAN),
            load: Some(-3.0),
            mem_used: 9,
            mem_total: 4,
            cores: vec![f32::INFINITY, 700.0, -1.0],
            temps: vec![Temp { name: "x".repeat(900), celsius: 40.0 }, Temp { name: "y".into(), celsius: f32::NAN }],
            top: vec![Process { cpu: 1e30, command: "é".repeat(900), ..Process::default() }; 500],
            faults: vec!["z".into(); 99],
            ..Gauges::default()
        }
        .sound();
        assert_eq!((mad.cpu, mad.load, mad.mem(), mad.cores), (None, Some(0.0), Some(100.0), vec![0.0, 100.0, 0.0]));
        assert_eq!((mad.temps.len(), mad.temps[0].name.len()), (1, Gauges::NAME));
        assert_eq!((mad.top.len(), mad.top[0].command.chars().count()), (Gauges::TOP, Gauges::COMMAND));
        assert_eq!(mad.faults.len(), Gauges::FAULTS);
    }

    #[test]
    fn a_disk_is_as_full_as_df_says() {
        let disk = |available| Disk { mount: "/".into(), used: 60, total: 100, available };
        // (five are root's alone)
        assert_eq!([disk(None), disk(Some(35)), disk(Some(0))].map(|d| d.percent().round()), [60.0, 63.0, 100.0]);
        let mad = Disk { used: 900, available: Some(u64::MAX), ..disk(None) };
        let sound = Gauges { disks: vec![mad], ..Gauges::default() }.sound();
        assert_eq!((sound.disks[0].used, sound.disks[0].available), (100, Some(0)));
    }

    #[test]
    fn what_a_machine_carries_is_counted_once() {
        let net = |name: &str, rx| Net { name: name.into(), rx: Some(rx), tx: Some(1), ..Net::default() };
        let of = |nets| Gauges { nets, ..Gauges::default() }.net();
        assert_eq!(
            of(vec![net("lo", 9), net("eth0", 5), net("wlan0", 2), net("docker0", 5), net("veth1", 5)]),
            Some((7, 2))
        );
        assert_eq!(of(vec![net("lo", 9)]), None);
    }
}
