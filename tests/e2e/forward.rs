//! Forwards: the verb until Ctrl-C and over a cut link, ssh_config's own, the panel.

use crate::far::Far;
use crate::support::home::exit_of;
use crate::support::proxy::Proxy;
use crate::support::{Home, Tty, is_root, signal, until};
use crate::without::Bare;
use rustix::process::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStdout};

/// Answers what it reads, on a port of this machine.
fn echo_on(listener: TcpListener) -> u16 {
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut said = Vec::new();
                if stream.read_to_end(&mut said).is_ok() {
                    let _ = stream.write_all(&said);
                }
            });
        }
    });
    port
}
fn echo() -> u16 {
    echo_on(TcpListener::bind("127.0.0.1:0").unwrap())
}

/// What comes back of a word; None where it broke off.
fn said(port: u16, word: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(word.as_bytes()).ok()?;
    stream.shutdown(Shutdown::Write).ok()?;
    let mut back = String::new();
    stream.read_to_string(&mut back).ok()?;
    Some(back)
}

/// `thub forward --json`, its lines read as they come.
struct Verb {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Verb {
    fn start(far: &Far, args: &[&str]) -> Verb {
        Verb::with(&far.home, &far.words(args))
    }
    fn with(home: &Home, args: &[&str]) -> Verb {
        let mut child = home.thub_command(&[&["--json", "forward"], args].concat()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Verb { child, lines }
    }
    #[track_caller]
    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("a line").unwrap();
        serde_json::from_str(&line).unwrap()
    }
    /// Until one says so.
    #[track_caller]
    fn until(&mut self, key: &str, value: &str) -> Value {
        loop {
            let line = self.next();
            if line[key] == value {
                return line;
            }
        }
    }
    #[track_caller]
    fn ends(mut self) {
        signal(self.child.id() as i32, Signal::INT);
        assert_eq!(exit_of(&mut self.child), 0);
    }
}
impl Drop for Verb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_verb_forwards_until_it_is_told_to_stop() {
    let Some(far) = Far::new("Host later\n  ProxyJump test\nHost test\n") else { return };
    let to = format!("0:localhost:{}", echo());
    let mut verb = Verb::start(&far, &["-H", "test", &to, &format!("R:{to}")]);
    let all = [verb.next(), verb.next()];
    let port = |kind: &str| {
        let line = all.iter().find(|l| l["kind"] == kind).unwrap();
        assert_eq!(
            (&line["event"], &line["state"], &line["host"]),
            (&"forward".into(), &"open".into(), &"test".into())
        );
        line["port"].as_u64().unwrap() as u16
    };
    let (here, there) = (port("L"), port("R"));
    assert_eq!(said(here, "one").as_deref(), Some("one"));
    assert_eq!(said(there, "two").as_deref(), Some("two"));
    // who is asked from elsewhere
    let listed: Vec<Value> = serde_json::from_str(&far.thub(&["--json", "forward", "ls"]).ok()).unwrap();
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert_eq!(listed[0]["pid"].as_u64(), Some(verb.child.id().into()));
    assert!(far.thub(&["forward", "ls"]).ok().contains("localhost:"));
    // through a jump host as well
    let mut jump = Verb::start(&far, &["-H", "later", &to]);
    let far_port = jump.next()["port"].as_u64().unwrap() as u16;
    assert_eq!(said(far_port, "three").as_deref(), Some("three"));
    jump.ends();
    verb.ends();
    for port in [here, there, far_port] {
        until("nobody listens", || TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()));
    }
    assert_eq!(far.thub(&["--json", "forward", "ls"]).ok().trim(), "[]");
    // one that was killed is not listed
    let mut verb = Verb::start(&far, &["-H", "test", &to]);
    verb.next();
    verb.child.kill().unwrap();
    verb.child.wait().unwrap();
    assert_eq!(far.thub(&["--json", "forward", "ls"]).ok().trim(), "[]");
    // the way through another host falls: said once, not in the words of both connections
    let mut verb = Verb::start(&far, &["-H", "later", &to]);
    verb.next();
    far.sshd.crash();
    let fell = verb.until("event", "link");
    let why = fell["why"].as_str().unwrap_or_default();
    assert_eq!((fell["state"].as_str(), why.matches("lost").count()), (Some("lost"), 1), "{fell}");
}

