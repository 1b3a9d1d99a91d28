//! SSH to a real OpenSSH: the only folder that names russh. Decisions are pure functions, files are read at the edge.
pub mod config;
pub mod known_hosts;
