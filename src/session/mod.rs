//! A session process: owns one program's terminal, its ring, its screen and whoever watches. It is the only thing
//! that must not die. Leaves out how anybody finds it: that is the run dir's matter.
//!
//! # Layout
//! - `mod.rs`   start, the one select loop, what each event does
//! - `ring.rs`  raw output by offset
//! - `clients.rs`  credit, screens, sizes, input positions

mod clients;
pub mod ring;

use crate::backend::pty::{self, Pty};
use crate::failure::Failure;
use crate::link::call::{self, Message};
use crate::link::conn::{FrameReader, Outbox};
use crate::link::feed::Feed;
use crate::paths::Paths;
use crate::proto::control::*;
use crate::proto::frame::{Body, Frame};
use crate::proto::hello;
use crate::proto::ids::{ClientId, Offset, SessionId, Size, check_name};
use crate::proto::notice::{Notice, SessionExited};
use crate::proto::spawn::{Spec, Started};
use crate::store::rundir::{EndHeader, Entry, Held, Record, RunDir};
use crate::sys;
use crate::term::engine::Engine;
use crate::term::keys;
use crate::term::screen::{Colors, Event};
use clients::{Applied, Conn, Policy, Source, Viewer};
use ring::Ring;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

/// Input held for a program that does not read: 256 KiB. Its limit is the back-pressure on who types.
const QUEUE: usize = 256 << 10;
/// Output is taken from the terminal for so long in one turn of the loop: then others have theirs. A time and not a
/// size, as what a byte costs depends on what it is.
const TURN: Duration = Duration::from_millis(1);
/// How often a lost socket or run dir is looked for. Twice a tick fits well into the 5 s that are promised.
const TICK: Duration = Duration::from_secs(2);
/// A session that has started rests from here on.
const SETTLED: Duration = Duration::from_millis(700);
/// Who is about to take a name is waited for so long.
const NAMES: Duration = Duration::from_secs(5);
/// Read of what an ended program left in its terminal, at most: more than a terminal holds.
const LAST: usize = 1 << 20;
/// From hang-up to kill.
const GRACE: Duration = Duration::from_secs(1);
/// A connection that is not written to any more is read for this long.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// A client with so much on its way is not rung at as well.
const BUSY: usize = 256 << 10;
/// Missing output that is sent as bytes rather than as a Screen at a re-attach.
const CATCH_UP: u64 = 64 << 10;

/// `thub session --id ID`: starts a session in a process of its own and returns once it stands.
/// To be called while this process has one thread.
pub fn main(id: &str) -> Result<(), Failure> {
    let id: SessionId = id.parse().map_err(|e| Failure::usage(format!("{e}"), "sessions are started by `thub new`"))?;
    // a lock or a pipe of whoever started us would be held for as long as the session lives
    // SAFETY: nothing has been opened yet.
    unsafe { sys::close_from(3) };
    let mut json = Vec::new();
    io::stdin().take(1 << 20).read_to_end(&mut json)?;
    let spec: Spec = serde_json::from_slice(&json)
        .map_err(|e| Failure::usage(format!("no session is described on standard input: {e}"), "use `thub new`"))?;
    // the parent returns to whoever started us, so that this process is nobody's child and leaves no zombie
    // SAFETY: this process has one thread.
    match unsafe { sys::fork() }? {
        sys::Fork::Parent { .. } => {
            // the child holds the other copy of standard output; who started us reads it to its end
            return Ok(());
        }
        sys::Fork::Child => {}
    }
    let report = |result: Result<SessionInfo, Fault>| {
        let json = serde_json::to_vec(&Started { result }).unwrap_or_default();
        let _ = io::stdout().write_all(&json);
        let _ = io::stdout().flush();
    };
    match Session::start(id, spec) {
        Ok((session, listener)) => {
            report(Ok(session.info()));
            detach_stdio();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(session.run(listener));
        }
        Err(fault) => report(Err(fault)),
    }
    Ok(())
}

fn internal(what: &str) -> impl Fn(io::Error) -> Fault + '_ {
    move |e| Fault::new(Fault::INTERNAL, format!("{what}: {e}"))
}

struct Session {
    id: SessionId,
    record: Record,
    paths: Paths,
    run: RunDir,
    held: Held,
    pty: Pty,
    ring: Ring,
    engine: Engine,
    /// Input on its way to the program, from `queued` on.
    queue: Vec<u8>,
    queued: usize,
    conns: HashMap<u64, Conn>,
    applied: Applied,
    size: Size,
    policy: Policy,
    /// Set by `session.resize`: clients' wishes rest until one of them resizes.
    pinned: bool,
    resizes: u64,
    flags: u8,
    bells: u64,
    activity: u64,
    ended: Option<SessionExited>,
    /// Ended on a person's word: leaves no record.
    killed: bool,
    kill_at: Option<Instant>,
    closing: Vec<(Outbox, u64)>,
    /// The screen as of an offset and size, made once for all who need it.
    snapshot: Option<(Offset, u64, Rc<Vec<u8>>)>,
    /// Those of the terminal that shows it, which its program may ask for.
    colors: Colors,
    /// The process group in the foreground when it was last looked at.
    foreground: Option<rustix::process::Pid>,
}

