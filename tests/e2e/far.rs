//! Another machine: a real sshd, a home with nothing in it, and a network that fails.

use crate::support::home::{Output, sweep};
use crate::support::proxy::Proxy;
use crate::support::sshd::{self, Sshd};
use crate::support::tty::frame;
use crate::support::{Home, Tty, scale, signal, state_of, there, until, with_variable, words};
use crate::survive::{counting, in_order};
use rustix::process::Signal;
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A host `test` behind a real sshd; its agent and sessions go with it.
pub struct Far {
    pub home: Home,
    pub sshd: Sshd,
    pub config: PathBuf,
}

impl Far {
    pub fn new(more: &str) -> Option<Far> {
        if !sshd::here() {
            return None;
        }
        Some(Far::start("", more))
    }
    /// With more lines for sshd, and for the client.
    pub fn start(sshd: &str, more: &str) -> Far {
        let sshd = Sshd::start(sshd);
        let config = sshd.config(&more.replace("{dir}", &sshd.dir.path().to_string_lossy()));
        Far { home: Home::new(), sshd, config }
    }
    /// The same with the agent put there.
    pub fn deployed() -> Option<Far> {
        let far = Far::new("Host test\n")?;
        let said = far.thub(&["deploy", "test"]);
        assert_eq!(said.code, 0, "{said:?}");
        Some(far)
    }
    /// A config that goes through a proxy.
    pub fn through(&self, proxy: &Proxy) -> PathBuf {
        self.sshd.config(&format!("Host test\n  Port {}\n  HostKeyAlias [127.0.0.1]:{}\n", proxy.port, self.sshd.port))
    }

    pub fn words<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [&["-F", self.config.to_str().unwrap()], args].concat()
    }
    #[track_caller]
    pub fn thub(&self, args: &[&str]) -> Output {
        self.home.thub(&self.words(args))
    }
    #[track_caller]
    pub fn ls(&self) -> Vec<Value> {
        serde_json::from_str(&self.thub(&["ls", "-H", "test", "--json"]).ok()).expect("a JSON array")
    }
    pub fn tty(&self, cols: u16, rows: u16, args: &[&str]) -> Tty {
        Tty::thub(&self.home, cols, rows, &self.words(args))
    }
    #[track_caller]
    pub fn shows(&self, name: &str, regex: &str) {
        let waited = self.thub(&["wait", "-H", "test", name, "--text", regex, "--timeout", "30"]);
        assert_eq!(waited.code, 0, "{waited:?}\n{:?}", self.thub(&["capture", "-H", "test", name, "--all"]));
    }

    /// Processes there.
    pub fn there(&self) -> Vec<i32> {
        with_variable("HOME", &self.sshd.home())
    }
    /// `thub agent --stdio` there.
    pub fn agents(&self) -> Vec<i32> {
        self.there().into_iter().filter(|p| words(*p).iter().any(|w| w == "--stdio")).collect()
    }
    /// The binary that was put there.
    pub fn binaries(&self) -> Vec<PathBuf> {
        let builds =
            std::fs::read_dir(self.sshd.home().join(".local/share/thub/agents")).into_iter().flatten().flatten();
        builds.map(|b| b.path().join("thub")).filter(|p| p.exists()).collect()
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        there::end(&self.home, &self.sshd);
    }
}

