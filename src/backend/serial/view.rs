//! Owns how a port's bytes are shown: as they are, with times, as a hex dump, with notes between them; and what is typed on
//! its way there. Pure: times are passed in. Leaves out the port.

use std::io::Write;

/// A dump's row of sixteen bytes takes this many columns; narrower panes get eight.
const WIDE: u16 = 79;

/// Milliseconds since 1970, of the user's own clock on the wall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wall(pub u64);

impl Wall {
    fn parts(self) -> (u64, u64, u64, u64) {
        let s = self.0 / 1000;
        (s / 3600 % 24, s / 60 % 60, s % 60, self.0 % 1000)
    }

    /// `14:02:03`
    pub fn clock(self) -> String {
        let (h, m, s, _) = self.parts();
        format!("{h:02}:{m:02}:{s:02}")
    }
}

/// What has been shown so far, as far as what comes next depends on it.
#[derive(Debug, Default)]
pub struct View {
    pub hex: bool,
    pub timestamps: bool,
    /// A line feed alone begins a line.
    pub crlf: bool,
    /// The last one was a carriage return.
    after_return: bool,
    /// Something stands on the line already.
    inside: bool,
    cols: u16,
    /// The dump's row that is not full yet.
    row: Vec<u8>,
    /// Bytes dumped before it.
    offset: u64,
    began: Wall,
}

impl View {
    pub fn resize(&mut self, cols: u16, out: &mut Vec<u8>) {
        if self.hex && cols != self.cols {
            self.end_row(out);
        }
        self.cols = cols;
    }

    /// From here on a dump, or no dump any more; it counts from its beginning.
    pub fn set_hex(&mut self, on: bool, out: &mut Vec<u8>) {
        if on != self.hex {
            self.fresh(out);
            self.offset = 0;
            self.hex = on;
        }
    }

