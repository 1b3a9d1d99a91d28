//! Owns a file over SFTP, read and written with many requests under way at once. Leaves out names and directories.

use super::{Dir, Remote, attrs, info_of, raw};
use crate::filesys::{Wanted, fault, local};
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath};
use crate::transport::ssh::sftp::{Answer, Attrs, Handle, Sftp, Wrong, flags, status};
use std::collections::VecDeque;

/// Requests for one file under way: 2 MiB of 32 KiB each.
const UNDER_WAY: usize = 64;

pub struct Reader {
    sftp: Sftp,
    handle: Handle,
    path: FilePath,
    name: FileName,
    /// Asked for up to here.
    asked: u64,
    to: u64,
    /// Its length was not told: it is asked for bit by bit until its end.
    blind: bool,
    queue: VecDeque<(u64, u32, Answer)>,
}

impl Reader {
    pub(super) async fn open(
        sftp: &Sftp,
        path: FilePath,
        name: FileName,
        from: u64,
        to: Option<u64>,
    ) -> Result<(FileInfo, Reader), Fault> {
        let failed = |w: Wrong| Remote::failed("reading", &path, &w);
        let handle = sftp.open(raw(&path), flags::READ, None).await.map_err(failed)?;
        let found = sftp.fstat(&handle).await.map_err(failed)?;
        let info = info_of(&found, name.clone());
        match info.kind {
            FileKind::Dir => return Err(fault::wrong_kind("reading", raw(&path), "it is a directory")),
            FileKind::Other | FileKind::Link if found.mode.is_some() => {
                return Err(fault::wrong_kind("reading", raw(&path), "it is no plain file"));
            }
            _ => {}
        }
        let blind = found.size.unwrap_or(0) == 0;
        let most = if blind { u64::MAX } else { info.size };
        let to = to.unwrap_or(u64::MAX).min(most);
        let (sftp, queue) = (sftp.clone(), VecDeque::new());
        Ok((info, Reader { sftp, handle, path, name, asked: from, to, blind, queue }))
    }

    /// A file that is known to be one, and how long it is.
    pub(super) async fn known(sftp: &Sftp, path: FilePath, name: FileName, size: u64) -> Result<Reader, Fault> {
        let opened = sftp.open(raw(&path), flags::READ, None).await;
        let handle = opened.map_err(|w| Remote::failed("reading", &path, &w))?;
        let (sftp, queue) = (sftp.clone(), VecDeque::new());
        Ok(Reader { sftp, handle, path, name, asked: 0, to: size, blind: false, queue })
    }

    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let failed = |path: &FilePath, w: Wrong| Remote::failed("reading", path, &w);
        let most = if self.blind { 1 } else { UNDER_WAY };
        while self.asked < self.to && self.queue.len() < most {
            let length = (self.to - self.asked).min(u64::from(self.sftp.piece())) as u32;
            let answer = match self.queue.is_empty() {
                true => self.sftp.read(&self.handle, self.asked, length).await,
                // others have what may be under way: what is there is waited for
                false => match self.sftp.try_read(&self.handle, self.asked, length) {
                    Some(answer) => answer,
                    None => break,
                },
            };
            let answer = answer.map_err(|w| failed(&self.path, w))?;
            self.queue.push_back((self.asked, length, answer));
            self.asked += u64::from(length);
        }
        let Some((offset, length, answer)) = self.queue.pop_front() else { return Ok(None) };
        let Some(bytes) = answer.data().await.map_err(|w| failed(&self.path, w))? else {
            // shorter than it was
            self.queue.clear();
            self.to = 0;
            return Ok(None);
        };
        let got = bytes.len() as u32;
        if got < length {
            if self.blind {
                self.asked = offset + u64::from(got);
            } else {
                let rest = self.sftp.read(&self.handle, offset + u64::from(got), length - got).await;
                let rest = rest.map_err(|w| failed(&self.path, w))?;
                self.queue.push_front((offset + u64::from(got), length - got, rest));
            }
        }
        Ok(Some(bytes))
    }

    pub async fn info(&mut self) -> Result<FileInfo, Fault> {
        let found = self.sftp.fstat(&self.handle).await;
        let found = found.map_err(|w| Remote::failed("looking at", &self.path, &w))?;
        Ok(info_of(&found, self.name.clone()))
    }
}

