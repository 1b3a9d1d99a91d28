//! What a terminal is: screens, history, keys. Pure: no I/O, no async, no clock.
pub mod engine;
pub mod history;
pub mod input;
pub mod keys;
pub mod marks;
pub mod screen;
pub mod search;
pub mod width;
