//! Owns a few words of D-Bus: one call over a unix socket, and its answer, within a deadline; it blocks. Leaves out
//! signals, introspection, descriptors: what needs those needs a library. Source: the D-Bus Specification, "Message
//! Protocol", "Type System" and "Authentication Protocol".

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// No answer we ask for is longer; the protocol's own limit is 128 MiB.
const ANSWER: usize = 64 << 10;

/// A connection. What its peer says is checked, whoever it is.
pub(super) struct Bus {
    stream: UnixStream,
    serial: u32,
    until: Instant,
}

/// Where a call goes.
pub(super) struct To<'a> {
    pub destination: &'a str,
    pub path: &'a str,
    pub interface: &'a str,
    pub member: &'a str,
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("D-Bus: {what}"))
}

impl Bus {
    /// To the bus at this socket, as the effective user; everything is to be done before `until`.
    ///
    /// # Errors
    /// Nobody listens there, the peer is neither root nor the user `owner`, or does not take us.
    pub fn connect(path: &Path, owner: Option<u32>, until: Instant) -> io::Result<Bus> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        // (where too many wait to be accepted, connecting waits as sending does)
        set_socket_timeout(&socket, Timeout::Send, Some(left(until)?))?;
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        let stream = UnixStream::from(socket);
        let peer = super::peer_uid(&stream)?;
        if owner.is_some_and(|owner| peer != 0 && peer != owner) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the bus belongs to another user"));
        }
        let mut bus = Bus { stream, serial: 0, until };
        let id: String =
            rustix::process::geteuid().as_raw().to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
        bus.write(format!("\0AUTH EXTERNAL {id}\r\n").as_bytes())?;
        if !bus.line()?.starts_with(b"OK ") {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the bus does not take us"));
        }
        bus.write(b"BEGIN\r\n")?;
        bus.call(&To::bus("Hello"), "", &Body::default())?;
        Ok(bus)
    }

    /// A call, and what its answer holds.
    ///
    /// # Errors
    /// The peer's error, by name; or no answer in time, or none that can be understood.
    pub fn call(&mut self, to: &To<'_>, signature: &str, body: &Body) -> io::Result<Answer> {
        self.serial += 1;
        let mut head = Body::default();
        head.0.extend_from_slice(b"l\x01\0\x01");
        head.u32(body.0.len() as u32);
        head.u32(self.serial);
        head.array(8, |fields| {
            for (code, kind, value) in
                [(1, "o", to.path), (2, "s", to.interface), (3, "s", to.member), (6, "s", to.destination)]
            {
                fields.align(8);
                fields.0.push(code);
                fields.signature(kind);
                fields.string(value);
            }
            if !signature.is_empty() {
                fields.align(8);
                fields.0.push(8);
                fields.signature("g");
                fields.signature(signature);
            }
        });
        head.align(8);
        head.0.extend_from_slice(&body.0);
        self.write(&head.0)?;
        loop {
            let (kind, of, answer) = self.message()?;
            match kind {
                2 if of == self.serial => return Ok(answer),
                3 if of == self.serial => return Err(io::Error::other(format!("the bus says {}", answer.error))),
                // a signal, or somebody else's
                _ => {}
            }
        }
    }

    /// A property of an object: its value, as a variant.
    pub fn property(&mut self, of: &To<'_>) -> io::Result<Answer> {
        let mut body = Body::default();
        body.string(of.interface);
        body.string(of.member);
        let get = To { interface: "org.freedesktop.DBus.Properties", member: "Get", ..*of };
        self.call(&get, "ss", &body)
    }

    fn message(&mut self) -> io::Result<(u8, u32, Answer)> {
        let mut fixed = [0u8; 16];
        self.read(&mut fixed)?;
        let [order, kind, ..] = fixed;
        let mut r = Answer { bytes: fixed.to_vec(), at: 4, big: order == b'B', error: String::new() };
        let (body, _serial, fields) = (r.u32()? as usize, r.u32()?, r.u32()? as usize);
        if body > ANSWER || fields > ANSWER {
            return Err(broken("an answer longer than any should be"));
        }
        let padded = (fields + 7) & !7;
        let mut rest = vec![0; padded + body];
        self.read(&mut rest)?;
        r.bytes.extend_from_slice(&rest);
        let mut of = 0;
        while r.at < 16 + fields {
            r.align(8);
            let code = r.u8()?;
            match (code, r.signature()?.as_str()) {
                (5, "u") => of = r.u32()?,
                (4, "s") => r.error = r.string()?,
                (_, "u") => drop(r.u32()?),
                (_, "s" | "o") => drop(r.string()?),
                (_, "g") => drop(r.signature()?),
                _ => return Err(broken("a header field of an unknown type")),
            }
        }
        // (a body counts its alignment from its own start, which is a multiple of 8)
        let bytes = r.bytes.split_off((16 + padded).min(r.bytes.len()));
        Ok((kind, of, Answer { bytes, at: 0, ..r }))
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        while line.len() < 1024 {
            let mut byte = [0];
            self.read(&mut byte)?;
            line.extend(byte);
            if line.ends_with(b"\r\n") {
                return Ok(line);
            }
        }
        Err(broken("a line that does not end"))
    }

    fn read(&mut self, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            self.stream.set_read_timeout(Some(left(self.until)?))?;
            match self.stream.read(into) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => into = into.get_mut(n..).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.set_write_timeout(Some(left(self.until)?))?;
        self.stream.write_all(bytes)
    }
}

