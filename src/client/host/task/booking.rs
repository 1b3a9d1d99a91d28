//! Owns the changes to a host's prepared connections, one after the other in the order they were wanted, and the lists of
//! them, of which none from before a change is told behind it. Leaves out what a change is (`client/book.rs`).

use super::{Inner, Live, Task};
use crate::client::book::Change;
use crate::client::host::{HostEvent, list_connections, mixed};
use crate::proto::control::Fault;
use crate::proto::control::connections::Listed;
use crate::proto::ids::StreamId;
use std::collections::VecDeque;
use std::sync::Arc;

/// How it stands with a link's book.
#[derive(Default)]
pub(super) struct Booking {
    /// Changes that wait for the one before, with their tags.
    waiting: VecDeque<(u64, Box<Change>)>,
    /// The tag of the one under way.
    changing: Option<u64>,
    /// The list under way, by its stream.
    listing: Option<StreamId>,
    /// It is another by now: a list is wanted once more.
    again: bool,
    /// The list under way may be from before a change that is made.
    stale: bool,
}

impl Task {
    pub(super) fn book(&mut self, live: &mut Live, tag: u64, change: Box<Change>) {
        if live.without.is_some() {
            let why = "a host without an agent keeps no connections".to_string();
            return self.tell(HostEvent::Booked { tag, result: Err(why) });
        }
        live.booking.waiting.push_back((tag, change));
        self.next_change(live);
    }

    fn next_change(&mut self, live: &mut Live) {
        if live.booking.changing.is_some() {
            return;
        }
        let Some((tag, change)) = live.booking.waiting.pop_front() else { return };
        live.booking.changing = Some(tag);
        let (events, host, link) = (self.events.clone(), self.host.clone(), live.link.clone());
        let stream = self.take_stream();
        let (build, file, done) = (live.build.clone(), self.env.ssh_config.clone(), self.inner_tx.clone());
        tokio::spawn(async move {
            let result = change.make(&link, stream).await.map_err(|f| match f.older() {
                Some(_) => mixed::told(&f, &host, &build, file.as_deref()),
                None => f.message,
            });
            let _ = events.send((host, HostEvent::Booked { tag, result }));
            let _ = done.send(Inner::Booked(tag));
        });
    }

    /// A change was answered. With the last of them the book is looked at again.
    pub(super) fn booked(&mut self, live: &mut Live, tag: u64) {
        if live.booking.changing != Some(tag) {
            return;
        }
        live.booking.changing = None;
        live.booking.stale = live.booking.listing.is_some();
        self.next_change(live);
        self.connections(live);
    }

    /// Asks for the prepared connections; one list at a time, and none before the changes are made.
    pub(super) fn connections(&mut self, live: &mut Live) {
        let booking = &mut live.booking;
        if booking.changing.is_some() || booking.listing.is_some() {
            booking.again = true;
            return;
        }
        let stream = self.take_stream();
        (booking.listing, booking.again, booking.stale) = (Some(stream), false, false);
        let (link, tx) = (live.link.clone(), self.inner_tx.clone());
        tokio::spawn(async move {
            let result = Box::new(list_connections(&link, stream).await);
            let _ = tx.send(Inner::Connections { stream, result });
        });
    }

    pub(super) fn listed(&mut self, live: &mut Live, stream: StreamId, result: Result<Listed, Fault>) {
        let booking = &mut live.booking;
        if booking.listing != Some(stream) {
            return;
        }
        booking.listing = None;
        let stale = std::mem::take(&mut booking.stale) || booking.changing.is_some();
        let again = stale || booking.again;
        match result {
            Err(f) if f.code == Fault::GONE => return,
            Err(f) if f.older().is_some() => return self.tell(HostEvent::Connections(None)),
            Ok(_) if stale => {}
            Ok(listed) => self.tell(HostEvent::Connections(Some(Arc::new(listed)))),
            Err(f) => {
                let what = mixed::told(&f, &self.host, &live.build, self.env.ssh_config.as_deref());
                self.tell(HostEvent::Failed { what });
            }
        }
        if again {
            self.connections(live);
        }
    }

    /// The link fell: what waits is not made later, when it may not be wanted any more.
    pub(super) fn unbook(&mut self, live: &mut Live) {
        for (tag, _) in std::mem::take(&mut live.booking.waiting) {
            let why = "the link fell before it was asked for".to_string();
            self.tell(HostEvent::Booked { tag, result: Err(why) });
        }
    }
}
