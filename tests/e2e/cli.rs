//! The command line's contract: words, exit codes, what is printed and what is not.

use crate::support::{Home, until, words};
use rustix::process::Signal;
use serde_json::Value;

#[test]
fn a_session_from_start_to_end() {
    let home = Home::new();
    assert_eq!(home.ls(), Vec::<Value>::new());
    let id = home.new_session(&["-n", "one", "--size", "90x30", "--", "sh", "-c", "echo hello; exec cat"]);
    assert!(id.len() >= 4 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{id}");
    home.shows("one", "hello");
    let s = home.session("one");
    for (key, value) in
        [("id", id.as_str()), ("name", "one"), ("host", "local"), ("kind", "shell"), ("state", "detached")]
    {
        assert_eq!(s[key], value, "{s}");
    }
    assert_eq!((s["cols"].as_u64(), s["rows"].as_u64(), s["clients"].as_u64()), (Some(90), Some(30), Some(0)), "{s}");
    assert_eq!(s["connection"], "Default Shell", "{s}");
    assert!(s["offset"].as_u64() >= Some(7) && s["title"].is_string(), "{s}");
    assert!(s["exit_code"].is_null() && s["cause"].is_null(), "{s}");
    let created = s["created_at"].as_str().unwrap();
    assert!(regex::Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$").unwrap().is_match(created), "{created}");
    let pid = s["pid"].as_i64().unwrap();
    assert_eq!(words(pid as i32)[1..4], ["session", "--id", id.as_str()], "the pid is the session's own process");

    // typed, shown, by id and by the beginning of it as well
    home.thub(&["send", "one", "typed text", "--keys", "Enter"]).ok();
    home.shows(&id, "typed text");
    home.thub(&["send", &id[..5], "more", "--keys", "Enter"]).ok();
    home.shows(&id[..5], "^more$");
    let screen = home.capture("one");
    assert_eq!(&screen[..3], ["hello", "typed text", "typed text"]);
    assert_eq!(screen.len(), 30, "the screen is as high as it is");

    // the table for people
    let table = home.thub(&["ls"]).ok();
    assert!(table.contains("one") && table.contains(&id) && table.contains("detached"), "{table}");

    home.thub(&["kill", "one"]).ok();
    until("the session to be gone", || home.ls().is_empty().then_some(()));
    home.thub(&["send", "one", "x"]).fails(2);
    assert!(home.run_files().iter().all(|f| !f.contains(&id)), "{:?}", home.run_files());
}

#[test]
fn every_byte_of_a_long_output() {
    let home = Home::new();
    home.new_session(&["-n", "n1", "--ring", "16777216", "--", "sh", "-c", "seq 1 100000"]);
    home.thub(&["wait", "n1", "--exit", "--timeout", "60"]).ok();
    let wanted: String = (1..=100_000).map(|n| format!("{n}\r\n")).collect();
    assert!(home.raw("n1") == wanted.as_bytes(), "every byte, as the terminal gave it");
    // a second time: looking does not use it up
    assert!(home.raw("n1") == wanted.as_bytes());
    let s = home.session("n1");
    assert_eq!((s["state"].as_str(), s["exit_code"].as_i64()), (Some("exited"), Some(0)), "{s}");
    assert_eq!(s["offset"].as_u64(), Some(wanted.len() as u64), "{s}");
}

#[test]
fn bytes_of_all_values_and_a_ring_that_is_too_small() {
    let home = Home::new();
    // all values but none that the line discipline changes
    let write = r#"stty -opost; i=0; while [ $i -lt 64 ]; do printf '%b' "$(printf '\\0%o' $i $((i+64)) $((i+128)) $((i+192)))"; i=$((i+1)); done"#;
    home.new_session(&["-n", "all", "--", "sh", "-c", write]);
    home.thub(&["wait", "all"]).ok();
    let mut got = home.raw("all");
    got.sort();
    assert_eq!(got, (0..=255).collect::<Vec<u8>>());

    home.new_session(&["-n", "small", "--ring", "4096", "--", "sh", "-c", "seq 1 20000"]);
    home.thub(&["wait", "small", "--exit"]).ok();
    let wanted: String = (1..=20_000).map(|n| format!("{n}\r\n")).collect();
    let got = home.thub(&["capture", "small", "--all", "--raw"]);
    assert_eq!(got.code, 0, "{}", got.err);
    let lost = wanted.len() - got.bytes.len();
    assert!(got.bytes.len() >= 4096 && lost > 0, "{}", got.bytes.len());
    assert!(wanted.as_bytes().ends_with(&got.bytes), "what is held is the end of it");
    assert!(got.err.contains(&lost.to_string()) && got.err.contains('0') && got.err.contains("lost"), "{}", got.err);

    // the same while the session lives
    home.new_session(&["-n", "lives", "--ring", "4096", "--", "sh", "-c", "seq 1 20000; exec cat"]);
    home.shows("lives", "^20000$");
    let got = home.thub(&["capture", "lives", "--all", "--raw"]);
    assert!(got.code == 0 && wanted.as_bytes().ends_with(&got.bytes) && got.err.contains("lost"), "{}", got.err);
    let lost = wanted.len() - got.bytes.len();
    assert!(got.err.contains(&lost.to_string()), "{lost} {}", got.err);
}

#[test]
fn wrong_use_is_two_and_creates_nothing() {
    let home = Home::new();
    let long = "x".repeat(65);
    for name in ["../x", "a/b", "/", "-x", ".x", "..", "", "a\nb", "a\u{1b}[2Jb", "\u{7}", long.as_str()] {
        home.thub(&["new", "-d", &format!("--name={name}"), "--", "cat"]).fails(2);
    }
    for size in
        ["0x24", "80x0", "80", "x", "80x24x1", "-1x5", "5000x24", "80x5000", "4096x4096", "99999999999x1", "ax b", ""]
    {
        let said = home.thub(&["new", "-d", &format!("--size={size}"), "--", "cat"]).fails(2);
        assert!(said.to_lowercase().contains("size"), "{said}");
    }
    for ring in ["0", "4095", "1073741825", "-5", "1M", "x", ""] {
        home.thub(&["new", "-d", &format!("--ring={ring}"), "--", "cat"]).fails(2);
    }
    for history in ["-1", "1000001", "10k", ""] {
        home.thub(&["new", "-d", &format!("--history={history}"), "--", "cat"]).fails(2);
    }
    home.thub(&["new", "-d", "--connection", "nope"]).fails(2);
    home.thub(&["new", "-d", "--", "/no/such/program"]).fails(1);
    home.thub(&["new", "-d", "--cwd", "/no/such/dir", "--", "cat"]).fails(2);
    home.thub(&["frobnicate", "now"]).fails(2);
    home.thub(&["ls", "--frob"]).fails(2);
    assert_eq!(home.ls(), Vec::<Value>::new(), "nothing is created");

    home.new_session(&["-n", "one", "--", "cat"]);
    let before = home.run_files();
    home.thub(&["new", "-d", "-n", "one", "--", "cat"]).fails(2);
    for nobody in ["nope", "../x", "", "one2", "*", "\u{1b}[2J"] {
        for verb in [
            &["capture", nobody][..],
            &["kill", nobody],
            &["wait", nobody],
            &["search", nobody, "x"],
            &["marks", nobody],
            &["send", nobody, "x"],
            &["rename", nobody, "y"],
            &["resize", nobody, "80x24"],
        ] {
            let said = home.thub(verb).fails(2);
            assert!(!said.contains('\u{1b}'), "{said:?}");
        }
    }
    home.thub(&["resize", "one", "0x0"]).fails(2);
    home.thub(&["resize", "one", "9999x9999"]).fails(2);
    home.thub(&["rename", "one", "../x"]).fails(2);
    home.thub(&["send", "one", "--keys", "NoSuchKey"]).fails(2);
    home.thub(&["send", "one"]).fails(2);
    home.thub(&["wait", "one", "--text", "("]).fails(2);
    for regex in ["(", "a{2,1}", "x{1000}{1000}"] {
        let said = home.thub(&["search", "one", regex]).fails(2);
        assert!(said.contains("regular expression"), "{said}");
    }
    home.thub(&["search", "one", "x", "-n", "0"]).fails(2);
    home.thub(&["search", "one"]).fails(2);
    home.thub(&["wait", "one", "--timeout", "-1"]).fails(2);
    home.thub(&["kill"]).fails(2);
    home.thub(&["kill", "one", "nope"]).fails(2);
    assert_eq!(home.run_files(), before, "nothing is created, and nobody ended");
    // no terminal: said, nothing created
    for verb in [&[][..], &["attach", "one"], &["new", "-n", "two"]] {
        home.thub(verb).fails(2);
    }
    assert_eq!(home.run_files(), before);
}

#[test]
fn names_people_use_are_taken() {
    let home = Home::new();
    let longest = "y".repeat(64);
    let names = ["a b", "käse", "日本", "x.y", "a-b", "it's", "$HOME", "a:b", longest.as_str()];
    for name in names {
        home.new_session(&["-n", name, "--", "cat"]);
    }
    for name in names {
        assert_eq!(home.session(name)["name"], name);
        home.thub(&["kill", name]).ok();
    }
    until("all to be gone", || home.ls().is_empty().then_some(()));
}

#[test]
fn waiting() {
    let home = Home::new();
    home.new_session(&["-n", "code", "--", "sh", "-c", "exit 7"]);
    home.thub(&["wait", "code", "--exit"]).ok();
    let said: Value = serde_json::from_str(&home.thub(&["wait", "code", "--json"]).ok()).unwrap();
    assert_eq!(said["exit_code"], 7);
    home.new_session(&["-n", "cat", "--", "sh", "-c", "printf 'one two\\n'; exec cat"]);
    home.thub(&["wait", "cat", "--text", "o.e tw?o$"]).ok();
    home.thub(&["wait", "cat", "--idle", "50", "--timeout", "20"]).ok();
    for until in [&["--exit"][..], &["--text", "never"], &[], &["--idle", "60000"]] {
        let words = [&["wait", "cat"], until, &["--timeout", "0.2"]].concat();
        home.thub(&words).fails(124);
    }
    // a text that is on its way
    let mut waiting = home.thub_command(&["wait", "cat", "--text", "later on", "--timeout", "30"]).spawn().unwrap();
    home.thub(&["send", "cat", "later on", "--keys", "Enter"]).ok();
    assert_eq!(crate::support::home::exit_of(&mut waiting), 0);
    // one that has left the screen already, and one cut by the edge of the screen
    home.new_session(&[
        "-n",
        "gone",
        "--size",
        "20x5",
        "--",
        "sh",
        "-c",
        "echo early bird; seq 1 100; printf 'abcdefghijklmnopqrstuvwxyz\\n'; exec cat",
    ]);
    home.thub(&["wait", "gone", "--text", "^abcdefghijklmnopqrstuvwxyz$", "--timeout", "20"]).ok();
    home.thub(&["wait", "gone", "--text", "early bird", "--timeout", "20"]).ok();
    // it ends without it: said, not waited for
    home.new_session(&["-n", "ends", "--", "sh", "-c", "read x; echo something else"]);
    let waiting = home.thub_command(&["wait", "ends", "--text", "never", "--timeout", "30"]).spawn().unwrap();
    until("it is waited for", || (home.session("ends")["clients"].as_u64() > Some(0)).then_some(()));
    home.thub(&["send", "ends", "--keys", "Enter"]).ok();
    let mut waiting = waiting;
    assert_eq!(crate::support::home::exit_of(&mut waiting), 1);
    // and killed while waited for
    home.new_session(&["-n", "killed", "--", "cat"]);
    let mut waiting = home.thub_command(&["wait", "killed", "--timeout", "30"]).spawn().unwrap();
    until("it is waited for", || (home.session("killed")["clients"].as_u64() > Some(0)).then_some(()));
    home.thub(&["kill", "killed"]).ok();
    assert!([0, 1].contains(&crate::support::home::exit_of(&mut waiting)), "it is not waited for any longer");
}

#[test]
fn typing_from_the_command_line() {
    let home = Home::new();
    home.new_session(&["-n", "keys", "--", "sh", "-c", "stty raw -echo; echo up; exec cat -v"]);
    home.shows("keys", "up");
    home.thub(&[
        "send", "keys", "two", "words", "--keys", "Enter", "C-c", "M-x", "Up", "F5", "BSpace", "Tab", "Escape",
    ])
    .ok();
    home.shows("keys", r"two words\^M\^C\^\[x\^\[\[A\^\[\[15~\^\?\s+\^\[");
    home.new_session(&["-n", "raw", "--", "sh", "-c", "stty raw -echo; echo up; exec cat"]);
    home.shows("raw", "up");
    let bytes: Vec<u8> = (0..=255u8).cycle().take(100_000).collect();
    assert_eq!(home.thub_in(&["send", "raw", "--raw"], &bytes).code, 0);
    until("all bytes to come back", || home.raw("raw").ends_with(&bytes[99_000..]).then_some(()));
    assert!(home.raw("raw").ends_with(&bytes), "each byte once, in order");
    // tmux's words
    home.new_session(&["-n", "tm", "--", "sh", "-c", "echo up; exec cat"]);
    home.shows("tm", "up");
    home.thub(&["send-keys", "-t", "tm", "echo words", "Enter"]).ok();
    home.shows("tm", "^echo words$");
    home.thub(&["send-keys", "-l", "-t", "tm", "Enter"]).ok();
    home.shows("tm", "^Enter");
}

#[test]
fn typing_into_a_program_that_does_not_read() {
    let home = Home::new();
    home.new_session(&["-n", "deaf", "--", "sh", "-c", "stty raw -echo; echo up; exec sleep 1000"]);
    home.shows("deaf", "up");
    let said = home.thub_in(&["send", "deaf", "--raw"], &vec![b'x'; 1 << 20]);
    assert_eq!(said.code, 124, "{said:?}");
    assert!(said.err.contains("does not read"), "{said:?}");
    // the session is as it was
    assert_eq!(home.capture("deaf")[0], "up");
}

#[test]
fn bells_and_titles_do_not_break_what_is_typed() {
    let home = Home::new();
    let script = r#"stty raw -echo; echo up; for i in 1 2 3 4; do sleep 0.4; printf '\a\033]2;t%s\007' $i; done; head -c 400000 | wc -c; exec cat"#;
    home.new_session(&["-n", "loud", "--", "sh", "-c", script]);
    home.shows("loud", "up");
    home.thub_in(&["send", "loud", "--raw"], &vec![b'x'; 400_000]).ok();
    home.shows("loud", "400000");
}

#[test]
fn what_runs_in_a_shell_is_told_whatever_its_prompt_has_as_title() {
    let home = Home::new();
    // a shell with job control: what it starts is in the foreground
    let prompt = r"PS1=\[\e]0;me: \w\a\]ready>";
    home.new_session(&["-n", "run", "--", "env", prompt, "bash", "--norc", "--noprofile", "-i"]);
    until("a prompt", || home.capture("run").iter().any(|line| line.trim() == "ready>").then_some(()));
    assert_eq!(home.session("run")["running"], Value::Null);
    home.thub_in(&["send", "run", "--raw"], b"cat - /dev/null\r").ok();
    until("cat in the foreground", || (home.session("run")["running"] == "cat - /dev/null").then_some(()));
    let listed = home.thub(&["ls"]).ok();
    assert!(listed.contains("cat - /dev/null") && home.session("run")["title"].as_str().unwrap().contains("me: "));
    home.thub_in(&["send", "run", "--raw"], b"\x04").ok();
    until("the shell again", || (home.session("run")["running"] == Value::Null).then_some(()));
}

#[test]
fn captures_in_all_forms() {
    let home = Home::new();
    let script =
        r#"printf '\033]2;a title\007'; seq 1 50; printf '\033[31mred\033[m plain \033[1mbold\033[m'; exec cat"#;
    home.new_session(&["-n", "c", "--size", "40x10", "--", "sh", "-c", script]);
    home.shows("c", "bold");
    let screen = home.capture("c");
    assert_eq!(screen.len(), 10);
    assert_eq!(screen[9], "red plain bold");
    assert_eq!(screen[0], "42");
    let all: Vec<String> = home.thub(&["capture", "c", "--all"]).ok().lines().map(str::to_string).collect();
    let mut wanted: Vec<String> = (1..=50).map(|n| n.to_string()).collect();
    wanted.push("red plain bold".into());
    assert_eq!(all, wanted);
    // the blank at the wrap is in the line
    let long = format!("{} wrapped", "w".repeat(39));
    home.new_session(&["-n", "w", "--size", "40x10", "--", "sh", "-c", &format!("echo '{long}'; exec cat")]);
    home.shows("w", "wrapped");
    assert_eq!(home.thub(&["capture", "w", "--all"]).ok().lines().next(), Some(long.as_str()));
    assert_eq!(home.thub(&["capture", "w", "--all", "--ansi"]).ok().lines().next(), Some(long.as_str()));
    let ansi = home.thub(&["capture", "c", "--ansi"]).ok();
    assert!(ansi.contains("\u{1b}[") && ansi.contains("31mred"), "{ansi:?}");
    let json: Value = serde_json::from_str(&home.thub(&["capture", "c", "--json"]).ok()).unwrap();
    assert_eq!((json["cols"].as_u64(), json["rows"].as_u64()), (Some(40), Some(10)));
    assert_eq!(json["lines"][9], "red plain bold");
    assert_eq!((json["cursor"]["row"].as_u64(), json["cursor"]["col"].as_u64()), (Some(9), Some(14)), "{json}");
    assert_eq!(json["title"], "a title", "{json}");
    // the words of tmux
    assert_eq!(home.thub(&["capture-pane", "-p", "-t", "c"]).ok(), home.thub(&["capture", "c"]).ok());
    // what does not go together
    home.thub(&["capture", "c", "--raw", "--ansi"]).fails(2);
}

#[test]
fn renaming_and_resizing() {
    let home = Home::new();
    home.new_session(&["-n", "a", "--", "sh", "-c", "trap 'stty size' WINCH; echo up; while :; do read x; done"]);
    home.new_session(&["-n", "b", "--", "cat"]);
    home.shows("a", "up");
    home.thub(&["rename", "a", "b"]).fails(2);
    home.thub(&["rename", "a", "c"]).ok();
    home.thub(&["capture", "a"]).fails(2);
    assert_eq!(home.session("c")["name"], "c");
    // its old name is free again, and its own name is no clash
    home.thub(&["rename", "b", "a"]).ok();
    home.thub(&["rename", "a", "a"]).ok();
    home.thub(&["resize", "c", "101x33"]).ok();
    home.thub(&["send", "c", "--keys", "Enter"]).ok();
    home.shows("c", "^33 101$");
    let s = home.session("c");
    assert_eq!((s["cols"].as_u64(), s["rows"].as_u64()), (Some(101), Some(33)));
    assert_eq!(home.capture("c").len(), 33);
    for size in ["1x1", "500x3", "4096x256", "80x24"] {
        home.thub(&["resize", "c", size]).ok();
        assert_eq!(home.capture("c").len().to_string(), size.split_once('x').unwrap().1, "{size}");
    }
    home.thub(&["kill", "--all"]).ok();
    home.thub(&["rename", "c", "d"]).fails(2);
    assert_eq!(home.ls(), Vec::<Value>::new());
}

#[test]
fn running_commands() {
    let home = Home::new();
    let ran = home.thub_in(&["run", "--", "sh", "-c", "cat; echo error >&2; exit 7"], b"from stdin");
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (7, "from stdin", "error\n"));
    for code in ["0", "1", "2", "3", "124", "254"] {
        let ran = home.thub(&["run", "--", "sh", "-c", &format!("exit {code}")]);
        assert_eq!(ran.code.to_string(), code);
    }
    assert_eq!(home.thub(&["run", "--", "sh", "-c", "kill -9 $$"]).code, 137, "as a shell says it");
    // no shell between: words stay what they are
    assert_eq!(home.thub(&["run", "--", "printf", "%s|", "a b", "$HOME", "*", "'", ""]).ok(), "a b|$HOME|*|'||");
    assert_eq!(home.thub(&["run", "--cwd", "/", "--", "pwd"]).ok(), "/\n");
    home.thub(&["run", "--", "/no/such/program"]).fails(255);
    home.thub(&["run", "--cwd", "/no/such/dir", "--", "true"]).fails(255);
    home.thub(&["run", "-F", "/no/such/file", "-H", "web", "--", "true"]).fails(255);
    let mut nowhere = home.thub_command(&["run", "--", "true"]);
    nowhere.env("THUB_RUN_DIR", "/dev/null/x");
    crate::support::home::finish(nowhere, b"").fails(255);
    home.thub(&["run"]).fails(2);
    // much of it, both ways, byte for byte
    let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i.wrapping_mul(2654435761) >> 11) as u8).collect();
    let ran = home.thub_in(&["run", "--", "cat"], &bytes);
    assert!(ran.code == 0 && ran.bytes == bytes, "{} of {}", ran.bytes.len(), bytes.len());
    // it is no session
    assert_eq!(home.ls(), Vec::<Value>::new());
}

