//! Owns the form of a prepared connection: its fields, what is typed, what is wrong while it is typed. State in, outcome
//! out. Leaves out drawing it, and saving.

use super::field::Field;
use super::{Choice, Outcome};
use crate::client::book::{Change, patch};
use crate::client::host::HostId;
use crate::client::keymap::typed;
use crate::proto::control::connections::check::{Wrong, check, check_port, taken_by_another};
use crate::proto::control::connections::{Config, Connection};
use crate::term::input::Key;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// How a field is filled in.
enum Entry {
    Text(Field),
    /// One of these, in this order; the first is what is meant by nothing.
    Choice(&'static [&'static str], usize),
}

pub struct Line {
    /// As in connections.json.
    pub field: &'static str,
    pub label: &'static str,
    /// What it is for, while it is filled in.
    pub hint: &'static str,
    entry: Entry,
    /// What stood there when it was laid out, and whether that is not all of what is kept.
    laid: (String, bool),
}

impl Line {
    /// What stands there.
    pub fn text(&self) -> &str {
        match &self.entry {
            Entry::Text(field) => field.text(),
            Entry::Choice(all, at) => all.get(*at).copied().unwrap_or_default(),
        }
    }
    pub fn is_choice(&self) -> bool {
        matches!(self.entry, Entry::Choice(..))
    }
    /// Why what stands there can't be kept.
    fn flaw(&self) -> Option<&'static str> {
        match &self.entry {
            Entry::Text(field) => field.flaw(),
            Entry::Choice(..) => None,
        }
    }
    /// Nobody touched it: what is kept stays, whether a line can show it or not.
    fn stays(&self) -> bool {
        self.text() == self.laid.0 && self.flaw().is_some() == self.laid.1
    }
}

