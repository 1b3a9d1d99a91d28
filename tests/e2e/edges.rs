//! Sessions at their edges: what they are started from, what they stand, and how they end.

use crate::support::{Agent, Home, Tty, children, is_root, signal, skip, state_of, until};
use rustix::process::Signal;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use thub::proto::control::SessionAttach;

fn stop(pid: i32) {
    signal(pid, Signal::STOP);
    until("it to be stopped", || (state_of(pid) == 'T').then_some(()));
}

#[test]
fn nothing_of_who_starts_it_goes_into_a_session() {
    let home = Home::new();
    let lock = std::fs::File::create(home.at("lock")).unwrap();
    let fd = lock.as_raw_fd();
    let script = "ls /proc/self/fd | tr '\\n' ' '; grep -h -e SigIgn -e SigBlk /proc/self/status; echo pwd=$PWD=; echo old=$OLDPWD=; umask; echo up; exec cat";
    let mut command = home.thub_command(&["new", "-d", "-n", "clean", "--cwd", "/usr", "--", "sh", "-c", script]);
    command.env("PWD", "/wrong").env("OLDPWD", "/old");
    // a caller that keeps a file open and ignores signals
    unsafe {
        command.pre_exec(move || {
            libc::fcntl(fd, libc::F_SETFD, 0);
            for s in [libc::SIGHUP, libc::SIGPIPE, libc::SIGTTOU, libc::SIGUSR1, libc::SIGINT] {
                libc::signal(s, libc::SIG_IGN);
            }
            Ok(())
        });
    }
    assert!(command.status().unwrap().success());
    home.shows("clean", "^up$");
    let all = home.thub(&["capture", "clean", "--all"]).ok();
    let lines: Vec<&str> = all.lines().collect();
    assert!(lines[0].starts_with("0 1 2 3 ") && !lines[0].contains(" 4 "), "no more than ls's own: {all}");
    for (name, value) in [("SigBlk", "0000000000000000"), ("SigIgn", "0000000000000000")] {
        assert!(lines.iter().any(|l| l.contains(&format!("{name}:")) && l.trim_end().ends_with(value)), "{all}");
    }
    assert!(all.contains("pwd=/usr=") && all.contains("old=="), "{all}");
    let pid = home.pid_of("clean");
    for p in [pid, children(pid)[0]] {
        let held = std::fs::read_dir(format!("/proc/{p}/fd")).unwrap().flatten();
        let held: Vec<_> = held.filter_map(|e| std::fs::read_link(e.path()).ok()).collect();
        assert!(!held.contains(&home.at("lock")), "{p} {held:?}");
    }
    let run = home.thub(&["run", "--", "sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"]).ok();
    assert_eq!(run, "0 1 2 3 ");
}

#[test]
fn a_directory_whose_name_is_no_text() {
    let home = Home::new();
    let dir = home.at("home").join(std::ffi::OsStr::from_bytes(b"d\xffx"));
    std::fs::create_dir(&dir).unwrap();
    let mut command = home.thub_command(&["new", "-d", "-n", "d", "--", "cat"]);
    command.current_dir(&dir);
    assert!(command.status().unwrap().success());
    let program = children(home.pid_of("d"))[0];
    assert_eq!(std::fs::read_link(format!("/proc/{program}/cwd")).unwrap(), dir);
}

#[test]
fn a_stopped_session_process_holds_up_nobody() {
    let home = Home::new();
    home.new_session(&["-n", "stopped", "--", "sh", "-c", "trap '' HUP TERM; while :; do sleep 1; done"]);
    home.new_session(&["-n", "other", "--", "cat"]);
    let pid = home.pid_of("stopped");
    let program = children(pid)[0];
    stop(pid);
    let timed = |args: &[&str]| {
        let begun = Instant::now();
        let said = home.thub(args);
        assert!(begun.elapsed() < Duration::from_secs(8), "{args:?} took {:?}", begun.elapsed());
        said
    };
    assert_eq!(home.session("stopped")["state"], "orphaned");
    for args in
        [&["capture", "stopped"][..], &["send", "stopped", "x"], &["rename", "stopped", "y"], &["wait", "stopped"]]
    {
        let said = timed(args).fails(124);
        assert!(said.contains("does not answer"), "{said}");
    }
    let mut tty = Tty::thub(&home, 80, 24, &["attach", "stopped"]);
    assert_eq!(tty.wait_exit(), 124);
    tty.until_text("does not answer");
    timed(&["send", "other", "x"]).ok();
    // and it can be ended, with the program that does not mind
    timed(&["kill", "stopped"]).ok();
    until("the program to be gone", || matches!(state_of(program), 'x' | 'Z').then_some(()));
    assert_eq!(home.ls().len(), 1);
}

