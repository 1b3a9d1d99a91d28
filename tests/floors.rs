//! Owns the architecture as a table: who may import whom, and who may name which crate, print, or write `unsafe`.
//! Reads the sources with std alone. Tests are left out (`#[cfg(test)]`, files named `tests.rs`, folders named `tests`):
//! they may reach anywhere.
//!
//! A new arrow is one changed line in [`ARROWS`]: that is where a reader sees the design move.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Room, floor, and what of the crate it may import. An arrow goes down; within the words and within the ports only
/// to rooms named earlier in this list, so there is no circle; the roles are strangers to each other.
const ARROWS: &[(&str, u8, &[&str])] = &[
    // 0 words: pure: no I/O, no async, no clock
    ("text", 0, &[]),
    ("secret", 0, &[]),
    ("failure", 0, &["text"]),
    ("proto", 0, &["text"]),
    ("term", 0, &["proto", "text"]),
    ("theme", 0, &["failure", "text"]),
    ("paths", 0, &["failure", "proto"]),
    // 1 ports: each touches one outside thing
    ("sys", 1, &["failure", "paths", "proto"]),
    ("safedir", 1, &["failure", "proto", "sys", "text"]),
    ("log", 1, &["paths", "safedir"]),
    ("config", 1, &["failure", "paths", "text", "theme"]),
    ("store", 1, &["failure", "paths", "proto", "safedir", "sys", "text"]),
    ("link", 1, &["proto", "text"]),
    ("transport", 1, &["failure", "link", "paths", "proto", "safedir", "secret", "store", "sys", "text"]),
    ("backend", 1, &["link", "proto", "sys", "text", "transport"]),
    ("filesys", 1, &["backend", "failure", "link", "proto", "sys", "text", "transport"]),
    // 2 roles: strangers
    ("session", 2, &["backend", "failure", "link", "log", "paths", "proto", "store", "sys", "term", "text"]),
    ("target", 2, &["failure", "link", "log", "paths", "proto", "secret", "store", "sys", "text", "transport"]),
    (
        "agent",
        2,
        &[
            "backend",
            "failure",
            "filesys",
            "link",
            "log",
            "paths",
            "proto",
            "safedir",
            "store",
            "sys",
            "term",
            "text",
            "transport",
        ],
    ),
    (
        "client",
        2,
        &[
            "config",
            "failure",
            "filesys",
            "link",
            "log",
            "paths",
            "proto",
            "secret",
            "store",
            "sys",
            "term",
            "text",
            "theme",
            "transport",
        ],
    ),
    // 3 roof: everything under it
    (
        "cli",
        3,
        &[
            "agent",
            "backend",
            "client",
            "config",
            "failure",
            "filesys",
            "link",
            "log",
            "paths",
            "proto",
            "safedir",
            "secret",
            "session",
            "store",
            "sys",
            "term",
            "text",
            "theme",
            "transport",
        ],
    ),
    (
        "main",
        3,
        &[
            "agent",
            "cli",
            "client",
            "config",
            "failure",
            "link",
            "log",
            "paths",
            "proto",
            "session",
            "store",
            "sys",
            "target",
            "text",
            "transport",
        ],
    ),
    ("lib", 3, &[]),
];

