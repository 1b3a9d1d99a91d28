//! The browser: keys in, errands and screens out; news back.

use super::super::tests::{Bench, info as session};
use super::super::{Event, Farewell};
use super::*;
use crate::client::browser::queue as jobs;
use crate::client::errands::News;
use crate::client::host::{HostCommand, HostEvent, HostState};
use crate::proto::control::connections::{Config, Connection, Listed, Ssh};
use crate::proto::control::{Fault, FilesStatted, LinkInfo, ListEnd, Space};
use crate::proto::notice::SessionExited;
use crate::term::input::{Button, Mods, Mouse, MouseKind};
use std::sync::Arc;
use std::time::Duration;

fn name(text: &str) -> FileName {
    FileName::new(text).unwrap()
}
fn path(text: &str) -> FilePath {
    FilePath::new(text).unwrap()
}
fn file(text: &str, size: u64) -> FileInfo {
    FileInfo { name: name(text), kind: FileKind::File, size, mode: 0o644, owner: "me".into(), ..FileInfo::default() }
}
fn dir(text: &str) -> FileInfo {
    FileInfo { name: name(text), kind: FileKind::Dir, mode: 0o755, ..FileInfo::default() }
}

/// What was wanted of files and not looked at yet.
fn errands(s: &mut Bench) -> Vec<(u64, Errand)> {
    let all = s.take();
    all.into_iter()
        .filter_map(|e| match e {
            Effect::Files(tag, errand) => Some((tag, errand)),
            _ => None,
        })
        .collect()
}
fn news(s: &mut Bench, tag: u64, news: News) {
    s.event(Event::Files(tag, news));
}

/// Every listing that was asked for is answered with what is there.
fn answer(s: &mut Bench, there: &[(&str, Vec<FileInfo>)]) -> Vec<(u64, Errand)> {
    let mut rest = Vec::new();
    for (tag, errand) in errands(s) {
        let Errand::List { path: asked, .. } = &errand else {
            rest.push((tag, errand));
            continue;
        };
        let asked = if asked.is_empty() { path("/home/me") } else { asked.clone() };
        match there.iter().find(|(p, _)| path(p) == asked) {
            Some((_, entries)) => {
                news(s, tag, News::Listed(asked));
                news(s, tag, News::Entries(entries.clone()));
                news(s, tag, News::ListEnd(ListEnd::default()));
            }
            None => news(s, tag, News::Failed("there is no such\u{1b}[2J directory".into())),
        }
    }
    rest
}

fn there() -> Vec<(&'static str, Vec<FileInfo>)> {
    let leads = LinkInfo { target: path("src"), kind: Some(FileKind::Dir) };
    let link = FileInfo { kind: FileKind::Link, link: Some(leads), ..file("link", 3) };
    vec![
        ("/home/me", vec![dir("work"), file("a.txt", 2000), file(".rc", 1), file("evil\u{202e}\u{1b}[2J", 5), link]),
        ("/home/me/work", vec![dir("src"), file("b.txt", 5 << 20), file("c.log", 7)]),
        ("/", vec![dir("home")]),
        ("/home", vec![dir("me"), dir("you")]),
    ]
}

/// A browser over both columns: the shell's directory on the left, home on the right.
fn bench(cols: u16, rows: u16) -> Bench {
    let mut s = Bench::full(cols, rows);
    let pane = *s.app.panes.keys().next().unwrap();
    s.app.panes.get_mut(&pane).unwrap().info.as_mut().unwrap().cwd = "/home/me/work".into();
    s.take();
    s.keys("C-b F");
    assert!(answer(&mut s, &there()).is_empty());
    s
}
fn on(s: &Bench) -> String {
    s.app.files.browser.as_ref().unwrap().here().current().map_or("-".into(), |e| e.info.name.to_string())
}
fn at(s: &Bench) -> [String; 2] {
    s.app.files.browser.as_ref().unwrap().columns.each_ref().map(|c| c.path.to_string())
}

#[test]
fn it_opens_where_the_shell_is() {
    let mut s = bench(100, 30);
    assert_eq!(at(&s), ["/home/me/work", "/home/me"]);
    let screen = s.screen();
    assert!(screen.contains("this machine: /home/me/work") && screen.contains("/ src"), "{screen}");
    assert!(screen.contains("5.0M") && screen.contains("3 entries") && screen.contains("4 of 5 shown"), "{screen}");
    // up, and the cursor is on where it came from; down again, and by a link
    s.keys("Backspace");
    answer(&mut s, &there());
    assert_eq!((at(&s)[0].as_str(), on(&s).as_str()), ("/home/me", "work"));
    s.keys("h h");
    answer(&mut s, &there());
    assert_eq!(at(&s)[0], "/", "what was not read was left at once");
    s.keys("-");
    answer(&mut s, &there());
    assert_eq!(at(&s)[0], "/home");
    s.keys("Tab g Enter");
    assert!(matches!(&errands(&mut s)[..], [(_, Errand::List { path: p, .. })] if *p == path("/home/me/link")));
}

#[test]
fn what_is_left_is_let_go_of_and_its_news_are_dropped() {
    let mut s = bench(100, 30);
    s.keys("Backspace");
    let first = errands(&mut s);
    s.keys("Backspace");
    let second = errands(&mut s);
    assert_eq!(second.iter().filter(|(tag, e)| *tag == first[0].0 && *e == Errand::Stop).count(), 1, "{second:?}");
    news(&mut s, first[0].0, News::Entries(vec![file("stale", 1)]));
    assert!(!s.has("stale"));
    s.keys("Q");
    assert_eq!(errands(&mut s).len(), 1, "the other one, too");
    assert!(!s.app.browsing());
}

#[test]
fn nothing_of_a_host_is_drawn_as_it_is() {
    let mut s = bench(100, 30);
    s.keys("Tab G");
    let screen = s.screen();
    assert!(screen.contains("evil\\u{202e}\\u{1b}[2J"), "{screen}");
    assert!(!screen.contains('\u{202e}') && !screen.contains('\u{1b}'));
    s.keys(": '/nowhere Enter");
    answer(&mut s, &there());
    assert!(s.has("there is no such\\u{1b}[2J directory"), "{}", s.screen());
}

