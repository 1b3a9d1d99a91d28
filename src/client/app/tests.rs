//! Key scripts in; effects and text screens out.

use super::*;
use crate::client::host::attached::{Settled, Waiting};
use crate::client::host::{Answer, Question};
use crate::client::layout::Dir;
use crate::client::pane::Stage;
use crate::client::tree::Place;
use crate::client::view;
use crate::proto::control::SessionCreate;
use crate::proto::frame::tty;
use crate::proto::gauges::Gauges;
use crate::proto::ids::SessionId;
use crate::proto::notice::SessionExited;
use crate::store::layout as disk;
use crate::term::engine::Engine;
use crate::term::input::{Button, Input, Mods, MouseKind, Parser};
use crate::term::keys;
use crate::theme::Theme;
use crate::transport::ask::{KeyAsked, SecretAsked, SecretKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};

/// A client and the hosts it thinks it talks to.
pub struct Bench {
    pub app: App,
    /// What was asked of hosts and not looked at yet.
    pub effects: Vec<Effect>,
    /// Numbers of sessions made: `s1`, `s2`, …
    made: usize,
    /// What a host says there is.
    there: Vec<SessionInfo>,
}

fn id(s: &str) -> SessionId {
    s.parse().unwrap()
}
fn online() -> HostState {
    HostState::Online { build: "1".into(), hostname: "box".into() }
}
pub fn info(session: &str, cols: u16, rows: u16) -> SessionInfo {
    SessionInfo { id: session.into(), command: vec!["bash".into()], cols, rows, ..SessionInfo::default() }
}

impl Bench {
    pub fn new(setup: Setup) -> Bench {
        let (app, effects) = App::new(setup);
        Bench { app, effects, made: 0, there: Vec::new() }
    }
    pub fn full(cols: u16, rows: u16) -> Bench {
        let mut s = Bench::new(setup(cols, rows));
        s.host("local", HostEvent::State(online()));
        s.host("local", HostEvent::Sessions(Vec::new()));
        s.answer();
        s
    }
    pub fn solo(cols: u16, rows: u16) -> Bench {
        let solo = Solo { host: HostId::local(), session: id("s1"), watch: false };
        let mut s = Bench::new(Setup { solo: Some(solo), ..setup(cols, rows) });
        s.host("local", HostEvent::State(online()));
        s.answer();
        s
    }
    pub fn event(&mut self, event: Event) {
        let out = self.app.update(event);
        self.effects.extend(out);
        let out = self.app.taken();
        self.effects.extend(out);
    }
    pub fn host(&mut self, host: &str, event: HostEvent) {
        self.event(Event::Host(HostId::new(host), event));
    }
    pub fn output(&mut self, host: &str, session: &str, bytes: &str) {
        let pane = self.app.pane_of(&HostId::new(host), &id(session)).unwrap();
        let offset = self.app.panes[&pane].seen;
        self.host(host, HostEvent::Output { session: id(session), offset, bytes: bytes.into() });
    }
    /// Keys by name; `'text` types the text.
    pub fn keys(&mut self, script: &str) {
        for word in script.split(' ') {
            match word.strip_prefix('\'') {
                Some(text) if !text.is_empty() => {
                    for c in text.chars() {
                        self.key(&c.to_string());
                    }
                }
                _ => self.key(word),
            }
        }
    }
    pub fn key(&mut self, name: &str) {
        self.event(Event::Key(keys::parse_name(name).unwrap()));
    }
    /// Hosts do what they were asked: create (s1, s2, …), attach.
    pub fn answer(&mut self) {
        let mut rest = Vec::new();
        loop {
            let asked = std::mem::take(&mut self.effects);
            if asked.is_empty() {
                break;
            }
            for effect in asked {
                match effect {
                    Effect::Host(host, HostCommand::Create { tag, create, .. }) => {
                        let size = create.size.unwrap();
                        self.made += 1;
                        let made = Box::new(info(&format!("s{}", self.made), size.cols, size.rows));
                        self.host(host.as_str(), HostEvent::Created { tag, result: Ok(made) });
                    }
                    Effect::Host(host, HostCommand::Attach { session, size, .. }) => {
                        let info = Box::new(info(session.as_str(), size.cols, size.rows));
                        self.host(host.as_str(), HostEvent::Attached { session, info, again: false });
                    }
                    Effect::Host(host, HostCommand::Resize { session, size }) => {
                        let offset = 0;
                        self.host(host.as_str(), HostEvent::Size { session: session.clone(), offset, size });
                        rest.push(Effect::Host(host, HostCommand::Resize { session, size }));
                    }
                    Effect::Host(host, HostCommand::List) => {
                        let there = self.there.clone();
                        self.host(host.as_str(), HostEvent::Sessions(there));
                    }
                    other => rest.push(other),
                }
            }
        }
        self.effects = rest;
    }
    /// Everything asked for since the last look.
    pub fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
    /// What was typed into sessions: `s1 text`.
    pub fn typed(&mut self) -> Vec<String> {
        self.take()
            .into_iter()
            .filter_map(|e| match e {
                Effect::Host(_, HostCommand::Input { session, bytes, .. }) => {
                    Some(format!("{session} {}", String::from_utf8_lossy(&bytes).escape_debug()))
                }
                _ => None,
            })
            .collect()
    }
    pub fn buffer(&self) -> (Buffer, Option<Position>) {
        let mut buf = Buffer::empty(Rect::new(0, 0, self.app.size.cols, self.app.size.rows));
        let cursor = view::draw(&self.app, &Theme::default(), &mut buf);
        (buf, cursor.map(|c| c.0))
    }
    pub fn screen(&self) -> String {
        let (buf, _) = self.buffer();
        let width = usize::from(buf.area.width.max(1));
        let rows = buf.content.chunks(width).map(|row| {
            let text: String = row.iter().map(|c| c.symbol()).collect();
            text.trim_end().to_string() + "\n"
        });
        rows.collect()
    }
    pub fn at(&mut self, seconds: f32) {
        self.app.set_now(Duration::from_secs_f32(seconds));
    }
    fn focused(&self) -> String {
        self.app.focused().and_then(|p| p.session.as_ref()).map_or("-".into(), |s| s.to_string())
    }
    fn mouse(&mut self, kind: MouseKind, button: Button, col: u16, row: u16) {
        self.event(Event::Mouse(Mouse { kind, button, row, col, mods: Mods::default() }));
    }
    pub fn has(&self, text: &str) -> bool {
        self.screen().contains(text)
    }
}

pub fn setup(cols: u16, rows: u16) -> Setup {
    Setup {
        settings: Config::default(),
        size: Size::new(cols, rows),
        solo: None,
        open_host: None,
        known: vec!["build-server".into(), "nas".into()],
        ssh_config: None,
        saved: None,
        inside: Inside::default(),
    }
}

#[test]
fn it_starts_with_one_shell_on_this_machine() {
    let mut s = Bench::new(setup(80, 24));
    assert_eq!(s.effects[0], Effect::Host(HostId::local(), HostCommand::Connect));
    s.host("local", HostEvent::State(online()));
    s.host("local", HostEvent::Sessions(Vec::new()));
    let created = SessionCreate { size: Some(Size::new(80, 22)), ..SessionCreate::default() };
    assert!(s.effects.contains(&Effect::Host(
        HostId::local(),
        HostCommand::Create { tag: 1, create: Box::new(created), asks: false }
    )));
    s.answer();
    s.output("local", "s1", "$ hello");
    s.event(Event::Time { clock: "14:02".into(), unix: 0 });
    let screen = s.screen();
    let lines: Vec<&str> = screen.lines().collect();
    assert!(lines[0].starts_with(" 1 bash") && lines[0].ends_with("this machine"), "{screen}");
    assert_eq!(lines[1], "$ hello");
    assert!(lines[23].starts_with(" this machine") && lines[23].ends_with("14:02"), "{screen}");
    assert_eq!(s.buffer().1, Some(Position { x: 7, y: 1 }));
}

#[test]
fn the_focused_pane_alone_gets_what_is_typed() {
    let mut s = Bench::full(80, 24);
    s.keys("a C-b %");
    s.answer();
    assert_eq!(s.focused(), "s2");
    s.take();
    s.keys("b C-b Left c C-b o d Enter");
    assert_eq!(s.typed(), ["s2 b", "s1 c", "s2 d", "s2 \\r"]);
}

#[test]
fn what_is_typed_before_the_shell_is_there_arrives() {
    let mut s = Bench::new(setup(80, 24));
    s.keys("'ls Enter");
    s.host("local", HostEvent::State(online()));
    s.host("local", HostEvent::Sessions(Vec::new()));
    s.answer();
    assert_eq!(s.typed(), ["s1 ls\\r"]);
}

#[test]
fn the_prefix_twice_sends_it() {
    let mut s = Bench::full(80, 24);
    s.take();
    s.keys("C-b C-b x C-b F9 y");
    assert_eq!(s.typed(), ["s1 \\u{2}", "s1 x", "s1 y"], "a key that means nothing after the prefix is swallowed");
}

#[test]
fn split_close_zoom() {
    let mut s = Bench::full(80, 24);
    s.keys("C-b |");
    s.answer();
    s.keys("C-b -");
    s.answer();
    s.output("local", "s3", "third");
    let screen = s.screen();
    let lines: Vec<&str> = screen.lines().collect();
    assert!(lines[1].starts_with("┌ bash ─") && lines[1].ends_with("─┐"), "{screen}");
    assert!(lines[13].contains("│third"), "{screen}");
    assert_eq!(
        s.app.panes.values().map(|p| p.engine.size()).collect::<Vec<_>>(),
        [Size::new(38, 20), Size::new(38, 9), Size::new(38, 9)]
    );
    s.keys("C-b z");
    s.answer();
    assert_eq!(s.app.focused().unwrap().engine.size(), Size::new(80, 22));
    assert!(s.screen().lines().nth(1).unwrap().starts_with("third"), "{}", s.screen());
    s.keys("C-b z C-b x");
    assert!(s.has("Close the pane and end 'bash'?"), "{}", s.screen());
    s.take();
    s.keys("y");
    s.answer();
    assert!(s.effects.contains(&Effect::Host(HostId::local(), HostCommand::Close { session: id("s3") })));
    assert_eq!(s.focused(), "s2");
    assert_eq!(s.app.focused().unwrap().engine.size(), Size::new(38, 20));
}

#[test]
fn arrows_repeat_for_half_a_second() {
    let mut s = Bench::full(80, 24);
    s.keys("C-b %");
    s.answer();
    s.keys("C-b %");
    s.answer();
    s.take();
    s.at(1.0);
    s.keys("C-b Left Left");
    assert_eq!(s.focused(), "s1");
    assert!(s.typed().is_empty());
    s.at(1.6);
    s.keys("Left");
    assert_eq!(s.typed(), ["s1 \\u{1b}[D"]);
}

#[test]
fn tabs() {
    let mut s = Bench::full(80, 24);
    s.keys("C-b c");
    s.answer();
    s.keys("C-b ,");
    s.keys("'logs Enter C-b 1");
    s.output("local", "s2", "news");
    assert!(s.screen().lines().next().unwrap().contains(" 2 logs ▪"), "{}", s.screen());
    s.host("local", HostEvent::Bell { session: id("s2") });
    assert!(s.effects.contains(&Effect::Bell));
    assert!(s.screen().lines().next().unwrap().contains(" 2 logs ●"), "{}", s.screen());
    s.keys("C-b n");
    assert_eq!(s.focused(), "s2");
    assert!(s.screen().lines().next().unwrap().contains(" 2 logs  "));
    s.keys("C-b l");
    assert_eq!(s.focused(), "s1");
    s.keys("C-b l C-b &");
    assert!(s.has("Close the tab"));
    s.keys("n");
    assert_eq!(s.app.tabs.list.len(), 2);
    s.keys("C-b & y");
    assert_eq!(s.focused(), "s1");
}

#[test]
fn a_shell_that_ends_takes_its_pane_along_and_the_last_one_the_client() {
    let mut s = Bench::full(80, 24);
    s.keys("C-b %");
    s.answer();
    let end = |code| SessionExited { exit_code: Some(code), cause: None };
    s.host("local", HostEvent::Exited { session: id("s2"), exit: end(0) });
    assert_eq!(s.app.panes.len(), 1);
    s.at(100.0);
    s.host("local", HostEvent::Exited { session: id("s1"), exit: end(3) });
    assert!(s.has("[exited 3]  r: start again   x: close"), "{}", s.screen());
    s.keys("Enter");
    assert!(s.has("[exited 3]"), "{}", s.screen());
    s.keys("r");
    s.answer();
    assert_eq!(s.focused(), "s3");
    s.keys("'exit Enter");
    s.take();
    s.host("local", HostEvent::Exited { session: id("s3"), exit: end(3) });
    let quit = Effect::Quit(Farewell::Exited { code: Some(3), cause: None });
    assert!(s.effects.contains(&quit), "ended by hand: {:?}", s.effects);
}

#[test]
fn detach_leaves_and_keeps() {
    let mut s = Bench::full(80, 24);
    s.take();
    s.keys("C-b d");
    let effects = s.take();
    assert!(matches!(&effects[0], Effect::Save(l) if l.tabs.len() == 1));
    assert_eq!(effects[1], Effect::Quit(Farewell::Detached));
}

#[test]
fn solo_is_all_screen_until_it_is_split() {
    let mut s = Bench::solo(80, 24);
    assert!(!s.take().iter().any(|e| matches!(e, Effect::Save(_))));
    s.output("local", "s1", "\x1b[24;1Hbottom");
    assert_eq!(s.app.focused().unwrap().engine.size(), Size::new(80, 24));
    assert_eq!(s.screen().lines().nth(23), Some("bottom"));
    s.keys("C-b %");
    s.answer();
    assert!(s.screen().starts_with('┌'), "{}", s.screen());
    s.keys("C-b x y");
    s.answer();
    s.take();
    s.host("local", HostEvent::Exited { session: id("s1"), exit: SessionExited { exit_code: Some(7), cause: None } });
    assert!(s.effects.contains(&Effect::Quit(Farewell::Exited { code: Some(7), cause: None })));
}

#[test]
fn solo_says_why_it_cannot() {
    let solo = Solo { host: HostId::local(), session: id("s9"), watch: false };
    let mut s = Bench::new(Setup { solo: Some(solo), ..setup(80, 24) });
    s.host("local", HostEvent::State(online()));
    s.host("local", HostEvent::AttachFailed { session: id("s9"), why: "no such session".into(), ended: true });
    assert!(s.effects.contains(&Effect::Quit(Farewell::Failed("no such session".into()))));
}

/// Two tabs' worth of hosts in one: s1 here, r1 there.
fn two_hosts() -> Bench {
    two_hosts_at(100, 24)
}