#[test]
fn killing() {
    let home = Home::new();
    for name in ["a", "b", "c", "d"] {
        home.new_session(&["-n", name, "--", "sh", "-c", "trap '' HUP TERM; echo up; while :; do sleep 1000; done"]);
        home.shows(name, "up");
    }
    home.thub(&["kill", "a", "b"]).ok();
    let mut names: Vec<String> = home.ls().iter().map(|s| s["name"].as_str().unwrap().to_string()).collect();
    names.sort();
    assert_eq!(names, ["c", "d"], "who was told to go is gone when the verb is back, deaf to signals or not");
    home.thub(&["kill-session", "-t", "c"]).ok();
    home.thub(&["kill", "--all"]).ok();
    assert_eq!(home.ls(), Vec::<Value>::new());
    home.thub(&["kill", "--all"]).ok();
}

#[test]
fn what_a_session_is_given() {
    let mut home = Home::new();
    home.env.push(("MARK".into(), "from the caller".into()));
    let id = home.new_session(&[
        "-n",
        "env",
        "--cwd",
        "/usr",
        "--",
        "sh",
        "-c",
        "pwd; echo $MARK/$TERM/$THUB_SESSION/$THUB_HOST/; ls -l /proc/self/fd; umask; exec cat",
    ]);
    home.shows("env", "^0[0-7]+$");
    let all = home.thub(&["capture", "env", "--all"]).ok();
    assert!(all.starts_with("/usr\n"), "{all}");
    assert!(all.contains(&format!("from the caller/xterm-256color/{id}/")), "{all}");
    let fds = all.lines().filter(|l| l.contains(" -> ")).count();
    // 0, 1, 2 and the directory ls itself reads
    assert_eq!(fds, 4, "{all}");
    // the shell, in the caller's directory
    std::fs::create_dir(home.at("home/sub")).unwrap();
    let mut command = home.thub_command(&["new", "-d", "-n", "shell"]);
    command.current_dir(home.at("home/sub"));
    assert_eq!(crate::support::home::finish(command, b"").code, 0);
    home.shows("shell", "ready\\$");
    home.thub(&["send", "shell", "pwd; echo $-", "--keys", "Enter"]).ok();
    home.shows("shell", "/home/sub$");
    home.shows("shell", "^[a-zA-Z]*i[a-zA-Z]*$");
}

