//! Owns a file's way to an editor of this machine and back: fetched into a private copy, put back where it is as it was; and
//! finding the copies that a client before this one has left.

use super::News;
use super::run::{Means, Teller};
use crate::client::app::files::MOST_EDITED;
use crate::client::browser::edits::{Edit, Keep};
use crate::client::files::Whose;
use crate::client::host::HostId;
use crate::paths::Paths;
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath};
use crate::proto::ids::hex;
use crate::store::copies::{self, Left, Record};
use crate::text::short;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

fn local(e: impl std::fmt::Display) -> Fault {
    Fault::new(Fault::INVALID, e.to_string())
}

pub(super) async fn fetch(
    means: &Means,
    whose: Whose,
    dir: FilePath,
    name: FileName,
    teller: &Teller,
) -> Result<(), Fault> {
    let end = means.ups.end(whose.clone());
    let path = dir.join(&name);
    // where a link leads is what is edited and put back
    let statted = end.stat(&path, true, false).await?;
    let real = statted.real.unwrap_or(path);
    let (dir, name) = real.split().unwrap_or((dir, name));
    let (was, mut reading) = end.read(&real, 0, Some(MOST_EDITED + 1)).await?;
    if was.kind != FileKind::File {
        return Err(Fault::new(Fault::WRONG_KIND, "it is no file: nothing to be edited"));
    }
    let (mut file, copy, held) = copies::create(&means.paths, &name.to_string()).map_err(|f| local(f.line()))?;
    let unfinished = Unfinished { paths: &means.paths, copy: &copy };
    let mut hash = Sha256::new();
    let mut had = 0;
    let fetched = async {
        while let Some(bytes) = reading.next().await? {
            had += bytes.len() as u64;
            if had > MOST_EDITED {
                return Err(Fault::new(Fault::INVALID, "it is too large to be edited"));
            }
            hash.update(&bytes);
            file.write_all(&bytes).map_err(|e| local(format!("the copy can't be written: {e}")))?;
        }
        Ok(())
    };
    fetched.await?;
    // (what it was at its end is what was read)
    let was = reading.end.take().filter(|now| now.kind == FileKind::File).unwrap_or(was);
    let hash = hex(&hash.finalize());
    let record = Record {
        host: whose.host.as_str().into(),
        label: whose.label.clone(),
        place: whose.place.clone(),
        dir: dir.clone(),
        name: name.clone(),
        was: was.clone(),
        sha256: hash.clone(),
        ..Record::default()
    };
    copies::note(&means.paths, &copy, record).map_err(|f| local(f.line()))?;
    std::mem::forget(unfinished);
    teller.tell(News::Fetched(Box::new(Edit { whose, dir, name, was, copy, hash, held })));
    Ok(())
}

/// What was edited and is not back where it belongs, of clients that are gone; `open` are the copies that editors have still.
/// Blocks.
pub(super) fn left(paths: &Paths, open: &[PathBuf]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for Left { path, record, held, alone } in copies::left(paths) {
        let Record { host, label, place, dir, name, was, sha256, .. } = record;
        if !open.contains(&path) && hash_of(&path).is_ok_and(|hash| hash == sha256) {
            // nothing of it is missed; but what lies beside it may be what an editor has saved of itself
            if alone {
                copies::forget(paths, &path);
            }
            continue;
        }
        let whose = Whose { host: HostId::new(&host), place, label };
        edits.push(Edit { whose, dir, name, was, copy: path, hash: sha256, held });
    }
    edits
}

/// A copy that is not whole: it goes where its fetch fails or is stopped.
struct Unfinished<'a> {
    paths: &'a Paths,
    copy: &'a Path,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        copies::forget(self.paths, self.copy);
    }
}

fn hash_of(copy: &Path) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let (mut file, mut buf) = (std::fs::File::open(copy)?, vec![0; 1 << 16]);
    loop {
        match file.read(&mut buf)? {
            0 => break,
            n => hash.update(buf.get(..n).unwrap_or_default()),
        }
    }
    Ok(hex(&hash.finalize()))
}

/// Whether it is the file that was fetched, as far as its size and time say.
fn is_same(was: &FileInfo, now: &FileInfo) -> bool {
    (was.kind, was.size, was.mtime_ms) == (now.kind, now.size, now.mtime_ms)
}

