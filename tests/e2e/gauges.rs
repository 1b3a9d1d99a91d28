//! Gauges: of this machine, of a host with an agent, of what is behind it; on the screen and as a verb. And that nothing is
//! run for them once nobody looks.

use crate::hub::Hub;
use crate::support::{Home, Tty, until, with_variable, words};
use serde_json::Value;

fn read(said: &str) -> Value {
    serde_json::from_str(said.lines().last().unwrap_or_default()).expect("a JSON object")
}

/// What asks for them on a target, as far as it runs.
fn asking(hub: &Hub) -> Vec<i32> {
    let there = with_variable("HOME", &hub.target.home());
    there.into_iter().filter(|pid| words(*pid).iter().any(|w| w.contains("@system"))).collect()
}

#[test]
fn of_this_machine() {
    let home = Home::new();
    let top = read(&home.thub(&["top", "--json"]).ok());
    let memory: u64 = std::fs::read_to_string("/proc/meminfo")
        .unwrap()
        .lines()
        .find_map(|l| l.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap();
    assert_eq!(top["memory"]["total"], memory * 1024, "{top}");
    let cpu = top["cpu_percent"].as_f64().unwrap();
    assert!((0.0..=100.0).contains(&cpu), "{top}");
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(top["cores_percent"].as_array().unwrap().len() >= cores, "{top}");
    // a disk as df has it
    let root = top["disks"].as_array().unwrap().iter().find(|d| d["mount"] == "/").unwrap_or_else(|| panic!("{top}"));
    let df = std::process::Command::new("df").args(["-P", "-k", "/"]).env("LC_ALL", "C").output().unwrap().stdout;
    let df = String::from_utf8(df).unwrap();
    let row: Vec<f64> =
        df.lines().last().unwrap().split_whitespace().filter_map(|w| w.trim_end_matches('%').parse().ok()).collect();
    let [blocks, .., percent] = row[..] else { panic!("{df}") };
    assert_eq!(root["total"].as_f64().unwrap(), blocks * 1024.0, "{df}");
    assert!((root["percent"].as_f64().unwrap() - percent).abs() < 2.0, "{root} {df}");
    assert!(root["used"].as_u64().unwrap() + root["available"].as_u64().unwrap() <= root["total"].as_u64().unwrap());
    assert!(top["networks"].as_array().unwrap().iter().any(|n| n["name"] == "lo"), "{top}");
    assert!(top["uptime_s"].as_u64().unwrap() > 0 && top["faults"].as_array().unwrap().is_empty(), "{top}");
    let text = home.thub(&["top", "-n", "3"]).ok();
    assert!(text.starts_with("local   up ") && text.contains("\nmemory ") && text.contains("COMMAND"), "{text}");
    for (words, what) in [
        (&["top", "local/nope"][..], "no connection"),
        (&["top", "one", "-H", "two"], "works on one host"),
        (&["top", "-H", "local/"], "names no host"),
        (&["top", "--watch", "0"], "no number of seconds"),
        (&["top", "-H", "local/Default Shell"], "leads to this host itself"),
    ] {
        let said = home.thub(words);
        assert!(said.code == 2 && said.err.contains(what), "{words:?}: {said:?}");
    }
}

#[test]
fn on_the_screen() {
    let home = Home::new();
    let tty = Tty::thub(&home, 100, 30, &[]);
    tty.until("figures in the last line", |s| s.last().is_some_and(|l| l.contains("CPU") && l.contains("MEM")));
    tty.prefix("M");
    tty.until("the processes", |s| s.iter().any(|l| l.contains("COMMAND")) && s.iter().any(|l| l.contains("cores")));
    tty.type_("/no-such-program");
    tty.until_text("nothing matches");
    tty.type_("\x1b");
    tty.until_no_text("nothing matches");
    tty.type_("q");
    tty.until_no_text("COMMAND");
    // the panel of what is chosen in the tree
    tty.prefix("e");
    tty.type_("g");
    tty.until("its panel", |s| {
        ["online", "Sessions (1 active)", "New Shell", "Kill All"].iter().all(|w| s.iter().any(|l| l.contains(w)))
    });
}

#[test]
fn of_what_is_behind_an_agent_while_its_shell_floods() {
    let Some(hub) = Hub::new() else { return };
    let far = &hub.far;
    hub.know();
    far.thub(&["conn", "add", "-H", "test", "sensor-node", "sensor"]).ok();
    far.thub(&["new", "-d", "-H", "test", "-n", "flood", "--connection", "sensor-node", "--", "yes"]).ok();
    let watching = far.tty(100, 30, &["attach", "-H", "test", "flood"]);
    watching.until("the flood", |s| s.iter().any(|l| l.trim() == "y"));
    let top = read(&far.thub(&["top", "-H", "test/sensor-node", "--json"]).ok());
    assert!(top["memory"]["total"].as_u64().unwrap() > 0 && top["cpu_percent"].is_number(), "{top}");
    assert!(top["processes"].as_array().unwrap().iter().any(|p| p["command"] == "yes"), "{top}");
    assert_eq!(hub.logins(), 1, "over the connection that its shell has");
    until("what asks for them to be gone", || asking(&hub).is_empty().then_some(()));
    // in the TUI they are the target's
    drop(watching);
    let tui = far.tty(100, 30, &["test"]);
    tui.until_text("flood");
    tui.prefix("e");
    tui.type_("/flood");
    tui.until_text("to the rows");
    tui.type_("\r\r");
    tui.until("its figures", |s| s.last().is_some_and(|l| l.contains("sensor-node") && l.contains("CPU")));
    assert!(!asking(&hub).is_empty());
    tui.prefix("d");
    until("what asks for them to be gone", || asking(&hub).is_empty().then_some(()));
    far.thub(&["kill", "-H", "test", "--all"]).ok();
}
