//! Owns the files of this machine: [`Local`] by path, [`Dir`] by handle. A name is looked up in a handle and no link followed
//! there, so that nobody who moves things about meanwhile leads work elsewhere. What waits for a disk runs on other threads.
//! Leaves out trees.

pub mod owners;
pub mod part;

use super::{Batch, Get, PIECE, Put, Wanted, fault};
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath, FilesStatted, LinkInfo, Space};
use owners::Owners;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Entries of a listing's first batch, which is to be there at once, and of the others.
const FIRST: usize = 64;
const BATCH: usize = 512;

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// Threads of one process that wait for disks, at most. One that hangs keeps them for as long as it does (a call to it can't be
/// ended): whoever else needs a thread, for a book of connections or a key, has those that are left.
pub(super) const THREADS: usize = 16;
static TURNS: Semaphore = Semaphore::const_new(THREADS);

/// Runs what may wait for a disk. Dropped, it is not waited for; begun, it goes on.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let turn = TURNS.acquire().await;
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    done.await.unwrap_or_else(|_| Err(Fault::new(Fault::INTERNAL, "a thread for files ended before its work did")))
}

/// The file systems of this machine, as this user.
#[derive(Clone)]
pub struct Local {
    home: Arc<PathBuf>,
    own: Arc<Own>,
}

struct Own {
    owners: Owners,
    /// What new files do not get.
    umask: u32,
}

impl Own {
    fn mode(&self, asked: Option<u32>, usual: u32) -> Mode {
        Mode::from_bits_truncate((asked.unwrap_or(usual & !self.umask) & 0o7777) as fs::RawMode)
    }
}

#[derive(Clone)]
pub struct Dir(Arc<Held>);

struct Held {
    fd: OwnedFd,
    path: FilePath,
    identity: (u64, u64),
    mount: bool,
    own: Arc<Own>,
}

#[allow(clippy::unnecessary_cast)] // the types differ between systems
fn info_of(stat: &Stat, name: FileName, own: &Own) -> FileInfo {
    FileInfo {
        name,
        kind: kind_of(FileType::from_raw_mode(stat.st_mode as fs::RawMode)),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mode: stat.st_mode as u32 & 0o7777,
        mtime_ms: (stat.st_mtime as i64).saturating_mul(1000).saturating_add(stat.st_mtime_nsec as i64 / 1_000_000),
        uid: stat.st_uid,
        gid: stat.st_gid,
        owner: own.owners.user(stat.st_uid),
        group: own.owners.group(stat.st_gid),
        link: None,
    }
}

fn kind_of(kind: FileType) -> FileKind {
    match kind {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Dir,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    }
}

#[allow(clippy::unnecessary_cast)]
fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev as u64, stat.st_ino as u64)
}

fn times(mtime_ms: Option<i64>) -> Timestamps {
    let now = Timespec { tv_sec: 0, tv_nsec: fs::UTIME_NOW };
    let modified = mtime_ms.map_or(now, |ms| Timespec {
        tv_sec: ms.div_euclid(1000) as _,
        tv_nsec: (ms.rem_euclid(1000) * 1_000_000) as _,
    });
    Timestamps { last_access: now, last_modification: modified }
}

/// Looks up what has a name in a directory (or, with the current one, a path), links and where they lead, too.
fn look(at: impl std::os::fd::AsFd, path: &[u8], name: FileName, own: &Own) -> Result<FileInfo, Errno> {
    let at = at.as_fd();
    let mut info = info_of(&fs::statat(at, path, AtFlags::SYMLINK_NOFOLLOW)?, name, own);
    if info.kind == FileKind::Link {
        let target = fs::readlinkat(at, path, Vec::new()).map(|t| t.into_bytes()).unwrap_or_default();
        let led = fs::statat(at, path, AtFlags::empty()).ok();
        info.link = Some(LinkInfo {
            target: FilePath::new(target).unwrap_or_default(),
            kind: led.map(|s| info_of(&s, FileName::default(), own).kind),
        });
    }
    Ok(info)
}