#[test]
fn an_empty_home_gets_an_agent_and_sessions() {
    let Some(far) = Far::new("Host test\n") else { return };
    // nobody is asked, so nothing is put there
    let said = far.thub(&["ls", "-H", "test"]);
    assert!(said.code != 0 && said.err.contains("deploy"), "{said:?}");
    assert!(far.binaries().is_empty());
    let said = far.thub(&["deploy", "test"]);
    assert_eq!(said.code, 0, "{said:?}");
    let [binary] = &far.binaries()[..] else { panic!("{:?}", far.binaries()) };
    assert_eq!(std::fs::read(binary).unwrap(), std::fs::read(crate::support::THUB).unwrap());
    use std::os::unix::fs::MetadataExt;
    let first = std::fs::metadata(binary).unwrap();
    assert_eq!(first.mode() & 0o022, 0);

    let id = far
        .thub(&[
            "new",
            "-d",
            "-H",
            "test",
            "-n",
            "one",
            "--size",
            "90x20",
            "--",
            "sh",
            "-c",
            "echo hello $THUB_HOST; exec cat",
        ])
        .ok();
    far.shows("one", "hello");
    let all = far.ls();
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0]["name"].as_str(), all[0]["host"].as_str(), all[0]["id"].as_str()),
        (Some("one"), Some("test"), Some(id.trim()))
    );
    assert_eq!((all[0]["cols"].as_u64(), all[0]["state"].as_str()), (Some(90), Some("detached")));
    far.thub(&["send", "-H", "test", "one", "typed there", "--keys", "Enter"]).ok();
    far.shows("one", "typed there");
    let screen = far.thub(&["capture", "-H", "test", "one"]).ok();
    assert!(screen.starts_with("hello ") && screen.contains("\ntyped there\n"), "{screen}");
    let raw = far.thub(&["capture", "-H", "test", "one", "--all", "--raw"]);
    assert!(raw.bytes.starts_with(b"hello ") && raw.err.is_empty(), "{raw:?}");
    far.thub(&["rename", "-H", "test", "one", "two"]).ok();
    far.thub(&["resize", "-H", "test", "two", "70x11"]).ok();
    assert_eq!(far.thub(&["capture", "-H", "test", "two"]).ok().lines().count(), 11);
    far.thub(&["capture", "-H", "test", "one"]).fails(2);
    far.thub(&["new", "-d", "-H", "test", "-n", "../x"]).fails(2);
    // none of it is on this machine
    assert!(far.home.ls().is_empty());

    // a login shell, in the home there
    far.thub(&["new", "-d", "-H", "test", "-n", "shell"]).ok();
    far.thub(&["send", "-H", "test", "shell", "echo at:$PWD:$0:", "--keys", "Enter"]).ok();
    far.shows("shell", &format!("at:{}:-", far.sshd.home().display()));

    // again: nothing is uploaded
    let mark = far.sshd.mark();
    let said = far.thub(&["deploy", "test"]);
    assert_eq!(said.code, 0, "{said:?}");
    far.ls();
    let second = std::fs::metadata(binary).unwrap();
    assert_eq!((first.ino(), first.mtime(), first.mtime_nsec()), (second.ino(), second.mtime(), second.mtime_nsec()));
    assert!(!far.sshd.since(mark).contains("subsystem"), "no SFTP the second time");
    assert_eq!(far.binaries().len(), 1);

    // who goes leaves nothing
    far.thub(&["kill", "-H", "test", "--all"]).ok();
    until("agents and sessions to be gone", || far.there().is_empty().then_some(()));
    let status: Value = serde_json::from_str(&far.thub(&["agent", "status", "-H", "test", "--json"]).ok()).unwrap();
    assert_eq!(status["sessions"], 0, "{status}");
    far.thub(&["new", "-d", "-H", "test", "-n", "stays", "--", "cat"]).ok();
    let said = far.thub(&["agent", "uninstall", "-H", "test"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("stays") && !said.out.contains("after `thub kill`"), "{said:?}");
    // what ends it is said in the order in which it goes, and that is done here
    let at =
        ["`thub deploy test ", "`thub kill --all -H test ", "`thub agent uninstall -H test "].map(|c| said.out.find(c));
    assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{said:?}");
    assert!(far.binaries().is_empty());
    let said = far.thub(&["deploy", "test"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(far.ls()[0]["name"], "stays", "it lived on");
    far.thub(&["kill", "--all", "-H", "test"]).ok();
    let said = far.thub(&["agent", "uninstall", "-H", "test"]);
    assert_eq!(said.code, 0, "{said:?}");
    // (a login shell keeps what was typed into it)
    let all = std::fs::read_dir(far.sshd.home()).unwrap().map(|e| e.unwrap().file_name());
    let left: Vec<_> = all.filter(|n| n != ".bash_history").collect();
    assert!(left.is_empty(), "nothing is left: {left:?}");

    // under a window that shows the host: it is told, and its agent makes nothing anew
    assert_eq!(far.thub(&["deploy", "test"]).code, 0);
    let tty = far.tty(100, 30, &["test"]);
    until("a session there", || (far.ls().len() == 1).then_some(()));
    far.thub(&["kill", "--all", "-H", "test"]).ok();
    far.thub(&["agent", "uninstall", "-H", "test"]).ok();
    tty.until_text("has no thub yet");
    until("agents to be gone", || far.there().is_empty().then_some(()));
    assert!(!far.sshd.home().join(".local").exists());
}

/// The panel of an agent on its way: how far, stopped by Esc with nothing left, and to its end.
#[test]
fn an_agent_on_its_way_is_seen_and_can_be_stopped() {
    let Some(far) = Far::new("Host test\n") else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy).display().to_string();
    let tty = Tty::thub(&far.home, 100, 30, &["-F", &config, "test"]);
    tty.until_text("y yes");
    tty.type_("y");
    tty.until("how far it is", |s| s.iter().any(|l| l.contains("█") && l.contains('%')));
    proxy.stall(true);
    tty.until_text("Esc stop");
    until("it to stop", || {
        tty.type_("\x1b");
        std::thread::sleep(Duration::from_millis(200));
        tty.screen().iter().any(|l| l.contains("no agent was put there")).then_some(())
    });
    proxy.stall(false);
    until("nothing of it to be there", || (!far.sshd.home().join(".local").exists()).then_some(()));
    drop(tty);
    let tty = Tty::thub(&far.home, 100, 30, &["-F", &config, "test"]);
    tty.until_text("y yes");
    tty.type_("y");
    tty.until_text("the agent is there");
    assert_eq!(far.binaries().len(), 1);
}

/// Ctrl-C and a killed client: the host removes what had come.
#[test]
fn a_deploy_that_is_stopped_leaves_nothing() {
    let Some(far) = Far::new("Host test\n") else { return };
    for with in [Signal::INT, Signal::KILL] {
        let proxy = Proxy::start(far.sshd.port);
        let config = far.through(&proxy).display().to_string();
        let mut deploy = far.home.thub_command(&["-F", &config, "deploy", "test"]);
        let mut deploy =
            deploy.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        let agents = far.sshd.home().join(".local/share/thub/agents");
        let temp = || {
            let builds = std::fs::read_dir(&agents).into_iter().flatten().flatten();
            let files = builds.filter_map(|b| std::fs::read_dir(b.path()).ok()).flatten().flatten();
            files.into_iter().any(|f| f.file_name().to_string_lossy().starts_with(".thub."))
        };
        until("the upload to begin", || temp().then_some(()));
        proxy.stall(true);
        signal(deploy.id() as i32, with);
        let ended = until("it to end", || deploy.try_wait().unwrap());
        assert!(!ended.success());
        proxy.stall(false);
        until("nothing of it to be there", || (!far.sshd.home().join(".local").exists()).then_some(()));
    }
}

#[test]
fn commands_run_there() {
    let Some(far) = Far::deployed() else { return };
    let ran = far
        .home
        .thub_in(&far.words(&["run", "-H", "test", "--", "sh", "-c", "cat; echo error >&2; pwd; exit 9"]), b"input\n");
    assert_eq!((ran.code, ran.err.as_str()), (9, "error\n"), "{ran:?}");
    assert_eq!(ran.out, format!("input\n{}\n", far.sshd.home().display()));
    // words stay what they are, though there is a shell on the way
    let ran = far.thub(&["run", "-H", "test", "--", "printf", "%s|", "a b", "$HOME", "*", "'\"\\", ""]);
    assert_eq!(ran.ok(), "a b|$HOME|*|'\"\\||");
    // several: each line says whose it is; the first code that is not 0
    let ran = far.thub(&["run", "-H", "test", "-H", "other", "--", "sh", "-c", "echo here; exit 3"]);
    assert_eq!(ran.code, 255.min(ran.code));
    assert!(ran.out.lines().any(|l| l.starts_with("test") && l.ends_with("| here")), "{ran:?}");
    assert!(ran.out.lines().any(|l| l.starts_with("other") && l.ends_with("| here")), "{ran:?}");
    assert_eq!(ran.code, 3, "{ran:?}");
    let bytes: Vec<u8> = (0..2_000_000u32).map(|i| (i.wrapping_mul(2654435761) >> 11) as u8).collect();
    let ran = far.home.thub_in(&far.words(&["run", "-H", "test", "--", "cat"]), &bytes);
    assert!(ran.code == 0 && ran.bytes == bytes, "{} {}", ran.bytes.len(), ran.err);
    // what can't be reached, or won't have us
    let refused =
        far.sshd.config("Host test\n  IdentityFile {dir}/other\nHost nowhere\n  Port 1\n").display().to_string();
    let bad = std::fs::read_to_string(&refused).unwrap().replacen("IdentityFile {d}/id", "", 1);
    std::fs::write(&refused, bad.lines().filter(|l| !l.ends_with("/id")).collect::<Vec<_>>().join("\n")).unwrap();
    let mark = far.sshd.mark();
    far.home.thub(&["-F", &refused, "ls", "-H", "test"]).fails(4);
    assert!(!far.sshd.since(mark).contains("Accepted"));
    far.home.thub(&["-F", &refused, "ls", "-H", "nowhere"]).fails(3);
    far.home.thub(&["-F", &refused, "run", "-H", "nowhere", "--", "true"]).fails(255);
    far.home.thub(&["-F", &refused, "run", "-H", "test", "--", "true"]).fails(255);
    far.thub(&["run", "-H", "test", "--", "/no/such/program"]).fails(255);
    assert_eq!(far.thub(&["run", "-H", "test", "--", "sh", "-c", "kill -TERM $$"]).code, 143);
    let several = ["run", "-H", "nowhere", "-H", "test", "--", "true"];
    assert_eq!(far.home.thub(&[&["-F", &refused][..], &several].concat()).code, 255);
}

#[test]
fn a_changed_or_unknown_host_key() {
    let Some(far) = Far::deployed() else { return };
    let known = far.sshd.at("known_hosts");
    for which in ["other", ""] {
        if which.is_empty() {
            std::fs::write(&known, "").unwrap();
        } else {
            far.sshd.know(which);
        }
        let before = std::fs::read(&known).unwrap();
        let mark = far.sshd.mark();
        for verb in [
            &["ls"][..],
            &["new", "-d"],
            &["capture", "x"],
            &["send", "x", "y"],
            &["kill", "--all"],
            &["wait", "x"],
            &["agent", "status"],
        ] {
            let said = far.thub(&[verb, &["-H", "test"]].concat()).fails(4);
            assert!(said.contains("SHA256:"), "{said}");
        }
        far.thub(&["deploy", "test"]).fails(4);
        assert_eq!(far.thub(&["run", "-H", "test", "--", "true"]).code, 255);
        // with a terminal one that is unknown is asked about, and one that has changed is not
        let mut tty = far.tty(100, 20, &["ls", "-H", "test"]);
        if which.is_empty() {
            tty.until_text("Trust it and keep it?");
            tty.type_("no\r");
        }
        assert_eq!(tty.wait_exit(), 4);
        let log = far.sshd.since(mark);
        assert!(!log.contains("userauth-request") && !log.contains("Accepted"), "nothing is offered:\n{log}");
        assert_eq!(std::fs::read(&known).unwrap(), before, "nothing is learned");
    }
    // the TUI: a changed one is a hard stop
    far.sshd.know("other");
    let mark = far.sshd.mark();
    let mut tty = far.tty(110, 30, &["test"]);
    tty.until_text("THE HOST KEY HAS CHANGED");
    tty.type_("y\r");
    tty.until_text("THE HOST KEY HAS CHANGED");
    tty.prefix("d");
    tty.wait_exit();
    let log = far.sshd.since(mark);
    assert!(!log.contains("userauth-request") && !log.contains("Accepted"), "{log}");
    // an unknown one is asked about, with its fingerprint: no is no
    std::fs::write(&known, "").unwrap();
    let mark = far.sshd.mark();
    let mut tty = far.tty(110, 30, &["test"]);
    tty.until_text("unknown host key");
    tty.until_text("SHA256:");
    tty.type_("n");
    tty.until_no_text("unknown host key");
    tty.prefix("d");
    tty.wait_exit();
    assert_eq!(std::fs::read(&known).unwrap(), b"");
    assert!(!far.sshd.since(mark).contains("userauth-request"));
    // and yes is yes, and kept
    let tty = far.tty(110, 30, &["test"]);
    tty.until_text("unknown host key");
    tty.type_("y");
    tty.until("a shell there", |s| s.iter().any(|l| l.contains('#') || l.contains("bash-")));
    assert!(std::fs::read_to_string(&known).unwrap().contains("ssh-ed25519"));
    drop(tty);
    far.ls();
}

#[test]
fn the_tui_puts_an_agent_there_and_finds_it_again() {
    let Some(far) = Far::new("Host test\n") else { return };
    // no is no
    let mut tty = far.tty(100, 30, &["test"]);
    tty.until_text("has no thub yet");
    tty.type_("n");
    tty.until_no_text("has no thub yet");
    assert!(far.binaries().is_empty());
    tty.prefix("d");
    tty.wait_exit();
    std::fs::remove_dir_all(far.home.at("state")).unwrap();
    let mut tty = far.tty(100, 30, &["test"]);
    tty.until_text("has no thub yet");
    tty.type_("y");
    until("a session there", || (!far.binaries().is_empty() && far.ls().len() == 1).then_some(()));
    tty.type_("echo there-$((6*7))\r");
    tty.until_text("there-42");
    assert!(far.home.ls().is_empty(), "nothing was started here");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
    let pid = far.ls()[0]["pid"].clone();
    let mark = far.sshd.mark();
    let mut tty = far.tty(100, 30, &["test"]);
    tty.until_text("there-42");
    tty.type_("echo again-$((6*8))\r");
    tty.until_text("again-48");
    assert!(!far.sshd.since(mark).contains("subsystem"), "nothing is uploaded");
    let all = far.ls();
    assert!(all.len() == 1 && all[0]["pid"] == pid, "the same shell and no other: {all:?}");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
    // one full screen, cell for cell
    let id = all[0]["id"].as_str().unwrap().to_string();
    let mut tty = far.tty(77, 19, &["attach", "-H", "test", &id]);
    tty.until_text("again-48");
    until("its size", || (far.ls()[0]["cols"] == 77).then_some(()));
    until("what is captured", || {
        let captured = far.thub(&["capture", "-H", "test", &id]).ok();
        (captured.lines().collect::<Vec<_>>() == tty.screen()).then_some(())
    });
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
}

#[test]
fn sshd_and_agents_are_killed_and_the_session_is_there() {
    let Some(mut far) = Far::deployed() else { return };
    let go = far.home.at("go");
    std::fs::write(&go, "").unwrap();
    far.thub(&["new", "-d", "-H", "test", "-n", "count", "--ring", "16777216", "--", "sh", "-c", &counting(&go)]).ok();
    let tty = far.tty(80, 24, &["attach", "-H", "test", "count"]);
    tty.until_text("line-");
    let pid = far.ls()[0]["pid"].as_i64().unwrap() as i32;
    // agents alone, again and again
    for _ in 0..scale(10) {
        let agents = until("an agent", || Some(far.agents()).filter(|a| !a.is_empty()));
        for agent in &agents {
            signal(*agent, Signal::KILL);
        }
        until("it to be gone", || agents.iter().all(|a| state_of(*a) == 'x').then_some(()));
        let asked = Instant::now();
        assert_eq!(far.ls().len(), 1);
        println!("ls after {:?}", asked.elapsed());
    }
    // the whole sshd
    far.sshd.crash();
    far.thub(&["ls", "-H", "test"]).fails(3);
    assert_ne!(state_of(pid), 'x');
    far.sshd.restart();
    assert_eq!(far.ls()[0]["pid"].as_i64(), Some(pid.into()));
    // who looks on is back by itself, and what it shows goes on
    let latest = |s: &[String]| {
        s.iter().filter_map(|l| l.trim().strip_prefix("line-")?.parse::<usize>().ok()).max().unwrap_or(0)
    };
    let now = latest(&tty.screen());
    tty.until("newer lines", |s| latest(s) > now);
    std::fs::remove_file(&go).unwrap();
    tty.until_text("done-");
    let raw = far.thub(&["capture", "-H", "test", "count", "--all", "--raw"]);
    assert!(raw.code == 0 && raw.err.is_empty(), "{} {}", raw.code, raw.err);
    let lines = in_order(&raw.bytes);
    assert!(lines > 100, "{lines}");
    until("the screen to be what is captured", || {
        let captured = far.thub(&["capture", "-H", "test", "count"]).ok();
        (captured.lines().collect::<Vec<_>>() == tty.screen()).then_some(())
    });
}

#[test]
fn a_host_that_stands_still_holds_up_nothing_here() {
    let Some(far) = Far::deployed() else { return };
    far.thub(&["new", "-d", "-H", "test", "-n", "far", "--", "sh", "-c", "echo far away; exec cat"]).ok();
    let tty = far.tty(120, 30, &["test"]);
    tty.until_text("far away");
    // a local pane beside it
    far.home.new_session(&["-n", "near", "--", "sh", "-c", "stty -echo raw; echo near by; exec cat"]);
    tty.until_text("near");
    tty.prefix("g");
    tty.type_("near");
    tty.until("the one found", |s| s.iter().any(|l| l.contains("near") && l.contains("this machine")));
    tty.type_("\r");
    tty.until_text("near by");
    let stopped = far.sshd.pids();
    for pid in &stopped {
        signal(*pid as i32, Signal::STOP);
    }
    let mut took: Vec<Duration> = Vec::new();
    for i in 0..scale(40) {
        let mark = format!("<{i}>");
        let at = Instant::now();
        tty.type_(format!("{mark}\r\n"));
        tty.until_text(&mark);
        took.push(at.elapsed());
    }
    assert!(stopped.iter().all(|p| state_of(*p as i32) == 'T'), "it stood still all the time");
    took.sort();
    println!("echo beside a stopped host: median {:?}, worst {:?}", took[took.len() / 2], took[took.len() - 1]);
    // and verbs on this machine answer
    far.home.ls();
    for pid in &stopped {
        signal(*pid as i32, Signal::CONT);
    }
    tty.prefix("p");
    tty.until_text("far away");
    tty.type_("heard\r");
    tty.until("it is back", |s| s.iter().any(|l| l.contains("heard")));
}

#[test]
fn a_pulled_cable_is_shown_and_heals() {
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy).display().to_string();
    far.thub(&["new", "-d", "-H", "test", "-n", "p", "--", "sh", "-c", "echo stays readable; exec cat"]).ok();
    let tty = Tty::thub(&far.home, 110, 30, &["-F", &config, "test"]);
    tty.until_text("stays readable");
    proxy.stall(true);
    tty.type_("typed into the dark\r");
    let said = ["silent", "lost", "last heard", "connecting", "not connected", "again"];
    let screen = tty.until("that the link is silent", |s| s.iter().any(|l| said.iter().any(|w| l.contains(w))));
    assert!(screen.iter().any(|l| l.contains("stays readable")), "{}", frame(&screen));
    proxy.stall(false);
    tty.until("what was typed, once echoed and once by cat", |s| {
        s.iter().filter(|l| l.contains("typed into the dark")).count() == 2
    });
    tty.until("all well again", |s| {
        !s.iter().any(|l| ["silent", "last heard", "not connected"].iter().any(|w| l.contains(w)))
    });
    // no way at all for a while
    proxy.refuse(true);
    proxy.cut();
    tty.type_("typed while cut\r");
    tty.until("that it is lost", |s| s.iter().any(|l| said.iter().any(|w| l.contains(w))));
    proxy.refuse(false);
    tty.until("what was typed then", |s| s.iter().filter(|l| l.contains("typed while cut")).count() == 2);
    let raw = far.thub(&["capture", "-H", "test", "p", "--all", "--raw"]).ok();
    assert_eq!(
        raw,
        "stays readable\r\ntyped into the dark\r\ntyped into the dark\r\ntyped while cut\r\ntyped while cut\r\n"
    );
}

