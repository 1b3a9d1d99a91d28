//! Owns the face of a terminal: feed, resize, cells, events, snapshot, restore.
//! Leaves out which engine stands behind it.

use super::marks::Mark;
use crate::proto::ids::Size;

/// What a program said that is not a cell. Fired once, by the session's screen; a restored screen fires none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Bytes for the program: an answer made of numbers and constants alone.
    Reply(Vec<u8>),
    Bell,
    Title(String),
    /// OSC 7: the path part, percent-decoded.
    Directory(String),
    /// OSC 52 set: decoded, at most 100 KB.
    Clipboard(String),
    /// OSC 9, OSC 777;notify.
    Notification(String),
    /// OSC 133.
    Mark(Mark),
    /// The program has changed the size, where it may (`Engine::set_resizable`).
    Resized(Size),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Color {
    #[default]
    Default,
    Index(u8),
    Rgb(u8, u8, u8),
}

/// SGR 4, 21 and `4:n`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Underline {
    #[default]
    None,
    Single,
    Double,
    Curly,
    Dotted,
    Dashed,
}

impl Underline {
    /// The kind that `4:n` names; None where no kind has that number.
    pub const fn of_number(n: u8) -> Option<Underline> {
        Some(match n {
            0 => Underline::None,
            1 => Underline::Single,
            2 => Underline::Double,
            3 => Underline::Curly,
            4 => Underline::Dotted,
            5 => Underline::Dashed,
            _ => return None,
        })
    }
}

/// How a cell looks (SGR).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Style {
    pub fg: Color,
    pub bg: Color,
    /// 58; default = that of the text.
    pub underline_color: Color,
    pub underline: Underline,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    /// 5 and 6.
    pub blink: bool,
    pub inverse: bool,
    pub hidden: bool,
    pub strike: bool,
    pub overline: bool,
}

impl Style {
    pub const PLAIN: Style = Style {
        fg: Color::Default,
        bg: Color::Default,
        underline_color: Color::Default,
        underline: Underline::None,
        bold: false,
        dim: false,
        italic: false,
        blink: false,
        inverse: false,
        hidden: false,
        strike: false,
        overline: false,
    };
}

/// What a cell shows: one character, or several that belong together. Reads as a `str`.
#[derive(Clone, Copy)]
pub struct Text<'a>(Shown<'a>);

#[derive(Clone, Copy)]
enum Shown<'a> {
    One([u8; 4], u8),
    Many(&'a str),
}

impl<'a> Text<'a> {
    pub fn one(c: char) -> Text<'a> {
        let mut bytes = [0; 4];
        let len = c.encode_utf8(&mut bytes).len() as u8;
        Text(Shown::One(bytes, len))
    }
    pub const fn many(text: &'a str) -> Text<'a> {
        Text(Shown::Many(text))
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Text(Shown::Many(""))
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        match &self.0 {
            Shown::One(bytes, len) => {
                std::str::from_utf8(bytes.get(..usize::from(*len)).unwrap_or_default()).unwrap_or_default()
            }
            Shown::Many(text) => text,
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
impl Eq for Text<'_> {}
impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}
impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&**self, f)
    }
}

/// A cell of the grid. A wide character's second cell has an empty text and width 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell<'a> {
    /// Empty = blank.
    pub text: Text<'a>,
    /// 0, 1 or 2.
    pub width: u8,
    pub style: Style,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CursorShape {
    #[default]
    Default,
    Block {
        blink: bool,
    },
    Underline {
        blink: bool,
    },
    Bar {
        blink: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cursor {
    pub row: u16,
    pub col: u16,
    pub visible: bool,
    pub shape: CursorShape,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MouseMode {
    #[default]
    Off,
    /// 9
    Press,
    /// 1000
    PressRelease,
    /// 1002
    ButtonMotion,
    /// 1003
    AnyMotion,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MouseEncoding {
    #[default]
    Default,
    /// 1005
    Utf8,
    /// 1006
    Sgr,
    /// 1015
    Urxvt,
    /// 1016: as 1006, in pixels.
    SgrPixels,
}

/// The default colours of a terminal: red, green, blue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Colors {
    pub text: (u8, u8, u8),
    pub back: (u8, u8, u8),
}

/// What a program is told before anybody has shown its session.
impl Default for Colors {
    fn default() -> Colors {
        Colors { text: (0xd0, 0xd0, 0xd0), back: (0, 0, 0) }
    }
}

impl Colors {
    /// Whether the background is one for light text.
    pub fn dark(&self) -> bool {
        let (r, g, b) = self.back;
        u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114 <= 128_000
    }
}

/// Modes that decide what a key, a click or a paste becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Modes {
    pub app_cursor: bool,
    pub app_keypad: bool,
    pub bracketed_paste: bool,
    /// 1004
    pub focus: bool,
    pub mouse: MouseMode,
    pub encoding: MouseEncoding,
    pub alt_screen: bool,
    /// 1007 (on unless switched off): the wheel becomes arrows on the alternate screen.
    pub alt_scroll: bool,
    /// 2026: hold drawing.
    pub sync: bool,
    /// 2031: wants to hear when the colours become light or dark.
    pub color_scheme: bool,
    /// DECBKM (67): the backspace key sends BS.
    pub backspace_bs: bool,
    /// LNM (20): Enter sends CR LF.
    pub newline: bool,
    /// The kitty keyboard protocol's flags in force, 0 to 31.
    pub kitty: u8,
    /// xterm's modifyOtherKeys, 0 to 2.
    pub modify_other_keys: u8,
}

/// Width and height of a cell, in pixels, as programs are told (1016). What the user's font really has is known to none
/// of the machines between, and may be another one at each client.
pub const CELL_PIXELS: (u16, u16) = (8, 16);

/// xterm's palette of 256 colours; what the user's own has is not known.
pub fn palette(i: u8) -> (u8, u8, u8) {
    const BASE: [(u8, u8, u8); 16] = [
        (0, 0, 0),
        (205, 0, 0),
        (0, 205, 0),
        (205, 205, 0),
        (0, 0, 238),
        (205, 0, 205),
        (0, 205, 205),
        (229, 229, 229),
        (127, 127, 127),
        (255, 0, 0),
        (0, 255, 0),
        (255, 255, 0),
        (92, 92, 255),
        (255, 0, 255),
        (0, 255, 255),
        (255, 255, 255),
    ];
    if let Some(&c) = BASE.get(usize::from(i)) {
        return c;
    }
    if i >= 232 {
        let v = 8 + (i - 232) * 10;
        return (v, v, v);
    }
    let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
    let n = i - 16;
    (step(n / 36), step(n / 6 % 6), step(n % 6))
}
