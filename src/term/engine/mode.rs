//! Owns the modes a program sets (SM, RM, DECSET, DECRST), and what DECRQM says of them.
//! Leaves out what each changes elsewhere when it is set: that is `terminal`'s.

use crate::term::screen::{MouseEncoding, MouseMode};

macro_rules! flags {
    ($($name:ident = $bit:literal, $number:literal, $private:literal;)*) => {
        $(pub const $name: u64 = 1 << $bit;)*
        /// Flag, number, and whether it is a `?` mode.
        const NUMBERS: &[(u64, u16, bool)] = &[$((Flags::$name, $number, $private)),*];
    };
}

/// Modes that are on or off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Flags(pub u64);

impl Flags {
    flags! {
        APP_CURSOR = 0, 1, true;        // DECCKM
        COLUMNS = 1, 3, true;           // DECCOLM
        REVERSE = 2, 5, true;           // DECSCNM
        ORIGIN = 3, 6, true;            // DECOM
        AUTOWRAP = 4, 7, true;          // DECAWM
        BLINK = 5, 12, true;            // att610
        VISIBLE = 6, 25, true;          // DECTCEM
        ALLOW_COLUMNS = 7, 40, true;
        MORE_FIX = 8, 41, true;
        NATIONAL = 9, 42, true;         // DECNRCM
        REVERSE_WRAP = 10, 45, true;
        APP_KEYPAD = 11, 66, true;      // DECNKM
        BACKSPACE = 12, 67, true;       // DECBKM
        MARGINS = 13, 69, true;         // DECLRMM
        KEEP_SCREEN = 14, 95, true;     // DECNCSM
        FOCUS = 15, 1004, true;
        ALT_SCROLL = 16, 1007, true;
        REVERSE_WRAP_FAR = 17, 1045, true;
        PASTE = 18, 2004, true;
        SYNC = 19, 2026, true;
        CLUSTERS = 20, 2027, true;
        SCHEME = 21, 2031, true;
        INSERT = 22, 4, false;          // IRM
        NEWLINE = 23, 20, false;        // LNM
        KEYS_LOCKED = 24, 2, false;     // KAM
        NO_ECHO = 25, 12, false;        // SRM
        SMOOTH = 26, 4, true;           // DECSCLM
        REPEAT = 27, 8, true;           // DECARM
        META = 28, 1034, true;
        META_ESCAPE = 29, 1036, true;
        ALT_ESCAPE = 30, 1039, true;
        BELL_URGENT = 31, 1042, true;
        SCROLLBAR = 32, 30, true;
        CURSOR_BLINK_2 = 33, 13, true;
        PRINT_FORM = 34, 18, true;      // DECPFF
        PRINT_EXTENT = 35, 19, true;    // DECPEX
    }

    /// As a terminal is switched on.
    pub const fn new() -> Flags {
        Flags(
            Flags::AUTOWRAP | Flags::VISIBLE | Flags::ALT_SCROLL | Flags::REPEAT | Flags::NO_ECHO | Flags::META_ESCAPE,
        )
    }
    #[inline]
    pub const fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }
    pub const fn set(&mut self, flag: u64, on: bool) {
        if on {
            self.0 |= flag;
        } else {
            self.0 &= !flag;
        }
    }
    /// All flags, with number and whether it is a `?` mode.
    pub fn all() -> impl Iterator<Item = (u64, u16, bool)> {
        Flags::NUMBERS.iter().copied()
    }
    /// The flag of a mode's number.
    pub fn of(number: u16, private: bool) -> Option<u64> {
        Flags::NUMBERS.iter().find(|(_, n, p)| (*n, *p) == (number, private)).map(|(flag, ..)| *flag)
    }
}

/// What DECRPM answers (DEC STD 070).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ModeState {
    Unknown = 0,
    Set = 1,
    Reset = 2,
    AlwaysReset = 4,
}

impl From<bool> for ModeState {
    fn from(on: bool) -> ModeState {
        if on { ModeState::Set } else { ModeState::Reset }
    }
}

/// Modes that are known and never change.
pub(super) fn fixed(number: u16, private: bool) -> ModeState {
    match (private, number) {
        (false, 1 | 5 | 7 | 10 | 11 | 13..=19) => ModeState::AlwaysReset,
        (true, 60 | 61 | 64 | 57 | 68 | 73 | 81 | 96..=104 | 106 | 34..=36 | 1001) => ModeState::AlwaysReset,
        _ => ModeState::Unknown,
    }
}

pub(super) fn mouse_mode(number: u16) -> Option<MouseMode> {
    Some(match number {
        9 => MouseMode::Press,
        1000 => MouseMode::PressRelease,
        1002 => MouseMode::ButtonMotion,
        1003 => MouseMode::AnyMotion,
        _ => return None,
    })
}

pub(super) fn mouse_encoding(number: u16) -> Option<MouseEncoding> {
    Some(match number {
        1005 => MouseEncoding::Utf8,
        1006 => MouseEncoding::Sgr,
        1015 => MouseEncoding::Urxvt,
        1016 => MouseEncoding::SgrPixels,
        _ => return None,
    })
}
