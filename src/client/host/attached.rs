//! Owns where a client stands with one session over all links: output it has, input that is not yet applied.
//! Pure. Leaves out the link itself.

use crate::proto::control::{Lent, SessionAttach, SessionAttached};
use crate::proto::hello;
use crate::proto::ids::{ClientId, Offset, SessionId, Size, StreamId};
use crate::proto::pack::unpack;

/// What to do with a piece of output.
#[derive(Debug, PartialEq, Eq)]
pub enum Take {
    /// From this many bytes into the piece on.
    From(usize),
    /// Nothing of it is new.
    Nothing,
    /// Something before it is missing: attach afresh.
    Gap,
}

/// What was typed and is not known to have arrived, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Waiting {
    /// Never sent: dropped, it never arrives.
    pub unsent: usize,
    /// Sent, not confirmed by the session.
    pub sent: usize,
    /// Of `sent`, what a person dropped: it may still arrive over the link it went into.
    pub doubted: usize,
}

/// What became of input that was dropped after it had been sent, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settled {
    /// Had not arrived, and never will.
    pub dropped: usize,
    /// Had arrived.
    pub arrived: usize,
}

pub struct Attached {
    pub session: SessionId,
    pub stream: StreamId,
    pub size: Size,
    /// The size the last attach asked for.
    pub asked: Size,
    pub watch: bool,
    /// Output taken over up to here; none = no screen yet.
    have: Option<Offset>,
    /// How often the session's size had changed, when the last attach was answered; none = it has changed since, or may have:
    /// a change that the attach itself brought is told once more behind the answer, and counting it twice would make a
    /// later one, which was never heard of, look known.
    resizes: Option<u64>,
    window: u64,
    screens: u32,
    /// Over a network: Screens are packed.
    far: bool,
    /// The last acknowledgement sent.
    acked: Offset,
    /// A Screen up to here waits to be acknowledged.
    screen: Option<Offset>,
    /// Parts of a Screen not yet whole.
    parts: Option<(Offset, u16, Vec<u8>)>,
    /// Input not yet applied, the first byte at offset `base`.
    input: Vec<u8>,
    base: Offset,
    /// All that was typed, as who types counts it.
    count: u64,
    /// Sent on this link up to here.
    sent: Offset,
    /// Ever sent, on any link.
    most_sent: Offset,
    /// Dropped by a person after it was sent, `from..to`, and not known to have arrived in whole.
    doubted: Option<(Offset, Offset)>,
    settled: Option<Settled>,
    /// The session takes input up to here.
    limit: Offset,
    /// The attach on this link was answered.
    pub live: bool,
    /// Attached before, on an earlier link.
    pub again: bool,
    pub ended: bool,
}

impl Attached {
    pub fn new(session: SessionId, stream: StreamId, size: Size, watch: bool, window: u64) -> Attached {
        Attached {
            session,
            stream,
            size,
            asked: size,
            watch,
            have: None,
            resizes: None,
            window,
            screens: 1,
            far: false,
            acked: 0,
            screen: None,
            parts: None,
            input: Vec::new(),
            base: 0,
            count: 0,
            sent: 0,
            most_sent: 0,
            doubted: None,
            settled: None,
            limit: 0,
            live: false,
            again: false,
            ended: false,
        }
    }

    /// The attach to send on a new link, on this stream.
    pub fn attach(&mut self, client: &ClientId, stream: StreamId) -> SessionAttach {
        self.begun(stream, self.size);
        self.request(client, stream)
    }

    /// An attach is on its way that asked for this stream and size.
    pub fn begun(&mut self, stream: StreamId, size: Size) {
        self.stream = stream;
        self.asked = size;
        self.live = false;
        self.screen = None;
        self.parts = None;
    }

    /// The attach as it would be asked for now.
    pub fn request(&self, client: &ClientId, stream: StreamId) -> SessionAttach {
        SessionAttach {
            session: self.session.clone(),
            stream,
            client: client.clone(),
            have: self.resizes.and(self.have),
            resizes: self.resizes.unwrap_or(0),
            window: self.window,
            screens: self.screens,
            packed: self.far,
            size: (!self.watch).then_some(self.size),
            auto: self.again,
            watch: self.watch,
            blind: false,
            input_sent: self.most_sent,
            revision_min: hello::REVISION_MIN,
            revision_max: hello::REVISION,
            lent: Lent::default(),
        }
    }

    /// What may be on its way over a network from here on: bytes of output, and Screens among them.
    pub fn allow(&mut self, window: u64, screens: u32) {
        (self.window, self.screens, self.far) = (window, screens, true);
    }

    /// Starts over: the next attach brings a Screen.
    pub fn forget_output(&mut self) {
        self.have = None;
    }

