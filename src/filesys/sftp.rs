//! Owns the files of a host over SFTP: [`Remote`], [`Dir`]. By path, for the protocol has no handles that names could be looked
//! up in: before work goes into a directory it is looked at, which nobody there can be kept from undoing between the two.
//! Leaves out trees, and the packets (transport).

pub mod pieces;

use super::{Batch, Get, Put, Wanted, fault, local};
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath, FilesStatted, LinkInfo, Space};
use crate::transport::ssh::sftp::{Answer, Attrs, Handle, Kept, Named, Names, Sftp, Wrong, status};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinSet;

/// Requests of one piece of work that are under way together.
const TOGETHER: usize = super::MANY;
/// Requests for entries under way: the first two tell of most directories all there is, and that it is all.
const AHEAD_FIRST: usize = 2;
const AHEAD_MOST: usize = 16;
/// Entries of one directory at most: a listing that does not end is no listing.
const ENDLESS: u64 = 1_000_000;
/// A disk with less room than this is full, where writing failed.
const NO_ROOM: u64 = 64 << 10;

/// The file system of a host.
#[derive(Clone)]
pub struct Remote {
    sftp: Sftp,
    /// It was seen that the server keeps nothing of a mode but who may read, write and execute.
    plain: Arc<AtomicBool>,
}

#[derive(Clone)]
pub struct Dir {
    sftp: Sftp,
    plain: Arc<AtomicBool>,
    /// (many hold it at once, and it may be long)
    path: Arc<FilePath>,
    /// Its file system, where the server can tell it.
    disk: Option<u64>,
    mount: bool,
}

/// Which file system a path lies on.
async fn disk_of(sftp: &Sftp, path: &[u8]) -> Option<u64> {
    Some(sftp.room(path).await.ok()??.id)
}

fn raw(path: &FilePath) -> &[u8] {
    if path.is_empty() { b"." } else { path.as_bytes() }
}

fn info_of(attrs: &Attrs, name: FileName) -> FileInfo {
    let mode = attrs.mode.unwrap_or(0);
    let kind = match mode & 0o170_000 {
        0o100_000 => FileKind::File,
        0o040_000 => FileKind::Dir,
        0o120_000 => FileKind::Link,
        _ => FileKind::Other,
    };
    let (uid, gid) = attrs.uid_gid.unwrap_or_default();
    FileInfo {
        name,
        kind,
        size: attrs.size.unwrap_or(0),
        mode: mode & 0o7777,
        mtime_ms: attrs.atime_mtime.map_or(0, |(_, mtime)| i64::from(mtime) * 1000),
        uid,
        gid,
        owner: String::new(),
        group: String::new(),
        link: None,
    }
}

/// Owner and group of a line of `ls -l`, where they are names.
fn owners(long: &[u8]) -> Option<(String, String)> {
    let mut words = long.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).skip(2);
    let mut name = || {
        let word = std::str::from_utf8(words.next()?).ok()?;
        let good = word.len() <= 64 && !word.bytes().all(|b| b.is_ascii_digit());
        Some(if good { word.to_string() } else { String::new() })
    };
    Some((name()?, name()?))
}

fn attrs(mode: Option<u32>, mtime_ms: Option<i64>) -> Attrs {
    let seconds = mtime_ms.map(|ms| u32::try_from(ms.div_euclid(1000).max(0)).unwrap_or(u32::MAX));
    Attrs { mode, atime_mtime: seconds.map(|s| (s, s)), ..Attrs::default() }
}

/// The server said no without a word why.
fn is_failure(wrong: &Wrong) -> bool {
    matches!(wrong, Wrong::Status { code: status::FAILURE | status::BAD_MESSAGE, .. })
}

