//! Owns what of X11 is needed to lend a display: the name of one, the file of cookies (Xauthority) and the first message
//! of a connection, in which a cookie is put for another. Pure. Leaves out the connections.
//!
//! Sources: X Window System Protocol (connection setup), libXau's Xauth(3), X(7) on display names.

/// The one way to authenticate that is spoken.
pub const COOKIE: &str = "MIT-MAGIC-COOKIE-1";
/// Bytes of a cookie made here.
pub const COOKIE_LEN: usize = 16;
/// Where the TCP ports of displays begin.
pub const PORTS: u16 = 6000;
/// A first message longer than this is none, bytes.
const SETUP_MOST: usize = 12 + 2 * 1024;
/// Families of an entry: any address; a name of this machine.
const WILD: u16 = 0xffff;
const LOCAL: u16 = 256;

/// A display's name: `:0`, `unix:0.1`, `localhost:10.0`, `/a/socket:0`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Display {
    /// None = this machine, by its socket.
    pub host: Option<String>,
    /// The socket itself, where the name is a path.
    pub socket: Option<String>,
    pub number: u16,
    pub screen: u16,
}

impl Display {
    /// None for what is no name.
    pub fn parse(name: &str) -> Option<Display> {
        let (at, rest) = name.rsplit_once(':')?;
        let (number, screen) = rest.split_once('.').unwrap_or((rest, "0"));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit()).then(|| s.parse::<u16>().ok()).flatten();
        let (number, screen) = (digits(number)?, digits(screen)?);
        if number > u16::MAX - PORTS {
            return None;
        }
        let path = at.strip_prefix("unix").filter(|p| p.starts_with('/')).unwrap_or(at);
        let (host, socket) = match at {
            "" | "unix" => (None, None),
            _ if path.starts_with('/') => (None, Some(format!("{path}:{rest}"))),
            host if host.len() <= 255 && !host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') => {
                (Some(host.trim_start_matches('[').trim_end_matches(']').to_string()), None)
            }
            _ => return None,
        };
        Some(Display { host, socket, number, screen })
    }

    /// One that somebody forwards over a connection, as sshd does: it comes and goes with it.
    pub fn is_forwarded(&self) -> bool {
        matches!(self.host.as_deref(), Some("localhost" | "127.0.0.1" | "::1"))
    }
}

/// One cookie of an Xauthority file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub family: u16,
    pub address: Vec<u8>,
    /// The display's number in decimal; empty = any.
    pub number: Vec<u8>,
    pub name: Vec<u8>,
    pub data: Vec<u8>,
}

impl Entry {
    /// A cookie for a display, under whatever address it is looked for.
    pub fn any_address(number: u16, cookie: &[u8]) -> Entry {
        Entry {
            family: WILD,
            address: Vec::new(),
            number: number.to_string().into_bytes(),
            name: COOKIE.into(),
            data: cookie.to_vec(),
        }
    }

    /// As it stands in the file.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.family.to_be_bytes());
        for field in [&self.address, &self.number, &self.name, &self.data] {
            let field = field.get(..usize::from(u16::MAX).min(field.len())).unwrap_or_default();
            out.extend_from_slice(&(field.len() as u16).to_be_bytes());
            out.extend_from_slice(field);
        }
    }
}

/// The entries of a file, up to where it stops making sense.
pub fn entries(mut file: &[u8]) -> Vec<Entry> {
    fn word(file: &mut &[u8]) -> Option<u16> {
        let (head, rest) = file.split_first_chunk::<2>()?;
        *file = rest;
        Some(u16::from_be_bytes(*head))
    }
    fn field(file: &mut &[u8]) -> Option<Vec<u8>> {
        let length = usize::from(word(file)?);
        let (head, rest) = file.split_at_checked(length)?;
        *file = rest;
        Some(head.to_vec())
    }
    let mut out = Vec::new();
    let mut next = || {
        Some(Entry {
            family: word(&mut file)?,
            address: field(&mut file)?,
            number: field(&mut file)?,
            name: field(&mut file)?,
            data: field(&mut file)?,
        })
    };
    while let Some(entry) = next() {
        out.push(entry);
    }
    out
}

/// The cookie for a display of this machine, or of one forwarded to it; `hostname` = this machine's.
pub fn cookie(entries: &[Entry], display: &Display, hostname: &str) -> Option<Vec<u8>> {
    let number = display.number.to_string();
    let here = |e: &Entry| match e.family {
        WILD => true,
        LOCAL => e.address == hostname.as_bytes(),
        // by internet address: where the display is one of another host, whoever wrote it there meant it
        _ => display.host.is_some() && !display.is_forwarded(),
    };
    entries
        .iter()
        .find(|e| e.name == COOKIE.as_bytes() && here(e) && (e.number.is_empty() || e.number == number.as_bytes()))
        .map(|e| e.data.clone())
}

/// What becomes of the first bytes of a connection.
#[derive(PartialEq, Eq, Debug)]
pub enum Setup {
    /// More of them are needed.
    Part,
    /// It is no X client, or not one that knows the cookie.
    Refused,
    /// Goes on with these bytes in place of the first `taken`.
    Admitted { taken: usize, instead: Vec<u8> },
}

