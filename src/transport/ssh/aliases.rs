//! Owns the list of hosts a person has named in ssh_config: [`hosts`], for the tree, and [`entries`], with what it says
//! of each, to take them over. Leaves out how a file is read (`config::own`).

use super::config::own::said::Said;
use super::config::own::words::{BLANK, arguments, bytes, latin, next_word};
use super::config::own::world::{Machine, Opened, World};
use super::config::own::{self, glob};
use super::config::{Me, me, parse_dest};
use crate::text::count;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Include in Include in Include: OpenSSH's own bound.
const INCLUDE_DEPTH: usize = 16;
const CONFIG_MOST: u64 = 4 << 20;
const HOSTS_MOST: usize = 10_000;
/// Files that include each other in a circle of many.
const FILES_MOST: usize = 10_000;

/// The concrete Host aliases of an ssh_config (the user's when `file` is left out), in its order, each once.
pub fn hosts(file: Option<&Path>) -> Vec<String> {
    let me = me();
    let ssh = me.home.join(".ssh");
    let first = file.map(Path::to_path_buf).unwrap_or_else(|| ssh.join("config"));
    let mut found = Found::default();
    collect(&first, &ssh, &me.home, 0, &mut found);
    found.list
}

/// A host of a file, for `entries`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub alias: String,
    pub said: Said,
}

/// The concrete hosts of an ssh_config that was handed over, with what it and what it includes say of each, and what is
/// wrong there, each a sentence with its line. `name` = what it is called in them. No command of it is run and no name
/// looked up: `Match exec` holds for nobody. Takes `within` at most: what is left then is said.
pub fn entries(name: &str, text: &[u8], within: Duration) -> (Vec<Entry>, Vec<String>) {
    let me = me();
    let ssh = me.home.join(".ssh");
    let mut found = Found::default();
    add(text, &ssh, &me.home, 0, &mut found);
    let until = Instant::now() + within;
    let text = latin(text);
    let file = HandedOver {
        machine: Machine::new(me, within),
        name: latin(name.as_bytes()),
        blocks: blocks(&text),
        whose: RefCell::new(None),
        ran: Cell::new(false),
    };
    let (mut all, mut wrong, mut told) = (Vec::new(), Vec::new(), HashSet::new());
    for (n, alias) in found.list.iter().enumerate() {
        let rest = || count(found.list.len() - n, "host");
        if Instant::now() > until {
            wrong.push(format!("{} at the end: reading it takes too long", rest()));
            break;
        }
        let Ok(dest) = parse_dest(alias) else { continue };
        // (the first one reads all of it, and hears what is wrong)
        file.whose.replace((n > 0).then(|| alias.clone()));
        match own::said::said(&dest, Path::new(name), &file) {
            Ok((said, more)) => {
                all.push(Entry { alias: alias.clone(), said });
                wrong.extend(more.into_iter().filter(|why| told.insert(why.clone())));
            }
            Err(failure) => {
                wrong.push(format!("{}; {} at the end: too much is wrong", failure.what, rest()));
                break;
            }
        }
    }
    if file.ran.get() {
        wrong.push("commands of `Match exec` are not run: what stands under them is left out".into());
    }
    (all, wrong)
}

/// This machine with a file that lies nowhere, and without anything that reaches out.
struct HandedOver<'a> {
    machine: Machine,
    name: String,
    blocks: Vec<Block<'a>>,
    /// Only what is said of this one, or may be: files with thousands of hosts are read for each of them.
    whose: RefCell<Option<String>>,
    ran: Cell<bool>,
}