/// A socket and the inode it was bound to, to notice when it is gone.
struct Listening {
    listener: UnixListener,
    inode: u64,
}

enum ConnEvent {
    Frame(Frame),
    Closed,
}

impl Session {
    fn start(id: SessionId, spec: Spec) -> Result<(Session, std::os::unix::net::UnixListener), Fault> {
        let _ = rustix::process::setsid();
        sys::set_process_name("thub");
        // the program inside starts as from a login, whatever our caller ignored
        sys::reset_signals();
        sys::ignore(libc::SIGHUP);
        sys::ignore(libc::SIGPIPE);
        let _ = std::env::set_current_dir("/");
        sys::umask(0o077);
        // no keys are held here: the user's own limit holds again
        if let Some(core) = spec.core {
            let _ = sys::core_limit(u64::try_from(core).ok());
        }
        let paths = Paths::from_env().map_err(|f| Fault::new(Fault::INTERNAL, f.to_string()))?;
        let run = RunDir::open(&paths).map_err(|f| Fault::new(Fault::REFUSED, f.to_string()))?;
        let cwd = spec.directory();
        let create = spec.create;
        let size = create.size.unwrap_or(Size::new(80, 24));
        if !size.is_valid() {
            return Err(Fault::new(Fault::BAD_PARAMS, format!("{size} is no size for a screen")));
        }
        let policy = match &create.size_policy {
            None => Policy::Latest,
            Some(p) => Policy::parse(p).ok_or_else(|| {
                Fault::new(Fault::BAD_PARAMS, "the size policy is one of latest, smallest, largest, fixed")
            })?,
        };
        let ring = Ring::new(create.ring.unwrap_or(ring::DEFAULT));
        // one without a name is in nobody's way
        let _names = match &create.name {
            None => None,
            Some(name) => {
                let lock = run.lock_names(NAMES).map_err(internal("the run dir can't be locked"))?;
                check_free(&run, name, None)?;
                Some(lock)
            }
        };
        let shell = shell(spec.shell);
        let command: Vec<OsString> = create.command.iter().map(OsString::from).collect();
        let info = SessionInfo {
            id: id.to_string(),
            name: create.name.clone().unwrap_or_default(),
            kind: "shell".into(),
            state: "detached".into(),
            created_at: sys::rfc3339(SystemTime::now()),
            created_ms: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64),
            cols: size.cols,
            rows: size.rows,
            command: if create.command.is_empty() {
                vec![shell.to_string_lossy().into_owned()]
            } else {
                // to be shown: a script of many pages would fill every list
                let mut words = create.command.clone();
                crate::text::shorten_words(&mut words, 4096);
                words
            },
            cwd: spec.cwd.clone(),
            pid: std::process::id(),
            ..SessionInfo::default()
        };
        let program = pty::Program {
            command,
            env: environment(&id, &spec.host, create.term.as_deref(), &cwd),
            shell,
            login: spec.login,
            cwd,
            size,
            umask: spec.umask,
        };
        let pty = pty::spawn(program).map_err(|e| {
            let said = format!("{e:#}");
            Fault::new(Fault::SPAWN, crate::text::short(said.lines().next().unwrap_or_default(), 300))
        })?;
        let record = Record {
            version: 1,
            machine: run.machine().to_string(),
            boot: run.boot().to_string(),
            start_time: sys::process_start_time(std::process::id() as i32).unwrap_or(0),
            info,
        };
        let publish = || -> io::Result<_> {
            let held = run.publish(&record)?;
            let listener = bind(&run, &id)?;
            Ok((held, listener))
        };
        let (held, listener) = publish().map_err(|e| {
            pty.signal(Signal::KILL);
            run.withdraw(&id);
            Fault::new(Fault::INTERNAL, format!("the session can't be put into the run dir: {e}"))
        })?;
        let session = Session {
            id,
            record,
            paths,
            run,
            held,
            pty,
            ring,
            engine: Engine::with_history(size, spec.history),
            queue: Vec::new(),
            queued: 0,
            conns: HashMap::new(),
            applied: Applied::default(),
            size,
            policy,
            pinned: false,
            resizes: 0,
            flags: u8::MAX,
            bells: 0,
            activity: 0,
            ended: None,
            killed: false,
            kill_at: None,
            closing: Vec::new(),
            snapshot: None,
            colors: Colors::default(),
            foreground: None,
        };
        Ok((session, listener))
    }

    fn info(&self) -> SessionInfo {
        let mut info = self.record.info.clone();
        info.clients = self.conns.values().filter(|c| c.viewer.as_ref().is_some_and(|v| !v.blind)).count() as u32;
        info.state = match (&self.ended, info.clients) {
            (Some(_), _) => "exited".into(),
            (None, 0) => "detached".into(),
            (None, _) => "running".into(),
        };
        info.cols = self.size.cols;
        info.rows = self.size.rows;
        info.offset = self.ring.end();
        info.bells = self.bells;
        info.title = self.engine.title().to_string();
        if info.title.is_empty()
            && let Some(name) = self.pty.foreground().and_then(|p| sys::foreground_command(p.as_raw_nonzero().get()))
        {
            info.title = name;
        }
        let directory = self.engine.directory();
        if !directory.is_empty() {
            info.cwd = directory.to_string();
        } else if let Some(cwd) = sys::cwd_of(self.pty.pid().as_raw_nonzero().get()) {
            info.cwd = cwd.to_string_lossy().into_owned();
        }
        if let Some(exit) = &self.ended {
            info.exit_code = exit.exit_code;
            info.cause = exit.cause.clone();
        }
        info
    }

    async fn run(mut self, listener: std::os::unix::net::UnixListener) {
        let inode = self.socket_inode().unwrap_or(0);
        let mut listening = listener
            .set_nonblocking(true)
            .and_then(|()| UnixListener::from_std(listener))
            .map(|listener| Listening { listener, inode })
            .ok();
        let Ok(pty) = self.pty.descriptor().and_then(nonblocking).and_then(sys::watched) else { return };
        let end = pty::end_of(self.pty.pid()).and_then(sys::watched).ok();
        let (events_tx, mut events) = mpsc::unbounded_channel::<(u64, ConnEvent)>();
        let mut next_conn = 0u64;
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
        let mut beat = sys::Beat::new(SETTLED, TICK).ok();
        // since the last beat somebody spoke
        let mut busy = false;
        let mut own_pages: Option<sys::OwnPages> = None;
        // no connection is taken before this
        let mut pause: Option<tokio::time::Instant> = None;
        let mut buf = vec![0u8; 8 << 10];
        let mut eof = false;
        // nobody had the other end open when it was looked at last
        let mut left = false;
        // once the program has ended: what it wrote is still to be read, but not for ever
        let mut drain: Option<(tokio::time::Instant, tokio::time::Instant)> = None;
        loop {
            let draining = drain.map(|(quiet, most)| quiet.min(most));
            tokio::select! {
                biased;
                ready = pty.writable(), if self.queued < self.queue.len() => {
                    let Ok(mut ready) = ready else { continue };
                    let wrote = ready.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), self.queue.get(self.queued..).unwrap_or_default())?));
                    self.written(match wrote {
                        Ok(Ok(n)) => n,
                        // the program is gone: nobody will read it
                        Ok(Err(e)) if e.kind() != io::ErrorKind::Interrupted => self.queue.len() - self.queued,
                        _ => 0,
                    });
                }
                event = events.recv() => {
                    let mut next = event;
                    let mut turns = 0;
                    while let Some((conn, event)) = next {
                        match event {
                            ConnEvent::Frame(frame) => self.frame(conn, frame),
                            ConnEvent::Closed => self.leave(conn),
                        }
                        busy = true;
                        turns += 1;
                        next = if turns < 64 { events.try_recv().ok() } else { None };
                    }
                    self.pump();
                }
                () = sleep_until(pause.unwrap_or_else(tokio::time::Instant::now)), if pause.is_some() => pause = None,
                accepted = async { match listening.as_ref().filter(|_| pause.is_none()) { Some(l) => l.listener.accept().await, None => std::future::pending().await } } => {
                    match accepted {
                        Ok((stream, _)) => {
                            next_conn += 1;
                            self.accept(next_conn, stream, &events_tx);
                        }
                        // out of descriptors, say: not at once again
                        Err(_) => pause = Some(tokio::time::Instant::now() + Duration::from_millis(200)),
                    }
                }
                _ = async { match &end { Some(e) => { let _ = e.readable().await; } None => std::future::pending().await } }, if self.ended.is_none() => {
                    self.reaped();
                    if self.ended.is_some() {
                        left = false;
                        let now = tokio::time::Instant::now();
                        drain = Some((now + Duration::from_millis(100), now + Duration::from_secs(2)));
                    }
                }
                _ = async { match &mut term { Some(t) => { t.recv().await; } None => std::future::pending().await } } => {
                    self.hang_up();
                }
                () = sleep_until(tokio::time::Instant::from_std(self.kill_at.unwrap_or_else(Instant::now))), if self.kill_at.is_some() => {
                    self.kill_at = None;
                    self.pty.signal(Signal::KILL);
                }
                () = sleep_until(draining.unwrap_or_else(tokio::time::Instant::now)), if draining.is_some() => {
                    // what it left behind is read all the same, however late it has become on a busy machine
                    let mut taken = 0;
                    while taken < LAST
                        && let Ok(n) = rustix::io::read(pty.get_ref(), &mut buf)
                        && n > 0
                    {
                        taken += n;
                        self.output(buf.get(..n).unwrap_or_default());
                    }
                    eof = true;
                }
                () = async { match &mut beat { Some(b) => b.next().await, None => tokio::time::sleep(TICK).await } } => {
                    left = false;
                    if end.is_none() {
                        self.reaped();
                    }
                    self.look_after_socket(&mut listening);
                    self.look_at_foreground();
                    // after all else: what this beat itself has touched is given back, too
                    if own_pages.is_none() || !std::mem::take(&mut busy) {
                        own_pages.get_or_insert_with(sys::OwnPages::find).give_back();
                    }
                }
                // last: whoever types or draws goes before more output
                ready = pty.readable(), if !eof && !left => {
                    let Ok(mut ready) = ready else { eof = true; continue };
                    let mut taken = 0;
                    let begun = Instant::now();
                    while begun.elapsed() < TURN {
                        match ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut buf)?)) {
                            Ok(Ok(n)) if n > 0 => {
                                busy = true;
                                taken += n;
                                self.output(buf.get(..n).unwrap_or_default());
                            }
                            Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                            // EIO: nobody has the other end open any more; while the program lives it may open it again
                            Ok(_) => {
                                (eof, left) = (self.ended.is_some(), true);
                                break;
                            }
                            Err(_would_block) => break,
                        }
                    }
                    self.tty_flags();
                    if let Some((quiet, _)) = &mut drain && taken > 0 {
                        *quiet = tokio::time::Instant::now() + Duration::from_millis(100);
                    }
                    self.pump();
                    // a flood must not keep clients' frames and the clock from being looked at
                    tokio::task::yield_now().await;
                }
            }
            if self.ended.is_some() && eof {
                break;
            }
        }
        drop(listening);
        self.finish().await;
    }

    /// Output of the program: into the ring, through the screen, its answers back.
    fn output(&mut self, bytes: &[u8]) {
        self.ring.push(bytes);
        let mut said = Vec::new();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        self.engine.set_time(now.map_or(0, |d| d.as_millis() as u64));
        // whose screen it is says how large it is; where nobody looks the program may
        let watched = self.conns.values().any(|c| c.viewer.as_ref().is_some_and(|v| v.wish.is_some()));
        self.engine.set_resizable(!watched && !self.pinned && self.policy != Policy::Fixed);
        self.engine.feed(bytes, &mut said);
        let (mut changed, mut rung) = (false, false);
        for event in said {
            match event {
                Event::Reply(reply) => {
                    if self.queue.len() - self.queued < QUEUE {
                        self.queue.extend_from_slice(&reply);
                    }
                }
                Event::Bell => {
                    self.bells += 1;
                    // as many as come together are one
                    if !std::mem::replace(&mut rung, true) {
                        self.tell(&Notice::SessionBell);
                    }
                }
                Event::Title(_) | Event::Directory(_) => changed = true,
                Event::Clipboard(text) => self.tell_latest(&Notice::SessionClipboard(text)),
                Event::Notification(text) => self.tell(&Notice::SessionNotified(text)),
                Event::Resized(size) => self.resized(size),
                Event::Mark(_) => {}
            }
        }
        if changed {
            self.tell(&Notice::SessionChanged(Box::new(self.info())));
        }
    }

    /// Where the program sets no title, its name is one: who watches hears when another is in the foreground.
    fn look_at_foreground(&mut self) {
        if self.conns.is_empty() || self.ended.is_some() {
            return;
        }
        let now = self.pty.foreground();
        if std::mem::replace(&mut self.foreground, now) != now && self.engine.title().is_empty() {
            self.tell(&Notice::SessionChanged(Box::new(self.info())));
        }
    }

    fn tty_flags(&mut self) {
        let flags = self.pty.flags();
        if flags == self.flags {
            return;
        }
        self.flags = flags;
        let offset = self.ring.end();
        // in order with the output: what came before must have gone before
        self.pump();
        for conn in self.conns.values() {
            if let Some(v) = conn.viewer.as_ref().filter(|v| !v.blind) {
                conn.out.bulk(v.stream, Body::Tty { offset, flags });
            }
        }
    }

    fn tell(&mut self, notice: &Notice) {
        self.pump();
        for conn in self.conns.values_mut() {
            let Some(v) = &mut conn.viewer else { continue };
            // notices need no credit: a client that is behind must not drown in them
            if conn.out.waiting() < BUSY {
                call::notify(&conn.out, v.stream, notice);
            } else {
                v.info_due |= matches!(notice, Notice::SessionChanged(_));
            }
        }
    }

    /// To one client alone: that which was active last.
    fn tell_latest(&mut self, notice: &Notice) {
        let latest = self
            .conns
            .values()
            .filter_map(|c| c.viewer.as_ref().filter(|v| !v.blind).map(|v| (v.active, v.stream, &c.out)));
        if let Some((_, stream, out)) = latest.max_by_key(|(active, ..)| *active) {
            call::notify(out, stream, notice);
        }
    }

    fn pump(&mut self) {
        let Session { conns, ring, engine, snapshot, size, resizes, .. } = self;
        for conn in conns.values_mut() {
            conn.pump(ring, *size, &mut || screen(engine, ring, *resizes, snapshot));
        }
        let due = |c: &Conn| c.viewer.as_ref().is_some_and(|v| v.info_due) && c.out.waiting() < BUSY;
        if self.conns.values().any(due) {
            let notice = Notice::SessionChanged(Box::new(self.info()));
            for conn in self.conns.values_mut().filter(|c| due(c)) {
                if let Some(v) = &mut conn.viewer {
                    v.info_due = false;
                    call::notify(&conn.out, v.stream, &notice);
                }
            }
        }
    }

    fn written(&mut self, n: usize) {
        self.queued += n;
        if self.queued >= self.queue.len() {
            self.queue.clear();
            self.queued = 0;
            if self.queue.capacity() > (16 << 10) {
                self.queue = Vec::new();
            }
        } else if self.queued > (64 << 10) {
            self.queue.drain(..self.queued);
            self.queued = 0;
        }
        // room again: said when it is worth a message
        let room = self.room();
        for conn in self.conns.values_mut() {
            if let Some(v) = &mut conn.viewer {
                let seen = self.applied.get(&v.client);
                if seen.saturating_add(room) > v.input_limit.saturating_add((QUEUE / 2) as u64) {
                    v.input_limit = seen.saturating_add(room);
                    conn.out.urgent(v.stream, Body::Ack { seen, limit: v.input_limit });
                }
            }
        }
    }

    fn room(&self) -> u64 {
        QUEUE.saturating_sub(self.queue.len() - self.queued) as u64
    }

    fn accept(&mut self, id: u64, stream: UnixStream, events: &mpsc::UnboundedSender<(u64, ConnEvent)>) {
        let ours = rustix::process::geteuid().as_raw();
        if sys::peer_uid(&stream).ok() != Some(ours) {
            return;
        }
        let (r, w) = stream.into_split();
        let out = Outbox::new();
        out.raw(hello::banner().as_bytes());
        self.conns.insert(id, Conn::new(out.clone()));
        let (events, closed) = (events.clone(), events.clone());
        let reading = tokio::spawn(async move {
            let mut reader = FrameReader::new(r);
            while let Ok(Some(frame)) = reader.read_frame().await {
                if events.send((id, ConnEvent::Frame(frame))).is_err() {
                    return;
                }
            }
            let _ = events.send((id, ConnEvent::Closed));
        });
        tokio::spawn(async move {
            let _ = out.write_to(w).await;
            // what was typed before the client went is still taken; one that neither reads nor goes is let go of
            let stop = reading.abort_handle();
            if tokio::time::timeout(LAST_WORDS, reading).await.is_err() {
                stop.abort();
                let _ = closed.send((id, ConnEvent::Closed));
            }
        });
    }

    fn leave(&mut self, conn: u64) {
        if let Some(gone) = self.conns.remove(&conn) {
            gone.out.close();
            if gone.viewer.is_some() {
                self.fit();
            }
        }
    }

    fn frame(&mut self, conn: u64, frame: Frame) {
        let Ok(body) = frame.body() else { return self.leave(conn) };
        if frame.stream == 0 {
            if let Body::Call(json) = body {
                self.message(conn, json);
            }
            return;
        }
        let now = Instant::now();
        let end = self.ring.end();
        let room = self.room();
        let Some(c) = self.conns.get_mut(&conn) else { return };
        if let Body::Ack { seen, limit } = body
            && let Some((feed, _)) = c.feeds.iter_mut().find(|(f, _)| f.stream == frame.stream)
        {
            return feed.ack(seen, limit);
        }
        let Some(v) = c.viewer.as_mut().filter(|v| v.stream == frame.stream) else { return };
        match body {
            Body::Ack { seen, limit } => v.ack(seen, limit, end),
            Body::Size { size, .. } if !v.watch => {
                v.wish = Some(size);
                self.activity += 1;
                v.active = self.activity;
                self.pinned = false;
                self.fit();
            }
            Body::Data { offset, bytes } if !v.watch => {
                let at = self.applied.get(&v.client);
                // what was applied before a drop is skipped; a gap can't be bridged and is asked for again by the Ack
                let skip = at.saturating_sub(offset).min(bytes.len() as u64) as usize;
                let fresh = if offset <= at { bytes.get(skip..).unwrap_or_default() } else { &[] };
                // what it was allowed to send is taken, whoever else has filled the queue since: it is not sent again
                let fresh = fresh.get(..fresh.len().min(v.input_limit.saturating_sub(at) as usize)).unwrap_or_default();
                let seen = at.saturating_add(fresh.len() as u64);
                self.queue.extend_from_slice(fresh);
                self.applied.set(&v.client, seen, now);
                v.input_limit = v.input_limit.max(seen.saturating_add(room.saturating_sub(fresh.len() as u64)));
                c.out.urgent(v.stream, Body::Ack { seen, limit: v.input_limit });
                self.activity += 1;
                let was = v.active;
                v.active = self.activity;
                if was + 1 != self.activity {
                    self.fit();
                }
                self.write_now();
            }
            _ => {}
        }
    }

    /// A keystroke does not wait for the loop to come round.
    fn write_now(&mut self) {
        if self.queued < self.queue.len()
            && let Ok(n) = self.pty.write(self.queue.get(self.queued..).unwrap_or_default())
        {
            self.written(n);
        }
    }

    fn message(&mut self, conn: u64, json: &[u8]) {
        let Some(out) = self.conns.get(&conn).map(|c| c.out.clone()) else { return };
        match call::parse(json) {
            Ok(Message::Call { id, method, params }) => {
                if method == SessionClose::NAME {
                    self.closing.push((out, id));
                    self.killed = true;
                    return self.hang_up();
                }
                let result = self.call(conn, &method, params);
                call::answer(&out, id, result);
            }
            Ok(_) => {}
            Err(fault) => tracing::warn!(code = fault.code, "a message that is none"),
        }
    }

    fn call(&mut self, conn: u64, method: &str, p: Value) -> Result<Value, Fault> {
        match method {
            SessionGet::NAME => call::reply(SessionCreated { session: self.info() }),
            SessionAttach::NAME => call::reply(self.attach(conn, call::params(p)?)?),
            SessionDetach::NAME => {
                if let Some(c) = self.conns.get_mut(&conn) {
                    c.viewer = None;
                }
                self.fit();
                call::reply(Done {})
            }
            SessionResize::NAME => {
                let r: SessionResize = call::params(p)?;
                if !r.size.is_valid() {
                    return Err(Fault::new(Fault::BAD_PARAMS, format!("{} is no size for a screen", r.size)));
                }
                self.pinned = true;
                self.resize(r.size);
                call::reply(Done {})
            }
            SessionRename::NAME => call::reply(self.rename(&call::params::<SessionRename>(p)?.name)?),
            SessionColors::NAME => {
                let c: SessionColors = call::params(p)?;
                let Colors { text, back } = self.colors;
                self.recolor(Colors { text: c.text.unwrap_or(text), back: c.back.unwrap_or(back) });
                call::reply(Done {})
            }
            SessionRead::NAME => {
                let r: SessionRead = call::params(p)?;
                let to = r.to.unwrap_or(u64::MAX).min(self.ring.end());
                let from = r.from.max(self.ring.start()).min(to);
                self.feed(conn, Feed::new(r.stream, from, to, r.window), Source::Ring);
                call::reply(SessionReading { from, to })
            }
            SessionHistory::NAME => {
                let r: SessionHistory = call::params(p)?;
                let (from, to, bytes) = self.engine.history().range(r.from, r.to);
                let reply = SessionHistoryReply { from, to, bytes: bytes.len() as u64 };
                self.feed(conn, Feed::new(r.stream, 0, reply.bytes, r.window), Source::Bytes(Rc::new(bytes)));
                call::reply(reply)
            }
            SessionCapture::NAME => {
                let c: SessionCapture = call::params(p)?;
                let (reply, bytes) = captured(&self.engine, self.ring.end(), c.from);
                self.feed(conn, Feed::new(c.stream, 0, bytes.len() as u64, c.window), Source::Bytes(Rc::new(bytes)));
                call::reply(reply)
            }
            _ => {
                Err(Fault::new(Fault::UNKNOWN_METHOD, format!("a session knows no {}", crate::text::short(method, 64))))
            }
        }
    }

    /// The terminal that shows it has these colours now.
    fn recolor(&mut self, colors: Colors) {
        self.engine.set_colors(colors.text, colors.back);
        let mut told = Vec::new();
        if std::mem::replace(&mut self.colors, colors).dark() != colors.dark() {
            keys::encode_scheme(colors.dark(), &self.engine.modes(), &mut told);
        }
        if !told.is_empty() && self.queue.len() - self.queued < QUEUE {
            self.queue.extend_from_slice(&told);
            self.write_now();
        }
    }

    fn feed(&mut self, conn: u64, feed: Feed, source: Source) {
        if let Some(c) = self.conns.get_mut(&conn) {
            c.feeds.retain(|(f, _)| f.stream != feed.stream);
            c.feeds.push((feed, source));
        }
    }

    fn attach(&mut self, conn: u64, a: SessionAttach) -> Result<SessionAttached, Fault> {
        if a.stream == 0 {
            return Err(Fault::new(Fault::BAD_PARAMS, "stream 0 is the link itself"));
        }
        if a.size.is_some_and(|s| !s.is_valid()) {
            return Err(Fault::new(Fault::BAD_PARAMS, "the size is out of bounds"));
        }
        // an earlier connection of this client is a dead one: from here on its input is not taken any more
        let older: Vec<u64> = self
            .conns
            .iter()
            .filter(|(id, c)| {
                **id != conn && c.viewer.as_ref().is_some_and(|v| v.client == a.client && v.blind == a.blind)
            })
            .map(|(id, _)| *id)
            .collect();
        let alone = !self.conns.iter().any(|(id, c)| {
            !older.contains(id) && *id != conn && c.viewer.as_ref().is_some_and(|v| !v.watch && !v.blind)
        });
        for id in older {
            self.leave(id);
        }
        let active = if a.watch || a.blind || (a.auto && !alone) {
            0
        } else {
            self.activity += 1;
            self.pinned = false;
            self.activity
        };
        let (applied, conns) = (&mut self.applied, &self.conns);
        let here = |c: &ClientId| conns.values().any(|conn| conn.viewer.as_ref().is_some_and(|v| v.client == *c));
        let input_applied =
            if a.watch { Some(0) } else { applied.at_attach(&a.client, a.input_sent, Instant::now(), here) };
        let before = self.resizes;
        let input_limit = self.applied.get(&a.client).saturating_add(self.room());
        let Some(c) = self.conns.get_mut(&conn) else { return Err(Fault::new(Fault::GONE, "gone")) };
        c.viewer = Some(Viewer {
            stream: a.stream,
            client: a.client,
            sent: 0,
            limit: 0,
            unacked: None,
            screen_due: true,
            wish: if a.watch || a.blind { None } else { a.size },
            active,
            watch: a.watch,
            blind: a.blind,
            input_limit,
            info_due: false,
        });
        self.fit();
        let (start, end) = (self.ring.start(), self.ring.end());
        let have = a.have.filter(|h| {
            *h >= start
                && *h <= end
                && end - h <= CATCH_UP.min(a.window)
                && a.resizes == before
                && before == self.resizes
        });
        let (offset, screen) = match have {
            Some(have) => (have, false),
            None => (end, true),
        };
        if let Some(v) = self.conns.get_mut(&conn).and_then(|c| c.viewer.as_mut()) {
            v.sent = offset;
            v.limit = offset.saturating_add(a.window.min(clients::MOST_WINDOW));
            v.screen_due = screen;
            if !v.blind {
                let (stream, flags) = (v.stream, self.pty.flags());
                self.flags = flags;
                if let Some(c) = self.conns.get(&conn) {
                    c.out.bulk(stream, Body::Tty { offset, flags });
                }
            }
        }
        Ok(SessionAttached {
            revision: hello::REVISION,
            features: Vec::new(),
            offset,
            screen,
            resizes: self.resizes,
            input_applied,
            input_limit,
            session: self.info(),
        })
    }

    fn rename(&mut self, name: &str) -> Result<Done, Fault> {
        // nothing is read or typed meanwhile
        let _names = self.run.lock_names(NAMES / 5).map_err(internal("the run dir can't be locked"))?;
        check_free(&self.run, name, Some(&self.id))?;
        self.record.info.name = name.to_string();
        // the new record's lock is held before the old one is let go
        self.held = self.run.publish(&self.record).map_err(internal("the new name can't be written"))?;
        self.tell(&Notice::SessionChanged(Box::new(self.info())));
        Ok(Done {})
    }

    /// Brings the size to what the clients wish, by the policy.
    fn fit(&mut self) {
        if self.pinned {
            return;
        }
        if let Some(size) = self.policy.decide(self.conns.values().filter_map(|c| c.viewer.as_ref())) {
            self.resize(size);
        }
    }

    /// Takes effect at this output offset, here and at every client: they get the screen anew.
    fn resize(&mut self, size: Size) {
        if size == self.size || self.ended.is_some() {
            return;
        }
        self.pump();
        self.engine.resize(size);
        self.resized(size);
    }

    /// The engine has another size now.
    fn resized(&mut self, size: Size) {
        self.size = size;
        self.resizes += 1;
        self.pty.resize(size);
        let offset = self.ring.end();
        for conn in self.conns.values_mut() {
            if let Some(v) = conn.viewer.as_mut().filter(|v| !v.blind) {
                conn.out.bulk(v.stream, Body::Size { offset, size });
                v.screen_due = true;
            }
        }
        self.pump();
    }

    fn reaped(&mut self) {
        if let Some((code, signal)) = self.pty.reap() {
            let cause = signal.map(|s| format!("ended by {s}"));
            self.ended = Some(SessionExited { exit_code: Some(code), cause });
        }
    }

    /// Hang-up as at the end of a connection; whoever does not go within a second is killed.
    fn hang_up(&mut self) {
        self.pty.signal(Signal::HUP);
        self.pty.signal(Signal::CONT);
        // asked again, it is not put off
        self.kill_at.get_or_insert_with(|| Instant::now() + GRACE);
    }

    fn socket_inode(&self) -> Option<u64> {
        self.run.dir().stat(&format!("{}.sock", self.id)).ok().flatten().map(|s| s.inode)
    }

    /// A run dir or socket that is gone is made again.
    fn look_after_socket(&mut self, listening: &mut Option<Listening>) {
        let in_place = self.run.is_still_there();
        let record = matches!(self.run.dir().stat(&format!("{}.json", self.id)), Ok(Some(_)));
        let inode = self.socket_inode();
        if in_place && record && listening.as_ref().is_some_and(|l| Some(l.inode) == inode) {
            return;
        }
        if !in_place {
            match RunDir::open(&self.paths) {
                Ok(run) => self.run = run,
                Err(e) => return tracing::error!(error = %e, "the run dir can't be made again"),
            }
        }
        if (!in_place || !record)
            && let Ok(held) = self.run.publish(&self.record)
        {
            self.held = held;
        }
        *listening = bind(&self.run, &self.id)
            .and_then(|l| {
                l.set_nonblocking(true)?;
                UnixListener::from_std(l)
            })
            .ok()
            .zip(self.socket_inode())
            .map(|(listener, inode)| Listening { listener, inode });
    }

    /// Leaves a record of the end, tells everybody, and goes.
    async fn finish(mut self) {
        let exit = self.ended.clone().unwrap_or_default();
        let info = SessionInfo { clients: 0, ended_at: Some(sys::rfc3339(SystemTime::now())), ..self.info() };
        if !self.killed {
            let header = EndHeader { info: info.clone(), ring_start: self.ring.start(), ..EndHeader::default() };
            if !self.run.is_still_there()
                && let Ok(run) = RunDir::open(&self.paths)
            {
                self.run = run;
            }
            let screen = self.engine.snapshot();
            let history = self.engine.history().to_bytes();
            let ring = self.ring.slices(self.ring.start(), self.ring.end());
            if let Err(e) = self.run.write_end(header, &screen, &history, ring) {
                tracing::error!(error = %e, "the end can't be recorded");
            }
        }
        self.run.withdraw(&self.id);
        for (out, id) in std::mem::take(&mut self.closing) {
            call::answer(&out, id, call::reply(Done {}));
        }
        let Session { conns, ring, engine, snapshot, size, resizes, .. } = &mut self;
        for conn in conns.values_mut() {
            conn.pump_last(ring, *size, &mut || screen(engine, ring, *resizes, snapshot));
            if let Some(v) = &conn.viewer {
                call::notify(&conn.out, v.stream, &Notice::SessionExited(exit.clone()));
            }
            conn.out.close();
        }
        // a client that does not read must not keep us: what it misses is in the record
        let outs: Vec<Outbox> = self.conns.values().map(|c| c.out.clone()).collect();
        let flushed = async {
            for out in outs {
                out.drained().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), flushed).await;
    }
}

