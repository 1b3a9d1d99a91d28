//! Owns the cutting of a byte stream into text, controls, sequences and strings, and what is unfinished of them.
//! Leaves out what they do.
//!
//! Text is taken in runs, and a plain control sequence that stands whole in the buffer is read at once. Every other
//! escape or control sequence goes through the `vte` crate's state machine byte by byte; strings (OSC, DCS, APC, PM,
//! SOS) are collected here, as vte hands out no APC and keeps only 16 parts of an OSC. Controls of C1 as characters
//! (U+0080 to U+009F) mean nothing, as in tmux and alacritty: in UTF-8 they come of text that was decoded wrongly, and
//! one that began a string would swallow what follows.

use super::csi::Csi;
use super::graphics::{Apc, Sixel};
use super::terminal::Terminal;
use std::fmt;
use std::io::Write;

/// Longest string kept, in bytes; a longer one is swallowed and means nothing. A clipboard of 100 KB fits.
pub(super) const MOST_STRING: usize = 160 << 10;
/// Longest escape sequence: one that goes on beyond is swallowed.
const MOST_SEQUENCE: usize = 512;

const ESC: u8 = 0x1b;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// After ESC.
    Escape,
    /// After ESC and an intermediate.
    Intermediate,
    /// After `ESC [`.
    Csi,
    /// In a control sequence that is too long.
    Drop,
}

/// Kinds of strings, by the byte after ESC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Osc = b']' as isize,
    Dcs = b'P' as isize,
    Apc = b'_' as isize,
    Pm = b'^' as isize,
    Sos = b'X' as isize,
    /// screen's and tmux's title: shown nowhere.
    Name = b'k' as isize,
}

enum State {
    Ground,
    /// A character of several bytes.
    Utf8,
    Sequence(Phase),
    /// A string; too long to be kept?
    Text(Kind, bool),
    /// `ESC P parameters q` was read.
    Sixel(Box<(Vec<u16>, Sixel)>),
    Apc(Box<Apc>),
}

pub(super) struct Parser {
    state: State,
    vte: vte::Parser,
    /// What was read of the unfinished sequence, string or character. Controls inside a sequence are not: they are done.
    held: Vec<u8>,
}

impl Default for Parser {
    fn default() -> Parser {
        Parser { state: State::Ground, vte: vte::Parser::new(), held: Vec::new() }
    }
}

impl fmt::Debug for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parser").field("held", &self.held.len()).finish()
    }
}

/// What vte made of one byte.
#[derive(Default)]
struct Made {
    csi: Option<Csi>,
    escape: Option<([u8; 2], usize, u8)>,
    control: Option<u8>,
}

impl vte::Perform for Made {
    fn execute(&mut self, byte: u8) {
        self.control = Some(byte);
    }
    fn csi_dispatch(&mut self, params: &vte::Params, intermediates: &[u8], ignore: bool, action: char) {
        self.csi = Csi::of_vte(params, intermediates, ignore, action);
    }
    fn esc_dispatch(&mut self, intermediates: &[u8], ignore: bool, byte: u8) {
        if !ignore && intermediates.len() <= 2 {
            let mut kept = [0; 2];
            for (to, from) in kept.iter_mut().zip(intermediates) {
                *to = *from;
            }
            self.escape = Some((kept, intermediates.len(), byte));
        }
    }
}

/// Length of the run of printable ASCII at the start.
#[inline]
fn ascii_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut n = 0;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let Ok(word) = <[u8; 8]>::try_from(chunk) else { break };
        let x = u64::from_le_bytes(word);
        // below 0x20, or 0x7f and above; exact up to the first one that is
        let odd = (x.wrapping_sub(ONES * 0x20) | x.wrapping_add(ONES) | x) & HIGH;
        if odd != 0 {
            return n + odd.trailing_zeros() as usize / 8;
        }
        n += 8;
    }
    n + chunks.remainder().iter().position(|b| !(0x20..0x7f).contains(b)).unwrap_or(chunks.remainder().len())
}

pub(super) enum Utf8 {
    Char(char, usize),
    /// So many bytes are the start of a character, and of none (Unicode 3.9, "maximal subpart").
    Bad(usize),
    Cut,
}

