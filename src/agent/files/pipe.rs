//! Owns the stream of a call about files: what is sent within the client's credit, what comes within ours. Leaves out what it
//! is.

use super::super::{Agent, Frames};
use crate::link::call;
use crate::link::feed::{Feed, MOST, WINDOW};
use crate::proto::control::{Fault, FileInfo, FilesEnded, FilesProgress, WorkEnd};
use crate::proto::frame::{Body, Frame};
use crate::proto::ids::{Offset, StreamId};
use crate::proto::notice::Notice;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Files go last: no more of them waits to be written than this.
const TURN: usize = 32 << 10;
/// Bytes that are handed on at once, of those that have come.
const TOGETHER: usize = 1 << 20;
/// A client that says nothing for this long is not there, however long the link may still take to end: what it was writing is
/// let go of, so that it can go on over another link.
const SILENT: Duration = Duration::from_secs(20);
/// A line about work is worth its while after so many files or bytes.
const FILES: u64 = 100;
const BYTES: u64 = 4 << 20;

/// Why a stream is over before its end.
pub enum Over {
    /// The client is gone, or does not want it any more.
    Gone,
    Fault(Fault),
}
impl From<Fault> for Over {
    fn from(f: Fault) -> Over {
        Over::Fault(f)
    }
}

pub struct Pipe {
    agent: Arc<Agent>,
    stream: StreamId,
    frames: Frames,
    feed: Feed,
    /// What has come and was not handed on.
    inbox: VecDeque<Vec<u8>>,
    /// The client has said that no more comes.
    ended: bool,
    /// What comes next, and how far the client may send.
    next: Offset,
    limit: Offset,
    window: u64,
    /// Something the client should not have sent.
    wrong: Option<Fault>,
    /// Files and bytes that were told last.
    told: (u64, u64),
}

/// Credit a client gets for what it sends.
pub fn credit(window: u64) -> u64 {
    if window == 0 { WINDOW } else { window.min(MOST) }
}

impl Pipe {
    /// `from` is the offset of the first byte sent on it; nothing is taken on it before [`Pipe::accept`].
    pub fn new(agent: Arc<Agent>, stream: StreamId, frames: Frames, from: Offset, window: u64) -> Pipe {
        let feed = Feed::new(stream, from, Offset::MAX, window);
        Pipe {
            agent,
            stream,
            frames,
            feed,
            inbox: VecDeque::new(),
            ended: false,
            next: 0,
            limit: 0,
            window: 0,
            wrong: None,
            told: (0, 0),
        }
    }

    /// What the client sends from this offset on is taken.
    pub fn accept(mut self, from: Offset, window: u64) -> Pipe {
        self.window = credit(window);
        (self.next, self.limit) = (from, from.saturating_add(self.window));
        self
    }

    fn take(&mut self, frame: &Frame) {
        match frame.body() {
            Ok(Body::Ack { seen, limit }) => self.feed.ack(seen, limit),
            Ok(Body::Data { bytes: [], .. }) => self.ended = true,
            Ok(Body::Data { offset, bytes }) => {
                let end = offset.saturating_add(bytes.len() as u64);
                if offset != self.next || end > self.limit || self.ended {
                    let why = "what was sent is not where it belongs, or beyond its credit";
                    self.wrong.get_or_insert_with(|| Fault::new(Fault::BAD_PARAMS, why));
                    return;
                }
                self.next = end;
                self.inbox.push_back(bytes.to_vec());
            }
            _ => {}
        }
    }

    /// Sends bytes as far as the client takes them, after whatever else there is to send.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Over> {
        for turn in bytes.chunks(TURN) {
            self.agent.link.out.room_under(TURN).await;
            let mut turn = turn.to_vec();
            loop {
                while let Ok(frame) = self.frames.try_recv() {
                    self.take(&frame);
                }
                if self.agent.link.is_closed() {
                    return Err(Over::Gone);
                }
                self.feed.push(&self.agent.link.out, &mut turn);
                if turn.is_empty() {
                    break;
                }
                let frame = self.frames.recv().await.ok_or(Over::Gone)?;
                self.take(&frame);
            }
        }
        Ok(())
    }

    pub async fn line(&mut self, line: &impl Serialize) -> Result<(), Over> {
        let mut json = serde_json::to_vec(line).map_err(|e| Fault::new(Fault::INTERNAL, e.to_string()))?;
        json.push(b'\n');
        self.send(&json).await
    }

    /// A line about work, where there is something to tell.
    pub async fn progress(&mut self, tally: &mut crate::filesys::Tally) -> Result<(), Over> {
        if self.frames.is_closed() || self.agent.link.is_closed() {
            return Err(Over::Gone);
        }
        let (files, bytes) = tally.done_so_far();
        let due = files >= self.told.0 + FILES || bytes >= self.told.1 + BYTES || tally.has_more();
        if due {
            self.told = (files, bytes);
            self.line(&tally.line()).await?;
        }
        Ok(())
    }

    /// The last line about work.
    pub async fn end(&mut self, tally: &mut crate::filesys::Tally, fault: Option<Fault>) -> Result<(), Over> {
        let end: WorkEnd = tally.end(fault);
        loop {
            let line = tally.line();
            if !tally.has_more() {
                return self.line(&FilesProgress { end: Some(end), ..line }).await;
            }
            self.line(&line).await?;
        }
    }

    /// The next bytes that the client sends; none = no more come.
    pub async fn receive(&mut self) -> Result<Option<Vec<u8>>, Over> {
        loop {
            while let Ok(frame) = self.frames.try_recv() {
                self.take(&frame);
            }
            if let Some(mut bytes) = self.inbox.pop_front() {
                while bytes.len() < TOGETHER
                    && let Some(more) = self.inbox.pop_front()
                {
                    bytes.extend_from_slice(&more);
                }
                return Ok(Some(bytes));
            }
            if let Some(wrong) = self.wrong.take() {
                return Err(wrong.into());
            }
            if self.ended {
                return Ok(None);
            }
            let silent = self.agent.link.heard() + SILENT;
            tokio::select! {
                frame = self.frames.recv() => self.take(&frame.ok_or(Over::Gone)?),
                () = tokio::time::sleep_until(silent.into()), if !self.agent.ctx.local => {
                    if self.agent.link.heard().elapsed() >= SILENT {
                        return Err(Over::Gone);
                    }
                }
            }
        }
    }

    /// Tells the client what has been used of what it sent; `seen` may be behind what it may go on from.
    pub fn ack(&mut self, seen: Offset, used: Offset) {
        self.limit = self.limit.max(used.saturating_add(self.window));
        self.agent.link.out.urgent(self.stream, Body::Ack { seen, limit: self.limit });
    }

    /// The last word on the stream of one file; none where nobody listens any more.
    pub fn ended(&self, how: Result<FileInfo, Over>) {
        let ended = match how {
            Ok(info) => FilesEnded { info: Some(info), fault: None },
            Err(Over::Fault(fault)) => FilesEnded { info: None, fault: Some(fault) },
            Err(Over::Gone) => return,
        };
        call::notify(&self.agent.link.out, self.stream, &Notice::FilesEnded(Box::new(ended)));
    }
}
