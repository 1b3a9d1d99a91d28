//! Owns how the client begins, and the layout as it is kept on disk.

use super::{App, Effect, Host};
use crate::client::host::{HostCommand, HostId};
use crate::client::keymap::{Keymap, shown};
use crate::client::layout::{Child, Dir, Node, PaneId};
use crate::client::pane::{Pane, Prepared, Stage};
use crate::client::tabs::Tabs;
use crate::client::tree::Tree;
use crate::config::Config;
use crate::proto::ids::{SessionId, Size};
use crate::store::layout::{self as disk, Layout};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// One session, the whole screen.
#[derive(Clone, PartialEq, Debug)]
pub struct Solo {
    pub host: HostId,
    pub session: SessionId,
    pub watch: bool,
}

/// What the client runs inside of, as the environment tells.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Inside {
    /// Another terminal multiplexer, by name.
    pub multiplexer: Option<&'static str>,
    /// The session of this machine: shown in itself it would never come to rest.
    pub session: Option<SessionId>,
}

impl Inside {
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Inside {
        let names = [("TMUX", "tmux"), ("STY", "screen"), ("ZELLIJ", "zellij"), ("THUB_SESSION", "thub")];
        let found = names.into_iter().find(|(name, _)| get(name).is_some_and(|v| !v.is_empty()));
        Inside { multiplexer: found.map(|f| f.1), session: get("THUB_SESSION").and_then(|s| s.parse().ok()) }
    }

    /// How to reach our keys from in there.
    fn hint(&self, prefix: &str) -> Option<String> {
        let (name, key) = (self.multiplexer?, shown(prefix));
        Some(match (name, prefix) {
            ("screen", "C-a") => format!("inside {name}: press {key} a for thub's own prefix, or set another one"),
            ("screen", _) => format!("inside {name}: {key} is thub's prefix"),
            _ => format!("inside {name}: if it takes {key} itself, press {key} twice for this thub's prefix"),
        })
    }
}

/// What the client starts with.
#[derive(Clone, Debug)]
pub struct Setup {
    pub settings: Config,
    pub size: Size,
    pub solo: Option<Solo>,
    /// `thub HOST`.
    pub open_host: Option<HostId>,
    /// Names of ssh_config.
    pub known: Vec<String>,
    /// Named in place of the user's ssh_config.
    pub ssh_config: Option<PathBuf>,
    pub saved: Option<Layout>,
    pub inside: Inside,
}

impl App {
    /// The client as it begins, and the first things it wants.
    pub fn new(setup: Setup) -> (App, Vec<Effect>) {
        let s = &setup.settings;
        let (keymap, wrong) = Keymap::new(s.preset, s.prefix.as_deref(), &s.keys);
        let mut app = App {
            keymap,
            solo: setup.solo.is_some(),
            size: setup.size,
            ssh_config: setup.ssh_config,
            now: Duration::ZERO,
            clock: String::new(),
            unix: 0,
            hosts: BTreeMap::new(),
            known: setup.known,
            teams: BTreeMap::new(),
            panes: BTreeMap::new(),
            tabs: Tabs::default(),
            tree: Tree::default(),
            layers: Vec::new(),
            message: None,
            sequence: None,
            repeat_until: None,
            copied: String::new(),
            sought: String::new(),
            drag: None,
            dirty: true,
            printed: false,
            urgent: false,
            changed: false,
            looks: (0, None),
            opening: Vec::new(),
            back_at: None,
            restoring: false,
            named: None,
            inside: setup.inside,
            pasting: None,
            last_key: None,
            deeds: 0,
            rest: None,
            pressed: Vec::new(),
            keyboard: 0,
            colors: None,
            next_pane: 0,
            next_tag: 0,
            title: String::new(),
            gauges: Default::default(),
            watched: Default::default(),
            was_idle: false,
            used: Duration::ZERO,
            ports_of: None,
            containers_asked: None,
            files: super::files::Files::default(),
            looks_at: None,
            outer_focus: true,
            focus_told: None,
            last_bell: None,
            listed: None,
            unix_at: Duration::ZERO,
            settings: setup.settings,
        };
        let mut out = Vec::new();
        match setup.solo {
            Some(solo) => {
                let pane = app.new_pane(solo.host.clone());
                app.tabs.add_pane(pane);
                app.attach(pane, solo.session, solo.watch, &mut out);
                // (its link stands already)
                let queued = app.hosts.get_mut(&solo.host).map(|host| std::mem::take(&mut host.queue));
                out.extend(queued.into_iter().flatten().map(|c| Effect::Host(solo.host.clone(), c)));
            }
            None => app.restore(setup.saved, setup.open_host, &mut out),
        }
        if let Some(hint) = app.inside.hint(app.keymap.prefix_word()).filter(|_| !app.solo) {
            app.say(hint);
        }
        if let Some(first) = wrong.first() {
            app.say(first.clone());
        }
        app.settle(&mut out);
        (app, out)
    }

