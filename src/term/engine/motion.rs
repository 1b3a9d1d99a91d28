//! Owns where the cursor goes, and the scrolling that this causes. Leaves out printing and erasing.

use super::erase::Rect;
use super::look::Look;
use super::mode::Flags;
use super::terminal::Terminal;
use std::ops::Range;

impl Terminal {
    /// Moves the rows of the region up; what leaves the top of the primary screen becomes history.
    pub fn scroll_up(&mut self, top: usize, n: usize) {
        let erased = self.erased();
        let bottom = self.bottom;
        let n = n.min(bottom.saturating_sub(top));
        if n == 0 {
            return;
        }
        if !self.full_width() {
            for r in top..bottom - n {
                self.copy_part(r + n, r);
            }
            return self.erase_between(bottom - n..bottom, erased);
        }
        if top > 0 {
            // the line above does not go on any more
            self.unwrap(top - 1);
        } else if !self.on_alt {
            for r in 0..n {
                self.history.push(self.page.grid.row(r), &self.looks, &self.clusters);
            }
        }
        self.page.grid.up(top, bottom, n, erased);
        self.scroll_images(top, n as i64, top == 0 && !self.on_alt);
    }

    /// SU: what stands below the region is not what the region's last row went on with.
    pub fn scroll_up_apart(&mut self, top: usize, n: usize) {
        self.unwrap(self.bottom - 1);
        self.scroll_up(top, n);
    }

    /// Moves the rows of the region down.
    pub fn scroll_down(&mut self, top: usize, n: usize) {
        let erased = self.erased();
        let bottom = self.bottom;
        let n = n.min(bottom.saturating_sub(top));
        if n == 0 {
            return;
        }
        if !self.full_width() {
            for r in (top + n..bottom).rev() {
                self.copy_part(r - n, r);
            }
            return self.erase_between(top..top + n, erased);
        }
        if top > 0 {
            self.unwrap(top - 1);
        } else if !self.on_alt {
            // the row that comes in goes on with nothing
            self.history.close();
        }
        self.page.grid.down(top, bottom, n, erased);
        self.unwrap(bottom - 1);
        self.scroll_images(top, -(n as i64), false);
    }

    /// Blanks what lies between the side margins of some rows.
    fn erase_between(&mut self, rows: Range<usize>, erased: Look) {
        let (left, right) = (self.left, self.right);
        for r in rows {
            self.page.grid.row_mut(r).erase(left, right, erased);
        }
    }

    fn scroll_images(&mut self, top: usize, n: i64, history: bool) {
        if !self.page.placements.is_empty() {
            self.page.placements.scroll(top as u16, (self.bottom - 1) as u16, n as i32, history);
        }
    }

    fn unwrap(&mut self, row: usize) {
        if self.page.grid.row(row).wrapped {
            self.page.grid.row_mut(row).wrapped = false;
        }
    }

    /// Copies what lies between the side margins from one row to another.
    fn copy_part(&mut self, from: usize, to: usize) {
        let (left, right) = (self.left, self.right);
        if self.page.grid.row(from).cells.len().max(self.page.grid.row(to).cells.len()) <= left {
            return self.unwrap(to);
        }
        self.page.grid.row_mut(from).cut(left);
        self.page.grid.row_mut(from).cut(right);
        let cells = std::mem::take(&mut self.page.grid.row_mut(from).cells);
        let part = cells.get(left..right.min(cells.len())).unwrap_or_default();
        let end = left + part.len();
        let row = self.page.grid.row_mut(to);
        row.cut(left);
        row.cut(right);
        row.reach(end);
        if let Some(to) = row.cells.get_mut(left..end) {
            to.copy_from_slice(part);
        }
        row.fill(end, right, Look::PLAIN);
        row.wrapped = false;
        self.page.grid.row_mut(from).cells = cells;
    }

    /// What addresses count in: the margins in origin mode, or else the screen.
    #[inline]
    pub fn frame(&self) -> Rect {
        if self.flags.has(Flags::ORIGIN) {
            Rect { top: self.top, left: self.left, bottom: self.bottom, right: self.right }
        } else {
            Rect { top: 0, left: 0, bottom: self.rows(), right: self.cols() }
        }
    }

    /// Left end of the line that the cursor is in.
    #[inline]
    pub fn line_start(&self) -> usize {
        if self.at.col >= self.left { self.left } else { 0 }
    }

    /// Right end of the line that the cursor is in.
    #[inline]
    pub fn line_end(&self) -> usize {
        if self.at.col < self.right { self.right } else { self.cols() }
    }

