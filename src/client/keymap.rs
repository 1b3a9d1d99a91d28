//! Owns which keys mean what. Commands: the table's defaults, a preset's, the user's on top. [`Deed`]s, whose keys are fixed:
//! the tree's and the file browser's. Leaves out doing it, and the tables.

use super::command::{self, Command};
use crate::config::Preset;
use crate::term::input::{Code, Key, Mods};
use crate::term::keys;
use std::collections::{BTreeMap, HashMap};

fn prefix_of(preset: Preset) -> &'static str {
    match preset {
        Preset::Tmux => "C-b",
        Preset::Screen => "C-a",
    }
}

/// What a preset has another than the table.
fn keys_of(preset: Preset) -> &'static [(&'static str, &'static str)] {
    match preset {
        Preset::Tmux => &[],
        Preset::Screen => &[
            ("a", "send-prefix"),
            ("Space", "next-tab"),
            ("BSpace", "previous-tab"),
            ("Tab", "next-pane"),
            ("S", "split-down"),
            ("|", "split-right"),
            ("X", "close-pane"),
            ("k", "close-pane"),
            ("A", "rename-tab"),
            ("\"", "pick-tab"),
            ("Escape", "scroll"),
        ],
    }
}

/// A key in our spelling: `a`, `C-a`, `M-Up`, `Enter`, `Escape`, `Space`, `PageUp`.
pub fn word(key: &Key) -> String {
    let mut out = String::new();
    for (mods, text) in [(Mods::CTRL, "C-"), (Mods::ALT, "M-"), (Mods::SHIFT, "S-"), (Mods::SUPER, "D-")] {
        // a character says itself whether shift was held
        let said = mods == Mods::SHIFT && matches!(key.code, Code::Char(c) if c != ' ' && !key.mods.has(Mods::CTRL));
        if key.mods.has(mods) && !said {
            out.push_str(text);
        }
    }
    match key.code {
        // (a plain terminal has a sign of its own for it)
        Code::BackTab if key.mods.has(Mods::SHIFT) => out.push_str("Tab"),
        Code::BackTab => out.push_str("S-Tab"),
        Code::Char(' ') => out.push_str("Space"),
        Code::Char(c) => out.push(c),
        Code::F(n) => out.push_str(&format!("F{n}")),
        Code::Other(n) => out.push_str(&format!("key{n}")),
        named => out.push_str(&format!("{named:?}")),
    }
    out
}

/// The character a key types into a text field.
pub fn typed(key: &Key) -> Option<char> {
    match key.code {
        Code::Char(c) if key.mods.without(Mods::SHIFT).is_empty() && !c.is_control() => Some(c),
        _ => None,
    }
}

/// A key as a person reads it in help and panels.
pub fn shown(key: &str) -> String {
    let (mods, name) = match key.rfind('-') {
        Some(at) if at + 1 < key.len() => key.split_at(at + 1),
        _ => ("", key),
    };
    let name = match name {
        "Left" => "←",
        "Right" => "→",
        "Up" => "↑",
        "Down" => "↓",
        "PageUp" => "PgUp",
        "PageDown" => "PgDn",
        "Escape" => "Esc",
        "Delete" => "Del",
        other => other,
    };
    mods.replace("C-", "^").replace("M-", "Alt-").replace("S-", "Shift-") + name
}

/// What the keys of a part of the screen do, in words: a row of its table.
pub struct Deed<A: 'static> {
    pub act: A,
    /// As [`word`] spells them. The first is the one that is shown where there is room for one.
    pub keys: &'static [&'static str],
    /// One line, for help.
    pub doc: &'static str,
    /// The same in a word, for the line at the foot; empty = not there.
    pub word: &'static str,
}

pub const fn deed<A>(act: A, keys: &'static [&'static str], word: &'static str, doc: &'static str) -> Deed<A> {
    Deed { act, keys, doc, word }
}

impl<A> Deed<A> {
    /// The key that is shown for it, as [`word`] spells it.
    pub fn key(&self) -> &'static str {
        self.keys.first().copied().unwrap_or_default()
    }

    /// All its keys, as a person reads them.
    pub fn shown(&self) -> String {
        self.keys.iter().map(|k| shown(k)).collect::<Vec<_>>().join(" ")
    }
}

/// What a key does, as [`word`] spells it.
pub fn act_of<A: Copy>(deeds: &[Deed<A>], key: &str) -> Option<A> {
    deeds.iter().find(|d| d.keys.contains(&key)).map(|d| d.act)
}

