//! Owns the files of a container: [`Remote`], [`Dir`]. In one that runs and has a shell and its tools, by scripts in it (as the
//! user that its connection says, else its own: what that user may not, is refused). In one that is stopped, or has no shell, by
//! the engine's archives, which are root's: whole files are read and written, and nothing is renamed or deleted. Leaves out
//! trees, and how scripts and archives are had (backend).
//!
//! By path, as over SFTP: before work goes into a directory it is looked at. Names are bytes. A file that is resumed goes on at
//! a multiple of 64 KiB; an archive's begins anew.

mod archive;
pub mod said;
mod scripts;
pub mod tar;

use super::{Batch, Get, Put, Wanted, fault, local};
use crate::backend::docker::{Inside, Job};
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath, FilesStatted, Space};
use crate::proto::ids::hex;
use scripts::argument;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// What a script says is believed up to so many bytes: some 100,000 entries.
const MOST: usize = 16 << 20;
/// Entries of one script that are worked on.
const AT_ONCE: usize = super::MANY;
const BLOCK: u64 = 64 << 10;
/// For so long a path's real one is the same: it is asked for twice in a row.
const SAME: Duration = Duration::from_secs(2);

/// The file system of a container.
#[derive(Clone)]
pub struct Remote {
    inside: Arc<Inside>,
    tools: Tools,
    real: Arc<Mutex<Option<(FilePath, FilePath, Instant)>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tools {
    /// Nothing can be started in it: archives alone.
    None,
    Shell,
    /// Many small files go as one.
    Tar,
}

#[derive(Clone)]
pub struct Dir {
    at: Remote,
    path: Arc<FilePath>,
}

/// A path as an argument: one that begins with '-' is no option.
fn path_argument(path: &FilePath) -> String {
    match path.as_bytes() {
        b"" => ".".into(),
        [b'/', ..] => argument(path.as_bytes()),
        relative => format!("./{}", argument(relative)),
    }
}

fn mode_word(mode: Option<u32>) -> String {
    mode.map_or_else(|| "-".into(), |mode| format!("{:o}", mode & 0o7777))
}

fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1000).max(0)
}

fn flag(is: bool) -> String {
    if is { "1".into() } else { "0".into() }
}

impl Remote {
    /// Of a container that was found; looks what it has.
    pub async fn new(inside: Inside) -> Result<Remote, Fault> {
        let mut remote = Remote { inside: Arc::new(inside), tools: Tools::None, real: Arc::default() };
        if remote.inside.is_running() {
            // (without a shell nothing begins: that is an answer, too)
            let mark = mark();
            if let Ok((said, 0, _)) = remote.script(scripts::PROBE, &mark, Vec::new()).await {
                let lines = said::marked(&mark, &said);
                remote.tools = match lines.first() {
                    Some(line) if line.ends_with(b"tar") => Tools::Tar,
                    Some(_) => Tools::Shell,
                    None => Tools::None,
                };
            }
        }
        Ok(remote)
    }

    /// Whether programs in the container do the work, rather than the engine's archives.
    pub fn has_tools(&self) -> bool {
        self.tools != Tools::None
    }

    async fn job(&self, script: &str, mark: &str, args: Vec<String>, input: bool) -> Result<Job, Fault> {
        let mut all = vec![mark.to_string()];
        all.extend(args);
        self.inside.start(&format!("{}{script}", scripts::HEAD), all, input).await
    }

    /// What a script said, its exit code and its complaint.
    async fn script(&self, script: &str, mark: &str, args: Vec<String>) -> Result<(Vec<u8>, i64, Vec<u8>), Fault> {
        let mut job = self.job(script, mark, args, false).await?;
        let (said, code) = job.all(MOST).await?;
        Ok((said, code, job.complaint))
    }

    /// The same, where anything but success is a failure of this path.
    async fn done(&self, doing: &str, path: &FilePath, script: &str, args: Vec<String>) -> Result<Vec<u8>, Fault> {
        let mark = mark();
        match self.script(script, &mark, args).await? {
            (said, 0, _) => Ok(said::marked(&mark, &said).first().map(|line| line.to_vec()).unwrap_or_default()),
            (_, _, complaint) => Err(said::failed(doing, path.as_bytes(), &complaint)),
        }
    }

