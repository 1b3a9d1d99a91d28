//! Owns which TCP ports this machine listens on and who does: `/proc/net/tcp` and `tcp6` (proc(5)), and the sockets among
//! the user's own processes' files. Empty where there is no such /proc. Leaves out what is done with them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt;

/// Most sockets listed.
pub const MOST: usize = 1000;
/// Longest command shown, in bytes: the kernel's own limit.
const COMMAND: usize = 15;

/// Somebody listens there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listening {
    pub address: IpAddr,
    pub port: u16,
    pub uid: u32,
    inode: u64,
    /// Of the process that holds the socket, where that is ours to know.
    pub pid: Option<u32>,
    /// Its name, raw; empty where it is not known.
    pub command: String,
}

/// Every listening socket, in the kernel's order.
fn sockets() -> Vec<Listening> {
    let mut all = Vec::new();
    for name in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // (a line at a time would be a system call a line: the kernel makes a page of them)
        let text = std::fs::read_to_string(name).unwrap_or_default();
        all.extend(text.lines().skip(1).filter_map(parse).take(MOST - all.len().min(MOST)));
    }
    all
}

/// One line; None where it does not listen.
fn parse(line: &str) -> Option<Listening> {
    let mut words = line.split_ascii_whitespace();
    let (address, port) = words.nth(1)?.rsplit_once(':')?;
    if words.nth(1)? != "0A" {
        return None;
    }
    let (uid, inode) = (words.nth(3)?, words.nth(1)?);
    // 32 bits at a time, each as the machine has them in memory
    let part = |at: usize| Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let address = match address.len() {
        8 => IpAddr::from(Ipv4Addr::from(part(0)?)),
        32 => {
            let bytes: Vec<u8> = [part(0)?, part(8)?, part(16)?, part(24)?].concat();
            IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?))
        }
        _ => return None,
    };
    let port = u16::from_str_radix(port, 16).ok()?;
    let (uid, inode) = (uid.parse().ok()?, inode.parse().ok()?);
    Some(Listening { address, port, uid, inode, pid: None, command: String::new() })
}

/// Who holds which socket, among the user's own processes (all, for root).
fn holders(wanted: &[u64]) -> HashMap<u64, (u32, String)> {
    let mut found = HashMap::new();
    let me = rustix::process::geteuid().as_raw();
    let Ok(all) = std::fs::read_dir("/proc") else { return found };
    for entry in all.flatten() {
        if found.len() == wanted.len() {
            break;
        }
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        if me != 0 && !entry.metadata().is_ok_and(|m| m.uid() == me) {
            continue;
        }
        let Ok(files) = std::fs::read_dir(entry.path().join("fd")) else { continue };
        for file in files.flatten() {
            let Ok(target) = std::fs::read_link(file.path()) else { continue };
            let inode = target.to_str().and_then(|t| t.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            let Some(inode) = inode.filter(|i| wanted.contains(i)) else { continue };
            let name = std::fs::read(entry.path().join("comm")).unwrap_or_default();
            let name = String::from_utf8_lossy(&name).trim_end_matches('\n').chars().take(COMMAND).collect();
            // the parent of a forked server comes first, as /proc lists by pid
            found.entry(inode).or_insert((pid, name));
        }
    }
    found
}

fn with_holders(mut all: Vec<Listening>) -> Vec<Listening> {
    let inodes: Vec<u64> = all.iter().map(|l| l.inode).collect();
    let mut holders = holders(&inodes);
    for one in &mut all {
        if let Some((pid, command)) = holders.remove(&one.inode) {
            (one.pid, one.command) = (Some(pid), command);
        }
    }
    all
}

/// What this user's processes listen on, by port.
pub fn mine() -> Vec<Listening> {
    let me = rustix::process::geteuid().as_raw();
    let mut all = with_holders(sockets().into_iter().filter(|l| l.uid == me || me == 0).collect());
    all.sort_by_key(|l| (l.port, l.address));
    all.dedup_by_key(|l| (l.port, l.address));
    all
}

/// Who listens on a port, whoever it is.
pub fn on(port: u16) -> Option<Listening> {
    let all: Vec<Listening> = sockets().into_iter().filter(|l| l.port == port).collect();
    with_holders(all).into_iter().max_by_key(|l| l.pid.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0 100 0 0 10 0";
        let found = parse(line).unwrap();
        assert_eq!((found.address.to_string().as_str(), found.port, found.uid), ("127.0.0.1", 8080, 1000));
        assert_eq!(found.inode, 12345);
        let line =
            "   1: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 77 1";
        let found = parse(line).unwrap();
        assert_eq!((found.address.to_string().as_str(), found.port, found.inode), ("::1", 22, 77));
        assert_eq!(parse(&line.replace(" 0A ", " 01 ")), None, "it does not listen");
        for bad in ["", "a b", "0: zz:1 x 0A", "0: 0100007F:1F90 0 0A 0 0 0 x y z"] {
            assert_eq!(parse(bad), None);
        }
    }

    #[test]
    fn our_own_is_found_with_our_pid() {
        let Ok(listener) = std::net::TcpListener::bind("127.0.0.1:0") else { return };
        let port = listener.local_addr().unwrap().port();
        if std::fs::metadata("/proc/net/tcp").is_err() {
            return;
        }
        let found = mine().into_iter().find(|l| l.port == port).unwrap();
        assert_eq!(found.pid, Some(std::process::id()));
        assert!(!found.command.is_empty());
        assert_eq!(on(port).unwrap().pid, Some(std::process::id()));
        drop(listener);
        assert!(!mine().iter().any(|l| l.port == port && l.pid == Some(std::process::id())));
    }
}
