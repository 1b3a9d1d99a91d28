//! Owns keys told by their numbers (kitty's keyboard protocol, modifyOtherKeys): what is known of them beyond [`Code`] and
//! [`Mods`], and what they are without it. Leaves out the sequences they come in.

use super::{Code, Key, KeyKind, Mods};

/// A key as kitty's keyboard protocol tells it: what [`Code`] and [`Mods`] leave out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Exact {
    /// The unshifted character of the key, or its number in the private use area (57344 to 63743). Arrows and their
    /// like, which the protocol writes by letters and small numbers, have those that it leaves free for them.
    /// 0 = text without a key.
    pub point: u32,
    /// With Shift held: the character the key has then.
    pub shifted: Option<char>,
    /// The character at its place on a PC-101 keyboard, where that is another one.
    pub base: Option<char>,
    /// Shift 1, alt 2, ctrl 4, super 8, hyper 16, meta 32, caps lock 64, num lock 128.
    pub mods: u8,
}

impl Exact {
    pub const SHIFT: u8 = 1;
    pub const ALT: u8 = 2;
    pub const CTRL: u8 = 4;
    pub const META: u8 = 32;
    /// Caps lock and num lock.
    pub const LOCKS: u8 = 64 | 128;

    /// What a key's code and modifiers say by themselves: a capital letter was typed with Shift.
    pub(in crate::term) fn of(code: Code, mods: Mods) -> Exact {
        let point = match code {
            // there the numbers mean other keys
            Code::Char('\u{e000}'..='\u{f8ff}') => 0,
            Code::Char(c) => {
                let lower = one(c.to_lowercase()).unwrap_or(c);
                let upper = one(lower.to_uppercase()).filter(|u| *u != lower);
                // with Ctrl it is small in any case
                let typed = c != lower && Some(c) == upper && !mods.has(Mods::CTRL);
                let mods = if typed { mods.with(Mods::SHIFT) } else { mods };
                let point = if typed { lower } else { c };
                let shifted = upper.filter(|_| mods.has(Mods::SHIFT) && point == lower);
                return Exact { point: u32::from(point), shifted, base: None, mods: mods.0 };
            }
            Code::BackTab => return Exact { mods: mods.0 | Exact::SHIFT, ..Exact::of(Code::Tab, mods) },
            // what Ctrl-Space is called where only its byte is known
            Code::Null => return Exact { mods: mods.0 | Exact::CTRL, ..Exact::of(Code::Char(' '), mods) },
            Code::Enter => 13,
            Code::Tab => 9,
            Code::Backspace => 127,
            Code::Escape => 27,
            Code::Other(point) => point,
            Code::F(n) => 57363 + u32::from(n),
            code => FUNCTIONAL.iter().find(|(_, c)| *c == code).map_or(0, |(point, _)| *point),
        };
        Exact { point, shifted: None, base: None, mods: mods.0 }
    }

    /// Whether the key is a modifier or a lock, which types and does nothing by itself.
    pub const fn is_modifier(&self) -> bool {
        matches!(self.point, 57358..=57360 | 57441..=57454)
    }
    /// Whether the key is one without a character: [`Exact::point`] is of the private use area or a control.
    pub const fn is_functional(&self) -> bool {
        matches!(self.point, 1..=31 | 127 | 57344..=63743)
    }
    /// A key of the number pad that has a number of its own.
    pub const fn is_keypad(&self) -> bool {
        matches!(self.point, 57399..=57427)
    }
}

/// The bits of a modifiers' parameter; left out it is 1.
pub(super) fn bits_of(param: u16) -> u8 {
    u8::try_from(param.saturating_sub(1) & 0xff).unwrap_or(0)
}

fn one(mut chars: impl Iterator<Item = char>) -> Option<char> {
    chars.next().filter(|_| chars.next().is_none())
}

