//! Owns directories held by handle: [`SafeDir`] is the user's own, nobody else can write there, and everything in it
//! is reached through the handle, so that a path swapped meanwhile changes nothing.
//! Leaves out what the files mean (`store`) and where the directories are (`paths`).

use crate::failure::Failure;
use crate::proto::ids::{hex, random_bytes};
use crate::text::escape;
use rustix::fs::{self, AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
/// What temporary names begin with; [`SafeDir::list`] leaves them out.
const TEMP: &str = ".tmp-";
/// Most entries [`SafeDir::list`] gives.
pub const MOST_ENTRIES: usize = 100_000;

/// A directory that is the user's own: owned by the effective user, mode 0700 or less, not reached by a symlink as
/// its last component, under parents that nobody else can swap. Methods take names of one component and return
/// plain I/O errors, which callers branch on; a bad name is `InvalidInput`.
#[derive(Debug)]
pub struct SafeDir {
    fd: OwnedFd,
    path: PathBuf,
}

/// What a name in the directory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    pub kind: EntryKind,
    /// Bytes.
    pub size: u64,
    pub modified: SystemTime,
    pub device: u64,
    pub inode: u64,
    /// Its user's id.
    pub owner: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    File,
    Directory,
    Symlink,
    Socket,
    Other,
}

impl SafeDir {
    /// Opens the directory; what is missing of the path is made with mode 0700.
    ///
    /// # Errors
    /// One sentence on what is wrong with it or with a parent, and what to do: another owner, open to others, a
    /// symlink, no directory, a full or read-only disk.
    pub fn open_or_create(path: &Path) -> Result<SafeDir, Failure> {
        let (mut at, missing) = open_ancestor(path)?;
        let Some((last, between)) = missing.split_last() else {
            return Err(Failure::usage(
                format!("{} cannot be a directory of thub's", show(path)),
                "choose a directory of your own below your home",
            ));
        };
        let mut so_far = at.1.clone();
        for name in between {
            so_far.push(name);
            at = (make_and_open(&at.0, name, &so_far)?, so_far.clone());
            check_parent(&at.0, &so_far)?;
        }
        let fd = make_and_open(&at.0, last, path)?;
        check_own(&fd, path)?;
        Ok(SafeDir { fd, path: path.to_path_buf() })
    }

