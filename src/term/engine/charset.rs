//! Owns the choice between ASCII and DEC line drawing. Leaves out every other national set: programs speak UTF-8.

/// G0 and G1, each ASCII or line drawing, and which one is used (SI, SO).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Charsets {
    pub g0: bool,
    pub g1: bool,
    pub shifted: bool,
}

impl Charsets {
    /// Whether line drawing is on.
    pub fn drawing(self) -> bool {
        if self.shifted { self.g1 } else { self.g0 }
    }

    /// `ESC ( x`, `ESC ) x`.
    pub fn designate(&mut self, set: u8, name: u8) {
        match set {
            b'(' => self.g0 = name == b'0',
            b')' => self.g1 = name == b'0',
            _ => {}
        }
    }
}

/// What line drawing shows for a character.
pub(super) fn drawn(c: char) -> char {
    match c {
        '_' => ' ',
        '`' => '◆',
        'a' => '▒',
        'b' => '␉',
        'c' => '␌',
        'd' => '␍',
        'e' => '␊',
        'f' => '°',
        'g' => '±',
        'h' => '␤',
        'i' => '␋',
        'j' => '┘',
        'k' => '┐',
        'l' => '┌',
        'm' => '└',
        'n' => '┼',
        'o' => '⎺',
        'p' => '⎻',
        'q' => '─',
        'r' => '⎼',
        's' => '⎽',
        't' => '├',
        'u' => '┤',
        'v' => '┴',
        'w' => '┬',
        'x' => '│',
        'y' => '≤',
        'z' => '≥',
        '{' => 'π',
        '|' => '≠',
        '}' => '£',
        '~' => '·',
        c => c,
    }
}
