//! Client, agent and session of different builds: two older ones, built from this repository's history, and this one.
//! `cargo test --test mixes -- --nocapture` prints the table of all that go together.

#[path = "../support/mod.rs"]
mod support;

mod choice;
mod host;
mod life;
mod old;
mod renewal;
mod table;