#[test]
fn aliases_help_and_what_is_printed_of_itself() {
    let home = Home::new();
    home.thub(&["new-session", "-d", "-s", "tmux"]).ok();
    assert!(home.thub(&["list-sessions"]).ok().contains("tmux"));
    for verb in [
        "new",
        "ls",
        "attach",
        "send",
        "capture",
        "search",
        "marks",
        "wait",
        "kill",
        "rename",
        "resize",
        "run",
        "deploy",
        "agent",
        "doctor",
        "reset",
        "config",
        "keys",
        "themes",
        "completions",
    ] {
        let help = home.thub(&[verb, "--help"]).ok();
        assert!(help.contains("Example"), "{verb}: {help}");
        assert!(help.contains("--host") && help.contains("--ssh-config"), "{verb}: {help}");
    }
    assert!(home.thub(&["--help"]).ok().contains("Exit codes"));
    assert!(home.thub(&["--version"]).ok().starts_with("thub "));
    for shell in ["bash", "zsh", "fish"] {
        let script = home.thub(&["completions", shell]).ok();
        assert!(script.contains("thub") && script.contains("capture"), "{shell}");
    }
    let bash = home.at("thub.bash");
    std::fs::write(&bash, home.thub(&["completions", "bash"]).ok()).unwrap();
    let checked = std::process::Command::new("bash").arg("-n").arg(&bash).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let keys = home.thub(&["keys"]).ok();
    assert!(keys.contains("split-right") && keys.contains('%') && keys.contains("detach"), "{keys}");
    serde_json::from_str::<Value>(&home.thub(&["keys", "--json"]).ok()).unwrap();
    assert!(!home.thub(&["themes"]).ok().is_empty());
    let found: Value = serde_json::from_str(&home.thub(&["doctor", "--json"]).ok()).unwrap();
    assert!(found.as_array().unwrap().iter().any(|f| f["what"] == "run dir" && f["level"] == "ok"), "{found}");
}

