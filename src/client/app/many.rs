//! Owns what is done with several rows of the tree at once, and what stays chosen and selected when rows go.
//! Leaves out marking them (`tree/keys.rs`), and what is done with one (`hub.rs`).

use super::hub::Wish;
use super::{App, Effect, Host};
use crate::client::book::Change;
use crate::client::host::HostId;
use crate::client::layer::picker::{Item, Picker};
use crate::client::layer::{Choice, Layer};
use crate::client::layout::Dir;
use crate::client::tree::{Place, host_text};
use crate::proto::control::connections::ConnectionsMove;
use crate::proto::ids::SessionId;
use crate::text::{count, short};
use std::collections::{BTreeMap, HashSet};

/// What of a host is to be taken away.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Doomed {
    connections: Vec<String>,
    folders: Vec<String>,
}

/// A connection or a folder: its host and its id.
fn kept(place: &Place) -> Option<(&HostId, &String)> {
    match place {
        Place::Connection(host, id) | Place::Folder(host, id) => Some((host, id)),
        _ => None,
    }
}

/// `2 connections and 1 folder`.
fn counted(connections: usize, folders: usize) -> String {
    let all = [(connections, "connection"), (folders, "folder")];
    let some: Vec<String> = all.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| count(n, what)).collect();
    some.join(" and ")
}

impl App {
    /// The rows before a change, for [`App::follow_rows`] behind it; none where nobody has chosen one.
    pub(in crate::client) fn rows_before(&self) -> Vec<Place> {
        let rows = self.tree.chosen.is_some().then(|| self.tree_rows());
        rows.into_iter().flatten().map(|r| r.place).collect()
    }

    /// What has gone is selected no longer; in the place of a chosen row that went comes the nearest one, of its host
    /// where there is any.
    pub(in crate::client) fn follow_rows(&mut self, before: &[Place]) {
        if !self.tree.selected.is_empty() {
            let there: HashSet<Place> = self.every_row(true).into_iter().map(|r| r.place).collect();
            self.tree.selected.retain(|place| there.contains(place));
        }
        let hosts = &self.hosts;
        let listed = |place: &mut Place| {
            let book = |host: &HostId| hosts.get(host).and_then(|host: &Host| host.book.as_ref());
            match place {
                Place::Folder(host, id) => book(host).is_some_and(|book| book.folder(id).is_some()),
                place => kept(place).is_some_and(|(host, id)| book(host).is_some_and(|b| b.connection(id).is_some())),
            }
        };
        if let Some(awaited) = self.tree.awaited.take_if(listed) {
            self.tree.chosen = Some(awaited);
        }
        let Some(chosen) = &self.tree.chosen else { return };
        let Some(at) = before.iter().position(|place| place == chosen) else { return };
        let there: HashSet<Place> = self.tree_rows().into_iter().map(|r| r.place).collect();
        if there.contains(chosen) {
            return;
        }
        let near = |own: bool| {
            let (above, below) = (before.iter().take(at).rev(), before.iter().skip(at + 1));
            below.chain(above).find(|p| there.contains(*p) && (!own || p.host() == chosen.host()))
        };
        self.tree.chosen = near(true).or_else(|| near(false)).cloned();
    }

    /// What an action is for: what is selected, folded and filtered out or not (the tree's title says how many), else the
    /// row itself.
    pub(super) fn places_for(&self, place: &Place) -> Vec<Place> {
        match self.tree.selected.is_empty() {
            true => vec![place.clone()],
            // in the order of the tree
            false => {
                let all = self.every_row(true).into_iter().map(|r| r.place);
                all.filter(|p| self.tree.selected.contains(p)).collect()
            }
        }
    }

