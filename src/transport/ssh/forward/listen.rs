//! Owns listening on this machine: [`Listener`], TCP on every address that its place means or a Unix socket, and the
//! connections that come ([`Conn`]). Leaves out what is done with them.

use super::spec::Place;
use crate::failure::Failure;
use crate::sys::listening;
use crate::text::{escape, short};
use rustix::net::sockopt;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

const BACKLOG: i32 = 1024;
const ADDRESSES_MOST: usize = 16;

/// A connection of this machine's.
pub(super) enum Conn {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Conn {
    fn tcp(stream: TcpStream) -> Conn {
        let _ = stream.set_nodelay(true);
        Conn::Tcp(stream)
    }

    /// Ends it as a broken connection ends, not as one that was through: by RST, where it is TCP.
    pub(super) fn reset(self) {
        if let Conn::Tcp(stream) = &self {
            let _ = sockopt::set_socket_linger(stream, Some(Duration::ZERO));
        }
    }

    /// Connects from this machine.
    pub(super) async fn connect(to: &Place) -> io::Result<Conn> {
        match to {
            Place::Tcp { host, port } => {
                let host = host.as_deref().unwrap_or("localhost");
                Ok(Conn::tcp(TcpStream::connect((host, *port)).await?))
            }
            Place::Unix(path) => Ok(Conn::Unix(UnixStream::connect(path).await?)),
        }
    }
}

macro_rules! each {
    ($conn:expr, $call:ident($($arg:expr),*)) => {
        match $conn {
            Conn::Tcp(s) => Pin::new(s).$call($($arg),*),
            Conn::Unix(s) => Pin::new(s).$call($($arg),*),
        }
    };
}

impl AsyncRead for Conn {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), poll_read(cx, buf))
    }
}
impl AsyncWrite for Conn {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), poll_write(cx, buf))
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), poll_flush(cx))
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), poll_shutdown(cx))
    }
}

pub(super) enum Listener {
    Tcp(Vec<TcpListener>),
    Unix(Bound),
}

/// A socket file of ours, which goes with the listener.
pub(super) struct Bound {
    listener: UnixListener,
    path: PathBuf,
    is: (u64, u64),
}

impl Listener {
    /// `unlink` = a socket that lies at the path is removed first (StreamLocalBindUnlink).
    ///
    /// # Errors
    /// One sentence: taken, and by whom where that can be known; not allowed; no such address.
    pub(super) async fn bind(at: &Place, unlink: bool) -> Result<Listener, Failure> {
        match at {
            Place::Unix(path) => unix(Path::new(path), unlink).map(Listener::Unix),
            Place::Tcp { host, port } => {
                let wanted = addresses(host.as_deref(), *port).await?;
                match tcp(&wanted, *port) {
                    Ok(all) => Ok(Listener::Tcp(all)),
                    // a walk through /proc: not where keys go through
                    Err(No::Taken(port)) => {
                        let by = tokio::task::spawn_blocking(move || listening::on(port)).await.ok().flatten();
                        Err(taken(at, by))
                    }
                    Err(No::NotAllowed(port)) => Err(Failure::refused(
                        format!("this user may not listen on port {port}"),
                        "choose one from 1024 on",
                    )),
                    Err(No::Nowhere(why)) => Err(Failure::failed(
                        format!(
                            "nothing can listen on {at}: {}",
                            why.map(|e| short(&e.to_string(), 100)).unwrap_or_default()
                        ),
                        "leave the address out to listen on the loopback address, or write one that `ip addr` lists",
                    )),
                }
            }
        }
    }

    /// The port, where it is TCP.
    pub(super) fn port(&self) -> Option<u16> {
        match self {
            Listener::Tcp(all) => all.first()?.local_addr().ok().map(|a| a.port()),
            Listener::Unix(_) => None,
        }
    }

    /// The next connection, and where it comes from.
    pub(super) async fn accept(&self) -> io::Result<(Conn, (String, u16))> {
        std::future::poll_fn(|cx| match self {
            Listener::Tcp(all) => {
                for one in all {
                    if let Poll::Ready(came) = one.poll_accept(cx) {
                        return Poll::Ready(came.map(|(s, from)| (Conn::tcp(s), (from.ip().to_string(), from.port()))));
                    }
                }
                Poll::Pending
            }
            Listener::Unix(bound) => {
                bound.listener.poll_accept(cx).map(|r| r.map(|(s, _)| (Conn::Unix(s), ("127.0.0.1".into(), 0))))
            }
        })
        .await
    }
}

