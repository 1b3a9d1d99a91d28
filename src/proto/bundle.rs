//! Owns the form in which trees of files travel on a stream: [`Record`], [`encode`], [`Decoder`]. Leaves out the disk.
//!
//! ```text
//! u8 tag | u32 length (LE, of what follows) | payload
//! ```
//! | tag | payload | meaning |
//! |---|---|---|
//! | 1 | JSON, [`Entry`] | a file, a directory, a link |
//! | 2 | bytes | the next ones of the file last named |
//! | 3 | nothing | that file is whole: as many bytes as its entry says |
//! | 4 | JSON, [`Failed`] | a file could not be read; if it is the one last named, the rest of it does not come |
//! | 5 | JSON, [`WorkEnd`] | the end |
//!
//! A file's entry is followed by its bytes, if any, and a 3 or a 4; a bundle of entries alone has neither. Other tags are of
//! later builds and are passed over.

use super::control::{Failed, FileKind, FilePath, WorkEnd};
use serde::{Deserialize, Serialize};

/// Largest payload: 256 KiB.
pub const MOST: usize = 256 << 10;
/// Bytes of a file in one record, as this build sends them: 64 KiB.
pub const PIECE: usize = 64 << 10;
const HEAD: usize = 5;

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Entry {
    /// Within the tree: names with `/` between them.
    pub path: FilePath,
    pub kind: FileKind,
    pub size: u64,
    pub mode: u32,
    pub mtime_ms: i64,
    /// Where a link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<FilePath>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Entry(Entry),
    Bytes(Vec<u8>),
    Whole,
    Failed(Failed),
    End(WorkEnd),
}

/// Why bytes are no bundle; what came of it until then holds.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadBundle {
    #[error("a record of {0} bytes is larger than 256 KiB")]
    Length(u32),
    #[error("a record of kind {0} is not understood")]
    Json(u8),
    #[error("bytes that belong to no file, or more or fewer than it has")]
    Bytes,
}

fn head(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    // (ours are far smaller, all but one cut by its sender)
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

/// Appends a record. Bytes are to be at most [`MOST`].
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    fn json<T: Serialize>(out: &mut Vec<u8>, tag: u8, value: &T) {
        let json = serde_json::to_vec(value).unwrap_or_default();
        head(out, tag, json.len());
        out.extend_from_slice(&json);
    }
    match record {
        Record::Entry(entry) => json(out, 1, entry),
        Record::Bytes(bytes) => encode_bytes(bytes, out),
        Record::Whole => head(out, 3, 0),
        Record::Failed(failed) => json(out, 4, failed),
        Record::End(end) => json(out, 5, end),
    }
}

/// Appends bytes of a file, in records of [`PIECE`].
pub fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    for piece in bytes.chunks(PIECE) {
        head(out, 2, piece.len());
        out.extend_from_slice(piece);
    }
}

/// Puts a bundle's pieces together, however it was cut.
#[derive(Default)]
pub struct Decoder {
    buf: Vec<u8>,
    start: usize,
    /// What is still to come of the file last named.
    left: Option<u64>,
    /// Entries alone: no bytes follow a file's.
    bare: bool,
}

impl Decoder {
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Of a bundle that has entries alone.
    pub fn bare() -> Decoder {
        Decoder { bare: true, ..Decoder::default() }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buf.drain(..self.start);
            self.start = 0;
        }
        self.buf.extend_from_slice(bytes);
    }

    /// The next record; none = more bytes are needed.
    pub fn record(&mut self) -> Result<Option<Record>, BadBundle> {
        loop {
            let rest = self.buf.get(self.start..).unwrap_or_default();
            let Some((&[tag, a, b, c, d], rest)) = rest.split_first_chunk::<HEAD>() else { return Ok(None) };
            let length = u32::from_le_bytes([a, b, c, d]);
            if length as usize > MOST {
                return Err(BadBundle::Length(length));
            }
            let Some(payload) = rest.get(..length as usize) else { return Ok(None) };
            let record = parse(tag, payload)?;
            self.start += HEAD + payload.len();
            let Some(record) = record else { continue };
            self.follow(&record)?;
            return Ok(Some(record));
        }
    }

    fn follow(&mut self, record: &Record) -> Result<(), BadBundle> {
        match (record, self.left) {
            (Record::Entry(entry), None) if entry.kind == FileKind::File && !self.bare => self.left = Some(entry.size),
            (Record::Bytes(bytes), Some(left)) => {
                self.left = Some(left.checked_sub(bytes.len() as u64).ok_or(BadBundle::Bytes)?);
            }
            (Record::Whole, Some(0)) | (Record::Failed(_), _) => self.left = None,
            (Record::Entry(_) | Record::End(_), None) => {}
            _ => return Err(BadBundle::Bytes),
        }
        Ok(())
    }
}

