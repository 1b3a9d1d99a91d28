//! Owns the process's life: its socket, the calls it answers, and when it ends. Leaves out what a call does to SSH.

use super::ask::Newest;
use super::channel;
use super::hold::{Hold, words};
use super::lent::Lent;
use super::pulse::Lookers;
use crate::failure::Kind;
use crate::link::{Incoming, Link, call};
use crate::paths::Paths;
use crate::proto::control::*;
use crate::proto::frame::Frame;
use crate::proto::hello;
use crate::proto::ids::StreamId;
use crate::proto::spawn::TargetSpec;
use crate::store::rundir::RunDir;
use crate::store::target::Seat;
use crate::sys;
use crate::transport::told::told;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

/// It ends when nobody has needed it for so long.
const IDLE: Duration = Duration::from_secs(30);
/// How often a lost socket is looked for.
const TICK: Duration = Duration::from_secs(2);
/// What is still to be said to sessions gets so long.
const LAST_WORDS: Duration = Duration::from_secs(2);

struct Target {
    hold: Hold,
    lent: Lent,
    asks: Arc<Newest>,
    lookers: Lookers,
    /// Connections to the socket: sessions' channels and clients.
    links: AtomicU32,
    channels: AtomicU32,
    chosen: AtomicBool,
    stop: Notify,
}

/// Counts for as long as it lives.
struct Counted<'a>(&'a AtomicU32);

