//! Owns PuTTY's sessions: an export of Windows' registry, and files of ~/.putty/sessions. Pure. Leaves out keys in PuTTY's
//! own form, which have to be converted.

use super::Gathered;
use crate::proto::control::connections::{Config, Connection, Ssh, TerminalOptions};
use crate::text::short;
use serde_json::{Map, json};
use std::collections::{BTreeMap, HashMap};

/// Where the registry has them, whoever's part of it that is.
const PLACE: &str = "\\software\\simontatham\\putty\\sessions\\";
/// What a new session begins with: no session itself.
const DEFAULTS: &str = "Default Settings";

/// The values of a session; numbers as they are written in decimal.
type Values = HashMap<String, String>;

pub fn is_registry(start: &str) -> bool {
    start.starts_with("Windows Registry Editor") || start.starts_with("REGEDIT4")
}

/// Lines `Key=value`, among them what no other program's file of that form has.
pub fn is_session(start: &str) -> bool {
    let mut lines = start.lines().filter(|l| !l.is_empty()).take(200).peekable();
    let is_value = |l: &str| {
        l.split_once('=').is_some_and(|(key, _)| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    let mut known = false;
    lines.peek().is_some()
        && lines.all(|l| {
            known |= ["Present=", "HostName=", "Protocol=", "SerialLine="].iter().any(|k| l.starts_with(k));
            is_value(l)
        })
        && known
}

/// Files of either form with their names, which name the sessions of ~/.putty.
pub fn read(files: &[(&str, String)], gathered: &mut Gathered) {
    let mut sessions: Vec<(String, Values)> = Vec::new();
    for (file, text) in files {
        if is_registry(text.trim_start()) {
            registry(text, &mut sessions, gathered);
            continue;
        }
        let name = decoded(file);
        if !is_session(text.trim_start()) {
            gathered.leave_out(format!("{}: it is no session of PuTTY's", short(&name, 60)));
            continue;
        }
        let values = text.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.to_string(), v.to_string()));
        sessions.push((name, values.collect()));
    }
    // (a proxy may go by another session's name)
    let by_name: HashMap<&str, &Values> = sessions.iter().map(|(name, values)| (name.as_str(), values)).collect();
    for (name, values) in &sessions {
        session(name, values, &by_name, gathered);
    }
}

fn registry(text: &str, sessions: &mut Vec<(String, Values)>, gathered: &mut Gathered) {
    let mut at: Option<usize> = None;
    let mut goes_on = false;
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        // (bytes in hexadecimal, over several lines: nothing we take)
        if std::mem::replace(&mut goes_on, line.ends_with('\\') && !line.starts_with('[')) {
            continue;
        }
        if let Some(key) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            let place = key.to_ascii_lowercase().find(PLACE).filter(|_| !key.starts_with('-'));
            let name = place.and_then(|n| key.get(n + PLACE.len()..)).filter(|n| !n.is_empty() && !n.contains('\\'));
            at = name.map(|name| {
                sessions.push((decoded(name), Values::new()));
                sessions.len() - 1
            });
        } else if let Some((_, values)) = at.and_then(|n| sessions.get_mut(n))
            && !line.is_empty()
            && !line.starts_with(';')
        {
            match registry_value(line) {
                Some((name, Some(value))) => drop(values.insert(name, value)),
                Some((_, None)) => {}
                None => gathered.leave_out(format!("line {}: '{}' is no value", n + 1, short(line, 40))),
            }
        }
    }
}

/// `"HostName"="build.example"`, `"PortNumber"=dword:00000016`; other types have no value here.
fn registry_value(line: &str) -> Option<(String, Option<String>)> {
    let (name, rest) = registry_text(line)?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let value = match rest.strip_prefix("dword:") {
        Some(digits) => Some(u32::from_str_radix(digits.trim(), 16).ok()?.to_string()),
        None if rest.starts_with("hex") || rest == "-" => None,
        None => Some(registry_text(rest)?.0),
    };
    Some((name, value))
}

/// A text in quotes, and what comes behind it.
fn registry_text(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some((out, chars.as_str())),
            '\\' => out.push(chars.next()?),
            c => out.push(c),
        }
    }
}