    /// Opens the directory if it is there, with the same checks; makes nothing.
    pub fn open(path: &Path) -> Result<Option<SafeDir>, Failure> {
        match std::fs::symlink_metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => SafeDir::open_or_create(path).map(Some),
        }
    }

    /// The path it was opened by, to show.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A directory in this one, made if missing, with the same checks.
    pub fn sub(&self, name: &str) -> Result<SafeDir, Failure> {
        let path = self.path.join(name);
        check_name(name).map_err(|_| Failure::usage(format!("{} is no name for a directory", show(&path)), NEXT))?;
        let fd = make_and_open(&self.fd, OsStr::new(name), &path)?;
        check_own(&fd, &path)?;
        Ok(SafeDir { fd, path })
    }

    /// All of a plain file. More than `limit` bytes is `FileTooLarge`, anything but a plain file `InvalidInput`.
    pub fn read(&self, name: &str, limit: usize) -> io::Result<Vec<u8>> {
        check_name(name)?;
        // a FIFO put there would hold a blocking open for ever
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(fs::openat(&self.fd, name, flags, Mode::empty()).map_err(|e| match e {
            Errno::LOOP => {
                io::Error::other("it is a symbolic link, and those are not followed: put the file itself there")
            }
            e => e.into(),
        })?);
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file"));
        }
        let mut bytes = Vec::with_capacity((meta.len() as usize).min(limit));
        file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {limit} bytes")));
        }
        Ok(bytes)
    }

    /// A new file for reading and writing; one that is there already is `AlreadyExists`. `mode` as in 0o600.
    pub fn create_new(&self, name: &str, mode: u32) -> io::Result<File> {
        check_name(name)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_bits_truncate(mode as fs::RawMode);
        Ok(File::from(fs::openat(&self.fd, name, flags, mode)?))
    }

    /// Puts the bytes there under the name, whole or not at all as seen by others; a crash of the machine may lose
    /// them. What was there is replaced.
    pub fn write_atomic(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.write(name, bytes, false)
    }

    /// [`SafeDir::write_atomic`], and on the disk when it returns: after a crash either the old or the new is there.
    pub fn write_durable(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.write(name, bytes, true)
    }

    fn write(&self, name: &str, bytes: &[u8], durable: bool) -> io::Result<()> {
        check_name(name)?;
        let temp = format!("{TEMP}{}", hex(&random_bytes::<8>()));
        let mut file = self.create_new(&temp, 0o600)?;
        let written = file
            .write_all(bytes)
            .and_then(|()| if durable { file.sync_all() } else { Ok(()) })
            .and_then(|()| Ok(fs::renameat(&self.fd, temp.as_str(), &self.fd, name)?));
        if let Err(e) = written {
            let _ = fs::unlinkat(&self.fd, temp.as_str(), AtFlags::empty());
            return Err(e);
        }
        if durable {
            self.sync()?;
        }
        Ok(())
    }

    /// What was renamed and removed here is on the disk when it returns.
    pub fn sync(&self) -> io::Result<()> {
        match fs::fsync(&self.fd) {
            // some network file systems have no such thing for directories
            Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Removes a file, socket or symlink.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        check_name(name)?;
        Ok(fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, name: &str) -> io::Result<()> {
        check_name(name)?;
        Ok(fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR)?)
    }

    /// Renames inside this directory; what has the new name is replaced.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_name(from)?;
        check_name(to)?;
        Ok(fs::renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Makes the name a symlink to `target`, in one step; what had the name is replaced.
    pub fn link(&self, name: &str, target: &Path) -> io::Result<()> {
        check_name(name)?;
        let temp = format!("{TEMP}{}", hex(&random_bytes::<8>()));
        fs::symlinkat(target, &self.fd, temp.as_str())?;
        fs::renameat(&self.fd, temp.as_str(), &self.fd, name).map_err(|e| {
            let _ = fs::unlinkat(&self.fd, temp.as_str(), AtFlags::empty());
            e.into()
        })
    }

    /// The names in it, sorted: those that are UTF-8, without our temporary ones, at most [`MOST_ENTRIES`].
    pub fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if check_name(name).is_ok() && !name.starts_with(TEMP) {
                names.push(name.to_string());
                if names.len() == MOST_ENTRIES {
                    break;
                }
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Removes temporary files a killed process left more than an hour ago.
    pub fn sweep(&self) -> io::Result<()> {
        let now = SystemTime::now();
        for entry in fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let old = |e: &Entry| now.duration_since(e.modified).is_ok_and(|d| d > Duration::from_secs(3600));
            if name.starts_with(TEMP) && self.stat(name)?.as_ref().is_some_and(old) {
                let _ = self.remove(name);
            }
        }
        Ok(())
    }

    /// What the name is, a symlink not followed; None where there is nothing.
    pub fn stat(&self, name: &str) -> io::Result<Option<Entry>> {
        check_name(name)?;
        match fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(entry(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Takes the lock of that name for as long as the file returned lives (its duplicates in other processes
    /// included); None while somebody else has it. The file is made if missing (0600) and opened for reading and
    /// writing: a lock's holder may write into it, but never rename over it.
    pub fn try_lock(&self, name: &str) -> io::Result<Option<File>> {
        check_name(name)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        for _ in 0..100 {
            let file = File::from(fs::openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)?);
            match fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(e) => return Err(e.into()),
            }
            // the one before may have removed it between our open and our lock: then ours locks nothing
            let mine = fs::fstat(&file)?;
            let there = self.stat(name)?;
            if there.is_some_and(|e| (e.device, e.inode) == (entry(&mine).device, entry(&mine).inode)) {
                return Ok(Some(file));
            }
        }
        Err(io::Error::other("the lock is removed again and again by somebody else"))
    }

    /// Waits for the lock, at most so long; `TimedOut` after that. Blocks the thread: for the short locks of stores.
    pub fn lock(&self, name: &str, most: Duration) -> io::Result<File> {
        let until = std::time::Instant::now() + most;
        loop {
            if let Some(file) = self.try_lock(name)? {
                return Ok(file);
            }
            if std::time::Instant::now() >= until {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "somebody else holds the lock"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether the path still leads to this very directory: false once it was removed or replaced.
    pub fn is_still_there(&self, path: &Path) -> bool {
        let (Ok(mine), Ok(there)) = (fs::fstat(&self.fd), fs::stat(path)) else { return false };
        mine.st_dev == there.st_dev && mine.st_ino == there.st_ino
    }

    /// A path for `bind` and `connect` that is short however deep the directory lies, and means this very directory:
    /// `/proc/self/fd/N/NAME`. Valid in this process while `self` lives. Without /proc it is the plain path.
    pub fn socket_path(&self, name: &str) -> io::Result<PathBuf> {
        check_name(name)?;
        let through = PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd()));
        let dir = if cfg!(target_os = "linux") && self.is_still_there(&through) { through } else { self.path.clone() };
        Ok(dir.join(name))
    }
}

impl AsFd for SafeDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// One component: not empty, not `.` or `..`, no `/` or NUL, at most 255 bytes.
pub fn check_name(name: &str) -> io::Result<()> {
    if name.is_empty() || name == "." || name == ".." || name.len() > 255 || name.contains(['/', '\0']) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("'{}' is not the name of one file", escape(name)),
        ));
    }
    Ok(())
}

#[allow(clippy::unnecessary_cast)] // the types differ between systems
fn entry(stat: &Stat) -> Entry {
    let kind = match FileType::from_raw_mode(stat.st_mode as fs::RawMode) {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        FileType::Socket => EntryKind::Socket,
        _ => EntryKind::Other,
    };
    let modified = UNIX_EPOCH + Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0));
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    Entry { kind, size, modified, device: stat.st_dev as u64, inode: stat.st_ino as u64, owner: stat.st_uid }
}

