//! Whose turn it is to ask.

use super::*;
use std::pin::pin;
use std::task::{Context, Poll};
use tokio::io::DuplexStream;

const PATIENCE: Patience = Patience { silent: Duration::from_secs(60), each: Duration::from_secs(60) };

/// The next request's kind and number.
async fn asked(server: &mut DuplexStream) -> (u8, u32) {
    loop {
        let mut body = vec![0; server.read_u32().await.unwrap() as usize];
        server.read_exact(&mut body).await.unwrap();
        // (one that measures how long an answer takes)
        if body[0] != 16 {
            return (body[0], u32::from_be_bytes(body[1..5].try_into().unwrap()));
        }
    }
}

async fn say_ok(server: &mut DuplexStream, id: u32) {
    let status = [&17u32.to_be_bytes()[..], &[101], &id.to_be_bytes(), &[0; 12]].concat();
    server.write_all(&status).await.unwrap();
}

#[tokio::test]
async fn who_asks_for_much_is_not_overtaken() {
    let (ours, mut server) = tokio::io::duplex(1 << 20);
    let requests = Requests::spawn(ours, PATIENCE);
    let small = Ask::Rmdir { path: b"d" };
    let bytes = vec![7; 32 << 10];
    let large = Ask::Write { handle: b"h", offset: 0, bytes: &bytes };
    // as much as there is room for alone, while something is under way
    let first = requests.send(&small).await.unwrap();
    let mut much = pin!(requests.send(&large));
    assert!(matches!(look(much.as_mut()), Poll::Pending));
    let mut little = pin!(requests.send(&small));
    assert!(matches!(look(little.as_mut()), Poll::Pending), "its turn comes after that");
    assert!(requests.try_send(&small).is_none());

    let (kind, id) = asked(&mut server).await;
    assert_eq!(kind, 15);
    say_ok(&mut server, id).await;
    first.answer().await.unwrap();
    let much = much.await.unwrap();
    let (kind, id) = asked(&mut server).await;
    assert_eq!(kind, 6);
    say_ok(&mut server, id).await;
    much.answer().await.unwrap();
    let little = little.await.unwrap();
    let (kind, id) = asked(&mut server).await;
    assert_eq!(kind, 15);
    say_ok(&mut server, id).await;
    little.answer().await.unwrap();
}

#[tokio::test]
async fn who_stops_waiting_for_room_lets_others_go() {
    let (ours, _server) = tokio::io::duplex(1 << 20);
    let requests = Requests::spawn(ours, PATIENCE);
    let small = Ask::Rmdir { path: b"d" };
    let bytes = vec![7; 32 << 10];
    let _first = requests.send(&small).await.unwrap();
    {
        let large = Ask::Write { handle: b"h", offset: 0, bytes: &bytes };
        let mut much = pin!(requests.send(&large));
        assert!(matches!(look(much.as_mut()), Poll::Pending));
    }
    requests.send(&small).await.unwrap();
}

/// Looks once.
fn look<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(std::task::Waker::noop()))
}
