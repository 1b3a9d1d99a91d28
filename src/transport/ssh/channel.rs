//! Owns one SSH channel as a byte stream: [`Channel`], its stderr tail, its exit status. Leaves out what flows.
//!
//! Two tasks a channel. The reader takes whatever russh hands over, always, into a buffer of ours: russh gives window
//! back on receipt and then waits inside its session loop for a queue of 100 messages, so one unread channel would stall
//! every other one, typed keys included. Past 8 MiB unread the reader stops all the same, for memory has an end; a link
//! carries one agent channel, whose credit keeps far less in flight, and the short commands beside it are read to their
//! end by [`super::Ssh::output`], so that is a bound for a host that ignores the limits, not a way things run.
//! Forwarded data has no such credit, and its readers no such manners: past 256 KiB it goes into a file (`bulk`, `spill`), and the
//! reader goes on. Only where 1 GiB waits there is the connection held, for a moment, and then the channel broken off.
//! The writer takes from a 256 KiB buffer: russh's own `AsyncWrite` reserves window for the bytes of a write that may be
//! cancelled, and then reports more bytes written than the next one has. Nothing waits on a timer: a write wakes the
//! writer, which hands it to russh at once.

mod bulk;

use super::connect::Keep;
use super::lane::{Lane, PIECE};
use bytes::{Buf, Bytes};
use russh::ChannelMsg;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// How a stream says that its connection ended; what runs over it hears these words.
pub(super) const LOST: &str = "the connection was lost";
const UNREAD_MOST: usize = 8 << 20;
const UNWRITTEN_MOST: usize = 256 << 10;
const STDERR_KEPT: usize = 4 << 10;

/// How a command on the host ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exit {
    Code(u32),
    /// Killed by this signal, as the host names it.
    Signal(String),
    /// The channel closed without a word, or the connection was lost.
    Unknown,
}

#[derive(Default)]
struct Inner {
    unread: VecDeque<Bytes>,
    unread_len: usize,
    unwritten: VecDeque<Bytes>,
    unwritten_len: usize,
    stderr: VecDeque<u8>,
    /// Nothing more comes.
    ended: Option<End>,
    exit: Option<Exit>,
    /// Closed on the host's side: nothing more can be written.
    closed: bool,
    refused: bool,
    /// Our side writes no more; sent once the buffer is empty.
    finish: bool,
    finished: bool,
    /// The terminal there is to have this size: columns, rows.
    resize: Option<(u16, u16)>,
    /// The stream was dropped: discard, close.
    dropped: bool,
    /// Some of it waits in a file.
    spilled: bool,
    /// The writer waits for the host to open its window.
    shut_out: bool,
    read_waker: Option<Waker>,
    write_waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Eof,
    Lost,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    /// Something to write, or to close.
    to_write: Notify,
    /// Perhaps the host takes more.
    window: Notify,
    /// Room in the buffer of what was read.
    room: Notify,
    exited: Notify,
    /// The stream was dropped.
    gone: Notify,
}

impl Shared {
    /// No code of others runs under the lock, and none is held over an await.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }

    async fn wait(&self) -> Exit {
        loop {
            let exited = self.exited.notified();
            tokio::pin!(exited);
            exited.as_mut().enable();
            if let Some(exit) = self.lock().exit.clone() {
                return exit;
            }
            exited.await;
        }
    }
}

/// One command on the host: its stdin and stdout as a stream. Dropping it closes the channel.
pub struct Channel {
    shared: Arc<Shared>,
    /// Most bytes of one write.
    piece: usize,
}

/// Tells when the host has closed a channel, beside its streams.
pub(super) struct Closing(Arc<Shared>);

impl Closing {
    pub(super) async fn wait(&self) {
        loop {
            let exited = self.0.exited.notified();
            tokio::pin!(exited);
            exited.as_mut().enable();
            if self.0.lock().closed {
                return;
            }
            exited.await;
        }
    }
}

