//! Owns a book as the tree needs it: what lies where, what has which id, and the words of each connection, read once when
//! the book comes. Leaves out who keeps it, and its rows.

use super::book::placed;
use crate::proto::control::connections::{Connection, ConnectionsMove, Folder, Kind, Listed};
use crate::text::short;
use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;

/// Folders on a path: a book that came from elsewhere may have a circle.
const DEEPEST: usize = 64;

/// What a connection says of itself beside its name; escaped.
#[derive(Default)]
pub struct Words {
    pub leads_to: String,
    /// `#eu #lab`
    pub tags: String,
    /// It leads away from its machine: there may be no connection.
    pub away: bool,
    /// Of a kind that nothing here opens.
    pub other: bool,
}

/// What lies in a folder, or at the top: places in the book.
#[derive(Default)]
struct Inside {
    folders: Vec<usize>,
    connections: Vec<usize>,
}

/// A machine's folders and connections.
pub struct Shelf {
    book: Arc<Listed>,
    folders: HashMap<String, usize>,
    connections: HashMap<String, usize>,
    top: Inside,
    inside: HashMap<String, Inside>,
    words: Vec<Words>,
}

impl Deref for Shelf {
    type Target = Listed;
    fn deref(&self) -> &Listed {
        &self.book
    }
}

impl Shelf {
    /// Each id is taken once: so every folder lies in one place, and a walk from the top ends.
    pub fn new(book: Arc<Listed>) -> Shelf {
        let mut shelf = Shelf {
            words: book.connections.iter().map(words).collect(),
            book: book.clone(),
            folders: HashMap::new(),
            connections: HashMap::new(),
            top: Inside::default(),
            inside: HashMap::new(),
        };
        for (n, folder) in book.folders.iter().enumerate() {
            shelf.folders.entry(folder.id.clone()).or_insert(n);
        }
        for (n, connection) in book.connections.iter().enumerate() {
            shelf.connections.entry(connection.id.clone()).or_insert(n);
        }
        for (n, folder) in book.folders.iter().enumerate().filter(|(n, f)| shelf.folders.get(&f.id) == Some(n)) {
            place(&mut shelf.top, &mut shelf.inside, &shelf.folders, &folder.parent_id).folders.push(n);
        }
        let once = |(n, c): &(usize, &Connection)| shelf.connections.get(&c.id) == Some(n);
        for (n, connection) in book.connections.iter().enumerate().filter(once) {
            place(&mut shelf.top, &mut shelf.inside, &shelf.folders, &connection.folder_id).connections.push(n);
        }
        shelf
    }

    pub fn folder(&self, id: &str) -> Option<&Folder> {
        self.book.folders.get(*self.folders.get(id)?)
    }
    pub fn connection(&self, id: &str) -> Option<&Connection> {
        self.book.connections.get(*self.connections.get(id)?)
    }
    pub fn words(&self, id: &str) -> Option<&Words> {
        self.words.get(*self.connections.get(id)?)
    }

    fn inside(&self, parent: Option<&str>) -> Option<&Inside> {
        match parent {
            None => Some(&self.top),
            Some(id) => self.inside.get(id),
        }
    }
    /// How many folders and connections lie right in it.
    pub fn count(&self, parent: Option<&str>) -> (usize, usize) {
        self.inside(parent).map_or((0, 0), |i| (i.folders.len(), i.connections.len()))
    }
    /// The folders right in it, as they are kept or by name.
    pub fn folders_in(&self, parent: Option<&str>, by_name: bool) -> Vec<&Folder> {
        let all = self.inside(parent).map_or(&[][..], |i| &i.folders);
        let mut all: Vec<&Folder> = all.iter().filter_map(|n| self.book.folders.get(*n)).collect();
        if by_name {
            all.sort_by_cached_key(|f| f.name.to_lowercase());
        }
        all
    }
    pub fn connections_in(&self, parent: Option<&str>, by_name: bool) -> Vec<(&Connection, &Words)> {
        let all = self.inside(parent).map_or(&[][..], |i| &i.connections);
        let at = |n: &usize| Some((self.book.connections.get(*n)?, self.words.get(*n)?));
        let mut all: Vec<(&Connection, &Words)> = all.iter().filter_map(at).collect();
        if by_name {
            all.sort_by_cached_key(|(c, _)| c.name.to_lowercase());
        }
        all
    }

    /// Those folders and all that lie in them.
    pub fn within<'a>(&'a self, folders: impl IntoIterator<Item = &'a str>) -> HashSet<&'a str> {
        let mut found = HashSet::new();
        let mut todo: Vec<&str> = folders.into_iter().collect();
        while let Some(id) = todo.pop() {
            if found.insert(id) {
                let inner = self.inside.get(id).map_or(&[][..], |i| &i.folders);
                todo.extend(inner.iter().filter_map(|n| self.book.folders.get(*n)).map(|f| f.id.as_str()));
            }
        }
        found
    }

