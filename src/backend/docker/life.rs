//! Owns a session's container over time: the stream that there is, what is told between two of them, waiting until it runs
//! again. Leaves out how streams are had (`raw`, `exec`), and what the engine is asked for (`list`).
//!
//! The container's life is its own: it is stopped when that is asked for, never because a session ends. So a stream that
//! ends is looked into: did the program end, the container stop, the engine go? The first ends the session, the others
//! are waited for.

use super::engine::{Engine, is_away, refused};
use super::exec::{Exec, Program, Way, is_refusal, not_begun};
use super::lines::Line;
use super::list::Stand;
use super::raw::{Ask, Output, Piece};
use super::stamps::{Clock, Stamps};
use super::{exec, named};
use crate::backend::End;
use crate::backend::bridge::{Bridge, Far, Wish, pair};
use crate::proto::control::connections::{Docker, words};
use crate::proto::control::{Act, Device, Done, Fault};
use crate::proto::ids::Size;
use crate::sys;
use crate::text::short;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, EventsOptionsBuilder, ResizeContainerTTYOptionsBuilder, StopContainerOptionsBuilder,
};
use futures_util::StreamExt;
use hyper::Method;
use rustix::process::Signal;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::{Instant, sleep, timeout};

/// What is away is looked for as often, in its first minute and then.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(5);
const FIRST: Duration = Duration::from_secs(60);
/// A program that was hung up on is killed after that.
const GRACE: Duration = Duration::from_secs(1);
/// Lines of a log that were there before.
const TAIL: &str = "1000";
/// What a program that is gone may have left a terminal in: the second screen, margins, mouse, paste, a hidden cursor.
const RESET: &[u8] =
    b"\x1b[?1047l\x1b[!p\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[?25h\x1b[m\x1b(B\x0f";
/// Killed by a signal nobody can refuse, as all in a container are when it stops.
const KILLED: i32 = 137;

enum Mode {
    Exec(Program),
    Attach,
    Logs(Box<Stamps>),
    /// Its container was made for this session.
    Image,
}

/// A stream that there is.
struct Live {
    output: Output,
    input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    exec: Option<Exec>,
    /// The start of the container that it is of.
    started_at: String,
    /// Read already.
    first: Vec<u8>,
    /// By the clock, and in ms since the machine was booted.
    began: (SystemTime, u64),
}

/// Why a stream is not carried on.
enum Over {
    Stream,
    /// The session is told to go.
    Closed,
}

enum Next {
    End(End),
    Wait(String),
    Again(String),
}

struct Life {
    socket: PathBuf,
    mode: Mode,
    container: Stand,
    size: watch::Sender<Size>,
    typed: OwnedReadHalf,
    shown: Mutex<Shown>,
    wishes: tokio::sync::mpsc::UnboundedReceiver<Wish>,
    device: watch::Sender<Device>,
    end: crate::backend::bridge::Ending,
    /// Somebody has asked for its start.
    poke: Arc<Notify>,
    remove: bool,
    /// The program that can't be reached any more.
    lost: Option<Exec>,
}

struct Shown {
    to: OwnedWriteHalf,
    last: u8,
    /// Line feeds come without a carriage return.
    bare: bool,
    buf: Vec<u8>,
}

impl Shown {
    /// The session's side is gone where this fails.
    async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let Some(last) = bytes.last() else { return Ok(()) };
        if self.bare {
            self.buf.clear();
            for &b in bytes {
                if b == b'\n' && self.last != b'\r' {
                    self.buf.push(b'\r');
                }
                self.buf.push(b);
                self.last = b;
            }
            return self.to.write_all(&self.buf).await;
        }
        self.last = *last;
        self.to.write_all(bytes).await
    }

    /// A line of ours, with the time; ASCII alone, for an encoding may be set.
    async fn notice(&mut self, words: &str) -> std::io::Result<()> {
        let unix = i64::try_from(sys::unix_now()).unwrap_or(0);
        let local = unix + sys::utc_offset(unix);
        let (h, m, s) = (local / 3600 % 24, local / 60 % 60, local % 60);
        let begin = if self.last == b'\n' { "" } else { "\r\n" };
        let words: String = words.chars().map(|c| if c.is_ascii() && !c.is_control() { c } else { '?' }).collect();
        let line = format!("{begin}-- {words} {h:02}:{m:02}:{s:02} --\r\n");
        self.last = b'\n';
        self.to.write_all(line.as_bytes()).await
    }
}

