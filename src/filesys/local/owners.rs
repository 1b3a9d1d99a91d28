//! Owns what users and groups are called, as /etc/passwd and /etc/group say; who is kept elsewhere (LDAP) stays a number, for
//! a static build can't ask there. Leaves out who may do what.

use std::collections::HashMap;
use std::sync::OnceLock;

/// Bytes of such a file that are read.
const MOST: u64 = 4 << 20;

#[derive(Default)]
pub struct Owners {
    users: OnceLock<HashMap<u32, String>>,
    groups: OnceLock<HashMap<u32, String>>,
}

impl Owners {
    /// Empty = not known.
    pub fn user(&self, uid: u32) -> String {
        self.users.get_or_init(|| load("/etc/passwd")).get(&uid).cloned().unwrap_or_default()
    }
    pub fn group(&self, gid: u32) -> String {
        self.groups.get_or_init(|| load("/etc/group")).get(&gid).cloned().unwrap_or_default()
    }
}

fn load(path: &str) -> HashMap<u32, String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|f| f.take(MOST).read_to_end(&mut bytes));
    read.map(|_| parse(&String::from_utf8_lossy(&bytes))).unwrap_or_default()
}

/// `name:x:number:...`, the first of a number counts.
fn parse(text: &str) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), _, Some(Ok(number))) = (fields.next(), fields.next(), fields.next().map(str::parse)) {
            names.entry(number).or_insert_with(|| name.to_string());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_counts() {
        let names = parse("root:x:0:0:root:/root:/bin/sh\ntoor:x:0:\n# a comment\nme:x:1000\nbroken:x:abc\n");
        assert_eq!((names.len(), names[&0].as_str(), names[&1000].as_str()), (2, "root", "me"));
        assert_eq!(Owners::default().user(u32::MAX - 7), "");
    }
}