/// A key told by its code point (kitty, modifyOtherKeys). It becomes what it would be without these, so that it means
/// the same to who knows nothing of them; what was said stays with it.
pub(super) fn coded(mut exact: Exact, kind: KeyKind, text: Option<String>) -> Option<Key> {
    // xterm, and some by mistake, tell a capital as if it were the key
    if let Some(c) = char::from_u32(exact.point)
        && let Some(lower) = one(c.to_lowercase()).filter(|l| *l != c && one(l.to_uppercase()) == Some(c))
    {
        exact = Exact { point: u32::from(lower), shifted: Some(c), mods: exact.mods | Exact::SHIFT, ..exact };
    }
    // of a letter it is its capital, said or not; without Shift there is none
    let capital = Exact::of(Code::Char(char::from_u32(exact.point)?), Mods::SHIFT).shifted;
    exact.shifted = exact.shifted.or(capital).filter(|_| exact.mods & Exact::SHIFT != 0);
    if exact.is_functional() {
        (exact.shifted, exact.base) = (None, None);
    }
    let mods = Mods::from_bits(exact.mods);
    let make = |code: Code, mods: Mods, text: Option<String>| {
        Some(Key { code, mods, kind, text, exact: None }.with_exact(exact))
    };
    let c = match exact.point {
        9 if mods.has(Mods::SHIFT) => return make(Code::BackTab, mods.without(Mods::SHIFT), None),
        9 => return make(Code::Tab, mods, None),
        13 => return make(Code::Enter, mods, None),
        27 => return make(Code::Escape, mods, None),
        8 | 127 => {
            exact.point = 127;
            return Some(Key { kind, ..Key::new(Code::Backspace, mods) }.with_exact(exact));
        }
        57344..=63743 => match functional(exact.point) {
            Code::Char(c) => c,
            code => return make(code, mods, None),
        },
        // text without a key (an input method): nothing is held, and nothing let go of
        0 => {
            let text = text.filter(|_| kind != KeyKind::Release)?;
            let code = Code::Char(text.chars().next()?);
            let more = one(text.chars()).is_none();
            let exact = Exact { point: 0, shifted: None, base: None, mods: 0 };
            let key = Key { kind, text: more.then_some(text), ..Key::new(code, Mods::NONE) };
            return Some(key.with_exact(exact));
        }
        point => char::from_u32(point).filter(|c| !c.is_control())?,
    };
    // what types nothing has no text
    let types = kind != KeyKind::Release && exact.mods & !(Exact::SHIFT | Exact::ALT | Exact::LOCKS) == 0;
    let text = text.filter(|_| types);
    // as typed without kitty: Shift is in the character, with Ctrl it is not
    let single = one(text.as_deref().unwrap_or_default().chars());
    let (c, mods) = if mods.has(Mods::CTRL) {
        let shifted = exact.shifted.filter(|s| !c.is_alphabetic() && !s.is_alphabetic() && *s != ' ');
        match (exact.base.filter(char::is_ascii), shifted) {
            // Ctrl is for the key in that place where its own letter is none of ASCII
            (Some(base), _) if !c.is_ascii() => (base.to_ascii_lowercase(), mods),
            // and for a sign it is that which Shift makes: Ctrl-_
            (_, Some(shifted)) => (shifted, mods.without(Mods::SHIFT)),
            _ => (c, mods),
        }
    } else if mods.has(Mods::SHIFT) && c != ' ' {
        let upper = if mods.has(Mods::ALT) { None } else { single };
        (upper.or(exact.shifted).unwrap_or(c.to_ascii_uppercase()), mods.without(Mods::SHIFT))
    } else if mods.is_empty() {
        (single.unwrap_or(c), mods)
    } else {
        (c, mods)
    };
    // text that the character itself says is left out
    make(Code::Char(c), mods, text.filter(|_| single != Some(c)))
}

/// Kitty's numbers of keys that have no character, and what they are here. The first 14 and F1 to F12 are written in
/// other ways by the protocol; nothing else has their numbers.
const FUNCTIONAL: &[(u32, Code)] = &[
    (57344, Code::Escape),
    (57345, Code::Enter),
    (57346, Code::Tab),
    (57347, Code::Backspace),
    (57348, Code::Insert),
    (57349, Code::Delete),
    (57350, Code::Left),
    (57351, Code::Right),
    (57352, Code::Up),
    (57353, Code::Down),
    (57354, Code::PageUp),
    (57355, Code::PageDown),
    (57356, Code::Home),
    (57357, Code::End),
    (57409, Code::Char('.')),
    (57410, Code::Char('/')),
    (57411, Code::Char('*')),
    (57412, Code::Char('-')),
    (57413, Code::Char('+')),
    (57414, Code::Enter),
    (57415, Code::Char('=')),
    (57416, Code::Char(',')),
    (57417, Code::Left),
    (57418, Code::Right),
    (57419, Code::Up),
    (57420, Code::Down),
    (57421, Code::PageUp),
    (57422, Code::PageDown),
    (57423, Code::Home),
    (57424, Code::End),
    (57425, Code::Insert),
    (57426, Code::Delete),
];

fn functional(point: u32) -> Code {
    match point {
        57364..=57398 => Code::F(u8::try_from(point - 57363).unwrap_or(u8::MAX)),
        57399..=57408 => Code::Char(char::from_digit(point - 57399, 10).unwrap_or('0')),
        point => FUNCTIONAL.iter().find(|(p, _)| *p == point).map_or(Code::Other(point), |(_, code)| *code),
    }
}
