//! Owns the parts of a control sequence: private marker, numbers, intermediates, final byte.
//! Leaves out what a sequence does.

/// A CSI taken apart. Numbers that are too big become 65535; missing ones are 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Csi<'a> {
    /// `?`, `>`, `=`, `<`, or 0.
    pub marker: u8,
    /// Digits, `;` and `:`.
    pub numbers: &'a [u8],
    /// 0 if none.
    pub intermediate: u8,
    pub last: u8,
}

impl<'a> Csi<'a> {
    /// `body` = what follows `ESC [`. None if it has no sensible form.
    pub fn parse(body: &'a [u8]) -> Option<Csi<'a>> {
        let (&last, body) = body.split_last()?;
        let (marker, body) = match body.split_first() {
            Some((&m @ b'<'..=b'?', rest)) => (m, rest),
            _ => (0, body),
        };
        let len = body.iter().position(|b| !matches!(b, b'0'..=b';')).unwrap_or(body.len());
        let (numbers, rest) = body.split_at(len);
        let intermediate = match rest {
            [] => 0,
            [i @ 0x20..=0x2f] => *i,
            _ => return None,
        };
        Some(Csi { marker, numbers, intermediate, last })
    }

    /// The parameters; of one with `:` only the first number counts here.
    pub fn params(&self) -> impl Iterator<Item = u16> + 'a {
        self.numbers.split(|&b| b == b';').map(|p| number(p.split(|&b| b == b':').next().unwrap_or(b"")))
    }

    /// Parameter `i`, 0 if missing.
    pub fn param(&self, i: usize) -> u16 {
        self.params().nth(i).unwrap_or(0)
    }

    /// Parameter `i` as a count: missing and 0 mean 1.
    pub fn count(&self, i: usize) -> u16 {
        self.param(i).max(1)
    }
}

/// A decimal number, at most 65535.
pub(super) fn number(digits: &[u8]) -> u16 {
    digits
        .iter()
        .filter(|b| b.is_ascii_digit())
        .fold(0u16, |n, b| n.saturating_mul(10).saturating_add(u16::from(b.wrapping_sub(b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let c = Csi::parse(b"?1;2$p").unwrap();
        assert_eq!((c.marker, c.intermediate, c.last, c.param(0), c.param(1), c.param(2)), (b'?', b'$', b'p', 1, 2, 0));
        let c = Csi::parse(b"H").unwrap();
        assert_eq!((c.marker, c.count(0), c.numbers), (0, 1, &b""[..]));
        assert_eq!(Csi::parse(b"99999999;4:3m").unwrap().params().collect::<Vec<_>>(), [65535, 4]);
        assert!(Csi::parse(b"").is_none());
        assert!(Csi::parse(b"1$2p").is_none());
    }
}
