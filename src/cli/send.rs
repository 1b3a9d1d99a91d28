//! Owns `thub send`: typing without a terminal. Leaves out how keys are encoded.

use super::call::Client;
use super::{Send, SendKeys};
use crate::client::host::{Env, HostId};
use crate::failure::Failure;
use crate::link::call::{Message, parse};
use crate::proto::control::{Lent, SessionAttach};
use crate::proto::frame::{Body, MAX_PIECE};
use crate::proto::hello;
use crate::proto::ids::SessionId;
use crate::proto::notice::Notice;
use crate::term::engine::Engine;
use crate::term::keys;
use crate::term::screen::Modes;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// What is typed, before the modes of the program inside are known.
enum Part {
    Text(Vec<u8>),
    Key(crate::term::input::Key),
}

pub async fn send(env: &Arc<Env>, host: &HostId, send: &Send) -> Result<(), Failure> {
    let mut parts = Vec::new();
    if send.raw {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        parts.push(Part::Text(bytes));
    } else {
        if !send.text.is_empty() {
            parts.push(Part::Text(send.text.join(" ").into_bytes()));
        }
        for name in &send.keys {
            parts.push(Part::Key(key(name)?));
        }
        if parts.is_empty() {
            return Err(Failure::usage(
                "there is nothing to type",
                "for example `thub send build 'make test' --keys Enter`",
            ));
        }
    }
    deliver(env, host, &send.session, parts).await
}

pub async fn send_keys(env: &Arc<Env>, host: &HostId, send: &SendKeys) -> Result<(), Failure> {
    let parts = send.keys.iter().map(|word| match keys::parse_name(word) {
        Ok(key) if !send.literal => Part::Key(key),
        _ => Part::Text(word.clone().into_bytes()),
    });
    deliver(env, host, &send.target, parts.collect()).await
}

fn key(name: &str) -> Result<crate::term::input::Key, Failure> {
    keys::parse_name(name)
        .map_err(|e| Failure::usage(crate::text::escape(&e), "keys are named as tmux does: Enter, C-c, M-x, Up, F5"))
}

async fn deliver(env: &Arc<Env>, host: &HostId, word: &str, parts: Vec<Part>) -> Result<(), Failure> {
    let mut client = Client::connect(env, host).await?;
    let session = super::sessions::living(&client, word).await?;
    let modes = if parts.iter().any(|p| matches!(p, Part::Key(_))) {
        modes(&mut client, &session).await?
    } else {
        Modes::default()
    };
    let mut bytes = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => bytes.extend_from_slice(&text),
            Part::Key(key) => keys::encode(&key, &modes, &mut bytes),
        }
    }
    input(&mut client, &session, &bytes).await
}

/// The modes of the program inside: they decide what an arrow key is.
async fn modes(client: &mut Client, session: &SessionId) -> Result<Modes, Failure> {
    let shot = super::capture::shot(client, session, None).await?;
    Ok(Engine::restore(shot.size, &shot.screen).modes())
}

/// Whether a notice says that the session takes no more.
fn is_over(json: &[u8]) -> bool {
    let Ok(Message::Notice { method, params }) = parse(json) else { return false };
    matches!(Notice::from_wire(&method, params), Some(Notice::SessionExited(_) | Notice::SessionDropped))
}

/// Types it all and returns once the session has it in its write queue.
async fn input(client: &mut Client, session: &SessionId, bytes: &[u8]) -> Result<(), Failure> {
    let stream = client.stream();
    let link = client.link().clone();
    let mut frames = link.open_stream(stream);
    let attach = SessionAttach {
        screens: 1,
        packed: false,
        session: session.clone(),
        stream,
        client: crate::proto::ids::ClientId::random(),
        have: None,
        resizes: 0,
        window: 0,
        size: None,
        auto: true,
        watch: false,
        blind: true,
        input_sent: 0,
        revision_min: hello::REVISION_MIN,
        revision_max: hello::REVISION,
        lent: Lent::default(),
    };
    let attached = client.call(&attach).await?;
    hello::check_stream(&attached).map_err(|f| client.fault(f))?;
    let (mut sent, mut applied, mut limit) = (0u64, 0u64, attached.input_limit);
    let gone = || Failure::failed("the session ended before all was typed", "`thub capture --all` shows what it wrote");
    let patience = || tokio::time::Instant::now() + Duration::from_secs(10);
    let mut until = patience();
    while applied < bytes.len() as u64 {
        while sent < limit.min(bytes.len() as u64) {
            let n = (limit.min(bytes.len() as u64) - sent).min(MAX_PIECE as u64);
            let piece = bytes.get(sent as usize..(sent + n) as usize).unwrap_or_default();
            link.out.urgent(stream, Body::Data { offset: sent, bytes: piece });
            sent += n;
        }
        // a program that does not read holds it up: that is said, not waited for
        let frame = tokio::time::timeout_at(until, frames.recv()).await.map_err(|_| {
            client.fault(crate::proto::control::Fault::new(
                crate::proto::control::Fault::TIMEOUT,
                format!("the program inside does not read: {applied} of {} bytes are typed", bytes.len()),
            ))
        })?;
        let frame = frame.ok_or_else(gone)?;
        match frame.body() {
            Ok(Body::Ack { seen, limit: l }) => {
                applied = applied.max(seen);
                until = patience();
                limit = limit.max(l);
            }
            // other notices (a bell, a title) are nothing to who types
            Ok(Body::Call(json)) if is_over(json) => return Err(gone()),
            _ => {}
        }
    }
    let _ = client.call(&crate::proto::control::SessionDetach { stream }).await;
    Ok(())
}
