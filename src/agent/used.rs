//! Owns which machines use which builds in a home that several share: `~/.local/share/thub/used/MACHINE/BUILD`, a file with
//! the machine's name, written as an agent of that build starts there. Leaves out the builds.
//!
//! MACHINE is a hash of the machine's id. A note stays until an uninstall on that machine, or until the build goes.

use crate::paths::Paths;
use crate::text::short;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

/// Machines and notes looked at, at most: a home is not shared by more.
const MOST: usize = 1000;
/// A machine's name, bytes at most (RFC 1035).
const NAME_MOST: u64 = 255;

fn folder(paths: &Paths) -> PathBuf {
    paths.home().join(".local/share/thub/used")
}

/// This machine uses this build. What can't be written is not noted.
pub(super) fn note(paths: &Paths, build: &OsStr, hostname: &str) {
    let mine = folder(paths).join(paths.machine_id());
    let note = mine.join(build);
    if !note.exists() && std::fs::create_dir_all(&mine).is_ok() {
        // (what somebody else made there meanwhile, a link say, stays)
        let _ = File::create_new(note).and_then(|mut file| file.write_all(hostname.as_bytes()));
    }
}

/// This machine uses that build no more; none = no build at all. Folders that are empty go as well.
pub(super) fn forget(paths: &Paths, build: Option<&OsStr>) {
    let mine = folder(paths).join(paths.machine_id());
    let _ = match build {
        Some(build) => std::fs::remove_file(mine.join(build)),
        None => std::fs::remove_dir_all(&mine),
    };
    let _ = std::fs::remove_dir(&mine);
    let _ = std::fs::remove_dir(folder(paths));
}

/// Builds that other machines use, and the names of those machines, escaped.
pub(super) fn elsewhere(paths: &Paths) -> BTreeMap<OsString, BTreeSet<String>> {
    let mut all: BTreeMap<OsString, BTreeSet<String>> = BTreeMap::new();
    let Ok(machines) = std::fs::read_dir(folder(paths)) else { return all };
    for machine in machines.flatten().take(MOST).filter(|m| m.file_name() != paths.machine_id()) {
        for note in std::fs::read_dir(machine.path()).into_iter().flatten().flatten().take(MOST) {
            let mut name = Vec::new();
            let read = File::open(note.path()).and_then(|f| f.take(NAME_MOST).read_to_end(&mut name));
            let name = read.map(|_| short(&String::from_utf8_lossy(&name), 60)).unwrap_or_default();
            let name = if name.is_empty() { short(&machine.file_name().to_string_lossy(), 60) } else { name };
            all.entry(note.file_name()).or_default().insert(name);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_written_where_nothing_is() {
        let home = tempfile::tempdir().unwrap();
        let paths = |machine: &str| {
            Paths::from_vars(|n| (n == "HOME").then(|| home.path().into()), None, None, machine, "b").unwrap()
        };
        note(&paths("m"), OsStr::new("one"), "box");
        let link = folder(&paths("m")).join(paths("m").machine_id()).join("two");
        std::os::unix::fs::symlink(home.path().join("elsewhere"), &link).unwrap();
        note(&paths("m"), OsStr::new("two"), "box");
        assert!(!home.path().join("elsewhere").exists());
        let there = elsewhere(&paths("n"));
        assert_eq!(there.get(OsStr::new("one")), Some(&BTreeSet::from(["box".to_string()])));
    }
}
