//! Owns the order in which hosts' events are taken in: each session's in its own order, the focused one's first, so
//! that an echo never waits behind another session's flood. Leaves out what events mean.

use super::host::{HostEvent, HostId};
use crate::proto::ids::SessionId;
use std::collections::VecDeque;

#[derive(Default)]
pub struct Inbox {
    first: VecDeque<(HostId, HostEvent)>,
    rest: VecDeque<(HostId, HostEvent)>,
}

impl Inbox {
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.rest.is_empty()
    }

    /// `focused`: the session whose events go first. What came of it before it was focused stays before it.
    pub fn push(&mut self, host: HostId, event: HostEvent, focused: Option<(&HostId, &SessionId)>) {
        let of = |h: &HostId, e: &HostEvent| focused.is_some_and(|(fh, fs)| h == fh && session_of(e) == Some(fs));
        if of(&host, &event) && !self.rest.iter().any(|(h, e)| of(h, e)) {
            self.first.push_back((host, event));
        } else if let Some(session) = session_of(&event)
            && self.first.iter().any(|(h, e)| *h == host && session_of(e) == Some(session))
        {
            // it had the focus a moment ago
            self.first.push_back((host, event));
        } else {
            self.rest.push_back((host, event));
        }
    }

    pub fn pop(&mut self) -> Option<(HostId, HostEvent)> {
        self.first.pop_front().or_else(|| self.rest.pop_front())
    }
}

/// The session an event is of.
fn session_of(event: &HostEvent) -> Option<&SessionId> {
    match event {
        HostEvent::Attached { session, .. }
        | HostEvent::AttachFailed { session, .. }
        | HostEvent::Output { session, .. }
        | HostEvent::Screen { session, .. }
        | HostEvent::Size { session, .. }
        | HostEvent::Tty { session, .. }
        | HostEvent::Exited { session, .. }
        | HostEvent::Changed { session, .. }
        | HostEvent::Bell { session }
        | HostEvent::Clipboard { session, .. }
        | HostEvent::Notified { session, .. }
        | HostEvent::Pending { session, .. }
        | HostEvent::Applied { session, .. }
        | HostEvent::Dropped { session, .. }
        | HostEvent::Settled { session, .. }
        | HostEvent::Undelivered { session, .. }
        | HostEvent::History { session, .. }
        | HostEvent::Found { session, .. }
        | HostEvent::Marks { session, .. } => Some(session),
        HostEvent::State(_)
        | HostEvent::Sessions(_)
        | HostEvent::Connections(_)
        | HostEvent::Booked { .. }
        | HostEvent::Created { .. }
        | HostEvent::Offered { .. }
        | HostEvent::Failed { .. }
        | HostEvent::Said { .. }
        | HostEvent::Rtt(_)
        | HostEvent::Link(_)
        | HostEvent::Silent(_)
        | HostEvent::Unlinked
        | HostEvent::Gauges(_)
        | HostEvent::Forwards(_)
        | HostEvent::Reached { .. }
        | HostEvent::Ports(_)
        | HostEvent::Containers { .. }
        | HostEvent::Ask { .. }
        | HostEvent::Unasked { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(session: &str, offset: u64) -> HostEvent {
        HostEvent::Output { session: session.parse().unwrap(), offset, bytes: vec![b'x'] }
    }
    fn order(inbox: &mut Inbox) -> Vec<String> {
        std::iter::from_fn(|| inbox.pop())
            .map(|(_, e)| match e {
                HostEvent::Output { session, offset, .. } => format!("{session}{offset}"),
                _ => "-".into(),
            })
            .collect()
    }

    #[test]
    fn the_focused_session_goes_first_and_each_keeps_its_order() {
        let (host, a, b) = (HostId::local(), "a".parse().unwrap(), "b".parse().unwrap());
        let mut inbox = Inbox::default();
        let push = |inbox: &mut Inbox, e, focus: &SessionId| inbox.push(host.clone(), e, Some((&host, focus)));
        push(&mut inbox, output("a", 0), &b);
        push(&mut inbox, output("b", 0), &b);
        push(&mut inbox, output("a", 1), &a);
        push(&mut inbox, output("b", 1), &a);
        assert_eq!(order(&mut inbox), ["b0", "b1", "a0", "a1"]);
        push(&mut inbox, output("b", 2), &a);
        push(&mut inbox, output("a", 2), &a);
        assert_eq!(order(&mut inbox), ["a2", "b2"]);
        assert!(inbox.is_empty());
    }
}
