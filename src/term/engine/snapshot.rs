//! Owns the saying of a terminal's whole state as a VT stream; `restore` reads it.
//! Leaves out history: it is fetched by range, and decides nothing of what later bytes do.
//!
//! Both screens are painted with standard sequences (CUP, SGR, OSC 8, DECSCA, ECH, text). What those can't say goes in
//! one private string, understood while restoring only:
//!
//! ```text
//! ESC P > t h u b ; KEY ; FIELDS ESC \        numbers in decimal; strings as pairs of hexadecimal digits; colours RRGGBB
//!   v ; 1                                     the version of this list
//!   p ; PAGE                                  what follows paints the primary (0) or alternate (1) screen
//!   g ; WIDTH ; TEXT                          a cell of more than one character
//!   e                                         the last cell of a row, empty as a wide character did not fit
//!   w ; ROW,ROW...                            rows whose line goes on in the next one
//!   m ; ROW ; COL ; LETTER ; EXIT ; TIME      an OSC 133 mark; EXIT is empty if none is known
//!   i ; PLACEMENT                             a picture: see `graphics::Placement::to_fields`
//!   k ; FLAGS,FLAGS...                        kitty keyboard flags, those pushed first, those in force last
//!   s ; ROW ; COL ; PENDING ; ORIGIN ; SETS ; GL ; SINGLE ; PROTECTED ; LINK ; SGR      DECSC
//! (p to s belong to the page named last; the last p names the one shown)
//!   o ; MODES ; SAVED                         modes that are on, and those XTSAVE kept: ?7,?25,4
//!   M ; MOUSE ; ENCODING ; SAVED ; SAVED ; ALT    mouse modes by number (0: off); XTSAVE of 47
//!   x ; TOP ; BOTTOM ; LEFT ; RIGHT ; CURSOR ; RECTANGLE ; GUARDED ; LEVEL ; KEYS ; LEVELED   margins from 0, DECSCUSR, DECSACE, SPA, DECSCL, modifyOtherKeys
//!   t ; COL,COL...                            tab stops
//!   n ; SETS ; GL ; SINGLE                    character sets by their final bytes; 9: no single shift
//!   T ; TITLE ; ICON                          titles: the stack from its bottom, the ones in force last
//!   D ; DIRECTORY
//!   C ; FG ; BG ; PALETTE ; DYNAMIC ; SPECIAL     colours: the stack from its bottom, the ones in force last
//!   P ; PROTECTED ; LINK ; SGR                a pushed pen
//!   I ; ID ; WIDTH ; HEIGHT                   a picture's size, kept to place it later
//!   u ; APC                                   the picture being sent in pieces
//!   h ; END ; OPEN ; CELLS                    number of the next line of history; cells of the open one
//!   l ; CODEPOINT ; ROW ; COL ; JOINER        what REP repeats (0: nothing); the cell that may be joined (-1: none)
//!   c ; ROW ; COL ; PENDING                   the cursor
//! ```
//!
//! `plain` says the same, as far as they can be told it, to builds of protocol revision 1; what those say is read, too.
//!
//! Between them is the pen (SGR, DECSCA, OSC 8), and after them what is unfinished of a sequence, string or character.

mod plain;
mod restore;

use super::cell::Cell;
use super::charset::Charsets;
use super::look::Pen;
use super::mode::{Flags, mouse_encoding, mouse_mode};
use super::osc::{Colors, Rgb};
use super::sgr;
use super::terminal::{Page, Terminal};
use crate::proto::ids::hex;
use crate::term::screen::{MouseEncoding, MouseMode, Style};
use std::hash::BuildHasher;
use std::io::Write as _;

/// What the private string begins with.
pub(super) const PRIVATE: &[u8] = b">thub;";

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|i| i.to_string()).collect::<Vec<_>>().join(",")
}

/// `ESC P > thub ; ... ESC \`
fn private(out: &mut Vec<u8>, fields: std::fmt::Arguments<'_>) {
    out.extend_from_slice(b"\x1bP>thub;");
    let _ = out.write_fmt(fields);
    out.extend_from_slice(b"\x1b\\");
}