/// Puts `real` for the cookie `given`, which the client has to know; None = nothing, for a server that asks for nothing.
pub fn admit(first: &[u8], given: &[u8], real: Option<&[u8]>) -> Setup {
    let Some((order, name_len, data_len)) = lengths(first) else {
        return match first.first() {
            Some(b'B' | b'l') | None => Setup::Part,
            Some(_) => Setup::Refused,
        };
    };
    let padded = |n: usize| n.div_ceil(4) * 4;
    let taken = 12 + padded(name_len) + padded(data_len);
    if taken > SETUP_MOST {
        return Setup::Refused;
    }
    if first.len() < taken {
        return Setup::Part;
    }
    let name = first.get(12..12 + name_len).unwrap_or_default();
    let at = 12 + padded(name_len);
    let data = first.get(at..at + data_len).unwrap_or_default();
    if name != COOKIE.as_bytes() || !same(data, given) {
        return Setup::Refused;
    }
    let mut instead = first.get(..6).unwrap_or_default().to_vec();
    let word = |n: usize| if order == b'B' { (n as u16).to_be_bytes() } else { (n as u16).to_le_bytes() };
    let (name, data) = match real {
        Some(real) => (COOKIE.as_bytes(), real.get(..1024.min(real.len())).unwrap_or_default()),
        None => (&b""[..], &b""[..]),
    };
    instead.extend(word(name.len()));
    instead.extend(word(data.len()));
    instead.extend([0, 0]);
    for field in [name, data] {
        instead.extend_from_slice(field);
        instead.resize(instead.len().div_ceil(4) * 4, 0);
    }
    Setup::Admitted { taken, instead }
}

/// Byte order, and lengths of name and data, once they are there.
fn lengths(first: &[u8]) -> Option<(u8, usize, usize)> {
    let head = first.first_chunk::<12>()?;
    let word = |a: u8, b: u8| {
        usize::from(if head[0] == b'B' { u16::from_be_bytes([a, b]) } else { u16::from_le_bytes([a, b]) })
    };
    matches!(head[0], b'B' | b'l').then(|| (head[0], word(head[6], head[7]), word(head[8], head[9])))
}

/// Takes as long whichever byte differs.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(order: u8, name: &[u8], data: &[u8]) -> Vec<u8> {
        let word = |n: u16| if order == b'B' { n.to_be_bytes() } else { n.to_le_bytes() };
        let mut out = vec![order, 0];
        for n in [11, 0, name.len() as u16, data.len() as u16, 0] {
            out.extend(word(n));
        }
        for field in [name, data] {
            out.extend_from_slice(field);
            out.resize(out.len().div_ceil(4) * 4, 0);
        }
        out
    }

    #[test]
    fn names() {
        let d = |n: &str| Display::parse(n);
        let here = |number, screen| Some(Display { host: None, socket: None, number, screen });
        assert_eq!(d(":0"), here(0, 0));
        assert_eq!(d("unix:12.1"), here(12, 1));
        let far = d("localhost:10.0").unwrap();
        assert!(far.is_forwarded() && far.number == 10);
        assert!(!d("wall:0").unwrap().is_forwarded());
        assert_eq!(d("/private/tmp/x/org.x:0").unwrap().socket.as_deref(), Some("/private/tmp/x/org.x:0"));
        for bad in ["", "0", ":", ":x", ":0.x", ":99999", "a b:0", "a\n:0", "../x:0", ":-1", ":+1"] {
            assert_eq!(d(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_cookie_is_put_for_another() {
        let (given, real) = ([7; 16], [9; 16]);
        for order in [b'B', b'l'] {
            let mut first = setup(order, COOKIE.as_bytes(), &given);
            first.extend(b"more");
            let whole = first.len() - 4;
            for cut in 0..whole {
                assert_eq!(admit(&first[..cut], &given, Some(&real)), Setup::Part, "{cut}");
            }
            let Setup::Admitted { taken, instead } = admit(&first, &given, Some(&real)) else { panic!() };
            assert_eq!((taken, instead), (whole, setup(order, COOKIE.as_bytes(), &real)));
            let Setup::Admitted { instead, .. } = admit(&first, &given, None) else { panic!() };
            assert_eq!(instead, setup(order, b"", b""));
        }
        for bad in [
            setup(b'l', COOKIE.as_bytes(), &[8; 16]),
            setup(b'l', COOKIE.as_bytes(), &[7; 15]),
            setup(b'l', b"XDM-AUTHORIZATION-1", &given),
            setup(b'l', b"", b""),
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            [b"l\0\x0b\0\0\0\xff\xff\xff\xff\0\0".to_vec(), vec![0; 70_000]].concat(),
        ] {
            assert_eq!(admit(&bad, &given, Some(&real)), Setup::Refused, "{:?}", &bad[..12]);
        }
    }

    #[test]
    fn files_of_cookies() {
        let local = Entry {
            family: LOCAL,
            address: b"box".to_vec(),
            number: b"10".to_vec(),
            name: COOKIE.into(),
            data: vec![1; 16],
        };
        let mut file = Vec::new();
        local.write(&mut file);
        Entry::any_address(11, &[2; 16]).write(&mut file);
        let all = entries(&file);
        assert_eq!(all, [local, Entry::any_address(11, &[2; 16])]);
        let find = |name: &str, host: &str| cookie(&all, &Display::parse(name).unwrap(), host);
        assert_eq!(find("localhost:10.0", "box"), Some(vec![1; 16]));
        assert_eq!(find("localhost:10.0", "other"), None);
        assert_eq!(find(":11", "other"), Some(vec![2; 16]));
        assert_eq!(find(":12", "box"), None);
        for cut in 0..file.len() {
            assert!(entries(&file[..cut]).len() < 2);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(raw: Vec<u8>, name in "[ -~]{0,30}") {
            entries(&raw);
            admit(&raw, &[7; 16], Some(&[9; 16]));
            admit(&[&b"l\0\x0b\0\0\0"[..], &raw].concat(), &[7; 16], None);
            Display::parse(&name);
        }
    }
}
