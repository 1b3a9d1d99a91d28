//! Owns the display of this machine as ssh_config lends it to a host (`ForwardX11`): the cookie the host gets, and each
//! connection of a program there. Leaves out the words of X11 (`proto::x11`) and who may open a channel (`gate`).
//!
//! The host never sees the display's own cookie: it gets one made for this connection, and it is put in the place of the
//! other on the way. Without `ForwardX11Trusted` the display is asked for a cookie of less power (xauth generate).

use super::channel::Channel;
use super::config::HostConfig;
use super::connect::Inner;
use super::forward::remote::Incoming;
use crate::proto::ids::hex;
use crate::proto::x11::{self, COOKIE, COOKIE_LEN, Display, PORTS};
use crate::sys;
use crate::transport::random;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, mpsc};

const XAUTH_WITHIN: Duration = Duration::from_secs(10);
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Connections to the display at a time, for each host: what it opens beyond that is refused.
const MOST: usize = 256;

/// The display that is lent.
pub(super) struct X11 {
    display: Display,
    /// What the host knows.
    given: [u8; COOKIE_LEN],
    /// What the display wants to hear.
    real: Option<Vec<u8>>,
    /// No new connection from then on.
    until: Option<Instant>,
}

impl X11 {
    /// Where ssh_config lends it and there is one.
    pub(super) async fn prepare(config: &HostConfig) -> Option<X11> {
        if !config.forward_x11 {
            return None;
        }
        let name = sys::x11::display()?;
        let Some(display) = Display::parse(&name) else {
            tracing::warn!("DISPLAY is no display's name: X11 is not forwarded");
            return None;
        };
        let (real, until) = if config.forward_x11_trusted {
            (x11::cookie(&sys::x11::cookies(&sys::x11::authority()?), &display, &sys::hostname()), None)
        } else {
            let time = config.forward_x11_timeout;
            let made = tokio::time::timeout(XAUTH_WITHIN, generate(config, &name, time)).await.ok().flatten();
            if made.is_none() {
                // (as ssh: without a cookie of less power there is no display at all)
                tracing::warn!("xauth makes no untrusted cookie for this display: X11 is not forwarded");
                return None;
            }
            (made, (!time.is_zero()).then(|| Instant::now() + time))
        };
        Some(X11 { display, given: random().ok()?, real, until })
    }

    pub(super) fn cookie(&self) -> String {
        hex(&self.given)
    }

    pub(super) fn screen(&self) -> u32 {
        u32::from(self.display.screen)
    }

    async fn connect(&self) -> std::io::Result<Box<dyn Both>> {
        let number = self.display.number;
        if let Some(host) = &self.display.host {
            let tcp = TcpStream::connect((host.as_str(), PORTS + number)).await?;
            tcp.set_nodelay(true)?;
            return Ok(Box::new(tcp));
        }
        let path = self.display.socket.clone().unwrap_or_else(|| format!("/tmp/.X11-unix/X{number}"));
        match UnixStream::connect(&path).await {
            Ok(unix) => Ok(Box::new(unix)),
            // (Linux: X servers without a file of that name)
            Err(e) if cfg!(target_os = "linux") => {
                UnixStream::connect(format!("\0{path}")).await.map(|s| Box::new(s) as Box<dyn Both>).map_err(|_| e)
            }
            Err(e) => Err(e),
        }
    }

    async fn pass(&self, mut channel: Channel, mut server: Box<dyn Both>) -> Option<()> {
        let first = sys::x11::introduce(&mut channel, &self.given, self.real.as_deref()).await?;
        server.write_all(&first).await.ok()?;
        tokio::io::copy_bidirectional(&mut channel, &mut server).await.ok()?;
        Some(())
    }
}

trait Both: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

/// Takes what the host opens until the connection ends.
pub(super) async fn serve(x11: Arc<X11>, mut opened: mpsc::UnboundedReceiver<Incoming>, ssh: Weak<Inner>) {
    let room = Arc::new(Semaphore::new(MOST));
    while let Some(Incoming { channel, reply }) = opened.recv().await {
        if x11.until.is_some_and(|t| Instant::now() > t) {
            tracing::warn!("ForwardX11Timeout is over: a program's connection is refused");
            continue;
        }
        let Ok(room) = room.clone().try_acquire_owned() else {
            tracing::warn!("too many programs there are connected to the display");
            continue;
        };
        let (x11, ssh) = (x11.clone(), ssh.clone());
        tokio::spawn(async move {
            let _room = room;
            let server = match tokio::time::timeout(CONNECT_WITHIN, x11.connect()).await {
                Ok(Ok(server)) => server,
                other => {
                    let why = other.map(|e| e.err().map(|e| e.to_string()).unwrap_or_default());
                    tracing::warn!(why = ?why, "the display does not answer");
                    return;
                }
            };
            let Some(inner) = ssh.upgrade() else { return };
            reply.accept().await;
            let channel = Channel::bulk(channel, inner.clone(), inner.lane.clone());
            drop(inner);
            x11.pass(channel, server).await;
        });
    }
}

/// A cookie with which a program can do less, as xauth gets it from the display: for ssh's time and a minute.
async fn generate(config: &HostConfig, display: &str, time: Duration) -> Option<Vec<u8>> {
    let dir = std::env::temp_dir().join(format!("thub-xauth-{}", hex(&random::<16>().ok()?)));
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(&dir).ok()?;
    // gone with the cookie, also where this is given up half way
    struct Gone(PathBuf);
    impl Drop for Gone {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
    let dir = Gone(dir);
    let authority = sys::x11::authority();
    let file = dir.0.join("xauth");
    let xauth = config.xauth_location.clone().unwrap_or_else(|| "xauth".into());
    let mut command = tokio::process::Command::new(xauth);
    command.arg("-f").arg(&file).args(["generate", display, COOKIE, "untrusted", "timeout"]);
    // (0 would be the display's own default of a minute)
    command.arg(if time.is_zero() { u32::MAX.to_string() } else { (time.as_secs() + 60).to_string() });
    // (the display asks xauth itself for its own cookie)
    command.envs(authority.map(|path| ("XAUTHORITY", path)));
    let ran =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).status().await;
    let made = sys::x11::cookies(&file).into_iter().find(|e| e.name == COOKIE.as_bytes()).map(|e| e.data);
    ran.ok().filter(|s| s.success()).and(made)
}
