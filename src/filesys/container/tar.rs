//! Owns tar archives (ustar, with what GNU and pax add to it) as an engine gives and takes them. Leaves out whose files.
//!
//! What comes is untrusted: lengths are believed up to a bound, names are looked at by who uses them.

use crate::filesys::PIECE;
use crate::proto::control::{FileInfo, FileKind, FileName, FilePath, LinkInfo};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

const BLOCK: usize = 512;
/// What a longer name or link takes at most.
const LONGEST: u64 = 64 << 10;

/// An archive that is read.
pub struct Tar {
    from: Box<dyn AsyncRead + Send + Unpin>,
    /// Of the entry's bytes, and of the zeros behind them.
    left: u64,
    padding: u64,
}

/// An entry: where it lies within the archive, and what it is.
#[derive(Debug)]
pub struct Entry {
    pub path: Vec<u8>,
    pub info: FileInfo,
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the engine's archive is broken: {what}"))
}

/// A number of a header: octal digits, or (GNU) bytes where it is too large for those.
fn number(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|b| b & 0x80 != 0) {
        return field
            .iter()
            .skip(field.len().checked_sub(8)?)
            .try_fold(0u64, |n, b| n.checked_mul(256)?.checked_add(u64::from(*b)));
    }
    let digits = field.iter().copied().skip_while(|b| *b == b' ').take_while(|b| (b'0'..=b'7').contains(b));
    digits.into_iter().try_fold(0u64, |n, b| n.checked_mul(8)?.checked_add(u64::from(b - b'0')))
}

fn text(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or_default()
}

/// What `LENGTH KEY=VALUE` lines say, those that matter.
fn pax(mut all: &[u8], mut say: impl FnMut(&[u8], &[u8])) {
    while let Some(space) = all.iter().position(|b| *b == b' ') {
        let length =
            std::str::from_utf8(all.get(..space).unwrap_or_default()).ok().and_then(|n| n.parse::<usize>().ok());
        let Some(record) = length.and_then(|n| all.get(space + 1..n)) else { return };
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        if let Some(eq) = record.iter().position(|b| *b == b'=') {
            say(record.get(..eq).unwrap_or_default(), record.get(eq + 1..).unwrap_or_default());
        }
        all = length.and_then(|n| all.get(n..)).unwrap_or_default();
    }
}

impl Tar {
    pub fn new(from: Box<dyn AsyncRead + Send + Unpin>) -> Tar {
        Tar { from, left: 0, padding: 0 }
    }

    /// The next entry; what was not read of the one before is left out. None = there are no more.
    pub async fn next(&mut self) -> io::Result<Option<Entry>> {
        let (mut path, mut link, mut size, mut mtime) = (None, None, None, None);
        loop {
            self.skip().await?;
            let mut head = [0u8; BLOCK];
            match self.from.read_exact(&mut head).await {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(e) => return Err(e),
            }
            if head.iter().all(|b| *b == 0) {
                return Ok(None);
            }
            let field = |from: usize, n: usize| head.get(from..from + n).unwrap_or_default();
            let told = number(field(124, 12)).ok_or_else(|| bad("a size"))?;
            let kind = head.get(156).copied().unwrap_or_default();
            if matches!(kind, b'x' | b'g' | b'L' | b'K') {
                if told > LONGEST {
                    return Err(bad("a name is too long"));
                }
                let mut said = vec![0; usize::try_from(told).unwrap_or(0)];
                self.from.read_exact(&mut said).await?;
                self.padding = padding(told);
                match kind {
                    b'L' => path = Some(text(&said).to_vec()),
                    b'K' => link = Some(text(&said).to_vec()),
                    b'x' => pax(&said, |key, value| {
                        let words = || std::str::from_utf8(value).ok();
                        match key {
                            b"path" => path = Some(value.to_vec()),
                            b"linkpath" => link = Some(value.to_vec()),
                            b"size" => size = words().and_then(|v| v.parse().ok()),
                            b"mtime" => mtime = words().and_then(|v| v.split('.').next()?.parse::<i64>().ok()),
                            _ => {}
                        }
                    }),
                    _ => {}
                }
                continue;
            }
            let size: u64 = size.unwrap_or(told);
            let of = match kind {
                b'0' | 0 | b'7' => FileKind::File,
                b'5' => FileKind::Dir,
                b'2' => FileKind::Link,
                _ => FileKind::Other,
            };
            // (of links and directories a size says nothing)
            self.left = if of == FileKind::File { size } else { 0 };
            self.padding = padding(self.left);
            let path = path.unwrap_or_else(|| {
                let (prefix, name) = (text(field(345, 155)), text(field(0, 100)));
                match field(257, 5) == b"ustar" && !prefix.is_empty() {
                    true => [prefix, b"/", name].concat(),
                    false => name.to_vec(),
                }
            });
            let link = link.unwrap_or_else(|| text(field(157, 100)).to_vec());
            let small = |field: &[u8]| number(field).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
            let owner = |field: &[u8]| {
                let name = std::str::from_utf8(text(field)).unwrap_or_default();
                if name.len() <= 64 { name.to_string() } else { String::new() }
            };
            let seconds = mtime.or_else(|| number(field(136, 12)).and_then(|n| i64::try_from(n).ok())).unwrap_or(0);
            let info = FileInfo {
                name: FileName::default(),
                kind: of,
                size: self.left,
                mode: small(field(100, 8)) & 0o7777,
                mtime_ms: seconds.saturating_mul(1000),
                uid: small(field(108, 8)),
                gid: small(field(116, 8)),
                owner: owner(field(265, 32)),
                group: owner(field(297, 32)),
                link: (of == FileKind::Link)
                    .then(|| LinkInfo { target: FilePath::new(link).unwrap_or_default(), kind: None }),
            };
            return Ok(Some(Entry { path, info }));
        }
    }

