//! Owns when a host's task measures its link: about once a second while somebody looks, and never else.

use super::{Live, Task};
use crate::client::host::HostEvent;
use crate::client::host::measured::{Before, Measured};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(1);

/// Where one link's measuring stands.
#[derive(Default)]
pub(super) struct Looked {
    before: Option<Before>,
    at: Option<Instant>,
}

impl Looked {
    /// Returns when it is time to measure.
    pub(super) async fn due(&self) {
        if let Some(at) = self.at {
            tokio::time::sleep_until((at + EVERY).into()).await;
        }
    }
}

impl Task {
    /// Measures the link, says so, and has the next round trip measured as well.
    pub(super) fn measure(&mut self, live: &mut Live) {
        let now = Instant::now();
        live.looked.at = Some(now);
        // (a link within this machine has neither)
        let (Some(ssh), Some(credit)) = (&live.ssh, &live.credit) else { return };
        let measured = Measured {
            shortest: credit.min_rtt(),
            credit: credit.share(true, 1),
            ..Measured::of(ssh.look(), &mut live.looked.before, now)
        };
        // (a silent one is asked often enough, for signs of life)
        if !live.pulse.is_silent() {
            live.link.ping();
        }
        self.tell(HostEvent::Link(Box::new(measured)));
    }
}
