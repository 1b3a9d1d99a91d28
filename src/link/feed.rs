//! Owns an answer that is too large for a call: bytes `at..end` sent on a stream within the reader's credit.
//! Leaves out where the bytes come from.

use super::conn::Outbox;
use crate::proto::frame::{Body, MAX_PIECE};
use crate::proto::ids::{Offset, StreamId};

/// Credit where a reader gives none: 256 KiB.
pub const WINDOW: u64 = 256 << 10;

/// Largest credit a reader may give beyond what it has seen: 16 MiB.
const MOST: u64 = 16 << 20;

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
