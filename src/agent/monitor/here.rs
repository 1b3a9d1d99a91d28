//! Owns looks at this machine: on Linux /proc, read as it is for the price of some opened files; elsewhere, and for processes
//! and temperatures, sysinfo. Leaves out when it is looked, and what two looks say (`look`). Only this file names sysinfo.
//!
//! What costs more is looked at less often: disks and temperatures, and processes only for who wants to see them.

use super::look::{Look, Running};
use crate::proto::gauges::{Disk, Gauges, Temp};
use std::collections::HashMap;
use sysinfo::{Components, Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

/// Every so many looks those at disks and temperatures.
const SELDOM: u32 = 5;

pub struct Here {
    looks: u32,
    /// Of processes and, elsewhere than on Linux, of all.
    system: Option<System>,
    components: Option<Components>,
    disks: Vec<Disk>,
    temps: Vec<Temp>,
    users: HashMap<u32, String>,
    #[cfg(not(target_os = "linux"))]
    networks: Option<sysinfo::Networks>,
}

impl Here {
    pub fn new() -> Here {
        Here {
            looks: 0,
            system: None,
            components: None,
            disks: Vec::new(),
            temps: Vec::new(),
            users: HashMap::new(),
            #[cfg(not(target_os = "linux"))]
            networks: None,
        }
    }

    /// Looks now; may wait for a disk. `detail` = at processes, too.
    pub fn look(&mut self, detail: bool) -> Look {
        let seldom = self.looks.is_multiple_of(SELDOM);
        self.looks = self.looks.wrapping_add(1);
        let mut look = self.counters();
        if seldom {
            self.disks = disks();
            self.temps = self.temperatures();
        }
        look.disks = Some(self.disks.clone());
        look.temps = self.temps.clone();
        if detail {
            look.running = self.processes();
            look.processes = u32::try_from(look.running.len()).ok();
        } else {
            // what was read of them is of no use any more
            self.users.clear();
            #[cfg(target_os = "linux")]
            {
                self.system = None;
            }
        }
        super::parse::missing(&mut look);
        look
    }

    fn temperatures(&mut self) -> Vec<Temp> {
        let components = match &mut self.components {
            Some(components) => {
                components.refresh(true);
                components
            }
            none => match Components::new_with_refreshed_list() {
                Ok(components) => none.insert(components),
                Err(_) => return Vec::new(),
            },
        };
        let row = |c: &sysinfo::Component| {
            Some(Temp { name: c.label().trim().to_string(), celsius: c.temperature().filter(|t| t.is_finite())? })
        };
        components.iter().filter_map(row).take(Gauges::ROWS).collect()
    }

    fn processes(&mut self) -> Vec<Running> {
        if self.users.is_empty() {
            self.users = users();
        }
        let system = match &mut self.system {
            Some(system) => system,
            none => match System::new() {
                Ok(system) => none.insert(system),
                Err(_) => return Vec::new(),
            },
        };
        let what = ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .with_user(UpdateKind::OnlyIfNotSet)
            .with_cmd(UpdateKind::OnlyIfNotSet)
            .without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
        let row = |(pid, p): (&Pid, &sysinfo::Process)| {
            let words: Vec<_> = p.cmd().iter().map(|w| w.to_string_lossy()).collect();
            let command = if words.is_empty() { p.name().to_string_lossy().into_owned() } else { words.join(" ") };
            let uid = p.user_id().and_then(|u| u.to_string().parse::<u32>().ok());
            Running {
                pid: pid.as_u32(),
                user: uid.map(|u| self.users.get(&u).cloned().unwrap_or_else(|| u.to_string())).unwrap_or_default(),
                used: Some(p.accumulated_cpu_time() as f64 / 1000.0),
                percent: None,
                rss: p.memory(),
                command: command.chars().take(Gauges::COMMAND).collect(),
            }
        };
        system.processes().iter().map(row).collect()
    }

    #[cfg(target_os = "linux")]
    fn counters(&mut self) -> Look {
        use super::parse::linux;
        let mut faults = Vec::new();
        let mut read = |path: &str| match std::fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) => {
                faults.push(format!("{path}: {e}"));
                String::new()
            }
        };
        let (cpu, cores) = linux::stat(&read("/proc/stat"));
        let (mem, swap) = linux::meminfo(&read("/proc/meminfo"));
        let (load, _) = linux::loadavg(&read("/proc/loadavg"));
        let uptime = read("/proc/uptime").split(' ').next().and_then(|w| w.parse().ok());
        let nets = linux::net(&read("/proc/net/dev"));
        // (a container may have none of these, a kernel may be without: no fault)
        let may = |path: &str| std::fs::read_to_string(path).ok();
        let disk_io = may("/proc/diskstats").and_then(|text| linux::diskstats(&text));
        let mut pressure = None;
        for of in ["cpu", "memory", "io"] {
            if let Some(text) = may(&format!("/proc/pressure/{of}")) {
                linux::pressure(pressure.get_or_insert_default(), of, &text);
            }
        }
        Look { cpu, cores, mem, swap, load, uptime, nets, disk_io, pressure, faults, ..Look::default() }
    }

    #[cfg(not(target_os = "linux"))]
    fn counters(&mut self) -> Look {
        use sysinfo::{CpuRefreshKind, MemoryRefreshKind, Networks, RefreshKind};
        let what = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_usage())
            .with_memory(MemoryRefreshKind::everything());
        let mut look = Look::default();
        let system = match &mut self.system {
            Some(system) => {
                system.refresh_specifics(what);
                Some(system)
            }
            none => System::new_with_specifics(what).ok().map(|system| none.insert(system)),
        };
        if let Some(system) = system {
            look.cpu_percent = Some(system.global_cpu_usage());
            look.mem = Some((system.total_memory().saturating_sub(system.used_memory()), system.total_memory()));
            look.swap = Some((system.used_swap(), system.total_swap()));
        }
        look.load = System::load_average().ok().map(|l| [l.one as f32, l.five as f32, l.fifteen as f32]);
        look.uptime = System::uptime().ok().map(|s| s as f64);
        let networks = match &mut self.networks {
            Some(networks) => {
                networks.refresh(true);
                Some(networks)
            }
            none => Networks::new_with_refreshed_list().ok().map(|networks| none.insert(networks)),
        };
        if let Some(networks) = networks {
            let row = |(name, data): (&String, &sysinfo::NetworkData)| {
                (name.clone(), data.total_received(), data.total_transmitted())
            };
            look.nets = networks.iter().map(row).collect();
        }
        look
    }
}

