//! Owns the files beside a port: what comes is appended to one, another one is sent. Disks are waited for on threads of their
//! own. Leaves out the port, and what a person is told.

use crate::text::short;
use rustix::fs::{FileType, Mode, OFlags};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tokio::task::JoinHandle;

/// Waits for a disk at most: what comes after that stays with the port, which may have to hold up who sends.
const QUEUE: usize = 1 << 20;
/// Read of a file at a time: no more than is sent soon.
const PIECE: usize = 16 << 10;

/// A path as a person writes it: `~/` is the home, and what begins nowhere begins there.
pub fn place(path: &str, home: &Path) -> Result<PathBuf, String> {
    if path.trim().is_empty() || path.contains('\0') {
        return Err("a path is missing".into());
    }
    Ok(match path.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => home.join(path),
    })
}

/// A regular file, opened so that nothing blocks.
fn opened(path: &Path, flags: OFlags) -> Result<File, String> {
    let shown = short(&path.to_string_lossy(), 200);
    let failed = |e: rustix::io::Errno| format!("{shown}: {}", io::Error::from(e));
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    // (what is no file is not even opened: some devices do something then)
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return Err(format!("{shown} is no file"));
    }
    let fd = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&fd).map_err(failed)?.st_mode);
    if kind != FileType::RegularFile {
        return Err(format!("{shown} is no file"));
    }
    Ok(fd.into())
}

/// What comes is appended here, byte for byte.
pub struct Log {
    pub path: PathBuf,
    file: Option<File>,
    queue: Vec<u8>,
    writing: Option<JoinHandle<(File, io::Result<()>)>>,
}

impl Log {
    /// A new file is its owner's alone (0600).
    pub fn open(path: PathBuf) -> Result<Log, String> {
        let file = opened(&path, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE)?;
        Ok(Log { path, file: Some(file), queue: Vec::new(), writing: None })
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.queue.extend_from_slice(bytes);
        self.start();
    }

    pub fn is_full(&self) -> bool {
        self.queue.len() >= QUEUE
    }

    fn start(&mut self) {
        if self.writing.is_none()
            && !self.queue.is_empty()
            && let Some(mut file) = self.file.take()
        {
            let bytes = std::mem::take(&mut self.queue);
            self.writing = Some(tokio::task::spawn_blocking(move || {
                let done = file.write_all(&bytes);
                (file, done)
            }));
        }
    }

    /// Waits until a write is done; for ever where none is under way. May be given up and waited for anew.
    ///
    /// # Errors
    /// The disk is full, or gone: nothing more is written.
    pub async fn turn(&mut self) -> io::Result<()> {
        let Some(writing) = &mut self.writing else { return std::future::pending().await };
        let written = writing.await;
        self.writing = None;
        let (file, done) = written.map_err(io::Error::other)?;
        done?;
        self.file = Some(file);
        self.start();
        Ok(())
    }

    /// All that has come is in the file.
    ///
    /// # Errors
    /// As [`Log::turn`]'s.
    pub async fn finish(mut self) -> io::Result<()> {
        while self.writing.is_some() {
            self.turn().await?;
        }
        Ok(())
    }
}

/// A file on its way to the port.
pub struct Sending {
    pub name: String,
    pub size: u64,
    pub sent: u64,
    pub began: std::time::Instant,
    file: Option<File>,
    reading: Option<JoinHandle<(File, io::Result<Vec<u8>>)>>,
}

impl Sending {
    pub fn open(path: &Path) -> Result<Sending, String> {
        let file = opened(path, OFlags::RDONLY)?;
        let size = file.metadata().map_err(|e| format!("{}: {e}", short(&path.to_string_lossy(), 200)))?.len();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Sending { name, size, sent: 0, began: std::time::Instant::now(), file: Some(file), reading: None })
    }

    /// The next of it; nothing at its end. May be given up and asked anew.
    ///
    /// # Errors
    /// It can't be read on.
    pub async fn next(&mut self) -> io::Result<Vec<u8>> {
        if let Some(mut file) = self.file.take() {
            self.reading = Some(tokio::task::spawn_blocking(move || {
                let mut piece = Vec::with_capacity(PIECE);
                let done = Read::by_ref(&mut file).take(PIECE as u64).read_to_end(&mut piece);
                (file, done.map(|_| piece))
            }));
        }
        let Some(reading) = &mut self.reading else { return Ok(Vec::new()) };
        let read = reading.await;
        self.reading = None;
        let (file, piece) = read.map_err(io::Error::other)?;
        self.file = Some(file);
        piece
    }

    /// Of a hundred; a file that grows meanwhile is at its end for long.
    pub fn percent(&self) -> u64 {
        self.sent.saturating_mul(100).checked_div(self.size).unwrap_or(100).min(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_log_is_appended_to_and_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = place("x.log", dir.path()).unwrap();
        for turn in 0..2 {
            let mut log = Log::open(path.clone()).unwrap();
            for _ in 0..1000 {
                log.push(&[turn; 100]);
            }
            log.finish().await.unwrap();
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read(&path).unwrap(), [vec![0; 100_000], vec![1; 100_000]].concat());
        let said = |path: &str| Log::open(path.into()).err().unwrap();
        assert!(said("/dev/null").contains("is no file") && said("/").contains("is no file"));
        assert!(said("/nowhere/x").contains("No such file"));
        assert_eq!(place("~/a", Path::new("/h")).unwrap(), Path::new("/h/a"));
        assert_eq!(place("/a", Path::new("/h")).unwrap(), Path::new("/a"));
        assert!(place("", Path::new("/h")).is_err());
    }

    #[tokio::test]
    async fn a_full_disk_ends_a_log_with_an_error() {
        if !Path::new("/dev/full").exists() {
            return;
        }
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut log = Log { path: "x".into(), file: Some(full), queue: Vec::new(), writing: None };
        log.push(b"x");
        assert_eq!(log.turn().await.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[tokio::test]
    async fn a_file_comes_piece_by_piece() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let all: Vec<u8> = (0..50_000u32).map(|n| (n * 7) as u8).collect();
        std::fs::write(&path, &all).unwrap();
        let mut sending = Sending::open(&path).unwrap();
        let mut got = Vec::new();
        loop {
            let piece = sending.next().await.unwrap();
            if piece.is_empty() {
                break;
            }
            assert!(piece.len() <= PIECE);
            sending.sent += piece.len() as u64;
            got.extend(piece);
        }
        assert!(got == all && sending.percent() == 100 && sending.name == "f");
        assert!(Sending::open(dir.path()).is_err() && Sending::open(&dir.path().join("none")).is_err());
    }
}
