//! `thub cp`: between this machine and hosts with an agent, without one, behind one; over what falls meanwhile.

use crate::far::Far;
use crate::hub::Hub;
use crate::support::home::{Output, exit_of};
use crate::support::proxy::Proxy;
use crate::support::{Home, signal, until};
use crate::without::Bare;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;

/// All of a tree: mode, time in seconds and contents; links by where they lead.
fn tree(top: &Path) -> BTreeMap<Vec<u8>, (u32, i64, Vec<u8>)> {
    fn walk(top: &Path, dir: &Path, all: &mut BTreeMap<Vec<u8>, (u32, i64, Vec<u8>)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(top).unwrap().as_os_str().as_bytes().to_vec();
            if meta.is_symlink() {
                all.insert(name, (0, 0, std::fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec()));
            } else if meta.is_dir() {
                all.insert(name, (meta.mode() & 0o7777, meta.mtime(), b"dir".to_vec()));
                walk(top, &path, all);
            } else {
                all.insert(name, (meta.mode() & 0o7777, meta.mtime(), std::fs::read(&path).unwrap()));
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(top, top, &mut all);
    all
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut x = 88_172_645_463_325_252u64;
    let mut all = Vec::with_capacity(bytes + 8);
    while all.len() < bytes {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        all.extend_from_slice(&x.to_le_bytes());
    }
    all.truncate(bytes);
    all
}

/// Names and kinds that a tree may have.
fn grow(top: &Path) {
    std::fs::create_dir_all(top.join("in/empty")).unwrap();
    let put = |name: &[u8], bytes: &[u8], mode: u32| {
        let at = top.join(OsStr::from_bytes(name));
        std::fs::write(&at, bytes).unwrap();
        let file = std::fs::File::open(&at).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_234_567_890)).unwrap();
        file.set_permissions(PermissionsExt::from_mode(mode)).unwrap();
    };
    put(b"-rf", b"dash", 0o644);
    put(b"two\nlines", b"lines", 0o640);
    put(b"\xff\xfe bytes", b"bytes", 0o600);
    put(b"a: b", b"colon", 0o755);
    put(b"in/nothing", b"", 0o444);
    put(b"in/large", &noise(9 << 20), 0o600);
    for i in 0..300 {
        put(format!("in/{i}").as_bytes(), &noise(i * 11), 0o644);
    }
    symlink("../-rf", top.join("in/link")).unwrap();
    symlink("/etc/nothing there", top.join("away")).unwrap();
}