/// The same, on a screen of this size.
pub fn two_hosts_at(cols: u16, rows: u16) -> Bench {
    let mut s = Bench::full(cols, rows);
    s.app.tree.open = Some(false);
    let there = HostId::new("build-server");
    let mut out = Vec::new();
    s.app.open_session(&there, &id("r1"), &mut out);
    s.effects.extend(out);
    s.host("build-server", HostEvent::State(online()));
    s.answer();
    let (a, b) = (s.app.tabs.list[0].focus, s.app.tabs.list[1].focus);
    s.app.tabs.remove_pane(b);
    s.app.tabs.list[0].layout.split(a, Dir::Row, b, false);
    s.app.tabs.list[0].focus(b);
    s.event(Event::Tick);
    s.answer();
    s.output("local", "s1", "here");
    s.output("build-server", "r1", "there");
    s.take();
    s
}

#[test]
fn a_lost_host_dims_only_its_panes() {
    let mut s = two_hosts_at(140, 24);
    s.at(10.0);
    s.host("build-server", HostEvent::Rtt(Duration::from_millis(31)));
    s.at(14.0);
    s.host("build-server", HostEvent::State(HostState::Lost { why: "gone".into(), retry: Duration::from_secs(3) }));
    let screen = s.screen();
    assert!(screen.contains("last heard 4 s ago, retrying in 3 s"), "{screen}");
    let (buf, _) = s.buffer();
    let dim = |x: u16| buf[(x, 2)].modifier.contains(Modifier::DIM);
    assert_eq!((buf[(1, 2)].symbol(), dim(1)), ("h", false), "{screen}");
    assert_eq!((buf[(71, 2)].symbol(), dim(71)), ("t", true), "{screen}");
    assert_eq!(s.app.deadline(), Some(Duration::from_secs(15)), "it counts down");
    s.host("build-server", HostEvent::Tty { session: id("r1"), flags: tty::ECHO });
    s.keys("'ls");
    assert!(s.has("typed, not sent: ls"), "{}", s.screen());
    s.keys("C-b Delete");
    assert!(
        s.effects.contains(&Effect::Host(HostId::new("build-server"), HostCommand::DropInput { session: id("r1") }))
    );
    assert!(!s.has("not sent"), "{}", s.screen());
    s.host("build-server", HostEvent::Dropped { session: id("r1"), dropped: 2, sent: 0 });
    assert!(s.has("dropped: 2 bytes, never sent"), "{}", s.screen());
    s.host("build-server", HostEvent::State(online()));
    let (buf, _) = s.buffer();
    assert!(!buf[(71, 2)].modifier.contains(Modifier::DIM));
    s.at(20.0);
    assert_eq!(s.app.deadline(), None, "nothing wakes up by itself");
}

#[test]
fn what_was_sent_and_what_was_not_is_told_apart() {
    let mut s = two_hosts();
    let host = "build-server";
    s.keys("'rm C-m");
    let pending =
        |unsent, sent, doubted| HostEvent::Pending { session: id("r1"), waiting: Waiting { unsent, sent, doubted } };
    s.host(host, HostEvent::Silent(Duration::from_secs(2)));
    s.host(host, pending(0, 3, 0));
    assert!(s.has("3 bytes sent, not confirmed"), "{}", s.screen());
    assert!(!s.has("not sent:"), "{}", s.screen());
    s.host(host, HostEvent::Tty { session: id("r1"), flags: tty::ECHO });
    s.keys("l");
    s.host(host, pending(1, 3, 0));
    assert!(s.has("typed, not sent: l") && s.has("3 bytes sent, not confirmed"), "{}", s.screen());
    s.keys("C-b Delete");
    s.host(host, pending(0, 3, 3));
    s.host(host, HostEvent::Dropped { session: id("r1"), dropped: 1, sent: 3 });
    assert!(s.has("dropped: 1 byte, never sent") && !s.has("not sent:"), "{}", s.screen());
    assert!(s.has("3 bytes sent may still arrive; dropped if not"), "{}", s.screen());
    s.host(host, HostEvent::Silent(Duration::ZERO));
    s.host(host, pending(0, 0, 0));
    s.host(host, HostEvent::Settled { session: id("r1"), settled: Settled { dropped: 2, arrived: 1 } });
    assert!(s.has("dropped: 2 bytes; 1 byte had arrived already"), "{}", s.screen());
    // a bare Delete is the program's, whatever waits
    s.take();
    s.keys("Delete");
    let typed = HostCommand::Input { session: id("r1"), bytes: b"\x1b[3~".to_vec(), count: 8 };
    assert_eq!(s.take(), [Effect::Host(HostId::new(host), typed)]);
    // a pane that still waits for its session drops what waits for it, and says so
    s.host("local", HostEvent::State(online()));
    s.keys("C-b c 'ab C-b Delete");
    assert!(s.has("dropped: 2 bytes, never sent"), "{}", s.screen());
    s.keys("C-b Delete");
    assert!(s.has("nothing was dropped"), "{}", s.screen());
}

#[test]
fn what_a_host_showed_last_is_not_shown_as_of_now() {
    let mut s = two_hosts();
    let host = "build-server";
    s.at(10.0);
    s.host(host, HostEvent::Rtt(Duration::from_millis(31)));
    s.host(
        host,
        HostEvent::Gauges(Box::new(Gauges { cpu: Some(42.0), mem_used: 1, mem_total: 2, ..Gauges::default() })),
    );
    s.host(host, HostEvent::Sessions(vec![info("r1", 50, 20)]));
    assert!(s.has("CPU ▄ 42%"), "{}", s.screen());
    s.keys("C-b M");
    assert!(s.has("CPU 42%") && s.has("1 session runs"), "{}", s.screen());
    s.at(14.0);
    s.host(host, HostEvent::Silent(Duration::from_secs(3)));
    let silent = s.screen();
    assert!(silent.contains("CPU —") && silent.contains("heard 3s ago") && silent.contains("rtt   —"), "{silent}");
    assert!(!silent.contains("42%") && !silent.contains("31ms"), "{silent}");
    let why = "the connection was lost";
    s.host(host, HostEvent::State(HostState::Lost { why: why.into(), retry: Duration::from_secs(3) }));
    s.at(22.0);
    let lost = s.screen();
    assert!(lost.contains("last heard 11s ago") && lost.contains("1 session ran"), "{lost}");
    assert!(!lost.contains("42%"), "{lost}");
    assert!(lost.contains("away: the connection was lost"), "{lost}");
    s.host(host, HostEvent::State(online()));
    assert!(!s.has("42%"), "{}", s.screen());
}

/// Of the rows within these columns that have a text: the blanks before and after it.
fn margins(buf: &Buffer, columns: std::ops::Range<u16>, rows: std::ops::Range<u16>) -> Vec<(usize, usize)> {
    let row = |y: u16| columns.clone().map(|x| buf[(x, y)].symbol()).collect::<String>();
    let blanks = |s: &str| (s.len() - s.trim_start().len(), s.len() - s.trim_end().len());
    rows.map(row).filter(|r| !r.trim().is_empty()).map(|r| blanks(&r)).collect()
}

#[test]
fn what_a_pane_says_is_in_its_middle() {
    let mut s = Bench::full(80, 24);
    s.app.open_host(&HostId::new("nas"), &mut Vec::new());
    let (why, hints) = ("nas can't be reached: no answer".to_string(), vec!["see whether it is up".to_string()]);
    s.host("nas", HostEvent::State(HostState::Failed { why, hints, hard: false }));
    let (buf, _) = s.buffer();
    let said = margins(&buf, 0..80, 1..23);
    assert!(said.len() == 4 && said.iter().all(|(a, b)| a.abs_diff(*b) <= 1), "{said:?} {}", s.screen());
    // on the terminal's ground, whatever the theme's is
    let light = Theme::built_in("light").unwrap();
    let mut buf = Buffer::empty(Rect::new(0, 0, 80, 24));
    view::draw(&s.app, &light, &mut buf);
    let own = |x: u16, y: u16| (buf[(x, y)].fg, buf[(x, y)].bg) == (Color::Reset, Color::Reset);
    assert!((1..23).all(|y| (0..80).all(|x| own(x, y))), "{}", s.screen());
}

#[test]
fn what_a_pane_says_over_what_it_showed_has_a_frame() {
    let mut s = two_hosts();
    s.output("build-server", "r1", &"long words and more of them ".repeat(60));
    let failed = HostEvent::AttachFailed { session: id("r1"), why: "it has ended".into(), ended: true };
    s.host("build-server", failed);
    let screen = s.screen();
    let framed = |what: &str| screen.lines().any(|l| l.contains('│') && l.contains(&format!("{what} ")));
    assert!(framed("it has ended") && screen.matches('┌').count() == 3, "{screen}");
}

#[test]
fn credit_is_given_for_what_is_drawn() {
    let mut s = Bench::full(80, 24);
    s.take();
    s.output("local", "s1", "12345");
    let seen = |offset| Effect::Host(HostId::local(), HostCommand::Seen { session: id("s1"), offset });
    assert_eq!(s.take(), [], "it is looked at, and not drawn yet");
    assert_eq!(s.app.drawn(), [seen(5)]);
    let screen = HostEvent::Screen { session: id("s1"), to: 9, size: Size::new(80, 22), bytes: b"whole".to_vec() };
    s.host("local", screen);
    assert_eq!(s.take(), []);
    assert_eq!(s.app.drawn(), [seen(9)]);
    assert_eq!(s.app.drawn(), []);
    // nobody looks: taken in at once
    s.keys("C-b c");
    s.take();
    s.output("local", "s1", "x");
    assert_eq!(s.take(), [seen(10)]);
    s.keys("C-b p");
    s.take();
    // what the screen held already is not fed again
    s.host("local", HostEvent::Output { session: id("s1"), offset: 8, bytes: b"xxy".to_vec() });
    assert_eq!(s.screen().lines().nth(1), Some("wholexy"));
}

#[test]
fn a_host_key_is_asked_about_and_typing_does_not_answer_it() {
    let mut s = Bench::full(80, 24);
    s.take();
    s.at(10.0);
    s.keys("'x");
    let question = Question::HostKey(KeyAsked {
        host: "me@nas".into(),
        address: "nas.example.org (192.0.2.7) port 22\u{1b}[2J".into(),
        way: "jump host 1 of 2 on the way to me@web".into(),
        kind: "ed25519".into(),
        fingerprint: "SHA256:abc".into(),
        kept: "/h/.ssh/known_hosts, as nas.example.org".into(),
    });
    s.host("nas", HostEvent::Ask { id: 5, question });
    for text in [
        "SHA256:abc",
        "Address: nas.example.org (192.0.2.7) port 22\\u{1b}[2J",
        "It is: jump host 1 of 2 on the way to me@web",
        "Kept in: /h/.ssh/known_hosts, as nas.example.org",
    ] {
        assert!(s.has(text), "{text}: {}", s.screen());
    }
    s.at(10.1);
    s.keys("y");
    assert_eq!(s.typed(), ["s1 x", "s1 y"]);
    s.at(11.0);
    s.keys("Enter y");
    let answer = HostCommand::Answer { id: 5, answer: Answer::Yes };
    assert!(s.effects.contains(&Effect::Host(HostId::new("nas"), answer)), "{:?}", s.effects);
    assert!(s.app.layers.is_empty());
}

#[test]
fn a_host_without_an_agent() {
    let mut s = Bench::full(80, 24);
    let nas = HostId::new("nas");
    s.at(10.0);
    let steps = vec!["upload it".into()];
    let question = Question::Deploy { host: "nas".into(), found: None, offered: "b".into(), steps };
    s.host("nas", HostEvent::Ask { id: 7, question });
    s.at(11.0);
    assert!(s.has("w connect without it"), "{}", s.screen());
    // in a small place it still says which keys answer it
    let steps = (1..9).map(|n| format!("step {n} of what is going to be done there")).collect();
    let question = Question::Deploy { host: "nas".into(), found: None, offered: "b".into(), steps };
    let mut small = Bench::full(40, 12);
    small.host("nas", HostEvent::Ask { id: 1, question });
    small.at(1.0);
    assert!(small.has("nas has no thub yet") && small.has("y yes   n no   w connect without it"), "{}", small.screen());
    s.keys("w");
    let answer = HostCommand::Answer { id: 7, answer: Answer::Without };
    assert!(s.effects.contains(&Effect::Host(nas.clone(), answer)), "{:?}", s.effects);
    // its sessions live on this machine and are shown where their host is
    let far = SessionInfo { kind: "ssh".into(), target: "t-1".into(), ..info("far1", 80, 22) };
    s.host("local", HostEvent::Sessions(vec![far.clone()]));
    s.keys("C-b b");
    let rows =
        |s: &Bench| -> Vec<(Place, String)> { s.app.tree_rows().into_iter().map(|r| (r.place, r.aside)).collect() };
    let there = |host: &HostId| Place::Session(host.clone(), id("far1"));
    assert!(rows(&s).iter().any(|(p, _)| *p == there(&HostId::local())));
    s.host("nas", HostEvent::State(HostState::Online { build: String::new(), hostname: "me@nas".into() }));
    s.host("nas", HostEvent::Sessions(vec![far]));
    let shown = rows(&s);
    assert!(!shown.iter().any(|(p, _)| *p == there(&HostId::local())), "{shown:?}");
    assert!(shown.iter().any(|(p, _)| *p == there(&nas)), "{shown:?}");
    assert!(shown.contains(&(Place::Host(nas), "no agent".into())), "{shown:?}");
}

#[test]
fn where_no_agent_can_be_put_a_key_goes_on_without() {
    let mut s = Bench::full(80, 24);
    let nas = HostId::new("nas");
    s.app.new_tab(nas.clone(), &mut Vec::new());
    s.host("nas", HostEvent::State(HostState::Failed { why: "its home is noexec".into(), hints: vec![], hard: false }));
    assert!(s.has("its home is noexec") && s.has("w: connect without an agent"), "{}", s.screen());
    s.take();
    s.keys("w");
    let asked: Vec<&HostCommand> = s
        .effects
        .iter()
        .filter_map(|e| if let Effect::Host(h, c) = e { (*h == nas).then_some(c) } else { None })
        .collect();
    assert!(matches!(asked[..], [HostCommand::Without, HostCommand::Create { .. }]), "{asked:?}");
    // by name as well, and not where there is one
    s.host("nas", HostEvent::State(online()));
    s.take();
    s.app.without_agent(&nas, &mut Vec::new());
    assert!(s.has("nas has its agent"), "{}", s.screen());
}

#[test]
fn a_secret_is_taken_whole_or_not_at_all() {
    let long = "x".repeat(crate::secret::MOST + 1);
    for (pasted, said) in
        [(long.as_bytes(), "longer than 32 KiB"), (b"caf\xe9", "not UTF-8 text"), (b"a\tb", "control characters")]
    {
        let mut s = Bench::full(80, 24);
        s.at(10.0);
        s.host("nas", HostEvent::Ask { id: 6, question: secret("nas", "Password:") });
        s.at(11.0);
        s.take();
        s.event(Event::Paste { bytes: pasted.to_vec(), last: true });
        assert!(s.has(said) && !s.has("•"), "{said}: {}", s.screen());
        s.keys("'a Enter");
        assert!(s.effects.is_empty() && s.has(said), "{:?}", s.effects);
        s.keys("C-u 'right");
        assert!(!s.has(said), "{}", s.screen());
        // the line's end is none of it
        s.event(Event::Paste { bytes: b"er\rnext".to_vec(), last: true });
        s.keys("Enter");
        let answer = HostCommand::Answer { id: 6, answer: Answer::Secret("righter".into()) };
        assert!(s.effects.contains(&Effect::Host(HostId::new("nas"), answer)), "{:?}", s.effects);
    }
}

