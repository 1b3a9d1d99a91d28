//! Owns the writing of a tree: [`Grow`], entry by entry, and [`Unpack`], which takes them out of a bundle. A name that leads
//! out of the tree is none, and a link in it is not followed. Leaves out where the entries come from.

use super::{Dir, Fs, MANY, MANY_BYTES, Put, SMALL, Tally, UNFINISHED, Wanted, Writer, fault, finish, local, put};
use crate::proto::bundle::{BadBundle, Decoder, Entry, Record};
use crate::proto::control::{Fault, FileKind, FileName, FilePath, FilesWrite};
use crate::proto::ids::hex;
use sha2::{Digest, Sha256};

/// What of a mode is taken over: a file that ran as its owner would run as another one here.
const PLAIN: u32 = 0o777;
/// Bytes of directories whose mode and time are set at the end, at most, about: 8 MiB. Where there are more, those that
/// nothing more should come into get theirs before.
const DIRS: usize = 8 << 20;
/// Directories that get theirs together.
const TOGETHER: usize = 64;

pub struct Grow {
    fs: Fs,
    top: Dir,
    replace: bool,
    /// All is on disk in the end.
    pub sync: bool,
    /// The way to the directory that was used last.
    way: Vec<(FileName, Dir)>,
    small: Vec<(FilePath, Put)>,
    small_bytes: u64,
    /// Their modes and times would not outlast what is put into them.
    dirs: Vec<(FilePath, u32, i64)>,
    dirs_bytes: usize,
    pub tally: Tally,
}

impl Grow {
    pub fn new(fs: Fs, top: Dir, replace: bool) -> Grow {
        let (way, small, dirs) = (Vec::new(), Vec::new(), Vec::new());
        let tally = Tally::default();
        Grow { fs, top, replace, sync: false, way, small, small_bytes: 0, dirs, dirs_bytes: 0, tally }
    }

    /// The directory of these names, made where it is not there.
    async fn dir_of(&mut self, names: &[FileName]) -> Result<Dir, Fault> {
        let same = self.way.iter().zip(names).take_while(|((a, _), b)| a == *b).count();
        self.way.truncate(same);
        for name in names.iter().skip(same) {
            if self.way.len() >= super::DEEPEST {
                return Err(Fault::new(Fault::REFUSED, "directories lie too deep in each other"));
            }
            let above = self.way.last().map_or(&self.top, |(_, dir)| dir);
            let dir = match above.sub(name).await {
                Err(why) if why.code == Fault::UNKNOWN => above.make(name).await?,
                other => other?,
            };
            self.way.push((name.clone(), dir));
        }
        Ok(self.way.last().map_or(&self.top, |(_, dir)| dir).clone())
    }

    /// The directory that a path lies in, and its name there.
    async fn place(&mut self, path: &FilePath) -> Result<(Dir, FileName), Fault> {
        let mut names = path.names().unwrap_or_default();
        let Some(name) = names.pop() else {
            return Err(Fault::new(Fault::BAD_PARAMS, "that names no file in a tree"));
        };
        Ok((self.dir_of(&names).await?, name))
    }

    /// The directory of a path, whether it was there or not; and whether it is still to get its mode.
    async fn made(&mut self, path: &FilePath) -> Result<bool, Fault> {
        let (dir, name) = self.place(path).await?;
        match dir.info(&name).await {
            Ok(there) if there.kind == FileKind::Dir => return Ok(dir.is_unfinished(&there)),
            Err(why) if why.code == Fault::UNKNOWN => dir.begin(&name).await?,
            // (what is there must not give way to one that is only promised: it is made now, or not)
            _ if matches!(dir, Dir::Container(_)) => dir.mkdir(&name, Some(UNFINISHED)).await?,
            _ => dir.begin(&name).await?,
        }
        Ok(true)
    }

    /// One that is there already stays as it is.
    pub async fn dir(&mut self, path: &FilePath, mode: u32, mtime_ms: i64) {
        match self.made(path).await {
            Ok(false) => self.tally.done(1, 0),
            Ok(true) => {
                self.tally.done(1, 0);
                self.dirs_bytes += weight(path);
                self.dirs.push((path.clone(), mode & PLAIN, mtime_ms));
                if self.dirs_bytes > DIRS {
                    self.settle(Some(path)).await;
                }
            }
            Err(why) => self.tally.failed(path.clone(), why),
        }
    }

