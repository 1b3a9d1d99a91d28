//! Owns a session's serial port, from its opening to its end: bytes both ways, what is done with it, and waiting while it is
//! away. Leaves out which process holds it, and who looks on.
//!
//! - `port` a device of this machine · `far` one behind SSH · `holder` who else has it · `away` until it comes
//! - `acts` what is done with it
//! - `view` what is shown of its bytes · `file` a log, a file that is sent · `list` which ports there are
//!
//! A port that goes away is waited for and opened again with the settings it had last, by the path it was asked for. What is
//! typed meanwhile is dropped, and that is said: a board that has just started must not get what was meant for the one
//! before. What comes is never dropped here: where a session or a disk is slower than the port, it is not read, and its
//! driver (or its flow control) has it.

mod acts;
mod away;
mod far;
mod file;
mod holder;
mod list;
mod port;
mod view;

pub use far::{First, first};
pub use holder::{session_of, tty_index};
pub use list::{Roots, list};
pub use port::{Shutness, group_of};
pub use view::{View, Wall};

use super::End;
use super::bridge::{self, Bridge, Far, Wish};
use crate::proto::control::connections::Serial;
use crate::proto::control::connections::check::check_baud;
use crate::proto::control::{Device, Done, Fault};
use crate::proto::ids::Size;
use crate::sys;
use crate::text::short;
use acts::{away, unable};
use away::Watch;
use far::Remote;
use file::{Log, Sending};
use port::{Port, Shut};
use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// What came and the session has not taken yet, at most: 256 KiB.
const SHOWN: usize = 256 << 10;
/// Progress is told no more often than this.
const PROGRESS: Duration = Duration::from_millis(250);
/// A port that went away this soon after it came is not tried again at once.
const FLAP: Duration = Duration::from_secs(2);
/// Between two tries where waiting helps little: from the first to the longest.
const TRIES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// How often it is looked for what is not there; where the kernel tells, only in case it did not.
const LOOK: Duration = Duration::from_millis(if cfg!(target_os = "linux") { 1000 } else { 250 });
/// What is left at the end gets so long into the session and the log.
const LAST: Duration = Duration::from_secs(2);

pub type Names = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;
pub type Way = Box<dyn Fn() -> io::Result<StdUnixStream> + Send + Sync>;

/// How a port comes to be opened.
pub struct Opening {
    pub size: Size,
    /// Started again by itself: what a person is told first.
    pub told: Option<String>,
    /// Where paths of files begin.
    pub home: PathBuf,
    /// Names a session by its id.
    pub sessions: Names,
    /// A socket of the target process behind which the port is; none = it is this machine's.
    pub way: Option<Way>,
}

/// Opens it. To be called within the runtime that serves it from then on.
///
/// # Errors
/// Why not, and what to do; none that waiting may help against where the connection says to wait.
pub async fn open(config: Serial, opening: Opening) -> Result<Bridge, Fault> {
    check_baud(config.baud_rate.into()).map_err(|why| Fault::new(Fault::BAD_PARAMS, format!("baudRate: {why}")))?;
    let mut run = Run::new(config, opening);
    let opened = match &run.opening.way {
        Some(way) => Remote::open(run.config.clone(), way()).await.map(|remote| run.take(remote)),
        None => run.open_here(false),
    };
    let opened = match opened {
        Err(shut) if !(run.config.wait && shut.kind != Shutness::Wrong) => {
            return Err(Fault::new(Fault::DEVICE, format!("{}; {}", shut.why, shut.next)));
        }
        opened => opened,
    };
    if let Some(told) = run.opening.told.take() {
        run.note(&told);
    }
    if let Some(path) = run.config.log.clone()
        && let Err(why) = run.start_log(&path)
    {
        if !run.config.wait {
            return Err(Fault::new(Fault::DEVICE, format!("no log is written: {why}; choose another path, or none")));
        }
        run.note(&format!("no log is written: {why}"));
    }
    let line = match opened {
        Ok(line) => {
            run.is_there();
            Ok(line)
        }
        Err(shut) => {
            run.is_away(&shut.why, "");
            Err(shut)
        }
    };
    let failed = |e: io::Error| Fault::new(Fault::INTERNAL, format!("no bridge to the session: {e}"));
    let (bridge, far) = bridge::pair(run.device()).map_err(failed)?;
    tokio::spawn(run.run(far, line));
    Ok(bridge)
}

