//! Owns a file of a container that is read or written piece by piece: [`Reader`], [`Writer`]. Leaves out small files in one go.

use super::scripts::argument;
use super::{Dir, MOST, Remote, archive, flag, mark, odd, path_argument, said, scripts, seconds, tar};
use crate::backend::docker::Job;
use crate::filesys::{PIECE, Wanted, fault};
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath};
use tokio::io::AsyncWriteExt;

const BLOCK: u64 = 64 << 10;

impl Remote {
    pub async fn read(&self, path: &FilePath, from: u64, to: Option<u64>) -> Result<(FileInfo, Reader), Fault> {
        self.reader(path, true, from, to).await
    }

    pub(super) async fn reader(
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
                let mut buf = vec![0; PIECE];
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
    pub(super) async fn open(dir: Dir, wanted: Wanted) -> Result<Writer, Fault> {
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
