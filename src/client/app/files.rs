//! Owns what the file browser's keys do: places, copies, names, permissions. Leaves out the columns themselves (`browser`),
//! what comes back (`files/news.rs`), the queue (`files/queue.rs`), edits (`files/edit.rs`) and the work (`errands`).

mod edit;
mod news;
mod queue;

pub use edit::MOST as MOST_EDITED;

use super::{App, Effect};
use crate::client::browser::column::Column;
use crate::client::browser::edits::{Edit, Keep, Open};
use crate::client::browser::keys::{Act, DEEDS, act};
use crate::client::browser::queue::{self as jobs, Panel, Queue, Wanted};
use crate::client::browser::viewer::Viewer;
use crate::client::browser::{Browser, mode, parent, sized};
use crate::client::errands::Errand;
use crate::client::files::Whose;
use crate::client::files::job::Conflict;
use crate::client::host::{HostCommand, HostId};
use crate::client::keymap::{shown, word};
use crate::client::layer::entry::Entry;
use crate::client::layer::field::Field;
use crate::client::layer::picker::{Item, Picker};
use crate::client::layer::{Choice, Layer, Outcome};
use crate::client::layout::PaneId;
use crate::client::pane::Pane;
use crate::client::tree::{self, host_text};
use crate::client::view;
use crate::proto::control::SessionCreate;
use crate::proto::control::connections::{Config, Connection, Kind};
use crate::proto::control::{FileInfo, FileKind, FileName, FilePath, Place};
use crate::term::input::{Button, Key, Mouse, MouseKind};
use crate::term::keys;
use crate::text::{count, short};
use std::collections::HashMap;
use std::time::Duration;

/// A second click within this is a double click.
const DOUBLE: Duration = Duration::from_millis(400);
/// Bytes of a path in a message.
const PATH: usize = 80;

/// All the app knows of files.
#[derive(Default)]
pub struct Files {
    /// Kept while it is closed.
    pub browser: Option<Box<Browser>>,
    pub queue: Queue,
    pub edits: Vec<Open>,
    /// What is to be done once an errand is back.
    after: HashMap<u64, After>,
    /// A person said that copies may be left.
    pub leaving: bool,
}

/// What an errand was for.
pub(super) enum After {
    /// Columns that show this directory are read again, the cursor on this name.
    Refresh(Whose, FilePath, Option<FileName>),
    Facts(String),
    Edit,
    PutBack(Box<Edit>),
    Bookmarks(Whose),
    Paste(PaneId),
}

/// What a menu of the browser offers.
#[derive(Clone)]
pub enum FileWish {
    Act(Act),
    /// Another place in the active column.
    Go(Whose, FilePath),
    /// A prepared connection's files, in the active column.
    Reach(HostId, String),
    Bookmark(Whose, FilePath, bool),
    Start(Wanted),
    /// The answer to a job that asked.
    Answer(u64, u64, Conflict, bool),
    Cancel(u64),
    Keep(Box<Edit>, Keep),
}

/// What a name (or the like) being typed is for.
#[derive(Clone)]
pub enum Naming {
    MakeDir(Whose, FilePath),
    Rename(Whose, FilePath, FileName),
    /// A copy beside what it is of.
    CopyAs(Wanted),
    Mode(Whose, FilePath, Vec<FileName>),
    GoTo(Whose, FilePath),
    Pattern,
}

impl Naming {
    /// What the text means, in words (empty = it says itself); or why it can't be.
    pub fn check(&self, text: &str) -> Result<String, String> {
        match self {
            Naming::MakeDir(..) | Naming::CopyAs(_) | Naming::Rename(..) => match FileName::new(text) {
                Err(_) if text.is_empty() => Err("a name".into()),
                Ok(_) => Ok(String::new()),
                Err(why) => Err(why.to_string()),
            },
            Naming::Mode(..) => mode::parse(text).map(|m| format!("{m:04o}  {}", mode::text(m))).map_err(Into::into),
            Naming::GoTo(..) if text.is_empty() => Err("/path, ~/path, or a path from here".into()),
            Naming::GoTo(..) => FilePath::new(text).map(|_| String::new()).map_err(|e| e.to_string()),
            Naming::Pattern if text.is_empty() => Err("*.log, data-??.csv".into()),
            Naming::Pattern => Ok(String::new()),
        }
    }
}

