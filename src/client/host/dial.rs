//! Owns how a link to a host's agent comes to be: in this process for this machine, over SSH for any other.
//! Leaves out what is done with it.

use super::HostId;
use crate::failure::Failure;
use crate::link::{Incoming, Link};
use crate::paths::Paths;
use crate::proto::control::{Fault, Initialized};
use crate::proto::hello;
use crate::proto::ids::ClientId;
use crate::transport::ask::Ask;
use crate::transport::ssh::Ssh;
use crate::transport::{self, DeployPolicy};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// SSH handshakes at a time.
const HANDSHAKES: usize = 8;
/// A handshake that takes longer does not count among them any more.
const HELD: Duration = Duration::from_secs(10);

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
    handshakes: Semaphore,
}

impl Env {
    pub fn new(
        paths: Paths,
        ssh_config: Option<PathBuf>,
        deploy: DeployPolicy,
        local: Box<dyn Fn() -> DuplexStream + Send + Sync>,
    ) -> Arc<Env> {
        let client = ClientId::random();
        Arc::new(Env { paths, ssh_config, client, deploy, local, handshakes: Semaphore::new(HANDSHAKES) })
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
    let permit = env.handshakes.acquire().await;
    let reached = async {
        let (ssh, channel) = transport::reach(host.as_str(), env.ssh_config.as_deref(), ask, env.deploy, None).await?;
        greet(host, env, channel, Some(ssh)).await
    };
    tokio::pin!(reached);
    tokio::select! {
        greeted = &mut reached => return greeted,
        () = tokio::time::sleep(HELD) => {}
    }
    // a person is asked something, or the host is slow: others need not wait for that
    drop(permit);
    reached.await
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
    if ssh.is_some() {
        crate::sys::test_point("hello");
    }
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
