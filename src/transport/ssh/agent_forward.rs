//! Owns what a host asks of the person's ssh-agent where ssh_config forwards it (`ForwardAgent`): one stream a question.
//! Leaves out who may ask (`gate`). Nothing of it is looked at: what is signed is the agent's affair, and it hears first
//! over which connection it is asked (`session-bind@openssh.com`), so that keys bound to hosts stay bound.

use russh::ChannelMsg;
use russh::client::Msg;
use russh::keys::agent::AgentSessionBinding;
use russh::keys::agent::client::AgentClient;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// For the agent to take the connection, and to hear where it comes from.
const AGENT_WITHIN: Duration = Duration::from_secs(5);
/// Sent by the host and not yet read by the agent, bytes. An agent's longest message is 256 KiB.
const UNREAD_MOST: usize = 512 << 10;

/// Connections to the agent at a time, for each host: what a host opens beyond that is refused.
pub(super) const MOST: usize = 64;

/// A connection to the agent that knows over which SSH connection it is asked.
pub(super) async fn open(path: PathBuf, binding: Option<AgentSessionBinding>) -> Option<UnixStream> {
    let opening = async {
        let mut stream = UnixStream::connect(path).await.ok()?;
        if let Some(binding) = binding {
            // agents older than that know nothing of it
            let _ = AgentClient::connect(&mut stream).bind_session(&binding, true).await;
        }
        Some(stream)
    };
    tokio::time::timeout(AGENT_WITHIN, opening).await.ok().flatten()
}

/// Copies both ways to the end of either. The channel is always read, for one that is not stalls its whole connection: a
/// host that sends more than the agent takes is hung up on.
pub(super) async fn copy(channel: russh::Channel<Msg>, agent: UnixStream) {
    let (mut from_host, to_host) = channel.split();
    let (mut from_agent, mut to_agent) = agent.into_split();
    let (queue, mut queued) = mpsc::unbounded_channel::<bytes::Bytes>();
    let waiting = AtomicUsize::new(0);
    let waiting = &waiting;
    let read = async move {
        let mut queue = Some(queue);
        while let Some(message) = from_host.wait().await {
            match message {
                ChannelMsg::Data { data } => {
                    let before = waiting.fetch_add(data.len(), Ordering::Relaxed);
                    let taken = queue.as_ref().is_some_and(|q| q.send(data.clone()).is_ok());
                    if before + data.len() > UNREAD_MOST || !taken {
                        return;
                    }
                }
                // it asks no more; what it asked is answered all the same
                ChannelMsg::Eof => queue = None,
                ChannelMsg::Close => return,
                _ => {}
            }
        }
    };
    let write = async move {
        while let Some(data) = queued.recv().await {
            if to_agent.write_all(&data).await.is_err() {
                return;
            }
            waiting.fetch_sub(data.len(), Ordering::Relaxed);
        }
    };
    let answer = async {
        let mut piece = vec![0; 16 << 10];
        while let Ok(n @ 1..) = from_agent.read(&mut piece).await {
            let bytes = bytes::Bytes::copy_from_slice(piece.get(..n).unwrap_or_default());
            if to_host.data_bytes(bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = async { tokio::join!(read, write); } => {}
        () = answer => {}
    }
    // (also where the agent's answer was its last word)
    let _ = to_host.close().await;
}
