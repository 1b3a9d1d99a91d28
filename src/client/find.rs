//! Owns what was looked for in a pane's history: which lines match, which of them is looked at, where the shell's prompts
//! are. Leaves out asking the session (`app/find.rs`) and the view that moves (`pane::Scroll`).

use super::pane::{OwnedCell, Scroll};
use crate::proto::control::Hit;
use crate::term::history::plain;
use std::ops::Range;

/// A search, in one look back.
#[derive(Default, Debug, PartialEq)]
pub struct Find {
    /// Which question an answer is to.
    pub tag: u64,
    /// `n` goes onwards, to newer lines.
    pub down: bool,
    /// Oldest first; None = not answered yet.
    pub hits: Option<Vec<Hit>>,
    /// There are older ones that were not looked for.
    pub more: bool,
    /// The one that is looked at.
    pub at: Option<usize>,
}

impl Find {
    /// How it stands, in a few words: `searching`, `no match`, `3 of 17`.
    pub fn status(&self) -> String {
        match (&self.hits, self.at) {
            (None, _) => "searching".into(),
            (Some(hits), _) if hits.is_empty() => "no match".into(),
            (Some(hits), at) => {
                let more = if self.more { "+" } else { "" };
                format!("{} of {}{more}", at.map_or(0, |i| i + 1), hits.len())
            }
        }
    }

    /// Goes to the next one, round the end where there is none; from lines `seen` at the first time.
    pub fn step(&mut self, down: bool, seen: Range<u64>) -> Option<&Hit> {
        let hits = self.hits.as_deref().filter(|h| !h.is_empty())?;
        let last = hits.len() - 1;
        let at = match (self.at, down) {
            (Some(i), true) => (i + 1) % hits.len(),
            (Some(i), false) => i.checked_sub(1).unwrap_or(last),
            (None, true) => Some(hits.partition_point(|h| h.line < seen.start)).filter(|i| *i <= last).unwrap_or(0),
            (None, false) => hits.partition_point(|h| h.line < seen.end).checked_sub(1).unwrap_or(last),
        };
        self.at = Some(at);
        hits.get(at)
    }

    fn of_line(&self, n: u64) -> Option<(&Hit, bool)> {
        let hits = self.hits.as_deref()?;
        let i = hits.binary_search_by_key(&n, |h| h.line).ok()?;
        Some((hits.get(i)?, self.at == Some(i)))
    }
}

/// Logical lines of a screen that stands still: each row's number and the characters of its line before it.
/// `open` = the first row goes on from the history's last line.
pub fn rows(total: u64, open: bool, rows: &[Vec<OwnedCell>], wraps: &[bool]) -> Vec<(u64, usize)> {
    let (mut n, mut before) = (total.saturating_sub(u64::from(open)), 0);
    let mut out = Vec::with_capacity(rows.len());
    for (i, row) in rows.iter().enumerate() {
        out.push((n, before));
        if wraps.get(i).copied().unwrap_or(false) {
            before += characters(row);
        } else {
            (n, before) = (n + 1, 0);
        }
    }
    out
}

fn characters(cells: &[OwnedCell]) -> usize {
    cells.iter().map(length).sum()
}

/// Characters of a cell; a blank one is a blank.
fn length(cell: &OwnedCell) -> usize {
    if cell.width == 0 { 0 } else { cell.text.chars().count().max(1) }
}

impl Scroll {
    /// Where a line is, counted from the top of the screen (0); those of the history are negative. None = it is not here.
    pub fn place(&self, n: u64) -> Option<i64> {
        let total = self.total?;
        if n < total {
            return i64::try_from(total - n).ok().filter(|_| n >= self.floor).map(|up| -up);
        }
        i64::try_from(self.rows.iter().position(|(of, _)| *of == n)?).ok()
    }