pub struct Form {
    pub host: HostId,
    /// As it was, for one that is there already.
    was: Option<Connection>,
    /// What it is made from: fields the form does not show stay as they are.
    base: Connection,
    /// The same, before anything was typed.
    first: Connection,
    /// Names of the others in its folder, as far as this was told of them.
    taken: HashSet<String>,
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

const KINDS: &[&str] = &["local", "ssh"];
const POLICIES: &[&str] = &["", "latest", "smallest", "largest", "fixed"];
const SWITCH: &[&str] = &["no", "yes"];

/// Said of a field that shows less than is kept, once somebody writes in it.
const MORE_LINES: &str =
    "it has lines or blanks that are not shown here: C-u writes it anew, thub conn edit changes it";
const MORE_TEXT: &str = "it is longer than this form can show: C-u writes it anew, thub conn edit changes it";

type Shown = (&'static str, &'static str, &'static str);
const NAME: Shown = ("name", "Name", "what the tree calls it");
const KIND: Shown = ("type", "Kind", "a shell of that machine, or a host it reaches");
const LOCAL: &[Shown] = &[
    ("shell", "Shell", "empty: your own; a path"),
    ("command", "Command", "run by the shell in its own stead"),
    ("initialCommand", "Type first", "typed into the shell once it is there"),
    ("startingDirectory", "Directory", "empty: home; /path or ~/path"),
    ("env", "Environment", "NAME=value; more behind a ; and ;; is one in a value"),
];
const SSH: &[Shown] = &[
    ("host", "Host", "a name, an address, an alias of ssh_config there"),
    ("port", "Port", "empty: as ssh_config says, else 22"),
    ("username", "User", "empty: as ssh_config says"),
    ("keyPath", "Key file", "on that machine; empty: as ssh_config says"),
    ("proxyJump", "Jump hosts", "user@host:port, more behind a comma"),
    ("forwardAgent", "Lend ssh-agent", "programs there may use yours"),
    ("enableX11Forwarding", "Lend display", "X11 programs there show here"),
    ("command", "Command", "run there in the shell's stead"),
    ("startingDirectory", "Directory", "empty: home there"),
    ("env", "Environment", "NAME=value; as far as its sshd takes them"),
];
const TERMINAL: &[Shown] = &[
    ("tags", "Tags", "behind each other with commas"),
    ("title", "Title", "in place of what the program calls itself"),
    ("color", "Colour", "#rrggbb, or red, green, yellow, blue, magenta, cyan"),
    ("term", "TERM", "empty: xterm-256color"),
    ("encoding", "Encoding", "empty: UTF-8; iso-8859-1, shift_jis, koi8-r"),
    ("scrollbackBuffer", "History", "lines kept, 0 to 1000000"),
    ("ringBufferSize", "Raw output", "bytes kept, 4096 to 1073741824"),
    ("sizePolicy", "Size", "whose window decides, where several look"),
];

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

    /// For one that is there.
    pub fn edit(host: HostId, connection: &Connection, all: &[Connection]) -> Form {
        Form::of(host, connection.clone(), Some(connection.clone()), all)
    }

    fn of(host: HostId, base: Connection, was: Option<Connection>, all: &[Connection]) -> Form {
        // (one that has the name of another one already may keep it)
        let mut taken: HashSet<String> =
            all.iter().filter(|c| c.folder_id == base.folder_id).map(|c| c.name.clone()).collect();
        if let Some(was) = &was {
            taken.remove(&was.name);
        }
        let mut form = Form {
            host,
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
        let own: &[Shown] = match kind {
            "local" => LOCAL,
            "ssh" => SSH,
            // of a kind that is not known here its name and its terminal can be changed
            _ => &[],
        };
        let text = |shown: &Shown| {
            let (value, whole) = value_of(base, shown.0);
            let entry = match shown.0 {
                "sizePolicy" => choice(POLICIES, &value),
                "forwardAgent" | "enableX11Forwarding" => choice(SWITCH, &value),
                _ => {
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
        self.lines = vec![text(&NAME)];
        if !own.is_empty() {
            self.lines.push(line(&KIND, choice(KINDS, kind)));
        }
        self.lines.extend(own.iter().chain(TERMINAL).map(text));
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
            if line.stays() {
                continue;
            }
            match line.flaw().map_or_else(|| parsed(line.field, line.text()), |flaw| Err(flaw.into())) {
                Ok(value) => put(&mut json, line.field, value),
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
        if self.taken.contains(&connection.name) {
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
        self.check();
        // (what was wrong in it before is no reason against a change of something else)
        let known = self.was.as_ref().map(check).unwrap_or_default();
        if let Some(wrong) = self.wrong.iter().find(|w| !known.contains(w)) {
            if let Some(at) = self.lines.iter().position(|l| l.field == wrong.field) {
                self.at = at;
            }
            self.failed = Some(crate::text::short(&format!("{}: {}", wrong.field, wrong.why), 300));
            return Outcome::Stay;
        }
        let (connection, _) = self.connection();
        let change = match &self.was {
            None => Change::Create(Box::new(connection)),
            Some(was) => {
                let json = |c: &Connection| serde_json::to_value(c).unwrap_or_default();
                let mut patch = patch(&json(was), &json(&connection));
                unalias(&mut patch);
                if patch.is_empty() {
                    return Outcome::Close;
                }
                Change::Update { id: was.id.clone(), patch }
            }
        };
        Outcome::Do(Choice::Book(self.host.clone(), change))
    }

    pub(super) fn key(&mut self, key: &Key, name: &str) -> Outcome {
        let doubted = std::mem::take(&mut self.doubted);
        let last = self.lines.len() - 1;
        match name {
            "Escape" | "C-c" => {
                if doubted || !self.is_changed() {
                    return Outcome::Close;
                }
                self.doubted = true;
                return Outcome::Stay;
            }
            "C-s" => return self.save(),
            "Enter" if self.at == last => return self.save(),
            "Enter" | "Down" | "Tab" | "C-n" => self.at = (self.at + 1).min(last),
            "Up" | "BTab" | "S-Tab" | "C-p" => self.at = self.at.saturating_sub(1),
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
                        let begins = |c: char| all.iter().position(|a| a.starts_with(c));
                        *at = typed(key).and_then(begins).unwrap_or(before);
                    }
                }
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

fn line(shown: &Shown, entry: Entry) -> Line {
    let mut line = Line { field: shown.0, label: shown.1, hint: shown.2, entry, laid: Default::default() };
    line.laid = (line.text().to_string(), line.flaw().is_some());
    line
}

fn choice(all: &'static [&'static str], value: &str) -> Entry {
    let value = if value == "true" { "yes" } else { value };
    Entry::Choice(all, all.iter().position(|a| *a == value).unwrap_or(0))
}

const NUMBERS: [&str; 3] = ["port", "scrollbackBuffer", "ringBufferSize"];

/// Where a field lies in a connection's JSON.
fn place(field: &str) -> Vec<&str> {
    match field {
        "name" | "tags" => vec![field],
        f if TERMINAL.iter().any(|t| t.0 == f) => vec!["terminalOptions", f],
        f => vec!["config", "config", f],
    }
}

/// Other words that fields of `config` are read by.
fn aliases(field: &str) -> &'static [&'static str] {
    match field {
        "initialCommand" => &["initial_command"],
        "startingDirectory" => &["starting_directory", "cwd"],
        "keyPath" => &["key_path"],
        "proxyJump" => &["jump"],
        _ => &[],
    }
}

/// Takes away what a field is called elsewhere along with what is written by its own name: a host that keeps both can
/// read neither. (A list that was made sound has lost the other names; what the host keeps may not have.)
fn unalias(patch: &mut Map<String, Value>) {
    let fields = patch.get_mut("config").and_then(|c| c.get_mut("config")).and_then(Value::as_object_mut);
    let Some(fields) = fields else { return };
    let others: Vec<&str> = fields.keys().flat_map(|field| aliases(field)).copied().collect();
    for other in others {
        fields.entry(other).or_insert(Value::Null);
    }
}

/// What a field shows of a connection, and whether that is all there is.
fn value_of(connection: &Connection, field: &str) -> (String, bool) {
    let json = serde_json::to_value(connection).unwrap_or_default();
    let value = place(field).into_iter().try_fold(&json, |at, part| at.get(part)).filter(|v| !v.is_null());
    let other = || aliases(field).iter().find_map(|a| connection.config.config.get(*a)).filter(|v| !v.is_null());
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
fn parsed(field: &str, text: &str) -> Result<Value, String> {
    let text = if field == "name" { text } else { text.trim() };
    Ok(match field {
        "name" => text.into(),
        "tags" => text.split(',').map(str::trim).filter(|t| !t.is_empty()).collect::<Vec<_>>().into(),
        "forwardAgent" | "enableX11Forwarding" if text == "yes" => true.into(),
        "forwardAgent" | "enableX11Forwarding" => Value::Null,
        _ if text.is_empty() => Value::Null,
        f if NUMBERS.contains(&f) => {
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

fn put(json: &mut Value, field: &str, value: Value) {
    let path = place(field);
    let Some((last, before)) = path.split_last() else { return };
    let mut at = json;
    for part in before {
        let Some(object) = at.as_object_mut() else { return };
        at = object.entry(*part).or_insert_with(|| Value::Object(Map::new()));
    }
    let Some(object) = at.as_object_mut() else { return };
    aliases(field).iter().for_each(|other| drop(object.remove(*other)));
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
        let other: Connection = serde_json::from_value(json!({ "id": "c-2", "name": "u", "config": { "type": "serial",
            "config": { "port": "/dev/ttyUSB0" } } }))
        .unwrap();
        let mut form = Form::edit(HostId::local(), &other, &[]);
        write(&mut form, "name", "uart");
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(Value::Object(patch), json!({ "name": "uart" }));
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
        assert_eq!(patch["config"], json!({ "config": { "host": "ab" } }));
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
        assert_eq!(patch["config"]["config"], json!({ "keyPath": "/other", "key_path": null, "jump": null }));
        // also where the list was made sound on its way here
        let mut sound = old.clone();
        let path = sound.config.config.remove("key_path").unwrap();
        sound.config.config.insert("keyPath".into(), path);
        let mut form = Form::edit(HostId::local(), &sound, &[]);
        write(&mut form, "keyPath", "/other");
        let Change::Update { patch, .. } = saved(press(&mut form, &["C-s"])) else { panic!() };
        assert_eq!(patch["config"]["config"], json!({ "keyPath": "/other", "key_path": null }));
    }
}
