//! Owns the bytes for the outer terminal: the one allow-list [`Writer`] that turns cells, a title, a clipboard's text
//! or a bell into escape sequences. Nothing else may: no sequence of a pane gets through here.
//! Leaves out what is in the cells (the other views) and writing the bytes (`client::terminal`).

mod links;
mod pen;
mod scroll;

pub use pen::ColorDepth;
pub use scroll::Shift;

use super::look;
use crate::term::screen::CursorShape;
use crate::term::width;
use base64::Engine;
use pen::{Ink, ON_BLANK, PLAIN, Pen, change, effects};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier};
use std::collections::BTreeMap;
use std::num::NonZeroU16;

/// Whether the terminal is known to take kinds of underline and their colours (`4:3`, `58:5:1`), which others may read
/// as something else, and links (OSC 8). Reads TERM, TERM_PROGRAM, VTE_VERSION and WT_SESSION.
pub fn is_modern(var: impl Fn(&str) -> Option<String>) -> bool {
    let get = |name| var(name).unwrap_or_default();
    let (term, program) = (get("TERM"), get("TERM_PROGRAM"));
    if term.starts_with("screen") && program != "tmux" {
        // what it runs in is not who reads us
        return false;
    }
    let terms = ["kitty", "alacritty", "ghostty", "wezterm", "foot", "contour", "mintty", "rio"];
    terms.iter().any(|t| term.contains(t))
        || matches!(program.as_str(), "iTerm.app" | "WezTerm" | "vscode" | "ghostty" | "mintty" | "rio")
        || get("VTE_VERSION").parse::<u32>().is_ok_and(|v| v >= 5200)
        || !get("WT_SESSION").is_empty()
}

/// Longest text for the clipboard, in bytes.
pub const MOST_CLIPBOARD: usize = 100 * 1024;
/// Longest title, in characters.
pub const MOST_TITLE: usize = 256;
/// Longest symbol of a cell that is drawn, in bytes: no real grapheme is longer, a pile of accents may be.
const MOST_SYMBOL: usize = 64;

/// Makes the bytes of frames, knowing what it said last. One for a terminal; [`Writer::forget`] after anybody else
/// may have written there.
#[derive(Debug)]
pub struct Writer {
    depth: ColorDepth,
    sync: bool,
    modern: bool,
    margins: bool,
    /// The addresses of the frame being made.
    links: BTreeMap<NonZeroU16, Option<String>>,
    /// There was a scroll region or a link: a frame that was cut short may have left it.
    marked: bool,
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
        Writer {
            depth,
            sync: false,
            modern: false,
            links: BTreeMap::new(),
            margins: false,
            marked: false,
            pen: None,
            at: None,
            placed: false,
            shown: None,
            shape: None,
            begun: false,
        }
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
    /// Whether the terminal takes kinds of underline and their colours, else all are plain ones; and links, else there
    /// are none.
    pub fn set_modern(&mut self, known: bool) {
        self.modern = known;
    }
    /// Whether links are shown: else nobody needs to `learn` any.
    pub fn has_links(&self) -> bool {
        self.modern
    }
    /// Whether the terminal said that it knows left and right margins (DECRQM of DECLRMM, mode 69, answered with 1 or
    /// 2).
    pub fn set_margins(&mut self, known: bool) {
        self.margins = known;
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
        let prev = prev.filter(|p| p.area == next.area && p.content.len() == next.content.len());
        if prev.is_none() && next.area.width > 0 {
            self.forget();
            self.begin(out);
            self.set_pen(PLAIN, out);
            if std::mem::take(&mut self.marked) {
                if self.modern {
                    self.link(None, out);
                }
                out.extend_from_slice(if self.margins { b"\x1b[?69l\x1b[r" } else { b"\x1b[r" });
            }
            out.extend_from_slice(b"\x1b[H\x1b[2J");
            self.at = Some((0, 0));
        }
        self.rows(prev, next, None, out);
        self.end(next, cursor, out);
    }

