//! Owns the tree's rows: a section for each host with its folders, connections and sessions, and one for ssh_config.

use super::{Mark, Place, Row, Standing, age, host_text, mark_of, standing, state_text, unix_of};
use crate::client::app::{App, Host};
use crate::client::gauges::limits::Level;
use crate::client::host::{HostId, HostState};
use crate::client::pane::{Pane, command_of, title_of};
use crate::client::shelf::Shelf;
use crate::proto::control::{Device, SessionInfo};
use crate::proto::ids::SessionId;
use crate::text::{count, escape, short};
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use std::collections::HashMap;

/// Most folders within folders that are shown: a host may say what it likes.
const DEEPEST: u16 = 40;

/// Rows as they are laid out.
struct Rows {
    all: Vec<Row>,
    /// Everything is unfolded, and each says what it is found by.
    sought: bool,
}

/// A book on the way down its folders, with what was started from it.
struct Walk<'a> {
    id: &'a HostId,
    /// Where its sessions run.
    runs_on: HostId,
    host: &'a Host,
    shelf: &'a Shelf,
    sessions: HashMap<&'a str, Vec<&'a SessionInfo>>,
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
        let filter = self.tree.filter.as_ref().filter(|_| self.tree.is_filtered()).map(|f| f.text().trim());
        let mut rows = match filter {
            None => self.every_row(false),
            Some(text) => matching(self.every_row(true), text),
        };
        if !self.tree.selected.is_empty() {
            rows.iter_mut().for_each(|row| row.selected = self.tree.selected.contains(&row.place));
        }
        rows
    }

    /// `sought` = whatever is folded, with what each is found by.
    pub(in crate::client) fn every_row(&self, sought: bool) -> Vec<Row> {
        let mut rows = Rows { all: Vec::new(), sought };
        let local = HostId::local();
        let mut hosts: Vec<&HostId> = self.hosts.keys().filter(|h| !h.is_local()).collect();
        hosts.insert(0, &local);
        for id in hosts {
            self.host_rows(id, 0, &mut rows);
        }
        for id in self.teams.keys() {
            self.team_rows(id, &mut rows);
        }
        let known: Vec<HostId> = self.known.iter().map(HostId::new).filter(|h| !self.hosts.contains_key(h)).collect();
        if !known.is_empty() {
            let open = sought || self.tree.is_open(&Place::Known);
            let aside = known.len().to_string();
            rows.all.push(Row { fold: Some(open), aside, ..Row::new(Place::Known, 0, "ssh_config".into()) });
            if open {
                for id in &known {
                    self.host_rows(id, 1, &mut rows);
                }
            }
        }
        rows.all
    }

    /// A session over plain SSH lives on this machine, and is shown where its host is; one of a prepared connection under that.
    pub fn is_listed_elsewhere(&self, host: &HostId, info: &SessionInfo) -> bool {
        if info.target.is_empty() {
            return false;
        }
        let local = HostId::local();
        let here = self.hosts.get(&local).and_then(|h| h.sessions.iter().find(|s| s.id == info.id));
        let prepared = here.is_some_and(|info| !info.target.is_empty() && self.connection_of(&local, info).is_some());
        if !host.is_local() {
            return prepared;
        }
        !prepared
            && self.hosts.iter().any(|(h, other)| {
                !h.is_local() && other.sessions.iter().any(|s| s.id == info.id && self.is_told(h, other, s))
            })
    }

    /// Of a host that is away nothing is shown as if it were so now: no more of its sessions than this window shows.
    fn is_told(&self, id: &HostId, host: &Host, info: &SessionInfo) -> bool {
        let shown = |p: &Pane| p.host == *id && p.session.as_ref().is_some_and(|s| s.as_str() == info.id);
        host.tells() || self.panes.values().any(shown)
    }

    /// The sessions that are listed under it.
    fn listed_at<'a>(&'a self, id: &'a HostId, host: &'a Host) -> Vec<&'a SessionInfo> {
        let own = |i: &&SessionInfo| !(id.is_local() && self.is_a_teams(i));
        self.sessions_told(id, host).filter(own).collect()
    }

    /// The sessions that can be chosen as its own.
    pub fn sessions_told<'a>(&'a self, id: &'a HostId, host: &'a Host) -> impl Iterator<Item = &'a SessionInfo> {
        host.sessions.iter().filter(|info| self.is_told(id, host, info) && !self.is_listed_elsewhere(id, info))
    }

    fn host_rows(&self, id: &HostId, depth: u16, rows: &mut Rows) {
        let host = self.hosts.get(id);
        let place = Place::Host(id.clone());
        let open = rows.sought || self.tree.is_open(&place);
        let listed = host.map(|h| self.listed_at(id, h)).unwrap_or_default();
        let shelf = self.book(id);
        let holds = !listed.is_empty() || shelf.is_some_and(|b| !b.connections.is_empty() || !b.folders.is_empty());
        let (aside, how) = self.state_of_row(id, host);
        rows.all.push(Row {
            fold: holds.then_some(open),
            aside,
            standing: Some(how),
            ..Row::new(place, depth, host_text(id))
        });
        let Some(host) = host.filter(|_| open) else { return };
        let mut loose = listed;
        if let Some(shelf) = shelf {
            let (of, rest) = loose.into_iter().partition(|i| shelf.connection(&i.connection_id).is_some());
            loose = rest;
            let walk = Walk { id, runs_on: id.clone(), host, shelf, sessions: by_connection(of) };
            self.folder_rows(&walk, None, depth + 1, rows);
        }
        for info in loose {
            rows.all.extend(self.session_row(id, host, info, depth + 1, rows.sought));
        }
    }

    /// Started from a team's file: shown there.
    fn is_a_teams(&self, info: &SessionInfo) -> bool {
        info.connection_id.starts_with("team-") && self.of_a_team(&info.connection_id).is_some()
    }

    /// A team file's section: its sessions run on this machine.
    fn team_rows(&self, id: &HostId, rows: &mut Rows) {
        let Some(team) = self.teams.get(id) else { return };
        let place = Place::Host(id.clone());
        let open = rows.sought || self.tree.is_open(&place);
        let holds = !team.book.connections.is_empty() || !team.book.folders.is_empty();
        rows.all.push(Row {
            fold: holds.then_some(open),
            aside: if team.book.told.is_some() { "unreadable".into() } else { "file".into() },
            ..Row::new(place, 0, short(&team.name, 100))
        });
        let Some(host) = self.hosts.get(&HostId::local()).filter(|_| open) else { return };
        let of = |info: &&SessionInfo| team.book.connection(&info.connection_id).is_some();
        let local = HostId::local();
        let told = self.sessions_told(&local, host).filter(|i| i.connection_id.starts_with("team-"));
        let sessions = told.filter(of).collect();
        let sessions = by_connection(sessions);
        let walk = Walk { id, runs_on: HostId::local(), host, shelf: &team.book, sessions };
        self.folder_rows(&walk, None, 1, rows);
    }

    fn folder_rows(&self, walk: &Walk, parent: Option<&str>, depth: u16, rows: &mut Rows) {
        let Walk { id, shelf, .. } = walk;
        for folder in shelf.folders_in(parent, self.tree.by_name).into_iter().filter(|_| depth < DEEPEST) {
            let open = rows.sought || folder.is_expanded;
            let place = Place::Folder((*id).clone(), folder.id.clone());
            rows.all.push(Row { fold: Some(open), ..Row::new(place, depth, short(&folder.name, 100)) });
            if open {
                self.folder_rows(walk, Some(&folder.id), depth + 1, rows);
            }
        }
        for (connection, words) in shelf.connections_in(parent, self.tree.by_name) {
            let sessions = walk.sessions.get(connection.id.as_str()).map_or(&[][..], Vec::as_slice);
            let place = Place::Connection((*id).clone(), connection.id.clone());
            let open = rows.sought || self.tree.is_open(&place);
            let (aside, brief) = match sessions {
                _ if words.other || (sessions.is_empty() && connection.config.kind == "serial") => {
                    (words.leads_to.clone(), device_of(&words.leads_to))
                }
                [] if words.away => ("(not connected)".into(), "off".into()),
                _ => Default::default(),
            };
            rows.all.push(Row {
                fold: (!sessions.is_empty()).then_some(open),
                sign: sign_of(&connection.config.kind),
                find: if rows.sought { format!("{} {}", words.leads_to, words.tags) } else { String::new() },
                aside,
                brief,
                ..Row::new(place, depth, short(&connection.name, 100))
            });
            for info in sessions.iter().filter(|_| open) {
                rows.all.extend(self.session_row(&walk.runs_on, walk.host, info, depth + 1, rows.sought));
            }
        }
    }

    fn session_row(&self, id: &HostId, host: &Host, info: &SessionInfo, depth: u16, sought: bool) -> Option<Row> {
        let session = info.id.parse::<SessionId>().ok()?;
        let pane = self.pane_with(id, &session).and_then(|p| self.panes.get(&p));
        let seconds = self.age_of(id, info);
        let text = match pane.filter(|p| p.is_live()) {
            // (a prompt's title says where it is, which its tab says, too; not what runs)
            _ if info.name.trim().is_empty() && !info.running.is_empty() => command_of(info),
            Some(pane) => self.title_of(pane),
            None => title_of(info),
        };
        let find = || format!("{} {}", short(&info.name, 64), short(&command_of(info), 200));
        Some(Row {
            shown: pane.is_some(),
            active: pane.is_some_and(|p| self.tabs.focused() == Some(p.id)),
            // seconds would only make it restless
            aside: match info.device.as_deref().filter(|_| host.tells() && info.is_alive()) {
                Some(device) => self.standing_of(id, info, device),
                None => seconds.filter(|s| *s >= 60 && host.tells()).map(super::age).unwrap_or_default(),
            },
            standing: (!host.tells()).then_some(Standing::Offline),
            // what is shown is looked at there: its tab has the marks
            mark: match mark_of(host, info) {
                _ if !host.tells() => Mark::None,
                Mark::Output | Mark::Bell if pane.is_some() => Mark::None,
                mark => mark,
            },
            find: if sought { find() } else { String::new() },
            ..Row::new(Place::Session(id.clone(), session), depth, text)
        })
    }

    /// `connected [14h]`, `waiting [2m]`; escaped.
    fn standing_of(&self, host: &HostId, info: &SessionInfo, device: &Device) -> String {
        let since = self.stands_for(host, info, device);
        let since = if since >= 60 { format!(" [{}]", age(since)) } else { String::new() };
        format!("{}{since}", short(&device.state, 20))
    }

    /// What stands at the edge of a host's row: its state, or that it is beyond a limit.
    fn state_of_row(&self, id: &HostId, host: Option<&Host>) -> (String, Standing) {
        let said = host.map(|h| state_text(h, self.now)).unwrap_or_default();
        match standing(host) {
            Standing::Online if said.is_empty() => match self.gauges.of_host(id).map(|s| s.alarm.level()) {
                Some(Level::Limited) => ("limited".into(), Standing::Limited),
                Some(Level::Error) => ("error".into(), Standing::Error),
                _ => (said, Standing::Online),
            },
            how => (said, how),
        }
    }

    /// Seconds for which what it is connected to stands as it does.
    pub fn stands_for(&self, host: &HostId, info: &SessionInfo, device: &Device) -> i64 {
        let seconds = |ms: u64| i64::try_from(ms / 1000).unwrap_or(i64::MAX);
        match (self.age_of(host, info), info.created_up) {
            // (by a clock that nobody sets; nor need theirs and ours be set alike)
            (Some(age), Some(created)) if device.since_up > 0 => age - seconds(device.since_up.saturating_sub(created)),
            _ => self.unix_now().saturating_sub(seconds(device.since_ms)),
        }
    }

    /// Seconds since it was started.
    pub fn age_of(&self, host: &HostId, info: &SessionInfo) -> Option<i64> {
        let born = self.hosts.get(host).and_then(|h| h.born.get(&info.id));
        match born {
            Some(born) if info.is_alive() => Some(i64::try_from(self.now.as_secs()).unwrap_or(0) - born),
            _ => unix_of(&info.created_at).map(|t| self.unix_now() - t),
        }
    }

    /// Two lines that say the rest of a row, when it is chosen; escaped.
    pub fn more_of(&self, place: &Place) -> [String; 2] {
        let more = match place {
            Place::Known => Some(["the hosts of your ssh_config; Enter connects one".to_string(), String::new()]),
            Place::Host(id) => Some(self.more_of_host(id)),
            Place::Folder(id, folder) => self.book(id).and_then(|shelf| more_of_folder(shelf, folder)),
            Place::Connection(id, connection) => self.more_of_connection(id, connection),
            Place::Session(id, session) => self.more_of_session(id, session),
        };
        more.unwrap_or_default()
    }

    fn more_of_host(&self, id: &HostId) -> [String; 2] {
        if let Some(team) = self.teams.get(id) {
            let told = team.book.told.as_ref().map(|t| short(t, 200));
            return [short(&team.path, 200), told.unwrap_or_else(|| "kept by others: read, never written".into())];
        }
        let said = match (self.hosts.get(id), id.is_local()) {
            (_, true) => "your own sessions and connections".into(),
            (Some(host), _) => match (standing(Some(host)), state_text(host, self.now)) {
                (Standing::Offline, _) => "offline: Enter connects it".into(),
                (_, state) if matches!(host.state, HostState::Lost { .. }) => format!("{state}: r tries now"),
                _ if host.unlinked => "the connection is gone: a new session makes it anew".into(),
                (_, state) if matches!(host.state, HostState::Failed { .. }) => format!("{state}: r tries again"),
                (_, state) if !state.is_empty() => state,
                _ => format!("online · {}", count(self.listed_at(id, host).len(), "session")),
            },
            (None, _) => "not connected: Enter connects it".into(),
        };
        [host_text(id), said]
    }

    fn more_of_connection(&self, id: &HostId, connection: &str) -> Option<[String; 2]> {
        let shelf = self.book(id)?;
        let (c, words) = (shelf.connection(connection)?, shelf.words(connection)?);
        let sessions = self.hosts.get(&self.runs_on(id)).map_or(&[][..], |h| &h.sessions);
        let state = match sessions.iter().filter(|s| s.connection_id == c.id).count() {
            0 if words.away => "(not connected)".to_string(),
            0 => "no session".into(),
            n => count(n, "session"),
        };
        let via = if words.away && !id.is_local() && !self.teams.contains_key(id) {
            format!("via {}", host_text(id))
        } else {
            String::new()
        };
        let said = [short(&c.config.kind, 20), words.leads_to.clone(), via, state, words.tags.clone()];
        let said: Vec<String> = said.into_iter().filter(|w| !w.is_empty()).collect();
        Some([short(&c.name, 200), said.join(" · ")])
    }

    fn more_of_session(&self, id: &HostId, session: &SessionId) -> Option<[String; 2]> {
        let host = self.hosts.get(id)?;
        let info = host.session(session)?;
        if !host.tells() {
            return Some([
                short(&command_of(info), 200),
                format!("{} · {}", state_text(host, self.now), escape(&info.id)),
            ]);
        }
        let state = match (info.state.as_str(), info.exit_code) {
            ("exited", Some(code)) => format!("exited {code}"),
            (state, _) => escape(state),
        };
        let age = self.age_of(id, info).map(age).unwrap_or_default();
        let via = if info.target.is_empty() { String::new() } else { format!("via {}", host_text(id)) };
        // where the row is called otherwise
        let named = self.connection_of(id, info).is_some_and(|c| c.terminal_options.title.is_some());
        let named = named || !info.name.trim().is_empty();
        let title = if named { short(info.title.trim(), 200) } else { String::new() };
        let said =
            [title, format!("{state} {age}").trim_end().to_string(), via, short(&info.cwd, 200), escape(&info.id)];
        Some([
            short(&command_of(info), 200),
            said.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" · "),
        ])
    }

    /// Index of the chosen row; the focused pane's session where nothing was chosen.
    pub fn tree_index(&self, rows: &[Row]) -> usize {
        let fallback = self.focused().and_then(|p| Some(Place::Session(p.host.clone(), p.session.clone()?)));
        let wanted = self.tree.chosen.as_ref().or(fallback.as_ref());
        wanted.and_then(|w| rows.iter().position(|r| r.place == *w)).unwrap_or(0)
    }
}

