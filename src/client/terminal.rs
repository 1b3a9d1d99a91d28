//! Owns the outer terminal: opening it, raw mode, its modes, and giving all of it back as it was: on drop, on a
//! panic, on a signal, before a suspend.
//! Leaves out what is drawn (`view::out` makes those bytes) and what the bytes read mean (`term::input`).

use crate::failure::Failure;
use crate::proto::ids::Size;
use crate::text::escape;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{self, InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios};
use std::future::{pending, poll_fn};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::{Mutex, Once, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;
use zeroize::Zeroize;

/// Puts any state of a terminal right that a full-screen program may have left; the last bytes written before the
/// user's shell has it again. In its order: what was begun is given up (CAN, ST, synchronized output), then
/// everything [`enter`] did, backwards, and with it what a program of a pane would have wanted had it been let through.
pub const RESET: &[u8] = concat!(
    "\x18\x1b\\",                        // an unfinished sequence must not swallow the rest
    "\x1b[?2026l",                       // synchronized output
    "\x1b]8;;\x1b\\",                    // a link
    "\x1b[m\x0f\x1b(B",                  // colours; ASCII in G0, and G0 in use
    "\x1b[?1006l\x1b[?1015l\x1b[?1005l", // mouse encodings
    "\x1b[?1003l\x1b[?1002l\x1b[?1000l", // mouse
    "\x1b[?2031l\x1b[?1004l\x1b[?2004l", // light/dark reports, focus, bracketed paste
    "\x1b[<u\x1b[>4;0m\x1b[m",           // kitty's keyboard, modifyOtherKeys
    "\x1b[?1l\x1b>",                     // arrows and keypad
    "\x1b[?69l",                         // left and right margins
    "\x1b[?6l\x1b[4l\x1b[?7h\x1b[r",     // origin, insert, wrap, scroll region
    "\x1b[0 q",                          // cursor's shape
    "\x1b[?1049l",                       // the shell's screen
    "\x1b[?25h",                         // cursor
    "\x1b[23;0t",                        // title
)
.as_bytes();

/// Bytes of a read: as many as a terminal of Linux gives at once.
const READ: usize = 4 << 10;

/// What is switched on while we have the terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Features {
    /// Clicks, drags and the wheel come as input. Off leaves selecting to the outer terminal.
    pub mouse: bool,
}

impl Default for Features {
    fn default() -> Features {
        Features { mouse: true }
    }
}

/// Puts the title on the terminal's stack; once for each [`RESET`], which takes it from there.
const KEEP_TITLE: &[u8] = b"\x1b[22;0t";

/// Goes to the alternate screen, hides the cursor; bracketed paste, focus, mouse.
fn enter(features: Features) -> Vec<u8> {
    let mut out = b"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?1004h".to_vec();
    if features.mouse {
        out.extend_from_slice(MOUSE_ON);
    }
    out
}

/// An entry on the alternate screen's stack of keyboard flags; one for each [`RESET`], which takes it from there.
fn push_keyboard(flags: u8) -> String {
    format!("\x1b[>{flags}u")
}
const POP_KEYBOARD: &[u8] = b"\x1b[<u";

const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1002l\x1b[?1000l";

/// What the outer terminal says to us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TerminalEvent {
    /// Keys, mouse, paste, answers: at most 4 KiB, cut anywhere.
    Bytes(Vec<u8>),
    Resized(Size),
    /// All that was sent has been taken, after it was `pending` for a while: there is room for a frame.
    Drained,
    /// End cleanly: the number of the signal; SIGHUP also when the terminal is gone.
    Terminate(i32),
    /// Back from a suspend, or the terminal had to be set up again: draw everything anew.
    Continued,
}

/// The terminal while it is ours. One at a time in a process. Made and used inside a tokio runtime.
#[derive(Debug)]
pub struct Terminal {
    tty: AsyncFd<OwnedFd>,
    /// It takes no more: asked of a duplicate, and only then, as it would else wake us whenever it has shown something.
    full: Option<AsyncFd<OwnedFd>>,
    features: Features,
    /// The terminal knows kitty's keyboard protocol.
    knows_keyboard: bool,
    /// The flags of it that are wanted.
    keyboard: u8,
    /// What is read goes through here; it may be a password.
    buf: Box<[u8]>,
    queue: Vec<u8>,
    /// How much of the queue is written.
    sent: usize,
    /// The terminal took no more at some point since the last `Drained`.
    held: bool,
    drained: bool,
    /// We gave the terminal back and stopped: set up again at SIGCONT, or now if nobody stopped us.
    suspended: Option<Instant>,
    news: mpsc::UnboundedReceiver<News>,
}

