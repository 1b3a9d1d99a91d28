//! Owns the files of a container: [`Remote`], [`Dir`]. In one that runs and has a shell and its tools, by scripts in it (as the
//! user that its connection says, else its own: what that user may not, is refused). In one that is stopped, or has no shell, by
//! the engine's archives, which are root's: whole files are read and written, and nothing is renamed or deleted. Leaves out
//! trees, and how scripts and archives are had (backend).
//!
//! By path, as over SFTP: before work goes into a directory it is looked at. Names are bytes. A file that is resumed goes on at
//! a multiple of 64 KiB; an archive's begins anew.

mod archive;
mod known;
mod listing;
mod many;
pub mod said;
mod scripts;
mod stream;
pub mod tar;

pub use listing::Listing;
pub use many::{finish, get, put};
pub use stream::{Reader, Writer};

use super::{Batch, Wanted, fault};
use crate::backend::docker::{Inside, Job};
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath, FilesStatted, Space};
use crate::proto::ids::hex;
use known::Known;
use scripts::argument;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a script says is believed up to so many bytes: some 100,000 entries.
const MOST: usize = 16 << 20;
/// Entries of one script that are worked on.
const AT_ONCE: usize = super::MANY;
/// For so long a path's real one is the same: it is asked for twice in a row.
const SAME: Duration = Duration::from_secs(2);

/// The file system of a container.
#[derive(Clone)]
pub struct Remote {
    inside: Arc<Inside>,
    tools: Tools,
    real: Arc<Mutex<Option<(FilePath, FilePath, Instant)>>>,
    known: Arc<Mutex<Known>>,
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
    /// What directories below hold, where they were listed with it.
    tree: Option<Arc<Mutex<HashMap<FilePath, Batch>>>>,
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
        let mut remote =
            Remote { inside: Arc::new(inside), tools: Tools::None, real: Arc::default(), known: Arc::default() };
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

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        crate::link::locked(&self.known)
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
        Ok(Dir { at: self.clone(), path: path.clone().into(), tree: None })
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
            let dir = Dir { at: self.clone(), path: dir.into(), tree: None };
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

    /// It will be made with what comes into it.
    pub fn promise(&self, name: &FileName) {
        self.at.known().promise(self.of(name));
    }

    /// What was promised is made: itself, and what it lies in.
    async fn there(&self) -> Result<(), Fault> {
        let promised = self.at.known().promised(&self.path);
        many::make(&self.at, promised).await
    }

    async fn run(&self, doing: &str, name: &FileName, script: &str, args: Vec<String>) -> Result<Vec<u8>, Fault> {
        self.needs_tools(doing, name)?;
        self.there().await?;
        self.at.done(doing, &self.of(name), script, args).await
    }

    pub async fn sub(&self, name: &FileName) -> Result<Dir, Fault> {
        let path = self.of(name);
        let missing = || fault::of("opening", path.as_bytes(), rustix::io::Errno::NOENT);
        let (mut known, nothing) = {
            let known = self.at.known();
            (known.has(&path, self.tree.is_some()), known.is_no_dir(&path))
        };
        if let Some(tree) = &self.tree {
            known |= crate::link::locked(tree).contains_key(&path);
        }
        if known {
            return Ok(Dir { path: path.into(), ..self.clone() });
        }
        if nothing {
            return Err(missing());
        }
        let found = self.at.stat(&path, false, false).await.map_err(|f| match f.code {
            Fault::UNKNOWN => missing(),
            _ => f,
        })?;
        match found.info.kind {
            FileKind::Dir => {
                self.at.known().see(path.clone());
                Ok(Dir { path: path.into(), ..self.clone() })
            }
            FileKind::Link => Err(fault::wrong_kind("opening", path.as_bytes(), "it is a symbolic link")),
            _ => Err(fault::wrong_kind("opening", path.as_bytes(), "it is no directory")),
        }
    }

    pub fn list(&self) -> Listing {
        Listing::new(self.clone())
    }

    /// The same directory for who goes through all that is in it: it is listed with those within it.
    pub fn as_tree(&self) -> Dir {
        Dir { tree: Some(Arc::default()), ..self.clone() }
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
        let path = self.of(name);
        let (fresh, nothing) = {
            let known = self.at.known();
            (known.is_fresh(&path), known.is_missing(&path))
        };
        if fresh {
            let (name, kind, mode) = (name.clone(), FileKind::Dir, super::UNFINISHED);
            return Ok(FileInfo { name, kind, mode, ..FileInfo::default() });
        }
        if nothing {
            return Err(fault::of("looking at", path.as_bytes(), rustix::io::Errno::NOENT));
        }
        Ok(self.at.stat(&self.of(name), false, false).await?.info)
    }

    pub async fn mkdir(&self, name: &FileName, mode: Option<u32>) -> Result<(), Fault> {
        const DOING: &str = "making the directory";
        self.there().await?;
        if !self.at.has_tools() {
            return archive::mkdir(&self.at.inside, &self.path, name, mode.unwrap_or(0o755)).await;
        }
        let args = vec![self.here(), argument(name.as_bytes()), mode_word(mode)];
        self.run(DOING, name, scripts::MKDIR, args).await.map(drop)
    }

    pub async fn remove(&self, names: Vec<FileName>) -> Vec<Result<(), Fault>> {
        const DOING: &str = "deleting";
        let mut all = Vec::with_capacity(names.len());
        let fresh = self.at.known().is_fresh(&self.path);
        if fresh && let Err(fault) = self.there().await {
            return names.iter().map(|_| Err(fault.clone())).collect();
        }
        // (no directory goes: what is known of those stays so)
        for names in names.chunks(AT_ONCE) {
            let Some(first) = names.first() else { continue };
            let mark = mark();
            let mut args = vec![self.here()];
            args.extend(names.iter().map(|name| argument(name.as_bytes())));
            let done = match self.needs_tools(DOING, first) {
                Ok(()) => self.at.script(scripts::REMOVE, &mark, args).await,
                Err(fault) => Err(fault),
            };
            let paths: Vec<FilePath> = names.iter().map(|name| self.of(name)).collect();
            let done = done.map(|(said, _, complaint)| (said, complaint));
            all.extend(said::each(DOING, &mark, &paths, done).into_iter().map(|done| done.map(drop)));
        }
        all
    }

    pub async fn rmdir(&self, name: &FileName) -> Result<(), Fault> {
        let args = vec![self.here(), argument(name.as_bytes())];
        self.at.known().forget(&self.of(name));
        self.run("deleting", name, scripts::RMDIR, args).await.map(drop)
    }

    pub async fn rename(&self, name: &FileName, to: &Dir, to_name: &FileName, replace: bool) -> Result<(), Fault> {
        let (from, new) = (path_argument(&self.of(name)), path_argument(&to.of(to_name)));
        for path in [self.of(name), to.of(to_name)] {
            self.at.known().forget(&path);
        }
        self.run("renaming", name, scripts::RENAME, vec![from, new, flag(replace)]).await.map(drop)
    }

    pub async fn chmod(&self, name: &FileName, mode: u32) -> Result<(), Fault> {
        let args = vec![path_argument(&self.of(name)), mode_word(Some(mode))];
        self.run("setting the mode of", name, scripts::CHMOD, args).await.map(drop)
    }

    pub async fn finish(&self, mode: u32, mtime_ms: i64) -> Result<(), Fault> {
        let one = vec![(super::Dir::Container(self.clone()), mode, mtime_ms)];
        many::finish(one).await.pop().unwrap_or(Ok(()))
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
        self.there().await?;
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
        self.there().await?;
        Writer::open(self.clone(), wanted).await
    }
}