/// History from a line on, and the screen, of this moment.
fn captured(engine: &Engine, offset: Offset, from: Option<u64>) -> (SessionCaptured, Vec<u8>) {
    let history = engine.history();
    let (from, to, mut bytes) = history.range(from.unwrap_or(u64::MAX), None);
    let history_bytes = bytes.len() as u64;
    let screen = engine.snapshot();
    bytes.extend_from_slice(&screen);
    let size = engine.size();
    let reply = SessionCaptured {
        from,
        to,
        open: history.is_open(),
        history_bytes,
        screen_bytes: screen.len() as u64,
        cols: size.cols,
        rows: size.rows,
        offset,
    };
    (reply, bytes)
}

fn screen(engine: &Engine, ring: &Ring, resizes: u64, cache: &mut Option<(Offset, u64, Rc<Vec<u8>>)>) -> Rc<Vec<u8>> {
    match cache {
        Some((at, r, bytes)) if *at == ring.end() && *r == resizes => bytes.clone(),
        _ => {
            let bytes = Rc::new(engine.snapshot());
            *cache = Some((ring.end(), resizes, bytes.clone()));
            bytes
        }
    }
}

/// Nobody's terminal or pipe is held on to.
fn detach_stdio() {
    use rustix::fs::{Mode, OFlags};
    if let Ok(null) = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

fn nonblocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    rustix::fs::fcntl_setfl(&fd, flags | rustix::fs::OFlags::NONBLOCK)?;
    Ok(fd)
}

