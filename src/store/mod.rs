//! JSON and records on disk.
pub mod file;
pub mod layout;
pub mod rundir;
pub mod target;