/// Of `/dev/ttyUSB0 · 115200` the name of the device.
fn device_of(leads_to: &str) -> String {
    let first = leads_to.split(" · ").next().unwrap_or_default();
    first.rsplit('/').next().unwrap_or_default().to_string()
}

fn by_connection(sessions: Vec<&SessionInfo>) -> HashMap<&str, Vec<&SessionInfo>> {
    let mut by: HashMap<&str, Vec<&SessionInfo>> = HashMap::new();
    for info in sessions {
        by.entry(&info.connection_id).or_default().push(info);
    }
    by
}

fn more_of_folder(shelf: &Shelf, id: &str) -> Option<[String; 2]> {
    let (folders, connections) = shelf.count(Some(id));
    let inner = |n: usize, one: &str| if n == 0 { None } else { Some(count(n, one)) };
    let within: Vec<String> =
        [inner(folders, "folder"), inner(connections, "connection")].into_iter().flatten().collect();
    let said = if within.is_empty() { "empty folder".into() } else { format!("folder: {}", within.join(", ")) };
    Some([short(&shelf.folder(id)?.name, 200), said])
}

/// The rows that match, each under those it lies in, and a connection's sessions under it.
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
        if matches!(row.place, Place::Connection(..)) {
            let its = all.iter().skip(i + 1).take_while(|r| r.depth > row.depth).count();
            keep[i + 1..=i + its].fill(true);
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
