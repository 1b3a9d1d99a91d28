//! Owns who and where we are: the user database, the machine's name and ids, who is at the other end of a socket.
//! Leaves out what is allowed to whom.

use crate::failure::Failure;
use crate::paths::Paths;
use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

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

/// The process that listens at the other end of a connected unix socket; none where the kernel does not record it, or it is
/// of another PID namespace.
pub fn peer_pid(fd: impl AsFd) -> Option<u32> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return u32::try_from(rustix::net::sockopt::socket_peercred(fd).ok()?.pid.as_raw_nonzero().get()).ok();
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = fd;
        None
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

    #[test]
    fn of_this_machine() {
        assert!(passwd().is_some());
        assert!(!machine_id().is_empty() && !hostname().is_empty());
    }

    #[test]
    fn peers() {
        let (a, _b) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(peer_uid(&a).unwrap(), rustix::process::geteuid().as_raw());
        let (pipe, _w) = rustix::pipe::pipe().unwrap();
        assert!(peer_uid(&pipe).is_err());
    }
}
