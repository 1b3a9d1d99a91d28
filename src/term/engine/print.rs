//! Owns printing: where characters go, wrapping, what joins the character before. Leaves out the reading of bytes.

use super::cell::Cell;
use super::cluster;
use super::mode::Flags;
use super::parser::{Utf8, decode};
use super::terminal::Terminal;
use crate::term::width;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

const JOINER: char = '\u{200d}';

impl Terminal {
    /// Prints bytes of 0x20 to 0x7e, which is what they all are.
    #[inline]
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
        self.joiner = false;
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
            let (now, rest) = if text.len() <= room || self.flags.has(Flags::AUTOWRAP) {
                text.split_at(text.len().min(room))
            } else if room > 1 {
                // the last column takes what comes last
                (text.get(..room - 1).unwrap_or_default(), text.get(text.len() - 1..).unwrap_or_default())
            } else {
                text = text.get(text.len() - 1..).unwrap_or_default();
                text.split_at(1)
            };
            let n = now.len();
            let (look, insert, col) = (self.look, self.flags.has(Flags::INSERT), self.at.col);
            let erased = if insert { self.erased() } else { look };
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

    /// Prints what it can of text that begins with a character of several bytes: as far as there is room in the row and
    /// nothing is special. The bytes taken; if there are none, the first character is one for [`Terminal::print`].
    pub fn print_text(&mut self, bytes: &[u8]) -> usize {
        if self.joiner
            || self.at.pending
            || self.flags.has(Flags::INSERT | Flags::CLUSTERS)
            || !self.charsets.is_plain()
        {
            return 0;
        }
        self.dip();
        let (look, end) = (self.look, self.line_end());
        let mut i = 0;
        loop {
            let (mut col, mut before, mut last, mut joins) = (self.at.col, None, '\0', None);
            let row = self.page.grid.row_mut(self.at.row);
            while let Some(&b) = bytes.get(i) {
                let (c, n) = match b {
                    0x20..=0x7e => {
                        // a longer stretch of ASCII is quicker taken as such
                        let stretch = |s: &[u8]| s.iter().all(|b| (0x20..0x7f).contains(b));
                        if bytes.get(i..i + 12).is_some_and(stretch) {
                            break;
                        }
                        (char::from(b), 1)
                    }
                    0x80.. => match decode(bytes.get(i..).unwrap_or_default()) {
                        Utf8::Char(c, n) if c >= '\u{a0}' => (c, n),
                        _ => break,
                    },
                    _ => break,
                };
                let width = width::of(c);
                if width == 0 {
                    joins = Some((c, n));
                    break;
                }
                // the last column is another matter
                if col + width >= end {
                    break;
                }
                row.put(col, Cell::char(c, look), width == 2);
                (before, last) = (Some(col), c);
                col += width;
                i += n;
            }
            if let Some(before) = before {
                self.at.col = col;
                self.join = Some((self.at.row, before));
                self.last = Some(last);
            }
            let Some((c, n)) = joins else { return i };
            // (with nothing before it, it is dropped)
            self.joins(c, 0);
            i += n;
            // what follows a joiner belongs to the same
            while self.joiner {
                match decode(bytes.get(i..).unwrap_or_default()) {
                    Utf8::Char(c, n) if c >= '\u{a0}' && self.joins(c, width::of(c)) => i += n,
                    _ => return i,
                }
            }
        }
    }

