//! Owns that a host is the same when keys are renewed: [`Witness`]. Leaves out whether its key is right (`gate`).
//!
//! russh proves a renewal's signature against the key that comes with it, but neither compares that key with the first
//! one nor hands it to its user: it says it to its log alone, from the connection's own task. So it is heard there. Where
//! it was not heard, the key counts as another one: the connection ends, and the next begins with a whole check.

use russh::keys::ssh_key::PublicKey;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use tokio::task::Id;

const TARGET: &str = "russh::client::kex";
const SAID: &str = "received server host key: Ok(\"";

/// What each connection's task said last. An entry goes with its [`Witness`].
static HEARD: Mutex<Option<HashMap<Id, Shown>>> = Mutex::new(None);

fn heard() -> MutexGuard<'static, Option<HashMap<Id, Shown>>> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A key as russh words it, and whether it came in a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Shown {
    key: String,
    certificate: bool,
}

struct Ear;

impl log::Log for Ear {
    fn enabled(&self, about: &log::Metadata) -> bool {
        about.target() == TARGET && about.level() == log::Level::Debug
    }
    fn log(&self, record: &log::Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let (Some(task), text) = (tokio::task::try_id(), record.args().to_string()) else { return };
        let Some((key, rest)) = text.strip_prefix(SAID).and_then(|t| t.split_once('"')) else { return };
        let shown = Shown { key: key.trim().to_string(), certificate: rest.contains("certificate: true") };
        heard().get_or_insert_default().insert(task, shown);
    }
    fn flush(&self) {}
}

/// From now on what russh says of hosts' keys is heard; nothing else of its log is.
pub(super) fn listen() {
    static LISTENING: Once = Once::new();
    static EAR: Ear = Ear;
    LISTENING.call_once(|| match log::set_logger(&EAR) {
        Ok(()) => log::set_max_level(log::LevelFilter::Debug),
        Err(_) => tracing::warn!("another logger is installed: connections end when keys are renewed"),
    });
}

/// Holds the first key of one connection against each later one. All of it is called from the connection's task.
#[derive(Default)]
pub(super) struct Witness {
    first: Option<Shown>,
    task: Option<Id>,
    /// The first exchange is over.
    settled: bool,
}

impl Witness {
    /// A key is shown, and about to be judged: what was heard of it goes with this, however that ends.
    pub(super) fn shown(&mut self) {
        self.task = tokio::task::try_id();
    }

    /// The key that was passed.
    pub(super) fn accepted(&mut self, key: &PublicKey, certificate: bool) {
        self.task = tokio::task::try_id();
        self.first = key.to_openssh().ok().map(|key| Shown { key: key.trim().to_string(), certificate });
    }

    /// An exchange of keys is done; false = a renewal, and not by the holder of the first key.
    pub(super) fn renewed(&mut self) -> bool {
        let now = self.task.and_then(|task| heard().as_mut().and_then(|all| all.remove(&task)));
        if !std::mem::replace(&mut self.settled, true) {
            return true;
        }
        self.first.is_some() && now == self.first
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if let (Some(task), Some(all)) = (self.task, heard().as_mut()) {
            all.remove(&task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::ssh_key::private::Ed25519Keypair;
    use russh::keys::{PrivateKey, PublicKeyOrCertificate};
    use russh::{client, server};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    struct Door;
    impl server::Handler for Door {
        type Error = russh::Error;
        async fn auth_none(&mut self, _: &str) -> Result<server::Auth, russh::Error> {
            Ok(server::Auth::Accept)
        }
    }

    /// Believes that another key than the server's was passed, where it is told one.
    struct Client {
        witness: Witness,
        passed: Option<PublicKey>,
        renewed: Arc<AtomicUsize>,
    }
    impl client::Handler for Client {
        type Error = russh::Error;
        async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
            let key = self.passed.clone().unwrap_or_else(|| offered.public_key());
            self.witness.accepted(&key, offered.certificate().is_some());
            Ok(true)
        }
        async fn kex_done(
            &mut self,
            _: Option<&[u8]>,
            _: &russh::Names,
            _: &mut client::Session,
        ) -> Result<(), russh::Error> {
            if !self.witness.renewed() {
                return Err(russh::Error::UnknownKey);
            }
            self.renewed.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    async fn renews(passed: Option<PublicKey>) -> bool {
        listen();
        let settings =
            server::Config { keys: vec![key(7)], auth_rejection_time: Duration::ZERO, ..server::Config::default() };
        let (near, far) = tokio::io::duplex(1 << 16);
        let server = tokio::spawn(async move {
            if let Ok(running) = server::run_stream(Arc::new(settings), far, Door).await {
                let _ = running.await;
            }
        });
        let renewed = Arc::new(AtomicUsize::new(0));
        let handler = Client { witness: Witness::default(), passed, renewed: renewed.clone() };
        let mut handle = client::connect_stream(Arc::default(), near, handler).await.unwrap();
        assert!(handle.authenticate_none("me").await.unwrap().success());
        assert_eq!(renewed.load(Ordering::SeqCst), 1, "the first exchange");
        handle.rekey_soon().await.unwrap();
        let limit = std::time::Instant::now() + Duration::from_secs(20);
        while renewed.load(Ordering::SeqCst) < 2 && !handle.is_closed() {
            assert!(std::time::Instant::now() < limit, "keys are not renewed");
            tokio::task::yield_now().await;
        }
        let stands = !handle.is_closed();
        drop(handle);
        server.await.unwrap();
        stands
    }

    #[tokio::test]
    async fn another_key_at_a_renewal_ends_the_connection() {
        assert!(renews(None).await);
        assert!(!renews(Some(key(8).public_key().clone())).await);
    }
}
