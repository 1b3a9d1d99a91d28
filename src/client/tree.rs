//! Owns the tree of hosts, their folders, prepared connections and sessions: what is chosen, folded, selected, looked for.
//! Leaves out its rows (`rows.rs`), its keys (`deeds.rs`, `keys.rs`), and drawing it.

pub mod deeds;
mod keys;
mod rows;

pub use rows::sign_of;

use super::app::Host;
use super::host::{HostId, HostState};
use super::layer::field::Field;
use crate::proto::control::SessionInfo;
use crate::proto::ids::SessionId;
use crate::text::short;
use crate::transport::ssh::config::parse_dest;
use std::collections::HashSet;
use std::time::Duration;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    Host(HostId),
    Session(HostId, SessionId),
    /// A folder of the host's connections, by its id.
    Folder(HostId, String),
    /// A prepared connection, by its id.
    Connection(HostId, String),
    /// The heading over the names of ssh_config.
    Known,
}

/// One of the places that a host has many of, by an id.
type Named = fn(HostId, String) -> Place;

impl Place {
    /// The host it belongs to.
    pub fn host(&self) -> Option<&HostId> {
        match self {
            Place::Host(host) | Place::Session(host, _) | Place::Folder(host, _) | Place::Connection(host, _) => {
                Some(host)
            }
            Place::Known => None,
        }
    }
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
    /// There, and beyond a limit of the settings.
    Limited,
    Error,
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
    /// The same where there is little room; empty = nothing is said then.
    pub brief: String,
    pub mark: Mark,
    pub standing: Option<Standing>,
    /// It is shown in a pane.
    pub shown: bool,
    /// The keys go there: it is in the focused pane.
    pub active: bool,
    /// One of several that the next action is for.
    pub selected: bool,
    /// What it is: a character of its kind.
    pub sign: &'static str,
    /// What it is found by beside its text; only said while something is looked for.
    pub find: String,
}

impl Row {
    fn new(place: Place, depth: u16, text: String) -> Row {
        Row {
            place,
            depth,
            fold: None,
            text,
            aside: String::new(),
            brief: String::new(),
            mark: Mark::None,
            standing: None,
            shown: false,
            active: false,
            selected: false,
            sign: "",
            find: String::new(),
        }
    }
}

#[derive(Default)]
pub struct Tree {
    /// `None` = where there is room.
    pub open: Option<bool>,
    pub focused: bool,
    /// The panel of what is chosen. `None` = where there is room beside the tree; Some(true) = over it where there is none.
    pub detail: Option<bool>,
    pub chosen: Option<Place>,
    /// Made just now: chosen once its host lists it, unless a key comes before.
    pub awaited: Option<Place>,
    /// The change that makes a copy of a connection or a folder, by its tag: what it makes is awaited then.
    pub making: Option<(u64, Named)>,
    /// Folded although open by default, or the other way round.
    flipped: HashSet<Place>,
    /// Several, for the next action.
    pub selected: HashSet<Place>,
    /// What is looked for; none = everything is shown.
    pub filter: Option<Field>,
    /// Keys go to the filter's line.
    pub typing: bool,
    /// By name rather than as kept.
    pub by_name: bool,
    /// The place and the moment of the last click: a second one soon after is a double click.
    clicked: Option<(Place, Duration)>,
    /// An import that is being kept: its tag, and what is said once it is.
    pub adding: Option<(u64, String)>,
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
    /// Only what matches is shown, and all of that.
    fn is_filtered(&self) -> bool {
        self.filter.as_ref().is_some_and(|f| !f.text().trim().is_empty())
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
            format!("silent {}", unheard(host, now))
        }
        HostState::Online { .. } if host.unlinked => "no link".into(),
        HostState::Online { .. } if host.state.is_without_agent() => "no agent".into(),
        HostState::Online { .. } => String::new(),
        HostState::Lost { .. } if !host.met => "not reached".into(),
        HostState::Lost { .. } => format!("lost {}", unheard(host, now)),
        HostState::Failed { .. } => "failed".into(),
    }
}

/// For how long nothing was heard from it.
pub fn unheard(host: &Host, now: Duration) -> String {
    age(now.saturating_sub(host.heard).as_secs() as i64)
}

pub fn standing(host: Option<&Host>) -> Standing {
    match host.map(|h| (&h.state, h.silent || h.unlinked)) {
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

/// A sentence on a host without the host's name before it, for where that stands beside it: as it was asked for, or with
/// the user and the port that SSH goes by.
pub fn unnamed<'a>(id: &HostId, said: &'a str) -> &'a str {
    let Some((first, rest)) = said.split_once(' ') else { return said };
    let first = first.strip_suffix(':').unwrap_or(first);
    let is_it = first == id.as_str()
        || match (parse_dest(id.as_str()), parse_dest(first)) {
            (Ok(asked), Ok(said)) => {
                asked.host == said.host
                    && (asked.user.is_none() || asked.user == said.user)
                    && (asked.port.is_none() || asked.port.unwrap_or(22) == said.port.unwrap_or(22))
            }
            _ => false,
        };
    if is_it { rest } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_does_not_name_its_host_again() {
        let why = "can't be reached: no answer";
        for (id, said) in [
            ("nas", "nas"),
            ("nas", "me@nas"),
            ("nas", "me@nas:2973"),
            ("nas", "nas:"),
            ("me@192.0.2.7:2973", "me@192.0.2.7:2973"),
            ("me@nas:22", "me@nas"),
            ("[2001:db8::1]:2222", "me@[2001:db8::1]:2222:"),
        ] {
            assert_eq!(unnamed(&HostId::new(id), &format!("{said} {why}")), why, "{id} {said}");
        }
        for (id, said) in
            [("nas", "me@nas2"), ("me@nas", "you@nas"), ("me@nas:2973", "me@nas"), ("nas", "the"), ("nas", "")]
        {
            let said = format!("{said} {why}");
            assert_eq!(unnamed(&HostId::new(id), &said), said);
        }
    }

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
