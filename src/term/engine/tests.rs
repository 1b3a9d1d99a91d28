//! The engine as a whole: screens after bytes, answers, events, snapshots, and that nothing panics.

mod bombs;
mod edges;
mod probes;
mod reflow;
mod states;

use super::*;
use crate::term::screen::Color;
use crate::term::screen::{MouseEncoding, MouseMode, Underline};
use proptest::prelude::*;

fn fed(size: Size, bytes: &[u8]) -> (Engine, Vec<Event>) {
    let mut engine = Engine::new(size);
    let mut events = Vec::new();
    engine.feed(bytes, &mut events);
    (engine, events)
}

fn rows(cols: u16, rows: u16, bytes: &str) -> Vec<String> {
    let (engine, _) = fed(Size::new(cols, rows), bytes.as_bytes());
    assert_eq!(engine.resets(), 0);
    engine.text_rows()
}

fn replies(bytes: &str) -> String {
    let (_, events) = fed(Size::new(80, 24), bytes.as_bytes());
    let all = events.into_iter().filter_map(|e| match e {
        Event::Reply(r) => Some(String::from_utf8(r).unwrap()),
        _ => None,
    });
    all.collect::<String>()
}

/// All that can be seen, as one comparable text.
fn seen(e: &Engine) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let size = e.size();
    for row in 0..size.rows {
        for col in 0..size.cols {
            let cell = e.cell(row, col);
            if cell != (Cell { text: Text::default(), width: 1, style: Style::PLAIN }) {
                let _ = write!(out, "{row},{col}:{:?}/{}/{:?} ", cell.text, cell.width, cell.style);
            }
        }
        let _ = writeln!(out, "{}", e.row_wrapped(row));
    }
    let _ = writeln!(out, "{:?} {:?} {size} {:?} {:?}", e.cursor(), e.modes(), e.title(), e.directory());
    let _ = writeln!(out, "{}", e.snapshot().escape_ascii().to_string().replace("\\x1b\\\\", "\n"));
    out
}

#[test]
fn sequences() {
    assert_eq!(rows(8, 2, "\x1b(0lqk\x1b(Blqk"), ["┌─┐lqk", ""]);
    assert_eq!(rows(8, 1, "\x1b)0q\x0eq\x0fq"), ["q─q"]);
    assert_eq!(rows(4, 3, "ab\x1bDc\x1bEd"), ["ab", "  c", "d"]);
    assert_eq!(rows(8, 2, "ab\x1b[scd\x1b[ux"), ["abxd", ""]);
    assert_eq!(rows(10, 1, "x\x1b[3b"), ["xxxx"]);
    assert_eq!(rows(20, 1, "a\x1b[Ib\x1b[2Zc"), ["c       b"]);
    assert_eq!(rows(8, 1, "é\u{301}❤\u{fe0f}x"), ["é\u{301}❤\u{fe0f}x"]);
    assert_eq!(rows(8, 1, "a\x1bktitle\x1b\\b"), ["ab"]);
    assert_eq!(rows(8, 2, "a\x1bPq#0~~\x1b\\\x1b_G\x1b\\b"), ["a", "b"]);
    assert_eq!(rows(8, 2, "ab\x1b[?1047hX\x1b[?1047lc"), ["ab c", ""]);
    assert_eq!(rows(8, 2, "ab\x1b[?1049h\x1b[2;2HX\x1b[?1049lc"), ["abc", ""]);
    assert_eq!(rows(8, 2, "a\x1b[?1048hb\x1b[?1048lc"), ["ac", ""]);
    assert_eq!(rows(4, 2, "漢字x"), ["漢字", "x"]);
    assert_eq!(rows(4, 4, "\x1b[2;3r\x1b[?6hx\x1b[!py"), ["", "xy", "", ""]);
}

#[test]
fn the_input_that_crashes_vt100() {
    let (engine, _) = fed(Size::new(80, 24), "\x1b[24;80H\u{2764}\u{fe0f}\x1b[23;80Hx".as_bytes());
    assert_eq!(engine.resets(), 0);
    assert_eq!(engine.cell(22, 79).text, "x");
}

