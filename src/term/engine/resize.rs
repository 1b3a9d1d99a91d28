//! Owns what a change of size does: reflow of the primary screen and its history, cutting of the alternate one.
//! Leaves out who wants it.

use super::cell::Cell;
use super::grid::Grid;
use super::look::Look;
use super::row::Row;
use super::terminal::{Place, Terminal};
use crate::proto::ids::Size;
use crate::term::marks::Mark;

/// A logical line: rows that were wrapped, joined.
#[derive(Default)]
struct Line {
    cells: Vec<Cell>,
    /// Background of the blanks to the right of it.
    fill: Look,
    marks: Vec<Mark>,
    /// Places to be kept: which, and so many cells from the line's start.
    places: Vec<(usize, usize)>,
}

impl Line {
    fn add(&mut self, row: &Row, cols: usize) {
        let before = self.cells.len();
        self.marks.extend(row.marks.iter().map(|m| Mark { col: m.col + before as u32, ..*m }));
        if row.wrapped {
            self.cells.extend_from_slice(&row.cells);
            if self.cells.last().is_some_and(|c| c.is_spacer()) {
                self.cells.pop();
            } else {
                self.cells.resize(before + cols, Cell::BLANK);
            }
        } else {
            let used = row.cells.iter().rposition(|c| !c.is_blank()).map_or(0, |i| i + 1);
            self.cells.extend_from_slice(row.cells.get(..used).unwrap_or_default());
            if row.cells.len() == cols
                && let Some(last) = row.cells.last()
            {
                self.fill = if last.is_blank() { last.look } else { Look::PLAIN };
            }
        }
    }

    /// Wide characters become a space each: there is no room for them in any row of one column.
    fn narrow(&mut self) {
        let before = |cells: &[Cell], n: usize| cells.iter().take(n).filter(|c| c.is_tail()).count();
        for mark in &mut self.marks {
            mark.col -= before(&self.cells, mark.col as usize) as u32;
        }
        for (_, offset) in &mut self.places {
            *offset -= before(&self.cells, *offset);
        }
        self.cells.retain(|c| !c.is_tail());
        for cell in self.cells.iter_mut().filter(|c| c.is_wide()) {
            *cell = Cell::ascii(b' ', cell.look);
        }
    }

    /// Rows of another width; where its places come to be is told to `found`.
    fn wrap(mut self, cols: usize, rows: &mut Vec<Row>, found: &mut [Option<Place>]) {
        if cols < 2 {
            self.narrow();
        }
        let first = rows.len();
        let mut row = Row::default();
        // cells of the line before each row, to find places and marks again
        let mut starts = vec![0];
        let mut i = 0;
        while let Some(&cell) = self.cells.get(i) {
            let width = if cell.is_wide() { 2 } else { 1 };
            if row.cells.len() + width > cols {
                if row.cells.len() < cols {
                    row.cells.push(Cell::spacer(Look::PLAIN));
                }
                row.wrapped = true;
                rows.push(std::mem::take(&mut row));
                starts.push(i);
            }
            row.cells.push(cell);
            if width == 2 {
                row.cells.push(Cell::tail(cell.look));
            }
            i += width;
        }
        if self.fill != Look::PLAIN {
            row.cells.resize(cols, Cell::blank(self.fill));
        }
        rows.push(row);
        let find = |offset: usize| {
            let r = starts.partition_point(|s| *s <= offset) - 1;
            (r, offset - starts.get(r).copied().unwrap_or(0))
        };
        for mark in &self.marks {
            let (r, col) = find(mark.col as usize);
            if let Some(row) = rows.get_mut(first + r) {
                // one behind the line's text may lie beyond the row: its place in the line is what counts
                row.mark(Mark { col: col as u32, ..*mark });
            }
        }
        for (which, offset) in &self.places {
            let (mut r, mut col) = find(*offset);
            // behind the line's text: rows of blanks are made for it
            while col > cols || (col == cols && *offset > self.cells.len()) {
                let at = first + r;
                if at + 1 >= rows.len() {
                    if let Some(row) = rows.get_mut(at) {
                        row.cells.resize(cols, Cell::BLANK);
                        row.wrapped = true;
                    }
                    rows.push(Row::default());
                }
                r += 1;
                col -= cols;
            }
            if let Some(place) = found.get_mut(*which) {
                let pending = col >= cols;
                *place = Some(Place { row: first + r, col: col.min(cols - 1), pending });
            }
        }
    }
}

/// Rows and columns of a screen that is not wrapped anew: at another width no row goes on in the next one.
fn cut(grid: &mut Grid, rows: usize, cols: usize) {
    grid.set_height(rows);
    if cols != grid.cols() {
        grid.set_cols(cols);
        grid.all_mut().for_each(|row| row.wrapped = false);
    }
}

