//! Owns files on a host over SFTP: [`Sftp`], always behind the guard. Leaves out listings and copies (filesys).

use super::channel::Channel;
use super::sftp_guard::Guard;
use crate::failure::Failure;
use crate::text::{escape, short};
use russh_sftp::client::{Config, SftpSession};
use russh_sftp::protocol::{FileAttributes, OpenFlags};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const START_WITHIN: Duration = Duration::from_secs(20);
/// No piece of a file takes longer, on whatever link.
const REQUEST_WITHIN: Duration = Duration::from_secs(60);
const PIECE: usize = 32 << 10;

/// An SFTP session on a host.
pub struct Sftp {
    session: SftpSession,
    host: String,
}

impl Sftp {
    pub(super) async fn start(channel: Channel, host: String) -> Result<Sftp, Failure> {
        let config = Config { request_timeout_secs: REQUEST_WITHIN.as_secs(), ..Config::default() };
        let starting = SftpSession::new_with_config(Guard::new(channel), config);
        match tokio::time::timeout(START_WITHIN, starting).await {
            Ok(Ok(session)) => Ok(Sftp { session, host }),
            other => {
                let why = match other {
                    Ok(Err(e)) => short(&e.to_string(), 200),
                    _ => "no answer".into(),
                };
                Err(Failure::failed(
                    format!("{host}: SFTP does not start there: {why}"),
                    "see whether its sshd_config has a Subsystem sftp",
                )
                .hint("or its shell's start-up files print something: `sftp` fails then, too; make them quiet where nobody types"))
            }
        }
    }

    /// The session itself, for more than is here.
    pub fn session(&self) -> &SftpSession {
        &self.session
    }

    fn failed(&self, what: &str, path: &str, why: &dyn std::fmt::Display) -> Failure {
        Failure::failed(
            format!("{}: {what} {} failed: {}", self.host, escape(path), short(&why.to_string(), 200)),
            "see whether there is room on that disk and the directory is writable",
        )
    }

    /// Writes a file that must not be there yet (O_EXCL, mode 0700), told of the share done; on disk at the end where the
    /// host can say so.
    pub async fn write_new(&self, path: &str, data: &[u8], told: &(dyn Fn(f32) + Sync)) -> Result<(), Failure> {
        let flags = OpenFlags::CREATE | OpenFlags::EXCLUDE | OpenFlags::WRITE;
        let attributes = FileAttributes { permissions: Some(0o700), ..FileAttributes::empty() };
        let mut file = self
            .session
            .open_with_flags_and_attributes(path, flags, attributes)
            .await
            .map_err(|e| self.failed("creating", path, &e))?;
        let mut done = 0usize;
        for piece in data.chunks(PIECE) {
            tokio::time::timeout(REQUEST_WITHIN, file.write_all(piece))
                .await
                .map_err(|_| self.failed("writing", path, &"no answer"))?
                .map_err(|e| self.failed("writing", path, &e))?;
            done += piece.len();
            told(done as f32 / data.len() as f32);
        }
        let end = async {
            file.flush().await.map_err(|e| self.failed("writing", path, &e))?;
            file.sync_all().await.map_err(|e| self.failed("writing", path, &e))?;
            file.shutdown().await.map_err(|e| self.failed("closing", path, &e))
        };
        tokio::time::timeout(REQUEST_WITHIN, end)
            .await
            .unwrap_or_else(|_| Err(self.failed("writing", path, &"no answer")))
    }

    /// SHA-256 of what the host has, by reading it back; at most `most` bytes.
    pub async fn sha256(&self, path: &str, most: u64) -> Result<String, Failure> {
        let mut file = self.session.open(path).await.map_err(|e| self.failed("reading", path, &e))?;
        let (mut hash, mut all, mut piece) = (Sha256::new(), 0u64, vec![0u8; PIECE]);
        loop {
            let n = tokio::time::timeout(REQUEST_WITHIN, file.read(&mut piece))
                .await
                .map_err(|_| self.failed("reading", path, &"no answer"))?
                .map_err(|e| self.failed("reading", path, &e))?;
            all += n as u64;
            if n == 0 || all > most {
                break;
            }
            hash.update(piece.get(..n).unwrap_or_default());
        }
        Ok(crate::proto::ids::hex(&hash.finalize()))
    }

    /// Removes a file; one that is not there is no error.
    pub async fn remove(&self, path: &str) {
        let _ = tokio::time::timeout(START_WITHIN, self.session.remove_file(path)).await;
    }
}
