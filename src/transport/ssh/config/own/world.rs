//! Owns what the parser asks of this machine: [`World`], and [`Machine`], the real one. Leaves out what is made of it.

use super::super::Me;
use super::glob;
use super::words::{latin, os};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// More is no ssh_config.
const FILE_MOST: u64 = 16 << 20;

/// A file, and what says whether it is to be trusted.
pub struct Opened {
    pub text: Vec<u8>,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
}

/// Texts are Latin-1 ([`super::words`]).
pub trait World {
    fn me(&self) -> &Me;
    fn machine(&self) -> String;
    fn env(&self, name: &str) -> Option<String>;
    /// Where `~` and `~user` lead.
    fn home_of(&self, user: &str) -> Option<String>;
    fn read(&self, path: &str) -> std::io::Result<Opened>;
    fn glob(&self, pattern: &str) -> Vec<String>;
    /// Does nobody but the owner belong to this group?
    fn is_private(&self, gid: u32, owner: u32) -> bool;
    /// Runs a `Match exec`: did it end with 0?
    fn run(&self, command: &str) -> Result<bool, String>;
    /// The TCP port of a name in services(5).
    fn service(&self, name: &str) -> Option<u16>;
    fn interface(&self, name: &str) -> Option<u32>;
    /// Has this name an address of that family (4, 6, or any)?
    fn has_address(&self, name: &str, family: Option<u8>) -> bool;
    /// The addresses of this machine's interfaces.
    fn addresses(&self) -> Vec<IpAddr>;
    fn exists(&self, path: &str) -> bool;
}

/// This machine. Made within a runtime, used outside its threads.
pub struct Machine {
    me: Me,
    runtime: tokio::runtime::Handle,
    until: Instant,
}

impl Machine {
    pub fn new(me: Me, within: Duration) -> Machine {
        Machine { me, runtime: tokio::runtime::Handle::current(), until: Instant::now() + within }
    }
}

/// Lines of a database under /etc, their fields parted by colons.
fn database(path: &str) -> Vec<Vec<String>> {
    let text = std::fs::read(path).unwrap_or_default();
    latin(&text).lines().map(|l| l.split(':').map(str::to_string).collect()).collect()
}

impl World for Machine {
    fn me(&self) -> &Me {
        &self.me
    }
    fn machine(&self) -> String {
        latin(rustix::system::uname().nodename().to_bytes())
    }
    fn env(&self, name: &str) -> Option<String> {
        if name.is_empty() || name.contains(['=', '\0']) {
            return None;
        }
        std::env::var_os(os(name)).map(|v| latin(v.as_bytes()))
    }
    fn home_of(&self, user: &str) -> Option<String> {
        let entry = database("/etc/passwd").into_iter().find(|e| e.first().is_some_and(|n| n == user))?;
        entry.into_iter().nth(5)
    }
    fn read(&self, path: &str) -> std::io::Result<Opened> {
        if Instant::now() > self.until {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        let file = std::fs::File::open(Path::new(&os(path)))?;
        let about = file.metadata()?;
        let mut text = Vec::new();
        // a directory is opened and read as an empty file, as ssh does
        if !about.is_dir() {
            file.take(FILE_MOST + 1).read_to_end(&mut text)?;
        }
        if text.len() as u64 > FILE_MOST {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        Ok(Opened { text, uid: about.uid(), gid: about.gid(), mode: about.mode() })
    }
    fn glob(&self, pattern: &str) -> Vec<String> {
        glob::files(pattern)
    }
    fn is_private(&self, gid: u32, owner: u32) -> bool {
        let field = |e: &[String], i: usize| e.get(i).cloned().unwrap_or_default();
        let users = database("/etc/passwd");
        let Some(name) = users.iter().find(|e| field(e, 2) == owner.to_string()).map(|e| field(e, 0)) else {
            return false;
        };
        let primary = users.iter().filter(|e| field(e, 3) == gid.to_string()).map(|e| field(e, 0));
        let group = database("/etc/group").into_iter().find(|e| field(e, 2) == gid.to_string());
        let listed = group.map(|e| field(&e, 3)).unwrap_or_default();
        let mut members = primary.chain(listed.split(',').filter(|m| !m.is_empty()).map(str::to_string)).peekable();
        members.peek().is_some() && members.all(|m| m == name)
    }
    fn run(&self, command: &str) -> Result<bool, String> {
        let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
        let mut child = tokio::process::Command::new(&shell);
        child.arg("-c").arg(os(command)).kill_on_drop(true);
        // the terminal is the TUI's: nothing is read from it, nothing said on it
        child.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let left = self.until.saturating_duration_since(Instant::now());
        let ended = self.runtime.block_on(async { tokio::time::timeout(left, child.status()).await });
        match ended {
            Err(_) => Err("it did not end in time".into()),
            Ok(Err(e)) => Err(format!("{}: {e}", shell.to_string_lossy())),
            Ok(Ok(status)) => status.code().map(|c| c == 0).ok_or_else(|| "a signal ended it".into()),
        }
    }
    fn service(&self, name: &str) -> Option<u16> {
        let text = latin(&std::fs::read("/etc/services").unwrap_or_default());
        text.lines().find_map(|line| {
            let mut words = line.split('#').next()?.split_ascii_whitespace();
            let (first, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
            (first == name || words.any(|w| w == name)).then(|| port.parse().ok())?
        })
    }
    fn interface(&self, name: &str) -> Option<u32> {
        std::fs::read_to_string(Path::new("/sys/class/net").join(Path::new(&os(name)).file_name()?).join("ifindex"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }
    fn has_address(&self, name: &str, family: Option<u8>) -> bool {
        use std::net::ToSocketAddrs;
        let found = (name, 22).to_socket_addrs();
        found.is_ok_and(|mut all| all.any(|a| family.is_none_or(|f| (f == 4) == a.is_ipv4())))
    }
    fn addresses(&self) -> Vec<IpAddr> {
        let trie = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
        let six = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
        local_v4(&trie).map(IpAddr::V4).chain(local_v6(&six).map(IpAddr::V6)).collect()
    }
    fn exists(&self, path: &str) -> bool {
        Path::new(&os(path)).exists()
    }
}

/// Addresses of `/proc/net/fib_trie` that are this machine's: one in a line, under it what it is (proc(5), "LOCAL").
fn local_v4(trie: &str) -> impl Iterator<Item = Ipv4Addr> {
    let lines =
        trie.lines().zip(trie.lines().skip(1)).filter(|(_, next)| next.trim_start().starts_with("/32 host LOCAL"));
    lines.filter_map(|(line, _)| line.trim_start().strip_prefix("|-- ")?.parse().ok())
}

/// Addresses of `/proc/net/if_inet6`: 32 hexadecimal digits begin a line.
fn local_v6(list: &str) -> impl Iterator<Item = Ipv6Addr> {
    list.lines()
        .filter_map(|l| u128::from_str_radix(l.split(' ').next().filter(|a| a.len() == 32)?, 16).ok())
        .map(Ipv6Addr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine() {
        let trie = "Main:\n  +-- 0.0.0.0/0 2 0 2\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 10.0.0.0/24 2 1 2\n        |-- 10.0.0.5\n           /32 host LOCAL\n        |-- 10.0.0.255\n           /32 link BROADCAST\n";
        assert_eq!(local_v4(trie).collect::<Vec<_>>(), [Ipv4Addr::new(10, 0, 0, 5)]);
        let six = "00000000000000000000000000000001 01 80 10 80       lo\nx\n";
        assert_eq!(local_v6(six).collect::<Vec<_>>(), [Ipv6Addr::LOCALHOST]);
    }
}
