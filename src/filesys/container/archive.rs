//! Owns what can be done with files of a container in which nothing can be started: by the engine's archives, as root.
//! Leaves out what the others share.

use super::tar::{self, Tar};
use super::{FilePath, seconds};
use crate::backend::docker::{Inside, Stat};
use crate::filesys::{Batch, Wanted, fault};
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, LinkInfo};
use crate::sys::parse_rfc3339;
use futures_util::StreamExt;
use rustix::io::Errno;
use std::collections::HashMap;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

/// A directory is had with all that is in it: of so many bytes and entries no more is looked at.
pub const MOST_BYTES: u64 = 512 << 20;
const MOST_ENTRIES: usize = 200_000;
/// What lies deeper is kept of no more.
const MOST_KEPT: usize = 50_000;
/// Fewer files than that are had one by one; of more the directory is looked through, so many bytes of it at most.
const ALONE: usize = 4;
const SWEPT: u64 = 64 << 20;
/// Files that are looked at together.
const TOGETHER: usize = 16;
/// A file whose size nobody knows yet is kept here until it is whole.
const UNTOLD: usize = 64 << 20;

/// Absolute, from the root where it is not: there is no home without a shell.
fn absolute(path: &FilePath) -> Vec<u8> {
    match path.as_bytes() {
        bytes @ [b'/', ..] => bytes.to_vec(),
        bytes => [b"/", bytes].concat(),
    }
}

/// Of Go's `fs.FileMode`.
fn mode_of(stat: &Stat) -> (FileKind, u32) {
    const DIR: u32 = 1 << 31;
    const LINK: u32 = 1 << 27;
    const OTHER: u32 = 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;
    let kind = match stat.mode {
        m if m & DIR != 0 => FileKind::Dir,
        m if m & LINK != 0 => FileKind::Link,
        m if m & OTHER != 0 => FileKind::Other,
        _ => FileKind::File,
    };
    let bit = |go: u32, unix: u32| if stat.mode & go != 0 { unix } else { 0 };
    (kind, stat.mode & 0o777 | bit(1 << 23, 0o4000) | bit(1 << 22, 0o2000) | bit(1 << 20, 0o1000))
}

async fn stat(inside: &Inside, doing: &str, path: &FilePath) -> Result<Stat, Fault> {
    let found = inside.stat(&absolute(path)).await?;
    found.ok_or_else(|| fault::of(doing, path.as_bytes(), Errno::NOENT))
}

fn info_of(stat: &Stat, name: FileName) -> FileInfo {
    let (kind, mode) = mode_of(stat);
    let mtime = parse_rfc3339(&stat.mtime).and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    FileInfo {
        name,
        kind,
        size: if kind == FileKind::File { u64::try_from(stat.size).unwrap_or(0) } else { 0 },
        mode,
        mtime_ms: mtime.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0).saturating_mul(1000)),
        ..FileInfo::default()
    }
}

/// The path without links; of this kind.
pub async fn real(inside: &Inside, path: &FilePath, kind: Option<FileKind>) -> Result<Vec<u8>, Fault> {
    let mut at = absolute(path);
    let mut found = stat(inside, "opening", path).await?;
    // (the engine says where a link leads in the end)
    if mode_of(&found).0 == FileKind::Link {
        at = found.link_target.clone().into_bytes();
        let led = FilePath::new(at.clone()).unwrap_or_default();
        found = stat(inside, "opening", &led).await?;
    }
    if kind == Some(FileKind::Dir) && mode_of(&found).0 != FileKind::Dir {
        return Err(fault::wrong_kind("opening", path.as_bytes(), "it is no directory"));
    }
    Ok(at)
}

/// What is there, a link not followed.
pub async fn look(inside: &Inside, path: &FilePath, name: FileName) -> Result<FileInfo, Fault> {
    let found = stat(inside, "looking at", path).await?;
    let mut info = info_of(&found, name);
    if info.kind == FileKind::Link {
        let led = inside.stat(found.link_target.as_bytes()).await.ok().flatten();
        let target = written(inside, path).await?;
        info.link = Some(LinkInfo { target, kind: led.map(|led| mode_of(&led).0) });
    }
    Ok(info)
}