/// `3 files and 1 directory`, or the one name; escaped.
pub(super) fn what(infos: &[&FileInfo]) -> String {
    if let [one] = infos {
        let kind = if one.kind == FileKind::Dir { "directory " } else { "" };
        return format!("{kind}'{}'", short(&one.name.to_string(), 60));
    }
    let dirs = infos.iter().filter(|i| i.kind == FileKind::Dir).count();
    match (infos.len() - dirs, dirs) {
        (files, 0) => count(files, "file"),
        (0, 1) => "1 directory".into(),
        (0, dirs) => format!("{dirs} directories"),
        (files, 1) => format!("{} and 1 directory", count(files, "file")),
        (files, dirs) => format!("{} and {dirs} directories", count(files, "file")),
    }
}

/// A path as it is shown: home is `~`.
pub fn path_text(path: &FilePath) -> String {
    if path.is_empty() { "~".into() } else { path.to_string() }
}

impl App {
    /// A host's own files.
    pub(in crate::client) fn files_of(&self, host: &HostId) -> Whose {
        Whose::host(host.clone())
    }

    /// The files that the program of a pane sees, and the directory it is in, as far as that is known.
    fn files_at(&self, pane: &Pane) -> (Whose, FilePath) {
        let info = pane.info.as_deref();
        let mut whose = self.files_of(&pane.host);
        let without = self.hosts.get(&pane.host).is_some_and(|h| h.state.is_without_agent());
        // (where the host itself is reached by a target, its own files are meant)
        if let Some(info) = info.filter(|i| !i.target.is_empty() && !without) {
            whose.place = match (self.place_of(&pane.host, &info.connection_id), info.target.parse()) {
                (Some(place), _) => place,
                (None, Ok(target)) => Place::of_target(target),
                (None, Err(_)) => Place::default(),
            };
            whose.label = self.via(&pane.host, &info.connection);
        }
        // (of a target its sessions' directory is known only by what the shell says)
        let cwd = info.map(|i| i.cwd.as_str()).filter(|cwd| cwd.starts_with('/')).unwrap_or_default();
        let path = FilePath::new(cwd).unwrap_or_default();
        (whose, path)
    }

    /// Where a prepared connection leads, as the agent that keeps it is told; a team's is told as it is.
    fn place_of(&self, host: &HostId, id: &str) -> Option<Place> {
        let own = self.connection(host, id).filter(|_| !id.is_empty());
        match own {
            Some(_) if !self.teams.contains_key(host) => Some(Place::of_connection(id)),
            own => match own.or_else(|| self.of_a_team(id))?.config.kind() {
                Ok(Kind::Ssh(ssh)) => Some(Place { ssh: Some(Box::new(ssh)), ..Place::default() }),
                _ => None,
            },
        }
    }

    /// A name of a place behind a host.
    fn via(&self, host: &HostId, name: &str) -> String {
        if host.is_local() { name.to_string() } else { format!("{name} via {}", host_text(host)) }
    }

    pub(super) fn errand(&mut self, errand: Errand, out: &mut Vec<Effect>) -> u64 {
        self.next_tag += 1;
        out.push(Effect::Files(self.next_tag, errand));
        self.next_tag
    }
    fn errand_then(&mut self, errand: Errand, after: After, out: &mut Vec<Effect>) {
        let tag = self.errand(errand, out);
        self.files.after.insert(tag, after);
    }

    /// Whether the browser takes the keys, or would if nothing lay over it.
    pub fn browsing(&self) -> bool {
        self.layers.iter().any(|l| matches!(l, Layer::Browser))
    }

    /// Opens the browser: the focused pane's directory on the left; on the right what was there before, else home.
    pub(in crate::client) fn browse(&mut self, out: &mut Vec<Effect>) {
        let (whose, path) = match self.focused() {
            Some(pane) => self.files_at(pane),
            None => (self.files_of(&HostId::local()), FilePath::default()),
        };
        self.browse_at(whose, path, out);
    }

    /// The same with this on the left.
    pub(in crate::client) fn browse_at(&mut self, whose: Whose, path: FilePath, out: &mut Vec<Effect>) {
        self.dirty = true;
        let fresh = self.files.browser.is_none();
        if fresh {
            let right = self.files_of(&HostId::local());
            self.files.browser = Some(Box::new(Browser::new(whose.clone(), right)));
        }
        let Some(browser) = &mut self.files.browser else { return };
        browser.active = 0;
        browser.typing = None;
        browser.followed = Some((whose.clone(), path.to_string()));
        self.layers.retain(|l| !matches!(l, Layer::Browser));
        self.layers.push(Layer::Browser);
        self.enter(0, whose, path, None, out);
        if fresh {
            self.enter(1, self.files_of(&HostId::local()), FilePath::default(), None, out);
        } else {
            self.read_again(1, None, out);
        }
    }

