//! Owns what a forward is as a person writes it: [`Spec`], read from `L:8080:localhost:80` and its like, or from what
//! `ssh -G` prints. Pure. Leaves out opening it.

use crate::failure::Failure;
use crate::text::{escape, is_deceptive, short};
use std::fmt;

/// Longest specification taken, in bytes.
const MOST: usize = 2048;
/// Longest path of a socket on the host's side; here the system's own limit (107 bytes on Linux) tells.
const PATH_MOST: usize = 1024;
const HOST_MOST: usize = 255;

/// Who listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// This machine listens, the host connects (`ssh -L`).
    Local,
    /// The host listens, this machine connects (`ssh -R`).
    Remote,
    /// This machine listens and is told by SOCKS where the host is to connect to (`ssh -D`).
    Dynamic,
}

impl Kind {
    pub fn letter(self) -> char {
        match self {
            Kind::Local => 'L',
            Kind::Remote => 'R',
            Kind::Dynamic => 'D',
        }
    }
}

/// Where somebody listens, or connects to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// As listener: `None` = the loopback addresses, empty or `*` = every address, port 0 = any free one.
    Tcp {
        host: Option<String>,
        port: u16,
    },
    Unix(String),
}

impl Place {
    pub fn tcp(host: &str, port: u16) -> Place {
        Place::Tcp { host: Some(host.to_string()), port }
    }
}

/// As in the specification; escaped.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Tcp { host: None, port } => write!(f, "{port}"),
            Place::Tcp { host: Some(host), port } if host.contains(':') => write!(f, "[{}]:{port}", escape(host)),
            Place::Tcp { host: Some(host), port } => write!(f, "{}:{port}", escape(host)),
            Place::Unix(path) => f.write_str(&escape(path)),
        }
    }
}

/// One forward.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spec {
    pub kind: Kind,
    pub listen: Place,
    /// `None` = whoever connects says by SOCKS where to.
    pub target: Option<Place>,
}

/// As it can be read again; escaped.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.letter(), self.listen)?;
        match &self.target {
            Some(target) => write!(f, ":{target}"),
            None => Ok(()),
        }
    }
}

fn wrong(text: &str, why: &str) -> Failure {
    Failure::usage(
        format!("\"{}\" is no forward: {why}", short(text, 100)),
        "write L:[BIND:]PORT:HOST:PORT, R:[BIND:]PORT:HOST:PORT or D:[BIND:]PORT; a path instead of a port is a Unix socket",
    )
}

impl Spec {
    /// `L:…`, `R:…`, `D:…`; without a letter it is an `L`.
    ///
    /// # Errors
    /// Wrong use, with how it is written.
    pub fn parse(text: &str) -> Result<Spec, Failure> {
        let trimmed = text.trim();
        let (kind, rest) = match trimmed.as_bytes() {
            [letter, b':', ..] if letter.is_ascii_alphabetic() => {
                let kind = match letter.to_ascii_uppercase() {
                    b'L' => Kind::Local,
                    b'R' => Kind::Remote,
                    b'D' => Kind::Dynamic,
                    _ => return Err(wrong(text, "it begins with L:, R: or D:")),
                };
                (kind, trimmed.get(2..).unwrap_or_default())
            }
            _ => (Kind::Local, trimmed),
        };
        Spec::of(kind, rest).map_err(|why| wrong(text, why))
    }

