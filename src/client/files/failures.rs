//! Owns failures that are kept to be read: the first of them, however many a host tells and whatever it writes. Leaves out
//! counting them.

use crate::proto::control::Failed;
use std::ops::Deref;

/// Failures kept, and bytes of their paths and words.
pub const MOST: usize = 10_000;
const BYTES: usize = 1 << 20;
/// Bytes of the words of one.
const WORDS: usize = 500;

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Failures {
    kept: Vec<Failed>,
    bytes: usize,
}

impl Failures {
    /// Keeps it, with no more than so many words; none = there are too many by now.
    pub fn add(&mut self, mut failed: Failed) -> Option<&Failed> {
        let words = &mut failed.why.message;
        if words.len() > WORDS {
            let end = words.char_indices().map(|(at, _)| at).take_while(|at| *at <= WORDS).last();
            words.truncate(end.unwrap_or(0));
            words.push('…');
            words.shrink_to_fit();
        }
        let bytes = self.bytes + failed.path.as_bytes().len() + failed.why.message.len();
        if self.kept.len() >= MOST || bytes > BYTES {
            return None;
        }
        self.bytes = bytes;
        self.kept.push(failed);
        self.kept.last()
    }

    pub fn clear(&mut self) {
        *self = Failures::default();
    }
}

impl Deref for Failures {
    type Target = [Failed];
    fn deref(&self) -> &[Failed] {
        &self.kept
    }
}

impl<'a> IntoIterator for &'a Failures {
    type Item = &'a Failed;
    type IntoIter = std::slice::Iter<'a, Failed>;
    fn into_iter(self) -> Self::IntoIter {
        self.kept.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::control::{Fault, FilePath};

    #[test]
    fn a_host_that_tells_much_is_kept_short() {
        let failed = |path: &str, words: &str| Failed {
            path: FilePath::new(path).unwrap(),
            why: Fault::new(Fault::REFUSED, words),
        };
        let mut all = Failures::default();
        assert_eq!(all.add(failed("a", "no")), Some(&failed("a", "no")));
        let long = &all.add(failed("b", &"ä".repeat(1 << 20))).unwrap().why.message;
        assert!(long.starts_with("ää") && long.ends_with('…') && long.len() <= WORDS + 3, "{}", long.len());
        while all.add(failed(&"x".repeat(FilePath::MOST), "no")).is_some() {}
        assert!(all.len() < 100, "{}", all.len());
        all.clear();
        for _ in 0..2 * MOST {
            all.add(failed("x", "no"));
        }
        assert_eq!(all.len(), MOST);
    }
}