/// Gives a name to what has another, over nothing that has it already.
fn rename_new(from: &OwnedFd, name: &FileName, to: &OwnedFd, to_name: &FileName) -> Result<(), Errno> {
    let (old, new) = (name.as_bytes(), to_name.as_bytes());
    match fs::renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
        // a file system that knows no such thing
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        other => return other,
    }
    let is_dir = FileType::from_raw_mode(fs::statat(from, old, AtFlags::SYMLINK_NOFOLLOW)?.st_mode as fs::RawMode)
        == FileType::Directory;
    if !is_dir {
        match fs::linkat(from, old, to, new, AtFlags::empty()) {
            Ok(()) => return fs::unlinkat(from, old, AtFlags::empty()),
            // nor of a second name
            Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            Err(e) => return Err(e),
        }
    }
    match fs::statat(to, new, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => fs::renameat(from, old, to, new),
        Err(e) => Err(e),
        Ok(_) => Err(Errno::EXIST),
    }
}

fn open_dir(at: impl std::os::fd::AsFd, path: &[u8], more: OFlags) -> Result<OwnedFd, Errno> {
    let at = at.as_fd();
    match fs::openat(at, path, DIRECTORY | OFlags::RDONLY | more, Mode::empty()) {
        // one may be gone through without being read
        #[cfg(target_os = "linux")]
        Err(Errno::ACCESS) => fs::openat(at, path, DIRECTORY | OFlags::PATH | more, Mode::empty()),
        other => other,
    }
}

/// Whether a file system begins at this directory.
fn begins_mount(fd: &OwnedFd, dev: u64, above: Option<u64>) -> bool {
    #[cfg(target_os = "linux")]
    if let Ok(found) = fs::statx(fd, "", AtFlags::EMPTY_PATH, fs::StatxFlags::empty())
        && found.stx_attributes_mask.contains(fs::StatxAttributes::MOUNT_ROOT)
    {
        return found.stx_attributes.contains(fs::StatxAttributes::MOUNT_ROOT);
    }
    let _ = fd;
    above.is_some_and(|above| above != dev)
}

impl Local {
    /// As a user with this home, whose new files do not get what is in `umask`.
    pub fn new(home: &Path, umask: u32) -> Local {
        Local { home: Arc::new(home.to_path_buf()), own: Arc::new(Own { owners: Owners::default(), umask }) }
    }

    fn absolute(&self, path: &FilePath) -> Vec<u8> {
        self.home.join(OsStr::from_bytes(path.as_bytes())).into_os_string().into_vec()
    }

    pub async fn dir(&self, path: &FilePath) -> Result<Dir, Fault> {
        let (bytes, own) = (self.absolute(path), self.own.clone());
        blocking(move || {
            let failed = |e| fault::of("opening", &bytes, e);
            let fd = open_dir(fs::CWD, &bytes, OFlags::empty()).map_err(failed)?;
            let identity = identity(&fs::fstat(&fd).map_err(failed)?);
            let mount = begins_mount(&fd, identity.0, None);
            let path = FilePath::new(bytes).unwrap_or_default();
            Ok(Dir(Arc::new(Held { fd, path, identity, mount, own })))
        })
        .await
    }

    pub async fn real(&self, path: &FilePath) -> Result<FilePath, Fault> {
        let bytes = self.absolute(path);
        blocking(move || real(&bytes)).await
    }

    pub async fn stat(&self, path: &FilePath, with_real: bool, with_space: bool) -> Result<FilesStatted, Fault> {
        let (bytes, own) = (self.absolute(path), self.own.clone());
        blocking(move || {
            let failed = |e| fault::of("looking at", &bytes, e);
            let name = FilePath::new(bytes.clone()).ok().and_then(|p| p.split()).map(|(_, name)| name);
            let info = look(fs::CWD, &bytes, name.unwrap_or_default(), &own).map_err(failed)?;
            let space = || {
                let s = fs::statvfs(bytes.as_slice()).map_err(failed)?;
                Ok(Space { total: s.f_blocks.saturating_mul(s.f_frsize), free: s.f_bavail.saturating_mul(s.f_frsize) })
            };
            Ok(FilesStatted {
                info,
                real: with_real.then(|| real(&bytes)).transpose()?,
                space: with_space.then(space).transpose()?,
            })
        })
        .await
    }

    pub async fn read(&self, path: &FilePath, from: u64, to: Option<u64>) -> Result<(FileInfo, Reader), Fault> {
        let (bytes, own) = (self.absolute(path), self.own.clone());
        let name = path.split().map(|(_, name)| name).unwrap_or_default();
        blocking(move || {
            let opened = fs::openat(fs::CWD, bytes.as_slice(), READ, Mode::empty());
            Reader::open(opened, name, bytes, own, from, to)
        })
        .await
    }
}

