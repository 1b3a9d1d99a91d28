//! Owns the calls a session answers: the router table and the small bodies. Leaves out attaching (`attach.rs`).

use super::clients::Source;
use super::start::check_free;
use super::{NAMES, QUEUE, Session, internal};
use crate::backend::Backend;
use crate::backend::bridge::Wish;
use crate::link::call::{self, Message};
use crate::link::conn::Outbox;
use crate::link::feed::Feed;
use crate::proto::control::*;
use crate::proto::ids::Offset;
use crate::proto::notice::Notice;
use crate::sys;
use crate::term::engine::Engine;
use crate::term::history;
use crate::term::keys;
use crate::term::screen::Colors;
use serde_json::Value;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::oneshot;

impl Session {
    pub(super) fn message(&mut self, conn: u64, json: &[u8]) {
        let Some(out) = self.conns.get(&conn).map(|c| c.out.clone()) else { return };
        match call::parse(json) {
            Ok(Message::Call { id, method, params }) => {
                if method == SessionClose::NAME {
                    sys::test_point("close");
                    self.closing.push((out, id));
                    self.killed = true;
                    return self.hang_up();
                }
                if method == SessionAct::NAME {
                    return self.act(out, id, params);
                }
                let result = self.call(conn, &method, params);
                call::answer(&out, id, result);
            }
            Ok(_) => {}
            Err(fault) => tracing::warn!(code = fault.code, "a message that is none"),
        }
    }

    pub(super) fn call(&mut self, conn: u64, method: &str, p: Value) -> Result<Value, Fault> {
        match method {
            SessionGet::NAME => call::reply(SessionCreated { session: self.info(), told: None }),
            SessionAttach::NAME => call::reply(self.attach(conn, call::params(p)?)?),
            SessionDetach::NAME => {
                let stream = call::params::<SessionDetach>(p)?.stream;
                if let Some(c) = self.conns.get_mut(&conn) {
                    // an answer's stream, or the session's
                    let answers = c.feed_mut(stream).is_some();
                    c.feeds.retain(|(f, _)| f.stream != stream);
                    c.searches.retain(|s| s.feed.stream != stream);
                    if !answers {
                        c.viewer = None;
                    }
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
                let bytes = history::lines_for(r.revision, bytes);
                let reply =
                    SessionHistoryReply { from, to, open: self.engine.history().is_open(), bytes: bytes.len() as u64 };
                self.feed(conn, Feed::new(r.stream, 0, reply.bytes, r.window), Source::Bytes(Arc::new(bytes)));
                call::reply(reply)
            }
            SessionCapture::NAME => {
                let c: SessionCapture = call::params(p)?;
                let (reply, bytes) = captured(&self.engine, self.ring.end(), c.from, c.revision);
                self.feed(conn, Feed::new(c.stream, 0, bytes.len() as u64, c.window), Source::Bytes(Arc::new(bytes)));
                call::reply(reply)
            }
            SessionSearch::NAME => call::reply(self.search(conn, call::params(p)?)?),
            SessionMarks::NAME => {
                let m: SessionMarks = call::params(p)?;
                let bytes = super::marks::lines(&self.engine.marks(), m.from);
                let reply = SessionMarksReply { bytes: bytes.len() as u64 };
                self.feed(conn, Feed::new(m.stream, 0, reply.bytes, m.window), Source::Bytes(Arc::new(bytes)));
                call::reply(reply)
            }
            _ => Err(Fault::unknown_to_session(method)),
        }
    }

    /// Something is done with what it is connected to; answered once that has said how it went.
    fn act(&mut self, out: Outbox, id: u64, p: Value) {
        let asked = call::params::<SessionAct>(p).and_then(|asked| match &self.pty {
            _ if self.ended.is_some() => Err(Fault::new(Fault::ENDED, "the session has ended")),
            Backend::Bridge(bridge) => {
                let (done, answer) = oneshot::channel();
                bridge.wish(Wish::Act(asked.act, done));
                Ok(answer)
            }
            _ => Err(Fault::new(
                Fault::WRONG_KIND,
                "it is a program: that is done with a serial port, a container or a telnet host",
            )),
        });
        let answer = match asked {
            Ok(answer) => answer,
            Err(fault) => return call::answer(&out, id, Err(fault)),
        };
        tokio::spawn(async move {
            let gone = || Fault::new(Fault::ENDED, "the session has ended");
            let result = answer.await.unwrap_or_else(|_| Err(gone())).and_then(call::reply);
            call::answer(&out, id, result);
        });
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

    pub(super) fn feed(&mut self, conn: u64, feed: Feed, source: Source) {
        if let Some(c) = self.conns.get_mut(&conn) {
            c.feeds.retain(|(f, _)| f.stream != feed.stream);
            c.feeds.push((feed, source));
        }
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

    pub(super) fn info(&self) -> SessionInfo {
        let mut info = self.record.info.clone();
        info.clients = self.conns.values().filter(|c| c.viewer.as_ref().is_some_and(|v| !v.blind)).count() as u32;
        info.state = match (&self.ended, info.clients) {
            (Some(_), _) => "exited".into(),
            (None, 0) => "detached".into(),
            (None, _) => "running".into(),
        };
        info.cols = self.size.cols;
        info.rows = self.size.rows;
        let up = sys::boot_ms();
        info.age_s = (up.saturating_sub(self.began_ms) / 1000).max(1);
        if let Some(device) = &mut info.device {
            device.since_ms = sys::unix_ms(SystemTime::now()).saturating_sub(up.saturating_sub(device.since_up));
        }
        info.offset = self.ring.end();
        info.bells = self.bells;
        info.title = self.engine.title().to_string();
        let front = self.pty.foreground().filter(|_| self.ended.is_none());
        if info.title.is_empty()
            && let Some(name) = front.and_then(|p| sys::foreground_command(p.as_raw_nonzero().get()))
        {
            info.title = name;
        }
        let other = front.filter(|front| Some(*front) != self.pty.pid());
        info.running = other.and_then(|p| sys::foreground_line(p.as_raw_nonzero().get(), RUNNING)).unwrap_or_default();
        let directory = self.engine.directory();
        if !directory.is_empty() {
            info.cwd = directory.to_string();
        } else if let Some(cwd) = self.pty.pid().and_then(|p| sys::cwd_of(p.as_raw_nonzero().get())) {
            info.cwd = cwd.to_string_lossy().into_owned();
        }
        if let Some(exit) = &self.ended {
            info.exit_code = exit.exit_code;
            info.cause = exit.cause.clone();
        }
        info
    }
}

/// History from a line on, and the screen, of this moment.
fn captured(engine: &Engine, offset: Offset, from: Option<u64>, revision: u32) -> (SessionCaptured, Vec<u8>) {
    let history = engine.history();
    let (from, to, bytes) = history.range(from.unwrap_or(u64::MAX), None);
    let mut bytes = history::lines_for(revision, bytes);
    let history_bytes = bytes.len() as u64;
    let screen = engine.snapshot_for(revision);
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
