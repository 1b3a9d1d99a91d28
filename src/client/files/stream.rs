//! Owns the stream of one call about files, on the client's side: what comes on it, in order and within the credit given,
//! and what is sent within the agent's. Dropped, it lets go of the stream, which ends the work there. Leaves out what the
//! bytes are.

use super::Up;
use crate::link::{Link, call};
use crate::proto::control::{Fault, FilesEnded, SessionDetach};
use crate::proto::frame::{Body, Frame, MAX_PIECE};
use crate::proto::ids::{Offset, StreamId};
use crate::proto::notice::Notice;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use tokio::sync::mpsc;

/// Files go last: no more of them waits to be written than this.
const TURN: usize = 32 << 10;
/// Longest line: more is none.
const LINE: usize = 32 << 20;

/// What comes on a stream.
pub enum Came {
    Bytes(Vec<u8>),
    Ended(FilesEnded),
}

pub struct Stream {
    link: Link,
    id: StreamId,
    frames: mpsc::UnboundedReceiver<Frame>,
    /// What came while there was something to send.
    inbox: VecDeque<Came>,
    /// The next byte's offset, and what of them was taken from here.
    at: Offset,
    taken: Offset,
    acked: Offset,
    window: u64,
    /// What is sent next, and how far it may go.
    sent: Offset,
    limit: Offset,
    /// How far the agent has used what was sent.
    pub used: Offset,
}

impl Stream {
    /// Credit of a file's bytes: 4 MiB.
    pub const WINDOW: u64 = 4 << 20;

    /// One for a call that is about to be sent; `window` 0 = as the agent has it.
    pub fn open(up: &Up, from: Offset, window: u64) -> Stream {
        let (link, id) = (up.link.clone(), up.stream());
        let frames = link.open_stream(id);
        let window = if window == 0 { crate::link::feed::WINDOW } else { window };
        Stream {
            link,
            id,
            frames,
            inbox: VecDeque::new(),
            at: from,
            taken: from,
            acked: from,
            window,
            sent: 0,
            limit: 0,
            used: 0,
        }
    }

    pub fn id(&self) -> StreamId {
        self.id
    }

    /// From where on, and how far, bytes may be sent.
    pub fn may_send(&mut self, from: Offset, limit: Offset) {
        (self.sent, self.limit, self.used) = (from, limit, from);
    }

    fn take(&mut self, frame: &Frame) -> Result<(), Fault> {
        let wrong = || Fault::new(Fault::INVALID, "the host sent what does not belong there");
        match frame.body() {
            Ok(Body::Ack { seen, limit }) => {
                self.limit = self.limit.max(limit);
                self.used = self.used.max(seen);
            }
            Ok(Body::Data { offset, bytes }) => {
                // (the last credit given may not be there yet)
                if offset != self.at || offset.saturating_sub(self.taken) > self.window.saturating_mul(2) {
                    return Err(wrong());
                }
                self.at = self.at.saturating_add(bytes.len() as u64);
                if !bytes.is_empty() {
                    self.inbox.push_back(Came::Bytes(bytes.to_vec()));
                }
            }
            Ok(Body::Call(json)) => {
                if let Ok(call::Message::Notice { method, params }) = call::parse(json)
                    && let Some(Notice::FilesEnded(ended)) = Notice::from_wire(&method, params)
                {
                    self.inbox.push_back(Came::Ended(*ended));
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<(), Fault> {
        let gone = || Fault::new(Fault::GONE, "the link is gone");
        let frame = self.frames.recv().await.ok_or_else(gone)?;
        self.take(&frame)
    }

    /// What comes next; taken, it is acknowledged.
    pub async fn next(&mut self) -> Result<Came, Fault> {
        loop {
            if let Some(came) = self.inbox.pop_front() {
                if let Came::Bytes(bytes) = &came {
                    self.taken = self.taken.saturating_add(bytes.len() as u64);
                    if self.taken - self.acked >= self.window / 4 {
                        self.acked = self.taken;
                        let limit = self.taken.saturating_add(self.window);
                        self.link.out.urgent(self.id, Body::Ack { seen: self.taken, limit });
                    }
                }
                return Ok(came);
            }
            self.more().await?;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.link.close_stream(self.id);
        drop(self.link.call(&SessionDetach { stream: self.id }));
    }
}

/// A stream of JSON, a value a line.
pub struct Lines {
    pub stream: Stream,
    buf: Vec<u8>,
    /// Bytes of it that are no line's end.
    looked: usize,
}

impl Lines {
    pub fn new(stream: Stream) -> Lines {
        Lines { stream, buf: Vec::new(), looked: 0 }
    }

    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<T, Fault> {
        loop {
            if let Some(line) = self.line()? {
                return Ok(line);
            }
            match self.stream.next().await? {
                Came::Bytes(bytes) => self.buf.extend_from_slice(&bytes),
                Came::Ended(_) => return Err(Fault::new(Fault::PARSE, "the host broke off")),
            }
        }
    }

    fn line<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Fault> {
        let bad = |what: &str| Fault::new(Fault::PARSE, format!("what the host says is not understood: {what}"));
        let rest = self.buf.get(self.looked..).unwrap_or_default();
        let Some(end) = rest.iter().position(|b| *b == b'\n').map(|at| self.looked + at) else {
            self.looked = self.buf.len();
            return if self.looked > LINE { Err(bad("a line without an end")) } else { Ok(None) };
        };
        let line: Vec<u8> = self.buf.drain(..=end).collect();
        self.looked = 0;
        if !crate::proto::frame::json_depth_ok(&line) {
            return Err(bad("too deep"));
        }
        serde_json::from_slice(&line).map(Some).map_err(|e| bad(&e.to_string()))
    }
}
