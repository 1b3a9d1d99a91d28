//! Owns what an import comes to on a machine that has connections already: which folders are there, which connections
//! come and what they are called. Pure. Leaves out making the call.

use super::{DEEPEST, Imported};
use crate::proto::control::connections::{Connection, Folder, LONGEST_NAME, Listed};
use crate::text::{count, short};
use serde_json::Value;
use std::collections::{HashMap, HashSet, VecDeque};

/// What is to be added. Folders come before those in them; `parentId` and `folderId` name new ones, by the ids they have
/// here, or ones that are there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub folders: Vec<Folder>,
    pub connections: Vec<Connection>,
    /// Names of what is there, with the same folder, type and config. Untrusted.
    pub already: Vec<String>,
    /// The old name and the new one of those whose name another one has. Untrusted.
    pub renamed: Vec<(String, String)>,
    /// As [`Imported::left_out`].
    pub left_out: Vec<String>,
}

/// Where it all goes: a folder that is there, and names of folders from there on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    pub id: Option<String>,
    pub below: Vec<String>,
}

pub fn plan(there: &Listed, base: &Base, imported: Imported) -> Plan {
    let Imported { folders, connections, left_out } = imported;
    let mut places = Places::new(there);
    places.plan.left_out = left_out;
    let mut top = (base.id.clone(), base.id.as_ref().map_or(0, |id| places.depth(id)));
    for name in &base.below {
        top = places.put(&top, Folder { name: name.clone(), ..Folder::default() });
    }
    // parents before children: what nothing leads to is a circle, and there is none in what was read
    let mut within: HashMap<Option<String>, Vec<Folder>> = HashMap::new();
    let own: HashSet<String> = folders.iter().map(|f| f.id.clone()).collect();
    for mut folder in folders {
        folder.parent_id.take_if(|id| !own.contains(id));
        within.entry(folder.parent_id.clone()).or_default().push(folder);
    }
    let mut at: HashMap<String, (Option<String>, usize)> = HashMap::new();
    let mut todo: VecDeque<Folder> = within.remove(&None).unwrap_or_default().into();
    while let Some(folder) = todo.pop_front() {
        let id = folder.id.clone();
        let parent = folder.parent_id.as_ref().and_then(|p| at.get(p)).unwrap_or(&top).clone();
        let place = places.put(&parent, folder);
        at.insert(id.clone(), place);
        todo.extend(within.remove(&Some(id)).unwrap_or_default());
    }
    let mut there_already: HashSet<String> = HashSet::new();
    let mut names = Names::default();
    for c in &there.connections {
        let folder = c.folder_id.as_deref();
        there_already.insert(same(c, folder, &c.name));
        // (one that was given another name when it came is known again)
        if let Some(name) = without_number(&c.name) {
            there_already.insert(same(c, folder, name));
        }
        names.take(&c.folder_id, &c.name);
    }
    let mut plan = places.plan;
    let mut twice: HashSet<String> = HashSet::new();
    for mut connection in connections {
        connection.folder_id =
            connection.folder_id.as_ref().and_then(|f| at.get(f)).map_or(&top, |place| place).0.clone();
        connection.id.clear();
        let is_there = |name: &str| there_already.contains(&same(&connection, connection.folder_id.as_deref(), name));
        // (a name that was too long for a number behind it was cut)
        let is_cut = || (4..=8).any(|number| is_there(&cut(&connection.name, number)));
        if is_there(&connection.name) || (cut(&connection.name, 8) != connection.name && is_cut()) {
            plan.already.push(connection.name);
        } else if !twice.insert(serde_json::to_string(&connection).unwrap_or_default()) {
            plan.left_out.push(format!("{}: it is there twice", short(&connection.name, 60)));
        } else {
            let name = names.free(&connection.folder_id, &connection.name);
            if name != connection.name {
                plan.renamed.push((std::mem::replace(&mut connection.name, name.clone()), name));
            }
            plan.connections.push(connection);
        }
    }
    plan
}

