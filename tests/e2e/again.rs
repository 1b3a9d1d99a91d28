//! Sessions that have ended or are lost are started again as they were: by verb and in their pane, also after the machine
//! was restarted.

use crate::support::{Home, Tty, signal, until};
use rustix::process::Signal;
use serde_json::Value;

fn file(home: &Home, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(home.at("state").join(name)).unwrap()).unwrap()
}

fn lost(home: &Home, name: &str) -> Value {
    signal(home.pid_of(name), Signal::KILL);
    until("it to be lost", || Some(home.session(name)).filter(|s| s["state"] == "lost"))
}

#[test]
fn by_verb() {
    let home = Home::new();
    let dir = home.at("work");
    std::fs::create_dir(&dir).unwrap();
    let place = dir.to_str().unwrap();
    home.new_session(&["-n", "job", "--cwd", place, "--ring", "8192", "--", "sh", "-c", "echo in-$PWD; exec cat"]);
    home.shows("job", &format!("in-{place}"));
    let said = home.thub(&["restart", "job"]);
    assert!(said.code == 2 && said.err.contains("running"), "{said:?}");
    let was = lost(&home, "job");
    let id = home.thub(&["restart", "job"]).ok().trim().to_string();
    assert_ne!(was["id"].as_str(), Some(&*id));
    home.shows("job", &format!("in-{place}"));
    let all = home.ls();
    assert!(all.len() == 1 && all[0]["id"] == *id && all[0]["name"] == "job", "{all:?}");
    let defined = file(&home, "sessions.json");
    assert_eq!(defined["sessions"][&id]["create"]["ring"], 8192, "{defined}");
    assert_eq!(defined["sessions"].as_object().unwrap().len(), 1, "{defined}");

    // one that has ended keeps what it wrote until it is not wanted
    home.new_session(&["-n", "short", "--", "sh", "-c", "echo once; exit 3"]);
    until("its end", || (home.session("short")["state"] == "exited").then_some(()));
    let second = home.thub(&["restart", "short"]).ok().trim().to_string();
    until("its end", || (home.session(&second)["exit_code"] == 3).then_some(()));
    // a session that was ended by hand is no more
    home.thub(&["kill", "job"]).ok();
    assert!(!file(&home, "sessions.json")["sessions"].as_object().unwrap().contains_key(&id));
    assert_eq!(home.thub(&["restart", "nobody"]).code, 2);

    // one from a connection that is gone is what that was then
    home.thub(&["conn", "add", "tool", "--set", "command=echo tool-$X; exec cat", "--set", "env.X=one"]).ok();
    home.thub(&["new", "-d", "-n", "t", "--connection", "tool"]).ok();
    home.shows("t", "tool-one");
    lost(&home, "t");
    home.thub(&["conn", "edit", "tool", "--set", "env.X=two"]).ok();
    home.thub(&["restart", "t"]).ok();
    home.shows("t", "tool-two");
    lost(&home, "t");
    home.thub(&["conn", "rm", "tool"]).ok();
    home.thub(&["restart", "t"]).ok();
    home.shows("t", "tool-two");
}

#[test]
fn after_the_machine_was_restarted() {
    let home = Home::new();
    home.new_session(&["-n", "build", "--", "sh", "-c", "echo up; exec cat"]);
    home.shows("build", "up");
    let tty = Tty::thub(&home, 100, 24, &[]);
    tty.until_text("up");
    // what was seen of it is kept
    until("it to be seen", || home.at("state/state.json").exists().then_some(()));
    let seen = file(&home, "state.json");
    let id = home.session("build")["id"].as_str().unwrap().to_string();
    assert_eq!(seen["sessions"][&id]["config"]["command"][0], "sh", "{seen}");
    drop(tty);
    // a boot: processes, sockets and records are gone, and it has another id
    lost(&home, "build");
    let mut defined = file(&home, "sessions.json");
    defined["sessions"][&id]["boot"] = "another".into();
    std::fs::write(home.at("state/sessions.json"), defined.to_string()).unwrap();
    std::fs::remove_dir_all(home.run_dir()).unwrap();
    let was = home.session("build");
    assert_eq!((was["state"].as_str(), was["id"].as_str()), (Some("lost"), Some(&*id)));
    assert!(was["cause"].as_str().unwrap().contains("lost at boot"), "{was}");
    // its pane has a placeholder
    let tty = Tty::thub(&home, 100, 24, &[]);
    tty.until_text("lost at boot");
    drop(tty);
    let status = home.thub(&["agent", "status"]).ok();
    assert!(status.contains("1 lost"), "{status}");
    home.thub(&["restart", "build"]).ok();
    home.shows("build", "up");
    assert_eq!(home.ls().len(), 1);
    // another is not wanted any more
    lost(&home, "build");
    home.thub(&["kill", "build"]).ok();
    assert_eq!(home.ls().len(), 0);
    assert!(file(&home, "sessions.json")["sessions"].as_object().unwrap().is_empty());
}

#[test]
fn in_its_pane() {
    let home = Home::new();
    home.new_session(&["-n", "tool", "--", "sh", "-c", "echo tool''-up; exec cat"]);
    let tty = Tty::thub(&home, 100, 24, &[]);
    tty.until_text("tool-up");
    let was = lost(&home, "tool");
    tty.until_text("killed");
    tty.type_("r");
    let now = until("it to be there again", || {
        home.ls().into_iter().find(|s| s["name"] == "tool" && s["state"] == "running")
    });
    assert_ne!(now["id"], was["id"]);
    tty.until_text("tool-up");
    tty.type_("typed\r");
    tty.until_text("typed");
}