#[test]
fn the_settings_file() {
    let home = Home::new();
    let path = home.thub(&["config", "path"]).ok();
    assert_eq!(path.trim(), home.at("config/config.toml").to_str().unwrap());
    home.thub(&["config", "check"]).ok();
    std::fs::write(path.trim(), home.thub(&["config", "default"]).ok()).unwrap();
    home.thub(&["config", "check"]).ok();
    std::fs::write(path.trim(), "prefix = \"C-a\"\nno_such = 1\n").unwrap();
    let said = home.thub(&["config", "check"]);
    assert!([1, 2].contains(&said.code) && said.err.contains('2') && said.err.contains("no_such"), "{said:?}");
    // broken settings stop no verb
    std::fs::write(path.trim(), "[[[").unwrap();
    home.new_session(&["-n", "one", "--", "cat"]);
    assert_eq!(home.session("one")["name"], "one");
}

#[test]
fn output_to_nobody() {
    let home = Home::new();
    home.new_session(&["-n", "one", "--ring", "16777216", "--", "seq", "1", "300000"]);
    home.thub(&["wait", "one"]).ok();
    // as in `thub capture | head -1`
    let script = format!("{} capture one --all --raw | head -1; echo ${{PIPESTATUS[0]}}", crate::support::THUB);
    let mut command = home.command("bash");
    command.args(["-c", &script]);
    let said = crate::support::home::finish(command, b"");
    assert!(said.out.starts_with("1\r\n") && said.err.is_empty(), "{said:?}");
    assert!(!said.out.ends_with("101\n"), "no panic: {said:?}");
    // a full disk is an error, not a shorter capture
    let mut command = home.thub_command(&["capture", "one", "--all", "--raw"]);
    command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let mut child = command.spawn().unwrap();
    assert_eq!(crate::support::home::exit_of(&mut child), 1);
}