/// Real file systems on own disks: each device once. No network's is asked, for its server may never answer.
#[cfg(target_os = "linux")]
fn disks() -> Vec<Disk> {
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut disks: Vec<(String, Disk)> = Vec::new();
    for (device, mount) in mounts(&text) {
        let known = disks.iter().position(|d| d.0 == device);
        if known.is_some_and(|at| disks[at].1.mount.len() <= mount.len()) {
            continue;
        }
        let Ok(fs) = rustix::fs::statvfs(mount.as_str()) else { continue };
        let bytes = |blocks: u64| blocks.saturating_mul(fs.f_frsize);
        let (used, total) = (bytes(fs.f_blocks.saturating_sub(fs.f_bfree)), bytes(fs.f_blocks));
        if total == 0 {
            continue;
        }
        let disk = Disk { mount, used, total, available: Some(bytes(fs.f_bavail)) };
        match known {
            Some(at) => disks[at].1 = disk,
            None => disks.push((device, disk)),
        }
    }
    disks.into_iter().map(|d| d.1).take(Gauges::ROWS).collect()
}

/// Devices and where they are mounted, of /proc/self/mountinfo; the root file system in any case.
#[cfg(target_os = "linux")]
fn mounts(text: &str) -> Vec<(String, String)> {
    let row = |line: &str| {
        let (own, rest) = line.split_once(" - ")?;
        let mount = own.split(' ').nth(4)?;
        let mut rest = rest.split(' ');
        let (kind, source) = (rest.next()?, rest.next()?);
        let image = ["squashfs", "iso9660", "erofs", "cramfs"].contains(&kind);
        let real = (source.starts_with("/dev/") && !image) || ["zfs", "btrfs", "bcachefs"].contains(&kind);
        (real || mount == "/").then(|| {
            // of a pool one row: its data sets share what is free
            let device = if kind == "zfs" { source.split('/').next().unwrap_or(source) } else { source };
            (device.to_string(), unescaped(mount))
        })
    };
    text.lines().filter_map(row).filter(|(_, mount)| !is_file(mount)).take(1000).collect()
}

