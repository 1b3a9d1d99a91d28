//! Forwards against a real sshd: both ways, every kind of end, what is refused, what a cut link does.

use super::{connect, run, sshd};
use sshd::Sshd;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use thub::transport::ssh::forward::spec::Spec;
use thub::transport::ssh::forward::{State, Status};
use thub::transport::ssh::{Forwards, Ssh};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Answers everything it reads, until its end, then closes.
fn serve(mut from: impl Read, mut to: impl Write) {
    let mut buf = [0; 8192];
    while let Ok(n @ 1..) = from.read(&mut buf) {
        if to.write_all(&buf[..n]).is_err() {
            return;
        }
    }
}

/// An echo on a port of this machine.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                serve(stream.try_clone().unwrap(), &stream);
                let _ = stream.shutdown(Shutdown::Write);
            });
        }
    });
    port
}

fn echo_at(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                serve(stream.try_clone().unwrap(), &stream);
                let _ = stream.shutdown(Shutdown::Write);
            });
        }
    });
}

/// A port nobody listens on just now.
fn free() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn forwards(ssh: &Ssh) -> Forwards {
    let forwards = Forwards::new(ssh.name());
    forwards.link(Some(ssh.clone()));
    forwards
}

/// Waits until it is so of one.
async fn until(forwards: &Forwards, id: u64, what: &str, so: impl Fn(&Status) -> bool) -> Status {
    let mut changes = forwards.changes();
    let waited = async {
        loop {
            changes.borrow_and_update();
            if let Some(status) = forwards.list().into_iter().find(|s| s.id == id && so(s)) {
                return status;
            }
            changes.changed().await.unwrap();
        }
    };
    match tokio::time::timeout(Duration::from_secs(30), waited).await {
        Ok(status) => status,
        Err(_) => panic!("waited in vain: {what}: {:?}", forwards.list()),
    }
}

async fn open(forwards: &Forwards, spec: &str) -> (u64, u16) {
    let id = forwards.open(Spec::parse(spec).unwrap(), false).unwrap();
    let status = until(forwards, id, spec, |s| s.state != State::Opening).await;
    assert_eq!(status.state, State::Open, "{spec}");
    (id, status.port.unwrap_or_default())
}

async fn fails(forwards: &Forwards, spec: &str) -> (String, u8) {
    let id = forwards.open(Spec::parse(spec).unwrap(), false).unwrap();
    let status = until(forwards, id, spec, |s| s.state != State::Opening).await;
    let State::Failed(why) = status.state else { panic!("{spec}: {:?}", status.state) };
    assert!(!why.hints.is_empty());
    let code = thub::failure::Failure::new(why.kind, "", "").code();
    (format!("{}\n{}", why.what, why.hints.join("\n")), code)
}

/// What is said comes back, and the ends are heard both ways.
async fn echoes<S: tokio::io::AsyncRead + tokio::io::AsyncWrite>(stream: S, said: &[u8]) {
    let (mut read, mut write) = tokio::io::split(stream);
    let mut got = Vec::new();
    let (sent, read) = tokio::join!(
        async {
            write.write_all(said).await?;
            write.shutdown().await
        },
        read.read_to_end(&mut got)
    );
    sent.unwrap();
    read.unwrap();
    assert!(got == said, "{} of {} bytes came back", got.len(), said.len());
}

