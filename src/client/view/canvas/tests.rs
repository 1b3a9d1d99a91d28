//! What is drawn the short way is what all drawn anew would be, and the terminal shows it.

use super::super::out::ColorDepth;
use super::super::out::tests::{allowed, have, terminal, text, want};
use super::*;
use crate::client::app::Event;
use crate::client::app::tests::Bench;
use crate::client::host::{HostEvent, HostState};
use crate::client::view;
use crate::proto::ids::SessionId;
use crate::term::input::{Button, Mods, Mouse, MouseKind};
use proptest::prelude::*;
use std::time::Duration;

/// A client, its canvas, and a terminal that shows it.
struct Screen {
    bench: Bench,
    canvas: Canvas,
    writer: Writer,
    outer: vt100::Parser,
    size: Size,
}

impl Screen {
    fn new(bench: Bench) -> Screen {
        let size = bench.app.size;
        Screen {
            bench,
            canvas: Canvas::default(),
            writer: Writer::new(ColorDepth::True),
            outer: terminal(size.cols, size.rows),
            size,
        }
    }

    /// Draws, checks, and says how many bytes went out.
    fn draw(&mut self) -> usize {
        let app = &self.bench.app;
        if app.size != self.size {
            self.size = app.size;
            self.outer = terminal(self.size.cols, self.size.rows);
        }
        let mut out = Vec::new();
        self.canvas.draw(app, &Theme::default(), self.size, false, &mut self.writer, &mut out);
        let mut all = Buffer::empty(Rect::new(0, 0, self.size.cols, self.size.rows));
        let cursor = view::draw(app, &Theme::default(), &mut all);
        assert_eq!(self.canvas.shown(), Some(&all));
        let said = text(&out);
        assert!(allowed(&said), "{said:?}");
        // the test's terminal shows no U+FFFD
        self.outer.process(said.replace('\u{fffd}', "?").as_bytes());
        for y in 0..self.size.rows {
            assert_eq!(have(&self.outer, y, self.size.cols), want(&all, y), "row {y} after {said:?}");
        }
        let screen = self.outer.screen();
        assert_eq!(screen.hide_cursor(), cursor.is_none());
        if let Some((at, _)) = cursor {
            assert_eq!(screen.cursor_position(), (at.y, at.x));
        }
        let _ = self.bench.app.drawn();
        out.len()
    }

    fn output(&mut self, session: &str, bytes: &str) -> usize {
        self.bench.output("local", session, bytes);
        self.draw()
    }

    /// Whether the last frame was drawn the short way.
    fn was_short(&self) -> bool {
        self.canvas.synced.contains(&true)
    }
}

/// A line of a log as programs write them.
fn log_line(n: usize) -> String {
    let of = ["session::clients", "agent::relay", "link::conn", "transport::ssh"][n % 4];
    let what = ["a client attached at offset", "frames copied until", "credit given up to", "channel opened, window"];
    format!(
        "\r\n\x1b[2m2026-03-{:02}T10:{:02}:07.{:06}Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2m{of}\x1b[0m: {} {}",
        n % 28 + 1,
        n % 60,
        n * 7919 % 1_000_000,
        what[n / 3 % 4],
        n * 104_729
    )
}

/// A pane of 200x50 full of a log.
fn log(with_tree: bool) -> Screen {
    let tree = u16::from(with_tree) * crate::client::app::TREE_WIDEST;
    let mut s = Screen::new(Bench::full(200 + tree, 52));
    if !with_tree {
        s.bench.keys("C-b b C-b b");
    }
    s.bench.answer();
    let pane = s.bench.app.focused().unwrap();
    assert_eq!(pane.engine.size(), Size::new(200, 50));
    s.draw();
    let lines: String = (0..120).map(log_line).collect();
    s.output("s1", &lines);
    s
}

