//! Owns one row: cells as far as there is content, and what belongs to the row as a whole.
//! Leaves out the other rows.

use super::cell::Cell;
use super::look::Look;
use crate::term::marks::{Mark, MarkKind};

/// A row of the grid. Cells beyond its length are blank.
#[derive(Default, Debug)]
pub(in crate::term) struct Row {
    pub cells: Vec<Cell>,
    /// The line goes on in the row below.
    pub wrapped: bool,
    /// Another number after each change; goes with the row.
    pub stamp: u64,
    /// OSC 133 marks that were set here; their `line` is not kept up to date.
    pub marks: Vec<Mark>,
}

impl Row {
    #[inline]
    pub fn get(&self, col: usize) -> Cell {
        self.cells.get(col).copied().unwrap_or(Cell::BLANK)
    }

    #[inline]
    pub fn clear(&mut self) {
        self.cells.clear();
        self.wrapped = false;
        self.marks.clear();
    }

    /// So many cells that can be written to.
    pub fn reach(&mut self, len: usize) {
        if self.cells.len() < len {
            self.cells.resize(len, Cell::BLANK);
        }
    }

    /// A wide character across the border before `col` is cut: both halves become spaces.
    #[inline]
    pub fn cut(&mut self, col: usize) {
        if self.cells.get(col).is_some_and(|c| c.is_tail()) {
            for i in [col.wrapping_sub(1), col] {
                if let Some(cell) = self.cells.get_mut(i) {
                    *cell = Cell::ascii(b' ', cell.look);
                }
            }
        }
    }

    /// Overwrites cells from `col` on with printable ASCII.
    #[inline]
    pub fn put_ascii(&mut self, col: usize, text: &[u8], look: Look) {
        let end = col + text.len();
        if self.cells.len() > col {
            self.cut(col);
            self.cut(end);
        }
        if self.cells.len() <= col {
            self.cells.resize(col, Cell::BLANK);
            self.cells.extend(text.iter().map(|&b| Cell::ascii(b, look)));
            return;
        }
        let over = text.len().min(self.cells.len() - col);
        let (now, more) = text.split_at(over);
        if let Some(cells) = self.cells.get_mut(col..col + over) {
            for (cell, &b) in cells.iter_mut().zip(now) {
                *cell = Cell::ascii(b, look);
            }
        }
        self.cells.extend(more.iter().map(|&b| Cell::ascii(b, look)));
    }

    /// Overwrites the cells at `col` with a character of one or two.
    #[inline]
    pub fn put(&mut self, col: usize, cell: Cell, wide: bool) {
        if self.cells.len() == col {
            // at the row's end, as text comes
            if wide {
                self.cells.extend_from_slice(&[cell.widened(), Cell::tail(cell.look)]);
            } else {
                self.cells.push(cell);
            }
            return;
        }
        let end = col + 1 + usize::from(wide);
        self.cut(col);
        self.cut(end);
        self.reach(end);
        if let Some(slot) = self.cells.get_mut(col) {
            *slot = if wide { cell.widened() } else { cell };
        }
        if wide && let Some(slot) = self.cells.get_mut(col + 1) {
            *slot = Cell::tail(cell.look);
        }
    }

    /// The same for `count` of them.
    pub fn put_many(&mut self, col: usize, cell: Cell, wide: bool, count: usize) {
        let end = col + count * (1 + usize::from(wide));
        self.cut(col);
        self.cut(end);
        self.reach(end);
        let Some(cells) = self.cells.get_mut(col..end) else { return };
        if wide {
            for pair in cells.chunks_exact_mut(2) {
                pair.copy_from_slice(&[cell.widened(), Cell::tail(cell.look)]);
            }
        } else {
            cells.fill(cell);
        }
    }

    /// Makes `from..to` blank with a background.
    pub fn erase(&mut self, from: usize, to: usize, look: Look) {
        if from >= to {
            return;
        }
        self.cut(from);
        self.cut(to);
        self.fill(from, to, look);
    }

    /// Moves the cells `from..to` right by `n`; what is pushed over `to` is lost.
    pub fn insert(&mut self, from: usize, to: usize, n: usize, look: Look) {
        let n = n.min(to.saturating_sub(from));
        if n == 0 {
            return;
        }
        self.cut(from);
        self.cut(to);
        self.cut(to - n);
        self.unspace(to);
        if self.cells.len() > from {
            // no longer than it must be: what is pushed out at `to` is cut
            let filled = self.cells.len();
            self.reach(to.min(filled + n).max(filled));
            let end = to.min(self.cells.len());
            if end > from + n {
                self.cells.copy_within(from..end - n, from + n);
            }
        }
        self.fill(from, (from + n).min(to), look);
    }

    /// Removes `n` cells at `from`; those up to `to` move left, blanks come in at `to`.
    pub fn delete(&mut self, from: usize, to: usize, n: usize, look: Look) {
        let n = n.min(to.saturating_sub(from));
        if n == 0 {
            return;
        }
        self.cut(from);
        self.cut(from + n);
        self.cut(to);
        self.unspace(to);
        let end = to.min(self.cells.len());
        if end > from + n {
            self.cells.copy_within(from + n..end, from);
        }
        if self.cells.len() > from {
            self.fill(end.saturating_sub(n).max(from), to, Look::PLAIN);
        }
        if look != Look::PLAIN {
            self.fill(to - n, to, look);
        }
    }

    /// Makes `from..to` blank, where no wide character lies across either end.
    pub fn fill(&mut self, from: usize, to: usize, look: Look) {
        if look == Look::PLAIN && to >= self.cells.len() {
            // a row whose line goes on is full
            self.wrapped &= from >= self.cells.len();
            self.cells.truncate(from);
            return;
        }
        self.reach(to);
        if let Some(cells) = self.cells.get_mut(from..to) {
            cells.fill(Cell::blank(look));
        }
    }

    /// Cells of a line that a wrapped row of so many columns holds.
    pub fn used(&self, cols: usize) -> usize {
        let spacer = self.cells.len() == cols && self.cells.last().is_some_and(|c| c.is_spacer());
        cols - usize::from(spacer)
    }

    /// A place at the end where a wide character did not fit is an ordinary blank from here on, if the cells before `to`
    /// are moved.
    fn unspace(&mut self, to: usize) {
        if to >= self.cells.len()
            && let Some(last) = self.cells.last_mut().filter(|c| c.is_spacer())
        {
            *last = Cell::blank(last.look);
        }
    }

    /// Length without the blanks at its end that have no background.
    pub fn content(&self) -> usize {
        let last = self.cells.iter().rposition(|c| *c != Cell::BLANK);
        last.map_or(0, |i| i + 1)
    }

    /// Sets a mark; one of the same kind is replaced: a prompt is drawn again where it was.
    pub fn mark(&mut self, mark: Mark) {
        if mark.kind != MarkKind::End {
            self.marks.retain(|m| m.kind != mark.kind);
        }
        if self.marks.len() < 16 {
            self.marks.push(mark);
        }
    }
}
