//! Owns a home for one test, and the binary run in it. It goes with all that was started in it, and a process that
//! would outlive it fails the test.

use super::{PATIENCE, THUB, signal, state_of, until, with_variable};
use rustix::process::Signal;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a command said.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub bytes: Vec<u8>,
}

impl Output {
    /// It was done, and nothing was complained about.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.code == 0 && self.err.is_empty(), "{self:?}");
        self.out
    }
    /// It failed with this code, one sentence, then what to do next.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.out.is_empty(), "{self:?}");
        assert!(!self.err.trim().is_empty(), "{self:?}");
        assert!(!self.err.contains("panicked"), "{self:?}");
        // thub's own: "thub: SENTENCE" and an indented hint; clap's has "error: ".
        let first = self.err.lines().next().unwrap_or_default();
        assert!(first.starts_with("thub: ") || first.starts_with("error: "), "{self:?}");
        assert!(first.len() < 400, "{self:?}");
        self.err
    }
}

/// Places of one test alone.
pub struct Home {
    dir: tempfile::TempDir,
    /// More variables for what runs here.
    pub env: Vec<(String, String)>,
    /// Without THUB_*: as sshd or a login would start it.
    pub plain: bool,
}

impl Home {
    pub fn new() -> Home {
        let dir = tempfile::Builder::new().prefix("thub-test-").tempdir().expect("a directory");
        for name in ["home", "run", "state", "config"] {
            std::fs::create_dir(dir.path().join(name)).expect("a directory");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(dir.path().join(name), mode).expect("its mode");
        }
        Home { dir, env: Vec::new(), plain: false }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    pub fn run_dir(&self) -> PathBuf {
        self.at("run")
    }
    /// The folder of this machine and boot in it.
    pub fn run_root(&self) -> PathBuf {
        let mut all = std::fs::read_dir(self.run_dir()).expect("the run dir").flatten().map(|e| e.path());
        all.find(|p| p.is_dir()).expect("a folder in the run dir")
    }
    /// Names in the run root.
    pub fn run_files(&self) -> Vec<String> {
        let Ok(all) = std::fs::read_dir(self.run_root()) else { return Vec::new() };
        let mut names: Vec<String> = all.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A command with nothing in its environment but this home, in a process session of its own.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".into());
        command.env("PATH", path).env("LANG", "C.UTF-8").env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
        command.env("SHELL", "/bin/sh").env("PS1", "ready$ ").env("TMPDIR", self.dir());
        command.env("HOME", self.at("home")).current_dir(self.at("home"));
        if !self.plain {
            for (name, dir) in [("THUB_RUN_DIR", "run"), ("THUB_STATE_DIR", "state"), ("THUB_CONFIG_DIR", "config")] {
                command.env(name, self.at(dir));
            }
        }
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // no terminal of whoever runs the tests
        unsafe {
            command.pre_exec(|| {
                let _ = rustix::process::setsid();
                // what a shell in the background ignores would be ignored by all that is started here
                for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGHUP, libc::SIGTERM, libc::SIGPIPE] {
                    libc::signal(signal, libc::SIG_DFL);
                }
                Ok(())
            });
        }
        command
    }

    pub fn thub_command(&self, args: &[&str]) -> Command {
        let mut command = self.command(THUB);
        command.args(args);
        command
    }

    /// Runs `thub` with these words to its end.
    #[track_caller]
    pub fn thub(&self, args: &[&str]) -> Output {
        finish(self.thub_command(args), b"")
    }
    /// The same with something on its standard input.
    #[track_caller]
    pub fn thub_in(&self, args: &[&str], input: &[u8]) -> Output {
        finish(self.thub_command(args), input)
    }

    /// A detached session: its id.
    #[track_caller]
    pub fn new_session(&self, args: &[&str]) -> String {
        let id = self.thub(&[&["new", "-d"], args].concat()).ok();
        id.trim().to_string()
    }

