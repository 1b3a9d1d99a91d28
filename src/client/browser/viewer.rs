//! Owns a file being looked at: as much of it as came, where its lines are, what of it is seen. Leaves out how it is
//! drawn, and how it gets here.

use super::super::layer::{Choice, Outcome};
use crate::client::layer::field::Field;
use crate::term::input::Key;
use crate::text::is_deceptive;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Bytes of a file that are looked at: 8 MiB.
pub const MOST: u64 = 8 << 20;
/// A line longer than this is broken.
const LINE: usize = 4096;
/// Bytes of a row of the hex view, and the columns it takes with their text beside them.
const ROWS: [(usize, usize); 3] = [(16, 76), (8, 43), (4, 27)];
/// Bytes that are looked through in one go: a few milliseconds' worth.
const SLICE: usize = 128 << 10;

pub struct Viewer {
    /// Of the file; escaped.
    pub title: String,
    pub bytes: Vec<u8>,
    /// Where lines begin.
    lines: Vec<u32>,
    pub hex: bool,
    /// Nobody said how it is to be seen: what is no text is seen as bytes.
    guesses: bool,
    top: usize,
    pub left: usize,
    /// Its size as it was told, and whether all of it (or the most that is looked at) is here.
    pub size: u64,
    pub whole: bool,
    /// Why no more of it comes; escaped.
    pub trouble: Option<String>,
    /// The reading under way.
    pub tag: Option<u64>,
    /// Being looked for, and what was last.
    pub typing: Option<Field>,
    pub sought: String,
    pub missed: bool,
    seeking: Option<Seek>,
    room: usize,
    /// Columns there are for it.
    columns: usize,
    /// Its lines are broken where they don't fit.
    wraps: bool,
}

/// A search under way: the row it looks at next.
#[derive(Clone, Copy)]
struct Seek {
    row: usize,
    back: bool,
}

impl Viewer {
    /// `hex` none = as it looks.
    pub fn new(title: String, hex: Option<bool>, tag: Option<u64>) -> Viewer {
        Viewer {
            title,
            bytes: Vec::new(),
            lines: vec![0],
            hex: hex == Some(true),
            guesses: hex.is_none(),
            top: 0,
            left: 0,
            size: 0,
            whole: false,
            trouble: None,
            tag,
            typing: None,
            sought: String::new(),
            missed: false,
            seeking: None,
            room: 20,
            columns: 78,
            wraps: false,
        }
    }

    /// For so many columns; what is seen first stays.
    pub fn fit(&mut self, columns: usize) {
        if columns != self.columns {
            let at = self.offset();
            self.columns = columns;
            if self.wraps {
                self.lay();
            }
            self.go_to(at);
        }
    }

    /// Bytes of a row of the hex view: as many as there is room for.
    fn per_row(&self) -> usize {
        ROWS.iter().find(|(_, columns)| *columns <= self.columns).map_or(4, |(bytes, _)| *bytes)
    }

    /// Where the first row begins.
    fn offset(&self) -> usize {
        match self.hex {
            true => self.top * self.per_row(),
            false => self.lines.get(self.top).map_or(0, |l| *l as usize),
        }
    }
    fn go_to(&mut self, offset: usize) {
        self.top = match self.hex {
            true => offset / self.per_row(),
            false => self.lines.partition_point(|l| *l as usize <= offset).saturating_sub(1),
        };
    }

    /// The lines of a text that is here as a whole, broken at blanks.
    fn lay(&mut self) {
        let text = String::from_utf8_lossy(&self.bytes);
        let (mut lines, mut from) = (vec![0], 0);
        for line in text.split_inclusive('\n') {
            let (mut begin, mut wide, mut blank) = (0, 0, None);
            for (at, c) in line.char_indices().filter(|(_, c)| *c != '\n') {
                let more = c.width().unwrap_or(0);
                // (where what stands behind the last blank is too wide with it, once more)
                while wide + more > self.columns && c != ' ' && at > begin {
                    begin = blank.take().unwrap_or(at);
                    lines.push((from + begin) as u32);
                    wide = line.get(begin..at).map_or(0, UnicodeWidthStr::width);
                }
                wide += more;
                if c == ' ' {
                    blank = Some(at + 1);
                }
            }
            from += line.len();
            lines.push(from as u32);
        }
        self.lines = lines;
    }

    /// A text of our own.
    pub fn of_text(title: String, text: &str) -> Viewer {
        let mut viewer = Viewer::new(title, Some(false), None);
        viewer.add(text.as_bytes());
        (viewer.size, viewer.whole, viewer.wraps) = (text.len() as u64, true, true);
        viewer.lay();
        viewer
    }

