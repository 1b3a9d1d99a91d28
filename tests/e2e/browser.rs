//! The file browser in a real terminal: places, names, copies, edits; here, and to a host behind a real sshd.

use crate::far::Far;
use crate::support::{Home, Tty, until};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
#[track_caller]
fn until_file(path: &Path, text: &str) {
    until(&format!("{} says {text:?}", path.display()), || (read(path) == text).then_some(()));
}

/// A pause in the typing: only then does a question that came by itself take keys.
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(1000));
}

/// Takes the filter away. (A key behind Escape at once would be one with Alt.)
#[track_caller]
fn unfiltered(tty: &Tty) {
    tty.type_("\x1b");
    tty.until("no filter", |s| !s.iter().any(|l| l.contains("└ /")));
}

/// Goes to a directory that has `there.txt`.
#[track_caller]
fn go_to(tty: &Tty, dir: &Path) {
    tty.type_(":");
    tty.until_text("go to a path");
    tty.type_(format!("{}\r", dir.display()));
    tty.until_text("there.txt");
}

/// A home with something in it, and the browser over it: `work` on the left, home on the right.
fn browser(home: &Home, editor: Option<&Path>) -> (Tty, PathBuf) {
    let work = home.at("home/work");
    write(&work.join("a.txt"), "one\ntwo\n");
    write(&work.join("b.log"), "log\n");
    write(&work.join("sub/deep/c"), "c\n");
    let mut command = home.thub_command(&[]);
    command.current_dir(&work);
    if let Some(editor) = editor {
        command.env("EDITOR", editor);
    }
    let tty = Tty::start(command, 120, 35);
    tty.until_text("ready$");
    tty.prefix("F");
    tty.until("both columns", |s| {
        s.iter().any(|l| l.contains("home/work ─") && l.contains("home ─")) && s.iter().any(|l| l.contains("b.log"))
    });
    (tty, work)
}

#[test]
fn files_of_this_machine() {
    let home = Home::new();
    let (mut tty, work) = browser(&home, None);
    // a directory is made, and the cursor is on it
    tty.type_("n");
    tty.until_text("new directory");
    tty.type_("a/b");
    tty.until_text("one component");
    tty.type_("\x15made\r");
    tty.until("it is listed", |s| s.iter().any(|l| l.starts_with("│/ made")));
    assert!(work.join("made").is_dir());
    // renamed; a name that is taken is not
    tty.type_("r\x15sub\r");
    tty.until_text("that name is taken");
    tty.type_("r");
    tty.until_text("rename 'made'");
    tty.type_("\x15other\r");
    tty.until("under its new name", |s| s.iter().any(|l| l.starts_with("│/ other")));
    assert!(work.join("other").is_dir() && !work.join("made").exists());
    // in, up, and by a path
    tty.type_("\r");
    tty.until_text("home/work/other ─");
    tty.type_("h");
    tty.until_text("home/work ─");
    tty.type_(":");
    tty.until_text("go to a path");
    tty.type_("sub/deep\r");
    tty.until_text("home/work/sub/deep ─");
    tty.type_("-");
    tty.until("all of it again", |s| s.iter().any(|l| l.contains("home/work ─")) && s.concat().contains("4 entries"));
    // looked at, as text and as bytes
    tty.type_("/a.t\rv");
    tty.until("the text", |s| s.iter().any(|l| l.starts_with("│two")));
    tty.type_("x");
    tty.until_text("6f 6e 65 0a 74 77 6f 0a");
    tty.type_("q");
    // permissions
    tty.type_("p\x15rw-r-----");
    tty.until_text("0640");
    tty.type_("\r");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    until("the mode", || (mode(&work.join("a.txt")) == 0o640).then_some(()));
    // all of it is copied to the other column, which shows it
    unfiltered(&tty);
    tty.type_("ac");
    tty.until_text("done");
    until_file(&home.at("home/a.txt"), "one\ntwo\n");
    until_file(&home.at("home/sub/deep/c"), "c\n");
    assert_eq!(mode(&home.at("home/a.txt")), 0o640);
    tty.until("on both sides", |s| s.iter().filter(|l| l.contains("b.log")).count() == 2);
    // one that is there already and another one is asked about
    std::fs::write(work.join("b.log"), "another\n").unwrap();
    tty.type_("/b.l\rc");
    tty.until_text("'b.log' is there already");
    pause();
    tty.type_("keep both\r");
    let numbered = || {
        let all = std::fs::read_dir(home.at("home")).unwrap().flatten();
        all.map(|e| e.path()).find(|p| p.file_name() != Some("b.log".as_ref()) && read(p) == "another\n")
    };
    until("the new one beside it", numbered);
    assert_eq!(read(&home.at("home/b.log")), "log\n");
    // the queue tells of both; nothing is left in it
    tty.type_("q");
    tty.until("two jobs", |s| s.iter().filter(|l| l.contains("done")).count() >= 2);
    tty.type_("x");
    tty.until_text("nothing is being copied");
    tty.type_("q");
    unfiltered(&tty);
    // deleted with all in it, after a question; links are not followed
    std::os::unix::fs::symlink(home.at("home"), work.join("sub/home")).unwrap();
    tty.type_("/sub\rD");
    tty.until_text("Delete directory 'sub', with all that is in there");
    tty.type_("y");
    until("it is gone", || (!work.join("sub").exists()).then_some(()));
    assert_eq!(read(&home.at("home/sub/deep/c")), "c\n");
    tty.until("its row, too", |s| !s.iter().any(|l| l.starts_with("│/ sub")));
    // moved: it is only there
    unfiltered(&tty);
    tty.type_("/other\rm");
    tty.until_text("Move directory 'other' to ");
    tty.type_("y");
    tty.until_text("move: ");
    until("and no more here", || (!work.join("other").exists()).then_some(()));
    // a bookmark outlives the client
    tty.type_("b");
    tty.until_text("+ add");
    tty.type_("add\r");
    tty.until_text("is a bookmark now");
    unfiltered(&tty);
    tty.type_("Q");
    tty.until_text("ready$");
    // it opens where the shell is by now, which says nothing of that
    tty.type_("cd ../sub/deep && echo went-$((40+2))\r");
    tty.until_text("went-42");
    tty.prefix("F");
    tty.until_text("home/sub/deep ─");
    tty.type_("Q");
    tty.until_text("went-42");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
    let kept = read(&home.at("state/bookmarks.json"));
    assert!(kept.contains("home/work"), "{kept}");
}

