//! Owns how cells look: the pen, its packed form in a cell, and the table of those that do not fit there.
//! Leaves out SGR, which sets the pen.

use crate::term::screen::{Color, Style, Underline};
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// Everything SGR, DECSCA and OSC 8 say of what is printed next.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
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
/// The same of [`Key::colors`].
const BACKGROUND_KEY: u64 = 0xffff_ffff << 32;

impl Look {
    pub const PLAIN: Look = Look(0);

    #[inline]
    pub const fn raw(self) -> u32 {
        self.0
    }
    #[inline]
    const fn index(self) -> Option<u32> {
        if self.0 & TABLE != 0 { Some(self.0 & !TABLE) } else { None }
    }
    #[inline]
    fn pack(key: Key) -> Option<Look> {
        let (fg, bg) = (key.colors as u32, (key.colors >> 32) as u32);
        // colours of 24 bits have bit 25 set; the underline's colour and links have no place
        if (fg | bg) & 2 << 24 != 0 || key.line >> 32 != 0 || key.link != 0 {
            return None;
        }
        // an index has bit 24 set, so that 0 is the default
        let color = |c: u32| (c & 0xff) + (c >> 24);
        let attributes = key.line as u32;
        Some(Look(color(fg) | color(bg) << 9 | attributes << 18))
    }
    fn unpack(self) -> Key {
        let color = |n: u32| match self.0 >> n & 0x1ff {
            0 => 0,
            i => 1 << 24 | u64::from(i - 1),
        };
        Key { colors: color(0) | color(9) << 32, line: u64::from(self.0 >> 18 & 0xfff), link: 0 }
    }
}

/// A pen in few words, to be compared and hashed. All zero is the plain one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(in crate::term) struct Key {
    /// Foreground, and 32 bits above it the background: 0, or 1 << 24 and an index, or 2 << 24 and red, green, blue.
    colors: u64,
    /// Attributes (bits 0 to 11: see [`Look`]), and 32 bits above them the underline's colour.
    line: u64,
    link: u32,
}

#[inline]
fn bits(c: Color) -> u64 {
    match c {
        Color::Default => 0,
        Color::Index(i) => 1 << 24 | u64::from(i),
        Color::Rgb(r, g, b) => 2 << 24 | u64::from(r) << 16 | u64::from(g) << 8 | u64::from(b),
    }
}

fn color(bits: u64) -> Color {
    match bits >> 24 & 3 {
        1 => Color::Index(bits as u8),
        2 => Color::Rgb((bits >> 16) as u8, (bits >> 8) as u8, bits as u8),
        _ => Color::Default,
    }
}

impl Key {
    pub const PLAIN: Key = Key { colors: 0, line: 0, link: 0 };

    #[inline]
    pub fn of(pen: &Pen) -> Key {
        let s = &pen.style;
        let bit = |on: bool, n: u32| u64::from(on) << n;
        Key {
            colors: bits(s.fg) | bits(s.bg) << 32,
            line: bits(s.underline_color) << 32
                | bit(s.bold, 0)
                | bit(s.dim, 1)
                | bit(s.italic, 2)
                | bit(s.blink, 3)
                | bit(s.inverse, 4)
                | bit(s.hidden, 5)
                | bit(s.strike, 6)
                | bit(s.overline, 7)
                | (s.underline as u64) << 8
                | bit(pen.protected, 11),
            link: pen.link,
        }
    }

    fn pen(self) -> Pen {
        let on = |n: u32| self.line >> n & 1 == 1;
        let underline = Underline::of_number((self.line >> 8 & 7) as u8).unwrap_or_default();
        let style = Style {
            fg: color(self.colors),
            bg: color(self.colors >> 32),
            underline_color: color(self.line >> 32),
            underline,
            bold: on(0),
            dim: on(1),
            italic: on(2),
            blink: on(3),
            inverse: on(4),
            hidden: on(5),
            strike: on(6),
            overline: on(7),
        };
        Pen { style, protected: on(11), link: self.link }
    }

    /// As it was, but erased by everybody: protection is the screen's alone.
    #[inline]
    pub fn unprotected(self) -> Key {
        Key { line: self.line & !(1 << 11), ..self }
    }

