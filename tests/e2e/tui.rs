//! The TUI as a person sees it: keys in, cells out, and the terminal as it was afterwards.

use crate::support::tty::{cells, frame};
use crate::support::{Home, Tty, scale, state_of, until};
use rustix::process::Signal;
use rustix::termios::Termios;
use thub::proto::ids::Size;
use thub::term::engine::Engine;

/// `thub` with its first shell's prompt to be seen.
fn open(home: &Home, cols: u16, rows: u16) -> Tty {
    let tty = Tty::thub(home, cols, rows, &[]);
    tty.until_text("ready$");
    tty
}

fn flags(t: &Termios) -> String {
    format!("{:?} {:?} {:?} {:?} {:?}", t.input_modes, t.output_modes, t.control_modes, t.local_modes, t.special_codes)
}

/// All that a terminal can be left in is as it was.
#[track_caller]
fn sane(tty: &Tty, before: &Termios) {
    assert_eq!(flags(&tty.termios()), flags(before), "stty");
    let modes = tty.modes();
    let on = |n: u16| modes.get(&n).copied();
    for (number, what) in [
        (1049, "alternate screen"),
        (1000, "mouse"),
        (1002, "mouse"),
        (1003, "mouse"),
        (1006, "mouse"),
        (2004, "paste"),
        (1004, "focus"),
        (2026, "synchronized output"),
        (2031, "light/dark reports"),
        (1, "cursor keys"),
    ] {
        assert_ne!(on(number), Some(true), "{what} ({number}) is left on");
    }
    assert_eq!(on(25), Some(true), "the cursor");
    assert_ne!(on(7), Some(false), "wrap");
    assert!(tty.cursor().2, "the cursor is to be seen");
    let log = tty.log();
    let count = |what: &[u8]| log.windows(what.len()).filter(|w| *w == what).count();
    assert_eq!(count(b"\x1b[22;0t"), count(b"\x1b[23;0t"), "the title");
    // kitty's keyboard: as often taken back as asked for
    let pushed = regex::bytes::Regex::new(r"\x1b\[>[0-9]+u").unwrap().find_iter(&log).count();
    assert!(count(b"\x1b[<u") >= pushed, "keyboard modes");
}

/// Rows of the screen in which `text` is.
fn rows_with(screen: &[String], text: &str) -> Vec<usize> {
    screen.iter().enumerate().filter(|(_, l)| l.contains(text)).map(|(i, _)| i).collect()
}
/// Columns (in characters) at which `text` begins.
fn columns_of(screen: &[String], text: &str) -> Vec<usize> {
    let all =
        screen.iter().flat_map(|l| l.match_indices(text).map(|(at, _)| l[..at].chars().count()).collect::<Vec<_>>());
    all.collect()
}

/// What `thub capture --ansi` shows, as cells.
#[track_caller]
fn captured(home: &Home, name: &str) -> Vec<Vec<(String, thub::term::screen::Style)>> {
    let s = home.session(name);
    let size = Size::new(s["cols"].as_u64().unwrap() as u16, s["rows"].as_u64().unwrap() as u16);
    let mut engine = Engine::new(size);
    for (i, row) in home.thub(&["capture", name, "--ansi"]).ok().lines().enumerate() {
        engine.feed(format!("\x1b[{};1H\x1b[m{row}", i + 1).as_bytes(), &mut Vec::new());
    }
    cells(&engine)
}

/// The terminal shows what `thub capture` prints, cell for cell.
#[track_caller]
pub fn shows_the_same(home: &Home, tty: &Tty, name: &str) {
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    loop {
        let (there, here) = (captured(home, name), tty.cells());
        if there == here {
            return;
        }
        if std::time::Instant::now() > end {
            let differ = there.iter().zip(&here).enumerate().find(|(_, (a, b))| a != b);
            let first = differ.and_then(|(row, (a, b))| {
                let col = a.iter().zip(b).position(|(a, b)| a != b)?;
                Some(format!("row {row} column {col}: captured {:?}, shown {:?}", a[col], b[col]))
            });
            panic!(
                "{first:?} ({}x{} and {}x{})\n{}\nshown:\n{}",
                there[0].len(),
                there.len(),
                here[0].len(),
                here.len(),
                frame(&home.capture(name)),
                frame(&tty.screen())
            );
        }
    }
}

