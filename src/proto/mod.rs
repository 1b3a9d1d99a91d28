//! The protocol: all that crosses a wire, and nothing else.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod control;
pub mod frame;
pub mod hello;
pub mod ids;
pub mod notice;
pub mod spawn;