    pub async fn dir(&self, path: &FilePath) -> Result<Dir, Fault> {
        let real = match self.has_tools() {
            true => self.done("opening", path, scripts::REAL_DIR, vec![path_argument(path)]).await?,
            false => archive::real(&self.inside, path, Some(FileKind::Dir)).await?,
        };
        let real = FilePath::new(real).map_err(|_| odd("opening", path))?;
        *crate::link::locked(&self.real) = Some((path.clone(), real, Instant::now()));
        Ok(Dir { at: self.clone(), path: path.clone().into() })
    }

    pub async fn real(&self, path: &FilePath) -> Result<FilePath, Fault> {
        let known = crate::link::locked(&self.real).take();
        if let Some((of, real, at)) = known
            && of == *path
            && at.elapsed() < SAME
        {
            return Ok(real);
        }
        let real = match self.has_tools() {
            true => self.done("looking at", path, scripts::REAL, vec![path_argument(path)]).await?,
            false => archive::real(&self.inside, path, None).await?,
        };
        FilePath::new(real).map_err(|_| odd("looking at", path))
    }

    pub async fn stat(&self, path: &FilePath, with_real: bool, with_space: bool) -> Result<FilesStatted, Fault> {
        let name = path.split().map(|(_, name)| name).unwrap_or_default();
        let mut info = match self.has_tools() {
            true => {
                let line = self.done("looking at", path, scripts::STAT, vec![path_argument(path)]).await?;
                said::info(&line, name).ok_or_else(|| odd("looking at", path))?.0
            }
            false => archive::look(&self.inside, path, name).await?,
        };
        if info.kind == FileKind::Link
            && self.has_tools()
            && let Some((dir, name)) = path.split()
        {
            let dir = Dir { at: self.clone(), path: dir.into() };
            info.link = dir.links(&[&name]).await?.pop();
        }
        let mut statted = FilesStatted { info, real: None, space: None };
        if with_real {
            statted.real = Some(self.real(path).await?);
        }
        if with_space
            && self.has_tools()
            && let Ok(line) = self.done("looking at", path, scripts::SPACE, vec![path_argument(path)]).await
        {
            statted.space = said::space(&line).map(|(total, free)| Space { total, free });
        }
        Ok(statted)
    }

    pub async fn read(&self, path: &FilePath, from: u64, to: Option<u64>) -> Result<(FileInfo, Reader), Fault> {
        self.reader(path, true, from, to).await
    }

    async fn reader(
        &self,
        path: &FilePath,
        follow: bool,
        from: u64,
        to: Option<u64>,
    ) -> Result<(FileInfo, Reader), Fault> {
        const DOING: &str = "reading";
        let name = path.split().map(|(_, name)| name).unwrap_or_default();
        if !self.has_tools() {
            let (info, tar) = archive::read(&self.inside, path, name, follow).await?;
            let reader = Reader::new(self.clone(), path.clone(), Source::Archive(Box::new(tar)), from, to, 0);
            return Ok((info, reader));
        }
        let first = from / BLOCK;
        let count = to.map_or(0, |to| to.div_ceil(BLOCK).saturating_sub(first).max(1));
        let mark = mark();
        let args = vec![path_argument(path), flag(follow), first.to_string(), count.to_string()];
        let mut job = self.job(scripts::READ, &mark, args, false).await?;
        // its first line says what it is
        let (mut said, mut buf) = (Vec::new(), vec![0; 32 << 10]);
        let end = loop {
            if let Some(end) = said.iter().position(|b| *b == b'\n') {
                break end;
            }
            match job.next(&mut buf).await? {
                Some(n) if said.len() < 4096 => said.extend_from_slice(buf.get(..n).unwrap_or_default()),
                _ => return Err(said::failed(DOING, path.as_bytes(), &job.complaint)),
            }
        };
        let rest = said.split_off(end + 1);
        let line = said::marked(&mark, &said).first().map(|line| line.to_vec()).unwrap_or_default();
        let (info, _) = said::info(&line, name).ok_or_else(|| odd(DOING, path))?;
        match info.kind {
            FileKind::File => {}
            FileKind::Dir => return Err(fault::wrong_kind(DOING, path.as_bytes(), "it is a directory")),
            _ => return Err(fault::wrong_kind(DOING, path.as_bytes(), "it is no file")),
        }
        let mut reader = Reader::new(self.clone(), path.clone(), Source::Job(Box::new(job)), from, to, first * BLOCK);
        reader.waiting = rest;
        Ok((info, reader))
    }
}

