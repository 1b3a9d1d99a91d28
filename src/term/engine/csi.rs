//! Owns a control sequence: its parameters, and the reading of one that stands whole in a buffer.
//! Leaves out what sequences do; those that are cut or odd are the `vte` crate's to read.

/// `ESC [ marker parameters intermediate last` (ECMA-48 5.4).
#[derive(Clone, Copy, Debug)]
pub(in crate::term) struct Csi {
    /// One of `< = > ?`, or 0.
    pub marker: u8,
    /// 0 if there is none; two are nobody's.
    pub intermediate: u8,
    pub last: u8,
    len: u8,
    /// Bit n: parameter n stands after a colon.
    colons: u32,
    params: [u16; Csi::MOST],
}

impl Csi {
    /// As many parameters as vte keeps.
    pub const MOST: usize = 32;

    pub const fn new() -> Csi {
        Csi { marker: 0, intermediate: 0, last: 0, len: 0, colons: 0, params: [0; Csi::MOST] }
    }

    fn push(&mut self, value: u16, colon: bool) -> bool {
        let Some(slot) = self.params.get_mut(usize::from(self.len)) else { return false };
        *slot = value;
        self.colons |= u32::from(colon) << self.len;
        self.len += 1;
        true
    }

    /// Reads what stands after `ESC [`: the sequence and its length. None if it is not whole, or not plain: digits,
    /// `;` and `:`, at most one marker at its start, no intermediate.
    #[inline]
    pub fn read(bytes: &[u8]) -> Option<(Csi, usize)> {
        let mut csi = Csi::new();
        let mut i = 0;
        if let Some(&b @ 0x3c..=0x3f) = bytes.first() {
            csi.marker = b;
            i = 1;
        }
        let mut value = 0u16;
        let mut colon = false;
        loop {
            let b = *bytes.get(i)?;
            i += 1;
            match b {
                b'0'..=b'9' => value = value.saturating_mul(10).saturating_add(u16::from(b - b'0')),
                b';' | b':' => {
                    if !csi.push(value, colon) {
                        return None;
                    }
                    value = 0;
                    colon = b == b':';
                }
                0x40..=0x7e => {
                    if !csi.push(value, colon) {
                        return None;
                    }
                    csi.last = b;
                    return Some((csi, i));
                }
                _ => return None,
            }
        }
    }

    /// What vte read. None if there was too much of it.
    pub fn of_vte(params: &vte::Params, intermediates: &[u8], ignore: bool, last: char) -> Option<Csi> {
        let mut csi = Csi { last: u8::try_from(last).ok()?, ..Csi::new() };
        for group in params.iter() {
            for (i, value) in group.iter().enumerate() {
                csi.push(*value, i > 0);
            }
        }
        let (marker, rest) = match intermediates {
            [m @ 0x3c..=0x3f, rest @ ..] => (*m, rest),
            rest => (0, rest),
        };
        csi.marker = marker;
        match rest {
            [] => {}
            [one] => csi.intermediate = *one,
            _ => return None,
        }
        // beyond 32 parameters the first ones still hold; a third intermediate makes it another sequence
        (!ignore || csi.len as usize == Csi::MOST).then_some(csi)
    }

    pub fn len(&self) -> usize {
        usize::from(self.len)
    }
    /// Parameter `i`; 0 if it is not there.
    pub fn param(&self, i: usize) -> u16 {
        if i < self.len() { self.params.get(i).copied().unwrap_or(0) } else { 0 }
    }
    /// Parameter `i` as a count: at least 1.
    pub fn count(&self, i: usize) -> usize {
        usize::from(self.param(i).max(1))
    }
    /// Whether parameter `i` stands after a colon.
    pub fn is_sub(&self, i: usize) -> bool {
        self.colons >> i & 1 == 1
    }
    pub fn params(&self) -> &[u16] {
        self.params.get(..self.len()).unwrap_or_default()
    }
    /// No parameter was given, or an empty one.
    pub fn is_empty(&self) -> bool {
        self.len == 1 && self.param(0) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Got(Option<Csi>);
    impl vte::Perform for Got {
        fn csi_dispatch(&mut self, params: &vte::Params, intermediates: &[u8], ignore: bool, last: char) {
            self.0 = Csi::of_vte(params, intermediates, ignore, last);
        }
    }

    #[test]
    fn reads_what_vte_reads() {
        for body in ["m", "1;2H", "?1049h", ">c", "38:2::1:2:3;4:3m", ";;5r", "99999999A", "<u", "=5;1u", ":m"] {
            let (fast, used) = Csi::read(body.as_bytes()).unwrap();
            assert_eq!(used, body.len());
            let (mut got, mut parser) = (Got::default(), vte::Parser::new());
            parser.advance(&mut got, format!("\x1b[{body}").as_bytes());
            let slow = got.0.unwrap();
            assert_eq!(
                (fast.marker, fast.last, fast.params(), fast.colons),
                (slow.marker, slow.last, slow.params(), slow.colons),
                "{body}"
            );
        }
        let (many, too_many) = (";".repeat(31) + "m", ";".repeat(32) + "m");
        assert_eq!(Csi::read(many.as_bytes()).unwrap().0.len(), 32);
        for odd in ["", "1", "1;", "1\n", "1 q", "1?h", "!p", &too_many] {
            assert!(Csi::read(odd.as_bytes()).is_none(), "{odd}");
        }
    }
}
