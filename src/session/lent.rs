//! Owns the ssh-agent that the session's program finds: `$SSH_AUTH_SOCK` is a name of the session's own in the run dir
//! that leads to the socket of the client which was active last, so it outlives links and clients.
//! Leaves out how that socket gets here (`transport/ssh/agent_forward.rs`).

use super::Session;
use crate::store::rundir::RunDir;
use crate::sys;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Longest path of a socket that a program can connect to (`sun_path`), bytes. Linux has one more than macOS.
const PATH_MOST: usize = 103;

/// The agent lent to a session.
#[derive(Default)]
pub(super) struct Lent {
    /// Where the name leads; none = the session has no such name.
    to: Option<String>,
}

impl Lent {
    /// As the session starts: with the agent of whoever starts it. None where there is none: the user's own rc files may
    /// start one then. The value for `$SSH_AUTH_SOCK`, where it is another than the caller's.
    pub(super) fn start(run: &RunDir, id: &str) -> (Lent, Option<OsString>) {
        let name = name(id);
        let path = run.path().join(&name);
        let Some(to) = sys::auth_sock().filter(|_| path.as_os_str().as_bytes().len() <= PATH_MOST) else {
            return (Lent::default(), None);
        };
        match run.dir().link(&name, Path::new(&to)) {
            Ok(()) => (Lent { to: Some(to) }, Some(path.into_os_string())),
            Err(e) => {
                tracing::warn!(error = %e, "SSH_AUTH_SOCK stays the caller's");
                (Lent::default(), None)
            }
        }
    }
}

fn name(id: &str) -> String {
    format!("{id}.agent")
}

impl Session {
    /// The agent of whoever of the clients was active last and brought one; once all have gone, the last one's stays.
    pub(super) fn follow_lent(&mut self) {
        if self.lent.to.is_none() {
            return;
        }
        let viewers = self.conns.values().filter_map(|c| c.viewer.as_ref());
        let newest = viewers.filter(|v| v.auth_sock.is_some()).max_by_key(|v| v.active);
        let Some(to) = newest.and_then(|v| v.auth_sock.clone()) else { return };
        if self.lent.to.as_ref() != Some(&to) {
            self.lent.to = Some(to);
            self.link_lent();
        }
    }

    /// Writes the name anew, as after the run dir was.
    pub(super) fn link_lent(&self) {
        if let Some(to) = &self.lent.to
            && let Err(e) = self.run.dir().link(&name(self.id.as_str()), Path::new(to))
        {
            tracing::warn!(error = %e, "the ssh-agent's name can't be written");
        }
    }
}