/// One record; none = of a kind that this build does not know.
fn parse(tag: u8, payload: &[u8]) -> Result<Option<Record>, BadBundle> {
    fn json<'a, T: Deserialize<'a>>(tag: u8, payload: &'a [u8]) -> Result<T, BadBundle> {
        if !super::frame::json_depth_ok(payload) {
            return Err(BadBundle::Json(tag));
        }
        serde_json::from_slice(payload).map_err(|_| BadBundle::Json(tag))
    }
    Ok(Some(match tag {
        1 => Record::Entry(json(tag, payload)?),
        2 => Record::Bytes(payload.to_vec()),
        3 => Record::Whole,
        4 => Record::Failed(json(tag, payload)?),
        5 => Record::End(json(tag, payload)?),
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::control::Fault;

    fn file(path: &[u8], size: u64) -> Record {
        let path = FilePath::new(path).unwrap();
        Record::Entry(Entry { path, kind: FileKind::File, size, mode: 0o644, mtime_ms: 1, link: None })
    }

    fn all() -> Vec<Record> {
        let link = Some(FilePath::new("/\u{1b}x").unwrap());
        vec![
            Record::Entry(Entry { kind: FileKind::Dir, mode: 0o755, ..Entry::default() }),
            file(b"a/\xff", 3),
            Record::Bytes(b"ab".to_vec()),
            Record::Bytes(b"c".to_vec()),
            Record::Whole,
            file(b"empty", 0),
            Record::Whole,
            Record::Entry(Entry { kind: FileKind::Link, link, ..Entry::default() }),
            file(b"gone", 9),
            Record::Failed(Failed { path: FilePath::default(), why: Fault::new(Fault::UNKNOWN, "gone") }),
            Record::End(WorkEnd { failed: 1, ..WorkEnd::default() }),
        ]
    }

    #[test]
    fn there_and_back_in_any_pieces() {
        let mut bytes = Vec::new();
        all().iter().for_each(|r| encode(r, &mut bytes));
        encode_bytes(&[], &mut bytes);
        for size in [1, 2, 7, 1000] {
            let (mut decoder, mut got) = (Decoder::new(), Vec::new());
            for piece in bytes.chunks(size) {
                decoder.push(piece);
                while let Some(record) = decoder.record().unwrap() {
                    got.push(record);
                }
            }
            assert_eq!(got, all());
        }
    }

    #[test]
    fn what_is_none_is_told() {
        let read = |records: &[Record]| {
            let mut bytes = Vec::new();
            records.iter().for_each(|r| encode(r, &mut bytes));
            let mut decoder = Decoder::new();
            decoder.push(&bytes);
            loop {
                match decoder.record() {
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(e) => return Some(e),
                }
            }
        };
        assert_eq!(read(&[file(b"x", 1), Record::Bytes(b"ab".to_vec())]), Some(BadBundle::Bytes), "too much");
        assert_eq!(read(&[file(b"x", 1), Record::Whole]), Some(BadBundle::Bytes), "too little");
        assert_eq!(read(&[file(b"x", 1), file(b"y", 0)]), Some(BadBundle::Bytes), "not closed");
        assert_eq!(read(&[Record::Bytes(b"a".to_vec())]), Some(BadBundle::Bytes));
        let mut decoder = Decoder::new();
        decoder.push(&[2, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(decoder.record(), Err(BadBundle::Length(u32::MAX)));
        let mut decoder = Decoder::new();
        decoder.push(&[9, 1, 0, 0, 0, 7, 3, 0, 0, 0, 0]);
        assert_eq!(decoder.record(), Err(BadBundle::Bytes), "what a later build says is passed over");
    }
}
