//! Owns the texts of Linux' /proc and /sys, as kernels from 2.6 on print them, busybox' world included.

use super::super::look::{Look, Running, Ticks};
use super::{number, whole};
use crate::proto::gauges::{Gauges, Pressure, Temp};
use std::collections::HashMap;

/// Of a processor's second: what the kernel tells programs, on all machines there are.
pub const HZ: f64 = 100.0;

/// What comes together from several sections.
#[derive(Default)]
pub struct Kept {
    owners: HashMap<u32, String>,
    running: Vec<Running>,
}

pub(super) fn section(look: &mut Look, kept: &mut Kept, page: u64, name: &str, rest: &str, body: &str) {
    match name {
        "stat" => (look.cpu, look.cores) = stat(body),
        "meminfo" => (look.mem, look.swap) = meminfo(body),
        "loadavg" => (look.load, _) = loadavg(body),
        "processes" => look.processes = whole(body.trim()).and_then(|n| u32::try_from(n).ok()),
        "uptime" => look.uptime = body.split_whitespace().next().and_then(number),
        "net" => look.nets = net(body),
        "diskstats" => look.disk_io = diskstats(body),
        "pressure" => pressure(look.pressure.get_or_insert_default(), rest, body),
        "thermal" => look.temps = thermal(body),
        "procs" => kept.running = body.lines().filter_map(|line| process(line, page)).take(MANY).collect(),
        "owners" => kept.owners = owners(body),
        _ => {}
    }
}

/// Processes read at most.
const MANY: usize = 20_000;

pub(super) fn finish(look: &mut Look, mut kept: Kept) {
    for process in &mut kept.running {
        process.user = kept.owners.get(&process.pid).cloned().unwrap_or_default();
    }
    if !kept.running.is_empty() {
        look.processes = look.processes.or_else(|| u32::try_from(kept.running.len()).ok());
        look.running = kept.running;
    }
}

/// `cpu  user nice system idle iowait irq softirq steal guest guest_nice`: guests are in user already, waiting for a disk
/// is idle.
pub fn stat(text: &str) -> (Option<Ticks>, Vec<Ticks>) {
    let (mut all, mut cores) = (None, Vec::new());
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(of) = words.next().and_then(|w| w.strip_prefix("cpu")) else { continue };
        let n: Vec<u64> = words.map_while(whole).take(8).collect();
        if n.len() < 4 {
            continue;
        }
        let sum = n.iter().fold(0u64, |a, b| a.saturating_add(*b));
        let idle = n.get(3).copied().unwrap_or(0).saturating_add(n.get(4).copied().unwrap_or(0));
        let ticks = Ticks { busy: sum.saturating_sub(idle), all: sum };
        match of {
            "" => all = Some(ticks),
            of if of.bytes().all(|b| b.is_ascii_digit()) && cores.len() < Gauges::CORES => cores.push(ticks),
            _ => {}
        }
    }
    (all, cores)
}

/// Memory (available, total) and swap (used, total), bytes. Kernels before 3.14 do not say what is available.
#[expect(clippy::type_complexity, reason = "two pairs, taken apart at once")]
pub fn meminfo(text: &str) -> (Option<(u64, u64)>, Option<(u64, u64)>) {
    let mut said: HashMap<&str, u64> = HashMap::new();
    for line in text.lines() {
        if let Some((name, value)) = line.split_once(':')
            && let Some(kib) = value.split_ascii_whitespace().next().and_then(whole)
        {
            said.insert(name.trim(), kib.saturating_mul(1024));
        }
    }
    let of = |name: &str| said.get(name).copied();
    let roughly = || {
        let sum = ["MemFree", "Buffers", "Cached", "SReclaimable"].map(|n| of(n).unwrap_or(0));
        of("MemFree")
            .map(|_| sum.iter().fold(0u64, |a, b| a.saturating_add(*b)).saturating_sub(of("Shmem").unwrap_or(0)))
    };
    let total = of("MemTotal").filter(|t| *t > 0);
    let mem = total.and_then(|total| Some((of("MemAvailable").or_else(roughly)?.min(total), total)));
    let swap = of("SwapTotal").map(|total| (total.saturating_sub(of("SwapFree").unwrap_or(total)), total));
    (mem, swap)
}

/// The averages, and how many things there are to run (threads, not processes).
pub fn loadavg(text: &str) -> (Option<[f32; 3]>, Option<u32>) {
    let mut words = text.split_ascii_whitespace();
    let mut next = || words.next().and_then(number).map(|n| n as f32);
    let load = (|| Some([next()?, next()?, next()?]))();
    let threads = words.next().and_then(|w| whole(w.split_once('/')?.1)).and_then(|n| u32::try_from(n).ok());
    (load, threads)
}

