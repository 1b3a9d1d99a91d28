//! Owns the writing of keys, clicks, pastes and focus as a program expects them (xterm's way), and the names of keys
//! (tmux's way). Leaves out reading them from the outer terminal ([`super::input`]).
//!
//! Keys are written in one of three ways: kitty's protocol ([`kitty`]) where the program has flags in force, else
//! xterm's modifyOtherKeys (`other`) for what that level tells, else as VT terminals and xterm always did.

pub mod kitty;
mod other;

use super::input::{Button, Code, Input, Key, KeyKind, Mods, Mouse, MouseKind, Parser};
use super::screen::{CELL_PIXELS, Modes, MouseEncoding, MouseMode};
use std::io::Write;

/// Writes a key in the way the program has asked for. Keys that have no meaning there write nothing, and so do releases
/// where the program did not ask for them.
pub fn encode(key: &Key, modes: &Modes, out: &mut Vec<u8>) {
    if modes.kitty != 0 {
        return kitty::encode(key, modes, out);
    }
    if key.kind == KeyKind::Release || (modes.modify_other_keys > 0 && other::encode(key, modes, out)) {
        return;
    }
    legacy(key, modes, out);
}

/// What the key is to a program that knows of no protocol for keys: itself, or another one of the same bytes (Ctrl-I
/// is Tab, Shift-Enter is Enter). With Super held it is none of these.
pub fn simplified(key: &Key) -> Key {
    // (most keys are a letter by itself)
    let plain = matches!(key, Key { code: Code::Char(' '..='~'), kind: KeyKind::Press, text: None, exact: None, .. });
    if key.mods.has(Mods::SUPER) || (plain && key.mods.is_empty()) {
        return key.clone();
    }
    as_told_plainly(key)
}

/// Written for a program that knows of no protocol, and read again.
fn as_told_plainly(key: &Key) -> Key {
    let (mut bytes, mut inputs) = (Vec::new(), Vec::new());
    legacy(key, &Modes::default(), &mut bytes);
    let mut parser = Parser::new();
    parser.feed(&bytes, &mut inputs);
    while parser.pending() {
        parser.timeout(&mut inputs);
    }
    match inputs.pop() {
        Some(Input::Key(same)) if inputs.is_empty() => same,
        _ => key.clone(),
    }
}

/// Writes the press of a key as xterm would send it.
fn legacy(key: &Key, modes: &Modes, out: &mut Vec<u8>) {
    let mods = key.mods;
    let cursor = |last: u8, out: &mut Vec<u8>| match mods.is_empty() {
        true if modes.app_cursor => out.extend_from_slice(&[0x1b, b'O', last]),
        true => out.extend_from_slice(&[0x1b, b'[', last]),
        false => modified(last, mods, out),
    };
    match key.code {
        Code::Char(c) => character(c, key, out),
        Code::Enter => plain(if modes.newline { b"\r\n" } else { b"\r" }, mods, out),
        Code::Tab if mods.has(Mods::SHIFT) => back_tab(mods.without(Mods::SHIFT), out),
        Code::Tab => plain(b"\t", mods, out),
        Code::BackTab => back_tab(mods, out),
        // DECBKM says which of the two is meant without Ctrl
        Code::Backspace if mods.has(Mods::CTRL) != modes.backspace_bs => plain(b"\x08", mods, out),
        Code::Backspace => plain(b"\x7f", mods, out),
        Code::Escape => plain(b"\x1b", mods, out),
        Code::Null => plain(b"\0", mods, out),
        Code::Up => cursor(b'A', out),
        Code::Down => cursor(b'B', out),
        Code::Right => cursor(b'C', out),
        Code::Left => cursor(b'D', out),
        Code::End => cursor(b'F', out),
        Code::Home => cursor(b'H', out),
        Code::Insert => tilde(2, mods, out),
        Code::Delete => tilde(3, mods, out),
        Code::PageUp => tilde(5, mods, out),
        Code::PageDown => tilde(6, mods, out),
        Code::F(n @ 1..=4) if mods.is_empty() => out.extend_from_slice(&[0x1b, b'O', b'O' + n]),
        Code::F(n @ 1..=4) => modified(b'O' + n, mods, out),
        Code::F(n) => {
            if let Some(number) = function_number(n) {
                tilde(number, mods, out);
            }
        }
        Code::Other(_) => {}
    }
}