fn end_of(out: &Output) -> Value {
    let last = out.out.lines().last().unwrap_or_else(|| panic!("{out:?}"));
    serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {out:?}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn up_down_and_within() {
    let Some(far) = Far::deployed() else { return };
    let (top, there) = (far.home.at("top"), far.sshd.home());
    grow(&top);
    far.thub(&["cp", text(&top), "test:"]).ok();
    assert_eq!(tree(&there.join("top")), tree(&top));
    // again: nothing goes over
    let again = far.thub(&["cp", "--json", text(&top), "test:"]);
    assert_eq!((again.code, end_of(&again)["carried"].as_u64()), (0, Some(0)), "{again:?}");
    let back = far.home.at("back");
    far.thub(&["cp", "-q", "test:top", text(&back)]).ok();
    assert_eq!(tree(&back), tree(&top));
    // both ends there, under another name; all that is in it, into one that is made
    far.thub(&["cp", "test:top", "test:copy"]).ok();
    assert_eq!(tree(&there.join("copy")), tree(&top));
    far.thub(&["cp", "-H", "test", ":top/.", ":all/"]).ok();
    assert_eq!(tree(&there.join("all")), tree(&top));
    // what is named is meant, also where it is a link
    symlink("top/two\nlines", there.join("newest")).unwrap();
    far.thub(&["cp", "test:newest", text(&far.home.at("."))]).ok();
    assert_eq!(std::fs::read(far.home.at("newest")).unwrap(), b"lines");

    // nothing is written over unless that is said
    std::fs::write(far.home.at("one"), "mine").unwrap();
    std::fs::write(there.join("one"), "other").unwrap();
    let said = far.thub(&["cp", text(&far.home.at("one")), "test:one"]);
    assert!(said.code == 1 && said.err.contains("'one'") && said.err.contains("--force"), "{said:?}");
    far.thub(&["cp", "--skip", text(&far.home.at("one")), "test:"]).ok();
    assert_eq!(std::fs::read(there.join("one")).unwrap(), b"other");
    far.thub(&["cp", "--keep-both", text(&far.home.at("one")), "test:"]).ok();
    assert_eq!(std::fs::read(there.join("one (2)")).unwrap(), b"mine");
    far.thub(&["cp", "-f", text(&far.home.at("one")), "test:"]).ok();
    assert_eq!(std::fs::read(there.join("one")).unwrap(), b"mine");
    for (words, code, what) in [
        (&["test:nothing", "x"][..], 1, "no such file"),
        (&["test:one", "test:top", "test:nowhere"], 2, "nowhere"),
        (&["test:one", "test:one"], 4, "the same"),
        (&["test:top", "test:top/in"], 4, "into itself"),
        (&["test/nobody:x", "y"], 2, "nobody"),
        (&[":x", "y"], 2, "-H HOST"),
    ] {
        let said = far.thub(&[&["cp"], words].concat());
        assert!(said.code == code && said.err.contains(what), "{words:?}: {said:?}");
    }
    assert_eq!(tree(&there.join("top")), tree(&top), "what failed changed nothing");
}

#[test]
fn without_an_agent() {
    let Some(bare) = Bare::new() else { return };
    let (top, there) = (bare.home.at("top"), bare.sshd.home());
    grow(&top);
    // (an SFTP server begins at the account's own home, not at the one that sshd sets)
    let at = |name: &str| format!("test:{}/{name}", there.display());
    bare.thub(&["cp", "--no-agent", text(&top), &at("")]).ok();
    assert_eq!(tree(&there.join("top")), tree(&top));
    bare.thub(&["cp", "--no-agent", &at("top"), text(&bare.home.at("back"))]).ok();
    assert_eq!(tree(&bare.home.at("back")), tree(&top));
    bare.thub(&["cp", "--no-agent", &at("top"), &at("copy")]).ok();
    assert_eq!(tree(&there.join("copy")), tree(&top));
    // a connection of this machine is as good
    bare.thub(&["conn", "add", "bare-node", "test", "--tag", "x"]).ok();
    let dash = format!("bare-node:{}/top/-rf", there.display());
    bare.thub(&["cp", &dash, text(&bare.home.at("dash"))]).ok();
    assert_eq!(std::fs::read(bare.home.at("dash")).unwrap(), b"dash");
    assert_eq!(std::fs::read_dir(&there).unwrap().flatten().filter(|e| e.file_name() == ".local").count(), 0);
}

#[test]
fn a_target_behind_an_agent() {
    let Some(hub) = Hub::new() else { return };
    let far = &hub.far;
    hub.know();
    let (top, there) = (far.home.at("top"), hub.target.home());
    grow(&top);
    far.thub(&["conn", "add", "-H", "test", "sensor-node", "sensor", "--in", "Deploy Targets"]).ok();
    far.thub(&["new", "-d", "-H", "test", "-n", "one", "--connection", "sensor-node"]).ok();
    let at = |name: &str| format!("test/sensor-node:{}/{name}", there.display());
    far.thub(&["cp", text(&top), &at("")]).ok();
    assert_eq!(tree(&there.join("top")), tree(&top));
    far.thub(&["cp", &at("top").replacen("sensor", "Deploy Targets/sensor", 1), text(&far.home.at("back"))]).ok();
    assert_eq!(tree(&far.home.at("back")), tree(&top));
    // between the agent's host and what it reaches
    far.thub(&["cp", &at("top"), "test:of-sensor"]).ok();
    far.thub(&["cp", "test:of-sensor", &at("again")]).ok();
    assert_eq!(tree(&there.join("again")), tree(&top));
    assert_eq!(hub.logins(), 1, "shells and files go over one connection");
    // it is lost meanwhile: the copy waits for the next
    let big = far.home.at("big");
    std::fs::write(&big, noise(96 << 20)).unwrap();
    let mut copying = far.home.thub_command(&far.words(&["cp", text(&big), &at("")]));
    let mut copying = copying.stdout(Stdio::null()).spawn().unwrap();
    until("some of it there", || part_of(&there).filter(|n| *n > 12 << 20));
    let [target] = hub.targets()[..] else { panic!("{:?}", hub.targets()) };
    signal(target, Signal::KILL);
    assert_eq!(exit_of(&mut copying), 0);
    assert!(std::fs::read(there.join("big")).unwrap() == std::fs::read(&big).unwrap());
    assert_eq!(hub.logins(), 2);
}

/// Bytes of the part in a directory; none = there is none.
fn part_of(dir: &Path) -> Option<u64> {
    let part = std::fs::read_dir(dir).ok()?.flatten().find(|e| e.file_name().as_bytes().starts_with(b".thub-"));
    part?.metadata().ok().map(|m| m.len())
}

#[test]
fn killed_half_way_it_goes_on() {
    let Some(far) = Far::deployed() else { return };
    const SIZE: usize = 160 << 20;
    let big = far.home.at("big");
    std::fs::write(&big, noise(SIZE)).unwrap();
    let down = far.home.at("down");
    std::fs::create_dir(&down).unwrap();
    for (from, to, dir) in [(text(&big), "test:copy", far.sshd.home()), ("test:copy", text(&down), down.clone())] {
        let mut copying = far.home.thub_command(&far.words(&["cp", from, to]));
        let mut copying = copying.stdout(Stdio::null()).spawn().unwrap();
        until("some of it there", || part_of(&dir).filter(|n| *n > 32 << 20));
        copying.kill().unwrap();
        copying.wait().unwrap();
        assert!(!dir.join("copy").exists(), "it has no name before it is whole");
        let rest = far.thub(&["cp", "--json", from, to]);
        assert_eq!(rest.code, 0, "{}", rest.err);
        let carried = end_of(&rest)["carried"].as_u64().unwrap();
        assert!(carried < (SIZE - (24 << 20)) as u64, "{carried}");
        assert!(std::fs::read(dir.join("copy")).unwrap() == std::fs::read(&big).unwrap());
        assert_eq!(part_of(&dir), None);
    }
}

#[test]
fn a_link_that_is_cut_is_waited_for() {
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy);
    let top = far.home.at("top");
    grow(&top);
    std::fs::write(top.join("big"), noise(64 << 20)).unwrap();
    let there = far.sshd.home();
    let mut copying = far.home.thub_command(&["-F", text(&config), "cp", text(&top), "test:"]);
    let mut copying = copying.stdout(Stdio::null()).spawn().unwrap();
    for least in [1u64, 12 << 20, 30 << 20] {
        until("some of it there", || part_of(&there.join("top")).filter(|n| *n >= least));
        proxy.cut();
    }
    assert_eq!(exit_of(&mut copying), 0);
    assert!(proxy.cuts() >= 3);
    assert_eq!(tree(&there.join("top")), tree(&top));
}

