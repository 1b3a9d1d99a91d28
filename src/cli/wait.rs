//! Owns `thub wait`: until a session ends, shows a text, or is quiet. Leaves out how output is kept.

use super::call::Client;
use super::{Common, Wait};
use crate::client::host::attached::{Attached, Take};
use crate::client::host::{Env, HostId};
use crate::failure::{Failure, Kind};
use crate::link::call::{Message, parse};
use crate::proto::frame::Body;
use crate::proto::hello;
use crate::proto::ids::{ClientId, SessionId, Size};
use crate::proto::notice::{Notice, SessionExited};
use crate::term::engine::Engine;
use crate::term::history;
use regex::Regex;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Credit so large that output is seen as it is, not as Screens.
const WINDOW: u64 = 32 << 20;

enum Until {
    Exit,
    Text(Regex),
    Idle(Duration),
}

pub async fn wait(env: &Arc<Env>, common: &Common, host: &HostId, w: &Wait) -> Result<(), Failure> {
    let until = match (&w.text, w.idle) {
        (Some(text), _) => Until::Text(Regex::new(text).map_err(|e| {
            Failure::usage(
                format!(
                    "'{}' is no regular expression: {}",
                    crate::text::escape(text),
                    crate::text::escape(&e.to_string())
                ),
                "escape what is meant literally with a backslash",
            )
        })?),
        (None, Some(ms)) => Until::Idle(Duration::from_millis(ms)),
        (None, None) => Until::Exit,
    };
    let timeout = match w.timeout {
        None => None,
        Some(s) if (0.0..=1e9).contains(&s) => Some(Duration::from_secs_f64(s)),
        Some(s) => return Err(Failure::usage(format!("{s} is no number of seconds"), "for example --timeout 30")),
    };
    let waited = async {
        let mut client = Client::connect(env, host).await?;
        let (session, info) = client.find(w.target.name()).await?;
        match info.state.as_str() {
            "lost" => return Err(ended(&session, &info.cause.clone().unwrap_or_default())),
            "exited" if matches!(until, Until::Exit | Until::Idle(_)) => {
                return Ok(SessionExited { exit_code: info.exit_code, cause: info.cause });
            }
            _ => {}
        }
        loop {
            match watch(&mut client, &session, &until).await? {
                Watched::Over(exit) => return Ok(exit),
                // the session lives on: looked at anew
                Watched::Dropped => {}
                Watched::AgentLeft(back) => client = again(env, host, back).await?,
            }
        }
    };
    let exit = match timeout {
        None => waited.await?,
        Some(t) => tokio::time::timeout(t, waited).await.map_err(|_| {
            Failure::new(
                Kind::TimedOut,
                format!("waited {} s in vain", t.as_secs_f64()),
                "give --timeout more, or look with `thub attach`",
            )
        })??,
    };
    if common.json {
        println!("{}", serde_json::json!({"exit_code": exit.exit_code, "cause": exit.cause}));
    }
    Ok(())
}

fn ended(session: &SessionId, why: &str) -> Failure {
    Failure::failed(
        format!("session {session} is lost: {}", crate::text::escape(why)),
        "its output went with its process",
    )
}

/// An agent that ended in order is dialed again for so much longer than it said.
const OVERDUE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(500);

/// The next agent, after one ended in order that is expected back in so many seconds.
async fn again(env: &Arc<Env>, host: &HostId, back: u64) -> Result<Client, Failure> {
    let until = Instant::now() + OVERDUE + Duration::from_secs(back.min(3600));
    loop {
        match Client::connect(env, host).await {
            Err(_) if Instant::now() < until => tokio::time::sleep(AGAIN).await,
            connected => return connected,
        }
    }
}

enum Watched {
    Over(SessionExited),
    /// The session let go of us.
    Dropped,
    /// Its agent ends and is expected back in so many seconds.
    AgentLeft(u64),
}

