//! Owns the raw output of a session by offset: the newest `capacity` bytes.
//! Leaves out who reads it: pushing waits for nobody.

use crate::proto::control::SessionCreate;
use crate::proto::ids::Offset;

/// 1 MiB
pub const DEFAULT: u64 = 1 << 20;
/// 4 KiB
pub const LEAST: u64 = *SessionCreate::RING.start();
/// 1 GiB
pub const MOST: u64 = *SessionCreate::RING.end();

/// Grows with what is in it, up to its capacity; then the oldest bytes make way.
pub struct Ring {
    buf: Vec<u8>,
    /// Where the next byte goes, once `buf` is as long as `capacity`.
    head: usize,
    capacity: usize,
    end: Offset,
}

impl Ring {
    /// `capacity` in bytes, brought between 4 KiB and 1 GiB.
    pub fn new(capacity: u64) -> Ring {
        Ring { buf: Vec::new(), head: 0, capacity: capacity.clamp(LEAST, MOST) as usize, end: 0 }
    }

    /// Offset of the oldest byte held.
    pub fn start(&self) -> Offset {
        self.end - self.buf.len() as u64
    }

    /// Offset of the next byte.
    pub fn end(&self) -> Offset {
        self.end
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        let bytes = bytes.get(bytes.len().saturating_sub(self.capacity)..).unwrap_or_default();
        let room = self.capacity - self.buf.len();
        let (grow, wrap) = bytes.split_at(room.min(bytes.len()));
        if !grow.is_empty() {
            if self.buf.len() + grow.len() > self.buf.capacity() {
                // doubling, but never past the capacity: a full ring is exactly as large as asked for
                let want = (self.buf.len() * 2).max(self.buf.len() + grow.len()).max(16 << 10).min(self.capacity);
                self.buf.reserve_exact(want - self.buf.len());
            }
            self.buf.extend_from_slice(grow);
        }
        let mut rest = wrap;
        while !rest.is_empty() {
            let n = rest.len().min(self.capacity - self.head);
            let (now, later) = rest.split_at(n);
            if let Some(place) = self.buf.get_mut(self.head..self.head + n) {
                place.copy_from_slice(now);
            }
            self.head = (self.head + n) % self.capacity;
            rest = later;
        }
    }

    /// What is held of `from..to`, as two slices in order. Both are empty where nothing is.
    pub fn slices(&self, from: Offset, to: Offset) -> (&[u8], &[u8]) {
        let (from, to) = (from.clamp(self.start(), self.end), to.clamp(self.start(), self.end));
        if from >= to {
            return (&[], &[]);
        }
        let len = self.buf.len();
        let (a, n) = ((from - self.start()) as usize, (to - from) as usize);
        // `head` is where the oldest byte lies once the ring is full, 0 before
        let oldest = if len == self.capacity { self.head } else { 0 };
        let first = (oldest + a) % len;
        let n1 = n.min(len - first);
        (self.buf.get(first..first + n1).unwrap_or_default(), self.buf.get(..n - n1).unwrap_or_default())
    }

    /// As one piece, at most `most` bytes, not across the seam: for sending without a copy.
    pub fn piece(&self, from: Offset, most: usize) -> &[u8] {
        let (a, b) = self.slices(from, from.saturating_add(most as u64));
        if a.is_empty() { b } else { a }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn holds_the_newest() {
        let mut r = Ring::new(LEAST);
        let all: Vec<u8> = (0..10_000u32).map(|i| (i % 251) as u8).collect();
        for chunk in all.chunks(333) {
            r.push(chunk);
        }
        assert_eq!((r.start(), r.end()), (10_000 - 4096, 10_000));
        let (a, b) = r.slices(0, u64::MAX);
        assert_eq!([a, b].concat(), all[10_000 - 4096..]);
        assert_eq!(r.slices(3, 5), (&[][..], &[][..]));
    }

    #[test]
    fn allocates_what_it_holds() {
        let mut r = Ring::new(MOST);
        r.push(b"x");
        assert!(r.buf.capacity() <= 16 << 10);
    }

    proptest! {
        #[test]
        fn like_a_plain_vector(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6000), 0..12), from in 0u64..40_000, n in 0u64..9000) {
            let mut r = Ring::new(LEAST);
            let mut all = Vec::new();
            for c in &chunks {
                r.push(c);
                all.extend_from_slice(c);
            }
            prop_assert_eq!(r.end(), all.len() as u64);
            let (a, b) = r.slices(from, from + n);
            let lo = (from.max(r.start()) as usize).min(all.len());
            let hi = ((from + n).max(r.start()) as usize).min(all.len());
            prop_assert_eq!([a, b].concat(), all[lo..hi.max(lo)].to_vec());
        }
    }
}
