//! A second user of the machine: nothing of the first opens, nothing of the first is read, a laid trap is refused.

use crate::support::home::{Output, finish};
use crate::support::{Home, is_root, skip, until, words};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A user of this machine, gone with this.
pub struct User {
    pub name: String,
    pub id: u32,
    pub group: u32,
}

impl User {
    /// None where there is nobody to make one.
    pub fn new(mark: &str) -> Option<User> {
        let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
        if !is_root() || !there("setpriv") || !Path::new("/usr/sbin/useradd").exists() {
            skip("second user (root, useradd and setpriv make one)");
            return None;
        }
        // (several tests at once have one each)
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("thub-{mark}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut useradd = Command::new("/usr/sbin/useradd");
        useradd.args(["--no-create-home", "--user-group", "--shell", "/bin/sh", &name]);
        // (another one at the same time holds the lock)
        until("useradd to work", || useradd.output().expect("useradd").status.success().then_some(()));
        let number = |flag: &str| -> u32 {
            let out = Command::new("id").args([flag, &name]).output().expect("id");
            String::from_utf8_lossy(&out.stdout).trim().parse().expect("a number")
        };
        let (id, group) = (number("-u"), number("-g"));
        Some(User { name, id, group })
    }

    /// A home that passwd knows, and leave to log in by key.
    pub fn give_home(&self, dir: &Path) {
        std::fs::create_dir(dir).unwrap();
        self.take_home(dir);
    }

    /// The same with a directory that is there.
    pub fn take_home(&self, dir: &Path) {
        std::fs::set_permissions(dir.parent().unwrap(), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::set_permissions(dir, PermissionsExt::from_mode(0o700)).unwrap();
        chown(dir, Some(self.id), Some(self.group)).unwrap();
        let mut usermod = Command::new("/usr/sbin/usermod");
        // '*': no password fits; '!' would lock keys out as well
        usermod.args(["--home", dir.to_str().unwrap(), "--password", "*", &self.name]);
        until("usermod to work", || usermod.output().expect("usermod").status.success().then_some(()));
    }

    /// A command as this user, in a home of its own.
    fn run(&self, home: &Home, words: &[&str]) -> Output {
        self.run_in(home, words, b"")
    }
    fn run_in(&self, home: &Home, words: &[&str], input: &[u8]) -> Output {
        let mut command = home.command("setpriv");
        command.args(["--reuid", &self.id.to_string(), "--regid", &self.group.to_string(), "--clear-groups", "--"]);
        command.args(words).current_dir("/");
        finish(command, input)
    }

    /// A home that is this user's.
    fn home(&self) -> Home {
        let home = Home::new();
        for name in [".", "home", "run", "state", "config"] {
            chown(home.at(name), Some(self.id), Some(self.group)).expect("chown");
        }
        home
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let mut userdel = Command::new("/usr/sbin/userdel");
        userdel.arg(&self.name);
        // 1 = the lock, 10 = the same of the group file; 6 = it is gone
        let mut gone = || userdel.output().ok().and_then(|o| o.status.code()).filter(|c| [0, 6].contains(c));
        if !std::thread::panicking() {
            until("userdel to work", gone);
        } else {
            let _ = gone();
        }
    }
}

/// All in a folder, the folder itself left out.
fn below(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        found.push(entry.path());
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            below(&entry.path(), found);
        }
    }
}

