//! Owns connections as files have them, other programs' and ours: read into what the call `connections.add` takes, and
//! written. Here: which format a file has, what is common to all of them, and what had to be left out. One file a format.
//! Pure. Leaves out opening files, and what is there already (`plan`).
//!
//! Everything here is untrusted: sentences in [`Imported::left_out`] are escaped, names that could not be shown are made
//! so, and nothing is kept that `check` would refuse.

pub mod csv;
pub mod plan;
mod putty;
pub mod ssh_config;
mod termihub;
pub mod thub;

use super::{DEEPEST, MOST};
use crate::proto::control::connections::check::{check, check_name};
use crate::proto::control::connections::*;
use crate::text::{count, is_deceptive, short};
use serde_json::Value;
use std::collections::HashMap;

/// Most bytes of a file, or of all files of a directory.
pub const MOST_BYTES: usize = crate::store::file::MOST;
/// Most bytes of one connection's JSON: several fit into a call.
const MOST_OF_ONE: usize = 64 << 10;
/// Most sentences; what is beyond is counted.
const MOST_SAID: usize = 1000;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Hosts of OpenSSH.
    SshConfig,
    /// Our own connections.json.
    Thub,
    Termihub,
    /// A registry export, or sessions as they lie in ~/.putty.
    Putty,
    Csv,
}

impl Format {
    pub const ALL: [Format; 5] = [Format::SshConfig, Format::Thub, Format::Termihub, Format::Putty, Format::Csv];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Format::SshConfig => "ssh-config",
            Format::Thub => "thub",
            Format::Termihub => "termihub",
            Format::Putty => "putty",
            Format::Csv => "csv",
        }
    }
}

/// A file, by its own name without the directories.
#[derive(Clone, Debug, Default)]
pub struct File {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// What a file brings, as `connections.add` takes it: `folderId` and `parentId` name folders of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    pub folders: Vec<Folder>,
    pub connections: Vec<Connection>,
    /// What does not come and why, each a sentence to show.
    pub left_out: Vec<String>,
}

/// A file to be, and what is not in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    pub bytes: Vec<u8>,
    /// Each a sentence to show.
    pub left_out: Vec<String>,
}

/// Names for a sentence: the first ones, and how many more.
fn some_of(names: &[String]) -> String {
    const MOST: usize = 5;
    let named: Vec<String> = names.iter().take(MOST).map(|n| short(n, 40)).collect();
    match names.len().saturating_sub(MOST) {
        0 => named.join(", "),
        more => format!("{} and {}", named.join(", "), count(more, "other")),
    }
}

/// The names of the folders a connection lies in, from the top.
fn path<'a>(connection: &'a Connection, folders: &HashMap<&str, &'a Folder>) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut at = connection.folder_id.as_deref();
    // (a circle in what came from elsewhere ends as well)
    while let Some(folder) = at.and_then(|id| folders.get(id)).filter(|_| names.len() < DEEPEST) {
        names.push(folder.name.as_str());
        at = folder.parent_id.as_deref();
    }
    names.reverse();
    names
}

/// What a file is, by what it holds and, where that does not say it, by its name.
pub fn detect(name: &str, bytes: &[u8]) -> Option<Format> {
    let text = text(bytes);
    // (a program, a picture)
    if text.contains('\0') {
        return None;
    }
    let start = text.trim_start();
    if putty::is_registry(start) {
        return Some(Format::Putty);
    }
    if start.starts_with('{') {
        return of_json(&serde_json::from_str(start).ok()?);
    }
    let ending = |e: &str| name.len() > e.len() && name.to_ascii_lowercase().ends_with(e);
    if ending(".csv") || ending(".tsv") {
        return Some(Format::Csv);
    }
    if putty::is_session(start) {
        return Some(Format::Putty);
    }
    let is_keyword = |line: &str| {
        let (word, rest) = line.trim().split_once(|c: char| c.is_whitespace() || c == '=').unwrap_or_default();
        !rest.is_empty() && ["host", "match", "include"].iter().any(|k| word.eq_ignore_ascii_case(k))
    };
    if start.lines().take(10_000).any(is_keyword) {
        return Some(Format::SshConfig);
    }
    start.lines().next().filter(|line| line.contains([',', ';', '\t'])).map(|_| Format::Csv)
}

