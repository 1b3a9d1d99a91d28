//! The TUI and the client's side of every link.
pub mod app;
pub mod command;
pub mod driver;
pub mod find;
pub mod forwards;
pub mod host;
pub mod inbox;
pub mod keymap;
pub mod layer;
pub mod layout;
pub mod pane;
pub mod tabs;
pub mod terminal;
pub mod tree;
pub mod tui;
pub mod undelivered;
pub mod view;
