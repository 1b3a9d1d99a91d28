//! Owns what a word means among connections and folders: an id, a path of names, a name, the beginning of one.
//! Pure. Leaves out who asks.

use super::{Connection, Folder, Listed};
use crate::text::escape;

/// What was meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found<'a> {
    Connection(&'a Connection),
    Folder(&'a Folder),
}

impl<'a> Found<'a> {
    pub fn id(&self) -> &'a str {
        match self {
            Found::Connection(c) => &c.id,
            Found::Folder(f) => &f.id,
        }
    }
    fn name(&self) -> &'a str {
        match self {
            Found::Connection(c) => &c.name,
            Found::Folder(f) => &f.name,
        }
    }
    fn parent(&self) -> Option<&'a str> {
        match self {
            Found::Connection(c) => c.folder_id.as_deref(),
            Found::Folder(f) => f.parent_id.as_deref(),
        }
    }
}

/// Why a word means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfound {
    Nothing,
    /// Any of these, by their paths, and their ids behind them; escaped.
    Several(Vec<String>),
}

impl Listed {
    /// The names from the top down, with `/` between: what a person writes to mean it and no other one.
    pub fn path(&self, of: Found) -> String {
        let mut names = vec![of.name()];
        let mut at = of.parent();
        // (a circle in what came from elsewhere ends as well)
        while let Some(folder) = at.and_then(|id| self.folders.iter().find(|f| f.id == id)).filter(|_| names.len() < 64)
        {
            names.push(&folder.name);
            at = folder.parent_id.as_deref();
        }
        names.reverse();
        names.join("/")
    }

    fn all(&self) -> impl Iterator<Item = Found<'_>> {
        self.connections.iter().map(Found::Connection).chain(self.folders.iter().map(Found::Folder))
    }

    /// What a word means: an id, a whole path, or a name.
    ///
    /// # Errors
    /// Nothing, or several: in that order of rules, the first that fits any.
    pub fn find(&self, word: &str) -> Result<Found<'_>, Unfound> {
        self.find_among(word, false, |_| true)
    }

    /// The same or the beginning of one name only: for what changes nothing.
    ///
    /// # Errors
    /// As [`Listed::find`]'s.
    pub fn find_loosely(&self, word: &str) -> Result<Found<'_>, Unfound> {
        self.find_among(word, true, |_| true)
    }

    /// A connection that is to be opened: the beginning of its name will do.
    ///
    /// # Errors
    /// As [`Listed::find`]'s.
    pub fn find_connection(&self, word: &str) -> Result<&Connection, Unfound> {
        match self.find_among(word, true, |f| matches!(f, Found::Connection(_)))? {
            Found::Connection(c) => Ok(c),
            Found::Folder(_) => Err(Unfound::Nothing),
        }
    }

    pub fn find_folder(&self, word: &str) -> Result<&Folder, Unfound> {
        match self.find_among(word.strip_suffix('/').unwrap_or(word), false, |f| matches!(f, Found::Folder(_)))? {
            Found::Folder(f) => Ok(f),
            Found::Connection(_) => Err(Unfound::Nothing),
        }
    }

    fn find_among(&self, word: &str, loosely: bool, wanted: impl Fn(&Found) -> bool) -> Result<Found<'_>, Unfound> {
        let word = word.strip_prefix('/').unwrap_or(word);
        if word.is_empty() {
            return Err(Unfound::Nothing);
        }
        let all: Vec<Found> = self.all().filter(|f| wanted(f)).collect();
        let rules: [&dyn Fn(&Found) -> bool; 4] =
            [&|f| f.id() == word, &|f| self.path(*f) == word, &|f| f.name() == word, &|f| f.name().starts_with(word)];
        for rule in rules.iter().take(if loosely { 4 } else { 3 }) {
            match all.iter().filter(|f| rule(f)).collect::<Vec<_>>().as_slice() {
                [] => {}
                [one] => return Ok(**one),
                many => {
                    let told = |f: &&Found| format!("{} ({})", escape(&self.path(**f)), escape(f.id()));
                    return Err(Unfound::Several(many.iter().map(told).collect()));
                }
            }
        }
        Err(Unfound::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_connections() {
        let folder = |id: &str, name: &str, parent: Option<&str>| Folder {
            id: id.into(),
            name: name.into(),
            parent_id: parent.map(str::to_string),
            ..Folder::default()
        };
        let connection = |id: &str, name: &str, folder: Option<&str>| Connection {
            id: id.into(),
            name: name.into(),
            folder_id: folder.map(str::to_string),
            ..Connection::default()
        };
        let all = Listed {
            folders: vec![folder("f1", "Lab", None), folder("f2", "Deep", Some("f1"))],
            connections: vec![
                connection("c1", "web", None),
                connection("c2", "web", Some("f2")),
                connection("c3", "db", Some("f1")),
                connection("c4", "Labor", None),
            ],
            told: None,
        };
        let id = |word: &str| all.find(word).map(|f| f.id().to_string());
        assert_eq!(id("c2"), Ok("c2".into()));
        assert_eq!(id("web"), Ok("c1".into()), "the whole path of the one at the top");
        assert_eq!(id("Lab/Deep/web"), Ok("c2".into()));
        assert_eq!(id("/Lab/db"), Ok("c3".into()));
        assert_eq!(id("Lab"), Ok("f1".into()));
        assert_eq!(id("Dee"), Err(Unfound::Nothing), "what is deleted is named");
        let id = |word: &str| all.find_loosely(word).map(|f| f.id().to_string());
        assert_eq!(id("Dee"), Ok("f2".into()));
        assert_eq!(id("La"), Err(Unfound::Several(vec!["Labor (c4)".into(), "Lab (f1)".into()])));
        // those whose paths are the same are told apart by their ids
        let mut all = all.clone();
        all.connections.push(connection("c5", "db", Some("f1")));
        let many = Err(Unfound::Several(vec!["Lab/db (c3)".into(), "Lab/db (c5)".into()]));
        assert_eq!(["Lab/db", "db"].map(|w| all.find(w).map(|f| f.id().to_string())), [many.clone(), many]);
        assert_eq!(id(""), Err(Unfound::Nothing));
        assert_eq!(id("nope"), Err(Unfound::Nothing));
        assert_eq!(all.find_connection("Lab").map(|c| c.id.as_str()), Ok("c4"), "a folder is not asked for");
        assert_eq!(all.find_folder("Lab/").map(|f| f.id.as_str()), Ok("f1"));
    }
}
