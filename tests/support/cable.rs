//! Owns a far machine's network for real: two network namespaces, each with an end of a cable, which this process carries
//! packets along, with the delay, rate, loss and queue of a [`Line`]; it can be pulled (each way), and its middle can forget
//! the connections it knew, as a router that was restarted. The kernel's own TCP runs over it. Needs root; nothing is left
//! behind, even by who is killed, for namespaces have no names. Include it by `#[path]`, beside `proxy.rs`.
#![allow(dead_code)]

use super::proxy::wire::{Line, Wire};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Addresses of the two ends. (The namespaces are this cable's alone, so they may be the same for every one.)
pub const HERE: &str = "10.83.0.1";
pub const THERE: &str = "10.83.0.2";
/// Packets of one end that are read in a row.
const TURN: usize = 64;

pub struct Cable {
    /// This end, that end.
    ends: [File; 2],
    inside: Arc<Mutex<Inside>>,
    /// Wakes the thread.
    bell: File,
    carrier: Option<JoinHandle<()>>,
}

struct Inside {
    /// There, and back.
    wires: [Wire; 2],
    /// What is sent is lost.
    down: [bool; 2],
    /// Connections the middle knows, by [`Segment::flow`].
    flows: HashSet<[u8; 12]>,
    refusing: bool,
    lost: u64,
    over: bool,
}

impl Cable {
    /// `None`: this needs root, `ip` and /dev/net/tun.
    pub fn new() -> Option<Cable> {
        let (here, tun_here) = end(HERE, THERE)?;
        let (there, tun_there) = end(THERE, HERE)?;
        let bell = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).ok()?;
        let bell = File::from(bell);
        let inside = Arc::new(Mutex::new(Inside {
            wires: [Wire::new(Line::FREE, 0x9e37_79b9_7f4a_7c15), Wire::new(Line::FREE, 0xd1b5_4a32_d192_ed03)],
            down: [false; 2],
            flows: HashSet::new(),
            refusing: false,
            lost: 0,
            over: false,
        }));
        let (shared, hears) = (inside.clone(), bell.try_clone().ok()?);
        let carrier = std::thread::spawn(move || carry(&shared, &hears, [tun_here, tun_there]));
        Some(Cable { ends: [here, there], inside, bell, carrier: Some(carrier) })
    }

    /// Does something at this end: connections made and processes started in it are of this end.
    pub fn here<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        within(&self.ends[0], work)
    }
    /// The same at that end.
    pub fn there<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        within(&self.ends[1], work)
    }

    pub fn line(&self, line: Line) {
        self.change(|inside| inside.wires.iter_mut().for_each(|w| w.set(line)));
    }
    /// Of so many packets one is lost (0 = none).
    pub fn lose_one_in(&self, packets: u64) {
        self.change(|inside| inside.wires.iter_mut().for_each(|w| w.loses_one_in = packets));
    }
    /// Nothing that is sent there or back arrives, and nobody is told.
    pub fn pull(&self, there: bool, back: bool) {
        self.change(|inside| inside.down = [there, back]);
    }
    /// Who goes on with a connection that was made before is answered by a reset (RST).
    pub fn forget(&self) {
        self.change(|inside| inside.flows.clear());
    }
    /// Who begins a connection is answered by a reset.
    pub fn refuse(&self, on: bool) {
        self.change(|inside| inside.refusing = on);
    }
    /// Packets lost so far.
    pub fn lost(&self) -> u64 {
        self.inside.lock().unwrap().lost
    }

    fn change(&self, change: impl FnOnce(&mut Inside)) {
        change(&mut self.inside.lock().unwrap());
        let _ = (&self.bell).write(&1u64.to_ne_bytes());
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.change(|inside| inside.over = true);
        if let Some(carrier) = self.carrier.take() {
            let _ = carrier.join();
        }
    }
}

/// A thread's work in a namespace.
fn within<T: Send>(end: &File, work: impl FnOnce() -> T + Send) -> T {
    let fd = end.as_raw_fd();
    let there = move || {
        // the thread's own, and that of what it starts
        let entered = unsafe { libc::setns(fd, libc::CLONE_NEWNET) };
        assert_eq!(entered, 0, "{}", std::io::Error::last_os_error());
        work()
    };
    std::thread::scope(|s| match s.spawn(there).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// A namespace with one end in it: the namespace, and the end as this process holds it.
fn end(address: &'static str, peer: &'static str) -> Option<(File, File)> {
    std::thread::spawn(move || {
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return None;
        }
        let namespace = File::open("/proc/thread-self/ns/net").ok()?;
        let tun = File::options().read(true).write(true).open("/dev/net/tun").ok()?;
        rustix::io::ioctl_fionbio(&tun, true).ok()?;
        let mut wanted: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in wanted.ifr_name.iter_mut().zip(b"cable") {
            *to = *from as libc::c_char;
        }
        wanted.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        if unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF as _, &wanted) } != 0 {
            return None;
        }
        let ip = |words: &[&str]| Command::new("ip").args(words).output().is_ok_and(|o| o.status.success());
        let set = ip(&["link", "set", "lo", "up"])
            && ip(&["addr", "add", address, "peer", peer, "dev", "cable"])
            && ip(&["link", "set", "cable", "up"]);
        set.then_some((namespace, tun))
    })
    .join()
    .ok()?
}

