//! Owns at whose link somebody looks: only that one is measured.

use super::{App, Effect};
use crate::client::host::{HostCommand, HostId};
use crate::client::layer::Layer;
use crate::client::predict::Tally;

impl App {
    pub(super) fn follow_look(&mut self, out: &mut Vec<Effect>) {
        let want = self.layers.iter().find_map(|l| match l {
            Layer::Monitor(host) if !host.is_local() => Some(host.clone()),
            _ => None,
        });
        if want == self.looks_at {
            return;
        }
        if let Some(old) = self.looks_at.take() {
            out.push(Effect::Host(old, HostCommand::Look(false)));
        }
        if let Some(new) = &want {
            // what it was when somebody looked before says nothing of now
            if let Some(host) = self.hosts.get_mut(new) {
                host.link = None;
            }
            out.push(Effect::Host(new.clone(), HostCommand::Look(true)));
        }
        self.looks_at = want;
    }

    /// What became of the keys typed into a host's panes.
    pub fn tally(&self, id: &HostId) -> Tally {
        let of = self.panes.values().filter(|p| p.host == *id).map(|p| p.predict.tally());
        of.fold(Tally::default(), |all, one| Tally {
            keys: all.keys + one.keys,
            shown: all.shown + one.shown,
            wrong: all.wrong + one.wrong,
        })
    }
}