#[test]
fn a_passphrase_is_asked_once_for_shells_and_files() {
    let Some(hub) = Hub::new() else { return };
    let far = &hub.far;
    hub.know();
    let key = far.sshd.home().join(".ssh/id");
    let locked = std::process::Command::new("ssh-keygen").args(["-q", "-p", "-N", "secret", "-f"]).arg(&key).status();
    assert!(locked.unwrap().success());
    let owner = std::fs::metadata(far.sshd.home()).unwrap();
    std::os::unix::fs::chown(&key, Some(owner.uid()), Some(owner.gid())).unwrap();
    far.thub(&["conn", "add", "-H", "test", "sensor-node", "sensor"]).ok();
    std::fs::write(hub.target.home().join("file"), "there").unwrap();
    // without a terminal nobody is asked
    let file = format!("test/sensor-node:{}/file", hub.target.home().display());
    let said = far.thub(&["cp", &file, text(&far.home.at("file"))]);
    assert!(said.code != 0 && hub.logins() == 0, "{said:?}");
    let words = far.words(&["cp", &file, text(&far.home.at("file"))]).join(" ");
    let mut tty = crate::support::Tty::shell(&far.home, 120, 35);
    tty.type_(format!("{} {words}; echo code-$?\r", crate::support::THUB));
    tty.until_text("hrase");
    tty.type_("secret\r");
    tty.until_text("code-0");
    assert_eq!(std::fs::read(far.home.at("file")).unwrap(), b"there");
    // the connection stands: a shell and more files need nobody
    far.thub(&["new", "-d", "-H", "test", "-n", "one", "--connection", "sensor-node"]).ok();
    far.thub(&["cp", &file, text(&far.home.at("again"))]).ok();
    assert_eq!(hub.logins(), 1);
    tty.kill9();
}