/// Work of which so much is under way at once; the answers in order. Dropped, all of it ends.
async fn together<T, F>(work: Vec<F>) -> Vec<Result<T, Fault>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Fault>> + Send + 'static,
{
    let mut work = work.into_iter().enumerate();
    let mut done = Vec::new();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < TOGETHER
            && let Some((i, work)) = work.next()
        {
            done.push(Err(Fault::new(Fault::INTERNAL, "it ended before it was done")));
            under_way.spawn(async move { (i, work.await) });
        }
        match under_way.join_next().await {
            None => return done,
            Some(Ok((i, result))) => {
                if let Some(slot) = done.get_mut(i) {
                    *slot = result;
                }
            }
            Some(Err(_)) => {}
        }
    }
}

impl Remote {
    /// For how long nothing was asked of it or answered; none = it is over.
    pub fn idle(&self) -> Option<std::time::Duration> {
        self.sftp.idle()
    }

    pub fn new(sftp: Sftp) -> Remote {
        Remote { sftp, plain: Arc::default() }
    }

    fn failed(doing: &str, path: &FilePath, wrong: &Wrong) -> Fault {
        fault::of_sftp(doing, raw(path), wrong)
    }

    pub async fn dir(&self, path: &FilePath) -> Result<Dir, Fault> {
        let (found, disk) = tokio::join!(self.sftp.stat(raw(path)), disk_of(&self.sftp, raw(path)));
        let found = found.map_err(|w| Remote::failed("opening", path, &w))?;
        if info_of(&found, FileName::default()).kind != FileKind::Dir {
            return Err(fault::wrong_kind("opening", raw(path), "it is no directory"));
        }
        let (sftp, plain) = (self.sftp.clone(), self.plain.clone());
        Ok(Dir { sftp, plain, path: path.clone().into(), disk, mount: false })
    }

    pub async fn real(&self, path: &FilePath) -> Result<FilePath, Fault> {
        let failed = |w: &Wrong| Remote::failed("looking at", path, w);
        let real = self.sftp.realpath(raw(path)).await.map_err(|w| failed(&w))?;
        FilePath::new(real).map_err(|_| failed(&Wrong::Answer))
    }

    pub async fn stat(&self, path: &FilePath, with_real: bool, with_space: bool) -> Result<FilesStatted, Fault> {
        let name = path.split().map(|(_, name)| name).unwrap_or_default();
        let info = look(&self.sftp, raw(path), name).await.map_err(|w| Remote::failed("looking at", path, &w))?;
        let mut statted = FilesStatted { info, real: None, space: None };
        if with_real {
            statted.real = Some(self.real(path).await?);
        }
        if with_space && let Ok(Some(room)) = self.sftp.room(raw(path)).await {
            statted.space = Some(Space { total: room.total, free: room.free });
        }
        Ok(statted)
    }

    pub async fn read(&self, path: &FilePath, from: u64, to: Option<u64>) -> Result<(FileInfo, pieces::Reader), Fault> {
        let name = path.split().map(|(_, name)| name).unwrap_or_default();
        pieces::Reader::open(&self.sftp, path.clone(), name, from, to).await
    }
}

/// What is there, and where a link leads.
async fn look(sftp: &Sftp, path: &[u8], name: FileName) -> Result<FileInfo, Wrong> {
    let mut info = info_of(&sftp.lstat(path).await?, name);
    if info.kind == FileKind::Link {
        info.link = Some(link_of(sftp, path).await);
    }
    Ok(info)
}

async fn link_of(sftp: &Sftp, path: &[u8]) -> LinkInfo {
    let (target, led) = tokio::join!(sftp.readlink(path), sftp.stat(path));
    LinkInfo {
        target: target.ok().and_then(|t| FilePath::new(t).ok()).unwrap_or_default(),
        kind: led.ok().map(|found| info_of(&found, FileName::default()).kind),
    }
}

impl Dir {
    pub fn path(&self) -> FilePath {
        self.path.as_ref().clone()
    }

    pub fn keep(&self, bytes: usize) -> Option<Kept> {
        self.sftp.keep(bytes)
    }

    pub fn has_plain_modes(&self) -> bool {
        self.plain.load(Ordering::Relaxed)
    }

    pub fn is_mount(&self) -> bool {
        self.mount
    }

