//! Floods that cost more than their bytes, or grow: what is kept stays small, nothing panics, and the next question is
//! answered. What they cost in time is measured elsewhere: no test goes by time.

use super::*;
use crate::term::engine::parser::MOST_STRING;

/// Bytes of each, as much as one turn takes.
const PIECE: usize = 64 << 10;

fn times(piece: &str) -> Vec<u8> {
    piece.repeat(PIECE / piece.len()).into_bytes()
}

fn each(piece: impl Fn(usize) -> String) -> Vec<u8> {
    let mut all = Vec::new();
    for i in 0.. {
        all.extend_from_slice(piece(i).as_bytes());
        if all.len() >= PIECE {
            break;
        }
    }
    all
}

/// Whatever a program has sent, only so much is kept of it.
fn check(name: &str, engine: &Engine, events: &[Event]) {
    let t = &engine.terminal;
    assert_eq!(engine.resets(), 0, "{name}");
    assert!(t.looks.len() <= 64 << 10, "{name}: {} looks", t.looks.len());
    assert!(t.clusters.len() <= 64 << 10, "{name}: {} clusters", t.clusters.len());
    let cells = usize::from(t.size.rows) * usize::from(t.size.cols);
    for page in [&t.page, &t.other] {
        let kept: usize = page.grid.rows().map(|r| r.cells.capacity()).sum();
        assert!(kept <= cells * 4 + 4096, "{name}: {kept} cells");
        assert_eq!(page.grid.height(), usize::from(t.size.rows), "{name}");
        assert!(page.grid.rows().all(|r| r.cells.len() <= page.grid.cols() && r.marks.len() <= 16), "{name}");
        assert!(page.placements.iter().count() <= 256 && page.keys_before.len() <= 16, "{name}");
    }
    assert!(t.names_before.len() <= 10 && t.pens_before.len() <= 10 && t.colors_before.len() <= 10, "{name}");
    assert!(t.images.len() <= 64 && t.colors.palette.len() <= 256, "{name}");
    assert!(t.names.title.chars().count() <= 256 && t.names.icon.chars().count() <= 256, "{name}");
    assert!(engine.history().len() <= HISTORY_LINES && engine.history().marks().count() <= 20_000, "{name}");
    let said: usize = events.iter().map(|e| if let Event::Reply(r) = e { r.len() } else { 0 }).sum();
    assert!(said <= 1 << 20, "{name}: {said} bytes of answers");
    assert!(events.len() <= PIECE, "{name}: {} events", events.len());
    let unfinished = engine.parser.unfinished().len();
    assert!(unfinished <= MOST_STRING + 64, "{name}: {unfinished} bytes unfinished");
    let whole = engine.snapshot().len();
    assert!(whole <= 4 * MOST_STRING + cells * 64, "{name}: {whole} bytes of state");
}

