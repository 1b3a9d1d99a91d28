//! Owns one connection's frames: read them one by one, write them in two lanes.
//! Leaves out what they mean.

use crate::proto::frame::{self, Body, Frame, FrameError, Kind};
use crate::proto::hello;
use crate::proto::ids::StreamId;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use zeroize::Zeroize;

/// Bulk bytes that go out in one write before urgent ones get their turn again.
const TURN: usize = 64 << 10;
/// So much of bulk goes in one write with what goes before it.
const LITTLE: usize = 4 << 10;
/// Bulk bytes waiting at which a sender should stop and wait for room.
const HIGH: usize = 256 << 10;
/// Bytes waiting at which the connection is given up: the peer breaks every limit it was given.
const MOST: usize = 64 << 20;
/// What is left when a connection is closed may take this long; a peer that does not read is not waited for longer.
const LINGER: Duration = Duration::from_secs(3);

/// Reads frames. Cancel-safe: what was read stays in the buffer.
pub struct FrameReader<R> {
    io: R,
    buf: Vec<u8>,
    start: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub fn new(io: R) -> FrameReader<R> {
        FrameReader { io, buf: Vec::new(), start: 0 }
    }

    /// The next frame; `None` at a clean end. An end inside a frame, or bytes that are no frame, are errors.
    pub async fn read_frame(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.next_buffered()? {
                return Ok(Some(frame));
            }
            if self.fill().await? == 0 {
                return if self.start == self.buf.len() {
                    Ok(None)
                } else {
                    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the peer stopped inside a frame"))
                };
            }
        }
    }

    /// A frame that is here already, without waiting.
    pub fn next_buffered(&mut self) -> io::Result<Option<Frame>> {
        let rest = self.buf.get(self.start..).unwrap_or_default();
        match frame::decode(rest) {
            Ok(Some((frame, used))) => {
                // (a call or an answer may hold a secret, and this buffer lives as long as the connection)
                if frame.kind == Kind::CALL
                    && let Some(read) = self.buf.get_mut(self.start..self.start + used)
                {
                    read.zeroize();
                }
                self.start += used;
                if self.start == self.buf.len() {
                    self.buf.clear();
                    self.start = 0;
                }
                Ok(Some(frame))
            }
            Ok(None) => Ok(None),
            Err(e) => Err(bad(e)),
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        if self.start > 0 {
            self.buf.drain(..self.start);
            self.start = 0;
        }
        // an idle connection holds no buffer worth mentioning
        if self.buf.is_empty() && self.buf.capacity() > TURN {
            self.buf = Vec::new();
        }
        self.buf.reserve(if self.buf.capacity() == 0 { 4 << 10 } else { 16 << 10 });
        self.io.read_buf(&mut self.buf).await
    }

    /// Reads past the banner and returns the build it names. Noise before it is skipped, up to 64 KiB;
    /// none found = an error that quotes the end of what was seen.
    pub async fn banner(&mut self) -> io::Result<String> {
        loop {
            if let Some((end, build)) = hello::find_banner(&self.buf) {
                self.start = end;
                return Ok(build);
            }
            let over = self.buf.len() > hello::BANNER_WITHIN;
            if over || self.io.read_buf(&mut self.buf).await? == 0 {
                let from = self.buf.len().saturating_sub(300);
                let seen = String::from_utf8_lossy(self.buf.get(from..).unwrap_or_default()).trim().to_string();
                let seen = if seen.is_empty() {
                    "it said nothing".to_string()
                } else {
                    format!("it said: {}", crate::text::escape(&seen))
                };
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("no thub agent answered ({seen})")));
            }
        }
    }
}

fn bad(e: FrameError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, e)
}

#[derive(Default)]
struct Lanes {
    urgent: Vec<u8>,
    bulk: Vec<u8>,
    closed: bool,
    /// More waited than may: nothing of it is sent any more.
    over: bool,
    /// The writer has nothing in hand.
    idle: bool,
    /// The writer has ended.
    done: bool,
}

struct Shared {
    lanes: Mutex<Lanes>,
    wake: Notify,
    room: Notify,
    shut: Notify,
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        // nobody panics while holding it; if somebody did, the bytes are still bytes
        self.lanes.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Where frames are put to be written. Cheap to clone; order is kept within a lane.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
}

impl Default for Outbox {
    fn default() -> Outbox {
        Outbox::new()
    }
}

impl Outbox {
    pub fn new() -> Outbox {
        Outbox {
            shared: Arc::new(Shared {
                lanes: Mutex::default(),
                wake: Notify::new(),
                room: Notify::new(),
                shut: Notify::new(),
            }),
        }
    }

    /// Keys, calls, acknowledgements: before any bulk.
    pub fn urgent(&self, stream: StreamId, body: Body<'_>) {
        self.put(true, |lane| body.encode(stream, lane));
    }

    /// Output, screens and what must stay in order with them.
    pub fn bulk(&self, stream: StreamId, body: Body<'_>) {
        self.put(false, |lane| body.encode(stream, lane));
    }

