//! Owns the bytes for the outer terminal: the one allow-list [`Writer`] that turns cells, a title, a clipboard's text
//! or a bell into escape sequences. Nothing else may: no sequence of a pane gets through here.
//! Leaves out what is in the cells (the other views) and writing the bytes (`client::terminal`).

use crate::term::screen::{CursorShape, palette};
use base64::Engine;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many colours the outer terminal has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ColorDepth {
    /// The user wants none (NO_COLOR): bold, underline and reverse remain.
    Mono,
    Ansi16,
    Indexed256,
    True,
}

impl ColorDepth {
    /// Reads NO_COLOR, COLORTERM, TERM and TERM_PROGRAM.
    pub fn from_env(var: impl Fn(&str) -> Option<String>) -> ColorDepth {
        let get = |name| var(name).unwrap_or_default();
        if !get("NO_COLOR").is_empty() {
            return ColorDepth::Mono;
        }
        let (term, program) = (get("TERM"), get("TERM_PROGRAM"));
        if term.starts_with("vt1") || term.starts_with("vt2") {
            return ColorDepth::Mono;
        }
        if matches!(get("COLORTERM").as_str(), "truecolor" | "24bit" | "yes-24bit") {
            return ColorDepth::True;
        }
        let many = ["kitty", "alacritty", "ghostty", "wezterm", "foot", "contour", "direct"];
        if many.iter().any(|t| term.contains(t))
            || matches!(program.as_str(), "iTerm.app" | "WezTerm" | "vscode" | "ghostty")
            || !get("WT_SESSION").is_empty()
        {
            return ColorDepth::True;
        }
        if term.contains("256") || program == "Apple_Terminal" {
            return ColorDepth::Indexed256;
        }
        ColorDepth::Ansi16
    }
}

/// Longest text for the clipboard, in bytes.
pub const MOST_CLIPBOARD: usize = 100 * 1024;
/// Longest title, in characters.
pub const MOST_TITLE: usize = 256;
/// Longest symbol of a cell that is drawn, in bytes: no real grapheme is longer, a pile of accents may be.
const MOST_SYMBOL: usize = 64;

/// The effects that are passed on; others (blinking, hidden) are not.
const EFFECTS: Modifier = Modifier::BOLD
    .union(Modifier::DIM)
    .union(Modifier::ITALIC)
    .union(Modifier::UNDERLINED)
    .union(Modifier::REVERSED)
    .union(Modifier::CROSSED_OUT);
/// Those that show on a blank cell.
const ON_BLANK: Modifier = Modifier::UNDERLINED.union(Modifier::REVERSED).union(Modifier::CROSSED_OUT);

/// A colour as the terminal gets it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ink {
    Default,
    Index(u8),
    Rgb(u8, u8, u8),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pen {
    fg: Ink,
    bg: Ink,
    effects: Modifier,
}

const PLAIN: Pen = Pen { fg: Ink::Default, bg: Ink::Default, effects: Modifier::empty() };

/// Makes the bytes of frames, knowing what it said last. One for a terminal; [`Writer::forget`] after anybody else
/// may have written there.
#[derive(Debug)]
pub struct Writer {
    depth: ColorDepth,
    sync: bool,
    /// What the terminal is set to; None = unknown.
    pen: Option<Pen>,
    at: Option<(u16, u16)>,
    /// `at` may be the second half of a wide glyph: it is where the user's cursor was put.
    placed: bool,
    shown: Option<bool>,
    shape: Option<CursorShape>,
    /// Of the frame being made.
    begun: bool,
}

impl Writer {
    pub fn new(depth: ColorDepth) -> Writer {
        Writer { depth, sync: false, pen: None, at: None, placed: false, shown: None, shape: None, begun: false }
    }

    pub fn depth(&self) -> ColorDepth {
        self.depth
    }
    /// From the next frame on; draw that one with `prev` None.
    pub fn set_depth(&mut self, depth: ColorDepth) {
        self.depth = depth;
        self.forget();
    }
    /// Whether the terminal said that it knows synchronized output (DECRQM of mode 2026 answered with 1 or 2).
    pub fn set_sync(&mut self, known: bool) {
        self.sync = known;
    }
    /// Nothing is known of the terminal's state any more: after a suspend, or when it was set up again.
    pub fn forget(&mut self) {
        (self.pen, self.at, self.shown, self.shape) = (None, None, None, None);
    }

