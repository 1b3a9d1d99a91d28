//! Owns whose gauges are wanted: of what is drawn, and of nothing else. Leaves out what is known of them (`client/gauges`).

use super::{App, Effect};
use crate::client::gauges::limits::Level;
use crate::client::gauges::{How, Seen, Spot};
use crate::client::host::{HostCommand, HostId};
use crate::client::layer::Layer;
use crate::client::pane::Pane;
use crate::client::shelf::Words;
use crate::client::tabs::Tab;
use crate::client::tree::Place as Row;
use crate::client::tree::deeds::Act;
use crate::proto::control::connections::Connection;
use crate::proto::control::{Place, SessionInfo};
use crate::proto::gauges::Watched;
use crate::text::short;
use std::collections::HashMap;
use std::time::Duration;

/// A window in which nothing was done for so long is not looked at.
const IDLE: Duration = Duration::from_secs(1800);
/// For a mark in the tree or at a tab this often is enough, ms.
const SELDOM: u32 = 10_000;

/// What each host's agent was asked for last.
pub(super) type Asked = HashMap<HostId, HashMap<Watched, How>>;

impl App {
    /// Where a session's program runs: its host, one behind that, or a container.
    fn spot_of(&self, host: &HostId, info: Option<&SessionInfo>) -> Option<Spot> {
        let is_plain = self.hosts.get(host).is_some_and(|h| h.state.is_without_agent());
        let info = match info {
            Some(info) if info.device.as_ref().is_some_and(|d| d.container.is_some()) => {
                return Some(Spot { via: host.clone(), of: Watched::of_session(info.id.parse().ok()?) });
            }
            Some(info) => info,
            None if is_plain => return None,
            None => return Some(Spot::host(host.clone())),
        };
        match info.target.parse() {
            // (a host without an agent is reached by this machine's)
            Ok(target) => {
                let via = if is_plain { HostId::local() } else { host.clone() };
                Some(Spot { via, of: Watched::at(Place::of_target(target)) })
            }
            Err(_) if is_plain => None,
            Err(_) => Some(Spot::host(host.clone())),
        }
    }

    /// What the focused pane's status line tells of.
    pub fn spot_of_pane(&self, pane: &Pane) -> Option<Spot> {
        // (one that is to lead elsewhere is not there yet)
        if pane.info.is_none() && self.target_of(pane).is_some() {
            return None;
        }
        self.spot_of(&pane.host, pane.info.as_deref())
    }

    /// A host's own, whether it has an agent or one of its sessions leads there.
    pub fn spot_of_host(&self, host: &HostId) -> Option<Spot> {
        let of = self.hosts.get(host)?;
        if !of.state.is_without_agent() {
            return Some(Spot::host(host.clone()));
        }
        let leads = |i: &&SessionInfo| i.is_alive() && !i.target.is_empty();
        self.spot_of(host, of.sessions.iter().find(leads))
    }

    /// Where a prepared connection leads, as far as somebody is there already: to look connects nothing. `connects` = where
    /// it leads in any case.
    pub fn spot_of_connection(&self, host: &HostId, id: &str, connects: bool) -> Option<Spot> {
        let runs_on = self.runs_on(host);
        let of = self.hosts.get(&runs_on)?;
        let connection = self.connection(host, id)?;
        let own = |i: &&SessionInfo| i.is_alive() && i.connection_id == id;
        if let Some(info) = of.sessions.iter().find(own) {
            return self.spot_of(&runs_on, Some(info));
        }
        let elsewhere = self.teams.contains_key(host);
        let at = || Some(Spot { via: runs_on.clone(), of: Watched::at(Place::of_connection(id)) });
        match connection.config.kind.as_str() {
            "local" => Some(Spot::host(runs_on)),
            "ssh" if connects && !elsewhere => at(),
            "docker" if !elsewhere && names_one(connection) => at(),
            _ => None,
        }
    }

    /// What a row of the tree tells of.
    pub fn spot_of_row(&self, row: &Row, connects: bool) -> Option<Spot> {
        match row {
            Row::Host(host) if self.teams.contains_key(host) => None,
            Row::Host(host) => self.spot_of_host(host),
            Row::Connection(host, id) => self.spot_of_connection(host, id, connects),
            Row::Session(host, id) => self.spot_of(host, self.hosts.get(host)?.session(id)),
            Row::Folder(..) | Row::Known => None,
        }
    }

