//! Owns the prepared connections and folders of one machine: the book, its pure changes, and its file `connections.json`
//! in the state dir, one writer at a time. Leaves out opening a connection.
//!
//! The file's shape is the seed's, version "1": `folders` and `connections`, both flat, in the order they are shown.
//! Read as well: the same without a version, and the nested shape that termiHub writes since (its version "2").

pub mod import;
mod nested;
mod sound;

use super::file::{Loaded, Store, Stored};
use crate::failure::{self, Failure};
use crate::proto::control::Fault;
use crate::proto::control::connections::check::{check, check_name, taken_by_another};
use crate::proto::control::connections::*;
use crate::proto::ids::SessionId;
use crate::safedir::SafeDir;
use crate::text::{escape, short};
use import::plan::Names;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

pub use nested::flattened;
pub(in crate::store) use sound::cleaned;
use sound::{few, usable};

/// The file's name in the state dir.
pub const FILE: &str = "connections.json";
/// Most connections, and most folders, of one machine.
pub const MOST: usize = 20_000;
/// Folders within folders.
pub const DEEPEST: usize = 32;

/// All that is kept of one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    #[serde(deserialize_with = "few")]
    pub folders: Vec<Folder>,
    #[serde(deserialize_with = "few")]
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
        let (book, secrets) = self.settled();
        (secrets > 0).then_some(book)
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

fn name_taken(name: &str) -> Fault {
    Fault::new(Fault::NAME_TAKEN, taken_by_another(name))
}

