//! Owns copies of hosts' files for editors of this machine: each alone in a directory of its own, `STATE/edits/ID/NAME`, for
//! its owner alone. Leaves out where they come from and go back to.

use crate::failure::Failure;
use crate::paths::Paths;
use crate::proto::ids::random_bytes;
use crate::safedir::SafeDir;
use std::fs::File;
use std::path::{Path, PathBuf};

const DIR: &str = "edits";
/// Bytes of a copy's name.
const NAME: usize = 100;

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
pub fn create(paths: &Paths, name: &str) -> Result<(File, PathBuf), Failure> {
    let id: String = random_bytes::<8>().iter().map(|b| format!("{b:02x}")).collect();
    let dir = SafeDir::open_or_create(paths.state_dir())?.sub(DIR)?.sub(&id)?;
    let name = plain(name);
    let path = dir.path().join(&name);
    let made = dir.create_new(&name, 0o600);
    let file = made.map_err(|e| {
        Failure::failed(format!("cannot write {}: {e}", path.display()), "look at that disk's room and rights")
    })?;
    Ok((file, path))
}

/// Takes a copy away, with its directory.
pub fn forget(paths: &Paths, copy: &Path) {
    let forgotten = || {
        let id = copy.parent()?.file_name()?.to_str()?;
        let edits = SafeDir::open(&paths.state_dir().join(DIR)).ok()??;
        let dir = edits.sub(id).ok()?;
        // an editor may have left others beside it
        dir.list().ok()?.iter().for_each(|name| drop(dir.remove(name)));
        edits.remove_dir(id).ok()
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
        let (mut file, path) = create(&paths, "a b;\u{1b}$(x).rs").unwrap();
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
}