/// A single file that is mounted, as containers have them.
#[cfg(target_os = "linux")]
fn is_file(mount: &str) -> bool {
    mount.starts_with("/etc/")
}

/// `\040` is a blank.
#[cfg(target_os = "linux")]
fn unescaped(mount: &str) -> String {
    let mut out = Vec::new();
    let bytes = mount.as_bytes();
    let mut at = 0;
    while let Some(b) = bytes.get(at) {
        let octal = bytes.get(at + 1..at + 4).and_then(|d| std::str::from_utf8(d).ok());
        match octal.and_then(|d| u8::from_str_radix(d, 8).ok()).filter(|_| *b == b'\\') {
            Some(byte) => {
                out.push(byte);
                at += 4;
            }
            None => {
                out.push(*b);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(not(target_os = "linux"))]
fn disks() -> Vec<Disk> {
    let Ok(all) = sysinfo::Disks::new_with_refreshed_list() else { return Vec::new() };
    let mut disks: Vec<Disk> = Vec::new();
    for disk in all.iter() {
        let (total, mount) = (disk.total_space(), disk.mount_point().to_string_lossy().into_owned());
        let used = total.saturating_sub(disk.available_space());
        // (volumes of one pool share what is free)
        if total > 0 && !disks.iter().any(|d| d.total == total && d.used == used) {
            disks.push(Disk { mount, used, total, available: None });
        }
    }
    disks.truncate(Gauges::ROWS);
    disks
}

/// Names of users, as far as the file has them.
fn users() -> HashMap<u32, String> {
    let text = std::fs::read("/etc/passwd").map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
    let row = |line: &str| {
        let mut words = line.split(':');
        let name = words.next().filter(|n| !n.is_empty())?;
        Some((words.nth(1)?.parse().ok()?, name.to_string()))
    };
    text.lines().filter_map(row).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_seen() {
        let mut here = Here::new();
        let look = here.look(true);
        assert!(look.cpu.is_some() && look.mem.is_some() && look.uptime.is_some() && look.load.is_some());
        assert_eq!(look.faults, Vec::<String>::new());
        let me = look.running.iter().find(|p| p.pid == std::process::id()).unwrap();
        assert!(me.rss > 1 << 20 && !me.command.is_empty() && !me.user.is_empty(), "{me:?}");
        assert!(look.disks.unwrap().iter().any(|d| d.mount == "/"));
        let less = here.look(false);
        assert!(less.running.is_empty() && here.system.is_none());
    }

    #[test]
    fn each_device_is_named_once_and_no_server_is_asked() {
        let text = "\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 8:1 /var/lib /var/lib/x rw - ext4 /dev/sda1 rw
24 22 0:5 / /dev rw - devtmpfs udev rw
25 22 8:2 / /media/a\\040b rw - vfat /dev/sdb1 rw
26 22 0:40 / /net/nas rw - nfs4 nas:/export rw
27 22 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro
28 22 0:50 / /tank rw - zfs tank rw
29 22 0:51 / /tank/home rw - zfs tank/home rw
30 22 8:1 /x /etc/hosts rw - ext4 /dev/sda1 rw
nonsense
31 - ext4
";
        let found = mounts(text);
        let found: Vec<_> = found.iter().map(|(d, m)| (d.as_str(), m.as_str())).collect();
        let all = [
            ("/dev/sda1", "/"),
            ("/dev/sda1", "/var/lib/x"),
            ("/dev/sdb1", "/media/a b"),
            ("tank", "/tank"),
            ("tank", "/tank/home"),
        ];
        assert_eq!(found, all);
        let overlay = "1 0 0:99 / / rw - overlay overlay rw";
        assert_eq!(mounts(overlay), [("overlay".to_string(), "/".to_string())]);
    }
}