/// The number of F5 to F20 in `CSI n ~`; it leaves gaps as the VT220's keyboard did.
fn function_number(n: u8) -> Option<u8> {
    Some(match n {
        5 => 15,
        6..=10 => n + 11,
        11..=14 => n + 12,
        15 | 16 => n + 13,
        17..=20 => n + 14,
        _ => return None,
    })
}

fn plain(bytes: &[u8], mods: Mods, out: &mut Vec<u8>) {
    if mods.has(Mods::ALT) {
        out.push(0x1b);
    }
    out.extend_from_slice(bytes);
}

fn back_tab(mods: Mods, out: &mut Vec<u8>) {
    plain(b"\x1b[Z", mods, out);
}

fn modified(last: u8, mods: Mods, out: &mut Vec<u8>) {
    let _ = write!(out, "\x1b[1;{}{}", mods.param(), char::from(last));
}

fn tilde(number: u8, mods: Mods, out: &mut Vec<u8>) {
    let _ = match mods.is_empty() {
        true => write!(out, "\x1b[{number}~"),
        false => write!(out, "\x1b[{number};{}~", mods.param()),
    };
}

fn character(c: char, key: &Key, out: &mut Vec<u8>) {
    if key.mods.has(Mods::ALT) {
        out.push(0x1b);
    }
    if key.mods.has(Mods::CTRL) {
        if let Some(control) = control(c) {
            return out.push(control);
        }
    } else if let Some(text) = &key.text {
        return out.extend(text.chars().filter(|c| !c.is_control()).collect::<String>().as_bytes());
    }
    let mut utf8 = [0; 4];
    out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
}

/// What Ctrl makes of a character, as xterm does.
fn control(c: char) -> Option<u8> {
    Some(match c {
        'a'..='z' | 'A'..='Z' => u8::try_from(c).unwrap_or(0) & 0x1f,
        ' ' | '@' | '2' => 0x00,
        '[' | '{' | '3' => 0x1b,
        '\\' | '|' | '4' => 0x1c,
        ']' | '}' | '5' => 0x1d,
        '^' | '~' | '6' => 0x1e,
        '_' | '/' | '7' => 0x1f,
        '?' | '8' => 0x7f,
        _ => return None,
    })
}

