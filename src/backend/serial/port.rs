//! Owns a serial device of this machine: what may be opened as one, its settings, its lines, its bytes. Leaves out what becomes
//! of them, and waiting for one that is away.
//!
//! A device is looked at before it is opened, as opening some does something (a watchdog begins to count); after that the
//! descriptor is asked whether it is the one that was looked at. It is never opened so that it could block.

use super::holder::{self, Holder};
use crate::proto::control::connections::Serial;
use crate::text::short;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{ControlModes, OptionalActions};
use serialport::{DataBits, FlowControl, Parity, SerialPort, StopBits, TTYPort};
use std::fs::Metadata;
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// What was sent before a port is let go of gets so long to leave it.
const LEAVE: Duration = Duration::from_millis(200);

/// Why a port is not open: whether waiting may help, a sentence, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    pub kind: Shutness,
    pub why: String,
    pub next: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutness {
    Absent,
    Denied,
    Held,
    /// No port at all, or one that is not to be had.
    Wrong,
}

fn shut(kind: Shutness, why: impl Into<String>, next: impl Into<String>) -> Shut {
    Shut { kind, why: why.into(), next: next.into() }
}

/// Names a session of thub by its id.
pub type Sessions<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A word on who has a device.
pub fn whose(device: &str, holder: Option<&Holder>, sessions: Sessions) -> Shut {
    let (why, next) = match holder {
        None => (
            format!("{device} is in use by another program"),
            format!("`fuser {device}` as root names it: end it there first"),
        ),
        Some(Holder { session: Some(id), .. }) => {
            let name = sessions(id).unwrap_or_else(|| id.clone());
            let word = crate::text::shell(&name);
            (
                format!("{device} is open in the session {} of thub", short(&name, 64)),
                format!(
                    "`thub attach {word}` shows it, `thub attach --watch {word}` only looks on, `thub kill {word}` ends it"
                ),
            )
        }
        Some(Holder { pid, program, .. }) => (
            format!("{device} is open in {} (process {pid})", short(program, 40)),
            format!("leave {} there, or `kill {pid}`", short(program, 40)),
        ),
    };
    shut(Shutness::Held, why, next)
}

/// The device a path leads to, if it is one that may be opened as a port.
fn device(path: &str) -> Result<(PathBuf, Metadata), Shut> {
    let shown = short(path, 100);
    let lists = "`thub serial` lists the ports there are";
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            shut(Shutness::Absent, format!("{shown} is not there"), lists)
        }
        io::ErrorKind::PermissionDenied => {
            shut(Shutness::Denied, format!("this user may not look at {shown}"), "see who owns its directory")
        }
        _ => shut(Shutness::Wrong, format!("{shown} can't be looked at: {e}"), lists),
    };
    let real = std::fs::canonicalize(path).map_err(failed)?;
    let meta = std::fs::metadata(&real).map_err(failed)?;
    let kind = meta.file_type();
    let is = match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_file() => "a file",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () if kind.is_block_device() => "a disk",
        () => "",
    };
    let wrong = |why: String| Err(shut(Shutness::Wrong, why, lists));
    if !is.is_empty() {
        return wrong(format!("{shown} is {is}, not a serial port"));
    }
    if !real.starts_with("/dev") {
        return wrong(format!("{shown} leads to {}: serial ports are under /dev", short(&real.to_string_lossy(), 100)));
    }
    if !is_terminal(&meta) {
        return wrong(format!("{shown} is a device, but not a serial port"));
    }
    if cfg!(target_os = "linux") && is_console(holder::numbers(meta.rdev())) {
        return wrong(format!("{shown} is this machine's own console, not a serial port"));
    }
    Ok((real, meta))
}

/// The screens of this machine, and whichever of its terminals the kernel talks to (Linux, admin-guide/devices.txt): what is
/// set there somebody else needs otherwise.
fn is_console((major, minor): (u32, u32)) -> bool {
    (major == 4 && minor < 64) || (major, minor) == (5, 1)
}

