//! Nothing is lost: clients, session processes and folders go at the worst moment, and everything is found as it was.

use crate::support::home::{exit_of, sweep};
use crate::support::{Home, PATIENCE, Tty, children, scale, signal, state_of, until, words};
use crate::tui::shows_the_same;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// A program that prints numbered lines until `go` is gone, then `done N`.
pub fn counting(go: &std::path::Path) -> String {
    format!(
        "i=0; while [ -e {} ]; do i=$((i+1)); echo line-$i; sleep 0.002; done; echo done-$i; exec cat",
        go.display()
    )
}

/// None lost, none doubled, none in another order. How many there were.
#[track_caller]
pub fn in_order(raw: &[u8]) -> usize {
    let text = String::from_utf8_lossy(raw);
    let mut last = 0usize;
    for line in text.split("\r\n") {
        let Some(n) = line.strip_prefix("line-") else { continue };
        let n: usize = n.parse().unwrap_or_else(|_| panic!("after {last}: {line:?}"));
        assert_eq!(n, last + 1, "after line {last}");
        last = n;
    }
    assert!(text.contains(&format!("done-{last}\r\n")), "the last one was {last}: {:?}", text.lines().last());
    last
}

#[test]
fn clients_are_killed_and_no_line_is_lost() {
    let home = Home::new();
    let go = home.at("go");
    std::fs::write(&go, "").unwrap();
    home.new_session(&["-n", "count", "--ring", "16777216", "--", "sh", "-c", &counting(&go)]);
    let kills = scale(10);
    for i in 0..kills {
        let (cols, rows) = [(80, 24), (120, 40), (33, 7)][i % 3];
        let mut tty = Tty::thub(&home, cols, rows, &["attach", "count"]);
        tty.until_text("line-");
        tty.kill9();
        let asked = Instant::now();
        assert_eq!(home.ls().len(), 1);
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    }
    std::fs::remove_file(&go).unwrap();
    home.shows("count", "^done-");
    let lines = in_order(&home.raw("count"));
    assert!(lines > 50, "{lines}");
    // history and screen hold each as well
    let all = home.thub(&["capture", "count", "--all"]).ok();
    let wanted: Vec<String> = (1..=lines).map(|n| format!("line-{n}")).chain([format!("done-{lines}")]).collect();
    let got: Vec<&str> = all.lines().collect();
    let held = got.len().min(wanted.len());
    assert!(held > lines.min(9_000));
    assert_eq!(got[got.len() - held..], wanted[wanted.len() - held..]);
    until("the dead to be forgotten", || (home.session("count")["clients"] == 0).then_some(()));
    let tty = Tty::thub(&home, 80, 24, &["attach", "count"]);
    tty.until_text("done-");
    shows_the_same(&home, &tty, "count");
}

#[test]
fn what_is_shown_after_a_kill_is_what_is_captured() {
    let home = Home::new();
    home.new_session(&["-n", "sh"]);
    home.shows("sh", "ready\\$");
    let mut tty = Tty::thub(&home, 80, 24, &["attach", "sh"]);
    tty.until_text("ready$");
    for i in 0..scale(4) {
        tty.type_(format!(
            "seq {i} 40; printf '\\033[3{}mcolour\\033[m %070d\\n' {i}; echo r-$(({i}+1000))\r",
            1 + i % 6
        ));
        tty.until_text(&format!("r-{}", i + 1000));
        // in the middle of a line
        tty.type_("half");
        tty.until("what was typed", |s| s.iter().any(|l| l.ends_with("$ half")));
        tty.kill9();
        tty = Tty::thub(&home, 80, 24, &["attach", "sh"]);
        tty.until("the same", |s| s.iter().any(|l| l.ends_with("$ half")));
        shows_the_same(&home, &tty, "sh");
        // somebody else makes it another size meanwhile
        tty.kill9();
        let mut other = Tty::thub(&home, 57, 13, &["attach", "sh"]);
        other.until("the same", |s| s.iter().any(|l| l.ends_with("$ half")));
        other.type_("\x15");
        other.until("an empty prompt", |s| s.iter().any(|l| l.ends_with("ready$")));
        shows_the_same(&home, &other, "sh");
        other.kill9();
        tty = Tty::thub(&home, 80, 24, &["attach", "sh"]);
        tty.until_text("ready$");
        until("its size", || (home.session("sh")["cols"] == 80).then_some(()));
        shows_the_same(&home, &tty, "sh");
    }
}