#[test]
fn an_edit_is_put_back_unless_somebody_was_faster() {
    let home = Home::new();
    let editor = home.at("editor");
    // what an editor does: writes another file and renames it; and somebody else writes, too, where they are told to
    let script = "#!/bin/sh\ncat \"$1\" >\"$1.new\" && echo mine >>\"$1.new\" && mv \"$1.new\" \"$1\"\n\
        [ -f \"$HOME/faster\" ] && echo theirs >\"$HOME/work/a.txt\"\n\
        while [ -f \"$HOME/waits\" ]; do sleep 0.1; done\n[ ! -f \"$HOME/fails\" ]\n";
    write(&editor, script);
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (mut tty, work) = browser(&home, Some(&editor));
    let file = work.join("a.txt");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o754)).unwrap();
    tty.type_("/a.t\re");
    tty.until_text("'a.txt' is saved");
    assert_eq!(read(&file), "one\ntwo\nmine\n");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o754);
    let copies = || std::fs::read_dir(home.at("state/edits")).map_or(0, |d| d.count());
    until("no copy is left", || (copies() == 0).then_some(()));

    write(&home.at("home/faster"), "");
    tty.until_text("home/work ─");
    pause();
    tty.type_("e");
    tty.until_text("'a.txt' was changed by somebody else");
    assert_eq!(read(&file), "theirs\n", "nothing is replaced unasked");
    pause();
    tty.type_("\r");
    tty.until_text("saved beside it as 'a.mine.txt'");
    assert_eq!((read(&file).as_str(), read(&work.join("a.mine.txt")).as_str()), ("theirs\n", "one\ntwo\nmine\nmine\n"));

    tty.type_("/a.txt\re");
    tty.until_text("'a.txt' was changed by somebody else");
    pause();
    tty.type_("keep mine\r");
    tty.until_text("'a.txt' is saved");
    assert_eq!(read(&file), "theirs\nmine\n");

    // an editor that fails puts nothing back, and what it left stays
    write(&home.at("home/fails"), "");
    std::fs::remove_file(home.at("home/faster")).unwrap();
    tty.type_("e");
    tty.until_text("nothing was put back");
    assert_eq!((read(&file).as_str(), copies()), ("theirs\nmine\n", 1));
    tty.kill9();

    // the next client asks about it
    let again = || {
        let mut command = home.thub_command(&[]);
        command.env("EDITOR", &editor);
        Tty::start(command, 120, 35)
    };
    let mut tty = again();
    tty.until_text("'a.txt' was edited and not put back");
    tty.prefix("F");
    tty.until_text("'a.txt' of this machine was edited and not put back");
    pause();
    tty.type_("\r");
    tty.until_text("'a.txt' is saved");
    assert_eq!((read(&file).as_str(), copies()), ("theirs\nmine\nmine\n", 0));

    // an editor that outlives its client is the next one's
    std::fs::remove_file(home.at("home/fails")).unwrap();
    write(&home.at("home/waits"), "");
    go_to_file(&tty, &file);
    tty.type_("e");
    let edited = || {
        let ids = std::fs::read_dir(home.at("state/edits")).ok()?;
        let copy = ids.flatten().map(|id| id.path().join("a.txt")).find(|copy| copy.exists())?;
        read(&copy).ends_with("mine\nmine\nmine\n").then_some(copy)
    };
    tty.until("the editor has written", |_| edited().is_some());
    let copy = edited().unwrap();
    tty.kill9();
    let mut tty = again();
    until("the copy is the new client's", || is_locked(&copy.with_file_name(".thub.lock")).then_some(()));
    std::fs::remove_file(home.at("home/waits")).unwrap();
    tty.until_text("'a.txt' is saved");
    assert_eq!((read(&file).as_str(), copies()), ("theirs\nmine\nmine\nmine\n", 0));
    tty.kill9();
}