fn secret(host: &str, prompt: &str) -> Question {
    Question::Secret(SecretAsked { host: host.into(), prompt: prompt.into(), ..SecretAsked::default() })
}

#[test]
fn a_secret_is_masked() {
    let mut s = Bench::full(80, 24);
    s.at(10.0);
    let question = secret("nas", "Password:");
    s.host("nas", HostEvent::Ask { id: 6, question });
    s.at(11.0);
    s.keys("'hunter2");
    assert!(s.has("> •••••••") && !s.has("hunter2"), "{}", s.screen());
    s.take();
    s.keys("Enter");
    let answer = HostCommand::Answer { id: 6, answer: Answer::Secret("hunter2".into()) };
    assert!(s.effects.contains(&Effect::Host(HostId::new("nas"), answer)));
}

#[test]
fn a_passphrase_is_said_to_stay_here_and_no_host_can_say_that() {
    let mut s = Bench::full(80, 24);
    let prompt = "Passphrase for /h/.ssh/id";
    let (host, kind) = ("me@web".to_string(), SecretKind::Passphrase);
    let ours = SecretAsked { host, prompt: prompt.into(), kind, ..SecretAsked::default() };
    s.host("web", HostEvent::Ask { id: 1, question: Question::Secret(ours) });
    assert!(s.has(prompt) && s.has("stays on this machine") && s.has("me@web"), "{}", s.screen());
    assert!(!s.has("will see"), "{}", s.screen());
    // the same words, as a host's question
    let mut s = Bench::full(80, 24);
    s.host("web", HostEvent::Ask { id: 2, question: secret("me@web", prompt) });
    assert!(s.has("me@web will see the answer") && !s.has("stays on this machine"), "{}", s.screen());
}

#[test]
fn a_wrong_answer_is_said_to_be_wrong() {
    let mut s = Bench::full(80, 24);
    let ask = |s: &mut Bench, id, kind, left| {
        let (host, prompt) = ("me@web".to_string(), "Passphrase for /k".to_string());
        let asked = SecretAsked { host, prompt, kind, left, ..SecretAsked::default() };
        s.host("web", HostEvent::Ask { id, question: Question::Secret(asked) });
    };
    ask(&mut s, 1, SecretKind::Passphrase, None);
    assert!(!s.has("left"), "{}", s.screen());
    s.at(11.0);
    s.keys("Enter");
    ask(&mut s, 2, SecretKind::Passphrase, Some(2));
    assert!(s.has("that was wrong; 2 tries left"), "{}", s.screen());
    s.at(12.0);
    s.keys("Enter");
    ask(&mut s, 3, SecretKind::Password, Some(1));
    assert!(s.has("that was wrong; 1 try left"), "{}", s.screen());
}

#[test]
fn hosts_that_ask_at_once_are_answered_in_turn_and_nothing_goes_astray() {
    let mut s = Bench::full(80, 24);
    s.at(10.0);
    let asks = |host: &str, prompt: &str| secret(host, prompt);
    s.host("nas", HostEvent::Ask { id: 1, question: asks("me@nas", "me@nas's password") });
    s.host("web", HostEvent::Ask { id: 2, question: asks("me@web", "Code \u{1b}[31m:") });
    s.host("db", HostEvent::Ask { id: 3, question: asks("me@db", "Pin") });
    assert!(s.has("me@nas will see") && !s.has("me@web"), "{}", s.screen());
    s.at(11.0);
    s.take();
    // the rest that is typed too fast is nobody's: not the next host's, not the program's
    s.keys("'one Enter 'more Enter");
    let answered = |s: &Bench| {
        let answers = s.effects.iter().filter_map(|e| match e {
            Effect::Host(h, HostCommand::Answer { id, answer }) => Some((h.as_str().to_string(), *id, answer.clone())),
            _ => None,
        });
        answers.collect::<Vec<_>>()
    };
    assert_eq!(answered(&s), [("nas".into(), 1, Answer::Secret("one".into()))]);
    assert_eq!(s.typed(), [] as [&str; 0]);
    assert!(s.has("me@web will see") && s.has("Code \\u{1b}[31m:") && !s.has("•"), "{}", s.screen());
    s.take();
    // Esc cancels this one alone
    s.at(12.0);
    s.keys("'tw Escape");
    assert_eq!(answered(&s), [("web".into(), 2, Answer::No)]);
    assert!(s.has("me@db will see"));
    s.at(13.0);
    s.keys("'thr");
    s.take();
    // the host gives up in the middle: said, and the rest is nobody's until there was a pause
    let lost = HostState::Lost { why: "closed".into(), retry: Duration::from_secs(1) };
    s.host("db", HostEvent::State(lost));
    assert!(s.has("db asks no longer"), "{}", s.screen());
    s.keys("'ee Enter");
    assert!(s.has("db asks no longer"));
    assert!(answered(&s).is_empty() && s.typed().is_empty());
    s.at(14.0);
    s.keys("Enter");
    assert!(s.app.layers.is_empty());
    s.keys("'ls");
    assert_eq!(s.typed(), ["s1 l", "s1 s"]);
}

#[test]
fn questions_fit_a_small_screen() {
    let host = "someone@a-host-with-a-long-name.example.org:2222";
    let print = "SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";
    let mut s = Bench::full(80, 24);
    let question = Question::HostKey(KeyAsked {
        host: host.into(),
        address: "h".repeat(5000),
        way: "w".repeat(5000),
        kind: "ecdsa-sha2-nistp521".into(),
        fingerprint: print.into(),
        kept: "k".repeat(5000),
    });
    s.host("nas", HostEvent::Ask { id: 1, question: question.clone() });
    // whole, on one line, to be compared with another
    assert!(s.has(print) && s.has(host) && s.has("y yes   n no"), "{}", s.screen());
    let mut s = Bench::full(40, 12);
    s.host("nas", HostEvent::Ask { id: 1, question });
    assert!(s.has("SHA256:abc") && s.has("y yes   n no"), "{}", s.screen());
    let mut s = Bench::full(40, 12);
    let question = secret(host, &format!("{host}'s password"));
    s.host("nas", HostEvent::Ask { id: 2, question });
    s.at(11.0);
    s.keys("'abc");
    assert!(s.has("> •••") && s.has("Esc cancels"), "{}", s.screen());
    // with all that may be said, and a host that says much: the line to type in is there, and what is asked
    for (kind, prompt, seen) in [
        (SecretKind::Passphrase, format!("Passphrase for /home/someone/{}/id_of_work", "dir/".repeat(50)), "_work"),
        (SecretKind::Answer, format!("{} Code:", "words ".repeat(200)), "Code:"),
    ] {
        for (cols, rows) in [(40, 12), (80, 24)] {
            let mut s = Bench::full(cols, rows);
            let (host, prompt) = (host.to_string(), prompt.clone());
            let asked = SecretAsked { host, prompt, kind, left: Some(2), ..SecretAsked::default() };
            s.host("nas", HostEvent::Ask { id: 2, question: Question::Secret(asked) });
            s.at(11.0);
            s.keys("'abc");
            let shown = [seen, "2 tries left", "> •••", "Esc cancels"];
            assert!(shown.iter().all(|text| s.has(text)), "{}", s.screen());
        }
    }
}

#[test]
fn an_agent_on_its_way_is_shown_and_stopped() {
    let mut s = Bench::full(80, 24);
    let on_its_way = |s: &mut Bench, step: &str, done| {
        s.host("nas", HostEvent::State(HostState::Deploying { step: step.into(), done }));
    };
    on_its_way(&mut s, "me@nas: looking where the agent may lie", None);
    on_its_way(&mut s, "me@nas: uploading the agent: 3.1 of 8.2 MiB, 1.4 MiB/s", Some(0.38));
    for text in ["agent for nas", "✓ looking", "▸ uploading the agent", " 38%", "3.1 of 8.2 MiB, 1.4 MiB/s", "Esc stop"]
    {
        assert!(s.has(text), "{text}: {}", s.screen());
    }
    s.at(5.0);
    // hidden, it goes on and stays hidden
    s.keys("h");
    on_its_way(&mut s, "me@nas: verifying the agent", None);
    assert!(!s.has("verifying"), "{}", s.screen());
    s.host("nas", HostEvent::State(online()));
    assert!(s.has("nas: the agent is there"), "{}", s.screen());
    // stopped
    s.host("nas", HostEvent::State(HostState::Connecting));
    on_its_way(&mut s, "me@nas: uploading the agent: 0.1 of 8.2 MiB", Some(0.01));
    s.take();
    s.at(9.0);
    s.keys("Escape");
    assert!(s.effects.contains(&Effect::Host(HostId::new("nas"), HostCommand::Disconnect)));
    s.host("nas", HostEvent::State(HostState::Offline));
    assert!(s.app.layers.is_empty(), "{}", s.screen());
    // failed: it says why, and stays until it is read
    s.host("nas", HostEvent::State(HostState::Connecting));
    on_its_way(&mut s, "me@nas: uploading the agent: 0.1 of 8.2 MiB", Some(0.01));
    let (why, hints) = ("me@nas: no space".to_string(), vec!["make room".to_string()]);
    s.host("nas", HostEvent::State(HostState::Failed { why, hints, hard: false }));
    assert!(s.has("✗ uploading") && s.has("no space") && s.has("make room"), "{}", s.screen());
    s.at(12.0);
    s.keys("Enter");
    assert!(s.app.layers.is_empty());
}

#[test]
fn a_changed_host_key_must_be_read() {
    let mut s = Bench::full(80, 24);
    let state = HostState::Failed { why: "the key of nas has changed".into(), hints: vec!["ask".into()], hard: true };
    s.host("nas", HostEvent::State(state));
    s.at(5.0);
    s.keys("y n q");
    assert!(s.has("the key of nas has changed"), "{}", s.screen());
    s.keys("Enter");
    assert!(!s.has("the key of nas has changed"));
}

#[test]
fn the_layout_comes_back_and_what_is_gone_says_so() {
    let mut s = Bench::full(80, 24);
    s.keys("C-b %");
    s.answer();
    s.keys("C-b c");
    s.answer();
    let saved = s.app.saved();
    let text = serde_json::to_string(&saved).unwrap();
    let mut s = Bench::new(Setup { saved: Some(serde_json::from_str(&text).unwrap()), ..setup(80, 24) });
    s.host("local", HostEvent::State(online()));
    s.answer();
    assert_eq!((s.app.tabs.list.len(), s.app.tabs.active), (2, 1));
    assert_eq!(s.app.saved(), saved);
    s.made = 10;
    s.host("local", HostEvent::AttachFailed { session: id("s3"), why: "it ended at boot".into(), ended: true });
    assert!(s.has("it ended at boot") && s.has("r: start again   x: close"), "{}", s.screen());
    // Enter does what it does to any that has ended: nothing
    s.keys("Enter");
    assert!(!s.app.focused().unwrap().is_live() && s.app.panes.len() == 3);
    s.keys("r");
    s.answer();
    assert!(s.app.focused().unwrap().is_live());
}

#[test]
fn a_split_holds_panes_of_several_machines_and_comes_back() {
    let mut s = Bench::full(120, 30);
    let nas = HostId::new("nas");
    s.host("nas", HostEvent::State(online()));
    s.there = vec![SessionInfo { state: "detached".into(), ..info("r1", 80, 24) }];
    s.host("nas", HostEvent::Sessions(s.there.clone()));
    s.answer();
    s.there.clear();
    // a session of another machine, from the tree
    s.keys("C-b b");
    s.app.tree.chosen = Some(Place::Session(nas.clone(), id("r1")));
    s.keys("|");
    s.answer();
    assert_eq!((s.app.tabs.list.len(), s.focused().as_str()), (1, "r1"));
    assert!(!s.app.tree.focused, "the keys go to it");
    // a shell of that machine below it
    s.keys("C-b b");
    s.app.tree.chosen = Some(Place::Host(nas.clone()));
    s.keys("-");
    s.answer();
    assert_eq!(in_splits(&s), "s1+r1+s2");
    assert_eq!(s.app.focused().unwrap().host, nas);
    let screen = s.screen();
    assert!(screen.contains("┌ bash ─") && screen.contains("┌ nas · bash ─"), "{screen}");
    // each host hears the size of its own panes
    let sizes: Vec<Size> = s.app.panes.values().map(|p| p.engine.size()).collect();
    assert_eq!(sizes, [Size::new(38, 26), Size::new(38, 12), Size::new(38, 12)]);
    // what was kept of it attaches each to its own host
    let saved = serde_json::to_string(&s.app.saved()).unwrap();
    let mut again = Bench::new(Setup { saved: Some(serde_json::from_str(&saved).unwrap()), ..setup(120, 30) });
    again.host("local", HostEvent::State(online()));
    again.host("nas", HostEvent::State(online()));
    let mut attached: Vec<String> = again.effects.iter().filter_map(attach_of).collect();
    attached.sort();
    assert_eq!(attached, ["local s1", "nas r1", "nas s2"]);
    again.answer();
    assert_eq!(serde_json::to_string(&again.app.saved()).unwrap(), saved);
}

fn attach_of(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Host(host, HostCommand::Attach { session, .. }) => Some(format!("{} {session}", host.as_str())),
        _ => None,
    }
}

#[test]
fn a_pane_of_another_tab_is_taken_in_and_nothing_is_attached_twice() {
    let mut s = Bench::full(120, 30);
    s.host("nas", HostEvent::State(online()));
    let mut out = Vec::new();
    s.app.open_session(&HostId::new("nas"), &id("r1"), &mut out);
    s.effects.extend(out);
    s.answer();
    s.keys("C-b 1");
    s.take();
    s.keys("C-b @");
    assert!(s.has("beside this pane") && s.has("nas · tab 2") && s.has("new shell of nas"), "{}", s.screen());
    s.keys("Enter");
    assert_eq!(in_splits(&s), "s1+r1");
    assert!(!s.effects.iter().any(|e| attach_of(e).is_some()), "{:?}", s.effects);
    // the inverse of it, and from the tree again
    s.keys("C-b !");
    assert_eq!(in_splits(&s), "s1 r1");
    s.keys("C-b 1 C-b b");
    s.host("nas", HostEvent::Sessions(vec![info("r1", 80, 24)]));
    s.app.tree.chosen = Some(Place::Session(HostId::new("nas"), id("r1")));
    s.keys("-");
    assert_eq!(in_splits(&s), "s1+r1");
    assert!(matches!(&s.app.tabs.list[0].layout, crate::client::layout::Node::Split { dir: Dir::Column, .. }));
    // it is in this tab already: gone to, not moved
    s.keys("C-b Up C-b b |");
    assert_eq!((in_splits(&s).as_str(), s.focused().as_str()), ("s1+r1", "r1"));
    // no room: it stays where it is
    s.keys("C-b !");
    s.event(Event::Resize(Size::new(5, 5)));
    s.keys("C-b 1 C-b @ Enter");
    assert_eq!(in_splits(&s), "s1 r1");
}

