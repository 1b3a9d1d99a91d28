//! Owns what sessions of a machine were started as: `sessions.json` in the state dir, so that one can be started again when it
//! has ended, also by a reboot; and `state.json`, what was seen of them last. Leaves out the living (the run dir is asked
//! for those), and starting.
//!
//! `state.json` is a cache: it may be missing or old, and nothing is decided by it.

use super::connections::cleaned;
use super::file::{Loaded, Store, Stored};
use crate::failure::Failure;
use crate::proto::control::connections::Connection;
use crate::proto::control::{Device, SessionCreate, SessionInfo};
use crate::proto::ids::Size;
use crate::safedir::SafeDir;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const FILE: &str = "sessions.json";
pub const CACHE: &str = "state.json";
/// Most sessions kept, and bytes of all together.
const MOST: usize = 1000;
const MOST_BYTES: usize = 4 << 20;
/// A session lost at boot can be started again for this long from when that was noticed: a week, milliseconds.
const WEEK: u64 = 7 * 24 * 3600 * 1000;
/// A session this young may have no record yet, milliseconds.
const YOUNG: u64 = 60 * 1000;
/// So often a session is begun again by itself within so many milliseconds: what is lost each time is left.
const OFTEN: usize = 3;
const SOON: u64 = 60 * 1000;

/// What a session was started as.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Defined {
    /// Hashes of the machine's and the boot's id.
    pub machine: String,
    pub boot: String,
    /// As it was when it stood.
    pub info: SessionInfo,
    /// What was asked for, its directory resolved.
    pub create: SessionCreate,
    /// Its prepared connection as it was then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<Box<Connection>>,
    /// When it was found to be of an earlier boot, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noticed_ms: Option<u64>,
    /// What agents have done for it by themselves.
    #[serde(skip_serializing_if = "Begun::is_nothing")]
    pub begun: Begun,
    /// The same in that boot, by its id, and milliseconds since it: while it lasts, that goes before a clock that was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noticed_up: Option<(String, u64)>,
}

/// How a session was begun again by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Begun {
    /// In that boot, by its id; what was in another one does not count.
    pub boot: String,
    /// When, milliseconds since the boot.
    pub at_ms: Vec<u64>,
    /// Why it is not any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
}

impl Begun {
    fn is_nothing(&self) -> bool {
        *self == Begun::default()
    }

    /// As it counts in this boot.
    fn of(&mut self, boot: &Boot) -> &mut Begun {
        if self.boot != boot.boot {
            *self = Begun { boot: boot.boot.clone(), ..Begun::default() };
        }
        self
    }
}

/// All of them, by the session's id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sessions {
    pub sessions: BTreeMap<String, Defined>,
}

impl Stored for Sessions {
    const VERSION: u64 = 1;
}

/// This machine since it booted.
#[derive(Clone, Debug)]
pub struct Boot {
    pub machine: String,
    pub boot: String,
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// Milliseconds since it booted.
    pub up_ms: u64,
}

impl Boot {
    fn is_earlier(&self, d: &Defined) -> bool {
        d.machine == self.machine && d.boot != self.boot
    }
}

