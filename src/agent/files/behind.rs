//! Owns SFTP sessions on hosts behind this one: one a target, over the SSH connection that its shells have, opened when it
//! is wanted, kept while it is used; and whose containers here are meant. Leaves out the connection (target process), and what is asked over it.

use super::super::Agent;
use super::super::opening::{amiss, meant};
use crate::backend::channel;
use crate::backend::docker::Inside;
use crate::failure::Failure;
use crate::filesys::sftp::Remote;
use crate::filesys::{Fs, container};
use crate::link::locked;
use crate::proto::control::connections::{Config, Connection, Docker, Kind, Ssh};
use crate::proto::control::{Fault, Place};
use crate::proto::ids::TargetId;
use crate::store::target;
use crate::text::escape;
use crate::transport::ssh::sftp::{Lost, NotStarted, Sftp, Wrong};
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The target process may have to connect anew, and ask somebody.
const OPEN: Duration = Duration::from_secs(7200);
/// A session that nobody used for so long is closed: with the last channel goes the connection, and who logs in with two
/// factors is asked for the next.
const UNUSED: Duration = Duration::from_secs(600);

/// What was found of a container holds so long: it may be stopped, or another of its name be made.
const SAME: Duration = Duration::from_secs(10);

/// Where a prepared connection leads that has files of its own.
enum Led {
    Host(Ssh),
    Container(Docker),
}

/// One at a time opens a session; the others wait for it.
type Slot = Arc<tokio::sync::Mutex<Option<Remote>>>;

#[derive(Default)]
pub struct Behind {
    /// By target, and by what leads to it.
    slots: Mutex<HashMap<Place, Slot>>,
    /// What was found of a container lately: it is looked at in many small calls.
    containers: Mutex<HashMap<Docker, (container::Remote, Instant)>>,
}

impl Behind {
    fn slot(&self, place: &Place) -> Slot {
        locked(&self.slots).entry(place.clone()).or_default().clone()
    }

    /// Nobody asks any more.
    pub fn close(&self) {
        locked(&self.slots).clear();
        locked(&self.containers).clear();
    }

    /// Lets go of what is over or unused; whether there is anything left.
    fn tidy(&self) -> bool {
        let mut slots = locked(&self.slots);
        slots.retain(|_, slot| match slot.try_lock() {
            Ok(held) => held.as_ref().and_then(Remote::idle).is_some_and(|idle| idle < UNUSED),
            // (it is being opened)
            Err(_) => true,
        });
        !slots.is_empty()
    }
}

async fn held<F>(slot: Slot, open: impl FnOnce() -> F) -> Result<Remote, Fault>
where
    F: Future<Output = Result<Remote, Fault>>,
{
    let mut held = slot.lock().await;
    if let Some(remote) = held.as_ref().filter(|remote| remote.idle().is_some()) {
        return Ok(remote.clone());
    }
    *held = None;
    let remote = open().await?;
    *held = Some(remote.clone());
    Ok(remote)
}

/// A session over a target process' socket.
async fn session(socket: UnixStream) -> Result<Sftp, Fault> {
    let (bytes, host) = channel::sftp(socket, OPEN).await?;
    Sftp::start(bytes, escape(&host)).await.map_err(not_started)
}

/// What a cut has ended may begin over the next connection: who copies tries again. A host without SFTP has none then, either.
fn not_started(why: NotStarted) -> Fault {
    let code = match &why.wrong {
        Wrong::Lost(Lost::Cut(_)) => Fault::GONE,
        Wrong::Lost(Lost::Silent) => Fault::TIMEOUT,
        _ => Fault::SPAWN,
    };
    let why = Failure::from(why);
    // (what to look at there is no advice on a link that fell)
    Fault::new(code, if code == Fault::SPAWN { why.line() } else { why.what })
}

impl Agent {
    /// The files of a host behind this one, or of a container here.
    pub(super) async fn behind(self: &Arc<Agent>, place: &Place) -> Result<Fs, Fault> {
        let ssh = match (&place.target, &place.connection, &place.ssh, &place.docker) {
            (Some(id), None, None, None) => return self.over(id).await.map(Fs::Sftp),
            // (as the book has it now)
            (None, Some(id), None, None) => match self.led(id).await? {
                Led::Host(ssh) => ssh,
                Led::Container(docker) => return self.inside(docker).await.map(Fs::Container),
            },
            (None, None, Some(ssh), None) => (**ssh).clone(),
            (None, None, None, Some(docker)) => {
                let docker = meant_of(docker)?;
                return self.inside(docker).await.map(Fs::Container);
            }
            _ => return Err(Fault::new(Fault::BAD_PARAMS, "a place is a target, a connection or what one says")),
        };
        let slot = self.behind.slot(&Place { ssh: Some(Box::new(ssh.clone())), ..Place::default() });
        held(slot, || async move {
            let id = self.target(&ssh).await?;
            self.over(&id).await
        })
        .await
        .map(Fs::Sftp)
    }

    /// The files of a container.
    async fn inside(&self, docker: Docker) -> Result<container::Remote, Fault> {
        let Some(named) = &docker.container else {
            let why = "a container is made of its image for each session: look at the files of one of those";
            return Err(Fault::new(Fault::REFUSED, why));
        };
        let known = locked(&self.behind.containers).get(&docker).cloned();
        if let Some((remote, at)) = known
            && at.elapsed() < SAME
        {
            return Ok(remote);
        }
        let inside = Inside::of(docker.socket.as_deref(), named, docker.user.clone()).await?;
        let remote = container::Remote::new(inside).await?;
        let mut containers = locked(&self.behind.containers);
        containers.retain(|_, (_, at)| at.elapsed() < SAME);
        containers.insert(docker, (remote.clone(), Instant::now()));
        Ok(remote)
    }

    /// Where a prepared connection leads.
    async fn led(&self, id: &str) -> Result<Led, Fault> {
        let connection = self.prepared(id).await?;
        let bad = |why: &str| Err(amiss(&connection.name, why));
        match meant(&connection)? {
            Kind::Ssh(ssh) => Ok(Led::Host(ssh)),
            Kind::Docker(docker) => Ok(Led::Container(docker)),
            Kind::Local(_) => bad("it leads to this host itself: its files are the host's own"),
            Kind::Serial(_) | Kind::Telnet(_) | Kind::Other(_) => {
                bad("it has no files: those of type ssh and docker have them")
            }
        }
    }

    async fn over(self: &Arc<Agent>, id: &TargetId) -> Result<Remote, Fault> {
        let slot = self.behind.slot(&Place::of_target(id.clone()));
        let run = self.run();
        held(slot, || async move {
            let gone = |e| Fault::new(Fault::GONE, format!("the process that held the SSH connection is gone: {e}"));
            let socket = target::connect(&run, id).map_err(gone)?;
            let sftp = session(socket).await?;
            let agent = Arc::downgrade(self);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(UNUSED / 4).await;
                    let Some(agent) = agent.upgrade() else { return };
                    if !agent.behind.tidy() {
                        return;
                    }
                }
            });
            Ok(Remote::new(sftp))
        })
        .await
    }
}

/// What another one's connection says, with the variables of this machine in it.
fn meant_of(docker: &Docker) -> Result<Docker, Fault> {
    match meant(&Connection { config: Config::docker(docker), ..Connection::default() })? {
        Kind::Docker(docker) => Ok(docker),
        _ => Err(Fault::new(Fault::BAD_PARAMS, "that is no container")),
    }
}

#[cfg(test)]
mod tests;
