//! Owns letting the outer terminal scroll: what was there is moved instead of being said again.
//! Leaves out finding out that something scrolled (`view::canvas`).
//!
//! Lines are deleted or inserted at the region's top (DL, IL: ECMA-48 8.3.32, 8.3.67), within margins (DECSTBM) where
//! the screen goes on below. That is what editors have done for decades, so terminals do it right: SU and SD are not
//! known everywhere, and some put what they scroll into their scrollback. The pen is the default one then, as what
//! comes in takes its background.
//!
//! A pane beside others needs left and right margins (DECLRMM, DECSLRM) too. Where the terminal has none, whole rows
//! are scrolled and what stands beside is said again, if that is the shorter way.

use super::pen::{PLAIN, effects};
use super::{Writer, glyph, is_blank, number, same};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use std::ops::Range;

/// Cells that were moved within `area`, up by so many rows (down, where negative): a hint, which may be wrong. Counts from
/// the buffer's corner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shift {
    pub area: Rect,
    pub up: i32,
}

/// About what a scroll takes: two margins, a move, the scroll, another move.
const SCROLL: usize = 24;
/// With left and right margins, set and unset.
const MARGINS: usize = 24;
/// About what a move to a cell takes.
const MOVE: usize = 6;
/// About what another pen takes.
const STYLE: usize = 7;

impl Writer {
    /// Scrolls if that saves bytes, on the terminal and in `prev`, which have to be of `next`'s size. Says which rows are
    /// others by it.
    pub(super) fn shift(&mut self, prev: &mut Buffer, next: &Buffer, shift: &Shift, out: &mut Vec<u8>) -> Range<u16> {
        const NOT: Range<u16> = 0..0;
        let (area, by) = (shift.area, shift.up.unsigned_abs() as usize);
        let (width, height) = (next.area.width, next.area.height);
        let inside = area.width > 0 && area.right() <= width && area.bottom() <= height;
        if !inside || by == 0 || by >= usize::from(area.height) {
            return NOT;
        }
        let beside = area.width < width;
        let columns = if beside && self.margins && is_cut_clean(prev, area) {
            usize::from(area.x)..usize::from(area.right())
        } else {
            0..usize::from(width)
        };
        let margins = columns.len() < usize::from(width);
        let rows = usize::from(area.y)..usize::from(area.bottom());
        let moved = |y: usize| {
            let from = if shift.up > 0 { y.checked_add(by) } else { y.checked_sub(by) };
            from.filter(|from| rows.contains(from))
        };
        let moves: usize = costs(prev, next, rows.clone(), columns.clone(), moved).sum();
        let mut left = moves + SCROLL + if margins { MARGINS } else { 0 };
        // most often a few rows are enough to know
        let saves = costs(prev, next, rows.clone(), columns.clone(), Some).any(|cost| {
            let more = cost > left;
            left = left.saturating_sub(cost);
            more
        });
        if !saves {
            return NOT;
        }
        self.begin(out);
        self.set_pen(PLAIN, out);
        let pair = |from: u16, to: u16, end: u8, out: &mut Vec<u8>| {
            out.extend_from_slice(b"\x1b[");
            number(from, out);
            out.push(b';');
            number(to, out);
            out.push(end);
        };
        let below = area.bottom() < height;
        if margins {
            out.extend_from_slice(b"\x1b[?69h");
            pair(area.x + 1, area.right(), b's', out);
        }
        if below {
            pair(area.y + 1, area.bottom(), b'r', out);
        }
        self.go(columns.start as u16, area.y, out);
        out.extend_from_slice(b"\x1b[");
        if by > 1 {
            number(by as u16, out);
        }
        out.push(if shift.up > 0 { b'M' } else { b'L' });
        if below {
            out.extend_from_slice(b"\x1b[r");
        }
        if margins {
            // its end takes the left and right margins away (DEC STD 070, 5.4.5)
            out.extend_from_slice(b"\x1b[?69l");
        }
        // each of these moves the cursor, but not everywhere
        self.at = None;
        self.marked = true;
        let stride = usize::from(width);
        move_cells(&mut prev.content, stride, rows, columns, by, shift.up > 0);
        area.y..area.bottom()
    }
}

