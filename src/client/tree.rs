//! Owns the tree of hosts and their sessions: its rows, what is chosen, what is folded. Leaves out drawing it.

use super::app::{App, Effect, Host, Target};
use super::host::{HostCommand, HostId, HostState};
use super::keymap::word;
use super::layer::{Choice, Layer};
use super::pane::{Pane, title_of};
use crate::proto::control::SessionInfo;
use crate::proto::ids::SessionId;
use crate::term::input::Key;
use crate::text::short;
use ratatui::layout::Rect;
use std::collections::HashSet;
use std::time::Duration;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    Host(HostId),
    Session(HostId, SessionId),
    /// The heading over the names of ssh_config.
    Known,
}

/// What a person should know of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    None,
    Output,
    Bell,
    Finished,
    Failed,
}

impl Mark {
    pub fn sign(self) -> &'static str {
        match self {
            Mark::None => " ",
            Mark::Output => "▪",
            Mark::Bell => "●",
            Mark::Finished => "✓",
            Mark::Failed => "!",
        }
    }
}

/// How it stands with a host, at a glance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Offline,
    Working,
    Online,
    Troubled,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    pub place: Place,
    pub depth: u16,
    /// It has children, and they are shown.
    pub fold: Option<bool>,
    /// Escaped.
    pub text: String,
    /// At the right edge: an age, a state. Escaped.
    pub aside: String,
    pub mark: Mark,
    pub standing: Option<Standing>,
    /// It is shown in a pane.
    pub shown: bool,
}

#[derive(Default)]
pub struct Tree {
    /// `None` = where there is room.
    pub open: Option<bool>,
    pub focused: bool,
    pub chosen: Option<Place>,
    /// Folded although open by default, or the other way round.
    flipped: HashSet<Place>,
}

impl Tree {
    fn is_open(&self, place: &Place) -> bool {
        let by_default = !matches!(place, Place::Known);
        by_default != self.flipped.contains(place)
    }
    /// The host's sessions are among the rows.
    pub fn shows(&self, host: &HostId) -> bool {
        self.is_open(&Place::Host(host.clone()))
    }
    fn flip(&mut self, place: &Place) {
        if !self.flipped.remove(place) {
            self.flipped.insert(place.clone());
        }
    }
}

/// A state in a word or two; escaped.
pub fn state_text(host: &Host, now: Duration) -> String {
    match &host.state {
        HostState::Offline => String::new(),
        HostState::Connecting => "connecting".into(),
        HostState::Deploying { done: Some(d), .. } => format!("deploying {:.0}%", d * 100.0),
        HostState::Deploying { .. } => "deploying".into(),
        HostState::Updating { .. } => "updating".into(),
        HostState::Online { .. } if host.silent => {
            format!("silent {}", age(now.saturating_sub(host.heard).as_secs() as i64))
        }
        HostState::Online { .. } if host.state.is_without_agent() => "no agent".into(),
        HostState::Online { .. } => String::new(),
        HostState::Lost { .. } => format!("lost {}", age(now.saturating_sub(host.heard).as_secs() as i64)),
        HostState::Failed { .. } => "failed".into(),
    }
}

pub fn standing(host: Option<&Host>) -> Standing {
    match host.map(|h| (&h.state, h.silent)) {
        None | Some((HostState::Offline, _)) => Standing::Offline,
        Some((HostState::Connecting | HostState::Deploying { .. } | HostState::Updating { .. }, _)) => {
            Standing::Working
        }
        Some((HostState::Online { .. }, false)) => Standing::Online,
        Some(_) => Standing::Troubled,
    }
}

/// `12s`, `5m`, `22h`, `3d`.
pub fn age(seconds: i64) -> String {
    match seconds.max(0) {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m", s / 60),
        s @ 3600..86400 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86400),
    }
}

/// Seconds since 1970 of an RFC 3339 time in UTC.
pub fn unix_of(time: &str) -> Option<i64> {
    let n = |range: std::ops::Range<usize>| time.get(range)?.parse::<i64>().ok();
    let (y, m, d) = (n(0..4)?, n(5..7)?, n(8..10)?);
    let (hour, minute, second) = (n(11..13)?, n(14..16)?, n(17..19)?);
    if !(1..=12).contains(&m) || !(1..=31).contains(&d) {
        return None;
    }
    // days from civil, with years that begin in March
    let (y, m) = if m <= 2 { (y - 1, m + 9) } else { (y, m - 3) };
    let (era, year) = (y.div_euclid(400), y.rem_euclid(400));
    let days = era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * m + 2) / 5 + d - 1 - 719_468;
    Some(days * 86400 + hour * 3600 + minute * 60 + second)
}

