//! Owns who watches a session: their credit, their wish of a size, what each has been sent.
//! Leaves out the terminal and its bytes.

use crate::link::conn::Outbox;
use crate::link::feed::Feed;
use crate::proto::control::Lent;
use crate::proto::frame::{Body, MAX_PIECE};
use crate::proto::ids::{ClientId, Offset, Size, StreamId};
use crate::proto::pack::pack;
use crate::session::ring::Ring;
use crate::session::search::Searching;
use crate::term::engine::picture;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One client showing the session on one stream.
pub struct Viewer {
    pub stream: StreamId,
    pub client: ClientId,
    /// Output sent up to here.
    pub sent: Offset,
    /// And allowed up to here.
    pub limit: Offset,
    /// The client has taken in so far.
    pub seen: Offset,
    /// Screens that may be on their way at once.
    pub screens: usize,
    /// They are packed.
    pub packed: bool,
    /// Screens on their way that the client has not acknowledged, and their sizes in bytes.
    pub unacked: VecDeque<(Offset, usize)>,
    /// The Screen that was sent beyond what is usual, because the program had come to rest; one at a time.
    pub extra: Offset,
    /// It typed since: what comes to rest now may be the answer, and goes whatever is on its way.
    pub typed: bool,
    /// The terminal's flags, which it is to be told once it has the output up to there.
    pub tty: Option<(Offset, u8)>,
    /// A Screen must go before any further Data.
    pub screen_due: bool,
    /// What it shows ([`picture`]), if nothing but a Screen was sent since; and before when the screen, which looked the same a
    /// moment ago, is not made again.
    pub shows: Option<(u64, Instant)>,
    pub wish: Option<Size>,
    /// When it opened, focused or typed last, in steps of the session's own counter; 0 = never.
    pub active: u64,
    pub watch: bool,
    pub blind: bool,
    /// What is spoken on the stream: Screens are said so.
    pub revision: u32,
    /// The input limit it was told last.
    pub input_limit: Offset,
    /// Its input was taken up to here, which it has not been told yet: that goes with the output which follows, or soon.
    pub taken: Option<Offset>,
    /// It was busy when title or name changed: to be told when it has room.
    pub info_due: bool,
    /// What it brought along.
    pub lent: Lent,
}

pub enum Source {
    Ring,
    Bytes(Arc<Vec<u8>>),
}

/// One connection to the session's socket.
pub struct Conn {
    pub out: Outbox,
    pub viewer: Option<Viewer>,
    pub feeds: Vec<(Feed, Source)>,
    pub searches: Vec<Searching>,
}

impl Conn {
    pub fn new(out: Outbox) -> Conn {
        Conn { out, viewer: None, feeds: Vec::new(), searches: Vec::new() }
    }

    /// What is being answered on this stream.
    pub fn feed_mut(&mut self, stream: StreamId) -> Option<&mut Feed> {
        let searches = self.searches.iter_mut().map(|s| &mut s.feed);
        self.feeds.iter_mut().map(|(f, _)| f).chain(searches).find(|f| f.stream == stream)
    }

    /// Sends what credit allows. `screen` makes the Screen as of now, as a revision has it; `rests` = the program has printed
    /// nothing for a moment.
    pub fn pump(&mut self, ring: &Ring, size: Size, screen: &mut dyn FnMut(u32) -> Arc<Vec<u8>>, rests: bool) {
        let out = &self.out;
        self.feeds.retain_mut(|(feed, source)| {
            !feed.pump(out, |at, most| match source {
                Source::Ring if at < ring.start() => std::borrow::Cow::Borrowed(&[]),
                Source::Ring => std::borrow::Cow::Borrowed(ring.piece(at, most)),
                Source::Bytes(b) => {
                    let at = (at as usize).min(b.len());
                    // copied: the borrow of a shared buffer can't outlive this closure
                    std::borrow::Cow::Owned(b.get(at..(at + most).min(b.len())).unwrap_or_default().to_vec())
                }
            })
        });
        self.searches.retain_mut(|s| s.pump(out));
        if let Some(v) = self.viewer.as_mut().filter(|v| !v.blind) {
            v.pump(out, ring, size, screen, if rests { Pace::Rests } else { Pace::Goes });
            v.tell_tty(out);
        }
    }

