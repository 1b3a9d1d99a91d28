//! A host that is near: what is typed goes past its agent, and over it again where that way ends.

use crate::far::Far;
use crate::support::sshd;
use crate::support::{Tty, signal, until};
use rustix::process::Signal;

const COMMANDS: &str = "echo up; while :; do read -r l || continue; [ \"$l\" = end ] && exit 7; echo \"got $l\"; done";
/// Types until the host is asked for a way past its agent; the last number typed.
fn types_until_asked(far: &Far, mark: usize, tty: &Tty, from: u32) -> u32 {
    let mut n = from;
    until("a way past the agent", || {
        types(tty, n);
        n += 1;
        far.sshd.since(mark).contains(ASKED).then_some(n - 1)
    })
}

/// What sshd logs of a channel to a socket.
const ASKED: &str = "server_request_direct_streamlocal";

fn attached(far: &Far, script: &str) -> Tty {
    far.thub(&["new", "-d", "-H", "test", "-n", "cmds", "--", "sh", "-c", script]).ok();
    let tty = far.tty(80, 24, &["attach", "-H", "test", "cmds"]);
    tty.until_text("up");
    tty
}

#[track_caller]
fn types(tty: &Tty, n: u32) {
    tty.type_(format!("{n}\r"));
    tty.until_text(&format!("got {n}"));
}

fn silent(screen: &[String]) -> bool {
    screen.iter().any(|l| l.contains("last heard") || l.contains("nothing sent is answered"))
}

#[test]
fn what_is_typed_goes_past_the_agent_and_survives_it() {
    let Some(far) = Far::deployed() else { return };
    let mark = far.sshd.mark();
    let mut tty = attached(&far, COMMANDS);
    let n = types_until_asked(&far, mark, &tty, 1);
    types(&tty, n + 1);
    // an agent that does nothing is in nobody's way (the link counts as dead after a while: then nothing is sent)
    let passed = (n + 2..n + 7).any(|n| {
        let agents = far.agents();
        agents.iter().for_each(|a| signal(*a, Signal::STOP));
        tty.type_(format!("{n}\r"));
        let shows = |s: &[String]| s.iter().any(|l| l.contains(&format!("got {n}")));
        let passed = shows(&tty.until("an echo, or silence", |s| shows(s) || silent(s)));
        agents.iter().for_each(|a| signal(*a, Signal::CONT));
        tty.until("that all is well", |s| shows(s) && !silent(s));
        passed
    });
    assert!(passed, "it went by the agent");
    // its end ends the link; the next one has such a way, too
    let mark = far.sshd.mark();
    let before = far.agents();
    before.iter().for_each(|a| signal(*a, Signal::KILL));
    let first = n + 7;
    (first..first + 20).for_each(|n| types(&tty, n));
    until("another agent", || far.agents().iter().any(|a| !before.contains(a)).then_some(()));
    let last = types_until_asked(&far, mark, &tty, first + 20) + 1;
    types(&tty, last);
    let got = far.thub(&["capture", "-H", "test", "cmds", "--all", "--raw"]).ok();
    let got: Vec<u32> = got.split("\r\n").filter_map(|l| l.strip_prefix("got ")?.parse().ok()).collect();
    let from = got.iter().position(|n| *n == first).expect("the first");
    assert_eq!(got[from..], (first..=last).collect::<Vec<_>>()[..], "each once, in order: {got:?}");
    tty.type_("end\r");
    tty.wait_exit();
    let said = String::from_utf8_lossy(&tty.log()).into_owned();
    assert!(said.contains("[exited 7]"), "{said}");
}

#[test]
fn where_the_host_leads_to_no_socket_the_agent_does() {
    if !sshd::here() {
        return;
    }
    let far = Far::start("AllowStreamLocalForwarding no", "Host test\n");
    assert_eq!(far.thub(&["deploy", "test"]).code, 0);
    let mark = far.sshd.mark();
    let mut tty = attached(&far, COMMANDS);
    let n = types_until_asked(&far, mark, &tty, 1);
    (n + 1..n + 20).for_each(|n| types(&tty, n));
    // asked once
    assert_eq!(far.sshd.since(mark).matches(ASKED).count(), 1);
    tty.type_("end\r");
    tty.wait_exit();
    let said = String::from_utf8_lossy(&tty.log()).into_owned();
    assert!(said.contains("[exited 7]"), "{said}");
}

#[test]
fn a_program_sees_nothing_of_it() {
    let Some(far) = Far::deployed() else { return };
    let script = format!("trap 'echo another size' WINCH; {COMMANDS}");
    let larger = attached(&far, &script);
    types(&larger, 1);
    let tty = far.tty(60, 20, &["attach", "-H", "test", "cmds"]);
    tty.until_text("got 1");
    let mark = far.sshd.mark();
    let sizes = || {
        let all = far.thub(&["capture", "-H", "test", "cmds", "--all", "--raw"]).ok();
        all.matches("another size").count()
    };
    // (it gets the size of who types)
    types(&tty, 2);
    let before = sizes();
    let n = types_until_asked(&far, mark, &tty, 3);
    (n + 1..n + 9).for_each(|n| types(&tty, n));
    assert_eq!(sizes(), before, "{:?}", tty.screen());
    // nor where the size was set from outside
    drop(tty);
    let tty = far.tty(60, 20, &["attach", "-H", "test", "cmds"]);
    tty.until_text(&format!("got {}", n + 8));
    far.thub(&["resize", "-H", "test", "cmds", "70x15"]).ok();
    let set = sizes();
    let mark = far.sshd.mark();
    let n = types_until_asked(&far, mark, &tty, n + 9);
    (n + 1..n + 9).for_each(|n| types(&tty, n));
    assert_eq!(sizes(), set, "{:?}", tty.screen());
}
