//! Owns a terminal for a program: a PTY, and an emulator behind it that draws, answers queries and keeps what was
//! written. What a person would see and press.

use super::{Home, PATIENCE, THUB, signal};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use thub::proto::ids::Size;
use thub::term::engine::Engine;
use thub::term::screen::{Event, Style};

/// What the emulator knows.
struct Seen {
    engine: Engine,
    log: Vec<u8>,
    /// Answers queries; off = a terminal that says nothing.
    answers: bool,
}

pub struct Tty {
    pub child: Child,
    master: File,
    /// The program's end, so that its settings outlive the program.
    keep: Option<OwnedFd>,
    seen: Arc<Mutex<Seen>>,
    code: Option<i32>,
    open: Arc<AtomicBool>,
}

fn window(cols: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 }
}

impl Tty {
    /// `thub` with these words in a terminal.
    pub fn thub(home: &Home, cols: u16, rows: u16, args: &[&str]) -> Tty {
        Tty::start(home.thub_command(args), cols, rows)
    }

    /// A shell with job control, for what is started from one.
    pub fn shell(home: &Home, cols: u16, rows: u16) -> Tty {
        let mut command = home.command("/bin/bash");
        // (without readline, which has modes of its own)
        command.args(["--norc", "--noprofile", "--noediting", "-i"]).env("PS1", "outer$ ");
        command.env("THUB", THUB);
        let tty = Tty::start(command, cols, rows);
        tty.until_text("outer$");
        tty
    }

