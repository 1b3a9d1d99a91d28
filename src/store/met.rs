//! Owns what is remembered of a host's last login, so that the next one takes fewer round trips: `STATE/met.json`.
//! A guess and no more: what turns out wrong costs the round trip that it would have saved. Leaves out who guesses.

use super::file::{Store, Stored};
use crate::paths::Paths;
use crate::safedir::SafeDir;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const FILE: &str = "met.json";
/// Hosts remembered, and of each one names of sessions.
const HOSTS: usize = 500;
const NAMES: usize = 50;

/// What a host did last time.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Met {
    /// The key that was all it asked for.
    pub key: Option<String>,
    /// So many times in a row it hung up on what was sent ahead of its answers, and when last (seconds since 1970).
    pub broke: u32,
    pub broke_at: u64,
    /// Sessions by the name that they were asked for.
    pub sessions: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct All {
    version: u64,
    hosts: BTreeMap<String, Met>,
}

impl Met {
    /// The key to be shown before the host has answered. Once may have been the network; twice, and it is left alone for a
    /// while. `now` = seconds since 1970.
    pub fn guess(&self, now: u64) -> Option<&str> {
        const MANY: u32 = 2;
        const WHILE: u64 = 30 * 24 * 3600;
        self.key.as_deref().filter(|_| self.broke < MANY || self.broke_at > now || now - self.broke_at > WHILE)
    }
}

impl Stored for All {
    const VERSION: u64 = 1;
}

/// What is remembered; nothing, where it can't be read.
pub fn recall(paths: &Paths, host: &str) -> Met {
    let read = || {
        let dir = SafeDir::open(paths.state_dir()).ok()??;
        Store::new(&dir, FILE).peek::<All>().ok()?.usable().0
    };
    read().and_then(|mut all| all.hosts.remove(host)).unwrap_or_default()
}

/// Changes what is remembered. Who can't write has nothing to be remembered by.
pub fn remember(paths: &Paths, host: &str, change: impl Fn(&mut Met)) {
    let before = recall(paths, host);
    let mut after = before.clone();
    change(&mut after);
    if after == before {
        return;
    }
    let Ok(dir) = SafeDir::open_or_create(paths.state_dir()) else { return };
    let saved = Store::new(&dir, FILE).update(|all: Option<All>, _| {
        let mut all = all.unwrap_or_default();
        all.version = All::VERSION;
        // (as it is now: others change it, too)
        let met = all.hosts.entry(host.to_string()).or_default();
        change(met);
        while met.sessions.len() > NAMES {
            met.sessions.pop_first();
        }
        while all.hosts.len() > HOSTS
            && let Some(other) = all.hosts.keys().find(|other| *other != host).cloned()
        {
            all.hosts.remove(&other);
        }
        Ok((all, ()))
    });
    if let Err(e) = saved {
        tracing::debug!(error = %e.what, "what a host did is not remembered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_and_what_is_not() {
        let top = tempfile::tempdir().unwrap();
        let paths = Paths::from_vars(|n| (n == "HOME").then(|| top.path().into()), None, None, "m", "b").unwrap();
        assert_eq!(recall(&paths, "nas"), Met::default(), "nothing there yet");
        remember(&paths, "nas", |_| {});
        assert!(!paths.state_dir().join(FILE).exists(), "nothing to remember");
        remember(&paths, "nas", |met| met.key = Some("SHA256:x".into()));
        remember(&paths, "other", |met| drop(met.sessions.insert("build".into(), "v7f559bx".into())));
        assert!(recall(&paths, "nas").key.is_some() && recall(&paths, "other").key.is_none());
        assert_eq!(recall(&paths, "other").sessions["build"], "v7f559bx");
        remember(&paths, "nas", |met| met.key = None);
        assert!(recall(&paths, "nas").key.is_none());
        for n in 0..NAMES + 5 {
            remember(&paths, "nas", |met| drop(met.sessions.insert(format!("{n:03}"), "x".into())));
        }
        let mut met = Met { key: Some("k".into()), broke: 1, broke_at: 1000, ..Met::default() };
        assert_eq!(met.guess(1000), Some("k"));
        met.broke = 2;
        assert_eq!((met.guess(2000), met.guess(3_000_000)), (None, Some("k")));
        assert_eq!(recall(&paths, "nas").sessions.len(), NAMES);
        // where it can't be read there is the copy before it, or no guess; never an error
        std::fs::write(paths.state_dir().join(FILE), "{ no").unwrap();
        assert_eq!(recall(&paths, "nas").sessions.len(), NAMES);
        std::fs::remove_file(paths.state_dir().join(format!("{FILE}.bak"))).unwrap();
        assert_eq!(recall(&paths, "nas"), Met::default());
        remember(&paths, "nas", |met| met.key = Some("SHA256:x".into()));
        assert!(recall(&paths, "nas").key.is_some());
    }
}