/// What a connection asks for.
fn mode(docker: &Docker, term: &str) -> Result<Mode, Fault> {
    let bad = |what: String| Fault::new(Fault::BAD_PARAMS, what);
    if docker.image.is_some() {
        return Ok(Mode::Image);
    }
    match docker.mode.as_str() {
        "attach" => Ok(Mode::Attach),
        "logs" => Ok(Mode::Logs(Box::default())),
        "" | "exec" => {
            let command = docker.command.as_deref().map(words).transpose();
            let command = command.map_err(|why| bad(format!("command: {why}")))?.filter(|c| !c.is_empty());
            Ok(Mode::Exec(Program {
                command,
                user: docker.user.clone(),
                dir: docker.starting_directory.clone(),
                env: env(docker, term),
            }))
        }
        other => Err(bad(format!("mode: '{}' is none of exec, attach, logs", short(other, 40)))),
    }
}

fn env(docker: &Docker, term: &str) -> Vec<String> {
    let ours = [("TERM", term), ("COLORTERM", "truecolor")];
    let ours = ours.iter().filter(|(k, _)| !docker.env.contains_key(*k)).map(|(k, v)| format!("{k}={v}"));
    ours.chain(docker.env.iter().map(|(k, v)| format!("{k}={v}"))).collect()
}

/// Opens it. To be called within the runtime that serves it from then on. `name` is what a container made of an image is
/// called where the connection says nothing.
pub async fn open(docker: Docker, size: Size, term: &str, name: &str) -> Result<Bridge, Fault> {
    let mode = mode(&docker, term)?;
    let engine = Engine::connect(docker.socket.as_deref()).await?;
    let there = match (&docker.container, &docker.image) {
        (Some(container), None) => Some(engine.stand(container).await?),
        // the one that was made before, where it is still there
        (Some(container), Some(_)) => {
            let mut found = None;
            for name in [Some(container), docker.name.as_ref()].into_iter().flatten() {
                match engine.stand(name).await {
                    Ok(stand) => found = found.or(Some(stand)),
                    Err(fault) if fault.code == Fault::UNKNOWN => {}
                    Err(fault) => return Err(fault),
                }
            }
            found
        }
        (None, Some(_)) => None,
        (None, None) => return Err(Fault::new(Fault::BAD_PARAMS, "neither a container nor an image is named")),
    };
    let (stand, made) = match (there, &docker.image) {
        (Some(stand), _) => (stand, false),
        (None, image) => (make(&engine, &docker, image.as_deref().unwrap_or_default(), term, name).await?, true),
    };
    if matches!(mode, Mode::Exec(_) | Mode::Attach) {
        ready(&stand)?;
    }
    let device = Device {
        what: stand.what(),
        state: Device::CONNECTED.into(),
        since_up: sys::boot_ms(),
        container: Some(stand.id.clone()),
        socket: Some(engine.socket().to_string_lossy().into_owned()),
        ..Device::default()
    };
    let failed = |e: std::io::Error| Fault::new(Fault::INTERNAL, format!("no pipe: {e}"));
    let (bridge, far) = pair(device).map_err(failed)?;
    let Far { typed, shown, wishes, device, end } = far;
    let bare = !stand.tty && !matches!(mode, Mode::Exec(_) | Mode::Image);
    let mut life = Life {
        socket: engine.socket().to_path_buf(),
        remove: docker.remove || stand.auto_remove,
        mode,
        container: stand,
        size: watch::channel(size).0,
        typed,
        shown: Mutex::new(Shown { to: shown, last: b'\n', bare, buf: Vec::new() }),
        wishes,
        device,
        end,
        poke: Arc::default(),
        lost: None,
    };
    let live = match life.begin(&engine).await {
        Ok(live) => live,
        Err(fault) => {
            if made {
                // (nobody has seen it yet)
                let gone = bollard::query_parameters::RemoveContainerOptionsBuilder::default().force(true).build();
                let _ = engine.api.remove_container(&life.container.id, Some(gone)).await;
            }
            return Err(fault);
        }
    };
    tokio::spawn(async move { life.run(live).await });
    Ok(bridge)
}