/// /proc/net/dev: name, received, sent.
pub fn net(text: &str) -> Vec<(String, u64, u64)> {
    let row = |line: &str| {
        // (older kernels leave no blank behind the colon, and names may have colons of aliases)
        let (name, rest) = line.rsplit_once(':')?;
        let n: Vec<&str> = rest.split_ascii_whitespace().collect();
        let (rx, tx) = (whole(n.first()?)?, whole(n.get(8)?)?);
        let name = name.trim();
        (!name.is_empty()).then(|| (name.to_string(), rx, tx))
    };
    text.lines().filter_map(row).take(Gauges::ROWS * 8).collect()
}

/// Bytes read and written of all whole disks. Partitions are in them already, and so is what lies above (dm, md, loop, zram).
pub fn diskstats(text: &str) -> Option<(u64, u64)> {
    const SECTOR: u64 = 512;
    let mut disks: Vec<(&str, u64, u64)> = Vec::new();
    for line in text.lines() {
        let n: Vec<&str> = line.split_ascii_whitespace().collect();
        let (Some(name), Some(read), Some(written)) =
            (n.get(2), n.get(5).and_then(|w| whole(w)), n.get(9).and_then(|w| whole(w)))
        else {
            continue;
        };
        if !["dm-", "md", "loop", "ram", "zram", "sr", "fd", "nbd"].iter().any(|p| name.starts_with(p)) {
            disks.push((name, read, written));
        }
    }
    let is_part = |name: &str| disks.iter().any(|(disk, ..)| part_of(name, disk));
    let all = disks.iter().filter(|(name, ..)| !is_part(name));
    (!text.trim().is_empty() && text.lines().any(|l| l.split_ascii_whitespace().count() >= 10)).then(|| {
        all.fold((0u64, 0u64), |(r, w), (_, read, written)| {
            (r.saturating_add(read.saturating_mul(SECTOR)), w.saturating_add(written.saturating_mul(SECTOR)))
        })
    })
}

/// `sda1` of `sda`, `nvme0n1p2` of `nvme0n1`.
fn part_of(name: &str, disk: &str) -> bool {
    let Some(rest) = name.strip_prefix(disk).filter(|rest| !rest.is_empty()) else { return false };
    let digits = if disk.ends_with(|c: char| c.is_ascii_digit()) { rest.strip_prefix('p') } else { Some(rest) };
    digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
}

/// One of /proc/pressure: cpu, memory or io.
pub fn pressure(into: &mut Pressure, of: &str, text: &str) {
    for line in text.lines() {
        let Some((kind, rest)) = line.split_once(' ') else { continue };
        let Some(avg) = rest.split(' ').find_map(|w| w.strip_prefix("avg10=")).and_then(number) else { continue };
        let avg = avg.clamp(0.0, 100.0) as f32;
        match (of, kind) {
            ("cpu", "some") => into.cpu_some = avg,
            ("memory", "some") => into.mem_some = avg,
            ("memory", "full") => into.mem_full = avg,
            ("io", "some") => into.io_some = avg,
            ("io", "full") => into.io_full = avg,
            _ => {}
        }
    }
}

/// `NAME MILLIDEGREES` a line.
fn thermal(text: &str) -> Vec<Temp> {
    let row = |line: &str| {
        let (name, value) = line.trim().rsplit_once(' ')?;
        let (minus, value) = value.strip_prefix('-').map_or((1.0, value), |v| (-1.0, v));
        Some(Temp { name: name.trim().to_string(), celsius: (number(value)? * minus / 1000.0) as f32 })
    };
    text.lines().filter_map(row).take(Gauges::ROWS).collect()
}

/// /proc/PID/stat: the name is in parentheses, and may have any characters, those too.
pub fn process(line: &str, page: u64) -> Option<Running> {
    let (pid, rest) = line.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(')')?;
    let n: Vec<&str> = rest.split_ascii_whitespace().collect();
    let (user, system) = (whole(n.get(11)?)?, whole(n.get(12)?)?);
    Some(Running {
        pid: pid.trim().parse().ok()?,
        used: Some(user.saturating_add(system) as f64 / HZ),
        rss: n.get(21).and_then(|w| whole(w)).unwrap_or(0).saturating_mul(page),
        command: name.to_string(),
        ..Running::default()
    })
}

/// `ls -ld /proc/[0-9]*`: whose each is.
fn owners(text: &str) -> HashMap<u32, String> {
    let row = |line: &str| {
        let pid = line.trim().rsplit_once("/proc/")?.1.parse().ok()?;
        let owner = line.split_ascii_whitespace().nth(2)?;
        Some((pid, owner.to_string()))
    };
    text.lines().filter_map(row).take(MANY).collect()
}
