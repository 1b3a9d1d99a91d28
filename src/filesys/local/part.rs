//! Owns a file of this machine until it is whole: under another name, in the directory's handle. Leaves out whose bytes they
//! are.

use super::{Held, blocking, info_of, rename_new, times};
use crate::filesys::{Put, Wanted, fault};
use crate::proto::control::{Fault, FileInfo, FileName, FilesWrite};
use crate::proto::ids::{hex, random_bytes};
use rustix::fs::{self, AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const NEW: OFlags =
    OFlags::RDWR.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const OLD: OFlags = OFlags::RDWR.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
/// How often a part is looked for anew that another writer has just given its name.
const TRIES: usize = 8;

/// A name for what is there for a moment.
pub fn spare_name() -> FileName {
    FilesWrite::part_name(&hex(&random_bytes::<8>())).unwrap_or_default()
}

pub struct Writer {
    part: Arc<Part>,
    at: u64,
}

struct Part {
    file: File,
    dir: Arc<Held>,
    wanted: Wanted,
    named: std::sync::atomic::AtomicBool,
}

impl Drop for Part {
    fn drop(&mut self) {
        let named = *self.named.get_mut();
        if !named && !self.wanted.keep {
            let _ = fs::unlinkat(&self.dir.fd, self.wanted.part.as_bytes(), AtFlags::empty());
        }
    }
}

/// Opens the part, the one that is there or a new one, for this writer alone.
fn open(dir: &Held, part: &FileName) -> Result<File, Fault> {
    let refused = |why: &str| fault::say(Fault::REFUSED, "writing", dir.path.join(part).as_bytes(), why);
    let busy = || fault::say(Fault::BUSY, "writing", dir.path.join(part).as_bytes(), "another copy is writing it");
    let failed = |e| dir.failed("writing", part, e);
    for _ in 0..TRIES {
        let opened = fs::openat(&dir.fd, part.as_bytes(), NEW, Mode::RUSR | Mode::WUSR);
        let mine = opened.is_ok();
        let opened = match opened {
            Err(Errno::EXIST) => fs::openat(&dir.fd, part.as_bytes(), OLD, Mode::empty()),
            other => other,
        };
        let file = match opened {
            Ok(file) => file,
            Err(Errno::NOENT) => continue,
            Err(Errno::LOOP) => return Err(refused("it is a symbolic link")),
            Err(e) => return Err(failed(e)),
        };
        let stat = fs::fstat(&file).map_err(failed)?;
        let plain = FileType::from_raw_mode(stat.st_mode as fs::RawMode) == FileType::RegularFile;
        // (one just made is ours, whatever a file system without owners says of it)
        if !mine {
            if !plain || stat.st_uid != rustix::process::geteuid().as_raw() || stat.st_nlink > 1 {
                return Err(refused("it is no plain file of this user's alone"));
            }
            if stat.st_mode & 0o022 != 0 {
                return Err(refused("others may write it"));
            }
            // it had its mode already when the last copy was cut
            if stat.st_mode & 0o077 != 0 {
                fs::fchmod(&file, Mode::RUSR | Mode::WUSR).map_err(failed)?;
            }
        }
        // (where there are no locks there are none to wait for)
        if let Err(Errno::WOULDBLOCK) = fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            return Err(busy());
        }
        // whoever had the lock until now may have given it its name
        match fs::statat(&dir.fd, part.as_bytes(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(now) if super::identity(&now) == super::identity(&stat) => return Ok(File::from(file)),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(e) => return Err(failed(e)),
        }
    }
    Err(busy())
}

/// What is in the way of a name.
fn check_name(dir: &Held, wanted: &Wanted) -> Result<(), Fault> {
    match fs::statat(&dir.fd, wanted.name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode as fs::RawMode) == FileType::Directory => {
            Err(dir.failed("writing", &wanted.name, Errno::ISDIR))
        }
        Ok(_) if !wanted.replace => Err(dir.failed("writing", &wanted.name, Errno::EXIST)),
        Ok(_) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(dir.failed("writing", &wanted.name, e)),
    }
}

/// Mode, time and name: what was written is whole.
fn name(dir: &Held, file: &File, wanted: &Wanted) -> Result<(), Errno> {
    // what is replaced stays its owner's and group's, as far as this user may say so: a service goes on reading its file
    if wanted.replace
        && let Ok(was) = fs::statat(&dir.fd, wanted.name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)
        && FileType::from_raw_mode(was.st_mode as fs::RawMode) == FileType::RegularFile
        && let Ok(now) = fs::fstat(file)
        && (was.st_uid, was.st_gid) != (now.st_uid, now.st_gid)
    {
        let (uid, gid) = (fs::Uid::from_raw(was.st_uid), fs::Gid::from_raw(was.st_gid));
        if fs::fchown(file, Some(uid), Some(gid)).is_err() {
            let _ = fs::fchown(file, None, Some(gid));
        }
    }
    // (it may take long, and be cut: until then the part is this user's alone)
    if wanted.sync {
        fs::fsync(file)?;
    }
    fs::fchmod(file, dir.own.mode(wanted.mode, 0o666))?;
    fs::futimens(file, &times(wanted.mtime_ms))?;
    let named = match wanted.replace {
        true => fs::renameat(&dir.fd, wanted.part.as_bytes(), &dir.fd, wanted.name.as_bytes()),
        false => rename_new(&dir.fd, &wanted.part, &dir.fd, &wanted.name),
    };
    if named.is_err() {
        // it is a part still, and this user's alone
        let _ = fs::fchown(file, Some(rustix::process::geteuid()), None);
        let _ = fs::fchmod(file, Mode::RUSR | Mode::WUSR);
    }
    named
}