    /// How it stands there, as far as that is known now.
    pub fn seen_at(&self, spot: &Spot) -> Option<&Seen> {
        self.gauges.get(spot)
    }

    /// How the machines stand that a tab shows sessions of: that of the worst. What can't be looked at is no limit.
    pub fn level_of_tab(&self, tab: &Tab) -> Level {
        let level = |pane: &Pane| {
            let seen = self.seen_at(&self.spot_of_pane(pane)?)?;
            let told = self.settings.gauges && self.answers(&pane.host) && seen.fault().is_none();
            seen.current(self.now).filter(|_| told).map(|_| seen.alarm.level())
        };
        let panes = tab.panes();
        panes.iter().filter_map(|id| level(self.panes.get(id)?)).max().unwrap_or_default()
    }

    /// What it is called; escaped.
    pub fn name_of_spot(&self, spot: &Spot) -> String {
        let via = crate::client::tree::host_text(&spot.via);
        let of = match (&spot.of.session, &spot.of.place) {
            (Some(session), _) => {
                let info = self.hosts.get(&spot.via).and_then(|h| h.session(session));
                info.and_then(|i| i.device.as_ref()).map(|d| short(&d.what, 60))
            }
            (None, Place { target: Some(target), .. }) => {
                let of = |id: &HostId| {
                    let host = self.hosts.get(id)?;
                    let info = host.sessions.iter().find(|i| i.target == target.as_str())?;
                    Some((id.clone(), info.clone()))
                };
                // a host without an agent is called by its own name
                let plain = |id: &&HostId| self.hosts.get(*id).is_some_and(|h| h.state.is_without_agent());
                if let Some((id, _)) = self.hosts.keys().filter(plain).find_map(of) {
                    return crate::client::tree::host_text(&id);
                }
                of(&spot.via).map(|(id, i)| {
                    let connection = self.connection_of(&id, &i).map(|c| c.name.clone());
                    short(&connection.unwrap_or(i.connection), 60)
                })
            }
            (None, Place { connection: Some(id), .. }) => self.connection(&spot.via, id).map(|c| short(&c.name, 60)),
            _ => return via,
        };
        match (of, spot.via.is_local()) {
            (None, _) => format!("behind {via}"),
            (Some(of), true) => of,
            (Some(of), false) => format!("{of} via {via}"),
        }
    }

    /// All that can be looked at: hosts that are there, and what their sessions lead to.
    pub fn spots(&self) -> Vec<Spot> {
        let mut spots: Vec<Spot> = Vec::new();
        let mut add = |spot: Option<Spot>| {
            spots.extend(spot.into_iter().filter(|s| !spots.contains(s)).collect::<Vec<_>>());
        };
        for (id, host) in self.hosts.iter().filter(|(id, _)| self.is_online(id)) {
            add(self.spot_of_host(id));
            for info in host.sessions.iter().filter(|i| i.is_alive()) {
                add(self.spot_of(id, Some(info)));
            }
        }
        spots
    }

    /// The host whose link is told of beside the gauges.
    pub fn linked(&self, spot: &Spot) -> Option<HostId> {
        if !spot.via.is_local() || spot.of.is_here() {
            return Some(spot.via.clone());
        }
        let plain = |id: &&HostId| self.hosts.get(*id).is_some_and(|h| h.state.is_without_agent());
        self.hosts.keys().filter(plain).find(|id| self.spot_of_host(id).as_ref() == Some(spot)).cloned()
    }

    /// The row of the tree that its panel tells of.
    pub fn detailed(&self) -> Option<Row> {
        let chosen = self.tree.chosen.as_ref().filter(|_| self.tree.focused && self.layers.is_empty())?;
        let told = match chosen {
            Row::Host(host) => !self.teams.contains_key(host),
            Row::Connection(..) => true,
            _ => false,
        };
        (told && crate::client::view::detail::is_shown(self)).then(|| chosen.clone())
    }

