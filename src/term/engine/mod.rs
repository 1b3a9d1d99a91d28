//! Owns the terminal engine: bytes of a program in; cells, history, answers and events out.
//! Leaves out drawing and where the bytes come from. Behind it stands the vt100 crate, which no other module names.
//!
//! ```text
//! bytes -> guard (whole tokens) -> terminal (modes, answers, strings) -> vt100 (cells) -> scroll -> history
//! ```

mod charset;
mod guard;
mod osc;
mod params;
mod pen;
mod replies;
mod scroll;
mod snapshot;
mod terminal;
#[cfg(test)]
mod tests;

use crate::proto::ids::Size;
use crate::term::history::History;
use crate::term::screen::{Cell, Cursor, CursorShape, Event, Modes, MouseEncoding, MouseMode, Style};
use guard::Guard;
use terminal::Terminal;

/// Lines of history kept unless said otherwise.
pub const HISTORY_LINES: usize = 10_000;

const BLANK: Cell<'static> = Cell { text: "", width: 1, style: Style::PLAIN };

/// A terminal: what a program wrote, as cells. Two engines of equal state stay equal under equal bytes and sizes.
pub struct Engine {
    guard: Guard,
    terminal: Terminal,
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

    /// A blank terminal that keeps so many lines (the size is clamped to what is valid).
    pub fn with_history(size: Size, lines: usize) -> Engine {
        Engine { guard: Guard::default(), terminal: Terminal::new(size, lines) }
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
        engine.terminal.parser.callbacks_mut().history = History::new(lines);
        engine
    }

    /// Takes a program's output, cut anywhere. What it says beside cells is added to `events`.
    pub fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        self.guard.feed(bytes, &mut self.terminal);
        events.append(&mut self.terminal.events);
    }

    /// Changes the size (clamped to what is valid). Rows that no longer fit go off the top into history.
    pub fn resize(&mut self, size: Size) {
        self.terminal.resize(size);
    }

    pub fn size(&self) -> Size {
        self.terminal.size
    }

    /// Where the cursor is; never outside the screen, also when a wrap is pending.
    pub fn cursor(&self) -> Cursor {
        let screen = self.terminal.screen();
        let (row, col) = screen.cursor_position();
        let shape = match screen.cursor_style() {
            vt100::CursorStyle::Default => CursorShape::Default,
            vt100::CursorStyle::BlinkBlock => CursorShape::Block { blink: true },
            vt100::CursorStyle::SteadyBlock => CursorShape::Block { blink: false },
            vt100::CursorStyle::BlinkUnderline => CursorShape::Underline { blink: true },
            vt100::CursorStyle::SteadyUnderline => CursorShape::Underline { blink: false },
            vt100::CursorStyle::BlinkVerticalBar => CursorShape::Bar { blink: true },
            vt100::CursorStyle::SteadyVerticalBar => CursorShape::Bar { blink: false },
        };
        Cursor { row, col: col.min(self.size().cols.saturating_sub(1)), visible: !screen.hide_cursor(), shape }
    }

    pub fn modes(&self) -> Modes {
        let screen = self.terminal.screen();
        Modes {
            app_cursor: screen.application_cursor(),
            app_keypad: screen.application_keypad(),
            bracketed_paste: screen.bracketed_paste(),
            focus: self.terminal.focus,
            mouse: match screen.mouse_protocol_mode() {
                vt100::MouseProtocolMode::None => MouseMode::Off,
                vt100::MouseProtocolMode::Press => MouseMode::Press,
                vt100::MouseProtocolMode::PressRelease => MouseMode::PressRelease,
                vt100::MouseProtocolMode::ButtonMotion => MouseMode::ButtonMotion,
                vt100::MouseProtocolMode::AnyMotion => MouseMode::AnyMotion,
            },
            encoding: match screen.mouse_protocol_encoding() {
                vt100::MouseProtocolEncoding::Default => MouseEncoding::Default,
                vt100::MouseProtocolEncoding::Utf8 => MouseEncoding::Utf8,
                vt100::MouseProtocolEncoding::Sgr => MouseEncoding::Sgr,
            },
            alt_screen: screen.alternate_screen(),
            alt_scroll: self.terminal.alt_scroll,
            sync: self.terminal.sync,
            ..Modes::default()
        }
    }

    /// OSC 0 or 2: no control characters, at most 256 characters. Untrusted.
    pub fn title(&self) -> &str {
        &self.terminal.title
    }

    /// OSC 7: an absolute path. Untrusted.
    pub fn directory(&self) -> &str {
        &self.terminal.directory
    }

    /// The colours told to a program that asks (OSC 10, 11).
    pub fn set_colors(&mut self, fg: (u8, u8, u8), bg: (u8, u8, u8)) {
        self.terminal.colors = (fg, bg);
    }

    /// A cell; a blank one outside the screen.
    pub fn cell(&self, row: u16, col: u16) -> Cell<'_> {
        let Some(cell) = self.terminal.screen().cell(row, col) else { return BLANK };
        let width = match () {
            () if cell.is_wide_continuation() => 0,
            () if cell.is_wide() => 2,
            () => 1,
        };
        Cell { text: cell.contents(), width, style: pen::of_cell(cell) }
    }

    /// Whether the row's line goes on in the row below.
    pub fn row_wrapped(&self, row: u16) -> bool {
        self.terminal.screen().row_wrapped(row)
    }

    /// The screen's rows as text, trailing blanks trimmed.
    pub fn text_rows(&self) -> Vec<String> {
        let size = self.size();
        let row = |row: u16| {
            let mut text = String::new();
            for cell in (0..size.cols).map(|col| self.cell(row, col)).filter(|cell| cell.width > 0) {
                text.push_str(if cell.text.is_empty() { " " } else { cell.text });
            }
            text.truncate(text.trim_end_matches(' ').len());
            text
        };
        (0..size.rows).map(row).collect()
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
            let blank = cell.text.is_empty() || cell.text == " ";
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
                pen::write(&pen, &mut out);
            }
            out.extend_from_slice(if blank { b" " } else { cell.text.as_bytes() });
        }
        if pen != Style::default() {
            out.extend_from_slice(b"\x1b[m");
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// A VT stream of which [`Engine::restore`], at the same size, makes an engine equal to this one in everything
    /// that later bytes depend on: both screens, cursors, pen, margins, modes, charsets, title, folder, and the
    /// sequence or character that is unfinished at this point. Not the history.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = self.terminal.snapshot();
        out.extend_from_slice(&self.guard.unfinished());
        out
    }

    /// The lines that have left the primary screen.
    pub fn history(&self) -> &History {
        &self.terminal.parser.callbacks().history
    }

    /// A number that is another one whenever the row's cells may have changed, and goes with the row when it is scrolled:
    /// equal numbers of one engine mean equal cells. Never 0.
    pub fn row_stamp(&self, row: u16) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        for cell in (0..self.size().cols).map(|col| self.cell(row, col)) {
            (cell.text, cell.width, cell.style).hash(&mut hasher);
        }
        hasher.finish().max(1)
    }

    /// The address a cell leads to (OSC 8). Untrusted.
    pub fn link(&self, _row: u16, _col: u16) -> Option<&str> {
        None
    }

    /// Changes whenever something visible may have changed.
    pub fn generation(&self) -> u64 {
        self.terminal.generation
    }
}
