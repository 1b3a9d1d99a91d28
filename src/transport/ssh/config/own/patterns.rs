//! Owns patterns of names: `*`, `?`, lists with `!`. ssh_config(5), PATTERNS. Pure.

/// One pattern against the whole of a text.
pub(in crate::transport::ssh::config) fn fits(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut t, mut p, mut star) = (0, 0, None);
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(one) if *one == '?' || one == c => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    t = from + 1;
                    star = Some((at, t));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// A list's word on a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Listed {
    Yes,
    No,
    /// A pattern with `!` fits.
    Never,
}

/// A list parted by commas; one that is too long (1023 and more) fits nothing, as in OpenSSH.
pub(super) fn listed(text: &str, list: &str, lower: bool) -> Listed {
    let mut found = Listed::No;
    if list.is_empty() {
        return found;
    }
    // nothing behind the last comma is no pattern
    for part in list.strip_suffix(',').unwrap_or(list).split(',') {
        let (not, part) = match part.strip_prefix('!') {
            Some(part) => (true, part),
            None => (false, part),
        };
        if part.chars().count() >= 1023 {
            return Listed::No;
        }
        let part = if lower { part.to_ascii_lowercase() } else { part.to_string() };
        if fits(text, &part) {
            if not {
                return Listed::Never;
            }
            found = Listed::Yes;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (text, pattern, want) in
            [("web", "w*", true), ("web", "*b", true), ("web", "w?b", true), ("web", "W*", false), ("", "*", true)]
        {
            assert_eq!(fits(text, pattern), want, "{text} {pattern}");
        }
        assert!(!fits(&"a".repeat(5000), &"*a".repeat(200).replace("aa", "ab").replace("*a*a", "*b*a")));
        assert_eq!(listed("web", "db,web", false), Listed::Yes);
        assert_eq!(listed("web", "w*,!web", false), Listed::Never);
        assert_eq!(listed("web", "WEB", true), Listed::Yes);
        assert_eq!(listed("web", "WEB", false), Listed::No);
        assert_eq!(listed("", "", false), Listed::No);
    }
}
