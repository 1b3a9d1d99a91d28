//! Owns what a SOCKS client says first: versions 4, 4a and 5 (RFC 1928), CONNECT without authentication; everything
//! else gets the reply that the protocol has for it. Pure: bytes in, a decision out. Leaves out connecting.

use super::spec::{Place, is_host};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest words of version 4, without their NUL.
const WORD_MOST: usize = 255;
/// No more than this is needed to understand a client.
pub const MOST: usize = 1024;

/// What a client began with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum First {
    /// Version 5: answer [`CHOSEN`], then read its request.
    Five,
    /// Version 4 says all at once.
    Connect(Place),
}

/// Version 5, no authentication.
pub const CHOSEN: [u8; 2] = [5, 0];

/// Not understood or not done: the bytes to answer before closing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused(pub Vec<u8>);

/// How connecting went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Connected,
    /// The server does not allow it.
    NotAllowed,
    /// Nobody there took it.
    Refused,
    /// The way there is gone, or took too long.
    Unreachable,
}

/// The reply to a request; `five` = version 5, else 4. The address in it is always 0, as `ssh -D` has it.
pub fn reply(five: bool, outcome: Outcome) -> Vec<u8> {
    if !five {
        let code = if outcome == Outcome::Connected { 0x5a } else { 0x5b };
        return vec![0, code, 0, 0, 0, 0, 0, 0];
    }
    let code = match outcome {
        Outcome::Connected => 0,
        Outcome::NotAllowed => 2,
        Outcome::Unreachable => 4,
        Outcome::Refused => 5,
    };
    five_says(code)
}

