//! Owns the nested shape of connections, as termiHub writes it since its version 2: folders hold `children`, nothing has
//! an id. Pure. Leaves out our own shape, which is flat.

use super::sound::too_many;
use super::{DEEPEST, MOST};
use serde_json::{Map, Value, json};

/// The same with `folders` and `connections` in two flat lists; ids are made up, and stay the same for the same file.
///
/// # Errors
/// A sentence: what is no folder and no connection, folders too deep.
pub fn flattened(json: Value) -> Result<Value, String> {
    let Value::Object(mut top) = json else { return Err("it is no object".into()) };
    let children = match top.remove("children") {
        Some(Value::Array(children)) => children,
        _ => return Err("its children are no list".into()),
    };
    let mut flat = Flat { folders: Vec::new(), connections: Vec::new() };
    flat.walk(children, None, 1)?;
    top.insert("folders".into(), Value::Array(flat.folders));
    top.insert("connections".into(), Value::Array(flat.connections));
    Ok(Value::Object(top))
}

struct Flat {
    folders: Vec<Value>,
    connections: Vec<Value>,
}

impl Flat {
    fn walk(&mut self, children: Vec<Value>, parent: Option<&str>, depth: usize) -> Result<(), String> {
        for child in children {
            if self.folders.len().max(self.connections.len()) > MOST {
                return Err(too_many());
            }
            let Value::Object(mut node) = child else { return Err("one of its children is no object".into()) };
            let kind = node.remove("type");
            match kind.as_ref().and_then(Value::as_str) {
                Some("folder") if depth > DEEPEST => {
                    return Err(format!("its folders lie more than {DEEPEST} deep"));
                }
                Some("folder") => {
                    let inner = match node.remove("children") {
                        None => Vec::new(),
                        Some(Value::Array(inner)) => inner,
                        Some(_) => return Err("a folder's children are no list".into()),
                    };
                    let id = format!("folder-{}", self.folders.len() + 1);
                    self.folders.push(placed(node, &id, "parentId", parent));
                    self.walk(inner, Some(&id), depth + 1)?;
                }
                Some("connection") => {
                    let id = format!("conn-{}", self.connections.len() + 1);
                    self.connections.push(placed(node, &id, "folderId", parent));
                }
                _ => return Err("one of its children is neither a folder nor a connection".into()),
            }
        }
        Ok(())
    }
}

fn placed(mut node: Map<String, Value>, id: &str, field: &str, parent: Option<&str>) -> Value {
    node.insert("id".into(), json!(id));
    node.insert(field.into(), json!(parent));
    Value::Object(node)
}