/// A word in the code, the files that may have it (a folder ends with '/'), and what it would break elsewhere.
const WORDS: &[(&str, &[&str], &str)] = &[
    ("russh", &["src/transport/ssh/"], "SSH is one folder's matter"),
    ("russh_sftp", &[], "SFTP is our own: names are bytes, and no count of a server's is believed"),
    ("vt100", &[], "the engine is our own; that crate is what tests and benches hold it against"),
    ("vte", &["src/term/engine/"], "nothing outside the engine may know that crate"),
    ("unicode_segmentation", &["src/term/engine/"], "what a grapheme cluster is, is the engine's matter"),
    ("foldhash", &["src/term/engine/"], "a hash for the engine's own tables, not for keys from outside it"),
    ("portable_pty", &["src/backend/pty.rs"], "a pseudo terminal is one file's matter"),
    ("serialport", &["src/backend/serial.rs", "src/backend/serial/"], "serial ports are one module's matter"),
    ("bollard", &["src/backend/docker.rs", "src/backend/docker/"], "a container engine is one module's matter"),
    ("sysinfo", &["src/agent/monitor.rs", "src/agent/monitor/"], "the gauges are one module's matter"),
    ("crossterm", &[], "keys are read by term/input, frames made by client/view/out"),
    ("clap", &["src/cli.rs", "src/cli/", "src/main.rs"], "the command line is the roof's matter"),
    ("tokio", PORTS_AND_UP, "words are pure: no async"),
    // stdout belongs to the verbs and, while the TUI runs, to the one allow-list writer
    ("println!", &["src/cli/", "src/main.rs"], "only the verbs print"),
    ("print!", &["src/cli/", "src/main.rs"], "only the verbs print"),
    ("eprintln!", &["src/cli/", "src/main.rs"], "only the verbs print"),
    ("eprint!", &["src/cli/", "src/main.rs"], "only the verbs print"),
    ("dbg!", &[], "no traces"),
    (
        "stdout()",
        &[
            "src/cli/",
            "src/main.rs",
            "src/sys/stream.rs",  // an agent's link
            "src/session/mod.rs", // the answer to who started it
            "src/target/mod.rs",
            "src/client/terminal.rs",
        ],
        "only the verbs and the terminal's owner write to stdout",
    ),
    (
        "unsafe",
        &[
            "src/sys/who.rs",
            "src/sys/process.rs",
            "src/sys/quiet.rs",
            "src/sys/time.rs", // the user's zone
            "src/sys/stream.rs",
            "src/sys/tcp.rs", // TCP_INFO
            "src/sys/idle.rs",
            "src/sys/wipe.rs",    // an allocator
            "src/session/mod.rs", // the call of fork
            "src/target/mod.rs",
            "src/backend/pty.rs",         // the master's descriptor
            "src/backend/serial/port.rs", // a descriptor becomes the crate's port
            "src/client/terminal.rs",     // signal dispositions and the saved terminal, which a panic hook must reach
        ],
        "what needs it belongs to sys",
    ),
];
const PORTS_AND_UP: &[&str] = &[
    "src/sys.rs",
    "src/sys/",
    "src/safedir.rs",
    "src/store/",
    "src/link/",
    "src/transport/",
    "src/transport.rs",
    "src/backend/",
    "src/filesys/",
    "src/session/",
    "src/target/",
    "src/agent/",
    "src/client/",
    "src/cli.rs",
    "src/cli/",
    "src/main.rs",
];

/// What a word (floor 0) may not do, and the files that still do it.
const IMPURE: &[(&str, &[&str])] = &[
    ("std::fs", &["src/theme.rs"]), // finds and reads the user's themes
    ("std::env", &["src/theme.rs"]),
    ("std::net", &[]),
    ("std::process", &[]),
    ("Instant::now", &[]),
    ("SystemTime::now", &[]),
    ("rustix::", &["src/proto/ids.rs"]), // random bytes for new ids
    ("libc::", &[]),
];

/// Rooms that read what a peer sends: no `unwrap`, no indexing, and so many `expect` as here (each a promise of ours).
const CAREFUL: &[(&str, usize)] = &[("proto", 1), ("link", 1), ("transport", 1), ("target", 0), ("filesys", 0)];
/// What such a room's `mod.rs` says.
const DENY: &str = "#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]";

#[test]
fn the_table_goes_down() {
    let place = |room: &str| ARROWS.iter().position(|(r, ..)| *r == room);
    let mut wrong = Vec::new();
    for (i, (room, floor, to)) in ARROWS.iter().enumerate() {
        for t in *to {
            let Some(j) = place(t) else {
                wrong.push(format!("{room} may import {t}, which is no room of the table"));
                continue;
            };
            let other = ARROWS[j].1;
            let down = other < *floor || (other == *floor && j < i && *floor != 2);
            if !down {
                wrong.push(format!("{room} (floor {floor}) -> {t} (floor {other}) does not go down"));
            }
        }
    }
    none(wrong);
}

#[test]
fn imports_keep_to_the_table() {
    let rooms: Vec<&str> = ARROWS.iter().map(|(room, ..)| *room).collect();
    let mut wrong = Vec::new();
    for file in sources() {
        let Some((_, _, allowed)) = ARROWS.iter().find(|(r, ..)| *r == file.room) else {
            wrong.push(format!("{}: {} is a room without a line in ARROWS", file.name, file.room));
            continue;
        };
        for (line, to) in imports(&file) {
            if to == file.room || allowed.contains(&to.as_str()) {
                continue;
            }
            if rooms.contains(&to.as_str()) {
                wrong.push(format!("{}:{line}: {} may not import {to}", file.name, file.room));
            } else {
                wrong.push(format!("{}:{line}: {to} is no room of the table", file.name));
            }
        }
    }
    none(wrong);
}

#[test]
fn outside_things_have_one_place() {
    let mut wrong = Vec::new();
    for file in sources() {
        for (line, text) in file.code.lines().enumerate() {
            for (word, places, why) in WORDS {
                let here = places.iter().any(|p| file.name == *p || (p.ends_with('/') && file.name.starts_with(p)));
                if !here && has(text, word) {
                    wrong.push(format!("{}:{}: `{word}` does not belong here: {why}", file.name, line + 1));
                }
            }
        }
    }
    none(wrong);
}