/// Without any help from a config: an account of its own, its own home, key and known_hosts.
#[test]
fn an_account_as_a_distribution_makes_it() {
    if !sshd::here() {
        return;
    }
    let Some(user) = crate::users::User::new("s") else { return };
    let there = tempfile::Builder::new().prefix("thub-account-").tempdir().unwrap();
    let home_there = there.path().join("home");
    user.give_home(&home_there);
    let sshd =
        Sshd::start(&format!("Match User {}\n  AuthorizedKeysFile .ssh/authorized_keys\n  SetEnv MARK=1\n", user.name));
    std::fs::create_dir(home_there.join(".ssh")).unwrap();
    std::fs::copy(sshd.at("id.pub"), home_there.join(".ssh/authorized_keys")).unwrap();
    for path in [home_there.join(".ssh"), home_there.join(".ssh/authorized_keys")] {
        std::os::unix::fs::chown(path, Some(user.id), Some(user.group)).unwrap();
    }
    // (sshd's own config says HOME for everybody; here it is what passwd says)
    let mut sshd = sshd;
    sshd.set_no_environment();
    let config = sshd.config(&format!("Host test\n  User {}\n", user.name)).display().to_string();
    let home = Home::new();
    let thub = |args: &[&str]| home.thub(&[&["-F", &config], args].concat());
    let said = thub(&["deploy", "test"]);
    assert_eq!(said.code, 0, "{said:?}");
    thub(&["new", "-d", "-H", "test", "-n", "mine", "--", "sh", "-c", "id -un; echo at $PWD; exec cat"]).ok();
    assert_eq!(thub(&["wait", "-H", "test", "mine", "--text", "^at /", "--timeout", "30"]).code, 0);
    let screen = thub(&["capture", "-H", "test", "mine"]).ok();
    assert!(screen.starts_with(&format!("{}\nat {}\n", user.name, home_there.display())), "{screen}");
    use std::os::unix::fs::MetadataExt;
    let binary = home_there.join(".local/share/thub/agents");
    assert_eq!(std::fs::metadata(&binary).unwrap().uid(), user.id);
    let pids = || crate::support::with_variable("HOME", &home_there);
    assert!(!pids().is_empty());
    for pid in pids() {
        let owner = std::fs::metadata(format!("/proc/{pid}")).map_or(user.id, |m| m.uid());
        assert_eq!(owner, user.id, "{:?}", words(pid));
    }
    // by user@host:port as well
    let address = format!("{}@127.0.0.1:{}", user.name, sshd.port);
    let all: Vec<Value> = serde_json::from_str(&thub(&["ls", "-H", &address, "--json"]).ok()).unwrap();
    assert_eq!((all.len(), all[0]["name"].as_str()), (1, Some("mine")));
    // the connection ends, the session does not; and it ends when told
    until("the agents to be gone", || pids().iter().all(|p| !words(*p).iter().any(|w| w == "--stdio")).then_some(()));
    assert!(thub(&["ls", "-H", "test"]).ok().contains("mine"));
    thub(&["kill", "-H", "test", "--all"]).ok();
    sweep(pids);
}

