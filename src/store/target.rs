//! Owns where a target process is found: its name, its lock, its socket, in the run dir's folder of this machine and boot.
//! Leaves out what is said over the socket.
//!
//! `t-HASH.target` (locked by the process for life; says whom it reaches), `t-HASH.tsock`.

use super::rundir::RunDir;
use crate::proto::ids::{TargetId, hex};
use crate::sys;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

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

fn lock_name(id: &TargetId) -> String {
    format!("{id}.target")
}
fn socket_name(id: &TargetId) -> String {
    format!("{id}.tsock")
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
    _lock: File,
}

impl Seat {
    /// Takes the place of the one target process; none = another has it.
    pub fn take(run: &RunDir, id: &TargetId, dest: &str) -> io::Result<Option<Seat>> {
        let Some(mut lock) = run.dir().try_lock(&lock_name(id))? else { return Ok(None) };
        lock.set_len(0)?;
        let json = serde_json::json!({"dest": dest, "pid": std::process::id()});
        lock.write_all(json.to_string().as_bytes())?;
        Ok(Some(Seat { id: id.clone(), _lock: lock }))
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

    /// Takes its own things away.
    pub fn leave(self, run: &RunDir) {
        let _ = run.dir().remove(&socket_name(&self.id));
        let _ = run.dir().remove(&lock_name(&self.id));
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
        for other in [id("web2", None), id("me@web", None), id("web", Some(Path::new("/c")))] {
            assert_ne!(a, other);
        }
    }
}
