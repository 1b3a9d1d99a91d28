//! Owns what is known of a container's directories: which were seen a moment ago, and which are being made by us. A program
//! started in a container takes its engine tens of milliseconds: so a directory that is missing is promised, and made with
//! the first files that come into it. Pure, but for the clock.

use crate::proto::control::FilePath;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What was seen is so for that long; for who reads a tree, longer: where it is gone meanwhile, that is said in its turn.
const SEEN: Duration = Duration::from_secs(2);
const SEEN_BY_READERS: Duration = Duration::from_secs(20);
/// No more are remembered.
const MOST: usize = 50_000;

#[derive(Default)]
pub struct Known {
    seen: HashMap<FilePath, Instant>,
    /// Directories of ours.
    ours: HashMap<FilePath, Ours>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ours {
    Promised,
    /// It is there, and has not got its mode yet: what we have not put into it is not in it.
    Made,
    Finished,
}

impl Known {
    /// A directory, and no link, is there.
    pub fn see(&mut self, path: FilePath) {
        if self.seen.len() >= MOST {
            self.seen.clear();
        }
        self.seen.insert(path, Instant::now());
    }

    /// Whether a directory is there, or as good as there.
    pub fn has(&self, path: &FilePath, reads: bool) -> bool {
        let so_long = if reads { SEEN_BY_READERS } else { SEEN };
        self.is_fresh(path) || self.seen.get(path).is_some_and(|at| at.elapsed() < so_long)
    }

    /// Whether nothing can be there: it lies in what is only promised.
    pub fn is_missing(&self, path: &FilePath) -> bool {
        let above = path.split().and_then(|(above, _)| self.ours.get(&above));
        above == Some(&Ours::Promised) && !self.is_fresh(path)
    }

    /// Whether no directory is there: what it would lie in is being made here, and it was not.
    pub fn is_no_dir(&self, path: &FilePath) -> bool {
        !self.ours.contains_key(path) && path.split().is_some_and(|(above, _)| self.is_fresh(&above))
    }

    /// It will be made.
    pub fn promise(&mut self, path: FilePath) {
        if !self.is_fresh(&path) {
            if self.ours.len() >= MOST {
                self.ours.retain(|_, how| *how != Ours::Finished);
            }
            self.ours.insert(path, Ours::Promised);
        }
    }

    pub fn is_fresh(&self, path: &FilePath) -> bool {
        matches!(self.ours.get(path), Some(Ours::Promised | Ours::Made))
    }

    /// What is to be made before something can come into a directory, the uppermost first.
    pub fn promised(&self, path: &FilePath) -> Vec<FilePath> {
        let mut all = Vec::new();
        let mut at = path.clone();
        while let Some(how @ (Ours::Promised | Ours::Made)) = self.ours.get(&at) {
            if *how == Ours::Promised {
                all.push(at.clone());
            }
            let Some((above, _)) = at.split() else { break };
            at = above;
        }
        all.reverse();
        all
    }

    pub fn made(&mut self, paths: &[FilePath]) {
        for path in paths {
            self.ours.insert(path.clone(), Ours::Made);
        }
    }

    /// It has its mode: it is one like others.
    pub fn finished(&mut self, path: &FilePath) {
        if let Some(how) = self.ours.get_mut(path) {
            *how = Ours::Finished;
        }
        self.see(path.clone());
    }

    /// The directory above all that is being made here, and the way from there.
    pub fn base(&self, path: &FilePath) -> (FilePath, Vec<u8>) {
        let (mut base, mut way) = (path.clone(), Vec::new());
        while self.is_fresh(&base)
            && let Some((above, name)) = base.split()
        {
            way = if way.is_empty() { name.as_bytes().to_vec() } else { [name.as_bytes(), b"/", &way].concat() };
            base = above;
        }
        (base, way)
    }

    /// What was there goes, and what lies in it; what is being made elsewhere stays so.
    pub fn forget(&mut self, path: &FilePath) {
        let is_in = |other: &FilePath| {
            let rest = other.as_bytes().strip_prefix(path.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        self.seen.retain(|other, _| !is_in(other));
        self.ours.retain(|other, _| !is_in(other));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FilePath {
        FilePath::new(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn what_is_promised_is_made_from_above() {
        let mut known = Known::default();
        assert!(!known.has(&path("/a"), true) && known.promised(&path("/a")).is_empty());
        known.see(path("/a"));
        known.promise(path("/a/b"));
        known.promise(path("/a/b/c"));
        assert!(
            known.has(&path("/a/b/c"), false) && known.is_missing(&path("/a/b/x")) && !known.is_missing(&path("/a/x"))
        );
        assert_eq!(known.promised(&path("/a/b/c")), [path("/a/b"), path("/a/b/c")]);
        assert_eq!(known.base(&path("/a/b/c")), (path("/a"), b"b/c".to_vec()));
        assert_eq!(known.base(&path("/a")), (path("/a"), Vec::new()));
        known.made(&[path("/a/b")]);
        assert_eq!(known.promised(&path("/a/b/c")), [path("/a/b/c")]);
        assert!(
            !known.is_missing(&path("/a/b/x")) && known.is_no_dir(&path("/a/b/x")) && !known.is_no_dir(&path("/a/x"))
        );
        known.made(&[path("/a/b/c")]);
        known.finished(&path("/a/b/c"));
        assert!(!known.is_no_dir(&path("/a/b/c")) && !known.is_fresh(&path("/a/b/c")));
        known.promise(path("/a/b/c"));
        known.finished(&path("/a/b"));
        assert_eq!(known.base(&path("/a/b/c")), (path("/a/b"), b"c".to_vec()));
        known.see(path("/ab"));
        known.promise(path("/c"));
        known.forget(&path("/a"));
        assert!(!known.has(&path("/a"), true) && !known.is_fresh(&path("/a/b/c")));
        // what is promised elsewhere is still to be made
        assert!(known.has(&path("/ab"), false) && known.promised(&path("/c")) == [path("/c")]);
    }
}