    /// A tree row's files.
    pub(in crate::client) fn browse_place(&mut self, place: &tree::Place, out: &mut Vec<Effect>) {
        match place {
            tree::Place::Host(host) | tree::Place::Folder(host, _) if !self.teams.contains_key(host) => {
                let whose = self.files_of(host);
                self.browse_at(whose, FilePath::default(), out);
            }
            tree::Place::Session(host, session) => {
                let pane = self.pane_of(host, session).and_then(|id| self.panes.get(&id));
                let (whose, path) = match pane {
                    Some(pane) => self.files_at(pane),
                    None => (self.files_of(host), FilePath::default()),
                };
                self.browse_at(whose, path, out);
            }
            tree::Place::Connection(host, id) => self.browse_connection(None, host, id, out),
            _ => self.say("there are no files: choose a host or a connection"),
        }
    }

    /// The files that a prepared connection leads to: on the left of a browser that opens, or in one of its columns.
    fn browse_connection(&mut self, side: Option<usize>, host: &HostId, id: &str, out: &mut Vec<Effect>) {
        let Some(connection) = self.connection(host, id).cloned() else { return };
        let (name, on) = (short(&connection.name, 60), self.runs_on(host));
        match connection.config.kind() {
            Ok(Kind::Local(local)) => {
                let whose = self.files_of(&on);
                self.show_files(side, whose, typed_path(&local.starting_directory.unwrap_or_default()), out);
            }
            Ok(Kind::Ssh(ssh)) => {
                let place = self.place_of(host, id).unwrap_or_default();
                let whose = Whose { label: self.via(&on, &connection.name), host: on, place };
                self.show_files(side, whose, typed_path(&ssh.starting_directory.unwrap_or_default()), out);
            }
            Ok(Kind::Other(kind)) => self.say(format!("not applicable: {} has no files ({})", name, short(&kind, 20))),
            Err(why) => self.say_long(format!("{name}: {why}")),
        }
    }

    fn show_files(&mut self, side: Option<usize>, whose: Whose, path: FilePath, out: &mut Vec<Effect>) {
        match side.filter(|_| self.browsing()) {
            Some(side) => self.enter(side, whose, path, None, out),
            None => self.browse_at(whose, path, out),
        }
    }

    fn column(&self, side: usize) -> Option<&Column> {
        self.files.browser.as_ref()?.columns.get(side)
    }
    fn column_mut(&mut self, side: usize) -> Option<&mut Column> {
        self.files.browser.as_mut()?.columns.get_mut(side)
    }

    fn enter(&mut self, side: usize, whose: Whose, path: FilePath, on: Option<FileName>, out: &mut Vec<Effect>) {
        self.ensure(&whose.host, out);
        let tag = self.errand(Errand::List { whose: whose.clone(), path: path.clone() }, out);
        let Some(column) = self.column_mut(side) else { return };
        if let Some(old) = column.enter(whose, path, on, tag) {
            out.push(Effect::Files(old, Errand::Stop));
        }
    }

    fn read_again(&mut self, side: usize, on: Option<FileName>, out: &mut Vec<Effect>) {
        let Some(column) = self.column(side) else { return };
        let list = Errand::List { whose: column.whose.clone(), path: column.path.clone() };
        self.ensure(&column.whose.host.clone(), out);
        let tag = self.errand(list, out);
        let Some(column) = self.column_mut(side) else { return };
        if let Some(old) = column.again(on, tag) {
            out.push(Effect::Files(old, Errand::Stop));
        }
    }

    /// Every column that shows a directory is read again.
    pub(super) fn refresh_files(
        &mut self,
        whose: &Whose,
        dir: &FilePath,
        on: Option<&FileName>,
        out: &mut Vec<Effect>,
    ) {
        let same = |c: &Column| c.whose.same_as(whose) && c.path == *dir;
        for side in 0..2 {
            if self.column(side).is_some_and(same) {
                self.read_again(side, on.cloned(), out);
            }
        }
    }

    fn close_browser(&mut self, out: &mut Vec<Effect>) {
        self.layers.retain(|l| !matches!(l, Layer::Browser));
        let Some(browser) = &mut self.files.browser else { return };
        browser.typing = None;
        for tag in browser.columns.iter_mut().filter_map(Column::leave) {
            out.push(Effect::Files(tag, Errand::Stop));
        }
    }

    /// The left column goes where the focused pane's shell went.
    pub(super) fn follow_directory(&mut self, out: &mut Vec<Effect>) {
        let follows = self.files.browser.as_ref().is_some_and(|b| b.follow) && self.browsing();
        let Some(pane) = self.focused().filter(|_| follows) else { return };
        let (whose, path) = self.files_at(pane);
        let at = Some((whose.clone(), path.to_string()));
        let Some(browser) = self.files.browser.as_mut().filter(|b| !path.is_empty() && b.followed != at) else {
            return;
        };
        browser.followed = at;
        self.enter(0, whose, path, None, out);
    }

