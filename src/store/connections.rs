//! Owns the prepared connections and folders of one machine: the book, its pure changes, and its file `connections.json`
//! in the state dir, one writer at a time. Leaves out opening a connection.
//!
//! The file's shape is the seed's, version "1": `folders` and `connections`, both flat, in the order they are shown.
//! Read as well: the same without a version, and the nested shape that termiHub writes since (its version "2").

pub mod import;
mod nested;

use super::file::{Loaded, Store, Stored};
use crate::failure::Failure;
use crate::proto::control::Fault;
use crate::proto::control::connections::check::{check, check_name};
use crate::proto::control::connections::*;
use crate::proto::ids::{SessionId, hex};
use crate::safedir::SafeDir;
use crate::text::{escape, short};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

pub use nested::flattened;

/// The file's name in the state dir.
pub const FILE: &str = "connections.json";
/// Most connections, and most folders, of one machine.
pub const MOST: usize = 20_000;
/// Folders within folders.
pub const DEEPEST: usize = 32;
/// Fields whose name holds one of these would hold a secret: never kept, whoever wrote them, however it is spelled.
const SECRETS: [&str; 4] = ["password", "passphrase", "passwd", "secret"];
/// What other builds and programs call a field, and what it is called here.
const ALIASES: [(&str, &str); 5] = [
    ("initial_command", "initialCommand"),
    ("starting_directory", "startingDirectory"),
    ("cwd", "startingDirectory"),
    ("key_path", "keyPath"),
    ("jump", "proxyJump"),
];

/// All that is kept of one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    pub folders: Vec<Folder>,
    pub connections: Vec<Connection>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Default for Book {
    /// What a machine starts with: its user's shell.
    fn default() -> Book {
        let shell = Connection {
            id: DEFAULT_SHELL.into(),
            name: "Default Shell".into(),
            config: Config::local(&Local::default()),
            ..Connection::default()
        };
        Book { connections: vec![shell], ..Book::empty() }
    }
}

impl Stored for Book {
    const VERSION: u64 = 1;
    fn version_of(json: &Value) -> Option<u64> {
        let object = json.as_object()?;
        let said = match object.get("version") {
            None => 0,
            Some(Value::Number(n)) => n.as_u64()?,
            Some(Value::String(s)) => s.trim().parse().ok()?,
            Some(_) => return None,
        };
        match said {
            // termiHub's nested shape
            0..=2 if object.get("children").is_some_and(Value::is_array) => Some(0),
            0 if ["folders", "connections"].iter().any(|k| object.get(*k).is_some_and(Value::is_array)) => Some(0),
            0 => None,
            n => Some(n),
        }
    }
    fn write_version(json: &mut Value) {
        if let Some(object) = json.as_object_mut() {
            object.insert("version".into(), Self::VERSION.to_string().into());
        }
    }
    fn kept(self) -> Option<Book> {
        Some(self.sound())
    }
    fn migrate(json: Value, _: u64) -> Result<Value, String> {
        let mut json = if json.get("children").is_some() { flattened(json)? } else { json };
        Self::write_version(&mut json);
        Ok(json)
    }
}

fn bad(why: impl Into<String>) -> Fault {
    Fault::new(Fault::BAD_PARAMS, why)
}
fn unknown(id: &str) -> Fault {
    Fault::new(Fault::UNKNOWN, format!("there is no connection or folder '{}' any more", short(id, 64)))
}

/// An id nobody has.
fn fresh(letter: char) -> String {
    format!("{letter}-{}", SessionId::random())
}

/// An id in the place of one that can't be used: the same each time the same file is read.
fn instead(letter: char, was: &str, name: &str, seen: &HashSet<String>) -> String {
    let mut n = 0u64;
    loop {
        let mut sha = Sha256::new();
        for part in [was.as_bytes(), name.as_bytes()] {
            sha.update((part.len() as u64).to_le_bytes());
            sha.update(part);
        }
        sha.update(n.to_le_bytes());
        let id = format!("{letter}-{}", hex(sha.finalize().get(..8).unwrap_or_default()));
        if !seen.contains(&id) {
            return id;
        }
        n += 1;
    }
}

fn usable(id: &str) -> bool {
    id.parse::<SessionId>().is_ok()
}

