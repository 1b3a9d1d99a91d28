//! Owns what the process is lent by whoever wants its host: `$SSH_AUTH_SOCK` is a name of its own in the run dir that leads
//! to the ssh-agent of the client which asked last (as a session's does, `session/lent.rs`), the X display is that client's.
//! So a connection made anew does not depend on the login that once started the process. Leaves out who uses them
//! (`transport/ssh`; a ProxyCommand has the variable as well).

use crate::link::locked;
use crate::paths::Paths;
use crate::proto::control::TargetConnect;
use crate::proto::ids::TargetId;
use crate::store::rundir::RunDir;
use crate::store::target;
use crate::sys;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Longest path of a socket that can be connected to (`sun_path`), bytes. Linux has a few more than macOS.
const SOCKET_MOST: usize = 103;
/// Longest path or display name taken, bytes.
const MOST: usize = 4096;

pub struct Lent {
    id: TargetId,
    paths: Paths,
    /// Where the agent's name leads.
    agent: Mutex<Option<String>>,
}

/// The name that `$SSH_AUTH_SOCK` is to have, from before the first thread on; none = it stays the starter's.
pub fn variable(run: &RunDir, id: &TargetId) -> Option<PathBuf> {
    let path = target::agent_path(run, id);
    let to = sys::auth_sock();
    if path.as_os_str().as_bytes().len() > SOCKET_MOST {
        return None;
    }
    // (one that is left of a process that was killed leads astray)
    match to {
        Some(to) => target::link_agent(run, id, Path::new(&to)).ok()?,
        None => drop(std::fs::remove_file(&path)),
    }
    Some(path)
}

impl Lent {
    pub fn new(id: TargetId, paths: Paths, agent: Option<String>) -> Lent {
        Lent { id, paths, agent: Mutex::new(agent) }
    }

    /// A client asks, and lends what it has.
    pub fn follow(&self, lends: &TargetConnect) {
        let fit = |what: &Option<String>| what.clone().filter(|w| !w.is_empty() && w.len() <= MOST);
        let absolute = |what: &Option<String>| fit(what).filter(|w| w.starts_with('/'));
        if let Some(to) = absolute(&lends.auth_sock) {
            let mut agent = locked(&self.agent);
            if agent.as_ref() != Some(&to) {
                *agent = Some(to);
                drop(agent);
                if let Ok(run) = RunDir::open(&self.paths) {
                    self.link(&run);
                }
            }
        }
        if let Some(display) = fit(&lends.display) {
            sys::x11::lend(display, absolute(&lends.xauthority).map(PathBuf::from));
        }
    }

    /// Writes the name anew, as after the run dir was.
    pub fn link(&self, run: &RunDir) {
        let to = locked(&self.agent).clone();
        if let Some(Err(e)) = to.map(|to| target::link_agent(run, &self.id, Path::new(&to))) {
            tracing::warn!(error = %e, "the ssh-agent is not where it is looked for");
        }
    }
}