#[test]
fn a_second_user_gets_at_nothing() {
    let Some(first) = User::new("a") else { return };
    let second = User::new("b").unwrap();
    let home = first.home();
    // a home others may look into, as most are: what thub makes must not lean on it
    std::fs::set_permissions(home.dir(), PermissionsExt::from_mode(0o755)).unwrap();
    for name in ["run", "state", "config", "home"] {
        std::fs::remove_dir(home.at(name)).unwrap();
    }
    std::fs::create_dir(home.at("home")).unwrap();
    chown(home.at("home"), Some(first.id), Some(first.group)).unwrap();
    std::fs::set_permissions(home.at("home"), PermissionsExt::from_mode(0o755)).unwrap();
    let thub = home.at("thub");
    std::fs::copy(crate::support::THUB, &thub).unwrap();
    std::fs::set_permissions(&thub, PermissionsExt::from_mode(0o755)).unwrap();
    let thub = thub.to_str().unwrap().to_string();
    let made = first.run(&home, &[&thub, "new", "-d", "-n", "mine", "--", "sh", "-c", "echo secret; exec cat"]);
    assert_eq!(made.code, 0, "{made:?}");
    let ended = first.run(&home, &[&thub, "new", "-d", "-n", "ended", "--", "sh", "-c", "echo secret"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    first.run(&home, &[&thub, "wait", "ended"]).ok();
    first.run(&home, &[&thub, "wait", "mine", "--text", "secret", "--timeout", "30"]).ok();

    // owner and modes
    let mut all = Vec::new();
    for dir in [home.run_dir(), home.at("state"), home.at("home")] {
        if dir.exists() {
            below(&dir, &mut all);
        }
    }
    all.push(home.run_dir());
    assert!(all.iter().any(|p| p.extension().is_some_and(|e| e == "sock")), "{all:?}");
    assert!(all.iter().any(|p| p.extension().is_some_and(|e| e == "end")), "{all:?}");
    for path in &all {
        let meta = std::fs::symlink_metadata(path).unwrap();
        assert_eq!(meta.uid(), first.id, "{}", path.display());
        assert_eq!(meta.mode() & 0o077, 0, "{} {:o}", path.display(), meta.mode());
    }
    // what the second one tries
    for path in &all {
        let read = second.run(&home, &["cat", path.to_str().unwrap()]);
        assert!(read.code != 0 && !read.out.contains("secret"), "{}", path.display());
        let list = second.run(&home, &["ls", "-la", path.to_str().unwrap()]);
        assert!(list.code != 0, "{} {list:?}", path.display());
    }
    let socket = all.iter().find(|p| p.extension().is_some_and(|e| e == "sock")).unwrap();
    let socat = Command::new("socat").arg("-V").output().is_ok();
    if !socat {
        skip("socat");
    }
    let address = format!("UNIX-CONNECT:{}", socket.display());
    if socat {
        let opened = second.run(&home, &["socat", "-u", "OPEN:/dev/null", &address]);
        assert!(opened.code != 0 && opened.err.contains("ermission denied"), "{opened:?}");
    }
    let said = second.run(&home, &[&thub, "ls"]).fails(1.max(second.run(&home, &[&thub, "ls"]).code));
    assert!(!said.contains("mine"), "{said}");
    second.run(&home, &[&thub, "kill", "--all"]);
    // even with the folders opened up by mistake, the session itself turns others away
    for dir in [home.run_dir(), home.run_root()] {
        std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o755)).unwrap();
    }
    std::fs::set_permissions(socket, PermissionsExt::from_mode(0o777)).unwrap();
    if socat {
        let call = br#"{"jsonrpc":"2.0","id":1,"method":"session.list","params":{}}"#;
        let mut frame = (5 + call.len() as u32).to_le_bytes().to_vec();
        frame.extend([0, 0, 0, 0, 0]);
        frame.extend(call);
        // the first one is answered, whatever the answer; the second one is not even greeted
        for (user, greeted) in [(&first, true), (&second, false)] {
            let said = user.run_in(&home, &["socat", "-t", "2", "-", &address], &frame);
            assert_eq!(!said.bytes.is_empty(), greeted, "{said:?}");
        }
    }
    for dir in [home.run_dir(), home.run_root()] {
        std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o700)).unwrap();
    }
    let still = first.run(&home, &[&thub, "capture", "mine"]);
    assert!(still.code == 0 && still.out.starts_with("secret"), "{still:?}");
    // the processes say nothing in their arguments, and their environment is their own
    for pid in home.processes() {
        assert!(!words(pid).join(" ").contains("mine"), "{:?}", words(pid));
    }
    first.run(&home, &[&thub, "kill", "--all"]).ok();
}

#[test]
fn a_run_dir_laid_as_a_trap_is_refused() {
    let home = Home::new();
    let run = home.run_dir();
    let kept = home.at("kept");
    let refused = |why: &str| {
        for words in [&["ls"][..], &["new", "-d", "--", "cat"], &["doctor"]] {
            let said = home.thub(words);
            assert!(said.code != 0 && !said.err.is_empty() && !said.err.contains("panicked"), "{why}: {said:?}");
            assert!(said.err.lines().next().unwrap().len() < 400, "{why}: {said:?}");
        }
        let four = home.thub(&["new", "-d", "--", "cat"]).code;
        assert!(four == 4 || four == 1, "{why}: {four}");
    };
    // open to others
    for mode in [0o777, 0o770, 0o707, 0o722, 0o1777] {
        std::fs::set_permissions(&run, PermissionsExt::from_mode(mode)).unwrap();
        refused(&format!("mode {mode:o}"));
    }
    std::fs::set_permissions(&run, PermissionsExt::from_mode(0o700)).unwrap();
    // a symlink, also to a good folder
    std::fs::rename(&run, &kept).unwrap();
    symlink(&kept, &run).unwrap();
    refused("symlink");
    std::fs::remove_file(&run).unwrap();
    // to nowhere: nothing is made where it points
    symlink(home.at("elsewhere"), &run).unwrap();
    refused("symlink to nowhere");
    assert!(!home.at("elsewhere").exists());
    std::fs::remove_file(&run).unwrap();
    // no folder at all
    std::fs::write(&run, "").unwrap();
    refused("file");
    std::fs::remove_file(&run).unwrap();
    // somebody else's
    if let Some(other) = User::new("c") {
        std::fs::create_dir(&run).unwrap();
        std::fs::set_permissions(&run, PermissionsExt::from_mode(0o700)).unwrap();
        chown(&run, Some(other.id), Some(other.group)).unwrap();
        refused("another's");
        assert_eq!(std::fs::read_dir(&run).unwrap().count(), 0, "nothing is put there");
        chown(&run, Some(0), Some(0)).unwrap();
        // and the folder inside of it
        home.thub(&["ls"]).ok();
        let root = home.run_root();
        chown(&root, Some(other.id), Some(other.group)).unwrap();
        refused("another's folder inside");
        std::fs::remove_dir_all(&run).unwrap();
    }
    std::fs::rename(&kept, &run).unwrap();
    home.new_session(&["-n", "ok", "--", "cat"]);
    // while it lives: opened up afterwards is refused as well
    std::fs::set_permissions(&run, PermissionsExt::from_mode(0o777)).unwrap();
    refused("opened up later");
    std::fs::set_permissions(&run, PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(home.session("ok")["state"], "detached");
}
