//! Files of this machine, and of a host over SFTP: one face, [`Fs`], whose directories ([`Dir`]) are what all work is done in.
//! What is found is never trusted: names are one component, work on trees follows no symlink.
//!
//! # Layout
//! - `local`  this machine: by handles, on threads that may wait for a disk; `local/part` a file until it is whole,
//!   `local/owners` who an owner is
//! - `container` a container, by its own tools or the engine's archives
//! - `sftp`   a host, over a channel of SSH; `sftp/pieces` many reads and writes under way at once
//! - `walk`   a tree read, piece by piece · `grow` a tree written · `delete` one deleted · `copy` one onto the other
//! - `pack`   a tree as a bundle
//! - `fault`  what went wrong, in words
//!
//! # What a host can make us hold
//! However many entries it tells of, however long their names are and however deep they lie (`tests/hostile/memory.rs`
//! measures it), at most:
//!
//! | of one connection | MiB |
//! |---|---|
//! | answers that came before they are wanted: `transport::ssh::sftp::wait` | 4 |
//! | what walks keep of the directories above the one they are in; into more they do not go, and say so: [`Dir::keep`] | 8 |
//! | 256 answers under way, of 40 KiB each (of 32 KiB, where they are bytes of files) | 10 |
//! | 256 requests under way, whose paths may have 16 KiB each, twice | 8 |
//!
//! | of one piece of work | MiB |
//! |---|---|
//! | 511 entries in hand, with names of 1 KiB and links to 16 KiB | 9 |
//! | files read together, or pieces of one, and the same as a bundle | 2 + 4 |
//! | failures that wait to be told, and directories that get their modes at the end | 1 + 8 |

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod container;
pub mod copy;
pub mod delete;
mod fault;
pub mod grow;
pub mod local;
pub mod pack;
pub mod sftp;
#[cfg(test)]
mod tests;
pub mod walk;

pub use fault::no_such_kind;

use crate::proto::control::{
    Failed, Fault, FileInfo, FileName, FilePath, FilesProgress, FilesStatted, FilesWrite, WorkEnd,
};
use local::Local;

/// Bytes of one piece of a file at most.
pub const PIECE: usize = 256 << 10;
/// A file no larger than this is read and written whole, many in one go.
pub const SMALL: u64 = 64 << 10;
/// How many of them at most, and how many bytes.
pub const MANY: usize = 256;
pub const MANY_BYTES: u64 = 2 << 20;
/// Directories within each other that work on a tree goes into: each is held open.
pub const DEEPEST: usize = 200;
/// The mode of a directory that is being filled and has not got its own yet: this user's alone, with a bit that nobody else
/// gives such a one. So a copy that was cut finds those it has made, and leaves others as they are.
const UNFINISHED: u32 = 0o1700;

/// A file system.
#[derive(Clone)]
pub enum Fs {
    Local(Local),
    Sftp(sftp::Remote),
    Container(container::Remote),
}

/// A directory: of this machine by its handle, of a host by its path.
#[derive(Clone)]
pub enum Dir {
    Local(local::Dir),
    Sftp(sftp::Dir),
    Container(container::Dir),
}

/// The entries of a directory, batch by batch.
pub enum Listing {
    Local(local::Listing),
    Sftp(Box<sftp::Listing>),
    Container(Box<container::Listing>),
}

/// Entries of one batch.
#[derive(Default, Debug)]
pub struct Batch {
    pub entries: Vec<FileInfo>,
    /// Names that are none, or could not be looked at.
    pub unusable: u64,
}

/// A file that is read from an offset on.
pub enum Reader {
    Local(local::Reader),
    Sftp(Box<sftp::pieces::Reader>),
    Container(Box<container::Reader>),
}

/// A file that is written under its part's name until it is whole. One that is let go of before leaves the part there, or
/// takes it away, as was wanted.
pub enum Writer {
    Local(local::part::Writer),
    Sftp(Box<sftp::pieces::Writer>),
    Container(Box<container::Writer>),
}

/// Bytes that an entry takes in memory, about.
pub fn weight(info: &FileInfo) -> usize {
    /// Of what an allocator adds to four texts.
    const BESIDE: usize = 64;
    let link = info.link.as_ref().map_or(0, |link| link.target.as_bytes().len());
    let texts = info.name.as_bytes().len() + info.owner.len() + info.group.len() + link;
    size_of::<FileInfo>() + texts + BESIDE
}