    /// IND: down a row; at the bottom margin the region scrolls.
    #[inline]
    pub fn index(&mut self) {
        if self.at.row + 1 == self.bottom {
            // outside of the side margins nothing scrolls
            if self.at.col >= self.left && self.at.col < self.right {
                self.scroll_up(self.top, 1);
            }
        } else if self.at.row + 1 < self.rows() {
            self.at.row += 1;
        }
    }

    /// IND so many times.
    pub fn index_by(&mut self, n: usize) {
        let last = if self.at.row < self.bottom { self.bottom - 1 } else { self.rows() - 1 };
        let over = n.saturating_sub(last - self.at.row);
        self.at.row = (self.at.row + n).min(last);
        if over > 0 && last + 1 == self.bottom && self.at.col >= self.left && self.at.col < self.right {
            self.scroll_up(self.top, over);
        }
    }

    /// RI: up a row; at the top margin the region scrolls down.
    pub fn reverse_index(&mut self) {
        self.at.pending = false;
        if self.at.row == self.top {
            if self.at.col >= self.left && self.at.col < self.right {
                self.scroll_down(self.top, 1);
            }
        } else {
            self.at.row = self.at.row.saturating_sub(1);
        }
    }

    #[inline]
    pub fn line_feed(&mut self) {
        self.at.pending = false;
        self.index();
        if self.flags.has(Flags::NEWLINE) {
            self.carriage_return();
        }
    }

    #[inline]
    pub fn carriage_return(&mut self) {
        self.at.pending = false;
        let origin = self.flags.has(Flags::ORIGIN);
        self.at.col = if self.at.col >= self.left || origin { self.left } else { 0 };
    }

    /// BS and CUB: left, and with reverse wrap (45, 1045; only with DECAWM) on to the end of the row above.
    pub fn left(&mut self, mut n: usize) {
        let far = self.flags.has(Flags::REVERSE_WRAP_FAR) && self.flags.has(Flags::AUTOWRAP);
        let wraps = far || (self.flags.has(Flags::REVERSE_WRAP) && self.flags.has(Flags::AUTOWRAP));
        if self.at.pending {
            self.at.pending = false;
            if wraps {
                // the cursor stands behind the last column then
                n -= 1;
            }
        }
        if !wraps {
            self.at.col = self.at.col.saturating_sub(n).max(self.line_start());
            return;
        }
        // at most once around the screen
        n = n.min(self.rows() * self.cols());
        while n > 0 {
            let stop = self.line_start();
            let room = self.at.col - stop;
            if n <= room {
                self.at.col -= n;
                return;
            }
            n -= room + 1;
            self.at.col = stop;
            let above = if self.at.row == self.top {
                // xterm: only the far kind goes around
                if !far {
                    return;
                }
                self.bottom - 1
            } else if self.at.row == 0 {
                if !far {
                    return;
                }
                self.rows() - 1
            } else {
                self.at.row - 1
            };
            if !far && !self.page.grid.row(above).wrapped && self.full_width() {
                return;
            }
            self.at.row = above;
            self.at.col = self.right - 1;
        }
    }

    pub fn right(&mut self, n: usize) {
        self.at.col = (self.at.col + n).min(self.line_end() - 1);
        self.at.pending = false;
    }

    pub fn up(&mut self, n: usize) {
        let stop = if self.at.row >= self.top { self.top } else { 0 };
        self.at.row = self.at.row.saturating_sub(n).max(stop);
        self.at.pending = false;
    }

    pub fn down(&mut self, n: usize) {
        let end = if self.at.row < self.bottom { self.bottom } else { self.rows() };
        self.at.row = (self.at.row + n).min(end - 1);
        self.at.pending = false;
    }

    /// To a row and column, from 0; relative to the margins in origin mode.
    #[inline]
    pub fn goto(&mut self, row: usize, col: usize) {
        self.goto_row(row);
        self.goto_col(col);
    }

    pub fn goto_row(&mut self, row: usize) {
        let frame = self.frame();
        self.at.row = (frame.top + row).min(frame.bottom - 1);
        self.at.pending = false;
    }

    pub fn goto_col(&mut self, col: usize) {
        let frame = self.frame();
        self.at.col = (frame.left + col).min(frame.right - 1);
        self.at.pending = false;
    }

    /// HT, CHT: never past the right margin.
    pub fn tab(&mut self, n: usize) {
        if self.at.pending && self.flags.has(Flags::MORE_FIX) {
            self.at.col = self.left;
            self.at.pending = false;
            self.index();
        }
        let end = self.line_end();
        for _ in 0..n.min(self.cols()) {
            self.at.col = self.tabs.next(self.at.col, end).unwrap_or(end - 1);
        }
        // a pending wrap stays one, as in xterm: ls at the edge
    }

    /// CBT.
    pub fn back_tab(&mut self, n: usize) {
        self.at.pending = false;
        let start = self.frame().left;
        for _ in 0..n.min(self.cols()) {
            self.at.col = self.tabs.back(self.at.col, start).unwrap_or(start);
        }
    }

