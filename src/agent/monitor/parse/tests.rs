//! What systems print, as it is read. The texts of macOS and the BSDs are written after their manuals and sources; that of
//! busybox was recorded.

use super::super::look::{Look, Ticks, gauges};
use super::look as read;
use crate::proto::gauges::{Gauges, Net};
use std::time::Duration;

const LINUX: &str = include_str!("tests/linux-busybox.txt");
const OLD: &str = include_str!("tests/linux-2.6.txt");
const DARWIN: &str = include_str!("tests/darwin.txt");
const FREEBSD: &str = include_str!("tests/freebsd.txt");
const OPENBSD: &str = include_str!("tests/openbsd.txt");
const NETBSD: &str = include_str!("tests/netbsd.txt");
const ALL: [&str; 6] = [LINUX, OLD, DARWIN, FREEBSD, OPENBSD, NETBSD];

fn mounts(look: &Look) -> Vec<(&str, u32)> {
    let disks = look.disks.as_deref().unwrap_or_default();
    disks.iter().map(|d| (d.mount.as_str(), d.percent().round() as u32)).collect()
}

#[test]
fn linux_with_busybox() {
    let look = read(LINUX);
    assert_eq!(look.faults, Vec::<String>::new());
    assert_eq!(look.cpu, Some(Ticks { busy: 7_253_565, all: 12_016_727 }));
    assert_eq!((look.cores.len(), look.uptime, look.load), (2, Some(60422.58), Some([2.12, 2.14, 2.17])));
    assert_eq!(look.mem, Some((22_829_580 << 10, 24_684_084 << 10)));
    assert_eq!((mounts(&look), look.processes), (vec![("/", 61)], Some(118)));
    let p = look.pressure.unwrap();
    assert_eq!((p.cpu_some, p.mem_full, p.io_some, p.io_full), (9.94, 0.07, 8.8, 7.2));
    assert!(look.nets.iter().any(|n| n.0 == "lo" && n.1 == 202_916_705_341));
    let init = look.running.iter().find(|p| p.pid == 1).unwrap();
    assert_eq!((init.user.as_str(), init.command.as_str(), init.rss), ("root", "process_api", 4182 * 4096));
    assert!(init.used.is_some_and(|s| (s - (4138.0 + 37002.0) / 100.0).abs() < 0.01), "{init:?}");
}

#[test]
fn linux_of_before() {
    let look = read(OLD);
    assert_eq!(look.faults, Vec::<String>::new());
    // (no MemAvailable: what is free, and what the caches would give back)
    assert_eq!(look.mem, Some(((8108 + 117_916 + 47_548) << 10, 255_576 << 10)));
    assert_eq!(look.swap, Some((100 << 10, 524_280 << 10)));
    assert_eq!(look.nets[1], ("eth0".into(), 1_215_645, 1_782_404));
    assert_eq!((mounts(&look), look.pressure), (vec![("/", 91)], None));
}

#[test]
fn darwin() {
    let look = read(DARWIN);
    assert_eq!(look.faults, Vec::<String>::new());
    assert_eq!((look.cpu_percent, look.load), (Some(20.0), Some([2.31, 1.98, 1.87])));
    assert_eq!(look.mem, Some((370_000 * 16384, 17_179_869_184)));
    assert_eq!(look.swap, Some((((1011.75 * 1024.0) as u64) << 10, 2 << 30)));
    assert_eq!((look.uptime, look.processes), (Some(309_600.0), Some(512)));
    assert_eq!(mounts(&look), [("/", 2), ("/System/Volumes/Data", 44), ("/Volumes/My Disk", 78)]);
    let names: Vec<_> = look.nets.iter().map(|n| (n.0.as_str(), n.1)).collect();
    assert_eq!(names, [("lo0", 3_456_789), ("gif0", 0), ("en0", 8_765_432_100), ("utun0", 1200)]);
    let app = &look.running[2];
    assert_eq!((app.pid, app.percent, app.rss), (901, Some(99.8), 51_200 << 10));
    assert!(app.command.ends_with("MacOS/Some App"), "{app:?}");
    assert_eq!(gauges(&look, &look, Duration::from_secs(5)).cpu, Some(20.0));
}

#[test]
fn freebsd() {
    let look = read(FREEBSD);
    assert_eq!(look.faults, Vec::<String>::new());
    assert_eq!(look.cpu, Some(Ticks { busy: 1600, all: 10_000 }));
    assert_eq!(look.cores, [Ticks { busy: 800, all: 5000 }; 2]);
    assert_eq!(look.mem, Some((1_200_000 * 4096, 8_554_106_880)));
    assert_eq!(look.swap, Some((512 << 20, 4 << 30)));
    assert_eq!((look.uptime, look.load, look.processes), (Some(309_600.0), Some([0.52, 0.41, 0.38]), Some(67)));
    assert_eq!(look.nets, [("em0".into(), 1_234_567_890, 987_654_321), ("lo0".into(), 100_000, 100_000)]);
    assert_eq!(mounts(&look), [("/", 20), ("/tmp", 0), ("/boot/efi", 1)]);
}