    /// The answer. Returns text that was sent before and may never have arrived: it must not be sent again.
    pub fn answered(&mut self, reply: &SessionAttached) -> Vec<u8> {
        self.live = true;
        self.again = true;
        self.resizes = Some(reply.resizes);
        self.acked = reply.offset;
        if reply.screen {
            // only a Screen moves it; what was there before is void
            self.have = self.have.filter(|_| false);
        }
        let mut undelivered = Vec::new();
        match reply.input_applied {
            // this client was here before, let go, and came again: its count goes on from there
            Some(applied) if applied > self.most_sent => {
                self.applied(self.most_sent);
                self.base = applied;
                self.most_sent = applied;
            }
            Some(applied) => {
                self.applied(applied);
                self.take_back();
            }
            None => {
                self.doubted = None;
                let n = (self.most_sent - self.base).min(self.input.len() as u64) as usize;
                undelivered = self.input.drain(..n).collect();
                self.base += n as u64;
            }
        }
        self.sent = self.base;
        self.limit = reply.input_limit;
        undelivered
    }

    /// The session has taken input up to here.
    fn applied(&mut self, to: Offset) {
        // never more than was sent, whatever the other side says
        let to = to.min(self.most_sent);
        let n = to.saturating_sub(self.base).min(self.input.len() as u64) as usize;
        self.input.drain(..n);
        self.base += n as u64;
        self.sent = self.sent.max(self.base);
        if let Some((from, to)) = self.doubted.take_if(|(_, to)| *to <= self.base) {
            self.settled = Some(Settled { dropped: 0, arrived: (to - from) as usize });
        }
    }

    /// At an attach: the session no longer takes anything from the link before, so what it has not applied of what was
    /// dropped never arrives. What follows is sent in its place, from the offset where the session is.
    fn take_back(&mut self) {
        let Some((from, to)) = self.doubted.take() else { return };
        let n = to.saturating_sub(self.base).min(self.input.len() as u64);
        self.input.drain(..n as usize);
        self.most_sent -= n;
        self.settled = Some(Settled { dropped: n as usize, arrived: self.base.saturating_sub(from) as usize });
    }

    /// What became of dropped input, once it is known.
    pub fn settled(&mut self) -> Option<Settled> {
        self.settled.take()
    }

    pub fn input_ack(&mut self, seen: Offset, limit: Offset) {
        self.applied(seen);
        self.limit = self.limit.max(limit);
    }

    /// `count`: bytes typed with these in all, as who types counts them.
    pub fn typed(&mut self, bytes: &[u8], count: u64) {
        self.input.extend_from_slice(bytes);
        self.count = count;
    }

    /// How far the session has taken them in, in that count.
    pub fn applied_count(&self) -> u64 {
        self.count.saturating_sub(self.input.len() as u64)
    }

    /// Drops what the session has not confirmed: what was never sent at once (returned, bytes), and what was sent as soon
    /// as a new link tells that it has not arrived (returned, bytes that may still arrive).
    pub fn drop_input(&mut self) -> (usize, usize) {
        let sent = self.waiting().sent;
        let unsent = self.input.len() - sent;
        self.input.truncate(sent);
        if sent > 0 {
            let from = self.doubted.map_or(self.base, |(from, _)| from);
            self.doubted = Some((from, self.most_sent));
        }
        (unsent, sent)
    }

    /// What was typed and is not applied.
    pub fn waiting(&self) -> Waiting {
        let up_to = |to: Offset| to.saturating_sub(self.base).min(self.input.len() as u64) as usize;
        let sent = up_to(self.most_sent);
        let doubted = self.doubted.map_or(0, |(_, to)| up_to(to));
        Waiting { unsent: self.input.len() - sent, sent, doubted }
    }

    /// The next piece of input to send, at most `most` bytes; it counts as sent.
    pub fn next_input(&mut self, most: usize) -> Option<(Offset, Vec<u8>)> {
        if !self.live || self.watch {
            return None;
        }
        let room = self.limit.saturating_sub(self.sent).min(most as u64) as usize;
        let at = (self.sent - self.base) as usize;
        let piece = self.input.get(at..(at + room).min(self.input.len())).filter(|p| !p.is_empty())?.to_vec();
        let offset = self.sent;
        self.sent += piece.len() as u64;
        self.most_sent = self.most_sent.max(self.sent);
        Some((offset, piece))
    }

    /// A piece of output at `offset`.
    pub fn output(&mut self, offset: Offset, len: usize) -> Take {
        let Some(have) = self.have else { return Take::Gap };
        let end = offset.saturating_add(len as u64);
        if offset > have {
            return Take::Gap;
        }
        if end <= have {
            return Take::Nothing;
        }
        self.have = Some(end);
        Take::From((have - offset) as usize)
    }