#[test]
fn what_can_not_be_is_an_exit_code() {
    let taken = echo();
    // (an sshd that gets one of its loopback addresses is content with that)
    let _also = TcpListener::bind(("::1", taken));
    let Some(far) = Far::new("Host test\n") else { return };
    far.thub(&["forward", "-H", "test", "L:1"]).fails(2);
    far.thub(&["forward", "1:localhost:2"]).fails(2);
    assert!(far.thub(&["forward", "-H", "test"]).fails(2).contains("nothing to forward"));
    let said = far.thub(&["forward", "-H", "test", &format!("{taken}:localhost:1")]).fails(1);
    assert!(said.contains("is taken here") && said.contains(&std::process::id().to_string()), "{said}");
    let said = far.thub(&["forward", "-H", "test", &format!("R:{taken}:localhost:1")]).fails(4);
    assert!(said.contains("does not listen on"), "{said}");
    let config = far.sshd.config("Host test\n  Port 1\n").display().to_string();
    far.home.thub(&["-F", &config, "forward", "-H", "test", "0:localhost:1"]).fails(3);
    // ssh_config insists on one
    let must = format!("Host test\n  ExitOnForwardFailure yes\n  LocalForward {taken} localhost:1\n");
    let config = far.sshd.config(&must).display().to_string();
    far.home.thub(&["-F", &config, "forward", "-H", "test"]).fails(1);
}

#[test]
fn a_cut_link_comes_back_with_its_forwards() {
    let Some(far) = Far::new("Host test\n") else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy).display().to_string();
    let to = format!("0:localhost:{}", echo());
    let mut verb = Verb::with(&far.home, &["-F", &config, "-H", "test", &to, &format!("R:{to}"), "D:0"]);
    let all = [verb.next(), verb.next(), verb.next()];
    let port = |kind| all.iter().find(|l| l["kind"] == kind).unwrap()["port"].as_u64().unwrap() as u16;
    let ports = [port("L"), port("R")];
    for round in 0..3 {
        proxy.cut();
        verb.until("state", "lost");
        verb.until("state", "up");
        verb.until("kind", "R");
        let words = [format!("here {round}"), format!("there {round}")];
        for (port, word) in ports.iter().zip(&words) {
            // the host may notice the cut later than we do, and hold its port that long
            until("it to work again", || (said(*port, word).as_deref() == Some(word)).then_some(()));
        }
    }
    verb.ends();
}