/// What is written in a link. (Podman's archive of a link is that of what it leads to, and of none where that is nothing:
/// its directory's has the link.)
async fn written(inside: &Inside, path: &FilePath) -> Result<FilePath, Fault> {
    if let Ok(fetched) = inside.fetch(&absolute(path)).await
        && let Ok(Some(entry)) = Tar::new(fetched).next().await
        && let Some(link) = entry.info.link
    {
        return Ok(link.target);
    }
    let Some((dir, name)) = path.split() else { return Ok(FilePath::default()) };
    let all = list(inside, &dir).await?.entries;
    let found = all.into_iter().find(|entry| entry.name == name).and_then(|entry| entry.link);
    Ok(found.map(|link| link.target).unwrap_or_default())
}

/// Entries of a directory. What lies behind the bounds is counted as unusable, once.
pub async fn list(inside: &Inside, path: &FilePath) -> Result<Batch, Fault> {
    listed(inside, path, MOST_BYTES).await
}

async fn listed(inside: &Inside, path: &FilePath, most: u64) -> Result<Batch, Fault> {
    tree(inside, path, most, None).await
}

/// The same, and those of the directories within it, as many as are kept; none where not all has been seen.
pub async fn tree(
    inside: &Inside,
    path: &FilePath,
    most: u64,
    mut within: Option<&mut HashMap<FilePath, Batch>>,
) -> Result<Batch, Fault> {
    const DOING: &str = "reading the directory";
    let real = real(inside, path, Some(FileKind::Dir)).await?;
    let base: Option<Vec<u8>> = real.split(|b| *b == b'/').rfind(|c| !c.is_empty() && *c != b".").map(<[u8]>::to_vec);
    let mut tar = Tar::new(inside.fetch(&real).await?);
    let (mut batch, mut bytes, mut seen) = (Batch::default(), 0u64, 0);
    loop {
        let entry = match tar.next().await {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(batch),
            Err(e) => return Err(fault::say(Fault::INTERNAL, DOING, path.as_bytes(), &e.to_string())),
        };
        seen += 1;
        bytes = bytes.saturating_add(entry.info.size);
        if seen > MOST_KEPT
            && let Some(within) = within.take()
        {
            within.clear();
        }
        if seen > MOST_ENTRIES || bytes > most {
            if let Some(within) = within {
                within.clear();
            }
            batch.unusable += 1;
            return Ok(batch);
        }
        let mut parts = entry.path.split(|b| *b == b'/').filter(|c| !c.is_empty() && *c != b".");
        if base.as_deref().is_some_and(|base| parts.next() != Some(base)) {
            continue;
        }
        let parts: Vec<&[u8]> = parts.collect();
        let Some((last, above)) = parts.split_last() else { continue };
        let (Ok(name), Ok(above)) = (
            FileName::new(last.to_vec()),
            above.iter().map(|part| FileName::new(part.to_vec())).collect::<Result<Vec<_>, _>>(),
        ) else {
            batch.unusable += 1;
            continue;
        };
        let (is_top, is_dir) = (above.is_empty(), entry.info.kind == FileKind::Dir);
        let info = FileInfo { name: name.clone(), ..entry.info };
        if let Some(within) = &mut within {
            let at = above.iter().fold(path.clone(), |at, name| at.join(name));
            if is_dir {
                // (an empty one has a list, too)
                within.entry(at.join(&name)).or_default();
            }
            if !is_top {
                within.entry(at).or_default().entries.push(info);
                continue;
            }
        }
        if is_top {
            batch.entries.push(info);
        }
    }
}

/// A file, at its first byte.
pub async fn read(inside: &Inside, path: &FilePath, name: FileName, follow: bool) -> Result<(FileInfo, Tar), Fault> {
    const DOING: &str = "reading";
    let mut found = stat(inside, DOING, path).await?;
    let mut at = absolute(path);
    if mode_of(&found).0 == FileKind::Link {
        if !follow {
            return Err(fault::of(DOING, path.as_bytes(), Errno::LOOP));
        }
        at = found.link_target.clone().into_bytes();
        found = stat(inside, DOING, &FilePath::new(at.clone()).unwrap_or_default()).await?;
    }
    match mode_of(&found).0 {
        FileKind::File => {}
        FileKind::Dir => return Err(fault::wrong_kind(DOING, path.as_bytes(), "it is a directory")),
        _ => return Err(fault::wrong_kind(DOING, path.as_bytes(), "it is no file")),
    }
    let mut tar = Tar::new(inside.fetch(&at).await?);
    match tar.next().await {
        Ok(Some(entry)) if entry.info.kind == FileKind::File => Ok((FileInfo { name, ..entry.info }, tar)),
        Ok(_) => Err(fault::wrong_kind(DOING, path.as_bytes(), "it is no file")),
        Err(e) => Err(fault::say(Fault::INTERNAL, DOING, path.as_bytes(), &e.to_string())),
    }
}

