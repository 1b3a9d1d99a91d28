//! Owns how cells look: the pen, its packed form in a cell, and the table of those that do not fit there.
//! Leaves out SGR, which sets the pen.

use crate::term::screen::{Color, Style, Underline};
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// Everything SGR, DECSCA and OSC 8 say of what is printed next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(in crate::term) struct Pen {
    pub style: Style,
    /// DECSCA, SPA: kept by selective erasing.
    pub protected: bool,
    /// Index in the table of links, from 1; 0 = none.
    pub link: u32,
}

impl Pen {
    pub const PLAIN: Pen = Pen { style: Style::PLAIN, protected: false, link: 0 };
}

/// A pen in 31 bits, or (bit 31) an index in the table. What most cells have fits: palette colours and all attributes.
///
/// ```text
/// 0-8 foreground (0 default, 1 + index)   9-17 background   18 bold  19 dim  20 italic  21 blink  22 inverse
/// 23 hidden  24 strike  25 overline  26-28 underline  29 protected
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(in crate::term) struct Look(u32);

const TABLE: u32 = 1 << 31;
const BACKGROUND: u32 = 0x1ff << 9;

impl Look {
    pub const PLAIN: Look = Look(0);

    pub const fn raw(self) -> u32 {
        self.0
    }
    const fn index(self) -> Option<usize> {
        if self.0 & TABLE != 0 { Some((self.0 & !TABLE) as usize) } else { None }
    }
    fn pack(pen: &Pen) -> Option<Look> {
        let s = &pen.style;
        if pen.link != 0 || s.underline_color != Color::Default {
            return None;
        }
        let color = |c: Color| match c {
            Color::Default => Some(0),
            Color::Index(i) => Some(u32::from(i) + 1),
            Color::Rgb(..) => None,
        };
        let bit = |on: bool, n: u32| u32::from(on) << n;
        Some(Look(
            color(s.fg)?
                | color(s.bg)? << 9
                | bit(s.bold, 18)
                | bit(s.dim, 19)
                | bit(s.italic, 20)
                | bit(s.blink, 21)
                | bit(s.inverse, 22)
                | bit(s.hidden, 23)
                | bit(s.strike, 24)
                | bit(s.overline, 25)
                | (s.underline as u32) << 26
                | bit(pen.protected, 29),
        ))
    }
    fn unpack(self) -> Pen {
        let on = |n: u32| self.0 >> n & 1 == 1;
        let color = |n: u32| match self.0 >> n & 0x1ff {
            0 => Color::Default,
            i => Color::Index((i - 1) as u8),
        };
        let underline = match self.0 >> 26 & 7 {
            1 => Underline::Single,
            2 => Underline::Double,
            3 => Underline::Curly,
            4 => Underline::Dotted,
            5 => Underline::Dashed,
            _ => Underline::None,
        };
        let style = Style {
            fg: color(0),
            bg: color(9),
            underline_color: Color::Default,
            underline,
            bold: on(18),
            dim: on(19),
            italic: on(20),
            blink: on(21),
            inverse: on(22),
            hidden: on(23),
            strike: on(24),
            overline: on(25),
        };
        Pen { style, protected: on(29), link: 0 }
    }
}

/// The pens that do not fit into a cell, and the addresses of links.
#[derive(Default)]
pub(in crate::term) struct Looks {
    pens: Vec<Pen>,
    numbers: HashMap<Pen, u32, FixedState>,
    links: Vec<Box<str>>,
    link_numbers: HashMap<Box<str>, u32, FixedState>,
}

impl Looks {
    /// The packed form of a pen; the table grows if it must.
    pub fn look(&mut self, pen: &Pen) -> Look {
        if let Some(look) = Look::pack(pen) {
            return look;
        }
        let next = self.pens.len() as u32;
        let pens = &mut self.pens;
        let n = *self.numbers.entry(*pen).or_insert_with(|| {
            pens.push(*pen);
            next
        });
        Look(TABLE | n)
    }

    pub fn pen(&self, look: Look) -> Pen {
        match look.index() {
            None => look.unpack(),
            Some(i) => self.pens.get(i).copied().unwrap_or_default(),
        }
    }