    pub async fn link(&mut self, path: &FilePath, target: &FilePath) {
        let made = match self.place(path).await {
            Ok((dir, name)) => dir.symlink(&name, target, self.replace).await,
            Err(why) => Err(why),
        };
        match made {
            Ok(()) => self.tally.done(1, 0),
            Err(why) => self.tally.failed(path.clone(), why),
        }
    }

    fn wanted(&self, name: FileName, entry: &Entry) -> Wanted {
        Wanted {
            part: part_of(&name, entry),
            name,
            size: Some(entry.size),
            mode: Some(entry.mode & PLAIN),
            mtime_ms: Some(entry.mtime_ms),
            replace: self.replace,
            keep: false,
            // all at once, at the end
            sync: false,
        }
    }

    /// A small file, whole; it is written together with others.
    pub async fn small(&mut self, entry: &Entry, bytes: Vec<u8>) {
        match self.place(&entry.path).await {
            Ok((dir, name)) => {
                self.small_bytes += (bytes.len() + weight(&entry.path)) as u64;
                let wanted = self.wanted(name, entry);
                self.small.push((entry.path.clone(), Put { dir, wanted, bytes }));
                if self.small.len() >= MANY || self.small_bytes >= MANY_BYTES {
                    self.flush().await;
                }
            }
            Err(why) => self.tally.failed(entry.path.clone(), why),
        }
    }

    /// A file that is written piece by piece.
    pub async fn large(&mut self, entry: &Entry) -> Result<Writer, Fault> {
        let (dir, name) = self.place(&entry.path).await?;
        let wanted = self.wanted(name, entry);
        // (it all comes: what a cut has left is of no use)
        let _ = dir.remove(vec![wanted.part.clone()]).await;
        dir.write(wanted).await
    }

    /// Writes the small files that wait.
    pub async fn flush(&mut self) {
        self.small_bytes = 0;
        let (paths, puts): (Vec<_>, Vec<_>) = std::mem::take(&mut self.small).into_iter().unzip();
        let sizes: Vec<u64> = puts.iter().map(|p: &Put| p.bytes.len() as u64).collect();
        for ((path, size), written) in paths.into_iter().zip(sizes).zip(put(puts).await) {
            match written {
                Ok(()) => self.tally.done(1, size),
                Err(why) => self.tally.failed(path, why),
            }
        }
    }

    /// What waits is written, and directories get what they are to have; those above `path` do not yet.
    async fn settle(&mut self, path: Option<&FilePath>) {
        self.flush().await;
        self.dirs_bytes = 0;
        let (mut above, mut paths, mut filled) = (Vec::new(), Vec::new(), Vec::new());
        // those within first: setting one's own changes nothing in those above
        while let Some((dir, mode, mtime_ms)) = self.dirs.pop() {
            if path.is_some_and(|path| is_in(path, &dir)) {
                self.dirs_bytes += weight(&dir);
                above.push((dir, mode, mtime_ms));
                continue;
            }
            match self.dir_of(&dir.names().unwrap_or_default()).await {
                Ok(there) => {
                    filled.push((there, mode, mtime_ms));
                    paths.push(dir);
                }
                Err(why) => self.tally.failed(dir, why),
            }
            // (each may be held open)
            if filled.len() >= TOGETHER {
                self.filled(&mut paths, &mut filled).await;
            }
        }
        self.filled(&mut paths, &mut filled).await;
        above.reverse();
        self.dirs = above;
    }

    async fn filled(&mut self, paths: &mut Vec<FilePath>, dirs: &mut Vec<(Dir, u32, i64)>) {
        for (path, set) in paths.drain(..).zip(finish(std::mem::take(dirs)).await) {
            if let Err(why) = set {
                self.tally.failed(path, why);
            }
        }
    }

    /// All has come: what waits is written, directories get what they are to have, all is on disk.
    pub async fn finish(&mut self) -> Result<(), Fault> {
        self.settle(None).await;
        if self.sync { self.fs.sync(&self.top).await } else { Ok(()) }
    }
}

