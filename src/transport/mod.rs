//! Reach a machine, hand back a byte stream to its agent: [`reach`].

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod ask;
pub mod deploy;
pub mod ssh;

use crate::failure::{Failure, Kind};
use crate::text::escape;
use ask::Ask;
use deploy::{Offer, Plan, Started};
use ssh::{Channel, Ssh};
use std::path::Path;
use std::sync::Arc;

/// What to do about a host without this build's agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeployPolicy {
    Never,
    Ask,
    Always,
}

/// Connects, and starts this build's agent there; where it is missing, the policy decides. The channel's first bytes are
/// those with the agent's banner. Where the agent is there, the way from login to banner is one command.
pub async fn reach(
    dest: &str,
    file: Option<&Path>,
    ask: Arc<dyn Ask>,
    policy: DeployPolicy,
    offer: impl Into<Offer>,
) -> Result<(Ssh, Channel), Failure> {
    let offer = offer.into();
    let ssh = ssh::connect(dest, file, ask.clone()).await?;
    let remote = match deploy::start(&ssh).await {
        Ok(Started::Agent(channel)) => return Ok((ssh, channel)),
        Ok(Started::Absent(remote)) => remote,
        // it is there and does not run: what lies there is compared, and put there anew where it is not what was sent
        Err(e) if policy != DeployPolicy::Never && e.kind == Kind::Failed && !ssh.is_closed() => {
            deploy::find(&ssh).await?
        }
        Err(e) => return Err(e),
    };
    let host = ssh.name();
    let missing = || {
        Failure::refused(
            format!("{host} has no thub agent of this build"),
            format!("run `thub deploy {}`, or open it in the TUI", escape(dest)),
        )
    };
    if policy == DeployPolicy::Never {
        return Err(missing());
    }
    if policy == DeployPolicy::Ask {
        // what does not run there is said before anybody is asked
        if let Plan::Upload { agent, steps } = deploy::preview(&host, &remote, &offer).await? {
            let found = remote.builds.last().map(ToString::to_string);
            if ask.deploy(&host, found.as_deref(), &agent.build, &steps).await != Some(true) {
                return Err(missing());
            }
        }
    }
    let agent = deploy::deploy(&ssh, &remote, offer, &*ask).await?;
    match deploy::first_words(&ssh, deploy::open_agent(&ssh, &agent).await?).await? {
        Started::Agent(channel) => Ok((ssh, channel)),
        Started::Absent(_) => Err(missing()),
    }
}

/// Bytes nobody can guess: for salts and for the names of temporary files. (Every Unix has this file.)
pub(crate) fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    use std::io::Read;
    let mut bytes = [0; N];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
