//! Owns a line that is edited here, because the host wants whole ones: as a terminal of Unix edits it (termios(3), ICANON).
//! State in, bytes out. Pure. Leaves out when that is so, and what the bytes become on the wire (`protocol.rs`).

use super::protocol::{self, Protocol};
use unicode_width::UnicodeWidthChar;

/// A line's bytes: as many as a terminal of Linux takes.
pub const MOST: usize = 4095;

#[derive(Default)]
pub struct Line {
    bytes: Vec<u8>,
    /// C-v: what comes next is taken as it is.
    literally: bool,
}

impl Line {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes what is typed. `shown` gets its echo, where there is to be one, `out` what goes to the host.
    pub fn typed(&mut self, typed: &[u8], echo: bool, host: &mut Protocol, shown: &mut Vec<u8>, out: &mut Vec<u8>) {
        let mut nowhere = Vec::new();
        for &byte in typed {
            // (what is not to be seen goes where nobody looks)
            nowhere.clear();
            let shown = if echo { &mut *shown } else { &mut nowhere };
            if std::mem::take(&mut self.literally) {
                self.add(byte, shown);
                continue;
            }
            match byte {
                b'\r' | b'\n' => {
                    self.send(host, out);
                    host.send_line_end(out);
                    shown.extend(b"\r\n");
                }
                0x08 | 0x7f => self.take_back(1, shown),
                // C-u
                0x15 => self.take_back(usize::MAX, shown),
                // C-w: blanks, and the word before them
                0x17 => {
                    let is_blank = |b: &u8| b.is_ascii_whitespace();
                    let words = self.bytes.iter().rposition(|b| !is_blank(b)).map_or(0, |at| at + 1);
                    let keep =
                        self.bytes.get(..words).and_then(|w| w.iter().rposition(is_blank)).map_or(0, |at| at + 1);
                    while self.bytes.len() > keep {
                        self.take_back(1, shown);
                    }
                }
                // C-v
                0x16 => self.literally = true,
                // C-d
                0x04 if self.is_empty() => host.command(protocol::END_OF_FILE, out),
                0x04 => self.send(host, out),
                0x03 => self.interrupt(byte, protocol::INTERRUPT, host, shown, out),
                0x1c => self.interrupt(byte, protocol::ABORT, host, shown, out),
                0x1a => self.interrupt(byte, protocol::SUSPEND, host, shown, out),
                byte => self.add(byte, shown),
            }
        }
    }

    /// What is there goes to the host as it is.
    pub fn send(&mut self, host: &mut Protocol, out: &mut Vec<u8>) {
        host.send(&std::mem::take(&mut self.bytes), out);
    }

    fn add(&mut self, byte: u8, shown: &mut Vec<u8>) {
        if self.bytes.len() >= MOST {
            return shown.push(0x07);
        }
        self.bytes.push(byte);
        echo(byte, shown);
    }

    fn interrupt(&mut self, key: u8, command: u8, host: &mut Protocol, shown: &mut Vec<u8>, out: &mut Vec<u8>) {
        self.bytes.clear();
        echo(key, shown);
        shown.extend(b"\r\n");
        host.command(command, out);
    }

    /// Takes characters back, and away from the screen.
    fn take_back(&mut self, many: usize, shown: &mut Vec<u8>) {
        for _ in 0..many {
            let Some(last) = self.bytes.pop() else { return };
            let mut columns = if last < 0x20 || last == 0x7f { 2 } else { 1 };
            if last >= 0x80 {
                // a character of UTF-8, if it is one; a byte of another encoding is a column
                let begin =
                    self.bytes.iter().rev().take(3).position(|b| *b >= 0xc0).map(|back| self.bytes.len() - 1 - back);
                let whole = begin.and_then(|at| {
                    let mut bytes = self.bytes.get(at..)?.to_vec();
                    bytes.push(last);
                    let mut chars = std::str::from_utf8(&bytes).ok()?.chars();
                    Some((at, chars.next()?)).filter(|_| chars.next().is_none())
                });
                if let Some((at, char)) = whole {
                    self.bytes.truncate(at);
                    columns = char.width().unwrap_or(1);
                }
            }
            shown.extend(b"\x08 \x08".repeat(columns));
        }
    }
}

