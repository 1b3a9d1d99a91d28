//! Owns `thub do`: something is done with what a session is connected to. Leaves out what each act does (its session's matter).

use super::Do;
use super::call::Client;
use crate::client::host::{Env, HostId};
use crate::failure::Failure;
use crate::proto::control::{Act, Fault, SessionAct};
use crate::text::short;
use std::sync::Arc;

pub async fn act(env: &Arc<Env>, host: &HostId, asked: &Do) -> Result<(), Failure> {
    let usage = |why: String| Failure::usage(why, "`thub do --help` names what can be done, and what each takes");
    let mut act = Act::typed(&asked.act, asked.arg.as_deref()).map_err(usage)?;
    // (a session knows nothing of where somebody types)
    if host.is_local()
        && let Act::Log { path: Some(path) } | Act::SendFile { path } = &mut act
        && !path.starts_with("~/")
        && let Ok(here) = std::env::current_dir()
    {
        let whole = here.join(&*path);
        let whole = whole.to_str().ok_or_else(|| usage(format!("'{}' is no path in UTF-8", short(path, 60))))?;
        *path = whole.to_string();
    }
    let client = Client::connect(env, host).await?;
    let (session, info) = client.find(&asked.session).await?;
    super::capture::not_lost(&info, &asked.session)?;
    let done = client.link().call(&SessionAct { session, act }).await;
    done.map(drop).map_err(|f| match f.code {
        Fault::WRONG_KIND | Fault::BAD_PARAMS | Fault::REFUSED => Failure::failed(
            short(&f.message, 600),
            "`thub ls --json` says how it stands with it (`device`), `thub do --help` what can be done",
        ),
        _ => client.fault(f),
    })
}