#[test]
fn a_prompt_two_splits_and_a_clean_way_out_and_back() {
    let home = Home::new();
    let mut tty = Tty::shell(&home, 80, 24);
    let before = tty.termios();
    let start = "PS1='ready$ ' \"$THUB\"; echo left:$?\r";
    tty.type_(start);
    tty.until("a prompt", |s| s.iter().any(|l| l.starts_with("ready$")));
    tty.type_("echo in-$((1))-one\r");
    tty.until_text("in-1-one");
    tty.prefix("%");
    tty.until("two prompts side by side", |s| {
        let at = columns_of(s, "ready$");
        at.iter().any(|c| *c < 30) && at.iter().any(|c| *c >= 38)
    });
    tty.type_("echo in-$((2))-two\r");
    tty.until_text("in-2-two");
    tty.prefix("\"");
    tty.until("a third prompt below", |s| rows_with(s, "ready$").iter().any(|r| *r > 11));
    tty.type_("echo in-$((3))-three\r");
    let screen = tty.until_text("in-3-three");
    // each in its pane alone: left, right above, right below
    for n in ["in-1-one", "in-2-two", "in-3-three"] {
        assert_eq!(columns_of(&screen, n).len(), 1, "{}", frame(&screen));
    }
    assert!(columns_of(&screen, "in-1-one")[0] < 38 && columns_of(&screen, "in-2-two")[0] >= 38);
    assert!(columns_of(&screen, "in-3-three")[0] >= 38 && rows_with(&screen, "in-3-three")[0] > 11);
    assert!(rows_with(&screen, "in-2-two")[0] < 12, "{}", frame(&screen));
    assert_eq!(home.ls().len(), 3);
    let ids: Vec<_> = home.ls().iter().map(|s| (s["id"].clone(), s["pid"].clone())).collect();

    tty.prefix("d");
    tty.until_text("left:0");
    tty.until("the shell again", |s| s.iter().rev().find(|l| !l.is_empty()).is_some_and(|l| l == "outer$"));
    let shown = tty.screen();
    assert!(shown[0].starts_with("outer$") && !shown.iter().any(|l| l.contains("in-3-three")), "{}", frame(&shown));
    sane(&tty, &before);
    assert_eq!(home.ls().len(), 3, "nothing ended");

    // back: the same panes, shells and screens
    tty.type_("clear\r");
    tty.until_no_text("left:0");
    tty.type_(start);
    let again = tty.until("everything as it was", |s| {
        ["in-1-one", "in-2-two", "in-3-three"].iter().all(|n| columns_of(s, n).len() == 1)
    });
    for n in ["in-1-one", "in-2-two", "in-3-three"] {
        assert_eq!(columns_of(&again, n), columns_of(&screen, n), "{}\n{}", frame(&screen), frame(&again));
        assert_eq!(rows_with(&again, n), rows_with(&screen, n), "{}\n{}", frame(&screen), frame(&again));
    }
    let now: Vec<_> = home.ls().iter().map(|s| (s["id"].clone(), s["pid"].clone())).collect();
    assert_eq!(now, ids, "the same shells, and none beside them");
    // the same pane has the focus
    tty.type_("echo in-$((4))-four\r");
    let screen = tty.until_text("in-4-four");
    assert!(columns_of(&screen, "in-4-four")[0] >= 38 && rows_with(&screen, "in-4-four")[0] > 11, "{}", frame(&screen));
    tty.prefix("d");
    tty.until_text("left:0");
    tty.type_("exit\r");
    tty.wait_exit();
}

#[test]
fn thub_attaches_to_what_is_there() {
    let home = Home::new();
    home.new_session(&["-n", "there", "--", "sh", "-c", "echo here before; exec cat"]);
    home.shows("there", "here before");
    let tty = Tty::thub(&home, 80, 24, &[]);
    tty.until("a pane", |s| s[1].starts_with("here before") || s[1].starts_with("ready$"));
    tty.until_text("here before");
    assert_eq!(home.ls().len(), 1);
}

#[test]
fn a_window_of_which_nothing_is_alive_begins_anew() {
    let home = Home::new();
    let mut tty = open(&home, 100, 24);
    tty.prefix("%");
    until("the second session", || (home.ls().len() == 2).then_some(()));
    tty.prefix("d");
    tty.wait_exit();
    home.thub(&["kill", "--all"]).ok();
    let tty = open(&home, 100, 24);
    tty.until_text("nothing of the last window is alive");
    tty.type_("echo new-$((6*7))\r");
    tty.until_text("new-42");
    assert_eq!(home.ls().len(), 1);
}

#[test]
fn tabs_and_the_tree_tell_what_happened_elsewhere() {
    let home = Home::new();
    let tty = open(&home, 120, 24);
    // the mark comes after the tab has lost the focus
    tty.type_("read -t 1 x; printf '\\a'\r");
    tty.prefix("c");
    tty.until("a bell's mark", |s| s[0].contains('●') && s[0].contains(" 2 "));
    tty.prefix("1");
    tty.until("no mark", |s| !s[0].contains('●'));
    tty.type_("read -t 1 x; echo done\r");
    tty.prefix("2");
    tty.until("a mark of output", |s| s[0].contains('▪'));
    for (name, what) in [("good", "exit 0"), ("bad", "exit 3"), ("loud", "sleep 1; printf '\\a'; exec cat")] {
        home.new_session(&["-n", name, "--", "sh", "-c", what]);
    }
    for (name, mark) in [("good", '✓'), ("bad", '!'), ("loud", '●')] {
        tty.until(&format!("{name} {mark}"), |s| {
            let mut in_tree = s.iter().filter_map(|l| l.split('│').nth(1));
            in_tree.any(|l| l.contains(name) && l.contains(mark))
        });
    }
}

