//! Owns `thub doctor`: what will and will not work here, and why. Leaves out mending it.

use super::Common;
use crate::failure::Failure;
use crate::paths::Paths;
use crate::store::rundir::RunDir;
use serde_json::json;
use std::path::Path;
use std::process::Command;

struct Finding {
    what: &'static str,
    /// ok, warn, bad
    level: &'static str,
    said: String,
}

pub fn doctor(common: &Common, paths: &Result<Paths, Failure>) -> Result<(), Failure> {
    let mut found = Vec::new();
    let mut add = |what, level, said: String| found.push(Finding { what, level, said });
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
    let (level, said) = logout();
    add("logout", level, said);
    match std::env::var_os("SSH_AUTH_SOCK") {
        Some(sock) if Path::new(&sock).exists() => add("ssh-agent", "ok", format!("{}", Path::new(&sock).display())),
        Some(sock) => add(
            "ssh-agent",
            "warn",
            format!("SSH_AUTH_SOCK points at {}, which is not there", Path::new(&sock).display()),
        ),
        None => add("ssh-agent", "warn", "none: only key files without a passphrase are offered to hosts".into()),
    }
    match Command::new("ssh").arg("-V").output() {
        Ok(o) => add(
            "ssh_config",
            "ok",
            format!("read by `ssh -G` ({})", crate::text::short(String::from_utf8_lossy(&o.stderr).trim(), 60)),
        ),
        Err(_) => add(
            "ssh_config",
            "warn",
            "no `ssh` here: hosts are reached as user@host[:port] with the usual key files".into(),
        ),
    }
    add("clipboard", "ok", "copied text goes to the outer terminal by OSC 52, where it takes it".into());
    let bad = found.iter().any(|f| f.level == "bad");
    if common.json {
        let all: Vec<_> = found.iter().map(|f| json!({"what": f.what, "level": f.level, "said": f.said})).collect();
        println!("{}", serde_json::Value::Array(all));
    } else {
        for f in &found {
            println!("{:4} {:11} {}", f.level, f.what, f.said);
        }
    }
    if bad { Err(Failure::failed("something will not work here", "see the lines marked 'bad'")) } else { Ok(()) }
}

fn sockets_work(run: &RunDir) -> std::io::Result<()> {
    let name = format!("doctor-{}.sock", std::process::id());
    let bound = std::os::unix::net::UnixListener::bind(run.dir().socket_path(&name)?);
    let _ = run.dir().remove(&name);
    bound.map(|_| ())
}

/// What becomes of sessions when their user logs out: it depends on logind's KillUserProcesses and on lingering.
fn logout() -> (&'static str, String) {
    if !Path::new("/run/systemd/system").exists() {
        return ("ok", "no systemd: sessions outlive a logout".into());
    }
    let ask = |args: &[&str]| {
        let out = Command::new(args.first()?).args(args.get(1..)?).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_string())
    };
    let kill = ask(&[
        "busctl",
        "get-property",
        "org.freedesktop.login1",
        "/org/freedesktop/login1",
        "org.freedesktop.login1.Manager",
        "KillUserProcesses",
    ]);
    let user = rustix::process::geteuid().as_raw().to_string();
    let linger = ask(&["loginctl", "show-user", &user, "--property=Linger", "--value"]);
    verdict(kill.as_deref(), linger.as_deref())
}

/// The four cases, and not knowing.
fn verdict(kill: Option<&str>, linger: Option<&str>) -> (&'static str, String) {
    let kills = kill.map(|k| k.ends_with("true"));
    let lingers = linger == Some("yes");
    match (kills, lingers) {
        (Some(false), true) => ("ok", "KillUserProcesses=no, lingering on: sessions outlive a logout".into()),
        (Some(false), false) => ("ok", "KillUserProcesses=no: sessions outlive a logout".into()),
        (Some(true), true) => ("warn", "KillUserProcesses=yes, lingering on: sessions started from a login end with it; start them from a lingering service (systemd-run --user)".into()),
        (Some(true), false) => ("warn", "KillUserProcesses=yes and no lingering: logind ends sessions at logout; `loginctl enable-linger` or KillUserProcesses=no in logind.conf changes that".into()),
        (None, _) => ("warn", "logind does not say whether it kills processes at logout".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_cases_of_logout() {
        assert_eq!(verdict(Some("b false"), Some("no")).0, "ok");
        assert_eq!(verdict(Some("b false"), Some("yes")).0, "ok");
        assert!(verdict(Some("b true"), Some("no")).1.contains("enable-linger"));
        assert_eq!(verdict(Some("b true"), Some("yes")).0, "warn");
        assert_eq!(verdict(None, None).0, "warn");
    }
}
