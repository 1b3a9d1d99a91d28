//! Owns names and paths of files on the wire: [`FileName`] is one component, [`FilePath`] a path; both are bytes, for
//! neither need be UTF-8. JSON has a string where they are, an array of bytes where they are not. Leaves out the disk.

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// One component of a path: not empty, not `.` or `..`, no `/` and no NUL, at most 1024 bytes. The default is no name at
/// all: that of the root.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FileName(Vec<u8>);

/// A path: no NUL, at most 16 KiB. One that does not begin with `/` begins at the home directory; an empty one is it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FilePath(Vec<u8>);

/// Why bytes are no name or no path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadName {
    #[error("a file's name is one component: not empty, not '.' or '..', without '/' and NUL, at most 1024 bytes")]
    Name,
    #[error("a path has no NUL and at most 16384 bytes")]
    Path,
}

impl FileName {
    /// Bytes of a name at most.
    pub const MOST: usize = 1024;

    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<FileName, BadName> {
        let bytes = bytes.into();
        let bad = bytes.is_empty()
            || bytes.len() > FileName::MOST
            || matches!(bytes.as_slice(), b"." | b"..")
            || bytes.iter().any(|b| matches!(b, b'/' | 0));
        if bad { Err(BadName::Name) } else { Ok(FileName(bytes)) }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
    /// No name: the root.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl FilePath {
    /// Bytes of a path at most.
    pub const MOST: usize = 16 << 10;

    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<FilePath, BadName> {
        let bytes = bytes.into();
        if bytes.len() > FilePath::MOST || bytes.contains(&0) { Err(BadName::Path) } else { Ok(FilePath(bytes)) }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
    /// The home directory, or, within a tree, its top.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has this name in the directory that this path is. However long that gets: nothing of it is sent before it is
    /// looked at.
    pub fn join(&self, name: &FileName) -> FilePath {
        let mut bytes = self.0.clone();
        if !bytes.is_empty() && !bytes.ends_with(b"/") {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(&name.0);
        FilePath(bytes)
    }

    /// What has this path in the tree at this one.
    pub fn below(&self, path: &FilePath) -> FilePath {
        if path.is_empty() { self.clone() } else { self.join(&FileName(path.0.clone())) }
    }

    /// The directory and the name in it; none where the last component is no name (`/`, `.`, `..`, empty).
    pub fn split(&self) -> Option<(FilePath, FileName)> {
        let end = self.0.iter().rposition(|b| *b != b'/')? + 1;
        let whole = self.0.get(..end)?;
        let start = whole.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
        let name = FileName::new(whole.get(start..)?).ok()?;
        let dir = whole.get(..start)?;
        // "/a" lies in "/", "b/a" in "b"
        let dir = if dir.len() > 1 { dir.strip_suffix(b"/").unwrap_or(dir) } else { dir };
        Some((FilePath(dir.to_vec()), name))
    }

    /// The names of a path within a tree: relative, each a name; none where it is not such a path.
    pub fn names(&self) -> Option<Vec<FileName>> {
        if self.0.is_empty() {
            return Some(Vec::new());
        }
        self.0.split(|b| *b == b'/').map(|name| FileName::new(name).ok()).collect()
    }
}

impl From<FileName> for FilePath {
    fn from(name: FileName) -> FilePath {
        FilePath(name.0)
    }
}

fn shown(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&crate::text::escape(&String::from_utf8_lossy(bytes)))
}
impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.0, f)
    }
}
impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.0, f)
    }
}
impl fmt::Debug for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => s.serialize_str(text),
        Err(_) => s.collect_seq(bytes),
    }
}
impl Serialize for FileName {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, s)
    }
}
impl Serialize for FilePath {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, s)
    }
}

/// A string or an array of bytes, of so many at most.
struct Bytes(usize);
impl<'de> Visitor<'de> for Bytes {
    type Value = Vec<u8>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string or an array of bytes, at most {} of them", self.0)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        if text.len() > self.0 { Err(E::invalid_length(text.len(), &self)) } else { Ok(text.into()) }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element::<u8>()? {
            if bytes.len() == self.0 {
                return Err(A::Error::invalid_length(bytes.len() + 1, &self));
            }
            bytes.push(byte);
        }
        Ok(bytes)
    }
}
impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<FileName, D::Error> {
        let bytes = d.deserialize_any(Bytes(FileName::MOST))?;
        if bytes.is_empty() { Ok(FileName::default()) } else { FileName::new(bytes).map_err(Error::custom) }
    }
}
impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<FilePath, D::Error> {
        FilePath::new(d.deserialize_any(Bytes(FilePath::MOST))?).map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FilePath {
        FilePath::new(text).unwrap()
    }

    #[test]
    fn a_name_is_one_component() {
        for bad in [&b""[..], b".", b"..", b"a/b", b"/", b"a\0", &[b'x'; 1025]] {
            assert_eq!(FileName::new(bad), Err(BadName::Name), "{bad:?}");
        }
        for good in [&b"..."[..], b".x", b"a b", b"a\\b", b"\xff\xfe", b"\x1b[2J"] {
            assert_eq!(FileName::new(good).unwrap().as_bytes(), good);
        }
    }

    #[test]
    fn json_loses_nothing() {
        for bytes in [&b"plain"[..], "größe".as_bytes(), b"\xff\x00x".get(..1).unwrap(), b"a\xc3", b"\x1b\"\n"] {
            let name = FileName::new(bytes).unwrap();
            let json = serde_json::to_string(&name).unwrap();
            assert_eq!(json.starts_with('"'), std::str::from_utf8(bytes).is_ok(), "{json}");
            assert_eq!(serde_json::from_str::<FileName>(&json).unwrap(), name);
        }
        for bad in ["\"..\"", "\"a/b\"", "[46,46]", "[1,256]", "[97,0]", "7", "null"] {
            assert!(serde_json::from_str::<FileName>(bad).is_err(), "{bad}");
        }
        let long = serde_json::to_string(&vec![7u8; FilePath::MOST + 1]).unwrap();
        assert!(serde_json::from_str::<FilePath>(&long).is_err());
    }

    #[test]
    fn paths_come_apart() {
        let split = |text: &str| path(text).split().map(|(d, n)| (d.to_string(), n.to_string()));
        let pair = |dir: &str, name: &str| Some((dir.to_string(), name.to_string()));
        assert_eq!(split("/a/b"), pair("/a", "b"));
        assert_eq!(split("/a/b//"), pair("/a", "b"));
        assert_eq!(split("/a"), pair("/", "a"));
        assert_eq!(split("a"), pair("", "a"));
        assert_eq!(split("a/b"), pair("a", "b"));
        for none in ["", "/", "//", "/a/..", "a/.", "."] {
            assert_eq!(split(none), None, "{none}");
        }
        assert_eq!(path("").join(&FileName::new("x").unwrap()), path("x"));
        assert_eq!(path("/").join(&FileName::new("x").unwrap()), path("/x"));
        assert_eq!(path("a/b").names().unwrap().len(), 2);
        for none in ["/a", "a//b", "a/../b", "a/"] {
            assert_eq!(path(none).names(), None, "{none}");
        }
    }
}