    /// Appends to `out` what turns `prev` into `next`: nothing where they are equal and the cursor is as it was.
    /// `prev` None, or of another size: the screen is cleared and drawn whole. `cursor` None hides it. Cells count
    /// from the buffer's own corner, which is the terminal's.
    pub fn emit(
        &mut self,
        prev: Option<&Buffer>,
        next: &Buffer,
        cursor: Option<(Position, CursorShape)>,
        out: &mut Vec<u8>,
    ) {
        self.begun = false;
        let width = next.area.width as usize;
        let prev = prev.filter(|p| p.area == next.area && p.content.len() == next.content.len());
        if width > 0 {
            if prev.is_none() {
                self.forget();
                self.begin(out);
                self.set_pen(PLAIN, out);
                out.extend_from_slice(b"\x1b[H\x1b[2J");
                self.at = Some((0, 0));
            }
            for (y, row) in next.content.chunks_exact(width).enumerate() {
                let old = prev.and_then(|p| p.content.get(y * width..(y + 1) * width));
                if old.is_some_and(|old| old == row) {
                    continue;
                }
                self.row(y as u16, old, row, out);
            }
        }
        self.cursor(next, cursor, out);
        if self.begun && self.sync {
            out.extend_from_slice(b"\x1b[?2026l");
        }
    }

