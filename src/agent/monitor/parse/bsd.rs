//! Owns what the commands of FreeBSD, OpenBSD, NetBSD and DragonFly print: `sysctl`, `vmstat -s`, `swapinfo`, `swapctl`.

use super::super::look::{Look, Ticks};
use super::{number, whole};
use crate::proto::gauges::Gauges;

/// What comes together from several lines.
#[derive(Default)]
pub struct Kept {
    total: Option<u64>,
    page: Option<u64>,
    /// Pages that programs can have.
    pages: Option<u64>,
}

pub(super) fn section(look: &mut Look, kept: &mut Kept, name: &str, body: &str) {
    match name {
        "sysctl" => sysctl(look, kept, body),
        "vmstat" => vmstat(kept, body),
        "swap" => look.swap = swap(body),
        "count" => look.processes = whole(body.trim()).and_then(|n| u32::try_from(n).ok()),
        _ => {}
    }
}

pub(super) fn finish(look: &mut Look, kept: Kept) {
    if let (Some(total @ 1..), Some(pages)) = (kept.total, kept.pages) {
        let available = pages.saturating_mul(kept.page.unwrap_or(4096));
        look.mem = Some((available.min(total), total));
    }
}

/// `NAME: VALUE`, `NAME=VALUE`, `NAME = VALUE`.
pub(super) fn equal(line: &str) -> Option<(&str, &str)> {
    let at = line.find([':', '='])?;
    let (name, value) = line.split_at_checked(at)?;
    Some((name.trim(), value.get(1..)?.trim()))
}

fn sysctl(look: &mut Look, kept: &mut Kept, text: &str) {
    let mut now = None;
    let mut free: Option<u64> = None;
    for (name, value) in text.lines().filter_map(equal) {
        match name {
            "now" => now = number(value),
            "kern.cp_time" => look.cpu = ticks(value).first().copied(),
            "kern.cp_times" => look.cores = ticks(value),
            "vm.loadavg" => look.load = loads(value),
            "hw.physmem" | "hw.physmem64" => kept.total = whole(value).or(kept.total),
            "hw.pagesize" => kept.page = whole(value).filter(|p| *p > 0),
            "vm.stats.vm.v_free_count" | "vm.stats.vm.v_inactive_count" | "vm.stats.vm.v_cache_count" => {
                free = whole(value).map(|n| n.saturating_add(free.unwrap_or(0))).or(free);
            }
            "kern.boottime" => {
                look.uptime = boot_time(value).zip(now).map(|(boot, now)| now - boot).filter(|s| *s > 0.0)
            }
            _ => {}
        }
    }
    kept.pages = free.or(kept.pages);
}

/// Times of each processor: five or six numbers for one (the last is idle), parted by blanks or commas; NetBSD names them.
fn ticks(text: &str) -> Vec<Ticks> {
    let words = text.split([' ', ',', '=']).filter_map(|w| whole(w.trim()));
    let n: Vec<u64> = words.take(6 * Gauges::CORES).collect();
    // (spinning is told by OpenBSD, which has no cp_times)
    let each = if n.len() == 6 { 6 } else { 5 };
    let one = |n: &[u64]| {
        let all = n.iter().fold(0u64, |a, b| a.saturating_add(*b));
        Ticks { busy: all.saturating_sub(n.last().copied().unwrap_or(0)), all }
    };
    n.chunks_exact(each).map(one).take(Gauges::CORES).collect()
}

/// `{ 0.52 0.41 0.38 }`, `0.52 0.41 0.38`.
pub(super) fn loads(text: &str) -> Option<[f32; 3]> {
    let mut n = text.split([' ', '{', '}']).filter(|w| !w.is_empty()).map(|w| number(&w.replace(',', ".")));
    let mut next = || n.next().flatten().map(|n| n as f32);
    Some([next()?, next()?, next()?])
}

/// `{ sec = 1700000000, usec = 123 } Tue Nov 14 ...` or the seconds alone.
pub(super) fn boot_time(text: &str) -> Option<f64> {
    match text.split_once("sec = ") {
        Some((_, rest)) => number(rest),
        None => number(text).filter(|n| *n > 1e8),
    }
}

/// OpenBSD's and NetBSD's `vmstat -s`: `4096 bytes per page`, `123 pages free`.
fn vmstat(kept: &mut Kept, text: &str) {
    let of = |what: &str| {
        let line = text.lines().find(|l| l.trim().split_once(' ').is_some_and(|(_, rest)| rest.trim() == what))?;
        whole(line.trim())
    };
    kept.page = of("bytes per page").filter(|p| *p > 0).or(kept.page);
    if let Some(free) = of("pages free") {
        kept.pages = Some(free.saturating_add(of("pages inactive").unwrap_or(0)));
    }
    if let (None, Some(managed)) = (kept.total, of("pages managed")) {
        kept.total = Some(managed.saturating_mul(kept.page.unwrap_or(4096)));
    }
}

/// `swapinfo -k`, `swapctl -lk`: used and total of all devices; those without any have no lines.
fn swap(text: &str) -> Option<(u64, u64)> {
    let mut all = (0u64, 0u64);
    for line in text.lines().filter(|l| l.starts_with('/')) {
        let mut n = line.split_ascii_whitespace().skip(1).map_while(whole);
        if let (Some(total), Some(used)) = (n.next(), n.next()) {
            all = (all.0.saturating_add(used.saturating_mul(1024)), all.1.saturating_add(total.saturating_mul(1024)));
        }
    }
    Some(all)
}