fn bind(run: &RunDir, id: &SessionId) -> io::Result<std::os::unix::net::UnixListener> {
    let _ = run.dir().remove(&format!("{id}.sock"));
    std::os::unix::net::UnixListener::bind(run.dir().socket_path(&format!("{id}.sock"))?)
}

/// A name is free when no living session has it, as name or as id. To be asked under the names' lock.
fn check_free(run: &RunDir, name: &str, except: Option<&SessionId>) -> Result<(), Fault> {
    check_name(name).map_err(|e| Fault::new(Fault::BAD_PARAMS, e))?;
    let taken = run.entries().into_iter().any(|e| match e {
        Entry::Alive(r) => {
            (r.info.name == name || r.info.id == name) && except.is_none_or(|id| id.as_str() != r.info.id)
        }
        _ => false,
    });
    if taken {
        return Err(Fault::new(
            Fault::NAME_TAKEN,
            format!("a session named '{}' is there already", crate::text::escape(name)),
        ));
    }
    Ok(())
}

/// The shell of the settings, else $SHELL as it is set here (by sshd on a remote host), else the password
/// database's, else sh.
fn shell(wanted: Option<String>) -> OsString {
    let usable = |s: &OsString| !s.is_empty() && rustix::fs::access(s.as_os_str(), rustix::fs::Access::EXEC_OK).is_ok();
    wanted
        .map(OsString::from)
        .filter(usable)
        .or_else(|| std::env::var_os("SHELL").filter(usable))
        .or_else(|| sys::passwd().map(|p| p.shell.into_os_string()).filter(usable))
        .unwrap_or_else(|| "/bin/sh".into())
}

