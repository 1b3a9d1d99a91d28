//! What a change of size keeps: the text of every logical line, the cursor's and the marks' places in it.

use super::*;

/// The text of all logical lines, history and screen, blanks at their ends and empty lines at the end left out.
fn lines(engine: &Engine) -> Vec<String> {
    let t = &engine.terminal;
    let mut lines: Vec<String> =
        (t.history.first()..t.history.end()).map(|n| t.history.text(n).unwrap_or_default().to_string()).collect();
    let mut open = t.history.is_open();
    let grid = &t.primary().grid;
    for row in grid.rows() {
        let mut text = if open { lines.pop().unwrap_or_default() } else { String::new() };
        let used = if row.wrapped { row.used(grid.cols()) } else { row.cells.len() };
        for cell in (0..used).map(|col| row.get(col)) {
            if cell.is_blank() {
                text.push(' ');
            } else {
                t.clusters.push(cell, &mut text);
            }
        }
        lines.push(text);
        open = row.wrapped;
    }
    for line in &mut lines {
        line.truncate(line.trim_end_matches(' ').len());
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// The logical line and the cell in it where the cursor is.
fn cursor(engine: &Engine) -> (u64, usize) {
    let at = engine.terminal.at;
    let (line, before) = engine.terminal.line_of(at.row);
    (line, before + at.col + usize::from(at.pending))
}

fn marks(engine: &Engine) -> Vec<(u64, u32, crate::term::marks::MarkKind)> {
    engine.marks().iter().map(|m| (m.line, m.col, m.kind)).collect()
}

/// What a shell and its programs write, the cursor at its end.
fn output() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z]{1,9}",
        2 => Just(" ".to_string()),
        2 => "[漢字日本語]{1,5}",
        1 => Just("é\u{301}".to_string()),
        1 => Just("\x1b[31;44mred\x1b[m".to_string()),
        1 => Just("\x1b[38;2;1;2;3mrgb\x1b[m".to_string()),
        1 => Just("\x1b]8;;http://x\x07link\x1b]8;;\x07".to_string()),
        1 => Just("x\x1b[3Cy".to_string()),
        1 => Just("\x1b[41m\x1b[K\x1b[m".to_string()),
        3 => Just("\r\n".to_string()),
        1 => Just("\r\n\x1b]133;D;1\x07\x1b]133;A\x07prompt$ \x1b]133;B\x07ls\r\n\x1b]133;C\x07".to_string()),
    ];
    proptest::collection::vec(piece, 0..120).prop_map(|v| v.concat())
}

fn sizes(most: u16) -> impl Strategy<Value = Vec<(u16, u16)>> {
    proptest::collection::vec((2u16..=most, 1u16..=12), 1..8)
}