/// Whether no wide glyph lies across the left or right edge.
fn is_cut_clean(buf: &Buffer, area: Rect) -> bool {
    let stride = usize::from(buf.area.width);
    let rows = buf.content.chunks_exact(stride).take(usize::from(area.bottom())).skip(usize::from(area.y));
    let edges = [usize::from(area.x), usize::from(area.right())];
    rows.into_iter().all(|row| {
        let mut x = 0;
        while x < row.len() {
            let after = x + glyph(row, x).1;
            if edges.iter().any(|edge| (x + 1..after).contains(edge)) {
                return false;
            }
            x = after;
        }
        true
    })
}

/// About how many bytes it takes to say each of these rows of `next` where that one of `prev` is that `from` names; None:
/// nothing is.
fn costs(
    prev: &Buffer,
    next: &Buffer,
    rows: Range<usize>,
    columns: Range<usize>,
    from: impl Fn(usize) -> Option<usize>,
) -> impl Iterator<Item = usize> {
    let stride = usize::from(next.area.width);
    let cells =
        move |buf: &Buffer, y: usize| y * stride + columns.start..(y * stride + columns.end).min(buf.content.len());
    rows.map(move |y| {
        let Some(new) = next.content.get(cells(next, y)) else { return 0 };
        let old = from(y).and_then(|y| prev.content.get(cells(prev, y)));
        row_cost(old, new)
    })
}

fn row_cost(old: Option<&[Cell]>, new: &[Cell]) -> usize {
    let is = |x: usize, new: &Cell| match old.and_then(|old| old.get(x)) {
        Some(old) => same(old, new),
        None => is_blank(new),
    };
    // what is blank to the end is erased at once
    let tail = new.iter().rposition(|c| !is_blank(c)).map_or(0, |last| last + 1);
    let erased = new.iter().enumerate().skip(tail).any(|(x, c)| !is(x, c));
    let mut cost = if erased { MOVE } else { 0 };
    let (mut last, mut pen) = (None, None);
    for (x, cell) in new.iter().enumerate().take(tail).filter(|(x, c)| !is(*x, c)) {
        if last.is_none_or(|last| last + 1 != x) {
            cost += MOVE;
        }
        let look = (cell.fg, cell.bg, effects(cell));
        if pen.is_some_and(|pen| pen != look) {
            cost += STYLE;
        }
        (last, pen) = (Some(x), Some(look));
        cost += cell.symbol().len();
    }
    cost
}