    /// The entry's next bytes; none = there are no more.
    pub async fn bytes(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.left == 0 {
            return Ok(None);
        }
        let most = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        let mut piece = vec![0; most];
        let n = self.from.read(&mut piece).await?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(n);
        self.left -= n as u64;
        Ok(Some(piece))
    }

    async fn skip(&mut self) -> io::Result<()> {
        let all = self.left.saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        let skipped = tokio::io::copy(&mut (&mut self.from).take(all), &mut tokio::io::sink()).await?;
        if skipped < all { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

/// Zeros behind so many bytes.
fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

/// What is put into an archive.
#[derive(Default)]
pub struct Put<'a> {
    pub name: &'a [u8],
    pub kind: FileKind,
    pub size: u64,
    pub mode: u32,
    pub seconds: i64,
    pub link: &'a [u8],
}

/// The end of an archive.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// A header, with one before it where a name is longer than it holds. Numbers are bounded to what fits.
pub fn head(put: &Put<'_>, out: &mut Vec<u8>) {
    let mut more = Vec::new();
    for (key, value) in [("path", put.name), ("linkpath", put.link)] {
        if value.len() > 100 {
            record(key, value, &mut more);
        }
    }
    if put.size >= 1 << 33 {
        record("size", put.size.to_string().as_bytes(), &mut more);
    }
    if !more.is_empty() {
        block(b"pax", b'x', more.len() as u64, 0o600, 0, b"", out);
        out.extend_from_slice(&more);
        pad(out, more.len() as u64);
    }
    let kind = match put.kind {
        FileKind::Dir => b'5',
        FileKind::Link => b'2',
        FileKind::File | FileKind::Other => b'0',
    };
    block(put.name, kind, put.size, put.mode, put.seconds, put.link, out);
}

/// Zeros behind an entry of so many bytes.
pub fn pad(out: &mut Vec<u8>, size: u64) {
    out.extend(std::iter::repeat_n(0, usize::try_from(padding(size)).unwrap_or(0)));
}

fn record(key: &str, value: &[u8], out: &mut Vec<u8>) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} {key}=").as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

fn block(name: &[u8], kind: u8, size: u64, mode: u32, seconds: i64, link: &[u8], out: &mut Vec<u8>) {
    let mut head = [0u8; BLOCK];
    let mut set = |at: usize, bytes: &[u8], most: usize| {
        head.iter_mut().skip(at).take(most).zip(bytes).for_each(|(to, b)| *to = *b);
    };
    set(0, name, 100);
    set(100, format!("{:07o}", mode & 0o7777).as_bytes(), 7);
    set(108, b"0000000", 7);
    set(116, b"0000000", 7);
    set(124, format!("{:011o}", size.min((1 << 33) - 1)).as_bytes(), 11);
    set(136, format!("{:011o}", seconds.clamp(0, (1 << 33) - 1)).as_bytes(), 11);
    set(148, b"        ", 8);
    set(156, &[kind], 1);
    set(157, link, 100);
    set(257, b"ustar\x0000", 8);
    let sum: u32 = head.iter().map(|b| u32::from(*b)).sum();
    let sum = format!("{sum:06o}\0 ");
    head.iter_mut().skip(148).zip(sum.as_bytes()).for_each(|(to, b)| *to = *b);
    out.extend_from_slice(&head);
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: Vec<u8>) -> io::Result<Vec<(Entry, Vec<u8>)>> {
        let mut tar = Tar::new(Box::new(io::Cursor::new(bytes)));
        let mut found = Vec::new();
        while let Some(entry) = tar.next().await? {
            let mut contents = Vec::new();
            while let Some(piece) = tar.bytes().await? {
                contents.extend(piece);
            }
            found.push((entry, contents));
        }
        Ok(found)
    }

    #[tokio::test]
    async fn what_is_written_is_read() {
        let long = vec![b'n'; 240];
        let mut out = Vec::new();
        let file = Put { name: b"a\xffb", kind: FileKind::File, size: 5, mode: 0o4755, seconds: 12345, link: b"" };
        head(&file, &mut out);
        out.extend_from_slice(b"hello");
        pad(&mut out, 5);
        head(&Put { name: &long, kind: FileKind::Dir, mode: 0o700, ..Put::default() }, &mut out);
        head(&Put { name: b"l", kind: FileKind::Link, link: &long, ..Put::default() }, &mut out);
        out.extend_from_slice(&END);
        let found = all(out.clone()).await.unwrap();
        assert_eq!(found.len(), 3);
        let (entry, contents) = &found[0];
        assert_eq!((entry.path.as_slice(), contents.as_slice()), (&b"a\xffb"[..], &b"hello"[..]));
        assert_eq!((entry.info.size, entry.info.mode, entry.info.mtime_ms), (5, 0o4755, 12_345_000));
        assert_eq!((&found[1].0.path, found[1].0.info.kind), (&long, FileKind::Dir));
        assert_eq!(found[2].0.info.link.as_ref().unwrap().target.as_bytes(), long);
        // whatever comes of it, it ends
        for cut in 0..out.len() {
            let _ = all(out[..cut].to_vec()).await;
        }
        for at in (0..out.len()).step_by(7) {
            let mut broken = out.clone();
            broken[at] ^= 0xff;
            let _ = all(broken).await;
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"  12 "), Some(10));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(2 << 32));
        assert_eq!(number(&[0xff; 12]), Some(u64::MAX));
        assert_eq!(number(b"777777777777777777777777"), None);
    }
}