/// Bytes of a directory that waits, about.
fn weight(path: &FilePath) -> usize {
    path.as_bytes().len() + 64
}

/// Whether something lies in a directory, or is it.
fn is_in(path: &FilePath, dir: &FilePath) -> bool {
    let rest = path.as_bytes().strip_prefix(dir.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// The name a file of a bundle has until it is whole: the same for the same file, so that what a cut has left of it, on a
/// server that nobody could tell to take it away, is gone once it is copied again.
pub(super) fn part_of(name: &FileName, entry: &Entry) -> FileName {
    let mut sha = Sha256::new();
    sha.update(entry.size.to_le_bytes());
    sha.update(entry.mtime_ms.to_le_bytes());
    sha.update(name.as_bytes());
    let digits = hex(sha.finalize().get(..8).unwrap_or_default());
    FilesWrite::part_name(&digits).unwrap_or_else(local::part::spare_name)
}

/// A bundle being unpacked.
pub struct Unpack {
    decoder: Decoder,
    pub grow: Grow,
    file: File,
}

/// The file whose bytes come.
enum File {
    None,
    Small(Entry, Vec<u8>),
    Large(Entry, Box<Writer>),
    /// It has failed already, or has no usable name.
    Passed,
}

fn bad(e: BadBundle) -> Fault {
    Fault::new(Fault::BAD_PARAMS, format!("what came is no bundle: {e}"))
}

impl Unpack {
    pub fn new(grow: Grow) -> Unpack {
        Unpack { decoder: Decoder::new(), grow, file: File::None }
    }

    /// Takes the next bytes; true = its end has come, and all is written.
    pub async fn feed(&mut self, bytes: &[u8]) -> Result<bool, Fault> {
        self.decoder.push(bytes);
        while let Some(record) = self.decoder.record().map_err(bad)? {
            match record {
                Record::Entry(entry) => self.entry(entry).await,
                Record::Bytes(bytes) => self.bytes(bytes).await,
                Record::Whole => self.whole().await,
                Record::Failed(failed) => {
                    // (a part that was begun goes)
                    self.file = File::None;
                    self.grow.tally.failed(failed.path, failed.why);
                }
                Record::End(end) => {
                    self.grow.tally.unusable(end.unusable);
                    self.grow.finish().await?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    async fn entry(&mut self, entry: Entry) {
        self.file = File::None;
        if entry.path.names().is_none_or(|names| names.is_empty()) {
            self.grow.tally.unusable(1);
            self.file = File::Passed;
            return;
        }
        match entry.kind {
            FileKind::Dir => self.grow.dir(&entry.path, entry.mode, entry.mtime_ms).await,
            FileKind::Link => match &entry.link {
                Some(target) => self.grow.link(&entry.path, target).await,
                None => self.grow.tally.failed(entry.path, Fault::new(Fault::BAD_PARAMS, "a link to nothing")),
            },
            FileKind::File if entry.size <= SMALL => self.file = File::Small(entry, Vec::new()),
            FileKind::File => match self.grow.large(&entry).await {
                Ok(writer) => self.file = File::Large(entry, Box::new(writer)),
                Err(why) => {
                    self.grow.tally.failed(entry.path, why);
                    self.file = File::Passed;
                }
            },
            FileKind::Other => self.grow.tally.failed(entry.path, fault::no_such_kind()),
        }
    }

    async fn bytes(&mut self, bytes: Vec<u8>) {
        match &mut self.file {
            // (no more than its entry says come)
            File::Small(_, all) => all.extend_from_slice(&bytes),
            File::Large(entry, writer) => {
                if let Err(why) = writer.write(bytes).await {
                    self.grow.tally.failed(std::mem::take(&mut entry.path), why);
                    self.file = File::Passed;
                }
            }
            File::None | File::Passed => {}
        }
    }

    async fn whole(&mut self) {
        match std::mem::replace(&mut self.file, File::None) {
            File::Small(entry, bytes) => self.grow.small(&entry, bytes).await,
            File::Large(entry, writer) => match writer.finish().await {
                Ok(_) => self.grow.tally.done(1, entry.size),
                Err(why) => self.grow.tally.failed(entry.path, why),
            },
            File::None | File::Passed => {}
        }
    }
}