#[test]
fn filter_sort_and_hidden() {
    let mut s = bench(100, 30);
    s.keys("/ 'LOG");
    assert_eq!(on(&s), "c.log");
    assert!(s.has("└/LOG"), "{}", s.screen());
    s.keys("Enter");
    assert!(s.has("/log · 1 of 3 shown"), "{}", s.screen());
    s.keys("Escape s");
    assert!(s.has("size▾") && s.app.browsing(), "the first Escape takes the filter away");
    s.keys("S Tab .");
    assert!(s.has("size▴") && s.has(".rc"));
    s.keys("Escape");
    assert!(!s.app.browsing());
}

#[test]
fn copies_go_one_after_the_other_and_are_told() {
    let mut s = bench(100, 30);
    s.keys("j Space Space");
    assert!(s.has("2 selected, 5.0M"), "{}", s.screen());
    s.keys("c");
    let all = errands(&mut s);
    let [(job, Errand::Run(wanted))] = &all[..] else { panic!("{all:?}") };
    let (job, wanted) = (*job, (**wanted).clone());
    assert_eq!((wanted.dir, wanted.into), (path("/home/me/work"), path("/home/me")));
    assert_eq!(wanted.names, [name("b.txt"), name("c.log")]);
    assert_eq!(s.app.files.browser.as_ref().unwrap().here().selected().0, 0);
    // another one waits for it
    s.keys("g m");
    assert!(s.has("Move directory 'src' to /home/me of this machine?"), "{}", s.screen());
    s.keys("Enter");
    assert!(s.app.files.queue.open() == 1, "it takes the letter");
    s.keys("y");
    assert!(errands(&mut s).is_empty() && s.app.files.queue.open() == 2);
    news(&mut s, job, News::Planned { files: 2, bytes: 10 << 20 });
    news(&mut s, job, News::Progress { files: 1, bytes: 5 << 20, current: path("b.txt"), speed: 1 << 20 });
    assert!(s.has("copy 50 % +1"), "{}", s.screen());
    s.keys("q");
    let screen = s.screen();
    assert!(
        screen.contains("1 of 2, 5.0M of 10M · 1.0M/s · 5 s left") && screen.contains("waits for its turn"),
        "{screen}"
    );
    // a name that is taken
    let asked = jobs::Asked { id: 7, path: path("b.txt"), new: file("b.txt", 9), old: file("b.txt", 8) };
    news(&mut s, job, News::Asks(Box::new(asked)));
    assert!(s.has("'b.txt' is there already") && s.has("keep both of all"), "{}", s.screen());
    // which keys on their way do not answer
    s.keys("Enter");
    assert!(errands(&mut s).is_empty());
    s.at(1.0);
    s.keys("Down Enter");
    assert_eq!(errands(&mut s), [(job, Errand::Answer { ask: 7, what: Conflict::Replace, all: false })]);
    let failed = crate::proto::control::Failed { path: path("c\u{7}"), why: Fault::new(Fault::REFUSED, "not allowed") };
    news(&mut s, job, News::FailedFor(vec![failed]));
    news(&mut s, job, News::Over { files: 1, bytes: 1, skipped: 0, left: Vec::new(), failed: None, fault: None });
    let after = answer(&mut s, &there());
    assert!(matches!(&after[..], [(_, Errand::Run(w))] if w.kind == jobs::Kind::Move), "its turn: {after:?}");
    s.keys("Up Enter");
    assert!(s.has("c\\u{7}: not allowed"), "{}", s.screen());
    s.keys("q j c");
    let stopped = errands(&mut s);
    assert!(stopped.contains(&(after[0].0, Errand::Stop)), "{stopped:?}");
    s.keys("x");
    assert!(s.has("nothing is being copied"));
}

#[test]
fn a_question_waits_for_who_looks() {
    let mut s = bench(100, 30);
    s.keys("j c");
    let job = errands(&mut s)[0].0;
    s.keys("Q");
    s.take();
    let asked = jobs::Asked { id: 1, path: path("b.txt"), new: file("b.txt", 9), old: file("b.txt", 8) };
    news(&mut s, job, News::Asks(Box::new(asked)));
    assert!(s.app.layers.is_empty() && s.has("copy asks"), "{}", s.screen());
    s.keys("x");
    assert_eq!(s.typed(), ["s1 x"]);
    s.app.show_queue();
    s.keys("Enter Enter");
    assert_eq!(errands(&mut s), [(job, Errand::Answer { ask: 1, what: Conflict::Skip, all: false })]);
}

#[test]
fn what_is_tried_again_is_what_was_not_done() {
    let mut s = bench(100, 30);
    let over = |s: &mut Bench, job, why: Option<&str>| {
        let fault = why.map(String::from);
        news(s, job, News::Over { files: 1, bytes: 1, skipped: 0, left: Vec::new(), failed: None, fault });
        answer(s, &there());
    };
    s.keys("D y");
    let job = errands(&mut s)[0].0;
    over(&mut s, job, None);
    s.keys("q r y");
    assert!(errands(&mut s).is_empty() && s.has("nothing to try again"), "{}", s.screen());
    // a delete that failed asks again
    s.keys("q D y");
    let job = errands(&mut s)[0].0;
    over(&mut s, job, Some("not allowed"));
    s.keys("q End r");
    assert!(errands(&mut s).is_empty() && s.has("Delete 'src' from /home/me/work"), "{}", s.screen());
    s.keys("y");
    assert_eq!(errands(&mut s).len(), 1);
    // a copy that failed goes on at once, and stays the chosen one
    let mut s = bench(100, 30);
    s.keys("c");
    let job = errands(&mut s)[0].0;
    over(&mut s, job, Some("not allowed"));
    s.keys("j c");
    let next = errands(&mut s)[0].0;
    over(&mut s, next, Some("not allowed"));
    s.keys("q g r r");
    let again = errands(&mut s);
    assert!(matches!(&again[..], [(_, Errand::Run(w))] if w.names == [name("src")]), "{again:?}");
}

