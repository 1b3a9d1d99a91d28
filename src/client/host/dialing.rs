//! Owns dials on their way to one host, side by side: one that hangs holds up none that would get through. Leaves out how
//! one dials (`dial.rs`) and when (`task.rs`).

use super::Dialed;
use crate::failure::{Failure, Kind};
use std::pin::Pin;
use std::task::{Context, Poll};

pub type Dial = Pin<Box<dyn Future<Output = Result<Dialed, Failure>> + Send>>;

/// So many at a time: a host lets in only so many that have not logged in yet (sshd's MaxStartups, 10).
const MOST: usize = 4;

pub struct Dialing<D = Dial> {
    /// The oldest first.
    dials: Vec<D>,
}

impl<D> Default for Dialing<D> {
    fn default() -> Dialing<D> {
        Dialing { dials: Vec::new() }
    }
}

impl<D> Dialing<D> {
    pub fn is_empty(&self) -> bool {
        self.dials.is_empty()
    }

    /// One more. Where there are too many the second oldest goes: the oldest may be on a way that is merely slow, a new one
    /// finds a way that has just healed.
    pub fn start(&mut self, dial: D) {
        if self.dials.len() >= MOST {
            self.dials.remove(1);
        }
        self.dials.push(dial);
    }

    /// All but the oldest are given up: a person is asked something, and needs not be asked twice.
    pub fn keep_oldest(&mut self) {
        self.dials.truncate(1);
    }
}

impl<T, D: Future<Output = Result<T, Failure>> + Unpin> Dialing<D> {
    /// The first that got through; or, when none is left, why not; or the oldest one's refusal: it alone may ask a person,
    /// so that nobody is asked twice, and the others may be refused for want of an answer. Never, where there is none.
    /// Cancel-safe.
    pub async fn next(&mut self) -> Result<T, Failure> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Failure>> {
        let mut why = None;
        let mut i = 0;
        while let Some(dial) = self.dials.get_mut(i) {
            match Pin::new(dial).poll(cx) {
                Poll::Pending => i += 1,
                Poll::Ready(done) => {
                    drop(self.dials.remove(i));
                    match done {
                        Err(e) if i > 0 || e.kind != Kind::Refused => why = Some(e),
                        done => return Poll::Ready(done),
                    }
                }
            }
        }
        match why {
            Some(why) if self.dials.is_empty() => Poll::Ready(Err(why)),
            _ => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::{Receiver, Sender, channel};

    type Fake = Pin<Box<dyn Future<Output = Result<u8, Failure>> + Send>>;

    fn fake() -> (Sender<Result<u8, Failure>>, Fake) {
        let (tx, rx): (_, Receiver<_>) = channel();
        (tx, Box::pin(async { rx.await.unwrap() }))
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_first_that_gets_through() {
        let mut dialing = Dialing::default();
        let (first, a) = fake();
        let (second, b) = fake();
        dialing.start(a);
        dialing.start(b);
        second.send(Err(Failure::unreachable("no", "wait"))).unwrap();
        assert!(tokio::time::timeout(std::time::Duration::from_millis(10), dialing.next()).await.is_err());
        first.send(Ok(1)).unwrap();
        assert_eq!(dialing.next().await.unwrap(), 1);
        assert!(dialing.is_empty());
        // the last failure counts; the oldest one's refusal counts at once
        let (only, a) = fake();
        dialing.start(a);
        only.send(Err(Failure::unreachable("gone", "wait"))).unwrap();
        assert_eq!(dialing.next().await.unwrap_err().what, "gone");
        let (oldest, a) = fake();
        let (second, b) = fake();
        let (_slow, c) = fake();
        dialing.start(a);
        dialing.start(b);
        dialing.start(c);
        second.send(Err(Failure::refused("nobody to ask", "no"))).unwrap();
        assert!(tokio::time::timeout(std::time::Duration::from_millis(10), dialing.next()).await.is_err());
        oldest.send(Err(Failure::refused("never", "no"))).unwrap();
        assert_eq!(dialing.next().await.unwrap_err().what, "never");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn no_more_than_some_and_the_oldest_stays() {
        let mut dialing = Dialing::default();
        let mut all: Vec<_> = (0..10)
            .map(|_| {
                let (tx, dial) = fake();
                dialing.start(dial);
                tx
            })
            .collect();
        let alive: Vec<bool> = all.iter().map(|tx| !tx.is_closed()).collect();
        assert_eq!(alive, [true, false, false, false, false, false, false, true, true, true]);
        dialing.keep_oldest();
        assert!(all[9].is_closed());
        all.remove(0).send(Ok(7)).unwrap();
        assert_eq!(dialing.next().await.unwrap(), 7);
    }
}
