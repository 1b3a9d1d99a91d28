//! Owns copies of hosts' files for editors of this machine: each alone in a directory of its own, `STATE/edits/ID/NAME`, for
//! its owner alone. Beside it lie a record of what it is a copy of and a lock: so what a client that was killed has left is
//! found by the next one, and by no other while the first one lives. Leaves out where they come from and go back to.

use crate::failure::Failure;
use crate::paths::Paths;
use crate::proto::control::{FileInfo, FileName, FilePath, Place};
use crate::proto::ids::{hex, random_bytes};
use crate::safedir::{EntryKind, SafeDir};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DIR: &str = "edits";
/// Bytes of a copy's name.
const NAME: usize = 100;
/// Beside the copy: names that [`plain`] gives to none.
const RECORD: &str = ".thub.json";
const LOCK: &str = ".thub.lock";
/// Bytes of a record, and copies that are looked at.
const LONGEST: usize = 256 << 10;
const MANY: usize = 1000;

/// What a copy is of, as it is kept beside it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    pub version: u64,
    /// A hash of the id of the machine whose editor has it: homes may be shared.
    pub machine: String,
    /// The copy's own name.
    pub copy: String,
    /// As the tree has it, with the name for people of what lies behind it.
    pub host: String,
    pub label: String,
    pub place: Place,
    pub dir: FilePath,
    pub name: FileName,
    /// As it was when it was fetched, and the SHA-256 of that, in lower-case hexadecimal.
    pub was: FileInfo,
    pub sha256: String,
}

impl Record {
    pub const VERSION: u64 = 1;
}

/// A copy is this process's for as long as one of these lives: others leave it alone.
#[derive(Clone, Debug, Default)]
pub struct Held {
    _lock: Option<Arc<File>>,
}

/// Who holds it is no part of what it is.
impl PartialEq for Held {
    fn eq(&self, _: &Held) -> bool {
        true
    }
}

/// A copy that nobody has any more.
pub struct Left {
    pub path: PathBuf,
    pub record: Record,
    pub held: Held,
    /// An editor left nothing beside it.
    pub alone: bool,
}

/// A name for a copy that says what it is of, and that any program can be given.
pub fn plain(name: &str) -> String {
    let good = |c: char| if c.is_ascii_alphanumeric() || "._-+@".contains(c) { c } else { '_' };
    let mut out: String = name.chars().map(good).collect();
    // the ending is what an editor goes by
    if out.len() > NAME {
        out = out.split_off(out.len() - NAME);
    }
    if out.trim_matches('.').is_empty() || out.starts_with(['-', '.']) { format!("file{out}") } else { out }
}

/// A new empty copy, to be written.
///
/// # Errors
/// The state dir can't be written.
pub fn create(paths: &Paths, name: &str) -> Result<(File, PathBuf, Held), Failure> {
    let id = hex(&random_bytes::<8>());
    let dir = SafeDir::open_or_create(paths.state_dir())?.sub(DIR)?.sub(&id)?;
    let name = plain(name);
    let path = dir.path().join(&name);
    // (a disk without locks: it can be edited, but nobody after us finds it)
    let lock = dir.try_lock(LOCK).ok().flatten();
    let file = dir.create_new(&name, 0o600).map_err(|e| cannot(&path, &e))?;
    Ok((file, path, Held { _lock: lock.map(Arc::new) }))
}

fn cannot(path: &Path, e: &std::io::Error) -> Failure {
    let path = crate::text::escape(&path.to_string_lossy());
    Failure::failed(format!("cannot write {path}: {e}"), "look at that disk's room and rights")
}

/// Says what a copy is of, that is whole now; version, machine and the copy's name are filled in.
///
/// # Errors
/// It can't be kept.
pub fn note(paths: &Paths, copy: &Path, record: Record) -> Result<(), Failure> {
    let named = |path: Option<&Path>| Some(path?.file_name()?.to_str()?.to_string());
    let (Some(id), Some(copy)) = (named(copy.parent()), named(Some(copy))) else {
        return Err(Failure::failed("a copy has no name", "edit the file again"));
    };
    let dir = SafeDir::open_or_create(paths.state_dir())?.sub(DIR)?.sub(&id)?;
    let record = Record { version: Record::VERSION, machine: paths.machine_id().into(), copy, ..record };
    let bytes = serde_json::to_vec(&record).map_err(|e| cannot(dir.path(), &e.into()))?;
    dir.write_durable(RECORD, &bytes).map_err(|e| cannot(dir.path(), &e))
}

/// The copies of this machine that no process has: they are this one's from here on. What was never whole goes.
pub fn left(paths: &Paths) -> Vec<Left> {
    let Ok(Some(edits)) = SafeDir::open(&paths.state_dir().join(DIR)) else { return Vec::new() };
    let ids = edits.list().unwrap_or_default();
    ids.iter().filter_map(|id| left_of(paths, &edits, id)).take(MANY).collect()
}

