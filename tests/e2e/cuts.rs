//! A network that fails in every way it has, between the real client and a real sshd: nothing is lost, doubled or out of
//! order, and a person sees that it fails.
//!
//! `THUB_TEST_CUTS=all` does all of it (20 minutes); else a short form.

use crate::far::Far;
use crate::support::proxy::Proxy;
use crate::support::tty::frame;
use crate::support::{Dice, PATIENCE, Tty, until};
use crate::survive::{counting, in_order};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// In the middle of what flows: an end, or a reset.
    Cut,
    Reset,
    /// Cut, and every new connection is refused for 3 s.
    Refuse,
    /// 15 s without a byte, nothing ends: there, back.
    Stall(bool, bool),
}

/// A dead link is shown within this.
const SHOWN: Duration = Duration::from_secs(3);
/// What this machine, busy with other tests, may take longer to draw it.
const SLACK: Duration = Duration::from_millis(700);

/// What the panes say of a host that is away, in the words of `view::pane`.
fn tells(screen: &[String]) -> bool {
    let said = ["last heard", "retrying", "connecting again", "nothing sent is answered", "not connected"];
    screen.iter().any(|l| said.iter().any(|w| l.contains(w)))
}

/// All faults, in an order nobody chose.
fn schedule(dice: &mut Dice) -> Vec<Fault> {
    let all = std::env::var("THUB_TEST_CUTS").as_deref() == Ok("all");
    let (cuts, resets, refusals, stalls) = if all { (300, 20, 20, 20) } else { (20, 3, 2, 1) };
    let mut todo = vec![Fault::Cut; cuts];
    todo.extend(vec![Fault::Reset; resets]);
    todo.extend(vec![Fault::Refuse; refusals]);
    let ways = [(true, false), (true, true), (false, true)];
    todo.extend((0..stalls).map(|i| Fault::Stall(ways[i % 3].0, ways[i % 3].1)));
    for i in (1..todo.len()).rev() {
        todo.swap(i, dice.below(i as u64 + 1) as usize);
    }
    todo
}

