//! Owns file names by pattern, as glob(3) without flags. Leaves out `~`.

use super::words::{latin, os};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// So many are enough for any ssh_config.
const FILES_MOST: usize = 10_000;

/// What is there of a pattern with `*`, `?` and `[...]`, in the order of bytes. Texts are Latin-1.
pub fn files(pattern: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for (i, part) in pattern.split('/').enumerate() {
        let mut next = Vec::new();
        for dir in &found {
            let join = |name: &str| if i == 0 { name.to_string() } else { format!("{dir}/{name}") };
            if !part.contains(['*', '?', '[']) {
                next.push(join(&unescaped(part)));
                continue;
            }
            let here = if i == 0 { "." } else { dir.as_str() };
            let here = if here.is_empty() { "/" } else { here };
            let Ok(list) = std::fs::read_dir(Path::new(&os(here))) else { continue };
            for entry in list.flatten() {
                let name = latin(entry.file_name().as_bytes());
                if (!name.starts_with('.') || part.starts_with('.')) && next.len() < FILES_MOST && fits(part, &name) {
                    next.push(join(&name));
                }
            }
        }
        found = next;
    }
    found.retain(|path| Path::new(&os(path)).symlink_metadata().is_ok());
    found.sort();
    found
}

fn unescaped(part: &str) -> String {
    let mut chars = part.chars();
    let mut out = String::new();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}

/// One part of a pattern against one name. Stars cost a walk back each, never more than the product of both lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let pattern: Vec<One> = parse(pattern);
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n, mut star) = (0, 0, None);
    while let Some(c) = name.get(n) {
        match pattern.get(p) {
            Some(One::Star) => {
                star = Some((p, n));
                p += 1;
            }
            Some(one) if one.takes(*c) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    n = from + 1;
                    star = Some((at, n));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|one| matches!(one, One::Star))
}

enum One {
    Star,
    Any,
    Is(char),
    /// Ranges, and whether it is they that are left out.
    Of(Vec<(char, char)>, bool),
}

impl One {
    fn takes(&self, c: char) -> bool {
        match self {
            One::Star => false,
            One::Any => true,
            One::Is(is) => *is == c,
            One::Of(ranges, not) => ranges.iter().any(|(a, b)| (*a..=*b).contains(&c)) != *not,
        }
    }
}

fn parse(pattern: &str) -> Vec<One> {
    let mut out = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '*' => One::Star,
            '?' => One::Any,
            '\\' => One::Is(chars.next().unwrap_or('\\')),
            '[' => match set(chars.as_str()) {
                Some((set, rest)) => {
                    chars = rest.chars();
                    set
                }
                None => One::Is('['),
            },
            c => One::Is(c),
        });
    }
    out
}

/// What stands in brackets and what follows; `None` = they are not closed.
fn set(text: &str) -> Option<(One, &str)> {
    let inner = text.strip_prefix(['!', '^']);
    let mut chars = inner.unwrap_or(text).chars();
    let mut ranges: Vec<(char, char)> = Vec::new();
    loop {
        let mut from = chars.next()?;
        if from == ']' && !ranges.is_empty() {
            return Some((One::Of(ranges, inner.is_some()), chars.as_str()));
        }
        if from == '\\' {
            from = chars.next()?;
        }
        let mut ahead = chars.clone();
        ranges.push(match (ahead.next(), ahead.next()) {
            (Some('-'), Some(to)) if to != ']' => {
                chars = ahead;
                (from, to)
            }
            _ => (from, from),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_pattern() {
        for (pattern, name, want) in [
            ("*", "a", true),
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf~", false),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[a", "[a", true),
            ("a\\*", "a*", true),
            ("*a*b*", "xxaxxbxx", true),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern, name), want, "{pattern} {name}");
        }
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a", ".c", "d[1]"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let here = dir.path().display();
        let found = |p: &str| files(&format!("{here}/{p}")).len();
        assert_eq!((found("*"), found(".*"), found("a"), found("e"), found("d\\[1]")), (3, 1, 1, 0, 1));
        assert!(files(&format!("{here}/*")).is_sorted());
    }
}
