//! Owns what one direction of a line does to what is sent over it: it waits, takes its time at a rate, and comes later.
//! Pure: the clock is passed in. Leaves out whose bytes they are, and what becomes of what is lost (`proxy.rs`, `cable.rs`).
//! Include it by `#[path]`.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What a line is like, each way by itself. What it does not carry yet waits in a queue before it, as in a modem.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// One way.
    pub delay: Duration,
    /// Bytes a second.
    pub rate: u64,
    /// Bytes that may wait; who sends more is held up.
    pub queue: u64,
}

impl Line {
    /// As good as none at all.
    pub const FREE: Line = Line { delay: Duration::ZERO, rate: 1 << 30, queue: 1 << 20 };
}

/// One direction. It carries pieces, in order.
pub struct Wire {
    line: Line,
    /// Of so many pieces one is lost; 0 = none.
    pub loses_one_in: u64,
    /// Nothing passes, and nothing is lost.
    pub held: bool,
    waiting: VecDeque<Vec<u8>>,
    bytes: u64,
    /// Has left the modem; is there at this time.
    under_way: VecDeque<(Instant, Vec<u8>)>,
    /// When the modem is done with what it has.
    free: Option<Instant>,
    last: Option<Instant>,
    dice: u64,
}

impl Wire {
    pub fn new(line: Line, seed: u64) -> Wire {
        Wire {
            line,
            loses_one_in: 0,
            held: false,
            waiting: VecDeque::new(),
            bytes: 0,
            under_way: VecDeque::new(),
            free: None,
            last: None,
            dice: seed | 1,
        }
    }

    pub fn line(&self) -> Line {
        self.line
    }
    /// What waits goes at the new rate; what is under way comes as it would have.
    pub fn set(&mut self, line: Line) {
        self.line = line;
    }

    /// More than this must not be put in.
    pub fn is_full(&self) -> bool {
        self.bytes >= self.line.queue
    }
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }

    /// Whether the next piece is lost.
    pub fn loses(&mut self) -> bool {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.loses_one_in > 0 && (self.dice >> 11).is_multiple_of(self.loses_one_in)
    }

    pub fn put(&mut self, piece: Vec<u8>, now: Instant) {
        if self.waiting.is_empty() {
            self.free = self.free.max(Some(now));
        }
        self.bytes += piece.len() as u64;
        self.waiting.push_back(piece);
    }

    /// Nothing that is put in from now on comes before this.
    pub fn pause(&mut self, until: Instant) {
        self.last = self.last.max(Some(until));
    }

    /// What has arrived by now, the oldest first.
    pub fn take(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.held {
            return None;
        }
        while self.free.is_none_or(|at| at <= now) {
            let Some(piece) = self.waiting.pop_front() else { break };
            self.bytes -= piece.len() as u64;
            let took = Duration::from_secs_f64(piece.len() as f64 / self.line.rate.max(1) as f64);
            let gone = self.free.unwrap_or(now) + took;
            self.free = Some(gone);
            // (never in another order, whatever the delay has become)
            let due = self.last.max(Some(gone + self.line.delay)).unwrap_or(gone);
            self.last = Some(due);
            self.under_way.push_back((due, piece));
        }
        self.under_way.pop_front_if(|(due, _)| *due <= now).map(|(_, piece)| piece)
    }

    /// When to look again; `None` = not before something is put in or changed.
    pub fn due(&self) -> Option<Instant> {
        let modem = if self.waiting.is_empty() { None } else { self.free };
        let arrives = self.under_way.front().map(|(due, _)| *due);
        if self.held { None } else { modem.into_iter().chain(arrives).min() }
    }

    pub fn clear(&mut self) {
        (self.bytes, self.free, self.last) = (0, None, None);
        self.waiting.clear();
        self.under_way.clear();
    }
}