fn of_json(json: &Value) -> Option<Format> {
    let has = |keys: &[&str]| keys.iter().any(|k| json.get(k).is_some());
    if has(&["children", "agents", "$encrypted"]) {
        return Some(Format::Termihub);
    }
    has(&["folders", "connections"]).then_some(Format::Thub)
}

/// Reads what is there of connections: one file, or all of a directory. `hosts` is the reader of an ssh_config: its hosts,
/// and what is wrong there.
///
/// # Errors
/// A sentence: it is not of that format.
pub fn read(
    format: Format,
    files: &[File],
    hosts: impl FnOnce(&File) -> (Vec<ssh_config::Host>, Vec<String>),
) -> Result<Imported, String> {
    let mut gathered = Gathered::default();
    let first = || files.first().map(|f| text(&f.bytes)).unwrap_or_default();
    match format {
        Format::SshConfig => {
            let (hosts, wrong) = files.first().map(hosts).unwrap_or_default();
            ssh_config::read(hosts, &mut gathered);
            wrong.into_iter().for_each(|why| gathered.leave_out(why));
        }
        Format::Thub => thub::read(&first(), &mut gathered)?,
        Format::Termihub => termihub::read(&first(), &mut gathered)?,
        Format::Putty => {
            let files: Vec<(&str, String)> = files.iter().map(|f| (f.name.as_str(), text(&f.bytes))).collect();
            putty::read(&files, &mut gathered);
        }
        Format::Csv => csv::read(&first(), &mut gathered)?,
    }
    Ok(gathered.done())
}

/// What a file's bytes say: its byte order mark is believed, and what is no UTF-8 is what Windows writes.
fn text(bytes: &[u8]) -> String {
    let (encoding, mark) = encoding_rs::Encoding::for_bom(bytes).unwrap_or((
        if std::str::from_utf8(bytes).is_ok() { encoding_rs::UTF_8 } else { encoding_rs::WINDOWS_1252 },
        0,
    ));
    encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default()).0.into_owned()
}

/// What has been read so far.
#[derive(Default)]
struct Gathered {
    imported: Imported,
    /// Folders by the one they lie in and their name, for formats that have paths.
    places: HashMap<(Option<String>, String), String>,
    /// Where in the file, for sentences.
    at: Option<String>,
    /// Passwords and the like that were there.
    secrets: usize,
    beyond: usize,
    unsaid: usize,
}

impl Gathered {
    fn leave_out(&mut self, why: String) {
        let why = match &self.at {
            Some(at) => format!("{at}: {why}"),
            None => why,
        };
        match self.imported.left_out.len() < MOST_SAID {
            true => self.imported.left_out.push(why),
            false => self.unsaid += 1,
        }
    }

    /// The name as it can be kept; said where that is another one.
    fn named(&mut self, name: &str) -> Option<String> {
        if check_name(name).is_ok() {
            return Some(name.to_string());
        }
        let printable = name.chars().filter(|c| !c.is_control() && !is_deceptive(*c));
        let cut: String = printable.take(LONGEST_NAME).collect();
        check_name(&cut).ok()?;
        self.leave_out(format!("{}: its name is cut to '{}'", short(name, 60), short(&cut, 60)));
        Some(cut)
    }

    /// A folder of a format that has folders, under its own id.
    fn folder(&mut self, mut folder: Folder) {
        folder.name = match self.named(&folder.name) {
            Some(name) => name,
            None => {
                self.leave_out("a folder has no name that can be shown: it is called 'unnamed'".into());
                "unnamed".into()
            }
        };
        if serde_json::to_vec(&folder).map_or(true, |json| json.len() > MOST_OF_ONE) {
            self.leave_out(format!("{}: fields of it that are not known are too long", short(&folder.name, 60)));
            folder.more.clear();
        }
        self.imported.folders.push(folder);
    }