/// Whether a program can be started in it, or its own looked at.
fn ready(stand: &Stand) -> Result<(), Fault> {
    let name = short(&stand.name, 60);
    if stand.paused {
        let what = format!("container {name} is paused: 'docker unpause {name}' (or podman) lets it go on");
        return Err(Fault::new(Fault::REFUSED, what));
    }
    if !stand.running {
        let ended = match stand.exit_code {
            Some(code) if !stand.started_at.starts_with("0001") => format!(" (it ended with {code})"),
            _ => String::new(),
        };
        let what = format!("container {name} is not running{ended}: 'thub containers start {name}' starts it");
        return Err(Fault::new(Fault::ENDED, what));
    }
    Ok(())
}

/// A new container of an image, not started yet.
async fn make(engine: &Engine, docker: &Docker, image: &str, term: &str, name: &str) -> Result<Stand, Fault> {
    engine.has_image(image).await?;
    let command = docker.command.as_deref().map(words).transpose();
    let command = command.map_err(|why| Fault::new(Fault::BAD_PARAMS, format!("command: {why}")))?;
    let yes = Some(true);
    let body = ContainerCreateBody {
        image: Some(image.to_string()),
        cmd: command.filter(|c| !c.is_empty()),
        user: docker.user.clone(),
        working_dir: docker.starting_directory.clone(),
        env: Some(env(docker, term)),
        tty: yes,
        open_stdin: yes,
        attach_stdin: yes,
        attach_stdout: yes,
        attach_stderr: yes,
        labels: Some(HashMap::from([("thub".to_string(), "session".to_string())])),
        host_config: Some(HostConfig { auto_remove: Some(docker.remove), ..HostConfig::default() }),
        ..ContainerCreateBody::default()
    };
    let name = named::container(docker.name.as_deref().filter(|n| !n.is_empty()).unwrap_or(name))?;
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    let doing = format!("making a container of {}", short(image, 80));
    match engine.api.create_container(Some(options), body).await {
        Ok(made) => engine.stand(&made.id).await,
        // (Podman: 500)
        Err(bollard::errors::Error::DockerResponseServerError { status_code, message })
            if status_code == 409 || message.contains("already in use") =>
        {
            let what = format!("there is a container '{name}' already: open that, or leave out the name");
            Err(Fault::new(Fault::NAME_TAKEN, what))
        }
        Err(e) => Err(refused(&doing, &e)),
    }
}

impl Life {
    fn name(&self) -> String {
        short(&self.container.name, 60)
    }

    async fn engine(&self) -> Result<Engine, Fault> {
        Engine::connect(Some(&self.socket.to_string_lossy())).await
    }

