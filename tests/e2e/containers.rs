//! Containers of a real engine: sessions in them over stops and restarts of all around, their files, and what is no container.

use crate::far::Far;
use crate::support::engine::{Api, Engine, IMAGE};
use crate::support::{Home, is_root, signal, skip, until};
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use thub::proto::control::Fault;

#[track_caller]
pub fn add(home: &Home, engine: &Api, name: &str, set: &[&str]) {
    let socket = format!("socket={}", engine.socket());
    let mut words = vec!["conn", "add", name, "--type", "docker", "--set", &socket];
    set.iter().for_each(|s| words.extend(["--set", s]));
    home.thub(&words).ok();
}

#[track_caller]
pub fn open(home: &Home, name: &str) {
    home.thub(&["new", "-d", "-n", name, "--connection", name]).ok();
}

#[track_caller]
pub fn stands(home: &Home, name: &str, state: &str) -> Value {
    until(&format!("{name} is {state}"), || {
        let info = home.session(name);
        (info["device"]["state"] == state).then_some(info)
    })
}

pub fn type_line(home: &Home, name: &str, line: &str) {
    home.thub(&["send", name, line, "--keys", "Enter"]).ok();
}

/// A new container of an image, in a session of its name: it goes on when that is killed, and is meant by starting that again.
/// What the container is called.
pub fn goes_on_when_killed(home: &Home, engine: &Api) -> String {
    add(home, engine, "new", &["image=thub/busybox:test", "command=sh -c 'echo \"hello there\"; exec sh'"]);
    open(home, "new");
    home.shows("new", "hello there");
    let info = home.session("new");
    let id = info["device"]["container"].as_str().unwrap().to_string();
    type_line(home, "new", "mark=still-$((60 + 1)); echo $mark");
    home.shows("new", "still-61");
    let named = format!("thub-{}", info["id"].as_str().unwrap());
    signal(home.pid_of("new"), Signal::KILL);
    until("it is lost", || (home.session("new")["state"] == "lost").then_some(()));
    assert!(engine.is_running(&named));
    home.thub(&["restart", "new"]).ok();
    assert_eq!(stands(home, "new", "connected")["device"]["container"], Value::from(id));
    type_line(home, "new", "echo $mark");
    home.shows("new", "still-61");
    named
}

#[test]
fn a_program_in_one_that_stops_and_starts() {
    let Some(engine) = Engine::start(&[]) else { return };
    let home = Home::new();
    let id = engine.run("web", "exec sleep 1000", false);
    let listed: Value =
        serde_json::from_str(&home.thub(&["containers", "--socket", &engine.socket(), "--images", "--json"]).ok())
            .unwrap();
    assert_eq!(
        (&listed["containers"][0]["id"], &listed["containers"][0]["names"][0]),
        (&Value::from(id.clone()), &Value::from("web"))
    );
    assert!(listed["images"].to_string().contains(IMAGE), "{listed}");

    add(&home, &engine, "box", &["container=web", "user=alice", "startingDirectory=/tmp", "env.GREETING=a b"]);
    open(&home, "box");
    type_line(&home, "box", "echo \"[$GREETING]\" $(id -un) $(pwd) $TERM $(stty size)");
    home.shows("box", r"\[a b\] alice /tmp xterm-256color 24 80");
    home.thub(&["resize", "box", "100x40"]).ok();
    type_line(&home, "box", "stty size");
    home.shows("box", "40 100");
    let info = stands(&home, "box", "connected");
    assert_eq!((info["kind"].as_str(), info["device"]["container"].as_str()), (Some("docker"), Some(&*id)), "{info}");

    // bytes are what they are, also those that an engine's frames begin with
    type_line(
        &home,
        "box",
        "printf '\\000\\001\\002\\000\\000\\000\\000\\377x'; echo end; sleep 0.1; printf '\\001'; echo over",
    );
    home.shows("box", "^.?over");
    let raw = home.raw("box");
    assert!(raw.windows(9).any(|w| w == b"\x00\x01\x02\x00\x00\x00\x00\xffx"), "{:?}", String::from_utf8_lossy(&raw));
    // a key that engines keep for themselves
    type_line(&home, "box", "stty raw -echo; echo ready; dd bs=1 count=2 2>/dev/null | od -An -tx1; stty sane");
    home.shows("box", "^ready");
    home.thub(&["send", "box", "--keys", "C-p", "C-q"]).ok();
    home.shows("box", "10 11");

    // stopped: told; what is typed meanwhile is meant for nobody; started: goes on with a new program
    engine.stop_container("web");
    stands(&home, "box", "waiting");
    home.shows("box", r"-- web stopped \(exit 137\), waiting \d\d:\d\d:\d\d --");
    type_line(&home, "box", "echo never");
    home.thub(&["containers", "start", "web", "--socket", &engine.socket()]).ok();
    stands(&home, "box", "connected");
    home.shows("box", "-- web is there again: a new program, those that ran here are gone");
    type_line(&home, "box", "echo after $((20 + 3))");
    home.shows("box", "after 23");
    assert!(!home.capture("box").join("\n").contains("never"), "{:?}", home.capture("box"));

    // the session's end is its program's end, and not the container's
    type_line(&home, "box", "sleep 12345");
    until("it runs", || engine.top("web").contains("sleep 12345").then_some(()));
    home.thub(&["kill", "box"]).ok();
    until("its programs are gone", || (!engine.top("web").contains("sleep 12345")).then_some(()));
    assert!(engine.is_running("web"));

    // its gauges
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let gauges = |name: &str| runtime.block_on(thub::backend::docker::stats(Some(&engine.socket()), name));
    let now = gauges("web").unwrap();
    assert!(
        now.memory > 0 && now.memory <= now.memory_limit && now.pids >= 1 && now.cpu_ns > 0 && now.cores >= 1,
        "{now:?}"
    );
    engine.create("off", IMAGE, "true", false);
    let codes = ["off", "nothing", "../web"].map(|name| gauges(name).unwrap_err().code);
    assert_eq!(codes, [Fault::ENDED, Fault::UNKNOWN, Fault::BAD_PARAMS]);

    // a program's own end, with its code
    open(&home, "box");
    type_line(&home, "box", "exit 7");
    until("it has ended", || (home.session("box")["exit_code"] == 7).then_some(()));

    // removed: the session ends and says why
    home.thub(&["kill", "box"]);
    open(&home, "box");
    engine.remove("web");
    until("it has ended", || {
        home.session("box")["cause"].as_str().is_some_and(|c| c.contains("was removed")).then_some(())
    });
}

