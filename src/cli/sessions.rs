//! Owns the verbs that work on sessions without showing them: new -d, ls, kill, restart, rename, resize.
//! Leaves out those that open a terminal (`open.rs`).

use super::call::Client;
use super::{Common, Kill, New, Rename, Resize, Restart};
use crate::client::host::{Env, HostId, list_connections};
use crate::failure::Failure;
use crate::proto::control::connections::DEFAULT_SHELL;
use crate::proto::control::*;
use crate::proto::ids::{SessionId, Size, check_name};
use crate::sys;
use crate::text::{escape, short};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The session `thub new` asks for, checked before anything is reached.
pub fn create(new: &New) -> Result<SessionCreate, Failure> {
    let size = new.size.as_deref().map(str::parse::<Size>).transpose();
    let size = size.map_err(|e| Failure::usage(e, "for example --size 120x40"))?;
    if let Some(name) = &new.name {
        check_name(name).map_err(|e| Failure::usage(e, "for example -n build"))?;
    }
    let ring = match &new.ring {
        None => None,
        Some(text) => Some(text.parse::<u64>().ok().filter(|r| SessionCreate::RING.contains(r)).ok_or_else(|| {
            Failure::usage(
                format!("a ring of '{}' bytes is out of bounds", escape(text)),
                "write a number from 4096 to 1073741824, for example --ring 16777216",
            )
        })?),
    };
    let history = match &new.history {
        None => None,
        Some(text) => {
            Some(text.parse::<u64>().ok().filter(|h| SessionCreate::HISTORY.contains(h)).ok_or_else(|| {
                Failure::usage(
                    format!("a history of '{}' lines is out of bounds", escape(text)),
                    "write a number from 0 to 1000000, for example --history 100000",
                )
            })?)
        }
    };
    let once = super::conn::once(new)?.map(Box::new);
    // (what runs in a container is its definition's matter)
    let (command, cwd) = match once {
        Some(_) => Default::default(),
        None => (new.command.clone(), new.cwd.clone().unwrap_or_default()),
    };
    Ok(SessionCreate {
        name: new.name.clone(),
        command,
        cwd,
        definition: once,
        size,
        ring,
        history,
        ..SessionCreate::default()
    })
}

/// The connection that `--connection` means, by its id.
pub async fn connection(client: &Client, new: &New) -> Result<Option<String>, Failure> {
    let Some(word) = &new.connection else { return Ok(None) };
    let listed = list_connections(client.link(), client.stream()).await.map_err(|f| client.fault(f))?;
    let found = super::conn::meant(listed.find_connection(word), word, &client.typed("conn ls"))?;
    Ok(Some(found.id.clone()))
}

/// `thub new -H HOST --no-agent`: from here on the host is reached without one.
pub fn without_agent(env: &Arc<Env>, host: &HostId, new: &New) -> Result<(), Failure> {
    if host.is_local() {
        return Err(Failure::usage("this machine needs no SSH", "leave out --no-agent, or name a host with -H"));
    }
    let once = &new.once;
    if once.serial.is_some() || once.container.is_some() || once.image.is_some() || once.telnet.is_some() {
        return Err(Failure::usage(
            "ports, containers and telnet hosts are opened by an agent on the host: without one that can't be",
            "leave out --no-agent",
        ));
    }
    if new.cwd.is_some() {
        return Err(Failure::usage(
            "a session over plain SSH starts in the home there: no directory can be given",
            "leave out --cwd, or `cd` in the command",
        ));
    }
    env.go_without(host, false);
    Ok(())
}

pub async fn new_detached(env: &Arc<Env>, common: &Common, host: &HostId, new: &New) -> Result<(), Failure> {
    let mut create = create(new)?;
    let mut client = Client::connect(env, host).await?;
    create.connection = connection(&client, new).await?;
    let info = client.create(&create).await?;
    started(common, host, info)
}

fn started(common: &Common, host: &HostId, mut info: SessionInfo) -> Result<(), Failure> {
    // one over plain SSH lives here
    info.host = if info.target.is_empty() { host.as_str().to_string() } else { "local".into() };
    if common.json {
        println!("{}", serde_json::to_string(&info).map_err(anyhow::Error::from)?);
    } else {
        println!("{}", escape(&info.id));
    }
    Ok(())
}

/// Starts one again that has ended or is lost.
pub async fn restart(env: &Arc<Env>, common: &Common, host: &HostId, r: &Restart) -> Result<(), Failure> {
    let mut client = Client::connect(env, host).await?;
    let (id, was) = client.find(&r.session).await?;
    if was.is_alive() {
        return Err(Failure::usage(
            format!("session {} is running: only one that has ended or is lost is started again", escape(was.label())),
            format!("`{} {}` shows it", client.typed("attach"), crate::text::shell(&r.session)),
        ));
    }
    let connection = Some(was.connection_id).filter(|id| !id.is_empty() && id != DEFAULT_SHELL);
    let (command, cwd) = if connection.is_some() { Default::default() } else { (was.command, was.cwd) };
    // (what is told here is for where nothing else is on record)
    let create = SessionCreate {
        again: Some(id),
        name: Some(was.name).filter(|n| !n.is_empty()),
        command,
        cwd,
        size: Some(Size::new(was.cols, was.rows).clamped()),
        connection,
        ..SessionCreate::default()
    };
    let info = client.create(&create).await?;
    started(common, host, info)
}

