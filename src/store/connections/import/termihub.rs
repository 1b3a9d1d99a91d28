//! Owns termiHub's files: flat since its version "1", nested since "2", its agents, and an export with credentials. All is
//! turned into our own shape. Pure. Leaves out what its credentials are: they are never taken.

use super::super::nested::flattened;
use super::{DEEPEST, Gathered, thub};
use crate::proto::control::connections::{Config, Connection, Ssh};
use crate::text::short;
use serde_json::{Map, Value};

/// The nested shape is the same from 2 on; what came with 3 and 4 are words inside of connections, kept as they are.
const NEWEST: u64 = 4;

pub fn read(text: &str, gathered: &mut Gathered) -> Result<(), String> {
    let mut top = thub::parsed(text)?;
    if top.remove("$encrypted").is_some_and(|v| !v.is_null()) {
        gathered.leave_out("its encrypted passwords do not come: thub keeps none".into());
    }
    let agents = match top.remove("agents") {
        Some(Value::Array(agents)) => agents,
        _ => Vec::new(),
    };
    if top.contains_key("children") {
        let version = top.remove("version");
        let said = version.as_ref().and_then(|v| v.as_u64().or_else(|| v.as_str()?.trim().parse().ok()));
        if let Some(n) = said.filter(|n| *n > NEWEST) {
            return Err(format!("a newer termiHub wrote it (version {n} of it)"));
        }
        if let Some(Value::Array(children)) = top.get_mut("children") {
            usable(children, 1, gathered);
        }
        top = match flattened(Value::Object(top))? {
            Value::Object(top) => top,
            _ => Map::new(),
        };
    } else if !agents.is_empty() {
        // (of a file with agents alone nothing else is missing)
        top.entry("connections").or_insert_with(|| Value::Array(Vec::new()));
    }
    if let Some(Value::Array(connections)) = top.get_mut("connections") {
        connections.iter_mut().for_each(|c| in_our_words(c, gathered));
    }
    thub::book(top, gathered)?;
    agents.iter().for_each(|agent| from_agent(agent, gathered));
    Ok(())
}

/// Only what is a folder or a connection, no deeper than folders go.
fn usable(children: &mut Vec<Value>, depth: usize, gathered: &mut Gathered) {
    children.retain_mut(|child| {
        let name = child.get("name").and_then(Value::as_str).map(|n| short(n, 60));
        let name = name.unwrap_or_else(|| "an entry without a name".into());
        let kind = child.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind == "connection" {
            return true;
        }
        if kind != "folder" {
            gathered.leave_out(format!("{name}: it is neither a folder nor a connection"));
            return false;
        }
        if depth > DEEPEST {
            gathered.leave_out(format!("the folder {name} and what is in it: folders go {DEEPEST} deep at most"));
            return false;
        }
        match child.get_mut("children") {
            Some(Value::Array(inner)) => usable(inner, depth + 1, gathered),
            Some(_) => {
                gathered.leave_out(format!("what is in the folder {name}: it is no list"));
                child.as_object_mut().map(|folder| folder.remove("children"));
            }
            None => {}
        }
        true
    });
}

/// Where its words for a connection are other ones: shells go by a name, an ssh one's variables are a list.
fn in_our_words(connection: &mut Value, gathered: &mut Gathered) {
    let name = connection.get("name").and_then(Value::as_str).map(|n| short(n, 60)).unwrap_or_default();
    if connection.get("terminalOptions").is_some_and(Value::is_null)
        && let Some(connection) = connection.as_object_mut()
    {
        connection.remove("terminalOptions");
    }
    let Some(outer) = connection.get_mut("config") else { return };
    let is_local = outer.get("type").and_then(Value::as_str).is_some_and(|k| ["local", "shell"].contains(&k));
    let Some(Value::Object(config)) = outer.get_mut("config") else { return };
    if is_local {
        let custom = config.remove("customShellPath").filter(|v| v.as_str().is_some_and(|s| !s.trim().is_empty()));
        let shell = config.get("shell").and_then(Value::as_str).unwrap_or_default().to_string();
        if let Some(custom) = custom.filter(|_| shell == "custom") {
            config.insert("shell".into(), custom);
        } else if !shell.is_empty() && !shell.contains('/') {
            config.remove("shell");
            gathered.leave_out(format!("{name}: comes with the user's own shell: '{}' is no path", short(&shell, 40)));
        }
    }
    if let Some(Value::Array(list)) = config.get("env") {
        let pair = |v: &Value| {
            let text = |keys: [&str; 2]| keys.iter().find_map(|k| v.get(k)?.as_str()).map(str::to_string);
            Some((text(["key", "name"])?, Value::String(text(["value", "val"]).unwrap_or_default())))
        };
        let env: Map<String, Value> = list.iter().filter_map(pair).filter(|(name, _)| !name.is_empty()).collect();
        config.insert("env".into(), Value::Object(env));
    }
}

/// Its agents are hosts that it reaches over SSH.
fn from_agent(agent: &Value, gathered: &mut Gathered) {
    let config = agent.get("config").unwrap_or(&Value::Null);
    let text = |field: &str| config.get(field).and_then(Value::as_str).unwrap_or_default().trim().to_string();
    let name = agent.get("name").and_then(Value::as_str).filter(|n| !n.trim().is_empty());
    let name = name.map_or_else(|| text("host"), str::to_string);
    gathered.secrets += usize::from(!text("password").is_empty());
    let port = match config.get("port") {
        None | Some(Value::Null) => Some(0),
        Some(v) => v.as_u64().and_then(|n| u16::try_from(n).ok()),
    };
    let Some(port) = port else {
        return gathered.leave_out(format!("{}: its port is none: 1 to 65535", short(&name, 60)));
    };
    let key_path = Some(text("keyPath")).filter(|k| !k.is_empty());
    let ssh = Ssh { host: text("host"), port, username: text("username"), key_path, ..Ssh::default() };
    gathered.connection(Connection { name, config: Config::ssh(&ssh), ..Connection::default() });
}