#[test]
fn a_network_that_fails_loses_nothing_and_is_seen_to_fail() {
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy).display().to_string();
    let go = far.home.at("go");
    std::fs::write(&go, "").unwrap();
    let new = |name: &str, script: &str| {
        far.thub(&["new", "-d", "-H", "test", "-n", name, "--ring", "67108864", "--", "sh", "-c", script]).ok();
    };
    new("count", &counting(&go));
    new("cmds", "stty -echo; echo up; n=0; while read l; do n=$((n+1)); echo \"got $n $l\"; done");
    far.shows("cmds", "up");
    let attach = |name| Tty::thub(&far.home, 80, 24, &["-F", &config, "attach", "-H", "test", name]);
    let (watching, typing) = (attach("count"), attach("cmds"));
    watching.until_text("line-");
    typing.until_text("up");
    let mut dice = Dice::new();
    let todo = schedule(&mut dice);
    let begun = Instant::now();
    let mut typed = 0;
    let line = |typed: &mut usize| {
        *typed += 1;
        typing.type_(format!("command {typed}\r"));
    };
    // how long until it was shown, and until all was well again
    let (mut shown, mut healed): (Vec<(Duration, Fault)>, Vec<Duration>) = (Vec::new(), Vec::new());
    let there = |typed: usize| {
        let last = format!("got {typed} command {typed}");
        let at = Instant::now();
        typing.until_text(&last);
        at.elapsed()
    };
    for (i, fault) in todo.iter().enumerate() {
        let see = |from: Instant, shown: &mut Vec<(Duration, Fault)>| {
            typing.until("that the link is dead", tells);
            let took = from.elapsed();
            assert!(took <= SHOWN + SLACK, "fault {i}, {fault:?}: shown after {took:?}\n{}", frame(&typing.screen()));
            shown.push((took, *fault));
        };
        match *fault {
            Fault::Cut | Fault::Reset => {
                let before = proxy.cuts();
                if *fault == Fault::Reset {
                    proxy.reset_next();
                }
                proxy.cut_after(200 + dice.below(25_000));
                let end = Instant::now() + PATIENCE;
                while proxy.cuts() == before {
                    line(&mut typed);
                    // a person's pace, so that cuts fall between and into what is typed
                    std::thread::sleep(Duration::from_millis(dice.below(60)));
                    assert!(Instant::now() < end, "fault {i}: no traffic\n{}", frame(&typing.screen()));
                }
                // some of it while there is no link
                for _ in 0..dice.below(5) {
                    line(&mut typed);
                }
                // now and then the next comes before all is well
                if dice.below(3) > 0 {
                    healed.push(there(typed));
                }
            }
            Fault::Refuse => {
                let from = Instant::now();
                proxy.refuse(true);
                proxy.cut();
                line(&mut typed);
                see(from, &mut shown);
                // (it may have gone into the link before that was seen to be cut)
                let waits = ["typed, not sent:", "sent, not confirmed"];
                typing.until("what waits", |s| s.iter().any(|l| waits.iter().any(|w| l.contains(w))));
                std::thread::sleep((from + Duration::from_secs(3)).saturating_duration_since(Instant::now()));
                proxy.refuse(false);
                healed.push(there(typed));
            }
            Fault::Stall(ahead, back) => {
                // (what is shown must be of this one)
                line(&mut typed);
                there(typed);
                typing.until("that all is well", |s| !tells(s));
                let from = Instant::now();
                proxy.stall_ways(ahead, back);
                line(&mut typed);
                see(from, &mut shown);
                line(&mut typed);
                typing.until_text("typed, not sent:");
                std::thread::sleep((from + Duration::from_secs(15)).saturating_duration_since(Instant::now()));
                proxy.stall(false);
                healed.push(there(typed));
            }
        }
    }
    let worst = |of: &dyn Fn(&Fault) -> bool| shown.iter().filter(|s| of(&s.1)).map(|s| s.0).max().unwrap_or_default();
    healed.sort();
    println!(
        "{} faults in {:.0?}: {} cuts and resets, {} connections, {typed} lines typed; shown at the latest after {:?} \
         (refused), {:?} (stalled both ways), {:?} (one way); well again after {:?} (median), {:?} (worst)",
        todo.len(),
        begun.elapsed(),
        proxy.cuts(),
        proxy.opened(),
        worst(&|f| *f == Fault::Refuse),
        worst(&|f| *f == Fault::Stall(true, true)),
        worst(&|f| matches!(f, Fault::Stall(a, b) if a != b)),
        healed[healed.len() / 2],
        healed[healed.len() - 1],
    );
    std::fs::remove_file(&go).unwrap();
    there(typed);
    watching.until_text("done-");
    let raw = far.thub(&["capture", "-H", "test", "count", "--all", "--raw"]);
    assert!(raw.code == 0 && raw.err.is_empty(), "{} {}", raw.code, raw.err);
    println!("{} lines printed meanwhile, in order", in_order(&raw.bytes));
    let got = far.thub(&["capture", "-H", "test", "cmds", "--all", "--raw"]).ok();
    let got: Vec<&str> = got.split("\r\n").filter(|l| l.starts_with("got ")).collect();
    let wanted: Vec<String> = (1..=typed).map(|n| format!("got {n} command {n}")).collect();
    assert_eq!(got.len(), wanted.len());
    assert_eq!(got, wanted, "each once, in order");
    for (tty, name) in [(&watching, "count"), (&typing, "cmds")] {
        until("the screen to be what is captured", || {
            let captured = far.thub(&["capture", "-H", "test", name]).ok();
            (captured.lines().collect::<Vec<_>>() == tty.screen()).then_some(())
        });
    }
}