/// Puts the cursor on a file, in the column that has the keys.
#[track_caller]
fn go_to_file(tty: &Tty, file: &Path) {
    tty.type_(":");
    tty.until_text("go to a path");
    tty.type_(format!("{}\r", file.parent().unwrap().display()));
    tty.until_text("a.mine.txt");
    tty.type_("/a.txt\r");
    tty.until_text("1 of 4 shown");
}

/// Whether a process has the lock of this file.
fn is_locked(file: &Path) -> bool {
    let id = format!(":{} ", std::fs::metadata(file).map_or(0, |m| m.ino()));
    read(Path::new("/proc/locks")).lines().any(|line| line.contains(&id))
}

#[test]
fn files_of_a_host() {
    let Some(far) = Far::deployed() else { return };
    let (there, here) = (far.sshd.home(), far.home.at("home"));
    write(&there.join("there.txt"), "there\n");
    write(&here.join("here/x"), "x\n");
    let big: String = (0..400_000).map(|n| format!("{n}\n")).collect();
    write(&here.join("here/big"), &big);
    far.thub(&["new", "-d", "-H", "test", "-n", "one", "--", "sh", "-c", "echo first-line; exec cat"]).ok();
    let mut tty = far.tty(120, 35, &["test"]);
    tty.until_text("first-line");
    tty.prefix("F");
    tty.until("both columns", |s| {
        s.iter().any(|l| l.contains("test: /") && l.contains("this machine: /"))
            && s.iter().any(|l| l.contains("there.txt"))
            && s.iter().any(|l| l.contains("/ here"))
    });
    // both ways
    tty.type_("/there\rc");
    until_file(&here.join("there.txt"), "there\n");
    unfiltered(&tty);
    tty.type_("\t/here\rc");
    until_file(&there.join("here/x"), "x\n");
    until("all of it", || (read(&there.join("here/big")) == big).then_some(()));
    // edited there
    unfiltered(&tty);
    tty.type_("\t:");
    tty.until_text("go to a path of test");
    tty.type_("here\r");
    tty.until("the host's column", |s| {
        s.iter().any(|l| l.contains("/here ─") && l.contains("test: ")) && s.iter().any(|l| l.contains("│  big"))
    });
    tty.type_("/x\rD");
    tty.until_text("Delete 'x' (2 bytes)");
    tty.type_("y");
    until("gone there alone", || (!there.join("here/x").exists()).then_some(()));
    assert!(here.join("here/x").exists());
    // a shell there
    unfiltered(&tty);
    tty.type_("!");
    tty.until_text("2 ");
    tty.type_("echo at:$PWD\r");
    let at = format!("at:{}", there.join("here").display());
    tty.until("the shell's directory", |s| s.concat().contains(&at));
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
}