    /// DECBI: left; at the left margin the columns move right.
    pub fn back_index(&mut self) {
        self.at.pending = false;
        if self.at.col == self.left {
            self.insert_columns(self.left, 1);
        } else {
            self.at.col = self.at.col.saturating_sub(1);
        }
    }

    /// DECFI: right; at the right margin the columns move left.
    pub fn forward_index(&mut self) {
        self.at.pending = false;
        if self.at.col + 1 == self.right {
            self.delete_columns(self.left, 1);
        } else {
            self.at.col = (self.at.col + 1).min(self.cols() - 1);
        }
    }

    fn in_margins(&self) -> bool {
        self.at.row >= self.top && self.at.row < self.bottom && self.at.col >= self.left && self.at.col < self.right
    }

    /// DECIC, and SR over the whole region: columns come in at `from`.
    pub fn insert_columns(&mut self, from: usize, n: usize) {
        if self.in_margins() {
            let (right, erased, cols) = (self.right, self.erased(), self.cols());
            for r in self.top..self.bottom {
                let row = self.page.grid.row_mut(r);
                row.insert(from, right, n, erased);
                row.wrapped &= right < cols;
            }
        }
    }

    /// DECDC, SL.
    pub fn delete_columns(&mut self, from: usize, n: usize) {
        if self.in_margins() {
            let (right, erased) = (self.right, self.erased());
            for r in self.top..self.bottom {
                let row = self.page.grid.row_mut(r);
                row.delete(from, right, n, erased);
                row.wrapped = false;
            }
        }
    }

    /// IL.
    pub fn insert_lines(&mut self, n: usize) {
        if self.in_margins() {
            self.scroll_down(self.at.row, n);
            self.at.col = self.left;
            self.at.pending = false;
        }
    }

    /// DL. What goes is gone: it left the middle of a screen, not its top.
    pub fn delete_lines(&mut self, n: usize) {
        if !self.in_margins() {
            return;
        }
        self.unwrap(self.bottom - 1);
        if self.at.row == 0 && !self.on_alt && self.full_width() {
            let erased = self.erased();
            let (bottom, n) = (self.bottom, n.min(self.bottom));
            self.page.grid.up(0, bottom, n, erased);
            self.history.close();
            self.scroll_images(0, n as i64, false);
        } else {
            self.scroll_up(self.at.row, n);
        }
        self.at.col = self.left;
        self.at.pending = false;
    }

    /// ICH.
    pub fn insert_chars(&mut self, n: usize) {
        self.at.pending = false;
        if self.at.col >= self.left && self.at.col < self.right {
            let (col, right, erased, cols) = (self.at.col, self.right, self.erased(), self.cols());
            let row = self.page.grid.row_mut(self.at.row);
            row.insert(col, right, n, erased);
            row.wrapped &= right < cols;
        }
    }

    /// DCH.
    pub fn delete_chars(&mut self, n: usize) {
        self.at.pending = false;
        if self.at.col >= self.left && self.at.col < self.right {
            let (col, right, erased) = (self.at.col, self.right, self.erased());
            let row = self.page.grid.row_mut(self.at.row);
            row.delete(col, right, n, erased);
            row.wrapped = false;
        }
    }

    /// DECSTBM: rows from 1; too few of them are ignored.
    pub fn set_rows(&mut self, top: usize, bottom: usize) {
        let top = top.max(1) - 1;
        let bottom = if bottom == 0 { self.rows() } else { bottom.min(self.rows()) };
        if top + 1 < bottom || (self.rows() == 1 && top == 0) {
            (self.top, self.bottom) = (top, bottom);
            self.goto(0, 0);
        }
    }

    /// DECSLRM.
    pub fn set_columns(&mut self, left: usize, right: usize) {
        let left = left.max(1) - 1;
        let right = if right == 0 { self.cols() } else { right.min(self.cols()) };
        if left + 1 < right {
            (self.left, self.right) = (left, right);
            self.goto(0, 0);
        }
    }

    /// ED 2 and RIS: what is on the primary screen goes into history, so that nothing is lost.
    pub fn scroll_away(&mut self) {
        if self.on_alt {
            return;
        }
        // a background alone is nothing to be kept
        let used = (0..self.rows()).rev().find(|r| self.page.grid.row(*r).cells.iter().any(|c| !c.is_blank()));
        let Some(last) = used else { return };
        for r in 0..=last {
            self.history.push(self.page.grid.row(r), &self.looks, &self.clusters);
        }
        self.history.close();
        let height = self.rows();
        self.page.grid.up(0, height, last + 1, Look::PLAIN);
    }
}