#[test]
fn leaving_asks_while_something_is_copied() {
    let mut s = bench(100, 30);
    s.keys("j c Q C-b d");
    assert!(!s.take().iter().any(|e| matches!(e, Effect::Quit(_))));
    assert!(s.has("leave, and stop it?"), "{}", s.screen());
    s.keys("n C-b d Enter");
    assert!(!s.take().iter().any(|e| matches!(e, Effect::Quit(_))), "it takes the letter");
    s.keys("y");
    assert!(s.take().contains(&Effect::Quit(Farewell::Detached)));
    // the last shell's end asks by itself: what was typed for it is no answer
    let mut s = bench(100, 30);
    s.keys("j c Q");
    s.at(5.0);
    s.keys("x");
    let exit = SessionExited { exit_code: Some(0), cause: None };
    s.host("local", HostEvent::Exited { session: "s1".parse().unwrap(), exit });
    assert!(s.has("leave, and stop it?"), "{}", s.screen());
    s.keys("y Enter");
    s.at(5.5);
    s.keys("y");
    assert!(!s.take().iter().any(|e| matches!(e, Effect::Quit(_))));
    s.at(6.5);
    s.keys("y");
    assert!(s.take().iter().any(|e| matches!(e, Effect::Quit(Farewell::Exited { .. }))));
}

#[test]
fn what_can_not_be_seen_is_asked_about() {
    let mut s = bench(60, 20);
    s.keys("j c");
    assert!(errands(&mut s).is_empty() && s.has("Copy 'b.txt' to /home/me"), "{}", s.screen());
    s.keys("y");
    assert!(matches!(&errands(&mut s)[..], [(_, Errand::Run(w))] if w.names == [name("b.txt")]));
}

#[test]
fn a_path_from_home_before_it_is_known_is_no_path_from_the_root() {
    let mut s = bench(100, 30);
    s.keys("H : 'work/src Enter");
    let last = errands(&mut s).into_iter().rev().find(|(_, e)| matches!(e, Errand::List { .. })).unwrap();
    assert!(matches!(last.1, Errand::List { path: p, .. } if p == path("work/src")));
}

#[test]
fn names_and_permissions_are_checked_while_they_are_typed() {
    let mut s = bench(100, 30);
    s.keys("n 'a/b Enter");
    assert!(s.has("a file's name is one component") && errands(&mut s).is_empty(), "{}", s.screen());
    s.keys("C-u 'new Enter");
    let all = errands(&mut s);
    assert!(matches!(&all[..], [(_, Errand::MakeDir { path: p, .. })] if *p == path("/home/me/work/new")));
    news(&mut s, all[0].0, News::Done);
    let mut more = there();
    more[1].1.push(dir("new"));
    answer(&mut s, &more);
    assert_eq!(on(&s), "new", "the cursor is on it");
    s.keys("r C-u 'old Enter");
    assert!(matches!(&errands(&mut s)[..], [(_, Errand::Rename { to, .. })] if *to == name("old")));
    s.keys("p C-u 'rwx");
    assert!(s.has("octal (644)"), "{}", s.screen());
    s.keys("'r-x--- Enter");
    assert!(matches!(&errands(&mut s)[..], [(_, Errand::Mode { mode: 0o750, .. })]));
    // what fails is said, and what there is now is read
    s.keys("n 'x Enter");
    let tag = errands(&mut s)[0].0;
    news(&mut s, tag, News::Failed("the name is\n taken".into()));
    assert!(s.has("the name is\\n taken") && matches!(&errands(&mut s)[..], [(_, Errand::List { .. })]));
}

#[test]
fn deleting_asks_first_and_says_what() {
    let mut s = bench(100, 30);
    s.keys("a D");
    let screen = s.screen();
    assert!(screen.contains("Delete 2 files and 1 directory (5.0M), with all that is in there"), "{screen}");
    s.keys("n");
    assert!(errands(&mut s).is_empty());
    s.keys("Escape F8 y");
    assert!(
        matches!(&errands(&mut s)[..], [(_, Errand::Run(w))] if w.kind == jobs::Kind::Delete && w.names == [name("src")])
    );
}

#[test]
fn nothing_is_copied_onto_or_into_itself() {
    let mut s = bench(100, 30);
    s.keys("= Tab");
    answer(&mut s, &there());
    s.keys("Tab g Down m");
    assert!(s.has("both columns show the same directory"), "{}", s.screen());
    s.keys("c C-u 'b2.txt Enter");
    assert!(matches!(&errands(&mut s)[..], [(_, Errand::Run(w))] if w.rename == Some(name("b2.txt"))));
    let mut s = bench(100, 30);
    s.keys("Tab g j c");
    assert!(s.has("can't be put into itself") && errands(&mut s).is_empty(), "{}", s.screen());
}

#[test]
fn a_file_is_looked_at_as_it_comes() {
    let mut s = bench(100, 30);
    s.keys("j v");
    let all = errands(&mut s);
    let [(tag, Errand::Read { path: p, .. })] = &all[..] else { panic!("{all:?}") };
    assert_eq!(*p, path("/home/me/work/b.txt"));
    news(&mut s, *tag, News::Size(11));
    news(&mut s, *tag, News::Bytes(b"hello\n\x1b[2J".to_vec()));
    assert!(s.has("hello") && s.has("\\u{1b}[2J") && s.has("10 of 11"), "{}", s.screen());
    s.keys("x");
    assert!(s.has("68 65 6c 6c 6f"), "{}", s.screen());
    s.keys("q");
    assert_eq!(errands(&mut s), [(*tag, Errand::Stop)]);
    assert!(s.app.browsing());
}

#[test]
fn a_search_in_a_large_file_leaves_room_for_keys() {
    let mut s = bench(100, 30);
    s.keys("j v");
    let tag = errands(&mut s)[0].0;
    news(&mut s, tag, News::Bytes(b"some line of it\n".repeat(40_000)));
    news(&mut s, tag, News::Bytes(b"the needle\n".to_vec()));
    s.keys("/ 'needle Enter");
    assert!(s.has("searching … Esc stops") && !s.has("the needle"), "{}", s.screen());
    let mut at = 1.0;
    while s.has("searching") {
        assert!(s.app.deadline().is_some_and(|due| due <= s.app.now + std::time::Duration::from_millis(1)));
        at += 0.001;
        s.at(at);
        s.event(Event::Tick);
    }
    assert!(s.has("│the needle"), "{}", s.screen());
    s.keys("g n Escape");
    assert!(s.has("some line of it") && !s.has("searching"), "{}", s.screen());
    s.keys("Escape");
    assert!(s.app.looks_at_browser());
}