#[test]
fn the_panel() {
    let port = echo();
    let Some(far) = Far::deployed() else { return };
    let own = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = far.sshd.config(&format!("Host test\n  LocalForward {own} localhost:{port}\n")).display().to_string();
    let mut tty = Tty::thub(&far.home, 110, 30, &["-F", &config, "test"]);
    // ssh_config's own, and its mark
    tty.until_text("⇄1");
    assert_eq!(said(own, "configured").as_deref(), Some("configured"));
    tty.prefix("P");
    tty.until_text("forwards: test");
    tty.until_text(&format!("L  {own} → localhost:{port}"));
    // one typed
    tty.type_("a");
    tty.until_text("add:");
    tty.type_("nonsense\r");
    tty.until_text("is no forward");
    tty.type_("\u{15}");
    tty.type_(format!("R:0:localhost:{port}\r"));
    let screen =
        tty.until("the one there", |s| s.iter().any(|l| l.contains("R  ") && !l.contains("R  0 ") && l.contains("→")));
    let line = screen.iter().find(|l| l.contains("R  ")).unwrap();
    let there: u16 = line.split("R  ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert_eq!(said(there, "typed").as_deref(), Some("typed"));
    tty.until_text("↓5");
    // what listens there is offered: the lowest port comes first
    let lowest = if is_root() { 2..1000 } else { 1024..1100 };
    let Some(listener) = lowest.into_iter().find_map(|p| TcpListener::bind(("127.0.0.1", p)).ok()) else { return };
    let offered = echo_on(listener);
    tty.until_text(&format!("127.0.0.1 port {offered} ("));
    tty.type_("jj");
    tty.until_text("Enter forwards it here");
    tty.type_("\r");
    // (a longer number may begin with it)
    let to = format!("→ localhost:{offered} ");
    let screen = tty.until("it to be forwarded", |s| s.iter().any(|l| l.contains(&to)));
    let line = screen.iter().find(|l| l.contains(&to)).unwrap();
    let near: u16 = line.split("L  ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(near > offered && near <= offered + 20, "the next free one: {near}");
    assert_eq!(said(near, "offered").as_deref(), Some("offered"));
    let listed: Vec<Value> = serde_json::from_str(&far.thub(&["--json", "forward", "ls", "-H", "test"]).ok()).unwrap();
    assert_eq!(listed.len(), 3, "{listed:?}");
    // ended
    tty.type_("kkkx");
    until("nobody listens", || TcpStream::connect(("127.0.0.1", own)).is_err().then_some(()));
    tty.type_("q");
    tty.until_no_text("forwards: test");
    tty.until_text("⇄2");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
    for port in [near, there] {
        until("nobody listens", || TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()));
    }
    assert_eq!(far.thub(&["--json", "forward", "ls"]).ok().trim(), "[]");
}

#[test]
fn what_ssh_config_insists_on_and_can_not_be_ends_the_connection() {
    let taken = echo();
    let Some(far) = Far::deployed() else { return };
    let config = |must: &str| {
        let more = format!("Host test\n  ExitOnForwardFailure {must}\n  LocalForward {taken} localhost:1\n");
        far.sshd.config(&more).display().to_string()
    };
    // it is said, and the host is there
    let (no, yes) = (config("no"), config("yes"));
    let mut tty = Tty::thub(&far.home, 120, 30, &["-F", &no, "test"]);
    tty.until_text("is taken here");
    let bar = |l: &String| l.split('┘').nth(1).unwrap_or(l).trim_start().starts_with("test");
    tty.until("a pane of the host", |s| s.last().is_some_and(bar));
    tty.prefix("P");
    tty.until_text("failed");
    tty.type_("x");
    tty.until_no_text("failed");
    tty.type_("q");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
    // it is said, and the host is not
    let mut tty = Tty::thub(&far.home, 120, 30, &["-F", &yes, "test"]);
    let failed = |l: &String| l.contains("test") && l.contains("failed");
    tty.until("the host to be given up", |s| s.iter().any(failed));
    // (the line at the bottom may tell of other things by now)
    tty.prefix("1");
    tty.prefix("M");
    tty.until_text("is taken here");
    tty.type_("q");
    tty.prefix("d");
    tty.wait_exit();
}

#[test]
fn without_an_agent_the_panel_says_what_forwards_and_that_does() {
    let Some(bare) = Bare::with("", "Host test\n    DynamicForward 127.0.0.1:1\n") else { return };
    let port = echo();
    let tty = bare.tty(110, 30, &["test"]);
    tty.until_text("has no thub yet");
    tty.type_("w");
    tty.until_text("1 forward of ssh_config not opened");
    tty.until("a shell there", |s| s.iter().any(|l| l.contains('#') || l.contains("bash-")));
    tty.prefix("P");
    tty.until_text("without an agent");
    let shown = tty.until_text("thub forward -H test SPEC -F").join("\n");
    // (what listens on this machine, as the echo does, is not the host's)
    assert!(!shown.contains("listens there"), "{shown}");
    tty.type_("q");
    tty.until_no_text("thub forward -H test SPEC");
    std::fs::write(&bare.config, std::fs::read_to_string(&bare.config).unwrap().replace("DynamicForward", "#"))
        .unwrap();
    let mut verb = Verb::with(&bare.home, &bare.words(&["-H", "test", &format!("0:localhost:{port}")]));
    let open = verb.next();
    assert_eq!(open["state"], "open", "{open}");
    assert_eq!(said(open["port"].as_u64().unwrap() as u16, "over it").as_deref(), Some("over it"));
}
