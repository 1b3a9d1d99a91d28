//! A host without an agent: sessions of this machine that are channels of a target process, over a real sshd.

use crate::support::home::{Output, sweep};
use crate::support::sshd::{self, Sshd};
use crate::support::{Home, Tty, signal, state_of, until, with_variable};
use rustix::process::Signal;
use std::path::PathBuf;

/// A host `test` with nothing of ours on it.
struct Bare {
    home: Home,
    sshd: Sshd,
    config: PathBuf,
}

impl Bare {
    fn new() -> Option<Bare> {
        Bare::with("", "Host test\n")
    }
    fn with(sshd_config: &str, ssh_config: &str) -> Option<Bare> {
        if !sshd::here() {
            return None;
        }
        let sshd = Sshd::start(sshd_config);
        let config = sshd.config(ssh_config);
        Some(Bare { home: Home::new(), sshd, config })
    }
    fn words<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [&["-F", self.config.to_str().unwrap()], args].concat()
    }
    #[track_caller]
    fn thub(&self, args: &[&str]) -> Output {
        self.home.thub(&self.words(args))
    }
    /// A detached session over plain SSH.
    #[track_caller]
    fn new_session(&self, name: &str, more: &[&str]) -> String {
        let args = [&["new", "-d", "-H", "test", "--no-agent", "-n", name], more].concat();
        self.thub(&args).ok().trim().to_string()
    }
    fn tty(&self, cols: u16, rows: u16, args: &[&str]) -> Tty {
        Tty::thub(&self.home, cols, rows, &self.words(args))
    }
    /// Logins so far.
    fn logins(&self) -> usize {
        self.sshd.since(0).matches("Accepted publickey for").count()
    }
    /// Processes of the account there: shells, no sshd.
    fn there(&self) -> Vec<i32> {
        with_variable("HOME", &self.sshd.home())
    }
    /// What lies in the account's home there.
    fn files(&self) -> Vec<String> {
        let all = std::fs::read_dir(self.sshd.home()).unwrap().flatten();
        // (the shell's own)
        all.map(|e| e.file_name().to_string_lossy().into_owned()).filter(|n| n != ".bash_history").collect()
    }
    #[track_caller]
    fn exit_of(&self, name: &str) -> serde_json::Value {
        let waited = self.home.thub(&["wait", name, "--timeout", "30", "--json"]);
        assert_eq!(waited.code, 0, "{waited:?}");
        serde_json::from_str(&waited.out).unwrap()
    }
    /// The one target process.
    #[track_caller]
    fn target(&self) -> i32 {
        let all = self.home.targets();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0]
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        for pid in self.there().into_iter().filter(|p| state_of(*p) == 'T') {
            signal(pid, Signal::CONT);
        }
        for pid in self.home.targets() {
            signal(pid, Signal::TERM);
        }
        self.sshd.crash();
        sweep(|| self.there());
    }
}

#[test]
fn shells_and_commands_with_nothing_put_there() {
    let Some(bare) = Bare::new() else { return };
    bare.new_session("shell", &["--size", "90x30"]);
    let info = bare.home.session("shell");
    assert_eq!((info["kind"].as_str(), info["host"].as_str()), (Some("ssh"), Some("local")), "{info}");
    let who = info["connection"].as_str().unwrap();
    assert!(who.contains('@') && info["command"][1] == who, "{info}");
    bare.home.thub(&["send", "shell", "stty size; echo $TERM-$COLORTERM-$((6 * 7))", "--keys", "Enter"]).ok();
    bare.home.shows("shell", "30 90");
    bare.home.shows("shell", "xterm-256color-.*-42");
    // a size takes effect there
    bare.home.thub(&["resize", "shell", "101x37"]).ok();
    bare.home.thub(&["send", "shell", "stty size", "--keys", "Enter"]).ok();
    bare.home.shows("shell", "37 101");

    bare.new_session("seven", &["--", "sh", "-c", "echo 'a  b'\\''s'; exit 7"]);
    assert_eq!(bare.exit_of("seven")["exit_code"], 7);
    // (an sshd that logs to its standard error says a line of its own first)
    assert!(bare.home.capture("seven").contains(&"a  b's".to_string()));
    bare.new_session("killed", &["--", "sh", "-c", "kill -TERM $$"]);
    let exit = bare.exit_of("killed");
    assert_eq!(exit["exit_code"], 143, "{exit}");
    assert!(exit["cause"].as_str().unwrap().contains("SIGTERM"), "{exit}");

    // the shell's own exit is the session's
    bare.home.thub(&["send", "shell", "exit 5", "--keys", "Enter"]).ok();
    assert_eq!(bare.exit_of("shell")["exit_code"], 5);
    assert_eq!(bare.logins(), 1, "one login for all of them");
    assert_eq!(bare.files(), [] as [&str; 0], "something was written there");
}

#[test]
fn twenty_megabytes_arrive_as_they_were() {
    let Some(bare) = Bare::new() else { return };
    // 20 MB that no terminal changes: lines of a counter, CR LF as its line discipline makes them
    bare.new_session("flood", &["--ring", "33554432", "--", "sh", "-c", "seq -f %019.0f 1 1000000"]);
    assert_eq!(bare.exit_of("flood")["exit_code"], 0);
    let raw = bare.home.raw("flood");
    // (an sshd that logs to its standard error says a line of its own first)
    let first = format!("{:019}\r\n", 1).into_bytes();
    let raw = &raw[raw.windows(21).position(|w| w == first).unwrap()..];
    assert_eq!(raw.len(), 21_000_000);
    for (i, line) in raw.chunks(21).enumerate() {
        assert_eq!(line, format!("{:019}\r\n", i + 1).as_bytes());
    }
}
