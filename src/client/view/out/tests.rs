//! What comes out, and what a terminal makes of it.

use super::pen::Ink;
use super::*;
use crate::term::screen::{Underline, palette};
use proptest::prelude::*;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::num::NonZeroU16;

const COLS: u16 = 12;
const ROWS: u16 = 4;

pub fn terminal(cols: u16, rows: u16) -> vt100::Parser {
    let n = |n| NonZeroU16::new(n).unwrap();
    vt100::Parser::new(n(rows), n(cols), 0)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn emit(w: &mut Writer, prev: Option<&Buffer>, next: &Buffer) -> String {
    let mut out = Vec::new();
    w.emit(prev, next, None, &mut out);
    text(&out)
}

/// What a cell looks like, the same for both sides.
#[derive(PartialEq, Debug)]
pub struct Look {
    text: String,
    fg: vt100::Color,
    bg: vt100::Color,
    effects: Vec<bool>,
}

fn blanked(mut look: Look) -> Look {
    if look.text.is_empty() || look.text == " " {
        look.text = String::new();
        let shows = look.effects.get(3..5).unwrap().contains(&true);
        if !shows {
            look.fg = vt100::Color::Default;
            look.effects = vec![false; 5];
        }
    }
    look
}

pub fn want(buf: &Buffer, y: u16) -> Vec<Look> {
    let width = usize::from(buf.area.width);
    let row = &buf.content[usize::from(y) * width..][..width];
    let w = Writer::new(ColorDepth::True);
    let ink = |c: Color| match w.depth.ink(c) {
        Ink::Default => vt100::Color::Default,
        Ink::Index(n) => vt100::Color::Idx(n),
        Ink::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
    };
    let mut x = 0;
    let mut looks = Vec::new();
    while x < width {
        let (symbol, columns) = glyph(row, x);
        let m = row[x].modifier;
        let has = |f| m.contains(f);
        let effects = vec![
            has(Modifier::BOLD),
            has(Modifier::DIM),
            has(Modifier::ITALIC),
            has(Modifier::UNDERLINED),
            has(Modifier::REVERSED),
        ];
        let (fg, bg) = (ink(row[x].fg), ink(row[x].bg));
        let symbol = symbol.replace('\u{fffd}', "?");
        looks.push(blanked(Look { text: symbol, fg, bg, effects }));
        x += columns;
    }
    looks
}

pub fn have(p: &vt100::Parser, y: u16, cols: u16) -> Vec<Look> {
    (0..cols)
        .map(|x| p.screen().cell(y, x).unwrap())
        .filter(|c| !c.is_wide_continuation())
        .map(|c| {
            let effects = vec![c.bold(), c.dim(), c.italic(), c.underline(), c.inverse()];
            blanked(Look { text: c.contents().into(), fg: c.fgcolor(), bg: c.bgcolor(), effects })
        })
        .collect()
}

fn any_style() -> impl Strategy<Value = Style> {
    let color = prop_oneof![
        4 => Just(Color::Reset),
        1 => Just(Color::Red),
        1 => Just(Color::LightBlue),
        1 => Just(Color::Indexed(200)),
        1 => Just(Color::Rgb(1, 2, 3)),
    ];
    // crossed out is not in the test's terminal; bold and dim exclude each other there
    let effects = prop_oneof![
        6 => Just(Modifier::empty()),
        1 => Just(Modifier::BOLD),
        1 => Just(Modifier::DIM | Modifier::ITALIC),
        1 => Just(Modifier::UNDERLINED),
        1 => Just(Modifier::REVERSED | Modifier::BOLD),
    ];
    (color.clone(), color, effects).prop_map(|(fg, bg, m)| Style::new().fg(fg).bg(bg).add_modifier(m))
}

fn any_symbol() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        8 => Just(" "),
        6 => prop::sample::select(vec!["a", "b", "─", "é", "e\u{301}"]),
        4 => prop::sample::select(vec!["漢", "字", "한", "👍"]),
        1 => prop::sample::select(vec!["", "\u{1b}", "\u{9b}", "\u{301}", "ab", "\n", "\u{202e}"]),
    ]
}