impl To<'static> {
    /// A method of the bus itself.
    fn bus(member: &'static str) -> To<'static> {
        To {
            destination: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
            member,
        }
    }
}

fn left(until: Instant) -> io::Result<Duration> {
    until.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()).ok_or(io::ErrorKind::TimedOut.into())
}

/// Values as they are written: little endian, each aligned to its size.
#[derive(Default)]
pub(super) struct Body(Vec<u8>);

impl Body {
    pub fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }
    pub fn u32(&mut self, n: u32) {
        self.align(4);
        self.0.extend_from_slice(&n.to_le_bytes());
    }
    pub fn string(&mut self, text: &str) {
        self.u32(text.len() as u32);
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
    }
    pub fn signature(&mut self, text: &str) {
        self.0.push(text.len() as u8);
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
    }
    /// Elements aligned to `align`, as `fill` writes them.
    pub fn array(&mut self, align: usize, fill: impl FnOnce(&mut Body)) {
        self.u32(0);
        let at = self.0.len();
        self.align(align);
        let start = self.0.len();
        fill(self);
        let long = (self.0.len() - start) as u32;
        if let Some(place) = self.0.get_mut(at - 4..at) {
            place.copy_from_slice(&long.to_le_bytes());
        }
    }
}

/// What an answer holds, read one value after the other.
pub(super) struct Answer {
    bytes: Vec<u8>,
    at: usize,
    big: bool,
    error: String,
}