#[test]
fn words_are_pure() {
    let mut wrong = Vec::new();
    let is_word = |room: &str| ARROWS.iter().any(|(r, floor, _)| *r == room && *floor == 0);
    for file in sources().iter().filter(|f| is_word(&f.room)) {
        for (line, text) in file.code.lines().enumerate() {
            for (what, places) in IMPURE {
                if has(text, what) && !places.contains(&file.name.as_str()) {
                    wrong.push(format!("{}:{}: {} is pure: no `{what}`", file.name, line + 1, file.room));
                }
            }
        }
    }
    none(wrong);
}

#[test]
fn readers_of_peers_do_not_panic() {
    let mut wrong = Vec::new();
    for (room, most) in CAREFUL {
        let mut expects = Vec::new();
        for file in sources().iter().filter(|f| f.room == *room) {
            for (line, text) in file.code.lines().enumerate() {
                if text.contains(".unwrap()") {
                    wrong.push(format!("{}:{}: {room} may not unwrap", file.name, line + 1));
                }
                if text.contains(".expect(") {
                    expects.push(format!("{}:{}", file.name, line + 1));
                }
            }
        }
        if expects.len() > *most {
            wrong.push(format!("{room} may have {most} expect: {}", expects.join(" ")));
        }
        let head = std::fs::read_to_string(root().join(format!("src/{room}/mod.rs"))).unwrap();
        if !head.lines().any(|l| l.trim() == DENY) {
            wrong.push(format!("src/{room}/mod.rs:1: it has to say {DENY}"));
        }
    }
    none(wrong);
}

#[test]
fn the_reader_reads() {
    let code = strip("a /* x /* y */ z */ b // c\n\"d\\\" e\" r#\"f\" g\"# 'h' '\\'' 'i: b'j'\n");
    assert_eq!(words(&code).collect::<Vec<_>>(), ["a", "b", "i"]);
    assert_eq!(strip_tests("a\n#[cfg(test)]\nmod tests { b { c } }\nd"), "a\n\n\nd");
    assert!(has("a = io::stdout().lock()", "stdout()") && !has("c.stdout(Stdio::null())", "stdout()"));
    assert!(has("println!()", "println!") && !has("eprintln!()", "println!") && !has("unsafe_x", "unsafe"));
    let file = |name: &str, code: &str| Source { name: name.into(), room: room(Path::new(name)), code: code.into() };
    let seen = |name: &str, code: &str| imports(&file(name, code)).into_iter().map(|(_, r)| r).collect::<Vec<_>>();
    assert_eq!(seen("src/proto/frame.rs", "use super::ids::X; use super::super::client::Y;"), ["proto", "client"]);
    assert_eq!(seen("src/term/mod.rs", "use super::client;"), ["client"]);
    assert_eq!(seen("src/text.rs", "use super::{agent, link::{a, b}};"), ["agent", "link"]);
    assert_eq!(seen("src/a/b/c.rs", "use crate::{d::{e, f}, g, self};"), ["d", "g"]);
    assert_eq!(seen("src/a/b/c.rs", "let x = crate::h::i();"), ["h"]);
    assert_eq!(seen("src/main.rs", "use thub::{agent, cli::{self, Cli}};"), ["agent", "cli"]);
}

struct Source {
    /// `src/proto/frame.rs`
    name: String,
    /// `proto`
    room: String,
    /// Without comments, strings, characters and tests; lines as they were.
    code: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut todo = vec![root().join("src")];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.extend(path.file_name().is_some_and(|n| n != "tests").then_some(path));
            } else if path.extension().is_some_and(|e| e == "rs") && path.file_name().is_some_and(|n| n != "tests.rs") {
                let name = path.strip_prefix(root()).unwrap();
                let code = strip_tests(&strip(&std::fs::read_to_string(&path).unwrap()));
                found.push(Source { name: name.display().to_string(), room: room(name), code });
            }
        }
    }
    assert!(found.len() > 50, "the sources are not there");
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// `src/proto/frame.rs` -> `proto`, `src/cli.rs` -> `cli`.
fn room(name: &Path) -> String {
    let first = name.components().nth(1).unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_string()
}

/// How many modules lie between the file and the crate's root: `src/proto/frame.rs` is 2 deep, `src/proto/mod.rs` 1.
fn depth(name: &str) -> usize {
    let parts = name.split('/').count() - 1;
    let last = name.rsplit('/').next().unwrap_or_default();
    if matches!(last, "mod.rs" | "main.rs" | "lib.rs") { parts - 1 } else { parts }
}