/// Files, each of a directory: what they all lie in as one archive, as far as it goes; then each directory; what was not met
/// there by itself.
pub async fn get_all(inside: &Inside, wanted: &[(FilePath, FileName, u64)]) -> Vec<Result<Vec<u8>, Fault>> {
    let mut found: Vec<Option<Vec<u8>>> = wanted.iter().map(|_| None).collect();
    let dirs: Vec<&FilePath> = wanted.iter().map(|(dir, ..)| dir).collect();
    if let Some(common) = common(&dirs)
        && wanted.len() > ALONE
    {
        let _ = sweep(inside, &common, wanted, &mut found).await;
        for dir in dirs.iter().filter(|dir| ***dir != common).collect::<std::collections::BTreeSet<_>>() {
            let missing = wanted.iter().zip(&found).filter(|((at, ..), found)| at == *dir && found.is_none()).count();
            if missing > ALONE {
                let _ = sweep(inside, dir, wanted, &mut found).await;
            }
        }
    }
    let mut all = Vec::with_capacity(wanted.len());
    for ((dir, name, size), found) in wanted.iter().zip(found) {
        all.push(match found {
            Some(bytes) => Ok(bytes),
            None => get(inside, &dir.join(name), *size).await,
        });
    }
    all
}

/// The directory that all these lie in, or are.
fn common(dirs: &[&FilePath]) -> Option<FilePath> {
    let is_in = |dir: &FilePath, above: &FilePath| {
        let rest = dir.as_bytes().strip_prefix(above.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || above.as_bytes().ends_with(b"/"))
    };
    let mut common = (*dirs.first()?).clone();
    while !dirs.iter().all(|dir| is_in(dir, &common)) {
        common = common.split()?.0;
    }
    Some(common)
}

/// What is wanted of a directory and of those within it, of its archive.
async fn sweep(
    inside: &Inside,
    dir: &FilePath,
    wanted: &[(FilePath, FileName, u64)],
    found: &mut [Option<Vec<u8>>],
) -> Result<(), Fault> {
    let real = real(inside, dir, Some(FileKind::Dir)).await?;
    let base: Option<Vec<u8>> = real.split(|b| *b == b'/').rfind(|c| !c.is_empty() && *c != b".").map(<[u8]>::to_vec);
    // (by their way from there)
    let way = |at: &FilePath, name: &FileName| {
        let from = at.as_bytes().strip_prefix(dir.as_bytes())?;
        let mut way: Vec<Vec<u8>> = from.split(|b| *b == b'/').filter(|c| !c.is_empty()).map(<[u8]>::to_vec).collect();
        way.push(name.as_bytes().to_vec());
        Some(way)
    };
    let missing = wanted.iter().zip(found.iter()).enumerate().filter(|(_, (_, found))| found.is_none());
    let at: HashMap<Vec<Vec<u8>>, usize> =
        missing.filter_map(|(i, ((dir, name, _), _))| Some((way(dir, name)?, i))).collect();
    let mut tar = Tar::new(inside.fetch(&real).await?);
    let (mut left, mut bytes) = (at.len(), 0u64);
    while left > 0
        && bytes < SWEPT
        && let Ok(Some(entry)) = tar.next().await
    {
        bytes = bytes.saturating_add(entry.info.size);
        let mut parts = entry.path.split(|b| *b == b'/').filter(|c| !c.is_empty() && *c != b".");
        if base.as_deref().is_some_and(|base| parts.next() != Some(base)) {
            continue;
        }
        let parts: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
        let Some(i) = at.get(&parts) else { continue };
        let most = wanted.get(*i).map_or(1, |(.., size)| usize::try_from((*size).max(1)).unwrap_or(usize::MAX));
        if entry.info.kind != FileKind::File {
            continue;
        }
        let mut all = Vec::new();
        while all.len() < most
            && let Ok(Some(piece)) = tar.bytes().await
        {
            all.extend_from_slice(&piece);
        }
        all.truncate(most);
        if all.len() as u64 >= entry.info.size.min(most as u64)
            && let Some(slot) = found.get_mut(*i)
        {
            left -= usize::from(slot.replace(all).is_none());
        }
    }
    Ok(())
}

