//! thub: a terminal multiplexer for all of a person's machines.
pub mod client;
pub mod config;
pub mod failure;
pub mod link;
pub mod paths;
pub mod proto;
pub mod safedir;
pub mod store;
pub mod sys;
pub mod term;
pub mod text;
pub mod theme;
pub mod transport;
