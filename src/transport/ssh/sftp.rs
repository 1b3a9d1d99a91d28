//! Owns an SFTP session on a host: [`Sftp`], its requests and their answers as values, always behind the guard. Leaves out
//! listings, copies and trees (filesys). The codec is our own: crates made names text, and believed counts.

pub mod packet;
mod wait;

use crate::failure::Failure;
use crate::text::short;
use packet::{Ask, Reply};
pub use packet::{Attrs, Named, Names, flags, status};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
pub use wait::{Kept, Lost, Patience};
use wait::{Pending, Requests};

const START_WITHIN: Duration = Duration::from_secs(20);
const PATIENCE: Patience = Patience { silent: Duration::from_secs(60), each: Duration::from_secs(600) };
/// What every server reads and writes in one request.
const PIECE: u32 = 32 << 10;
/// A server that takes less at a time than this is not believed.
const PIECE_LEAST: u32 = 1 << 10;

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The server says so; its words are as they came.
    #[error("{}", said(*.code, .message))]
    Status { code: u32, message: Vec<u8> },
    #[error("{0}")]
    Lost(#[from] Lost),
    #[error("the host's answer is none to what it was asked")]
    Answer,
    #[error("the host's SFTP server can't do that")]
    Unsupported,
}

/// Why a session did not begin.
#[derive(Clone, Debug)]
pub struct NotStarted {
    pub wrong: Wrong,
    host: String,
}
impl From<NotStarted> for Failure {
    fn from(NotStarted { wrong, host }: NotStarted) -> Failure {
        let f = Failure::failed(
            format!("{host}: SFTP does not start there: {}", short(&wrong.to_string(), 200)),
            "see whether its sshd_config has a Subsystem sftp",
        );
        f.hint(
            "or its shell's start-up files print something: `sftp` fails then, too; make them quiet where nobody types",
        )
    }
}

fn said(code: u32, message: &[u8]) -> String {
    let own = match code {
        status::EOF => "end of file",
        status::NO_SUCH_FILE => "no such file or directory",
        status::PERMISSION_DENIED => "permission denied",
        status::UNSUPPORTED => "the host's SFTP server can't do that",
        _ => return format!("the host says: {}", short(&String::from_utf8_lossy(message), 200)),
    };
    own.into()
}

/// What a server can do beyond version 3.
#[derive(Clone, Copy, Default, Debug)]
struct Extensions {
    posix_rename: bool,
    statvfs: bool,
    fsync: bool,
    limits: bool,
}

/// Room on a file system, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub total: u64,
    pub free: u64,
    /// Which file system it is, among those of that host.
    pub id: u64,
}

/// An SFTP session on a host. Cheap to clone; it ends with the last.
#[derive(Clone)]
pub struct Sftp {
    requests: Requests,
    can: Extensions,
    piece: u32,
}

/// An open file or directory there; closed when it is let go of.
pub struct Handle {
    id: Vec<u8>,
    requests: Requests,
    closed: AtomicBool,
}
impl Drop for Handle {
    fn drop(&mut self) {
        if !*self.closed.get_mut() {
            self.requests.close(&self.id);
        }
    }
}

/// An answer that is waited for apart from its asking.
pub struct Answer(Pending);
impl Answer {
    /// Of a write, or whatever answers with a status.
    pub async fn done(self) -> Result<(), Wrong> {
        done(self.0.answer().await?)
    }
    /// Of a readdir, as the server says them; none = there are no more.
    pub async fn names(self) -> Result<Option<Names>, Wrong> {
        match self.0.answer().await? {
            Reply::Names(names) => Ok(Some(names)),
            other => none_at_end(other),
        }
    }
    /// Of a read; none = the end of the file.
    pub async fn data(self) -> Result<Option<Vec<u8>>, Wrong> {
        match self.0.answer().await? {
            Reply::Data(bytes) if bytes.is_empty() => Err(Wrong::Answer),
            Reply::Data(bytes) => Ok(Some(bytes)),
            other => none_at_end(other),
        }
    }
}

fn done(reply: Reply) -> Result<(), Wrong> {
    match reply {
        Reply::Status { code: status::OK, .. } => Ok(()),
        other => Err(refused(other)),
    }
}
fn refused(reply: Reply) -> Wrong {
    match reply {
        Reply::Status { code: status::OK, .. } => Wrong::Answer,
        Reply::Status { code: status::UNSUPPORTED, .. } => Wrong::Unsupported,
        Reply::Status { code, message } => Wrong::Status { code, message },
        _ => Wrong::Answer,
    }
}
fn none_at_end<T>(reply: Reply) -> Result<Option<T>, Wrong> {
    match reply {
        Reply::Status { code: status::EOF, .. } => Ok(None),
        other => Err(refused(other)),
    }
}
fn attrs(reply: Reply) -> Result<Attrs, Wrong> {
    match reply {
        Reply::Attrs(attrs) => Ok(attrs),
        other => Err(refused(other)),
    }
}

