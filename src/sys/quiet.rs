//! Owns a terminal that something is asked on without echo: [`Quiet`]. Leaves out what is asked.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

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