#[test]
fn a_storm_of_sizes_leaves_the_screen_whole() {
    let home = Home::new();
    let tty = open(&home, 80, 24);
    tty.type_("clear; seq 1 15\r");
    tty.until("the numbers", |s| s[15].starts_with("15"));
    // faster than anybody looks: the client sees the last size alone, and the cells are gone
    for (cols, rows) in [(1, 1), (500, 3), (3, 200), (80, 24)] {
        tty.resize(cols, rows);
    }
    let id = home.ls()[0]["id"].as_str().unwrap_or("").to_string();
    tty.until("what the session shows", |s| {
        let there = home.capture(&id);
        s[1..23].iter().map(|l| l.trim_end()).eq(there
            .iter()
            .map(|l| l.trim_end())
            .chain(std::iter::repeat(""))
            .take(22))
            && s[0].contains(" 1 ")
            && s[23].contains("this machine")
    });
}

#[test]
fn a_terminal_that_answers_nothing() {
    let home = Home::new();
    let tty = Tty::thub(&home, 80, 24, &[]);
    tty.mute();
    tty.until_text("ready$");
    tty.type_("echo it-$((40+2))\r");
    tty.until_text("it-42");
}

#[test]
fn typing_goes_to_the_focused_pane_alone() {
    let home = Home::new();
    let tty = open(&home, 120, 30);
    let id = |s: &serde_json::Value| s["id"].as_str().unwrap().to_string();
    let first = id(&home.ls()[0]);
    tty.prefix("%");
    until("the second session", || (home.ls().len() == 2).then_some(()));
    tty.until("two prompts", |s| columns_of(s, "ready$").len() == 2);
    let second = home.ls().iter().map(id).find(|i| *i != first).unwrap();
    let ids = [first, second];
    let offsets = || -> Vec<u64> { ids.iter().map(|id| home.session(id)["offset"].as_u64().unwrap()).collect() };
    let before = offsets();
    tty.type_("typed-into-two");
    tty.until_text("typed-into-two");
    assert_eq!(offsets()[0], before[0], "the other one hears nothing");
    assert!(home.raw(&ids[1]).windows(14).any(|w| w == b"typed-into-two"));
    // by key to the left
    tty.prefix("h");
    tty.type_("typed-into-one");
    tty.until_text("typed-into-one");
    assert!(home.raw(&ids[0]).windows(14).any(|w| w == b"typed-into-one"));
    assert!(!home.raw(&ids[1]).windows(14).any(|w| w == b"typed-into-one"));
    // by a click to the right, and back
    tty.click(110, 15);
    tty.type_("-clicked");
    tty.until_text("typed-into-two-clicked");
    let left = columns_of(&tty.screen(), "typed-into-one")[0] as u16;
    tty.click(left, 15);
    tty.type_("-clicked");
    tty.until_text("typed-into-one-clicked");
    assert!(!home.raw(&ids[1]).windows(14).any(|w| w == b"typed-into-one"));
    // zoomed: it alone; and back
    tty.prefix("z");
    tty.until_no_text("typed-into-two");
    tty.prefix("z");
    tty.until_text("typed-into-two");
    // a tab of its own, named, and closed with its pane
    tty.prefix("c");
    tty.until_no_text("typed-into-one");
    until("the third session", || (home.ls().len() == 3).then_some(()));
    tty.until_text("ready$");
    tty.prefix("p");
    tty.until_text("typed-into-one");
    tty.prefix("n");
    tty.until_no_text("typed-into-one");
    tty.prefix(",");
    tty.type_("\x15my-tab\r");
    tty.until("the tab's name", |s| s[0].contains("my-tab"));
    tty.prefix("x");
    tty.until_text("Close the pane");
    tty.type_("y");
    until("it ends", || (home.ls().iter().filter(|s| s["state"] != "exited").count() == 2).then_some(()));
    tty.until_text("typed-into-one");
}

#[test]
fn signals_leave_a_sane_terminal_and_running_sessions() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130), (Signal::QUIT, 131)] {
        let home = Home::new();
        let mut tty = Tty::thub(&home, 80, 24, &[]);
        tty.until_text("ready$");
        // (as the kernel makes it)
        let fresh = Tty::start(home.command("true"), 80, 24).termios();
        tty.signal(signal);
        assert_eq!(tty.wait_exit(), code, "{signal:?}");
        sane(&tty, &fresh);
        let s = home.ls();
        assert!(s.len() == 1 && s[0]["state"] == "detached", "{s:?}");
    }
}

