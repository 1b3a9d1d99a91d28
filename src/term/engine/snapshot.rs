//! Owns the saying of a terminal's whole state as a VT stream, and the reading of it.
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
//! Between them is the pen (SGR, DECSCA, OSC 8), and after them what is unfinished of a sequence, string or character.

use super::cell::Cell;
use super::charset::{Charsets, Set};
use super::csi::Csi;
use super::graphics::{Apc, Placements};
use super::look::Pen;
use super::mode::{Flags, mouse_encoding, mouse_mode};
use super::osc::{Colors, Rgb};
use super::sgr;
use super::terminal::{Names, Page, Place, Saved, Terminal};
use crate::term::history::History;
use crate::term::marks::{Mark, MarkKind};
use crate::term::screen::{MouseEncoding, MouseMode, Style};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;

/// What the private string begins with.
pub(super) const PRIVATE: &[u8] = b">thub;";

fn hex(text: &[u8]) -> String {
    text.iter().fold(String::with_capacity(text.len() * 2), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter_map(|b| char::from(b).to_digit(16)).map(|d| d as u8).collect();
    digits.chunks_exact(2).map(|p| p.iter().fold(0, |n, d| n << 4 | d)).collect()
}

fn text(field: &str) -> String {
    let text = String::from_utf8_lossy(&unhex(field)).into_owned();
    text.chars().filter(|c| !c.is_control()).collect()
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|i| i.to_string()).collect::<Vec<_>>().join(",")
}

fn numbers<T: std::str::FromStr>(field: &str) -> impl Iterator<Item = T> {
    field.split(',').filter_map(|n| n.parse().ok())
}

/// `ESC P > thub ; ... ESC \`
fn private(out: &mut Vec<u8>, fields: std::fmt::Arguments<'_>) {
    out.extend_from_slice(b"\x1bP>thub;");
    let _ = out.write_fmt(fields);
    out.extend_from_slice(b"\x1b\\");
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

    /// Takes in one private string.
    pub fn restore_private(&mut self, fields: &[u8]) {
        let Ok(fields) = std::str::from_utf8(fields) else { return };
        let mut words = fields.split(';');
        let key = words.next().unwrap_or_default();
        let words: Vec<&str> = words.collect();
        let word = |i: usize| words.get(i).copied().unwrap_or_default();
        let rest = |i: usize| words.get(i..).unwrap_or_default().join(";");
        let number = |i: usize| word(i).parse::<usize>().unwrap_or(0);
        let is = |i: usize| word(i) == "1";
        let (rows, cols) = (self.rows(), self.cols());
        match key {
            "p" => self.switch(is(0)),
            "g" => {
                let text = text(word(1));
                let look = {
                    self.dip();
                    self.look
                };
                // one character is said as itself
                if text.chars().nth(1).is_none() || text.len() > super::cluster::MOST {
                    return;
                }
                let cell = Cell::cluster(self.clusters.number(&text), look);
                self.put(cell, if number(0) == 2 { 2 } else { 1 });
                self.join = None;
            }
            "e" => {
                let look = self.erased();
                let (row, col) = (self.at.row, self.at.col);
                let row = self.page.grid.row_mut(row);
                row.reach(col + 1);
                if let Some(cell) = row.cells.get_mut(col) {
                    *cell = Cell::spacer(look);
                }
            }
            "w" => {
                for r in numbers::<usize>(word(0)).filter(|r| *r < rows) {
                    let row = self.page.grid.row_mut(r);
                    row.reach(cols);
                    row.wrapped = true;
                }
            }
            "m" => {
                let Some(kind) = word(2).bytes().next().and_then(MarkKind::of_letter) else { return };
                let time = word(4).parse().unwrap_or(0);
                let mark = Mark { line: 0, col: number(1) as u32, kind, exit: word(3).parse().ok(), time };
                if number(0) < rows {
                    self.page.grid.row_mut(number(0)).marks.push(mark);
                }
            }
            "i" => {
                if let Some(new) = Placements::from_fields(&words.join(";")) {
                    for placement in new.iter() {
                        self.page.placements.add(*placement);
                    }
                }
            }
            "k" => {
                let mut flags: VecDeque<u8> = numbers(word(0)).map(|n: u8| n & 31).take(Page::MOST_KEYS + 1).collect();
                self.page.keys = flags.pop_back().unwrap_or(0);
                self.page.keys_before = flags;
            }
            "s" => {
                let link = self.restored_link(word(8));
                self.page.saved = Saved {
                    place: Place { row: number(0).min(rows - 1), col: number(1).min(cols - 1), pending: is(2) },
                    origin: number(3) & 1 != 0,
                    kept: number(3) & 2 != 0,
                    charsets: charsets(word(4), word(5), word(6)),
                    pen: Pen { style: style(&rest(9)), protected: is(7), link },
                };
            }
            "o" => {
                self.flags = flags(word(0));
                self.saved_flags = flags(word(1));
            }
            "M" => {
                let mode = |i: usize| mouse_mode(number(i) as u16).unwrap_or_default();
                let encoding = |i: usize| mouse_encoding(number(i) as u16).unwrap_or_default();
                (self.mouse, self.encoding) = (mode(0), encoding(1));
                self.saved_mouse = (mode(2), encoding(3));
                self.saved_alt = is(4);
            }
            "x" => {
                if number(0) < number(1) && number(1) <= rows && number(2) < number(3) && number(3) <= cols {
                    (self.top, self.bottom, self.left, self.right) = (number(0), number(1), number(2), number(3));
                }
                self.cursor_style = number(4).min(6) as u16;
                (self.by_rectangle, self.guarded) = (is(5), is(6));
                self.level = number(7).clamp(61, 65) as u16;
                self.modify_other_keys = number(8).min(2) as u8;
                self.leveled = is(9);
            }
            "t" => {
                self.tabs.clear();
                for col in numbers(word(0)) {
                    self.tabs.set(col, true);
                }
            }
            "n" => self.charsets = charsets(word(0), word(1), word(2)),
            "T" => {
                // the one there was is pushed: the first is a fresh engine's
                let before = std::mem::replace(&mut self.names, Names { title: text(word(0)), icon: text(word(1)) });
                if self.restored_names && self.names_before.len() < Terminal::MOST_NAMES {
                    self.names_before.push(before);
                }
                self.restored_names = true;
            }
            "D" => self.directory = text(word(0)),
            "C" => {
                let before = std::mem::replace(&mut self.colors, restored_colors(&words));
                if self.restored_colors && self.colors_before.len() < Terminal::MOST_PENS {
                    self.colors_before.push(before);
                }
                self.restored_colors = true;
            }
            "P" if self.pens_before.len() < Terminal::MOST_PENS => {
                let link = self.restored_link(word(1));
                self.pens_before.push(Pen { style: style(&rest(2)), protected: is(0), link });
            }
            "I" => self.images.push((number(0) as u32, number(1) as u32, number(2) as u32)),
            "u" => {
                let mut apc = Apc::default();
                apc.feed(&unhex(word(0)));
                if let Some(command) = apc.finish() {
                    let _ = self.transfer.take(command);
                }
            }
            "h" => {
                let end = word(0).parse().unwrap_or(0).min(1 << 60);
                self.history = History::continuing(self.history.most_lines(), end, is(1), number(2));
            }
            "l" => {
                self.last = word(0).parse().ok().and_then(char::from_u32).filter(|c| *c != '\0');
                self.join = word(1).parse().ok().zip(word(2).parse().ok());
                self.joiner = is(3);
            }
            "c" => {
                self.at = Place { row: number(0).min(rows - 1), col: number(1).min(cols - 1), pending: is(2) };
            }
            _ => {}
        }
    }

    fn restored_link(&mut self, field: &str) -> u32 {
        let address = text(field);
        if address.is_empty() { 0 } else { self.looks.link(&address) }
    }
}