/// Names have `%20` for what could not be a part of a path.
fn decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|d| std::str::from_utf8(d).ok());
        match digits.filter(|d| !d.starts_with('+')).and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    super::text(&bytes)
}

/// Where a session or its proxy leads: user, host, port.
struct To<'a> {
    user: &'a str,
    host: &'a str,
    port: u16,
}

/// `user@host` may stand in a host's place. The port is 0 where it is SSH's own, which stands in every file.
fn to<'a>(host: &'a str, user: &'a str, port: &str) -> Result<To<'a>, String> {
    let (host, user) = match host.rsplit_once('@') {
        Some((before, after)) => (after, if user.is_empty() { before } else { user }),
        None => (host, user),
    };
    let port = match port {
        "" => 0,
        digits => digits.parse().map_err(|_| format!("its port '{}' is none: 1 to 65535", short(digits, 40)))?,
    };
    Ok(To { user, host, port })
}

fn text<'a>(values: &'a Values, key: &str) -> &'a str {
    values.get(key).map_or("", |v| v.trim())
}

fn session(name: &str, values: &Values, all: &HashMap<&str, &Values>, gathered: &mut Gathered) {
    let shown = short(name, 60);
    let text = |key: &str| text(values, key);
    // (the second one is a fork's)
    gathered.secrets += ["ProxyPassword", "Password"].iter().filter(|key| !text(key).is_empty()).count();
    let protocol = Some(text("Protocol")).filter(|p| !p.is_empty()).unwrap_or("ssh");
    let to = match to(text("HostName"), text("UserName"), text("PortNumber")) {
        Ok(to) => to,
        Err(why) => return gathered.leave_out(format!("{shown}: {why}")),
    };
    if to.host.is_empty() && protocol != "serial" {
        if name != DEFAULTS {
            gathered.leave_out(format!("{shown}: it names no host"));
        }
        return;
    }
    let mut without: Vec<String> = Vec::new();
    let mut fields = Map::new();
    let config = match protocol {
        "ssh" => {
            let key = Some(text("PublicKeyFile")).filter(|k| !k.is_empty());
            if let Some(ppk) = key.filter(|k| k.to_ascii_lowercase().ends_with(".ppk")) {
                let ppk = short(ppk, 100);
                gathered.leave_out(format!(
                    "{shown}: comes without its key {ppk}: `puttygen KEY.ppk -O private-openssh -o ~/.ssh/KEY` makes one that SSH reads"
                ));
            }
            let key_path = key.filter(|k| !k.to_ascii_lowercase().ends_with(".ppk")).map(str::to_string);
            let command = Some(text("RemoteCommand")).filter(|c| !c.is_empty()).map(str::to_string);
            Config::ssh(&Ssh {
                host: to.host.into(),
                port: if to.port == 22 { 0 } else { to.port },
                username: to.user.into(),
                key_path,
                proxy_jump: jump(values, all, &mut without),
                forward_agent: text("AgentFwd") == "1",
                x11: text("X11Forward") == "1",
                command,
                env: environment(text("Environment"), &mut without),
                ..Ssh::default()
            })
        }
        "telnet" | "raw" => {
            fields.insert("host".into(), json!(to.host));
            if to.port != 0 {
                fields.insert("port".into(), json!(to.port));
            }
            if !to.user.is_empty() {
                fields.insert("username".into(), json!(to.user));
            }
            if !matches!(text("ProxyMethod"), "" | "0") {
                without.push("its proxy".into());
            }
            Config { kind: protocol.into(), config: fields }
        }
        "serial" => {
            if text("SerialLine").is_empty() {
                return gathered.leave_out(format!("{shown}: it names no serial line"));
            }
            fields.insert("port".into(), json!(text("SerialLine")));
            serial(values, &mut fields);
            Config { kind: protocol.into(), config: fields }
        }
        other => {
            let other = short(other, 20);
            return gathered.leave_out(format!("{shown}: it speaks {other}: ssh, serial, telnet and raw are taken"));
        }
    };
    // what would make another connection of it is said, for nothing here does the same
    if !text("PortForwardings").is_empty() {
        without.push("its port forwards".into());
    }
    if !without.is_empty() {
        gathered.leave_out(format!("{shown}: comes without {}", without.join(", ")));
    }
    // (xterm is what PuTTY calls itself unless it is told: no wish for fewer colours)
    let term = Some(text("TerminalType")).filter(|t| !["", "xterm"].contains(t)).map(str::to_string);
    let encoding = encoding(text("LineCodePage"));
    let terminal_options = TerminalOptions { term, encoding, ..TerminalOptions::default() };
    gathered.connection(Connection { name: name.into(), config, terminal_options, ..Connection::default() });
}