    /// A key for the browser.
    pub(super) fn browser_key(&mut self, key: &Key, out: &mut Vec<Effect>) {
        let key = &keys::simplified(key);
        let name = word(key);
        let room = view::browser::room(self);
        let Some(browser) = &mut self.files.browser else { return };
        if let Some(field) = &mut browser.typing {
            match name.as_str() {
                "Escape" | "C-c" => {
                    browser.typing = None;
                    browser.here_mut().set_filter("");
                }
                "Enter" | "Tab" | "Down" | "Up" => browser.typing = None,
                _ => {
                    if field.key(key, &name) {
                        let text = field.text().to_string();
                        browser.here_mut().set_filter(&text);
                    }
                }
            }
        } else {
            let column = browser.here_mut();
            let page = room.max(2) as i64 - 1;
            match name.as_str() {
                "Up" | "k" | "C-p" => column.step(-1),
                "Down" | "j" | "C-n" => column.step(1),
                "PageUp" | "C-b" | "C-u" => column.step(-page),
                "PageDown" | "C-f" | "C-d" => column.step(page),
                "Home" | "g" => column.step(i64::MIN / 2),
                "End" | "G" => column.step(i64::MAX / 2),
                // first what narrows the view, then the view
                "Escape" if !column.filter().is_empty() => column.set_filter(""),
                "Escape" if column.selected().0 > 0 => column.select_none(),
                _ => {
                    if let Some(act) = act(&name) {
                        self.act(act, out);
                    }
                }
            }
        }
        if let Some(browser) = &mut self.files.browser {
            browser.columns.iter_mut().for_each(|c| c.keep_in_sight(room));
        }
    }

    pub(super) fn browser_paste(&mut self, text: &str) {
        let Some(browser) = &mut self.files.browser else { return };
        if let Some(field) = &mut browser.typing {
            field.insert(text);
            let text = field.text().to_string();
            browser.here_mut().set_filter(&text);
        }
    }

    pub(super) fn browser_mouse(&mut self, m: &Mouse, out: &mut Vec<Effect>) {
        let areas = view::browser::areas(self);
        let room = view::browser::room(self);
        let now = self.now;
        let at = areas.iter().position(|a| a.is_some_and(|a| a.contains((m.col, m.row).into())));
        let Some((side, area)) = at.and_then(|side| Some((side, (*areas.get(side)?)?))) else { return };
        let Some(browser) = &mut self.files.browser else { return };
        let Some(column) = browser.columns.get_mut(side) else { return };
        match (m.kind, m.button) {
            (MouseKind::Press, Button::WheelUp) => column.step(-3),
            (MouseKind::Press, Button::WheelDown) => column.step(3),
            (MouseKind::Press, button @ (Button::Left | Button::Right)) => {
                browser.active = side;
                let list = view::browser::list_area(area);
                let row = column.top(room) + usize::from(m.row.saturating_sub(list.y));
                if list.contains((m.col, m.row).into()) && row < column.len() {
                    column.go_to_row(row);
                    if button == Button::Right {
                        column.select(row, None);
                    }
                    let again =
                        browser.clicked.take().is_some_and(|(s, r, t)| (s, r) == (side, row) && now < t + DOUBLE);
                    if again && button == Button::Left {
                        self.act(Act::Open, out);
                    } else {
                        browser.clicked = Some((side, row, now));
                    }
                }
            }
            _ => return,
        }
        if let Some(browser) = &mut self.files.browser {
            browser.columns.iter_mut().for_each(|c| c.keep_in_sight(room));
        }
        self.dirty = true;
    }