async fn get(inside: &Inside, path: &FilePath, size: u64) -> Result<Vec<u8>, Fault> {
    let (_, mut tar) = read(inside, path, FileName::default(), false).await?;
    let (mut all, most) = (Vec::new(), usize::try_from(size.max(1)).unwrap_or(usize::MAX));
    while all.len() < most {
        match tar.bytes().await {
            Ok(Some(bytes)) => all.extend_from_slice(&bytes),
            Ok(None) => break,
            Err(e) => return Err(fault::say(Fault::GONE, "reading", path.as_bytes(), &e.to_string())),
        }
    }
    all.truncate(most);
    Ok(all)
}

/// Puts one thing without bytes there.
async fn one(inside: &Inside, dir: &FilePath, put: &tar::Put<'_>) -> Result<(), Fault> {
    let mut archive = Vec::new();
    tar::head(put, &mut archive);
    send(inside, dir, archive).await
}

pub fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.ok().and_then(|d| i64::try_from(d.as_secs()).ok()).unwrap_or(0)
}

pub async fn mkdir(inside: &Inside, dir: &FilePath, name: &FileName, mode: u32) -> Result<(), Fault> {
    let path = dir.join(name);
    if inside.stat(&absolute(&path)).await?.is_some() {
        return Err(fault::of("making the directory", path.as_bytes(), Errno::EXIST));
    }
    stat(inside, "making the directory", dir).await?;
    let put = tar::Put { name: name.as_bytes(), kind: FileKind::Dir, mode, seconds: now(), ..tar::Put::default() };
    one(inside, dir, &put).await
}

pub async fn symlink(
    inside: &Inside,
    dir: &FilePath,
    name: &FileName,
    target: &FilePath,
    replace: bool,
) -> Result<(), Fault> {
    free(inside, "making the link", dir, name, replace).await?;
    let put = tar::Put {
        name: name.as_bytes(),
        kind: FileKind::Link,
        mode: 0o777,
        seconds: now(),
        link: target.as_bytes(),
        ..tar::Put::default()
    };
    one(inside, dir, &put).await
}

/// Whether a name may be used: nothing is there, or what may be replaced.
async fn free(inside: &Inside, doing: &str, dir: &FilePath, name: &FileName, replace: bool) -> Result<(), Fault> {
    let path = dir.join(name);
    match inside.stat(&absolute(&path)).await? {
        None => Ok(()),
        Some(_) if !replace => Err(fault::of(doing, path.as_bytes(), Errno::EXIST)),
        Some(there) if mode_of(&there).0 == FileKind::Dir => Err(fault::of(doing, path.as_bytes(), Errno::ISDIR)),
        Some(_) => Ok(()),
    }
}

fn head_of(name: &[u8], wanted: &Wanted, size: u64) -> Vec<u8> {
    let mut head = Vec::new();
    let put = tar::Put {
        name,
        kind: FileKind::File,
        size,
        mode: wanted.mode.unwrap_or(0o644),
        seconds: wanted.mtime_ms.map_or_else(now, seconds),
        link: b"",
    };
    tar::head(&put, &mut head);
    head
}

/// Small files, each at its way from a directory; behind what the archive begins with. What is being made here holds nothing
/// that would be in the way.
pub async fn put(
    inside: &Inside,
    dir: &FilePath,
    files: Vec<(Vec<u8>, Wanted, Vec<u8>)>,
    mut archive: Vec<u8>,
) -> Vec<Result<(), Fault>> {
    let here: Vec<&Wanted> =
        files.iter().filter(|(way, ..)| !way.contains(&b'/')).map(|(_, wanted, _)| wanted).collect();
    let mut free = all_free(inside, dir, &here).await.into_iter();
    let mut results = Vec::with_capacity(files.len());
    for (way, wanted, bytes) in &files {
        let is_free = if way.contains(&b'/') { Ok(()) } else { free.next().unwrap_or(Ok(())) };
        if is_free.is_ok() {
            let size = bytes.len() as u64;
            archive.extend(head_of(way, wanted, size));
            archive.extend_from_slice(bytes);
            tar::pad(&mut archive, size);
        }
        results.push(is_free);
    }
    if let Err(fault) = send(inside, dir, archive).await {
        results.iter_mut().filter(|r| r.is_ok()).for_each(|r| *r = Err(fault.clone()));
    }
    results
}

