//! Owns files as a client has them, over links that fall and come again: [`End`], its calls, its listings, the bytes of a
//! file. Leaves out who looks.
//!
//! # Layout
//! - `mod` (here)  whose files, the links that lead there, the calls
//! - `stream`      the stream of one call: credit both ways, let go of with its owner
//! - `job`         a copy or a move between two ends, over whatever falls meanwhile
//! - `scan`        what is to be copied, some of it at a time
//! - `carry`       what has been decided on, carried over
//! - `failures`    what failed, as much of it as is kept
//! - `meter`       how far it is, and how fast
//! - `pace`        how much of it is on its way: nobody who types waits behind it

mod carry;
pub mod failures;
pub mod job;
pub mod meter;
mod pace;
mod scan;
mod stream;

use super::host::HostId;
use crate::link::{Link, locked};
use crate::proto::control::*;
use crate::proto::ids::{Offset, StreamId, TargetId};
use crate::text::short;
use pace::Pace;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use stream::{Came, Lines, Stream};
use tokio::sync::watch;

/// A link that is not there is waited for so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// A disk has so long for an answer.
const DISK: Duration = Duration::from_secs(60);
/// A host behind the agent's, too: it may have to be connected first, and somebody be asked.
const BEHIND: Duration = Duration::from_secs(7200);
/// 64 MiB are read for one answer.
const HASH: Duration = Duration::from_secs(600);
/// Credit of a listing: 1 MiB.
const LISTING: u64 = 1 << 20;
/// Bytes that the entries of a listing may take in memory, whatever its host says of them: as many as it may have, with names of a hundred bytes.
const LISTED: usize = 48 << 20;

/// Whose files, for people and for the layout: those of a host of the tree, or of one without an agent that it reaches.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Whose {
    pub host: HostId,
    /// `Place::default()` = the host's own; [`Place::of_connection`] = where a prepared connection of its leads.
    pub place: Place,
    /// For people; what came of it from a host is untrusted.
    pub label: String,
}

impl Whose {
    /// A host's own.
    pub fn host(host: HostId) -> Whose {
        let label = if host.is_local() { "this machine".into() } else { host.as_str().to_string() };
        Whose { host, place: Place::default(), label }
    }

    /// Those that one call reaches both of.
    pub fn same_as(&self, other: &Whose) -> bool {
        self.host == other.host && self.place == other.place
    }
}

/// First of the streams of files: far from those of hosts' tasks and of verbs.
const FIRST: StreamId = 1 << 30;

/// Says that the agent may ask from now on, until what comes of it is dropped.
pub type Asks = Arc<dyn Fn() -> Box<dyn Send> + Send + Sync>;

/// A link that stands, for who has files to do with it.
#[derive(Clone)]
pub struct Up {
    pub link: Link,
    /// The host has no agent: the link is to this machine's, and the host is reached by this target process.
    target: Option<TargetId>,
    asks: Asks,
    next: Arc<AtomicU32>,
    pace: Pace,
}

impl Up {
    /// `asks` is told of a call that may lead to a question, by whoever serves the link. `far` = it goes
    /// over a network.
    pub fn new(link: Link, far: bool, target: Option<TargetId>, asks: Asks) -> Up {
        Up { link, target, asks, next: Arc::default(), pace: Pace::new(far) }
    }

    /// A stream not in use, for a call of another kind: they come round after half a thousand million.
    pub fn stream(&self) -> StreamId {
        FIRST + self.next.fetch_add(2, Ordering::Relaxed) % FIRST
    }

    /// A place of the host's as it is called over this link.
    fn place(&self, whose: &Whose) -> Result<Place, Fault> {
        match (&self.target, whose.place.is_here()) {
            (None, _) => Ok(whose.place.clone()),
            (Some(target), true) => Ok(Place::of_target(target.clone())),
            // (the agent is this machine's: its connections are others)
            (Some(_), false) => Err(Fault::new(Fault::REFUSED, "a host without an agent keeps no connections")),
        }
    }
}

