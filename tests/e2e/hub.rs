//! Prepared connections: by verb, in the tree, and targets that only an agent's host reaches.

use crate::far::Far;
use crate::support::sshd::Sshd;
use crate::support::{Home, Tty, signal, until, with_variable, words};
use crate::users::User;
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::{PermissionsExt, chown};

fn id(out: String) -> String {
    out.trim().to_string()
}

fn listed(home: &Home) -> Value {
    serde_json::from_str(&home.thub(&["conn", "ls", "--json"]).ok()).unwrap()
}

#[test]
fn by_verb() {
    let home = Home::new();
    assert_eq!(listed(&home)["connections"][0]["name"], "Default Shell");
    let dir = home.at("work");
    std::fs::create_dir(&dir).unwrap();
    let place = format!("startingDirectory={}", dir.display());
    let set = [
        "--set",
        &place,
        "--set",
        "env.GREETING=hi ${env:THUB_TEST_NAME}",
        "--set",
        "initialCommand=echo $GREETING-$PWD",
    ];
    let made = id(home.thub(&[&["conn", "add", "work", "--in", "Lab/Inner", "--tag", "x"], &set[..]].concat()).ok());
    let all = listed(&home);
    assert_eq!(all["folders"][1]["parentId"], all["folders"][0]["id"], "{all}");
    assert_eq!(all["connections"][1]["folderId"], all["folders"][1]["id"], "{all}");

    // what a machine's variables are is known where it is opened
    let said = home.thub(&["new", "-d", "--connection", "work"]);
    assert!(said.code == 2 && said.err.contains("THUB_TEST_NAME is not set"), "{said:?}");
    let mut new = home.thub_command(&["new", "-d", "-n", "one", "--connection", "Lab/Inner/work"]);
    new.env("THUB_TEST_NAME", "you");
    crate::support::home::finish(new, b"").ok();
    let info = home.session("one");
    assert_eq!((info["connection"].as_str(), info["connection_id"].as_str()), (Some("work"), Some(&*made)), "{info}");
    home.shows("one", &format!("hi you-{}", dir.display()));

    // a command in the shell's stead, and programs that write no UTF-8
    let latin = "command=printf 'caf\\351\\n'; read -r line; printf '%s' \"$line\" | od -An -tx1; sleep 600";
    home.thub(&[
        "conn",
        "add",
        "latin",
        "--set",
        latin,
        "--set",
        "encoding=iso-8859-1",
        "--set",
        "ringBufferSize=8192",
    ])
    .ok();
    home.thub(&["new", "-d", "-n", "two", "--connection", "latin"]).ok();
    home.shows("two", "café");
    home.thub(&["send", "two", "ä", "--keys", "Enter"]).ok();
    home.shows("two", "e4");

    // fields change alone; a folder's content stays when that goes
    home.thub(&["conn", "edit", "work", "--name", "job", "--set", "color=red", "--unset", "initialCommand"]).ok();
    home.thub(&["conn", "mv", "job", "latin", "--to", "Lab"]).ok();
    home.thub(&["conn", "rm", "Lab", "Inner"]).ok();
    let all = listed(&home);
    assert_eq!(all["folders"].as_array().unwrap().len(), 0, "{all}");
    let job = all["connections"].as_array().unwrap().iter().find(|c| c["name"] == "job").unwrap();
    assert_eq!((&job["folderId"], &job["terminalOptions"]["color"]), (&Value::Null, &Value::from("red")));
    assert_eq!(job["config"]["config"].get("initialCommand"), None);
    for (bad, what) in [
        (&["conn", "add", "x", "--set", "shell=sh"][..], "absolute"),
        (&["conn", "add", "x", "--set", "prot=1"], "prot"),
        (&["conn", "add", "x", "a b"], "destination"),
        (&["conn", "edit", "nobody", "--name", "y"], "nobody"),
        (&["conn", "mv", "job", "--to", "nowhere"], "nowhere"),
        (&["conn", "add", "job"], "another connection there is called 'job'"),
        (&["conn", "edit", "latin", "--name", "job"], "another connection there is called 'job'"),
        (&["new", "-d", "--connection", "nobody"], "nobody"),
    ] {
        let said = home.thub(bad);
        assert!(said.code == 2 && said.err.contains(what), "{bad:?}: {said:?}");
    }
    assert_eq!(listed(&home), all, "nothing was changed");
    // a file written elsewhere may hold a name twice: ids tell them apart
    let file = home.at("state/connections.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"latin\"", "\"job\"")).unwrap();
    let said = home.thub(&["new", "-d", "--connection", "job"]);
    assert!(said.code == 2 && said.err.contains(&format!("job ({})", job["id"].as_str().unwrap())), "{said:?}");
    assert_eq!(said.err.matches("job (").count(), 2, "{said:?}");
    // a file that is damaged is kept, and said
    std::fs::write(&file, "{\"version\":").unwrap();
    let said = home.thub(&["conn", "ls"]);
    assert!(said.code == 0 && said.err.contains("cannot be understood") && said.out.contains("job"), "{said:?}");
    let kept = std::fs::read_dir(home.at("state"))
        .unwrap()
        .flatten()
        .find(|e| e.file_name().to_string_lossy().starts_with("connections.json.corrupt-"));
    assert_eq!(std::fs::read(kept.unwrap().path()).unwrap(), b"{\"version\":");
}

