//! JSON and records on disk.
pub mod rundir;