#[test]
fn hosts_of_the_layout_come_each_on_its_own() {
    let tab = |host: &str, s: &str| disk::Tab {
        name: String::new(),
        root: disk::Node::Pane(disk::Pane { host: host.into(), session: s.into(), ..disk::Pane::default() }),
        focus: 0,
        zoomed: false,
    };
    let saved = Layout { tabs: vec![tab("nas", "r1"), tab("local", "s1")], ..Layout::default() };
    let mut s = Bench::new(Setup { saved: Some(saved), ..setup(80, 24) });
    let connects = s.take().iter().filter(|e| matches!(e, Effect::Host(_, HostCommand::Connect))).count();
    assert_eq!(connects, 2);
    assert!(s.has("connecting"), "{}", s.screen());
    let failed = HostState::Failed { why: "no route".into(), hints: vec![], hard: false };
    s.host("nas", HostEvent::State(failed));
    assert!(s.has("no route") && s.has("Enter: try again"), "{}", s.screen());
    s.take();
    s.keys("Enter");
    assert!(s.effects.contains(&Effect::Host(HostId::new("nas"), HostCommand::Connect)));
    s.host("nas", HostEvent::State(online()));
    s.answer();
    assert!(s.app.focused().unwrap().is_live());
}

#[test]
fn a_host_named_on_the_command_line_shows_its_newest_detached_session() {
    let start = || Setup { open_host: Some(HostId::new("nas")), ..setup(80, 24) };
    let at =
        |id: &str, t: &str, state: &str| SessionInfo { created_at: t.into(), state: state.into(), ..info(id, 80, 22) };
    let mut s = Bench::new(start());
    s.host("nas", HostEvent::State(online()));
    let list =
        vec![at("a", "2026-01-01", "detached"), at("b", "2026-01-02", "detached"), at("c", "2026-01-03", "running")];
    s.host("nas", HostEvent::Sessions(list));
    s.answer();
    assert_eq!(s.focused(), "b");
    let mut s = Bench::new(start());
    s.host("nas", HostEvent::State(online()));
    s.host("nas", HostEvent::Sessions(Vec::new()));
    assert!(s.effects.iter().any(|e| matches!(e, Effect::Host(_, HostCommand::Create { .. }))));
    // where the layout shows it already, that is where it goes, and nothing is started
    s.answer();
    s.app.new_tab(HostId::local(), &mut Vec::new());
    let saved = Some(s.app.saved());
    let mut again = Bench::new(Setup { saved, ..start() });
    assert_eq!((again.focused().as_str(), again.app.tabs.active, again.app.tabs.list.len()), ("s1", 0, 2));
    again.host("nas", HostEvent::State(online()));
    again.host("nas", HostEvent::Sessions(Vec::new()));
    assert!(!again.effects.iter().any(|e| matches!(e, Effect::Host(_, HostCommand::Create { .. }))));
}

#[test]
fn without_a_layout_it_attaches_to_what_is_there() {
    let mut s = Bench::new(setup(80, 24));
    s.host("local", HostEvent::State(online()));
    let there = SessionInfo { state: "detached".into(), ..info("a", 80, 22) };
    s.host("local", HostEvent::Sessions(vec![there]));
    s.answer();
    assert_eq!(s.focused(), "a");
    assert_eq!(s.made, 0);
}

#[test]
fn a_session_is_shown_once() {
    let mut s = two_hosts();
    let mut out = Vec::new();
    s.keys("C-b c");
    s.answer();
    s.app.open_session(&HostId::new("build-server"), &id("r1"), &mut out);
    assert_eq!(out, []);
    assert_eq!((s.focused().as_str(), s.app.tabs.active), ("r1", 0));
}

#[test]
fn where_somebody_looks_is_kept() {
    let mut s = Bench::full(80, 24);
    s.keys("C-b c");
    s.answer();
    s.take();
    let kept = |s: &mut Bench| -> Vec<usize> {
        let all = s.take().into_iter();
        all.filter_map(|e| if let Effect::Save(layout) = e { Some(layout.active) } else { None }).collect()
    };
    s.keys("C-b p");
    assert_eq!(kept(&mut s), [0]);
    s.keys("'x");
    assert!(kept(&mut s).is_empty());
    s.keys("C-b n");
    assert_eq!(kept(&mut s), [1]);
}

#[test]
fn tree_and_drawer() {
    let mut s = Bench::full(120, 24);
    s.host(
        "local",
        HostEvent::Sessions(vec![info("s1", 80, 22), SessionInfo { name: "my\x1bjob".into(), ..info("s7", 80, 22) }]),
    );
    let screen = s.screen();
    assert!(screen.starts_with("┌ hosts ─"), "{screen}");
    assert!(
        screen.contains("▾ this machine") && screen.contains("▶ bash") && screen.contains("my\\u{1b}job"),
        "{screen}"
    );
    assert!(screen.contains("ssh_config"), "{screen}");
    assert_eq!(s.app.focused().unwrap().engine.size(), Size::new(80, 22));
    s.keys("C-b b");
    assert!(s.app.tree.focused);
    s.take();
    s.keys("Down Enter");
    s.answer();
    assert_eq!(s.focused(), "s7");
    assert!(!s.app.tree.focused);
    s.event(Event::Resize(Size::new(80, 24)));
    s.answer();
    assert!(!s.has("hosts"));
    s.keys("C-b b");
    assert!(s.has("┌ hosts ─"), "{}", s.screen());
    // what is said is read all the same
    s.app.say("a word on what was done, longer than the drawer is wide");
    assert!(s.has("a word on what was done, longer than the drawer is wide"), "{}", s.screen());
    s.app.message = None;
    s.keys("G Enter");
    assert!(s.has("build-server"), "{}", s.screen());
    s.keys("G x q");
    assert!(!s.has("┌ hosts ─"));
}

#[test]
fn palette_which_key_and_help() {
    let mut s = Bench::full(80, 24);
    s.keys("C-b");
    assert!(!s.has("keys after the prefix"));
    assert_eq!(s.app.deadline(), Some(WHICH_KEY));
    s.at(0.6);
    s.event(Event::Tick);
    assert!(s.has("keys after the prefix") && s.has("split-right"), "{}", s.screen());
    s.keys(":");
    s.keys("'split-dow");
    assert!(s.screen().lines().any(|l| l.contains("split-down")), "{}", s.screen());
    s.keys("Enter");
    s.answer();
    assert_eq!(s.app.panes.len(), 2);
    s.keys("C-b ?");
    assert!(s.has("^b c"), "{}", s.screen());
    s.keys("Escape C-b g");
    s.keys("'nas Enter");
    assert!(s.app.hosts.contains_key(&HostId::new("nas")));
    assert_eq!(s.app.tabs.list.len(), 2);
}

#[test]
fn the_wheel_looks_back_and_typing_leaves() {
    let mut s = Bench::full(40, 12);
    s.output("local", "s1", "live");
    s.take();
    s.mouse(MouseKind::Press, Button::WheelUp, 3, 3);
    let ask = |from, to| Effect::Host(HostId::local(), HostCommand::History { session: id("s1"), from, to: Some(to) });
    assert_eq!(s.take(), [ask(0, 0)]);
    s.host("local", HostEvent::History { session: id("s1"), from: 0, total: 50, lines: vec![], open: false });
    assert_eq!(s.take(), [ask(0, 50)]);
    let lines = (0..50).map(|n| format!("\x1b[31mline {n}")).collect();
    s.host("local", HostEvent::History { session: id("s1"), from: 0, total: 50, lines, open: false });
    let screen = s.screen();
    let rows: Vec<&str> = screen.lines().skip(1).take(4).collect();
    assert_eq!(rows[1..], ["line 48", "line 49", "live"], "{screen}");
    assert!(rows[0].starts_with("line 47") && rows[0].ends_with("3/50"), "{screen}");
    s.output("local", "s1", "\r\nmore");
    assert!(!s.has("more"), "the view stands still");
    s.take();
    s.keys("a");
    assert_eq!(s.typed(), ["s1 a"]);
    assert!(s.has("more"));
    s.keys("C-b [");
    s.host("local", HostEvent::History { session: id("s1"), from: 0, total: 50, lines: vec![], open: false });
    s.take();
    s.keys("g");
    s.host(
        "local",
        HostEvent::History { session: id("s1"), from: 0, total: 50, lines: vec!["first".into()], open: false },
    );
    assert!(s.has("first") && s.has("50/50"), "{}", s.screen());
    s.keys("q b");
    assert_eq!(s.typed(), ["s1 b"]);
}

#[test]
fn the_wheel_is_arrows_for_a_full_screen_program() {
    let mut s = Bench::full(80, 24);
    s.output("local", "s1", "\x1b[?1049h");
    s.take();
    s.mouse(MouseKind::Press, Button::WheelUp, 3, 3);
    assert_eq!(s.typed(), ["s1 \\u{1b}[A\\u{1b}[A\\u{1b}[A"]);
}

#[test]
fn dragging_copies_and_borders_move() {
    let mut s = Bench::full(80, 24);
    s.output("local", "s1", "some words here");
    s.take();
    s.mouse(MouseKind::Press, Button::Left, 5, 1);
    s.mouse(MouseKind::Motion, Button::Left, 9, 1);
    s.mouse(MouseKind::Release, Button::Left, 9, 1);
    assert_eq!(s.take(), [Effect::Copy("words".into())]);
    s.keys("C-b ]");
    assert_eq!(s.typed(), ["s1 words"]);
    s.keys("C-b %");
    s.answer();
    s.mouse(MouseKind::Press, Button::Left, 39, 5);
    s.mouse(MouseKind::Motion, Button::Left, 49, 6);
    s.mouse(MouseKind::Release, Button::Left, 49, 6);
    s.answer();
    assert_eq!(s.app.panes.values().map(|p| p.engine.size().cols).collect::<Vec<_>>(), [48, 28]);
    s.mouse(MouseKind::Press, Button::Left, 3, 5);
    assert_eq!(s.focused(), "s1");
    s.keys("C-b c");
    s.answer();
    s.mouse(MouseKind::Press, Button::Left, 2, 0);
    assert_eq!(s.app.tabs.active, 0);
}

#[test]
fn what_is_selected_stays_so_when_the_size_changes() {
    let mut s = Bench::solo(40, 6);
    let mut session = Engine::new(Size::new(40, 6));
    let size = |s: &mut Bench, session: &mut Engine, cols: u16, rows: u16| {
        let size = Size::new(cols, rows);
        session.resize(size);
        s.host("local", HostEvent::Size { session: id("s1"), offset: 0, size });
        let to = s.app.focused().unwrap().seen;
        s.host("local", HostEvent::Screen { session: id("s1"), to, size, bytes: session.snapshot() });
        (s.app.focused().unwrap().selection, s.app.focused().unwrap().selected())
    };
    let text = "one\r\na line with some words, and 漢字 after them\r\n$ ";
    s.output("local", "s1", text);
    session.feed(text.as_bytes(), &mut Vec::new());
    let drag = |s: &mut Bench, from: (u16, u16), to: (u16, u16)| {
        s.mouse(MouseKind::Press, Button::Left, from.0, from.1);
        s.mouse(MouseKind::Release, Button::Left, to.0, to.1);
        s.app.focused().unwrap().selected()
    };
    let words = drag(&mut s, (17, 1), (2, 2));
    assert_eq!(words, "words, and 漢字 after them");
    let selection = s.app.focused().unwrap().selection;
    for (cols, rows) in [(20, 6), (7, 12), (80, 6), (13, 6), (200, 50)] {
        assert_eq!(size(&mut s, &mut session, cols, rows).1, words, "{cols}x{rows}");
    }
    assert_eq!(size(&mut s, &mut session, 40, 6), (selection, words), "as it was");
    // no room for it any more
    assert_eq!(size(&mut s, &mut session, 40, 1), (None, String::new()));
    // a full screen is drawn anew: whatever is there then was not selected
    size(&mut s, &mut session, 40, 6);
    s.output("local", "s1", "\x1b[?1049h\x1b[Hfull screen");
    session.feed(b"\x1b[?1049h\x1b[Hfull screen", &mut Vec::new());
    assert_eq!(drag(&mut s, (0, 0), (3, 0)), "full");
    assert_eq!(size(&mut s, &mut session, 40, 6).1, "full");
    assert_eq!(size(&mut s, &mut session, 30, 6).0, None);
}

#[test]
fn many_lines_into_a_plain_prompt_are_asked_about() {
    let mut s = Bench::full(80, 24);
    s.take();
    s.event(Event::Paste { bytes: b"a\nb".to_vec(), last: false });
    s.event(Event::Paste { bytes: b"\nc".to_vec(), last: true });
    assert!(s.has("Paste 2 lines?"), "{}", s.screen());
    assert!(s.typed().is_empty());
    s.keys("y");
    assert_eq!(s.typed().len(), 1);
    s.output("local", "s1", "\x1b[?2004h");
    s.take();
    s.event(Event::Paste { bytes: b"a\nb\nc".to_vec(), last: true });
    assert_eq!(s.typed().len(), 1);
}

#[test]
fn an_escape_of_a_program_reaches_no_cell() {
    let mut s = Bench::full(80, 24);
    let evil = SessionInfo { title: "a\x1b]0;pwn\x07\u{202e}b".into(), ..info("s1", 80, 22) };
    s.host("local", HostEvent::Changed { session: id("s1"), info: Box::new(evil) });
    s.host("local", HostEvent::Notified { session: id("s1"), text: "x\x1b[31m\u{9b}".into() });
    let (buf, _) = s.buffer();
    assert!(buf.content.iter().all(|c| !c.symbol().chars().any(|c| c.is_control() || crate::text::is_deceptive(c))));
    assert!(s.take().iter().all(|e| !matches!(e, Effect::Title(t) if t.contains('\x1b'))));
}

#[test]
fn any_size_down_to_one_cell() {
    for (cols, rows) in [(1, 1), (2, 1), (1, 2), (3, 3), (5, 2), (12, 4), (40, 12), (99, 5), (101, 3), (300, 100)] {
        let mut s = Bench::full(80, 24);
        for key in ["%", "\"", "c"] {
            s.keys(&format!("C-b {key}"));
            s.answer();
        }
        s.output("local", "s1", "wide 漢字 text");
        s.event(Event::Resize(Size::new(cols, rows)));
        s.answer();
        s.at(1.0);
        for keys in [
            "C-b 1",
            "C-b %",
            "C-b q",
            "x C-b ?",
            "Escape C-b ,",
            "Escape C-b b",
            "j q C-b M",
            "q C-b",
            "PageUp q C-b z",
        ] {
            s.keys(keys);
            s.answer();
            s.screen();
            s.at(2.0);
            s.screen();
        }
        s.host(
            "nas",
            HostEvent::Ask {
                id: 1,
                question: Question::Deploy {
                    host: "nas".into(),
                    found: None,
                    offered: "b".into(),
                    steps: vec!["x".into()],
                },
            },
        );
        for col in 0..cols.min(50) {
            s.screen();
            s.mouse(MouseKind::Press, Button::Left, col, rows / 2);
            s.mouse(MouseKind::Motion, Button::Left, col + 1, rows);
            s.mouse(MouseKind::Release, Button::Left, col + 1, rows);
        }
        s.host("nas", HostEvent::State(HostState::Failed { why: "w".into(), hints: vec!["h".into()], hard: true }));
        s.screen();
    }
}

