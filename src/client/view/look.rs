//! Owns the looks of a cell that ratatui has no word for. The kinds of underline and the overline are bits of a
//! [`Modifier`] it leaves unused; a link is a number where ratatui keeps what its own diff is to do, which nobody here
//! asks. A cell so takes no more room, and two cells that look different are unequal.
//! Leaves out how they are said to a terminal (`out`).

use crate::term::screen::Underline;
use ratatui::buffer::{Cell, CellDiffOption};
use ratatui::style::Modifier;
use std::num::NonZeroU16;

/// SGR 53.
pub const OVERLINED: Modifier = Modifier::from_bits_retain(1 << 15);
/// Every bit, also those without a name.
pub const EVERY: Modifier = Modifier::from_bits_retain(u16::MAX);

const SHIFT: u16 = 12;
/// Which underline; says something only beside [`Modifier::UNDERLINED`].
pub const UNDERLINE_KIND: Modifier = Modifier::from_bits_retain(0b111 << SHIFT);

/// The modifier of an underline: [`Modifier::UNDERLINED`], and which one. None for none.
pub fn underlined(kind: Underline) -> Modifier {
    // (0 for a single one: the modifier alone says as much)
    let n = match kind {
        Underline::None => return Modifier::empty(),
        kind => kind as u16 - Underline::Single as u16,
    };
    Modifier::UNDERLINED | Modifier::from_bits_retain(n << SHIFT)
}

/// The underline of a modifier.
pub fn underline_of(modifier: Modifier) -> Underline {
    if !modifier.contains(Modifier::UNDERLINED) {
        return Underline::None;
    }
    let n = (modifier & UNDERLINE_KIND).bits() >> SHIFT;
    Underline::of_number(n as u8 + 1).unwrap_or(Underline::Single)
}

/// The number of an address: the same one for the same address. Two may share one, which is rare; what is shown then
/// leads nowhere, or (where only the address became another, and not the text) to where it did.
pub fn link_number(uri: &str) -> NonZeroU16 {
    // FNV-1a, folded
    let hash = uri.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let folded = (hash >> 16) as u16 ^ hash as u16;
    NonZeroU16::new(folded).unwrap_or(NonZeroU16::MIN)
}

/// Makes a cell lead to an address, or nowhere.
pub fn set_link(cell: &mut Cell, uri: Option<&str>) {
    cell.diff_option = match uri {
        Some(uri) => CellDiffOption::ForcedWidth(link_number(uri)),
        None => CellDiffOption::None,
    };
}

/// The number of the address a cell leads to.
pub fn link_of(cell: &Cell) -> Option<NonZeroU16> {
    match cell.diff_option {
        CellDiffOption::ForcedWidth(number) => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_part_of_a_cell() {
        let mut cell = Cell::new("a");
        set_link(&mut cell, Some("http://a"));
        assert_eq!(link_of(&cell), Some(link_number("http://a")));
        assert_ne!(link_number("http://a"), link_number("http://b"));
        assert_ne!(cell, Cell::new("a"));
        set_link(&mut cell, None);
        assert_eq!(cell, Cell::new("a"));
    }

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
