//! Owns a terminal on another machine, reached through a target process: a channel of its socket behind the face of a
//! pseudo terminal; and the bytes of an SFTP session or a bare command there. Leaves out SSH, what SFTP says, and how the socket is found.
//!
//! A session's loop reads and writes descriptors. So here is a socket pair: the session has one end of it, two tasks copy
//! between the other end and the link's frames. The reader gives the target new credit for what the session has taken,
//! so a session that is stopped holds up itself and nobody else.

use super::End;
use super::bridge::{Bridge, Ending, Far, pair};
use crate::link::{Incoming, Link, call};
use crate::proto::control::{ChannelOpen, Device, Fault, Subscribe, Unsubscribe};
use crate::proto::frame::{Body, Frame, MAX_PIECE};
use crate::proto::ids::{Offset, Size, StreamId};
use crate::proto::notice::Notice;
use crate::sys;
use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};

/// The one stream of its link.
const STREAM: StreamId = 2;
/// Output on its way to the session at most: 256 KiB.
const WINDOW: u64 = 256 << 10;
/// What the target process says when it is told nothing any more.
const LOST: &str = "connection lost: the process that held it is gone";
/// How it begins what it says where the SSH connection is gone, whatever has ended it.
const CUT: &str = "connection lost";

/// A channel's end as a session has it.
pub struct Channel {
    bridge: Bridge,
    link: Link,
    host: String,
}

/// Opens a channel over a socket of a target process. To be called within the runtime that serves it from then on.
pub async fn open(socket: StdUnixStream, open: ChannelOpen, within: Duration) -> Result<Channel, Fault> {
    let failed = |e: io::Error| Fault::new(Fault::SPAWN, format!("no channel to the target process: {e}"));
    socket.set_nonblocking(true).map_err(failed)?;
    let socket = UnixStream::from_std(socket).map_err(failed)?;
    let (tx, mut incoming) = mpsc::unbounded_channel::<Incoming>();
    let (link, served) = Link::new(socket, false, tx);
    tokio::spawn(served);
    let frames = link.open_stream(STREAM);
    let open = ChannelOpen { stream: STREAM, window: WINDOW, ..open };
    let opened = match link.call_within(&open, within).await {
        Ok(opened) => opened,
        Err(fault) => {
            link.close();
            return Err(fault);
        }
    };
    let (bridge, far) = pair(Device { what: opened.host.clone(), ..Device::default() }).map_err(failed)?;
    // (what is wished of a channel goes to its link at once)
    let Far { typed, shown, wishes: _, device: hears, end } = far;
    let (limit, limits) = watch::channel(opened.input_limit);
    // (nothing is asked of a session: its user is asked by the client that wants the host)
    tokio::spawn(async move {
        while let Some(message) = incoming.recv().await {
            if let Incoming::Notice { method, params } = message
                && let Some(Notice::TargetSilent(ms)) = Notice::from_wire(&method, params)
            {
                hears.send_if_modified(|device| device.hear(ms, sys::boot_ms()));
            }
        }
    });
    tokio::spawn(input(typed, link.clone(), limits));
    tokio::spawn(output(shown, link.clone(), frames, limit, end));
    Ok(Channel { bridge, link, host: opened.host })
}

impl Channel {
    /// `user@host`, as the target process names it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its descriptors, its end; as its device whether the host is heard, as long as it is looked at.
    pub fn bridge(&self) -> &Bridge {
        &self.bridge
    }

    /// Whether anybody wants to know that: the host is asked for signs of life then.
    pub fn look(&self, on: bool) {
        let topic = || "silence".to_string();
        match on {
            true => drop(self.link.call(&Subscribe { topic: topic() })),
            false => drop(self.link.call(&Unsubscribe { topic: topic() })),
        }
    }

    pub fn resize(&self, size: Size) {
        self.link.out.urgent(STREAM, Body::Size { offset: 0, size });
    }

    /// The target process lets go of the channel, and the host hangs up on what runs there.
    pub fn close(&self) {
        self.bridge.close();
        self.link.close();
    }
}

/// The bytes of an SFTP session on the host of a target process, and `user@host`. The session ends with them.
pub async fn sftp(
    socket: StdUnixStream,
    within: Duration,
) -> Result<(impl AsyncRead + AsyncWrite + Send + 'static, String), Fault> {
    bytes(socket, ChannelOpen { kind: ChannelOpen::SFTP.into(), ..ChannelOpen::default() }, within).await
}