fn modes(flags: Flags) -> String {
    let on = Flags::all().filter(|(flag, ..)| flags.has(*flag));
    list(on.map(|(_, number, private)| format!("{}{number}", if private { "?" } else { "" })))
}

fn flags(field: &str) -> Flags {
    let mut flags = Flags(0);
    for word in field.split(',') {
        let (private, digits) = word.strip_prefix('?').map_or((false, word), |d| (true, d));
        if let Some(flag) = digits.parse().ok().and_then(|n| Flags::of(n, private)) {
            flags.set(flag, true);
        }
    }
    flags
}

fn charsets(names: &str, gl: &str, single: &str) -> Charsets {
    let mut c = Charsets::default();
    for (set, name) in c.sets.iter_mut().zip(unhex(names)) {
        *set = Set::named(name);
    }
    c.gl = gl.parse().unwrap_or(0).min(3);
    c.single = single.parse().ok().filter(|n| *n <= 3);
    c
}

fn style(parameters: &str) -> Style {
    let mut style = Style::PLAIN;
    // more of them than one sequence has: the last ones are colours, which stand together
    if let Some((csi, _)) = Csi::read(format!("{parameters}m").as_bytes()) {
        sgr::apply(&mut style, &csi);
    }
    style
}

fn rgb(field: &str) -> Option<Rgb> {
    match *unhex(field) {
        [r, g, b] => Some((r, g, b)),
        _ => None,
    }
}

fn restored_colors(words: &[&str]) -> Colors {
    let mut c = Colors::default();
    let word = |i: usize| words.get(i).copied().unwrap_or_default();
    if let (Some(fg), Some(bg)) = (rgb(word(0)), rgb(word(1))) {
        c.outer = (fg, bg);
    }
    for pair in word(2).split(',') {
        if let Some((i, color)) = pair.split_once('=')
            && let (Ok(i), Some(color)) = (i.parse(), rgb(color))
        {
            c.palette.insert(i, color);
        }
    }
    for (slot, field) in c.dynamic.iter_mut().zip(word(3).split(',')) {
        *slot = rgb(field);
    }
    for (slot, field) in c.special.iter_mut().zip(word(4).split(',')) {
        *slot = rgb(field);
    }
    c
}
