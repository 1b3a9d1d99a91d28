//! Owns what comes from clients' streams: acknowledgements, sizes, and input on its way to the program.
//! Leaves out calls (`calls.rs`).

use super::{QUEUE, Session};
use crate::proto::frame::{Body, Frame};
use std::time::{Duration, Instant};

/// An echo comes within this, or there is none.
const ECHO: Duration = Duration::from_millis(2);
/// The same in a flood, which has to come to rest first.
const ECHO_BEHIND: Duration = Duration::from_millis(12);

impl Session {
    pub(super) fn written(&mut self, n: usize) {
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
                    v.taken = Some(seen);
                    conn.acknowledge();
                }
            }
        }
    }

    pub(super) fn room(&self) -> u64 {
        QUEUE.saturating_sub(self.queue.len() - self.queued) as u64
    }

    pub(super) fn frame(&mut self, conn: u64, frame: Frame) {
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
            && let Some(feed) = c.feed_mut(frame.stream)
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
                self.follow_lent();
                self.fit();
            }
            Body::Data { offset, bytes } if !v.watch => {
                // whether what is typed next will be seen: told before this has changed anything
                self.tty_flags();
                let Some(c) = self.conns.get_mut(&conn) else { return };
                let Some(v) = c.viewer.as_mut() else { return };
                let at = self.applied.get(&v.client);
                // what was applied before a drop is skipped; a gap can't be bridged and is asked for again by the Ack
                let skip = at.saturating_sub(offset).min(bytes.len() as u64) as usize;
                let fresh = if offset <= at { bytes.get(skip..).unwrap_or_default() } else { &[] };
                // what it was allowed to send is taken, whoever else has filled the queue since: it is not sent again
                let fresh = fresh.get(..fresh.len().min(v.input_limit.saturating_sub(at) as usize)).unwrap_or_default();
                let seen = at.saturating_add(fresh.len() as u64);
                match &mut self.encoding {
                    None => self.queue.extend_from_slice(fresh),
                    Some(encoding) => encoding.input(fresh, &mut self.queue),
                }
                self.applied.set(&v.client, seen, now);
                v.input_limit = v.input_limit.max(seen.saturating_add(room.saturating_sub(fresh.len() as u64)));
                v.taken = Some(seen);
                v.typed |= !fresh.is_empty();
                self.activity += 1;
                let was = v.active;
                v.active = self.activity;
                // with the echo, if there is one: a message more for each key would be in its way at every step
                if v.blind {
                    c.acknowledge();
                } else {
                    let at = now + if v.sent < end { ECHO_BEHIND } else { ECHO };
                    self.acks_at = Some(self.acks_at.map_or(at, |before| before.min(at)));
                }
                if was + 1 != self.activity {
                    self.follow_lent();
                    self.fit();
                }
                self.write_now();
            }
            _ => {}
        }
    }

    /// A keystroke does not wait for the loop to come round.
    pub(super) fn write_now(&mut self) {
        if self.queued < self.queue.len()
            && let Ok(n) = self.pty.write(self.queue.get(self.queued..).unwrap_or_default())
        {
            self.written(n);
        }
    }
}