#[test]
fn commands_of_many_words() {
    let home = Home::new();
    let long = format!(": {}; exec cat", "x".repeat(12_000));
    for _ in 0..24 {
        home.new_session(&["--", "sh", "-c", &long]);
    }
    assert_eq!(home.ls().len(), 24);
    let said = home
        .thub(&["new", "-d", "--", "echo", &"y".repeat(130_000), &"y".repeat(130_000), &"z".repeat(10_000)])
        .fails(2);
    assert!(said.contains("larger than 256 KiB"), "{said}");
    let id = home.new_session(&["--", "echo", &"y".repeat(120_000), &"y".repeat(120_000)]);
    assert!(!id.is_empty());
    home.thub(&["kill", "--all"]).ok();
    assert!(home.ls().is_empty());
}

#[test]
fn many_at_once_type_all_they_have() {
    let home = Home::new();
    let script = "stty raw -echo; echo up; sleep 2; head -c 400000 | wc -c; exec sleep 1000";
    home.new_session(&["-n", "many", "--", "sh", "-c", script]);
    home.shows("many", "up");
    std::thread::scope(|s| {
        for _ in 0..8 {
            s.spawn(|| home.thub_in(&["send", "many", "--raw"], &vec![b'x'; 50_000]).ok());
        }
    });
    home.shows("many", "400000");
}

#[test]
fn who_types_is_not_forgotten_for_those_who_typed_since() {
    let home = Home::new();
    home.new_session(&["-n", "one", "--", "cat"]);
    let tty = Tty::thub(&home, 80, 24, &["attach", "one"]);
    until("it is there", || (home.session("one")["clients"] == 1).then_some(()));
    tty.type_("before\r");
    tty.until_text("before");
    for _ in 0..70 {
        home.thub(&["send", "one", "--keys", "Space"]).ok();
    }
    tty.type_("after\r");
    tty.until_text("after");
}

#[test]
fn a_terminal_left_and_taken_up_again() {
    let home = Home::new();
    let script = "exec </dev/null >/dev/null 2>/dev/null; sleep 1; for i in 1 2 3; do echo back$i >/dev/tty; done; exec sleep 1000";
    home.new_session(&["-n", "left", "--", "sh", "-c", script]);
    home.shows("left", "back3");
    assert_eq!(home.capture("left")[..3], ["back1", "back2", "back3"]);
}

