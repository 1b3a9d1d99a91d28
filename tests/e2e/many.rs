//! Many hosts at once, some of them dead, some hanging: those that answer are there at once, and the local pane never waits.

use crate::support::home::sweep;
use crate::support::sshd::{self, Sshd};
use crate::support::tty::frame;
use crate::support::{Home, PATIENCE, THUB, Tty, with_variable};
use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};
use thub::safedir::SafeDir;
use thub::store::layout::{Dir, Layout, Node, Pane, Tab, Window};

/// Machines with sshd, an agent, sessions; all of them this one, with homes of their own.
struct Farm {
    home: Home,
    sshds: Vec<Sshd>,
}

impl Farm {
    fn new(machines: usize) -> Option<Farm> {
        if !sshd::here() {
            return None;
        }
        let farm = Farm { home: Home::new(), sshds: (0..machines).map(|_| Sshd::start("MaxStartups 200")).collect() };
        for sshd in &farm.sshds {
            let config = sshd.config("Host test\n").display().to_string();
            let said = farm.home.thub(&["-F", &config, "deploy", "test"]);
            assert_eq!(said.code, 0, "{said:?}");
        }
        Some(farm)
    }

    /// `thub` as it is run on one of the machines.
    fn there(&self, sshd: &Sshd, args: &[&str]) -> String {
        let mut command = self.home.command(THUB);
        command.args(args).env("HOME", sshd.home()).current_dir(sshd.home());
        for name in ["THUB_RUN_DIR", "THUB_STATE_DIR", "THUB_CONFIG_DIR"] {
            command.env_remove(name);
        }
        crate::support::home::finish(command, b"").out.trim().to_string()
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        for sshd in &self.sshds {
            self.there(sshd, &["kill", "--all"]);
            sshd.crash();
            sweep(|| with_variable("HOME", &sshd.home()));
        }
    }
}

/// Ports that take no connection and refuse none: their queue is full, and what comes is dropped.
struct Hole {
    port: u16,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl Hole {
    fn new() -> Hole {
        use rustix::net::{AddressFamily, SocketAddrV4, SocketType, bind, listen, socket};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
        listen(&socket, 0).unwrap();
        let listener = TcpListener::from(socket);
        let at = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&at, Duration::from_millis(100)) {
            queued.push(stream);
        }
        Hole { port: at.port(), _listener: listener, _queued: queued }
    }
}