fn wall() -> Wall {
    let ms = sys::unix_ms(SystemTime::now());
    let ahead = sys::utc_offset(i64::try_from(ms / 1000).unwrap_or(0)).saturating_mul(1000);
    Wall(ms.saturating_add_signed(ahead))
}

/// An open port, here or there.
enum Line {
    Here(Box<Port>),
    There(Box<Remote>),
}

impl Line {
    async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Line::Here(port) => port.read(buf).await,
            Line::There(remote) => remote.read(buf).await,
        }
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Line::Here(port) => port.write(bytes).await,
            Line::There(remote) => remote.write(bytes).await,
        }
    }

    async fn close(self) {
        if let Line::Here(port) = self {
            port.close().await;
        }
    }
}

/// How a turn with or without a port ended.
enum Next {
    Open(Line),
    Gone(String),
    /// The same with other settings.
    Again,
    Close,
}

struct Breaking {
    until: Instant,
    done: oneshot::Sender<Result<Done, Fault>>,
}

struct Run {
    config: Serial,
    opening: Opening,
    view: View,
    /// On its way to the session, from `.1` on.
    shown: (Vec<u8>, usize),
    /// On its way to the port, from `.1` on.
    out: (Vec<u8>, usize),
    log: Option<Log>,
    sending: Option<Sending>,
    breaking: Option<Breaking>,
    /// What the port would not take.
    marks: Vec<String>,
    host: String,
    away: Option<String>,
    since_up: u64,
    /// How it stands is to be told anew.
    changed: bool,
    told_percent: (u64, Option<Instant>),
    /// It was said that what is typed goes nowhere.
    told_dropped: bool,
    /// Before the next try.
    pause: Duration,
}

impl Run {
    fn new(config: Serial, opening: Opening) -> Run {
        let mut view = View::default();
        (view.hex, view.timestamps, view.crlf) = (config.hex, config.timestamps, config.crlf);
        view.resize(opening.size.cols, &mut Vec::new());
        Run {
            config,
            opening,
            view,
            shown: Default::default(),
            out: Default::default(),
            log: None,
            sending: None,
            breaking: None,
            marks: Vec::new(),
            host: String::new(),
            away: None,
            since_up: sys::boot_ms(),
            changed: false,
            told_percent: (0, None),
            told_dropped: false,
            pause: Duration::ZERO,
        }
    }

    fn open_here(&mut self, again: bool) -> Result<Line, Shut> {
        let port = Port::open(&self.config, again, &self.opening.sessions)?;
        self.marks.clone_from(&port.marks);
        if let Some(other) = &port.shared {
            let shut = port::whose(&short(&self.config.port, 100), Some(other), &self.opening.sessions);
            self.note(&format!("{}, too: some of what comes goes there", shut.why));
        }
        Ok(Line::Here(Box::new(port)))
    }

    fn take(&mut self, remote: Remote) -> Line {
        self.marks.clone_from(&remote.marks);
        self.host.clone_from(&remote.host);
        Line::There(Box::new(remote))
    }

    /// How it stands.
    fn device(&self) -> Device {
        let host = if self.host.is_empty() { String::new() } else { format!(" · {}", self.host) };
        let mut marks = Vec::new();
        let mut mark = |on: bool, what: &str| {
            if on {
                marks.push(what.to_string());
            }
        };
        mark(self.view.hex, "hex");
        mark(self.view.timestamps, "timestamps");
        mark(self.config.local_echo, "echo");
        mark(!matches!(self.config.line_ending.as_str(), "" | "cr"), &format!("newline {}", self.config.line_ending));
        for (name, line) in [("DTR", self.config.dtr), ("RTS", self.config.rts)] {
            mark(line == Some(true), &format!("{name} on"));
            mark(line == Some(false), &format!("{name} off"));
        }
        if let Some(log) = &self.log {
            mark(true, &format!("log {}", short(&log.path.to_string_lossy(), 200)));
        }
        if let Some(sending) = &self.sending {
            mark(true, &format!("sending {} {} %", short(&sending.name, 60), sending.percent()));
        }
        marks.extend(self.marks.iter().cloned());
        Device {
            what: format!("{} · {}{host}", self.config.port, self.config.speed()),
            state: if self.away.is_some() { Device::WAITING } else { Device::CONNECTED }.into(),
            since_up: self.since_up,
            why: self.away.clone(),
            marks,
            ..Device::default()
        }
    }