    /// Whether a button of that panel does something.
    pub fn can(&self, act: Act, row: &Row) -> bool {
        let Some(host) = row.host() else { return false };
        let online = self.is_online(&self.runs_on(host));
        let alive = |i: &SessionInfo| match row {
            Row::Connection(_, id) => i.is_alive() && i.connection_id == *id,
            _ => i.is_alive(),
        };
        match act {
            Act::Shell => true,
            Act::Serial => matches!(row, Row::Host(_)) && online && self.book(host).is_some(),
            Act::EndAll => online && self.hosts.get(&self.runs_on(host)).is_some_and(|h| h.sessions.iter().any(alive)),
            _ => false,
        }
    }

    /// A serial port of that host, opened once or kept as well.
    pub(in crate::client) fn new_serial(&mut self, row: &Row) {
        if let Some(host) = row.host().cloned() {
            self.start_form(host, "serial");
        }
    }

    /// A connection and what is said of it.
    pub fn connection_and_words(&self, host: &HostId, id: &str) -> Option<(&Connection, &Words)> {
        let book = self.kept_book(host)?;
        Some((book.connection(id)?, book.words(id)?))
    }

    /// Nobody has done anything in this window for long.
    pub(super) fn is_idle(&self) -> bool {
        self.now.saturating_sub(self.used) >= IDLE
    }

    /// Gauges are asked for as long as they are drawn: in the status line, at tabs, in the tree, in its panel, on the whole
    /// screen.
    pub(super) fn follow_gauges(&mut self, out: &mut Vec<Effect>) {
        // (output and keys of programs come by here as well: they change nothing of it)
        let idle = self.is_idle();
        if !self.dirty && idle == self.was_idle {
            return;
        }
        self.was_idle = idle;
        let mut wanted: Asked = HashMap::new();
        let mut want = |spot: Spot, how: How| {
            let old = wanted.entry(spot.via).or_default().entry(spot.of).or_insert(how);
            *old = How {
                detail: old.detail || how.detail,
                every_ms: if old.every_ms == 0 || how.every_ms == 0 { 0 } else { old.every_ms.min(how.every_ms) },
            };
        };
        let often = How::default();
        let monitor = self.layers.iter().find_map(|l| match l {
            Layer::Monitor(panel) => Some(panel),
            _ => None,
        });
        let idle = idle && monitor.is_none();
        if !self.solo && !idle {
            if let Some(panel) = monitor {
                want(panel.spot.clone(), How { detail: true, ..often });
            }
            let frame = self.frame();
            if self.settings.gauges && frame.status.is_some() {
                self.focused().and_then(|p| self.spot_of_pane(p)).into_iter().for_each(|spot| want(spot, often));
            }
            if self.settings.gauges && frame.tabs.is_some() {
                // (a container's own limits are its engine's)
                let running = self.panes.values().filter(|p| p.is_running());
                let spots = running.filter_map(|p| self.spot_of_pane(p)).filter(|s| s.of.session.is_none());
                spots.for_each(|spot| want(spot, How { every_ms: SELDOM, ..often }));
            }
            if self.settings.gauges && frame.tree.is_some() {
                // (their marks)
                let hosts = self.hosts.keys().filter(|h| self.tree.shows(h));
                let spots = hosts.filter_map(|h| self.spot_of_host(h)).filter(|s| s.of.is_here());
                spots.for_each(|spot| want(spot, How { every_ms: SELDOM, ..often }));
            }
            if let Some(row) = self.detailed() {
                self.spot_of_row(&row, false).into_iter().for_each(|spot| want(spot, often));
            }
        }
        wanted.retain(|host, _| {
            self.hosts.get(host).is_some_and(|h| !h.state.is_without_agent()) && self.is_online(host)
        });
        if wanted == self.watched {
            return;
        }
        let none = HashMap::new();
        let before = std::mem::take(&mut self.watched);
        let hosts: std::collections::BTreeSet<&HostId> = before.keys().chain(wanted.keys()).collect();
        for host in hosts {
            let (old, new) = (before.get(host).unwrap_or(&none), wanted.get(host).unwrap_or(&none));
            if old != new && self.hosts.contains_key(host) {
                let all = new.iter().map(|(of, how)| (of.clone(), *how)).collect();
                out.push(Effect::Host(host.clone(), HostCommand::Gauges(all)));
            }
        }
        self.watched = wanted;
    }
}