proptest! {
    #![proptest_config(same_cases(300))]

    #[test]
    fn widths_and_heights_lose_nothing(text in output(), sizes in sizes(40), end in "[a-z漢]{0,20}") {
        let mut engine = Engine::new(Size::new(20, 6));
        engine.feed((text + &end).as_bytes(), &mut Vec::new());
        let (was, at, marked) = (lines(&engine), cursor(&engine), marks(&engine));
        for (cols, rows) in sizes {
            engine.resize(Size::new(cols, rows));
            prop_assert_eq!(engine.resets(), 0);
            prop_assert_eq!(lines(&engine), was.clone(), "at {}x{}", cols, rows);
            prop_assert_eq!(cursor(&engine), at, "at {}x{}", cols, rows);
            prop_assert_eq!(marks(&engine), marked.clone(), "at {}x{}", cols, rows);
        }
    }

    #[test]
    fn text_goes_on_where_it_was(text in output(), sizes in sizes(30)) {
        let mut one = Engine::new(Size::new(20, 6));
        one.feed(text.as_bytes(), &mut Vec::new());
        let mut two = Engine::new(one.size());
        two.feed(text.as_bytes(), &mut Vec::new());
        one.feed("tail漢".as_bytes(), &mut Vec::new());
        let (cols, rows) = (one.size().cols, one.size().rows);
        // another size, and back, changes nothing of what is to come
        for (cols, rows) in sizes {
            two.resize(Size::new(cols, rows));
        }
        two.resize(Size::new(cols, rows));
        two.feed("tail漢".as_bytes(), &mut Vec::new());
        prop_assert_eq!(cursor(&one), cursor(&two));
        prop_assert_eq!(lines(&one).pop(), lines(&two).pop());
    }

    #[test]
    fn a_place_is_found_again(text in output(), sizes in sizes(30), row in 0u16..6, col in 0u16..20) {
        let mut engine = Engine::new(Size::new(20, 6));
        engine.feed(text.as_bytes(), &mut Vec::new());
        let char_at = |e: &Engine, (row, col)| e.cell(row, col).text.to_string();
        let (line, before) = engine.line_of(row);
        let cell = before + usize::from(col);
        let was = char_at(&engine, (row, col));
        if !was.trim().is_empty() {
            prop_assert_eq!(engine.place_of(line, cell), Some((row, col)));
            for (cols, rows) in sizes {
                engine.resize(Size::new(cols, rows));
                if let Some(place) = engine.place_of(line, cell) {
                    prop_assert_eq!(char_at(&engine, place), was.clone());
                }
            }
        }
    }

    #[test]
    fn the_alternate_screen_leaves_history_alone(text in output(), bytes in proptest::collection::vec(
        proptest::sample::select(vec![
            "\x1b[J", "\x1b[1J", "\x1b[2J", "\x1b[3J", "\x1b[H", "\n", "\x1bM", "\x1b[9S", "\x1b[9T", "\x1b[2L", "\x1b[3M",
            "\x1b#8", "\x1b[2;3r", "\x1b[9;9H", "abcdefghijklmnopqrstuvwxyz", "漢字", "\x1b[?3h", "\x1b[!p", "\x1b[9X", "\x1b6",
            "\x1b]133;A\x07", "\x1b[?1049h", "\x1b[?47h", "\x1b[99b", "\x1bPq\"1;1;9;99\x1b\\",
        ]), 0..40)) {
        let mut engine = Engine::new(Size::new(20, 6));
        engine.feed(text.as_bytes(), &mut Vec::new());
        let before = (lines(&engine), engine.history().end(), engine.history().is_open(), marks(&engine));
        engine.feed(b"\x1b[?1049h", &mut Vec::new());
        engine.feed(bytes.concat().as_bytes(), &mut Vec::new());
        let after = (lines(&engine), engine.history().end(), engine.history().is_open(), marks(&engine));
        prop_assert_eq!(before, after);
    }
}

#[test]
fn from_one_cell_to_the_largest_and_back() {
    let mut engine = Engine::new(Size::new(40, 10));
    engine
        .feed("first line\r\nsecond, that is a good deal longer than one row can be\r\n$ ".as_bytes(), &mut Vec::new());
    let was = lines(&engine);
    for (cols, rows) in [(1, 1), (4096, 256), (2, 1), (256, 4096), (1, 4096), (4096, 1), (40, 10)] {
        engine.resize(Size::new(cols, rows));
        assert_eq!(lines(&engine), was, "{cols}x{rows}");
        assert_eq!(cursor(&engine), (2, 2), "{cols}x{rows}");
    }
    assert_eq!(
        engine.text_rows()[..4],
        ["first line", "second, that is a good deal longer than", "one row can be", "$"]
    );
}

#[test]
fn in_one_column_a_wide_character_is_a_space_and_the_cursor_stays() {
    let (mut engine, _) = fed(Size::new(10, 4), "漢a字b".as_bytes());
    engine.resize(Size::new(1, 4));
    assert_eq!(engine.text_rows(), ["", "a", "", "b"]);
    assert!(engine.terminal.at.pending);
    engine.feed(b"c", &mut Vec::new());
    engine.resize(Size::new(10, 4));
    assert_eq!(engine.text_rows()[0], " a bc");
}