impl Channel {
    /// Starts both tasks. `keep` is what has to outlive the channel (the connection under it).
    pub(super) fn spawn(channel: russh::Channel<russh::client::Msg>, keep: Keep) -> Channel {
        let shared = Arc::new(Shared::default());
        let (read, write) = channel.split();
        tokio::spawn(read_all(read, shared.clone(), keep));
        tokio::spawn(write_all(write, shared.clone(), None));
        Channel { shared, piece: UNWRITTEN_MOST }
    }

    /// For bulk data, which gives way to everything else that is sent on the connection.
    pub(super) fn bulk(channel: russh::Channel<russh::client::Msg>, keep: Keep, lane: Arc<Lane>) -> Channel {
        let shared = Arc::new(Shared::default());
        let (read, write) = channel.split();
        tokio::spawn(bulk::read_all(read, shared.clone(), keep));
        tokio::spawn(write_all(write, shared.clone(), Some(lane)));
        Channel { shared, piece: PIECE }
    }

    /// For another SSH connection that runs over this one, or an SFTP session: what it writes goes out turn by turn, so that little of it
    /// waits on the way and its own keys go first; see [`Channel::poll_handed_on`].
    pub(super) fn under(channel: russh::Channel<russh::client::Msg>, keep: Keep, lane: Arc<Lane>) -> Channel {
        let shared = Arc::new(Shared::default());
        let (read, write) = channel.split();
        tokio::spawn(read_all(read, shared.clone(), keep));
        tokio::spawn(write_all(write, shared.clone(), Some(lane)));
        Channel { shared, piece: UNWRITTEN_MOST }
    }

    /// Ready once all that was written has had its turn; also where the channel is over.
    pub(super) fn poll_handed_on(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.shared.lock();
        if inner.unwritten_len == 0 || inner.closed {
            return Poll::Ready(Ok(()));
        }
        inner.write_waker = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn closing(&self) -> Closing {
        Closing(self.shared.clone())
    }

    /// The last 4 KiB of what the command wrote to stderr.
    pub fn stderr_tail(&self) -> Vec<u8> {
        self.shared.lock().stderr.iter().copied().collect()
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        self.shared.lock().exit.clone()
    }

    /// The host would not run the command at all.
    pub fn was_refused(&self) -> bool {
        self.shared.lock().refused
    }

    /// Waits until the command has ended.
    pub async fn wait(&self) -> Exit {
        self.shared.wait().await
    }

    /// What can be asked and told while the stream itself is being read and written.
    pub fn control(&self) -> Control {
        Control { shared: self.shared.clone() }
    }

    /// Puts bytes back in front: they are what is read next.
    pub fn unread(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut inner = self.shared.lock();
        inner.unread_len += bytes.len();
        inner.unread.push_front(Bytes::copy_from_slice(bytes));
    }
}

/// A channel beside its stream; it keeps nothing open.
pub struct Control {
    shared: Arc<Shared>,
}

impl Control {
    /// The terminal there gets another size (RFC 4254, 6.7). The last one asked for is the one that counts.
    pub fn resize(&self, cols: u16, rows: u16) {
        self.shared.lock().resize = Some((cols, rows));
        self.shared.to_write.notify_one();
    }

    /// So much waits to be read that nothing more is taken: the whole connection stands still until somebody reads.
    pub fn is_full(&self) -> bool {
        self.shared.lock().unread_len >= UNREAD_MOST
    }

