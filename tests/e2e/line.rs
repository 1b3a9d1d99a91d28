//! The networks of these tests are what they are said to be: a delay is there, a rate is kept, what is lost is sent again,
//! and all of it can be changed while in use.

use crate::support::cable::{self, Cable};
use crate::support::network::Network;
use crate::support::proxy::{Line, Proxy};
use crate::support::{PATIENCE, skip};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Sends back what it is sent, to one client.
fn repeats(listener: TcpListener) {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut buf = [0; 4096];
        while let Ok(n @ 1..) = stream.read(&mut buf) {
            if stream.write_all(&buf[..n]).is_err() {
                break;
            }
        }
    });
}

fn is_as_set(network: &Network, stream: &TcpStream) {
    stream.set_nodelay(true).unwrap();
    let end = || stream.try_clone().unwrap();
    let trip = |bytes: usize| {
        let (begun, sent) = (Instant::now(), vec![7; bytes]);
        let (mut to, wanted) = (end(), sent.clone());
        std::thread::spawn(move || to.write_all(&sent));
        let mut got = vec![0; bytes];
        end().read_exact(&mut got).unwrap();
        assert_eq!(got, wanted);
        begun.elapsed()
    };
    let ms = Duration::from_millis;
    trip(100);
    network.line(Line { delay: ms(50), rate: 1 << 30, queue: 1 << 20 }, 0);
    let took = trip(100);
    assert!(took >= ms(100), "{took:?}");
    network.line(Line { delay: ms(1), rate: 200_000, queue: 32 << 10 }, 0);
    let took = trip(100_000);
    assert!(took >= ms(450), "{took:?}");
    // what is lost is sent again, and takes its time: many of so many packets (of 1448 bytes at most, there and back)
    let line = Line { delay: ms(5), ..Line::FREE };
    network.line(line, 4);
    let lossy = trip(300_000);
    network.line(line, 0);
    let whole = trip(300_000);
    network.line(Line::FREE, 0);
    assert!(lossy > whole, "with loss {lossy:?}, without {whole:?}");
    println!("300 kB there and back: {whole:?}, where a packet of four is lost {lossy:?}");

    network.hole(false, true);
    let mut buf = [0; 8];
    end().write_all(b"anybody?").unwrap();
    stream.set_read_timeout(Some(ms(300))).unwrap();
    assert_eq!(end().read(&mut buf).map_err(|e| e.kind()), Err(ErrorKind::WouldBlock));
    network.hole(false, false);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    end().read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"anybody?");

    network.reset();
    let said = end().write_all(b"?").and_then(|()| end().read(&mut buf));
    // (the second, where the end of the stream is read before the reset behind it)
    let said = said.map_err(|e| e.kind());
    assert!(matches!(said, Err(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)), "{said:?}");
}

#[test]
fn a_proxy_is_the_line_it_is_set_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap().port());
    repeats(listener);
    proxy.line(Line::FREE);
    let stream = TcpStream::connect(("127.0.0.1", proxy.port)).unwrap();
    is_as_set(&Network::Proxy(proxy), &stream);
}

#[test]
fn a_cable_is_the_line_it_is_set_to() {
    let Some(cable) = Cable::new() else { return skip("right to make network namespaces") };
    repeats(cable.there(|| TcpListener::bind((cable::THERE, 7)).unwrap()));
    let stream = cable.here(|| TcpStream::connect((cable::THERE, 7)).unwrap());
    let network = Network::Cable(cable);
    is_as_set(&network, &stream);
    let Network::Cable(cable) = network else { unreachable!() };
    // (300 kB have more than 200 packets each way)
    assert!(cable.lost() > 20, "{}", cable.lost());
}
