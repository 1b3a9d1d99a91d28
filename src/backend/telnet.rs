//! Owns a telnet connection (RFC 854): reaching the host, copying both ways, whole lines or single characters, how it ends.
//! Leaves out telnet's bytes (`protocol.rs`) and editing a line (`line.rs`).
//!
//! Nothing waits without bound: what the host does not take stops what is typed, and what the session does not take
//! stops the host.

mod line;
pub mod protocol;

use super::End;
use super::bridge::{self, Bridge, Far, Wish};
use crate::proto::control::connections::Telnet;
use crate::proto::control::{Act, Device, Done, Fault};
use crate::proto::ids::Size;
use crate::sys;
use crate::sys::tcp::first_of;
use crate::text::{escape, short};
use line::Line;
use protocol::Protocol;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// A host that has not been reached within that is given up: an agent waits 10 s for a session.
const CONNECT: Duration = Duration::from_secs(7);
const ADDRESSES_MOST: usize = 16;
/// A silent line is asked for a sign of life after that, and so many times, this far apart (TCP's own keepalive).
const SILENT: Duration = Duration::from_secs(30);
const ASKED: (u32, Duration) = (3, Duration::from_secs(10));
/// What was sent and is not acknowledged for so long has not arrived.
const UNANSWERED: Duration = Duration::from_secs(180);
/// A host that takes nothing for so long is said to.
const STUCK: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 5000 });
/// Bytes that wait to be sent; with that many nothing more is taken from anybody.
const OUT_MOST: usize = 64 << 10;
/// Bytes that wait to be shown.
const SHOWN_MOST: usize = 64 << 10;
/// A session that has not taken its last bytes within that goes without them.
const LAST: Duration = Duration::from_secs(2);

/// Opens it. To be called within the runtime that serves it from then on.
///
/// # Errors
/// A sentence that says why the host can't be reached and what to look at.
pub async fn open(telnet: Telnet, size: Size, term: &str) -> Result<Bridge, Fault> {
    let wanted = wanted(&telnet.mode)?;
    let stream = dial(&telnet).await.map_err(|why| Fault::new(Fault::DEVICE, why))?;
    let what = format!("telnet {}", escape(&telnet.dest()));
    let device = Device { what, state: Device::CONNECTED.into(), since_up: sys::boot_ms(), ..Device::default() };
    let (bridge, far) =
        bridge::pair(device).map_err(|e| Fault::new(Fault::SPAWN, format!("no pair of sockets: {e}")))?;
    let mut session = Session {
        host: Protocol::new(term, size),
        line: Line::default(),
        wanted,
        resized: None,
        out: Queue::default(),
        typed_left: 0,
        shown: Queue::default(),
        is_stuck: false,
    };
    session.host.prefer(wanted, &mut session.out.bytes);
    if matches!(telnet.port, 0 | Telnet::PORT) {
        session.host.begin(&mut session.out.bytes);
    }
    tokio::spawn(session.serve(stream, far));
    Ok(bridge)
}

/// Characters, whole lines, or as the host likes.
fn wanted(mode: &str) -> Result<Option<bool>, Fault> {
    match mode {
        "" | "auto" => Ok(None),
        "line" => Ok(Some(false)),
        "character" => Ok(Some(true)),
        other => {
            let why = format!("'{}' is no mode of telnet: auto, line or character", short(other, 40));
            Err(Fault::new(Fault::BAD_PARAMS, why))
        }
    }
}

/// The first of the host's addresses that answers.
async fn dial(telnet: &Telnet) -> Result<TcpStream, String> {
    let port = if telnet.port == 0 { Telnet::PORT } else { telnet.port };
    let at = format!("{} port {port}", escape(&telnet.host));
    let late = format!(
        "{at} can't be reached: no answer within {} s; see whether the host is up and no firewall is between",
        CONNECT.as_secs()
    );
    timeout(CONNECT, async {
        let found = tokio::net::lookup_host((telnet.host.as_str(), port)).await.map_err(|e| {
            let why = escape(&e.to_string());
            format!(
                "{} has no address ({why}); see whether the name is right and the network there",
                escape(&telnet.host)
            )
        })?;
        let addresses: Vec<SocketAddr> = found.take(ADDRESSES_MOST).collect();
        let stream = first_of(&addresses, "it has no address", TcpStream::connect::<SocketAddr>)
            .await
            .map_err(|e| format!("{at} can't be reached: {}", refusal(&e)))?;
        prepare(&stream);
        Ok(stream)
    })
    .await
    .unwrap_or(Err(late))
}

