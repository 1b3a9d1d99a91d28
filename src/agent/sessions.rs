//! Owns how session processes are found, asked and started. Leaves out the frames of attached streams.

use super::{Agent, locked, unknown};
use crate::link::Link;
use crate::proto::control::*;
use crate::proto::ids::{SessionId, Size, check_name};
use crate::proto::spawn::{Spec, Started};
use crate::store::rundir::{Entry, Record, same_process};
use crate::sys;
use rustix::process::{Pid, Signal};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// A session process that does not answer within this is listed as orphaned.
const ANSWER: Duration = Duration::from_millis(400);
/// A new session process stands within this.
const START: Duration = Duration::from_secs(10);

impl Agent {
    /// A link to a living session's own process.
    pub(super) async fn dial(&self, id: &SessionId) -> Result<Link, Fault> {
        let gone = |e: std::io::Error| match self.run.entry(id) {
            Some(Entry::Alive(_)) => {
                Fault::new(Fault::TIMEOUT, format!("session {id} does not answer just now ({e}); it is tried again within 5 s"))
            }
            Some(_) => Fault::new(Fault::ENDED, format!("session {id} has ended")),
            None => unknown(id),
        };
        let path = self.run.dir().socket_path(&format!("{id}.sock")).map_err(gone)?;
        let stream = match UnixStream::connect(path).await {
            Ok(s) => s,
            // the run dir was made anew under another inode
            Err(e) => match crate::store::rundir::RunDir::open(&self.ctx.paths) {
                Ok(run) => {
                    let path = run.dir().socket_path(&format!("{id}.sock")).map_err(gone)?;
                    UnixStream::connect(path).await.map_err(|_| gone(e))?
                }
                Err(_) => return Err(gone(e)),
            },
        };
        if sys::peer_uid(&stream).map_err(gone)? != rustix::process::geteuid().as_raw() {
            return Err(Fault::new(Fault::REFUSED, format!("the socket of session {id} belongs to another user")));
        }
        let (tx, _) = mpsc::unbounded_channel();
        let (link, served) = Link::new(stream, false, tx);
        tokio::spawn(served);
        Ok(link)
    }

    /// A call answered by the session itself.
    pub(super) async fn ask<M: Method>(&self, id: &SessionId, call: &M) -> Result<M::Reply, Fault> {
        let link = self.dial(id).await?;
        let reply = link.call(call).await;
        link.close();
        reply.map_err(|f| if f.code == Fault::GONE { Fault::new(Fault::ENDED, format!("session {id} has ended")) } else { f })
    }

    pub(super) async fn info(&self, id: &SessionId) -> Result<SessionInfo, Fault> {
        match self.run.entry(id) {
            None => Err(unknown(id)),
            Some(Entry::Alive(record)) => Ok(self.living(record).await),
            Some(other) => Ok(other.info().clone()),
        }
    }

    async fn living(&self, record: Record) -> SessionInfo {
        let Ok(id) = record.info.id.parse::<SessionId>() else { return record.info };
        let asked = async {
            let link = self.dial(&id).await.ok()?;
            let reply = link.call(&SessionGet { session: id.clone() }).await;
            link.close();
            reply.ok()
        };
        match tokio::time::timeout(ANSWER, asked).await {
            Ok(Some(got)) => got.session,
            _ => SessionInfo { state: "orphaned".into(), cause: Some("its process does not answer".into()), ..record.info },
        }
    }

    /// All sessions of this user here: the living are asked side by side.
    pub(super) async fn list(&self) -> Vec<SessionInfo> {
        // a run dir that was deleted is made anew by the sessions; look where they are
        let fresh;
        let run = if self.run.is_still_there() {
            &self.run
        } else {
            match crate::store::rundir::RunDir::open(&self.ctx.paths) {
                Ok(run) => {
                    fresh = run;
                    &fresh
                }
                Err(_) => &self.run,
            }
        };
        run.collect();
        let entries = run.entries();
        let asked: Vec<_> = entries
            .into_iter()
            .map(|e| async move {
                match e {
                    Entry::Alive(record) => self.living(record).await,
                    other => other.info().clone(),
                }
            })
            .collect();
        join_all(asked).await
    }

    pub(super) async fn create(&self, mut create: SessionCreate) -> Result<SessionInfo, Fault> {
        let bad = |what: String| Fault::new(Fault::BAD_PARAMS, what);
        if let Some(name) = &create.name {
            check_name(name).map_err(bad)?;
        }
        if let Some(size) = create.size
            && !size.is_valid()
        {
            return Err(bad(format!("{size} is no size for a screen")));
        }
        if let Some(ring) = create.ring
            && !(4096..=1 << 30).contains(&ring)
        {
            return Err(bad(format!("a ring of {ring} bytes is out of bounds: 4096 to 1073741824")));
        }
        let cwd = self.directory(&create).await?;
        let defaults = &self.ctx.defaults;
        create.size.get_or_insert(Size::new(80, 24));
        create.ring.get_or_insert(defaults.ring);
        create.size_policy.get_or_insert_with(|| defaults.size_policy.clone());
        let id = SessionId::random();
        let spec = Spec {
            id: id.to_string(),
            cwd: cwd.to_string_lossy().into_owned(),
            login: !self.ctx.local,
            history: self.ctx.defaults.history,
            shell: self.ctx.defaults.shell.clone(),
            umask: self.ctx.umask,
            host: self.ctx.host.clone(),
            create,
        };
        self.run.collect();
        self.spawn(&id, &spec).await
    }