async fn watch(client: &mut Client, session: &SessionId, until: &Until) -> Result<Watched, Failure> {
    let link = client.link().clone();
    let stream = client.stream();
    // (ends with the link)
    let mut frames = link.open_stream(stream);
    let mut at = Attached::new(session.clone(), stream, Size::new(80, 24), true, WINDOW);
    let reply = client.call(&at.attach(&ClientId::random(), stream)).await?;
    hello::check_stream(&reply).map_err(|f| client.fault(f))?;
    at.answered(&reply);
    let mut engine = Engine::new(Size { cols: reply.session.cols, rows: reply.session.rows }.clamped());
    let mut quiet_since = Instant::now();
    let mut first = true;
    loop {
        let idle = match until {
            Until::Idle(d) => *d,
            _ => Duration::from_secs(1 << 30),
        };
        let frame = tokio::select! {
            frame = frames.recv() => frame,
            () = tokio::time::sleep_until(quiet_since + idle) => return Ok(Watched::Over(SessionExited::default())),
        };
        let Some(frame) = frame else {
            return Err(Failure::unreachable("the link fell while waiting", "start waiting again"));
        };
        let Ok(body) = frame.body() else { continue };
        let mut end = at_offset(&engine);
        match body {
            Body::Data { offset, bytes } => match at.output(offset, bytes.len()) {
                Take::From(n) => {
                    quiet_since = Instant::now();
                    engine.feed(bytes.get(n..).unwrap_or_default(), &mut Vec::new());
                    if let Some((seen, limit)) = at.seen(offset.saturating_add(bytes.len() as u64)) {
                        link.out.urgent(stream, Body::Ack { seen, limit });
                    }
                }
                _ => continue,
            },
            Body::Screen { to, size, part, last, bytes } => {
                let Some(bytes) = at.screen_part(to, part, last, bytes) else { continue };
                if !first {
                    quiet_since = Instant::now();
                }
                engine = Engine::restore(size, &bytes);
                end = 0;
                if let Some((seen, limit)) = at.seen(to) {
                    link.out.urgent(stream, Body::Ack { seen, limit });
                }
                // what is in the history already, or was skipped over
                if let Until::Text(regex) = until {
                    let shot = super::capture::shot(client, session, Some(0)).await?;
                    if shot.lines.iter().any(|l| regex.is_match(&history::plain(l))) {
                        return Ok(Watched::Over(SessionExited::default()));
                    }
                }
                first = false;
            }
            Body::Size { size, .. } => engine.resize(size),
            Body::Call(json) => {
                let Ok(Message::Notice { method, params }) = parse(json) else { continue };
                let notice = Notice::from_wire(&method, params);
                match &notice {
                    Some(Notice::SessionDropped) => return Ok(Watched::Dropped),
                    Some(Notice::AgentShuttingDown(why)) => {
                        return Ok(Watched::AgentLeft(why.expected_return_s.unwrap_or(0)));
                    }
                    _ => {}
                }
                if let Some(Notice::SessionExited(exit)) = notice {
                    return match until {
                        Until::Text(regex) if !shows(&engine, regex, 0) => Err(Failure::failed(
                            format!("session {session} ended without showing the text"),
                            format!("`thub capture {session} --all` shows what it wrote"),
                        )),
                        Until::Exit if exit.exit_code.is_none() => Err(ended(session, &exit.cause.unwrap_or_default())),
                        _ => Ok(Watched::Over(exit)),
                    };
                }
                continue;
            }
            _ => continue,
        }
        if let Until::Text(regex) = until
            && shows(&engine, regex, end)
        {
            return Ok(Watched::Over(SessionExited::default()));
        }
    }
}

fn at_offset(engine: &Engine) -> u64 {
    engine.history().end().saturating_sub(1)
}

/// Whether a line of the screen, or of what left it since line `from`, matches. Wrapped rows are one line.
fn shows(engine: &Engine, regex: &Regex, from: u64) -> bool {
    let history = engine.history();
    if (from..history.end()).filter_map(|n| history.text(n)).any(|l| regex.is_match(l)) {
        return true;
    }
    let mut line = String::new();
    for (i, row) in engine.text_rows().iter().enumerate() {
        line.push_str(row);
        if engine.row_wrapped(i as u16) {
            continue;
        }
        if regex.is_match(&line) {
            return true;
        }
        line.clear();
    }
    !line.is_empty() && regex.is_match(&line)
}
