//! Owns a network that fails or is far: a TCP proxy that cuts, resets, stalls (one way or both) and refuses, on demand or
//! after so many bytes; and that takes its time, with a delay and a rate ([`Line`]).

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a line is like, each way by itself. What it does not carry yet waits in a queue before it, as in a modem.
#[derive(Clone, Copy)]
pub struct Line {
    /// One way.
    pub delay: Duration,
    /// Bytes a second.
    pub rate: u64,
    /// Bytes that may wait; who sends more is held up.
    pub queue: u64,
}

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
    }
    /// Connections made from here on are of this kind.
    pub fn line(&self, line: Line) {
        *self.state.line.lock().unwrap() = Some(line);
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
    let mut buf = [0; 8192];
    let line = *state.line.lock().unwrap();
    let (tx, rx) = sync_channel::<(Instant, Vec<u8>)>(1 << 16);
    if line.is_some() {
        let (Ok(to), state) = (to.try_clone(), state.clone()) else { return };
        std::thread::spawn(move || deliver(&state, way, &rx, to));
    }
    let mut free = Instant::now();
    while let Ok(n @ 1..) = from.read(&mut buf) {
        if way == 0 && state.heard.swap(false, Ordering::SeqCst) {
            state.turns.fetch_add(1, Ordering::SeqCst);
        }
        if let Some(line) = line {
            let took = |bytes: u64| Duration::from_secs_f64(bytes as f64 / line.rate as f64);
            free = free.max(Instant::now()) + took(n as u64);
            if tx.send((free + line.delay, buf[..n].to_vec())).is_err() {
                break;
            }
            std::thread::sleep(free.saturating_duration_since(Instant::now()).saturating_sub(took(line.queue)));
            continue;
        }
        while state.stalled[way].load(Ordering::SeqCst) && !state.over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let left = state.budget.load(Ordering::SeqCst);
        let passes = if left < 0 { n } else { n.min(left as usize) };
        if to.write_all(&buf[..passes]).is_err() {
            break;
        }
        state.heard.fetch_or(way == 1, Ordering::SeqCst);
        if left >= 0 {
            let left = state.budget.fetch_sub(n as i64, Ordering::SeqCst) - n as i64;
            if left <= 0 {
                cut(state);
                return;
            }
        }
    }
    if line.is_none() {
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
}

/// The other end of a line.
fn deliver(state: &State, way: usize, line: &Receiver<(Instant, Vec<u8>)>, mut to: TcpStream) {
    for (due, bytes) in line {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        state.heard.fetch_or(way == 1, Ordering::SeqCst);
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        self.cut();
        // wakes the one that accepts
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}