/// Whether the kernel has a device for a terminal, as far as that can be said without opening it.
fn is_terminal(meta: &Metadata) -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let (major, minor) = holder::numbers(meta.rdev());
    // the terminal of whoever asks, and the maker of new ones
    if major == 5 && matches!(minor, 0 | 2) {
        return false;
    }
    let listed = Path::new("/sys/dev/char");
    let subsystem = std::fs::read_link(listed.join(format!("{major}:{minor}/subsystem")));
    holder::is_pty(meta.rdev()) || !listed.exists() || subsystem.is_ok_and(|s| s.ends_with("tty"))
}

/// An open port.
pub struct Port {
    fd: AsyncFd<OwnedFd>,
    /// The same device, for what the crate knows to set.
    tty: TTYPort,
    /// What the driver would not take, in a word each.
    pub marks: Vec<String>,
    /// Somebody else has it open as well.
    pub shared: Option<Holder>,
}

impl Drop for Port {
    fn drop(&mut self) {
        // (a pseudo terminal that its maker still holds would stay shut for others)
        let _ = rustix::termios::ioctl_tiocnxcl(self.fd.get_ref());
    }
}

impl Port {
    /// Opens it with its settings. `again` = it was open before: what comes first must not be lost, and who else has it open
    /// is only told.
    pub fn open(config: &Serial, again: bool, sessions: Sessions) -> Result<Port, Shut> {
        let (path, meta) = device(&config.port)?;
        let name = short(&config.port, 100);
        let holder = || holder::find(Path::new("/proc"), &meta);
        // (a pseudo terminal's number is soon somebody else's: there it is never taken at once)
        let first = !again || holder::is_pty(meta.rdev());
        if first && let Some(holder) = holder() {
            return Err(whose(&name, Some(&holder), sessions));
        }
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd =
            rustix::fs::open(&path, flags, Mode::empty()).map_err(|e| unopened(e, &name, &meta, holder, sessions))?;
        let stat = rustix::fs::fstat(&fd).map_err(|e| broken(e, &name))?;
        #[allow(clippy::unnecessary_cast)] // (narrower on macOS)
        let same =
            FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev as u64 == meta.rdev();
        if !same {
            return Err(shut(Shutness::Absent, format!("{name} is another device by now"), "try again"));
        }
        let mut modes = rustix::termios::tcgetattr(&fd).map_err(|e| broken(e, &name))?;
        if rustix::fs::flock(&fd, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(whose(&name, holder().as_ref(), sessions));
        }
        let _ = rustix::termios::ioctl_tiocexcl(&fd);
        modes.make_raw();
        modes.control_modes |= ControlModes::CREAD | ControlModes::CLOCAL;
        rustix::termios::tcsetattr(&fd, OptionalActions::Now, &modes).map_err(|e| broken(e, &name))?;
        let other = rustix::io::fcntl_dupfd_cloexec(&fd, 3).map_err(|e| broken(e, &name))?;
        // SAFETY: the descriptor is ours alone and open, and goes into the port, which closes it.
        let tty = unsafe { TTYPort::from_raw_fd(other.into_raw_fd()) };
        let fd = crate::sys::watched(fd).map_err(|e| shut(Shutness::Wrong, format!("{name}: {e}"), "try again"))?;
        let mut port = Port { fd, tty, marks: Vec::new(), shared: None };
        port.set(config);
        if !first {
            port.shared = holder();
        }
        Ok(port)
    }