async fn tcp(port: u16) -> tokio::net::TcpStream {
    tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

/// A host to connect to, where there is a sshd.
fn host() -> Option<(Sshd, PathBuf)> {
    let sshd = sshd::here().then(|| Sshd::start(""))?;
    let config = sshd.config("");
    Some((sshd, config))
}

#[test]
fn every_kind_of_end() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let (config, d) = (sshd.config(""), sshd.dir.path().to_path_buf());
    let port = echo();
    let sock = d.join("echo");
    echo_at(&sock);
    run(async {
        let ssh = connect(&config).await.unwrap();
        let f = forwards(&ssh);
        let (sock, d) = (sock.display(), d.display());
        // listening here
        let (_, at) = open(&f, &format!("0:localhost:{port}")).await;
        echoes(tcp(at).await, b"one").await;
        let (_, at) = open(&f, &format!("L:0:{sock}")).await;
        echoes(tcp(at).await, b"two").await;
        let (unix, _) = open(&f, &format!("L:{d}/in:127.0.0.1:{port}")).await;
        echoes(tokio::net::UnixStream::connect(format!("{d}/in")).await.unwrap(), b"three").await;
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(format!("{d}/in")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "only this user connects");
        assert!(f.close(unix));
        let six = TcpListener::bind("[::1]:0").is_ok();
        if six {
            let (_, at) = open(&f, &format!("L:[::1]:0:localhost:{port}")).await;
            echoes(tokio::net::TcpStream::connect(("::1", at)).await.unwrap(), b"four").await;
            assert!(TcpStream::connect(("127.0.0.1", at)).is_err(), "only the address asked for");
        }
        // listening there
        let (_, at) = open(&f, &format!("R:0:localhost:{port}")).await;
        assert!(at > 0);
        echoes(tcp(at).await, b"five").await;
        let chosen = free();
        let (id, at) = open(&f, &format!("R:127.0.0.1:{chosen}:{sock}")).await;
        assert_eq!(at, chosen);
        echoes(tcp(at).await, b"six").await;
        let (_, _) = open(&f, &format!("R:{d}/out:localhost:{port}")).await;
        echoes(tokio::net::UnixStream::connect(format!("{d}/out")).await.unwrap(), b"seven").await;
        // closed there at once when it is closed here
        let mark = sshd.mark();
        assert!(f.close(id));
        let told = async {
            while !sshd.since(mark).contains("cancel-tcpip-forward") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
        let gone = async {
            while TcpStream::connect(("127.0.0.1", chosen)).is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
        // SOCKS: both ways, by name and by address, versions 5 and 4a
        for spec in ["D:0", "R:0"] {
            let (id, at) = open(&f, spec).await;
            let mut five = tcp(at).await;
            // all at once, as a client in a hurry does
            let ask = [&[5, 1, 0, 5, 1, 0, 3, 9][..], b"localhost", &port.to_be_bytes(), b"hello"].concat();
            five.write_all(&ask).await.unwrap();
            let mut said = [0; 17];
            five.read_exact(&mut said).await.unwrap();
            assert_eq!((&said[..4], &said[12..]), (&[5, 0, 5, 0][..], &b"hello"[..]), "{spec}");
            echoes(five, b"more").await;
            let mut four = tcp(at).await;
            four.write_all(&[&[4, 1][..], &port.to_be_bytes(), &[127, 0, 0, 1, 0], b"x"].concat()).await.unwrap();
            let mut said = [0; 9];
            four.read_exact(&mut said).await.unwrap();
            assert_eq!((said[1], said[8]), (0x5a, b'x'));
            // refused there: its reply, counted
            let mut no = tcp(at).await;
            no.write_all(&[&[5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1][..], &free().to_be_bytes()].concat()).await.unwrap();
            let mut said = Vec::new();
            no.read_to_end(&mut said).await.unwrap();
            assert_eq!(said[..4], [5, 0, 5, 5], "{spec}");
            let status = until(&f, id, "counted", |s| s.refused == 1).await;
            assert!(status.trouble.unwrap().contains("connect to"), "{spec}");
            let mut udp = tcp(at).await;
            udp.write_all(&[5, 1, 0, 5, 3, 0, 1, 127, 0, 0, 1, 0, 80]).await.unwrap();
            let mut said = Vec::new();
            udp.read_to_end(&mut said).await.unwrap();
            assert_eq!(said[..4], [5, 0, 5, 7], "UDP is not done");
        }
        // at the end nothing is left
        let ports: Vec<u16> = f.list().iter().filter_map(|s| s.port).collect();
        f.end().await;
        drop(ssh);
        assert!(!Path::new(&format!("{d}/in")).exists());
        for port in ports {
            assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{port} still listens");
        }
    });
}

#[test]
fn what_is_refused_is_said() {
    if !sshd::here() {
        return;
    }
    let port = echo();
    let closed = Sshd::start("AllowTcpForwarding no\nAllowStreamLocalForwarding no");
    let some = Sshd::start(&format!("PermitOpen 127.0.0.1:{port}\nPermitListen 127.0.0.1:1\nDisableForwarding no"));
    let (c, s) = (closed.config(""), some.config(""));
    run(async {
        let ssh = connect(&c).await.unwrap();
        let f = forwards(&ssh);
        let (why, code) = fails(&f, &format!("R:0:localhost:{port}")).await;
        assert!(why.contains("does not listen on") && why.contains("AllowTcpForwarding") && code == 4, "{why}");
        let (why, code) = fails(&f, "R:/tmp/thub-never:/tmp/x").await;
        assert!(why.contains("AllowStreamLocalForwarding") && code == 4, "{why}");
        let (id, at) = open(&f, &format!("0:localhost:{port}")).await;
        // broken off here as it would be there
        let e = tcp(at).await.read_u8().await.unwrap_err();
        assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset);
        let status = until(&f, id, "counted", |s| s.refused == 1 && s.connections == 0).await;
        assert!(status.trouble.unwrap().contains("AllowTcpForwarding"));

        let ssh = connect(&s).await.unwrap();
        let f = forwards(&ssh);
        let (_, at) = open(&f, &format!("0:127.0.0.1:{port}")).await;
        echoes(tcp(at).await, b"allowed").await;
        let (id, at) = open(&f, "0:127.0.0.1:1").await;
        assert!(tcp(at).await.read_u8().await.is_err());
        let status = until(&f, id, "counted", |s| s.refused == 1).await;
        assert!(status.trouble.unwrap().contains("PermitOpen"));
        let (why, _) = fails(&f, "R:0:localhost:1").await;
        assert!(why.contains("PermitListen"), "{why}");

        // taken here: by whom
        let (why, code) = fails(&f, &format!("{port}:localhost:1")).await;
        assert!(why.contains("is taken here") && why.contains(&std::process::id().to_string()) && code == 1, "{why}");
        let (why, code) = fails(&f, "L:192.0.2.1:0:localhost:1").await;
        assert!(why.contains("192.0.2.1") && code == 1, "{why}");
        let file = some.at("authorized");
        let (why, code) = fails(&f, &format!("L:{}:localhost:1", file.display())).await;
        assert!(why.contains("is there already") && code == 1, "{why}");
        assert!(file.exists());
        // and it can be tried again
        let again = f.open(Spec::parse(&format!("{port}:localhost:1")).unwrap(), false).unwrap();
        until(&f, again, "a new try", |s| matches!(s.state, State::Failed(_))).await;
        assert_eq!(f.list().iter().filter(|s| s.spec.to_string().starts_with(&format!("L:{port}"))).count(), 1);
    });
}

#[test]
fn two_hundred_at_once() {
    let Some((_sshd, config)) = host() else { return };
    let port = echo();
    run(async {
        let ssh = connect(&config).await.unwrap();
        let f = forwards(&ssh);
        let (here, there) =
            (open(&f, &format!("0:localhost:{port}")).await, open(&f, &format!("R:0:localhost:{port}")).await);
        // what a person types meanwhile is what it is about: an echo through a command of the same connection
        let typing = ssh.exec("exec cat").await.unwrap();
        let typed = tokio::spawn(async move {
            let (mut slowest, mut channel) = (Duration::ZERO, typing);
            for _ in 0..200 {
                let start = Instant::now();
                channel.write_all(b"k").await.unwrap();
                channel.read_u8().await.unwrap();
                slowest = slowest.max(start.elapsed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            slowest
        });
        let all: Vec<_> = (0..200u32)
            .map(|n| {
                let port = if n % 2 == 0 { here.1 } else { there.1 };
                // on threads of their own, as clients are
                std::thread::spawn(move || {
                    let said: Vec<u8> = (0..1u32 << 20).map(|i| (i.wrapping_mul(n * 2 + 1) >> 7) as u8).collect();
                    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                    let (mut write, copy) = (stream.try_clone().unwrap(), said.clone());
                    let writer = std::thread::spawn(move || {
                        write.write_all(&copy).unwrap();
                        write.shutdown(Shutdown::Write).unwrap();
                    });
                    let mut got = Vec::new();
                    stream.read_to_end(&mut got).unwrap();
                    writer.join().unwrap();
                    assert!(got == said, "{} of {} bytes came back", got.len(), said.len());
                })
            })
            .collect();
        tokio::task::spawn_blocking(|| all.into_iter().for_each(|one| one.join().unwrap())).await.unwrap();
        println!("the slowest echo of a key beside 200 MiB each way took {:?}", typed.await.unwrap());
        for id in [here.0, there.0] {
            let status = until(&f, id, "all through", |s| s.connections == 0).await;
            assert_eq!((status.total, status.refused), (100, 0));
            assert_eq!((status.up, status.down), (100 << 20, 100 << 20));
        }
    });
}

#[test]
fn each_direction_ends_by_itself() {
    let Some((_sshd, config)) = host() else { return };
    // says a word, ends that, and counts what it still gets
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let got = Arc::new(AtomicUsize::new(0));
    let count = got.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            stream.write_all(b"word").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            count.fetch_add(all.len(), Ordering::SeqCst);
        }
    });
    run(async {
        let ssh = connect(&config).await.unwrap();
        let f = forwards(&ssh);
        for spec in [format!("0:localhost:{port}"), format!("R:0:localhost:{port}")] {
            let (id, at) = open(&f, &spec).await;
            let mut stream = tcp(at).await;
            let mut word = Vec::new();
            stream.read_to_end(&mut word).await.unwrap();
            assert_eq!(word, b"word");
            // its end was heard; ours is still open
            let before = got.load(Ordering::SeqCst);
            stream.write_all(&[7; 100_000]).await.unwrap();
            stream.shutdown().await.unwrap();
            until(&f, id, "both ends over", |s| s.connections == 0).await;
            let end = Instant::now() + Duration::from_secs(10);
            while got.load(Ordering::SeqCst) < before + 100_000 {
                assert!(Instant::now() < end, "{}", got.load(Ordering::SeqCst));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
}

#[test]
fn a_cut_link_and_the_next_one() {
    let Some((sshd, config)) = host() else { return };
    let port = echo();
    run(async {
        let first = connect(&config).await.unwrap();
        let f = forwards(&first);
        let (here, at) = open(&f, &format!("0:localhost:{port}")).await;
        let (there, far) = open(&f, &format!("R:0:localhost:{port}")).await;
        let mut broken = tcp(at).await;
        broken.write_all(b"x").await.unwrap();
        broken.read_u8().await.unwrap();
        // every process of the connection gone, the listening one is there
        for pid in sshd.pids().into_iter().skip(1) {
            let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        first.closed().await;
        f.link(None);
        assert_eq!(broken.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        until(&f, here, "waits", |s| s.state == State::Waiting).await;
        until(&f, there, "waits", |s| s.state == State::Waiting).await;
        // made meanwhile: waits for the link
        let early = tcp(at).await;
        let second = connect(&config).await.unwrap();
        f.link(Some(second.clone()));
        echoes(early, b"early").await;
        let status = until(&f, there, "stands again", |s| s.state == State::Open).await;
        assert_eq!(status.port, Some(far), "on the port that the host chose before");
        echoes(tcp(far).await, b"again").await;
        echoes(tcp(at).await, b"again").await;
        f.end().await;
    });
}

#[test]
fn a_reader_that_takes_nothing_holds_up_nobody() {
    if !sshd::here() {
        return;
    }
    const SIZE: usize = 48 << 20;
    let sshd = Sshd::start("");
    let config = sshd.config("");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let bytes: Arc<Vec<u8>> = Arc::new((0..SIZE as u32).map(|i| (i.wrapping_mul(2654435761) >> 13) as u8).collect());
    let (sent, copy) = (Arc::new(AtomicUsize::new(0)), bytes.clone());
    let count = sent.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            for piece in copy.chunks(64 << 10) {
                if stream.write_all(piece).is_err() {
                    break;
                }
                count.fetch_add(piece.len(), Ordering::SeqCst);
            }
        }
    });
    run(async {
        let ssh = connect(&config).await.unwrap();
        let f = forwards(&ssh);
        let (id, at) = open(&f, &format!("0:localhost:{port}")).await;
        let mut lazy = tcp(at).await;
        let mut typing = ssh.exec("exec cat").await.unwrap();
        let mut slowest = Duration::ZERO;
        // all of it is taken from the host though nobody reads, and keys come back meanwhile
        while sent.load(Ordering::SeqCst) < SIZE {
            let start = Instant::now();
            typing.write_all(b"k").await.unwrap();
            typing.read_u8().await.unwrap();
            slowest = slowest.max(start.elapsed());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        println!("the slowest echo of a key beside a reader that takes nothing took {slowest:?}");
        assert_eq!(f.list().iter().find(|s| s.id == id).unwrap().connections, 1);
        let mut got = Vec::new();
        lazy.read_to_end(&mut got).await.unwrap();
        assert!(got == *bytes, "{} of {SIZE}", got.len());
        // one that goes away ends what was sent to it
        let before = sent.load(Ordering::SeqCst);
        let mut gone = tcp(at).await;
        gone.read_u8().await.unwrap();
        drop(gone);
        until(&f, id, "it to be over", |s| s.total == 2 && s.connections <= 1).await;
        drop(lazy);
        until(&f, id, "all over", |s| s.connections == 0).await;
        assert!(sent.load(Ordering::SeqCst) >= before);
    });
}

/// A host of ours.
enum Odd {
    /// Opens towards us what it likes.
    Forger,
    /// Never answers whether it listens.
    Deaf,
}

/// One such host, for a client with its key on record: the config to reach it by, and its handle once it was reached.
async fn odd(sshd: &Sshd, host: Odd) -> (PathBuf, tokio::sync::oneshot::Receiver<russh::server::Handle>) {
    let key = russh::keys::load_secret_key(sshd.at("host_ed25519"), None).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().port();
    let config = sshd.config(&format!("Host test\n  Port {at}\n  HostKeyAlias [127.0.0.1]:{}\n", sshd.port));
    let (tx, handle) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let config = russh::server::Config { keys: vec![key], ..Default::default() };
        let running = russh::server::run_stream(Arc::new(config), stream, host).await.unwrap();
        let _ = tx.send(running.handle());
        let _ = running.await;
    });
    (config, handle)
}

impl russh::server::Handler for Odd {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: russh::server::VerifiedPublicKey<'_>,
    ) -> Result<russh::server::Auth, russh::Error> {
        Ok(russh::server::Auth::Accept)
    }
    async fn tcpip_forward(
        &mut self,
        _: &str,
        port: &mut u32,
        _: &mut russh::server::Session,
    ) -> Result<bool, russh::Error> {
        if let Odd::Deaf = self {
            std::future::pending::<()>().await;
        }
        if *port == 0 {
            *port = 40_000;
        }
        Ok(true)
    }
    async fn cancel_tcpip_forward(
        &mut self,
        _: &str,
        _: u32,
        _: &mut russh::server::Session,
    ) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

#[test]
fn what_nobody_asked_for_is_refused() {
    if !sshd::here() {
        return;
    }
    // for its keys
    let sshd = Sshd::start("");
    let port = echo();
    run(async {
        let (config, handle) = odd(&sshd, Odd::Forger).await;
        let ssh = connect(&config).await.unwrap();
        let forger = handle.await.unwrap();
        let opens = async |address: &str, port: u32| {
            let opened = forger.channel_open_forwarded_tcpip(address, port, "203.0.113.9", 1).await;
            match opened {
                Ok(channel) => {
                    echoes(channel.into_stream(), b"through").await;
                    true
                }
                Err(russh::Error::ChannelOpenFailure(_)) => false,
                Err(e) => panic!("{e}"),
            }
        };
        assert!(!opens("localhost", 9000).await, "nothing was asked for");
        let f = forwards(&ssh);
        let (id, _) = open(&f, &format!("R:9000:localhost:{port}")).await;
        let (_, chosen) = open(&f, &format!("R:127.0.0.1:0:localhost:{port}")).await;
        assert_eq!(chosen, 40_000);
        assert!(opens("localhost", 9000).await, "what was");
        assert!(opens("127.0.0.1", 40_000).await, "and what the host chose");
        for (address, port) in [
            ("localhost", 9001),
            ("localhost", 0),
            ("localhost", 40_000),
            ("127.0.0.1", 9000),
            ("0.0.0.0", 9000),
            ("", 9000),
            ("localhost\0", 9000),
            ("localhost", 9000 + 65536),
        ] {
            assert!(!opens(address, port).await, "{address:?} {port}");
        }
        for path in ["/tmp/x", "9000", "localhost"] {
            assert!(forger.channel_open_forwarded_streamlocal(path).await.is_err(), "{path}");
        }
        assert!(forger.channel_open_agent().await.is_err());
        assert!(forger.channel_open_x11("203.0.113.9", 1).await.is_err());
        assert!(forger.channel_open_direct_tcpip("localhost", u32::from(port), "203.0.113.9", 1).await.is_err());
        assert!(forger.channel_open_session().await.is_err());
        // no longer asked for
        f.close(id);
        while opens("localhost", 9000).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(f.list().iter().map(|s| s.total).sum::<u64>(), 1);
    });
}

#[test]
fn a_host_that_does_not_say_whether_it_listens_is_told_of_and_let_go_at_once() {
    if !sshd::here() {
        return;
    }
    // for its keys
    let sshd = Sshd::start("");
    run(async {
        let (config, _) = odd(&sshd, Odd::Deaf).await;
        let ssh = connect(&config).await.unwrap();
        let f = forwards(&ssh);
        let spec = Spec::parse("R:9000:localhost:1").unwrap();
        let id = f.open(spec.clone(), false).unwrap();
        // long before it is given up
        let begun = Instant::now();
        let slow = until(&f, id, "news", |s| s.trouble.is_some() || s.state != State::Opening).await;
        assert_eq!(slow.state, State::Opening, "{slow:?}");
        assert!(slow.trouble.unwrap().contains("has not answered yet"));
        assert!(begun.elapsed() < Duration::from_secs(10));
        // closed while it waits: the same may be asked for again, and the end waits for no answer
        f.close(id);
        tokio::task::yield_now().await;
        let again = f.open(spec, false).unwrap();
        until(&f, again, "news", |s| s.trouble.is_some() || s.state != State::Opening).await;
        assert_eq!(f.list()[0].state, State::Opening, "{:?}", f.list());
        let ending = Instant::now();
        f.end().await;
        assert!(ending.elapsed() < Duration::from_secs(1), "{:?}", ending.elapsed());
    });
}

/// A line that takes so many bytes a second towards `to`, and holds few itself; says how many have passed.
fn narrow(to: u16, rate: u64) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // what comes in is held back where it comes from
    rustix::net::sockopt::set_socket_recv_buffer_size(&listener, 16 << 10).unwrap();
    let port = listener.local_addr().unwrap().port();
    let passed = Arc::new(AtomicUsize::new(0));
    let count = passed.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
            let (from, back, count) = (client.try_clone().unwrap(), server.try_clone().unwrap(), count.clone());
            std::thread::spawn(move || serve(&back, &from));
            std::thread::spawn(move || {
                let (mut from, mut buf) = (&client, [0; 4096]);
                while let Ok(n @ 1..) = from.read(&mut buf) {
                    if (&server).write_all(&buf[..n]).is_err() {
                        break;
                    }
                    count.fetch_add(n, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_micros(n as u64 * 1_000_000 / rate));
                }
                let _ = server.shutdown(Shutdown::Both);
            });
        }
    });
    (port, passed)
}

