//! Owns what a terminal must know of images: how large a sixel or kitty image is, and where it lies.
//! Leaves out pixels and colours (none is kept), drawing, and files: a path a program names is never opened.
//!
//! Sources: DEC STD 070 chapter 9 and VT330/VT340 chapter 14 (sixels);
//! <https://sw.kovidgoyal.net/kitty/graphics-protocol/> (kitty).
//!
//! ```text
//! DCS P1;P2;P3 q body ST   -> Sixel -> size in pixels ---------+-> cells -> Placement -> Placements
//! APC G control;payload ST -> Apc -> Command -> Transfer (m=1) -+
//! ```
// wired up with the engine

use base64::Engine as _;
use std::fmt::Write as _;
use std::ops::Range;

/// Most pixels an image has on a side; what is larger counts as so large.
const MOST_PX: u32 = 16_384;
/// Most bytes of a kitty command's control data. A longer one is no command.
const MOST_CONTROL: usize = 1024;
/// Bytes of a payload that are kept: a PNG's size is in its first 24, 32 in base64.
const MOST_HEAD: usize = 64;
/// Most placements; the oldest goes first.
const MOST_PLACEMENTS: usize = 256;
/// Rows a placement may begin in; one that gets farther up in history is forgotten.
const ROWS: std::ops::RangeInclusive<i64> = -10_000..=u16::MAX as i64;

/// Rows of pixels in one sixel.
const BAND: u32 = 6;
/// The first band that lies below the last pixel row.
const LAST_BAND: u32 = MOST_PX / BAND + 1;

/// What the next bytes of a sixel body belong to. `#` needs no state: numbers outside of a command are passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reading {
    Data,
    /// `!Pn`: the count so far.
    Repeat(u32),
    /// `"Pan;Pad;Ph;Pv`: the numbers so far, and which one is being read (4: beyond the last).
    Raster([u32; 4], usize),
}

/// A sixel image of which only the size is read. The size is that of the box from the origin to the last set pixels,
/// and at least the `Ph` by `Pv` of the raster attributes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sixel {
    /// Pan and Pad as P1 of the DCS has them.
    aspect: (u32, u32),
    /// The raster attributes in force.
    raster: Option<[u32; 4]>,
    /// There was data: raster attributes that come now are too late.
    started: bool,
    x: u32,
    band: u32,
    width: u32,
    height: u32,
    reading: Reading,
}

impl Sixel {
    /// `params` = those of the DCS. P1 decides the shape of a pixel where there are no raster attributes;
    /// P2 (background) and P3 (grid) do not change the size.
    pub(super) fn new(params: &[u16]) -> Sixel {
        let tall = match params.first() {
            Some(2) => 5,
            Some(3 | 4) => 3,
            Some(7..=9) => 1,
            _ => 2,
        };
        let reading = Reading::Data;
        Sixel { aspect: (tall, 1), raster: None, started: false, x: 0, band: 0, width: 0, height: 0, reading }
    }

    /// Takes bytes after `q`, cut anywhere.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.byte(byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        match (byte, &mut self.reading) {
            // controls, spaces and what is not ASCII are no part of anything, not even in a number
            (..=b' ' | 0x7f.., _) => return,
            (b'0'..=b'9', Reading::Repeat(n)) => return digit(n, byte),
            (b'0'..=b'9', Reading::Raster(numbers, at)) => {
                if let Some(n) = numbers.get_mut(*at) {
                    digit(n, byte);
                }
                return;
            }
            (b';', Reading::Raster(numbers, at)) => {
                *at = (*at + 1).min(numbers.len());
                return;
            }
            _ => {}
        }
        let count = self.end_command();
        match byte {
            b'"' => self.reading = Reading::Raster([0; 4], 0),
            b'!' => self.reading = Reading::Repeat(0),
            b'$' => self.x = 0,
            b'-' => {
                self.x = 0;
                self.band = (self.band + 1).min(LAST_BAND);
            }
            b'?'..=b'~' => self.draw(byte - b'?', count),
            _ => {}
        }
    }

    /// Ends the command being read; the result is how often the next sixel is meant.
    fn end_command(&mut self) -> u32 {
        match std::mem::replace(&mut self.reading, Reading::Data) {
            Reading::Data => 1,
            Reading::Repeat(n) => n.max(1),
            Reading::Raster(numbers, _) => {
                if !self.started {
                    self.raster = Some(numbers);
                }
                1
            }
        }
    }

    fn draw(&mut self, bits: u8, count: u32) {
        self.started = true;
        self.x = (self.x + count).min(MOST_PX);
        if bits != 0 {
            self.width = self.width.max(self.x);
            let rows = self.band * BAND + (u8::BITS - bits.leading_zeros());
            self.height = self.height.max(rows.min(MOST_PX));
        }
    }

    /// Width and height in pixels of the screen, 1 to 16384 each; None if nothing is shown.
    pub(super) fn finish(mut self) -> Option<(u32, u32)> {
        self.end_command();
        let [pan, pad, ph, pv] = self.raster.unwrap_or([self.aspect.0, self.aspect.1, 0, 0]);
        // a VT340 draws a pixel as so many whole ones; Ph and Pv are pixels of the screen already
        let (pan, pad) = (pan.max(1), pad.max(1));
        let (wide, tall) = (pad / pan.min(pad), pan / pan.min(pad));
        let width = (self.width * wide).min(MOST_PX).max(ph);
        let height = (self.height * tall).min(MOST_PX).max(pv);
        (width > 0 && height > 0).then_some((width, height))
    }

    /// A body that brings a new Sixel of the same params into this state; about 3 KiB at most.
    pub(super) fn unfinished(&self) -> Vec<u8> {
        let mut out = String::new();
        if let Some([pan, pad, ph, pv]) = self.raster {
            // `#` ends it and does nothing else
            out = format!("\"{pan};{pad};{ph};{pv}#");
        }
        let mut band = 0;
        let mut down = |out: &mut String, to: u32| {
            while band < to {
                out.push('-');
                band += 1;
            }
        };
        if let Some(last) = self.height.checked_sub(1) {
            // a line as wide as the image, then a pixel in its last row
            let _ = write!(out, "!{}@$", self.width);
            down(&mut out, last / BAND);
            out.push(char::from(b'?' + (1 << (last % BAND))));
            out.push('$');
        } else if self.started {
            out.push_str("?$");
        }
        down(&mut out, self.band);
        if self.x > 0 {
            let _ = write!(out, "!{}?", self.x);
        }
        match self.reading {
            Reading::Data => {}
            Reading::Repeat(n) => {
                let _ = write!(out, "!{n}");
            }
            Reading::Raster(numbers, at) => {
                out.push('"');
                for (i, n) in numbers.iter().enumerate().take(at + 1) {
                    let _ = write!(out, "{}{n}", if i > 0 { ";" } else { "" });
                }
                if at == numbers.len() {
                    out.push(';');
                }
            }
        }
        out.into_bytes()
    }
}

