//! A host without an agent: sessions of this machine that are channels of a target process, over a real sshd.

use crate::support::home::{Output, exit_of, sweep};
use crate::support::proxy::Proxy;
use crate::support::sshd::{self, Sshd};
use crate::support::{Home, PATIENCE, Tty, scale, signal, state_of, until, with_variable, words};
use rustix::process::Signal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A host `test` with nothing of ours on it.
pub struct Bare {
    pub home: Home,
    pub sshd: Sshd,
    pub config: PathBuf,
}

impl Bare {
    pub fn new() -> Option<Bare> {
        Bare::with("", "Host test\n")
    }
    pub fn with(sshd_config: &str, ssh_config: &str) -> Option<Bare> {
        if !sshd::here() {
            return None;
        }
        let sshd = Sshd::start(sshd_config);
        let config = sshd.config(ssh_config);
        Some(Bare { home: Home::new(), sshd, config })
    }
    pub fn words<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [&["-F", self.config.to_str().unwrap()], args].concat()
    }
    #[track_caller]
    pub fn thub(&self, args: &[&str]) -> Output {
        self.home.thub(&self.words(args))
    }
    /// A detached session over plain SSH.
    #[track_caller]
    pub fn new_session(&self, name: &str, more: &[&str]) -> String {
        let args = [&["new", "-d", "-H", "test", "--no-agent", "-n", name], more].concat();
        self.thub(&args).ok().trim().to_string()
    }
    pub fn tty(&self, cols: u16, rows: u16, args: &[&str]) -> Tty {
        Tty::thub(&self.home, cols, rows, &self.words(args))
    }
    /// Logins so far.
    pub fn logins(&self) -> usize {
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
    pub fn target(&self) -> i32 {
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
    bare.new_session("script", &["--", "sh", "-c", "echo one\necho two\nexit 8"]);
    assert_eq!(bare.exit_of("script")["exit_code"], 8);
    let shown = bare.home.capture("script");
    assert!(shown.contains(&"one".to_string()) && shown.contains(&"two".to_string()), "{shown:?}");
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

#[test]
fn a_target_that_dies_takes_its_own_sessions_alone() {
    let Some(bare) = Bare::new() else { return };
    let other = Sshd::start("");
    let other_config = other.config("Host test\n");
    bare.new_session("one", &["--", "sh", "-c", "echo the screen of one; exec cat"]);
    bare.new_session("two", &["--", "sh", "-c", "seq 1 100; echo the screen of two; exec cat"]);
    bare.home.thub(&["-F", other_config.to_str().unwrap(), "new", "-d", "-H", "test", "--no-agent", "-n", "far"]).ok();
    bare.home.new_session(&["-n", "near", "--", "cat"]);
    bare.home.shows("one", "screen of one");
    bare.home.shows("two", "screen of two");
    assert_eq!(bare.home.targets().len(), 2, "one for each target");
    let reaches = |pid: &i32| {
        let files = std::fs::read_dir(bare.home.run_root()).unwrap().flatten();
        let locks = files.filter(|f| f.file_name().to_string_lossy().ends_with(".target"));
        let said: Vec<String> = locks.map(|f| std::fs::read_to_string(f.path()).unwrap()).collect();
        let mine = said.iter().find(|s| s.contains(&format!("\"pid\":{pid}"))).unwrap().clone();
        let id = bare.home.session("one")["target"].as_str().unwrap().to_string();
        mine.contains("test") && words(*pid).contains(&id)
    };
    let pid = bare.home.targets().into_iter().find(|p| reaches(p)).unwrap();
    signal(pid, Signal::KILL);
    for (name, screen) in [("one", "the screen of one"), ("two", "the screen of two")] {
        let ended = until("its end", || {
            let info = bare.home.session(name);
            (info["state"] == "exited").then_some(info)
        });
        assert!(ended["exit_code"].is_null(), "{ended}");
        assert!(ended["cause"].as_str().unwrap().starts_with("connection lost"), "{ended}");
        assert!(bare.home.capture(name).contains(&screen.to_string()));
    }
    assert!(bare.home.thub(&["capture", "two", "--all"]).ok().contains("\n17\n"), "its history is there");
    let listed = bare.home.thub(&["ls"]).ok();
    assert!(listed.contains("exited: connection lost"), "{listed}");
    let waited = bare.home.thub(&["wait", "one"]);
    assert!(waited.code == 1 || waited.code == 0, "{waited:?}");
    // the others know nothing of it
    for name in ["far", "near"] {
        assert_eq!(bare.home.session(name)["state"], "detached");
        bare.home.thub(&["send", name, "echo still-$((40 + 2))", "--keys", "Enter"]).ok();
        bare.home.shows(name, "still-");
    }
    bare.home.shows("far", "still-42");
    // and a new one finds a new target
    bare.new_session("three", &["--", "sh", "-c", "exit 3"]);
    assert_eq!(bare.exit_of("three")["exit_code"], 3);
    other.crash();
    until("the end of the other", || (bare.home.session("far")["state"] == "exited").then_some(()));
}

#[test]
fn a_connection_that_is_cut_ends_its_sessions_and_is_made_anew_when_wanted() {
    let Some(bare) = Bare::new() else { return };
    bare.new_session("cut", &["--", "sh", "-c", "echo before the cut; exec cat"]);
    bare.home.shows("cut", "before the cut");
    let target = bare.target();
    // the processes of the connection, not the one that listens
    for pid in &bare.sshd.pids()[1..] {
        signal(*pid as i32, Signal::KILL);
    }
    let ended = until("its end", || {
        let info = bare.home.session("cut");
        (info["state"] == "exited").then_some(info)
    });
    assert!(ended["cause"].as_str().unwrap().starts_with("connection lost"), "{ended}");
    assert_eq!(ended["cause"], "connection lost: the host or the network ended it");
    assert!(bare.home.capture("cut").contains(&"before the cut".to_string()));
    bare.new_session("again", &["--", "sh", "-c", "echo after it; exec cat"]);
    bare.home.shows("again", "after it");
    assert_eq!(bare.target(), target, "the same process serves on");
    assert_eq!(bare.logins(), 2);
    // a person's word: the host hangs up on what runs there
    bare.home.thub(&["kill", "again"]).ok();
    until("nothing of it to run there", || bare.there().is_empty().then_some(()));
    assert_eq!(bare.home.ls().len(), 1);
}

#[test]
fn a_session_that_stands_still_holds_up_no_other() {
    let Some(bare) = Bare::new() else { return };
    let script = "cd; i=0; while [ ! -e stop ]; do seq 1 100000; i=$((i+1)); echo $i > rounds; done; exec cat";
    let rounds = || {
        let said = std::fs::read_to_string(bare.sshd.home().join("rounds")).unwrap_or_default();
        said.trim().parse::<u64>().unwrap_or(0)
    };
    bare.new_session("flood", &["--ring", "16777216", "--", "sh", "-c", script]);
    bare.new_session("keys", &["--", "sh", "-c", "stty -echo; while read -r l; do echo \"answer $l\"; done"]);
    // read as it comes: a key is answered meanwhile
    bare.home.shows("flood", "100000");
    bare.home.thub(&["send", "keys", "one", "--keys", "Enter"]).ok();
    bare.home.shows("keys", "answer one");
    // not read at all: as well
    let pid = bare.home.pid_of("flood");
    signal(pid, Signal::STOP);
    until("it to stand still", || (state_of(pid) == 'T').then_some(()));
    let before = until("a round of it", || Some(rounds()).filter(|r| *r > 0));
    for word in ["two", "three", "four"] {
        bare.home.thub(&["send", "keys", word, "--keys", "Enter"]).ok();
        bare.home.shows("keys", &format!("answer {word}"));
    }
    assert_eq!(state_of(pid), 'T', "the flood is unread still");
    // what was written since is more than all the buffers on the way hold (25 MiB): some of it is gone
    until("more than is held", || (rounds() >= before + 45).then_some(()));
    bare.home.thub(&["send", "keys", "five", "--keys", "Enter"]).ok();
    bare.home.shows("keys", "answer five");
    // it goes on, and the gap is said (where the flood ends, that is still to be found)
    std::fs::write(bare.sshd.home().join("stop"), "").unwrap();
    signal(pid, Signal::CONT);
    let said = b"bytes of output are lost: this session was stopped";
    until("the gap to be said", || bare.home.raw_tail("flood").windows(said.len()).any(|w| w == said).then_some(()));
}

#[test]
fn a_network_that_stands_still_for_a_while_costs_nothing() {
    let Some(bare) = Bare::new() else { return };
    let proxy = Proxy::start(bare.sshd.port);
    let more = format!("Host test\n  Port {}\n  HostKeyAlias [127.0.0.1]:{}\n", proxy.port, bare.sshd.port);
    let config = bare.sshd.config(&more);
    let config = config.to_str().unwrap();
    let script = "i=0; while [ $i -lt 100000 ]; do echo $i; i=$((i+1)); done; echo end of it; cat";
    let args = ["-F", config, "new", "-d", "-H", "test", "--no-agent", "-n", "s", "--ring", "16777216"];
    bare.home.thub(&[&args[..], &["--", "sh", "-c", script]].concat()).ok();
    proxy.stall(true);
    // the thing tested is a clock: longer than a link to an agent would be borne
    std::thread::sleep(Duration::from_secs(18));
    assert_eq!(bare.home.session("s")["state"], "detached");
    proxy.stall(false);
    bare.home.shows("s", "end of it");
    let raw = String::from_utf8(bare.home.raw("s")).unwrap();
    let said: Vec<&str> = raw.split("\r\n").filter(|l| !l.starts_with("debug1")).collect();
    let all = (0..100_000).map(|i| i.to_string()).chain(["end of it".into(), String::new()]);
    assert!(said.iter().copied().eq(all), "{} lines", said.len());
    // cut for good: said at once
    proxy.cut();
    let ended = until("its end", || {
        let info = bare.home.session("s");
        (info["state"] == "exited").then_some(info)
    });
    assert!(ended["cause"].as_str().unwrap().starts_with("connection lost"), "{ended}");
}

/// The log's line at which the target is killed, and whether a session stands by then.
const MOMENTS: [(&str, &str); 4] = [
    ("a connection", "Connection from"),
    ("the login", "Accepted publickey for"),
    ("a channel", "server_input_channel_open"),
    ("a terminal", "Starting session"),
];

#[test]
fn a_target_killed_at_any_moment_costs_nothing_else() {
    let Some(bare) = Bare::new() else { return };
    let near = bare.home.new_session(&["-n", "near", "--ring", "16777216", "--", "sh", "-c", "seq 1 200000; exec cat"]);
    for (moment, line) in MOMENTS {
        for round in 0..scale(2) {
            // each begins with a login
            for pid in bare.home.targets() {
                signal(pid, Signal::TERM);
            }
            until("the one before to be gone", || bare.home.targets().is_empty().then_some(()));
            let mark = bare.sshd.mark();
            let name = format!("n{round}-{}", mark);
            let args = ["new", "-d", "-H", "test", "--no-agent", "-n", &name, "--", "cat"];
            let mut starting = bare.home.thub_command(&bare.words(&args)).spawn().unwrap();
            bare.sshd.wait_for(mark, line);
            for pid in bare.home.targets() {
                signal(pid, Signal::KILL);
            }
            let code = exit_of(&mut starting);
            // it stood already, or one sentence says why not
            assert!([0, 1, 3].contains(&code), "{moment}: {code}");
            let ended = |info: &serde_json::Value| info["state"] == "exited" && info["exit_code"].is_null();
            until(moment, || bare.home.ls().iter().filter(|s| s["name"] == name.as_str()).all(ended).then_some(()));
            until("none to be left", || bare.home.targets().is_empty().then_some(()));
            let next = format!("after-{name}");
            bare.new_session(&next, &["--", "sh", "-c", "exit 9"]);
            assert_eq!(bare.exit_of(&next)["exit_code"], 9, "after {moment}");
        }
    }
    let info = bare.home.session(&near);
    assert_eq!(info["state"], "detached");
    let said: Vec<u8> = (1..=200_000).flat_map(|n| format!("{n}\r\n").into_bytes()).collect();
    until("all that the other wrote", || (bare.home.raw("near") == said).then_some(()));
}

#[test]
fn a_host_that_gives_no_terminal_says_so() {
    let Some(bare) = Bare::with("PermitTTY no", "Host test\n") else { return };
    let err = bare.thub(&["new", "-d", "-H", "test", "--no-agent"]).fails(1);
    assert!(err.contains("gives this account no terminal"), "{err}");
    assert!(bare.home.ls().is_empty());
}

#[test]
fn a_host_that_gives_no_more_channels_says_so() {
    let Some(bare) = Bare::with("MaxSessions 2", "Host test\n") else { return };
    bare.new_session("one", &["--", "cat"]);
    bare.new_session("two", &["--", "cat"]);
    let err = bare.thub(&["new", "-d", "-H", "test", "--no-agent", "-n", "three"]).fails(1);
    assert!(err.contains("MaxSessions") && err.contains("as many open as it allows"), "{err}");
    for name in ["one", "two"] {
        assert_eq!(bare.home.session(name)["state"], "detached");
    }
    bare.home.thub(&["kill", "one"]).ok();
    until("room for another", || {
        (bare.thub(&["new", "-d", "-H", "test", "--no-agent", "-n", "four"]).code == 0).then_some(())
    });
    assert_eq!(bare.logins(), 1);
}

#[test]
fn clients_come_and_go() {
    let Some(bare) = Bare::new() else { return };
    let config = bare.config.to_str().unwrap().to_string();
    let args = ["-F", &config, "new", "-H", "test", "--no-agent", "-n", "shared"];
    let mut first = Tty::thub(&bare.home, 100, 30, &args);
    first.type_("PS1=; for i in $(seq 1 200); do echo line-$i; done; echo first-$((6*7))\r");
    first.until_text("first-42");
    let second = bare.tty(100, 30, &["attach", "shared"]);
    second.until_text("first-42");
    second.type_("echo second-$((6*8))\r");
    first.until_text("second-48");
    first.kill9();
    second.type_("echo third-$((6*9))\r");
    second.until_text("third-54");
    drop(second);
    let third = bare.tty(80, 24, &["attach", "shared"]);
    third.until_text("third-54");
    until("its size", || (bare.home.session("shared")["cols"] == 80).then_some(()));
    third.type_("stty size\r");
    third.until_text("24 80");
    assert!(bare.home.thub(&["capture", "shared", "--all"]).ok().contains("\nline-17\n"));
    assert_eq!(bare.logins(), 1);
}

/// A host whose only key needs a passphrase.
fn with_a_passphrase(passphrase: &str) -> Option<Bare> {
    let bare = Bare::with("", "Host test\n  IdentityFile {dir}/locked\n")?;
    sshd::keygen(bare.sshd.dir.path(), &["-q", "-t", "ed25519", "-N", passphrase, "-C", "locked", "-f", "locked"]);
    std::fs::copy(bare.sshd.at("locked.pub"), bare.sshd.at("authorized")).unwrap();
    Some(bare)
}

#[test]
fn the_tui_connects_without_an_agent() {
    let Some(bare) = Bare::new() else { return };
    let mut tty = bare.tty(110, 30, &["test"]);
    tty.until_text("has no thub yet");
    tty.until_text("w connect without it");
    tty.type_("w");
    tty.until("a shell there", |s| s.iter().any(|l| l.contains('#') || l.contains("bash-")));
    tty.type_("echo there-$((6*7))\r");
    tty.until_text("there-42");
    let all = bare.home.ls();
    assert_eq!((all.len(), all[0]["kind"].as_str()), (1, Some("ssh")), "{all:?}");
    let logins = bare.logins();
    tty.prefix("%");
    until("a second session", || (bare.home.ls().len() == 2).then_some(()));
    tty.type_("echo beside-$((6*8))\r");
    tty.until_text("beside-48");
    assert_eq!(bare.logins(), logins, "a second pane logs in a second time");
    tty.prefix("b");
    tty.until_text("no agent");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
    // the next client finds both again, and is asked nothing
    let mut tty = bare.tty(110, 30, &[]);
    tty.until_text("there-42");
    tty.until_text("beside-48");
    assert_eq!(bare.logins(), logins);
    tty.kill9();
    assert_eq!(bare.home.ls().iter().filter(|s| s["state"] == "detached").count(), 2);
    // what held the connection dies: both say so, and a key starts anew
    let tty = bare.tty(110, 30, &[]);
    tty.until_text("beside-48");
    signal(bare.target(), Signal::KILL);
    tty.until("both ends", |s| s.iter().filter(|l| l.contains("connection lost")).count() >= 1);
    until("both ends", || bare.home.ls().iter().all(|s| s["state"] == "exited").then_some(()));
    tty.until_text("r: start again");
    tty.type_("r");
    until("a new session", || bare.home.ls().iter().any(|s| s["state"] == "running").then_some(()));
    tty.type_("echo anew-$((6*9))\r");
    tty.until_text("anew-54");
    // the connection alone is cut: the host is not said to be there until a session makes it anew
    tty.until("the host's row", |s| s.iter().any(|l| l.contains("no agent ●")));
    for pid in &bare.sshd.pids()[1..] {
        signal(*pid as i32, Signal::KILL);
    }
    tty.until("the host's row", |s| s.iter().any(|l| l.contains("no link ○")));
    tty.until_text("connection lost: the host or the net");
    tty.type_("r");
    tty.until("the host's row", |s| s.iter().any(|l| l.contains("no agent ●")));
    assert_eq!(bare.files(), [] as [&str; 0], "something was written there");
}

#[test]
fn who_chose_to_do_without_an_agent_is_asked_again_on_a_word() {
    let Some(bare) = Bare::new() else { return };
    let tty = bare.tty(110, 30, &["test"]);
    tty.until_text("w connect without it");
    tty.type_("w");
    tty.until("a shell there", |s| s.iter().any(|l| l.contains('#') || l.contains("bash-")));
    tty.type_("echo there-$((6*7))\r");
    tty.until_text("there-42");
    tty.prefix(":");
    tty.type_("update-agent\r");
    tty.until_text("w connect without it");
    // what ran goes on meanwhile, as one of this machine's
    tty.until_text("there-42");
    let all = bare.home.ls();
    assert_eq!(
        (all.len(), all[0]["kind"].as_str(), all[0]["state"].as_str()),
        (1, Some("ssh"), Some("running")),
        "{all:?}"
    );
}

#[test]
fn a_host_with_an_agent_keeps_it_beside_a_session_without() {
    let Some(bare) = Bare::new() else { return };
    let said = bare.thub(&["deploy", "test"]);
    assert_eq!(said.code, 0, "{said:?}");
    bare.thub(&["new", "-d", "-H", "test", "-n", "by-the-agent", "--", "sh", "-c", "echo by the agent; exec cat"]).ok();
    bare.new_session("plain", &["--", "sh", "-c", "echo over plain SSH; exec cat"]);
    let mut tty = bare.tty(110, 30, &["test"]);
    tty.until_text("by the agent");
    // a link that falls comes back to the agent
    for pid in &bare.sshd.pids()[1..] {
        signal(*pid as i32, Signal::KILL);
    }
    until("the plain one's end", || (bare.home.session("plain")["state"] == "exited").then_some(()));
    bare.new_session("again", &["--", "cat"]);
    tty.type_("still there\r");
    tty.until("it twice", |s| s.iter().filter(|l| l.contains("still there")).count() == 2);
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
    let mut kill = bare.thub(&["kill", "-H", "test", "--all"]);
    kill.err.clear();
    kill.ok();
}

#[test]
fn where_no_agent_can_be_put_there_is_a_shell_all_the_same() {
    let Some(bare) = Bare::new() else { return };
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(bare.sshd.home(), mode).unwrap();
    let tty = bare.tty(110, 30, &["test"]);
    tty.until_text("has no thub yet");
    tty.type_("y");
    tty.until_text("others can write");
    tty.until_text("w: connect without an agent");
    tty.type_("w");
    tty.until("a shell there", |s| s.iter().any(|l| l.contains('#') || l.contains("bash-")));
    tty.type_("echo all-the-same-$((6*7))\r");
    tty.until_text("all-the-same-42");
    assert_eq!(bare.home.ls()[0]["kind"], "ssh");
    // (the directories it would have been put into)
    assert!(bare.files().iter().all(|f| f == ".local"), "{:?}", bare.files());
}

#[test]
fn an_unknown_key_is_not_trusted_by_the_target_either() {
    let Some(bare) = Bare::new() else { return };
    let known = bare.sshd.at("known_hosts");
    for (key, said) in [("", "SHA256:"), ("other", "HAS CHANGED")] {
        if key.is_empty() {
            std::fs::write(&known, "").unwrap();
        } else {
            bare.sshd.know(key);
        }
        let before = std::fs::read(&known).unwrap();
        let mark = bare.sshd.mark();
        let err = bare.thub(&["new", "-d", "-H", "test", "--no-agent"]).fails(4);
        assert!(err.contains(said), "{err}");
        assert!(!bare.sshd.since(mark).contains("userauth-request"), "nothing is offered");
        assert_eq!(std::fs::read(&known).unwrap(), before, "nothing is learned");
    }
    // the same process, once the key is right
    let target = bare.target();
    bare.sshd.know("host_ed25519");
    bare.new_session("now", &["--", "sh", "-c", "exit 4"]);
    assert_eq!(bare.exit_of("now")["exit_code"], 4);
    assert_eq!(bare.target(), target);
}

#[test]
fn a_secret_goes_through_the_socket_alone() {
    const SECRET: &str = "correct-horse-battery-staple";
    let Some(mut bare) = with_a_passphrase(SECRET) else { return };
    bare.home.env.push(("THUB_LOG".into(), "trace".into()));
    // nobody to ask: refused, and no session
    bare.thub(&["new", "-d", "-H", "test", "--no-agent"]).fails(4);
    assert!(bare.home.ls().is_empty());
    let tty = bare.tty(110, 30, &["test"]);
    tty.until_text("Passphrase for");
    tty.type_(format!("{SECRET}\r"));
    tty.until_text("has no thub yet");
    tty.type_("w");
    // the target process logs in, and nobody is asked a second time
    tty.until("a shell there", |s| s.iter().any(|l| l.contains('#') || l.contains("bash-")));
    tty.type_("echo in-$((6*7))\r");
    tty.until_text("in-42");
    assert_eq!(bare.logins(), 2);
    // a second session needs no second answer
    bare.new_session("more", &["--", "sh", "-c", "exit 0"]);
    assert_eq!(bare.exit_of("more")["exit_code"], 0);
    // the connection is cut: who cannot be asked is helped by who can
    for pid in &bare.sshd.pids()[1..] {
        signal(*pid as i32, Signal::KILL);
    }
    tty.until_text("connection lost");
    let args = ["new", "-d", "-H", "test", "--no-agent", "-n", "helped", "--", "sh", "-c", "exit 6"];
    let mut helped = bare.home.thub_command(&bare.words(&args)).spawn().unwrap();
    // (asked by the target process, on this machine as well)
    tty.until_text("stays on this machine");
    tty.type_(format!("{SECRET}\r"));
    assert_eq!(exit_of(&mut helped), 0);
    assert_eq!(bare.exit_of("helped")["exit_code"], 6);
    let holds = |what: &[u8]| what.windows(SECRET.len()).any(|w| w == SECRET.as_bytes());
    let mut todo = vec![bare.home.dir().to_path_buf(), bare.sshd.home()];
    let mut read = 0;
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(std::fs::read_dir(path).unwrap().flatten().map(|e| e.path()));
        } else if let Ok(bytes) = std::fs::read(&path).or_else(|e| if path.is_file() { Err(e) } else { Ok(Vec::new()) })
        {
            read += 1;
            assert!(!holds(&bytes), "{} holds it", path.display());
        }
    }
    assert!(read > 3, "records and a log were read");
    assert!(bare.home.at("state/log/thub.log").exists());
    for pid in bare.home.processes() {
        for name in ["cmdline", "environ"] {
            assert!(!holds(&std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default()), "{pid} {name}");
        }
    }
    assert!(!holds(bare.sshd.since(0).as_bytes()));
}

