//! Owns who else has a device open: looked for in /proc. Leaves out the words to a person, and locks.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A program that has it open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    /// As the kernel names it. Untrusted.
    pub program: String,
    /// Of a session process of thub: the session's id.
    pub session: Option<String>,
}

/// Majors of the terminals' ends of pseudo terminals (Linux, admin-guide/devices.txt).
const PTYS: std::ops::RangeInclusive<u32> = 136..=143;

/// A device's major and minor number.
#[allow(clippy::unnecessary_cast)] // (narrower on macOS)
pub fn numbers(rdev: u64) -> (u32, u32) {
    let device = rdev as rustix::fs::Dev;
    (rustix::fs::major(device), rustix::fs::minor(device))
}

pub fn is_pty(rdev: u64) -> bool {
    cfg!(target_os = "linux") && PTYS.contains(&numbers(rdev).0)
}

/// Who has that device open, as far as this user may see; `proc` is where /proc is mounted. Whoever has made a pseudo
/// terminal holds it as well, and is not meant.
pub fn find(proc: &Path, device: &Metadata) -> Option<Holder> {
    let me = std::process::id();
    let pids = std::fs::read_dir(proc).ok()?.flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids.filter(|pid| *pid != me) {
        let dir = proc.join(pid.to_string());
        let Ok(open) = std::fs::read_dir(dir.join("fd")) else { continue };
        let is_it = |entry: std::fs::DirEntry| {
            // (most are sockets and files: a link's text costs less than a look at what it leads to)
            let link = std::fs::read_link(entry.path()).ok()?;
            if !link.as_os_str().as_encoded_bytes().starts_with(b"/dev/") {
                return None;
            }
            let there = std::fs::metadata(entry.path()).ok()?;
            let same = there.rdev() == device.rdev()
                && (!is_pty(device.rdev()) || (there.dev(), there.ino()) == (device.dev(), device.ino()));
            same.then_some(())
        };
        if open.flatten().find_map(is_it).is_none() || (is_pty(device.rdev()) && made(&dir, device)) {
            continue;
        }
        let program = std::fs::read_to_string(dir.join("comm")).unwrap_or_default().trim_end().to_string();
        let session = std::fs::read(dir.join("cmdline")).ok().and_then(|line| session_of(&line));
        return Some(Holder { pid, program, session });
    }
    None
}

/// Whether a process has the other end of a pseudo terminal.
fn made(process: &Path, device: &Metadata) -> bool {
    let Ok(open) = std::fs::read_dir(process.join("fd")) else { return false };
    let (major, minor) = numbers(device.rdev());
    let number = major.saturating_sub(*PTYS.start()) * 256 + minor;
    open.flatten().any(|entry| {
        let is_master =
            std::fs::read_link(entry.path()).is_ok_and(|l| l.as_os_str().as_encoded_bytes().ends_with(b"ptmx"));
        let info = process.join("fdinfo").join(entry.file_name());
        is_master && std::fs::read_to_string(info).is_ok_and(|info| tty_index(&info) == Some(number))
    })
}

/// The number of the pseudo terminal that a master's fdinfo names.
pub fn tty_index(info: &str) -> Option<u32> {
    info.lines().find_map(|l| l.strip_prefix("tty-index:"))?.trim().parse().ok()
}

/// The session that a command line (words ended by NUL) is the process of.
pub fn session_of(line: &[u8]) -> Option<String> {
    let words: Vec<&[u8]> = line.split(|b| *b == 0).collect();
    let at = words.iter().position(|w| *w == b"session").filter(|at| *at > 0)?;
    (*words.get(at + 1)? == b"--id")
        .then(|| String::from_utf8_lossy(words.get(at + 2).copied().unwrap_or_default()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_it_is_read_from_proc() {
        assert_eq!(tty_index("pos:\t0\nflags:\t0100002\ntty-index:\t7\n"), Some(7));
        assert_eq!((tty_index(""), tty_index("tty-index:\tx")), (None, None));
        assert_eq!(session_of(b"/usr/bin/thub\0session\0--id\0k3f9\0").as_deref(), Some("k3f9"));
        for other in
            [&b"session\0--id\0x\0"[..], b"thub\0session", b"thub\0session\0--id", b"picocom\0/dev/ttyUSB0\0", b""]
        {
            assert!(session_of(other).is_none_or(|id| id.is_empty()), "{other:?}");
        }
    }
}