    /// What follows the letter; as `ssh` takes it after `-L`, `-R` and `-D`.
    fn of(kind: Kind, text: &str) -> Result<Spec, &'static str> {
        if text.len() > MOST {
            return Err("it is too long");
        }
        let fields = fields(text)?;
        let words: Vec<&str> = fields.iter().map(|f| f.text).collect();
        let path = |i: usize| fields.get(i).is_some_and(Field::is_path);
        let (listen, target) = match *words.as_slice() {
            [a] if path(0) => (unix(a)?, None),
            [port] => (Place::Tcp { host: None, port: number(port, true)? }, None),
            [a, b] if path(0) && path(1) => (unix(a)?, Some(unix(b)?)),
            [port, b] if path(1) => (Place::Tcp { host: None, port: number(port, true)? }, Some(unix(b)?)),
            [bind, port] if !path(0) => (listener(bind, port)?, None),
            [a, host, port] if path(0) => (unix(a)?, Some(connected(host, port)?)),
            [bind, port, c] if path(2) => (listener(bind, port)?, Some(unix(c)?)),
            [port, host, to] => (Place::Tcp { host: None, port: number(port, true)? }, Some(connected(host, to)?)),
            [bind, port, host, to] => (listener(bind, port)?, Some(connected(host, to)?)),
            _ => return Err("it has too few or too many parts"),
        };
        match (kind, &target) {
            (Kind::Local, None) => Err("it does not say where to (D: lets the caller say it)"),
            (Kind::Dynamic, Some(_)) => Err("where to is said by who connects: D:[BIND:]PORT"),
            _ => Ok(Spec { kind, listen, target }),
        }
    }

    /// The value of `localforward`, `remoteforward` or `dynamicforward` as `ssh -G` prints it.
    pub fn from_config(kind: Kind, value: &str) -> Option<Spec> {
        let mut words = value.split(' ').filter(|w| !w.is_empty());
        let (listen, target) = (words.next()?, words.next());
        if words.next().is_some() {
            return None;
        }
        let text = match (kind, target) {
            (Kind::Dynamic, None) | (Kind::Remote, None | Some("[socks]:0")) => listen.to_string(),
            (Kind::Local | Kind::Remote, Some(target)) => format!("{listen}:{target}"),
            _ => return None,
        };
        Spec::of(kind, &text).ok()
    }
}

struct Field<'a> {
    text: &'a str,
    bracketed: bool,
}

impl Field<'_> {
    fn is_path(&self) -> bool {
        !self.bracketed && self.text.contains('/')
    }
}

/// Parted by colons; what stands in brackets is one part.
fn fields(text: &str) -> Result<Vec<Field<'_>>, &'static str> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        let (field, after) = if let Some(inner) = rest.strip_prefix('[') {
            let (text, after) = inner.split_once(']').ok_or("the ] is missing")?;
            (Field { text, bracketed: true }, after)
        } else {
            let end = rest.find(':').unwrap_or(rest.len());
            let (text, after) = rest.split_at_checked(end).ok_or("it is not text")?;
            (Field { text, bracketed: false }, after)
        };
        out.push(field);
        if out.len() > 4 {
            return Err("it has too many parts (an IPv6 address stands in brackets)");
        }
        if after.is_empty() {
            return Ok(out);
        }
        rest = after.strip_prefix(':').ok_or("after ] comes a colon")?;
    }
}

fn number(text: &str, zero: bool) -> Result<u16, &'static str> {
    match text.parse::<u16>() {
        Ok(n) if text.bytes().all(|b| b.is_ascii_digit()) && (zero || n > 0) => Ok(n),
        _ => Err("a port is a number from 1 to 65535"),
    }
}

fn unix(path: &str) -> Result<Place, &'static str> {
    let plain = path.chars().all(|c| !c.is_control() && !is_deceptive(c));
    if !path.starts_with('/') || !plain || path.len() > PATH_MOST {
        return Err("the path of a socket is absolute and has no control characters");
    }
    Ok(Place::Unix(path.to_string()))
}

/// A name or an address: nothing a terminal or a resolver would take for more.
pub(super) fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= HOST_MOST
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-:%".contains(c) || !c.is_ascii() && c.is_alphanumeric())
}

fn listener(bind: &str, port: &str) -> Result<Place, &'static str> {
    if !bind.is_empty() && bind != "*" && !is_host(bind) {
        return Err("the address to listen on is none");
    }
    let host = if bind == "*" { "" } else { bind };
    Ok(Place::Tcp { host: Some(host.to_string()), port: number(port, true)? })
}