/// What happens beside the terminal.
#[derive(Clone, Copy, Debug)]
enum News {
    Signal(i32),
    /// The panic hook gave the terminal back.
    Restored,
}

/// What the last resort needs: the panic hook knows no `Terminal`.
struct Saved {
    fd: RawFd,
    termios: Termios,
}

/// Some while the terminal is set up; whoever takes it, restores it.
static SAVED: Mutex<Option<Saved>> = Mutex::new(None);

/// Told by the panic hook: if only a task panicked, the terminal has to be set up again.
static RESTORED: tokio::sync::Notify = tokio::sync::Notify::const_new();

impl Terminal {
    /// Takes the controlling terminal: opened afresh, so that no flag of ours leaks to the shell.
    ///
    /// # Errors
    /// A usage failure where there is no terminal, it is a dumb one, or stdin or stdout lead elsewhere.
    pub fn open(features: Features) -> Result<Terminal, Failure> {
        let here = rustix::termios::isatty(rustix::stdio::stdin()) && rustix::termios::isatty(rustix::stdio::stdout());
        if !here {
            return Err(no_terminal("stdin and stdout are not both one"));
        }
        if std::env::var_os("TERM").is_some_and(|t| t == "dumb") {
            return Err(Failure::usage(
                "this terminal cannot place its cursor: TERM is dumb",
                "use another terminal, or set TERM to what it really is, such as TERM=xterm-256color",
            ));
        }
        let mut why = Errno::NXIO;
        for path in ["/dev/tty", "/proc/self/fd/0"] {
            match open_tty(Path::new(path)) {
                Ok(fd) => return Terminal::take(fd, features),
                Err(e) => why = e,
            }
        }
        let name = termios::ttyname(rustix::stdio::stdin(), Vec::new()).map_err(|_| no_terminal(&why.to_string()))?;
        let fd = open_tty(Path::new(&*name.to_string_lossy())).map_err(|e| no_terminal(&e.to_string()))?;
        Terminal::take(fd, features)
    }

    /// Takes the terminal at this path.
    pub fn open_path(path: &Path, features: Features) -> Result<Terminal, Failure> {
        let fd = open_tty(path)
            .map_err(|e| no_terminal(&format!("{}: {}", escape(&path.to_string_lossy()), io::Error::from(e))))?;
        Terminal::take(fd, features)
    }

    fn take(fd: OwnedFd, features: Features) -> Result<Terminal, Failure> {
        let failed = |e: io::Error| no_terminal(&e.to_string());
        let news = listen().map_err(failed)?;
        let tty = crate::sys::async_fd(fd, Interest::READABLE).map_err(|e| failed(e.1))?;
        on_panic();
        let mut terminal = Terminal {
            tty,
            full: None,
            features,
            knows_keyboard: false,
            keyboard: 0,
            buf: vec![0; READ].into(),
            queue: Vec::new(),
            sent: 0,
            held: false,
            drained: false,
            suspended: None,
            news,
        };
        terminal.set_up(true).map_err(failed)?;
        Ok(terminal)
    }

    /// How many cells there are: 80x24 where the terminal does not know, never 0.
    pub fn size(&self) -> Size {
        match termios::tcgetwinsize(self.fd()) {
            Ok(w) => {
                let or = |n: u16, otherwise| if n == 0 { otherwise } else { n };
                Size::new(or(w.ws_col, 80), or(w.ws_row, 24)).clamped()
            }
            Err(_) => Size::new(80, 24),
        }
    }

    /// Queues bytes of `view::out` and writes what the terminal takes at once; never waits. While we are suspended
    /// they are dropped, as everything is drawn anew after it.
    pub fn send(&mut self, bytes: &[u8]) {
        if self.suspended.is_some() || bytes.is_empty() {
            return;
        }
        self.queue.extend_from_slice(bytes);
        self.write_some();
    }

