//! Reach a machine, hand back a byte stream to its agent: [`reach`].

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod ask;
pub mod deploy;
pub mod ssh;
pub mod target;
pub mod told;

use crate::failure::{Failure, Kind};
use crate::proto::hello;
use crate::text::{shell, typed};
use ask::Ask;
use deploy::{Offer, Plan, Started, choose};
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

/// Connects, and opens an agent there as [`agent`] does.
pub async fn reach(
    dest: &str,
    file: Option<&Path>,
    ask: Arc<dyn Ask>,
    policy: DeployPolicy,
    offer: impl Into<Offer>,
) -> Result<(Ssh, Channel), Failure> {
    let offer = offer.into();
    let ssh = ssh::connect(dest, file, ask.clone()).await?;
    let opened = agent(&ssh, dest, ask, policy, offer, &[], &[]).await?;
    Ok((ssh, opened.channel))
}

/// How often a host's other builds are tried while they change.
const ROUNDS: usize = 4;

/// An agent that runs: its first bytes, those with the banner, are still to be read.
pub struct Opened {
    pub channel: Channel,
    /// The build's directory there.
    pub build: String,
    /// It has been given the first bytes.
    pub greeted: bool,
}

/// Starts an agent: this build's where it is there (the way from login to banner is then one command), else one that
/// goes with it, else the policy decides whether this build's is put there. Builds in `unfit` are passed over: their
/// hello said what their name and banner did not. `first` is what it is to be told, in the same flight with the command
/// that starts this build's: at most [`hello::FIRST_MOST`] bytes; see [`Opened::greeted`].
pub async fn agent(
    ssh: &Ssh,
    dest: &str,
    ask: Arc<dyn Ask>,
    policy: DeployPolicy,
    offer: Offer,
    unfit: &[String],
    first: &[u8],
) -> Result<Opened, Failure> {
    let own = deploy::own_build().await?;
    let mut broken = None;
    let mut remote = if unfit.contains(&own) {
        deploy::find(ssh).await?
    } else {
        let started = match deploy::start(ssh, first).await {
            // one that was ended as it began (`thub agent stop`) is no broken one
            Err(e) if e.kind == Kind::Failed && !ssh.is_closed() => deploy::start(ssh, first).await,
            started => started,
        };
        match started {
            Ok(Started::Agent(channel, version, greeted)) if choose::fits(&version) => {
                return Ok(Opened { channel, build: own, greeted });
            }
            Ok(Started::Absent(remote)) => remote,
            // what lies there under this build's name is something else
            Ok(Started::Agent(..)) => deploy::find(ssh).await?,
            // it is there and does not run
            Err(e) if e.kind == Kind::Failed && !ssh.is_closed() => {
                broken = Some(e);
                deploy::find(ssh).await?
            }
            Err(e) => return Err(e),
        }
    };
    if policy != DeployPolicy::Always {
        let without: Vec<String> = unfit.iter().chain([&own]).cloned().collect();
        for round in 0..ROUNDS {
            let candidates = choose::candidates(&remote.builds, &without);
            if candidates.is_empty() {
                break;
            }
            for build in candidates {
                let agent = deploy::Agent { path: remote.agent_path(build), build: build.to_string() };
                match deploy::first_words(ssh, deploy::open_agent(ssh, &agent).await?).await {
                    Ok(Started::Agent(channel, version, _)) if choose::fits(&version) => {
                        tracing::debug!(build = agent.build, "another build's agent is used");
                        return Ok(Opened { channel, build: agent.build, greeted: false });
                    }
                    Err(e) if ssh.is_closed() => return Err(e),
                    Err(e) if !matches!(e.kind, Kind::Failed | Kind::TimedOut) => return Err(e),
                    // it does not run, or is none: the next one
                    Ok(_) | Err(_) => {}
                }
            }
            // it may have been ended as it began, or others have come in its place meanwhile
            let now = deploy::find(ssh).await?;
            let same = now.builds == remote.builds;
            remote = now;
            if same && round > 0 {
                break;
            }
        }
    }
    let host = ssh.name();
    let found = choose::newest(&remote.builds).map(str::to_string);
    let missing = || {
        let file = ssh.config().file.as_deref();
        let put = format!("`{}` puts it there", typed(&format!("thub deploy {}", shell(dest)), file));
        match &found {
            Some(build) => Failure::refused(
                format!("{host} has {}", choose::verdict(build)),
                format!("{put}, beside the other, and sessions go on"),
            ),
            None => Failure::refused(format!("{host} has no thub agent of this build"), put)
                .hint(format!("`{}` does without it", typed(&format!("thub new -H {} --no-agent", shell(dest)), file))),
        }
    };
    if policy == DeployPolicy::Never {
        return Err(broken.unwrap_or_else(missing));
    }
    if policy == DeployPolicy::Ask {
        // what does not run there is said before anybody is asked
        if let Plan::Upload { agent, mut steps } = deploy::preview(&host, &remote, &offer).await? {
            if found.is_some() {
                steps.push("what is there stays, and sessions go on".into());
            }
            if ask.deploy(&host, found.as_deref(), &agent.build, &steps).await != Some(true) {
                return Err(missing());
            }
        }
    }
    let agent = deploy::deploy(ssh, &remote, offer, &*ask).await?;
    match deploy::first_words(ssh, deploy::open_agent(ssh, &agent).await?).await? {
        Started::Agent(channel, version, _) if choose::fits(&version) => {
            Ok(Opened { channel, build: agent.build, greeted: false })
        }
        Started::Agent(_, version, _) => Err(Failure::refused(
            format!(
                "{host}: what was put there is thub {}, and this thub ({}) needs {}",
                crate::text::short(&version, 60),
                hello::BUILD,
                choose::required()
            ),
            "put one there that goes with this one: `thub deploy HOST --from FILE`",
        )),
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