#[test]
fn a_scrolled_line_is_few_bytes() {
    for with_tree in [false, true] {
        let mut s = log(with_tree);
        for n in 120..180 {
            let bytes = s.output("s1", &log_line(n));
            assert!(s.was_short());
            println!("{bytes} with the tree: {with_tree}");
            assert!(bytes <= 400, "{bytes} with the tree: {with_tree}");
        }
        // back, and inside a region of the program's own
        s.output("s1", "\x1b[H");
        let bytes = s.output("s1", "\x1bMback up");
        assert!(bytes <= 400, "{bytes} with the tree: {with_tree}");
        let bytes = s.output("s1", "\x1b[10;40r\x1b[40H\nin the region");
        assert!(bytes <= 400, "{bytes} with the tree: {with_tree}");
        assert!(s.was_short());
    }
}

#[test]
fn a_scrolled_line_is_few_bytes_in_a_whole_frame_too() {
    let mut s = log(false);
    s.bench.output("local", "s1", &log_line(120));
    s.bench.app.say("something else happened");
    let bytes = s.draw();
    assert!(!s.was_short() && bytes <= 500, "{bytes}");
}

#[test]
fn a_key_is_a_few_bytes_and_touches_one_row() {
    let mut s = log(true);
    s.output("s1", "\x1b[7;12H");
    for _ in 0..3 {
        s.bench.keys("'x");
        let bytes = s.output("s1", "x");
        assert!(s.was_short() && bytes < 30, "{bytes}");
        assert_eq!(s.canvas.rows.iter().filter(|r| **r).count(), 1);
    }
}

#[test]
fn what_else_shows_is_drawn_whole() {
    let mut s = Screen::new(Bench::full(120, 20));
    s.draw();
    s.output("s1", "text");
    assert!(s.was_short());
    s.output("s1", "\x1b]2;a title\x07");
    assert!(!s.was_short(), "a title shows in the tab");
    s.output("s1", "more");
    assert!(s.was_short());
    s.bench.app.say("a message");
    s.output("s1", "and more");
    assert!(!s.was_short());
    s.bench.keys("C-b ?");
    s.output("s1", "beneath");
    assert!(!s.was_short(), "a panel lies over it");
}

#[test]
fn the_panel_of_what_is_chosen_stays_over_a_pane_that_scrolls() {
    let mut s = log(true);
    // (the tree has the focus, and its first row is this machine's)
    s.bench.keys("C-b b g");
    assert!(s.bench.app.detailed().is_some());
    s.draw();
    for n in 120..130 {
        s.output("s1", &log_line(n));
    }
}

