//! Owns the way past the agent: to a host that is near, a session that is typed into is attached once more, over a channel
//! to its own socket, as after a drop; the session then lets go of the agent's stream. Whatever fails there goes on over
//! the agent. Leaves out attaching itself.
//!
//! There and back the agent is two of the eight times that somebody is woken for a key: on a machine beside this one a
//! good part of what it takes, over a longer way nothing. A link reads all that comes, and gives up no write while it lives:
//! so it may lie on the channel itself.

use super::{Inner, Live, Task};
use crate::client::host::attached::{Attached, Waiting};
use crate::link::Link;
use crate::link::conn::Outbox;
use crate::link::credit::OutputCredit;
use crate::proto::control::{Direct, Lent, SessionAttach, SessionDetach, SessionGet};
use crate::proto::ids::{SessionId, StreamId};
use crate::transport::ssh::Ssh;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// A host with a shorter round trip is near.
const NEAR: Duration = Duration::from_millis(5);
/// The way is open within this, and again the session's first answer is here; or else there is none.
const OPEN: Duration = Duration::from_secs(2);

/// Dropped, the way is given up; told, it is in use, and ends with its link.
type Held = oneshot::Sender<()>;

/// Where one session's stands.
enum Way {
    /// The agent has told of it.
    Told(Direct),
    /// (`number` = which try it is)
    Opening { number: u64, held: Held },
    /// The session answers there. All that was typed is to have arrived before it is attached to.
    There { number: u64, held: Held, link: Link, lent: Lent },
    /// Attached over it; `before` = the agent's stream, until the session has let go of it.
    Open { number: u64, link: Link, before: Option<StreamId> },
    /// It came to its end: it is not tried again while this link lives.
    Over,
}

/// Those of one link.
#[derive(Default)]
pub(super) struct Shortcuts {
    ways: Vec<(SessionId, Way)>,
    /// Some are told or there, and not yet in use.
    some: bool,
}

impl Shortcuts {
    fn way(&mut self, session: &SessionId) -> Option<&mut Way> {
        self.ways.iter_mut().find(|(of, _)| of == session).map(|(_, way)| way)
    }

    /// The agent has told how to get there.
    pub(super) fn tell(&mut self, session: &SessionId, direct: Option<Direct>) {
        let Some(direct) = direct else { return };
        match self.way(session) {
            Some(way @ Way::Told(_)) => *way = Way::Told(direct),
            Some(_) => return,
            None => self.ways.push((session.clone(), Way::Told(direct))),
        }
        self.some = true;
    }

    fn link(&self, session: &SessionId) -> Option<&Link> {
        self.ways.iter().find_map(|(of, way)| match way {
            Way::Open { link, .. } if of == session => Some(link),
            _ => None,
        })
    }

    /// Whether the session is attached over it.
    pub(super) fn is_open(&self, session: &SessionId) -> bool {
        self.link(session).is_some()
    }

    /// When something came last over any of them.
    pub(super) fn heard(&self) -> Option<Instant> {
        let open = self.ways.iter().filter_map(|(_, way)| match way {
            Way::Open { link, .. } => Some(link.heard()),
            _ => None,
        });
        open.max()
    }

    pub(super) fn close(&mut self) {
        for (_, way) in self.ways.drain(..) {
            if let Way::Open { link, .. } = way {
                link.close();
            }
        }
    }

    fn count(&mut self) {
        self.some = self.ways.iter().any(|(_, way)| !matches!(way, Way::Open { .. } | Way::Over));
    }
}

impl Live {
    /// Where frames of a session's stream go.
    pub(super) fn out(&self, session: &SessionId) -> &Outbox {
        &self.shortcuts.link(session).unwrap_or(&self.link).out
    }

    /// The agent's stream, of which another one took the place, is over.
    pub(super) fn stream_over(&mut self, session: &SessionId, stream: StreamId) {
        if let Some(Way::Open { before, .. }) = self.shortcuts.way(session) {
            before.take_if(|before| *before == stream);
        }
        self.streams.remove(&stream);
        self.link.close_stream(stream);
    }

    /// Ends the session's shortcut, if there is one; whether it was attached over it.
    pub(super) fn end_shortcut(&mut self, session: &SessionId) -> bool {
        let Some(way) = self.shortcuts.way(session).filter(|way| !matches!(way, Way::Told(_))) else { return false };
        let ended = std::mem::replace(way, Way::Over);
        self.shortcuts.count();
        let Way::Open { link, before, .. } = ended else { return false };
        // (what was typed into it still goes)
        link.close();
        if let Some(stream) = before {
            self.stream_over(session, stream);
            drop(self.link.call(&SessionDetach { stream }));
        }
        true
    }