/// Each as (name, what comes first, the flood).
fn bombs() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let combining = |n: usize| char::from_u32(0x300 + n as u32 % 100).unwrap_or('\u{301}');
    vec![
        ("parameters without end", "\x1b[", times("1;")),
        ("digits without end", "\x1b[", times("9")),
        ("deep colons", "", times(&format!("\x1b[{}m", "38:2:".repeat(60)))),
        ("intermediates", "\x1b", times(" ")),
        ("escapes", "", times("\x1b")),
        ("introducers", "", times("\x1b[")),
        ("a string after the other", "", times("\x1b]0;\x1bP\x1b_G\x1bX")),
        ("REP", "x", times("\x1b[65535b")),
        ("REP of a wide one", "漢", times("\x1b[65535b")),
        ("REP of a joined one", "e\u{301}", times("\x1b[65535b")),
        ("SU in colour", "\x1b[48;2;1;2;3m", times("\x1b[65535S")),
        ("SD", "\x1b[41m", times("\x1b[65535T")),
        ("IL and DL", "\x1b#8", times("\x1b[65535L\x1b[65535M")),
        ("ICH and DCH", "\x1b#8", times("\x1b[65535@\x1b[65535P\x1b[9G")),
        ("ECH", "\x1b#8\x1b[44m", times("\x1b[65535X")),
        ("CHT and CBT", "\x1b[3g", times("\x1b[65535I\x1b[65535Z")),
        ("tabs", "", times("\t\r\x1bH")),
        ("reverse wrap", "\x1b[?45;1045h", times("\x1b[65535D")),
        ("line feeds between side margins", "\x1b#8\x1b[?69h\x1b[2;79s\x1b[24;5H", times("\n")),
        ("DECFRA", "", times("\x1b[65;;;;$x\x1b[66;;;;$x")),
        ("DECERA and DECSERA", "\x1b#8", times("\x1b[41m\x1b[$z\x1b[m\x1b[${")),
        ("DECCRA", "\x1b#8", times("\x1b[;;;;;2;2$v")),
        ("DECCARA and DECRARA", "\x1b#8", times("\x1b[;;;;1;4$r\x1b[;;;;0$t")),
        ("DECRQCRA", "漢\x1b#8", times("\x1b[*y")),
        ("DECALN and ED", "", times("\x1b#8\x1b[2J")),
        ("DECIC and DECDC", "\x1b#8", times("\x1b[65535'}\x1b[65535'~\x1b6\x1b9")),
        ("alternate screens", "\x1b[41mx", times("\x1b[?1049h\x1b[?1049l\x1b[?47h\x1b[?1047l")),
        ("RIS", "x", times("\x1bc")),
        ("RIS with text", "", times("x\x1bc")),
        ("DECSTR and DECSCL", "", times("\x1b[!p\x1b[62\"p")),
        ("DECCOLM", "\x1b[?40h", times("\x1b[?3h\x1b[?3l")),
        ("saved cursors", "", times("\x1b7\x1b[99C\x1b8\x1b[s\x1b[u")),
        ("saved modes", "", times("\x1b[?1;3;6;7;1000;1006;1049s\x1b[?1;7;1049r")),
        ("pushed colours and pens", "", times("\x1b]4;7;#123\x07\x1b[#P\x1b[#{\x1b[22t\x1b[>1u")),
        ("popped colours and pens", "", times("\x1b[#Q\x1b[#}\x1b[23t\x1b[<65535u")),
        ("marks over one cell", "e", times("\u{301}")),
        (
            "joined cells that differ",
            "",
            each(|i| format!("e{}{}{}", combining(i), combining(i / 100), combining(i / 10))),
        ),
        ("joiners", "", times("👩\u{200d}")),
        ("clusters of flags", "\x1b[?2027h", times("🇩🇪")),
        ("one cluster without end", "\x1b[?2027h", times("\u{1100}")),
        ("links", "", each(|i| format!("\x1b]8;;http://x/{i}\x07x"))),
        ("links on nothing", "", each(|i| format!("\x1b]8;;http://x/{i}\x07"))),
        ("long links", "", each(|i| format!("\x1b]8;;{i}{}\x07x", "l".repeat(2000)))),
        ("colours", "", each(|i| format!("\x1b[38;2;{};{};7mx", i % 256, i / 256))),
        ("colours of erased cells", "", each(|i| format!("\x1b[48;2;{};{};7m\x1b[K", i % 256, i / 256))),
        ("OSC 4", "", times("\x1b]4;1;#fff;255;rgb:1/2/3;256;#000;99999;#fff\x07")),
        ("OSC 4 asked", "", times(&format!("\x1b]4;{}\x07", "1;?;".repeat(500)))),
        ("OSC 133", "\x1b[24H", times("\x1b]133;A\x07\x1b]133;D;1\x07")),
        ("OSC 133 with lines", "", times("\x1b]133;A\x07\x1b]133;D\x07\n")),
        ("titles", "", each(|i| format!("\x1b]0;{i}\x07"))),
        ("sixels", "", times("\x1bPq\"1;1;1;65535~\x1b\\")),
        ("a sixel without end", "\x1bPq", times("-!99999~")),
        ("kitty pictures", "", each(|i| format!("\x1b_Ga=T,i={i},p=1,s=9,v=9999\x1b\\"))),
        ("a kitty picture in pieces", "\x1b_Ga=T,i=1,s=9,v=9,m=1\x1b\\", times("\x1b_Gm=1;AAAAAAAA\x1b\\")),
        ("a kitty command without end", "\x1b_G", times("a=T,")),
        ("bad UTF-8", "", times("\u{7ff}").iter().map(|b| b | 0xc0).collect()),
        ("halves of characters", "", [0xf0, 0x9f].repeat(PIECE / 2)),
        ("C1", "", times("\u{9b}\u{90}\u{9d}\u{8e}")),
        ("reports", "", times("\x1b[6n\x1b[c\x1b[?1$p\x1bP$qm\x1b\\\x1bP+q544e\x1b\\\x1b[2$w")),
        ("capabilities", "", times(&format!("\x1bP+q{}\x1b\\", "536574756C63;".repeat(64)))),
        ("bells", "", times("\x07")),
    ]
}