    /// Not all that there is to be shown has been sent.
    pub fn is_behind(&self, ring: &Ring) -> bool {
        self.viewer.as_ref().is_some_and(|v| !v.blind && (v.screen_due || v.tty.is_some() || v.sent < ring.end()))
    }

    /// Says what was taken of the client's input, where that was not said.
    pub fn acknowledge(&mut self) {
        if let Some(v) = &mut self.viewer {
            v.acknowledge(&self.out);
        }
    }

    /// The last words: whatever the credit, the client gets the end, as a Screen if it is behind.
    pub fn pump_last(&mut self, ring: &Ring, size: Size, screen: &mut dyn FnMut(u32) -> Arc<Vec<u8>>) {
        self.acknowledge();
        self.pump(ring, size, screen, true);
        if let Some(v) = self.viewer.as_mut().filter(|v| !v.blind) {
            v.pump(&self.out, ring, size, screen, Pace::Over);
            v.tell_tty(&self.out);
        }
    }
}

/// How it stands with the program's output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Goes,
    /// Nothing came for a moment: this may be what somebody waits for.
    Rests,
    /// Nothing comes any more.
    Over,
}

impl Viewer {
    fn acknowledge(&mut self, out: &Outbox) {
        if let Some(seen) = self.taken.take() {
            out.urgent(self.stream, Body::Ack { seen, limit: self.input_limit });
        }
    }

    fn pump(&mut self, out: &Outbox, ring: &Ring, size: Size, screen: &mut dyn FnMut(u32) -> Arc<Vec<u8>>, pace: Pace) {
        let end = ring.end();
        loop {
            let behind = end - self.sent;
            // what the window can't take in one go, or the ring has let go of, is skipped: the client gets the screen instead
            let room = self.limit.saturating_sub(self.sent).max(self.room_behind_screen(end));
            let skip = self.screen_due || (behind > 0 && (self.sent < ring.start() || room < behind));
            if skip {
                let now = Instant::now();
                if pace == Pace::Goes && self.tty.is_none() && self.shows.is_some_and(|(_, until)| now < until) {
                    return;
                }
                let has_room = self.has_room_for_screen();
                match pace {
                    Pace::Goes if !has_room => return,
                    Pace::Rests if !has_room && self.seen < self.extra && !self.typed && self.tty.is_none() => return,
                    _ => {}
                }
                let screen = screen(self.revision);
                let picture = picture(&screen);
                if self.shows.is_some_and(|(shown, _)| shown == picture) && self.tty.is_none() && pace != Pace::Over {
                    // a flood that nobody can tell from what is shown already costs the link nothing
                    self.shows = Some((picture, now + SAME));
                    return;
                }
                if !has_room {
                    (self.extra, self.typed) = (end, false);
                }
                self.shows = Some((picture, now));
                self.send_screen(out, end, size, &screen);
                return;
            }
            if behind == 0 {
                return;
            }
            self.acknowledge(out);
            self.shows = None;
            let piece = ring.piece(self.sent, room.min(MAX_PIECE as u64) as usize);
            out.bulk(self.stream, Body::Data { offset: self.sent, bytes: piece });
            self.sent += piece.len() as u64;
        }
    }

    /// In order with the output: what came before must have gone before.
    fn tell_tty(&mut self, out: &Outbox) {
        if let Some((offset, flags)) = self.tty.take_if(|(offset, _)| *offset <= self.sent) {
            out.bulk(self.stream, Body::Tty { offset, flags });
        }
    }

