//! Owns the rows of one screen and their order. Leaves out the cursor and what a program may do with them.

use super::look::Look;
use super::row::Row;
use crate::proto::ids::Size;

pub(in crate::term) struct Grid {
    /// In no order; `order` says which is where, so that scrolling moves four bytes a row.
    rows: Vec<Row>,
    order: Vec<u32>,
    cols: usize,
    stamp: u64,
}

impl Grid {
    pub fn new(size: Size, stamp: u64) -> Grid {
        let mut grid = Grid { rows: Vec::new(), order: Vec::new(), cols: usize::from(size.cols), stamp };
        grid.set_height(usize::from(size.rows));
        grid
    }

    #[inline]
    pub fn height(&self) -> usize {
        self.order.len()
    }
    #[inline]
    pub fn cols(&self) -> usize {
        self.cols
    }
    /// The newest stamp given.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Row `r` from the top, which is within the height.
    #[inline]
    pub fn row(&self, r: usize) -> &Row {
        &self.rows[self.order[r] as usize]
    }

    /// The same to be changed: it gets a new stamp.
    #[inline]
    pub fn row_mut(&mut self, r: usize) -> &mut Row {
        self.stamp += 1;
        let row = &mut self.rows[self.order[r] as usize];
        row.stamp = self.stamp;
        row
    }

    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.order.iter().map(|&i| &self.rows[i as usize])
    }

    /// All rows in no order, for moving what they point to; their stamps stay.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Row> {
        self.rows.iter_mut()
    }

    /// Moves the rows `top..bottom` up by `n` (at most their number); the rows that come in are blank.
    #[inline]
    pub fn up(&mut self, top: usize, bottom: usize, n: usize, look: Look) {
        let n = n.min(bottom - top);
        if n == 1 {
            // the usual case, and what a flood is made of
            let first = self.order[top];
            self.order.copy_within(top + 1..bottom, top);
            self.order[bottom - 1] = first;
        } else {
            self.order[top..bottom].rotate_left(n);
        }
        for r in bottom - n..bottom {
            self.blank(r, look);
        }
    }

    /// The same downwards.
    pub fn down(&mut self, top: usize, bottom: usize, n: usize, look: Look) {
        let n = n.min(bottom - top);
        self.order[top..bottom].rotate_right(n);
        for r in top..top + n {
            self.blank(r, look);
        }
    }

    #[inline]
    pub fn blank(&mut self, r: usize, look: Look) {
        let cols = self.cols;
        let row = self.row_mut(r);
        row.clear();
        if look != Look::PLAIN {
            row.erase(0, cols, look);
        }
    }

    /// Adds blank rows at the bottom or drops rows there.
    pub fn set_height(&mut self, height: usize) {
        while self.order.len() < height {
            self.stamp += 1;
            self.order.push(self.rows.len() as u32);
            self.rows.push(Row { stamp: self.stamp, ..Row::default() });
        }
        if self.order.len() > height {
            let rows = self.take();
            self.put(rows.into_iter().take(height).collect());
        }
    }

    /// Takes all rows out, top first.
    pub fn take(&mut self) -> Vec<Row> {
        let mut rows: Vec<Option<Row>> = std::mem::take(&mut self.rows).into_iter().map(Some).collect();
        let order = std::mem::take(&mut self.order);
        order.into_iter().filter_map(|i| rows[i as usize].take()).collect()
    }

    /// Puts rows in, top first, in place of those there.
    pub fn put(&mut self, rows: Vec<Row>) {
        self.order = (0..rows.len() as u32).collect();
        self.rows = rows;
    }

    /// Another width: rows are cut, or are as they were and blank beyond. (Reflow comes before, where it is wanted.)
    pub fn set_cols(&mut self, cols: usize) {
        for r in 0..self.height() {
            if self.row(r).cells.len() > cols {
                let row = self.row_mut(r);
                row.cut(cols);
                row.cells.truncate(cols);
                row.wrapped = false;
            }
        }
        self.cols = cols;
        self.touch();
    }

    /// Every row counts as changed.
    pub fn touch(&mut self) {
        for r in 0..self.height() {
            self.row_mut(r);
        }
    }
}
