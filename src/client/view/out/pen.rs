//! Owns what a terminal is set to draw with: colours by how many it has, effects, and the SGR (ECMA-48 8.3.117, xterm's
//! and kitty's additions) from one to another.
//! Leaves out when that is said (`out`) and links (`out::links`).

use super::number;
use crate::client::view::look;
use crate::term::screen::{Underline, palette};
use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};
use std::num::NonZeroU16;

/// How many colours the outer terminal has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ColorDepth {
    /// The user wants none (NO_COLOR): bold, underline and reverse remain.
    Mono,
    Ansi16,
    Indexed256,
    True,
}

impl ColorDepth {
    /// Reads NO_COLOR, COLORTERM, TERM and TERM_PROGRAM.
    pub fn from_env(var: impl Fn(&str) -> Option<String>) -> ColorDepth {
        let get = |name| var(name).unwrap_or_default();
        if !get("NO_COLOR").is_empty() {
            return ColorDepth::Mono;
        }
        let (term, program) = (get("TERM"), get("TERM_PROGRAM"));
        if term.starts_with("vt1") || term.starts_with("vt2") {
            return ColorDepth::Mono;
        }
        if matches!(get("COLORTERM").as_str(), "truecolor" | "24bit" | "yes-24bit") {
            return ColorDepth::True;
        }
        let many = ["kitty", "alacritty", "ghostty", "wezterm", "foot", "contour", "direct"];
        if many.iter().any(|t| term.contains(t))
            || matches!(program.as_str(), "iTerm.app" | "WezTerm" | "vscode" | "ghostty")
            || !get("WT_SESSION").is_empty()
        {
            return ColorDepth::True;
        }
        if term.contains("256") || program == "Apple_Terminal" {
            return ColorDepth::Indexed256;
        }
        ColorDepth::Ansi16
    }

    /// A colour as a terminal of this depth gets it.
    pub(super) fn ink(self, color: Color) -> Ink {
        let index = match color {
            Color::Reset => return Ink::Default,
            _ if self == ColorDepth::Mono => return Ink::Default,
            Color::Rgb(r, g, b) => match self {
                ColorDepth::True => return Ink::Rgb(r, g, b),
                ColorDepth::Indexed256 => return Ink::Index(nearest_256(r, g, b)),
                _ => return Ink::Index(nearest_16(r, g, b)),
            },
            Color::Indexed(n) if n >= 16 && self == ColorDepth::Ansi16 => {
                let (r, g, b) = palette(n);
                nearest_16(r, g, b)
            }
            Color::Indexed(n) => n,
            Color::Black => 0,
            Color::Red => 1,
            Color::Green => 2,
            Color::Yellow => 3,
            Color::Blue => 4,
            Color::Magenta => 5,
            Color::Cyan => 6,
            Color::Gray => 7,
            Color::DarkGray => 8,
            Color::LightRed => 9,
            Color::LightGreen => 10,
            Color::LightYellow => 11,
            Color::LightBlue => 12,
            Color::LightMagenta => 13,
            Color::LightCyan => 14,
            Color::White => 15,
        };
        Ink::Index(index)
    }
}

/// The effects that are passed on.
const EFFECTS: Modifier = Modifier::BOLD
    .union(Modifier::DIM)
    .union(Modifier::ITALIC)
    .union(Modifier::UNDERLINED)
    .union(look::UNDERLINE_KIND)
    .union(Modifier::SLOW_BLINK)
    .union(Modifier::REVERSED)
    .union(Modifier::HIDDEN)
    .union(Modifier::CROSSED_OUT)
    .union(look::OVERLINED);
/// Those that show on a blank cell.
pub(super) const ON_BLANK: Modifier =
    Modifier::UNDERLINED.union(Modifier::REVERSED).union(Modifier::CROSSED_OUT).union(look::OVERLINED);
/// Those with a number to begin and one to end them; underlines have more to them.
const SWITCHES: [(Modifier, &[u8], &[u8]); 7] = [
    (Modifier::BOLD, b"1;", b""),
    (Modifier::DIM, b"2;", b""),
    (Modifier::ITALIC, b"3;", b"23;"),
    (Modifier::SLOW_BLINK, b"5;", b"25;"),
    (Modifier::REVERSED, b"7;", b"27;"),
    (Modifier::HIDDEN, b"8;", b"28;"),
    (Modifier::CROSSED_OUT, b"9;", b"29;"),
];

/// A colour as the terminal gets it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ink {
    Default,
    Index(u8),
    Rgb(u8, u8, u8),
}