    /// Prints one character.
    #[inline]
    pub fn print(&mut self, c: char) {
        let width = width::of(c);
        if (width == 0 || self.joiner || self.flags.has(Flags::CLUSTERS)) && !c.is_ascii() && self.joins(c, width) {
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
    #[inline]
    pub fn put(&mut self, cell: Cell, width: usize) {
        let col = self.at.col;
        let to = col + width;
        if self.at.pending || to >= self.line_end() || self.flags.has(Flags::INSERT) {
            return self.put_at_edge(cell, width);
        }
        self.page.grid.row_mut(self.at.row).put(col, cell, width == 2);
        self.at.col = to;
        self.join = Some((self.at.row, col));
        self.joiner = false;
    }

    fn put_at_edge(&mut self, cell: Cell, width: usize) {
        let wide = width == 2;
        self.joiner = false;
        if self.at.pending {
            if self.flags.has(Flags::AUTOWRAP) {
                self.wrap();
            } else {
                self.at.pending = false;
            }
        }
        let mut end = self.line_end();
        if wide && self.at.col + 2 > end {
            let start = self.line_start();
            if !self.flags.has(Flags::AUTOWRAP) || end - start < 2 {
                // it fits nowhere: dropped, as tmux does
                return;
            }
            let (col, erased, cols) = (self.at.col, self.erased(), self.cols());
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
        let (insert, col, cols) = (self.flags.has(Flags::INSERT), self.at.col, self.cols());
        let erased = if insert { self.erased() } else { cell.look };
        let row = self.page.grid.row_mut(self.at.row);
        if insert {
            row.insert(col, end, width, erased);
        }
        row.put(col, cell, wide);
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
            let cols = self.cols();
            let row = self.page.grid.row_mut(self.at.row);
            // it may have been erased meanwhile
            row.reach(cols);
            row.wrapped = true;
        }
        self.at.col = self.line_start();
        self.at.pending = false;
        self.index();
    }

    /// Adds a character to the one before it, if it belongs there.
    ///
    /// Without mode 2027: what has no width, and what follows a joiner (as tmux does); widths stay what they are, as
    /// programs count them by `wcwidth`. With it: what Unicode calls one grapheme cluster (UAX 29), as wide as that is.
    fn joins(&mut self, c: char, width: usize) -> bool {
        let Some(mut col) = (if self.at.pending { Some(self.at.col) } else { self.at.col.checked_sub(1) }) else {
            return false;
        };
        let row = self.page.grid.row(self.at.row);
        let mut cell = row.get(col);
        if cell.is_tail() {
            col = col.saturating_sub(1);
            cell = row.get(col);
        }
        let printed = self.join == Some((self.at.row, col));
        if width > 0 && !printed {
            return false;
        }
        // known from before, as most are: nothing is put together
        let ends = || cell.cluster_index().is_some_and(|n| self.clusters.text(n).ends_with(JOINER));
        if !self.flags.has(Flags::CLUSTERS)
            && (width == 0 || ends())
            && let Some(number) = self.clusters.step(cell, c)
        {
            self.become_joined(col, cell, number);
            self.joiner = c == JOINER && printed;
            return true;
        }
        self.joins_anew(c, width, col, cell, printed)
    }

    /// A cell of the cursor's row comes to show a cluster, as wide as it was.
    fn become_joined(&mut self, col: usize, cell: Cell, number: u32) {
        let joined = Cell::cluster(number, cell.look);
        let row = self.page.grid.row_mut(self.at.row);
        row.reach(col + 1);
        if let Some(slot) = row.cells.get_mut(col) {
            *slot = if cell.is_wide() { joined.widened() } else { joined };
        }
    }

    #[cold]
    fn joins_anew(&mut self, c: char, width: usize, col: usize, cell: Cell, printed: bool) -> bool {
        let clusters = self.flags.has(Flags::CLUSTERS);
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        self.clusters.push(cell, &mut text);
        let belongs = if width == 0 {
            if text.is_empty() && cell.is_blank() {
                text.push(' ');
            }
            !text.is_empty()
        } else if clusters {
            let before = text.len();
            text.push(c);
            let one = before > 0 && text.graphemes(true).nth(1).is_none();
            text.truncate(before);
            one
        } else {
            text.ends_with(JOINER)
        };
        if !belongs {
            self.scratch = text;
            return false;
        }
        if text.len() + c.len_utf8() > cluster::MOST {
            // dropped, as it would belong here
            self.scratch = text;
            return true;
        }
        text.push(c);
        self.joiner = c == JOINER && printed;
        let number = self.clusters.number(&text);
        self.clusters.learn(cell, c, number);
        let grows = clusters && printed && !cell.is_wide() && text.width() >= 2;
        self.scratch = text;
        let end = self.line_end();
        if grows && !self.at.pending && self.at.col < end {
            self.page.grid.row_mut(self.at.row).put(col, Cell::cluster(number, cell.look), true);
            let to = col + 2;
            self.at.pending = to >= end;
            self.at.col = to.min(end - 1);
        } else {
            self.become_joined(col, cell, number);
        }
        true
    }

    /// REP (ECMA-48 8.3.103): at most so many as a row has columns, as in tmux; ncurses asks for no more.
    pub fn repeat(&mut self, count: usize) {
        let Some(c) = self.last else { return };
        let count = count.min(self.cols());
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
        self.dip();
        let (cell, width) = (Cell::char(c, self.look), width::of(c).max(1));
        let mut left = count.min((self.rows() * self.cols()).div_ceil(width));
        while left > 0 {
            let col = self.at.col;
            // short of the last column, where wrapping begins
            let room = (self.line_end() - col - 1) / width;
            if room == 0 || self.at.pending || self.flags.has(Flags::INSERT) {
                self.put(cell, width);
                left -= 1;
                continue;
            }
            let n = room.min(left);
            self.page.grid.row_mut(self.at.row).put_many(col, cell, width == 2, n);
            self.at.col = col + n * width;
            self.join = Some((self.at.row, self.at.col - width));
            self.joiner = false;
            left -= n;
        }
        self.last = Some(c);
    }
}
