//! The real binary, from outside: in a real terminal, over a real sshd, as a second user.

#[path = "../support/mod.rs"]
mod support;

mod again;
mod browser;
mod cli;
mod containers;
mod cp;
mod cuts;
mod debug;
mod edges;
mod far;
mod find;
mod forward;
mod gauges;
mod hub;
mod kills;
mod lent;
mod line;
mod logout;
mod look;
mod many;
mod mixed;
mod near;
mod podman;
mod serial;
mod slow;
mod soak;
mod survive;
mod telnet;
mod tui;
mod users;
mod without;
