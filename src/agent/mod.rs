//! The agent: one per connection, disposable. It finds sessions, starts them, and copies frames between its link and
//! theirs. Leaves out everything that must outlive it: it owns nothing it can't find again in the run dir.
//!
//! # Layout
//! - `mod.rs`      run(): the router table, all it can do
//! - `sessions.rs` find, ask and start session processes
//! - `relay.rs`    whole frames copied between a client's stream and a session
//! - `ended.rs`    a session that has ended, served from its record
//! - `exec.rs`     programs run to their end
//! - `connections.rs`  the book of prepared connections
//! - `opening.rs`  what a session gets from its connection
//! - `again.rs`    what sessions were started as: lost at boot, started again
//! - `life.rs`     its hello, its end in order, what it finds again
//! - `files.rs`    files, here and of hosts behind this one
//! - `monitor/`    gauges, here and of what is behind this host
//! - `builds.rs`   the builds that were put here: which go
//! - `targets.rs`  hosts reached over SSH from here
//! - `ports.rs`    what listens here
//! - `watch.rs`    notices that the run dir is another

mod again;
pub mod builds;
mod connections;
mod containers;
mod ended;
mod exec;
mod files;
mod life;
pub mod monitor;
mod opening;
mod ports;
mod relay;
mod serial;
mod sessions;
mod targets;
mod used;
mod watch;

use crate::failure::Failure;
use crate::link::{Incoming, Link, call, locked};
use crate::paths::Paths;
use crate::proto::control::connections::*;
use crate::proto::control::*;
use crate::proto::frame::Frame;
use crate::proto::hello;
use crate::proto::ids::{SessionId, StreamId};
use crate::proto::notice::ShuttingDown;
use crate::store::connections::Book;
use crate::store::rundir::RunDir;
use crate::sys;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// A link over a network that says nothing for this long is dead, and its agent goes.
const SILENCE: Duration = Duration::from_secs(120);
/// Bytes of a list of sessions, of the 256 KiB of an answer.
const LIST: usize = 240 << 10;

/// Where an agent stands.
#[derive(Clone)]
pub struct Context {
    pub paths: Paths,
    /// In the client's own process: sessions get the caller's environment and directory, and an interactive shell.
    pub local: bool,
    /// What THUB_HOST says inside sessions.
    pub host: String,
    /// What sessions' programs get back.
    pub inherited: sys::Inherited,
    pub defaults: Defaults,
    /// The ssh_config that the client's user has named in place of his own.
    pub ssh_config: Option<std::path::PathBuf>,
    /// The first frames came with the command that started it (`hello::FIRST`).
    pub taken: bool,
}

/// What a session gets that does not say otherwise.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Lines of history.
    pub history: usize,
    /// Bytes of raw output.
    pub ring: u64,
    /// latest, smallest, largest, fixed
    pub size_policy: String,
    /// The program of a session without a command; none = the user's own shell.
    pub shell: Option<String>,
}

impl Default for Defaults {
    fn default() -> Defaults {
        Defaults { history: 10_000, ring: 1 << 20, size_policy: "latest".into(), shell: None }
    }
}

struct Agent {
    ctx: Context,
    run: Mutex<Arc<RunDir>>,
    link: Link,
    streams: Mutex<HashMap<StreamId, oneshot::Sender<()>>>,
    /// Streams whose task has not come to its end.
    held: AtomicUsize,
    subscriptions: Mutex<HashMap<&'static str, JoinHandle<()>>>,
    monitors: monitor::Monitors,
    /// Files of hosts behind this one.
    behind: files::behind::Behind,
    /// It ends: nothing is begun any more.
    leaving: Mutex<Option<ShuttingDown>>,
    /// Sessions that were alive when it was looked last.
    known: Mutex<HashSet<String>>,
    /// What was wrong with the file of connections, until somebody is told.
    book_told: Mutex<Option<String>>,
    /// Milliseconds since the machine was booted.
    began_up: u64,
    /// The client was told so: its first session is started knowing it.
    ends_at_logout: AtomicBool,
    /// The first look at the sessions was taken, and those on serial ports that were lost are begun again.
    looked: tokio::sync::Mutex<bool>,
}

/// A call's frames from the client, taken hold of before anything is awaited: what follows the call is not lost.
type Frames = mpsc::UnboundedReceiver<Frame>;

