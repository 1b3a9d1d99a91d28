//! Owns when an agent may ask a person: while a call is under way that may need an answer, one question at a time, and no
//! end of them never. Leaves out what is asked (`host/answers.rs`), and the questions of a dial (`asker.rs`).

use super::asker::Asker;
use crate::client::files;
use crate::client::host::{Answer, Question};
use crate::secret::Secret;
use crate::transport::ask::{Answered, Ask, KeyAsked, SecretAsked};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use tokio::sync::{Mutex, watch};

/// Most questions for one session: several jump hosts, each with a key to be known, passphrases, a password mistyped.
pub(super) const MOST: u32 = 24;

pub(super) struct Asking {
    asker: Arc<Asker>,
    /// Creates under way that may lead to a question, by their tags.
    calls: watch::Sender<HashSet<u64>>,
    /// Questions that may still come.
    left: AtomicU32,
    /// Whose turn it is.
    turn: Mutex<()>,
}

/// As long as it lives the agent may ask.
pub(super) struct Asks(Arc<Asking>, u64);

impl Drop for Asks {
    fn drop(&mut self) {
        self.0.end(self.1);
    }
}

impl Asking {
    pub(super) fn new(asker: Arc<Asker>) -> Arc<Asking> {
        Arc::new(Asking { asker, calls: watch::Sender::default(), left: AtomicU32::new(0), turn: Mutex::default() })
    }

    pub(super) fn begin(self: &Arc<Asking>, tag: u64) -> Asks {
        self.calls.send_modify(|calls| {
            calls.insert(tag);
        });
        self.left.fetch_add(MOST, Ordering::Relaxed);
        Asks(self.clone(), tag)
    }

    /// The same for calls about files behind the agent: each may lead to a login.
    pub(super) fn of_files(self: &Arc<Asking>) -> files::Asks {
        /// (far from those of creates)
        static NEXT: AtomicU64 = AtomicU64::new(1 << 63);
        let asking = self.clone();
        Arc::new(move || Box::new(asking.begin(NEXT.fetch_add(1, Ordering::Relaxed))))
    }

    /// It is over, or nobody waits for it any more. With the last one what is being asked is taken back.
    pub(super) fn end(&self, tag: u64) {
        self.calls.send_if_modified(|calls| calls.remove(&tag) && calls.is_empty());
        if self.calls.borrow().is_empty() {
            self.left.store(0, Ordering::Relaxed);
        }
    }

    /// Takes one question off those that may come.
    pub(super) fn may(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
    }

    /// The answer; none = nobody gave one while it was of use.
    async fn asked(&self, question: Question) -> Option<Answer> {
        let mut calls = self.calls.subscribe();
        let over = async { drop(calls.wait_for(HashSet::is_empty).await) };
        tokio::pin!(over);
        let _turn = tokio::select! {
            biased;
            () = &mut over => return None,
            turn = self.turn.lock() => turn,
        };
        let (id, answer) = self.asker.ask_for_agent(question);
        tokio::select! {
            biased;
            answer = answer => answer.ok(),
            () = over => {
                self.asker.take_back(id);
                None
            }
        }
    }
}

impl Ask for Asking {
    fn host_key(&self, asked: &KeyAsked) -> Answered<'_, bool> {
        let question = Question::HostKey(asked.clone());
        Box::pin(async move { Some(self.asked(question).await? == Answer::Yes) })
    }
    fn secret(&self, asked: &SecretAsked) -> Answered<'_, Secret> {
        let question = Question::Secret(asked.clone());
        Box::pin(async move {
            match self.asked(question).await? {
                Answer::Secret(s) => Some(s),
                _ => None,
            }
        })
    }
}