#[test]
fn a_program_that_rings_without_end() {
    let home = Home::new();
    let script =
        "echo up; read x; yes \"$(printf '\\007\\033]2;%s\\007' t)\" | head -c 8000000; echo; echo done; exec cat";
    home.new_session(&["-n", "bells", "--", "sh", "-c", script]);
    let stopped = Tty::thub(&home, 80, 24, &["attach", "bells"]);
    stopped.until_text("up");
    stopped.signal(Signal::STOP);
    until("it to be stopped", || (state_of(stopped.pid()) == 'T').then_some(()));
    home.thub(&["send", "bells", "--keys", "Enter"]).ok();
    home.shows("bells", "done");
    let memory = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        // (its own: how large the program's file is, is no matter here)
        let line = status.lines().find(|l| l.starts_with("RssAnon:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    assert!(memory(home.pid_of("bells")) < 30_000, "{} KB", memory(home.pid_of("bells")));
    stopped.signal(Signal::CONT);
    stopped.until_text("done");
}

#[test]
fn the_end_on_a_full_disk() {
    if !is_root() {
        return skip("root, to mount a small disk");
    }
    let home = Home::new();
    let mount =
        |args: &[&str]| Command::new("mount").args(args).arg(home.run_dir()).output().is_ok_and(|o| o.status.success());
    if !mount(&["-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs"]) {
        return skip("mount of a tmpfs");
    }
    home.new_session(&["-n", "full", "--", "sh", "-c", "seq 1 30000; read x; exit 7"]);
    home.shows("full", "30000");
    fill(&home.run_dir());
    home.thub(&["send", "full", "--keys", "Enter"]).ok();
    let waited = home.thub(&["wait", "full", "--exit", "--timeout", "20"]);
    let state = home.thub(&["ls", "--json"]).out;
    let _ = Command::new("umount").arg("-l").arg(home.run_dir()).status();
    assert_eq!(waited.code, 0, "{waited:?}");
    assert!(state.contains("\"exit_code\":7"), "{state}");
}

/// Takes what room there is but for a page or two.
fn fill(dir: &Path) {
    let mut n = 0u32;
    while std::fs::write(dir.join(format!("fill{n}")), [0u8; 4096]).is_ok() {
        n += 1;
    }
    for i in n.saturating_sub(1)..=n {
        let _ = std::fs::remove_file(dir.join(format!("fill{i}")));
    }
}

#[test]
fn asked_while_it_ends() {
    let home = Home::new();
    // much to record: that takes a while
    let script = "head -c 40000000 /dev/zero | tr '\\0' x";
    home.new_session(&["-n", "ends", "--ring", "67108864", "--", "sh", "-c", script]);
    loop {
        let said = home.thub(&["capture", "ends"]);
        assert_eq!(said.code, 0, "{said:?}");
        if home.session("ends")["state"] == "exited" {
            break;
        }
    }
}

#[test]
fn more_connections_than_descriptors() {
    let home = Home::new();
    let mut command = home.command("/bin/sh");
    let bin = crate::support::THUB;
    command.args(["-c", &format!("ulimit -n 24; exec {bin} new -d -n few -- sh -c 'echo up; exec cat'")]);
    assert!(command.status().unwrap().success());
    let pid = home.pid_of("few");
    let mut waiting: Vec<_> = (0..14).map(|_| home.thub_command(&["wait", "few"]).spawn().unwrap()).collect();
    until("no descriptor to be left", || {
        (std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() >= 24).then_some(())
    });
    let spent = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let words: Vec<u64> =
            stat.rsplit_once(')').unwrap().1.split_whitespace().map(|w| w.parse().unwrap_or(0)).collect();
        words[11] + words[12]
    };
    let before = spent();
    std::thread::sleep(Duration::from_secs(1));
    assert!(spent() - before < 20, "it runs in circles: {} ticks in a second", spent() - before);
    for w in &mut waiting[..10] {
        signal(w.id() as i32, Signal::KILL);
        let _ = w.wait();
    }
    home.thub(&["send", "few", "again", "--keys", "Enter"]).ok();
    home.shows("few", "again");
    home.thub(&["kill", "few"]).ok();
    for w in &mut waiting[10..] {
        let _ = w.wait();
    }
}

/// What attaches such a client, on stream 2.
fn attach(id: &str, agent: &Agent) -> SessionAttach {
    let client = &agent.client;
    serde_json::from_value(serde_json::json!({
        "session": id, "stream": 2, "client": client, "window": 65536, "revision_min": 1, "revision_max": 1
    }))
    .unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Echo goes off while nothing is printed, and another client's attach is the first to notice.
#[test]
fn whoever_shows_a_session_is_told_that_echo_is_off() {
    use thub::proto::frame::{Body, tty};
    let home = Home::new();
    let (go, off) = (home.run_dir().join("go"), home.run_dir().join("off"));
    let script = format!(
        "echo up; until [ -e {go} ]; do sleep 0.02; done; stty -echo; : >{off}; read x; exec cat",
        go = go.display(),
        off = off.display()
    );
    let id = home.new_session(&["-n", "one", "--", "sh", "-c", &script]);
    home.shows("one", "up");
    runtime().block_on(async {
        let mut shown = Vec::new();
        for _ in 0..2 {
            let (agent, _) = Agent::start(&home).await;
            let frames = agent.link.open_stream(2);
            agent.link.call(&attach(&id, &agent)).await.unwrap();
            shown.push((agent, frames));
            if shown.len() == 1 {
                std::fs::write(&go, "").unwrap();
                until("echo to be off", || off.exists().then_some(()));
            }
        }
        let (agent, frames) = &mut shown[0];
        agent.link.out.urgent(2, Body::Data { offset: 0, bytes: b"secret" });
        loop {
            let frame = tokio::time::timeout(crate::support::PATIENCE, frames.recv()).await.expect("never told");
            if let Ok(Body::Tty { flags, .. }) = frame.expect("the link").body()
                && flags & tty::ECHO == 0
            {
                break;
            }
        }
        for (agent, _) in shown {
            agent.leave().await;
        }
    });
    home.thub(&["kill", "one"]).ok();
}

/// The number of a stream that was let go is taken again at once: what ends is the old one.
#[test]
fn a_stream_is_let_go_and_taken_again_at_once() {
    use thub::proto::control::{SessionDetach, SessionList};
    let home = Home::new();
    let id = home.new_session(&["-n", "one", "--", "sh", "-c", "echo up; exec cat"]);
    runtime().block_on(async {
        let (agent, _) = Agent::start(&home).await;
        let (link, attach) = (agent.link.clone(), attach(&id, &agent));
        for round in 0..200 {
            drop(link.call(&SessionList { stream: 2 }).await.unwrap());
            drop(link.call(&SessionDetach { stream: 2 }));
            let mut frames = link.open_stream(2);
            link.call(&attach).await.unwrap();
            let frame = tokio::time::timeout(crate::support::PATIENCE, frames.recv()).await;
            assert!(matches!(frame, Ok(Some(_))), "round {round}");
            drop(link.call(&SessionDetach { stream: 2 }));
        }
        agent.leave().await;
    });
    home.thub(&["kill", "one"]).ok();
}
