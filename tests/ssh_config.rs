//! ssh_config read by thub itself beside what OpenSSH reads in the same files: `tests/ssh_config/` (`list` says for whom),
//! and files made up on the way. Leaves out what is done with it.
//!
//! `want` holds what came out when it was the same as ssh's, for machines without ssh: `UPDATE=1` writes it anew.

#[path = "support/made_up.rs"]
mod made_up;
#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{Dice, THUB, scale, skip};
use thub::transport::ssh::config::own::words::latin;
use thub::transport::ssh::config::own::world::{Opened, World};
use thub::transport::ssh::config::{KEYS, Me, own, parse_dest};

/// The files at a place of their own, with that place's name in them.
struct Files {
    dir: tempfile::TempDir,
}

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/ssh_config")
}

impl Files {
    fn new() -> Files {
        let files = Files { dir: tempfile::Builder::new().prefix("thub-cfg").tempdir().unwrap() };
        files.copy(&corpus(), files.dir.path());
        // what a listing shows first is not what glob(3) gives first
        assert!(files.at("inc/a.conf").exists());
        files
    }
    fn copy(&self, from: &Path, to: &Path) {
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let there = to.join(path.file_name().unwrap());
            if path.is_dir() {
                std::fs::create_dir(&there).unwrap();
                self.copy(&path, &there);
            } else {
                self.write(&there, &std::fs::read(&path).unwrap());
            }
        }
    }
    fn write(&self, to: &Path, text: &[u8]) {
        let mut text = text.to_vec();
        while let Some(at) = text.windows(5).position(|w| w == b"@DIR@") {
            text.splice(at..at + 5, self.dir.path().as_os_str().as_encoded_bytes().iter().copied());
        }
        std::fs::write(to, text).unwrap();
        std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// File and destination.
fn cases() -> Vec<(String, String)> {
    let list = std::fs::read_to_string(corpus().join("list")).unwrap();
    let lines = list.lines().filter(|l| !l.starts_with('#'));
    let cases: Vec<_> = lines
        .flat_map(|line| {
            let mut words = line.split(' ').map(str::to_string);
            let file = words.next().unwrap();
            words.map(move |dest| (file.clone(), dest))
        })
        .collect();
    let files: BTreeSet<_> = cases.iter().map(|(f, _)| f.clone()).collect();
    let there = std::fs::read_dir(corpus()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    for name in there.filter(|n| !["list", "want", "inc"].contains(&n.as_str())) {
        assert!(files.contains(&name), "{name} is not in the list");
    }
    assert!(files.len() >= 60);
    cases
}

fn environment(command: &mut Command) -> &mut Command {
    command.env("K", "key").env("SOCK", "/tmp/sock").env_remove("NOPE").env_remove("SSH_AUTH_SOCK");
    command.stdin(Stdio::null())
}

type Read = Result<Vec<Vec<u8>>, String>;

fn output(command: &mut Command) -> Read {
    let ran = environment(command).output().unwrap();
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into_owned());
    }
    let key = |line: &[u8]| String::from_utf8_lossy(line.split(|b| *b == b' ').next().unwrap()).into_owned();
    let lines = ran.stdout.split(|b| *b == b'\n').map(<[u8]>::to_vec);
    Ok(lines.filter(|l| KEYS.contains(&key(l).as_str())).collect())
}

fn ssh_reads(file: &Path, dest: &str) -> Read {
    let dest = parse_dest(dest).unwrap();
    let mut ssh = Command::new("ssh");
    ssh.arg("-G").arg("-F").arg(file);
    if let Some(user) = &dest.user {
        ssh.arg("-l").arg(user);
    }
    if let Some(port) = dest.port {
        ssh.arg("-p").arg(port.to_string());
    }
    output(ssh.arg("--").arg(&dest.host))
}

impl Files {
    fn thub(&self) -> Command {
        let mut thub = Command::new(THUB);
        for name in ["RUN", "STATE", "CONFIG"] {
            thub.env(format!("THUB_{name}_DIR"), self.at(&format!("thub-{name}")));
        }
        thub
    }
    fn thub_reads(&self, file: &Path, dest: &str) -> Read {
        output(self.thub().args(["debug", "ssh-config", "--own", "-F"]).arg(file).arg(dest))
    }
}