const NEXT: &str =
    "choose a directory of your own with THUB_RUN_DIR (sockets), THUB_STATE_DIR (state) or THUB_CONFIG_DIR (settings)";

fn show(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

fn cannot(doing: &str, path: &Path, e: impl Into<io::Error>) -> Failure {
    let e = e.into();
    let hint = match e.kind() {
        io::ErrorKind::StorageFull => "make room on that disk, then try again",
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => NEXT,
        _ => "look at that path with `ls -ld`, or choose another one with THUB_RUN_DIR or THUB_STATE_DIR",
    };
    Failure::failed(format!("cannot {doing} {}: {e}", show(path)), hint)
}

/// Opens the nearest parent that exists, every component from the root on checked, symlinks resolved; returns it
/// with its real path, and what is missing below, the path's own last component always counted as missing.
#[allow(clippy::type_complexity)]
fn open_ancestor(path: &Path) -> Result<((OwnedFd, PathBuf), Vec<&OsStr>), Failure> {
    if !path.is_absolute() {
        return Err(Failure::usage(format!("{} is not an absolute path", show(path)), NEXT));
    }
    let mut missing = Vec::new();
    let mut here = path;
    let real = loop {
        let (Some(parent), Some(Component::Normal(name))) = (here.parent(), here.components().next_back()) else {
            return Err(Failure::usage(format!("{} cannot be a directory of thub's", show(path)), NEXT));
        };
        missing.push(name);
        match std::fs::canonicalize(parent) {
            Ok(real) => break real,
            // a dangling symlink is there, but leads nowhere: nothing can be made below it
            Err(e) if e.kind() == io::ErrorKind::NotFound && std::fs::symlink_metadata(parent).is_err() => {
                here = parent;
            }
            Err(e) => return Err(cannot("open", parent, e)),
        }
    };
    missing.reverse();
    let root = Path::new("/");
    // with search permission alone one may go through a directory, not read it
    let through = if cfg!(target_os = "linux") { OFlags::PATH } else { OFlags::RDONLY };
    let mut fd = fs::open(root, through | DIRECTORY, Mode::empty()).map_err(|e| cannot("open", root, e))?;
    let mut so_far = root.to_path_buf();
    check_parent(&fd, &so_far)?;
    for part in real.components() {
        let Component::Normal(name) = part else { continue };
        so_far.push(name);
        fd = fs::openat(&fd, name, through | DIRECTORY, Mode::empty()).map_err(|e| cannot("open", &so_far, e))?;
        check_parent(&fd, &so_far)?;
    }
    Ok(((fd, so_far), missing))
}

fn make_and_open(parent: &OwnedFd, name: &OsStr, path: &Path) -> Result<OwnedFd, Failure> {
    match fs::mkdirat(parent, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        // a read-only disk says so even where the directory is there
        Err(Errno::ROFS | Errno::ACCESS) if fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() => {}
        Err(e) => return Err(cannot("make the directory", path, e)),
    }
    match fs::openat(parent, name, OFlags::RDONLY | DIRECTORY, Mode::empty()) {
        Ok(fd) => Ok(fd),
        Err(e) => {
            let kind = fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).ok().map(|s| entry(&s).kind);
            match kind {
                Some(EntryKind::Symlink) => Err(Failure::refused(
                    format!("{} is a symlink, which thub does not follow there", show(path)),
                    "give the directory it leads to: THUB_RUN_DIR, THUB_STATE_DIR or THUB_CONFIG_DIR; or remove the link",
                )),
                Some(EntryKind::Directory) => match fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) if stat.st_uid != rustix::process::geteuid().as_raw() => Err(foreign(path)),
                    _ => Err(cannot("open", path, e)),
                },
                Some(_) => Err(Failure::failed(
                    format!("{} is in the way: it is not a directory", show(path)),
                    "move it away, then try again",
                )),
                None => Err(cannot("open", path, e)),
            }
        }
    }
}

