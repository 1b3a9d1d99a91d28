//! Owns what differs between systems, and the calls that need `unsafe`: processes, signals, passwd, peers, file
//! descriptors as streams; what becomes of processes at logout (`logout.rs`, over `dbus.rs`); that the network may be
//! another (`wake.rs`). Leaves out any policy: what to do with it is its callers' matter.

mod dbus;
pub mod logout;
pub mod wake;

use crate::failure::Failure;
use crate::paths::Paths;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Resource, Rlimit};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

pub mod listening;
pub mod own;
pub mod x11;

// ---- for tests

/// A named event that a test may wait for: where `$THUB_TEST_STOP` is a directory with a file of that name, one process
/// that comes by takes the file (it becomes `NAME.PID`) and stops (SIGSTOP) until somebody lets it go on. What is killed
/// then is killed at that very point and at no other. Nothing but a look at a variable otherwise.
pub fn test_point(name: &str) {
    static DIR: std::sync::OnceLock<Option<PathBuf>> = std::sync::OnceLock::new();
    let Some(dir) = DIR.get_or_init(|| std::env::var_os("THUB_TEST_STOP").map(PathBuf::from)) else { return };
    let me = rustix::process::getpid();
    if std::fs::rename(dir.join(name), dir.join(format!("{name}.{}", me.as_raw_nonzero()))).is_ok() {
        let _ = rustix::process::kill_process(me, rustix::process::Signal::STOP);
    }
}

// ---- who and where

/// The socket of the ssh-agent that was lent to this process (`$SSH_AUTH_SOCK`), links followed; none where there is
/// nothing under that name.
pub fn auth_sock() -> Option<String> {
    let path = std::fs::canonicalize(std::env::var_os("SSH_AUTH_SOCK")?).ok()?;
    path.into_os_string().into_string().ok()
}

/// What the system's user database says of the effective user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passwd {
    pub name: String,
    pub home: PathBuf,
    pub shell: PathBuf,
}

impl Paths {
    /// From the environment: THUB_CONFIG_DIR, THUB_STATE_DIR and THUB_RUN_DIR, else the XDG places; home from $HOME,
    /// else as the system knows the effective user. Relative values of ours count from the current directory;
    /// relative XDG values are ignored, as their specification asks.
    ///
    /// # Errors
    /// No home is to be found, or a relative value while the current directory is gone.
    pub fn from_env() -> Result<Paths, Failure> {
        let machine = machine_id();
        let boot = boot_id();
        let home = passwd().map(|p| p.home);
        Paths::from_vars(|name| std::env::var_os(name), home, std::env::current_dir().ok(), &machine, &boot)
    }
}

/// The entry of the effective user. None where the database knows none: LDAP users in a static build.
pub fn passwd() -> Option<Passwd> {
    use std::os::unix::ffi::OsStringExt;
    let uid = rustix::process::geteuid().as_raw();
    let mut buf = vec![0 as libc::c_char; 16 * 1024];
    // SAFETY: passwd is plain old data for which all zeroes is a value
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let mut found: *mut libc::passwd = std::ptr::null_mut();
    // SAFETY: every pointer is valid for the call and the length is the buffer's
    let rc = unsafe { libc::getpwuid_r(uid, &mut entry, buf.as_mut_ptr(), buf.len(), &mut found) };
    if rc != 0 || found.is_null() {
        return None;
    }
    let text = |p: *const libc::c_char| -> Vec<u8> {
        if p.is_null() {
            return Vec::new();
        }
        // SAFETY: getpwuid_r succeeded, so its strings end with NUL inside `buf`, which still lives
        unsafe { CStr::from_ptr(p) }.to_bytes().to_vec()
    };
    let path = |p| PathBuf::from(std::ffi::OsString::from_vec(text(p)));
    Some(Passwd {
        name: String::from_utf8_lossy(&text(entry.pw_name)).into_owned(),
        home: path(entry.pw_dir),
        shell: path(entry.pw_shell),
    })
}