/// Whether names may be used: of many by one look at the directory, as far as that goes; else by one each.
async fn all_free(inside: &Inside, dir: &FilePath, wanted: &[&Wanted]) -> Vec<Result<(), Fault>> {
    const DOING: &str = "writing";
    if wanted.len() > ALONE
        && let Ok(Batch { entries, unusable: 0 }) = listed(inside, dir, SWEPT).await
    {
        let there: HashMap<&FileName, FileKind> = entries.iter().map(|e| (&e.name, e.kind)).collect();
        let each = wanted.iter().map(|wanted| match there.get(&wanted.name) {
            None => Ok(()),
            Some(_) if !wanted.replace => Err(Errno::EXIST),
            Some(FileKind::Dir) => Err(Errno::ISDIR),
            Some(_) => Ok(()),
        });
        let path = |wanted: &Wanted| dir.join(&wanted.name);
        return each.zip(wanted).map(|(is, w)| is.map_err(|e| fault::of(DOING, path(w).as_bytes(), e))).collect();
    }
    let look = |wanted: &&Wanted| {
        let (inside, dir, name, replace) = (inside.clone(), dir.clone(), wanted.name.clone(), wanted.replace);
        async move { free(&inside, DOING, &dir, &name, replace).await }
    };
    let looks: Vec<_> = wanted.iter().map(look).collect();
    futures_util::stream::iter(looks).buffered(TOGETHER).collect().await
}

/// Unpacks an archive, whose end is still to come, into a directory.
pub async fn send(inside: &Inside, dir: &FilePath, mut archive: Vec<u8>) -> Result<(), Fault> {
    archive.extend_from_slice(&tar::END);
    inside.store(&absolute(dir), std::io::Cursor::new(archive)).await
}

/// A file that is sent as one archive.
pub struct Sending {
    to: Option<DuplexStream>,
    sent: JoinHandle<Result<(), Fault>>,
    size: Option<u64>,
    /// Of a file whose size nobody knows yet.
    kept: Vec<u8>,
    wanted: Wanted,
}

impl Sending {
    pub async fn open(inside: &Inside, dir: &FilePath, wanted: &Wanted) -> Result<Sending, Fault> {
        free(inside, "writing", dir, &wanted.name, wanted.replace).await?;
        stat(inside, "writing", dir).await?;
        let (mut to, from) = tokio::io::duplex(crate::filesys::PIECE);
        if let Some(size) = wanted.size {
            let head = head_of(wanted.name.as_bytes(), wanted, size);
            // (there is room for a header)
            let _ = to.write_all(&head).await;
        }
        let (inside, dir) = (inside.clone(), absolute(dir));
        let sent = tokio::spawn(async move { inside.store(&dir, from).await });
        Ok(Sending { to: Some(to), sent, size: wanted.size, kept: Vec::new(), wanted: wanted.clone() })
    }

    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), ()> {
        if self.size.is_none() {
            if self.kept.len() + bytes.len() > UNTOLD {
                return Err(());
            }
            self.kept.extend_from_slice(&bytes);
            return Ok(());
        }
        match &mut self.to {
            Some(to) => to.write_all(&bytes).await.map_err(drop),
            None => Err(()),
        }
    }

    /// All of it is sent, and taken.
    pub async fn end(mut self) -> Result<(), Fault> {
        if let Some(mut to) = self.to.take() {
            let size = self.size.unwrap_or(self.kept.len() as u64);
            let mut rest = Vec::new();
            if self.size.is_none() {
                rest = head_of(self.wanted.name.as_bytes(), &self.wanted, size);
                rest.append(&mut self.kept);
            }
            tar::pad(&mut rest, size);
            rest.extend_from_slice(&tar::END);
            let _ = to.write_all(&rest).await;
            let _ = to.shutdown().await;
        }
        self.sent.await.unwrap_or_else(|e| Err(Fault::new(Fault::INTERNAL, e.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_directories_have_in_common() {
        let of = |all: &[&str]| {
            let paths: Vec<FilePath> = all.iter().map(|p| FilePath::new(p.as_bytes().to_vec()).unwrap()).collect();
            common(&paths.iter().collect::<Vec<_>>()).map(|p| String::from_utf8(p.as_bytes().to_vec()).unwrap())
        };
        assert_eq!(of(&["/a/b", "/a/b"]).unwrap(), "/a/b");
        assert_eq!(of(&["/a/b/c", "/a/b"]).unwrap(), "/a/b");
        assert_eq!(of(&["/a/bc", "/a/b"]).unwrap(), "/a");
        assert_eq!(of(&["/a", "/b"]).unwrap(), "/");
        assert_eq!(of(&[]), None);
    }
}