impl Counted<'_> {
    fn new(count: &AtomicU32) -> Counted<'_> {
        count.fetch_add(1, Ordering::Relaxed);
        Counted(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub async fn run(
    spec: TargetSpec,
    paths: Paths,
    mut run: RunDir,
    mut seat: Seat,
    lent: Lent,
    listener: std::os::unix::net::UnixListener,
) {
    let asks = Arc::new(Newest::default());
    let target = Arc::new(Target {
        hold: Hold::new(spec, asks.clone()),
        lent,
        asks,
        lookers: Lookers::default(),
        links: AtomicU32::new(0),
        channels: AtomicU32::new(0),
        chosen: AtomicBool::new(false),
        stop: Notify::new(),
    });
    tokio::spawn({
        let target = target.clone();
        async move { target.lookers.run(&target.hold).await }
    });
    let listen = |l: std::os::unix::net::UnixListener| {
        l.set_nonblocking(true)?;
        UnixListener::from_std(l)
    };
    let Ok(listener) = listen(listener) else { return };
    // none = another process has the place by now: this one serves whom it has, and no more
    let mut listener = Some(listener);
    let mut inode = seat.socket(&run);
    let mut term = signal(SignalKind::terminate()).ok();
    let mut next = 0u64;
    let mut beat = tokio::time::interval(TICK);
    // since then nobody is connected
    let mut idle = Instant::now();
    loop {
        if target.links.load(Ordering::Relaxed) > 0 {
            idle = Instant::now();
        }
        tokio::select! {
            accepted = accept(listener.as_ref()) => match accepted {
                Ok((stream, _)) => {
                    next += 1;
                    idle = Instant::now();
                    tokio::spawn(target.clone().serve(next, stream));
                }
                // out of descriptors, say: not at once again
                Err(_) => sleep(Duration::from_millis(200)).await,
            },
            _ = beat.tick() => {
                // a run dir, lock or socket that is gone is made again
                if !run.is_still_there() && let Ok(again) = RunDir::open(&paths) {
                    run = again;
                    inode = None;
                    target.lent.link(&run);
                }
                match seat.keep(&run) {
                    Ok(true) => {
                        if (inode.is_none() || seat.socket(&run) != inode)
                            && let Ok(again) = seat.bind(&run).and_then(listen)
                        {
                            listener = Some(again);
                            inode = seat.socket(&run);
                        }
                    }
                    // somebody was faster
                    Ok(false) => listener = None,
                    Err(e) => tracing::warn!(error = %e, "its place in the run dir can't be looked at"),
                }
                // clients find the other one when this one goes
                if listener.is_none() && target.channels.load(Ordering::Relaxed) == 0 {
                    break;
                }
            }
            () = sleep_until(idle + IDLE), if target.links.load(Ordering::Relaxed) == 0 => break,
            () = target.stop.notified() => break,
            _ = async { match &mut term { Some(t) => t.recv().await, None => std::future::pending().await } } => break,
        }
    }
    drop(listener);
    seat.leave(&run);
    target.hold.close().await;
    // sessions hear how their channels ended
    let until = Instant::now() + LAST_WORDS;
    while target.channels.load(Ordering::Relaxed) > 0 && Instant::now() < until {
        sleep(Duration::from_millis(5)).await;
    }
}

async fn accept(listener: Option<&UnixListener>) -> std::io::Result<(UnixStream, tokio::net::unix::SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

impl Target {
    /// One connection to its end.
    async fn serve(self: Arc<Target>, id: u64, stream: UnixStream) {
        if sys::peer_uid(&stream).ok() != Some(rustix::process::geteuid().as_raw()) {
            return;
        }
        let _counted = Counted::new(&self.links);
        let (tx, mut incoming) = mpsc::unbounded_channel();
        let (link, served) = Link::new(stream, true, tx);
        tokio::pin!(served);
        loop {
            tokio::select! {
                _ = &mut served => break,
                Some(message) = incoming.recv() => {
                    let Incoming::Call { id: call_id, method, params } = message else { continue };
                    // a channel's stream is open before the next frame is looked at
                    let stream = params.get("stream").and_then(Value::as_u64).and_then(|s| StreamId::try_from(s).ok());
                    let frames = stream.filter(|s| *s != 0 && method == ChannelOpen::NAME).map(|s| link.open_stream(s));
                    let (target, link) = (self.clone(), link.clone());
                    tokio::spawn(async move { target.call(id, &link, call_id, &method, params, frames).await });
                }
            }
        }
        self.asks.remove(id);
        self.lookers.remove(id);
    }

    /// The router table.
    async fn call(
        &self,
        conn: u64,
        link: &Link,
        id: u64,
        method: &str,
        p: Value,
        frames: Option<mpsc::UnboundedReceiver<Frame>>,
    ) {
        let result = match method {
            Initialize::NAME => call::params(p).and_then(|i| call::reply(self.initialize(i)?)),
            TargetAttach::NAME => call::params::<TargetAttach>(p).and_then(|a| {
                if let Some(chosen) = a.chosen {
                    self.chosen.store(chosen, Ordering::Relaxed);
                }
                self.asks.add(conn, link.clone());
                call::reply(self.info())
            }),
            TargetGet::NAME => call::reply(self.info()),
            TargetConnect::NAME => match call::params::<TargetConnect>(p) {
                Ok(lends) => {
                    self.lent.follow(&lends);
                    let hurry = self.asks.hurry(conn);
                    let failure = self.hold.get().await.err();
                    drop(hurry);
                    call::reply(TargetInfo { failure, ..self.info() })
                }
                Err(fault) => Err(fault),
            },
            Subscribe::NAME => match call::params::<Subscribe>(p) {
                Ok(Subscribe { topic }) if topic == "silence" => {
                    self.lookers.add(conn, link.clone());
                    call::reply(Done {})
                }
                Ok(Subscribe { topic }) => {
                    Err(Fault::new(Fault::UNKNOWN, format!("no topic {}", crate::text::short(&topic, 64))))
                }
                Err(fault) => Err(fault),
            },
            Unsubscribe::NAME => call::params::<Unsubscribe>(p).and_then(|_| {
                self.lookers.remove(conn);
                call::reply(Done {})
            }),
            TargetStop::NAME => {
                self.stop.notify_one();
                call::reply(Done {})
            }
            ChannelOpen::NAME => match (call::params(p), frames) {
                (Ok(open), Some(frames)) => return self.channel(link, id, open, frames).await,
                (Err(fault), _) => Err(fault),
                (_, None) => Err(Fault::new(Fault::BAD_PARAMS, "stream 0 is the link itself")),
            },
            _ => Err(Fault::new(
                Fault::UNKNOWN_METHOD,
                format!("a target process knows no {}", crate::text::short(method, 64)),
            )),
        };
        call::answer(&link.out, id, result);
    }

    fn initialize(&self, hello: Initialize) -> Result<Initialized, Fault> {
        sys::test_point("hello");
        let revision = hello::agree((hello::REVISION_MIN, hello::REVISION), (hello.revision_min, hello.revision_max))
            .map_err(|e| Fault::new(Fault::REFUSED, e))?;
        Ok(Initialized { revision, build: hello::BUILD.into(), pid: std::process::id(), ..Initialized::default() })
    }

    fn info(&self) -> TargetInfo {
        let chosen = self.chosen.load(Ordering::Relaxed);
        TargetInfo { chosen, ..self.hold.info(self.channels.load(Ordering::Relaxed)) }
    }

    /// A channel from its opening to its end.
    async fn channel(&self, link: &Link, id: u64, open: ChannelOpen, frames: mpsc::UnboundedReceiver<Frame>) {
        let _counted = Counted::new(&self.channels);
        let opened = async {
            let ssh = self.hold.get().await.map_err(|why| told(&why))?;
            sys::test_point("channel");
            let channel = match open.kind.as_str() {
                ChannelOpen::SFTP => ssh.sftp_channel().await?,
                ChannelOpen::PIPE => ssh.exec(&channel::command(&open)).await?,
                _ => ssh.terminal(&channel::terminal(&open)).await?,
            };
            Ok::<_, crate::failure::Failure>((ssh, channel))
        };
        match opened.await {
            Ok((ssh, channel)) => {
                let reply = ChannelOpened { host: ssh.name(), input_limit: channel::INPUT };
                call::answer(&link.out, id, call::reply(reply));
                channel::serve(ssh, channel, &open, link.clone(), frames).await;
            }
            Err(failure) => {
                link.close_stream(open.stream);
                // (who copies files tries again where that may help)
                let code = match failure.kind {
                    Kind::Unreachable if open.kind == ChannelOpen::SFTP => Fault::GONE,
                    _ => Fault::SPAWN,
                };
                call::answer(&link.out, id, Err(Fault::new(code, words(&failure))));
            }
        }
    }
}