    fn act(&mut self, act: Act, out: &mut Vec<Effect>) {
        let Some(browser) = &mut self.files.browser else { return };
        let side = browser.active;
        let column = browser.here_mut();
        let (whose, path) = (column.whose.clone(), column.path.clone());
        let current = column.current().map(|e| (e.info.clone(), e.is_dir()));
        match act {
            Act::Open => match current {
                Some((info, true)) => self.enter(side, whose, path.join(&info.name), None, out),
                Some((info, false)) => self.view_file(&whose, &path.join(&info.name), false, out),
                None => {}
            },
            Act::Up => match parent(&path) {
                Some((dir, name)) => self.enter(side, whose, dir, Some(name), out),
                None => {}
            },
            Act::Other => browser.active = 1 - side,
            Act::Select => {
                column.select(column.cursor(), None);
                column.step(1);
            }
            Act::SelectAll => (0..column.len()).for_each(|at| column.select(at, Some(true))),
            Act::Invert => column.invert(),
            Act::SelectNone => column.select_none(),
            Act::Pattern => {
                self.ask_name(Entry::new("select what matches", "*", Naming::Pattern));
            }
            Act::Hidden => column.set_hidden(!column.hidden),
            Act::Sort => column.set_sort(column.sort.next(), column.reversed),
            Act::Reverse => column.set_sort(column.sort, !column.reversed),
            Act::Filter => {
                column.set_filter("");
                browser.typing = Some(Field::default());
            }
            Act::Copy => self.transfer(jobs::Kind::Copy, out),
            Act::Move => self.transfer(jobs::Kind::Move, out),
            Act::Delete => self.ask_to_delete_files(),
            Act::MakeDir => self.ask_name(Entry::new("new directory", "", Naming::MakeDir(whose, path))),
            Act::Rename => {
                if let Some((info, _)) = current {
                    let text = std::str::from_utf8(info.name.as_bytes()).unwrap_or_default();
                    let naming = Naming::Rename(whose, path, info.name.clone());
                    self.ask_name(Entry::new(format!("rename '{}'", short(&info.name.to_string(), 30)), text, naming));
                }
            }
            Act::Mode => {
                let infos = column.picked();
                let Some(first) = infos.first().map(|i| format!("{:03o}", i.mode)) else { return };
                let title = format!("permissions of {}", what(&infos));
                let names = infos.iter().map(|i| i.name.clone()).collect();
                self.ask_name(Entry::new(title, &first, Naming::Mode(whose, path, names)));
            }
            Act::View | Act::Hex | Act::Edit if current.as_ref().is_some_and(|c| c.1) => {
                self.say("it is a directory: Enter goes in");
            }
            Act::View | Act::Hex => {
                if let Some((info, _)) = current {
                    self.view_file(&whose, &path.join(&info.name), act == Act::Hex, out);
                }
            }
            Act::Edit => {
                if let Some((info, _)) = current {
                    self.fetch_to_edit(whose, path, info, out);
                }
            }
            Act::Info => {
                if let Some((info, _)) = current {
                    let path = path.join(&info.name);
                    let title = short(&path.to_string(), PATH);
                    self.errand_then(Errand::Facts { whose, path }, After::Facts(title), out);
                }
            }
            Act::Host => self.ask_host(),
            Act::GoTo => {
                let text = format!("go to a path of {}", whose.label);
                self.ask_name(Entry::new(text, "", Naming::GoTo(whose, path)));
            }
            Act::Home => self.enter(side, whose, FilePath::default(), None, out),
            Act::Back => match column.back.pop() {
                Some((whose, path)) => {
                    self.enter(side, whose, path, None, out);
                    // (nor is the way back the way there)
                    if let Some(column) = self.column_mut(side) {
                        column.back.pop();
                    }
                }
                None => self.say("this column was nowhere else before"),
            },
            Act::Bookmarks => {
                let of = bookmarks_of(&whose);
                self.errand_then(Errand::Bookmarks { of, change: None }, After::Bookmarks(whose), out);
            }
            Act::Same => {
                self.enter(1 - side, whose, path, None, out);
            }
            Act::Yank => {
                let paths = column.picked().iter().map(|i| path.join(&i.name)).collect::<Vec<_>>();
                let paths = if paths.is_empty() { vec![path] } else { paths };
                let text = |p: &FilePath| String::from_utf8_lossy(p.as_bytes()).into_owned();
                let all = paths.iter().map(text).collect::<Vec<_>>().join("\n");
                self.copied.clone_from(&all);
                self.say(format!("{} copied", count(paths.len(), "path")));
                out.push(Effect::Copy(all));
            }
            Act::Shell => self.shell_there(whose, path, out),
            Act::Queue => self.layers.push(Layer::Queue(Panel::default())),
            Act::Follow => {
                browser.follow = !browser.follow;
                browser.followed = None;
                let says = if browser.follow { "goes where the shell goes" } else { "stays where it is" };
                self.say(format!("the left column {says}"));
            }
            Act::Again => self.read_again(side, None, out),
            Act::Help => self.browser_help(),
            Act::Close => self.close_browser(out),
        }
    }

    fn ask_name(&mut self, entry: Entry) {
        self.layers.push(Layer::Entry(Box::new(entry)));
    }

