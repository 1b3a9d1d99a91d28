//! Owns kitty's keyboard protocol as a program sees it: keys for one that has asked for flags (progressive
//! enhancement). Leaves out reading it from the outer terminal ([`crate::term::input`]) and keeping a program's flags
//! (the engine).
//!
//! Source: <https://sw.kovidgoyal.net/kitty/keyboard-protocol/>. Where its text and its terminals differ (kitty, Ghostty,
//! Alacritty) it is the terminals that are followed: the release of a key whose press was sent as text is reported if
//! event types are asked for.

use crate::term::input::{Code, Exact, Key, KeyKind};
use crate::term::screen::Modes;
use std::borrow::Cow;
use std::io::Write;

/// Disambiguate escape codes.
pub const ESCAPES: u8 = 1;
/// Report event types.
pub const EVENTS: u8 = 2;
/// Report alternate keys.
pub const ALTERNATES: u8 = 4;
/// Report all keys as escape codes.
pub const ALL: u8 = 8;
/// Report associated text; means something with [`ALL`] only.
pub const TEXT: u8 = 16;

/// The flags the outer terminal is to have in force so that a program with these modes gets its keys: 0 where it asked
/// for nothing, so that nothing changes for it. Alternate keys are always wanted: of a key told by its code they say
/// what it is to who has not asked for codes. And text, where keys are told by nothing else.
pub fn wanted(modes: &Modes) -> u8 {
    if modes.kitty == 0 && modes.modify_other_keys == 0 {
        return 0;
    }
    let text = if modes.kitty & ALL == 0 { 0 } else { TEXT };
    modes.kitty & (EVENTS | ALL) | ESCAPES | ALTERNATES | text
}

/// Writes a key for a program whose flags are not 0.
pub(super) fn encode(key: &Key, modes: &Modes, out: &mut Vec<u8>) {
    let asked = |flag: u8| modes.kitty & flag != 0;
    let (escapes, events, all) = (asked(ESCAPES), asked(EVENTS), asked(ALL));
    let release = key.kind == KeyKind::Release;
    let exact = key.exact();
    if (release && !events) || (exact.is_modifier() && !all) {
        return;
    }
    let text = if release { None } else { text(key, &exact) };
    if let Some(text) = &text
        // text of no key can be told in no other way
        && (!all || (exact.point == 0 && !asked(TEXT)))
    {
        return out.extend_from_slice(text.as_bytes());
    }
    // no key, and no text: a character among the functional keys' numbers, with Ctrl or Alt
    if exact.point == 0 && text.is_none() {
        if !release {
            super::legacy(key, modes, out);
        }
        return;
    }
    // the number pad's keys are told apart from where the protocol is in force for keys without text
    let point = if exact.is_keypad() && !escapes && !all { Exact::of(key.code, key.mods).point } else { exact.point };
    let plain = exact.mods & !Exact::LOCKS == 0;
    // repeats are presses to who has not asked for events
    let press = key.kind == KeyKind::Press || !events;
    let legacy = match point {
        // so that a shell can still be typed into after a program left the flags behind
        9 | 13 | 127 if !all && release => return,
        9 | 13 | 127 => !all && (plain || !escapes),
        27 => !escapes && !all && press,
        _ if exact.is_functional() => modes.kitty & (ESCAPES | EVENTS | ALL) == 0,
        _ => !escapes && !all && press && is_legacy(&exact),
    };
    if legacy {
        return super::legacy(key, modes, out);
    }
    let (number, last) = form(point);
    let mut mods = exact.mods;
    if !all && !exact.is_functional() {
        mods &= !Exact::LOCKS;
    }
    // what follows is written into a Vec, which does not fail
    let _ = out.write_all(b"\x1b[");
    let event = match key.kind {
        KeyKind::Repeat if events => Some(2),
        KeyKind::Release => Some(3),
        _ => None,
    };
    let text = text.filter(|_| asked(TEXT));
    let told = mods != 0 || event.is_some();
    if number != 1 || told {
        let _ = write!(out, "{number}");
    }
    if asked(ALTERNATES) {
        let _ = match (exact.shifted.filter(|_| mods & Exact::SHIFT != 0), exact.base) {
            (Some(shifted), None) => write!(out, ":{}", u32::from(shifted)),
            (Some(shifted), Some(base)) => write!(out, ":{}:{}", u32::from(shifted), u32::from(base)),
            (None, Some(base)) => write!(out, "::{}", u32::from(base)),
            (None, None) => Ok(()),
        };
    }
    if told || text.is_some() {
        out.push(b';');
    }
    if told {
        let _ = write!(out, "{}", u16::from(mods) + 1);
    }
    if let Some(event) = event {
        let _ = write!(out, ":{event}");
    }
    for (i, c) in text.iter().flat_map(|t| t.chars()).enumerate() {
        let _ = write!(out, "{}{}", if i == 0 { ';' } else { ':' }, u32::from(c));
    }
    out.push(last);
}

