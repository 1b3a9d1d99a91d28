//! Owns a telnet connection (RFC 854).

use super::bridge::Bridge;
use crate::proto::control::Fault;
use crate::proto::control::connections::Telnet;
use crate::proto::ids::Size;

/// Opens it. To be called within the runtime that serves it from then on.
pub async fn open(_telnet: Telnet, _size: Size, _term: &str) -> Result<Bridge, Fault> {
    Err(Fault::new(Fault::SPAWN, "not built yet"))
}
