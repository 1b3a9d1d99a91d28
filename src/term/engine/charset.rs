//! Owns the character sets: what G0 to G3 hold, which of them is used, what a byte becomes (ISO 2022, VT220 to VT510).
//! Leaves out UTF-8: sets change what printable ASCII means, and nothing else.

/// A set of 94 characters.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Set {
    #[default]
    Ascii,
    /// `0`: DEC special graphics.
    Lines,
    /// `>`: DEC technical.
    Technical,
    /// A national replacement set, by its final byte.
    National(u8),
}

impl Set {
    /// `ESC ( name`; ASCII for those nobody knows.
    pub fn named(name: u8) -> Set {
        match name {
            b'0' | b'2' => Set::Lines,
            b'>' => Set::Technical,
            b'A' | b'4' | b'C' | b'5' | b'R' | b'f' | b'Q' | b'9' | b'K' | b'Y' | b'`' | b'E' | b'6' | b'Z' | b'H'
            | b'7' | b'=' => Set::National(match name {
                b'5' => b'C',
                b'f' => b'R',
                b'9' => b'Q',
                b'E' | b'6' => b'`',
                b'7' => b'H',
                name => name,
            }),
            _ => Set::Ascii,
        }
    }

    /// The final byte that names it.
    pub const fn name(self) -> u8 {
        match self {
            Set::Ascii => b'B',
            Set::Lines => b'0',
            Set::Technical => b'>',
            Set::National(name) => name,
        }
    }

    pub fn char(self, byte: u8) -> char {
        let plain = char::from(byte);
        match self {
            Set::Ascii => plain,
            Set::Lines => match byte {
                0x5f..=0x7e => LINES.get(usize::from(byte - 0x5f)).copied().unwrap_or(plain),
                _ => plain,
            },
            Set::Technical => match byte {
                0x21..=0x7e => TECHNICAL.get(usize::from(byte - 0x21)).copied().filter(|c| *c != ' ').unwrap_or(plain),
                _ => plain,
            },
            Set::National(name) => {
                let Some((_, chars)) = NATIONAL.iter().find(|(n, _)| *n == name) else { return plain };
                let at = POSITIONS.iter().position(|p| *p == byte);
                at.and_then(|i| chars.get(i)).copied().unwrap_or(plain)
            }
        }
    }
}

/// 0x5f to 0x7e.
const LINES: [char; 32] = [
    ' ', '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼', '⎽', '├', '┤',
    '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];

/// 0x21 to 0x7e; a space where there is nothing.
const TECHNICAL: [char; 94] = [
    '⎷', '┌', '─', '⌠', '⌡', '│', '⎡', '⎣', '⎤', '⎦', '⎛', '⎝', '⎞', '⎠', '⎨', '⎬', ' ', ' ', ' ', ' ', ' ', ' ', ' ',
    ' ', ' ', ' ', ' ', '≤', '≠', '≥', '∫', '∴', '∝', '∞', '÷', 'Δ', '∇', 'Φ', 'Γ', '∼', '≃', 'Θ', '×', 'Λ', '⇔', '⇒',
    '≡', 'Π', 'Ψ', ' ', 'Σ', ' ', ' ', '√', 'Ω', 'Ξ', 'Υ', '⊂', '⊃', '∩', '∪', '∧', '∨', '¬', 'α', 'β', 'χ', 'δ', 'ε',
    'φ', 'γ', 'η', 'ι', 'θ', 'κ', 'λ', ' ', 'ν', '∂', 'π', 'ψ', 'ρ', 'σ', 'τ', ' ', 'ƒ', 'ω', 'ξ', 'υ', 'ζ', '←', '↑',
    '→', '↓',
];

/// The bytes that national sets replace.
const POSITIONS: [u8; 12] = [b'#', b'@', b'[', b'\\', b']', b'^', b'_', b'`', b'{', b'|', b'}', b'~'];

/// VT220 Programmer Reference, table 2-5 ff.
const NATIONAL: [(u8, [char; 12]); 11] = [
    (b'A', ['£', '@', '[', '\\', ']', '^', '_', '`', '{', '|', '}', '~']),
    (b'4', ['£', '¾', 'ĳ', '½', '|', '^', '_', '`', '¨', 'ƒ', '¼', '´']),
    (b'C', ['#', '@', 'Ä', 'Ö', 'Å', 'Ü', '_', 'é', 'ä', 'ö', 'å', 'ü']),
    (b'R', ['£', 'à', '°', 'ç', '§', '^', '_', '`', 'é', 'ù', 'è', '¨']),
    (b'Q', ['#', 'à', 'â', 'ç', 'ê', 'î', '_', 'ô', 'é', 'ù', 'è', 'û']),
    (b'K', ['#', '§', 'Ä', 'Ö', 'Ü', '^', '_', '`', 'ä', 'ö', 'ü', 'ß']),
    (b'Y', ['£', '§', '°', 'ç', 'é', '^', '_', 'ù', 'à', 'ò', 'è', 'ì']),
    (b'`', ['#', 'Ä', 'Æ', 'Ø', 'Å', 'Ü', '_', 'ä', 'æ', 'ø', 'å', 'ü']),
    (b'Z', ['£', '§', '¡', 'Ñ', '¿', '^', '_', '`', '°', 'ñ', 'ç', '~']),
    (b'H', ['#', 'É', 'Ä', 'Ö', 'Å', 'Ü', '_', 'é', 'ä', 'ö', 'å', 'ü']),
    (b'=', ['ù', 'à', 'é', 'ç', 'ê', 'î', 'è', 'ô', 'ä', 'ö', 'ü', 'û']),
];

/// G0 to G3 and which of them is in use.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Charsets {
    pub sets: [Set; 4],
    /// The set that printable ASCII is read in (locking shifts).
    pub gl: u8,
    /// The set for the one character that comes next (SS2, SS3).
    pub single: Option<u8>,
}

impl Charsets {
    /// Nothing to be translated.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.single.is_none() && self.sets.get(usize::from(self.gl)).is_none_or(|s| *s == Set::Ascii)
    }

    /// `ESC ( name` and its like; `which` is the intermediate.
    pub fn designate(&mut self, which: u8, name: u8) {
        let slot = match which {
            b'(' => 0,
            b')' | b'-' => 1,
            b'*' | b'.' => 2,
            b'+' | b'/' => 3,
            _ => return,
        };
        // sets of 96 have nothing to do with ASCII
        let set = if matches!(which, b'-' | b'.' | b'/') { Set::Ascii } else { Set::named(name) };
        if let Some(s) = self.sets.get_mut(slot) {
            *s = set;
        }
    }

    /// What a byte becomes; a single shift is used up.
    pub fn translate(&mut self, byte: u8) -> char {
        let slot = self.single.take().unwrap_or(self.gl);
        self.sets.get(usize::from(slot)).copied().unwrap_or_default().char(byte)
    }
}
