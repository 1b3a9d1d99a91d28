//! Owns chance that is the same each time, and the variation of a kept input by it. Leaves out what is done with it.
#![allow(dead_code)]

/// xorshift64*: small, quick, good enough to choose with.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Equal seeds, equal numbers.
    pub fn new(seed: u64) -> Random {
        // the one state it would never leave
        Random(if seed == 0 { 1 } else { seed })
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// 0 to n - 1; 0 if there is nothing to choose from.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { ((self.next() >> 33) % n as u64) as usize }
    }

    /// Both ends are possible.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// Once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// `data` after one to six small accidents; `other` lends pieces.
pub fn varied(data: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    const SPICE: &[u8] =
        b"\0\x01\x07\x0d\x0a\x1b\x18\x1a[]?;:0123456789hlmJKHr\\\xff\xfe\x7f\x80\x9b\xc3\xe2{}\",'%$*!@| ";
    let mut out = data.to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(out.len() + 1);
        match random.below(6) {
            0 => out.truncate(at),
            1 if at < out.len() => out[at] ^= 1 << random.below(8),
            2 if at < out.len() => drop(out.remove(at)),
            3 => {
                let from = random.below(other.len());
                let piece = other[from..(from + random.below(40)).min(other.len())].to_vec();
                out.splice(at..at, piece);
            }
            4 => {
                let piece = out[at..(at + random.below(20)).min(out.len())].repeat(random.below(5));
                out.splice(at..at, piece);
            }
            _ => out.insert(at, SPICE[random.below(SPICE.len())]),
        }
    }
    out
}
