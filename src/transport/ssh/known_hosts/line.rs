//! Owns one line of known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): its mark, whom it names, its key. Leaves out
//! what follows from it. Bytes throughout, as in OpenSSH: what is no UTF-8 stands for itself and hides nothing.

use super::HostKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Revoked,
    Authority,
    /// One we do not know.
    Other,
}

pub(super) struct Line<'a> {
    pub(super) mark: Mark,
    hosts: &'a [u8],
    /// `None` = can't be read.
    pub(super) key: Option<HostKey>,
}

/// The lines that name hosts, with their numbers from 1.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Line<'_>)> {
    text.split(|b| *b == b'\n').enumerate().filter_map(|(i, raw)| parse(raw).map(|l| (i + 1, l)))
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The first field, and what is behind the byte that ends it. A NUL ends one too: OpenSSH reads on behind one that
/// ends the names, so a line is not over there.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.get(line.iter().take_while(|b| is_blank(b)).count()..).unwrap_or_default();
    let end = line.iter().position(|b| is_blank(b) || *b == 0).unwrap_or(line.len());
    (line.get(..end).unwrap_or_default(), line.get(end + 1..).unwrap_or_default())
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    let (first, rest) = field(line);
    if first.starts_with(b"#") {
        return None;
    }
    let mark = match first {
        b"@revoked" => Mark::Revoked,
        // OpenSSH looks for a blank first, then for a TAB: after a TAB it knows this one only where no blank follows
        b"@cert-authority" => {
            let end = line.iter().skip_while(|b| is_blank(b)).nth(first.len());
            let plain = end == Some(&b' ') || end == Some(&b'\t') && !rest.contains(&b' ');
            if plain { Mark::Authority } else { Mark::Other }
        }
        [b'@', ..] => Mark::Other,
        _ => Mark::None,
    };
    let (hosts, rest) = if mark == Mark::None { (first, rest) } else { field(rest) };
    if hosts.is_empty() {
        return None;
    }
    // behind the names a NUL is the end
    let rest = rest.split(|b| *b == 0).next().unwrap_or_default();
    let mut words = rest.split(is_blank).filter(|w| !w.is_empty());
    let kind = words.next();
    if kind.is_some_and(|k| k.iter().all(u8::is_ascii_digit)) && mark == Mark::None {
        return None; // a key of SSH 1: of no use to anybody
    }
    let key = kind.and_then(|kind| decode(kind, words.next()?));
    Some(Line { mark, hosts, key })
}

/// A key as `type base64`; the type inside the blob must be the same.
pub(super) fn decode(kind: &[u8], b64: &[u8]) -> Option<HostKey> {
    // as OpenSSH's decoder: white space in it is nothing (CR before the end of the line)
    let b64: Vec<u8> = b64.iter().copied().filter(|b| !matches!(b, b'\t'..=b'\r' | b' ')).collect();
    let key = HostKey::from_blob(STANDARD.decode(b64).ok()?)?;
    (key.kind.as_bytes() == kind).then_some(key)
}

impl Line<'_> {
    /// Does its first field name `name` (lower case)?
    pub(super) fn names(&self, name: &str) -> bool {
        if self.hosts.starts_with(b"|") {
            return hashed_match(self.hosts, name);
        }
        let mut any = false;
        for pattern in self.hosts.split(|b| *b == b',') {
            let pattern = match std::str::from_utf8(pattern) {
                Ok(text) => text.to_lowercase().into_bytes(),
                Err(_) => pattern.to_ascii_lowercase(),
            };
            match pattern.strip_prefix(b"!") {
                Some(not) if matches(not, name.as_bytes()) => return false,
                Some(_) => {}
                None => any |= matches(&pattern, name.as_bytes()),
            }
        }
        any
    }
}

fn hashed_match(hosts: &[u8], name: &str) -> bool {
    let text = std::str::from_utf8(hosts).ok();
    let parsed = text.and_then(|h| h.strip_prefix("|1|")?.split_once('|')).and_then(|(salt, hash)| {
        let (salt, hash) = (STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?);
        (salt.len() == 20 && hash.len() == 20).then_some((salt, hash))
    });
    parsed.is_some_and(|(salt, hash)| hmac_sha1(&salt, name) == hash)
}

fn hmac_sha1(salt: &[u8], name: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).expect("HMAC takes keys of any length");
    mac.update(name.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// `*` and `?` in a pattern, over the whole text; linear, whatever the pattern.
fn matches(p: &[u8], t: &[u8]) -> bool {
    let (mut i, mut j, mut star) = (0, 0, None);
    while j < t.len() {
        match p.get(i) {
            Some(b'*') => {
                star = Some((i + 1, j));
                i += 1;
            }
            Some(c) if *c == b'?' || t.get(j) == Some(c) => {
                i += 1;
                j += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    i = after;
                    j = from + 1;
                }
                None => return false,
            },
        }
    }
    p.get(i..).is_some_and(|rest| rest.iter().all(|c| *c == b'*'))
}

/// The line that records a key.
pub(super) fn record(name: &str, key: &HostKey, salt: Option<[u8; 20]>) -> String {
    let host = match salt {
        Some(salt) => format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(hmac_sha1(&salt, name))),
        None => name.to_string(),
    };
    format!("{host} {} {}\n", key.kind, STANDARD.encode(&key.blob))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_linear() {
        let matches = |p: &str, t: &str| matches(p.as_bytes(), t.as_bytes());
        assert!(matches("*", ""));
        assert!(matches("a*b?c", "axxbbyc"));
        assert!(!matches("a?", "a"));
        assert!(!matches(&"*a".repeat(200), &"a".repeat(100)));
        assert!(!matches(&format!("{}b", "*a".repeat(50)), &"a".repeat(5000)));
    }

    #[test]
    fn bytes_that_are_no_text_hide_nothing() {
        let named = |hosts: &[u8], name: &str| {
            let line = [hosts, b" x y"].concat();
            parse(&line).unwrap().names(name)
        };
        assert!(named(b"h\xf6st,web", "web") && named(b"\xff,*", "web") && named(b"w?b,\xf6", "web"));
        assert!(!named(b"*,\xf6,!web", "web") && !named(b"w\xf6b", "web") && !named(b"|1|\xf6|x", "web"));
        assert!(named("Ü*".as_bytes(), "über"));
        assert!(parse(b"@revoked w\xf6b,* x y").is_some_and(|l| l.mark == Mark::Revoked && l.names("web")));
    }
}