/// Room for what work keeps of what a host said, until it is dropped. (What this machine says of its own is not counted.)
pub enum Kept {
    Local,
    Sftp(crate::transport::ssh::sftp::Kept),
}

/// What a written file is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub name: FileName,
    /// The name until then.
    pub part: FileName,
    pub size: Option<u64>,
    pub mode: Option<u32>,
    pub mtime_ms: Option<i64>,
    pub replace: bool,
    /// Whether the part stays where it does not become whole.
    pub keep: bool,
    /// Wait until it is on disk.
    pub sync: bool,
}

/// A small file to be written whole.
pub struct Put {
    pub dir: Dir,
    pub wanted: Wanted,
    pub bytes: Vec<u8>,
}

/// A small file to be read whole.
pub struct Get {
    pub dir: Dir,
    pub name: FileName,
    /// Bytes wanted, no more; of a file that says it has none, one is tried.
    pub size: u64,
}

/// Bytes at most of a file that does not say how long it is, where it is read as a part of a tree: 4 MiB.
pub const UNTOLD: usize = 4 << 20;

/// All of a file that says it is empty and is not, as those of /proc do; and what it is, with as many bytes as there were.
pub async fn untold(dir: &Dir, name: &FileName) -> Result<(FileInfo, Vec<u8>), Fault> {
    let (info, mut reader) = dir.read(name, 0, None).await?;
    let mut all = Vec::new();
    while let Some(bytes) = reader.next().await? {
        all.extend_from_slice(&bytes);
        if all.len() > UNTOLD {
            let why =
                "it does not say how long it is, and has more than 4 MiB: write it to a file there with cat first";
            return Err(fault::say(Fault::REFUSED, "reading", dir.path().join(name).as_bytes(), why));
        }
    }
    Ok((FileInfo { size: all.len() as u64, ..info }, all))
}

impl Wanted {
    pub fn of(write: &FilesWrite) -> Result<Wanted, Fault> {
        let part = FilesWrite::part_name(&write.part)
            .ok_or_else(|| Fault::new(Fault::BAD_PARAMS, "a part is 16 hexadecimal digits in lower case"))?;
        if write.name.is_none() {
            return Err(Fault::new(Fault::BAD_PARAMS, "the file has no name"));
        }
        Ok(Wanted {
            name: write.name.clone(),
            part,
            size: write.size,
            mode: write.mode.map(|m| m & 0o7777),
            mtime_ms: write.mtime_ms,
            replace: write.replace,
            keep: write.keep,
            sync: write.sync,
        })
    }

    /// From where on a part is written of which so much is there: a longer one is of something else, and the last bytes
    /// before a crash may not be what was written.
    fn goes_on_at(&self, there: u64) -> u64 {
        let at = if self.size.is_some_and(|size| there > size) { 0 } else { there };
        at.saturating_sub(FilesWrite::BACK)
    }

    /// Whether as much has come as was to come, to this file of a directory.
    fn check_whole(&self, came: u64, dir: &FilePath) -> Result<(), Fault> {
        let Some(size) = self.size.filter(|size| *size != came) else { return Ok(()) };
        let why = format!("{came} bytes came, and {size} were to come");
        Err(fault::say(Fault::BAD_PARAMS, "writing", dir.join(&self.name).as_bytes(), &why))
    }
}

/// How work on a tree goes; what is told is taken away each time.
#[derive(Default, Debug)]
pub struct Tally {
    files: u64,
    bytes: u64,
    failed: Vec<Failed>,
    /// Bytes of them, about.
    waiting: usize,
    /// Those that are told otherwise included.
    failures: u64,
    unusable: u64,
}

/// Bytes that a failure takes.
fn told(failed: &Failed) -> usize {
    size_of::<Failed>() + failed.path.as_bytes().len() + failed.why.message.len()
}

impl Tally {
    /// Bytes of failures that wait to be told, at most, about: 1 MiB. Of more at once it is told how many.
    const WAITING: usize = 1 << 20;