    fn send_screen(&mut self, out: &Outbox, to: Offset, size: Size, bytes: &[u8]) {
        self.acknowledge(out);
        let packed = if self.packed { pack(bytes) } else { Cow::Borrowed(bytes) };
        let bytes = packed.as_ref();
        let count = bytes.len().div_ceil(MAX_PIECE).max(1);
        for part in 0..count {
            let piece = bytes.get(part * MAX_PIECE..((part + 1) * MAX_PIECE).min(bytes.len())).unwrap_or_default();
            let body = Body::Screen { to, size, part: part as u16, last: part + 1 == count, bytes: piece };
            out.bulk(self.stream, body);
        }
        self.sent = to;
        self.unacked.push_back((to, bytes.len()));
        self.screen_due = false;
    }

    /// A first Screen always has room; another one where what is on its way, and it, are within half of the window: the
    /// answer to a key must not find the link full. It is taken to be as large as the last: it is not made only to be
    /// thrown away.
    fn has_room_for_screen(&self) -> bool {
        let Some((last, size)) = self.unacked.back() else { return true };
        let data = self.sent.saturating_sub(*last.max(&self.seen));
        let screens: u64 = self.unacked.iter().map(|(_, size)| *size as u64).sum();
        let window = self.limit.saturating_sub(self.seen);
        self.unacked.len() < self.screens && data + screens + *size as u64 <= window / 2
    }

    /// A Screen is far beyond what the client has allowed; what little follows it, a prompt where a flood has ended, goes with
    /// it and does not wait for its acknowledgement.
    fn room_behind_screen(&self, end: Offset) -> u64 {
        match self.unacked.back() {
            Some((to, _)) if end - to <= TAIL => end - self.sent,
            _ => 0,
        }
    }

    /// The client's acknowledgement.
    pub fn ack(&mut self, seen: Offset, limit: Offset, end: Offset) {
        self.limit = self.limit.max(limit.min(seen.saturating_add(MOST_WINDOW)));
        self.seen = self.seen.max(seen.min(self.sent));
        let before = self.unacked.len();
        self.unacked.retain(|(to, _)| *to > seen);
        if self.unacked.len() < before {
            // still far behind: another screen serves better than a backlog
            if end - self.sent > self.limit.saturating_sub(self.sent) {
                self.screen_due = true;
            }
        }
    }
}

/// A screen that looks as it did is looked at again after this.
const SAME: Duration = Duration::from_millis(20);
/// Bytes of output that may follow a Screen at once.
const TAIL: u64 = 1 << 10;
/// Screens that may be on their way to one client at once, whatever it says.
pub const MOST_SCREENS: usize = 8;
/// Largest credit a client may give beyond what it has seen: 64 MiB.
pub const MOST_WINDOW: u64 = 64 << 20;

/// How a session's size follows its clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    Latest,
    Smallest,
    Largest,
    Fixed,
}

impl Policy {
    pub fn parse(s: &str) -> Option<Policy> {
        Some(match s {
            "latest" => Policy::Latest,
            "smallest" => Policy::Smallest,
            "largest" => Policy::Largest,
            "fixed" => Policy::Fixed,
            _ => return None,
        })
    }

    /// The size that follows from the clients' wishes; `None` = leave it.
    pub fn decide<'a>(self, viewers: impl Iterator<Item = &'a Viewer>) -> Option<Size> {
        let wishes = viewers.filter(|v| !v.watch).filter_map(|v| Some((v.active, v.wish?)));
        match self {
            Policy::Fixed => None,
            Policy::Latest => wishes.max_by_key(|(active, _)| *active).map(|(_, s)| s),
            Policy::Smallest => {
                wishes.map(|(_, s)| s).reduce(|a, b| Size { rows: a.rows.min(b.rows), cols: a.cols.min(b.cols) })
            }
            Policy::Largest => wishes
                .map(|(_, s)| s)
                .reduce(|a, b| Size { rows: a.rows.max(b.rows), cols: a.cols.max(b.cols) })
                .map(Size::clamped),
        }
    }
}

