//! Owns the terminal engine: bytes of a program in; cells, history, answers and events out.
//! Leaves out drawing and where the bytes come from. The state machine of sequences is the `vte` crate's.
//!
//! ```text
//! bytes -> parser (text, controls, sequences, strings) -> control (what each does) -> terminal
//!            terminal = two pages (grid of rows of cells) + cursor, pen, modes ... + history
//! ```
//!
//! # Layout
//! - `cell` `look` `cluster` `row` `grid`   what is on a screen: eight bytes a cell, tables for what does not fit
//! - `parser` `csi` `control`   what bytes mean
//! - `print` `motion` `erase` `sgr` `charset` `tabs` `mode` `osc` `graphics`   what sequences do
//! - `report`   answers
//! - `resize` `snapshot`   reflow; the whole state as bytes

pub(in crate::term) mod cell;
mod charset;
pub(in crate::term) mod cluster;
mod control;
pub(in crate::term) mod csi;
mod erase;
pub mod graphics;
mod grid;
pub(in crate::term) mod look;
mod mode;
mod motion;
mod osc;
mod parser;
mod print;
mod report;
mod resize;
pub(in crate::term) mod row;
pub(in crate::term) mod sgr;
mod snapshot;
pub use snapshot::picture;
mod tabs;
mod terminal;
#[cfg(test)]
mod tests;

use crate::proto::ids::Size;
use crate::term::history::History;
use crate::term::marks::Mark;
use crate::term::screen::{Cell, Color, Cursor, CursorShape, Event, Modes, Style, Text};
use mode::Flags;
use parser::Parser;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use terminal::Terminal;

/// Lines of history kept unless said otherwise.
pub const HISTORY_LINES: usize = 10_000;
/// Most lines of history that can be asked for.
pub const MOST_HISTORY: usize = 1_000_000;

/// Stamps of rows never meet, whichever engine gave them: each engine begins 2^40 after the one before it.
fn first_stamp() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1 << 40, Ordering::Relaxed)
}

/// A terminal: what a program wrote, as cells. Two engines of equal state stay equal under equal bytes and sizes.
pub struct Engine {
    parser: Parser,
    terminal: Box<Terminal>,
    /// How often it panicked, and began anew.
    resets: u32,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // never what is on the screen: logs hold no output
        f.debug_struct("Engine").field("size", &self.size()).field("generation", &self.generation()).finish()
    }
}

impl Engine {
    /// A blank terminal that keeps [`HISTORY_LINES`].
    pub fn new(size: Size) -> Engine {
        Engine::with_history(size, HISTORY_LINES)
    }

    /// A blank terminal that keeps so many lines, at most [`MOST_HISTORY`] (the size is clamped to what is valid).
    pub fn with_history(size: Size, lines: usize) -> Engine {
        let terminal = Terminal::new(size, lines.min(MOST_HISTORY));
        Engine { parser: Parser::default(), terminal: Box::new(terminal), resets: 0 }
    }

    /// The terminal of a [`Engine::snapshot`] taken at the same size. Fires no events; its history is empty.
    pub fn restore(size: Size, snapshot: &[u8]) -> Engine {
        Engine::restore_with_history(size, snapshot, HISTORY_LINES)
    }

    /// The same, keeping so many lines from now on.
    pub fn restore_with_history(size: Size, snapshot: &[u8], lines: usize) -> Engine {
        let mut engine = Engine::with_history(size, lines);
        engine.terminal.restoring = true;
        engine.feed(snapshot, &mut Vec::new());
        engine.terminal.restoring = false;
        engine
    }

