//! Owns the X display that the session's program finds: a port of the session's own, whose connections go on to the
//! display of the client that was active last. Leaves out how that display gets here (sshd, `transport/ssh`).
//!
//! The port is on the loopback, where other users of the machine get at it too: who connects must know the session's own
//! cookie, which lies in the run dir (`ID.xauth`, for `$XAUTHORITY`). Only then is the client's cookie put in its place.

use crate::link::locked;
use crate::proto::ids::random_bytes;
use crate::proto::x11::{self, COOKIE_LEN, Display, Entry, PORTS};
use crate::store::rundir::RunDir;
use crate::sys;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Numbers of our displays; sshd begins at 10 and goes up, a real display has 0.
const NUMBERS: std::ops::Range<u16> = 200..1000;
/// Connections at a time.
const MOST: usize = 256;

pub(super) struct LentDisplay {
    listener: Option<TcpListener>,
    number: u16,
    cookie: [u8; COOKIE_LEN],
    /// The display that connections go to.
    to: Arc<Mutex<Display>>,
    /// The cookies that the caller had.
    theirs: PathBuf,
}

fn file(id: &str) -> String {
    format!("{id}.xauth")
}

impl LentDisplay {
    /// Where whoever starts the session has a display that is forwarded to here: a port, and the variables for it.
    pub(super) fn start(run: &RunDir, id: &str) -> Option<(LentDisplay, Vec<(OsString, OsString)>)> {
        let display = Display::parse(&std::env::var("DISPLAY").ok()?).filter(Display::is_forwarded)?;
        let theirs = sys::x11::authority()?;
        let [a, b] = random_bytes::<2>();
        let count = NUMBERS.end - NUMBERS.start;
        let first = u16::from_le_bytes([a, b]) % count;
        let numbers = (0..count).map(|n| NUMBERS.start + (first + n) % count);
        let (listener, number) =
            numbers.filter_map(|n| Some((TcpListener::bind((Ipv4Addr::LOCALHOST, PORTS + n)).ok()?, n))).next()?;
        listener.set_nonblocking(true).ok()?;
        let screen = display.screen;
        let lent = LentDisplay {
            listener: Some(listener),
            number,
            cookie: random_bytes(),
            to: Arc::new(Mutex::new(display)),
            theirs,
        };
        lent.write(run, id).ok()?;
        let path = run.path().join(file(id));
        let env = vec![
            ("DISPLAY".into(), format!("localhost:{number}.{screen}").into()),
            ("XAUTHORITY".into(), path.into_os_string()),
        ];
        Some((lent, env))
    }

    /// Our cookie, and those that the caller's programs know besides.
    pub(super) fn write(&self, run: &RunDir, id: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        Entry::any_address(self.number, &self.cookie).write(&mut bytes);
        for entry in sys::x11::cookies(&self.theirs) {
            entry.write(&mut bytes);
        }
        run.dir().write_atomic(&file(id), &bytes)
    }

    pub(super) fn follow(&self, display: &str) {
        if let Some(display) = Display::parse(display).filter(Display::is_forwarded) {
            *locked(&self.to) = display;
        }
    }

    /// Takes connections from here on.
    pub(super) fn serve(&mut self) {
        let Some(listener) = self.listener.take().and_then(|l| tokio::net::TcpListener::from_std(l).ok()) else {
            return;
        };
        let (cookie, to, theirs) = (self.cookie, self.to.clone(), self.theirs.clone());
        tokio::spawn(async move {
            let room = Arc::new(tokio::sync::Semaphore::new(MOST));
            loop {
                let Ok(permit) = room.clone().acquire_owned().await else { return };
                let Ok((stream, _)) = listener.accept().await else {
                    // out of descriptors, say: not at once again
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                };
                let (to, theirs) = (locked(&to).clone(), theirs.clone());
                tokio::spawn(async move {
                    pass(stream, cookie, to, theirs).await;
                    drop(permit);
                });
            }
        });
    }
}

/// One connection, from its first message to its end.
async fn pass(mut client: TcpStream, cookie: [u8; COOKIE_LEN], to: Display, theirs: PathBuf) -> Option<()> {
    // not here: a home may be far away, and whoever connects may be anybody on this machine
    let display = to.clone();
    let reading =
        tokio::task::spawn_blocking(move || x11::cookie(&sys::x11::cookies(&theirs), &display, &sys::hostname()));
    let real = reading.await.ok()?;
    let first = sys::x11::introduce(&mut client, &cookie, real.as_deref()).await?;
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, PORTS + to.number)).await.ok()?;
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    server.write_all(&first).await.ok()?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}
