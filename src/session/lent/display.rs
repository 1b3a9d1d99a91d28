//! Owns the X display that the session's program finds: a port of the session's own, whose connections go on to the
//! display of the client that was active last. Leaves out how that display gets here (sshd, `transport/ssh`).
//!
//! The port is on the loopback, where other users of the machine get at it too: who connects must know the session's own
//! cookie, which lies in the run dir (`ID.xauth`, for `$XAUTHORITY`). Only then is the client's cookie put in its place.

use crate::proto::ids::random_bytes;
use crate::proto::x11::{self, COOKIE_LEN, Display, Entry, PORTS, Setup};
use crate::store::rundir::RunDir;
use crate::sys;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Numbers of our displays; sshd begins at 10 and goes up, a real display has 0.
const NUMBERS: std::ops::Range<u16> = 200..1000;
/// Connections at a time.
const MOST: usize = 256;
/// For a connection's first message.
const SETUP_WITHIN: Duration = Duration::from_secs(10);
const FILE_MOST: u64 = 1 << 20;

pub(super) struct LentDisplay {
    listener: Option<TcpListener>,
    number: u16,
    cookie: [u8; COOKIE_LEN],
    /// The display that connections go to.
    to: Arc<Mutex<Display>>,
    /// The cookies that the caller had.
    theirs: PathBuf,
}

fn locked(to: &Mutex<Display>) -> MutexGuard<'_, Display> {
    to.lock().unwrap_or_else(|e| e.into_inner())
}

fn file(id: &str) -> String {
    format!("{id}.xauth")
}

fn read(path: &PathBuf) -> Vec<Entry> {
    use std::io::Read;
    let mut bytes = Vec::new();
    match std::fs::File::open(path).and_then(|f| f.take(FILE_MOST).read_to_end(&mut bytes)) {
        Ok(_) => x11::entries(&bytes),
        Err(_) => Vec::new(),
    }
}

impl LentDisplay {
    /// Where whoever starts the session has a display that is forwarded to here: a port, and the variables for it.
    pub(super) fn start(run: &RunDir, id: &str) -> Option<(LentDisplay, Vec<(OsString, OsString)>)> {
        let display = Display::parse(&std::env::var("DISPLAY").ok()?).filter(Display::is_forwarded)?;
        let theirs = match std::env::var_os("XAUTHORITY").filter(|p| !p.is_empty()) {
            Some(path) => path.into(),
            None => PathBuf::from(std::env::var_os("HOME")?).join(".Xauthority"),
        };
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
        for entry in read(&self.theirs) {
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
    let reading = tokio::task::spawn_blocking(move || x11::cookie(&read(&theirs), &display, &sys::hostname()));
    let real = reading.await.ok()?;
    let first = tokio::time::timeout(SETUP_WITHIN, first_words(&mut client, &cookie, real.as_deref())).await.ok()??;
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, PORTS + to.number)).await.ok()?;
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    server.write_all(&first).await.ok()?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}

/// What goes to the display in place of what has come; none for whoever does not know the cookie.
async fn first_words(client: &mut (impl AsyncRead + Unpin), given: &[u8], real: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut first = Vec::new();
    loop {
        match x11::admit(&first, given, real) {
            Setup::Part => {
                let mut piece = [0; 1024];
                let n = client.read(&mut piece).await.ok().filter(|n| *n > 0)?;
                first.extend_from_slice(piece.get(..n)?);
            }
            Setup::Refused => return None,
            Setup::Admitted { taken, mut instead } => {
                instead.extend_from_slice(first.get(taken..)?);
                return Some(instead);
            }
        }
    }
}