/// An agent goes after 120 s in which it hears nothing: a verb that waits must not be taken for gone.
#[test]
#[ignore = "takes more than two minutes"]
fn a_command_that_is_silent_for_two_minutes() {
    let Some(far) = Far::deployed() else { return };
    let words = far.words(&["run", "-H", "test", "--", "sh", "-c", "sleep 135; echo there"]);
    let ran = far.home.thub_command(&words).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "there\n", "{ran:?}");
}

/// It once waited on for ever: it kept the sending end of its own queue.
#[test]
fn a_wait_hears_that_the_link_fell() {
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy).display().to_string();
    far.thub(&["new", "-d", "-H", "test", "-n", "w", "--", "cat"]).ok();
    let mut waiting = far.home.thub_command(&["-F", &config, "wait", "-H", "test", "w"]);
    let mut waiting = waiting.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    until("it watches", || (far.ls()[0]["clients"] == 1).then_some(()));
    proxy.refuse(true);
    proxy.cut();
    let ended = until("it to end", || waiting.try_wait().unwrap());
    assert_eq!(ended.code(), Some(3), "{ended:?}");
}

#[test]
fn hosts_that_are_named_as_words_of_thub() {
    let Some(far) = Far::new("Host target session agent ls\n") else { return };
    for words in [&["target"][..], &["session"], &["--", "ls"], &["-H", "agent"], &["--", "agent"]] {
        let mut tty = far.tty(110, 30, words);
        tty.until_text("has no thub yet");
        tty.until_text(&format!("{}  connecting", words.last().unwrap()));
        tty.kill9();
    }
    // a host before a verb is not taken for its host, nor let fall
    let said = far.thub(&["target", "ls"]).fails(2);
    assert!(said.contains("-H target"), "{said}");
    let said = far.thub(&["target", "-H", "session"]).fails(2);
    assert!(said.contains("one host"), "{said}");
}

