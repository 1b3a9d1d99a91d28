//! Owns where a target process is found: its name, its lock, its socket, in the run dir's folder of this machine and boot.
//! Leaves out what is said over the socket.
//!
//! `t-HASH.target` (locked by the process for life; says whom it reaches), `t-HASH.tsock`, `t-HASH.tagent` (leads to the
//! ssh-agent of the client that asked last).

use super::rundir::RunDir;
use crate::proto::ids::{TargetId, hex};
use crate::proto::spawn::TargetSpec;
use crate::sys;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The one of a destination, as the user wrote it, under an ssh_config (an absolute path; none = the user's own).
pub fn id(dest: &str, ssh_config: Option<&Path>) -> TargetId {
    let mut sha = Sha256::new();
    for part in [b"thub target".as_slice(), dest.as_bytes(), ssh_config.map_or(b"", |p| p.as_os_str().as_bytes())] {
        sha.update(part);
        sha.update([0]);
    }
    let hash = sha.finalize();
    let name = format!("t-{}", hex(hash.get(..8).unwrap_or_default()));
    name.parse().expect("hexadecimal digits make an id")
}

/// The one that a specification asks for: what a prepared connection says beside ssh_config makes it another one.
pub fn id_of(spec: &TargetSpec) -> TargetId {
    let file = spec.ssh_config.as_deref().map(|bytes| Path::new(OsStr::from_bytes(bytes)));
    let plain = TargetSpec { dest: spec.dest.clone(), ssh_config: spec.ssh_config.clone(), ..TargetSpec::default() };
    match (*spec == plain, serde_json::to_string(spec)) {
        (false, Ok(whole)) => id(&whole, file),
        _ => id(&spec.dest, file),
    }
}

fn lock_name(id: &TargetId) -> String {
    format!("{id}.target")
}
fn socket_name(id: &TargetId) -> String {
    format!("{id}.tsock")
}

fn agent_name(id: &TargetId) -> String {
    format!("{id}.tagent")
}

/// Where its ssh-agent is found, whoever lends it.
pub fn agent_path(run: &RunDir, id: &TargetId) -> PathBuf {
    run.path().join(agent_name(id))
}

/// That name leads there from now on.
pub fn link_agent(run: &RunDir, id: &TargetId, to: &Path) -> io::Result<()> {
    run.dir().link(&agent_name(id), to)
}

/// A connection to a target process that is there, and is ours.
pub fn connect(run: &RunDir, id: &TargetId) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(run.dir().socket_path(&socket_name(id))?)?;
    if sys::peer_uid(&stream)? != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "its socket belongs to another user"));
    }
    Ok(stream)
}

/// What a target process holds for life.
pub struct Seat {
    id: TargetId,
    dest: String,
    lock: File,
}

impl Seat {
    /// Takes the place of the one target process; none = another has it.
    pub fn take(run: &RunDir, id: &TargetId, dest: &str) -> io::Result<Option<Seat>> {
        let Some(mut lock) = run.dir().try_lock(&lock_name(id))? else { return Ok(None) };
        lock.set_len(0)?;
        let json = serde_json::json!({"dest": dest, "pid": std::process::id()});
        lock.write_all(json.to_string().as_bytes())?;
        Ok(Some(Seat { id: id.clone(), dest: dest.to_string(), lock }))
    }

    /// Whether the lock held is the one that whoever comes next would ask for: not where the run dir was made anew.
    fn is_held(&self, run: &RunDir) -> bool {
        let there = run.dir().stat(&lock_name(&self.id)).ok().flatten();
        let ours = rustix::fs::fstat(&self.lock).ok();
        #[allow(clippy::unnecessary_cast)] // the types differ between systems
        there.zip(ours).is_some_and(|(a, b)| (a.device, a.inode) == (b.st_dev as u64, b.st_ino as u64))
    }

    /// Takes the place again where its lock was taken away. False = another has it by now.
    pub fn keep(&mut self, run: &RunDir) -> io::Result<bool> {
        if self.is_held(run) {
            return Ok(true);
        }
        let again = Seat::take(run, &self.id, &self.dest)?;
        Ok(again.map(|seat| *self = seat).is_some())
    }

    /// The socket, made anew; only who has the seat may.
    pub fn bind(&self, run: &RunDir) -> io::Result<UnixListener> {
        let name = socket_name(&self.id);
        let _ = run.dir().remove(&name);
        UnixListener::bind(run.dir().socket_path(&name)?)
    }

    /// The socket's inode: another one, or none, means that it was taken away.
    pub fn socket(&self, run: &RunDir) -> Option<u64> {
        run.dir().stat(&socket_name(&self.id)).ok().flatten().map(|e| e.inode)
    }

    /// Takes its own things away; another one's stay.
    pub fn leave(self, run: &RunDir) {
        if self.is_held(run) {
            for name in [agent_name(&self.id), socket_name(&self.id), lock_name(&self.id)] {
                let _ = run.dir().remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_for_each_destination_and_config() {
        let a = id("web", None);
        assert_eq!(a, id("web", None));
        assert!(a.as_str().starts_with("t-") && a.as_str().len() == 18, "{a}");
        let spec = TargetSpec { dest: "web".into(), ..TargetSpec::default() };
        assert_eq!(id_of(&spec), a);
        assert_ne!(id_of(&TargetSpec { key_path: Some("/k".into()), ..spec }), a);
        for other in [id("web2", None), id("me@web", None), id("web", Some(Path::new("/c")))] {
            assert_ne!(a, other);
        }
    }
}