#[test]
fn facts_are_told() {
    let mut s = bench(100, 30);
    s.keys("j i");
    let tag = errands(&mut s)[0].0;
    let facts =
        FilesStatted { info: file("b.txt", 5 << 20), real: None, space: Some(Space { total: 1 << 40, free: 1 << 39 }) };
    news(&mut s, tag, News::Facts(Box::new(facts)));
    assert!(s.has("5.0M (5242880 bytes)") && s.has("512G free of 1.0T") && s.has("0644  rw-r--r--"), "{}", s.screen());
    s.keys("x");
    assert!(s.app.browsing() && !s.has("5242880"));
}

fn edit() -> Edit {
    Edit {
        whose: Whose::host(HostId::local()),
        dir: path("/home/me/work"),
        name: name("c.log"),
        was: file("c.log", 7),
        copy: "/state/edits/1/c.log".into(),
        hash: "0".repeat(64),
        held: Default::default(),
    }
}

#[test]
fn a_file_is_edited_and_put_back() {
    let mut s = bench(100, 30);
    s.keys("j j e");
    let all = errands(&mut s);
    assert!(matches!(&all[..], [(_, Errand::Fetch { name: n, .. })] if *n == name("c.log")), "{all:?}");
    news(&mut s, all[0].0, News::Fetched(Box::new(edit())));
    assert!(!s.app.browsing());
    let made = s.effects.iter().find_map(|e| match e {
        Effect::Host(_, HostCommand::Create { create, .. }) => Some(create.command.last().unwrap().clone()),
        _ => None,
    });
    assert_eq!(made.as_deref(), Some("/state/edits/1/c.log"));
    s.answer();
    exit(&mut s, "s2", 0);
    assert!(s.app.browsing() && s.app.tabs.list.len() == 1, "back where it was chosen");
    let all = errands(&mut s);
    let put = all.iter().find(|(_, e)| matches!(e, Errand::PutBack { keep: Keep::Unless, .. })).unwrap();
    // what was still typed for the editor does nothing here
    s.keys("D");
    assert!(!s.has("Delete"), "{}", s.screen());
    s.at(1.0);
    // somebody was faster
    news(&mut s, put.0, News::Differs(Box::new(edit()), Some(Box::new(file("c.log", 9)))));
    assert!(s.has("changed by somebody else") && s.has("keep theirs"), "{}", s.screen());
    s.at(2.0);
    s.keys("Enter");
    let all = errands(&mut s);
    assert!(matches!(&all[..], [(_, Errand::PutBack { keep: Keep::Beside, .. })]), "{all:?}");
    news(&mut s, all[0].0, News::Failed("the disk is full".into()));
    assert!(s.has("what was edited is in /state/edits/1/c.log"), "nothing is lost: {}", s.screen());
    // nor is it left without a word, and who opens the browser is asked
    s.keys("Q C-b d");
    assert!(s.has("What was edited is not put back: leave?"), "{}", s.screen());
    s.keys("n C-b F");
    assert!(s.has("'c.log' was edited and not put back") && s.has("the disk is full"), "{}", s.screen());
    s.take();
    s.at(4.0);
    s.keys("Enter");
    let all = errands(&mut s);
    let [(tag, Errand::PutBack { keep: Keep::Unless, .. })] = &all[..] else { panic!("{all:?}") };
    s.keys("Q C-b d");
    assert!(s.has("is being put back still: leave?"), "{}", s.screen());
    s.keys("n");
    news(&mut s, *tag, News::PutBack("'c.log' is saved".into()));
    s.keys("C-b d");
    assert!(s.take().contains(&Effect::Quit(Farewell::Detached)), "it is done");
}

/// The chosen file is open in an editor, session `s2` of this machine.
fn in_an_editor() -> Bench {
    let mut s = bench(100, 30);
    s.keys("j j e");
    let tag = errands(&mut s)[0].0;
    news(&mut s, tag, News::Fetched(Box::new(edit())));
    s.answer();
    s.take();
    s
}

fn exit(s: &mut Bench, id: &str, code: i32) {
    let exit = SessionExited { exit_code: Some(code), cause: None };
    s.host("local", HostEvent::Exited { session: id.parse().unwrap(), exit });
}

#[test]
fn what_was_edited_is_listed_as_it_is_then() {
    let mut s = in_an_editor();
    exit(&mut s, "s2", 0);
    let put = errands(&mut s).into_iter().find(|(_, e)| matches!(e, Errand::PutBack { .. })).unwrap();
    news(&mut s, put.0, News::PutBack("'c.log' is saved".into()));
    let all = errands(&mut s);
    assert!(all.iter().any(|(_, e)| matches!(e, Errand::List { path: p, .. } if *p == edit().dir)), "{all:?}");
}

#[test]
fn a_question_about_an_edit_waits_for_who_looks() {
    let mut s = in_an_editor();
    // the editor ends while another tab is looked at
    s.keys("C-b 1");
    exit(&mut s, "s2", 0);
    assert!(!s.app.browsing());
    let put = errands(&mut s).into_iter().find(|(_, e)| matches!(e, Errand::PutBack { .. })).unwrap();
    news(&mut s, put.0, News::Differs(Box::new(edit()), None));
    assert!(s.app.layers.is_empty() && s.has("the file browser asks what to keep"), "{}", s.screen());
    s.keys("C-b F");
    assert!(s.has("keep theirs") && s.has("it is gone"), "{}", s.screen());
    // a question that is put off comes again
    s.at(1.0);
    s.keys("Escape");
    assert!(s.app.looks_at_browser());
    s.keys("Q C-b d");
    assert!(s.has("What was edited is not put back: leave?"), "{}", s.screen());
    s.keys("n C-b F");
    assert!(s.has("keep theirs"), "{}", s.screen());
    s.at(2.0);
    s.keys("'theirs Enter");
    assert!(errands(&mut s).iter().any(|(_, e)| matches!(e, Errand::Forget { .. })));
    assert_eq!(s.app.under_way(), None);
    // nor does an editor open over who went elsewhere
    let mut s = bench(100, 30);
    s.keys("j j e");
    let tag = errands(&mut s)[0].0;
    s.keys("Q");
    assert!(errands(&mut s).contains(&(tag, Errand::Stop)));
    news(&mut s, tag, News::Fetched(Box::new(edit())));
    assert_eq!(s.app.tabs.list.len(), 1);
    assert!(errands(&mut s).iter().any(|(_, e)| matches!(e, Errand::Forget { .. })));
    // nor over who went on in the browser, nor where Escape said no
    for (key, says) in [("k", "e once more edits it"), ("Escape", "it is not edited")] {
        let mut s = bench(100, 30);
        s.keys("j j e");
        let tag = errands(&mut s)[0].0;
        s.keys(key);
        news(&mut s, tag, News::Fetched(Box::new(edit())));
        assert!(s.app.looks_at_browser() && s.app.files.edits.is_empty() && s.has(says), "{}", s.screen());
        assert!(errands(&mut s).iter().any(|(_, e)| matches!(e, Errand::Forget { .. })));
    }
}