/// Whether the group is the user's own: named like the user and nobody else listed in it, or, where the group has
/// no entry, with the number of the user.
pub fn is_private_group(gid: u32) -> bool {
    let uid = rustix::process::geteuid().as_raw();
    let mut buf = vec![0 as libc::c_char; 64 * 1024];
    // SAFETY: group is plain old data for which all zeroes is a value
    let mut entry: libc::group = unsafe { std::mem::zeroed() };
    let mut found: *mut libc::group = std::ptr::null_mut();
    // SAFETY: every pointer is valid for the call and the length is the buffer's
    let rc = unsafe { libc::getgrgid_r(gid, &mut entry, buf.as_mut_ptr(), buf.len(), &mut found) };
    if rc != 0 {
        return false;
    }
    if found.is_null() {
        return gid == uid;
    }
    let Some(user) = passwd() else { return false };
    // SAFETY: getgrgid_r succeeded: its strings end with NUL inside `buf`
    let is_user = |p: *const libc::c_char| unsafe { CStr::from_ptr(p) }.to_bytes() == user.name.as_bytes();
    if !is_user(entry.gr_name) {
        return false;
    }
    let mut member = entry.gr_mem;
    // SAFETY: gr_mem is a list of such strings that ends with a null pointer; the step is taken only before it
    unsafe {
        while !member.is_null() && !(*member).is_null() {
            if !is_user(*member) {
                return false;
            }
            member = member.add(1);
        }
    }
    true
}

/// Whether this uid stands for users from outside of our user namespace: in a rootless container the host's root
/// owns `/home` under it.
pub fn is_overflow_uid(uid: u32) -> bool {
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u32>().ok();
    if number("/proc/sys/kernel/overflowuid") != Some(uid) {
        return false;
    }
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let whole = map.split_whitespace().eq(["0", "0", "4294967295"]);
    !map.is_empty() && !whole
}

/// The machine's name as the kernel has it; raw, escape it before showing.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Operating system and processor, as Rust names them: `("linux", "x86_64")`.
pub fn os_arch() -> (&'static str, &'static str) {
    (std::env::consts::OS, std::env::consts::ARCH)
}

/// The machine's id in clear: not to be shown or sent ([`Paths`] hashes it).
/// Where the system has none, the machine's name stands in.
pub fn machine_id() -> String {
    let read = |path: &str| std::fs::read_to_string(path).ok().filter(|s| !s.trim().is_empty());
    #[cfg(target_os = "macos")]
    if let Some(id) = sysctl_string(c"kern.hostuuid") {
        return id;
    }
    read("/etc/machine-id").or_else(|| read("/var/lib/dbus/machine-id")).unwrap_or_else(hostname)
}

/// What is another after each boot. Empty where the system tells nothing of the kind: then 'lost at boot' is
/// found out only by trying the sockets.
pub fn boot_id() -> String {
    #[cfg(target_os = "macos")]
    if let Some(id) = sysctl_string(c"kern.bootsessionuuid") {
        return id;
    }
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

#[cfg(target_os = "macos")]
fn sysctl_string(name: &CStr) -> Option<String> {
    let mut buf = [0u8; 128];
    let mut len = buf.len();
    // SAFETY: name ends with NUL, the buffer is `len` long, nothing is set
    let rc = unsafe { libc::sysctlbyname(name.as_ptr(), buf.as_mut_ptr().cast(), &mut len, std::ptr::null_mut(), 0) };
    if rc != 0 {
        return None;
    }
    let text = CStr::from_bytes_until_nul(buf.get(..len)?).ok()?.to_str().ok()?;
    (!text.is_empty()).then(|| text.to_string())
}

/// The user id of the process at the other end of a connected unix socket, as the kernel recorded it.
pub fn peer_uid(fd: impl AsFd) -> io::Result<u32> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return Ok(rustix::net::sockopt::socket_peercred(fd)?.uid.as_raw());
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let (mut uid, mut gid) = (0, 0);
        // SAFETY: the descriptor is borrowed for the call, both pointers are valid
        match unsafe { libc::getpeereid(std::os::fd::AsRawFd::as_raw_fd(&fd.as_fd()), &mut uid, &mut gid) } {
            0 => Ok(uid),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

// ---- processes

/// What `ps` and `top` show for this process; at most 15 bytes count. Does nothing where the system lacks it.
pub fn set_process_name(name: &str) {
    #[cfg(target_os = "linux")]
    if let Ok(name) = std::ffi::CString::new(name) {
        // SAFETY: PR_SET_NAME reads a string that ends with NUL
        unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr(), 0, 0, 0) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = name;
}

/// Which of the two processes this is after [`fork`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fork {
    Parent { child: Pid },
    Child,
}

/// Splits this process in two.
///
/// # Safety
/// The process has one thread only (no runtime's workers either): in the child the other threads are gone together
/// with whatever locks they held.
pub unsafe fn fork() -> io::Result<Fork> {
    // SAFETY: the caller promises a single thread
    match unsafe { libc::fork() } {
        0 => Ok(Fork::Child),
        pid => Pid::from_raw(pid)
            .filter(|_| pid > 0)
            .map(|child| Fork::Parent { child })
            .ok_or_else(io::Error::last_os_error),
    }
}

/// Nobody's terminal or pipe is held on to: standard input, output and error are /dev/null.
pub fn detach_stdio() {
    use rustix::fs::{Mode, OFlags};
    if let Ok(null) = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

/// Closes every file descriptor from `first` on.
///
/// # Safety
/// Nothing that is still used owns one of them: right after [`fork`], before the first file is opened.
pub unsafe fn close_from(first: RawFd) {
    #[cfg(target_os = "linux")]
    // SAFETY: plain numbers; the caller promises that nobody misses the descriptors
    if unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) } == 0 {
        return;
    }
    // a kernel older than 5.9, or another system
    for fd in open_fds() {
        if fd >= first {
            // SAFETY: as above; one that is closed already gives EBADF
            unsafe { libc::close(fd) };
        }
    }
}

