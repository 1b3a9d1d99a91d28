//! Owns what the client knows of forwards: a host's list, and its panel while it is open.

use super::{App, Effect};
use crate::client::host::{HostCommand, HostId};
use crate::client::layer::Layer;
use crate::transport::ssh::forward::{State, Status};

impl App {
    pub(super) fn forwards(&mut self, id: &HostId, list: Vec<Status>) {
        let Some(host) = self.hosts.get_mut(id) else { return };
        let failed = |f: &Status| matches!(f.state, State::Failed(_));
        let known = |f: &Status| host.forwards.iter().any(|o| o.id == f.id && failed(o));
        // one that fails is said once, wherever one looks
        let news = list.iter().find(|f| failed(f) && !known(f)).and_then(|f| match &f.state {
            State::Failed(why) => Some(format!("forward {}: {}", f.spec, why.what)),
            _ => None,
        });
        host.forwards = list;
        if let Some(news) = news {
            self.say_trouble(id, &news);
        }
        self.refresh_ports(id);
    }

    /// The panel shows what there is.
    pub fn refresh_ports(&mut self, id: &HostId) {
        let Some(host) = self.hosts.get(id) else { return };
        for layer in &mut self.layers {
            if let Layer::Ports(panel) = layer
                && panel.host == *id
            {
                panel.refresh(&host.forwards, &host.ports);
            }
        }
        self.dirty = true;
    }

    /// What listens there is asked for only while somebody looks.
    pub(super) fn follow_ports(&mut self, out: &mut Vec<Effect>) {
        let want = self.layers.iter().find_map(|l| match l {
            Layer::Ports(p) => Some(p.host.clone()),
            _ => None,
        });
        if want == self.ports_of {
            return;
        }
        if let Some(old) = self.ports_of.take() {
            if let Some(host) = self.hosts.get_mut(&old) {
                host.ports.clear();
            }
            out.push(Effect::Host(old, HostCommand::Ports(false)));
        }
        if let Some(new) = &want {
            out.push(Effect::Host(new.clone(), HostCommand::Ports(true)));
        }
        self.ports_of = want;
    }
}