fn carry(inside: &Mutex<Inside>, bell: &File, tuns: [File; 2]) {
    let mut packet = [0; 65536];
    loop {
        let due = {
            let mut inside = inside.lock().unwrap();
            if inside.over {
                return;
            }
            let now = Instant::now();
            for (way, wire) in inside.wires.iter_mut().enumerate() {
                while let Some(piece) = wire.take(now) {
                    let _ = (&tuns[1 - way]).write(&piece);
                }
            }
            inside.wires.iter().filter_map(Wire::due).min().map(|at| at.saturating_duration_since(now))
        };
        let wait = due.map(|d| Timespec { tv_sec: d.as_secs() as i64, tv_nsec: i64::from(d.subsec_nanos()) });
        let mut ready = [
            PollFd::new(bell, PollFlags::IN),
            PollFd::new(&tuns[0], PollFlags::IN),
            PollFd::new(&tuns[1], PollFlags::IN),
        ];
        if poll(&mut ready, wait.as_ref()).is_err() {
            continue;
        }
        let [rung, ways @ ..] = ready.map(|r| !r.revents().is_empty());
        if rung {
            let _ = { bell }.read(&mut packet[..8]);
        }
        for way in (0..2).filter(|w| ways[*w]) {
            let mut inside = inside.lock().unwrap();
            for _ in 0..TURN {
                let Ok(n @ 1..) = (&tuns[way]).read(&mut packet) else { break };
                if let Some(answer) = inside.sent(way, &packet[..n]) {
                    let _ = (&tuns[way]).write(&answer);
                }
            }
        }
    }
}

impl Inside {
    /// A packet comes to the middle: it goes on, is lost, or is answered from there.
    fn sent(&mut self, way: usize, packet: &[u8]) -> Option<Vec<u8>> {
        if self.down[way] || self.wires[way].loses() || self.wires[way].is_full() {
            self.lost += 1;
            return None;
        }
        if let Some(segment) = Segment::of(packet) {
            let begins = segment.flags & (SYN | ACK) == SYN;
            if begins && !self.refusing {
                self.flows.insert(segment.flow());
            }
            if !self.flows.contains(&segment.flow()) {
                return segment.reset();
            }
        }
        self.wires[way].put(packet.to_vec(), Instant::now());
        None
    }
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// A segment of TCP over IPv4 (RFC 9293, 3.1).
struct Segment {
    from: [u8; 4],
    to: [u8; 4],
    /// Source, destination.
    ports: [[u8; 2]; 2],
    sequence: u32,
    acknowledged: [u8; 4],
    flags: u8,
    /// What it takes of the sequence's numbers.
    length: u32,
}

impl Segment {
    fn of(packet: &[u8]) -> Option<Segment> {
        let head = usize::from(*packet.first()? & 15) * 4;
        if packet[0] >> 4 != 4 || packet.get(9) != Some(&6) || packet.len() < head + 20 {
            return None;
        }
        let (ip, tcp) = packet.split_at(head);
        let flags = tcp[13];
        let data = tcp.len().saturating_sub(usize::from(tcp[12] >> 4) * 4) as u32;
        Some(Segment {
            from: ip[12..16].try_into().ok()?,
            to: ip[16..20].try_into().ok()?,
            ports: [[tcp[0], tcp[1]], [tcp[2], tcp[3]]],
            sequence: u32::from_be_bytes(tcp[4..8].try_into().ok()?),
            acknowledged: tcp[8..12].try_into().ok()?,
            flags,
            length: data + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0),
        })
    }

    /// Whose it is, the same for both directions.
    fn flow(&self) -> [u8; 12] {
        let mut ends = [(self.from, self.ports[0]), (self.to, self.ports[1])];
        ends.sort();
        let mut flow = [0; 12];
        for ((address, port), part) in ends.iter().zip(flow.chunks_mut(6)) {
            part[..4].copy_from_slice(address);
            part[4..].copy_from_slice(port);
        }
        flow
    }

    /// What a host that knows nothing of the connection answers (RFC 9293, 3.5.2); a reset is answered by nothing.
    fn reset(&self) -> Option<Vec<u8>> {
        if self.flags & RST != 0 {
            return None;
        }
        let mut tcp = [0; 20];
        tcp[0..2].copy_from_slice(&self.ports[1]);
        tcp[2..4].copy_from_slice(&self.ports[0]);
        if self.flags & ACK != 0 {
            tcp[4..8].copy_from_slice(&self.acknowledged);
            tcp[13] = RST;
        } else {
            tcp[8..12].copy_from_slice(&self.sequence.wrapping_add(self.length).to_be_bytes());
            tcp[13] = RST | ACK;
        }
        tcp[12] = 5 << 4;
        let pseudo = [&self.to[..], &self.from[..], &[0, 6, 0, 20], &tcp[..]].concat();
        tcp[16..18].copy_from_slice(&sum(&pseudo));
        let mut ip = [0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        ip[12..16].copy_from_slice(&self.to);
        ip[16..20].copy_from_slice(&self.from);
        let checked = sum(&ip);
        ip[10..12].copy_from_slice(&checked);
        Some([&ip[..], &tcp[..]].concat())
    }
}

/// The Internet's checksum (RFC 1071) of an even number of bytes.
fn sum(bytes: &[u8]) -> [u8; 2] {
    let mut sum: u32 = bytes.chunks_exact(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]]))).sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}