    /// Waits until the command has ended.
    pub async fn wait(&self) -> Exit {
        self.shared.wait().await
    }
}

async fn read_all(mut read: russh::ChannelReadHalf, shared: Arc<Shared>, keep: Keep) {
    loop {
        let full = {
            let inner = shared.lock();
            if inner.dropped {
                break;
            }
            inner.unread_len >= UNREAD_MOST
        };
        if full {
            shared.room.notified().await;
            continue;
        }
        let message = tokio::select! {
            biased;
            () = shared.gone.notified() => break,
            message = read.wait() => message,
        };
        let mut inner = shared.lock();
        // the message that a window was opened may be lost where much is waiting: then any other is taken for it
        if std::mem::take(&mut inner.shut_out) {
            shared.window.notify_one();
        }
        match message {
            Some(ChannelMsg::Data { data }) => {
                if !data.is_empty() {
                    inner.unread_len += data.len();
                    inner.unread.push_back(data);
                }
            }
            Some(ChannelMsg::ExtendedData { data, ext: 1 }) => {
                let keep_from = data.len().saturating_sub(STDERR_KEPT);
                inner.stderr.extend(data.iter().skip(keep_from));
                let over = inner.stderr.len().saturating_sub(STDERR_KEPT);
                inner.stderr.drain(..over);
                continue;
            }
            Some(ChannelMsg::Eof) => inner.ended = inner.ended.or(Some(End::Eof)),
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                inner.exit = inner.exit.take().or(Some(Exit::Code(exit_status)));
            }
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                inner.exit = inner.exit.take().or_else(|| Some(Exit::Signal(format!("{signal_name:?}"))));
            }
            Some(ChannelMsg::Failure) => inner.refused = true,
            Some(ChannelMsg::Close) => {
                inner.ended = inner.ended.or(Some(End::Eof));
                inner.closed = true;
            }
            None => {
                // without a Close before: the connection is gone
                inner.ended = inner.ended.or(Some(End::Lost));
                inner.closed = true;
            }
            Some(_) => continue,
        }
        if inner.refused || inner.closed {
            inner.ended = inner.ended.or(Some(End::Eof));
            inner.closed = true;
            inner.exit = inner.exit.take().or(Some(Exit::Unknown));
        }
        let (reader, writer) = (inner.read_waker.take(), inner.closed.then(|| inner.write_waker.take()).flatten());
        let (closed, exited) = (inner.closed, inner.exit.is_some());
        drop(inner);
        for waker in [reader, writer].into_iter().flatten() {
            waker.wake();
        }
        if exited {
            shared.exited.notify_waiters();
        }
        if closed {
            shared.to_write.notify_one();
            break;
        }
    }
    // a queue without a receiver never makes the session loop wait; and russh forgets a channel that we close first only
    // with the connection, so waiting here for its end would keep the connection for ever
    drop(read);
    drop(keep);
}

/// Hands one piece to russh, as far as host and lane let it, and waits for neither at russh's queue.
async fn send(
    write: &russh::ChannelWriteHalf<russh::client::Msg>,
    shared: &Shared,
    lane: Option<&Lane>,
    mut chunk: Bytes,
) -> Result<(), russh::Error> {
    let Some(lane) = lane else { return write.data_bytes(chunk).await };
    while !chunk.is_empty() {
        let window = loop {
            // said before it is looked at: what opens the window in between is heard
            shared.lock().shut_out = true;
            match write.writable_packet_size().await {
                0 => shared.window.notified().await,
                n => break n,
            }
        };
        let part = chunk.split_to(chunk.len().min(window).min(PIECE));
        lane.take(part.len()).await;
        write.data_bytes(part).await?;
    }
    Ok(())
}