#[test]
fn one_session_process_is_killed_and_one_alone_is_lost() {
    let home = Home::new();
    let count = 8;
    for i in 0..count {
        home.new_session(&["-n", &format!("s{i}"), "--", "sh", "-c", &format!("echo up{i}; exec cat")]);
    }
    home.shows("s7", "up7");
    let (killed, hung_up) = (home.pid_of("s3"), home.pid_of("s5"));
    let inside = children(killed);
    assert!(!inside.is_empty());
    home.thub(&["resize", "s3", "91x33"]).ok();
    let tty = Tty::thub(&home, 80, 24, &["attach", "s0"]);
    tty.until_text("up0");
    let id = home.session("s3")["id"].as_str().unwrap().to_string();
    until("its size to be kept", || {
        let seen: serde_json::Value = serde_json::from_slice(&std::fs::read(home.at("state/state.json")).ok()?).ok()?;
        (seen["sessions"][&id]["config"]["cols"] == 91).then_some(())
    });
    signal(killed, Signal::KILL);
    signal(hung_up, Signal::HUP);
    until("it to be dead", || (state_of(killed) == 'x').then_some(()));
    let lost = until("it to be seen", || Some(home.session("s3")).filter(|s| s["state"] == "lost"));
    assert!(lost["cause"].as_str().is_some_and(|c| c.contains("killed")), "{lost}");
    assert!(lost["exit_code"].is_null(), "{lost}");
    assert_eq!((&lost["cols"], &lost["rows"]), (&91.into(), &33.into()), "as it was, not as it began");
    assert!(home.thub(&["ls"]).ok().contains("lost: "));
    home.thub(&["capture", "s3"]).fails(1);
    home.thub(&["send", "s3", "x"]).fails(1);
    for i in (0..count).filter(|i| *i != 3) {
        let name = format!("s{i}");
        home.thub(&["send", &name, &format!("still-{i}"), "--keys", "Enter"]).ok();
        home.shows(&name, &format!("still-{i}"));
        assert!(["detached", "running"].contains(&home.session(&name)["state"].as_str().unwrap()));
    }
    assert_eq!(home.session("s5")["pid"].as_i64(), Some(hung_up.into()));
    // what ran inside is gone, nothing waits to be buried, and its socket is gone
    until("what ran inside to be gone", || inside.iter().all(|p| state_of(*p) == 'x').then_some(()));
    let zombies: Vec<_> = home.processes().into_iter().filter(|p| state_of(*p) == 'Z').collect();
    assert!(zombies.is_empty(), "{zombies:?}");
    assert!(children(tty.pid()).is_empty(), "sessions are nobody's children");
    let id = lost["id"].as_str().unwrap();
    assert!(!home.run_files().contains(&format!("{id}.sock")), "{:?}", home.run_files());
    assert_eq!(home.run_files().iter().filter(|f| f.ends_with(".sock")).count(), count - 1, "{:?}", home.run_files());
    // its name is free again
    home.new_session(&["-n", "s3", "--", "cat"]);
}