    /// The number of the line that is shown there, and its characters before that row.
    fn line_at(&self, line: i64) -> Option<(u64, usize)> {
        let total = self.total?;
        if line < 0 {
            return Some((total.checked_sub(line.unsigned_abs())?, 0));
        }
        let (n, before) = self.rows.get(usize::try_from(line).ok()?).copied()?;
        if n < total {
            // its beginning lies in the history
            let start = self.lines.get(&n).map(|l| plain(l).chars().count())?;
            return Some((n, before + start));
        }
        Some((n, before))
    }

    /// Numbers of the lines to be seen in a view of so many rows.
    pub fn seen(&self, rows: u16) -> Range<u64> {
        let top = i64::try_from(self.up).map_or(i64::MIN, |up| -up);
        let number = |line: i64| self.line_at(line).map(|l| l.0);
        let last = (top..top.saturating_add(rows.into())).rev().find_map(number);
        let first = number(top).unwrap_or_else(|| self.total.unwrap_or(0));
        first..last.unwrap_or(first).saturating_add(1)
    }

    /// Where a character of a line is: as far as the line goes on in the screen, in the right row of it.
    fn place_of(&self, n: u64, column: u64) -> Option<i64> {
        let rows = 0..i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
        let begun = |line: &i64| self.line_at(*line).is_some_and(|(of, before)| of == n && before as u64 <= column);
        rows.rev().find(begun).or_else(|| self.place(n))
    }

    /// Moves so that a character of a line is to be seen: in the middle of the view, where it is not to be seen yet.
    pub fn show(&mut self, n: u64, column: u64, rows: u16) -> bool {
        let Some(line) = self.place_of(n, column) else { return false };
        let top = i64::try_from(self.up).map_or(i64::MIN, |up| -up);
        if !(top..top.saturating_add(rows.into())).contains(&line) {
            self.move_to(line.saturating_sub(i64::from(rows) / 2));
        }
        true
    }

    /// Moves so that this line is the top one, as far as there is history.
    pub fn move_to(&mut self, line: i64) {
        self.up = line.min(0).unsigned_abs();
        self.by(0);
    }

    /// The prompt before (`up`) or after the top line: its place.
    pub fn prompt(&self, up: bool) -> Option<i64> {
        let top = i64::try_from(self.up).map_or(i64::MIN, |up| -up);
        let mut places = self.prompts.iter().flatten().filter_map(|n| self.place(*n));
        if up { places.rfind(|p| *p < top) } else { places.find(|p| *p > top) }
    }

    /// The columns of what was found in a line, and whether it is the one looked at.
    pub fn found(&self, line: i64, cells: &[OwnedCell]) -> Option<(Range<usize>, bool)> {
        let find = self.find.as_ref()?;
        let (n, before) = self.line_at(line)?;
        let (hit, current) = find.of_line(n)?;
        let column = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).saturating_sub(before);
        let (start, end) = (column(hit.start), column(hit.end));
        // characters to cells
        let mut cell_of = Vec::with_capacity(cells.len());
        for (i, cell) in cells.iter().enumerate() {
            cell_of.extend(std::iter::repeat_n(i, length(cell)));
        }
        let to = |at: usize| cell_of.get(at).copied().unwrap_or(cells.len());
        let range = to(start)..to(end);
        (!range.is_empty()).then_some((range, current))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::pane::parse_line;

    fn hits(lines: &[u64]) -> Option<Vec<Hit>> {
        Some(lines.iter().map(|n| Hit { line: *n, start: 2, end: 4, ..Hit::default() }).collect())
    }