#[test]
fn what_nobody_needs_goes() {
    let Some(bare) = Bare::new() else { return };
    bare.new_session("short", &["--", "sh", "-c", "exit 0"]);
    assert_eq!(bare.exit_of("short")["exit_code"], 0);
    let target = bare.target();
    // by itself, half a minute after the last that needed it (more than others are waited for)
    let gone = Instant::now() + 2 * PATIENCE;
    while !bare.home.targets().is_empty() {
        assert!(Instant::now() < gone, "it stays");
        std::thread::sleep(Duration::from_millis(50));
    }
    // told to, at once, with what it holds
    bare.new_session("long", &["--", "cat"]);
    assert_ne!(bare.target(), target);
    let target = bare.target();
    signal(target, Signal::TERM);
    until("its end", || bare.home.targets().is_empty().then_some(()));
    let ended = until("the session's", || {
        let info = bare.home.session("long");
        (info["state"] == "exited").then_some(info)
    });
    assert!(ended["cause"].as_str().unwrap().starts_with("connection lost"), "{ended}");
    let left: Vec<String> = bare.home.run_files().into_iter().filter(|n| n.starts_with("t-")).collect();
    assert_eq!(left, [] as [&str; 0]);
    // wrong use is one sentence
    bare.home.thub(&["new", "-d", "--no-agent"]).fails(2);
    bare.thub(&["new", "-d", "-H", "test", "--no-agent", "--cwd", "/"]).fails(2);
    bare.thub(&["new", "-d", "-H", "127.0.0.1:1", "--no-agent"]).fails(3);
}

