//! Owns a session that has ended, served from its record as if it were there. Leaves out how the record is written.

use super::{Agent, Frames, unknown};
use crate::link::call;
use crate::link::feed::Feed;
use crate::proto::control::*;
use crate::proto::frame::{Body, Frame, MAX_PIECE};
use crate::proto::hello;
use crate::proto::ids::StreamId;
use crate::proto::notice::{Notice, SessionExited};
use crate::store::rundir::End;
use crate::term::engine::Engine;
use crate::term::history::{self, History};
use crate::term::search::Search;
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes of lines looked at in one go of a search.
const BATCH: usize = 1 << 20;

fn unreadable(e: std::io::Error) -> Fault {
    Fault::new(Fault::INTERNAL, format!("the end record can't be read: {e}"))
}

/// As a client of this revision reads it.
fn last_screen(end: &End, revision: u32) -> Result<Vec<u8>, Fault> {
    let screen = end.screen().map_err(unreadable)?;
    Ok(match revision {
        2.. => screen,
        _ => Engine::restore_with_history(end.size(), &screen, 0).snapshot_plain(),
    })
}

impl Agent {
    fn open_end(&self, id: &crate::proto::ids::SessionId) -> Result<End, Fault> {
        self.run()
            .end(id)
            .map_err(|e| if e.kind() == std::io::ErrorKind::NotFound { unknown(id) } else { unreadable(e) })
    }

    /// The last screen, then the notice of the end.
    pub(super) fn attach_ended(self: &Arc<Agent>, a: SessionAttach, _frames: Frames) -> Result<SessionAttached, Fault> {
        let end = self.open_end(&a.session)?;
        let info = end.header.info.clone();
        let attached = SessionAttached {
            revision: hello::agree_on_stream((a.revision_min, a.revision_max))?,
            build: hello::BUILD.into(),
            offset: info.offset,
            screen: true,
            input_applied: Some(a.input_sent),
            input_limit: a.input_sent,
            session: info,
            ..SessionAttached::default()
        };
        // after the answer, which goes first: answers are urgent, these are not
        self.show_end(&end, a.stream, (!a.blind).then_some(attached.revision))?;
        // nothing more is heard of it
        self.link.close_stream(a.stream);
        Ok(attached)
    }

    /// The last screen of an ended session, for who wants it in a revision, and the notice of its end.
    pub(super) fn show_end(&self, end: &End, stream: StreamId, screen: Option<u32>) -> Result<(), Fault> {
        let info = &end.header.info;
        if let Some(revision) = screen {
            let (screen, to, size) = (last_screen(end, revision)?, info.offset, end.size());
            let count = screen.len().div_ceil(MAX_PIECE).max(1);
            for part in 0..count {
                let bytes =
                    screen.get(part * MAX_PIECE..((part + 1) * MAX_PIECE).min(screen.len())).unwrap_or_default();
                let body = Body::Screen { to, size, part: part as u16, last: part + 1 == count, bytes };
                self.link.out.bulk(stream, body);
            }
        }
        let exit = SessionExited { exit_code: info.exit_code, cause: info.cause.clone() };
        call::notify(&self.link.out, stream, &Notice::SessionExited(exit));
        Ok(())
    }

    pub(super) fn read_ended(self: &Arc<Agent>, r: SessionRead, frames: Frames) -> Result<SessionReading, Fault> {
        let end = self.open_end(&r.session)?;
        let (first, last) = (end.header.ring_start, end.header.ring_start.saturating_add(end.header.ring_len));
        let to = r.to.unwrap_or(u64::MAX).clamp(first, last);
        let from = r.from.clamp(first, to);
        self.serve(Feed::new(r.stream, from, to, r.window), frames, move |at, most| {
            end.ring(at, most).unwrap_or_default()
        });
        Ok(SessionReading { from, to })
    }

    pub(super) fn history_ended(
        self: &Arc<Agent>,
        h: SessionHistory,
        frames: Frames,
    ) -> Result<SessionHistoryReply, Fault> {
        let end = self.open_end(&h.session)?;
        let history = self.history_of(&end)?;
        let (from, to, bytes) = history.range(h.from, h.to);
        let bytes = history::lines_for(h.revision, bytes);
        let reply = SessionHistoryReply { from, to, open: history.is_open(), bytes: bytes.len() as u64 };
        self.serve_bytes(Feed::new(h.stream, 0, reply.bytes, h.window), frames, bytes);
        Ok(reply)
    }

