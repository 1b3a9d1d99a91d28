//! Owns the panel of a window that comes back: its hosts, the one chosen, and what its keys mean. Leaves out how it stands
//! with the hosts, and when the panel is there (`app::back`).

use super::{Choice, Outcome};
use crate::client::host::HostId;
use std::time::Duration;

#[derive(Clone)]
pub struct Back {
    pub hosts: Vec<HostId>,
    pub chosen: usize,
    pub shown: Duration,
    pub armed: bool,
}

impl Back {
    pub fn new(hosts: Vec<HostId>, shown: Duration) -> Back {
        Back { hosts, chosen: 0, shown, armed: false }
    }

    /// Whether a key is the panel's; any other closes it, and goes where it would have gone.
    pub fn takes(name: &str) -> bool {
        matches!(name, "Up" | "Down" | "j" | "k" | "r" | "a" | "Enter" | "Escape" | "q" | "C-c")
    }

    pub fn key(&mut self, name: &str) -> Outcome {
        match name {
            "Up" | "k" => self.chosen = self.chosen.saturating_sub(1),
            "Down" | "j" => self.chosen = (self.chosen + 1).min(self.hosts.len().saturating_sub(1)),
            "r" | "Enter" => {
                let one = self.hosts.get(self.chosen).cloned().into_iter().collect();
                return Outcome::Choose(Choice::Retry(one, self.clone()));
            }
            "a" => return Outcome::Choose(Choice::Retry(self.hosts.clone(), self.clone())),
            _ => return Outcome::Close,
        }
        Outcome::Stay
    }
}