#[test]
fn doctor_looks_at_a_host() {
    let Some(far) = Far::new("Host test\n") else { return };
    let said = far.thub(&["doctor", "-H", "test"]).fails(4);
    assert!(said.contains("deploy test"), "{said}");
    assert_eq!(far.thub(&["deploy", "test"]).code, 0);
    let found: Vec<Value> = serde_json::from_str(&far.thub(&["doctor", "-H", "test", "--json"]).ok()).unwrap();
    let said = |what: &str| found.iter().find(|f| f["what"] == what).unwrap_or_else(|| panic!("no {what}: {found:?}"));
    let there = far.sshd.home().display().to_string();
    for (what, part) in
        [("link", "ready after"), ("agent", there.as_str()), ("sessions", "0 there"), ("run dir", &there)]
    {
        assert!(said(what)["said"].as_str().unwrap().contains(part) && said(what)["level"] == "ok", "{:?}", said(what));
    }
    assert!(said("logout").get("lingering").is_some(), "{found:?}");
    assert!(!found.iter().any(|f| f["what"] == "terminal"), "{found:?}");
    // in words as well
    let text = far.thub(&["doctor", "-H", "test"]).ok();
    assert!(text.lines().any(|l| l.starts_with("ok   agent ")), "{text}");
    far.thub(&["doctor", "-H", "test", "-H", "other"]).fails(2);
    far.home.thub(&["doctor", "-H", "local"]).ok();
}