/// Serves one link to its end.
pub async fn run<S>(io: S, ctx: Context) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let run = Mutex::new(Arc::new(RunDir::open(&ctx.paths)?));
    let (tx, mut incoming) = mpsc::unbounded_channel();
    let (link, served) = Link::saying(if ctx.taken { hello::TAKEN } else { "" }, io, true, tx);
    let local = ctx.local;
    if !local {
        // before anybody can ask for an uninstall
        builds::note(&ctx.paths);
        let paths = ctx.paths.clone();
        tokio::task::spawn_blocking(move || builds::collect(&paths));
    }
    let agent = Arc::new(Agent {
        ctx,
        run,
        link: link.clone(),
        streams: Mutex::default(),
        held: AtomicUsize::new(0),
        subscriptions: Mutex::default(),
        monitors: Default::default(),
        behind: Default::default(),
        leaving: Mutex::default(),
        known: Mutex::default(),
        book_told: Mutex::default(),
        ends_at_logout: AtomicBool::new(false),
        looked: Default::default(),
        began_up: sys::boot_ms(),
    });
    // the agent in a client's own process ends with that one
    let mut term = match local {
        true => None,
        false => tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok(),
    };
    tokio::pin!(served);
    let end = loop {
        tokio::select! {
            end = &mut served => break end,
            Some(message) = incoming.recv() => {
                if let Incoming::Call { id, method, params } = message {
                    // an attach's stream is open before the next frame is looked at
                    let stream = params.get("stream").and_then(Value::as_u64).and_then(|s| u32::try_from(s).ok()).filter(|s| *s != 0);
                    // a stream is over before whatever comes next under its number
                    if let (Some(stream), SessionDetach::NAME) = (stream, method.as_str()) {
                        agent.close_stream(stream);
                    }
                    let opened = stream.filter(|_| opens_stream(&method));
                    let frames = opened.map(|s| agent.link.open_stream(s));
                    let (agent, link) = (agent.clone(), link.clone());
                    let down = life::farewell(&method, &params);
                    tokio::spawn(async move {
                        let ends = down.is_some();
                        if let Some(why) = down {
                            agent.leave(why).await;
                        }
                        let result = agent.call(&method, params, frames).await;
                        // what failed has no stream
                        if let Some(stream) = opened.filter(|_| result.is_err()) {
                            agent.link.close_stream(stream);
                        }
                        call::answer(&agent.link.out, id, result);
                        if ends {
                            link.out.close();
                        }
                    });
                }
            }
            _ = async { match &mut term { Some(t) => t.recv().await, None => std::future::pending().await } } => {
                term = None;
                let (agent, link) = (agent.clone(), link.clone());
                tokio::spawn(async move {
                    agent.leave(ShuttingDown { reason: life::STOPPED.into(), expected_return_s: Some(0) }).await;
                    link.out.close();
                });
            }
            () = tokio::time::sleep_until((link.heard() + SILENCE).into()), if !local => {
                if link.heard().elapsed() >= SILENCE {
                    break std::io::Error::new(std::io::ErrorKind::TimedOut, "nothing was heard for 120 s");
                }
            }
        }
    };
    tracing::debug!(why = %end, "the link is over");
    for (_, task) in locked(&agent.subscriptions).drain() {
        task.abort();
    }
    agent.monitors.close();
    locked(&agent.streams).clear();
    agent.behind.close();
    Ok(())
}

fn opens_stream(method: &str) -> bool {
    matches!(
        method,
        SessionList::NAME
            | SessionAttach::NAME
            | SessionRead::NAME
            | SessionHistory::NAME
            | SessionCapture::NAME
            | SessionSearch::NAME
            | SessionMarks::NAME
            | ExecRun::NAME
            | ConnectionsList::NAME
            | ConnectionsAdd::NAME
            | FilesList::NAME
            | FilesRead::NAME
            | FilesWrite::NAME
            | FilesDelete::NAME
            | FilesCopy::NAME
            | FilesPack::NAME
            | FilesUnpack::NAME
    )
}