fn real(bytes: &[u8]) -> Result<FilePath, Fault> {
    let failed = |e: Errno| fault::of("looking at", bytes, e);
    let real = std::fs::canonicalize(OsStr::from_bytes(bytes))
        .map_err(|e| failed(Errno::from_io_error(&e).unwrap_or(Errno::IO)))?;
    FilePath::new(real.into_os_string().into_vec()).map_err(|_| failed(Errno::NAMETOOLONG))
}

impl Dir {
    pub fn path(&self) -> FilePath {
        self.0.path.clone()
    }
    pub fn is_mount(&self) -> bool {
        self.0.mount
    }

    /// Runs work with the handle, and words its error.
    async fn with<T: Send + 'static>(
        &self,
        doing: &'static str,
        name: &FileName,
        work: impl FnOnce(&Held, &[u8]) -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Fault> {
        let (dir, name) = (self.0.clone(), name.clone());
        blocking(move || work(&dir, name.as_bytes()).map_err(|e| dir.failed(doing, &name, e))).await
    }

    pub async fn sub(&self, name: &FileName) -> Result<Dir, Fault> {
        let path = self.0.path.join(name);
        self.with("opening", name, move |dir, name| {
            let fd = open_dir(&dir.fd, name, OFlags::NOFOLLOW)?;
            let identity = identity(&fs::fstat(&fd)?);
            let mount = begins_mount(&fd, identity.0, Some(dir.identity.0));
            Ok(Dir(Arc::new(Held { fd, path, identity, mount, own: dir.own.clone() })))
        })
        .await
    }

    pub fn list(&self) -> Listing {
        Listing { dir: self.0.clone(), entries: None, most: FIRST }
    }

    pub async fn info(&self, name: &FileName) -> Result<FileInfo, Fault> {
        let own = name.clone();
        self.with("looking at", name, move |dir, name| look(&dir.fd, name, own, &dir.own)).await
    }

    pub async fn mkdir(&self, name: &FileName, mode: Option<u32>) -> Result<(), Fault> {
        self.with("making the directory", name, move |dir, name| {
            fs::mkdirat(&dir.fd, name, Mode::RWXU)?;
            // this process's own umask is not the user's
            let made = fs::openat(&dir.fd, name, DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW, Mode::empty())?;
            fs::fchmod(&made, dir.own.mode(mode, 0o777))
        })
        .await
    }

    pub async fn remove(&self, names: Vec<FileName>) -> Vec<Result<(), Fault>> {
        let dir = self.0.clone();
        let many = names.len();
        let done = blocking(move || {
            let remove = |name: &FileName| {
                let removed = fs::unlinkat(&dir.fd, name.as_bytes(), AtFlags::empty());
                removed.map_err(|e| dir.failed("deleting", name, e))
            };
            Ok(names.iter().map(remove).collect::<Vec<_>>())
        });
        done.await.unwrap_or_else(|f| vec![Err(f); many])
    }

    pub async fn rmdir(&self, name: &FileName) -> Result<(), Fault> {
        self.with("deleting", name, |dir, name| fs::unlinkat(&dir.fd, name, AtFlags::REMOVEDIR)).await
    }

    pub async fn rename(&self, name: &FileName, to: &Dir, to_name: &FileName, replace: bool) -> Result<(), Fault> {
        let (to, from_name, to_name) = (to.0.clone(), name.clone(), to_name.clone());
        self.with("renaming", name, move |dir, _| {
            if replace {
                fs::renameat(&dir.fd, from_name.as_bytes(), &to.fd, to_name.as_bytes())
            } else {
                rename_new(&dir.fd, &from_name, &to.fd, &to_name)
            }
        })
        .await
    }

