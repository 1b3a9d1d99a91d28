//! Owns how one JSON file is kept: read whole, replaced whole and durably, one `.bak`, one writer at a time; what cannot
//! be read or is newer than this thub is put aside or left alone, never replaced.
//! Leaves out what is in it: each kind of file has its own type, with `version` and a pure `migrate`.

use crate::failure::{Failure, Kind};
use crate::safedir::SafeDir;
use crate::text::{escape, short};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io;
use std::time::{Duration, SystemTime};

/// Largest file, in bytes.
pub const MOST: usize = 16 << 20;
/// Lists and objects within one another.
const DEEPEST: usize = 127;
/// How long to wait for another thub that is writing.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a file holds.
pub trait Stored: Serialize + DeserializeOwned {
    /// The version written; older ones are migrated, newer ones left alone.
    const VERSION: u64;
    /// From any older version to this one, as far as `serde`'s defaults do not do it. Pure. The error says what is
    /// wrong with it.
    fn migrate(value: Value, from: u64) -> Result<Value, String> {
        let _ = from;
        Ok(value)
    }
    /// What of this may lie in the `.bak` where the file's own bytes may not. None = those.
    fn kept(self) -> Option<Self> {
        None
    }
    /// The version a file says it has; none = it is no such file.
    fn version_of(json: &Value) -> Option<u64> {
        json.get("version").and_then(Value::as_u64)
    }
    /// Says this version in what is written.
    fn write_version(json: &mut Value) {
        if let Some(object) = json.as_object_mut() {
            object.insert("version".into(), Self::VERSION.into());
        }
    }
}

/// What reading gave.
#[derive(Debug)]
pub enum Loaded<T> {
    /// There is none yet.
    Missing,
    Read(T),
    /// The file could not be understood: it lies aside under the name given; `backup` is what its `.bak` held.
    Damaged {
        aside: String,
        backup: Option<T>,
        told: Failure,
    },
    /// A newer thub wrote it: it stays, and saving is refused.
    Newer {
        version: u64,
        told: Failure,
    },
}

impl<T> Loaded<T> {
    /// What can be gone on with, and what the user is to be told.
    pub fn usable(self) -> (Option<T>, Option<Failure>) {
        match self {
            Loaded::Missing => (None, None),
            Loaded::Read(t) => (Some(t), None),
            Loaded::Damaged { backup, told, .. } => (backup, Some(told)),
            Loaded::Newer { told, .. } => (None, Some(told)),
        }
    }
}

/// One JSON file in a directory.
#[derive(Debug)]
pub struct Store<'d> {
    dir: &'d SafeDir,
    name: String,
}

/// Why a text is no `T`.
enum Bad {
    Newer(u64),
    Wrong(String),
}

impl<'d> Store<'d> {
    /// `name` as in `connections.json`; beside it `.bak`, `.lock` and `.corrupt-TIME` may come to lie.
    pub fn new(dir: &'d SafeDir, name: &str) -> Store<'d> {
        Store { dir, name: name.to_string() }
    }

    /// Reads the file. One that cannot be understood is put aside first, so that no later save replaces it.
    ///
    /// # Errors
    /// The disk or the permissions; in that case nothing is to be saved either.
    pub fn load<T: Stored>(&self) -> Result<Loaded<T>, Failure> {
        match self.peek()? {
            Loaded::Damaged { .. } => {}
            other => return Ok(other),
        }
        // again under the lock: another thub may be putting it aside just now
        let _lock = self.lock()?;
        self.settled()
    }

    /// Under the lock: what there is, with what can't be understood out of the way.
    fn settled<T: Stored>(&self) -> Result<Loaded<T>, Failure> {
        match self.peek()? {
            Loaded::Damaged { backup, told, .. } => {
                let aside = self.put_aside()?;
                let path = self.at(&aside);
                let goes_on = match backup {
                    Some(_) => "thub goes on with the copy before it",
                    None => "thub goes on without it",
                };
                let told = Failure::failed(told.what, format!("it is kept as {path}; {goes_on}"));
                tracing::warn!(told = told.line(), "a file was put aside");
                Ok(Loaded::Damaged { aside, backup, told })
            }
            other => Ok(other),
        }
    }

    /// Reads the file and changes nothing on the disk; `aside` is empty.
    pub fn peek<T: Stored>(&self) -> Result<Loaded<T>, Failure> {
        let bytes = match self.read() {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                // what was put aside and not saved anew leaves the copy alone
                return Ok(match self.backup() {
                    Ok(t) => Loaded::Read(t),
                    Err(Bad::Newer(version)) => Loaded::Newer { version, told: self.newer(&self.bak(), version) },
                    Err(Bad::Wrong(_)) => Loaded::Missing,
                });
            }
            Err(e) if e.kind() == io::ErrorKind::FileTooLarge => {
                return Ok(self.damaged(&format!("it is larger than {} MiB", MOST >> 20)));
            }
            Err(e) if is_no_file_of_ours(&e) => {
                return Ok(self.damaged(&e.to_string()));
            }
            Err(e) => return Err(self.cannot("read", &e)),
        };
        Ok(match decode(&bytes) {
            Ok(t) => Loaded::Read(t),
            Err(Bad::Newer(version)) => Loaded::Newer { version, told: self.newer(&self.name, version) },
            Err(Bad::Wrong(why)) => self.damaged(&why),
        })
    }

