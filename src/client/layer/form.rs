//! Owns the form of a prepared connection: its fields, what is typed, what is wrong while it is typed. State in, outcome
//! out. Leaves out drawing it, and saving.

mod fields;

use super::field::Field;
use super::{Choice, Outcome};
use crate::client::book::{Change, patch};
use crate::client::host::HostId;
use crate::client::keymap::typed;
use crate::client::layout::Dir;
use crate::proto::control::connections::check::{Wrong, check, check_name, check_port, taken_by_another};
use crate::proto::control::connections::{Config, Connection, names};
use crate::term::input::Key;
pub use fields::Listing;
use fields::{FOLDER, KIND, Kept, NAME, PLACES, Shown, TERMINAL, WHERE, Way, Word, is_number, of_kind};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// How a field is filled in.
enum Entry {
    Text(Field),
    /// One of these.
    Choice(&'static [Word], usize),
    /// One of the form's folders.
    Folder(usize, String),
}

pub struct Line {
    /// As in connections.json.
    pub field: &'static str,
    pub label: &'static str,
    /// What it is for, while it is filled in.
    pub hint: &'static str,
    entry: Entry,
    /// What its host can list for it.
    pub listing: Option<Listing>,
    /// What stood there when it was laid out, and whether that is not all of what is kept.
    laid: (String, bool),
}

impl Line {
    /// What stands there.
    pub fn text(&self) -> &str {
        match &self.entry {
            Entry::Text(field) => field.text(),
            Entry::Choice(all, at) => all.get(*at).map(|w| w.0).unwrap_or_default(),
            Entry::Folder(_, path) => path,
        }
    }
    pub fn is_choice(&self) -> bool {
        !matches!(self.entry, Entry::Text(_))
    }
    /// Why what stands there can't be kept.
    fn flaw(&self) -> Option<&'static str> {
        match &self.entry {
            Entry::Text(field) => field.flaw(),
            Entry::Choice(..) | Entry::Folder(..) => None,
        }
    }
    /// Nobody touched it: what is kept stays, whether a line can show it or not.
    fn stays(&self) -> bool {
        self.text() == self.laid.0 && self.flaw().is_some() == self.laid.1
    }
}

/// Where one that is opened is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spot {
    Tab,
    Split(Dir),
}

pub struct Form {
    pub host: HostId,
    /// It is there to be opened, kept or not.
    pub opens: bool,
    /// What its host has is being listed: the number of the wish, and for which field.
    pub listing: Option<(u64, &'static str)>,
    /// As it was, for one that is there already.
    was: Option<Connection>,
    /// What it is made from: fields the form does not show stay as they are.
    base: Connection,
    /// The same, before anything was typed.
    first: Connection,
    /// Names of the others in their folders, as far as this was told of them.
    taken: HashSet<(Option<String>, String)>,
    /// Paths and ids of folders that it may be kept in; the first is none.
    folders: Vec<(String, Option<String>)>,
    /// It was to be opened or kept: what is missing is said from then on.
    tried: bool,
    pub lines: Vec<Line>,
    pub at: usize,
    pub wrong: Vec<Wrong>,
    /// It is being saved: the number of the wish.
    pub saving: Option<u64>,
    /// Why it could not be saved; escaped.
    pub failed: Option<String>,
    /// It was left without saving once: once more throws away what was typed.
    pub doubted: bool,
}

/// Said of a field that shows less than is kept, once somebody writes in it.
const MORE_LINES: &str =
    "it has lines or blanks that are not shown here: C-u writes it anew, thub conn edit changes it";
const MORE_TEXT: &str = "it is longer than this form can show: C-u writes it anew, thub conn edit changes it";

impl Form {
    /// For a new one in a folder, beside those that are there.
    pub fn new(host: HostId, folder: Option<String>, all: &[Connection]) -> Form {
        Form::of_kind("local", host, folder, all)
    }

    /// The same, of a kind that is chosen already.
    pub fn of_kind(kind: &str, host: HostId, folder: Option<String>, all: &[Connection]) -> Form {
        let base = Connection {
            folder_id: folder,
            config: Config { kind: kind.into(), config: Map::new() },
            ..Connection::default()
        };
        Form::of(host, base, None, all)
    }

    /// For one to be opened: once, or kept as well. The cursor stands in a field of its kind, the first one by itself.
    /// `folders` are paths and ids.
    pub fn open(
        host: HostId,
        kind: &str,
        field: Option<&str>,
        all: &[Connection],
        folders: Vec<(String, String)>,
    ) -> Form {
        let base = Connection { config: Config { kind: kind.into(), config: Map::new() }, ..Connection::default() };
        let mut form = Form::of(host, base, None, all);
        form.opens = true;
        form.folders = vec![("no folder".into(), None)];
        form.folders.extend(folders.into_iter().map(|(path, id)| (path, Some(id))));
        form.lay();
        let at = form.lines.iter().position(|l| Some(l.field) == field);
        form.at = at.unwrap_or(1).min(form.lines.len() - 1);
        form
    }

