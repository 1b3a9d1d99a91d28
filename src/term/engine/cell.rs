//! Owns a cell: eight bytes that say what it shows and how. Leaves out the tables those bytes point into.

use super::look::Look;

/// A cell of the grid. All zero = blank: never written, or erased to the default background.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(in crate::term) struct Cell {
    /// Nothing (0), a character, or an index of a cluster; and flags above it.
    what: u32,
    pub look: Look,
}

/// `what` is an index of [`super::cluster::Clusters`].
const CLUSTER: u32 = 1 << 31;
/// The first of two cells.
const WIDE: u32 = 1 << 30;
/// The second of two cells.
const TAIL: u32 = 1 << 29;
/// The last cell of a row, left blank as a wide character did not fit: not part of the line's text.
const SPACER: u32 = 1 << 28;
const VALUE: u32 = SPACER - 1;

impl Cell {
    pub const BLANK: Cell = Cell { what: 0, look: Look::PLAIN };

    #[inline]
    pub const fn blank(look: Look) -> Cell {
        Cell { what: 0, look }
    }
    #[inline]
    pub const fn ascii(byte: u8, look: Look) -> Cell {
        Cell { what: byte as u32, look }
    }
    #[inline]
    pub const fn char(c: char, look: Look) -> Cell {
        Cell { what: c as u32, look }
    }
    #[inline]
    pub const fn cluster(index: u32, look: Look) -> Cell {
        Cell { what: CLUSTER | (index & VALUE), look }
    }
    #[inline]
    pub const fn tail(look: Look) -> Cell {
        Cell { what: TAIL, look }
    }
    #[inline]
    pub const fn spacer(look: Look) -> Cell {
        Cell { what: SPACER, look }
    }
    /// The same as the first of two cells.
    #[inline]
    pub const fn widened(self) -> Cell {
        Cell { what: self.what | WIDE, look: self.look }
    }

    /// Nothing to see but perhaps a background.
    #[inline]
    pub const fn is_blank(self) -> bool {
        self.what & !SPACER == 0
    }
    #[inline]
    pub const fn is_wide(self) -> bool {
        self.what & WIDE != 0
    }
    #[inline]
    pub const fn is_tail(self) -> bool {
        self.what & TAIL != 0
    }
    #[inline]
    pub const fn is_spacer(self) -> bool {
        self.what & SPACER != 0
    }
    /// Index of its cluster, if it shows more than one character.
    #[inline]
    pub const fn cluster_index(self) -> Option<u32> {
        if self.what & CLUSTER != 0 { Some(self.what & VALUE) } else { None }
    }
    /// Its character, if it shows exactly one.
    #[inline]
    pub const fn one(self) -> Option<char> {
        if self.what & (CLUSTER | TAIL | SPACER) != 0 || self.what & VALUE == 0 {
            return None;
        }
        char::from_u32(self.what & VALUE)
    }
    /// Its character's number, if it shows exactly one; 0 of blanks and second halves.
    pub const fn code(self) -> u32 {
        self.what & VALUE
    }
    /// All flags and the value: 0 to 127 for blank and ASCII cells of width 1, and for no others.
    #[inline]
    pub const fn raw(self) -> u32 {
        self.what
    }
    /// 0 (second of two), 1 or 2.
    #[inline]
    pub const fn width(self) -> u8 {
        if self.is_tail() {
            0
        } else if self.is_wide() {
            2
        } else {
            1
        }
    }
    /// The same, looking otherwise.
    #[inline]
    pub const fn with_look(self, look: Look) -> Cell {
        Cell { what: self.what, look }
    }
    /// The same, of another index in the table of clusters.
    #[inline]
    pub const fn with_cluster(self, index: u32) -> Cell {
        Cell { what: (self.what & !VALUE) | (index & VALUE), look: self.look }
    }
}