/// What a key types: nothing with Ctrl, Super, hyper or meta held; with Alt only what the terminal said it does.
fn text<'a>(key: &'a Key, exact: &Exact) -> Option<Cow<'a, str>> {
    if exact.mods & !(Exact::SHIFT | Exact::ALT | Exact::LOCKS) != 0 {
        return None;
    }
    match (&key.text, key.code) {
        (Some(text), _) if !text.is_empty() && !text.contains(|c: char| c.is_control()) => Some(Cow::Borrowed(text)),
        (None, Code::Char(c)) if exact.mods & Exact::ALT == 0 && !c.is_control() => Some(Cow::Owned(c.to_string())),
        _ => None,
    }
}

/// Whether the spec's "legacy text keys" have the key with these modifiers: not Ctrl-Shift, not Super, no other script.
fn is_legacy(exact: &Exact) -> bool {
    match exact.mods & !Exact::LOCKS {
        0..=4 | 6 => exact.point < 128,
        // Ctrl-Shift
        5 | 7 => exact.point == 32,
        _ => false,
    }
}

/// The number and the last byte of a key's escape code.
fn form(point: u32) -> (u32, u8) {
    match point {
        57348 => (2, b'~'),
        57349 => (3, b'~'),
        57350 => (1, b'D'),
        57351 => (1, b'C'),
        57352 => (1, b'A'),
        57353 => (1, b'B'),
        57354 => (5, b'~'),
        57355 => (6, b'~'),
        57356 => (1, b'H'),
        57357 => (1, b'F'),
        57364 => (1, b'P'),
        57365 => (1, b'Q'),
        // not R: that is a report of the cursor
        57366 => (13, b'~'),
        57367 => (1, b'S'),
        57368 => (15, b'~'),
        57369..=57373 => (point - 57369 + 17, b'~'),
        57374 | 57375 => (point - 57374 + 23, b'~'),
        57427 => (1, b'E'),
        point => (point, b'u'),
    }
}

#[cfg(test)]
mod tests {
    use crate::term::input::{Code, Exact, Input, Key, KeyKind, Mods, Parser};
    use crate::term::keys::{encode, parse_name};
    use crate::term::screen::Modes;
    use proptest::prelude::*;

    fn written(key: &Key, kitty: u8) -> String {
        let mut out = Vec::new();
        encode(key, &Modes { kitty, ..Modes::default() }, &mut out);
        String::from_utf8(out).unwrap()
    }
    fn named(name: &str, kitty: u8) -> String {
        written(&parse_name(name).unwrap(), kitty)
    }
    fn read(bytes: &[u8]) -> Vec<Input> {
        let (mut parser, mut out) = (Parser::new(), Vec::new());
        parser.feed(bytes, &mut out);
        while parser.pending() {
            parser.timeout(&mut out);
        }
        out
    }
    fn read_key(bytes: &str) -> Key {
        match read(bytes.as_bytes()).as_slice() {
            [Input::Key(key)] => key.clone(),
            other => panic!("{bytes:?} is no key: {other:?}"),
        }
    }
    fn of_kind(name: &str, kind: KeyKind) -> Key {
        Key { kind, ..parse_name(name).unwrap() }
    }