    pub async fn chmod(&self, name: &FileName, mode: u32) -> Result<(), Fault> {
        self.with("setting the mode of", name, move |dir, name| {
            let mode = Mode::from_bits_truncate(mode as fs::RawMode);
            #[cfg(target_os = "linux")]
            {
                // by a handle of the file itself, whoever swaps it for a link meanwhile
                let file = fs::openat(&dir.fd, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
                if FileType::from_raw_mode(fs::fstat(&file)?.st_mode) == FileType::Symlink {
                    return Err(Errno::LOOP);
                }
                fs::chmod(format!("/proc/self/fd/{}", file.as_raw_fd()), mode)
            }
            #[cfg(not(target_os = "linux"))]
            fs::chmodat(&dir.fd, name, mode, AtFlags::SYMLINK_NOFOLLOW)
        })
        .await
    }

    pub async fn finish(&self, mode: u32, mtime_ms: i64) -> Result<(), Fault> {
        let dir = self.0.clone();
        blocking(move || {
            fs::fchmod(&dir.fd, Mode::from_bits_truncate(mode as fs::RawMode))
                .and_then(|()| fs::futimens(&dir.fd, &times(Some(mtime_ms))))
                .map_err(|e| fault::of("setting mode and time of", dir.path.as_bytes(), e))
        })
        .await
    }

    pub async fn read_link(&self, name: &FileName) -> Result<FilePath, Fault> {
        let target = self.with("reading the link", name, |dir, name| match fs::readlinkat(&dir.fd, name, Vec::new()) {
            Ok(target) => FilePath::new(target.into_bytes()).map(Some).map_err(|_| Errno::NAMETOOLONG),
            Err(Errno::INVAL) => Ok(None),
            Err(e) => Err(e),
        });
        let path = self.0.path.join(name);
        target.await?.ok_or_else(|| fault::wrong_kind("reading the link", path.as_bytes(), "it is no link"))
    }

    pub async fn symlink(&self, name: &FileName, target: &FilePath, replace: bool) -> Result<(), Fault> {
        let (target, spare) = (target.clone(), part::spare_name());
        self.with("making the link", name, move |dir, name| {
            match fs::symlinkat(target.as_bytes(), &dir.fd, name) {
                Err(Errno::EXIST) if replace => {}
                other => return other,
            }
            fs::symlinkat(target.as_bytes(), &dir.fd, spare.as_bytes())?;
            let named = fs::renameat(&dir.fd, spare.as_bytes(), &dir.fd, name);
            if named.is_err() {
                let _ = fs::unlinkat(&dir.fd, spare.as_bytes(), AtFlags::empty());
            }
            named
        })
        .await
    }

    pub async fn read(&self, name: &FileName, from: u64, to: Option<u64>) -> Result<(FileInfo, Reader), Fault> {
        let (dir, name) = (self.0.clone(), name.clone());
        blocking(move || {
            let opened = fs::openat(&dir.fd, name.as_bytes(), READ | OFlags::NOFOLLOW, Mode::empty());
            let path = dir.path.join(&name).as_bytes().to_vec();
            Reader::open(opened, name, path, dir.own.clone(), from, to)
        })
        .await
    }

    pub async fn write(&self, wanted: Wanted) -> Result<part::Writer, Fault> {
        part::Writer::open(self.0.clone(), wanted).await
    }

    /// All of its file system is on disk.
    pub async fn sync_all(&self) -> Result<(), Fault> {
        let dir = self.0.clone();
        blocking(move || {
            #[cfg(target_os = "linux")]
            let synced = fs::syncfs(&dir.fd).or_else(|e| if e == Errno::BADF { Ok(()) } else { Err(e) });
            #[cfg(not(target_os = "linux"))]
            let synced = fs::fsync(&dir.fd);
            synced.map_err(|e| fault::of("writing", dir.path.as_bytes(), e))
        })
        .await
    }
}

impl Held {
    fn failed(&self, doing: &str, name: &FileName, e: Errno) -> Fault {
        fault::of(doing, self.path.join(name).as_bytes(), e)
    }
}

/// Read as it is asked for: what comes and goes meanwhile may be in it or not.
pub struct Listing {
    dir: Arc<Held>,
    entries: Option<fs::Dir>,
    most: usize,
}

impl Listing {
    pub async fn next(&mut self) -> Result<Option<Batch>, Fault> {
        let (dir, entries, most) = (self.dir.clone(), self.entries.take(), self.most);
        self.most = BATCH;
        let read = blocking(move || {
            let failed = |e| fault::of("reading the directory", dir.path.as_bytes(), e);
            let mut entries = match entries {
                Some(entries) => entries,
                None => fs::Dir::read_from(&dir.fd).map_err(failed)?,
            };
            let (mut batch, mut over) = (Batch::default(), true);
            while let Some(entry) = entries.read() {
                let entry = entry.map_err(failed)?;
                let bytes = entry.file_name().to_bytes();
                if matches!(bytes, b"." | b"..") {
                    continue;
                }
                let Ok(name) = FileName::new(bytes) else {
                    batch.unusable += 1;
                    continue;
                };
                match look(&dir.fd, bytes, name.clone(), &dir.own) {
                    Ok(info) => batch.entries.push(info),
                    // gone meanwhile
                    Err(Errno::NOENT) => {}
                    // its name at least is known
                    Err(_) => {
                        let kind = kind_of(entry.file_type());
                        batch.entries.push(FileInfo { name, kind, ..FileInfo::default() });
                    }
                }
                if batch.entries.len() >= most {
                    over = false;
                    break;
                }
            }
            let is_last = over && batch.entries.is_empty() && batch.unusable == 0;
            Ok((entries, (!is_last).then_some(batch)))
        });
        let (entries, batch) = read.await?;
        self.entries = Some(entries);
        Ok(batch)
    }
}

/// A plain file, read piece by piece.
pub struct Reader {
    file: Arc<File>,
    name: FileName,
    path: Vec<u8>,
    own: Arc<Own>,
    at: u64,
    to: u64,
}

impl Reader {
    fn open(
        opened: Result<OwnedFd, Errno>,
        name: FileName,
        path: Vec<u8>,
        own: Arc<Own>,
        from: u64,
        to: Option<u64>,
    ) -> Result<(FileInfo, Reader), Fault> {
        let failed = |e| fault::of("reading", &path, e);
        let file = match opened {
            // a socket, or a device nobody is behind
            Err(Errno::NXIO | Errno::NODEV) => {
                return Err(fault::wrong_kind("reading", &path, "it is no plain file"));
            }
            other => other.map_err(failed)?,
        };
        let info = info_of(&fs::fstat(&file).map_err(failed)?, name.clone(), &own);
        match info.kind {
            FileKind::File => {}
            FileKind::Dir => return Err(failed(Errno::ISDIR)),
            _ => return Err(fault::wrong_kind("reading", &path, "it is no plain file")),
        }
        let to = to.unwrap_or(u64::MAX);
        Ok((info, Reader { file: Arc::new(File::from(file)), name, path, own, at: from, to }))
    }

    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let most = self.to.saturating_sub(self.at).min(PIECE as u64) as usize;
        if most == 0 {
            return Ok(None);
        }
        let (file, at, path) = (self.file.clone(), self.at, self.path.clone());
        let bytes = blocking(move || {
            let mut bytes = vec![0; most];
            let n = read_at(&file, &mut bytes, at).map_err(|e| fault::of("reading", &path, e))?;
            bytes.truncate(n);
            Ok(bytes)
        });
        let bytes = bytes.await?;
        self.at += bytes.len() as u64;
        Ok((!bytes.is_empty()).then_some(bytes))
    }