    fn at(&self, name: &FileName) -> FilePath {
        self.path.join(name)
    }

    fn failed(&self, doing: &str, name: &FileName, wrong: &Wrong) -> Fault {
        Remote::failed(doing, &self.at(name), wrong)
    }

    async fn kind(&self, name: &FileName) -> Option<FileKind> {
        let found = self.sftp.lstat(self.at(name).as_bytes()).await.ok()?;
        Some(info_of(&found, FileName::default()).kind)
    }

    /// That failed: because the name is taken?
    async fn taken(&self, doing: &str, name: &FileName, wrong: Wrong) -> Fault {
        if is_failure(&wrong) && self.kind(name).await.is_some() {
            return fault::of(doing, self.at(name).as_bytes(), rustix::io::Errno::EXIST);
        }
        self.failed(doing, name, &wrong)
    }

    /// That failed: because the disk is full?
    async fn full(&self, doing: &str, name: &FileName, wrong: Wrong) -> Fault {
        if is_failure(&wrong)
            && let Ok(Some(room)) = self.sftp.room(raw(&self.path)).await
            && room.free < NO_ROOM
        {
            return fault::of(doing, self.at(name).as_bytes(), rustix::io::Errno::NOSPC);
        }
        self.failed(doing, name, &wrong)
    }

    async fn link(self, name: FileName) -> Result<LinkInfo, Fault> {
        Ok(link_of(&self.sftp, self.at(&name).as_bytes()).await)
    }

    pub async fn sub(&self, name: &FileName) -> Result<Dir, Fault> {
        let path = self.at(name);
        let (found, disk) = tokio::join!(self.sftp.lstat(path.as_bytes()), disk_of(&self.sftp, path.as_bytes()));
        let found = found.map_err(|w| self.failed("opening", name, &w))?;
        match info_of(&found, FileName::default()).kind {
            FileKind::Dir => {
                let mount = disk.zip(self.disk).is_some_and(|(disk, above)| disk != above);
                Ok(Dir { path: path.into(), disk, mount, ..self.clone() })
            }
            FileKind::Link => Err(fault::wrong_kind("opening", path.as_bytes(), "it is a symbolic link")),
            _ => Err(fault::wrong_kind("opening", path.as_bytes(), "it is no directory")),
        }
    }

    pub fn list(&self) -> Listing {
        let (asked, names) = (VecDeque::new(), Names::default());
        Listing { dir: self.clone(), handle: None, asked, ahead: AHEAD_FIRST, names, seen: 0, over: false }
    }

    pub async fn info(&self, name: &FileName) -> Result<FileInfo, Fault> {
        let found = look(&self.sftp, self.at(name).as_bytes(), name.clone()).await;
        found.map_err(|w| self.failed("looking at", name, &w))
    }

    pub async fn mkdir(&self, name: &FileName, mode: Option<u32>) -> Result<(), Fault> {
        const DOING: &str = "making the directory";
        let path = self.at(name);
        if let Err(wrong) = self.sftp.mkdir(path.as_bytes(), mode).await {
            return Err(self.taken(DOING, name, wrong).await);
        }
        match mode {
            // its umask has taken some of it away
            Some(wanted) => {
                let set = self.sftp.setstat(path.as_bytes(), attrs(mode, None));
                let set = if wanted > 0o777 {
                    let (set, now) = tokio::join!(set, self.sftp.lstat(path.as_bytes()));
                    if now.is_ok_and(|now| now.mode.is_some_and(|now| now & 0o7777 != wanted)) {
                        self.plain.store(true, Ordering::Relaxed);
                    }
                    set
                } else {
                    set.await
                };
                set.map_err(|w| self.failed(DOING, name, &w))
            }
            None => Ok(()),
        }
    }

    pub async fn remove(&self, names: Vec<FileName>) -> Vec<Result<(), Fault>> {
        together(names.into_iter().map(|name| self.clone().remove_one(name)).collect()).await
    }