    fn tell(&mut self, far: &Far) {
        if std::mem::take(&mut self.changed) {
            far.device.send_replace(self.device());
        }
    }

    fn note(&mut self, text: &str) {
        self.view.note(text, &mut self.shown.0);
    }

    fn is_there(&mut self) {
        self.away = None;
        self.told_dropped = false;
        self.since_up = sys::boot_ms();
        self.changed = true;
    }

    /// It is away: why, and what else is to be said.
    fn is_away(&mut self, why: &str, more: &str) {
        self.away = Some(why.to_string());
        self.since_up = sys::boot_ms();
        self.changed = true;
        let now = wall().clock();
        self.note(&format!("{why} {now}, waiting{more}"));
    }

    async fn run(mut self, mut far: Far, line: Result<Line, Shut>) {
        let mut next = match line {
            Ok(line) => Next::Open(line),
            Err(_) => {
                self.pause = TRIES.0;
                self.waiting(&mut far, false).await
            }
        };
        let mut came = Instant::now();
        loop {
            next = match next {
                Next::Open(line) => {
                    came = Instant::now();
                    self.connected(&mut far, line).await
                }
                Next::Gone(why) => {
                    let lasted = came.elapsed();
                    self.pause = if lasted < FLAP { (self.pause * 2).clamp(TRIES.0, TRIES.1) } else { Duration::ZERO };
                    let more = self.stopped();
                    self.is_away(&why, &more);
                    self.waiting(&mut far, false).await
                }
                Next::Again => {
                    self.pause = Duration::ZERO;
                    self.stopped();
                    self.waiting(&mut far, true).await
                }
                Next::Close => break,
            };
        }
        self.stopped();
        let _ = timeout(LAST, far.shown.write_all(self.shown.0.get(self.shown.1..).unwrap_or_default())).await;
        if let Some(log) = self.log.take() {
            let _ = timeout(LAST, log.finish()).await;
        }
        far.end.say(End { code: None, cause: Some("hung up".into()) });
    }

    /// What was under way is so no more; what is to be said of it.
    fn stopped(&mut self) -> String {
        if let Some(Breaking { done, .. }) = self.breaking.take() {
            let _ = done.send(Err(away("it went away meanwhile")));
        }
        let mut more = String::new();
        let left = self.out.0.len().saturating_sub(self.out.1);
        if let Some(sending) = self.sending.take() {
            let went = sending.sent.saturating_sub(left as u64);
            more = format!("; sending {} stopped behind {went} of {} bytes", short(&sending.name, 60), sending.size);
        } else if left > 0 {
            more = format!("; {} that were typed are not sent", crate::text::count(left, "byte"));
        }
        self.out = Default::default();
        self.changed = true;
        more
    }

