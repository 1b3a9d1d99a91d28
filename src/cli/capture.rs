//! Owns `thub capture`: the screen, the history, the raw bytes. Leaves out how they are kept.

use super::call::Client;
use super::{Capture, Common};
use crate::client::host::{Env, HostId, read_stream};
use crate::failure::Failure;
use crate::proto::control::*;
use crate::proto::hello;
use crate::proto::ids::{SessionId, Size};
use crate::term::engine::Engine;
use crate::term::history;
use serde_json::json;
use std::io::Write;
use std::sync::Arc;

/// History and screen of one moment.
pub struct Shot {
    pub size: Size,
    /// As a Screen frame has it.
    pub screen: Vec<u8>,
    /// Logical lines with SGR.
    pub lines: Vec<String>,
    /// The last line goes on in the screen's first row.
    pub open: bool,
    /// Number of the first line.
    pub from: u64,
    /// Number the next line will have.
    pub to: u64,
}

/// Takes a shot; `from` = the first line of history wanted.
pub async fn shot(client: &mut Client, session: &SessionId, from: Option<u64>) -> Result<Shot, Failure> {
    let stream = client.stream();
    let link = client.link().clone();
    let mut frames = link.open_stream(stream);
    let call = SessionCapture { session: session.clone(), stream, from, window: 0, revision: hello::REVISION };
    let reply = client.call(&call).await?;
    let total = reply.history_bytes.saturating_add(reply.screen_bytes);
    let mut bytes = read_stream(&link, stream, &mut frames, 0, total).await.map_err(|f| client.fault(f))?;
    drop(link.call(&SessionDetach { stream }));
    link.close_stream(stream);
    let screen = bytes.split_off((reply.history_bytes as usize).min(bytes.len()));
    let text = String::from_utf8_lossy(&bytes);
    Ok(Shot {
        size: Size { cols: reply.cols, rows: reply.rows }.clamped(),
        screen,
        lines: text.split_terminator('\n').map(str::to_string).collect(),
        open: reply.open,
        from: reply.from,
        to: reply.to,
    })
}

/// A lost session has nothing to show.
pub fn not_lost(info: &SessionInfo, word: &str) -> Result<(), Failure> {
    if info.state != "lost" {
        return Ok(());
    }
    let why = info.cause.as_deref().unwrap_or_default();
    Err(Failure::failed(
        format!("session '{}' is lost: {}", crate::text::escape(word), crate::text::escape(why)),
        "its screen and history went with its process",
    ))
}

pub async fn capture(env: &Arc<Env>, common: &Common, host: &HostId, c: &Capture) -> Result<(), Failure> {
    let mut client = Client::connect(env, host).await?;
    let (session, info) = client.find(c.target.name()).await?;
    not_lost(&info, c.target.name())?;
    let mut out = std::io::stdout().lock();
    if c.raw {
        return raw(&mut client, &session, &mut out).await;
    }
    let shot = shot(&mut client, &session, c.all.then_some(0)).await?;
    let engine = Engine::restore(shot.size, &shot.screen);
    let coloured = c.ansi && !common.json;
    let rows = if coloured { engine.ansi_rows() } else { engine.text_rows() };
    let mut lines: Vec<String> =
        if coloured { shot.lines } else { shot.lines.iter().map(|l| history::plain(l)).collect() };
    if c.all {
        // a logical line is one line, also where it leaves the history half way
        let mut joined = shot.open;
        for (i, mut row) in rows.into_iter().enumerate() {
            row.extend(std::iter::repeat_n(' ', engine.blanks_before_wrap(i as u16, coloured)));
            match lines.last_mut() {
                Some(last) if joined => last.push_str(&row),
                _ => lines.push(row),
            }
            joined = engine.row_wrapped(i as u16);
        }
        while lines.last().is_some_and(|l| l.is_empty()) {
            lines.pop();
        }
    } else {
        lines = rows;
    }
    if common.json {
        let cursor = engine.cursor();
        let value = json!({
            "id": info.id, "name": info.name, "cols": shot.size.cols, "rows": shot.size.rows,
            "cursor": {"row": cursor.row, "col": cursor.col, "visible": cursor.visible},
            "title": info.title, "alternate": engine.modes().alt_screen,
            "history": shot.to, "lines": lines,
        });
        writeln!(out, "{value}")?;
        return Ok(());
    }
    for line in lines {
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// The bytes still held, as the program wrote them. What the ring has let go of is named.
async fn raw(client: &mut Client, session: &SessionId, out: &mut impl Write) -> Result<(), Failure> {
    let stream = client.stream();
    let link = client.link().clone();
    let mut frames = link.open_stream(stream);
    let reply = client.call(&SessionRead { session: session.clone(), stream, from: 0, to: None, window: 0 }).await?;
    if reply.from > 0 {
        eprintln!(
            "thub: the first {} bytes (offsets 0 to {}) are lost: the ring held no more",
            reply.from,
            reply.from - 1
        );
    }
    let mut at = reply.from;
    // in pieces, so that a large ring is not held here as a whole
    while at < reply.to {
        let upto = at.saturating_add(1 << 20).min(reply.to);
        let bytes = read_stream(&link, stream, &mut frames, at, upto).await.map_err(|f| client.fault(f))?;
        out.write_all(&bytes)?;
        at = at.saturating_add(bytes.len() as u64);
        if at < upto {
            eprintln!("thub: offsets {at} to {} were lost while they were read: the ring held no more", reply.to - 1);
            return Err(Failure::failed(
                "the session wrote faster than it could be read",
                "give it a larger ring: `thub new --ring`",
            ));
        }
    }
    out.flush()?;
    Ok(())
}