    pub fn done(&mut self, files: u64, bytes: u64) {
        self.files += files;
        self.bytes += bytes;
    }
    /// Bytes that were told of a file which then failed.
    pub fn undone(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }
    pub fn failed(&mut self, path: FilePath, why: Fault) {
        self.failures += 1;
        if self.failures <= WorkEnd::TOLD && self.waiting < Tally::WAITING {
            let failed = Failed { path, why };
            self.waiting += told(&failed);
            self.failed.push(failed);
        }
    }
    pub fn unusable(&mut self, names: u64) {
        self.unusable += names;
    }
    /// Files and bytes.
    pub fn done_so_far(&self) -> (u64, u64) {
        (self.files, self.bytes)
    }
    pub fn failures(&self) -> u64 {
        self.failures
    }
    /// A line about it; with the failures since the last.
    pub fn line(&mut self) -> FilesProgress {
        // a line stays one that is read at once
        let failed: Vec<Failed> = self.failed.drain(..self.failed.len().min(200)).collect();
        self.waiting = self.waiting.saturating_sub(failed.iter().map(told).sum());
        FilesProgress { files: self.files, bytes: self.bytes, failed, end: None }
    }
    /// What is left to be told before the end.
    pub fn has_more(&self) -> bool {
        !self.failed.is_empty()
    }
    pub fn end(&self, fault: Option<Fault>) -> WorkEnd {
        WorkEnd { failed: self.failures, unusable: self.unusable, fault }
    }
}

fn no_name(doing: &str, path: &FilePath) -> Fault {
    fault::say(Fault::BAD_PARAMS, doing, path.as_bytes(), "that names no file in a directory")
}

impl Fs {
    /// A directory, wherever symlinks in its path lead.
    pub async fn dir(&self, path: &FilePath) -> Result<Dir, Fault> {
        match self {
            Fs::Local(fs) => fs.dir(path).await.map(Dir::Local),
            Fs::Sftp(fs) => fs.dir(path).await.map(Dir::Sftp),
            Fs::Container(fs) => fs.dir(path).await.map(Dir::Container),
        }
    }

    /// The directory that holds a path's last component, and that.
    pub async fn parent(&self, doing: &str, path: &FilePath) -> Result<(Dir, FileName), Fault> {
        let (dir, name) = path.split().ok_or_else(|| no_name(doing, path))?;
        Ok((self.dir(&dir).await?, name))
    }

    pub async fn stat(&self, path: &FilePath, real: bool, space: bool) -> Result<FilesStatted, Fault> {
        match self {
            Fs::Local(fs) => fs.stat(path, real, space).await,
            Fs::Sftp(fs) => fs.stat(path, real, space).await,
            Fs::Container(fs) => fs.stat(path, real, space).await,
        }
    }

    /// A path without symlinks.
    pub async fn real(&self, path: &FilePath) -> Result<FilePath, Fault> {
        match self {
            Fs::Local(fs) => fs.real(path).await,
            Fs::Sftp(fs) => fs.real(path).await,
            Fs::Container(fs) => fs.real(path).await,
        }
    }

    /// A file to be read, wherever its path leads; and what it is.
    pub async fn read(&self, path: &FilePath, from: u64, to: Option<u64>) -> Result<(FileInfo, Reader), Fault> {
        match self {
            Fs::Local(fs) => fs.read(path, from, to).await.map(|(info, r)| (info, Reader::Local(r))),
            Fs::Sftp(fs) => fs.read(path, from, to).await.map(|(info, r)| (info, Reader::Sftp(Box::new(r)))),
            Fs::Container(fs) => fs.read(path, from, to).await.map(|(info, r)| (info, Reader::Container(Box::new(r)))),
        }
    }

    pub async fn mkdir(&self, path: &FilePath, parents: bool, mode: Option<u32>) -> Result<(), Fault> {
        let doing = "making the directory";
        let Some((above, name)) = path.split() else {
            // the root and the home are there
            return if parents { self.dir(path).await.map(drop) } else { Err(no_name(doing, path)) };
        };
        let mut missing = vec![name];
        let mut dir = self.dir(&above).await;
        let mut here = above;
        while parents
            && dir.as_ref().is_err_and(|f| f.code == Fault::UNKNOWN)
            && let Some((above, name)) = here.split()
        {
            missing.push(name);
            dir = self.dir(&above).await;
            here = above;
        }
        let mut dir = dir?;
        while let Some(name) = missing.pop() {
            match dir.mkdir(&name, mode).await {
                Err(f) if f.code == Fault::NAME_TAKEN && parents => {}
                other => other?,
            }
            // it is a directory only if it can be gone into: that of a link that is there already may be meant
            dir = match dir.sub(&name).await {
                Err(f) if f.code == Fault::WRONG_KIND && parents => self.dir(&dir.path().join(&name)).await?,
                other => other?,
            };
        }
        Ok(())
    }