/// Lines and rooms of everything in the code that comes from the crate's root.
fn imports(file: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let code = file.code.as_str();
    let crate_words: &[&str] = if file.room == "main" { &["thub::", "crate::"] } else { &["crate::"] };
    let mut add = |at: usize, rest: &str| {
        let line = code[..at].matches('\n').count() + 1;
        found.extend(heads(rest).into_iter().map(|room| (at, line, room)));
    };
    for word in crate_words {
        for (at, _) in code.match_indices(word).filter(|(at, _)| starts_word(code, *at)) {
            add(at, &code[at + word.len()..]);
        }
    }
    let deep = depth(&file.name);
    for (at, _) in code.match_indices("super::").filter(|(at, _)| starts_word(code, *at)) {
        let mut rest = &code[at..];
        let mut ups = 0;
        while let Some(r) = rest.strip_prefix("super::") {
            (rest, ups) = (r, ups + 1);
        }
        match ups.cmp(&deep) {
            std::cmp::Ordering::Less => add(at, &file.room),
            _ => add(at, rest),
        }
    }
    found.sort();
    found.into_iter().map(|(_, line, room)| (line, room)).collect()
}

/// `at` begins a path: it is not the middle of a word or of a longer path.
fn starts_word(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$')
}

/// First names of a path or of a braced list of paths.
fn heads(rest: &str) -> Vec<String> {
    let name = |s: &str| s.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(list) = rest.trim_start().strip_prefix('{') else { return vec![name(rest)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (i, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(&list[start..i]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&list[start..i]));
                start = i + 1;
            }
            _ => {}
        }
    }
    names.retain(|n| !n.is_empty() && n != "self");
    names
}

/// The word stands in the text by itself: not as part of a longer one, nor as a method.
fn has(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let ends = |rest: &str| !word.ends_with(part) || !rest.starts_with(part);
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(|c: char| part(c) || c == '.') && ends(&text[at + word.len()..]))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}

/// Code without comments, strings and characters; every line keeps its number.
fn strip(text: &str) -> String {
    let c: Vec<char> = text.chars().collect();
    let at = |i: usize| c.get(i).copied().unwrap_or('\0');
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < c.len() {
        let raw = (at(i) == 'r' && !(i > 0 && (at(i - 1).is_alphanumeric() || at(i - 1) == '_') && at(i - 1) != 'b'))
            .then(|| c[i + 1..].iter().take_while(|c| **c == '#').count())
            .filter(|n| at(i + 1 + n) == '"');
        let end = match (at(i), at(i + 1)) {
            ('/', '/') => (i..c.len()).find(|j| at(*j) == '\n').unwrap_or(c.len()),
            ('/', '*') => {
                let (mut depth, mut j) = (1, i + 2);
                while depth > 0 && j < c.len() {
                    match (at(j), at(j + 1)) {
                        ('/', '*') => (depth, j) = (depth + 1, j + 2),
                        ('*', '/') => (depth, j) = (depth - 1, j + 2),
                        _ => j += 1,
                    }
                }
                j
            }
            _ if raw.is_some() => {
                let n = raw.unwrap_or(0);
                let closes = |j: &usize| at(*j) == '"' && (1..=n).all(|k| at(j + k) == '#');
                (i + n + 2..c.len()).find(closes).map_or(c.len(), |j| j + n + 1)
            }
            ('"', _) => {
                let mut j = i + 1;
                while j < c.len() && at(j) != '"' {
                    j += if at(j) == '\\' { 2 } else { 1 };
                }
                j + 1
            }
            ('\'', '\\') => (i + 3..c.len()).find(|j| at(*j) == '\'').map_or(c.len(), |j| j + 1),
            ('\'', _) if at(i + 2) == '\'' => i + 3,
            (ch, _) => {
                out.push(ch);
                i += 1;
                continue;
            }
        };
        out.push(' ');
        out.extend(c[i..end.min(c.len())].iter().filter(|ch| **ch == '\n'));
        // the b of b'x' and b"x" is no word
        if out.len() >= 2
            && out.as_bytes()[out.len() - 2] == b'b'
            && !out[..out.len() - 2].ends_with(char::is_alphanumeric)
        {
            out.truncate(out.len() - 2);
            out.push(' ');
        }
        i = end;
    }
    out
}

/// Without what follows `#[cfg(test)]`: an item in braces, or one up to its semicolon.
fn strip_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let item = &rest[at..];
        let (mut depth, mut end) = (0, item.len());
        for (i, c) in item.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 && (c == '}' || c == ';') {
                end = i + 1;
                break;
            }
        }
        out.extend(item[..end].matches('\n'));
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}

/// The table in a form for people: `cargo test --test floors -- --nocapture map`.
#[test]
fn map() {
    let mut used: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in sources() {
        for (_, to) in imports(&file).into_iter().filter(|(_, to)| *to != file.room) {
            let list = used.entry(file.room.clone()).or_default();
            if !list.contains(&to) {
                list.push(to);
            }
        }
    }
    for (room, floor, _) in ARROWS {
        let mut to = used.remove(*room).unwrap_or_default();
        to.sort();
        println!("{floor} {room:10} {}", to.join(" "));
    }
}
