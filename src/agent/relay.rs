//! Owns the copying of whole frames between a client's stream and a session's, unknown kinds included.
//! Leaves out what they say.

use super::sessions::{SessionLink, silent};
use super::{Agent, Frames, unknown};
use crate::link::{call, locked};
use crate::proto::control::*;
use crate::proto::frame::Kind;
use crate::proto::ids::{SessionId, StreamId};
use crate::proto::notice::{Notice, SessionExited};
use crate::proto::x11::Display;
use crate::store::rundir::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A session process answers within this: the client waits for its answer, too, and longer.
pub(super) const ANSWER: Duration = Duration::from_secs(4);
/// A session that ends while it is asked has written its record within this.
const ENDING: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(20);
/// Bytes that a socket's path may have (unix(7), without its NUL).
const SOCKET_PATH: usize = 107;

/// How a call is answered once its session has ended.
type FromRecord<M> = fn(&Arc<Agent>, M, Frames) -> Result<<M as Method>::Reply, Fault>;

/// What the client of this agent lends: what sshd (or, on this machine, the client's own shell) has put into our
/// environment.
fn lent() -> Lent {
    let display = std::env::var("DISPLAY").ok();
    Lent {
        auth_sock: crate::sys::auth_sock(),
        display: display.filter(|d| Display::parse(d).is_some_and(|d| d.is_forwarded())),
    }
}

impl Agent {
    pub(super) async fn attach(
        self: &Arc<Agent>,
        mut a: SessionAttach,
        frames: Option<Frames>,
    ) -> Result<SessionAttached, Fault> {
        let frames = frames.ok_or_else(|| Fault::new(Fault::BAD_PARAMS, "stream 0 is the link itself"))?;
        a.lent = if a.watch || a.blind { Lent::default() } else { lent() };
        crate::sys::test_point("attach");
        let (id, stream) = (a.session.clone(), a.stream);
        let until = Instant::now() + ENDING;
        loop {
            let entry = self.entry(&id);
            if let Some(entry) = &entry
                && let Some(stands) = self.soon_again(entry).await
            {
                // (or why it does not is said by now)
                if stands || self.entry(&id).is_some_and(|e| !self.is_to_come(&e)) {
                    continue;
                }
                return Err(Fault::new(Fault::TIMEOUT, format!("session {id} was lost and is begun again just now")));
            }
            match entry {
                None => return Err(unknown(&id)),
                Some(Entry::Lost(info)) => {
                    return Err(Fault::new(
                        Fault::ENDED,
                        format!("session {id} is lost: {}", info.cause.unwrap_or_default()),
                    ));
                }
                Some(Entry::Ended(_)) => return self.attach_ended(a, frames),
                Some(Entry::Alive(record)) => _ = self.mends_way(&record.info),
            }
            let asked = async {
                let session = self.dial(&id).await?;
                let theirs = session.open_stream(stream);
                let attached = session.call_within(&a, ANSWER).await?;
                Ok((session, theirs, attached))
            };
            match asked.await {
                Ok((session, theirs, attached)) => {
                    let direct = self.direct(&id).map(|socket| Direct { socket, lent: a.lent });
                    self.copy(session, stream, frames, theirs, id, Some((!a.blind).then_some(attached.revision)));
                    return Ok(SessionAttached { direct, ..attached });
                }
                Err(f) if is_end(&f) && Instant::now() < until => tokio::time::sleep(LOOK).await,
                Err(f) if is_end(&f) => return Err(Fault::new(Fault::ENDED, format!("session {id} has just ended"))),
                Err(f) => return Err(silent(&id, f)),
            }
        }
    }

    /// A session's own socket, where a client that is elsewhere may get there as well.
    fn direct(&self, id: &SessionId) -> Option<String> {
        let path = self.run().dir().path().join(format!("{id}.sock")).into_os_string().into_string().ok()?;
        (!self.ctx.local && path.starts_with('/') && path.len() <= SOCKET_PATH).then_some(path)
    }

    pub(super) async fn read(
        self: &Arc<Agent>,
        r: SessionRead,
        frames: Option<Frames>,
    ) -> Result<SessionReading, Fault> {
        self.fetch(&r.session.clone(), r.stream, r, frames, Agent::read_ended).await
    }

    pub(super) async fn history(
        self: &Arc<Agent>,
        h: SessionHistory,
        frames: Option<Frames>,
    ) -> Result<SessionHistoryReply, Fault> {
        self.fetch(&h.session.clone(), h.stream, h, frames, Agent::history_ended).await
    }

    pub(super) async fn capture(
        self: &Arc<Agent>,
        c: SessionCapture,
        frames: Option<Frames>,
    ) -> Result<SessionCaptured, Fault> {
        self.fetch(&c.session.clone(), c.stream, c, frames, Agent::capture_ended).await
    }