#[test]
fn a_session_is_as_a_fresh_login_would_be() {
    let home = Home::new();
    let wanted = crate::support::home::finish(
        {
            let mut c = home.command("sh");
            c.args(["-c", "umask"]);
            c
        },
        b"",
    );
    let script = "umask; grep -h SigIgn /proc/self/status; grep -h SigBlk /proc/self/status; ulimit -c; tty; stty -a | grep -c -w iutf8; ps -o sid= -p $$ | tr -d ' '; echo $$; exec cat";
    home.new_session(&["-n", "s", "--", "sh", "-c", script]);
    home.shows("s", r"^\d+$");
    let all = until("all of it", || Some(home.capture("s")).filter(|s| !s[7].is_empty()));
    assert_eq!(all[0], wanted.out.trim(), "the caller's umask");
    // (32 and 33 are the C library's own)
    let ignored = u64::from_str_radix(all[1].rsplit(' ').next().unwrap(), 16).unwrap();
    assert!(ignored & 0x7fff_ffff == 0 && all[2].ends_with("0000000000000000"), "no signal is ignored: {all:?}");
    assert!(all[4].starts_with("/dev/pts/"), "{all:?}");
    assert_eq!(all[6], all[7], "it leads a process session");
    let limit = crate::support::home::finish(
        {
            let mut c = home.command("sh");
            c.args(["-c", "ulimit -c"]);
            c
        },
        b"",
    );
    assert_eq!(all[3], limit.out.trim(), "the caller's core limit");
}

