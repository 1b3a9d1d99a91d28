//! Owns how many connections of this process begin at a time: a handshake costs both sides milliseconds of computing, so
//! does the start of an agent, and many at once delay each other and who types. A host that is waited for takes no turn: it
//! begins with the host's first word and ends when what was wanted there answers, so that hosts which never answer, or hang,
//! delay nobody.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Connections at a time that begin.
const MOST: usize = 2;
/// One that takes longer waits for something else (a far host, a person) and does not count any more: fifty far ones have
/// all begun within 2 s. (A test's machine may stand still for longer.)
const HELD: Duration = Duration::from_millis(if cfg!(test) { 10_000 } else { 70 });
/// What is read before the turn has come.
const FIRST: usize = 512;

static TURNS: Semaphore = Semaphore::const_new(MOST);

type Permit = SemaphorePermit<'static>;

#[derive(Default)]
struct Held {
    over: bool,
    permit: Option<Permit>,
}

/// The turn ends when this is dropped.
pub(super) struct Turn(Arc<Mutex<Held>>);

impl Turn {
    pub(super) fn end(&self) {
        end(&self.0);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.end();
    }
}

fn end(held: &Mutex<Held>) {
    let mut held = held.lock().unwrap_or_else(|e| e.into_inner());
    held.over = true;
    held.permit = None;
}

enum Stage {
    /// The host has said nothing yet.
    Quiet,
    Waiting(Pin<Box<dyn Future<Output = Option<Permit>> + Send>>),
    /// What was read before is still to be handed on, from the number on.
    First(usize),
    Open,
}

/// A stream that waits for its turn after the peer's first word.
pub(super) struct Turned<W> {
    over: W,
    stage: Stage,
    first: Vec<u8>,
    held: Arc<Mutex<Held>>,
}

pub(super) fn take<W>(over: W) -> (Turned<W>, Turn) {
    let held = Arc::new(Mutex::default());
    (Turned { over, stage: Stage::Quiet, first: Vec::new(), held: held.clone() }, Turn(held))
}

impl<W: AsyncRead + Unpin> AsyncRead for Turned<W> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.stage {
                Stage::Open => return Pin::new(&mut this.over).poll_read(cx, buf),
                Stage::Quiet => {
                    let mut space = [0; FIRST];
                    let mut first = ReadBuf::new(&mut space);
                    ready!(Pin::new(&mut this.over).poll_read(cx, &mut first))?;
                    this.first.extend_from_slice(first.filled());
                    this.stage = if this.first.is_empty() {
                        Stage::Open
                    } else {
                        Stage::Waiting(Box::pin(async { TURNS.acquire().await.ok() }))
                    };
                    if this.first.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                }
                Stage::Waiting(turn) => {
                    let permit = ready!(turn.as_mut().poll(cx));
                    let mut held = this.held.lock().unwrap_or_else(|e| e.into_inner());
                    if !held.over {
                        held.permit = permit;
                        let held = this.held.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(HELD).await;
                            end(&held);
                        });
                    }
                    drop(held);
                    this.stage = Stage::First(0);
                }
                Stage::First(at) => {
                    let rest = this.first.get(*at..).unwrap_or_default();
                    let n = rest.len().min(buf.remaining());
                    buf.put_slice(rest.get(..n).unwrap_or_default());
                    *at += n;
                    if *at >= this.first.len() {
                        this.first = Vec::new();
                        this.stage = Stage::Open;
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Turned<W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().over).poll_write(cx, buf)
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().over).poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().over).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// (One test: the turns are the process's.)
    #[tokio::test(flavor = "current_thread")]
    async fn who_says_nothing_takes_no_turn() {
        // many that are silent, and more than there are turns that speak
        let silent: Vec<_> = (0..3 * MOST)
            .map(|_| {
                let (here, there) = duplex(64);
                let (mut wire, turn) = take(here);
                let read = tokio::spawn(async move { wire.read_u8().await });
                (there, turn, read)
            })
            .collect();
        let mut going = Vec::new();
        for i in 0..MOST + 1 {
            let (here, mut there) = duplex(64);
            let (mut wire, turn) = take(here);
            there.write_all(b"SSH-2.0-x\r\n").await.unwrap();
            let mut said = [0; 11];
            let mut more = [0; 4];
            let read = wire.read_exact(&mut said);
            if i < MOST {
                read.await.unwrap();
                assert_eq!(&said, b"SSH-2.0-x\r\n");
                // from then on nothing is in between
                there.write_all(b"more").await.unwrap();
                wire.read_exact(&mut more).await.unwrap();
                going.push((wire, turn));
            } else {
                tokio::pin!(read);
                let waits = tokio::time::timeout(Duration::from_millis(30), &mut read).await;
                assert!(waits.is_err(), "one too many");
                going.pop();
                read.await.unwrap();
            }
        }
        drop((going, silent));
        assert_eq!(TURNS.available_permits(), MOST);
    }
}