#[test]
fn what_to_type_next_names_the_host_and_the_file() {
    let Some(far) = Far::new("Host test\n") else { return };
    let file = far.config.display().to_string();
    let said = far.thub(&["ls", "-H", "test"]).fails(4);
    assert!(said.contains(&format!("`thub deploy test -F {file}`")) && !said.contains("TUI"), "{said}");
    assert!(said.contains(&format!("`thub new -H test --no-agent -F {file}`")), "{said}");
    std::fs::write(far.sshd.at("known_hosts"), "").unwrap();
    let said = far.thub(&["ls", "-H", "test"]).fails(4);
    assert!(said.contains(&format!("`ssh test -F {file}`")) && !said.contains("TUI"), "{said}");
    far.sshd.know("host_ed25519");
    assert_eq!(far.thub(&["deploy", "test"]).code, 0);
    let said = far.thub(&["capture", "-H", "test", "nope"]).fails(2);
    assert!(said.contains(&format!("`thub ls -H test -F {file}`")), "{said}");
    let said = far.home.thub(&["capture", "nope"]).fails(2);
    assert!(said.contains("`thub ls`"), "{said}");
}

/// The last window's sessions there have ended, with the agent there and without: `thub HOST` is that host all the same.
#[test]
fn a_host_named_is_that_host_when_its_sessions_are_gone() {
    let Some(far) = Far::deployed() else { return };
    for without in [false, true] {
        let mut tty = far.tty(100, 30, &["test"]);
        until("a session there", || (far.ls().len() == 1).then_some(()));
        tty.type_("echo there-$((6*7))\r");
        tty.until_text("there-42");
        tty.prefix("d");
        assert_eq!(tty.wait_exit(), 0);
        far.thub(&["kill", "-H", "test", "--all"]).ok();
        if without {
            far.thub(&["agent", "uninstall", "-H", "test"]).ok();
        }
        let mut tty = far.tty(100, 30, &["test"]);
        if without {
            tty.until_text("has no thub yet");
            tty.type_("w");
            tty.until_no_text("has no thub yet");
        }
        // (what an agent has run may run on, as far as one can tell without it)
        tty.until_text(if without { "needs its agent" } else { "nothing of the last window is alive" });
        tty.type_("echo on:$SSH_CONNECTION:\r");
        tty.until("a shell over there", |s| s.iter().any(|l| l.contains("on:127.0.0.1 ")));
        tty.prefix("d");
        assert_eq!(tty.wait_exit(), 0);
        if !without {
            assert!(far.home.ls().is_empty(), "nothing was started here");
            far.thub(&["kill", "-H", "test", "--all"]).ok();
            std::fs::remove_dir_all(far.home.at("state")).unwrap();
        }
    }
}