    pub async fn rename(&self, from: &FilePath, to: &FilePath, replace: bool) -> Result<(), Fault> {
        let (dir, name) = self.parent("renaming", from).await?;
        let (to_dir, to_name) = self.parent("renaming to", to).await?;
        dir.rename(&name, &to_dir, &to_name, replace).await
    }

    /// What is on disk after this was there before; where that can be asked for.
    pub async fn sync(&self, dir: &Dir) -> Result<(), Fault> {
        match dir {
            Dir::Local(dir) => dir.sync_all().await,
            Dir::Sftp(_) | Dir::Container(_) => Ok(()),
        }
    }
}

impl Dir {
    /// Where it is, for people, and for what is asked by path.
    pub fn path(&self) -> FilePath {
        match self {
            Dir::Local(dir) => dir.path(),
            Dir::Sftp(dir) => dir.path(),
            Dir::Container(dir) => dir.path(),
        }
    }

    /// The same directory, for who reads all that is in it.
    fn into_tree(self) -> Dir {
        match self {
            Dir::Container(dir) => Dir::Container(dir.as_tree()),
            other => other,
        }
    }

    /// Whether small files of several directories are read as fast together as those of one.
    fn reads_across(&self) -> bool {
        matches!(self, Dir::Container(_))
    }

    pub fn list(&self) -> Listing {
        match self {
            Dir::Local(dir) => Listing::Local(dir.list()),
            Dir::Sftp(dir) => Listing::Sftp(Box::new(dir.list())),
            Dir::Container(dir) => Listing::Container(Box::new(dir.list())),
        }
    }

    /// Room for so many bytes of what was found in it and above it; none where too much is kept of that host already.
    pub fn keep(&self, bytes: usize) -> Option<Kept> {
        match self {
            Dir::Local(_) => Some(Kept::Local),
            Dir::Sftp(dir) => dir.keep(bytes).map(Kept::Sftp),
            // (what a container says is bounded by the call)
            Dir::Container(_) => Some(Kept::Local),
        }
    }

    /// A directory in it, never through a symlink.
    pub async fn sub(&self, name: &FileName) -> Result<Dir, Fault> {
        match self {
            Dir::Local(dir) => dir.sub(name).await.map(Dir::Local),
            Dir::Sftp(dir) => dir.sub(name).await.map(Dir::Sftp),
            Dir::Container(dir) => dir.sub(name).await.map(Dir::Container),
        }
    }

    /// What has this name; a link is not followed.
    pub async fn info(&self, name: &FileName) -> Result<FileInfo, Fault> {
        match self {
            Dir::Local(dir) => dir.info(name).await,
            Dir::Sftp(dir) => dir.info(name).await,
            Dir::Container(dir) => dir.info(name).await,
        }
    }

    /// Whether another file system begins here, as far as that can be told.
    pub fn is_mount(&self) -> bool {
        match self {
            Dir::Local(dir) => dir.is_mount(),
            Dir::Sftp(dir) => dir.is_mount(),
            Dir::Container(_) => false,
        }
    }

    pub async fn mkdir(&self, name: &FileName, mode: Option<u32>) -> Result<(), Fault> {
        match self {
            Dir::Local(dir) => dir.mkdir(name, mode).await,
            Dir::Sftp(dir) => dir.mkdir(name, mode).await,
            Dir::Container(dir) => dir.mkdir(name, mode).await,
        }
    }

    /// Removes files and links, many in one go; a directory is WRONG_KIND.
    pub async fn remove(&self, names: Vec<FileName>) -> Vec<Result<(), Fault>> {
        match self {
            Dir::Local(dir) => dir.remove(names).await,
            Dir::Sftp(dir) => dir.remove(names).await,
            Dir::Container(dir) => dir.remove(names).await,
        }
    }

    /// Removes an empty directory.
    pub async fn rmdir(&self, name: &FileName) -> Result<(), Fault> {
        match self {
            Dir::Local(dir) => dir.rmdir(name).await,
            Dir::Sftp(dir) => dir.rmdir(name).await,
            Dir::Container(dir) => dir.rmdir(name).await,
        }
    }

