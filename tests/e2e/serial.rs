//! Sessions on serial ports: a real pair of ptys for a cable, pulled and plugged in again.

use crate::far::Far;
use crate::support::serial::{Pair, shim};
use crate::support::{Home, Tty, signal, until, words};
use rustix::process::Signal;
use serde_json::Value;
use std::process::Command;

/// A session `con` on the port.
fn con(home: &Home, pair: &Pair, set: &[&str]) -> String {
    let port = pair.port();
    let mut words = vec!["conn", "add", "console", &port, "--kind", "serial"];
    set.iter().for_each(|s| words.extend(["--set", s]));
    home.thub(&words).ok();
    home.new_session(&["-n", "con", "--connection", "console"])
}

fn device(home: &Home) -> Value {
    home.session("con")["device"].clone()
}

#[track_caller]
fn stands(home: &Home, state: &str) -> Value {
    until(state, || Some(device(home)).filter(|d| d["state"] == state))
}

fn does(home: &Home, words: &[&str]) {
    home.thub(&[&["do", "con"], words].concat()).ok();
}

#[test]
fn a_port_that_is_unplugged_is_waited_for() {
    let Some(mut pair) = Pair::new() else { return };
    let home = Home::new();
    con(&home, &pair, &["baudRate=9600"]);
    let pid = home.pid_of("con");
    pair.board().say("U-Boot 2026\r\nlogin: ");
    home.shows("con", "login:");
    home.thub(&["send", "con", "root", "--keys", "Enter"]).ok();
    pair.board().hears("root\r");
    let info = home.session("con");
    assert!(info["kind"] == "serial" && info["root"] != true, "{info}");
    assert_eq!(info["device"]["what"], format!("{} · 9600", pair.port()));

    pair.pull();
    let away = stands(&home, "waiting");
    assert_eq!(away["why"], "unplugged", "{away}");
    home.shows("con", "-- unplugged ..:..:.., waiting --");
    // what is typed meanwhile goes nowhere, and that is said
    home.thub(&["send", "con", "rm -rf /", "--keys", "Enter"]).ok();
    home.shows("con", "-- not sent: the port is away --");
    let said = home.thub(&["do", "con", "break"]);
    assert!(said.code == 1 && said.err.contains("the port is away"), "{said:?}");
    // settings of the time it was away count as well
    does(&home, &["baud", "115200"]);

    pair.plug();
    let board = pair.board();
    board.say("booting\r\n");
    home.shows("con", "booting");
    let there = stands(&home, "connected");
    assert_eq!(there["what"], format!("{} · 115200", pair.port()));
    home.thub(&["send", "con", "x"]).ok();
    board.hears("x");
    let screen = home.capture("con").join("\n");
    let at = |what: &str| screen.find(what).unwrap_or_else(|| panic!("no {what} in {screen}"));
    assert!(at("login:") < at("unplugged") && at("-- there ") < at("booting"), "{screen}");
    assert_eq!(home.pid_of("con"), pid);
}

