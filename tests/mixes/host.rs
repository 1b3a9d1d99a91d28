//! Owns a host behind a real sshd, with any build's agent on it, and clients of any build that reach it.

use crate::old::Build;
use crate::support::home::{Output, finish};
use crate::support::sshd::{self, Sshd};
use crate::support::{Home, THUB, Tty, there, with_variable, words};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Far {
    pub home: Home,
    pub sshd: Sshd,
    pub config: PathBuf,
}

impl Far {
    pub fn new() -> Option<Far> {
        if !sshd::here() {
            return None;
        }
        let sshd = Sshd::start("");
        let config = sshd.config("Host test\n");
        Some(Far { home: Home::new(), sshd, config })
    }

    pub fn agents_dir(&self) -> PathBuf {
        self.sshd.home().join(".local/share/thub/agents")
    }
    /// Under the name of a build lies this program.
    pub fn put(&self, build: &str, program: &Path) {
        let dir = self.agents_dir().join(build);
        std::fs::create_dir_all(&dir).expect("a directory");
        // a running one is not written to: the name is another file's then
        let temp = dir.join(".new");
        if std::fs::hard_link(program, &temp).is_err() {
            std::fs::copy(program, &temp).expect("a program");
        }
        std::fs::rename(&temp, dir.join("thub")).expect("its place");
        // (a rename onto another name of the same file does nothing)
        let _ = std::fs::remove_file(&temp);
    }
    /// Under the name of a build lies this script.
    pub fn put_script(&self, build: &str, script: &str) {
        let file = self.sshd.at(&format!("{build}.sh"));
        std::fs::write(&file, script).expect("a script");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).expect("its mode");
        self.put(build, &file);
    }
    pub fn take_away(&self, build: &str) {
        let _ = std::fs::remove_dir_all(self.agents_dir().join(build));
    }

    /// A client of that build with these words.
    pub fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = self.home.command(program);
        command.arg("-F").arg(&self.config).args(args);
        command
    }
    #[track_caller]
    pub fn by(&self, build: &Build, args: &[&str]) -> Output {
        finish(self.command(&build.program, args), b"")
    }
    #[track_caller]
    pub fn thub(&self, args: &[&str]) -> Output {
        finish(self.command(Path::new(THUB), args), b"")
    }
    pub fn tty(&self, build: &Build, cols: u16, rows: u16, args: &[&str]) -> Tty {
        Tty::start(self.command(&build.program, args), cols, rows)
    }
    /// There, without SSH.
    #[track_caller]
    pub fn there(&self, program: &Path, args: &[&str]) -> Output {
        let mut command = self.home.command(program);
        command.args(args).env("HOME", self.sshd.home());
        for name in ["THUB_RUN_DIR", "THUB_STATE_DIR", "THUB_CONFIG_DIR"] {
            command.env_remove(name);
        }
        finish(command, b"")
    }
    /// A detached session of that build.
    #[track_caller]
    pub fn session_of(&self, build: &Build, name: &str, script: &str) {
        let args = ["new", "-d", "-n", name, "--size", "80x24", "--", "bash", "-c", script];
        self.there(&build.program, &args).ok();
    }
    /// All sessions there, as this build sees them there.
    #[track_caller]
    pub fn sessions(&self) -> Vec<Value> {
        serde_json::from_str(&self.there(Path::new(THUB), &["ls", "--json"]).ok()).expect("a JSON array")
    }
    #[track_caller]
    pub fn pid_of(&self, name: &str) -> i64 {
        let all = self.sessions();
        let found = all.iter().find(|s| s["name"] == name).unwrap_or_else(|| panic!("no {name} in {all:?}"));
        found["pid"].as_i64().expect("a pid")
    }

    pub fn processes(&self) -> Vec<i32> {
        with_variable("HOME", &self.sshd.home())
    }
    /// `thub agent --stdio` there.
    pub fn agents(&self) -> Vec<i32> {
        self.processes().into_iter().filter(|p| words(*p).iter().any(|w| w == "--stdio")).collect()
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        there::end(&self.home, &self.sshd);
    }
}