/// What shows that a key came: a control character as ^X.
pub fn echo(byte: u8, shown: &mut Vec<u8>) {
    match byte {
        0x00..=0x1f | 0x7f => shown.extend([b'^', byte ^ 0x40]),
        byte => shown.push(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ids::Size;

    fn typed(line: &mut Line, keys: &[u8], echo: bool) -> (String, Vec<u8>) {
        let mut host = Protocol::new("vt100", Size { rows: 24, cols: 80 });
        let (mut shown, mut out) = (Vec::new(), Vec::new());
        line.typed(keys, echo, &mut host, &mut shown, &mut out);
        (String::from_utf8_lossy(&shown).into_owned(), out)
    }
    fn sent(keys: &[u8]) -> Vec<u8> {
        typed(&mut Line::default(), keys, true).1
    }

    #[test]
    fn a_line_is_sent_when_it_is_done() {
        let mut line = Line::default();
        assert_eq!(typed(&mut line, b"help", true), ("help".into(), vec![]));
        assert_eq!(typed(&mut line, b" x\x7fme\r", true), (" x\x08 \x08me\r\n".into(), b"help me\r\n".to_vec()));
        assert!(line.is_empty());
        assert_eq!(sent(b"one two  \x17three\r"), b"one three\r\n");
        assert_eq!(sent(b"one\x17\x17two\r"), b"two\r\n");
        assert_eq!(sent(b"one\x15two\n"), b"two\r\n");
        assert_eq!(sent(b"\x08\x08\x15a\r"), b"a\r\n");
        assert_eq!(sent("ab\u{e9}\u{7f}\u{4e2d}\x08c\u{ff}\r".as_bytes()), "abc\u{ff}\r\n".as_bytes());
        assert_eq!(sent(b"\xe9\xe9\x7f\xff\r"), b"\xe9\xff\xff\r\n", "of another encoding, and IAC");
        assert_eq!(sent(b"\x16\x03\r"), b"\x03\r\n");
    }

    #[test]
    fn what_is_taken_back_goes_from_the_screen() {
        let shown = |keys: &str| typed(&mut Line::default(), keys.as_bytes(), true).0;
        assert_eq!(shown("\u{4e2d}\x7f"), "\u{4e2d}\x08 \x08\x08 \x08");
        assert_eq!(shown("\x1b\x7f"), "^[\x08 \x08\x08 \x08");
        assert_eq!(shown("\x7f\x15\x17"), "");
    }

    #[test]
    fn a_password_is_not_seen() {
        let mut line = Line::default();
        assert_eq!(typed(&mut line, b"sec\x7fret\r", false), (String::new(), b"seret\r\n".to_vec()));
    }

    #[test]
    fn keys_that_interrupt() {
        assert_eq!(sent(b"abc\x03"), [255, protocol::INTERRUPT]);
        assert_eq!(sent(b"abc\x1c"), [255, protocol::ABORT]);
        assert_eq!(sent(b"\x1a"), [255, protocol::SUSPEND]);
        assert_eq!(sent(b"\x04"), [255, protocol::END_OF_FILE]);
        assert_eq!(sent(b"half\x04"), b"half");
    }

    #[test]
    fn a_line_has_an_end() {
        let mut line = Line::default();
        let (shown, out) = typed(&mut line, &[b'x'; 10_000], true);
        assert_eq!((shown.matches('\x07').count(), out.len()), (10_000 - MOST, 0));
        assert_eq!(typed(&mut line, b"\r", true).1.len(), MOST + 2);
    }
}
