//! Owns asking a session for what it has shown: a search, the shell's marks. Leaves out what is done with the answers.

use super::read_stream;
use crate::link::Link;
use crate::link::feed::WINDOW;
use crate::proto::control::*;
use crate::proto::frame::{Body, Frame};
use crate::proto::ids::{SessionId, StreamId};
use std::time::Duration;
use tokio::sync::mpsc;

/// A search says something within this, if only that it goes on.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest line of an answer, bytes: none is.
const LINE: usize = 64 << 10;

/// A stream for one answer. It is let go of when this is, also half way: nobody goes on answering.
struct Stream<'a> {
    link: &'a Link,
    stream: StreamId,
    frames: mpsc::UnboundedReceiver<Frame>,
}

impl Stream<'_> {
    fn open(link: &Link, stream: StreamId) -> Stream<'_> {
        Stream { link, stream, frames: link.open_stream(stream) }
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        drop(self.link.call(&SessionDetach { stream: self.stream }));
        self.link.close_stream(self.stream);
    }
}

/// What a search found.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Found {
    /// Newest first.
    pub hits: Vec<Hit>,
    /// There may be more: the limit was reached.
    pub more: bool,
}

/// Searches to the end; dropping the future ends the search. Takes the call's stream and the one after it: a session
/// that ends meanwhile is asked again, and answers from its record.
///
/// # Errors
/// As `session.search` has them, and those of the link.
pub async fn search(link: &Link, mut call: SessionSearch) -> Result<Found, Fault> {
    // what is acknowledged below goes with it
    call.window = WINDOW;
    match search_once(link, &call).await {
        Err(f) if f.code == Fault::ENDED => {
            call.stream += 2;
            search_once(link, &call).await
        }
        answer => answer,
    }
}

async fn search_once(link: &Link, call: &SessionSearch) -> Result<Found, Fault> {
    let mut stream = Stream::open(link, call.stream);
    link.call(call).await?;
    let mut found = Found::default();
    let (mut rest, mut at, mut acked) = (Vec::new(), 0u64, 0u64);
    loop {
        let frame = tokio::time::timeout(SILENCE, stream.frames.recv())
            .await
            .map_err(|_| Fault::new(Fault::TIMEOUT, "the search stopped half way"))?
            .ok_or_else(|| Fault::new(Fault::GONE, "the link is gone"))?;
        let bytes = match frame.body() {
            Ok(Body::Data { offset, bytes }) if offset == at => bytes,
            // nothing else comes on this stream but the news of its end
            Ok(Body::Call(_)) => return Err(Fault::new(Fault::ENDED, "the session ended while it was searched")),
            _ => continue,
        };
        at = at.saturating_add(bytes.len() as u64);
        rest.extend_from_slice(bytes);
        let whole = rest.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let lines: Vec<u8> = rest.drain(..whole).collect();
        for line in lines.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            let told: Searched = serde_json::from_slice(line)
                .map_err(|e| Fault::new(Fault::PARSE, format!("what was found is not understood: {e}")))?;
            if let Some(end) = told.end {
                found.more = end.more;
                return Ok(found);
            }
            found.hits.extend(told.hit.filter(|_| (found.hits.len() as u64) < SessionSearch::MOST));
        }
        if rest.len() > LINE {
            return Err(Fault::new(Fault::INVALID, "the answer to a search is none"));
        }
        if at - acked > WINDOW / 2 {
            acked = at;
            link.out.urgent(call.stream, Body::Ack { seen: at, limit: at.saturating_add(WINDOW) });
        }
    }
}

/// What the shell marked in the lines that are kept, oldest first. Takes the stream and the one after it.
///
/// # Errors
/// As `session.marks` has them, and those of the link.
pub async fn marks(link: &Link, session: &SessionId, stream: StreamId) -> Result<Vec<MarkInfo>, Fault> {
    let json = match marks_once(link, session, stream).await {
        Err(f) if f.code == Fault::ENDED => marks_once(link, session, stream + 2).await?,
        answer => answer?,
    };
    // a line that is not understood is of a newer build
    let lines = json.split(|b| *b == b'\n').filter_map(|l| serde_json::from_slice(l).ok());
    Ok(lines.collect())
}

async fn marks_once(link: &Link, session: &SessionId, stream: StreamId) -> Result<Vec<u8>, Fault> {
    let mut answer = Stream::open(link, stream);
    let reply = link.call(&SessionMarks { session: session.clone(), stream, from: 0, window: 0 }).await?;
    read_stream(link, stream, &mut answer.frames, 0, reply.bytes).await
}
