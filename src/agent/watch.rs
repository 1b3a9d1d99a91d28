//! Owns the notice that the list of sessions is another: the run dir is watched, and processes that would end without a
//! trace in it. Leaves out what changed.

use super::Agent;
use super::serial::Ends;
use crate::link::call;
use crate::proto::notice::Notice;
use crate::sys;
use rustix::fs::inotify::WatchFlags;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Changes within this are one.
const TOGETHER: Duration = Duration::from_millis(50);

/// What is seen of the sessions is kept, no more often than this.
const KEEP: Duration = Duration::from_secs(2);

/// The topic "sessions": tells the client that the list is another.
pub async fn run(agent: Arc<Agent>) {
    let seen = Notify::new();
    seen.notify_one();
    tokio::select! {
        () = tell(&agent, &seen) => {}
        () = keep(&agent, &seen) => {}
    }
}

async fn keep(agent: &Arc<Agent>, seen: &Notify) {
    loop {
        seen.notified().await;
        tokio::time::sleep(KEEP).await;
        agent.see(&agent.list().await).await;
    }
}

async fn tell(agent: &Arc<Agent>, seen: &Notify) {
    let what = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF;
    loop {
        let run = agent.run();
        if let Ok(fd) = sys::watched_dirs(&[run.path()], what) {
            let mut ends = Ends::default();
            ends.follow(agent, &agent.look_again());
            loop {
                tokio::select! {
                    ready = fd.readable() => {
                        let Ok(mut ready) = ready else { break };
                        tokio::time::sleep(TOGETHER).await;
                        let mut buf = [0u8; 4096];
                        while rustix::io::read(fd.get_ref(), &mut buf).is_ok_and(|n| n > 0) {}
                        ready.clear_ready();
                    }
                    () = ends.next() => {}
                }
                call::notify(&agent.link.out, 0, &Notice::SessionsChanged);
                ends.follow(agent, &agent.look_again());
                seen.notify_one();
                if !run.is_still_there() {
                    break;
                }
            }
        }
        // the folder was removed: its sessions make it anew
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
