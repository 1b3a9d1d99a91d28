//! SSH to a real OpenSSH: the only folder that names russh. Decisions are pure functions, files are read at the edge.
//!
//! - [`config`] what ssh_config says, `aliases` whom it names · [`known_hosts`] the verdict on a host's key
//! - `stream` what SSH runs over, `dial` its TCP · [`connect`] the handshake and [`Ssh`] · `gate` passes the host's key or says why not
//! - `offer` algorithms and limits, as ssh_config wants them within what is safe
//! - [`krl`] binary lists of revoked keys · `hostcert` what a host's certificate is worth · `renewal` the host is the same when keys are renewed
//! - `agent_forward` the person's ssh-agent, lent to a host · `x11` the display
//! - `turn` how many connections begin at a time · `auth`, `keyfile`, `userkey` who we are · `patience` deadlines that stand still while a person is asked
//! - [`forward`] ports and sockets passed on, both ways; `lane`, `spill` bulk data gives way
//! - `ahead` what is said before the host has answered
//! - `way` how it was reached, in words · `look` what can be looked at of a connection
//! - [`channel`] a command's streams · [`sftp`] files, behind [`sftp_guard`]

mod agent_forward;
mod ahead;
mod aliases;
mod auth;
pub mod channel;
pub mod config;
pub mod connect;
mod dial;
pub mod forward;
mod gate;
mod hostcert;
mod keyfile;
pub mod known_hosts;
pub mod krl;
mod lane;
mod look;
mod offer;
mod patience;
mod renewal;
pub mod sftp;
pub mod sftp_guard;
mod spill;
mod stream;
mod turn;
mod userkey;
mod way;
mod x11;

pub use ahead::{Again, Note};
pub use aliases::{Entry, entries, hosts};
pub use channel::{Channel, Control, Exit};
pub use config::{HostConfig, resolve};
pub use connect::{Beside, Lends, Ssh, Terminal, connect, connect_again, connect_patiently};
pub use forward::Forwards;
pub use look::{Look, Steps};
pub use sftp::Sftp;
pub use way::Through;