/// The links that stand, by their hosts. Cheap to clone.
#[derive(Clone, Default)]
pub struct Ups(Arc<Mutex<HashMap<HostId, watch::Sender<Option<Up>>>>>);

impl Ups {
    fn of(&self, host: &HostId) -> watch::Sender<Option<Up>> {
        locked(&self.0).entry(host.clone()).or_default().clone()
    }
    pub fn up(&self, host: &HostId, up: Up) {
        self.of(host).send_replace(Some(up));
    }
    pub fn down(&self, host: &HostId) {
        self.of(host).send_replace(None);
    }
    /// Files of a host, or behind it.
    pub fn end(&self, whose: Whose) -> End {
        let ups = self.of(&whose.host).subscribe();
        End { whose, ups }
    }
}

/// One end: files over a link that may fall and come again. Cheap to clone.
#[derive(Clone)]
pub struct End {
    whose: Whose,
    ups: watch::Receiver<Option<Up>>,
}

impl End {
    pub fn whose(&self) -> &Whose {
        &self.whose
    }

    /// Whether there is a link.
    pub fn is_up(&self) -> bool {
        self.ups.borrow().as_ref().is_some_and(|up| !up.link.is_closed())
    }

    /// The link there is.
    pub async fn link(&self) -> Option<Up> {
        self.up().await.ok()
    }

    /// The link there is now, or the next one; none = nobody makes links any more.
    async fn wait(&self) -> Option<Up> {
        let mut ups = self.ups.clone();
        let up = ups.wait_for(|up| up.as_ref().is_some_and(|up| !up.link.is_closed())).await.ok()?;
        up.clone()
    }

    async fn up(&self) -> Result<Up, Fault> {
        let gone = || Fault::new(Fault::GONE, format!("there is no link to {}", short(&self.whose.label, 60)));
        tokio::time::timeout(PATIENCE, self.wait()).await.ok().flatten().ok_or_else(gone)
    }

    /// Sends a call over the link there is; `make` is given the place as it is called there. The link comes with the answer,
    /// for a stream.
    async fn ask<M: Method>(
        &self,
        up: &Up,
        within: Duration,
        make: impl FnOnce(Place) -> M,
    ) -> Result<M::Reply, Fault> {
        let place = up.place(&self.whose)?;
        let here = place.is_here();
        let _asks = (!here).then(|| (up.asks)());
        up.link.call_within(&make(place), if here { within } else { BEHIND }).await
    }

    async fn call<M: Method>(&self, make: impl FnOnce(Place) -> M) -> Result<M::Reply, Fault> {
        self.ask(&self.up().await?, DISK, make).await
    }

    pub async fn stat(&self, path: &FilePath, real: bool, space: bool) -> Result<FilesStatted, Fault> {
        self.call(|place| FilesStat { place, path: path.clone(), real, space }).await
    }

    /// What is there; none = nothing has that name.
    pub async fn look(&self, path: &FilePath) -> Result<Option<FileInfo>, Fault> {
        match self.stat(path, false, false).await {
            Ok(statted) => Ok(Some(statted.info)),
            Err(f) if f.code == Fault::UNKNOWN => Ok(None),
            Err(f) => Err(f),
        }
    }

    pub async fn list(&self, path: &FilePath) -> Result<Listing, Fault> {
        let up = self.up().await?;
        let stream = Stream::open(&up, 0, LISTING).paced();
        let (id, window) = (stream.id(), stream.window());
        let reply = self.ask(&up, DISK, |place| FilesList { place, path: path.clone(), stream: id, window }).await?;
        Ok(Listing { real: reply.real, lines: Lines::new(stream), taken: Taken::default(), end: None })
    }

    /// The bytes `from..to` of a file, wherever a link leads, and what it is.
    pub async fn read(&self, path: &FilePath, from: Offset, to: Option<Offset>) -> Result<(FileInfo, Reading), Fault> {
        self.read_below(path, &FilePath::default(), from, to).await
    }