#[test]
fn their_own_terminals_logs_and_new_ones() {
    let Some(engine) = Engine::start(&[]) else { return };
    let home = Home::new();
    engine.run("term", "echo ready; exec sh", true);
    engine.run("lines", "while read l; do echo got $l; done; echo eof; exec sleep 1000", false);
    engine.run("log", "for i in 1 2 3; do echo line $i; done; exec sleep 1000", false);
    add(&home, &engine, "att", &["container=term", "mode=attach"]);
    add(&home, &engine, "pipe", &["container=lines", "mode=attach"]);
    add(&home, &engine, "log", &["container=log", "mode=logs"]);
    ["att", "pipe", "log"].iter().for_each(|name| open(&home, name));
    type_line(&home, "att", "stty size; echo $((40 + 2))");
    home.shows("att", "24 80");
    home.shows("att", "^42");
    type_line(&home, "pipe", "hellx");
    home.shows("pipe", "got hellx");
    home.thub(&["send", "pipe", "--keys", "a", "b", "BSpace", "c", "Enter", "C-d"]).ok();
    home.shows("pipe", "got ac");
    home.shows("pipe", "^eof");
    home.shows("log", "line 3");

    // a log goes on where it ended: no line twice, none lost
    engine.stop_container("log");
    stands(&home, "log", "waiting");
    engine.start_container("log");
    stands(&home, "log", "connected");
    let lines = || {
        home.thub(&["capture", "log", "--all"])
            .ok()
            .lines()
            .filter(|l| l.starts_with("line "))
            .map(String::from)
            .collect::<Vec<_>>()
    };
    until("it goes on", || (lines().len() >= 6).then_some(()));
    assert_eq!(lines(), ["line 1", "line 2", "line 3", "line 1", "line 2", "line 3"]);

    // stopping and starting is asked for
    engine.stop_container("term");
    stands(&home, "att", "waiting");
    engine.start_container("term");
    stands(&home, "att", "connected");
    type_line(&home, "att", "echo $((50 + 2))");
    home.shows("att", "52");

    // a new one of an image: it goes on when its session is killed, and the same one is meant by starting that again
    let named = goes_on_when_killed(&home, &engine);
    home.thub(&["kill", "new"]).ok();
    assert!(engine.is_running(&named));

    // one that goes with its program
    add(
        &home,
        &engine,
        "once",
        &["image=thub/busybox:test", "command=sh -c 'read x; exit 5'", "remove=true", "containerName=once"],
    );
    open(&home, "once");
    assert!(engine.is_running("once"));
    type_line(&home, "once", "");
    until("it has ended", || (home.session("once")["exit_code"] == 5).then_some(()));
    until("it is gone", || (engine.ask("GET", "/containers/once/json", &[]).0 == 404).then_some(()));
}

