//! Owns `thub agent` and `thub deploy`: the agent put there, served, looked at, ended, taken away.
//! Leaves out what the agent does on a link.

use super::call::Client;
use super::{AgentVerb, Common};
use crate::client::host::{Env, HostId};
use crate::failure::Failure;
use crate::paths::Paths;
use crate::text::escape;
use crate::transport::ask::Ask;
use crate::transport::deploy::build_id;
use crate::transport::{DeployPolicy, reach};
use rustix::process::{Pid, Signal};
use std::path::Path;
use std::sync::Arc;

pub async fn deploy(env: &Arc<Env>, common: &Common, on: &str, from: Option<&Path>) -> Result<(), Failure> {
    let told = super::ask::telling();
    let ask: Arc<dyn Ask> = told.clone();
    let reached = reach(on, env.ssh_config.as_deref(), ask, DeployPolicy::Always, from.map(Path::to_path_buf)).await;
    told.end_line();
    let (ssh, _channel) = reached?;
    let host = ssh.name();
    let build = build_id();
    if common.json {
        println!("{}", serde_json::json!({"host": on, "build": build}));
    } else {
        println!("{host} has the agent of this build ({build})");
    }
    Ok(())
}

pub async fn verb(
    env: &Arc<Env>,
    common: &Common,
    host: &HostId,
    paths: &Paths,
    verb: AgentVerb,
) -> Result<u8, Failure> {
    if !host.is_local() && verb != AgentVerb::Status {
        return there(env, host, verb).await;
    }
    match verb {
        AgentVerb::Status => status(env, common, host).await?,
        AgentVerb::Stop => println!("{} agents ended; sessions go on", stop()),
        AgentVerb::Uninstall => {
            let agents = paths.data_dir().join("agents");
            match std::fs::remove_dir_all(&agents) {
                Ok(()) => println!("{} is removed; sessions go on", agents.display()),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => println!("no agent is installed here"),
                Err(e) => {
                    return Err(Failure::failed(
                        format!("{} can't be removed: {e}", agents.display()),
                        "look at its permissions",
                    ));
                }
            }
            // the folder above goes where nothing else is in it
            let _ = std::fs::remove_dir(paths.data_dir());
        }
    }
    Ok(0)
}

/// The verb done by the host's own binary.
async fn there(env: &Arc<Env>, host: &HostId, verb: AgentVerb) -> Result<u8, Failure> {
    let client = Client::connect(env, host).await?;
    let exe = client.dialed.hello.exe.trim_end_matches(" (deleted)").to_string();
    client.link().close();
    let word = if verb == AgentVerb::Stop { "stop" } else { "uninstall" };
    let common = Common { host: vec![host.as_str().into()], ..Common::default() };
    let run = super::Run { cwd: None, command: vec![exe, "agent".into(), word.into()] };
    match super::run::run(env, &common, &run).await {
        // it was this very agent that ended
        Err(e) if verb == AgentVerb::Stop && e.code() == 3 => Ok(0),
        other => other,
    }
}

async fn status(env: &Arc<Env>, common: &Common, host: &HostId) -> Result<(), Failure> {
    let client = Client::connect(env, host).await?;
    let hello = &client.dialed.hello;
    let sessions = client.sessions().await?;
    let alive = sessions.iter().filter(|s| s.is_alive()).count();
    if common.json {
        println!(
            "{}",
            serde_json::json!({
                "host": host.as_str(), "hostname": hello.hostname, "build": hello.build, "revision": hello.revision,
                "os": hello.os, "arch": hello.arch, "exe": hello.exe, "sessions": alive,
            })
        );
    } else {
        println!("host      {} ({} {})", escape(&hello.hostname), escape(&hello.os), escape(&hello.arch));
        println!("build     {}, protocol revision {}", escape(&hello.build), hello.revision);
        println!("binary    {}", escape(&hello.exe));
        println!("sessions  {alive}");
    }
    Ok(())
}

/// Ends the user's agents on this machine, each in order. Returns how many.
fn stop() -> usize {
    let me = rustix::process::geteuid().as_raw();
    let Ok(all) = std::fs::read_dir("/proc") else { return 0 };
    let mut ended = 0;
    for entry in all.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        use std::os::unix::fs::MetadataExt;
        if !entry.metadata().is_ok_and(|m| m.uid() == me) {
            continue;
        }
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { continue };
        let args: Vec<&[u8]> = line.split(|b| *b == 0).collect();
        let program = args.first().map(|a| a.rsplit(|b| *b == b'/').next().unwrap_or_default());
        if program == Some(b"thub") && args.get(1) == Some(&&b"agent"[..]) && args.get(2) == Some(&&b"--stdio"[..]) {
            ended += usize::from(rustix::process::kill_process(pid, Signal::TERM).is_ok());
        }
    }
    ended
}
