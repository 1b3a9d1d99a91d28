//! Owns where images lie, on a screen and in history. Leaves out what they show.

use super::kitty::Command;
use std::ops::Range;

/// Most placements; the oldest goes first.
const MOST_PLACEMENTS: usize = 256;
/// Rows a placement may begin in; one that gets farther up in history is forgotten.
const ROWS: std::ops::RangeInclusive<i64> = -10_000..=u16::MAX as i64;

/// Columns and rows that so many pixels take, rounded up; `cell_px` = width and height of a cell, 0 counts as 1.
pub fn cells(width_px: u32, height_px: u32, cell_px: (u16, u16)) -> (u16, u16) {
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
    pub(in crate::term::engine) fn to_fields(self) -> String {
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
pub struct Placements {
    list: Vec<Placement>,
}

impl Placements {
    pub fn iter(&self) -> impl Iterator<Item = &Placement> {
        self.list.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds one, in place of kitty's with the same two ids. One without cells, or not on screen or in
    /// history as far as it is kept, is left out.
    pub fn add(&mut self, new: Placement) {
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
    pub fn forget_image(&mut self, id: u32) {
        self.list.retain(|p| p.kind != Kind::Kitty || id == 0 || p.id != id);
    }

    /// Carries out `a=d` with the cursor at (row, column), from 0. Large and small letters of `d` are alike, as no
    /// image's data is kept; sixels are not kitty's to delete; frames (`f`) and unknown letters delete nothing.
    pub fn delete(&mut self, command: &Command, cursor: (u16, u16)) {
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
    pub fn scroll(&mut self, top: u16, bottom: u16, n: i32, history: bool) {
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
    pub fn erase(&mut self, rows: Range<i64>, cols: Range<u16>) {
        self.list.retain(|p| {
            let covered = rows.start <= p.row
                && p.end() <= rows.end
                && cols.start <= p.col
                && u32::from(p.col) + u32::from(p.cols) <= u32::from(cols.end);
            p.kind == Kind::Kitty || !covered
        });
    }

    /// The whole screen was erased (ED 2) or reset: all images that can be seen go, of both kinds.
    pub fn clear(&mut self) {
        self.list.retain(|p| p.end() <= 0);
    }

    /// All rows moved by so many (a change of size); what is below the last of them goes.
    pub fn shift(&mut self, by: i64, height: i64) {
        self.list.retain_mut(|p| {
            p.row = p.row.saturating_add(by);
            p.row < height && ROWS.contains(&p.row)
        });
    }

    /// Those of [`Placement::to_fields`], separated by `;`; None if it is not well formed. Of more than 256 the last ones
    /// are kept.
    pub fn from_fields(fields: &str) -> Option<Placements> {
        let mut all = Placements::default();
        let mut fields = fields.split(';').filter(|_| !fields.is_empty()).peekable();
        while fields.peek().is_some() {
            all.add(Placement::from_fields(&mut fields)?);
        }
        Some(all)
    }
}

#[cfg(test)]
pub mod tests {
    use super::super::tests::command;
    use super::*;
    use proptest::prelude::*;

    /// All placements' numbers, separated by `;`.
    pub fn fields(placements: &Placements) -> String {
        placements.iter().map(|p| p.to_fields()).collect::<Vec<_>>().join(";")
    }

    proptest! {
        #[test]
        fn fields_come_back(all in proptest::collection::vec(placement(), 0..300)) {
            let mut placements = Placements::default();
            for p in &all {
                placements.add(*p);
            }
            prop_assert!(placements.iter().count() <= MOST_PLACEMENTS);
            let said = fields(&placements);
            prop_assert!(said.len() < 24 * 1024);
            prop_assert_eq!(Placements::from_fields(&said), Some(placements));
        }

        #[test]
        fn fields_from_outside(two in (placement(), placement()), at in 0usize..80, byte in "[0-9;x-]") {
            let mut said = format!("{};{}", two.0.to_fields(), two.1.to_fields());
            let at = at % said.len();
            said.replace_range(at..at + 1, &byte);
            if let Some(placements) = Placements::from_fields(&said) {
                prop_assert!(placements.iter().all(|p| p.cols > 0 && p.rows > 0 && ROWS.contains(&p.row)));
                prop_assert_eq!(Placements::from_fields(&fields(&placements)), Some(placements));
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
        placements.list.retain(|p| p.id == 399);
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
        let placement =
            Placement { kind: Kind::Kitty, id: 7, row: -3, cols: 2, rows: 1, z: -1, ..Placement::default() };
        let fields = placement.to_fields();
        assert_eq!(fields, "1;7;0;0;-3;0;2;1;0;0;-1");
        assert_eq!(Placements::from_fields(""), Some(Placements::default()));
        for bad in ["1;7", "2;7;0;0;-3;0;2;1;0;0;-1", "1;7;0;0;-10001;0;2;1;0;0;-1", "1;7;0;0;0;0;0;1;0;0;0", "x", ";"]
        {
            assert_eq!(Placements::from_fields(bad), None, "{bad}");
        }
        assert_eq!(Placements::from_fields(&format!("{fields};{fields};")), None);
    }
}
