//! Owns how a target process is reached: found by its socket or started, and greeted. Leaves out what is asked of it, and
//! SSH: that is the target process' own matter.

use crate::link::{Incoming, Link};
use crate::proto::control::{Fault, TargetConnect};
use crate::proto::hello;
use crate::proto::ids::{ClientId, TargetId};
use crate::proto::spawn::{TargetSpec, TargetStarted};
use crate::store::rundir::RunDir;
use crate::store::target;
use crate::sys;
use std::io;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// A new target process stands within this.
const START: Duration = Duration::from_secs(10);

/// A connection to a target process, and what comes over it.
pub type Control = (Link, mpsc::UnboundedReceiver<Incoming>);

/// One that is there.
pub fn connect(run: &RunDir, target: &TargetId) -> io::Result<Control> {
    let stream = target::connect(run, target)?;
    stream.set_nonblocking(true)?;
    let (tx, incoming) = mpsc::unbounded_channel();
    let (link, served) = Link::new(UnixStream::from_std(stream)?, false, tx);
    tokio::spawn(served);
    Ok((link, incoming))
}

/// One that is there, or a new one; hello is said.
///
/// # Errors
/// It can't be started, does not stand within 10 s, or is of a build that does not go with this one.
pub async fn reach(run: &RunDir, id: &TargetId, spec: &TargetSpec, client: ClientId) -> Result<Control, Fault> {
    // one that nobody has needed for a while may be about to go just now
    let until = tokio::time::Instant::now() + START;
    loop {
        let found = match connect(run, id) {
            Ok((control, incoming)) => match control.call(&hello::initialize(client.clone())).await {
                Ok(_) => return Ok((control, incoming)),
                Err(f) => {
                    control.close();
                    f
                }
            },
            Err(e) => {
                start(id, spec).await?;
                Fault::new(Fault::GONE, e.to_string())
            }
        };
        if found.code != Fault::GONE || tokio::time::Instant::now() >= until {
            return Err(found);
        }
        // (who was faster in starting it may not have its socket yet)
        tokio::time::sleep(START / 200).await;
    }
}

/// Starts the target process, unless somebody else was faster.
async fn start(target: &TargetId, spec: &TargetSpec) -> Result<(), Fault> {
    let json = serde_json::to_vec(spec).map_err(|e| Fault::new(Fault::INTERNAL, e.to_string()))?;
    let said = sys::own::start(&["target", "--id", target.as_str()], &json, START).await;
    let said = said.map_err(|e| match e.kind() {
        io::ErrorKind::TimedOut => Fault::new(Fault::TIMEOUT, "it did not stand within 10 s"),
        _ => Fault::new(Fault::SPAWN, format!("no process can be started for it: {e}")),
    })?;
    match serde_json::from_slice::<TargetStarted>(&said).map(|s| s.result) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(fault)) => Err(fault),
        Err(_) => Err(Fault::new(Fault::SPAWN, "it ended before it stood")),
    }
}

/// The host is wanted by whoever runs this: with its own ssh-agent and display.
pub fn lends() -> TargetConnect {
    let display = sys::x11::display();
    let xauthority = display.as_ref().and_then(|_| sys::x11::authority());
    let xauthority = xauthority.and_then(|p| std::path::absolute(p).ok()?.into_os_string().into_string().ok());
    TargetConnect { auth_sock: sys::auth_sock(), display, xauthority }
}