/// Multiplexers around us are not around the program inside, and sizes are the terminal's to tell.
const DROPPED: [&str; 12] = [
    "TMUX",
    "TMUX_PANE",
    "STY",
    "WINDOW",
    "ZELLIJ",
    "ZELLIJ_SESSION_NAME",
    "ZELLIJ_PANE_ID",
    "COLUMNS",
    "LINES",
    "TERMCAP",
    "THUB_SESSION",
    "THUB_HOST",
];

fn environment(id: &SessionId, host: &str, term: Option<&str>, cwd: &std::path::Path) -> Vec<(OsString, OsString)> {
    let mut env: Vec<(OsString, OsString)> =
        std::env::vars_os().filter(|(k, _)| !DROPPED.iter().any(|d| k == d)).collect();
    // some programs believe it without a look
    env.retain(|(k, _)| k != "OLDPWD" && k != "PWD");
    env.push(("PWD".into(), cwd.into()));
    let mut set = |k: &str, v: &str| {
        env.retain(|(have, _)| have != k);
        env.push((k.into(), v.into()));
    };
    set("TERM", term.unwrap_or("xterm-256color"));
    set("COLORTERM", "truecolor");
    set("TERM_PROGRAM", "thub");
    set("TERM_PROGRAM_VERSION", hello::BUILD);
    set("THUB_SESSION", id.as_str());
    set("THUB_HOST", host);
    env
}