    /// Replaces the file; what it held before is then in `.bak`. On the disk when it returns.
    ///
    /// # Errors
    /// A full disk, another thub writing for long, a newer file in its place: then the file is as before.
    pub fn save<T: Stored>(&self, value: &T) -> Result<(), Failure> {
        let _lock = self.lock()?;
        self.replace(value)
    }

    /// Reads, changes and saves under one lock: nobody's change in between is lost. `change` gets None where there is
    /// nothing to go on with, and what the user is to be told where the file could not be understood and was put aside;
    /// an error of it saves nothing.
    pub fn update<T: Stored, R>(
        &self,
        change: impl FnOnce(Option<T>, Option<Failure>) -> Result<(T, R), Failure>,
    ) -> Result<R, Failure> {
        let _lock = self.lock()?;
        let (now, told) = match self.settled()? {
            Loaded::Newer { told, .. } => return Err(told),
            other => other.usable(),
        };
        let (value, result) = change(now, told)?;
        self.replace(&value)?;
        Ok(result)
    }

    fn replace<T: Stored>(&self, value: &T) -> Result<(), Failure> {
        let bytes = encode(value).map_err(|why| self.cannot("save", &io::Error::other(why)))?;
        if bytes.len() > MOST {
            return Err(Failure::failed(
                format!("{} would be larger than {} MiB, and nothing so large is read", self.shown(), MOST >> 20),
                "it is as it was; take away what is not needed any more, then do it again",
            ));
        }
        let _ = self.dir.sweep();
        match self.read() {
            Ok(old) => {
                match decode::<T>(&old) {
                    Ok(_) if old == bytes => return Ok(()),
                    Ok(was) => {
                        let kept = was.kept().and_then(|kept| encode(&kept).ok()).unwrap_or(old);
                        self.dir.write_durable(&self.bak(), &kept).map_err(|e| self.cannot("save", &e))?;
                    }
                    Err(Bad::Newer(version)) => return Err(self.newer(&self.name, version)),
                    // nobody loaded it before, so nobody put it aside
                    Err(Bad::Wrong(_)) => drop(self.put_aside()?),
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if let Err(Bad::Newer(version)) = self.backup::<T>() {
                    return Err(self.newer(&self.bak(), version));
                }
            }
            Err(e) if is_no_file_of_ours(&e) => drop(self.put_aside()?),
            Err(e) => return Err(self.cannot("save", &e)),
        }
        self.dir.write_durable(&self.name, &bytes).map_err(|e| self.cannot("save", &e))
    }

    fn lock(&self) -> Result<std::fs::File, Failure> {
        self.dir.lock(&format!("{}.lock", self.name), PATIENCE).map_err(|e| {
            if e.kind() == io::ErrorKind::TimedOut {
                let what = format!("other thubs have been writing {} for 5 seconds", self.shown());
                let hint = "try again; if it stays so, look for a thub that hangs, with `ps`";
                return Failure::new(Kind::TimedOut, what, hint);
            }
            self.cannot("lock", &e)
        })
    }

    /// Renames the file to one that is not there yet.
    fn put_aside(&self) -> Result<String, Failure> {
        let time = crate::sys::rfc3339(SystemTime::now()).replace([':', '-'], "");
        for n in 0..1000 {
            let more = if n == 0 { String::new() } else { format!("-{n}") };
            let aside = format!("{}.corrupt-{time}{more}", self.name);
            match self.dir.stat(&aside) {
                Ok(None) => {
                    self.dir.rename(&self.name, &aside).map_err(|e| self.cannot("put aside", &e))?;
                    let _ = self.dir.sync();
                    return Ok(aside);
                }
                Ok(Some(_)) => {}
                Err(e) => return Err(self.cannot("put aside", &e)),
            }
        }
        Err(self.cannot("put aside", &io::Error::other("too many lie there")))
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        self.read_own(&self.name)
    }

    /// A file's bytes, where it is ours.
    fn read_own(&self, name: &str) -> io::Result<Vec<u8>> {
        let owner = self.dir.stat(name)?.map(|e| e.owner);
        let me = rustix::process::geteuid().as_raw();
        match owner {
            Some(owner) if owner != me => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("it belongs to another user ({owner}, and this is {me}): move it away, or make it yours"),
            )),
            _ => self.dir.read(name, MOST),
        }
    }

    /// What the copy before it holds.
    fn backup<T: Stored>(&self) -> Result<T, Bad> {
        decode(&self.read_own(&self.bak()).map_err(|e| Bad::Wrong(e.to_string()))?)
    }

    fn bak(&self) -> String {
        format!("{}.bak", self.name)
    }

    fn shown(&self) -> String {
        self.at(&self.name)
    }

    /// Where a file of that name lies, to show.
    fn at(&self, name: &str) -> String {
        escape(&self.dir.path().join(name).to_string_lossy())
    }

    fn damaged<T: Stored>(&self, why: &str) -> Loaded<T> {
        let what = format!("{} cannot be understood: {}", self.shown(), short(why, 200));
        let told = Failure::failed(what, "it is left as it is");
        Loaded::Damaged { aside: String::new(), backup: self.backup().ok(), told }
    }

    fn newer(&self, name: &str, version: u64) -> Failure {
        let file = self.at(name);
        Failure::refused(
            format!("{file} was written by a newer thub (version {version} of it): this one leaves it alone"),
            "use the newer thub, or move the file away to begin anew",
        )
    }

    fn cannot(&self, doing: &str, e: &io::Error) -> Failure {
        let hint = match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "the disk is full: make room, then do it again"
            }
            io::ErrorKind::ReadOnlyFilesystem => "the disk cannot be written: set THUB_STATE_DIR to another place",
            _ => "look at that file and its directory with `ls -l`, then do it again",
        };
        let kind = match e.kind() {
            io::ErrorKind::PermissionDenied => Kind::Refused,
            _ => Kind::Failed,
        };
        Failure::new(kind, format!("cannot {doing} {}: {e}", self.shown()), hint)
    }
}