/// Moves cells up or down within rows and columns; what comes in is blank.
fn move_cells(cells: &mut [Cell], stride: usize, rows: Range<usize>, columns: Range<usize>, by: usize, up: bool) {
    let Some(all) = cells.get_mut(rows.start * stride..rows.end * stride) else { return };
    if columns.len() == stride {
        if up { all.rotate_left(by * stride) } else { all.rotate_right(by * stride) }
    } else {
        let count = rows.len().saturating_sub(by);
        for i in 0..count {
            // the nearest to where they go first
            let (low, high) = if up { (i, i + by) } else { (count - 1 - i, count - 1 - i + by) };
            let (head, tail) = all.split_at_mut(high * stride);
            let low = head.get_mut(low * stride..(low + 1) * stride).and_then(|row| row.get_mut(columns.clone()));
            if let (Some(low), Some(high)) = (low, tail.get_mut(columns.clone())) {
                low.swap_with_slice(high);
            }
        }
    }
    let blank = if up { rows.len().saturating_sub(by)..rows.len() } else { 0..by };
    for row in all.chunks_exact_mut(stride).take(blank.end).skip(blank.start) {
        row.get_mut(columns.clone()).unwrap_or_default().iter_mut().for_each(Cell::reset);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{allowed, have, terminal, text, want};
    use super::super::{ColorDepth, Writer};
    use super::*;
    use proptest::prelude::*;
    use ratatui::style::{Color, Modifier, Style};

    const COLS: u16 = 30;
    const ROWS: u16 = 10;

    /// Rows of text that are all different, so that one that is said again costs bytes.
    fn page(seed: usize) -> Buffer {
        let line = |y: usize| format!("{:0>30}", (seed + 1) * 1_000_003 * (y + 7) * (y + 1));
        Buffer::with_lines((0..usize::from(ROWS)).map(line))
    }

    fn update(w: &mut Writer, prev: &mut Buffer, next: &Buffer, shifts: &[Shift]) -> String {
        let mut out = Vec::new();
        w.update(prev, next, shifts, None, None, &mut out);
        text(&out)
    }

    fn ready(margins: bool) -> Writer {
        let mut w = Writer::new(ColorDepth::True);
        w.set_margins(margins);
        w.emit(None, &page(0), None, &mut Vec::new());
        w
    }

    fn moved(buf: &Buffer, shift: &Shift) -> Buffer {
        let mut buf = buf.clone();
        let (rows, columns) = (shift.area.y..shift.area.bottom(), shift.area.x..shift.area.right());
        let (rows, columns) = (rows.start.into()..rows.end.into(), columns.start.into()..columns.end.into());
        move_cells(&mut buf.content, COLS.into(), rows, columns, shift.up.unsigned_abs() as usize, shift.up > 0);
        buf
    }

    #[test]
    fn what_is_said() {
        let rows = |y, height| Rect::new(0, y, COLS, height);
        let mut w = ready(false);
        let said = |w: &mut Writer, area, up| {
            let shift = Shift { area, up };
            update(w, &mut page(0), &moved(&page(0), &shift), &[shift])
        };
        assert_eq!(said(&mut w, rows(0, ROWS), 1), "\x1b[H\x1b[M");
        assert_eq!(said(&mut w, rows(2, 5), 2), "\x1b[3;7r\x1b[3H\x1b[2M\x1b[r");
        assert_eq!(said(&mut w, rows(2, 5), -1), "\x1b[3;7r\x1b[3H\x1b[L\x1b[r");
        let area = Rect { x: 4, width: 20, ..rows(1, 8) };
        let mut w = ready(true);
        assert_eq!(said(&mut w, area, 1), "\x1b[?69h\x1b[5;24s\x1b[2;9r\x1b[2;5H\x1b[M\x1b[r\x1b[?69l");
        // a frame that was cut short may have left a region
        let mut out = Vec::new();
        w.emit(None, &page(0), None, &mut out);
        assert!(text(&out).contains("\x1b[?69l\x1b[r\x1b[H\x1b[2J"));
    }

    #[test]
    fn no_background_is_drawn_in() {
        let mut prev = page(0);
        prev.set_style(Rect::new(0, ROWS - 1, COLS, 1), Style::new().bg(Color::Red).add_modifier(Modifier::REVERSED));
        let mut w = Writer::new(ColorDepth::True);
        w.emit(None, &prev, None, &mut Vec::new());
        let shift = Shift { area: Rect::new(0, 0, COLS, ROWS), up: 1 };
        let said = update(&mut w, &mut prev.clone(), &moved(&prev, &shift), &[shift]);
        assert_eq!(said, "\x1b[m\x1b[H\x1b[M");
    }

    #[test]
    fn only_what_saves_bytes_and_is_possible_is_done() {
        let area = Rect::new(0, 0, COLS, ROWS);
        let mut w = ready(false);
        for (area, up) in [
            (area, 1),
            (area, 0),
            (area, i32::from(ROWS)),
            (area, i32::MIN),
            (Rect { height: ROWS + 1, ..area }, 1),
            (Rect { x: 1, ..area }, 1),
            (Rect { width: 0, ..area }, 1),
        ] {
            // nothing moved: a hint that is wrong
            assert_eq!(update(&mut w, &mut page(0), &page(0), &[Shift { area, up }]), "");
        }
        let short = Buffer::with_lines((0..ROWS).map(|y| format!("{y:<30}")));
        let shift = Shift { area, up: 1 };
        w.emit(None, &short, None, &mut Vec::new());
        let said = update(&mut w, &mut short.clone(), &moved(&short, &shift), &[shift]);
        assert!(said.contains('M'), "ten short rows are more than a scroll: {said:?}");
        let two = Shift { area: Rect { height: 2, ..area }, up: 1 };
        w.emit(None, &short, None, &mut Vec::new());
        let said = update(&mut w, &mut short.clone(), &moved(&short, &two), &[two]);
        assert!(!said.contains('M'), "two are not: {said:?}");
    }

    #[test]
    fn a_wide_glyph_across_the_edge_is_not_cut() {
        let shift = Shift { area: Rect::new(4, 0, 20, ROWS), up: 1 };
        for (x, clean) in [(2, true), (3, false), (4, true), (22, true), (23, false), (24, true)] {
            let mut prev = page(0);
            prev.content[5 * usize::from(COLS) + x].set_symbol("漢");
            prev.content[5 * usize::from(COLS) + x + 1].reset();
            assert_eq!(is_cut_clean(&prev, shift.area), clean, "at {x}");
        }
    }

    /// A terminal with left and right margins, and the few other things said here. Text is ASCII, colours are not kept.
    struct Model {
        cells: Vec<Vec<char>>,
        at: (usize, usize),
        rows: Range<usize>,
        columns: Range<usize>,
        margins: bool,
    }

    impl Model {
        fn new() -> Model {
            let (cols, rows) = (usize::from(COLS), usize::from(ROWS));
            let cells = vec![vec![' '; cols]; rows];
            Model { cells, at: (0, 0), rows: 0..rows, columns: 0..cols, margins: false }
        }
        fn process(&mut self, said: &str) {
            let mut chars = said.chars();
            while let Some(c) = chars.next() {
                if c != '\x1b' {
                    self.cells[self.at.1][self.at.0] = c;
                    self.at.0 = (self.at.0 + 1).min(usize::from(COLS) - 1);
                    continue;
                }
                assert_eq!(chars.next(), Some('['));
                let rest: String = chars.by_ref().take_while(|c| !c.is_alphabetic()).collect();
                let end = said[..said.len() - chars.as_str().len()].chars().last().unwrap();
                self.control(&rest, end);
            }
        }
        fn control(&mut self, params: &str, end: char) {
            let numbers: Vec<usize> = params.split(';').map(|p| p.parse().unwrap_or(0)).collect();
            let nth = |n: usize, otherwise: usize| numbers.get(n).copied().filter(|n| *n > 0).unwrap_or(otherwise);
            let (cols, rows) = (usize::from(COLS), usize::from(ROWS));
            match (params, end) {
                ("?69", 'h') => self.margins = true,
                ("?69", 'l') => (self.margins, self.columns) = (false, 0..cols),
                (_, 'h' | 'l' | 'm') => {}
                (_, 's') => {
                    assert!(self.margins, "else it keeps the cursor's place");
                    self.columns = nth(0, 1) - 1..nth(1, cols);
                    self.at = (0, 0);
                }
                (_, 'r') => {
                    self.rows = nth(0, 1) - 1..nth(1, rows);
                    self.at = (0, 0);
                }
                (_, 'H') => self.at = (nth(1, 1) - 1, nth(0, 1) - 1),
                (_, 'C') => self.at.0 += nth(0, 1),
                (_, 'J') => self.cells.iter_mut().for_each(|row| row.fill(' ')),
                (_, 'K') => self.cells[self.at.1][self.at.0..].fill(' '),
                (_, 'M' | 'L') => {
                    assert!(self.rows.contains(&self.at.1) && self.columns.contains(&self.at.0));
                    for _ in 0..nth(0, 1) {
                        let last = self.rows.end - 1;
                        for x in self.columns.clone() {
                            let mut column: Vec<char> = (self.at.1..=last).map(|y| self.cells[y][x]).collect();
                            if end == 'M' {
                                column.remove(0);
                                column.push(' ');
                            } else {
                                column.pop();
                                column.insert(0, ' ');
                            }
                            (self.at.1..).zip(column).for_each(|(y, c)| self.cells[y][x] = c);
                        }
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        fn shows(&self) -> Vec<String> {
            self.cells.iter().map(|row| row.iter().collect()).collect()
        }
    }

    fn any_shift() -> impl Strategy<Value = Shift> {
        let area = (0..COLS, 1..=COLS, 0..ROWS, 1..=ROWS, 0usize..3).prop_map(|(x, width, y, height, whole)| {
            let (x, width) = if whole > 0 { (0, COLS) } else { (x, width) };
            Rect::new(x, y, width, height)
        });
        (area, -4i32..5).prop_map(|(area, up)| Shift { area, up })
    }

    /// What moved, what more became another, and the hints, which need not be right.
    type Frames = Vec<(Vec<Shift>, Vec<(usize, u8)>, Vec<Shift>)>;

    fn any_frames() -> impl Strategy<Value = Frames> {
        let cells = usize::from(COLS) * usize::from(ROWS);
        let some = || prop::collection::vec(any_shift(), 0..3);
        let change = (0..cells, 0u8..8);
        prop::collection::vec((some(), prop::collection::vec(change, 0..6), some()), 1..5)
    }

    fn next_of(prev: &Buffer, moves: &[Shift], changes: &[(usize, u8)], plain: bool) -> Buffer {
        let fits = |s: &&Shift| s.area.right() <= COLS && s.area.bottom() <= ROWS;
        let possible = |s: &&Shift| s.up != 0 && s.up.unsigned_abs() < u32::from(s.area.height);
        let mut next = prev.clone();
        for shift in moves.iter().filter(fits).filter(possible) {
            next = moved(&next, shift);
        }
        for (at, what) in changes {
            let Some(cell) = next.content.get_mut(*at) else { continue };
            match what {
                0 if !plain => cell.set_symbol("漢"),
                1 if !plain => cell.set_style(Style::new().bg(Color::Red)),
                2 if !plain => cell.set_style(Style::new().add_modifier(Modifier::REVERSED)),
                3 => cell.set_symbol(" "),
                _ => cell.set_symbol("x"),
            };
        }
        next
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn the_terminal_shows_what_was_meant_whatever_the_hints(frames in any_frames(), pale: bool) {
            let (mut p, mut w, mut prev) = (terminal(COLS, ROWS), Writer::new(ColorDepth::True), page(1));
            if pale {
                prev.set_style(prev.area, Style::new().bg(Color::Blue));
            }
            let mut out = Vec::new();
            w.emit(None, &prev, None, &mut out);
            p.process(&out);
            for (moves, changes, mut hints) in frames {
                let next = next_of(&prev, &moves, &changes, false);
                hints.extend(moves);
                let said = update(&mut w, &mut prev, &next, &hints);
                prop_assert!(allowed(&said), "{:?}", said);
                p.process(said.as_bytes());
                for y in 0..ROWS {
                    prop_assert_eq!(have(&p, y, COLS), want(&next, y), "row {} after {:?}", y, said);
                }
                prev = next;
            }
        }

        #[test]
        fn so_does_one_with_left_and_right_margins(frames in any_frames()) {
            let (mut model, mut w, mut prev) = (Model::new(), Writer::new(ColorDepth::True), page(1));
            w.set_margins(true);
            let mut out = Vec::new();
            w.emit(None, &prev, None, &mut out);
            model.process(&text(&out));
            for (moves, changes, mut hints) in frames {
                let next = next_of(&prev, &moves, &changes, true);
                hints.extend(moves);
                let said = update(&mut w, &mut prev, &next, &hints);
                model.process(&said);
                let want: Vec<String> = next.content.chunks(COLS.into())
                    .map(|row| row.iter().map(|c| c.symbol()).collect()).collect();
                prop_assert_eq!(model.shows(), want, "after {:?}", said);
                prev = next;
            }
        }
    }
}