    /// Takes a program's output, cut anywhere. What it says beside cells is added to `events`.
    pub fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        if bytes.is_empty() {
            return;
        }
        let fed = catch_unwind(AssertUnwindSafe(|| {
            // in pieces, so that tables are cleaned now and then
            for piece in bytes.chunks(64 << 10) {
                (self.terminal.said, self.terminal.resized) = (0, 0);
                self.parser.feed(piece, &mut self.terminal);
                self.terminal.clean();
            }
        }));
        if fed.is_err() {
            self.begin_anew();
        }
        self.terminal.generation += 1;
        events.append(&mut self.terminal.events);
    }

    /// A bug of ours must not end a session: its screen is blank then, and its history stays.
    fn begin_anew(&mut self) {
        let old = &mut self.terminal;
        let history = std::mem::replace(&mut old.history, History::new(0));
        let mut fresh = Terminal::new(old.size, 0);
        fresh.history = history;
        fresh.history.close();
        (fresh.generation, fresh.colors.outer, fresh.cell_px) = (old.generation, old.colors.outer, old.cell_px);
        (fresh.time, fresh.resizable, fresh.restoring) = (old.time, old.resizable, old.restoring);
        fresh.events = std::mem::take(&mut old.events);
        *self.terminal = fresh;
        self.parser = Parser::default();
        self.resets += 1;
    }

    /// How often a bug of ours made the screen begin anew.
    pub fn resets(&self) -> u32 {
        self.resets
    }

    /// Changes the size (clamped to what is valid): lines of the primary screen are wrapped anew.
    pub fn resize(&mut self, size: Size) {
        self.resize_under(size, false);
    }

    /// [`Engine::resize`] under a program that edits a line (a shell at its prompt), if `editor`: told of the new size,
    /// such programs draw the line anew by where its rows were before, and must find them there.
    pub fn resize_under(&mut self, size: Size, editor: bool) {
        if catch_unwind(AssertUnwindSafe(|| self.terminal.resize(size, editor))).is_err() {
            self.terminal.size = size.clamped();
            self.begin_anew();
        }
    }

    /// Whether a program may change the size itself (DECCOLM, `CSI 8 t`): then [`Event::Resized`] says so.
    pub fn set_resizable(&mut self, on: bool) {
        self.terminal.resizable = on;
    }

    pub fn size(&self) -> Size {
        self.terminal.size
    }

    /// Where the cursor is; never outside the screen, also when a wrap is pending.
    pub fn cursor(&self) -> Cursor {
        let t = &self.terminal;
        let shape = match t.cursor_style {
            1 => CursorShape::Block { blink: true },
            2 => CursorShape::Block { blink: false },
            3 => CursorShape::Underline { blink: true },
            4 => CursorShape::Underline { blink: false },
            5 => CursorShape::Bar { blink: true },
            6 => CursorShape::Bar { blink: false },
            _ => CursorShape::Default,
        };
        let visible = t.flags.has(Flags::VISIBLE);
        Cursor { row: t.at.row as u16, col: t.at.col as u16, visible, shape }
    }

    pub fn modes(&self) -> Modes {
        let t = &self.terminal;
        let has = |flag| t.flags.has(flag);
        Modes {
            app_cursor: has(Flags::APP_CURSOR),
            app_keypad: has(Flags::APP_KEYPAD),
            bracketed_paste: has(Flags::PASTE),
            focus: has(Flags::FOCUS),
            mouse: t.mouse,
            encoding: t.encoding,
            alt_screen: t.on_alt,
            alt_scroll: has(Flags::ALT_SCROLL),
            sync: has(Flags::SYNC),
            color_scheme: has(Flags::SCHEME),
            backspace_bs: has(Flags::BACKSPACE),
            newline: has(Flags::NEWLINE),
            kitty: t.page.keys,
            modify_other_keys: t.modify_other_keys,
        }
    }

    /// OSC 0 or 2: no control characters, at most 256 characters. Untrusted.
    pub fn title(&self) -> &str {
        &self.terminal.names.title
    }

    /// OSC 7: an absolute path. Untrusted.
    pub fn directory(&self) -> &str {
        &self.terminal.directory
    }

    /// The colours told to a program that asks (OSC 10, 11).
    pub fn set_colors(&mut self, fg: (u8, u8, u8), bg: (u8, u8, u8)) {
        self.terminal.colors.outer = (fg, bg);
    }

    /// Milliseconds since the epoch, for the marks of what is fed from here on.
    pub fn set_time(&mut self, ms: u64) {
        self.terminal.time = ms;
    }

    /// A cell as it is to be seen; a blank one outside the screen.
    pub fn cell(&self, row: u16, col: u16) -> Cell<'_> {
        let t = &*self.terminal;
        if row >= t.size.rows || col >= t.size.cols {
            return Cell { text: Text::default(), width: 1, style: Style::PLAIN };
        }
        let cell = t.page.grid.row(usize::from(row)).get(usize::from(col));
        let plain = cell.look == look::Look::PLAIN;
        self.seen(cell, if plain { Style::PLAIN } else { t.looks.pen(cell.look).style })
    }

    fn seen(&self, cell: cell::Cell, mut style: Style) -> Cell<'_> {
        let t = &*self.terminal;
        let text = match (cell.one(), cell.cluster_index()) {
            (Some(c), _) => Text::one(c),
            (None, Some(n)) => Text::many(t.clusters.text(n)),
            (None, None) => Text::default(),
        };
        style.inverse ^= t.flags.has(Flags::REVERSE);
        Cell { text, width: cell.width(), style }
    }

    /// The cells of a row as far as it has content, each with the address it leads to ([`Engine::link`]). What is beyond
    /// looks like [`Engine::blank`].
    pub fn row_cells(&self, row: u16) -> impl Iterator<Item = (Cell<'_>, Option<&str>)> {
        let t = &*self.terminal;
        let cells = if row < t.size.rows { t.page.grid.row(usize::from(row)).cells.as_slice() } else { &[] };
        // neighbours mostly look the same
        let (mut look, mut pen, mut link) = (look::Look::PLAIN, look::Pen::PLAIN, None);
        cells.iter().take(usize::from(t.size.cols)).map(move |cell| {
            if cell.look != look {
                (look, pen) = (cell.look, t.looks.pen(cell.look));
                link = t.looks.address(pen.link);
            }
            (self.seen(*cell, pen.style), link)
        })
    }

    /// How a cell without content is to be seen.
    pub fn blank(&self) -> Cell<'_> {
        self.seen(cell::Cell::BLANK, Style::PLAIN)
    }

    /// Whether the program has changed colours (OSC 4, 10, 11), so that [`Engine::recolor`] has something to do.
    pub fn has_colors(&self) -> bool {
        self.terminal.colors.are_set()
    }

    /// Colours that the program has changed become what they are now, for drawing.
    pub fn recolor(&self, style: &mut Style) {
        let colors = &self.terminal.colors;
        let set = |color: Color, default: Option<osc::Rgb>| match color {
            Color::Default => default.map_or(Color::Default, |(r, g, b)| Color::Rgb(r, g, b)),
            Color::Index(i) => colors.palette.get(&i).map_or(color, |&(r, g, b)| Color::Rgb(r, g, b)),
            rgb => rgb,
        };
        let [fg, bg, ..] = colors.dynamic;
        style.fg = set(style.fg, fg);
        style.bg = set(style.bg, bg);
        style.underline_color = set(style.underline_color, None);
    }

    /// The address a cell leads to (OSC 8). Untrusted.
    pub fn link(&self, row: u16, col: u16) -> Option<&str> {
        let t = &*self.terminal;
        if row >= t.size.rows {
            return None;
        }
        let cell = t.page.grid.row(usize::from(row)).get(usize::from(col));
        t.looks.address(t.looks.pen(cell.look).link)
    }

    /// A number that is another one whenever the row's cells may have changed, and goes with the row when it is scrolled:
    /// equal numbers mean equal cells. Never 0.
    pub fn row_stamp(&self, row: u16) -> u64 {
        let t = &*self.terminal;
        if row >= t.size.rows {
            return u64::MAX;
        }
        t.page.grid.row(usize::from(row)).stamp
    }

    /// Whether the row's line goes on in the row below.
    pub fn row_wrapped(&self, row: u16) -> bool {
        row < self.terminal.size.rows && self.terminal.page.grid.row(usize::from(row)).wrapped
    }

    /// Blanks that [`Engine::text_rows`] (or `ansi_rows`, if `coloured`) leaves off at the end of a row that goes on below:
    /// there they are the line's. 0 of other rows.
    pub fn blanks_before_wrap(&self, row: u16, coloured: bool) -> usize {
        if !self.row_wrapped(row) {
            return 0;
        }
        let cols = self.size().cols;
        let blank = |col: &u16| {
            let cell = self.cell(row, *col);
            cell.width > 0 && matches!(&*cell.text, "" | " ") && (!coloured || cell.style == Style::default())
        };
        let last = self.terminal.page.grid.row(usize::from(row)).get(usize::from(cols) - 1);
        (0..cols).rev().take_while(blank).count().saturating_sub(usize::from(last.is_spacer()))
    }

    /// The logical line that a row of the primary screen belongs to, counted from the session's first, and how many of
    /// its cells come before this row.
    pub fn line_of(&self, row: u16) -> (u64, usize) {
        self.terminal.line_of(usize::from(row.min(self.terminal.size.rows - 1)))
    }

    /// Where a cell of a logical line is on the primary screen; None if it has left it. Of a cell behind the line's end,
    /// the last column it can be in.
    pub fn place_of(&self, line: u64, cell: usize) -> Option<(u16, u16)> {
        let cols = usize::from(self.terminal.size.cols);
        for (r, ((n, before), row)) in (0u16..).zip(self.terminal.rows_of_lines()) {
            if n == line && cell >= before && (cell < before + row.used(cols) || !row.wrapped) {
                return Some((r, (cell - before).min(cols - 1) as u16));
            }
        }
        None
    }

    /// The screen's rows as text, trailing blanks trimmed.
    pub fn text_rows(&self) -> Vec<String> {
        let t = &*self.terminal;
        let row = |row: &row::Row| {
            let mut text = String::with_capacity(row.cells.len());
            for cell in &row.cells {
                if cell.is_blank() {
                    text.push(' ');
                } else {
                    t.clusters.push(*cell, &mut text);
                }
            }
            text.truncate(text.trim_end_matches(' ').len());
            text
        };
        t.page.grid.rows().map(row).collect()
    }

    /// The screen's rows with SGR sequences; each starts from the default pen and ends with it.
    pub fn ansi_rows(&self) -> Vec<String> {
        (0..self.size().rows).map(|row| self.ansi_row(row)).collect()
    }

    fn ansi_row(&self, row: u16) -> String {
        let mut out = Vec::new();
        let mut pen = Style::default();
        let mut blanks = 0;
        for cell in (0..self.size().cols).map(|col| self.cell(row, col)).filter(|cell| cell.width > 0) {
            let blank = cell.text.is_empty() || &*cell.text == " ";
            if blank && cell.style == Style::default() {
                blanks += 1;
                continue;
            }
            if blanks > 0 {
                if pen != Style::default() {
                    out.extend_from_slice(b"\x1b[m");
                    pen = Style::default();
                }
                out.resize(out.len() + std::mem::take(&mut blanks), b' ');
            }
            if cell.style != pen {
                pen = cell.style;
                sgr::write(&pen, &mut out);
            }
            out.extend_from_slice(if blank { b" " } else { cell.text.as_bytes() });
        }
        if pen != Style::default() {
            out.extend_from_slice(b"\x1b[m");
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// A VT stream of which [`Engine::restore`], at the same size, makes an engine equal to this one in everything seen
    /// and unseen: both screens, cursors, pens, margins, modes, tabs, sets, colours, titles, links, keyboard flags,
    /// marks, and the sequence or character that is unfinished at this point. Not the history, but its numbers.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = self.terminal.snapshot();
        out.extend_from_slice(&self.parser.unfinished());
        out
    }

    /// The same for a build of protocol revision 1: what is seen, and what later bytes commonly depend on.
    pub fn snapshot_plain(&self) -> Vec<u8> {
        let mut out = self.terminal.snapshot_plain();
        out.extend_from_slice(&self.parser.unfinished());
        out
    }

    /// As a client that speaks this protocol revision reads it.
    pub fn snapshot_for(&self, revision: u32) -> Vec<u8> {
        if revision < 2 { self.snapshot_plain() } else { self.snapshot() }
    }

    /// The lines that have left the primary screen.
    pub fn history(&self) -> &History {
        &self.terminal.history
    }

    /// All OSC 133 marks of the history kept and of the primary screen, oldest first.
    pub fn marks(&self) -> Vec<Mark> {
        let t = &*self.terminal;
        let mut marks: Vec<Mark> = t.history.marks().copied().collect();
        for ((line, before), row) in t.rows_of_lines() {
            marks.extend(row.marks.iter().map(|m| Mark { line, col: m.col + before as u32, ..*m }));
        }
        marks
    }

    /// Pictures on the screen (sixel, kitty): their places and sizes.
    pub fn pictures(&self) -> impl Iterator<Item = &graphics::Placement> {
        self.terminal.page.placements.iter()
    }

    /// Changes whenever something visible may have changed.
    pub fn generation(&self) -> u64 {
        self.terminal.generation
    }
}