pub struct Writer {
    dir: Dir,
    wanted: Wanted,
    handle: Option<Handle>,
    at: u64,
    written: u64,
    /// The end of each piece under way.
    queue: VecDeque<(u64, Answer)>,
    named: bool,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.named || self.wanted.keep {
            return;
        }
        // (it takes an answer, for which nobody waits here)
        let (dir, part) = (self.dir.clone(), self.wanted.part.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { drop(dir.remove(vec![part]).await) });
        }
    }
}

/// The part that is there, or a new one, and what there is of it.
async fn open(dir: &Dir, wanted: &Wanted) -> Result<(Handle, u64), Fault> {
    let (path, sftp) = (dir.at(&wanted.part), &dir.sftp);
    let failed = |w: Wrong| dir.failed("writing", &wanted.part, &w);
    let refused = |why: &str| fault::say(Fault::REFUSED, "writing", path.as_bytes(), why);
    let new = flags::WRITE | flags::CREATE | flags::EXCLUSIVE;
    // without a mode it is what is usual there
    match sftp.open(path.as_bytes(), new, wanted.mode.map(|_| 0o600)).await {
        Ok(handle) => return Ok((handle, 0)),
        Err(Wrong::Status { code: status::FAILURE, .. }) => {}
        Err(wrong) => return Err(failed(wrong)),
    }
    let there = match sftp.lstat(path.as_bytes()).await {
        Ok(there) => there,
        Err(_) => {
            let failure = Wrong::Status { code: status::FAILURE, message: Vec::new() };
            return Err(dir.full("writing", &wanted.part, failure).await);
        }
    };
    if info_of(&there, FileName::default()).kind != FileKind::File {
        return Err(refused("it is no plain file"));
    }
    // (whose the home is, is who we are there)
    let me = sftp.stat(b".").await.ok().and_then(|home| home.uid_gid);
    if let (Some((me, _)), Some((owner, _))) = (me, there.uid_gid)
        && me != owner
    {
        return Err(refused("it is somebody else's"));
    }
    let handle = sftp.open(path.as_bytes(), flags::WRITE, None).await.map_err(failed)?;
    let now = sftp.fstat(&handle).await.map_err(failed)?;
    // between the two it may have been given its name, or another one put in its place
    let changed = |a: &Attrs| a.atime_mtime.map(|(_, mtime)| mtime);
    let same = |other: &Attrs| {
        info_of(other, FileName::default()).kind == FileKind::File
            && (other.size, changed(other), other.uid_gid) == (now.size, changed(&now), now.uid_gid)
    };
    let still = sftp.lstat(path.as_bytes()).await;
    if !same(&there) || !still.is_ok_and(|still| same(&still)) {
        return Err(refused("another copy is writing it"));
    }
    let size = now.size.unwrap_or(0);
    let at = wanted.goes_on_at(size);
    let cut = Attrs { size: Some(at), ..Attrs::default() };
    sftp.fsetstat(&handle, cut).await.map_err(failed)?;
    Ok((handle, at))
}

impl Writer {
    pub(super) async fn open(dir: Dir, wanted: Wanted) -> Result<Writer, Fault> {
        match dir.kind(&wanted.name).await {
            Some(FileKind::Dir) => {
                let path = dir.at(&wanted.name);
                return Err(fault::wrong_kind("writing", path.as_bytes(), "it is a directory"));
            }
            Some(_) if !wanted.replace => {
                let path = dir.at(&wanted.name);
                return Err(fault::of("writing", path.as_bytes(), rustix::io::Errno::EXIST));
            }
            _ => {}
        }
        let (handle, at) = open(&dir, &wanted).await?;
        Ok(Writer { dir, wanted, handle: Some(handle), at, written: at, queue: VecDeque::new(), named: false })
    }

