//! What went wrong once, each as it was found.

use super::*;

fn same_after_a_restore(size: Size, before: &str, after: &str) {
    check_cut("edge", size, (before.to_string() + after).as_bytes(), before.len(), None).unwrap();
}

#[test]
fn spa_is_in_force_after_a_restore() {
    same_after_a_restore(Size::new(8, 2), "ab\x1bV", "cd\x1b[2J");
    let one = fed(Size::new(8, 2), b"ab\x1bV").0;
    let mut two = Engine::restore(one.size(), &one.snapshot());
    two.feed(b"cd\x1b[2J", &mut Vec::new());
    assert_eq!(two.text_rows()[0], "  cd");
}

#[test]
fn the_place_a_wide_character_did_not_fit_in_is_no_part_of_a_row_that_is_moved() {
    // history left the place out, and all behind it came one column nearer
    let (engine, _) = fed(Size::new(5, 2), "abcd漢\x1b[1;1H\x1b[P\x1b[1;5HX\x1b[2;1H\n".as_bytes());
    assert_eq!(engine.history().text(0), Some("bcd X"));
    let (engine, _) = fed(Size::new(5, 2), "abcd漢\x1b[1;5;1;5;;1;2$v\x1b[2;1H\n".as_bytes());
    assert_eq!(engine.history().text(0), Some("a cd"));
    same_after_a_restore(Size::new(5, 2), "abcd漢\x1b[1;1H\x1b[P\x1b[1;5HX", "y");
}

#[test]
fn an_alternate_screen_that_came_to_be_wider_is_restored() {
    let mut one = fed(Size::new(5, 2), "\x1b[?1049habcd漢".as_bytes()).0;
    one.resize(Size::new(9, 2));
    one.feed(b"\x1b[1;6Hxy", &mut Vec::new());
    let two = Engine::restore(one.size(), &one.snapshot());
    assert_eq!(two.text_rows(), one.text_rows());
    assert_eq!(two.snapshot(), one.snapshot());
}

#[test]
fn the_alternate_screen_does_not_end_a_line_of_history() {
    let (mut engine, _) = fed(Size::new(4, 2), b"abcdefghijkl");
    assert!(engine.history().is_open());
    engine.feed(b"\x1b[?1049h\x1b[2;1H\x1b[1J\x1b[3J\x1b[?1049l", &mut Vec::new());
    assert!(engine.history().is_open());
    assert_eq!(engine.history().len(), 1);
    engine.resize(Size::new(20, 2));
    assert_eq!(engine.text_rows(), ["abcdefghijkl", ""]);
}

#[test]
fn a_row_that_comes_in_at_the_top_goes_on_with_nothing() {
    for what in ["\x1b[H\x1bM", "\x1b[H\x1b[L", "\x1b[T"] {
        let (mut engine, _) = fed(Size::new(4, 2), b"abcdefghijkl");
        engine.feed(what.as_bytes(), &mut Vec::new());
        engine.feed(b"\x1b[1;1Hnew", &mut Vec::new());
        engine.resize(Size::new(20, 3));
        assert_eq!(engine.text_rows()[..2], ["abcd", "new"], "{what:?}");
    }
}

#[test]
fn ris_on_the_alternate_screen_keeps_what_the_primary_showed() {
    let (engine, _) = fed(Size::new(8, 2), b"one\r\ntwo\x1b[?1049hx\x1bc");
    assert_eq!(engine.history().lines().collect::<Vec<_>>(), ["one", "two"]);
    assert!(!engine.modes().alt_screen);
}

#[test]
fn ris_takes_no_stamps_of_engines_to_come() {
    let (mut engine, _) = fed(Size::new(8, 2), b"");
    let before = engine.row_stamp(0);
    engine.feed(&b"\x1bc".repeat(1000), &mut Vec::new());
    assert!(engine.row_stamp(0) - before < 1 << 20, "counted on, not begun anew");
    let next = Engine::new(Size::new(8, 2));
    // other tests make engines meanwhile, but not a thousand
    assert!(next.row_stamp(0) - before < 900 << 40);
}

#[test]
fn a_background_alone_is_no_history() {
    let (engine, _) = fed(Size::new(8, 3), &b"\x1b[41m\x1b[2J".repeat(9));
    assert_eq!(engine.history().end(), 0);
    let (engine, _) = fed(Size::new(8, 3), b"\x1b[41m\x1b[2Jx\x1b[2J");
    assert_eq!(engine.history().end(), 1);
}

#[test]
fn a_place_at_the_end_of_a_row_is_not_that_of_the_wide_character_below() {
    let (engine, _) = fed(Size::new(5, 3), "abcd漢x".as_bytes());
    assert_eq!(engine.line_of(1), (0, 4));
    assert_eq!(engine.place_of(0, 4), Some((1, 0)));
    assert_eq!(engine.place_of(0, 6), Some((1, 2)));
    let (engine, _) = fed(Size::new(5, 3), b"one\r\ntwo\x1b[?1049hlong line");
    assert_eq!(engine.place_of(1, 2), Some((1, 2)), "the alternate screen's rows are nobody's lines");
}

#[test]
fn rows_of_pictures_scroll_at_once_as_they_would_one_by_one() {
    for region in ["", "\x1b[2;5r", "\x1b[1;4r", "\x1b[?69h\x1b[3;6s", "\x1b[2;4r\x1b[6;1H"] {
        let all = format!("1\r\n2\r\n3{region}\x1bPq\"1;1;9;99\x1b\\x");
        let (one, _) = fed(Size::new(8, 6), all.as_bytes());
        // 99 pixels are 7 rows, within a screen of 6: five line feeds, and one to get below
        let down = format!("1\r\n2\r\n3{region}{}\r\nx", "\n".repeat(5));
        let (two, _) = fed(Size::new(8, 6), down.as_bytes());
        assert_eq!(one.text_rows(), two.text_rows(), "{region:?}");
        assert_eq!(one.history().lines().collect::<Vec<_>>(), two.history().lines().collect::<Vec<_>>(), "{region:?}");
    }
}