#[test]
fn a_run_dir_made_anew_has_one_target_for_a_host() {
    let Some(bare) = Bare::new() else { return };
    bare.new_session("one", &["--", "sh", "-c", "echo here; exec cat"]);
    bare.home.shows("one", "here");
    let first = bare.target();
    // taken away while it can't look: another takes the place
    signal(first, Signal::STOP);
    until("it to stand still", || (state_of(first) == 'T').then_some(()));
    let root = bare.home.run_root();
    std::fs::remove_dir_all(&root).unwrap();
    bare.new_session("two", &["--", "cat"]);
    let all = bare.home.targets();
    let second = *all.iter().find(|p| **p != first).expect("another");
    let socket = |what: &str| {
        let names = std::fs::read_dir(&root).unwrap().flatten();
        names.map(|n| n.path()).find(|p| p.extension().is_some_and(|e| e == what)).expect("its file")
    };
    let inode = |path: &PathBuf| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap());
    let before = inode(&socket("tsock"));
    signal(first, Signal::CONT);
    // the first serves the session it has, until that ends, and then goes at once: not after half a minute
    until("the session to be found again", || bare.home.ls().iter().any(|s| s["name"] == "one").then_some(()));
    bare.home.thub(&["send", "one", "still", "--keys", "Enter"]).ok();
    bare.home.shows("one", "still");
    let killed = Instant::now();
    bare.home.thub(&["kill", "one"]).ok();
    until("its end", || (bare.home.targets() == [second]).then_some(()));
    assert!(killed.elapsed() < Duration::from_secs(20), "it waited for somebody");
    assert_eq!(inode(&socket("tsock")), before, "the second one's place was taken");
    assert_eq!(bare.home.session("two")["state"], "detached");
    bare.new_session("three", &["--", "sh", "-c", "exit 3"]);
    assert_eq!(bare.exit_of("three")["exit_code"], 3);
    assert_eq!(bare.target(), second);
    // nobody takes it: the same process has a place in the new one, with a lock that counts
    std::fs::remove_dir_all(&root).unwrap();
    until("its lock", || {
        std::fs::read_dir(&root).ok()?.flatten().find(|n| n.path().extension() == Some("tsock".as_ref()))
    });
    bare.new_session("four", &["--", "cat"]);
    assert_eq!(bare.target(), second);
    let id = words(second)
        .pop()
        .filter(|w| !w.is_empty())
        .or_else(|| words(second).into_iter().find(|w| w.starts_with("t-")));
    let lock = std::fs::File::open(root.join(format!("{}.target", id.unwrap()))).unwrap();
    let taken = rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    assert!(taken.is_err(), "its lock is no lock any more");
}