impl Book {
    pub fn empty() -> Book {
        Book { folders: Vec::new(), connections: Vec::new(), more: Map::new() }
    }

    pub fn connection(&self, id: &str) -> Option<&Connection> {
        self.connections.iter().find(|c| c.id == id)
    }
    pub fn folder(&self, id: &str) -> Option<&Folder> {
        self.folders.iter().find(|f| f.id == id)
    }

    /// What can be gone on with of what a file held: ids that are there once and can be part of a file name, parents that
    /// are there and lead to the top, no secrets.
    pub fn sound(mut self) -> Book {
        self.more.remove("version");
        self.folders.truncate(MOST);
        self.connections.truncate(MOST);
        let mut seen = HashSet::new();
        let mut renamed: HashMap<String, String> = HashMap::new();
        for folder in &mut self.folders {
            if !usable(&folder.id) || seen.contains(&folder.id) {
                let id = instead('f', &folder.id, &folder.name, &seen);
                // (of two with one id the first one keeps what is in it)
                if !seen.contains(&folder.id) {
                    renamed.insert(std::mem::replace(&mut folder.id, id.clone()), id);
                } else {
                    folder.id = id;
                }
            }
            seen.insert(folder.id.clone());
        }
        let there: HashSet<String> = self.folders.iter().map(|f| f.id.clone()).collect();
        let place = |wanted: Option<String>| {
            wanted.map(|id| renamed.get(&id).cloned().unwrap_or(id)).filter(|id| there.contains(id))
        };
        for folder in &mut self.folders {
            folder.parent_id = place(folder.parent_id.take());
        }
        for connection in &mut self.connections {
            connection.folder_id = place(connection.folder_id.take());
            if !usable(&connection.id) || !seen.insert(connection.id.clone()) {
                connection.id = instead('c', &connection.id, &connection.name, &seen);
                seen.insert(connection.id.clone());
            }
            cleaned(connection);
        }
        // a circle is cut where it is met; what lies too deep comes up
        let parents: HashMap<String, Option<String>> =
            self.folders.iter().map(|f| (f.id.clone(), f.parent_id.clone())).collect();
        let mut cut = HashSet::new();
        for folder in &mut self.folders {
            let mut at = folder.parent_id.clone();
            let mut depth = 0;
            while let Some(id) = at.filter(|id| !cut.contains(id)) {
                depth += 1;
                if depth >= DEEPEST || id == folder.id {
                    cut.insert(folder.id.clone());
                    folder.parent_id = None;
                    break;
                }
                at = parents.get(&id).cloned().flatten();
            }
        }
        self
    }

    /// How deep a folder lies: 1 = at the top.
    fn depth(&self, id: &str) -> usize {
        let mut depth = 0;
        let mut at = Some(id);
        while let Some(folder) = at.and_then(|id| self.folder(id)) {
            depth += 1;
            at = folder.parent_id.as_deref().filter(|_| depth <= DEEPEST);
        }
        depth
    }

    fn place(&self, folder: Option<&str>) -> Result<(), Fault> {
        match folder {
            Some(id) if self.folder(id).is_none() => Err(unknown(id)),
            _ => Ok(()),
        }
    }

    /// As it will be kept. What was wrong in it before is no reason against a change of something else.
    fn taken(&self, mut connection: Connection, before: Option<&Connection>) -> Result<Connection, Fault> {
        self.place(connection.folder_id.as_deref())?;
        cleaned(&mut connection);
        let known = before.map(check).unwrap_or_default();
        let wrong = check(&connection);
        match wrong.iter().find(|w| !known.contains(w)) {
            Some(first) => Err(bad(format!("{}: {}", first.field, first.why))),
            None => Ok(connection),
        }
    }

    pub fn create(&mut self, connection: Connection) -> Result<String, Fault> {
        if self.connections.len() >= MOST {
            return Err(bad(format!("{MOST} connections are kept at most")));
        }
        let mut connection = self.taken(connection, None)?;
        if connection.id.is_empty() {
            connection.id = fresh('c');
        } else if !usable(&connection.id) {
            return Err(bad(format!("'{}' is no id: 1 to 64 of a-z, 0-9 and '-'", short(&connection.id, 64))));
        } else if self.connection(&connection.id).is_some() || self.folder(&connection.id).is_some() {
            return Err(Fault::new(
                Fault::NAME_TAKEN,
                format!("'{}' is the id of another one", escape(&connection.id)),
            ));
        }
        let id = connection.id.clone();
        self.connections.push(connection);
        Ok(id)
    }

