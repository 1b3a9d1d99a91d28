//! Owns how what a file system says becomes a [`Fault`]: its code, and a sentence that names the file. Leaves out whose it is.

use crate::proto::control::Fault;
use crate::text::short;
use crate::transport::ssh::sftp::{Lost, Wrong, status};
use rustix::io::Errno;

/// Characters of a path that are shown: thousands of faults may wait to be told.
const SHOWN: usize = 1000;

/// `doing` as in "reading"; the path is shown, never used.
pub fn of(doing: &str, path: &[u8], e: Errno) -> Fault {
    let (code, words) = match e {
        Errno::NOENT => (Fault::UNKNOWN, "there is no such file or directory".into()),
        Errno::EXIST => (Fault::NAME_TAKEN, "that name is taken".into()),
        Errno::NOTEMPTY => (Fault::NAME_TAKEN, "the directory is not empty".into()),
        Errno::ACCESS | Errno::PERM => (Fault::REFUSED, "permission denied".into()),
        Errno::ROFS => (Fault::REFUSED, "its file system is read-only".into()),
        Errno::BUSY => (Fault::REFUSED, "it is in use".into()),
        Errno::NOSPC => (Fault::FULL, "no space is left on that disk".into()),
        Errno::DQUOT => (Fault::FULL, "the quota is used up".into()),
        Errno::FBIG => (Fault::FULL, "the file would be too large".into()),
        Errno::ISDIR => (Fault::WRONG_KIND, "it is a directory".into()),
        Errno::NOTDIR => (Fault::WRONG_KIND, "it is no directory".into()),
        Errno::LOOP => (Fault::WRONG_KIND, "it is a symbolic link".into()),
        Errno::XDEV => (Fault::OTHER_DISK, "the two lie on different file systems".into()),
        Errno::TIMEDOUT => (Fault::TIMEOUT, "the file system does not answer".into()),
        e => (Fault::INTERNAL, std::io::Error::from(e).to_string()),
    };
    say(code, doing, path, &words)
}

/// What an SFTP server says. Most of what goes wrong is one "Failure" there: who knows better says so before.
pub fn of_sftp(doing: &str, path: &[u8], wrong: &Wrong) -> Fault {
    let code = match wrong {
        Wrong::Status { code: status::NO_SUCH_FILE, .. } => Fault::UNKNOWN,
        Wrong::Status { code: status::PERMISSION_DENIED, .. } => Fault::REFUSED,
        Wrong::Lost(Lost::Silent) => Fault::TIMEOUT,
        Wrong::Lost(Lost::Over(_) | Lost::Cut(_)) => Fault::GONE,
        Wrong::Status { .. } | Wrong::Answer | Wrong::Unsupported => Fault::INTERNAL,
    };
    say(code, doing, path, &wrong.to_string())
}

pub fn say(code: i64, doing: &str, path: &[u8], words: &str) -> Fault {
    let path = short(&String::from_utf8_lossy(path), SHOWN);
    Fault::new(code, format!("{doing} '{path}': {words}"))
}

/// Of what is in a tree and can't be copied.
pub fn no_such_kind() -> Fault {
    Fault::new(Fault::WRONG_KIND, "it is neither a file, a directory nor a link")
}

/// The answer to what nobody can do there.
pub fn wrong_kind(doing: &str, path: &[u8], words: &str) -> Fault {
    say(Fault::WRONG_KIND, doing, path, words)
}