/// What the user had before this process took care of itself: given back to the programs it starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inherited {
    pub umask: u32,
    /// The soft limit of core dumps, bytes; none = no limit.
    pub core: Option<u64>,
}

/// From here on new files are the user's alone, and no dump of this process holds a key.
pub fn take_care() -> Inherited {
    Inherited { umask: umask(0o077), core: core_limit(Some(0)).unwrap_or(Some(0)) }
}

/// The program that will be started gets descriptors 0, 1 and 2 alone, and the user's own umask and core limit.
pub fn hand_on(command: &mut tokio::process::Command, inherited: Inherited) {
    // SAFETY: between fork and exec numbers are set by system calls, and nothing is allocated
    unsafe {
        command.pre_exec(move || {
            cloexec_from(3);
            umask(inherited.umask);
            let _ = core_limit(inherited.core);
            Ok(())
        })
    };
}

/// Sees to it that no descriptor from `first` on outlives an exec. Allocates nothing: fit for between fork and exec.
pub fn cloexec_from(first: RawFd) {
    #[cfg(target_os = "linux")]
    // SAFETY: CLOSE_RANGE_CLOEXEC (4) sets a flag and closes nothing
    if unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 4) } == 0 {
        return;
    }
    let most = rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(1024).min(65536);
    for fd in first..most as RawFd {
        // SAFETY: sets a flag of a descriptor by its number; EBADF does no harm
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

fn open_fds() -> Vec<RawFd> {
    let list = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    if let Ok(entries) = std::fs::read_dir(list) {
        return entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
    }
    let most = rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(1024).min(65536);
    (0..most as RawFd).collect()
}

/// All signals to what they do by default, none blocked: as a user's program expects to start.
pub fn reset_signals() {
    for signal in 1..32 {
        // SAFETY: SIG_DFL is no handler of ours; KILL and STOP refuse with EINVAL, which is fine
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // those the C library keeps for itself: it refuses to name them, and starts programs with some of them ignored
    #[cfg(target_os = "linux")]
    for signal in 32..=64 {
        let default = [0u64; 4];
        // SAFETY: a kernel sigaction of zeroes is SIG_DFL without flags; 8 is the size of its signal set
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), std::ptr::null::<u64>(), 8usize) };
    }
    // SAFETY: sigset_t is plain data filled by sigemptyset; the old mask is not asked for
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
}