    /// A whole frame copied on, by a relay.
    pub fn copy(&self, frame: &Frame, urgent: bool) {
        self.put(urgent, |lane| frame.encode(lane));
    }

    fn put(&self, urgent: bool, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut lanes = self.shared.lanes();
        if lanes.closed {
            return;
        }
        let lane = if urgent { &mut lanes.urgent } else { &mut lanes.bulk };
        encode(lane);
        if lane.len() > MOST {
            (lanes.urgent, lanes.bulk) = (Vec::new(), Vec::new());
            lanes.over = true;
            drop(lanes);
            return self.close();
        }
        drop(lanes);
        self.shared.wake.notify_one();
    }

    /// Bytes that are no frame: the banner.
    pub fn raw(&self, bytes: &[u8]) {
        self.shared.lanes().urgent.extend_from_slice(bytes);
        self.shared.wake.notify_one();
    }

    /// Keys and calls that wait to be written: for who writes them in another way, and then [skips](Outbox::skip) them.
    pub fn peek(&self) -> Vec<u8> {
        self.shared.lanes().urgent.clone()
    }

    /// The first so many bytes of those are written.
    pub fn skip(&self, bytes: usize) {
        let mut lanes = self.shared.lanes();
        let bytes = bytes.min(lanes.urgent.len());
        lanes.urgent.drain(..bytes);
    }

    /// Bulk bytes not yet written.
    pub fn waiting(&self) -> usize {
        self.shared.lanes().bulk.len()
    }

    /// Returns once less than 256 KiB of bulk wait, or the connection is closed.
    pub async fn room(&self) {
        self.room_under(HIGH).await;
    }

    /// Returns once less than this of bulk waits, or the connection is closed: for what goes after the rest.
    pub async fn room_under(&self, most: usize) {
        loop {
            let room = self.shared.room.notified();
            {
                let lanes = self.shared.lanes();
                if lanes.bulk.len() < most || lanes.closed {
                    return;
                }
            }
            room.await;
        }
    }

    /// Returns once all that was put here is written, or nobody writes any more.
    pub async fn drained(&self) {
        loop {
            let done = self.shared.room.notified();
            {
                let lanes = self.shared.lanes();
                if lanes.done || (lanes.idle && lanes.urgent.is_empty() && lanes.bulk.is_empty()) {
                    return;
                }
            }
            done.await;
        }
    }

    /// Writes what is there and ends the writer.
    pub fn close(&self) {
        self.shared.lanes().closed = true;
        self.shared.wake.notify_one();
        self.shared.room.notify_waiters();
        self.shared.shut.notify_waiters();
    }

    pub fn is_closed(&self) -> bool {
        self.shared.lanes().closed
    }

    /// Writes until closed or the peer is gone. Keys and calls go before bulk, 64 KiB of bulk at a time.
    pub async fn write_to<W: AsyncWrite + Unpin>(&self, mut io: W) -> io::Result<()> {
        // also when this future is dropped half way
        let _ended = Ended(self);
        let result = tokio::select! {
            biased;
            result = self.write_loop(&mut io) => result,
            () = self.overdue() => Err(io::Error::new(io::ErrorKind::TimedOut, "the other side does not read")),
        };
        let _ = tokio::time::timeout(LINGER, io.shutdown()).await;
        result
    }

    /// Returns once what is left need not be waited for.
    async fn overdue(&self) {
        loop {
            let shut = self.shared.shut.notified();
            let (closed, over) = {
                let lanes = self.shared.lanes();
                (lanes.closed, lanes.over)
            };
            if over {
                return;
            }
            if closed {
                return tokio::time::sleep(LINGER).await;
            }
            shut.await;
        }
    }

    async fn write_loop<W: AsyncWrite + Unpin>(&self, io: &mut W) -> io::Result<()> {
        let mut turn: Vec<u8> = Vec::new();
        // bulk taken over, of which `sent` bytes are written
        let (mut bulk, mut sent): (Vec<u8>, usize) = (Vec::new(), 0);
        loop {
            let closed = {
                let mut lanes = self.shared.lanes();
                std::mem::swap(&mut turn, &mut lanes.urgent);
                if sent == bulk.len() {
                    bulk.clear();
                    sent = 0;
                    if bulk.capacity() > HIGH {
                        bulk = Vec::new();
                    }
                    std::mem::swap(&mut bulk, &mut lanes.bulk);
                }
                lanes.idle = turn.is_empty() && sent == bulk.len();
                lanes.closed
            };
            if turn.is_empty() && sent == bulk.len() {
                io.flush().await?;
                self.shared.room.notify_waiters();
                if closed {
                    return Ok(());
                }
                self.shared.wake.notified().await;
                continue;
            }
            let upto = frame_end(&bulk, sent, TURN);
            let piece = bulk.get(sent..upto).unwrap_or_default();
            if !turn.is_empty() && piece.len() <= LITTLE {
                // what was taken of a key and its echo: together, it is one packet and one turn of whoever is on the way
                turn.extend_from_slice(piece);
                io.write_all(&turn).await?;
            } else {
                io.write_all(&turn).await?;
                io.write_all(piece).await?;
            }
            turn.clear();
            sent = upto;
            if sent == bulk.len() {
                self.shared.room.notify_waiters();
            }
        }
    }
}