#[test]
fn who_sits_there_is_asked_about_names_that_are_taken() {
    let home = Home::new();
    for dir in ["src", "dst"] {
        std::fs::create_dir(home.at(dir)).unwrap();
        for name in ["a", "b", "c"] {
            std::fs::write(home.at(dir).join(name), dir.repeat(if dir == "src" { 1 } else { 2 })).unwrap();
        }
    }
    let start = || {
        let mut command = home.thub_command(&["cp", "src/.", "dst"]);
        command.current_dir(home.dir());
        let tty = crate::support::Tty::start(command, 120, 35);
        tty.until_text("is there already, and is another one: 6 B");
        tty
    };
    let ours = || ["a", "b", "c"].iter().filter(|n| std::fs::read(home.at("dst").join(n)).unwrap() == b"src").count();
    // who says no more than Ctrl-C has said nothing
    let mut tty = start();
    tty.type_("\x03");
    assert_eq!((tty.wait_exit(), ours()), (130, 0));
    let mut tty = start();
    tty.type_("what?\r");
    tty.until("asked anew", |s| s.concat().matches("(s)kip").count() == 2);
    tty.type_("r\r");
    tty.until("the next one", |s| s.concat().matches("is another one").count() == 2);
    tty.type_("S\r");
    assert_eq!((tty.wait_exit(), ours()), (0, 1));
    // what would be done is told: with these words, and nothing is made
    let said =
        home.thub(&["cp", "-n", "-f", text(&home.at("src/a")), text(&home.at("src/b")), text(&home.at("made/"))]);
    let mut lines: Vec<&str> = said.out.lines().collect();
    lines.sort_unstable();
    assert_eq!((said.code, lines), (0, vec!["copy a  3 B", "copy b  3 B"]), "{said:?}");
    assert!(!home.at("made").exists());
    // nobody is asked who could not answer
    let said = home.thub(&["cp", text(&home.at("src/.")), text(&home.at("dst"))]);
    assert_eq!((said.code, ours()), (1, 1), "{said:?}");
}

#[test]
fn an_interrupt_says_how_it_goes_on() {
    let home = Home::new();
    let big = home.at("big");
    std::fs::File::create(&big).unwrap().set_len(8 << 30).unwrap();
    std::fs::create_dir(home.at("to")).unwrap();
    let mut copying = home.thub_command(&["cp", text(&big), text(&home.at("to/x"))]);
    let copying = copying.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = until("it is begun", || std::fs::read_dir(home.at("to")).unwrap().next());
    signal(i32::try_from(copying.id()).unwrap(), Signal::INT);
    let out = copying.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&out.stderr).contains("the same command again"), "{out:?}");
}

#[test]
#[ignore = "takes its time, and a release build"]
fn faster_than_scp() {
    use std::time::Instant;
    let Some(far) = Far::deployed() else { return };
    let there = far.sshd.home();
    let scp = |from: String, to: String| {
        let mut scp = std::process::Command::new("scp");
        scp.args(["-q", "-r", "-F", text(&far.config), &from, &to]);
        let t = Instant::now();
        assert!(scp.status().unwrap().success());
        t.elapsed().as_secs_f64()
    };
    let thub = |from: &str, to: &str| {
        let t = Instant::now();
        far.thub(&["cp", from, to]).ok();
        t.elapsed().as_secs_f64()
    };
    let many = far.home.at("many");
    for d in 0..10 {
        std::fs::create_dir_all(many.join(d.to_string())).unwrap();
        for i in 0..1000 {
            std::fs::write(many.join(format!("{d}/{i}")), noise(1000 + i)).unwrap();
        }
    }
    let big = far.home.at("big");
    std::fs::write(&big, noise(1 << 30)).unwrap();
    let home = far.home.at(".").display().to_string();
    let at = |name: &str| format!("test:{}/{name}", there.display());
    // without an agent it is SFTP through a target process
    let bare = |from: &str, to: &str| {
        let t = Instant::now();
        far.thub(&["cp", "--no-agent", from, to]).ok();
        t.elapsed().as_secs_f64()
    };
    let up = [
        (thub(text(&many), "test:m1"), scp(text(&many).into(), at("m2")), bare(text(&many), &at("m3"))),
        (thub(text(&big), "test:b1"), scp(text(&big).into(), at("b2")), bare(text(&big), &at("b3"))),
    ];
    let to = |name: &str| format!("{home}/{name}");
    let down = [
        (thub("test:m1", &to("d1")), scp(at("m2"), to("d2")), bare(&at("m3"), &to("d3"))),
        (thub("test:b1", &to("e1")), scp(at("b2"), to("e2")), bare(&at("b3"), &to("e3"))),
    ];
    for (way, [many, big]) in [("up", up), ("down", down)] {
        println!("10,000 files {way}: thub {:.2} s, scp {:.2} s, thub over SFTP {:.2} s", many.0, many.1, many.2);
        println!("1 GiB {way}: thub {:.2} s, scp {:.2} s, thub over SFTP {:.2} s", big.0, big.1, big.2);
        assert!(many.0 < many.1 && many.2 < many.1);
        // (over SFTP, here, four processes share the processors with this machine's disk side)
        assert!(big.0 < big.1 * 1.2 && big.2 < big.1 * 2.0);
    }
    assert!(
        tree(&far.home.at("d3")) == tree(&many) && std::fs::read(to("e3")).unwrap() == std::fs::read(&big).unwrap()
    );
}
