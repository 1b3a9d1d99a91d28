//! Owns a network that fails: a TCP proxy that cuts, resets, stalls (one way or both) and refuses, on demand or after so
//! many bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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

fn pump(state: &State, way: usize, mut from: TcpStream, mut to: TcpStream) {
    let mut buf = [0; 8192];
    while let Ok(n @ 1..) = from.read(&mut buf) {
        while state.stalled[way].load(Ordering::SeqCst) && !state.over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let left = state.budget.load(Ordering::SeqCst);
        let passes = if left < 0 { n } else { n.min(left as usize) };
        if to.write_all(&buf[..passes]).is_err() {
            break;
        }
        if left >= 0 {
            let left = state.budget.fetch_sub(n as i64, Ordering::SeqCst) - n as i64;
            if left <= 0 {
                cut(state);
                return;
            }
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        self.cut();
        // wakes the one that accepts
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}