async fn write_all(write: russh::ChannelWriteHalf<russh::client::Msg>, shared: Arc<Shared>, lane: Option<Arc<Lane>>) {
    enum Next {
        Data(Bytes),
        Resize(u16, u16),
        Eof,
        Close,
        Wait,
    }
    loop {
        let next = {
            let mut inner = shared.lock();
            if inner.dropped || inner.closed {
                Next::Close
            } else if let Some((cols, rows)) = inner.resize.take() {
                Next::Resize(cols, rows)
            } else if let Some(chunk) = inner.unwritten.pop_front() {
                Next::Data(chunk)
            } else if inner.finish && !inner.finished {
                Next::Eof
            } else {
                Next::Wait
            }
        };
        let sent = match next {
            Next::Data(chunk) => {
                let len = chunk.len();
                // a window that never opens must not keep a dropped or closed channel: watch for that as well
                let sending = send(&write, &shared, lane.as_deref(), chunk);
                tokio::pin!(sending);
                let sent = loop {
                    tokio::select! {
                        sent = &mut sending => break sent,
                        () = shared.to_write.notified() => {
                            let inner = shared.lock();
                            if inner.dropped || inner.closed {
                                break Ok(());
                            }
                        }
                    }
                };
                let mut inner = shared.lock();
                inner.unwritten_len = inner.unwritten_len.saturating_sub(len);
                if let Some(waker) = inner.write_waker.take() {
                    waker.wake();
                }
                sent
            }
            Next::Resize(cols, rows) => write.window_change(u32::from(cols), u32::from(rows), 0, 0).await,
            Next::Eof => {
                let sent = write.eof().await;
                let mut inner = shared.lock();
                inner.finished = true;
                if let Some(waker) = inner.write_waker.take() {
                    waker.wake();
                }
                sent
            }
            Next::Close => {
                let _ = write.close().await;
                return;
            }
            Next::Wait => {
                shared.to_write.notified().await;
                Ok(())
            }
        };
        if sent.is_err() {
            // the session is gone: the reader hears of it too
            let mut inner = shared.lock();
            inner.closed = true;
            if let Some(waker) = inner.write_waker.take() {
                waker.wake();
            }
            return;
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        inner.dropped = true;
        // what was written and not yet handed over is given up with the stream
        inner.unread.clear();
        inner.unread_len = 0;
        drop(inner);
        self.shared.to_write.notify_one();
        self.shared.room.notify_one();
        self.shared.gone.notify_one();
    }
}

impl AsyncRead for Channel {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.shared.lock();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let was_full = inner.unread_len >= UNREAD_MOST;
        let mut took = 0;
        while buf.remaining() > 0 {
            let Some(chunk) = inner.unread.front_mut() else { break };
            let n = chunk.len().min(buf.remaining());
            if let Some(part) = chunk.get(..n) {
                buf.put_slice(part);
            }
            chunk.advance(n);
            took += n;
            if chunk.is_empty() {
                inner.unread.pop_front();
            }
        }
        inner.unread_len = inner.unread_len.saturating_sub(took);
        if took > 0 {
            let room = was_full && inner.unread_len < UNREAD_MOST || inner.spilled && inner.unread_len < bulk::LOW;
            drop(inner);
            if room {
                self.shared.room.notify_one();
            }
            return Poll::Ready(Ok(()));
        }
        match inner.ended {
            Some(_) if inner.refused => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the host does not run commands for this account",
            ))),
            Some(End::Eof) => Poll::Ready(Ok(())),
            Some(End::Lost) => Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, LOST))),
            None => {
                inner.read_waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Channel {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut inner = self.shared.lock();
        if inner.closed || inner.finish {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = UNWRITTEN_MOST.saturating_sub(inner.unwritten_len);
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let Some(part) = buf.get(..buf.len().min(room).min(self.piece)).filter(|p| !p.is_empty()) else {
            inner.write_waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        inner.unwritten_len += part.len();
        inner.unwritten.push_back(Bytes::copy_from_slice(part));
        drop(inner);
        self.shared.to_write.notify_one();
        Poll::Ready(Ok(part.len()))
    }

    /// A write is on its way already.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// EOF on the command's stdin, after everything written before it.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.shared.lock();
        if inner.finished || inner.closed {
            return Poll::Ready(Ok(()));
        }
        inner.finish = true;
        inner.write_waker = Some(cx.waker().clone());
        drop(inner);
        self.shared.to_write.notify_one();
        Poll::Pending
    }
}