/// What was typed into a dead link can be thrown away, and then never arrives.
#[test]
fn input_held_back_can_be_thrown_away() {
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy).display().to_string();
    let script = "echo up; while read l; do echo \"got $l\"; done";
    far.thub(&["new", "-d", "-H", "test", "-n", "cmds", "--", "sh", "-c", script]).ok();
    let tty = Tty::thub(&far.home, 90, 24, &["-F", &config, "attach", "-H", "test", "cmds"]);
    tty.until_text("up");
    for (stall, word) in [(true, "first"), (false, "second")] {
        if stall {
            proxy.stall(true);
        } else {
            proxy.refuse(true);
            proxy.cut();
        }
        tty.until("that the link is dead", tells);
        tty.type_(format!("rm -r {word}\r"));
        tty.until_text(&format!("typed, not sent: rm -r {word}"));
        tty.until_text("Del drops it");
        tty.prefix("\x1b[3~");
        tty.until_no_text("not sent:");
        tty.until_text("never sent");
        proxy.stall(false);
        proxy.refuse(false);
        tty.until("that all is well", |s| !tells(s));
        tty.type_(format!("echo {word}\r"));
        tty.until_text(&format!("got echo {word}"));
    }
    let raw = far.thub(&["capture", "-H", "test", "cmds", "--all", "--raw"]).ok();
    assert!(!raw.contains("rm -r"), "{raw}");
}

/// What went into a link that was dead already is dropped as well, where it had not arrived; and it is said which it was.
#[test]
fn input_sent_into_a_dead_link_can_be_thrown_away() {
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy).display().to_string();
    let script = "echo up; while read l; do echo \"got $l\"; done";
    far.thub(&["new", "-d", "-H", "test", "-n", "cmds", "--", "sh", "-c", script]).ok();
    let tty = Tty::thub(&far.home, 100, 24, &["-F", &config, "attach", "-H", "test", "cmds"]);
    tty.until_text("up");
    // nobody knows yet that nothing passes
    proxy.stall(true);
    tty.type_("rm -r early\r");
    tty.until_text("12 bytes sent, not confirmed");
    tty.type_("rm -r late\r");
    tty.until("both to be told apart", |s| {
        let has = |what: &str| s.iter().any(|l| l.contains(what));
        has("typed, not sent: rm -r late") && has("12 bytes sent, not confirmed")
    });
    tty.prefix("\x1b[3~");
    tty.until("what was dropped, and what may not be", |s| {
        let has = |what: &str| s.iter().any(|l| l.contains(what));
        has("dropped: 11 bytes, never sent") && has("12 bytes sent may still arrive")
    });
    tty.type_("echo next\r");
    tty.until_text("typed, not sent: echo next");
    proxy.refuse(true);
    proxy.cut();
    proxy.stall(false);
    proxy.refuse(false);
    tty.until_text("dropped: 12 bytes, nothing of it had arrived");
    tty.until_text("got echo next");
    // it gets there, and nobody hears that it did
    tty.until("that all is well", |s| !tells(s));
    proxy.stall_ways(false, true);
    tty.type_("echo there\r");
    far.shows("cmds", "got echo there");
    tty.until_text("11 bytes sent, not confirmed");
    tty.prefix("\x1b[3~");
    tty.until_text("11 bytes sent may still arrive");
    proxy.stall(false);
    tty.until_text("not dropped: 11 bytes had arrived already");
    tty.type_("echo last\r");
    tty.until_text("got echo last");
    let raw = far.thub(&["capture", "-H", "test", "cmds", "--all", "--raw"]).ok();
    let got: Vec<&str> = raw.split("\r\n").filter(|l| l.starts_with("got ")).collect();
    assert_eq!(got, ["got echo next", "got echo there", "got echo last"]);
}

/// Adds an address of this machine, or takes it away; false = that may not be.
fn ip(what: &str, address: &str) -> bool {
    let done = std::process::Command::new("ip").args(["addr", what, address, "dev", "lo"]).output();
    done.is_ok_and(|o| o.status.success())
}

