//! Owns what typed bytes are as keys of a line. Leaves out what comes of them (`predict.rs`).

use crate::term::width;

/// What a key does, as far as one can tell from here.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Key {
    Put(char),
    Back,
    Left,
    Right,
    Enter,
    /// Not known; `resumes` = at a shell's prompt letters typed after it are letters still.
    Other {
        resumes: bool,
    },
    /// Of no effect on a line: a report that the terminal was asked for.
    Nothing,
}

/// The first key of `bytes`, and its length.
pub(super) fn read(bytes: &[u8]) -> (Key, usize) {
    let Some(first) = bytes.first().copied() else { return (Key::Nothing, 0) };
    match first {
        b'\r' | b'\n' => (Key::Enter, 1),
        0x7f | 0x08 => (Key::Back, 1),
        0x1b => match (bytes.get(1), bytes.get(2)) {
            (Some(b'[' | b'O'), Some(b'C')) => (Key::Right, 3),
            (Some(b'[' | b'O'), Some(b'D')) => (Key::Left, 3),
            (Some(b'[' | b'O'), Some(b'A' | b'B' | b'H' | b'F')) => (Key::Other { resumes: true }, 3),
            // focus
            (Some(b'['), Some(b'I' | b'O')) if bytes.len() == 3 => (Key::Nothing, 3),
            _ => (Key::Other { resumes: false }, bytes.len()),
        },
        // (^[ is above; ^V quotes what comes, ^R and ^S look for it)
        0..=0x1f => (Key::Other { resumes: !matches!(first, 0x12 | 0x13 | 0x16) }, 1),
        _ => {
            let long = match first {
                0..=0x7f => 1,
                0xc0..=0xdf => 2,
                0xe0..=0xef => 3,
                _ => 4,
            };
            let c = bytes.get(..long).and_then(|b| std::str::from_utf8(b).ok()).and_then(|s| s.chars().next());
            match c.filter(|c| width::of(*c) > 0) {
                Some(c) => (Key::Put(c), long),
                None => (Key::Other { resumes: false }, bytes.len()),
            }
        }
    }
}