    async fn remove_one(self, name: FileName) -> Result<(), Fault> {
        let Err(wrong) = self.sftp.remove(self.at(&name).as_bytes()).await else { return Ok(()) };
        if is_failure(&wrong) && self.kind(&name).await == Some(FileKind::Dir) {
            return Err(fault::of("deleting", self.at(&name).as_bytes(), rustix::io::Errno::ISDIR));
        }
        Err(self.failed("deleting", &name, &wrong))
    }

    pub async fn rmdir(&self, name: &FileName) -> Result<(), Fault> {
        let path = self.at(name);
        let Err(wrong) = self.sftp.rmdir(path.as_bytes()).await else { return Ok(()) };
        let mut rest = Dir { path: path.clone().into(), ..self.clone() }.list();
        if is_failure(&wrong) && matches!(rest.next().await, Ok(Some(_))) {
            return Err(fault::of("deleting", path.as_bytes(), rustix::io::Errno::NOTEMPTY));
        }
        Err(self.failed("deleting", name, &wrong))
    }

    pub async fn rename(&self, name: &FileName, to: &Dir, to_name: &FileName, replace: bool) -> Result<(), Fault> {
        let (from, new) = (self.at(name), to.at(to_name));
        let renamed = if replace {
            match self.sftp.rename_over(from.as_bytes(), new.as_bytes()).await {
                // not in one step, then; but all of them, whoever stops waiting
                Err(Wrong::Unsupported) => {
                    let steps = self.clone().replace(name.clone(), to.clone(), to_name.clone());
                    let ended = |_| Err(Fault::new(Fault::INTERNAL, "it ended before it was done"));
                    return tokio::spawn(steps).await.unwrap_or_else(ended);
                }
                other => other,
            }
        } else {
            // (not every server keeps from replacing by itself)
            if to.kind(to_name).await.is_some() {
                return Err(fault::of("renaming to", new.as_bytes(), rustix::io::Errno::EXIST));
            }
            self.sftp.rename(from.as_bytes(), new.as_bytes()).await
        };
        renamed.map_err(|w| self.failed("renaming", name, &w))
    }

    /// Renames step by step, for a server that can't rename over what is there: at each of them what was there is somewhere.
    async fn replace(self, name: FileName, to: Dir, to_name: FileName) -> Result<(), Fault> {
        let aside = to.at(&local::part::spare_name());
        let (from, new) = (self.at(&name), to.at(&to_name));
        let (from, new, spare) = (from.as_bytes(), new.as_bytes(), aside.as_bytes());
        let sftp = &self.sftp;
        match to.kind(&to_name).await {
            None => return sftp.rename(from, new).await.map_err(|w| self.failed("renaming", &name, &w)),
            Some(FileKind::Dir) => return Err(fault::of("renaming to", new, rustix::io::Errno::ISDIR)),
            Some(_) => {}
        }
        sftp.rename(new, spare).await.map_err(|w| to.failed("renaming", &to_name, &w))?;
        let Err(wrong) = sftp.rename(from, new).await else {
            let gone = sftp.remove(spare).await;
            return gone.map_err(|w| to.failed("replacing", &to_name, &w)).map_err(|mut fault| {
                fault.message += &format!(" (it is the new one; the old one is '{aside}' now)");
                fault
            });
        };
        let mut fault = self.failed("renaming", &name, &wrong);
        if sftp.rename(spare, new).await.is_err() {
            fault.message += &format!(" (what was '{to_name}' is '{aside}' now: give it its name again)");
        }
        Err(fault)
    }

    pub async fn chmod(&self, name: &FileName, mode: u32) -> Result<(), Fault> {
        const DOING: &str = "setting the mode of";
        let path = self.at(name);
        if self.kind(name).await == Some(FileKind::Link) {
            return Err(fault::wrong_kind(DOING, path.as_bytes(), "it is a symbolic link"));
        }
        let set = self.sftp.setstat(path.as_bytes(), attrs(Some(mode), None)).await;
        set.map_err(|w| self.failed(DOING, name, &w))
    }