    /// The session is let go of.
    pub(super) fn forget_shortcut(&mut self, session: &SessionId) {
        self.end_shortcut(session);
        self.shortcuts.ways.retain(|(of, _)| of != session);
        self.shortcuts.count();
    }
}

/// All that was typed has arrived, and what comes next goes into a stream.
fn is_calm(a: &Attached) -> bool {
    a.live && !a.ended && !a.watch && a.waiting() == Waiting::default()
}

impl Task {
    /// Somebody types into it.
    pub(super) fn shorten(&mut self, live: &mut Live, session: &SessionId) {
        let shortest = live.credit.as_ref().and_then(OutputCredit::min_rtt);
        if !live.shortcuts.some || shortest.is_none_or(|rtt| rtt >= NEAR) {
            return;
        }
        let typed = self.attached.get(session).is_some_and(|a| a.live && !a.ended && !a.watch);
        let (Some(ssh), true) = (live.ssh.clone(), typed) else { return };
        let Some(way @ Way::Told(_)) = live.shortcuts.way(session) else { return };
        self.tries += 1;
        let (number, (held, ended)) = (self.tries, oneshot::channel());
        let Way::Told(direct) = std::mem::replace(way, Way::Opening { number, held }) else { return };
        let (news, session) = (self.inner_tx.clone(), session.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = open(ssh, direct, session.clone(), number, &news) => {}
                // (its channel closes with it)
                Err(_) = ended => {}
            }
            let _ = news.send(Inner::ShortcutOver { session, number });
        });
    }

    /// The session answers there.
    pub(super) fn shortcut(&mut self, live: &mut Live, session: &SessionId, number: u64, link: Link, lent: Lent) {
        let way = live.shortcuts.way(session);
        let Some(way) = way.filter(|way| matches!(way, Way::Opening { number: n, .. } if *n == number)) else { return };
        if let Way::Opening { held, .. } = std::mem::replace(way, Way::Over) {
            *way = Way::There { number, held, link, lent };
        }
        self.go_there(live, session);
    }

    /// Attaches over the way that is there, once all that was typed has arrived over the other.
    pub(super) fn go_there(&mut self, live: &mut Live, session: &SessionId) {
        if !live.shortcuts.some || !self.attached.get(session).is_some_and(is_calm) {
            return;
        }
        let Some(way @ Way::There { .. }) = live.shortcuts.way(session) else { return };
        let Way::There { number, held, link, lent } = std::mem::replace(way, Way::Over) else { return };
        let _ = held.send(());
        let stream = self.take_stream();
        self.allow(live, session);
        let Some(a) = self.attached.get_mut(session) else { return link.close() };
        let before = a.stream;
        link.route_stream(stream, live.frames_tx.clone());
        live.streams.insert(stream, session.clone());
        live.unanswered.insert(stream, Vec::new());
        let call = link.call_within(&SessionAttach { lent, ..a.attach(&self.env.client, stream) }, OPEN);
        if let Some(way) = live.shortcuts.way(session) {
            *way = Way::Open { number, link, before: Some(before) };
        }
        live.shortcuts.count();
        self.await_attach(session.clone(), stream, call);
    }

    /// It came to its end, or to nothing.
    pub(super) fn shortcut_over(&mut self, live: &mut Live, session: &SessionId, number: u64) {
        let this = |way: &&mut Way| match way {
            Way::Opening { number: n, .. } | Way::There { number: n, .. } | Way::Open { number: n, .. } => *n == number,
            Way::Told(_) | Way::Over => false,
        };
        if live.shortcuts.way(session).filter(this).is_some() && live.end_shortcut(session) {
            self.attach_by_agent(live, session);
        }
    }

    /// Goes on over the agent.
    pub(super) fn attach_by_agent(&mut self, live: &mut Live, session: &SessionId) {
        if let Some(a) = self.attached.get_mut(session).filter(|a| !a.ended) {
            a.live = false;
            self.attach(live, session);
        }
    }
}

/// Opens a way, says so once the session answers, and serves it to its end; returns at once where there is none.
async fn open(ssh: Ssh, direct: Direct, session: SessionId, number: u64, news: &mpsc::UnboundedSender<Inner>) {
    let Ok(Some(stream)) = tokio::time::timeout(OPEN, ssh.socket(&direct.socket)).await else { return };
    // (it asks and tells nothing of its own)
    let (link, served) = Link::new(stream, false, mpsc::unbounded_channel().0);
    let there = async {
        if link.call_within(&SessionGet { session: session.clone() }, OPEN).await.is_ok() {
            let _ = news.send(Inner::Shortcut { session, number, link: link.clone(), lent: direct.lent });
            return;
        }
        link.close();
    };
    let (why, ()) = tokio::join!(served, there);
    tracing::debug!(%why, "a shortcut is over");
}