/// How long ago the panes say that the host was heard of, seconds.
fn last_heard(screen: &[String]) -> Option<u64> {
    let line = screen.iter().find_map(|l| l.split_once("last heard ").map(|(_, rest)| rest))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A link that is dead is shown within 3 s, with what was typed into it, and so is that it healed; and nobody is asked
/// for signs of life while nobody looks.
#[test]
fn a_dead_link_is_shown_and_so_is_that_it_healed() {
    /// Within 3 s, and what this machine, busy with other tests, may take longer to draw it.
    const SHOWN: Duration = Duration::from_millis(3700);
    let Some(bare) = Bare::new() else { return };
    let proxy = Proxy::start(bare.sshd.port);
    let more = format!("Host test\n  Port {}\n  HostKeyAlias [127.0.0.1]:{}\n", proxy.port, bare.sshd.port);
    let config = bare.sshd.config(&more).display().to_string();
    let script = "echo up; while read -r l; do echo \"got $l\"; done";
    let args = ["-F", &config, "new", "-H", "test", "--no-agent", "-n", "s", "--", "sh", "-c", script];
    let mut tty = Tty::thub(&bare.home, 110, 24, &args);
    tty.until_text("up");
    let mut second = Tty::thub(&bare.home, 110, 24, &["-F", &config, "test"]);
    second.until_text("has no thub yet");
    second.type_("w");
    second.until("a shell there", |s| s.iter().any(|l| l.contains('#') || l.contains("bash-")));
    let (mut shown, mut healed) = (Vec::new(), Vec::new());
    for (there, back) in [(true, true), (false, true), (true, false)] {
        let word = format!("word-{}-{}", i32::from(there), i32::from(back));
        tty.until("that all is well", |s| last_heard(s).is_none());
        let from = Instant::now();
        proxy.stall_ways(there, back);
        tty.until("that the link is dead", |s| last_heard(s).is_some());
        shown.push(from.elapsed());
        tty.type_(format!("{word}\r"));
        tty.until_text(&format!("{} bytes typed since", word.len() + 1));
        // it is counted on
        tty.until("its age", |s| last_heard(s).is_some_and(|n| n >= 5));
        let heard = last_heard(&tty.screen()).unwrap();
        assert!(heard <= from.elapsed().as_secs() + 2, "last heard {heard} s ago, dead for {:?}", from.elapsed());
        second.until("that the link is dead", |s| last_heard(s).is_some());
        let from = Instant::now();
        proxy.stall(false);
        for tty in [&tty, &second] {
            tty.until("that it healed", |s| last_heard(s).is_none());
            tty.until_no_text("typed since");
        }
        healed.push(from.elapsed());
        tty.until_text(&format!("got {word}"));
    }
    println!("shown after {shown:?}, healed after {healed:?}");
    assert!(shown.iter().all(|t| *t <= SHOWN), "{shown:?}");
    assert!(healed.iter().all(|t| *t <= SHOWN), "{healed:?}");
    let raw = String::from_utf8(bare.home.raw("s")).unwrap();
    let got: Vec<&str> = raw.split("\r\n").filter(|l| l.starts_with("got ")).collect();
    assert_eq!(got, ["got word-1-1", "got word-0-1", "got word-1-0"], "each once, in order");
    // a host that stands still is as silent as one behind a dead link
    let serving: Vec<i32> = bare.sshd.pids()[1..].iter().map(|pid| *pid as i32).collect();
    serving.iter().for_each(|pid| signal(*pid, Signal::STOP));
    tty.until("that it is silent", |s| last_heard(s).is_some());
    serving.iter().for_each(|pid| signal(*pid, Signal::CONT));
    tty.until("that it answers", |s| last_heard(s).is_none());
    // asked every 2 s while somebody looks, and else as seldom as ever: each 5 s
    let asked = |from: usize| bare.sshd.since(from).matches("keepalive@openssh.com").count();
    let spacing = || {
        let mark = bare.sshd.mark();
        until("it to be asked", || (asked(mark) >= 1).then_some(()));
        let first = Instant::now();
        until("it to be asked again", || (asked(mark) >= 2).then_some(()));
        first.elapsed()
    };
    let looked_at = spacing();
    for tty in [&mut tty, &mut second] {
        tty.prefix("d");
        assert_eq!(tty.wait_exit(), 0);
    }
    // (one may be on its way)
    spacing();
    let alone = spacing();
    println!("asked each {looked_at:?} while somebody looks, each {alone:?} else");
    assert!(looked_at < Duration::from_millis(3500) && alone > Duration::from_millis(3500), "{looked_at:?} {alone:?}");
}

/// A sign of life that stands behind much output is none that is missing.
#[test]
fn a_host_that_floods_is_not_taken_for_a_silent_one() {
    let Some(bare) = Bare::new() else { return };
    let script = "timeout 8 yes; echo over-$((6*7)); exec cat";
    let tty = bare.tty(80, 24, &["new", "-H", "test", "--no-agent", "-n", "flood", "--", "sh", "-c", script]);
    tty.until_text("over-42");
    let asked = bare.sshd.since(0).matches("keepalive@openssh.com").count();
    assert!(asked >= 3, "asked {asked} times");
    let said = String::from_utf8_lossy(&tty.log()).into_owned();
    assert!(!said.contains("last heard"), "{}", crate::support::tty::frame(&tty.screen()));
}
