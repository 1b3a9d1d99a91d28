//! Owns how an agent's host reaches targets over SSH: the target process is found or started and made to connect, and what
//! it has to ask goes on to the client of this link. Leaves out SSH, and the sessions over it.

use super::Agent;
use crate::link::{Incoming, Link, call};
use crate::proto::control::connections::Ssh;
use crate::proto::control::*;
use crate::proto::ids::{ClientId, TargetId};
use crate::proto::spawn::TargetSpec;
use crate::store::rundir::RunDir;
use crate::store::target;
use crate::text::escape;
use crate::transport::deploy::quote;
use crate::transport::target::{connect, lends, reach};
use serde_json::Value;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use tokio::sync::mpsc;

/// A person has so long for an answer.
const PERSON: Duration = Duration::from_secs(3600);
/// Connecting has deadlines of its own, which stand still while a person is asked.
const CONNECT: Duration = Duration::from_secs(7200);

/// A target process says how it stands within this.
const AT_ONCE: Duration = Duration::from_millis(400);

/// How a host is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Connect {
    /// Whoever is at the other end of this link may be asked.
    Asking,
    /// Nobody is asked. One that is away just now is as good: whoever wants it tries again.
    Alone,
    /// Left to whoever wants it.
    Not,
}

/// Ends with whoever waited: nothing is asked for nobody.
struct Control(Link);

impl Drop for Control {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Agent {
    /// The target process of a connection over SSH, connected; whoever is at the other end of this link may be asked.
    pub(super) async fn target(&self, ssh: &Ssh) -> Result<TargetId, Fault> {
        self.reached(ssh, Connect::Asking).await
    }

    /// The same, connected so.
    pub(super) async fn reached(&self, ssh: &Ssh, how: Connect) -> Result<TargetId, Fault> {
        let spec = TargetSpec {
            dest: ssh.dest(),
            ssh_config: self.ctx.ssh_config.as_ref().map(|p| p.as_os_str().as_bytes().to_vec()),
            key_path: ssh.key_path.clone(),
            proxy_jump: ssh.proxy_jump.clone(),
            forward_agent: ssh.forward_agent,
            x11: ssh.x11,
        };
        let id = target::id_of(&spec);
        let (control, incoming) = reach(&self.run(), &id, &spec, ClientId::random()).await.map_err(|f| {
            Fault::new(f.code, format!("the process that reaches {} does not answer: {}", ssh.dest(), f.message))
        })?;
        let control = Control(control);
        if how == Connect::Not {
            return Ok(id);
        }
        let connected = async {
            if how == Connect::Asking {
                control.0.call(&TargetAttach::default()).await?;
            }
            control.0.call_within(&lends(), CONNECT).await
        };
        tokio::select! {
            info = connected => match info?.failure {
                None => Ok(id),
                Some(told) if how == Connect::Alone && matches!(told.kind.as_str(), "timed-out" | "unreachable") => {
                    Ok(id)
                }
                Some(told) => {
                    // (who reads it is elsewhere: commands in it are meant for this machine)
                    let at = if self.ctx.local { String::new() } else { format!(" (on {})", escape(&crate::sys::hostname())) };
                    let hint = told.hints.first().map(|h| format!("; {h}{at}")).unwrap_or_default();
                    let code = match told.kind.as_str() {
                        "refused" => Fault::REFUSED,
                        "timed-out" => Fault::TIMEOUT,
                        "unreachable" => Fault::GONE,
                        _ => Fault::SPAWN,
                    };
                    Err(Fault::new(code, format!("{}{hint}", told.what)))
                }
            },
            () = hand_on(&control.0, incoming, self.link.clone()) => {
                Err(Fault::new(Fault::GONE, format!("the process that reaches {} went away", ssh.dest())))
            }
        }
    }
}

/// Whether a host is connected just now.
pub(super) async fn is_connected(run: &RunDir, target: &TargetId) -> bool {
    let Ok((control, _)) = connect(run, target) else { return false };
    let control = Control(control);
    let stands = control.0.call_within(&TargetGet {}, AT_ONCE).await;
    stands.is_ok_and(|info| info.state == "connected")
}

/// Hands questions on, each to its answer. Returns when the target process has gone.
async fn hand_on(control: &Link, mut incoming: mpsc::UnboundedReceiver<Incoming>, client: Link) {
    while let Some(message) = incoming.recv().await {
        let Incoming::Call { id, method, params } = message else { continue };
        let (out, client) = (control.out.clone(), client.clone());
        tokio::spawn(async move {
            let result = match method.as_str() {
                AskHostKey::NAME => pass::<AskHostKey>(&client, params).await,
                AskSecret::NAME => pass::<AskSecret>(&client, params).await,
                other => Err(Fault::new(Fault::UNKNOWN_METHOD, crate::text::short(other, 64))),
            };
            call::answer(&out, id, result);
        });
    }
}

/// One question, and its answer.
async fn pass<M: Method>(client: &Link, question: Value) -> Result<Value, Fault> {
    client.call_within(&call::params::<M>(question)?, PERSON).await.and_then(call::reply)
}

/// One line for the login shell there: a directory to start in, a command in the shell's stead. None = the shell itself.
pub(super) fn line(directory: Option<&str>, command: Option<&str>) -> Option<String> {
    // (what runs there begins in the home)
    let directory = directory.and_then(|d| match d.strip_prefix("~/") {
        Some(rest) => Some(format!("./{rest}")),
        None => (d != "~").then(|| d.to_string()),
    });
    match (directory, command) {
        (None, command) => command.map(str::to_string),
        (Some(d), None) => Some(format!(r#"cd {} && exec "$SHELL" -l"#, quote(&d))),
        (Some(d), Some(command)) => Some(format!("cd {} && {command}", quote(&d))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_the_login_shell_there() {
        assert_eq!(line(None, None), None);
        assert_eq!(line(Some("~"), Some("make")).as_deref(), Some("make"));
        assert_eq!(line(Some("~/a b"), None).as_deref(), Some(r#"cd './a b' && exec "$SHELL" -l"#));
        assert_eq!(line(Some("/srv; rm x"), Some("ls")).as_deref(), Some("cd '/srv; rm x' && ls"));
    }
}
