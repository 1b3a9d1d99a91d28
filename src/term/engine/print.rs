//! Owns printing: where characters go, wrapping, what joins the character before. Leaves out the reading of bytes.

use super::cell::Cell;
use super::cluster;
use super::mode::Flags;
use super::terminal::Terminal;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const JOINER: char = '\u{200d}';

/// Columns of a character: 0, 1 or 2.
pub(in crate::term) fn width_of(c: char) -> usize {
    match c {
        // shown where a line is cut, says Unicode; one column, say all terminals
        '\u{ad}' => 1,
        c => c.width().unwrap_or(0).min(2),
    }
}

impl Terminal {
    /// Right end of the line that the cursor is in.
    #[inline]
    fn line_end(&self) -> usize {
        if self.at.col < self.right { self.right } else { self.cols() }
    }

    /// Prints bytes of 0x20 to 0x7e, which is what they all are.
    pub fn print_ascii(&mut self, mut text: &[u8]) {
        let Some(&last) = text.last() else { return };
        if !self.charsets.is_plain() {
            for &b in text {
                let c = self.charsets.translate(b);
                self.print(c);
            }
            return;
        }
        self.dip();
        self.last = Some(char::from(last));
        let cols = self.cols();
        loop {
            if self.at.pending {
                if self.flags.has(Flags::AUTOWRAP) {
                    self.wrap();
                } else {
                    self.at.pending = false;
                }
            }
            let end = self.line_end();
            let room = end - self.at.col;
            let n = if text.len() <= room {
                text.len()
            } else if self.flags.has(Flags::AUTOWRAP) {
                room
            } else {
                // the last column takes what comes last
                if let (Some(first), Some(last)) = (text.get(..room - 1), text.last().copied()) {
                    let (first, look, erased, insert) = (first, self.look, self.erased, self.flags.has(Flags::INSERT));
                    let (row, col) = (self.at.row, self.at.col);
                    let row = self.page.grid.row_mut(row);
                    if insert {
                        row.insert(col, end, room, erased);
                    }
                    row.put_ascii(col, first, look);
                    row.put_ascii(end - 1, &[last], look);
                    row.wrapped &= end < cols;
                }
                self.at.col = end - 1;
                self.at.pending = true;
                self.join = Some((self.at.row, self.at.col));
                return;
            };
            let (now, rest) = text.split_at(n);
            let (look, erased, insert, col) = (self.look, self.erased, self.flags.has(Flags::INSERT), self.at.col);
            let row = self.page.grid.row_mut(self.at.row);
            if insert {
                row.insert(col, end, n, erased);
            }
            row.put_ascii(col, now, look);
            if col + n >= cols {
                row.wrapped = false;
            }
            let to = col + n;
            self.at.pending = to >= end;
            self.at.col = to.min(end - 1);
            if rest.is_empty() {
                self.join = Some((self.at.row, to - 1));
                return;
            }
            text = rest;
        }
    }

    /// Prints one character.
    pub fn print(&mut self, c: char) {
        let width = width_of(c);
        if (width == 0 || self.join.is_some()) && !c.is_ascii() && self.joins(c, width) {
            return;
        }
        if width == 0 {
            return;
        }
        self.dip();
        self.last = Some(c);
        self.put(Cell::char(c, self.look), width);
    }

    /// Puts a cell where the cursor is and moves on.
    pub fn put(&mut self, cell: Cell, width: usize) {
        let wide = width == 2;
        if self.at.pending {
            if self.flags.has(Flags::AUTOWRAP) {
                self.wrap();
            } else {
                self.at.pending = false;
            }
        }
        let mut end = self.line_end();
        if wide && self.at.col + 2 > end {
            let start = if self.at.col >= self.left { self.left } else { 0 };
            if !self.flags.has(Flags::AUTOWRAP) || end - start < 2 {
                // it fits nowhere: dropped, as tmux does
                return;
            }
            let (col, erased, cols) = (self.at.col, self.erased, self.cols());
            let row = self.page.grid.row_mut(self.at.row);
            row.erase(col, end, erased);
            if end == cols {
                row.reach(end);
                if let Some(last) = row.cells.get_mut(col) {
                    *last = Cell::spacer(erased);
                }
            }
            self.wrap();
            end = self.line_end();
        }
        let (look, erased, insert, col, cols) =
            (cell, self.erased, self.flags.has(Flags::INSERT), self.at.col, self.cols());
        let row = self.page.grid.row_mut(self.at.row);
        if insert {
            row.insert(col, end, width, erased);
        }
        row.put(col, look, wide);
        if col + width >= cols {
            row.wrapped = false;
        }
        let to = col + width;
        self.at.pending = to >= end;
        self.at.col = to.min(end - 1);
        self.join = Some((self.at.row, col));
    }