#[test]
fn a_session_of_another_size_is_shown_around_its_cursor() {
    let mut s = Bench::solo(40, 10);
    s.host("local", HostEvent::Size { session: id("s1"), offset: 0, size: Size::new(80, 30) });
    s.output("local", "s1", "\x1b[30;1Hat the end");
    s.at(5.0);
    let screen = s.screen();
    assert!(screen.ends_with("at the end\n") && screen.contains("80x30"), "{screen}");
    // whoever comes back to this window decides the size
    s.take();
    s.event(Event::Focus(false));
    s.event(Event::Focus(true));
    let resize = HostCommand::Resize { session: id("s1"), size: Size::new(40, 10) };
    assert!(s.effects.contains(&Effect::Host(HostId::local(), resize)));
}

#[test]
fn a_closed_pane_leaves_nothing_half_made() {
    let mut s = Bench::full(80, 24);
    s.keys("C-b %");
    let tag = s.take().iter().find_map(|e| match e {
        Effect::Host(_, HostCommand::Create { tag, .. }) => Some(*tag),
        _ => None,
    });
    let tag = tag.expect("a session is wanted");
    s.keys("C-b x");
    s.host("local", HostEvent::Created { tag, result: Ok(Box::new(info("s2", 1, 1))) });
    assert!(s.effects.contains(&Effect::Host(HostId::local(), HostCommand::Close { session: id("s2") })));
    s.keys("C-b x y");
    assert!(s.has("No panes.") && s.has("┌ hosts"), "{}", s.screen());
    assert_eq!(s.app.focused().map(|p| p.stage == Stage::Live), None);
    s.keys("d");
    assert!(s.effects.contains(&Effect::Quit(Farewell::Detached)));
}

#[test]
fn what_was_said_of_a_lost_host_goes_when_it_is_back() {
    let mut s = Bench::solo(40, 6);
    s.output("local", "s1", "\x1b[6;1Hbottom");
    let last = |s: &Bench| s.screen().lines().last().unwrap_or("").to_string();
    s.host("local", HostEvent::Failed { what: "the link is gone".into() });
    s.host("local", HostEvent::State(HostState::Lost { why: "gone".into(), retry: Duration::ZERO }));
    assert_eq!(last(&s), " local: the link is gone");
    s.host("local", HostEvent::State(online()));
    assert_eq!(last(&s), "bottom");
    // told late, after the link was back
    s.host("local", HostEvent::Failed { what: "the link is gone".into() });
    let back = |again| HostEvent::Attached { session: id("s1"), info: Box::new(info("s1", 40, 6)), again };
    s.host("local", back(true));
    assert_eq!(last(&s), "bottom");
    // of another host, or of something else: it stays
    s.host("nas", HostEvent::State(HostState::Failed { why: "no route".into(), hints: vec![], hard: false }));
    s.host("local", back(true));
    s.host("local", HostEvent::State(online()));
    assert_eq!(last(&s), " nas: no route");
}