    /// The stream of what is looked at.
    async fn begin(&mut self, engine: &Engine) -> Result<Live, Fault> {
        let began = (SystemTime::now(), sys::boot_ms());
        let id = named::id(&self.container.id)?.to_string();
        let started_at = self.container.started_at.clone();
        let size = *self.size.borrow();
        let framed = !self.container.tty;
        let live = |output, input, exec| Live {
            output,
            input,
            exec,
            started_at: started_at.clone(),
            first: Vec::new(),
            began,
        };
        match &mut self.mode {
            Mode::Exec(program) => {
                let started = Exec::start(engine, &id, program, size).await;
                let (exec, stream) = started.map_err(|fault| match is_refusal(&fault.message) {
                    true => not_begun(&fault.message, &self.container.name, program),
                    false => fault,
                })?;
                let (from, to) = stream.split();
                let mut live = live(Output::new(from, false), to, Some(exec.clone()));
                let begun = exec.begun(engine).await?;
                if matches!(begun, Way::Running) {
                    // (engines of before API 1.42, and Podman, give it none: its first look would be at 0 by 0)
                    exec.resize(engine, size).await;
                }
                if let Way::Ended(code) = begun {
                    let mut said = Vec::new();
                    let mut buf = vec![0; 4096];
                    while said.len() < buf.len()
                        && let Ok(Ok(Piece::Some { n, .. })) = timeout(GRACE, live.output.next(&mut buf)).await
                    {
                        said.extend_from_slice(buf.get(..n).unwrap_or_default());
                    }
                    // (of the program's own words nothing is guessed)
                    let theirs = String::from_utf8_lossy(&said);
                    if matches!(code, Some(126 | 127)) && is_refusal(&theirs) {
                        return Err(not_begun(&theirs, &self.container.name, program));
                    }
                    live.first = said;
                }
                Ok(live)
            }
            Mode::Attach | Mode::Image => {
                let path =
                    format!("/containers/{id}/attach?stream=1&stdin=1&stdout=1&stderr=1&detachKeys={}", exec::NEVER);
                let doing = "attaching to it";
                let ask = Ask { doing, method: Method::POST, path, json: None, hijack: true };
                let (from, to) = engine.stream(ask).await?.split();
                let to = to.filter(|_| self.container.open_stdin);
                let live = live(Output::new(from, framed), to, None);
                if matches!(self.mode, Mode::Image) && !self.container.running {
                    engine.start(&id).await?;
                    self.container = engine.stand(&id).await.or_else(|fault| match fault.code {
                        // (one that is removed at its end may be over already)
                        Fault::UNKNOWN => Ok(self.container.clone()),
                        _ => Err(fault),
                    })?;
                }
                resize(engine, &self.container, &None, size).await;
                Ok(Live { started_at: self.container.started_at.clone(), ..live })
            }
            Mode::Logs(stamps) => {
                let clock = Clock { wall_ms: sys::unix_ms(began.0), up_ms: began.1 };
                if stamps.is_set_back(clock) {
                    // what came since would be taken for what was before; what was is not told from it by its time
                    **stamps = Stamps::default();
                    let words = "the clock was set back: some of the lines below were here before";
                    let _ = self.shown.get_mut().notice(words).await;
                }
                let since = match stamps.since() {
                    Some(since) => format!("&since={since}"),
                    None => format!("&tail={TAIL}"),
                };
                let path = format!("/containers/{id}/logs?follow=1&stdout=1&stderr=1&timestamps=1{since}");
                let ask = Ask { doing: "reading its logs", method: Method::GET, path, json: None, hijack: false };
                // (of a terminal's log Podman stamps pieces of lines: frames alone tell where one begins)
                let (stream, framed) = match engine.is_podman() {
                    true => (engine.stream_of_podman(ask).await?, true),
                    false => (engine.stream(ask).await?, framed),
                };
                let (from, _) = stream.split();
                stamps.begin(clock);
                Ok(live(Output::new(from, framed), None, None))
            }
        }
    }