    /// Where it starts: as asked, or where another session's program is, or the caller's, or home.
    async fn directory(&self, create: &SessionCreate) -> Result<PathBuf, Fault> {
        let home = self.ctx.paths.home().to_path_buf();
        let here = if self.ctx.local { std::env::current_dir().unwrap_or_else(|_| home.clone()) } else { home.clone() };
        if !create.cwd.is_empty() {
            let dir = here.join(expand_home(&create.cwd, &home));
            if !dir.is_dir() {
                return Err(Fault::new(
                    Fault::BAD_PARAMS,
                    format!("'{}' is no directory here", crate::text::escape(&create.cwd)),
                ));
            }
            return Ok(dir);
        }
        if let Some(other) = &create.cwd_of
            && let Ok(info) = self.info(other).await
            && Path::new(&info.cwd).is_dir()
        {
            return Ok(PathBuf::from(info.cwd));
        }
        Ok(if here.is_dir() { here } else { PathBuf::from("/") })
    }

    async fn spawn(&self, id: &SessionId, spec: &Spec) -> Result<SessionInfo, Fault> {
        let failed = |e: std::io::Error| Fault::new(Fault::SPAWN, format!("no session process can be started: {e}"));
        // what runs now, also where its file was replaced or removed meanwhile
        let exe = if cfg!(target_os = "linux") { PathBuf::from("/proc/self/exe") } else { std::env::current_exe().map_err(failed)? };
        let mut command = tokio::process::Command::new(exe);
        command.arg0("thub").args(["session", "--id", id.as_str()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(false);
        let mut child = command.spawn().map_err(failed)?;
        let json = serde_json::to_vec(spec).map_err(|e| failed(e.into()))?;
        let talk = async {
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(&json).await?;
            }
            let mut said = Vec::new();
            if let Some(stdout) = child.stdout.take() {
                stdout.take(1 << 20).read_to_end(&mut said).await?;
            }
            child.wait().await?;
            Ok::<_, std::io::Error>(said)
        };
        let said = tokio::time::timeout(START, talk)
            .await
            .map_err(|_| Fault::new(Fault::TIMEOUT, "the session process did not stand within 10 s"))?
            .map_err(failed)?;
        match serde_json::from_slice::<Started>(&said) {
            Ok(started) => started.result,
            Err(_) => Err(Fault::new(Fault::SPAWN, "the session process ended before it stood")),
        }
    }

    /// Ends a session, whatever state it is in.
    pub(super) async fn close(&self, c: SessionClose) -> Result<Done, Fault> {
        let id = &c.session;
        let record = match self.run.entry(id) {
            None => return Err(unknown(id)),
            Some(Entry::Alive(record)) => record,
            Some(_) => {
                self.run.forget(id);
                return Ok(Done {});
            }
        };
        let asked = async {
            let link = self.dial(id).await?;
            let reply = link.call_within(&c, Duration::from_secs(4)).await;
            link.close();
            reply
        };
        match tokio::time::timeout(Duration::from_secs(4), asked).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(f)) if f.code == Fault::ENDED || f.code == Fault::GONE => return Ok(Done {}),
            _ => {}
        }
        // it does not answer: ended from outside, if it still is that very process
        if same_process(&record)
            && let Some(pid) = Pid::from_raw(record.info.pid as i32)
        {
            let end = crate::backend::pty::end_of(pid);
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            if let Ok(end) = end.and_then(sys::watched) {
                let _ = tokio::time::timeout(Duration::from_secs(2), end.readable()).await;
            }
        }
        // the lost record it leaves is not wanted either
        let _ = self.run.entry(id);
        self.run.forget(id);
        Ok(Done {})
    }

    /// Streams in use, for a stream that ends by itself.
    pub(super) fn stream_ended(&self, stream: crate::proto::ids::StreamId) {
        locked(&self.streams).remove(&stream);
        self.link.close_stream(stream);
    }
}

fn expand_home(path: &str, home: &Path) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None if path == "~" => home.to_path_buf(),
        None => PathBuf::from(path),
    }
}

/// All of them, side by side, in order.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|cx| {
        let mut pending = false;
        for (f, out) in &mut futures {
            if out.is_none() {
                match f.as_mut().poll(cx) {
                    std::task::Poll::Ready(v) => *out = Some(v),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    futures.into_iter().filter_map(|(_, out)| out).collect()
}
