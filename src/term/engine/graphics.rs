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

mod kitty;
mod placement;
mod sixel;
#[cfg(test)]
mod tests;

pub(super) use kitty::{Action, Apc, Transfer};
pub use placement::{Kind, Placement};
pub(super) use placement::{Placements, cells};
pub(super) use sixel::Sixel;

/// Most pixels an image has on a side; what is larger counts as so large.
const MOST_PX: u32 = 16_384;