    /// A part of a Screen; the whole comes back with the last one. Parts out of order void it.
    pub fn screen_part(&mut self, to: Offset, part: u16, last: bool, bytes: &[u8]) -> Option<Vec<u8>> {
        const MOST: usize = 64 << 20;
        match &mut self.parts {
            _ if part == 0 => self.parts = Some((to, 0, bytes.to_vec())),
            Some((at, n, all)) if *at == to && n.checked_add(1) == Some(part) && all.len() + bytes.len() <= MOST => {
                *n = part;
                all.extend_from_slice(bytes);
            }
            _ => self.parts = None,
        }
        if !last {
            return None;
        }
        let (to, _, bytes) = self.parts.take()?;
        let bytes = unpack(bytes, MOST)?;
        self.have = Some(to);
        self.screen = Some(to);
        Some(bytes)
    }

    /// The session's size changed: the next attach brings a Screen.
    pub fn resized(&mut self) {
        self.resizes = None;
    }

    /// The reader has taken in (or drawn) up to here: what to acknowledge now, if anything.
    pub fn seen(&mut self, offset: Offset) -> Option<(Offset, Offset)> {
        if !self.live {
            return None;
        }
        let screen = self.screen.is_some_and(|to| offset >= to);
        if !screen && offset.saturating_sub(self.acked) < self.window / 2 {
            return None;
        }
        if screen {
            self.screen = None;
        }
        self.acked = offset;
        Some((offset, offset.saturating_add(self.window)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attached() -> Attached {
        Attached::new("abc".parse().unwrap(), 2, Size::new(80, 24), false, 1000)
    }
    fn reply(applied: Option<u64>) -> SessionAttached {
        SessionAttached { input_applied: applied, input_limit: 100, screen: true, ..SessionAttached::default() }
    }

    #[test]
    fn input_goes_once_over_many_links() {
        let mut a = attached();
        let c = ClientId::random();
        a.attach(&c, 2);
        assert_eq!(a.next_input(10), None, "nothing before the answer");
        assert!(a.answered(&reply(Some(0))).is_empty());
        a.typed(b"hello", 0);
        assert_eq!(a.next_input(3), Some((0, b"hel".to_vec())));
        assert_eq!(a.next_input(3), Some((3, b"lo".to_vec())));
        assert_eq!(a.next_input(3), None);
        // cut: the session had taken four bytes
        assert_eq!(a.attach(&c, 4).input_sent, 5);
        a.typed(b"!", 0);
        assert!(a.answered(&reply(Some(4))).is_empty());
        assert_eq!(a.next_input(10), Some((4, b"o!".to_vec())));
        a.input_ack(6, 106);
        assert_eq!(a.waiting(), Waiting::default());
    }

    #[test]
    fn dropped_input_that_was_sent_is_taken_back_where_it_has_not_arrived() {
        let mut a = attached();
        let c = ClientId::random();
        a.answered(&reply(Some(0)));
        a.typed(b"rm x\r", 0);
        a.next_input(10);
        a.typed(b"rm y\r", 0);
        assert_eq!(a.waiting(), Waiting { unsent: 5, sent: 5, doubted: 0 });
        assert_eq!(a.drop_input(), (5, 5));
        assert_eq!(a.waiting(), Waiting { unsent: 0, sent: 5, doubted: 5 });
        assert_eq!(a.settled(), None);
        a.typed(b"ls\r", 0);
        assert_eq!(a.attach(&c, 4).input_sent, 5);
        assert!(a.answered(&reply(Some(2))).is_empty());
        assert_eq!(a.settled(), Some(Settled { dropped: 3, arrived: 2 }));
        assert_eq!(a.next_input(10), Some((2, b"ls\r".to_vec())), "from where the session is");
        assert_eq!(a.attach(&c, 6).input_sent, 5);
        a.answered(&reply(Some(3)));
        assert_eq!(a.next_input(10), Some((3, b"s\r".to_vec())));
        a.input_ack(5, 105);
        assert_eq!((a.waiting(), a.settled()), (Waiting::default(), None));
        assert_eq!(a.drop_input(), (0, 0));
    }

    #[test]
    fn dropped_input_that_arrives_after_all_is_told() {
        let mut a = attached();
        a.answered(&reply(Some(0)));
        a.typed(b"rm x\r", 0);
        a.next_input(10);
        a.input_ack(1, 101);
        assert_eq!(a.drop_input(), (0, 4));
        // the link heals: what is typed now follows what went into it
        a.typed(b"ls\r", 0);
        assert_eq!(a.next_input(10), Some((5, b"ls\r".to_vec())));
        a.input_ack(4, 104);
        assert_eq!((a.settled(), a.waiting().doubted), (None, 1));
        // dropped once more: all that is not confirmed
        assert_eq!(a.drop_input(), (0, 4));
        a.input_ack(8, 108);
        assert_eq!(a.settled(), Some(Settled { dropped: 0, arrived: 7 }));
        // or it falls, and what was sent after it is sent again in its place
        a.typed(b"rm z\r", 0);
        a.next_input(10);
        a.drop_input();
        a.typed(b"pwd\r", 0);
        assert_eq!(a.next_input(10), Some((13, b"pwd\r".to_vec())));
        a.answered(&reply(Some(9)));
        assert_eq!(a.settled(), Some(Settled { dropped: 4, arrived: 1 }));
        assert_eq!(a.next_input(10), Some((9, b"pwd\r".to_vec())));
        // a session that has forgotten says nothing of what arrived
        a.drop_input();
        assert_eq!(a.answered(&reply(None)), b"pwd\r");
        assert_eq!((a.settled(), a.waiting()), (None, Waiting::default()));
    }

    #[test]
    fn forgotten_input_is_told_and_not_sent_again() {
        let mut a = attached();
        a.answered(&reply(Some(0)));
        a.typed(b"rm x\r", 0);
        a.next_input(10);
        a.typed(b"ls\r", 0);
        assert_eq!(a.answered(&reply(None)), b"rm x\r");
        assert_eq!(a.next_input(10), Some((5, b"ls\r".to_vec())));
    }

    #[test]
    fn a_client_that_comes_again_is_not_taken_for_its_earlier_self() {
        let mut a = attached();
        a.typed(b"early", 0);
        assert!(a.answered(&SessionAttached { input_limit: 300, ..reply(Some(200)) }).is_empty());
        assert_eq!(a.next_input(10), Some((200, b"early".to_vec())), "typed before the answer, and never sent");
        a.input_ack(205, 305);
        assert_eq!(a.waiting(), Waiting::default());
        assert_eq!(a.attach(&ClientId::random(), 4).input_sent, 205);
    }

    #[test]
    fn after_a_change_of_size_a_screen_is_asked_for() {
        let mut a = attached();
        let c = ClientId::random();
        a.answered(&SessionAttached { resizes: 1, ..reply(Some(0)) });
        a.screen_part(10, 0, true, b"");
        let asked = a.attach(&c, 4);
        assert_eq!((asked.have, asked.resizes), (Some(10), 1));
        // its own, told behind the answer; or another one
        a.answered(&SessionAttached { resizes: 2, ..reply(Some(0)) });
        a.resized();
        a.screen_part(20, 0, true, b"");
        assert_eq!(a.attach(&c, 6).have, None);
        a.answered(&SessionAttached { resizes: 2, ..reply(Some(0)) });
        a.screen_part(20, 0, true, b"");
        let asked = a.attach(&c, 8);
        assert_eq!((asked.have, asked.resizes), (Some(20), 2));
    }

    #[test]
    fn lies_of_the_other_side_are_borne() {
        let mut a = attached();
        a.answered(&SessionAttached { resizes: u64::MAX, offset: u64::MAX, ..reply(Some(0)) });
        a.resized();
        a.typed(b"abc", 0);
        a.input_ack(u64::MAX, u64::MAX);
        assert_eq!(a.waiting(), Waiting { unsent: 3, ..Waiting::default() });
        a.next_input(10);
        a.input_ack(u64::MAX, u64::MAX);
        a.drop_input();
        assert!(a.answered(&reply(None)).is_empty());
        assert_eq!(a.output(u64::MAX, 5), Take::Gap);
        a.screen_part(u64::MAX, 0, true, b"");
        assert_eq!(a.output(u64::MAX, 5), Take::Nothing);
        a.screen_part(u64::MAX, 0, false, b"");
        for part in 1..=u16::MAX {
            a.screen_part(u64::MAX, part, false, b"");
        }
        assert_eq!(a.screen_part(u64::MAX, u16::MAX, true, b""), None);
        a.seen(u64::MAX);
    }

    #[test]
    fn output_is_taken_once() {
        let mut a = attached();
        assert_eq!(a.output(0, 5), Take::Gap, "no screen yet");
        assert_eq!(a.screen_part(10, 0, false, b"ab"), None);
        assert_eq!(a.screen_part(10, 1, true, b"c"), Some(b"abc".to_vec()));
        assert_eq!(a.output(10, 5), Take::From(0));
        assert_eq!(a.output(12, 3), Take::Nothing);
        assert_eq!(a.output(12, 5), Take::From(3));
        assert_eq!(a.output(18, 5), Take::Gap);
    }

    #[test]
    fn a_screen_is_acknowledged_when_drawn_and_data_at_half_a_window() {
        let mut a = attached();
        a.answered(&reply(Some(0)));
        a.screen_part(10, 0, true, b"");
        assert_eq!(a.seen(10), Some((10, 1010)));
        assert_eq!(a.seen(400), None);
        assert_eq!(a.seen(510), Some((510, 1510)));
    }
}
