//! Owns what a process is to the system: its name, its split in two, its descriptors, signals, limits, and what /proc says of
//! another. Leaves out which ones there are (`own` starts ours).

use rustix::process::{Pid, Resource, Rlimit};
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::path::PathBuf;

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

/// A variable of the environment that is for this process alone: what it starts does not get it. It stays where another
/// thread might look at the environment just now, and where the system does not tell whether there is one.
pub fn take_variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?;
    if std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1) {
        // SAFETY: this is the only thread
        unsafe { std::env::remove_var(name) };
    }
    Some(value)
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

/// The program gets a session of its own: what is typed at this terminal (`^C`) is not meant for it, and where the
/// scheduler shares processors out by session (sched(7), autogroup) its time is not counted as this process's.
pub fn in_own_session(command: &mut tokio::process::Command) {
    // SAFETY: one system call between fork and exec; who leads a session already is refused, which is as well
    unsafe {
        command.pre_exec(|| {
            let _ = rustix::process::setsid();
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

/// The command line of the leader of a process group: its program's file name and its arguments, raw but for what is no
/// UTF-8, cut after `most` bytes. Its name alone where it has none (a zombie).
pub fn foreground_line(pgid: i32, most: usize) -> Option<String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(format!("/proc/{pgid}/cmdline")).ok()?;
    // (a path to the program does not count)
    file.take(4096).read_to_end(&mut bytes).ok()?;
    let mut words = bytes.split(|b| *b == 0);
    let program = words.next().unwrap_or_default();
    let program = program.rsplit(|b| *b == b'/').next().unwrap_or_default();
    if program.is_empty() {
        return foreground_command(pgid);
    }
    let words = std::iter::once(program).chain(words.filter(|word| !word.is_empty()));
    let mut line = String::from_utf8_lossy(&words.collect::<Vec<_>>().join(&b' ')).into_owned();
    line.truncate(line.floor_char_boundary(most));
    Some(line)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_processes() {
        let me = std::process::id() as i32;
        assert!(process_start_time(me).is_some());
        assert_eq!(cwd_of(me), std::env::current_dir().ok());
        assert!(foreground_command(me).is_some());
        let line = foreground_line(me, 4096).unwrap();
        assert!(!line.starts_with('/') && line.len() > 2, "{line}");
        assert_eq!(foreground_line(me, 2).unwrap(), line[..2]);
        assert_eq!(process_start_time(i32::MAX), None);
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1234 20";
        assert_eq!(parse_start_time(stat), Some(1234));
        assert!(pidfd(Pid::INIT).is_ok());
    }
}
