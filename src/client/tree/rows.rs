//! Owns the tree's rows: a section for each host with its folders, connections and sessions, and one for ssh_config.

use super::{Mark, Place, Row, Standing, age, host_text, mark_of, standing, state_text, unix_of};
use crate::client::app::{App, Host};
use crate::client::host::HostId;
use crate::client::pane::title_of;
use crate::proto::control::SessionInfo;
use crate::proto::control::connections::{Connection, Folder, Kind, Listed};
use crate::proto::ids::SessionId;
use crate::text::{count, escape, short};
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use std::collections::HashMap;

/// Most folders within folders that are shown: a host may say what it likes.
const DEEPEST: u16 = 40;

/// What lies where in a host's book.
struct Shelf<'a> {
    folders: HashMap<Option<&'a str>, Vec<&'a Folder>>,
    connections: HashMap<Option<&'a str>, Vec<&'a Connection>>,
    sessions: HashMap<&'a str, Vec<&'a SessionInfo>>,
    loose: Vec<&'a SessionInfo>,
    by_name: bool,
}

impl<'a> Shelf<'a> {
    fn new(book: Option<&'a Listed>, sessions: Vec<&'a SessionInfo>, by_name: bool) -> Shelf<'a> {
        let mut shelf = Shelf {
            folders: HashMap::new(),
            connections: HashMap::new(),
            sessions: HashMap::new(),
            loose: Vec::new(),
            by_name,
        };
        let (mut places, mut known) = (HashMap::new(), HashMap::new());
        for folder in book.iter().flat_map(|b| &b.folders) {
            places.insert(folder.id.as_str(), ());
        }
        let place = |id: &'a Option<String>| id.as_deref().filter(|id| places.contains_key(id));
        for folder in book.iter().flat_map(|b| &b.folders) {
            shelf.folders.entry(place(&folder.parent_id)).or_default().push(folder);
        }
        for connection in book.iter().flat_map(|b| &b.connections) {
            shelf.connections.entry(place(&connection.folder_id)).or_default().push(connection);
            known.insert(connection.id.as_str(), ());
        }
        for info in sessions {
            match known.contains_key(info.connection_id.as_str()) {
                true => shelf.sessions.entry(&info.connection_id).or_default().push(info),
                false => shelf.loose.push(info),
            }
        }
        shelf
    }

    fn folders_in(&self, parent: Option<&str>) -> Vec<&'a Folder> {
        let mut all = self.folders.get(&parent).cloned().unwrap_or_default();
        if self.by_name {
            all.sort_by_cached_key(|f| f.name.to_lowercase());
        }
        all
    }

    fn connections_in(&self, parent: Option<&str>) -> Vec<&'a Connection> {
        let mut all = self.connections.get(&parent).cloned().unwrap_or_default();
        if self.by_name {
            all.sort_by_cached_key(|c| c.name.to_lowercase());
        }
        all
    }
}

/// A character for each kind that every font has.
pub fn sign_of(kind: &str) -> &'static str {
    match kind {
        "local" | "shell" => "$",
        "ssh" => ">",
        "serial" => "~",
        "docker" => "#",
        "telnet" => "%",
        _ => "?",
    }
}

impl App {
    pub fn tree_rows(&self) -> Vec<Row> {
        let filter = self.tree.filter.as_ref().map(|f| f.text().trim()).filter(|t| !t.is_empty());
        let all = self.every_row(filter.is_some());
        match filter {
            None => all,
            Some(text) => matching(all, text),
        }
    }

    fn every_row(&self, unfolded: bool) -> Vec<Row> {
        let mut rows = Vec::new();
        let local = HostId::local();
        let mut hosts: Vec<&HostId> = self.hosts.keys().filter(|h| !h.is_local()).collect();
        hosts.insert(0, &local);
        for id in hosts {
            self.host_rows(id, 0, unfolded, &mut rows);
        }
        for id in self.teams.keys() {
            self.team_rows(id, unfolded, &mut rows);
        }
        let known: Vec<HostId> = self.known.iter().map(HostId::new).filter(|h| !self.hosts.contains_key(h)).collect();
        if !known.is_empty() {
            let open = unfolded || self.tree.is_open(&Place::Known);
            let aside = known.len().to_string();
            let more = ["the hosts of your ssh_config; Enter connects one".to_string(), String::new()];
            rows.push(Row { fold: Some(open), aside, more, ..Row::new(Place::Known, 0, "ssh_config".into()) });
            if open {
                for id in &known {
                    self.host_rows(id, 1, unfolded, &mut rows);
                }
            }
        }
        if !self.tree.selected.is_empty() {
            rows.iter_mut().for_each(|row| row.selected = self.tree.selected.contains(&row.place));
        }
        rows
    }

    /// A session over plain SSH lives on this machine, and is shown where its host is.
    pub fn is_listed_elsewhere(&self, host: &HostId, info: &SessionInfo) -> bool {
        host.is_local()
            && !info.target.is_empty()
            && self.hosts.iter().any(|(h, other)| !h.is_local() && other.sessions.iter().any(|s| s.id == info.id))
    }