pub(super) async fn put_back(means: &Means, edit: Edit, keep: Keep, teller: &Teller) -> Result<(), Fault> {
    let copy = edit.copy.clone();
    let hash = tokio::task::spawn_blocking(move || hash_of(&copy)).await.map_err(local)?;
    let hash = hash.map_err(|e| local(format!("the edited copy can't be read: {e}")))?;
    let name = short(&edit.name.to_string(), 60);
    if hash == edit.hash && keep == Keep::Unless {
        copies::forget(&means.paths, &edit.copy);
        teller.tell(News::PutBack(format!("'{name}' is as it was")));
        return Ok(());
    }
    let end = means.ups.end(edit.whose.clone());
    let path = edit.dir.join(&edit.name);
    let now = end.look(&path).await?;
    if keep == Keep::Unless && !now.as_ref().is_some_and(|now| is_same(&edit.was, now)) {
        teller.tell(News::Differs(Box::new(edit), now.map(Box::new)));
        return Ok(());
    }
    let to = match keep {
        Keep::Beside => beside(&end, &edit).await?,
        _ => edit.name.clone(),
    };
    super::copy::upload(means, &edit, &to).await?;
    copies::forget(&means.paths, &edit.copy);
    teller.tell(News::PutBack(match keep {
        Keep::Beside => format!("saved beside it as '{}'", short(&to.to_string(), 80)),
        _ => format!("'{name}' is saved on {}", short(&edit.whose.label, 40)),
    }));
    Ok(())
}

/// A name beside that of the file which is not taken: `a.mine.txt`, `a.mine-2.txt`.
async fn beside(end: &crate::client::files::End, edit: &Edit) -> Result<FileName, Fault> {
    let name = edit.name.as_bytes();
    let dot = name.iter().rposition(|b| *b == b'.').filter(|at| *at > 0).unwrap_or(name.len());
    let (stem, ending) = name.split_at(dot);
    for n in 1..100 {
        let word = if n == 1 { ".mine".to_string() } else { format!(".mine-{n}") };
        let Ok(new) = FileName::new([stem, word.as_bytes(), ending].concat()) else { break };
        if end.look(&edit.dir.join(&new)).await?.is_none() {
            return Ok(new);
        }
    }
    Err(Fault::new(Fault::NAME_TAKEN, "there is no name left beside it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_before_has_left_is_found() {
        let top = tempfile::tempdir().unwrap();
        let paths = Paths::from_vars(|n| (n == "HOME").then(|| top.path().into()), None, None, "m", "b").unwrap();
        let make = |name: &str, was: &str, now: &str| {
            let (mut file, copy, _) = copies::create(&paths, name).unwrap();
            file.write_all(now.as_bytes()).unwrap();
            let record = Record {
                host: "nas".into(),
                label: "nas".into(),
                dir: FilePath::new("/srv").unwrap(),
                name: FileName::new(name).unwrap(),
                was: FileInfo { size: was.len() as u64, ..FileInfo::default() },
                sha256: hex(&Sha256::digest(was)),
                ..Record::default()
            };
            copies::note(&paths, &copy, record).unwrap();
            copy
        };
        let edited = make("edited", "a", "b");
        let same = make("same", "a", "a");
        let open = make("open", "a", "a");
        let swapped = make("swapped", "a", "a");
        std::fs::write(swapped.with_file_name(".swapped.swp"), "what was typed").unwrap();
        let found = left(&paths, std::slice::from_ref(&open));
        let mut copies: Vec<_> = found.iter().map(|e| e.copy.clone()).collect();
        copies.sort();
        let mut want = [edited.clone(), open];
        want.sort();
        assert_eq!(copies, want);
        assert!(!same.exists(), "what was not edited goes without a word");
        assert!(swapped.exists() && swapped.with_file_name(".swapped.swp").exists());
        let edit = found.iter().find(|e| e.copy == edited).unwrap();
        assert_eq!((edit.whose.clone(), edit.dir.to_string()), (Whose::host(HostId::new("nas")), "/srv".into()));
        assert_eq!((edit.name.to_string(), edit.was.size), ("edited".into(), 1));
        // those of a client that lives are left alone
        assert!(left(&paths, &[]).is_empty());
    }
}