    /// To the start of the next row, as the line goes on there.
    fn wrap(&mut self) {
        let full = self.full_width() && self.at.col + 1 >= self.cols();
        if full {
            self.page.grid.row_mut(self.at.row).wrapped = true;
        }
        self.at.col = if self.at.col >= self.left { self.left } else { 0 };
        self.at.pending = false;
        self.index();
    }

    /// Column of the character before the cursor.
    fn before(&self) -> Option<usize> {
        let mut col = if self.at.pending { self.at.col } else { self.at.col.checked_sub(1)? };
        if self.page.grid.row(self.at.row).get(col).is_tail() {
            col = col.checked_sub(1)?;
        }
        Some(col)
    }

    /// Adds a character to the one before it, if it belongs there.
    ///
    /// Without mode 2027: what has no width, and what follows a joiner (as tmux does); widths stay what they are, as
    /// programs count them by `wcwidth`. With it: what Unicode calls one grapheme cluster (UAX 29), as wide as that is.
    fn joins(&mut self, c: char, width: usize) -> bool {
        let clusters = self.flags.has(Flags::CLUSTERS);
        let Some(col) = self.before() else { return false };
        let printed = self.join == Some((self.at.row, col));
        let cell = self.page.grid.row(self.at.row).get(col);
        if width > 0 && !printed {
            return false;
        }
        if width > 0 && !clusters && cell.cluster_index().is_none() {
            return false;
        }
        let mut text = String::new();
        self.clusters.push(cell, &mut text);
        if width > 0 {
            if clusters {
                let before = text.len();
                text.push(c);
                if text.graphemes(true).nth(1).is_some() {
                    return false;
                }
                text.truncate(before);
            } else if !text.ends_with(JOINER) {
                return false;
            }
        }
        if text.is_empty() {
            if cell.is_blank() && width == 0 {
                text.push(' ');
            } else {
                return false;
            }
        }
        if text.len() + c.len_utf8() > cluster::MOST {
            // dropped, as it would belong here
            return true;
        }
        text.push(c);
        let number = self.clusters.number(&text);
        let joined = Cell::cluster(number, cell.look);
        let grows = clusters && printed && !cell.is_wide() && text.width() >= 2;
        let end = self.line_end();
        let row = self.page.grid.row_mut(self.at.row);
        if grows && !self.at.pending && self.at.col < end {
            row.put(col, joined, true);
            let to = col + 2;
            self.at.pending = to >= end;
            self.at.col = to.min(end - 1);
        } else if let Some(slot) = row.cells.get_mut(col) {
            *slot = if cell.is_wide() { joined.widened() } else { joined };
        } else {
            row.reach(col + 1);
            if let Some(slot) = row.cells.get_mut(col) {
                *slot = joined;
            }
        }
        true
    }

    /// REP (ECMA-48 8.3.103): at most one screen of it.
    pub fn repeat(&mut self, count: usize) {
        let Some(c) = self.last else { return };
        let count = count.min(self.rows() * self.cols());
        if c.is_ascii() {
            let run = [c as u8; 256];
            let mut left = count;
            while left > 0 {
                let n = left.min(run.len());
                if let Some(now) = run.get(..n) {
                    // as printed, not as read: sets were applied already
                    let sets = std::mem::take(&mut self.charsets);
                    self.print_ascii(now);
                    self.charsets = sets;
                }
                left -= n;
            }
            return;
        }
        for _ in 0..count {
            self.dip();
            self.put(Cell::char(c, self.look), width_of(c).max(1));
        }
        self.last = Some(c);
    }
}
