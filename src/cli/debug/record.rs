//! Owns `thub debug record`: a command on a pseudo terminal of a fixed size, the user's terminal passed through to
//! it, and its output kept: whole under the name asked for, or not there at all.
//! Leaves out what the bytes mean.

use super::{BYTES, SIZE, USUAL, show};
use crate::backend::pty::{self, Program, Pty};
use crate::cli::{Record, call};
use crate::failure::Failure;
use crate::proto::ids::{Size, hex, random_bytes};
use crate::sys::{self, FdStream, Inherited};
use crate::term::engine::Engine;
use crate::term::screen::Event;
use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use rustix::termios::{self, OptionalActions, Termios};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// Bytes read at once.
const PIECE: usize = 16 << 10;
/// Most bytes of keys that wait for a command which does not read them.
const TYPED: usize = 64 << 10;
/// How long a command has to end once it was told to.
const END_WITHIN: Duration = Duration::from_secs(2);
/// Most bytes taken after the command's end: what it left behind, and not what goes on without it.
const LEFT: usize = 1 << 20;

pub fn record(r: &Record, inherited: Inherited) -> Result<u8, Failure> {
    let said = super::size(r.size.as_deref())?;
    let outer = Outer::open();
    let size = said.or(outer.as_ref().and_then(Outer::size)).unwrap_or(USUAL);
    let mut draft = Draft::new(&r.output, size)?;
    let pty = start(r, size, inherited)?;
    let ended = call::block_on(pass(&pty, outer.as_ref(), size, &mut draft));
    drop(outer);
    let code = ended?;
    let bytes = draft.finish()?;
    let path = show(&r.output);
    eprintln!(
        "thub: {bytes} bytes of a {size} terminal are in {path}; `thub debug replay {path}` shows its last screen"
    );
    Ok(code)
}