fn connected(host: &str, port: &str) -> Result<Place, &'static str> {
    if !is_host(host) {
        return Err("the host to connect to is none");
    }
    Ok(Place::tcp(host, number(port, false)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        Spec::parse(text).map_or_else(|f| format!("! {}", f.what), |s| s.to_string())
    }

    #[test]
    fn every_form_of_ssh_is_read() {
        for (text, want) in [
            ("8080:localhost:80", "L:8080:localhost:80"),
            ("L:8080:localhost:80", "L:8080:localhost:80"),
            ("l:127.0.0.1:8080:[::1]:80", "L:127.0.0.1:8080:[::1]:80"),
            ("L:[::1]:8080:web:80", "L:[::1]:8080:web:80"),
            ("L:*:8080:web:80", "L::8080:web:80"),
            ("L::8080:web:80", "L::8080:web:80"),
            ("L:/tmp/s:/tmp/t", "L:/tmp/s:/tmp/t"),
            ("L:8080:/tmp/t", "L:8080:/tmp/t"),
            ("L:localhost:8080:/tmp/t", "L:localhost:8080:/tmp/t"),
            ("L:/tmp/s:web:80", "L:/tmp/s:web:80"),
            ("R:0:localhost:80", "R:0:localhost:80"),
            ("R:9000", "R:9000"),
            ("R:/r/s:/tmp/t", "R:/r/s:/tmp/t"),
            ("D:1080", "D:1080"),
            ("D:[::1]:1080", "D:[::1]:1080"),
            (" D:0 ", "D:0"),
        ] {
            assert_eq!(said(text), want, "{text}");
            assert_eq!(said(want), want, "what is shown can be read again");
        }
        for bad in [
            "",
            "L:",
            "L:8080",
            "D:8080:web:80",
            "X:1:a:2",
            "L:99999:a:1",
            "L:1:a:0",
            "L:+1:a:2",
            "L:1:2:3:4:5",
            "L:[::1:8080:a:1",
            "L:::1:8080:a:1",
            "L:1:a b:2",
            "L:a;b:1:c:2",
            "L:1:\u{1b}[2J:2",
            "L:./s:/t",
            "L:1:-:",
            "R:",
            "R:a",
            "L:1:web:/x",
            "L:/a\n:/b",
        ] {
            let f = Spec::parse(bad).unwrap_err();
            assert_eq!(f.code(), 2, "{bad}");
            assert!(!f.to_string().contains('\u{1b}'));
        }
    }

    #[test]
    fn what_ssh_prints_is_read() {
        for (kind, value, want) in [
            (Kind::Local, "8080 [localhost]:80", "L:8080:localhost:80"),
            (Kind::Local, "[127.0.0.1]:8080 [::1]:80", "L:127.0.0.1:8080:[::1]:80"),
            (Kind::Local, "[*]:8080 [h]:80", "L::8080:h:80"),
            (Kind::Local, "[]:8080 [h]:80", "L::8080:h:80"),
            (Kind::Local, "/tmp/s /tmp/t", "L:/tmp/s:/tmp/t"),
            (Kind::Local, "8080 /tmp/t", "L:8080:/tmp/t"),
            (Kind::Local, "/tmp/s [h]:80", "L:/tmp/s:h:80"),
            (Kind::Remote, "0 [localhost]:80", "R:0:localhost:80"),
            (Kind::Remote, "9000 [socks]:0", "R:9000"),
            (Kind::Dynamic, "[]:1080", "D::1080"),
        ] {
            assert_eq!(Spec::from_config(kind, value).map(|s| s.to_string()).as_deref(), Some(want), "{value}");
        }
        assert_eq!(Spec::from_config(Kind::Local, "8080"), None);
        assert_eq!(Spec::from_config(Kind::Dynamic, "1 2 3"), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[LRD]?:?[\\[\\]:/a1.*]{0,20}", any: String) {
            for text in [&text, &any] {
                if let Ok(spec) = Spec::parse(text) {
                    let again = Spec::parse(&spec.to_string());
                    assert_eq!(again.ok(), Some(spec));
                }
                let _ = Spec::from_config(Kind::Local, text);
            }
        }
    }
}