const SSH_CONFIG: &str =
    "Host build b?ld\n  HostName build.example\n  Port 2222\nHost db\n  ProxyJump build\nHost *\n  User root\n";

#[test]
fn taken_over_from_files() {
    let home = Home::new();
    let write = |name: &str, text: &str| {
        std::fs::write(home.at(name), text).unwrap();
        home.at(name).to_str().unwrap().to_string()
    };
    let names = |folder: &str| {
        let all = listed(&home);
        let id = all["folders"].as_array().unwrap().iter().find(|f| f["name"] == folder).map(|f| f["id"].clone());
        let of =
            all["connections"].as_array().unwrap().iter().filter(|c| c["folderId"] == id.clone().unwrap_or_default());
        of.map(|c| c["name"].as_str().unwrap().to_string()).collect::<Vec<_>>()
    };
    let config = write("ssh_config", SSH_CONFIG);
    // what would come is shown, and nothing is there
    let said = home.thub(&["conn", "import", &config, "--in", "SSH/All", "--dry-run"]);
    assert!(
        said.code == 0 && said.out.contains("SSH/All/build") && said.out.contains("root@build.example:2222"),
        "{said:?}"
    );
    assert!(said.out.contains("2 folders, 2 connections would be added (ssh-config)"), "{said:?}");
    assert_eq!(listed(&home)["connections"].as_array().unwrap().len(), 1);
    let said = home.thub(&["conn", "import", &config, "--in", "SSH/All"]);
    assert!(said.code == 0 && said.out.contains("2 folders, 2 connections added"), "{said:?}");
    assert_eq!(names("All"), ["build", "db"]);
    // twice is once, and said
    let said = home.thub(&["conn", "import", &config, "--in", "SSH/All"]);
    assert!(
        said.out.contains("0 connections added, 2 already there") && said.err.contains("db: already there"),
        "{said:?}"
    );
    // another one of a name, a password, a line that is wrong, from standard input
    let table = "name;host;folder;password\nbuild;other.example;SSH/All;geheim\nbad;a b;;\n";
    let said = home.thub_in(&["conn", "import", "-"], table.as_bytes());
    assert!(said.code == 0 && said.out.contains("1 connection added (csv)"), "{said:?}");
    for what in ["1 password is not taken", "line 3: bad: host", "build: comes as build (2)"] {
        assert!(said.err.contains(what), "{what}: {said:?}");
    }
    assert_eq!(names("All"), ["build", "db", "build (2)"]);
    let kept = std::fs::read_to_string(home.at("state/connections.json")).unwrap();
    assert!(!kept.contains("geheim"));
    let said = home.thub_in(&["conn", "import", "-", "--json"], table.as_bytes());
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&json["already_there"][0], json["left_out"].as_array().unwrap().len()),
        (&Value::from("build"), 2),
        "{json}"
    );
    // nothing that is none
    let junk = write("junk", "hello\n");
    for (bad, what) in [
        (&["conn", "import", &junk][..], "looks like nothing"),
        (&["conn", "import", &junk, "--from", "thub"], "not understood as thub"),
        (&["conn", "import", "/nowhere/x"], "cannot be read"),
        (&["conn", "import", "/dev/zero"], "longer than 16 MiB"),
    ] {
        let said = home.thub(bad);
        assert!(said.code == 2 && said.err.contains(what), "{bad:?}: {said:?}");
    }

    // out, into another machine's book, and the same comes out there
    let out = home.at("out.json");
    let path = out.to_str().unwrap();
    home.thub(&["conn", "export", path]).ok();
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    let said = home.thub(&["conn", "export", path]);
    assert!(said.code == 2 && said.err.contains("is there already") && said.err.contains("--force"), "{said:?}");
    home.thub(&["conn", "export", path, "--force"]).ok();
    let other = Home::new();
    let said = other.thub(&["conn", "import", path]);
    assert!(said.out.contains("2 folders, 3 connections added, 1 already there (thub)"), "{said:?}");
    let plain = |home: &Home| {
        let text = home.thub(&["conn", "export", "--to", "csv"]).ok();
        assert_eq!(text.lines().count(), 5, "{text}");
        text
    };
    assert_eq!(plain(&home), plain(&other));
    // a team's file is such a file
    std::fs::write(other.at("config/config.toml"), format!("team_files = [\"{path}\"]\n")).unwrap();
    let mut tty = Tty::thub(&other, 120, 35, &[]);
    tty.until_text("ready$");
    tty.prefix("b");
    tty.until("the team's rows", |s| s.iter().filter(|l| l.contains("> build (2)")).count() == 2);
    tty.kill9();
    // Host blocks that mean the same
    let said = home.thub(&["conn", "export", "--to", "ssh-config", "--in", "SSH"]);
    let blocks = write("blocks", &said.out);
    let said = other.thub(&["conn", "import", &blocks, "--in", "Again", "--json"]);
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["connections"], serde_json::json!(["build", "db", "build-2"]), "{said:?}");
    assert!(other.thub(&["conn", "show", "Again/build"]).ok().contains("2222"));
}