fn left_of(paths: &Paths, edits: &SafeDir, id: &str) -> Option<Left> {
    if edits.stat(id).ok()??.kind != EntryKind::Directory {
        return None;
    }
    let dir = edits.sub(id).ok()?;
    // (one without a lock is of a build that had none: it says nothing of itself)
    dir.stat(LOCK).ok()??;
    let held = Held { _lock: Some(Arc::new(dir.try_lock(LOCK).ok()??)) };
    if dir.stat(RECORD).ok()?.is_none() {
        take_away(edits, id);
        return None;
    }
    // what is not understood is left as it is
    let record: Record = serde_json::from_slice(&dir.read(RECORD, LONGEST).ok()?).ok()?;
    if record.version != Record::VERSION || record.machine != paths.machine_id() {
        return None;
    }
    let names = dir.list().ok()?;
    let ours = [record.copy.as_str(), RECORD, LOCK];
    let alone = names.iter().all(|name| ours.contains(&name.as_str()));
    match dir.stat(&record.copy).ok()? {
        Some(entry) if entry.kind == EntryKind::File => {
            Some(Left { path: dir.path().join(&record.copy), record, held, alone })
        }
        // (it was being taken away)
        None if alone => {
            take_away(edits, id);
            None
        }
        _ => None,
    }
}

fn take_away(edits: &SafeDir, id: &str) -> Option<()> {
    let dir = edits.sub(id).ok()?;
    // an editor may have left others beside it
    dir.list().ok()?.iter().for_each(|name| drop(dir.remove(name)));
    edits.remove_dir(id).ok()
}

/// Takes a copy away, with its directory.
pub fn forget(paths: &Paths, copy: &Path) {
    let forgotten = || {
        let id = copy.parent()?.file_name()?.to_str()?;
        take_away(&SafeDir::open(&paths.state_dir().join(DIR)).ok()??, id)
    };
    if forgotten().is_none() {
        tracing::debug!("a copy could not be taken away");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_copy_is_its_owners_alone_and_goes_with_its_directory() {
        let top = tempfile::tempdir().unwrap();
        let paths = Paths::from_vars(|n| (n == "HOME").then(|| top.path().into()), None, None, "m", "b").unwrap();
        let (mut file, path, _held) = create(&paths, "a b;\u{1b}$(x).rs").unwrap();
        file.write_all(b"x").unwrap();
        assert_eq!(path.file_name().unwrap(), "a_b____x_.rs");
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        std::fs::write(path.with_extension("rs~"), "y").unwrap();
        forget(&paths, &path);
        assert!(!path.parent().unwrap().exists());
        // nothing else can be named
        forget(&paths, Path::new("/etc/passwd"));
        assert!(Path::new("/etc/passwd").exists());
        for (name, want) in
            [("", "file"), ("..", "file.."), (".rc", "file.rc"), ("-rf", "file-rf"), ("ok.txt", "ok.txt")]
        {
            assert_eq!(plain(name), want);
        }
        assert!(plain(&"x".repeat(500)).len() <= NAME);
    }
    #[test]
    fn what_nobody_has_any_more_is_found_once() {
        let top = tempfile::tempdir().unwrap();
        let of = |machine: &str| {
            Paths::from_vars(|n| (n == "HOME").then(|| top.path().into()), None, None, machine, "b").unwrap()
        };
        let paths = of("m");
        let make = |paths: &Paths, name: &str, noted: bool| {
            let (file, path, held) = create(paths, name).unwrap();
            drop(file);
            if noted {
                let record = Record { host: "nas".into(), name: FileName::new(name).unwrap(), ..Record::default() };
                note(paths, &path, record).unwrap();
            }
            (path, held)
        };
        let (ours, held) = make(&paths, "ours", true);
        let (theirs, _) = make(&paths, "theirs", true);
        let (unfinished, _) = make(&paths, "unfinished", false);
        let (elsewhere, _) = make(&of("another"), "elsewhere", true);
        let (gone, _) = make(&paths, "gone", true);
        std::fs::remove_file(&gone).unwrap();
        let (newer, _) = make(&paths, "newer", true);
        std::fs::write(newer.with_file_name(RECORD), br#"{"version":99}"#).unwrap();
        let old = paths.state_dir().join(DIR).join("old");
        std::fs::create_dir(&old).unwrap();
        std::fs::set_permissions(&old, PermissionsExt::from_mode(0o700)).unwrap();
        std::fs::write(old.join("f"), "kept").unwrap();

        let found = left(&paths);
        let names = |all: &[Left]| all.iter().map(|l| l.path.clone()).collect::<Vec<_>>();
        assert_eq!(names(&found), std::slice::from_ref(&theirs));
        let Record { host, copy, name, .. } = &found[0].record;
        assert_eq!((host.as_str(), copy.as_str(), name.as_bytes()), ("nas", "theirs", &b"theirs"[..]));
        assert!(found[0].alone);
        assert!(left(&paths).is_empty(), "it is somebody's now");
        assert!(!unfinished.parent().unwrap().exists() && !gone.parent().unwrap().exists());
        assert!(elsewhere.exists() && newer.exists() && old.join("f").exists());
        // let go of, they are found again
        drop((found, held));
        std::fs::write(ours.with_file_name(".ours.swp"), "").unwrap();
        let mut found = left(&paths);
        found.sort_by_key(|l| l.record.copy.clone());
        assert_eq!(names(&found), [ours.clone(), theirs]);
        assert!(!found[0].alone, "what an editor left is seen");
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&ours.with_file_name(RECORD)), mode(&ours.with_file_name(LOCK))), (0o600, 0o600));
        forget(&paths, &ours);
        assert!(!ours.parent().unwrap().exists());
    }
}