    /// The spec's "Disambiguate escape codes".
    #[test]
    fn escapes_are_told_apart() {
        for (name, bytes) in [
            ("a", "a"),
            ("A", "A"),
            ("!", "!"),
            ("é", "é"),
            ("Space", " "),
            ("S-Space", " "),
            ("C-c", "\x1b[99;5u"),
            ("C-i", "\x1b[105;5u"),
            ("C-m", "\x1b[109;5u"),
            ("C-[", "\x1b[91;5u"),
            ("C-S-a", "\x1b[97;6u"),
            ("C-Space", "\x1b[32;5u"),
            ("M-a", "\x1b[97;3u"),
            ("M-A", "\x1b[97;4u"),
            ("M-[", "\x1b[91;3u"),
            ("C-M-a", "\x1b[97;7u"),
            ("D-a", "\x1b[97;9u"),
            ("Escape", "\x1b[27u"),
            ("M-Escape", "\x1b[27;3u"),
            ("Enter", "\r"),
            ("Tab", "\t"),
            ("BSpace", "\x7f"),
            ("C-Enter", "\x1b[13;5u"),
            ("S-Enter", "\x1b[13;2u"),
            ("M-Enter", "\x1b[13;3u"),
            ("S-Tab", "\x1b[9;2u"),
            ("C-Tab", "\x1b[9;5u"),
            ("C-S-Tab", "\x1b[9;6u"),
            ("C-BSpace", "\x1b[127;5u"),
            ("Up", "\x1b[A"),
            ("C-Up", "\x1b[1;5A"),
            ("Home", "\x1b[H"),
            ("End", "\x1b[F"),
            ("IC", "\x1b[2~"),
            ("C-DC", "\x1b[3;5~"),
            ("PageUp", "\x1b[5~"),
            ("PageDown", "\x1b[6~"),
            ("F1", "\x1b[P"),
            ("F2", "\x1b[Q"),
            ("F3", "\x1b[13~"),
            ("S-F3", "\x1b[13;2~"),
            ("F4", "\x1b[S"),
            ("F5", "\x1b[15~"),
            ("F6", "\x1b[17~"),
            ("F10", "\x1b[21~"),
            ("F11", "\x1b[23~"),
            ("F12", "\x1b[24~"),
            ("F13", "\x1b[57376u"),
            ("F35", "\x1b[57398u"),
            ("Null", "\x1b[32;5u"),
            ("Other57441", ""),
            ("Other57428", "\x1b[57428u"),
        ] {
            assert_eq!(named(name, 1), bytes, "{name}");
        }
        // DECCKM does not reach the protocol
        let mut out = Vec::new();
        let modes = Modes { kitty: 1, app_cursor: true, newline: true, ..Modes::default() };
        for name in ["Up", "Enter"] {
            encode(&parse_name(name).unwrap(), &modes, &mut out);
        }
        assert_eq!(out, b"\x1b[A\r\n");
        // the number pad has its own numbers, but where it types text
        assert_eq!(written(&read_key("\x1b[57414u"), 1), "\x1b[57414u");
        assert_eq!(written(&read_key("\x1b[57417;5u"), 1), "\x1b[57417;5u");
        assert_eq!(written(&read_key("\x1b[57404;;53u"), 1), "5");
        assert_eq!(written(&read_key("\x1b[57414u"), 2), "\r");
        assert_eq!(written(&read_key("\x1b[57417u"), 4), "\x1b[D");
        assert_eq!(written(&read_key("\x1b[E"), 1), "\x1b[E");
        assert_eq!(written(&read_key("\x1b[57427~"), 1), "\x1b[E");
    }

