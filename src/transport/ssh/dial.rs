//! Owns the TCP connection to a host: which address, from which of ours, with which socket options. ssh_config's
//! AddressFamily, BindAddress, BindInterface, ConnectTimeout, ConnectionAttempts, IPQoS, TCPKeepAlive.
//! Leaves out what runs over it.

use super::config::HostConfig;
use crate::failure::Failure;
use crate::sys::tcp::first_of;
use crate::text::escape;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

const ADDRESSES_MOST: usize = 16;
/// ssh waits so long before it tries anew.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// What a socket is set to before it connects.
#[derive(Clone)]
struct Wish {
    /// Our own addresses, of which one of the other's family is taken.
    from: Vec<IpAddr>,
    interface: Option<String>,
    tos: Option<u8>,
    keep_alive: bool,
}

/// The first of the host's addresses that answers. ConnectTimeout is each attempt's.
pub(super) async fn dial(config: &HostConfig) -> Result<TcpStream, Failure> {
    let at = config.shown();
    let look = format!(
        "see whether the name and the port are right, the host is up and the network there: {} tells more",
        config.ssh_v()
    );
    let within = config.connect_timeout;
    let late = |_| format!("no answer within {} s", within.as_secs());
    let unreachable = |why: String| Failure::unreachable(format!("{at} can't be reached: {why}"), look.clone());

    let lookup = tokio::net::lookup_host((config.hostname.as_str(), config.port));
    let found = tokio::time::timeout(within, lookup).await.map_err(|e| unreachable(late(e)))?.map_err(|e| {
        Failure::unreachable(
            format!("{at} can't be reached: {} has no address: {}", escape(&config.hostname), escape(&e.to_string())),
            "see whether the name is right and the network there",
        )
    })?;
    let addresses: Vec<SocketAddr> =
        found.filter(|a| config.family.is_none_or(|f| (f == 4) == a.is_ipv4())).take(ADDRESSES_MOST).collect();
    let wish = Arc::new(wish(config).await?);

    let mut attempt = 1;
    loop {
        let one = |address| {
            let wish = wish.clone();
            async move { connect(address, &wish).await.map_err(|e| io::Error::other(format!("{address}: {e}"))) }
        };
        let first = first_of(&addresses, "it has no address of the family asked for", one);
        let tried = tokio::time::timeout(within, first).await.map_err(late).map(|r| r.map_err(|e| e.to_string()));
        let why = match tried {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(why)) | Err(why) => why,
        };
        if attempt >= config.connection_attempts {
            let tries = if attempt > 1 { format!(" ({attempt} attempts)") } else { String::new() };
            return Err(unreachable(format!("{why}{tries}")));
        }
        attempt += 1;
        tokio::time::sleep(BETWEEN_ATTEMPTS).await;
    }
}

async fn wish(config: &HostConfig) -> Result<Wish, Failure> {
    let mut from = Vec::new();
    if let Some(name) = &config.bind_address {
        let found = tokio::net::lookup_host((name.as_str(), 0)).await.map(Iterator::collect::<Vec<_>>);
        from = found.unwrap_or_default().iter().map(SocketAddr::ip).collect();
        if from.is_empty() {
            return Err(Failure::usage(
                format!("{}: BindAddress {} is no address of a machine", config.shown(), escape(name)),
                "write an address of this machine there: `ip addr` shows them",
            ));
        }
    }
    // the address counts where both are said, as in ssh
    let interface = config.bind_interface.clone().filter(|_| from.is_empty());
    Ok(Wish { from, interface, tos: config.ipqos, keep_alive: config.tcp_keep_alive })
}

async fn connect(to: SocketAddr, wish: &Wish) -> Result<TcpStream, String> {
    let plain = |e: std::io::Error| e.to_string();
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(plain)?;
    if !wish.from.is_empty() {
        let ours = wish.from.iter().find(|a| a.is_ipv4() == to.is_ipv4());
        let ours = ours.ok_or("BindAddress is of the other address family")?;
        socket.bind(SocketAddr::new(*ours, 0)).map_err(|e| format!("BindAddress {ours}: {e}"))?;
    }
    if let Some(name) = &wish.interface {
        bind_interface(&socket, name).map_err(|why| format!("BindInterface {}: {why}", escape(name)))?;
    }
    // neither is worth a connection
    if let Err(e) = socket.set_keepalive(wish.keep_alive) {
        tracing::warn!(error = %e, "SO_KEEPALIVE");
    }
    if let Some(tos) = wish.tos
        && let Err(e) = set_tos(&socket, to.is_ipv4(), tos)
    {
        tracing::warn!(error = %e, "IPQoS");
    }
    socket.connect(to).await.map_err(plain)
}

fn set_tos(socket: &TcpSocket, v4: bool, tos: u8) -> rustix::io::Result<()> {
    if v4 {
        rustix::net::sockopt::set_ip_tos(socket, tos)
    } else {
        rustix::net::sockopt::set_ipv6_tclass(socket, u32::from(tos))
    }
}

#[cfg(target_os = "linux")]
fn bind_interface(socket: &TcpSocket, name: &str) -> Result<(), String> {
    socket.bind_device(Some(name.as_bytes())).map_err(|e| e.to_string())
}
#[cfg(not(target_os = "linux"))]
fn bind_interface(_: &TcpSocket, _: &str) -> Result<(), String> {
    Err("it is not supported on this system; BindAddress is".into())
}

#[cfg(test)]
mod tests {
    use super::super::config::{Dest, parse_g};
    use super::*;
    use std::path::Path;

    fn with(printed: &str, port: u16) -> HostConfig {
        let dest = Dest { user: None, host: "127.0.0.1".into(), port: Some(port) };
        let mut c = parse_g(printed, &dest, Path::new("/h"), "me");
        c.port = port;
        c
    }

    #[tokio::test]
    async fn a_socket_as_wished() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = dial(&with("bindaddress 127.0.0.3\nipqos af21 cs1\ntcpkeepalive yes\n", port)).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().1.ip(), IpAddr::from([127, 0, 0, 3]));
        assert_eq!(rustix::net::sockopt::ip_tos(&stream).unwrap(), 0x48);
        assert!(rustix::net::sockopt::socket_keepalive(&stream).unwrap());
        let stream = dial(&with("ipqos none none\ntcpkeepalive no\n", port)).await.unwrap();
        assert_eq!(rustix::net::sockopt::ip_tos(&stream).unwrap(), 0);
        assert!(!rustix::net::sockopt::socket_keepalive(&stream).unwrap());

        let f = dial(&with("addressfamily inet6\n", port)).await.err().unwrap();
        assert!(f.code() == 3 && f.what.contains("family"), "{f}");
        let f = dial(&with("bindaddress ::1\n", port)).await.err().unwrap();
        assert!(f.what.contains("BindAddress"), "{f}");
        let f = dial(&with("bindinterface nosuch0\n", port)).await.err().unwrap();
        assert!(f.what.contains("BindInterface nosuch0"), "{f}");
        let f = dial(&with("bindaddress nosuch.invalid\n", port)).await.err().unwrap();
        assert!(f.code() == 2 && f.what.contains("BindAddress nosuch.invalid"), "{f}");
    }

    #[tokio::test]
    async fn as_many_attempts_as_wished() {
        // nothing listens there any more
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let start = tokio::time::Instant::now();
        let f = dial(&with("connectionattempts 2\n", port)).await.err().unwrap();
        assert!(f.what.contains("(2 attempts)") && start.elapsed() >= BETWEEN_ATTEMPTS, "{f}");
    }
}