    /// The same for a file of a tree in the directory `path`, on the way to which no link is followed.
    async fn read_below(
        &self,
        path: &FilePath,
        below: &FilePath,
        from: Offset,
        to: Option<Offset>,
    ) -> Result<(FileInfo, Reading), Fault> {
        let up = self.up().await?;
        let stream = Stream::open(&up, from, Stream::WINDOW).paced();
        let (stream_id, window) = (stream.id(), stream.window());
        let (path, below) = (path.clone(), below.clone());
        let read = |place| FilesRead { place, path, below, stream: stream_id, from, to, window };
        let reply = self.ask(&up, DISK, read).await?;
        Ok((reply.info, Reading { stream, end: None }))
    }

    /// Begins to write a file, or goes on with it: `write` says all but place and stream. Whoever has the stream sends
    /// from its `sent` on.
    async fn write(&self, write: FilesWrite) -> Result<Stream, Fault> {
        let up = self.up().await?;
        let mut stream = Stream::open(&up, 0, 0);
        let id = stream.id();
        let call = |place| FilesWrite { place, stream: id, window: Stream::WINDOW, ..write };
        let reply = self.ask(&up, DISK, call).await?;
        stream.may_send(reply.at, reply.limit);
        Ok(stream)
    }

    /// A tree as a bundle: `pack` says all but place and stream.
    async fn pack(&self, pack: FilesPack) -> Result<Stream, Fault> {
        let up = self.up().await?;
        let mut stream = Stream::open(&up, 0, Stream::WINDOW).paced();
        let (id, window) = (stream.id(), stream.window());
        let reply = self.ask(&up, DISK, |place| FilesPack { place, stream: id, window, ..pack }).await?;
        stream.may_send(0, reply.limit);
        Ok(stream)
    }

    /// Takes a bundle into a directory; with `sync` it, and what came before, is on disk in the end.
    async fn unpack(&self, dir: &FilePath, replace: bool, sync: bool) -> Result<Lines, Fault> {
        let up = self.up().await?;
        let mut stream = Stream::open(&up, 0, Stream::WINDOW).eager();
        let (id, window) = (stream.id(), Stream::WINDOW);
        let unpack = |place| FilesUnpack { place, dir: dir.clone(), replace, sync, stream: id, window };
        let reply = self.ask(&up, DISK, unpack).await?;
        stream.may_send(0, reply.limit);
        Ok(Lines::new(stream))
    }

    pub async fn mkdir(&self, path: &FilePath, parents: bool, mode: Option<u32>) -> Result<(), Fault> {
        self.call(|place| FilesMkdir { place, path: path.clone(), parents, mode }).await.map(drop)
    }

    /// OTHER_DISK where it would have to be copied.
    pub async fn rename(&self, from: &FilePath, to: &FilePath, replace: bool) -> Result<(), Fault> {
        self.call(|place| FilesRename { place, from: from.clone(), to: to.clone(), replace }).await.map(drop)
    }

    pub async fn chmod(&self, path: &FilePath, mode: u32) -> Result<(), Fault> {
        self.call(|place| FilesChmod { place, path: path.clone(), mode }).await.map(drop)
    }

    pub async fn link_read(&self, path: &FilePath) -> Result<FilePath, Fault> {
        self.call(|place| FilesLinkRead { place, path: path.clone() }).await.map(|l| l.target)
    }

    /// At most [`FilesHash::MOST`] bytes at a time.
    pub async fn hash(&self, path: &FilePath, from: Offset, to: Option<Offset>) -> Result<FilesHashed, Fault> {
        let up = self.up().await?;
        self.ask(&up, HASH, |place| FilesHash { place, path: path.clone(), from, to }).await
    }

    /// Deletes a file, a link, an empty directory, or with `recursive` all of one: then it is told how that goes. What
    /// failed is in what is told.
    pub async fn delete(
        &self,
        path: &FilePath,
        recursive: bool,
        mut progress: impl FnMut(&FilesProgress),
    ) -> Result<WorkEnd, Fault> {
        let up = self.up().await?;
        if !recursive {
            let delete = |place| FilesDelete { place, path: path.clone(), ..FilesDelete::default() };
            return self.ask(&up, DISK, delete).await.map(|_| WorkEnd::default());
        }
        let stream = Stream::open(&up, 0, 0);
        let id = stream.id();
        let delete = |place| FilesDelete { place, path: path.clone(), recursive, stream: id, window: 0 };
        self.ask(&up, DISK, delete).await?;
        work(stream, &mut progress).await
    }

