//! Owns looks at a container. Leaves out the engine (`backend::docker`).

use super::{SECOND, Watch};
use crate::backend::docker::{self, Stats};
use crate::proto::gauges::{Gauges, Net};
use std::time::Instant;

pub(super) async fn run(mut watch: Watch, socket: Option<String>, container: String) {
    let mut before: Option<Stats> = None;
    while !watch.link.is_closed() {
        let how = watch.how();
        let asked = Instant::now();
        let first = before.is_none();
        match docker::stats(socket.as_deref(), &container).await {
            Ok(now) => {
                if let Some(old) = &before {
                    watch.tell(gauges(old, &now));
                }
                before = Some(now);
            }
            Err(fault) => {
                before = None;
                watch.tell_fault(&fault.message);
            }
        }
        let soon = first && before.is_some();
        watch.until(asked + if soon { SECOND } else { how.every }).await;
    }
}

/// Of all the cores it may use.
fn gauges(before: &Stats, now: &Stats) -> Gauges {
    let seconds = now.taken.saturating_duration_since(before.taken).as_secs_f64();
    let rate = |old: u64, new: u64| {
        let more = new.checked_sub(old).filter(|_| seconds > 0.0)?;
        Some((more as f64 / seconds).round() as u64)
    };
    let cpu = now.cpu_ns.checked_sub(before.cpu_ns).filter(|_| seconds > 0.0);
    let cpu = cpu.map(|ns| (ns as f64 / 1e9 / seconds / f64::from(now.cores.max(1)) * 100.0) as f32);
    Gauges {
        cpu,
        mem_used: now.memory,
        mem_total: now.memory_limit,
        disk_read: rate(before.read, now.read),
        disk_written: rate(before.written, now.written),
        nets: vec![Net {
            name: "all".into(),
            rx: rate(before.received, now.received),
            tx: rate(before.sent, now.sent),
            rx_total: now.received,
            tx_total: now.sent,
        }],
        processes: u32::try_from(now.pids).ok(),
        ..Gauges::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn two_looks_at_a_container() {
        let taken = Instant::now();
        let before = Stats {
            taken,
            cpu_ns: 1_000_000_000,
            system_ns: None,
            cores: 4,
            memory: 1,
            memory_limit: 0,
            received: 0,
            sent: 500,
            read: 0,
            written: 0,
            pids: 1,
        };
        let now = Stats {
            taken: taken + Duration::from_secs(5),
            cpu_ns: 11_000_000_000,
            memory: 256,
            memory_limit: 1024,
            received: 5000,
            sent: 0,
            ..before.clone()
        };
        let g = gauges(&before, &now);
        assert_eq!((g.cpu, g.mem(), g.net()), (Some(50.0), Some(25.0), None));
        assert_eq!((g.nets[0].rx, g.nets[0].tx, g.disk_read), (Some(1000), None, Some(0)));
        // (started anew)
        assert_eq!(gauges(&now, &before).cpu, None);
    }
}
