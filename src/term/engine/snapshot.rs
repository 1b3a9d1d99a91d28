//! Owns the saying of a terminal's whole state as a VT stream, and the reading of it.
//! Leaves out history: it does not decide what later bytes do.
//!
//! What standard sequences can't say goes in one private string, understood while restoring only:
//!
//! ```text
//! ESC P > t h u b ; WHAT ; NUMBERS ESC \
//!     c ; ROW ; COL                                       the cursor of the screen shown, from 0; COL = width: wrap pending
//!     s ; PAGE ; ROW ; COL ; ORIGIN ; CHARSETS ; PEN      the saved cursor of the primary (0) or alternate (1) screen
//!     r ; CODEPOINT                                       what REP repeats (0: nothing)
//! PEN = FLAGS ; FG ; BG       flags: bold 1, dim 2, italic 4, underline 8, inverse 16
//!                             colours: 0 default, 1 + index, 16777216 + rgb
//! CHARSETS                    G0 draws 1, G1 draws 2, shifted out 4
//! ```

use super::charset::Charsets;
use super::terminal::{Page, Saved, Terminal};
use super::{osc, pen};
use crate::term::screen::{Color, Style};
use std::io::Write;

/// What the private string begins with.
pub(super) const PRIVATE: &[u8] = b">thub;";

impl Terminal {
    /// Everything but the unfinished sequence.
    pub(super) fn snapshot(&self) -> Vec<u8> {
        let mut out = b"\x1b[0m\x1b[H\x1b[2J".to_vec();
        let screen = self.screen();
        if screen.alternate_screen() {
            let mut scratch = vt100::Parser::default();
            *scratch.screen_mut() = screen.clone();
            scratch.process(b"\x1b[?47l");
            page(scratch.screen(), &self.primary, &mut out);
            out.extend_from_slice(b"\x1b[0m\x1b[?47h");
            page(screen, &self.alternate, &mut out);
        } else {
            page(screen, &self.primary, &mut out);
        }
        self.modes(&mut out);
        pen::write(&pen::of_screen(screen), &mut out);
        saved(0, &self.primary.saved, &mut out);
        saved(1, &self.alternate.saved, &mut out);
        // always said: painting has printed something
        let _ = write!(out, "\x1bP>thub;r;{}\x1b\\", self.last.map_or(0, u32::from));
        out
    }

    fn modes(&self, out: &mut Vec<u8>) {
        use vt100::{CursorStyle, MouseProtocolEncoding as Encoding, MouseProtocolMode as Mouse};
        let screen = self.screen();
        let mouse = screen.mouse_protocol_mode();
        let encoding = screen.mouse_protocol_encoding();
        let all: [(bool, &[u8]); 16] = [
            (screen.application_cursor(), b"\x1b[?1h"),
            (screen.application_keypad(), b"\x1b="),
            (screen.bracketed_paste(), b"\x1b[?2004h"),
            (screen.hide_cursor(), b"\x1b[?25l"),
            (mouse == Mouse::Press, b"\x1b[?9h"),
            (mouse == Mouse::PressRelease, b"\x1b[?1000h"),
            (mouse == Mouse::ButtonMotion, b"\x1b[?1002h"),
            (mouse == Mouse::AnyMotion, b"\x1b[?1003h"),
            (encoding == Encoding::Utf8, b"\x1b[?1005h"),
            (encoding == Encoding::Sgr, b"\x1b[?1006h"),
            (self.focus, b"\x1b[?1004h"),
            (!self.alt_scroll, b"\x1b[?1007l"),
            (self.sync, b"\x1b[?2026h"),
            (self.charsets.g0, b"\x1b(0"),
            (self.charsets.g1, b"\x1b)0"),
            (self.charsets.shifted, b"\x0e"),
        ];
        for (on, bytes) in all {
            if on {
                out.extend_from_slice(bytes);
            }
        }
        let style = match screen.cursor_style() {
            CursorStyle::Default => 0,
            CursorStyle::BlinkBlock => 1,
            CursorStyle::SteadyBlock => 2,
            CursorStyle::BlinkUnderline => 3,
            CursorStyle::SteadyUnderline => 4,
            CursorStyle::BlinkVerticalBar => 5,
            CursorStyle::SteadyVerticalBar => 6,
        };
        let _ = write!(out, "\x1b[{style} q");
        if !self.title.is_empty() {
            let _ = write!(out, "\x1b]2;{}\x1b\\", self.title);
        }
        if !self.directory.is_empty() {
            let _ = write!(out, "\x1b]7;{}\x1b\\", osc::bare(&self.directory));
        }
    }

    /// Carries out the private string; a broken one does nothing.
    pub(super) fn restore_private(&mut self, fields: &[u8]) {
        let Ok(fields) = std::str::from_utf8(fields) else { return };
        let mut fields = fields.split(';');
        let what = fields.next();
        let numbers: Vec<u32> = fields.map_while(|f| f.parse().ok()).collect();
        let bottom = self.size.rows.saturating_sub(1);
        let short = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
        match (what, numbers.as_slice()) {
            (Some("c"), &[row, col]) => self.place(short(row), short(col)),
            (Some("s"), &[page, row, col, origin, sets, flags, fg, bg]) => {
                let saved = Saved {
                    row: short(row).min(bottom),
                    col: short(col).min(self.size.cols),
                    origin: origin == 1,
                    pen: style(flags, fg, bg),
                    charsets: Charsets { g0: sets & 1 != 0, g1: sets & 2 != 0, shifted: sets & 4 != 0 },
                };
                let page = if page == 0 { &mut self.primary } else { &mut self.alternate };
                page.saved = saved;
            }
            (Some("r"), &[c]) => self.last = char::from_u32(c).filter(|c| !c.is_control()),
            _ => {}
        }
    }
}

