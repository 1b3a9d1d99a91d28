//! Owns recordings: a real program on a real pseudo terminal answers keys one by one, and what it says to each is kept.
//! Leaves out which programs (`programs.rs`) and what time does to the answers (`player.rs`).

use super::super::tty;
use crate::backend::pty::{self, Pty};
use crate::proto::ids::Size;
use crate::term::engine::Engine;
use crate::term::screen::Event;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use std::ffi::OsString;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

pub const SIZE: Size = Size { cols: 80, rows: 24 };
/// Letters that are typed at secret prompts and nowhere else.
pub const SECRET: [char; 6] = ['Q', 'J', 'X', 'Z', '*', '7'];
/// A program that did not even wake up at a key in so long is not going to.
const MUTE: Duration = Duration::from_millis(80);
/// A program is waited for so long in all: a full machine's worth.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is done to a program.
#[derive(Clone, Debug)]
pub enum Do {
    /// One key.
    Key(Vec<u8>),
    /// One key that must never be seen.
    Secret(Vec<u8>),
    /// Waits until the screen has this.
    Until(String),
    /// Writes a line into the named pipe `gate`, on which a command waits.
    Release,
}

/// What comes of a program, in order.
#[derive(Clone, Debug)]
pub enum Said {
    Output(Vec<u8>),
    Tty(u8),
}

/// A key and its answer.
#[derive(Clone, Debug)]
pub struct Act {
    /// Nothing: something that happens by itself.
    pub bytes: Vec<u8>,
    pub secret: bool,
    pub said: Vec<Said>,
}

pub struct Recording {
    pub name: String,
    pub start: Vec<Said>,
    pub acts: Vec<Act>,
    /// For a look at what was played.
    pub last: Vec<String>,
}

/// A program under a pseudo terminal.
struct Running<'a> {
    pty: Pty,
    fd: OwnedFd,
    engine: Engine,
    flags: u8,
    home: &'a Path,
    /// It draws by other processes than those of its terminal.
    elsewhere: bool,
    /// What it had run before the key ([`Running::work`]).
    first: u64,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.pty.signal(Signal::KILL);
        let end = Instant::now() + PATIENCE;
        while self.pty.reap().is_none() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Plays the script to `command`; what it says. None where the program is not here.
pub fn record(name: &str, home: &Path, env: &[(&str, &str)], command: &[&str], script: &[Do]) -> Recording {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all: Vec<(OsString, OsString)> = vec![("PATH".into(), path), ("HOME".into(), home.into())];
    for (k, v) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PS1", "~^\\#^~ ")].iter().chain(env) {
        all.retain(|(have, _)| have != k);
        all.push((k.into(), v.into()));
    }
    let program = pty::Program {
        command: command.iter().map(Into::into).collect(),
        shell: "/bin/sh".into(),
        login: false,
        env: all,
        cwd: home.into(),
        size: SIZE,
        umask: 0o77,
        utf8: true,
    };
    let pty = pty::spawn(program).unwrap();
    let fd = pty.descriptor().unwrap();
    let flags = rustix::fs::fcntl_getfl(&fd).unwrap();
    rustix::fs::fcntl_setfl(&fd, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    let elsewhere = command[0] == "tmux";
    let flags = tty::ECHO | tty::ICANON;
    let mut run = Running { pty, fd, engine: Engine::with_history(SIZE, 0), flags, home, elsewhere, first: 0 };
    let mut start = Vec::new();
    let begun = Instant::now();
    while run.engine.text_rows().iter().all(|r| r.trim().is_empty()) && begun.elapsed() < Duration::from_secs(2) {
        run.listen(&mut start);
    }
    run.listen(&mut start);
    let mut acts: Vec<Act> = Vec::new();
    for what in script {
        let (bytes, secret) = match what {
            Do::Key(bytes) => (bytes.clone(), false),
            Do::Secret(bytes) => (bytes.clone(), true),
            Do::Until(text) => {
                let end = Instant::now() + PATIENCE;
                let said = acts.last_mut().map_or(&mut start, |a| &mut a.said);
                while !run.engine.text_rows().iter().any(|r| r.contains(text)) {
                    run.listen(said);
                    assert!(
                        Instant::now() < end && run.pty.reap().is_none(),
                        "{name}: no {text:?}\n{}",
                        run.engine.text_rows().join("\n")
                    );
                }
                run.listen(said);
                continue;
            }
            Do::Release => {
                let mut gate = std::fs::OpenOptions::new().write(true).open(run.home.join("gate")).unwrap();
                gate.write_all(b"go\n").unwrap();
                (Vec::new(), false)
            }
        };
        let mut said = Vec::new();
        run.look(&mut said);
        run.first = run.work().0;
        run.write(&bytes);
        run.listen(&mut said);
        acts.push(Act { bytes, secret, said });
    }
    Recording { name: name.into(), start, acts, last: run.engine.text_rows() }
}

