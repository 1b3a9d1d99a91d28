//! Owns which ports the user's programs listen on here, when a client asks. Leaves out forwarding them: that is the
//! client's, over its own connection.

use crate::proto::control::{Fault, PortInfo, PortsListed};
use crate::sys::listening;

pub async fn list() -> Result<PortsListed, Fault> {
    // a walk through /proc
    let found = tokio::task::spawn_blocking(listening::mine).await.unwrap_or_default();
    let ports = found
        .into_iter()
        .map(|l| PortInfo {
            port: l.port,
            address: l.address.to_string(),
            pid: l.pid.unwrap_or_default(),
            command: l.command,
        })
        .collect();
    Ok(PortsListed { ports })
}
