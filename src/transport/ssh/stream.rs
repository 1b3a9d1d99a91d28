//! Owns the byte stream that SSH runs over: TCP, a ProxyCommand's stdio, a channel through a jump host.
//! Leaves out SSH itself.

use super::channel::Channel;
use super::config::{self, HostConfig, Tokens};
use super::dial::dial;
use super::lane::{Lane, SHORT_TURN};
use crate::failure::Failure;
use crate::link::locked;
use crate::text::short;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

/// What lies in the kernel and was never sent, at most: what is written then waits here, where keys go first.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_MOST: u32 = 128 << 10;
/// Bytes of a read; what comes in such amounts is acknowledged anyway.
const BULK: usize = 16 << 10;
const COMPLAINT_KEPT: usize = 1000;

/// What SSH runs over; ends at once when its [`Cut`] is dropped.
pub(super) struct Wire {
    over: Over,
    cut: Option<oneshot::Receiver<()>>,
    complaint: Option<Complaint>,
    /// Whom TCP reached.
    pub(super) address: Option<std::net::IpAddr>,
    lane: Arc<Lane>,
    heard: Arc<Heard>,
    /// TCP's socket once more, to be asked how it fares: it goes with the wire.
    socket: Option<Arc<OwnedFd>>,
    /// Something small came that the kernel has not been told to acknowledge at once.
    owed: bool,
    acknowledger: Option<Acknowledger>,
}

/// When bytes came last over a wire, and how many in all.
pub(super) struct Heard(Mutex<(Instant, u64)>);

impl Default for Heard {
    fn default() -> Heard {
        Heard(Mutex::new((Instant::now(), 0)))
    }
}

impl Heard {
    pub(super) fn at(&self) -> Instant {
        locked(&self.0).0
    }
    pub(super) fn bytes(&self) -> u64 {
        locked(&self.0).1
    }
}

/// The end of what a ProxyCommand writes to stderr, for the error.
pub(super) struct Complaint(tokio::task::JoinHandle<Vec<u8>>);

impl Complaint {
    /// Escaped; once the command has ended, which losing its wire makes it do.
    pub(super) async fn take(self) -> Option<String> {
        let said = tokio::time::timeout(Duration::from_secs(2), self.0).await.ok()?.ok()?;
        Some(short(String::from_utf8_lossy(&said).trim(), 200)).filter(|s| !s.is_empty())
    }
}

enum Over {
    Tcp(TcpStream),
    Command(Box<Piped>),
    Jump(Channel),
}

/// Held by whoever uses the wire.
pub(super) struct Cut {
    _wire: oneshot::Sender<()>,
}

impl Wire {
    fn new(over: Over) -> Wire {
        let (lane, heard) = (Arc::default(), Arc::default());
        Wire {
            over,
            cut: None,
            complaint: None,
            address: None,
            lane,
            heard,
            socket: None,
            owed: false,
            acknowledger: None,
        }
    }
    /// Whose turns end as the wire takes what was written.
    pub(super) fn lane(&self) -> Arc<Lane> {
        self.lane.clone()
    }
    pub(super) fn heard(&self) -> Arc<Heard> {
        self.heard.clone()
    }
    /// Of TCP to the host itself: gone with the wire, whoever still holds this.
    pub(super) fn socket(&self) -> Weak<OwnedFd> {
        self.socket.as_ref().map(Arc::downgrade).unwrap_or_default()
    }
    pub(super) fn jump(channel: Channel) -> Wire {
        Wire { lane: Arc::new(Lane::of(SHORT_TURN)), ..Wire::new(Over::Jump(channel)) }
    }
    pub(super) fn complaint(&mut self) -> Option<Complaint> {
        self.complaint.take()
    }
    /// As russh is to have it, which reads a packet's length and then its rest.
    pub(super) fn buffered(self) -> BufReader<Wire> {
        BufReader::with_capacity(BULK, self)
    }
    pub(super) fn cut(&mut self) -> Cut {
        let (cut, wire) = oneshot::channel();
        self.cut = Some(wire);
        Cut { _wire: cut }
    }
}

/// A ProxyCommand: killed when dropped.
pub(super) struct Piped {
    _child: tokio::process::Child,
    stdin: tokio::process::ChildStdin,
    stdout: tokio::process::ChildStdout,
}