    /// Whether the terminal has not yet taken all that was sent: wait with the next frame for `Drained`.
    pub fn pending(&self) -> bool {
        self.sent < self.queue.len()
    }

    /// Waits until the terminal has taken all; returns at once when it is gone. [`Terminal::next`] writes as well:
    /// this is for the end.
    pub async fn flush(&mut self) {
        while self.pending() && self.suspended.is_none() {
            room(&self.tty, &mut self.full).await;
            self.write_some();
        }
    }

    /// The next thing the terminal or the system says; meanwhile writes what is queued. Cancel safe. After
    /// `Terminate` for a terminal that is gone it gives the same again.
    pub async fn next(&mut self) -> TerminalEvent {
        loop {
            if std::mem::take(&mut self.drained) {
                return TerminalEvent::Drained;
            }
            let out = self.pending() && self.suspended.is_none();
            let suspended = self.suspended;
            tokio::select! {
                biased;
                Some(news) = self.news.recv() => match news {
                    News::Signal(libc::SIGCONT) => return self.resume(),
                    News::Signal(libc::SIGWINCH) => return TerminalEvent::Resized(self.size()),
                    News::Signal(libc::SIGTSTP) => self.suspend(),
                    News::Signal(ends) => return TerminalEvent::Terminate(ends),
                    News::Restored if suspended.is_none() => return self.resume(),
                    News::Restored => {}
                },
                () = async { match suspended {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => pending().await,
                }} => return self.resume(),
                ready = self.tty.readable(), if suspended.is_none() => {
                    let Ok(mut guard) = ready else { return TerminalEvent::Terminate(libc::SIGHUP) };
                    let buf = &mut self.buf[..];
                    match guard.try_io(|fd| Ok(rustix::io::read(fd, &mut *buf)?)) {
                        Ok(Ok(n)) if n > 0 => {
                            crate::sys::emptied(&mut guard, n, READ);
                            let read = buf.get_mut(..n).unwrap_or_default();
                            let bytes = read.to_vec();
                            read.zeroize();
                            return TerminalEvent::Bytes(bytes);
                        }
                        Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                        // the end, EIO, or anything else that a terminal says when it is gone
                        Ok(_) => return TerminalEvent::Terminate(libc::SIGHUP),
                        Err(_would_block) => {}
                    }
                }
                () = room(&self.tty, &mut self.full), if out => self.write_some(),
            }
        }
    }

    /// Gives the terminal back and stops the process group, as Ctrl-Z in a terminal does; returns after the user
    /// went on with it. [`Terminal::next`] says `Continued` then.
    pub fn suspend(&mut self) {
        if self.suspended.is_some() {
            return;
        }
        self.queue.clear();
        self.sent = 0;
        restore();
        stop_group();
        // SIGCONT wakes us. Where nobody waits for us (an orphaned group) the kernel does not stop us at all.
        self.suspended = Some(Instant::now() + Duration::from_millis(100));
    }

    /// Switches the mouse on or off.
    pub fn set_mouse(&mut self, on: bool) {
        if self.features.mouse != on {
            self.features.mouse = on;
            self.send(if on { MOUSE_ON } else { MOUSE_OFF });
        }
    }

    /// The terminal has said that it knows kitty's keyboard protocol: from here on there is an entry of ours on its
    /// stack, until it is given back.
    pub fn know_keyboard(&mut self) {
        if !std::mem::replace(&mut self.knows_keyboard, true) {
            let push = push_keyboard(self.keyboard);
            self.send(push.as_bytes());
        }
    }

