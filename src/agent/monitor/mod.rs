//! Owns the gauges an agent tells: what is watched over this link, how often it is looked, and that nothing is once nobody
//! looks. Leaves out how they are drawn.
//!
//! # Layout
//! - `here`       looks at this machine
//! - `behind`     looks at a host over SSH: one command there, over its target process
//! - `container`  looks at a container
//! - `look`       what two looks say
//! - `parse`      systems' texts

mod behind;
mod container;
mod here;
pub mod look;
pub mod parse;

use super::Agent;
use super::opening::{amiss, meant};
use crate::link::{Link, call, locked};
use crate::proto::control::connections::Kind;
use crate::proto::control::{Done, Fault, MonitoringSubscribe, Place};
use crate::proto::gauges::{Gauges, Watched};
use crate::proto::ids::TargetId;
use crate::proto::notice::Notice;
use look::{Look, gauges};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often this machine is looked at.
const HERE: Duration = Duration::from_secs(2);
/// How often what is behind it is.
const BEHIND: Duration = Duration::from_secs(5);
/// The second look comes this soon: only two of them say something.
const SECOND: Duration = Duration::from_secs(1);
const SELDOMEST: Duration = Duration::from_secs(60);
/// Things watched over one link at most.
const MOST: usize = 64;

/// How it is to be looked.
#[derive(Clone, Copy, PartialEq, Debug)]
struct How {
    detail: bool,
    every: Duration,
}

/// What looks, and how it is told to.
type Looking = (JoinHandle<()>, watch::Sender<How>);

#[derive(Default)]
pub struct Monitors {
    watched: Mutex<HashMap<Watched, Looking>>,
}

impl Drop for Monitors {
    fn drop(&mut self) {
        self.close();
    }
}

impl Monitors {
    /// Nobody looks any more.
    pub fn close(&self) {
        for (_, (task, _)) in locked(&self.watched).drain() {
            task.abort();
        }
    }

    /// Goes on as is told now, where it is watched already.
    fn is_changed(&self, of: &Watched, how: How) -> bool {
        let watched = locked(&self.watched);
        let Some((_, to)) = watched.get(of).filter(|(task, _)| !task.is_finished()) else { return false };
        to.send_if_modified(|old| std::mem::replace(old, how) != how);
        true
    }

    fn add(&self, of: Watched, task: JoinHandle<()>, to: watch::Sender<How>) -> Result<(), Fault> {
        let mut watched = locked(&self.watched);
        watched.retain(|_, (task, _)| !task.is_finished());
        if watched.len() >= MOST {
            task.abort();
            return Err(Fault::new(Fault::FULL, format!("{MOST} machines are watched over this link already")));
        }
        if let Some((old, _)) = watched.insert(of, (task, to)) {
            old.abort();
        }
        Ok(())
    }

    fn remove(&self, of: &Watched) {
        if let Some((task, _)) = locked(&self.watched).remove(of) {
            task.abort();
        }
    }
}

/// What is looked at.
enum What {
    Here,
    Target(TargetId),
    Container { socket: Option<String>, container: String },
}

/// Who watches, and when it is looked next.
struct Watch {
    link: Link,
    of: Watched,
    how: watch::Receiver<How>,
}

impl Watch {
    fn how(&mut self) -> How {
        *self.how.borrow_and_update()
    }

    fn tell(&self, gauges: Gauges) {
        let every_ms = u32::try_from(self.how.borrow().every.as_millis()).unwrap_or(0);
        let gauges = Gauges { of: self.of.clone(), every_ms, ..gauges.sound() };
        call::notify(&self.link.out, 0, &Notice::MonitoringData(Box::new(gauges)));
    }

    /// Nothing can be looked at just now.
    fn tell_fault(&self, why: &str) {
        self.tell(Gauges { faults: vec![crate::text::short(why, Gauges::COMMAND)], ..Gauges::default() });
    }

    /// Waits until then, or until it is to be looked otherwise.
    async fn until(&mut self, next: Instant) {
        tokio::select! {
            () = tokio::time::sleep_until(next.into()) => {}
            Ok(()) = self.how.changed() => {}
        }
    }
}