#[test]
fn underlines() {
    let (engine, _) = fed(Size::new(8, 1), b"\x1b[58;5;1ma\x1b[38:2::1:2:3;4:3mb");
    assert_eq!(engine.cell(0, 0).style, Style { underline_color: Color::Index(1), ..Style::PLAIN });
    let style = engine.cell(0, 1).style;
    assert_eq!((style.fg, style.underline), (Color::Rgb(1, 2, 3), Underline::Curly));
}

#[test]
fn rows_with_styles() {
    let (engine, _) = fed(Size::new(12, 2), "a\x1b[31mb\x1b[m c  \x1b[44m \x1b[m\r\n漢\x1b[1m字".as_bytes());
    assert_eq!(engine.ansi_rows(), ["a\x1b[0;31mb\x1b[m c  \x1b[0;44m \x1b[m", "漢\x1b[0;1m字\x1b[m"]);
    assert_eq!(engine.text_rows(), ["ab c", "漢字"]);
}

#[test]
fn history_gets_logical_lines_of_the_primary_screen_only() {
    let (mut engine, _) = fed(Size::new(4, 2), b"abcdefghij\r\n\x1b[31mred\x1b[m\r\nend\r\n");
    let history = engine.history();
    assert_eq!(history.lines().collect::<Vec<_>>(), ["abcdefghij", "\x1b[0;31mred\x1b[m"]);
    assert_eq!(engine.text_rows(), ["end", ""]);
    engine.feed(b"\x1b[?1049h1\r\n2\r\n3\r\n4\x1b[?1049l", &mut Vec::new());
    assert_eq!(engine.history().end(), 2);
    engine.resize(Size::new(4, 1));
    assert_eq!(engine.history().line(2).as_deref(), Some("end"));
    engine.feed(b"\x1b[3J", &mut Vec::new());
    assert_eq!((engine.history().len(), engine.history().end()), (0, 3));
}

#[test]
fn the_generation_moves() {
    let (mut engine, _) = fed(Size::new(4, 2), b"");
    let mut last = engine.generation();
    for bytes in ["a", "\x1b[31m", "\x1b[?1049h", "\x1b]0;t\x07"] {
        engine.feed(bytes.as_bytes(), &mut Vec::new());
        assert_ne!(engine.generation(), last);
        last = engine.generation();
    }
    engine.resize(Size::new(5, 2));
    assert_ne!(engine.generation(), last);
}

#[test]
fn answers() {
    assert_eq!(replies("\x1b[c"), "\x1b[?64;1;2;6;9;15;16;17;18;21;22;28;29;52c");
    assert_eq!(replies("\x1b[>c\x1b[=c"), "\x1b[>41;354;0c\x1bP!|00000000\x1b\\");
    assert_eq!(replies("\x1b[5n"), "\x1b[0n");
    assert_eq!(replies("\x1b[3;4H\x1b[6n\x1b[?6n"), "\x1b[3;4R\x1b[?3;4;1R");
    assert_eq!(replies("\x1b[5;9r\x1b[?6h\x1b[2;3H\x1b[6n"), "\x1b[2;3R");
    assert_eq!(
        replies("\x1b[?25$p\x1b[?2026$p\x1b[?7777$p\x1b[4$p"),
        "\x1b[?25;1$y\x1b[?2026;2$y\x1b[?7777;0$y\x1b[4;2$y"
    );
    assert_eq!(replies("\x1b[18t"), "\x1b[8;24;80t");
    assert_eq!(replies("\x1b]2;secret\x07\x1b[14t\x1b[21t\x1b[20t"), "\x1b[4;384;640t\x1b]l\x1b\\\x1b]L\x1b\\");
    assert_eq!(replies("\x1b]11;?\x07"), "\x1b]11;rgb:0000/0000/0000\x1b\\");
    assert_eq!(replies("\x1b]10;?;?\x1b\\"), "\x1b]10;rgb:d0d0/d0d0/d0d0\x1b\\\x1b]11;rgb:0000/0000/0000\x1b\\");
    assert_eq!(replies("\x1b]4;1;?\x07"), "\x1b]4;1;rgb:cdcd/0000/0000\x1b\\");
    assert_eq!(replies("\x1b[?u"), "\x1b[?0u");
    assert_eq!(
        replies("\x1b[1m\x1bP$qm\x1b\\\x1bP$qx\x1b\\\x1bP+q544e;78\x1b\\"),
        "\x1bP1$r0;1m\x1b\\\x1bP0$r\x1b\\\x1bP1+r544E=787465726D2D323536636F6C6F72\x1b\\\x1bP0+r\x1b\\"
    );
    assert!(replies("\x1b[>0q").starts_with("\x1bP>|thub("));
    assert_eq!(replies("\x1b]52;c;?\x07"), "");
}

