//! Telnet over real sockets: the session at one end, a host that the test plays at the other.

use super::protocol::{DO, DONT, IAC, SB, SE, WILL, WONT};
use super::*;
use rustix::io::Errno;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const SIZE: Size = Size { rows: 24, cols: 80 };

fn to(port: u16) -> Telnet {
    Telnet { host: "127.0.0.1".into(), port, ..Telnet::default() }
}

/// A session's side, and the host's.
async fn opened(telnet: impl Fn(u16) -> Telnet) -> (Bridge, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let bridge = open(telnet(port), SIZE, "xterm").await.unwrap();
    (bridge, listener.accept().await.unwrap().0)
}

/// What was shown next, up to these bytes.
async fn shows(bridge: &Bridge, last: &[u8]) -> Vec<u8> {
    let fd = sys::watched(bridge.descriptor().unwrap()).unwrap();
    let (mut all, mut buf) = (Vec::new(), [0; 4096]);
    while !all.ends_with(last) {
        let mut ready = timeout(Duration::from_secs(20), fd.readable()).await.expect("it to be shown").unwrap();
        match rustix::io::read(fd.get_ref(), &mut buf) {
            Ok(0) => panic!("it ended with {all:?}"),
            Ok(n) => all.extend(&buf[..n]),
            Err(Errno::AGAIN) => ready.clear_ready(),
            Err(e) => panic!("{e}"),
        }
    }
    all
}

/// What the host got next, up to these bytes.
async fn hears(host: &mut TcpStream, last: &[u8]) -> Vec<u8> {
    let (mut all, mut byte) = (Vec::new(), [0]);
    while !all.ends_with(last) {
        let read = timeout(Duration::from_secs(20), host.read_exact(&mut byte)).await;
        read.unwrap_or_else(|_| panic!("{last:?} to come behind {all:?}")).unwrap();
        all.push(byte[0]);
    }
    all
}

async fn done(bridge: &Bridge, act: Act) -> Result<Done, Fault> {
    let (tx, rx) = oneshot::channel();
    bridge.wish(Wish::Act(act, tx));
    rx.await.unwrap()
}

async fn end(bridge: &Bridge) -> String {
    let fd = sys::watched(bridge.end().unwrap()).unwrap();
    let _ = timeout(Duration::from_secs(20), fd.readable()).await.expect("its end").unwrap();
    bridge.reap().unwrap().cause.unwrap()
}

fn mode(to: &str) -> Act {
    Act::Mode { to: to.into() }
}

#[tokio::test]
async fn a_host_that_is_not_there() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let fault = open(to(port), SIZE, "xterm").await.err().unwrap();
    assert!(fault.code == Fault::DEVICE && fault.message.contains("connection refused"), "{fault:?}");
    let nobody = Telnet { host: "no-such-host.invalid".into(), ..Telnet::default() };
    let fault = open(nobody, SIZE, "xterm").await.err().unwrap();
    assert!(fault.message.starts_with("no-such-host.invalid has no address"), "{fault:?}");
    let fault = open(Telnet { mode: "raw".into(), ..to(port) }, SIZE, "xterm").await.err().unwrap();
    assert_eq!(fault.code, Fault::BAD_PARAMS);
}

#[tokio::test]
async fn lines_until_the_host_takes_characters() {
    let (bridge, mut host) = opened(to).await;
    assert_eq!(bridge.device().borrow().what, format!("telnet 127.0.0.1:{}", host.local_addr().unwrap().port()));
    bridge.write(b"helo\r").unwrap();
    assert_eq!(hears(&mut host, b"\n").await, b"helo\r\n", "nothing of telnet before the host has shown it");
    shows(&bridge, b"helo\r\n").await;
    assert_eq!(bridge.device().borrow().marks, ["line mode"]);

    // a password: the host echoes, which is to say that nobody does
    host.write_all(&[&b"Password: "[..], &[IAC, WILL, 1]].concat()).await.unwrap();
    hears(&mut host, &[IAC, DO, 1, IAC, DO, 3, IAC, WILL, 24, IAC, WILL, 31]).await;
    bridge.write(b"secret\r").unwrap();
    hears(&mut host, b"secret\r\n").await;
    host.write_all(&[&[IAC, WONT, 1][..], b"in\r\n"].concat()).await.unwrap();
    assert_eq!(shows(&bridge, b"in\r\n").await, b"Password: in\r\n");
    hears(&mut host, &[IAC, DONT, 1]).await;

    // half a line is there when characters are wanted
    bridge.write(b"ha").unwrap();
    shows(&bridge, b"ha").await;
    host.write_all(&[IAC, WILL, 1, IAC, WILL, 3, IAC, DO, 31]).await.unwrap();
    hears(&mut host, b"ha").await;
    bridge.write(b"\x03\r").unwrap();
    assert_eq!(hears(&mut host, b"\0").await, b"\x03\r\0");
    let mut device = bridge.device();
    device.wait_for(|d| d.marks.is_empty()).await.unwrap();
    for rows in 1..=100 {
        bridge.wish(Wish::Resize(Size { rows, cols: 7 }));
    }
    hears(&mut host, &[IAC, SB, 31, 0, 7, 0, 100, IAC, SE]).await;
}