/// The same of a command there, without a terminal: its input and output. It is hung up on with them.
pub async fn pipe(
    socket: StdUnixStream,
    command: Vec<String>,
    within: Duration,
) -> Result<(impl AsyncRead + AsyncWrite + Send + 'static, String), Fault> {
    bytes(socket, ChannelOpen { kind: ChannelOpen::PIPE.into(), command, ..ChannelOpen::default() }, within).await
}

async fn bytes(socket: StdUnixStream, asked: ChannelOpen, within: Duration) -> Result<(Bytes, String), Fault> {
    let failed = |e: io::Error| Fault::new(Fault::SPAWN, format!("no channel to the target process: {e}"));
    let channel = open(socket, asked, within).await?;
    let ours = channel.bridge.stream().map_err(failed)?;
    let host = channel.host.clone();
    Ok((Bytes { ours, channel }, host))
}

struct Bytes {
    ours: UnixStream,
    channel: Channel,
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.channel.close();
    }
}

impl Bytes {
    /// Why nothing more comes or goes: the connection is gone (`ConnectionReset`), or what runs there has not ended well.
    fn ended(&self) -> Option<io::Error> {
        let cause = self.channel.bridge.reap()?.cause?;
        let is_cut = cause.starts_with(CUT);
        let kind = if is_cut { io::ErrorKind::ConnectionReset } else { io::ErrorKind::ConnectionAborted };
        Some(io::Error::new(kind, cause))
    }
}

impl AsyncRead for Bytes {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.ours).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = &read
            && buf.filled().len() == before
            && let Some(e) = self.ended()
        {
            return Poll::Ready(Err(e));
        }
        read
    }
}

impl AsyncWrite for Bytes {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.ours).poll_write(cx, buf);
        written.map_err(|e| self.ended().unwrap_or(e))
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.ours).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.ours).poll_shutdown(cx)
    }
}

/// What is typed, as far as the target's credit goes.
async fn input(mut read: OwnedReadHalf, link: Link, mut limits: watch::Receiver<Offset>) {
    let mut buf = vec![0; MAX_PIECE];
    let mut at: Offset = 0;
    loop {
        let room = limits.borrow_and_update().saturating_sub(at);
        if room == 0 {
            if limits.changed().await.is_err() {
                return;
            }
            continue;
        }
        let most = usize::try_from(room).unwrap_or(MAX_PIECE).min(MAX_PIECE);
        let Ok(n @ 1..) = read.read(buf.get_mut(..most).unwrap_or_default()).await else { return };
        link.out.urgent(STREAM, Body::Data { offset: at, bytes: buf.get(..n).unwrap_or_default() });
        at += n as u64;
    }
}

/// What comes from there, to its end.
async fn output(
    mut write: OwnedWriteHalf,
    link: Link,
    mut frames: mpsc::UnboundedReceiver<Frame>,
    limit: watch::Sender<Offset>,
    end: Ending,
) {
    let mut acked: Offset = 0;
    let mut exit = None;
    while let Some(frame) = frames.recv().await {
        match frame.body() {
            Ok(Body::Data { offset, bytes }) => {
                if write.write_all(bytes).await.is_err() {
                    break;
                }
                let seen = offset.saturating_add(bytes.len() as u64);
                if seen.saturating_sub(acked) >= WINDOW / 2 {
                    acked = seen;
                    link.out.urgent(STREAM, Body::Ack { seen, limit: seen.saturating_add(WINDOW) });
                }
            }
            Ok(Body::Ack { limit: to, .. }) => {
                limit.send_if_modified(|l| std::mem::replace(l, to.max(*l)) < to);
            }
            Ok(Body::Call(json)) => {
                if let Ok(call::Message::Notice { method, params }) = call::parse(json)
                    && let Some(Notice::ChannelExited(e)) = Notice::from_wire(&method, params)
                {
                    exit = Some(End { code: e.exit_code, cause: e.cause });
                    break;
                }
            }
            _ => {}
        }
    }
    let lost = || End { code: None, cause: Some(LOST.into()) };
    end.say(exit.unwrap_or_else(lost));
    link.close();
    // (who reads to the end finds why)
    drop(end);
    drop(write);
}