#[test]
fn a_closed_window_ends_the_client_alone() {
    let home = Home::new();
    let mut tty = open(&home, 80, 24);
    let pid = tty.pid();
    tty.hang_up();
    until("the client to end", || matches!(state_of(pid), 'x' | 'Z').then_some(()));
    let s = home.ls();
    assert!(s.len() == 1 && s[0]["state"] == "detached", "{s:?}");
}

#[test]
fn any_size_and_back() {
    let home = Home::new();
    let tty = open(&home, 80, 24);
    tty.type_("echo mark-$((6*7))\r");
    tty.until_text("mark-42");
    tty.prefix("%");
    until("the second session", || (home.ls().len() == 2).then_some(()));
    for (cols, rows) in [(1, 1), (500, 3), (3, 500), (2, 2), (1, 200), (10, 4), (250, 80), (40, 12)] {
        tty.resize(cols, rows);
        // it lives, and has taken the size
        until("the sessions to have been told", || {
            let all = home.ls();
            // (one for which there is no room keeps the size it has)
            all.iter()
                .any(|s| s["cols"].as_u64() <= Some(cols.into()) && s["rows"].as_u64() <= Some(rows.into()))
                .then_some(())
        });
    }
    tty.resize(80, 24);
    tty.type_("\x15echo back-$((6*7))\r");
    tty.until_text("back-42");
    tty.prefix("h");
    tty.type_("\x15echo left-$((6*7))\r");
    let screen = tty.until_text("left-42");
    assert!(columns_of(&screen, "left-42")[0] < 30 && columns_of(&screen, "back-42")[0] > 38, "{}", frame(&screen));
}

#[test]
fn bytes_that_are_no_text_and_pastes() {
    let home = Home::new();
    home.new_session(&["-n", "v", "--", "sh", "-c", "stty raw -echo; echo up; exec cat -v"]);
    let mut tty = Tty::thub(&home, 80, 24, &["attach", "v"]);
    tty.until_text("up");
    tty.type_(b"<\xff\xfe\xc3\xa9\x80>");
    tty.until_text("<M-^?M-~M-CM-)M-^@>");
    tty.type_("\x1b[A\x1bOP\x7f\x1b[3~");
    tty.until_text("^[[A^[OP^?^[[3~");
    // a paste while the program has not asked for brackets: the text, Enter as Enter
    tty.type_("\x1b[200~pasted text\x1b[201~");
    tty.until_text("pasted text");
    assert!(!tty.screen().iter().any(|l| l.contains("200~")));
    // the prefix twice is the prefix
    tty.type_("\x02\x02");
    tty.until_text("^B");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
    home.thub(&["kill", "v"]).ok();
    home.new_session(&["-n", "b", "--", "sh", "-c", "stty raw -echo; printf '\\033[?2004hup\\r\\n'; exec cat -v"]);
    let tty = Tty::thub(&home, 80, 24, &["attach", "b"]);
    tty.until_text("up");
    // what is pasted can't end the paste
    tty.type_("\x1b[200~ab\x1b[20\x1b[201~");
    tty.until_text("^[[200~ab");
    let screen = tty.until_text("^[[201~");
    let text = screen.concat();
    assert_eq!(text.matches("^[[201~").count(), 1, "{}", frame(&screen));
    assert!(text.trim_end().ends_with("^[[201~"), "{}", frame(&screen));
}

#[test]
fn attached_full_screen_is_the_capture_cell_for_cell() {
    let home = Home::new();
    let script = r#"printf '\033[31mred\033[m \033[1;4;44mbold\033[m \033[7minverse\033[m 日本 é e\314\201 \033[38;5;200mpink\033[38;2;1;2;3mrgb\033[m\r\n'; seq 1 60; printf '\033[5;10Hmiddle\033[3;1H'; exec cat"#;
    home.new_session(&["-n", "c", "--size", "70x20", "--", "sh", "-c", script]);
    home.shows("c", "middle");
    let mut tty = Tty::thub(&home, 91, 27, &["attach", "c"]);
    tty.until_text("middle");
    shows_the_same(&home, &tty, "c");
    let s = home.session("c");
    assert_eq!((s["cols"].as_u64(), s["rows"].as_u64(), s["state"].as_str()), (Some(91), Some(27), Some("running")));
    tty.type_("typed\r");
    tty.until_text("typed");
    shows_the_same(&home, &tty, "c");
    tty.resize(60, 15);
    until("the session to follow", || (home.session("c")["cols"] == 60).then_some(()));
    shows_the_same(&home, &tty, "c");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
    // the bare screen: colours and wide characters at the top
    home.new_session(&["-n", "d", "--size", "80x24", "--", "sh", "-c", &script.replace("seq 1 60; ", "")]);
    home.shows("d", "middle");
    let tty = Tty::thub(&home, 80, 24, &["attach", "d"]);
    tty.until_text("middle");
    shows_the_same(&home, &tty, "d");
}