/// Input applied, by client: kept for 64 clients and 24 hours.
#[derive(Default)]
pub struct Applied {
    by: HashMap<ClientId, (Offset, Instant)>,
}

impl Applied {
    const CLIENTS: usize = 64;
    const FOR: Duration = Duration::from_secs(24 * 3600);

    /// Where a client's input stands. `None` = it has sent some and is not known any more. Who is `here` now is never
    /// forgotten: its next key would be taken for one out of order.
    pub fn at_attach(
        &mut self,
        client: &ClientId,
        sent: Offset,
        now: Instant,
        here: impl Fn(&ClientId) -> bool,
    ) -> Option<Offset> {
        self.by.retain(|c, (_, seen)| now.duration_since(*seen) < Applied::FOR || c == client || here(c));
        if let Some((at, seen)) = self.by.get_mut(client) {
            *seen = now;
            return Some(*at);
        }
        if self.by.len() >= Applied::CLIENTS
            && let Some(oldest) =
                self.by.iter().filter(|(c, _)| !here(c)).min_by_key(|(_, (_, seen))| *seen).map(|(c, _)| c.clone())
        {
            self.by.remove(&oldest);
        }
        // what it sent before is lost to memory: it goes on from where it is
        self.by.insert(client.clone(), (sent, now));
        (sent == 0).then_some(0)
    }

    pub fn get(&self, client: &ClientId) -> Offset {
        self.by.get(client).map_or(0, |(at, _)| *at)
    }

