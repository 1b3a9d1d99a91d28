//! Owns what a forwarded connection has sent faster than its reader here takes it: past what is held in memory it waits
//! in a file without a name, encrypted under a key that only memory knows. So one slow reader neither grows the client
//! nor holds up the connection, which russh could only stop as a whole. Blocks: for a thread that may.

use super::super::random;
use crate::paths::Paths;
use crate::proto::ids::hex;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes waiting in files, of all connections of this process together.
pub(super) const MOST: u64 = 1 << 30;
/// What is written and read at once.
const RECORD: usize = 128 << 10;
/// What was read is given back to the disk in pieces of this size.
#[cfg(target_os = "linux")]
const HOLE: u64 = 16 << 20;

static WAITING: AtomicU64 = AtomicU64::new(0);

pub(super) struct Spill {
    file: File,
    key: LessSafeKey,
    /// Each record's own; never one twice.
    next: u128,
    /// Those not read yet: number, bytes in the file.
    records: VecDeque<(u128, usize)>,
    /// Where the next is written, and the oldest lies.
    end: u64,
    start: u64,
    #[cfg(target_os = "linux")]
    given_back: u64,
}

impl Spill {
    /// A new file below the state dir, whose name is gone before anything is in it.
    pub(super) fn new() -> io::Result<Spill> {
        let paths = Paths::from_env().map_err(|f| io::Error::other(f.what))?;
        DirBuilder::new().recursive(true).mode(0o700).create(paths.state_dir())?;
        let name = hex(&random::<16>()?);
        let path = paths.state_dir().join(format!(".spill-{name}"));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        std::fs::remove_file(&path)?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &random::<32>()?).map_err(|_| io::Error::other("no key"))?;
        Ok(Spill {
            file,
            key: LessSafeKey::new(key),
            next: 0,
            records: VecDeque::new(),
            end: 0,
            start: 0,
            #[cfg(target_os = "linux")]
            given_back: 0,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether so much more fits.
    pub(super) fn has_room(bytes: usize) -> bool {
        WAITING.load(Ordering::Relaxed).saturating_add(bytes as u64) <= MOST
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(RECORD) {
            let mut sealed = piece.to_vec();
            self.key
                .seal_in_place_append_tag(nonce(self.next)?, Aad::empty(), &mut sealed)
                .map_err(|_| io::Error::other("it can't be sealed"))?;
            self.file.write_all_at(&sealed, self.end)?;
            self.records.push_back((self.next, sealed.len()));
            self.next += 1;
            self.end += sealed.len() as u64;
            WAITING.fetch_add(sealed.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The oldest bytes: at most 128 KiB.
    pub(super) fn pull(&mut self) -> io::Result<Vec<u8>> {
        let Some((number, len)) = self.records.pop_front() else { return Ok(Vec::new()) };
        WAITING.fetch_sub(len as u64, Ordering::Relaxed);
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, self.start)?;
        let opened = self.key.open_in_place(nonce(number)?, Aad::empty(), &mut bytes);
        let len_open = opened.map_err(|_| io::Error::other("it is not what was written"))?.len();
        bytes.truncate(len_open);
        self.start += len as u64;
        if self.records.is_empty() {
            self.file.set_len(0)?;
            (self.start, self.end) = (0, 0);
            #[cfg(target_os = "linux")]
            {
                self.given_back = 0;
            }
        }
        #[cfg(target_os = "linux")]
        if self.start - self.given_back >= HOLE {
            use rustix::fs::FallocateFlags;
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // a file system that can't keeps it until all is read
            let _ = rustix::fs::fallocate(&self.file, hole, self.given_back, self.start - self.given_back);
            self.given_back = self.start;
        }
        Ok(bytes)
    }
}

fn nonce(number: u128) -> io::Result<Nonce> {
    let bytes = number.to_le_bytes();
    let bytes = bytes.get(..NONCE_LEN).unwrap_or_default();
    Nonce::try_assume_unique_for_key(bytes).map_err(|_| io::Error::other("no number is left"))
}

impl Drop for Spill {
    fn drop(&mut self) {
        let left: usize = self.records.iter().map(|(_, len)| len).sum();
        WAITING.fetch_sub(left as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_and_is_not_to_be_read_in_between() {
        let mut spill = Spill::new().unwrap();
        let bytes: Vec<u8> = (0..1_000_000u32).map(|i| (i >> 5) as u8).collect();
        for round in 0..3 {
            for piece in bytes.chunks(7_001 + 600_000 * round) {
                spill.push(piece).unwrap();
            }
            let mut raw = vec![0; bytes.len()];
            spill.file.read_exact_at(&mut raw, 0).unwrap();
            let plain = raw.windows(16).step_by(64).filter(|w| w.windows(2).all(|p| p[0] == p[1])).count();
            assert_eq!(plain, 0, "runs of one byte would show as they are");
            let mut back = Vec::new();
            while !spill.is_empty() {
                back.extend(spill.pull().unwrap());
            }
            assert_eq!(back, bytes);
        }
        assert_eq!(spill.file.metadata().unwrap().len(), 0);
    }
}
