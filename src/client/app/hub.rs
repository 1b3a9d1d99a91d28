//! Owns what a person does with prepared connections and folders: open, make, edit, duplicate, put in order.
//! Leaves out what is done with many at once (`many.rs`), files they come from and go to (`files`), and where they are kept: each
//! wish is a call to their host.

pub mod files;

use super::containers::Contained;
use super::many::Doomed;
use super::{App, Effect, Host, Sources, TeamFile};
use crate::client::book::{Change, Many};
use crate::client::host::{HostCommand, HostId};
use crate::client::layer::form::Form;
use crate::client::layer::picker::{Item, Picker};
use crate::client::layer::{Choice, Layer};
use crate::client::layout::Dir;
use crate::client::pane::{Pane, Prepared};
use crate::client::shelf::Shelf;
use crate::client::tree::deeds::{Act, key_of};
use crate::client::tree::{Place, host_text};
use crate::proto::control::SessionInfo;
use crate::proto::control::connections::*;
use crate::proto::ids::SessionId;
use crate::text::short;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a menu offers, each with its key in the tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    Open(Place),
    /// What is there of a connection; a first session where nothing is.
    GoTo(HostId, String),
    /// In a split of the focused pane.
    Beside(Place, Dir),
    Kill(Place),
    /// End the connection to a host; its sessions go on.
    LetGo(HostId),
    /// All sessions of a host.
    KillAllOf(HostId),
    /// A shell on it.
    Shell(HostId),
    New(HostId, Option<String>),
    /// The menu of what can be started on a host, or the form of a kind; `local` is a command.
    Start(HostId, Option<&'static str>),
    /// The same, once a host is chosen.
    StartWhere,
    NewFolder(HostId, Option<String>),
    Edit(HostId, String),
    RenameFolder(HostId, String),
    Duplicate(HostId, String),
    /// The first is whose own comes first.
    Move(HostId, Vec<Place>),
    MoveTo(HostId, Vec<String>, Option<String>),
    Delete(Vec<Place>),
    /// After the question: folders with what is in them, or without.
    Deleted(BTreeMap<HostId, Doomed>, bool),
    KillAll(Vec<(HostId, SessionId)>),
    Step(HostId, String, i64),
    NamedFolder(HostId, Option<String>),
    RenamedFolder(HostId, String),
    Reconnect(HostId),
    Without(HostId),
    With(HostId),
    Command(&'static str),
    /// Into a folder, from a file, which is asked for.
    Import(HostId, Option<String>),
    ImportFrom(HostId, Option<String>),
    Add(HostId, Box<Many>),
    /// A folder or all of it, into a file.
    Export(HostId, Option<String>),
    ExportTo(HostId, Option<String>),
    Browse(Place),
    /// The containers of a host.
    Containers(HostId),
    Contained(Box<Contained>),
    /// What a key of the tree does, with the chosen row.
    Tree(Act),
}

/// What a copy is called where some names are taken: `web (copy)`, `web (copy 2)`, of a copy too.
fn copy_name(of: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let number = |n: &str| n.is_empty() || n.strip_prefix(' ').is_some_and(|n| n.parse::<u32>().is_ok());
    let parts = of.strip_suffix(')').and_then(|s| s.rsplit_once(" (copy"));
    let name = parts.filter(|(_, n)| number(n)).map_or(of, |(name, _)| name);
    let first = format!("{name} (copy)");
    let more = (2u32..).map(|n| format!("{name} (copy {n})"));
    std::iter::once(first).chain(more).find(|name| !is_taken(name)).unwrap_or_default()
}

impl App {
    /// What a host keeps, while it is there to tell it.
    pub(in crate::client) fn book(&self, host: &HostId) -> Option<&Shelf> {
        let tells = |host: &HostId| self.hosts.get(host).is_none_or(|h| h.tells());
        self.kept_book(host).filter(|_| self.teams.contains_key(host) || tells(host))
    }

    /// The same as it was told last, for what came from it.
    pub(super) fn kept_book(&self, host: &HostId) -> Option<&Shelf> {
        match self.teams.get(host) {
            Some(team) => Some(&team.book),
            None => self.hosts.get(host)?.book.as_ref(),
        }
    }

    /// What a host keeps is not to be had: why.
    pub(super) fn say_no_book(&mut self, host: &HostId, what: &str) {
        let state = self.hosts.get(host).map(|h| &h.state);
        let how = match state.is_some_and(|s| s.is_without_agent()) {
            true => "connected without an agent",
            false => "not connected",
        };
        self.say(format!("{} is {how}: its {what} are kept there", host_text(host)));
    }

    /// Where a connection's sessions run: a team's on this machine.
    pub(in crate::client) fn runs_on(&self, host: &HostId) -> HostId {
        if self.teams.contains_key(host) { HostId::local() } else { host.clone() }
    }

    /// Team files and ssh_config are others. What is folded stays so.
    pub(super) fn sources(&mut self, sources: Sources) {
        self.known = sources.known;
        let mut before = std::mem::take(&mut self.teams);
        for team in sources.teams {
            // (a colon stands in no host's name)
            let id = HostId::new(format!("team:{}", team.path));
            let old = before.remove(&id);
            if let Some(told) = team.listed.told.as_deref()
                && old.as_ref().is_none_or(|old| old.book.told != team.listed.told)
            {
                self.say_long(short(told, 300));
            }
            let mut book = Shelf::new(Arc::new(team.listed));
            if let Some(old) = old {
                book.fold_as(&old.book);
            }
            self.teams.insert(id, TeamFile { path: team.path, name: team.name, book });
        }
        self.dirty = true;
    }

    /// Whether it is a team's, which nothing here changes; says so.
    pub(in crate::client) fn is_theirs(&mut self, host: &HostId) -> bool {
        let Some(team) = self.teams.get(host) else { return false };
        let said = format!("{} is kept by others: its file is read, never written", short(&team.path, 100));
        self.say(said);
        true
    }

    pub(super) fn connection(&self, host: &HostId, id: &str) -> Option<&Connection> {
        self.kept_book(host)?.connection(id)
    }

    /// The prepared connection a session was started from.
    pub fn connection_of(&self, host: &HostId, info: &SessionInfo) -> Option<&Connection> {
        let of_teams = || self.teams.keys().find_map(|team| self.connection(team, &info.connection_id));
        let own = self.connection(host, &info.connection_id);
        own.or_else(|| of_teams().filter(|_| host.is_local())).filter(|_| !info.connection_id.is_empty())
    }

    /// The prepared connection a pane shows a session of, or is to; as it was told last where it is not told now. None of a
    /// plain shell, though it comes from one as well.
    pub fn prepared_of(&self, pane: &Pane) -> Option<Prepared> {
        let Some(info) = pane.info.as_ref().filter(|i| !["", DEFAULT_SHELL].contains(&i.connection_id.as_str())) else {
            return pane.prepared.clone();
        };
        let name = self.connection_of(&pane.host, info).map_or(&info.connection, |c| &c.name);
        Some(Prepared { id: info.connection_id.clone(), name: short(name, 60) })
    }

    /// What a pane is called: as its connection says, else as its program does. Escaped.
    pub fn title_of(&self, pane: &Pane) -> String {
        let connection = pane.info.as_ref().and_then(|info| self.connection_of(&pane.host, info));
        match connection.and_then(|c| c.terminal_options.title.as_deref()) {
            Some(title) => short(title, 100),
            None => pane.title(),
        }
    }

    /// The target of a connection that a pane's program is not on its host for.
    pub fn target_of(&self, pane: &Pane) -> Option<String> {
        // (one that is not opened yet is to lead there)
        if pane.info.is_none() {
            let prepared = pane.prepared.as_ref()?;
            let host_and_team = std::iter::once(&pane.host).chain(self.teams.keys().filter(|_| pane.host.is_local()));
            let away = |host| self.kept_book(host).and_then(|book| book.words(&prepared.id)).is_some_and(|w| w.away);
            return host_and_team.into_iter().any(away).then(|| prepared.name.clone()).filter(|n| !n.is_empty());
        }
        let info = pane.info.as_ref().filter(|i| !i.target.is_empty())?;
        // a host without an agent is such a target itself
        let local = HostId::local();
        let here = |h: &Host| info.id.parse().is_ok_and(|id| h.session(&id).is_some());
        let plain = !pane.host.is_local()
            && (self.hosts.get(&pane.host).is_some_and(|h| h.state.is_without_agent())
                || self.hosts.get(&local).is_some_and(here));
        if plain {
            return None;
        }
        let name = self.connection_of(&pane.host, info).map_or(info.connection.as_str(), |c| c.name.as_str());
        Some(name.to_string()).filter(|n| !n.is_empty())
    }

    /// Its title is its target's name, which need not be said twice.
    pub fn is_called_as_its_target(&self, pane: &Pane) -> bool {
        self.target_of(pane).is_some_and(|target| short(&target, 60) == self.title_of(pane))
    }

    /// Where a pane's program works, where that is not this machine: a host, `target`, `target via host`, each in at most
    /// so many characters. Escaped.
    pub fn whereabouts(&self, pane: &Pane, most: usize) -> Option<String> {
        let host = (!pane.host.is_local()).then(|| pane.host.as_str());
        match (self.target_of(pane), host) {
            (None, None) => None,
            (None, Some(host)) => Some(short(host, most)),
            (Some(target), None) => Some(short(&target, most)),
            (Some(target), Some(host)) => Some(format!("{} via {}", short(&target, most), short(host, most * 2 / 3))),
        }
    }

    /// The colour of the connection a pane's session came from.
    pub fn color_of(&self, pane: &Pane) -> Option<check::Color> {
        let info = pane.info.as_ref()?;
        check::color_of(self.connection_of(&pane.host, info)?.terminal_options.color.as_deref()?)
    }

    /// The folder a row stands for or lies in: new things come there.
    fn folder_at(&self, place: &Place) -> Option<String> {
        match place {
            Place::Folder(_, id) => Some(id.clone()),
            Place::Connection(host, id) => self.connection(host, id)?.folder_id.clone(),
            Place::Session(host, session) => {
                let info = self.hosts.get(host)?.session(session)?;
                self.connection_of(host, info)?.folder_id.clone()
            }
            Place::Host(_) | Place::Known => None,
        }
    }

    /// A connection of a team's file, by the id it has here.
    pub(in crate::client) fn of_a_team(&self, id: &str) -> Option<&Connection> {
        self.teams.values().find_map(|t| t.book.connection(id))
    }

    /// One more session of a connection, in a tab of its own.
    pub fn open_connection(&mut self, host: &HostId, id: &str, out: &mut Vec<Effect>) {
        let pane = self.new_pane(self.runs_on(host));
        self.tabs.add_pane(pane);
        self.start_from(pane, Some(id.to_string()), None, out);
        self.look_at_panes();
    }

    /// A change to a host's connections, carried out there; what comes of it is told by [`App::booked`].
    pub(super) fn change(&mut self, host: HostId, change: Change, out: &mut Vec<Effect>) -> u64 {
        self.next_tag += 1;
        if self.is_theirs(&host) {
            return self.next_tag;
        }
        if let Some(known) = self.hosts.get_mut(&host) {
            known.changing.insert(self.next_tag);
            if let Change::Create(new) = &change {
                known.coming.push((new.folder_id.clone(), new.name.clone()));
            }
            // shown at once: the next step begins where this one ends
            if let Change::Move(to) = &change
                && let Some(moved) = known.book.as_ref().and_then(|b| b.moved(to))
            {
                known.book = Some(moved);
            }
        }
        out.push(Effect::Host(host, HostCommand::Book { tag: self.next_tag, change: Box::new(change) }));
        self.next_tag
    }

    /// A form's wish: it stays until it is known to be kept.
    pub(super) fn save_form(&mut self, host: HostId, change: Change, out: &mut Vec<Effect>) {
        let tag = self.change(host, change, out);
        if let Some(Layer::Form(form)) = self.layers.last_mut() {
            form.saving = Some(tag);
        }
    }

    pub(super) fn booked(&mut self, host: &HostId, tag: u64, result: Result<String, String>, out: &mut Vec<Effect>) {
        if let Some(host) = self.hosts.get_mut(host) {
            host.changing.remove(&tag);
        }
        let form = self.layers.iter().position(|l| matches!(l, Layer::Form(f) if f.saving == Some(tag)));
        match (form, result) {
            (Some(at), Ok(id)) => {
                let layer = self.layers.remove(at);
                if let Layer::Form(form) = layer
                    && form.is_new()
                    && !id.is_empty()
                {
                    self.tree.awaited = Some(Place::Connection(host.clone(), id.clone()));
                    if form.opens {
                        self.open_kept(host, id, &form, out);
                    }
                }
            }
            (Some(at), Err(why)) => {
                if let Some(Layer::Form(form)) = self.layers.get_mut(at) {
                    form.saving = None;
                    form.failed = Some(short(&why, 300));
                }
            }
            (None, Err(why)) => self.say_long(short(&why, 300)),
            (None, Ok(id)) => {
                if let Some((_, place)) = self.tree.making.take_if(|(making, _)| *making == tag)
                    && !id.is_empty()
                {
                    self.tree.awaited = Some(place(host.clone(), id));
                }
                if let Some((_, said)) = self.tree.adding.take_if(|(adding, _)| *adding == tag) {
                    self.say(said);
                }
            }
        }
    }

    pub(in crate::client) fn edit_connection(&mut self, host: &HostId, id: &str) {
        if self.is_theirs(host) {
            return;
        }
        if let Some(connection) = self.connection(host, id) {
            let all = self.book(host).map_or(&[][..], |book| &book.connections);
            let form = Form::edit(host.clone(), connection, all);
            self.layers.push(Layer::Form(Box::new(form)));
        }
    }

    pub(in crate::client) fn rename_folder(&mut self, host: HostId, id: String) {
        let name = self.book(&host).and_then(|b| b.folder(&id)).map(|f| f.name.clone());
        let title = "name of the folder".to_string();
        let wish = Wish::RenamedFolder(host, id);
        self.layers.push(Layer::ask(title, &name.unwrap_or_default(), wish));
    }

    /// Shown at once, kept where the folder is.
    pub(in crate::client) fn fold_folder(&mut self, host: &HostId, id: &str, out: &mut Vec<Effect>) {
        let theirs = self.teams.contains_key(host);
        let book = match self.teams.get_mut(host) {
            Some(team) => Some(&mut team.book),
            None => self.hosts.get_mut(host).and_then(|h| h.book.as_mut()),
        };
        let Some(is_expanded) = book.and_then(|b| b.fold(id)) else { return };
        let update = FoldersUpdate { id: id.to_string(), is_expanded: Some(is_expanded), ..FoldersUpdate::default() };
        if theirs {
            return;
        }
        self.change(host.clone(), Change::UpdateFolder(update), out);
    }

    /// What is about connections and folders.
    pub(in crate::client) fn hub_act(&mut self, act: Act, place: &Place, out: &mut Vec<Effect>) {
        let host = place.host().cloned().unwrap_or_else(HostId::local);
        let wish = match (act, place) {
            (Act::New, _) => Wish::New(host, self.folder_at(place)),
            (Act::NewFolder, _) => Wish::NewFolder(host, self.folder_at(place)),
            (Act::Edit, Place::Connection(_, id)) => Wish::Edit(host, id.clone()),
            (Act::Edit, Place::Folder(_, id)) => Wish::RenameFolder(host, id.clone()),
            (Act::Duplicate, Place::Connection(_, id)) => Wish::Duplicate(host, id.clone()),
            (Act::Import, _) => Wish::Import(host, self.folder_at(place)),
            (Act::Export, _) => {
                let folder = self.folder_at(place);
                Wish::Export(host, folder)
            }
            (Act::Move, _) => Wish::Move(host, self.places_for(place)),
            (Act::Delete, _) => Wish::Delete(self.places_for(place)),
            (Act::StepDown, Place::Connection(_, id) | Place::Folder(_, id)) => Wish::Step(host, id.clone(), 1),
            (Act::StepUp, Place::Connection(_, id) | Place::Folder(_, id)) => Wish::Step(host, id.clone(), -1),
            (Act::Browse, _) => return self.browse_place(place, out),
            (Act::Menu, _) => return self.menu(place),
            _ => return,
        };
        self.wish(wish, out);
    }

    /// All that can be done with a row, or with what is selected, with its keys.
    pub(in crate::client) fn menu(&mut self, place: &Place) {
        let (title, items) = match self.tree.selected.len() {
            0 => ("what to do (a key, or / to search)".to_string(), self.menu_of(place)),
            n => (format!("what to do with the {n} selected"), self.menu_of_selected()),
        };
        let items = items.into_iter().map(|(text, key, wish)| Item {
            text: text.into(),
            aside: key.into(),
            label: None,
            choice: Choice::Hub(Box::new(wish)),
        });
        self.layers.push(Layer::Picker(Picker::new(title, items.collect()).by_key()));
        self.dirty = true;
    }

    fn menu_of_selected(&self) -> Vec<(&'static str, &'static str, Wish)> {
        let any = |which: fn(&Place) -> bool| self.tree.selected.iter().any(which);
        let own = |p: &Place| p.host().is_some_and(|h| !self.teams.contains_key(h));
        let kept = |p: &&Place| matches!(p, Place::Connection(..) | Place::Folder(..));
        let mut items = vec![
            ("open them", Act::Open),
            ("beside the focused pane", Act::Beside),
            ("below the focused pane", Act::Below),
        ];
        if any(|p| matches!(p, Place::Session(..) | Place::Connection(..))) {
            items.push(("end their sessions", Act::End));
        }
        if self.tree.selected.iter().filter(kept).any(own) {
            items.extend([("move them to a folder", Act::Move), ("delete them", Act::Delete)]);
        }
        items.push(("select nothing", Act::SelectNone));
        items.into_iter().map(|(text, act)| (text, key_of(act), Wish::Tree(act))).collect()
    }

    fn menu_of(&self, place: &Place) -> Vec<(&'static str, &'static str, Wish)> {
        let host = place.host().cloned().unwrap_or_else(HostId::local);
        let folder = self.folder_at(place);
        // (what others keep is opened, and nothing of it is changed)
        let theirs = self.teams.contains_key(&host);
        let mut items: Vec<(&'static str, &'static str, Wish)> = Vec::new();
        let steps = |id: &String| {
            [("one up", Act::StepUp, -1), ("one down", Act::StepDown, 1)]
                .map(|(text, act, by)| (text, key_of(act), Wish::Step(host.clone(), id.clone(), by)))
        };
        match place {
            Place::Connection(_, id) => {
                items.push(("connect: one more session", key_of(Act::Open), Wish::Open(place.clone())));
                if !theirs {
                    items.push(("edit", key_of(Act::Edit), Wish::Edit(host.clone(), id.clone())));
                    items.push(("duplicate", key_of(Act::Duplicate), Wish::Duplicate(host.clone(), id.clone())));
                    items.extend(steps(id));
                }
                items.push(("end its sessions", key_of(Act::End), Wish::Kill(place.clone())));
            }
            Place::Folder(_, id) => {
                items.push(("fold or unfold", key_of(Act::Fold), Wish::Open(place.clone())));
                if !theirs {
                    items.push(("rename", key_of(Act::Rename), Wish::RenameFolder(host.clone(), id.clone())));
                    items.extend(steps(id));
                }
            }
            Place::Session(..) => {
                items.push(("go to it", key_of(Act::Open), Wish::Open(place.clone())));
                items.push(("rename", key_of(Act::Rename), Wish::Tree(Act::Rename)));
                items.push(("end it", key_of(Act::End), Wish::Kill(place.clone())));
            }
            Place::Host(_) if theirs => items.push(("fold or unfold", key_of(Act::Fold), Wish::Open(place.clone()))),
            Place::Host(_) => {
                items.push(("connect, or fold", key_of(Act::Open), Wish::Open(place.clone())));
                items.push(("new shell here", key_of(Act::Shell), Wish::Shell(host.clone())));
                items.push(("new ...: port, container, telnet", key_of(Act::Start), Wish::Start(host.clone(), None)));
                items.push(("containers", "", Wish::Containers(host.clone())));
                items.push(("connect again", key_of(Act::Rename), Wish::Reconnect(host.clone())));
                if self.hosts.get(&host).is_some_and(|h| h.state.is_without_agent()) {
                    items.push(("connect with its agent", "", Wish::With(host.clone())));
                } else if !host.is_local() {
                    items.push(("connect without an agent", "", Wish::Without(host.clone())));
                }
                if !host.is_local() && self.hosts.contains_key(&host) {
                    items.push((
                        "let go: end the connection, not the sessions",
                        key_of(Act::End),
                        Wish::LetGo(host.clone()),
                    ));
                }
                items.push(("end all its sessions", "", Wish::KillAllOf(host.clone())));
                items.push(("connect all that are away", "", Wish::Command("reconnect-all")));
            }
            Place::Known => items.push(("fold or unfold", key_of(Act::Fold), Wish::Open(place.clone()))),
        }
        let browse = Wish::Browse(place.clone());
        match place {
            Place::Connection(_, id) if self.connection(&host, id).is_some_and(|c| c.config.kind == "serial") => {
                items.push(("browse files (not applicable)", key_of(Act::Browse), browse));
            }
            Place::Known => {}
            Place::Host(_) | Place::Folder(..) if theirs => {}
            _ => items.push(("browse files", key_of(Act::Browse), browse)),
        }
        if matches!(place, Place::Connection(..) | Place::Session(..)) || (matches!(place, Place::Host(_)) && !theirs) {
            items.push(("beside the focused pane", key_of(Act::Beside), Wish::Beside(place.clone(), Dir::Row)));
            items.push(("below the focused pane", key_of(Act::Below), Wish::Beside(place.clone(), Dir::Column)));
        }
        if matches!(place, Place::Connection(..) | Place::Folder(..)) && !theirs {
            items.push(("move to a folder", key_of(Act::Move), Wish::Move(host.clone(), vec![place.clone()])));
            items.push(("delete", key_of(Act::Delete), Wish::Delete(vec![place.clone()])));
        }
        if self.book(&host).is_some() && !theirs {
            items.push(("new connection", key_of(Act::New), Wish::New(host.clone(), folder.clone())));
            items.push(("new folder", key_of(Act::NewFolder), Wish::NewFolder(host.clone(), folder.clone())));
            items.push(("take over from a file", key_of(Act::Import), Wish::Import(host.clone(), folder.clone())));
        }
        if self.book(&host).is_some() {
            items.push(("write to a file", key_of(Act::Export), Wish::Export(host, folder)));
        }
        items
    }

    pub(super) fn wish(&mut self, wish: Wish, out: &mut Vec<Effect>) {
        self.dirty = true;
        let changed = match &wish {
            Wish::New(host, _) | Wish::NewFolder(host, _) | Wish::RenameFolder(host, _) => Some(host.clone()),
            Wish::Import(host, _) => Some(host.clone()),
            Wish::Duplicate(host, _) | Wish::Step(host, ..) => Some(host.clone()),
            _ => None,
        };
        if changed.is_some_and(|host| self.is_theirs(&host)) {
            return;
        }
        match wish {
            Wish::Open(place) => match place {
                Place::Connection(host, id) => self.open_connection(&host, &id, out),
                Place::Session(host, session) => self.open_session(&host, &session, out),
                Place::Host(host) if !self.is_online(&host) && !self.teams.contains_key(&host) => {
                    self.open_host(&host, out);
                }
                other => self.fold(&other, out),
            },
            Wish::GoTo(host, id) => self.go_to_connection(&host, &id, out),
            Wish::Beside(place, dir) => self.open_beside(&place, dir, out),
            Wish::Browse(place) => self.browse_place(&place, out),
            Wish::Containers(host) => self.containers(&host, out),
            Wish::Contained(asked) => self.contained(*asked, out),
            Wish::Kill(place) => match place {
                Place::Session(host, session) => self.ask_to_kill(host, session, out),
                Place::Connection(host, id) => self.ask_to_kill_of(&host, &id, out),
                _ => {}
            },
            Wish::New(host, folder) => match self.book(&host) {
                Some(book) => {
                    let form = Form::new(host.clone(), folder, &book.connections);
                    self.layers.push(Layer::Form(Box::new(form)));
                }
                None => self.say_no_book(&host, "connections"),
            },
            Wish::Start(host, None) => self.start_menu(host),
            Wish::Start(host, Some(kind)) => self.start_form(host, kind),
            Wish::StartWhere => self.ask_start_where(),
            Wish::NewFolder(host, parent) => match self.book(&host) {
                Some(_) => {
                    self.layers.push(Layer::ask("name of the new folder".into(), "", Wish::NamedFolder(host, parent)));
                }
                None => self.say_no_book(&host, "folders"),
            },
            Wish::Edit(host, id) => self.edit_connection(&host, &id),
            Wish::RenameFolder(host, id) => self.rename_folder(host, id),
            Wish::Duplicate(host, id) => {
                if let Some(connection) = self.connection(&host, &id).cloned() {
                    let beside = |c: &&Connection| c.folder_id == connection.folder_id;
                    let all = self.book(&host).map_or(&[][..], |book| &book.connections);
                    let coming = self.hosts.get(&host).map_or(&[][..], |host| &host.coming);
                    let name = copy_name(&connection.name, |name| {
                        let is_coming = coming.iter().any(|(folder, n)| *folder == connection.folder_id && n == name);
                        is_coming || all.iter().filter(beside).any(|c| c.name == name)
                    });
                    let copy = Connection { id: String::new(), name, ..connection };
                    let tag = self.change(host, Change::Create(Box::new(copy)), out);
                    self.tree.making = Some((tag, Place::Connection));
                }
            }
            Wish::Move(host, places) => self.ask_where(&host, &places),
            Wish::MoveTo(host, ids, folder) => self.move_to(host, ids, folder, out),
            Wish::Delete(places) => self.ask_to_delete(places),
            Wish::Deleted(doomed, with_content) => self.delete(doomed, with_content, out),
            Wish::KillAll(sessions) => self.kill_all(sessions, out),
            Wish::Step(host, id, by) => self.step_in_folder(host, &id, by, out),
            // (their texts come with the prompt)
            Wish::Without(host) => self.without_agent(&host, out),
            Wish::Command(name) => {
                if let Some(command) = crate::client::command::by_name(name) {
                    out.extend((command.run)(self));
                }
            }
            Wish::NamedFolder(..) | Wish::RenamedFolder(..) | Wish::ImportFrom(..) | Wish::ExportTo(..) => {}
            Wish::Import(host, folder) => self.ask_for_import(host, folder),
            Wish::Export(host, folder) => self.ask_for_export(host, folder),
            Wish::Add(host, many) => self.add_many(host, *many, out),
            Wish::LetGo(host) => self.let_go(&host, out),
            Wish::KillAllOf(host) => self.ask_to_kill_all_of(&host, out),
            Wish::Shell(host) => self.new_tab(host, out),
            Wish::Tree(act) if self.tree.focused => self.tree_act(act, out),
            // from the list of all keys: it is for a row, which is to be seen first
            Wish::Tree(act) => {
                (self.tree.open, self.tree.focused) = (Some(true), true);
                self.touch();
                self.say(format!("in the tree {} does it", crate::client::keymap::shown(key_of(act))));
            }
            Wish::Reconnect(host) => self.reconnect(host, out),
            Wish::With(host) => self.with_agent(&host, out),
        }
    }

    /// What was typed for a wish that needs a name.
    pub(super) fn wish_named(&mut self, wish: Wish, text: String, out: &mut Vec<Effect>) {
        let wish = match wish {
            Wish::ImportFrom(host, folder) => return self.import_from(host, folder, text, out),
            Wish::ExportTo(host, folder) => return self.export_to(&host, folder.as_deref(), &text, out),
            wish => wish,
        };
        if let Err(why) = check::check_name(&text) {
            return self.say(why);
        }
        match wish {
            Wish::NamedFolder(host, parent_id) => {
                let folder = Folder { name: text, parent_id, ..Folder::default() };
                let tag = self.change(host, Change::CreateFolder(folder), out);
                self.tree.making = Some((tag, Place::Folder));
            }
            Wish::RenamedFolder(host, id) => {
                let update = FoldersUpdate { id, name: Some(text), ..FoldersUpdate::default() };
                self.change(host, Change::UpdateFolder(update), out);
            }
            _ => {}
        }
    }

    /// One place up or down among those it lies beside.
    fn step_in_folder(&mut self, host: HostId, id: &str, by: i64, out: &mut Vec<Effect>) {
        if self.tree.by_name {
            return self.say("the tree is by name: s shows it as it is kept, where the order can be changed");
        }
        let Some(book) = self.hosts.get_mut(&host).and_then(|h| h.book.as_mut()) else { return };
        let folder = |f: Option<&String>| f.cloned();
        let (parent, beside): (Option<String>, Vec<String>) = if let Some(f) = book.folder(id) {
            let same = book.folders.iter().filter(|o| o.parent_id == f.parent_id).map(|o| o.id.clone());
            (folder(f.parent_id.as_ref()), same.collect())
        } else if let Some(c) = book.connection(id) {
            let same = book.connections.iter().filter(|o| o.folder_id == c.folder_id).map(|o| o.id.clone());
            (folder(c.folder_id.as_ref()), same.collect())
        } else {
            return;
        };
        let Some(at) = beside.iter().position(|o| o == id) else { return };
        // before the one above; or before the one after the next
        let before = match by < 0 {
            true if at == 0 => return,
            true => beside.get(at - 1).cloned(),
            false if at + 1 >= beside.len() => return,
            false => beside.get(at + 2).cloned(),
        };
        let moved = ConnectionsMove { ids: vec![id.to_string()], folder: parent, before };
        self.change(host, Change::Move(moved), out);
    }
}

#[cfg(test)]
mod tests;