    fn host_rows(&self, id: &HostId, depth: u16, unfolded: bool, rows: &mut Vec<Row>) {
        let host = self.hosts.get(id);
        let place = Place::Host(id.clone());
        let open = unfolded || self.tree.is_open(&place);
        let sessions: Vec<&SessionInfo> = host
            .iter()
            .flat_map(|h| &h.sessions)
            .filter(|info| !(self.is_listed_elsewhere(id, info) || id.is_local() && self.is_a_teams(info)))
            .collect();
        let book = host.and_then(|h| h.book.as_deref());
        let holds = !sessions.is_empty() || book.is_some_and(|b| !b.connections.is_empty() || !b.folders.is_empty());
        let state = host.map(|h| state_text(h, self.now)).unwrap_or_default();
        let said = match (host, id.is_local()) {
            (_, true) => "your own sessions and connections".into(),
            (Some(h), _) => match standing(Some(h)) {
                Standing::Offline => "offline: Enter connects it".into(),
                _ if state.is_empty() => format!("online · {}", count(sessions.len(), "session")),
                _ => state.clone(),
            },
            (None, _) => "not connected: Enter connects it".into(),
        };
        rows.push(Row {
            fold: holds.then_some(open),
            aside: state,
            standing: Some(standing(host)),
            more: [host_text(id), said],
            ..Row::new(place, depth, host_text(id))
        });
        let Some(host) = host.filter(|_| open) else { return };
        let shelf = Shelf::new(book, sessions, self.tree.by_name);
        self.folder_rows(id, host, &shelf, None, depth + 1, unfolded, rows);
        for info in &shelf.loose {
            rows.extend(self.session_row(id, host, info, depth + 1));
        }
    }

    /// Started from a team's file: shown there.
    fn is_a_teams(&self, info: &SessionInfo) -> bool {
        info.connection_id.starts_with("team-") && self.of_a_team(&info.connection_id).is_some()
    }

    /// A team file's section: its sessions run on this machine.
    fn team_rows(&self, id: &HostId, unfolded: bool, rows: &mut Vec<Row>) {
        let Some(team) = self.teams.get(id) else { return };
        let place = Place::Host(id.clone());
        let open = unfolded || self.tree.is_open(&place);
        let holds = !team.book.connections.is_empty() || !team.book.folders.is_empty();
        let told = team.book.told.as_ref().map(|t| short(t, 200));
        rows.push(Row {
            fold: holds.then_some(open),
            aside: if told.is_some() { "unreadable".into() } else { "file".into() },
            more: [short(&team.path, 200), told.unwrap_or_else(|| "kept by others: read, never written".into())],
            ..Row::new(place, 0, short(&team.name, 100))
        });
        let Some(host) = self.hosts.get(&HostId::local()).filter(|_| open) else { return };
        let of = |info: &&SessionInfo| team.book.connections.iter().any(|c| c.id == info.connection_id);
        let sessions = host.sessions.iter().filter(|i| i.connection_id.starts_with("team-")).filter(of).collect();
        let shelf = Shelf::new(Some(&team.book), sessions, self.tree.by_name);
        self.folder_rows(id, host, &shelf, None, 1, unfolded, rows);
    }

    #[allow(clippy::too_many_arguments)] // a walk's own state
    fn folder_rows(
        &self,
        id: &HostId,
        host: &Host,
        shelf: &Shelf,
        parent: Option<&str>,
        depth: u16,
        unfolded: bool,
        rows: &mut Vec<Row>,
    ) {
        for folder in shelf.folders_in(parent).into_iter().filter(|_| depth < DEEPEST) {
            let inside = Some(folder.id.as_str());
            let inner = |n: usize, one: &str| if n == 0 { None } else { Some(count(n, one)) };
            let within = [
                inner(shelf.folders_in(inside).len(), "folder"),
                inner(shelf.connections_in(inside).len(), "connection"),
            ];
            let within: Vec<String> = within.into_iter().flatten().collect();
            let said = if within.is_empty() { "empty folder".into() } else { format!("folder: {}", within.join(", ")) };
            let open = unfolded || folder.is_expanded;
            rows.push(Row {
                fold: Some(open),
                more: [short(&folder.name, 200), said],
                ..Row::new(Place::Folder(id.clone(), folder.id.clone()), depth, short(&folder.name, 100))
            });
            if open {
                self.folder_rows(id, host, shelf, inside, depth + 1, unfolded, rows);
            }
        }
        for connection in shelf.connections_in(parent) {
            let sessions = shelf.sessions.get(connection.id.as_str()).map_or(&[][..], Vec::as_slice);
            let place = Place::Connection(id.clone(), connection.id.clone());
            let open = unfolded || self.tree.is_open(&place);
            rows.push(connection_row(place, id, connection, sessions.len(), open, depth));
            for info in sessions.iter().filter(|_| open) {
                rows.extend(self.session_row(&self.runs_on(id), host, info, depth + 1));
            }
        }
    }