    /// Has keys told by these flags of kitty's keyboard protocol (0 to 31), as soon as and if the terminal knows it.
    pub fn set_keyboard(&mut self, flags: u8) {
        if self.keyboard != flags {
            self.keyboard = flags;
            if self.knows_keyboard {
                let set = format!("\x1b[={flags};1u");
                self.send(set.as_bytes());
            }
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.tty.get_ref().as_fd()
    }

    fn resume(&mut self) -> TerminalEvent {
        // what the user's shell left is what it gets back; stopped from outside we never gave it back
        let afresh = self.suspended.take().is_some();
        match self.set_up(afresh) {
            Ok(()) => TerminalEvent::Continued,
            Err(_) => TerminalEvent::Terminate(libc::SIGHUP),
        }
    }

    /// Raw mode and all that [`enter`] says. `afresh`: the modes found are those to be restored.
    fn set_up(&mut self, afresh: bool) -> io::Result<()> {
        wait_for_foreground(self.fd())?;
        let found = termios::tcgetattr(self.fd())?;
        let mut saved = SAVED.lock().unwrap_or_else(PoisonError::into_inner);
        let (keep, still_ours) = match saved.take() {
            Some(old) if !afresh => (old.termios, true),
            _ => (found.clone(), false),
        };
        let mut raw = found;
        raw.make_raw();
        *saved = Some(Saved { fd: self.fd().as_raw_fd(), termios: keep });
        drop(saved);
        if let Err(e) = termios::tcsetattr(self.fd(), OptionalActions::Now, &raw) {
            restore();
            return Err(e.into());
        }
        self.queue.clear();
        self.sent = 0;
        if !still_ours {
            self.queue.extend_from_slice(KEEP_TITLE);
        }
        self.queue.extend_from_slice(&enter(self.features));
        if self.knows_keyboard {
            if still_ours {
                self.queue.extend_from_slice(POP_KEYBOARD);
            }
            self.queue.extend_from_slice(push_keyboard(self.keyboard).as_bytes());
        }
        self.write_some();
        Ok(())
    }

    /// Writes what the terminal takes now. Of one that is gone the bytes are dropped: the read side says so.
    fn write_some(&mut self) {
        while let Some(rest) = self.queue.get(self.sent..).filter(|r| !r.is_empty()) {
            match rustix::io::write(self.fd(), rest) {
                Ok(n) => self.sent += n,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    // keep what is to come, not what is gone
                    if self.sent > 64 * 1024 {
                        self.queue.drain(..self.sent);
                        self.sent = 0;
                    }
                    (self.held, self.drained) = (true, false);
                    return;
                }
                Err(_) => self.sent = self.queue.len(),
            }
        }
        self.queue.clear();
        self.sent = 0;
        self.full = None;
        self.drained |= std::mem::take(&mut self.held);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Waits until the terminal takes more. Cancel-safe.
async fn room(tty: &AsyncFd<OwnedFd>, full: &mut Option<AsyncFd<OwnedFd>>) {
    let ready = match full {
        Some(ready) => ready,
        None => {
            let again = rustix::io::fcntl_dupfd_cloexec(tty.get_ref(), 3).map_err(io::Error::from);
            match again.and_then(|again| crate::sys::async_fd(again, Interest::WRITABLE).map_err(|(_, e)| e)) {
                Ok(ready) => full.insert(ready),
                // (no descriptor to be had)
                Err(_) => return tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    if let Ok(mut guard) = ready.writable().await {
        guard.clear_ready();
    }
}

/// Waits for signals in a task of its own, which ends with who listens: each would else be looked at for each key.
fn listen() -> io::Result<mpsc::UnboundedReceiver<News>> {
    let mut signals = Vec::new();
    for number in
        [libc::SIGHUP, libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGCONT, libc::SIGTSTP, libc::SIGWINCH]
    {
        signals.push((number, signal(SignalKind::from_raw(number))?));
    }
    let (tx, rx) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let any = poll_fn(|cx| {
                // (in the order above)
                let came = signals.iter_mut().find_map(|(number, s)| s.poll_recv(cx).is_ready().then_some(*number));
                came.map_or(Poll::Pending, Poll::Ready)
            });
            let news = tokio::select! {
                biased;
                number = any => News::Signal(number),
                () = RESTORED.notified() => News::Restored,
                () = tx.closed() => return,
            };
            if tx.send(news).is_err() {
                return;
            }
        }
    });
    Ok(rx)
}

fn no_terminal(why: &str) -> Failure {
    Failure::usage(
        format!("thub needs a terminal here ({why})"),
        "run it in a terminal, or use `thub new -d` for a session without one",
    )
}

fn open_tty(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = rustix::fs::open(path, flags, Mode::empty())?;
    termios::tcgetattr(&fd)?;
    Ok(fd)
}

/// In the background of a shell the kernel stops us here until we are in the foreground; an error where nobody
/// could bring us there.
fn wait_for_foreground(fd: BorrowedFd<'_>) -> io::Result<()> {
    match termios::tcsetpgrp(fd, rustix::process::getpgrp()) {
        Err(Errno::IO) => Err(Errno::IO.into()),
        // not our controlling terminal: no job control to heed
        _ => Ok(()),
    }
}

/// Stops the process group by SIGTSTP's default action, for which our handler has to stand aside.
fn stop_group() {
    // SAFETY: sigaction is plain data; zeroes are SIG_DFL with an empty mask; `old` is what was set before, put back
    // as it was. kill(0) means our own process group.
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        let mut old: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGTSTP, &default, &mut old) == 0 {
            libc::kill(0, libc::SIGTSTP);
            libc::sigaction(libc::SIGTSTP, &old, std::ptr::null_mut());
        }
    }
}

