//! Owns a file's way to an editor of this machine and back: fetched into a private copy, put back where it is as it was.

use super::News;
use super::run::{Means, Teller};
use crate::client::app::files::MOST_EDITED;
use crate::client::browser::edits::{Edit, Keep};
use crate::client::files::Whose;
use crate::paths::Paths;
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath};
use crate::store::copies;
use crate::text::short;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::path::Path;

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
    let (mut file, copy) = copies::create(&means.paths, &name.to_string()).map_err(|f| local(f.what))?;
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
    std::mem::forget(unfinished);
    // (what it was at its end is what was read)
    let was = reading.end.take().filter(|now| now.kind == FileKind::File).unwrap_or(was);
    teller.tell(News::Fetched(Box::new(Edit { whose, dir, name, was, copy, hash: hash.finalize().into() })));
    Ok(())
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

fn hash_of(copy: &Path) -> std::io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let (mut file, mut buf) = (std::fs::File::open(copy)?, vec![0; 1 << 16]);
    loop {
        match file.read(&mut buf)? {
            0 => break,
            n => hash.update(buf.get(..n).unwrap_or_default()),
        }
    }
    Ok(hash.finalize().into())
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
