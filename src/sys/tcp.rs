//! Owns which of a host's addresses answers first, and what this system's TCP tells of a connection: its round trip, what it
//! sent, what it had to send again.
//! Linux' TCP_INFO (tcp(7)); elsewhere nothing is told. Leaves out what that means.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The next address is tried beside one that has not answered for so long.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// A connection to the first of these addresses that answers, each dialed by `dial` (RFC 8305, without sorting).
///
/// # Errors
/// Why the last of them failed; `none` where there is no address.
pub async fn first_of<F>(addresses: &[SocketAddr], none: &str, dial: impl Fn(SocketAddr) -> F) -> io::Result<TcpStream>
where
    F: Future<Output = io::Result<TcpStream>> + Send + 'static,
{
    let mut left = addresses.iter().copied();
    let mut dials = JoinSet::new();
    let mut why = io::Error::other(none);
    loop {
        if let Some(address) = left.next() {
            dials.spawn(dial(address));
        } else if dials.is_empty() {
            return Err(why);
        }
        tokio::select! {
            Some(done) = dials.join_next() => match done {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(e)) => why = e,
                Err(e) => why = io::Error::other(e),
            },
            () = tokio::time::sleep(NEXT_ADDRESS), if left.len() > 0 => {}
        }
    }
}

/// What TCP knows of a connection, from its begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tcp {
    /// Smoothed (RFC 6298): from a segment to its acknowledgement, which the peer's kernel sends and no program.
    pub rtt: Duration,
    /// Segments we sent, those without data included.
    pub sent: u32,
    /// Of them, those sent again: they, or their acknowledgement, were lost or late.
    pub resent: u32,
}

/// `None` where that is no TCP connection, or the system does not tell.
#[cfg(target_os = "linux")]
pub fn tcp(socket: BorrowedFd<'_>) -> Option<Tcp> {
    use std::os::fd::AsRawFd;
    // SAFETY: the struct is made of integers alone, for which zero is a value
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as it is borrowed; the kernel writes `len` bytes at most, which are there
    let told = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            std::ptr::from_mut(&mut info).cast(),
            &raw mut len,
        )
    };
    (told == 0).then(|| Tcp {
        rtt: Duration::from_micros(u64::from(info.tcpi_rtt)),
        sent: info.tcpi_segs_out,
        resent: info.tcpi_total_retrans,
    })
}

#[cfg(not(target_os = "linux"))]
pub fn tcp(_: BorrowedFd<'_>) -> Option<Tcp> {
    None
}

/// Whether the address that a socket is bound to is none of this machine's any more: nothing that is sent to it arrives.
pub fn is_stranded(socket: BorrowedFd<'_>) -> bool {
    let address = socket2::SockRef::from(&socket).local_addr().ok().and_then(|a| a.as_socket());
    address.is_some_and(|mut address| {
        address.set_port(0);
        std::net::UdpSocket::bind(address).is_err_and(|e| e.kind() == std::io::ErrorKind::AddrNotAvailable)
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    #[test]
    fn a_connection_of_this_machine() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut there, _) = listener.accept().unwrap();
        let before = tcp(here.as_fd()).unwrap();
        for _ in 0..5 {
            here.write_all(b"x").unwrap();
            there.read_exact(&mut [0]).unwrap();
            there.write_all(b"x").unwrap();
            here.read_exact(&mut [0]).unwrap();
        }
        let after = tcp(here.as_fd()).unwrap();
        assert!(after.sent >= before.sent + 5 && after.resent <= after.sent, "{before:?} {after:?}");
        assert!(after.rtt > Duration::ZERO && after.rtt < Duration::from_secs(5), "{after:?}");
        assert!(!is_stranded(here.as_fd()));
        let (a, _b) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(tcp(a.as_fd()).is_none() && !is_stranded(a.as_fd()));
    }
}