#[test]
fn places_that_are_hard_to_use() {
    let mut home = Home::new();
    // longer than a socket's path may be
    let deep = home.at(&format!("deep/{}/{}", "d".repeat(100), "e".repeat(100)));
    std::fs::create_dir_all(&deep).unwrap();
    let run = deep.join("run");
    home.env.push(("THUB_RUN_DIR".into(), run.display().to_string()));
    home.new_session(&["-n", "deep", "--", "sh", "-c", "echo up; exec cat"]);
    home.shows("deep", "up");
    home.thub(&["send", "deep", "typed", "--keys", "Enter"]).ok();
    home.shows("deep", "typed");
    home.thub(&["kill", "--all"]).ok();
    home.env.clear();
    // a current directory that is gone
    let gone = home.at("home/gone");
    std::fs::create_dir(&gone).unwrap();
    let mut command = home.command("sh");
    command.current_dir(&gone);
    command.args([
        "-c",
        "rmdir \"$PWD\"; \"$0\" new -d -n here -- sh -c 'pwd; exec cat'; \"$0\" ls",
        crate::support::THUB,
    ]);
    let said = crate::support::home::finish(command, b"");
    assert!(said.code == 0 && said.out.contains("here"), "{said:?}");
    // a command whose words are no UTF-8 is no reason to panic
    use std::os::unix::ffi::OsStrExt;
    let mut command = home.thub_command(&["new", "-d", "--"]);
    command.args(["printf", "%s"]).arg(std::ffi::OsStr::from_bytes(b"\xff\xfe"));
    let said = crate::support::home::finish(command, b"");
    assert!([0, 2].contains(&said.code) && !said.err.contains("panicked"), "{said:?}");
    // nothing to write to: said, and nothing half made
    home.plain = true;
    home.env = vec![("HOME".into(), "/proc/nowhere".into())];
    let said = home.thub(&["new", "-d", "--", "cat"]);
    assert!([1, 4].contains(&said.code) && said.err.starts_with("thub: "), "{said:?}");
    home.env.clear();
    home.plain = false;
}

