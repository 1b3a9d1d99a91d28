//! Owns what a link over SSH is like at a moment: [`Measured`], made from what the link counts. Pure. Leaves out when that is
//! looked at (`task/look.rs`), and round trips, which come by themselves.

use crate::sys::Tcp;
use crate::transport::ssh::{Look, Through};
use std::time::{Duration, Instant};

/// What a link is like, as of now.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Measured {
    /// The shortest round trip of late: that of the way without a queue.
    pub shortest: Option<Duration>,
    /// Bytes of output that may be on their way to us.
    pub credit: u64,
    /// Bytes a second that came over the connection since it was measured last, forwards and SSH's own included.
    pub rate: Option<u64>,
    /// `None` where that can't be known.
    pub tcp: Option<Tcp>,
    /// Segments sent again since it was measured last.
    pub resent: u32,
    /// The name, address and port that were reached, and what is between; escaped.
    pub address: String,
    pub through: Through,
    pub cipher: Option<String>,
}

/// What was counted when a link was measured last.
#[derive(Clone, Copy)]
pub struct Before {
    at: Instant,
    received: u64,
    resent: Option<u32>,
}

impl Measured {
    /// What a connection tells of itself, and what has become of it since the time before.
    pub fn of(look: &Look, before: &mut Option<Before>, now: Instant) -> Measured {
        let (received, tcp) = (look.received(), look.tcp());
        let last = before.replace(Before { at: now, received, resent: tcp.map(|t| t.resent) });
        Measured {
            rate: last.and_then(|b| rate(received.saturating_sub(b.received), now.saturating_duration_since(b.at))),
            resent: last.and_then(|b| Some(tcp?.resent.saturating_sub(b.resent?))).unwrap_or(0),
            tcp,
            address: look.address.clone(),
            through: look.through.clone(),
            cipher: look.cipher(),
            ..Measured::default()
        }
    }
}

/// Bytes a second; none over no time.
fn rate(bytes: u64, over: Duration) -> Option<u64> {
    let secs = over.as_secs_f64();
    (secs > 0.0).then(|| (bytes as f64 / secs) as u64)
}

/// Why TCP's own figures are not known, where they are not.
pub fn unknown(through: &Through) -> &'static str {
    match through {
        Through::Host(_) => "not known through a jump host",
        Through::ProxyCommand => "not known through a ProxyCommand",
        Through::Nothing => "not told by this system",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_a_second() {
        assert_eq!(rate(3000, Duration::from_millis(1500)), Some(2000));
        assert_eq!(rate(3000, Duration::ZERO), None);
    }
}