    fn restore(&mut self, saved: Option<Layout>, open_host: Option<HostId>, out: &mut Vec<Effect>) {
        // this machine is always there
        self.ensure(&HostId::local(), out);
        let saved = saved.map(Layout::checked).unwrap_or(Layout { tree_open: true, ..Layout::default() });
        // open where there is room for it, or closed
        self.tree.open = (!saved.tree_open).then_some(false);
        // (named like that are the sections of team files)
        for id in saved.hosts.into_iter().filter(|id| !id.is_empty() && !id.starts_with("team:")).map(HostId::new) {
            if !id.is_local() {
                let now = self.now;
                self.hosts.entry(id).or_insert_with(|| Host::new(now)).kept = true;
            }
        }
        let mut to_attach = Vec::new();
        for tab in saved.tabs {
            let layout = from_disk(tab.root).map(&mut |leaf: disk::Pane| {
                let (host, session) = (HostId::new(leaf.host), leaf.session.parse::<SessionId>().ok());
                if session.as_ref().is_some_and(|s| self.pane_of(&host, s).is_some()) {
                    return None;
                }
                let plain = leaf.plain.then(|| host.clone());
                let pane = self.new_pane(host);
                let p = self.panes.get_mut(&pane)?;
                p.plain = plain;
                p.session.clone_from(&session);
                p.prepared = (!leaf.connection.is_empty())
                    .then(|| Prepared { id: leaf.connection, name: crate::text::short(&leaf.title, 60) });
                to_attach.push((pane, session));
                Some(pane)
            });
            let Some(layout) = layout else { continue };
            let panes = layout.panes();
            let focus = panes.get(tab.focus).copied().unwrap_or(panes[0]);
            let new = self.tabs.add(layout, focus, true);
            new.name = (!tab.name.is_empty()).then_some(tab.name);
            new.zoomed = tab.zoomed;
        }
        self.tabs.go(saved.active);
        for (pane, session) in to_attach {
            match session {
                Some(session) => self.attach(pane, session, false, out),
                None => {
                    if let Some(p) = self.panes.get_mut(&pane) {
                        let what =
                            if p.is_unopened() { "it was not open yet" } else { "there was no session here yet" };
                        p.stage = Stage::Gone { why: what.into(), ended: true };
                    }
                }
            }
        }
        self.restoring = !self.tabs.list.is_empty();
        self.await_hosts();
        match open_host {
            // where it is shown already, that is what is meant
            Some(host) => match self.first_pane_of(&host) {
                Some((pane, true)) => {
                    self.named = Some(host);
                    self.go_to_pane(pane);
                }
                // left empty when the host could not be reached
                Some((pane, false)) => {
                    if let Some(p) = self.panes.get_mut(&pane) {
                        p.stage = Stage::Starting;
                    }
                    self.opening.push(super::open::Opening {
                        host: host.clone(),
                        pane,
                        what: super::open::Wanted::Newest,
                    });
                    self.ensure(&host, out);
                    self.go_to_pane(pane);
                }
                None => self.open_host(&host, out),
            },
            None if self.tabs.list.is_empty() => self.open_what_is_there(out),
            None => {}
        }
        self.tabs.last = None;
        self.changed = false;
        self.looks = (self.tabs.active, self.tabs.focused());
    }