struct Ended<'a>(&'a Outbox);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.shared.lanes().done = true;
        self.0.close();
    }
}

/// The end of the last whole frame within `most` bytes after `from` (at least one frame): urgent frames may only go
/// between frames.
fn frame_end(buf: &[u8], from: usize, most: usize) -> usize {
    let mut at = from;
    while let Some(head) = buf.get(at..at + 4) {
        let length = u32::from_le_bytes(head.try_into().unwrap_or_default()) as usize;
        let next = at + 4 + length;
        if at > from && next - from > most {
            break;
        }
        at = next.min(buf.len());
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::frame::Kind;

    #[tokio::test(flavor = "current_thread")]
    async fn urgent_overtakes_bulk_between_frames() {
        let (a, b) = tokio::io::duplex(1024);
        let out = Outbox::new();
        let piece = vec![7u8; 16 << 10];
        for i in 0..20u64 {
            out.bulk(2, Body::Data { offset: i * piece.len() as u64, bytes: &piece });
        }
        let writer = out.clone();
        let task = tokio::spawn(async move { writer.write_to(a).await });
        let mut reader = FrameReader::new(b);
        let first = reader.read_frame().await.unwrap().unwrap();
        assert_eq!(first.kind, Kind::DATA);
        out.urgent(0, Body::Ping(1));
        let mut before = 1;
        loop {
            let f = reader.read_frame().await.unwrap().unwrap();
            if f.kind == Kind::PING {
                break;
            }
            before += 1;
        }
        assert!(before < 10, "the ping came after {before} of 20 pieces");
        out.close();
        let mut rest = 0;
        while reader.read_frame().await.unwrap().is_some() {
            rest += 1;
        }
        assert_eq!(before + rest, 20);
        task.await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_key_taken_and_its_echo_are_one_write() {
        let (a, b) = std::os::unix::net::UnixDatagram::pair().unwrap();
        a.set_nonblocking(true).unwrap();
        /// What is one write is one datagram.
        struct Whole(tokio::net::UnixDatagram);
        impl AsyncWrite for Whole {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<io::Result<usize>> {
                self.0.poll_send(cx, buf)
            }
            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<io::Result<()>> {
                std::task::Poll::Ready(Ok(()))
            }
            fn poll_shutdown(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<io::Result<()>> {
                std::task::Poll::Ready(Ok(()))
            }
        }
        let out = Outbox::new();
        out.urgent(2, Body::Ack { seen: 1, limit: 9 });
        out.bulk(2, Body::Data { offset: 0, bytes: b"x" });
        out.close();
        out.write_to(Whole(tokio::net::UnixDatagram::from_std(a).unwrap())).await.unwrap();
        let mut buf = [0; 4096];
        let n = b.recv(&mut buf).unwrap();
        let mut reader = FrameReader::new(&buf[..n]);
        assert_eq!(reader.read_frame().await.unwrap().unwrap().kind, Kind::ACK);
        assert_eq!(reader.read_frame().await.unwrap().unwrap().kind, Kind::DATA);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_peer_that_does_not_read_holds_nobody() {
        for over in [false, true] {
            let (a, _b) = tokio::io::duplex(1024);
            let out = Outbox::new();
            let writer = out.clone();
            let task = tokio::spawn(async move { writer.write_to(a).await });
            let piece = vec![7u8; 1 << 19];
            for i in 0..if over { 200 } else { 4u64 } {
                out.bulk(2, Body::Data { offset: i, bytes: &piece });
                tokio::task::yield_now().await;
            }
            assert_eq!(out.is_closed(), over);
            out.close();
            assert!(tokio::time::timeout(LINGER * 2, task).await.expect("it ends").unwrap().is_err());
            out.drained().await;
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn banner_then_frames() {
        let (mut a, b) = tokio::io::duplex(1 << 16);
        let mut bytes = b"noise\n\x1b[31m".to_vec();
        bytes.extend_from_slice(hello::banner().as_bytes());
        Body::Ping(9).encode(0, &mut bytes);
        a.write_all(&bytes).await.unwrap();
        drop(a);
        let mut r = FrameReader::new(b);
        assert_eq!(r.banner().await.unwrap(), hello::BUILD);
        assert_eq!(r.read_frame().await.unwrap().unwrap().body().unwrap(), Body::Ping(9));
        assert_eq!(r.read_frame().await.unwrap(), None);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn no_banner_quotes_what_was_seen() {
        let (mut a, b) = tokio::io::duplex(1 << 16);
        a.write_all(b"bash: thub: command not found\n").await.unwrap();
        drop(a);
        let e = FrameReader::new(b).banner().await.unwrap_err();
        assert!(e.to_string().contains("command not found"), "{e}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_end_inside_a_frame_is_an_error() {
        let (mut a, b) = tokio::io::duplex(1 << 16);
        a.write_all(&[9, 0, 0]).await.unwrap();
        drop(a);
        assert!(FrameReader::new(b).read_frame().await.is_err());
    }
}