/// What two have in common that are the same one.
fn same(connection: &Connection, folder: Option<&str>, name: &str) -> String {
    let config: Vec<(&String, &Value)> = connection.config.config.iter().filter(|(_, v)| !v.is_null()).collect();
    serde_json::to_string(&(folder, name, &connection.config.kind, config)).unwrap_or_default()
}

/// `web` of `web (2)`.
fn without_number(name: &str) -> Option<&str> {
    let (name, number) = name.strip_suffix(')')?.rsplit_once(" (")?;
    number.parse::<usize>().is_ok().then_some(name)
}

/// As much of a name as leaves room for a number.
fn cut(name: &str, number: usize) -> String {
    name.chars().take(LONGEST_NAME - number).collect()
}

/// Which names are taken in which folder.
#[derive(Default)]
pub(in crate::store::connections) struct Names {
    taken: HashSet<(Option<String>, String)>,
    /// The last number that was tried.
    tried: HashMap<(Option<String>, String), usize>,
}

impl Names {
    /// One that is there already.
    pub(in crate::store::connections) fn take(&mut self, folder: &Option<String>, name: &str) {
        self.taken.insert((folder.clone(), name.to_string()));
    }

    /// The name, or with a number behind it where another one there has it.
    pub(in crate::store::connections) fn free(&mut self, folder: &Option<String>, name: &str) -> String {
        if self.taken.insert((folder.clone(), name.to_string())) {
            return name.to_string();
        }
        let tried = self.tried.entry((folder.clone(), name.to_string())).or_insert(1);
        loop {
            *tried += 1;
            let number = format!(" ({tried})");
            let numbered = format!("{}{number}", cut(name, number.len()));
            if self.taken.insert((folder.clone(), numbered.clone())) {
                return numbered;
            }
        }
    }
}

/// Folders that are there, and those to come.
struct Places<'a> {
    by_id: HashMap<&'a str, &'a Folder>,
    /// By the one they lie in and their name. Several may have one name: each is taken once.
    by_name: HashMap<(Option<String>, String), VecDeque<&'a str>>,
    /// What no id begins with that is there.
    prefix: String,
    plan: Plan,
}

impl<'a> Places<'a> {
    fn new(there: &'a Listed) -> Places<'a> {
        let mut by_name: HashMap<_, VecDeque<&str>> = HashMap::new();
        for f in &there.folders {
            by_name.entry((f.parent_id.clone(), f.name.clone())).or_default().push_back(&f.id);
        }
        let mut prefix = "new-".to_string();
        while there.folders.iter().any(|f| f.id.starts_with(&prefix)) {
            prefix.push('x');
        }
        let by_id = there.folders.iter().map(|f| (f.id.as_str(), f)).collect();
        Places { by_id, by_name, prefix, plan: Plan::default() }
    }

    fn depth(&self, id: &str) -> usize {
        let mut depth = 0;
        let mut at = Some(id);
        while let Some(folder) = at.and_then(|id| self.by_id.get(id)).filter(|_| depth < DEEPEST) {
            depth += 1;
            at = folder.parent_id.as_deref();
        }
        depth
    }

    /// The folder of that name in this one: its id and how deep it lies.
    fn put(&mut self, (parent, depth): &(Option<String>, usize), folder: Folder) -> (Option<String>, usize) {
        let same = self.by_name.get_mut(&(parent.clone(), folder.name.clone()));
        if let Some(id) = same.and_then(VecDeque::pop_front) {
            return (Some(id.to_string()), depth + 1);
        }
        if *depth >= DEEPEST {
            let name = short(&folder.name, 60);
            self.plan
                .left_out
                .push(format!("the folder '{name}': folders go {DEEPEST} deep at most; what is in it comes"));
            return (parent.clone(), *depth);
        }
        let id = format!("{}{}", self.prefix, self.plan.folders.len() + 1);
        self.plan.folders.push(Folder { id: id.clone(), parent_id: parent.clone(), ..folder });
        (Some(id), depth + 1)
    }
}

/// What came or would come, in words: `2 folders, 3 connections`.
pub fn counted(folders: usize, connections: usize) -> String {
    match folders {
        0 => count(connections, "connection"),
        _ => format!("{}, {}", count(folders, "folder"), count(connections, "connection")),
    }
}