    pub fn start(mut command: Command, cols: u16, rows: u16) -> Tty {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pty");
        grantpt(&master).expect("grantpt");
        unlockpt(&master).expect("unlockpt");
        let path = ptsname(&master, Vec::new()).expect("its name");
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let slave = rustix::fs::open(&*path, flags, rustix::fs::Mode::empty()).expect("its other end");
        rustix::termios::tcsetwinsize(&slave, window(cols, rows)).expect("its size");
        let end = || Stdio::from(slave.try_clone().expect("a copy"));
        command.stdin(end()).stdout(end()).stderr(end());
        // (a process session of its own is made already by who made the command)
        unsafe {
            command.pre_exec(|| {
                if libc::ioctl(0, libc::TIOCSCTTY as _, 0) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn().expect("it starts");
        let master = File::from(master);
        let seen =
            Arc::new(Mutex::new(Seen { engine: Engine::new(Size::new(cols, rows)), log: Vec::new(), answers: true }));
        let (to, mut from) = (seen.clone(), master.try_clone().expect("a copy"));
        let open = Arc::new(AtomicBool::new(true));
        let still = open.clone();
        std::thread::spawn(move || {
            let mut buf = [0; 16384];
            while still.load(Ordering::SeqCst) {
                let mut ready = [PollFd::new(&from, PollFlags::IN)];
                let moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
                if !matches!(rustix::event::poll(&mut ready, Some(&moment)), Ok(1..)) {
                    continue;
                }
                let Ok(n @ 1..) = from.read(&mut buf) else { break };
                let mut events = Vec::new();
                let mut seen = to.lock().unwrap();
                seen.log.extend_from_slice(&buf[..n]);
                seen.engine.feed(&buf[..n], &mut events);
                let answers = seen.answers;
                drop(seen);
                for event in events {
                    if let (Event::Reply(bytes), true) = (event, answers) {
                        let _ = from.write_all(&bytes);
                    }
                }
            }
        });
        Tty { child, master, keep: Some(slave), seen, code: None, open }
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// The rows, trailing blanks left out.
    pub fn screen(&self) -> Vec<String> {
        self.whole(Engine::text_rows)
    }
    /// Looks at no half of a frame: what comes between `CSI ? 2026 h` and `l` is awaited, as a terminal does.
    fn whole<T>(&self, look: impl Fn(&Engine) -> T) -> T {
        for _ in 0..500 {
            let seen = self.seen.lock().unwrap();
            if !seen.engine.modes().sync {
                return look(&seen.engine);
            }
            drop(seen);
            std::thread::sleep(Duration::from_millis(2));
        }
        look(&self.seen.lock().unwrap().engine)
    }
    /// Row, column, and whether it is to be seen.
    pub fn cursor(&self) -> (u16, u16, bool) {
        let cursor = self.seen.lock().unwrap().engine.cursor();
        (cursor.row, cursor.col, cursor.visible)
    }
    /// Every cell: text, style.
    pub fn cells(&self) -> Vec<Vec<(String, Style)>> {
        self.whole(cells)
    }
    /// All that was ever written.
    pub fn log(&self) -> Vec<u8> {
        self.seen.lock().unwrap().log.clone()
    }
    /// Lets go of what was written so far, where nobody asks for it: an hour of it is much.
    pub fn forget(&self) {
        self.seen.lock().unwrap().log = Vec::new();
    }
    /// DEC private modes as the last bytes that set or reset them left them.
    pub fn modes(&self) -> BTreeMap<u16, bool> {
        dec_modes(&self.log())
    }
    pub fn termios(&self) -> Termios {
        rustix::termios::tcgetattr(self.keep.as_ref().expect("open")).expect("tcgetattr")
    }

    #[track_caller]
    pub fn until(&self, what: &str, found: impl Fn(&[String]) -> bool) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if found(&screen) {
                return screen;
            }
            if Instant::now() > end {
                let log = self.log();
                let tail = String::from_utf8_lossy(&log[log.len().saturating_sub(600)..]).into_owned();
                panic!("waited in vain: {what}\n{}\nlast written: {tail:?}", frame(&screen));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    #[track_caller]
    pub fn until_text(&self, text: &str) -> Vec<String> {
        self.until(&format!("{text:?} on the screen"), |s| s.iter().any(|l| l.contains(text)))
    }
    #[track_caller]
    pub fn until_no_text(&self, text: &str) -> Vec<String> {
        self.until(&format!("{text:?} off the screen"), |s| !s.iter().any(|l| l.contains(text)))
    }

    /// Presses keys.
    pub fn type_(&self, text: impl AsRef<[u8]>) {
        (&self.master).write_all(text.as_ref()).expect("typing");
    }

    /// The prefix, then this key.
    pub fn prefix(&self, key: &str) {
        self.type_(format!("\x02{key}"));
    }

    /// A press and release of the left button; counted from 0.
    pub fn click(&self, col: u16, row: u16) {
        let (x, y) = (col + 1, row + 1);
        self.type_(format!("\x1b[<0;{x};{y}M\x1b[<0;{x};{y}m"));
    }

    pub fn resize(&self, cols: u16, rows: u16) {
        self.seen.lock().unwrap().engine.resize(Size::new(cols, rows));
        rustix::termios::tcsetwinsize(self.master.as_fd(), window(cols, rows)).expect("a new size");
    }

    /// From now on it answers no query.
    pub fn mute(&self) {
        self.seen.lock().unwrap().answers = false;
    }

    pub fn signal(&self, which: rustix::process::Signal) {
        signal(self.pid(), which);
    }
    pub fn kill9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.code = Some(137);
    }

    /// The program's exit code; 128 and more = its signal.
    #[track_caller]
    pub fn wait_exit(&mut self) -> i32 {
        if let Some(code) = self.code {
            return code;
        }
        use std::os::unix::process::ExitStatusExt;
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
                self.code = Some(code);
                // what it wrote last is on its way
                self.settle();
                return code;
            }
            assert!(Instant::now() < end, "it does not end\n{}", frame(&self.screen()));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until all that was written by a program that is gone has been read: a mark of our own comes behind it.
    fn settle(&mut self) {
        let Some(keep) = &self.keep else { return };
        let mark = b"\x1b]777;settled\x07";
        let _ = rustix::io::write(keep, mark);
        let end = Instant::now() + PATIENCE;
        while !self.log().windows(mark.len()).any(|w| w == mark) {
            assert!(Instant::now() < end, "the terminal does not come to rest");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Hangs up, as closing the window does.
    pub fn hang_up(&mut self) {
        self.open.store(false, Ordering::SeqCst);
        self.keep = None;
        if let Ok(null) = File::open("/dev/null") {
            self.master = null;
        }
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.open.store(false, Ordering::SeqCst);
        if self.code.is_none() && !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

pub fn cells(engine: &Engine) -> Vec<Vec<(String, Style)>> {
    let size = engine.size();
    let cell = |row, col| {
        let cell = engine.cell(row, col);
        let text = if cell.text.is_empty() && cell.width > 0 { " " } else { &*cell.text };
        (text.to_string(), cell.style)
    };
    (0..size.rows).map(|row| (0..size.cols).map(|col| cell(row, col)).collect()).collect()
}

/// The screen in a box, for a failure's message.
pub fn frame(screen: &[String]) -> String {
    screen.iter().enumerate().map(|(i, l)| format!("{i:3}|{l}|\n")).collect()
}

/// The state of each `CSI ? n h/l` in a log.
pub fn dec_modes(log: &[u8]) -> BTreeMap<u16, bool> {
    let mut modes = BTreeMap::new();
    let mut rest = log;
    while let Some(at) = rest.windows(3).position(|w| w == b"\x1b[?") {
        rest = &rest[at + 3..];
        let end = rest.iter().position(|b| !b.is_ascii_digit() && *b != b';').unwrap_or(rest.len());
        let on = match rest.get(end) {
            Some(b'h') => true,
            Some(b'l') => false,
            _ => continue,
        };
        for number in rest[..end].split(|b| *b == b';').filter_map(|n| std::str::from_utf8(n).ok()?.parse().ok()) {
            modes.insert(number, on);
        }
    }
    modes
}