#[test]
fn what_a_client_before_has_left_is_asked_about() {
    let mut s = bench(100, 30);
    let command = ["/bin/sh", "-c", "x", "edit", "/state/edits/2/open"].map(String::from).to_vec();
    let editor = crate::proto::control::SessionInfo { command, ..session("s9", 80, 24) };
    let told = |s: &mut Bench, all: &[&crate::proto::control::SessionInfo]| {
        s.host("local", HostEvent::Sessions(all.iter().map(|i| (*i).clone()).collect()));
    };
    s.app.files.looked_for_edits = false;
    told(&mut s, &[&session("s1", 80, 24), &editor]);
    let all = errands(&mut s);
    let [(tag, Errand::LeftEdits { open })] = &all[..] else { panic!("{all:?}") };
    assert!(open.contains(&"/state/edits/2/open".into()), "{open:?}");
    let open = Edit { copy: "/state/edits/2/open".into(), name: name("open"), ..edit() };
    s.keys("Q");
    s.take();
    news(&mut s, *tag, News::LeftEdits(vec![edit(), open]));
    assert!(s.app.layers.is_empty() && s.has("'c.log' was edited and not put back"), "{}", s.screen());
    assert!(s.app.under_way().unwrap().contains("A file is being edited"), "the other one's editor runs still");
    told(&mut s, &[&session("s1", 80, 24), &editor]);
    assert!(errands(&mut s).is_empty(), "they are looked for once");
    // an editor that ends unseen is asked about, too; one that is told to have ended well puts back what it left
    told(&mut s, &[&session("s1", 80, 24)]);
    assert!(s.app.under_way().is_none() && s.has("'open' was edited and not put back"), "{}", s.screen());
    s.app.files.edits.last_mut().unwrap().session = "s9".parse().ok();
    let well = crate::proto::control::SessionInfo { state: "exited".into(), exit_code: Some(0), ..editor };
    told(&mut s, &[&session("s1", 80, 24), &well]);
    let all = errands(&mut s);
    let [(tag, Errand::PutBack { edit: put, keep: Keep::Unless })] = &all[..] else { panic!("{all:?}") };
    assert_eq!(put.name, name("open"));
    s.app.files.edits.last_mut().unwrap().left = Some(crate::client::browser::edits::Left::Stayed);
    s.app.files.after.remove(tag);
    s.keys("C-b F");
    s.take();
    s.at(1.0);
    assert!(s.has("'open' of this machine was edited and not put back"), "{}", s.screen());
    s.keys("'delete Enter");
    assert!(matches!(&errands(&mut s)[..], [(_, Errand::Forget { copy })] if copy.ends_with("2/open")));
    s.at(2.0);
    assert!(s.has("'c.log' of this machine") && s.has("the next start asks again"), "{}", s.screen());
    s.at(3.0);
    s.keys("Enter");
    let all = errands(&mut s);
    let [(tag, Errand::PutBack { keep: Keep::Unless, .. })] = &all[..] else { panic!("{all:?}") };
    news(&mut s, *tag, News::Differs(Box::new(edit()), None));
    assert!(s.has("changed by somebody else"), "{}", s.screen());
}

#[test]
fn an_editor_that_fails_puts_nothing_back() {
    let mut s = in_an_editor();
    exit(&mut s, "s2", 1);
    assert!(errands(&mut s).is_empty());
    assert!(s.has("nothing was put back; the copy is /state/edits/1/c.log"), "{}", s.screen());
    assert_eq!(s.app.tabs.list.len(), 2, "what it said can be read");
}

#[test]
fn other_hosts_and_bookmarks() {
    let mut s = bench(100, 30);
    s.keys("Tab o 'build Enter");
    let all = s.take();
    assert!(all.contains(&Effect::Host(HostId::new("build-server"), HostCommand::Connect)), "{all:?}");
    let list = all.iter().find_map(|e| match e {
        Effect::Files(tag, Errand::List { whose, .. }) => Some((*tag, whose.host.clone())),
        _ => None,
    });
    assert_eq!(list.unwrap().1, HostId::new("build-server"));
    s.keys("b");
    let tag = errands(&mut s)[0].0;
    news(&mut s, tag, News::Bookmarks(vec![path("/srv")]));
    assert!(s.has("/srv") && s.has("+ add ~") && s.has("- delete /srv"), "{}", s.screen());
    // what is added is what was looked at, and it is said once it is kept
    s.keys("'add Enter");
    let all = errands(&mut s);
    let [(tag, Errand::Bookmarks { change: Some((p, true)), .. })] = &all[..] else { panic!("{all:?}") };
    assert!(p.is_empty() && !s.has("is a bookmark now"), "{}", s.screen());
    news(&mut s, *tag, News::Failed("the disk is full".into()));
    assert!(s.has("the disk is full") && !s.has("is a bookmark now"), "{}", s.screen());
    // they open over nobody who went on
    s.keys("b");
    let tag = errands(&mut s)[0].0;
    s.keys("j");
    news(&mut s, tag, News::Bookmarks(vec![path("/srv")]));
    assert!(!s.has("- delete /srv"));
    s.keys("b");
    let tag = errands(&mut s)[0].0;
    news(&mut s, tag, News::Bookmarks(vec![path("/srv")]));
    s.keys("Enter");
    assert!(
        matches!(&errands(&mut s)[..], [_, (_, Errand::List { path: p, .. })] | [(_, Errand::List { path: p, .. }), _] if *p == path("/srv"))
    );
}