/// It leads to one container; where it makes a new one each time, only its sessions know theirs.
fn names_one(connection: &Connection) -> bool {
    use crate::proto::control::connections::Kind;
    matches!(connection.config.kind(), Ok(Kind::Docker(docker)) if docker.container.is_some() || docker.name.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::app::Event;
    use crate::client::app::tests::{Bench, info, two_hosts_at};
    use crate::client::host::{HostEvent, HostState};
    use crate::proto::gauges::{Disk, Gauges, Net, Process};

    fn asked(s: &mut Bench) -> Vec<(String, Vec<(Watched, How)>)> {
        let of = |e| match e {
            Effect::Host(host, HostCommand::Gauges(wanted)) => Some((host.as_str().to_string(), wanted)),
            _ => None,
        };
        s.take().into_iter().filter_map(of).collect()
    }

    fn gauges(cpu: f32) -> Box<Gauges> {
        Box::new(Gauges {
            cpu: Some(cpu),
            mem_used: 62,
            mem_total: 100,
            uptime: 309_600,
            disks: vec![Disk { mount: "/".into(), used: 28, total: 100, available: None }],
            nets: vec![Net { name: "eth0".into(), rx: Some(12 << 10), tx: Some(3 << 10), ..Net::default() }],
            top: vec![Process {
                pid: 42,
                user: "me".into(),
                cpu: 99.0,
                rss: 1 << 20,
                command: "cargo\u{1b}[2J".into(),
            }],
            ..Gauges::default()
        })
    }

    const OFTEN: How = How { detail: false, every_ms: 0 };

    #[test]
    fn only_what_is_drawn_is_asked_for() {
        let mut s = two_hosts_at(90, 24);
        asked(&mut s);
        let host = "build-server";
        let own = |how| vec![(Watched::default(), how)];
        // the focused pane's host, until another has the focus: then for the mark at its tab, which may be late
        let seldom = || own(How { every_ms: SELDOM, ..OFTEN });
        s.keys("C-b h");
        assert_eq!(asked(&mut s), [(host.into(), seldom()), ("local".into(), own(OFTEN))]);
        // the whole screen wants the processes too
        s.keys("C-b M");
        assert_eq!(asked(&mut s), [("local".into(), own(How { detail: true, ..OFTEN }))]);
        s.keys("q");
        assert_eq!(asked(&mut s), [("local".into(), own(OFTEN))]);
        // so has the tree
        s.keys("C-b e");
        assert_eq!(asked(&mut s), []);
        // nobody is there any more
        s.at(4000.0);
        s.event(Event::Time { clock: "14:02".into(), unix: 0 });
        assert_eq!(asked(&mut s), [(host.into(), vec![]), ("local".into(), vec![])]);
        s.keys("x");
        assert_eq!(asked(&mut s), [(host.into(), seldom()), ("local".into(), own(OFTEN))]);
        // a pane that goes takes with it what was looked at for its tab; the tree has a mark for it as well
        s.keys("Escape C-b l C-b D");
        assert_eq!(asked(&mut s).last(), Some(&("local".to_string(), own(OFTEN))));
        s.keys("C-b e C-b e");
        assert_eq!(asked(&mut s).last(), Some(&(host.to_string(), vec![])));
    }

    #[test]
    fn a_target_has_gauges_of_its_own() {
        let mut s = two_hosts_at(90, 24);
        asked(&mut s);
        let pane = s.app.tabs.focused().unwrap();
        let info = s.app.panes.get_mut(&pane).unwrap().info.as_mut().unwrap();
        info.target = "k3f9k3f9".into();
        s.event(Event::Tick);
        s.keys("C-b r");
        let target = Watched::at(Place::of_target("k3f9k3f9".parse().unwrap()));
        assert_eq!(asked(&mut s), [("build-server".into(), vec![(target.clone(), OFTEN)])]);
        s.host("build-server", HostEvent::Gauges(Box::new(Gauges { of: target, ..*gauges(45.0) })));
        assert!(s.has("45%"), "{}", s.screen());
        // what is told of the host itself is not the target's
        s.host("build-server", HostEvent::Gauges(gauges(11.0)));
        assert!(s.has("45%") && !s.has("11%"), "{}", s.screen());
    }

    #[test]
    fn the_status_line_keeps_what_matters_where_it_is_narrow() {
        let mut s = two_hosts_at(100, 24);
        s.event(Event::Time { clock: "14:02".into(), unix: 0 });
        for (n, cpu) in [20.0, 40.0, 60.0, 80.0, 78.0].into_iter().enumerate() {
            s.at(10.0 + 2.0 * n as f32);
            s.host("build-server", HostEvent::Gauges(gauges(cpu)));
        }
        s.host("build-server", HostEvent::Rtt(Duration::from_millis(31)));
        let status = |s: &Bench| s.screen().lines().last().unwrap_or_default().to_string();
        assert!(status(&s).contains("CPU ▂▄▅▇▇ 78%  MEM 62%  DISK 28%  ↓12K ↑3.0K  rtt 31ms"), "{}", status(&s));
        for (cols, has, lacks) in
            [(80, "rtt", "zzz"), (60, "MEM 62%", "rtt"), (40, "▇ 78%", "DISK"), (32, "CPU 78%", "MEM")]
        {
            s.event(Event::Resize(crate::proto::ids::Size::new(cols, 24)));
            assert!(status(&s).contains(has) && !status(&s).contains(lacks), "{cols}: {}", status(&s));
        }
        // what matters less is not shown in the place of what matters more
        let mut idle = gauges(78.0);
        idle.nets[0] = Net { rx: Some(0), tx: Some(0), ..idle.nets[0].clone() };
        s.host("build-server", HostEvent::Gauges(idle));
        s.event(Event::Resize(crate::proto::ids::Size::new(29, 24)));
        assert!(!status(&s).contains("CPU") && !status(&s).contains("↓0"), "{}", status(&s));
    }

    #[test]
    fn the_whole_screen_is_to_be_used_at_any_size() {
        for (cols, rows) in [(120, 35), (80, 24), (60, 16), (40, 12)] {
            let mut s = two_hosts_at(cols, rows);
            s.keys("C-b M");
            for n in 0..10 {
                s.at(10.0 + 2.0 * n as f32);
                s.host("build-server", HostEvent::Gauges(gauges(50.0)));
            }
            for part in ["CPU", "50%", "MEM", "42", "cargo", "q close"] {
                assert!(s.has(part), "no {part:?} at {cols}x{rows}\n{}", s.screen());
            }
            assert!(!s.screen().contains('\u{1b}'), "what a host says is escaped");
            s.keys("/ 'zzz");
            assert!(s.has("nothing matches"), "{}", s.screen());
            s.keys("Escape l");
            assert!(s.has("rtt") && !s.has("cargo"), "{}", s.screen());
            // on to this machine, and back
            s.keys("Tab");
            assert!(s.has("this machine"), "{}", s.screen());
            s.keys("Tab q");
            assert!(s.app.layers.is_empty());
        }
    }

    #[test]
    fn the_panel_of_a_row_says_how_it_stands() {
        let mut s = two_hosts_at(120, 35);
        let host = HostId::new("build-server");
        s.at(10.0);
        s.host("build-server", HostEvent::Gauges(gauges(78.0)));
        let named = SessionInfo { name: "nightly".into(), kind: "serial".into(), ..info("r2", 50, 20) };
        s.host("build-server", HostEvent::Sessions(vec![info("r1", 50, 20), named]));
        let address = "build.example.org (192.0.2.7) port 22".to_string();
        s.host("build-server", HostEvent::Reached { lends: Default::default(), address: address.clone() });
        s.keys("C-b e");
        s.app.tree.chosen = Some(Row::Host(host.clone()));
        s.app.dirty = true;
        let bar = ["online", "Agent 1", "Up 3d 14h", "78%", "62%", "28%", "↓12K ↑3.0K", "Sessions (", "[n New Shell]"];
        for part in bar.into_iter().chain([&*address, "~ nightly: "]) {
            assert!(s.has(part), "no {part:?}\n{}", s.screen());
        }
        // each state has its word
        let why = || "no route".to_string();
        for (state, word) in [
            (HostState::Connecting, "connecting"),
            (HostState::Deploying { step: "sending the agent".into(), done: Some(0.4) }, "deploying: 40% sending"),
            (HostState::Updating { why: "a newer build".into() }, "updating: a newer build"),
            (HostState::Lost { why: why(), retry: Duration::from_secs(9) }, "waiting: no route; retry in 9 s"),
            (
                HostState::Failed { why: why(), hints: vec!["look at it".into()], hard: false },
                "error: no route; look at it",
            ),
            (HostState::Offline, "offline"),
        ] {
            s.host("build-server", HostEvent::State(state));
            // (an agent on its way has a panel of its own, which is hidden)
            s.app.layers.clear();
            s.app.dirty = true;
            assert!(s.has(word), "no {word:?}\n{}", s.screen());
            assert!(!s.has("78%"), "what was is not shown as of now\n{}", s.screen());
        }
    }

    /// The panel of the other host, as it is drawn in a window of this size.
    fn panel_at(cols: u16, rows: u16) -> Bench {
        let mut s = two_hosts_at(cols, rows);
        s.at(10.0);
        s.host("build-server", HostEvent::Gauges(gauges(78.0)));
        s.host("build-server", HostEvent::Sessions(vec![info("r1", 50, 20)]));
        s.keys("C-b b");
        s.app.tree.chosen = Some(Row::Host(HostId::new("build-server")));
        s.app.dirty = true;
        s
    }

    #[test]
    fn where_there_is_no_room_beside_the_tree_the_panel_lies_over_it_for_who_asks() {
        for (cols, rows) in [(60, 20), (40, 12)] {
            let mut s = panel_at(cols, rows);
            let of_panel = ["Agent 1", "CPU", "78%", "62%", "[n ", "Sessions (", "[X Kill All]"];
            assert!(s.has("hosts") && !s.has("Agent 1"), "{}", s.screen());
            assert!(s.has(" v "), "the tree's foot tells of it\n{}", s.screen());
            s.keys("v");
            for part in of_panel {
                assert!(s.has(part), "no {part:?} at {cols}x{rows}\n{}", s.screen());
            }
            // its buttons are clicked where they are, though the tree lies there too
            let screen = s.screen();
            let (y, line) = screen.lines().enumerate().find(|(_, l)| l.contains("Kill All")).unwrap();
            let x = line[..line.find("Kill All").unwrap()].chars().count() as u16;
            assert_eq!(crate::client::view::detail::hit(&s.app, x, y as u16), Some(Some(Act::EndAll)));
            // who looks for a row sees the rows
            s.keys("/ 'this");
            assert!(!s.has("Agent 1") && s.has("this machine"), "{}", s.screen());
            s.keys("Escape k j");
            s.app.tree.chosen = Some(Row::Host(HostId::new("build-server")));
            assert!(s.has("Agent 1"), "{}", s.screen());
            // first the panel goes, then the tree
            s.keys("Escape");
            assert!(!s.has("Agent 1") && s.app.tree.focused, "{}", s.screen());
            s.keys("Escape");
            assert!(!s.app.tree.focused);
        }
        // where there is room it is there by itself, until somebody wants to see what is under it
        let mut s = panel_at(80, 24);
        assert!(s.has("Agent 1"), "{}", s.screen());
        s.keys("v");
        assert!(!s.has("Agent 1"), "{}", s.screen());
        s.keys("v");
        assert!(s.has("Agent 1"), "{}", s.screen());
    }

    #[test]
    fn what_is_cut_says_so() {
        let mut s = panel_at(80, 24);
        let why = "word ".repeat(60);
        s.host("build-server", HostEvent::State(HostState::Lost { why, retry: Duration::from_secs(9) }));
        let lines: Vec<String> = s.screen().lines().map(str::to_string).collect();
        let last = lines.iter().rev().find(|l| l.contains("word word")).unwrap();
        assert!(last.contains('…'), "{}", s.screen());
        let faults = vec!["word ".repeat(39)];
        let mut s = panel_at(80, 24);
        s.host("build-server", HostEvent::Gauges(Box::new(Gauges { faults, ..Gauges::default() })));
        assert!(s.has("no gauges: word") && s.has("word…"), "{}", s.screen());
    }

    #[test]
    fn tabs_and_the_status_bar_lie_beside_a_drawer() {
        for (cols, seen) in [(80, true), (40, false)] {
            let mut s = panel_at(cols, 24);
            s.event(Event::Time { clock: "14:02".into(), unix: 0 });
            let screen = s.screen();
            let (first, last) = (screen.lines().next().unwrap(), screen.lines().last().unwrap());
            let right = |line: &str| line.chars().skip(40).collect::<String>();
            assert_eq!(
                (right(first).starts_with(" 1 "), right(last).starts_with(" build-server")),
                (seen, seen),
                "{screen}"
            );
            // what is said has all of the line
            s.app.say("something is to be said of it");
            assert!(s.screen().lines().last().unwrap().starts_with(" something is to be said"), "{}", s.screen());
        }
    }

    #[test]
    fn a_limit_marks_a_host_and_says_why() {
        let mut s = two_hosts_at(120, 35);
        s.app.settings.limits.disk = (20, 90);
        for n in 0..20 {
            s.at(10.0 + 2.0 * n as f32);
            s.host("build-server", HostEvent::Gauges(gauges(5.0)));
        }
        let host = HostId::new("build-server");
        let row = s.app.tree_rows().into_iter().find(|r| r.place == Row::Host(host.clone())).unwrap();
        assert_eq!((row.aside.as_str(), row.standing), ("limited", Some(crate::client::tree::Standing::Limited)));
        // so does the tab that shows a session of it, by a sign and not by a colour alone
        let tabs = |s: &Bench| s.screen().lines().next().unwrap().to_string();
        assert!(tabs(&s).contains(" ◐ "), "{}", tabs(&s));
        s.app.settings.limits.disk = (10, 20);
        for n in 20..40 {
            s.at(10.0 + 2.0 * n as f32);
            s.host("build-server", HostEvent::Gauges(gauges(5.0)));
        }
        assert!(tabs(&s).contains(" ! ") && !tabs(&s).contains('◐'), "{}", tabs(&s));
        // what was told last says nothing of now
        s.at(200.0);
        assert!(!tabs(&s).contains(" ! "), "{}", tabs(&s));
        s.app.settings.limits.disk = (20, 90);
        for n in 0..20 {
            s.at(210.0 + 2.0 * n as f32);
            s.host("build-server", HostEvent::Gauges(gauges(5.0)));
        }
        s.keys("C-b e");
        s.app.tree.chosen = Some(Row::Host(host.clone()));
        s.app.dirty = true;
        assert!(s.has("limited: disk 28% of /"), "{}", s.screen());
        s.app.settings.limits.disk = (10, 20);
        for n in 0..20 {
            s.at(250.0 + 2.0 * n as f32);
            s.host("build-server", HostEvent::Gauges(gauges(5.0)));
        }
        assert!(s.has("error: disk 28% of /"), "{}", s.screen());
        let row = s.app.tree_rows().into_iter().find(|r| r.place == Row::Host(host.clone())).unwrap();
        assert_eq!((row.aside.as_str(), row.standing), ("error", Some(crate::client::tree::Standing::Error)));
    }

    #[test]
    fn the_buttons_are_for_keys_and_for_the_mouse() {
        let mut s = two_hosts_at(120, 35);
        s.host("build-server", HostEvent::Sessions(vec![info("r1", 50, 20)]));
        s.keys("C-b e");
        s.app.tree.chosen = Some(Row::Host(HostId::new("build-server")));
        s.app.dirty = true;
        let screen = s.screen();
        let at = |word: &str| {
            let (y, line) = screen.lines().enumerate().find(|(_, l)| l.contains(word)).unwrap();
            (line[..line.find(word).unwrap()].chars().count() as u16, y as u16)
        };
        let (x, y) = at("Kill All");
        assert_eq!(crate::client::view::detail::hit(&s.app, x, y), Some(Some(Act::EndAll)));
        assert_eq!(crate::client::view::detail::hit(&s.app, x, y - 1), Some(None));
        assert_eq!(crate::client::view::detail::hit(&s.app, 1, y), None);
        let before = s.app.layers.len();
        s.keys("X");
        assert_eq!(s.app.layers.len(), before + 1, "it is asked first\n{}", s.screen());
    }
}