/// The character at the start of bytes that begin with one of 0x80 and above.
#[inline(always)]
pub(super) fn decode(bytes: &[u8]) -> Utf8 {
    let at = |i: usize| bytes.get(i).copied();
    let Some(b0) = at(0) else { return Utf8::Cut };
    let (len, low, high) = match b0 {
        0xc2..=0xdf => (2, 0x80, 0xbf),
        0xe0 => (3, 0xa0, 0xbf),
        0xe1..=0xec | 0xee | 0xef => (3, 0x80, 0xbf),
        0xed => (3, 0x80, 0x9f),
        0xf0 => (4, 0x90, 0xbf),
        0xf1..=0xf3 => (4, 0x80, 0xbf),
        0xf4 => (4, 0x80, 0x8f),
        _ => return Utf8::Bad(1),
    };
    let mut code = u32::from(b0) & (0x7f >> len);
    for i in 1..len {
        let Some(b) = at(i) else { return Utf8::Cut };
        let (low, high) = if i == 1 { (low, high) } else { (0x80, 0xbf) };
        if !(low..=high).contains(&b) {
            return Utf8::Bad(i);
        }
        code = code << 6 | u32::from(b & 0x3f);
    }
    match char::from_u32(code) {
        Some(c) => Utf8::Char(c, len),
        None => Utf8::Bad(1),
    }
}

