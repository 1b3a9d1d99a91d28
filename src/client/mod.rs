//! The TUI and the client's side of every link.
pub mod host;
pub mod terminal;
pub mod view;
