//! Owns `thub agent` and `thub deploy`: the agent put there, served, looked at, ended, taken away.
//! Leaves out what the agent does on a link.

use super::call::Client;
use super::{AgentVerb, Common};
use crate::agent::builds::uninstall;
use crate::client::host::{Env, HostId};
use crate::failure::{Failure, Kind};
use crate::paths::Paths;
use crate::proto::control::{SessionRecover, SessionRecovered};
use crate::sys;
use crate::text::{escape, shell};
use crate::transport::ask::Ask;
use crate::transport::deploy::{Offer, build_id, put};
use rustix::process::{Pid, Signal};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Agents that are told to end are waited for this long.
const ENDING: Duration = Duration::from_secs(3);

/// `thub deploy HOST`: whatever lies there already. Ctrl-C ends it, and no part of an agent stays there.
pub async fn deploy(env: &Arc<Env>, common: &Common, args: &super::Deploy) -> Result<(), Failure> {
    let mut hosts = args.on.iter().chain(&common.host);
    let (Some(on), None) = (hosts.next(), hosts.next()) else {
        return Err(Failure::usage("deploy puts the agent on one host", "name one; several take one call each"));
    };
    if HostId::new(on).is_local() {
        return Err(Failure::usage("this machine needs no agent put there", "name a host of your ssh_config"));
    }
    let told = super::ask::telling();
    let ask: Arc<dyn Ask> = told.clone();
    let offer = Offer { from: args.from.clone(), dir: args.dir.clone(), ..env.offer.clone() };
    if offer.dir.as_ref().is_some_and(|d| !d.starts_with('/')) {
        return Err(Failure::usage("--dir takes an absolute path on the host", "such as --dir /var/lib/me"));
    }
    let interrupted = async {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Failure::new(
                Kind::Failed,
                "the upload was stopped",
                "the host removes what had come there; an agent that had come whole stays: `thub deploy HOST` tells",
            ),
            Err(_) => std::future::pending().await,
        }
    };
    let put = tokio::select! {
        put = put(on, env.ssh_config.as_deref(), offer, ask) => put,
        stopped = interrupted => Err(stopped),
    };
    told.end_line();
    let host = put?.name();
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
        AgentVerb::Stop => stop(paths),
        AgentVerb::Uninstall => {
            // who is connected would else have it all made anew; whoever asked from afar goes when this has been told
            end_others(paths).await;
            let removed = uninstall(paths)?;
            let what = match removed.builds {
                0 if removed.kept == 0 => "no agent is installed here".to_string(),
                0 => "no build was this machine's alone".to_string(),
                1 => "1 build is removed".to_string(),
                n => format!("{n} builds are removed"),
            };
            println!("{what}");
            if removed.kept > 0 {
                let machines: Vec<_> = removed.machines.into_iter().collect();
                println!(
                    "{} stay for {}, which share this home: `thub agent uninstall` there takes them away",
                    removed.kept,
                    machines.join(", ")
                );
            }
            if !removed.sessions.is_empty() {
                // (who asks from afar is told over there: what they are ended with is gone from here)
                let here = !rustix::process::getppid().is_some_and(|pid| agents(paths).contains(&pid));
                let next = if here { " (after `thub kill` of them, uninstall again)" } else { "" };
                println!(
                    "{} go on, and their records stay: {}{next}",
                    removed.sessions.len(),
                    removed.sessions.join(", ")
                );
            }
        }
    }
    Ok(0)
}

/// The verb done by the host's own binary.
async fn there(env: &Arc<Env>, host: &HostId, verb: AgentVerb) -> Result<u8, Failure> {
    let client = Client::connect(env, host).await?;
    let exe = client.dialed.hello.exe.trim_end_matches(" (deleted)").to_string();
    // with the agent goes the way to them
    let alive = match verb {
        AgentVerb::Uninstall => recover(&client).await.map_or(0, |r| r.recovered + r.orphaned),
        AgentVerb::Stop | AgentVerb::Status => 0,
    };
    let (kill, uninstall) = (client.typed("kill --all"), client.typed("agent uninstall"));
    client.link().close();
    let word = if verb == AgentVerb::Stop { "stop" } else { "uninstall" };
    let common = Common { host: vec![host.as_str().into()], ..Common::default() };
    let run = super::Run { cwd: None, command: vec![exe, "agent".into(), word.into()] };
    match super::run::run(env, &common, &run).await {
        // it was this very agent that ended
        Err(e) if verb == AgentVerb::Stop && e.code() == 3 => Ok(0),
        Ok(0) if alive > 0 => {
            let deploy = env.typed(&format!("thub deploy {}", shell(host.as_str())));
            println!("to end them after all: `{deploy}`, `{kill}`, then `{uninstall}`");
            Ok(0)
        }
        other => other,
    }
}

