//! Owns the gauges of this host: sampled every 2 s while somebody looks. Leaves out how they are drawn.
//! The only file that names sysinfo.

use crate::link::{Link, call};
use crate::proto::notice::{Gauges, Notice};
use std::time::Duration;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

const EVERY: Duration = Duration::from_secs(2);

pub async fn run(link: Link) {
    let what = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing().with_usage())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(mut system) = System::new_with_specifics(what) else { return };
    // usage is a difference of two looks
    let mut next = Duration::from_millis(300);
    loop {
        tokio::time::sleep(next).await;
        next = EVERY;
        if link.is_closed() {
            return;
        }
        system.refresh_specifics(what);
        let gauges = Gauges {
            cpu: system.global_cpu_usage().clamp(0.0, 100.0),
            mem_used: system.used_memory(),
            mem_total: system.total_memory(),
            load: System::load_average().map_or(0.0, |l| l.one as f32),
            uptime: System::uptime().unwrap_or(0),
        };
        call::notify(&link.out, 0, &Notice::MonitoringData(gauges));
    }
}
