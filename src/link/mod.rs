//! Frames over any AsyncRead + AsyncWrite: one connection, its calls, its streams.
//! Leaves out how the bytes get to the other side (transport) and what calls mean (the roles).

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod call;
pub mod conn;
pub mod credit;
pub mod feed;
pub mod pulse;

use crate::proto::control::{Fault, Method};
use crate::proto::frame::{Body, Frame};
use crate::proto::hello;
use crate::proto::ids::StreamId;
use call::{Calls, Message};
use conn::{FrameReader, Outbox};
use serde_json::Value;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use zeroize::Zeroize;

/// Whoever accepts a link says who it is within this.
const BANNER: Duration = Duration::from_secs(30);

/// What a peer said before it went is still read for this long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a link's peer wants or tells, on stream 0.
#[derive(Debug)]
pub enum Incoming {
    Call { id: u64, method: String, params: Value },
    Notice { method: String, params: Value },
    Rtt(Duration),
}

struct Shared {
    streams: Mutex<HashMap<StreamId, mpsc::UnboundedSender<Frame>>>,
    heard: Mutex<Instant>,
    answered: Mutex<Option<(Instant, Duration)>>,
    pings: Mutex<HashMap<u64, Instant>>,
    epoch: Instant,
}

/// A link in use: cheap to clone.
#[derive(Clone)]
pub struct Link {
    pub out: Outbox,
    calls: Calls,
    shared: Arc<Shared>,
}

/// The lock, also after a panic of whoever had it: what is behind our locks is whole between two statements.
pub(crate) fn locked<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(|e| e.into_inner())
}

