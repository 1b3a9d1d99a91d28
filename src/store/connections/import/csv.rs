//! Owns connections as a table: RFC 4180, read and written. Pure. Leaves out what a table has no column for: who writes
//! one is told of it.
//!
//! A spreadsheet runs what begins like a formula. So such a field is written with a `'` before it, which is taken away
//! when it is read; one that has the `'` already gets another one.

use super::{Gathered, Written, path, some_of};
use crate::proto::control::connections::{Config, Connection, Kind, Listed, Ssh};
use crate::text::short;
use csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

const COLUMNS: [&str; 9] = ["name", "type", "host", "port", "user", "key", "jump", "folder", "tags"];

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Column {
    Name,
    Kind,
    Host,
    Port,
    User,
    Key,
    Jump,
    Folder,
    Tags,
    Secret,
}

/// By the words others have for it, whatever their case, blanks, `-` and `_`.
fn column(word: &str) -> Option<Column> {
    let word: String = word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Some(match word.as_str() {
        "name" | "label" | "title" | "session" | "sessionname" | "connection" | "alias" => Column::Name,
        "type" | "protocol" | "kind" => Column::Kind,
        "host" | "hostname" | "address" | "ip" | "ipaddress" | "server" | "fqdn" => Column::Host,
        "port" => Column::Port,
        "user" | "username" | "login" => Column::User,
        "key" | "keyfile" | "keypath" | "identityfile" | "identity" | "privatekey" | "sshkey" => Column::Key,
        "jump" | "proxyjump" | "jumphost" | "bastion" | "gateway" | "via" => Column::Jump,
        "folder" | "group" | "path" | "category" => Column::Folder,
        "tags" | "tag" | "labels" => Column::Tags,
        "password" | "passwd" | "pass" | "passphrase" | "secret" => Column::Secret,
        _ => return None,
    })
}

pub(super) fn read(text: &str, gathered: &mut Gathered) -> Result<(), String> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(text)).from_reader(text.as_bytes());
    let mut columns: Option<Vec<Option<Column>>> = None;
    let (mut record, mut line, mut at) = (StringRecord::new(), 1, 0);
    while reader.read_record(&mut record).map_err(|e| short(&e.to_string(), 200))? {
        let end = reader.position().byte() as usize;
        let raw = text.get(at..end).unwrap_or_default();
        // (empty lines before it are passed over)
        let row_at = raw.len() - raw.trim_start_matches(['\r', '\n']).len();
        let (blank, own) = raw.split_at_checked(row_at).unwrap_or_default();
        let here = line + blank.matches('\n').count();
        line += raw.matches('\n').count();
        at = end;
        gathered.at = Some(format!("line {here}"));
        // (a quote within a field without quotes is one, as everybody reads it)
        if end >= text.len() && own.trim_end().contains('\n') && own.matches('"').count() % 2 == 1 {
            gathered.leave_out("its quote is not closed: it and what follows it do not come".into());
            break;
        }
        if record.iter().all(|f| f.trim().is_empty()) {
            continue;
        }
        match &columns {
            Some(columns) => row(&record, columns, gathered),
            None => {
                let said: Vec<Option<Column>> = record.iter().map(column).collect();
                let usual = [Column::Name, Column::Host, Column::Port, Column::User].map(Some).to_vec();
                columns = Some(match is_header(&record, &said) {
                    true => header(&record, said, gathered),
                    false => {
                        row(&record, &usual, gathered);
                        usual
                    }
                });
            }
        }
    }
    gathered.at = None;
    Ok(())
}

/// What parts the fields: of a comma, a semicolon (spreadsheets of countries with a decimal comma) and a tab what the
/// first line has most of, outside of quotes.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
    let count = |d: char| {
        let mut quoted = false;
        first
            .chars()
            .filter(|c| {
                quoted ^= *c == '"';
                *c == d && !quoted
            })
            .count()
    };
    let best = [',', ';', '\t'].into_iter().rev().max_by_key(|d| count(*d)).filter(|d| count(*d) > 0);
    best.map_or(b',', |d| d as u8)
}