#[test]
fn a_pasted_path_is_typed_only_where_it_was_wanted() {
    let paste = |s: &mut Bench, then: &str, at: &str| {
        let mut out = Vec::new();
        s.app.paste_as_file(&mut out);
        let [Effect::Files(tag, Errand::Paste { .. })] = out[..] else { panic!("{out:?}") };
        if !then.is_empty() {
            s.keys(then);
        }
        s.take();
        news(s, tag, News::Pasted { paths: vec![path(at)], what: "1 file".into() });
    };
    let mut s = Bench::full(100, 30);
    paste(&mut s, "", "/a b");
    assert_eq!(s.typed(), ["s1 \\'/a b\\'"]);
    paste(&mut s, "C-b F", "/a b");
    let all = s.take();
    assert!(all.contains(&Effect::Copy("'/a b'".into())), "{all:?}");
    assert!(!all.iter().any(|e| matches!(e, Effect::Host(_, HostCommand::Input { .. }))));
    s.keys("Q");
    paste(&mut s, "", "/a\nrm");
    assert!(s.typed().is_empty() && s.has("control characters"), "{}", s.screen());
}

#[test]
fn it_follows_the_shell() {
    let mut s = bench(100, 30);
    s.keys("f");
    answer(&mut s, &there());
    let moved = crate::proto::control::SessionInfo { cwd: "/home".into(), ..session("s1", 80, 24) };
    s.host("local", HostEvent::Changed { session: "s1".parse().unwrap(), info: Box::new(moved) });
    assert!(matches!(&errands(&mut s)[..], [(_, Errand::List { path: p, .. })] if *p == path("/home")));
}

#[test]
fn it_opens_where_the_shell_is_now_as_long_as_nobody_moves() {
    for (keys, goes) in [("", true), ("j", false), ("click", false)] {
        let mut s = Bench::full(100, 30);
        s.take();
        s.keys("C-b F");
        assert!(s.take().contains(&Effect::Host(HostId::local(), HostCommand::List)));
        if keys == "click" {
            let (kind, button) = (MouseKind::Press, Button::Left);
            s.event(Event::Mouse(Mouse { kind, button, row: 3, col: 5, mods: Mods::default() }));
        } else if !keys.is_empty() {
            s.keys(keys);
        }
        let there = crate::proto::control::SessionInfo { cwd: "/srv".into(), ..session("s1", 80, 24) };
        s.host("local", HostEvent::Sessions(vec![there]));
        let went = errands(&mut s).iter().any(|(_, e)| matches!(e, Errand::List { path: p, .. } if *p == path("/srv")));
        assert_eq!(went, goes, "{keys}");
        // it was answered: from here on nothing takes the column elsewhere
        let later = crate::proto::control::SessionInfo { cwd: "/home".into(), ..session("s1", 80, 24) };
        s.host("local", HostEvent::Changed { session: "s1".parse().unwrap(), info: Box::new(later) });
        let lists = |(_, e): &(u64, Errand)| matches!(e, Errand::List { .. });
        assert!(!errands(&mut s).iter().any(lists), "{keys}");
    }
}

#[test]
fn a_shell_opens_there_and_paths_are_copied() {
    let mut s = bench(100, 30);
    s.keys("Tab g y");
    assert!(s.take().contains(&Effect::Copy("/home/me/link".into())));
    s.keys("!");
    let create = s.take().into_iter().find_map(|e| match e {
        Effect::Host(_, HostCommand::Create { create, .. }) => Some(create.cwd),
        _ => None,
    });
    assert_eq!((create.as_deref(), s.app.browsing()), (Some("/home/me"), false));
}

#[test]
fn it_fits_small_screens() {
    for (cols, rows) in [(120, 35), (80, 24), (40, 12), (20, 5), (2, 2)] {
        let mut s = bench(cols, rows);
        let screen = s.screen();
        if cols >= 40 {
            assert!(screen.contains("b.txt") && screen.contains("? help"), "{screen}");
        }
        s.keys("q Escape ? Escape j v q i");
        s.screen();
        if cols == 40 {
            s.keys("Tab");
            assert!(s.has("a.txt") && !s.has("b.txt"), "one column at a time: {}", s.screen());
        }
    }
}

#[test]
fn hosts_away_say_so() {
    let mut s = bench(100, 30);
    s.host("local", HostEvent::State(HostState::Failed { why: "no".into(), hints: vec![], hard: false }));
    s.keys("R");
    let all = s.take();
    assert!(all.contains(&Effect::Host(HostId::local(), HostCommand::Connect)), "{all:?}");
}

#[test]
fn a_question_that_comes_does_not_take_what_is_typed_here() {
    use crate::client::host::Question;
    use crate::transport::ask::KeyAsked;
    let mut s = bench(100, 30);
    s.at(5.0);
    s.keys("j");
    let key = KeyAsked {
        host: "nas".into(),
        address: "192.0.2.7".into(),
        way: String::new(),
        kind: "ed25519".into(),
        fingerprint: "SHA256:abc".into(),
        kept: String::new(),
    };
    s.host("nas", HostEvent::Ask { id: 3, question: Question::HostKey(key) });
    s.keys("y");
    let all = s.take();
    assert!(all.contains(&Effect::Copy("/home/me/work/b.txt".into())), "{all:?}");
    assert!(!all.iter().any(|e| matches!(e, Effect::Host(_, HostCommand::Answer { .. } | HostCommand::Input { .. }))));
    s.at(7.0);
    s.keys("n");
    assert!(s.take().iter().any(|e| matches!(e, Effect::Host(_, HostCommand::Answer { .. }))));
}

