//! Owns the frame: header, limits, encode and decode. Bytes in, `Option<Frame>` out.
//! Leaves out what a frame means and how it travels.
//!
//! ```text
//! u32 length (LE, of what follows) | u8 kind | u32 stream (LE) | payload
//! ```

use super::ids::{Offset, Size, StreamId};

/// Largest `length` on the wire: 1 MiB.
pub const MAX_FRAME: usize = 1 << 20;
/// Largest payload of a [`Kind::CALL`] frame: 256 KiB.
pub const MAX_JSON: usize = 256 << 10;
/// Deepest nesting of JSON.
pub const MAX_DEPTH: usize = 64;
/// A sender's Data pieces are at most this long: 16 KiB.
pub const MAX_PIECE: usize = 16 << 10;
/// `length` and what it counts before the payload.
const HEADER: usize = 4 + 1 + 4;

/// The kinds of frames. Numbers are for ever; retired ones stay listed here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind(pub u8);

impl Kind {
    /// JSON-RPC 2.0: calls, answers, notices.
    pub const CALL: Kind = Kind(1);
    /// `offset u64, bytes`.
    pub const DATA: Kind = Kind(2);
    /// `seen u64, limit u64`.
    pub const ACK: Kind = Kind(3);
    /// `to u64, cols u16, rows u16, part u16, last u8, bytes`.
    pub const SCREEN: Kind = Kind(4);
    /// `offset u64, cols u16, rows u16`.
    pub const SIZE: Kind = Kind(5);
    /// `offset u64, flags u8`.
    pub const TTY: Kind = Kind(6);
    /// `u64`.
    pub const PING: Kind = Kind(7);
    /// `u64`, that of the ping.
    pub const PONG: Kind = Kind(8);
}

/// Bits of a Tty frame's flags.
pub mod tty {
    pub const ECHO: u8 = 1;
    pub const ICANON: u8 = 2;
}

/// A frame as it travels; a relay copies it without looking inside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    pub kind: Kind,
    pub stream: StreamId,
    pub payload: Vec<u8>,
}

/// What a frame says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body<'a> {
    Call(&'a [u8]),
    Data {
        offset: Offset,
        bytes: &'a [u8],
    },
    Ack {
        seen: Offset,
        limit: Offset,
    },
    Screen {
        to: Offset,
        size: Size,
        part: u16,
        last: bool,
        bytes: &'a [u8],
    },
    Size {
        offset: Offset,
        size: Size,
    },
    Tty {
        offset: Offset,
        flags: u8,
    },
    Ping(u64),
    Pong(u64),
    /// A kind this build does not know.
    Unknown,
}

/// Why bytes are no frame. The link that carried them is over.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FrameError {
    #[error("a frame of {0} bytes is larger than 1 MiB or shorter than its header")]
    Length(u64),
    #[error("a frame of kind {0} is cut short")]
    Short(u8),
    #[error("a call of {0} bytes is larger than 256 KiB")]
    Json(usize),
    #[error("a screen of {0} is out of bounds")]
    Size(Size),
}

fn u64_at(b: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(b.get(at..at.checked_add(8)?)?.try_into().ok()?))
}
fn u16_at(b: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(b.get(at..at.checked_add(2)?)?.try_into().ok()?))
}
fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(b.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// The first whole frame of `buf` and how many bytes it took; `None` = more bytes are needed.
/// Nothing is allocated before the frame is there as a whole.
pub fn decode(buf: &[u8]) -> Result<Option<(Frame, usize)>, FrameError> {
    let Some(length) = u32_at(buf, 0) else { return Ok(None) };
    let length = length as usize;
    if !(5..=MAX_FRAME).contains(&length) {
        return Err(FrameError::Length(length as u64));
    }
    let total = 4 + length;
    let (Some(&kind), Some(stream), Some(payload)) = (buf.get(4), u32_at(buf, 5), buf.get(HEADER..total)) else {
        return Ok(None);
    };
    if kind == Kind::CALL.0 && payload.len() > MAX_JSON {
        return Err(FrameError::Json(payload.len()));
    }
    Ok(Some((Frame { kind: Kind(kind), stream, payload: payload.to_vec() }, total)))
}

/// Appends a frame whose payload is given in pieces.
pub fn encode(out: &mut Vec<u8>, kind: Kind, stream: StreamId, pieces: &[&[u8]]) {
    let payload: usize = pieces.iter().map(|p| p.len()).sum();
    let length = u32::try_from(payload + 5).expect("a frame's payload is under 1 MiB");
    debug_assert!(length as usize <= MAX_FRAME);
    out.reserve(HEADER + payload);
    out.extend_from_slice(&length.to_le_bytes());
    out.push(kind.0);
    out.extend_from_slice(&stream.to_le_bytes());
    for p in pieces {
        out.extend_from_slice(p);
    }
}

impl Frame {
    /// What the payload says, checked.
    pub fn body(&self) -> Result<Body<'_>, FrameError> {
        let p = self.payload.as_slice();
        let short = || FrameError::Short(self.kind.0);
        let size_at = |at: usize| -> Result<Size, FrameError> {
            let size = Size { cols: u16_at(p, at).ok_or_else(short)?, rows: u16_at(p, at + 2).ok_or_else(short)? };
            if size.is_valid() { Ok(size) } else { Err(FrameError::Size(size)) }
        };
        let num = |at: usize| u64_at(p, at).ok_or_else(short);
        Ok(match self.kind {
            Kind::CALL => Body::Call(p),
            Kind::DATA => Body::Data { offset: num(0)?, bytes: p.get(8..).ok_or_else(short)? },
            Kind::ACK => Body::Ack { seen: num(0)?, limit: num(8)? },
            Kind::SCREEN => Body::Screen {
                to: num(0)?,
                size: size_at(8)?,
                part: u16_at(p, 12).ok_or_else(short)?,
                last: *p.get(14).ok_or_else(short)? != 0,
                bytes: p.get(15..).ok_or_else(short)?,
            },
            Kind::SIZE => Body::Size { offset: num(0)?, size: size_at(8)? },
            Kind::TTY => Body::Tty { offset: num(0)?, flags: *p.get(8).ok_or_else(short)? },
            Kind::PING => Body::Ping(num(0)?),
            Kind::PONG => Body::Pong(num(0)?),
            _ => Body::Unknown,
        })
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        encode(out, self.kind, self.stream, &[&self.payload]);
    }
}