    pub fn at(&self) -> u64 {
        self.at
    }
    pub fn written(&self) -> u64 {
        self.written
    }

    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Fault> {
        for piece in bytes.chunks(self.dir.sftp.piece() as usize) {
            while self.queue.len() >= UNDER_WAY {
                self.settle().await?;
            }
            let Some(handle) = &self.handle else { return Ok(()) };
            let asked = self.dir.sftp.write(handle, self.at, piece).await;
            let asked = asked.map_err(|w| self.dir.failed("writing", &self.wanted.name, &w))?;
            self.at += piece.len() as u64;
            self.queue.push_back((self.at, asked));
        }
        Ok(())
    }

    /// Waits for the first piece under way.
    async fn settle(&mut self) -> Result<(), Fault> {
        if let Some((end, answer)) = self.queue.pop_front() {
            if let Err(wrong) = answer.done().await {
                return Err(self.dir.full("writing", &self.wanted.name, wrong).await);
            }
            self.written = end;
        }
        Ok(())
    }

    pub async fn finish(mut self) -> Result<FileInfo, Fault> {
        while !self.queue.is_empty() {
            self.settle().await?;
        }
        let (dir, wanted) = (self.dir.clone(), self.wanted.clone());
        wanted.check_whole(self.at, &dir.path)?;
        let failed = |w: Wrong| dir.failed("writing", &wanted.name, &w);
        if let Some(handle) = self.handle.take() {
            if wanted.mode.is_some() || wanted.mtime_ms.is_some() {
                let set = dir.sftp.fsetstat(&handle, attrs(wanted.mode, wanted.mtime_ms)).await;
                set.map_err(failed)?;
            }
            if wanted.sync {
                dir.sftp.fsync(&handle).await.map_err(failed)?;
            }
            if let Err(wrong) = dir.sftp.close(&handle).await {
                return Err(dir.full("writing", &wanted.name, wrong).await);
            }
        }
        dir.rename(&wanted.part, &dir, &wanted.name, wanted.replace).await?;
        self.named = true;
        dir.info(&wanted.name).await
    }
}

/// A small file, whole or not at all: what needs no answer before it is asked together.
pub(super) async fn put(dir: &Dir, wanted: &Wanted, bytes: &[u8]) -> Result<(), Fault> {
    let (mut part, name) = (wanted.part.clone(), dir.at(&wanted.name));
    let sftp = &dir.sftp;
    let new = flags::WRITE | flags::CREATE | flags::EXCLUSIVE;
    let mode = wanted.mode.map(|_| 0o600);
    let mut opened = sftp.open(dir.at(&part).as_bytes(), new, mode).await;
    if matches!(opened, Err(Wrong::Status { code: status::FAILURE, .. })) {
        // a cut has left it, or it can't be taken away
        if sftp.remove(dir.at(&part).as_bytes()).await.is_err() {
            part = local::part::spare_name();
        }
        opened = sftp.open(dir.at(&part).as_bytes(), new, mode).await;
    }
    let handle = match opened {
        Ok(handle) => handle,
        Err(wrong) => return Err(dir.full("writing", &wanted.name, wrong).await),
    };
    let done = match write_all(sftp, &handle, wanted, bytes).await {
        Err(wrong) => Err(dir.full("writing", &wanted.name, wrong).await),
        Ok(()) if wanted.replace => dir.rename(&part, dir, &wanted.name, true).await,
        Ok(()) => match sftp.rename(dir.at(&part).as_bytes(), name.as_bytes()).await {
            Err(wrong) => Err(dir.taken("writing", &wanted.name, wrong).await),
            Ok(()) => Ok(()),
        },
    };
    if done.is_err() {
        let _ = sftp.remove(dir.at(&part).as_bytes()).await;
    }
    done
}

/// Asked one behind the other, in this order; then the answers.
async fn write_all(sftp: &Sftp, handle: &Handle, wanted: &Wanted, bytes: &[u8]) -> Result<(), Wrong> {
    let mut asked = Vec::new();
    let mut at = 0;
    for piece in bytes.chunks(sftp.piece() as usize) {
        asked.push(sftp.write(handle, at, piece).await?);
        at += piece.len() as u64;
    }
    asked.push(sftp.ask_fsetstat(handle, attrs(wanted.mode, wanted.mtime_ms)).await?);
    asked.push(sftp.ask_close(handle).await?);
    for answer in asked {
        answer.done().await?;
    }
    Ok(())
}