fn start(r: &Record, size: Size, inherited: Inherited) -> Result<Pty, Failure> {
    let mut env: Vec<_> = std::env::vars_os().collect();
    // what a session's program would see
    for (name, value) in [("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("TERM_PROGRAM", "thub")] {
        env.retain(|(have, _)| have != name);
        env.push((name.into(), value.into()));
    }
    let shell = std::env::var_os("SHELL").filter(|s| !s.is_empty()).unwrap_or_else(|| "/bin/sh".into());
    let program = Program {
        command: r.command.clone(),
        shell,
        login: false,
        env,
        cwd: std::env::current_dir()?,
        size,
        umask: inherited.umask,
        utf8: true,
    };
    // the command starts as the user's own shell would start it
    sys::reset_signals();
    let _ = sys::core_limit(inherited.core);
    let pty = pty::spawn(program);
    let _ = sys::core_limit(Some(0));
    sys::ignore(libc::SIGPIPE);
    pty.map_err(|e| {
        let name = r.command.first().map(|c| show(Path::new(c))).unwrap_or_default();
        Failure::failed(format!("'{name}' cannot be started: {e}"), "nothing was recorded; is it installed here?")
    })
}

/// The user's terminal while it is the command's: raw, and given back as it was.
struct Outer {
    /// Opened afresh, so that no flag of ours leaks to the shell.
    fd: OwnedFd,
    found: Termios,
}

impl Outer {
    /// None where stdin and stdout are not both a terminal.
    fn open() -> Option<Outer> {
        if !termios::isatty(rustix::stdio::stdin()) || !termios::isatty(rustix::stdio::stdout()) {
            return None;
        }
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = rustix::fs::open("/dev/tty", flags, Mode::empty()).ok()?;
        let found = termios::tcgetattr(&fd).ok()?;
        let mut raw = found.clone();
        raw.make_raw();
        termios::tcsetattr(&fd, OptionalActions::Now, &raw).ok()?;
        Some(Outer { fd, found })
    }

    fn size(&self) -> Option<Size> {
        let w = termios::tcgetwinsize(&self.fd).ok()?;
        Some(Size::new(w.ws_col, w.ws_row)).filter(|s| s.is_valid())
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(&self.fd, OptionalActions::Now, &self.found);
    }
}

/// The two ends of the user's terminal, while it is there.
type Halves = (Option<ReadHalf<FdStream>>, Option<WriteHalf<FdStream>>);

/// Passes keys and output to and fro until the command has ended: its exit code.
async fn pass(pty: &Pty, outer: Option<&Outer>, size: Size, draft: &mut Draft) -> Result<u8, Failure> {
    let (mut from, mut to) = tokio::io::split(FdStream::new(pty.descriptor()?)?);
    let (mut keys, mut screen): Halves = match outer {
        None => (None, None),
        Some(outer) => {
            let (r, w) = tokio::io::split(FdStream::new(outer.fd.try_clone()?)?);
            (Some(r), Some(w))
        }
    };
    // without a terminal somebody has to answer what the command asks one
    let mut engine = outer.is_none().then(|| Engine::with_history(size, 0));
    let end = sys::watched(pty::end_of(pty.pid())?)?;
    let (mut int, mut term, mut hup) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let (mut typed, mut shown) = (Vec::new(), Vec::new());
    let (mut buf, mut key) = (vec![0; PIECE], vec![0; PIECE]);
    let mut open = true;
    let mut until: Option<Instant> = None;
    loop {
        let mut stop = false;
        tokio::select! {
            biased;
            // (a terminal in raw mode sends none: there Ctrl-C is a key)
            _ = int.recv() => pty.signal(Signal::INT),
            _ = term.recv() => stop = true,
            _ = hup.recv() => stop = true,
            () = async { match until { Some(at) => sleep_until(at).await, None => std::future::pending().await } } => {
                pty.signal(Signal::KILL);
                until = None;
            }
            n = async { match &mut screen { Some(s) => s.write(&shown).await, None => Ok(shown.len()) } }, if !shown.is_empty() => {
                match n {
                    Ok(n @ 1..) => drop(shown.drain(..n)),
                    _ => screen = None,
                }
            }
            n = to.write(&typed), if !typed.is_empty() => match n {
                Ok(n @ 1..) => drop(typed.drain(..n)),
                _ => typed.clear(),
            },
            n = async { match &mut keys { Some(k) => k.read(&mut key).await, None => std::future::pending().await } }, if typed.len() < TYPED => {
                match n {
                    Ok(n @ 1..) => typed.extend_from_slice(key.get(..n).unwrap_or_default()),
                    // the terminal is gone
                    _ => (keys, screen, stop) = (None, None, true),
                }
            }
            n = from.read(&mut buf), if open && shown.is_empty() => match n {
                Ok(n @ 1..) => {
                    let bytes = buf.get(..n).unwrap_or_default();
                    draft.add(bytes);
                    if screen.is_some() {
                        shown.extend_from_slice(bytes);
                    }
                    if let Some(engine) = &mut engine {
                        let mut events = Vec::new();
                        engine.feed(bytes, &mut events);
                        for event in events {
                            if let Event::Reply(reply) = event {
                                typed.extend_from_slice(&reply);
                            }
                        }
                        // one that asks and never reads
                        typed.truncate(TYPED);
                    }
                }
                _ => open = false,
            },
            _ = end.readable(), if shown.is_empty() => break,
        }
        if stop {
            pty.signal(Signal::HUP);
            until.get_or_insert_with(|| Instant::now() + END_WITHIN);
        }
    }
    // the kernel may hand over late what an ended program wrote; a read waits for that, readiness does not
    let fd = pty.descriptor()?;
    let mut left = 0;
    while left < LEFT {
        match rustix::io::read(&fd, &mut buf) {
            Ok(n @ 1..) => {
                let bytes = buf.get(..n).unwrap_or_default();
                draft.add(bytes);
                if let Some(screen) = &mut screen {
                    let _ = screen.write_all(bytes).await;
                }
                left += n;
            }
            Err(rustix::io::Errno::INTR) => {}
            _ => break,
        }
    }
    let code = pty.reap().map_or(1, |(code, _)| code);
    Ok(u8::try_from(code).unwrap_or(1))
}

/// A recording that is not yet one: in a directory beside the one asked for, which takes its name when all is there.
struct Draft {
    dir: PathBuf,
    goal: PathBuf,
    file: File,
    bytes: u64,
    /// Why it can't be kept, from then on.
    failed: Option<io::Error>,
    done: bool,
}

impl Draft {
    fn new(goal: &Path, size: Size) -> Result<Draft, Failure> {
        if goal.symlink_metadata().is_ok() {
            return Err(Failure::usage(
                format!("{} is there already", show(goal)),
                "give the recording another name: `thub debug record -o NAME -- CMD`",
            ));
        }
        let failed = |e: io::Error| {
            Failure::usage(format!("{} cannot be made: {e}", show(goal)), "choose a directory you may write to with -o")
        };
        let name = goal.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
        let mut temp = std::ffi::OsString::from(".");
        temp.push(name);
        temp.push(format!(".part-{}", hex(&random_bytes::<4>())));
        let dir = goal.with_file_name(temp);
        std::fs::create_dir(&dir).map_err(failed)?;
        let made = File::create_new(dir.join(BYTES)).and_then(|file| {
            std::fs::write(dir.join(SIZE), format!("{size}\n"))?;
            Ok(file)
        });
        match made {
            Ok(file) => Ok(Draft { dir, goal: goal.to_path_buf(), file, bytes: 0, failed: None, done: false }),
            Err(e) => {
                let _ = std::fs::remove_dir_all(&dir);
                Err(failed(e))
            }
        }
    }

    /// The command goes on also where its output can't be kept: that is said at the end.
    fn add(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.file.write_all(bytes).err();
            self.bytes += bytes.len() as u64;
        }
    }

    /// Gives it its name: how many bytes there are.
    fn finish(mut self) -> Result<u64, Failure> {
        let kept = match self.failed.take() {
            Some(e) => Err(e),
            None => self.file.sync_all().and_then(|()| std::fs::rename(&self.dir, &self.goal)),
        };
        kept.map_err(|e| {
            Failure::failed(
                format!("the recording could not be kept in {}: {e}", show(&self.goal)),
                "nothing is left of it; make room or choose another directory with -o",
            )
        })?;
        self.done = true;
        Ok(self.bytes)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.done {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
