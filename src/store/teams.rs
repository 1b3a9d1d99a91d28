//! Owns the reading of team files: connections that others keep, in a file of a repository say. Read, never written; their
//! ids are made anew, so that they are nobody else's. Leaves out which files there are (config.toml) and when to read again.

use super::connections::Book;
use super::file;
use crate::proto::control::connections::Listed;
use crate::proto::ids::hex;
use crate::text::short;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// One file, as it was a moment ago.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Team {
    /// As config.toml names it.
    pub path: String,
    /// What the file calls itself, else its own name.
    pub name: String,
    /// `told` = why there is nothing of it.
    pub listed: Listed,
}

/// Where a file lies; relative ones are looked for beside config.toml.
pub fn place(path: &str, home: &Path, beside: &Path) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => beside.join(path),
    }
}

/// Reads one; what is wrong with it is said in its list.
pub fn read(path: &str, place: &Path) -> Team {
    let stem = place.file_stem().map(|s| s.to_string_lossy().into_owned());
    let mut team = Team { path: path.into(), name: stem.unwrap_or_else(|| path.into()), listed: Listed::default() };
    let loaded = load(place).and_then(|bytes| file::parse::<Book>(&bytes));
    match loaded {
        Ok(book) => {
            let book = book.sound();
            if let Some(name) = book.more.get("name").and_then(|n| n.as_str()).filter(|n| !n.trim().is_empty()) {
                team.name = name.to_string();
            }
            team.listed = Listed { folders: book.folders, connections: book.connections, told: None };
            own_ids(path, &mut team.listed);
        }
        Err(why) => team.listed.told = Some(format!("{}: {}", short(path, 200), short(&why, 200))),
    }
    team
}

fn load(place: &Path) -> Result<Vec<u8>, String> {
    // (a pipe would be waited for, a device would never end)
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let mut options = std::fs::OpenOptions::new();
    options.read(true).custom_flags(flags.bits() as i32);
    let file = options.open(place).map_err(|e| e.to_string())?;
    if !file.metadata().map_err(|e| e.to_string())?.is_file() {
        return Err("it is not a plain file".into());
    }
    let mut bytes = Vec::new();
    file.take(file::MOST as u64 + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    match bytes.len() > file::MOST {
        true => Err(format!("it is larger than {} MiB", file::MOST >> 20)),
        false => Ok(bytes),
    }
}

/// The same file has the same ids each time it is read, and no other one has them.
fn own_ids(path: &str, listed: &mut Listed) {
    let fresh = |id: &str| {
        let mut sha = Sha256::new();
        for part in [path.as_bytes(), id.as_bytes()] {
            sha.update(part);
            sha.update([0]);
        }
        format!("team-{}", hex(sha.finalize().get(..8).unwrap_or_default()))
    };
    let mut folders = HashMap::new();
    for folder in &mut listed.folders {
        let id = fresh(&folder.id);
        folders.insert(std::mem::replace(&mut folder.id, id.clone()), id);
    }
    let moved = |place: &mut Option<String>| *place = place.take().and_then(|id| folders.get(&id).cloned());
    listed.folders.iter_mut().for_each(|f| moved(&mut f.parent_id));
    for connection in &mut listed.connections {
        connection.id = fresh(&connection.id);
        moved(&mut connection.folder_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_file_of_a_team() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("team.json");
        let local = json!({ "type": "local", "config": { "password": "no" } });
        let nested = json!({ "version": "2", "name": "Our Lab", "children": [
            { "type": "folder", "name": "F", "children": [{ "type": "connection", "name": "A", "config": local }] } ] });
        std::fs::write(&at, nested.to_string()).unwrap();
        let team = read("team.json", &at);
        assert_eq!((team.name.as_str(), team.listed.told.as_deref()), ("Our Lab", None));
        let (f, c) = (&team.listed.folders[0], &team.listed.connections[0]);
        assert_eq!(c.folder_id.as_ref(), Some(&f.id));
        assert!(c.id.starts_with("team-") && !format!("{c:?}").contains("password"), "{c:?}");
        assert_eq!(read("team.json", &at), team, "the same ids again");
        assert_ne!(read("other.json", &at).listed.connections[0].id, c.id);
        for bad in [&b"{"[..], b"[]", b"{\"version\":\"9\",\"connections\":[]}"] {
            std::fs::write(&at, bad).unwrap();
            let team = read("team.json", &at);
            assert!(team.listed.told.is_some() && team.listed.connections.is_empty());
            assert_eq!(team.name, "team");
        }
        assert!(read("x", dir.path()).listed.told.unwrap().contains("plain"));
        assert!(read("x", &dir.path().join("none")).listed.told.is_some());
        assert_eq!(place("~/a", Path::new("/h"), Path::new("/c")), Path::new("/h/a"));
        assert_eq!(place("a", Path::new("/h"), Path::new("/c")), Path::new("/c/a"));
        assert_eq!(place("/a", Path::new("/h"), Path::new("/c")), Path::new("/a"));
    }
}