    /// Some drivers know no such thing and say so; what can be set is.
    fn set(&mut self, config: &Serial) {
        let mut not = Vec::new();
        let mut tried = |what: &str, result: serialport::Result<()>| {
            if result.is_err() {
                not.push(format!("{what} not taken"));
            }
        };
        let bits = match config.data_bits {
            5 => DataBits::Five,
            6 => DataBits::Six,
            7 => DataBits::Seven,
            _ => DataBits::Eight,
        };
        tried("data bits", self.tty.set_data_bits(bits));
        let stop = if config.stop_bits == 2 { StopBits::Two } else { StopBits::One };
        tried("stop bits", self.tty.set_stop_bits(stop));
        let parity = match config.parity.as_str() {
            "odd" => Parity::Odd,
            "even" => Parity::Even,
            _ => Parity::None,
        };
        tried("parity", self.tty.set_parity(parity));
        let flow = match config.flow_control.as_str() {
            "software" => FlowControl::Software,
            "hardware" => FlowControl::Hardware,
            _ => FlowControl::None,
        };
        tried("flow control", self.tty.set_flow_control(flow));
        tried("speed", self.tty.set_baud_rate(config.baud_rate));
        for (what, line) in [("DTR", config.dtr), ("RTS", config.rts)] {
            if let Some(on) = line {
                tried(
                    what,
                    if what == "DTR" {
                        self.tty.write_data_terminal_ready(on)
                    } else {
                        self.tty.write_request_to_send(on)
                    },
                );
            }
        }
        // a driver takes the speed it can do that is next to what it was asked for
        if let Ok(rate) = self.tty.baud_rate()
            && rate.abs_diff(config.baud_rate) > config.baud_rate / 33
        {
            not.push(format!("runs at {rate}"));
        }
        self.marks = not;
    }

    /// Changes the speed.
    pub fn set_speed(&mut self, config: &Serial) -> Result<(), String> {
        self.tty.set_baud_rate(config.baud_rate).map_err(|e| e.to_string())?;
        self.set(config);
        Ok(())
    }

    pub fn set_dtr(&mut self, on: bool) -> Result<(), String> {
        self.tty.write_data_terminal_ready(on).map_err(|e| e.to_string())
    }

    pub fn set_rts(&mut self, on: bool) -> Result<(), String> {
        self.tty.write_request_to_send(on).map_err(|e| e.to_string())
    }

    pub fn set_break(&self, on: bool) -> Result<(), String> {
        let set = if on { self.tty.set_break() } else { self.tty.clear_break() };
        set.map_err(|e| e.to_string())
    }

    /// What came: at least a byte.
    ///
    /// # Errors
    /// It is gone.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.fd.readable().await?;
            match ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut *buf)?)) {
                // a terminal that was hung up on is at its end
                Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(done) => return done,
                Err(_would_block) => {}
            }
        }
    }

    /// Writes what is taken just now: at least a byte.
    ///
    /// # Errors
    /// It is gone.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.fd.writable().await?;
            match ready.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), bytes)?)) {
                Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(done) => return done,
                Err(_would_block) => {}
            }
        }
    }

    /// Lets go of it: what was sent last leaves it first, but not for ever (closing would wait for a stopped line).
    pub async fn close(self) {
        let until = tokio::time::Instant::now() + LEAVE;
        while self.tty.bytes_to_write().is_ok_and(|n| n > 0) {
            if tokio::time::Instant::now() > until {
                let _ = self.tty.clear(serialport::ClearBuffer::Output);
                break;
            }
            tokio::time::sleep(LEAVE / 20).await;
        }
    }
}

fn unopened(e: Errno, name: &str, meta: &Metadata, holder: impl Fn() -> Option<Holder>, sessions: Sessions) -> Shut {
    match e {
        Errno::BUSY => whose(name, holder().as_ref(), sessions),
        Errno::ACCESS | Errno::PERM => {
            let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
            let group = group_of(&groups, meta.gid());
            let next = match &group {
                Some(group) if meta.mode() & 0o060 == 0o060 => {
                    format!("`sudo usermod -aG {} $USER`, then log in anew", short(group, 40))
                }
                _ => "see `ls -l` of it for who may".into(),
            };
            let group = group.map(|g| format!(": members of {} may", short(&g, 40))).unwrap_or_default();
            shut(Shutness::Denied, format!("this user may not open {name}{group}"), next)
        }
        Errno::NOENT | Errno::NXIO | Errno::NODEV => shut(
            Shutness::Absent,
            format!("{name} has no hardware behind it"),
            "`thub serial` lists the ports there are",
        ),
        e => broken(e, name),
    }
}