/// Its proxy, where that is a jump over SSH (6, "SSH to proxy and use port forwarding").
fn jump(values: &Values, all: &HashMap<&str, &Values>, without: &mut Vec<String>) -> Option<String> {
    let method = text(values, "ProxyMethod");
    if matches!(method, "" | "0") {
        return None;
    }
    let named = text(values, "ProxyHost");
    let session = all.get(named).filter(|s| !text(s, "HostName").is_empty());
    let way = match session {
        Some(s) => to(text(s, "HostName"), text(s, "UserName"), text(s, "PortNumber")),
        None => to(named, text(values, "ProxyUsername"), text(values, "ProxyPort")),
    };
    match way {
        Ok(to) if method == "6" && !to.host.is_empty() => {
            let user = if to.user.is_empty() { String::new() } else { format!("{}@", to.user) };
            let host = if to.host.contains(':') { format!("[{}]", to.host) } else { to.host.to_string() };
            // (a proxy's port is 80 until somebody says another one)
            let port = if [0, 22].contains(&to.port) { String::new() } else { format!(":{}", to.port) };
            Some(format!("{user}{host}{port}"))
        }
        _ => {
            without.push("its proxy".into());
            None
        }
    }
}

/// In termiHub's words.
fn serial(values: &Values, fields: &mut Map<String, serde_json::Value>) {
    let number = |key: &str| text(values, key).parse::<u32>().ok();
    if let Some(speed) = number("SerialSpeed") {
        fields.insert("baudRate".into(), json!(speed));
    }
    if let Some(bits) = number("SerialDataBits").filter(|b| (5..=8).contains(b)) {
        fields.insert("dataBits".into(), json!(bits));
    }
    if let Some(stop) = number("SerialStopHalfbits").and_then(|h| [(2, 1), (4, 2)].iter().find(|(n, _)| *n == h)) {
        fields.insert("stopBits".into(), json!(stop.1));
    }
    let word = |key: &str, words: &[&'static str]| number(key).and_then(|n| words.get(n as usize).copied());
    if let Some(parity) = word("SerialParity", &["none", "odd", "even"]) {
        fields.insert("parity".into(), json!(parity));
    }
    if let Some(flow) = word("SerialFlowControl", &["none", "software", "hardware"]) {
        fields.insert("flowControl".into(), json!(flow));
    }
}

/// `ISO-8859-1:1998 (Latin-1, West Europe)`, `Win1252 (Western)`: as the WHATWG names it; none = UTF-8, or not known.
fn encoding(page: &str) -> Option<String> {
    let name = page.split([':', ' ']).next()?.to_ascii_lowercase().replace("win12", "windows-12");
    let known = encoding_rs::Encoding::for_label(name.as_bytes())?;
    (known != encoding_rs::UTF_8).then(|| known.name().to_ascii_lowercase())
}

/// `LANG=C,A=1\,2`: what is meant itself stands behind a backslash.
fn environment(text: &str, without: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut pairs: Vec<(String, Option<String>)> = vec![Default::default()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let Some((name, value)) = pairs.last_mut() else { break };
        match (c, value) {
            ('\\', Some(value)) => value.extend(chars.next()),
            ('\\', None) => name.extend(chars.next()),
            (',', _) => pairs.push(Default::default()),
            ('=', value @ None) => *value = Some(String::new()),
            (c, Some(value)) => value.push(c),
            (c, None) => name.push(c),
        }
    }
    let mut env = BTreeMap::new();
    for (name, value) in pairs.into_iter().filter(|(name, _)| !name.is_empty()) {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.chars().all(good) && !name.starts_with(|c: char| c.is_ascii_digit()) {
            env.insert(name, value.unwrap_or_default());
        } else {
            without.push(format!("the variable '{}'", short(&name, 40)));
        }
    }
    env
}