    /// Before the first byte of a frame.
    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.begun {
            return;
        }
        self.begun = true;
        if self.sync {
            out.extend_from_slice(b"\x1b[?2026h");
        }
        // else the cursor would be seen running over the screen
        if self.shown != Some(false) {
            out.extend_from_slice(b"\x1b[?25l");
            self.shown = Some(false);
        }
    }

    fn cursor(&mut self, next: &Buffer, cursor: Option<(Position, CursorShape)>, out: &mut Vec<u8>) {
        let inside = |p: &Position| p.x < next.area.width && p.y < next.area.height;
        let Some((pos, shape)) = cursor.filter(|(p, _)| inside(p)) else {
            if self.shown != Some(false) {
                out.extend_from_slice(b"\x1b[?25l");
                self.shown = Some(false);
            }
            return;
        };
        if self.at != Some((pos.x, pos.y)) {
            self.go(pos.x, pos.y, out);
            self.placed = true;
        }
        if self.shape != Some(shape) {
            let n = match shape {
                CursorShape::Default => b'0',
                CursorShape::Block { blink: true } => b'1',
                CursorShape::Block { blink: false } => b'2',
                CursorShape::Underline { blink: true } => b'3',
                CursorShape::Underline { blink: false } => b'4',
                CursorShape::Bar { blink: true } => b'5',
                CursorShape::Bar { blink: false } => b'6',
            };
            out.extend_from_slice(&[0x1b, b'[', n, b' ', b'q']);
            self.shape = Some(shape);
        }
        if self.shown != Some(true) {
            out.extend_from_slice(b"\x1b[?25h");
            self.shown = Some(true);
        }
    }

    /// One row, of which something may have changed. `old` None: the screen is blank there.
    fn row(&mut self, y: u16, old: Option<&[Cell]>, row: &[Cell], out: &mut Vec<u8>) {
        // from here on everything is plain blank
        let tail = row.iter().rposition(|c| !is_blank(c)).map_or(0, |last| last + glyph(row, last).1);
        let mut x = 0;
        // where the next glyph of the old row begins
        let mut old_x = 0;
        while x < row.len() {
            if x >= tail {
                self.erase(y, x, old, row, out);
                return;
            }
            let (symbol, width) = glyph(row, x);
            let Some(cell) = row.get(x) else { return };
            let same = match old {
                None => is_blank(cell),
                Some(old) => {
                    while old_x < x {
                        old_x += glyph(old, old_x).1;
                    }
                    // not where a wide glyph is half overwritten
                    old_x == x && old.get(x).is_some_and(|o| same(o, cell) && glyph(old, x).1 == width)
                }
            };
            if !same {
                self.put(x as u16, y, row, symbol, width, out);
            }
            x += width;
        }
    }

    /// The row from `x` on is plain blank: erased if anything is there.
    fn erase(&mut self, y: u16, x: usize, old: Option<&[Cell]>, row: &[Cell], out: &mut Vec<u8>) {
        let Some(old) = old else { return };
        // a wide glyph before x that reached over it counts, though its second cell looks blank
        let mut old_x = 0;
        let mut first = None;
        while old_x < old.len() {
            let width = glyph(old, old_x).1;
            if old_x + width > x && old.get(old_x).is_some_and(|c| !is_blank(c)) {
                first = Some(old_x.max(x));
                break;
            }
            old_x += width;
        }
        let Some(first) = first else { return };
        let last = old.iter().rposition(|c| !is_blank(c)).map_or(first, |last| last + glyph(old, last).1 - 1);
        self.begin(out);
        self.move_to(first as u16, y, row, out);
        self.set_pen(PLAIN, out);
        if last < first + 3 && last + 1 < old.len() {
            for _ in first..=last {
                out.push(b' ');
            }
            self.at = Some((last as u16 + 1, y));
        } else {
            out.extend_from_slice(b"\x1b[K");
        }
    }

    fn put(&mut self, x: u16, y: u16, row: &[Cell], symbol: &str, width: usize, out: &mut Vec<u8>) {
        let Some(cell) = row.get(usize::from(x)) else { return };
        self.begin(out);
        self.move_to(x, y, row, out);
        if symbol == " " && !cell.modifier.intersects(ON_BLANK) {
            // of a blank only the background shows
            let bg = self.ink(cell.bg);
            match self.pen {
                Some(pen) if pen.bg == bg && !pen.effects.intersects(ON_BLANK) => {}
                Some(pen) => self.set_pen(Pen { bg, effects: pen.effects - ON_BLANK, ..pen }, out),
                None => self.set_pen(Pen { bg, ..PLAIN }, out),
            }
        } else {
            let pen = self.pen_of(cell);
            self.set_pen(pen, out);
        }
        // terminals differ in how wide they draw what is made of several characters: leave no trace of the old cell,
        // and do not count on where the cursor is
        let disputed = symbol.len() > 2 && symbol.chars().any(is_disputed);
        let doubtful = disputed || symbol.len() > 4 || (symbol.len() > 1 && symbol.chars().nth(1).is_some());
        let after = usize::from(x) + width;
        // what joins the letter before it there writes nothing here
        if disputed || (doubtful && width == 2) {
            out.resize(out.len() + width, b' ');
            if after < row.len() {
                out.extend_from_slice(if width == 2 { b"\x1b[2D" } else { b"\x1b[D" });
            } else {
                // the cursor waits for the wrap: how far back it goes is not the same everywhere
                self.go(x, y, out);
            }
        }
        out.extend_from_slice(symbol.as_bytes());
        // in the last column the cursor waits for the wrap, and terminals differ in where that is
        self.placed = false;
        self.at = (!doubtful && after < row.len()).then_some((after as u16, y));
    }

    /// To a cell, by what takes the fewest bytes: the cells between again, or a move.
    fn move_to(&mut self, x: u16, y: u16, row: &[Cell], out: &mut Vec<u8>) {
        if self.at == Some((x, y)) {
            return;
        }
        if let (Some((from, at_y)), Some(pen)) = (self.at, self.pen)
            && at_y == y
            && from < x
        {
            let gap = row.get(usize::from(from)..usize::from(x)).unwrap_or_default();
            // unchanged, and so on the screen as they are in the row
            let again = |c: &Cell| is_plain_ascii(c) && self.pen_of(c) == pen;
            if !self.placed && gap.len() <= 3 && gap.iter().all(again) {
                for c in gap {
                    out.extend_from_slice(c.symbol().as_bytes());
                }
            } else {
                out.extend_from_slice(b"\x1b[");
                if gap.len() > 1 {
                    number(gap.len() as u16, out);
                }
                out.push(b'C');
            }
            (self.at, self.placed) = (Some((x, y)), false);
            return;
        }
        self.go(x, y, out);
    }

    fn go(&mut self, x: u16, y: u16, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\x1b[");
        if (x, y) != (0, 0) {
            number(y + 1, out);
            if x > 0 {
                out.push(b';');
                number(x + 1, out);
            }
        }
        out.push(b'H');
        (self.at, self.placed) = (Some((x, y)), false);
    }

    fn pen_of(&self, cell: &Cell) -> Pen {
        Pen { fg: self.ink(cell.fg), bg: self.ink(cell.bg), effects: cell.modifier & EFFECTS }
    }

    fn ink(&self, color: Color) -> Ink {
        let index = match color {
            Color::Reset => return Ink::Default,
            _ if self.depth == ColorDepth::Mono => return Ink::Default,
            Color::Rgb(r, g, b) => match self.depth {
                ColorDepth::True => return Ink::Rgb(r, g, b),
                ColorDepth::Indexed256 => return Ink::Index(nearest_256(r, g, b)),
                _ => return Ink::Index(nearest_16(r, g, b)),
            },
            Color::Indexed(n) if n >= 16 && self.depth == ColorDepth::Ansi16 => {
                let (r, g, b) = palette(n);
                nearest_16(r, g, b)
            }
            Color::Indexed(n) => n,
            Color::Black => 0,
            Color::Red => 1,
            Color::Green => 2,
            Color::Yellow => 3,
            Color::Blue => 4,
            Color::Magenta => 5,
            Color::Cyan => 6,
            Color::Gray => 7,
            Color::DarkGray => 8,
            Color::LightRed => 9,
            Color::LightGreen => 10,
            Color::LightYellow => 11,
            Color::LightBlue => 12,
            Color::LightMagenta => 13,
            Color::LightCyan => 14,
            Color::White => 15,
        };
        Ink::Index(index)
    }

    /// SGR with what differs; all default is the short form.
    fn set_pen(&mut self, to: Pen, out: &mut Vec<u8>) {
        if self.pen == Some(to) {
            return;
        }
        let from = match self.pen {
            Some(from) if to != PLAIN => from,
            _ => {
                out.extend_from_slice(b"\x1b[m");
                PLAIN
            }
        };
        self.pen = Some(to);
        if from == to {
            return;
        }
        out.extend_from_slice(b"\x1b[");
        let gone = from.effects - to.effects;
        let mut new = to.effects - from.effects;
        if gone.intersects(Modifier::BOLD | Modifier::DIM) {
            // one code ends both
            out.extend_from_slice(b"22;");
            new |= to.effects & (Modifier::BOLD | Modifier::DIM);
        }
        for (effect, code) in [
            (Modifier::ITALIC, b"23;"),
            (Modifier::UNDERLINED, b"24;"),
            (Modifier::REVERSED, b"27;"),
            (Modifier::CROSSED_OUT, b"29;"),
        ] {
            if gone.contains(effect) {
                out.extend_from_slice(code);
            }
        }
        for (effect, code) in [
            (Modifier::BOLD, b"1;"),
            (Modifier::DIM, b"2;"),
            (Modifier::ITALIC, b"3;"),
            (Modifier::UNDERLINED, b"4;"),
            (Modifier::REVERSED, b"7;"),
            (Modifier::CROSSED_OUT, b"9;"),
        ] {
            if new.contains(effect) {
                out.extend_from_slice(code);
            }
        }
        if from.fg != to.fg {
            color(to.fg, 30, out);
        }
        if from.bg != to.bg {
            color(to.bg, 40, out);
        }
        // each code ended with ';'
        if let Some(last) = out.last_mut() {
            *last = b'm';
        }
    }

    /// Sets the outer window's title; controls are escaped, at most [`MOST_TITLE`] characters stay.
    pub fn title(&mut self, title: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\x1b]2;");
        out.extend_from_slice(crate::text::short(title, MOST_TITLE).as_bytes());
        out.push(0x07);
    }

    /// Puts the text into the outer terminal's clipboard (OSC 52). False, and nothing said, if it is longer than
    /// [`MOST_CLIPBOARD`]: half a text would be worse than none.
    pub fn clipboard(&mut self, text: &str, out: &mut Vec<u8>) -> bool {
        if text.len() > MOST_CLIPBOARD {
            return false;
        }
        out.extend_from_slice(b"\x1b]52;c;");
        out.extend_from_slice(base64::engine::general_purpose::STANDARD.encode(text).as_bytes());
        out.push(0x07);
        true
    }

    pub fn bell(&mut self, out: &mut Vec<u8>) {
        out.push(0x07);
    }

    /// Asks what the terminal is: its colours, whether it knows synchronized output and reports light and dark (modes
    /// 2026, 2031) and kitty's keyboard protocol, and last its attributes (DA1), which everyone answers: nothing is to
    /// come after that one.
    pub fn ask(&mut self, out: &mut Vec<u8>) {
        self.ask_colors(out);
        out.extend_from_slice(b"\x1b[?2026$p\x1b[?2031$p\x1b[?u\x1b[c");
    }

    /// Asks for the colours of text (OSC 10) and, last, of the background (OSC 11).
    pub fn ask_colors(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\x1b]10;?\x1b\\\x1b]11;?\x1b\\");
    }

    /// Whether the terminal is to tell when it turns light or dark (mode 2031).
    pub fn watch_light(&mut self, on: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(if on { b"\x1b[?2031h" } else { b"\x1b[?2031l" });
    }
}

