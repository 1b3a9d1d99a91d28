//! Owns `thub search`: lines that match, as grep prints them. Leaves out how they are found (the session does).

use super::call::Client;
use super::{Common, Search};
use crate::client::host::{Env, HostId, find};
use crate::failure::Failure;
use crate::proto::control::{Fault, SessionSearch};
use serde_json::json;
use std::io::Write;
use std::sync::Arc;

/// Prints what matches, oldest first; lines are counted from 1, the session's first. Exit code 1 = nothing does.
pub async fn search(env: &Arc<Env>, common: &Common, host: &HostId, s: &Search) -> Result<u8, Failure> {
    let client = Client::connect(env, host).await?;
    let (session, info) = client.find(&s.session).await?;
    super::capture::not_lost(&info, &s.session)?;
    let call = SessionSearch {
        limit: Some(s.max.unwrap_or(SessionSearch::MOST)),
        case: !s.ignore_case,
        ..SessionSearch::new(session, client.stream(), s.pattern.as_str())
    };
    let found = find::search(client.link(), call).await.map_err(|f| match f.code {
        Fault::BAD_PARAMS => {
            Failure::usage(crate::text::escape(&f.message), "escape what is meant literally with a backslash")
        }
        _ => client.fault(f),
    })?;
    if found.more && s.max.is_none() {
        eprintln!("thub: only the newest {} lines that match: there are more", found.hits.len());
    }
    let mut out = std::io::stdout().lock();
    let hits = found.hits.iter().rev();
    if common.json {
        let all: Vec<_> = hits
            .map(|h| json!({"line": h.line + 1, "start": h.start, "end": h.end, "at": h.at, "text": h.text}))
            .collect();
        writeln!(out, "{}", serde_json::Value::from(all))?;
    } else {
        for hit in hits {
            writeln!(out, "{}:{}", hit.line + 1, hit.text)?;
        }
    }
    out.flush()?;
    Ok(u8::from(found.hits.is_empty()))
}
