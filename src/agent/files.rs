//! Owns the calls about files, and their streams. Leaves out how it is done (filesys), and hosts behind this one
//! (`files/behind.rs`).

pub mod behind;
mod pipe;

use super::{Agent, Frames};
use crate::filesys::copy::Copy;
use crate::filesys::delete::Delete;
use crate::filesys::grow::{Grow, Unpack};
use crate::filesys::local::Local;
use crate::filesys::pack::{Have, Pack, Pick, Wants};
use crate::filesys::{Dir, Fs, Listing, Reader, Tally, Wanted, Writer, weight};
use crate::proto::control::*;
use crate::proto::ids::{Offset, StreamId, hex};
use pipe::{Over, Pipe, credit};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Credit for what a client says that it has.
const HAVE: u64 = 1 << 20;

impl Agent {
    /// Whose files are meant.
    async fn place(self: &Arc<Agent>, place: &Place) -> Result<Fs, Fault> {
        match place.is_here() {
            true => Ok(Fs::Local(Local::new(self.ctx.paths.home(), self.ctx.inherited.umask))),
            false => self.behind(place).await,
        }
    }

    /// Does work on a stream until it is done, or the client lets go of it.
    fn work<F>(
        self: &Arc<Agent>,
        stream: StreamId,
        frames: Option<Frames>,
        from: Offset,
        window: u64,
        work: impl FnOnce(Pipe) -> F,
    ) -> Result<(), Fault>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let frames = frames.ok_or_else(|| Fault::new(Fault::BAD_PARAMS, "stream 0 is the link itself"))?;
        // let go of before it was begun: nothing is deleted or copied for nobody
        if frames.is_closed() {
            return Err(Fault::new(Fault::GONE, "nobody waits for it any more"));
        }
        let released = self.hold_stream(stream);
        let work = work(Pipe::new(self.clone(), stream, frames, from, window));
        let agent = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = work => {}
                _ = released => {}
            }
            agent.stream_ended(stream);
        });
        Ok(())
    }

    pub(super) async fn files_list(
        self: &Arc<Agent>,
        l: FilesList,
        frames: Option<Frames>,
    ) -> Result<FilesListing, Fault> {
        let fs = self.place(&l.place).await?;
        let listing = fs.dir(&l.path).await?.list();
        let real = fs.real(&l.path).await?;
        self.work(l.stream, frames, 0, l.window, |mut pipe| async move {
            let _ = list(&mut pipe, listing).await;
        })?;
        Ok(FilesListing { real })
    }

    pub(super) async fn files_stat(self: &Arc<Agent>, s: FilesStat) -> Result<FilesStatted, Fault> {
        self.place(&s.place).await?.stat(&s.path, s.real, s.space).await
    }

    pub(super) async fn files_read(
        self: &Arc<Agent>,
        r: FilesRead,
        frames: Option<Frames>,
    ) -> Result<FilesReading, Fault> {
        let fs = self.place(&r.place).await?;
        let (info, reader) = match r.below.split() {
            None if r.below.is_empty() => fs.read(&r.path, r.from, r.to).await?,
            None => return Err(Fault::new(Fault::BAD_PARAMS, "that names no file in a tree")),
            Some((above, name)) => {
                let dir = fs.dir(&r.path).await?.below(&above, false).await?;
                dir.read(&name, r.from, r.to).await?
            }
        };
        self.work(r.stream, frames, r.from, r.window, |mut pipe| async move {
            let how = read(&mut pipe, reader).await;
            pipe.ended(how);
        })?;
        Ok(FilesReading { info })
    }

    pub(super) async fn files_write(
        self: &Arc<Agent>,
        w: FilesWrite,
        frames: Option<Frames>,
    ) -> Result<FilesWriting, Fault> {
        let wanted = Wanted::of(&w)?;
        let dir = self.place(&w.place).await?.dir(&w.dir).await?.below(&w.below, true).await?;
        let writer = dir.write(wanted).await?;
        let at = writer.at();
        self.work(w.stream, frames, 0, 0, |pipe| async move {
            let mut pipe = pipe.accept(at, w.window);
            let how = write(&mut pipe, writer).await;
            pipe.ended(how);
        })?;
        Ok(FilesWriting { at, limit: at.saturating_add(credit(w.window)) })
    }

    pub(super) async fn files_mkdir(self: &Arc<Agent>, m: FilesMkdir) -> Result<Done, Fault> {
        self.place(&m.place).await?.mkdir(&m.path, m.parents, m.mode.map(|m| m & 0o7777)).await?;
        Ok(Done {})
    }

    pub(super) async fn files_rename(self: &Arc<Agent>, r: FilesRename) -> Result<Done, Fault> {
        self.place(&r.place).await?.rename(&r.from, &r.to, r.replace).await?;
        Ok(Done {})
    }

    pub(super) async fn files_chmod(self: &Arc<Agent>, c: FilesChmod) -> Result<Done, Fault> {
        let (dir, name) = self.place(&c.place).await?.parent("setting the mode of", &c.path).await?;
        dir.chmod(&name, c.mode).await?;
        Ok(Done {})
    }

    pub(super) async fn files_link_read(self: &Arc<Agent>, l: FilesLinkRead) -> Result<FilesLinkTarget, Fault> {
        let (dir, name) = self.place(&l.place).await?.parent("reading the link", &l.path).await?;
        Ok(FilesLinkTarget { target: dir.read_link(&name).await? })
    }

    pub(super) async fn files_hash(self: &Arc<Agent>, h: FilesHash) -> Result<FilesHashed, Fault> {
        let to = h.to.unwrap_or(Offset::MAX).min(h.from.saturating_add(FilesHash::MOST));
        let (_, mut reader) = self.place(&h.place).await?.read(&h.path, h.from, Some(to)).await?;
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        while let Some(piece) = reader.next().await? {
            bytes += piece.len() as u64;
            // it computes for a while: this thread has others to serve
            let hashed = tokio::task::spawn_blocking(move || {
                hash.update(&piece);
                hash
            });
            hash = hashed.await.map_err(|e| Fault::new(Fault::INTERNAL, e.to_string()))?;
        }
        Ok(FilesHashed { sha256: hex(&hash.finalize()), bytes })
    }

    pub(super) async fn files_delete(self: &Arc<Agent>, d: FilesDelete, frames: Option<Frames>) -> Result<Done, Fault> {
        let (dir, name) = self.place(&d.place).await?.parent("deleting", &d.path).await?;
        let info = dir.info(&name).await?;
        if !d.recursive {
            match info.kind {
                FileKind::Dir => dir.rmdir(&name).await?,
                _ => dir.remove(vec![name]).await.into_iter().collect::<Result<(), Fault>>()?,
            }
            // (a stream that was opened for nothing)
            if d.stream != 0 {
                self.close_stream(d.stream);
            }
            return Ok(Done {});
        }
        self.work(d.stream, frames, 0, d.window, |mut pipe| async move {
            let mut delete = Delete::new(dir, name);
            while delete.step().await {
                if pipe.progress(&mut delete.tally).await.is_err() {
                    return;
                }
            }
            let _ = pipe.end(&mut delete.tally, None).await;
        })?;
        Ok(Done {})
    }

    pub(super) async fn files_copy(self: &Arc<Agent>, c: FilesCopy, frames: Option<Frames>) -> Result<Done, Fault> {
        let fs = self.place(&c.place).await?;
        let mut copy = Copy::plan(&fs, &c.from, &c.to, c.replace).await?;
        self.work(c.stream, frames, 0, c.window, |mut pipe| async move {
            let fault = loop {
                match copy.step().await {
                    Ok(true) => {}
                    Ok(false) => break None,
                    Err(fault) => break Some(fault),
                }
                if pipe.progress(&mut copy.grow.tally).await.is_err() {
                    return;
                }
            };
            let _ = pipe.end(&mut copy.grow.tally, fault).await;
        })?;
        Ok(Done {})
    }

    pub(super) async fn files_pack(
        self: &Arc<Agent>,
        p: FilesPack,
        frames: Option<Frames>,
    ) -> Result<FilesPacking, Fault> {
        let dir = self.place(&p.place).await?.dir(&p.dir).await?;
        let said = p.have || p.only;
        let limit = if said { HAVE } else { 0 };
        self.work(p.stream, frames, 0, p.window, move |pipe| async move {
            let mut pipe = if said { pipe.accept(0, HAVE) } else { pipe };
            let _ = pack(&mut pipe, p, dir).await;
        })?;
        Ok(FilesPacking { limit })
    }

    pub(super) async fn files_unpack(
        self: &Arc<Agent>,
        u: FilesUnpack,
        frames: Option<Frames>,
    ) -> Result<FilesUnpacking, Fault> {
        let fs = self.place(&u.place).await?;
        let top = fs.dir(&u.dir).await?;
        let mut unpack = Unpack::new(Grow::new(fs, top, u.replace));
        unpack.grow.sync = u.sync;
        let window = UNPACK;
        self.work(u.stream, frames, 0, u.window, |pipe| async move {
            let mut pipe = pipe.accept(0, window);
            let fault = match unpacked(&mut pipe, &mut unpack).await {
                Ok(()) => None,
                Err(Over::Fault(fault)) => Some(fault),
                Err(Over::Gone) => return,
            };
            let _ = pipe.end(&mut unpack.grow.tally, fault).await;
        })?;
        Ok(FilesUnpacking { limit: window })
    }
}