fn broken(e: Errno, name: &str) -> Shut {
    match e {
        Errno::NOTTY => shut(
            Shutness::Wrong,
            format!("{name} is a device, but not a serial port"),
            "`thub serial` lists the ports there are",
        ),
        Errno::IO => shut(
            Shutness::Absent,
            format!("{name} has no hardware behind it (it answers with an error)"),
            "`thub serial` lists the ports there are",
        ),
        e => shut(Shutness::Wrong, format!("{name} can't be opened: {}", io::Error::from(e)), "`dmesg` may say more"),
    }
}

/// The name of a group in /etc/group's text.
pub fn group_of(groups: &str, gid: u32) -> Option<String> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str) -> Shut {
        let config = Serial { port: path.into(), ..Serial::default() };
        Port::open(&config, false, &|_| None).err().expect("it is no port")
    }

    #[tokio::test]
    async fn what_is_no_port_is_refused_in_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
        let made = std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap();
        assert!(made.success());
        std::fs::write(at("file"), "x").unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/null", at("null")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("passwd")).unwrap();
        for (path, says) in [
            (at("fifo"), "is a pipe, not a serial port"),
            (at("file"), "is a file, not a serial port"),
            (at("socket"), "is a socket, not a serial port"),
            (at("passwd"), "is a file, not a serial port"),
            (at("null"), "is a device, but not a serial port"),
            ("/dev/../etc/passwd".into(), "is a file, not a serial port"),
            ("/dev".into(), "is a directory, not a serial port"),
            ("/dev/null".into(), "is a device, but not a serial port"),
            ("/dev/zero".into(), "is a device, but not a serial port"),
            ("/dev/ptmx".into(), "is a device, but not a serial port"),
            ("/dev/tty".into(), "is a device, but not a serial port"),
        ] {
            let shut = refused(&path);
            assert_eq!(shut.kind, Shutness::Wrong, "{path}: {shut:?}");
            assert!(shut.why.contains(says) && shut.next.contains("thub serial"), "{path}: {shut:?}");
        }
        for path in [at("none"), at("file/x"), "/dev/ttyUSB987".into()] {
            assert_eq!(refused(&path).kind, Shutness::Absent, "{path}");
        }
        assert_eq!(refused("/dev/\0x").kind, Shutness::Wrong);
    }

    #[test]
    fn screens_are_no_ports() {
        for (number, is) in [((4, 0), true), ((4, 63), true), ((5, 1), true), ((4, 64), false), ((136, 1), false)] {
            assert_eq!(is_console(number), is, "{number:?}");
        }
        for console in ["/dev/console", "/dev/tty1"].iter().filter(|c| Path::new(c).exists()) {
            let shut = refused(console);
            assert!(shut.kind == Shutness::Wrong, "{shut:?}");
        }
    }

    #[test]
    fn who_has_it_is_named() {
        let names = |id: &str| (id == "k3f9").then(|| "my board".to_string());
        let holder = |session: Option<&str>| Holder {
            pid: 42,
            program: "pico\x1bcom".into(),
            session: session.map(String::from),
        };
        let picocom = whose("/dev/ttyUSB0", Some(&holder(None)), &names);
        assert_eq!(picocom.why, "/dev/ttyUSB0 is open in pico\\u{1b}com (process 42)");
        let ours = whose("/dev/ttyUSB0", Some(&holder(Some("k3f9"))), &names);
        assert_eq!(ours.why, "/dev/ttyUSB0 is open in the session my board of thub");
        assert!(ours.next.contains("thub attach --watch 'my board'"));
        assert!(whose("/dev/x", None, &names).why.contains("another program"));
    }

    #[test]
    fn groups_by_number() {
        let text = "root:x:0:\ndialout:x:20:ann,bob\nbroken\n:x:7:\n";
        assert_eq!(group_of(text, 20).as_deref(), Some("dialout"));
        assert_eq!(group_of(text, 21), None);
    }
}
