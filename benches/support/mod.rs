//! What the benches with real processes share: a run dir of their own, a program on a pseudo terminal, percentiles.
#![allow(dead_code)]

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;
use thub::backend::pty::{Program, Pty, spawn};
use thub::proto::ids::Size;

pub const THUB: &str = env!("CARGO_BIN_EXE_thub");

/// Directories nobody else uses; its sessions end with it.
pub struct Home {
    pub dir: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Home {
        Home { dir: tempfile::tempdir().expect("a temp dir") }
    }
    pub fn env(&self) -> Vec<(OsString, OsString)> {
        let path = |name: &str| self.dir.path().join(name).into_os_string();
        vec![
            ("HOME".into(), self.dir.path().into()),
            ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            ("TERM".into(), "xterm-256color".into()),
            ("LANG".into(), "C.UTF-8".into()),
            ("THUB_RUN_DIR".into(), path("run")),
            ("THUB_STATE_DIR".into(), path("state")),
            ("THUB_CONFIG_DIR".into(), path("config")),
        ]
    }
    pub fn thub(&self, args: &[&str]) -> String {
        let out = std::process::Command::new(THUB).args(args).env_clear().envs(self.env()).output().expect("thub runs");
        assert!(out.status.success(), "thub {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("text").trim().to_string()
    }
    /// The socket of a session.
    pub fn socket(&self, id: &str) -> PathBuf {
        let folder = std::fs::read_dir(self.dir.path().join("run")).expect("a run dir").flatten();
        let found = folder.map(|f| f.path().join(format!("{id}.sock"))).find(|p| p.exists());
        found.expect("the session's socket")
    }
    pub fn on_a_terminal(&self, argv: &[&str]) -> (Pty, OwnedFd) {
        let program = Program {
            command: argv.iter().map(Into::into).collect(),
            shell: "/bin/sh".into(),
            login: false,
            env: self.env(),
            cwd: self.dir.path().into(),
            size: Size::new(120, 40),
            umask: 0o022,
            utf8: true,
        };
        let pty = spawn(program).expect("a program on a terminal");
        let fd = pty.descriptor().expect("its descriptor");
        (pty, fd)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::process::Command::new(THUB).args(["kill", "--all"]).env_clear().envs(self.env()).output();
    }
}

/// Median and 99th percentile.
pub fn percentiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}
