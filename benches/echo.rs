//! From a key to its echo: through a session process' socket, and on a bare pseudo terminal in the same run.
//! A ratio tells more than a time: machines differ, and so does what else they do.

mod support;

use std::time::{Duration, Instant};
use support::{Home, percentiles};
use thub::link::Link;
use thub::proto::control::{Lent, SessionAttach};
use thub::proto::frame::Body;
use thub::proto::ids::{ClientId, Size};

const KEYS: usize = 2000;
const WINDOW: u64 = 1 << 20;
const ECHO: &[&str] = &["sh", "-c", "stty raw -echo; printf ready; exec cat"];

fn main() {
    let home = Home::new();
    let bare = percentiles(bare(&home));
    let session = percentiles(session(&home));
    println!("key to echo, {KEYS} keys      median       99 %");
    println!("bare pseudo terminal    {:>9.1?}  {:>9.1?}", bare.0, bare.1);
    println!("session's socket        {:>9.1?}  {:>9.1?}", session.0, session.1);
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    println!("ratio                   {:>9.2}  {:>9.2}", ratio(session.0, bare.0), ratio(session.1, bare.1));
}

fn bare(home: &Home) -> Vec<Duration> {
    let (pty, fd) = home.on_a_terminal(ECHO);
    let mut buf = [0; 64];
    while !buf.starts_with(b"ready") {
        rustix::io::read(&fd, &mut buf).expect("the program lives");
    }
    let key = || {
        let start = Instant::now();
        rustix::io::write(&fd, b"k").expect("it takes a key");
        rustix::io::read(&fd, &mut buf).expect("it echoes");
        let took = start.elapsed();
        std::thread::sleep(Duration::from_micros(200));
        took
    };
    let times = std::iter::repeat_with(key).take(KEYS).collect();
    pty.signal(rustix::process::Signal::KILL);
    times
}

fn session(home: &Home) -> Vec<Duration> {
    let id = home.thub(&[&["new", "-d", "--"], ECHO].concat());
    home.thub(&["wait", &id, "--text", "ready", "--timeout", "10"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let socket = tokio::net::UnixStream::connect(home.socket(&id)).await.expect("the session listens");
        let (tx, _incoming) = tokio::sync::mpsc::unbounded_channel();
        let (link, served) = Link::new(socket, false, tx);
        tokio::spawn(served);
        let attach = SessionAttach {
            screens: 1,
            packed: false,
            session: id.parse().expect("an id"),
            stream: 2,
            client: ClientId::random(),
            have: None,
            resizes: 0,
            window: WINDOW,
            size: Some(Size::new(120, 40)),
            auto: false,
            watch: false,
            blind: false,
            input_sent: 0,
            revision_min: 0,
            revision_max: 0,
            lent: Lent::default(),
        };
        let mut frames = link.open_stream(2);
        link.call(&attach).await.expect("it is attached");
        let mut times = Vec::new();
        for n in 0..KEYS as u64 {
            let start = Instant::now();
            link.out.urgent(2, Body::Data { offset: n, bytes: b"k" });
            while let Some(frame) = frames.recv().await {
                match frame.body().expect("a frame of ours") {
                    Body::Data { bytes, .. } if bytes.contains(&b'k') => break,
                    // no output follows a screen before it is acknowledged
                    Body::Screen { to, last: true, .. } => {
                        link.out.urgent(2, Body::Ack { seen: to, limit: to + WINDOW })
                    }
                    _ => {}
                }
            }
            times.push(start.elapsed());
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        times
    })
}