#[test]
fn an_interrupted_run_ends_what_it_started() {
    for (which, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let home = Home::new();
        let mark = home.at("started");
        let mut child = home
            .thub_command(&["run", "--", "sh", "-c", &format!("echo > {}; exec sleep 1000", mark.display())])
            .spawn()
            .unwrap();
        until("it to run", || mark.exists().then_some(()));
        crate::support::signal(child.id() as i32, which);
        assert_eq!(crate::support::home::exit_of(&mut child), code);
        until("what it started to be gone", || {
            home.processes().iter().all(|p| words(*p).first().is_none_or(|w| w != "sleep")).then_some(())
        });
    }
}

#[test]
fn as_much_history_as_was_asked_for() {
    let home = Home::new();
    let lines = |name: &str| home.thub(&["capture", name, "--all"]).ok().lines().count();
    for (history, kept) in [("0", 24), ("100", 124), ("30000", 20_001)] {
        let name = format!("h{history}");
        home.new_session(&["-n", &name, "--history", history, "--", "sh", "-c", "seq 1 20000; echo end; exec cat"]);
        home.shows(&name, "^end$");
        // (the cursor's row is the last, and blank)
        assert!((kept - 1..=kept).contains(&lines(&name)), "{history}: {}", lines(&name));
    }
    // the settings' where nothing is said
    std::fs::write(home.at("config/config.toml"), "history = 50\n").unwrap();
    home.new_session(&["-n", "set", "--", "sh", "-c", "seq 1 20000; echo end; exec cat"]);
    home.shows("set", "^end$");
    assert!((73..=74).contains(&lines("set")), "{}", lines("set"));
}