fn odd(doing: &str, path: &FilePath) -> Fault {
    fault::say(Fault::INTERNAL, doing, path.as_bytes(), "the container's tools say what is not understood")
}

fn mark() -> String {
    let mut bytes = [0u8; 12];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    hex(&bytes)
}

impl Dir {
    pub fn path(&self) -> FilePath {
        self.path.as_ref().clone()
    }

    fn of(&self, name: &FileName) -> FilePath {
        self.path.join(name)
    }

    fn here(&self) -> String {
        path_argument(&self.path)
    }

    /// What only programs in the container can do.
    fn needs_tools(&self, doing: &str, name: &FileName) -> Result<(), Fault> {
        if self.at.has_tools() {
            return Ok(());
        }
        let why = match self.at.inside.is_running() {
            true => "the container has no shell and tools for it: its files can be read and written whole",
            false => "the container is not running: its files can be read and written whole; start it for the rest",
        };
        Err(fault::say(Fault::REFUSED, doing, self.of(name).as_bytes(), why))
    }

    async fn run(&self, doing: &str, name: &FileName, script: &str, args: Vec<String>) -> Result<Vec<u8>, Fault> {
        self.needs_tools(doing, name)?;
        self.at.done(doing, &self.of(name), script, args).await
    }

    pub async fn sub(&self, name: &FileName) -> Result<Dir, Fault> {
        let path = self.of(name);
        let found = self.at.stat(&path, false, false).await.map_err(|f| match f.code {
            Fault::UNKNOWN => fault::of("opening", path.as_bytes(), rustix::io::Errno::NOENT),
            _ => f,
        })?;
        match found.info.kind {
            FileKind::Dir => Ok(Dir { at: self.at.clone(), path: path.into() }),
            FileKind::Link => Err(fault::wrong_kind("opening", path.as_bytes(), "it is a symbolic link")),
            _ => Err(fault::wrong_kind("opening", path.as_bytes(), "it is no directory")),
        }
    }

    pub fn list(&self) -> Listing {
        Listing { dir: self.clone(), found: None }
    }

    /// Where links lead.
    async fn links(&self, names: &[&FileName]) -> Result<Vec<crate::proto::control::LinkInfo>, Fault> {
        let mark = mark();
        let mut args = vec![self.here()];
        args.extend(names.iter().map(|name| argument(name.as_bytes())));
        let (said, _, _) = self.at.script(scripts::LINKS, &mark, args).await?;
        Ok(said::marked(&mark, &said).into_iter().map(said::link).collect())
    }

    pub async fn info(&self, name: &FileName) -> Result<FileInfo, Fault> {
        Ok(self.at.stat(&self.of(name), false, false).await?.info)
    }

    pub async fn mkdir(&self, name: &FileName, mode: Option<u32>) -> Result<(), Fault> {
        const DOING: &str = "making the directory";
        if !self.at.has_tools() {
            return archive::mkdir(&self.at.inside, &self.path, name, mode.unwrap_or(0o755)).await;
        }
        let args = vec![self.here(), argument(name.as_bytes()), mode_word(mode)];
        self.run(DOING, name, scripts::MKDIR, args).await.map(drop)
    }

    pub async fn remove(&self, names: Vec<FileName>) -> Vec<Result<(), Fault>> {
        const DOING: &str = "deleting";
        let mut all = Vec::with_capacity(names.len());
        for names in names.chunks(AT_ONCE) {
            let Some(first) = names.first() else { continue };
            let mark = mark();
            let mut args = vec![self.here()];
            args.extend(names.iter().map(|name| argument(name.as_bytes())));
            let said = match self.needs_tools(DOING, first) {
                Ok(()) => self.at.script(scripts::REMOVE, &mark, args).await,
                Err(fault) => Err(fault),
            };
            match said {
                Ok((said, _, complaint)) => {
                    let lines = said::marked(&mark, &said);
                    all.extend(names.iter().enumerate().map(|(i, name)| {
                        let path = self.of(name);
                        let answer = lines.get(i).map(|line| said::answer(line));
                        match answer {
                            Some(Ok(_)) => Ok(()),
                            Some(Err(e)) => Err(fault::of(DOING, path.as_bytes(), e)),
                            None => Err(said::failed(DOING, path.as_bytes(), &complaint)),
                        }
                    }));
                }
                Err(fault) => all.extend(names.iter().map(|_| Err(fault.clone()))),
            }
        }
        all
    }