    /// The look of an erased cell: the background alone (BCE, xterm ctlseqs "Erase").
    pub fn erased(&mut self, look: Look) -> Look {
        match look.index() {
            None => Look(look.0 & BACKGROUND),
            Some(_) => {
                let bg = self.pen(look).style.bg;
                self.look(&Pen { style: Style { bg, ..Style::PLAIN }, ..Pen::PLAIN })
            }
        }
    }

    pub fn is_protected(&self, look: Look) -> bool {
        match look.index() {
            None => look.0 >> 29 & 1 == 1,
            Some(_) => self.pen(look).protected,
        }
    }

    /// The number of an address.
    pub fn link(&mut self, address: &str) -> u32 {
        if let Some(n) = self.link_numbers.get(address) {
            return *n;
        }
        self.links.push(address.into());
        let n = self.links.len() as u32;
        self.link_numbers.insert(address.into(), n);
        n
    }

    /// The address of a number; none for 0.
    pub fn address(&self, link: u32) -> Option<&str> {
        let i = usize::try_from(link).ok()?.checked_sub(1)?;
        self.links.get(i).map(|a| &**a)
    }

    /// How many pens the table holds.
    pub fn len(&self) -> usize {
        self.pens.len().max(self.links.len())
    }

    /// A table with nothing in it but what is asked of it from here on: see [`Moved`].
    pub fn renewed(&self) -> Moved<'_> {
        Moved { old: self, new: Looks::default(), moved: vec![u32::MAX; self.pens.len()] }
    }
}

/// Moves what is still in use from one table to the next.
pub(in crate::term) struct Moved<'a> {
    old: &'a Looks,
    pub new: Looks,
    moved: Vec<u32>,
}

impl Moved<'_> {
    pub fn look(&mut self, look: Look) -> Look {
        let Some(i) = look.index() else { return look };
        match self.moved.get(i) {
            Some(&n) if n != u32::MAX => return Look(TABLE | n),
            None => return Look::PLAIN,
            Some(_) => {}
        }
        let pen = self.pen(self.old.pen(look));
        let moved = self.new.look(&pen);
        if let (Some(slot), Some(n)) = (self.moved.get_mut(i), moved.index()) {
            *slot = n as u32;
        }
        moved
    }

    pub fn pen(&mut self, pen: Pen) -> Pen {
        let link = self.old.address(pen.link).map_or(0, |address| self.new.link(address));
        Pen { link, ..pen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_packed_and_what_does_not_is_kept() {
        let mut looks = Looks::default();
        let mut pens = vec![Pen::PLAIN];
        for n in 0..6 {
            let underline = [
                Underline::None,
                Underline::Single,
                Underline::Double,
                Underline::Curly,
                Underline::Dotted,
                Underline::Dashed,
            ][n];
            pens.push(Pen {
                style: Style { underline, fg: Color::Index(n as u8 * 51), bg: Color::Index(255), ..Style::PLAIN },
                protected: n % 2 == 0,
                link: 0,
            });
        }
        assert!(pens.iter().all(|p| Look::pack(p).is_some()));
        let link = looks.link("https://example.org");
        pens.push(Pen { link, ..Pen::PLAIN });
        pens.push(Pen { style: Style { fg: Color::Rgb(1, 2, 3), bg: Color::Index(9), ..Style::PLAIN }, ..Pen::PLAIN });
        for pen in &pens {
            let look = looks.look(pen);
            assert_eq!(looks.pen(look), *pen);
            assert_eq!(looks.look(pen), look);
            let erased = looks.erased(look);
            assert_eq!(looks.pen(erased).style, Style { bg: pen.style.bg, ..Style::PLAIN });
        }
        assert_eq!(looks.len(), 2);
        let last = looks.look(&pens[pens.len() - 2]);
        let mut moved = looks.renewed();
        let there = moved.look(last);
        assert_eq!(moved.new.pen(there).link, 1);
        assert_eq!(moved.new.address(1), Some("https://example.org"));
        assert_eq!(moved.new.len(), 1);
    }
}