    /// Some more of it came.
    pub fn add(&mut self, bytes: &[u8]) {
        if std::mem::take(&mut self.guesses) {
            self.hex |= bytes.iter().take(8192).any(|b| *b == 0);
        }
        let mut begin = self.lines.last().copied().unwrap_or(0) as usize;
        let from = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        for (at, byte) in self.bytes.iter().enumerate().skip(from) {
            if *byte == b'\n' || at + 1 - begin >= LINE {
                begin = at + 1;
                self.lines.push(begin as u32);
            }
        }
    }

    pub fn rows(&self) -> usize {
        if self.hex {
            return self.bytes.len().div_ceil(self.per_row());
        }
        // behind the last line feed there is no line
        let last_is_empty = self.lines.last().is_some_and(|at| *at as usize >= self.bytes.len());
        self.lines.len() - usize::from(last_is_empty)
    }
    /// The first row shown, where there is room for so many.
    pub fn top(&self, room: usize) -> usize {
        self.top.min(self.rows().saturating_sub(room))
    }

    fn line(&self, row: usize) -> Option<&[u8]> {
        let from = *self.lines.get(row)? as usize;
        let to = self.lines.get(row + 1).map_or(self.bytes.len(), |to| *to as usize);
        let line = self.bytes.get(from..to)?;
        Some(line.strip_suffix(b"\n").unwrap_or(line))
    }

    /// A row as it may be drawn, from column `left` on; nothing active is left in it.
    pub fn row(&self, row: usize) -> Option<String> {
        if !self.hex {
            return Some(plain(self.line(row)?));
        }
        let per_row = self.per_row();
        let at = row * per_row;
        let bytes = self.bytes.get(at..(at + per_row).min(self.bytes.len()))?;
        let mut out = format!("{at:08x}  ");
        for n in 0..per_row {
            match bytes.get(n) {
                Some(b) => out.push_str(&format!("{b:02x} ")),
                None => out.push_str("   "),
            }
            if n == 7 && per_row > 8 {
                out.push(' ');
            }
        }
        out.push(' ');
        out.extend(bytes.iter().map(|b| if b.is_ascii_graphic() || *b == b' ' { char::from(*b) } else { '·' }));
        Some(out)
    }

    pub fn step(&mut self, by: i64) {
        let last = self.rows().saturating_sub(self.room) as i64;
        self.top = (self.top as i64).saturating_add(by).clamp(0, last.max(0)) as usize;
    }

    /// Looks for the row with what is looked for, from this one on or back; none = there is none to look at.
    fn find(&mut self, from: Option<usize>, back: bool) {
        if self.sought.is_empty() {
            return;
        }
        self.missed = from.is_none();
        self.seeking = from.map(|row| Seek { row, back });
        self.seek_on();
    }

    /// A search is under way.
    pub fn is_seeking(&self) -> bool {
        self.seeking.is_some()
    }

    /// Looks through some more of it.
    pub fn seek_on(&mut self) {
        let Some(Seek { mut row, back }) = self.seeking.take() else { return };
        let (needle, mut looked) = (self.sought.to_lowercase(), 0);
        while let Some(text) = self.row(row) {
            if text.to_lowercase().contains(&needle) {
                self.top = row;
                return;
            }
            row = match (back, row) {
                (true, 0) => break,
                (true, row) => row - 1,
                (false, row) => row + 1,
            };
            // (what is blank takes its time, too)
            looked += text.len().max(16);
            if looked >= SLICE {
                self.seeking = Some(Seek { row, back });
                return;
            }
        }
        self.missed = true;
    }