/// From now on the signal (`libc::SIGHUP`, `libc::SIGPIPE`) does nothing. Goes on over exec: see [`reset_signals`].
pub fn ignore(signal: libc::c_int) {
    // SAFETY: SIG_IGN is no handler of ours
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// A handle of a process that becomes readable when it ends, and never means another one.
#[cfg(target_os = "linux")]
pub fn pidfd(pid: Pid) -> io::Result<OwnedFd> {
    Ok(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?)
}

/// When the process started, in the kernel's ticks since boot (field 22 of its stat): with the pid it names one
/// process for ever. None where there is no such process, or no /proc.
pub fn process_start_time(pid: i32) -> Option<u64> {
    parse_start_time(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The command's name in field 2 may hold spaces and parentheses, so the fields count from the last `)`.
fn parse_start_time(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// The directory a process is in; None where it is gone or not ours to know.
pub fn cwd_of(pid: i32) -> Option<PathBuf> {
    let path = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    // a removed directory reads as `/x (deleted)`
    path.is_dir().then_some(path)
}

/// Processes started by this one that are still there. Empty where the system does not tell.
pub fn children(pid: Pid) -> Vec<Pid> {
    let pid = pid.as_raw_nonzero();
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_ascii_whitespace().filter_map(|p| Pid::from_raw(p.parse().ok()?)).collect()
}

/// The name of the leader of a process group: what runs in the foreground. At most 15 bytes, raw.
pub fn foreground_command(pgid: i32) -> Option<String> {
    let name = std::fs::read(format!("/proc/{pgid}/comm")).ok()?;
    let name = String::from_utf8_lossy(&name).trim_end_matches('\n').to_string();
    (!name.is_empty()).then_some(name)
}

/// Sets which permissions new files lack; returns what was set before.
pub fn umask(mask: u32) -> u32 {
    let mask = rustix::fs::Mode::from_bits_truncate(mask as rustix::fs::RawMode);
    #[allow(clippy::unnecessary_cast)] // RawMode is 16 bits on macOS
    let old = rustix::process::umask(mask).bits() as u32;
    old
}

/// Sets the soft limit of core dumps in bytes (None = no limit; never above the hard one) and returns the one
/// before, to be given back to the user's programs.
pub fn core_limit(soft: Option<u64>) -> io::Result<Option<u64>> {
    let old = rustix::process::getrlimit(Resource::Core);
    let current = match (soft, old.maximum) {
        (Some(soft), Some(hard)) => Some(soft.min(hard)),
        (None, hard) => hard,
        (soft, None) => soft,
    };
    rustix::process::setrlimit(Resource::Core, Rlimit { current, maximum: old.maximum })?;
    Ok(old.current)
}

// ---- a terminal asked on

/// A terminal that echoes nothing and hands over each byte, its own signal keys included. What it was comes back when
/// this is dropped, and before a signal ends the process. One at a time.
pub struct Quiet {
    tty: OwnedFd,
    before: libc::termios,
    signals: Vec<(libc::c_int, libc::sigaction)>,
}

/// What [`give_back`] needs: the descriptor, and settings that are never freed.
static QUIET_FD: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(-1);
static QUIET_BEFORE: std::sync::atomic::AtomicPtr<libc::termios> =
    std::sync::atomic::AtomicPtr::new(std::ptr::null_mut());

/// Async-signal-safe: the settings back, then the signal's own end.
extern "C" fn give_back(signal: libc::c_int) {
    use std::sync::atomic::Ordering;
    let (fd, before) = (QUIET_FD.load(Ordering::SeqCst), QUIET_BEFORE.load(Ordering::SeqCst));
    // SAFETY: the settings are leaked on purpose, the descriptor is open as long as it is in QUIET_FD
    unsafe {
        if fd >= 0 && !before.is_null() {
            libc::tcsetattr(fd, libc::TCSANOW, before);
        }
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

impl Quiet {
    /// Makes a terminal quiet; what was typed before it is thrown away, as it was no answer.
    ///
    /// # Errors
    /// Where it is none.
    pub fn new(tty: OwnedFd) -> io::Result<Quiet> {
        use std::sync::atomic::Ordering;
        let fd = tty.as_raw_fd();
        // SAFETY: termios and sigaction are plain data, filled by the calls; zeroes are an empty mask and no flags
        unsafe {
            let mut before: libc::termios = std::mem::zeroed();
            if libc::tcgetattr(fd, &mut before) != 0 {
                return Err(io::Error::last_os_error());
            }
            let mut quiet = Quiet { tty, before, signals: Vec::new() };
            QUIET_BEFORE.store(Box::leak(Box::new(before)), Ordering::SeqCst);
            QUIET_FD.store(fd, Ordering::SeqCst);
            for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
                let mut ours: libc::sigaction = std::mem::zeroed();
                let mut old: libc::sigaction = std::mem::zeroed();
                let handler: extern "C" fn(libc::c_int) = give_back;
                ours.sa_sigaction = handler as libc::sighandler_t;
                // what is ignored stays so (nohup)
                if libc::sigaction(signal, std::ptr::null(), &mut old) == 0
                    && old.sa_sigaction != libc::SIG_IGN
                    && libc::sigaction(signal, &ours, std::ptr::null_mut()) == 0
                {
                    quiet.signals.push((signal, old));
                }
            }
            let mut now = before;
            now.c_lflag &= !(libc::ECHO | libc::ECHONL | libc::ICANON | libc::ISIG | libc::IEXTEN);
            now.c_iflag |= libc::ICRNL;
            now.c_iflag &= !(libc::INLCR | libc::IGNCR | libc::IXON);
            if let Some(least) = now.c_cc.get_mut(libc::VMIN) {
                *least = 1;
            }
            if let Some(time) = now.c_cc.get_mut(libc::VTIME) {
                *time = 0;
            }
            if libc::tcsetattr(fd, libc::TCSAFLUSH, &now) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(quiet)
        }
    }
    pub fn tty(&self) -> BorrowedFd<'_> {
        self.tty.as_fd()
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: both are what the system gave; what is still unread was typed for nobody
        unsafe {
            libc::tcsetattr(self.tty.as_raw_fd(), libc::TCSAFLUSH, &self.before);
            QUIET_FD.store(-1, std::sync::atomic::Ordering::SeqCst);
            for (signal, old) in &self.signals {
                libc::sigaction(*signal, old, std::ptr::null_mut());
            }
        }
    }
}

// ---- time

/// Seconds that the user's zone is ahead of UTC at a time given in seconds since 1970.
#[allow(clippy::unnecessary_cast)] // both have 32 bits on some systems
pub fn utc_offset(unix: i64) -> i64 {
    let time = unix as _;
    // SAFETY: tm is plain data for which all zeroes is a value; localtime_r reads one integer and fills one struct, ours
    unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&raw const time, &raw mut tm).is_null() { 0 } else { tm.tm_gmtoff as i64 }
    }
}

/// The time now in UTC: `2026-02-19T08:30:00Z`.
pub fn now_rfc3339() -> String {
    rfc3339(SystemTime::now())
}

/// UTC to the second: `2026-02-19T08:30:00Z`. Before 1970 is 1970, after 9999 its end.
pub fn rfc3339(time: SystemTime) -> String {
    const END: u64 = 253_402_300_799;
    let secs = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()).min(END);
    let (days, second) = (secs / 86400, secs % 86400);
    // days since 0000-03-01 in eras of 400 years: Howard Hinnant's civil_from_days
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads RFC 3339 with `Z` or an offset; a fraction of a second is dropped. None for anything else and before 1970.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    let digits = |range: std::ops::Range<usize>| -> Option<u64> {
        let part = text.get(range)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let is = |at: usize, any: &[u8]| text.as_bytes().get(at).is_some_and(|b| any.contains(b));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(leap),
        _ => return None,
    };
    if day == 0 || day > longest || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let after = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if after.len() == fraction.len() {
            return None;
        }
        rest = after;
    }
    let offset: i64 = match rest.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] if [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()) => {
            let two = |a: &u8, b: &u8| i64::from(a - b'0') * 10 + i64::from(b - b'0');
            let (h, m) = (two(h1, h2), two(m1, m2));
            if h > 23 || m > 59 {
                return None;
            }
            (h * 3600 + m * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    // days_from_civil, the way back of the above
    let y = year.checked_sub(u64::from(month <= 2))?;
    let (era, yoe) = (y / 400, y % 400);
    let mp = (month + 9) % 12;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + (153 * mp + 2) / 5 + day - 1;
    let days = i64::try_from(era * 146_097 + doe).ok()? - 719_468;
    let secs = days * 86400 + i64::try_from(hour * 3600 + minute * 60 + second).ok()? - offset;
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(secs).ok()?))
}

