//! The same work given to thub, to tmux (where it is installed) and to a bare pseudo terminal, in turn: how long until
//! a program that prints a lot is done and all of it was seen. Printed as ratios to the bare terminal.

mod support;

use std::time::{Duration, Instant};
use support::{Home, THUB};

const ROUNDS: usize = 5;
const LINES: u32 = 1_000_000;

fn main() {
    let home = Home::new();
    let nothing = ["sh", "-c", ":"];
    let work = ["sh", "-c", &format!("seq 1 {LINES}")];
    let mut peers: Vec<(&str, Vec<&str>)> = vec![("bare", vec![]), ("thub", vec![THUB, "new", "--"])];
    if std::process::Command::new("tmux").arg("-V").output().is_ok_and(|o| o.status.success()) {
        peers.push(("tmux", vec!["tmux", "-L", "thub-bench", "-f", "/dev/null", "new-session"]));
    } else {
        println!("tmux is not here: left out");
    }
    let mut best = vec![(Duration::MAX, Duration::MAX); peers.len()];
    for _ in 0..ROUNDS {
        for (peer, best) in peers.iter().zip(&mut best) {
            best.0 = best.0.min(seen(&home, &[&peer.1[..], &nothing].concat()));
            best.1 = best.1.min(seen(&home, &[&peer.1[..], &work].concat()));
        }
    }
    let seconds = |d: Duration| d.as_secs_f64();
    println!("best of {ROUNDS}      start and end   seq 1 {LINES}   ratio");
    for ((name, _), (idle, full)) in peers.iter().zip(&best) {
        let ratio = seconds(*full) / seconds(best[0].1);
        println!("{name:16} {:>10.1} ms  {:>10.1} ms  {ratio:>6.2}", seconds(*idle) * 1e3, seconds(*full) * 1e3);
    }
}

/// Runs a program on a terminal of its own until that is closed; all output is read.
fn seen(home: &Home, argv: &[&str]) -> Duration {
    let start = Instant::now();
    let (pty, fd) = home.on_a_terminal(argv);
    let mut buf = vec![0; 64 << 10];
    // EIO: nobody has the terminal any more
    while let Ok(n @ 1..) = rustix::io::read(&fd, &mut buf) {
        // what a real one says of itself: who asks waits for it
        if buf[..n].windows(3).any(|w| w == b"\x1b[c") {
            let _ = pty.write(b"\x1b[?62;22c");
        }
    }
    while pty.reap().is_none() {
        std::thread::sleep(Duration::from_micros(100));
    }
    start.elapsed()
}
