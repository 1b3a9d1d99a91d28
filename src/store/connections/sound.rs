//! Owns what can be gone on with of a book that was written elsewhere: as many as are kept, ids that are ids, folders that are
//! there, no secrets. Pure. Leaves out the file and its shapes.

use super::{Book, DEEPEST, MOST};
use crate::proto::control::connections::Connection;
use crate::proto::ids::{SessionId, hex};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::marker::PhantomData;

/// Fields whose name holds one of these would hold a secret: never kept, whoever wrote them, however it is spelled.
pub(super) const SECRETS: [&str; 4] = ["password", "passphrase", "passwd", "secret"];
/// Why a file is no book of ours that holds more than one can.
pub(super) fn too_many() -> String {
    format!("it holds more than {MOST} folders or connections")
}

/// A list that is kept: one too long is no book of ours, rather than one that is cut with the next change.
pub(super) fn few<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    struct Few<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Few<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(item) = items.next_element()? {
                if all.len() == MOST {
                    return Err(serde::de::Error::custom(too_many()));
                }
                all.push(item);
            }
            Ok(all)
        }
    }
    from.deserialize_seq(Few(PhantomData))
}

/// Ids in the place of those that can't be used: the same each time the same file is read.
#[derive(Default)]
struct Instead {
    /// How many there were for the same words: thousands without an id may have one name.
    had: HashMap<(char, [u8; 32]), u64>,
}

impl Instead {
    fn id(&mut self, letter: char, was: &str, name: &str, seen: &HashSet<String>) -> String {
        let mut words = Sha256::new();
        for part in [was.as_bytes(), name.as_bytes()] {
            words.update((part.len() as u64).to_le_bytes());
            words.update(part);
        }
        let had = self.had.entry((letter, words.clone().finalize().into())).or_default();
        loop {
            let sha = words.clone().chain_update(had.to_le_bytes()).finalize();
            *had += 1;
            let id = format!("{letter}-{}", hex(sha.get(..8).unwrap_or_default()));
            if !seen.contains(&id) {
                return id;
            }
        }
    }
}

pub(super) fn usable(id: &str) -> bool {
    id.parse::<SessionId>().is_ok()
}

impl Book {
    /// What can be gone on with of what a file held: ids that are there once and can be part of a file name, parents that
    /// are there and lead to the top, no secrets.
    pub fn sound(self) -> Book {
        self.settled().0
    }

    /// The same, and how many secrets were in it.
    pub(super) fn settled(mut self) -> (Book, usize) {
        let (mut secrets, mut instead) = (0, Instead::default());
        self.more.remove("version");
        self.folders.truncate(MOST);
        self.connections.truncate(MOST);
        let mut seen = HashSet::new();
        let mut renamed: HashMap<String, String> = HashMap::new();
        for folder in &mut self.folders {
            if !usable(&folder.id) || seen.contains(&folder.id) {
                let id = instead.id('f', &folder.id, &folder.name, &seen);
                // (of two with one id the first one keeps what is in it)
                if !seen.contains(&folder.id) {
                    renamed.insert(std::mem::replace(&mut folder.id, id.clone()), id);
                } else {
                    folder.id = id;
                }
            }
            seen.insert(folder.id.clone());
        }
        let there: HashSet<String> = self.folders.iter().map(|f| f.id.clone()).collect();
        let place = |wanted: Option<String>| {
            wanted.map(|id| renamed.get(&id).cloned().unwrap_or(id)).filter(|id| there.contains(id))
        };
        for folder in &mut self.folders {
            folder.parent_id = place(folder.parent_id.take());
        }
        for connection in &mut self.connections {
            connection.folder_id = place(connection.folder_id.take());
            if !usable(&connection.id) || !seen.insert(connection.id.clone()) {
                connection.id = instead.id('c', &connection.id, &connection.name, &seen);
                seen.insert(connection.id.clone());
            }
            secrets += cleaned(connection);
        }
        // a circle is cut where it is met; what lies too deep comes up
        let parents: HashMap<String, Option<String>> =
            self.folders.iter().map(|f| (f.id.clone(), f.parent_id.clone())).collect();
        let mut cut = HashSet::new();
        for folder in &mut self.folders {
            let mut at = folder.parent_id.clone();
            let mut depth = 0;
            while let Some(id) = at.filter(|id| !cut.contains(id)) {
                depth += 1;
                if depth >= DEEPEST || id == folder.id {
                    cut.insert(folder.id.clone());
                    folder.parent_id = None;
                    break;
                }
                at = parents.get(&id).cloned().flatten();
            }
        }
        (self, secrets)
    }
}

/// Without secrets, and with fields by their own names. Says how many secrets there were.
pub(in crate::store) fn cleaned(connection: &mut Connection) -> usize {
    // (those of a serial line are the seed's words, and stay as they were written)
    if connection.config.kind != "serial" {
        connection.config.by_own_names();
    }
    let config = &mut connection.config.config;
    [config, &mut connection.terminal_options.more, &mut connection.more].into_iter().map(|map| scrub(map, 0)).sum()
}

/// Takes out what is a secret by its name: a text, for a switch like `savePassword` is none. A placeholder says where one
/// comes from, and `env` is a program's own.
fn scrub(map: &mut Map<String, Value>, depth: usize) -> usize {
    let is_secret = |field: &str, value: &Value| {
        let name = field.to_ascii_lowercase().replace(['_', '-'], "");
        let text = value.as_str().is_some_and(|v| !v.starts_with("${env:"));
        text && SECRETS.iter().any(|s| name.contains(s))
    };
    let before = map.len();
    map.retain(|field, value| !is_secret(field, value));
    let mut gone = before - map.len();
    if depth < 64 {
        for (_, value) in map.iter_mut().filter(|(field, _)| *field != "env") {
            gone += scrub_in(value, depth);
        }
    }
    gone
}

fn scrub_in(value: &mut Value, depth: usize) -> usize {
    match value {
        Value::Object(map) => scrub(map, depth + 1),
        Value::Array(all) if depth < 64 => all.iter_mut().map(|v| scrub_in(v, depth + 1)).sum(),
        _ => 0,
    }
}
