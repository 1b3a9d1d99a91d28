//! Owns containers, the only place that knows of Docker's and Podman's engine: its socket, a program in a container, its
//! own terminal, its logs, its files' bytes, its gauges. Leaves out who wants them.
//!
//! Whoever may use the socket is root on that machine. Names go to the engine as fields of its API and nowhere else: no
//! shell sees one, and what could be more than a name in a URL is refused (`named`).
//!
//! # Layout
//! - `engine`  where it listens, what is there, what it says no to · `raw` its streams, byte for byte
//! - `list`    containers and images, starting and stopping · `named` what is a name · `numbers` the gauges of one
//! - `life`    what a session has of one, over stops and starts · `exec` a program started in it · `stamps` a log that is
//!   followed over cuts · `inside` what its files want · `lines` lines edited for a program without a terminal

mod engine;
mod exec;
mod inside;
mod life;
pub mod lines;
mod list;
mod named;
mod numbers;
mod raw;
pub mod stamps;

pub use engine::Engine;
pub use inside::{Inside, Job, Stat};
pub use life::open;
pub use numbers::{Stats, stats};

/// What a container is called that was made for a session: by that it is found again, whatever else is lost.
pub fn made_name(session: &str) -> String {
    format!("thub-{session}")
}
