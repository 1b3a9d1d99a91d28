//! Owns tables that several systems print alike: `df`, `ps`, `netstat -ib`, and the line of `uptime`.

use super::super::look::Running;
use super::{number, whole};
use crate::proto::gauges::{Disk, Gauges};

/// `df -P -k`, each device once, the shortest name it is mounted by.
pub fn df(text: &str) -> Vec<Disk> {
    const KIB: u64 = 1024;
    let mut disks: Vec<(String, Disk)> = Vec::new();
    for line in text.lines().take(1000) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        // (a device's name may have blanks: what follows it is counted from the percent sign)
        let Some(at) = words.iter().position(|w| w.ends_with('%') && w.len() > 1 && w.as_bytes()[0].is_ascii_digit())
        else {
            continue;
        };
        let n = |back: usize| at.checked_sub(back).and_then(|i| words.get(i)).and_then(|w| whole(w));
        let (Some(blocks), Some(used), Some(available)) = (n(3), n(2), n(1)) else { continue };
        let mount = words.get(at + 1..).unwrap_or_default().join(" ");
        let device = words.get(..at - 3).unwrap_or_default().join(" ");
        if !mount.starts_with('/') || blocks == 0 {
            continue;
        }
        let [used, total, available] = [used, blocks, available].map(|n| n.saturating_mul(KIB));
        let disk = Disk { mount, used, total, available: Some(available) };
        let real = device.starts_with('/') || disk.mount == "/" || device.contains('/');
        if !real || disk.total == 0 || is_of_the_system(&disk.mount) {
            continue;
        }
        // (one of several volumes with a common pool, as APFS has them, too)
        let same = |d: &(String, Disk)| d.0 == device || (d.1.total == disk.total && d.1.used == disk.used);
        match disks.iter_mut().find(|d| same(d)) {
            Some(known) if known.1.mount.len() > disk.mount.len() => known.1 = disk,
            Some(_) => {}
            None => disks.push((device, disk)),
        }
    }
    disks.into_iter().map(|(_, disk)| disk).take(Gauges::ROWS).collect()
}

/// Volumes that macOS keeps for itself.
fn is_of_the_system(mount: &str) -> bool {
    mount.starts_with("/System/Volumes/") && mount != "/System/Volumes/Data"
}

/// `ps -axo pid,user,pcpu,rss,comm` (rss in KiB).
pub fn ps(text: &str) -> Vec<Running> {
    let row = |line: &str| {
        let mut rest = line.trim();
        let mut word = || {
            let (word, after) = rest.split_once(char::is_whitespace)?;
            rest = after.trim_start();
            Some(word)
        };
        let (pid, user, cpu, rss) = (word()?, word()?, word()?, word()?);
        Some(Running {
            pid: pid.parse().ok()?,
            user: user.to_string(),
            used: None,
            percent: number(&cpu.replace(',', ".")).map(|n| n as f32),
            rss: whole(rss)?.saturating_mul(1024),
            command: rest.to_string(),
        })
    };
    text.lines().filter_map(row).take(20_000).collect()
}

/// `netstat -ibn`: the row of each link, by the names of its columns (`Ibytes`, `Obytes`).
pub fn netstat(text: &str) -> Vec<(String, u64, u64)> {
    let mut lines = text.lines();
    let Some(head) = lines.find(|l| l.contains("Ibytes")) else { return Vec::new() };
    let names: Vec<&str> = head.split_ascii_whitespace().collect();
    // from the right: links without an address have a column less
    let from_right = |name: &str| names.iter().position(|n| *n == name).map(|at| names.len() - at);
    let (Some(rx), Some(tx)) = (from_right("Ibytes"), from_right("Obytes")) else { return Vec::new() };
    let mut found: Vec<(String, u64, u64)> = Vec::new();
    for line in lines.take(1000).filter(|l| l.contains("<Link")) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let n = |back: usize| words.len().checked_sub(back).and_then(|at| words.get(at)).and_then(|w| whole(w));
        let Some(name) = words.first().map(|w| w.trim_end_matches('*')) else { continue };
        if let (Some(rx), Some(tx)) = (n(rx), n(tx))
            && !found.iter().any(|f| f.0 == name)
        {
            found.push((name.to_string(), rx, tx));
        }
    }
    found
}

/// `... up 3 days, 14:02, 2 users, load averages: ...`: seconds.
pub fn uptime(text: &str) -> Option<f64> {
    let up = text.split_once(" up ")?.1;
    let up = up.split(" user").next()?;
    let mut seconds = 0.0;
    let mut any = false;
    for part in up.split(',') {
        let part = part.trim();
        let mut words = part.split_ascii_whitespace();
        let (first, unit) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let each = match unit {
            u if u.starts_with("day") => 86_400.0,
            u if u.starts_with("hr") || u.starts_with("hour") => 3600.0,
            u if u.starts_with("min") => 60.0,
            u if u.starts_with("sec") => 1.0,
            _ => match first.split_once(':').and_then(|(h, m)| Some((number(h)?, number(m)?))) {
                Some((h, m)) => {
                    (seconds, any) = (seconds + h * 3600.0 + m * 60.0, true);
                    continue;
                }
                None => continue,
            },
        };
        if let Some(n) = number(first) {
            (seconds, any) = (seconds + n * each, true);
        }
    }
    (any && seconds < 1e10).then_some(seconds)
}

/// The averages behind `load average:`, with commas or without.
pub fn load(text: &str) -> Option<[f32; 3]> {
    let rest = text.split_once("load average")?.1;
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == ':');
    let mut n = rest.split([' ', '\n', '{', '}']).filter(|w| !w.is_empty());
    // (a comma may be the decimal point: one behind digits and before digits is)
    let mut next = || n.next().and_then(|w| number(&w.trim_end_matches(',').replace(',', "."))).map(|n| n as f32);
    Some([next()?, next()?, next()?])
}
