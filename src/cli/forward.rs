//! Owns `thub forward`: forwards of one host until Ctrl-C, over every link to it, and the list of all that run here.
//! Leaves out the forwards themselves (`transport/ssh/forward.rs`).

use super::{Common, Forward};
use crate::client::forwards::{shown, state_word};
use crate::client::host::{Env, HostId};
use crate::failure::{Failure, Kind};
use crate::store::forwards::{self, Kept};
use crate::text::{escape, short};
use crate::transport::ask::Nobody;
use crate::transport::ssh::forward::spec::Spec;
use crate::transport::ssh::forward::{State, Status};
use crate::transport::ssh::{self, Forwards, Ssh};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Between dials after the link fell: longer each time, up to the second.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// A refusal after the link fell may be the network's: it counts from here on.
const REFUSALS: u32 = 5;

pub async fn forward(env: &Arc<Env>, common: &Common, host: &HostId, verb: &Forward) -> Result<u8, Failure> {
    if verb.specs.iter().map(String::as_str).eq(["ls"]) {
        return list(env, common, host);
    }
    let specs = verb.specs.iter().map(|s| Spec::parse(s)).collect::<Result<Vec<Spec>, Failure>>()?;
    if host.is_local() {
        return Err(Failure::usage("a forward leads to another machine", "name it: thub forward -H HOST SPEC"));
    }
    many_files();
    let mut quit = Quit::new()?;
    let ssh = tokio::select! {
        ssh = connect(env, host) => ssh?,
        () = quit.asked() => return Ok(0),
    };
    let wanted = ssh.config().forwards();
    if specs.is_empty() && wanted.specs.is_empty() {
        return Err(Failure::usage(
            format!("there is nothing to forward: ssh_config has no forwards for {}", escape(host.as_str())),
            "say what: thub forward -H HOST 8080:localhost:80",
        ));
    }
    let forwards = Forwards::new(ssh.name());
    forwards.link(Some(ssh.clone()));
    for spec in specs {
        forwards.open(spec, false)?;
    }
    for spec in wanted.specs {
        forwards.open(spec, true)?;
    }
    let mut teller = Teller::new(env, common, host);
    let ended = run(env, host, &forwards, ssh, &mut teller, wanted.must, &mut quit).await;
    // whoever listens there is told to stop before the connection goes
    let last = forwards.end().await;
    if let Some(ssh) = last {
        ssh.close().await;
    }
    ended.map(|()| 0)
}

async fn connect(env: &Arc<Env>, host: &HostId) -> Result<Ssh, Failure> {
    ssh::connect(host.as_str(), env.ssh_config.as_deref(), Arc::new(Nobody)).await
}

/// A connection is an open file, and the usual limit of 1024 is one for programs that use select(2).
fn many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Until somebody has enough, or what must stand can't.
async fn run(
    env: &Arc<Env>,
    host: &HostId,
    forwards: &Forwards,
    first: Ssh,
    teller: &mut Teller,
    must: bool,
    quit: &mut Quit,
) -> Result<(), Failure> {
    let mut changes = forwards.changes();
    let mut ssh = first;
    loop {
        // the link stands
        loop {
            changes.borrow_and_update();
            teller.tell(&forwards.list(), must)?;
            tokio::select! {
                () = quit.asked() => return Ok(()),
                _ = changes.changed() => {}
                () = ssh.closed() => break,
            }
        }
        forwards.link(None);
        teller.link(Some(&ssh.lost().what));
        teller.tell(&forwards.list(), must)?;
        let (mut wait, mut refusals) = (AGAIN.0, 0);
        ssh = loop {
            tokio::select! {
                () = quit.asked() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
            let dialed = tokio::select! {
                () = quit.asked() => return Ok(()),
                dialed = connect(env, host) => dialed,
            };
            match dialed {
                Ok(ssh) => break ssh,
                Err(e) if e.kind == Kind::Refused && !e.hard && refusals < REFUSALS => refusals += 1,
                Err(e) if matches!(e.kind, Kind::Refused | Kind::Usage) => return Err(e),
                Err(e) => tracing::debug!(why = %e.what, "dialed in vain"),
            }
            wait = (wait * 2).min(AGAIN.1);
        };
        forwards.link(Some(ssh.clone()));
        teller.link(None);
    }
}

/// What ends it.
struct Quit([tokio::signal::unix::Signal; 3]);

impl Quit {
    fn new() -> std::io::Result<Quit> {
        let [a, b, c] = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Quit([a?, b?, c?]))
    }
    async fn asked(&mut self) {
        let [a, b, c] = &mut self.0;
        tokio::select! {
            _ = a.recv() => {}
            _ = b.recv() => {}
            _ = c.recv() => {}
        }
    }
}