#[test]
fn options_may_follow_the_sessions_to_kill() {
    let home = Home::new();
    home.new_session(&["-n", "first", "--", "cat"]);
    home.new_session(&["-n", "second", "--", "cat"]);
    home.thub(&["kill", "first", "second", "--json"]).ok();
    assert!(home.ls().iter().all(|s| s["state"] != "detached"), "{:?}", home.ls());
}

#[test]
fn a_host_that_a_verb_has_no_use_for_is_not_passed_over() {
    let home = Home::new();
    for verb in [&["keys"][..], &["themes"], &["config", "path"], &["config", "check"], &["completions", "bash"]] {
        let said = home.thub(&[verb, &["-H", "web"]].concat()).fails(2);
        assert!(said.contains("leave out -H"), "{said}");
        home.thub(&[verb, &["-H", "local"]].concat()).ok();
    }
    home.thub(&["reset", "-H", "web"]).fails(2);
    home.thub(&["debug", "replay", "x", "-H", "web"]).fails(2);
    home.thub(&["deploy", "-H", "web", "other"]).fails(2);
    home.thub(&["deploy", "local"]).fails(2);
    home.thub(&["deploy"]).fails(2);
    home.thub(&["doctor", "-H", "web", "other"]).fails(2);
    home.thub(&["doctor", "local"]).ok();
    home.thub(&["web", "ls"]).fails(2);
    for several in [&["ls"][..], &["doctor"], &["new", "-d"], &["capture", "x"]] {
        home.thub(&[several, &["-H", "web", "-H", "db"]].concat()).fails(2);
    }
    // thub's own words for what it starts are none of the command line's
    for own in ["session", "target"] {
        home.thub(&[own, "--id"]).fails(2);
        let said = home.thub(&[own]).fails(2);
        assert!(said.contains("terminal"), "a host as any other: {said}");
    }
}

#[test]
fn where_nothing_can_be_written_is_said() {
    let home = Home::new();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    for words in [&["keys"][..], &["ls"], &["conn", "ls"], &["conn", "ls", "--json"], &["config", "default"]] {
        let mut command = home.thub_command(words);
        let out = command.stdout(full()).stderr(std::process::Stdio::piped()).output().unwrap();
        let err = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(1) && err.contains("standard output"), "{words:?}: {out:?}");
        // who reads no further has what he wanted
        let (read, write) = std::io::pipe().unwrap();
        drop(read);
        let mut command = home.thub_command(words);
        let out = command.stdout(write).stderr(std::process::Stdio::piped()).output().unwrap();
        assert!(out.status.success() && out.stderr.is_empty(), "{words:?}: {out:?}");
    }
    let mut command = home.thub_command(&["conn", "rm", "nobody"]);
    assert_eq!(command.stderr(full()).status().unwrap().code(), Some(2));
}