fn saved(page: u8, s: &Saved, out: &mut Vec<u8>) {
    if *s == Saved::default() {
        return;
    }
    let sets = u8::from(s.charsets.g0) | u8::from(s.charsets.g1) << 1 | u8::from(s.charsets.shifted) << 2;
    let p = &s.pen;
    let flags = [p.bold, p.dim, p.italic, p.underline != Default::default(), p.inverse];
    let flags = flags.iter().rev().fold(0, |n, &on| n << 1 | u8::from(on));
    let (origin, fg, bg) = (u8::from(s.origin), number_of(p.fg), number_of(p.bg));
    let _ = write!(out, "\x1bP>thub;s;{page};{};{};{origin};{sets};{flags};{fg};{bg}\x1b\\", s.row, s.col);
}

fn number_of(color: Color) -> u32 {
    match color {
        Color::Default => 0,
        Color::Index(i) => 1 + u32::from(i),
        Color::Rgb(r, g, b) => u32::from_be_bytes([1, r, g, b]),
    }
}

fn style(flags: u32, fg: u32, bg: u32) -> Style {
    let color = |n: u32| match (n, n.to_be_bytes()) {
        (0, _) => Color::Default,
        (_, [1, r, g, b]) => Color::Rgb(r, g, b),
        _ => Color::Index(u8::try_from(n - 1).unwrap_or(0)),
    };
    let on = |bit: u32| flags & bit != 0;
    Style {
        fg: color(fg),
        bg: color(bg),
        bold: on(1),
        dim: on(2),
        italic: on(4),
        underline: if on(8) { crate::term::screen::Underline::Single } else { Default::default() },
        inverse: on(16),
        ..Style::PLAIN
    }
}

/// One of the two screens: cells, wrapped rows, margins, origin mode, cursor.
fn page(screen: &vt100::Screen, page: &Page, out: &mut Vec<u8>) {
    let mut brush = Brush { out, pen: Style::default() };
    brush.cells(screen);
    brush.wraps(screen);
    let bottom = screen.size().0.get().saturating_sub(1);
    if page.margins != (0, bottom) {
        let _ = write!(out, "\x1b[{};{}r", u32::from(page.margins.0) + 1, u32::from(page.margins.1) + 1);
    }
    if page.origin {
        out.extend_from_slice(b"\x1b[?6h");
    }
    let (row, col) = screen.cursor_position();
    let _ = write!(out, "\x1bP>thub;c;{row};{col}\x1b\\");
}

/// Paints on a blank screen whose pen is the default one.
struct Brush<'a> {
    out: &'a mut Vec<u8>,
    pen: Style,
}

impl Brush<'_> {
    fn dip(&mut self, style: Style) {
        if style != self.pen {
            pen::write(&style, self.out);
            self.pen = style;
        }
    }

    fn go(&mut self, row: u16, col: u16) {
        let _ = write!(self.out, "\x1b[{};{}H", u32::from(row) + 1, u32::from(col) + 1);
    }

    fn cells(&mut self, screen: &vt100::Screen) {
        let (rows, cols) = (screen.size().0.get(), screen.size().1.get());
        for row in 0..rows {
            let mut col = 0;
            let mut there = false;
            while col < cols {
                let Some(cell) = screen.cell(row, col) else { break };
                let style = pen::of_cell(cell);
                if cell.has_contents() {
                    if !there {
                        self.go(row, col);
                    }
                    self.dip(style);
                    self.out.extend_from_slice(cell.contents().as_bytes());
                    col += if cell.is_wide() { 2 } else { 1 };
                    there = true;
                    continue;
                }
                there = false;
                let same = |c: &u16| {
                    screen.cell(row, *c).is_some_and(|cell| {
                        !cell.has_contents() && !cell.is_wide_continuation() && pen::of_cell(cell) == style
                    })
                };
                let end = (col + 1..cols).find(|c| !same(c)).unwrap_or(cols);
                if style != Style::default() {
                    self.go(row, col);
                    self.dip(style);
                    let _ = write!(self.out, "\x1b[{}X", end - col);
                }
                col = end;
            }
        }
    }

    /// A row is wrapped when printing went on from its last cell to the first one below: do that again.
    fn wraps(&mut self, screen: &vt100::Screen) {
        let (rows, cols) = (screen.size().0.get(), screen.size().1.get());
        for row in 0..rows.saturating_sub(1) {
            if !screen.row_wrapped(row) {
                continue;
            }
            let last = cols.saturating_sub(1);
            let wide = screen.cell(row, last).is_some_and(vt100::Cell::is_wide_continuation);
            let at = if wide { last.saturating_sub(1) } else { last };
            let (Some(end), Some(start)) = (screen.cell(row, at), screen.cell(row + 1, 0)) else { continue };
            self.go(row, at);
            self.dip(pen::of_cell(end));
            self.out.extend_from_slice(end.contents().as_bytes());
            self.dip(pen::of_cell(start));
            if start.has_contents() {
                self.out.extend_from_slice(start.contents().as_bytes());
            } else {
                self.out.extend_from_slice(b" \x08\x1b[X");
            }
        }
    }
}
