//! Owns how far an agent's way to a host is, as a panel shows it. Leaves out the question before it (`question`).

use super::{Choice, Outcome};
use crate::client::host::HostId;
use std::time::Duration;

/// Steps kept to show.
const MOST: usize = 8;

pub struct Deploying {
    pub host: HostId,
    /// What is done, oldest first.
    pub done: Vec<String>,
    /// What is being done, and how far it is: amounts, speed.
    pub step: String,
    pub amount: String,
    /// 0 to 1
    pub share: Option<f32>,
    /// Why it failed, and what to do next.
    pub failed: Option<(String, Vec<String>)>,
    pub shown: Duration,
    /// It takes keys: what was being typed elsewhere has come to a pause.
    pub armed: bool,
}

impl Deploying {
    pub fn new(host: HostId, now: Duration) -> Deploying {
        Deploying {
            host,
            done: Vec::new(),
            step: String::new(),
            amount: String::new(),
            share: None,
            failed: None,
            shown: now,
            armed: false,
        }
    }

    /// `HOST: what is done: how far`; both ends may be missing.
    pub fn tell(&mut self, step: &str, share: Option<f32>) {
        let (before, after) = step.rsplit_once(": ").unwrap_or((step, ""));
        let (what, amount) = if after.starts_with(|c: char| c.is_ascii_digit()) { (before, after) } else { (step, "") };
        let what = what.rsplit_once(": ").map_or(what, |(_, what)| what);
        if what != self.step {
            let last = std::mem::replace(&mut self.step, what.to_string());
            if !last.is_empty() {
                let amount = self.amount.split(" of ").last().filter(|a| !a.is_empty());
                self.done.push(amount.map_or(last.clone(), |a| format!("{last}: {a}")));
            }
            let over = self.done.len().saturating_sub(MOST);
            self.done.drain(..over);
        }
        self.amount = amount.to_string();
        self.share = share;
    }

    pub(super) fn key(&self, name: &str) -> Outcome {
        match (name, &self.failed) {
            ("Escape" | "C-c", None) => Outcome::Choose(Choice::StopDeploy(self.host.clone())),
            ("w", Some(_)) => Outcome::Choose(Choice::WithoutAgent(self.host.clone())),
            ("Escape" | "C-c" | "Enter", Some(_)) | ("h" | "Enter", None) => Outcome::Close,
            _ => Outcome::Stay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other() {
        let mut d = Deploying::new(HostId::new("nas"), Duration::ZERO);
        for (step, share) in [
            ("me@nas:22: looking where the agent may lie", None),
            ("me@nas:22: uploading the agent: 0.1 of 8.0 MiB", Some(0.0)),
            ("me@nas:22: uploading the agent: 8.0 of 8.0 MiB, 4.0 MiB/s", Some(1.0)),
            ("me@nas:22: verifying the agent", None),
        ] {
            d.tell(step, share);
        }
        assert_eq!(d.done, ["looking where the agent may lie", "uploading the agent: 8.0 MiB, 4.0 MiB/s"]);
        assert_eq!((d.step.as_str(), d.amount.as_str(), d.share), ("verifying the agent", "", None));
    }
}