#[test]
fn keys_go_first_through_a_jump_host_as_well() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let (line, passed) = narrow(sshd.port, 700_000);
    let near = format!("Host near\n  Port {line}\n  HostKeyAlias [127.0.0.1]:{}\n", sshd.port);
    let config = sshd.config(&format!("{near}Host test\n  ProxyJump near\n"));
    // takes all it gets
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sink = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
        }
    });
    run(async {
        let ssh = connect(&config).await.unwrap();
        let f = forwards(&ssh);
        let (_, at) = open(&f, &format!("0:localhost:{sink}")).await;
        let mut bulk = tcp(at).await;
        let sending = tokio::spawn(async move {
            let piece = vec![7; 64 << 10];
            while bulk.write_all(&piece).await.is_ok() {}
        });
        let mut typing = ssh.exec("exec cat").await.unwrap();
        let start = passed.load(Ordering::SeqCst);
        while passed.load(Ordering::SeqCst) < start + (1 << 20) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // how much goes over the line between a key and its echo (the middle one: a machine that is busy adds to some)
        let mut between = Vec::new();
        for _ in 0..7 {
            let before = passed.load(Ordering::SeqCst);
            typing.write_all(b"k").await.unwrap();
            typing.read_u8().await.unwrap();
            between.push(passed.load(Ordering::SeqCst) - before);
        }
        between.sort();
        println!("bytes before a key: {between:?}");
        sending.abort();
        assert!(between[3] < 640 << 10, "so many bytes went before a key: {between:?}");
        f.end().await;
    });
}
