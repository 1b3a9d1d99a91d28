//! Reach a machine, hand back a byte stream to its agent.
pub mod ask;
pub mod ssh;
