//! Owns `thub run`: a command run to its end on one host or several. Leaves out sessions.

use super::call::Client;
use super::{Common, Run};
use crate::client::host::{Env, HostId};
use crate::failure::{Failure, Kind};
use crate::link::feed::WINDOW;
use crate::proto::control::{ExecRun, ExecStop};
use crate::proto::frame::{Body, MAX_PIECE};
use crate::proto::notice::Notice;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// What `thub run` itself fails with, as ssh does.
pub const OWN: u8 = 255;
/// As a shell says of a command that SIGPIPE ended.
const PIPE: u8 = 128 + 13;

/// How long the end of what was stopped is waited for.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// A command that only says something has ended within this.
const SAID_WITHIN: Duration = Duration::from_secs(20);

/// The command's own exit code; with several hosts the first that is not 0.
pub async fn run(env: &Arc<Env>, common: &Common, run: &Run) -> Result<u8, Failure> {
    let hosts: Vec<HostId> =
        if common.host.is_empty() { vec![HostId::local()] } else { common.host.iter().map(HostId::new).collect() };
    if let [host] = hosts.as_slice() {
        return one(env, host, run, None, true).await;
    }
    let width = hosts.iter().map(|h| crate::text::escape(h.as_str()).chars().count()).max().unwrap_or(0);
    let tasks: Vec<_> = hosts
        .into_iter()
        .map(|host| {
            let env = env.clone();
            let run = Run { cwd: run.cwd.clone(), command: run.command.clone() };
            let label = format!("{:width$} | ", crate::text::escape(host.as_str()));
            tokio::spawn(async move { one(&env, &host, &run, Some(label), false).await })
        })
        .collect();
    let mut code = 0;
    for task in tasks {
        let ended = task.await.map_err(anyhow::Error::from)?;
        let this = ended.unwrap_or_else(|e| {
            eprintln!("thub: {e}");
            OWN
        });
        if code == 0 {
            code = this;
        }
    }
    Ok(code)
}

/// Standard input in pieces, read on a thread of its own: a read can't be given up.
fn stdin() -> mpsc::Receiver<Vec<u8>> {
    let (tx, rx) = mpsc::channel(4);
    std::thread::spawn(move || {
        let mut buf = vec![0u8; MAX_PIECE];
        while let Ok(n) = std::io::stdin().read(&mut buf) {
            let piece = buf.get(..n).unwrap_or_default().to_vec();
            if tx.blocking_send(piece).is_err() || n == 0 {
                break;
            }
        }
    });
    rx
}