    /// A merge patch on one connection; its id stays.
    pub fn update(&mut self, id: &str, patch: Map<String, Value>) -> Result<(), Fault> {
        let at = self.connections.iter().position(|c| c.id == id).ok_or_else(|| unknown(id))?;
        let old = self.connections.get(at).ok_or_else(|| unknown(id))?;
        let mut json = serde_json::to_value(old).map_err(|e| Fault::new(Fault::INTERNAL, e.to_string()))?;
        merge(&mut json, Value::Object(patch), 0);
        let new: Connection = serde_json::from_value(json).map_err(|e| bad(short(&e.to_string(), 200)))?;
        let new = self.taken(Connection { id: id.to_string(), ..new }, Some(old))?;
        if let Some(slot) = self.connections.get_mut(at) {
            *slot = new;
        }
        Ok(())
    }

    /// All of them or none.
    pub fn delete(&mut self, ids: &[String]) -> Result<(), Fault> {
        if let Some(missing) = ids.iter().find(|id| self.connection(id).is_none()) {
            return Err(unknown(missing));
        }
        let ids: HashSet<&String> = ids.iter().collect();
        self.connections.retain(|c| !ids.contains(&c.id));
        Ok(())
    }

    pub fn create_folder(&mut self, mut folder: Folder) -> Result<String, Fault> {
        if self.folders.len() >= MOST {
            return Err(bad(format!("{MOST} folders are kept at most")));
        }
        check_name(&folder.name).map_err(|why| bad(format!("name: {why}")))?;
        self.place(folder.parent_id.as_deref())?;
        if folder.parent_id.as_deref().is_some_and(|p| self.depth(p) >= DEEPEST) {
            return Err(bad(format!("folders go {DEEPEST} deep at most")));
        }
        if folder.id.is_empty() || !usable(&folder.id) || self.folder(&folder.id).is_some() {
            folder.id = fresh('f');
        }
        let id = folder.id.clone();
        self.folders.push(folder);
        Ok(id)
    }

    pub fn update_folder(&mut self, id: &str, name: Option<String>, expanded: Option<bool>) -> Result<(), Fault> {
        if let Some(name) = &name {
            check_name(name).map_err(|why| bad(format!("name: {why}")))?;
        }
        let folder = self.folders.iter_mut().find(|f| f.id == id).ok_or_else(|| unknown(id))?;
        folder.name = name.unwrap_or(std::mem::take(&mut folder.name));
        folder.is_expanded = expanded.unwrap_or(folder.is_expanded);
        Ok(())
    }

    /// What is in it goes to its parent, or with it.
    pub fn delete_folder(&mut self, id: &str, with_content: bool) -> Result<(), Fault> {
        let parent = self.folder(id).ok_or_else(|| unknown(id))?.parent_id.clone();
        let gone: HashSet<String> = if with_content { self.within(id) } else { [id.to_string()].into() };
        if with_content {
            self.connections.retain(|c| c.folder_id.as_ref().is_none_or(|f| !gone.contains(f)));
        }
        self.folders.retain(|f| !gone.contains(&f.id));
        for place in self.folders.iter_mut().map(|f| &mut f.parent_id) {
            if place.as_deref() == Some(id) {
                place.clone_from(&parent);
            }
        }
        for place in self.connections.iter_mut().map(|c| &mut c.folder_id) {
            if place.as_deref() == Some(id) {
                place.clone_from(&parent);
            }
        }
        Ok(())
    }

    /// A folder and all folders in it.
    fn within(&self, id: &str) -> HashSet<String> {
        let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
        for folder in &self.folders {
            if let Some(parent) = &folder.parent_id {
                children.entry(parent).or_default().push(&folder.id);
            }
        }
        let mut found = HashSet::new();
        let mut todo = vec![id];
        while let Some(id) = todo.pop() {
            if found.insert(id.to_string()) {
                todo.extend(children.get(id).into_iter().flatten());
            }
        }
        found
    }