    fn browser_help(&mut self) {
        let narrow = self.size.cols < 80;
        let moves =
            [("Up Down PageUp PageDown g G", "move"), ("Escape", "away with the filter, with what is selected")];
        let move_items =
            moves.iter().map(|(keys, doc)| (keys.split(' ').map(shown).collect::<Vec<_>>().join(" "), *doc, None));
        let deeds =
            DEEDS.iter().map(|d| (d.keys.iter().map(|k| shown(k)).collect::<Vec<_>>().join(" "), d.doc, Some(d.act)));
        let wide = if narrow { 11 } else { 22 };
        let items = deeds.chain(move_items).map(|(keys, doc, act)| Item {
            text: format!("{:<wide$} {doc}", short(&keys, wide)),
            aside: String::new(),
            label: Some(format!("{keys} {doc}")),
            choice: Choice::Files(Box::new(FileWish::Act(act.unwrap_or(Act::Help)))),
        });
        self.layers
            .push(Layer::Picker(Picker::new("the browser's keys (type to search, Enter does it)", items.collect())));
    }

    fn ask_host(&mut self) {
        let go = |whose: Whose| Choice::Files(Box::new(FileWish::Go(whose, FilePath::default())));
        let mut items = Vec::new();
        let mut add = |text: String, aside: String, choice| items.push(Item { text, aside, label: None, choice });
        let local = HostId::local();
        add(host_text(&local), String::new(), go(self.files_of(&local)));
        let known = self.known.iter().map(HostId::new).filter(|h| !self.hosts.contains_key(h));
        for id in self.hosts.keys().cloned().chain(known).filter(|h| !h.is_local()) {
            let state = self.hosts.get(&id).map(|h| crate::client::tree::state_text(h, self.now)).unwrap_or_default();
            add(host_text(&id), format!("host {state}").trim_end().to_string(), go(self.files_of(&id)));
        }
        let books = self.hosts.iter().filter_map(|(id, h)| Some((id, h.book.as_ref()?)));
        let books = books.chain(self.teams.iter().map(|(id, t)| (id, &t.book)));
        for (id, book) in books {
            for c in book.connections.iter().filter(|c| c.config.kind == "ssh") {
                let on = self.runs_on(id);
                let aside = if on.is_local() { "connection".into() } else { format!("via {}", host_text(&on)) };
                let wish = FileWish::Reach(id.clone(), c.id.clone());
                add(short(&c.name, 60), aside, Choice::Files(Box::new(wish)));
            }
        }
        self.layers.push(Layer::Picker(Picker::new("whose files", items)));
    }

    /// Copies or moves what is picked to the other column.
    fn transfer(&mut self, kind: jobs::Kind, out: &mut Vec<Effect>) {
        let Some(browser) = &self.files.browser else { return };
        let (here, there) = (browser.here(), browser.there());
        let infos = here.picked();
        let names: Vec<FileName> = infos.iter().map(|i| i.name.clone()).collect();
        let Some(first) = names.first().cloned() else { return };
        let wanted = Wanted {
            kind,
            from: here.whose.clone(),
            dir: here.path.clone(),
            names,
            to: there.whose.clone(),
            into: there.path.clone(),
            rename: None,
            conflict: Conflict::Ask,
        };
        let same_host = here.whose.same_as(&there.whose);
        let text = String::from_utf8_lossy(first.as_bytes()).into_owned();
        if there.trouble.is_some() && there.all() == 0 {
            return self.say("the other column shows no directory: go to one there first");
        }
        if same_host && here.path == there.path {
            match (kind, wanted.names.len()) {
                (jobs::Kind::Copy, 1) => self.ask_name(Entry::new("copy as", &text, Naming::CopyAs(wanted))),
                _ => self.say("both columns show the same directory: go to another one in the other column"),
            }
            return;
        }
        let into = there.path.as_bytes();
        let inside = |i: &&FileInfo| {
            let own = here.path.join(&i.name);
            i.kind == FileKind::Dir && (into == own.as_bytes() || into.starts_with(&[own.as_bytes(), b"/"].concat()))
        };
        if same_host && let Some(info) = infos.iter().copied().find(|i| inside(&i)) {
            let name = short(&info.name.to_string(), 40);
            return self.say(format!("'{name}' can't be put into itself"));
        }
        self.start_job(wanted, out);
        if let Some(browser) = &mut self.files.browser {
            browser.here_mut().select_none();
        }
    }

    fn ask_to_delete_files(&mut self) {
        let Some(browser) = &self.files.browser else { return };
        let here = browser.here();
        let infos = here.picked();
        if infos.is_empty() {
            return;
        }
        let dirs = infos.iter().any(|i| i.kind == FileKind::Dir);
        let bytes: u64 = infos.iter().filter(|i| i.kind == FileKind::File).map(|i| i.size).sum();
        let size = if bytes > 0 { format!(" ({})", sized(bytes)) } else { String::new() };
        let with = if dirs { ", with all that is in there" } else { "" };
        let text = format!(
            "Delete {}{size}{with}, from {} of {}? It can't be brought back.",
            what(&infos),
            short(&path_text(&here.path), PATH),
            short(&here.whose.label, 60)
        );
        let wanted = Wanted {
            kind: jobs::Kind::Delete,
            from: here.whose.clone(),
            dir: here.path.clone(),
            names: infos.iter().map(|i| i.name.clone()).collect(),
            to: here.whose.clone(),
            into: here.path.clone(),
            rename: None,
            conflict: Conflict::Ask,
        };
        self.layers.push(Layer::confirm(text, Choice::Files(Box::new(FileWish::Start(wanted)))));
    }