#[test]
fn more_than_a_call_holds_comes_at_once() {
    let home = Home::new();
    let table: String = (0..8000).map(|n| format!("h{n},h{n}.example.com,{n},root\n")).collect();
    let said =
        home.thub_in(&["conn", "import", "-", "--from", "csv"], format!("name,host,port,user\n{table}").as_bytes());
    assert!(said.out.contains("8000 connections added"), "{said:?}");
    let said = home.thub_in(&["conn", "import", "-"], format!("name,host,port,user\n{table}").as_bytes());
    assert!(said.out.contains("0 connections added, 8000 already there"), "{said:?}");
    // one too many: nothing comes, and it is said
    let more: String = (0..13_000).map(|n| format!("m{n},m.example.com\n")).collect();
    let said = home.thub_in(&["conn", "import", "-"], more.as_bytes());
    assert!(said.code == 2 && said.err.contains("20000 connections are kept at most"), "{said:?}");
    assert_eq!(listed(&home)["connections"].as_array().unwrap().len(), 8001);
}

#[test]
fn taken_over_by_a_far_host() {
    let Some(far) = Far::deployed() else { return };
    let said =
        far.home.thub_in(&far.words(&["conn", "import", "-", "-H", "test", "--in", "Targets"]), SSH_CONFIG.as_bytes());
    assert!(said.code == 0 && said.out.contains("1 folder, 2 connections added"), "{said:?}");
    assert!(far.thub(&["conn", "ls", "-H", "test"]).ok().contains("Targets/db"));
    assert_eq!(listed(&far.home)["connections"].as_array().unwrap().len(), 1, "not here");
    let out = far.thub(&["conn", "export", "-H", "test", "--to", "csv"]).ok();
    assert!(out.contains("db,ssh,db,,root,,build,Targets,"), "{out}");
}

