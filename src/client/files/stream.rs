//! Owns the stream of one call about files, on the client's side: what comes on it, in order and within the credit given,
//! and what is sent within the agent's. Dropped, it lets go of the stream, which ends the work there. Leaves out what the
//! bytes are.

use super::Up;
use super::pace::{Pace, Share, Way};
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
/// Values with fields in a line, each of which takes far more in memory than there: agents send 512 at a time.
const VALUES: usize = 100_000;

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
    /// The next byte's offset, and how many were taken from the inbox.
    at: Offset,
    taken: Offset,
    acked: Offset,
    window: u64,
    /// The credit given last.
    given: Offset,
    pace: Pace,
    /// Its part of what may be on its way to us, where that is much; and from us.
    down: Option<Share>,
    up: Option<Share>,
    /// What is sent next, and how far it may go.
    sent: Offset,
    limit: Offset,
    /// How much more than it has taken the agent takes.
    theirs: u64,
    /// How far the agent has used what was sent.
    pub used: Offset,
    /// What comes is acknowledged as it comes: who is sending may not look at it for a while, and who works there must not
    /// wait for that.
    eager: bool,
    /// Bytes in the inbox.
    waiting: usize,
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
            given: from.saturating_add(window),
            pace: up.pace.clone(),
            down: None,
            up: None,
            sent: 0,
            limit: 0,
            theirs: 0,
            used: 0,
            eager: false,
            waiting: 0,
        }
    }

    /// One on which lines come while it is sent on.
    pub fn eager(mut self) -> Stream {
        self.eager = true;
        self
    }

    /// One on which much comes: as much at a time as the link carries.
    pub fn paced(mut self) -> Stream {
        self.down = Some(self.pace.join(Way::Down));
        self.given = self.at.saturating_add(self.window());
        self
    }

    /// Credit there is to give just now.
    pub fn window(&self) -> u64 {
        self.down.as_ref().map_or(self.window, |share| share.bytes(self.window))
    }

    pub fn id(&self) -> StreamId {
        self.id
    }

    /// From where on, and how far, bytes may be sent.
    pub fn may_send(&mut self, from: Offset, limit: Offset) {
        (self.sent, self.limit, self.used) = (from, limit, from);
        self.theirs = limit.saturating_sub(from);
        self.up = Some(self.pace.join(Way::Up));
    }

    fn take(&mut self, frame: &Frame) -> Result<(), Fault> {
        let wrong = || Fault::new(Fault::INVALID, "the host sent what does not belong there");
        match frame.body() {
            Ok(Body::Ack { seen, limit }) => {
                let more = limit.saturating_sub(self.limit);
                if let Some(share) = self.up.as_ref().filter(|_| more > 0) {
                    share.moved(usize::try_from(more).unwrap_or(usize::MAX), &self.link);
                }
                self.limit = self.limit.max(limit);
                self.used = self.used.max(seen);
            }
            Ok(Body::Data { offset, bytes }) => {
                // (the last credit given may not be there yet)
                let most = usize::try_from(self.window).unwrap_or(usize::MAX).saturating_mul(2);
                if offset != self.at || self.waiting > most {
                    return Err(wrong());
                }
                self.at = self.at.saturating_add(bytes.len() as u64);
                if let Some(share) = &self.down {
                    share.moved(bytes.len(), &self.link);
                }
                if !bytes.is_empty() {
                    self.waiting += bytes.len();
                    self.inbox.push_back(Came::Bytes(bytes.to_vec()));
                }
                if self.eager {
                    self.acknowledge(self.at);
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

    /// Takes in a frame. (Dropped, nothing is lost.)
    pub async fn more(&mut self) -> Result<(), Fault> {
        let frame = self.frames.recv().await.ok_or_else(gone)?;
        self.take(&frame)
    }

    fn acknowledge(&mut self, seen: Offset) {
        let window = self.window();
        let limit = seen.saturating_add(window).max(self.given);
        // (often: what is on its way is as much as was allowed only where it is allowed as it comes)
        if limit - self.given >= window / 16 || seen.saturating_sub(self.acked) >= self.window {
            (self.acked, self.given) = (seen, limit);
            self.link.out.urgent(self.id, Body::Ack { seen, limit });
        }
    }

    fn pop(&mut self) -> Option<Came> {
        let came = self.inbox.pop_front()?;
        if let Came::Bytes(bytes) = &came {
            self.waiting -= bytes.len();
            self.taken = self.taken.saturating_add(bytes.len() as u64);
            if !self.eager {
                self.acknowledge(self.taken);
            }
        }
        Some(came)
    }

    /// What comes next; taken, it is acknowledged. (Dropped, nothing is lost.)
    pub async fn next(&mut self) -> Result<Came, Fault> {
        loop {
            if let Some(came) = self.pop() {
                return Ok(came);
            }
            self.more().await?;
        }
    }

    /// What has come already.
    pub fn try_next(&mut self) -> Result<Option<Came>, Fault> {
        while let Ok(frame) = self.frames.try_recv() {
            self.take(&frame)?;
        }
        Ok(self.pop())
    }

    /// What is sent next.
    pub fn sent(&self) -> Offset {
        self.sent
    }

    /// Sends bytes as far as the agent takes them, after whatever else there is to send.
    ///
    /// # Errors
    /// The link is gone; or the agent has ended it, and why.
    pub async fn send(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            self.link.out.room_under(TURN).await;
            let (burst, when) = self.up.as_ref().map_or((u64::MAX, None), Share::turn);
            if let Some(when) = when {
                tokio::time::sleep_until(when.into()).await;
            }
            while let Ok(frame) = self.frames.try_recv() {
                self.take(&frame)?;
            }
            self.go_on()?;
            if self.link.is_closed() {
                return Err(gone());
            }
            // (what it has taken; what it has used may be behind, and wait for more)
            let taken = self.limit.saturating_sub(self.theirs);
            let most = self.up.as_ref().map_or(u64::MAX, |share| share.bytes(u64::MAX));
            let limit = self.limit.min(taken.saturating_add(most));
            let room = usize::try_from(limit.saturating_sub(self.sent).min(burst)).unwrap_or(usize::MAX);
            let (piece, rest) = bytes.split_at(bytes.len().min(room).min(MAX_PIECE));
            if piece.is_empty() {
                self.more().await?;
                continue;
            }
            self.link.out.bulk(self.id, Body::Data { offset: self.sent, bytes: piece });
            if let Some(share) = &self.up {
                share.sent(piece.len());
            }
            self.sent += piece.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// Whether the agent has ended it already, and why.
    pub fn go_on(&self) -> Result<(), Fault> {
        let Some(Came::Ended(ended)) = self.inbox.back() else { return Ok(()) };
        let early = || Fault::new(Fault::INVALID, "the host ended it before all was there");
        Err(ended.fault.clone().unwrap_or_else(early))
    }

    /// Says that no more comes.
    pub fn end(&self) {
        self.link.out.bulk(self.id, Body::Data { offset: self.sent, bytes: &[] });
    }
}

fn gone() -> Fault {
    Fault::new(Fault::GONE, "the link is gone")
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.link.close_stream(self.id);
        drop(self.link.call(&SessionDetach { stream: self.id }));
    }
}

/// Values with fields in JSON; brackets in strings do not count.
fn values(json: &[u8]) -> usize {
    let (mut count, mut in_string, mut escaped) = (0, false, false);
    for &b in json {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' if !in_string => count += 1,
            _ => {}
        }
    }
    count
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

    /// (Dropped, nothing is lost.)
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<T, Fault> {
        loop {
            if let Some(line) = self.line()? {
                return Ok(line);
            }
            let came = self.stream.next().await?;
            self.put(came)?;
        }
    }

    /// The next line, if it has come already.
    pub fn try_next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Fault> {
        while let Some(came) = self.stream.try_next()? {
            self.put(came)?;
        }
        self.line()
    }

    fn put(&mut self, came: Came) -> Result<(), Fault> {
        match came {
            Came::Bytes(bytes) => self.buf.extend_from_slice(&bytes),
            Came::Ended(_) => return Err(Fault::new(Fault::PARSE, "the host broke off")),
        }
        Ok(())
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
        if values(&line) > VALUES {
            return Err(bad("too much in one line"));
        }
        serde_json::from_slice(&line).map(Some).map_err(|e| bad(&e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn values_are_counted_and_brackets_in_words_are_not() {
        assert_eq!(values(br#"{"entries":[{},{"name":"{{\"{"},{"name":"\\"},{}]}"#), 5);
        assert_eq!(values(b""), 0);
    }
}
