//! Owns a host's forwards as its task sees them: opened as ssh_config says and as a person asks, told when they change,
//! looked at while somebody looks. Leaves out the forwards (`transport/ssh/forward.rs`).

use super::{Env, HostCommand, HostEvent, HostId};
use crate::failure::Failure;
use crate::link::Link;
use crate::proto::control::{PortInfo, PortsList};
use crate::text::{escape, shell, typed};
use crate::transport::ssh::forward::spec::{Kind, Place, Spec};
use crate::transport::ssh::forward::{State, Why};
use crate::transport::ssh::{Forwards, Ssh};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

/// Changes within this are one.
const TOGETHER: Duration = Duration::from_millis(100);
/// While somebody looks.
const LOOK: Duration = Duration::from_secs(2);
/// So many ports from the wanted one on are tried.
const NEAR: u16 = 20;

type Events = mpsc::UnboundedSender<(HostId, HostEvent)>;

pub(super) struct Forwarding {
    host: HostId,
    env: Arc<Env>,
    events: Events,
    forwards: Forwards,
    /// Those of ssh_config were opened: what a person closed does not come back with the link.
    configured: bool,
    looking: bool,
    look: Option<AbortHandle>,
    /// Why the connection can't be (ExitOnForwardFailure).
    stop: watch::Sender<Option<Why>>,
    must: bool,
    /// The host is reached by a process of its own, whose connection carries none.
    without: bool,
}

/// Why there are none where the host is reached without an agent, and what to do.
pub fn without_agent(host: &HostId, ssh_config: Option<&Path>) -> Failure {
    let host = shell(host.as_str());
    let forward = typed(&format!("thub forward -H {host} SPEC"), ssh_config);
    let deploy = typed(&format!("thub deploy {host}"), ssh_config);
    Failure::failed(
        format!("no forwards from here without an agent: use `{forward}`"),
        format!("`{forward}` forwards over a connection of its own"),
    )
    .hint(format!("`{deploy}` puts the agent there; then this panel forwards too"))
}

impl Forwarding {
    pub(super) fn new(host: HostId, env: Arc<Env>, events: Events) -> Forwarding {
        let forwards = Forwards::new(escape(host.as_str()));
        let stop = watch::Sender::new(None);
        let one = Forwarding {
            host,
            env,
            events,
            forwards,
            configured: false,
            looking: false,
            look: None,
            stop,
            must: false,
            without: false,
        };
        one.follow();
        one
    }

