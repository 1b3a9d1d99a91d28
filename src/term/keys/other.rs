//! Owns xterm's modifyOtherKeys: `CSI 27 ; modifiers ; code ~` for keys whose modifiers the old encoding leaves out.
//! Leaves out the keys that have sequences with modifiers anyway (arrows, function keys, the number pad).
//!
//! Source: xterm's ctlseqs ("XTMODKEYS") and the tables of <https://invisible-island.net/xterm/modified-keys.html>.
//! Level 1 spares what has a well-known meaning (a control character, Alt's ESC, Shift's letter), level 2 does not.

use crate::term::input::{Code, Exact, Key, Mods};
use crate::term::screen::Modes;
use std::io::Write;

/// Writes the key if it is one of those. False, and nothing written: the old encoding is to be used.
pub(super) fn encode(key: &Key, modes: &Modes, out: &mut Vec<u8>) -> bool {
    let exact = key.exact();
    if exact.is_keypad() {
        return false;
    }
    let all = modes.modify_other_keys >= 2;
    let shift = if exact.mods & Exact::SHIFT == 0 { Mods::NONE } else { Mods::SHIFT };
    let mods = key.mods.with(shift);
    let (told, code) = match key.code {
        Code::Enter => (!mods.is_empty(), 13),
        Code::Escape => (!mods.is_empty(), 27),
        // Shift-Tab has a sequence of its own
        Code::Tab | Code::BackTab => (!mods.without(Mods::SHIFT).is_empty(), 9),
        // Ctrl makes it the other one of BS and DEL
        Code::Backspace => (all && !mods.without(Mods::CTRL).is_empty(), if modes.backspace_bs { 8 } else { 127 }),
        Code::Char(c) => {
            let letter = c.is_ascii_alphabetic();
            let typed = exact.shifted.filter(|_| letter).unwrap_or(c);
            let told = match (all, mods.has(Mods::CTRL)) {
                (false, false) => false,
                (false, true) if letter => mods.has(Mods::SHIFT),
                (false, true) => super::control(c).is_none(),
                // of what Shift alone makes only the letters and the space are told
                (true, _) if mods == Mods::SHIFT => letter || c == ' ',
                (true, _) => !mods.is_empty(),
            };
            (told, u32::from(typed))
        }
        _ => return false,
    };
    if told {
        // into a Vec, which does not fail
        let _ = write!(out, "\x1b[27;{};{code}~", mods.param());
    }
    told
}

#[cfg(test)]
mod tests {
    use crate::term::input::{Input, Key, Parser};
    use crate::term::keys::{encode, parse_name};
    use crate::term::screen::Modes;

    fn written(key: &Key, level: u8) -> String {
        let mut out = Vec::new();
        encode(key, &Modes { modify_other_keys: level, ..Modes::default() }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn both_levels() {
        for (name, one, two) in [
            ("a", "a", "a"),
            ("A", "A", "\x1b[27;2;65~"),
            ("!", "!", "!"),
            ("É", "É", "É"),
            ("M-a", "\x1ba", "\x1b[27;3;97~"),
            ("M-A", "\x1bA", "\x1b[27;4;65~"),
            ("C-a", "\x01", "\x1b[27;5;97~"),
            ("C-i", "\t", "\x1b[27;5;105~"),
            ("C-m", "\r", "\x1b[27;5;109~"),
            ("C-[", "\x1b", "\x1b[27;5;91~"),
            ("C-_", "\x1f", "\x1b[27;5;95~"),
            ("C-S-a", "\x1b[27;6;65~", "\x1b[27;6;65~"),
            ("C-M-a", "\x1b\x01", "\x1b[27;7;97~"),
            ("C-Space", "\0", "\x1b[27;5;32~"),
            ("S-Space", " ", "\x1b[27;2;32~"),
            ("C-2", "\0", "\x1b[27;5;50~"),
            ("C-3", "\x1b", "\x1b[27;5;51~"),
            ("C-/", "\x1f", "\x1b[27;5;47~"),
            ("C-1", "\x1b[27;5;49~", "\x1b[27;5;49~"),
            ("C-;", "\x1b[27;5;59~", "\x1b[27;5;59~"),
            ("C-M-;", "\x1b[27;7;59~", "\x1b[27;7;59~"),
            ("Enter", "\r", "\r"),
            ("S-Enter", "\x1b[27;2;13~", "\x1b[27;2;13~"),
            ("C-Enter", "\x1b[27;5;13~", "\x1b[27;5;13~"),
            ("Tab", "\t", "\t"),
            ("S-Tab", "\x1b[Z", "\x1b[Z"),
            ("C-Tab", "\x1b[27;5;9~", "\x1b[27;5;9~"),
            ("C-S-Tab", "\x1b[27;6;9~", "\x1b[27;6;9~"),
            ("Escape", "\x1b", "\x1b"),
            ("S-Escape", "\x1b[27;2;27~", "\x1b[27;2;27~"),
            ("BSpace", "\x7f", "\x7f"),
            ("C-BSpace", "\x08", "\x08"),
            ("S-BSpace", "\x7f", "\x1b[27;2;127~"),
            ("M-BSpace", "\x1b\x7f", "\x1b[27;3;127~"),
            ("C-Up", "\x1b[1;5A", "\x1b[1;5A"),
            ("F1", "\x1bOP", "\x1bOP"),
        ] {
            let key = parse_name(name).unwrap();
            assert_eq!((written(&key, 1).as_str(), written(&key, 2).as_str()), (one, two), "{name}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same_key() {
        for name in [
            "C-a", "C-S-a", "C-M-a", "M-a", "A", "M-A", "C-Enter", "S-Enter", "C-Tab", "C-S-Tab", "S-Escape", "C-1",
            "C-;", "C-_", "C-Space", "S-Space", "M-BSpace",
        ] {
            let key = parse_name(name).unwrap();
            let (mut parser, mut out) = (Parser::new(), Vec::new());
            parser.feed(written(&key, 2).as_bytes(), &mut out);
            assert_eq!(out, [Input::Key(key)], "{name}");
        }
    }

    /// Ctrl with a sign that Shift makes: the sign's control character to level 1, all of it to level 2.
    #[test]
    fn as_the_outer_terminal_tells_it() {
        for (read, legacy, two) in [
            (&b"\x1b[27;6;95~"[..], "\x1f", "\x1b[27;6;95~"),
            (b"\x1b[45:95;6u", "\x1f", "\x1b[27;6;95~"),
            (b"\x1b[27;6;65~", "\x01", "\x1b[27;6;65~"),
            (b"\x1b[57414;5u", "\r", "\r"),
        ] {
            let (mut parser, mut out) = (Parser::new(), Vec::new());
            parser.feed(read, &mut out);
            let [Input::Key(key)] = out.as_slice() else { panic!("{out:?}") };
            assert_eq!((written(key, 0).as_str(), written(key, 2).as_str()), (legacy, two), "{read:?}");
        }
    }
}