/// TCP to any of the host's addresses, the first that answers.
pub(super) async fn tcp(config: &HostConfig) -> Result<Wire, Failure> {
    let stream = dial(config).await?;
    if let Err(e) = stream.set_nodelay(true) {
        tracing::warn!(error = %e, "TCP_NODELAY");
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(e) = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_MOST) {
        tracing::debug!(error = %e, "TCP_NOTSENT_LOWAT");
    }
    let address = stream.peer_addr().ok().map(|a| a.ip());
    // (asked of Linux alone)
    let socket = if cfg!(target_os = "linux") { stream.as_fd().try_clone_to_owned().ok().map(Arc::new) } else { None };
    #[cfg(target_os = "linux")]
    let acknowledger = socket.as_ref().map(Acknowledger::of);
    #[cfg(not(target_os = "linux"))]
    let acknowledger = None;
    Ok(Wire { address, socket, acknowledger, ..Wire::new(Over::Tcp(stream)) })
}

/// The user's ProxyCommand, through sh as OpenSSH does.
pub(super) fn command(config: &HostConfig, command: &str) -> Result<Wire, Failure> {
    let (me, machine) = (config::me(), config::machine());
    let home = me.home.to_string_lossy();
    let tokens = Tokens { config, home: &home, me: &me.name, uid: me.uid, machine: &machine };
    let line = format!("exec {}", config::expand(command, &tokens)?);
    let spawned = tokio::process::Command::new("/bin/sh")
        .arg("-c")
        .arg(line)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // the terminal is the TUI's: what it has to say is quoted in an error
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let failed = |e: String| {
        Failure::unreachable(
            format!("{}: the ProxyCommand \"{}\" can't be started: {e}", config.shown(), short(command, 100)),
            "try it by hand; `ssh -G ALIAS` prints it",
        )
    };
    let mut child = spawned.map_err(|e| failed(e.to_string()))?;
    let (Some(stdin), Some(stdout), Some(mut stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed("no pipes".into()));
    };
    let complaint = tokio::spawn(async move {
        let (mut tail, mut piece) = (Vec::new(), [0u8; 1024]);
        while let Ok(n @ 1..) = stderr.read(&mut piece).await {
            tail.extend_from_slice(piece.get(..n).unwrap_or_default());
            tail.drain(..tail.len().saturating_sub(COMPLAINT_KEPT));
        }
        tail
    });
    let mut wire = Wire::new(Over::Command(Box::new(Piped { _child: child, stdin, stdout })));
    wire.complaint = Some(Complaint(complaint));
    Ok(wire)
}

/// Tells the kernel to acknowledge what just came, once whoever waits for it has had it. sshd leaves Nagle's algorithm on
/// for commands without a terminal: the second of two small packets waits there for our acknowledgement of the first, which
/// Linux puts off for 40 ms. The kernel forgets the wish by itself, so it is said whenever all that came has been read.
struct Acknowledger(Arc<Notify>);

impl Acknowledger {
    #[cfg(target_os = "linux")]
    fn of(socket: &Arc<OwnedFd>) -> Acknowledger {
        let (owed, socket) = (Arc::new(Notify::new()), Arc::downgrade(socket));
        let asked = owed.clone();
        tokio::spawn(async move {
            loop {
                asked.notified().await;
                // an echo is on the screen before
                tokio::task::yield_now().await;
                let Some(socket) = socket.upgrade() else { return };
                let _ = rustix::net::sockopt::set_tcp_quickack(&*socket, true);
            }
        });
        Acknowledger(owed)
    }
}

impl Drop for Acknowledger {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

macro_rules! each {
    ($over:expr, $pipe:ident => $call:ident($($arg:expr),*)) => {
        match $over {
            Over::Tcp(s) => Pin::new(s).$call($($arg),*),
            Over::Command(s) => Pin::new(&mut s.$pipe).$call($($arg),*),
            Over::Jump(s) => Pin::new(s).$call($($arg),*),
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.as_mut().get_mut();
        if this.cut.as_mut().is_some_and(|cut| Pin::new(cut).poll(cx).is_ready()) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buf.filled().len();
        let done = each!(&mut this.over, stdout => poll_read(cx, buf));
        let came = buf.filled().len().saturating_sub(before);
        if came > 0 {
            let mut heard = locked(&this.heard.0);
            *heard = (Instant::now(), heard.1.saturating_add(came as u64));
        }
        match (&this.acknowledger, &done) {
            (_, Poll::Ready(Ok(()))) => this.owed = came < BULK,
            (Some(acknowledger), Poll::Pending) if std::mem::take(&mut this.owed) => acknowledger.0.notify_one(),
            _ => {}
        }
        done
    }
}
impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(&mut self.get_mut().over, stdin => poll_write(cx, buf))
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let done = match &mut this.over {
            // a channel's own flush waits for nothing: bulk data would fill all there is on the way
            Over::Jump(channel) => channel.poll_handed_on(cx),
            over => each!(over, stdin => poll_flush(cx)),
        };
        if done.is_ready() {
            this.lane.flushed();
        }
        done
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut self.get_mut().over, stdin => poll_shutdown(cx))
    }
}