    /// A pane of this host, one of the tab looked at first; whether it has a session.
    fn first_pane_of(&self, host: &HostId) -> Option<(PaneId, bool)> {
        let tabs = self.tabs.active().into_iter().chain(&self.tabs.list);
        let all = tabs.flat_map(|tab| std::iter::once(tab.focus).chain(tab.panes()));
        // (one that waits for a connection is not for anything else)
        let serves = |p: &&Pane| p.host == *host && !p.is_unopened();
        let of_host = all.filter_map(|id| Some((id, self.panes.get(&id).filter(serves)?.session.is_some())));
        // (the first of the best)
        of_host.reduce(|best, next| if next.1 && !best.1 { next } else { best })
    }

    /// Of a kept layout nothing may be alive any more: there is a prompt all the same, of the host that was named. Where a
    /// host could not be reached its panes stay, as what they showed may live, and so do those of prepared connections, which
    /// can be opened again; else the layout is no use, and its generations keep it.
    pub(super) fn see_what_is_left(&mut self, out: &mut Vec<Effect>) {
        let gone = |p: &Pane| matches!(p.stage, Stage::Gone { .. } | Stage::Exited(_));
        self.restoring &= !self.panes.is_empty();
        if self.opens_beside_what_needs_the_agent(out) {
            return;
        }
        if !self.restoring || !self.panes.values().all(gone) {
            return self.see_what_is_left_of_named(out);
        }
        self.restoring = false;
        // what the machine's restart has ended can be had again, each in its place
        if self.named.is_none() && self.panes.values().any(Pane::is_lost_at_boot) {
            self.say_long("the machine was restarted: r starts what a pane showed again, as it was");
            return;
        }
        if self.panes.values().all(|p| p.is_over() && self.prepared_of(p).is_none()) {
            for (_, pane) in std::mem::take(&mut self.panes) {
                if let Some(session) = pane.session {
                    out.push(Effect::Host(pane.host, HostCommand::Detach { session }));
                }
            }
            self.tabs.list.clear();
            self.say("nothing of the last window is alive any more: a new one begins");
            match self.named.take() {
                Some(host) => self.open_host(&host, out),
                None => self.open_what_is_there(out),
            }
        } else if self.named.is_some() {
            // who named a host is not given another in its place: its pane says why, and tries again on a key
            self.see_what_is_left_of_named(out);
        } else {
            self.say("nothing of the last window is there just now: a tab of this machine was added");
            self.open_what_is_there(out);
        }
    }

    /// The host that was named is connected without an agent, and what the layout shows of it is the agent's: it stays, and
    /// who came for a prompt has one beside it.
    fn opens_beside_what_needs_the_agent(&mut self, out: &mut Vec<Effect>) -> bool {
        let Some(host) = self.named.clone() else { return false };
        let mut of_host = self.panes.values().filter(|p| p.host == host).peekable();
        let without = self.hosts.get(&host).is_some_and(|h| h.state.is_without_agent());
        if !without || of_host.peek().is_none() || !of_host.all(|p| matches!(p.stage, Stage::Gone { ended: false, .. }))
        {
            return false;
        }
        self.named = None;
        self.say(format!("what the last window showed of {} needs its agent", crate::text::short(host.as_str(), 40)));
        self.open_host(&host, out);
        true
    }