    pub async fn rmdir(&self, name: &FileName) -> Result<(), Fault> {
        let args = vec![self.here(), argument(name.as_bytes())];
        self.run("deleting", name, scripts::RMDIR, args).await.map(drop)
    }

    pub async fn rename(&self, name: &FileName, to: &Dir, to_name: &FileName, replace: bool) -> Result<(), Fault> {
        let (from, new) = (path_argument(&self.of(name)), path_argument(&to.of(to_name)));
        self.run("renaming", name, scripts::RENAME, vec![from, new, flag(replace)]).await.map(drop)
    }

    pub async fn chmod(&self, name: &FileName, mode: u32) -> Result<(), Fault> {
        let args = vec![path_argument(&self.of(name)), mode_word(Some(mode))];
        self.run("setting the mode of", name, scripts::CHMOD, args).await.map(drop)
    }

    pub async fn finish(&self, mode: u32, mtime_ms: i64) -> Result<(), Fault> {
        const DOING: &str = "setting mode and time of";
        if !self.at.has_tools() {
            return archive::finish(&self.at.inside, &self.path, mode, seconds(mtime_ms)).await;
        }
        let args = vec![self.here(), mode_word(Some(mode)), seconds(mtime_ms).to_string()];
        self.at.done(DOING, &self.path, scripts::FILLED, args).await.map(drop)
    }

    pub async fn read_link(&self, name: &FileName) -> Result<FilePath, Fault> {
        const DOING: &str = "reading the link";
        let path = self.of(name);
        if !self.at.has_tools() {
            let found = archive::look(&self.at.inside, &path, name.clone()).await?;
            let target = found.link.map(|link| link.target);
            return target.ok_or_else(|| fault::wrong_kind(DOING, path.as_bytes(), "it is no link"));
        }
        let said = self.run(DOING, name, scripts::READLINK, vec![path_argument(&path)]).await.map_err(|f| {
            if f.message.contains("nvalid argument") {
                fault::wrong_kind(DOING, path.as_bytes(), "it is no link")
            } else {
                f
            }
        })?;
        FilePath::new(said).map_err(|_| odd(DOING, &path))
    }

    pub async fn symlink(&self, name: &FileName, target: &FilePath, replace: bool) -> Result<(), Fault> {
        const DOING: &str = "making the link";
        if !self.at.has_tools() {
            return archive::symlink(&self.at.inside, &self.path, name, target, replace).await;
        }
        let args = vec![self.here(), argument(name.as_bytes()), argument(target.as_bytes()), flag(replace)];
        self.run(DOING, name, scripts::SYMLINK, args).await.map(drop)
    }

    pub async fn read(&self, name: &FileName, from: u64, to: Option<u64>) -> Result<(FileInfo, Reader), Fault> {
        self.at.reader(&self.of(name), false, from, to).await
    }

    pub async fn write(&self, wanted: Wanted) -> Result<Writer, Fault> {
        Writer::open(self.clone(), wanted).await
    }
}

pub struct Listing {
    dir: Dir,
    found: Option<VecDeque<FileInfo>>,
}

impl Listing {
    pub async fn next(&mut self) -> Result<Option<Batch>, Fault> {
        const DOING: &str = "reading the directory";
        let mut batch = Batch::default();
        let found = match &mut self.found {
            Some(found) => found,
            none => {
                let all = match self.dir.at.has_tools() {
                    true => {
                        let mark = mark();
                        let (said, code, complaint) =
                            self.dir.at.script(scripts::LIST, &mark, vec![self.dir.here()]).await?;
                        let lines = said::marked(&mark, &said);
                        // (what went while it was looked at is no failure)
                        if code != 0 && lines.is_empty() && said::errno(&complaint) != rustix::io::Errno::NOENT
                            || code == 10
                        {
                            return Err(said::failed(DOING, self.dir.path.as_bytes(), &complaint));
                        }
                        let mut all = Batch::default();
                        lines.iter().for_each(|line| said::entry(line, &mut all));
                        all
                    }
                    false => archive::list(&self.dir.at.inside, &self.dir.path).await?,
                };
                batch.unusable = all.unusable;
                none.insert(all.entries.into())
            }
        };
        let n = found.len().min(AT_ONCE);
        batch.entries = found.drain(..n).collect();
        if batch.entries.is_empty() && batch.unusable == 0 {
            return Ok(None);
        }
        if self.dir.at.has_tools() {
            let links: Vec<usize> =
                (0..n).filter(|i| batch.entries.get(*i).is_some_and(|e| e.kind == FileKind::Link)).collect();
            if !links.is_empty() {
                let names: Vec<&FileName> = links.iter().filter_map(|i| Some(&batch.entries.get(*i)?.name)).collect();
                let led = self.dir.links(&names).await?;
                for (i, link) in links.iter().zip(led) {
                    if let Some(entry) = batch.entries.get_mut(*i) {
                        entry.link = Some(link);
                    }
                }
            }
        }
        Ok(Some(batch))
    }