    /// The spec's "Report event types".
    #[test]
    fn events() {
        use KeyKind::{Release, Repeat};
        for (name, kind, flags, bytes) in [
            ("Up", Release, 1, ""),
            ("Up", Repeat, 1, "\x1b[A"),
            ("Up", Release, 3, "\x1b[1;1:3A"),
            ("C-Up", Repeat, 3, "\x1b[1;5:2A"),
            ("Escape", Release, 3, "\x1b[27;1:3u"),
            ("Escape", Release, 2, "\x1b[27;1:3u"),
            ("C-a", Release, 3, "\x1b[97;5:3u"),
            ("C-a", Repeat, 2, "\x1b[97;5:2u"),
            ("a", Repeat, 3, "a"),
            ("a", Release, 3, "\x1b[97;1:3u"),
            ("A", Release, 3, "\x1b[97;2:3u"),
            ("Enter", Repeat, 3, "\r"),
            ("Enter", Release, 3, ""),
            ("C-Enter", Release, 3, ""),
            ("Tab", Release, 3, ""),
            ("BSpace", Release, 3, ""),
            ("Enter", Release, 11, "\x1b[13;1:3u"),
            ("Enter", Repeat, 11, "\x1b[13;1:2u"),
            ("a", Repeat, 10, "\x1b[97;1:2u"),
            ("a", Release, 8, ""),
            ("a", Repeat, 8, "\x1b[97u"),
            ("Other57441", Release, 10, "\x1b[57441;1:3u"),
            ("Other57441", Release, 3, ""),
            ("F3", Release, 2, "\x1b[13;1:3~"),
        ] {
            assert_eq!(written(&of_kind(name, kind), flags), bytes, "{name} {kind:?} {flags}");
        }
        // only events: presses the old encoding can tell are told by it
        for (name, bytes) in [("C-a", "\x01"), ("Escape", "\x1b"), ("Enter", "\r"), ("C-Enter", "\r"), ("Up", "\x1b[A")]
        {
            assert_eq!(named(name, 2), bytes, "{name}");
        }
        for (name, bytes) in
            [("D-a", "\x1b[97;9u"), ("C-S-a", "\x1b[97;6u"), ("C-S-Space", "\0"), ("C-M-a", "\x1b\x01")]
        {
            assert_eq!(named(name, 2), bytes, "{name}");
        }
    }

    /// The spec's "Key codes": unshifted, shifted, base layout.
    #[test]
    fn alternates() {
        for (read, flags, bytes) in [
            ("\x1b[97:65;6u", 5, "\x1b[97:65;6u"),
            ("\x1b[97:65;6u", 1, "\x1b[97;6u"),
            ("\x1b[45:95;6u", 5, "\x1b[45:95;6u"),
            ("\x1b[1089::99;5u", 5, "\x1b[1089::99;5u"),
            ("\x1b[1089:1057:99;6u", 5, "\x1b[1089:1057:99;6u"),
            ("\x1b[1089::99;5u", 1, "\x1b[1089;5u"),
            ("\x1b[49:33;2;33u", 13, "\x1b[49:33;2u"),
            ("\x1b[49:33;2;33u", 5, "!"),
            // the shifted key is there only with Shift
            ("\x1b[97:65;5u", 5, "\x1b[97;5u"),
        ] {
            assert_eq!(written(&read_key(read), flags), bytes, "{read:?} {flags}");
        }
        assert_eq!(named("C-S-a", 5), "\x1b[97:65;6u");
        assert_eq!(named("A", 12), "\x1b[97:65;2u");
    }

    /// The spec's "Report all keys as escape codes" and "Text as code points".
    #[test]
    fn all_keys_and_their_text() {
        for (name, flags, bytes) in [
            ("a", 8, "\x1b[97u"),
            ("A", 8, "\x1b[97;2u"),
            ("a", 24, "\x1b[97;;97u"),
            ("A", 24, "\x1b[97;2;65u"),
            ("A", 28, "\x1b[97:65;2;65u"),
            ("C-a", 24, "\x1b[97;5u"),
            ("M-a", 24, "\x1b[97;3u"),
            ("Enter", 24, "\x1b[13u"),
            ("Tab", 8, "\x1b[9u"),
            ("BSpace", 8, "\x1b[127u"),
            ("Escape", 8, "\x1b[27u"),
            ("Space", 24, "\x1b[32;;32u"),
            ("Up", 24, "\x1b[A"),
            ("Other57441", 8, "\x1b[57441u"),
            // without all keys there is no text in codes
            ("a", 16, "a"),
            ("a", 17, "a"),
        ] {
            assert_eq!(named(name, flags), bytes, "{name} {flags}");
        }
        for (read, flags, bytes) in [
            ("\x1b[97;;229u", 24, "\x1b[97;;229u"),
            ("\x1b[97;;229u", 1, "å"),
            ("\x1b[97;3;229u", 1, "å"),
            ("\x1b[97;3;229u", 24, "\x1b[97;3;229u"),
            ("\x1b[0;;104:105u", 24, "\x1b[0;;104:105u"),
            ("\x1b[0;;104:105u", 8, "hi"),
            ("\x1b[0;;104u", 1, "h"),
            ("\x1b[57441;2u", 9, "\x1b[57441;2u"),
        ] {
            assert_eq!(written(&read_key(read), flags), bytes, "{read:?} {flags}");
        }
    }

