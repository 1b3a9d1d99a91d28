//! Owns the panel of an agent that is on its way to a host: when it comes, what it is told, when it goes.

use super::{App, Effect};
use crate::client::host::{HostCommand, HostId, HostState};
use crate::client::layer::Layer;
use crate::client::layer::deploying::Deploying;
use crate::text::{escape, short};

impl App {
    /// A host's state is another.
    pub(super) fn show_deploy(&mut self, id: &HostId, state: &HostState) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(id) else { return };
        match state {
            HostState::Deploying { step, done } => {
                // hidden by hand it stays hidden
                if !std::mem::replace(&mut host.deploying, true) {
                    self.layers.push(Layer::Deploying(Box::new(Deploying::new(id.clone(), now))));
                }
                if let Some(panel) = self.layers.iter_mut().find_map(|l| l.deploying(id)) {
                    panel.tell(step, *done);
                }
            }
            HostState::Failed { why, hints, .. } => {
                host.deploying = false;
                if let Some(panel) = self.layers.iter_mut().find_map(|l| l.deploying(id)) {
                    panel.failed = Some((short(why, 400), hints.iter().map(|h| short(h, 300)).collect()));
                }
            }
            other => {
                let was = std::mem::take(&mut host.deploying);
                self.layers.retain_mut(|l| l.deploying(id).is_none());
                if was && matches!(other, HostState::Online { .. }) {
                    self.say(format!("{}: the agent is there", escape(id.as_str())));
                }
            }
        }
    }

    /// The host removes what had come there; nothing of it stays.
    pub(super) fn stop_deploy(&mut self, id: HostId, out: &mut Vec<Effect>) {
        self.say(format!("{}: no agent was put there", escape(id.as_str())));
        out.push(Effect::Host(id, HostCommand::Disconnect));
    }
}
