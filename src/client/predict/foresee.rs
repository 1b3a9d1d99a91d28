//! Owns what a key does to the rows: its step, and rows as they are going to be. Leaves out whether that came true.

use super::key::Key;
use super::row::{before, end_of, hash, is_blank, is_suggested, shows, style_at, tells};
use super::{MARGIN, Place, Predictor, Row, Step};
use crate::client::pane::{OwnedCell, row_of};
use crate::proto::frame::tty;
use crate::term::engine::Engine;
use crate::term::screen::Style;
use crate::term::width;

impl Predictor {
    /// What a key does at `from`, where that can be told, and the rows with it done.
    pub(super) fn foresee(&mut self, key: &Key, from: Place, engine: &Engine) -> Option<Step> {
        let size = engine.size();
        let overwrites = self.overwrites;
        let alt = engine.modes().alt_screen;
        let wraps = *self.wraps.get(usize::from(alt))?;
        let is_cooked = self.flags & tty::ICANON != 0;
        let first = self.line.as_ref().map(|(place, _)| *place);
        let (row, col) = (from.0, usize::from(from.1));
        let cells = self.rows.entry(row).or_insert_with(|| {
            let base = row_of(engine, row);
            Row { cells: base.clone(), base }
        });
        let cells = &mut cells.cells;
        let step = |to: Place, or, news, amid| Step {
            key: key.clone(),
            end: 0,
            from,
            to,
            or,
            news,
            amid,
            row: 0,
            unmoved: 0,
            applied: None,
            shown: false,
        };
        match *key {
            Key::Put(c) => {
                let wide = width::of(c);
                let end = end_of(cells, col);
                let amid = end > col && !is_suggested(cells, col);
                let last = col + wide >= cells.len();
                // an editor that has never gone on in the next row may move the row sideways, somewhat before its end
                if alt && !wraps && col + wide + MARGIN > cells.len() {
                    return None;
                }
                // the rest of the line would be pushed into the next row, or the screen be scrolled
                if wide == 0 || (last && (amid || !wraps || col + wide > cells.len() || row + 1 >= size.rows)) {
                    return None;
                }
                let news = tells(c) && cells.get(col).is_some_and(|cell| !shows(cell, c));
                let style = style_at(cells, col);
                let mut unmoved = 0;
                if amid {
                    let there =
                        |(n, cell): (usize, &OwnedCell)| if n == col { c.to_string() } else { cell.text.clone() };
                    unmoved = hash(cells.iter().enumerate().map(there));
                }
                let room = |c: &OwnedCell| is_blank(c);
                // (up to the right edge: it may be the prompt's, or go on in the next row)
                let edge = end + wide >= cells.len();
                if amid && !overwrites && (edge || !(end..end + wide).all(|n| cells.get(n).is_some_and(room))) {
                    return None;
                }
                for n in (0..wide).rev() {
                    let cell = OwnedCell {
                        text: if n == 0 { c.to_string() } else { String::new() },
                        width: if n == 0 { wide as u8 } else { 0 },
                        style,
                    };
                    if amid && !overwrites {
                        // (what stands further right, as a prompt may have, stays)
                        cells.remove(end + wide - 1);
                        cells.insert(col, cell);
                    } else if let Some(old) = cells.get_mut(col + n) {
                        *old = cell;
                    }
                }
                let row_hash = hash(cells.iter().map(|c| &c.text));
                let step = match last {
                    true => step((row + 1, 0), Some((row, size.cols - 1)), news, amid),
                    false => step((row, (col + wide) as u16), None, news, amid),
                };
                Some(Step { row: row_hash, unmoved, ..step })
            }
            Key::Back => {
                let wide = before(cells, col)?;
                if first.is_some_and(|(r, c)| r == row && col < usize::from(c) + wide) {
                    return None;
                }
                let to = col - wide;
                let end = end_of(cells, col);
                let amid = end > col;
                let news = cells.get(to).is_some_and(|c| !is_blank(c)) && !amid;
                if amid && is_suggested(cells, col) {
                    // another suggestion, or none: nobody knows
                    return Some(step((row, to as u16), None, false, true));
                }
                for _ in 0..wide {
                    cells.remove(to);
                    let blank = OwnedCell { text: String::new(), width: 1, style: Style::default() };
                    cells.insert(end - 1, blank);
                }
                let row_hash = hash(cells.iter().map(|c| &c.text));
                Some(Step { row: row_hash, ..step((row, to as u16), None, news, amid) })
            }
            // (a terminal that reads lines knows no arrows: it shows them)
            Key::Left | Key::Right if is_cooked => None,
            Key::Left => {
                let wide = before(cells, col)?;
                if first.is_some_and(|(r, c)| r == row && col < usize::from(c) + wide) {
                    return None;
                }
                Some(step((row, (col - wide) as u16), None, false, false))
            }
            Key::Right => {
                // (a cursor does not go beyond the text, and a suggestion is taken by it)
                let cell = cells.get(col).filter(|_| end_of(cells, col) > col && !is_suggested(cells, col))?;
                let to = col + usize::from(cell.width.max(1));
                (to < cells.len()).then(|| step((row, to as u16), None, false, false))
            }
            Key::Enter | Key::Other { .. } | Key::Nothing => None,
        }
    }

    /// The steps once more, on the screen as it is now.
    pub(super) fn foresee_again(&mut self, engine: &Engine) {
        self.rows.clear();
        for i in 0..self.steps.len() {
            let Some((key, from)) = self.steps.get(i).map(|s| (s.key.clone(), s.from)) else { return };
            if self.foresee(&key, from, engine).is_none() {
                return self.reset();
            }
        }
    }

    /// What no key changes is shown as it is, in rows that are foreseen.
    pub(super) fn follow(&mut self, engine: &Engine) {
        for (row, Row { base, cells }) in &mut self.rows {
            let now = row_of(engine, *row);
            for ((base, cell), now) in base.iter_mut().zip(cells).zip(now) {
                if *base == *cell && *base != now {
                    cell.clone_from(&now);
                    *base = now;
                }
            }
        }
    }
}
