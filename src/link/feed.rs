//! Owns an answer that is too large for a call: bytes `at..end` sent on a stream within the reader's credit.
//! Leaves out where the bytes come from.

use super::conn::Outbox;
use crate::proto::frame::{Body, MAX_PIECE};
use crate::proto::ids::{Offset, StreamId};

/// Credit where a reader gives none: 256 KiB.
pub const WINDOW: u64 = 256 << 10;

/// Largest credit a reader may give beyond what it has seen: 16 MiB.
pub const MOST: u64 = 16 << 20;

pub struct Feed {
    pub stream: StreamId,
    at: Offset,
    end: Offset,
    limit: Offset,
}

impl Feed {
    /// `window` 0 = the usual one.
    pub fn new(stream: StreamId, from: Offset, to: Offset, window: u64) -> Feed {
        let window = if window == 0 { WINDOW } else { window.min(MOST) };
        Feed { stream, at: from, end: to, limit: from.saturating_add(window) }
    }

    /// An answer whose length nobody knows yet: see [`Feed::push`].
    pub fn open(stream: StreamId, window: u64) -> Feed {
        Feed::new(stream, 0, Offset::MAX, window)
    }

    /// Sends of `ready` what the credit allows, and takes it away.
    pub fn push(&mut self, out: &Outbox, ready: &mut Vec<u8>) {
        let room = self.end.min(self.limit).saturating_sub(self.at).min(ready.len() as u64) as usize;
        let mut sent = 0;
        while let Some(piece) = ready.get(sent..room.min(sent + MAX_PIECE)).filter(|p| !p.is_empty()) {
            out.bulk(self.stream, Body::Data { offset: self.at, bytes: piece });
            self.at += piece.len() as u64;
            sent += piece.len();
        }
        ready.drain(..sent);
    }

    /// The reader's acknowledgement.
    pub fn ack(&mut self, seen: Offset, limit: Offset) {
        self.limit = self.limit.max(limit.min(seen.saturating_add(MOST)));
    }

    /// Sends what the credit allows; `piece(offset, most)` gives bytes from an offset on, none = they are lost.
    /// True once all is sent.
    pub fn pump<'a>(
        &mut self,
        out: &Outbox,
        mut piece: impl FnMut(Offset, usize) -> std::borrow::Cow<'a, [u8]>,
    ) -> bool {
        while self.at < self.end.min(self.limit) {
            let most = (self.end.min(self.limit) - self.at).min(MAX_PIECE as u64) as usize;
            let bytes = piece(self.at, most);
            if bytes.is_empty() {
                // let go of meanwhile: said by an empty piece, so that the reader does not wait for ever
                out.bulk(self.stream, Body::Data { offset: self.end, bytes: &[] });
                self.at = self.end;
                break;
            }
            out.bulk(self.stream, Body::Data { offset: self.at, bytes: &bytes });
            self.at += bytes.len() as u64;
        }
        self.at >= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_one_keeps_to_its_credit() {
        let out = Outbox::new();
        let mut feed = Feed::open(2, 100);
        let mut ready = vec![b'x'; 250];
        feed.push(&out, &mut ready);
        assert_eq!(ready.len(), 150);
        let waiting = out.waiting();
        feed.push(&out, &mut ready);
        assert_eq!((ready.len(), out.waiting()), (150, waiting), "no credit, nothing sent");
        feed.ack(100, 300);
        feed.push(&out, &mut ready);
        assert!(ready.is_empty() && out.waiting() > waiting + 150);
    }
}