/// A change of the network is heard of: a dead link is found at once, not when its next sign of life is due.
#[test]
fn a_change_of_the_network_makes_it_look() {
    // (an address of the loopback nobody uses)
    let address = format!("127.83.{}.{}/32", std::process::id() / 250 % 250, std::process::id() % 250 + 1);
    if !crate::support::is_root() || !ip("add", &address) {
        return crate::support::skip("right to change addresses");
    }
    ip("del", &address);
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy).display().to_string();
    far.thub(&["new", "-d", "-H", "test", "-n", "p", "--", "sh", "-c", "echo up; exec cat"]).ok();
    let tty = Tty::thub(&far.home, 90, 24, &["-F", &config, "attach", "-H", "test", "p"]);
    tty.until_text("up");
    let mut took: Vec<Duration> = Vec::new();
    for i in 0..5 {
        tty.until("that all is well", |s| !tells(s));
        // at any moment between two pings
        std::thread::sleep(Duration::from_millis(400 * i));
        proxy.stall(true);
        let from = Instant::now();
        assert!(ip("add", &address));
        tty.until("that the link is dead", tells);
        took.push(from.elapsed());
        ip("del", &address);
        proxy.stall(false);
    }
    // by itself it would take from 0.9 to 2.9 s, so that not all five are this soon
    println!("shown after {took:?}");
    assert!(took.iter().all(|t| *t < Duration::from_millis(1400)), "{took:?}");
}

/// A link from an address that is gone is over at once, and its successor comes with the next address.
#[test]
fn an_address_that_is_gone() {
    // (of a block that no network uses: RFC 5737)
    let address = format!("203.0.113.{}", std::process::id() % 250 + 1);
    if !crate::support::is_root() || !ip("add", &format!("{address}/32")) {
        return crate::support::skip("right to change addresses");
    }
    let Some(far) = Far::deployed() else { return };
    let config = far.sshd.config(&format!("Host test\n  BindAddress {address}\n")).display().to_string();
    far.thub(&["new", "-d", "-H", "test", "-n", "p", "--", "sh", "-c", "echo up; exec cat"]).ok();
    let tty = Tty::thub(&far.home, 110, 24, &["-F", &config, "attach", "-H", "test", "p"]);
    tty.until_text("up");
    ip("del", &format!("{address}/32"));
    tty.until("that it is over", |s| s.iter().any(|l| l.contains("connecting again") || l.contains("retrying")));
    tty.type_("typed meanwhile\r");
    assert!(ip("add", &format!("{address}/32")));
    tty.until("what was typed, and all well", |s| {
        s.iter().filter(|l| l.contains("typed meanwhile")).count() == 2 && !tells(s)
    });
    ip("del", &format!("{address}/32"));
}

/// A shell that is wanted on a dead link is started once the link is there, and gets what was typed for it; where that can't
/// be known it is said, and what was typed is not swallowed.
#[test]
fn a_shell_wanted_on_a_dead_link() {
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy).display().to_string();
    let mut tty = Tty::thub(&far.home, 100, 24, &["-F", &config, "test"]);
    until("a session there", || (far.ls().len() == 1).then_some(()));
    tty.type_("echo first-$((6*7))\r");
    tty.until_text("first-42");
    for (n, heals) in [(2, true), (3, false)] {
        proxy.stall(true);
        tty.until("that the link is dead", tells);
        tty.prefix("c");
        tty.until_text("waits for the link");
        tty.type_(format!("echo shell-{n}-$((6*7))\r"));
        tty.until_text(&format!("typed, not sent: echo shell-{n}-$((6*7))\\r"));
        if !heals {
            proxy.refuse(true);
            proxy.cut();
            tty.until_text("typed, not sent: echo");
        }
        proxy.stall(false);
        proxy.refuse(false);
        tty.until_text(&format!("shell-{n}-42"));
        assert_eq!(far.ls().len(), n, "once");
    }
    // nobody knows yet that nothing passes
    tty.until("that all is well", |s| !tells(s));
    proxy.stall(true);
    tty.prefix("c");
    tty.type_("echo lost\r");
    tty.until_text("typed, not sent: echo lost");
    proxy.refuse(true);
    proxy.cut();
    tty.until_text("it may have started");
    tty.until_text("typed, not delivered: echo lost");
    proxy.stall(false);
    proxy.refuse(false);
    tty.type_("\r");
    tty.until("another shell, and nothing of what was lost", |s| !s.iter().any(|l| l.contains("echo lost")));
    tty.type_("echo last-$((6*7))\r");
    tty.until_text("last-42");
    assert_eq!(far.ls().len(), 4);
    tty.prefix("d");
    tty.wait_exit();
}

