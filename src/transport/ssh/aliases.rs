//! Owns the list of hosts a person has named in ssh_config: [`hosts`], for the tree. Leaves out what it says about them.

use super::config::own::glob;
use super::config::own::words::{BLANK, arguments, bytes, latin, next_word};
use super::config::{me, parse_dest};
use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Include in Include in Include: OpenSSH's own bound.
const INCLUDE_DEPTH: usize = 16;
const CONFIG_MOST: u64 = 4 << 20;
const HOSTS_MOST: usize = 10_000;

/// The concrete Host aliases of an ssh_config (the user's when `file` is left out), in its order, each once.
pub fn hosts(file: Option<&Path>) -> Vec<String> {
    let me = me();
    let ssh = me.home.join(".ssh");
    let first = file.map(Path::to_path_buf).unwrap_or_else(|| ssh.join("config"));
    let mut found = Found { seen: HashSet::new(), list: Vec::new() };
    collect(&first, &ssh, &me.home, 0, &mut found);
    found.list
}

struct Found {
    seen: HashSet<String>,
    list: Vec<String>,
}

fn collect(file: &Path, ssh: &Path, home: &Path, depth: usize, found: &mut Found) {
    use std::io::Read;
    if depth > INCLUDE_DEPTH || !file.is_file() {
        return;
    }
    let mut text = Vec::new();
    match std::fs::File::open(file).and_then(|f| f.take(CONFIG_MOST).read_to_end(&mut text)) {
        Ok(_) => {}
        Err(_) => return,
    }
    for entry in entries(&String::from_utf8_lossy(&text)) {
        match entry {
            Entry::Host(name) => {
                if found.list.len() < HOSTS_MOST && found.seen.insert(name.clone()) {
                    found.list.push(name);
                }
            }
            Entry::Include(pattern) => {
                let pattern = match pattern.strip_prefix("~/") {
                    Some(rest) => home.join(rest),
                    None => ssh.join(&pattern),
                };
                for file in files(&pattern) {
                    collect(&file, ssh, home, depth + 1, found);
                }
            }
        }
    }
}

#[derive(PartialEq, Eq, Debug)]
enum Entry {
    Host(String),
    Include(String),
}

/// The concrete names and the includes of one file's text.
fn entries(text: &str) -> Vec<Entry> {
    let mut out = Vec::new();
    for line in text.lines() {
        let mut rest = Some(line.trim_start_matches(BLANK));
        let key = next_word(&mut rest).unwrap_or_default();
        let host = key.eq_ignore_ascii_case("host");
        if !host && !key.eq_ignore_ascii_case("include") {
            continue;
        }
        for word in arguments(rest.unwrap_or_default().trim_end_matches(BLANK)).unwrap_or_default() {
            if !host {
                out.push(Entry::Include(word));
            } else if !word.contains(['*', '?', '!']) && parse_dest(&word).is_ok_and(|d| d.host == word) {
                out.push(Entry::Host(word));
            }
        }
    }
    out
}

/// The files that a pattern names.
fn files(pattern: &Path) -> Vec<PathBuf> {
    let found = glob::files(&latin(pattern.as_os_str().as_bytes()));
    let paths = found.iter().map(|path| PathBuf::from(OsString::from_vec(bytes(path))));
    paths.filter(|p| p.is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_concrete_hosts() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n);
        std::fs::create_dir(at("d")).unwrap();
        std::fs::write(
            at("config"),
            format!(
                "Host web db # note\n  User x\nHost *.lan !no te?t -x\nhost=\"quoted one\" eq\n\tHOST\ttab\n\
                 Include {0}/d/*.conf {0}/none\nMatch host foo\n  User y\nHost web last\n",
                dir.path().display()
            ),
        )
        .unwrap();
        std::fs::write(at("d/b.conf"), "Host second\n").unwrap();
        std::fs::write(at("d/a.conf"), format!("Host first\nInclude {}/config\n", dir.path().display())).unwrap();
        std::fs::write(at("d/.c.conf"), "Host hidden\n").unwrap();
        assert_eq!(hosts(Some(&at("config"))), ["web", "db", "eq", "tab", "first", "last", "second"]);
        assert_eq!(hosts(Some(&at("missing"))), [] as [String; 0]);
    }
}