    /// The spec's "Modifiers".
    #[test]
    fn modifiers_and_locks() {
        for (read, flags, bytes) in [
            ("\x1b[97;17u", 1, "\x1b[97;17u"),
            ("\x1b[97;33u", 1, "\x1b[97;33u"),
            ("\x1b[97;37u", 1, "\x1b[97;37u"),
            ("\x1b[1;129A", 1, "\x1b[1;129A"),
            ("\x1b[1;33A", 1, "\x1b[1;33A"),
            ("\x1b[13;129u", 1, "\r"),
            // locks are told of what types only where all keys are
            ("\x1b[97;133u", 1, "\x1b[97;5u"),
            ("\x1b[97;133u", 8, "\x1b[97;133u"),
            ("\x1b[97;65;65u", 24, "\x1b[97;65;65u"),
            ("\x1b[97;65;65u", 1, "A"),
        ] {
            assert_eq!(written(&read_key(read), flags), bytes, "{read:?} {flags}");
        }
        // rxvt's Alt is told as well
        assert_eq!(written(&read_key("\x1b\x1b[A"), 1), "\x1b[1;3A");
        // of meta the old encoding knows as Alt
        assert_eq!(written(&read_key("\x1b[97;33u"), 0), "\x1ba");
    }

    #[test]
    fn what_the_outer_terminal_is_asked_for() {
        let modes = |kitty, modify_other_keys| Modes { kitty, modify_other_keys, ..Modes::default() };
        for (kitty, level, flags) in [(0, 0, 0), (1, 0, 5), (0, 1, 5), (0, 2, 5), (3, 0, 7), (8, 0, 29), (31, 2, 31)] {
            assert_eq!(super::wanted(&modes(kitty, level)), flags, "{kitty} {level}");
        }
    }

    /// The signs that Ctrl makes are what Shift makes of a key, and another layout's Ctrl is that of the place.
    #[test]
    fn to_who_has_not_asked_it_is_as_ever() {
        for (read, bytes) in [
            ("\x1b[105;5u", "\t"),
            ("\x1b[109;5u", "\r"),
            ("\x1b[91;5u", "\x1b"),
            ("\x1b[104;5u", "\x08"),
            ("\x1b[97:65;6u", "\x01"),
            ("\x1b[45:95;6u", "\x1f"),
            ("\x1b[50:64;6u", "\0"),
            ("\x1b[54:94;6u", "\x1e"),
            ("\x1b[47:63;6u", "\x7f"),
            ("\x1b[32;5u", "\0"),
            ("\x1b[32;6u", "\0"),
            ("\x1b[1089::99;5u", "\x03"),
            ("\x1b[1089:1057:99;6u", "\x03"),
            ("\x1b[97;3u", "\x1ba"),
            ("\x1b[97:65;4u", "\x1bA"),
            ("\x1b[50:64;4u", "\x1b@"),
            ("\x1b[97;7u", "\x1b\x01"),
            ("\x1b[13;2u", "\r"),
            ("\x1b[13;5u", "\r"),
            ("\x1b[27u", "\x1b"),
            ("\x1b[9;2u", "\x1b[Z"),
            ("\x1b[127;5u", "\x08"),
            ("\x1b[127;3u", "\x1b\x7f"),
            ("\x1b[13~", "\x1bOR"),
            ("\x1b[57417u", "\x1b[D"),
            ("\x1b[57399u", "0"),
            ("\x1b[97;1:3u", ""),
            ("\x1b[97;1:2u", "a"),
            ("\x1b[57441;2u", ""),
        ] {
            assert_eq!(written(&read_key(read), 0), bytes, "{read:?}");
        }
    }

