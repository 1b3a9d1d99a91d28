//! Owns the file browser as part of the app: where it is, which places its columns show, what its menus offer. Leaves out the
//! columns themselves (`browser`), its keys (`files/act.rs`), names being typed (`files/naming.rs`), what comes back
//! (`files/news.rs`), the queue (`files/queue.rs`), edits (`files/edit.rs`), what opens (`files/open.rs`) and the work (`errands`).

mod act;
mod edit;
mod naming;
mod news;
mod open;
mod queue;

pub use edit::MOST as MOST_EDITED;
pub use naming::Naming;

use super::{App, Effect};
use crate::client::browser::Browser;
use crate::client::browser::column::Column;
use crate::client::browser::edits::{Edit, Keep, Open};
use crate::client::browser::keys::Act;
use crate::client::browser::queue::{Queue, Wanted};
use crate::client::errands::Errand;
use crate::client::files::Whose;
use crate::client::files::job::Conflict;
use crate::client::host::{HostCommand, HostId};
use crate::client::layer::picker::{Item, Picker};
use crate::client::layer::{Choice, Layer};
use crate::client::layout::PaneId;
use crate::client::pane::Pane;
use crate::client::tree;
use crate::client::tree::host_text;
use crate::proto::control::connections::{Docker, Kind};
use crate::proto::control::{FileInfo, FileKind, FileName, FilePath, Place, SessionInfo};
use crate::proto::ids::SessionId;
use crate::text::{count, short};
use std::collections::HashMap;

/// Bytes of a path in a message.
const PATH: usize = 80;