/// Writes a mouse event at this cell of the program's screen (from 0); nothing if the program hasn't asked for it.
pub fn encode_mouse(mouse: &Mouse, row: u16, col: u16, modes: &Modes, out: &mut Vec<u8>) {
    let wheel = matches!(mouse.button, Button::WheelUp | Button::WheelDown | Button::WheelLeft | Button::WheelRight);
    let wanted = match (modes.mouse, mouse.kind) {
        (MouseMode::Off, _) => false,
        (MouseMode::Press, kind) => {
            kind == MouseKind::Press && matches!(mouse.button, Button::Left | Button::Middle | Button::Right)
        }
        (MouseMode::AnyMotion, MouseKind::Motion) => true,
        (MouseMode::ButtonMotion, MouseKind::Motion) => mouse.button != Button::None,
        (_, MouseKind::Motion) => false,
        (_, MouseKind::Press) => true,
        // a wheel has no way back up
        (_, MouseKind::Release) => !wheel,
    };
    if !wanted {
        return;
    }
    let sgr = matches!(modes.encoding, MouseEncoding::Sgr | MouseEncoding::SgrPixels);
    let mut code: u8 = match mouse.button {
        // only SGR tells which button was released
        _ if mouse.kind == MouseKind::Release && !sgr => 3,
        Button::Left => 0,
        Button::Middle => 1,
        Button::Right => 2,
        Button::None => 3,
        Button::WheelUp => 64,
        Button::WheelDown => 65,
        Button::WheelLeft => 66,
        Button::WheelRight => 67,
        Button::Extra(n) => 128 + n.saturating_sub(8).min(3),
    };
    if mouse.kind == MouseKind::Motion {
        code += 32;
    }
    if modes.mouse != MouseMode::Press {
        for (mods, bit) in [(Mods::SHIFT, 4), (Mods::ALT, 8), (Mods::CTRL, 16)] {
            if mouse.mods.has(mods) {
                code += bit;
            }
        }
    }
    let (x, y) = (u32::from(col) + 1, u32::from(row) + 1);
    match modes.encoding {
        MouseEncoding::Urxvt => {
            let _ = write!(out, "\x1b[{};{x};{y}M", u16::from(code) + 32);
        }
        MouseEncoding::Sgr | MouseEncoding::SgrPixels => {
            // of a cell its middle
            let (x, y) = match modes.encoding {
                MouseEncoding::SgrPixels => {
                    let (w, h) = (u32::from(CELL_PIXELS.0), u32::from(CELL_PIXELS.1));
                    ((x - 1) * w + w / 2, (y - 1) * h + h / 2)
                }
                _ => (x, y),
            };
            let last = if mouse.kind == MouseKind::Release { 'm' } else { 'M' };
            let _ = write!(out, "\x1b[<{code};{x};{y}{last}");
        }
        MouseEncoding::Default => {
            // a byte goes no further
            if let (Ok(x), Ok(y), Some(code)) = (u8::try_from(x + 32), u8::try_from(y + 32), code.checked_add(32)) {
                out.extend_from_slice(&[0x1b, b'[', b'M', code, x, y]);
            }
        }
        MouseEncoding::Utf8 => {
            if x > 2015 || y > 2015 {
                return;
            }
            out.extend_from_slice(b"\x1b[M");
            for value in [u32::from(code) + 32, x + 32, y + 32] {
                let mut utf8 = [0; 4];
                let c = char::from_u32(value).unwrap_or(' ');
                out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
            }
        }
    }
}

/// What the wheel becomes where a program on the alternate screen has not asked for the mouse (1007): arrows.
/// False if that is not so here.
pub fn encode_wheel(up: bool, lines: u16, modes: &Modes, out: &mut Vec<u8>) -> bool {
    if modes.mouse != MouseMode::Off || !modes.alt_screen || !modes.alt_scroll {
        return false;
    }
    let key = Key::new(if up { Code::Up } else { Code::Down }, Mods::NONE);
    for _ in 0..lines {
        encode(&key, modes, out);
    }
    true
}

/// Writes a whole paste. Bracketed where the program has asked for it, else with CR for every new line.
/// No byte of it can end the bracket or act as a control: of these only TAB, LF and CR pass.
pub fn encode_paste(bytes: &[u8], modes: &Modes, out: &mut Vec<u8>) {
    encode_paste_piece(bytes, true, true, modes, out);
}

/// A piece of a long paste.
pub fn encode_paste_piece(bytes: &[u8], first: bool, last: bool, modes: &Modes, out: &mut Vec<u8>) {
    if modes.bracketed_paste && first {
        out.extend_from_slice(b"\x1b[200~");
    }
    let mut before = 0;
    for &b in bytes {
        match b {
            b'\n' if !modes.bracketed_paste && before == b'\r' => {}
            b'\n' if !modes.bracketed_paste => out.push(b'\r'),
            // C1 controls in UTF-8: U+009B is CSI to some
            0x80..=0x9f if before == 0xc2 => {
                out.pop();
            }
            b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80.. => out.push(b),
            _ => {}
        }
        before = b;
    }
    if modes.bracketed_paste && last {
        out.extend_from_slice(b"\x1b[201~");
    }
}

/// Tells the program of the focus, if it has asked.
pub fn encode_focus(gained: bool, modes: &Modes, out: &mut Vec<u8>) {
    if modes.focus {
        out.extend_from_slice(if gained { b"\x1b[I" } else { b"\x1b[O" });
    }
}

/// Tells the program of the user's colour scheme, if it has asked to hear of changes (2031).
pub fn encode_scheme(dark: bool, modes: &Modes, out: &mut Vec<u8>) {
    if modes.color_scheme {
        out.extend_from_slice(if dark { b"\x1b[?997;1n" } else { b"\x1b[?997;2n" });
    }
}

