//! Owns kitty's graphics commands: read from an APC, put together from chunks, how large what they show is.
//! Leaves out the pixels, and answers: there is none (see `osc`).
//! Source: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>.

use super::{MOST_PX, cells};
use base64::Engine as _;
use std::fmt::Write as _;

/// Most bytes of a kitty command's control data. A longer one is no command.
const MOST_CONTROL: usize = 1024;
/// Bytes of a payload that are kept: a PNG's size is in its first 24, 32 in base64.
const MOST_HEAD: usize = 64;

/// The first bytes of a payload, still in base64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Head {
    bytes: [u8; MOST_HEAD],
    len: usize,
}

impl Default for Head {
    fn default() -> Head {
        Head { bytes: [0; MOST_HEAD], len: 0 }
    }
}

impl Head {
    fn push(&mut self, bytes: &[u8]) {
        for (slot, &byte) in self.bytes.iter_mut().skip(self.len).zip(bytes) {
            *slot = byte;
            self.len += 1;
        }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The size a PNG's IHDR gives (PNG 3rd edition, 5.2 and 11.2.1).
    fn png_size(&self) -> Option<(u32, u32)> {
        let bytes = base64::engine::general_purpose::STANDARD.decode(self.as_slice().get(..32)?).ok()?;
        let size = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")?;
        let (width, height) = size.split_first_chunk::<4>()?;
        let number = |bytes: [u8; 4]| u32::from_be_bytes(bytes).min(MOST_PX);
        Some((number(*width), number(*height.first_chunk::<4>()?)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Part {
    #[default]
    Letter,
    Control,
    Payload,
    /// No graphics, or too long.
    Void,
}

/// What lies between `ESC _` and ST, of which as much is kept as a [`Command`] needs.
#[derive(Clone, Debug, Default)]
pub struct Apc {
    part: Part,
    control: Vec<u8>,
    head: Head,
}

impl Apc {
    /// Takes bytes after `ESC _`, cut anywhere.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        if self.part == Part::Letter {
            let Some((&letter, rest)) = bytes.split_first() else { return };
            self.part = if letter == b'G' { Part::Control } else { Part::Void };
            bytes = rest;
        }
        if self.part == Part::Control {
            let end = bytes.iter().position(|&b| b == b';');
            let (control, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            if self.control.len() + control.len() > MOST_CONTROL {
                (self.part, self.control) = (Part::Void, Vec::new());
                return;
            }
            self.control.extend_from_slice(control);
            if end.is_some() {
                self.part = Part::Payload;
            }
            bytes = rest.get(1..).unwrap_or_default();
        }
        if self.part == Part::Payload {
            self.head.push(bytes);
        }
    }

    /// The command; None if it is none of graphics, not well formed or longer than 1 KiB without its payload.
    pub fn finish(self) -> Option<Command> {
        matches!(self.part, Part::Control | Part::Payload).then(|| Command::parse(&self.control, self.head))?
    }

    /// Bytes that bring a new Apc into this state.
    pub fn unfinished(&self) -> Vec<u8> {
        match self.part {
            Part::Letter => Vec::new(),
            Part::Control => [b"G", self.control.as_slice()].concat(),
            Part::Payload => [b"G", self.control.as_slice(), b";", self.head.as_slice()].concat(),
            Part::Void => b"-".to_vec(),
        }
    }
}

/// Key `a`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Action {
    #[default]
    Transmit,
    TransmitAndPut,
    Put,
    Delete,
    Query,
    Frame,
    Animate,
    Compose,
}

const ACTIONS: [(u8, Action); 8] = [
    (b't', Action::Transmit),
    (b'T', Action::TransmitAndPut),
    (b'p', Action::Put),
    (b'd', Action::Delete),
    (b'q', Action::Query),
    (b'f', Action::Frame),
    (b'a', Action::Animate),
    (b'c', Action::Compose),
];

/// Keys whose values are plain numbers: those of [`Command::number`].
const NUMBERS: &[u8] = b"iIpfsvxywhcrXYCUPqm";

/// A kitty graphics command. What was not said is 0. Untrusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Command {
    pub action: Action,
    /// `i` and `I`: to say both is an error.
    pub id: u32,
    pub image_number: u32,
    /// `p`
    pub placement: u32,
    /// `f`: 24, 32 (meant by 0) or 100 (PNG).
    pub format: u32,
    /// `t` other than `d`: the payload is the name of a file or of shared memory.
    pub elsewhere: bool,
    /// `o=z`
    pub compressed: bool,
    /// `s` and `v`, in pixels.
    pub width: u32,
    pub height: u32,
    /// `x`, `y`, `w`, `h`: the part that is shown, in pixels; for a delete, `x` and `y` are a cell, from 1.
    pub x: u32,
    pub y: u32,
    pub w: u32,
    pub h: u32,
    /// `c` and `r`, in cells.
    pub cols: u32,
    pub rows: u32,
    /// `X` and `Y`, in pixels.
    pub offset_x: u32,
    pub offset_y: u32,
    pub z: i32,
    /// `C`: 1 = the cursor stays.
    pub cursor: u32,
    /// `U`: 1 = a prototype for placeholders, which itself lies nowhere.
    pub unicode: u32,
    /// `P`: lies relative to a placement of this image, not at the cursor, which stays.
    pub parent: u32,
    /// `q`: 1 = no OK, 2 = no errors either.
    pub quiet: u32,
    /// `d`; 0 means `a`.
    pub delete: u8,
    /// `m`: 1 = more chunks follow.
    pub more: u32,
    head: Head,
}

impl Command {
    /// Unknown keys are passed over: the protocol still grows.
    fn parse(control: &[u8], head: Head) -> Option<Command> {
        let mut command = Command { head, ..Command::default() };
        for pair in control.split(|&b| b == b',').filter(|pair| !pair.is_empty()) {
            let [key, b'=', value @ ..] = pair else { return None };
            match (key, value) {
                (b'a', [v]) => command.action = ACTIONS.iter().find(|(key, _)| key == v)?.1,
                (b'd', [v]) if v.is_ascii_alphabetic() => command.delete = *v,
                (b't', [v]) => command.elsewhere = *v != b'd',
                (b'o', [v]) => command.compressed = *v == b'z',
                (b'a' | b'd' | b't' | b'o', _) => return None,
                (b'z', [b'-', digits @ ..]) => command.z = i32::try_from(-i64::from(number(digits)?)).ok()?,
                (b'z', digits) => command.z = i32::try_from(number(digits)?).ok()?,
                (&key, digits) => {
                    if let Some(n) = command.number(key) {
                        *n = number(digits)?;
                    }
                }
            }
        }
        Some(command)
    }

    fn number(&mut self, key: u8) -> Option<&mut u32> {
        Some(match key {
            b'i' => &mut self.id,
            b'I' => &mut self.image_number,
            b'p' => &mut self.placement,
            b'f' => &mut self.format,
            b's' => &mut self.width,
            b'v' => &mut self.height,
            b'x' => &mut self.x,
            b'y' => &mut self.y,
            b'w' => &mut self.w,
            b'h' => &mut self.h,
            b'c' => &mut self.cols,
            b'r' => &mut self.rows,
            b'X' => &mut self.offset_x,
            b'Y' => &mut self.offset_y,
            b'C' => &mut self.cursor,
            b'U' => &mut self.unicode,
            b'P' => &mut self.parent,
            b'q' => &mut self.quiet,
            b'm' => &mut self.more,
            _ => return None,
        })
    }

    /// The command as bytes after `ESC _`; it is one whose payload is not elsewhere.
    fn bytes(mut self) -> Vec<u8> {
        let mut out = String::from("G");
        if let Some((key, _)) = ACTIONS.iter().find(|(_, action)| *action == self.action) {
            let _ = write!(out, "a={}", char::from(*key));
        }
        if self.delete != 0 {
            let _ = write!(out, ",d={}", char::from(self.delete));
        }
        if self.compressed {
            out.push_str(",o=z");
        }
        if self.z != 0 {
            let _ = write!(out, ",z={}", self.z);
        }
        for &key in NUMBERS {
            if let Some(&mut n) = self.number(key)
                && n != 0
            {
                let _ = write!(out, ",{}={n}", char::from(key));
            }
        }
        [out.as_bytes(), b";", self.head.as_slice()].concat()
    }

    /// Whether all that is said here was said by `first` too, but for `m` and `q`.
    fn goes_on(mut self, mut first: Command) -> bool {
        NUMBERS.iter().filter(|key| !b"mq".contains(key)).all(|&key| match (self.number(key), first.number(key)) {
            (Some(n), Some(first)) => *n == 0 || n == first,
            _ => false,
        }) && (self.action == Action::default() || self.action == first.action)
            && (self.delete == 0 || self.delete == first.delete)
            && (self.z == 0 || self.z == first.z)
            && (!self.compressed || first.compressed)
    }

    /// The image's size in pixels, 1 to 16384 each: from the PNG's header or from `s` and `v`. None if neither tells.
    pub fn size(&self) -> Option<(u32, u32)> {
        let png = self.format == 100 && !self.elsewhere && !self.compressed;
        let header = if png { self.head.png_size() } else { None };
        let (width, height) = header.unwrap_or((self.width.min(MOST_PX), self.height.min(MOST_PX)));
        (width > 0 && height > 0).then_some((width, height))
    }

    /// Pixels of an image of this size that are shown: the rectangle `x`, `y`, `w`, `h` as far as there is image.
    pub fn shown(&self, image: (u32, u32)) -> (u32, u32) {
        let side = |all: u32, from: u32, len: u32| {
            let rest = all.saturating_sub(from);
            if len == 0 { rest } else { len.min(rest) }
        };
        (side(image.0, self.x, self.w), side(image.1, self.y, self.h))
    }

    /// Columns and rows that an image of this size takes; (0, 0) if nothing of it is shown. `cell_px` as in [`cells`].
    pub fn cells(&self, image: (u32, u32), cell_px: (u16, u16)) -> (u16, u16) {
        let (width, height) = self.shown(image);
        if width == 0 || height == 0 {
            return (0, 0);
        }
        let (cell_w, cell_h) = (u32::from(cell_px.0.max(1)), u32::from(cell_px.1.max(1)));
        // of c and r alone, the other one keeps the image's shape
        let other = |n: u32, cell: u32, side: u32, other: u32, other_cell: u32| {
            let px = u128::from(n) * u128::from(cell) * u128::from(other);
            let count = px.div_ceil(u128::from(side) * u128::from(other_cell));
            u16::try_from(count).unwrap_or(u16::MAX)
        };
        let short = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
        match (self.cols, self.rows) {
            (0, 0) => {
                let (x, y) = (self.offset_x.min(cell_w - 1), self.offset_y.min(cell_h - 1));
                cells(width.saturating_add(x), height.saturating_add(y), cell_px)
            }
            (0, rows) => (other(rows, cell_h, height, width, cell_w), short(rows)),
            (cols, 0) => (short(cols), other(cols, cell_w, width, height, cell_h)),
            (cols, rows) => (short(cols), short(rows)),
        }
    }
}

/// Digits alone, at most 4294967295.
fn number(digits: &[u8]) -> Option<u32> {
    // `parse` would take a sign
    digits.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

/// A transmission in chunks: all but the last say `m=1`, and all but the first say nothing else of weight.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Transfer {
    first: Option<Command>,
}

impl Transfer {
    /// Takes each command. The result is what to carry out now; None while chunks are missing. A delete gives the
    /// transmission up (as the protocol wants), as does one that says something else: its program was interrupted.
    pub fn take(&mut self, command: Command) -> Option<Command> {
        match command.action {
            Action::Delete => self.first = None,
            Action::Transmit | Action::TransmitAndPut | Action::Query | Action::Frame => {
                let whole = match self.first.take() {
                    Some(mut first) if !command.elsewhere && command.goes_on(first) => {
                        first.head.push(command.head.as_slice());
                        first.more = command.more;
                        if command.quiet != 0 {
                            first.quiet = command.quiet;
                        }
                        first
                    }
                    _ => command,
                };
                if whole.more == 0 || whole.elsewhere {
                    return Some(whole);
                }
                self.first = Some(whole);
                return None;
            }
            Action::Put | Action::Animate | Action::Compose => {}
        }
        Some(command)
    }

    /// Bytes after `ESC _` of one command that brings a new Transfer into this state; empty if none is under way.
    pub fn unfinished(&self) -> Vec<u8> {
        self.first.map(Command::bytes).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