// ---- file descriptors as streams

/// A descriptor that is asked not to block while it is ours, and given back as it was.
#[derive(Debug)]
struct Side {
    fd: Polled,
    /// To be restored: the open file may be shared with who started us.
    flags: OFlags,
}

#[derive(Debug)]
enum Polled {
    Waits(AsyncFd<OwnedFd>),
    /// A plain file or /dev/null: never waits, and epoll takes none of them.
    Ready(OwnedFd),
}

impl Side {
    fn new(fd: OwnedFd, interest: Interest) -> io::Result<Side> {
        let flags = fcntl_getfl(&fd)?;
        fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        let fd = match async_fd(fd, interest) {
            Ok(fd) => Polled::Waits(fd),
            Err((fd, why)) => {
                if why.raw_os_error() != Some(libc::EPERM) {
                    let _ = fcntl_setfl(&fd, flags);
                    return Err(why);
                }
                Polled::Ready(fd)
            }
        };
        Ok(Side { fd, flags })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.fd {
            Polled::Waits(fd) => fd.get_ref().as_fd(),
            Polled::Ready(fd) => fd.as_fd(),
        }
    }

    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        write: bool,
        mut act: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let done = match &self.fd {
                Polled::Ready(fd) => act(fd.as_fd()),
                Polled::Waits(fd) => {
                    let mut guard = ready!(if write { fd.poll_write_ready(cx) } else { fd.poll_read_ready(cx) })?;
                    match guard.try_io(|fd| act(fd.as_fd())) {
                        Ok(done) => done,
                        Err(_would_block) => continue,
                    }
                }
            };
            match done {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                done => return Poll::Ready(done),
            }
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = fcntl_setfl(self.fd(), self.flags);
    }
}