impl Sessions {
    /// Lets go of those that nobody can ask for any more. `recorded` says which the run dir still has a record of.
    fn tidy(&mut self, boot: &Boot, recorded: impl Fn(&str) -> bool) {
        self.sessions.retain(|id, d| {
            if d.machine != boot.machine {
                return true;
            }
            if d.boot != boot.boot {
                let noticed = *d.noticed_ms.get_or_insert(boot.now_ms);
                let age = match &d.noticed_up {
                    Some((at, up)) if *at == boot.boot => boot.up_ms.saturating_sub(*up),
                    _ => {
                        // (of a time to come: the clock was set back, and how long ago it was nobody knows)
                        let age = boot.now_ms.saturating_sub(noticed);
                        let began = boot.up_ms.checked_sub(age).filter(|_| age < WEEK);
                        began.into_iter().for_each(|up| d.noticed_up = Some((boot.boot.clone(), up)));
                        if boot.now_ms < noticed {
                            d.noticed_ms = Some(boot.now_ms);
                        }
                        age
                    }
                };
                return age < WEEK;
            }
            let age = match d.info.created_up {
                Some(up) => boot.up_ms.saturating_sub(up),
                None => boot.now_ms.saturating_sub(d.info.created_ms),
            };
            recorded(id) || age < YOUNG
        });
        // a home that many machines share may hold many: the oldest go
        let large = |d: &Defined| serde_json::to_vec(d).map_or(0, |json| json.len());
        let mut bytes: usize = self.sessions.values().map(large).sum();
        while self.sessions.len() > MOST || bytes > MOST_BYTES {
            let oldest = self.sessions.iter().min_by_key(|(_, d)| d.info.created_ms).map(|(id, _)| id.clone());
            let Some(gone) = oldest.and_then(|id| self.sessions.remove(&id)) else { break };
            bytes = bytes.saturating_sub(large(&gone));
        }
    }

    /// Those of this machine's earlier boots, as they were seen last; `seen` is asked only where there are some.
    pub fn lost_at_boot(&self, boot: &Boot, seen: impl FnOnce() -> State) -> Vec<SessionInfo> {
        let mut lost = self.sessions.iter().filter(|(_, d)| boot.is_earlier(d)).peekable();
        if lost.peek().is_none() {
            return Vec::new();
        }
        let seen = seen();
        let lost = lost.map(|(id, d)| {
            let (id, cause) = (id.clone(), Some(SessionInfo::LOST_AT_BOOT.into()));
            seen.last_of(SessionInfo { id, state: "lost".into(), cause, clients: 0, ..d.info.clone() })
        });
        lost.collect()
    }

    /// Why a lost session is not begun again by itself in this boot; none = it may be, if it is on record.
    pub fn left(&self, boot: &Boot, id: &str) -> Option<&str> {
        let begun = &self.sessions.get(id)?.begun;
        begun.left.as_deref().filter(|_| begun.boot == boot.boot)
    }
}

/// What is on disk; nothing where that can't be read (it stays as it is).
pub fn load(dir: &SafeDir) -> Sessions {
    Store::new(dir, FILE).peek::<Sessions>().ok().and_then(|l| l.usable().0).unwrap_or_default()
}

/// Keeps what a session was started as. Says what the user is to be told of the file as it was.
///
/// # Errors
/// The disk, another writer for long, a newer file: the file is as before, and the session can't be started again by its
/// definition.
pub fn define(
    dir: &SafeDir,
    boot: &Boot,
    id: &str,
    mut defined: Defined,
    recorded: impl Fn(&str) -> bool,
) -> Result<Option<Failure>, Failure> {
    // (a client may send one that no book has looked at)
    defined.connection.iter_mut().chain(&mut defined.create.definition).for_each(|c| _ = cleaned(c));
    Store::new(dir, FILE).update(|all: Option<Sessions>, told| {
        let mut all = all.unwrap_or_default();
        all.tidy(boot, recorded);
        // (under the id it had: how often that was, counts on)
        if let Some(before) = all.sessions.remove(id) {
            defined.begun = Begun { left: None, ..before.begun };
        }
        all.sessions.insert(id.to_string(), defined);
        Ok((all, told))
    })
}

/// Counts that it is begun again by itself; false = it is not, for it is not on record, or is left as it is by now: where it
/// was begun too often, that is said from here on.
///
/// # Errors
/// As [`define`]'s: it is not begun again.
pub fn begins_again(dir: &SafeDir, boot: &Boot, id: &str) -> Result<bool, Failure> {
    let now = load(dir);
    if !now.sessions.contains_key(id) || now.left(boot, id).is_some() {
        return Ok(false);
    }
    Store::new(dir, FILE).update(|all: Option<Sessions>, _| {
        let mut all = all.unwrap_or_default();
        let Some(defined) = all.sessions.get_mut(id) else { return Ok((all, false)) };
        let begun = defined.begun.of(boot);
        begun.at_ms.retain(|at| boot.up_ms.saturating_sub(*at) < SOON);
        let begins = begun.left.is_none() && begun.at_ms.len() < OFTEN;
        if begins {
            begun.at_ms.push(boot.up_ms);
        } else {
            begun.left.get_or_insert_with(|| format!("it was begun again {OFTEN} times within a minute"));
        }
        Ok((all, begins))
    })
}