#[test]
fn two_clients_of_two_sizes_and_one_that_only_looks() {
    let home = Home::new();
    home.new_session(&["-n", "s", "--", "sh", "-c", "echo up; exec cat"]);
    let one = Tty::thub(&home, 100, 30, &["attach", "s"]);
    one.until_text("up");
    until("its size", || (home.session("s")["cols"] == 100).then_some(()));
    let mut two = Tty::thub(&home, 70, 20, &["attach", "s"]);
    two.until_text("up");
    // the newest has its size
    until("the newest's size", || (home.session("s")["cols"] == 70).then_some(()));
    assert_eq!(home.session("s")["clients"], 2);
    shows_the_same(&home, &two, "s");
    two.type_("from two\r");
    one.until_text("from two");
    // who types last has it
    one.type_("from one\r");
    two.until_text("from one");
    until("the size of who typed", || (home.session("s")["cols"] == 100).then_some(()));
    shows_the_same(&home, &one, "s");
    let mut watcher = Tty::thub(&home, 50, 10, &["attach", "s", "--watch"]);
    until("it is there", || (home.session("s")["clients"] == 3).then_some(()));
    watcher.until("something", |s| s.iter().any(|l| l.contains("from")));
    watcher.type_("never typed\r");
    one.type_("after\r");
    watcher.until_text("after");
    assert!(!String::from_utf8_lossy(&home.raw("s")).contains("never"), "who watches does not type");
    assert_eq!(home.session("s")["cols"], 100, "nor resize");
    watcher.prefix("d");
    assert_eq!(watcher.wait_exit(), 0);
    // one killed: the other goes on
    two.kill9();
    one.type_("alone\r");
    one.until_text("alone");
    until("they are gone", || (home.session("s")["clients"] == 1).then_some(()));
    shows_the_same(&home, &one, "s");
}

#[test]
fn opened_twice() {
    let home = Home::new();
    let one = open(&home, 80, 24);
    one.type_("echo first-$((1+1))\r");
    one.until_text("first-2");
    let mut two = Tty::thub(&home, 80, 24, &[]);
    two.until_text("$");
    two.prefix("d");
    assert_eq!(two.wait_exit(), 0);
    one.type_("echo still-$((1+2))\r");
    one.until_text("still-3");
    let mut one = one;
    one.prefix("d");
    assert_eq!(one.wait_exit(), 0);
    // the first one's layout is what comes again
    let again = Tty::thub(&home, 80, 24, &[]);
    again.until_text("still-3");
}

#[test]
fn the_last_pane_ends() {
    let home = Home::new();
    let mut tty = open(&home, 80, 24);
    tty.type_("exit 3\r");
    // what happens then is sensible: it leaves, or says so and takes keys
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    loop {
        if matches!(state_of(tty.pid()), 'Z' | 'x') {
            break;
        }
        let s = tty.screen();
        if s.iter().any(|l| l.contains("exited") || l.contains("ended")) {
            tty.prefix("d");
            break;
        }
        assert!(std::time::Instant::now() < end, "{}", frame(&s));
    }
    tty.wait_exit();
    // a new start is a new shell
    let tty = open(&home, 80, 24);
    tty.type_("echo new-$((1+1))\r");
    tty.until_text("new-2");
    drop(tty);
    // attached alone: the program's end ends it, and its code is said
    home.new_session(&["-n", "solo", "--", "sh", "-c", "echo up; read x; exit 4"]);
    let mut tty = Tty::thub(&home, 80, 24, &["attach", "solo"]);
    tty.until_text("up");
    tty.type_("\r");
    tty.wait_exit();
    tty.until_text("[exited 4]");
}

#[test]
fn ctrl_z_is_the_programs_and_suspending_gives_the_terminal_back() {
    let home = Home::new();
    let mut tty = Tty::shell(&home, 80, 24);
    let before = tty.termios();
    tty.type_("PS1='ready$ ' \"$THUB\"\r");
    tty.until("a prompt", |s| s.iter().any(|l| l.starts_with("ready$")));
    tty.type_("echo in-$((1))-one; cat\r");
    tty.until_text("in-1-one");
    // it has the terminal once it answers: before, nobody would be there to stop
    tty.type_("answer\r");
    tty.until("cat to run", |s| s.iter().filter(|l| *l == "answer").count() == 2);
    // a bare Ctrl-Z belongs to what runs inside
    tty.type_("\x1a");
    tty.until("cat to be stopped", |s| s.iter().any(|l| l.contains("Stopped") || l.contains("^Z")));
    tty.prefix("\x1a");
    tty.until("the outer shell", |s| s.iter().any(|l| l.contains("outer$")));
    tty.until_no_text("in-1-one");
    let now = tty.termios();
    assert_eq!(now.local_modes.bits(), before.local_modes.bits(), "stty");
    let modes = tty.modes();
    assert!(!modes[&1049] && modes[&25] && !modes[&2004] && !modes[&1000], "{modes:?}");
    tty.type_("echo outside-$((1+1))\r");
    tty.until_text("outside-2");
    tty.type_("fg\r");
    tty.until_text("in-1-one");
    tty.until_no_text("outside-2");
    tty.type_("echo in-$((2))-two\r");
    tty.until_text("in-2-two");
    tty.prefix("d");
    tty.until_text("[detached]");
    tty.until("the shell again", |s| s.iter().rev().find(|l| !l.is_empty()).is_some_and(|l| l == "outer$"));
    sane(&tty, &before);
    tty.type_("exit\r");
    tty.wait_exit();
}