    fn session_row(&self, id: &HostId, host: &Host, info: &SessionInfo, depth: u16) -> Option<Row> {
        let session = info.id.parse::<SessionId>().ok()?;
        let pane = self.pane_of(id, &session).and_then(|p| self.panes.get(&p));
        let seconds = unix_of(&info.created_at).map(|t| self.unix_now() - t);
        let text = pane.filter(|p| p.is_live()).map_or_else(|| title_of(info), |p| self.title_of(p));
        let state = match (info.state.as_str(), info.exit_code) {
            ("exited", Some(code)) => format!("exited {code}"),
            (state, _) => escape(state),
        };
        let age = seconds.map(age).unwrap_or_default();
        let via = if info.target.is_empty() { String::new() } else { format!(" · via {}", host_text(id)) };
        Some(Row {
            shown: pane.is_some(),
            active: pane.is_some_and(|p| self.tabs.focused() == Some(p.id)),
            // seconds would only make it restless
            aside: seconds.filter(|s| *s >= 60).map(super::age).unwrap_or_default(),
            // what is shown is looked at there: its tab has the marks
            mark: match mark_of(host, info) {
                Mark::Output | Mark::Bell if pane.is_some() => Mark::None,
                mark => mark,
            },
            find: format!("{} {}", short(&info.name, 64), short(&crate::client::pane::command_of(info), 200)),
            more: [
                short(&crate::client::pane::command_of(info), 200),
                format!("{state} {age}{via} · {}", escape(&info.id)),
            ],
            ..Row::new(Place::Session(id.clone(), session), depth, text)
        })
    }

    /// Index of the chosen row; the focused pane's session where nothing was chosen.
    pub fn tree_index(&self, rows: &[Row]) -> usize {
        let fallback = self.focused().and_then(|p| Some(Place::Session(p.host.clone(), p.session.clone()?)));
        let wanted = self.tree.chosen.as_ref().or(fallback.as_ref());
        wanted.and_then(|w| rows.iter().position(|r| r.place == *w)).unwrap_or(0)
    }
}

fn connection_row(place: Place, host: &HostId, c: &Connection, sessions: usize, open: bool, depth: u16) -> Row {
    let kind = c.config.kind();
    let leads_to = c.leads_to();
    let away = matches!(kind, Ok(Kind::Ssh(_) | Kind::Other(_)) | Err(_));
    let state = match sessions {
        0 if away => "(not connected)".to_string(),
        0 => "no session".into(),
        n => count(n, "session"),
    };
    let aside = match (&kind, sessions) {
        (Ok(Kind::Other(_)), _) => leads_to.clone(),
        (_, 0) if away => "(not connected)".into(),
        _ => String::new(),
    };
    let via = if away && !host.is_local() && !host.as_str().starts_with("team:") {
        format!("via {}", host_text(host))
    } else {
        String::new()
    };
    let tags = c.tags.iter().map(|t| format!("#{}", short(t, 40))).collect::<Vec<_>>().join(" ");
    let find = format!("{leads_to} {tags}");
    let words = [short(&c.config.kind, 20), leads_to, via, state, tags];
    let said = words.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" · ");
    Row {
        fold: (sessions > 0).then_some(open),
        sign: sign_of(&c.config.kind),
        find,
        aside,
        more: [short(&c.name, 200), said],
        ..Row::new(place, depth, short(&c.name, 100))
    }
}

/// The rows that match, each under those it lies in.
fn matching(all: Vec<Row>, text: &str) -> Vec<Row> {
    let mut matcher = Matcher::new(Config::DEFAULT);
    // (each word as it is: with letters apart nearly everything would match)
    let pattern = Pattern::new(text, CaseMatching::Ignore, Normalization::Smart, AtomKind::Substring);
    let mut buf = Vec::new();
    let mut hay = String::new();
    let mut keep = vec![false; all.len()];
    for (i, row) in all.iter().enumerate() {
        hay.clear();
        hay.push_str(&row.text);
        hay.push(' ');
        hay.push_str(&row.find);
        if pattern.score(Utf32Str::new(&hay, &mut buf), &mut matcher).is_none() {
            continue;
        }
        // itself and what it lies in: the nearest row before it that is less deep, and so on
        let mut depth = row.depth + 1;
        for at in (0..=i).rev() {
            if all[at].depth < depth {
                if keep[at] && at != i {
                    break;
                }
                keep[at] = true;
                depth = all[at].depth;
            }
            if depth == 0 {
                break;
            }
        }
    }
    let mut kept = keep.iter();
    let mut all = all;
    all.retain(|_| kept.next() == Some(&true));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_is_shown_where_it_lies() {
        let row = |depth: u16, text: &str| Row::new(Place::Known, depth, text.into());
        let all = vec![
            row(0, "host"),
            row(1, "Lab"),
            row(2, "web-1"),
            row(2, "db"),
            row(1, "Attic"),
            row(2, "web-2"),
            row(0, "other"),
        ];
        let shown = |text: &str| matching(all.clone(), text).into_iter().map(|r| r.text).collect::<Vec<_>>();
        assert_eq!(shown("web"), ["host", "Lab", "web-1", "Attic", "web-2"]);
        assert_eq!(shown("Attic"), ["host", "Attic"]);
        assert_eq!(shown("other"), ["other"]);
        assert!(shown("zzz").is_empty());
    }
}
