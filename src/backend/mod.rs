//! Ways to get a byte stream with a program, a port or a channel at its other end.
pub mod pty;
