//! Owns programs run to their end without a session: their three streams and their code.
//! Leaves out terminals.

use super::{Agent, Frames};
use crate::link::call;
use crate::link::feed::WINDOW;
use crate::proto::control::{ExecRun, ExecStarted, Fault};
use crate::proto::frame::{Body, MAX_PIECE};
use crate::proto::ids::StreamId;
use crate::proto::notice::Notice;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};

/// From a stop to the end of a program that does not heed it.
const GRACE: Duration = Duration::from_secs(1);

impl Agent {
    pub(super) fn exec(self: &Arc<Agent>, run: ExecRun, frames: Option<Frames>) -> Result<ExecStarted, Fault> {
        let mut frames = frames.ok_or_else(|| Fault::new(Fault::BAD_PARAMS, "stream 0 is the link itself"))?;
        let Some((program, args)) = run.command.split_first() else {
            return Err(Fault::new(Fault::BAD_PARAMS, "nothing to run"));
        };
        let out = run.stream;
        let err = out.checked_add(2).ok_or_else(|| Fault::new(Fault::BAD_PARAMS, "the stream's number is too high"))?;
        let mut command = tokio::process::Command::new(program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // a group of its own: stopping it stops what it started, and nothing of ours
        command.process_group(0);
        crate::sys::hand_on(&mut command, self.ctx.inherited);
        if !run.cwd.is_empty() {
            command.current_dir(&run.cwd);
        } else if !self.ctx.local {
            command.current_dir(self.ctx.paths.home());
        }
        let mut child = command
            .spawn()
            .map_err(|e| Fault::new(Fault::SPAWN, format!("'{}' can't be run: {e}", crate::text::escape(program))))?;
        let pid = child.id().unwrap_or(0);
        let mut err_frames = self.link.open_stream(err);
        let mut released = self.hold_stream(out);
        let window = if run.window == 0 { WINDOW } else { run.window };
        let (out_limit, out_seen) = watch::channel(window);
        let (err_limit, err_seen) = watch::channel(window);
        let mut stdin = child.stdin.take();
        let (typed, mut to_type) = mpsc::unbounded_channel::<(u64, Vec<u8>)>();
        let stdout = child.stdout.take().map(|s| tokio::spawn(pour(self.clone(), out, s, out_seen)));
        let stderr = child.stderr.take().map(|s| tokio::spawn(pour(self.clone(), err, s, err_seen)));
        let agent = self.clone();
        tokio::spawn(async move {
            let limits = async {
                while let Some(frame) = err_frames.recv().await {
                    if let Ok(Body::Ack { limit, .. }) = frame.body() {
                        err_limit.send_modify(|l| *l = limit.max(*l));
                    }
                }
                std::future::pending::<()>().await;
            };
            // apart from the writing: a program that does not read now still has its output acknowledged
            let input = async {
                while let Some(frame) = frames.recv().await {
                    match frame.body() {
                        Ok(Body::Ack { limit, .. }) => {
                            out_limit.send_modify(|l| *l = limit.max(*l));
                        }
                        Ok(Body::Data { bytes, offset }) => {
                            let _ = typed.send((offset, bytes.to_vec()));
                        }
                        _ => {}
                    }
                }
                std::future::pending::<()>().await;
            };
            let writing = async {
                while let Some((offset, bytes)) = to_type.recv().await {
                    // an empty piece is the end of the input
                    if bytes.is_empty() {
                        stdin = None;
                        continue;
                    }
                    if let Some(to) = &mut stdin
                        && to.write_all(&bytes).await.is_err()
                    {
                        stdin = None;
                    }
                    let seen = offset.saturating_add(bytes.len() as u64);
                    agent.link.out.urgent(out, Body::Ack { seen, limit: seen.saturating_add(WINDOW) });
                }
                std::future::pending::<()>().await;
            };
            let status = async {
                for task in [stdout, stderr].into_iter().flatten() {
                    let _ = task.await;
                }
                child.wait().await
            };
            let mut status = std::pin::pin!(status);
            let ended = tokio::select! {
                () = limits => None,
                () = input => None,
                () = writing => None,
                status = &mut status => Some(status),
                _ = &mut released => {
                    if let Some(group) = rustix::process::Pid::from_raw(pid as i32) {
                        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
                    }
                    // it may tidy up; then it is killed
                    tokio::time::timeout(GRACE, &mut status).await.ok()
                }
            };
            if let Some(status) = ended {
                let code = status.map_or(255, |s| s.code().unwrap_or_else(|| 128 + s.signal().unwrap_or(0)));
                call::notify(&agent.link.out, out, &Notice::ExecExited { stream: out, code });
            }
            agent.stream_ended(out);
            agent.link.close_stream(err);
        });
        Ok(ExecStarted { pid })
    }
}

/// Output of a program onto its stream, within the reader's credit.
async fn pour(agent: Arc<Agent>, stream: StreamId, mut from: impl AsyncRead + Unpin, mut limit: watch::Receiver<u64>) {
    let mut offset = 0u64;
    let mut buf = vec![0u8; MAX_PIECE];
    loop {
        if limit.wait_for(|l| *l > offset).await.is_err() {
            return;
        }
        let room = limit.borrow().saturating_sub(offset).min(MAX_PIECE as u64) as usize;
        agent.link.out.room().await;
        match from.read(buf.get_mut(..room).unwrap_or_default()).await {
            Ok(n) if n > 0 => {
                agent.link.out.bulk(stream, Body::Data { offset, bytes: buf.get(..n).unwrap_or_default() });
                offset += n as u64;
            }
            _ => return,
        }
    }
}