type Runs = Vec<(&'static str, Style, usize)>;

/// Runs, so that rows hold what is alike beside what differs.
fn any_runs() -> impl Strategy<Value = Runs> {
    prop::collection::vec((any_symbol(), any_style(), 1usize..6), 0..30)
}

fn buffer(runs: &Runs) -> Buffer {
    let mut buf = Buffer::empty(Rect::new(0, 0, COLS, ROWS));
    let mut cells = buf.content.iter_mut();
    for (symbol, style, n) in runs {
        for cell in cells.by_ref().take(*n) {
            cell.set_symbol(symbol).set_style(*style);
        }
    }
    buf
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_terminal_shows_what_was_meant(frames in prop::collection::vec(any_runs(), 1..5),
                                         sync: bool, wipe in 0usize..5, keep in 0usize..48) {
        let mut p = terminal(COLS, ROWS);
        let mut w = Writer::new(ColorDepth::True);
        w.set_sync(sync);
        let mut prev: Option<Buffer> = None;
        for (i, mut next) in frames.iter().map(buffer).enumerate() {
            if let Some(prev) = &prev {
                // most of a frame is as before
                for (n, o) in next.content.iter_mut().zip(&prev.content).take(keep) {
                    n.clone_from(o);
                }
            }
            if i == wipe {
                prev = None;
            }
            let at = Position::new(i as u16 * 3, i as u16 % ROWS);
            let mut out = Vec::new();
            w.emit(prev.as_ref(), &next, Some((at, CursorShape::Default)), &mut out);
            prop_assert!(allowed(&text(&out)), "{:?}", text(&out));
            // the test's terminal shows no U+FFFD
            p.process(text(&out).replace('\u{fffd}', "?").as_bytes());
            for y in 0..ROWS {
                prop_assert_eq!(have(&p, y, COLS), want(&next, y), "row {} after {:?}", y, text(&out));
            }
            prop_assert_eq!(p.screen().cursor_position(), (at.y, at.x));
            let mut again = Vec::new();
            w.emit(Some(&next), &next, Some((at, CursorShape::Default)), &mut again);
            prop_assert_eq!(text(&again), "");
            prev = Some(next);
        }
    }

    #[test]
    fn whatever_is_in_a_cell_only_allowed_bytes_come_out(symbol in any::<String>()) {
        let mut next = Buffer::empty(Rect::new(0, 0, 4, 1));
        next.content[1].set_symbol(&symbol);
        let mut w = Writer::new(ColorDepth::True);
        prop_assert!(allowed(&emit(&mut w, None, &next)));
    }
}

/// Printable text, and no sequences but the few this file makes.
pub fn allowed(out: &str) -> bool {
    let mut chars = out.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            match chars.next() {
                Some('[') => {}
                // a link, to its end
                Some(']') if chars.next() == Some('8') => {
                    let end = chars.by_ref().find(|c| !c.is_ascii_graphic());
                    if (end, chars.next()) != (Some('\u{1b}'), Some('\\')) {
                        return false;
                    }
                    continue;
                }
                _ => return false,
            }
            let end = chars.by_ref().find(|c| !matches!(c, '0'..='9' | ';' | ':' | '?' | ' '));
            if !matches!(end, Some('H' | 'J' | 'K' | 'C' | 'D' | 'L' | 'M' | 'm' | 'h' | 'l' | 'q' | 'r' | 's')) {
                return false;
            }
        } else if is_refused(c) {
            return false;
        }
    }
    true
}

#[test]
fn few_bytes_for_little() {
    let mut w = Writer::new(ColorDepth::True);
    let a = Buffer::with_lines(["hello there    ", "second line    "]);
    assert_eq!(emit(&mut w, None, &a), "\x1b[?25l\x1b[m\x1b[H\x1b[2Jhello there\x1b[2Hsecond line");
    assert_eq!(emit(&mut w, Some(&a), &a), "");
    let b = Buffer::with_lines(["hallo thare    ", "second         "]);
    assert_eq!(emit(&mut w, Some(&a), &b), "\x1b[1;2Ha\x1b[6Ca\x1b[2;8H\x1b[K");
    let c = Buffer::with_lines(["hAlLo thare    ", "seco           "]);
    assert_eq!(emit(&mut w, Some(&b), &c), "\x1b[1;2HAlL\x1b[2;5H  ");
}

