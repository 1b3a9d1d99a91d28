//! Owns what macOS' commands print: `sysctl`, `vm_stat`, `top -l`.

use super::super::look::Look;
use super::bsd::{boot_time, equal, loads};
use super::{number, whole};

pub(super) fn section(look: &mut Look, name: &str, body: &str) {
    match name {
        "sysctl" => sysctl(look, body),
        "vm_stat" => {
            if let (Some(available), Some((_, total))) = (vm_stat(body), look.mem) {
                look.mem = Some((available.min(total), total));
            } else {
                look.mem = None;
            }
        }
        "top" => look.cpu_percent = top(body),
        "count" => look.processes = whole(body.trim()).and_then(|n| u32::try_from(n).ok()),
        _ => {}
    }
}

fn sysctl(look: &mut Look, text: &str) {
    let mut now = None;
    for (name, value) in text.lines().filter_map(equal) {
        match name {
            "now" => now = number(value),
            // (what is available of it says vm_stat)
            "hw.memsize" => look.mem = whole(value).map(|total| (0, total)),
            "vm.loadavg" => look.load = loads(value),
            "vm.swapusage" => look.swap = swapusage(value),
            "kern.boottime" => look.uptime = boot_time(value).zip(now).map(|(boot, now)| now - boot),
            _ => {}
        }
    }
}

/// `total = 2048.00M  used = 1024.50M  free = 1023.50M  (encrypted)`: used, total.
fn swapusage(text: &str) -> Option<(u64, u64)> {
    let of = |name: &str| {
        let rest = text.split_once(name)?.1.trim_start().strip_prefix('=')?.trim_start();
        let word = rest.split(' ').next()?;
        let scale = match word.bytes().last()? {
            b'K' => 1024.0,
            b'G' => 1024.0 * 1024.0 * 1024.0,
            b'T' => 1024.0 * 1024.0 * 1024.0 * 1024.0,
            _ => 1024.0 * 1024.0,
        };
        Some((number(word)? * scale) as u64)
    };
    Some((of("used")?, of("total")?))
}

/// Bytes that programs can have: free, inactive, speculative and purgeable pages.
fn vm_stat(text: &str) -> Option<u64> {
    let page = text.split_once("page size of ").and_then(|(_, rest)| whole(rest)).filter(|p| *p > 0)?;
    let pages = |name: &str| {
        let line = text.lines().find(|l| l.trim_start_matches('"').starts_with(name))?;
        whole(line.split_once(':')?.1.trim())
    };
    let free = pages("Pages free")?;
    let rest = ["Pages inactive", "Pages speculative", "Pages purgeable"].map(|n| pages(n).unwrap_or(0));
    Some(rest.iter().fold(free, |a, b| a.saturating_add(*b)).saturating_mul(page))
}

/// `CPU usage: 5.12% user, 10.25% sys, 84.61% idle`: the last of them, for the first is since the machine was started.
fn top(text: &str) -> Option<f32> {
    let line = text.lines().rfind(|l| l.starts_with("CPU usage"))?;
    let before = line.split_once("% idle")?.0;
    let idle = number(before.rsplit([' ', ',']).next()?)?;
    Some((100.0 - idle).clamp(0.0, 100.0) as f32)
}
