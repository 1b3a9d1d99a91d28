//! Owns the gauges of a container: counters as the engine has them at one moment. Leaves out rates and history: who looks
//! more than once has them.

use super::engine::{Engine, checked, refused};
use crate::proto::control::Fault;
use bollard::models::{ContainerBlkioStats, ContainerMemoryStats, ContainerStatsResponse};
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use std::time::{Duration, Instant};

/// An engine that is asked for one sample and has to take two needs a second or two (Podman, Docker before 20.10).
const SAMPLE: Duration = Duration::from_secs(10);

/// What a container has used since it was started, and what it has now. What the engine does not tell is 0 or none.
#[derive(Clone, Debug)]
pub struct Stats {
    /// When it was taken, on this process' clock: rates are differences of counters over differences of this.
    pub taken: Instant,
    /// CPU time of all its processes, ns. Over time: 1 = a whole core.
    pub cpu_ns: u64,
    /// CPU time of the whole machine, ns, all cores together; none = not told.
    pub system_ns: Option<u64>,
    /// Cores the machine has for it.
    pub cores: u32,
    /// Memory in use, bytes, without the page cache that can be had back.
    pub memory: u64,
    /// Its limit, bytes; all of the machine's where it has none of its own; 0 = not told.
    pub memory_limit: u64,
    /// Bytes received and sent, of all its interfaces since they were made.
    pub received: u64,
    pub sent: u64,
    /// Bytes read from disks and written.
    pub read: u64,
    pub written: u64,
    /// Processes and threads it has now.
    pub pids: u64,
}

/// The gauges of a container, by name or id, at the engine of `socket` (none = as [`Engine::connect`] finds it).
/// Errors: as `connect`'s; BAD_PARAMS what is no name, UNKNOWN no such container, ENDED it is not running.
pub async fn stats(socket: Option<&str>, container: &str) -> Result<Stats, Fault> {
    Engine::connect(socket).await?.stats(container).await
}

impl Engine {
    /// See [`stats`]; over an engine that is known already.
    pub async fn stats(&self, container: &str) -> Result<Stats, Fault> {
        let doing = format!("the gauges of {}", checked(container)?);
        let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
        let mut answer = std::pin::pin!(self.api.stats(container, Some(options)));
        let said = match tokio::time::timeout(SAMPLE, answer.next()).await {
            Ok(Some(Ok(said))) => said,
            Ok(Some(Err(e))) => return Err(refused(&doing, &e)),
            // (as Podman does of one that is not running)
            Ok(None) if !self.stand(container).await?.running => return Err(not_running(&doing)),
            Ok(None) => return Err(Fault::new(Fault::GONE, format!("{doing}: the engine said nothing"))),
            Err(_) => return Err(Fault::new(Fault::TIMEOUT, format!("{doing}: the engine does not answer"))),
        };
        of(&said, Instant::now()).ok_or_else(|| not_running(&doing))
    }
}

fn not_running(doing: &str) -> Fault {
    Fault::new(Fault::ENDED, format!("{doing}: it is not running; 'thub containers start' starts it"))
}

/// None = it tells of nothing, as the engine does of one that is not running.
fn of(said: &ContainerStatsResponse, taken: Instant) -> Option<Stats> {
    let cpu = said.cpu_stats.as_ref();
    let usage = cpu.and_then(|c| c.cpu_usage.as_ref());
    let cpu_ns = usage.and_then(|u| u.total_usage).unwrap_or(0);
    let pids = said.pids_stats.as_ref().and_then(|p| p.current).unwrap_or(0);
    let (memory, memory_limit) = said.memory_stats.as_ref().map(memory).unwrap_or_default();
    if cpu_ns == 0 && pids == 0 && memory == 0 {
        return None;
    }
    let cores = cpu.and_then(|c| c.online_cpus).filter(|n| *n > 0);
    let cores = cores.or_else(|| u32::try_from(usage?.percpu_usage.as_ref()?.len()).ok()).unwrap_or(1);
    let nets = said.networks.as_ref().map(|n| n.values().collect::<Vec<_>>()).unwrap_or_default();
    let sum = |of: &dyn Fn(&bollard::models::ContainerNetworkStats) -> Option<u64>| {
        nets.iter().filter_map(|n| of(n)).fold(0u64, u64::saturating_add)
    };
    let (read, written) = said.blkio_stats.as_ref().map(blocks).unwrap_or_default();
    Some(Stats {
        taken,
        cpu_ns,
        system_ns: cpu.and_then(|c| c.system_cpu_usage),
        cores,
        memory,
        memory_limit,
        received: sum(&|n| n.rx_bytes),
        sent: sum(&|n| n.tx_bytes),
        read,
        written,
        pids,
    })
}

/// As `docker stats` counts: without the page cache nobody has used lately (cgroup v1 and v2 name it differently).
fn memory(said: &ContainerMemoryStats) -> (u64, u64) {
    let used = said.usage.unwrap_or(0);
    let cache = said.stats.as_ref().and_then(|s| s.get("total_inactive_file").or_else(|| s.get("inactive_file")));
    let cache = cache.copied().filter(|c| *c < used).unwrap_or(0);
    (used - cache, said.limit.unwrap_or(0))
}

fn blocks(said: &ContainerBlkioStats) -> (u64, u64) {
    let all = said.io_service_bytes_recursive.as_deref().unwrap_or_default();
    let sum = |what: &str| {
        let of = all.iter().filter(|e| e.op.as_deref().is_some_and(|op| op.eq_ignore_ascii_case(what)));
        of.filter_map(|e| e.value).fold(0u64, u64::saturating_add)
    };
    (sum("read"), sum("write"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Stats> {
        of(&serde_json::from_str(json).unwrap(), Instant::now())
    }

    #[test]
    fn what_engines_tell() {
        let v1 = read(
            r#"{"cpu_stats":{"cpu_usage":{"total_usage":5000,"percpu_usage":[1,2]},"system_cpu_usage":9},
            "memory_stats":{"usage":1000,"limit":4096,"stats":{"total_inactive_file":300,"inactive_file":1}},
            "networks":{"eth0":{"rx_bytes":5,"tx_bytes":6},"eth1":{"rx_bytes":10}},"pids_stats":{"current":3},
            "blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":7},{"op":"Write","value":8},{"op":"Total","value":15}]}}"#,
        )
        .unwrap();
        assert_eq!((v1.cpu_ns, v1.system_ns, v1.cores, v1.memory, v1.memory_limit), (5000, Some(9), 2, 700, 4096));
        assert_eq!((v1.received, v1.sent, v1.read, v1.written, v1.pids), (15, 6, 7, 8, 3));
        let v2 = read(
            r#"{"cpu_stats":{"cpu_usage":{"total_usage":1},"online_cpus":4},
            "memory_stats":{"usage":1000,"stats":{"inactive_file":2000}},
            "blkio_stats":{"io_service_bytes_recursive":[{"op":"read","value":1}]}}"#,
        )
        .unwrap();
        assert_eq!((v2.cores, v2.memory, v2.read, v2.system_ns), (4, 1000, 1, None));
    }

    #[test]
    fn one_that_is_not_running() {
        assert!(read(r#"{"cpu_stats":{"cpu_usage":{"total_usage":0}},"memory_stats":{},"pids_stats":{}}"#).is_none());
        assert!(read("{}").is_none());
    }
}