    /// For one that is there.
    pub fn edit(host: HostId, connection: &Connection, all: &[Connection]) -> Form {
        Form::of(host, connection.clone(), Some(connection.clone()), all)
    }

    fn of(host: HostId, base: Connection, was: Option<Connection>, all: &[Connection]) -> Form {
        // (one that has the name of another one already may keep it)
        let mut taken: HashSet<(Option<String>, String)> =
            all.iter().map(|c| (c.folder_id.clone(), c.name.clone())).collect();
        if let Some(was) = &was {
            taken.remove(&(was.folder_id.clone(), was.name.clone()));
        }
        let mut form = Form {
            host,
            opens: false,
            listing: None,
            folders: Vec::new(),
            tried: false,
            was,
            first: base.clone(),
            base,
            taken,
            lines: Vec::new(),
            at: 0,
            wrong: Vec::new(),
            saving: None,
            failed: None,
            doubted: false,
        };
        form.lay();
        form
    }

    pub fn is_new(&self) -> bool {
        self.was.is_none()
    }

    /// The fields of its kind, filled in from `base`.
    fn lay(&mut self) {
        let base = &self.base;
        let kind = match base.config.kind.as_str() {
            "shell" => "local",
            other => other,
        };
        // of a kind that is not known here its name and its terminal can be changed
        let own = of_kind(kind);
        let text = |shown: &Shown| {
            let (value, whole) = value_of(base, shown.field);
            let entry = match shown.way {
                Way::Choice(all) => choice(all, &value),
                Way::Text | Way::Listed(_) => {
                    let mut field = Field::new(&value);
                    if !whole {
                        field.refuse(MORE_LINES);
                    } else if field.flaw().is_some() {
                        field.refuse(MORE_TEXT);
                    }
                    Entry::Text(field)
                }
            };
            line(shown, entry)
        };
        let kind = (!own.is_empty()).then(|| line(&KIND, kind_choice(kind)));
        let name = text(&NAME);
        let own = own.iter().map(text);
        let terminal = TERMINAL.iter().map(text);
        self.lines = match self.opens {
            false => std::iter::once(name).chain(kind).chain(own).chain(terminal).collect(),
            // what it needs first; a name is for one that is kept
            true => {
                let spot = line(
                    &WHERE,
                    choice(PLACES, self.lines.iter().find(|l| l.field == WHERE.field).map_or("", Line::text)),
                );
                let name = Line { hint: "for C-s, which keeps it: what the tree calls it", ..name };
                let at = self.folders.iter().position(|f| f.1 == base.folder_id).unwrap_or(0);
                let path = self.folders.get(at).map(|f| f.0.clone()).unwrap_or_default();
                let folder = (self.folders.len() > 1).then(|| line(&FOLDER, Entry::Folder(at, path)));
                kind.into_iter().chain(own).chain([spot, name]).chain(folder).chain(terminal).collect()
            }
        };
        self.at = self.at.min(self.lines.len() - 1);
        self.check();
    }

    /// What it would be as it stands, and what of it can't be read.
    fn connection(&self) -> (Connection, Vec<Wrong>) {
        let mut json = serde_json::to_value(&self.base).unwrap_or_default();
        let mut wrong = Vec::new();
        for line in &self.lines {
            if line.field == "type" {
                if !self.is_kind(line.text()) {
                    json["config"]["type"] = line.text().into();
                }
                continue;
            }
            if line.stays() || line.field == WHERE.field {
                continue;
            }
            let value = match &line.entry {
                Entry::Folder(at, _) => {
                    json["folderId"] = self.folders.get(*at).and_then(|f| f.1.clone()).into();
                    continue;
                }
                Entry::Choice(all, at) => Ok(all.get(*at).map_or(Value::Null, |word| word.1.json(word.0))),
                Entry::Text(field) => match field.flaw() {
                    Some(flaw) => Err(flaw.into()),
                    None => parsed(&self.base.config.kind, line.field, field.text()),
                },
            };
            match value {
                Ok(value) => put(&mut json, &self.base.config.kind, line.field, value),
                Err(why) => wrong.push(Wrong { field: line.field, why }),
            }
        }
        match serde_json::from_value(json) {
            Ok(connection) => (connection, wrong),
            Err(e) => {
                wrong.push(Wrong { field: "name", why: crate::text::short(&e.to_string(), 200) });
                (self.base.clone(), wrong)
            }
        }
    }

    /// ("shell" is another word for local)
    fn is_kind(&self, kind: &str) -> bool {
        let own = self.base.config.kind.as_str();
        own == kind || (own == "shell" && kind == "local")
    }