#[test]
fn files_of_what_a_host_reaches() {
    let Some(hub) = crate::hub::Hub::new() else { return };
    let (far, there) = (&hub.far, hub.target.home());
    far.thub(&["conn", "add", "-H", "test", "sensor-node", "sensor"]).ok();
    write(&there.join("there.txt"), "there\n");
    write(&far.home.at("home/here.txt"), "here\n");
    let mut tty = far.tty(120, 35, &["test"]);
    tty.until_text("$ ");
    tty.prefix("b");
    tty.until_text("> sensor-node");
    tty.type_("/sensor\rf");
    // it is connected for its files, and what it asks is asked through its host
    let asked = tty.until_text("unknown host key");
    assert!(asked.iter().any(|l| l.contains("It is: a host that test reaches")), "{asked:#?}");
    // (until a pause in typing it is the browser's key, which copies a path)
    let mut last = std::time::Instant::now();
    until("it is answered", || {
        if last.elapsed() > std::time::Duration::from_secs(1) {
            tty.type_("y");
            last = std::time::Instant::now();
        }
        (!tty.screen().iter().any(|l| l.contains("unknown host key"))).then_some(())
    });
    // (a server's home is the account's, not the test's)
    tty.until("the target's home", |s| s.iter().any(|l| l.contains("sensor-node via test: /")));
    go_to(&tty, &there);
    tty.type_("/there\rc");
    until_file(&far.home.at("home/there.txt"), "there\n");
    unfiltered(&tty);
    tty.type_("\t/here\rc");
    until_file(&there.join("here.txt"), "here\n");
    // one login for all of it, and for a shell there
    unfiltered(&tty);
    tty.type_("\t!");
    let at = format!("at:{}", there.display());
    tty.until_text("2 ");
    tty.type_("echo at:$PWD\r");
    tty.until("the shell's directory", |s| s.concat().contains(&at));
    assert_eq!(hub.logins(), 1);
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
}

#[test]
fn files_of_a_host_without_an_agent() {
    let Some(bare) = crate::without::Bare::new() else { return };
    let there = bare.sshd.home();
    write(&there.join("there.txt"), "there\n");
    write(&bare.home.at("home/here.txt"), "here\n");
    let mut tty = bare.tty(120, 35, &["test"]);
    tty.until_text("w connect without it");
    tty.type_("w");
    tty.until("a shell there", |s| s.iter().any(|l| l.contains("▶ ssh")));
    tty.prefix("F");
    tty.until("its files", |s| {
        s.iter().any(|l| l.contains("test: /") && l.contains("this machine: /"))
            && s.iter().any(|l| l.contains("here.txt"))
    });
    go_to(&tty, &there);
    tty.type_("/there\rc");
    until_file(&bare.home.at("home/there.txt"), "there\n");
    unfiltered(&tty);
    tty.type_("\t/here\rc");
    until_file(&there.join("here.txt"), "here\n");
    unfiltered(&tty);
    tty.type_("\t!");
    tty.until_text("2 ");
    tty.type_("echo at:$PWD\r");
    let at = format!("at:{}", there.display());
    tty.until("the shell's directory", |s| s.concat().contains(&at));
    tty.kill9();
}

#[test]
fn what_is_on_the_clipboard_becomes_a_file() {
    let home = Home::new();
    // a desktop's tool, as far as it is asked
    let tool = "#!/bin/sh\ncase $1 in\n--list-types) echo text/html; cat \"$HOME/types\";;\n\
        *) [ \"$3\" = \"$(cat \"$HOME/types\")\" ] && cat \"$HOME/clip\";;\nesac\n";
    let bin = home.at("bin");
    write(&bin.join("wl-paste"), tool);
    std::fs::set_permissions(bin.join("wl-paste"), std::fs::Permissions::from_mode(0o755)).unwrap();
    write(&home.at("home/types"), "image/png");
    std::fs::write(home.at("home/clip"), b"\x89PNG\r\n\x1a\n\0and more").unwrap();
    write(&home.at("home/a b.txt"), "copied\n");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = home.thub_command(&[]);
    command.env("PATH", path).env("WAYLAND_DISPLAY", "wayland-0");
    let mut tty = Tty::start(command, 120, 35);
    tty.until_text("ready$");
    tty.prefix("\x16");
    tty.until("its path", |s| s.concat().contains("/.cache/thub/pasted/"));
    let made =
        || std::fs::read_dir(home.at("home/.cache/thub/pasted")).unwrap().flatten().map(|e| e.path()).next().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(std::fs::read(made()).unwrap(), b"\x89PNG\r\n\x1a\n\0and more");
    assert_eq!((mode(&made()), mode(made().parent().unwrap())), (0o600, 0o700));
    assert_eq!(made().extension().unwrap(), "png");
    // files that were copied: here their own paths
    write(&home.at("home/types"), "text/uri-list");
    write(&home.at("home/clip"), &format!("file://{}\r\n", home.at("home/a%20b.txt").display()));
    // (a line that is only wiped may be cleared once more, with what is typed by then)
    tty.type_("\x15clear; echo cle''ared\r");
    tty.until("a clean screen", |s| s.concat().contains("cleared") && !s.concat().contains("/pasted/"));
    tty.prefix("\x16");
    tty.until("its path", |s| s.concat().contains("home/a b.txt'"));
    // neither
    write(&home.at("home/types"), "text/plain");
    tty.prefix("\x16");
    tty.until_text("neither an image nor files");
    tty.kill9();
}