    /// Tells of every change, and records it.
    fn follow(&self) {
        let (host, env, events) = (self.host.clone(), self.env.clone(), self.events.clone());
        let (mut changes, list, stop) = (self.forwards.changes(), self.forwards.lister(), self.stop.clone());
        if host.is_local() {
            return;
        }
        // (who leaves waits for the tasks that have news: this one has none once the host's has ended)
        let events = events.downgrade();
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                tokio::time::sleep(TOGETHER).await;
                changes.borrow_and_update();
                let Some(now) = list.list() else { break };
                let failed = now.iter().find_map(|f| match &f.state {
                    State::Failed(why) if f.configured => Some(why.clone()),
                    _ => None,
                });
                stop.send_replace(failed);
                env.record(host.as_str(), &now);
                let Some(events) = events.upgrade() else { break };
                let _ = events.send((host.clone(), HostEvent::Forwards(now)));
            }
            env.record(host.as_str(), &[]);
        });
    }

    /// The link stands; without `ssh` it is one to this machine's own agent.
    pub(super) fn up(&mut self, ssh: Option<&Ssh>, link: &Link) {
        self.without = ssh.is_none() && !self.host.is_local();
        let Some(ssh) = ssh else {
            // those would wait for ever
            if self.without && self.forwards.lister().list().is_some_and(|l| !l.is_empty()) {
                self.end();
                self.tell(Err(without_agent(&self.host, self.env.ssh_config.as_deref())));
            }
            if self.without && !std::mem::replace(&mut self.configured, true) {
                self.say_configured();
            }
            return;
        };
        self.forwards.link(Some(ssh.clone()));
        self.must = ssh.config().forwards().must;
        if !std::mem::replace(&mut self.configured, true) {
            for spec in &ssh.config().forwards().specs {
                self.tell(self.forwards.open(spec.clone(), true));
            }
        }
        if self.looking {
            self.look(Some(link));
        }
    }

    /// Those that ssh_config asks for are not opened without an agent: nobody should wait for them.
    fn say_configured(&self) {
        let (host, env, events) = (self.host.clone(), self.env.clone(), self.events.clone());
        tokio::spawn(async move {
            let Ok(config) = crate::transport::ssh::config::resolve(host.as_str(), env.ssh_config.as_deref()).await
            else {
                return;
            };
            let specs = config.forwards().specs;
            if specs.is_empty() {
                return;
            }
            let count = crate::text::count(specs.len(), "forward");
            let what =
                format!("{count} of ssh_config not opened: {}", without_agent(&host, env.ssh_config.as_deref()).what);
            let _ = events.send((host, HostEvent::Said { what }));
        });
    }

    pub(super) fn down(&mut self) {
        self.forwards.link(None);
        self.look(None);
    }

    /// Nobody wants the host any more: neither its forwards.
    pub(super) fn end(&mut self) {
        let forwards = std::mem::replace(&mut self.forwards, Forwards::new(escape(self.host.as_str())));
        self.look(None);
        self.configured = false;
        self.stop.send_replace(None);
        self.follow();
        let (events, host) = (self.events.clone(), self.host.clone());
        tokio::spawn(async move {
            forwards.end().await;
            let _ = events.send((host, HostEvent::Forwards(Vec::new())));
        });
    }

    /// Waits until a forward that ssh_config insists on can't be.
    pub(super) async fn fails(&self) -> Why {
        let mut stop = self.stop.subscribe();
        loop {
            if let Some(why) = stop.borrow_and_update().clone().filter(|_| self.must) {
                return why;
            }
            if stop.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Whether the command was one of these; `link` = where it stands.
    pub(super) fn command(&mut self, command: &HostCommand, link: Option<&Link>) -> bool {
        match command {
            HostCommand::Forward(_) | HostCommand::ForwardPort(_) if self.without => {
                self.tell(Err(without_agent(&self.host, self.env.ssh_config.as_deref())));
            }
            HostCommand::Forward(spec) => self.tell(self.forwards.open(spec.clone(), false)),
            HostCommand::ForwardPort(port) => match near(port) {
                Some(spec) => self.tell(self.forwards.open(spec, false)),
                None => self.tell(Err(Failure::usage("that port can't be forwarded", "write the forward out"))),
            },
            HostCommand::Unforward(id) => {
                self.forwards.close(*id);
            }
            HostCommand::Ports(on) => {
                self.looking = *on;
                // (what listens on this machine is not the host's)
                self.look(link.filter(|_| *on && !self.without));
            }
            _ => return false,
        }
        true
    }

    fn tell(&self, opened: Result<u64, Failure>) {
        if let Err(failure) = opened {
            let _ = self.events.send((self.host.clone(), HostEvent::Failed { what: failure.what }));
        }
    }

    /// Looks at the ports and the counts again and again, on this link; None = stops.
    fn look(&mut self, link: Option<&Link>) {
        if let Some(before) = self.look.take() {
            before.abort();
        }
        let Some(link) = link.cloned() else { return };
        let (host, events, list) = (self.host.clone(), self.events.clone(), self.forwards.lister());
        let task = tokio::spawn(async move {
            // an older agent knows no such call: then there is nothing to offer
            while !link.is_closed() {
                if let Ok(reply) = link.call(&PortsList {}).await {
                    let _ = events.send((host.clone(), HostEvent::Ports(reply.ports)));
                }
                let Some(now) = list.list() else { return };
                if events.send((host.clone(), HostEvent::Forwards(now))).is_err() {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        self.look = Some(task.abort_handle());
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        if let Some(look) = self.look.take() {
            look.abort();
        }
    }
}

/// From the same port here, or one near it that is free. What an agent says is no more than an offer, so what of it is
/// used is read as an address.
fn near(offer: &PortInfo) -> Option<Spec> {
    let address: std::net::IpAddr = offer.address.parse().ok()?;
    let host =
        if address.is_unspecified() || address.is_loopback() { "localhost".to_string() } else { address.to_string() };
    let target = Some(Place::tcp(&host, offer.port)).filter(|_| offer.port > 0)?;
    let free = |port: u16| {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let six = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
        // a machine without IPv6 has no such address
        four.is_ok() && !matches!(six, Err(e) if e.kind() == std::io::ErrorKind::AddrInUse)
    };
    // 80 becomes 8080 where it may not be 80
    let tries = (offer.port..=offer.port.saturating_add(NEAR)).chain(offer.port.checked_add(8000));
    let port = tries.into_iter().find(|p| free(*p)).unwrap_or(0);
    Some(Spec { kind: Kind::Local, listen: Place::Tcp { host: None, port }, target: Some(target) })
}