/// A number for what a snapshot shows, whatever has gone into the history meanwhile: the same for what looks the same.
pub fn picture(snapshot: &[u8]) -> u64 {
    const HISTORY: &[u8] = b"\x1bP>thub;h;";
    // the first: behind it stands what a program has left unfinished, whatever that is
    let at = snapshot.windows(HISTORY.len()).position(|w| w == HISTORY).unwrap_or(snapshot.len());
    let (before, rest) = snapshot.split_at(at);
    let after = rest.iter().position(|b| *b == b'\\').map_or(&[][..], |end| rest.get(end..).unwrap_or_default());
    foldhash::fast::FixedState::default().hash_one((before, after))
}

fn sets(c: &Charsets) -> String {
    let names: String = c.sets.iter().map(|s| char::from(s.name())).collect();
    format!("{};{};{}", hex(names.as_bytes()), c.gl, c.single.unwrap_or(9))
}

fn color((r, g, b): Rgb) -> String {
    format!("{r:02x}{g:02x}{b:02x}")
}

fn colors(c: &Colors) -> String {
    let some = |c: &Option<Rgb>| c.map_or(String::new(), color);
    format!(
        "{};{};{};{};{}",
        color(c.outer.0),
        color(c.outer.1),
        list(c.palette.iter().map(|(i, c)| format!("{i}={}", color(*c)))),
        list(c.dynamic.iter().map(some)),
        list(c.special.iter().map(some)),
    )
}

fn mouse_number(mode: MouseMode) -> u16 {
    [9, 1000, 1002, 1003].into_iter().find(|n| mouse_mode(*n) == Some(mode)).unwrap_or(0)
}
fn encoding_number(encoding: MouseEncoding) -> u16 {
    [1005, 1006, 1015, 1016].into_iter().find(|n| mouse_encoding(*n) == Some(encoding)).unwrap_or(0)
}

fn parameters(style: &Style) -> String {
    let mut out = Vec::new();
    sgr::parameters(style, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Says pens, each as what changes from the one before.
struct Painter<'a> {
    terminal: &'a Terminal,
    pen: Pen,
}

impl Painter<'_> {
    fn pen(&mut self, pen: Pen, out: &mut Vec<u8>) {
        if pen.style != self.pen.style {
            sgr::write(&pen.style, out);
        }
        if pen.protected != self.pen.protected {
            out.extend_from_slice(if pen.protected { b"\x1b[1\"q" } else { b"\x1b[0\"q" });
        }
        if pen.link != self.pen.link {
            let address = self.terminal.looks.address(pen.link).unwrap_or_default();
            let _ = write!(out, "\x1b]8;;{address}\x1b\\");
        }
        self.pen = pen;
    }

    fn page(&mut self, number: u8, page: &Page, out: &mut Vec<u8>) {
        private(out, format_args!("p;{number}"));
        let mut look = None;
        for (r, row) in page.grid.rows().enumerate() {
            let cells = row.cells.get(..row.content()).unwrap_or_default();
            if cells.is_empty() {
                continue;
            }
            let _ = write!(out, "\x1b[{}H", r + 1);
            let mut i = 0;
            while let Some(&cell) = cells.get(i) {
                if cell == Cell::BLANK {
                    let n = cells.iter().skip(i).position(|c| *c != cell).unwrap_or(cells.len() - i);
                    let _ = write!(out, "\x1b[{n}C");
                    i += n;
                    continue;
                }
                if look != Some(cell.look) {
                    look = Some(cell.look);
                    self.pen(self.terminal.looks.pen(cell.look), out);
                }
                if cell.is_spacer() {
                    // the cursor is where it was; a row that came to be wider has more behind it
                    private(out, format_args!("e"));
                    out.extend_from_slice(b"\x1b[C");
                    i += 1;
                } else if cell.is_blank() {
                    // one look may have two numbers
                    let looks = &self.terminal.looks;
                    let other =
                        |c: &Cell| c.raw() != 0 || (c.look != cell.look && looks.pen(c.look) != looks.pen(cell.look));
                    let n = cells.iter().skip(i).position(other).unwrap_or(cells.len() - i);
                    let _ = write!(out, "\x1b[{n}X\x1b[{n}C");
                    i += n;
                } else {
                    self.cell(cell, out);
                    i += 1;
                }
            }
        }
        let wrapped = list(page.grid.rows().enumerate().filter(|(_, row)| row.wrapped).map(|(r, _)| r));
        if !wrapped.is_empty() {
            private(out, format_args!("w;{wrapped}"));
        }
        for (r, row) in page.grid.rows().enumerate() {
            for m in &row.marks {
                let exit = m.exit.map_or(String::new(), |e| e.to_string());
                private(out, format_args!("m;{r};{};{};{exit};{}", m.col, m.kind.letter(), m.time));
            }
        }
        for placement in page.placements.iter() {
            private(out, format_args!("i;{}", placement.to_fields()));
        }
        private(out, format_args!("k;{}", list(page.keys_before.iter().chain([&page.keys]))));
        let s = &page.saved;
        private(
            out,
            format_args!(
                "s;{};{};{};{};{};{};{};{}",
                s.place.row,
                s.place.col,
                u8::from(s.place.pending),
                u8::from(s.origin) | u8::from(s.kept) << 1,
                sets(&s.charsets),
                u8::from(s.pen.protected),
                hex(self.terminal.looks.address(s.pen.link).unwrap_or_default().as_bytes()),
                parameters(&s.pen.style),
            ),
        );
    }

    fn cell(&mut self, cell: Cell, out: &mut Vec<u8>) {
        if cell.is_tail() {
            return;
        }
        let width = cell.width();
        match cell.one() {
            Some(c) => {
                let mut buf = [0; 4];
                out.extend_from_slice(c.encode_utf8(&mut buf).as_bytes());
            }
            None => {
                let mut text = String::new();
                self.terminal.clusters.push(cell, &mut text);
                private(out, format_args!("g;{width};{}", hex(text.as_bytes())));
            }
        }
    }
}