    pub fn bytes(&self) -> usize {
        self.found.as_ref().map_or(0, |all| all.iter().map(super::weight).sum())
    }
}

enum Source {
    Job(Box<Job>),
    Archive(Box<tar::Tar>),
    Over,
}

pub struct Reader {
    remote: Remote,
    path: FilePath,
    source: Source,
    /// Come already.
    waiting: Vec<u8>,
    /// Before these so many bytes are left out, and after them so many are wanted.
    skip: u64,
    left: u64,
}

impl Reader {
    fn new(remote: Remote, path: FilePath, source: Source, from: u64, to: Option<u64>, begins: u64) -> Reader {
        let left = to.map_or(u64::MAX, |to| to.saturating_sub(from));
        Reader { remote, path, source, waiting: Vec::new(), skip: from - begins.min(from), left }
    }

    async fn more(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        if !self.waiting.is_empty() {
            return Ok(Some(std::mem::take(&mut self.waiting)));
        }
        match &mut self.source {
            Source::Over => Ok(None),
            Source::Archive(tar) => {
                let bytes = tar.bytes().await;
                bytes.map_err(|e| fault::say(Fault::GONE, "reading", self.path.as_bytes(), &e.to_string()))
            }
            Source::Job(job) => {
                let mut buf = vec![0; super::PIECE];
                if let Some(n) = job.next(&mut buf).await? {
                    buf.truncate(n);
                    return Ok(Some(buf));
                }
                let failed = job.code().await? != 0;
                let fault = said::failed("reading", self.path.as_bytes(), &job.complaint);
                self.source = Source::Over;
                if failed { Err(fault) } else { Ok(None) }
            }
        }
    }

    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        while self.left > 0
            && let Some(mut bytes) = self.more().await?
        {
            let skip = self.skip.min(bytes.len() as u64);
            self.skip -= skip;
            bytes.drain(..usize::try_from(skip).unwrap_or(0));
            bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            if !bytes.is_empty() {
                self.left -= bytes.len() as u64;
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    pub async fn info(&mut self) -> Result<FileInfo, Fault> {
        let name = self.path.split().map(|(_, name)| name).unwrap_or_default();
        // (of what a link led to it is the file that counts)
        let real = self.remote.real(&self.path).await?;
        Ok(FileInfo { name, ..self.remote.stat(&real, false, false).await?.info })
    }
}

enum Sink {
    Job(Box<Job>),
    Archive(archive::Sending),
}

pub struct Writer {
    dir: Dir,
    wanted: Wanted,
    sink: Option<Sink>,
    at: u64,
    named: bool,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.named || self.wanted.keep || !self.dir.at.has_tools() {
            return;
        }
        let (dir, part) = (self.dir.clone(), self.wanted.part.clone());
        self.sink = None;
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { drop(dir.discard(&part).await) });
        }
    }
}

impl Dir {
    async fn discard(&self, part: &FileName) -> Result<(), Fault> {
        let args = vec![self.here(), argument(part.as_bytes())];
        self.run("deleting", part, scripts::DROP, args).await.map(drop)
    }
}

