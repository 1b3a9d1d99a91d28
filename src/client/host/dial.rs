//! Owns how a link to a host's agent comes to be: in this process for this machine, over SSH for any other.
//! Leaves out what is done with it.

use super::HostId;
use crate::failure::Failure;
use crate::link::{Incoming, Link};
use crate::paths::Paths;
use crate::proto::control::{Fault, Initialized};
use crate::proto::hello;
use crate::proto::ids::ClientId;
use crate::sys;
use crate::transport::ask::Ask;
use crate::transport::ssh::Ssh;
use crate::transport::{self, DeployPolicy};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

/// News of sleep and network comes in bursts.
const BURST: Duration = Duration::from_millis(100);

/// What every host's link of this client shares.
pub struct Env {
    pub paths: Paths,
    /// `-F FILE`
    pub ssh_config: Option<PathBuf>,
    pub client: ClientId,
    /// May a missing agent be put there on a person's word?
    pub deploy: DeployPolicy,
    /// Starts this machine's agent on the other end of the pipe it returns. The roof fills it in: roles are strangers.
    pub local: Box<dyn Fn() -> DuplexStream + Send + Sync>,
    /// Counts up when this machine slept or its network changed.
    wakes: OnceLock<watch::Receiver<u64>>,
    /// Where the tasks of other machines' hosts run.
    network: OnceLock<Handle>,
}

impl Env {
    pub fn new(
        paths: Paths,
        ssh_config: Option<PathBuf>,
        deploy: DeployPolicy,
        local: Box<dyn Fn() -> DuplexStream + Send + Sync>,
    ) -> Arc<Env> {
        let client = ClientId::random();
        Arc::new(Env { paths, ssh_config, client, deploy, local, wakes: OnceLock::new(), network: OnceLock::new() })
    }

    /// A thread of their own for the hosts of other machines: a handshake computes for milliseconds, and many at once
    /// (after sleep, or when a window comes back) would hold up keys and frames. It goes with the process.
    pub(super) fn network(&self) -> Handle {
        let start = || {
            let begun = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
                let handle = runtime.handle().clone();
                let run = move || runtime.block_on(std::future::pending::<()>());
                std::thread::Builder::new().name("thub-network".into()).spawn(run).map(|_| handle)
            });
            // (no thread to be had: as well as it goes)
            begun.unwrap_or_else(|_| Handle::current())
        };
        self.network.get_or_init(start).clone()
    }

    /// Changes when this machine slept or its network changed: links are doubted then, and dials worth another try.
    pub fn wakes(&self) -> watch::Receiver<u64> {
        let listen = || {
            let (tx, rx) = watch::channel(0);
            let mut wake = sys::wake::Wake::listen();
            tokio::spawn(async move {
                loop {
                    let why = wake.next().await;
                    tracing::debug!(?why, "links are doubted");
                    tx.send_modify(|n| *n += 1);
                    // (the last of a burst counts: that is when all is in place)
                    while tokio::time::timeout(BURST, wake.next()).await.is_ok() {}
                    tx.send_modify(|n| *n += 1);
                }
            });
            rx
        };
        let mut wakes = self.wakes.get_or_init(listen).clone();
        wakes.mark_unchanged();
        wakes
    }
}

/// A link that stands, or is about to: its calls may be sent at once.
pub struct Dialed {
    pub link: Link,
    pub incoming: mpsc::UnboundedReceiver<Incoming>,
    /// Why it ended.
    pub ended: oneshot::Receiver<io::Error>,
    /// What the agent said of itself.
    pub hello: Initialized,
    /// Kept: the link lives on it.
    pub ssh: Option<Ssh>,
}

/// Reaches a host's agent and says hello.
pub async fn dial(host: &HostId, env: &Env, ask: Arc<dyn Ask>) -> Result<Dialed, Failure> {
    if host.is_local() {
        let io = (env.local)();
        return greet(host, env, io, None).await;
    }
    let (ssh, channel) = transport::reach(host.as_str(), env.ssh_config.as_deref(), ask, env.deploy, None).await?;
    greet(host, env, channel, Some(ssh)).await
}

async fn greet<S>(host: &HostId, env: &Env, io: S, ssh: Option<Ssh>) -> Result<Dialed, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + 'static,
{
    let (tx, incoming) = mpsc::unbounded_channel();
    let (link, served) = Link::new(io, false, tx);
    let (ended_tx, mut ended) = oneshot::channel();
    tokio::spawn(async move {
        let _ = ended_tx.send(served.await);
    });
    let name = crate::text::escape(host.as_str());
    let hello = match link.call(&hello::initialize(env.client.clone())).await {
        Ok(hello) => hello,
        Err(fault) => {
            link.close();
            let why = match ended.try_recv() {
                Ok(e) if fault.code == Fault::GONE => e.to_string(),
                _ => crate::text::escape(&fault.message),
            };
            return Err(Failure::unreachable(
                format!("the agent on {name} does not answer: {why}"),
                if host.is_local() {
                    "run `thub doctor`".to_string()
                } else {
                    format!(
                        "look whether `ssh {name}` works and prints nothing unusual; `thub deploy {name}` puts the agent there anew"
                    )
                },
            ));
        }
    };
    Ok(Dialed { link, incoming, ended, hello, ssh })
}