#[test]
fn events() {
    let said = |bytes: &str| fed(Size::new(8, 2), bytes.as_bytes()).1;
    assert_eq!(said("\x07"), [Event::Bell]);
    assert_eq!(said("\x1b]2;a\x01b\u{9b}c\x1b\\"), [Event::Title("abc".into())]);
    assert_eq!(said("\x1b]0;ü;x\x07\x1b]0;ü;x\x07"), [Event::Title("ü;x".into())]);
    assert_eq!(said("\x1b]7;file://h/a%20b\x07"), [Event::Directory("/a b".into())]);
    assert_eq!(
        said("\x1b]52;c;aGk=\x07\x1b]52;p;aGk\x07"),
        [Event::Clipboard("hi".into()), Event::Clipboard("hi".into())]
    );
    assert_eq!(said("\x1b]9;hello\x07\x1b]9;4;1;50\x07"), [Event::Notification("hello".into())]);
    assert_eq!(said("\x1b]777;notify;t;b;c\x07"), [Event::Notification("t: b;c".into())]);
    assert_eq!(said("\x1bP>thub;r;65\x1b\\\x1b[b"), []);
    let long = format!("\x1b]0;{}\x07", "x".repeat(1000));
    assert_eq!(said(&long), [Event::Title("x".repeat(256))]);
}

#[test]
fn modes_and_cursor() {
    let (engine, _) = fed(Size::new(8, 2), b"\x1b[?1;1002;1006;2004;1004;2026h\x1b[?1007l\x1b=\x1b[6 q\x1b[?25lab");
    let modes = engine.modes();
    assert!(
        modes.app_cursor && modes.app_keypad && modes.bracketed_paste && modes.focus && modes.sync && !modes.alt_scroll
    );
    assert_eq!((modes.mouse, modes.encoding), (MouseMode::ButtonMotion, MouseEncoding::Sgr));
    let shape = CursorShape::Bar { blink: false };
    assert_eq!(engine.cursor(), Cursor { row: 0, col: 2, visible: false, shape });
    let (engine, _) = fed(Size::new(8, 2), b"\x1b[?1002h\x1b[?1000l\x1b[?1004h\x1bc");
    assert_eq!((engine.modes().mouse, engine.modes().alt_scroll, engine.modes().focus), (MouseMode::Off, true, false));
    let (engine, _) = fed(Size::new(2, 2), b"ab");
    assert_eq!(engine.cursor().col, 1);
}

#[test]
fn a_wrap_stays_pending_over_save_and_restore() {
    assert_eq!(rows(3, 2, "abc\x1b7\x1b[1;1H\x1b8d"), ["abc", "d"]);
    assert_eq!(rows(3, 2, "abc\x1b7\x1b[2J\x1b[1;1H\x1b8d"), ["", "d"]);
    assert_eq!(rows(4, 2, "ab漢\x1b7\x1b[1;1H\x1b8d"), ["ab漢", "d"]);
}

#[test]
fn the_saved_cursor_goes_with_its_row() {
    let (mut engine, _) = fed(Size::new(8, 4), b"1\r\n2\r\n3\r\n4\x1b[?1049hvim");
    engine.resize(Size::new(8, 2));
    engine.feed(b"\x1b[?1049l!", &mut Vec::new());
    assert_eq!(engine.text_rows(), ["3", "4!"]);
    engine.resize(Size::new(8, 4));
    assert_eq!(engine.text_rows(), ["1", "2", "3", "4!"], "what had left comes back");
}