#[test]
fn what_a_host_that_is_lost_keeps_is_not_offered() {
    let mut s = bench(100, 30);
    s.host("nas", HostEvent::State(HostState::Online { build: "1".into(), hostname: "nas".into() }));
    let config = Config::ssh(&Ssh { host: "10.0.0.9".into(), ..Ssh::default() });
    let behind = Connection { id: "c-1".into(), name: "board".into(), config, ..Connection::default() };
    let listed = Listed { connections: vec![behind], ..Listed::default() };
    s.host("nas", HostEvent::Connections(Some(Arc::new(listed))));
    s.keys("o");
    assert!(s.has("board") && s.has("via nas"), "{}", s.screen());
    s.keys("Escape");
    s.host("nas", HostEvent::State(HostState::Lost { why: "cut".into(), retry: Duration::from_secs(9) }));
    s.keys("o");
    assert!(s.has("host lost") && !s.has("board"), "{}", s.screen());
}

#[test]
fn a_host_that_is_back_is_read_again() {
    let mut s = bench(100, 30);
    s.keys("o 'nas Enter");
    let list = errands(&mut s).into_iter().find(|(_, e)| matches!(e, Errand::List { .. })).unwrap();
    news(&mut s, list.0, News::Failed("there is no link to nas".into()));
    s.host("nas", HostEvent::State(HostState::Online { build: "1".into(), hostname: "nas".into() }));
    assert!(
        errands(&mut s)
            .iter()
            .any(|(_, e)| matches!(e, Errand::List { whose, .. } if whose.host == HostId::new("nas")))
    );
}

#[test]
fn the_mouse_chooses_opens_and_selects() {
    let mut s = bench(100, 30);
    let click = |s: &mut Bench, button, col, row| {
        s.event(Event::Mouse(Mouse { kind: MouseKind::Press, button, row, col, mods: Mods::default() }));
    };
    // (rows begin under the border and the headings)
    click(&mut s, Button::Left, 60, 4);
    assert_eq!((s.app.files.browser.as_ref().unwrap().active, on(&s).as_str()), (1, "a.txt"));
    click(&mut s, Button::Right, 60, 3);
    assert!(s.has("1 selected"), "{}", s.screen());
    click(&mut s, Button::WheelUp, 60, 3);
    assert_eq!(on(&s), "link");
    click(&mut s, Button::Left, 5, 2);
    click(&mut s, Button::Left, 5, 2);
    assert!(matches!(&errands(&mut s)[..], [(_, Errand::List { path: p, .. })] if *p == path("/home/me/work/src")));
    click(&mut s, Button::Left, 5, 29);
    assert!(s.app.browsing());
}

#[test]
fn wide_and_long_names_keep_the_columns_apart() {
    let mut s = bench(80, 24);
    let long = "漢字".repeat(40);
    s.keys("Tab -");
    let tag = {
        s.keys("R");
        errands(&mut s).into_iter().find(|(_, e)| matches!(e, Errand::List { .. })).unwrap().0
    };
    news(&mut s, tag, News::Entries(vec![file(&format!("{long}.txt"), 7), file(&"x".repeat(500), 7)]));
    news(&mut s, tag, News::ListEnd(ListEnd::default()));
    let (buf, _) = s.buffer();
    for y in [2u16, 3] {
        assert_eq!(buf[(79, y)].symbol(), "│", "{}", s.screen());
        assert_eq!(buf[(78, y)].symbol(), "7", "{}", s.screen());
    }
    assert!(s.has(".txt      7"), "the ending is seen: {}", s.screen());
}

/// The file under the cursor's start is copied to the other column: which job that is. Where that one is not seen it is
/// asked about.
fn copy(s: &mut Bench) -> u64 {
    s.keys("g j c");
    if !matches!(s.app.layers.last(), Some(Layer::Browser)) {
        s.keys("y");
    }
    s.app.files.queue.jobs.last().unwrap().id
}

#[test]
fn a_question_about_a_taken_name_tells_of_both_files() {
    for (cols, rows) in [(100, 30), (80, 24), (40, 12)] {
        let mut s = bench(cols, rows);
        let job = copy(&mut s);
        errands(&mut s);
        let (new, old) = (FileInfo { mtime_ms: 86_400_000, ..file("b.txt", 5 << 20) }, file("b.txt", 7 << 10));
        let asked = jobs::Asked { id: 7, path: path("b.txt"), new, old };
        news(&mut s, job, News::Asks(Box::new(asked)));
        for part in ["5.0M", "7.0K", "1970-01-02 00:00", "1970-01-01 00:00"] {
            assert!(s.has(part), "no {part:?} at {cols}x{rows}\n{}", s.screen());
        }
        // the last one, and what is clicked is what is seen there
        s.at(1.0);
        s.keys("PageDown");
        assert!(s.has("cancel"), "{}", s.screen());
        let y = s.screen().lines().position(|l| l.contains("keep both of all")).unwrap();
        let mouse =
            Mouse { kind: MouseKind::Press, button: Button::Left, col: 8, row: y as u16, mods: Mods::default() };
        let x = s.screen().lines().nth(y).unwrap().chars().position(|c| c == 'k').unwrap();
        s.event(Event::Mouse(Mouse { col: x as u16, ..mouse }));
        assert_eq!(errands(&mut s), [(job, Errand::Answer { ask: 7, what: Conflict::KeepBoth, all: true })]);
    }
}

#[test]
fn the_queue_says_all_there_is_room_for() {
    let failed = |name: &str| crate::proto::control::Failed { path: path(name), why: Fault::new(Fault::REFUSED, "no") };
    for (cols, rows) in [(80, 24), (40, 12)] {
        let mut s = bench(cols, rows);
        let job = copy(&mut s);
        news(&mut s, job, News::Planned { files: 86, bytes: 2400 << 20 });
        let current = path("b.txt");
        news(&mut s, job, News::Progress { files: 78, bytes: 593 << 20, current, speed: 10 << 20 });
        news(&mut s, job, News::FailedFor(vec![failed("x"), failed("y")]));
        s.keys("q");
        let at = format!("{cols}x{rows}");
        for part in ["this machine:/home/me", "78 of 86", "10M/s", "3 min left", "2 failed", "q close", "Enter details"]
        {
            assert!(s.has(part), "no {part:?} at {at}\n{}", s.screen());
        }
        s.app.message = None;
        s.at(9.0);
        news(
            &mut s,
            job,
            News::Over { files: 83, bytes: 2400 << 20, skipped: 3, left: Vec::new(), failed: None, fault: None },
        );
        s.app.message = None;
        for part in ["! done, 2 failed", "83 files", "in 9 s", "3 skipped"] {
            assert!(s.has(part), "no {part:?} at {at}\n{}", s.screen());
        }
        answer(&mut s, &there());
    }
    // where there are many each has two lines, and what failed is told first
    let mut s = bench(80, 24);
    for _ in 0..12 {
        copy(&mut s);
    }
    let jobs: Vec<u64> = s.app.files.queue.jobs.iter().map(|j| j.id).collect();
    news(&mut s, jobs[0], News::FailedFor(vec![failed("x"), failed("y")]));
    news(
        &mut s,
        jobs[0],
        News::Over { files: 83, bytes: 2400 << 20, skipped: 3, left: Vec::new(), failed: None, fault: None },
    );
    s.keys("q g");
    assert!(s.has("done, 2 failed") && s.has("q close"), "{}", s.screen());
    s.keys("G");
    assert!(s.screen().matches("waits for its turn").count() >= 7, "{}", s.screen());
}