impl Agent {
    /// The router table.
    async fn call(self: &Arc<Agent>, method: &str, p: Value, frames: Option<Frames>) -> Result<Value, Fault> {
        use call::{params, reply};
        if locked(&self.leaving).is_some() && (opens_stream(method) || method == SessionCreate::NAME) {
            return Err(Fault::new(Fault::GONE, "this agent ends"));
        }
        match method {
            Initialize::NAME => {
                let warn = self.ends_at_logout().await;
                reply(Initialized { ends_at_logout: warn, ..self.initialize(params(p)?).await? })
            }
            SessionList::NAME => reply(self.listed(params(p)?, frames).await?),
            SessionCreate::NAME => reply(self.create(params(p)?).await?),
            SessionGet::NAME => {
                let get: SessionGet = params(p)?;
                if let Some(entry) = self.entry(&get.session) {
                    self.soon_again(&entry).await;
                }
                reply(SessionCreated { session: self.info(&get.session).await?, told: None })
            }
            SessionAttach::NAME => reply(self.attach(params(p)?, frames).await?),
            SessionRead::NAME => reply(self.read(params(p)?, frames).await?),
            SessionHistory::NAME => reply(self.history(params(p)?, frames).await?),
            SessionCapture::NAME => reply(self.capture(params(p)?, frames).await?),
            SessionSearch::NAME => reply(self.search(params(p)?, frames).await?),
            SessionMarks::NAME => reply(self.marks(params(p)?, frames).await?),
            // (done already, in its turn)
            SessionDetach::NAME => params::<SessionDetach>(p).and_then(|_| reply(Done {})),
            SessionResize::NAME => {
                let r: SessionResize = params(p)?;
                reply(self.ask(&r.session.clone(), &r).await?)
            }
            SessionRename::NAME => {
                let r: SessionRename = params(p)?;
                reply(self.ask(&r.session.clone(), &r).await?)
            }
            SessionColors::NAME => {
                let c: SessionColors = params(p)?;
                reply(self.ask(&c.session.clone(), &c).await?)
            }
            SessionAct::NAME => {
                let a: SessionAct = params(p)?;
                reply(self.ask(&a.session.clone(), &a).await?)
            }
            SerialList::NAME => {
                params::<SerialList>(p)?;
                reply(self.serial_ports().await?)
            }
            ContainersList::NAME => reply(containers::list(params(p)?).await?),
            ContainersAct::NAME => reply(containers::act(params(p)?).await?),
            SessionClose::NAME => reply(self.close(params(p)?).await?),
            ExecRun::NAME => reply(self.exec(params(p)?, frames)?),
            ExecStop::NAME => {
                self.close_stream(params::<ExecStop>(p)?.stream);
                reply(Done {})
            }
            FilesList::NAME => reply(self.files_list(params(p)?, frames).await?),
            FilesStat::NAME => reply(self.files_stat(params(p)?).await?),
            FilesRead::NAME => reply(self.files_read(params(p)?, frames).await?),
            FilesWrite::NAME => reply(self.files_write(params(p)?, frames).await?),
            FilesMkdir::NAME => reply(self.files_mkdir(params(p)?).await?),
            FilesRename::NAME => reply(self.files_rename(params(p)?).await?),
            FilesDelete::NAME => reply(self.files_delete(params(p)?, frames).await?),
            FilesChmod::NAME => reply(self.files_chmod(params(p)?).await?),
            FilesLinkRead::NAME => reply(self.files_link_read(params(p)?).await?),
            FilesCopy::NAME => reply(self.files_copy(params(p)?, frames).await?),
            FilesHash::NAME => reply(self.files_hash(params(p)?).await?),
            FilesPack::NAME => reply(self.files_pack(params(p)?, frames).await?),
            FilesUnpack::NAME => reply(self.files_unpack(params(p)?, frames).await?),
            Subscribe::NAME => match params::<Subscribe>(p)?.topic.as_str() {
                "sessions" => self.subscribe("sessions", watch::run(self.clone())),
                "connections" => self.subscribe("connections", connections::watch(self.clone())),
                other => Err(Fault::new(Fault::UNKNOWN, format!("no topic {}", crate::text::short(other, 64)))),
            },
            Unsubscribe::NAME => {
                let topic = params::<Unsubscribe>(p)?.topic;
                self.unsubscribe(&topic)
            }
            MonitoringSubscribe::NAME => reply(self.watch(params(p)?).await?),
            MonitoringUnsubscribe::NAME => reply(self.watch_no_more(&params::<MonitoringUnsubscribe>(p)?.of)),
            ConnectionsList::NAME => reply(self.connections(params(p)?, frames).await?),
            ConnectionsCreate::NAME => {
                let ConnectionsCreate { connection } = params(p)?;
                reply(Made { id: self.change(|book| book.create(connection)).await? })
            }
            ConnectionsUpdate::NAME => {
                let ConnectionsUpdate { id, patch } = params(p)?;
                reply(self.change(move |book| book.update(&id, patch).map(|()| Done {})).await?)
            }
            ConnectionsDelete::NAME => {
                let ConnectionsDelete { id, mut ids } = params(p)?;
                ids.extend(Some(id).filter(|id| !id.is_empty()));
                reply(self.change(move |book| book.delete(&ids).map(|()| Done {})).await?)
            }
            ConnectionsMove::NAME => {
                let m: ConnectionsMove = params(p)?;
                let put = move |book: &mut Book| book.put(&m.ids, m.folder.as_deref(), m.before.as_deref());
                reply(self.change(put).await.map(|()| Done {})?)
            }
            ConnectionsAdd::NAME => reply(self.add_connections(params(p)?, frames).await?),
            FoldersCreate::NAME => {
                let FoldersCreate { folder } = params(p)?;
                reply(Made { id: self.change(|book| book.create_folder(folder)).await? })
            }
            FoldersUpdate::NAME => {
                let update: FoldersUpdate = params(p)?;
                reply(self.change(move |book| book.update_folder(update)).await.map(|()| Done {})?)
            }
            FoldersDelete::NAME => {
                let FoldersDelete { id, with_content } = params(p)?;
                reply(self.change(move |book| book.delete_folder(&id, with_content)).await.map(|()| Done {})?)
            }
            PortsList::NAME => reply(ports::list().await?),
            SessionRecover::NAME => reply(self.recover().await),
            // everybody has been told by now
            AgentShutdown::NAME => params::<AgentShutdown>(p).and_then(|_| reply(Done {})),
            AgentUpdate::NAME => params::<AgentUpdate>(p).and_then(|_| reply(Done {})),
            _ => Err(Fault::unknown_to_agent(method)),
        }
    }

