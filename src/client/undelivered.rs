//! Owns what was typed and is not known to have arrived when the client leaves, for its last words on the user's terminal.
//! Leaves out waiting for it to arrive (`host/task.rs`) and saying it (`tui.rs`).

use super::app::App;
use super::host::attached::Waiting;
use super::host::{HostEvent, HostId};
use super::tree::host_text;
use crate::proto::ids::SessionId;
use crate::text::count;
use std::collections::{BTreeMap, HashMap};

#[derive(Default)]
pub struct Undelivered {
    sessions: HashMap<(HostId, SessionId), Waiting>,
    /// Typed for sessions that were not there yet, bytes.
    ahead: BTreeMap<HostId, usize>,
}

impl Undelivered {
    /// As far as the app knows.
    pub fn of(app: &App) -> Undelivered {
        let mut all = Undelivered::default();
        for pane in app.panes.values() {
            *all.ahead.entry(pane.host.clone()).or_default() += pane.ahead.len();
            if let Some(session) = &pane.session {
                all.sessions.insert((pane.host.clone(), session.clone()), pane.waiting);
            }
        }
        all
    }

    /// What a host's task says at last.
    pub fn heed(&mut self, host: &HostId, event: &HostEvent) {
        match event {
            HostEvent::Pending { session, waiting } => {
                self.sessions.insert((host.clone(), session.clone()), *waiting);
            }
            HostEvent::Exited { session, .. } => {
                self.sessions.remove(&(host.clone(), session.clone()));
            }
            _ => {}
        }
    }

    /// A line for each host that something did not get to; what a person dropped is not named again.
    pub fn lines(&self) -> Vec<String> {
        let mut hosts: BTreeMap<&HostId, (usize, usize)> = BTreeMap::new();
        for (host, bytes) in &self.ahead {
            hosts.entry(host).or_default().0 += bytes;
        }
        for ((host, _), waiting) in &self.sessions {
            let sum = hosts.entry(host).or_default();
            sum.0 += waiting.unsent;
            sum.1 += waiting.sent.saturating_sub(waiting.doubted);
        }
        let line = |(host, (unsent, sent)): (&HostId, (usize, usize))| {
            let (name, sent_text) = (host_text(host), format!("{} sent, not confirmed", count(sent, "byte")));
            match (unsent, sent) {
                (0, 0) => None,
                (0, _) => Some(format!("{name}: {sent_text}")),
                (_, 0) => Some(format!("not delivered to {name}: {} typed", count(unsent, "byte"))),
                (..) => Some(format!("not delivered to {name}: {} typed; {sent_text}", count(unsent, "byte"))),
            }
        };
        hosts.into_iter().filter_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::app::tests::Bench;

    #[test]
    fn what_did_not_arrive_is_named_by_host() {
        let mut s = Bench::full(80, 24);
        let id = |s: &str| s.parse::<SessionId>().unwrap();
        let pending = |session: &str, unsent, sent, doubted| HostEvent::Pending {
            session: id(session),
            waiting: Waiting { unsent, sent, doubted },
        };
        assert!(Undelivered::of(&s.app).lines().is_empty());
        s.host("local", pending("s1", 2, 0, 0));
        // a shell that is still to come
        s.keys("C-b c 'ls");
        let mut left = Undelivered::of(&s.app);
        assert_eq!(left.lines(), ["not delivered to this machine: 4 bytes typed"]);
        // the task's last words
        let far = HostId::new("far");
        left.heed(&far, &pending("r1", 15, 3, 0));
        left.heed(&far, &pending("r2", 0, 9, 9));
        left.heed(&HostId::new("nas"), &pending("r3", 0, 1, 0));
        left.heed(&HostId::local(), &pending("s1", 0, 0, 0));
        let all = left.lines().join("\n");
        assert!(all.contains("not delivered to far: 15 bytes typed; 3 bytes sent, not confirmed"), "{all}");
        assert!(all.contains("nas: 1 byte sent, not confirmed"), "{all}");
        assert!(all.contains("this machine: 2 bytes typed"), "{all}");
        assert_eq!(all.lines().count(), 3, "{all}");
    }
}
