//! JSON and records on disk.
pub mod bookmarks;
pub mod connections;
pub mod copies;
pub mod file;
pub mod forwards;
pub mod layout;
pub mod met;
pub mod rundir;
pub mod sessions;
pub mod target;
pub mod teams;