/// An id nobody has.
fn fresh(letter: char) -> String {
    format!("{letter}-{}", SessionId::random())
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

    /// As it will be kept. What was wrong with it before, in a file that was written elsewhere, is in nobody's way.
    fn taken(&self, mut connection: Connection, before: Option<&Connection>) -> Result<Connection, Fault> {
        self.place(connection.folder_id.as_deref())?;
        cleaned(&mut connection);
        let known = before.map(check).unwrap_or_default();
        match check(&connection).into_iter().find(|flaw| !known.contains(flaw)) {
            Some(new) => Err(bad(format!("{}: {}", new.field, new.why))),
            None => Ok(connection),
        }
    }

    /// Whether those may lie in a folder by their names: no other one there has one of them. Who has lain beside another
    /// one of its name, in a file that was written elsewhere, goes on so.
    fn apart<'a>(&'a self, coming: impl Iterator<Item = &'a Connection>, folder: Option<&'a str>) -> Result<(), Fault> {
        let all = self.connections.iter().filter(|c| c.folder_id.as_deref() == folder);
        let mut from: HashMap<&str, Option<&str>> = all.map(|c| (c.name.as_str(), folder)).collect();
        for connection in coming.filter(|c| c.folder_id.as_deref() != folder) {
            let lay_in = connection.folder_id.as_deref();
            if from.insert(&connection.name, lay_in).is_some_and(|other| other != lay_in) {
                return Err(name_taken(&connection.name));
            }
        }
        Ok(())
    }

    /// A new one, of a name that none in its folder has.
    ///
    /// # Errors
    /// Nothing is changed: BAD_PARAMS, NAME_TAKEN for a name or an id, UNKNOWN for the folder.
    pub fn create(&mut self, connection: Connection) -> Result<String, Fault> {
        let beside = |c: &&Connection| c.folder_id == connection.folder_id;
        let is_taken = self.connections.iter().filter(beside).any(|c| c.name == connection.name);
        match is_taken {
            true => Err(name_taken(&connection.name)),
            false => self.insert(connection),
        }
    }

    fn insert(&mut self, connection: Connection) -> Result<String, Fault> {
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

    /// A merge patch on one connection; its id stays. Another name, or another folder, is one where none has that name.
    pub fn update(&mut self, id: &str, patch: Map<String, Value>) -> Result<(), Fault> {
        let at = self.connections.iter().position(|c| c.id == id).ok_or_else(|| unknown(id))?;
        let old = self.connections.get(at).ok_or_else(|| unknown(id))?;
        let mut json = serde_json::to_value(old).map_err(|e| Fault::new(Fault::INTERNAL, e.to_string()))?;
        merge(&mut json, Value::Object(patch), 0);
        let new: Connection = serde_json::from_value(json).map_err(|e| bad(short(&e.to_string(), 200)))?;
        let new = self.taken(Connection { id: id.to_string(), ..new }, Some(old))?;
        let beside = |c: &&Connection| c.folder_id == new.folder_id && c.id != new.id;
        if (&new.name, &new.folder_id) != (&old.name, &old.folder_id)
            && self.connections.iter().filter(beside).any(|c| c.name == new.name)
        {
            return Err(name_taken(&new.name));
        }
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

    /// All of it or nothing. One that is where it is to be keeps its place among the others.
    pub fn update_folder(&mut self, update: FoldersUpdate) -> Result<(), Fault> {
        let FoldersUpdate { id, name, is_expanded, parent_id } = update;
        if let Some(name) = &name {
            check_name(name).map_err(|why| bad(format!("name: {why}")))?;
        }
        let lies_in = &self.folder(&id).ok_or_else(|| unknown(&id))?.parent_id;
        if let Some(parent) = parent_id.filter(|parent| parent != lies_in) {
            self.put(std::slice::from_ref(&id), parent.as_deref(), None)?;
        }
        let folder = self.folders.iter_mut().find(|f| f.id == id).ok_or_else(|| unknown(&id))?;
        folder.name = name.unwrap_or(std::mem::take(&mut folder.name));
        folder.is_expanded = is_expanded.unwrap_or(folder.is_expanded);
        Ok(())
    }

    /// What is in it goes to its parent, or with it. A connection whose name is taken there gets a number behind it.
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
        let mut names = Names::default();
        let there = self.connections.iter().filter(|c| c.folder_id == parent);
        there.for_each(|c| names.take(&c.folder_id, &c.name));
        for connection in self.connections.iter_mut().filter(|c| c.folder_id.as_deref() == Some(id)) {
            connection.name = names.free(&parent, &connection.name);
            connection.folder_id.clone_from(&parent);
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
        let wanted: HashMap<&String, usize> = ids.iter().enumerate().map(|(n, id)| (id, n)).collect();
        self.apart(self.connections.iter().filter(|c| wanted.contains_key(&c.id)), folder)?;
        let place = folder.map(str::to_string);
        reorder(&mut self.folders, &wanted, before, |f| &f.id, |f| f.parent_id.clone_from(&place));
        reorder(&mut self.connections, &wanted, before, |c| &c.id, |c| c.folder_id.clone_from(&place));
        Ok(())
    }

    /// Adds many: what an import brings. Folders are named by their own ids within the call. A connection whose name is taken
    /// in its folder comes with a number behind it.
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
        let mut names = Names::default();
        self.connections.iter().for_each(|c| names.take(&c.folder_id, &c.name));
        for connection in connections {
            let folder_id = connection.folder_id.clone().map(|p| new.get(&p).cloned().unwrap_or(p));
            let named = escape(&connection.name);
            // (what is no name is refused as it came)
            let name = check_name(&connection.name).map(|()| names.free(&folder_id, &connection.name));
            let name = name.unwrap_or_else(|_| connection.name.clone());
            let id = self
                .insert(Connection { id: String::new(), name, folder_id, ..connection })
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
    let code = match failure.kind {
        failure::Kind::Refused => Fault::REFUSED,
        failure::Kind::TimedOut => Fault::TIMEOUT,
        failure::Kind::Usage => Fault::BAD_PARAMS,
        // (a disk)
        _ => Fault::INTERNAL,
    };
    Fault::new(code, failure.line())
}

/// The book of this machine, and what is to be said of its file.
///
/// # Errors
/// The disk or the permissions: then nothing is to be saved either.
pub fn load(dir: &SafeDir) -> Result<(Book, Option<String>), Failure> {
    Ok(match Store::new(dir, FILE).load::<Book>()? {
        Loaded::Missing => (Book::default(), None),
        Loaded::Read(book) => match book.settled() {
            (book, 0) => (book, None),
            (book, secrets) => match change(dir, |_| Ok(())) {
                (Ok(()), told) => (book, told),
                (Err(fault), _) => {
                    let count = crate::text::count(secrets, "secret");
                    let told = format!("{} holds {count}, and can't be written: {}", shown(dir), fault.message);
                    (book, Some(told))
                }
            },
        },
        Loaded::Damaged { backup, told, .. } => (backup.map_or_else(Book::default, Book::sound), Some(told.line())),
        Loaded::Newer { told, .. } => (Book::empty(), Some(told.line())),
    })
}

/// The same without touching the file, whatever is wrong with it.
///
/// # Errors
/// The disk or the permissions; or a newer thub wrote it, and what it holds can't be told.
pub fn peek(dir: &SafeDir) -> Result<Book, Failure> {
    match Store::new(dir, FILE).peek::<Book>()? {
        Loaded::Newer { told, .. } => Err(told),
        other => Ok(other.usable().0.map_or_else(Book::default, Book::sound)),
    }
}

/// Changes the book under the file's lock: nobody's change in between is lost. What `change` refuses is not saved. Beside
/// what came of it: what is to be said of the file.
///
/// # Errors
/// What `change` says, or what the disk does.
pub fn change<R>(
    dir: &SafeDir,
    change: impl FnOnce(&mut Book) -> Result<R, Fault>,
) -> (Result<R, Fault>, Option<String>) {
    let (mut refused, mut aside, mut secrets) = (None, None, 0);
    let saved = Store::new(dir, FILE).update(|book: Option<Book>, told| {
        aside = told.map(|told| told.line());
        let (mut book, found) = book.unwrap_or_default().settled();
        secrets = found;
        match change(&mut book) {
            Ok(result) => Ok((book, result)),
            Err(fault) => {
                refused = Some(fault);
                Err(Failure::failed("refused", ""))
            }
        }
    });
    let scrubbed = (saved.is_ok() && secrets > 0).then(|| {
        let count = crate::text::count(secrets, "secret");
        format!("{count} taken out of {}: thub asks when one is needed", shown(dir))
    });
    (saved.map_err(|failure| refused.unwrap_or_else(|| failed(&failure))), aside.or(scrubbed))
}

fn shown(dir: &SafeDir) -> String {
    escape(&dir.path().join(FILE).to_string_lossy())
}

#[cfg(test)]
mod tests;