/// Shows as nothing but the default background.
fn is_blank(cell: &Cell) -> bool {
    cell.bg == Color::Reset && !cell.modifier.intersects(ON_BLANK) && matches!(cell.symbol(), " " | "")
}

fn is_plain_ascii(cell: &Cell) -> bool {
    matches!(cell.symbol().as_bytes(), [0x20..=0x7e])
}

/// Whether two cells look the same, as far as this file shows them.
fn same(a: &Cell, b: &Cell) -> bool {
    (a.fg == b.fg && a.bg == b.bg && a.modifier & EFFECTS == b.modifier & EFFECTS && a.symbol() == b.symbol())
        || (is_blank(a) && is_blank(b))
}

/// What is drawn for the cell at `x`, and how many columns it takes: 1, or 2 where there is room. This is the
/// allow-list: one printable glyph. A control in it makes it U+FFFD; what has no width is blank; what would stick
/// out of the row is blank; bidi controls are left to nobody.
fn glyph(row: &[Cell], x: usize) -> (&str, usize) {
    let Some(cell) = row.get(x) else { return (" ", 1) };
    let symbol = cell.symbol();
    match symbol.as_bytes() {
        [] => return (" ", 1),
        [0x20..=0x7e] => return (symbol, 1),
        _ => {}
    }
    let mut chars = symbol.chars();
    let (first, more) = (chars.next().unwrap_or(' '), chars.next().is_some());
    if symbol.chars().any(is_refused) || symbol.len() > MOST_SYMBOL {
        return ("\u{fffd}", 1);
    }
    let width = if more { symbol.width() } else { first.width().unwrap_or(0) };
    match width {
        // a lone accent or joiner would join the glyph before it
        0 => (" ", 1),
        // a glyph as a whole; several in one cell are none
        _ if first.width().unwrap_or(0) == 0 || width > 2 => ("\u{fffd}", 1),
        _ if more && symbol.chars().skip(1).any(|c| c.is_ascii()) => ("\u{fffd}", 1),
        2 if x + 1 >= row.len() => (" ", 1),
        width => (symbol, width),
    }
}