/// It is not begun again by itself in this boot: why.
///
/// # Errors
/// As [`define`]'s.
pub fn leave(dir: &SafeDir, boot: &Boot, id: &str, why: &str) -> Result<(), Failure> {
    Store::new(dir, FILE).update(|all: Option<Sessions>, _| {
        let mut all = all.unwrap_or_default();
        if let Some(defined) = all.sessions.get_mut(id) {
            defined.begun.of(boot).left = Some(why.to_string());
        }
        Ok((all, ()))
    })
}

/// It is not wanted any more.
///
/// # Errors
/// As [`define`]'s.
pub fn forget(dir: &SafeDir, id: &str) -> Result<(), Failure> {
    if !load(dir).sessions.contains_key(id) {
        return Ok(());
    }
    Store::new(dir, FILE).update(|all: Option<Sessions>, _| {
        let mut all = all.unwrap_or_default();
        all.sessions.remove(id);
        Ok((all, ()))
    })
}

/// Nothing of this machine's sessions is wanted any more; where there are none of others', no file is left.
///
/// # Errors
/// As [`define`]'s.
pub fn clear(dir: &SafeDir, machine: &str) -> Result<(), Failure> {
    let store = Store::new(dir, FILE);
    if matches!(store.peek::<Sessions>()?, Loaded::Read(_)) {
        let left = store.update(|all: Option<Sessions>, _| {
            let mut all = all.unwrap_or_default();
            all.sessions.retain(|_, d| d.machine != machine);
            let left = all.sessions.len();
            Ok((all, left))
        })?;
        if left > 0 {
            return Ok(());
        }
        for end in ["", ".bak", ".lock"] {
            let _ = dir.remove(&format!("{FILE}{end}"));
        }
    }
    for end in ["", ".bak", ".lock"] {
        let _ = dir.remove(&format!("{CACHE}{end}"));
    }
    Ok(())
}

/// What was seen of a session last, in the seed's words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seen {
    /// A hash of the machine's id: others may share the home.
    pub machine: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub state: String,
    pub parent_connection_id: Option<String>,
    pub created_at: String,
    /// Its own socket; empty = it has none any more.
    pub daemon_socket: String,
    pub cwd: String,
    /// The container it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
    pub config: Config,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Its program: `command`'s first word.
    pub shell: String,
    pub command: Vec<String>,
    pub cols: u16,
    pub rows: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub sessions: BTreeMap<String, Seen>,
}

impl Stored for State {
    const VERSION: u64 = 1;
}

impl State {
    /// `socket` = where a living session's is.
    pub fn of(machine: &str, sessions: &[SessionInfo], socket: impl Fn(&str) -> String) -> State {
        let seen = |s: &SessionInfo| Seen {
            machine: machine.into(),
            kind: s.kind.clone(),
            title: s.title.clone(),
            state: s.state.clone(),
            parent_connection_id: Some(s.connection_id.clone()).filter(|id| !id.is_empty()),
            created_at: s.created_at.clone(),
            daemon_socket: if s.is_alive() { socket(&s.id) } else { String::new() },
            cwd: s.cwd.clone(),
            container_id: s.device.as_ref().and_then(|d| d.container.clone()),
            config: Config {
                shell: s.command.first().cloned().unwrap_or_default(),
                command: s.command.clone(),
                cols: s.cols,
                rows: s.rows,
            },
        };
        State { sessions: sessions.iter().take(MOST).map(|s| (s.id.clone(), seen(s))).collect() }
    }
}