#[test]
fn floods_leave_little_behind() {
    let bombs = bombs();
    assert!(bombs.len() >= 15);
    for (name, before, flood) in bombs {
        let mut engine = Engine::new(Size::new(80, 24));
        engine.feed(before.as_bytes(), &mut Vec::new());
        for _ in 0..2 {
            let mut events = Vec::new();
            engine.feed(flood.get(..PIECE).unwrap_or(&flood), &mut events);
            check(name, &engine, &events);
        }
        let mut events = Vec::new();
        engine.feed(b"\x18\x1b[5n", &mut events);
        assert_eq!(events.last(), Some(&Event::Reply(b"\x1b[0n".to_vec())), "{name} is answered");
    }
}

#[test]
fn strings_without_end_are_kept_up_to_a_limit() {
    for kind in [
        "\x1b]0;",
        "\x1b]52;c;",
        "\x1b]8;;",
        "\x1bP",
        "\x1bP+q",
        "\x1bPq",
        "\x1b_G",
        "\x1b_",
        "\x1b^",
        "\x1bX",
        "\x1bk",
    ] {
        let mut engine = Engine::new(Size::new(80, 24));
        engine.feed(kind.as_bytes(), &mut Vec::new());
        let piece = vec![b'a'; 1 << 20];
        for _ in 0..10 {
            engine.feed(&piece, &mut Vec::new());
            check(kind, &engine, &[]);
        }
        let mut back = Engine::restore(engine.size(), &engine.snapshot());
        let (mut one, mut two) = (Vec::new(), Vec::new());
        engine.feed(b"\x1b\\\x1b[Hx\x1b[6n", &mut one);
        back.feed(b"\x1b\\\x1b[Hx\x1b[6n", &mut two);
        assert_eq!(one.last(), Some(&Event::Reply(b"\x1b[1;2R".to_vec())), "{kind:?}");
        assert_eq!(one, two, "{kind:?}");
        assert_eq!(seen(&back), seen(&engine), "{kind:?}");
    }
}

#[test]
fn a_program_changes_the_size_only_so_often() {
    let mut engine = Engine::new(Size::new(80, 24));
    engine.set_resizable(true);
    let mut events = Vec::new();
    engine.feed(&times("x\x1b[8;9;9t\x1b[8;256;4096t\x1b[?40h\x1b[?3h\x1b[?3l\x1b[99t"), &mut events);
    let resized = events.iter().filter(|e| matches!(e, Event::Resized(_))).count();
    assert_eq!(resized, Terminal::MOST_RESIZES);
    check("sizes asked for", &engine, &events);
    events.clear();
    engine.feed(b"\x1b[8;24;80t", &mut events);
    assert_eq!(events, [Event::Resized(Size::new(80, 24))], "and again in the next piece");
}

#[test]
fn storms_of_sizes() {
    let text = "abc def 漢字 \x1b[41mx\x1b[K\x1b[m\r\n".repeat(400);
    for sizes in [
        [Size::new(1, 1), Size::new(4096, 256)],
        [Size::new(1, 4096), Size::new(4096, 1)],
        [Size::new(256, 4096), Size::new(2, 2)],
        [Size::new(65535, 65535), Size::new(0, 0)],
    ] {
        let mut engine = Engine::new(Size::new(80, 24));
        engine.feed(text.as_bytes(), &mut Vec::new());
        engine.feed("漢x".repeat(3000).as_bytes(), &mut Vec::new());
        for size in [sizes, sizes, sizes].concat() {
            engine.resize(size);
            assert_eq!(engine.size(), size.clamped());
            check("sizes", &engine, &[]);
            engine.feed("漢\x1b[?1049hx\x1b[?1049l\r\n".as_bytes(), &mut Vec::new());
            check("sizes", &engine, &[]);
        }
    }
}