#[test]
fn the_engine_killed_and_started_again() {
    for live in [false, true] {
        let Some(mut engine) = Engine::start(if live { &["--live-restore"] } else { &[] }) else { return };
        let home = Home::new();
        let script = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done";
        engine.run("web", script, false);
        engine.run("term", "exec sh", true);
        add(&home, &engine, "box", &["container=web"]);
        add(&home, &engine, "log", &["container=web", "mode=logs"]);
        add(&home, &engine, "att", &["container=term", "mode=attach"]);
        ["box", "log", "att"].iter().for_each(|name| open(&home, name));
        type_line(&home, "box", "echo before $((1 + 1))");
        home.shows("box", "before 2");
        type_line(&home, "att", "here=kept; echo set");
        home.shows("att", "set");
        engine.crash();
        for name in ["box", "log", "att"] {
            stands(&home, name, "waiting");
            home.shows(name, "-- the container engine is away, waiting");
        }
        engine.up();
        if !live {
            // (an engine that comes back so has stopped them)
            ["web", "term"].iter().for_each(|name| engine.start_container(name));
        }
        for name in ["box", "log", "att"] {
            stands(&home, name, "connected");
        }
        home.shows("box", "-- web is there again: a new program");
        type_line(&home, "box", "echo after $((1 + 2)); ps | grep -c '[a]sh$'");
        home.shows("box", "after 3");
        type_line(&home, "att", "echo [$here]");
        home.shows("att", if live { r"\[kept\]" } else { r"\[\]" });
        let shows = |n: usize| {
            home.thub(&["capture", "log", "--all"]).ok().lines().filter(|l| l.starts_with("line ")).count() >= n
        };
        until("the log goes on", || shows(60).then_some(()));
        let all = home.thub(&["capture", "log", "--all"]).ok();
        let numbers: Vec<u32> = all.lines().filter_map(|l| l.strip_prefix("line ")?.trim().parse().ok()).collect();
        let starts = numbers.iter().filter(|n| **n == 1).count();
        assert_eq!(starts, if live { 1 } else { 2 }, "{numbers:?}");
        assert!(numbers.windows(2).all(|w| w[1] == w[0] + 1 || w[1] == 1), "{numbers:?}");
    }
}