impl Writer {
    async fn open(dir: Dir, wanted: Wanted) -> Result<Writer, Fault> {
        const DOING: &str = "writing";
        if !wanted.replace && dir.info(&wanted.name).await.is_ok() {
            return Err(fault::of(DOING, dir.of(&wanted.name).as_bytes(), rustix::io::Errno::EXIST));
        }
        if !dir.at.has_tools() {
            let sending = archive::Sending::open(&dir.at.inside, &dir.path, &wanted).await?;
            return Ok(Writer { dir, wanted, sink: Some(Sink::Archive(sending)), at: 0, named: false });
        }
        if dir.info(&wanted.name).await.is_ok_and(|there| there.kind == FileKind::Dir) {
            return Err(fault::of(DOING, dir.of(&wanted.name).as_bytes(), rustix::io::Errno::ISDIR));
        }
        let part = argument(wanted.part.as_bytes());
        let there = dir.run(DOING, &wanted.name, scripts::PART, vec![dir.here(), part.clone()]).await?;
        let there = std::str::from_utf8(&there).ok().and_then(|n| n.trim().parse::<u64>().ok()).unwrap_or(0);
        let block = wanted.goes_on_at(there) / BLOCK;
        let mark = mark();
        let args = vec![dir.here(), part, block.to_string()];
        let job = dir.at.job(scripts::WRITE, &mark, args, true).await?;
        Ok(Writer { dir, wanted, sink: Some(Sink::Job(Box::new(job))), at: block * BLOCK, named: false })
    }

    pub fn at(&self) -> u64 {
        self.at
    }

    pub fn written(&self) -> u64 {
        self.at
    }

    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Fault> {
        let n = bytes.len() as u64;
        let fallen = match &mut self.sink {
            Some(Sink::Job(job)) => match &mut job.input {
                Some(input) => input.write_all(&bytes).await.is_err(),
                None => true,
            },
            Some(Sink::Archive(sending)) => sending.write(bytes).await.is_err(),
            None => true,
        };
        if fallen {
            return Err(self.fallen().await);
        }
        self.at += n;
        Ok(())
    }

    /// It takes nothing more: why.
    async fn fallen(&mut self) -> Fault {
        let path = self.dir.of(&self.wanted.name);
        match self.sink.take() {
            Some(Sink::Job(mut job)) => {
                let _ = job.all(MOST).await;
                said::failed("writing", path.as_bytes(), &job.complaint)
            }
            Some(Sink::Archive(sending)) => match sending.end().await {
                Err(fault) => fault,
                Ok(()) => odd("writing", &path),
            },
            None => odd("writing", &path),
        }
    }

    pub async fn finish(mut self) -> Result<FileInfo, Fault> {
        const DOING: &str = "writing";
        let (dir, wanted) = (self.dir.clone(), self.wanted.clone());
        wanted.check_whole(self.at, &dir.path)?;
        let path = dir.of(&wanted.name);
        match self.sink.take() {
            Some(Sink::Job(mut job)) => {
                job.close().await;
                let (_, code) = job.all(MOST).await?;
                if code != 0 {
                    return Err(said::failed(DOING, path.as_bytes(), &job.complaint));
                }
            }
            Some(Sink::Archive(sending)) => {
                sending.end().await?;
                self.named = true;
                return dir.info(&wanted.name).await;
            }
            None => return Err(odd(DOING, &path)),
        }
        let args = vec![
            dir.here(),
            argument(wanted.part.as_bytes()),
            argument(wanted.name.as_bytes()),
            flag(wanted.replace),
            format!("{:o}", wanted.mode.unwrap_or(0o644)),
            wanted.mtime_ms.map_or_else(|| "-".into(), |ms| seconds(ms).to_string()),
            self.at.to_string(),
        ];
        let line = dir.run(DOING, &wanted.name, &scripts::finish(), args).await?;
        self.named = true;
        said::info(&line, wanted.name).map(|(info, _)| info).ok_or_else(|| odd(DOING, &path))
    }
}

/// Small files in one go: as one archive, which is unpacked under their parts' names.
pub async fn put(files: Vec<Put>) -> Vec<Result<(), Fault>> {
    let mut results = Vec::with_capacity(files.len());
    // (of one directory together)
    let mut files = files.into_iter().peekable();
    while let Some(first) = files.next() {
        let mut together = vec![first];
        while let Some(next) = files.next_if(|next| together.first().is_some_and(|f| next.dir.path() == f.dir.path())) {
            together.push(next);
        }
        let Some(super::Dir::Container(dir)) = together.first().map(|f| f.dir.clone()) else {
            results.extend(together.iter().map(|_| Err(Fault::new(Fault::INTERNAL, "a file of another file system"))));
            continue;
        };
        match dir.at.tools {
            Tools::Tar => results.extend(put_together(&dir, together).await),
            Tools::None => results.extend(archive::put(&dir.at.inside, &dir.path, together).await),
            Tools::Shell => {
                for file in together {
                    results.push(put_one(&dir, file).await);
                }
            }
        }
    }
    results
}

