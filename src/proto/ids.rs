//! Owns the names and numbers that cross the wire: session and client ids, sizes, offsets.
//! Leaves out what they stand for.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Count of bytes of a stream since its source began; the offset of a piece is that of its first byte.
pub type Offset = u64;

/// A stream on a link: 0 is the link itself, even ones are picked by the client, odd ones by the agent.
pub type StreamId = u32;

/// An id that is safe to be part of a file name: `[a-z0-9-]{1,64}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(String);

/// Why a string is no id.
#[derive(Debug, thiserror::Error)]
#[error("an id is 1 to 64 of a-z, 0-9 and '-'")]
pub struct BadId;

impl SessionId {
    /// A fresh id: eight characters of 5 random bits each (letters that can't be mistaken for digits).
    pub fn random() -> SessionId {
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let bytes = random_bytes::<8>();
        let id = bytes.iter().map(|b| char::from(*ALPHABET.get(usize::from(b & 31)).unwrap_or(&b'a'))).collect();
        SessionId(id)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionId {
    type Err = BadId;
    fn from_str(s: &str) -> Result<SessionId, BadId> {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if s.is_empty() || s.len() > 64 || !s.bytes().all(good) {
            return Err(BadId);
        }
        Ok(SessionId(s.to_string()))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<SessionId, D::Error> {
        let s = String::deserialize(d)?;
        s.parse().map_err(serde::de::Error::custom)
    }
}

/// A target process: one for each user and SSH target. As safe in a file name as a session's id.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct TargetId(SessionId);

impl TargetId {
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for TargetId {
    type Err = BadId;
    fn from_str(s: &str) -> Result<TargetId, BadId> {
        s.parse().map(TargetId)
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One client process: 128 random bits, 32 hexadecimal digits on the wire. Input offsets count per client and session.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, Default)]
pub struct ClientId(String);

impl ClientId {
    pub fn random() -> ClientId {
        ClientId(hex(&random_bytes::<16>()))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Whether it has the form of one: 32 hexadecimal digits.
    pub fn is_valid(&self) -> bool {
        self.0.len() == 32 && self.0.bytes().all(|b| b.is_ascii_hexdigit())
    }
}

/// A screen's size in cells.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Size {
    pub rows: u16,
    pub cols: u16,
}

impl Size {
    /// Largest number of rows or columns.
    pub const MAX_SIDE: u16 = 4096;
    /// Largest number of cells.
    pub const MAX_CELLS: u32 = 1 << 20;

    pub const fn new(cols: u16, rows: u16) -> Size {
        Size { rows, cols }
    }

    /// 1 to 4096 each way and at most 2^20 cells.
    pub fn is_valid(self) -> bool {
        self.rows >= 1
            && self.cols >= 1
            && self.rows <= Size::MAX_SIDE
            && self.cols <= Size::MAX_SIDE
            && u32::from(self.rows) * u32::from(self.cols) <= Size::MAX_CELLS
    }

    /// The nearest valid size.
    pub fn clamped(self) -> Size {
        let cols = self.cols.clamp(1, Size::MAX_SIDE);
        let most = (Size::MAX_CELLS / u32::from(cols)).min(u32::from(Size::MAX_SIDE)) as u16;
        Size { rows: self.rows.clamp(1, most), cols }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.cols, self.rows)
    }
}

impl FromStr for Size {
    type Err = String;
    /// `COLSxROWS`.
    fn from_str(s: &str) -> Result<Size, String> {
        let bad = || {
            format!(
                "'{}' is no size: write COLSxROWS, such as 80x24 (1 to 4096 each way, at most 1048576 cells)",
                crate::text::escape(s)
            )
        };
        let (cols, rows) = s.split_once(['x', 'X']).ok_or_else(bad)?;
        let digits = |t: &str| -> Option<u16> {
            if t.is_empty() || !t.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            t.parse().ok()
        };
        let size = Size { cols: digits(cols).ok_or_else(bad)?, rows: digits(rows).ok_or_else(bad)? };
        if size.is_valid() { Ok(size) } else { Err(bad()) }
    }
}

/// Whether a session may carry this name: 1 to 64 printable characters, no `/`, no leading `-` or `.`.
pub fn check_name(name: &str) -> Result<(), String> {
    let count = name.chars().count();
    let printable = name.chars().all(|c| !c.is_control() && !crate::text::is_deceptive(c));
    if count == 0
        || count > 64
        || !printable
        || name.contains('/')
        || name.starts_with(['-', '.'])
        || name.trim().is_empty()
    {
        return Err(format!(
            "'{}' is no name for a session: use 1 to 64 printable characters, no '/', and no '-' or '.' at the start",
            crate::text::escape(name)
        ));
    }
    Ok(())
}

/// Random bytes from the kernel.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut buf = [0u8; N];
    let mut filled = 0;
    while filled < N {
        let rest = buf.get_mut(filled..).unwrap_or_default();
        match rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty()) {
            Ok(n) => filled += n,
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => panic!("the kernel gives no random bytes: {e}"),
        }
    }
    buf
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// What [`hex`] was given; `None` where it was given nothing such.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).map(|d| d as u8);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_file_names() {
        for bad in ["", "..", "a/b", "A", "a b", "é", &"x".repeat(65)] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad:?}");
        }
        assert!("k3f9".parse::<SessionId>().is_ok());
        assert!(SessionId::random().as_str().parse::<SessionId>().is_ok());
        assert_ne!(SessionId::random(), SessionId::random());
    }

    #[test]
    fn sizes() {
        assert_eq!("80x24".parse(), Ok(Size::new(80, 24)));
        for bad in ["", "80", "0x24", "80x0", "4097x1", "4096x4096", "-1x5", "80x24x1", "+8x9", "8 x9", "99999999x2"] {
            assert!(bad.parse::<Size>().is_err(), "{bad:?}");
        }
        assert!(Size::new(65535, 65535).clamped().is_valid());
        assert!(Size::new(0, 0).clamped().is_valid());
        assert_eq!(Size::new(0, 0).clamped(), Size::new(1, 1));
    }

    #[test]
    fn names() {
        assert!(check_name("build 1").is_ok());
        assert!(check_name("größe").is_ok());
        for bad in ["", "../x", "a/b", "-x", ".x", "a\nb", "\u{1b}[2J", " ", "\u{202e}x", &"y".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