    pub async fn finish(&self, mode: u32, mtime_ms: i64) -> Result<(), Fault> {
        let set = self.sftp.setstat(raw(&self.path), attrs(Some(mode), Some(mtime_ms))).await;
        set.map_err(|w| Remote::failed("setting mode and time of", &self.path, &w))
    }

    pub async fn read_link(&self, name: &FileName) -> Result<FilePath, Fault> {
        const DOING: &str = "reading the link";
        let path = self.at(name);
        match self.sftp.readlink(path.as_bytes()).await {
            Ok(target) => FilePath::new(target).map_err(|_| self.failed(DOING, name, &Wrong::Answer)),
            Err(wrong) if is_failure(&wrong) && self.kind(name).await.is_some_and(|k| k != FileKind::Link) => {
                Err(fault::wrong_kind(DOING, path.as_bytes(), "it is no link"))
            }
            Err(wrong) => Err(self.failed(DOING, name, &wrong)),
        }
    }

    pub async fn symlink(&self, name: &FileName, target: &FilePath, replace: bool) -> Result<(), Fault> {
        const DOING: &str = "making the link";
        let Err(wrong) = self.sftp.symlink(target.as_bytes(), self.at(name).as_bytes()).await else { return Ok(()) };
        if !is_failure(&wrong) || !replace || matches!(self.kind(name).await, None | Some(FileKind::Dir)) {
            return Err(self.taken(DOING, name, wrong).await);
        }
        let spare = local::part::spare_name();
        let made = self.sftp.symlink(target.as_bytes(), self.at(&spare).as_bytes()).await;
        made.map_err(|w| self.failed(DOING, name, &w))?;
        let named = self.rename(&spare, self, name, true).await;
        if named.is_err() {
            let _ = self.sftp.remove(self.at(&spare).as_bytes()).await;
        }
        named
    }

    pub async fn read(&self, name: &FileName, from: u64, to: Option<u64>) -> Result<(FileInfo, pieces::Reader), Fault> {
        let path = self.at(name);
        match self.kind(name).await {
            Some(FileKind::Link) => Err(fault::wrong_kind("reading", path.as_bytes(), "it is a symbolic link")),
            _ => pieces::Reader::open(&self.sftp, path, name.clone(), from, to).await,
        }
    }

    pub async fn write(&self, wanted: Wanted) -> Result<pieces::Writer, Fault> {
        pieces::Writer::open(self.clone(), wanted).await
    }
}

/// Read as it is asked for, and a little ahead: a server says some hundred names at a time.
pub struct Listing {
    dir: Dir,
    handle: Option<Handle>,
    asked: VecDeque<Answer>,
    ahead: usize,
    /// What was answered last, as far as nobody has taken it.
    names: Names,
    seen: u64,
    over: bool,
}

impl Listing {
    pub async fn next(&mut self) -> Result<Option<Batch>, Fault> {
        loop {
            if self.names.is_empty() && !self.more().await? {
                return Ok(None);
            }
            let mut batch = Batch::default();
            while batch.entries.len() < super::MANY
                && let Some(named) = self.names.next()
            {
                self.seen += 1;
                take(named, &mut batch);
            }
            if self.seen > ENDLESS {
                return Err(self.failed(&Wrong::Answer));
            }
            // "." and ".." alone
            if batch.entries.is_empty() && batch.unusable == 0 {
                continue;
            }
            let links: Vec<&mut FileInfo> = batch.entries.iter_mut().filter(|e| e.kind == FileKind::Link).collect();
            let asked = links.iter().map(|e| self.dir.clone().link(e.name.clone())).collect();
            for (entry, link) in links.into_iter().zip(together(asked).await) {
                entry.link = link.ok();
            }
            return Ok(Some(batch));
        }
    }

