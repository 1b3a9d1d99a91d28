//! Owns what is watched over a host's link: what is wanted is told to its agent once, again over a new link, and later again
//! where it was refused. Leaves out who wants it.

use super::{Inner, Live, Task};
use crate::client::gauges::How;
use crate::client::host::{HostEvent, mixed};
use crate::proto::control::{Fault, MonitoringSubscribe, MonitoringUnsubscribe};
use crate::proto::gauges::{Gauges, Watched};
use crate::text::short;
use std::collections::HashMap;
use std::time::Duration;

/// A host that a prepared connection leads to may have to be connected first, and ask somebody.
const CONNECT: Duration = Duration::from_secs(7200);
/// What was refused is asked for again: sooner, then later. (A test waits for the first.)
const AGAIN: (Duration, Duration) =
    (Duration::from_millis(if cfg!(test) { 50 } else { 5000 }), Duration::from_secs(60));

#[derive(Default)]
pub(super) struct Watches {
    wanted: HashMap<Watched, How>,
    /// What the agent at the other end of this link was told, each under a number of its own.
    told: HashMap<Watched, (How, u64)>,
    /// How often each was refused.
    refused: HashMap<Watched, u32>,
    /// The agent knows of more than its own host. An older one would tell its own gauges for another's.
    places: bool,
    next: u64,
}

impl Watches {
    pub(super) fn want(&mut self, wanted: Vec<(Watched, How)>) {
        self.wanted = wanted.into_iter().collect();
        // (who looks anew does not wait for what was refused before)
        self.refused.retain(|of, _| self.wanted.contains_key(of));
    }

    /// Another link: nothing is told yet.
    pub(super) fn begin(&mut self, places: bool) {
        self.told.clear();
        self.refused.clear();
        self.places = places;
    }

    fn is_told(&self, of: &Watched, number: u64) -> bool {
        self.told.get(of).is_some_and(|told| told.1 == number)
    }
}

impl Task {
    /// Tells the agent what is wanted now.
    pub(super) fn watch(&mut self, live: &Live) {
        if live.without.is_some() {
            return;
        }
        let watched = &mut self.watched;
        let gone: Vec<Watched> = watched.told.keys().filter(|of| !watched.wanted.contains_key(of)).cloned().collect();
        for of in gone {
            watched.told.remove(&of);
            if watched.places || of.is_here() {
                drop(live.link.call(&MonitoringUnsubscribe { of }));
            }
        }
        let is_new = |(of, how): &(&Watched, &How)| watched.told.get(*of).is_none_or(|told| told.0 != **how);
        let new: Vec<(Watched, How)> = watched.wanted.iter().filter(is_new).map(|(o, h)| (o.clone(), *h)).collect();
        for (of, how) in new {
            self.watched.next += 1;
            let number = self.watched.next;
            self.watched.told.insert(of.clone(), (how, number));
            let (link, again) = (live.link.clone(), self.inner_tx.clone());
            if !self.watched.places && !of.is_here() {
                let _ = again.send(Inner::Unwatched(of, number, Fault::unknown_to_agent("gauges but its own")));
                continue;
            }
            let call = MonitoringSubscribe { of: of.clone(), detail: how.detail, every_ms: how.every_ms };
            // (far from the tags of others that may ask)
            let asks = of.place.connection.is_some().then(|| self.asking.begin((1 << 62) + number));
            tokio::spawn(async move {
                let done = match asks {
                    Some(_asks) => link.call_within(&call, CONNECT).await,
                    None => link.call(&call).await,
                };
                if let Err(fault) = done
                    && !link.is_closed()
                {
                    let _ = again.send(Inner::Unwatched(of, number, fault));
                }
            });
        }
    }

    /// It is not watched: says why, and asks again after a while.
    pub(super) fn unwatched(&mut self, live: &Live, of: Watched, number: u64, fault: &Fault) {
        if !self.watched.is_told(&of, number) {
            return;
        }
        let tries = self.watched.refused.entry(of.clone()).or_default();
        let wait = AGAIN.0.saturating_mul(1 << (*tries).min(8)).min(AGAIN.1);
        *tries = tries.saturating_add(1);
        let why = mixed::told(fault, &self.host, &live.build, self.env.ssh_config.as_deref());
        // (it holds until it is said again)
        let every_ms = u32::try_from(wait.as_millis()).unwrap_or(0);
        let faults = vec![short(&why, Gauges::COMMAND)];
        self.tell(HostEvent::Gauges(Box::new(Gauges { of: of.clone(), faults, every_ms, ..Gauges::default() })));
        // what somebody may have to be asked for is not asked for by itself: that person may have said no
        if of.place.connection.is_some() {
            return;
        }
        let again = self.inner_tx.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = again.send(Inner::WatchAgain(of, number));
        });
    }

    pub(super) fn watch_again(&mut self, live: &Live, of: &Watched, number: u64) {
        if self.watched.is_told(of, number) {
            self.watched.told.remove(of);
            self.watch(live);
        }
    }
}
