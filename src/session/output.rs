//! Owns what the program says: output into the ring and the screen, notices of what is not a cell, and who is told.
//! Leaves out calls and input.

use super::clients::{Conn, Policy};
use super::ring::Ring;
use super::{QUEUE, Session};
use crate::link::call;
use crate::proto::notice::Notice;
use crate::session::Snapshot;
use crate::term::engine::Engine;
use crate::term::screen::Event;
use std::sync::Arc;

/// A client with so much on its way is not rung at as well.
const BUSY: usize = 256 << 10;

impl Session {
    /// Output of the program: into the ring, through the screen, its answers back.
    pub(super) fn output(&mut self, bytes: &[u8]) {
        match self.encoding.take() {
            None => self.print(bytes),
            Some(mut encoding) => {
                self.print(encoding.output(bytes).as_bytes());
                self.encoding = Some(encoding);
            }
        }
    }

    fn print(&mut self, bytes: &[u8]) {
        self.ring.push(bytes);
        // (a command's end is told from its begin)
        let time = self.time.now(self.commands.is_running());
        self.engine.set_time(time);
        // whose screen it is says how large it is; where nobody looks the program may
        let watched = self.conns.values().any(|c| c.viewer.as_ref().is_some_and(|v| v.wish.is_some()));
        self.engine.set_resizable(!watched && !self.pinned && self.policy != Policy::Fixed);
        let mut said = Vec::new();
        let resets = self.engine.resets();
        self.engine.feed(bytes, &mut said);
        if self.engine.resets() != resets {
            tracing::error!(offset = self.ring.end(), "a bug in the terminal: its screen begins anew");
        }
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
                Event::Mark(mark) => {
                    let told = self.commands.told(&mark);
                    self.tell(&Notice::SessionMark(told));
                }
            }
        }
        if changed {
            self.tell(&Notice::SessionChanged(Box::new(self.info())));
        }
    }

    pub(super) fn tty_flags(&mut self) {
        let flags = self.pty.flags();
        if flags == self.flags {
            return;
        }
        self.flags = flags;
        let offset = self.ring.end();
        for v in self.conns.values_mut().filter_map(|c| c.viewer.as_mut()).filter(|v| !v.blind) {
            v.tty = Some((offset, flags));
        }
        // also where nothing is sent as nothing looks another, or as much is on its way: a secret may be typed next
        self.rests();
    }

    pub(super) fn tell(&mut self, notice: &Notice) {
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

    pub(super) fn pump(&mut self) {
        self.pump_as(false);
    }

    /// The program has printed nothing for a moment.
    pub(super) fn rests(&mut self) {
        self.pump_as(true);
    }

    fn pump_as(&mut self, rests: bool) {
        let Session { conns, ring, engine, snapshot, size, resizes, .. } = self;
        for conn in conns.values_mut() {
            conn.pump(ring, *size, &mut |revision| screen(engine, ring, *resizes, revision, snapshot), rests);
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
}

/// The screen as of now: made once for all who need it.
pub(super) fn screen(
    engine: &Engine,
    ring: &Ring,
    resizes: u64,
    revision: u32,
    cache: &mut Vec<Snapshot>,
) -> Arc<Vec<u8>> {
    let now = |s: &Snapshot| s.at == ring.end() && s.resizes == resizes;
    cache.retain(now);
    if let Some(snapshot) = cache.iter().find(|s| s.revision == revision) {
        return snapshot.bytes.clone();
    }
    let bytes = Arc::new(engine.snapshot_for(revision));
    cache.push(Snapshot { at: ring.end(), resizes, revision, bytes: bytes.clone() });
    bytes
}