    /// What came.
    pub fn show(&mut self, bytes: &[u8], now: Wall, out: &mut Vec<u8>) {
        if self.hex {
            return self.dump(bytes, now, out);
        }
        if !self.timestamps && !self.crlf {
            out.extend_from_slice(bytes);
            if let Some(last) = bytes.last() {
                self.inside = *last != b'\n';
                self.after_return = *last == b'\r';
            }
            return;
        }
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            // (some end their lines with both the other way round: the return is no line's first)
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let is_end = text.len() < line.len();
            let text = if self.inside { text } else { self.begin(text, is_end, now, out) };
            out.extend_from_slice(text);
            self.inside |= !text.is_empty();
            if let Some(last) = text.last() {
                self.after_return = *last == b'\r';
            }
            if is_end {
                if self.crlf && !self.after_return {
                    out.push(b'\r');
                }
                out.push(b'\n');
                self.inside = false;
                self.after_return = false;
            }
        }
    }

    /// The time before a line's first byte; returns what is left of it.
    fn begin<'a>(&mut self, text: &'a [u8], is_end: bool, now: Wall, out: &mut Vec<u8>) -> &'a [u8] {
        let returns = text.iter().take_while(|b| **b == b'\r').count();
        let (before, rest) = text.split_at_checked(returns).unwrap_or((text, &[]));
        // an empty line's returns stand before its feed: they are its end
        if self.timestamps && (!rest.is_empty() || is_end) {
            out.extend_from_slice(before);
            let (h, m, s, ms) = now.parts();
            let _ = write!(out, "[{h:02}:{m:02}:{s:02}.{ms:03}] ");
            if rest.is_empty() {
                out.extend_from_slice(before);
            }
        } else {
            out.extend_from_slice(before);
        }
        self.after_return = !before.is_empty();
        rest
    }

    fn width(&self) -> usize {
        if self.cols > 0 && self.cols < WIDE { 8 } else { 16 }
    }

    fn dump(&mut self, mut bytes: &[u8], now: Wall, out: &mut Vec<u8>) {
        let width = self.width();
        while !bytes.is_empty() {
            let begun = !self.row.is_empty();
            if !begun {
                self.began = now;
            }
            let (these, rest) = bytes.split_at_checked(width.saturating_sub(self.row.len())).unwrap_or((bytes, &[]));
            bytes = rest;
            self.row.extend_from_slice(these);
            if begun {
                out.push(b'\r');
            }
            self.print_row(width, out);
            self.inside = true;
            if self.row.len() >= width {
                self.end_row(out);
            }
        }
    }

    fn print_row(&self, width: usize, out: &mut Vec<u8>) {
        if self.timestamps {
            let (h, m, s, ms) = self.began.parts();
            let _ = write!(out, "{h:02}:{m:02}:{s:02}.{ms:03}");
        } else {
            let _ = write!(out, "{:08x}", self.offset);
        }
        for at in 0..width {
            if at % 8 == 0 {
                out.push(b' ');
            }
            let _ = match self.row.get(at) {
                Some(byte) => write!(out, " {byte:02x}"),
                None => write!(out, "   "),
            };
        }
        out.extend_from_slice(b"  ");
        out.extend(self.row.iter().map(|b| if (0x20..0x7f).contains(b) { *b } else { b'.' }));
    }

    fn end_row(&mut self, out: &mut Vec<u8>) {
        if !self.row.is_empty() {
            out.extend_from_slice(b"\r\n");
            self.offset += self.row.len() as u64;
            self.row.clear();
        }
        self.inside = false;
    }

    /// From here on a line of our own: whatever was begun ends.
    fn fresh(&mut self, out: &mut Vec<u8>) {
        if !self.row.is_empty() {
            return self.end_row(out);
        }
        // (a sequence that was cut in two would swallow what comes; a colour would stay)
        out.extend_from_slice(b"\x18\x1b[0m\r");
        // (a line feed alone has left the column as it was)
        if self.inside {
            out.push(b'\n');
        }
        self.inside = false;
        self.after_return = false;
    }

    /// A line of ours, told from what came: `-- unplugged 14:02:03, waiting --`. ASCII.
    pub fn note(&mut self, text: &str, out: &mut Vec<u8>) {
        self.fresh(out);
        let text: String = crate::text::short(text, 400).chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
        let _ = write!(out, "-- {text} --\r\n");
    }

    /// What was typed, for who does not echo. Keys show as what they are, not as what they would do here.
    pub fn echo(&mut self, typed: &[u8], out: &mut Vec<u8>) {
        if self.hex {
            return;
        }
        for byte in typed {
            self.inside = *byte != b'\r' && *byte != b'\n';
            match *byte {
                b'\r' => out.extend_from_slice(b"\r\n"),
                b'\n' | b'\t' => out.push(*byte),
                0x08 | 0x7f => out.extend_from_slice(b"\x08 \x08"),
                control @ 0..0x20 => out.extend_from_slice(&[b'^', control + 0x40]),
                other => out.push(other),
            }
        }
    }
}

/// What Enter sends.
pub fn enter(ending: &str) -> &'static [u8] {
    match ending {
        "lf" => b"\n",
        "crlf" => b"\r\n",
        _ => b"\r",
    }
}