/// Line editors (readline, zle, fish) know of no reflow: after a change of width they go up from the cursor by the rows
/// that were between the line's start and it, and draw it anew from there. So the cursor stays as far below the start,
/// `down` rows. Or else the editor would wipe what is above a line that takes fewer rows now, and leave the first rows
/// of one that takes more.
fn keep_down(from: usize, down: usize, rows: &mut Vec<Row>, found: &mut [Option<Place>]) {
    let to = from + down;
    if let Some(Some(cursor)) = found.first_mut()
        && cursor.row != to
    {
        (cursor.row, cursor.pending) = (to, false);
        while rows.len() <= to {
            rows.push(Row::default());
        }
    }
}

impl Terminal {
    /// Changes the size. Lines of the primary screen are wrapped anew; what finds no room becomes history, and history
    /// comes back where there is room. Margins go, as in xterm. `edited`: the program is a line editor, and draws the
    /// cursor's line anew.
    pub fn resize(&mut self, size: Size, edited: bool) {
        let size = size.clamped();
        if size == self.size {
            return;
        }
        let on_alt = self.on_alt;
        if on_alt {
            self.cut_alternate(size);
            std::mem::swap(&mut self.page, &mut self.other);
        }
        let mut places = if on_alt { vec![self.page.saved.place] } else { vec![self.at, self.page.saved.place] };
        self.reflow(size, &mut places, edited && !on_alt);
        if on_alt {
            self.page.saved.place = places.first().copied().unwrap_or_default();
            std::mem::swap(&mut self.page, &mut self.other);
        } else {
            let mut places = places.into_iter();
            self.at = places.next().unwrap_or_default();
            self.page.saved.place = places.next().unwrap_or_default();
            let (rows, cols) = (usize::from(size.rows), usize::from(size.cols));
            cut(&mut self.other.grid, rows, cols);
        }
        let cols = usize::from(size.cols);
        for page in [&mut self.page, &mut self.other] {
            let (rows, cols) = (usize::from(size.rows), cols);
            let place = &mut page.saved.place;
            place.pending &= place.col < cols;
            (place.row, place.col) = (place.row.min(rows - 1), place.col.min(cols - 1));
        }
        self.size = size;
        self.tabs.resize(cols);
        self.reset_margins();
        self.join = None;
        self.generation += 1;
    }

    /// The alternate screen, shown: rows are cut at the right and at the bottom, or at the top if the cursor is below.
    fn cut_alternate(&mut self, size: Size) {
        let (rows, cols) = (usize::from(size.rows), usize::from(size.cols));
        let over = (self.at.row + 1).saturating_sub(rows);
        if over > 0 {
            let height = self.rows();
            self.page.grid.up(0, height, over, Look::PLAIN);
            self.at.row -= over;
            self.page.saved.place.row = self.page.saved.place.row.saturating_sub(over);
        }
        cut(&mut self.page.grid, rows, cols);
        if self.at.col >= cols {
            self.at.col = cols - 1;
            self.at.pending = false;
        }
        self.at.pending &= self.at.col + 1 == cols;
        self.page.placements.shift(-(over as i64), rows as i64);
    }