#[derive(Clone, Copy)]
pub enum Found {
    Command(&'static Command),
    /// The beginning of a longer sequence.
    More,
    Nothing,
}

pub struct Keymap {
    pub prefix: Key,
    prefix_word: String,
    after_prefix: HashMap<Vec<String>, &'static Command>,
    root: HashMap<Vec<String>, &'static Command>,
}

/// Where a key as shown comes among a command's own keys; others come after them.
fn place_of(shown_key: &str, command: &Command) -> usize {
    let is_it = |k: &&str| spell(k).is_ok_and(|k| shown(&k) == shown_key);
    command.keys.iter().position(is_it).unwrap_or(usize::MAX)
}

fn spell(text: &str) -> Result<String, String> {
    keys::parse_name(text).map(|k| word(&k))
}

impl Keymap {
    /// `user`: keys to names of commands; `root F12` without the prefix, an empty command takes a key away.
    /// What can't be understood is told and left out.
    pub fn new(preset: Preset, prefix: Option<&str>, user: &BTreeMap<String, String>) -> (Keymap, Vec<String>) {
        let mut wrong = Vec::new();
        let wanted = prefix.unwrap_or(prefix_of(preset));
        let prefix = keys::parse_name(wanted).or_else(|e| {
            wrong.push(format!("prefix: {e}"));
            keys::parse_name(prefix_of(preset))
        });
        let prefix = prefix.expect("a preset's prefix is a key");
        let mut map = Keymap { prefix_word: word(&prefix), prefix, after_prefix: HashMap::new(), root: HashMap::new() };
        for c in command::COMMANDS {
            for keys in c.keys {
                map.bind(keys, Some(c), &mut wrong);
            }
        }
        for (keys, name) in keys_of(preset) {
            map.bind(keys, command::by_name(name), &mut wrong);
        }
        for (keys, name) in user {
            let found = command::by_name(name);
            if found.is_none() && !name.is_empty() {
                let (keys, name) = (crate::text::short(keys, 40), crate::text::short(name, 40));
                wrong.push(format!("keys: '{keys}' is to run '{name}', which is no command (prefix ? lists them)"));
                continue;
            }
            map.bind(keys, found, &mut wrong);
        }
        (map, wrong)
    }

    fn bind(&mut self, keys: &str, to: Option<&'static Command>, wrong: &mut Vec<String>) {
        let mut words: Vec<&str> = keys.split(' ').filter(|w| !w.is_empty()).collect();
        let root = words.first() == Some(&"root");
        if root || words.first() == Some(&"prefix") {
            words.remove(0);
        }
        match words.iter().map(|w| spell(w)).collect::<Result<Vec<String>, String>>() {
            Ok(spelled) if !spelled.is_empty() => {
                let map = if root { &mut self.root } else { &mut self.after_prefix };
                match to {
                    Some(c) => map.insert(spelled, c),
                    None => map.remove(&spelled),
                };
            }
            Ok(_) => wrong.push("keys: an empty key".into()),
            Err(e) => wrong.push(format!("keys: {e}")),
        }
    }

    pub fn is_prefix(&self, key: &Key) -> bool {
        word(key) == self.prefix_word
    }
    pub fn prefix_word(&self) -> &str {
        &self.prefix_word
    }

    fn look(map: &HashMap<Vec<String>, &'static Command>, keys: &[String]) -> Found {
        if map.is_empty() {
            return Found::Nothing;
        }
        if let Some(c) = map.get(keys) {
            return Found::Command(c);
        }
        let more = map.keys().any(|k| k.len() > keys.len() && k.starts_with(keys));
        if more { Found::More } else { Found::Nothing }
    }
    pub fn after_prefix(&self, keys: &[String]) -> Found {
        Keymap::look(&self.after_prefix, keys)
    }
    pub fn root(&self, keys: &[String]) -> Found {
        Keymap::look(&self.root, keys)
    }