/// Streams as programs write them.
fn recordings() -> Vec<(&'static str, Size, String)> {
    let prompt = "\x1b]0;me@host: ~\x07\x1b]7;file://host/home/me\x07\x1b[1;32mme@host\x1b[m:\x1b[38;5;75m~\x1b[m$ ls --color\r\n\
        \x1b[0m\x1b[01;34mbin\x1b[0m  \x1b[40;33;01mdev\x1b[0m  a_very_long_name_that_wraps_around.tar.gz\r\n\x1b[?2004h$ \x1b[K";
    let full = "shell\r\n\x1b[31mred\x1b7\x1b[?1049h\x1b[22;0;0t\x1b[1;4r\x1b[?1h\x1b=\x1b[H\x1b[2J\x1b[48;2;10;20;30m\x1b[K~\r\n\x1b[K~\
        \x1b[m\x1b[5;1H\x1b[7mstatus\x1b[m\x1b[4;1H\n\x1bM\x1b[L\x1b[2Pok\x1b[?25l\x1b[2 q\x1b[?1006;1002h\x1b7\x1b[6;1Hx\x1b8\x1b[r\
        \x1b[?1002;1006l\x1b[?1l\x1b>\x1b[?25h\x1b[?1049ldone\r\n";
    let margins = "\x1b[2;4r\x1b[?6h\x1b[1;1Hone\r\ntwo\r\nthree\r\nfour\x1b7\x1b[?6l\x1b[6;1Hout\x1b8\x1b[2;2Hin\x1bM\x1bM\x1bM\x1b[1Sx\x1b[T\
        \x1b[?6l\x1b[5d\x1b[3Gz\n\n\n";
    let wide = "漢字かな交じり文😀x\r\n日本\x1b[2D語\x1b[1;10H字\x1b[@y\x1b[P\x1b[2Xe\u{301}\u{300}z\x1b[2;1H\x1b[1;3Hq\x1b[10Gw漢";
    let drawing =
        "\x1b)0\x1b(0lqqk\r\n\x1b(Bx\x0ex x\x0fx\r\n\x1b(0mqqj\x1b7\x1b(B plain\x1b8qq\x1b[3b\x1b(B\x0e\x1b[!pq";
    let wraps = "abcdefghijklmnopqrstuvwxyz\x1b[41m0123456789\x1b[K\x1b[m\r\nabcdefghijkl\x1b[K\x1b[1C.\x1b[1;12H!\x1b[2;1H\x1b[X\r\
        \x1b[3;12Hx\x1b[X\x1b7\x1b[H\x1b8y\x1b[2;12Hab\x1b[D\x1b[A\n\n\n\n\n\n\n1234567890ab\x1b[1K";
    let odd = "a\x1b[3\r1mb\x1b]8;;http://x\x07link\x1b]8;;\x07\x1bP1;2qxxx\x1b\\\x1bXsos\x1b\\\x1b[?2026hé\u{fe0f}\u{fffd}\x1b[58;5;3;4:3m\
        \x1b]52;c;aGk=\x07\x1b[38:2::1:2:3mu\x18\x1b[1\x18v\u{1f469}\u{200d}\u{1f52c}\x1b(\x1b[m\x1b\x1b[1mw\x1b[?1048h\x1b[H\x1b[?1048l";
    vec![
        ("prompt", Size::new(24, 6), prompt.into()),
        ("full screen", Size::new(12, 6), full.into()),
        ("margins", Size::new(10, 6), margins.into()),
        ("wide", Size::new(11, 4), wide.into()),
        ("drawing", Size::new(10, 4), drawing.into()),
        ("wraps", Size::new(12, 5), wraps.into()),
        ("odd", Size::new(9, 3), odd.into()),
    ]
}

fn check_cut(name: &str, size: Size, bytes: &[u8], cut: usize, resize: Option<Size>) -> Result<(), String> {
    let (before, after) = bytes.split_at(cut);
    let mut one = Engine::with_history(size, 0);
    one.feed(before, &mut Vec::new());
    let snapshot = one.snapshot();
    let mut two = Engine::restore_with_history(size, &snapshot, 0);
    if seen(&one) != seen(&two) {
        return Err(format!(
            "{name}: at {cut}, after {:?}\n{}\n{}\n{}",
            String::from_utf8_lossy(before),
            seen(&one),
            seen(&two),
            String::from_utf8_lossy(&snapshot)
        ));
    }
    if two.snapshot() != snapshot {
        return Err(format!("{name}: the snapshot of a restored engine differs at {cut}"));
    }
    if let Some(to) = resize {
        one.resize(to);
        two.resize(to);
    }
    let (mut events_one, mut events_two) = (Vec::new(), Vec::new());
    one.feed(after, &mut events_one);
    two.feed(after, &mut events_two);
    if events_one != events_two || seen(&one) != seen(&two) || one.snapshot() != two.snapshot() {
        return Err(format!(
            "{name}: went apart after {cut}, {after:?}\n{events_one:?}\n{events_two:?}\n{}\n{}",
            seen(&one),
            seen(&two)
        ));
    }
    Ok(())
}

