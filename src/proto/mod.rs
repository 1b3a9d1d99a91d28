//! The protocol: all that crosses a wire, and nothing else.
pub mod control;
pub mod frame;
pub mod hello;
pub mod ids;
pub mod notice;
pub mod spawn;