    /// `room`: rows there are to show it.
    pub fn key(&mut self, key: &Key, name: &str, room: usize) -> Outcome {
        self.room = room;
        if let Some(field) = &mut self.typing {
            match name {
                "Escape" | "C-c" => self.typing = None,
                "Enter" => {
                    self.sought = field.take();
                    self.typing = None;
                    // what is at the top counts
                    self.find(Some(self.top), false);
                }
                _ => {
                    field.key(key, name);
                }
            }
            return Outcome::Stay;
        }
        self.missed = false;
        if self.seeking.take().is_some() && matches!(name, "Escape" | "C-c") {
            return Outcome::Stay;
        }
        let page = room.max(2) as i64 - 1;
        match name {
            "q" | "Q" | "Escape" | "C-c" | "F3" | "F10" => return Outcome::Close,
            "Up" | "k" => self.step(-1),
            "Down" | "j" | "Enter" => self.step(1),
            "PageUp" | "b" | "C-b" => self.step(-page),
            "PageDown" | "Space" | "C-f" => self.step(page),
            "C-u" => self.step(-page / 2),
            "C-d" => self.step(page / 2),
            "Home" | "g" => self.top = 0,
            "End" | "G" => self.step(i64::MAX / 2),
            "Left" | "h" => self.left = self.left.saturating_sub(8),
            "Right" | "l" => self.left = (self.left + 8).min(LINE),
            "x" | "v" => {
                // the same place in the other view
                let at = self.offset();
                self.hex = !self.hex;
                self.go_to(at);
            }
            "/" => self.typing = Some(Field::default()),
            "n" => self.find(Some(self.top + 1), false),
            "N" => self.find(self.top.checked_sub(1), true),
            "y" if self.whole => return Outcome::Do(Choice::CopyText(self.text())),
            _ => {}
        }
        Outcome::Stay
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Tabs as blanks; what is not to be drawn is said.
fn plain(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for c in text.strip_suffix('\r').unwrap_or(&text).chars() {
        let before = out.len();
        match c {
            '\t' => out.extend(std::iter::repeat_n(' ', 8 - column % 8)),
            c if c.is_control() || is_deceptive(c) => out.push_str(&crate::text::escape(c.encode_utf8(&mut [0; 4]))),
            c => out.push(c),
        }
        column += out.get(before..).map_or(0, |new| new.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::keys::parse_name;

    fn press(v: &mut Viewer, script: &str) {
        for name in script.split(' ') {
            let key = parse_name(name).unwrap();
            v.key(&key, &crate::client::keymap::word(&key), 3);
        }
    }
    fn seen(v: &Viewer) -> Vec<String> {
        (v.top(3)..v.top(3) + 3).filter_map(|r| v.row(r)).collect()
    }

    #[test]
    fn a_line_is_broken_where_it_ends() {
        let rows = |text: &str, columns: usize| -> Vec<String> {
            let mut v = Viewer::of_text("t".into(), text);
            v.fit(columns);
            (0..v.rows()).filter_map(|row| v.row(row)).collect()
        };
        assert_eq!(rows("one two\nthree", 5), ["one ", "two", "three"]);
        assert_eq!(rows("a longer", 4), ["a ", "long", "er"]);
        assert_eq!(rows(" 漢a漢", 4), [" ", "漢a", "漢"]);
    }

    #[test]
    fn lines_come_in_pieces_and_are_found() {
        let mut v = Viewer::new("f".into(), None, Some(1));
        for piece in ["one\ntw", "o\r\n\tthr\x1b[2Jee\nfo", "ur\n\u{202e}five"] {
            v.add(piece.as_bytes());
        }
        assert_eq!(v.rows(), 5);
        assert_eq!(seen(&v), ["one", "two", "        thr\\u{1b}[2Jee"]);
        press(&mut v, "G");
        assert_eq!(seen(&v)[2], "\\u{202e}five");
        press(&mut v, "g / F O U Enter");
        assert_eq!((v.top, v.missed), (3, false));
        press(&mut v, "n");
        assert!(v.missed);
        press(&mut v, "N");
        assert!(v.missed);
        press(&mut v, "g x");
        assert_eq!(v.row(0).unwrap(), "00000000  6f 6e 65 0a 74 77 6f 0d  0a 09 74 68 72 1b 5b 32  one·two···thr·[2");
        assert_eq!(v.row(1).unwrap().find("J"), Some(60));
        assert!(v.row(9).is_none());
    }

    #[test]
    fn a_search_goes_on_in_slices_and_can_be_stopped() {
        let mut v = Viewer::new("f".into(), None, Some(1));
        for n in 0..100_000 {
            v.add(format!("line {n}\n").as_bytes());
        }
        v.add(b"the needle\n");
        press(&mut v, "/ N E E D L E Enter");
        assert!(v.is_seeking() && v.top == 0 && !v.missed);
        press(&mut v, "Escape");
        assert!(!v.is_seeking(), "it closes with the next one");
        let mut slices = 0;
        let mut whole = |v: &mut Viewer, keys: &str| {
            press(v, keys);
            while v.is_seeking() {
                slices += 1;
                v.seek_on();
            }
            (v.top, v.missed)
        };
        assert_eq!(whole(&mut v, "n"), (100_000, false));
        assert_eq!(whole(&mut v, "n"), (100_000, true));
        assert_eq!(whole(&mut v, "N"), (100_000, true));
        assert_eq!(whole(&mut v, "g / L I N E Space 7 7 7 Enter"), (777, false));
        assert_eq!(whole(&mut v, "G N"), (77_799, false));
        assert!(slices > 20, "{slices}");
        // another key is meant as ever
        press(&mut v, "g / N E E D L E Enter j");
        assert_eq!((v.is_seeking(), v.top), (false, 1));
    }

    #[test]
    fn a_line_without_end_is_broken() {
        let mut v = Viewer::new("f".into(), None, Some(1));
        v.add(&[b'x'; 3 * LINE]);
        assert_eq!((v.rows(), v.row(1).unwrap().len()), (3, LINE));
        assert!(!v.hex);
        // what is no text is seen as bytes, unless somebody said otherwise
        let hex = |said| {
            let mut v = Viewer::new("f".into(), said, Some(1));
            v.add(b"\x7fELF\0");
            v.add(b"text");
            v.hex
        };
        assert_eq!((hex(None), hex(Some(false)), hex(Some(true))), (true, false, true));
    }
}