    /// One machine's at a time: those of the row's host, where there are any.
    pub(super) fn ask_where(&mut self, host: &HostId, places: &[Place]) {
        let hosts: Vec<&HostId> = places.iter().filter_map(kept).map(|(h, _)| h).collect();
        let Some(first) = hosts.first() else { return self.say("only connections and folders are moved") };
        let own = |h: &&&HostId| !self.teams.contains_key(**h);
        let found = hosts.iter().find(|h| **h == host).filter(own).or_else(|| hosts.iter().find(own));
        let Some(host) = found.copied() else {
            self.is_theirs(first);
            return;
        };
        let ids: Vec<String> =
            places.iter().filter_map(kept).filter(|(h, _)| *h == host).map(|(_, id)| id.clone()).collect();
        let Some(book) = self.book(host) else { return };
        let to = |folder: Option<String>| Choice::Hub(Box::new(Wish::MoveTo(host.clone(), ids.clone(), folder)));
        let top = Item { text: "/".into(), aside: host_text(host), label: None, choice: to(None) };
        // (nothing is put into itself)
        let inside = book.within(ids.iter().filter(|id| book.folder(id).is_some()).map(String::as_str));
        let folders = book.folders.iter().filter(|f| !inside.contains(f.id.as_str())).map(|f| Item {
            text: short(&book.path(f), 200),
            aside: String::new(),
            label: None,
            choice: to(Some(f.id.clone())),
        });
        let items = std::iter::once(top).chain(folders).collect();
        let rest = match places.len() - ids.len() {
            0 => String::new(),
            n => format!(" ({n} elsewhere stay)"),
        };
        let folders = ids.iter().filter(|id| book.folder(id).is_some()).count();
        let what = counted(ids.len() - folders, folders);
        self.layers.push(Layer::Picker(Picker::new(format!("move {what} to{rest}"), items)));
    }

    pub(super) fn move_to(&mut self, host: HostId, ids: Vec<String>, folder: Option<String>, out: &mut Vec<Effect>) {
        self.deselect(&host, &ids);
        let before = self.rows_before();
        self.change(host, Change::Move(ConnectionsMove { ids, folder, before: None }), out);
        self.follow_rows(&before);
    }

    fn deselect(&mut self, host: &HostId, ids: &[String]) {
        self.tree.selected.retain(|p| kept(p).is_none_or(|(h, id)| h != host || !ids.contains(id)));
    }

    pub(super) fn ask_to_delete(&mut self, places: Vec<Place>) {
        let (mut doomed, mut theirs, mut rest) = (BTreeMap::<HostId, Doomed>::new(), None, 0);
        for place in places {
            match place {
                Place::Connection(h, _) | Place::Folder(h, _) | Place::Host(h) if self.teams.contains_key(&h) => {
                    theirs = Some(h);
                    rest += 1;
                }
                Place::Connection(h, id) => doomed.entry(h).or_default().connections.push(id),
                Place::Folder(h, id) => doomed.entry(h).or_default().folders.push(id),
                Place::Host(_) | Place::Session(..) | Place::Known => rest += 1,
            }
        }
        if doomed.is_empty() {
            if theirs.is_none_or(|host| !self.is_theirs(&host)) {
                self.say("only connections and folders are deleted; x ends sessions");
            }
            return;
        }
        let connections: usize = doomed.values().map(|d| d.connections.len()).sum();
        let folders: usize = doomed.values().map(|d| d.folders.len()).sum();
        let one = doomed.iter().next().filter(|_| connections + folders == 1);
        let mut what = match one.and_then(|(host, d)| Some((self.book(host)?, d))) {
            Some((book, Doomed { connections, folders })) => {
                let connection = connections.first().and_then(|id| book.connection(id));
                let folder = folders.first().and_then(|id| book.folder(id));
                let connection = connection.map(|c| format!("connection '{}'", short(&c.name, 40)));
                connection.or(folder.map(|f| format!("folder '{}'", short(&f.name, 40)))).unwrap_or_default()
            }
            None => counted(connections, folders),
        };
        if doomed.len() > 1 {
            what += &format!(" on {}", count(doomed.len(), "machine"));
        }
        if rest > 0 {
            what += &format!(" ({rest} selected that can't be deleted stay)");
        }
        let holds = |(host, d): (&HostId, &Doomed)| {
            self.book(host).is_some_and(|b| d.folders.iter().any(|f| b.count(Some(f)) != (0, 0)))
        };
        let hold = doomed.iter().any(holds);
        let deleted = |with| Choice::Hub(Box::new(Wish::Deleted(doomed.clone(), with)));
        if hold {
            let item =
                |text: &str, with| Item { text: text.into(), aside: String::new(), label: None, choice: deleted(with) };
            let items = vec![
                item("delete it; what is in it goes where the folder was", false),
                item("delete it with all that is in it", true),
            ];
            self.layers.push(Layer::Picker(Picker::new(format!("delete {what}"), items)));
        } else {
            let text = format!("Delete {what}? Sessions that were started from it go on.");
            self.layers.push(Layer::confirm(text, deleted(false)));
        }
    }