/// What is typed as it goes to the port.
pub fn typed(bytes: &[u8], ending: &str, out: &mut Vec<u8>) {
    let enter = enter(ending);
    for piece in bytes.split_inclusive(|b| *b == b'\r') {
        let text = piece.strip_suffix(b"\r").unwrap_or(piece);
        out.extend_from_slice(text);
        if text.len() < piece.len() {
            out.extend_from_slice(enter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Wall = Wall(12 * 3_600_000 + 34_005);

    fn shown(view: &mut View, pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        pieces.iter().for_each(|p| view.show(p, NOON, &mut out));
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn bytes_come_as_they_are() {
        let all: Vec<u8> = (0..=255).collect();
        let mut out = Vec::new();
        View::default().show(&all, NOON, &mut out);
        assert_eq!(out, all);
    }

    #[test]
    fn each_line_has_the_time_of_its_beginning() {
        let stamped = |pieces: &[&[u8]]| shown(&mut View { timestamps: true, ..View::default() }, pieces);
        assert_eq!(stamped(&[b"a\r\nb"]), "[12:00:34.005] a\r\n[12:00:34.005] b");
        assert_eq!(stamped(&[b"a", b"b\r", b"\nc"]), "[12:00:34.005] ab\r\n[12:00:34.005] c");
        // the return behind the feed is no line's first byte
        assert_eq!(stamped(&[b"a\n\rb\n\r"]), "[12:00:34.005] a\n\r[12:00:34.005] b\n\r");
        assert_eq!(stamped(&[b"\r\n\n"]), "\r[12:00:34.005] \r\n[12:00:34.005] \n");
    }

    #[test]
    fn line_feeds_alone_begin_lines() {
        let mut view = View { crlf: true, ..View::default() };
        assert_eq!(shown(&mut view, &[b"a\nb\r\nc\r", b"\nd", b"\n"]), "a\r\nb\r\nc\r\nd\r\n");
    }

    #[test]
    fn a_dump_is_one_row_for_sixteen_bytes_however_they_come() {
        let mut view = View::default();
        let mut out = Vec::new();
        view.set_hex(true, &mut out);
        assert_eq!(out, b"\x18\x1b[0m\r");
        let text = shown(&mut view, &[b"Hello, world\r\n\x00\xff", b"x"]);
        let rows: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(rows[0], "00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 0d 0a 00 ff  Hello, world....");
        assert_eq!(rows[1].trim_end(), format!("00000010  78{}  x", "   ".repeat(15).to_string() + " "));
        assert!(rows.iter().all(|r| r.len() <= usize::from(WIDE)) && rows.len() == 2);
        // the next byte draws its row anew
        assert!(shown(&mut view, &[b"y"]).starts_with("\r00000010  78 79"));
        out.clear();
        view.note("unplugged", &mut out);
        assert_eq!(out, b"\r\n-- unplugged --\r\n");
        assert!(shown(&mut view, &[b"z"]).starts_with("00000012  7a"));
        view.timestamps = true;
        assert!(shown(&mut view, &[&[0; 15], &[1; 16]]).contains("\r\n12:00:34.005  01 01"));
        view.resize(40, &mut Vec::new());
        assert!(shown(&mut view, &[&[0; 9]]).split("\r\n").all(|row| row.len() <= 48));
    }

    #[test]
    fn notes_stand_on_lines_of_their_own() {
        let mut view = View::default();
        let mut out = Vec::new();
        view.show(b"\x1b[31mhalf", NOON, &mut out);
        view.note("unplugged 14:02:03, w\u{e4}iting\x1b[2J", &mut out);
        view.note("back", &mut out);
        view.show(b"x", NOON, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "\x1b[31mhalf\x18\x1b[0m\r\n-- unplugged 14:02:03, w?iting\\u{1b}[2J --\r\n\x18\x1b[0m\r-- back --\r\nx"
        );
    }

    #[test]
    fn what_is_typed_goes_and_shows_as_is_wished() {
        let sent = |ending: &str| {
            let mut out = Vec::new();
            typed(b"ls\r\x03\x00\r\r", ending, &mut out);
            out
        };
        assert_eq!(sent(""), b"ls\r\x03\x00\r\r");
        assert_eq!(sent("lf"), b"ls\n\x03\x00\n\n");
        assert_eq!(sent("crlf"), b"ls\r\n\x03\x00\r\n\r\n");
        let mut out = Vec::new();
        View::default().echo(b"a\r\x03\x1b[A\x7f", &mut out);
        assert_eq!(out, b"a\r\n^C^[[A\x08 \x08");
    }
}
