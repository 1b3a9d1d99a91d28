//! Owns what a running thub says of its forwards: one file a process (0600, `STATE/forwards`), for `thub forward ls`.
//! Leaves out the forwards. A file whose process is gone says nothing and is removed.

use crate::failure::Failure;
use crate::paths::Paths;
use crate::safedir::SafeDir;
use crate::sys;
use serde::{Deserialize, Serialize};

/// Largest file read, in bytes.
const MOST: usize = 1 << 20;

/// One forward, as it is shown; escaped.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Shown {
    pub host: String,
    /// `L`, `R` or `D`.
    pub kind: String,
    pub from: String,
    pub to: String,
    /// The port listened on; 0 = a socket, or not known.
    pub port: u16,
    /// `opening`, `open`, `waiting`, `failed`
    pub state: String,
    pub trouble: String,
    pub configured: bool,
    /// When the file was written.
    pub connections: u64,
    pub total: u64,
    pub refused: u64,
    pub pid: u32,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Record {
    version: u64,
    pid: u32,
    start_time: u64,
    machine: String,
    boot: String,
    forwards: Vec<Shown>,
}

fn dir(paths: &Paths) -> std::path::PathBuf {
    paths.state_dir().join("forwards")
}

/// This process's file; it goes with it.
pub struct Kept {
    dir: SafeDir,
    name: String,
    record: Record,
    there: bool,
}

impl Kept {
    /// Nothing is written yet.
    pub fn new(paths: &Paths) -> Result<Kept, Failure> {
        let pid = std::process::id();
        let record = Record {
            version: 1,
            pid,
            start_time: i32::try_from(pid).ok().and_then(sys::process_start_time).unwrap_or_default(),
            machine: paths.machine_id().to_string(),
            boot: paths.boot_id().to_string(),
            forwards: Vec::new(),
        };
        // homes are shared over networks, pids are not
        let machine: String = record.machine.chars().take(8).collect();
        let name = format!("{pid}-{machine}.json");
        let dir = SafeDir::open_or_create(&dir(paths))?;
        let _ = dir.sweep();
        Ok(Kept { dir, name, record, there: false })
    }

    /// Says so from now on; without forwards there is no file.
    pub fn say(&mut self, mut forwards: Vec<Shown>) -> std::io::Result<()> {
        for f in &mut forwards {
            f.pid = self.record.pid;
        }
        if forwards == self.record.forwards && self.there != forwards.is_empty() {
            return Ok(());
        }
        self.record.forwards = forwards;
        if self.record.forwards.is_empty() {
            self.there = false;
            return self.dir.remove(&self.name);
        }
        let json = serde_json::to_vec(&self.record).map_err(std::io::Error::other)?;
        self.dir.write_atomic(&self.name, &json)?;
        self.there = true;
        Ok(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.there {
            let _ = self.dir.remove(&self.name);
        }
    }
}

/// What the user's thubs on this machine forward, by process.
pub fn all(paths: &Paths) -> Result<Vec<Shown>, Failure> {
    let Some(dir) = SafeDir::open(&dir(paths))? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for name in dir.list()? {
        let Ok(bytes) = dir.read(&name, MOST) else { continue };
        let Ok(record) = serde_json::from_slice::<Record>(&bytes) else { continue };
        if record.machine != paths.machine_id() {
            continue;
        }
        let started = i32::try_from(record.pid).ok().and_then(sys::process_start_time);
        if record.boot == paths.boot_id() && started == Some(record.start_time) {
            found.extend(record.forwards);
        } else {
            let _ = dir.remove(&name);
        }
    }
    Ok(found)
}