impl Answer {
    fn take(&mut self, n: usize) -> io::Result<&[u8]> {
        let from = self.at;
        let to = from.checked_add(n).ok_or_else(|| broken("too long"))?;
        self.at = to;
        self.bytes.get(from..to).ok_or_else(|| broken("cut short"))
    }
    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }
    fn u8(&mut self) -> io::Result<u8> {
        Ok(self.take(1)?.first().copied().unwrap_or(0))
    }
    pub fn u32(&mut self) -> io::Result<u32> {
        self.align(4);
        let big = self.big;
        let bytes = self.take(4)?.try_into().unwrap_or([0; 4]);
        Ok(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
    pub fn string(&mut self) -> io::Result<String> {
        let long = self.u32()? as usize;
        let text = String::from_utf8_lossy(self.take(long)?).into_owned();
        self.u8()?;
        Ok(text)
    }
    fn signature(&mut self) -> io::Result<String> {
        let long = usize::from(self.u8()?);
        let text = String::from_utf8_lossy(self.take(long)?).into_owned();
        self.u8()?;
        Ok(text)
    }
    /// A variant with a boolean in it.
    pub fn flag(mut self) -> io::Result<bool> {
        match self.signature()?.as_str() {
            "b" => Ok(self.u32()? != 0),
            _ => Err(broken("no boolean")),
        }
    }
    /// A variant with strings in it.
    pub fn strings(mut self) -> io::Result<Vec<String>> {
        if self.signature()? != "as" {
            return Err(broken("no strings"));
        }
        let end = self.u32()? as usize + self.at;
        let mut all = Vec::new();
        while self.at < end {
            all.push(self.string()?);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bus that takes whoever comes, and says `answer` to the call after Hello.
    fn bus(answer: Vec<u8>) -> (tempfile::TempDir, std::thread::JoinHandle<Vec<u8>>) {
        let dir = tempfile::tempdir().unwrap();
        let listener = std::os::unix::net::UnixListener::bind(dir.path().join("bus")).unwrap();
        let served = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut heard = Vec::new();
            let mut more = |stream: &mut UnixStream, enough: &dyn Fn(&[u8]) -> bool| {
                while !enough(&heard) {
                    let mut buf = [0; 4096];
                    let n = stream.read(&mut buf).unwrap();
                    heard.extend_from_slice(&buf[..n]);
                }
                std::mem::take(&mut heard)
            };
            more(&mut stream, &|h| h.ends_with(b"\r\n"));
            stream.write_all(b"OK 1234\r\n").unwrap();
            more(&mut stream, &|h| h.windows(6).any(|w| w == b"Hello\0"));
            let mut hello = message(2, 1, |b| b.string(":1.7"));
            // a signal comes between
            hello.extend(message(4, 0, |b| b.u32(5)));
            stream.write_all(&hello).unwrap();
            let asked = more(&mut stream, &|h| !h.is_empty());
            stream.write_all(&answer).unwrap();
            asked
        });
        (dir, served)
    }

    fn message(kind: u8, of: u32, fill: impl FnOnce(&mut Body)) -> Vec<u8> {
        let mut body = Body::default();
        fill(&mut body);
        let mut m = Body(vec![b'l', kind, 0, 1]);
        m.u32(body.0.len() as u32);
        m.u32(9);
        m.array(8, |f| {
            f.align(8);
            f.0.push(5);
            f.signature("u");
            f.u32(of);
            f.align(8);
            f.0.push(4);
            f.signature("s");
            f.string("org.example.Error.No");
        });
        m.align(8);
        m.0.extend_from_slice(&body.0);
        m.0
    }

    const OF: To<'static> = To { destination: "a.b", path: "/a", interface: "a.b.C", member: "Kill" };

    fn asked(answer: Vec<u8>) -> (io::Result<Answer>, Vec<u8>) {
        let (dir, served) = bus(answer);
        let until = Instant::now() + Duration::from_secs(10);
        let mut bus = Bus::connect(&dir.path().join("bus"), None, until).unwrap();
        let answer = bus.property(&OF);
        drop(bus);
        (answer, served.join().unwrap())
    }

    #[test]
    fn a_property_is_read() {
        let (answer, heard) = asked(message(2, 2, |b| {
            b.signature("b");
            b.u32(1);
        }));
        assert!(answer.unwrap().flag().unwrap());
        assert!(heard.windows(5).any(|w| w == b"Kill\0"));
        let list = message(2, 2, |b| {
            b.signature("as");
            b.array(4, |b| {
                b.string("root");
                b.string("me");
            });
        });
        assert_eq!(asked(list).0.unwrap().strings().unwrap(), ["root", "me"]);
        let error = asked(message(3, 2, |_| {})).0.err().unwrap();
        assert!(error.to_string().contains("org.example.Error.No"), "{error}");
    }

    #[test]
    fn nonsense_is_an_error() {
        let good = message(2, 2, |b| {
            b.signature("b");
            b.u32(1);
        });
        for n in 0..good.len() {
            assert!(asked(good[..n].to_vec()).0.is_err(), "cut at {n}");
            let mut bent = good.clone();
            bent[n] = 0xff;
            // whatever it says then, nothing panics and it comes to an end
            let _ = asked([bent, message(3, 2, |_| {})].concat()).0.map(Answer::flag);
        }
    }

    #[test]
    fn nobody_is_waited_for_longer_than_said() {
        let dir = tempfile::tempdir().unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(dir.path().join("bus")).unwrap();
        let until = Instant::now() + Duration::from_millis(50);
        assert!(Bus::connect(&dir.path().join("bus"), None, until).is_err());
        assert!(Instant::now() >= until);
    }
}
