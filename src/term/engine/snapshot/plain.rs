//! Owns the saying of a terminal's state for builds of protocol revision 1: what is seen, in standard sequences, and in
//! the three private strings that those know. Said of both screens, cursors, pen, margins, character sets and modes that
//! matter to who draws and types; what they have no word for (tab stops, stacks, pictures) is left out.
//!
//! ```text
//! ESC P > t h u b ; KEY ; NUMBERS ESC \
//!   c ; ROW ; COL                                       the cursor, from 0; COL = width: wrap pending
//!   s ; PAGE ; ROW ; COL ; ORIGIN ; SETS ; FLAGS ; FG ; BG      DECSC of the primary (0) or alternate (1) screen
//!   r ; CODEPOINT                                       what REP repeats (0: nothing)
//! FLAGS   bold 1, dim 2, italic 4, underline 8, inverse 16       FG, BG   0 default, 1 + index, 16777216 + RGB
//! SETS    G0 draws 1, G1 draws 2, shifted out 4
//! ```

use super::{encoding_number, mouse_number, private};
use crate::term::engine::cell::Cell;
use crate::term::engine::charset::{Charsets, Set};
use crate::term::engine::look::Pen;
use crate::term::engine::mode::Flags;
use crate::term::engine::terminal::{Page, Place, Saved, Terminal};
use crate::term::screen::{Color, Style, Underline};
use std::io::Write as _;

/// Modes said where they are not as a terminal is switched on. None of them moves or erases.
const MODES: [(u64, &str); 13] = [
    (Flags::APP_CURSOR, "?1"),
    (Flags::REVERSE, "?5"),
    (Flags::AUTOWRAP, "?7"),
    (Flags::VISIBLE, "?25"),
    (Flags::BACKSPACE, "?67"),
    (Flags::FOCUS, "?1004"),
    (Flags::ALT_SCROLL, "?1007"),
    (Flags::PASTE, "?2004"),
    (Flags::SYNC, "?2026"),
    (Flags::CLUSTERS, "?2027"),
    (Flags::SCHEME, "?2031"),
    (Flags::INSERT, "4"),
    (Flags::NEWLINE, "20"),
];

struct Brush<'a> {
    terminal: &'a Terminal,
    out: &'a mut Vec<u8>,
    pen: Pen,
}

impl Brush<'_> {
    fn go(&mut self, row: usize, col: usize) {
        let _ = write!(self.out, "\x1b[{};{}H", row + 1, col + 1);
    }

    fn dip(&mut self, pen: Pen) {
        if pen.style != self.pen.style {
            style(&pen.style, self.out);
        }
        if pen.link != self.pen.link {
            let address = self.terminal.looks.address(pen.link).unwrap_or_default();
            let _ = write!(self.out, "\x1b]8;;{address}\x1b\\");
        }
        self.pen = pen;
    }

    /// The cell's text; false where it is blank.
    fn print(&mut self, cell: Cell) -> bool {
        if cell.is_blank() || cell.is_spacer() || cell.is_tail() {
            return false;
        }
        self.dip(self.terminal.looks.pen(cell.look));
        match cell.one() {
            Some(c) => {
                let mut buf = [0; 4];
                self.out.extend_from_slice(c.encode_utf8(&mut buf).as_bytes());
            }
            None => {
                let mut text = String::new();
                self.terminal.clusters.push(cell, &mut text);
                self.out.extend_from_slice(text.as_bytes());
            }
        }
        true
    }

    fn cells(&mut self, page: &Page) {
        for (r, row) in page.grid.rows().enumerate() {
            let cells = row.cells.get(..row.content()).unwrap_or_default();
            // the cursor is known to be at the next cell: who counts another width than we do is put right
            let mut there = false;
            for (c, &cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_tail()) {
                if cell == Cell::BLANK || cell.is_spacer() {
                    there = false;
                    continue;
                }
                if !there {
                    self.go(r, c);
                }
                there = self.print(cell) && cell.one().is_some_and(|c| c.is_ascii());
                if cell.is_blank() {
                    self.dip(self.terminal.looks.pen(cell.look));
                    self.out.extend_from_slice(b"\x1b[X");
                }
            }
        }
    }

    /// A row is wrapped when printing went on from its last cell to the first one below: that is done again.
    fn wraps(&mut self, page: &Page) {
        let last = self.terminal.cols().saturating_sub(1);
        let mut rows = page.grid.rows().enumerate().peekable();
        while let Some((r, row)) = rows.next() {
            let Some((_, next)) = rows.peek().filter(|_| row.wrapped) else { continue };
            let cell = |at: usize| row.cells.get(at).copied().unwrap_or(Cell::BLANK);
            let at = if cell(last).is_tail() { last.saturating_sub(1) } else { last };
            self.go(r, at);
            // (a wide character that does not fit leaves the last cell blank by itself)
            if !cell(at).is_spacer() && !self.print(cell(at)) {
                self.out.push(b' ');
            }
            if !self.print(next.cells.first().copied().unwrap_or(Cell::BLANK)) {
                self.out.extend_from_slice(b" \x08\x1b[X");
            }
        }
    }

    fn page(&mut self, page: &Page) {
        self.cells(page);
        self.wraps(page);
    }
}

