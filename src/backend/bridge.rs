//! Owns the face that a far end without a descriptor of its own has for a session: one end of a socket pair to read and
//! write, its end, how it stands, what is wished of it. Leaves out what is at the other side: tasks copy there.
//!
//! A session's loop reads and writes descriptors. So here is a socket pair: the session has one end of it, the tasks of
//! a channel, a port or a container the other. What they write there is shown as it is.

use super::End;
use crate::link::locked;
use crate::proto::control::{Act, Device, Done, Fault};
use crate::proto::ids::Size;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::{Arc, Mutex};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};

/// What a session wishes of its far end.
pub enum Wish {
    Resize(Size),
    Act(Act, oneshot::Sender<Result<Done, Fault>>),
    /// Lets go of it.
    Close,
}

/// A session's side.
pub struct Bridge {
    /// Keeps the descriptor.
    ours: StdUnixStream,
    /// Readable once it has ended: nothing is ever written into it.
    ended: OwnedFd,
    end: Arc<Mutex<Option<End>>>,
    wishes: mpsc::UnboundedSender<Wish>,
    device: watch::Receiver<Device>,
}

/// The far end's side. It has ended once this is dropped.
pub struct Far {
    /// What is typed.
    pub typed: OwnedReadHalf,
    /// What is to be shown.
    pub shown: OwnedWriteHalf,
    pub wishes: mpsc::UnboundedReceiver<Wish>,
    pub device: watch::Sender<Device>,
    pub end: Ending,
}

/// Who says how it has ended; the first word counts.
pub struct Ending {
    end: Arc<Mutex<Option<End>>>,
    // its end tells of ours
    _alive: OwnedFd,
}

impl Ending {
    pub fn say(&self, end: End) {
        locked(&self.end).get_or_insert(end);
    }

    /// Says more of an end that was asked for.
    pub fn add(&self, words: &str) {
        let mut end = locked(&self.end);
        let end = end.get_or_insert(End { code: None, cause: None });
        let said = end.cause.take().map(|said| format!("{said}; ")).unwrap_or_default();
        end.cause = Some(format!("{said}{words}"));
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        locked(&self.end).get_or_insert(End { code: None, cause: Some("it was let go of".into()) });
    }
}

/// Both sides. To be called within the runtime that serves it from then on.
pub fn pair(device: Device) -> io::Result<(Bridge, Far)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_nonblocking(true)?;
    let (typed, shown) = UnixStream::from_std(theirs)?.into_split();
    let (ended, alive) = io::pipe()?;
    let end = Arc::new(Mutex::new(None));
    let (wishes_tx, wishes) = mpsc::unbounded_channel();
    let (device, device_rx) = watch::channel(device);
    let bridge = Bridge { ours, ended: ended.into(), end: end.clone(), wishes: wishes_tx, device: device_rx };
    Ok((bridge, Far { typed, shown, wishes, device, end: Ending { end, _alive: alive.into() } }))
}

impl Bridge {
    /// The same end once more, for tasks.
    pub fn stream(&self) -> io::Result<UnixStream> {
        self.ours.try_clone().and_then(UnixStream::from_std)
    }

    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.ours.try_clone()?.into())
    }

    pub fn end(&self) -> io::Result<OwnedFd> {
        self.ended.try_clone()
    }

    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.ours, bytes)?)
    }

    /// What is wished when it has ended is dropped, and its asker hears nothing.
    pub fn wish(&self, wish: Wish) {
        let _ = self.wishes.send(wish);
    }

    /// How it stands, and news of that.
    pub fn device(&self) -> watch::Receiver<Device> {
        self.device.clone()
    }

    pub fn close(&self) {
        locked(&self.end).get_or_insert(End { code: None, cause: Some("hung up".into()) });
        self.wish(Wish::Close);
    }

    pub fn reap(&self) -> Option<End> {
        // (what was said while it still runs is not its end)
        if Arc::strong_count(&self.end) > 1 {
            return None;
        }
        locked(&self.end).clone()
    }
}