/// One more digit; a number stays at [`MOST_PX`].
fn digit(n: &mut u32, byte: u8) {
    *n = (*n * 10 + u32::from(byte - b'0')).min(MOST_PX);
}

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
pub(super) struct Apc {
    part: Part,
    control: Vec<u8>,
    head: Head,
    payload_len: u64,
}

impl Apc {
    /// Takes bytes after `ESC _`, cut anywhere.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
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
            self.payload_len = self.payload_len.saturating_add(bytes.len() as u64);
        }
    }

    /// The command; None if it is none of graphics, not well formed or longer than 1 KiB without its payload.
    pub(super) fn finish(self) -> Option<Command> {
        matches!(self.part, Part::Control | Part::Payload).then(|| Command::parse(&self.control, self.head))?
    }

    /// Bytes that bring a new Apc into this state, less [`Apc::payload_len`], on which nothing depends.
    pub(super) fn unfinished(&self) -> Vec<u8> {
        match self.part {
            Part::Letter => Vec::new(),
            Part::Control => [b"G", self.control.as_slice()].concat(),
            Part::Payload => [b"G", self.control.as_slice(), b";", self.head.as_slice()].concat(),
            Part::Void => b"-".to_vec(),
        }
    }

    /// Bytes of payload seen, in base64.
    pub(super) fn payload_len(&self) -> u64 {
        self.payload_len
    }
}

/// Key `a`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Action {
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
pub(super) struct Command {
    pub(super) action: Action,
    /// `i` and `I`: to say both is an error.
    pub(super) id: u32,
    pub(super) image_number: u32,
    /// `p`
    pub(super) placement: u32,
    /// `f`: 24, 32 (meant by 0) or 100 (PNG).
    pub(super) format: u32,
    /// `t` other than `d`: the payload is the name of a file or of shared memory.
    pub(super) elsewhere: bool,
    /// `o=z`
    pub(super) compressed: bool,
    /// `s` and `v`, in pixels.
    pub(super) width: u32,
    pub(super) height: u32,
    /// `x`, `y`, `w`, `h`: the part that is shown, in pixels; for a delete, `x` and `y` are a cell, from 1.
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) w: u32,
    pub(super) h: u32,
    /// `c` and `r`, in cells.
    pub(super) cols: u32,
    pub(super) rows: u32,
    /// `X` and `Y`, in pixels.
    pub(super) offset_x: u32,
    pub(super) offset_y: u32,
    pub(super) z: i32,
    /// `C`: 1 = the cursor stays.
    pub(super) cursor: u32,
    /// `U`: 1 = a prototype for placeholders, which itself lies nowhere.
    pub(super) unicode: u32,
    /// `P`: lies relative to a placement of this image, not at the cursor, which stays.
    pub(super) parent: u32,
    /// `q`: 1 = no OK, 2 = no errors either.
    pub(super) quiet: u32,
    /// `d`; 0 means `a`.
    pub(super) delete: u8,
    /// `m`: 1 = more chunks follow.
    pub(super) more: u32,
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
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        let png = self.format == 100 && !self.elsewhere && !self.compressed;
        let header = if png { self.head.png_size() } else { None };
        let (width, height) = header.unwrap_or((self.width.min(MOST_PX), self.height.min(MOST_PX)));
        (width > 0 && height > 0).then_some((width, height))
    }

    /// Pixels of an image of this size that are shown: the rectangle `x`, `y`, `w`, `h` as far as there is image.
    pub(super) fn shown(&self, image: (u32, u32)) -> (u32, u32) {
        let side = |all: u32, from: u32, len: u32| {
            let rest = all.saturating_sub(from);
            if len == 0 { rest } else { len.min(rest) }
        };
        (side(image.0, self.x, self.w), side(image.1, self.y, self.h))
    }

    /// Columns and rows that an image of this size takes; (0, 0) if nothing of it is shown. `cell_px` as in [`cells`].
    pub(super) fn cells(&self, image: (u32, u32), cell_px: (u16, u16)) -> (u16, u16) {
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

    /// The answer, if the command has a name to be answered by and does not want silence.
    pub(super) fn reply(&self, what: Reply) -> Option<Vec<u8>> {
        let silent = self.quiet >= 2 || (self.quiet == 1 && what == Reply::Ok);
        let named = self.id != 0 || self.image_number != 0;
        (named && !silent).then(|| reply(self.id, self.image_number, what))
    }
}

/// Digits alone, at most 4294967295.
fn number(digits: &[u8]) -> Option<u32> {
    // `parse` would take a sign
    digits.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

/// A transmission in chunks: all but the last say `m=1`, and all but the first say nothing else of weight.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Transfer {
    first: Option<Command>,
}

impl Transfer {
    /// Takes each command. The result is what to carry out now; None while chunks are missing. A delete gives the
    /// transmission up (as the protocol wants), as does one that says something else: its program was interrupted.
    pub(super) fn take(&mut self, command: Command) -> Option<Command> {
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
    pub(super) fn unfinished(&self) -> Vec<u8> {
        self.first.map(Command::bytes).unwrap_or_default()
    }
}

/// What a terminal says to a kitty command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reply {
    Ok,
    /// No image with that id or number.
    NotFound,
    /// Both `i` and `I`, or keys that do not go together.
    Invalid,
    /// Images are not drawn.
    NotSupported,
}