/// Names of keys; of several for one key the first is written.
const NAMES: &[(&str, Code)] = &[
    ("Enter", Code::Enter),
    ("Return", Code::Enter),
    ("Tab", Code::Tab),
    ("BTab", Code::BackTab),
    ("BSpace", Code::Backspace),
    ("Backspace", Code::Backspace),
    ("Escape", Code::Escape),
    ("Esc", Code::Escape),
    ("Space", Code::Char(' ')),
    ("Up", Code::Up),
    ("Down", Code::Down),
    ("Left", Code::Left),
    ("Right", Code::Right),
    ("Home", Code::Home),
    ("End", Code::End),
    ("PPage", Code::PageUp),
    ("PageUp", Code::PageUp),
    ("PgUp", Code::PageUp),
    ("NPage", Code::PageDown),
    ("PageDown", Code::PageDown),
    ("PgDn", Code::PageDown),
    ("IC", Code::Insert),
    ("Insert", Code::Insert),
    ("DC", Code::Delete),
    ("Delete", Code::Delete),
    ("Null", Code::Null),
];

/// The key of a name as tmux has them: `C-c`, `M-x`, `C-M-a`, `S-Up`, `^c`, `F5`, `Space`, `PageUp`, `é`.
/// `D-` is Super.
pub fn parse_name(name: &str) -> Result<Key, String> {
    let bad = || {
        format!(
            "'{}' is no key: write a character, or a name such as C-c, M-x, S-Up, F5, Enter, Space, PageUp",
            crate::text::escape(name)
        )
    };
    let mut mods = Mods::NONE;
    let mut rest = name;
    loop {
        let mut chars = rest.chars();
        // a lone `C-` or `^` is no prefix
        let more = |tail: &str| !tail.is_empty();
        match (chars.next(), chars.next()) {
            (Some('^'), Some(_)) => {
                mods = mods.with(Mods::CTRL);
                rest = rest.get(1..).unwrap_or_default();
            }
            (Some(letter), Some('-')) if more(chars.as_str()) => {
                mods = mods.with(match letter {
                    'C' | 'c' => Mods::CTRL,
                    'M' | 'm' => Mods::ALT,
                    'S' | 's' => Mods::SHIFT,
                    'D' | 'd' => Mods::SUPER,
                    _ => return Err(bad()),
                });
                rest = chars.as_str();
            }
            _ => break,
        }
    }
    let mut chars = rest.chars();
    let code = match (chars.next(), chars.next()) {
        (None, _) => return Err(bad()),
        (Some(c), None) if c.is_control() => return Err(bad()),
        (Some(c), None) => Code::Char(c),
        _ => named(rest).ok_or_else(bad)?,
    };
    Ok(match code {
        Code::Char(c) if mods.has(Mods::CTRL) => Key::new(Code::Char(c.to_ascii_lowercase()), mods),
        Code::Char(c) if mods.has(Mods::SHIFT) && c != ' ' => {
            Key::new(Code::Char(c.to_ascii_uppercase()), mods.without(Mods::SHIFT))
        }
        Code::Tab if mods.has(Mods::SHIFT) => Key::new(Code::BackTab, mods.without(Mods::SHIFT)),
        code => Key::new(code, mods),
    })
}

fn named(name: &str) -> Option<Code> {
    if let Some((_, code)) = NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
        return Some(*code);
    }
    if let Some(number) = name.strip_prefix("Other") {
        return number.parse().ok().map(Code::Other);
    }
    let number = name.strip_prefix(['F', 'f'])?;
    number.parse::<u8>().ok().filter(|n| (1..=35).contains(n) && !number.starts_with(['0', '+'])).map(Code::F)
}

