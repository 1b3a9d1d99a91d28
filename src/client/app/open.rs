//! Owns bringing sessions into panes, and taking panes away.

use super::{App, Effect, Host};
use crate::client::host::{HostCommand, HostId, HostState};
use crate::client::layout::{Dir, PaneId};
use crate::client::pane::{Pane, Prepared, Scroll, Stage};
use crate::client::tree::Place;
use crate::proto::control::connections::Connection;
use crate::proto::control::{SessionCreate, SessionInfo};
use crate::proto::ids::SessionId;

/// Where one can go.
#[derive(Clone, PartialEq, Debug)]
pub enum Target {
    Host(HostId),
    Session(HostId, SessionId),
    Tab(usize),
    Pane(PaneId),
}

/// A host whose list is waited for.
pub(super) struct Opening {
    pub host: HostId,
    /// Takes what is found.
    pub pane: PaneId,
    pub what: Wanted,
}

/// What is wanted of a host's list.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Wanted {
    /// The newest session that nobody is attached to, else a new shell.
    Newest,
    /// All of those, each in a tab.
    All,
    /// The newest of the connection with this id, else a first one.
    Of(String),
}

/// Most sessions that get a tab each at the start.
const MOST: usize = 20;

/// The last one of a connection that is alive; they are in the order in which they began.
fn newest_of(sessions: &[SessionInfo], connection: &str) -> Option<SessionId> {
    let mut own = sessions.iter().rev().filter(|s| s.is_alive() && s.connection_id == connection);
    own.find_map(|s| s.id.parse().ok())
}

impl App {
    /// Connects the host unless that is done or under way.
    pub fn ensure(&mut self, id: &HostId, out: &mut Vec<Effect>) {
        let now = self.now;
        let host = self.hosts.entry(id.clone()).or_insert_with(|| Host::new(now));
        if matches!(host.state, HostState::Offline | HostState::Failed { .. }) {
            // until its own event comes: a second wish must not dial twice
            host.state = HostState::Connecting;
            host.since = now;
            out.push(Effect::Host(id.clone(), HostCommand::Connect));
        }
    }

    /// From now on the host is reached over plain SSH, whatever is there.
    pub fn without_agent(&mut self, id: &HostId, out: &mut Vec<Effect>) {
        let now = self.now;
        let host = self.hosts.entry(id.clone()).or_insert_with(|| Host::new(now));
        if matches!(host.state, HostState::Online { .. }) {
            let sign = if host.state.is_without_agent() { "is without an agent already" } else { "has its agent" };
            self.say(format!("{} {sign}", crate::text::short(id.as_str(), 40)));
            return;
        }
        host.state = HostState::Connecting;
        host.since = now;
        out.push(Effect::Host(id.clone(), HostCommand::Without));
    }