/// `ESC _ G i=N,I=N ; message ESC \`, made of numbers and constants. Empty without id and number: the protocol has no
/// answer then.
pub(super) fn reply(i: u32, number: u32, what: Reply) -> Vec<u8> {
    let name = match (i, number) {
        (0, 0) => return Vec::new(),
        (i, 0) => format!("i={i}"),
        (0, number) => format!("I={number}"),
        (i, number) => format!("i={i},I={number}"),
    };
    let message = match what {
        Reply::Ok => "OK",
        Reply::NotFound => "ENOENT:no such image",
        Reply::Invalid => "EINVAL:invalid command",
        Reply::NotSupported => "ENOTSUPPORTED:images are not drawn",
    };
    format!("\x1b_G{name};{message}\x1b\\").into_bytes()
}

/// Columns and rows that so many pixels take, rounded up; `cell_px` = width and height of a cell, 0 counts as 1.
pub(super) fn cells(width_px: u32, height_px: u32, cell_px: (u16, u16)) -> (u16, u16) {
    let count = |px: u32, cell: u16| u16::try_from(px.div_ceil(u32::from(cell.max(1)))).unwrap_or(u16::MAX);
    (count(width_px, cell_px.0), count(height_px, cell_px.1))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    #[default]
    Sixel,
    Kitty,
}

/// An image on the screen or in history.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Placement {
    pub kind: Kind,
    /// The image's id, its number and the placement's own id, as its program chose; 0 = none.
    pub id: u32,
    pub image_number: u32,
    pub placement: u32,
    /// Of its first row: 0 = the screen's top, negative = in history, -10000 at least.
    pub row: i64,
    pub col: u16,
    /// In cells.
    pub cols: u16,
    pub rows: u16,
    pub width_px: u32,
    pub height_px: u32,
    /// Negative = under the text.
    pub z: i32,
}

impl Placement {
    /// The row below its last one.
    fn end(&self) -> i64 {
        self.row.saturating_add(i64::from(self.rows))
    }

    fn in_row(&self, row: i64) -> bool {
        (self.row..self.end()).contains(&row)
    }

    fn in_col(&self, col: i64) -> bool {
        (0..i64::from(self.cols)).contains(&(col - i64::from(self.col)))
    }

    /// Cuts off what lies outside these rows; false if nothing is left.
    fn clip(&mut self, within: Range<i64>) -> bool {
        let (row, end) = (self.row.max(within.start), self.end().min(within.end));
        let Some(rows) = u16::try_from(end - row).ok().filter(|&rows| rows > 0) else { return false };
        let px = u64::from(self.height_px) * u64::from(rows);
        self.height_px = u32::try_from(px.div_ceil(u64::from(self.rows.max(1)))).unwrap_or(u32::MAX);
        (self.row, self.rows) = (row, rows);
        true
    }

    /// Eleven numbers in decimal: `kind;id;number;placement;row;col;cols;rows;width;height;z`, kind 0 = sixel, 1 = kitty.
    /// [`Placements::from_fields`] reads one as well as many.
    pub(super) fn to_fields(self) -> String {
        let Placement { kind, id, image_number, placement, row, col, cols, rows, width_px, height_px, z } = self;
        let kind = u8::from(kind == Kind::Kitty);
        format!("{kind};{id};{image_number};{placement};{row};{col};{cols};{rows};{width_px};{height_px};{z}")
    }

    /// Reads those numbers off the front of what is left.
    fn from_fields<'a>(fields: &mut impl Iterator<Item = &'a str>) -> Option<Placement> {
        fn next<'a, T: std::str::FromStr>(fields: &mut impl Iterator<Item = &'a str>) -> Option<T> {
            fields.next()?.parse().ok()
        }
        Some(Placement {
            kind: match next::<u8>(fields)? {
                0 => Kind::Sixel,
                1 => Kind::Kitty,
                _ => return None,
            },
            id: next(fields)?,
            image_number: next(fields)?,
            placement: next(fields)?,
            row: next(fields).filter(|row| ROWS.contains(row))?,
            col: next(fields)?,
            cols: next(fields).filter(|&cols| cols > 0)?,
            rows: next(fields).filter(|&rows| rows > 0)?,
            width_px: next(fields)?,
            height_px: next(fields)?,
            z: next(fields)?,
        })
    }
}

/// The images of one screen, oldest first; at most 256.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Placements {
    list: Vec<Placement>,
}

impl Placements {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Placement> {
        self.list.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds one, in place of kitty's with the same two ids. One without cells, or not on screen or in
    /// history as far as it is kept, is left out.
    pub(super) fn add(&mut self, new: Placement) {
        if new.kind == Kind::Kitty && new.id != 0 && new.placement != 0 {
            self.list.retain(|p| p.kind != Kind::Kitty || (p.id, p.placement) != (new.id, new.placement));
        }
        if new.cols == 0 || new.rows == 0 || !ROWS.contains(&new.row) {
            return;
        }
        if self.list.len() >= MOST_PLACEMENTS {
            self.list.remove(0);
        }
        self.list.push(new);
    }

    /// An image is sent anew: its placements go, as the protocol wants. Id 0 is no image.
    pub(super) fn forget_image(&mut self, id: u32) {
        self.list.retain(|p| p.kind != Kind::Kitty || id == 0 || p.id != id);
    }