impl Body<'_> {
    /// Appends this as a frame of `stream`. `Unknown` appends nothing.
    pub fn encode(&self, stream: StreamId, out: &mut Vec<u8>) {
        match *self {
            Body::Call(json) => encode(out, Kind::CALL, stream, &[json]),
            Body::Data { offset, bytes } => encode(out, Kind::DATA, stream, &[&offset.to_le_bytes(), bytes]),
            Body::Ack { seen, limit } => encode(out, Kind::ACK, stream, &[&seen.to_le_bytes(), &limit.to_le_bytes()]),
            Body::Screen { to, size, part, last, bytes } => encode(
                out,
                Kind::SCREEN,
                stream,
                &[
                    &to.to_le_bytes(),
                    &size.cols.to_le_bytes(),
                    &size.rows.to_le_bytes(),
                    &part.to_le_bytes(),
                    &[u8::from(last)],
                    bytes,
                ],
            ),
            Body::Size { offset, size } => encode(
                out,
                Kind::SIZE,
                stream,
                &[&offset.to_le_bytes(), &size.cols.to_le_bytes(), &size.rows.to_le_bytes()],
            ),
            Body::Tty { offset, flags } => encode(out, Kind::TTY, stream, &[&offset.to_le_bytes(), &[flags]]),
            Body::Ping(n) => encode(out, Kind::PING, stream, &[&n.to_le_bytes()]),
            Body::Pong(n) => encode(out, Kind::PONG, stream, &[&n.to_le_bytes()]),
            Body::Unknown => {}
        }
    }
}

/// Whether JSON text nests no deeper than [`MAX_DEPTH`]; brackets in strings do not count.
pub fn json_depth_ok(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for &b in json {
        if in_string {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match b {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return false;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all() -> Vec<Body<'static>> {
        vec![
            Body::Call(b"{}"),
            Body::Data { offset: 7, bytes: b"hi" },
            Body::Ack { seen: 1, limit: u64::MAX },
            Body::Screen { to: 9, size: Size::new(80, 24), part: 1, last: true, bytes: b"\x1b[H" },
            Body::Size { offset: 3, size: Size::new(132, 50) },
            Body::Tty { offset: 4, flags: tty::ECHO | tty::ICANON },
            Body::Ping(5),
            Body::Pong(6),
        ]
    }

    #[test]
    fn there_and_back() {
        for body in all() {
            let mut out = Vec::new();
            body.encode(3, &mut out);
            let (frame, used) = decode(&out).unwrap().unwrap();
            assert_eq!(used, out.len());
            assert_eq!((frame.stream, frame.body().unwrap()), (3, body));
            for cut in 0..out.len() {
                assert_eq!(decode(&out[..cut]), Ok(None), "cut at {cut}");
            }
        }
    }

    #[test]
    fn limits() {
        assert!(decode(&0u32.to_le_bytes()).is_err());
        assert!(decode(&((MAX_FRAME as u32) + 1).to_le_bytes()).is_err());
        let mut big = Vec::new();
        encode(&mut big, Kind::CALL, 0, &[&vec![b' '; MAX_JSON + 1]]);
        assert_eq!(decode(&big), Err(FrameError::Json(MAX_JSON + 1)));
        let zero = Frame { kind: Kind::SIZE, stream: 1, payload: vec![0; 12] };
        assert!(zero.body().is_err());
        assert!(!json_depth_ok(&[b'['; 65]));
        assert!(json_depth_ok(br#"["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]"#));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some((frame, used))) = decode(&bytes) {
                prop_assert!(used <= bytes.len());
                let _ = frame.body();
            }
        }

        #[test]
        fn bodies_never_panic(kind in 0u8..12, payload in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Frame { kind: Kind(kind), stream: 0, payload }.body();
        }
    }
}