#[test]
fn what_scrolled_is_found() {
    let old = [1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(scrolled(&old, &old), None);
    assert_eq!(scrolled(&old, &[2, 3, 4, 5, 6, 7, 8, 9]), Some((0, 8, 1)));
    assert_eq!(scrolled(&old, &[4, 5, 6, 7, 8, 9, 10, 11]), Some((0, 8, 3)));
    assert_eq!(scrolled(&old, &[9, 1, 2, 3, 4, 5, 6, 7]), Some((0, 8, -1)));
    assert_eq!(scrolled(&old, &[1, 2, 4, 5, 6, 9, 7, 8]), Some((2, 6, 1)), "inside a region");
    assert_eq!(scrolled(&old, &[2, 3, 4, 9, 6, 7, 8, 10]), Some((0, 8, 1)), "and one row is another");
    assert_eq!(scrolled(&old, &[11, 12, 13, 14, 15, 16, 17, 18]), None);
    assert_eq!(scrolled(&old, &[1]), None);
    assert_eq!(scrolled(&[], &[]), None);
}

#[derive(Clone, Debug)]
enum Step {
    Output(usize, String),
    Keys(&'static str),
    Wheel(bool),
    Say,
    Pass,
    Host(HostEvent),
    Resize(u16, u16),
}

/// What shows over a pane's cells, and what takes it away again.
fn any_host_event() -> impl Strategy<Value = HostEvent> {
    let session: SessionId = "s1".parse().unwrap();
    let online = HostState::Online { build: "1".into(), hostname: "box".into() };
    let lost = HostState::Lost { why: "gone".into(), retry: Duration::from_secs(9) };
    prop::sample::select(vec![
        HostEvent::Undelivered { session: session.clone(), bytes: b"typed".to_vec() },
        HostEvent::State(lost),
        HostEvent::State(online.clone()),
        HostEvent::State(online),
        HostEvent::Silent(Duration::from_secs(5)),
        HostEvent::Rtt(Duration::from_millis(1)),
        HostEvent::Size { session, offset: 0, size: Size::new(40, 10) },
    ])
}

fn any_output() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[a-z]{1,9}",
        6 => Just("\r\n".to_string()),
        2 => Just("漢字 \u{1f44d} e\u{301}".to_string()),
        2 => (1u16..20, 1u16..60).prop_map(|(r, c)| format!("\x1b[{r};{c}H")),
        2 => prop::sample::select(vec!["\x1b[31;44m", "\x1b[m", "\x1b[4;7m", "\x1b[3m"]).prop_map(String::from),
        2 => (1u16..9, 9u16..20).prop_map(|(a, b)| format!("\x1b[{a};{b}r")),
        2 => prop::sample::select(vec!["\x1bM", "\x1b[2L", "\x1b[3M", "\x1b[2S", "\x1b[T"]).prop_map(String::from),
        1 => prop::sample::select(vec!["\x1b[2J", "\x1b[K", "\x1b[r", "\x1b[?25l", "\x1b[?25h"]).prop_map(String::from),
        1 => prop::sample::select(vec!["\x1b[?2026h", "\x1b[?2026l", "\x1b[?1049h", "\x1b[?1049l", "\x1b]2;t\x07"])
            .prop_map(String::from),
    ];
    prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0usize..3, any_output()).prop_map(|(n, text)| Step::Output(n, text)),
        4 => prop::sample::select(vec!["C-b %", "C-b \"", "C-b b", "C-b z", "C-b ?", "Escape", "C-b [", "q", "C-b o", "C-b c", "'x"])
            .prop_map(Step::Keys),
        1 => any::<bool>().prop_map(Step::Wheel),
        1 => Just(Step::Say),
        1 => Just(Step::Pass),
        2 => any_host_event().prop_map(Step::Host),
        1 => (20u16..130, 6u16..30).prop_map(|(c, r)| Step::Resize(c, r)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_frame_is_the_one_drawn_whole(solo: bool, steps in prop::collection::vec(any_step(), 1..40)) {
        let mut s = Screen::new(if solo { Bench::solo(60, 12) } else { Bench::full(110, 16) });
        s.draw();
        let mut seconds = 1.0;
        for step in steps {
            match step {
                Step::Output(n, bytes) => {
                    let mut there: Vec<String> =
                        s.bench.app.panes.values().filter_map(|p| Some(p.session.as_ref()?.to_string())).collect();
                    there.sort();
                    if let Some(session) = there.get(n % there.len().max(1)) {
                        s.bench.output("local", session, &bytes);
                    }
                }
                Step::Keys(keys) => s.bench.keys(keys),
                Step::Wheel(up) => {
                    let button = if up { Button::WheelUp } else { Button::WheelDown };
                    let at = Mouse { kind: MouseKind::Press, button, row: 5, col: 50, mods: Mods::default() };
                    s.bench.event(Event::Mouse(at));
                }
                Step::Say => s.bench.app.say("a message"),
                Step::Pass => {
                    seconds += 1.0;
                    s.bench.at(seconds);
                    s.bench.event(Event::Tick);
                }
                Step::Host(event) => s.bench.host("local", event),
                Step::Resize(cols, rows) => s.bench.event(Event::Resize(Size::new(cols, rows))),
            }
            s.bench.answer();
            s.draw();
        }
    }
}