    /// See [`Pen::link`].
    #[inline]
    pub fn link(self) -> u32 {
        self.link
    }

    /// The same with the number of another link.
    #[inline]
    pub fn with_link(self, link: u32) -> Key {
        Key { link, ..self }
    }

    fn slot(self) -> usize {
        let mixed =
            (self.colors ^ self.line.rotate_left(17) ^ u64::from(self.link)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 54) as usize
    }
}

/// Pens looked for again among those of late, by hash: as many as [`Key::slot`] tells apart.
const RECENT: usize = 1024;

/// Pens by number.
#[derive(Clone, Default, Debug)]
pub(in crate::term) struct Pens {
    keys: Vec<Key>,
    /// The newest pen of each hash. One that is not found here is added once more.
    recent: Vec<u32>,
}

impl Pens {
    /// What each takes, in bytes.
    pub const BYTES: usize = size_of::<Key>();

    /// The number of a pen; it is added if it must be.
    #[inline]
    pub fn number(&mut self, key: Key) -> u32 {
        if self.recent.is_empty() {
            self.recent.resize(RECENT, 0);
        }
        let next = self.keys.len() as u32;
        let Some(n) = self.recent.get_mut(key.slot()) else { return 0 };
        if self.keys.get(*n as usize) != Some(&key) {
            self.keys.push(key);
            *n = next;
        }
        *n
    }

    /// The plain one if there is no such number.
    #[inline]
    pub fn key(&self, n: u32) -> Key {
        self.keys.get(n as usize).copied().unwrap_or_default()
    }

    pub fn pen(&self, n: u32) -> Pen {
        self.key(n).pen()
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Forgets those from number `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.keys.truncate(len);
    }

    /// Gives back what was allocated ahead: few or none will be added.
    pub fn shrink(&mut self) {
        self.keys.shrink_to_fit();
        self.recent = Vec::new();
    }
}

/// The pens that do not fit into a cell, and the addresses of links.
#[derive(Default)]
pub(in crate::term) struct Looks {
    /// Those that are there twice are made up for by cleaning.
    pens: Pens,
    links: Vec<Box<str>>,
    link_numbers: HashMap<Box<str>, u32, FixedState>,
}

impl Looks {
    /// The packed form of a pen; the table grows if it must.
    #[inline]
    pub fn look(&mut self, pen: &Pen) -> Look {
        self.of_key(Key::of(pen))
    }

    #[inline]
    fn of_key(&mut self, key: Key) -> Look {
        Look::pack(key).unwrap_or_else(|| Look(TABLE | self.pens.number(key)))
    }

    #[inline]
    pub fn key(&self, look: Look) -> Key {
        match look.index() {
            None => look.unpack(),
            Some(i) => self.pens.key(i),
        }
    }

    pub fn pen(&self, look: Look) -> Pen {
        self.key(look).pen()
    }

    /// The look of an erased cell: the background alone (BCE, xterm ctlseqs "Erase").
    pub fn erased(&mut self, look: Look) -> Look {
        match look.index() {
            None => Look(look.0 & BACKGROUND),
            Some(i) => {
                let key = self.pens.key(i);
                self.of_key(Key { colors: key.colors & BACKGROUND_KEY, ..Key::PLAIN })
            }
        }
    }

    pub fn is_protected(&self, look: Look) -> bool {
        match look.index() {
            None => look.0 >> 29 & 1 == 1,
            Some(i) => self.pens.key(i).line >> 11 & 1 == 1,
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
        match self.moved.get(i as usize) {
            Some(&n) if n != u32::MAX => return Look(TABLE | n),
            None => return Look::PLAIN,
            Some(_) => {}
        }
        let pen = self.pen(self.old.pen(look));
        let moved = self.new.look(&pen);
        if let (Some(slot), Some(n)) = (self.moved.get_mut(i as usize), moved.index()) {
            *slot = n;
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
            let underline = Underline::of_number(n).unwrap();
            pens.push(Pen {
                style: Style { underline, fg: Color::Index(n * 51), bg: Color::Index(255), ..Style::PLAIN },
                protected: n % 2 == 0,
                link: 0,
            });
        }
        assert!(pens.iter().all(|p| Look::pack(Key::of(p)).is_some()));
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