impl Parser {
    pub fn feed(&mut self, bytes: &[u8], to: &mut Terminal) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = match self.state {
                State::Ground => self.ground(rest, to),
                State::Utf8 => self.utf8(rest, to),
                State::Sequence(phase) => self.sequence(rest, phase, to),
                State::Text(..) | State::Sixel(_) | State::Apc(_) => self.string(rest, to),
            };
            rest = rest.get(used..).unwrap_or_default();
        }
    }

    /// Takes what it can while nothing is unfinished.
    fn ground(&mut self, bytes: &[u8], to: &mut Terminal) -> usize {
        let mut i = 0;
        while let Some(&b) = bytes.get(i) {
            match b {
                0x20..=0x7e => {
                    let run = bytes.get(i..).unwrap_or_default();
                    let n = match run.get(1) {
                        Some(0x20..=0x7e) => ascii_run(run),
                        _ => 1,
                    };
                    to.print_ascii(run.get(..n).unwrap_or_default());
                    i += n;
                }
                b'\r' => {
                    to.carriage_return();
                    i += 1;
                }
                b'\n' => {
                    to.line_feed();
                    i += 1;
                }
                ESC => {
                    i += 1;
                    let rest = bytes.get(i..).unwrap_or_default();
                    match rest.first() {
                        Some(b'[') => {
                            if let Some((csi, n)) = Csi::read(rest.get(1..).unwrap_or_default()) {
                                to.csi(&csi);
                                i += 1 + n;
                                continue;
                            }
                        }
                        Some(b']' | b'P' | b'_' | b'^' | b'X' | b'k') | None => {}
                        Some(&byte @ 0x30..=0x7e) => {
                            to.escape(&[], byte);
                            i += 1;
                            continue;
                        }
                        Some(_) => {}
                    }
                    self.begin();
                    return i;
                }
                0x80.. => {
                    let n = to.print_text(bytes.get(i..).unwrap_or_default());
                    if n > 0 {
                        i += n;
                        continue;
                    }
                    match decode(bytes.get(i..).unwrap_or_default()) {
                        Utf8::Char(c, n) => {
                            i += n;
                            if c >= '\u{a0}' {
                                to.print(c);
                            }
                        }
                        Utf8::Bad(n) => {
                            to.print(char::REPLACEMENT_CHARACTER);
                            i += n;
                        }
                        Utf8::Cut => {
                            self.held.clear();
                            self.held.extend_from_slice(bytes.get(i..).unwrap_or_default());
                            self.state = State::Utf8;
                            return bytes.len();
                        }
                    }
                }
                _ => {
                    to.execute(b);
                    i += 1;
                }
            }
        }
        i
    }

    /// The rest of a character that was cut.
    fn utf8(&mut self, bytes: &[u8], to: &mut Terminal) -> usize {
        let before = self.held.len();
        let Some(&b) = bytes.first() else { return 0 };
        self.held.push(b);
        match decode(&self.held) {
            Utf8::Cut => 1,
            Utf8::Char(c, _) => {
                self.held.clear();
                self.state = State::Ground;
                if c >= '\u{a0}' {
                    to.print(c);
                }
                1
            }
            Utf8::Bad(_) => {
                // what came before is none; this byte is read anew
                self.held.truncate(before);
                self.held.clear();
                self.state = State::Ground;
                to.print(char::REPLACEMENT_CHARACTER);
                0
            }
        }
    }

    /// ESC was read.
    fn begin(&mut self) {
        self.held.clear();
        self.held.push(ESC);
        self.vte = vte::Parser::new();
        self.vte.advance(&mut Made::default(), &[ESC]);
        self.state = State::Sequence(Phase::Escape);
    }

    fn end(&mut self) {
        self.held.clear();
        if self.held.capacity() > 4096 {
            self.held = Vec::new();
        }
        self.state = State::Ground;
    }

    /// One byte of a sequence.
    fn sequence(&mut self, bytes: &[u8], phase: Phase, to: &mut Terminal) -> usize {
        let Some(&b) = bytes.first() else { return 0 };
        if phase == Phase::Escape
            && let Some(kind) = kind_of(b)
        {
            self.held.clear();
            self.state = State::Text(kind, false);
            return 1;
        }
        match b {
            ESC => {
                self.begin();
                return 1;
            }
            0x18 | 0x1a => {
                self.end();
                return 1;
            }
            0x00..=0x1f => {
                to.execute(b);
                return 1;
            }
            0x7f.. => return 1,
            _ => {}
        }
        let mut made = Made::default();
        if phase != Phase::Drop {
            self.vte.advance(&mut made, &[b]);
            self.held.push(b);
        }
        let next = match (phase, b) {
            (Phase::Escape, b'[') => Some(Phase::Csi),
            (Phase::Escape | Phase::Intermediate, 0x20..=0x2f) => Some(Phase::Intermediate),
            (Phase::Escape | Phase::Intermediate, _) => None,
            (_, 0x40..=0x7e) => None,
            (phase, _) => Some(phase),
        };
        match next {
            Some(_) if self.held.len() > MOST_SEQUENCE => {
                // known only as one to be dropped from here on; see `unfinished`
                self.held.clear();
                self.state =
                    State::Sequence(if phase == Phase::Intermediate { Phase::Intermediate } else { Phase::Drop });
                if phase == Phase::Intermediate {
                    self.begin();
                    self.vte.advance(&mut Made::default(), b"   ");
                    self.held.extend_from_slice(b"   ");
                    self.state = State::Sequence(Phase::Intermediate);
                }
            }
            Some(phase) => self.state = State::Sequence(phase),
            None => {
                self.end();
                if let Some(csi) = made.csi {
                    to.csi(&csi);
                } else if let Some((intermediates, n, byte)) = made.escape {
                    to.escape(intermediates.get(..n).unwrap_or_default(), byte);
                }
            }
        }
        1
    }

    /// A piece of a string, up to its end.
    fn string(&mut self, bytes: &[u8], to: &mut Terminal) -> usize {
        let bell = matches!(self.state, State::Text(Kind::Osc, _));
        let ends = |b: &u8| matches!(*b, ESC | 0x18 | 0x1a) || (*b == 0x07 && bell);
        let n = bytes.iter().position(ends).unwrap_or(bytes.len());
        let (body, rest) = bytes.split_at(n);
        self.take(body);
        let Some(&end) = rest.first() else { return n };
        let state = std::mem::replace(&mut self.state, State::Ground);
        let held = std::mem::take(&mut self.held);
        if matches!(end, ESC | 0x07) {
            match state {
                State::Text(Kind::Osc, false) => to.osc(&held),
                State::Text(Kind::Dcs, false) => to.dcs(&held),
                State::Sixel(sixel) => to.sixel(sixel.1),
                State::Apc(apc) => to.kitty_graphics(*apc),
                _ => {}
            }
        }
        if end == ESC {
            self.begin();
        }
        n + 1
    }

    /// Keeps a piece of a string, or measures it, or lets it go.
    fn take(&mut self, mut body: &[u8]) {
        while !body.is_empty() {
            match &mut self.state {
                State::Sixel(sixel) => return sixel.1.feed(body),
                State::Apc(apc) => return apc.feed(body),
                State::Text(_, true) | State::Text(Kind::Pm | Kind::Sos | Kind::Name, _) => return,
                State::Text(Kind::Apc, _) => {
                    let mut apc = Apc::default();
                    apc.feed(body);
                    self.state = State::Apc(Box::new(apc));
                    return;
                }
                State::Text(Kind::Dcs, _) if self.held.len() < MOST_HEAD && is_head(&self.held) => {
                    // byte by byte while it may still become a picture
                    let Some((&b, rest)) = body.split_first() else { return };
                    body = rest;
                    if b == b'q' {
                        let params = numbers(&self.held);
                        let sixel = Sixel::new(&params);
                        self.held.clear();
                        self.state = State::Sixel(Box::new((params, sixel)));
                    } else {
                        self.held.push(b);
                    }
                }
                State::Text(_, over) => {
                    if self.held.len() + body.len() > MOST_STRING {
                        *over = true;
                        self.held = Vec::new();
                    } else {
                        self.held.extend_from_slice(body);
                    }
                    return;
                }
                _ => return,
            }
        }
    }

    /// Bytes that bring a parser without a past into this state.
    pub fn unfinished(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.state {
            State::Ground => {}
            State::Utf8 => out.extend_from_slice(&self.held),
            // a parameter after which a marker follows: to be dropped
            State::Sequence(Phase::Drop) => out.extend_from_slice(b"\x1b[0<"),
            State::Sequence(_) => out.extend_from_slice(&self.held),
            State::Text(kind, over) => {
                out.extend_from_slice(&[ESC, *kind as u8]);
                if *over {
                    // strings that mean nothing, with the same ends
                    out.truncate(0);
                    out.extend_from_slice(if *kind == Kind::Osc { b"\x1b]65000;" } else { b"\x1bX" });
                } else {
                    out.extend_from_slice(&self.held);
                }
            }
            State::Sixel(sixel) => {
                out.extend_from_slice(b"\x1bP");
                let words: Vec<String> = sixel.0.iter().map(u16::to_string).collect();
                let _ = write!(out, "{}q", words.join(";"));
                out.extend_from_slice(&sixel.1.unfinished());
            }
            State::Apc(apc) => {
                out.extend_from_slice(b"\x1b_");
                out.extend_from_slice(&apc.unfinished());
            }
        }
        out
    }
}