async fn one(env: &Arc<Env>, host: &HostId, run: &Run, label: Option<String>, reads: bool) -> Result<u8, Failure> {
    // from before it is started on: who interrupts us then means it as well
    let mut signals = Signals::new()?;
    let mut client = Client::connect(env, host).await?;
    // only now: what is typed before it answers questions
    let mut input = reads.then(stdin);
    let stream = client.stream();
    let link = client.link().clone();
    let (tx, mut frames) = mpsc::unbounded_channel();
    link.route_stream(stream, tx.clone());
    link.route_stream(stream + 2, tx);
    let call =
        ExecRun { stream, command: run.command.clone(), cwd: run.cwd.clone().unwrap_or_default(), window: WINDOW };
    client.call(&call).await?;
    let mut printers = [Printer::new(label.clone(), false), Printer::new(label, true)];
    let mut acked = [0u64; 2];
    let (mut sent, mut limit) = (0u64, WINDOW);
    if input.is_none() {
        link.out.urgent(stream, Body::Data { offset: 0, bytes: &[] });
    }
    // set once a signal came: it is stopped, and its end is waited for, though not for ever
    let mut stopped: Option<(u8, Instant)> = None;
    loop {
        tokio::select! {
            frame = frames.recv() => {
                let Some(frame) = frame else {
                    return Err(Failure::unreachable("the link fell while the command ran", "it may still run there"));
                };
                let which = usize::from(frame.stream != stream);
                match frame.body() {
                    Ok(Body::Data { offset, bytes }) => {
                        match printers.get_mut(which).map(|p| p.print(bytes)) {
                            // `thub run -- yes | head`: who read has seen enough, and the command ends as it would there
                            Some(Err(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => {
                                let _ = link.call(&ExecStop { stream }).await;
                                return Ok(PIPE);
                            }
                            Some(printed) => printed?,
                            None => {}
                        }
                        let seen = offset.saturating_add(bytes.len() as u64);
                        if let Some(acked) = acked.get_mut(which)
                            && seen.saturating_sub(*acked) > WINDOW / 2
                        {
                            *acked = seen;
                            link.out.urgent(frame.stream, Body::Ack { seen, limit: seen.saturating_add(WINDOW) });
                        }
                    }
                    Ok(Body::Ack { limit: l, .. }) => limit = limit.max(l),
                    Ok(Body::Call(json)) => {
                        if let Ok(crate::link::call::Message::Notice { method, params }) = crate::link::call::parse(json)
                            && let Some(Notice::ExecExited { code, .. }) = Notice::from_wire(&method, params)
                        {
                            for p in &mut printers {
                                p.end()?;
                            }
                            return Ok(stopped.map_or(u8::try_from(code).unwrap_or(OWN), |(code, _)| code));
                        }
                    }
                    _ => {}
                }
            }
            piece = async { match &mut input { Some(i) => i.recv().await, None => std::future::pending().await } }, if sent < limit => {
                let piece = piece.unwrap_or_default();
                link.out.urgent(stream, Body::Data { offset: sent, bytes: &piece });
                sent += piece.len() as u64;
                if piece.is_empty() {
                    input = None;
                }
            }
            _ = &mut client.dialed.ended => {
                return Err(Failure::unreachable("the link fell while the command ran", "it may still run there"));
            }
            code = signals.next(), if stopped.is_none() => {
                stopped = Some((code, Instant::now() + STOP_WITHIN));
                drop(link.call(&ExecStop { stream }));
            }
            () = async { match stopped { Some((_, until)) => sleep_until(until).await, None => std::future::pending().await } } => {
                return Ok(stopped.map_or(OWN, |(code, _)| code));
            }
        }
    }
}

/// What a command writes on standard output, a window of it at most, whatever it ends with; nothing is given to it.
///
/// # Errors
/// It can't be run there, does not end within [`SAID_WITHIN`], or the link falls.
pub async fn said(client: &mut Client, command: Vec<String>) -> Result<Vec<u8>, Failure> {
    let stream = client.stream();
    let link = client.link().clone();
    let (tx, mut frames) = mpsc::unbounded_channel();
    link.route_stream(stream, tx);
    client.call(&ExecRun { stream, command, cwd: String::new(), window: WINDOW }).await?;
    link.out.urgent(stream, Body::Data { offset: 0, bytes: &[] });
    let fell = || Failure::unreachable("the link fell while the command ran", "try again");
    let mut said = Vec::new();
    let reading = async {
        loop {
            let frame = tokio::select! {
                frame = frames.recv() => frame.ok_or_else(fell)?,
                _ = &mut client.dialed.ended => return Err(fell()),
            };
            match frame.body() {
                Ok(Body::Data { bytes, .. }) if (said.len() + bytes.len()) as u64 <= WINDOW => {
                    said.extend_from_slice(bytes)
                }
                Ok(Body::Data { .. }) => {
                    return Err(Failure::failed("the command there says more than it should", "deploy it anew"));
                }
                Ok(Body::Call(json)) => {
                    if let Ok(crate::link::call::Message::Notice { method, params }) = crate::link::call::parse(json)
                        && let Some(Notice::ExecExited { .. }) = Notice::from_wire(&method, params)
                    {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
    };
    match tokio::time::timeout(SAID_WITHIN, reading).await {
        Ok(read) => read.map(|()| said),
        Err(_) => {
            let _ = link.call(&ExecStop { stream }).await;
            Err(Failure::new(Kind::TimedOut, "the command there does not end", "try again"))
        }
    }
}

/// What ends us, and with us what runs.
struct Signals([(u8, Signal); 3]);

impl Signals {
    fn new() -> std::io::Result<Signals> {
        let all = [(130, SignalKind::interrupt()), (143, SignalKind::terminate()), (129, SignalKind::hangup())];
        let [a, b, c] = all.map(|(code, kind)| signal(kind).map(|s| (code, s)));
        Ok(Signals([a?, b?, c?]))
    }

    /// As an exit code: 128 and its number.
    async fn next(&mut self) -> u8 {
        let [a, b, c] = &mut self.0;
        tokio::select! {
            _ = a.1.recv() => a.0,
            _ = b.1.recv() => b.0,
            _ = c.1.recv() => c.0,
        }
    }
}

/// Output of one host: as it is, or by lines with the host before each.
struct Printer {
    label: Option<String>,
    error: bool,
    line: Vec<u8>,
}

impl Printer {
    fn new(label: Option<String>, error: bool) -> Printer {
        Printer { label, error, line: Vec::new() }
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        if self.error {
            return std::io::stderr().write_all(bytes);
        }
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    fn print(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let Some(label) = self.label.clone() else { return self.write(bytes) };
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            self.write(&[label.as_bytes(), &line].concat())?;
        }
        Ok(())
    }

    fn end(&mut self) -> std::io::Result<()> {
        if self.line.is_empty() {
            return Ok(());
        }
        self.print(b"\n")
    }
}
