//! Owns whether the host is heard: asked for signs of life while a client looks, and told to those that do.
//! Leaves out what that means for the connection: it is borne for long (`transport::ssh::connect_patiently`).

use super::hold::Hold;
use super::links::Links;
use crate::link::pulse::{Act, Pulse, Signs};
use crate::link::{Link, call};
use crate::proto::notice::Notice;
use crate::transport::ssh::Ssh;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::sleep_until;

/// No host is further than this: where an answer takes longer, it stood behind other output.
const FAR: Duration = Duration::from_secs(2);

/// A ping under way, and since when.
type Ping<'a> = (Instant, Pin<Box<dyn Future<Output = ()> + Send + 'a>>);

/// The clients that look at the host.
#[derive(Default)]
pub struct Lookers {
    links: Links,
    changed: Notify,
}

impl Lookers {
    pub fn add(&self, id: u64, link: Link) {
        self.links.add(id, link);
        self.changed.notify_one();
    }

    pub fn remove(&self, id: u64) {
        self.links.remove(id);
        self.changed.notify_one();
    }

    fn tell(&self, quiet: Duration) {
        let ms = u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX);
        self.links.each(|link| call::notify(&link.out, 0, &Notice::TargetSilent(ms)));
    }

    /// Looks after the host for as long as this process lives.
    pub async fn run(&self, hold: &Hold) {
        let mut lost = false;
        loop {
            while self.links.is_empty() {
                self.changed.notified().await;
            }
            if lost {
                self.links.each(|link| call::notify(&link.out, 0, &Notice::TargetLost));
            }
            tokio::select! {
                ssh = hold.up() => {
                    if lost {
                        self.tell(Duration::ZERO);
                    }
                    self.follow(&ssh).await;
                    lost = ssh.is_closed();
                }
                // (somebody left)
                () = self.changed.notified() => {}
            }
        }
    }

    /// Feels one connection's pulse, until it ends or nobody looks.
    async fn follow(&self, ssh: &Ssh) {
        // what is heard is a sign of life, and not only an answer: that may stand behind much output
        let mut pulse = Pulse::new(ssh.heard());
        let mut rtt = Duration::ZERO;
        // one at a time: over a stream that stands still a second one says no more
        let mut ping: Option<Ping<'_>> = None;
        // it was silent since that was sent: how long the answer takes tells nothing of how far the host is
        let mut late = false;
        let closed = ssh.closed();
        tokio::pin!(closed);
        while !self.links.is_empty() {
            let signs = Signs { heard: ssh.heard(), answered: Some((ssh.heard(), rtt)) };
            for act in pulse.look(Instant::now(), &signs) {
                match act {
                    Act::Ping if ping.is_none() => {
                        ping = Some((Instant::now(), Box::pin(ssh.ping())));
                        late = false;
                    }
                    Act::Silent(quiet) => {
                        late = true;
                        // (0 is the word for one that is heard)
                        self.tell(quiet.max(Duration::from_millis(1)));
                    }
                    Act::Again => self.tell(Duration::ZERO),
                    // an end is the connection's own matter
                    Act::Ping | Act::Beside | Act::Dead(_) => {}
                }
            }
            let answer = async {
                match &mut ping {
                    Some((sent, answer)) => {
                        answer.await;
                        sent.elapsed()
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                took = answer => {
                    ping = None;
                    if !late {
                        rtt = took.min(FAR);
                    }
                }
                () = sleep_until(pulse.due(Instant::now(), &signs).into()) => {}
                () = self.changed.notified() => {}
                () = &mut closed => break,
            }
        }
        // its channels tell of its end
        if pulse.is_silent() {
            self.tell(Duration::ZERO);
        }
    }
}