#[test]
fn what_changes_something_is_named_whole() {
    let home = Home::new();
    home.thub(&["conn", "add", "web-10"]).ok();
    home.thub(&["conn", "mkdir", "Laboratory"]).ok();
    let lab = id(home.thub(&["conn", "mkdir", "Lab"]).ok());
    home.thub(&["conn", "mkdir", "Lab/Inner"]).ok();
    assert_eq!(id(home.thub(&["conn", "mkdir", "Lab"]).ok()), lab);
    for words in [&["conn", "rm", "web-1"][..], &["conn", "rm", "-r", "Labor"], &["conn", "edit", "web", "--name", "x"]]
    {
        assert_eq!(home.thub(words).code, 2, "{words:?}");
    }
    home.thub(&["conn", "rm", "-r", "Lab", "Lab/Inner"]).ok();
    let all = listed(&home);
    let names: Vec<_> = all["folders"].as_array().unwrap().iter().map(|f| f["name"].clone()).collect();
    assert_eq!((names, all["connections"].as_array().unwrap().len()), (vec![Value::from("Laboratory")], 2), "{all}");
    home.thub(&["new", "-d", "--connection", "web"]).ok();
}

#[test]
fn a_shell_starts_whatever_became_of_its_connection() {
    let home = Home::new();
    home.thub(&["conn", "edit", "Default Shell", "--set", "startingDirectory=/nowhere/at/all"]).ok();
    let said = home.thub(&["new", "-d", "-n", "one"]);
    assert!(said.code == 0 && said.err.contains("starts elsewhere"), "{said:?}");
    home.thub(&["send", "one", "echo he''re", "--keys", "Enter"]).ok();
    home.shows("one", "here");
    home.thub(&["conn", "edit", "Default Shell", "--set", "startingDirectory=${env:NOT_THERE}"]).ok();
    let tty = Tty::thub(&home, 120, 35, &[]);
    tty.until_text("here");
    tty.prefix("c");
    tty.until_text("own shell was started");
    tty.until_text("ready$");
}

#[test]
fn in_the_tree() {
    let home = Home::new();
    let mut tty = Tty::thub(&home, 120, 35, &[]);
    tty.until_text("ready$");
    tty.prefix("b");
    tty.until_text("Default Shell");
    // a folder, and a connection in it, made with the form
    tty.type_("gA");
    tty.until_text("name of the new folder");
    tty.type_("Lab\r");
    tty.until_text("▾ Lab");
    tty.type_("gja");
    tty.until_text("new connection");
    tty.type_("greet\r\r\r");
    tty.type_("echo made-$((40+2)); exec sh\x13");
    tty.until_text("$ greet");
    // it is chosen: Enter opens it, and its session lies under it
    tty.type_("\r");
    tty.until_text("made-42");
    let info = home.ls().into_iter().find(|s| s["connection"] == "greet").expect("a session");
    tty.prefix("b");
    tty.until("its session", |s| s.iter().any(|l| l.contains("▾ $ greet")));
    // another client's change is seen
    home.thub(&["conn", "edit", "greet", "--name", "greeting"]).ok();
    tty.until_text("$ greeting");
    // the filter shows what matches, and where it lies
    tty.type_("/gree");
    tty.until("the filter", |s| {
        s.iter().any(|l| l.contains("$ greeting")) && !s.iter().any(|l| l.contains("Default Shell"))
    });
    tty.type_("\r");
    // connections of a file, looked at first
    std::fs::write(home.at("more.csv"), "name,host\nfrom-file,f.example\n,\n").unwrap();
    let more = home.at("more.csv");
    tty.type_(format!("i{}\r", more.display()));
    tty.until_text("Take over 1 connection");
    tty.type_("y");
    tty.until_text("1 connection taken over");
    until("it is kept", || listed(&home)["connections"].as_array()?.iter().find(|c| c["name"] == "from-file").cloned());
    let out = home.at("out.conf");
    tty.type_(format!("E{}\r", out.display()));
    tty.until_text("connections in ");
    assert!(std::fs::read_to_string(&out).unwrap().contains("Host from-file\n  HostName f.example\n"));
    // it goes, its session stays
    tty.type_("D");
    tty.until_text("Delete connection 'greeting'?");
    tty.type_("y");
    tty.until("it is gone", |s| !s.iter().any(|l| l.contains("$ greeting")));
    assert!(listed(&home)["connections"].as_array().unwrap().iter().all(|c| c["name"] != "greeting"));
    assert!(home.ls().iter().any(|s| s["id"] == info["id"] && s["state"] != "exited"));
    tty.kill9();
}