    /// `self.page` is the primary screen; the first of the places is its cursor.
    fn reflow(&mut self, size: Size, places: &mut [Place], edited: bool) {
        let (height, cols) = (usize::from(size.rows), usize::from(size.cols));
        let old_cols = self.page.grid.cols();
        let cursor_before = places.first().map_or(0, |p| p.row) as i64;
        let mut rows = self.page.grid.take();
        let mut found: Vec<Option<Place>> = vec![None; places.len()];
        // rows below everything that must be kept
        let last_place = places.first().map_or(0, |p| p.row);
        let used = rows.iter().rposition(|r| r.content() > 0 || !r.marks.is_empty()).map_or(0, |i| i + 1);
        let used = used.max(last_place + 1).min(rows.len());
        let below = rows.len() - used;
        rows.truncate(used);
        // the edited line's first row, if it begins on the screen
        let mut edited_from = None;
        if cols == old_cols {
            for (place, found) in places.iter().zip(&mut found) {
                *found = Some(*place);
            }
        } else {
            let mut lines: Vec<Line> = Vec::new();
            let mut line = Line::default();
            let (mut begun, mut edited_line) = (0, None);
            let reaches_back = self.history.is_open();
            if self.history.is_open()
                && let Some((cells, marks)) = self.history.pop(&mut self.looks, &mut self.clusters)
            {
                (line.cells, line.marks) = (cells, marks);
            }
            for (r, row) in rows.iter().enumerate() {
                let before = line.cells.len();
                for (which, place) in places.iter().enumerate().filter(|(_, p)| p.row == r) {
                    line.places.push((which, before + place.col + usize::from(place.pending)));
                }
                line.add(row, old_cols);
                if edited && r == last_place && (begun > 0 || !reaches_back) {
                    edited_line = Some((lines.len(), r - begun));
                }
                if !row.wrapped {
                    begun = r + 1;
                    lines.push(std::mem::take(&mut line));
                }
            }
            if !line.cells.is_empty() || !line.places.is_empty() {
                lines.push(line);
            }
            rows = Vec::new();
            for (n, line) in lines.into_iter().enumerate() {
                let from = rows.len();
                line.wrap(cols, &mut rows, &mut found);
                if let Some((_, down)) = edited_line.filter(|(at, _)| *at == n) {
                    edited_from = Some(from);
                    keep_down(from, down, &mut rows, &mut found);
                }
            }
        }
        let cursor = found.first().copied().flatten().unwrap_or_default();
        let mut shift = 0i64;
        if rows.len() > height {
            // off the top, but never the cursor's row
            // (nor the row that an editor goes up to, if both have room)
            let most = edited_from.unwrap_or(cursor.row).max((cursor.row + 1).saturating_sub(height));
            let off = (rows.len() - height).min(most);
            for row in rows.drain(..off) {
                self.history.push(&row, &self.looks, &self.clusters);
            }
            shift = -(off as i64);
            if rows.len() > height {
                rows.truncate(height);
                if let Some(last) = rows.last_mut() {
                    last.wrapped = false;
                }
            }
        } else {
            let kept = below.min(height - rows.len());
            let room = height - rows.len() - kept;
            let wide = rows.first().is_some_and(|row| row.get(0).is_wide());
            let back = self.back_from_history(room, cols, wide);
            shift += back.len() as i64;
            rows.splice(0..0, back);
        }
        let stamp = self.page.grid.stamp();
        self.page.grid = Grid::new(Size { rows: 1, cols: size.cols }, stamp);
        self.page.grid.put(rows);
        self.page.grid.set_height(height);
        self.page.grid.touch();
        for (place, found) in places.iter_mut().zip(found) {
            let to = found.unwrap_or(*place);
            let row = (to.row as i64 + shift).clamp(0, height as i64 - 1) as usize;
            *place = Place { row, col: to.col.min(cols - 1), pending: to.pending };
        }
        let moved = places.first().map_or(0, |p| p.row) as i64 - cursor_before;
        self.page.placements.shift(moved, height as i64);
    }

    /// Takes up to so many rows out of history, top first. A line that does not fit whole stays open there.
    /// `wide` = the screen begins with a wide character, which did not fit in the row above if it goes on with that.
    fn back_from_history(&mut self, room: usize, cols: usize, wide: bool) -> Vec<Row> {
        let mut all: Vec<Row> = Vec::new();
        while all.len() < room {
            // the screen's first row goes on with it
            let open = self.history.is_open();
            let Some((cells, marks)) = self.history.pop(&mut self.looks, &mut self.clusters) else { break };
            let mut rows = Vec::new();
            Line { cells, marks, ..Line::default() }.wrap(cols, &mut rows, &mut []);
            if let Some(last) = rows.last_mut()
                && open
            {
                last.wrapped = true;
                if wide && last.cells.len() + 1 == cols {
                    last.cells.push(Cell::spacer(Look::PLAIN));
                }
                last.cells.resize(cols, Cell::BLANK);
            }
            let over = (all.len() + rows.len()).saturating_sub(room);
            for row in rows.drain(..over) {
                self.history.push(&row, &self.looks, &self.clusters);
            }
            rows.append(&mut all);
            all = rows;
        }
        all
    }

    /// The logical line a row belongs to, counted from the session's first, and its cells before this row.
    pub fn line_of(&self, row: usize) -> (u64, usize) {
        self.rows_of_lines().nth(row).expect("a row of the screen").0
    }

    /// The primary screen's rows, each with the logical line it is of and the cells of that line above it.
    pub fn rows_of_lines(&self) -> impl Iterator<Item = ((u64, usize), &Row)> {
        let grid = &self.primary().grid;
        let first = (self.history.end() - u64::from(self.history.is_open()), self.history.open_cells());
        grid.rows().scan(first, |at, row| {
            let place = *at;
            *at = if row.wrapped { (at.0, at.1 + row.used(grid.cols())) } else { (at.0 + 1, 0) };
            Some((place, row))
        })
    }
}