#[test]
fn a_snapshot_at_every_byte_goes_on_as_the_original() {
    for (name, size, bytes) in recordings() {
        for cut in 0..=bytes.len() {
            check_cut(name, size, bytes.as_bytes(), cut, None).unwrap();
            check_cut(name, size, bytes.as_bytes(), cut, Some(Size::new(7, 3))).unwrap();
            check_cut(name, size, bytes.as_bytes(), cut, Some(Size::new(30, 9))).unwrap();
        }
        let (engine, _) = fed(size, bytes.as_bytes());
        assert_eq!(engine.resets(), 0, "{name}");
    }
}

#[test]
fn restoring_is_silent() {
    let (engine, _) = fed(Size::new(8, 2), b"1\r\n2\r\n3\x1b]0;t\x07\x1b[?1049h\x07");
    let back = Engine::restore(engine.size(), &engine.snapshot());
    assert!(back.history().is_empty());
    assert!(back.terminal.events.is_empty());
    assert_eq!(back.title(), "t");
    assert!(!back.terminal.restoring);
}

/// Likely sequences with any numbers, and any bytes.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![3 => 0u32..12, 1 => proptest::sample::select(vec![80u32, 255, 1000, 65535, 99_999])];
    let csi = (
        proptest::collection::vec(number, 0..4),
        proptest::sample::select(b"@ABCDEFGHIJKLMPSTXZ`abcdefghlmnrstu".to_vec()),
    )
        .prop_map(|(n, last)| {
            let n: Vec<String> = n.iter().map(u32::to_string).collect();
            format!("\x1b[{}{}", n.join(";"), char::from(last)).into_bytes()
        });
    let fixed = proptest::sample::select(vec![
        "\x1b[?1049h",
        "\x1b[?1049l",
        "\x1b[?47h",
        "\x1b[?47l",
        "\x1b7",
        "\x1b8",
        "\x1b[?6h",
        "\x1b[?6l",
        "\x1bM",
        "\x1bD",
        "\x1bE",
        "\x1bc",
        "\x1b[!p",
        "\x1b(0",
        "\x1b(B",
        "\x0e",
        "\x0f",
        "\r",
        "\n",
        "\t",
        "\x08",
        "\x1b[6n",
        "\x1b[?1002h",
        "\x1b]0;t\x07",
        "\x1bPx\x1b\\",
        "漢",
        "字字字字",
        "❤\u{fe0f}",
        "\u{301}",
        "é",
        "😀",
        "\u{200d}",
        "\u{1f1e9}\u{1f1ea}",
        "\u{17d8}",
        "\x1b[41m",
        "\x1b[m",
        "\x1b[1;3;4;7m",
        "\x1b[24;80H\u{2764}\u{fe0f}\x1b[23;80Hx",
        "\x1b[K",
        "\x1b[1K",
        "\x1b[J",
        "abcdefghijklmnop",
        "x",
        " ",
        "\x1b[99;99Hzz",
        "\x1b[2;3r",
        "\x1b[3b",
        "\x1b[",
        "\x1b]",
        "\u{a0}",
        "\u{ad}",
        "\u{200b}",
        "\u{fffd}",
    ])
    .prop_map(|s| s.as_bytes().to_vec());
    let any = proptest::collection::vec(any::<u8>(), 0..4);
    proptest::collection::vec(prop_oneof![4 => csi, 6 => fixed, 1 => any], 0..40).prop_map(|v| v.concat())
}

/// The same cases every time, others (TERM_SEED) and more (TERM_CASES) where they are asked for.
fn same_cases(n: u32) -> ProptestConfig {
    let seed = std::env::var("TERM_SEED").ok().and_then(|v| v.parse().ok()).unwrap_or(2027);
    ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(seed), ..cases(n) }
}

fn cases(n: u32) -> ProptestConfig {
    let n = std::env::var("TERM_CASES").ok().and_then(|v| v.parse().ok()).unwrap_or(n);
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(n) }
}