/// A host may be called "host": it takes two words of ours, or all that there is.
fn is_header(row: &StringRecord, said: &[Option<Column>]) -> bool {
    let known = said.iter().flatten().count();
    let leads = said.iter().any(|c| matches!(c, Some(Column::Name | Column::Host)));
    leads && (known > 1 || row.iter().filter(|f| !f.trim().is_empty()).count() == 1)
}

fn header(row: &StringRecord, said: Vec<Option<Column>>, gathered: &mut Gathered) -> Vec<Option<Column>> {
    let mut columns = Vec::new();
    for (word, column) in row.iter().zip(said) {
        let new = column.filter(|c| *c == Column::Secret || !columns.contains(&Some(*c)));
        if new.is_none() && !word.trim().is_empty() {
            let why = if column.is_some() { "another one says the same" } else { "it is not known" };
            gathered.leave_out(format!("the column '{}': {why}", short(word.trim(), 60)));
        }
        columns.push(new);
    }
    columns
}

fn row(fields: &StringRecord, columns: &[Option<Column>], gathered: &mut Gathered) {
    let field = |wanted: Column| {
        let at = columns.iter().position(|c| *c == Some(wanted));
        plain(at.and_then(|at| fields.get(at)).map_or("", str::trim)).to_string()
    };
    let secrets = columns.iter().zip(fields).filter(|(c, f)| **c == Some(Column::Secret) && !f.trim().is_empty());
    gathered.secrets += secrets.count();
    let (mut host, mut user) = (field(Column::Host), field(Column::User));
    let name = Some(field(Column::Name)).filter(|n| !n.is_empty()).unwrap_or_else(|| host.clone());
    let port = match field(Column::Port).as_str() {
        "" => None,
        text => match text.parse::<u32>() {
            Ok(n) => Some(n),
            Err(_) => {
                let text = short(text, 40);
                return gathered.leave_out(format!("{}: its port '{text}' is no number", short(&name, 60)));
            }
        },
    };
    if let Some((before, after)) = host.rsplit_once('@').filter(|_| user.is_empty()) {
        (user, host) = (before.to_string(), after.to_string());
    }
    let kind = field(Column::Kind);
    let kind = match kind.to_ascii_lowercase().as_str() {
        "" | "ssh" | "ssh2" | "sftp" => "ssh".to_string(),
        known @ ("local" | "shell" | "telnet" | "serial" | "docker") => known.to_string(),
        _ => kind,
    };
    let (key, jump) = (field(Column::Key), field(Column::Jump));
    let config = match config(&kind, &host, port, &user, &key, &jump) {
        Ok(config) => config,
        Err(why) => return gathered.leave_out(format!("{}: {why}", short(&name, 60))),
    };
    let folder_id = match gathered.place(&field(Column::Folder)) {
        Ok(id) => id,
        Err(why) => return gathered.leave_out(format!("{}: {why}", short(&name, 60))),
    };
    let tags = field(Column::Tags);
    let tags = tags.split([',', ';']).map(str::trim).filter(|t| !t.is_empty()).map(str::to_string).collect();
    gathered.connection(Connection { name, folder_id, config, tags, ..Connection::default() });
}