    /// What may follow `keys` after the prefix: key and doc, by command in the table's order.
    pub fn follow(&self, keys: &[String]) -> Vec<(String, &'static Command)> {
        let mut out: Vec<(String, &'static Command)> = self
            .after_prefix
            .iter()
            .filter(|(k, _)| k.len() > keys.len() && k.starts_with(keys))
            .map(|(k, c)| (k[keys.len()..].iter().map(|w| shown(w)).collect::<Vec<_>>().join(" "), *c))
            .collect();
        out.sort_by_cached_key(|(key, c)| (command::index_of(c), place_of(key, c), key.len(), key.clone()));
        out
    }

    /// The keys of a command, for help: `^b c`, and `F12` for one without the prefix.
    pub fn keys_of(&self, command: &Command) -> Vec<String> {
        let keys = |map: &HashMap<Vec<String>, &'static Command>| {
            let of_it = map.iter().filter(|(_, c)| c.name == command.name);
            let mut keys: Vec<String> =
                of_it.map(|(k, _)| k.iter().map(|w| shown(w)).collect::<Vec<_>>().join(" ")).collect();
            keys.sort_by_cached_key(|k| (place_of(k, command), k.len(), k.clone()));
            keys
        };
        let prefix = shown(&self.prefix_word);
        let mut all: Vec<String> = keys(&self.after_prefix).into_iter().map(|k| format!("{prefix} {k}")).collect();
        all.extend(keys(&self.root));
        // while looking back: after the key that leads there
        if !command.back.is_empty()
            && let Some(way) = command::by_name("scroll").and_then(|c| self.keys_of(c).into_iter().next())
        {
            all.extend(command.back.iter().map(|k| format!("{way} {}", shown(k))));
        }
        all
    }
}

/// Each key is there once and is none that moves, and each line fits into help.
#[cfg(test)]
pub fn a_key_does_one_thing<A>(deeds: &[Deed<A>], moves: &[&str]) {
    let mut seen = std::collections::HashSet::new();
    for deed in deeds {
        assert!(!deed.doc.is_empty() && deed.doc.len() < 60 && !deed.doc.ends_with('.'));
        for key in deed.keys {
            assert!(seen.insert(*key), "{key} twice");
            assert!(!moves.contains(key), "{key}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(map: &Keymap, keys: &str) -> Option<&'static str> {
        match map.after_prefix(&keys.split(' ').map(|k| spell(k).unwrap()).collect::<Vec<_>>()) {
            Found::Command(c) => Some(c.name),
            _ => None,
        }
    }

    #[test]
    fn the_users_keys_lie_on_top() {
        let user = [("c", "detach"), ("g x", "zoom"), ("root F12", "help"), ("z", ""), ("y", "no-such")]
            .map(|(a, b)| (a.to_string(), b.to_string()));
        let (map, wrong) = Keymap::new(Preset::Tmux, None, &user.into_iter().collect());
        assert_eq!(find(&map, "c"), Some("detach"));
        assert_eq!(find(&map, "g x"), Some("zoom"));
        assert_eq!(find(&map, "z"), None);
        assert!(matches!(map.root(&["F12".into()]), Found::Command(c) if c.name == "help"));
        assert_eq!(wrong.len(), 1, "{wrong:?}");
    }

    #[test]
    fn of_several_keys_the_tables_first_comes_first() {
        let user = [("V".to_string(), "pick-tab".to_string())].into_iter().collect();
        let (map, _) = Keymap::new(Preset::Tmux, None, &user);
        let first = |name: &str| map.follow(&[]).into_iter().find(|(_, c)| c.name == name).map(|(k, _)| k);
        assert_eq!(first("pick-tab").as_deref(), Some("w"));
        assert_eq!(first("split-right").as_deref(), Some("%"));
        assert_eq!(map.keys_of(command::by_name("pick-tab").unwrap()), ["^b w", "^b f", "^b V"]);
        assert_eq!(map.keys_of(command::by_name("tree").unwrap()), ["^b b", "^b e"]);
    }

    #[test]
    fn keys_while_looking_back_are_shown_with_their_way() {
        let (map, _) = Keymap::new(Preset::Tmux, None, &BTreeMap::new());
        assert_eq!(map.keys_of(command::by_name("find-back").unwrap()), ["^b /", "^b [ ?"]);
        assert_eq!(map.keys_of(command::by_name("next-match").unwrap()), ["^b [ n"]);
        let (screen, _) = Keymap::new(Preset::Screen, None, &BTreeMap::new());
        assert_eq!(screen.keys_of(command::by_name("next-match").unwrap()), ["^a [ n"]);
        let mut keys: Vec<&str> = command::COMMANDS.iter().flat_map(|c| c.back.iter().copied()).collect();
        assert!(keys.iter().all(|k| spell(k).as_deref() == Ok(*k)));
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all, "each once");
    }

    #[test]
    fn every_default_key_is_a_key_and_taken_once() {
        let (map, wrong) = Keymap::new(Preset::Tmux, None, &BTreeMap::new());
        assert!(wrong.is_empty(), "{wrong:?}");
        let all: usize = command::COMMANDS.iter().map(|c| c.keys.len()).sum();
        assert_eq!(all, map.after_prefix.len() + map.root.len());
        assert!(map.root.is_empty(), "no bare key is taken");
        let (screen, wrong) = Keymap::new(Preset::Screen, None, &BTreeMap::new());
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(screen.prefix_word(), "C-a");
        assert_eq!(find(&screen, "Tab"), Some("next-pane"));
    }
}
