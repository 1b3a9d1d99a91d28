//! Owns erasing, and what is done with rectangles (VT420). Leaves out scrolling.

use super::cell::Cell;
use super::csi::Csi;
use super::look::{Look, Pen};
use super::mode::Flags;
use super::sgr;
use super::terminal::Terminal;

/// Rows and columns, ends excluded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rect {
    pub top: usize,
    pub left: usize,
    pub bottom: usize,
    pub right: usize,
}

impl Terminal {
    /// Erases a part of a row. `selective` = protected cells stay.
    fn erase_part(&mut self, row: usize, from: usize, to: usize, selective: bool) {
        let erased = self.erased();
        let cols = self.cols();
        if selective {
            let row = self.page.grid.row_mut(row);
            let end = row.cells.len().min(to);
            let mut col = from;
            while let Some(cells) = row.cells.get(col..end).filter(|c| !c.is_empty()) {
                // a stretch of cells that look alike at a time
                let look = row.get(col).look;
                let next = col + cells.iter().position(|c| c.look != look).unwrap_or(cells.len());
                if !self.looks.is_protected(look) {
                    row.erase(col, next, Look::PLAIN);
                }
                col = next;
            }
            row.wrapped &= to < cols || !row.get(cols - 1).is_blank();
            return;
        }
        let row = self.page.grid.row_mut(row);
        row.erase(from, to, erased);
        if to >= cols {
            row.wrapped = false;
            if from == 0 {
                row.marks.clear();
            }
        }
    }

    fn erase_images(&mut self, top: usize, left: usize, bottom: usize, right: usize) {
        if !self.page.placements.is_empty() {
            self.page.placements.erase(top as i64..bottom as i64, left as u16..right as u16);
        }
    }

    /// Whether an erasing that is not selective heeds protection all the same: it was set by SPA (ECMA-48).
    fn heeds(&self, selective: bool) -> bool {
        selective || self.guarded
    }

    /// ED and DECSED.
    pub fn erase_display(&mut self, what: u16, selective: bool) {
        let selective = self.heeds(selective);
        let (rows, cols) = (self.rows(), self.cols());
        // clearing all of it loses nothing: it goes where it would have scrolled to (as in tmux)
        if !selective && (what == 2 || (what == 0 && self.at.row == 0 && self.at.col == 0)) {
            self.scroll_away();
        }
        match what {
            0 => {
                self.erase_part(self.at.row, self.behind(), cols, selective);
                for r in self.at.row + 1..rows {
                    self.erase_part(r, 0, cols, selective);
                }
                self.erase_images(self.at.row + 1, 0, rows, cols);
            }
            1 => {
                for r in 0..self.at.row {
                    self.erase_part(r, 0, cols, selective);
                }
                self.erase_part(self.at.row, 0, self.at.col + 1, selective);
                self.erase_images(0, 0, self.at.row, cols);
                if !self.on_alt {
                    self.history.close();
                }
            }
            2 => {
                for r in 0..rows {
                    self.erase_part(r, 0, cols, selective);
                }
                self.page.placements.clear();
                if !self.on_alt {
                    self.history.close();
                }
            }
            // the alternate screen has no history to be cleared
            3 if !selective && !self.on_alt => self.history.clear(),
            _ => {}
        }
    }

    /// Column of what is printed next: past the last one while a wrap is pending, which erasing leaves so (as tmux and
    /// alacritty do; xterm ends it).
    fn behind(&self) -> usize {
        self.at.col + usize::from(self.at.pending)
    }

    /// EL and DECSEL.
    pub fn erase_line(&mut self, what: u16, selective: bool) {
        let selective = self.heeds(selective);
        let (row, col, cols) = (self.at.row, self.at.col, self.cols());
        match what {
            0 => self.erase_part(row, self.behind(), cols, selective),
            1 => self.erase_part(row, 0, col + 1, selective),
            2 => self.erase_part(row, 0, cols, selective),
            _ => {}
        }
    }

    /// ECH.
    pub fn erase_chars(&mut self, n: usize) {
        let (row, col) = (self.at.row, self.behind());
        let end = (col + n).min(self.cols());
        self.erase_part(row, col, end, self.guarded);
    }

    /// DECALN: E everywhere, margins away; on terminals later than the VT100 (DECSCL) the cursor goes home.
    pub fn align(&mut self) {
        self.reset_margins();
        self.at.pending = false;
        if self.leveled {
            self.flags.set(Flags::ORIGIN, false);
            self.goto(0, 0);
        }
        let line = vec![b'E'; self.cols()];
        for r in 0..self.rows() {
            let row = self.page.grid.row_mut(r);
            row.clear();
            row.put_ascii(0, &line, Look::PLAIN);
        }
    }

    /// The rectangle of parameters `first..first + 4` (top, left, bottom, right; from 1). None if it is none.
    pub fn rectangle(&self, csi: &Csi, first: usize) -> Option<Rect> {
        let Rect { top: y, left: x, bottom, right } = self.frame();
        let at = |i: usize| usize::from(csi.param(first + i));
        let top = y + at(0).max(1) - 1;
        let left = x + at(1).max(1) - 1;
        let end_row = if at(2) == 0 { bottom } else { (y + at(2)).min(bottom) };
        let end_col = if at(3) == 0 { right } else { (x + at(3)).min(right) };
        (top < end_row && left < end_col).then_some(Rect { top, left, bottom: end_row, right: end_col })
    }

