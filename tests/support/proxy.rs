//! Owns a network that fails or is far: a TCP proxy that cuts, resets, stalls (one way or both) and refuses, on demand or
//! after so many bytes; and that takes its time, with a delay, a rate and loss ([`Line`]). It needs no rights; where there
//! are some, `cable.rs` is the real thing.

#[path = "wire.rs"]
pub mod wire;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
pub use wire::Line;
use wire::Wire;

/// Bytes of a packet: so many are lost together.
const PACKET: usize = 1448;
/// TCP sends anew what nobody acknowledged after this and a round trip, at the soonest (Linux; RFC 6298 has a second).
const AGAIN: Duration = Duration::from_millis(200);

#[derive(Default)]
struct State {
    streams: Mutex<Vec<TcpStream>>,
    /// Bytes that still pass before everything is cut; negative = no limit.
    budget: AtomicI64,
    cuts: AtomicUsize,
    opened: AtomicUsize,
    /// The next end is a reset.
    reset: AtomicBool,
    /// Towards the server, and back.
    stalled: [AtomicBool; 2],
    refusing: AtomicBool,
    over: AtomicBool,
    line: Mutex<Option<Line>>,
    loses_one_in: AtomicU64,
    /// Directions that take their time, with the way they go.
    lanes: Mutex<Vec<(usize, Arc<Lane>)>>,
    /// Something came back since the client sent last.
    heard: AtomicBool,
    turns: AtomicUsize,
}

pub struct Proxy {
    pub port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// In front of a port of this machine.
    pub fn start(to: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let state = Arc::new(State::default());
        state.budget.store(-1, Ordering::SeqCst);
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                if shared.refusing.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                shared.opened.fetch_add(1, Ordering::SeqCst);
                for end in [&client, &server] {
                    let _ = end.set_nodelay(true);
                }
                let mut streams = shared.streams.lock().unwrap();
                for (way, from, to) in [(0, &client, &server), (1, &server, &client)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                    let shared = shared.clone();
                    std::thread::spawn(move || pump(&shared, way, from, to));
                }
                streams.extend([client, server]);
            }
        });
        Proxy { port, state }
    }

    /// Everything that is open ends now.
    pub fn cut(&self) {
        cut(&self.state);
    }
    /// Everything that is open ends after so many more bytes, of either direction.
    pub fn cut_after(&self, bytes: u64) {
        self.state.budget.store(bytes as i64, Ordering::SeqCst);
    }
    /// Takes back [`Proxy::cut_after`].
    pub fn never_cut(&self) {
        self.state.budget.store(-1, Ordering::SeqCst);
    }
    pub fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }
    /// Connections ever made.
    pub fn opened(&self) -> usize {
        self.state.opened.load(Ordering::SeqCst)
    }
    /// What ends next ends by a reset (RST).
    pub fn reset_next(&self) {
        self.state.reset.store(true, Ordering::SeqCst);
    }
    /// Nothing passes, and nothing ends: a cable pulled.
    pub fn stall(&self, on: bool) {
        self.stall_ways(on, on);
    }
    /// The same for what goes to the server, and for what comes back.
    pub fn stall_ways(&self, there: bool, back: bool) {
        self.state.stalled[0].store(there, Ordering::SeqCst);
        self.state.stalled[1].store(back, Ordering::SeqCst);
        self.change(|wire, way| wire.held = if way == 0 { there } else { back });
    }
    /// Connections made from here on are of this kind; those that were of some kind already are so from now on.
    pub fn line(&self, line: Line) {
        *self.state.line.lock().unwrap() = Some(line);
        self.change(|wire, _| wire.set(line));
    }
    /// Of so many packets one is lost, where there is a line (0 = none). Who sits above a TCP sees a pause of this
    /// direction, until it was sent again.
    pub fn lose_one_in(&self, packets: u64) {
        self.state.loses_one_in.store(packets, Ordering::SeqCst);
        self.change(|wire, _| wire.loses_one_in = packets);
    }
    fn change(&self, change: impl Fn(&mut Wire, usize)) {
        for (way, lane) in &*self.state.lanes.lock().unwrap() {
            change(&mut lane.inside.lock().unwrap().wire, *way);
            lane.news.notify_all();
        }
    }
    /// How often the client went on after it had heard something: round trips, as far as one follows from the other.
    pub fn turns(&self) -> usize {
        self.state.turns.load(Ordering::SeqCst)
    }
    /// New connections are dropped.
    pub fn refuse(&self, on: bool) {
        self.state.refusing.store(on, Ordering::SeqCst);
    }
}