/// A beat that wakes the process exactly once each time: a runtime's timer wheel wakes more often to sort itself.
pub struct Beat {
    #[cfg(target_os = "linux")]
    fd: AsyncFd<OwnedFd>,
    #[cfg(not(target_os = "linux"))]
    every: tokio::time::Interval,
}

impl Beat {
    /// The first beat comes after `first`.
    #[cfg(target_os = "linux")]
    pub fn new(first: Duration, every: Duration) -> io::Result<Beat> {
        use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
        let fd =
            rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let spec = |d: Duration| Timespec { tv_sec: d.as_secs() as i64, tv_nsec: d.subsec_nanos().into() };
        rustix::time::timerfd_settime(
            &fd,
            TimerfdTimerFlags::empty(),
            &Itimerspec { it_interval: spec(every), it_value: spec(first) },
        )?;
        Ok(Beat { fd: async_fd(fd, Interest::READABLE).map_err(|(_, e)| e)? })
    }
    #[cfg(not(target_os = "linux"))]
    pub fn new(first: Duration, every: Duration) -> io::Result<Beat> {
        Ok(Beat { every: tokio::time::interval_at(tokio::time::Instant::now() + first, every) })
    }

    /// The next beat. Cancel-safe.
    pub async fn next(&mut self) {
        #[cfg(target_os = "linux")]
        loop {
            let Ok(mut ready) = self.fd.readable().await else { return std::future::pending().await };
            let mut count = [0u8; 8];
            if ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut count)?)).is_ok() {
                return;
            }
        }
        #[cfg(not(target_os = "linux"))]
        self.every.tick().await;
    }
}

/// The pages of this program's own code and constants. A process that has nothing to do gives them back: those in use
/// are mapped again as they are touched. What lives for weeks and does little should weigh little.
#[derive(Default)]
pub struct OwnPages {
    /// From, to. The program's file stays mapped where it is as long as the process lives.
    ranges: Vec<(usize, usize)>,
}

impl OwnPages {
    /// Looks them up; none where the system does not say.
    pub fn find() -> OwnPages {
        let mut found = OwnPages::default();
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        let exe = std::fs::read_link("/proc/self/exe").unwrap_or_default();
        let mut mapping = None;
        for line in smaps.lines() {
            let mut words = line.split_ascii_whitespace();
            match (words.next(), words.next()) {
                (Some(range), Some(rights)) if ends(range).is_some() => {
                    let ours = line.splitn(6, ' ').last().is_some_and(|path| Path::new(path.trim_start()) == exe);
                    mapping = ends(range).filter(|_| ours && matches!(rights, "r-xp" | "r--p"));
                }
                // constants that were relocated have pages of their own: those must stay
                (Some("Anonymous:"), Some("0")) => found.ranges.extend(mapping.take()),
                _ => {}
            }
        }
        found
    }