    fn keys() -> impl Strategy<Value = Key> {
        let codes: Vec<Code> = "aAzZ059!@[_`~?ß éЯ漢"
            .chars()
            .map(Code::Char)
            .chain([Code::Enter, Code::Tab, Code::BackTab, Code::Backspace, Code::Escape, Code::Up, Code::Home])
            .chain([Code::PageDown, Code::Insert, Code::F(1), Code::F(3), Code::F(12), Code::F(20), Code::F(35)])
            .chain([Code::Other(57441), Code::Other(57427), Code::Other(57428)])
            .collect();
        let kinds = vec![KeyKind::Press, KeyKind::Repeat, KeyKind::Release];
        (proptest::sample::select(codes), 0u8..16, proptest::sample::select(kinds)).prop_map(|(code, bits, kind)| {
            let mods = Mods::from_param(u16::from(bits) + 1);
            // as they come from the parser: a character says itself whether Shift is held, with Ctrl it is small
            let (code, mods) = match code {
                Code::Char(c) if mods.has(Mods::CTRL) && (c.is_uppercase() || !c.is_ascii_alphabetic()) => {
                    (Code::Char(c.to_lowercase().next().unwrap()), mods.without(Mods::SHIFT))
                }
                Code::Char(c) if mods.has(Mods::SHIFT) && !mods.has(Mods::CTRL) && c != ' ' => {
                    (Code::Char(c.to_ascii_uppercase()), mods.without(Mods::SHIFT))
                }
                Code::Tab | Code::BackTab if mods.has(Mods::SHIFT) => (Code::BackTab, mods.without(Mods::SHIFT)),
                code => (code, mods),
            };
            Key { kind, ..Key::new(code, mods) }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]
        #[test]
        fn with_all_flags_a_key_is_read_as_it_was(key in keys()) {
            let bytes = written(&key, 31);
            prop_assert_eq!(read(bytes.as_bytes()), [Input::Key(key.clone())], "{:?}", bytes);
        }

        /// What the outer terminal says, with whatever flags, is told as it was to who asked for the same.
        #[test]
        fn what_was_read_is_written_as_it_was(
            (point, shifted) in proptest::sample::select(vec![
                (97, 65), (49, 33), (45, 95), (32, 0), (1089, 1057), (233, 201), (57399, 0), (57414, 0), (57441, 0),
                (57376, 0), (13, 0), (9, 0), (27, 0), (127, 0),
            ]),
            base in proptest::sample::select(vec![0u32, 99]),
            mods in 0u8..=255, event in 1u8..=3, text in "[a-zA-Zé1!]{0,3}",
        ) {
            let functional = Exact { point, shifted: None, base: None, mods: 0 }.is_functional();
            let types = mods & !(Exact::SHIFT | Exact::ALT | Exact::LOCKS) == 0;
            let mut said = format!("\x1b[{point}");
            let shifted = if mods & 1 == 0 { 0 } else { shifted };
            let base = if functional { 0 } else { base };
            match (shifted, base) {
                (0, 0) => {}
                (0, base) => said.push_str(&format!("::{base}")),
                (shifted, 0) => said.push_str(&format!(":{shifted}")),
                (shifted, base) => said.push_str(&format!(":{shifted}:{base}")),
            }
            // a terminal that tells text tells it of each key that types
            let keypad = point == 57399;
            let text = if (functional && !keypad) || !types || event == 3 { String::new() } else { text };
            let silent = text.is_empty() && (!functional || keypad) && types && mods & Exact::ALT == 0 && event != 3;
            prop_assume!(!silent);
            // Alt and a key's own character: whether it typed that or nothing is all the same
            let own = |point: u32| char::from_u32(point).is_some_and(|c| text == c.to_string());
            prop_assume!(mods & Exact::ALT == 0 || !(own(point) || own(shifted)));
            let told = mods != 0 || event > 1;
            if told || !text.is_empty() {
                said.push(';');
            }
            if told {
                said.push_str(&format!("{}", u16::from(mods) + 1));
            }
            if event > 1 {
                said.push_str(&format!(":{event}"));
            }
            for (i, c) in text.chars().enumerate() {
                said.push_str(&format!("{}{}", if i == 0 { ';' } else { ':' }, u32::from(c)));
            }
            said.push('u');
            prop_assert_eq!(written(&read_key(&said), 31), said);
        }

        #[test]
        fn any_flags_give_bytes_that_are_read(key in keys(), kitty in 0u8..=31, level in 0u8..=2) {
            let mut out = Vec::new();
            encode(&key, &Modes { kitty, modify_other_keys: level, ..Modes::default() }, &mut out);
            let back = read(&out);
            prop_assert!(back.iter().all(|i| matches!(i, Input::Key(_))), "{:?}", back);
            // a release is told only to who asked
            if key.kind == KeyKind::Release && kitty & 2 == 0 {
                prop_assert!(out.is_empty());
            }
        }
    }
}