    async fn run(mut self, mut live: Live) {
        let mut begun = Instant::now();
        loop {
            let over = self.carry(&mut live).await;
            if matches!(over, Over::Closed) {
                return self.closed(live).await;
            }
            let next = self.next(&mut live).await;
            let (words, and) = match next {
                Next::End(end) => return self.end.say(end),
                Next::Wait(words) => (words, ", waiting"),
                Next::Again(words) => {
                    // one that falls again and again is not run after
                    if begun.elapsed() < SOON {
                        sleep(SOON).await;
                    }
                    (words, "")
                }
            };
            let is_logs = matches!(self.mode, Mode::Logs(_));
            if !words.is_empty() {
                let shown = self.shown.get_mut();
                if !is_logs {
                    let _ = shown.to.write_all(RESET).await;
                }
                if shown.notice(&format!("{words}{and}")).await.is_err() {
                    return self.closed(live).await;
                }
                self.stands(Device::WAITING, Some(words));
            }
            drop(live);
            match self.wait().await {
                Ok(again) => live = again,
                Err(end) => return self.end.say(end),
            }
            begun = Instant::now();
        }
    }

    fn stands(&self, state: &str, why: Option<String>) {
        let (what, id) = (self.container.what(), self.container.id.clone());
        self.device.send_modify(|d| {
            if d.state != state {
                d.since_up = sys::boot_ms();
            }
            (d.state, d.why, d.what, d.container) = (state.into(), why, what, Some(id));
        });
    }

    /// Copies both ways until the stream ends or the session goes.
    async fn carry(&mut self, live: &mut Live) -> Over {
        let Life { mode, shown, typed, wishes, size, socket, container, poke, .. } = self;
        let framed = live.output.is_framed();
        let stamps = match mode {
            Mode::Logs(stamps) => Some(&mut **stamps),
            _ => None,
        };
        let first = std::mem::take(&mut live.first);
        let mut output = std::pin::pin!(outward(&mut live.output, shown, stamps, first, framed));
        let edited = (!container.tty && live.exec.is_none()).then(Line::default);
        let once = container.stdin_once;
        let mut input = std::pin::pin!(inward(typed, live.input.take(), shown, edited, once));
        let mut resizing = std::pin::pin!(resizes(socket, container, &live.exec, size.subscribe()));
        let (mut typing, mut sized) = (true, true);
        loop {
            tokio::select! {
                () = &mut output => return Over::Stream,
                () = &mut input, if typing => typing = false,
                () = &mut resizing, if sized => sized = false,
                wish = wishes.recv() => match wish {
                    Some(Wish::Resize(to)) => {
                        size.send_replace(to);
                    }
                    Some(Wish::Act(act, answer)) => acted(act, answer, socket, &container.id, poke),
                    Some(Wish::Close) | None => return Over::Closed,
                },
            }
        }
    }

    /// The session goes: what was started for it goes, too; the container does not.
    async fn closed(mut self, live: Live) {
        let Ok(engine) = self.engine().await else { return };
        if let Some(exec) = live.exec.or(self.lost.take()) {
            exec.signal(&engine, Signal::HUP).await;
            let begun = Instant::now();
            while begun.elapsed() < GRACE {
                match exec.way(&engine).await {
                    Ok(Way::Running) => sleep(Duration::from_millis(50)).await,
                    _ => return,
                }
            }
            exec.signal(&engine, Signal::KILL).await;
            return;
        }
        if !matches!(self.mode, Mode::Image) {
            return;
        }
        if self.remove {
            let soon = StopContainerOptionsBuilder::default().t(1).build();
            let _ = engine.api.stop_container(&self.container.id, Some(soon)).await;
        } else {
            let name = self.name();
            self.end.add(&format!("container {name} goes on: 'thub containers stop {name}' stops it"));
        }
    }

