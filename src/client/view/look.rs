//! Owns the looks of a cell that ratatui has no word for: the kinds of underline and the overline, as bits of a
//! [`Modifier`] it leaves unused. A cell so takes no more room, and two cells that look different are unequal.
//! Leaves out how they are said to a terminal (`out`).

use crate::term::screen::Underline;
use ratatui::style::Modifier;

/// SGR 53.
pub const OVERLINED: Modifier = Modifier::from_bits_retain(1 << 15);
/// Every bit, also those without a name.
pub const EVERY: Modifier = Modifier::from_bits_retain(u16::MAX);

const SHIFT: u16 = 12;
/// Which underline; says something only beside [`Modifier::UNDERLINED`].
pub const UNDERLINE_KIND: Modifier = Modifier::from_bits_retain(0b111 << SHIFT);

/// The modifier of an underline: [`Modifier::UNDERLINED`], and which one. None for none.
pub fn underlined(kind: Underline) -> Modifier {
    let n = match kind {
        Underline::None => return Modifier::empty(),
        Underline::Single => 0,
        Underline::Double => 1,
        Underline::Curly => 2,
        Underline::Dotted => 3,
        Underline::Dashed => 4,
    };
    Modifier::UNDERLINED | Modifier::from_bits_retain(n << SHIFT)
}

/// The underline of a modifier.
pub fn underline_of(modifier: Modifier) -> Underline {
    if !modifier.contains(Modifier::UNDERLINED) {
        return Underline::None;
    }
    match (modifier & UNDERLINE_KIND).bits() >> SHIFT {
        1 => Underline::Double,
        2 => Underline::Curly,
        3 => Underline::Dotted,
        4 => Underline::Dashed,
        _ => Underline::Single,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_underline_comes_back_and_no_bit_of_ratatui_is_taken() {
        for kind in [
            Underline::None,
            Underline::Single,
            Underline::Double,
            Underline::Curly,
            Underline::Dotted,
            Underline::Dashed,
        ] {
            assert_eq!(underline_of(underlined(kind)), kind);
            assert_eq!(underline_of(underlined(kind) | OVERLINED | Modifier::BOLD), kind);
        }
        assert!(!Modifier::all().intersects(UNDERLINE_KIND | OVERLINED) && !UNDERLINE_KIND.intersects(OVERLINED));
    }
}