fn foreign(path: &Path) -> Failure {
    Failure::refused(format!("{} belongs to another user", show(path)), NEXT)
}

/// The directory itself: ours, and nobody else gets in.
fn check_own(fd: &OwnedFd, path: &Path) -> Result<(), Failure> {
    let stat = fs::fstat(fd).map_err(|e| cannot("look at", path, e))?;
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(foreign(path));
    }
    if stat.st_mode & 0o077 != 0 {
        return Err(Failure::refused(
            format!("{} is open to others (mode {:03o})", show(path), stat.st_mode & 0o777),
            format!("if all in it is yours, close it with `chmod 700 {}`", show(path)),
        )
        .hint(NEXT));
    }
    Ok(())
}

/// A directory on the way: nobody but root and us can put something else in the place of what is in it.
fn check_parent(fd: &OwnedFd, path: &Path) -> Result<(), Failure> {
    let stat = fs::fstat(fd).map_err(|e| cannot("look at", path, e))?;
    let us = rustix::process::geteuid().as_raw();
    if stat.st_uid != us && stat.st_uid != 0 && !crate::sys::is_overflow_uid(stat.st_uid) {
        return Err(Failure::refused(
            format!("{} belongs to another user, who could replace what thub keeps below it", show(path)),
            NEXT,
        ));
    }
    let sticky = stat.st_mode & 0o1000 != 0;
    let others = stat.st_mode & 0o002 != 0;
    let group = stat.st_mode & 0o020 != 0 && stat.st_gid != 0 && !crate::sys::is_private_group(stat.st_gid);
    if !sticky && (others || group) {
        let take = if others { "o-w" } else { "g-w" };
        return Err(Failure::refused(
            format!("{} can be written by others, who could replace what thub keeps below it", show(path)),
            format!("take that away with `chmod {take} {}`", show(path)),
        )
        .hint(NEXT));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }
    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    /// Gives the path to another user; false where we may not.
    fn give_away(path: &Path) -> bool {
        std::os::unix::fs::chown(path, Some(12345), Some(12345)).is_ok()
    }
    fn refusal(path: &Path) -> String {
        let failure = SafeDir::open_or_create(path).unwrap_err();
        assert!(!failure.hints.is_empty());
        failure.to_string()
    }

    #[test]
    fn makes_what_is_missing_for_us_alone() {
        let top = scratch();
        let path = top.path().join("a/b/c");
        let dir = SafeDir::open_or_create(&path).unwrap();
        for p in ["a", "a/b", "a/b/c"] {
            let mode = std::fs::metadata(top.path().join(p)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{p}");
        }
        assert!(dir.is_still_there(&path));
        assert!(SafeDir::open_or_create(&path).is_ok());
        assert!(SafeDir::open(&path).unwrap().is_some());
        assert!(SafeDir::open(&top.path().join("none")).unwrap().is_none());
    }

    #[test]
    fn refuses_what_others_can_reach() {
        let top = scratch();
        for mode in [0o755, 0o770, 0o701, 0o777, 0o1777] {
            let path = top.path().join(format!("m{mode:o}"));
            std::fs::create_dir(&path).unwrap();
            chmod(&path, mode);
            assert!(refusal(&path).contains("chmod 700"), "{mode:o}");
        }
    }

    #[test]
    fn refuses_symlinks_and_files() {
        let top = scratch();
        let real = top.path().join("real");
        SafeDir::open_or_create(&real).unwrap();
        let link = top.path().join("link");
        symlink(&real, &link).unwrap();
        assert!(refusal(&link).contains("symlink"));
        // on the way there a link of ours is fine
        assert!(SafeDir::open_or_create(&link.join("x")).is_ok());
        assert!(real.join("x").is_dir());
        let dangling = top.path().join("dangling");
        symlink("/nowhere/at/all", &dangling).unwrap();
        assert!(refusal(&dangling).contains("symlink"));
        assert!(refusal(&dangling.join("x/y")).contains("dangling"));
        let file = top.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(refusal(&file).contains("not a directory"));
        refusal(&file.join("x"));
        for bad in ["/", "relative", "", "/.."] {
            refusal(Path::new(bad));
        }
    }

    #[test]
    fn refuses_foreign_owners() {
        let top = scratch();
        let squatted = top.path().join("squatted");
        std::fs::create_dir(&squatted).unwrap();
        chmod(&squatted, 0o700);
        if !give_away(&squatted) {
            return; // only root can try this
        }
        assert!(refusal(&squatted).contains("belongs to another user"));
        chmod(&squatted, 0o755);
        assert!(refusal(&squatted.join("mine")).contains("could replace"));
        let dir = SafeDir::open_or_create(&top.path().join("d")).unwrap();
        std::fs::create_dir(top.path().join("d/sub")).unwrap();
        give_away(&top.path().join("d/sub"));
        assert!(dir.sub("sub").unwrap_err().what.contains("another user"));
    }

    #[test]
    fn refuses_parents_others_can_write() {
        let top = scratch();
        let parent = top.path().join("p");
        std::fs::create_dir(&parent).unwrap();
        chmod(&parent, 0o777);
        assert!(refusal(&parent.join("x")).contains("chmod o-w"));
        chmod(&parent, 0o1777);
        assert!(SafeDir::open_or_create(&parent.join("x")).is_ok());
        chmod(&parent, 0o775);
        if std::os::unix::fs::chown(&parent, None, Some(12345)).is_ok() {
            assert!(refusal(&parent.join("x")).contains("chmod g-w"));
        }
    }

    #[test]
    fn names_are_one_component() {
        let top = scratch();
        let dir = SafeDir::open_or_create(&top.path().join("d")).unwrap();
        for bad in ["", ".", "..", "a/b", "/etc/passwd", "a\0b", &"x".repeat(256)] {
            assert_eq!(dir.read(bad, 10).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{bad:?}");
            assert!(dir.create_new(bad, 0o600).is_err());
            assert!(dir.write_atomic(bad, b"").is_err());
            assert!(dir.remove(bad).is_err());
            assert!(dir.rename("a", bad).is_err());
            assert!(dir.stat(bad).is_err());
            assert!(dir.socket_path(bad).is_err());
            assert!(dir.sub(bad).is_err());
            assert!(dir.try_lock(bad).is_err());
        }
    }

    #[test]
    fn files() {
        let top = scratch();
        let dir = SafeDir::open_or_create(&top.path().join("d")).unwrap();
        dir.write_atomic("a", b"one").unwrap();
        dir.write_durable("a", b"two").unwrap();
        assert_eq!(dir.read("a", 3).unwrap(), b"two");
        assert_eq!(dir.read("a", 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(dir.read("none", 2).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(dir.create_new("a", 0o600).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let mode = std::fs::metadata(top.path().join("d/a")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        symlink("/etc/passwd", top.path().join("d/l")).unwrap();
        assert!(dir.read("l", 100_000).is_err());
        assert_eq!(dir.stat("l").unwrap().unwrap().kind, EntryKind::Symlink);
        dir.write_atomic("l", b"mine").unwrap();
        assert_eq!(dir.stat("l").unwrap().unwrap().kind, EntryKind::File);
        dir.rename("l", "m").unwrap();
        assert_eq!(dir.list().unwrap(), ["a", "m"]);
        dir.remove("m").unwrap();
        assert_eq!(dir.stat("m").unwrap(), None);
        dir.sub("s").unwrap();
        assert!(dir.read("s", 10).is_err());
    }

    #[test]
    fn a_fifo_does_not_hold_us() {
        let top = scratch();
        let dir = SafeDir::open_or_create(&top.path().join("d")).unwrap();
        fs::mknodat(&dir.fd, "fifo", FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert!(dir.read("fifo", 10).is_err());
    }

    #[test]
    fn knows_when_it_was_replaced() {
        let top = scratch();
        let path = top.path().join("d");
        let dir = SafeDir::open_or_create(&path).unwrap();
        std::fs::rename(&path, top.path().join("away")).unwrap();
        assert!(!dir.is_still_there(&path));
        dir.write_atomic("x", b"").unwrap();
        SafeDir::open_or_create(&path).unwrap();
        assert!(!dir.is_still_there(&path));
        assert!(top.path().join("away/x").exists());
    }

    #[test]
    fn sockets_in_deep_places() {
        let top = scratch();
        let path = top.path().join("x".repeat(120)).join("y".repeat(120));
        let dir = SafeDir::open_or_create(&path).unwrap();
        let listener = std::os::unix::net::UnixListener::bind(dir.socket_path("s.sock").unwrap()).unwrap();
        std::os::unix::net::UnixStream::connect(dir.socket_path("s.sock").unwrap()).unwrap();
        listener.accept().unwrap();
        assert_eq!(dir.stat("s.sock").unwrap().unwrap().kind, EntryKind::Socket);
        assert!(path.join("s.sock").exists());
    }

    #[test]
    fn locks_are_one_holder() {
        let top = scratch();
        let dir = SafeDir::open_or_create(&top.path().join("d")).unwrap();
        let held = dir.try_lock("l").unwrap().unwrap();
        assert!(dir.try_lock("l").unwrap().is_none());
        assert_eq!(dir.lock("l", Duration::from_millis(20)).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(held);
        let held = dir.try_lock("l").unwrap().unwrap();
        // removed under the holder: the next one gets a lock of its own, on the new file
        dir.remove("l").unwrap();
        assert!(dir.try_lock("l").unwrap().is_some());
        drop(held);
    }

    #[test]
    fn leftovers_are_swept() {
        let top = scratch();
        let dir = SafeDir::open_or_create(&top.path().join("d")).unwrap();
        let old = dir.create_new(".tmp-00", 0o600).unwrap();
        old.set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();
        dir.create_new(".tmp-11", 0o600).unwrap();
        assert!(dir.list().unwrap().is_empty());
        dir.sweep().unwrap();
        assert_eq!(dir.stat(".tmp-00").unwrap(), None);
        assert!(dir.stat(".tmp-11").unwrap().is_some());
    }
}