    pub async fn info(&mut self) -> Result<FileInfo, Fault> {
        let (file, name, own, path) = (self.file.clone(), self.name.clone(), self.own.clone(), self.path.clone());
        blocking(move || {
            let stat = fs::fstat(&*file).map_err(|e| fault::of("looking at", &path, e))?;
            Ok(info_of(&stat, name, &own))
        })
        .await
    }
}

/// Reads until the buffer is full or the file ends.
fn read_at(file: &File, buf: &mut [u8], at: u64) -> Result<usize, Errno> {
    let mut got = 0;
    while let Some(rest) = buf.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + got as u64) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Errno::from_io_error(&e).unwrap_or(Errno::IO)),
        }
    }
    Ok(got)
}

/// Small files, written in one go.
pub async fn put(files: Vec<Put>) -> Vec<Result<(), Fault>> {
    let many = files.len();
    let done = blocking(move || Ok(files.iter().map(part::put).collect::<Vec<_>>()));
    done.await.unwrap_or_else(|f| vec![Err(f); many])
}

/// Small files, read in one go.
pub async fn get(files: Vec<Get>) -> Vec<Result<Vec<u8>, Fault>> {
    let many = files.len();
    let done = blocking(move || Ok(files.iter().map(get_one).collect::<Vec<_>>()));
    done.await.unwrap_or_else(|f| vec![Err(f); many])
}

fn get_one(file: &Get) -> Result<Vec<u8>, Fault> {
    let super::Dir::Local(dir) = &file.dir else {
        return Err(Fault::new(Fault::INTERNAL, "a file of another file system"));
    };
    let opened = fs::openat(&dir.0.fd, file.name.as_bytes(), READ | OFlags::NOFOLLOW, Mode::empty());
    let path = dir.0.path.join(&file.name).as_bytes().to_vec();
    let (_, reader) = Reader::open(opened, file.name.clone(), path.clone(), dir.0.own.clone(), 0, None)?;
    let mut bytes = vec![0; usize::try_from(file.size.clamp(1, super::SMALL)).unwrap_or(0)];
    let n = read_at(&reader.file, &mut bytes, 0).map_err(|e| fault::of("reading", &path, e))?;
    bytes.truncate(n);
    Ok(bytes)
}
