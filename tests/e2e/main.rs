//! The real binary, from outside: in a real terminal, over a real sshd, as a second user.

#[path = "../support/mod.rs"]
mod support;

mod cli;
mod debug;
mod edges;
mod far;
mod find;
mod kills;
mod survive;
mod tui;
mod users;