    /// Whether this folder, or one that it lies in, is one of those.
    pub fn lies_in(&self, folder: Option<&str>, those: &HashSet<String>) -> bool {
        let above = |f: &&str| self.folder(f).and_then(|f| f.parent_id.as_deref());
        std::iter::successors(folder, above).take(DEEPEST).any(|f| those.contains(f))
    }

    /// The folder's names from the top down, with `/` between.
    pub fn path(&self, folder: &Folder) -> String {
        let mut names = vec![folder.name.as_str()];
        let mut at = folder.parent_id.as_deref();
        while let Some(above) = at.and_then(|id| self.folder(id)).filter(|_| names.len() < DEEPEST) {
            names.push(&above.name);
            at = above.parent_id.as_deref();
        }
        names.reverse();
        names.join("/")
    }

    /// Shows or hides what is in a folder; whether it is shown now. None = there is no such folder.
    pub fn fold(&mut self, id: &str) -> Option<bool> {
        let at = *self.folders.get(id)?;
        let folder = Arc::make_mut(&mut self.book).folders.get_mut(at)?;
        folder.is_expanded = !folder.is_expanded;
        Some(folder.is_expanded)
    }

    /// Folders that were there before are folded as they were.
    pub fn fold_as(&mut self, before: &Shelf) {
        let others = |f: &Folder| before.folder(&f.id).is_some_and(|old| old.is_expanded != f.is_expanded);
        if self.book.folders.iter().any(others) {
            for folder in Arc::make_mut(&mut self.book).folders.iter_mut().filter(|f| others(f)) {
                folder.is_expanded = !folder.is_expanded;
            }
        }
    }

    /// As the host will have it once it has made this change.
    pub fn moved(&self, to: &ConnectionsMove) -> Option<Shelf> {
        placed(&self.book, to).map(|book| Shelf::new(Arc::new(book)))
    }
}

fn place<'a>(
    top: &'a mut Inside,
    inside: &'a mut HashMap<String, Inside>,
    known: &HashMap<String, usize>,
    parent: &Option<String>,
) -> &'a mut Inside {
    match parent.as_ref().filter(|id| known.contains_key(*id)) {
        None => top,
        Some(id) => inside.entry(id.clone()).or_default(),
    }
}

fn words(connection: &Connection) -> Words {
    let kind = connection.config.kind();
    Words {
        leads_to: connection.leads_to(),
        tags: connection.tags.iter().map(|t| format!("#{}", short(t, 40))).collect::<Vec<_>>().join(" "),
        // (ports and containers are the machine's own)
        away: !matches!(kind, Ok(Kind::Local(_) | Kind::Serial(_) | Kind::Docker(_))),
        other: matches!(kind, Ok(Kind::Other(_))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_lies_where() {
        let folder =
            |id: &str, parent: Option<&str>| json!({ "id": id, "name": id.to_uppercase(), "parentId": parent });
        let connection = |id: &str, folder: Option<&str>| json!({ "id": id, "name": id, "folderId": folder });
        let book: Listed = serde_json::from_value(json!({
            "folders": [folder("b", None), folder("a", Some("b")), folder("c", Some("a")), folder("a", None),
                folder("x", Some("y")), folder("y", Some("x"))],
            "connections": [connection("1", Some("a")), connection("2", Some("nowhere")), connection("1", None)] }))
        .unwrap();
        let mut shelf = Shelf::new(Arc::new(book));
        let names = |all: Vec<&Folder>| all.into_iter().map(|f| f.id.clone()).collect::<Vec<_>>();
        assert_eq!(names(shelf.folders_in(None, false)), ["b"], "of two with one id the first; no circle");
        assert_eq!(shelf.count(Some("a")), (1, 1));
        assert_eq!(shelf.connections_in(None, true).iter().map(|c| c.0.id.as_str()).collect::<Vec<_>>(), ["2"]);
        assert_eq!(shelf.path(shelf.folder("c").unwrap()), "B/A/C");
        assert_eq!(shelf.path(shelf.folder("x").unwrap()).len(), 127, "it ends");
        let mut within: Vec<&str> = shelf.within(["a", "x"]).into_iter().collect();
        within.sort_unstable();
        assert_eq!(within, ["a", "c", "x", "y"]);
        assert_eq!((shelf.fold("a"), shelf.fold("a"), shelf.fold("nowhere")), (Some(false), Some(true), None));
    }
}