async fn addresses(host: Option<&str>, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let both =
        |four: Ipv4Addr, six: Ipv6Addr| vec![(IpAddr::from(four), port).into(), (IpAddr::from(six), port).into()];
    match host {
        None => Ok(both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST)),
        Some("") => Ok(both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED)),
        Some(name) => match tokio::net::lookup_host((name, port)).await {
            Ok(found) => {
                let mut all: Vec<SocketAddr> = found.take(ADDRESSES_MOST).collect();
                all.dedup();
                Ok(all)
            }
            Err(e) => Err(Failure::failed(
                format!("{} is no address of this machine: {}", escape(name), short(&e.to_string(), 100)),
                "leave it out to listen on the loopback address, or write one that `ip addr` lists",
            )),
        },
    }
}

fn one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // the other family has a socket of its own, so that whoever holds it is noticed
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Why nothing listens.
enum No {
    Taken(u16),
    NotAllowed(u16),
    Nowhere(Option<io::Error>),
}

fn tcp(wanted: &[SocketAddr], port: u16) -> Result<Vec<TcpListener>, No> {
    let mut tries = 0;
    'again: loop {
        tries += 1;
        let mut all: Vec<TcpListener> = Vec::new();
        let mut why = None;
        for address in wanted {
            let mut address = *address;
            // a free one for the first is wanted of the others too
            if let Some(first) = all.first().and_then(|l| l.local_addr().ok()) {
                address.set_port(first.port());
            }
            match one(address) {
                Ok(listener) => all.push(listener),
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
                    if port == 0 && tries < 8 {
                        continue 'again;
                    }
                    return Err(No::Taken(address.port()));
                }
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return Err(No::NotAllowed(address.port())),
                // a machine without IPv6, or an address that is another's
                Err(e) => why = Some(e),
            }
        }
        return if all.is_empty() { Err(No::Nowhere(why)) } else { Ok(all) };
    }
}

fn taken(at: &Place, by: Option<listening::Listening>) -> Failure {
    let by = match by {
        Some(l) => match l.pid {
            Some(pid) => format!(" by {} (process {pid})", short(&l.command, 40)),
            None => format!(" by a process of user {}", l.uid),
        },
        None => String::new(),
    };
    Failure::failed(
        format!("{at} is taken here{by}"),
        "choose another port (0 = any free one), or end what listens there",
    )
}

fn unix(path: &Path, unlink: bool) -> Result<Bound, Failure> {
    let shown = escape(&path.to_string_lossy());
    let is_socket = |p: &Path| std::fs::symlink_metadata(p).is_ok_and(|m| m.file_type().is_socket());
    if unlink && is_socket(path) {
        let _ = std::fs::remove_file(path);
    }
    let listener = bind_unix(path).map_err(|e| match e.kind() {
        io::ErrorKind::AddrInUse => Failure::failed(
            format!("{shown} is there already"),
            "remove it where nothing listens on it any more, or choose another path (StreamLocalBindUnlink yes in ssh_config removes it)",
        ),
        io::ErrorKind::PermissionDenied => {
            Failure::refused(format!("this user may not make {shown}"), "choose a path in a directory of your own")
        }
        _ => Failure::failed(
            format!("nothing can listen on {shown}: {}", short(&e.to_string(), 100)),
            "choose a path of at most 107 bytes in a directory that is there",
        ),
    })?;
    let is = std::fs::symlink_metadata(path).map(|m| (m.dev(), m.ino())).unwrap_or_default();
    Ok(Bound { listener, path: path.to_path_buf(), is })
}

/// Only this user may connect, from the first moment on.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    // (the umask is the whole process's: other threads make files meanwhile)
    #[cfg(target_os = "linux")]
    rustix::fs::fchmod(&socket, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    #[cfg(not(target_os = "linux"))]
    let before = crate::sys::umask(0o177);
    let bound = socket.bind(&SockAddr::unix(path)?);
    #[cfg(not(target_os = "linux"))]
    crate::sys::umask(before);
    bound?;
    socket.listen(BACKLOG)?;
    UnixListener::from_std(socket.into())
}

impl Drop for Bound {
    fn drop(&mut self) {
        // another one's that took its place stays
        if std::fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == self.is) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn only_this_user_may_connect_to_a_socket() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let at = Place::Unix(path.to_string_lossy().into_owned());
        let listener = Listener::bind(&at, false).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let connected = UnixStream::connect(&path).await.unwrap();
        listener.accept().await.unwrap();
        drop(connected);
        let why = Listener::bind(&at, false).await.err().unwrap();
        assert!(why.what.contains("is there already"), "{why}");
        drop(listener);
        assert!(!path.exists());
    }
}