    /// Like [`Writer::emit`] with a `prev` of the same size. First it does those of `shifts` that save bytes, here and in
    /// `prev`. Of `rows`, by number, those that are false are the same in both, and not looked at; rows of a shift that
    /// was done become true. None: any may have changed.
    pub fn update(
        &mut self,
        prev: &mut Buffer,
        next: &Buffer,
        shifts: &[Shift],
        mut rows: Option<&mut [bool]>,
        cursor: Option<(Position, CursorShape)>,
        out: &mut Vec<u8>,
    ) {
        if prev.area != next.area || prev.content.len() != next.content.len() {
            return self.emit(None, next, cursor, out);
        }
        self.begun = false;
        for shift in shifts {
            let moved = self.shift(prev, next, shift, out);
            if let Some(rows) = &mut rows {
                let moved = rows.iter_mut().take(usize::from(moved.end)).skip(usize::from(moved.start));
                moved.for_each(|row| *row = true);
            }
        }
        self.rows(Some(prev), next, rows.as_deref(), out);
        self.end(next, cursor, out);
    }

    fn rows(&mut self, prev: Option<&Buffer>, next: &Buffer, which: Option<&[bool]>, out: &mut Vec<u8>) {
        let width = usize::from(next.area.width).max(1);
        for (y, row) in next.content.chunks_exact(width).enumerate() {
            if which.is_some_and(|which| which.get(y) == Some(&false)) {
                continue;
            }
            let old = prev.and_then(|p| p.content.get(y * width..(y + 1) * width));
            // (of those that are named something is another)
            if which.is_some() || old.is_none_or(|old| old != row) {
                self.row(y as u16, old, row, out);
            }
        }
    }

    /// The cursor, and what closes a frame.
    fn end(&mut self, next: &Buffer, cursor: Option<(Position, CursorShape)>, out: &mut Vec<u8>) {
        if let Some(pen) = self.pen.filter(|pen| pen.link.is_some()) {
            self.link(None, out);
            self.pen = Some(Pen { link: None, ..pen });
        }
        self.links.clear();
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
        let (mut x, mut last) = (0, row.len());
        if let Some(old) = old {
            // mostly one cell is another: what is the same before it, as far as each is a glyph by itself, and behind it
            x = old.iter().zip(row).take_while(|(o, c)| o == c && is_plain_ascii(c)).count();
            last = old.iter().zip(row).rposition(|(o, c)| o != c).map_or(0, |at| at + 1);
        }
        // where the next glyph of the old row begins
        let mut old_x = x;
        let mut covered = false;
        while x < row.len() {
            let before = old_x;
            if let Some(old) = old {
                while old_x < x {
                    old_x += glyph(old, old_x).1;
                }
                if x >= last && old_x == x && !covered {
                    return;
                }
            }
            if x >= tail {
                self.erase(y, x, before, old, row, out);
                return;
            }
            let (symbol, width) = glyph(row, x);
            let Some(cell) = row.get(x) else { return };
            let same = match old {
                None => is_blank(cell),
                // not where a wide glyph is half overwritten
                Some(old) => old_x == x && old.get(x).is_some_and(|o| same(o, cell) && glyph(old, x).1 == width),
            };
            if !same || covered {
                self.put(x as u16, y, row, symbol, width, out);
            }
            // a glyph that is wider there lies over what comes next
            covered = !same && symbol.chars().any(width::is_doubtful);
            x += width;
        }
    }

