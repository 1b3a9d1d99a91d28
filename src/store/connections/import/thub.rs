//! Owns our own file as an import and an export: connections.json of another machine, or some of its connections.
//! Pure. Leaves out the shapes of other programs, which are turned into this one first.

use super::super::sound::SECRETS;
use super::super::{Book, MOST};
use super::{Gathered, Written};
use crate::proto::control::connections::{Connection, Folder, Listed};
use crate::store::file::Stored;
use crate::text::{count, short};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Everything that connections.json holds of folders and connections.
pub(super) fn read(text: &str, gathered: &mut Gathered) -> Result<(), String> {
    book(parsed(text)?, gathered)
}

pub(super) fn parsed(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(top)) => Ok(top),
        Ok(_) => Err("it is no JSON object".into()),
        Err(e) => Err(format!("it is no JSON: {}", short(&e.to_string(), 100))),
    }
}

/// The flat shape; each entry for itself, so that a wrong one costs no other.
pub(super) fn book(top: Map<String, Value>, gathered: &mut Gathered) -> Result<(), String> {
    let mut json = Value::Object(top);
    match Book::version_of(&json) {
        None => return Err("it has neither folders nor connections".into()),
        Some(n) if n > Book::VERSION => return Err(format!("a newer program wrote it (version {n} of it)")),
        Some(_) => {}
    }
    let mut taken = |field: &str| match json.get_mut(field).map(Value::take) {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    };
    let folders: Vec<Folder> = entries(taken("folders"), "folder", gathered);
    let mut connections = taken("connections");
    for connection in &mut connections {
        gathered.secrets += without_secrets(connection);
    }
    let connections: Vec<Connection> = entries(connections, "connection", gathered);
    let sound = Book { folders, connections, more: Map::new() }.sound();
    sound.folders.into_iter().for_each(|f| gathered.folder(f));
    sound.connections.into_iter().for_each(|c| gathered.connection(c));
    Ok(())
}

fn entries<T: DeserializeOwned>(all: Vec<Value>, noun: &str, gathered: &mut Gathered) -> Vec<T> {
    let beyond = all.len().saturating_sub(MOST);
    if beyond > 0 {
        gathered.leave_out(format!("{} at the end: {MOST} are taken at most", count(beyond, noun)));
    }
    let mut read = Vec::new();
    for entry in all.into_iter().take(MOST) {
        let name = entry.get("name").and_then(Value::as_str).map(|n| short(n, 60));
        match serde_json::from_value(entry) {
            Ok(entry) => read.push(entry),
            Err(e) => {
                let name = name.unwrap_or_else(|| format!("a {noun} without a name"));
                gathered.leave_out(format!("{name}: {}", short(&e.to_string(), 200)));
            }
        }
    }
    read
}

/// Takes away what holds a secret, wherever it lies; a variable of the environment may be called anything. How many
/// there were.
fn without_secrets(json: &mut Value) -> usize {
    match json {
        Value::Object(fields) => {
            let is_secret = |field: &str| SECRETS.contains(&field) || field == "$encrypted";
            let says = |v: &Value| !v.is_null() && v.as_str() != Some("");
            let held = fields.iter().filter(|(field, v)| is_secret(field) && says(v)).count();
            fields.retain(|field, v| !is_secret(field) || v.is_null());
            held + fields
                .iter_mut()
                .filter(|(field, _)| *field != "env")
                .map(|(_, v)| without_secrets(v))
                .sum::<usize>()
        }
        Value::Array(all) => all.iter_mut().map(without_secrets).sum(),
        _ => 0,
    }
}

/// As connections.json has it: a team's file, or another import. Secrets that another program's kind holds are not in it.
pub fn written(listed: &Listed) -> Result<Written, String> {
    let mut connections = listed.connections.clone();
    for connection in &mut connections {
        for fields in [&mut connection.config.config, &mut connection.terminal_options.more, &mut connection.more] {
            let mut json = Value::Object(std::mem::take(fields));
            without_secrets(&mut json);
            if let Value::Object(left) = json {
                *fields = left;
            }
        }
    }
    let book = Book { folders: listed.folders.clone(), connections, more: Map::new() };
    Ok(Written { bytes: crate::store::file::encode(&book)?, left_out: Vec::new() })
}

/// A folder with all that is in it; what it lies in is left behind.
pub fn within(listed: &Listed, folder: &str) -> Listed {
    let mut wanted: HashSet<&str> = [folder].into();
    // a folder is in it once the one it lies in is: as many rounds as folders are deep
    loop {
        let before = wanted.len();
        for folder in &listed.folders {
            if folder.parent_id.as_deref().is_some_and(|parent| wanted.contains(parent)) {
                wanted.insert(&folder.id);
            }
        }
        if wanted.len() == before {
            break;
        }
    }
    let is_in = |folder: &Option<String>| folder.as_deref().is_some_and(|f| wanted.contains(f));
    let mut folders: Vec<Folder> = listed.folders.iter().filter(|f| wanted.contains(&*f.id)).cloned().collect();
    for top in folders.iter_mut().filter(|f| f.id == folder) {
        top.parent_id = None;
    }
    let connections = listed.connections.iter().filter(|c| is_in(&c.folder_id)).cloned().collect();
    Listed { folders, connections, told: None }
}
