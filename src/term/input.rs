//! Owns the reading of what the outer terminal sends: keys, mouse, pastes, focus, answers.
//! Leaves out what becomes of them ([`super::keys`] writes keys for programs) and the clock: the caller waits.
//!
//! Bytes may come in any pieces. What could still go on is kept until more comes or the caller's patience ends.

mod exact;

pub use exact::Exact;
use exact::{bits_of, coded};
use std::fmt;

/// One thing the outer terminal said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    Key(Key),
    Mouse(Mouse),
    /// A piece of a bracketed paste, at most 64 KiB; pieces follow one another up to the one that is `last`.
    Paste {
        bytes: Vec<u8>,
        last: bool,
    },
    /// The window got or lost the focus.
    Focus(bool),
    /// No UTF-8: to be passed through as it is.
    Raw(Vec<u8>),
    Reply(Reply),
}

/// An answer to something thub has asked the outer terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// DA1: its numbers.
    Device(Vec<u16>),
    /// OSC 10 (text), 11 (background) or 12 (cursor).
    Color { osc: u16, rgb: (u8, u8, u8) },
    /// Kitty's keyboard flags in force.
    Keyboard(u16),
    /// DECRPM: 0 unknown, 1 set, 2 reset, 3 always set, 4 always reset.
    Mode { number: u16, state: u16 },
    /// `CSI ? 997`: the user's colour scheme.
    Scheme { dark: bool },
}

/// Shift, Alt, Ctrl, Super.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Mods(u8);

impl Mods {
    pub const NONE: Mods = Mods(0);
    pub const SHIFT: Mods = Mods(1);
    pub const ALT: Mods = Mods(2);
    pub const CTRL: Mods = Mods(4);
    pub const SUPER: Mods = Mods(8);

    /// Whether all of `other` are held.
    pub const fn has(self, other: Mods) -> bool {
        self.0 & other.0 == other.0
    }
    pub const fn with(self, other: Mods) -> Mods {
        Mods(self.0 | other.0)
    }
    pub const fn without(self, other: Mods) -> Mods {
        Mods(self.0 & !other.0)
    }
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// xterm's parameter: 1 + shift 1, alt 2, ctrl 4, super 8.
    pub const fn param(self) -> u8 {
        self.0 + 1
    }
    /// The reverse; kitty's meta counts as Alt, its locks and hyper don't count.
    pub fn from_param(param: u16) -> Mods {
        Mods::from_bits(bits_of(param))
    }
    /// Of [`Exact::mods`].
    fn from_bits(bits: u8) -> Mods {
        let meta = if bits & Exact::META != 0 { Mods::ALT } else { Mods::NONE };
        Mods(bits & 15).with(meta)
    }
}