#[test]
fn styles_change_as_little_as_needed() {
    let mut w = Writer::new(ColorDepth::True);
    let mut a = Buffer::with_lines(["abcdef"]);
    a.set_style(Rect::new(0, 0, 2, 1), Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
    a.set_style(Rect::new(2, 0, 2, 1), Style::new().fg(Color::Red).bg(Color::Indexed(99)));
    a.set_style(Rect::new(4, 0, 1, 1), Style::new().fg(Color::Rgb(1, 2, 3)).bg(Color::Indexed(99)));
    let got = emit(&mut w, None, &a);
    let want = "\x1b[1;31mab\x1b[22;48;5;99mcd\x1b[38;2;1;2;3me\x1b[mf";
    assert!(got.ends_with(want), "{got:?}");
}

#[test]
fn kinds_of_underline_only_where_they_are_known() {
    let line = |kind| look::underlined(kind) | Modifier::BOLD;
    let mut a = Buffer::with_lines(["abcdefg"]);
    let curly = Style::new().add_modifier(line(Underline::Curly)).underline_color(Color::Rgb(1, 2, 3));
    a.set_style(Rect::new(0, 0, 2, 1), curly);
    a.set_style(Rect::new(2, 0, 1, 1), Style::new().add_modifier(line(Underline::Dashed)));
    a.set_style(Rect::new(3, 0, 1, 1), Style::new().add_modifier(line(Underline::Single)));
    let rare = look::OVERLINED | Modifier::SLOW_BLINK | Modifier::HIDDEN | Modifier::CROSSED_OUT;
    a.set_style(Rect::new(4, 0, 1, 1), Style::new().add_modifier(rare));
    a.set_style(Rect::new(5, 0, 1, 1), Style::new().add_modifier(look::OVERLINED));
    let mut w = Writer::new(ColorDepth::True);
    let got = emit(&mut w, None, &a);
    let want = "\x1b[1;4mabcd\x1b[22;5;8;9;24;53me\x1b[25;28;29mf\x1b[mg";
    assert!(got.ends_with(want), "{got:?}");
    w.set_modern(true);
    let got = emit(&mut w, None, &a);
    let want = "\x1b[1;4:3;58:2::1:2:3mab\x1b[4:5;59mc\x1b[4md\x1b[22;5;8;9;24;53me\x1b[25;28;29mf\x1b[mg";
    assert!(got.ends_with(want), "{got:?}");
    // another kind alone is a change, an underline's colour where there is none is not
    let mut b = a.clone();
    b.content[2].modifier = line(Underline::Dotted);
    b.content[6].underline_color = Color::Red;
    assert_eq!(emit(&mut w, Some(&a), &b), "\x1b[1;3H\x1b[1;4:4mc");
    let mut lesser = Writer::new(ColorDepth::Ansi16);
    lesser.set_modern(true);
    assert!(emit(&mut lesser, None, &a).contains("4:3;58:5:0mab"));
}

#[test]
fn terminals_with_kinds_of_underline() {
    let known = |vars: &[(&str, &str)]| is_modern(|n| vars.iter().find(|(k, _)| *k == n).map(|(_, v)| v.to_string()));
    assert!(known(&[("TERM", "xterm-kitty")]));
    assert!(known(&[("TERM", "xterm-256color"), ("VTE_VERSION", "7600")]));
    assert!(known(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")]));
    for vars in [&[("TERM", "xterm-256color")][..], &[("TERM", "linux")], &[("TERM_PROGRAM", "Apple_Terminal")]] {
        assert!(!known(vars), "{vars:?}");
    }
    assert!(!known(&[("TERM", "xterm-256color"), ("VTE_VERSION", "4600")]));
    assert!(!known(&[("TERM", "screen-256color"), ("VTE_VERSION", "7600")]), "that is GNU screen's surroundings");
}

#[test]
fn the_cursor() {
    let mut w = Writer::new(ColorDepth::True);
    let a = Buffer::with_lines(["abc"]);
    let mut frame = |cursor: Option<(u16, u16, CursorShape)>, prev: Option<&Buffer>| {
        let mut out = Vec::new();
        w.emit(prev, &a, cursor.map(|(x, y, s)| (Position::new(x, y), s)), &mut out);
        text(&out)
    };
    let bar = CursorShape::Bar { blink: false };
    assert!(frame(Some((1, 0, bar)), None).ends_with("abc\x1b[1;2H\x1b[6 q\x1b[?25h"));
    assert_eq!(frame(Some((1, 0, bar)), Some(&a)), "");
    assert_eq!(frame(Some((2, 0, bar)), Some(&a)), "\x1b[1;3H");
    assert_eq!(frame(None, Some(&a)), "\x1b[?25l");
    assert_eq!(frame(Some((9, 9, bar)), Some(&a)), "", "outside is hidden");
}

#[test]
fn synchronized_only_where_known_and_needed() {
    let mut w = Writer::new(ColorDepth::True);
    let a = Buffer::with_lines(["abc"]);
    assert!(!emit(&mut w, None, &a).contains("2026"));
    w.set_sync(true);
    let b = Buffer::with_lines(["abd"]);
    assert_eq!(emit(&mut w, Some(&a), &b), "\x1b[?2026h\x1b[1;3Hd\x1b[?2026l");
    assert_eq!(emit(&mut w, Some(&b), &b), "");
}

#[test]
fn another_size_is_drawn_whole() {
    let mut w = Writer::new(ColorDepth::True);
    let got = emit(&mut w, Some(&Buffer::with_lines(["abcd"])), &Buffer::with_lines(["abc"]));
    assert!(got.ends_with("\x1b[H\x1b[2Jabc"), "{got:?}");
    assert_eq!(emit(&mut w, None, &Buffer::empty(Rect::ZERO)), "");
}

#[test]
fn glyphs_of_doubtful_width_leave_nothing_behind() {
    let mut w = Writer::new(ColorDepth::True);
    let mut a = Buffer::with_lines(["....."]);
    emit(&mut w, None, &a);
    let before = a.clone();
    a.content[1].set_symbol("❤\u{fe0f}");
    a.content[2].set_symbol("");
    a.content[3].set_symbol("x");
    assert_eq!(emit(&mut w, Some(&before), &a), "\x1b[1;2H  \x1b[2D❤\u{fe0f}\x1b[1;4Hx");
}

/// Kitty puts a vowel sign into the letter's cell, xterm gives it one of its own: what comes next is where it should.
#[test]
fn vowel_signs_shift_nothing() {
    let mut w = Writer::new(ColorDepth::True);
    let a = Buffer::with_lines(["......"]);
    emit(&mut w, None, &a);
    let mut b = a.clone();
    for (cell, symbol) in b.content.iter_mut().zip(["\u{939}", "\u{93f}", "|", ".", ".", "\u{94b}"]) {
        cell.set_symbol(symbol);
    }
    let said = emit(&mut w, Some(&a), &b);
    let line = " \x1b[D\u{939}\x1b[1;2H \x1b[D\u{93f}\x1b[1;3H|.. \x1b[1;6H\u{94b}";
    assert!(said.ends_with(line), "{said:?}");
    let mut w = Writer::new(ColorDepth::True);
    emit(&mut w, None, &a);
    b = a.clone();
    b.content[4].set_symbol("❤\u{fe0f}");
    b.content[5].set_symbol("");
    assert!(emit(&mut w, Some(&a), &b).ends_with("\x1b[1;5H  \x1b[1;5H❤\u{fe0f}"));
}

/// Kitty puts a skin tone into the hand's cells: what comes next is where it should be, and nothing old beside it.
#[test]
fn skin_tones_shift_nothing() {
    let mut w = Writer::new(ColorDepth::True);
    let a = Buffer::with_lines(["........"]);
    emit(&mut w, None, &a);
    let mut b = a.clone();
    for (cell, symbol) in b.content.iter_mut().zip(["👍", "", "\u{1f3fd}", "", "|", ".", ".", "|"]) {
        cell.set_symbol(symbol);
    }
    let said = emit(&mut w, Some(&a), &b);
    assert!(said.ends_with("👍  \x1b[2D\u{1f3fd}\x1b[1;5H|..|"), "{said:?}");
}

#[test]
fn colours_of_lesser_terminals() {
    let ink = |depth: ColorDepth, c| depth.ink(c);
    assert_eq!(ink(ColorDepth::Indexed256, Color::Rgb(255, 0, 0)), Ink::Index(196));
    assert_eq!(ink(ColorDepth::Indexed256, Color::Rgb(128, 128, 128)), Ink::Index(244));
    assert_eq!(ink(ColorDepth::Ansi16, Color::Rgb(250, 10, 10)), Ink::Index(9));
    assert_eq!(ink(ColorDepth::Ansi16, Color::Indexed(196)), Ink::Index(9));
    assert_eq!(ink(ColorDepth::Ansi16, Color::Indexed(3)), Ink::Index(3));
    assert_eq!(ink(ColorDepth::Mono, Color::Red), Ink::Default);
    for v in 0..=255 {
        let Ink::Index(n) = ink(ColorDepth::Indexed256, Color::Rgb(v, v, v)) else { panic!() };
        assert!(palette(n).0.abs_diff(v) <= 8, "{v} -> {n}");
    }
}

#[test]
fn depth_by_environment() {
    let depth = |vars: &[(&str, &str)]| {
        ColorDepth::from_env(|n| vars.iter().find(|(k, _)| *k == n).map(|(_, v)| v.to_string()))
    };
    assert_eq!(depth(&[]), ColorDepth::Ansi16);
    assert_eq!(depth(&[("TERM", "linux")]), ColorDepth::Ansi16);
    assert_eq!(depth(&[("TERM", "xterm-256color")]), ColorDepth::Indexed256);
    assert_eq!(depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), ColorDepth::True);
    assert_eq!(depth(&[("TERM", "xterm-kitty")]), ColorDepth::True);
    assert_eq!(depth(&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")]), ColorDepth::Mono);
    assert_eq!(depth(&[("TERM", "xterm-256color"), ("NO_COLOR", "")]), ColorDepth::Indexed256);
}

#[test]
fn titles_clipboard_bell() {
    let mut w = Writer::new(ColorDepth::True);
    let mut out = Vec::new();
    w.title("a\x07b\u{9c}\x1b]52;c;eA==\x07", &mut out);
    let got = text(&out);
    assert!(got.starts_with("\x1b]2;a\\u{7}b") && got.ends_with('\x07'));
    assert_eq!(got.matches(['\x1b', '\x07', '\u{9c}']).count(), 2);
    let mut out = Vec::new();
    w.title(&"x".repeat(9999), &mut out);
    assert!(out.len() < 1100);
    let mut out = Vec::new();
    assert!(w.clipboard("hi\x1b", &mut out));
    assert_eq!(text(&out), "\x1b]52;c;aGkb\x07");
    let mut out = Vec::new();
    assert!(!w.clipboard(&"x".repeat(MOST_CLIPBOARD + 1), &mut out));
    w.bell(&mut out);
    assert_eq!(text(&out), "\x07");
}

#[test]
#[ignore = "a measurement: cargo test --lib -- --ignored --nocapture full_screens"]
fn full_screens_a_second() {
    let rect = Rect::new(0, 0, 200, 60);
    let mut frames = [Buffer::empty(rect), Buffer::empty(rect)];
    for (f, buf) in frames.iter_mut().enumerate() {
        for (i, cell) in buf.content.iter_mut().enumerate() {
            cell.set_char(char::from(b'a' + ((i + f) % 26) as u8));
            cell.set_style(Style::new().fg(Color::Indexed(((i / 7) % 255) as u8)));
        }
    }
    let mut w = Writer::new(ColorDepth::True);
    let mut out = Vec::new();
    let start = std::time::Instant::now();
    for i in 0..200 {
        out.clear();
        w.emit(Some(&frames[i % 2]), &frames[(i + 1) % 2], None, &mut out);
    }
    println!("{:?} a frame of {} bytes, all cells changed", start.elapsed() / 200, out.len());
    let start = std::time::Instant::now();
    for _ in 0..200 {
        out.clear();
        w.emit(Some(&frames[0]), &frames[0], None, &mut out);
    }
    println!("{:?} a frame without a change", start.elapsed() / 200);
}
