//! Owns when the panel of a window that comes back is there: hosts of the kept layout that take a moment are listed until
//! all have answered, or a person goes on. Nothing waits for it, and no host for another.

use super::{App, Effect};
use crate::client::host::{HostCommand, HostId, HostState};
use crate::client::layer::Layer;
use crate::client::layer::back::Back;
use crate::client::tree::unnamed;
use std::time::Duration;

/// Hosts that answer within this are not worth a panel.
const SOON: Duration = Duration::from_millis(500);

impl App {
    /// Hosts other than this machine that panes with sessions are on, in the order of the tabs.
    fn hosts_wanted(&self) -> Vec<HostId> {
        let mut hosts: Vec<HostId> = Vec::new();
        let panes = self.tabs.list.iter().flat_map(|tab| tab.panes());
        for pane in panes.filter_map(|id| self.panes.get(&id)) {
            if pane.session.is_some() && !pane.host.is_local() && !hosts.contains(&pane.host) {
                hosts.push(pane.host.clone());
            }
        }
        hosts
    }

    /// A kept layout was taken up.
    pub(super) fn await_hosts(&mut self) {
        self.back_at = (!self.solo && !self.hosts_wanted().is_empty()).then(|| self.now + SOON);
    }

    /// The moment has come: who is not there yet is shown with all others.
    pub(super) fn list_hosts_due(&mut self) {
        if self.back_at.is_none_or(|at| at > self.now) {
            return;
        }
        self.back_at = None;
        if !self.hosts_wanted().iter().all(|id| self.is_online(id)) {
            // (what a person has opened by now stays before their eyes)
            let opened = self.layers.iter_mut().position(|l| l.unasked().is_none());
            self.put_hosts(opened);
        }
    }

    /// Shows how the window's hosts come back.
    pub fn list_hosts(&mut self) {
        self.put_hosts(None);
    }

    /// `below` = under that layer, else over all but questions.
    fn put_hosts(&mut self, below: Option<usize>) {
        let hosts = self.hosts_wanted();
        if hosts.is_empty() {
            self.say("no pane here shows a session of another host");
            return;
        }
        // questions are above it
        let at = self.layers.iter().position(Layer::is_question).unwrap_or(self.layers.len());
        let at = below.map_or(at, |below| below.min(at));
        self.layers.insert(at, Layer::Back(Back::new(hosts, self.now)));
        self.dirty = true;
    }

    /// All are there: the panel goes by itself.
    pub(super) fn hosts_are_back(&mut self) {
        let mut layers = std::mem::take(&mut self.layers);
        layers.retain(|l| !matches!(l, Layer::Back(b) if b.hosts.iter().all(|id| self.is_online(id))));
        self.layers = layers;
    }

    pub(super) fn retry(&mut self, hosts: Vec<HostId>, panel: Back, out: &mut Vec<Effect>) {
        for host in hosts {
            let state = self.hosts.get(&host).map(|h| &h.state);
            if matches!(state, None | Some(HostState::Lost { .. } | HostState::Offline | HostState::Failed { .. })) {
                out.push(Effect::Host(host, HostCommand::Connect));
            }
        }
        self.layers.push(Layer::Back(panel));
    }

    /// The panel's lines: whether it is well, the host, how it stands with it.
    pub fn hosts_coming(&self, panel: &Back) -> Vec<(Coming, HostId, String)> {
        let one = |id: &HostId| {
            let panes = || self.panes.values().filter(|p| p.host == *id && p.session.is_some());
            let (live, all) = (panes().filter(|p| p.is_live()).count(), panes().count());
            let sessions = |n: usize| crate::text::count(n, "session");
            let Some(host) = self.hosts.get(id) else { return (Coming::Away, id.clone(), "not connected".into()) };
            let (coming, text) = match &host.state {
                HostState::Online { .. } if host.silent => {
                    let heard = self.now.saturating_sub(host.heard).as_secs();
                    let said = match heard {
                        0 => "nothing sent is answered".into(),
                        heard => format!("last heard {heard} s ago"),
                    };
                    (Coming::Working, said)
                }
                HostState::Online { .. } if live < all => {
                    (Coming::Working, format!("{live} of {} back", sessions(all)))
                }
                HostState::Online { .. } => (Coming::There, format!("{} back", sessions(all))),
                HostState::Connecting => (Coming::Working, "connecting".into()),
                HostState::Deploying { step, .. } => (Coming::Working, crate::text::short(step, 60)),
                HostState::Lost { why, retry } => {
                    let left = (host.since + *retry).saturating_sub(self.now).as_secs_f32().ceil() as u64;
                    let again = if left == 0 { "trying again".into() } else { format!("again in {left} s") };
                    (Coming::Away, format!("{again}: {}", crate::text::short(unnamed(id, why), 200)))
                }
                HostState::Updating { why } => (Coming::Working, crate::text::short(unnamed(id, why), 200)),
                HostState::Failed { why, .. } => (Coming::Away, crate::text::short(unnamed(id, why), 200)),
                HostState::Offline => (Coming::Away, "not connected".into()),
            };
            (coming, id.clone(), text)
        };
        panel.hosts.iter().map(one).collect()
    }
}

/// How far a host is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coming {
    There,
    Working,
    Away,
}