    /// Its agent is asked for again. What runs over plain SSH goes on: it lives on this machine, and is shown as its.
    pub fn with_agent(&mut self, id: &HostId, out: &mut Vec<Effect>) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(id).filter(|h| h.state.is_without_agent()) else { return };
        host.state = HostState::Connecting;
        host.since = now;
        host.sessions.clear();
        self.show_plain_as(id, &HostId::local(), out);
        out.push(Effect::Host(id.clone(), HostCommand::With));
        self.touch();
    }

    /// Sessions over plain SSH that were opened on this host are shown as `host`'s: its own, or this machine's.
    pub(super) fn show_plain_as(&mut self, id: &HostId, host: &HostId, out: &mut Vec<Effect>) {
        let plain = |p: &&Pane| p.plain.as_ref() == Some(id) && p.host != *host;
        let plain: Vec<PaneId> = self.panes.values().filter(plain).map(|p| p.id).collect();
        for pane in plain {
            let Some(p) = self.panes.get_mut(&pane) else { continue };
            let before = std::mem::replace(&mut p.host, host.clone());
            let Some(session) = p.session.clone() else { continue };
            let (watch, over) = (p.watch, p.is_over());
            out.push(Effect::Host(before, HostCommand::Detach { session: session.clone() }));
            if !over {
                self.attach(pane, session, watch, out);
            }
        }
    }

    /// Connects it now, where it is away.
    pub(in crate::client) fn reconnect(&mut self, id: HostId, out: &mut Vec<Effect>) {
        if self.hosts.get(&id).is_some_and(|h| h.state.is_without_agent()) {
            let name = crate::text::short(id.as_str(), 40);
            return self.say(format!("{name} is connected without an agent: update-agent connects with one"));
        }
        out.push(Effect::Host(id, HostCommand::Connect));
    }

    /// Sends it to the host, whose task keeps what it cannot do yet and goes on trying for what is to be shown. A
    /// client for one session keeps it back until the host is online: there, the first failure is the last word.
    pub fn request(&mut self, id: &HostId, command: HostCommand, out: &mut Vec<Effect>) {
        self.ensure(id, out);
        match self.hosts.get_mut(id) {
            Some(host) if self.solo && !matches!(host.state, HostState::Online { .. }) => host.queue.push(command),
            _ => out.push(Effect::Host(id.clone(), command)),
        }
    }

    pub fn new_pane(&mut self, host: HostId) -> PaneId {
        self.next_pane += 1;
        let id = PaneId(self.next_pane);
        self.panes.insert(id, Pane::new(id, host, self.size));
        id
    }

    /// Starts a shell for a pane; its directory is that of `cwd_of`'s program.
    pub fn start_shell(&mut self, pane: PaneId, cwd_of: Option<SessionId>, out: &mut Vec<Effect>) {
        self.start_from(pane, None, cwd_of, out);
    }

    /// The same from a prepared connection.
    pub fn start_from(
        &mut self,
        pane: PaneId,
        connection: Option<String>,
        cwd_of: Option<SessionId>,
        out: &mut Vec<Effect>,
    ) {
        self.start(pane, connection, SessionCreate { cwd_of, ..SessionCreate::default() }, false, out);
    }

    /// From a connection that is new: its host has told of none of its kind yet.
    pub(super) fn start_new(&mut self, pane: PaneId, connection: String, asks: bool, out: &mut Vec<Effect>) {
        self.start(pane, Some(connection), SessionCreate::default(), asks, out);
    }

    fn start(
        &mut self,
        pane: PaneId,
        connection: Option<String>,
        wanted: SessionCreate,
        asks: bool,
        out: &mut Vec<Effect>,
    ) {
        self.next_tag += 1;
        let (tag, size) = (self.next_tag, self.pane_size(pane));
        let Some(p) = self.panes.get_mut(&pane) else { return };
        let host = p.host.clone();
        let was_ssh = p.info.as_ref().is_some_and(|i| i.kind == "ssh");
        let ahead = if p.stage == Stage::Starting { std::mem::take(&mut p.ahead) } else { Vec::new() };
        let before = p.prepared.take();
        let fresh = Pane { tag: Some(tag), shell: true, ahead, ..Pane::new(pane, host.clone(), size) };
        *p = fresh;
        // one of a team's file is told as it is: its host does not know it
        let theirs = connection.as_ref().filter(|_| host.is_local()).and_then(|id| self.of_a_team(id)).cloned();
        let own = || self.connection(&host, connection.as_deref()?);
        let asks =
            asks || theirs.as_ref().or_else(own).is_some_and(Connection::asks) || (was_ssh && wanted.again.is_some());
        let prepared = connection.as_ref().map(|id| {
            let known = theirs.as_ref().or_else(own).map(|c| crate::text::short(&c.name, 60));
            // (its host may not be there to say what it is called)
            let name = known.or(before.filter(|b| b.id == *id).map(|b| b.name)).unwrap_or_default();
            Prepared { id: id.clone(), name }
        });
        let (connection, definition) = match theirs {
            Some(theirs) => (None, Some(Box::new(theirs))),
            None => (connection, None),
        };
        if let Some(p) = self.panes.get_mut(&pane) {
            p.prepared = prepared;
        }
        let create = SessionCreate { size: Some(size), connection, definition, ..wanted };
        self.request(&host, HostCommand::Create { tag, create: Box::new(create), asks }, out);
        self.touch();
    }

    pub fn attach(&mut self, pane: PaneId, session: SessionId, watch: bool, out: &mut Vec<Effect>) {
        let size = self.pane_size(pane);
        let own = self.inside.session.as_ref() == Some(&session);
        let (host, now) = match self.panes.get_mut(&pane) {
            Some(p) if own && p.host.is_local() => {
                let why = "this terminal is inside that session itself".to_string();
                (p.session, p.stage) = (Some(session), Stage::Gone { why, ended: false });
                return;
            }
            Some(p) => {
                p.session = Some(session.clone());
                p.stage = Stage::Starting;
                p.watch = watch;
                p.asked = Some(size);
                p.asked_at = self.now;
                (p.host.clone(), self.now)
            }
            None => return,
        };
        self.request(&host, HostCommand::Attach { session: session.clone(), size, watch }, out);
        if let Some(h) = self.hosts.get_mut(&host)
            && let Some(info) = h.session(&session).cloned()
        {
            h.looked.insert(info.id.clone(), (info.offset, info.bells));
            if let Some(p) = self.panes.get_mut(&pane) {
                p.info.get_or_insert_with(|| Box::new(info));
                p.asked_at = now;
            }
        }
    }

    /// A new tab with a new shell.
    pub fn new_tab(&mut self, host: HostId, out: &mut Vec<Effect>) {
        let cwd_of = self.directory_of(&host);
        let pane = self.new_pane(host);
        self.tabs.add_pane(pane);
        self.start_shell(pane, cwd_of, out);
        self.look_at_panes();
    }

    /// The focused session, if it lives on that host: new shells start where its program is.
    fn directory_of(&self, host: &HostId) -> Option<SessionId> {
        self.focused().filter(|p| p.host == *host && p.is_live()).and_then(|p| p.session.clone())
    }

    /// Splits the focused pane; the new one gets a shell on the same host.
    pub fn split(&mut self, dir: Dir, out: &mut Vec<Effect>) {
        let host = self.current_host();
        // beside a target's pane there is one more of it: a shell of the host that leads there would be taken for one
        let targets = self.focused().filter(|p| p.host == host && self.target_of(p).is_some());
        let known = targets.and_then(|p| p.info.as_ref().filter(|i| self.connection_of(&p.host, i).is_some()));
        let connection = known.map(|i| i.connection_id.clone());
        let cwd_of = if connection.is_some() { None } else { self.directory_of(&host) };
        let pane = self.new_pane(host);
        self.tabs.add_beside(pane, dir);
        self.start_from(pane, connection, cwd_of, out);
        self.look_at_panes();
    }

    /// Whether the focused pane can be split; says so where it can't.
    pub(in crate::client) fn has_room(&mut self, dir: Dir) -> bool {
        let size = self.focused().map(|p| self.pane_size(p.id));
        let room = size.is_none_or(|s| if dir == Dir::Row { s.cols >= 6 } else { s.rows >= 4 });
        if !room {
            self.say("no room for another pane here");
        }
        room
    }

    /// Opens it in a split of the focused pane, of whatever host that is: a session (its pane comes over, where it has one),
    /// one more of a connection, a new shell of a host.
    pub fn open_beside(&mut self, place: &Place, dir: Dir, out: &mut Vec<Effect>) {
        if let Place::Session(host, session) = place
            && let Some(pane) = self.pane_with(host, session)
        {
            self.join(pane, dir);
            return self.revive_at(pane, host, out);
        }
        let host = match place {
            // (nothing runs on a file)
            Place::Host(host) | Place::Folder(host, _) if self.teams.contains_key(host) => return,
            Place::Known => return,
            Place::Connection(host, _) => self.runs_on(host),
            Place::Host(host) | Place::Folder(host, _) | Place::Session(host, _) => host.clone(),
        };
        if !self.has_room(dir) {
            return;
        }
        let cwd_of = self.directory_of(&host);
        let pane = self.new_pane(host);
        self.tabs.add_beside(pane, dir);
        match place {
            Place::Session(_, session) => self.attach(pane, session.clone(), false, out),
            Place::Connection(_, id) => self.start_from(pane, Some(id.clone()), None, out),
            _ => self.start_shell(pane, cwd_of, out),
        }
        self.touch();
        self.look_at_panes();
    }

    /// Takes a pane of another tab into a split of the focused one; a tab goes with its last pane.
    pub fn join(&mut self, pane: PaneId, dir: Dir) {
        if self.tabs.active().is_some_and(|t| t.panes().contains(&pane)) {
            self.go_to_pane(pane);
            return self.say("it is in this tab already");
        }
        // (its question may be answered late)
        if !self.panes.contains_key(&pane) || !self.has_room(dir) {
            return;
        }
        self.tabs.remove_pane(pane);
        self.tabs.add_beside(pane, dir);
        self.touch();
        self.look_at_panes();
    }

    /// Shows a session: where it is shown already, else in a new tab.
    pub fn open_session(&mut self, host: &HostId, session: &SessionId, out: &mut Vec<Effect>) {
        match self.pane_with(host, session) {
            Some(pane) => {
                self.go_to_pane(pane);
                self.revive_at(pane, host, out);
            }
            None => {
                let pane = self.new_pane(host.clone());
                self.tabs.add_pane(pane);
                self.attach(pane, session.clone(), false, out);
                self.touch();
                self.look_at_panes();
            }
        }
    }

    pub fn go_to_pane(&mut self, pane: PaneId) {
        if let Some(i) = self.tabs.of_pane(pane) {
            self.tabs.go(i);
            self.tabs.list[i].focus(pane);
        }
        self.look_at_panes();
    }

    /// The keys go to the panes again; a drawer closes.
    pub fn look_at_panes(&mut self) {
        self.tree.focused = false;
        if self.frame().drawer {
            self.tree.open = Some(false);
        }
        self.dirty = true;
    }

    pub fn go(&mut self, target: Target, out: &mut Vec<Effect>) {
        match target {
            Target::Host(host) => self.open_host(&host, out),
            Target::Session(host, session) => self.open_session(&host, &session, out),
            Target::Tab(i) => {
                self.tabs.go(i);
                self.look_at_panes();
            }
            Target::Pane(pane) => self.go_to_pane(pane),
        }
    }

    /// A host was chosen: the newest of its sessions that nobody is attached to, else a new shell.
    pub fn open_host(&mut self, host: &HostId, out: &mut Vec<Effect>) {
        self.open_listed(host, Wanted::Newest, out);
    }

    /// Without a layout: a tab for each session of this machine that nobody is attached to, else a new shell.
    pub(super) fn open_what_is_there(&mut self, out: &mut Vec<Effect>) {
        self.open_listed(&HostId::local(), Wanted::All, out);
    }

    fn open_listed(&mut self, host: &HostId, what: Wanted, out: &mut Vec<Effect>) {
        let pane = self.new_pane(host.clone());
        self.tabs.add_pane(pane);
        self.open_listed_in(pane, host, what, out);
    }

    fn open_listed_in(&mut self, pane: PaneId, host: &HostId, what: Wanted, out: &mut Vec<Effect>) {
        self.opening.push(Opening { host: host.clone(), pane, what });
        self.ensure(host, out);
        if self.is_online(host) {
            out.push(Effect::Host(host.clone(), HostCommand::List));
        }
        self.look_at_panes();
    }

    /// What is there of a connection: the pane that shows it, else its newest session, else a first one. What its host runs
    /// is known once it has said so: whoever asks sooner waits for that, and gets no second one.
    pub fn go_to_connection(&mut self, host: &HostId, id: &str, out: &mut Vec<Effect>) {
        let runs_on = self.runs_on(host);
        let shows = |p: &&Pane| p.host == runs_on && !p.is_over() && self.prepared_of(p).is_some_and(|c| c.id == id);
        if let Some(pane) = self.panes.values().find(shows).map(|p| p.id) {
            self.go_to_pane(pane);
            return self.revive_at(pane, &runs_on, out);
        }
        let is_listed = self.hosts.get(&runs_on).is_some_and(|h| h.listed);
        // (one that was to show it when the window was left)
        let waits = |p: &Pane| p.host == runs_on && p.is_unopened() && p.prepared.as_ref().is_some_and(|c| c.id == id);
        if let Some(pane) = self.panes.values_mut().find(|p| waits(p)) {
            pane.stage = Stage::Starting;
            let pane = pane.id;
            self.go_to_pane(pane);
            match is_listed {
                true => self.open_of(&runs_on, pane, id.to_string(), out),
                false => self.open_listed_in(pane, &runs_on, Wanted::Of(id.to_string()), out),
            }
            return;
        }
        let Some(of) = self.hosts.get(&runs_on).filter(|_| is_listed) else {
            let name = self.connection(host, id).map(|c| crate::text::short(&c.name, 60)).unwrap_or_default();
            let pane = self.new_pane(runs_on.clone());
            self.tabs.add_pane(pane);
            if let Some(pane) = self.panes.get_mut(&pane) {
                pane.prepared = Some(Prepared { id: id.to_string(), name });
            }
            return self.open_listed_in(pane, &runs_on, Wanted::Of(id.to_string()), out);
        };
        match newest_of(&of.sessions, id) {
            Some(session) => self.open_session(&runs_on, &session, out),
            None => self.open_connection(host, id, out),
        }
    }

    /// The list of the host that was to be opened is here.
    pub(super) fn open_asked(&mut self, id: &HostId, out: &mut Vec<Effect>) {
        let (asked, rest) = std::mem::take(&mut self.opening).into_iter().partition(|o| o.host == *id);
        self.opening = rest;
        let asked: Vec<Opening> = asked;
        for Opening { pane, what, .. } in asked {
            match what {
                Wanted::Newest => self.open_free(id, pane, false, out),
                Wanted::All => self.open_free(id, pane, true, out),
                Wanted::Of(connection) => self.open_of(id, pane, connection, out),
            }
        }
    }

    fn open_of(&mut self, id: &HostId, pane: PaneId, connection: String, out: &mut Vec<Effect>) {
        if self.tabs.of_pane(pane).is_none() {
            return;
        }
        let sessions = self.hosts.get(id).map_or(&[][..], |h| &h.sessions);
        match newest_of(sessions, &connection) {
            Some(session) => match self.pane_with(id, &session) {
                // (its layout was brought back meanwhile)
                Some(there) => {
                    // (whoever went on meanwhile stays where they are)
                    let is_looked_at = self.tabs.focused() == Some(pane);
                    self.tabs.remove_pane(pane);
                    let ahead = self.panes.remove(&pane).map(|p| p.ahead).unwrap_or_default();
                    if is_looked_at {
                        self.go_to_pane(there);
                    }
                    if !ahead.is_empty() {
                        self.send(there, &ahead, out);
                    }
                }
                None => self.attach(pane, session, false, out),
            },
            None => self.start_from(pane, Some(connection), None, out),
        }
        self.touch();
    }

    fn open_free(&mut self, id: &HostId, pane: PaneId, all: bool, out: &mut Vec<Effect>) {
        let Some(index) = self.tabs.of_pane(pane) else { return };
        let own = self.inside.session.as_ref().filter(|_| id.is_local());
        let sessions = self.hosts.get(id).map_or(&[][..], |h| &h.sessions);
        let mut free: Vec<(&SessionInfo, SessionId)> = sessions
            .iter()
            .filter(|s| s.state == "detached" && !self.is_listed_elsewhere(id, s))
            .filter_map(|s| Some((s, s.id.parse::<SessionId>().ok()?)))
            .filter(|(_, s)| own != Some(s) && self.pane_with(id, s).is_none())
            .collect();
        free.sort_by(|a, b| a.0.oldest_first(b.0));
        if all {
            free.truncate(MOST);
        }
        let mut free: Vec<SessionId> = free.into_iter().map(|f| f.1).collect();
        match free.pop() {
            Some(session) => self.attach(pane, session, false, out),
            None => self.start_shell(pane, None, out),
        }
        // the pane there was shows the newest; the older ones lie before it
        for (n, session) in free.into_iter().enumerate().filter(|_| all) {
            let older = self.new_pane(id.clone());
            self.tabs.insert_pane(index + n, older);
            self.attach(older, session, false, out);
        }
        self.touch();
    }

    /// Whether what a pane showed can be had again: what ran on another machine only from its connection.
    pub fn can_start_again(&self, pane: &Pane) -> bool {
        !pane.is_elsewhere()
            || pane.prepared.is_some()
            || pane.info.as_ref().is_some_and(|i| self.connection_of(&pane.host, i).is_some())
    }

    /// For a pane without a living session: tries that again, or starts what was there, or a shell in its place.
    pub fn revive(&mut self, pane: PaneId, out: &mut Vec<Effect>) {
        let Some(p) = self.panes.get(&pane) else { return };
        match (&p.stage, p.session.clone()) {
            (Stage::Gone { ended: false, .. }, Some(session)) => {
                let watch = p.watch;
                self.attach(pane, session, watch, out);
            }
            // never anything else in the place of what was wanted
            (Stage::Gone { .. }, None) if let Some(prepared) = &p.prepared => {
                let id = prepared.id.clone();
                self.start_from(pane, Some(id), None, out);
            }
            (Stage::Gone { .. }, None) if let Some(once) = p.once.clone() => self.start_once(pane, *once, out),
            // a shell of this machine in the place of one on another would be taken for that
            (Stage::Gone { .. } | Stage::Exited(_), _) if !self.can_start_again(p) => {
                let host = p.info.as_ref().map(|i| crate::text::short(&i.connection, 60));
                let host = host.unwrap_or_else(|| "another machine".into());
                self.say_long(format!("this was a session on {host} over plain SSH: open that host for another"));
            }
            // as it was started, and where that is not known from its connection
            (Stage::Gone { .. } | Stage::Exited(_), again) => {
                let known = p.info.as_ref().filter(|i| self.connection_of(&p.host, i).is_some());
                let before = || p.prepared.as_ref().map(|before| before.id.clone());
                let connection = known.map(|i| i.connection_id.clone()).or_else(before);
                self.start(pane, connection, SessionCreate { again, ..SessionCreate::default() }, false, out);
            }
            _ => {}
        }
        self.dirty = true;
    }

    /// What no connection is kept for, in a pane.
    fn start_once(&mut self, pane: PaneId, once: SessionCreate, out: &mut Vec<Effect>) {
        self.next_tag += 1;
        let (tag, size) = (self.next_tag, self.pane_size(pane));
        let Some(p) = self.panes.get_mut(&pane) else { return };
        let host = p.host.clone();
        let wanted = Some(Box::new(once.clone()));
        *p = Pane { tag: Some(tag), once: wanted, ..Pane::new(pane, host.clone(), size) };
        let asks = once.definition.as_ref().is_some_and(|c| c.config.kind == "ssh");
        let create = Box::new(SessionCreate { size: Some(size), ..once });
        self.request(&host, HostCommand::Create { tag, create, asks }, out);
        self.touch();
    }

    /// The same for a pane whose session this host lists: one over plain SSH is there while the host it was shown of is away.
    fn revive_at(&mut self, pane: PaneId, host: &HostId, out: &mut Vec<Effect>) {
        let Some(p) = self.panes.get_mut(&pane) else { return };
        match p.stage {
            Stage::Gone { ended: false, .. } => p.host.clone_from(host),
            Stage::Gone { .. } => {}
            _ => return,
        }
        self.revive(pane, out);
    }

    /// Takes a pane away. What it showed goes on, unless it has ended: then its record goes too.
    pub fn detach_pane(&mut self, pane: PaneId, out: &mut Vec<Effect>) {
        self.take_away(pane, false, out);
    }

    /// Takes a pane away and ends what it showed.
    pub fn close_pane(&mut self, pane: PaneId, out: &mut Vec<Effect>) {
        self.take_away(pane, true, out);
    }

    /// Ends a session that this host lists, and takes away the pane that shows it.
    pub fn end_session(&mut self, host: &HostId, session: SessionId, out: &mut Vec<Effect>) {
        let pane = self.pane_with(host, &session).and_then(|id| self.panes.get(&id));
        match pane.map(|p| (p.id, &p.stage, p.host == *host)) {
            Some((pane, Stage::Exited(_), _) | (pane, Stage::Starting | Stage::Live, true)) => {
                self.close_pane(pane, out)
            }
            // (the host it is shown of may be away, or it may not be shown at all)
            Some((pane, ..)) => {
                self.detach_pane(pane, out);
                self.request(host, HostCommand::Close { session }, out);
            }
            None => self.request(host, HostCommand::Close { session }, out),
        }
    }

    fn take_away(&mut self, id: PaneId, end: bool, out: &mut Vec<Effect>) {
        let Some(pane) = self.panes.remove(&id) else { return };
        if let Some(tag) = pane.tag {
            if let Some(host) = self.hosts.get_mut(&pane.host) {
                host.queue.retain(|c| !matches!(c, HostCommand::Create { tag: t, .. } if *t == tag));
            }
            out.push(Effect::Host(pane.host.clone(), HostCommand::Forget { tag }));
        }
        if let Some(session) = pane.session {
            let ended = matches!(pane.stage, Stage::Exited(_));
            let gone = matches!(pane.stage, Stage::Gone { .. });
            if ended || (end && !gone) {
                self.request(&pane.host, HostCommand::Close { session }, out);
            } else if !gone {
                self.request(&pane.host, HostCommand::Detach { session }, out);
            }
        }
        self.tabs.remove_pane(id);
        if self.tabs.list.is_empty() {
            self.tree.focused = true;
        }
        self.touch();
    }

    /// Enters the history of a pane, or moves in it; `rows` up is positive.
    pub fn scroll(&mut self, pane: PaneId, rows: i64, by_wheel: bool, out: &mut Vec<Effect>) {
        let Some(p) = self.panes.get_mut(&pane) else { return };
        self.dirty = true;
        match &mut p.scroll {
            Some(scroll) if scroll.total.is_none() => {
                scroll.wanted = scroll.wanted.saturating_add_signed(rows);
            }
            Some(scroll) => scroll.by(rows),
            None if rows < 0 => return,
            None => {
                let Some(session) = p.session.clone() else { return };
                let wanted = rows.unsigned_abs();
                p.scroll = Some(Scroll { by_wheel, wanted, ..Scroll::default() });
                // how much there is, first
                let host = p.host.clone();
                let ask = HostCommand::History { session, from: 0, to: Some(0) };
                out.push(Effect::Host(host, ask));
                return;
            }
        }
        if let Some(s) = &p.scroll
            && s.by_wheel
            && s.total.is_some()
            && s.up == 0
        {
            p.scroll = None;
            return;
        }
        self.fetch_history(pane, out);
    }

    pub(super) fn fetch_history(&mut self, pane: PaneId, out: &mut Vec<Effect>) {
        let rows = u64::from(self.pane_size(pane).rows);
        let Some(p) = self.panes.get_mut(&pane) else { return };
        let (Some(scroll), Some(session)) = (&mut p.scroll, &p.session) else { return };
        if let Some((from, to)) = scroll.missing(rows) {
            scroll.asked = Some((from, to));
            let ask = HostCommand::History { session: session.clone(), from, to: Some(to) };
            out.push(Effect::Host(p.host.clone(), ask));
        }
    }
}