fn cut(state: &State) {
    state.budget.store(-1, Ordering::SeqCst);
    for (_, lane) in state.lanes.lock().unwrap().drain(..) {
        lane.end(false);
    }
    let mut streams = state.streams.lock().unwrap();
    if !streams.is_empty() {
        state.cuts.fetch_add(1, Ordering::SeqCst);
    }
    let reset = state.reset.swap(false, Ordering::SeqCst);
    for stream in streams.drain(..) {
        // (a socket that is connected to nothing any more resets what it was connected to)
        if !reset || rustix::net::connect_unspec(&stream).is_err() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pump(state: &Arc<State>, way: usize, mut from: TcpStream, mut to: TcpStream) {
    let lane = lane(state, way, &from);
    if let Some(lane) = &lane {
        let (Ok(to), state, lane) = (to.try_clone(), state.clone(), lane.clone()) else { return };
        std::thread::spawn(move || deliver(&state, way, &lane, to));
    }
    let mut buf = [0; 8192];
    while let Ok(n @ 1..) = from.read(&mut buf) {
        if way == 0 && state.heard.swap(false, Ordering::SeqCst) {
            state.turns.fetch_add(1, Ordering::SeqCst);
        }
        if let Some(lane) = &lane {
            if !lane.send(&buf[..n]) {
                return;
            }
            continue;
        }
        while state.stalled[way].load(Ordering::SeqCst) && !state.over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !pass(state, way, &buf[..n], &mut to) {
            break;
        }
    }
    match lane {
        Some(lane) => lane.end(true),
        None => {
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        }
    }
}

/// As much as may still pass; `false` = it is over.
fn pass(state: &State, way: usize, bytes: &[u8], to: &mut TcpStream) -> bool {
    let left = state.budget.load(Ordering::SeqCst);
    let passes = if left < 0 { bytes.len() } else { bytes.len().min(left as usize) };
    state.heard.fetch_or(way == 1, Ordering::SeqCst);
    if to.write_all(&bytes[..passes]).is_err() {
        return false;
    }
    if left >= 0 {
        let n = bytes.len() as i64;
        if state.budget.fetch_sub(n, Ordering::SeqCst) - n <= 0 {
            cut(state);
            return false;
        }
    }
    true
}

/// The other end of a line.
fn deliver(state: &State, way: usize, lane: &Lane, mut to: TcpStream) {
    while let Some(bytes) = lane.arrive() {
        if !pass(state, way, &bytes, &mut to) {
            lane.end(false);
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// One direction of a connection that takes its time.
struct Lane {
    inside: Mutex<Inside>,
    news: Condvar,
}

struct Inside {
    wire: Wire,
    /// Nothing more is sent.
    ended: bool,
    /// Nothing more arrives either.
    gone: bool,
}

/// Where there is a line.
fn lane(state: &State, way: usize, from: &TcpStream) -> Option<Arc<Lane>> {
    let mut lanes = state.lanes.lock().unwrap();
    let line = (*state.line.lock().unwrap())?;
    // the queue is the line's, and not also the kernel's
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(from, 32 << 10);
    let mut wire = Wire::new(line, 0x9e37_79b9_7f4a_7c15 ^ (state.opened.load(Ordering::SeqCst) * 2 + way) as u64);
    wire.loses_one_in = state.loses_one_in.load(Ordering::SeqCst);
    wire.held = state.stalled[way].load(Ordering::SeqCst);
    let lane =
        Arc::new(Lane { inside: Mutex::new(Inside { wire, ended: false, gone: false }), news: Condvar::default() });
    lanes.retain(|(_, l)| !l.inside.lock().unwrap().gone);
    lanes.push((way, lane.clone()));
    Some(lane)
}

impl Lane {
    /// Waits while the queue is full; `false` = nothing arrives any more.
    fn send(&self, bytes: &[u8]) -> bool {
        let mut inside = self.inside.lock().unwrap();
        for piece in bytes.chunks(PACKET) {
            while inside.wire.is_full() && !inside.gone {
                inside = self.news.wait(inside).unwrap();
            }
            let now = Instant::now();
            // (several that are lost within that time are sent again together; one may be lost again)
            let again = AGAIN + 2 * inside.wire.line().delay;
            let mut there = now;
            while inside.wire.loses() {
                there += again;
            }
            inside.wire.pause(there);
            inside.wire.put(piece.to_vec(), now);
        }
        self.news.notify_all();
        !inside.gone
    }

    /// Nothing more is sent; what is under way arrives, or not.
    fn end(&self, arrives: bool) {
        let mut inside = self.inside.lock().unwrap();
        inside.ended = true;
        inside.gone |= !arrives;
        self.news.notify_all();
    }

    /// Waits for what comes next; `None` = nothing more does.
    fn arrive(&self) -> Option<Vec<u8>> {
        let mut inside = self.inside.lock().unwrap();
        loop {
            if inside.gone {
                return None;
            }
            let now = Instant::now();
            if let Some(mut bytes) = inside.wire.take(now) {
                while bytes.len() < 64 << 10
                    && let Some(more) = inside.wire.take(now)
                {
                    bytes.extend(more);
                }
                self.news.notify_all();
                return Some(bytes);
            }
            if inside.ended && inside.wire.is_empty() {
                inside.gone = true;
                return None;
            }
            inside = match inside.wire.due() {
                Some(at) => self.news.wait_timeout(inside, at.saturating_duration_since(now)).unwrap().0,
                None => self.news.wait(inside).unwrap(),
            };
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        self.cut();
        // wakes the one that accepts
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}