#[test]
fn what_is_no_port_is_refused_in_a_sentence() {
    let home = Home::new();
    let place = home.at("home");
    let at = |name: &str| place.join(name).to_str().unwrap().to_string();
    assert!(Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
    for (port, says) in [
        (at("fifo"), "is a pipe, not a serial port"),
        (at("link"), "is a file, not a serial port"),
        (place.to_str().unwrap().into(), "is a directory, not a serial port"),
        ("/dev/null".into(), "is a device, but not a serial port"),
        ("/dev/../etc/passwd".into(), "is a file, not a serial port"),
        ("/dev/ttyUSB987".into(), "/dev/ttyUSB987 is not there"),
    ] {
        home.thub(&["conn", "add", "bad", &port, "--kind", "serial"]).ok();
        let said = home.thub(&["new", "-d", "--connection", "bad"]).fails(1);
        assert!(said.contains(says) && said.contains("`thub serial` lists"), "{said}");
        home.thub(&["conn", "rm", "bad"]).ok();
    }
    for (set, says) in [
        ("port=../../etc/passwd", "port: '../../etc/passwd' is no device's path"),
        ("baudRate=0", "baudRate: 0 is no speed: 50 to 4000000"),
        ("baudRate=fast", "is no number"),
        ("parity=maybe", "'maybe' is none of none, odd, even"),
        ("dataBits=9", "a character has 5 to 8 bits"),
        ("speed=9600", "has no field 'speed'"),
    ] {
        let said = home.thub(&["conn", "add", "bad", "/dev/ttyUSB987", "--kind", "serial", "--set", set]).fails(2);
        assert!(said.contains(says), "{said}");
    }
    assert!(home.ls().is_empty());
    assert!(home.thub(&["serial", "--json"]).ok().starts_with('['));
    home.new_session(&["-n", "shell", "--", "cat"]);
    let said = home.thub(&["do", "shell", "hex", "on"]).fails(1);
    assert!(said.contains("it is a program"), "{said}");
}

#[test]
fn who_has_a_port_open_is_named() {
    let Some(pair) = Pair::new() else { return };
    let home = Home::new();
    con(&home, &pair, &[]);
    let said = home.thub(&["new", "-d", "--connection", "console"]).fails(1);
    assert!(said.contains("is open in the session con of thub") && said.contains("thub attach --watch con"), "{said}");
    home.thub(&["kill", "con"]).ok();
    // a program that took no lock
    let real = std::fs::canonicalize(pair.port()).unwrap();
    let mut other = Command::new("sleep").arg("600").stdin(std::fs::File::open(real).unwrap()).spawn().unwrap();
    let said = home.thub(&["new", "-d", "--connection", "console"]);
    let _ = other.kill();
    let _ = other.wait();
    let wanted = format!("is open in sleep (process {})", other.id());
    assert!(said.fails(1).contains(&wanted), "{wanted}");
    home.new_session(&["-n", "again", "--connection", "console"]);
}

#[test]
fn one_writes_and_others_look_on() {
    let Some(pair) = Pair::new() else { return };
    let home = Home::new();
    con(&home, &pair, &[]);
    let board = pair.board();
    let writer = Tty::thub(&home, 80, 24, &["attach", "con"]);
    let watchers: Vec<Tty> = (0..2).map(|_| Tty::thub(&home, 80, 24, &["attach", "--watch", "con"])).collect();
    until("all to be there", || (home.session("con")["clients"] == 3).then_some(()));
    board.say("ready> ");
    writer.until_text("ready>");
    watchers.iter().for_each(|w| _ = w.until_text("ready>"));
    // (what a watcher types comes before what is awaited, if it came)
    watchers.iter().for_each(|w| w.type_("no"));
    writer.type_("yes");
    board.hears("yes");
    board.say("thanks");
    watchers.iter().for_each(|w| _ = w.until_text("thanks"));
    assert!(board.heard().is_empty());
}

#[test]
fn what_comes_is_shown_as_is_wished_and_logged_as_it_is() {
    let Some(pair) = Pair::new() else { return };
    let home = Home::new();
    let log = home.at("home/boot.log");
    con(&home, &pair, &["log=~/boot.log", "timestamps=on"]);
    let board = pair.board();
    board.say("one\r\n");
    home.shows("con", r"^\[\d\d:\d\d:\d\d\.\d{3}\] one$");
    does(&home, &["timestamps", "off"]);
    does(&home, &["hex", "on"]);
    board.say([0, 0xff, b'A']);
    home.shows("con", "^00000000  00 ff 41 .*  ..A$");
    does(&home, &["hex", "off"]);
    does(&home, &["echo", "on"]);
    does(&home, &["newline", "crlf"]);
    home.thub(&["send", "con", "typed", "--keys", "Enter"]).ok();
    board.hears("typed\r\n");
    home.shows("con", "^typed$");
    let marks = device(&home)["marks"].to_string();
    assert!(["\"echo\"", "\"newline crlf\"", "boot.log"].iter().all(|m| marks.contains(m)), "{marks}");
    does(&home, &["log", "off"]);
    until("the log", || (std::fs::read(&log).unwrap() == b"one\r\n\0\xffA").then_some(()));
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&log).unwrap().permissions()) & 0o777, 0o600);
    for (words, says) in [
        (&["log", "/nowhere/x"][..], "No such file"),
        (&["log", "/dev/null"], "is no file"),
        (&["send-file", "/nowhere"], "No such file"),
        (&["baud", "0"], "0 is no speed"),
        (&["newline", "\\n"], "none of cr, lf, crlf"),
        (&["break", "9999"], "1 to 5000"),
        (&["stop-sending"], "nothing is being sent"),
        (&["start"], "a serial port knows no such thing"),
        (&["dtr", "on"], "knows no DTR and RTS"),
    ] {
        let said = home.thub(&[&["do", "con"], words].concat());
        assert!(said.code == 1 && said.err.contains(says), "{words:?}: {said:?}");
    }
}