impl State {
    /// A lost session's title, directory and size as they were seen last: its record has those of its beginning.
    pub fn last_of(&self, info: SessionInfo) -> SessionInfo {
        let Some(seen) = self.sessions.get(&info.id) else { return info };
        let or = |seen: &str, else_: String| if seen.is_empty() { else_ } else { seen.to_string() };
        let size = Size { cols: seen.config.cols, rows: seen.config.rows };
        let size = if size.is_valid() { size } else { Size { cols: info.cols, rows: info.rows } };
        SessionInfo {
            title: or(&seen.title, info.title),
            cwd: or(&seen.cwd, info.cwd),
            cols: size.cols,
            rows: size.rows,
            device: info.device.or_else(|| {
                let container = seen.container_id.clone()?;
                Some(Box::new(Device { container: Some(container), ..Device::default() }))
            }),
            ..info
        }
    }
}

/// What was seen last; nothing, where there is nothing that can be read.
pub fn seen(dir: &SafeDir) -> State {
    Store::new(dir, CACHE).peek::<State>().ok().and_then(|l| l.usable().0).unwrap_or_default()
}

/// Keeps what is seen of a machine, where it is another.
///
/// # Errors
/// As [`define`]'s; nothing is lost by it.
pub fn see(dir: &SafeDir, machine: &str, state: State) -> Result<(), Failure> {
    let with_others = |all: State| {
        let mut all = all;
        all.sessions.retain(|_, s| s.machine != machine);
        all.sessions.extend(state.sessions.clone());
        all
    };
    let now = seen(dir);
    if with_others(now.clone()) == now {
        return Ok(());
    }
    Store::new(dir, CACHE).update(|all: Option<State>, _| Ok((with_others(all.unwrap_or_default()), ())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(name: &str) -> Boot {
        Boot { machine: "m".into(), boot: name.into(), now_ms: 10_000_000_000, up_ms: 1_000_000 }
    }
    fn defined(boot: &str, created_ms: u64) -> Defined {
        Defined {
            machine: "m".into(),
            boot: boot.into(),
            info: SessionInfo { created_ms, title: "first".into(), ..SessionInfo::default() },
            ..Defined::default()
        }
    }
    fn home() -> (tempfile::TempDir, SafeDir) {
        let home = tempfile::tempdir().unwrap();
        let dir = SafeDir::open_or_create(&home.path().join("state")).unwrap();
        (home, dir)
    }

    #[test]
    fn what_is_not_asked_for_any_more_goes() {
        let (_home, dir) = home();
        let one = boot("one");
        for id in ["kept", "gone"] {
            define(&dir, &one, id, defined("one", 1), |_| true).unwrap();
        }
        define(&dir, &one, "young", defined("one", one.now_ms - 10), |id| id == "kept").unwrap();
        define(&dir, &one, "other", defined("one", 1), |id| id == "kept").unwrap();
        assert_eq!(load(&dir).sessions.into_keys().collect::<Vec<_>>(), ["kept", "other", "young"]);
        forget(&dir, "kept").unwrap();
        forget(&dir, "never").unwrap();
        assert_eq!(load(&dir).sessions.into_keys().collect::<Vec<_>>(), ["other", "young"]);
    }

    #[test]
    fn what_is_lost_again_and_again_is_left() {
        let (_home, dir) = home();
        let at = |up_ms: u64| Boot { up_ms, ..boot("one") };
        let begins = |boot: &Boot| begins_again(&dir, boot, "a").unwrap();
        assert!(!begins(&at(0)), "it is not on record");
        define(&dir, &at(0), "a", defined("one", 1), |_| true).unwrap();
        for up in [1000, 2000, 50_000] {
            assert!(begins(&at(up)));
            // it stands again, as it was defined
            define(&dir, &at(up), "a", defined("one", 1), |_| true).unwrap();
        }
        assert_eq!(load(&dir).left(&at(0), "a"), None);
        // (the first of the three was a minute ago)
        assert!(begins(&at(61_500)) && !begins(&at(61_600)));
        assert!(load(&dir).left(&at(0), "a").unwrap().contains("3 times within a minute"));
        assert!(!begins(&at(500_000)), "it stays so");
        // the next boot is another thing, and so is one that somebody has started
        let two = Boot { up_ms: 10, ..boot("two") };
        assert!(load(&dir).left(&two, "a").is_none() && begins(&two));
        leave(&dir, &two, "a", "a password is wanted").unwrap();
        assert_eq!((load(&dir).left(&two, "a"), begins(&two)), (Some("a password is wanted"), false));
        define(&dir, &two, "a", defined("two", 1), |_| true).unwrap();
        assert!(begins(&two));
        leave(&dir, &two, "b", "it is not there").unwrap();
    }

    #[test]
    fn after_a_boot_they_can_be_had_for_a_week() {
        let (_home, dir) = home();
        let (one, mut two) = (boot("one"), boot("two"));
        define(&dir, &one, "a", defined("one", 1), |_| true).unwrap();
        define(&dir, &one, "elsewhere", Defined { machine: "n".into(), ..defined("one", 1) }, |_| true).unwrap();
        let info = SessionInfo { id: "a".into(), title: "make".into(), cols: 80, rows: 33, ..SessionInfo::default() };
        see(&dir, "m", State::of("m", &[info], |id| format!("/run/{id}.sock"))).unwrap();
        // another machine that shares the home leaves it
        see(
            &dir,
            "n",
            State::of("n", &[SessionInfo { id: "x".into(), cols: 0, ..SessionInfo::default() }], |_| String::new()),
        )
        .unwrap();
        assert!(load(&dir).lost_at_boot(&one, || panic!("nothing is lost: no need to look")).is_empty());
        let lost = load(&dir).lost_at_boot(&two, || seen(&dir));
        assert_eq!(lost.iter().map(|i| (i.id.as_str(), i.state.as_str())).collect::<Vec<_>>(), [("a", "lost")]);
        assert!(lost[0].cause.as_deref().is_some_and(|c| c.contains("lost at boot")) && lost[0].title == "make");
        assert_eq!((lost[0].cols, lost[0].rows), (80, 33), "as it was shown last");
        // what was never seen is as its record says
        let info = SessionInfo { id: "y".into(), cols: 3, rows: 7, ..SessionInfo::default() };
        assert_eq!(seen(&dir).last_of(info.clone()), info);
        assert_eq!(seen(&dir).last_of(SessionInfo { id: "x".into(), ..info.clone() }).cols, 3);
        define(&dir, &two, "b", defined("two", two.now_ms), |_| true).unwrap();
        (two.now_ms, two.up_ms) = (two.now_ms + WEEK - 1, two.up_ms + WEEK - 1);
        define(&dir, &two, "c", defined("two", two.now_ms), |_| true).unwrap();
        assert!(load(&dir).sessions.contains_key("a"));
        (two.now_ms, two.up_ms) = (two.now_ms + 1, two.up_ms + 1);
        define(&dir, &two, "d", defined("two", two.now_ms), |_| true).unwrap();
        assert_eq!(load(&dir).sessions.into_keys().collect::<Vec<_>>(), ["b", "c", "d", "elsewhere"]);
    }

    #[test]
    fn a_clock_that_is_set_neither_ends_a_week_nor_makes_it_longer() {
        const YEARS: u64 = 50 * 365 * 86_400_000;
        let (_home, dir) = home();
        let there = |dir: &SafeDir| load(dir).sessions.contains_key("a");
        let keep = |boot: &Boot| define(&dir, boot, "b", defined(&boot.boot, boot.now_ms), |_| true).unwrap();
        define(&dir, &boot("one"), "a", defined("one", 1), |_| true).unwrap();
        // booted without a battery for its clock: noticed in 1970, then the network tells the time
        let mut two = Boot { now_ms: 5_000, ..boot("two") };
        keep(&two);
        (two.now_ms, two.up_ms) = (YEARS, two.up_ms + 60_000);
        keep(&two);
        assert!(there(&dir), "a minute has passed, and no week");
        // and set back
        two.now_ms = 7_000;
        two.up_ms += WEEK;
        keep(&two);
        assert!(!there(&dir), "a week has passed");
        // over another boot the clock is all there is: of a time to come is of now
        define(&dir, &boot("one"), "a", Defined { noticed_ms: Some(YEARS), ..defined("one", 1) }, |_| true).unwrap();
        let mut three = boot("three");
        keep(&three);
        (three.now_ms, three.up_ms) = (three.now_ms + WEEK, three.up_ms + WEEK);
        keep(&three);
        assert!(!there(&dir));
    }

    #[test]
    fn nothing_is_left_of_a_machine_that_is_done_with() {
        let (_home, dir) = home();
        let other = Defined { machine: "n".into(), ..defined("one", 1) };
        define(&dir, &boot("one"), "a", defined("one", 1), |_| true).unwrap();
        define(&dir, &boot("one"), "b", other, |_| true).unwrap();
        see(&dir, "m", State::of("m", &[SessionInfo::default()], |_| String::new())).unwrap();
        clear(&dir, "m").unwrap();
        assert_eq!(load(&dir).sessions.into_keys().collect::<Vec<_>>(), ["b"]);
        clear(&dir, "n").unwrap();
        assert!(dir.list().unwrap().is_empty(), "{:?}", dir.list());
        // what can't be read is somebody's
        dir.write_durable(FILE, b"{\"version\": 99}").unwrap();
        clear(&dir, "n").unwrap();
        assert_eq!(dir.list().unwrap(), [FILE]);
    }

    #[test]
    fn no_secret_is_kept_with_a_definition() {
        let (_home, dir) = home();
        let config = serde_json::json!({ "type": "ssh", "config": { "host": "h", "password": "hunter2" } });
        let theirs: Box<Connection> =
            serde_json::from_value(serde_json::json!({ "name": "c", "config": config })).unwrap();
        let create = SessionCreate { definition: Some(theirs.clone()), ..SessionCreate::default() };
        let defined = Defined { connection: Some(theirs), create, ..defined("one", 1) };
        define(&dir, &boot("one"), "a", defined, |_| true).unwrap();
        let kept = String::from_utf8(dir.read(FILE, 1 << 20).unwrap()).unwrap();
        assert!(kept.contains("\"h\"") && !kept.contains("hunter2"), "{kept}");
    }

    #[test]
    fn there_are_never_too_many() {
        let mut all = Sessions::default();
        for n in 0..1500 {
            all.sessions.insert(format!("s{n:04}"), defined("one", n));
        }
        all.tidy(&boot("one"), |_| true);
        assert_eq!((all.sessions.len(), all.sessions.contains_key("s0499")), (MOST, false));
        for d in all.sessions.values_mut().take(100) {
            d.create.command = vec!["x".repeat(100_000)];
        }
        all.tidy(&boot("one"), |_| true);
        assert!(serde_json::to_vec(&all).unwrap().len() < MOST_BYTES + 500_000 && all.sessions.contains_key("s1499"));
    }

    #[test]
    fn a_file_that_is_newer_or_broken_is_left() {
        let (_home, dir) = home();
        dir.write_durable(FILE, b"{\"version\": 99}").unwrap();
        assert!(define(&dir, &boot("one"), "a", defined("one", 1), |_| true).is_err());
        assert_eq!(dir.read(FILE, 100).unwrap(), b"{\"version\": 99}");
        dir.write_durable(FILE, b"{ no").unwrap();
        let told = define(&dir, &boot("one"), "a", defined("one", 1), |_| true).unwrap();
        assert!(told.unwrap().line().contains("kept as"));
        assert!(dir.list().unwrap().iter().any(|n| n.contains("corrupt")));
        assert!(define(&dir, &boot("one"), "a", defined("one", 1), |_| true).unwrap().is_none());
    }
}