    #[track_caller]
    pub fn ls(&self) -> Vec<Value> {
        serde_json::from_str(&self.thub(&["ls", "--json"]).ok()).expect("a JSON array")
    }
    /// The session of this name.
    #[track_caller]
    pub fn session(&self, name: &str) -> Value {
        let all = self.ls();
        let found = all.iter().find(|s| s["name"] == name || s["id"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {all:?}")).clone()
    }
    #[track_caller]
    pub fn pid_of(&self, name: &str) -> i32 {
        self.session(name)["pid"].as_i64().expect("a pid") as i32
    }
    /// The screen as `thub capture` prints it.
    #[track_caller]
    pub fn capture(&self, name: &str) -> Vec<String> {
        self.thub(&["capture", name]).ok().lines().map(str::to_string).collect()
    }
    /// Every byte the session has written.
    #[track_caller]
    pub fn raw(&self, name: &str) -> Vec<u8> {
        let got = self.thub(&["capture", name, "--all", "--raw"]);
        assert!(got.code == 0 && got.err.is_empty(), "{} {}", got.code, got.err);
        got.bytes
    }
    /// The bytes it still holds, where it may have let go of some.
    #[track_caller]
    pub fn raw_tail(&self, name: &str) -> Vec<u8> {
        let got = self.thub(&["capture", name, "--all", "--raw"]);
        assert_eq!(got.code, 0, "{}", got.err);
        got.bytes
    }
    /// Waits until the session shows what `regex` matches.
    #[track_caller]
    pub fn shows(&self, name: &str, regex: &str) {
        let waited = self.thub(&["wait", name, "--text", regex, "--timeout", "30"]);
        assert_eq!(waited.code, 0, "{waited:?}\n{:?}", self.thub(&["capture", name, "--all"]));
    }

    /// `thub target`: those that hold SSH connections to hosts without an agent.
    pub fn targets(&self) -> Vec<i32> {
        let mut all = self.processes();
        all.retain(|p| super::words(*p).get(1).is_some_and(|w| w == "target"));
        all
    }

    /// Processes of this home.
    pub fn processes(&self) -> Vec<i32> {
        let mut all = with_variable("THUB_RUN_DIR", &self.run_dir());
        all.extend(with_variable("HOME", &self.at("home")));
        all.sort();
        all.dedup();
        all
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // what was stopped must go as well
        for pid in self.processes().into_iter().filter(|p| state_of(*p) == 'T') {
            signal(pid, Signal::CONT);
        }
        let mut kill = self.thub_command(&["kill", "--all"]);
        kill.stdout(Stdio::null()).stderr(Stdio::null());
        if let Ok(mut child) = kill.spawn() {
            wait_for(&mut child, PATIENCE);
        }
        // they would wait for half a minute whether somebody still needs them
        for pid in self.targets() {
            signal(pid, Signal::TERM);
        }
        sweep(|| self.processes());
    }
}

/// Waits until nothing of a test is left; what stays is killed, and the test has failed.
pub fn sweep(left: impl Fn() -> Vec<i32>) {
    let end = Instant::now() + Duration::from_secs(15);
    let mut rest = left();
    while !rest.is_empty() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
        rest = left();
    }
    let said: Vec<String> = rest.iter().map(|p| format!("{p} {}", super::words(*p).join(" "))).collect();
    for pid in &rest {
        signal(*pid, Signal::KILL);
    }
    if !std::thread::panicking() {
        assert!(said.is_empty(), "left behind: {said:?}");
    }
}

pub fn wait_for(child: &mut Child, most: Duration) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt;
    let end = Instant::now() + most;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)));
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// A command's exit code; 128 and more = its signal. Waits no longer than patience goes.
#[track_caller]
pub fn exit_of(child: &mut Child) -> i32 {
    wait_for(child, PATIENCE).expect("it ends")
}

/// Runs a command to its end.
#[track_caller]
pub fn finish(mut command: Command, input: &[u8]) -> Output {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().expect("it starts");
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_vec();
        std::thread::spawn(move || stdin.write_all(&input));
    }
    let reader = |mut from: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = from.read_to_end(&mut bytes);
            bytes
        })
    };
    let out = reader(Box::new(child.stdout.take().expect("stdout")));
    let err = reader(Box::new(child.stderr.take().expect("stderr")));
    let code = wait_for(&mut child, Duration::from_secs(60));
    if code.is_some() {
        // who inherits these keeps scripts and ssh waiting
        until("its standard output and error to be closed", || (out.is_finished() && err.is_finished()).then_some(()));
    }
    let said = |t: std::thread::JoinHandle<Vec<u8>>| if t.is_finished() { t.join().unwrap() } else { Vec::new() };
    let (bytes, err) = (said(out), said(err));
    let (text, err) = (String::from_utf8_lossy(&bytes).into_owned(), String::from_utf8_lossy(&err).into_owned());
    let Some(code) = code else { panic!("{command:?} does not end; said {text:?} {err:?}") };
    Output { code, out: text, err, bytes }
}