async fn status(env: &Arc<Env>, common: &Common, host: &HostId) -> Result<(), Failure> {
    let client = Client::connect(env, host).await?;
    let hello = &client.dialed.hello;
    let SessionRecovered { recovered, orphaned, lost, .. } = recover(&client).await?;
    let alive = recovered + orphaned;
    if common.json {
        println!(
            "{}",
            serde_json::json!({
                "host": host.as_str(), "hostname": hello.hostname, "build": hello.build, "revision": hello.revision,
                "os": hello.os, "arch": hello.arch, "exe": hello.exe, "sessions": alive,
                "orphaned": orphaned, "lost": lost,
            })
        );
    } else {
        println!("host      {} ({} {})", escape(&hello.hostname), escape(&hello.os), escape(&hello.arch));
        println!("build     {}, protocol revision {}", escape(&hello.build), hello.revision);
        println!("binary    {}", escape(&hello.exe));
        let beside = [(orphaned, "of them without an answer"), (lost, "lost")];
        let beside: String = beside.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}")).collect();
        println!("sessions  {alive}{beside}");
    }
    Ok(())
}

/// What is there, looked for anew; an agent from before there was this call lists what it finds.
pub(super) async fn recover(client: &Client) -> Result<SessionRecovered, Failure> {
    match client.link().call(&SessionRecover {}).await {
        Err(f) if f.older().is_some() => {
            let sessions = client.sessions().await?;
            let count = |states: &[&str]| sessions.iter().filter(|s| states.contains(&s.state.as_str())).count() as u32;
            Ok(SessionRecovered {
                recovered: count(&["running", "detached"]),
                orphaned: count(&["orphaned"]),
                lost: count(&["lost"]),
                sessions: Vec::new(),
            })
        }
        other => other.map_err(|f| client.fault(f)),
    }
}

/// Ends the user's agents on this machine, each in order: they tell their clients, who come back by themselves.
fn stop(paths: &Paths) {
    // one of them may have started us, and ends what it has started
    sys::ignore(libc::SIGTERM);
    let mut agents = agents(paths);
    let ours = rustix::process::getppid();
    agents.sort_by_key(|pid| Some(*pid) == ours);
    let ended = agents.iter().filter(|pid| rustix::process::kill_process(**pid, Signal::TERM).is_ok()).count();
    println!("{} ended; sessions go on", crate::text::count(ended, "agent"));
}

/// Ends all agents but the one that may have started us, and waits until they are gone, for a while.
async fn end_others(paths: &Paths) {
    let ours = rustix::process::getppid();
    let which: Vec<Pid> = agents(paths).into_iter().filter(|pid| Some(*pid) != ours).collect();
    for pid in &which {
        let _ = rustix::process::kill_process(*pid, Signal::TERM);
    }
    let begun = Instant::now();
    while begun.elapsed() < ENDING && agents(paths).iter().any(|pid| which.contains(pid)) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The user's agents on this machine that serve the sessions of this run dir.
fn agents(paths: &Paths) -> Vec<Pid> {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    let Ok(all) = std::fs::read_dir("/proc") else { return Vec::new() };
    let is_agent = |entry: &std::fs::DirEntry| {
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { return false };
        let args: Vec<&[u8]> = line.split(|b| *b == 0).collect();
        let program = args.first().map(|a| a.rsplit(|b| *b == b'/').next().unwrap_or_default());
        program == Some(b"thub") && args.get(1) == Some(&&b"agent"[..]) && args.get(2) == Some(&&b"--stdio"[..])
    };
    let is_ours = |entry: &std::fs::DirEntry| {
        let Ok(environ) = std::fs::read(entry.path().join("environ")) else { return false };
        let vars: Vec<&[u8]> = environ.split(|b| *b == 0).collect();
        let var = |name: &str| {
            let value = vars.iter().find_map(|v| v.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
            Some(OsStr::from_bytes(value).to_os_string())
        };
        let cwd = std::fs::read_link(entry.path().join("cwd")).ok();
        let theirs = Paths::from_vars(var, sys::passwd().map(|p| p.home), cwd, "", "");
        theirs.is_ok_and(|theirs| theirs.run_dir() == paths.run_dir())
    };
    all.flatten()
        .filter(|e| e.metadata().is_ok_and(|m| m.uid() == me))
        .filter_map(|e| Some((e.file_name().to_str()?.parse::<i32>().ok().and_then(Pid::from_raw)?, e)))
        .filter(|(_, e)| is_agent(e) && is_ours(e))
        .map(|(pid, _)| pid)
        .collect()
}