/// Who leaves while the link is dead is told what did not get there.
#[test]
fn what_is_left_behind_undelivered_is_said() {
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy).display().to_string();
    far.thub(&["new", "-d", "-H", "test", "-n", "cat", "--", "sh", "-c", "echo up; exec cat"]).ok();
    let attach = || Tty::thub(&far.home, 100, 24, &["-F", &config, "attach", "-H", "test", "cat"]);
    let last_words = |mut tty: Tty| {
        tty.prefix("d");
        assert_eq!(tty.wait_exit(), 0);
        let log = String::from_utf8_lossy(&tty.log()).into_owned();
        let said = log[log.rfind("[detached]").expect("a farewell")..].replace('\r', "");
        said.split('\u{1b}').next().unwrap_or_default().trim_end().to_string()
    };
    let tty = attach();
    tty.until_text("up");
    proxy.stall(true);
    tty.until("that the link is dead", tells);
    tty.type_("IMPORTANT LINE\r");
    tty.until_text("typed, not sent: IMPORTANT LINE");
    assert_eq!(last_words(tty), "[detached]\nnot delivered to test: 15 bytes typed");
    // into a link that nobody knows to be dead yet
    proxy.cut();
    proxy.stall(false);
    let tty = attach();
    tty.until_text("up");
    proxy.stall(true);
    tty.type_("early\r");
    assert_eq!(last_words(tty), "[detached]\ntest: 6 bytes sent, not confirmed");
    proxy.cut();
    proxy.stall(false);
    // all is well
    let tty = attach();
    tty.until_text("up");
    tty.type_("there\r");
    assert_eq!(last_words(tty), "[detached]");
    far.shows("cat", "there");
    let raw = far.thub(&["capture", "-H", "test", "cat", "--all", "--raw"]).ok();
    assert!(!raw.contains("IMPORTANT") && !raw.contains("early"), "{raw}");
}

/// The session has the new size, and the link fell before it could say so: once there is another one, what is shown has that
/// size as well. (Opening it gave it another size already, which is told with the answer and once more behind it.)
#[test]
fn a_size_that_was_not_confirmed_before_the_cut_is_shown_after_it() {
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy).display().to_string();
    far.thub(&["new", "-d", "-H", "test", "-n", "lines", "--", "sh", "-c", "seq 1001 1100; exec cat"]).ok();
    let tty = Tty::thub(&far.home, 90, 20, &["-F", &config, "attach", "-H", "test", "lines"]);
    tty.until_text("1100");
    let rows = || far.ls()[0]["rows"].as_u64().expect("rows");
    let before = until("the size of the window", || Some(rows()).filter(|r| *r < 24));
    proxy.stall_ways(false, true);
    tty.resize(90, 40);
    until("the new size", || (rows() > before + 10).then_some(()));
    proxy.cut();
    proxy.stall(false);
    tty.until("as many lines as there is room for", |s| {
        ["1070", "1100"].iter().all(|n| s.iter().any(|l| l.contains(n)))
    });
}