/// Of scripts whose vowel signs have a column of their own by `wcwidth`, and none in terminals that put a whole syllable
/// into one cell (kitty): Indic ones and those from Tibet to Bali.
fn is_disputed(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{dff}' | '\u{f00}'..='\u{109f}' | '\u{1160}'..='\u{11ff}' | '\u{1700}'..='\u{17ff}')
        || matches!(c, '\u{1900}'..='\u{1cff}' | '\u{a800}'..='\u{a8ff}' | '\u{a930}'..='\u{aaff}' | '\u{abc0}'..='\u{abff}')
        || matches!(c, '\u{11000}'..='\u{11fff}')
}

/// Controls, line and paragraph separators, and what turns the direction of text around, beyond the pane it is in.
fn is_refused(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c), 0x2028..=0x202e | 0x2066..=0x2069 | 0x200e | 0x200f | 0x061c | 0xfff9..=0xfffb)
}

fn number(n: u16, out: &mut Vec<u8>) {
    let mut digits = [0u8; 5];
    let mut rest = n;
    let mut len = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        len += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(5 - len..).unwrap_or_default());
}

/// SGR parameters of a colour, each followed by ';'. `base` is 30 for the text, 40 for the background.
fn color(ink: Ink, base: u16, out: &mut Vec<u8>) {
    let mut say = |n: u16| {
        number(n, out);
        out.push(b';');
    };
    match ink {
        Ink::Default => say(base + 9),
        Ink::Index(n @ 0..=7) => say(base + u16::from(n)),
        Ink::Index(n @ 8..=15) => say(base + 60 + u16::from(n) - 8),
        Ink::Index(n) => [base + 8, 5, n.into()].into_iter().for_each(say),
        Ink::Rgb(r, g, b) => [base + 8, 2, r.into(), g.into(), b.into()].into_iter().for_each(say),
    }
}

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let d = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    2 * d(a.0, b.0) + 4 * d(a.1, b.1) + 3 * d(a.2, b.2)
}

/// The nearest of the cube and the greys; the first 16 are the user's to change, so none of them.
fn nearest_256(r: u8, g: u8, b: u8) -> u8 {
    let step = |v: u8| match v {
        0..48 => 0u8,
        48..115 => 1,
        _ => (v - 35) / 40,
    };
    let cube = 16 + 36 * step(r) + 6 * step(g) + step(b);
    let mean = ((u16::from(r) + u16::from(g) + u16::from(b)) / 3) as u8;
    let grey = 232 + (mean.saturating_sub(3) / 10).min(23);
    let rgb = (r, g, b);
    if distance(rgb, palette(grey)) < distance(rgb, palette(cube)) { grey } else { cube }
}

