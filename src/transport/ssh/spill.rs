//! Owns what a forwarded connection has sent faster than its reader here takes it: past what is held in memory it waits
//! in a file without a name, encrypted under a key that only memory knows. So one slow reader neither grows the client
//! nor holds up the connection, which russh could only stop as a whole. Blocks: for a thread that may.

use super::super::random;
use crate::paths::Paths;
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes waiting in files, of all connections of this process together.
pub(super) const MOST: u64 = 1 << 30;
/// What was read is given back to the disk in pieces of this size.
#[cfg(target_os = "linux")]
const HOLE: u64 = 16 << 20;

static WAITING: AtomicU64 = AtomicU64::new(0);

pub(super) struct Spill {
    file: File,
    cipher: ChaCha20,
    written: u64,
    read: u64,
    #[cfg(target_os = "linux")]
    given_back: u64,
}

impl Spill {
    /// A new file below the state dir, whose name is gone before anything is in it.
    pub(super) fn new() -> io::Result<Spill> {
        let paths = Paths::from_env().map_err(|f| io::Error::other(f.what))?;
        DirBuilder::new().recursive(true).mode(0o700).create(paths.state_dir())?;
        let name = random::<16>()?.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let path = paths.state_dir().join(format!(".spill-{name}"));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(Spill {
            file,
            cipher: ChaCha20::new(&random::<32>()?.into(), &[0; 12].into()),
            written: 0,
            read: 0,
            #[cfg(target_os = "linux")]
            given_back: 0,
        })
    }

    pub(super) fn waiting(&self) -> u64 {
        self.written - self.read
    }

    /// Whether so much more fits.
    pub(super) fn has_room(bytes: usize) -> bool {
        WAITING.load(Ordering::Relaxed).saturating_add(bytes as u64) <= MOST
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut coded = bytes.to_vec();
        self.code(self.written, &mut coded)?;
        self.file.write_all_at(&coded, self.written)?;
        self.written += coded.len() as u64;
        WAITING.fetch_add(coded.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// The oldest bytes, at most so many.
    pub(super) fn pull(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.waiting()).unwrap_or(usize::MAX).min(most);
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, self.read)?;
        self.code(self.read, &mut bytes)?;
        self.read += len as u64;
        WAITING.fetch_sub(len as u64, Ordering::Relaxed);
        if self.waiting() == 0 {
            // from the start again, and never twice under the same key
            self.file.set_len(0)?;
            self.cipher = ChaCha20::new(&random::<32>()?.into(), &[0; 12].into());
            (self.written, self.read) = (0, 0);
            #[cfg(target_os = "linux")]
            {
                self.given_back = 0;
            }
        }
        #[cfg(target_os = "linux")]
        if self.read - self.given_back >= HOLE {
            use rustix::fs::FallocateFlags;
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // a file system that can't keeps it until all is read
            let _ = rustix::fs::fallocate(&self.file, hole, self.given_back, self.read - self.given_back);
            self.given_back = self.read;
        }
        Ok(bytes)
    }

    fn code(&mut self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.cipher.try_seek(at).map_err(|_| io::Error::other("too much waits"))?;
        self.cipher.try_apply_keystream(bytes).map_err(|_| io::Error::other("too much waits"))
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        WAITING.fetch_sub(self.waiting(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_and_is_not_to_be_read_in_between() {
        let mut spill = Spill::new().unwrap();
        let bytes: Vec<u8> = (0..100_000u32).map(|i| (i >> 3) as u8).collect();
        for round in 0..3 {
            for piece in bytes.chunks(7_001) {
                spill.push(piece).unwrap();
            }
            let mut raw = vec![0; bytes.len()];
            spill.file.read_exact_at(&mut raw, 0).unwrap();
            assert!(!raw.windows(16).any(|w| bytes.windows(16).step_by(997).any(|b| b == w)), "round {round}");
            let mut back = Vec::new();
            while spill.waiting() > 0 {
                back.extend(spill.pull(33_333).unwrap());
            }
            assert_eq!(back, bytes);
        }
        assert_eq!(spill.file.metadata().unwrap().len(), 0);
    }
}