/// A host that hangs up on what it is told before it has answered is asked step by step; and told so no more, after the
/// second time.
#[test]
fn a_guess_that_a_host_hangs_up_on() {
    if !sshd::here() {
        return;
    }
    let more = "Host *\n  IdentityFile {dir}/id\n  IdentityFile {dir}/old\n";
    let far = Far::start("MaxAuthTries 1", more);
    assert_eq!(far.thub(&["deploy", "test"]).code, 0);
    sshd::keygen(far.sshd.dir.path(), &["-q", "-t", "ed25519", "-N", "", "-f", "old"]);
    let listed = std::process::Command::new("ssh-keygen").arg("-lf").arg(far.sshd.at("old.pub")).output().unwrap();
    let old = String::from_utf8(listed.stdout).unwrap().split(' ').nth(1).unwrap().to_string();
    let met = far.home.at("state/met.json");
    let logins = |known: bool| {
        if known {
            let mut all: Value = serde_json::from_slice(&std::fs::read(&met).unwrap()).unwrap();
            all["hosts"]["test"]["key"] = old.clone().into();
            std::fs::write(&met, all.to_string()).unwrap();
        }
        let mark = far.sshd.mark();
        far.thub(&["ls", "-H", "test"]).ok();
        let log = far.sshd.since(mark);
        log.lines().filter(|l| l.starts_with("Connection from")).count()
    };
    assert_eq!(logins(false), 1);
    assert_eq!(logins(true), 2, "the old key is not taken");
    assert_eq!(logins(false), 1, "and the right one known again");
    // twice in a row
    assert_eq!(logins(true), 2);
    let mut all: Value = serde_json::from_slice(&std::fs::read(&met).unwrap()).unwrap();
    all["hosts"]["test"]["broke"] = 2.into();
    std::fs::write(&met, all.to_string()).unwrap();
    assert_eq!(logins(true), 1, "it is not guessed any more");
}