    /// Puts them into a folder, in their order, before another one there.
    pub fn put(&mut self, ids: &[String], folder: Option<&str>, before: Option<&str>) -> Result<(), Fault> {
        self.place(folder)?;
        for id in ids {
            if self.folder(id).is_some() {
                let inside = self.within(id);
                if folder.is_some_and(|f| inside.contains(f)) {
                    return Err(bad("a folder can't be put into itself"));
                }
                let below = inside.iter().map(|f| self.depth(f)).max().unwrap_or(0) - (self.depth(id) - 1);
                if folder.map_or(0, |f| self.depth(f)) + below > DEEPEST {
                    return Err(bad(format!("folders go {DEEPEST} deep at most")));
                }
            } else if self.connection(id).is_none() {
                return Err(unknown(id));
            }
        }
        let place = folder.map(str::to_string);
        let wanted: HashMap<&String, usize> = ids.iter().enumerate().map(|(n, id)| (id, n)).collect();
        reorder(&mut self.folders, &wanted, before, |f| &f.id, |f| f.parent_id.clone_from(&place));
        reorder(&mut self.connections, &wanted, before, |c| &c.id, |c| c.folder_id.clone_from(&place));
        Ok(())
    }

    /// Adds many: what an import brings. Folders are named by their own ids within the call.
    pub fn add(&mut self, folders: Vec<Folder>, connections: Vec<Connection>) -> Result<Added, Fault> {
        let mut added = Added::default();
        let mut new: HashMap<String, String> = HashMap::new();
        let own: HashSet<String> = folders.iter().map(|f| f.id.clone()).collect();
        let mut todo = folders;
        added.folders = vec![String::new(); todo.len()];
        let order: HashMap<String, usize> = todo.iter().enumerate().map(|(n, f)| (f.id.clone(), n)).collect();
        if order.len() != todo.len() {
            return Err(bad("two folders have one id"));
        }
        // parents before children, whatever their order was; what is left over is a circle
        while !todo.is_empty() {
            let (ready, waiting): (Vec<Folder>, Vec<Folder>) = todo
                .into_iter()
                .partition(|f| f.parent_id.as_ref().is_none_or(|p| !own.contains(p) || new.contains_key(p)));
            if ready.is_empty() {
                return Err(bad("a folder is in itself"));
            }
            for folder in ready {
                let was = folder.id.clone();
                let parent_id = folder.parent_id.clone().map(|p| new.get(&p).cloned().unwrap_or(p));
                let id = self.create_folder(Folder { id: String::new(), parent_id, ..folder })?;
                if let Some(slot) = order.get(&was).and_then(|n| added.folders.get_mut(*n)) {
                    slot.clone_from(&id);
                }
                new.insert(was, id);
            }
            todo = waiting;
        }
        for connection in connections {
            let folder_id = connection.folder_id.clone().map(|p| new.get(&p).cloned().unwrap_or(p));
            let named = escape(&connection.name);
            let id = self
                .create(Connection { id: String::new(), folder_id, ..connection })
                .map_err(|f| Fault::new(f.code, format!("{named}: {}", f.message)))?;
            added.connections.push(id);
        }
        Ok(added)
    }
}

fn reorder<T>(
    all: &mut Vec<T>,
    wanted: &HashMap<&String, usize>,
    before: Option<&str>,
    id: impl Fn(&T) -> &String,
    mut put: impl FnMut(&mut T),
) {
    let (mut moved, mut rest): (Vec<T>, Vec<T>) =
        std::mem::take(all).into_iter().partition(|t| wanted.contains_key(id(t)));
    moved.sort_by_key(|t| wanted.get(id(t)).copied());
    moved.iter_mut().for_each(&mut put);
    let at = before.and_then(|b| rest.iter().position(|t| id(t) == b)).unwrap_or(rest.len());
    rest.splice(at..at, moved);
    *all = rest;
}

/// Without secrets, and with fields by their own names. Says how many secrets there were.
fn cleaned(connection: &mut Connection) -> usize {
    let config = &mut connection.config.config;
    for (alias, name) in ALIASES {
        if let Some(value) = config.remove(alias)
            && !config.contains_key(name)
        {
            config.insert(name.into(), value);
        }
    }
    [config, &mut connection.terminal_options.more, &mut connection.more].into_iter().map(|map| scrub(map, 0)).sum()
}