/// Gives the terminal back if it is ours; otherwise does nothing. Never blocks for more than half a second.
pub fn restore() {
    // a thread that panicked while it had the lock did so between two plain assignments
    let saved = match SAVED.try_lock() {
        Ok(mut saved) => saved.take(),
        Err(std::sync::TryLockError::Poisoned(p)) => p.into_inner().take(),
        Err(std::sync::TryLockError::WouldBlock) => None,
    };
    let Some(saved) = saved else { return };
    // SAFETY: SAVED is set only while the Terminal that owns the descriptor lives: its drop comes through here first
    let fd = unsafe { BorrowedFd::borrow_raw(saved.fd) };
    give_back(fd, &saved.termios);
}

fn give_back(fd: BorrowedFd<'_>, termios: &Termios) {
    write_within(fd, RESET, Duration::from_millis(500));
    // from the background this would stop us: whoever ends must still leave the terminal right
    without_ttou(|| {
        // reports of a mouse that were on their way must not become the shell's input
        let _ = termios::tcflush(fd, termios::QueueSelector::IFlush);
        let _ = termios::tcsetattr(fd, OptionalActions::Now, termios);
    });
}

/// Writes to a descriptor that may be non-blocking and stopped (Ctrl-S): gives up after `most`.
fn write_within(fd: BorrowedFd<'_>, mut bytes: &[u8], most: Duration) {
    let until = std::time::Instant::now() + most;
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let left = until.saturating_duration_since(std::time::Instant::now());
                if left.is_zero() {
                    return;
                }
                std::thread::sleep(left.min(Duration::from_millis(5)));
            }
            Err(_) => return,
        }
    }
}

fn without_ttou(act: impl FnOnce()) {
    // SAFETY: both sets are plain data, filled by the calls; the old mask is put back as it was
    unsafe {
        let mut ttou: libc::sigset_t = std::mem::zeroed();
        let mut old: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut ttou);
        libc::sigaddset(&mut ttou, libc::SIGTTOU);
        let blocked = libc::pthread_sigmask(libc::SIG_BLOCK, &ttou, &mut old) == 0;
        act();
        if blocked {
            libc::pthread_sigmask(libc::SIG_SETMASK, &old, std::ptr::null_mut());
        }
    }
}

/// From now on a panic gives the terminal back before its message is printed. Where the panic ends a task only, the
/// next [`Terminal::next`] sets it up again.
fn on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let ours = SAVED.try_lock().is_ok_and(|s| s.is_some());
            restore();
            before(info);
            if ours {
                RESTORED.notify_one();
            }
        }));
    });
}

/// Puts the user's terminal right after a crash: [`RESET`], and the modes a shell expects. For `thub reset`.
pub fn reset() -> Result<(), Failure> {
    reset_path(Path::new("/dev/tty"))
}

/// [`reset`] for the terminal at this path.
pub fn reset_path(path: &Path) -> Result<(), Failure> {
    let fd = open_tty(path).map_err(|e| no_terminal(&io::Error::from(e).to_string()))?;
    let mut sane = termios::tcgetattr(&fd).map_err(|e| no_terminal(&io::Error::from(e).to_string()))?;
    make_sane(&mut sane);
    give_back(fd.as_fd(), &sane);
    Ok(())
}