    fn view_file(&mut self, whose: &Whose, path: &FilePath, hex: bool, out: &mut Vec<Effect>) {
        let title = format!("{}: {path}", short(&whose.label, 40));
        let tag = self.errand(Errand::Read { whose: whose.clone(), path: path.clone() }, out);
        self.layers.push(Layer::Viewer(Box::new(Viewer::new(title, hex, Some(tag)))));
    }

    pub(super) fn viewer_key(&mut self, key: &Key, out: &mut Vec<Effect>) {
        let room = usize::from(view::viewer::room(self.size));
        let key = &keys::simplified(key);
        let Some(Layer::Viewer(viewer)) = self.layers.last_mut() else { return };
        let outcome = viewer.key(key, &word(key), room);
        if let (Outcome::Close, Some(tag)) = (&outcome, viewer.tag) {
            out.push(Effect::Files(tag, Errand::Stop));
        }
        self.outcome(outcome, out);
    }

    /// A shell of the column's host in its directory, in a tab of its own.
    fn shell_there(&mut self, whose: Whose, path: FilePath, out: &mut Vec<Effect>) {
        let Ok(cwd) = String::from_utf8(path.as_bytes().to_vec()) else {
            return self.say("the directory's name is not UTF-8: no shell can be told to start there");
        };
        self.close_browser(out);
        let Place { target, connection, ssh } = whose.place;
        // of a host behind another one: a line for the login shell there
        let start = r#"cd -- "$1" && exec "${SHELL:-sh}" -l"#;
        let there = || ["sh", "-c", start, "sh", &cwd].map(String::from).to_vec();
        let create = match (target, connection, ssh) {
            (None, None, None) => SessionCreate { cwd, ..SessionCreate::default() },
            (target, connection, ssh) => {
                let definition = ssh.map(|ssh| {
                    let config = Config::ssh(&ssh);
                    Box::new(Connection { name: whose.label.clone(), config, ..Connection::default() })
                });
                SessionCreate { target, connection, definition, command: there(), cwd, ..SessionCreate::default() }
            }
        };
        self.start_in_tab(whose.host, create, true, out);
    }

    /// A session in a tab of its own; returns the number of the wish.
    pub(super) fn start_in_tab(
        &mut self,
        host: HostId,
        create: SessionCreate,
        shell: bool,
        out: &mut Vec<Effect>,
    ) -> u64 {
        let pane = self.new_pane(host.clone());
        self.tabs.add_pane(pane);
        self.next_tag += 1;
        let (tag, size) = (self.next_tag, self.pane_size(pane));
        if let Some(p) = self.panes.get_mut(&pane) {
            *p = Pane { tag: Some(tag), shell, ..Pane::new(pane, host.clone(), size) };
        }
        let from = create.connection.as_deref().and_then(|id| self.connection(&host, id));
        let asks = from.is_some_and(|c| c.config.kind == "ssh");
        let create = SessionCreate { size: Some(size), ..create };
        self.request(&host, HostCommand::Create { tag, create: Box::new(create), asks }, out);
        self.touch();
        self.look_at_panes();
        tag
    }

    pub(super) fn file_wish(&mut self, wish: FileWish, out: &mut Vec<Effect>) {
        self.dirty = true;
        let side = self.files.browser.as_ref().map_or(0, |b| b.active);
        match wish {
            FileWish::Act(act) => self.act(act, out),
            FileWish::Go(whose, path) => self.enter(side, whose, path, None, out),
            FileWish::Reach(host, id) => self.browse_connection(Some(side), &host, &id, out),
            FileWish::Bookmark(whose, path, on) => {
                let says = if on { "is a bookmark now" } else { "is no bookmark any more" };
                self.say(format!("{} {says}", short(&path_text(&path), PATH)));
                let errand = Errand::Bookmarks { of: bookmarks_of(&whose), change: Some((path, on)) };
                self.errand(errand, out);
            }
            FileWish::Start(wanted) => self.start_job(wanted, out),
            FileWish::Answer(job, ask, what, all) => self.answer_job(job, ask, what, all, out),
            FileWish::Cancel(job) => self.cancel_job(job, out),
            FileWish::Keep(edit, keep) => self.put_back(edit, keep, out),
        }
    }