    pub(super) async fn search(
        self: &Arc<Agent>,
        s: SessionSearch,
        frames: Option<Frames>,
    ) -> Result<SessionSearching, Fault> {
        self.fetch(&s.session.clone(), s.stream, s, frames, Agent::search_ended).await
    }

    pub(super) async fn marks(
        self: &Arc<Agent>,
        m: SessionMarks,
        frames: Option<Frames>,
    ) -> Result<SessionMarksReply, Fault> {
        self.fetch(&m.session.clone(), m.stream, m, frames, Agent::marks_ended).await
    }

    /// A call answered on a stream: by the session, or from its record once it has ended.
    async fn fetch<M: Method>(
        self: &Arc<Agent>,
        id: &SessionId,
        stream: StreamId,
        call: M,
        frames: Option<Frames>,
        ended: FromRecord<M>,
    ) -> Result<M::Reply, Fault> {
        let frames = frames.ok_or_else(|| Fault::new(Fault::BAD_PARAMS, "stream 0 is the link itself"))?;
        let until = Instant::now() + ENDING;
        loop {
            let entry = self.run().entry(id);
            if let None | Some(Entry::Ended(_) | Entry::Lost(_)) = entry {
                return ended(self, call, frames);
            }
            let asked = async {
                let session = self.dial(id).await?;
                let theirs = session.open_stream(stream);
                let reply = session.call_within(&call, ANSWER).await?;
                Ok((session, theirs, reply))
            };
            match asked.await {
                Ok((session, theirs, reply)) => {
                    self.copy(session, stream, frames, theirs, id.clone(), None);
                    return Ok(reply);
                }
                Err(f) if is_end(&f) && Instant::now() < until => tokio::time::sleep(LOOK).await,
                Err(f) if is_end(&f) => return ended(self, call, frames),
                Err(f) => return Err(silent(id, f)),
            }
        }
    }

    /// Copies until either side is gone or the client lets go. Each direction waits for itself alone: a client that
    /// does not read its output can still type. `attached` = it is no answer's stream but a session's, whose screens are of
    /// that revision if there are any: the agent's own end is told there.
    fn copy(
        self: &Arc<Agent>,
        session: SessionLink,
        stream: StreamId,
        mut ours: Frames,
        mut theirs: Frames,
        id: SessionId,
        attached: Option<Option<u32>>,
    ) {
        let agent = self.clone();
        let released = self.hold_stream(stream);
        tokio::spawn(async move {
            let mut told = false;
            let up = async {
                // over when the client's link is, or the stream is another's
                while let Some(frame) = ours.recv().await {
                    session.out.copy(&frame, true);
                }
            };
            let down = async {
                while let Some(frame) = theirs.recv().await {
                    let ack = frame.kind == Kind::ACK;
                    told |= frame.kind == Kind::CALL && is_exit(&frame.payload);
                    if !ack {
                        agent.link.out.room().await;
                    }
                    agent.link.out.copy(&frame, ack);
                }
            };
            tokio::select! {
                () = up => {}
                () = down => {
                    // the session is gone without a word, or took another connection of this client instead
                    if !told {
                        agent.explain(&id, stream, attached.flatten());
                    }
                }
                _ = released => {
                    let leaving = locked(&agent.leaving).clone();
                    if let Some(why) = leaving.filter(|_| attached.is_some()) {
                        call::notify(&agent.link.out, stream, &Notice::AgentShuttingDown(why));
                    }
                }
            }
            drop(session);
            agent.stream_ended(stream);
        });
    }

    fn explain(&self, id: &SessionId, stream: StreamId, screen: Option<u32>) {
        let run = self.run();
        let exit = match run.entry(id) {
            // it let go of this client, or is soon there again: that one attaches anew, where it has not done so already
            Some(Entry::Alive(_)) => return call::notify(&self.link.out, stream, &Notice::SessionDropped),
            Some(entry) if screen.is_some() && self.is_to_come(&entry) => {
                return call::notify(&self.link.out, stream, &Notice::SessionDropped);
            }
            // the last words did not get through in time: they are in the record
            Some(Entry::Ended(_)) if run.end(id).is_ok_and(|end| self.show_end(&end, stream, screen).is_ok()) => return,
            Some(entry) => {
                let info = entry.info();
                SessionExited { exit_code: info.exit_code, cause: info.cause.clone() }
            }
            None => SessionExited { exit_code: None, cause: Some("it was ended".into()) },
        };
        call::notify(&self.link.out, stream, &Notice::SessionExited(exit));
    }
}

/// It ends while it is asked: soon there is its record, or none.
fn is_end(f: &Fault) -> bool {
    matches!(f.code, Fault::GONE | Fault::ENDED)
}

fn is_exit(json: &[u8]) -> bool {
    const MARK: &[u8] = b"\"session.exited\"";
    json.windows(MARK.len()).any(|w| w == MARK)
}
