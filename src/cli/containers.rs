//! Owns `thub containers`: what a machine's engine has, starting and stopping. Leaves out sessions in them, and the engine.

use super::call::Client;
use super::sessions::{ago, table};
use super::{Common, Containers, ContainersVerb};
use crate::client::host::{Env, HostId};
use crate::failure::{Failure, Kind};
use crate::proto::control::{ContainersAct, ContainersList, Fault};
use crate::sys;
use crate::text::short;
use std::sync::Arc;
use std::time::Duration;

/// The engine gives a program 10 s, and may be slow itself.
const ACT_WITHIN: Duration = Duration::from_secs(90);

pub async fn containers(env: &Arc<Env>, common: &Common, host: &HostId, asked: &Containers) -> Result<(), Failure> {
    let client = Client::connect(env, host).await?;
    let (act, names) = match &asked.verb {
        None => return list(&client, common, asked).await,
        Some(ContainersVerb::Start { containers }) => ("start", containers),
        Some(ContainersVerb::Stop { containers }) => ("stop", containers),
    };
    let mut failed = None;
    for container in names {
        let call = ContainersAct { socket: asked.socket.clone(), container: container.clone(), act: act.into() };
        if let Err(fault) = client.link().call_within(&call, ACT_WITHIN).await {
            let failure = worded(&client, fault);
            if let Some(before) = failed.replace(failure) {
                eprintln!("thub: {before}");
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn list(client: &Client, common: &Common, asked: &Containers) -> Result<(), Failure> {
    let call = ContainersList { socket: asked.socket.clone(), images: asked.images };
    let found = client.link().call(&call).await.map_err(|f| worded(client, f))?;
    if common.json {
        println!("{}", serde_json::to_string(&found).map_err(anyhow::Error::from)?);
        return Ok(());
    }
    let now = i64::try_from(sys::unix_now()).unwrap_or(i64::MAX);
    let age = |created: i64| ago(Duration::from_secs(u64::try_from(now.saturating_sub(created)).unwrap_or(0)));
    let mut rows = vec![["NAME", "STATE", "STATUS", "AGE", "IMAGE", "PORTS", "ID"].map(String::from)];
    for c in &found.containers {
        rows.push([
            short(c.label(), 40),
            short(&c.state, 12),
            short(&c.status, 32),
            age(c.created),
            short(&c.image, 40),
            short(&c.ports.join(" "), 40),
            short(c.id.get(..12).unwrap_or(&c.id), 12),
        ]);
    }
    print!("{}", table(&rows));
    if asked.images {
        let mut rows = vec![["IMAGE", "SIZE", "AGE", "ID"].map(String::from)];
        for i in &found.images {
            let id = i.id.trim_start_matches("sha256:");
            let name = i.names.first().map_or("<none>", |n| n);
            let size = format!("{:.1} MB", i.size as f64 / 1e6);
            rows.push([short(name, 60), size, age(i.created), short(id.get(..12).unwrap_or(id), 12)]);
        }
        print!("\n{}", table(&rows));
    }
    if !found.engine.is_empty() {
        let owner = if found.owner.is_empty() { "root" } else { &found.owner };
        let (engine, socket) = (short(&found.engine, 40), short(&found.socket, 100));
        println!("\n{engine} at {socket}: whoever may use that is {} there", short(owner, 40));
    }
    if found.more {
        eprintln!("thub: there are more than are shown: the engine's own program lists them all");
    }
    Ok(())
}

/// The engine's sentences say what to do; which kind of failure it is, is by their code.
fn worded(client: &Client, fault: Fault) -> Failure {
    let kind = match fault.code {
        Fault::UNKNOWN | Fault::BAD_PARAMS | Fault::WRONG_KIND => Kind::Usage,
        Fault::REFUSED => Kind::Refused,
        Fault::TIMEOUT => Kind::TimedOut,
        Fault::UNKNOWN_METHOD => return client.fault(fault),
        _ => Kind::Failed,
    };
    let hint = format!("`{}` lists containers; --socket names another engine", client.typed("containers"));
    Failure::new(kind, client.aimed(&short(&fault.message, 600)), hint)
}