/// As `stty sane`: what has to be so for a shell; sizes, speeds and taste are left alone.
fn make_sane(t: &mut Termios) {
    let input = InputModes::BRKINT | InputModes::ICRNL | InputModes::IXON | InputModes::IMAXBEL;
    t.input_modes |= input;
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    t.input_modes.insert(InputModes::IUTF8);
    t.input_modes &= !(InputModes::IGNBRK
        | InputModes::IGNCR
        | InputModes::INLCR
        | InputModes::INPCK
        | InputModes::ISTRIP
        | InputModes::PARMRK
        | InputModes::IXOFF);
    t.output_modes |= OutputModes::OPOST | OutputModes::ONLCR;
    t.output_modes &= !(OutputModes::OCRNL | OutputModes::ONOCR | OutputModes::ONLRET);
    t.local_modes |= LocalModes::ISIG
        | LocalModes::ICANON
        | LocalModes::IEXTEN
        | LocalModes::ECHO
        | LocalModes::ECHOE
        | LocalModes::ECHOK
        | LocalModes::ECHOCTL
        | LocalModes::ECHOKE;
    t.local_modes &= !(LocalModes::ECHONL | LocalModes::NOFLSH | LocalModes::TOSTOP);
    for (code, key) in [
        (SpecialCodeIndex::VINTR, 3),
        (SpecialCodeIndex::VQUIT, 28),
        (SpecialCodeIndex::VERASE, 127),
        (SpecialCodeIndex::VKILL, 21),
        (SpecialCodeIndex::VEOF, 4),
        (SpecialCodeIndex::VSTART, 17),
        (SpecialCodeIndex::VSTOP, 19),
        (SpecialCodeIndex::VSUSP, 26),
        (SpecialCodeIndex::VREPRINT, 18),
        (SpecialCodeIndex::VWERASE, 23),
        (SpecialCodeIndex::VLNEXT, 22),
        (SpecialCodeIndex::VMIN, 1),
        (SpecialCodeIndex::VTIME, 0),
    ] {
        t.special_codes[code] = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    /// The terminal is one a process: its tests take turns.
    static ONE: Mutex<()> = Mutex::new(());

    /// A pseudo terminal: the outer terminal's side and the path of ours, kept open by the third so that it has modes.
    struct Pty {
        master: std::fs::File,
        path: std::path::PathBuf,
        keep: OwnedFd,
    }

    fn pty() -> Pty {
        use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        unlockpt(&master).unwrap();
        let path: std::path::PathBuf = ptsname(&master, Vec::new()).unwrap().to_str().unwrap().into();
        let keep = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        Pty { master: master.into(), path, keep }
    }

    impl Pty {
        fn modes(&self) -> String {
            format!("{:?}", termios::tcgetattr(&self.keep).unwrap())
        }
        fn is_raw(&self) -> bool {
            !termios::tcgetattr(&self.keep).unwrap().local_modes.contains(LocalModes::ICANON)
        }
        /// What the outer terminal got by now.
        fn got(&mut self) -> String {
            rustix::io::ioctl_fionbio(&self.master, true).unwrap();
            let mut bytes = Vec::new();
            let _ = self.master.read_to_end(&mut bytes);
            rustix::io::ioctl_fionbio(&self.master, false).unwrap();
            String::from_utf8(bytes).unwrap()
        }
    }

    fn run<T>(f: impl AsyncFnOnce() -> T) -> T {
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        rt.block_on(async { tokio::time::timeout(Duration::from_secs(20), f()).await.expect("in time") })
    }

    /// A terminal's own account of its modes, by the last of each switch.
    fn left_on(log: &str) -> Vec<&str> {
        let mut on = Vec::new();
        for part in log.split("\x1b[?").skip(1) {
            let Some(end) = part.find(['h', 'l']) else { continue };
            let (mode, how) = (&part[..end], &part[end..=end]);
            on.retain(|m| *m != mode);
            if how == "h" {
                on.push(mode);
            }
        }
        on
    }

    #[test]
    fn everything_is_given_back_on_drop() {
        run(async || {
            let mut pty = pty();
            let before = pty.modes();
            let terminal = Terminal::open_path(&pty.path, Features::default()).unwrap();
            assert!(pty.is_raw());
            let log = pty.got();
            assert_eq!(left_on(&log), ["1049", "2004", "1004", "1000", "1002", "1006"]);
            drop(terminal);
            assert_eq!(pty.modes(), before);
            let log = log + &pty.got();
            // the cursor and the wrapping of lines are on in a shell
            assert_eq!(left_on(&log), ["7", "25"]);
            assert!(log.ends_with("\x1b[?1049l\x1b[?25h\x1b[23;0t"), "{log:?}");
            for part in ["\x1b[0 q", "\x1b[<u", "\x1b[>4;0m", "\x1b[m"] {
                assert!(log.contains(part), "{part:?}");
            }
            restore();
            assert_eq!(pty.got(), "", "once is enough");
        });
    }

    #[test]
    fn the_keyboard_s_flags_are_pushed_once_and_taken_back() {
        run(async || {
            let mut pty = pty();
            let mut terminal = Terminal::open_path(&pty.path, Features::default()).unwrap();
            terminal.set_keyboard(5);
            assert!(!pty.got().contains('u'), "nothing is asked of who may not know it");
            terminal.know_keyboard();
            terminal.know_keyboard();
            assert_eq!(pty.got(), "\x1b[>5u");
            terminal.set_keyboard(5);
            terminal.set_keyboard(31);
            terminal.set_keyboard(0);
            assert_eq!(pty.got(), "\x1b[=31;1u\x1b[=0;1u");
            terminal.set_keyboard(7);
            pty.got();
            // given back by a panic of a task, and taken again: pushed anew
            let task = tokio::spawn(async { panic!("on purpose") });
            assert!(task.await.is_err());
            assert_eq!(pty.got().matches("\x1b[<u").count(), 1);
            until(&mut terminal, |e| *e == TerminalEvent::Continued).await;
            let log = pty.got();
            assert!(log.ends_with("\x1b[>7u") && !log.contains("\x1b[<u"), "{log:?}");
            // stopped from outside, with our entry still there: in its place
            // SAFETY: a signal to this very process, whose handler is set
            unsafe {
                libc::raise(libc::SIGCONT);
            }
            until(&mut terminal, |e| *e == TerminalEvent::Continued).await;
            assert!(pty.got().ends_with("\x1b[<u\x1b[>7u"));
            drop(terminal);
            let log = pty.got();
            let (pop, leave) = (log.find("\x1b[<u").unwrap(), log.find("\x1b[?1049l").unwrap());
            assert!(pop < leave, "each screen has a stack of its own");
        });
    }

    #[test]
    fn without_a_mouse() {
        run(async || {
            let mut pty = pty();
            let mut terminal = Terminal::open_path(&pty.path, Features { mouse: false }).unwrap();
            assert!(!pty.got().contains("1000h"));
            terminal.set_mouse(true);
            assert!(pty.got().contains("1000h"));
            terminal.set_mouse(false);
            assert!(pty.got().contains("1000l"));
        });
    }

    #[test]
    fn a_panic_gives_it_back_and_a_task_s_panic_is_survived() {
        run(async || {
            let mut pty = pty();
            let before = pty.modes();
            let mut terminal = Terminal::open_path(&pty.path, Features::default()).unwrap();
            pty.got();
            let task = tokio::spawn(async { panic!("on purpose") });
            assert!(task.await.is_err());
            assert_eq!(pty.modes(), before);
            assert!(pty.got().contains("\x1b[?1049l"));
            // the client lives on, so it takes the terminal again
            assert_eq!(until(&mut terminal, |e| *e == TerminalEvent::Continued).await, TerminalEvent::Continued);
            assert!(pty.is_raw());
            assert!(pty.got().contains("\x1b[?1049h"));
            drop(terminal);
            assert_eq!(pty.modes(), before);
        });
    }

    async fn until(t: &mut Terminal, mut want: impl FnMut(&TerminalEvent) -> bool) -> TerminalEvent {
        loop {
            let event = t.next().await;
            if want(&event) {
                return event;
            }
        }
    }

    #[test]
    fn bytes_sizes_and_signals() {
        run(async || {
            let mut pty = pty();
            let mut terminal = Terminal::open_path(&pty.path, Features::default()).unwrap();
            assert_eq!(terminal.size(), Size::new(80, 24), "0x0 is no size");
            let size = termios::Winsize { ws_row: 5, ws_col: 40, ws_xpixel: 0, ws_ypixel: 0 };
            termios::tcsetwinsize(&pty.master, size).unwrap();
            assert_eq!(terminal.size(), Size::new(40, 5));
            pty.master.write_all(b"\x03\x1a\r").unwrap();
            let got = until(&mut terminal, |e| matches!(e, TerminalEvent::Bytes(_))).await;
            assert_eq!(got, TerminalEvent::Bytes(b"\x03\x1a\r".to_vec()));
            // SAFETY: signals to this very process, whose handlers are set
            unsafe {
                libc::raise(libc::SIGWINCH);
            }
            let got = until(&mut terminal, |e| matches!(e, TerminalEvent::Resized(_))).await;
            assert_eq!(got, TerminalEvent::Resized(Size::new(40, 5)));
            for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT] {
                // SAFETY: as above
                unsafe {
                    libc::raise(signal);
                }
                let got = until(&mut terminal, |e| matches!(e, TerminalEvent::Terminate(_))).await;
                assert_eq!(got, TerminalEvent::Terminate(signal));
            }
            // SAFETY: as above; a SIGCONT that nothing preceded
            unsafe {
                libc::raise(libc::SIGCONT);
            }
            pty.got();
            until(&mut terminal, |e| *e == TerminalEvent::Continued).await;
            assert!(pty.got().contains("\x1b[?1049h"));
        });
    }

    #[test]
    fn a_terminal_that_takes_nothing_does_not_hold_us() {
        run(async || {
            let mut pty = pty();
            let mut terminal = Terminal::open_path(&pty.path, Features::default()).unwrap();
            let frame = vec![b'x'; 200_000];
            terminal.send(&frame);
            assert!(terminal.pending());
            assert!(
                tokio::time::timeout(
                    Duration::from_millis(30),
                    until(&mut terminal, |e| { *e == TerminalEvent::Drained })
                )
                .await
                .is_err()
            );
            let mut seen = 0;
            while terminal.pending() {
                seen += pty.got().matches('x').count();
                let _ = tokio::time::timeout(Duration::from_millis(1), terminal.flush()).await;
            }
            seen += pty.got().matches('x').count();
            assert_eq!(seen, 200_000);
            until(&mut terminal, |e| *e == TerminalEvent::Drained).await;
            // full once more, and left like that: the end does not wait for ever
            terminal.send(&frame);
            let start = std::time::Instant::now();
            drop(terminal);
            assert!(start.elapsed() < Duration::from_secs(3));
            assert!(!pty.is_raw());
        });
    }

    #[test]
    fn the_terminal_goes_away() {
        run(async || {
            let pty = pty();
            let mut terminal = Terminal::open_path(&pty.path, Features::default()).unwrap();
            drop(pty);
            let end = until(&mut terminal, |e| matches!(e, TerminalEvent::Terminate(_))).await;
            assert_eq!(end, TerminalEvent::Terminate(libc::SIGHUP));
            terminal.send(b"into the void");
            terminal.flush().await;
        });
    }

    #[test]
    fn no_terminal_is_a_clear_error() {
        run(async || {
            let failure = Terminal::open_path(Path::new("/dev/null"), Features::default()).unwrap_err();
            assert_eq!(failure.code(), 2);
            assert!(failure.to_string().contains("thub new -d"), "{failure}");
        });
    }

    #[test]
    fn a_broken_terminal_is_put_right() {
        run(async || {
            let mut pty = pty();
            let mut broken = termios::tcgetattr(&pty.keep).unwrap();
            broken.make_raw();
            broken.special_codes[SpecialCodeIndex::VINTR] = 0;
            termios::tcsetattr(&pty.keep, OptionalActions::Now, &broken).unwrap();
            reset_path(&pty.path).unwrap();
            assert!(!pty.is_raw());
            let now = termios::tcgetattr(&pty.keep).unwrap();
            assert!(now.local_modes.contains(LocalModes::ISIG | LocalModes::ECHO));
            assert_eq!(now.special_codes[SpecialCodeIndex::VINTR], 3);
            assert!(pty.got().as_bytes() == RESET);
        });
    }
}
