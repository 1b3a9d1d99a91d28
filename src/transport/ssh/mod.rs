//! SSH to a real OpenSSH: the only folder that names russh. Decisions are pure functions, files are read at the edge.
//!
//! - [`config`] what ssh_config says, `aliases` whom it names · [`known_hosts`] the verdict on a host's key
//! - `stream` what SSH runs over · [`connect`] the handshake and [`Ssh`] · `gate` passes the host's key or says why not
//! - `auth`, `keyfile` who we are · `patience` deadlines that stand still while a person is asked
//! - [`channel`] a command's streams · [`sftp`] files, behind [`sftp_guard`]

mod aliases;
mod auth;
pub mod channel;
pub mod config;
pub mod connect;
mod gate;
mod keyfile;
pub mod known_hosts;
mod patience;
pub mod sftp;
pub mod sftp_guard;
mod stream;

pub use aliases::hosts;
pub use channel::{Channel, Control, Exit};
pub use config::{HostConfig, resolve};
pub use connect::{Ssh, Terminal, connect, connect_patiently};
pub use sftp::Sftp;