#[test]
fn signals_at_a_session_process_end_what_they_should() {
    let home = Home::new();
    home.new_session(&["-n", "t", "--", "sh", "-c", "echo up; exec cat"]);
    home.shows("t", "up");
    let pid = home.pid_of("t");
    for which in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::PIPE, Signal::TSTP, Signal::TTOU, Signal::ALARM] {
        if matches!(which, Signal::ALARM | Signal::INT | Signal::QUIT | Signal::TSTP | Signal::TTOU) {
            continue;
        }
        signal(pid, which);
        home.thub(&["send", "t", "x", "--keys", "Enter"]).ok();
    }
    assert_eq!(home.session("t")["state"], "detached");
    // stopped: others are listed, and it is there again when it goes on
    home.new_session(&["-n", "u", "--", "cat"]);
    signal(pid, Signal::STOP);
    until("it to be stopped", || (state_of(pid) == 'T').then_some(()));
    assert_eq!(home.session("u")["state"], "detached");
    assert!(home.ls().len() == 2);
    signal(pid, Signal::CONT);
    home.thub(&["send", "t", "goes on", "--keys", "Enter"]).ok();
    home.shows("t", "goes on");
}

#[test]
fn the_run_dir_is_deleted_and_made_again() {
    let home = Home::new();
    for i in 0..5 {
        home.new_session(&["-n", &format!("s{i}"), "--", "sh", "-c", &format!("echo up{i}; exec cat")]);
    }
    let tty = Tty::thub(&home, 80, 24, &["attach", "s0"]);
    tty.until_text("up0");
    for what in ["sockets", "folder", "all"] {
        let root = home.run_root();
        match what {
            "sockets" => {
                for name in home.run_files().iter().filter(|n| n.ends_with(".sock")) {
                    std::fs::remove_file(root.join(name)).unwrap();
                }
            }
            "folder" => std::fs::remove_dir_all(&root).unwrap(),
            _ => std::fs::remove_dir_all(home.run_dir()).unwrap(),
        }
        let gone = Instant::now();
        // what is attached goes on
        tty.type_(format!("after {what}\r"));
        tty.until_text(&format!("after {what}"));
        until(&format!("all five again ({what})"), || {
            let all = home.ls();
            let here = all.len() == 5
                && all.iter().all(|s| ["detached", "running"].contains(&s["state"].as_str().unwrap_or("")));
            let answer = here && (0..5).all(|i| home.thub(&["capture", &format!("s{i}")]).code == 0);
            assert!(answer || gone.elapsed() < Duration::from_secs(8), "not within 5 s of {what}: {all:?}");
            answer.then_some(())
        });
        println!("{what}: reachable after {:?}", gone.elapsed());
    }
    home.thub(&["send", "s4", "typed", "--keys", "Enter"]).ok();
    home.shows("s4", "typed");
}