    /// The layout shows the host that was named, and all it shows of it may have ended: what is free there, or a new shell,
    /// takes the place, but never that of a prepared connection.
    fn see_what_is_left_of_named(&mut self, out: &mut Vec<Effect>) {
        let Some(host) = self.named.clone() else { return };
        let of_host: Vec<&Pane> = self.panes.values().filter(|p| p.host == host).collect();
        let focused = self.tabs.focused().filter(|id| of_host.iter().any(|p| p.id == *id && p.is_over()));
        if let Some(alive) = of_host.iter().find(|p| p.is_live()).map(|p| p.id) {
            self.named = None;
            if focused.is_some() {
                self.go_to_pane(alive);
            }
            return;
        }
        if !of_host.iter().all(|p| p.is_over()) {
            return;
        }
        let is_shown = !of_host.is_empty();
        let free: Vec<PaneId> = of_host.iter().filter(|p| self.prepared_of(p).is_none()).map(|p| p.id).collect();
        self.named = None;
        if !is_shown {
            return;
        }
        self.say(format!("what the last window showed of {} has ended", crate::text::short(host.as_str(), 40)));
        let first = focused.filter(|id| free.contains(id)).or(free.first().copied());
        let Some(pane) = first else { return self.open_host(&host, out) };
        if let Some(session) = self.panes.get_mut(&pane).and_then(|p| p.session.take()) {
            out.push(Effect::Host(host.clone(), HostCommand::Detach { session }));
        }
        let fresh = Pane::new(pane, host.clone(), self.pane_size(pane));
        self.panes.insert(pane, fresh);
        self.opening.push(super::open::Opening { host: host.clone(), pane, what: super::open::Wanted::Newest });
        self.ensure(&host, out);
        if self.is_online(&host) {
            out.push(Effect::Host(host, HostCommand::List));
        }
        self.go_to_pane(pane);
    }

    /// The layout to keep.
    pub fn saved(&self) -> Layout {
        let tabs = self.tabs.list.iter().filter_map(|tab| {
            let focus = tab.panes().iter().position(|p| *p == tab.focus).unwrap_or(0);
            let root = self.to_disk(&tab.layout)?;
            Some(disk::Tab { name: tab.name.clone().unwrap_or_default(), root, focus, zoomed: tab.zoomed })
        });
        let tree_open = self.tree.open.unwrap_or(true);
        let hosts = self.hosts.iter().filter(|(_, host)| host.kept).map(|(id, _)| id.as_str().to_string());
        let hosts = hosts.take(disk::MOST_HOSTS).collect();
        Layout { tabs: tabs.collect(), active: self.tabs.active, tree_open, hosts, ..Layout::default() }
    }

    fn to_disk(&self, node: &Node<PaneId>) -> Option<disk::Node> {
        Some(match node {
            Node::Leaf(id) => {
                let pane = self.panes.get(id)?;
                let (session, cwd) = (pane.session.as_ref(), pane.info.as_ref().map(|i| i.cwd.clone()));
                let Prepared { id, name } =
                    self.prepared_of(pane).unwrap_or_else(|| Prepared { id: String::new(), name: pane.title() });
                disk::Node::Pane(disk::Pane {
                    host: pane.plain.as_ref().unwrap_or(&pane.host).as_str().to_string(),
                    session: session.map(|s| s.to_string()).unwrap_or_default(),
                    title: name,
                    connection: id,
                    plain: pane.plain.is_some(),
                    cwd: cwd.unwrap_or_default(),
                })
            }
            Node::Split { dir, children } => {
                let sum: u64 = children.iter().map(|c| u64::from(c.weight).max(1)).sum();
                let part = |weight: u32| (u64::from(weight).max(1) * 10_000 / sum).max(1) as u16;
                let parts = children.iter().filter_map(|c| Some((part(c.weight), self.to_disk(&c.node)?))).collect();
                let dir = match dir {
                    Dir::Row => disk::Dir::Row,
                    Dir::Column => disk::Dir::Column,
                };
                disk::Node::Split { dir, parts }
            }
        })
    }
}

fn from_disk(node: disk::Node) -> Node<disk::Pane> {
    match node {
        disk::Node::Pane(pane) => Node::Leaf(pane),
        disk::Node::Split { dir, parts } => {
            let dir = match dir {
                disk::Dir::Row => Dir::Row,
                disk::Dir::Column => Dir::Column,
            };
            let children =
                parts.into_iter().map(|(weight, n)| Child { weight: u32::from(weight), node: from_disk(n) }).collect();
            Node::Split { dir, children }
        }
    }
}
