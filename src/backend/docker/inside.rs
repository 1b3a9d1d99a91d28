//! Owns what is done inside a container for its files: a fixed script of ours run to its end, and the engine's archives.
//! Leaves out the scripts, and what files are (filesys).
//!
//! A script is a constant; what differs are its arguments, which a shell takes as they are. The engine's API is JSON, which
//! has no bytes that are no text: so who writes arguments writes them as `\0ooo`, which the script undoes.

use super::engine::{Engine, refused, said};
use super::raw::{Ask, Output, Piece, Stream};
use super::{named, raw};
use crate::proto::control::Fault;
use base64::Engine as _;
use bollard::models::ExecConfig;
use hyper::Method;
use serde::Deserialize;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

/// Of what a script complains about, so many bytes are kept.
const COMPLAINT: usize = 4 << 10;

/// The files of a container.
#[derive(Clone)]
pub struct Inside {
    engine: Engine,
    id: String,
    name: String,
    user: Option<String>,
    running: bool,
}

/// A script that runs.
pub struct Job {
    engine: Engine,
    exec: String,
    output: Output,
    /// Its standard input.
    pub input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    pub complaint: Vec<u8>,
}

impl Inside {
    /// Of a container by name or id; as this user (none = the container's own).
    pub async fn of(socket: Option<&str>, container: &str, user: Option<String>) -> Result<Inside, Fault> {
        let engine = Engine::connect(socket).await?;
        let stand = engine.stand(container).await?;
        let running = stand.running && !stand.paused;
        Ok(Inside { engine, id: stand.id, name: stand.name, user, running })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Programs can be started in it.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Starts `sh -c SCRIPT thub ARGS`.
    pub async fn start(&self, script: &str, args: Vec<String>, input: bool) -> Result<Job, Fault> {
        const DOING: &str = "starting a program in the container";
        let mut command: Vec<String> = ["sh", "-c", script, "thub"].map(String::from).to_vec();
        command.extend(args);
        let config = ExecConfig {
            attach_stdin: Some(input),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command),
            env: Some(vec!["LC_ALL=C".into()]),
            user: self.user.clone(),
            ..ExecConfig::default()
        };
        let made = self.engine.api.create_exec(named::container(&self.id)?, config).await;
        let exec = made.map_err(|e| refused(DOING, &e))?.id;
        let ask = Ask {
            doing: DOING,
            method: Method::POST,
            path: format!("/exec/{}/start", named::id(&exec)?),
            json: Some(r#"{"Detach":false,"Tty":false}"#.into()),
            hijack: true,
        };
        let (from, to) = self.engine.stream(ask).await?.split();
        let job = Job {
            engine: self.engine.clone(),
            exec,
            output: Output::new(from, true),
            input: to.filter(|_| input),
            complaint: Vec::new(),
        };
        Ok(job)
    }

    fn path(&self, path: &[u8]) -> String {
        format!("/containers/{}/archive?path={}", self.id, escaped(path))
    }

    /// What the engine says of a path, a link not followed; none = there is nothing.
    pub async fn stat(&self, path: &[u8]) -> Result<Option<Stat>, Fault> {
        let doing = "looking at it";
        let ask = Ask { doing, method: Method::HEAD, path: self.path(path), json: None, hijack: false };
        let response = match self.engine.stream(ask).await {
            Ok(Stream::Body(response)) => response,
            Ok(Stream::Hijacked(..)) => return Err(said(doing, 101, "")),
            Err(fault) if fault.code == Fault::UNKNOWN => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let header = response.headers().get("X-Docker-Container-Path-Stat").and_then(|h| h.to_str().ok());
        let json = header.and_then(|h| base64::prelude::BASE64_STANDARD.decode(h).ok());
        let stat = json.and_then(|json| serde_json::from_slice(&json).ok());
        stat.map(Some).ok_or_else(|| Fault::new(Fault::SPAWN, "the engine does not say what the file is"))
    }

    /// A tar archive of what is at a path, a link not followed.
    pub async fn fetch(&self, path: &[u8]) -> Result<Box<dyn AsyncRead + Send + Unpin>, Fault> {
        let ask = Ask { doing: "reading it", method: Method::GET, path: self.path(path), json: None, hijack: false };
        Ok(self.engine.stream(ask).await?.split().0)
    }

    /// Unpacks a tar archive into a directory, as root. What is there and is a directory stays one.
    pub async fn store(&self, dir: &[u8], archive: impl AsyncRead + Send + Unpin + 'static) -> Result<(), Fault> {
        let path = format!("{}&noOverwriteDirNonDir=true", self.path(dir));
        raw::send(&self.engine.socket, &self.engine.prefix(), "writing it", path, Box::new(archive)).await
    }
}

/// What the engine says of a path.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Stat {
    pub name: String,
    pub size: i64,
    /// As Go's `fs.FileMode` has it.
    pub mode: u32,
    /// RFC 3339.
    pub mtime: String,
    #[serde(rename = "linkTarget")]
    pub link_target: String,
}

/// Bytes as they may stand in a query.
fn escaped(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    for &b in path {
        if b.is_ascii_alphanumeric() || b"/._-".contains(&b) {
            out.push(b as char);
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

impl Job {
    /// The next bytes it writes; none = it has written all. Not to be dropped half done.
    pub async fn next(&mut self, buf: &mut [u8]) -> Result<Option<usize>, Fault> {
        loop {
            let piece = self.output.next(buf).await;
            match piece.map_err(|e| Fault::new(Fault::GONE, format!("the container engine is gone: {e}")))? {
                Piece::Some { n, error: true, .. } => {
                    let room = COMPLAINT.saturating_sub(self.complaint.len()).min(n);
                    self.complaint.extend_from_slice(buf.get(..room).unwrap_or_default());
                }
                Piece::Some { n, .. } => return Ok(Some(n)),
                Piece::End => return Ok(None),
            }
        }
    }

    /// All it writes, if that is no more than `most` bytes, and its exit code.
    pub async fn all(&mut self, most: usize) -> Result<(Vec<u8>, i64), Fault> {
        let (mut all, mut buf) = (Vec::new(), vec![0; 32 << 10]);
        while let Some(n) = self.next(&mut buf).await? {
            if all.len() + n > most {
                return Err(Fault::new(Fault::FULL, "the container says more than can be taken in"));
            }
            all.extend_from_slice(buf.get(..n).unwrap_or_default());
        }
        Ok((all, self.code().await?))
    }

    /// Nothing more is sent.
    pub async fn close(&mut self) {
        if let Some(mut input) = self.input.take() {
            let _ = input.shutdown().await;
            // (let go of it would end the other direction, too)
            self.input = None;
        }
    }

    /// Its exit code, once all it wrote was read.
    pub async fn code(&mut self) -> Result<i64, Fault> {
        for _ in 0..200 {
            let found = self.engine.api.inspect_exec(&self.exec).await.map_err(|e| refused("looking at it", &e))?;
            if found.running != Some(true)
                && let Some(code) = found.exit_code
            {
                return Ok(code);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(Fault::new(Fault::TIMEOUT, "a program in the container does not end"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_value_of_a_query() {
        assert_eq!(escaped(b"/a b/\xff&path=/c#?%"), "/a%20b/%FF%26path%3D%2Fc%23%3F%25".replace("%2F", "/"));
    }
}