    /// Why the stream has ended, and what that means.
    async fn next(&mut self, live: &mut Live) -> Next {
        let gone = |name: &str| Next::End(End { code: None, cause: Some(format!("container {name} was removed")) });
        let away = || Next::Wait("the container engine is away".into());
        let Ok(engine) = self.engine().await else {
            self.lost = live.exec.take();
            return away();
        };
        let (mut way, mut stand);
        let mut looked = 0;
        loop {
            way = match &live.exec {
                Some(exec) => Some(exec.way(&engine).await),
                None => None,
            };
            stand = match engine.stand(&self.container.id).await {
                Ok(stand) => stand,
                Err(fault) if fault.code == Fault::UNKNOWN && !is_away(&fault) => {
                    return match (&self.mode, way) {
                        (Mode::Exec(_), Some(Ok(Way::Ended(Some(code))))) if code != KILLED => {
                            Next::End(End { code: Some(code), cause: None })
                        }
                        (Mode::Image, _) if self.remove => {
                            let code = self.died(&engine, live.began).await.0;
                            Next::End(End { code, cause: None })
                        }
                        _ => gone(&self.name()),
                    };
                }
                Err(_) => {
                    self.lost = live.exec.take();
                    return away();
                }
            };
            // the kernel kills all in a container before the engine knows that it has stopped
            let killed = matches!(way, Some(Ok(Way::Ended(Some(KILLED) | None)) | Ok(Way::Running)));
            if stand.running && stand.started_at == live.started_at && (killed || live.exec.is_none()) && looked < 6 {
                looked += 1;
                sleep(Duration::from_millis(200)).await;
                continue;
            }
            break;
        }
        let same = stand.started_at == live.started_at;
        let name = self.name();
        self.container = stand;
        if !self.container.running {
            let code = self.container.exit_code.unwrap_or_default();
            // (Podman tells of no stop: what was ended by a signal was ended by somebody)
            let ended_by_signal = engine.is_podman() && [137, 143].contains(&code);
            if matches!(self.mode, Mode::Image)
                && let (_, false) = self.died(&engine, live.began).await
                && !ended_by_signal
            {
                let cause = format!("container {name} has ended and stays: 'thub containers start {name}' starts it");
                let code = i32::try_from(code).ok();
                return Next::End(End { code, cause: Some(cause) });
            }
            return Next::Wait(format!("{name} stopped (exit {code})"));
        }
        match (&self.mode, way) {
            (Mode::Exec(_), Some(Ok(Way::Ended(code)))) if same => Next::End(End { code, cause: None }),
            (Mode::Exec(_), _) => {
                if same && let Some(exec) = live.exec.take() {
                    exec.signal(&engine, Signal::HUP).await;
                }
                let why = if same { "the connection to it was cut" } else { "was started anew" };
                Next::Again(format!("{name}: {why}; its programs here are gone, a new one is started"))
            }
            (Mode::Logs(_), _) => Next::Again(String::new()),
            _ if same => Next::Again(format!("{name}: the connection to it was cut, and is made again")),
            _ => Next::Again(format!("{name} was started anew")),
        }
    }

    /// How it ended since a moment, where the engine still knows: its code, and whether somebody has stopped it.
    async fn died(&self, engine: &Engine, (began, began_up): (SystemTime, u64)) -> (Option<i32>, bool) {
        // (of a clock that was set meanwhile the earlier of both, as it was and as it is)
        let passed = Duration::from_millis(sys::boot_ms().saturating_sub(began_up));
        let since = SystemTime::now().checked_sub(passed).map_or(began, |now| now.min(began));
        let seconds = |t: SystemTime| (sys::unix_ms(t) / 1000).to_string();
        let id = vec![self.container.id.clone()];
        // (not by event: Podman's names differ between what it is asked for and what it tells)
        let filters = HashMap::from([("container", id)]);
        let until = SystemTime::now() + Duration::from_secs(1);
        let options =
            EventsOptionsBuilder::default().since(&seconds(since)).until(&seconds(until)).filters(&filters).build();
        let (mut code, mut asked) = (None, false);
        let mut told = std::pin::pin!(engine.api.events(Some(options)));
        while let Ok(Some(Ok(event))) = timeout(Duration::from_secs(3), told.next()).await {
            match event.action.as_deref() {
                Some("die" | "died") => {
                    let attributes = event.actor.and_then(|a| a.attributes).unwrap_or_default();
                    let told = attributes.get("exitCode").or_else(|| attributes.get("containerExitCode"));
                    code = told.and_then(|c| c.parse().ok());
                }
                Some("kill" | "stop") => asked = true,
                _ => {}
            }
        }
        (code, asked)
    }