fn detached(session: &str, created_at: &str) -> SessionInfo {
    SessionInfo { created_at: created_at.into(), ..info(session, 80, 22) }
}
/// The sessions of the tabs in their order, the active one in brackets.
fn in_tabs(s: &Bench) -> String {
    let name = |i: usize, t: &super::super::tabs::Tab| {
        let session = s.app.panes[&t.focus].session.as_ref().map_or("-".into(), |s| s.to_string());
        if i == s.app.tabs.active { format!("[{session}]") } else { session }
    };
    s.app.tabs.list.iter().enumerate().map(|(i, t)| name(i, t)).collect::<Vec<_>>().join(" ")
}
#[test]
fn nothing_of_a_host_is_shown_as_if_live_while_it_is_away() {
    use crate::proto::control::connections::Listed;
    let book: Listed = serde_json::from_value(serde_json::json!({ "folders": [{ "id": "f", "name": "Attic" }],
        "connections": [{ "id": "c", "name": "backup", "config": { "type": "local", "config": {} } }] }))
    .unwrap();
    let book = std::sync::Arc::new(book);
    let nas = HostId::new("nas");
    let mut s = Bench::full(120, 30);
    let there = |s: &mut Bench| {
        s.host("nas", HostEvent::State(online()));
        s.host("nas", HostEvent::Connections(Some(book.clone())));
        s.host("nas", HostEvent::Sessions(vec![info("r1", 80, 24), info("r2", 80, 24)]));
        s.take();
    };
    there(&mut s);
    let mut out = Vec::new();
    s.app.open_session(&nas, &id("r1"), &mut out);
    s.effects.extend(out.into_iter().filter(|e| attach_of(e).is_some()));
    s.answer();
    let rows = |s: &Bench| {
        let rows = s.app.tree_rows().into_iter().filter(|r| r.place.host() == Some(&nas) && r.depth > 0);
        rows.map(|r| match &r.place {
            Place::Session(_, session) => session.to_string(),
            _ => r.text,
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(rows(&s), ["Attic", "backup", "r1", "r2"]);
    // while it is tried again: what panes show, and that it is of before
    s.at(10.0);
    s.host("nas", HostEvent::Gauges(Box::default()));
    s.at(18.0);
    s.host("nas", HostEvent::State(HostState::Lost { why: "cut".into(), retry: Duration::from_secs(9) }));
    assert_eq!(rows(&s), ["r1"]);
    let row = s.app.tree_rows().into_iter().find(|r| r.place == Place::Session(nas.clone(), id("r1"))).unwrap();
    assert_eq!((row.standing, row.aside.as_str()), (Some(crate::client::tree::Standing::Offline), ""));
    assert_eq!(s.app.more_of(&Place::Host(nas.clone()))[1], "lost 8s: r tries now");
    assert!(s.app.more_of(&row.place)[1].starts_with("lost 8s · "), "{:?}", s.app.more_of(&row.place));
    s.event(Event::Time { clock: "00:01".into(), unix: 360 });
    for known in &mut s.app.hosts.get_mut(&nas).unwrap().sessions {
        known.created_at = "1970-01-01T00:01:00Z".into();
    }
    s.keys("C-b s");
    assert!(s.has("nas · lost 8s │") && !s.has("nas · running"), "{}", s.screen());
    s.keys("Escape");
    // there again: all of it
    there(&mut s);
    assert_eq!(rows(&s), ["Attic", "backup", "r1", "r2"]);
    // let go of, or given up: its name alone
    for state in [HostState::Offline, HostState::Failed { why: "no".into(), hints: vec![], hard: false }] {
        there(&mut s);
        s.host("nas", HostEvent::State(state));
        assert!(rows(&s).is_empty(), "{:?}", rows(&s));
        s.host("nas", HostEvent::Sessions(vec![info("r1", 80, 24)]));
        assert!(rows(&s).is_empty(), "a list from before");
    }
    // without its agent, what that agent kept and ran is not there to be opened
    there(&mut s);
    let without = HostState::Online { build: String::new(), hostname: String::new() };
    s.host("nas", HostEvent::State(HostState::Lost { why: "cut".into(), retry: Duration::from_secs(9) }));
    s.host("nas", HostEvent::State(without));
    assert!(rows(&s).is_empty(), "{:?}", rows(&s));
}

/// What is chosen in the list on top.
fn picked(s: &Bench) -> &crate::client::layer::picker::Item {
    match s.app.layers.last() {
        Some(Layer::Picker(p)) => &p.items[p.found[p.chosen]],
        _ => panic!("{}", s.screen()),
    }
}

#[test]
fn what_is_told_while_it_is_looked_for_is_found() {
    let mut s = Bench::full(100, 24);
    s.host("nas", HostEvent::State(online()));
    s.keys("C-b g");
    s.keys("'nightly");
    assert!(s.has("nothing matches"), "{}", s.screen());
    let named = |id: &str, name: &str| SessionInfo { name: name.into(), ..info(id, 50, 20) };
    s.host("nas", HostEvent::Sessions(vec![named("n1", "other"), named("n2", "nightly")]));
    assert!(!s.has("nothing matches"), "{}", s.screen());
    s.keys("Enter");
    let attached =
        |e: &Effect| matches!(e, Effect::Host(_, HostCommand::Attach { session, .. }) if session.as_str() == "n2");
    assert!(s.effects.iter().any(attached), "{:?}", s.effects);
    // who pressed Enter first is taken there when it is told, and what they typed behind it with them
    let both = || vec![named("n1", "other"), named("n2", "nightly")];
    let begun = |keys: &str| {
        let mut s = Bench::full(100, 24);
        s.host("local", HostEvent::Connections(None));
        s.host("nas", HostEvent::State(online()));
        s.keys("C-b g");
        if !keys.is_empty() {
            s.keys(keys);
        }
        s
    };
    let went = |s: &Bench| s.app.focused().and_then(|p| p.session.clone());
    let ahead = |s: &Bench| s.app.focused().map(|p| String::from_utf8_lossy(&p.ahead).escape_debug().to_string());
    let pause = |s: &mut Bench| s.at(s.app.now.as_secs_f32() + 1.0);
    for (keys, typed) in
        [("'nightly Enter", ""), ("'nightly Enter 'ls Enter", "ls\\r"), ("'nightly Enter C-c 'q", "\\u{3}q")]
    {
        let mut s = begun(keys);
        s.host("nas", HostEvent::Sessions(both()));
        assert_eq!((went(&s), ahead(&s)), (Some(id("n2")), Some(typed.into())), "{keys}");
        assert!(s.app.layers.is_empty(), "{keys}");
    }
    // keys and pastes in their order
    let mut s = begun("'nightly Enter 'a");
    s.event(Event::Paste { bytes: b"PASTE".to_vec(), last: true });
    s.keys("'b");
    s.host("nas", HostEvent::Sessions(both()));
    assert_eq!((went(&s), ahead(&s)), (Some(id("n2")), Some("aPASTEb".into())));
    // who looks at it puts right what they typed, or leaves
    let mut s = begun("'nightly Enter");
    pause(&mut s);
    s.keys("C-u");
    s.host("nas", HostEvent::Sessions(both()));
    assert!(s.has("> ") && !s.effects.iter().any(attached), "{}", s.screen());
    let mut s = begun("'nightly Enter 'ls");
    pause(&mut s);
    s.keys("Escape");
    assert!(s.app.layers.is_empty() && s.has("is not kept"), "{}", s.screen());
    s.host("nas", HostEvent::Sessions(both()));
    assert!(!s.effects.iter().any(attached));
    // one behind the other
    let mut s = begun("'nightly Enter C-b g 'other Enter C-b g 'night");
    assert!(s.has("not told yet"), "{}", s.screen());
    s.host("nas", HostEvent::Sessions(both()));
    assert!(s.effects.iter().any(attached), "{:?}", s.effects);
    assert!(s.has("> night") && s.app.layers.len() == 1, "{}", s.screen());
    s.keys("Escape");
    assert_eq!(went(&s), Some(id("n1")));
    // what is only much like it is not taken for it, as what is it may be told yet: but for who insists, or waits
    let near = || {
        let mut s = begun("");
        s.host("local", HostEvent::Sessions(vec![named("l1", "nightly-2"), named("l2", "n 1 g h t 2")]));
        s.take();
        s
    };
    let mut s = near();
    s.keys("'nightly Enter 'ls");
    assert!(s.has("hosts tell what they have") && s.has("nightly-2"), "{}", s.screen());
    s.host("nas", HostEvent::Sessions(both()));
    assert_eq!((went(&s), ahead(&s)), (Some(id("n2")), Some("ls".into())), "{}", s.screen());
    let mut s = near();
    s.keys("'nightly Enter");
    pause(&mut s);
    s.keys("Enter");
    assert_eq!(went(&s), Some(id("l1")), "{}", s.screen());
    let mut s = near();
    s.keys("'nightly Enter 'ls");
    assert_eq!(s.app.deadline(), Some(s.app.now + Duration::from_secs(2)));
    s.at(s.app.now.as_secs_f32() + 2.5);
    s.event(Event::Tick);
    assert_eq!((went(&s), ahead(&s)), (Some(id("l1")), Some("ls".into())), "{}", s.screen());
    let mut s = near();
    s.keys("'nightly-2 Enter");
    assert_eq!(went(&s), Some(id("l1")), "{}", s.screen());
    // what is only a little like it may be looked at, but nothing is typed there; and it has its time
    let mut s = begun("'ngh2 Enter 'ls");
    s.at(s.app.now.as_secs_f32() + 3.0);
    s.host("local", HostEvent::Sessions(vec![named("l2", "n 1 g h t 2")]));
    assert!(s.has("hosts tell what they have"), "{}", s.screen());
    s.at(s.app.now.as_secs_f32() + 2.5);
    s.event(Event::Tick);
    assert_eq!((went(&s), ahead(&s)), (Some(id("l2")), Some(String::new())), "{}", s.screen());
    assert!(s.has("is not kept"), "{}", s.screen());
    // a host that was tried in vain is not waited for
    let mut s = near();
    s.host("nas", HostEvent::State(HostState::Lost { why: "no way".into(), retry: Duration::from_secs(1) }));
    s.host("nas", HostEvent::State(HostState::Connecting));
    s.keys("'night Enter");
    assert_eq!(went(&s), Some(id("l1")), "{}", s.screen());
    // it is nowhere: what was typed for it is no other's
    let mut s = begun("'nowhere Enter 'ls Enter");
    s.host("nas", HostEvent::Sessions(both()));
    assert!(s.has("not told yet"), "what is prepared there may be called so\n{}", s.screen());
    s.host("nas", HostEvent::Connections(None));
    assert!(s.has("nothing matches") && s.has("is not kept"), "{}", s.screen());
    assert_eq!(s.typed(), [""; 0]);
    s.keys("Escape");
    assert!(s.app.layers.is_empty());
    // who has gone down in the list stays where they are, also where another looks the same
    let twins = || vec![named("t1", "twin"), named("t2", "twin")];
    s.host("nas", HostEvent::Sessions(twins()));
    s.keys("C-b g");
    s.keys("'twin Down");
    let second = picked(&s).choice.clone();
    s.host("nas", HostEvent::Sessions(twins()));
    assert!(picked(&s).choice.leads_as(&second));
    s.keys("Escape");
    s.host("nas", HostEvent::Sessions(vec![named("n1", "other"), named("n2", "nightly")]));
    s.keys("C-b g");
    s.keys("'n Down Down");
    let was = picked(&s).text.clone();
    s.host("nas", HostEvent::Sessions(vec![named("n0", "nn"), named("n1", "other"), named("n2", "nightly")]));
    assert_eq!(picked(&s).text, was);
}

#[test]
fn a_host_that_no_file_names_is_connected_by_what_is_typed() {
    let mut s = Bench::full(100, 24);
    s.keys("C-b g");
    s.keys("'pi@10.0.0.5:2222");
    assert!(s.has("connect to pi@10.0.0.5:2222"), "{}", s.screen());
    // what is listed is gone to, and a word is looked for alone
    s.keys("C-u");
    s.keys("'nas");
    assert!(!s.has("connect to"), "{}", s.screen());
    s.keys("C-u");
    s.keys("'-oX@y");
    assert!(!s.has("connect to"), "{}", s.screen());
    s.keys("C-u");
    s.keys("'pi@10.0.0.5:2222 Enter");
    let pi = HostId::new("pi@10.0.0.5:2222");
    assert!(s.effects.contains(&Effect::Host(pi.clone(), HostCommand::Connect)), "{:?}", s.effects);
    assert_eq!(s.app.focused().unwrap().host, pi);
    // it is listed now
    s.keys("C-b g");
    s.keys("'pi@10.0.0.5:2222");
    assert!(!s.has("connect to"), "{}", s.screen());
}

#[test]
fn a_host_with_an_agent_stays_in_the_tree_until_it_is_taken_out() {
    let pi = HostId::new("pi@10.0.0.5");
    let mut s = Bench::full(120, 30);
    s.take();
    s.host("pi@10.0.0.5", HostEvent::State(online()));
    let kept = |e: &Effect| matches!(e, Effect::Save(l) if l.hosts == ["pi@10.0.0.5"]);
    assert!(s.effects.iter().any(kept), "{:?}", s.effects);
    // one without an agent has nothing there that lives on
    s.host("nas", HostEvent::State(HostState::Online { build: String::new(), hostname: String::new() }));
    let saved = serde_json::to_string(&s.app.saved()).unwrap();
    let mut s = Bench::new(Setup { saved: Some(serde_json::from_str(&saved).unwrap()), ..setup(120, 30) });
    assert!(s.has("│  pi@10.0.0.5 "), "{}", s.screen());
    assert!(!s.effects.iter().any(|e| matches!(e, Effect::Host(h, _) if *h == pi)), "nothing is dialed for it");
    s.host("local", HostEvent::State(online()));
    s.answer();
    // first its link is let go of, then it
    s.host("pi@10.0.0.5", HostEvent::State(online()));
    s.keys("C-b b");
    s.app.tree.chosen = Some(Place::Host(pi.clone()));
    s.take();
    s.keys("x");
    assert!(s.effects.contains(&Effect::Host(pi.clone(), HostCommand::Disconnect)), "{:?}", s.effects);
    s.host("pi@10.0.0.5", HostEvent::State(HostState::Offline));
    assert!(s.has("│  pi@10.0.0.5 "), "{}", s.screen());
    s.take();
    s.keys("x");
    assert!(!s.app.hosts.contains_key(&pi) && s.app.tree.chosen.as_ref().is_some_and(|p| p.host() != Some(&pi)));
    assert!(s.effects.iter().any(|e| matches!(e, Effect::Save(l) if l.hosts.is_empty())), "{:?}", s.effects);
}

/// The sessions of each tab's panes.
fn in_splits(s: &Bench) -> String {
    let name = |p: &PaneId| s.app.panes[p].session.as_ref().map_or("-".into(), |s| s.to_string());
    let tabs = s.app.tabs.list.iter().map(|t| t.panes().iter().map(name).collect::<Vec<_>>().join("+"));
    tabs.collect::<Vec<_>>().join(" ")
}
fn kept(panes: &[(&str, &str)]) -> Option<Layout> {
    let tab = |(host, session): &(&str, &str)| disk::Tab {
        name: String::new(),
        root: disk::Node::Pane(disk::Pane {
            host: (*host).into(),
            session: (*session).into(),
            ..disk::Pane::default()
        }),
        focus: 0,
        zoomed: false,
    };
    Some(Layout { tabs: panes.iter().map(tab).collect(), ..Layout::default() })
}

#[test]
fn without_a_layout_what_is_there_gets_a_tab_each() {
    let mut s = Bench::new(setup(80, 24));
    s.keys("'ls");
    let shown_elsewhere = SessionInfo { state: "running".into(), ..detached("r", "2026-01-09") };
    let ended = SessionInfo { state: "exited".into(), ..detached("e", "2026-01-09") };
    s.there = vec![
        detached("b", "2026-01-02"),
        detached("a", "2026-01-01"),
        shown_elsewhere,
        detached("c", "2026-01-03"),
        ended,
    ];
    s.host("local", HostEvent::State(online()));
    s.answer();
    assert_eq!(in_tabs(&s), "a b [c]");
    assert_eq!(s.typed(), ["c ls"]);
    assert!(s.app.panes.values().all(Pane::is_live));
    // once: later ones stay in the tree
    s.there.push(detached("d", "2026-01-04"));
    s.host("local", HostEvent::Sessions(s.there.clone()));
    s.answer();
    assert_eq!(in_tabs(&s), "a b [c]");
    let mut s = Bench::new(setup(80, 24));
    s.there = (10..40).map(|n| detached(&format!("n{n}"), &format!("2026-01-{n}"))).collect();
    s.host("local", HostEvent::State(online()));
    s.answer();
    assert_eq!((s.app.tabs.list.len(), s.focused().as_str()), (20, "n29"));
    // whatever the order a host lists them in
    s.there.reverse();
    s.host("local", HostEvent::Sessions(s.there.clone()));
    let first = s.app.tree_rows().into_iter().nth(1).map(|r| r.place);
    assert_eq!(first, Some(super::super::tree::Place::Session(HostId::local(), id("n10"))));
}

#[test]
fn a_host_of_the_kept_layout_is_gone_to_not_opened_again() {
    let saved = kept(&[("local", "s1"), ("nas", "r1"), ("nas", "r2")]);
    let mut s = Bench::new(Setup { saved, open_host: Some(HostId::new("nas")), ..setup(80, 24) });
    assert_eq!(in_tabs(&s), "s1 [r1] r2");
    s.host("nas", HostEvent::State(online()));
    s.there = vec![detached("x", "2026-01-01")];
    s.host("local", HostEvent::State(online()));
    s.answer();
    assert_eq!(in_tabs(&s), "s1 [r1] r2");
    let mut s =
        Bench::new(Setup { saved: kept(&[("local", "s1")]), open_host: Some(HostId::new("nas")), ..setup(80, 24) });
    s.there = vec![detached("x", "2026-01-01")];
    s.host("nas", HostEvent::State(online()));
    s.host("local", HostEvent::State(online()));
    s.answer();
    assert_eq!(in_tabs(&s), "s1 [x]");
}

#[test]
fn a_layout_of_which_nothing_is_alive_gives_way_to_a_shell() {
    let saved = kept(&[("local", "a"), ("local", "b")]);
    let mut s = Bench::new(Setup { saved, ..setup(80, 24) });
    s.host("local", HostEvent::State(online()));
    let ended = |n: &str| HostEvent::AttachFailed { session: id(n), why: "it ended".into(), ended: true };
    s.take();
    s.host("local", ended("a"));
    assert_eq!(in_tabs(&s), "[a] b");
    s.host("local", ended("b"));
    assert!(s.has("nothing of the last window is alive"), "{}", s.screen());
    s.made = 10;
    s.answer();
    assert_eq!(in_tabs(&s), "[s11]");
    assert!(s.app.focused().unwrap().is_live());
    // where a host is away its panes stay
    let mut s = Bench::new(Setup { saved: kept(&[("local", "a"), ("nas", "b")]), ..setup(80, 24) });
    s.host("local", HostEvent::State(online()));
    s.take();
    s.host("local", ended("a"));
    assert_eq!(in_tabs(&s), "[a] b");
    s.host("nas", HostEvent::State(HostState::Failed { why: "no route".into(), hints: vec![], hard: false }));
    s.made = 10;
    s.answer();
    assert_eq!(in_tabs(&s), "a b [s11]");
}

#[test]
fn nesting_is_said_and_never_shows_a_session_in_itself() {
    let env = |name: &str| match name {
        "STY" | "TMUX" => Some("x".to_string()),
        "THUB_SESSION" => Some("own".to_string()),
        _ => None,
    };
    let inside = Inside::from_env(env);
    assert_eq!(inside.multiplexer, Some("tmux"));
    let mut s = Bench::new(Setup { inside: inside.clone(), ..setup(80, 24) });
    assert!(s.has("inside tmux") && s.has("press ^b twice"), "{}", s.screen());
    s.there = vec![detached("own", "2026-01-01")];
    s.host("local", HostEvent::State(online()));
    s.answer();
    assert_eq!(in_tabs(&s), "[s1]");
    let mut out = Vec::new();
    s.app.open_session(&HostId::local(), &id("own"), &mut out);
    assert!(!out.iter().any(|e| matches!(e, Effect::Host(_, HostCommand::Attach { .. }))));
    assert!(s.has("inside that session itself"), "{}", s.screen());
    assert_eq!(Inside::from_env(|_| None), Inside::default());
}

#[test]
fn the_open_tree_is_kept_in_step_and_a_closed_one_asks_nothing() {
    let mut s = Bench::full(120, 24);
    let made = |title: &str| SessionInfo { title: title.into(), ..detached("s7", "1970-01-01T00:01:00Z") };
    s.there = vec![made("vi")];
    s.at(1.0);
    s.event(Event::Time { clock: "00:01".into(), unix: 90 });
    s.answer();
    assert_eq!(s.app.deadline(), Some(Duration::from_secs(5)));
    s.at(5.0);
    s.event(Event::Tick);
    s.answer();
    let row = |s: &Bench| s.screen().lines().nth(2).unwrap_or("").chars().take(40).collect::<String>();
    assert!(row(&s).starts_with("│    vi   ") && !row(&s).contains("0s"), "{}", s.screen());
    s.there = vec![made("make")];
    s.at(31.0);
    s.event(Event::Tick);
    s.answer();
    assert!(row(&s).contains("make") && row(&s).contains(" 1m"), "{}", s.screen());
    // what is attached tells by itself
    let mut mine = info("s1", 94, 22);
    s.host("local", HostEvent::Sessions(vec![mine.clone()]));
    mine.title = "top".into();
    s.host("local", HostEvent::Changed { session: id("s1"), info: Box::new(mine) });
    assert!(row(&s).contains("▶ top"), "{}", s.screen());
    let told = SessionInfo { title: "top".into(), offset: 500, bells: 2, ..info("s1", 94, 22) };
    s.host("local", HostEvent::Changed { session: id("s1"), info: Box::new(told) });
    assert!(!row(&s).contains(['▪', '●']), "what is shown needs no mark: {}", s.screen());
    // (the session's own engine hears what a program says, and it alone: ours only draws)
    s.output("local", "s1", "\x1b]2;less\x07");
    assert!(row(&s).contains("▶ top"), "{}", s.screen());
    s.keys("C-b b C-b b");
    assert!(!s.has("hosts"));
    s.take();
    s.at(60.0);
    s.event(Event::Tick);
    assert_eq!((s.take(), s.app.deadline()), (vec![], None));
    s.keys("C-b b");
    assert!(s.take().contains(&Effect::Host(HostId::local(), HostCommand::List)));
}

#[test]
fn the_go_to_picker_finds_by_label_best_first_and_help_is_wide() {
    let mut s = Bench::full(160, 30);
    s.app.known = vec!["local-mirror".into(), "nas-backup".into(), "nas".into()];
    s.there = vec![SessionInfo { name: "build".into(), ..info("s7", 80, 22) }];
    s.host("local", HostEvent::Sessions(s.there.clone()));
    s.keys("C-b g");
    let found = |s: &Bench| match s.app.layers.last() {
        Some(Layer::Picker(p)) => p.found.iter().map(|i| p.items[*i].text.clone()).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    s.keys("'nas");
    assert_eq!(found(&s), ["nas", "nas-backup"]);
    // neither states nor the words beside a label
    s.keys("C-u 'detached");
    assert_eq!(found(&s), Vec::<String>::new());
    s.keys("C-u 'tab");
    assert_eq!(found(&s), Vec::<String>::new());
    s.keys("C-u 'build Enter");
    s.answer();
    assert_eq!(s.focused(), "s7");
    s.keys("C-b : 'even");
    assert!(found(&s)[0].starts_with("even-out "), "{:?}", found(&s));
    s.keys("Escape C-b ?");
    s.keys("'move-right");
    assert!(s.has("move-right       the pane on the right; where there is none, the last tab"), "{}", s.screen());
    let screen = s.screen();
    let top = screen.lines().find(|l| l.contains("keys and commands")).unwrap_or("");
    assert!(top.chars().filter(|c| "─┐".contains(*c)).count() > 40, "{screen}");
}

#[test]
fn sessions_of_one_program_are_told_apart_in_the_pickers() {
    let mut s = Bench::full(100, 30);
    let of = |session: &str, title: &str, cwd: &str| SessionInfo {
        title: title.into(),
        cwd: cwd.into(),
        state: "detached".into(),
        created_at: "1970-01-01T00:01:00Z".into(),
        ..info(session, 80, 22)
    };
    s.event(Event::Time { clock: "00:01".into(), unix: 360 });
    let named = SessionInfo { name: "build".into(), ..of("s9", "make", "/home/me/src/thub") };
    let via = SessionInfo { target: "t1".into(), connection: "Lab Two".into(), ..of("s11", "", "") };
    s.there =
        vec![via, of("s7", "vim", "/home/me/src/thub"), of("s8", "", "/srv"), named, of("s10", "me@box: ~\x1b", "")];
    s.host("local", HostEvent::Sessions(s.there.clone()));
    for keys in ["C-b s", "C-b g"] {
        s.keys(keys);
        let line = |name: &str| s.screen().lines().find(|l| l.contains(name)).unwrap_or_default().to_string();
        assert!(line("vim  bash  …/src/thub").contains("this machine · detached 5m"), "{}", s.screen());
        assert!(s.has("bash  /srv ") && s.has("build  make  bash  …/src/thub"), "{}", s.screen());
        assert!(s.has("me@box: ~\\u{1b}  bash"), "{}", s.screen());
        assert!(s.has("Lab Two  bash"), "{}", s.screen());
        s.keys("'thub Escape");
    }
    s.keys("C-b s 'vimthub Enter");
    s.answer();
    assert_eq!(s.focused(), "s7", "found by title and directory");
    // on a phone what tells them apart is what stays
    s.event(Event::Resize(Size::new(40, 12)));
    s.keys("C-b s");
    assert!(s.has("build  make") && s.has("bash  /srv"), "{}", s.screen());
}

#[test]
fn more_tabs_than_fit_have_a_sign_at_the_edge() {
    let mut s = Bench::full(60, 12);
    let line = |s: &Bench| s.screen().lines().next().unwrap_or_default().to_string();
    for _ in 0..7 {
        s.keys("C-b c");
        s.answer();
    }
    assert_eq!(s.app.tabs.list.len(), 8);
    assert!(line(&s).starts_with("‹ 2 bash ") && line(&s).ends_with(" 8 bash  +"), "{}", s.screen());
    s.mouse(MouseKind::Press, Button::Left, 0, 0);
    assert_eq!(s.app.tabs.active, 0, "{}", s.screen());
    assert!(line(&s).starts_with(" 1 bash  2 bash ") && line(&s).ends_with("›"), "{}", s.screen());
    assert_eq!(line(&s).chars().count(), 60);
    s.mouse(MouseKind::Press, Button::Left, 59, 0);
    assert_eq!(s.app.tabs.active, 7);
    // one far wider than the screen
    s.event(Event::Resize(Size::new(8, 12)));
    s.answer();
    assert!(line(&s).starts_with('‹'), "{}", s.screen());
    s.keys("C-b 3");
    assert!(line(&s).starts_with('‹') && line(&s).ends_with('›'), "{}", s.screen());
}

#[test]
fn panels_lie_beside_the_tree_where_there_is_room_for_them() {
    let mut s = Bench::full(120, 35);
    s.keys("C-b g");
    let top = |s: &Bench, title: &str| s.screen().lines().find(|l| l.contains(title)).unwrap_or_default().to_string();
    assert!(top(&s, "┌ go to").starts_with(&format!("│{}│ ", " ".repeat(38))), "{}", s.screen());
    s.keys("Escape C-b ?");
    assert!(s.has("split-right      split side by side"), "{}", s.screen());
    assert!(top(&s, "┌ keys and commands").starts_with("│   "), "over it, in full: {}", s.screen());
    assert!(!top(&s, "┌ keys and commands").starts_with(&format!("│{}│", " ".repeat(38))), "{}", s.screen());
}

/// The program of the focused pane asks for these.
fn ask(s: &mut Bench, kitty: u8, modify_other_keys: u8) {
    let session = s.focused();
    s.output("local", &session, &format!("\x1b[={kitty}u\x1b[>4;{modify_other_keys}m"));
}
/// What the outer terminal says.
fn outer(s: &mut Bench, bytes: &str) {
    let (mut parser, mut inputs) = (Parser::new(), Vec::new());
    parser.feed(bytes.as_bytes(), &mut inputs);
    for input in inputs {
        let Input::Key(key) = input else { panic!("{input:?}") };
        s.event(Event::Key(key));
    }
}
fn keyboard(s: &mut Bench) -> Vec<u8> {
    s.take().into_iter().filter_map(|e| if let Effect::Keyboard(n) = e { Some(n) } else { None }).collect()
}

#[test]
fn the_outer_keyboard_follows_the_program_that_has_the_keys() {
    let mut s = Bench::full(80, 24);
    assert!(keyboard(&mut s).is_empty(), "nothing is asked for who asked for nothing");
    ask(&mut s, 1, 0);
    assert_eq!(keyboard(&mut s), [5]);
    ask(&mut s, 11, 0);
    assert_eq!(keyboard(&mut s), [5 | 2 | 8 | 16]);
    // a panel, the tree, another pane: as ever
    s.keys("C-b ?");
    assert_eq!(keyboard(&mut s), [0]);
    s.keys("Escape");
    assert_eq!(keyboard(&mut s), [31]);
    s.keys("C-b %");
    s.answer();
    assert_eq!(keyboard(&mut s), [0]);
    ask(&mut s, 0, 2);
    assert_eq!(keyboard(&mut s), [5]);
    s.keys("C-b o");
    assert_eq!(keyboard(&mut s), [31]);
    ask(&mut s, 0, 0);
    assert_eq!(keyboard(&mut s), [0]);
}

#[test]
fn a_program_gets_keys_as_it_asked_and_others_as_ever() {
    let mut s = Bench::full(80, 24);
    s.typed();
    let all = "\x1b[105;5u\x1b[13;5u\x1b[13;2u\x1b[97:65;6u\x1b[45:95;6u\x1b[27u\x1b[97;3u\x1b[1;5A\x1b[1;1:3A";
    outer(&mut s, all);
    let told =
        ["s1 \\t", "s1 \\r", "s1 \\r", "s1 \\u{1}", "s1 \\u{1f}", "s1 \\u{1b}", "s1 \\u{1b}a", "s1 \\u{1b}[1;5A"];
    assert_eq!(s.typed(), told);
    ask(&mut s, 1, 0);
    outer(&mut s, all);
    assert_eq!(
        s.typed().concat().replace("\\u{1b}", "^").replace("s1 ", " "),
        " ^[105;5u ^[13;5u ^[13;2u ^[97;6u ^[45;6u ^[27u ^[97;3u ^[1;5A"
    );
    ask(&mut s, 0, 2);
    outer(&mut s, "\x1b[105;5u\x1b[13;2u\x1b[97:65;6u");
    assert_eq!(s.typed(), ["s1 \\u{1b}[27;5;105~", "s1 \\u{1b}[27;2;13~", "s1 \\u{1b}[27;6;65~"]);
    // the outer terminal may not know the protocol
    ask(&mut s, 1, 0);
    outer(&mut s, "\t\x01\x1b[A");
    assert_eq!(s.typed(), ["s1 \\t", "s1 \\u{1b}[97;5u", "s1 \\u{1b}[A"]);
}

#[test]
fn a_release_goes_where_its_press_went() {
    let mut s = Bench::full(80, 24);
    ask(&mut s, 11, 0);
    s.typed();
    outer(&mut s, "\x1b[97;1:1;97u\x1b[97;1:2;97u\x1b[97;1:3u");
    assert_eq!(s.typed(), ["s1 \\u{1b}[97u", "s1 \\u{1b}[97;1:2u", "s1 \\u{1b}[97;1:3u"]);
    // once: nobody presses a key that is not released
    outer(&mut s, "\x1b[97;1:3u");
    assert!(s.typed().is_empty());
    // the prefix and what follows it are the TUI's, and so are their releases; modifiers don't break it
    outer(
        &mut s,
        "\x1b[57442;5u\x1b[98;5u\x1b[98;5:3u\x1b[57442;1:3u\x1b[57441;2u\x1b[53:37;2;37u\x1b[53:37;2:3u\x1b[57441;1:3u",
    );
    s.answer();
    assert_eq!(s.focused(), "s2");
    assert_eq!(s.typed(), ["s1 \\u{1b}[57442;5u", "s1 \\u{1b}[57442;1:3u"]);
    // pressed in one pane, released in another
    s.keys("C-b o");
    s.typed();
    outer(&mut s, "\x1b[120;;120u");
    s.keys("C-b o");
    outer(&mut s, "\x1b[120;1:3u");
    assert_eq!(s.typed(), ["s1 \\u{1b}[120u", "s1 \\u{1b}[120;1:3u"]);
    // pressed as text, by one name; released by another
    s.keys("C-b o");
    ask(&mut s, 3, 0);
    s.typed();
    outer(&mut s, "!\x1b[49:33;2:3u");
    assert_eq!(s.typed(), ["s1 !", "s1 \\u{1b}[49;2:3u"]);
    // released outside of the window
    outer(&mut s, "x");
    s.event(Event::Focus(false));
    s.event(Event::Focus(true));
    outer(&mut s, "\x1b[120;1:3u");
    assert_eq!(s.typed(), ["s1 x"]);
}

#[test]
fn keys_that_are_told_apart_are_the_tui_s_own_as_ever() {
    let mut s = Bench::full(80, 24);
    // the prefix by another name, and a key after it
    outer(&mut s, "\x1b[98:66;6u\x1b[53:37;2u");
    s.answer();
    assert_eq!(s.focused(), "s2");
    s.typed();
    // who asked to be told them apart is told
    ask(&mut s, 1, 0);
    outer(&mut s, "\x1b[98:66;6u");
    assert_eq!(s.typed(), ["s2 \\u{1b}[98;6u"]);
    outer(&mut s, "\x1b[98;5u\x1b[98;5u");
    assert_eq!(s.typed(), ["s2 \\u{1b}[98;5u"]);
    // in a panel and in the history Ctrl-M is Enter, Shift-Escape is Escape
    s.keys("C-b ,");
    outer(&mut s, "\x1b[97;;97u\x1b[98;2;66u\x1b[109;5u");
    assert_eq!(s.app.tabs.active().unwrap().name.as_deref(), Some("aB"));
    s.keys("C-b [");
    assert!(s.app.focused().unwrap().scroll.is_some());
    outer(&mut s, "\x1b[57441;2u\x1b[27;2u");
    assert!(s.app.focused().unwrap().scroll.is_none());
    assert!(s.typed().is_empty());
}

#[test]
fn a_sign_s_prefix_keeps_its_other_names() {
    let mut settings = setup(80, 24);
    settings.settings.prefix = Some("C-^".into());
    let mut s = Bench::new(settings);
    s.host("local", HostEvent::State(online()));
    s.host("local", HostEvent::Sessions(Vec::new()));
    s.answer();
    ask(&mut s, 1, 0);
    for prefix in ["\x1b[54;5u", "\x1b[54:94;6u", "\x1e"] {
        let before = s.app.panes.len();
        outer(&mut s, prefix);
        assert!(s.app.sequence.is_some(), "{prefix:?}");
        s.keys("%");
        s.answer();
        assert_eq!(s.app.panes.len(), before + 1);
        s.keys("C-^ x y");
        ask(&mut s, 1, 0);
    }
}

#[test]
fn who_watches_types_nothing_in_any_way() {
    let solo = Solo { host: HostId::local(), session: id("s1"), watch: true };
    let mut s = Bench::new(Setup { solo: Some(solo), ..setup(80, 24) });
    s.host("local", HostEvent::State(online()));
    s.answer();
    ask(&mut s, 31, 0);
    s.event(Event::Colors(Colors { text: (0, 0, 0), back: (255, 255, 255) }));
    outer(&mut s, "\x1b[57441;2u\x1b[97;;97u\x1b[97;1:3u");
    assert!(keyboard(&mut s).is_empty());
    assert!(s.typed().is_empty());
}

#[test]
fn sessions_hear_of_the_colours_when_they_come_and_when_they_change() {
    let told = |s: &mut Bench| -> Vec<String> {
        let of = |e| match e {
            Effect::Host(_, HostCommand::Colors { session, colors }) => {
                Some(format!("{session} {}", if colors.dark() { "dark" } else { "light" }))
            }
            _ => None,
        };
        s.take().into_iter().filter_map(of).collect()
    };
    let mut s = Bench::full(80, 24);
    assert!(told(&mut s).is_empty(), "nothing is known yet");
    let light = Colors { text: (0, 0, 0), back: (255, 255, 255) };
    s.event(Event::Colors(light));
    assert_eq!(told(&mut s), ["s1 light"]);
    s.event(Event::Colors(light));
    assert!(told(&mut s).is_empty());
    s.keys("C-b %");
    s.answer();
    assert_eq!(told(&mut s), ["s2 light"]);
    s.event(Event::Colors(Colors { text: light.back, back: light.text }));
    assert_eq!(told(&mut s), ["s1 dark", "s2 dark"]);
    // after a drop as well: meanwhile others may have shown it
    s.host("local", HostEvent::Attached { session: id("s1"), info: Box::new(info("s1", 80, 24)), again: true });
    assert_eq!(told(&mut s), ["s1 dark"]);
}

#[test]
fn programs_that_asked_hear_of_the_focus() {
    let mut s = Bench::full(80, 24);
    s.keys("C-b %");
    s.answer();
    s.output("local", "s1", "\x1b[?1004h");
    s.output("local", "s2", "\x1b[?1004h");
    s.typed();
    s.event(Event::Focus(false));
    assert_eq!(s.typed(), ["s2 \\u{1b}[O"]);
    s.event(Event::Focus(true));
    assert_eq!(s.typed(), ["s2 \\u{1b}[I"]);
    s.keys("C-b o");
    assert_eq!(s.typed(), ["s2 \\u{1b}[O", "s1 \\u{1b}[I"]);
    s.keys("C-b ?");
    assert_eq!(s.typed(), ["s1 \\u{1b}[O"]);
    s.keys("Escape");
    assert_eq!(s.typed(), ["s1 \\u{1b}[I"]);
    s.output("local", "s1", "\x1b[?1004l");
    s.event(Event::Focus(false));
    assert!(s.typed().is_empty());
}

#[test]
fn hosts_that_come_back_are_listed_until_all_are_there() {
    let tab = |host: &str, session: &str| disk::Tab {
        name: String::new(),
        root: disk::Node::Pane(disk::Pane { host: host.into(), session: session.into(), ..disk::Pane::default() }),
        focus: 0,
        zoomed: false,
    };
    let tabs = vec![tab("local", "s1"), tab("nas", "r1"), tab("nas", "r2"), tab("pi", "r3")];
    let saved = || Some(Layout { tabs: tabs.clone(), ..Layout::default() });
    let attached = |s: &mut Bench, host: &str, session: &str| {
        s.host(host, HostEvent::Attached { session: id(session), info: Box::new(info(session, 80, 22)), again: false });
    };
    let start = || {
        let mut s = Bench::new(Setup { saved: saved(), ..setup(100, 30) });
        s.host("local", HostEvent::State(online()));
        attached(&mut s, "local", "s1");
        s
    };
    // who is there in a moment is not worth a word
    let mut s = start();
    for host in ["nas", "pi"] {
        s.host(host, HostEvent::State(online()));
    }
    s.at(0.6);
    s.event(Event::Tick);
    assert!(!s.has("coming back"), "{}", s.screen());

    let mut s = start();
    s.host("nas", HostEvent::State(HostState::Connecting));
    s.host("pi", HostEvent::State(HostState::Connecting));
    assert_eq!(s.app.deadline(), Some(Duration::from_millis(500)));
    s.at(0.6);
    s.event(Event::Tick);
    assert!(s.has("coming back: 0 of 2") && s.has("◌ nas") && s.has("◌ pi"), "{}", s.screen());
    // what is typed into a program goes there: nobody asked for the panel
    s.take();
    s.keys("'x");
    assert_eq!(s.typed(), ["s1 x"]);
    s.host("nas", HostEvent::State(online()));
    attached(&mut s, "nas", "r1");
    assert!(s.has("nas  1 of 2 sessions back"), "{}", s.screen());
    attached(&mut s, "nas", "r2");
    assert!(s.has("● nas  2 sessions back") && s.has("1 of 2"), "{}", s.screen());
    s.host("pi", HostEvent::State(HostState::Lost { why: "no\x1b way".into(), retry: Duration::from_secs(30) }));
    s.at(2.0);
    assert!(s.has("○ pi  again in 29 s: no"), "{}", s.screen());
    // the reason has the room, not its name once more
    let why = "me@pi:2973 can't be reached: 192.0.2.7:2973: no answer within 10 s".to_string();
    s.host("pi", HostEvent::State(HostState::Lost { why, retry: Duration::from_secs(30) }));
    assert!(s.has("○ pi  again in 30 s: can't be reached: 192.0.2.7:2973: no answer within"), "{}", s.screen());
    assert!(s.has("│ 10 s  "), "where there is room for it\n{}", s.screen());
    s.take();
    s.keys("Down r");
    assert_eq!(s.take(), [Effect::Host(HostId::new("pi"), HostCommand::Connect)]);
    s.keys("a");
    assert_eq!(s.take(), [Effect::Host(HostId::new("pi"), HostCommand::Connect)], "the other is there");
    // any other key is not the panel's
    s.keys("'l");
    assert!(!s.has("coming back"), "{}", s.screen());
    assert_eq!(s.typed(), ["s1 l"]);
    s.app.list_hosts();
    s.at(4.0);
    s.keys("Escape");
    assert!(!s.has("coming back"), "{}", s.screen());
    s.app.list_hosts();
    s.host("pi", HostEvent::State(online()));
    assert!(!s.has("coming back"), "it goes by itself\n{}", s.screen());
    // one that is silent is not there
    s.at(20.0);
    s.host("nas", HostEvent::Silent(Duration::from_secs(5)));
    s.app.list_hosts();
    assert!(s.has("coming back: 0 of 2") && s.has("◌ nas  last heard 5 s ago"), "{}", s.screen());
    s.host("nas", HostEvent::Silent(Duration::ZERO));
    assert!(s.has("● nas  2 sessions back"), "{}", s.screen());
}

#[test]
fn a_panel_nobody_asked_for_takes_nothing_from_what_a_person_has_opened() {
    let pane = disk::Pane { host: "nas".into(), session: "r1".into(), ..disk::Pane::default() };
    let tab = disk::Tab { name: String::new(), root: disk::Node::Pane(pane), focus: 0, zoomed: false };
    let saved = || Layout { tabs: vec![tab.clone()], ..Layout::default() };
    let begin = |s: &mut Bench| {
        s.host("local", HostEvent::State(online()));
        s.host("local", HostEvent::Sessions(Vec::new()));
        s.host("local", HostEvent::Connections(None));
        s.host("nas", HostEvent::State(HostState::Connecting));
        s.keys("C-b g");
        s.keys("'night Enter");
    };
    let mut s = Bench::new(Setup { saved: Some(saved()), ..setup(100, 30) });
    begin(&mut s);
    // the hosts that are waited for are listed
    s.at(0.6);
    s.event(Event::Tick);
    s.keys("C-b g 'other Enter");
    let mut asked = Bench::new(Setup { saved: Some(saved()), ..setup(100, 30) });
    begin(&mut asked);
    let named = |id: &str, name: &str| SessionInfo { name: name.into(), ..info(id, 50, 20) };
    let tell = |s: &mut Bench| {
        s.host("nas", HostEvent::State(online()));
        s.host("nas", HostEvent::Sessions(vec![named("r1", "first"), named("n1", "other"), named("n2", "nightly")]));
        s.host("nas", HostEvent::Connections(None));
    };
    let went = |s: &Bench| s.app.focused().and_then(|p| p.session.clone());
    tell(&mut s);
    assert_eq!(went(&s), Some(id("n1")), "{}", s.screen());
    let there: Vec<_> = s.app.panes.values().filter_map(|p| p.session.clone()).collect();
    assert!(there.contains(&id("n2")), "{there:?}");
    assert!(s.app.layers.is_empty(), "{}", s.screen());

    // a question comes: what is typed then may be its answer, and is typed nowhere
    let mut s = asked;
    s.keys("'a");
    s.host("nas", HostEvent::Ask { id: 1, question: Question::Secret(Default::default()) });
    s.keys("'secret Enter");
    s.at(2.0);
    s.keys("'secret Enter");
    let answered = |e: &Effect| matches!(e, Effect::Host(_, HostCommand::Answer { id: 1, .. }));
    assert!(s.effects.iter().any(answered), "{:?}", s.effects);
    tell(&mut s);
    assert_eq!(went(&s), Some(id("n2")), "{}", s.screen());
    assert!(s.app.focused().unwrap().ahead.is_empty() && s.app.layers.is_empty(), "{}", s.screen());
}

#[test]
fn no_shell_of_this_machine_takes_the_place_of_one_on_another() {
    let mut s = Bench::full(80, 24);
    s.keys("C-b %");
    s.answer();
    let info = SessionInfo { target: "t-0123456789abcdef".into(), connection: "me@web".into(), ..info("s2", 80, 22) };
    s.host("local", HostEvent::Changed { session: id("s2"), info: Box::new(info) });
    let cause = Some("connection lost: the process that held it is gone".to_string());
    s.host("local", HostEvent::Exited { session: id("s2"), exit: SessionExited { exit_code: None, cause } });
    s.take();
    assert!(s.has("x: close") && !s.has("start again"), "{}", s.screen());
    s.keys("r");
    assert!(!s.effects.iter().any(|e| matches!(e, Effect::Host(_, HostCommand::Create { .. }))), "{:?}", s.effects);
    assert!(s.has("a session on me@web over plain SSH"), "{}", s.screen());
}

#[test]
fn a_host_named_is_never_another_one_when_the_last_window_is_gone() {
    let ended = |n: &str| HostEvent::AttachFailed { session: id(n), why: "it ended".into(), ended: true };
    let start = |panes: &[(&str, &str)]| {
        let mut s = Bench::new(Setup { saved: kept(panes), open_host: Some(HostId::new("nas")), ..setup(80, 24) });
        s.host("local", HostEvent::State(online()));
        s.made = 10;
        s
    };
    let live_on = |s: &Bench| s.app.focused().filter(|p| p.is_live()).map(|p| p.host.as_str().to_string());
    // all of it has ended
    let mut s = start(&[("nas", "a"), ("nas", "b")]);
    s.host("nas", HostEvent::State(online()));
    s.take();
    s.host("nas", ended("a"));
    s.host("nas", ended("b"));
    assert!(s.has("nothing of the last window is alive"), "{}", s.screen());
    s.answer();
    assert_eq!((in_tabs(&s).as_str(), live_on(&s).as_deref()), ("[s11]", Some("nas")));
    // without its agent nobody knows: it stays, and a shell there is opened beside it
    let mut s = start(&[("nas", "a")]);
    s.host("nas", HostEvent::State(HostState::Online { build: String::new(), hostname: "nas".into() }));
    s.take();
    s.host("nas", ended("a"));
    assert!(s.has("showed of nas needs its agent"), "{}", s.screen());
    s.answer();
    assert_eq!((in_tabs(&s).as_str(), live_on(&s).as_deref()), ("a [s11]", Some("nas")));
    // what is free there is taken up
    let mut s = start(&[("nas", "a")]);
    s.there = vec![SessionInfo { state: "detached".into(), ..detached("x", "2026-01-01") }];
    s.host("nas", HostEvent::State(online()));
    s.take();
    s.host("nas", ended("a"));
    s.answer();
    assert_eq!((in_tabs(&s).as_str(), live_on(&s).as_deref()), ("[x]", Some("nas")));
    // a window with something else alive in it
    let mut s = start(&[("local", "l"), ("nas", "a")]);
    let info = Box::new(info("l", 80, 22));
    s.host("local", HostEvent::Attached { session: id("l"), info, again: false });
    s.host("nas", HostEvent::State(online()));
    s.take();
    s.host("nas", ended("a"));
    s.answer();
    assert_eq!((in_tabs(&s).as_str(), live_on(&s).as_deref()), ("l [s11]", Some("nas")));
    // one of it lives: there it goes
    let mut s = start(&[("nas", "a"), ("nas", "b")]);
    s.host("nas", HostEvent::State(online()));
    s.take();
    s.host("nas", ended("a"));
    let info = Box::new(super::tests::info("b", 80, 22));
    s.host("nas", HostEvent::Attached { session: id("b"), info, again: false });
    s.answer();
    assert_eq!((in_tabs(&s).as_str(), live_on(&s).as_deref()), ("a [b]", Some("nas")));
    // nobody wanted an agent there: its pane says so, and nothing of this machine comes in its place
    let mut s = start(&[("nas", "a")]);
    let failed = HostState::Failed { why: "nas has no thub agent".into(), hints: vec![], hard: false };
    s.take();
    s.host("nas", HostEvent::State(failed));
    s.answer();
    assert_eq!(in_tabs(&s), "[a]");
    assert!(s.has("no thub agent") && s.has("Enter: try again"), "{}", s.screen());
    s.keys("Enter");
    s.host("nas", HostEvent::State(online()));
    s.take();
    s.host("nas", ended("a"));
    s.answer();
    assert_eq!((in_tabs(&s).as_str(), live_on(&s).as_deref()), ("[s11]", Some("nas")));
}

#[test]
fn what_is_typed_before_a_far_shell_is_there_is_seen() {
    let host = "build-server";
    let mut s = two_hosts();
    s.at(10.0);
    s.host(host, HostEvent::Silent(Duration::from_secs(4)));
    s.keys("C-b c");
    assert!(s.has("waits for the link: last heard 4 s ago"), "{}", s.screen());
    s.app.dirty = false;
    s.keys("'touch Enter");
    assert!(s.app.dirty && s.has("typed, not sent: touch\\r  (^b Del drops it)"), "{}", s.screen());
    s.host(host, HostEvent::State(HostState::Connecting));
    assert!(s.has("connecting") && s.has("typed, not sent: touch"), "{}", s.screen());
    // it is there: it gets it, and nothing more is said
    s.host(host, HostEvent::State(online()));
    s.answer();
    assert_eq!(s.typed(), ["s2 touch\\r"]);
    assert!(!s.has("not sent"), "{}", s.screen());
    // it can't be: what was typed does not go without a word
    s.host(host, HostEvent::Silent(Duration::from_secs(4)));
    s.keys("C-b c 'rm");
    let tag = s.app.focused().and_then(|p| p.tag).unwrap();
    s.host(host, HostEvent::Created { tag, result: Err("not known".into()) });
    assert!(s.has("no shell: not known") && s.has("typed, not delivered: rm"), "{}", s.screen());
    // of a session that was there before nobody knows what it shows: how much, and no more
    let mut s = two_hosts();
    s.host(host, HostEvent::State(HostState::Connecting));
    let mut out = Vec::new();
    s.app.open_session(&HostId::new(host), &id("r2"), &mut out);
    s.keys("'secret");
    assert!(s.has("typed, not sent: 6 bytes") && !s.has("secret"), "{}", s.screen());
    s.host(host, HostEvent::State(HostState::Failed { why: "no".into(), hints: vec![], hard: false }));
    assert!(s.has("typed, not delivered: 6 bytes") && !s.has("secret"), "{}", s.screen());
}

#[test]
fn a_dead_pane_is_dim_and_says_since_when_all_along() {
    let host = "build-server";
    let mut s = two_hosts_at(140, 24);
    let dim = |s: &Bench| s.buffer().0[(71, 2)].modifier.contains(Modifier::DIM);
    s.at(10.0);
    assert!(!dim(&s));
    s.host(host, HostEvent::Silent(Duration::from_secs(4)));
    assert!(dim(&s) && s.has("last heard 4 s ago"), "{}", s.screen());
    s.at(18.0);
    s.host(host, HostEvent::State(HostState::Connecting));
    assert!(dim(&s) && s.has("last heard 12 s ago, connecting again"), "{}", s.screen());
    s.at(18.5);
    assert_eq!(s.app.deadline(), Some(Duration::from_secs(19)), "it counts on");
    s.host(host, HostEvent::State(online()));
    assert!(!dim(&s) && !s.has("last heard"), "{}", s.screen());
}

#[test]
fn the_cursor_is_not_on_what_is_said_over_its_row() {
    let host = "build-server";
    let mut s = two_hosts();
    s.output(host, "r1", "\x1b[20;1H$ ");
    s.host(host, HostEvent::Tty { session: id("r1"), flags: tty::ECHO });
    s.host(host, HostEvent::Silent(Duration::from_secs(4)));
    assert!(s.buffer().1.is_some());
    s.keys("'ls");
    assert!(s.has("typed, not sent: ls") && s.buffer().1.is_none(), "{}", s.screen());
    s.output(host, "r1", "\x1b[19;1H$ ");
    assert!(s.buffer().1.is_some(), "{}", s.screen());
}

#[test]
fn a_lost_pane_in_a_narrow_frame_keeps_its_name() {
    for (cols, wanted) in
        [(140, " build-server · bash "), (100, " build-server · lost 2s "), (56, " build-server · lost 2s ")]
    {
        let mut s = two_hosts_at(cols, 24);
        s.at(10.0);
        s.host("build-server", HostEvent::Rtt(Duration::from_millis(31)));
        s.at(12.0);
        s.host("build-server", HostEvent::State(HostState::Lost { why: "gone".into(), retry: Duration::from_secs(3) }));
        let line = s.screen().lines().nth(1).unwrap().to_string();
        assert!(line.contains(wanted), "{cols}: {}", s.screen());
    }
    // the name is cut, how it stands is not
    let mut s = two_hosts_at(40, 24);
    s.at(10.0);
    s.host("build-server", HostEvent::Rtt(Duration::from_millis(31)));
    s.at(12.0);
    s.host("build-server", HostEvent::State(HostState::Lost { why: "gone".into(), retry: Duration::from_secs(3) }));
    let line = s.screen().lines().nth(1).unwrap().to_string();
    assert!(line.contains(" build… · lost 2s "), "{}", s.screen());
}

#[test]
fn a_host_that_was_never_heard_is_not_said_to_be_lost() {
    let mut s = Bench::full(100, 24);
    s.app.tree.open = Some(false);
    s.app.open_host(&HostId::new("nas"), &mut Vec::new());
    s.at(5.0);
    let lost = || HostState::Lost { why: "no answer".into(), retry: Duration::from_secs(3) };
    s.host("nas", HostEvent::State(lost()));
    let bar = |s: &Bench| s.screen().lines().last().unwrap_or_default().to_string();
    assert!(bar(&s).contains("nas  not reached: no answer") && !bar(&s).contains("heard"), "{}", s.screen());
    s.app.tree.open = Some(true);
    let row = |s: &Bench| s.app.tree_rows().into_iter().find(|r| r.text == "nas").unwrap().aside;
    assert_eq!(row(&s), "not reached");
    s.host("nas", HostEvent::State(online()));
    s.host("nas", HostEvent::State(lost()));
    assert!(bar(&s).contains("lost, last heard 0 s ago"), "{}", s.screen());
    assert_eq!(row(&s), "lost 0s");
}

#[test]
fn a_hosts_trouble_names_it_once() {
    let mut s = Bench::full(100, 24);
    let failed = |why: &str| HostState::Failed { why: why.into(), hints: Vec::new(), hard: false };
    s.host("me@192.0.2.7:2973", HostEvent::State(HostState::Connecting));
    s.app.open_host(&HostId::new("me@192.0.2.7:2973"), &mut Vec::new());
    for (why, wanted) in [
        ("me@192.0.2.7:2973 refused the connection", "me@192.0.2.7:2973 refused the connection"),
        ("it refused", "me@192.0.2.7:2973: it refused"),
        ("you@192.0.2.7:2973 refused", "me@192.0.2.7:2973: you@192.0.2.7:2973 refused"),
        // not another one
        ("me@192.0.2.7:29734 refused", "me@192.0.2.7:2973: me@192.0.2.7:29734 refused"),
    ] {
        s.host("me@192.0.2.7:2973", HostEvent::State(failed(why)));
        assert_eq!(s.app.message.as_ref().map(|m| m.text.as_str()), Some(wanted));
    }
}

#[test]
fn a_host_whose_pane_has_no_title_yet_is_named_once() {
    let mut s = Bench::full(120, 24);
    s.app.tree.open = Some(false);
    s.app.open_host(&HostId::new("me@192.0.2.7:2973"), &mut Vec::new());
    let tabs = s.screen().lines().next().unwrap().to_string();
    assert!(tabs.contains(" 2 me@192.0.2.7:2973  "), "{}", s.screen());
}
