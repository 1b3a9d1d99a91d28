//! Owns what the browser's keys and clicks do. Leaves out what is typed (`naming.rs`) and what opens over it (`open.rs`).

use super::{After, Effect, FileWish, Naming, PATH, bookmarks_of, path_text, what};
use crate::client::app::App;
use crate::client::app::input::CALM;
use crate::client::browser::keys::{Act, DEEDS};
use crate::client::browser::queue::{self as jobs, Wanted};
use crate::client::browser::{WIDE, parent, sized};
use crate::client::errands::Errand;
use crate::client::files::Whose;
use crate::client::files::job::Conflict;
use crate::client::host::HostId;
use crate::client::keymap::{act_of, shown, word};
use crate::client::layer::entry::Entry;
use crate::client::layer::field::Field;
use crate::client::layer::picker::{Item, Picker};
use crate::client::layer::{Choice, Layer};
use crate::client::tree::host_text;
use crate::client::view;
use crate::proto::control::{FileInfo, FileKind, FileName, FilePath};
use crate::term::input::{Button, Key, Mouse, MouseKind};
use crate::term::keys;
use crate::text::{count, short};
use std::time::Duration;

/// A second click within this is a double click.
const DOUBLE: Duration = Duration::from_millis(400);

impl App {
    /// A key for the browser.
    pub(in crate::client::app) fn browser_key(&mut self, key: &Key, out: &mut Vec<Effect>) {
        let key = &keys::simplified(key);
        let name = word(key);
        let room = view::browser::room(self);
        let fetching = self.files.fetching.is_some();
        let Some(browser) = &mut self.files.browser else { return };
        browser.settles = false;
        // it came back by itself: what was being typed then was for what was there before
        if let Some(until) = browser.calm.take_if(|until| self.now < *until) {
            browser.calm = Some(until.max(self.now + CALM));
            return;
        }
        browser.calm = None;
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
                "Escape" if fetching => {
                    self.stop_fetching(out);
                    self.say("it is not edited");
                }
                // first what narrows the view, then the view
                "Escape" if !column.filter().is_empty() => column.set_filter(""),
                "Escape" if column.selected().0 + column.selected_away() > 0 => column.select_none(),
                _ => {
                    if let Some(act) = act_of(DEEDS, &name) {
                        self.act(act, out);
                    }
                }
            }
        }
        if let Some(browser) = &mut self.files.browser {
            browser.columns.iter_mut().for_each(|c| c.keep_in_sight(room));
        }
    }

    pub(in crate::client::app) fn browser_paste(&mut self, text: &str) {
        let Some(browser) = &mut self.files.browser else { return };
        if let Some(field) = &mut browser.typing {
            field.insert(text);
            let text = field.text().to_string();
            browser.here_mut().set_filter(&text);
        }
    }

    pub(in crate::client::app) fn browser_mouse(&mut self, m: &Mouse, out: &mut Vec<Effect>) {
        let areas = view::browser::areas(self);
        let room = view::browser::room(self);
        let now = self.now;
        let at = areas.iter().position(|a| a.is_some_and(|a| a.contains((m.col, m.row).into())));
        let Some((side, area)) = at.and_then(|side| Some((side, (*areas.get(side)?)?))) else { return };
        let Some(browser) = &mut self.files.browser else { return };
        if m.kind == MouseKind::Press {
            browser.settles = false;
        }
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

    pub(super) fn act(&mut self, act: Act, out: &mut Vec<Effect>) {
        let Some(browser) = &mut self.files.browser else { return };
        let side = browser.active;
        let column = browser.here_mut();
        let (whose, path) = (column.whose.clone(), column.path.clone());
        let current = column.current().map(|e| (e.info.clone(), e.is_dir()));
        match act {
            Act::Open => match current {
                Some((info, true)) => self.enter(side, whose, path.join(&info.name), None, out),
                Some((info, false)) => self.view_file(&whose, &path.join(&info.name), None, out),
                None => {}
            },
            Act::Up => {
                if let Some((dir, name)) = parent(&path) {
                    self.enter(side, whose, dir, Some(name), out);
                }
            }
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
                    self.view_file(&whose, &path.join(&info.name), Some(act == Act::Hex), out);
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
                self.errand_then(
                    Errand::Bookmarks { of, change: None },
                    After::Bookmarks(whose, path, self.deeds),
                    out,
                );
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
            Act::Queue => self.show_queue(),
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

    pub(super) fn ask_name(&mut self, entry: Entry) {
        self.layers.push(Layer::Entry(Box::new(entry)));
    }

    fn browser_help(&mut self) {
        let narrow = self.size.cols < 80;
        let moves =
            [("Up Down PageUp PageDown g G", "move"), ("Escape", "away with the filter, with what is selected")];
        let move_items =
            moves.iter().map(|(keys, doc)| (keys.split(' ').map(shown).collect::<Vec<_>>().join(" "), *doc, None));
        let deeds = DEEDS.iter().map(|d| (d.shown(), d.doc, Some(d.act)));
        let wide = if narrow { 11 } else { 22 };
        let items = deeds.chain(move_items).map(|(keys, doc, act)| Item {
            text: format!("{keys:<wide$} {doc}"),
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
        let books = self.hosts.keys().chain(self.teams.keys()).filter_map(|id| Some((id, self.book(id)?)));
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
        if same_host && let Some(info) = infos.iter().copied().find(|i| inside(i)) {
            let name = short(&info.name.to_string(), 40);
            return self.say(format!("'{name}' can't be put into itself"));
        }
        // what goes away here, and what goes where nobody sees it, is asked about
        if kind == jobs::Kind::Move || self.size.cols < WIDE {
            let doing = if kind == jobs::Kind::Move { "Move" } else { "Copy" };
            let (label, into) = (short(&there.whose.label, 60), short(&path_text(&there.path), PATH));
            let text = format!("{doing} {} to {into} of {label}?", what(&infos));
            let start = Choice::Files(Box::new(FileWish::Start(wanted)));
            self.layers.push(Layer::confirm_by_letter(text, start));
            return;
        }
        self.start_job(wanted, out);
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
        self.layers.push(Layer::confirm_by_letter(text, Choice::Files(Box::new(FileWish::Start(wanted)))));
    }
}