/// Too large, or a pipe or a directory: what lies there was not written by thub.
fn is_no_file_of_ours(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput)
}

/// What a file of this kind holds, wherever it came from.
///
/// # Errors
/// A sentence: it can't be understood, or a newer thub wrote it.
pub fn parse<T: Stored>(bytes: &[u8]) -> Result<T, String> {
    decode(bytes).map_err(|bad| match bad {
        Bad::Newer(version) => format!("it is of a newer thub (version {version} of it)"),
        Bad::Wrong(why) => why,
    })
}

/// A file's text.
///
/// # Errors
/// A sentence: it could not be read again.
pub fn encode<T: Stored>(value: &T) -> Result<Vec<u8>, String> {
    let mut json = serde_json::to_value(value).map_err(|e| e.to_string())?;
    if depth(&json) > DEEPEST {
        return Err(format!("it nests more than {DEEPEST} deep, and could not be read again"));
    }
    T::write_version(&mut json);
    let mut bytes = serde_json::to_vec_pretty(&json).map_err(|e| e.to_string())?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn depth(json: &Value) -> usize {
    match json {
        Value::Array(all) => 1 + all.iter().map(depth).max().unwrap_or(0),
        Value::Object(all) => 1 + all.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn decode<T: Stored>(bytes: &[u8]) -> Result<T, Bad> {
    // serde_json goes no deeper than DEEPEST by itself
    let json: Value = serde_json::from_slice(bytes).map_err(|e| Bad::Wrong(e.to_string()))?;
    let version = T::version_of(&json).ok_or_else(|| Bad::Wrong("it has no version".into()))?;
    if version > T::VERSION {
        return Err(Bad::Newer(version));
    }
    let json = if version < T::VERSION { T::migrate(json, version).map_err(Bad::Wrong)? } else { json };
    serde_json::from_value(json).map_err(|e| Bad::Wrong(e.to_string()))
}

#[cfg(test)]
mod tests;