/// What a terminal is set to draw with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pen {
    pub(super) fg: Ink,
    pub(super) bg: Ink,
    /// The underline's; default where there is none.
    pub(super) line: Ink,
    pub(super) effects: Modifier,
    pub(super) link: Option<NonZeroU16>,
}

pub(super) const PLAIN: Pen =
    Pen { fg: Ink::Default, bg: Ink::Default, line: Ink::Default, effects: Modifier::empty(), link: None };

/// What is passed on of a cell's effects.
pub(super) fn effects(cell: &Cell) -> Modifier {
    let effects = cell.modifier & EFFECTS;
    if effects.contains(Modifier::UNDERLINED) { effects } else { effects - look::UNDERLINE_KIND }
}

/// SGR that turns one pen into another one, which has to differ, but for the link.
pub(super) fn change(from: Pen, to: Pen, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[");
    let gone = from.effects - to.effects;
    let mut new = to.effects - from.effects;
    if gone.intersects(Modifier::BOLD | Modifier::DIM) {
        // one code ends both
        out.extend_from_slice(b"22;");
        new |= to.effects & (Modifier::BOLD | Modifier::DIM);
    }
    for (effect, _, code) in SWITCHES {
        if gone.contains(effect) {
            out.extend_from_slice(code);
        }
    }
    for (effect, code, _) in SWITCHES {
        if new.contains(effect) {
            out.extend_from_slice(code);
        }
    }
    let underline = look::underline_of(to.effects);
    if underline != look::underline_of(from.effects) {
        let code: &[u8] = match underline {
            Underline::None => b"24;",
            Underline::Single => b"4;",
            Underline::Double => b"4:2;",
            Underline::Curly => b"4:3;",
            Underline::Dotted => b"4:4;",
            Underline::Dashed => b"4:5;",
        };
        out.extend_from_slice(code);
    }
    if new.contains(look::OVERLINED) {
        out.extend_from_slice(b"53;");
    } else if gone.contains(look::OVERLINED) {
        out.extend_from_slice(b"55;");
    }
    if from.fg != to.fg {
        color(to.fg, 30, out);
    }
    if from.bg != to.bg {
        color(to.bg, 40, out);
    }
    if from.line != to.line {
        line_color(to.line, out);
    }
    // each code ended with ';'
    if let Some(last) = out.last_mut() {
        *last = b'm';
    }
}

/// SGR parameters of a colour, each followed by ';'. `base` is 30 for the text, 40 for the background.
fn color(ink: Ink, base: u16, out: &mut Vec<u8>) {
    let mut say = |n: u16| {
        number(n, out);
        out.push(b';');
    };
    match ink {
        Ink::Default => say(base + 9),
        Ink::Index(n @ 0..=7) => say(base + u16::from(n)),
        Ink::Index(n @ 8..=15) => say(base + 60 + u16::from(n) - 8),
        Ink::Index(n) => [base + 8, 5, n.into()].into_iter().for_each(say),
        Ink::Rgb(r, g, b) => [base + 8, 2, r.into(), g.into(), b.into()].into_iter().for_each(say),
    }
}

/// The same of the underline, in the form with colons: a terminal that does not know it leaves it out whole.
fn line_color(ink: Ink, out: &mut Vec<u8>) {
    match ink {
        Ink::Default => out.extend_from_slice(b"59;"),
        Ink::Index(n) => {
            out.extend_from_slice(b"58:5:");
            number(n.into(), out);
            out.push(b';');
        }
        Ink::Rgb(r, g, b) => {
            out.extend_from_slice(b"58:2:");
            for n in [r, g, b] {
                out.push(b':');
                number(n.into(), out);
            }
            out.push(b';');
        }
    }
}

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let d = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    2 * d(a.0, b.0) + 4 * d(a.1, b.1) + 3 * d(a.2, b.2)
}

/// The nearest of the cube and the greys; the first 16 are the user's to change, so none of them.
fn nearest_256(r: u8, g: u8, b: u8) -> u8 {
    let step = |v: u8| match v {
        0..48 => 0u8,
        48..115 => 1,
        _ => (v - 35) / 40,
    };
    let cube = 16 + 36 * step(r) + 6 * step(g) + step(b);
    let mean = ((u16::from(r) + u16::from(g) + u16::from(b)) / 3) as u8;
    let grey = 232 + (mean.saturating_sub(3) / 10).min(23);
    let rgb = (r, g, b);
    if distance(rgb, palette(grey)) < distance(rgb, palette(cube)) { grey } else { cube }
}

fn nearest_16(r: u8, g: u8, b: u8) -> u8 {
    (0..16).min_by_key(|n| distance((r, g, b), palette(*n))).unwrap_or(7)
}