    /// DECERA, DECSERA.
    pub fn erase_rectangle(&mut self, csi: &Csi, selective: bool) {
        let Some(rect) = self.rectangle(csi, 0) else { return };
        // what SPA protects is not DECSCA's (xterm)
        let selective = selective && !self.guarded;
        for r in rect.top..rect.bottom {
            self.erase_part(r, rect.left, rect.right, selective);
        }
        self.erase_images(rect.top, rect.left, rect.bottom, rect.right);
    }

    /// DECFRA.
    pub fn fill_rectangle(&mut self, csi: &Csi) {
        let c = csi.param(0);
        let Some(rect) = self.rectangle(csi, 1) else { return };
        let Some(c) = char::from_u32(u32::from(c)).filter(|c| matches!(*c, ' '..='~' | '\u{a0}'..='\u{ff}')) else {
            return;
        };
        self.dip();
        let cell = Cell::char(c, self.look);
        for r in rect.top..rect.bottom {
            let row = self.page.grid.row_mut(r);
            row.cut(rect.left);
            row.cut(rect.right);
            row.reach(rect.right);
            if let Some(part) = row.cells.get_mut(rect.left..rect.right) {
                part.fill(cell);
            }
        }
    }

    /// DECCRA: pages are all the same one.
    pub fn copy_rectangle(&mut self, csi: &Csi) {
        let Some(from) = self.rectangle(csi, 0) else { return };
        let Rect { top: y, left: x, bottom, right } = self.frame();
        let (to_top, to_left) = (y + csi.count(5) - 1, x + csi.count(6) - 1);
        if to_top >= bottom || to_left >= right {
            return;
        }
        let height = (from.bottom - from.top).min(bottom - to_top);
        let width = (from.right - from.left).min(right - to_left);
        for r in from.top..from.top + height {
            let row = self.page.grid.row_mut(r);
            row.cut(from.left);
            row.cut(from.left + width);
        }
        let mut copy: Vec<Cell> = Vec::with_capacity(height * width);
        for r in from.top..from.top + height {
            let cells = &self.page.grid.row(r).cells;
            let end = (from.left + width).min(cells.len());
            // only the end of a row can have a place where nothing fitted
            let part = cells.get(from.left..end).unwrap_or_default();
            copy.extend(part.iter().map(|c| if c.is_spacer() { Cell::blank(c.look) } else { *c }));
            copy.resize((r + 1 - from.top) * width, Cell::BLANK);
        }
        for (r, cells) in (to_top..).zip(copy.chunks(width)) {
            let row = self.page.grid.row_mut(r);
            row.cut(to_left);
            row.cut(to_left + width);
            row.reach(to_left + width);
            if let Some(part) = row.cells.get_mut(to_left..to_left + width) {
                part.copy_from_slice(cells);
            }
        }
    }

    /// DECCARA (`reverse` = DECRARA): changes or flips attributes of a rectangle, or of the stream from its first to its
    /// last corner.
    pub fn change_rectangle(&mut self, csi: &Csi, reverse: bool) {
        let Some(rect) = self.rectangle(csi, 0) else { return };
        let what = csi.params().get(4..).filter(|p| !p.is_empty()).unwrap_or(&[0]).to_vec();
        let cols = self.cols();
        for r in rect.top..rect.bottom {
            let (from, to) = if self.by_rectangle {
                (rect.left, rect.right)
            } else {
                let from = if r == rect.top { rect.left } else { 0 };
                (from, if r + 1 == rect.bottom { rect.right } else { cols })
            };
            let row = self.page.grid.row_mut(r);
            row.reach(to);
            // half of a wide character belongs to its first half
            let from = from + usize::from(row.get(from).is_tail());
            let to = to + usize::from(row.get(to).is_tail());
            let mut last: Option<(Look, Look)> = None;
            // a place at the end where nothing fitted is none to change
            let cells = row.cells.get_mut(from..to).unwrap_or_default();
            for cell in cells.iter_mut().filter(|c| !c.is_spacer()) {
                let look = match last {
                    Some((old, new)) if old == cell.look => new,
                    _ => {
                        let mut pen = self.looks.pen(cell.look);
                        change(&mut pen, &what, reverse);
                        self.looks.look(&pen)
                    }
                };
                last = Some((cell.look, look));
                // what has attributes is no blank
                *cell = if cell.is_blank() { Cell::ascii(b' ', look) } else { cell.with_look(look) };
            }
        }
    }
}

/// Only attributes are changed by rectangle, and colours where xterm does so too.
fn change(pen: &mut Pen, what: &[u16], reverse: bool) {
    if !reverse {
        for n in what {
            sgr::simple(&mut pen.style, *n);
        }
        return;
    }
    let s = &mut pen.style;
    for n in what {
        match n {
            0 => {
                s.bold = !s.bold;
                s.underline = sgr::flipped(s.underline);
                s.blink = !s.blink;
                s.inverse = !s.inverse;
            }
            1 => s.bold = !s.bold,
            4 => s.underline = sgr::flipped(s.underline),
            5 => s.blink = !s.blink,
            7 => s.inverse = !s.inverse,
            8 => s.hidden = !s.hidden,
            _ => {}
        }
    }
}