/// Says what is another, on standard output and in the record for `ls`.
struct Teller {
    host: String,
    json: bool,
    kept: Option<Kept>,
    /// The state last told, by forward.
    told: BTreeMap<u64, State>,
    /// Those of which it was told that they take long.
    slow: BTreeSet<u64>,
}

impl Teller {
    fn new(env: &Env, common: &Common, host: &HostId) -> Teller {
        let kept = Kept::new(&env.paths).inspect_err(|e| tracing::warn!(why = %e.what, "no record of forwards")).ok();
        Teller { host: escape(host.as_str()), json: common.json, kept, told: BTreeMap::new(), slow: BTreeSet::new() }
    }

    fn tell(&mut self, all: &[Status], must: bool) -> Result<(), Failure> {
        if let Some(kept) = &mut self.kept
            && let Err(e) = kept.say(all.iter().map(|s| shown(&self.host, s)).collect())
        {
            tracing::warn!(error = %e, "the record of forwards can't be written");
        }
        for status in all {
            let before = self.told.insert(status.id, status.state.clone());
            if status.state == State::Opening
                && let Some(slow) = &status.trouble
                && self.slow.insert(status.id)
            {
                if self.json { json(&shown(&self.host, status), "forward") } else { eprintln!("thub: {slow}") }
            }
            if before.as_ref() == Some(&status.state) {
                continue;
            }
            if let State::Failed(why) = &status.state {
                // one that stood once may stand again
                let asked = must || !status.configured;
                if before.is_none_or(|b| b == State::Opening) && asked && status.total == 0 && status.port.is_none() {
                    let mut hints = why.hints.iter();
                    let first = hints.next().cloned().unwrap_or_default();
                    let failure = Failure::new(why.kind, why.what.clone(), first);
                    return Err(hints.fold(failure, |f, h| f.hint(h)));
                }
            }
            if status.state != State::Opening {
                self.line(status);
            }
        }
        Ok(())
    }

    fn line(&self, status: &Status) {
        if self.json {
            return json(&shown(&self.host, status), "forward");
        }
        let (kind, from, to) = (status.spec.kind.letter(), status.from(), status.to());
        match &status.state {
            State::Failed(why) => eprintln!("{kind} {from} -> {to}: {}\n  {}", why.what, why.hints.join("\n  ")),
            State::Waiting => {}
            state => println!("{kind} {from} -> {to}: {}", state_word(state)),
        }
    }

    /// The link fell, or (None) stands again.
    fn link(&self, fell: Option<&str>) {
        if self.json {
            let state = if fell.is_some() { "lost" } else { "up" };
            println!(
                "{}",
                serde_json::json!({"event": "link", "host": self.host, "state": state, "why": fell.unwrap_or_default()})
            );
            return;
        }
        match fell {
            Some(why) => eprintln!("thub: {why}; connecting again, the forwards come back with the link"),
            None => eprintln!("thub: {} is connected again", self.host),
        }
    }
}

fn json(shown: &forwards::Shown, event: &str) {
    let mut value = serde_json::to_value(shown).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.insert("event".into(), event.into());
    }
    println!("{value}");
}

/// `thub forward ls`: with -H only that host's.
fn list(env: &Env, common: &Common, host: &HostId) -> Result<u8, Failure> {
    let mut all = forwards::all(&env.paths)?;
    if !host.is_local() {
        all.retain(|f| f.host == escape(host.as_str()));
    }
    if common.json {
        println!("{}", serde_json::to_string(&all).map_err(anyhow::Error::from)?);
        return Ok(0);
    }
    let mut rows = vec![["HOST", "KIND", "FROM", "TO", "STATE", "CONNECTIONS", "PID"].map(String::from)];
    for f in &all {
        let state = if f.trouble.is_empty() { f.state.clone() } else { format!("{}: {}", f.state, f.trouble) };
        rows.push([
            escape(&f.host),
            escape(&f.kind),
            escape(&f.from),
            escape(&f.to),
            short(&state, 80),
            f.connections.to_string(),
            f.pid.to_string(),
        ]);
    }
    print!("{}", super::sessions::table(&rows));
    Ok(0)
}