    pub(super) fn capture_ended(
        self: &Arc<Agent>,
        c: SessionCapture,
        frames: Frames,
    ) -> Result<SessionCaptured, Fault> {
        let end = self.open_end(&c.session)?;
        let history = self.history_of(&end)?;
        let (from, to, bytes) = history.range(c.from.unwrap_or(u64::MAX), None);
        let mut bytes = history::lines_for(c.revision, bytes);
        let screen = last_screen(&end, c.revision)?;
        let reply = SessionCaptured {
            from,
            to,
            open: history.is_open(),
            history_bytes: bytes.len() as u64,
            screen_bytes: screen.len() as u64,
            cols: end.size().cols,
            rows: end.size().rows,
            offset: end.header.info.offset,
        };
        bytes.extend_from_slice(&screen);
        self.serve_bytes(Feed::new(c.stream, 0, bytes.len() as u64, c.window), frames, bytes);
        Ok(reply)
    }

    pub(super) fn search_ended(
        self: &Arc<Agent>,
        s: SessionSearch,
        mut frames: Frames,
    ) -> Result<SessionSearching, Fault> {
        let end = self.open_end(&s.session)?;
        let history = self.history_of(&end)?;
        let screen = Engine::restore_with_history(end.size(), &end.screen().map_err(unreadable)?, 0);
        let mut search = Search::new(&s, &history, &screen).map_err(|why| Fault::new(Fault::BAD_PARAMS, why))?;
        let (from, to) = search.range();
        let agent = self.clone();
        let released = self.hold_stream(s.stream);
        tokio::spawn(async move {
            let mut feed = Feed::open(s.stream, s.window);
            let out = &agent.link.out;
            let answered = async {
                loop {
                    if search.has_work() {
                        // on another thread, whatever the pattern: this one has others to serve
                        let batch = search.take(&history, BATCH);
                        let looked = tokio::task::spawn_blocking(move || {
                            search.look_at(batch);
                            search
                        });
                        let Ok(back) = looked.await else { return };
                        search = back;
                    }
                    feed.push(out, &mut search.ready);
                    if search.is_over() && search.ready.is_empty() {
                        return;
                    }
                    // where the reader is behind it is waited for
                    let frame = if search.has_work() { frames.try_recv().ok() } else { frames.recv().await };
                    match frame.as_ref().map(Frame::body) {
                        Some(Ok(Body::Ack { seen, limit })) => feed.ack(seen, limit),
                        None if !search.has_work() => return,
                        _ => {}
                    }
                }
            };
            tokio::select! {
                () = answered => {}
                _ = released => {}
            }
            agent.stream_ended(s.stream);
        });
        Ok(SessionSearching { from, to })
    }

    pub(super) fn marks_ended(self: &Arc<Agent>, m: SessionMarks, frames: Frames) -> Result<SessionMarksReply, Fault> {
        let marks = self.open_end(&m.session)?.marks().map_err(unreadable)?;
        let wanted = |line: &&[u8]| serde_json::from_slice::<MarkInfo>(line).is_ok_and(|mark| mark.line >= m.from);
        let bytes = marks.split_inclusive(|b| *b == b'\n').filter(wanted).flatten().copied().collect::<Vec<u8>>();
        let reply = SessionMarksReply { bytes: bytes.len() as u64 };
        self.serve_bytes(Feed::new(m.stream, 0, reply.bytes, m.window), frames, bytes);
        Ok(reply)
    }

    fn history_of(&self, end: &End) -> Result<History, Fault> {
        History::from_bytes(&end.history().map_err(unreadable)?, usize::MAX)
            .ok_or_else(|| Fault::new(Fault::INTERNAL, "the history in the end record can't be read"))
    }

    pub(super) fn serve_bytes(self: &Arc<Agent>, feed: Feed, frames: Frames, bytes: Vec<u8>) {
        self.serve(feed, frames, move |at, most| {
            let at = (at as usize).min(bytes.len());
            bytes.get(at..(at + most).min(bytes.len())).unwrap_or_default().to_vec()
        });
    }

    /// Sends bytes within the client's credit, until all is sent or the client lets go.
    fn serve(
        self: &Arc<Agent>,
        mut feed: Feed,
        mut frames: Frames,
        piece: impl Fn(u64, usize) -> Vec<u8> + Send + 'static,
    ) {
        let agent = self.clone();
        let mut released = self.hold_stream(feed.stream);
        tokio::spawn(async move {
            while !feed.pump(&agent.link.out, |at, most| Cow::Owned(piece(at, most))) {
                tokio::select! {
                    frame = frames.recv() => match frame {
                        Some(f) => {
                            if let Ok(Body::Ack { seen, limit }) = f.body() {
                                feed.ack(seen, limit);
                            }
                        }
                        None => break,
                    },
                    _ = &mut released => break,
                }
            }
            agent.stream_ended(feed.stream);
        });
    }
}
