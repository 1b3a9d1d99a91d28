//! Owns hosts of ssh_config as connections, and connections over SSH as `Host` blocks. Pure. Leaves out reading the file:
//! who reads ssh_config for connecting hands its hosts over (`transport::ssh::entries`).

use super::{Gathered, Written, path, some_of};
use crate::proto::control::connections::{Config, Connection, Kind, Listed, Ssh};
use crate::text::short;
use std::collections::{HashMap, HashSet};

/// A host as its file has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    pub alias: String,
    pub ssh: Ssh,
    /// What is said of it and no connection holds: `ProxyCommand`.
    pub without: Vec<String>,
}

pub(super) fn read(hosts: Vec<Host>, gathered: &mut Gathered) {
    for Host { alias, ssh, without } in hosts {
        if !without.is_empty() {
            let what = short(&without.join(", "), 200);
            gathered.leave_out(format!("{}: comes without its {what}", short(&alias, 60)));
        }
        let config = Config::ssh(&ssh);
        gathered.connection(Connection { name: alias, config, ..Connection::default() });
    }
}

/// `Host` blocks for what goes over SSH; the names of other kinds, and what has no word there, are said.
pub fn written(listed: &Listed) -> Written {
    let folders: HashMap<_, _> = listed.folders.iter().map(|f| (f.id.as_str(), f)).collect();
    let mut out = String::new();
    let (mut others, mut lossy, mut taken) = (Vec::new(), Vec::new(), HashSet::new());
    for c in &listed.connections {
        let Ok(Kind::Ssh(ssh)) = c.config.kind() else {
            others.push(c.name.clone());
            continue;
        };
        let Some((lines, whole)) = block(&ssh) else {
            others.push(c.name.clone());
            continue;
        };
        let alias = alias(&c.name, &mut taken);
        let mut place = path(c, &folders).join("/");
        if !place.is_empty() {
            place.push('/');
        }
        out.push_str(&format!("# {place}{}\nHost {alias}\n{lines}\n", c.name));
        if !whole || c.terminal_options != Default::default() || !c.tags.is_empty() {
            lossy.push(c.name.clone());
        }
    }
    let mut left_out = Vec::new();
    if !others.is_empty() {
        left_out.push(format!("ssh_config can't hold {}", some_of(&others)));
    }
    if !lossy.is_empty() {
        left_out.push(format!("ssh_config has no words for all that {} hold", some_of(&lossy)));
    }
    Written { bytes: out.into_bytes(), left_out }
}

/// A name without blanks and patterns, which no other one has.
fn alias(name: &str, taken: &mut HashSet<String>) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { ' ' }).collect();
    let mut words = plain.split_whitespace().collect::<Vec<_>>().join("-");
    words = words.trim_start_matches('-').to_string();
    if words.is_empty() {
        words = "host".into();
    }
    let mut alias = words.clone();
    let mut n = 1;
    while !taken.insert(alias.to_ascii_lowercase()) {
        n += 1;
        alias = format!("{words}-{n}");
    }
    alias
}

/// The lines under `Host`, and whether they say all of it; none where it could not be reached by them.
fn block(ssh: &Ssh) -> Option<(String, bool)> {
    const VARIABLE: &str = "${env:";
    let percent = |text: &str| text.replace('%', "%%");
    if [Some(&ssh.host), Some(&ssh.username), ssh.proxy_jump.as_ref()].iter().flatten().any(|t| t.contains(VARIABLE)) {
        return None;
    }
    let mut lines = format!("  HostName {}\n", percent(&ssh.host));
    let mut whole = ssh.starting_directory.is_none();
    let mut line = |key: &str, value: Option<String>| match value {
        Some(value) => lines.push_str(&format!("  {key} {value}\n")),
        None => whole = false,
    };
    if !ssh.username.is_empty() {
        line("User", Some(ssh.username.clone()));
    }
    if ssh.port != 0 {
        line("Port", Some(ssh.port.to_string()));
    }
    if let Some(key) = &ssh.key_path {
        line("IdentityFile", quoted(&percent(key).replace(VARIABLE, "${")));
    }
    if let Some(jump) = &ssh.proxy_jump {
        line("ProxyJump", Some(jump.clone()));
    }
    if ssh.forward_agent {
        line("ForwardAgent", Some("yes".into()));
    }
    if ssh.x11 {
        line("ForwardX11", Some("yes".into()));
    }
    if let Some(command) = &ssh.command {
        let plain = !command.contains(VARIABLE) && !command.eq_ignore_ascii_case("none");
        line("RemoteCommand", plain.then(|| percent(command.trim())));
        if plain {
            line("RequestTTY", Some("yes".into()));
        }
    }
    let variables: Vec<Option<String>> = ssh
        .env
        .iter()
        .map(|(name, value)| quoted(&format!("{name}={value}")).filter(|_| !value.contains(VARIABLE)))
        .collect();
    if variables.iter().any(Option::is_none) {
        line("SetEnv", None);
    }
    let variables: Vec<String> = variables.into_iter().flatten().collect();
    if !variables.is_empty() {
        line("SetEnv", Some(variables.join(" ")));
    }
    Some((lines, whole))
}

/// One argument; none where ssh_config can't write it.
fn quoted(text: &str) -> Option<String> {
    let wrong = |c: char| c.is_control() || "\"\\".contains(c);
    if text.chars().any(wrong) {
        return None;
    }
    Some(match text.contains([' ', '#', '\'', '=']) {
        true => format!("\"{text}\""),
        false => text.to_string(),
    })
}