    #[test]
    fn from_hit_to_hit_and_round() {
        let mut f = Find { hits: hits(&[3, 7, 20, 90]), ..Find::default() };
        assert_eq!(f.status(), "0 of 4");
        assert_eq!(f.step(true, 7..30).unwrap().line, 7, "what is to be seen is found first");
        assert_eq!((f.step(true, 0..1).unwrap().line, f.status()), (20, "3 of 4".into()));
        assert_eq!(f.step(true, 0..1).unwrap().line, 90);
        assert_eq!(f.step(true, 0..1).unwrap().line, 3);
        assert_eq!((f.step(false, 0..1).unwrap().line, f.status()), (90, "4 of 4".into()));
        let first = |down, seen| Find { hits: hits(&[3, 7, 20, 90]), ..Find::default() }.step(down, seen).unwrap().line;
        assert_eq!((first(false, 7..30), first(false, 0..2), first(true, 91..99)), (20, 90, 3));
        let mut none = Find { hits: hits(&[]), ..Find::default() };
        assert_eq!(none.step(true, 0..9), None);
        assert_eq!(none.status(), "no match");
        assert_eq!(Find::default().status(), "searching");
    }

    fn scroll() -> Scroll {
        // the last line of the history goes on in two rows; then a line of one row, and one of two
        let frozen: Vec<_> = ["cdefg", "hi", "one", "12345", "67"].iter().map(|r| parse_line(r)).collect();
        let rows = rows(100, true, &frozen, &[true, false, false, true, false]);
        assert_eq!(rows, [(99, 0), (99, 5), (100, 0), (101, 0), (101, 5)]);
        let lines = [(99, "\x1b[31mab\x1b[m".to_string()), (98, "a你b c".to_string())].into_iter().collect();
        Scroll { total: Some(100), frozen, rows, lines, floor: 10, ..Scroll::default() }
    }

    #[test]
    fn lines_have_their_places() {
        let mut s = scroll();
        let places = [9, 10, 98, 99, 100, 101, 102].map(|n| s.place(n));
        assert_eq!(places, [None, Some(-90), Some(-2), Some(-1), Some(2), Some(3), None]);
        assert_eq!(s.seen(5), 99..102);
        assert!(!s.show(9, 0, 5));
        assert!(s.show(101, 0, 5) && s.up == 0, "it is to be seen already");
        assert!(s.show(50, 0, 5) && s.up == 52);
        assert_eq!(s.seen(5), 48..53);
        assert!(s.show(52, 0, 5) && s.up == 52);
        assert!(s.show(11, 0, 5) && s.up == 90, "no further than there is history");
        assert!(s.show(100, 0, 5) && s.up == 0);
        assert_eq!(
            [s.place_of(99, 1), s.place_of(99, 2), s.place_of(99, 7), s.place_of(101, 6)],
            [-1, 0, 1, 4].map(Some)
        );
    }

    #[test]
    fn what_was_found_is_told_in_cells() {
        let mut s = scroll();
        let spot = |line, start, end| Hit { line, start, end, ..Hit::default() };
        s.find = Some(Find { hits: Some(vec![spot(98, 1, 3), spot(99, 1, 8), spot(101, 4, 6)]), ..Find::default() });
        let found = |s: &Scroll, line: i64| {
            let cells = if line < 0 {
                parse_line(&s.lines[&(100u64 - line.unsigned_abs())])
            } else {
                s.frozen[line as usize].clone()
            };
            s.found(line, &cells).map(|(r, _)| r)
        };
        assert_eq!(found(&s, -2), Some(1..4), "a wide character is two cells");
        assert_eq!([found(&s, -1), found(&s, 0), found(&s, 1)], [Some(1..2), Some(0..5), Some(0..1)]);
        assert_eq!([found(&s, 2), found(&s, 3), found(&s, 4)], [None, Some(4..5), Some(0..1)]);
    }

    #[test]
    fn prompts_before_and_after() {
        let mut s = scroll();
        assert_eq!(s.prompt(true), None);
        s.prompts = Some(vec![5, 20, 60, 98, 100]);
        assert_eq!([s.prompt(true), s.prompt(false)], [Some(-2), Some(2)]);
        s.move_to(-40);
        assert_eq!([s.prompt(true), s.prompt(false)], [Some(-80), Some(-2)]);
        s.move_to(-80);
        assert_eq!(s.prompt(true), None, "the lines of the first are gone");
    }
}