    pub async fn rename(&self, name: &FileName, to: &Dir, to_name: &FileName, replace: bool) -> Result<(), Fault> {
        match (self, to) {
            (Dir::Local(dir), Dir::Local(to)) => dir.rename(name, to, to_name, replace).await,
            (Dir::Sftp(dir), Dir::Sftp(to)) => dir.rename(name, to, to_name, replace).await,
            (Dir::Container(dir), Dir::Container(to)) => dir.rename(name, to, to_name, replace).await,
            _ => Err(Fault::new(Fault::OTHER_DISK, "the two are of different hosts")),
        }
    }

    pub async fn chmod(&self, name: &FileName, mode: u32) -> Result<(), Fault> {
        match self {
            Dir::Local(dir) => dir.chmod(name, mode & 0o7777).await,
            Dir::Sftp(dir) => dir.chmod(name, mode & 0o7777).await,
            Dir::Container(dir) => dir.chmod(name, mode & 0o7777).await,
        }
    }

    /// Mode and time of a directory that has been filled.
    pub async fn finish(&self, mode: u32, mtime_ms: i64) -> Result<(), Fault> {
        match self {
            Dir::Local(dir) => dir.finish(mode & 0o7777, mtime_ms).await,
            Dir::Sftp(dir) => dir.finish(mode & 0o7777, mtime_ms).await,
            Dir::Container(dir) => dir.finish(mode & 0o7777, mtime_ms).await,
        }
    }

    pub async fn read_link(&self, name: &FileName) -> Result<FilePath, Fault> {
        match self {
            Dir::Local(dir) => dir.read_link(name).await,
            Dir::Sftp(dir) => dir.read_link(name).await,
            Dir::Container(dir) => dir.read_link(name).await,
        }
    }

    /// Makes a link; what has the name is replaced only where that is wanted, and never a directory.
    pub async fn symlink(&self, name: &FileName, target: &FilePath, replace: bool) -> Result<(), Fault> {
        match self {
            Dir::Local(dir) => dir.symlink(name, target, replace).await,
            Dir::Sftp(dir) => dir.symlink(name, target, replace).await,
            Dir::Container(dir) => dir.symlink(name, target, replace).await,
        }
    }

    /// A file to be read, never through a symlink.
    pub async fn read(&self, name: &FileName, from: u64, to: Option<u64>) -> Result<(FileInfo, Reader), Fault> {
        match self {
            Dir::Local(dir) => dir.read(name, from, to).await.map(|(info, r)| (info, Reader::Local(r))),
            Dir::Sftp(dir) => dir.read(name, from, to).await.map(|(info, r)| (info, Reader::Sftp(Box::new(r)))),
            Dir::Container(dir) => {
                dir.read(name, from, to).await.map(|(info, r)| (info, Reader::Container(Box::new(r))))
            }
        }
    }

    /// A directory of the tree in it, never through a symlink; with `make` it is made where it is missing.
    pub async fn below(&self, path: &FilePath, make: bool) -> Result<Dir, Fault> {
        let bad = || Fault::new(Fault::BAD_PARAMS, "that names nothing in a tree");
        let names = if path.is_empty() { Vec::new() } else { path.names().ok_or_else(bad)? };
        let mut dir = self.clone();
        for name in names {
            dir = match dir.sub(&name).await {
                Err(why) if why.code == Fault::UNKNOWN && make => dir.make(&name).await?,
                other => other?,
            };
        }
        Ok(dir)
    }

    /// Whether a directory in it, which is this, is one that is being filled. Where there is no mode to tell it by, what is this
    /// user's alone is taken for one.
    fn is_unfinished(&self, there: &FileInfo) -> bool {
        let is_plain = matches!(self, Dir::Sftp(dir) if dir.has_plain_modes());
        there.mode == UNFINISHED || (is_plain && there.mode == UNFINISHED & 0o777)
    }

    /// Makes a directory that is filled before it gets its mode, if it is not there already.
    async fn begin(&self, name: &FileName) -> Result<(), Fault> {
        if let Dir::Container(dir) = self {
            dir.promise(name);
            return Ok(());
        }
        let Err(why) = self.mkdir(name, Some(UNFINISHED)).await else { return Ok(()) };
        // (a server that can't set such a mode has made it all the same)
        match self.sub(name).await {
            Ok(_) => Ok(()),
            Err(other) if why.code == Fault::NAME_TAKEN => Err(other),
            Err(_) => Err(why),
        }
    }

