//! Owns bookmarks of directories, for each host: `STATE/bookmarks.json`. Leaves out who shows them.

use super::file::{Store, Stored};
use crate::failure::Failure;
use crate::paths::Paths;
use crate::proto::control::FilePath;
use crate::safedir::SafeDir;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const FILE: &str = "bookmarks.json";
/// Bookmarks of a host, and hosts.
const EACH: usize = 200;
const HOSTS: usize = 2000;

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct All {
    version: u64,
    hosts: BTreeMap<String, Vec<FilePath>>,
}

impl Stored for All {
    const VERSION: u64 = 1;
}

/// Those of a host, in the order they were made.
///
/// # Errors
/// The file can't be read, or is none of this build's. What could not be understood is put aside and said once: the next
/// call has what can be gone on with.
pub fn load(paths: &Paths, of: &str) -> Result<Vec<FilePath>, Failure> {
    let Some(dir) = SafeDir::open(paths.state_dir())? else { return Ok(Vec::new()) };
    match Store::new(&dir, FILE).load::<All>()?.usable() {
        (_, Some(told)) => Err(told),
        (all, None) => Ok(all.and_then(|mut all| all.hosts.remove(of)).unwrap_or_default()),
    }
}

/// Adds a bookmark, or takes it away; returns those there are then. What others change at the same moment stays.
///
/// # Errors
/// It could not be kept; as [`load`]'s.
pub fn change(paths: &Paths, of: &str, path: &FilePath, on: bool) -> Result<Vec<FilePath>, Failure> {
    let dir = SafeDir::open_or_create(paths.state_dir())?;
    Store::new(&dir, FILE).update(|all: Option<All>, told| {
        if let Some(told) = told {
            return Err(told);
        }
        let mut all = all.unwrap_or_default();
        all.version = All::VERSION;
        let many = all.hosts.len() >= HOSTS && !all.hosts.contains_key(of);
        let list = all.hosts.entry(of.to_string()).or_default();
        if on && (many || list.len() >= EACH) {
            let why = format!("there are {EACH} bookmarks of it, or of {HOSTS} hosts: delete one first");
            return Err(Failure::usage(why, "b in the file browser lists them"));
        }
        list.retain(|p| p != path);
        if on {
            list.push(path.clone());
        }
        let now = list.clone();
        all.hosts.retain(|_, list| !list.is_empty());
        Ok((all, now))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_kept_for_each_host() {
        let top = tempfile::tempdir().unwrap();
        let paths = Paths::from_vars(|n| (n == "HOME").then(|| top.path().into()), None, None, "m", "b").unwrap();
        let path = |text: &[u8]| FilePath::new(text).unwrap();
        assert_eq!(load(&paths, "nas").unwrap(), []);
        change(&paths, "nas", &path(b"/b"), true).unwrap();
        assert_eq!(change(&paths, "nas", &path(b"/\xff"), true).unwrap(), [path(b"/b"), path(b"/\xff")]);
        change(&paths, "local", &path(b""), true).unwrap();
        assert_eq!(change(&paths, "nas", &path(b"/b"), false).unwrap(), [path(b"/\xff")]);
        assert_eq!(
            (load(&paths, "nas").unwrap(), load(&paths, "local").unwrap()),
            (vec![path(b"/\xff")], vec![path(b"")])
        );
        for n in 0..EACH - 1 {
            change(&paths, "nas", &path(format!("/{n}").as_bytes()), true).unwrap();
        }
        assert!(change(&paths, "nas", &path(b"/more"), true).is_err());
        // what is wrong with the file is said, once
        std::fs::write(paths.state_dir().join(FILE), "{ no").unwrap();
        let told = load(&paths, "nas").unwrap_err();
        assert!(told.line().contains("kept as"), "{told}");
        assert_eq!(load(&paths, "nas").unwrap().len(), EACH - 1, "those of the copy before it");
        change(&paths, "nas", &path(b"/x"), true).unwrap();
        std::fs::write(paths.state_dir().join(FILE), "{ no").unwrap();
        assert!(change(&paths, "nas", &path(b"/y"), true).unwrap_err().line().contains("kept as"));
        std::fs::write(paths.state_dir().join(FILE), "{\"version\": 99}").unwrap();
        assert!(load(&paths, "nas").unwrap_err().what.contains("newer"));
        assert!(change(&paths, "nas", &path(b"/x"), true).is_err(), "a newer build's file stays as it is");
    }
}