/// Lists of algorithms and some defaults are not the same in every version: only keys that agree where nothing is said
/// are compared. On Debian 12 that is all.
fn compared(files: &Files) -> Option<Vec<&'static str>> {
    let Ok(said) = Command::new("ssh").arg("-V").output() else {
        skip("ssh");
        return None;
    };
    let (Ok(theirs), Ok(ours)) = (ssh_reads(&files.at("empty"), "web"), files.thub_reads(&files.at("empty"), "web"))
    else {
        panic!("an empty file is an error");
    };
    let of = |lines: &[Vec<u8>], key: &str| -> Vec<Vec<u8>> {
        lines.iter().filter(|l| l.starts_with(format!("{key} ").as_bytes())).cloned().collect()
    };
    let same: Vec<&str> = KEYS.iter().copied().filter(|k| of(&theirs, k) == of(&ours, k)).collect();
    if String::from_utf8_lossy(&said.stderr).contains("OpenSSH_9.2p1 Debian") {
        assert_eq!(same, KEYS);
    } else {
        println!("{}: {} of {} keys compared", String::from_utf8_lossy(&said.stderr).trim(), same.len(), KEYS.len());
    }
    Some(same)
}

/// What an ssh says of a file that is too new for it, up to the word: thub takes such files.
const TOO_NEW: [(&str, &[&str]); 3] = [
    (
        "Bad configuration option: ",
        &["tag", "refuseconnection", "channeltimeout", "obscurekeystroketiming", "versionaddendum", "warnweakcrypto"],
    ),
    ("Unsupported Match attribute ", &["tagged", "localnetwork", "command", "sessiontype", "version"]),
    ("percent_expand: unknown key %", &["j"]),
];

fn is_too_new(said: &str) -> bool {
    said.lines().any(|line| {
        let word = |before: &str| line.split_once(before).map(|(_, word)| word.trim().to_ascii_lowercase());
        TOO_NEW.iter().any(|(before, words)| word(before).is_some_and(|w| words.contains(&w.as_str())))
    })
}

/// What is not the same; empty = nothing.
fn difference(theirs: &Read, ours: &Read, keys: &[&str]) -> String {
    let of = |lines: &Read| -> Option<Vec<Vec<u8>>> {
        let key = |l: &Vec<u8>| keys.iter().any(|k| l.starts_with(format!("{k} ").as_bytes()));
        lines.as_ref().ok().map(|all| all.iter().filter(|l| key(l)).cloned().collect())
    };
    match (of(theirs), of(ours)) {
        (None, None) => String::new(),
        (None, Some(_)) if theirs.as_ref().is_err_and(|said| is_too_new(said)) => String::new(),
        (Some(a), Some(b)) => {
            let mut out = String::new();
            for line in a.iter().filter(|l| !b.contains(l)) {
                let _ = writeln!(out, "  ssh:  {}", line.escape_ascii());
            }
            for line in b.iter().filter(|l| !a.contains(l)) {
                let _ = writeln!(out, "  thub: {}", line.escape_ascii());
            }
            if out.is_empty() && a != b { "  the order, or how often\n".into() } else { out }
        }
        _ => format!("  ssh:  {:?}\n  thub: {:?}\n", theirs.as_ref().err(), ours.as_ref().err()),
    }
}