    /// The same, gone into.
    async fn make(&self, name: &FileName) -> Result<Dir, Fault> {
        self.begin(name).await?;
        self.sub(name).await
    }

    pub async fn write(&self, wanted: Wanted) -> Result<Writer, Fault> {
        match self {
            Dir::Local(dir) => dir.write(wanted).await.map(Writer::Local),
            Dir::Sftp(dir) => dir.write(wanted).await.map(|w| Writer::Sftp(Box::new(w))),
            Dir::Container(dir) => dir.write(wanted).await.map(|w| Writer::Container(Box::new(w))),
        }
    }
}

impl Listing {
    /// The next entries; none = there are no more.
    pub async fn next(&mut self) -> Result<Option<Batch>, Fault> {
        match self {
            Listing::Local(l) => l.next().await,
            Listing::Sftp(l) => l.next().await,
            Listing::Container(l) => l.next().await,
        }
    }

    /// Bytes of entries that have come and were not taken, about.
    fn bytes(&self) -> usize {
        match self {
            Listing::Local(_) => 0,
            Listing::Sftp(l) => l.bytes(),
            Listing::Container(l) => l.bytes(),
        }
    }
}

impl Reader {
    /// The next bytes, [`PIECE`] of them at most; none = there are no more.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        match self {
            Reader::Local(r) => r.next().await,
            Reader::Sftp(r) => r.next().await,
            Reader::Container(r) => r.next().await,
        }
    }
    /// What the file is now.
    pub async fn info(&mut self) -> Result<FileInfo, Fault> {
        match self {
            Reader::Local(r) => r.info().await,
            Reader::Sftp(r) => r.info().await,
            Reader::Container(r) => r.info().await,
        }
    }
}

impl Writer {
    /// Where it goes on: what is before is there.
    pub fn at(&self) -> u64 {
        match self {
            Writer::Local(w) => w.at(),
            Writer::Sftp(w) => w.at(),
            Writer::Container(w) => w.at(),
        }
    }
    /// How far all is written.
    pub fn written(&self) -> u64 {
        match self {
            Writer::Local(w) => w.at(),
            Writer::Sftp(w) => w.written(),
            Writer::Container(w) => w.written(),
        }
    }
    /// The next bytes. Over SFTP they may still be under way when this returns.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Fault> {
        match self {
            Writer::Local(w) => w.write(bytes).await,
            Writer::Sftp(w) => w.write(bytes).await,
            Writer::Container(w) => w.write(bytes).await,
        }
    }
    /// It is whole: on disk, with mode and time, under its own name.
    pub async fn finish(self) -> Result<FileInfo, Fault> {
        match self {
            Writer::Local(w) => w.finish().await,
            Writer::Sftp(w) => w.finish().await,
            Writer::Container(w) => w.finish().await,
        }
    }
}

/// Writes small files, all of one file system, in one go.
pub async fn put(files: Vec<Put>) -> Vec<Result<(), Fault>> {
    match files.first().map(|f| &f.dir) {
        None => Vec::new(),
        Some(Dir::Local(_)) => local::put(files).await,
        Some(Dir::Sftp(_)) => sftp::put(files).await,
        Some(Dir::Container(_)) => container::put(files).await,
    }
}

/// Gives directories that have been filled their mode and time, all of one file system, in this order.
pub async fn finish(dirs: Vec<(Dir, u32, i64)>) -> Vec<Result<(), Fault>> {
    if matches!(dirs.first(), Some((Dir::Container(_), ..))) {
        return container::finish(dirs).await;
    }
    let mut all = Vec::with_capacity(dirs.len());
    for (dir, mode, mtime_ms) in dirs {
        all.push(dir.finish(mode, mtime_ms).await);
    }
    all
}

/// Reads small files, all of one file system, in one go.
pub async fn get(files: Vec<Get>) -> Vec<Result<Vec<u8>, Fault>> {
    match files.first().map(|f| &f.dir) {
        None => Vec::new(),
        Some(Dir::Local(_)) => local::get(files).await,
        Some(Dir::Sftp(_)) => sftp::get(files).await,
        Some(Dir::Container(_)) => container::get(files).await,
    }
}