/// Credit for a tree that comes.
const UNPACK: u64 = 4 << 20;
/// Bytes of entries in one line of a listing, about.
const LINE: usize = 1 << 20;

async fn list(pipe: &mut Pipe, mut listing: Listing) -> Result<(), Over> {
    let mut end = ListEnd::default();
    loop {
        match listing.next().await {
            Ok(Some(mut batch)) => {
                end.unusable += batch.unusable;
                let room = usize::try_from(FilesList::MOST - end.entries).unwrap_or(usize::MAX);
                end.more = batch.entries.len() > room;
                batch.entries.truncate(room);
                end.entries += batch.entries.len() as u64;
                // a name or a link may be long, and as JSON far longer
                let (mut entries, mut bytes) = (Vec::new(), 0);
                for entry in batch.entries {
                    bytes += weight(&entry);
                    entries.push(entry);
                    if bytes > LINE {
                        pipe.line(&FilesLines { entries: std::mem::take(&mut entries), end: None }).await?;
                        bytes = 0;
                    }
                }
                if !entries.is_empty() {
                    pipe.line(&FilesLines { entries, end: None }).await?;
                }
                if end.more {
                    break;
                }
            }
            Ok(None) => break,
            Err(fault) => {
                end.fault = Some(fault);
                break;
            }
        }
    }
    pipe.line(&FilesLines { entries: Vec::new(), end: Some(end) }).await
}