    /// Carries out `a=d` with the cursor at (row, column), from 0. Large and small letters of `d` are alike, as no
    /// image's data is kept; sixels are not kitty's to delete; frames (`f`) and unknown letters delete nothing.
    pub(super) fn delete(&mut self, command: &Command, cursor: (u16, u16)) {
        let c = command;
        // cells of a command count from 1; 0 is none
        let (row, col) = (i64::from(c.y) - 1, i64::from(c.x) - 1);
        let (cursor_row, cursor_col) = (i64::from(cursor.0), i64::from(cursor.1));
        let newest = self.list.iter().rev().find(|p| p.kind == Kind::Kitty && p.image_number == c.image_number);
        let newest = newest.map(|p| p.id).filter(|_| c.image_number != 0);
        let this = |p: &Placement| c.placement == 0 || p.placement == c.placement;
        let hit = |p: &Placement| match c.delete.to_ascii_lowercase() {
            0 | b'a' => p.end() > 0,
            b'i' => c.id != 0 && p.id == c.id && this(p),
            b'n' => p.image_number == c.image_number && Some(p.id) == newest && this(p),
            b'c' => p.in_row(cursor_row) && p.in_col(cursor_col),
            b'p' => p.in_row(row) && p.in_col(col) && row >= 0,
            b'q' => p.in_row(row) && p.in_col(col) && row >= 0 && p.z == c.z,
            b'r' => p.id != 0 && (c.x..=c.y).contains(&p.id),
            b'x' => p.in_col(col),
            b'y' => p.in_row(row) && row >= 0,
            b'z' => p.z == c.z,
            _ => false,
        };
        self.list.retain(|p| p.kind != Kind::Kitty || !hit(p));
    }

    /// Rows `top` to `bottom`, both included, were scrolled up by `n` (down if negative).
    ///
    /// With `history`, what leaves at the top goes there (or comes back), so `top` is 0: every image that begins at or
    /// above `bottom` goes along, also in history, until it is below `bottom` or forgotten. Else only images that lie
    /// wholly between the margins move, and are cut off there, as the kitty protocol has it.
    pub(super) fn scroll(&mut self, top: u16, bottom: u16, n: i32, history: bool) {
        let (top, bottom, n) = (i64::from(top), i64::from(bottom), i64::from(n));
        self.list.retain_mut(|p| {
            if history && p.row <= bottom {
                p.row -= n;
                return p.row <= bottom && ROWS.contains(&p.row);
            }
            if p.row < top || p.end() > bottom + 1 {
                return true;
            }
            p.row -= n;
            p.clip(top..bottom + 1)
        });
    }

    /// Cells were erased or written over: sixels that lie wholly there go. Kitty's stay (the protocol: text does
    /// nothing to images), but see [`Placements::clear`].
    pub(super) fn erase(&mut self, rows: Range<i64>, cols: Range<u16>) {
        self.list.retain(|p| {
            let covered = rows.start <= p.row
                && p.end() <= rows.end
                && cols.start <= p.col
                && u32::from(p.col) + u32::from(p.cols) <= u32::from(cols.end);
            p.kind == Kind::Kitty || !covered
        });
    }

    /// The whole screen was erased (ED 2) or reset: all images that can be seen go, of both kinds.
    pub(super) fn clear(&mut self) {
        self.list.retain(|p| p.end() <= 0);
    }

    /// All rows moved by so many (a change of size); what is below the last of them goes.
    pub(super) fn shift(&mut self, by: i64, height: i64) {
        self.list.retain_mut(|p| {
            p.row = p.row.saturating_add(by);
            p.row < height && ROWS.contains(&p.row)
        });
    }

    /// Keeps those of which `keep` is true: for resets, and when history is dropped.
    pub(super) fn retain(&mut self, keep: impl FnMut(&Placement) -> bool) {
        self.list.retain(keep);
    }

    /// All placements' numbers in ASCII, separated by `;`: 11 each, in [`Placement::to_fields`]' order; 24 KiB at most.
    pub(super) fn to_fields(&self) -> String {
        self.list.iter().map(|p| p.to_fields()).collect::<Vec<_>>().join(";")
    }

