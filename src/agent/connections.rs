//! Owns the calls on prepared connections: routes to the book of this machine, and a notice when that is another.
//! Leaves out the book itself (`store::connections`), and starting sessions from it (`opening.rs`).

use super::{Agent, Frames, LIST};
use crate::link::conn::Outbox;
use crate::link::feed::{Feed, WINDOW};
use crate::link::{call, locked};
use crate::proto::control::Fault;
use crate::proto::control::connections::*;
use crate::proto::frame::Body;
use crate::proto::ids::StreamId;
use crate::proto::notice::Notice;
use crate::safedir::SafeDir;
use crate::store::connections::{self as book, Book};
use crate::store::file;
use crate::sys;
use rustix::fs::inotify::{self, WatchFlags};
use std::sync::Arc;
use std::time::Duration;

/// Changes within this are one.
const TOGETHER: Duration = Duration::from_millis(50);
/// A directory that can't be watched is tried again after this.
const AGAIN: Duration = Duration::from_secs(5);

fn refused(failure: crate::failure::Failure) -> Fault {
    book::failed(&failure)
}

fn internal(why: impl std::fmt::Display) -> Fault {
    Fault::new(Fault::INTERNAL, why.to_string())
}

impl Agent {
    fn state(&self) -> Result<SafeDir, Fault> {
        SafeDir::open_or_create(self.ctx.paths.state_dir()).map_err(refused)
    }

    /// The book as it is just now, and what is to be said of its file.
    pub(super) async fn book(&self) -> Result<(Book, Option<String>), Fault> {
        let dir = self.state()?;
        let loaded = tokio::task::spawn_blocking(move || book::load(&dir)).await;
        loaded.map_err(internal)?.map_err(refused)
    }

    /// The same for who opens one: the file is left as it is, whatever is wrong with it.
    pub(super) async fn book_now(&self) -> Result<Book, Fault> {
        let dir = self.state()?;
        tokio::task::spawn_blocking(move || book::peek(&dir)).await.map_err(internal)?.map_err(refused)
    }

    pub(super) async fn connections(
        self: &Arc<Agent>,
        l: ConnectionsList,
        frames: Option<Frames>,
    ) -> Result<ConnectionsListed, Fault> {
        let (Book { folders, connections, .. }, told) = self.book().await?;
        let told = told.or(locked(&self.book_told).take());
        let listed = Listed { folders, connections, told };
        let json = serde_json::to_vec(&listed).map_err(internal)?;
        match frames {
            Some(frames) => {
                let bytes = json.len() as u64;
                self.serve_bytes(Feed::new(l.stream, 0, bytes, 0), frames, json);
                Ok(ConnectionsListed { listed: Listed::default(), bytes })
            }
            None if json.len() > LIST => {
                Err(Fault::new(Fault::REFUSED, "the list is too long for an answer: ask for it on a stream"))
            }
            None => Ok(ConnectionsListed { listed, bytes: 0 }),
        }
    }

    /// Many at once, all or none.
    pub(super) async fn add_connections(&self, call: ConnectionsAdd, frames: Option<Frames>) -> Result<Added, Fault> {
        let Some(frames) = frames else {
            let ConnectionsAdd { folders, connections, .. } = call;
            return self.change(|book| book.add(folders, connections)).await;
        };
        let came = received(&self.link.out, call.stream, frames, call.bytes).await;
        self.link.close_stream(call.stream);
        let came = came?;
        let parsed = tokio::task::spawn_blocking(move || serde_json::from_slice::<ConnectionsAdd>(&came));
        let ConnectionsAdd { folders, connections, .. } =
            parsed.await.map_err(internal)?.map_err(|e| Fault::new(Fault::BAD_PARAMS, e.to_string()))?;
        self.change(|book| book.add(folders, connections)).await?;
        Ok(Added::default())
    }

    /// One change, saved before it is answered.
    pub(super) async fn change<R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<R, Fault> + Send + 'static,
    ) -> Result<R, Fault> {
        let dir = self.state()?;
        let changed = tokio::task::spawn_blocking(move || book::change(&dir, change));
        let (result, told) = changed.await.map_err(internal)?;
        // (it is said with the next list)
        if told.is_some() {
            *locked(&self.book_told) = told;
        }
        result
    }
}

/// What a client sends on a stream, whole: `bytes` of it.
async fn received(out: &Outbox, stream: StreamId, mut frames: Frames, bytes: u64) -> Result<Vec<u8>, Fault> {
    if bytes > file::MOST as u64 {
        return Err(Fault::new(Fault::BAD_PARAMS, format!("{} MiB are taken at most at once", file::MOST >> 20)));
    }
    let mut all = Vec::new();
    let mut limit = 0;
    loop {
        let seen = all.len() as u64;
        if seen == bytes {
            return Ok(all);
        }
        if limit < seen + WINDOW / 2 {
            limit = seen + WINDOW;
            out.bulk(stream, Body::Ack { seen, limit });
        }
        let frame = frames.recv().await.ok_or_else(|| Fault::new(Fault::GONE, "the rest of it did not come"))?;
        match frame.body() {
            Ok(Body::Data { offset, bytes: piece }) if offset == seen && seen + piece.len() as u64 <= bytes => {
                all.extend_from_slice(piece);
            }
            _ => return Err(Fault::new(Fault::INVALID, "what came on the stream is not what was announced")),
        }
    }
}

/// The topic "connections": tells the client that the book is another, whoever has changed it.
pub async fn watch(agent: Arc<Agent>) {
    let what = WatchFlags::CLOSE_WRITE
        | WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF;
    loop {
        if let Ok(dir) = agent.state()
            && let Ok(fd) = sys::watched_dirs(&[dir.path()], what)
        {
            while let Ok(mut ready) = fd.readable().await {
                tokio::time::sleep(TOGETHER).await;
                // (each event names a file: others' are not ours to tell of)
                let mut buf = [std::mem::MaybeUninit::uninit(); 4096];
                let mut reader = inotify::Reader::new(fd.get_ref(), &mut buf);
                let (mut told, mut gone) = (false, false);
                while let Ok(event) = reader.next() {
                    told |= event.file_name().is_some_and(|n| n.to_bytes() == book::FILE.as_bytes());
                    gone |= event.events().intersects(inotify::ReadFlags::DELETE_SELF | inotify::ReadFlags::MOVE_SELF);
                }
                ready.clear_ready();
                if told || gone {
                    call::notify(&agent.link.out, 0, &Notice::ConnectionsChanged);
                }
                if gone {
                    break;
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}