    /// Until it runs again, and its stream; or how the session ends. What is typed meanwhile is meant for nobody.
    async fn wait(&mut self) -> Result<Live, End> {
        let hung_up = || End { code: None, cause: Some("hung up".into()) };
        let begun = Instant::now();
        let mut keys = [0u8; 4096];
        let mut told = String::new();
        let mut at_once = true;
        loop {
            let pause = match (std::mem::take(&mut at_once), begun.elapsed() < FIRST) {
                (true, _) => Duration::ZERO,
                (false, true) => SOON,
                (false, false) => LATER,
            };
            let mut until = std::pin::pin!(sleep(pause));
            loop {
                tokio::select! {
                    () = &mut until => break,
                    () = self.poke.notified() => break,
                    read = self.typed.read(&mut keys) => {
                        if !matches!(read, Ok(1..)) {
                            return Err(hung_up());
                        }
                    }
                    wish = self.wishes.recv() => match wish {
                        Some(Wish::Resize(to)) => {
                            self.size.send_replace(to);
                        }
                        Some(Wish::Act(act, answer)) => acted(act, answer, &self.socket, &self.container.id, &self.poke),
                        Some(Wish::Close) | None => return Err(hung_up()),
                    },
                }
            }
            let why = match self.back().await {
                Ok(Some(live)) => return Ok(live),
                Ok(None) => continue,
                Err(Ok(end)) => return Err(end),
                Err(Err(why)) => why,
            };
            // said once, however often it fails
            if why.message != told {
                told.clone_from(&why.message);
                let _ = self.shown.get_mut().notice(&why.message).await;
                self.stands(Device::WAITING, Some(why.message));
            }
        }
    }

    /// Whether it runs again: its stream then. None = not yet; an end, or why it can't be had.
    async fn back(&mut self) -> Result<Option<Live>, Result<End, Fault>> {
        let Ok(engine) = self.engine().await else { return Ok(None) };
        let stand = match engine.stand(&self.container.id).await {
            Ok(stand) => stand,
            Err(fault) if fault.code == Fault::UNKNOWN && !is_away(&fault) => {
                let cause = format!("container {} was removed", self.name());
                return Err(Ok(End { code: None, cause: Some(cause) }));
            }
            Err(_) => return Ok(None),
        };
        if !stand.running || stand.paused {
            let is = if stand.paused { "is paused" } else { "is not running" };
            let why = format!("{} {is}", self.name());
            if self.device.borrow().why.as_ref().is_some_and(|was| was.contains("engine is away")) {
                let _ = self.shown.get_mut().notice(&format!("the container engine is there again; {why}")).await;
                self.stands(Device::WAITING, Some(why));
            }
            return Ok(None);
        }
        self.container = stand;
        // of a container that ran on without its engine: nobody reaches that program any more
        if let Some(exec) = self.lost.take() {
            exec.signal(&engine, Signal::HUP).await;
        }
        let live = match self.begin(&engine).await {
            Ok(live) => live,
            Err(fault) if is_away(&fault) || fault.code == Fault::BUSY => return Ok(None),
            Err(fault) => return Err(Err(fault)),
        };
        if self.device.borrow().state == Device::WAITING {
            let what = match self.mode {
                Mode::Exec(_) => "is there again: a new program, those that ran here are gone",
                Mode::Attach | Mode::Image => "is there again",
                Mode::Logs(_) => "is there again, its log goes on",
            };
            let words = format!("{} {what}", self.name());
            let _ = self.shown.get_mut().notice(&words).await;
        }
        self.stands(Device::CONNECTED, None);
        Ok(Some(live))
    }
}

