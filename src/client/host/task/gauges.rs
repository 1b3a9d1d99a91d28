//! Owns what is watched over a host's link: what is wanted is told to its agent once, and again over a new link. Leaves out
//! who wants it.

use super::{Live, Task};
use crate::client::gauges::How;
use crate::client::host::HostEvent;
use crate::proto::control::{MonitoringSubscribe, MonitoringUnsubscribe};
use crate::proto::gauges::{Gauges, Watched};
use std::collections::HashMap;
use std::time::Duration;

/// A host that a prepared connection leads to may have to be connected first, and ask somebody.
const CONNECT: Duration = Duration::from_secs(7200);

#[derive(Default)]
pub(super) struct Watches {
    wanted: HashMap<Watched, How>,
    /// What the agent at the other end of this link was told.
    told: HashMap<Watched, How>,
    /// Questions that may come, each under a number of its own.
    next: u64,
}

impl Watches {
    pub(super) fn want(&mut self, wanted: Vec<(Watched, How)>) {
        self.wanted = wanted.into_iter().collect();
    }

    /// Another link: nothing is told yet.
    pub(super) fn begin(&mut self) {
        self.told.clear();
    }
}

impl Task {
    /// Tells the agent what is wanted now.
    pub(super) fn watch(&mut self, live: &Live) {
        if live.without.is_some() {
            return;
        }
        let wanted = &self.watched.wanted;
        let gone: Vec<Watched> = self.watched.told.keys().filter(|of| !wanted.contains_key(of)).cloned().collect();
        for of in gone {
            self.watched.told.remove(&of);
            drop(live.link.call(&MonitoringUnsubscribe { of }));
        }
        let new: Vec<(Watched, How)> = wanted
            .iter()
            .filter(|(of, how)| self.watched.told.get(*of) != Some(*how))
            .map(|(o, h)| (o.clone(), *h))
            .collect();
        for (of, how) in new {
            self.watched.told.insert(of.clone(), how);
            let call = MonitoringSubscribe { of: of.clone(), detail: how.detail, every_ms: how.every_ms };
            if of.is_here() {
                drop(live.link.call(&call));
                continue;
            }
            // (far from the tags of others that may ask)
            self.watched.next += 1;
            let asks = of.place.connection.is_some().then(|| self.asking.begin((1 << 62) + self.watched.next));
            let (link, events, host) = (live.link.clone(), self.events.clone(), self.host.clone());
            tokio::spawn(async move {
                let done = link.call_within(&call, CONNECT).await;
                drop(asks);
                if let Err(fault) = done
                    && !link.is_closed()
                {
                    let faults = vec![crate::text::short(&fault.message, Gauges::COMMAND)];
                    let none = Gauges { of, faults, ..Gauges::default() };
                    let _ = events.send((host, HostEvent::Gauges(Box::new(none))));
                }
            });
        }
    }
}
