//! Owns deadlines on a host that stand still while a person is asked: [`Patience`], and [`Asker`] that asks.
//! Leaves out the questions' words.

use crate::secret::Secret;
use crate::transport::ask::{Ask, KeyAsked, SecretAsked};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Default)]
struct Asked {
    open: usize,
    since: Option<Instant>,
    spent: Duration,
}

/// How long questions took so far.
#[derive(Default)]
pub(super) struct Patience {
    asked: Mutex<Asked>,
    changed: Notify,
}

/// A question is open as long as this lives.
pub(super) struct Open<'a>(&'a Patience);

impl Patience {
    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(super) fn asking(&self) -> Open<'_> {
        let mut asked = self.lock();
        asked.open += 1;
        asked.since.get_or_insert_with(Instant::now);
        drop(asked);
        self.changed.notify_waiters();
        Open(self)
    }

    /// How long a person was asked so far.
    pub(super) fn spent(&self) -> Duration {
        self.lock().spent
    }

    /// `what`, or `None` when it took longer than `limit` without the time of questions.
    pub(super) async fn within<T>(&self, limit: Duration, what: impl Future<Output = T>) -> Option<T> {
        let start = Instant::now();
        let before = self.lock().spent;
        tokio::pin!(what);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let until = {
                let asked = self.lock();
                asked.since.is_none().then(|| start + limit + asked.spent.saturating_sub(before))
            };
            tokio::select! {
                biased;
                done = &mut what => return Some(done),
                () = changed => {}
                () = async {
                    match until {
                        Some(until) => tokio::time::sleep_until(until).await,
                        None => std::future::pending().await,
                    }
                } => return None,
            }
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut asked = self.0.lock();
        asked.open = asked.open.saturating_sub(1);
        if asked.open == 0
            && let Some(since) = asked.since.take()
        {
            asked.spent += since.elapsed();
        }
        drop(asked);
        self.0.changed.notify_waiters();
    }
}

/// Asks a person while the deadlines stand still.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) ask: Arc<dyn Ask>,
    pub(super) patience: Arc<Patience>,
}

impl Asker {
    pub(super) async fn host_key(&self, asked: &KeyAsked) -> Option<bool> {
        let _open = self.patience.asking();
        self.ask.host_key(asked).await
    }
    pub(super) async fn secret(&self, asked: &SecretAsked) -> Option<Secret> {
        let _open = self.patience.asking();
        self.ask.secret(asked).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stands_still_while_asking() {
        let p = Arc::new(Patience::default());
        let limit = Duration::from_millis(300);
        let slow = p.clone();
        let answered = p
            .within(limit, async move {
                // the thing tested is a clock: a question longer than the limit
                let open = slow.asking();
                tokio::time::sleep(limit * 2).await;
                drop(open);
            })
            .await;
        assert_eq!(answered, Some(()));
        assert_eq!(p.within(limit, std::future::pending::<()>()).await, None);
    }
}
