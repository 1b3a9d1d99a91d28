//! Owns a serial port of this machine, or of a host behind a target process.

use super::bridge::Bridge;
use crate::proto::control::Fault;
use crate::proto::control::connections::Serial;

/// Opens it. To be called within the runtime that serves it from then on.
pub async fn open(_serial: Serial, _socket: Option<std::os::unix::net::UnixStream>) -> Result<Bridge, Fault> {
    Err(Fault::new(Fault::SPAWN, "not built yet"))
}
