//! Owns containers, the only place that knows of Docker's and Podman's engine: its socket, a program in a container, its
//! own terminal, its logs, its files' bytes, its gauges. Leaves out who wants them.
//!
//! Whoever may use the socket is root on that machine. Names go to the engine as fields of its API and nowhere else: no
//! shell sees one, and what could be more than a name in a URL is refused (`named`).
//!
//! # Layout
//! - `engine`  where it listens, what is there, what it says no to · `raw` its streams, byte for byte
//! - `named`   what is a name · `numbers` the gauges of one

mod engine;
mod named;
mod numbers;
mod raw;

pub use engine::Engine;
pub use numbers::{Stats, stats};

use super::bridge::Bridge;
use crate::proto::control::Fault;
use crate::proto::control::connections::Docker;
use crate::proto::ids::Size;

/// Opens it. To be called within the runtime that serves it from then on.
pub async fn open(_docker: Docker, _size: Size, _term: &str) -> Result<Bridge, Fault> {
    Err(Fault::new(Fault::SPAWN, "not built yet"))
}