    async fn connected(&mut self, far: &mut Far, mut line: Line) -> Next {
        let mut buf = vec![0; 8 << 10];
        let mut keys = vec![0; 4 << 10];
        if let Line::There(remote) = &mut line {
            let early = std::mem::take(&mut remote.early);
            self.came(&early);
        }
        loop {
            self.tell(far);
            let room = self.shown.0.len() < SHOWN && self.log.as_ref().is_none_or(|l| !l.is_full());
            let out = self.out.0.get(self.out.1..).unwrap_or_default();
            let shown = self.shown.0.get(self.shown.1..).unwrap_or_default();
            let breaks = self.breaking.as_ref().map(|b| b.until);
            let idle = out.is_empty() && breaks.is_none();
            tokio::select! {
                wish = far.wishes.recv() => match wish {
                    None | Some(Wish::Close) => {
                        line.close().await;
                        return Next::Close;
                    }
                    Some(Wish::Resize(size)) => self.view.resize(size.cols, &mut self.shown.0),
                    Some(Wish::Act(act, done)) => {
                        if self.act(act, Some(&mut line), done) {
                            line.close().await;
                            return Next::Again;
                        }
                    }
                },
                () = async { match breaks { Some(at) => sleep_until(at).await, None => std::future::pending().await } } => {
                    if let (Some(Breaking { done, .. }), Line::Here(port)) = (self.breaking.take(), &line) {
                        let _ = done.send(port.set_break(false).map(|()| Done {}).map_err(|why| unable("break", &why)));
                    }
                }
                got = line.read(&mut buf), if room => match got {
                    Ok(n) => {
                        let bytes = buf.get(..n).unwrap_or_default();
                        self.came(bytes);
                    }
                    Err(e) => return self.gone(&e),
                },
                wrote = line.write(out), if !out.is_empty() && breaks.is_none() => match wrote {
                    Ok(n) => self.wrote(n),
                    Err(e) => {
                        self.rest(&line, &mut buf).await;
                        return self.gone(&e);
                    }
                },
                typed = far.typed.read(&mut keys), if idle && self.sending.is_none() => match typed {
                    Ok(n @ 1..) => {
                        let bytes = keys.get(..n).unwrap_or_default();
                        view::typed(bytes, &self.config.line_ending, &mut self.out.0);
                        if self.config.local_echo {
                            self.view.echo(bytes, &mut self.shown.0);
                        }
                    }
                    _ => {
                        line.close().await;
                        return Next::Close;
                    }
                },
                wrote = far.shown.write(shown), if !shown.is_empty() => match wrote {
                    Ok(n @ 1..) => took(&mut self.shown, n),
                    _ => {
                        line.close().await;
                        return Next::Close;
                    }
                },
                done = async { match &mut self.log { Some(log) => log.turn().await, None => std::future::pending().await } } => {
                    self.logged(done);
                }
                piece = async { match &mut self.sending { Some(s) => s.next().await, None => std::future::pending().await } }, if idle => {
                    self.send_on(piece);
                }
            }
        }
    }

    fn gone(&self, e: &io::Error) -> Next {
        Next::Gone(match self.opening.way {
            Some(_) => format!("lost ({})", short(&e.to_string(), 120)),
            None => "unplugged".into(),
        })
    }

    /// What had come before it went away.
    async fn rest(&mut self, line: &Line, buf: &mut [u8]) {
        for _ in 0..SHOWN / 4096 {
            let Ok(Ok(n)) = timeout(Duration::from_millis(20), line.read(buf)).await else { return };
            self.came(buf.get(..n).unwrap_or_default());
        }
    }

    fn came(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Some(log) = &mut self.log {
            log.push(bytes);
        }
        let now = if self.view.hex || self.view.timestamps { wall() } else { Wall::default() };
        self.view.show(bytes, now, &mut self.shown.0);
    }

    fn wrote(&mut self, n: usize) {
        took(&mut self.out, n);
        if self.out.0.is_empty()
            && let Some(sending) = &self.sending
        {
            let (percent, at) = self.told_percent;
            if sending.percent() != percent && at.is_none_or(|at| at.elapsed() >= PROGRESS) {
                self.told_percent = (sending.percent(), Some(Instant::now()));
                self.changed = true;
            }
        }
    }

    fn send_on(&mut self, piece: io::Result<Vec<u8>>) {
        let Some(sending) = &mut self.sending else { return };
        match piece {
            Ok(piece) if !piece.is_empty() => {
                sending.sent += piece.len() as u64;
                self.out = (piece, 0);
                return;
            }
            Ok(_) => {
                let took = sending.began.elapsed().as_secs_f64();
                let told = format!("sent {}: {} bytes in {took:.1} s", short(&sending.name, 60), sending.sent);
                self.note(&told);
            }
            Err(e) => {
                let told = format!("sending {} stopped behind {} bytes: {e}", short(&sending.name, 60), sending.sent);
                self.note(&told);
            }
        }
        self.sending = None;
        self.changed = true;
    }