fn five_says(code: u8) -> Vec<u8> {
    vec![5, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

/// What the beginning of a connection says, and how many of its bytes that took; `None` = more are needed.
pub fn first(bytes: &[u8]) -> Result<Option<(usize, First)>, Refused> {
    match bytes {
        [] => Ok(None),
        [5, rest @ ..] => {
            let [count, methods @ ..] = rest else { return Ok(None) };
            let Some(methods) = methods.get(..usize::from(*count)) else { return Ok(None) };
            if methods.contains(&0) { Ok(Some((2 + methods.len(), First::Five))) } else { Err(Refused(vec![5, 0xff])) }
        }
        [4, rest @ ..] => four(rest),
        // an HTTP proxy's client, or something that is none
        _ => Err(Refused(Vec::new())),
    }
}

/// After the version: command, port, address, user NUL, and in 4a a name NUL.
fn four(bytes: &[u8]) -> Result<Option<(usize, First)>, Refused> {
    let no = || Refused(reply(false, Outcome::Refused));
    let [command, high, low, a, b, c, d, rest @ ..] = bytes else { return Ok(None) };
    let Some(user) = word(rest).ok_or_else(no)? else { return Ok(None) };
    let mut used = 1 + 7 + user + 1;
    let port = u16::from_be_bytes([*high, *low]);
    // 0.0.0.x says that a name follows
    let host = if [*a, *b, *c] == [0; 3] && *d != 0 {
        let rest = rest.get(user + 1..).unwrap_or_default();
        let Some(len) = word(rest).ok_or_else(no)? else { return Ok(None) };
        used += len + 1;
        name(rest.get(..len).unwrap_or_default()).ok_or_else(no)?
    } else {
        Ipv4Addr::new(*a, *b, *c, *d).to_string()
    };
    if *command != 1 || port == 0 {
        return Err(no());
    }
    Ok(Some((used, First::Connect(Place::tcp(&host, port)))))
}

/// Its length, up to a NUL; `Some(None)` = it has not come yet, `None` = it is too long.
fn word(bytes: &[u8]) -> Option<Option<usize>> {
    match bytes.iter().take(WORD_MOST + 1).position(|b| *b == 0) {
        Some(at) => Some(Some(at)),
        None if bytes.len() > WORD_MOST => None,
        None => Some(None),
    }
}

fn name(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().filter(|h| is_host(h)).map(str::to_string)
}

/// Version 5's request, after the methods were settled.
pub fn request(bytes: &[u8]) -> Result<Option<(usize, Place)>, Refused> {
    let no = |code| Err(Refused(five_says(code)));
    let [version, command, _, kind, rest @ ..] = bytes else { return Ok(None) };
    if *version != 5 {
        return no(1);
    }
    let (address, skip) = match kind {
        1 => (4, 0),
        4 => (16, 0),
        3 => match rest.first() {
            Some(len) => (usize::from(*len), 1),
            None => return Ok(None),
        },
        _ => return no(8),
    };
    let (Some(host), Some([high, low])) =
        (rest.get(skip..skip + address), rest.get(skip + address..skip + address + 2))
    else {
        return Ok(None);
    };
    let port = u16::from_be_bytes([*high, *low]);
    let used = 4 + skip + address + 2;
    // BIND and UDP ASSOCIATE are not done
    if *command != 1 {
        return no(7);
    }
    let host = match kind {
        1 => <[u8; 4]>::try_from(host).ok().map(|a| Ipv4Addr::from(a).to_string()),
        4 => <[u8; 16]>::try_from(host).ok().map(|a| Ipv6Addr::from(a).to_string()),
        _ => name(host),
    };
    match host {
        Some(host) if port > 0 => Ok(Some((used, Place::tcp(&host, port)))),
        _ => no(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every beginning of it needs more; whole, with something behind it, it is understood.
    fn whole<T: PartialEq + std::fmt::Debug>(
        bytes: &[u8],
        read: impl Fn(&[u8]) -> Result<Option<(usize, T)>, Refused>,
    ) -> T {
        for n in 0..bytes.len() {
            assert_eq!(read(&bytes[..n]), Ok(None), "{n} of {bytes:?}");
        }
        let more = [bytes, b"GET /"].concat();
        let (used, what) = read(&more).unwrap().unwrap();
        assert_eq!(used, bytes.len());
        what
    }

    #[test]
    fn connects_are_read() {
        assert_eq!(whole(&[5, 1, 0], first), First::Five);
        assert_eq!(whole(&[5, 3, 2, 1, 0], first), First::Five);
        assert_eq!(whole(&[5, 1, 0, 1, 10, 0, 0, 1, 0, 80], request), Place::tcp("10.0.0.1", 80));
        let v6 = [&[5, 1, 0, 4][..], &[0; 15], &[1, 1, 187]].concat();
        assert_eq!(whole(&v6, request), Place::tcp("::1", 443));
        let name = [&[5, 1, 0, 3, 11][..], b"example.com", &[0, 80]].concat();
        assert_eq!(whole(&name, request), Place::tcp("example.com", 80));
        let four = [&[4, 1, 0, 80, 10, 0, 0, 1][..], b"me\0"].concat();
        assert_eq!(whole(&four, first), First::Connect(Place::tcp("10.0.0.1", 80)));
        let four_a = [&[4, 1, 0, 80, 0, 0, 0, 9][..], b"\0web\0"].concat();
        assert_eq!(whole(&four_a, first), First::Connect(Place::tcp("web", 80)));
    }

    #[test]
    fn everything_else_gets_its_reply() {
        let bytes = |r: Result<Option<(usize, Place)>, Refused>| r.unwrap_err().0;
        assert_eq!(first(&[5, 2, 1, 2]), Err(Refused(vec![5, 0xff])), "no method of ours");
        assert_eq!(first(b"GET / HTTP/1.1"), Err(Refused(vec![])));
        for (command, code) in [(2, 7), (3, 7), (9, 7)] {
            assert_eq!(bytes(request(&[5, command, 0, 1, 1, 1, 1, 1, 0, 80]))[..2], [5, code]);
        }
        assert_eq!(bytes(request(&[5, 1, 0, 2, 1, 1]))[..2], [5, 8], "an address of no kind");
        assert_eq!(bytes(request(&[5, 1, 0, 3, 0, 0, 80]))[..2], [5, 1], "no name");
        assert_eq!(bytes(request(&[5, 1, 0, 3, 3, b'a', 0, b'b', 0, 80]))[..2], [5, 1], "a NUL in it");
        assert_eq!(bytes(request(&[5, 1, 0, 1, 1, 1, 1, 1, 0, 0]))[..2], [5, 1], "port 0");
        assert_eq!(first(&[4, 2, 0, 80, 1, 1, 1, 1, 0]).unwrap_err().0[..2], [0, 0x5b], "BIND");
        let long = [&[4, 1, 0, 80, 1, 1, 1, 1][..], &[b'x'; 300]].concat();
        assert_eq!(first(&long).unwrap_err().0[..2], [0, 0x5b]);
        let both = [reply(true, Outcome::Connected), reply(false, Outcome::Connected)];
        assert_eq!((both[0].len(), both[1].len()), (10, 8));
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            for bytes in [bytes.clone(), [&[4][..], &bytes].concat(), [&[5, 1, 0][..], &bytes].concat()] {
                for used in [first(&bytes).ok().flatten().map(|f| f.0), request(&bytes).ok().flatten().map(|r| r.0)] {
                    assert!(used.is_none_or(|n| n <= bytes.len()));
                }
            }
            // within what is ever read of a client it is always understood
            let most = [&[4, 1, 0, 80, 0, 0, 0, 1][..], &[b'a'; MOST]].concat();
            assert!(first(&most).is_err());
        }
    }
}