/// The SGR sequence that sets exactly this style; kinds of underline are one.
fn style(s: &Style, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[0");
    let on = [
        (s.bold, 1),
        (s.dim, 2),
        (s.italic, 3),
        (s.underline != Underline::None, 4),
        (s.blink, 5),
        (s.inverse, 7),
        (s.hidden, 8),
        (s.strike, 9),
        (s.overline, 53),
    ];
    for (_, code) in on.into_iter().filter(|(on, _)| *on) {
        let _ = write!(out, ";{code}");
    }
    for (color, base) in [(s.fg, 30u16), (s.bg, 40)] {
        let _ = match color {
            Color::Default => Ok(()),
            Color::Index(i @ 0..=7) => write!(out, ";{}", base + u16::from(i)),
            Color::Index(i @ 8..=15) => write!(out, ";{}", base + 52 + u16::from(i)),
            Color::Index(i) => write!(out, ";{};5;{i}", base + 8),
            Color::Rgb(r, g, b) => write!(out, ";{};2;{r};{g};{b}", base + 8),
        };
    }
    out.push(b'm');
}

fn number_of(color: Color) -> u32 {
    match color {
        Color::Default => 0,
        Color::Index(i) => 1 + u32::from(i),
        Color::Rgb(r, g, b) => u32::from_be_bytes([1, r, g, b]),
    }
}

fn color_of(n: u32) -> Color {
    match (n, n.to_be_bytes()) {
        (0, _) => Color::Default,
        (_, [1, r, g, b]) => Color::Rgb(r, g, b),
        _ => Color::Index(u8::try_from(n - 1).unwrap_or(0)),
    }
}

fn draws(set: Option<&Set>) -> bool {
    set == Some(&Set::Lines)
}

fn sets(c: &Charsets) -> u8 {
    u8::from(draws(c.sets.first())) | u8::from(draws(c.sets.get(1))) << 1 | u8::from(c.gl == 1) << 2
}

fn saved(number: u8, s: &Saved, cols: usize, out: &mut Vec<u8>) {
    if !s.kept {
        return;
    }
    let style = &s.pen.style;
    let on = [style.bold, style.dim, style.italic, style.underline != Underline::None, style.inverse];
    let flags = on.iter().rev().fold(0, |n, &on| n << 1 | u8::from(on));
    let col = if s.place.pending { cols } else { s.place.col };
    let (origin, sets) = (u8::from(s.origin), sets(&s.charsets));
    let (fg, bg) = (number_of(style.fg), number_of(style.bg));
    private(out, format_args!("s;{number};{};{col};{origin};{sets};{flags};{fg};{bg}", s.place.row));
}

fn cursor(at: &Place, cols: usize, out: &mut Vec<u8>) {
    private(out, format_args!("c;{};{}", at.row, if at.pending { cols } else { at.col }));
}

impl Terminal {
    /// The state as builds of revision 1 read it: everything but the unfinished sequence.
    pub fn snapshot_plain(&self) -> Vec<u8> {
        let mut out = b"\x1b[0m\x1b[H\x1b[2J".to_vec();
        let (rows, cols) = (self.rows(), self.cols());
        if self.on_alt {
            let primary = self.primary();
            Brush { terminal: self, out: &mut out, pen: Pen::PLAIN }.page(primary);
            cursor(&primary.saved.place, cols, &mut out);
            out.extend_from_slice(b"\x1b[0m\x1b]8;;\x1b\\\x1b[?47h");
        }
        let mut brush = Brush { terminal: self, out: &mut out, pen: Pen::PLAIN };
        brush.page(&self.page);
        brush.dip(self.pen);
        if (self.top, self.bottom) != (0, rows) {
            let _ = write!(out, "\x1b[{};{}r", self.top + 1, self.bottom);
        }
        if self.flags.has(Flags::MARGINS) {
            let _ = write!(out, "\x1b[?69h\x1b[{};{}s", self.left + 1, self.right);
        }
        if self.flags.has(Flags::ORIGIN) {
            out.extend_from_slice(b"\x1b[?6h");
        }
        for (flag, number) in MODES {
            let on = self.flags.has(flag);
            if on != Flags::new().has(flag) {
                let _ = write!(out, "\x1b[{number}{}", if on { 'h' } else { 'l' });
            }
        }
        if self.flags.has(Flags::APP_KEYPAD) {
            out.extend_from_slice(b"\x1b=");
        }
        for number in [mouse_number(self.mouse), encoding_number(self.encoding)].into_iter().filter(|n| *n != 0) {
            let _ = write!(out, "\x1b[?{number}h");
        }
        if self.page.keys != 0 {
            let _ = write!(out, "\x1b[={};1u", self.page.keys);
        }
        if self.modify_other_keys != 0 {
            let _ = write!(out, "\x1b[>4;{}m", self.modify_other_keys);
        }
        for (name, set) in [('(', self.charsets.sets.first()), (')', self.charsets.sets.get(1))] {
            if draws(set) {
                let _ = write!(out, "\x1b{name}0");
            }
        }
        if self.charsets.gl == 1 {
            out.push(0x0e);
        }
        let _ = write!(out, "\x1b[{} q", self.cursor_style);
        if !self.names.title.is_empty() {
            let _ = write!(out, "\x1b]2;{}\x1b\\", self.names.title);
        }
        if !self.directory.is_empty() {
            let _ = write!(out, "\x1b]7;{}\x1b\\", self.directory.replace('%', "%25"));
        }
        saved(0, &self.primary().saved, cols, &mut out);
        saved(1, &self.alternate().saved, cols, &mut out);
        // said last: painting has printed something, and moved
        private(&mut out, format_args!("r;{}", self.last.map_or(0, u32::from)));
        cursor(&self.at, cols, &mut out);
        out
    }

    /// Takes in one of the private strings of revision 1; false if it is none of them.
    pub(super) fn restore_plain(&mut self, key: &str, numbers: &[u32]) -> bool {
        let (rows, cols) = (self.rows(), self.cols());
        let place = |row: u32, col: u32| Place {
            row: (row as usize).min(rows - 1),
            col: (col as usize).min(cols - 1),
            pending: col as usize >= cols,
        };
        match (key, numbers) {
            ("c", &[row, col]) => self.at = place(row, col),
            ("r", &[c]) => (self.last, self.join) = (char::from_u32(c).filter(|c| !c.is_control()), None),
            ("s", &[page, row, col, origin, sets, flags, fg, bg]) => {
                let on = |bit: u32| flags & bit != 0;
                let underline = if on(8) { Underline::Single } else { Underline::None };
                let style = Style {
                    fg: color_of(fg),
                    bg: color_of(bg),
                    bold: on(1),
                    dim: on(2),
                    italic: on(4),
                    underline,
                    inverse: on(16),
                    ..Style::PLAIN
                };
                let mut charsets = Charsets { gl: if sets & 4 != 0 { 1 } else { 0 }, ..Charsets::default() };
                for (set, bit) in charsets.sets.iter_mut().zip([1, 2]) {
                    if sets & bit != 0 {
                        *set = Set::Lines;
                    }
                }
                let saved = Saved {
                    place: place(row, col),
                    origin: origin == 1,
                    kept: true,
                    charsets,
                    pen: Pen { style, ..Pen::PLAIN },
                };
                let page = if (page == 1) == self.on_alt { &mut self.page } else { &mut self.other };
                page.saved = saved;
            }
            _ => return false,
        }
        true
    }
}