impl Terminal {
    /// Everything but the unfinished sequence.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(4096);
        private(&mut out, format_args!("v;1"));
        let mut painter = Painter { terminal: self, pen: Pen::PLAIN };
        painter.page(0, self.primary(), &mut out);
        painter.page(1, self.alternate(), &mut out);
        // before SPA's state is said, which DECSCA changes
        painter.pen(self.pen, &mut out);
        private(&mut out, format_args!("p;{}", u8::from(self.on_alt)));
        private(&mut out, format_args!("o;{};{}", modes(self.flags), modes(self.saved_flags)));
        private(
            &mut out,
            format_args!(
                "M;{};{};{};{};{}",
                mouse_number(self.mouse),
                encoding_number(self.encoding),
                mouse_number(self.saved_mouse.0),
                encoding_number(self.saved_mouse.1),
                u8::from(self.saved_alt),
            ),
        );
        private(
            &mut out,
            format_args!(
                "x;{};{};{};{};{};{};{};{};{};{}",
                self.top,
                self.bottom,
                self.left,
                self.right,
                self.cursor_style,
                u8::from(self.by_rectangle),
                u8::from(self.guarded),
                self.level,
                self.modify_other_keys,
                u8::from(self.leveled),
            ),
        );
        private(&mut out, format_args!("t;{}", list(self.tabs.all())));
        private(&mut out, format_args!("n;{}", sets(&self.charsets)));
        for names in self.names_before.iter().chain([&self.names]) {
            private(&mut out, format_args!("T;{};{}", hex(names.title.as_bytes()), hex(names.icon.as_bytes())));
        }
        private(&mut out, format_args!("D;{}", hex(self.directory.as_bytes())));
        for c in self.colors_before.iter().chain([&self.colors]) {
            private(&mut out, format_args!("C;{}", colors(c)));
        }
        for pen in &self.pens_before {
            let link = hex(self.looks.address(pen.link).unwrap_or_default().as_bytes());
            private(&mut out, format_args!("P;{};{link};{}", u8::from(pen.protected), parameters(&pen.style)));
        }
        for (id, width, height) in &self.images {
            private(&mut out, format_args!("I;{id};{width};{height}"));
        }
        let transfer = self.transfer.unfinished();
        if !transfer.is_empty() {
            private(&mut out, format_args!("u;{}", hex(&transfer)));
        }
        let h = &self.history;
        private(&mut out, format_args!("h;{};{};{}", h.end(), u8::from(h.is_open()), h.open_cells()));
        // said last: painting has printed something, and moved
        let (row, col) = self.join.map_or((-1, -1), |(r, c)| (r as i64, c as i64));
        private(&mut out, format_args!("l;{};{row};{col};{}", self.last.map_or(0, u32::from), u8::from(self.joiner)));
        private(&mut out, format_args!("c;{};{};{}", self.at.row, self.at.col, u8::from(self.at.pending)));
        out
    }
}

fn modes(flags: Flags) -> String {
    let on = Flags::all().filter(|(flag, ..)| flags.has(*flag));
    list(on.map(|(_, number, private)| format!("{}{number}", if private { "?" } else { "" })))
}