    pub(super) fn entered(&mut self, naming: Naming, text: String, out: &mut Vec<Effect>) {
        match naming {
            Naming::MakeDir(whose, dir) => {
                let Ok(name) = FileName::new(text) else { return };
                let errand = Errand::MakeDir { whose: whose.clone(), path: dir.join(&name) };
                self.errand_then(errand, After::Refresh(whose, dir, Some(name)), out);
            }
            Naming::Rename(whose, dir, from) => {
                let Ok(to) = FileName::new(text) else { return };
                if to == from {
                    return;
                }
                let errand = Errand::Rename { whose: whose.clone(), dir: dir.clone(), from, to: to.clone() };
                self.errand_then(errand, After::Refresh(whose, dir, Some(to)), out);
            }
            Naming::CopyAs(wanted) => match FileName::new(text) {
                Ok(name) if Some(&name) != wanted.names.first() => {
                    self.start_job(Wanted { rename: Some(name), ..wanted }, out);
                }
                _ => self.say("that is its own name: nothing was copied"),
            },
            Naming::Mode(whose, dir, names) => {
                let Ok(mode) = mode::parse(&text) else { return };
                let errand = Errand::Mode { whose: whose.clone(), dir: dir.clone(), names, mode };
                self.errand_then(errand, After::Refresh(whose, dir, None), out);
            }
            Naming::GoTo(whose, dir) => {
                let side = self.files.browser.as_ref().map_or(0, |b| b.active);
                let path = match text.starts_with('/') || text == "~" || text.starts_with("~/") {
                    true => typed_path(&text),
                    false => match FilePath::new([dir.as_bytes(), b"/", text.as_bytes()].concat()) {
                        Ok(path) => path,
                        Err(why) => return self.say(why.to_string()),
                    },
                };
                self.enter(side, whose, path, None, out);
            }
            Naming::Pattern => {
                let Some(browser) = &mut self.files.browser else { return };
                let new = browser.here_mut().select_matching(&text);
                self.say(format!("{} more selected", count(new, "thing")));
            }
        }
    }

    /// Bookmarks came: they are offered.
    fn offer_bookmarks(&mut self, whose: Whose, paths: Vec<FilePath>) {
        let Some(here) = self.files.browser.as_ref().map(|b| b.here()) else { return };
        let (path, wish) = (here.path.clone(), |w: FileWish| Choice::Files(Box::new(w)));
        let mut items: Vec<Item> = paths
            .iter()
            .map(|p| Item {
                text: short(&path_text(p), 200),
                aside: String::new(),
                label: None,
                choice: wish(FileWish::Go(whose.clone(), p.clone())),
            })
            .collect();
        let mut change = |path: &FilePath, on: bool, text: String| {
            let choice = wish(FileWish::Bookmark(whose.clone(), path.clone(), on));
            items.push(Item { text, aside: String::new(), label: None, choice });
        };
        if !paths.contains(&path) {
            change(&path, true, format!("+ add {}", short(&path_text(&path), 200)));
        }
        for old in &paths {
            change(old, false, format!("- delete {}", short(&path_text(old), 200)));
        }
        self.layers.push(Layer::Picker(Picker::new(format!("bookmarks of {}", short(&whose.label, 60)), items)));
    }

    /// What is on this machine's clipboard becomes a file on the focused pane's host, and its path is pasted.
    pub(in crate::client) fn paste_as_file(&mut self, out: &mut Vec<Effect>) {
        let Some(pane) = self.focused().filter(|p| p.is_live()) else {
            return self.say("no program is there to take a path");
        };
        let (id, (whose, _)) = (pane.id, self.files_at(pane));
        self.errand_then(Errand::Paste { whose }, After::Paste(id), out);
    }
}

/// Whose bookmarks they are, in their file.
fn bookmarks_of(whose: &Whose) -> String {
    let Place { target, connection, ssh } = &whose.place;
    let behind = target.as_ref().map(|t| t.as_str().to_string());
    let behind = behind.or_else(|| connection.clone()).or_else(|| ssh.as_ref().map(|ssh| ssh.dest()));
    match behind {
        None => whose.host.as_str().to_string(),
        Some(behind) => format!("{}/{behind}", whose.host.as_str()),
    }
}

/// `~/a` begins at home, as a path that is not absolute does.
fn typed_path(text: &str) -> FilePath {
    let text = if text == "~" { "" } else { text.strip_prefix("~/").unwrap_or(text) };
    FilePath::new(text).unwrap_or_default()
}

#[cfg(test)]
mod tests;