impl fmt::Debug for Mods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (mods, letter) in [(Mods::CTRL, 'C'), (Mods::ALT, 'M'), (Mods::SHIFT, 'S'), (Mods::SUPER, 'D')] {
            if self.has(mods) {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

/// Which key. Keypad keys count as the keys they stand for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// With Ctrl: a small letter. Shift is in the character itself, except with Ctrl and for the space.
    Char(char),
    Enter,
    Tab,
    BackTab,
    Backspace,
    Escape,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Insert,
    Delete,
    F(u8),
    Null,
    /// A key without meaning for programs (a modifier alone, a media key): kitty's number.
    Other(u32),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum KeyKind {
    #[default]
    Press,
    Repeat,
    Release,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    pub code: Code,
    pub mods: Mods,
    pub kind: KeyKind,
    /// What the key types, if the terminal said so (kitty) and it is more than `code` says.
    pub text: Option<String>,
    /// What the terminal said, if it is more than `code` and `mods` say: see [`Key::exact`].
    pub exact: Option<Exact>,
}

impl Key {
    /// A press.
    pub const fn new(code: Code, mods: Mods) -> Key {
        Key { code, mods, kind: KeyKind::Press, text: None, exact: None }
    }

    /// The key as exactly as it is known.
    pub fn exact(&self) -> Exact {
        self.exact.unwrap_or_else(|| Exact::of(self.code, self.mods))
    }

    fn with_exact(mut self, exact: Exact) -> Key {
        self.exact = Some(exact).filter(|e| *e != Exact::of(self.code, self.mods));
        self
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MouseKind {
    Press,
    Release,
    /// Moved, with a button held or none.
    Motion,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Button {
    None,
    Left,
    Middle,
    Right,
    WheelUp,
    WheelDown,
    WheelLeft,
    WheelRight,
    /// 8 to 11.
    Extra(u8),
}

/// A click, a wheel step (a press) or a motion; row and column from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mouse {
    pub kind: MouseKind,
    /// [`Button::None`] for a motion without button, or a release that doesn't say which (X10).
    pub button: Button,
    pub row: u16,
    pub col: u16,
    pub mods: Mods,
}

/// Longest piece of a paste.
const MOST_PASTE: usize = 64 << 10;
/// An answer longer than this is given up.
const MOST_STRING: usize = 64 << 10;
/// A CSI longer than this is none.
const MOST_CSI: usize = 128;
/// So many time-outs does an unfinished sequence live: over a slow line its rest may come late, and must not be typed.
const PATIENCE: u8 = 15;
const PASTE_END: &[u8] = b"\x1b[201~";

/// Bytes of the outer terminal in, [`Input`] out.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    buf: Vec<u8>,
    pasting: bool,
    /// The tail of a string that was given up is being skipped.
    skipping: bool,
    waited: u8,
}

/// What the front of the buffer is.
enum Front {
    /// Could still become several things.
    Unfinished,
    /// So many bytes mean this.
    Is(usize, Option<Input>),
    /// So many bytes begin a paste.
    Paste(usize),
    /// A string that is too long: skip to its end.
    Skip,
}

impl Parser {
    pub fn new() -> Parser {
        Parser::default()
    }

    /// Takes bytes, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<Input>) {
        if !bytes.is_empty() {
            self.waited = 0;
        }
        self.buf.extend_from_slice(bytes);
        self.run(false, out);
    }

    /// Whether something is kept that [`Parser::timeout`] may turn into keys. Inside a paste nothing is.
    pub fn pending(&self) -> bool {
        !self.buf.is_empty() && !self.pasting && !self.skipping
    }

    /// Call about 30 ms after the last byte, and again each 30 ms, as long as something is pending.
    /// A lone ESC becomes Escape, `ESC [` Alt-[, half a character raw bytes; half a sequence is waited for a bit
    /// longer and then dropped, never typed.
    pub fn timeout(&mut self, out: &mut Vec<Input>) {
        if !self.pending() {
            return;
        }
        self.waited = self.waited.saturating_add(1);
        if self.buf.len() > 2 && self.buf.first() == Some(&0x1b) && is_introducer(self.buf.get(1)) {
            if self.waited >= PATIENCE {
                self.buf.clear();
            }
            return;
        }
        self.run(true, out);
        self.waited = 0;
    }

    fn run(&mut self, flush: bool, out: &mut Vec<Input>) {
        let mut buf = std::mem::take(&mut self.buf);
        let mut at = 0;
        loop {
            let rest = buf.get(at..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            if self.pasting {
                let (used, done) = paste(rest, out);
                at += used;
                self.pasting = !done;
                if !done {
                    break;
                }
                continue;
            }
            if self.skipping {
                match rest.iter().position(|b| matches!(b, 0x07 | 0x1b)) {
                    // the `\` after ESC ends the string; anything else begins anew
                    Some(end) if rest.get(end) == Some(&0x07) => {
                        at += end + 1;
                        self.skipping = false;
                    }
                    Some(end) => match rest.get(end + 1) {
                        Some(b'\\') => {
                            at += end + 2;
                            self.skipping = false;
                        }
                        Some(_) => {
                            at += end;
                            self.skipping = false;
                        }
                        None => {
                            at += end;
                            break;
                        }
                    },
                    None => {
                        at = buf.len();
                    }
                }
                continue;
            }
            match front(rest, flush) {
                Front::Unfinished => break,
                Front::Is(used, input) => {
                    at += used.max(1);
                    out.extend(input);
                }
                Front::Paste(used) => {
                    at += used;
                    self.pasting = true;
                }
                Front::Skip => {
                    at += 2;
                    self.skipping = true;
                }
            }
        }
        // a secret may have been typed or pasted: what was read does not stay behind what is left
        let whole = buf.len();
        buf.drain(..at.min(whole));
        let left = buf.len();
        buf.resize(whole, 0);
        buf.truncate(left);
        self.buf = buf;
    }
}

/// Inside a paste: how much was used, and whether the paste has ended.
fn paste(bytes: &[u8], out: &mut Vec<Input>) -> (usize, bool) {
    let end = bytes.windows(PASTE_END.len()).position(|w| w == PASTE_END);
    let len = end.unwrap_or_else(|| {
        // the end may have come by half
        let held = (1..PASTE_END.len()).rev().find(|&n| PASTE_END.get(..n).is_some_and(|half| bytes.ends_with(half)));
        bytes.len() - held.unwrap_or(0)
    });
    let body = bytes.get(..len).unwrap_or_default();
    let pieces = body.chunks(MOST_PASTE);
    let count = pieces.len();
    for (i, piece) in pieces.enumerate() {
        out.push(Input::Paste { bytes: piece.to_vec(), last: end.is_some() && i + 1 == count });
    }
    if end.is_some() && count == 0 {
        out.push(Input::Paste { bytes: Vec::new(), last: true });
    }
    match end {
        Some(_) => (len + PASTE_END.len(), true),
        None => (len, false),
    }
}

fn is_introducer(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b'[' | b'O' | b']' | b'P' | b'_' | b'^' | b'X'))
}

fn key(used: usize, code: Code, mods: Mods) -> Front {
    Front::Is(used, Some(Input::Key(Key::new(code, mods))))
}

/// What the first bytes mean; `flush` = no more will come.
fn front(bytes: &[u8], flush: bool) -> Front {
    let Some((&first, after)) = bytes.split_first() else { return Front::Unfinished };
    if first != 0x1b {
        return character(bytes, 0, Mods::NONE, flush);
    }
    match after.first() {
        None if flush => key(1, Code::Escape, Mods::NONE),
        None => Front::Unfinished,
        Some(b'[') => csi(bytes, flush),
        Some(b'O') => ss3(bytes, flush),
        Some(b']' | b'P' | b'_' | b'^' | b'X') => string(bytes, flush),
        // rxvt's Alt with a sequence; two Escapes otherwise
        Some(0x1b) => match after.get(1) {
            None if flush => key(1, Code::Escape, Mods::NONE),
            None => Front::Unfinished,
            Some(b'[' | b'O') => match front(after, flush) {
                Front::Is(used, Some(Input::Key(mut key))) => {
                    key.mods = key.mods.with(Mods::ALT);
                    // who writes so tells nothing more exactly
                    key.exact = None;
                    Front::Is(used + 1, Some(Input::Key(key)))
                }
                // no more will come: the first Escape is a key, the rest is looked at by itself
                Front::Unfinished if flush => key(1, Code::Escape, Mods::NONE),
                Front::Unfinished => Front::Unfinished,
                _ => key(1, Code::Escape, Mods::NONE),
            },
            Some(_) => key(1, Code::Escape, Mods::NONE),
        },
        Some(_) => character(bytes, 1, Mods::ALT, flush),
    }
}

/// One character behind `skip` bytes of prefix.
fn character(bytes: &[u8], skip: usize, mods: Mods, flush: bool) -> Front {
    let rest = bytes.get(skip..).unwrap_or_default();
    let Some(&first) = rest.first() else { return Front::Unfinished };
    let ctrl = |c: char| key(skip + 1, Code::Char(c), mods.with(Mods::CTRL));
    match first {
        0x00 => ctrl(' '),
        0x09 => key(skip + 1, Code::Tab, mods),
        0x0d => key(skip + 1, Code::Enter, mods),
        0x01..=0x1a => ctrl(char::from(first | 0x60)),
        0x1b => key(skip + 1, Code::Escape, mods),
        0x1c..=0x1f => ctrl(char::from(first | 0x40)),
        0x7f => key(skip + 1, Code::Backspace, mods),
        _ => {
            let head = rest.get(..rest.len().min(4)).unwrap_or_default();
            let valid = match std::str::from_utf8(head) {
                Ok(text) => text,
                Err(e) if e.valid_up_to() > 0 => {
                    std::str::from_utf8(head.get(..e.valid_up_to()).unwrap_or_default()).unwrap_or_default()
                }
                Err(e) => {
                    return match e.error_len() {
                        None if !flush => Front::Unfinished,
                        bad => {
                            let used = skip + bad.unwrap_or(head.len());
                            Front::Is(used, Some(Input::Raw(bytes.get(..used).unwrap_or_default().to_vec())))
                        }
                    };
                }
            };
            match valid.chars().next() {
                Some(c) => key(skip + c.len_utf8(), Code::Char(c), mods),
                None => Front::Unfinished,
            }
        }
    }
}

/// `ESC O x`
fn ss3(bytes: &[u8], flush: bool) -> Front {
    let alt_o = || key(2, Code::Char('O'), Mods::ALT);
    let Some(&third) = bytes.get(2) else {
        return if flush { alt_o() } else { Front::Unfinished };
    };
    // an old xterm form puts the modifier between
    let (last, mods, used) = match third {
        b'1'..=b'8' => match bytes.get(3) {
            Some(&last) => (last, Mods::from_param(u16::from(third - b'0')), 4),
            None if flush => return alt_o(),
            None => return Front::Unfinished,
        },
        last => (last, Mods::NONE, 3),
    };
    let pad = b"*+,-./0123456789";
    let (code, mods) = match last {
        b'a'..=b'd' => (letter(last.to_ascii_uppercase()), mods.with(Mods::CTRL)),
        b'M' => (Some(Code::Enter), mods),
        b'I' => (Some(Code::Tab), mods),
        b'X' => (Some(Code::Char('=')), mods),
        b' ' => (Some(Code::Char(' ')), mods),
        b'j'..=b'y' => (pad.get(usize::from(last - b'j')).map(|&b| Code::Char(char::from(b))), mods),
        last => (letter(last), mods),
    };
    match code {
        // Shift is in the character
        Some(code @ Code::Char(_)) if !mods.has(Mods::CTRL) && code != Code::Char(' ') => {
            key(used, code, mods.without(Mods::SHIFT))
        }
        Some(code) => key(used, code, mods),
        None => alt_o(),
    }
}

/// The key of a final letter, in CSI and SS3 alike.
fn letter(last: u8) -> Option<Code> {
    Some(match last {
        b'A' => Code::Up,
        b'B' => Code::Down,
        b'C' => Code::Right,
        b'D' => Code::Left,
        b'E' => Code::Other(57427),
        b'F' => Code::End,
        b'H' => Code::Home,
        b'P' => Code::F(1),
        b'Q' => Code::F(2),
        b'R' => Code::F(3),
        b'S' => Code::F(4),
        _ => return None,
    })
}

/// The key of `CSI n ~`.
fn tilde(number: u16) -> Option<Code> {
    Some(match number {
        1 | 7 => Code::Home,
        2 => Code::Insert,
        3 => Code::Delete,
        4 | 8 => Code::End,
        5 => Code::PageUp,
        6 => Code::PageDown,
        11..=15 => Code::F(small(number - 10)),
        17..=21 => Code::F(small(number - 11)),
        23..=26 => Code::F(small(number - 12)),
        28 | 29 => Code::F(small(number - 13)),
        31..=34 => Code::F(small(number - 14)),
        57427 => Code::Other(57427),
        _ => return None,
    })
}

fn small(n: u16) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

/// `ESC [ ...`
fn csi(bytes: &[u8], flush: bool) -> Front {
    let body = bytes.get(2..).unwrap_or_default();
    match body.first() {
        None if flush => return key(2, Code::Char('['), Mods::ALT),
        None => return Front::Unfinished,
        Some(b'M') => return mouse_x10(body, flush),
        // the Linux console's F1 to F5
        Some(b'[') => {
            return match body.get(1) {
                None if flush => Front::Is(3, None),
                None => Front::Unfinished,
                Some(&last @ b'A'..=b'E') => key(4, Code::F(last - b'A' + 1), Mods::NONE),
                Some(_) => Front::Is(4, None),
            };
        }
        Some(_) => {}
    }
    let marked = matches!(body.first(), Some(b'<'..=b'?'));
    for (i, &byte) in body.iter().enumerate() {
        let used = 2 + i + 1;
        match byte {
            // rxvt's Shift
            b'$' if !marked && i > 0 => return rxvt(body.get(..i).unwrap_or_default(), Mods::SHIFT, used),
            0x20..=0x3f if i < MOST_CSI => {}
            0x40..=0x7e => return sequence(body.get(..i).unwrap_or_default(), byte, used),
            // broken off: what there was is dropped, this byte begins anew
            _ => return Front::Is(used - 1, None),
        }
    }
    Front::Unfinished
}

fn rxvt(numbers: &[u8], mods: Mods, used: usize) -> Front {
    Front::Is(used, tilde(number(numbers)).map(|code| Input::Key(Key::new(code, mods))))
}

fn number(digits: &[u8]) -> u16 {
    u16::try_from(long(digits)).unwrap_or(u16::MAX)
}

fn long(digits: &[u8]) -> u32 {
    digits
        .iter()
        .filter(|b| b.is_ascii_digit())
        .fold(0u32, |n, b| n.saturating_mul(10).saturating_add(u32::from(b & 15)))
}

/// A whole CSI: parameters, final byte, length.
fn sequence(params: &[u8], last: u8, used: usize) -> Front {
    let (marker, numbers) = match params.split_first() {
        Some((&m @ b'<'..=b'?', rest)) => (m, rest),
        _ => (0, params),
    };
    let fields: Vec<&[u8]> = numbers.split(|&b| b == b';').collect();
    let sub = |i: usize, j: usize| fields.get(i).and_then(|f| f.split(|&b| b == b':').nth(j)).unwrap_or_default();
    let field = |i: usize| number(sub(i, 0));
    let mods = Mods::from_param(field(1));
    let reply = |reply: Reply| Front::Is(used, Some(Input::Reply(reply)));
    let make = |code: Code, mods: Mods| {
        let key = Key { kind: kind(sub(1, 1)), ..Key::new(code, mods) };
        // hyper, meta and the locks
        let more = bits_of(field(1)) & 0xf0;
        let exact = Exact::of(code, mods);
        let exact =
            if more == 0 { exact } else { Exact { mods: bits_of(field(1)) | exact.mods & Exact::SHIFT, ..exact } };
        Front::Is(used, Some(Input::Key(key.with_exact(exact))))
    };
    let nothing = Front::Is(used, None);
    match (marker, last) {
        (b'<', b'M' | b'm') if fields.len() == 3 => {
            mouse(used, field(0), field(1).saturating_sub(1), field(2).saturating_sub(1), last == b'm')
        }
        (b'?', b'c') => reply(Reply::Device(fields.iter().map(|f| number(f)).collect())),
        (b'?', b'u') => reply(Reply::Keyboard(field(0))),
        (b'?', b'y') if params.ends_with(b"$") => reply(Reply::Mode { number: field(0), state: field(1) }),
        (b'?', b'n') if field(0) == 997 => reply(Reply::Scheme { dark: field(1) == 1 }),
        (0, b'I') if params.is_empty() => Front::Is(used, Some(Input::Focus(true))),
        (0, b'O') if params.is_empty() => Front::Is(used, Some(Input::Focus(false))),
        (0, b'Z') => make(Code::BackTab, mods.without(Mods::SHIFT)),
        (0, b'a'..=b'd') if params.is_empty() => match letter(last.to_ascii_uppercase()) {
            Some(code) => make(code, Mods::SHIFT),
            None => nothing,
        },
        // a report of the cursor has another first number than 1 (F3 with modifiers)
        (0, b'A'..=b'S') if params.is_empty() || field(0) <= 1 => match letter(last) {
            Some(code) => make(code, mods),
            None => nothing,
        },
        // urxvt's mouse
        (0, b'M') if fields.len() == 3 => {
            let code = field(0).saturating_sub(32);
            mouse(used, code, field(1).saturating_sub(1), field(2).saturating_sub(1), false)
        }
        (0, b'^') => rxvt(numbers, Mods::CTRL, used),
        (0, b'@') => rxvt(numbers, Mods::CTRL.with(Mods::SHIFT), used),
        (0, b'~') => match field(0) {
            200 => Front::Paste(used),
            27 => {
                let point = long(sub(2, 0));
                let mods = bits_of(field(1));
                // xterm tells the character as Shift has made it
                let shifted =
                    char::from_u32(point).filter(|c| mods & Exact::SHIFT != 0 && !c.is_control() && *c != ' ');
                let exact = Exact { point, shifted, base: None, mods };
                Front::Is(used, coded(exact, KeyKind::Press, None).map(Input::Key))
            }
            n => match tilde(n) {
                Some(code) => make(code, mods),
                None => nothing,
            },
        },
        (0, b'u') => {
            let character = |j: usize| char::from_u32(long(sub(0, j))).filter(|c| !c.is_control());
            let text: String = fields
                .get(2)
                .map(|f| f.split(|&b| b == b':').filter_map(|n| char::from_u32(long(n))).filter(|c| !c.is_control()))
                .into_iter()
                .flatten()
                .collect();
            let text = (!text.is_empty()).then_some(text);
            let exact =
                Exact { point: long(sub(0, 0)), shifted: character(1), base: character(2), mods: bits_of(field(1)) };
            Front::Is(used, coded(exact, kind(sub(1, 1)), text).map(Input::Key))
        }
        _ => nothing,
    }
}

fn kind(event: &[u8]) -> KeyKind {
    match event {
        b"2" => KeyKind::Repeat,
        b"3" => KeyKind::Release,
        _ => KeyKind::Press,
    }
}

/// `CSI M` and three bytes.
fn mouse_x10(body: &[u8], flush: bool) -> Front {
    match body.get(1..4) {
        Some(&[b, x, y]) => {
            let at = |v: u8| u16::from(v.saturating_sub(33));
            mouse(6, u16::from(b.saturating_sub(32)), at(x), at(y), false)
        }
        _ if flush => Front::Is(2 + body.len(), None),
        _ => Front::Unfinished,
    }
}

fn mouse(used: usize, code: u16, col: u16, row: u16, release: bool) -> Front {
    let button = match (code & 3, code & 0xc0) {
        (0, 0) => Button::Left,
        (1, 0) => Button::Middle,
        (2, 0) => Button::Right,
        (_, 0) => Button::None,
        (0, 0x40) => Button::WheelUp,
        (1, 0x40) => Button::WheelDown,
        (2, 0x40) => Button::WheelLeft,
        (_, 0x40) => Button::WheelRight,
        (n, _) => Button::Extra(8 + small(n)),
    };
    let kind = match () {
        () if code & 32 != 0 => MouseKind::Motion,
        () if release || button == Button::None => MouseKind::Release,
        () => MouseKind::Press,
    };
    let mut mods = Mods::NONE;
    for (bit, m) in [(4, Mods::SHIFT), (8, Mods::ALT), (16, Mods::CTRL)] {
        if code & bit != 0 {
            mods = mods.with(m);
        }
    }
    Front::Is(used, Some(Input::Mouse(Mouse { kind, button, row, col, mods })))
}

/// OSC, DCS and their like: read to the end, OSC looked at.
fn string(bytes: &[u8], flush: bool) -> Front {
    let osc = bytes.get(1) == Some(&b']');
    let body = bytes.get(2..).unwrap_or_default();
    if body.is_empty() && flush {
        return character(bytes, 1, Mods::ALT, true);
    }
    let end = body.iter().position(|&b| b == 0x1b || b < 0x20);
    match end.map(|i| (i, body.get(i), body.get(i + 1))) {
        Some((i, Some(0x07), _)) if osc => Front::Is(2 + i + 1, color(body.get(..i).unwrap_or_default())),
        Some((i, Some(0x1b), Some(b'\\'))) => {
            let found = if osc { color(body.get(..i).unwrap_or_default()) } else { None };
            Front::Is(2 + i + 2, found)
        }
        Some((_, Some(0x1b), None)) => Front::Unfinished,
        // Alt-] and something typed after it
        Some((0, _, _)) => character(bytes, 1, Mods::ALT, true),
        // broken off
        Some((i, _, _)) => Front::Is(2 + i, None),
        None if body.len() > MOST_STRING => Front::Skip,
        None => Front::Unfinished,
    }
}

/// `11;rgb:ffff/ffff/ffff`
fn color(body: &[u8]) -> Option<Input> {
    let text = std::str::from_utf8(body).ok()?;
    let (osc, color) = text.split_once(';')?;
    let osc = osc.parse::<u16>().ok().filter(|n| (10..=12).contains(n))?;
    let values = color.strip_prefix("rgb:").or_else(|| color.strip_prefix("rgba:"))?;
    let mut values = values.split('/').map(|hex| {
        let max = match hex.len() {
            1..=4 => (1u32 << (4 * hex.len())) - 1,
            _ => return None,
        };
        u8::try_from(u32::from_str_radix(hex, 16).ok()? * 255 / max).ok()
    });
    let rgb = (values.next()??, values.next()??, values.next()??);
    Some(Input::Reply(Reply::Color { osc, rgb }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> Vec<Input> {
        let (mut parser, mut out) = (Parser::new(), Vec::new());
        parser.feed(bytes, &mut out);
        while parser.pending() {
            parser.timeout(&mut out);
        }
        out
    }
    fn k(code: Code, mods: Mods) -> Input {
        Input::Key(Key::new(code, mods))
    }
    fn c(c: char) -> Input {
        k(Code::Char(c), Mods::NONE)
    }
    const CS: Mods = Mods::CTRL.with(Mods::SHIFT);
    fn without_exact(input: Input) -> Input {
        match input {
            Input::Key(key) => Input::Key(Key { exact: None, ..key }),
            other => other,
        }
    }

    #[test]
    fn what_was_read_is_not_kept() {
        let mut parser = Parser::new();
        let mut out = Vec::new();
        for piece in [&b"\x1b[200~sec"[..], b"ret\x1b[2", b"01~\r", b"secret", b"\x1b[20"] {
            parser.feed(piece, &mut out);
        }
        let left = parser.buf.len();
        // SAFETY: all of it was written to, as is checked by what is shorter than the longest that was fed
        unsafe { parser.buf.set_len(9) };
        assert!(left == 4 && parser.buf[left..].iter().all(|b| *b == 0), "{:?}", parser.buf);
    }

    #[test]
    fn keys() {
        let table: &[(&str, Code, Mods)] = &[
            ("a", Code::Char('a'), Mods::NONE),
            ("漢", Code::Char('漢'), Mods::NONE),
            ("\x01", Code::Char('a'), Mods::CTRL),
            ("\0", Code::Char(' '), Mods::CTRL),
            ("\x1f", Code::Char('_'), Mods::CTRL),
            ("\r", Code::Enter, Mods::NONE),
            ("\n", Code::Char('j'), Mods::CTRL),
            ("\t", Code::Tab, Mods::NONE),
            ("\x7f", Code::Backspace, Mods::NONE),
            ("\x08", Code::Char('h'), Mods::CTRL),
            ("\x1b", Code::Escape, Mods::NONE),
            ("\x1bx", Code::Char('x'), Mods::ALT),
            ("\x1bé", Code::Char('é'), Mods::ALT),
            ("\x1b\x01", Code::Char('a'), Mods::CTRL.with(Mods::ALT)),
            ("\x1b\x7f", Code::Backspace, Mods::ALT),
            ("\x1b[", Code::Char('['), Mods::ALT),
            ("\x1bO", Code::Char('O'), Mods::ALT),
            ("\x1b]", Code::Char(']'), Mods::ALT),
            ("\x1b[A", Code::Up, Mods::NONE),
            ("\x1bOA", Code::Up, Mods::NONE),
            ("\x1b[1;5A", Code::Up, Mods::CTRL),
            ("\x1b\x1b[A", Code::Up, Mods::ALT),
            ("\x1b[a", Code::Up, Mods::SHIFT),
            ("\x1bOa", Code::Up, Mods::CTRL),
            ("\x1b[5$", Code::PageUp, Mods::SHIFT),
            ("\x1b[5^", Code::PageUp, Mods::CTRL),
            ("\x1b[5@", Code::PageUp, CS),
            ("\x1b[3;5~", Code::Delete, Mods::CTRL),
            ("\x1b[Z", Code::BackTab, Mods::NONE),
            ("\x1bOP", Code::F(1), Mods::NONE),
            ("\x1b[1;2R", Code::F(3), Mods::SHIFT),
            ("\x1b[[C", Code::F(3), Mods::NONE),
            ("\x1b[15~", Code::F(5), Mods::NONE),
            ("\x1b[24;2~", Code::F(12), Mods::SHIFT),
            ("\x1b[34~", Code::F(20), Mods::NONE),
            ("\x1bOM", Code::Enter, Mods::NONE),
            ("\x1bOt", Code::Char('4'), Mods::NONE),
            ("\x1b[27;5;105~", Code::Char('i'), Mods::CTRL),
            ("\x1b[27;2;65~", Code::Char('A'), Mods::NONE),
            ("\x1b[27;5;13~", Code::Enter, Mods::CTRL),
            ("\x1b[97;5u", Code::Char('a'), Mods::CTRL),
            ("\x1b[97;6u", Code::Char('a'), CS),
            ("\x1b[97:65;2u", Code::Char('A'), Mods::NONE),
            ("\x1b[97;2;65u", Code::Char('A'), Mods::NONE),
            ("\x1b[50:33;2;33u", Code::Char('!'), Mods::NONE),
            ("\x1b[97;4u", Code::Char('A'), Mods::ALT),
            ("\x1b[32;2u", Code::Char(' '), Mods::SHIFT),
            ("\x1b[27u", Code::Escape, Mods::NONE),
            ("\x1b[9;2u", Code::BackTab, Mods::NONE),
            ("\x1b[57414u", Code::Enter, Mods::NONE),
            ("\x1b[57441;2u", Code::Other(57441), Mods::SHIFT),
            ("\x1b[97;65u", Code::Char('a'), Mods::NONE),
            ("\x1b[97;9u", Code::Char('a'), Mods::SUPER),
            ("\x1b[45:95;6u", Code::Char('_'), Mods::CTRL),
            ("\x1b[27;6;95~", Code::Char('_'), Mods::CTRL),
            ("\x1b[1089::99;5u", Code::Char('c'), Mods::CTRL),
            ("\x1b[49:33;6u", Code::Char('!'), Mods::CTRL),
            ("\x1b[49;6u", Code::Char('1'), CS),
            ("\x1b[13~", Code::F(3), Mods::NONE),
            ("\x1b[57376u", Code::F(13), Mods::NONE),
            ("\x1b[57398u", Code::F(35), Mods::NONE),
            ("\x1b[57399u", Code::Char('0'), Mods::NONE),
            ("\x1b[57417;5u", Code::Left, Mods::CTRL),
            ("\x1b[57427~", Code::Other(57427), Mods::NONE),
            ("\x1b[97;33u", Code::Char('a'), Mods::ALT),
            ("\x1b[97;;229u", Code::Char('å'), Mods::NONE),
        ];
        for (bytes, code, mods) in table {
            let parsed: Vec<Input> = parse(bytes.as_bytes()).into_iter().map(without_exact).collect();
            assert_eq!(parsed, [k(*code, *mods)], "{bytes:?}");
        }
        let released = Key { kind: KeyKind::Release, ..Key::new(Code::Up, Mods::NONE) };
        assert_eq!(parse(b"\x1b[1;1:3A"), [Input::Key(released)]);
        let repeated = Key { kind: KeyKind::Repeat, ..Key::new(Code::Char('a'), Mods::NONE) };
        assert_eq!(parse(b"\x1b[97;1:2;97u"), [Input::Key(repeated)]);
        assert_eq!(parse(b"\x1b\x1b"), [k(Code::Escape, Mods::NONE), k(Code::Escape, Mods::NONE)]);
        assert_eq!(parse(b"\x1b\x1bx"), [k(Code::Escape, Mods::NONE), k(Code::Char('x'), Mods::ALT)]);
    }

    /// What is told of a key stays with it where it is more than the key says, and only there.
    #[test]
    fn keys_are_kept_exactly() {
        let exact = |bytes: &str| match parse(bytes.as_bytes()).as_slice() {
            [Input::Key(key)] => key.exact,
            other => panic!("{bytes:?}: {other:?}"),
        };
        for same in [
            "a",
            "A",
            "é",
            "\x01",
            "\x1bA",
            "\x1b[A",
            "\x1b[1;5A",
            "\x1b[Z",
            "\x1b[97;5u",
            "\x1b[97:65;2;65u",
            "\x1b[97;6u",
            "\x1b[97;4u",
            "\x1b[27;6;65~",
            "\x1b[27;2;65~",
            "\x1b[13;5u",
            "\x1b[9;2u",
            "\x1b[32;2u",
            "\x1b[57441u",
            "\x1b[57376u",
            "\x1b[8;5u",
            "\x1b\x1b[1;5A",
            "\x1b[65;5u",
        ] {
            assert_eq!(exact(same), None, "{same:?}");
        }
        for (bytes, point, shifted, base, mods) in [
            ("\x1b[49:33;2u", 49, Some('!'), None, 1),
            ("\x1b[45:95;6u", 45, Some('_'), None, 5),
            ("\x1b[1089::99;5u", 1089, None, Some('c'), 4),
            ("\x1b[97;;229u", 97, None, None, 0),
            ("\x1b[97;33u", 97, None, None, 32),
            ("\x1b[1;129A", 57352, None, None, 128),
            ("\x1b[57414;2u", 57414, None, None, 1),
            ("\x1b[27;6;95~", 95, Some('_'), None, 5),
            ("\x1b[0;;104u", 0, None, None, 0),
        ] {
            assert_eq!(exact(bytes), Some(Exact { point, shifted, base, mods }), "{bytes:?}");
        }
    }

    #[test]
    fn mouse_focus_and_answers() {
        let m = |kind, button, row, col, mods| vec![Input::Mouse(Mouse { kind, button, row, col, mods })];
        assert_eq!(parse(b"\x1b[<0;5;3M"), m(MouseKind::Press, Button::Left, 2, 4, Mods::NONE));
        assert_eq!(parse(b"\x1b[<2;5;3m"), m(MouseKind::Release, Button::Right, 2, 4, Mods::NONE));
        assert_eq!(parse(b"\x1b[<48;5;3M"), m(MouseKind::Motion, Button::Left, 2, 4, Mods::CTRL));
        assert_eq!(parse(b"\x1b[<35;5;3M"), m(MouseKind::Motion, Button::None, 2, 4, Mods::NONE));
        assert_eq!(parse(b"\x1b[<65;500;300M"), m(MouseKind::Press, Button::WheelDown, 299, 499, Mods::NONE));
        assert_eq!(parse(b"\x1b[M !\xff"), m(MouseKind::Press, Button::Left, 222, 0, Mods::NONE));
        assert_eq!(parse(b"\x1b[M#!!"), m(MouseKind::Release, Button::None, 0, 0, Mods::NONE));
        assert_eq!(parse(b"\x1b[I\x1b[O"), [Input::Focus(true), Input::Focus(false)]);
        let r = |bytes: &[u8], reply: Reply| assert_eq!(parse(bytes), [Input::Reply(reply)]);
        r(b"\x1b[?62;22c", Reply::Device(vec![62, 22]));
        r(b"\x1b]11;rgb:ffff/8080/0000\x1b\\", Reply::Color { osc: 11, rgb: (255, 128, 0) });
        r(b"\x1b]10;rgb:f/80/000\x07", Reply::Color { osc: 10, rgb: (255, 128, 0) });
        r(b"\x1b[?5u", Reply::Keyboard(5));
        r(b"\x1b[?2026;2$y", Reply::Mode { number: 2026, state: 2 });
        r(b"\x1b[?997;1n", Reply::Scheme { dark: true });
        // nobody asked for these; no byte of them may be typed
        for unknown in [
            &b"\x1b[>1;2c"[..],
            b"\x1bP>|term 1\x1b\\",
            b"\x1b]52;c;xx\x07",
            b"\x1b[201~",
            b"\x1b[5;7R",
            b"\x1b_Gok\x1b\\",
        ] {
            assert_eq!(parse(unknown), [], "{unknown:?}");
        }
    }

    #[test]
    fn raw_bytes_are_kept() {
        assert_eq!(parse(b"a\xffb"), [c('a'), Input::Raw(vec![0xff]), c('b')]);
        assert_eq!(parse(b"\xe2\x9d"), [Input::Raw(vec![0xe2, 0x9d])]);
        assert_eq!(parse(b"\x1b\xffx"), [Input::Raw(vec![0x1b, 0xff]), c('x')]);
    }

    #[test]
    fn a_late_rest_is_no_typing() {
        let (mut parser, mut out) = (Parser::new(), Vec::new());
        parser.feed(b"\x1b[<0;5", &mut out);
        for _ in 0..5 {
            assert!(parser.pending());
            parser.timeout(&mut out);
        }
        parser.feed(b";3Mx", &mut out);
        assert_eq!(out.len(), 2);
        assert_eq!(out[1], c('x'));
        parser.feed(b"\x1b[<0;5", &mut out);
        for _ in 0..PATIENCE {
            parser.timeout(&mut out);
        }
        assert!(!parser.pending());
        parser.feed(b"\x1b[1;\x1b[Ay", &mut out);
        assert_eq!(out[2..], [k(Code::Up, Mods::NONE), c('y')]);
    }

    #[test]
    fn pastes() {
        let last = |b: &[u8]| Input::Paste { bytes: b.to_vec(), last: true };
        assert_eq!(parse(b"\x1b[200~a\x1b[Ab\x1b[201~c"), [last(b"a\x1b[Ab"), c('c')]);
        assert_eq!(parse(b"\x1b[200~\x1b[201~"), [last(b"")]);
        let (mut parser, mut out) = (Parser::new(), Vec::new());
        parser.feed(b"\x1b[200~abc\x1b[20", &mut out);
        assert_eq!(out, [Input::Paste { bytes: b"abc".to_vec(), last: false }]);
        assert!(!parser.pending());
        parser.feed(&vec![b'x'; 100_000], &mut out);
        assert_eq!(out.len(), 3);
        parser.feed(b"\x1b[201~z", &mut out);
        assert_eq!(out[3..], [last(b""), c('z')]);
    }

    #[test]
    fn an_endless_string_ends() {
        let (mut parser, mut out) = (Parser::new(), Vec::new());
        parser.feed(b"\x1b]11;", &mut out);
        parser.feed(&vec![b'x'; MOST_STRING + 9], &mut out);
        assert!(parser.buf.is_empty());
        parser.feed(b"xx\x1b", &mut out);
        parser.feed(b"\\y", &mut out);
        assert_eq!(out, [c('y')]);
    }

    /// Pieces of a paste joined, for how it is cut is no matter.
    fn joined(inputs: Vec<Input>) -> Vec<Input> {
        let mut out: Vec<Input> = Vec::new();
        for input in inputs {
            match (out.last_mut(), input) {
                (Some(Input::Paste { bytes, last }), Input::Paste { bytes: more, last: end }) if !*last => {
                    bytes.extend(more);
                    *last = end;
                }
                (_, input) => out.push(input),
            }
        }
        out.retain(|i| !matches!(i, Input::Paste { bytes, last: false } if bytes.is_empty()));
        out
    }

    /// Two Escapes before an unfinished sequence were once waited for without end.
    #[test]
    fn two_escapes_and_half_a_sequence_come_to_an_end() {
        let (mut parser, mut out) = (Parser::new(), Vec::new());
        parser.feed(b"\x1b\x1b[1", &mut out);
        for _ in 0..2 * PATIENCE {
            parser.timeout(&mut out);
        }
        assert!(!parser.pending());
        assert_eq!(out, [Input::Key(Key::new(Code::Escape, Mods::NONE))]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]
        #[test]
        fn cuts_change_nothing(pieces in proptest::collection::vec(prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..4),
            proptest::sample::select(vec!["\x1b", "\x1b[", "\x1b[1;5A", "\x1bO", "\x1b]11;rgb:0/0/0", "\x07", "\x1b\\", "\x1b[200~", "\x1b[201~",
                "\x1b[<0;1;1M", "\x1b[M", "é", "漢", "abc", "\x1b[97;5u", "5$", "\r", "\x1b\x1b", "\x1bP", "\x1b[?1"]).prop_map(|s| s.as_bytes().to_vec()),
        ], 0..16), at in 0usize..60) {
            let bytes = pieces.concat();
            let at = at.min(bytes.len());
            let feed = |cuts: &[&[u8]]| {
                let (mut parser, mut out) = (Parser::new(), Vec::new());
                for cut in cuts {
                    parser.feed(cut, &mut out);
                }
                while parser.pending() {
                    parser.timeout(&mut out);
                }
                joined(out)
            };
            let whole = feed(&[&bytes]);
            prop_assert_eq!(&feed(&[&bytes[..at], &bytes[at..]]), &whole);
            prop_assert_eq!(&feed(&bytes.chunks(1).collect::<Vec<_>>()), &whole);
        }

        #[test]
        fn typed_text_is_lossless(text in "[^\\x00-\\x1f\\x7f]{0,20}") {
            let back: String = parse(text.as_bytes()).into_iter().map(|i| match i {
                Input::Key(Key { code: Code::Char(c), mods: Mods::NONE, .. }) => c,
                other => panic!("{other:?}"),
            }).collect();
            prop_assert_eq!(back, text);
        }
    }
}
