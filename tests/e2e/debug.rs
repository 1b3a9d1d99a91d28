//! Recordings: taken with and without a terminal, shown again, and never half there.

use crate::support::home::exit_of;
use crate::support::{Home, Tty, children, state_of, until, words};
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

/// Names in the home, those that begin with a dot as well.
fn names(home: &Home) -> Vec<String> {
    let all = std::fs::read_dir(home.at("home")).unwrap();
    all.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_recording_without_a_terminal() {
    let home = Home::new();
    let write = r"printf '\033[31mred\033[m \344\270\255\n\000'; stty size; exit 7";
    let got = home.thub(&["debug", "record", "-o", "one", "--size", "70x5", "--", "sh", "-c", write]);
    assert_eq!((got.code, got.out.as_str()), (7, ""), "{got:?}");
    assert!(got.err.contains("70x5") && got.err.contains("thub debug replay one"), "{got:?}");
    let dir = home.at("home/one");
    let bytes = std::fs::read(dir.join("in")).unwrap();
    assert_eq!(bytes, b"\x1b[31mred\x1b[m \xe4\xb8\xad\r\n\x005 70\r\n");
    assert!(got.err.contains(&format!(" {} bytes", bytes.len())), "{got:?}");
    assert_eq!(std::fs::read_to_string(dir.join("size")).unwrap(), "70x5\n");
    assert_eq!(std::fs::metadata(dir.join("in")).unwrap().permissions().mode() & 0o777, 0o600, "others' eyes");
    assert_eq!(names(&home), ["one"]);

    assert_eq!(home.thub(&["debug", "replay", "one"]).ok(), "red 中\n5 70\n\n\n\n");
    let coloured = home.thub(&["debug", "replay", "one", "--ansi"]).ok();
    let (red, after) = (coloured.find("31m").unwrap(), coloured.find("中").unwrap());
    assert!(red < coloured.find("red").unwrap() && coloured[red..after].contains("\x1b[m"), "{coloured:?}");
    // another size, and the bytes alone
    assert_eq!(home.thub(&["debug", "replay", "one/in", "--size", "3x2"]).ok(), "0\n\n");
    assert_eq!(home.thub(&["debug", "replay", "one", "--to", "7"]).ok(), "re\n\n\n\n\n", "in the middle of it");
    let json: Value = serde_json::from_str(&home.thub(&["debug", "replay", "one", "--json"]).ok()).unwrap();
    assert_eq!((json["cols"].as_u64(), json["rows"].as_u64()), (Some(70), Some(5)), "{json}");
    assert_eq!((json["cursor"]["row"].as_u64(), json["lines"][0].as_str()), (Some(2), Some("red 中")), "{json}");
}

#[test]
fn a_command_that_asks_is_answered() {
    let home = Home::new();
    let ask = r"stty raw -echo; printf 'ab\033[6n'; dd bs=1 count=6 2>/dev/null | tr '\033' '^'";
    let got = home.thub(&["debug", "record", "-o", "asks", "--", "sh", "-c", ask]);
    assert_eq!(got.code, 0, "{got:?}");
    assert_eq!(home.thub(&["debug", "replay", "asks"]).ok().lines().next(), Some("ab^[1;3R"));
}

#[test]
fn a_recording_in_a_terminal() {
    let home = Home::new();
    let script = "trap 'echo interrupted' INT; echo ready; read a; echo \"<$a>\"; read b; echo \"<$b>\"; stty size";
    let mut tty = Tty::thub(&home, 61, 12, &["debug", "record", "--", "sh", "-c", script]);
    tty.until_text("ready");
    assert!(!tty.termios().local_modes.contains(rustix::termios::LocalModes::ISIG), "keys are the command's");
    tty.type_("\x03");
    tty.until_text("interrupted");
    // the size is the one it began with
    tty.resize(50, 12);
    tty.type_("first\r");
    tty.until_text("<");
    tty.type_("second\r");
    tty.until_text("12 61");
    assert_eq!(tty.wait_exit(), 0);
    tty.until_text("thub debug replay thub-recording");
    let restored = tty.termios().local_modes;
    assert!(restored.contains(rustix::termios::LocalModes::ISIG | rustix::termios::LocalModes::ECHO), "{restored:?}");
    let replayed = home.thub(&["debug", "replay", "thub-recording"]).ok();
    for line in ["ready", "^Cinterrupted", "12 61"] {
        assert!(replayed.lines().any(|l| l == line), "{line}: {replayed}");
    }
    assert_eq!(names(&home), ["thub-recording"]);
}

#[test]
fn nothing_is_half_there() {
    let home = Home::new();
    let why = home.thub(&["debug", "record", "-o", "x", "--", "/no/such/program"]).fails(1);
    assert!(why.contains("/no/such/program"), "{why}");
    for size in ["80", "0x5", "x", "5000x24"] {
        home.thub(&["debug", "record", "-o", "x", &format!("--size={size}"), "--", "true"]).fails(2);
        home.thub(&["debug", "replay", &format!("--size={size}"), "x"]).fails(2);
    }
    home.thub(&["debug", "record", "-o", "no/such/x", "--", "true"]).fails(2);
    home.thub(&["debug", "record", "-o", "x"]).fails(2);
    home.thub(&["debug", "replay", "x"]).fails(2);
    assert_eq!(names(&home), [""; 0]);
    std::fs::create_dir(home.at("home/full")).unwrap();
    let why = home.thub(&["debug", "record", "-o", "full", "--", "sh", "-c", ">ran"]).fails(2);
    assert!(why.contains("there already"), "{why}");
    home.thub(&["debug", "replay", "full"]).fails(2);
    assert_eq!(names(&home), ["full"], "and the command was not started");

    // while it runs there is nothing under its name; ended from outside, the recording is whole
    let mut child = home.thub_command(&["debug", "record", "-o", "cut", "--", "sh", "-c", "echo all; exec sleep 1000"]);
    let mut child = child.spawn().unwrap();
    let pid = child.id() as i32;
    let part = until("the first bytes", || {
        let name = names(&home).into_iter().find(|n| n.starts_with(".cut.part-"))?;
        std::fs::read(home.at("home").join(&name).join("in")).is_ok_and(|b| b == b"all\r\n").then_some(name)
    });
    let sleep =
        until("the command", || children(pid).into_iter().find(|p| words(*p).first().is_some_and(|w| w == "sleep")));
    assert!(!home.at("home/cut").exists());
    crate::support::signal(pid, Signal::TERM);
    assert_eq!(exit_of(&mut child), 129, "as the command ended: hung up");
    assert_eq!(std::fs::read(home.at("home/cut/in")).unwrap(), b"all\r\n");
    assert!(!names(&home).contains(&part) && matches!(state_of(sleep), 'x' | 'Z'));
}
