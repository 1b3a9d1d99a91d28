//! Owns `thub doctor`: what will and will not work here, and why. Leaves out mending it, other machines (`there`) and the way to
//! them (`link`).

mod link;
mod there;
pub use there::there;

use super::Common;
use crate::failure::Failure;
use crate::paths::Paths;
use crate::store::rundir::RunDir;
use crate::sys::logout::{Facts, Fate, Place};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

struct Finding {
    what: &'static str,
    /// ok, warn, bad
    level: &'static str,
    /// Escaped already where it quotes something.
    said: String,
    /// The same for programs, in the JSON beside it.
    fields: Vec<(&'static str, Value)>,
}

impl Finding {
    fn new(what: &'static str, level: &'static str, said: String) -> Finding {
        Finding { what, level, said, fields: Vec::new() }
    }
}

pub fn doctor(common: &Common, paths: &Result<Paths, Failure>) -> Result<(), Failure> {
    let mut found = Vec::new();
    let mut add = |what, level, said: String| found.push(Finding::new(what, level, said));
    match paths {
        Err(e) => add("run dir", "bad", e.to_string()),
        Ok(paths) => {
            match RunDir::open(paths) {
                Ok(run) => match sockets_work(&run) {
                    Ok(()) => {
                        add("run dir", "ok", format!("{} is yours alone and takes sockets", run.path().display()))
                    }
                    Err(e) => add(
                        "run dir",
                        "bad",
                        format!(
                            "{}: no socket can be made there ({e}); set THUB_RUN_DIR to a directory on a local disk",
                            run.path().display()
                        ),
                    ),
                },
                Err(e) => add("run dir", "bad", e.to_string()),
            }
            add("log", "ok", format!("{}", paths.log_dir().display()));
        }
    }
    match std::env::var("TERM") {
        Ok(t) if t == "dumb" || t.is_empty() => {
            add("terminal", "bad", "TERM is 'dumb': the TUI needs a terminal with cursor movement".into())
        }
        Ok(t) => add("terminal", "ok", format!("TERM is {}; sessions see xterm-256color", crate::text::escape(&t))),
        Err(_) => add("terminal", "warn", "TERM is not set: the TUI can't know what this terminal understands".into()),
    }
    let around: Vec<&str> =
        ["TMUX", "STY", "ZELLIJ", "THUB_SESSION"].into_iter().filter(|v| std::env::var_os(v).is_some()).collect();
    if !around.is_empty() {
        add(
            "nesting",
            "warn",
            format!(
                "this runs inside another multiplexer ({}): its prefix key comes first, press it twice",
                around.join(", ")
            ),
        );
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|v| std::env::var(v).ok().filter(|s| !s.is_empty()))
        .unwrap_or_default();
    if locale.to_lowercase().replace('-', "").contains("utf8") {
        add("locale", "ok", format!("{} (UTF-8)", crate::text::escape(&locale)));
    } else {
        add(
            "locale",
            "warn",
            format!(
                "'{}' is no UTF-8 locale: programs may show '?' for other characters",
                crate::text::escape(&locale)
            ),
        );
    }
    let facts = Facts::look();
    let (level, said) = logout(&facts);
    let sessions = match facts.fate() {
        Fate::Outlives => json!("outlive"),
        Fate::Ends => json!("end"),
        Fate::Unknown => json!(null),
    };
    let fields = vec![
        ("sessions", sessions),
        ("kill_user_processes", json!(facts.kills)),
        ("lingering", json!(facts.lingering)),
    ];
    found.push(Finding { fields, ..Finding::new("logout", level, said) });
    let mut add = |what, level, said: String| found.push(Finding::new(what, level, said));
    match std::env::var_os("SSH_AUTH_SOCK") {
        Some(sock) if Path::new(&sock).exists() => add("ssh-agent", "ok", format!("{}", Path::new(&sock).display())),
        Some(sock) => add(
            "ssh-agent",
            "warn",
            format!("SSH_AUTH_SOCK points at {}, which is not there", Path::new(&sock).display()),
        ),
        None => {
            add("ssh-agent", "warn", "none: keys come from files alone, and thub asks for their passphrases".into())
        }
    }
    match Command::new("ssh").arg("-V").output() {
        Ok(o) => add(
            "ssh_config",
            "ok",
            format!("read by `ssh -G` ({})", crate::text::short(String::from_utf8_lossy(&o.stderr).trim(), 60)),
        ),
        Err(_) => add(
            "ssh_config",
            "ok",
            "there is no `ssh` here: thub reads it itself (`thub debug ssh-config HOST` prints what it takes)".into(),
        ),
    }
    add("clipboard", "ok", "copied text goes to the outer terminal by OSC 52, where it takes it".into());
    print(common, &found);
    ended(&found)
}

fn print(common: &Common, found: &[Finding]) {
    if common.json {
        let one = |f: &Finding| {
            let mut one = json!({"what": f.what, "level": f.level, "said": f.said});
            for (key, value) in &f.fields {
                one[*key] = value.clone();
            }
            one
        };
        println!("{}", Value::Array(found.iter().map(one).collect()));
    } else {
        for f in found {
            println!("{:4} {:11} {}", f.level, f.what, f.said);
        }
    }
}

fn ended(found: &[Finding]) -> Result<(), Failure> {
    match found.iter().any(|f| f.level == "bad") {
        true => Err(Failure::failed("something will not work here", "see the lines marked 'bad'")),
        false => Ok(()),
    }
}

fn sockets_work(run: &RunDir) -> std::io::Result<()> {
    let name = format!("doctor-{}.sock", std::process::id());
    let bound = std::os::unix::net::UnixListener::bind(run.dir().socket_path(&name)?);
    let _ = run.dir().remove(&name);
    bound.map(|_| ())
}

/// What becomes of sessions when their user logs out.
fn logout(facts: &Facts) -> (&'static str, String) {
    let kill = match facts.kills {
        Some(true) => "KillUserProcesses=yes",
        Some(false) => "KillUserProcesses=no",
        None => "logind does not say whether it ends processes",
    };
    let linger = if facts.lingering { "lingering on" } else { "no lingering" };
    let keep = "`loginctl enable-linger` keeps them";
    match (facts.fate(), facts.place) {
        _ if !facts.systemd => ("ok", "no systemd: sessions outlive a logout".into()),
        (_, Place::Elsewhere) => ("ok", "this is no login of logind's: sessions outlive it".into()),
        (Fate::Outlives, Place::Login) if facts.lingering && facts.manager => {
            ("ok", format!("{kill}, {linger}: sessions outlive a logout, each in a scope of its own"))
        }
        (Fate::Outlives, _) => ("ok", format!("{kill}, {linger}: sessions outlive a logout")),
        (Fate::Ends, Place::Manager) => (
            "warn",
            format!("{linger}: sessions started under the user's service manager end with the last logout; {keep}"),
        ),
        (Fate::Ends, _) if facts.lingering => (
            "warn",
            format!(
                "{kill}, {linger}: sessions end at logout, as the user's service manager has no bus here; install dbus-user-session"
            ),
        ),
        (Fate::Ends, _) => ("warn", format!("{kill}, {linger}: sessions end at logout; {keep}")),
        (Fate::Unknown, _) => ("warn", format!("{kill} at logout, {linger}: sessions may end with it; {keep}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_cases_of_logout() {
        let facts = |kills, lingering| Facts { systemd: true, kills, lingering, manager: true, place: Place::Login };
        let cases = [(Some(false), false), (Some(false), true), (Some(true), false), (Some(true), true), (None, false)];
        let said = cases.map(|(kills, lingering)| logout(&facts(kills, lingering)));
        assert_eq!(said.clone().map(|s| s.0), ["ok", "ok", "warn", "ok", "warn"]);
        for (i, one) in said.iter().enumerate() {
            assert!(said[..i].iter().all(|other| other.1 != one.1), "{one:?}");
        }
        assert!(said[2].1.contains("enable-linger"));
        assert!(logout(&Facts { systemd: false, ..facts(Some(false), false) }).1.contains("no systemd"));
    }
}