#[test]
fn the_corpus_reads_as_ssh_reads_it() {
    let files = Files::new();
    let Some(keys) = compared(&files) else { return };
    let (mut wrong, mut errors) = (String::new(), 0);
    let cases = cases();
    for (name, dest) in &cases {
        let file = files.at(name);
        let (theirs, ours) = (ssh_reads(&file, dest), files.thub_reads(&file, dest));
        errors += usize::from(theirs.is_err());
        if let Err(said) = &ours {
            assert!(said.contains("thub: ") && said.contains("\n  "), "{name}: no sentence and hint: {said}");
        }
        let difference = difference(&theirs, &ours, &keys);
        if !difference.is_empty() {
            let _ = writeln!(wrong, "{name} for {dest}:\n{difference}");
        }
    }
    println!("{} files and hosts, {errors} of them errors", cases.len());
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn made_up_files_read_as_ssh_reads_them() {
    let files = Files::new();
    let Some(keys) = compared(&files) else { return };
    let mut dice = Dice::new();
    let mut errors = 0;
    let n = scale(60);
    for i in 0..n {
        let text = made_up::config(&mut dice);
        let file = files.at(&format!("made_up_{i}"));
        files.write(&file, &text);
        let dest = made_up::dest(&mut dice);
        let (theirs, ours) = (ssh_reads(&file, dest), files.thub_reads(&file, dest));
        errors += usize::from(theirs.is_err());
        let difference = difference(&theirs, &ours, &keys);
        assert!(
            difference.is_empty(),
            "for {dest}:\n{}\n{difference}",
            text.escape_ascii().to_string().replace("\\n", "\n")
        );
    }
    println!("{n} files, {errors} of them errors");
    assert!(errors < n * 3 / 4, "most must mean something");
}

/// A machine that is the same everywhere; files are real.
struct Fixed {
    me: Me,
    dir: PathBuf,
}
impl World for Fixed {
    fn me(&self) -> &Me {
        &self.me
    }
    fn machine(&self) -> String {
        "box.lan".into()
    }
    fn env(&self, name: &str) -> Option<String> {
        Some(match name {
            "K" => "key".into(),
            "SOCK" => "/tmp/sock".into(),
            "HOME" => "/home/me".into(),
            _ => return None,
        })
    }
    fn home_of(&self, user: &str) -> Option<String> {
        (user == "root").then(|| "/root".into())
    }
    fn read(&self, path: &str) -> std::io::Result<Opened> {
        let path = Path::new(path);
        let text = if path.is_dir() { Vec::new() } else { std::fs::read(path)? };
        Ok(Opened { text, uid: self.me.uid, gid: self.me.uid, mode: 0o100600 })
    }
    fn glob(&self, pattern: &str) -> Vec<String> {
        // only below the corpus: nothing of this machine
        if pattern.starts_with(&self.dir.display().to_string()) { own::glob::files(pattern) } else { Vec::new() }
    }
    fn is_private(&self, _: u32, _: u32) -> bool {
        false
    }
    fn run(&self, command: &str) -> Result<bool, String> {
        let status = Command::new("/bin/sh").arg("-c").arg(command).env("HOME", "/home/me").status();
        status.map_err(|e| e.to_string())?.code().map(|c| c == 0).ok_or_else(|| "a signal".into())
    }
    fn service(&self, name: &str) -> Option<u16> {
        [("ssh", 22), ("http", 80), ("https", 443)].iter().find(|(n, _)| *n == name).map(|(_, p)| *p)
    }
    fn interface(&self, name: &str) -> Option<u32> {
        (name == "lo").then_some(1)
    }
    fn has_address(&self, _: &str, _: Option<u8>) -> bool {
        false
    }
    fn addresses(&self) -> Vec<std::net::IpAddr> {
        ["127.0.0.1", "192.168.7.9", "fd00::9"].iter().map(|a| a.parse().unwrap()).collect()
    }
    fn exists(&self, path: &str) -> bool {
        path == "/tmp/sock"
    }
}

#[test]
fn the_corpus_reads_as_it_did() {
    let files = Files::new();
    let me = Me { uid: 1000, name: "me".into(), home: "/home/me".into() };
    let world = Fixed { me, dir: files.dir.path().into() };
    let dir = latin(files.dir.path().as_os_str().as_encoded_bytes());
    let read = |name: &str, dest: &str| {
        let read = own::read(&parse_dest(dest).unwrap(), Some(&files.at(name)), &world);
        let lines = |text: Vec<u8>| -> Vec<String> {
            text.split(|b| *b == b'\n').map(|l| latin(l).replace(&dir, "@DIR@")).filter(|l| !l.is_empty()).collect()
        };
        read.map(lines).map_err(|f| f.what.replace(&dir, "@DIR@"))
    };
    let usual = read("empty", "web").unwrap();
    let mut got = String::from("# what differs from an empty file, by tests/ssh_config.rs\n");
    for (name, dest) in cases() {
        let _ = writeln!(got, "== {name} {dest}");
        match read(&name, &dest) {
            Err(what) => {
                let _ = writeln!(got, "error: {what}");
            }
            Ok(lines) => {
                let shown = |l: &String| l.chars().flat_map(char::escape_default).collect::<String>();
                for line in lines.iter().filter(|l| !usual.contains(l)) {
                    let _ = writeln!(got, "{}", shown(line));
                }
                for line in usual.iter().filter(|l| !lines.contains(l)) {
                    let key = line.split(' ').next().unwrap();
                    if !lines.iter().any(|l| l.split(' ').next() == Some(key)) {
                        let _ = writeln!(got, "no {}", shown(line));
                    }
                }
            }
        }
    }
    let path = corpus().join("want");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &got).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap();
    let part = |text: &str| text.split("== ").map(str::to_string).collect::<Vec<_>>();
    for (got, want) in part(&got).iter().zip(part(&want)) {
        assert_eq!(*got, want, "UPDATE=1 writes it anew, if ssh says the same");
    }
    assert_eq!(got.len(), want.len());
}