impl Sftp {
    /// Starts one over a channel (or whatever carries bytes) to a server.
    pub async fn start<S>(io: S, host: String) -> Result<Sftp, NotStarted>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        Sftp::start_with(io, host, PATIENCE).await
    }

    /// The same, with another patience.
    pub async fn start_with<S>(io: S, host: String, patience: Patience) -> Result<Sftp, NotStarted>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let requests = Requests::spawn(io, patience);
        let within = START_WITHIN.min(patience.each);
        let wrong = match tokio::time::timeout(within, Sftp::greeted(requests)).await {
            Ok(Ok((requests, can, piece))) => return Ok(Sftp { requests, can, piece }),
            Ok(Err(wrong)) => wrong,
            Err(_) => Wrong::Lost(Lost::Silent),
        };
        Err(NotStarted { wrong, host })
    }

    async fn greeted(requests: Requests) -> Result<(Requests, Extensions, u32), Wrong> {
        let extensions = match requests.ask(&Ask::Init).await? {
            Reply::Version(3.., extensions) => extensions,
            Reply::Version(..) => return Err(Wrong::Unsupported),
            other => return Err(refused(other)),
        };
        let has = |name: &str, version: &[u8]| {
            extensions.iter().any(|(n, v)| n.as_slice() == name.as_bytes() && v.as_slice() == version)
        };
        let can = Extensions {
            posix_rename: has("posix-rename@openssh.com", b"1"),
            statvfs: has("statvfs@openssh.com", b"2"),
            fsync: has("fsync@openssh.com", b"1"),
            limits: has("limits@openssh.com", b"1"),
        };
        let mut piece = PIECE;
        if can.limits
            && let Reply::Extended(said) = requests.ask(&Ask::Limits).await?
        {
            let mut r = packet::Reader(&said);
            let (_, read, write) = (r.u64(), r.u64(), r.u64());
            for most in [read, write].into_iter().flatten().filter(|n| *n > 0) {
                piece = piece.min(u32::try_from(most).unwrap_or(PIECE)).max(PIECE_LEAST);
            }
        }
        Ok((requests, can, piece))
    }

    /// For how long nothing was asked or answered; none = it is over.
    pub fn idle(&self) -> Option<Duration> {
        self.requests.idle()
    }

    /// Bytes of one read or write.
    pub fn piece(&self) -> u32 {
        self.piece
    }

    async fn handle(&self, ask: &Ask<'_>) -> Result<Handle, Wrong> {
        match self.requests.ask(ask).await? {
            Reply::Handle(id) => Ok(Handle { id, requests: self.requests.clone(), closed: AtomicBool::new(false) }),
            other => Err(refused(other)),
        }
    }
    async fn done(&self, ask: &Ask<'_>) -> Result<(), Wrong> {
        done(self.requests.ask(ask).await?)
    }

    pub async fn open(&self, path: &[u8], flags: u32, mode: Option<u32>) -> Result<Handle, Wrong> {
        self.handle(&Ask::Open { path, flags, attrs: Attrs { mode, ..Attrs::default() } }).await
    }
    pub async fn opendir(&self, path: &[u8]) -> Result<Handle, Wrong> {
        self.handle(&Ask::Opendir { path }).await
    }
    /// Asks for the next entries; waits only for its turn.
    pub async fn readdir(&self, dir: &Handle) -> Result<Answer, Wrong> {
        Ok(Answer(self.requests.send(&Ask::Readdir { handle: &dir.id }).await?))
    }
    /// The same before they are wanted, if they can be asked for at once and there is room for them until then: what waits
    /// on one connection is 4 MiB at most, whoever asked.
    pub fn readdir_ahead(&self, dir: &Handle) -> Option<Result<Answer, Wrong>> {
        let asked = self.requests.send_ahead(&Ask::Readdir { handle: &dir.id })?;
        Some(asked.map(Answer).map_err(Wrong::from))
    }
    /// Room for so many bytes of what is kept of answers, until it is dropped; none where all who ask on this connection
    /// keep 8 MiB already.
    pub fn keep(&self, bytes: usize) -> Option<Kept> {
        self.requests.keep(bytes)
    }
    /// Asks for bytes of a file, at most [`Sftp::piece`]; waits only for its turn.
    pub async fn read(&self, file: &Handle, offset: u64, length: u32) -> Result<Answer, Wrong> {
        let length = length.min(self.piece);
        Ok(Answer(self.requests.send(&Ask::Read { handle: &file.id, offset, length }).await?))
    }
    /// The same, if it can be asked at once.
    pub fn try_read(&self, file: &Handle, offset: u64, length: u32) -> Option<Result<Answer, Wrong>> {
        let length = length.min(self.piece);
        let asked = self.requests.try_send(&Ask::Read { handle: &file.id, offset, length })?;
        Some(asked.map(Answer).map_err(Wrong::from))
    }
    /// Writes bytes, at most [`Sftp::piece`]; waits only for its turn.
    pub async fn write(&self, file: &Handle, offset: u64, bytes: &[u8]) -> Result<Answer, Wrong> {
        Ok(Answer(self.requests.send(&Ask::Write { handle: &file.id, offset, bytes }).await?))
    }
    /// On disk, where the server can say so.
    pub async fn fsync(&self, file: &Handle) -> Result<(), Wrong> {
        if !self.can.fsync {
            return Ok(());
        }
        self.done(&Ask::Fsync { handle: &file.id }).await
    }
    /// Closes it, and hears how that went: what could not be written may be told only now.
    pub async fn close(&self, file: &Handle) -> Result<(), Wrong> {
        self.ask_close(file).await?.done().await
    }
    /// The same; waits only for its turn.
    pub async fn ask_close(&self, file: &Handle) -> Result<Answer, Wrong> {
        let asked = self.requests.send(&Ask::Close { handle: &file.id }).await?;
        file.closed.store(true, Ordering::Relaxed);
        Ok(Answer(asked))
    }

    pub async fn lstat(&self, path: &[u8]) -> Result<Attrs, Wrong> {
        attrs(self.requests.ask(&Ask::Lstat { path }).await?)
    }
    pub async fn stat(&self, path: &[u8]) -> Result<Attrs, Wrong> {
        attrs(self.requests.ask(&Ask::Stat { path }).await?)
    }
    pub async fn fstat(&self, file: &Handle) -> Result<Attrs, Wrong> {
        attrs(self.requests.ask(&Ask::Fstat { handle: &file.id }).await?)
    }
    pub async fn setstat(&self, path: &[u8], attrs: Attrs) -> Result<(), Wrong> {
        self.done(&Ask::Setstat { path, attrs }).await
    }
    pub async fn fsetstat(&self, file: &Handle, attrs: Attrs) -> Result<(), Wrong> {
        self.ask_fsetstat(file, attrs).await?.done().await
    }
    /// The same; waits only for its turn.
    pub async fn ask_fsetstat(&self, file: &Handle, attrs: Attrs) -> Result<Answer, Wrong> {
        Ok(Answer(self.requests.send(&Ask::Fsetstat { handle: &file.id, attrs }).await?))
    }
    pub async fn remove(&self, path: &[u8]) -> Result<(), Wrong> {
        self.done(&Ask::Remove { path }).await
    }
    pub async fn rmdir(&self, path: &[u8]) -> Result<(), Wrong> {
        self.done(&Ask::Rmdir { path }).await
    }
    pub async fn mkdir(&self, path: &[u8], mode: Option<u32>) -> Result<(), Wrong> {
        self.done(&Ask::Mkdir { path, attrs: Attrs { mode, ..Attrs::default() } }).await
    }
    /// Where a link leads, as it is written.
    pub async fn readlink(&self, path: &[u8]) -> Result<Vec<u8>, Wrong> {
        self.one_name(&Ask::Readlink { path }).await
    }
    /// Absolute, without symlinks.
    pub async fn realpath(&self, path: &[u8]) -> Result<Vec<u8>, Wrong> {
        self.one_name(&Ask::Realpath { path }).await
    }
    async fn one_name(&self, ask: &Ask<'_>) -> Result<Vec<u8>, Wrong> {
        match self.requests.ask(ask).await? {
            Reply::Names(mut names) => names.next().map(|n| n.name).ok_or(Wrong::Answer),
            other => Err(refused(other)),
        }
    }
    pub async fn symlink(&self, target: &[u8], path: &[u8]) -> Result<(), Wrong> {
        self.done(&Ask::Symlink { target, path }).await
    }
    /// Over whatever has that name: [`Wrong::Unsupported`] where the server knows only the careful way.
    pub async fn rename_over(&self, from: &[u8], to: &[u8]) -> Result<(), Wrong> {
        if !self.can.posix_rename {
            return Err(Wrong::Unsupported);
        }
        self.done(&Ask::PosixRename { from, to }).await
    }
    /// Not over what is there, as far as the server keeps to the draft.
    pub async fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Wrong> {
        self.done(&Ask::Rename { from, to }).await
    }
    /// Room on the file system of a path; none where the server can't tell.
    pub async fn room(&self, path: &[u8]) -> Result<Option<Room>, Wrong> {
        if !self.can.statvfs {
            return Ok(None);
        }
        let said = match self.requests.ask(&Ask::Statvfs { path }).await? {
            Reply::Extended(said) => said,
            other => return Err(refused(other)),
        };
        let mut r = packet::Reader(&said);
        let mut number = || r.u64().map_err(|_| Wrong::Answer);
        let (_, block, total, _, free) = (number()?, number()?, number()?, number()?, number()?);
        // (numbers of files)
        let (_, _, _, id) = (number()?, number()?, number()?, number()?);
        Ok(Some(Room { total: total.saturating_mul(block), free: free.saturating_mul(block), id }))
    }
}
