//! Owns a null-modem cable: two ptys with socat between, and the shim that gives one the lines of a UART.

use super::{skip, until};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Pair {
    dir: tempfile::TempDir,
    socat: Option<Child>,
}

impl Pair {
    /// None where there is no socat.
    pub fn new() -> Option<Pair> {
        if Command::new("socat").arg("-V").stdout(Stdio::null()).status().is_err() {
            skip("socat");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("thub-serial-").tempdir().expect("a directory");
        let mut pair = Pair { dir, socat: None };
        pair.plug();
        Some(pair)
    }

    /// The end that is opened.
    pub fn port(&self) -> String {
        self.dir.path().join("a").to_str().expect("a path").into()
    }

    pub fn plug(&mut self) {
        let end = |name: &str| format!("PTY,rawer,mode=660,link={}", self.dir.path().join(name).display());
        // (the board's end is there first: it says something as soon as the other one is)
        let mut command = Command::new("socat");
        command.args([end("b"), end("a")]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.socat = Some(command.spawn().expect("socat"));
        until("the pair", || (self.dir.path().join("a").exists() && self.dir.path().join("b").exists()).then_some(()));
    }

    /// As an USB plug is pulled: who reads hears of it at once.
    pub fn pull(&mut self) {
        if let Some(mut socat) = self.socat.take() {
            let _ = socat.kill();
            let _ = socat.wait();
        }
        for name in ["a", "b"] {
            let _ = std::fs::remove_file(self.dir.path().join(name));
        }
    }

    pub fn board(&self) -> Board {
        use rustix::fs::{Mode, OFlags};
        let path = self.dir.path().join("b");
        let fd = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK, Mode::empty());
        Board(fd.expect("the board's end"))
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.pull();
    }
}

/// What is at the other end.
pub struct Board(OwnedFd);

impl Board {
    /// Says it, however long it takes.
    #[track_caller]
    pub fn say(&self, bytes: impl AsRef<[u8]>) {
        let mut bytes = bytes.as_ref();
        until("the port to take it", || {
            while !bytes.is_empty() {
                match rustix::io::write(&self.0, bytes) {
                    Ok(n) => bytes = &bytes[n..],
                    Err(rustix::io::Errno::AGAIN) => return None,
                    Err(e) => panic!("{e}"),
                }
            }
            Some(())
        });
    }

    /// What has come and is not read yet.
    pub fn heard(&self) -> Vec<u8> {
        let (mut all, mut buf) = (Vec::new(), [0; 4096]);
        while let Ok(n @ 1..) = rustix::io::read(&self.0, &mut buf) {
            all.extend_from_slice(&buf[..n]);
        }
        all
    }

    /// Waits until this has come, and nothing else.
    #[track_caller]
    pub fn hears(&self, bytes: impl AsRef<[u8]>) {
        let (bytes, mut got) = (bytes.as_ref(), Vec::new());
        let end = Instant::now() + super::PATIENCE;
        while got.len() < bytes.len() && Instant::now() < end {
            got.extend(self.heard());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(bytes));
    }
}

/// A library to be preloaded: lines and breaks of ptys go to a file (sershim.c beside this). None without a compiler.
pub fn shim(dir: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/sershim.c");
    let made = dir.join("sershim.so");
    let cc =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-w", "-o"]).arg(&made).arg(source).arg("-ldl").status();
    if cc.is_ok_and(|s| s.success()) {
        return Some(made);
    }
    skip("C compiler");
    None
}