#[tokio::test]
async fn at_telnets_own_port_it_begins() {
    // (that port is root's; what is begun with is the same)
    let mut out = Vec::new();
    Protocol::new("xterm", SIZE).begin(&mut out);
    assert_eq!(out, [IAC, DO, 3, IAC, WILL, 24, IAC, WILL, 31]);
}

#[tokio::test]
async fn what_can_be_done_with_it() {
    let (bridge, mut host) = opened(|port| Telnet { mode: "character".into(), ..to(port) }).await;
    bridge.write(b"x").unwrap();
    hears(&mut host, b"x").await;
    done(&bridge, Act::Break { ms: 0 }).await.unwrap();
    hears(&mut host, &[IAC, protocol::BREAK]).await;
    done(&bridge, mode("line")).await.unwrap();
    bridge.device().wait_for(|d| d.marks == ["line mode, set"]).await.unwrap();
    bridge.write(b"ab").unwrap();
    shows(&bridge, b"ab").await;
    done(&bridge, mode("auto")).await.unwrap();
    done(&bridge, mode("character")).await.unwrap();
    hears(&mut host, b"ab").await;
    assert_eq!(done(&bridge, mode("both")).await.unwrap_err().code, Fault::BAD_PARAMS);
    assert_eq!(done(&bridge, Act::Baud { rate: 9600 }).await.unwrap_err().code, Fault::WRONG_KIND);
    assert_eq!(done(&bridge, Act::Unknown).await.unwrap_err().code, Fault::WRONG_KIND);
    bridge.close();
    assert_eq!(end(&bridge).await, "hung up");
}

#[tokio::test]
async fn how_it_ends() {
    let (bridge, mut host) = opened(to).await;
    host.write_all(&[b"so long\r\n".repeat(5000), vec![IAC, SB, 24]].concat()).await.unwrap();
    drop(host);
    let mut all = 0;
    while all < 9 * 5000 {
        all += shows(&bridge, b"\n").await.len();
    }
    assert_eq!((end(&bridge).await.as_str(), all), ("closed by the host", 9 * 5000));

    let (bridge, host) = opened(to).await;
    socket2::SockRef::from(&host).set_linger(Some(Duration::ZERO)).unwrap();
    drop(host);
    assert_eq!(end(&bridge).await, "connection lost: the host has reset it");
}

/// A host that reads nothing.
#[tokio::test]
async fn what_waits_is_bounded_and_not_lost_unsaid() {
    let (bridge, mut host) = opened(|port| Telnet { mode: "character".into(), ..to(port) }).await;
    host.write_all(&[IAC, WILL, 1, IAC, WILL, 3, IAC, DO, 31]).await.unwrap();
    let mut device = bridge.device();
    let mut typed = 0;
    let mut fill = |byte: u8| {
        while let Ok(n) = bridge.write(&[byte; 4096]) {
            typed += n;
        }
    };
    while done(&bridge, Act::Break { ms: 0 }).await.is_ok() {
        fill(b'x');
        tokio::task::yield_now().await;
    }
    fill(b'x');
    device.wait_for(|d| d.state == Device::WAITING).await.unwrap();
    assert!(device.borrow().why.as_deref().unwrap().contains("takes nothing"));
    assert!(typed < 64 << 20, "{typed}");
    // it goes on with what waited, in order
    let mut got = 0;
    let mut buf = vec![0; 64 << 10];
    while got < typed {
        let n = host.read(&mut buf).await.unwrap();
        got += buf[..n].iter().filter(|b| **b == b'x').count();
    }
    device.wait_for(|d| d.state == Device::CONNECTED).await.unwrap();
    // and what does not go any more is said
    while done(&bridge, Act::Break { ms: 0 }).await.is_ok() {
        while bridge.write(&[b'y'; 4096]).is_ok() {}
        tokio::task::yield_now().await;
    }
    drop(host);
    let said = end(&bridge).await;
    assert!(said.ends_with("what was typed last was not sent"), "{said}");
}

/// As many options as a host can send: answered a little, held nowhere.
#[tokio::test]
async fn a_flood_of_options() {
    let (bridge, host) = opened(to).await;
    let (mut read, mut write) = host.into_split();
    let heard = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = heard.clone();
    let reading = tokio::spawn(async move {
        let mut buf = vec![0; 64 << 10];
        while let Ok(n @ 1..) = read.read(&mut buf).await {
            counted.fetch_add(n, Ordering::Relaxed);
        }
    });
    let piece: Vec<u8> = (0..1000u32)
        .flat_map(|n| [[IAC, [WILL, DO, WONT, DONT][n as usize % 4], (n / 7) as u8]; 10].concat())
        .collect();
    for _ in 0..100 {
        write.write_all(&piece).await.unwrap();
    }
    write.write_all(b"still there").await.unwrap();
    shows(&bridge, b"still there").await;
    drop(write);
    bridge.close();
    reading.await.unwrap();
    let heard = heard.load(Ordering::Relaxed);
    assert!((3..64 << 10).contains(&heard), "{heard} bytes to 1,000,000 options");
}