    fn logged(&mut self, done: io::Result<()>) {
        if let Err(e) = done
            && let Some(log) = self.log.take()
        {
            let path = short(&log.path.to_string_lossy(), 200);
            self.note(&format!("log {path} ended {}: {e}; what comes now is not in it", wall().clock()));
            self.changed = true;
        }
    }

    /// Until it is there again, or somebody lets go of it. `anew` = it is only opened with other settings.
    async fn waiting(&mut self, far: &mut Far, anew: bool) -> Next {
        let here = self.opening.way.is_none();
        let mut watch = here.then(|| Watch::new(Path::new(&self.config.port)));
        let began = Instant::now();
        let mut try_at = began + self.pause;
        let mut pause = TRIES.0;
        let mut dialing: Option<JoinHandle<Result<Remote, Shut>>> = None;
        let mut keys = vec![0; 4 << 10];
        loop {
            self.tell(far);
            let shown = self.shown.0.get(self.shown.1..).unwrap_or_default();
            let opened = tokio::select! {
                wish = far.wishes.recv() => {
                    match wish {
                        None | Some(Wish::Close) => return Next::Close,
                        Some(Wish::Resize(size)) => self.view.resize(size.cols, &mut self.shown.0),
                        Some(Wish::Act(act, done)) => _ = self.act(act, None, done),
                    }
                    continue;
                }
                typed = far.typed.read(&mut keys) => {
                    match typed {
                        Ok(1..) if !std::mem::replace(&mut self.told_dropped, true) => self.note("not sent: the port is away"),
                        Ok(1..) => {}
                        _ => return Next::Close,
                    }
                    continue;
                }
                wrote = far.shown.write(shown), if !shown.is_empty() => {
                    match wrote {
                        Ok(n @ 1..) => took(&mut self.shown, n),
                        _ => return Next::Close,
                    }
                    continue;
                }
                done = async { match &mut self.log { Some(log) => log.turn().await, None => std::future::pending().await } } => {
                    self.logged(done);
                    continue;
                }
                dialed = async { match &mut dialing { Some(dialing) => dialing.await, None => std::future::pending().await } } => {
                    dialing = None;
                    match dialed {
                        Ok(dialed) => dialed.map(|remote| self.take(remote)),
                        Err(_) => return Next::Close,
                    }
                }
                () = until(&mut watch, try_at), if dialing.is_none() => {
                    // (one that comes and goes has its pause)
                    if Instant::now() < began + self.pause {
                        continue;
                    }
                    if let Some(way) = &self.opening.way {
                        dialing = Some(tokio::spawn(Remote::open(self.config.clone(), way())));
                        continue;
                    }
                    // (what comes from here on is told the next time)
                    watch.iter_mut().for_each(Watch::renew);
                    self.open_here(true)
                }
            };
            match opened {
                Ok(line) => {
                    self.is_there();
                    if !anew {
                        let text = format!("there {}, after {}", wall().clock(), ago(began.elapsed().as_secs()));
                        self.note(&text);
                    }
                    return Next::Open(line);
                }
                Err(shut) => {
                    // what is not there costs little to look for; all else goes through /proc, or over a network
                    let is_cheap = here && shut.kind == Shutness::Absent;
                    pause = if is_cheap { LOOK } else { (pause * 2).min(TRIES.1) };
                    try_at = Instant::now() + pause;
                    if !(is_cheap && self.away.is_some()) && self.away.as_ref() != Some(&shut.why) {
                        self.note(&shut.why);
                        self.away = Some(shut.why);
                        self.changed = true;
                    }
                }
            }
        }
    }
}

fn took(queue: &mut (Vec<u8>, usize), n: usize) {
    queue.1 += n;
    if queue.1 >= queue.0.len() {
        queue.0.clear();
        queue.1 = 0;
        if queue.0.capacity() > 64 << 10 {
            queue.0 = Vec::new();
        }
    } else if queue.1 >= 64 << 10 {
        queue.0.drain(..queue.1);
        queue.1 = 0;
    }
}

async fn until(watch: &mut Option<Watch>, at: Instant) {
    match watch {
        Some(watch) => tokio::select! {
            () = watch.told() => {}
            () = sleep_until(at) => {}
        },
        None => sleep_until(at).await,
    }
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86400),
    }
}