#[test]
fn openbsd_and_netbsd() {
    let look = read(OPENBSD);
    assert_eq!(look.faults, Vec::<String>::new());
    assert_eq!(look.cpu, Some(Ticks { busy: 3500, all: 10_000 }));
    assert_eq!(look.mem, Some((250_000 * 4096, 2_130_571_264)));
    assert_eq!(look.swap, Some((256 << 20, 1 << 30)));
    assert_eq!((look.uptime, look.load), (Some(3.0 * 86_400.0 + 14.0 * 3600.0 + 60.0), Some([0.08, 0.12, 0.09])));
    assert_eq!(look.nets[1], ("em0".into(), 123_456_789, 98_765_432));
    assert_eq!(mounts(&look), [("/", 10), ("/home", 97)]);
    let look = read(NETBSD);
    assert_eq!((look.cpu, look.mem), (Some(Ticks { busy: 160, all: 1000 }), Some((610_000 * 4096, 4 << 30))));
    assert_eq!((look.uptime, look.load), (Some(50_460.0), Some([0.1, 0.2, 0.3])));
}

#[test]
fn times_since_the_start_as_people_write_them() {
    let up = |text: &str| super::tables::uptime(&format!("12:13  up {text}, 2 users, load average: 0.10, 0.20, 0.30"));
    assert_eq!(
        [up("5 mins"), up("3:05"), up("1 day, 2 hrs"), up("45 secs")],
        [Some(300.0), Some(11_100.0), Some(93_600.0), Some(45.0)]
    );
    assert_eq!(super::tables::uptime("no"), None);
    assert_eq!(super::tables::load("load averages: 0,52 0,41 0,38"), Some([0.52, 0.41, 0.38]));
}

#[test]
fn names_with_anything_in_them() {
    let stat = "42 (a) R (b)) S 1 1 1 0 -1 1 1 1 1 1 250 50 0 0 20 0 1 0 100 1000 10 1";
    let p = super::linux::process(stat, 4096).unwrap();
    assert_eq!((p.pid, p.command.as_str(), p.used, p.rss), (42, "a) R (b)", Some(3.0), 40_960));
    for odd in ["", "1", "1 (", "1 ()", ") 1 (", "1 (x) S", "x (y) S 1 1 1 0 -1 1 1 1 1 1 2 5"] {
        assert_eq!(super::linux::process(odd, 4096), None, "{odd}");
    }
    let disks = super::linux::diskstats(
        "8 0 sda 1 0 100 0 1 0 200 0 0 0 0\n8 1 sda1 1 0 100 0 1 0 200 0 0 0 0\n259 0 nvme0n1 1 0 8 0 1 0 2 0 0 0 0\n259 1 nvme0n1p1 1 0 8 0 1 0 2 0 0 0 0\n253 0 dm-0 1 0 100 0 1 0 200 0 0 0 0\n",
    );
    assert_eq!(disks, Some((108 * 512, 202 * 512)));
}

/// Everything a gauge can show is within its scale.
fn is_sane(g: &Gauges) {
    let percent = |p: f32| (0.0..=100.0).contains(&p);
    assert!(g.cpu.is_none_or(percent) && g.cores.iter().all(|c| percent(*c)), "{g:?}");
    assert!(g.mem_used <= g.mem_total && g.swap_used <= g.swap_total);
    assert!(g.disks.iter().all(|d| d.used <= d.total && percent(d.percent())));
    assert!(g.load.is_none_or(|l| l.is_finite() && l >= 0.0));
    let rate = |n: &Net| n.rx.unwrap_or(0).max(n.tx.unwrap_or(0)) <= 1 << 40;
    assert!(g.nets.iter().all(rate) && g.disk_read.unwrap_or(0) <= 1 << 40);
    assert!(g.temps.iter().all(|t| t.celsius.is_finite() && t.celsius.abs() < 1000.0));
    assert!(g.top.iter().all(|p| p.cpu.is_finite() && p.cpu >= 0.0));
    assert!(serde_json::to_vec(g).unwrap().len() < 128 << 10);
}

/// Every text cut anywhere, with every byte another, with numbers that no counter has: never a panic, never nonsense.
#[test]
fn malformed_texts_say_nothing_wrong() {
    let huge = u64::MAX.to_string();
    let whole = LINUX.replace('1', &huge);
    for text in ALL.into_iter().chain([whole.as_str()]) {
        let good = read(text);
        let step = (text.len() / 300).max(1);
        for at in (0..text.len()).step_by(step) {
            let at = text.floor_char_boundary(at);
            for bad in [
                text[..at].to_string(),
                format!("{}\u{0}{}", &text[..at], &text[at..]),
                format!("{} -1 NaN inf 1e999 {huge}9 % : = @ é \n@df\n/ 1 2 3 4% /\n{}", &text[..at], &text[at..]),
                text[at..].to_string(),
            ] {
                let look = read(&bad);
                for (a, b) in [(&good, &look), (&look, &good), (&look, &look)] {
                    is_sane(&gauges(a, b, Duration::from_secs(5)));
                }
            }
        }
    }
    assert_eq!(read("").faults, ["CPU: can't be read there", "memory: can't be read there"]);
    assert_eq!(read("bash: /proc/stat: Permission denied\n").faults.len(), 2);
}