#[test]
fn a_teams_file() {
    let home = Home::new();
    let file = home.at("config/team.json");
    let write = |name: &str| {
        let all = serde_json::json!({ "version": "1", "folders": [], "connections": [
            { "id": "c", "name": name, "config": { "type": "local", "config": { "command": "echo theirs-$((40+2)); exec sh" } } } ] });
        std::fs::write(&file, all.to_string()).unwrap();
    };
    write("theirs");
    std::fs::write(home.at("config/config.toml"), "team_files = [\"team.json\"]\n").unwrap();
    let mut tty = Tty::thub(&home, 120, 35, &[]);
    tty.until_text("ready$");
    tty.prefix("b");
    tty.until_text("$ theirs");
    // the file is another, and so is the tree; it is not written
    write("renamed");
    tty.until_text("$ renamed");
    let before = std::fs::read(&file).unwrap();
    tty.type_("/renamed\r\r");
    tty.until_text("theirs-42");
    let info = home.ls().into_iter().find(|s| s["connection"] == "renamed").expect("a session of it");
    assert!(info["connection_id"].as_str().unwrap().starts_with("team-"), "{info}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    tty.kill9();
}

/// A host with an agent, under an account of its own whose ssh_config knows a target.
pub struct Hub {
    pub far: Far,
    pub target: Sshd,
    _user: User,
}

impl Hub {
    pub fn new() -> Option<Hub> {
        Hub::before("")
    }
    /// With lines for the target's sshd.
    pub fn before(target: &str) -> Option<Hub> {
        if !crate::support::sshd::here() {
            return None;
        }
        let user = User::new("hub")?;
        let far = Far::start("", &format!("Host test\n  User {}\n", user.name));
        let home = far.sshd.home();
        user.take_home(&home);
        for name in ["authorized", "id.pub"] {
            std::fs::set_permissions(far.sshd.at(name), PermissionsExt::from_mode(0o644)).unwrap();
        }
        let target = Sshd::start(target);
        let ssh = home.join(".ssh");
        std::fs::create_dir(&ssh).unwrap();
        std::fs::copy(target.at("id"), ssh.join("id")).unwrap();
        let config = format!(
            "Host sensor\n  HostName 127.0.0.1\n  Port {}\n  User root\n  IdentityFile {}\n  IdentitiesOnly yes\n",
            target.port,
            ssh.join("id").display()
        );
        std::fs::write(ssh.join("config"), config).unwrap();
        for (name, mode) in [("", 0o700), ("id", 0o600), ("config", 0o600)] {
            std::fs::set_permissions(ssh.join(name), PermissionsExt::from_mode(mode)).unwrap();
            chown(ssh.join(name), Some(user.id), Some(user.group)).unwrap();
        }
        let said = far.thub(&["deploy", "test"]);
        assert_eq!(said.code, 0, "{said:?}");
        Some(Hub { far, target, _user: user })
    }
    /// The target's key is known there.
    pub fn know(&self) {
        let there = self.far.sshd.home().join(".ssh/known_hosts");
        std::fs::copy(self.target.at("known_hosts"), &there).unwrap();
        std::fs::set_permissions(&there, PermissionsExt::from_mode(0o644)).unwrap();
    }
    pub fn targets(&self) -> Vec<i32> {
        self.far.there().into_iter().filter(|p| words(*p).get(1).is_some_and(|w| w == "target")).collect()
    }
    pub fn logins(&self) -> usize {
        self.target.since(0).matches("Accepted publickey for").count()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // (its sessions are another user's: only over the link)
        self.far.thub(&["kill", "-H", "test", "--all"]);
        for pid in self.targets() {
            signal(pid, Signal::TERM);
        }
        self.target.crash();
        crate::support::home::sweep(|| with_variable("HOME", &self.target.home()));
    }
}

/// Nothing ends when a target falls silent: who looks is told, and told when it is heard again.
#[test]
fn a_target_that_falls_silent_is_told_of_while_somebody_looks() {
    let Some(hub) = Hub::new() else { return };
    hub.know();
    let far = &hub.far;
    far.thub(&["conn", "add", "-H", "test", "sensor-node", "sensor"]).ok();
    let session = id(far.thub(&["new", "-d", "-H", "test", "--connection", "sensor-node"]).ok());
    let mut tty = far.tty(120, 35, &["test"]);
    tty.until_text("sensor-node");
    let state = || far.ls().into_iter().find(|s| s["id"] == *session).map(|s| s["device"]["state"].clone());
    assert_eq!(state(), Some(Value::Null), "nothing is said of a host that is heard");
    until("a looker", || far.ls().into_iter().find(|s| s["id"] == *session && s["clients"] == 1));
    let serving: Vec<i32> = hub.target.pids()[1..].iter().map(|pid| *pid as i32).collect();
    serving.iter().for_each(|pid| signal(*pid, Signal::STOP));
    until("that it is silent", || (state() == Some("waiting".into())).then_some(()));
    serving.iter().for_each(|pid| signal(*pid, Signal::CONT));
    until("that it is heard", || (state() == Some(Value::Null)).then_some(()));
    tty.kill9();
}

#[test]
fn a_target_that_only_the_agents_host_reaches() {
    let Some(hub) = Hub::new() else { return };
    let far = &hub.far;
    far.thub(&["conn", "add", "-H", "test", "sensor-node", "sensor", "--in", "Deploy Targets"]).ok();
    // nobody is there to be asked for its key: it is said, and no session is left
    let said = far.thub(&["new", "-d", "-H", "test", "--connection", "sensor-node"]);
    assert!(said.code != 0 && said.err.contains("sensor"), "{said:?}");
    assert_eq!(far.ls().len(), 0);

    let mut tty = far.tty(120, 35, &["test"]);
    tty.until_text("$ ");
    tty.prefix("b");
    tty.until_text("> sensor-node");
    // (a double click: a panel that nobody asked for takes keys only after a pause in typing)
    let screen = tty.until_text("> sensor-node");
    let row = screen.iter().position(|l| l.contains("> sensor-node")).unwrap() as u16;
    tty.click(10, row);
    tty.click(10, row);
    // the question names who sees the key, and where it will be kept
    let asked = tty.until_text("unknown host key");
    assert!(asked.iter().any(|l| l.contains("It is: a host that test reaches")), "{asked:#?}");
    assert!(asked.iter().any(|l| l.contains("Kept in: on test, ")), "{asked:#?}");
    tty.type_("y");
    until("a session there", || far.ls().into_iter().find(|s| s["connection"] == "sensor-node"));
    tty.until("its prompt", |s| s.iter().filter(|l| l.contains("$ ") || l.contains("# ")).count() > 1);
    let info = far.ls().into_iter().find(|s| s["connection"] == "sensor-node").unwrap();
    let session = info["id"].as_str().unwrap().to_string();
    assert_eq!(info["kind"], "ssh", "{info}");
    far.thub(&["send", "-H", "test", &session, "echo at-$HOME-$((40+2))", "--keys", "Enter"]).ok();
    let there = format!("at-{}-42", hub.target.home().display());
    far.shows(&session, &there);

    // client and agent die; the session goes on where it was, over the same connection
    tty.kill9();
    for agent in far.agents() {
        signal(agent, Signal::KILL);
    }
    far.thub(&["send", "-H", "test", &session, "echo still-$((1+1))", "--keys", "Enter"]).ok();
    far.shows(&session, "still-2");
    assert!(far.thub(&["capture", "-H", "test", &session]).ok().contains(&there));
    // a second one needs no login, and nobody
    far.thub(&["new", "-d", "-H", "test", "-n", "second", "--connection", "sensor-node"]).ok();
    far.thub(&["send", "-H", "test", "second", "echo two-$((1+1))", "--keys", "Enter"]).ok();
    far.shows("second", "two-2");
    assert_eq!(hub.logins(), 1, "one login for all");
    let [target] = hub.targets()[..] else { panic!("{:?}", hub.targets()) };

    // the connection is lost: said, the screen kept, and there again when it is asked for
    signal(target, Signal::KILL);
    let waited: Value =
        serde_json::from_str(&far.thub(&["wait", "-H", "test", &session, "--timeout", "30", "--json"]).out).unwrap();
    assert!(waited["cause"].as_str().unwrap().contains("connection lost"), "{waited}");
    assert!(far.thub(&["capture", "-H", "test", &session]).ok().contains(&there));
    far.thub(&["new", "-d", "-H", "test", "-n", "third", "--connection", "sensor-node"]).ok();
    far.thub(&["send", "-H", "test", "third", "echo three-$((1+2))", "--keys", "Enter"]).ok();
    far.shows("third", "three-3");
    assert_eq!(hub.logins(), 2);
}