async fn put_one(dir: &Dir, file: Put) -> Result<(), Fault> {
    // what a cut has left is not gone on with
    let wanted = Wanted { keep: false, part: local::part::spare_name(), ..file.wanted };
    let mut writer = dir.write(wanted).await?;
    writer.write(file.bytes).await?;
    writer.finish().await.map(drop)
}

async fn put_together(dir: &Dir, files: Vec<Put>) -> Vec<Result<(), Fault>> {
    const DOING: &str = "writing";
    let mut archive = Vec::new();
    let mut args = vec![dir.here()];
    for file in &files {
        let now =
            || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
        let put = tar::Put {
            name: file.wanted.part.as_bytes(),
            kind: FileKind::File,
            size: file.bytes.len() as u64,
            mode: file.wanted.mode.unwrap_or(0o644),
            seconds: file.wanted.mtime_ms.map_or_else(now, seconds),
            link: b"",
        };
        tar::head(&put, &mut archive);
        archive.extend_from_slice(&file.bytes);
        tar::pad(&mut archive, put.size);
        args.extend([argument(put.name), argument(file.wanted.name.as_bytes()), flag(file.wanted.replace)]);
    }
    archive.extend_from_slice(&tar::END);
    let mark = mark();
    let done = async {
        let mut job = dir.at.job(&scripts::put(), &mark, args, true).await?;
        if let Some(input) = &mut job.input {
            // (where it fails, it says why)
            let _ = input.write_all(&archive).await;
        }
        job.close().await;
        let (said, _) = job.all(MOST).await?;
        Ok::<_, Fault>((said, job.complaint))
    };
    match done.await {
        Err(fault) => files.iter().map(|_| Err(fault.clone())).collect(),
        Ok((said, complaint)) => {
            let lines = said::marked(&mark, &said);
            let each = files.iter().enumerate().map(|(i, file)| {
                let path = dir.of(&file.wanted.name);
                match lines.get(i).map(|line| said::answer(line)) {
                    Some(Ok(_)) => Ok(()),
                    Some(Err(e)) => Err(fault::of(DOING, path.as_bytes(), e)),
                    None => Err(said::failed(DOING, path.as_bytes(), &complaint)),
                }
            });
            each.collect()
        }
    }
}

/// Small files in one go.
pub async fn get(files: Vec<Get>) -> Vec<Result<Vec<u8>, Fault>> {
    const DOING: &str = "reading";
    let mut results = Vec::with_capacity(files.len());
    let mut files = files.into_iter().peekable();
    while let Some(first) = files.next() {
        let super::Dir::Container(dir) = first.dir.clone() else {
            results.push(Err(Fault::new(Fault::INTERNAL, "a file of another file system")));
            continue;
        };
        let mut together = vec![first];
        while let Some(next) = files.next_if(|next| next.dir.path() == dir.path()) {
            together.push(next);
        }
        if !dir.at.has_tools() {
            let wanted: Vec<(&FileName, u64)> = together.iter().map(|f| (&f.name, f.size)).collect();
            results.extend(archive::get_all(&dir.at.inside, &dir.path, &wanted).await);
            continue;
        }
        let mark = mark();
        let mut args = vec![dir.here()];
        args.extend(together.iter().flat_map(|f| [argument(f.name.as_bytes()), f.size.max(1).to_string()]));
        let most = together.iter().fold(MOST, |sum, f| sum.saturating_add(usize::try_from(f.size).unwrap_or(0)));
        let done = async {
            let mut job = dir.at.job(scripts::GET, &mark, args, false).await?;
            let (said, _) = job.all(most).await?;
            Ok::<_, Fault>((said, job.complaint))
        };
        match done.await {
            Err(fault) => results.extend(together.iter().map(|_| Err(fault.clone()))),
            Ok((said, complaint)) => {
                let lines = said::marked(&mark, &said);
                results.extend(together.iter().enumerate().map(|(i, file)| {
                    let path = dir.of(&file.name);
                    match lines.get(i).map(|line| said::answer(line)) {
                        Some(Ok(bytes)) => Ok(bytes.to_vec()),
                        Some(Err(e)) => Err(fault::of(DOING, path.as_bytes(), e)),
                        None => Err(said::failed(DOING, path.as_bytes(), &complaint)),
                    }
                }));
            }
        }
    }
    results
}
