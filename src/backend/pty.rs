//! Owns a program on a pseudo terminal: start it, its size, its flags, its signals.
//! The only file that names portable-pty. Leaves out what its bytes mean.

use crate::proto::frame::tty;
use crate::proto::ids::Size;
use anyhow::{Context, Result, anyhow};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal};
use rustix::termios::{self, InputModes, LocalModes, OptionalActions};
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// What is to run.
pub struct Program {
    /// argv; empty = `shell`.
    pub command: Vec<OsString>,
    pub shell: OsString,
    /// The shell starts as a login shell (argv[0] with a dash).
    pub login: bool,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    pub cwd: PathBuf,
    pub size: Size,
    /// The program's umask.
    pub umask: u32,
    /// What is typed is UTF-8.
    pub utf8: bool,
}

/// A pseudo terminal's own end, and the program at the other.
pub struct Pty {
    /// Keeps the descriptor; read and written through `fd`.
    master: Box<dyn MasterPty + Send>,
    fd: OwnedFd,
    pid: Pid,
}

fn pty_size(size: Size) -> PtySize {
    PtySize { rows: size.rows, cols: size.cols, pixel_width: 0, pixel_height: 0 }
}

/// Starts a program. To be called while this process has one thread: portable-pty allocates between fork and exec.
pub fn spawn(program: Program) -> Result<Pty> {
    let pair = native_pty_system().openpty(pty_size(program.size)).context("no pseudo terminal could be opened")?;
    let raw = pair.master.as_raw_fd().ok_or_else(|| anyhow!("the pseudo terminal has no descriptor"))?;
    // SAFETY: `raw` is open: `pair.master` owns it and lives until after the copy is made.
    let fd = rustix::io::fcntl_dupfd_cloexec(unsafe { BorrowedFd::borrow_raw(raw) }, 3)?;
    // a cooked line erases whole characters
    if let Ok(mut t) = termios::tcgetattr(&fd) {
        t.input_modes.set(InputModes::IUTF8, program.utf8);
        let _ = termios::tcsetattr(&fd, OptionalActions::Now, &t);
    }
    let mut builder = if !program.command.is_empty() {
        CommandBuilder::from_argv(program.command)
    } else if program.login {
        CommandBuilder::new_default_prog()
    } else {
        CommandBuilder::new(&program.shell)
    };
    builder.env_clear();
    for (k, v) in &program.env {
        builder.env(k, v);
    }
    builder.env("SHELL", &program.shell);
    builder.cwd(&program.cwd);
    builder.umask(Some(program.umask as libc::mode_t));
    let child = pair.slave.spawn_command(builder)?;
    let pid = child
        .process_id()
        .and_then(|p| Pid::from_raw(p as i32))
        .ok_or_else(|| anyhow!("the program has no process id"))?;
    Ok(Pty { master: pair.master, fd, pid })
}

impl Pty {
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// A copy of the descriptor, for reading and writing.
    pub fn descriptor(&self) -> std::io::Result<OwnedFd> {
        self.fd.try_clone()
    }

    /// Writes what the terminal takes just now; nothing where it is full.
    pub fn write(&self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(rustix::io::write(&self.fd, bytes)?)
    }

    pub fn resize(&self, size: Size) {
        let _ = self.master.resize(pty_size(size));
    }

    /// ECHO and ICANON as a Tty frame has them.
    pub fn flags(&self) -> u8 {
        let Ok(t) = termios::tcgetattr(&self.fd) else { return 0 };
        let mut flags = 0;
        if t.local_modes.contains(LocalModes::ECHO) {
            flags |= tty::ECHO;
        }
        if t.local_modes.contains(LocalModes::ICANON) {
            flags |= tty::ICANON;
        }
        flags
    }

    /// The process group that has the terminal.
    pub fn foreground(&self) -> Option<Pid> {
        termios::tcgetpgrp(self.fd.as_fd()).ok()
    }

    /// Whether the program itself, no child of it, reads keys as they come: a shell does so while a line is edited.
    pub fn is_at_prompt(&self) -> bool {
        self.flags() & tty::ICANON == 0 && self.foreground() == Some(self.pid)
    }

    /// Signals the program's process group and the one in the foreground.
    pub fn signal(&self, signal: Signal) {
        let front = self.foreground();
        if let Some(group) = front
            && group != self.pid
        {
            let _ = rustix::process::kill_process_group(group, signal);
        }
        let _ = rustix::process::kill_process_group(self.pid, signal);
    }

    /// How the program ended, once it has: its code, or 128 + signal and the signal's name.
    pub fn reap(&self) -> Option<(i32, Option<String>)> {
        let status = rustix::process::waitpid(Some(self.pid), rustix::process::WaitOptions::NOHANG).ok()??.1;
        if let Some(code) = status.exit_status() {
            return Some((code, None));
        }
        let signal = status.terminating_signal()?;
        Some((128 + signal, Some(signal_name(signal))))
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        n => return format!("signal {n}"),
    };
    name.to_string()
}

/// A descriptor that becomes readable when the process ends.
pub fn end_of(pid: Pid) -> std::io::Result<OwnedFd> {
    Ok(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?)
}
