//! Owns how a forwarded channel is read: what its reader here does not take yet goes into memory, then into a file
//! (`spill`), so that it never makes russh wait. Leaves out writing.

use super::{ChannelMsg, End, Exit, Inner, Keep, Shared};
use crate::transport::ssh::spill::Spill;
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Forwarded bytes held in memory for one reader; more wait in a file, and come back as it goes below the second.
const MOST: usize = 256 << 10;
pub(super) const LOW: usize = 64 << 10;
/// What comes while a file is written waits up to here; then the whole connection does.
const FRESH_MOST: usize = 8 << 20;
/// Where the files are full: a reader that takes nothing for so long is given up.
const FULL_WITHIN: Duration = Duration::from_secs(2);

/// The file, and what was read of it.
type Work = JoinHandle<io::Result<(Spill, Vec<u8>)>>;

/// What a channel's reader has not taken, beyond memory.
#[derive(Default)]
struct Behind {
    /// Not in a file yet.
    fresh: VecDeque<Bytes>,
    fresh_len: usize,
    file: Option<Spill>,
    /// The file is being written or read, on another thread.
    work: Option<Work>,
    /// Since when there is no room for more.
    full: Option<Instant>,
}

impl Behind {
    fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.work.is_none() && self.file.as_ref().is_none_or(Spill::is_empty)
    }

    fn add(&mut self, data: Bytes) {
        self.fresh_len += data.len();
        self.fresh.push_back(data);
    }

    /// Moves what can be moved, `unread` bytes being in memory. What is returned goes into memory.
    fn turn(&mut self, unread: usize) -> Option<Bytes> {
        if self.work.is_some() {
            return None;
        }
        if self.file.as_ref().is_none_or(Spill::is_empty) {
            if unread < MOST
                && let Some(data) = self.fresh.pop_front()
            {
                self.fresh_len -= data.len();
                return Some(data);
            }
        } else if unread < LOW {
            self.start(Spill::pull);
            return None;
        }
        if self.fresh_len >= MOST {
            if Spill::has_room(self.fresh_len) {
                self.full = None;
                let all: Vec<Bytes> = std::mem::take(&mut self.fresh).into();
                self.fresh_len = 0;
                self.start(move |spill| spill.push(&all.concat()).map(|()| Vec::new()));
            } else {
                self.full.get_or_insert_with(Instant::now);
            }
        } else {
            // it was taken after all
            self.full = None;
        }
        None
    }

    fn start(&mut self, work: impl FnOnce(&mut Spill) -> io::Result<Vec<u8>> + Send + 'static) {
        let file = self.file.take();
        self.work = Some(tokio::task::spawn_blocking(move || {
            let mut file = match file {
                Some(file) => file,
                None => Spill::new()?,
            };
            let done = work(&mut file)?;
            Ok((file, done))
        }));
    }

    /// Waits for the file; None = it failed.
    async fn worked(&mut self) -> Option<Vec<u8>> {
        let Some(work) = &mut self.work else { return std::future::pending().await };
        let done = work.await;
        self.work = None;
        match done {
            Ok(Ok((file, bytes))) => {
                self.file = Some(file);
                Some(bytes)
            }
            Ok(Err(e)) => {
                tracing::warn!(error = %e, "what a forward's reader does not take can't be kept");
                None
            }
            Err(_) => None,
        }
    }
}

/// Like the other channels' reader: what its reader does not take yet does not make russh wait.
pub(super) async fn read_all(mut read: russh::ChannelReadHalf, shared: Arc<Shared>, keep: Keep) {
    let mut behind = Behind::default();
    // nothing more comes from there; it is said once all before it was handed on
    let mut end: Option<End> = None;
    let mut over = false;
    loop {
        {
            let mut inner = shared.lock();
            if inner.dropped {
                break;
            }
            while let Some(data) = behind.turn(inner.unread_len) {
                inner.unread_len += data.len();
                inner.unread.push_back(data);
            }
            let empty = behind.is_empty();
            inner.spilled = !empty;
            if empty && let Some(end) = end {
                inner.ended = inner.ended.or(Some(end));
            }
            wake_reader(inner);
            if empty && over {
                break;
            }
        }
        if behind.full.is_some_and(|since| since.elapsed() > FULL_WITHIN) {
            broken(&shared);
            break;
        }
        let held = behind.fresh_len >= FRESH_MOST;
        let full = behind.full.is_some();
        let message = tokio::select! {
            biased;
            () = shared.gone.notified() => break,
            () = shared.room.notified() => continue,
            worked = behind.worked() => match worked {
                Some(bytes) => {
                    let mut inner = shared.lock();
                    inner.unread_len += bytes.len();
                    if !bytes.is_empty() {
                        inner.unread.push_back(Bytes::from(bytes));
                    }
                    continue;
                }
                None => {
                    broken(&shared);
                    break;
                }
            },
            message = read.wait(), if !over && !held => message,
            // room is made by other channels' readers too, and nobody tells of that
            () = tokio::time::sleep(Duration::from_millis(20)), if full => continue,
        };
        if std::mem::take(&mut shared.lock().shut_out) {
            shared.window.notify_one();
        }
        match message {
            Some(ChannelMsg::Data { data }) => {
                if !data.is_empty() {
                    behind.add(data);
                }
            }
            Some(ChannelMsg::Eof) => end = end.or(Some(End::Eof)),
            Some(ChannelMsg::Close) | None => {
                end = end.or(Some(if message.is_some() { End::Eof } else { End::Lost }));
                over = true;
                close_inner(&shared);
            }
            Some(_) => {}
        }
    }
    drop(read);
    drop(keep);
}

fn wake_reader(mut inner: MutexGuard<'_, Inner>) {
    let reader = inner.read_waker.take();
    drop(inner);
    if let Some(reader) = reader {
        reader.wake();
    }
}

/// Nothing can be written any more.
fn close_inner(shared: &Shared) {
    let mut inner = shared.lock();
    inner.closed = true;
    inner.exit = inner.exit.take().or(Some(Exit::Unknown));
    let writer = inner.write_waker.take();
    drop(inner);
    if let Some(writer) = writer {
        writer.wake();
    }
    shared.exited.notify_waiters();
    shared.to_write.notify_one();
}

/// Broken off: its reader hears of an error.
fn broken(shared: &Shared) {
    let mut inner = shared.lock();
    inner.ended = Some(End::Lost);
    wake_reader(inner);
    close_inner(shared);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_takes_it_after_all_is_not_given_up() {
        let mut behind = Behind { full: Some(Instant::now()), ..Behind::default() };
        behind.add(Bytes::from_static(&[7; 1000]));
        assert!(behind.turn(MOST).is_none() && behind.full.is_none(), "little waits: nothing is full");
        behind.full = Some(Instant::now());
        while behind.turn(0).is_some() {}
        assert!(behind.full.is_none() && behind.is_empty());
    }
}