#[test]
fn what_became_of_a_copy_is_wrapped_and_can_be_left() {
    let mut s = bench(40, 12);
    let job = copy(&mut s);
    let why = Fault::new(Fault::REFUSED, "it is neither a file, a directory nor a link, and stays where it is");
    news(&mut s, job, News::FailedFor(vec![crate::proto::control::Failed { path: path("pipe"), why }]));
    news(&mut s, job, News::Over { files: 1, bytes: 1, skipped: 0, left: Vec::new(), failed: None, fault: None });
    s.keys("q Enter");
    assert!(s.app.message.is_some() && s.has("q close"), "a note hides no key: {}", s.screen());
    s.keys("G");
    let words: String = s.screen().lines().map(|l| l.trim_matches(['│', ' ']).to_string() + " ").collect();
    assert!(
        words.contains("pipe: it is neither a file, a directory nor a link, and stays where it is"),
        "{}",
        s.screen()
    );
    // wider again: a line is one
    s.event(Event::Resize(crate::proto::ids::Size::new(100, 30)));
    assert!(s.has("pipe: it is neither a file, a directory nor a link, and stays where it is"), "{}", s.screen());
}

#[test]
fn the_destination_is_read_now_and_then_while_a_copy_runs() {
    let mut s = bench(100, 30);
    s.keys("Tab G");
    let on_right = on(&s);
    s.keys("Tab");
    let job = copy(&mut s);
    assert!(matches!(&errands(&mut s)[..], [(id, Errand::Run(_))] if *id == job));
    let progress =
        |s: &mut Bench| news(s, job, News::Progress { files: 1, bytes: 1, current: path("b.txt"), speed: 1 });
    s.at(10.0);
    progress(&mut s);
    s.at(11.5);
    progress(&mut s);
    assert!(errands(&mut s).is_empty(), "not at once");
    s.at(12.5);
    progress(&mut s);
    s.at(30.0);
    progress(&mut s);
    assert!(!s.has("reading"), "{}", s.screen());
    let mut more = there();
    more[0].1.insert(0, file("a-new.txt", 3));
    // (one listing at a time)
    assert!(answer(&mut s, &more).is_empty());
    assert!(s.has("a-new.txt"), "{}", s.screen());
    s.keys("Tab");
    assert_eq!(on(&s), on_right);
    progress(&mut s);
    assert_eq!(errands(&mut s).len(), 1, "it was long ago");
    // a delete has no destination, and a browser that is closed is not read
    s.keys("q");
    s.at(60.0);
    progress(&mut s);
    assert!(errands(&mut s).iter().all(|(_, e)| !matches!(e, Errand::List { .. })));
}

#[test]
fn what_was_skipped_is_listed() {
    let mut s = bench(100, 30);
    let job = copy(&mut s);
    let left = vec![path("b.txt"), path("work/c\u{1b}.log")];
    news(&mut s, job, News::Over { files: 83, bytes: 2400 << 20, skipped: 5, left, failed: None, fault: None });
    s.keys("q");
    assert!(s.has("✓ done"), "{}", s.screen());
    s.keys("Enter");
    for part in ["5 skipped, which stay as they are there:", "b.txt", "work/c\\u{1b}.log", "and 3 more"] {
        assert!(s.has(part), "{part}\n{}", s.screen());
    }
}

#[test]
fn bytes_are_shown_beside_their_text_in_a_narrow_place_too() {
    for (cols, row) in [(100, "abcdefghijklmnop"), (80, "abcdefghijklmnop"), (60, "abcdefgh"), (40, "abcd")] {
        let mut s = bench(cols, 12);
        s.keys("j x");
        let tag = errands(&mut s)[0].0;
        news(&mut s, tag, News::Bytes((b'a'..=b'z').cycle().take(400).collect()));
        let line = s.screen().lines().nth(1).unwrap().to_string();
        let text = line.trim_matches(['│', ' ']).rsplit(' ').next().unwrap().to_string();
        assert!(line.contains("00000000  61 62 63 64 ") && text == row, "{cols}: {}", s.screen());
        // made wider it stays where it was
        s.keys("j j");
        s.event(Event::Resize(crate::proto::ids::Size::new(100, 12)));
        let first = s.screen().lines().nth(1).unwrap().to_string();
        let at = row.len() * 2 / 16 * 16;
        assert!(first.contains(&format!("{at:08x}")), "{cols}: {}", s.screen());
    }
}

#[test]
fn the_browsers_keys_can_be_read_whole_in_a_narrow_place() {
    let mut s = bench(40, 12);
    s.keys("? 'notselected");
    let words: String = s.screen().lines().map(|l| l.trim_matches(['│', ' ']).to_string() + " ").collect();
    assert!(words.contains("select what is not selected, and the other way round"), "{}", s.screen());
    s.keys("C-u 'Backspace");
    assert!(s.has("Backspace h ← ^h to the directory it"), "{}", s.screen());
}

#[test]
fn what_is_looked_for_is_seen_in_a_narrow_column() {
    let mut s = bench(80, 24);
    s.keys("a / 'zzz-none Enter");
    let foot = s.screen().lines().nth(22).unwrap().to_string();
    assert!(foot.contains("/zzz-none") && foot.contains("3 selected"), "{}", s.screen());
}