#[test]
fn many_sessions_come_and_go_and_leave_nothing() {
    let home = Home::new();
    home.new_session(&["-n", "stays", "--", "cat"]);
    let stays = home.pid_of("stays");
    // a TUI looks on: what it gathers over time would show there
    home.new_session(&["-n", "shown", "--", "sh", "-c", "echo up; exec cat"]);
    let tty = Tty::thub(&home, 80, 24, &["attach", "shown"]);
    tty.until_text("up");
    let fds = |pid: i32| -> Vec<String> {
        let all = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let kinds = all.filter_map(|e| Some(std::fs::read_link(e.path()).ok()?.to_string_lossy().into_owned()));
        let mut kinds: Vec<String> = kinds.map(|k| k.split(':').next().unwrap_or_default().to_string()).collect();
        kinds.sort();
        kinds
    };
    let cycle = |n: usize| {
        for i in 0..n {
            let id = home.new_session(&["--", "true"]);
            if i % 10 == 0 {
                home.thub(&["wait", &id]).ok();
            }
        }
    };
    cycle(5);
    until("all to have ended", || home.ls().iter().all(|s| s["state"] == "exited" || s["name"] != "").then_some(()));
    let before = (fds(tty.pid()), fds(stays));
    cycle(scale(100));
    until("all to have ended", || home.ls().iter().all(|s| s["state"] == "exited" || s["name"] != "").then_some(()));
    let end = Instant::now() + PATIENCE;
    loop {
        let now = (fds(tty.pid()), fds(stays));
        if now.0.len() <= before.0.len() && now.1.len() <= before.1.len() {
            break;
        }
        assert!(Instant::now() < end, "more files than before in the TUI or the other session: {before:?}\n{now:?}");
    }
    let names = home.run_files();
    assert_eq!(names.iter().filter(|n| n.ends_with(".sock")).count(), 2, "{names:?}");
    assert_eq!(names.iter().filter(|n| n.ends_with(".json")).count(), 2, "{names:?}");
    assert!(!names.iter().any(|n| n.contains(".tmp")), "{names:?}");
    assert!(names.iter().filter(|n| n.ends_with(".end")).count() <= 200, "{}", names.len());
    let alive = home.processes().into_iter().filter(|p| words(*p).get(1).is_some_and(|w| w == "session")).count();
    assert_eq!(alive, 2, "no session process but those that live");
    assert!(home.processes().iter().all(|p| state_of(*p) != 'Z'));
    // nothing anywhere else
    let strays: Vec<_> = std::fs::read_dir(home.dir()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(strays.len(), 4, "{strays:?}");
    home.thub(&["kill", "--all"]).ok();
    let names = home.run_files();
    assert!(!names.iter().any(|n| n.ends_with(".end") || n.ends_with(".sock")), "{names:?}");
}

#[test]
fn a_stopped_client_holds_up_nobody() {
    let home = Home::new();
    let go = home.at("go");
    home.new_session(&["-n", "flood", "--", "sh", "-c", &format!("echo up; read x; i=0; while [ $i -lt 30000 ]; do i=$((i+1)); echo \"$i abcdefghijklmnopqrstuvwxyz\"; done; echo > {}; echo done-$i; exec cat", go.display())]);
    let stopped = Tty::thub(&home, 80, 24, &["attach", "flood"]);
    stopped.until_text("up");
    let other = Tty::thub(&home, 80, 24, &["attach", "flood"]);
    other.until_text("up");
    until("both are there", || (home.session("flood")["clients"] == 2).then_some(()));
    stopped.signal(Signal::STOP);
    until("it to be stopped", || (state_of(stopped.pid()) == 'T').then_some(()));
    home.thub(&["send", "flood", "--keys", "Enter"]).ok();
    until("the program to have written all of it", || go.exists().then_some(()));
    other.until_text("done-30000");
    other.type_("echo\r");
    other.until("its echo", |s| s.iter().filter(|l| l.trim() == "echo").count() >= 1);
    shows_the_same(&home, &other, "flood");
    stopped.signal(Signal::CONT);
    stopped.until_text("done-30000");
    shows_the_same(&home, &stopped, "flood");
}

#[test]
fn what_has_ended_can_still_be_read() {
    let home = Home::new();
    home.new_session(&[
        "-n",
        "over",
        "--size",
        "60x10",
        "--",
        "sh",
        "-c",
        "seq 1 100; printf '\\033[32mgreen end\\033[m'; exit 5",
    ]);
    home.thub(&["wait", "over"]).ok();
    let s = until("it to have ended", || Some(home.session("over")).filter(|s| s["state"] == "exited"));
    assert_eq!(s["exit_code"], 5, "{s}");
    let wanted: Vec<String> = (1..=100).map(|n: u32| n.to_string()).chain(["green end".to_string()]).collect();
    let all = home.thub(&["capture", "over", "--all"]).ok();
    assert_eq!(all.lines().collect::<Vec<_>>(), wanted);
    assert_eq!(home.capture("over")[9], "green end");
    assert!(home.thub(&["capture", "over", "--ansi"]).ok().contains("32mgreen"));
    // 0600, and its process is gone
    use std::os::unix::fs::PermissionsExt;
    let end = home.run_root().join(format!("{}.end", s["id"].as_str().unwrap()));
    assert_eq!(std::fs::metadata(end).unwrap().permissions().mode() & 0o7777, 0o600);
    until("its process to be gone", || (state_of(s["pid"].as_i64().unwrap() as i32) == 'x').then_some(()));
    home.thub(&["send", "over", "x"]).fails(1);
    // its name can be taken by a new one, which the name then means
    home.new_session(&["-n", "over", "--", "sh", "-c", "echo the new one; exec cat"]);
    home.shows("over", "the new one");
    // by a signal
    home.new_session(&["-n", "sig", "--", "sh", "-c", "kill -TERM $$"]);
    home.thub(&["wait", "sig"]);
    let s = until("it to have ended", || Some(home.session("sig")).filter(|s| s["state"] == "exited"));
    assert!(s["exit_code"] == 143 || s["cause"].is_string(), "{s}");
}

#[test]
fn a_session_outlives_who_started_it() {
    let home = Home::new();
    // a shell that goes with all its group and terminal
    let mut tty = Tty::shell(&home, 80, 24);
    tty.type_("\"$THUB\" new -d -n free -- sh -c 'echo up; exec cat'\r");
    tty.until("its id", |s| s.iter().filter(|l| l.contains("outer$")).count() >= 2);
    let pid = home.pid_of("free");
    let id = |which: &str| {
        std::fs::read_to_string(format!("/proc/{which}/stat"))
            .unwrap()
            .rsplit_once(") ")
            .unwrap()
            .1
            .split(' ')
            .nth(3)
            .unwrap()
            .to_string()
    };
    assert_eq!(id(&pid.to_string()), pid.to_string(), "a process session of its own");
    let fds: Vec<_> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .flatten()
        .filter_map(|e| std::fs::read_link(e.path()).ok())
        .collect();
    assert!(!fds.iter().any(|f| f.starts_with("/dev/pts")), "nothing of the terminal is kept: {fds:?}");
    tty.hang_up();
    tty.kill9();
    home.thub(&["send", "free", "alive", "--keys", "Enter"]).ok();
    home.shows("free", "alive");
}

#[test]
fn many_at_once() {
    let home = Home::new();
    let n = scale(12);
    let mut started: Vec<_> = (0..n)
        .map(|i| {
            home.thub_command(&[
                "new",
                "-d",
                "-n",
                &format!("p{i}"),
                "--",
                "sh",
                "-c",
                &format!("echo up{i}; exec cat"),
            ])
            .spawn()
            .unwrap()
        })
        .collect();
    for child in &mut started {
        assert_eq!(exit_of(child), 0);
    }
    assert_eq!(home.ls().len(), n);
    // the same name at the same time: one gets it
    let mut started: Vec<_> =
        (0..6).map(|_| home.thub_command(&["new", "-d", "-n", "same", "--", "cat"]).spawn().unwrap()).collect();
    let mut codes: Vec<i32> = started.iter_mut().map(exit_of).collect();
    codes.sort();
    assert_eq!(codes, [0, 2, 2, 2, 2, 2]);
    // and killed at once from several sides
    let mut kills: Vec<_> = (0..3).map(|_| home.thub_command(&["kill", "--all"]).spawn().unwrap()).collect();
    for child in &mut kills {
        assert_eq!(exit_of(child), 0);
    }
    assert!(home.ls().is_empty());
    sweep(|| home.processes());
}

#[test]
fn an_idle_session_rests() {
    let home = Home::new();
    home.new_session(&["-n", "idle", "--", "cat"]);
    let pid = home.pid_of("idle");
    let switches = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let of = |key: &str| status.lines().find_map(|l| l.strip_prefix(key)).unwrap().trim().parse::<u64>().unwrap();
        of("voluntary_ctxt_switches:")
    };
    home.thub(&["wait", "idle", "--idle", "500"]).ok();
    // the kernel's own clock is what is measured here: 6 s of nothing
    let (before, from) = (switches(), Instant::now());
    std::thread::sleep(Duration::from_secs(6).min(PATIENCE));
    let (woke, took) = (switches() - before, from.elapsed());
    println!("woke up {woke} times in {took:?}");
    assert!(woke as f64 <= took.as_secs_f64() * 1.0 + 1.0, "{woke} in {took:?}");
}