fn refusal(e: &io::Error) -> String {
    use io::ErrorKind::*;
    match e.kind() {
        ConnectionRefused => "connection refused, nothing listens there; see whether the port is right".into(),
        HostUnreachable | NetworkUnreachable => {
            format!("{}; see whether the address is right and the network there", escape(&e.to_string()))
        }
        TimedOut => "no answer; see whether the host is up and no firewall is between".into(),
        _ => format!("{}; see whether the host is right", escape(&e.to_string())),
    }
}

/// What is not granted is not worth the connection.
fn prepare(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    let alive = socket2::TcpKeepalive::new().with_time(SILENT).with_retries(ASKED.0).with_interval(ASKED.1);
    let set = socket.set_tcp_keepalive(&alive).and_then(|()| socket.set_tcp_nodelay(true));
    // (a data mark is sent as urgent data: taken out of the stream, its IAC would make the next byte a command)
    let set = set.and_then(|()| socket.set_out_of_band_inline(true));
    #[cfg(target_os = "linux")]
    let set = set.and_then(|()| socket.set_tcp_user_timeout(Some(UNANSWERED)));
    if let Err(e) = set {
        tracing::warn!(error = %e, "a telnet socket's options");
    }
}

/// Bytes on their way, and how many of them have gone.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    gone: usize,
}

impl Queue {
    fn left(&self) -> &[u8] {
        self.bytes.get(self.gone..).unwrap_or_default()
    }
    fn took(&mut self, n: usize) {
        self.gone += n;
        if self.gone >= self.bytes.len() || self.gone >= OUT_MOST {
            self.bytes.drain(..self.gone.min(self.bytes.len()));
            self.gone = 0;
        }
    }
}

/// One connection.
struct Session {
    host: Protocol,
    line: Line,
    wanted: Option<bool>,
    /// A size that waits for room to be said.
    resized: Option<Size>,
    out: Queue,
    /// Of what waits in `out`, how much ends with something typed.
    typed_left: usize,
    shown: Queue,
    /// The host has taken nothing for a while.
    is_stuck: bool,
}

/// Why it is over.
enum Over {
    /// It is let go of here.
    Here,
    Host(String),
}

impl Session {
    async fn serve(mut self, stream: TcpStream, mut far: Far) {
        let (mut read, mut write) = stream.into_split();
        let mut typed = vec![0u8; 4 << 10];
        let mut came = vec![0u8; 16 << 10];
        let mut stuck = None;
        let over = loop {
            self.mark(&far);
            if !self.out.left().is_empty() && !self.is_stuck {
                stuck.get_or_insert_with(|| Instant::now() + STUCK);
            }
            let room = self.out.left().len() < OUT_MOST && self.shown.left().len() < SHOWN_MOST;
            if room && let Some(size) = self.resized.take() {
                self.host.resize(size, &mut self.out.bytes);
                continue;
            }
            tokio::select! {
                biased;
                wish = far.wishes.recv() => match wish {
                    Some(Wish::Resize(size)) => self.resized = Some(size),
                    Some(Wish::Act(act, done)) => drop(done.send(self.act(act))),
                    Some(Wish::Close) | None => break Over::Here,
                },
                sent = write.write(self.out.left()), if !self.out.left().is_empty() => match sent {
                    Ok(n) => {
                        self.out.took(n);
                        self.typed_left = self.typed_left.saturating_sub(n);
                        (stuck, self.is_stuck) = (None, false);
                    }
                    Err(e) => break Over::Host(lost(&e)),
                },
                showed = far.shown.write(self.shown.left()), if !self.shown.left().is_empty() => match showed {
                    Ok(n) => self.shown.took(n),
                    Err(_) => break Over::Here,
                },
                got = far.typed.read(&mut typed), if room => match got {
                    Ok(n) if n > 0 => self.typed(typed.get(..n).unwrap_or_default()),
                    _ => break Over::Here,
                },
                got = read.read(&mut came), if room => match got {
                    Ok(0) => break Over::Host("closed by the host".into()),
                    Ok(n) => self.came(came.get(..n).unwrap_or_default()),
                    Err(e) => break Over::Host(lost(&e)),
                },
                () = async { match stuck { Some(at) => sleep_until(at).await, None => std::future::pending().await } } => {
                    (stuck, self.is_stuck) = (None, true);
                }
            }
        };
        let Over::Host(mut cause) = over else { return };
        let _ = timeout(LAST, far.shown.write_all(self.shown.left())).await;
        if self.typed_left > 0 || far.typed.try_read(&mut typed).is_ok_and(|n| n > 0) {
            cause.push_str("; what was typed last was not sent");
        }
        far.end.say(End { code: None, cause: Some(cause) });
    }