    pub fn set(&mut self, client: &ClientId, at: Offset, now: Instant) {
        self.by.insert(client.clone(), (at, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(window: u64) -> Viewer {
        Viewer {
            stream: 2,
            client: ClientId::random(),
            sent: 0,
            limit: window,
            seen: 0,
            screens: 1,
            packed: false,
            unacked: VecDeque::new(),
            extra: 0,
            typed: false,
            tty: None,
            screen_due: false,
            shows: None,
            wish: None,
            active: 0,
            watch: false,
            blind: false,
            revision: crate::proto::hello::REVISION,
            input_limit: 0,
            taken: None,
            info_due: false,
            lent: Lent::default(),
        }
    }

    #[test]
    fn a_flood_becomes_one_screen_until_it_is_acknowledged() {
        let mut conn = Conn::new(Outbox::new());
        conn.viewer = Some(viewer(1000));
        let mut ring = Ring::new(1 << 20);
        let mut screens = 0;
        for _ in 0..100 {
            ring.push(&[b'x'; 500]);
            conn.pump(
                &ring,
                Size::new(80, 24),
                &mut |_| {
                    screens += 1;
                    Arc::new(vec![screens as u8; 40_000])
                },
                false,
            );
        }
        assert_eq!(screens, 1);
        let v = conn.viewer.as_mut().unwrap();
        let to = v.unacked.back().unwrap().0;
        assert!(v.sent <= to + TAIL && v.sent < ring.end());
        v.ack(to, to + 1000, ring.end());
        assert!(v.screen_due, "what is missing does not fit the window");
        conn.pump(&ring, Size::new(80, 24), &mut |_| Arc::new(vec![]), false);
        let v = conn.viewer.as_mut().unwrap();
        assert_eq!(v.sent, ring.end());
        v.ack(ring.end(), ring.end() + 1000, ring.end());
        ring.push(b"y");
        conn.pump(&ring, Size::new(80, 24), &mut |_| panic!("data will do"), false);
        assert_eq!(conn.viewer.unwrap().sent, ring.end());
    }

    #[test]
    fn what_a_flood_ends_with_waits_for_nobody() {
        let mut conn = Conn::new(Outbox::new());
        conn.viewer = Some(viewer(1000));
        let mut ring = Ring::new(1 << 20);
        let mut screens = 0;
        let mut pump = |conn: &mut Conn, ring: &Ring, rests| {
            let before = screens;
            let mut screen = |_| {
                screens += 1;
                Arc::new(vec![screens as u8; 40_000])
            };
            conn.pump(ring, Size::new(80, 24), &mut screen, rests);
            screens - before
        };
        ring.push(&[b'x'; 5000]);
        assert_eq!(pump(&mut conn, &ring, false), 1);
        ring.push(&[b'y'; 5000]);
        assert_eq!(pump(&mut conn, &ring, false), 0, "the first is not acknowledged");
        assert_eq!(pump(&mut conn, &ring, true), 1);
        assert_eq!(pump(&mut conn, &ring, true), 0, "it is there already");
        ring.push(&[b'z'; 5000]);
        assert_eq!(pump(&mut conn, &ring, true), 0, "once until that has arrived");
        // but a key may be answered by it
        conn.viewer.as_mut().unwrap().typed = true;
        assert_eq!(pump(&mut conn, &ring, false), 0, "the flood goes on");
        assert_eq!(pump(&mut conn, &ring, true), 1);
        ring.push(&[b'z'; 5000]);
        assert_eq!(pump(&mut conn, &ring, true), 0, "once for a key");
        let end = ring.end();
        conn.viewer.as_mut().unwrap().ack(15_000, 16_000, end);
        assert_eq!(pump(&mut conn, &ring, false), 1);
    }

    #[test]
    fn what_looks_the_same_is_not_sent_again() {
        let mut conn = Conn::new(Outbox::new());
        conn.viewer = Some(viewer(1000));
        let mut ring = Ring::new(1 << 20);
        let mut pump = |conn: &mut Conn, looks: u8, rests| {
            ring.push(&[looks; 5000]);
            let before = conn.out.waiting();
            conn.pump(&ring, Size::new(80, 24), &mut |_| Arc::new(vec![looks; 400]), rests);
            let v = conn.viewer.as_mut().unwrap();
            v.ack(v.sent, v.sent + 1000, ring.end());
            if let Some((_, until)) = &mut v.shows {
                *until = Instant::now();
            }
            conn.out.waiting() > before
        };
        assert!(pump(&mut conn, b'y', false));
        assert!(!pump(&mut conn, b'y', false));
        conn.viewer.as_mut().unwrap().typed = true;
        assert!(!pump(&mut conn, b'y', true));
        assert!(conn.viewer.as_ref().unwrap().typed, "it is not answered");
        assert!(pump(&mut conn, b'n', false));
        // asked for anew (another size, say), and where flags wait for it
        conn.viewer.as_mut().unwrap().shows = None;
        assert!(pump(&mut conn, b'n', false));
        conn.viewer.as_mut().unwrap().tty = Some((0, 1));
        assert!(pump(&mut conn, b'n', false));
        assert_eq!(conn.viewer.as_ref().unwrap().tty, None);
    }

    #[test]
    fn flags_of_the_terminal_come_behind_the_output_before_them() {
        let mut conn = Conn::new(Outbox::new());
        conn.viewer = Some(viewer(1000));
        let mut ring = Ring::new(1 << 20);
        let pump = |conn: &mut Conn, ring: &Ring, rests| {
            conn.pump(ring, Size::new(80, 24), &mut |_| Arc::new(vec![0; 400]), rests);
            conn.viewer.as_ref().unwrap().tty
        };
        let told = |conn: &mut Conn, at| {
            let Conn { out, viewer, .. } = conn;
            let v = viewer.as_mut().unwrap();
            v.tty = Some((at, 1));
            v.tell_tty(out);
            v.tty.is_none()
        };
        assert!(told(&mut conn, 0));
        ring.push(&[b'y'; 5000]);
        pump(&mut conn, &ring, false);
        assert!(told(&mut conn, 5000));
        ring.push(&[b'y'; 5000]);
        pump(&mut conn, &ring, false);
        assert!(!told(&mut conn, 10_000), "it is behind");
        assert_eq!(pump(&mut conn, &ring, true), None, "with the Screen");
    }

    #[test]
    fn a_prompt_behind_a_screen_goes_with_it() {
        let mut conn = Conn::new(Outbox::new());
        conn.viewer = Some(viewer(1000));
        let mut ring = Ring::new(1 << 20);
        let mut screens = 0;
        let mut pump = |conn: &mut Conn, ring: &Ring, rests| {
            let mut screen = |_| {
                screens += 1;
                Arc::new(vec![screens as u8; 40_000])
            };
            conn.pump(ring, Size::new(80, 24), &mut screen, rests);
            (screens, conn.viewer.as_ref().unwrap().sent)
        };
        ring.push(&[b'y'; 5000]);
        assert_eq!(pump(&mut conn, &ring, false), (1, 5000));
        ring.push(&[b'y'; 5000]);
        assert_eq!(pump(&mut conn, &ring, false), (1, 5000));
        // what Ctrl-C echoes, and the one Screen for it; the shell takes its time for the prompt
        ring.push(b"^C\r\n");
        assert_eq!(pump(&mut conn, &ring, true), (2, 10_004));
        ring.push(b"$ ");
        assert_eq!(pump(&mut conn, &ring, false), (2, 10_006), "nothing is acknowledged");
        ring.push(b"l");
        assert_eq!(pump(&mut conn, &ring, false), (2, 10_007));
        // but not a backlog
        ring.push(&[b'z'; TAIL as usize]);
        assert_eq!(pump(&mut conn, &ring, true), (2, 10_007));
        let end = ring.end();
        conn.viewer.as_mut().unwrap().ack(10_004, 11_004, end);
        assert_eq!(pump(&mut conn, &ring, false), (3, end));
    }

    #[test]
    fn latest_decides_the_size() {
        let (mut a, mut b) = (viewer(0), viewer(0));
        (a.wish, a.active) = (Some(Size::new(80, 24)), 1);
        (b.wish, b.active) = (Some(Size::new(40, 50)), 2);
        assert_eq!(Policy::Latest.decide([&a, &b].into_iter()), Some(Size::new(40, 50)));
        assert_eq!(Policy::Smallest.decide([&a, &b].into_iter()), Some(Size::new(40, 24)));
        assert_eq!(Policy::Largest.decide([&a, &b].into_iter()), Some(Size::new(80, 50)));
        b.watch = true;
        assert_eq!(Policy::Latest.decide([&a, &b].into_iter()), Some(Size::new(80, 24)));
        assert_eq!(Policy::Fixed.decide([&a].into_iter()), None);
    }

    #[test]
    fn input_of_a_client_is_remembered() {
        let mut applied = Applied::default();
        let (c, now) = (ClientId::random(), Instant::now());
        let nobody = |_: &ClientId| false;
        assert_eq!(applied.at_attach(&c, 0, now, nobody), Some(0));
        applied.set(&c, 7, now);
        assert_eq!(applied.at_attach(&c, 9, now, nobody), Some(7));
        let other = ClientId::random();
        assert_eq!(applied.at_attach(&other, 5, now, nobody), None);
        assert_eq!(applied.get(&other), 5);
        for later in 1..=200 {
            applied.at_attach(&ClientId::random(), 0, now + Duration::from_millis(later), nobody);
        }
        assert!(applied.by.len() <= Applied::CLIENTS);
        assert_eq!(applied.get(&c), 0, "long gone");
    }

    #[test]
    fn who_is_here_is_not_forgotten() {
        let mut applied = Applied::default();
        let (c, now) = (ClientId::random(), Instant::now());
        applied.at_attach(&c, 0, now, |_| false);
        applied.set(&c, 7, now);
        // as many `thub send` go by, and then a day
        for _ in 0..200 {
            applied.at_attach(&ClientId::random(), 0, now, |x| *x == c);
        }
        let later = now + Applied::FOR * 2;
        applied.at_attach(&ClientId::random(), 0, later, |x| *x == c);
        assert_eq!(applied.get(&c), 7);
        assert_eq!(applied.at_attach(&c, 7, later, |_| false), Some(7), "nor one that comes again");
    }
}