pub fn tree(dir: &Path) {
    std::fs::create_dir_all(dir.join("sub/deep")).unwrap();
    for i in 0..60 {
        std::fs::write(dir.join(format!("f{i}")), format!("file {i}\n").repeat(i)).unwrap();
    }
    std::fs::write(dir.join("sub/odd \n name; $(id) '\""), "odd").unwrap();
    std::fs::write(dir.join(std::ffi::OsString::from(String::from("-x;id"))), "dash").unwrap();
    let raw: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff\xfe\\0101");
    std::fs::write(dir.join(raw), "bytes").unwrap();
    symlink("f1", dir.join("link")).unwrap();
    symlink("nowhere", dir.join("dangling")).unwrap();
    std::fs::write(dir.join("sub/run"), "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(dir.join("sub/run"), PermissionsExt::from_mode(0o750)).unwrap();
}

#[track_caller]
pub fn same(a: &Path, b: &Path) {
    let out = std::process::Command::new("diff").arg("-r").arg("--no-dereference").args([a, b]).output().unwrap();
    let said: String = String::from_utf8_lossy(&out.stdout).chars().take(600).collect();
    assert!(out.status.success(), "{said}");
}

#[test]
fn files_both_ways() {
    let Some(engine) = Engine::start(&[]) else { return };
    let home = Home::new();
    engine.run("web", "exec sleep 1000", false);
    engine.create("stopped", IMAGE, "true", false);
    engine.create("bare", "thub/bare:test", "true", false);
    let from = home.at("tree");
    tree(&from);
    // (a part is kept every few megabytes)
    let big: Vec<u8> = (0..9_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(home.at("big"), &big).unwrap();
    for (name, container) in [("run", "web"), ("stop", "stopped"), ("bare", "bare")] {
        add(&home, &engine, name, &[&format!("container={container}")]);
        let to = |path: &str| format!("{name}:{path}");
        let at = |path: &str| home.at(&format!("{name}-{path}"));
        let dir = if name == "bare" { "/etc/" } else { "/tmp/" };
        home.thub(&["cp", "-q", home.at("tree").to_str().unwrap(), &to(dir)]).ok();
        home.thub(&["cp", "-q", &to(&format!("{dir}tree")), at("tree").to_str().unwrap()]).ok();
        same(&from, &at("tree"));
        let run = std::fs::metadata(at("tree/sub/run")).unwrap();
        let was = std::fs::metadata(from.join("sub/run")).unwrap();
        assert_eq!((run.mode(), run.mtime()), (was.mode(), was.mtime()), "{name}");
        home.thub(&["cp", "-q", home.at("big").to_str().unwrap(), &to(dir)]).ok();
        home.thub(&["cp", "-q", &to(&format!("{dir}big")), at("big").to_str().unwrap()]).ok();
        assert!(std::fs::read(at("big")).unwrap() == big, "{name}");
        // again: it is there
        home.thub(&["cp", "-q", home.at("tree").to_str().unwrap(), &to(dir)]).ok();
        let said = home.thub(&["cp", "-q", &to("/nope"), at("x").to_str().unwrap()]);
        assert!(said.code != 0 && said.err.contains("no such file"), "{said:?}");
    }
    // as the connection's user
    add(&home, &engine, "alice", &["container=web", "user=alice"]);
    home.thub(&["cp", "-q", home.at("big").to_str().unwrap(), "alice:mine"]).ok();
    home.thub(&["cp", "-q", "alice:/home/alice/mine", home.at("mine").to_str().unwrap()]).ok();
    let said = home.thub(&["cp", "-q", home.at("big").to_str().unwrap(), "alice:/etc/mine"]);
    assert!(said.code != 0 && said.err.contains("permission denied"), "{said:?}");
    // from one to the other
    home.thub(&["cp", "-q", "run:/tmp/tree", "stop:/root/"]).ok();
    home.thub(&["cp", "-q", "stop:/root/tree", home.at("third").to_str().unwrap()]).ok();
    same(&from, &home.at("third"));
}

#[test]
fn a_tree_takes_few_programs() {
    let Some(engine) = Engine::start(&[]) else { return };
    let home = Home::new();
    engine.run("web", "exec sleep 1000", false);
    engine.create("off", IMAGE, "true", false);
    for i in 0..40 {
        let dir = home.at(&format!("tree/d{}/e{i}", i % 4));
        std::fs::create_dir_all(dir.join("empty")).unwrap();
        (0..8).for_each(|n| std::fs::write(dir.join(format!("f{n}")), format!("{i} {n}")).unwrap());
    }
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let begun = now();
    for (name, container) in [("run", "web"), ("stop", "off")] {
        add(&home, &engine, name, &[&format!("container={container}")]);
        let back = home.at(&format!("{name}-back"));
        home.thub(&["cp", "-q", home.at("tree").to_str().unwrap(), &format!("{name}:/tmp/")]).ok();
        home.thub(&["cp", "-q", &format!("{name}:/tmp/tree"), back.to_str().unwrap()]).ok();
        same(&home.at("tree"), &back);
        for dir in ["d1", "d1/e1", "d1/e1/empty"] {
            let (was, is) = (home.at(&format!("tree/{dir}")), back.join(dir));
            let of = |path: &Path| std::fs::metadata(path).map(|m| (m.mode(), m.mtime())).unwrap();
            assert_eq!(of(&was), of(&is), "{name} {dir}");
        }
    }
    // (84 directories there and back; each program takes the engine up to 0.1 s. An empty one is looked at by itself)
    let until = now();
    let path = format!("/events?since={begun}&until={until}&filters=%7B%22event%22%3A%5B%22exec_create%22%5D%7D");
    let programs = engine.ask("GET", &path, &[]).1.matches("exec_create").count();
    assert!((1..170).contains(&programs), "{programs}");
}

#[test]
fn on_another_machine() {
    let Some(engine) = Engine::start(&[]) else { return };
    let Some(far) = Far::deployed() else { return skip("sshd") };
    engine.run("web", "exec sleep 1000", false);
    let socket = format!("socket={}", engine.socket());
    let set = ["--set", &socket, "--set", "container=web"];
    far.thub(&[&["conn", "add", "-H", "test", "box", "--type", "docker"], &set[..]].concat()).ok();
    far.thub(&["new", "-d", "-H", "test", "-n", "box", "--connection", "box"]).ok();
    far.thub(&["send", "-H", "test", "box", "echo far $((3 * 3))", "--keys", "Enter"]).ok();
    far.shows("box", "far 9");
    let listed = far.thub(&["containers", "-H", "test", "--socket", &engine.socket()]).ok();
    assert!(listed.contains("web"), "{listed}");
    // the agents go, the session stays with its screen
    far.agents().into_iter().for_each(|pid| signal(pid, Signal::KILL));
    far.shows("box", "far 9");
    far.thub(&["send", "-H", "test", "box", "echo still $((4 * 4))", "--keys", "Enter"]).ok();
    far.shows("box", "still 16");
    tree(&far.home.at("tree"));
    far.thub(&["cp", "-q", far.home.at("tree").to_str().unwrap(), "test/box:/tmp/"]).ok();
    far.thub(&["cp", "-q", "test/box:/tmp/tree", far.home.at("back").to_str().unwrap()]).ok();
    same(&far.home.at("tree"), &far.home.at("back"));
}

#[test]
fn what_is_no_container() {
    let Some(engine) = Engine::start(&[]) else { return };
    let home = Home::new();
    engine.run("web", "exec sleep 1000", false);
    engine.create("off", IMAGE, "true", false);
    engine.run("mute", "exec sleep 1000", false);
    let refused = |set: &[&str], what: &str| {
        let name = "one";
        let socket = format!("socket={}", engine.socket());
        let mut words = vec!["conn", "add", name, "--type", "docker", "--set", &socket];
        set.iter().for_each(|s| words.extend(["--set", s]));
        let mut said = home.thub(&words);
        if said.code == 0 {
            said = home.thub(&["new", "-d", "--connection", name]);
            home.thub(&["conn", "rm", name]).ok();
        }
        assert!(said.code != 0 && said.err.contains(what), "{set:?}: {said:?}");
    };
    refused(&["container=-x;id"], "can be no container's name");
    refused(&["container=../../etc/passwd"], "can be no container's name");
    refused(&["container=wbe"], "is web meant?");
    refused(&["container=nothing-like-it"], "there is no container 'nothing-like-it'");
    refused(&["container=off"], "is not running");
    refused(&["image=absent/image:1"], "there is no image 'absent/image:1' here");
    refused(&["image=-x;id"], "can be no image's name");
    refused(&["image=thub/busybox:test", "containerName=web"], "there is a container 'web' already");
    refused(&["container=web", "command=no-such-program"], "there is no program 'no-such-program'");
    refused(&["container=web", "user=nobody-knows"], "there is no user 'nobody-knows'");
    refused(&["container=web", "mode=dance"], "mode");
    // what is no engine
    let said = |socket: &str| home.thub(&["containers", "--socket", socket]);
    let at = |name: &str| home.at(name).to_string_lossy().into_owned();
    std::fs::write(at("file"), "").unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::RWXU).unwrap();
    let _silent = std::os::unix::net::UnixListener::bind(at("silent")).unwrap();
    for (socket, what) in [
        (at("none"), "there is no socket"),
        (at("file"), "is a file"),
        (at("fifo"), "is a FIFO"),
        (at("silent"), "says nothing"),
        ("tcp://h:1".into(), "is no path of a socket"),
    ] {
        let said = said(&socket);
        assert!(said.code != 0 && said.err.contains(what), "{socket}: {said:?}");
    }
    let said = home.thub(&["containers", "--socket", &engine.socket(), "stop", "--", "-x;id"]);
    assert!(said.code != 0 && said.err.contains("can be no container's name"), "{said:?}");
    assert!(engine.is_running("web"));
    // a user without rights on it
    if is_root() {
        std::fs::set_permissions(engine.socket(), PermissionsExt::from_mode(0o660)).unwrap();
        std::fs::set_permissions(Path::new(&engine.socket()).parent().unwrap(), PermissionsExt::from_mode(0o755))
            .unwrap();
        let there = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(there.path(), Some(65534), Some(65534)).unwrap();
        let thub = there.path().join("thub");
        // (not written by us: what another test starts meanwhile would hold it open, and nobody could run it)
        let copied = std::process::Command::new("cp").arg(crate::support::THUB).arg(&thub).status().unwrap();
        assert!(copied.success());
        let mut command = std::process::Command::new(&thub);
        command.args(["containers", "--socket", &engine.socket()]).uid(65534).gid(65534);
        command.env_clear().env("HOME", there.path()).env("PATH", "/usr/bin:/bin");
        let said = command.output().unwrap();
        let (ended, said) = (said.status.success(), String::from_utf8_lossy(&said.stderr).into_owned());
        assert!(!ended && said.contains("you may not use"), "{said}");
    }
}