/// All the app knows of files.
#[derive(Default)]
pub struct Files {
    /// Kept while it is closed.
    pub browser: Option<Box<Browser>>,
    pub queue: Queue,
    pub edits: Vec<Open>,
    /// What a client before this one has left of edits was looked for.
    looked_for_edits: bool,
    /// A file on its way to be edited: the number of its errand, and the keys and clicks there were when it was asked for.
    fetching: Option<(u64, u64)>,
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
    LeftEdits,
    /// They are offered, with this directory as a new one, unless somebody went on since (as of [`App::deeds`]).
    Bookmarks(Whose, FilePath, u64),
    /// A bookmark was made or deleted: what is said then.
    Bookmarked(String),
    /// For the session that was in this pane.
    Paste(PaneId, Option<SessionId>),
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
    /// A job that was not done, once more.
    Again(u64),
    Keep(Box<Edit>, Keep),
    /// What was edited stays in its copy.
    GiveUp(Box<Edit>),
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
        if let Some((place, label)) = info.and_then(|info| self.container_of(&pane.host, info)) {
            (whose.place, whose.label) = (place, label);
        }
        // (of a target its sessions' directory is known only by what the shell says)
        let cwd = info.map(|i| i.cwd.as_str()).filter(|cwd| cwd.starts_with('/')).unwrap_or_default();
        let path = FilePath::new(cwd).unwrap_or_default();
        (whose, path)
    }

    /// The files of the container that a session is in.
    fn container_of(&self, host: &HostId, info: &SessionInfo) -> Option<(Place, String)> {
        let device = info.device.as_deref()?;
        let said = self.connection(host, &info.connection_id).or_else(|| self.of_a_team(&info.connection_id));
        let user = match said.map(|c| c.config.kind()) {
            Some(Ok(Kind::Docker(docker))) => docker.user,
            _ => None,
        };
        let docker = Docker {
            container: Some(device.container.clone()?),
            socket: device.socket.clone(),
            user,
            ..Docker::default()
        };
        let place = Place { docker: Some(Box::new(docker)), ..Place::default() };
        Some((place, self.via(host, &short(&device.what, 60))))
    }

    /// Where a prepared connection leads, as the agent that keeps it is told; a team's is told as it is.
    fn place_of(&self, host: &HostId, id: &str) -> Option<Place> {
        let own = self.connection(host, id).filter(|_| !id.is_empty());
        match own {
            Some(_) if !self.teams.contains_key(host) => Some(Place::of_connection(id)),
            own => match own.or_else(|| self.of_a_team(id))?.config.kind() {
                Ok(Kind::Ssh(ssh)) => Some(Place { ssh: Some(Box::new(ssh)), ..Place::default() }),
                Ok(Kind::Docker(docker)) => Some(Place { docker: Some(Box::new(docker)), ..Place::default() }),
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

    /// What takes the whole screen.
    pub fn fills_the_screen(&self) -> bool {
        self.layers.iter().any(|l| matches!(l, Layer::Browser | Layer::Monitor(_)))
    }

    /// Whether its keys are the browser's just now.
    fn looks_at_browser(&self) -> bool {
        matches!(self.layers.last(), Some(Layer::Browser))
    }

    /// Opens the browser: the focused pane's directory on the left; on the right what was there before, else home.
    pub(in crate::client) fn browse(&mut self, out: &mut Vec<Effect>) {
        let (whose, path) = match self.focused() {
            Some(pane) => self.files_at(pane),
            None => (self.files_of(&HostId::local()), FilePath::default()),
        };
        // (a shell that says nothing of its directory is asked)
        let host = whose.host.clone();
        let asks = self.focused().is_some() && self.is_online(&host);
        self.browse_at(whose, path, out);
        if let Some(browser) = self.files.browser.as_mut().filter(|_| asks) {
            browser.settles = true;
            out.push(Effect::Host(host, HostCommand::List));
        }
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
        browser.calm = None;
        browser.followed = Some((whose.clone(), path.to_string()));
        self.layers.retain(|l| !matches!(l, Layer::Browser));
        self.layers.push(Layer::Browser);
        self.enter(0, whose, path, None, out);
        if fresh {
            self.enter(1, self.files_of(&HostId::local()), FilePath::default(), None, out);
        } else {
            self.read_again(1, None, out);
        }
        self.ask_what_waits();
    }

    /// A tree row's files.
    pub(in crate::client) fn browse_place(&mut self, place: &tree::Place, out: &mut Vec<Effect>) {
        match place {
            tree::Place::Host(host) | tree::Place::Folder(host, _) if !self.teams.contains_key(host) => {
                let whose = self.files_of(host);
                self.browse_at(whose, FilePath::default(), out);
            }
            tree::Place::Session(host, session) => {
                let pane = self.pane_with(host, session).and_then(|id| self.panes.get(&id));
                let info = || self.hosts.get(host)?.sessions.iter().find(|s| s.id == session.as_str());
                let (whose, path) = match pane {
                    Some(pane) => self.files_at(pane),
                    None => match info().and_then(|info| self.container_of(host, info)) {
                        Some((place, label)) => (Whose { label, host: host.clone(), place }, FilePath::default()),
                        None => (self.files_of(host), FilePath::default()),
                    },
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
            Ok(Kind::Docker(docker)) => {
                let place = self.place_of(host, id).unwrap_or_default();
                let whose = Whose { label: self.via(&on, &connection.name), host: on, place };
                self.show_files(side, whose, typed_path(&docker.starting_directory.unwrap_or_default()), out);
            }
            Ok(Kind::Serial(_) | Kind::Telnet(_) | Kind::Other(_)) => {
                let kind = short(&connection.config.kind, 20);
                self.say(format!("not applicable: {name} has no files ({kind})"));
            }
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
        // (one that is closed is read when it is opened)
        if !self.browsing() {
            return;
        }
        for side in self.sides_at(whose, dir) {
            self.read_again(side, on.cloned(), out);
        }
    }

    /// The columns that show this directory.
    fn sides_at(&self, whose: &Whose, dir: &FilePath) -> Vec<usize> {
        let shows = |c: &Column| c.whose.same_as(whose) && c.path == *dir;
        (0..2).filter(|side| self.column(*side).is_some_and(shows)).collect()
    }

    /// A host is there again: what could not be read is.
    pub(super) fn read_files_again_of(&mut self, host: &HostId, out: &mut Vec<Effect>) {
        for side in 0..2 {
            if self.browsing() && self.column(side).is_some_and(|c| c.whose.host == *host && c.trouble.is_some()) {
                self.read_again(side, None, out);
            }
        }
    }

    fn close_browser(&mut self, out: &mut Vec<Effect>) {
        // (questions that came by themselves wait until somebody looks again)
        self.layers.retain(|l| !matches!(l, Layer::Browser | Layer::Picker(Picker { unasked: Some(_), .. })));
        self.stop_fetching(out);
        let Some(browser) = &mut self.files.browser else { return };
        browser.typing = None;
        for tag in browser.columns.iter_mut().filter_map(Column::leave) {
            out.push(Effect::Files(tag, Errand::Stop));
        }
    }

    /// The host whose shell's directory is followed.
    pub(super) fn follows_on(&self) -> Option<&HostId> {
        let follows = self.files.browser.as_ref().is_some_and(|b| b.follow) && self.browsing();
        self.focused().filter(|_| follows).map(|p| &p.host)
    }

    /// A host told of its sessions: where the shell is was answered, and the left column stays from here on.
    pub(super) fn settled(&mut self, host: &HostId) {
        let of_it = self.focused().is_some_and(|p| p.host == *host);
        if let Some(browser) = self.files.browser.as_mut().filter(|_| of_it) {
            browser.settles = false;
        }
    }

    /// The left column goes where the focused pane's shell went.
    pub(super) fn follow_directory(&mut self, out: &mut Vec<Effect>) {
        let follows = self.files.browser.as_ref().is_some_and(|b| b.follow || b.settles) && self.browsing();
        let Some(pane) = self.focused().filter(|_| follows) else { return };
        let (whose, path) = self.files_at(pane);
        let at = Some((whose.clone(), path.to_string()));
        let Some(browser) = self.files.browser.as_mut().filter(|b| !path.is_empty() && b.followed != at) else {
            return;
        };
        browser.followed = at;
        self.enter(0, whose, path, None, out);
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
                let said = format!("{} {says}", short(&path_text(&path), PATH));
                let errand = Errand::Bookmarks { of: bookmarks_of(&whose), change: Some((path, on)) };
                self.errand_then(errand, After::Bookmarked(said), out);
            }
            FileWish::Start(wanted) => self.start_job(wanted, out),
            FileWish::Answer(job, ask, what, all) => self.answer_job(job, ask, what, all, out),
            FileWish::Cancel(job) => self.cancel_job(job, out),
            FileWish::Again(job) => self.try_again(job, out),
            FileWish::Keep(edit, keep) => self.put_back(edit, keep, out),
            FileWish::GiveUp(edit) => self.give_up_edit(&edit),
        }
    }

    /// Bookmarks came: they are offered, and the directory where they were asked for as a new one.
    fn offer_bookmarks(&mut self, whose: Whose, path: FilePath, paths: Vec<FilePath>) {
        let wish = |w: FileWish| Choice::Files(Box::new(w));
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
        let (id, session, (whose, _)) = (pane.id, pane.session.clone(), self.files_at(pane));
        self.errand_then(Errand::Paste { whose }, After::Paste(id, session), out);
    }

    /// The paths are typed into the program they are for; who went elsewhere has them on the clipboard.
    fn paste_paths(&mut self, pane: PaneId, session: Option<SessionId>, paths: &[FilePath], out: &mut Vec<Effect>) {
        let word = |p: &FilePath| crate::text::shell(&String::from_utf8_lossy(p.as_bytes()));
        // (to a program a control character is a key)
        if paths.iter().any(|p| String::from_utf8_lossy(p.as_bytes()).chars().any(char::is_control)) {
            return self.say_long("a path has control characters in it: it is not typed into a program");
        }
        let text = paths.iter().map(word).collect::<Vec<_>>().join(" ");
        let still = self.layers.is_empty() && !self.tree.focused && self.tabs.focused() == Some(pane);
        if still && self.focused().is_some_and(|p| p.is_live() && p.session == session) {
            return self.paste_into(pane, text.into_bytes(), out);
        }
        self.say_long("the file is there, but you went on: its path is on the clipboard");
        self.copied.clone_from(&text);
        out.push(Effect::Copy(text));
    }
}

/// Whose bookmarks they are, in their file.
fn bookmarks_of(whose: &Whose) -> String {
    let Place { target, connection, ssh, docker } = &whose.place;
    let behind = target.as_ref().map(|t| t.as_str().to_string());
    let behind = behind.or_else(|| connection.clone()).or_else(|| ssh.as_ref().map(|ssh| ssh.dest()));
    let behind = behind.or_else(|| docker.as_ref()?.container.clone());
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
