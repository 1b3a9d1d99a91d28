//! Owns at whose link somebody looks: only that one is measured.

use super::{App, Effect};
use crate::client::host::{HostCommand, HostId};
use crate::client::layer::Layer;
use crate::client::predict::Tally;

impl App {
    pub(super) fn follow_look(&mut self, out: &mut Vec<Effect>) {
        let want = self.layers.iter().find_map(|l| match l {
            Layer::Monitor(panel) => self.linked(&panel.spot).filter(|host| !host.is_local()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::app::Event;
    use crate::client::app::tests::{Bench, two_hosts_at};
    use crate::client::host::measured::Measured;
    use crate::client::host::{HostEvent, HostState};
    use crate::proto::notice::Gauges;
    use crate::sys::Tcp;
    use std::time::Duration;

    /// What a link is like, with so many packets sent again of late.
    fn link(resent: u32) -> HostEvent {
        HostEvent::Link(Box::new(Measured {
            shortest: Some(Duration::from_millis(190)),
            credit: 64 << 10,
            rate: Some(12_600),
            tcp: Some(Tcp { rtt: Duration::from_millis(195), sent: 1200, resent: 12 }),
            resent,
            address: "box (192.0.2.7) port 22".into(),
            cipher: Some("aes256-gcm@openssh.com".into()),
            ..Measured::default()
        }))
    }

    #[test]
    fn what_a_link_is_like_is_measured_while_somebody_looks() {
        let mut s = two_hosts_at(100, 24);
        let host = "build-server";
        let asked = |s: &mut Bench| -> Vec<HostCommand> {
            let of = |e| match e {
                Effect::Host(_, c @ HostCommand::Look(_)) => Some(c),
                _ => None,
            };
            s.take().into_iter().filter_map(of).collect()
        };
        s.at(10.0);
        for (n, ms) in [200, 210, 400, 220].into_iter().enumerate() {
            s.at(10.0 + n as f32);
            s.host(host, HostEvent::Rtt(Duration::from_millis(ms)));
        }
        assert_eq!(asked(&mut s), []);
        s.keys("C-b M");
        assert_eq!(asked(&mut s), [HostCommand::Look(true)]);
        let lines = s.screen().lines().count();
        let rows = |s: &Bench| s.screen().lines().filter(|l| l.contains('│')).count();
        let before = rows(&s);
        s.host(host, link(0));
        let screen = s.screen();
        for part in [
            "rtt   220ms   smoothed 225ms   shortest 190ms   TCP's own 195ms",
            "▁▁█▁   longest 400ms",
            "queue 30ms   64.0 KiB may be on their way",
            "comes 12.3 KiB a second",
            "loss  12 of 1200 packets sent again (1.0%)",
            "keys  0 typed, 0 shown ahead, 0 wrong",
            "shown ahead and underlined (that begins at 80 ms)",
            "heard 0s ago",
            "way   box (192.0.2.7) port 22",
            "aes256-gcm@openssh.com",
        ] {
            assert!(screen.contains(part), "no {part:?}\n{screen}");
        }
        assert_eq!((screen.lines().count(), rows(&s)), (lines, before), "it stays where it is");
        s.host(host, link(3));
        assert!(s.has("(1.0%), 3 in the last second"), "{}", s.screen());
        // silent: what was is not shown as of now, and what TCP sends in vain is
        s.at(17.0);
        s.host(host, HostEvent::Silent(Duration::from_secs(4)));
        s.host(host, link(2));
        let silent = s.screen();
        assert!(
            silent.contains("rtt   —") && silent.contains("queue —") && silent.contains("heard 4s ago"),
            "{silent}"
        );
        assert!(silent.contains("2 in the last second") && !silent.contains("220ms"), "{silent}");
        s.take();
        s.keys("Escape");
        assert_eq!(asked(&mut s), [HostCommand::Look(false)]);
        assert!(!s.has("rtt   "), "{}", s.screen());
        // this machine has no link
        s.keys("C-b h C-b M");
        assert_eq!(asked(&mut s), []);
        assert!(!s.has("loss"), "{}", s.screen());
    }

    #[test]
    fn a_host_without_an_agent_has_no_figures() {
        let mut s = two_hosts_at(100, 24);
        s.host("build-server", HostEvent::State(HostState::Online { build: String::new(), hostname: "box".into() }));
        s.keys("C-b M");
        let screen = s.screen();
        assert!(screen.contains("link  not measured") && screen.contains("heard 0s ago"), "{screen}");
        assert!(!screen.contains("rtt") && !screen.contains("loss"), "{screen}");
    }

    #[test]
    fn a_link_is_to_be_read_on_small_screens() {
        for (cols, rows) in [(80, 24), (60, 16), (40, 12)] {
            let mut s = two_hosts_at(cols, rows);
            let host = "build-server";
            let gauges = Gauges { cpu: Some(42.0), mem_used: 1 << 30, mem_total: 1 << 32, ..Gauges::default() };
            s.host(host, HostEvent::Gauges(Box::new(gauges)));
            s.host(host, HostEvent::Rtt(Duration::from_millis(220)));
            s.keys("C-b M");
            s.host(host, link(1));
            for part in ["online   box", "rtt   220ms", "loss  12 of 1200", "q close"] {
                assert!(s.has(part), "no {part:?} at {cols}x{rows}\n{}", s.screen());
            }
        }
    }

    #[test]
    fn the_status_line_says_when_a_host_was_heard_last() {
        for cols in [100, 80, 60] {
            let mut s = two_hosts_at(cols, 24);
            let host = "build-server";
            let gauges = Gauges { cpu: Some(42.0), mem_used: 1 << 30, mem_total: 1 << 32, ..Gauges::default() };
            s.event(Event::Time { clock: "14:02".into(), unix: 0 });
            s.host(host, HostEvent::Gauges(Box::new(gauges)));
            let status = |s: &Bench| s.screen().lines().last().unwrap_or_default().to_string();
            s.at(10.0);
            s.host(host, HostEvent::Silent(Duration::ZERO));
            assert!(!status(&s).contains("heard"), "{}", s.screen());
            s.at(14.0);
            s.host(host, HostEvent::Silent(Duration::from_secs(4)));
            assert!(status(&s).contains("build-server  silent, last heard 4 s ago"), "{}", s.screen());
            s.at(15.2);
            s.event(Event::Tick);
            assert!(status(&s).contains("last heard 5 s ago") && status(&s).contains("14:02"), "{}", s.screen());
            let lost = HostState::Lost { why: "gone".into(), retry: Duration::from_secs(1) };
            s.host(host, HostEvent::State(lost));
            assert!(status(&s).contains("lost, last heard 5 s ago"), "{}", s.screen());
        }
    }
}