    /// Those of [`Placements::to_fields`]; None if it is not well formed. Of more than 256 the last ones are kept.
    pub(super) fn from_fields(fields: &str) -> Option<Placements> {
        let mut all = Placements::default();
        let mut fields = fields.split(';').filter(|_| !fields.is_empty()).peekable();
        while fields.peek().is_some() {
            all.add(Placement::from_fields(&mut fields)?);
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn sixel(params: &[u16], body: &[u8]) -> Sixel {
        let mut sixel = Sixel::new(params);
        sixel.feed(body);
        sixel
    }

    fn size(body: &str) -> Option<(u32, u32)> {
        sixel(&[7], body.as_bytes()).finish()
    }

    #[test]
    fn sixels_are_measured() {
        assert_eq!(size(""), None);
        assert_eq!(size("???"), None);
        assert_eq!(size("@"), (1, 1).into());
        assert_eq!(size("~~$~"), (2, 6).into());
        // the VT330/VT340 manual's "HI" is 16 wide in two bands
        assert_eq!(size("#0;2;0;0;0#1;2;100;100;0#1~~@@vv@@~~@@~~$#2??}}GG}}??}}??-#1!14@"), (14, 7).into());
        assert_eq!(size("!10?@--!3C"), (11, 15).into());
        // a count of 0 is 1, a repeated count is taken anew, another command drops it
        assert_eq!(size("!0~!~"), (2, 6).into());
        assert_eq!(size("!9!3~"), (3, 6).into());
        assert_eq!(size("!9$~"), (1, 6).into());
        assert_eq!(size("!1\n2\r~"), (12, 6).into());
        // a colour's numbers are no counts
        assert_eq!(size("!3~#12;2;99;99;99~"), (4, 6).into());
    }

    #[test]
    fn raster_attributes() {
        assert_eq!(size("\"1;1;640;480"), (640, 480).into());
        assert_eq!(size("\"1;1;640;480#0!700~"), (700, 480).into());
        assert_eq!(size("\";;3;4"), (3, 4).into());
        assert_eq!(size("\"1;1;3;4;5;6~"), (3, 6).into());
        // too late
        assert_eq!(size("~\"1;1;640;480"), (1, 6).into());
        // Pan/Pad are the shape of a pixel; Ph and Pv are not scaled
        assert_eq!(size("\"2;1~"), (1, 12).into());
        assert_eq!(size("\"1;3~"), (3, 6).into());
        assert_eq!(size("\"2;1;10;10~"), (10, 12).into());
        let tall = |params: &[u16]| sixel(params, b"~").finish();
        assert_eq!([tall(&[]), tall(&[2]), tall(&[4, 1]), tall(&[9])].map(|s| s.unwrap().1), [12, 30, 18, 6]);
    }

    #[test]
    fn sixels_have_a_largest_size() {
        assert_eq!(size("!99999999999~"), (MOST_PX, 6).into());
        assert_eq!(size("\"1;1;99999;99999999999"), (MOST_PX, MOST_PX).into());
        assert_eq!(size(&"!9999~".repeat(3)), (MOST_PX, 6).into());
        assert_eq!(size(&format!("{}~", "-".repeat(5000))), (1, MOST_PX).into());
        let tall = format!("!9999~!9999~{}~{}", "-".repeat(2730), "-".repeat(9999));
        assert_eq!(size(&format!("\"9;1{tall}")), (MOST_PX, MOST_PX).into());
        let whole = sixel(&[], tall.as_bytes());
        let short = whole.unfinished();
        assert!(short.len() < 3 * 1024);
        assert_eq!(sixel(&[], &short), whole);
    }

    /// Bytes of which most mean something to one of the parsers.
    fn noise(letters: &'static [u8], most: usize) -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![9 => proptest::sample::select(letters), 1 => any::<u8>()];
        proptest::collection::vec(byte, 0..most)
    }

    #[derive(Clone, Debug)]
    enum Op {
        Draw(u32, u8),
        Return,
        Line,
        Color,
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            4 => (1u32..5, 0u8..64).prop_map(|(n, bits)| Op::Draw(n, bits)),
            1 => Just(Op::Return),
            1 => Just(Op::Line),
            1 => Just(Op::Color),
        ];
        proptest::collection::vec(op, 0..40)
    }

    proptest! {
        #[test]
        fn sixels_are_as_large_as_painted(ops in ops()) {
            let (mut body, mut pixels, mut x, mut y) = (String::new(), BTreeSet::new(), 0, 0);
            for op in ops {
                match op {
                    Op::Draw(n, bits) => {
                        let byte = char::from(bits + b'?');
                        body += &if n == 1 { byte.to_string() } else { format!("!{n}{byte}") };
                        for _ in 0..n {
                            pixels.extend((0..6u32).filter(|i| bits & (1 << i) != 0).map(|i| (x, y + i)));
                            x += 1;
                        }
                    }
                    Op::Return => {
                        body += "$";
                        x = 0;
                    }
                    Op::Line => {
                        body += "-";
                        (x, y) = (0, y + 6);
                    }
                    Op::Color => body += "#4;2;10;20;30",
                }
            }
            let side = |of: fn(&(u32, u32)) -> u32| pixels.iter().map(of).max().map(|last| last + 1);
            prop_assert_eq!(size(&body), side(|p| p.0).zip(side(|p| p.1)));
        }

        #[test]
        fn sixels_may_be_cut_and_taken_up_anywhere(
            body in noise(b"\"\"#!!$-;;0129?@A~", 80),
            params in proptest::collection::vec(0u16..12, 0..4),
        ) {
            let whole = sixel(&params, &body);
            for at in 0..=body.len() {
                let (head, tail) = body.split_at(at);
                let mut cut = sixel(&params, head);
                let mut taken_up = sixel(&params, &cut.unfinished());
                prop_assert_eq!(&taken_up, &cut);
                cut.feed(tail);
                taken_up.feed(tail);
                prop_assert_eq!(&cut, &whole);
                prop_assert_eq!(&taken_up, &whole);
            }
            if let Some((width, height)) = whole.finish() {
                prop_assert!((1..=MOST_PX).contains(&width) && (1..=MOST_PX).contains(&height));
            }
        }

        #[test]
        fn commands_may_be_cut_and_taken_up_anywhere(
            letter in prop_oneof![9 => Just(&b"G"[..]), 1 => Just(&b""[..]), 1 => Just(&b"q"[..])],
            rest in noise(b"aTdifsvz==,,;-0123AZ", 150),
        ) {
            let body = [letter, &rest].concat();
            let whole = apc(&body);
            for at in 0..=body.len() {
                let (head, tail) = body.split_at(at);
                let mut cut = apc(head);
                let mut taken_up = apc(&cut.unfinished());
                prop_assert_eq!(taken_up.unfinished(), cut.unfinished());
                cut.feed(tail);
                taken_up.feed(tail);
                for other in [cut, taken_up] {
                    prop_assert_eq!(other.unfinished(), whole.unfinished());
                    prop_assert_eq!(other.finish(), whole.clone().finish());
                }
            }
        }

        #[test]
        fn transfers_may_be_taken_up_anywhere(
            bodies in proptest::collection::vec("G(a=[tTqfdp],?)?([ifsvcp]=[0-9],){0,3}(z=-?[0-9],|o=z,|t=[df],|d=[aA],)?(q=[012],)?m=[01];[A-Z]{0,80}", 0..8),
        ) {
            let mut one = Transfer::default();
            for body in bodies {
                let mut other = Transfer::default();
                let unfinished = one.unfinished();
                if let Some(first) = apc(&unfinished).finish() {
                    prop_assert_eq!(other.take(first), None);
                }
                prop_assert_eq!(&other, &one);
                if let Some(command) = apc(body.as_bytes()).finish() {
                    prop_assert_eq!(other.take(command), one.take(command));
                    prop_assert_eq!(&other, &one);
                }
            }
        }

        #[test]
        fn nothing_said_of_an_image_panics(
            bodies in proptest::collection::vec(
                ("[tTpdqfac]", "[aAiInNcCpPqQrRxXyYzZfF]", proptest::collection::vec(("[iIpfsvxywhcrXYz]", any::<u32>()), 0..9)),
                1..4,
            ),
            cell in any::<(u16, u16)>(),
            cursor in any::<(u16, u16)>(),
            scroll in any::<(u16, u16, i32, bool)>(),
        ) {
            let mut placements = Placements::default();
            let mut transfer = Transfer::default();
            for (a, d, numbers) in bodies {
                let numbers: String = numbers.iter().map(|(key, n)| format!(",{key}={n}")).collect();
                let Some(c) = apc(format!("Ga={a},d={d}{numbers};").as_bytes()).finish() else { continue };
                let Some(c) = transfer.take(c) else { continue };
                placements.delete(&c, cursor);
                let (width_px, height_px) = c.size().unwrap_or((u32::MAX, 1));
                let (cols, rows) = c.cells((width_px, height_px), cell);
                let (id, row, col) = (c.id, i64::from(cursor.0), cursor.1);
                placements.add(Placement { kind: Kind::Kitty, id, row, col, cols, rows, width_px, height_px, ..Placement::default() });
                placements.delete(&Command { action: Action::Delete, ..c }, cursor);
                placements.scroll(scroll.0, scroll.1, scroll.2, scroll.3);
                prop_assert_eq!(Placements::from_fields(&placements.to_fields()), Some(placements.clone()));
            }
        }

        #[test]
        fn fields_come_back(all in proptest::collection::vec(placement(), 0..300)) {
            let mut placements = Placements::default();
            for p in &all {
                placements.add(*p);
            }
            prop_assert!(placements.iter().count() <= MOST_PLACEMENTS);
            let fields = placements.to_fields();
            prop_assert!(fields.len() < 24 * 1024);
            prop_assert_eq!(Placements::from_fields(&fields), Some(placements));
        }

        #[test]
        fn fields_from_outside(two in (placement(), placement()), at in 0usize..80, byte in "[0-9;x-]") {
            let mut fields = format!("{};{}", two.0.to_fields(), two.1.to_fields());
            let at = at % fields.len();
            fields.replace_range(at..at + 1, &byte);
            if let Some(placements) = Placements::from_fields(&fields) {
                prop_assert!(placements.iter().all(|p| p.cols > 0 && p.rows > 0 && ROWS.contains(&p.row)));
                prop_assert_eq!(Placements::from_fields(&placements.to_fields()), Some(placements));
            }
        }

        /// With margins, what is left of an image is what of it lies between them: row by row as one by one.
        #[test]
        fn margins_cut(p in placement(), top in 0u16..10, rows in 0u16..10, n in -12i32..12) {
            let bottom = top + rows;
            let (mut placements, mut by_one) = (one(p), one(p));
            placements.scroll(top, bottom, n, false);
            for _ in 0..n.abs() {
                by_one.scroll(top, bottom, n.signum(), false);
            }
            let inside = p.row >= i64::from(top) && p.end() <= i64::from(bottom) + 1;
            if inside {
                let left = (p.row..p.end()).map(|r| r - i64::from(n)).filter(|r| (i64::from(top)..=i64::from(bottom)).contains(r));
                let there: Vec<i64> = placements.iter().flat_map(|p| p.row..p.end()).collect();
                prop_assert_eq!(there, left.collect::<Vec<_>>());
                let rows = |all: &Placements| all.iter().map(|p| p.row..p.end()).collect::<Vec<_>>();
                prop_assert_eq!(rows(&by_one), rows(&placements));
            } else {
                prop_assert_eq!(&placements, &one(p));
                prop_assert_eq!(&by_one, &one(p));
            }
        }
    }

    fn placement() -> impl Strategy<Value = Placement> {
        let ids = (any::<bool>(), any::<u32>(), 0u32..3, any::<u32>());
        let place = (-50i64..50, any::<u16>(), 1u16..20, 1u16..6);
        (ids, place, any::<u32>(), any::<u32>(), any::<i32>()).prop_map(|(ids, place, width_px, height_px, z)| {
            let (kitty, id, image_number, placement) = ids;
            let (row, col, cols, rows) = place;
            let kind = if kitty { Kind::Kitty } else { Kind::Sixel };
            Placement { kind, id, image_number, placement, row, col, cols, rows, width_px, height_px, z }
        })
    }

    fn one(p: Placement) -> Placements {
        Placements { list: vec![p] }
    }

    fn apc(body: &[u8]) -> Apc {
        let mut apc = Apc::default();
        apc.feed(body);
        apc
    }

    fn command(body: &str) -> Command {
        apc(body.as_bytes()).finish().unwrap()
    }

    #[test]
    fn commands_are_read() {
        let c = command(
            "Ga=T,f=24,s=10,v=20,i=4294967295,p=7,x=1,y=2,w=3,h=4,c=5,r=6,X=7,Y=8,z=-9,C=1,U=1,q=2,o=z,P=3;AAAA",
        );
        let want = Command {
            action: Action::TransmitAndPut,
            format: 24,
            width: 10,
            height: 20,
            id: u32::MAX,
            placement: 7,
            x: 1,
            y: 2,
            w: 3,
            h: 4,
            cols: 5,
            rows: 6,
            offset_x: 7,
            offset_y: 8,
            z: -9,
            cursor: 1,
            unicode: 1,
            quiet: 2,
            compressed: true,
            parent: 3,
            head: c.head,
            ..Command::default()
        };
        assert_eq!(c, want);
        assert_eq!(c.head.as_slice(), b"AAAA");
        assert_eq!((command("G").action, command("G;").delete), (Action::Transmit, 0));
        assert_eq!((command("Ga=d,d=Z,,").action, command("Gd=Z").delete), (Action::Delete, b'Z'));
        assert!(command("Gt=f,f=100;L3RtcC94").elsewhere);
        // keys of tomorrow
        assert_eq!(command("Gi=3,k=what,N=1").id, 3);
        for bad in [
            "",
            "q",
            "Gi",
            "Gi=",
            "Gi=x",
            "Gi=-1",
            "Gi=+1",
            "Gi=4294967296",
            "Ga=",
            "Ga=x",
            "Gii=1",
            "Gz=2147483648",
            "Gz=--1",
            "G i=1",
        ] {
            assert_eq!(apc(bad.as_bytes()).finish(), None, "{bad}");
        }
    }

    #[test]
    fn commands_are_kept_small() {
        let fits = format!("G{}i=1", ",".repeat(MOST_CONTROL - 3));
        assert_eq!(command(&fits).id, 1);
        let mut long = apc(fits.as_bytes());
        long.feed(b",");
        assert_eq!((long.control.capacity(), long.clone().finish()), (0, None));
        let mut payload = apc(b"Gi=1;");
        for _ in 0..1000 {
            payload.feed(&[b'A'; 1000]);
        }
        assert_eq!((payload.payload_len(), payload.unfinished().len()), (1_000_000, 5 + MOST_HEAD));
        assert_eq!(payload.finish().unwrap().head.as_slice(), [b'A'; MOST_HEAD]);
    }

    /// The beginning of a PNG of 3 x 258 pixels.
    const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAECCAYAAAAfFcSJAAAADUlEQVR42mNk";

    #[test]
    fn images_are_measured() {
        assert_eq!(command("Gf=24,s=10,v=20").size(), Some((10, 20)));
        assert_eq!(command("Gs=10,v=99999").size(), Some((10, MOST_PX)));
        assert_eq!(command("Gs=10").size(), None);
        assert_eq!(command(&format!("Gf=100;{PNG}")).size(), Some((3, 258)));
        assert_eq!(command(&format!("Gf=100,o=z;{PNG}")).size(), None);
        assert_eq!(command(&format!("Gf=100,t=s;{PNG}")).size(), None);
        assert_eq!(command(&format!("Gf=100;{}", &PNG[..31])).size(), None);
        assert_eq!(command(&format!("Gf=100;{}", PNG.replace("SUhE", "SUhF"))).size(), None);
    }

    #[test]
    fn images_take_cells() {
        assert_eq!(cells(1, 1, (10, 20)), (1, 1));
        assert_eq!(cells(10, 21, (10, 20)), (1, 2));
        assert_eq!(cells(0, 20, (10, 20)), (0, 1));
        assert_eq!(cells(u32::MAX, 7, (0, 0)), (u16::MAX, 7));
        let cells = |keys: &str| command(keys).cells((100, 50), (10, 20));
        assert_eq!(cells("G"), (10, 3));
        assert_eq!(cells("GX=5,Y=11"), (11, 4));
        assert_eq!(cells("GX=5000"), (11, 3));
        assert_eq!(cells("Gx=90,y=10,w=50,h=20"), (1, 1));
        assert_eq!(cells("Gx=100"), (0, 0));
        assert_eq!(cells("Gc=7,r=9"), (7, 9));
        assert_eq!(cells("Gc=20"), (20, 5));
        assert_eq!(cells("Gr=5"), (20, 5));
        assert_eq!(cells("Gr=4294967295"), (u16::MAX, u16::MAX));
    }

    #[test]
    fn chunks_are_put_together() {
        let mut transfer = Transfer::default();
        let (start, rest) = PNG.split_at(20);
        assert_eq!(transfer.take(command(&format!("Ga=T,f=100,i=5,c=4,m=1;{start}"))), None);
        // other commands may come between
        assert_eq!(transfer.take(command("Ga=p,i=1")).map(|c| c.action), Some(Action::Put));
        assert_eq!(transfer.take(command(&format!("Gm=1;{rest}"))), None);
        let whole = transfer.take(command("Gq=2,m=0;AAAA")).unwrap();
        assert_eq!((whole.action, whole.id, whole.cols, whole.quiet, whole.more), (Action::TransmitAndPut, 5, 4, 2, 0));
        assert_eq!((whole.size(), transfer.unfinished()), (Some((3, 258)), Vec::new()));
        // a program that says all of it each time
        assert_eq!(transfer.take(command("Ga=t,i=5,s=1,v=1,m=1;AAAA")), None);
        assert_eq!(transfer.take(command("Ga=t,i=5,s=1,v=1,m=0;AAAA")).unwrap().head.as_slice(), b"AAAAAAAA");
        // another image: the first one's program was interrupted
        assert_eq!(transfer.take(command("Gi=5,s=1,v=1,m=1;AAAA")), None);
        assert_eq!(transfer.take(command("Gi=6,s=2,v=2;BBBB")).unwrap().head.as_slice(), b"BBBB");
        // a delete gives it up
        assert_eq!(transfer.take(command("Gi=5,s=1,v=1,m=1;AAAA")), None);
        assert!(transfer.take(command("Ga=d")).is_some());
        assert_eq!(transfer, Transfer::default());
    }

    #[test]
    fn replies_are_numbers_and_constants() {
        assert_eq!(reply(31, 0, Reply::Ok), b"\x1b_Gi=31;OK\x1b\\");
        assert_eq!(reply(99, 13, Reply::Ok), b"\x1b_Gi=99,I=13;OK\x1b\\");
        assert_eq!(reply(0, 13, Reply::NotFound), b"\x1b_GI=13;ENOENT:no such image\x1b\\");
        assert_eq!(reply(1, 0, Reply::NotSupported), b"\x1b_Gi=1;ENOTSUPPORTED:images are not drawn\x1b\\");
        assert_eq!(reply(0, 0, Reply::Ok), b"");
        let heard = |keys: &str, what| command(keys).reply(what).is_some();
        assert!(heard("Gi=1", Reply::Ok) && heard("GI=1", Reply::Ok) && !heard("G", Reply::Ok));
        assert!(
            !heard("Gi=1,q=1", Reply::Ok) && heard("Gi=1,q=1", Reply::Invalid) && !heard("Gi=1,q=2", Reply::Invalid)
        );
    }

    /// Four of kitty's of 3 x 2 cells and a sixel; the last of kitty's in history.
    fn some() -> Placements {
        let mut placements = Placements::default();
        let base =
            Placement { kind: Kind::Kitty, cols: 3, rows: 2, width_px: 30, height_px: 40, ..Placement::default() };
        placements.add(Placement { id: 1, placement: 1, row: 0, col: 0, ..base });
        placements.add(Placement { id: 1, placement: 2, row: 5, col: 10, z: -1, ..base });
        placements.add(Placement { id: 2, image_number: 9, row: 5, col: 11, ..base });
        placements.add(Placement { id: 3, image_number: 9, row: -2, col: 0, ..base });
        placements.add(Placement { kind: Kind::Sixel, row: 5, col: 10, ..base });
        placements
    }

    /// Places of [`some`] that `a=d` takes away, with the cursor in (6, 13).
    fn gone(keys: &str) -> Vec<usize> {
        let (all, mut left) = (some(), some());
        left.delete(&command(&format!("Ga=d,{keys}")), (6, 13));
        all.iter().enumerate().filter(|(_, p)| !left.iter().any(|q| q == *p)).map(|(i, _)| i).collect()
    }

    #[test]
    fn kitty_deletes() {
        for (keys, want) in [
            ("", &[0, 1, 2][..]),
            ("d=A", &[0, 1, 2]),
            ("d=i,i=1", &[0, 1]),
            ("d=I,i=1,p=2", &[1]),
            ("d=i", &[]),
            ("d=n,I=9", &[3]),
            ("d=N,I=9,p=4", &[]),
            ("d=n", &[]),
            ("d=c", &[2]),
            ("d=p,x=12,y=6", &[1, 2]),
            ("d=p,x=13,y=6", &[1, 2]),
            ("d=p,x=14,y=6", &[2]),
            ("d=P,x=1", &[]),
            ("d=q,x=12,y=7,z=-1", &[1]),
            ("d=q,x=12,y=8,z=-1", &[]),
            ("d=x,x=3", &[0, 3]),
            ("d=x", &[]),
            ("d=y,y=2", &[0]),
            ("d=Y", &[]),
            ("d=z,z=-1", &[1]),
            ("d=z", &[0, 2, 3]),
            ("d=r,x=2,y=3", &[2, 3]),
            ("d=R,x=3,y=2", &[]),
            ("d=f", &[]),
            ("d=w", &[]),
        ] {
            assert_eq!(gone(keys), want, "{keys}");
        }
    }

    #[test]
    fn placements_are_replaced_and_capped() {
        let mut placements = some();
        let moved = Placement { id: 1, placement: 1, row: 9, ..*placements.iter().next().unwrap() };
        placements.add(moved);
        assert_eq!((placements.iter().count(), placements.iter().last()), (5, Some(&moved)));
        placements.forget_image(1);
        assert_eq!(placements.iter().map(|p| p.id).collect::<Vec<_>>(), [2, 3, 0]);
        for id in 10..400 {
            placements.add(Placement { id, ..moved });
        }
        assert_eq!(placements.iter().count(), MOST_PLACEMENTS);
        assert_eq!(placements.iter().next().unwrap().id, 400 - 256);
        placements.retain(|p| p.id == 399);
        for unfit in
            [Placement { cols: 0, ..moved }, Placement { rows: 0, ..moved }, Placement { row: -10_001, ..moved }]
        {
            placements.add(unfit);
        }
        assert_eq!(placements.iter().count(), 1);
        assert!(!placements.is_empty());
    }

    #[test]
    fn history_takes_images_along() {
        let rows = |placements: &Placements| placements.iter().map(|p| p.row).collect::<Vec<_>>();
        let mut placements = some();
        placements.scroll(0, 23, 3, true);
        assert_eq!(rows(&placements), [-3, 2, 2, -5, 2]);
        placements.scroll(0, 1, 1, true);
        assert_eq!(rows(&placements), [-4, 2, 2, -6, 2]);
        placements.scroll(0, 23, -4, true);
        assert_eq!(rows(&placements), [0, 6, 6, -2, 6]);
        placements.scroll(0, 23, 9_999, true);
        assert_eq!(rows(&placements), [-9_999, -9_993, -9_993, -9_993]);
        placements.scroll(0, 23, -10_020, true);
        assert_eq!(rows(&placements), [21]);
        placements.scroll(0, 23, i32::MAX, true);
        assert!(placements.is_empty());
    }

    #[test]
    fn margins_hold_images() {
        let image = Placement { row: 5, cols: 3, rows: 4, height_px: 70, ..Placement::default() };
        let scrolled = |top, bottom, n| {
            let mut placements = one(image);
            placements.scroll(top, bottom, n, false);
            placements.iter().map(|p| (p.row, p.rows, p.height_px)).next()
        };
        assert_eq!(scrolled(2, 10, 3), Some((2, 4, 70)));
        assert_eq!(scrolled(5, 8, 1), Some((5, 3, 53)));
        assert_eq!(scrolled(5, 8, -3), Some((8, 1, 18)));
        assert_eq!(scrolled(5, 8, 4), None);
        // not wholly inside: stays
        assert_eq!(scrolled(6, 23, 1), Some((5, 4, 70)));
        assert_eq!(scrolled(0, 7, 1), Some((5, 4, 70)));
    }

    #[test]
    fn erasing_drops_what_is_covered() {
        let left = |rows, cols| {
            let mut placements = some();
            placements.erase(rows, cols);
            placements.iter().count()
        };
        assert_eq!((left(5..7, 10..13), left(0..24, 0..80)), (4, 4));
        assert_eq!((left(6..7, 10..13), left(5..6, 10..13), left(5..7, 11..13), left(5..7, 10..12)), (5, 5, 5, 5));
        let mut placements = some();
        placements.clear();
        assert_eq!(placements.iter().map(|p| p.row).collect::<Vec<_>>(), [-2]);
    }

    #[test]
    fn fields_are_numbers() {
        let fields =
            one(Placement { kind: Kind::Kitty, id: 7, row: -3, cols: 2, rows: 1, z: -1, ..Placement::default() })
                .to_fields();
        assert_eq!(fields, "1;7;0;0;-3;0;2;1;0;0;-1");
        assert_eq!(Placements::from_fields(""), Some(Placements::default()));
        for bad in ["1;7", "2;7;0;0;-3;0;2;1;0;0;-1", "1;7;0;0;-10001;0;2;1;0;0;-1", "1;7;0;0;0;0;0;1;0;0;0", "x", ";"]
        {
            assert_eq!(Placements::from_fields(bad), None, "{bad}");
        }
        assert_eq!(Placements::from_fields(&format!("{fields};{fields};")), None);
    }
}