    pub fn give_back(&self) {
        #[cfg(target_os = "linux")]
        for &(from, to) in &self.ranges {
            // SAFETY: a private mapping of the program's file, not writable and with no page of its own, holds nothing
            // but the file's bytes, and is never unmapped: what is dropped is read again from it
            unsafe { libc::madvise(from as *mut libc::c_void, to.saturating_sub(from), libc::MADV_DONTNEED) };
        }
    }
}

/// `from-to` in hexadecimal, as a line of smaps begins.
fn ends(range: &str) -> Option<(usize, usize)> {
    let (from, to) = range.split_once('-')?;
    Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
}

/// A descriptor whose readiness can be awaited.
pub fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    async_fd(fd, Interest::READABLE | Interest::WRITABLE).map_err(|(_, e)| e)
}

/// Registers a non-blocking descriptor with the runtime. On an error (EPERM for plain files and /dev/null) it is
/// given back.
pub fn async_fd(fd: OwnedFd, interest: Interest) -> Result<AsyncFd<OwnedFd>, (OwnedFd, io::Error)> {
    // SAFETY: an OwnedFd is one descriptor as long as it lives, and AsyncFd drops it only after it is deregistered
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(|e| e.into_parts())
}

/// A stream over one descriptor (a pseudo terminal's master) or two (stdin and stdout). They are made non-blocking
/// while it lives, and then given back their flags. EIO, which a pseudo terminal says once its last user is gone,
/// reads as the end. Must be made and used inside a tokio runtime with I/O.
#[derive(Debug)]
pub struct FdStream {
    read: Option<Side>,
    /// None: the same as `read`.
    write: Option<Side>,
    one: bool,
    shut: bool,
}

impl FdStream {
    /// Both ways over one descriptor.
    pub fn new(fd: impl Into<OwnedFd>) -> io::Result<FdStream> {
        let side = Side::new(fd.into(), Interest::READABLE | Interest::WRITABLE)?;
        Ok(FdStream { read: Some(side), write: None, one: true, shut: false })
    }

    /// Reads from one, writes to the other; shutting down closes the latter.
    pub fn pair(read: impl Into<OwnedFd>, write: impl Into<OwnedFd>) -> io::Result<FdStream> {
        let read = Side::new(read.into(), Interest::READABLE)?;
        let write = Side::new(write.into(), Interest::WRITABLE)?;
        Ok(FdStream { read: Some(read), write: Some(write), one: false, shut: false })
    }

    /// This process's stdin and stdout (as duplicates).
    pub fn stdio() -> io::Result<FdStream> {
        let read = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        let write = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
        FdStream::pair(read, write)
    }

    /// The descriptor read from, for ioctls.
    pub fn read_fd(&self) -> Option<BorrowedFd<'_>> {
        self.read.as_ref().map(Side::fd)
    }

    fn writer(&self) -> io::Result<&Side> {
        let side = if self.one { self.read.as_ref() } else { self.write.as_ref() };
        side.filter(|_| !self.shut).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

impl AsyncRead for FdStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(side) = &self.read else { return Poll::Ready(Ok(())) };
        let got = ready!(side.poll(cx, false, |fd| {
            let space = buf.initialize_unfilled();
            if space.is_empty() { Ok(0) } else { Ok(rustix::io::read(fd, space)?) }
        }));
        match got {
            Ok(n) => buf.advance(n),
            Err(e) if e.raw_os_error() == Some(libc::EIO) => {}
            Err(e) => return Poll::Ready(Err(e)),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FdStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.writer()?.poll(cx, true, |fd| Ok(rustix::io::write(fd, data)?))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(side) = self.read.as_ref().filter(|_| self.one && !self.shut) {
            // only a socket has such a half; a terminal's master says ENOTSOCK
            let _ = rustix::net::shutdown(side.fd(), rustix::net::Shutdown::Write);
        }
        self.write = None;
        self.shut = true;
        Poll::Ready(Ok(()))
    }
}