    pub(super) fn delete(&mut self, doomed: BTreeMap<HostId, Doomed>, with_content: bool, out: &mut Vec<Effect>) {
        for (host, Doomed { mut connections, mut folders }) in doomed {
            self.deselect(&host, &connections);
            self.deselect(&host, &folders);
            if with_content && let Some(book) = self.book(&host) {
                // what lies in one of them goes with that
                let all: HashSet<String> = folders.iter().cloned().collect();
                folders.retain(|id| !book.lies_in(book.folder(id).and_then(|f| f.parent_id.as_deref()), &all));
                connections.retain(|id| !book.lies_in(book.connection(id).and_then(|c| c.folder_id.as_deref()), &all));
            }
            if !connections.is_empty() {
                self.change(host.clone(), Change::Delete(connections), out);
            }
            for id in folders {
                self.change(host.clone(), Change::DeleteFolder { id, with_content }, out);
            }
        }
    }

    pub(in crate::client) fn open_selected(&mut self, out: &mut Vec<Effect>) {
        let places = self.places_for(&Place::Known);
        self.tree.selected.clear();
        for place in places {
            match place {
                Place::Folder(..) | Place::Known => {}
                // (nothing is to be opened of one that is there)
                Place::Host(host) if self.is_online(&host) || self.teams.contains_key(&host) => {}
                place => self.wish(Wish::Open(place), out),
            }
        }
    }

    /// Each in a split, of the one before.
    pub(in crate::client) fn open_all_beside(&mut self, place: &Place, dir: Dir, out: &mut Vec<Effect>) {
        let places = self.places_for(place);
        self.tree.selected.clear();
        for place in places {
            self.open_beside(&place, dir, out);
        }
    }

    /// Asks once for all sessions that are selected, themselves or by their connection.
    pub(in crate::client) fn ask_to_kill_selected(&mut self, out: &mut Vec<Effect>) {
        let mut sessions = Vec::new();
        for place in self.places_for(&Place::Known) {
            match place {
                Place::Session(host, session) => sessions.push((host, session)),
                Place::Connection(host, id) => sessions.extend(self.sessions_of(&host, &id)),
                _ => {}
            }
        }
        let mut seen = HashSet::new();
        sessions.retain(|s| seen.insert(s.clone()));
        self.ask_to_kill_all(sessions, out);
    }

    pub(in crate::client) fn ask_to_kill_of(&mut self, host: &HostId, id: &str, out: &mut Vec<Effect>) {
        let sessions = self.sessions_of(host, id);
        self.ask_to_kill_all(sessions, out);
    }

    pub(in crate::client) fn ask_to_kill_all_of(&mut self, host: &HostId, out: &mut Vec<Effect>) {
        let all = self.hosts.get(host).map_or(&[][..], |h| &h.sessions);
        let own = all.iter().filter(|s| !self.is_listed_elsewhere(host, s)).filter_map(|s| s.id.parse().ok());
        let sessions = own.map(|s| (host.clone(), s)).collect();
        self.ask_to_kill_all(sessions, out);
    }

    fn sessions_of(&self, host: &HostId, id: &str) -> Vec<(HostId, SessionId)> {
        let host = &self.runs_on(host);
        let all = self.hosts.get(host).map_or(&[][..], |h| &h.sessions);
        let of = all.iter().filter(|s| s.connection_id == id).filter_map(|s| s.id.parse().ok());
        of.map(|s| (host.clone(), s)).collect()
    }

    fn ask_to_kill_all(&mut self, sessions: Vec<(HostId, SessionId)>, out: &mut Vec<Effect>) {
        match sessions.as_slice() {
            [] => self.say("it has no session"),
            [(host, session)] => self.ask_to_kill(host.clone(), session.clone(), out),
            many => {
                let host =
                    many.first().map(|(host, _)| host).filter(|first| many.iter().all(|(host, _)| host == *first));
                let on = host.map(|host| format!(" on {}", host_text(host))).unwrap_or_default();
                let text = format!("End {}{on}?", count(many.len(), "session"));
                self.layers.push(Layer::confirm(text, Choice::Hub(Box::new(Wish::KillAll(sessions)))));
            }
        }
    }

    pub(super) fn kill_all(&mut self, sessions: Vec<(HostId, SessionId)>, out: &mut Vec<Effect>) {
        self.tree.selected.clear();
        for (host, session) in sessions {
            self.end_session(&host, session, out);
        }
    }
}
