//! Owns how session processes are found, asked and started. Leaves out the frames of attached streams.

use super::opening::Opened;
use super::targets::Connect;
use super::{Agent, Frames, LIST, unknown};
use crate::link::feed::Feed;
use crate::link::{Link, locked};
use crate::proto::control::*;
use crate::proto::ids::{SessionId, Size, check_name};
use crate::proto::spawn::{DeviceSpec, Spec, Started};
use crate::store::rundir::{Entry, Record, same_process};
use crate::sys;
use rustix::process::{Pid, Signal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// A session process that does not answer within this is listed as orphaned.
const ANSWER: Duration = Duration::from_millis(400);
/// A session makes its lost socket again within this, or its end is recorded.
const SOCKET: Duration = Duration::from_secs(5);
/// A new session process stands within this.
const START: Duration = Duration::from_secs(10);

impl Agent {
    /// A link to a living session's own process. One that ends just now is waited for until its end is recorded, one
    /// that has lost its socket until it is there again.
    pub(super) async fn dial(&self, id: &SessionId) -> Result<SessionLink, Fault> {
        let until = tokio::time::Instant::now() + SOCKET;
        let stream = loop {
            let run = self.run();
            let path = run.dir().socket_path(&format!("{id}.sock"));
            let e = match path {
                Ok(path) => match UnixStream::connect(path).await {
                    Ok(stream) => break stream,
                    Err(e) => e,
                },
                Err(e) => e,
            };
            match run.entry(id) {
                Some(Entry::Alive(_)) if tokio::time::Instant::now() < until => tokio::time::sleep(SOCKET / 50).await,
                Some(Entry::Alive(_)) => {
                    return Err(Fault::new(Fault::TIMEOUT, format!("session {id} can't be reached just now ({e})")));
                }
                Some(_) => return Err(Fault::new(Fault::ENDED, format!("session {id} has ended"))),
                None => return Err(unknown(id)),
            }
        };
        let unclear = |e: std::io::Error| {
            Fault::new(Fault::REFUSED, format!("whose socket that of session {id} is can't be told: {e}"))
        };
        if sys::peer_uid(&stream).map_err(unclear)? != rustix::process::geteuid().as_raw() {
            return Err(Fault::new(Fault::REFUSED, format!("the socket of session {id} belongs to another user")));
        }
        let stream = stream.into_std().and_then(sys::FdStream::new);
        let stream = stream.map_err(|e| Fault::new(Fault::INTERNAL, format!("session {id} can't be reached: {e}")))?;
        let (tx, _) = mpsc::unbounded_channel();
        let (link, served) = Link::new(stream, false, tx);
        tokio::spawn(served);
        Ok(SessionLink(link))
    }

    /// A call answered by the session itself.
    pub(super) async fn ask<M: Method>(&self, id: &SessionId, call: &M) -> Result<M::Reply, Fault> {
        let link = self.dial(id).await?;
        let reply = link.call_within(call, super::relay::ANSWER).await;
        reply.map_err(|f| {
            if f.code == Fault::GONE {
                Fault::new(Fault::ENDED, format!("session {id} has ended"))
            } else {
                silent(id, f)
            }
        })
    }

    pub(super) async fn info(&self, id: &SessionId) -> Result<SessionInfo, Fault> {
        let entry = self.entry(id);
        match entry {
            None => Err(unknown(id)),
            Some(Entry::Alive(record)) => Ok(self.living(record).await),
            Some(other) => Ok(other.info().clone()),
        }
    }

    async fn living(&self, record: Record) -> SessionInfo {
        let Ok(id) = record.info.id.parse::<SessionId>() else { return record.info };
        let asked = async {
            let link = self.dial(&id).await.ok()?;
            link.call(&SessionGet { session: id.clone() }).await.ok()
        };
        match tokio::time::timeout(ANSWER, asked).await {
            Ok(Some(got)) => got.session,
            _ => SessionInfo {
                state: "orphaned".into(),
                cause: Some("its process does not answer".into()),
                ..record.info
            },
        }
    }

    /// All sessions of this user here: the living are asked side by side.
    pub(super) async fn list(self: &Arc<Agent>) -> Vec<SessionInfo> {
        self.run().collect();
        let entries = self.look().await;
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

    pub(super) async fn listed(
        self: &Arc<Agent>,
        l: SessionList,
        frames: Option<Frames>,
    ) -> Result<SessionListed, Fault> {
        sys::test_point("list");
        let mut sessions = self.list().await;
        let Some(frames) = frames else {
            shorten(&mut sessions, LIST);
            return Ok(SessionListed { sessions, bytes: 0 });
        };
        let json = serde_json::to_vec(&sessions).map_err(|e| Fault::new(Fault::INTERNAL, e.to_string()))?;
        let bytes = json.len() as u64;
        self.serve_bytes(Feed::new(l.stream, 0, bytes, 0), frames, json);
        Ok(SessionListed { sessions: Vec::new(), bytes })
    }

    pub(super) async fn create(&self, create: SessionCreate) -> Result<SessionCreated, Fault> {
        self.create_as(create, None).await
    }

    /// A new session. `own` = it is begun again by itself: under which id, and what its user is told; it waits for what is missing,
    /// and nobody is asked anything.
    pub(super) async fn create_as(
        &self,
        mut create: SessionCreate,
        own: Option<(SessionId, String)>,
    ) -> Result<SessionCreated, Fault> {
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
            && !SessionCreate::RING.contains(&ring)
        {
            return Err(bad(format!("a ring of {ring} bytes is out of bounds: 4096 to 1073741824")));
        }
        if let Some(history) = create.history
            && !SessionCreate::HISTORY.contains(&history)
        {
            return Err(bad(format!("a history of {history} lines is out of bounds: 0 to 1000000")));
        }
        if create.target.is_some() && !create.cwd.is_empty() {
            return Err(bad("a session over plain SSH starts in the home there: no directory can be given".into()));
        }
        let again = create.again.take();
        if let Some(id) = &again {
            create = self.as_it_was(id, create).await?;
        }
        let mut asked = create.clone();
        let by_itself = own.is_some();
        // (whether its host can be reached was looked into)
        let connect = if by_itself { Connect::Not } else { Connect::Asking };
        let Opened { mut from, connection, told } = self.opened(&mut create, connect).await?;
        // (somebody may be about to begin it again by itself; it may be asked for long before this, and not from here on)
        let mut _lost = None;
        if let (Some(id), false) = (&again, by_itself) {
            _lost = self.stays_lost(id).await?;
            self.is_over(id)?;
        }
        let id = match own {
            Some((id, told)) => {
                from.told = Some(told);
                if let Some(DeviceSpec::Serial(port)) = &mut from.device {
                    port.wait = true;
                }
                id
            }
            None => SessionId::random(),
        };
        let cwd = self.directory(&create).await?;
        // (the caller's or a neighbour's directory is another one later)
        asked.cwd_of = None;
        if asked.cwd.is_empty() && connection.is_none() && create.target.is_none() {
            asked.cwd = cwd.to_str().unwrap_or_default().to_string();
        }
        let defaults = &self.ctx.defaults;
        create.size.get_or_insert(Size::new(80, 24));
        create.ring.get_or_insert(defaults.ring);
        create.size_policy.get_or_insert_with(|| defaults.size_policy.clone());
        let spec = Spec {
            id: id.to_string(),
            login: !self.ctx.local,
            history: create.history.and_then(|h| usize::try_from(h).ok()).unwrap_or(defaults.history),
            shell: from.shell.clone().or_else(|| self.ctx.defaults.shell.clone()),
            umask: self.ctx.inherited.umask,
            core: Some(self.ctx.inherited.core.map_or(-1, |c| i64::try_from(c).unwrap_or(-1))),
            host: self.ctx.host.clone(),
            create,
            from,
            ..Spec::default()
        }
        .in_directory(&cwd);
        self.run().collect();
        if self.ends_at_logout.swap(false, Ordering::Relaxed) {
            let _ = self.run().tell_of_logout();
        }
        sys::test_point("create");
        // as it will be listed should it be lost: kept while its process starts, so that nobody waits for a disk twice
        let now = SystemTime::now();
        let mut info = SessionInfo {
            id: id.to_string(),
            name: spec.create.name.clone().unwrap_or_default(),
            created_at: sys::rfc3339(now),
            created_ms: sys::unix_ms(now),
            created_up: Some(sys::boot_ms()),
            command: spec.create.command.clone(),
            cwd: spec.cwd.clone(),
            kind: spec.from.device.as_ref().map_or_else(|| SessionInfo::default().kind, |d| d.kind().into()),
            target: spec
                .create
                .target
                .as_ref()
                .filter(|_| spec.from.device.is_some())
                .map_or_else(String::new, ToString::to_string),
            ..SessionInfo::default()
        };
        if let (Some(_), Some(connection)) = (&spec.from.device, &connection) {
            info.command = vec![connection.leads_to()];
        }
        if !spec.from.connection_id.is_empty() {
            info.connection.clone_from(&spec.from.connection);
            info.connection_id.clone_from(&spec.from.connection_id);
        }
        let (session, unkept) = if by_itself {
            // (what can't be begun again is lost as it was)
            let session = self.spawn(&id, &spec).await?;
            // (who ends it this very moment does not want it on record)
            match self.stands(&id) {
                true => (session, self.define(info, asked, connection).await),
                false => (session, None),
            }
        } else {
            let (started, unkept) = tokio::join!(self.spawn(&id, &spec), self.define(info, asked, connection));
            match started {
                Ok(session) => (session, unkept),
                Err(fault) => {
                    self.forget(&id).await;
                    return Err(fault);
                }
            }
        };
        if let Some(lost) = again.filter(|id| matches!(self.entry(id), Some(Entry::Lost(_)))) {
            self.forget(&lost).await;
        }
        Ok(SessionCreated { session, told: told.or(unkept) })
    }

    /// Where it starts: as asked, or where another session's program is, or the caller's, or home.
    pub(super) async fn directory(&self, create: &SessionCreate) -> Result<PathBuf, Fault> {
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
        let json = serde_json::to_vec(spec).map_err(|e| failed(e.into()))?;
        let said =
            sys::own::start(&["session", "--id", id.as_str()], &json, START).await.map_err(|e| match e.kind() {
                std::io::ErrorKind::TimedOut => {
                    Fault::new(Fault::TIMEOUT, "the session process did not stand within 10 s")
                }
                _ => failed(e),
            })?;
        match serde_json::from_slice::<Started>(&said) {
            Ok(started) => started.result,
            Err(_) => Err(Fault::new(Fault::SPAWN, "the session process ended before it stood")),
        }
    }

    /// Ends a session, whatever state it is in.
    pub(super) async fn close(&self, c: SessionClose) -> Result<Done, Fault> {
        let id = &c.session;
        // (one that somebody begins again just now is ended then)
        let _lost = self.stays_lost(id).await;
        let entry = self.entry(id);
        let record = match entry {
            None => return Err(unknown(id)),
            Some(Entry::Alive(record)) => record,
            Some(_) => {
                self.forget(id).await;
                return Ok(Done {});
            }
        };
        // (should it die while it is told to end, it is not begun again for that)
        self.undefine(id).await;
        let asked = async {
            let link = self.dial(id).await?;
            link.call_within(&c, Duration::from_secs(4)).await
        };
        match tokio::time::timeout(Duration::from_secs(4), asked).await {
            Ok(Ok(done)) => {
                self.forget(id).await;
                return Ok(done);
            }
            Ok(Err(f)) if f.code == Fault::ENDED || f.code == Fault::GONE => {
                self.forget(id).await;
                return Ok(Done {});
            }
            _ => {}
        }
        // it does not answer: ended from outside, if it still is that very process
        if same_process(&record)
            && let Some(pid) = Pid::from_raw(record.info.pid as i32)
        {
            let end = crate::backend::pty::end_of(pid);
            // its program is hung up on when it goes, but may not care
            let programs = sys::children(pid);
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            for program in programs {
                let _ = rustix::process::kill_process_group(program, Signal::KILL);
            }
            if let Ok(end) = end.and_then(sys::watched) {
                let _ = tokio::time::timeout(Duration::from_secs(2), end.readable()).await;
            }
        }
        // the lost record it leaves is not wanted either
        let run = self.run();
        let _ = run.entry(id);
        self.forget(id).await;
        Ok(Done {})
    }

    /// Streams in use, for a stream that ends by itself.
    pub(super) fn stream_ended(&self, stream: crate::proto::ids::StreamId) {
        locked(&self.streams).remove(&stream);
        self.link.close_stream(stream);
        self.held.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A link to a session's process; it ends with its owner, also one whose wait was given up.
pub(super) struct SessionLink(Link);

impl std::ops::Deref for SessionLink {
    type Target = Link;
    fn deref(&self) -> &Link {
        &self.0
    }
}

impl Drop for SessionLink {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What a session's silence is to whoever asked.
pub(super) fn silent(id: &SessionId, f: Fault) -> Fault {
    match f.code {
        Fault::TIMEOUT => Fault::new(
            Fault::TIMEOUT,
            format!(
                "session {id} does not answer: its process is stopped, or has no time; `thub kill` ends it all the same"
            ),
        ),
        _ => f,
    }
}

/// Brings a list under what one answer may hold: long words first, then the oldest of those that have ended.
pub(super) fn shorten(all: &mut Vec<SessionInfo>, most: usize) {
    let large = |s: &SessionInfo| serde_json::to_vec(s).map_or(0, |j| j.len() + 1);
    let mut sum: usize = all.iter().map(large).sum();
    for words in [1024, 256, 64] {
        if sum <= most {
            return;
        }
        for s in all.iter_mut() {
            crate::text::shorten_words(&mut s.command, words);
            for text in [&mut s.title, &mut s.cwd].into_iter().chain(&mut s.cause) {
                if text.len() > words {
                    *text = text.chars().take(words / 4).chain(['…']).collect();
                }
            }
        }
        sum = all.iter().map(large).sum();
    }
    all.retain(|s| {
        let drop = sum > most && !s.is_alive();
        sum -= if drop { large(s) } else { 0 };
        !drop
    });
}

pub(super) fn expand_home(path: &str, home: &Path) -> PathBuf {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_fits_into_an_answer() {
        let session = |i: usize| SessionInfo {
            id: format!("s{i}"),
            state: if i.is_multiple_of(4) { "exited".into() } else { "detached".into() },
            command: vec!["sh".into(), "-c".into(), "\u{1}".repeat(8000)],
            title: "t".repeat(4000),
            ..SessionInfo::default()
        };
        let mut few: Vec<SessionInfo> = (0..2).map(session).collect();
        let as_it_was = few.clone();
        shorten(&mut few, LIST);
        assert_eq!(few, as_it_was);
        let mut all: Vec<SessionInfo> = (0..500).map(session).collect();
        shorten(&mut all, LIST);
        assert!(serde_json::to_vec(&all).unwrap().len() <= LIST + 2);
        assert_eq!(all.iter().filter(|s| s.is_alive()).count(), 375, "the living are all there");
        assert_eq!(all[1].command[0], "sh");
    }
}
