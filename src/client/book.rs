//! Owns changes to a host's prepared connections as values, and the call each of them is. Leaves out who asks for one.

use crate::client::host::add_connections;
use crate::link::Link;
use crate::proto::control::Fault;
use crate::proto::control::connections::*;
use crate::proto::ids::StreamId;
use crate::store::connections::Book;
use serde_json::{Map, Value};

#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    Create(Box<Connection>),
    Update { id: String, patch: Map<String, Value> },
    Delete(Vec<String>),
    Move(ConnectionsMove),
    CreateFolder(Folder),
    UpdateFolder(FoldersUpdate),
    DeleteFolder { id: String, with_content: bool },
    Add(Box<Many>),
}

/// What an import brings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Many {
    pub folders: Vec<Folder>,
    pub connections: Vec<Connection>,
}

impl Change {
    /// Makes it there; answers the id of what is new, else nothing. What may be long goes on `stream`.
    pub async fn make(self, link: &Link, stream: StreamId) -> Result<String, Fault> {
        let done = |_| String::new();
        match self {
            Change::Create(connection) => link.call(&ConnectionsCreate { connection: *connection }).await.map(|m| m.id),
            Change::Update { id, patch } => link.call(&ConnectionsUpdate { id, patch }).await.map(done),
            Change::Delete(ids) => link.call(&ConnectionsDelete { id: String::new(), ids }).await.map(done),
            Change::Move(to) => link.call(&to).await.map(done),
            Change::CreateFolder(folder) => link.call(&FoldersCreate { folder }).await.map(|m| m.id),
            Change::UpdateFolder(update) => link.call(&update).await.map(done),
            Change::Add(many) => {
                let Many { folders, connections } = *many;
                add_connections(link, stream, folders, connections).await.map(|()| String::new())
            }
            Change::DeleteFolder { id, with_content } => link.call(&FoldersDelete { id, with_content }).await.map(done),
        }
    }
}

/// The book as a move will leave it where it is kept; none = it will be refused there.
pub fn placed(book: &Listed, to: &ConnectionsMove) -> Option<Listed> {
    let Listed { folders, connections, told } = book.clone();
    let mut book = Book { folders, connections, ..Book::empty() };
    book.put(&to.ids, to.folder.as_deref(), to.before.as_deref()).ok()?;
    Some(Listed { folders: book.folders, connections: book.connections, told })
}

/// What has to be said to make `new` of `old`: a merge patch (RFC 7396) that names nothing else. Of an object that goes its
/// fields are named: others may have come to it meanwhile.
pub fn patch(old: &Value, new: &Value) -> Map<String, Value> {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return Map::new() };
    let mut patch = Map::new();
    for (key, before) in old.iter().filter(|(k, _)| !new.contains_key(*k)) {
        let gone = match before {
            Value::Object(_) => Value::Object(self::patch(before, &Value::Object(Map::new()))),
            _ => Value::Null,
        };
        patch.insert(key.clone(), gone);
    }
    for (key, value) in new {
        match old.get(key) {
            Some(same) if same == value => {}
            Some(before @ Value::Object(_)) if value.is_object() => {
                patch.insert(key.clone(), Value::Object(self::patch(before, value)));
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_says_what_is_another_and_no_more() {
        let old =
            json!({ "name": "a", "tags": ["x"], "config": { "type": "ssh", "config": { "host": "h", "port": 22 } } });
        let new = json!({ "name": "b", "config": { "type": "ssh", "config": { "host": "h", "user": "u" } } });
        let wanted = json!({ "name": "b", "tags": null, "config": { "config": { "port": null, "user": "u" } } });
        assert_eq!(Value::Object(patch(&old, &new)), wanted);
        assert!(patch(&old, &old).is_empty());
        // whoever adds one field while the last other one goes loses nothing
        let with = json!({ "id": "c", "terminalOptions": { "color": "red" }, "config": { "env": { "A": "1" } } });
        let without = json!({ "id": "c", "config": {} });
        let wanted = json!({ "terminalOptions": { "color": null }, "config": { "env": { "A": null } } });
        assert_eq!(Value::Object(patch(&with, &without)), wanted);
        let wanted = json!({ "terminalOptions": { "color": "red" }, "config": { "env": { "A": "1" } } });
        assert_eq!(Value::Object(patch(&without, &with)), wanted);
    }
}
