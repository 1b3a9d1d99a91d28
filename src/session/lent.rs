//! Owns what the session's program is lent by whoever looks on: `$SSH_AUTH_SOCK` is a name of the session's own in the
//! run dir that leads to the ssh-agent of the client which was active last, `$DISPLAY` a port of its own (`display`). So
//! both outlive links and clients. Leaves out how they get here (`transport/ssh`).

mod display;

use super::Session;
use crate::proto::control;
use crate::store::rundir::RunDir;
use crate::sys;
use display::LentDisplay;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Longest path of a socket that a program can connect to (`sun_path`), bytes. Linux has a few more than macOS.
const PATH_MOST: usize = 103;

/// What is lent to a session; nothing of it where whoever started it had none (the user's own rc files may start an
/// agent then).
#[derive(Default)]
pub(super) struct Lent {
    /// Where the agent's name leads.
    agent: Option<String>,
    display: Option<LentDisplay>,
}

fn name(id: &str) -> String {
    format!("{id}.agent")
}

impl Lent {
    /// As the session starts: what its starter has, and the variables for the program.
    pub(super) fn start(run: &RunDir, id: &str) -> (Lent, Vec<(OsString, OsString)>) {
        let (mut lent, mut env) = (Lent::default(), Vec::new());
        let path = run.path().join(name(id));
        if let Some(to) = sys::auth_sock().filter(|_| path.as_os_str().as_bytes().len() <= PATH_MOST) {
            match run.dir().link(&name(id), Path::new(&to)) {
                Ok(()) => {
                    lent.agent = Some(to);
                    env.push(("SSH_AUTH_SOCK".into(), path.into_os_string()));
                }
                Err(e) => tracing::warn!(error = %e, "SSH_AUTH_SOCK stays the caller's"),
            }
        }
        if let Some((display, variables)) = LentDisplay::start(run, id) {
            lent.display = Some(display);
            env.extend(variables);
        }
        (lent, env)
    }

    /// Takes connections from here on.
    pub(super) fn serve(&mut self) {
        if let Some(display) = &mut self.display {
            display.serve();
        }
    }
}

impl Session {
    /// What the client lends that was active last, of those that lend such a thing; once all have gone, the last one's
    /// stays.
    pub(super) fn follow_lent(&mut self) {
        let newest = |has: fn(&control::Lent) -> &Option<String>| {
            let viewers = self.conns.values().filter_map(|c| c.viewer.as_ref());
            viewers.filter_map(|v| Some((v.active, has(&v.lent).clone()?))).max().map(|(_, lent)| lent)
        };
        let (agent, display) = (newest(|l| &l.auth_sock), newest(|l| &l.display));
        if agent.is_some() && self.lent.agent.is_some() && self.lent.agent != agent {
            self.lent.agent = agent;
            self.link_lent();
        }
        if let (Some(lent), Some(display)) = (&self.lent.display, display) {
            lent.follow(&display);
        }
    }

    /// Writes the names anew, as after the run dir was.
    pub(super) fn link_lent(&self) {
        let id = self.id.as_str();
        let agent = self.lent.agent.as_ref().map(|to| self.run.dir().link(&name(id), Path::new(to)));
        let display = self.lent.display.as_ref().map(|d| d.write(&self.run, id));
        for e in [agent, display].into_iter().flatten().filter_map(Result::err) {
            tracing::warn!(error = %e, "what is lent to the program is not where it looks for it");
        }
    }
}