fn write_all(file: &File, bytes: &[u8], at: u64) -> Result<(), Errno> {
    file.write_all_at(bytes, at).map_err(|e| match e.kind() {
        // a disk that takes nothing says so by a length of 0
        std::io::ErrorKind::WriteZero => Errno::NOSPC,
        _ => Errno::from_io_error(&e).unwrap_or(Errno::IO),
    })
}

impl Writer {
    pub(super) async fn open(dir: Arc<Held>, wanted: Wanted) -> Result<Writer, Fault> {
        blocking(move || {
            check_name(&dir, &wanted)?;
            let file = open(&dir, &wanted.part)?;
            let failed = |e| dir.failed("writing", &wanted.part, e);
            let there = u64::try_from(fs::fstat(&file).map_err(failed)?.st_size).unwrap_or(0);
            let at = wanted.goes_on_at(there);
            fs::ftruncate(&file, at).map_err(failed)?;
            let part = Part { file, dir: dir.clone(), wanted, named: false.into() };
            Ok(Writer { part: Arc::new(part), at })
        })
        .await
    }

    pub fn at(&self) -> u64 {
        self.at
    }

    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Fault> {
        let (part, at, many) = (self.part.clone(), self.at, bytes.len() as u64);
        blocking(move || {
            write_all(&part.file, &bytes, at).map_err(|e| part.dir.failed("writing", &part.wanted.name, e))
        })
        .await?;
        self.at += many;
        Ok(())
    }

    /// Lets the kernel copy up to `most` bytes of a file from where both stand; 0 = it can't, or that file is at its end.
    pub async fn take(&mut self, from: &mut super::Reader, most: u64) -> Result<u64, Fault> {
        #[cfg(target_os = "linux")]
        {
            let (part, file, mut at, mut to) = (self.part.clone(), from.file.clone(), from.at, self.at);
            let most = most.min(from.to.saturating_sub(from.at));
            let took = blocking(move || {
                let mut took = 0;
                while took < most {
                    let many = usize::try_from(most - took).unwrap_or(usize::MAX);
                    match fs::copy_file_range(&*file, Some(&mut at), &part.file, Some(&mut to), many) {
                        Ok(0) => break,
                        Ok(n) => took += n as u64,
                        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => break,
                        Err(Errno::INTR) => {}
                        Err(e) => return Err(part.dir.failed("writing", &part.wanted.name, e)),
                    }
                }
                Ok(took)
            })
            .await?;
            from.at += took;
            self.at += took;
            Ok(took)
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (from, most);
            Ok(0)
        }
    }

    pub async fn finish(self) -> Result<FileInfo, Fault> {
        blocking(move || {
            let Part { file, dir, wanted, named } = &*self.part;
            let failed = |e| dir.failed("writing", &wanted.name, e);
            wanted.check_whole(self.at, &dir.path)?;
            name(dir, file, wanted).map_err(failed)?;
            named.store(true, std::sync::atomic::Ordering::Relaxed);
            if wanted.sync {
                // (a directory that may not be read can't be told to)
                let _ = fs::fsync(&dir.fd);
            }
            Ok(info_of(&fs::fstat(file).map_err(failed)?, wanted.name.clone(), &dir.own))
        })
        .await
    }
}

/// A small file, whole or not at all.
pub fn put(put: &Put) -> Result<(), Fault> {
    let crate::filesys::Dir::Local(dir) = &put.dir else {
        return Err(Fault::new(Fault::INTERNAL, "a file of another file system"));
    };
    let (dir, mut wanted) = (&dir.0, std::borrow::Cow::Borrowed(&put.wanted));
    check_name(dir, &wanted)?;
    let failed = |e| dir.failed("writing", &put.wanted.name, e);
    let open = |part: &FileName| fs::openat(&dir.fd, part.as_bytes(), NEW, Mode::RUSR | Mode::WUSR);
    let file = match open(&wanted.part) {
        Err(Errno::EXIST) => {
            // a cut has left it, or it can't be taken away
            if fs::unlinkat(&dir.fd, wanted.part.as_bytes(), AtFlags::empty()).is_err() {
                wanted.to_mut().part = spare_name();
            }
            open(&wanted.part)
        }
        other => other,
    };
    let file = File::from(file.map_err(failed)?);
    let written = write_all(&file, &put.bytes, 0).and_then(|()| name(dir, &file, &wanted));
    if written.is_err() {
        let _ = fs::unlinkat(&dir.fd, wanted.part.as_bytes(), AtFlags::empty());
    }
    written.map_err(failed)
}