    fn check(&mut self) {
        let (connection, mut wrong) = self.connection();
        wrong.extend(check(&connection));
        if self.opens && connection.name.is_empty() {
            wrong.retain(|w| w.field != "name");
        }
        // (nobody has had time to write anything yet)
        if self.opens && !self.tried {
            let is_empty = |field: &str| self.lines.iter().any(|l| l.field == field && l.text().is_empty());
            wrong.retain(|w| !is_empty(w.field));
        }
        if self.taken.contains(&(connection.folder_id.clone(), connection.name.clone())) {
            wrong.push(Wrong { field: "name", why: taken_by_another(&connection.name) });
        }
        self.wrong = wrong;
    }

    /// What is wrong in the field where the cursor is, or else in the first one.
    pub fn complaint(&self) -> Option<&Wrong> {
        let here = self.lines.get(self.at).map(|l| l.field);
        self.wrong.iter().find(|w| Some(w.field) == here)
    }

    fn is_changed(&self) -> bool {
        let (mut now, wrong) = self.connection();
        // (of a new one the kind alone is nothing that could be lost)
        if self.is_new() {
            now.config.kind.clone_from(&self.first.config.kind);
        }
        !wrong.is_empty() || now != self.first
    }

    /// The wish to save it; the first wrong field where there is one.
    fn save(&mut self) -> Outcome {
        if self.saving.is_some() {
            return Outcome::Stay;
        }
        self.tried = true;
        self.check();
        // (what was wrong in it before is no reason against a change of something else)
        let known = self.was.as_ref().map(check).unwrap_or_default();
        let wrong = self.wrong.iter().find(|w| !known.contains(w)).cloned();
        let (connection, _) = self.connection();
        let nameless = || Wrong { field: "name", why: "one that is kept needs a name".into() };
        if let Some(wrong) = wrong.or_else(|| (self.opens && connection.name.is_empty()).then(nameless)) {
            return self.refuse(&wrong);
        }
        let change = match &self.was {
            None => Change::Create(Box::new(connection)),
            Some(was) => {
                let json = |c: &Connection| serde_json::to_value(c).unwrap_or_default();
                let mut patch = patch(&json(was), &json(&connection));
                unalias(&was.config.kind, &mut patch);
                if patch.is_empty() {
                    return Outcome::Close;
                }
                Change::Update { id: was.id.clone(), patch }
            }
        };
        Outcome::Do(Choice::Book(self.host.clone(), change))
    }

    fn refuse(&mut self, wrong: &Wrong) -> Outcome {
        if let Some(at) = self.lines.iter().position(|l| l.field == wrong.field) {
            self.at = at;
        }
        self.failed = Some(crate::text::short(&format!("{}: {}", wrong.field, wrong.why), 300));
        Outcome::Stay
    }

    /// The wish to open it as it stands, without keeping it.
    fn open_once(&mut self) -> Outcome {
        if self.saving.is_some() {
            return Outcome::Stay;
        }
        self.tried = true;
        self.check();
        // (a name that another one has is no matter of one that is not kept)
        let taken = taken_by_another(&self.connection().0.name);
        if let Some(wrong) = self.wrong.iter().find(|w| w.why != taken).cloned() {
            return self.refuse(&wrong);
        }
        let (mut connection, _) = self.connection();
        if connection.name.is_empty() {
            connection.name = called(&connection);
        }
        Outcome::Do(Choice::Open(self.host.clone(), Box::new(connection)))
    }

    /// Where it is to be shown.
    pub fn spot(&self) -> Spot {
        match self.lines.iter().find(|l| l.field == WHERE.field).map(Line::text) {
            Some("beside") => Spot::Split(Dir::Row),
            Some("below") => Spot::Split(Dir::Column),
            _ => Spot::Tab,
        }
    }

    /// Whether what it makes may ask something while it is opened.
    pub fn asks(&self) -> bool {
        self.connection().0.asks()
    }

    /// The wish to see what its host has for this field.
    fn list(&mut self) -> Outcome {
        match self.lines.get(self.at).and_then(|l| l.listing.map(|what| (what, l.field))) {
            Some((what, field)) if self.saving.is_none() => {
                self.failed = None;
                Outcome::Do(Choice::List(self.host.clone(), what, field))
            }
            _ => Outcome::Stay,
        }
    }

