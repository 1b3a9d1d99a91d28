//! Owns who shows the session: attach, leave, and whose size it has. Leaves out what they are sent (`clients.rs`).

use super::Session;
use super::clients::{self, Viewer};
use crate::proto::control::*;
use crate::proto::frame::Body;
use crate::proto::hello;
use crate::proto::ids::{ClientId, Size};
use crate::sys;
use std::collections::VecDeque;
use std::time::Instant;

/// Missing output that is sent as bytes rather than as a Screen at a re-attach.
const CATCH_UP: u64 = 64 << 10;

impl Session {
    pub(super) fn attach(&mut self, conn: u64, a: SessionAttach) -> Result<SessionAttached, Fault> {
        if a.stream == 0 {
            return Err(Fault::new(Fault::BAD_PARAMS, "stream 0 is the link itself"));
        }
        if a.size.is_some_and(|s| !s.is_valid()) {
            return Err(Fault::new(Fault::BAD_PARAMS, "the size is out of bounds"));
        }
        let revision = hello::agree_on_stream((a.revision_min, a.revision_max))?;
        // before they are read for the newcomer alone: who is here already is told of them, too
        self.tty_flags();
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
        // who comes by another way stays as active as it was
        let stays = older.iter().filter_map(|id| self.conns.get(id)?.viewer.as_ref()).find(|v| !v.watch && a.auto);
        let stays = stays.map(|v| v.active);
        // (whose size it is is decided with the new one)
        for id in older {
            self.let_go(id);
        }
        let active = if a.watch || a.blind {
            0
        } else if let Some(active) = stays {
            active
        } else if a.auto && !alone {
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
            seen: 0,
            packed: a.packed,
            screens: (a.screens as usize).clamp(1, clients::MOST_SCREENS),
            unacked: VecDeque::new(),
            extra: 0,
            typed: false,
            tty: None,
            screen_due: true,
            shows: None,
            wish: if a.watch || a.blind { None } else { a.size },
            active,
            watch: a.watch,
            blind: a.blind,
            revision,
            input_limit,
            taken: None,
            info_due: false,
            lent: if a.watch || a.blind { crate::proto::control::Lent::default() } else { a.lent },
        });
        self.follow_lent();
        self.fit();
        let (start, end) = (self.ring.start(), self.ring.end());
        let have = a.have.filter(|h| {
            *h >= start
                && *h <= end
                && end - h <= CATCH_UP.min(a.window)
                && a.resizes == before
                && before == self.resizes
        });
        sys::test_point("replay");
        let (offset, screen) = match have {
            Some(have) => (have, false),
            None => (end, true),
        };
        if let Some(v) = self.conns.get_mut(&conn).and_then(|c| c.viewer.as_mut()) {
            v.sent = offset;
            v.seen = offset;
            v.limit = offset.saturating_add(a.window.min(clients::MOST_WINDOW));
            v.screen_due = screen;
            if !v.blind {
                let (stream, flags) = (v.stream, self.flags);
                if let Some(c) = self.conns.get(&conn) {
                    c.out.bulk(stream, Body::Tty { offset, flags });
                }
            }
        }
        Ok(SessionAttached {
            revision,
            build: hello::BUILD.into(),
            features: Vec::new(),
            offset,
            screen,
            resizes: self.resizes,
            input_applied,
            input_limit,
            session: self.info(),
            direct: None,
        })
    }

    pub(super) fn leave(&mut self, conn: u64) {
        if self.let_go(conn) {
            self.follow_lent();
            self.fit();
        }
    }

    /// Ends a connection; whether the session was shown there.
    fn let_go(&mut self, conn: u64) -> bool {
        let Some(mut gone) = self.conns.remove(&conn) else { return false };
        sys::test_point("detach");
        gone.acknowledge();
        gone.out.close();
        gone.viewer.is_some()
    }

    /// Brings the size to what the clients wish, by the policy.
    pub(super) fn fit(&mut self) {
        if self.pinned {
            return;
        }
        if let Some(size) = self.policy.decide(self.conns.values().filter_map(|c| c.viewer.as_ref())) {
            self.resize(size);
        }
    }

    /// Takes effect at this output offset, here and at every client: they get the screen anew.
    pub(super) fn resize(&mut self, size: Size) {
        if size == self.size || self.ended.is_some() {
            return;
        }
        sys::test_point("resize");
        self.pump();
        self.engine.resize_under(size, self.pty.is_at_prompt());
        self.resized(size);
    }

    /// The engine has another size now.
    pub(super) fn resized(&mut self, size: Size) {
        self.size = size;
        self.resizes += 1;
        self.pty.resize(size);
        let offset = self.ring.end();
        for conn in self.conns.values_mut() {
            if let Some(v) = conn.viewer.as_mut().filter(|v| !v.blind) {
                conn.out.bulk(v.stream, Body::Size { offset, size });
                (v.screen_due, v.shows) = (true, None);
            }
        }
        self.pump();
    }
}