impl Agent {
    pub(super) async fn watch(self: &Arc<Agent>, wish: MonitoringSubscribe) -> Result<Done, Fault> {
        let own = wish.of.is_here();
        let least = if own { HERE } else { BEHIND };
        let every = Duration::from_millis(u64::from(wish.every_ms)).clamp(least, SELDOMEST);
        let how = How { detail: wish.detail, every };
        if self.monitors.is_changed(&wish.of, how) {
            return Ok(Done {});
        }
        let what = self.watched(&wish.of).await?;
        let (to, how) = watch::channel(how);
        let watch = Watch { link: self.link.clone(), of: wish.of.clone(), how };
        let task = match what {
            What::Here => tokio::spawn(here_to_its_end(watch)),
            What::Target(id) => tokio::spawn(behind::run(watch, Arc::downgrade(self), id)),
            What::Container { socket, container } => tokio::spawn(container::run(watch, socket, container)),
        };
        self.monitors.add(wish.of, task, to)?;
        Ok(Done {})
    }

    pub(super) fn watch_no_more(&self, of: &Watched) -> Done {
        self.monitors.remove(of);
        Done {}
    }

    async fn watched(&self, of: &Watched) -> Result<What, Fault> {
        if let Some(session) = &of.session {
            if !of.place.is_here() {
                return Err(Fault::new(Fault::BAD_PARAMS, "gauges are of a place or of a session, not of both"));
            }
            let info = self.info(session).await?;
            if let Some((container, socket)) = info.device.and_then(|d| Some((d.container?, d.socket))) {
                return Ok(What::Container { socket, container });
            }
            let none = || Fault::new(Fault::WRONG_KIND, "that session is in no container and on no other host");
            return info.target.parse().map(What::Target).map_err(|_| none());
        }
        match &of.place {
            place if place.is_here() => Ok(What::Here),
            Place { target: Some(id), connection: None, ssh: None, docker: None } => Ok(What::Target(id.clone())),
            Place { target: None, connection: None, ssh: Some(ssh), docker: None } => {
                Ok(What::Target(self.target(ssh).await?))
            }
            Place { target: None, connection: None, ssh: None, docker: Some(docker) } => {
                let named = docker.container.clone().or(docker.name.clone());
                let none = || Fault::new(Fault::BAD_PARAMS, "that names no container");
                Ok(What::Container { socket: docker.socket.clone(), container: named.ok_or_else(none)? })
            }
            Place { target: None, connection: Some(id), ssh: None, docker: None } => {
                let connection = self.prepared(id).await?;
                let none = |why: &str| Err(amiss(&connection.name, why));
                match meant(&connection)? {
                    Kind::Ssh(ssh) => Ok(What::Target(self.target(&ssh).await?)),
                    Kind::Docker(docker) => match docker.container.or(docker.name) {
                        Some(container) => Ok(What::Container { socket: docker.socket, container }),
                        None => none("each of its sessions has a container of its own: look at one of them"),
                    },
                    Kind::Local(_) => none("it leads to this host itself: look at the host"),
                    _ => none("it has no gauges: those of type ssh and docker have them"),
                }
            }
            _ => Err(Fault::new(Fault::BAD_PARAMS, "a place is a target, a connection, or what one says")),
        }
    }
}

/// This machine, until nobody looks.
async fn here_to_its_end(mut watch: Watch) {
    let mut here = here::Here::new();
    let mut before: Option<(Look, Instant)> = None;
    let mut first = true;
    let mut had = false;
    while !watch.link.is_closed() {
        let How { detail, every } = watch.how();
        // (a disk may be slow, and keys must not wait for it)
        let looked = tokio::task::spawn_blocking(move || {
            let look = here.look(detail);
            (here, look, Instant::now())
        });
        let Ok((again, look, at)) = looked.await else { return watch.tell_fault("this machine can't be looked at") };
        here = again;
        if let Some((old, then)) = &before {
            watch.tell(gauges(old, &look, at.saturating_duration_since(*then)));
        }
        // (what processes do is a difference, too)
        let soon = first || (detail && !had);
        (first, had) = (false, detail);
        before = Some((look, at));
        watch.until(at + if soon { SECOND } else { every }).await;
    }
}
