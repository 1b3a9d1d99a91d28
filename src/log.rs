//! Owns the log: a file in the state dir, never the terminal. Leaves out what is logged.

use crate::paths::Paths;
use crate::safedir::SafeDir;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Mutex;

/// A log larger than this starts anew, the old one kept beside it.
const MOST: u64 = 4 << 20;

/// Writes what is logged to `thub.log` when THUB_LOG (error, warn, info, debug, trace) is set. Without it nothing is
/// opened: a verb that only looks leaves no file behind.
pub fn start(paths: &Paths) -> Option<()> {
    let level: tracing::Level = std::env::var("THUB_LOG").ok()?.parse().ok()?;
    let dir = paths.log_dir();
    SafeDir::open_or_create(&dir).ok()?;
    let path = dir.join("thub.log");
    if std::fs::metadata(&path).is_ok_and(|m| m.len() > MOST) {
        let _ = std::fs::rename(&path, dir.join("thub.log.1"));
    }
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).ok()?;
    tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(Mutex::new(file)).try_init().ok()
}