/// What ncurses' endwin() says twice (dialog --keep-tite): the second takes the cursor where the first put it, as xterm
/// and tmux do; where nothing was saved it stays, as in tmux.
#[test]
fn leaving_the_alternate_screen_twice_restores_the_cursor_again() {
    assert_eq!(rows(8, 3, "ab\x1b[?1049hX\x1b[?1049l\x1b[3;1H\x1b[?1049lc"), ["abc", "", ""]);
    assert_eq!(rows(8, 3, "\x1b[?1049hX\x1b[?1049l\x1b[3;1H\x1b[?1049lc"), ["c", "", ""]);
    assert_eq!(rows(8, 3, "ab\x1b[3;1H\x1b[?1049lc"), ["ab", "", "c"]);
    check_cut("1049", Size::new(8, 3), b"\x1b[?1049hX\x1b[?1049l\x1b[3;1H\x1b[?1049lc", 17, None).unwrap();
}

#[test]
fn a_picture_is_the_same_whatever_the_history() {
    let of = |text: &str| {
        let mut e = Engine::new(Size::new(10, 4));
        e.feed(text.as_bytes(), &mut Vec::new());
        picture(&e.snapshot())
    };
    assert_eq!(of(&"y\r\n".repeat(50)), of(&"y\r\n".repeat(900)));
    for other in ["y", "\x1b[1m", "\x1b]2;t\x07", "\x1b[?2004h", "\x1b[A"] {
        assert_ne!(of(&"y\r\n".repeat(50)), of(&("y\r\n".repeat(50) + other)), "{other:?}");
    }
}

/// SPA (`ESC V`) guards from every erasing, DECSCA only from the selective ones: a snapshot tells them apart.
#[test]
fn a_snapshot_keeps_what_guards() {
    check_cut("SPA", Size::new(8, 2), b"\x1bVab\x1b[2J", 2, None).unwrap();
    check_cut("DECSCA", Size::new(8, 2), b"\x1b[1\"qab\x1b[2J", 6, None).unwrap();
}

/// A shell at its prompt, told of another size: goes up by the rows there were, clears them, draws the line anew.
/// With `keeps`, it leaves its prompt of two characters as it is: so fish.
fn edited_across(from: Size, to: Size, typed: &str, keeps: bool) -> (Vec<String>, u16) {
    let before = "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n";
    let (mut engine, _) = fed(from, [before, typed].concat().as_bytes());
    let down = (typed.len() - 1) / usize::from(from.cols);
    engine.resize_under(to, true);
    let redrawn = if keeps {
        format!("\r{}\x1b[2C{}\x1b[J", "\x1b[A".repeat(down), &typed[2..])
    } else {
        format!("\r{}\x1b[K{typed}", "\x1b[K\x1b[A".repeat(down))
    };
    engine.feed(redrawn.as_bytes(), &mut Vec::new());
    assert_eq!(engine.resets(), 0);
    let mut lines: Vec<String> = engine.history().lines().collect();
    lines.extend(engine.text_rows());
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    (lines, engine.cursor().row)
}

#[test]
fn a_line_that_is_edited_wipes_nothing_and_is_there_once() {
    let typed = "$ abcdefghijklmnopqrstuvw";
    let count = |lines: &[String], what: &str| lines.iter().filter(|l| l.starts_with(what)).count();
    for rows in [6, 8, 20] {
        for (from, to) in [(5, 12), (5, 30), (8, 13), (12, 7), (30, 9), (13, 12), (30, 25)] {
            for keeps in [false, true] {
                let (lines, row) = edited_across(Size::new(from, rows), Size::new(to, rows), typed, keeps);
                let what = format!("{rows} rows, {from} to {to}, {keeps}: {lines:?}, cursor in {row}");
                for n in 1..=6 {
                    assert_eq!(count(&lines, &n.to_string()), 1, "{what}");
                }
                assert_eq!(count(&lines, "$ "), 1, "{what}");
                assert!(lines.concat().ends_with(typed), "{what}");
            }
        }
    }
}