/// Whether both are the same file, by device and number.
pub fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.dev() == b.dev() && a.ino() == b.ino(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn times() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_771_489_800, "2026-02-19T08:30:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(secs);
            assert_eq!(rfc3339(time), text);
            assert_eq!(parse_rfc3339(text), Some(time), "{text}");
        }
        let same = ["2026-02-19T09:30:00.123+01:00", "2026-02-19 03:00:00-05:30", "2026-02-19t08:30:00z"];
        for text in same {
            assert_eq!(parse_rfc3339(text).map(rfc3339).as_deref(), Some("2026-02-19T08:30:00Z"), "{text}");
        }
        let bad = [
            "",
            "2026-02-30T00:00:00Z",
            "2026-02-19T08:30:00",
            "2026-13-01T00:00:00Z",
            "2026-02-19T08:30:00.Z",
            "1960-01-01T00:00:00Z",
            "2026-02-19T08:30:00+1:00",
            "éééééééééé",
            "+026-02-19T08:30:00Z",
            "0000-01-01T00:00:00Z",
        ];
        for text in bad {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn of_processes() {
        let me = std::process::id() as i32;
        assert!(process_start_time(me).is_some());
        assert_eq!(cwd_of(me), std::env::current_dir().ok());
        assert!(foreground_command(me).is_some());
        assert_eq!(process_start_time(i32::MAX), None);
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1234 20";
        assert_eq!(parse_start_time(stat), Some(1234));
        assert!(passwd().is_some());
        assert!(!machine_id().is_empty() && !hostname().is_empty());
        assert!(pidfd(Pid::INIT).is_ok());
    }

    #[test]
    fn peers() {
        let (a, _b) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(peer_uid(&a).unwrap(), rustix::process::geteuid().as_raw());
        let (pipe, _w) = rustix::pipe::pipe().unwrap();
        assert!(peer_uid(&pipe).is_err());
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn pipes_flow_and_end() {
        runtime().block_on(async {
            let (r1, w1) = rustix::pipe::pipe().unwrap();
            let (r2, w2) = rustix::pipe::pipe().unwrap();
            let mut a = FdStream::pair(r1, w2).unwrap();
            let mut b = FdStream::pair(r2, w1).unwrap();
            let big = vec![7u8; 300_000];
            let (sent, got) = tokio::join!(
                async {
                    a.write_all(&big).await.unwrap();
                    a.shutdown().await
                },
                async {
                    let mut all = Vec::new();
                    b.read_to_end(&mut all).await.map(|_| all)
                }
            );
            sent.unwrap();
            assert_eq!(got.unwrap(), big);
            assert!(a.write_all(b"x").await.is_err());
            b.write_all(b"back").await.unwrap();
            drop(b);
            let mut text = String::new();
            a.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "back");
        });
    }

    #[test]
    fn a_terminal_that_is_left_is_the_end() {
        runtime().block_on(async {
            use rustix::pty;
            let master = pty::openpt(pty::OpenptFlags::RDWR | pty::OpenptFlags::NOCTTY).unwrap();
            pty::unlockpt(&master).unwrap();
            let name = pty::ptsname(&master, Vec::new()).unwrap();
            let slave = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, rustix::fs::Mode::empty()).unwrap();
            let mut stream = FdStream::new(master).unwrap();
            rustix::io::write(&slave, b"hi").unwrap();
            let mut buf = [0; 16];
            assert_eq!(stream.read(&mut buf).await.unwrap(), 2);
            drop(slave);
            assert_eq!(stream.read(&mut buf).await.unwrap(), 0);
        });
    }

    #[test]
    fn files_that_never_wait() {
        runtime().block_on(async {
            let null = || std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
            let mut stream = FdStream::pair(null(), null()).unwrap();
            assert_eq!(stream.read(&mut [0; 4]).await.unwrap(), 0);
            stream.write_all(b"gone").await.unwrap();
        });
    }

    #[test]
    fn flags_are_given_back() {
        runtime().block_on(async {
            let (r, w) = rustix::pipe::pipe().unwrap();
            let kept = r.try_clone().unwrap();
            drop(FdStream::pair(r, w).unwrap());
            assert!(!fcntl_getfl(&kept).unwrap().contains(OFlags::NONBLOCK));
        });
    }
}