    /// Lines are edited here.
    fn edits(&self) -> bool {
        !self.wanted.unwrap_or(self.host.takes_characters())
    }

    /// What is typed is shown here.
    fn echoes(&self) -> bool {
        match self.wanted {
            Some(true) => !self.host.may_echo(),
            Some(false) | None => !self.host.echoes(),
        }
    }

    fn typed(&mut self, keys: &[u8]) {
        let (edits, echo) = (self.edits(), self.echoes());
        let (out, shown) = (&mut self.out.bytes, &mut self.shown.bytes);
        if edits {
            self.line.typed(keys, echo, &mut self.host, shown, out);
        } else {
            self.host.send(keys, out);
            for &key in keys.iter().filter(|_| echo) {
                match key {
                    b'\r' => shown.extend(b"\r\n"),
                    key => line::echo(key, shown),
                }
            }
        }
        self.typed_left = self.out.left().len();
    }

    fn came(&mut self, bytes: &[u8]) {
        self.host.receive(bytes, &mut self.shown.bytes, &mut self.out.bytes);
        self.settle();
    }

    /// What waits in a line goes as it is once lines are not edited any more.
    fn settle(&mut self) {
        if !self.edits() && !self.line.is_empty() {
            self.line.send(&mut self.host, &mut self.out.bytes);
            self.typed_left = self.out.left().len();
        }
    }

    fn act(&mut self, act: Act) -> Result<Done, Fault> {
        if self.out.left().len() >= OUT_MOST {
            return Err(Fault::new(Fault::BUSY, "the host takes nothing just now: try again once it does"));
        }
        match act {
            Act::Break { .. } => self.host.command(protocol::BREAK, &mut self.out.bytes),
            Act::Mode { to } => {
                self.wanted = wanted(&to)?;
                self.host.prefer(self.wanted, &mut self.out.bytes);
                self.settle();
            }
            _ => {
                let why = "a telnet host knows no such thing: break and mode (auto, line, character) are what it knows";
                return Err(Fault::new(Fault::WRONG_KIND, why));
            }
        }
        Ok(Done::default())
    }

    /// What a list says of it.
    fn mark(&self, far: &Far) {
        let mark = match (self.edits(), self.wanted) {
            (true, None) => Some("line mode"),
            (true, Some(_)) => Some("line mode, set"),
            (false, None) => None,
            (false, Some(_)) => Some("character mode, set"),
        };
        let (state, why) = match self.is_stuck {
            true => (Device::WAITING, Some("the host takes nothing that is sent to it")),
            false => (Device::CONNECTED, None),
        };
        far.device.send_if_modified(|device| {
            let restated = device.state != state;
            if restated {
                (device.state, device.why) = (state.into(), why.map(Into::into));
                device.since_up = sys::boot_ms();
            }
            let remarked = device.marks.first().map(String::as_str) != mark;
            if remarked {
                device.marks = mark.into_iter().map(Into::into).collect();
            }
            restated || remarked
        });
    }
}

fn lost(e: &io::Error) -> String {
    use io::ErrorKind::*;
    match e.kind() {
        ConnectionReset | BrokenPipe => "connection lost: the host has reset it".into(),
        TimedOut => "connection lost: the host does not answer any more".into(),
        _ => format!("connection lost: {}", escape(&e.to_string())),
    }
}

#[cfg(test)]
mod tests;