pub fn mark_of(host: &Host, info: &SessionInfo) -> Mark {
    let looked = host.looked.get(&info.id).copied().unwrap_or((info.offset, info.bells));
    match info.state.as_str() {
        "exited" if info.exit_code == Some(0) => Mark::Finished,
        "exited" | "lost" => Mark::Failed,
        _ if info.bells > looked.1 => Mark::Bell,
        _ if info.offset > looked.0 => Mark::Output,
        _ => Mark::None,
    }
}

pub fn host_text(id: &HostId) -> String {
    if id.is_local() { "this machine".into() } else { short(id.as_str(), 60) }
}

impl App {
    pub fn tree_rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let local = HostId::local();
        let mut hosts: Vec<&HostId> = self.hosts.keys().filter(|h| !h.is_local()).collect();
        hosts.insert(0, &local);
        for id in hosts {
            self.host_rows(id, 0, &mut rows);
        }
        let known: Vec<HostId> = self.known.iter().map(HostId::new).filter(|h| !self.hosts.contains_key(h)).collect();
        if !known.is_empty() {
            let open = self.tree.is_open(&Place::Known);
            rows.push(Row {
                place: Place::Known,
                depth: 0,
                fold: Some(open),
                text: "ssh_config".into(),
                aside: known.len().to_string(),
                mark: Mark::None,
                standing: None,
                shown: false,
            });
            if open {
                for id in &known {
                    self.host_rows(id, 1, &mut rows);
                }
            }
        }
        rows
    }

    /// A session over plain SSH lives on this machine, and is shown where its host is.
    pub fn is_listed_elsewhere(&self, host: &HostId, info: &SessionInfo) -> bool {
        host.is_local()
            && !info.target.is_empty()
            && self.hosts.iter().any(|(h, other)| !h.is_local() && other.sessions.iter().any(|s| s.id == info.id))
    }

    fn host_rows(&self, id: &HostId, depth: u16, rows: &mut Vec<Row>) {
        let host = self.hosts.get(id);
        let place = Place::Host(id.clone());
        let open = self.tree.is_open(&place);
        let sessions = host.map_or(&[][..], |h| &h.sessions);
        rows.push(Row {
            place,
            depth,
            fold: (!sessions.is_empty()).then_some(open),
            text: host_text(id),
            aside: host.map(|h| state_text(h, self.now)).unwrap_or_default(),
            mark: Mark::None,
            standing: Some(standing(host)),
            shown: false,
        });
        let Some(host) = host.filter(|_| open) else { return };
        for info in sessions {
            let Ok(session) = info.id.parse::<SessionId>() else { continue };
            if self.is_listed_elsewhere(id, info) {
                continue;
            }
            let pane = self.pane_of(id, &session).and_then(|p| self.panes.get(&p));
            let seconds = unix_of(&info.created_at).map(|t| self.unix_now() - t);
            rows.push(Row {
                shown: pane.is_some(),
                text: pane.filter(|p| p.is_live()).map_or_else(|| title_of(info), Pane::title),
                place: Place::Session(id.clone(), session),
                depth: depth + 1,
                fold: None,
                // seconds would only make it restless
                aside: seconds.filter(|s| *s >= 60).map(age).unwrap_or_default(),
                // what is shown is looked at there: its tab has the marks
                mark: match mark_of(host, info) {
                    Mark::Output | Mark::Bell if pane.is_some() => Mark::None,
                    mark => mark,
                },
                standing: None,
            });
        }
    }

    /// Index of the chosen row; the focused pane's session where nothing was chosen.
    pub fn tree_index(&self, rows: &[Row]) -> usize {
        let fallback = self.focused().and_then(|p| Some(Place::Session(p.host.clone(), p.session.clone()?)));
        let wanted = self.tree.chosen.as_ref().or(fallback.as_ref());
        wanted.and_then(|w| rows.iter().position(|r| r.place == *w)).unwrap_or(0)
    }

    pub(super) fn tree_step(&mut self, by: i64) {
        let rows = self.tree_rows();
        let at = self.tree_index(&rows) as i64 + by;
        let at = at.clamp(0, rows.len() as i64 - 1) as usize;
        self.tree.chosen = rows.get(at).map(|r| r.place.clone());
    }

    pub(super) fn tree_key(&mut self, key: &Key, out: &mut Vec<Effect>) {
        let rows = self.tree_rows();
        let Some(row) = rows.get(self.tree_index(&rows)) else { return };
        let place = row.place.clone();
        match word(key).as_str() {
            "Up" | "k" => self.tree_step(-1),
            "Down" | "j" => self.tree_step(1),
            "PageUp" => self.tree_step(-10),
            "PageDown" => self.tree_step(10),
            "Home" | "g" => self.tree_step(-100_000),
            "End" | "G" => self.tree_step(100_000),
            "Enter" | "o" => self.tree_open(&place, out),
            "Space" => self.tree.flip(&place),
            "Left" | "h" => match (&place, row.fold) {
                (_, Some(true)) => self.tree.flip(&place),
                (Place::Session(host, _), _) => self.tree.chosen = Some(Place::Host(host.clone())),
                _ => {}
            },
            "Right" | "l" => {
                if row.fold == Some(false) {
                    self.tree.flip(&place);
                } else {
                    self.tree_step(1);
                }
            }
            "n" | "c" => {
                if let Place::Host(host) | Place::Session(host, _) = place {
                    self.new_tab(host, out);
                }
            }
            "x" => match place {
                Place::Session(host, session) => self.ask_to_kill(host, session, out),
                Place::Host(host) if !host.is_local() => self.let_go(&host, out),
                _ => {}
            },
            "r" => match place {
                Place::Session(host, session) => {
                    let name = self.hosts.get(&host).and_then(|h| h.session(&session)).map(|i| i.name.clone());
                    self.layers.push(Layer::rename_session(host, session, name.unwrap_or_default()));
                }
                Place::Host(host) => out.push(Effect::Host(host, HostCommand::Connect)),
                Place::Known => {}
            },
            // as the hint of the empty screen says
            "d" if self.tabs.list.is_empty() => {
                out.push(Effect::Quit(super::app::Farewell::Detached));
            }
            "q" | "Escape" if !self.tabs.list.is_empty() => self.look_at_panes(),
            _ => {}
        }
    }

    fn tree_open(&mut self, place: &Place, out: &mut Vec<Effect>) {
        match place {
            Place::Session(host, session) => self.go(Target::Session(host.clone(), session.clone()), out),
            Place::Host(host) if self.is_online(host) => self.tree.flip(place),
            Place::Host(host) => self.go(Target::Host(host.clone()), out),
            Place::Known => self.tree.flip(place),
        }
    }

    pub(super) fn ask_to_kill(&mut self, host: HostId, session: SessionId, out: &mut Vec<Effect>) {
        let info = self.hosts.get(&host).and_then(|h| h.session(&session));
        let alive = info.is_none_or(|i| i.is_alive());
        let name = info.map_or_else(|| session.to_string(), |i| short(i.label(), 40));
        if alive && self.settings.confirm {
            let text = format!("End '{name}' on {}?", host_text(&host));
            self.layers.push(Layer::confirm(text, Choice::Kill(host, session)));
        } else {
            match self.pane_of(&host, &session) {
                Some(pane) => self.close_pane(pane, out),
                None => self.request(&host, HostCommand::Close { session }, out),
            }
        }
    }

    /// Lets go of a host's link where no pane shows a session of it.
    fn let_go(&mut self, host: &HostId, out: &mut Vec<Effect>) {
        if self.panes.values().any(|p| p.host == *host) {
            self.say(format!("{} is shown in panes: close them first", host_text(host)));
        } else {
            out.push(Effect::Host(host.clone(), HostCommand::Disconnect));
        }
    }

    pub(super) fn tree_click(&mut self, area: Rect, y: u16, out: &mut Vec<Effect>) {
        let rows = self.tree_rows();
        let first = super::view::tree::first_row(self, area, &rows);
        let Some(row) = y.checked_sub(area.y + 1).and_then(|n| rows.get(first + usize::from(n))) else {
            self.tree.focused = true;
            return;
        };
        self.tree.focused = true;
        let place = row.place.clone();
        self.tree.chosen = Some(place.clone());
        if y < area.bottom().saturating_sub(1) {
            self.tree_open(&place, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(unix_of("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(unix_of("2026-11-20T04:11:25Z"), Some(1_795_147_885));
        assert_eq!(unix_of("2024-02-29T12:00:00.5Z"), Some(1_709_208_000));
        for bad in ["", "x", "2026-13-01T00:00:00Z", "2026-11", "é026-11-20T04:11:25Z"] {
            assert_eq!(unix_of(bad), None, "{bad}");
        }
        assert_eq!([age(3), age(61), age(7200), age(90_000), age(-5)], ["3s", "1m", "2h", "1d", "0s"]);
    }
}