#[test]
fn pictures_of_a_cut_screen_go_up_with_its_rows() {
    let (mut engine, _) = fed(Size::new(8, 6), b"\x1b[?1049h\x1b[4;1H\x1b_Ga=T,s=8,v=16,C=1\x1b\\\x1b[6;1Hx");
    engine.resize(Size::new(8, 4));
    assert_eq!(engine.text_rows()[3], "x");
    assert_eq!(engine.pictures().map(|p| p.row).collect::<Vec<_>>(), [1]);
}

#[test]
fn rectangles_cut_wide_characters_as_cell_by_cell() {
    assert_eq!(rows(8, 1, "漢漢漢\x1b[65;1;2;1;4$x"), [" AAA漢"]);
    assert_eq!(rows(8, 1, "漢漢漢\x1b[1;2;1;4$z"), ["    漢"]);
    assert_eq!(rows(8, 1, "\x1b[1\"qab\x1b[0\"qcd漢\x1b[1;2;1;5${"), ["ab"]);
    let (engine, _) = fed(Size::new(8, 1), "漢a漢\x1b[2*x\x1b[1;2;1;4;7$r".as_bytes());
    let inverse: Vec<bool> = (0..8).map(|col| engine.cell(0, col).style.inverse).collect();
    assert_eq!(inverse, [false, false, true, true, true, false, false, false]);
    // as many characters, blanks as spaces: whatever is on the screen
    let sum = |text: &str| replies(&format!("{text}\x1b[1;1;1;1;1;8*y"));
    let of = |codes: &[u32]| format!("\x1bP1!~{:04X}\x1b\\", (codes.iter().sum::<u32>() as u16).wrapping_neg());
    assert_eq!(sum("ab"), of(&[0x61, 0x62, 6 * 0x20]));
    assert_eq!(sum("a漢"), of(&[0x61, 0x6f22, 5 * 0x20]));
    assert_eq!(sum("e\u{301}é"), of(&[0x65, 0x301, 0xe9, 6 * 0x20]));
    assert_eq!(sum("\x1b[41m\x1b[K"), of(&[8 * 0x20]));
}

#[test]
fn side_margins_scroll_only_what_lies_between_them() {
    let all = "abcdef\r\nghijkl\r\n漢漢漢\x1b[?69h\x1b[2;4s";
    // a wide character across a margin is cut: spaces
    assert_eq!(rows(6, 3, &format!("{all}\x1b[3;3H\n")), ["ahijef", "g 漢kl", "    漢"]);
}

#[test]
fn a_row_that_comes_back_beside_a_wide_character_is_no_longer_than_it_was() {
    let (mut engine, _) = fed(Size::new(5, 2), "abcd漢efgh".as_bytes());
    engine.resize(Size::new(5, 1));
    engine.resize(Size::new(5, 3));
    engine.resize(Size::new(20, 3));
    assert_eq!(engine.text_rows()[0], "abcd漢efgh");
}

#[test]
fn a_wrapped_row_that_ends_in_blanks_is_restored_whole() {
    let before = "abcdefgh\x1b[2;4;2;5;1;1;4;1$v";
    same_after_a_restore(Size::new(5, 2), before, "\n\n\nx");
    assert_eq!(fed(Size::new(5, 2), format!("{before}\n").as_bytes()).0.history().text(0), Some("abc  "));
}

#[test]
fn a_mark_behind_a_space_at_the_end_of_a_line_stays_there() {
    let (mut engine, _) = fed(Size::new(8, 2), b"prompt$ \x1b]133;B\x07\r\n\r\n");
    for size in [Size::new(7, 9), Size::new(8, 1), Size::new(30, 9)] {
        engine.resize(size);
        let places: Vec<(u64, u32)> = engine.marks().iter().map(|m| (m.line, m.col)).collect();
        assert_eq!(places, [(0, 8)], "{size}");
    }
}

#[test]
fn a_part_that_is_scrolled_keeps_its_wide_characters_whole() {
    // the row above has one at another column, whose half was taken for that of the new one
    let all = "\x1b[?69h\x1b[2;6s\x1b[2;2H字字\x1b[1;3H漢漢\x1b[2;2H\n\n\n";
    assert_eq!(rows(9, 4, all), [" 字字", "", "", ""]);
}

#[test]
fn rows_of_a_screen_that_does_not_reflow_go_on_with_nothing_at_another_width() {
    for size in [Size::new(3, 2), Size::new(9, 2)] {
        let (mut engine, _) = fed(Size::new(5, 2), b"\x1b[?1049habcdefg");
        assert!(engine.row_wrapped(0));
        engine.resize(size);
        assert!(!engine.row_wrapped(0), "{size}");
    }
}

#[test]
fn a_row_that_was_emptied_before_it_wrapped_is_a_whole_one() {
    same_after_a_restore(Size::new(5, 2), "abcde\x1b[1Kx", "\n\n\ny");
    let (mut engine, _) = fed(Size::new(5, 2), b"abcde\x1b[1Kx");
    assert_eq!(engine.line_of(1), (0, 5));
    engine.feed(b"\r\n\r\n", &mut Vec::new());
    assert_eq!(engine.history().text(0), Some("     x"));
}