    /// What is typed into a field, if anything is.
    pub fn said(&self, field: &str) -> Option<&str> {
        let line = self.lines.iter().find(|l| l.field == field)?;
        match &line.entry {
            Entry::Text(text) => Some(text.text().trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// Something was chosen for a field.
    pub fn fill_in(&mut self, field: &str, text: &str) {
        let Some(at) = self.lines.iter().position(|l| l.field == field) else { return };
        self.at = at;
        if let Some(Line { entry: Entry::Text(field), .. }) = self.lines.get_mut(at) {
            *field = Field::new(text);
        }
        self.failed = None;
        self.check();
    }

    pub(super) fn key(&mut self, key: &Key, name: &str) -> Outcome {
        let doubted = std::mem::take(&mut self.doubted);
        let last = self.lines.len() - 1;
        match name {
            "Escape" | "C-c" => {
                if doubted || !self.is_changed() {
                    return match self.saving.filter(|_| self.opens) {
                        // (nothing is asked any more for what nobody waits for)
                        Some(tag) => Outcome::Choose(Choice::Forget(self.host.clone(), tag)),
                        None => Outcome::Close,
                    };
                }
                self.doubted = true;
                return Outcome::Stay;
            }
            "C-s" => return self.save(),
            "Enter" | "C-o" if self.opens => return self.open_once(),
            "C-Space" | "C-@" | "F2" => return self.list(),
            "Enter" if self.at == last => return self.save(),
            "Enter" | "Down" | "Tab" | "C-n" => self.at = (self.at + 1).min(last),
            "Up" | "S-Tab" | "C-p" => self.at = self.at.saturating_sub(1),
            "PageDown" => self.at = (self.at + 8).min(last),
            "PageUp" => self.at = self.at.saturating_sub(8),
            _ => self.fill(key, name),
        }
        Outcome::Stay
    }

    fn fill(&mut self, key: &Key, name: &str) {
        let Some(line) = self.lines.get_mut(self.at) else { return };
        let changed = match &mut line.entry {
            Entry::Text(field) => field.key(key, name),
            Entry::Choice(all, at) => {
                let before = *at;
                match name {
                    "Right" | "Space" => *at = (*at + 1) % all.len(),
                    "Left" => *at = (*at + all.len() - 1) % all.len(),
                    _ => {
                        let begins = |c: char| all.iter().position(|a| a.0.starts_with(c));
                        *at = typed(key).and_then(begins).unwrap_or(before);
                    }
                }
                *at != before
            }
            Entry::Folder(at, path) => {
                let (before, many) = (*at, self.folders.len().max(1));
                match name {
                    "Right" | "Space" => *at = (*at + 1) % many,
                    "Left" => *at = (*at + many - 1) % many,
                    _ => {}
                }
                *path = self.folders.get(*at).map(|f| f.0.clone()).unwrap_or_default();
                *at != before
            }
        };
        if changed {
            self.failed = None;
            self.refresh();
        }
    }

    fn refresh(&mut self) {
        let kind = self.lines.iter().find(|l| l.field == "type").map(|l| l.text().to_string());
        if kind.is_some_and(|kind| !self.is_kind(&kind)) {
            // the other kind's fields; what both have stays
            let (connection, _) = self.connection();
            self.base = connection;
            self.lay();
        }
        self.check();
    }

    pub(super) fn paste(&mut self, text: &str) {
        if let Some(Line { entry: Entry::Text(field), .. }) = self.lines.get_mut(self.at) {
            field.insert(text);
            self.failed = None;
            self.check();
        }
    }

    /// A click on a line of it.
    pub fn go(&mut self, at: usize) {
        self.at = at.min(self.lines.len() - 1);
    }
}

/// What one that nobody named is called: where it leads.
fn called(connection: &Connection) -> String {
    let leads = connection.leads_to();
    let short = leads.split(" · ").next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let name = crate::text::short(short.trim(), 60);
    if check_name(&name).is_ok() { name } else { connection.config.kind.clone() }
}

fn line(shown: &Shown, entry: Entry) -> Line {
    let listing = match shown.way {
        Way::Listed(what) => Some(what),
        Way::Text | Way::Choice(_) => None,
    };
    let mut line =
        Line { field: shown.field, label: shown.label, hint: shown.hint, entry, listing, laid: Default::default() };
    line.laid = (line.text().to_string(), line.flaw().is_some());
    line
}

fn choice(all: &'static [Word], value: &str) -> Entry {
    let is = |word: &Word| match (word.1, value) {
        (Kept::Yes, "true") | (Kept::No, "false") => true,
        (_, value) => word.0 == value,
    };
    Entry::Choice(all, all.iter().position(is).unwrap_or(0))
}

fn kind_choice(kind: &str) -> Entry {
    match KIND.way {
        Way::Choice(all) => choice(all, kind),
        Way::Text | Way::Listed(_) => Entry::Choice(&[], 0),
    }
}

/// Where a field lies in a connection's JSON.
fn place(field: &str) -> Vec<&str> {
    match field {
        "name" | "tags" => vec![field],
        f if TERMINAL.iter().any(|t| t.field == f) => vec!["terminalOptions", f],
        f => vec!["config", "config", f],
    }
}

/// Takes away what a field is called elsewhere along with what is written by its own name: a host that keeps both can
/// read neither. (A list that was made sound has lost the other names; what the host keeps may not have.)
fn unalias(kind: &str, patch: &mut Map<String, Value>) {
    let fields = patch.get_mut("config").and_then(|c| c.get_mut("config")).and_then(Value::as_object_mut);
    let Some(fields) = fields else { return };
    let others: Vec<&str> = fields.keys().flat_map(|field| names::others(kind, field)).collect();
    for other in others {
        fields.entry(other).or_insert(Value::Null);
    }
}

/// What a field shows of a connection, and whether that is all there is.
fn value_of(connection: &Connection, field: &str) -> (String, bool) {
    let json = serde_json::to_value(connection).unwrap_or_default();
    let value = place(field).into_iter().try_fold(&json, |at, part| at.get(part)).filter(|v| !v.is_null());
    let config = &connection.config;
    let other = || names::others(&config.kind, field).find_map(|a| config.config.get(a)).filter(|v| !v.is_null());
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_string);
    match value.or_else(other) {
        None => (String::new(), true),
        Some(Value::Array(all)) => {
            let all: Vec<String> = all.iter().map(text).collect();
            let whole = all.iter().all(|t| is_line(t) && !t.contains(','));
            (all.join(", "), whole)
        }
        Some(Value::Object(all)) => {
            let pairs: Vec<(&String, String)> = all.iter().map(|(k, v)| (k, text(v))).collect();
            let whole = pairs.iter().all(|(k, v)| is_line(v) && is_line(k) && !k.contains(';'));
            let pair = |(k, v): (&String, String)| format!("{k}={}", v.replace(';', ";;"));
            (pairs.into_iter().map(pair).collect::<Vec<_>>().join("; "), whole)
        }
        Some(other) => {
            let text = text(other);
            let whole = !text.contains(char::is_control);
            (text, whole)
        }
    }
}

/// It stays what it is between separators.
fn is_line(text: &str) -> bool {
    !text.contains(char::is_control) && text.trim_end() == text
}

/// Texts with `;` between them; `;;` is one within.
fn split(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match all.last_mut() {
            Some(_) if c == ';' && rest.next_if_eq(&';').is_none() => all.push(String::new()),
            Some(last) => last.push(c),
            None => {}
        }
    }
    all
}

/// The text of a field as JSON; null = it is left out.
fn parsed(kind: &str, field: &str, text: &str) -> Result<Value, String> {
    let text = if field == "name" { text } else { text.trim() };
    Ok(match field {
        "name" => text.into(),
        "tags" => text.split(',').map(str::trim).filter(|t| !t.is_empty()).collect::<Vec<_>>().into(),
        _ if text.is_empty() => Value::Null,
        f if is_number(kind, f) => {
            let number = text.parse::<u64>().map_err(|_| format!("'{}' is no number", crate::text::short(text, 40)))?;
            if f == "port" {
                check_port(number)?;
            }
            number.into()
        }
        "env" => {
            let mut all = Map::new();
            for pair in split(text).iter().map(|p| p.trim()).filter(|p| !p.is_empty()) {
                let (name, value) = pair
                    .split_once('=')
                    .ok_or_else(|| format!("'{}' is no NAME=value", crate::text::short(pair, 40)))?;
                all.insert(name.trim().into(), value.into());
            }
            Value::Object(all)
        }
        _ => text.into(),
    })
}

fn put(json: &mut Value, kind: &str, field: &str, value: Value) {
    let path = place(field);
    let Some((last, before)) = path.split_last() else { return };
    let mut at = json;
    for part in before {
        let Some(object) = at.as_object_mut() else { return };
        at = object.entry(*part).or_insert_with(|| Value::Object(Map::new()));
    }
    let Some(object) = at.as_object_mut() else { return };
    names::others(kind, field).for_each(|other| drop(object.remove(other)));
    match value {
        Value::Null => drop(object.remove(*last)),
        value => drop(object.insert(last.to_string(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::keys::parse_name;
    use serde_json::json;

    fn press(form: &mut Form, keys: &[&str]) -> Outcome {
        keys.iter().map(|k| form.key(&parse_name(k).unwrap(), k)).last().unwrap_or(Outcome::Stay)
    }
    fn write(form: &mut Form, field: &str, text: &str) {
        form.go(form.lines.iter().position(|l| l.field == field).unwrap());
        press(form, &["C-u"]);
        form.paste(text);
    }
    fn saved(outcome: Outcome) -> Change {
        match outcome {
            Outcome::Do(Choice::Book(_, change)) => change,
            _ => panic!("nothing was to be saved"),
        }
    }

    #[test]
    fn a_new_one_is_filled_in() {
        let mut form = Form::new(HostId::local(), Some("f-1".into()), &[]);
        assert!(matches!(press(&mut form, &["Escape"]), Outcome::Close), "nothing was typed");
        write(&mut form, "name", "sensor");
        form.go(1);
        press(&mut form, &["Right"]);
        assert_eq!(form.wrong.iter().map(|w| w.field).collect::<Vec<_>>(), ["host"], "said while it is typed");
        write(&mut form, "host", "10.0.0.5");
        write(&mut form, "port", "99999");
        assert_eq!(form.complaint().unwrap().field, "port");
        assert!(matches!(press(&mut form, &["C-s"]), Outcome::Stay));
        write(&mut form, "port", "2222");
        write(&mut form, "env", "A=1; B=x=y");
        write(&mut form, "tags", "lab, eu");
        assert!(matches!(press(&mut form, &["Escape"]), Outcome::Stay) && form.doubted, "what was typed is not lost");
        let Change::Create(made) = saved(press(&mut form, &["C-s"])) else { panic!() };
        let wanted = json!({ "id": "", "name": "sensor", "folderId": "f-1", "tags": ["lab", "eu"],
            "config": { "type": "ssh", "config": { "host": "10.0.0.5", "port": 2222, "env": { "A": "1", "B": "x=y" } } } });
        assert_eq!(serde_json::to_value(*made).unwrap(), wanted);
    }

    #[test]
    fn a_name_that_is_taken_in_its_folder_is_said_while_it_is_typed() {
        let one = |id: &str, name: &str, folder: Option<&str>| Connection {
            id: id.into(),
            name: name.into(),
            folder_id: folder.map(str::to_string),
            config: Config { kind: "local".into(), config: Map::new() },
            ..Connection::default()
        };
        let all = [one("c-1", "web", Some("f-1")), one("c-2", "db", Some("f-1")), one("c-3", "db", Some("f-1"))];
        let mut form = Form::new(HostId::local(), Some("f-1".into()), &all);
        write(&mut form, "name", "web");
        assert!(form.complaint().unwrap().why.contains("'web'"), "{:?}", form.wrong);
        assert!(matches!(press(&mut form, &["C-s"]), Outcome::Stay));
        form.paste("2");
        assert_eq!(form.wrong, []);
        let mut form = Form::new(HostId::local(), None, &all);
        write(&mut form, "name", "web");
        assert_eq!(form.wrong, [], "in another folder");
        // one that is there keeps its own, even where another one has it
        let mut form = Form::edit(HostId::local(), &all[1], &all);
        assert_eq!(form.wrong, []);
        write(&mut form, "name", "web");
        assert_eq!(form.complaint().unwrap().field, "name");
        write(&mut form, "name", "db");
        write(&mut form, "title", "x");
        assert!(matches!(saved(press(&mut form, &["C-s"])), Change::Update { .. }));
    }

    #[test]
    fn what_was_typed_before_another_kind_was_chosen_is_not_lost() {
        let mut form = Form::new(HostId::local(), None, &[]);
        form.go(1);
        press(&mut form, &["Right"]);
        assert!(matches!(press(&mut form, &["Escape"]), Outcome::Close), "nothing was typed");
        write(&mut form, "name", "sensor");
        form.go(1);
        press(&mut form, &["Left"]);
        assert!(matches!(press(&mut form, &["Escape"]), Outcome::Stay) && form.doubted);
        let mut form = Form::new(HostId::local(), None, &[]);
        write(&mut form, "title", "the web");
        assert!(matches!(press(&mut form, &["Escape"]), Outcome::Stay) && form.doubted);
    }

    #[test]
    fn an_edit_says_what_is_another() {
        let old: Connection = serde_json::from_value(json!({ "id": "c-1", "name": "a", "later": 7,
            "config": { "type": "shell", "config": { "shell": "/bin/sh", "unknown": [1] } } }))
        .unwrap();
        let mut form = Form::edit(HostId::local(), &old, &[]);
        assert!(matches!(press(&mut form, &["C-s"]), Outcome::Close), "nothing is another");
        write(&mut form, "shell", "");
        write(&mut form, "command", "make");
        write(&mut form, "color", "red");
        let Change::Update { id, patch } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(id, "c-1");
        assert_eq!(patch.get("config").unwrap()["config"], json!({ "shell": null, "command": "make" }));
        assert_eq!(patch.get("terminalOptions"), Some(&json!({ "color": "red" })));
        assert!(!patch.contains_key("later") && !patch.contains_key("name"));
        // of a kind of later builds the name can be changed, and nothing else is touched
        let other: Connection = serde_json::from_value(json!({ "id": "c-2", "name": "u", "config": { "type": "modem",
            "config": { "port": "/dev/ttyUSB0" } } }))
        .unwrap();
        let mut form = Form::edit(HostId::local(), &other, &[]);
        write(&mut form, "name", "uart");
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(Value::Object(patch), json!({ "name": "uart" }));
    }

    #[test]
    fn every_kind_is_made_and_read_again() {
        let kept = |kind: &str, fields: &[(&str, &str)]| {
            let mut form = Form::open(HostId::local(), kind, None, &[], Vec::new());
            write(&mut form, "name", "n");
            for (field, value) in fields {
                let at = form.lines.iter().position(|l| l.field == *field).unwrap();
                form.go(at);
                match form.lines[at].is_choice() {
                    true => {
                        while form.lines[at].text() != *value {
                            press(&mut form, &["Right"]);
                        }
                    }
                    false => write(&mut form, field, value),
                }
            }
            assert_eq!(form.wrong, [], "{kind}");
            let Change::Create(made) = saved(press(&mut form, &["C-s"])) else { panic!() };
            let again = Form::edit(HostId::local(), &made, &[]);
            for (field, value) in fields {
                assert_eq!(again.lines.iter().find(|l| l.field == *field).unwrap().text(), *value, "{kind} {field}");
            }
            assert!(made.config.kind().is_ok());
            Value::Object(made.config.config.clone())
        };
        let serial = [
            ("port", "/dev/ttyUSB0"),
            ("baudRate", "9600"),
            ("dataBits", "7"),
            ("parity", "even"),
            ("stopBits", "2"),
            ("flowControl", "hardware"),
            ("dtr", "off"),
            ("rts", "on"),
            ("hex", "yes"),
            ("lineEnding", "crlf"),
        ];
        assert_eq!(
            kept("serial", &serial),
            json!({ "port": "/dev/ttyUSB0", "baudRate": 9600, "dataBits": 7, "parity": "even", "stopBits": 2,
                "flowControl": "hardware", "dtr": false, "rts": true, "hex": true, "lineEnding": "crlf" })
        );
        let image = [("image", "debian:12"), ("containerName", "box"), ("remove", "yes"), ("env", "A=1")];
        assert_eq!(
            kept("docker", &image),
            json!({ "image": "debian:12", "containerName": "box", "remove": true, "env": { "A": "1" } })
        );
        assert_eq!(
            kept("telnet", &[("host", "10.0.0.2"), ("port", "2323"), ("mode", "line")]),
            json!({ "host": "10.0.0.2", "port": 2323, "mode": "line" })
        );
    }

    #[test]
    fn one_is_opened_once_or_kept() {
        let open = |form: &mut Form, keys: &[&str]| match press(form, keys) {
            Outcome::Do(Choice::Open(_, connection)) => *connection,
            _ => panic!("{:?}", form.failed),
        };
        let mut form = Form::open(HostId::local(), "telnet", None, &[], vec![("Lab".into(), "f-1".into())]);
        assert_eq!(form.wrong, [], "nobody has written anything yet");
        assert_eq!((form.lines[form.at].field, form.lines[0].field), ("host", "type"));
        assert!(matches!(press(&mut form, &["Enter"]), Outcome::Stay) && form.failed.is_some(), "it leads nowhere");
        form.paste("10.0.0.2");
        let made = open(&mut form, &["Enter"]);
        assert_eq!((made.name.as_str(), made.config.kind.as_str()), ("10.0.0.2", "telnet"));
        assert_eq!(form.spot(), Spot::Tab);
        // what was typed stays when it can't be opened
        form.failed = Some("refused".into());
        open(&mut form, &["C-o"]);
        // without a name it is not kept
        assert!(matches!(press(&mut form, &["C-s"]), Outcome::Stay));
        assert_eq!(form.lines[form.at].field, "name");
        form.paste("switch");
        press(&mut form, &["Down", "Right"]);
        let kept = |c: &Connection| c.name == "switch" && c.folder_id.as_deref() == Some("f-1");
        assert!(matches!(saved(press(&mut form, &["C-s"])), Change::Create(c) if kept(&c)));
        form.saving = None;
        form.go(form.lines.iter().position(|l| l.field == "where").unwrap());
        press(&mut form, &["Right"]);
        // another kind: where it is shown, and its name, stay
        form.go(0);
        press(&mut form, &["s"]);
        press(&mut form, &["Right"]);
        assert_eq!((form.base.config.kind.as_str(), form.spot()), ("serial", Spot::Split(Dir::Row)));
        write(&mut form, "port", "");
        assert!(matches!(press(&mut form, &["F2"]), Outcome::Do(Choice::List(_, Listing::Ports, "port"))));
        form.fill_in("port", "/dev/ttyUSB0");
        write(&mut form, "name", "");
        assert_eq!(open(&mut form, &["C-o"]).name, "ttyUSB0");
    }

    #[test]
    fn what_is_not_touched_stays_as_it_is() {
        let env = json!({ "A": "x;y", "B": " blank", "C": "back\\slash;", "D": "" });
        let old: Connection = serde_json::from_value(json!({ "id": "c-1", "name": "a", "tags": ["x"],
            "config": { "type": "local", "config": { "env": env } } }))
        .unwrap();
        let edit = || Form::edit(HostId::local(), &old, &[]);
        let mut form = edit();
        assert!(matches!(press(&mut form, &["Escape"]), Outcome::Close), "nothing was typed");
        write(&mut form, "name", "b");
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(Value::Object(patch), json!({ "name": "b" }));
        // what is typed behind a value leaves the others as they are
        let mut form = edit();
        form.go(form.lines.iter().position(|l| l.field == "env").unwrap());
        form.paste("; F=new; G=x;;y");
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(patch["config"]["config"], json!({ "env": { "F": "new", "G": "x;y" } }));
        // lines can't be kept by a field: they are not lost unseen
        let mut lines = old.clone();
        lines.config.config["env"]["L"] = "two\nlines".into();
        let mut form = Form::edit(HostId::local(), &lines, &[]);
        write(&mut form, "name", "b");
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(Value::Object(patch), json!({ "name": "b" }));
        form.go(form.lines.iter().position(|l| l.field == "env").unwrap());
        form.paste("; F=new");
        assert!(matches!(press(&mut form, &["C-s"]), Outcome::Stay));
        assert!(form.complaint().unwrap().why.contains("lines"), "{:?}", form.wrong);
        write(&mut form, "env", "F=new");
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(patch["config"]["config"]["env"]["L"], Value::Null);
    }

    #[test]
    fn what_was_wrong_before_is_no_reason_against_another_name() {
        let old: Connection = serde_json::from_value(json!({ "id": "c-1", "name": "a",
            "config": { "type": "ssh", "config": { "host": "a b", "keyPath": "id" } } }))
        .unwrap();
        let mut form = Form::edit(HostId::local(), &old, &[]);
        write(&mut form, "name", "b");
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(Value::Object(patch), json!({ "name": "b" }));
        // but what is typed is to be right
        write(&mut form, "host", "a c");
        assert!(matches!(press(&mut form, &["C-s"]), Outcome::Stay));
        assert_eq!(form.lines[form.at].field, "host");
        write(&mut form, "host", "ab");
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(patch["config"], json!({ "config": { "host": "ab", "hostName": null } }));
    }

    #[test]
    fn what_is_too_long_for_a_field_is_not_lost() {
        let long = "x".repeat(40 << 10);
        let old: Connection = serde_json::from_value(json!({ "id": "c-1", "name": "a",
            "config": { "type": "local", "config": { "env": { "A": long } } } }))
        .unwrap();
        let mut form = Form::edit(HostId::local(), &old, &[]);
        write(&mut form, "name", "b");
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(Value::Object(patch), json!({ "name": "b" }));
        // a word typed there can't stand for all that is not shown
        form.go(form.lines.iter().position(|l| l.field == "env").unwrap());
        form.paste("B=1");
        assert!(matches!(press(&mut form, &["C-s"]), Outcome::Stay));
        assert!(form.complaint().unwrap().why.contains("C-u"), "{:?}", form.wrong);
        // but it can be emptied
        press(&mut form, &["C-u"]);
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(patch["config"]["config"], json!({ "env": { "A": null } }));
        // and what did not fit while it was typed is said
        write(&mut form, "command", &"y".repeat(40 << 10));
        assert!(matches!(press(&mut form, &["C-s"]), Outcome::Stay));
        assert!(form.complaint().unwrap().why.contains("longer"), "{:?}", form.wrong);
    }

    #[test]
    fn fields_as_others_call_them() {
        let old: Connection = serde_json::from_value(json!({ "id": "c-1", "name": "a", "config": { "type": "ssh",
            "config": { "host": "h", "key_path": "/k", "jump": "j", "cwd": "/srv" } } }))
        .unwrap();
        let mut form = Form::edit(HostId::local(), &old, &[]);
        let shown = |field: &str, form: &Form| form.lines.iter().find(|l| l.field == field).unwrap().text().to_string();
        assert_eq!(["keyPath", "proxyJump", "startingDirectory"].map(|f| shown(f, &form)), ["/k", "j", "/srv"]);
        write(&mut form, "keyPath", "/other");
        write(&mut form, "proxyJump", "");
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(
            patch["config"]["config"],
            json!({ "keyPath": "/other", "key_path": null, "identityFile": null, "jump": null })
        );
        // also where the list was made sound on its way here
        let mut sound = old.clone();
        let path = sound.config.config.remove("key_path").unwrap();
        sound.config.config.insert("keyPath".into(), path);
        let mut form = Form::edit(HostId::local(), &sound, &[]);
        write(&mut form, "keyPath", "/other");
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(patch["config"]["config"], json!({ "keyPath": "/other", "key_path": null, "identityFile": null }));
    }
}
