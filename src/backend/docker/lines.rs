//! Owns a line that is edited here, for a program in a container that has no terminal: it echoes nothing and knows no
//! backspace. Pure.

/// A line is no longer than that.
const LONGEST: usize = 4096;

#[derive(Default)]
pub struct Line {
    typed: Vec<u8>,
}

/// What keys come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// For the screen.
    pub echo: Vec<u8>,
    /// For the program.
    pub send: Vec<u8>,
    /// Ctrl-D on an empty line: no more comes.
    pub close: bool,
}

impl Line {
    pub fn keys(&mut self, keys: &[u8]) -> Typed {
        let mut out = Typed::default();
        for &key in keys {
            match key {
                b'\r' | b'\n' => {
                    out.echo.extend_from_slice(b"\r\n");
                    out.send.append(&mut self.typed);
                    out.send.push(b'\n');
                }
                0x7f | 0x08 => {
                    self.back(&mut out.echo);
                }
                // Ctrl-U, Ctrl-C: the line is not meant
                0x15 => while self.back(&mut out.echo) {},
                0x03 => {
                    self.typed.clear();
                    out.echo.extend_from_slice(b"^C\r\n");
                }
                0x04 if self.typed.is_empty() => {
                    out.echo.extend_from_slice(b"^D\r\n");
                    out.close = true;
                    return out;
                }
                0x04 => out.send.append(&mut self.typed),
                b'\t' | 0x20..=0x7e | 0x80.. if self.typed.len() < LONGEST => {
                    self.typed.push(key);
                    out.echo.push(key);
                }
                _ => {}
            }
        }
        out
    }

    /// Takes the last character back; whether there was one.
    fn back(&mut self, echo: &mut Vec<u8>) -> bool {
        let Some(last) = self.typed.pop() else { return false };
        let mut last = last;
        // (the rest of a character of UTF-8)
        while last & 0xc0 == 0x80
            && let Some(before) = self.typed.pop()
        {
            last = before;
        }
        echo.extend_from_slice(b"\x08 \x08");
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_sent_whole() {
        let mut line = Line::default();
        let typed = line.keys("abc\u{e9}\x7f\x7fd".as_bytes());
        assert_eq!((typed.send.len(), typed.echo), (0, "abc\u{e9}\x08 \x08\x08 \x08d".as_bytes().to_vec()));
        assert_eq!(line.keys(b"\r").send, b"abd\n");
        assert_eq!(line.keys(b"zz\x15x\r").send, b"x\n");
        assert_eq!(line.keys(b"zz\x03\x1b\r").send, b"\n");
        let end = line.keys(b"a\x04\x04b");
        assert_eq!((end.send, end.close), (b"a".to_vec(), true));
        let long = line.keys(&vec![b'x'; 3 * LONGEST]);
        assert_eq!(long.echo.len(), LONGEST);
    }
}