/// How a window with all of them comes back: when each host that answers was there, and how long echoes of the local pane
/// took meanwhile.
fn come_back(live: usize, refusing: usize, holes: usize, hanging: usize) -> Option<(Vec<Duration>, Vec<Duration>)> {
    let farm = Farm::new(4.min(live))?;
    let hole = Hole::new();
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (mut config, mut panes) = (String::new(), Vec::new());
    let pane =
        |host: &str, session: &str| Node::Pane(Pane { host: host.into(), session: session.into(), ..Pane::default() });
    let near = farm.home.new_session(&["-n", "near", "--", "sh", "-c", "stty -echo raw; echo near-by; exec cat"]);
    panes.push(pane("local", &near));
    let ports = [
        vec![None; live],
        vec![Some(closed); refusing],
        vec![Some(hole.port); holes],
        vec![Some(hangs.local_addr().unwrap().port()); hanging],
    ]
    .concat();
    for (i, port) in ports.iter().enumerate() {
        let (host, sshd) = (format!("h{i:02}"), &farm.sshds[i % farm.sshds.len()]);
        let session = match port {
            None => farm.there(sshd, &["new", "-d", "--", "sh", "-c", &format!("echo up-{i:02}; exec cat")]),
            Some(_) => "0123456789".into(),
        };
        let d = sshd.dir.path().display();
        config += &format!("Host {host}\n  Port {}\n  IdentityFile {d}/id\n", port.unwrap_or(sshd.port));
        config += &format!("  UserKnownHostsFile {d}/known_hosts\n");
        panes.push(pane(&host, &session));
    }
    let config = farm.sshds[0].config(&config).display().to_string();
    let weigh = |nodes: Vec<Node>| nodes.into_iter().map(|n| (1, n)).collect::<Vec<_>>();
    let rows = panes.chunks(8).map(|row| Node::Split { dir: Dir::Row, parts: weigh(row.to_vec()) }).collect();
    let root = Node::Split { dir: Dir::Column, parts: weigh(rows) };
    let tabs = vec![Tab { name: String::new(), root, focus: 0, zoomed: false }];
    let (window, ..) = Window::take(SafeDir::open_or_create(&farm.home.at("state")).unwrap()).unwrap();
    window.save(&Layout { tabs, ..Layout::default() }).unwrap();
    drop(window);

    let begun = Instant::now();
    let tty = Tty::thub(&farm.home, 160, 62, &["-F", &config]);
    tty.until_text("near-by");
    let (mut ready, mut echoes) = (BTreeMap::new(), Vec::new());
    let (mut n, mut typed) = (0, None);
    // for a while more: what is dead goes on being dialed
    let mut end = None;
    while end.is_none_or(|at| Instant::now() < at) {
        let screen = tty.screen();
        for i in (0..live).filter(|i| !ready.contains_key(i)).collect::<Vec<_>>() {
            let shown = [format!("up-{i:02}"), format!("● h{i:02} ")];
            if screen.iter().any(|l| shown.iter().any(|s| l.contains(s))) {
                ready.insert(i, begun.elapsed());
            }
        }
        if ready.len() == live {
            end = end.or(Some(Instant::now() + Duration::from_secs(2)));
        }
        let mark = format!("<{n}>");
        match typed {
            Some(at) if screen.iter().any(|l| l.contains(&mark)) => {
                echoes.push(Instant::now() - at);
                (n, typed) = (n + 1, None);
            }
            Some(_) => {}
            None => {
                typed = Some(Instant::now());
                tty.type_(format!("\r\n{mark}"));
            }
        }
        assert!(begun.elapsed() < PATIENCE * 2, "{} of {live} are there\n{}", ready.len(), frame(&screen));
        std::thread::sleep(Duration::from_millis(2));
    }
    // those that are not there say so, and a person goes on
    // how it stands with each is told (a key typed after a pause closes the panel that came by itself)
    tty.prefix(":");
    tty.type_("hosts-back");
    tty.until_text("> hosts-back");
    tty.type_("\r");
    tty.until_text(&format!("hosts coming back: {live} of {}", ports.len()));
    let refused = format!("○ h{:02} ", live);
    tty.until("why one is not there", |s| s.iter().any(|l| l.contains(&refused) && l.contains("reached")));
    let mut ready: Vec<Duration> = ready.into_values().collect();
    ready.sort();
    echoes.sort();
    let at = |of: &[Duration], part: f64| of[((of.len() - 1) as f64 * part).round() as usize];
    println!(
        "{} hosts, {live} answer: there after {:?} (median), {:?} (p99), {:?} (last); {} echoes of the local pane: {:?} \
         (median), {:?} (p99), {:?} (worst)",
        ports.len(),
        at(&ready, 0.5),
        at(&ready, 0.99),
        at(&ready, 1.0),
        echoes.len(),
        at(&echoes, 0.5),
        at(&echoes, 0.99),
        at(&echoes, 1.0)
    );
    Some((ready, echoes))
}

/// More hosts hang than there are handshakes at a time: if each took a turn, the others would wait for 10 s.
#[test]
fn hosts_that_hang_delay_nobody() {
    let Some((ready, _)) = come_back(4, 2, 4, 10) else { return };
    let last = ready[ready.len() - 1];
    assert!(last < Duration::from_secs(8), "{last:?}");
}

/// `cargo test --release --test e2e many -- --ignored --nocapture`, on a machine with nothing else to do.
#[test]
#[ignore = "a measurement"]
fn fifty_hosts_at_once() {
    let Some((ready, echoes)) = come_back(35, 5, 5, 5) else { return };
    let (last, worst) = (ready[ready.len() - 1], echoes[echoes.len() - 1]);
    assert!(last < Duration::from_secs(2), "{last:?}");
    assert!(worst < Duration::from_millis(50), "{worst:?}");
}