/// The name of a key, which [`parse_name`] takes; whether it was released is not in it.
pub fn name(key: &Key) -> String {
    let mut out = String::new();
    for (mods, prefix) in [(Mods::SUPER, "D-"), (Mods::CTRL, "C-"), (Mods::ALT, "M-"), (Mods::SHIFT, "S-")] {
        if key.mods.has(mods) {
            out.push_str(prefix);
        }
    }
    match (NAMES.iter().find(|(_, code)| *code == key.code), key.code) {
        (Some((name, _)), _) => out.push_str(name),
        (None, Code::Char(c)) => out.push(c),
        (None, Code::F(n)) => out.push_str(&format!("F{n}")),
        (None, Code::Other(n)) => out.push_str(&format!("Other{n}")),
        (None, _) => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, modes: &Modes) -> String {
        let mut out = Vec::new();
        encode(&parse_name(name).unwrap(), modes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_as_xterm_sends_them() {
        let plain = Modes::default();
        let table = [
            ("a", "a"),
            ("é", "é"),
            ("C-a", "\x01"),
            ("C-Space", "\0"),
            ("C-/", "\x1f"),
            ("C-_", "\x1f"),
            ("C-\\", "\x1c"),
            ("C-8", "\x7f"),
            ("C-1", "1"),
            ("^c", "\x03"),
            ("M-x", "\x1bx"),
            ("C-M-a", "\x1b\x01"),
            ("Enter", "\r"),
            ("M-Enter", "\x1b\r"),
            ("Tab", "\t"),
            ("S-Tab", "\x1b[Z"),
            ("BTab", "\x1b[Z"),
            ("BSpace", "\x7f"),
            ("C-BSpace", "\x08"),
            ("M-BSpace", "\x1b\x7f"),
            ("Escape", "\x1b"),
            ("Up", "\x1b[A"),
            ("S-Up", "\x1b[1;2A"),
            ("C-M-Left", "\x1b[1;7D"),
            ("Home", "\x1b[H"),
            ("C-End", "\x1b[1;5F"),
            ("DC", "\x1b[3~"),
            ("C-PageUp", "\x1b[5;5~"),
            ("F1", "\x1bOP"),
            ("S-F4", "\x1b[1;2S"),
            ("F5", "\x1b[15~"),
            ("F10", "\x1b[21~"),
            ("F12", "\x1b[24~"),
            ("F14", "\x1b[26~"),
            ("F15", "\x1b[28~"),
            ("F20", "\x1b[34~"),
            ("C-F6", "\x1b[17;5~"),
            ("Other57441", ""),
        ];
        for (name, bytes) in table {
            assert_eq!(written(name, &plain), bytes, "{name}");
        }
        let app = Modes { app_cursor: true, ..plain };
        assert_eq!(written("Up", &app), "\x1bOA");
        assert_eq!(written("End", &app), "\x1bOF");
        assert_eq!(written("C-Up", &app), "\x1b[1;5A");
        let mut out = Vec::new();
        encode(&Key { kind: KeyKind::Release, ..Key::new(Code::Enter, Mods::NONE) }, &plain, &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn modes_of_enter_and_backspace() {
        let modes = Modes { newline: true, backspace_bs: true, ..Modes::default() };
        for (name, bytes) in [
            ("Enter", "\r\n"),
            ("M-Enter", "\x1b\r\n"),
            ("C-m", "\r"),
            ("BSpace", "\x08"),
            ("C-BSpace", "\x7f"),
            ("M-BSpace", "\x1b\x08"),
        ] {
            assert_eq!(written(name, &modes), bytes, "{name}");
        }
    }

    #[test]
    fn simplified_to_what_a_plain_terminal_has() {
        for c in ' '..='~' {
            let key = Key::new(Code::Char(c), Mods::NONE);
            assert_eq!((simplified(&key), as_told_plainly(&key)), (key.clone(), key));
        }
        for (from, to) in [
            ("C-i", "Tab"),
            ("C-m", "Enter"),
            ("C-[", "Escape"),
            ("C-S-b", "C-b"),
            ("S-Enter", "Enter"),
            ("C-Enter", "Enter"),
            ("S-Escape", "Escape"),
            ("C-1", "1"),
            ("C-Up", "C-Up"),
            ("D-c", "D-c"),
            ("Other57428", "Other57428"),
            ("M-Enter", "M-Enter"),
            ("é", "é"),
        ] {
            assert_eq!(name(&simplified(&parse_name(from).unwrap())), to, "{from}");
        }
        let typed = Key { text: Some("hi".into()), ..Key::new(Code::Char('h'), Mods::NONE) };
        assert_eq!(simplified(&typed), typed);
    }

    #[test]
    fn what_is_written_is_read_as_the_same_key() {
        let mut names: Vec<String> = (1..=20).map(|n| format!("F{n}")).collect();
        names.extend(["Up", "Down", "Left", "Right", "Home", "End", "PPage", "NPage", "IC", "DC"].map(String::from));
        let mut all = Vec::new();
        for name in &names {
            for prefix in ["", "S-", "M-", "C-", "C-M-", "C-S-", "M-S-", "C-M-S-"] {
                all.push(format!("{prefix}{name}"));
            }
        }
        all.extend((b'a'..=b'z').filter(|c| !b"im".contains(c)).map(|c| format!("C-{}", char::from(c))));
        all.extend((b'!'..=b'~').map(|c| char::from(c).to_string()));
        all.extend(
            [
                "M-a", "M-A", "M-é", "C-M-b", "C-Space", "C-_", "C-]", "Enter", "M-Enter", "BTab", "BSpace",
                "M-BSpace", "漢",
            ]
            .map(String::from),
        );
        for name in all {
            for app_cursor in [false, true] {
                let key = parse_name(&name).unwrap();
                let (mut bytes, mut inputs) = (Vec::new(), Vec::new());
                encode(&key, &Modes { app_cursor, ..Modes::default() }, &mut bytes);
                let mut parser = Parser::new();
                parser.feed(&bytes, &mut inputs);
                while parser.pending() {
                    parser.timeout(&mut inputs);
                }
                assert_eq!(inputs, [Input::Key(key.clone())], "{name} {bytes:?}");
                assert_eq!(super::name(&key), name);
            }
        }
    }

    #[test]
    fn names() {
        for (from, to) in [
            ("C-A", "C-a"),
            ("^C", "C-c"),
            ("c-m-x", "C-M-x"),
            ("M-C-x", "C-M-x"),
            ("S-a", "A"),
            ("PageUp", "PPage"),
            ("Esc", "Escape"),
            (" ", "Space"),
            ("-", "-"),
            ("^", "^"),
            ("C--", "C--"),
            ("M-^", "M-^"),
            ("enter", "Enter"),
            ("S-Space", "S-Space"),
            ("D-c", "D-c"),
            ("C-S-Up", "C-S-Up"),
        ] {
            let key = parse_name(from).unwrap();
            assert_eq!(name(&key), to, "{from}");
            assert_eq!(parse_name(&name(&key)), Ok(key));
        }
        for bad in ["", "C-", "X-a", "Foo", "F0", "F99", "F+1", "\x1b", "ab", "C-xy"] {
            assert!(parse_name(bad).is_err(), "{bad:?}");
        }
        assert!(parse_name("\x1bx").unwrap_err().contains("'\\u{1b}x' is no key"));
    }

    #[test]
    fn mouse() {
        let m = |kind, button, mods| Mouse { kind, button, row: 0, col: 0, mods };
        let write = |mouse: &Mouse, at: (u16, u16), mode, encoding| {
            let mut out = Vec::new();
            encode_mouse(mouse, at.0, at.1, &Modes { mouse: mode, encoding, ..Modes::default() }, &mut out);
            out
        };
        let press = m(MouseKind::Press, Button::Left, Mods::CTRL);
        let release = m(MouseKind::Release, Button::Right, Mods::NONE);
        let drag = m(MouseKind::Motion, Button::Left, Mods::NONE);
        let hover = m(MouseKind::Motion, Button::None, Mods::NONE);
        let wheel = m(MouseKind::Press, Button::WheelDown, Mods::NONE);
        use MouseEncoding::{Default as Old, Sgr, SgrPixels, Urxvt, Utf8};
        use MouseMode::{AnyMotion, ButtonMotion, Off, Press, PressRelease};
        assert_eq!(write(&press, (0, 0), Off, Sgr), b"");
        assert_eq!(write(&press, (2, 4), PressRelease, Sgr), b"\x1b[<16;5;3M");
        assert_eq!(write(&press, (2, 4), Press, Old), b"\x1b[M %#");
        assert_eq!(write(&release, (2, 4), Press, Old), b"");
        assert_eq!(write(&release, (2, 4), PressRelease, Old), b"\x1b[M#%#");
        assert_eq!(write(&release, (2, 4), PressRelease, Sgr), b"\x1b[<2;5;3m");
        assert_eq!(write(&drag, (0, 0), PressRelease, Sgr), b"");
        assert_eq!(write(&drag, (0, 0), ButtonMotion, Sgr), b"\x1b[<32;1;1M");
        assert_eq!(write(&hover, (0, 0), ButtonMotion, Sgr), b"");
        assert_eq!(write(&hover, (0, 0), AnyMotion, Sgr), b"\x1b[<35;1;1M");
        assert_eq!(write(&wheel, (0, 0), PressRelease, Sgr), b"\x1b[<65;1;1M");
        assert_eq!(write(&press, (0, 222), PressRelease, Old), b"\x1b[M0\xff!");
        assert_eq!(write(&press, (0, 223), PressRelease, Old), b"");
        assert_eq!(write(&press, (0, 223), PressRelease, Utf8), "\x1b[M0\u{100}!".as_bytes());
        assert_eq!(write(&press, (65535, 65535), PressRelease, Sgr), b"\x1b[<16;65536;65536M");
        assert_eq!(write(&press, (2, 4), PressRelease, Urxvt), b"\x1b[48;5;3M");
        assert_eq!(write(&release, (2, 4), PressRelease, Urxvt), b"\x1b[35;5;3M");
        assert_eq!(write(&drag, (2, 4), ButtonMotion, Urxvt), b"\x1b[64;5;3M");
        // pixels: the middle of a cell of 8x16
        assert_eq!(write(&press, (0, 0), PressRelease, SgrPixels), b"\x1b[<16;4;8M");
        assert_eq!(write(&release, (2, 4), PressRelease, SgrPixels), b"\x1b[<2;36;40m");
        assert_eq!(write(&hover, (65535, 65535), AnyMotion, SgrPixels), b"\x1b[<35;524284;1048568M");
    }

    #[test]
    fn the_wheel_on_the_alternate_screen() {
        let modes = Modes { alt_screen: true, alt_scroll: true, ..Modes::default() };
        let mut out = Vec::new();
        assert!(encode_wheel(true, 2, &modes, &mut out));
        assert_eq!(out, b"\x1b[A\x1b[A");
        assert!(!encode_wheel(true, 2, &Modes { alt_screen: false, ..modes }, &mut out));
        assert!(!encode_wheel(true, 2, &Modes { mouse: MouseMode::Press, ..modes }, &mut out));
    }

    #[test]
    fn pastes() {
        let paste = |text: &str, bracketed_paste| {
            let mut out = Vec::new();
            encode_paste(text.as_bytes(), &Modes { bracketed_paste, ..Modes::default() }, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(paste("a\nb\r\nc\td", false), "a\rb\rc\td");
        assert_eq!(paste("a\nb", true), "\x1b[200~a\nb\x1b[201~");
        assert_eq!(paste("x\x1b[201~rm\x03\x7f\u{9b}201~é", true), "\x1b[200~x[201~rm201~é\x1b[201~");
        assert_eq!(paste("\x1b", false), "");
        let mut out = Vec::new();
        let modes = Modes { bracketed_paste: true, focus: true, ..Modes::default() };
        encode_paste_piece(b"a", true, false, &modes, &mut out);
        encode_paste_piece(b"b", false, true, &modes, &mut out);
        encode_focus(true, &modes, &mut out);
        encode_focus(false, &Modes::default(), &mut out);
        assert_eq!(out, b"\x1b[200~ab\x1b[201~\x1b[I");
        out.clear();
        encode_scheme(true, &Modes { color_scheme: true, ..modes }, &mut out);
        encode_scheme(false, &Modes { color_scheme: true, ..modes }, &mut out);
        encode_scheme(false, &modes, &mut out);
        assert_eq!(out, b"\x1b[?997;1n\x1b[?997;2n");
    }
}