/// Lines up to the next Host or Match.
struct Block<'a> {
    /// The names it is for, where they are plain; none = look at it.
    names: Option<Vec<&'a str>>,
    text: &'a str,
    lines: usize,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let plain = |w: &&str| !w.contains(['*', '?', '!', '"', '\'', '\\', '=', '#']);
    let mut all: Vec<Block> = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut names = None;
    let mut lines = 0;
    for line in text.split_inclusive('\n') {
        if own::opens(line, "host") || own::opens(line, "match") {
            all.push(Block { names: names.take(), text: text.get(start..at).unwrap_or_default(), lines });
            (start, lines) = (at, 0);
            let mut words = line.split(BLANK).filter(|w| !w.is_empty());
            let is_host = words.next().is_some_and(|w| w.eq_ignore_ascii_case("host"));
            let of: Vec<&str> = words.collect();
            names = Some(of).filter(|of| is_host && of.iter().all(plain));
        }
        at += line.len();
        lines += 1;
    }
    all.push(Block { names, text: text.get(start..).unwrap_or_default(), lines });
    all
}

impl World for HandedOver<'_> {
    fn read(&self, path: &str) -> std::io::Result<Opened> {
        if path != self.name {
            return self.machine.read(path);
        }
        let whose = self.whose.borrow();
        let is_of = |block: &Block| match (&*whose, &block.names) {
            (Some(alias), Some(names)) => names.iter().any(|n| n.eq_ignore_ascii_case(alias)),
            _ => true,
        };
        let mut text = String::new();
        for block in &self.blocks {
            match is_of(block) {
                true => text.push_str(block.text),
                // (the lines behind it keep their numbers)
                false => text.extend(std::iter::repeat_n('\n', block.lines)),
            }
        }
        let uid = self.machine.me().uid;
        Ok(Opened { text: bytes(&text), uid, gid: 0, mode: 0o600 })
    }
    fn run(&self, _: &str) -> Result<bool, String> {
        self.ran.set(true);
        Ok(false)
    }
    fn has_address(&self, _: &str, _: Option<u8>) -> bool {
        false
    }
    fn me(&self) -> &Me {
        self.machine.me()
    }
    fn machine(&self) -> String {
        self.machine.machine()
    }
    fn env(&self, name: &str) -> Option<String> {
        self.machine.env(name)
    }
    fn home_of(&self, user: &str) -> Option<String> {
        self.machine.home_of(user)
    }
    fn glob(&self, pattern: &str) -> Vec<String> {
        self.machine.glob(pattern)
    }
    fn is_private(&self, gid: u32, owner: u32) -> bool {
        self.machine.is_private(gid, owner)
    }
    fn service(&self, name: &str) -> Option<u16> {
        self.machine.service(name)
    }
    fn interface(&self, name: &str) -> Option<u32> {
        self.machine.interface(name)
    }
    fn addresses(&self) -> Vec<std::net::IpAddr> {
        self.machine.addresses()
    }
    fn exists(&self, path: &str) -> bool {
        self.machine.exists(path)
    }
}

#[derive(Default)]
struct Found {
    seen: HashSet<String>,
    list: Vec<String>,
    files: usize,
}

fn collect(file: &Path, ssh: &Path, home: &Path, depth: usize, found: &mut Found) {
    use std::io::Read;
    found.files += 1;
    if depth > INCLUDE_DEPTH || found.files > FILES_MOST || !file.is_file() {
        return;
    }
    let mut text = Vec::new();
    match std::fs::File::open(file).and_then(|f| f.take(CONFIG_MOST).read_to_end(&mut text)) {
        Ok(_) => {}
        Err(_) => return,
    }
    add(&text, ssh, home, depth, found);
}

fn add(text: &[u8], ssh: &Path, home: &Path, depth: usize, found: &mut Found) {
    for entry in words(&String::from_utf8_lossy(text)) {
        match entry {
            Word::Host(name) => {
                if found.list.len() < HOSTS_MOST && found.seen.insert(name.clone()) {
                    found.list.push(name);
                }
            }
            Word::Include(pattern) => {
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
enum Word {
    Host(String),
    Include(String),
}

/// The concrete names and the includes of one file's text.
fn words(text: &str) -> Vec<Word> {
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
                out.push(Word::Include(word));
            } else if !word.contains(['*', '?', '!']) && parse_dest(&word).is_ok_and(|d| d.host == word) {
                out.push(Word::Host(word));
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