/// Takes out what is a secret by its name: a text, for a switch like `savePassword` is none. A placeholder says where one
/// comes from, and `env` is a program's own.
fn scrub(map: &mut Map<String, Value>, depth: usize) -> usize {
    let is_secret = |field: &str, value: &Value| {
        let name = field.to_ascii_lowercase().replace(['_', '-'], "");
        let text = value.as_str().is_some_and(|v| !v.starts_with("${env:"));
        text && SECRETS.iter().any(|s| name.contains(s))
    };
    let before = map.len();
    map.retain(|field, value| !is_secret(field, value));
    let mut gone = before - map.len();
    if depth < 64 {
        for (_, value) in map.iter_mut().filter(|(field, _)| *field != "env") {
            gone += scrub_in(value, depth);
        }
    }
    gone
}

fn scrub_in(value: &mut Value, depth: usize) -> usize {
    match value {
        Value::Object(map) => scrub(map, depth + 1),
        Value::Array(all) if depth < 64 => all.iter_mut().map(|v| scrub_in(v, depth + 1)).sum(),
        _ => 0,
    }
}

/// RFC 7396, no deeper than JSON is read.
fn merge(into: &mut Value, patch: Value, depth: usize) {
    match patch {
        Value::Object(fields) if depth < 64 => {
            if !into.is_object() {
                *into = Value::Object(Map::new());
            }
            let Some(object) = into.as_object_mut() else { return };
            for (name, value) in fields {
                if value.is_null() {
                    object.remove(&name);
                } else {
                    merge(object.entry(name).or_insert(Value::Null), value, depth + 1);
                }
            }
        }
        other => *into = other,
    }
}

/// What a file's failure is to who asked for a change.
pub fn failed(failure: &Failure) -> Fault {
    Fault::new(Fault::REFUSED, failure.line())
}

/// The book of this machine, and what is to be said of its file.
///
/// # Errors
/// The disk or the permissions: then nothing is to be saved either.
pub fn load(dir: &SafeDir) -> Result<(Book, Option<String>), Failure> {
    Ok(match Store::new(dir, FILE).load::<Book>()? {
        Loaded::Missing => (Book::default(), None),
        Loaded::Read(book) => {
            let secrets: usize = book.connections.iter().map(|c| cleaned(&mut c.clone())).sum();
            let told = (secrets > 0).then(|| {
                let count = crate::text::count(secrets, "secret");
                let where_ = escape(&dir.path().join(FILE).to_string_lossy());
                match change(dir, |_| Ok(())) {
                    Ok(()) => format!("{count} taken out of {where_}: thub asks when one is needed"),
                    Err(fault) => format!("{where_} holds {count}, and can't be written: {}", fault.message),
                }
            });
            (book.sound(), told)
        }
        Loaded::Damaged { backup, told, .. } => (backup.map_or_else(Book::default, Book::sound), Some(told.line())),
        Loaded::Newer { told, .. } => (Book::empty(), Some(told.line())),
    })
}

/// The same without touching the file, whatever is wrong with it.
///
/// # Errors
/// The disk or the permissions.
pub fn peek(dir: &SafeDir) -> Result<Book, Failure> {
    let (book, _) = Store::new(dir, FILE).peek::<Book>()?.usable();
    Ok(book.map_or_else(Book::default, Book::sound))
}

/// Changes the book under the file's lock: nobody's change in between is lost. What `change` refuses is not saved.
///
/// # Errors
/// What `change` says, or what the disk does.
pub fn change<R>(dir: &SafeDir, change: impl FnOnce(&mut Book) -> Result<R, Fault>) -> Result<R, Fault> {
    let mut refused = None;
    let saved = Store::new(dir, FILE).update(|book: Option<Book>| {
        let mut book = book.map_or_else(Book::default, Book::sound);
        match change(&mut book) {
            Ok(result) => Ok((book, result)),
            Err(fault) => {
                refused = Some(fault);
                Err(Failure::failed("refused", ""))
            }
        }
    });
    saved.map_err(|failure| refused.unwrap_or_else(|| failed(&failure)))
}

#[cfg(test)]
mod tests;