async fn read(pipe: &mut Pipe, mut reader: Reader) -> Result<FileInfo, Over> {
    while let Some(bytes) = reader.next().await? {
        pipe.send(&bytes).await?;
    }
    Ok(reader.info().await?)
}

async fn write(pipe: &mut Pipe, mut writer: Writer) -> Result<FileInfo, Over> {
    while let Some(bytes) = pipe.receive().await? {
        writer.write(bytes).await?;
        pipe.ack(writer.written(), writer.at());
    }
    Ok(writer.finish().await?)
}

async fn pack(pipe: &mut Pipe, p: FilesPack, dir: Dir) -> Result<(), Over> {
    let (mut have, mut wants) = (Have::default(), Wants::default());
    let said = match (p.only, p.have) {
        (true, _) => said(pipe, |bytes| wants.feed(bytes)).await,
        (false, true) => said(pipe, |bytes| have.feed(bytes)).await,
        (false, false) => Ok(()),
    };
    match said {
        Ok(()) => {}
        Err(Over::Fault(fault)) => return refuse(pipe, fault).await,
        Err(Over::Gone) => return Err(Over::Gone),
    }
    if p.only {
        let mut pick = Pick::new(dir, wants);
        let mut out = Vec::new();
        while pick.next(&mut out).await {
            pipe.send(&out).await?;
            out.clear();
        }
        return Ok(());
    }
    let mut pack = Pack::new(dir, p.names, p.contents, have);
    let mut out = Vec::new();
    while pack.next(&mut out).await {
        pipe.send(&out).await?;
        out.clear();
    }
    Ok(())
}

/// Takes in what the client says that it has, or wants, to its end.
async fn said(pipe: &mut Pipe, mut feed: impl FnMut(&[u8]) -> Result<bool, Fault>) -> Result<(), Over> {
    let mut used = 0;
    while let Some(bytes) = pipe.receive().await? {
        used += bytes.len() as u64;
        if feed(&bytes)? {
            break;
        }
        pipe.ack(used, used);
    }
    Ok(())
}

/// A bundle of nothing but why there is none.
async fn refuse(pipe: &mut Pipe, fault: Fault) -> Result<(), Over> {
    let mut out = Vec::new();
    let end = Tally::default().end(Some(fault));
    crate::proto::bundle::encode(&crate::proto::bundle::Record::End(end), &mut out);
    pipe.send(&out).await
}

async fn unpacked(pipe: &mut Pipe, unpack: &mut Unpack) -> Result<(), Over> {
    let mut used = 0;
    loop {
        let Some(bytes) = pipe.receive().await? else {
            return Err(Fault::new(Fault::BAD_PARAMS, "the tree ended before its end").into());
        };
        used += bytes.len() as u64;
        if unpack.feed(&bytes).await? {
            return Ok(());
        }
        pipe.ack(used, used);
        pipe.progress(&mut unpack.grow.tally).await?;
    }
}

#[cfg(test)]
mod tests;
