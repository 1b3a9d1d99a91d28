//! Owns a container: a program in it, its own terminal, its logs.

use super::bridge::Bridge;
use crate::proto::control::Fault;
use crate::proto::control::connections::Docker;
use crate::proto::ids::Size;

/// Opens it. To be called within the runtime that serves it from then on.
pub async fn open(_docker: Docker, _size: Size, _term: &str) -> Result<Bridge, Fault> {
    Err(Fault::new(Fault::SPAWN, "not built yet"))
}