    /// Copies within the place: `to` is the copy's own path.
    pub async fn copy_within(
        &self,
        from: &FilePath,
        to: &FilePath,
        replace: bool,
        mut progress: impl FnMut(&FilesProgress),
    ) -> Result<WorkEnd, Fault> {
        let up = self.up().await?;
        let stream = Stream::open(&up, 0, 0);
        let id = stream.id();
        let copy = |place| FilesCopy { place, from: from.clone(), to: to.clone(), replace, stream: id, window: 0 };
        self.ask(&up, DISK, copy).await?;
        work(stream, &mut progress).await
    }
}

/// Lines about work, to the one with its end.
async fn work(stream: Stream, progress: &mut impl FnMut(&FilesProgress)) -> Result<WorkEnd, Fault> {
    let mut lines = Lines::new(stream);
    loop {
        let line: FilesProgress = lines.next().await?;
        progress(&line);
        if let Some(end) = line.end {
            return Ok(end);
        }
    }
}

/// A directory's entries as they come, as many as a listing may have. Dropped, the listing ends.
pub struct Listing {
    /// Its path, absolute and without symlinks.
    pub real: FilePath,
    lines: Lines,
    taken: Taken,
    /// How it ended.
    pub end: Option<ListEnd>,
}

impl Listing {
    /// The next entries; none = there are no more, and `end` says whether those were all.
    pub async fn next(&mut self) -> Result<Option<Vec<FileInfo>>, Fault> {
        while self.end.is_none() {
            let line: FilesLines = self.lines.next().await?;
            self.end = line.end;
            let mut entries = line.entries;
            if !self.taken.cut(&mut entries) {
                // there are more, whatever its host thinks
                let end = self.end.take().unwrap_or_default();
                self.end = Some(ListEnd { entries: self.taken.entries, more: true, ..end });
            }
            if !entries.is_empty() {
                return Ok(Some(entries));
            }
        }
        Ok(None)
    }
}

/// What was taken of a listing: entries, and what they take in memory.
#[derive(Default)]
struct Taken {
    entries: u64,
    bytes: usize,
}

impl Taken {
    /// Leaves those that there is room for; false = some were too many.
    fn cut(&mut self, entries: &mut Vec<FileInfo>) -> bool {
        let before = entries.len();
        let fits = |info: &&FileInfo| {
            let (many, bytes) = (self.entries + 1, self.bytes + held(info));
            let fits = many <= FilesList::MOST && bytes <= LISTED;
            if fits {
                (self.entries, self.bytes) = (many, bytes);
            }
            fits
        };
        let fitting = entries.iter().take_while(fits).count();
        entries.truncate(fitting);
        fitting == before
    }
}

/// What an entry takes in memory, as a column has it: its name is there twice.
fn held(info: &FileInfo) -> usize {
    let target = info.link.as_ref().map_or(0, |link| link.target.as_bytes().len());
    256 + 2 * info.name.as_bytes().len() + info.owner.len() + info.group.len() + target
}

/// The bytes of a file as they come. Dropped, they end.
pub struct Reading {
    stream: Stream,
    /// What the file was at the end.
    pub end: Option<FileInfo>,
}

impl Reading {
    /// The next bytes; none = that was all.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        if self.end.is_some() {
            return Ok(None);
        }
        match self.stream.next().await? {
            Came::Bytes(bytes) => Ok(Some(bytes)),
            Came::Ended(FilesEnded { fault: Some(fault), .. }) => Err(fault),
            Came::Ended(FilesEnded { info, .. }) => {
                self.end = Some(info.unwrap_or_default());
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
pub mod tests;
