//! Owns questions to a person: each goes to the newest client that can be asked, and to the next one when that goes away
//! before it is answered. Leaves out what is asked.

use super::links::Links;
use crate::link::Link;
use crate::proto::control::{AskHostKey, AskSecret, Fault, Method, Secret, Trusted};
use crate::transport::ask::{Answered, Ask, KeyAsked, SecretAsked};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// A person has so long for an answer.
const PERSON: Duration = Duration::from_secs(3600);
/// Somebody who can be asked has so long to come: an sshd waits no longer for a login (LoginGraceTime).
const NOBODY: Duration = Duration::from_secs(120);

/// Who can be asked, the newest last.
#[derive(Default)]
pub struct Newest {
    links: Links,
    came: Notify,
    /// Questions that wait for somebody.
    waiting: AtomicUsize,
    /// Clients that want the host now and can't be asked: for them nobody is waited for.
    hasty: AtomicUsize,
}

impl Newest {
    pub fn add(&self, id: u64, link: Link) {
        self.links.add(id, link);
        self.came.notify_waiters();
    }

    pub fn remove(&self, id: u64) {
        self.links.remove(id);
    }

    /// As long as this lives a client waits that can't be asked; none = it can.
    pub fn hurry(&self, id: u64) -> Option<Waits<'_>> {
        (!self.links.has(id)).then(|| {
            let waits = Waits::new(&self.hasty);
            self.came.notify_waiters();
            waits
        })
    }

    /// A question is open and nobody is there to be asked.
    pub fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// The answer of whoever is there, or comes in time.
    async fn ask<M: Method>(&self, question: M) -> Option<M::Reply> {
        loop {
            let came = self.came.notified();
            tokio::pin!(came);
            came.as_mut().enable();
            let Some((id, link)) = self.links.newest() else {
                if self.hasty.load(Ordering::Relaxed) > 0 {
                    return None;
                }
                let _waits = Waits::new(&self.waiting);
                tokio::time::timeout(NOBODY, came).await.ok()?;
                continue;
            };
            match link.call_within(&question, PERSON).await {
                Ok(answer) => return Some(answer),
                // it went away with the question open
                Err(f) if f.code == Fault::GONE => self.remove(id),
                // it can't be asked after all
                Err(_) => return None,
            }
        }
    }
}

/// Counts for as long as it lives.
pub struct Waits<'a>(&'a AtomicUsize);

impl Waits<'_> {
    fn new(count: &AtomicUsize) -> Waits<'_> {
        count.fetch_add(1, Ordering::Relaxed);
        Waits(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Ask for Newest {
    fn host_key(&self, asked: &KeyAsked) -> Answered<'_, bool> {
        let KeyAsked { host, address, way, kind, fingerprint, kept } = asked.clone();
        let question = AskHostKey { host, kind, fingerprint, address, way, kept };
        Box::pin(async move {
            let Trusted { trust } = self.ask(question).await?;
            trust
        })
    }

    fn secret(&self, asked: &SecretAsked) -> Answered<'_, crate::secret::Secret> {
        let SecretAsked { host, prompt, echo, kind, left } = asked.clone();
        let question = AskSecret { host, prompt, echo, kind: kind.word().into(), left };
        Box::pin(async move {
            let Secret { answer } = self.ask(question).await?;
            answer.and_then(crate::secret::Secret::from_text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Incoming, call};
    use crate::transport::ask::SecretKind;
    use std::sync::Arc;
    use tokio::sync::mpsc;

    fn password() -> SecretAsked {
        SecretAsked { host: "me@web".into(), prompt: "Password:".into(), ..SecretAsked::default() }
    }

    fn text(secret: Option<crate::secret::Secret>) -> Option<String> {
        secret.map(|s| s.expose().to_string())
    }

    /// A client's end that answers every question so; none = it never does.
    fn client(newest: &Newest, id: u64, says: Option<&'static str>) -> Link {
        let (a, b) = tokio::io::duplex(4096);
        let (tx, _) = mpsc::unbounded_channel();
        let (ours, served) = Link::new(a, true, tx);
        tokio::spawn(served);
        let (tx, mut incoming) = mpsc::unbounded_channel();
        let (theirs, served) = Link::new(b, false, tx);
        tokio::spawn(served);
        let out = theirs.out.clone();
        tokio::spawn(async move {
            while let Some(Incoming::Call { id, .. }) = incoming.recv().await {
                if let Some(says) = says {
                    call::answer(&out, id, call::reply(Secret { answer: Some(says.into()) }));
                }
            }
        });
        newest.add(id, ours);
        theirs
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_newest_is_asked_and_then_the_one_before() {
        let newest = Arc::new(Newest::default());
        let _old = client(&newest, 1, Some("old"));
        let silent = client(&newest, 2, None);
        let asked = {
            let newest = newest.clone();
            tokio::spawn(async move { newest.secret(&password()).await })
        };
        tokio::task::yield_now().await;
        assert!(!asked.is_finished());
        silent.close();
        assert_eq!(text(asked.await.unwrap()).as_deref(), Some("old"));
        let _new = client(&newest, 3, Some("new"));
        assert_eq!(text(newest.secret(&password()).await).as_deref(), Some("new"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_stays_here_is_said_with_the_question() {
        let newest = Newest::default();
        let (a, b) = tokio::io::duplex(4096);
        let (ours, served) = Link::new(a, true, mpsc::unbounded_channel().0);
        tokio::spawn(served);
        let (tx, mut incoming) = mpsc::unbounded_channel();
        let (theirs, served) = Link::new(b, false, tx);
        tokio::spawn(served);
        newest.add(1, ours);
        for (kind, left) in
            [(SecretKind::Answer, None), (SecretKind::Password, Some(1)), (SecretKind::Passphrase, Some(2))]
        {
            let question = SecretAsked { kind, left, ..password() };
            let answering = async {
                let Some(Incoming::Call { id, params, .. }) = incoming.recv().await else { panic!("no call") };
                let asked = call::params::<AskSecret>(params).unwrap();
                assert_eq!((SecretKind::of(&asked.kind), asked.left), (kind, left));
                call::answer(&theirs.out, id, call::reply(Secret { answer: Some("x".into()) }));
            };
            let (answer, ()) = tokio::join!(newest.secret(&question), answering);
            assert_eq!(text(answer).as_deref(), Some("x"));
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_cannot_be_asked_is_not_kept_waiting() {
        let newest = Newest::default();
        let hurry = newest.hurry(7);
        assert!(hurry.is_some());
        assert_eq!(newest.secret(&password()).await, None);
        // unless somebody else is there
        let _other = client(&newest, 1, Some("other"));
        assert_eq!(text(newest.secret(&password()).await).as_deref(), Some("other"));
        assert!(newest.hurry(1).is_none());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nobody_there_is_waited_for() {
        let newest = Arc::new(Newest::default());
        let asked = {
            let newest = newest.clone();
            tokio::spawn(async move { newest.secret(&password()).await })
        };
        while !newest.is_waiting() {
            tokio::task::yield_now().await;
        }
        let _late = client(&newest, 1, Some("late"));
        assert_eq!(text(asked.await.unwrap()).as_deref(), Some("late"));
        assert!(!newest.is_waiting());
    }
}