    /// Takes in the server's next answer; false = there is no more.
    async fn more(&mut self) -> Result<bool, Fault> {
        if self.over {
            return Ok(false);
        }
        let (sftp, path) = (&self.dir.sftp, &self.dir.path);
        let failed = |w: Wrong| Remote::failed("reading the directory", path, &w);
        let handle = match &mut self.handle {
            Some(handle) => handle,
            none => none.insert(sftp.opendir(raw(path)).await.map_err(failed)?),
        };
        // what is wanted now always goes, what may be wanted next where there is room for it
        if self.asked.is_empty() {
            self.asked.push_back(sftp.readdir(handle).await.map_err(failed)?);
        }
        while self.asked.len() < self.ahead
            && let Some(answer) = sftp.readdir_ahead(handle)
        {
            self.asked.push_back(answer.map_err(failed)?);
        }
        let Some(answer) = self.asked.pop_front() else { return Ok(false) };
        let Some(names) = answer.names().await.map_err(failed)? else {
            self.over = true;
            self.asked.clear();
            self.handle = None;
            return Ok(false);
        };
        if names.is_empty() {
            return Err(failed(Wrong::Answer));
        }
        self.ahead = (self.ahead * 2).min(AHEAD_MOST);
        self.names = names;
        Ok(true)
    }

    fn failed(&self, wrong: &Wrong) -> Fault {
        Remote::failed("reading the directory", &self.dir.path, wrong)
    }

    /// Bytes that it keeps of what was answered; what was asked ahead is counted by the connection.
    pub fn bytes(&self) -> usize {
        self.names.bytes()
    }
}

/// An entry of a server's, where it can be used.
fn take(named: Named, batch: &mut Batch) {
    if matches!(named.name.as_slice(), b"." | b"..") {
        return;
    }
    let Ok(name) = FileName::new(named.name) else {
        batch.unusable += 1;
        return;
    };
    let mut info = info_of(&named.attrs, name);
    (info.owner, info.group) = owners(&named.long).unwrap_or_default();
    batch.entries.push(info);
}

/// Small files, many under way at once.
pub async fn put(files: Vec<Put>) -> Vec<Result<(), Fault>> {
    together(files.into_iter().map(put_one).collect()).await
}

async fn put_one(file: Put) -> Result<(), Fault> {
    let super::Dir::Sftp(dir) = &file.dir else {
        return Err(Fault::new(Fault::INTERNAL, "a file of another file system"));
    };
    pieces::put(dir, &file.wanted, &file.bytes).await
}

/// Small files, many under way at once.
pub async fn get(files: Vec<Get>) -> Vec<Result<Vec<u8>, Fault>> {
    together(files.into_iter().map(get_one).collect()).await
}

async fn get_one(file: Get) -> Result<Vec<u8>, Fault> {
    let super::Dir::Sftp(dir) = &file.dir else {
        return Err(Fault::new(Fault::INTERNAL, "a file of another file system"));
    };
    let mut reader = pieces::Reader::known(&dir.sftp, dir.at(&file.name), file.name, file.size.max(1)).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn names_of_a_hostile_server() {
        let named = |name: &[u8]| Named { name: name.to_vec(), long: Vec::new(), attrs: Attrs::default() };
        let bad = [&b"../x"[..], b"/etc/passwd", b"", b"a\0b", b"a/b"];
        let good = [&b"ok"[..], b"\x1b[2J", "a\u{202e}b".as_bytes(), b"\xff"];
        let mut batch = Batch::default();
        [&b"."[..], b".."].iter().chain(&bad).chain(&good).for_each(|n| take(named(n), &mut batch));
        assert_eq!((batch.entries.len(), batch.unusable), (good.len(), bad.len() as u64));
        let shown: String = batch.entries.iter().map(|e| e.name.to_string()).collect();
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    }

    #[test]
    fn owners_of_a_long_line() {
        let pair = |a: &str, b: &str| Some((a.to_string(), b.to_string()));
        assert_eq!(owners(b"-rw-r--r--    1 root     staff        5 Feb  1 10:00 x"), pair("root", "staff"));
        assert_eq!(owners(b"-rw-r--r--    1 1000     staff        5 Feb  1 10:00 x"), pair("", "staff"));
        assert_eq!(owners(b"x"), None);
        assert_eq!(owners(b"\xff\xff"), None);
    }
}
