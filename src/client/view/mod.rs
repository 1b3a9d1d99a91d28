//! Draws: each file one part of the screen, as a function of the state; `out` makes the bytes.
pub mod out;