/// What a row's words are to a kind: a serial line's is its host, and its speed the port.
fn config(kind: &str, host: &str, port: Option<u32>, user: &str, key: &str, jump: &str) -> Result<Config, String> {
    let mut fields = Map::new();
    let mut put = |field: &str, value: Value| {
        if value.as_str() != Some("") {
            fields.insert(field.into(), value);
        }
    };
    match kind {
        "local" | "shell" => {}
        "serial" => {
            put("port", host.into());
            port.into_iter().for_each(|speed| put("baudRate", json!(speed)));
        }
        "docker" => {
            put("container", host.into());
            put("user", user.into());
        }
        _ => {
            let port = port.map(u16::try_from).transpose().map_err(|_| "its port is none: 1 to 65535".to_string())?;
            if kind == "ssh" {
                let some = |text: &str| Some(text).filter(|t| !t.is_empty()).map(str::to_string);
                return Ok(Config::ssh(&Ssh {
                    host: host.into(),
                    port: port.unwrap_or(0),
                    username: user.into(),
                    key_path: some(key),
                    proxy_jump: some(jump),
                    ..Ssh::default()
                }));
            }
            put("host", host.into());
            port.into_iter().for_each(|port| put("port", json!(port)));
            put("username", user.into());
            put("keyPath", key.into());
            put("proxyJump", jump.into());
        }
    }
    Ok(Config { kind: kind.into(), config: fields })
}

/// Without the `'` that keeps a spreadsheet from running it.
fn plain(field: &str) -> &str {
    field.strip_prefix('\'').filter(|rest| is_formula(rest.trim_start_matches('\''))).unwrap_or(field)
}

fn is_formula(field: &str) -> bool {
    field.starts_with(['=', '+', '-', '@'])
}

/// The table; what it can't hold wholly is said.
pub fn written(listed: &Listed) -> Result<Written, String> {
    let folders: HashMap<_, _> = listed.folders.iter().map(|f| (f.id.as_str(), f)).collect();
    let mut out = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    out.write_record(COLUMNS).map_err(|e| e.to_string())?;
    let mut lossy = Vec::new();
    for c in &listed.connections {
        let text = |name: &str| match c.config.config.get(name) {
            Some(Value::String(s)) => s.clone(),
            Some(Value::Number(n)) => n.to_string(),
            _ => String::new(),
        };
        let [host, port, user, key, jump] = match c.config.kind() {
            Ok(Kind::Ssh(ssh)) => {
                let port = if ssh.port == 0 { String::new() } else { ssh.port.to_string() };
                [ssh.host, port, ssh.username, ssh.key_path.unwrap_or_default(), ssh.proxy_jump.unwrap_or_default()]
            }
            Ok(Kind::Local(_)) => Default::default(),
            _ if c.config.kind == "serial" => {
                let speed = Some(text("baudRate")).filter(|s| !s.is_empty()).unwrap_or_else(|| text("baud_rate"));
                [text("port"), speed, String::new(), String::new(), String::new()]
            }
            Ok(Kind::Docker(docker)) => {
                let some = Option::unwrap_or_default;
                [some(docker.container), String::new(), some(docker.user), String::new(), String::new()]
            }
            _ => ["host", "port", "username", "keyPath", "proxyJump"].map(text),
        };
        let path = path(c, &folders);
        let (place, tags) = (path.join("/"), c.tags.join(","));
        let fields = [&c.name, &c.config.kind, &host, &port, &user, &key, &jump, &place, &tags].map(|field| {
            let escape = if is_formula(field.trim_start_matches('\'')) { "'" } else { "" };
            format!("{escape}{field}")
        });
        out.write_record(&fields).map_err(|e| e.to_string())?;
        // (what an import would make of it)
        let back = config(&c.config.kind, &host, port.parse().ok(), &user, &key, &jump);
        let mut whole = c.config.clone();
        whole.config.retain(|_, v| !v.is_null());
        let plain = c.terminal_options == Default::default() && c.more.is_empty() && c.name.trim() == c.name;
        let cut = |text: &&str| text.trim() != *text || text.contains('/');
        let tags = c.tags.iter().any(|t| t.trim() != t || t.contains(';'));
        if !plain || back != Ok(whole) || tags || path.iter().any(cut) {
            lossy.push(c.name.clone());
        }
    }
    let bytes = out.into_inner().map_err(|e| e.to_string())?;
    let mut left_out = Vec::new();
    if !lossy.is_empty() {
        left_out
            .push(format!("a table has no column for all that {} hold: --to thub keeps everything", some_of(&lossy)));
    }
    Ok(Written { bytes, left_out })
}