pub async fn ls(env: &Arc<Env>, common: &Common, host: &HostId) -> Result<(), Failure> {
    let client = Client::connect(env, host).await?;
    let sessions = client.sessions().await?;
    if common.json {
        println!("{}", serde_json::to_string(&sessions).map_err(anyhow::Error::from)?);
        return Ok(());
    }
    let mut rows = vec![["ID", "NAME", "STATE", "AGE", "SIZE", "CLIENTS", "COMMAND"].map(String::from)];
    for s in &sessions {
        let state = match (s.state.as_str(), s.exit_code, &s.cause) {
            ("exited", Some(code), _) => format!("exited {code}"),
            ("exited", None, Some(cause)) => format!("exited: {cause}"),
            ("lost", _, Some(cause)) if !cause.starts_with("lost") => format!("lost: {cause}"),
            ("lost", _, Some(cause)) => cause.clone(),
            (state, ..) => state.to_string(),
        };
        rows.push([
            escape(&s.id),
            escape(&s.name),
            short(&state, 32),
            if s.age_s > 0 { ago(Duration::from_secs(s.age_s)) } else { age(&s.created_at) },
            format!("{}x{}", s.cols, s.rows),
            s.clients.to_string(),
            match (s.running.as_str(), s.command.as_slice()) {
                ("", []) => "shell".into(),
                ("", command) => short(&command.join(" "), 60),
                (running, _) => short(running, 60),
            },
        ]);
    }
    print!("{}", table(&rows));
    Ok(())
}

/// Columns as wide as what is in them.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    use unicode_width::UnicodeWidthStr;
    let widths: [usize; N] =
        std::array::from_fn(|i| rows.iter().filter_map(|r| r.get(i)).map(|c| c.width()).max().unwrap_or(0));
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// How long ago an RFC 3339 time is, in one unit.
pub fn age(created_at: &str) -> String {
    let since = sys::parse_rfc3339(created_at).and_then(|t| SystemTime::now().duration_since(t).ok());
    since.map_or_else(String::new, ago)
}

pub fn ago(d: Duration) -> String {
    match d.as_secs() {
        s @ 0..=59 => format!("{s}s"),
        s @ 60..=3599 => format!("{}m", s / 60),
        s @ 3600..=86399 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86400),
    }
}

pub async fn kill(env: &Arc<Env>, host: &HostId, kill: &Kill) -> Result<(), Failure> {
    let client = Client::connect(env, host).await?;
    let sessions = client.sessions().await?;
    let mut chosen: Vec<SessionId> = Vec::new();
    if kill.all {
        chosen.extend(sessions.iter().filter_map(|s| s.id.parse().ok()));
    }
    // all words are looked up before the first session is ended
    for word in kill.sessions.iter().chain(&kill.target) {
        let info = client.pick(&sessions, word)?;
        chosen.extend(info.id.parse::<SessionId>());
    }
    chosen.sort();
    chosen.dedup();
    let calls: Vec<_> = chosen
        .into_iter()
        .map(|session| client.link().call_within(&SessionClose { session }, Duration::from_secs(15)))
        .collect();
    let mut failed = None;
    for call in calls {
        match call.await {
            Ok(_) => {}
            // it went by itself meanwhile
            Err(f) if f.code == Fault::UNKNOWN || f.code == Fault::ENDED => {}
            Err(f) => failed = Some(f),
        }
    }
    failed.map_or(Ok(()), |f| Err(client.fault(f)))
}

pub async fn rename(env: &Arc<Env>, host: &HostId, r: &Rename) -> Result<(), Failure> {
    check_name(&r.name).map_err(|e| Failure::usage(e, "for example `thub rename k3f9 build`"))?;
    let client = Client::connect(env, host).await?;
    let session = living(&client, &r.session).await?;
    client.call(&SessionRename { session, name: r.name.clone() }).await?;
    Ok(())
}

pub async fn resize(env: &Arc<Env>, host: &HostId, r: &Resize) -> Result<(), Failure> {
    let size: Size = r.size.parse().map_err(|e: String| Failure::usage(e, "for example `thub resize build 120x40`"))?;
    let client = Client::connect(env, host).await?;
    let session = living(&client, &r.session).await?;
    client.call(&SessionResize { session, size }).await?;
    Ok(())
}

/// A session that can still be spoken to.
pub async fn living(client: &Client, word: &str) -> Result<SessionId, Failure> {
    let (id, info) = client.find(word).await?;
    if info.is_alive() {
        return Ok(id);
    }
    let how = match (info.state.as_str(), info.exit_code) {
        (_, Some(code)) => format!("has ended with code {code}"),
        _ => "is lost".to_string(),
    };
    Err(Failure::failed(
        format!("session '{}' {how}", escape(word)),
        format!("`thub capture {} --all` shows what it wrote", escape(&info.id)),
    ))
}
