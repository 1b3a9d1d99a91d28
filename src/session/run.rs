//! Owns the one select loop: what is waited for, in which order, and how it ends. Leaves out what each event does.

use super::clients::Conn;
use super::output::screen;
use super::{Session, start};
use crate::backend::{Backend, End};
use crate::link::call;
use crate::link::conn::{FrameReader, Outbox};
use crate::proto::control::*;
use crate::proto::frame::Frame;
use crate::proto::hello;
use crate::proto::notice::{Notice, SessionExited};
use crate::store::rundir::{EndHeader, Remains, RunDir};
use crate::sys;
use rustix::process::Signal;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

/// Output is taken from the terminal for so long in one turn of the loop: then others have theirs. A time and not a
/// size, as what a byte costs depends on what it is.
const TURN: Duration = Duration::from_millis(1);
/// A read of less than this was all there was; a flood comes in pieces of up to 4 KiB.
const LITTLE: usize = 1 << 10;
/// How often a lost socket or run dir is looked for. Twice a tick fits well into the 5 s that are promised.
const TICK: Duration = Duration::from_secs(2);
/// Output that pauses for so long may be what somebody waits for: a prompt behind a flood that was interrupted.
const RESTS: Duration = Duration::from_millis(3);
/// A program that asks for a password turns its terminal's echo off this soon after its prompt: nothing else tells of it.
const ASKS: Duration = Duration::from_millis(15);
/// A session that has started rests from here on.
const SETTLED: Duration = Duration::from_millis(700);
/// Read of what an ended program left in its terminal, at most: more than a terminal holds.
const LAST: usize = 1 << 20;
/// From hang-up to kill.
const GRACE: Duration = Duration::from_secs(1);
/// A connection that is not written to any more is read for this long.
const LAST_WORDS: Duration = Duration::from_secs(2);

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
    pub(super) async fn run(mut self, listener: std::os::unix::net::UnixListener) {
        let inode = self.socket_inode().unwrap_or(0);
        let mut listening = listener
            .set_nonblocking(true)
            .and_then(|()| UnixListener::from_std(listener))
            .map(|listener| Listening { listener, inode })
            .ok();
        let Ok(pty) = self.pty.descriptor().and_then(nonblocking).and_then(sys::watched) else { return };
        let end = self.pty.end().and_then(sys::watched).ok();
        let (events_tx, mut events) = mpsc::unbounded_channel::<(u64, ConnEvent)>();
        let (looked_tx, mut looked) = mpsc::unbounded_channel();
        let mut next_conn = 0u64;
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
        let mut beat = sys::Beat::new(SETTLED, TICK).ok();
        // since the last beat somebody spoke
        let mut busy = false;
        let mut own_pages: Option<sys::OwnPages> = None;
        // no connection is taken before this
        let mut pause: Option<Instant> = None;
        let mut buf = vec![0u8; 8 << 10];
        let mut eof = false;
        // when to look whether the program, having printed, waits for something that is not to be seen
        let mut asks_at: Option<Instant> = None;
        // when output has paused
        let mut rests_at: Option<Instant> = None;
        // nobody had the other end open when it was looked at last
        let mut left = false;
        let mut device = self.pty.device();
        // whether its clients were told of to who is at the other end
        let mut looked_at = false;
        self.lent.serve();
        // once the program has ended: what it wrote is still to be read, but not for ever
        let mut drain: Option<(Instant, Instant)> = None;
        let mut clock = sys::Clock::new();
        loop {
            self.search_on(&looked_tx);
            let drained = drain.map(|(quiet, most)| quiet.min(most));
            clock.aim([self.kill_at, self.acks_at, drained, pause, rests_at, asks_at].into_iter().flatten().min());
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
                accepted = async { match listening.as_ref().filter(|_| pause.is_none()) { Some(l) => l.listener.accept().await, None => std::future::pending().await } } => {
                    match accepted {
                        Ok((stream, _)) => {
                            next_conn += 1;
                            self.accept(next_conn, stream, &events_tx);
                        }
                        // out of descriptors, say: not at once again
                        Err(_) => pause = Some(Instant::now() + Duration::from_millis(200)),
                    }
                }
                _ = async { match &end { Some(e) => { let _ = e.readable().await; } None => std::future::pending().await } }, if self.ended.is_none() => {
                    self.reaped();
                    if self.ended.is_some() {
                        left = false;
                        let now = Instant::now();
                        drain = Some((now + Duration::from_millis(100), now + Duration::from_secs(2)));
                    }
                }
                _ = async { match &mut term { Some(t) => { t.recv().await; } None => std::future::pending().await } } => {
                    self.hang_up();
                }
                () = clock.struck() => {
                    let now = Instant::now();
                    pause = pause.filter(|at| *at > now);
                    if sys::is_due(&mut self.kill_at, now) {
                        self.pty.signal(Signal::KILL);
                    }
                    if drained.is_some_and(|at| at <= now) {
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
                    if sys::is_due(&mut self.acks_at, now) {
                        self.conns.values_mut().for_each(Conn::acknowledge);
                    }
                    if sys::is_due(&mut rests_at, now) {
                        self.rests();
                    }
                    if sys::is_due(&mut asks_at, now) {
                        self.tty_flags();
                    }
                }
                () = async { match &mut beat { Some(b) => b.next().await, None => tokio::time::sleep(TICK).await } } => {
                    left = false;
                    if end.is_none() {
                        self.reaped();
                    }
                    self.look_after_socket(&mut listening);
                    self.look_at_foreground();
                    let viewed = self.conns.values().any(|c| c.viewer.is_some());
                    if std::mem::replace(&mut looked_at, viewed) != viewed {
                        self.pty.look(viewed);
                    }
                    // after all else: what this beat itself has touched is given back, too
                    if own_pages.is_none() || !std::mem::take(&mut busy) {
                        own_pages.get_or_insert_with(sys::OwnPages::find).give_back();
                    }
                }
                Ok(()) = async { match &mut device { Some(d) => d.changed().await, None => std::future::pending().await } } => {
                    if let Some(d) = &mut device {
                        let now = d.borrow_and_update().clone();
                        if matches!(self.pty, Backend::Bridge(_)) {
                            self.record.info.command = vec![now.what.clone()];
                        }
                        // (of a host behind a channel there is nothing to say while it is heard)
                        self.record.info.device = Some(Box::new(now)).filter(|d| !d.state.is_empty());
                    }
                    busy = true;
                    self.tell(&Notice::SessionChanged(Box::new(self.info())));
                }
                Some(back) = looked.recv() => {
                    busy = true;
                    self.looked(back);
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
                                if n < LITTLE {
                                    ready.clear_ready();
                                    break;
                                }
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
                    let now = Instant::now();
                    if let Some((quiet, _)) = &mut drain && taken > 0 {
                        *quiet = now + Duration::from_millis(100);
                    }
                    self.pump();
                    asks_at = (!self.conns.is_empty()).then(|| now + ASKS);
                    // (who has it all waits for nothing)
                    rests_at = self.conns.values().any(|c| c.is_behind(&self.ring)).then(|| now + RESTS);
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

    /// Who watches hears when another program is in the foreground.
    fn look_at_foreground(&mut self) {
        if self.conns.is_empty() || self.ended.is_some() {
            return;
        }
        let now = self.pty.foreground();
        if std::mem::replace(&mut self.foreground, now) != now {
            self.tell(&Notice::SessionChanged(Box::new(self.info())));
        }
    }

    fn accept(&mut self, id: u64, stream: UnixStream, events: &mpsc::UnboundedSender<(u64, ConnEvent)>) {
        let ours = rustix::process::geteuid().as_raw();
        if sys::peer_uid(&stream).ok() != Some(ours) {
            return;
        }
        let Ok(stream) = stream.into_std().and_then(sys::FdStream::new) else { return };
        let (r, w) = tokio::io::split(stream);
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

    fn reaped(&mut self) {
        if let Some(End { code, cause }) = self.pty.reap() {
            self.ended = Some(SessionExited { exit_code: code, cause });
        }
    }

    /// Hang-up as at the end of a connection; whoever does not go within a second is killed.
    pub(super) fn hang_up(&mut self) {
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
            self.link_lent();
        }
        *listening = start::bind(&self.run, &self.id)
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
            let marks = super::marks::lines(&self.engine.marks(), 0);
            let all = Remains { screen: &screen, history: &history, ring, marks: &marks };
            if let Err(e) = self.run.write_end(header, all) {
                tracing::error!(error = %e, "the end can't be recorded");
            }
        }
        self.run.withdraw(&self.id);
        for (out, id) in std::mem::take(&mut self.closing) {
            call::answer(&out, id, call::reply(Done {}));
        }
        let Session { conns, ring, engine, snapshot, size, resizes, .. } = &mut self;
        for conn in conns.values_mut() {
            conn.pump_last(ring, *size, &mut |revision| screen(engine, ring, *resizes, revision, snapshot));
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

fn nonblocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    rustix::fs::fcntl_setfl(&fd, flags | rustix::fs::OFlags::NONBLOCK)?;
    Ok(fd)
}