#[test]
fn a_file_that_others_may_write_is_not_read() {
    let files = Files::new();
    let main = files.at("main");
    files.write(&main, b"Include @DIR@/inc/c.txt\n");
    let included = files.at("inc/c.txt");
    for (mode, right) in [(0o600, true), (0o644, true), (0o602, false), (0o666, false)] {
        std::fs::set_permissions(&included, std::fs::Permissions::from_mode(mode)).unwrap();
        let read = files.thub_reads(&main, "web");
        assert_eq!(read.is_ok(), right, "{mode:o}: {read:?}");
        if let Err(said) = read {
            assert!(said.contains("inc/c.txt") && said.contains("bad owner or permissions"), "{said}");
        }
        if Command::new("ssh").arg("-V").output().is_ok() {
            assert_eq!(ssh_reads(&main, "web").is_ok(), right, "{mode:o}");
        }
    }
}

#[test]
fn without_ssh_the_own_reader_is_asked() {
    let files = Files::new();
    let nowhere = files.at("no-programs");
    std::fs::create_dir(&nowhere).unwrap();
    let read = |args: &[&str], file: &Path| {
        output(
            files.thub().args(["debug", "ssh-config"]).args(args).arg("-F").arg(file).arg("db").env("PATH", &nowhere),
        )
    };
    let plain = read(&[], &files.at("plain")).unwrap();
    assert!(plain.contains(&b"hostname db.lan".to_vec()), "{plain:?}");
    assert_eq!(plain, read(&["--own"], &files.at("plain")).unwrap());
    let said = read(&[], &files.at("nothing")).unwrap_err();
    assert!(said.contains("nothing") && said.contains("no such file"), "{said}");
    let said = read(&[], &files.at("include_circle")).unwrap_err();
    assert!(said.contains("look for a circle"), "{said}");
    let said = read(&[], &files.at("unknown_elsewhere")).unwrap_err();
    assert!(said.contains("unknown_elsewhere:2: there is no option usekeychain"), "{said}");
    // a host that is not to be connected to: no try, and the user's own words why
    let mut refused = files.thub();
    refused.arg("-F").arg(files.at("newer")).args(["ls", "-H", "other"]).env("PATH", &nowhere);
    let said = environment(&mut refused).output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.code() == Some(4) && said.stdout.is_empty() && text.contains("do not use"), "{said:?}");
    // the same where a newer ssh is asked
    let ssh = nowhere.join("ssh");
    std::fs::write(&ssh, "#!/bin/sh\necho 'cfg line 3: RefuseConnection: leave it alone' >&2\nexit 255\n").unwrap();
    std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut refused = files.thub();
    refused.args(["run", "-H", "other", "--", "true"]).env("PATH", &nowhere);
    let said = environment(&mut refused).output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.code() == Some(255) && text.contains("refuses the connection: leave it alone"), "{said:?}");
}
