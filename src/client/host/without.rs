//! Owns a host without an agent: its target process on this machine, found or started, and the answers to what that asks.
//! The link is then to this machine's own agent, and sessions are channels of the target process.
//! Leaves out SSH: that is the target process' matter.

use super::dial::greet;
use super::{Dialed, Env, HostId, answers};
use crate::failure::Failure;
use crate::link::{Incoming, Link};
use crate::proto::control::*;
use crate::proto::ids::TargetId;
use crate::proto::notice::Notice;
use crate::proto::spawn::TargetSpec;
use crate::store::rundir::RunDir;
use crate::store::target;
use crate::text::escape;
use crate::transport::ask::Ask;
use crate::transport::target::{connect, lends, reach};
use crate::transport::told::told;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Connecting has deadlines of its own, which stand still while a person is asked.
const CONNECT: Duration = Duration::from_secs(7200);
/// How a target process stands is answered within this.
const ANSWER: Duration = Duration::from_secs(2);

/// A connection to a host's target process. It ends with its owner.
pub struct Without {
    pub target: TargetId,
    control: Link,
    /// As the target process tells of its host.
    silence: watch::Receiver<Option<Duration>>,
}

impl Drop for Without {
    fn drop(&mut self) {
        self.control.close();
    }
}

impl Without {
    /// A person lets go of the host: the next time it is asked for its agent again.
    pub fn let_go(&self) {
        drop(self.control.call(&TargetAttach { chosen: Some(false) }));
    }

    /// The same, and it is known there when this returns, or nobody answers.
    pub async fn let_go_now(&self) {
        let told = self.control.call_within(&TargetAttach { chosen: Some(false) }, ANSWER);
        let _ = told.await;
    }

    /// From here on it is told whether the host is heard: see [`Without::silence`]. (An older target process can't.)
    pub fn look(&self) {
        drop(self.control.call(&Subscribe { topic: "silence".into() }));
    }

    /// The next word on that: nothing was heard from the host for so long; zero = it is heard again; none = the connection
    /// is gone, and is made anew by the next session.
    pub async fn silence(&mut self) -> Option<Duration> {
        if self.silence.changed().await.is_err() {
            // (the link is gone, which ends more than this)
            std::future::pending::<()>().await;
        }
        *self.silence.borrow_and_update()
    }

    /// Connects anew where the connection was lost.
    pub fn ready(&self) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        let asked = self.control.call_within(&lends(), CONNECT);
        async move {
            let lost = |f: Fault| Failure::unreachable(escape(&f.message), "connect the host again");
            match asked.await.map_err(lost)?.failure {
                Some(failure) => Err(told(&failure)),
                None => Ok(()),
            }
        }
    }

    /// A session over plain SSH: where another one's program is can't be told.
    pub fn wanted(&self, create: SessionCreate) -> SessionCreate {
        SessionCreate { target: Some(self.target.clone()), cwd_of: None, ..create }
    }
}

/// The user's ssh_config as another process finds it.
fn config_file(env: &Env) -> Option<PathBuf> {
    env.ssh_config.as_ref().map(|p| std::path::absolute(p).unwrap_or_else(|_| p.clone()))
}

/// The target process of a host.
pub fn target_of(host: &HostId, env: &Env) -> TargetId {
    target::id(host.as_str(), config_file(env).as_deref())
}

/// Whether a person chose to do without an agent there, and sessions of that are there still: then it goes on so.
pub async fn is_in_use(host: &HostId, env: &Env) -> bool {
    let asked = async {
        let run = RunDir::open(&env.paths).ok()?;
        let (link, _incoming) = connect(&run, &target_of(host, env)).ok()?;
        let info = link.call_within(&TargetGet {}, ANSWER).await.ok();
        link.close();
        info
    };
    asked.await.is_some_and(|info| info.chosen && info.channels > 0)
}

/// Reaches a host without its agent: the target process connects, asking whom it has to.
pub async fn dial(host: &HostId, env: &Env, ask: Arc<dyn Ask>) -> Result<Dialed, Failure> {
    let target = target_of(host, env);
    let run = RunDir::open(&env.paths)?;
    let fault = |f: Fault| silent(host, &escape(&f.message));
    let spec = TargetSpec {
        dest: host.as_str().to_string(),
        ssh_config: config_file(env).map(|p| p.as_os_str().as_bytes().to_vec()),
        ..TargetSpec::default()
    };
    let reached = reach(&run, &target, &spec, env.client.clone()).await;
    let (control, incoming) = reached.map_err(|f| match f.code {
        Fault::SPAWN => Failure::failed(
            format!("no process can be started for {}: {}", escape(host.as_str()), escape(&f.message)),
            "run `thub doctor`",
        ),
        _ => fault(f),
    })?;
    let (heard, silence) = watch::channel(Some(Duration::ZERO));
    let without = Without { target, control: control.clone(), silence };
    if ask.somebody() {
        let chosen = env.was_chosen_without(host).then_some(true);
        control.call(&TargetAttach { chosen }).await.map_err(fault)?;
    }
    tokio::spawn(answer(control.clone(), incoming, ask, heard));
    let info = control.call_within(&lends(), CONNECT).await.map_err(fault)?;
    if let Some(failure) = info.failure {
        return Err(told(&failure));
    }
    let mut dialed = greet(host, env, (env.local)(), None).await?;
    // without its target process the host is as far as behind a link that fell
    let (tx, ended) = oneshot::channel();
    let local = std::mem::replace(&mut dialed.ended, ended);
    let link = dialed.link.clone();
    tokio::spawn(async move {
        let why = tokio::select! {
            why = local => why.unwrap_or_else(|_| io::Error::other("the link is gone")),
            () = gone(&control) => io::Error::other("the process that held the SSH connection is gone"),
        };
        link.close();
        let _ = tx.send(why);
    });
    // no agent there, no build
    dialed.hello.build = String::new();
    dialed.hello.hostname = info.host;
    dialed.without = Some(without);
    Ok(dialed)
}

/// Returns once the link is closed: nothing else ever comes on this stream.
async fn gone(control: &Link) {
    const NEVER_USED: u32 = 2;
    let mut frames = control.open_stream(NEVER_USED);
    if !control.is_closed() {
        while frames.recv().await.is_some() {}
    }
}

fn silent(host: &HostId, why: &str) -> Failure {
    Failure::failed(
        format!("the process that reaches {} over plain SSH does not answer: {why}", escape(host.as_str())),
        "try again; `thub doctor` looks at the directory where its socket is",
    )
}

/// Answers what the target process asks, and takes what it tells, as long as the link stands.
async fn answer(
    link: Link,
    mut incoming: mpsc::UnboundedReceiver<Incoming>,
    ask: Arc<dyn Ask>,
    heard: watch::Sender<Option<Duration>>,
) {
    while let Some(message) = incoming.recv().await {
        let (id, method, params) = match message {
            Incoming::Call { id, method, params } => (id, method, params),
            Incoming::Notice { method, params } => {
                match Notice::from_wire(&method, params) {
                    Some(Notice::TargetSilent(ms)) => drop(heard.send_replace(Some(Duration::from_millis(ms)))),
                    Some(Notice::TargetLost) => drop(heard.send_replace(None)),
                    _ => {}
                }
                continue;
            }
            Incoming::Rtt(_) => continue,
        };
        answers::answer(link.out.clone(), id, method, params, ask.clone(), None);
    }
}