    /// The row from `x` on is plain blank: erased if anything is there. A glyph of the old row begins at `old_x`, at `x` or
    /// before.
    fn erase(&mut self, y: u16, x: usize, mut old_x: usize, old: Option<&[Cell]>, row: &[Cell], out: &mut Vec<u8>) {
        let Some(old) = old else { return };
        // a wide glyph before x that reached over it counts, though its second cell looks blank
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
            let Pen { bg, link, .. } = self.pen_of(cell);
            match self.pen {
                Some(pen) if (pen.bg, pen.link) == (bg, link) && !pen.effects.intersects(ON_BLANK) => {}
                Some(pen) => {
                    let effects = pen.effects - ON_BLANK - look::UNDERLINE_KIND;
                    self.set_pen(Pen { bg, link, line: Ink::Default, effects, ..pen }, out);
                }
                None => self.set_pen(Pen { bg, link, ..PLAIN }, out),
            }
        } else {
            let pen = self.pen_of(cell);
            self.set_pen(pen, out);
        }
        // terminals differ in how wide they draw what is made of several characters: leave no trace of the old cell,
        // and do not count on where the cursor is
        let disputed = symbol.len() > 1 && symbol.chars().any(|c| is_disputed(c) || width::is_doubtful(c));
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
        let mut effects = effects(cell);
        let mut line = Ink::Default;
        if !self.modern {
            effects -= look::UNDERLINE_KIND;
        } else if effects.contains(Modifier::UNDERLINED) {
            line = self.depth.ink(cell.underline_color);
        }
        let link = look::link_of(cell).filter(|n| matches!(self.links.get(n), Some(Some(_))));
        Pen { fg: self.depth.ink(cell.fg), bg: self.depth.ink(cell.bg), line, effects, link }
    }

    /// SGR with what differs; all default is the short form.
    fn set_pen(&mut self, to: Pen, out: &mut Vec<u8>) {
        if self.pen == Some(to) {
            return;
        }
        // no SGR changes it
        let open = self.pen.and_then(|pen| pen.link);
        if open != to.link {
            self.link(to.link, out);
            self.marked = true;
        }
        let plain = Pen { link: to.link, ..PLAIN };
        let from = match self.pen {
            Some(from) if to != plain => Pen { link: to.link, ..from },
            Some(from) if (Pen { link: to.link, ..from }) == to => to,
            _ => {
                out.extend_from_slice(b"\x1b[m");
                plain
            }
        };
        self.pen = Some(to);
        if from == to {
            return;
        }
        change(from, to, out);
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

    /// Asks what the terminal is: its colours, whether it knows synchronized output, left and right margins and
    /// reports light and dark (modes 2026, 69, 2031), kitty's keyboard protocol, and last its attributes (DA1), which everyone answers: nothing is to
    /// come after that one.
    pub fn ask(&mut self, out: &mut Vec<u8>) {
        self.ask_colors(out);
        out.extend_from_slice(b"\x1b[?2026$p\x1b[?69$p\x1b[?2031$p\x1b[?u\x1b[c");
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
    cell.bg == Color::Reset
        && !cell.modifier.intersects(ON_BLANK)
        && look::link_of(cell).is_none()
        && matches!(cell.symbol(), " " | "")
}

fn is_plain_ascii(cell: &Cell) -> bool {
    matches!(cell.symbol().as_bytes(), [0x20..=0x7e])
}

/// Whether two cells look the same, as far as this file shows them.
fn same(a: &Cell, b: &Cell) -> bool {
    let line = || a.underline_color == b.underline_color || !a.modifier.contains(Modifier::UNDERLINED);
    let colors = a.fg == b.fg && a.bg == b.bg;
    let links = look::link_of(a) == look::link_of(b);
    (colors && links && effects(a) == effects(b) && line() && a.symbol() == b.symbol()) || (is_blank(a) && is_blank(b))
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
    let width = width::of_text(symbol);
    match width {
        // a lone accent or joiner would join the glyph before it
        0 => (" ", 1),
        // a glyph as a whole; several in one cell are none
        _ if width::of(first) == 0 || width > 2 => ("\u{fffd}", 1),
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
        // skin tones: to programs a wide character of their own, in kitty a part of the one before
        || matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
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

#[cfg(test)]
pub mod tests;