/// Starts or stops it, beside the stream; whoever asked hears how that went.
fn acted(
    act: Act,
    answer: tokio::sync::oneshot::Sender<Result<Done, Fault>>,
    socket: &std::path::Path,
    id: &str,
    poke: &Arc<Notify>,
) {
    let (socket, id, poke) = (socket.to_string_lossy().into_owned(), id.to_string(), poke.clone());
    tokio::spawn(async move {
        let done = async {
            match act {
                Act::Stop {} => Engine::connect(Some(&socket)).await?.stop(&id).await,
                Act::Start {} => Engine::connect(Some(&socket)).await?.start(&id).await,
                _ => Err(Fault::new(Fault::WRONG_KIND, "a container knows stop and start")),
            }
        };
        let done = done.await;
        poke.notify_one();
        let _ = answer.send(done.map(|()| Done {}));
    });
}

/// What comes, to its end.
async fn outward(
    output: &mut Output,
    shown: &Mutex<Shown>,
    mut stamps: Option<&mut Stamps>,
    first: Vec<u8>,
    framed: bool,
) {
    if shown.lock().await.write(&first).await.is_err() {
        return std::future::pending().await;
    }
    let mut buf = vec![0; 32 << 10];
    let mut text = Vec::new();
    while let Ok(Piece::Some { n, fresh, whole, .. }) = output.next(&mut buf).await {
        let bytes = buf.get(..n).unwrap_or_default();
        let bytes = match &mut stamps {
            None => bytes,
            Some(stamps) => {
                text.clear();
                stamps.feed(bytes, framed.then_some((fresh, whole)), &mut text);
                &text
            }
        };
        if shown.lock().await.write(bytes).await.is_err() {
            // the session's side is gone: its wish is to come
            return std::future::pending().await;
        }
    }
}

/// What is typed. Where nobody reads it, it is dropped.
async fn inward(
    typed: &mut OwnedReadHalf,
    mut to: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    shown: &Mutex<Shown>,
    mut edited: Option<Line>,
    // its end can be told: else the engine keeps the program's input open for who comes next, and drops who ends his
    once: bool,
) {
    let mut buf = vec![0; 8 << 10];
    while let Ok(n @ 1..) = typed.read(&mut buf).await {
        let keys = buf.get(..n).unwrap_or_default();
        let Some(there) = &mut to else { continue };
        let Some(line) = &mut edited else {
            // (its end is told by the other direction)
            if there.write_all(keys).await.is_err() || there.flush().await.is_err() {
                to = None;
            }
            continue;
        };
        let keys = line.keys(keys);
        let _ = shown.lock().await.write(&keys.echo).await;
        if there.write_all(&keys.send).await.is_err() {
            to = None;
        } else if keys.close && once {
            let _ = there.shutdown().await;
            to = None;
        } else if keys.close {
            let _ = shown.lock().await.notice("its input stays open: the container was made so").await;
        }
    }
}

async fn resize(engine: &Engine, container: &Stand, exec: &Option<Exec>, size: Size) {
    match exec {
        Some(exec) => exec.resize(engine, size).await,
        None if container.tty => {
            let to = ResizeContainerTTYOptionsBuilder::default().h(size.rows.into()).w(size.cols.into()).build();
            let _ = engine.api.resize_container_tty(&container.id, to).await;
        }
        None => {}
    }
}

/// Tells the size, now and when it changes.
async fn resizes(socket: &std::path::Path, container: &Stand, exec: &Option<Exec>, mut size: watch::Receiver<Size>) {
    let Ok(engine) = Engine::connect(Some(&socket.to_string_lossy())).await else { return };
    loop {
        let now = *size.borrow_and_update();
        resize(&engine, container, exec, now).await;
        if size.changed().await.is_err() {
            return;
        }
    }
}
