//! Owns SFTP sessions on hosts behind this one: one a target, over the SSH connection that its shells have, opened when it
//! is wanted, kept while it is used. Leaves out the connection (target process), and what is asked over it.

use super::super::Agent;
use super::super::opening::{amiss, meant};
use crate::backend::channel;
use crate::failure::Failure;
use crate::filesys::sftp::Remote;
use crate::link::locked;
use crate::proto::control::connections::{Kind, Ssh};
use crate::proto::control::{Fault, Place};
use crate::proto::ids::TargetId;
use crate::store::target;
use crate::text::escape;
use crate::transport::ssh::sftp::{Lost, NotStarted, Sftp, Wrong};
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The target process may have to connect anew, and ask somebody.
const OPEN: Duration = Duration::from_secs(7200);
/// A session that nobody used for so long is closed: with the last channel goes the connection, and who logs in with two
/// factors is asked for the next.
const UNUSED: Duration = Duration::from_secs(600);

/// One at a time opens a session; the others wait for it.
type Slot = Arc<tokio::sync::Mutex<Option<Remote>>>;

#[derive(Default)]
pub struct Behind {
    /// By target, and by what leads to it.
    slots: Mutex<HashMap<Place, Slot>>,
}

impl Behind {
    fn slot(&self, place: &Place) -> Slot {
        locked(&self.slots).entry(place.clone()).or_default().clone()
    }

    /// Nobody asks any more.
    pub fn close(&self) {
        locked(&self.slots).clear();
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
    /// The files of a host behind this one.
    pub(super) async fn behind(self: &Arc<Agent>, place: &Place) -> Result<Remote, Fault> {
        let ssh = match (&place.target, &place.connection, &place.ssh) {
            (Some(id), None, None) => return self.over(id).await,
            // (as the book has it now)
            (None, Some(id), None) => self.led(id).await?,
            (None, None, Some(ssh)) => (**ssh).clone(),
            _ => return Err(Fault::new(Fault::BAD_PARAMS, "a place is a target, a connection or what one says")),
        };
        let slot = self.behind.slot(&Place { ssh: Some(Box::new(ssh.clone())), ..Place::default() });
        held(slot, || async move {
            let id = self.target(&ssh).await?;
            self.over(&id).await
        })
        .await
    }

    /// Where a prepared connection leads.
    async fn led(&self, id: &str) -> Result<Ssh, Fault> {
        let connection = self.prepared(id).await?;
        let bad = |why: &str| Err(amiss(&connection.name, why));
        match meant(&connection)? {
            Kind::Ssh(ssh) => Ok(ssh),
            Kind::Local(_) => bad("it leads to this host itself: its files are the host's own"),
            Kind::Serial(_) | Kind::Docker(_) | Kind::Telnet(_) | Kind::Other(_) => {
                bad("it has no files: connections of type ssh have")
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

#[cfg(test)]
mod tests;