impl Link {
    /// A link over `io` and the task that serves it: it ends, with the reason, when the peer is gone.
    /// `answering` = this side writes the banner; else it is waited for before the first frame is read.
    pub fn new<S>(
        io: S,
        answering: bool,
        incoming: mpsc::UnboundedSender<Incoming>,
    ) -> (Link, impl Future<Output = io::Error> + Send)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        Link::saying("", io, answering, incoming)
    }

    /// The same; `before` goes before all else, the banner included.
    pub fn saying<S>(
        before: &str,
        io: S,
        answering: bool,
        incoming: mpsc::UnboundedSender<Incoming>,
    ) -> (Link, impl Future<Output = io::Error> + Send)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let link = Link::unserved();
        link.out.raw(before.as_bytes());
        if answering {
            link.out.raw(hello::banner().as_bytes());
        }
        let task = link.serve(io, answering, incoming);
        (link, task)
    }

    /// A link whose calls wait until it is served.
    pub fn unserved() -> Link {
        Link {
            out: Outbox::new(),
            calls: Calls::default(),
            shared: Arc::new(Shared {
                streams: Mutex::default(),
                heard: Mutex::new(Instant::now()),
                answered: Mutex::default(),
                pings: Mutex::default(),
                epoch: Instant::now(),
            }),
        }
    }

    /// Serves it over `io`, once; as [`Link::new`] says.
    pub fn serve<S>(
        &self,
        io: S,
        answering: bool,
        incoming: mpsc::UnboundedSender<Incoming>,
    ) -> impl Future<Output = io::Error> + Send + use<S>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let served = self.clone();
        async move {
            let (r, w) = tokio::io::split(io);
            let out = served.out.clone();
            let mut reader = FrameReader::new(r);
            let read = served.read(&mut reader, answering, &incoming);
            tokio::pin!(read);
            let end = tokio::select! {
                wrote = out.write_to(w) => match wrote {
                    Ok(()) => io::Error::other("closed"),
                    // who does not listen any more may have said something before
                    Err(e) => tokio::time::timeout(LAST_WORDS, &mut read).await.unwrap_or(e),
                },
                e = &mut read => e,
            };
            served.close();
            end
        }
    }

    async fn read<R: AsyncRead + Unpin>(
        &self,
        reader: &mut FrameReader<R>,
        answering: bool,
        incoming: &mpsc::UnboundedSender<Incoming>,
    ) -> io::Error {
        if !answering {
            match tokio::time::timeout(BANNER, reader.banner()).await {
                Ok(Ok(_)) => {}
                Ok(Err(e)) => return e,
                Err(_) => return io::Error::new(io::ErrorKind::TimedOut, "no thub agent answered in time"),
            }
        }
        loop {
            let mut frame = match reader.read_frame().await {
                Ok(Some(frame)) => frame,
                Ok(None) => return io::Error::new(io::ErrorKind::UnexpectedEof, "the other side closed the link"),
                Err(e) => return e,
            };
            *locked(&self.shared.heard) = Instant::now();
            if frame.stream != 0 {
                let stream = frame.stream;
                let mut streams = locked(&self.shared.streams);
                // nobody takes them any more
                if streams.get(&stream).is_some_and(|tx| tx.send(frame).is_err()) {
                    streams.remove(&stream);
                }
                continue;
            }
            let body = match frame.body() {
                Ok(body) => body,
                Err(e) => return io::Error::new(io::ErrorKind::InvalidData, e),
            };
            match body {
                Body::Call(json) => match call::parse(json) {
                    Ok(Message::Answer { id, result }) => self.calls.answered(id, result),
                    Ok(Message::Call { id, method, params }) => {
                        let _ = incoming.send(Incoming::Call { id, method, params });
                    }
                    Ok(Message::Notice { method, params }) => {
                        let _ = incoming.send(Incoming::Notice { method, params });
                    }
                    Err(fault) => tracing::warn!(code = fault.code, "a message that is none"),
                },
                Body::Ping(n) => self.out.urgent(0, Body::Pong(n)),
                Body::Pong(n) => {
                    if let Some(sent) = locked(&self.shared.pings).remove(&n) {
                        *locked(&self.shared.answered) = Some((Instant::now(), sent.elapsed()));
                        let _ = incoming.send(Incoming::Rtt(sent.elapsed()));
                    }
                }
                _ => {}
            }
            // (it may have held a secret)
            frame.payload.zeroize();
        }
    }

    /// A call with the usual deadline of 10 s.
    pub fn call<M: Method>(&self, params: &M) -> impl Future<Output = Result<M::Reply, Fault>> + use<M> {
        self.calls.call(&self.out, params, call::DEADLINE)
    }

    pub fn call_within<M: Method>(
        &self,
        params: &M,
        deadline: Duration,
    ) -> impl Future<Output = Result<M::Reply, Fault>> + use<M> {
        self.calls.call(&self.out, params, deadline)
    }

    /// Frames of a stream come out here from now on. The queue is bounded by the credit given to the peer.
    pub fn open_stream(&self, stream: StreamId) -> mpsc::UnboundedReceiver<Frame> {
        let (tx, rx) = mpsc::unbounded_channel();
        locked(&self.shared.streams).insert(stream, tx);
        rx
    }

    /// Frames of a stream go to `to` from now on: many streams may share one queue, frames say which they are of.
    pub fn route_stream(&self, stream: StreamId, to: mpsc::UnboundedSender<Frame>) {
        locked(&self.shared.streams).insert(stream, to);
    }

    pub fn close_stream(&self, stream: StreamId) {
        locked(&self.shared.streams).remove(&stream);
    }

    /// Asks for a sign of life; the answer comes as `Incoming::Rtt`.
    pub fn ping(&self) {
        let n = self.shared.epoch.elapsed().as_micros() as u64;
        let mut pings = locked(&self.shared.pings);
        pings.retain(|_, sent| sent.elapsed() < Duration::from_secs(60));
        pings.insert(n, Instant::now());
        drop(pings);
        self.out.urgent(0, Body::Ping(n));
    }

    /// When the peer was last heard of.
    pub fn heard(&self) -> Instant {
        *locked(&self.shared.heard)
    }

    /// When a ping was answered last, and how long that took.
    pub fn answered(&self) -> Option<(Instant, Duration)> {
        *locked(&self.shared.answered)
    }

    /// Ends it: pending calls fail, streams end.
    pub fn close(&self) {
        self.out.close();
        self.calls.close();
        locked(&self.shared.streams).clear();
    }

    pub fn is_closed(&self) -> bool {
        self.out.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::control::{Done, SessionDetach};

    #[tokio::test(flavor = "current_thread")]
    async fn calls_streams_and_the_end() {
        let (a, b) = tokio::io::duplex(4096);
        let (tx_a, _rx_a) = mpsc::unbounded_channel();
        let (tx_b, mut rx_b) = mpsc::unbounded_channel();
        let (client, client_task) = Link::new(a, false, tx_a);
        let (server, server_task) = Link::new(b, true, tx_b);
        let client_task = tokio::spawn(client_task);
        let server_task = tokio::spawn(server_task);
        let mut frames = client.open_stream(2);
        let asked = client.call(&SessionDetach { stream: 2 });
        let Some(Incoming::Call { id, method, params }) = rx_b.recv().await else { panic!() };
        assert_eq!(method, "session.detach");
        assert_eq!(call::params::<SessionDetach>(params).unwrap().stream, 2);
        call::answer(&server.out, id, call::reply(Done {}));
        assert_eq!(asked.await, Ok(Done {}));
        server.out.bulk(2, Body::Data { offset: 0, bytes: b"x" });
        assert_eq!(frames.recv().await.unwrap().stream, 2);
        let never = client.call(&SessionDetach { stream: 4 });
        server.close();
        assert_eq!(never.await.unwrap_err().code, Fault::GONE);
        assert!(frames.recv().await.is_none());
        client_task.await.unwrap();
        server_task.await.unwrap();
    }
}
