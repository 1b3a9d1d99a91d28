//! Owns the answers a program gets: bytes made of numbers and constants, never of text a program has sent.
//! Leaves out when they are given.

/// DA1: a VT220 with colour, which takes the clipboard (52).
pub(super) const DEVICE: &[u8] = b"\x1b[?62;22;52c";
/// DA2.
pub(super) const DEVICE_SECONDARY: &[u8] = b"\x1b[>1;10;0c";
/// DA3: no unit id.
pub(super) const DEVICE_TERTIARY: &[u8] = b"\x1bP!|00000000\x1b\\";
/// DSR 5: all well.
pub(super) const STATUS: &[u8] = b"\x1b[0n";
/// XTVERSION.
pub(super) const VERSION: &[u8] = concat!("\x1bP>|thub(", env!("CARGO_PKG_VERSION"), ")\x1b\\").as_bytes();
/// `CSI ? u`: no kitty keyboard flags.
pub(super) const KEYBOARD: &[u8] = b"\x1b[?0u";
/// DECRQSS: not a known setting.
pub(super) const NO_SETTING: &[u8] = b"\x1bP0$r\x1b\\";
/// XTGETTCAP: not a known capability.
pub(super) const NO_CAPABILITY: &[u8] = b"\x1bP0+r\x1b\\";

/// CPR, counted from 1; `extended` = DECXCPR.
pub(super) fn cursor(row: u16, col: u16, extended: bool) -> Vec<u8> {
    let (mark, page) = if extended { ("?", ";1") } else { ("", "") };
    format!("\x1b[{mark}{row};{col}{page}R").into_bytes()
}

/// What DECRQM says of a mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ModeState {
    Unknown,
    Set,
    Reset,
    AlwaysSet,
    AlwaysReset,
}

impl From<bool> for ModeState {
    fn from(on: bool) -> ModeState {
        if on { ModeState::Set } else { ModeState::Reset }
    }
}

/// DECRPM; `private` = a `?` mode.
pub(super) fn mode(private: bool, number: u16, state: ModeState) -> Vec<u8> {
    let mark = if private { "?" } else { "" };
    format!("\x1b[{mark}{number};{}$y", state as u8).into_bytes()
}

/// `CSI 18 t` (8) and `CSI 19 t` (9): the size in cells.
pub(super) fn size(kind: u8, rows: u16, cols: u16) -> Vec<u8> {
    format!("\x1b[{kind};{rows};{cols}t").into_bytes()
}

/// `CSI ? 996 n`: 1 = dark, 2 = light.
pub(super) fn scheme((r, g, b): (u8, u8, u8)) -> Vec<u8> {
    let luma = u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114;
    format!("\x1b[?997;{}n", if luma < 128_000 { 1 } else { 2 }).into_bytes()
}

/// OSC 10, 11, 12 and, with an index, 4.
pub(super) fn color(osc: u16, index: Option<u8>, (r, g, b): (u8, u8, u8)) -> Vec<u8> {
    let index = index.map_or(String::new(), |i| format!("{i};"));
    format!("\x1b]{osc};{index}rgb:{r:02x}{r:02x}/{g:02x}{g:02x}/{b:02x}{b:02x}\x1b\\").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::screen::palette;

    #[test]
    fn forms() {
        assert_eq!(cursor(3, 4, false), b"\x1b[3;4R");
        assert_eq!(cursor(3, 4, true), b"\x1b[?3;4;1R");
        assert_eq!(mode(true, 25, ModeState::Set), b"\x1b[?25;1$y");
        assert_eq!(mode(false, 4, ModeState::AlwaysReset), b"\x1b[4;4$y");
        assert_eq!(color(4, Some(200), palette(200)), b"\x1b]4;200;rgb:ffff/0000/d7d7\x1b\\");
        assert_eq!(palette(255), (238, 238, 238));
        assert_eq!(scheme((0, 0, 0)), b"\x1b[?997;1n");
        assert_eq!(scheme((255, 255, 255)), b"\x1b[?997;2n");
    }
}
