//! Owns the copying of a file or a tree within one file system: a walk through the one, the other grown from it. Leaves out
//! who is told of it.

use super::grow::Grow;
use super::walk::{Chunk, Found, Plan, Walk};
use super::{Dir, Fs, Get, Reader, Writer, fault, get, untold};
use crate::proto::bundle::Entry;
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath};

/// What the kernel copies in one go, so that it can be stopped.
const GO: u64 = 16 << 20;

pub struct Copy {
    walk: Walk,
    pub grow: Grow,
    /// Its name, and the copy's.
    name: FileName,
    to: FileName,
    plan: Plan,
    large: Option<Large>,
}

struct Large {
    path: FilePath,
    reader: Reader,
    writer: Writer,
    size: u64,
}

impl Copy {
    /// Of `from` to `to`: its own path, not the directory it comes into.
    pub async fn plan(fs: &Fs, from: &FilePath, to: &FilePath, replace: bool) -> Result<Copy, Fault> {
        let (dir, name) = fs.parent("copying", from).await?;
        let (to_dir, to_name) = fs.parent("copying to", to).await?;
        let info = dir.info(&name).await?;
        let there = match to_dir.info(&to_name).await {
            Ok(there) => Some(there),
            Err(f) if f.code == Fault::UNKNOWN => None,
            Err(f) => return Err(f),
        };
        let taken = |why: &str| Fault::new(Fault::NAME_TAKEN, format!("copying to '{to}': {why}"));
        match &there {
            Some(_) if !replace => return Err(taken("that name is taken")),
            Some(t) if (t.kind == FileKind::Dir) != (info.kind == FileKind::Dir) => {
                return Err(taken("what has that name is of another kind"));
            }
            _ => {}
        }
        // where directories have no numbers their paths have to tell
        let (real, real_to) = (fs.real(&dir.path()).await?.join(&name), fs.real(&to_dir.path()).await?.join(&to_name));
        let inside = real_to.as_bytes().strip_prefix(real.as_bytes());
        if inside.is_some_and(|rest| rest.is_empty() || (rest.starts_with(b"/") && info.kind == FileKind::Dir)) {
            return Err(Fault::new(Fault::REFUSED, format!("'{from}' can't be copied into itself")));
        }
        let grow = Grow::new(fs.clone(), to_dir, replace);
        let walk = Walk::new(dir.into_tree(), vec![name.clone()]);
        Ok(Copy { walk, grow, name, to: to_name, plan: Plan::default(), large: None })
    }

    /// Where the copy of a path comes: the tree's top has another name.
    fn path(&self, path: &FilePath) -> FilePath {
        let rest = path.as_bytes().strip_prefix(self.name.as_bytes()).unwrap_or_default();
        FilePath::new([self.to.as_bytes(), rest].concat()).unwrap_or_default()
    }

    /// The next bit of it; false = there is no more.
    pub async fn step(&mut self) -> Result<bool, Fault> {
        if let Some(large) = self.large.take() {
            self.go_on(large).await;
        } else if let Some((dir, path, chunk)) = self.plan.pop() {
            match chunk {
                Chunk::Small(infos) => self.small(dir, &path, infos).await,
                Chunk::Large(info) => self.open(&dir, &path, &info).await,
            }
        } else {
            match self.walk.next().await {
                Some(Found::Dir { path, info }) => {
                    let path = self.path(&path);
                    self.grow.dir(&path, info.mode, info.mtime_ms).await;
                }
                Some(Found::Files { dir, path, infos }) => self.files(dir, path, infos).await,
                Some(Found::Left { .. }) => {}
                Some(Found::Failed { path, why }) => self.grow.tally.failed(self.path(&path), why),
                None => {
                    self.grow.tally.unusable(std::mem::take(&mut self.walk.unusable));
                    self.grow.finish().await?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn files(&mut self, dir: Dir, path: FilePath, infos: Vec<FileInfo>) {
        let mut files = Vec::new();
        for info in infos {
            let to = self.path(&path.join(&info.name));
            match (info.kind, &info.link) {
                (FileKind::File, _) => files.push(info),
                (FileKind::Link, Some(link)) => self.grow.link(&to, &link.target).await,
                _ => self.grow.tally.failed(to, fault::no_such_kind()),
            }
        }
        self.plan = Plan::new(dir, path, files);
    }

    fn entry(&self, path: &FilePath, info: &FileInfo) -> Entry {
        Entry {
            path: self.path(&path.join(&info.name)),
            kind: info.kind,
            size: info.size,
            mode: info.mode,
            mtime_ms: info.mtime_ms,
            link: None,
        }
    }

    async fn small(&mut self, dir: Dir, path: &FilePath, infos: Vec<FileInfo>) {
        let wanted = infos.iter().map(|i| Get { dir: dir.clone(), name: i.name.clone(), size: i.size }).collect();
        let read = get(wanted).await;
        for (info, bytes) in infos.iter().zip(read) {
            let entry = self.entry(path, info);
            match bytes {
                Ok(bytes) if info.size == 0 && !bytes.is_empty() => match untold(&dir, &info.name).await {
                    Ok((now, bytes)) => self.grow.small(&Entry { size: now.size, ..entry }, bytes).await,
                    Err(why) => self.grow.tally.failed(entry.path, why),
                },
                // as it was when it was read
                Ok(bytes) => self.grow.small(&Entry { size: bytes.len() as u64, ..entry }, bytes).await,
                Err(why) => self.grow.tally.failed(entry.path, why),
            }
        }
    }

    async fn open(&mut self, dir: &Dir, path: &FilePath, info: &FileInfo) {
        let entry = self.entry(path, info);
        match self.opened(dir, entry.clone(), &info.name).await {
            Ok(large) => self.large = Some(large),
            Err(why) => self.grow.tally.failed(entry.path, why),
        }
    }

    async fn opened(&mut self, dir: &Dir, entry: Entry, name: &FileName) -> Result<Large, Fault> {
        // as it is now
        let (info, reader) = dir.read(name, 0, None).await?;
        let entry = Entry { size: info.size, ..entry };
        let writer = self.grow.large(&entry).await?;
        Ok(Large { path: entry.path, reader, writer, size: info.size })
    }

    async fn go_on(&mut self, mut large: Large) {
        let before = large.writer.at();
        let stepped = large.step().await;
        let at = large.writer.at();
        self.grow.tally.done(0, at.saturating_sub(before));
        let failed = match stepped {
            Ok(false) => {
                self.large = Some(large);
                return;
            }
            Ok(true) => large.writer.finish().await.err(),
            Err(why) => Some(why),
        };
        match failed {
            None => self.grow.tally.done(1, 0),
            Some(why) => {
                self.grow.tally.undone(at);
                self.grow.tally.failed(large.path, why);
            }
        }
    }
}

impl Large {
    /// The next bytes; true = there are no more.
    async fn step(&mut self) -> Result<bool, Fault> {
        if self.writer.at() >= self.size {
            return Ok(true);
        }
        if let (Reader::Local(from), Writer::Local(to)) = (&mut self.reader, &mut self.writer)
            && to.take(from, GO.min(self.size - to.at())).await? > 0
        {
            return Ok(false);
        }
        let Some(bytes) = self.reader.next().await? else { return Ok(true) };
        // (what it has grown by meanwhile is another time's)
        let most = usize::try_from(self.size - self.writer.at()).unwrap_or(usize::MAX).min(bytes.len());
        self.writer.write(bytes.get(..most).unwrap_or_default().to_vec()).await?;
        Ok(false)
    }
}