impl Running<'_> {
    fn write(&self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            match rustix::io::write(&self.fd, rest) {
                Ok(n) => rest = &rest[n..],
                Err(rustix::io::Errno::AGAIN) => std::thread::yield_now(),
                Err(_) => return,
            }
        }
    }

    /// The terminal's flags, where they have changed.
    fn look(&mut self, said: &mut Vec<Said>) {
        let flags = self.pty.flags();
        if std::mem::replace(&mut self.flags, flags) != flags {
            said.push(Said::Tty(flags));
        }
    }

    /// Takes in what it says until it waits for a key.
    fn listen(&mut self, said: &mut Vec<Said>) {
        let begun = Instant::now();
        let mut heard = Instant::now();
        let (mut work, mut any, mut calm) = (self.work(), false, 0);
        let mut buf = vec![0; 64 << 10];
        while begun.elapsed() < PATIENCE {
            let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
            let wait = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
            let _ = poll(&mut fds, Some(&wait));
            match rustix::io::read(&self.fd, &mut buf) {
                Ok(n) if n > 0 => {
                    let bytes = buf[..n].to_vec();
                    let mut events = Vec::new();
                    self.engine.feed(&bytes, &mut events);
                    said.push(Said::Output(bytes));
                    self.look(said);
                    for event in events {
                        if let Event::Reply(reply) = event {
                            self.write(&reply);
                        }
                    }
                    (any, heard, calm) = (true, Instant::now(), 0);
                    continue;
                }
                Err(rustix::io::Errno::AGAIN) => {}
                // it has ended
                _ => break,
            }
            let done = self.work();
            calm = if done.1 && done == work { calm + 1 } else { 0 };
            work = done;
            let awake = any || work.0 != self.first || begun.elapsed() >= MUTE;
            let enough = Duration::from_millis(if self.elsewhere { 60 } else { 6 });
            if awake && calm >= 3 && heard.elapsed() >= enough {
                break;
            }
        }
        self.look(said);
    }

    /// What it and its children have run so far (a number that changes), and whether all of them sleep.
    fn work(&self) -> (u64, bool) {
        let (mut sum, mut rests) = (0u64, true);
        let mut todo = vec![self.pty.pid().as_raw_nonzero().to_string()];
        while let Some(pid) = todo.pop() {
            let read = |what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default();
            let stat = read("stat");
            rests &= !matches!(stat.rsplit(") ").next().and_then(|s| s.chars().next()), Some('R' | 'D'));
            sum += read("schedstat").split_whitespace().filter_map(|n| n.parse::<u64>().ok()).sum::<u64>();
            todo.extend(read(&format!("task/{pid}/children")).split_whitespace().map(String::from));
        }
        (sum, rests)
    }
}

/// A script: `text` key by key.
pub fn keys(text: &str) -> Vec<Do> {
    text.chars().map(|c| Do::Key(c.to_string().into_bytes())).collect()
}
pub fn secret(text: &str) -> Vec<Do> {
    text.chars().map(|c| Do::Secret(c.to_string().into_bytes())).collect()
}
pub fn until(text: &str) -> Vec<Do> {
    vec![Do::Until(text.into())]
}
/// A key of several bytes.
pub fn key(bytes: &str) -> Vec<Do> {
    vec![Do::Key(bytes.as_bytes().to_vec())]
}