#[test]
fn a_new_session_opened_at_once() {
    let home = Home::new();
    let mut tty = Tty::thub(&home, 80, 24, &["new", "-n", "now", "--", "sh", "-c", "stty size; exec cat"]);
    tty.until_text("24 80");
    assert_eq!(home.session("now")["state"], "running");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
    assert_eq!(home.session("now")["state"], "detached");
    // again, by tmux's word
    let mut tty = Tty::thub(&home, 80, 24, &["a", "-t", "now"]);
    tty.until_text("24 80");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
}

#[test]
fn looking_back_and_helping_oneself() {
    let home = Home::new();
    let tty = open(&home, 80, 24);
    tty.type_("seq 1 200\r");
    tty.until("the end of it", |s| s.iter().any(|l| l.trim() == "200"));
    for _ in 0..8 {
        tty.type_("\x1b[<64;20;10M");
    }
    tty.until("older lines", |s| s.iter().any(|l| l.trim() == "170"));
    tty.type_("x");
    tty.until_text("ready$ x");
    tty.type_("\x15");
    tty.prefix("?");
    tty.until_text("split-right");
    tty.type_("\x1b");
    tty.until_no_text("split-right");
    tty.prefix(":");
    tty.type_("split-down");
    tty.until_text("split-down");
    tty.type_("\r");
    until("the split", || (home.ls().len() == 2).then_some(()));
    // what can follow the prefix is shown after a moment
    tty.type_("\x02");
    tty.until_text("detach");
    tty.type_("\x1b");
}

#[test]
fn nothing_of_a_pane_reaches_the_terminal() {
    let home = Home::new();
    // modes, a title with an escape, the clipboard, a query, DCS and APC, C1, a hostile OSC 8
    let evil = r#"printf '\033[?1003h\033[?1049h\033]2;T\033[6n\007\033]52;c;?\007\033P+q544e\033\\\033_Gi=1;AAAA\033\\\302\2332J\033[21t\033]8;;http://x\007l\033]8;;\007\033[5i\033c'; echo; echo evil-done; exec cat"#;
    home.new_session(&["-n", "evil\u{e9}", "--", "sh", "-c", evil]);
    let mut tty = Tty::thub(&home, 80, 24, &["attach", "evil\u{e9}"]);
    tty.until_text("evil-done");
    let log = tty.log();
    let has = |what: &[u8]| log.windows(what.len()).any(|w| w == what);
    for bad in [
        &b"\x1b[?1003h"[..],
        b"\x1b[6n",
        b"]52;c;?",
        b"+q544e",
        b"\x1b_G",
        b"\xc2\x9b",
        b"\x1b[21t",
        b"\x1b[5i",
        b"\x1bc",
    ] {
        assert!(!has(bad), "{:?}", String::from_utf8_lossy(bad));
    }
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
}

#[test]
fn a_large_paste_arrives_once_and_whole() {
    let home = Home::new();
    let file = home.at("pasted");
    let script = format!("stty raw -echo; printf '\\033[?2004hup\\r\\n'; exec cat > {}", file.display());
    home.new_session(&["-n", "p", "--", "sh", "-c", &script]);
    let tty = Tty::thub(&home, 80, 24, &["attach", "p"]);
    tty.until_text("up");
    let text: String = (1..=20_000).map(|n| format!("line {n} of it\r")).collect();
    tty.type_(format!("\x1b[200~{text}\x1b[201~"));
    tty.type_("after");
    let got = until("all of it", || std::fs::read(&file).ok().filter(|b| b.ends_with(b"after")));
    let got = String::from_utf8(got).unwrap().replace('\n', "\r");
    assert!(got == format!("\x1b[200~{text}\x1b[201~after"), "{} of {}", got.len(), text.len() + 17);
}

#[test]
fn sessions_inside_sessions() {
    let home = Home::new();
    home.new_session(&["-n", "outer"]);
    let tty = Tty::thub(&home, 80, 24, &["attach", "outer"]);
    tty.until_text("ready$");
    // itself in itself would never come to rest: refused
    tty.type_(format!("{} attach outer; echo code-$?\r", crate::support::THUB));
    tty.until_text("code-2");
    // another one is fine, the prefix twice is its prefix
    home.new_session(&["-n", "inner", "--", "sh", "-c", "echo inner here; exec cat"]);
    tty.type_(format!("clear; {} attach inner; echo code-$?\r", crate::support::THUB));
    tty.until_text("inner here");
    tty.type_("\x02\x02d");
    tty.until_text("code-0");
    assert_eq!(home.session("outer")["clients"], 1);
}

