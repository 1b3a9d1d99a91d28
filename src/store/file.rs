//! Owns how one JSON file is kept: read whole, replaced whole and durably, one `.bak`, one writer at a time; what cannot
//! be read or is newer than this thub is put aside or left alone, never replaced.
//! Leaves out what is in it: each kind of file has its own type, with `version` and a pure `migrate`.

use crate::failure::Failure;
use crate::safedir::SafeDir;
use crate::text::{escape, short};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io;
use std::time::{Duration, SystemTime};

/// Largest file, in bytes.
pub const MOST: usize = 16 << 20;
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
                let path = escape(&self.dir.path().join(&aside).to_string_lossy());
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
                // a crash between the two renames of a save leaves the copy alone
                return Ok(match self.backup() {
                    Some(t) => Loaded::Read(t),
                    None => Loaded::Missing,
                });
            }
            Err(e) if is_no_file_of_ours(&e) => {
                return Ok(self.damaged(&e.to_string()));
            }
            Err(e) => return Err(self.cannot("read", &e)),
        };
        Ok(match decode(&bytes) {
            Ok(t) => Loaded::Read(t),
            Err(Bad::Newer(version)) => Loaded::Newer { version, told: self.newer(version) },
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
        let bytes = encode(value).map_err(|e| self.cannot("save", &io::Error::other(e)))?;
        match self.read() {
            Ok(old) => {
                match decode::<T>(&old) {
                    Ok(_) if old == bytes => return Ok(()),
                    Ok(was) => {
                        let kept = was.kept().and_then(|kept| encode(&kept).ok()).unwrap_or(old);
                        self.dir.write_durable(&self.bak(), &kept).map_err(|e| self.cannot("save", &e))?;
                    }
                    Err(Bad::Newer(version)) => return Err(self.newer(version)),
                    // nobody loaded it before, so nobody put it aside
                    Err(Bad::Wrong(_)) => drop(self.put_aside()?),
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) if is_no_file_of_ours(&e) => drop(self.put_aside()?),
            Err(e) => return Err(self.cannot("save", &e)),
        }
        self.dir.write_durable(&self.name, &bytes).map_err(|e| self.cannot("save", &e))
    }

    fn lock(&self) -> Result<std::fs::File, Failure> {
        self.dir.lock(&format!("{}.lock", self.name), PATIENCE).map_err(|e| {
            if e.kind() == io::ErrorKind::TimedOut {
                let what = format!("another thub has been writing {} for 5 seconds", self.shown());
                return Failure::failed(what, "try again; if it stays so, look for a thub that hangs, with `ps`");
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

    /// The file's bytes, where it is ours.
    fn read(&self) -> io::Result<Vec<u8>> {
        let owner = self.dir.stat(&self.name)?.map(|e| e.owner);
        let me = rustix::process::geteuid().as_raw();
        match owner {
            Some(owner) if owner != me => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("it belongs to another user ({owner}, and this is {me}): move it away, or make it yours"),
            )),
            _ => self.dir.read(&self.name, MOST),
        }
    }

    fn backup<T: Stored>(&self) -> Option<T> {
        decode(&self.dir.read(&self.bak(), MOST).ok()?).ok()
    }

    fn bak(&self) -> String {
        format!("{}.bak", self.name)
    }

    fn shown(&self) -> String {
        escape(&self.dir.path().join(&self.name).to_string_lossy())
    }

    fn damaged<T: Stored>(&self, why: &str) -> Loaded<T> {
        let what = format!("{} cannot be understood: {}", self.shown(), short(why, 200));
        let told = Failure::failed(what, "it is left as it is");
        Loaded::Damaged { aside: String::new(), backup: self.backup(), told }
    }

    fn newer(&self, version: u64) -> Failure {
        Failure::failed(
            format!("{} was written by a newer thub (version {version} of it): this one leaves it alone", self.shown()),
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
        Failure::failed(format!("cannot {doing} {}: {e}", self.shown()), hint)
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
pub fn encode<T: Stored>(value: &T) -> Result<Vec<u8>, String> {
    let mut json = serde_json::to_value(value).map_err(|e| e.to_string())?;
    T::write_version(&mut json);
    let mut bytes = serde_json::to_vec_pretty(&json).map_err(|e| e.to_string())?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn decode<T: Stored>(bytes: &[u8]) -> Result<T, Bad> {
    // serde_json stops at a depth of 128 by itself
    let json: Value = serde_json::from_slice(bytes).map_err(|e| Bad::Wrong(e.to_string()))?;
    let version = T::version_of(&json).ok_or_else(|| Bad::Wrong("it has no version".into()))?;
    if version > T::VERSION {
        return Err(Bad::Newer(version));
    }
    let json = if version < T::VERSION { T::migrate(json, version).map_err(Bad::Wrong)? } else { json };
    serde_json::from_value(json).map_err(|e| Bad::Wrong(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
    struct Note {
        version: u64,
        text: String,
    }
    impl Stored for Note {
        const VERSION: u64 = 2;
        fn migrate(mut value: Value, _: u64) -> Result<Value, String> {
            // version 1 called it `line`
            let line = value.get("line").cloned().ok_or("no line")?;
            value["text"] = line;
            value["version"] = 2.into();
            Ok(value)
        }
    }
    fn note(text: &str) -> Note {
        Note { version: 2, text: text.into() }
    }

    fn scratch() -> (tempfile::TempDir, SafeDir) {
        let top = tempfile::tempdir().unwrap();
        let dir = SafeDir::open_or_create(&top.path().join("state")).unwrap();
        (top, dir)
    }
    fn names(dir: &SafeDir) -> Vec<String> {
        dir.list().unwrap().into_iter().filter(|n| !n.ends_with(".lock")).collect()
    }

    #[test]
    fn there_and_back() {
        let (_top, dir) = scratch();
        let store = Store::new(&dir, "n.json");
        assert!(matches!(store.load::<Note>().unwrap(), Loaded::Missing));
        store.save(&note("one")).unwrap();
        store.save(&note("two")).unwrap();
        assert_eq!(store.load::<Note>().unwrap().usable().0, Some(note("two")));
        assert_eq!(names(&dir), ["n.json", "n.json.bak"]);
        assert!(String::from_utf8(dir.read("n.json.bak", 1000).unwrap()).unwrap().contains("one"));
        // the same once more leaves the copy before it in place
        store.save(&note("two")).unwrap();
        assert!(String::from_utf8(dir.read("n.json.bak", 1000).unwrap()).unwrap().contains("one"));
    }

    #[test]
    fn every_truncation_is_survived_and_kept() {
        let (_top, dir) = scratch();
        let store = Store::new(&dir, "n.json");
        store.save(&note("one")).unwrap();
        store.save(&note("two")).unwrap();
        let whole = dir.read("n.json", 1000).unwrap();
        // without its last newline it is still whole
        for len in 0..whole.len() - 1 {
            dir.write_atomic("n.json", &whole[..len]).unwrap();
            let Loaded::Damaged { aside, backup, told } = store.load::<Note>().unwrap() else { panic!("{len}") };
            assert_eq!(dir.read(&aside, 1000).unwrap(), whole[..len]);
            assert_eq!(backup, Some(note("one")));
            assert!(told.to_string().contains(&aside), "{told}");
            assert_eq!(dir.stat("n.json").unwrap(), None);
        }
        // nothing of it in place, so the copy is what there is
        assert_eq!(store.load::<Note>().unwrap().usable().0, Some(note("one")));
    }

    #[test]
    fn what_is_unreadable_is_never_replaced() {
        let (_top, dir) = scratch();
        let store = Store::new(&dir, "n.json");
        dir.write_atomic("n.json", b"precious").unwrap();
        store.save(&note("new")).unwrap();
        let kept = names(&dir).into_iter().find(|n| n.contains(".corrupt-")).unwrap();
        assert_eq!(dir.read(&kept, 100).unwrap(), b"precious");
        for junk in [&b"\xff\xfe\0"[..], b"[]", b"{}", b"{\"version\":\"x\"}", b"{\"version\":2}", &[b'['; 100_000]] {
            dir.write_atomic("n.json", junk).unwrap();
            assert!(matches!(store.load::<Note>().unwrap(), Loaded::Damaged { .. }));
        }
    }

    #[test]
    fn what_is_newer_is_left_alone() {
        let (_top, dir) = scratch();
        let store = Store::new(&dir, "n.json");
        let newer = b"{\"version\": 3, \"text\": {}}";
        dir.write_atomic("n.json", newer).unwrap();
        assert!(matches!(store.load::<Note>().unwrap(), Loaded::Newer { version: 3, .. }));
        assert!(store.save(&note("old")).unwrap_err().what.contains("newer thub"));
        assert!(store.update(|_: Option<Note>, _| Ok((note("old"), ()))).is_err());
        assert_eq!(dir.read("n.json", 100).unwrap(), newer);
        assert_eq!(names(&dir), ["n.json"]);
    }

    #[test]
    fn what_is_somebody_elses_is_left() {
        let (top, dir) = scratch();
        let store = Store::new(&dir, "notes.json");
        let other = top.path().join("other");
        std::fs::write(&other, "theirs").unwrap();
        std::os::unix::fs::symlink(&other, dir.path().join("notes.json")).unwrap();
        let note = Note { version: 2, text: "mine".into() };
        for failure in [store.save(&note).unwrap_err(), store.load::<Note>().unwrap_err()] {
            assert!(failure.to_string().contains("symbolic link"), "{failure}");
        }
        assert_eq!(std::fs::read(&other).unwrap(), b"theirs");
        if !rustix::process::geteuid().is_root() {
            return;
        }
        dir.remove("notes.json").unwrap();
        std::fs::write(dir.path().join("notes.json"), "theirs").unwrap();
        std::os::unix::fs::chown(dir.path().join("notes.json"), Some(12345), None).unwrap();
        for failure in [store.save(&note).unwrap_err(), store.load::<Note>().unwrap_err()] {
            assert!(failure.to_string().contains("belongs to another user"), "{failure}");
        }
        assert_eq!(std::fs::read(dir.path().join("notes.json")).unwrap(), b"theirs");
        assert_eq!(dir.list().unwrap().iter().filter(|n| n.contains("corrupt")).count(), 0);
    }

    #[test]
    fn what_is_older_is_brought_forward() {
        let (_top, dir) = scratch();
        let store = Store::new(&dir, "n.json");
        dir.write_atomic("n.json", b"{\"version\": 1, \"line\": \"old\"}").unwrap();
        assert_eq!(store.load::<Note>().unwrap().usable().0, Some(note("old")));
        dir.write_atomic("n.json", b"{\"version\": 1}").unwrap();
        assert!(matches!(store.load::<Note>().unwrap(), Loaded::Damaged { .. }));
    }

    #[test]
    fn updates_lose_nothing() {
        let (_top, dir) = scratch();
        std::thread::scope(|scope| {
            for t in 0..4 {
                let dir = &dir;
                scope.spawn(move || {
                    for i in 0..10 {
                        let add = |old: Option<Note>, _| {
                            let old = old.map(|n| n.text).unwrap_or_default();
                            Ok((note(&format!("{old}{t}.{i} ")), ()))
                        };
                        Store::new(dir, "n.json").update(add).unwrap();
                    }
                });
            }
        });
        let text = Store::new(&dir, "n.json").load::<Note>().unwrap().usable().0.unwrap().text;
        assert_eq!(text.split_whitespace().count(), 40);
    }

    #[test]
    fn a_change_that_fails_saves_nothing() {
        let (_top, dir) = scratch();
        let store = Store::new(&dir, "n.json");
        let failed: Result<(), Failure> = store.update(|_: Option<Note>, _| Err(Failure::usage("no", "no")));
        assert!(failed.is_err());
        assert!(names(&dir).is_empty());
    }

    #[test]
    fn a_full_disk_is_said() {
        let (_top, dir) = scratch();
        let failure = Store::new(&dir, "n.json").cannot("save", &io::Error::from_raw_os_error(libc::ENOSPC));
        assert!(failure.to_string().contains("make room"), "{failure}");
    }
}
