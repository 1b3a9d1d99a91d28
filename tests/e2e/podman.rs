//! Containers of a real Podman: what its service says and does otherwise than Docker's engine. What is the same for all
//! engines is in `containers`.

use crate::containers::{add, goes_on_when_killed, open, same, stands, tree, type_line};
use crate::support::engine::IMAGE;
use crate::support::podman::Podman;
use crate::support::{Home, until};
use serde_json::Value;
use thub::proto::control::Fault;

#[test]
fn sessions_over_stops_and_restarts_of_all_around() {
    let Some(mut engine) = Podman::start() else { return };
    let home = Home::new();
    let script = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done";
    let id = engine.run("web", script, false);
    engine.run("term", "exec sh", true);
    engine.create("off", IMAGE, "true", false);

    let socket = engine.socket();
    let said = home.thub(&["containers", "--socket", &socket, "--images", "--json"]).ok();
    let listed: Value = serde_json::from_str(&said).unwrap();
    let states: Vec<_> = listed["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["names"][0].as_str(), c["state"].as_str()))
        .collect();
    assert_eq!(
        states,
        [(Some("term"), Some("running")), (Some("web"), Some("running")), (Some("off"), Some("created"))]
    );
    assert!(listed["engine"].as_str().unwrap().starts_with("Podman ") && listed["owner"] == "root", "{listed}");
    assert!(listed["images"].to_string().contains(IMAGE), "{listed}");

    add(&home, &engine, "box", &["container=web", "user=alice", "startingDirectory=/tmp", "env.GREETING=a b"]);
    add(&home, &engine, "att", &["container=term", "mode=attach"]);
    add(&home, &engine, "log", &["container=web", "mode=logs"]);
    add(&home, &engine, "tlog", &["container=term", "mode=logs"]);
    ["box", "att", "log", "tlog"].iter().for_each(|name| open(&home, name));
    type_line(&home, "box", "echo \"[$GREETING]\" $(id -un) $(pwd) $TERM");
    home.shows("box", r"\[a b\] alice /tmp xterm-256color");
    home.thub(&["resize", "box", "100x40"]).ok();
    type_line(&home, "box", "stty size; sleep 12345");
    home.shows("box", "40 100");
    assert_eq!(stands(&home, "box", "connected")["device"]["container"], Value::from(id.clone()));
    type_line(&home, "att", "here=kept; printf 'no end'; echo; echo set");
    home.shows("att", "^set");
    home.shows("tlog", "^set");

    // its gauges
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let gauges = |name: &str| runtime.block_on(thub::backend::docker::stats(Some(&socket), name));
    let now = gauges("web").unwrap();
    assert!(now.memory > 0 && now.memory <= now.memory_limit && now.pids >= 1 && now.cpu_ns > 0, "{now:?}");
    assert_eq!(["off", "nothing"].map(|name| gauges(name).unwrap_err().code), [Fault::ENDED, Fault::UNKNOWN]);

    // the service is killed: its containers go on without it
    engine.crash();
    for name in ["box", "att", "log", "tlog"] {
        stands(&home, name, "waiting");
        home.shows(name, "-- the container engine is away, waiting");
    }
    engine.up();
    for name in ["box", "att", "log", "tlog"] {
        stands(&home, name, "connected");
    }
    home.shows("box", "-- web is there again: a new program");
    until("what ran is hung up on", || (!engine.top("web").contains("sleep 12345")).then_some(()));
    type_line(&home, "att", "echo [$here]");
    home.shows("att", r"\[kept\]");
    home.shows("tlog", r"\[kept\]");
    // stopped and started
    engine.stop_container("web");
    stands(&home, "log", "waiting");
    home.shows("box", r"-- web stopped \(exit 137\), waiting");
    home.thub(&["containers", "start", "web", "--socket", &socket]).ok();
    stands(&home, "log", "connected");
    stands(&home, "box", "connected");
    type_line(&home, "box", "echo after $((1 + 2))");
    home.shows("box", "after 3");
    // each line once; a terminal's pieces come without their stamps
    let numbers = || -> Vec<u32> {
        let all = home.thub(&["capture", "log", "--all"]).ok();
        all.lines().filter_map(|l| l.strip_prefix("line ")?.trim().parse().ok()).collect()
    };
    until("the log goes on", || (numbers().iter().filter(|n| **n == 40).count() == 2).then_some(()));
    let all = numbers();
    assert!(all.windows(2).all(|w| w[1] == w[0] + 1 || w[1] == 1), "{all:?}");
    assert_eq!(all.iter().filter(|n| **n == 1).count(), 2, "{all:?}");
    let told = home.capture("tlog").join("\n");
    assert!(!told.contains("T0") && !told.contains("T1") && !told.contains("T2"), "{told}");
    // its end is its program's, not the container's
    home.thub(&["kill", "box"]).ok();
    assert!(engine.is_running("web"));
}

#[test]
fn new_ones_of_an_image() {
    let Some(engine) = Podman::start() else { return };
    let home = Home::new();
    let named = goes_on_when_killed(&home, &engine);
    // somebody stops it, which Podman does not tell of, and starts it
    engine.stop_container(&named);
    stands(&home, "new", "waiting");
    engine.start_container(&named);
    stands(&home, "new", "connected");
    home.thub(&["kill", "new"]).ok();
    assert!(engine.is_running(&named));

    // its program's end
    add(&home, &engine, "ends", &["image=thub/busybox:test", "command=sh -c 'read x; exit 6'", "containerName=ends"]);
    open(&home, "ends");
    type_line(&home, "ends", "");
    until("it has ended", || (home.session("ends")["exit_code"] == 6).then_some(()));
    let once = ["image=thub/busybox:test", "command=sh -c 'read x; exit 5'", "remove=true", "containerName=once"];
    add(&home, &engine, "once", &once);
    open(&home, "once");
    assert!(engine.is_running("once"));
    type_line(&home, "once", "");
    until("it has ended", || (home.session("once")["exit_code"] == 5).then_some(()));
    until("it is gone", || (engine.ask("GET", "/containers/once/json", &[]).0 == 404).then_some(()));

    // what can't be
    engine.run("web", "exec sleep 1000", false);
    let refused = |set: &[&str], what: &str| {
        add(&home, &engine, "one", set);
        let said = home.thub(&["new", "-d", "--connection", "one"]);
        home.thub(&["conn", "rm", "one"]).ok();
        assert!(said.code != 0 && said.err.contains(what), "{set:?}: {said:?}");
    };
    refused(&["container=wbe"], "is web meant?");
    refused(&["container=ends"], "is not running (it ended with 6)");
    refused(&["image=absent/image:1"], "there is no image 'absent/image:1' here");
    refused(&["image=thub/busybox:test", "containerName=web"], "there is a container 'web' already");
    refused(&["container=web", "command=no-such-program"], "there is no program 'no-such-program' in web");
    refused(&["container=web", "user=nobody-knows"], "there is no user 'nobody-knows' in web");
    refused(&["container=web", "startingDirectory=/nope"], "there is no directory '/nope' in web");
}

#[test]
fn files_both_ways() {
    let Some(engine) = Podman::start() else { return };
    let home = Home::new();
    engine.run("web", "exec sleep 1000", false);
    engine.create("stopped", IMAGE, "true", false);
    tree(&home.at("tree"));
    for (name, container) in [("run", "web"), ("stop", "stopped")] {
        add(&home, &engine, name, &[&format!("container={container}")]);
        let (to, tree) = (|path: &str| format!("{name}:{path}"), home.at("tree"));
        let back = home.at(&format!("{name}-back"));
        home.thub(&["cp", "-q", tree.to_str().unwrap(), &to("/tmp/")]).ok();
        home.thub(&["cp", "-q", &to("/tmp/tree"), back.to_str().unwrap()]).ok();
        same(&tree, &back);
        // again: it is there, its links among it
        home.thub(&["cp", "-q", tree.to_str().unwrap(), &to("/tmp/")]).ok();
        let said = home.thub(&["cp", "-q", &to("/nope"), home.at("x").to_str().unwrap()]);
        assert!(said.code != 0 && said.err.contains("no such file"), "{said:?}");
    }
}