fn nearest_16(r: u8, g: u8, b: u8) -> u8 {
    (0..16).min_by_key(|n| distance((r, g, b), palette(*n))).unwrap_or(7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;
    use std::num::NonZeroU16;

    const COLS: u16 = 12;
    const ROWS: u16 = 4;

    fn terminal(cols: u16, rows: u16) -> vt100::Parser {
        let n = |n| NonZeroU16::new(n).unwrap();
        vt100::Parser::new(n(rows), n(cols), 0)
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    fn emit(w: &mut Writer, prev: Option<&Buffer>, next: &Buffer) -> String {
        let mut out = Vec::new();
        w.emit(prev, next, None, &mut out);
        text(&out)
    }

    /// What a cell looks like, the same for both sides.
    #[derive(PartialEq, Debug)]
    struct Look {
        text: String,
        fg: vt100::Color,
        bg: vt100::Color,
        effects: Vec<bool>,
    }

    fn blanked(mut look: Look) -> Look {
        if look.text.is_empty() || look.text == " " {
            look.text = String::new();
            let shows = look.effects.get(3..5).unwrap().contains(&true);
            if !shows {
                look.fg = vt100::Color::Default;
                look.effects = vec![false; 5];
            }
        }
        look
    }

    fn want(buf: &Buffer, y: u16) -> Vec<Look> {
        let width = usize::from(buf.area.width);
        let row = &buf.content[usize::from(y) * width..][..width];
        let w = Writer::new(ColorDepth::True);
        let ink = |c: Color| match w.ink(c) {
            Ink::Default => vt100::Color::Default,
            Ink::Index(n) => vt100::Color::Idx(n),
            Ink::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
        };
        let mut x = 0;
        let mut looks = Vec::new();
        while x < width {
            let (symbol, columns) = glyph(row, x);
            let m = row[x].modifier;
            let has = |f| m.contains(f);
            let effects = vec![
                has(Modifier::BOLD),
                has(Modifier::DIM),
                has(Modifier::ITALIC),
                has(Modifier::UNDERLINED),
                has(Modifier::REVERSED),
            ];
            let (fg, bg) = (ink(row[x].fg), ink(row[x].bg));
            let symbol = symbol.replace('\u{fffd}', "?");
            looks.push(blanked(Look { text: symbol, fg, bg, effects }));
            x += columns;
        }
        looks
    }

    fn have(p: &vt100::Parser, y: u16, cols: u16) -> Vec<Look> {
        (0..cols)
            .map(|x| p.screen().cell(y, x).unwrap())
            .filter(|c| !c.is_wide_continuation())
            .map(|c| {
                let effects = vec![c.bold(), c.dim(), c.italic(), c.underline(), c.inverse()];
                blanked(Look { text: c.contents().into(), fg: c.fgcolor(), bg: c.bgcolor(), effects })
            })
            .collect()
    }

    fn any_style() -> impl Strategy<Value = Style> {
        let color = prop_oneof![
            4 => Just(Color::Reset),
            1 => Just(Color::Red),
            1 => Just(Color::LightBlue),
            1 => Just(Color::Indexed(200)),
            1 => Just(Color::Rgb(1, 2, 3)),
        ];
        // crossed out is not in the test's terminal; bold and dim exclude each other there
        let effects = prop_oneof![
            6 => Just(Modifier::empty()),
            1 => Just(Modifier::BOLD),
            1 => Just(Modifier::DIM | Modifier::ITALIC),
            1 => Just(Modifier::UNDERLINED),
            1 => Just(Modifier::REVERSED | Modifier::BOLD),
        ];
        (color.clone(), color, effects).prop_map(|(fg, bg, m)| Style::new().fg(fg).bg(bg).add_modifier(m))
    }

    fn any_symbol() -> impl Strategy<Value = &'static str> {
        prop_oneof![
            8 => Just(" "),
            6 => prop::sample::select(vec!["a", "b", "─", "é", "e\u{301}"]),
            4 => prop::sample::select(vec!["漢", "字", "한", "👍"]),
            1 => prop::sample::select(vec!["", "\u{1b}", "\u{9b}", "\u{301}", "ab", "\n", "\u{202e}"]),
        ]
    }

    type Runs = Vec<(&'static str, Style, usize)>;

    /// Runs, so that rows hold what is alike beside what differs.
    fn any_runs() -> impl Strategy<Value = Runs> {
        prop::collection::vec((any_symbol(), any_style(), 1usize..6), 0..30)
    }

    fn buffer(runs: &Runs) -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, COLS, ROWS));
        let mut cells = buf.content.iter_mut();
        for (symbol, style, n) in runs {
            for cell in cells.by_ref().take(*n) {
                cell.set_symbol(symbol).set_style(*style);
            }
        }
        buf
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn the_terminal_shows_what_was_meant(frames in prop::collection::vec(any_runs(), 1..5),
                                             sync: bool, wipe in 0usize..5, keep in 0usize..48) {
            let mut p = terminal(COLS, ROWS);
            let mut w = Writer::new(ColorDepth::True);
            w.set_sync(sync);
            let mut prev: Option<Buffer> = None;
            for (i, mut next) in frames.iter().map(buffer).enumerate() {
                if let Some(prev) = &prev {
                    // most of a frame is as before
                    for (n, o) in next.content.iter_mut().zip(&prev.content).take(keep) {
                        n.clone_from(o);
                    }
                }
                if i == wipe {
                    prev = None;
                }
                let at = Position::new(i as u16 * 3, i as u16 % ROWS);
                let mut out = Vec::new();
                w.emit(prev.as_ref(), &next, Some((at, CursorShape::Default)), &mut out);
                prop_assert!(allowed(&text(&out)), "{:?}", text(&out));
                // the test's terminal shows no U+FFFD
                p.process(text(&out).replace('\u{fffd}', "?").as_bytes());
                for y in 0..ROWS {
                    prop_assert_eq!(have(&p, y, COLS), want(&next, y), "row {} after {:?}", y, text(&out));
                }
                prop_assert_eq!(p.screen().cursor_position(), (at.y, at.x));
                let mut again = Vec::new();
                w.emit(Some(&next), &next, Some((at, CursorShape::Default)), &mut again);
                prop_assert_eq!(text(&again), "");
                prev = Some(next);
            }
        }

        #[test]
        fn whatever_is_in_a_cell_only_allowed_bytes_come_out(symbol in any::<String>()) {
            let mut next = Buffer::empty(Rect::new(0, 0, 4, 1));
            next.content[1].set_symbol(&symbol);
            let mut w = Writer::new(ColorDepth::True);
            prop_assert!(allowed(&emit(&mut w, None, &next)));
        }
    }

    /// Printable text, and no sequences but the few this file makes.
    fn allowed(out: &str) -> bool {
        let mut chars = out.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\u{1b}' {
                if chars.next() != Some('[') {
                    return false;
                }
                let end = chars.by_ref().find(|c| !matches!(c, '0'..='9' | ';' | '?' | ' '));
                if !matches!(end, Some('H' | 'J' | 'K' | 'C' | 'D' | 'm' | 'h' | 'l' | 'q')) {
                    return false;
                }
            } else if is_refused(c) {
                return false;
            }
        }
        true
    }

    #[test]
    fn few_bytes_for_little() {
        let mut w = Writer::new(ColorDepth::True);
        let a = Buffer::with_lines(["hello there    ", "second line    "]);
        assert_eq!(emit(&mut w, None, &a), "\x1b[?25l\x1b[m\x1b[H\x1b[2Jhello there\x1b[2Hsecond line");
        assert_eq!(emit(&mut w, Some(&a), &a), "");
        let b = Buffer::with_lines(["hallo thare    ", "second         "]);
        assert_eq!(emit(&mut w, Some(&a), &b), "\x1b[1;2Ha\x1b[6Ca\x1b[2;8H\x1b[K");
        let c = Buffer::with_lines(["hAlLo thare    ", "seco           "]);
        assert_eq!(emit(&mut w, Some(&b), &c), "\x1b[1;2HAlL\x1b[2;5H  ");
    }

    #[test]
    fn styles_change_as_little_as_needed() {
        let mut w = Writer::new(ColorDepth::True);
        let mut a = Buffer::with_lines(["abcdef"]);
        a.set_style(Rect::new(0, 0, 2, 1), Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
        a.set_style(Rect::new(2, 0, 2, 1), Style::new().fg(Color::Red).bg(Color::Indexed(99)));
        a.set_style(Rect::new(4, 0, 1, 1), Style::new().fg(Color::Rgb(1, 2, 3)).bg(Color::Indexed(99)));
        let got = emit(&mut w, None, &a);
        let want = "\x1b[1;31mab\x1b[22;48;5;99mcd\x1b[38;2;1;2;3me\x1b[mf";
        assert!(got.ends_with(want), "{got:?}");
    }

    #[test]
    fn the_cursor() {
        let mut w = Writer::new(ColorDepth::True);
        let a = Buffer::with_lines(["abc"]);
        let mut frame = |cursor: Option<(u16, u16, CursorShape)>, prev: Option<&Buffer>| {
            let mut out = Vec::new();
            w.emit(prev, &a, cursor.map(|(x, y, s)| (Position::new(x, y), s)), &mut out);
            text(&out)
        };
        let bar = CursorShape::Bar { blink: false };
        assert!(frame(Some((1, 0, bar)), None).ends_with("abc\x1b[1;2H\x1b[6 q\x1b[?25h"));
        assert_eq!(frame(Some((1, 0, bar)), Some(&a)), "");
        assert_eq!(frame(Some((2, 0, bar)), Some(&a)), "\x1b[1;3H");
        assert_eq!(frame(None, Some(&a)), "\x1b[?25l");
        assert_eq!(frame(Some((9, 9, bar)), Some(&a)), "", "outside is hidden");
    }

    #[test]
    fn synchronized_only_where_known_and_needed() {
        let mut w = Writer::new(ColorDepth::True);
        let a = Buffer::with_lines(["abc"]);
        assert!(!emit(&mut w, None, &a).contains("2026"));
        w.set_sync(true);
        let b = Buffer::with_lines(["abd"]);
        assert_eq!(emit(&mut w, Some(&a), &b), "\x1b[?2026h\x1b[1;3Hd\x1b[?2026l");
        assert_eq!(emit(&mut w, Some(&b), &b), "");
    }

    #[test]
    fn another_size_is_drawn_whole() {
        let mut w = Writer::new(ColorDepth::True);
        let got = emit(&mut w, Some(&Buffer::with_lines(["abcd"])), &Buffer::with_lines(["abc"]));
        assert!(got.ends_with("\x1b[H\x1b[2Jabc"), "{got:?}");
        assert_eq!(emit(&mut w, None, &Buffer::empty(Rect::ZERO)), "");
    }

    #[test]
    fn glyphs_of_doubtful_width_leave_nothing_behind() {
        let mut w = Writer::new(ColorDepth::True);
        let mut a = Buffer::with_lines(["....."]);
        emit(&mut w, None, &a);
        let before = a.clone();
        a.content[1].set_symbol("❤\u{fe0f}");
        a.content[2].set_symbol("");
        a.content[3].set_symbol("x");
        assert_eq!(emit(&mut w, Some(&before), &a), "\x1b[1;2H  \x1b[2D❤\u{fe0f}\x1b[1;4Hx");
    }

    /// Kitty puts a vowel sign into the letter's cell, xterm gives it one of its own: what comes next is where it should.
    #[test]
    fn vowel_signs_shift_nothing() {
        let mut w = Writer::new(ColorDepth::True);
        let a = Buffer::with_lines(["......"]);
        emit(&mut w, None, &a);
        let mut b = a.clone();
        for (cell, symbol) in b.content.iter_mut().zip(["\u{939}", "\u{93f}", "|", ".", ".", "\u{94b}"]) {
            cell.set_symbol(symbol);
        }
        let said = emit(&mut w, Some(&a), &b);
        let line = " \x1b[D\u{939}\x1b[1;2H \x1b[D\u{93f}\x1b[1;3H|.. \x1b[1;6H\u{94b}";
        assert!(said.ends_with(line), "{said:?}");
        let mut w = Writer::new(ColorDepth::True);
        emit(&mut w, None, &a);
        b = a.clone();
        b.content[4].set_symbol("❤\u{fe0f}");
        b.content[5].set_symbol("");
        assert!(emit(&mut w, Some(&a), &b).ends_with("\x1b[1;5H  \x1b[1;5H❤\u{fe0f}"));
    }

    #[test]
    fn colours_of_lesser_terminals() {
        let ink = |depth, c| Writer::new(depth).ink(c);
        assert_eq!(ink(ColorDepth::Indexed256, Color::Rgb(255, 0, 0)), Ink::Index(196));
        assert_eq!(ink(ColorDepth::Indexed256, Color::Rgb(128, 128, 128)), Ink::Index(244));
        assert_eq!(ink(ColorDepth::Ansi16, Color::Rgb(250, 10, 10)), Ink::Index(9));
        assert_eq!(ink(ColorDepth::Ansi16, Color::Indexed(196)), Ink::Index(9));
        assert_eq!(ink(ColorDepth::Ansi16, Color::Indexed(3)), Ink::Index(3));
        assert_eq!(ink(ColorDepth::Mono, Color::Red), Ink::Default);
        for v in 0..=255 {
            let Ink::Index(n) = ink(ColorDepth::Indexed256, Color::Rgb(v, v, v)) else { panic!() };
            assert!(palette(n).0.abs_diff(v) <= 8, "{v} -> {n}");
        }
    }

    #[test]
    fn depth_by_environment() {
        let depth = |vars: &[(&str, &str)]| {
            ColorDepth::from_env(|n| vars.iter().find(|(k, _)| *k == n).map(|(_, v)| v.to_string()))
        };
        assert_eq!(depth(&[]), ColorDepth::Ansi16);
        assert_eq!(depth(&[("TERM", "linux")]), ColorDepth::Ansi16);
        assert_eq!(depth(&[("TERM", "xterm-256color")]), ColorDepth::Indexed256);
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), ColorDepth::True);
        assert_eq!(depth(&[("TERM", "xterm-kitty")]), ColorDepth::True);
        assert_eq!(depth(&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")]), ColorDepth::Mono);
        assert_eq!(depth(&[("TERM", "xterm-256color"), ("NO_COLOR", "")]), ColorDepth::Indexed256);
    }

    #[test]
    fn titles_clipboard_bell() {
        let mut w = Writer::new(ColorDepth::True);
        let mut out = Vec::new();
        w.title("a\x07b\u{9c}\x1b]52;c;eA==\x07", &mut out);
        let got = text(&out);
        assert!(got.starts_with("\x1b]2;a\\u{7}b") && got.ends_with('\x07'));
        assert_eq!(got.matches(['\x1b', '\x07', '\u{9c}']).count(), 2);
        let mut out = Vec::new();
        w.title(&"x".repeat(9999), &mut out);
        assert!(out.len() < 1100);
        let mut out = Vec::new();
        assert!(w.clipboard("hi\x1b", &mut out));
        assert_eq!(text(&out), "\x1b]52;c;aGkb\x07");
        let mut out = Vec::new();
        assert!(!w.clipboard(&"x".repeat(MOST_CLIPBOARD + 1), &mut out));
        w.bell(&mut out);
        assert_eq!(text(&out), "\x07");
    }

    #[test]
    #[ignore = "a measurement: cargo test --lib -- --ignored --nocapture full_screens"]
    fn full_screens_a_second() {
        let rect = Rect::new(0, 0, 200, 60);
        let mut frames = [Buffer::empty(rect), Buffer::empty(rect)];
        for (f, buf) in frames.iter_mut().enumerate() {
            for (i, cell) in buf.content.iter_mut().enumerate() {
                cell.set_char(char::from(b'a' + ((i + f) % 26) as u8));
                cell.set_style(Style::new().fg(Color::Indexed(((i / 7) % 255) as u8)));
            }
        }
        let mut w = Writer::new(ColorDepth::True);
        let mut out = Vec::new();
        let start = std::time::Instant::now();
        for i in 0..200 {
            out.clear();
            w.emit(Some(&frames[i % 2]), &frames[(i + 1) % 2], None, &mut out);
        }
        println!("{:?} a frame of {} bytes, all cells changed", start.elapsed() / 200, out.len());
        let start = std::time::Instant::now();
        for _ in 0..200 {
            out.clear();
            w.emit(Some(&frames[0]), &frames[0], None, &mut out);
        }
        println!("{:?} a frame without a change", start.elapsed() / 200);
    }
}