    /// The folder of a path, made where it is not there yet; none = the top.
    ///
    /// # Errors
    /// A sentence: it can't be made.
    fn place(&mut self, path: &str) -> Result<Option<String>, String> {
        let names: Vec<&str> = path.split('/').map(str::trim).filter(|n| !n.is_empty()).collect();
        if names.len() > DEEPEST {
            return Err(format!("folders go {DEEPEST} deep at most"));
        }
        let mut at: Option<String> = None;
        for name in names {
            let key = (at, name.to_string());
            at = match self.places.get(&key) {
                Some(id) => Some(id.clone()),
                None if self.imported.folders.len() >= MOST => {
                    return Err(format!("{MOST} folders are taken at most"));
                }
                None => {
                    let id = format!("folder-{}", self.imported.folders.len() + 1);
                    let parent_id = key.0.clone();
                    self.folder(Folder { id: id.clone(), name: name.into(), parent_id, ..Folder::default() });
                    self.places.insert(key, id.clone());
                    Some(id)
                }
            };
        }
        Ok(at)
    }

    /// One connection, without what is wrong in it; where that would make another one of it, it is left out.
    fn connection(&mut self, mut connection: Connection) {
        if self.imported.connections.len() >= MOST {
            self.beyond += 1;
            return;
        }
        if connection.name.is_empty() {
            // (of one without a name it is where it leads)
            connection.name = connection.leads_to();
        }
        let Some(name) = self.named(&connection.name) else {
            let leads_to = connection.leads_to();
            let beside = if leads_to.is_empty() { leads_to } else { format!(" ({})", short(&leads_to, 60)) };
            return self.leave_out(format!("a connection{beside} has no name that can be shown"));
        };
        let shown = short(&name, 60);
        connection.name = name;
        without_blanks(&mut connection);
        let mut last = "";
        for wrong in check(&connection) {
            if !without(&mut connection, wrong.field) {
                return self.leave_out(format!("{shown}: {}: {}", wrong.field, wrong.why));
            }
            if wrong.field != last {
                self.leave_out(format!("{shown}: comes without its {}: {}", wrong.field, wrong.why));
            }
            last = wrong.field;
        }
        if let Some(wrong) = check(&connection).first() {
            return self.leave_out(format!("{shown}: {}: {}", wrong.field, wrong.why));
        }
        if serde_json::to_vec(&connection).map_or(true, |json| json.len() > MOST_OF_ONE) {
            return self.leave_out(format!("{shown}: it is longer than {} KiB", MOST_OF_ONE >> 10));
        }
        self.imported.connections.push(connection);
    }

    fn done(mut self) -> Imported {
        if self.secrets > 0 {
            let (secrets, is) = (count(self.secrets, "password"), if self.secrets == 1 { "is" } else { "are" });
            self.imported.left_out.insert(0, format!(
                "{secrets} {is} not taken: thub keeps none. Use a key or an ssh-agent; what a host wants beside it is asked when needed"
            ));
        }
        // (said last, and said for certain)
        if self.unsaid > 0 {
            self.imported.left_out.push(format!("{} more like these", self.unsaid));
        }
        if self.beyond > 0 {
            let beyond = count(self.beyond, "connection");
            self.imported.left_out.push(format!("{beyond} at the end: {MOST} are taken at most"));
        }
        self.imported
    }
}

/// Texts that others write blank where we leave them out.
fn without_blanks(connection: &mut Connection) {
    const MAY_BE_BLANK: [&str; 5] = ["shell", "command", "initialCommand", "startingDirectory", "keyPath"];
    if ["local", "shell", "ssh"].contains(&connection.config.kind.as_str()) {
        let is_blank = |v: &Value| v.as_str().is_some_and(|s| s.trim().is_empty());
        connection.config.config.retain(|field, v| !MAY_BE_BLANK.contains(&field.as_str()) || !is_blank(v));
    }
}

/// Takes a field away that it can do without: false where it would lead somewhere else then, or do something else.
fn without(connection: &mut Connection, field: &str) -> bool {
    connection.config.by_own_names();
    let config = &mut connection.config.config;
    let options = &mut connection.terminal_options;
    match field {
        "keyPath" | "startingDirectory" => drop(config.remove(field)),
        "shell" => drop(config.remove("shell")),
        "env" => drop(config.remove("env")),
        "tags" => connection.tags.retain(|tag| check_name(tag).is_ok() && !tag.contains(',')),
        "ringBufferSize" => options.ring_buffer_size = None,
        "scrollbackBuffer" => options.scrollback_buffer = None,
        "sizePolicy" => options.size_policy = None,
        "term" => options.term = None,
        "color" => options.color = None,
        "title" => options.title = None,
        "encoding" => options.encoding = None,
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests;