#[test]
fn a_crash_leaves_a_terminal_that_reset_puts_right() {
    let home = Home::new();
    let mut tty = Tty::shell(&home, 80, 24);
    tty.type_("PS1='ready$ ' \"$THUB\"\r");
    tty.until("a prompt", |s| s.iter().any(|l| l.starts_with("ready$")));
    let thub = until("the client", || {
        crate::support::children(tty.pid()).into_iter().find(|p| crate::support::words(*p)[0].ends_with("thub"))
    });
    crate::support::signal(thub, Signal::KILL);
    tty.until_text("Killed");
    // (bash puts the settings right itself, the modes it does not know)
    assert!(tty.modes()[&1049]);
    tty.type_("stty raw -echo; \"$THUB\" reset\n");
    tty.until("the shell's own screen", |_| !tty.modes()[&1049] && tty.log().ends_with(b"outer$ "));
    tty.type_("echo reset:$?\n");
    tty.until_text("reset:0");
    let modes = tty.modes();
    for number in [1000, 1002, 1006, 2004, 1004, 1049] {
        assert!(!modes[&number], "{number}");
    }
    assert!(modes[&25] && tty.cursor().2);
    let now = tty.termios();
    assert!(now.local_modes.contains(rustix::termios::LocalModes::ICANON | rustix::termios::LocalModes::ECHO));
    assert!(now.output_modes.contains(rustix::termios::OutputModes::OPOST));
    tty.type_("exit\r");
    tty.wait_exit();
    // and what ran is there
    let again = open(&home, 80, 24);
    assert_eq!(home.ls().len(), 1);
    drop(again);
}

#[test]
fn an_ended_session_can_be_looked_at() {
    let home = Home::new();
    home.new_session(&["-n", "over", "--", "sh", "-c", "seq 1 50; echo the end; exit 3"]);
    home.thub(&["wait", "over"]).ok();
    let mut tty = Tty::thub(&home, 80, 24, &["attach", "over"]);
    // its last screen, or one sentence that says how to see it
    tty.until("its end", |s| s.iter().any(|l| l.contains("the end") || l.contains("[exited 3]")));
    tty.prefix("d");
    tty.wait_exit();
}

#[test]
fn many_tabs_and_panes_come_back_as_they_were() {
    let home = Home::new();
    let mut tty = open(&home, 160, 50);
    for (i, keys) in ["%", "\"", "c", "%", "%", "c"].iter().enumerate() {
        let before = home.ls().len();
        tty.prefix(keys);
        until("one more", || (home.ls().len() == before + 1).then_some(()));
        tty.type_(format!("echo pane-$(({i}+100))\r"));
        tty.until_text(&format!("pane-{}", i + 100));
    }
    let tabs = [("1", "pane-101"), ("2", "pane-104"), ("3", "pane-105")];
    // borders, titles and texts; no ages, gauges or clocks
    let body = |screen: &[String]| -> Vec<String> {
        screen[1..screen.len() - 1].iter().map(|l| l.chars().skip(30).collect()).collect()
    };
    let mut before = Vec::new();
    for (tab, mark) in tabs {
        tty.prefix(tab);
        before.push(body(&tty.until_text(mark)));
    }
    let as_before = |tty: &Tty| {
        for ((tab, _), wanted) in tabs.iter().zip(&before) {
            tty.prefix(tab);
            tty.until(&format!("tab {tab} as it was:\n{}", frame(wanted)), |s| body(s) == *wanted);
        }
    };
    as_before(&tty);
    tty.prefix("2");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
    let mut tty = Tty::thub(&home, 160, 50, &[]);
    tty.until_text("pane-104");
    as_before(&tty);
    assert_eq!(home.ls().len(), 7, "nothing was started");
    tty.kill9();
    // killed, the layout is there as well
    let tty = Tty::thub(&home, 160, 50, &[]);
    tty.until_text("pane-10");
    as_before(&tty);
}

/// Programs are told the colours of the terminal that shows them, as they are now.
#[test]
fn a_program_that_asks_is_told_the_outer_colours() {
    let home = Home::new();
    // for each key it asks, and shows the answer
    let script = r#"stty raw -echo; printf 'ready\r\n'; n=0
        while :; do
            head -c 1 >/dev/null; printf '\033]10;?\007\033]11;?\007'
            a=$(head -c 50 | tr -dc '0-9:/' | sed 's/:/ /g'); n=$((n + 1)); printf 'n%d %s\r\n' $n "$a"
        done"#;
    home.new_session(&["-n", "asks", "--", "sh", "-c", script]);
    let tty = Tty::thub(&home, 80, 24, &["attach", "asks"]);
    tty.until_text("ready");
    tty.type_("\x1b]10;rgb:0101/0202/0303\x1b\\\x1b]11;rgb:9191/9292/9393\x1b\\");
    // the call that tells is not in order with the keys
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    for n in 1.. {
        tty.type_("x");
        let screen = tty.until_text(&format!("n{n} "));
        if screen.iter().any(|l| l.contains("10 0101/0202/030311 9191/9292/9393")) {
            return;
        }
        assert!(std::time::Instant::now() < end, "it is never told\n{}", frame(&screen));
    }
}

