//! Reach a machine, hand back a byte stream to its agent.
pub mod ask;
use crate::failure::Failure;
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeployPolicy { Never, Ask, Always }
pub mod ssh { #[derive(Clone)] pub struct Ssh; }
pub async fn reach(_d: &str, _f: Option<&Path>, _a: Arc<dyn ask::Ask>, _p: DeployPolicy, _from: Option<PathBuf>) -> Result<(ssh::Ssh, tokio::io::DuplexStream), Failure> {
    Err(Failure::unreachable("no ssh yet", "wait"))
}