    /// Whether it has to be said, before the first session of this boot, that sessions end at logout.
    async fn ends_at_logout(&self) -> bool {
        use sys::logout::{Facts, Fate};
        if !sys::logout::matters() || self.run().told_of_logout() {
            return false;
        }
        let facts = tokio::task::spawn_blocking(Facts::look).await;
        let ends = facts.is_ok_and(|facts| facts.fate() == Fate::Ends);
        self.ends_at_logout.store(ends, Ordering::Relaxed);
        ends
    }

    /// The run dir; one that was deleted is made anew by its sessions, and is looked for where they are.
    fn run(&self) -> Arc<RunDir> {
        let mut run = locked(&self.run);
        if !run.is_still_there()
            && let Ok(fresh) = RunDir::open(&self.ctx.paths)
        {
            *run = Arc::new(fresh);
        }
        run.clone()
    }

    fn subscribe(&self, topic: &'static str, task: impl Future<Output = ()> + Send + 'static) -> Result<Value, Fault> {
        let mut subscriptions = locked(&self.subscriptions);
        if subscriptions.get(topic).is_none_or(|t| t.is_finished()) {
            subscriptions.insert(topic, tokio::spawn(task));
        }
        call::reply(Done {})
    }

    fn unsubscribe(&self, topic: &str) -> Result<Value, Fault> {
        if let Some(task) = locked(&self.subscriptions).remove(topic) {
            task.abort();
        }
        call::reply(Done {})
    }

    /// A stream in use; what is returned ends when the client lets go of it.
    fn hold_stream(&self, stream: StreamId) -> oneshot::Receiver<()> {
        let (tx, rx) = oneshot::channel();
        locked(&self.streams).insert(stream, tx);
        self.held.fetch_add(1, Ordering::SeqCst);
        rx
    }

    fn close_stream(&self, stream: StreamId) {
        locked(&self.streams).remove(&stream);
        self.link.close_stream(stream);
    }
}

fn unknown(id: &SessionId) -> Fault {
    Fault::new(Fault::UNKNOWN, format!("there is no session {id}"))
}