/// A blank in the last column is the line's, where the line goes on below; the column a wide character left is not.
#[test]
fn blanks_where_a_line_is_wrapped_are_told() {
    let (engine, _) = fed(Size::new(4, 5), "abc def\r\nabc漢\r\n  ".as_bytes());
    assert_eq!(engine.text_rows(), ["abc", "def", "abc", "漢", ""]);
    assert_eq!([0, 1, 2, 3, 4].map(|row| engine.blanks_before_wrap(row, false)), [1, 0, 0, 0, 0]);
    let (engine, _) = fed(Size::new(4, 2), b"ab\x1b[41m  \x1b[mc");
    assert_eq!([false, true].map(|coloured| engine.blanks_before_wrap(0, coloured)), [2, 0]);
}

/// Programs place what follows by `wcwidth`: readline, for one, in a Bengali line.
#[test]
fn a_vowel_sign_has_the_column_that_wcwidth_gives_it() {
    assert_eq!(rows(8, 1, "\u{995}\u{9be}|\x1b[3Gx"), ["\u{995}\u{9be}x"]);
    assert_eq!(rows(8, 1, "\u{3164}|\x1b[3Gx"), ["\u{3164}x"]);
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn nothing_panics(parts in proptest::collection::vec((stream(), 1u16..=200, 1u16..=100), 1..5)) {
        let mut engine = Engine::new(Size::new(10, 4));
        for (bytes, cols, rows) in parts {
            engine.feed(&bytes, &mut Vec::new());
            prop_assert_eq!(engine.resets(), 0);
            engine.resize(Size::new(cols.min(200), rows));
            prop_assert_eq!(engine.resets(), 0);
            engine.text_rows();
            engine.ansi_rows();
        }
    }

    #[test]
    fn cuts_change_nothing(bytes in stream(), at in 0usize..200) {
        let at = at.min(bytes.len());
        let (whole, said) = fed(Size::new(10, 4), &bytes);
        let mut split = Engine::new(Size::new(10, 4));
        let mut events = Vec::new();
        split.feed(&bytes[..at], &mut events);
        split.feed(&bytes[at..], &mut events);
        prop_assert_eq!(seen(&whole), seen(&split));
        prop_assert_eq!(said, events);
    }

    #[test]
    fn snapshots_of_anything(bytes in stream(), at in 0usize..300, cols in 1u16..14, rows in 1u16..6, to in 1u16..12) {
        let at = at.min(bytes.len());
        let result = check_cut("any", Size::new(cols, rows), &bytes, at, Some(Size::new(to, 13 - to)));
        prop_assert!(result.is_ok(), "{}", result.unwrap_err());
    }

    #[test]
    fn answers_are_numbers_and_constants(bytes in stream(), text in "[ -~äöü]{0,20}", which in 0usize..8) {
        let query = [
            format!("\x1bP$q{text}\x1b\\"), format!("\x1bP+q{text}\x1b\\"), format!("\x1b]2;{text}\x07\x1b[21t"),
            format!("\x1b[{text}n"), format!("\x1b]4;{text};?\x07"), format!("\x1b]11;?\x07{text}"),
            format!("\x1b[?{text}$p"), format!("\x1b]52;{text};?\x07"),
        ];
        let (_, events) = fed(Size::new(20, 5), &[bytes.as_slice(), query[which].as_bytes()].concat());
        for event in events {
            if let Event::Reply(reply) = event {
                let good = |b: &u8| b.is_ascii_alphanumeric() || b"\x1b\\[]?;$>=:/|().!+* \"@~{}-".contains(b);
                prop_assert!(reply.iter().all(good), "{:?}", reply);
            }
        }
    }

    #[test]
    fn any_snapshot_is_survived(bytes in stream(), numbers in proptest::collection::vec(any::<u32>(), 0..9)) {
        let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
        let mut all = bytes;
        for what in ["c", "s", "x", "l", "h", "i", "w", "m", "k", "g", "C", "T"] {
            all.extend_from_slice(format!("\x1bP>thub;{what};{}\x1b\\", numbers.join(";")).as_bytes());
        }
        let mut engine = Engine::restore(Size::new(7, 3), &all);
        engine.feed(b"\x1b8x\x1b[3b", &mut Vec::new());
        prop_assert_eq!(engine.resets(), 0);
    }
}

#[test]
fn controls_that_are_characters_swallow_nothing() {
    assert_eq!(rows(12, 2, "a\u{9d}0;t\u{9c}b\u{90}c\u{9b}31md\u{85}e"), ["a0;tbc31mde", ""]);
}