/// Keys that a plain terminal can't tell apart reach a program that asks for them; the prefix, a panel's keys and the
/// releases of both don't, and the outer terminal is left as it was.
#[test]
fn a_program_gets_keys_by_kitty_s_protocol_if_it_asks() {
    let home = Home::new();
    // what it gets in hexadecimal, a sequence a line; q makes it ask for more
    let script = r"stty raw -echo; printf '\033[>1uready\r\n'
        while :; do
            b=$(head -c 1 | od -An -tx1 | tr -d ' ')
            case $b in 1b) printf '\r\n';; 71) printf '\033[=11ufurther';; esac
            printf %s $b
        done";
    home.new_session(&["-n", "asks", "--", "sh", "-c", script]);
    let mut tty = Tty::shell(&home, 80, 24);
    let before = tty.termios();
    tty.type_("\"$THUB\" attach asks; echo left:$?\r");
    tty.until_text("ready");
    let hex = |text: &str| text.bytes().map(|b| format!("{b:02x}")).collect::<String>();
    let asked = |what: &str| String::from_utf8_lossy(&tty.log()).contains(what);
    // from a terminal that knows the protocol, and from one that doesn't
    for (typed, told) in [
        ("\x1b[105;5u", "\x1b[105;5u"),
        ("\x1b[13;5u", "\x1b[13;5u"),
        ("\x1b[13;2u\t", "\x1b[13;2u\t"),
        ("\x01", "\x1b[97;5u"),
        ("\x1b[27u", "\x1b[27u"),
        ("\x1b[98:66;6u", "\x1b[98;6u"),
    ] {
        tty.type_(typed);
        tty.until(&format!("{told:?}"), |s| s.iter().any(|l| l.ends_with(&hex(told))));
    }
    // (pushed with its entry on the stack, if the terminal's answer came after the program's wish)
    assert!(asked("\x1b[=5;1u") || asked("\x1b[>5u"), "the outer terminal is to tell them apart");
    tty.type_("q");
    tty.until_text("further");
    assert!(asked("\x1b[=31;1u"), "and to tell all of them");
    tty.type_("\x1b[120;;120u\x1b[120;1:3u");
    tty.until_text(&hex("\x1b[120;1:3u"));
    // the help, and out of it
    tty.type_("\x1b[98;5u\x1b[98;5:3u\x1b[47:63;2;63u\x1b[47:63;2:3u");
    tty.until_text("detach");
    tty.type_("\x1b[27u");
    tty.until_no_text("detach");
    tty.type_("\x1b[27;1:3u\x1b[121;;121u");
    let all = tty.until_text(&hex("\x1b[121u")).concat();
    for taken in ["\x1b[98;5", "\x1b[47", "\x1b[27;1:3u"] {
        assert!(!all.contains(&hex(taken)), "{taken:?}");
    }
    tty.type_("\x1b[98;5u\x1b[100;;100u");
    tty.until_text("left:0");
    sane(&tty, &before);
    tty.type_("exit\r");
    tty.wait_exit();
}

/// A program that asked to hear of it is told when the outer terminal turns light (2031).
#[test]
fn a_program_that_asks_hears_that_it_turned_light() {
    let home = Home::new();
    let script = r"stty raw -echo; printf '\033[?2031hready\r\n'; head -c 9 | od -An -tx1; exec cat";
    home.new_session(&["-n", "asks", "--", "sh", "-c", script]);
    let tty = Tty::thub(&home, 80, 24, &["attach", "asks"]);
    tty.until_text("ready");
    tty.mute();
    // it has turned; asked what it is now, it says so
    tty.type_("\x1b[?997;2n\x1b]11;rgb:ffff/ffff/ffff\x1b\\");
    tty.until_text("1b 5b 3f 39 39 37 3b 32 6e");
}

#[test]
fn what_was_typed_before_one_leaves_arrives() {
    let home = Home::new();
    home.new_session(&["-n", "s", "--", "sh", "-c", "stty -echo; echo said-0; while read -r l; do echo said-$l; done"]);
    for n in 1..=scale(10) {
        let mut tty = Tty::thub(&home, 80, 24, &["attach", "s"]);
        tty.until_text(&format!("said-{}", n - 1));
        // in one go, as fast hands and pasted text are
        tty.type_(format!("{n}\r\x02d"));
        assert_eq!(tty.wait_exit(), 0);
        home.shows("s", &format!("said-{n}$"));
    }
}
