//! Owns `thub doctor -H HOST`: the host's agent, and what the agent's own binary says of its machine. Leaves out what the
//! link to it is like (`link`), what this machine is like (`doctor`), and the host's terminal, locale and ssh-agent, which an
//! agent has none of.

use super::{Finding, ended, link, print};
use crate::cli::call::Client;
use crate::cli::{Common, agent, run};
use crate::client::host::{Env, HostId};
use crate::config::Config;
use crate::failure::Failure;
use crate::proto::hello::{BUILD, REVISION};
use crate::text::{escape, shell, short};
use crate::transport::ssh::Ssh;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Instant;

/// What of the host's own report is about the host and not about how the agent was started.
const TAKEN: [&str; 3] = ["run dir", "log", "logout"];
/// Fields for programs that a report may have beside its words.
const FIELDS: [&str; 3] = ["sessions", "kill_user_processes", "lingering"];
/// One line of a host's report, characters at most.
const SAID_MOST: usize = 1000;

/// # Errors
/// The host can't be reached or refuses, or has no agent; something there is bad: exit 1, after the report.
pub async fn there(env: &Arc<Env>, common: &Common, host: &HostId) -> Result<(), Failure> {
    let started = Instant::now();
    let mut client = Client::connect(env, host).await?;
    let ready = Instant::now();
    let took = ready.saturating_duration_since(started);
    let mut found = Vec::new();
    if client.dialed.without.is_some() {
        found.push(Finding::new(
            "agent",
            "warn",
            format!(
                "{0} has none: sessions are over plain SSH and end with the connection; `{1}` puts it there",
                escape(host.as_str()),
                env.typed(&format!("thub deploy {}", shell(host.as_str())))
            ),
        ));
        print(common, &found);
        return Ok(());
    }
    let hello = client.dialed.hello.clone();
    let line = |text: &str| short(text, 200);
    let (os, arch) = (line(&hello.os), line(&hello.arch));
    let mut said = format!("{} ({os} {arch}), ready after {} ms", line(&hello.hostname), took.as_millis());
    let look = client.dialed.ssh.as_ref().map(Ssh::look);
    let mut fields = vec![("ready_ms", link::ms(took))];
    if let Some(look) = look {
        let cipher = look.cipher().map(|c| format!(", {}", short(&c, 60))).unwrap_or_default();
        said.push_str(&format!(": {}{cipher}", short(&look.address, 300)));
        fields.extend(link::way(look));
    }
    found.push(Finding { fields, ..Finding::new("link", "ok", said) });
    if let Some(ssh) = client.dialed.ssh.clone() {
        let fell = || Failure::unreachable("the link fell while it was looked at", "try again");
        let trips = link::trips(&mut client.dialed).await.ok_or_else(fell)?;
        found.extend(link::findings(ssh.look(), ready, &trips, &config(env)));
    }
    let same = hello.build == BUILD && hello.revision == REVISION;
    found.push(Finding::new(
        "agent",
        if same { "ok" } else { "warn" },
        format!(
            "thub {}, protocol revision {}, at {}{}",
            line(&hello.build),
            hello.revision,
            short(&hello.exe, SAID_MOST),
            if same {
                String::new()
            } else {
                format!("; this one is {BUILD}, revision {REVISION}: what only one of them knows is said when it is asked for")
            }
        ),
    ));
    let counts = agent::recover(&client).await?;
    let alive = counts.recovered + counts.orphaned;
    found.push(match (counts.orphaned, counts.lost) {
        (0, 0) => Finding::new("sessions", "ok", format!("{alive} there")),
        (silent, lost) => Finding::new(
            "sessions",
            "warn",
            format!("{alive} there, {silent} of them without an answer; {lost} lost; `thub ls -H` tells which"),
        ),
    });
    let exe = client.dialed.hello.exe.trim_end_matches(" (deleted)").to_string();
    match run::said(&mut client, vec![exe, "doctor".into(), "--json".into()]).await.map(|said| parsed(&said)) {
        Ok(Some(theirs)) => found.extend(theirs),
        Ok(None) => found.push(Finding::new("host", "warn", "its thub says nothing of it that is understood".into())),
        Err(e) => {
            found.push(Finding::new("host", "warn", format!("its thub can't be asked what it is like: {}", e.what)))
        }
    }
    print(common, &found);
    ended(&found)
}

/// As the user's settings have it.
fn config(env: &Env) -> Config {
    let text = Config::read(&env.paths).ok().flatten().unwrap_or_default();
    Config::parse_what_can_be(&text).0
}

/// A report as `thub doctor --json` prints it, from a host: as much of it as is understood.
fn parsed(said: &[u8]) -> Option<Vec<Finding>> {
    let all: Vec<Map<String, Value>> = serde_json::from_slice(said).ok()?;
    let finding = |one: &Map<String, Value>| {
        let text = |key: &str| one.get(key).and_then(Value::as_str);
        let what = TAKEN.iter().find(|what| text("what") == Some(**what))?;
        let level = ["ok", "warn", "bad"].into_iter().find(|level| text("level") == Some(*level))?;
        let fields = FIELDS.iter().filter_map(|key| {
            let value =
                one.get(*key).filter(|v| v.is_null() || v.is_boolean() || v.as_str().is_some_and(|s| s.len() < 20));
            Some((*key, value?.clone()))
        });
        Some(Finding { fields: fields.collect(), ..Finding::new(what, level, short(text("said")?, SAID_MOST)) })
    };
    Some(all.iter().filter_map(finding).take(TAKEN.len()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_from_a_host() {
        let said = br#"[{"what":"terminal","level":"bad","said":"x"},{"what":"run dir","level":"ok","said":"a\u001b[2Jb","more":[1]},
            {"what":"logout","level":"warn","said":"ends","sessions":"end","lingering":false,"kill_user_processes":null},
            {"what":"log","level":"dreadful","said":"x"},{"what":"log"}]"#;
        let found = parsed(said).unwrap();
        assert_eq!(
            found.iter().map(|f| (f.what, f.level)).collect::<Vec<_>>(),
            [("run dir", "ok"), ("logout", "warn")]
        );
        assert!(!found[0].said.contains('\u{1b}') && found[0].fields.is_empty());
        assert_eq!(found[1].fields.len(), 3);
        for odd in ["", "{}", "[1]", "motd\n[]"] {
            assert!(parsed(odd.as_bytes()).is_none(), "{odd}");
        }
    }
}