/// Parameters of a picture's introducer, at most so many bytes.
const MOST_HEAD: usize = 32;

fn is_head(held: &[u8]) -> bool {
    held.iter().all(|b| b.is_ascii_digit() || *b == b';')
}

fn numbers(head: &[u8]) -> Vec<u16> {
    let number = |w: &[u8]| w.iter().fold(0u16, |n, b| n.saturating_mul(10).saturating_add(u16::from(b - b'0')));
    head.split(|b| *b == b';').map(number).collect()
}

fn kind_of(b: u8) -> Option<Kind> {
    Some(match b {
        b']' => Kind::Osc,
        b'P' => Kind::Dcs,
        b'_' => Kind::Apc,
        b'^' => Kind::Pm,
        b'X' => Kind::Sos,
        b'k' => Kind::Name,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs() {
        for n in 0..40 {
            for odd in [0x00, 0x1b, 0x1f, 0x7f, 0x80, 0x9f, 0xa0, 0xff] {
                let mut bytes = vec![b'~'; n];
                bytes.push(odd);
                bytes.extend_from_slice(b" text");
                assert_eq!(ascii_run(&bytes), n, "{odd:x}");
            }
            assert_eq!(ascii_run(&vec![b' '; n]), n);
        }
    }

    #[test]
    fn characters_as_the_standard_library_reads_them() {
        for c in ['\u{80}', 'ü', 'ࠀ', '日', '\u{d7ff}', '\u{e000}', '\u{ffff}', '\u{10000}', '\u{10ffff}'] {
            let mut buf = [0; 4];
            let bytes = c.encode_utf8(&mut buf).as_bytes();
            assert!(matches!(decode(bytes), Utf8::Char(d, n) if d == c && n == bytes.len()));
            assert!(matches!(decode(&bytes[..bytes.len() - 1]), Utf8::Cut));
        }
        let noise = [0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xe0, 0x9f, 0xa0, 0xed, 0xf0, 0x8f, 0x90, 0xf4, 0xf5, 0xff];
        for a in noise {
            for b in noise {
                for c in noise {
                    let bytes = [a, b, c, b'x'];
                    let mut mine = String::new();
                    let mut rest = &bytes[..];
                    while let Some(&first) = rest.first() {
                        let n = if first < 0x80 {
                            mine.push(char::from(first));
                            1
                        } else {
                            match decode(rest) {
                                Utf8::Char(c, n) => {
                                    mine.push(c);
                                    n
                                }
                                Utf8::Bad(n) => {
                                    mine.push('\u{fffd}');
                                    n
                                }
                                Utf8::Cut => panic!("{bytes:?}"),
                            }
                        };
                        rest = &rest[n..];
                    }
                    assert_eq!(mine, String::from_utf8_lossy(&bytes), "{bytes:?}");
                }
            }
        }
    }
}