#[test]
fn a_file_is_sent_as_the_port_takes_it() {
    let Some(pair) = Pair::new() else { return };
    let home = Home::new();
    con(&home, &pair, &[]);
    let board = pair.board();
    let all: Vec<u8> = (0..1_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(home.at("home/fw.bin"), &all).unwrap();
    // nobody reads: it stands still, can be stopped, and is told of
    does(&home, &["send-file", "fw.bin"]);
    until("its mark", || device(&home)["marks"].to_string().contains("sending fw.bin").then_some(()));
    let said = home.thub(&["do", "con", "send-file", "fw.bin"]);
    assert!(said.code == 1 && said.err.contains("is being sent already"), "{said:?}");
    does(&home, &["stop-sending"]);
    home.shows("con", "sending fw.bin stopped behind [0-9]+ of 1000000 bytes");
    // (what the cable holds is out of anybody's hands)
    let mut quiet = 0;
    until("the rest of it", || {
        quiet = if board.heard().is_empty() { quiet + 1 } else { 0 };
        (quiet > 20).then_some(())
    });
    does(&home, &["send-file", "~/fw.bin"]);
    let mut got = Vec::new();
    until("all of it", || {
        got.extend(board.heard());
        (got.len() >= all.len()).then_some(())
    });
    assert!(got == all, "{} bytes", got.len());
    home.shows("con", "-- sent fw.bin: 1000000 bytes in");
    home.thub(&["send", "con", "on"]).ok();
    board.hears("on");
}

#[test]
fn no_byte_is_lost_either_way() {
    let Some(pair) = Pair::new() else { return };
    let home = Home::new();
    con(&home, &pair, &["baudRate=921600", "log=~/got"]);
    let board = pair.board();
    let up: Vec<u8> = (0..2_000_000u32).map(|n| b' ' + ((n.wrapping_mul(2_654_435_761) >> 13) % 94) as u8).collect();
    std::fs::write(home.at("home/up"), &up).unwrap();
    let mut tty = Tty::thub(&home, 80, 24, &["attach", "con"]);
    until("somebody to look on", || (home.session("con")["clients"] == 1).then_some(()));
    does(&home, &["send-file", "up"]);
    let (mut got, mut said) = (Vec::new(), 0);
    // (pieces that the cable holds: who only says and never hears stops socat)
    for piece in up.chunks(1000) {
        board.say(piece);
        got.extend(board.heard());
        said += piece.len();
        // whoever looks on goes without a word; a stopped session is only late
        if said == 1_000_000 {
            tty.kill9();
            signal(home.pid_of("con"), Signal::STOP);
            signal(home.pid_of("con"), Signal::CONT);
        }
    }
    until("all to be there", || {
        got.extend(board.heard());
        (got.len() >= up.len()).then_some(())
    });
    assert!(got == up);
    does(&home, &["log", "off"]);
    until("all to be logged", || {
        (std::fs::metadata(home.at("home/got")).unwrap().len() >= up.len() as u64).then_some(())
    });
    assert!(std::fs::read(home.at("home/got")).unwrap() == up);
}

#[test]
fn lines_and_breaks_reach_the_driver() {
    let Some(pair) = Pair::new() else { return };
    let mut home = Home::new();
    let Some(shim) = shim(home.dir()) else { return };
    let log = home.at("lines");
    home.env.push(("LD_PRELOAD".into(), shim.to_str().unwrap().into()));
    home.env.push(("SERSHIM_LOG".into(), log.to_str().unwrap().into()));
    con(&home, &pair, &["dtr=off"]);
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    until("DTR", || said().contains("DTR=0 RTS=1").then_some(()));
    does(&home, &["rts", "off"]);
    does(&home, &["dtr", "on"]);
    does(&home, &["break", "20"]);
    let all = said();
    assert!(all.ends_with("DTR=0 RTS=0\nDTR=1 RTS=0\nBREAK=1\nBREAK=0\n"), "{all}");
    let marks = device(&home)["marks"].to_string();
    assert!(marks.contains("DTR on") && marks.contains("RTS off"), "{marks}");
}

#[test]
fn a_session_whose_process_is_lost_is_begun_again() {
    let Some(mut pair) = Pair::new() else { return };
    let home = Home::new();
    let id = con(&home, &pair, &["baudRate=9600"]);
    // how it was set later is not kept: it is begun as it was begun
    does(&home, &["baud", "19200"]);
    signal(home.pid_of("con"), Signal::KILL);
    let info = until("it to be back", || Some(home.session("con")).filter(|s| s["device"]["state"] == "connected"));
    assert_eq!((info["id"].as_str(), &info["device"]["what"]), (Some(&*id), &format!("{} · 9600", pair.port()).into()));
    home.shows("con", "^-- begun again .*what was shown before is lost");
    pair.board().say("here");
    home.shows("con", "^here");

    // after a boot without the device it waits for it
    signal(home.pid_of("con"), Signal::KILL);
    pair.pull();
    let defined = home.at("state/sessions.json");
    until("its end", || home.processes().is_empty().then_some(()));
    // (what it is connected to is known of one that is lost, too)
    let kept: Value = serde_json::from_slice(&std::fs::read(&defined).unwrap()).unwrap();
    assert_eq!(kept["sessions"][&id]["info"]["command"][0], format!("{} · 9600", pair.port()));
    let mut json: Value = serde_json::from_slice(&std::fs::read(&defined).unwrap()).unwrap();
    json["sessions"][&id]["boot"] = "another".into();
    std::fs::write(&defined, json.to_string()).unwrap();
    std::fs::remove_dir_all(home.run_dir()).unwrap();
    let back = stands(&home, "waiting");
    assert!(back["why"].as_str().unwrap().contains("is not there"), "{back}");
    pair.plug();
    stands(&home, "connected");

    // what its user has ended stays so
    home.thub(&["kill", "con"]).ok();
    assert!(home.ls().is_empty());
}

/// The process of a session, without a look through an agent.
fn process_of(home: &Home, id: &str) -> Option<i32> {
    let is_it = |pid: &i32| words(*pid).windows(3).any(|w| w == ["session", "--id", id]);
    home.processes().into_iter().find(is_it)
}

/// Kills it, and waits for the next one, which nobody has asked for.
#[track_caller]
fn comes_back(home: &Home, id: &str) -> i32 {
    let was = process_of(home, id).expect("a process");
    signal(was, Signal::KILL);
    until("another process", || process_of(home, id).filter(|pid| *pid != was))
}

#[test]
fn a_lost_session_comes_back_while_an_agent_lives() {
    let Some(pair) = Pair::new() else { return };
    let home = Home::new();
    let tty = Tty::thub(&home, 100, 24, &[]);
    tty.until_text("ready$");
    // nobody shows it
    let id = con(&home, &pair, &[]);
    let board = pair.board();
    board.say("login: ");
    home.shows("con", "login:");
    tty.until_text(" con ");
    comes_back(&home, &id);
    board.say("first");
    home.shows("con", "^-- begun again .*what was shown before is lost");
    home.shows("con", "^first");

    // who shows it sees it come back, and nothing of what was there before
    home.thub(&["kill", "con"]).ok();
    let id = home.new_session(&["-n", "con", "--connection", "console"]);
    board.say("old");
    // (for who only looks on it has the size it had)
    let watch = Tty::thub(&home, 80, 24, &["attach", "--watch", "con"]);
    watch.until_text("old");
    comes_back(&home, &id);
    let alone = |s: &[String]| s.join("\n").contains("-- begun again") && !s.join("\n").contains("old");
    watch.until("the new one alone", alone);
    let show = Tty::thub(&home, 80, 24, &["attach", "con"]);
    show.until_text("-- begun again");
    comes_back(&home, &id);
    show.until("the new one alone", alone);
    board.say("second");
    show.until_text("second");
    show.type_("typed");
    board.hears("typed");
    assert_eq!(show.screen(), home.capture("con"));
}

#[test]
fn what_is_lost_again_and_again_is_left() {
    let Some(pair) = Pair::new() else { return };
    let home = Home::new();
    let tty = Tty::thub(&home, 100, 24, &[]);
    tty.until_text("ready$");
    let id = con(&home, &pair, &[]);
    tty.until_text(" con ");
    for _ in 0..3 {
        comes_back(&home, &id);
        home.shows("con", "^-- begun again");
    }
    signal(process_of(&home, &id).unwrap(), Signal::KILL);
    let left = until("it to be left", || {
        let info = home.session("con");
        info["cause"].as_str().is_some_and(|c| c.contains("not begun again by itself")).then_some(info)
    });
    let cause = left["cause"].as_str().unwrap();
    assert!(left["state"] == "lost" && cause.contains("it was begun again 3 times within a minute"), "{left}");
    assert_eq!(process_of(&home, &id), None);
    Tty::thub(&home, 80, 24, &["attach", "con"]).until_text("3 times");
    // on somebody's word it is, and what its name stands for is another one
    let again = home.thub(&["restart", "con"]).ok().trim().to_string();
    stands(&home, "connected");
    assert_ne!(again, id);
    comes_back(&home, &again);
}

#[test]
fn what_was_ended_on_request_stays_so() {
    let Some(pair) = Pair::new() else { return };
    let home = Home::new();
    let tty = Tty::thub(&home, 100, 24, &[]);
    tty.until_text("ready$");
    let gone = |id: &str| {
        tty.until("it to be gone", |s| !s.iter().any(|l| l.contains(" con ")));
        assert!(process_of(&home, id).is_none() && home.ls().iter().all(|s| s["id"] != *id));
    };
    let id = con(&home, &pair, &[]);
    tty.until_text(" con ");
    home.thub(&["kill", "con"]).ok();
    gone(&id);
    // one that does not answer is killed from outside, which looks like a loss
    let id = home.new_session(&["-n", "con", "--connection", "console"]);
    tty.until_text(" con ");
    signal(process_of(&home, &id).unwrap(), Signal::STOP);
    home.thub(&["kill", "con"]).ok();
    gone(&id);
    // by its menu of signals, as a shutdown does it
    let id = home.new_session(&["-n", "con", "--connection", "console"]);
    tty.until_text(" con ");
    signal(process_of(&home, &id).unwrap(), Signal::TERM);
    until("its end", || process_of(&home, &id).is_none().then_some(()));
    let info = until("its end to be told", || Some(home.session("con")).filter(|s| s["state"] != "detached"));
    assert_eq!(info["state"], "exited", "{info}");
}

#[test]
fn one_behind_a_jump_target_comes_back_where_nobody_has_to_be_asked() {
    let Some(pair) = Pair::new() else { return };
    let Some(far) = Far::new("Host test\n") else { return };
    let home = &far.home;
    let tty = far.tty(100, 24, &[]);
    tty.until_text("ready$");
    far.thub(&["conn", "add", "jump", "test"]).ok();
    let port = pair.port();
    far.thub(&["conn", "add", "console", &port, "--kind", "serial", "--set", "via=jump"]).ok();
    let id = far.thub(&["new", "-d", "-n", "con", "--connection", "console"]).ok().trim().to_string();
    tty.until_text(" con ");
    // with the process that held the connection
    home.targets().into_iter().for_each(|pid| signal(pid, Signal::KILL));
    comes_back(home, &id);
    let board = pair.board();
    board.say("here");
    let shows = |text: &str| {
        let shown = far.thub(&["wait", "con", "--text", text, "--timeout", "30"]);
        assert_eq!(shown.code, 0, "{shown:?}");
    };
    shows("^here");
    // without the process that held the connection it waits, and goes on by itself while somebody is there
    let held = home.targets();
    held.iter().for_each(|pid| signal(*pid, Signal::KILL));
    until("another one", || home.targets().iter().any(|pid| !held.contains(pid)).then_some(()));
    shows("^-- there ");
    board.say("back");
    shows("^back");
    // nobody is there: it goes on once somebody looks
    drop(tty);
    home.targets().into_iter().for_each(|pid| signal(pid, Signal::KILL));
    let show = far.tty(80, 24, &["attach", "con"]);
    until("to be there again", || (show.screen().iter().filter(|l| l.contains("-- there ")).count() > 1).then_some(()));
    board.say("once more");
    show.until_text("once more");
    drop(show);
    // the next one to come finds it begun again, for its host is connected
    let was = process_of(home, &id).unwrap();
    signal(was, Signal::KILL);
    until("its end", || (process_of(home, &id) != Some(was)).then_some(()));
    let con = until("it to be back", || {
        let all: Vec<Value> = serde_json::from_str(&far.thub(&["ls", "--json"]).ok()).unwrap();
        all.into_iter().find(|s| s["name"] == "con" && s["state"] == "detached")
    });
    assert!(con["id"] == *id && con["pid"] != was, "{con}");
    let tty = far.tty(100, 24, &[]);
    tty.until_text(" con ");
    // its host is not known any more: somebody would have to say whether it may be
    std::fs::write(far.sshd.at("known_hosts"), "").unwrap();
    home.targets().into_iter().for_each(|pid| signal(pid, Signal::KILL));
    signal(process_of(home, &id).unwrap(), Signal::KILL);
    let left = until("it to be left", || {
        let all: Vec<Value> = serde_json::from_str(&far.thub(&["ls", "--json"]).ok()).unwrap();
        let info = all.into_iter().find(|s| s["name"] == "con")?;
        info["cause"].as_str().is_some_and(|c| c.contains("not begun again by itself")).then_some(info)
    });
    assert!(left["state"] == "lost" && left["cause"].as_str().unwrap().contains("host key"), "{left}");
    far.tty(80, 24, &["attach", "con"]).until_text("host key");
}

#[test]
fn the_menu_of_a_pane_acts_on_its_port() {
    let Some(mut pair) = Pair::new() else { return };
    let home = Home::new();
    con(&home, &pair, &[]);
    let board = pair.board();
    let tty = Tty::thub(&home, 100, 30, &["attach", "con"]);
    board.say("login: ");
    tty.until_text("login:");
    tty.prefix("a");
    tty.until("the menu", |s| s.iter().any(|l| l.contains("hex") && l.contains("as a hex dump: off")));
    tty.type_("h");
    until("hex", || device(&home)["marks"].to_string().contains("hex").then_some(()));
    board.say("AB");
    tty.until_text("00000000  41 42");
    tty.prefix("a");
    tty.until_text("as a hex dump: on");
    tty.type_("s");
    tty.until_text("bits per second");
    tty.type_("9600\r");
    until("the speed", || device(&home)["what"].to_string().contains("9600").then_some(()));
    pair.pull();
    tty.until("that it waits", |s| s.iter().any(|l| l.contains("waiting ") && l.contains("s: unplugged")));
}

#[test]
fn a_port_of_a_host_outlives_its_agent() {
    let Some(mut pair) = Pair::new() else { return };
    let Some(far) = Far::deployed() else { return };
    let port = pair.port();
    far.thub(&["conn", "add", "console", &port, "--kind", "serial", "-H", "test"]).ok();
    far.thub(&["new", "-d", "-n", "con", "--connection", "console", "-H", "test"]).ok();
    let pid = || far.ls()[0]["pid"].clone();
    let (was, board) = (pid(), pair.board());
    board.say("before\r\n");
    let tty = far.tty(80, 24, &["attach", "-H", "test", "con"]);
    tty.until_text("before");
    far.agents().into_iter().for_each(|agent| signal(agent, Signal::KILL));
    board.say("meanwhile\r\n");
    tty.until_text("meanwhile");
    assert!(tty.screen().join("\n").contains("before"));
    drop(tty);
    pair.pull();
    pair.plug();
    pair.board().say("after\r\n");
    let tty = far.tty(80, 24, &["attach", "-H", "test", "con"]);
    tty.until("all of it", |s| {
        let all = s.join("\n");
        ["before", "meanwhile", "unplugged", "after"].iter().all(|w| all.contains(w))
    });
    assert_eq!(pid(), was);
    far.thub(&["serial", "-H", "test"]).ok();
}

#[test]
fn a_port_behind_a_jump_target() {
    let Some(mut pair) = Pair::new() else { return };
    let Some(far) = Far::new("Host test\n") else { return };
    let home = &far.home;
    far.thub(&["conn", "add", "jump", "test"]).ok();
    let port = pair.port();
    let words = ["conn", "add", "console", &port, "--kind", "serial", "--set", "via=jump", "--set", "baudRate=9600"];
    far.thub(&words).ok();
    let made = far.thub(&["new", "-d", "-n", "con", "--connection", "console"]);
    assert_eq!(made.code, 0, "{made:?}");
    let board = pair.board();
    let all: Vec<u8> = (0..=255).collect();
    // (all eight bits of each byte, both ways: nothing there takes one for a key)
    std::fs::write(home.at("home/all"), &all).unwrap();
    does(home, &["log", home.at("home/got").to_str().unwrap()]);
    board.say(&all);
    until("all of it", || (std::fs::read(home.at("home/got")).ok()? == all).then_some(()));
    does(home, &["send-file", home.at("home/all").to_str().unwrap()]);
    board.hears(&all);
    let said = home.thub(&["do", "con", "break"]);
    assert!(said.code == 1 && said.err.contains("not on a port behind SSH"), "{said:?}");
    drop(board);
    pair.pull();
    stands(home, "waiting");
    pair.plug();
    stands(home, "connected");
    pair.board().say("again\r\n");
    home.shows("con", "again");
    far.thub(&["conn", "edit", "console", "--set", "port=/dev/x;touch pwned"]).ok();
    let said = far.thub(&["new", "-d", "--connection", "console"]);
    assert!(said.code == 1 && said.err.contains("is not there on"), "{said:?}");
}
