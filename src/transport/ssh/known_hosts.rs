//! Owns the verdict on a host's key against known_hosts, and the line that learns a new one.
//! Leaves out who is asked, and how a line is read (`line`). [`verdict`] is pure: files are read by [`read`] before it.
//!
//! Same verdict as OpenSSH's or stricter. Stricter: a host on record only under keys of another type has *changed*,
//! a matching line that can't be read stops, so does a file that can't be read.

mod line;

use self::line::{Mark, decode, lines, record};
use super::{hostcert, krl};
use crate::transport::random;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use russh::keys::Certificate;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const FILE_MOST: u64 = 64 << 20;
const REVOKES: &str = "revokes a key that can't be read";

/// A known_hosts file as it was read: no file is an empty one.
#[derive(Clone, Debug)]
pub struct File {
    pub path: PathBuf,
    /// Its bytes, or why they could not be had.
    pub text: Result<Vec<u8>, String>,
}

/// A host key: its type as on the wire and its blob.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostKey {
    pub kind: String,
    pub blob: Vec<u8>,
}

impl HostKey {
    /// A key by its blob, which begins with its type.
    pub fn from_blob(blob: Vec<u8>) -> Option<HostKey> {
        let len = u32::from_be_bytes(blob.get(..4)?.try_into().ok()?) as usize;
        let kind = String::from_utf8(blob.get(4..4usize.checked_add(len)?)?.to_vec()).ok()?;
        Some(HostKey { kind, blob })
    }

    /// The key itself: of a certificate the one in it. `None` = a certificate that can't be read.
    fn plain(&self) -> Option<HostKey> {
        if !self.kind.ends_with("-cert-v01@openssh.com") {
            return Some(self.clone());
        }
        hostcert::plain(Certificate::from_bytes(&self.blob).ok()?.public_key())
    }

    /// `SHA256:...`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    Known,
    Unknown,
    /// Another key is on record; `line` counts from 1.
    Changed {
        file: PathBuf,
        line: usize,
    },
    Revoked {
        file: PathBuf,
        line: usize,
    },
    Unreadable {
        file: PathBuf,
        why: String,
    },
}

/// Reads the files at the edge.
pub fn read(paths: &[PathBuf]) -> Vec<File> {
    paths.iter().map(|p| File { path: p.clone(), text: read_one(p) }).collect()
}

/// Reads a list of revoked keys: one that is named and not there stops, as in OpenSSH.
pub fn read_list(path: &Path) -> File {
    let there = std::fs::metadata(path).map_err(|e| e.to_string());
    File { path: path.to_path_buf(), text: there.and_then(|_| read_one(path)) }
}

fn read_one(path: &Path) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    // not blocking: a pipe in its place is no reason to wait for ever
    let open = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    if open.as_ref().is_ok_and(|f| f.metadata().is_ok_and(|m| m.file_type().is_fifo())) {
        // (ssh waits for whoever writes; an empty one would hide what it revokes)
        return Err("it is a pipe, not a file".into());
    }
    match open.and_then(|f| f.take(FILE_MOST + 1).read_to_end(&mut text)) {
        Ok(n) if n as u64 > FILE_MOST => Err("it is larger than 64 MiB".into()),
        Ok(_) => Ok(text),
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => Ok(Vec::new()),
        Err(e) => Err(e.to_string()),
    }
}

/// `host` on port 22, else `[host]:port`.
pub fn name_of(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

/// What the files say about `key` for `host` at `port`.
pub fn verdict(files: &[File], host: &str, port: u16, key: &HostKey) -> Verdict {
    let with_port = verdict_by_name(files, &name_of(host, port), key);
    if with_port == Verdict::Unknown && port != 22 {
        // as OpenSSH: the same key under the plain name is good enough, another one says nothing
        let plain = verdict_by_name(files, &name_of(host, 22), key);
        if matches!(plain, Verdict::Known | Verdict::Revoked { .. }) {
            return plain;
        }
    }
    with_port
}

fn verdict_by_name(files: &[File], name: &str, key: &HostKey) -> Verdict {
    let (mut known, mut changed, mut unsure) = (false, None, None);
    for file in files {
        let text = match &file.text {
            Ok(text) => text,
            Err(why) => return Verdict::Unreadable { file: file.path.clone(), why: why.clone() },
        };
        for (line, entry) in lines(text) {
            let here = || (file.path.clone(), line);
            if !entry.names(name) {
                continue;
            }
            // a revoked certificate revokes its key, as in OpenSSH
            let said = if entry.mark == Mark::Revoked { entry.key.and_then(|k| k.plain()) } else { entry.key };
            match (entry.mark, said) {
                (Mark::Revoked, Some(k)) if k == *key => {
                    let (file, line) = here();
                    return Verdict::Revoked { file, line };
                }
                // an authority signs certificates, it is no key of the host
                (Mark::Revoked | Mark::Authority, Some(_)) | (Mark::Authority, None) => {}
                (Mark::None, Some(k)) if k == *key => known = true,
                (Mark::None, Some(_)) => changed = changed.or_else(|| Some(here())),
                (Mark::Revoked, None) => {
                    let (file, line) = here();
                    return Verdict::Unreadable { file, why: format!("line {line} {REVOKES}") };
                }
                (Mark::None | Mark::Other, _) => unsure = unsure.or_else(|| Some(here())),
            }
        }
    }
    match (known, unsure, changed) {
        (true, ..) => Verdict::Known,
        (_, Some((file, line)), _) => Verdict::Unreadable { file, why: format!("line {line} is about this host") },
        (.., Some((file, line))) => Verdict::Changed { file, line },
        _ => Verdict::Unknown,
    }
}

/// The names under which a host is looked for: with its port, then without.
fn names(host: &str, port: u16) -> Vec<String> {
    let (name, plain) = (name_of(host, port), name_of(host, 22));
    if name == plain { vec![name] } else { vec![name, plain] }
}

/// Why a key counts for nothing whatever else is on record: it is revoked, or the files can't be read.
pub fn stopped(files: &[File], host: &str, port: u16, key: &HostKey) -> Option<Verdict> {
    names(host, port).iter().map(|name| verdict_by_name(files, name, key)).find(|v| {
        let no_file = |file: &Path| files.iter().any(|f| f.path == file && f.text.is_err());
        match v {
            Verdict::Revoked { .. } => true,
            Verdict::Unreadable { file, why } => no_file(file) || why.contains(REVOKES),
            _ => false,
        }
    })
}

/// Keys of the authorities (`@cert-authority`) whose certificates count for a host: those on record for the name with
/// its port, else for the plain name.
pub fn authorities(files: &[File], host: &str, port: u16) -> Vec<HostKey> {
    let mut out = Vec::new();
    for name in names(host, port) {
        for file in files {
            for (_, entry) in file.text.as_deref().map(lines).into_iter().flatten() {
                if entry.mark == Mark::Authority
                    && entry.names(&name)
                    && let Some(key) = entry.key
                {
                    out.push(key);
                }
            }
        }
        if !out.is_empty() {
            break;
        }
    }
    out
}

/// The key types on record for a host under its name with its port, each once: to be asked for first, as OpenSSH does.
/// (A plain name that stands for any port does not count here, and a type whose first key is revoked neither.)
pub fn recorded_types(files: &[File], host: &str, port: u16) -> Vec<String> {
    let name = name_of(host, port);
    let (mut keys, mut revoked): (Vec<HostKey>, Vec<HostKey>) = (Vec::new(), Vec::new());
    for file in files {
        for (_, entry) in file.text.as_deref().map(lines).into_iter().flatten().filter(|(_, e)| e.names(&name)) {
            match (entry.mark, entry.key) {
                (Mark::None, Some(key)) if !keys.iter().any(|k| k.kind == key.kind) => keys.push(key),
                (Mark::Revoked, Some(key)) => revoked.extend(key.plain()),
                _ => {}
            }
        }
    }
    keys.retain(|k| !revoked.contains(k));
    keys.into_iter().map(|k| k.kind).collect()
}

/// Is the key in a list of revoked keys (`RevokedHostKeys`), itself or in a certificate: a text or a binary one (then the line is 0)?
pub fn revoked(file: &File, key: &HostKey) -> Option<Verdict> {
    let stop = |why: &str| Some(Verdict::Unreadable { file: file.path.clone(), why: why.into() });
    let text = match &file.text {
        Ok(text) => text,
        Err(why) => return stop(why),
    };
    if krl::is_one(text) {
        return match krl::revokes(text, key) {
            Ok(true) => Some(Verdict::Revoked { file: file.path.clone(), line: 0 }),
            Ok(false) => None,
            Err(why) => stop(why.0),
        };
    }
    let text = String::from_utf8_lossy(text);
    let mut unread = None;
    for (i, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        let (mut any, mut found) = (false, false);
        while let Some(word) = words.next().filter(|w| !w.starts_with('#')) {
            any = true;
            let listed = words.clone().next().and_then(|b64| decode(word.as_bytes(), b64.as_bytes())?.plain());
            if listed.as_ref() == Some(key) {
                return Some(Verdict::Revoked { file: file.path.clone(), line: i + 1 });
            }
            found |= listed.is_some();
        }
        if any && !found {
            unread = unread.or(Some(i + 1));
        }
    }
    // which key it revokes can't be known: as in OpenSSH, that stops
    unread.and_then(|line| stop(&format!("line {line} {REVOKES}")))
}

/// Is a certificate in it, by its serial number or key id? Only binary lists hold those.
pub fn revoked_certificate(file: &File, authority: &HostKey, serial: u64, id: &str) -> Option<Verdict> {
    let text = file.text.as_ref().ok().filter(|t| krl::is_one(t))?;
    match krl::revokes_certificate(text, authority, serial, id) {
        Ok(true) => Some(Verdict::Revoked { file: file.path.clone(), line: 0 }),
        Ok(false) => None,
        Err(why) => Some(Verdict::Unreadable { file: file.path.clone(), why: why.0.into() }),
    }
}

/// A link (dotfiles kept elsewhere) stays one: the file it leads to, which need not be there yet.
fn behind_links(file: &Path) -> std::io::Result<PathBuf> {
    let mut path = file.to_path_buf();
    // (as many as the kernel follows)
    for _ in 0..40 {
        let Ok(to) = std::fs::read_link(&path) else { return Ok(path) };
        path = path.parent().map_or(to.clone(), |dir| dir.join(&to));
    }
    Err(rustix::io::Errno::LOOP.into())
}

/// Could a line name it and be found again, by that name and no other?
pub fn can_hold(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || ",*?!|#@".contains(c))
}

/// Records a key: the whole file anew beside itself, then renamed. Two at a time wait for each other. What is no plain
/// file (`/dev/null`, as many set it) keeps nothing, and stays what it is.
pub fn learn(file: &Path, host: &str, port: u16, key: &HostKey, hash: bool) -> std::io::Result<()> {
    let bad = |why: &str| std::io::Error::new(std::io::ErrorKind::InvalidInput, why.to_string());
    let name = name_of(host, port);
    if !can_hold(&name) {
        return Err(bad("that name can't be written to known_hosts"));
    }
    let target = behind_links(file)?;
    if std::fs::metadata(&target).is_ok_and(|m| !m.is_file()) {
        tracing::warn!("known_hosts is no plain file: the key is not kept");
        return Ok(());
    }
    let dir = target.parent().ok_or_else(|| bad("no directory"))?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    // the lock is the directory itself: nothing is left behind
    let lock: OwnedFd = std::fs::File::open(dir)?.into();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;

    let old = read_one(&target).map_err(std::io::Error::other)?;
    let files = [File { path: target.clone(), text: Ok(old.clone()) }];
    if verdict_by_name(&files, &name, key) == Verdict::Known {
        return Ok(());
    }
    let salt = random::<20>()?;
    let mut text = old;
    if text.last().is_some_and(|b| *b != b'\n') {
        text.push(b'\n');
    }
    text.extend_from_slice(record(&name, key, hash.then_some(salt)).as_bytes());

    let mode = std::fs::metadata(&target).map(|m| m.permissions().mode() & 0o777).unwrap_or(0o600);
    let nonce = random::<8>()?;
    let temp = dir.join(format!(".known_hosts.{:016x}", u64::from_le_bytes(nonce)));
    let written = (|| {
        let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temp)?;
        out.write_all(&text)?;
        out.set_permissions(std::fs::Permissions::from_mode(mode))?;
        out.sync_all()?;
        std::fs::rename(&temp, &target)?;
        rustix::fs::fsync(&lock).map_err(std::io::Error::from)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&temp);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    fn key(kind: &str, seed: u8) -> HostKey {
        let mut blob = (kind.len() as u32).to_be_bytes().to_vec();
        blob.extend_from_slice(kind.as_bytes());
        blob.extend_from_slice(&32u32.to_be_bytes());
        blob.extend_from_slice(&[seed; 32]);
        HostKey { kind: kind.into(), blob }
    }
    fn ed(seed: u8) -> HostKey {
        key("ssh-ed25519", seed)
    }
    fn rsa(seed: u8) -> HostKey {
        key("ssh-rsa", seed)
    }
    fn b64(k: &HostKey) -> String {
        format!("{} {}", k.kind, STANDARD.encode(&k.blob))
    }
    fn file(text: &str) -> Vec<File> {
        vec![File { path: "/kh".into(), text: Ok(text.as_bytes().to_vec()) }]
    }
    fn changed(line: usize) -> Verdict {
        Verdict::Changed { file: "/kh".into(), line }
    }

    #[test]
    fn the_matrix() {
        let (k1, k2, r1) = (b64(&ed(1)), b64(&ed(2)), b64(&rsa(1)));
        let at = |host: &str, port, text: String| verdict(&file(&text), host, port, &ed(1));
        assert_eq!(at("web", 22, String::new()), Verdict::Unknown);
        assert_eq!(at("web", 22, format!("web {k1}\n")), Verdict::Known);
        assert_eq!(at("WEB", 22, format!("Web {k1}")), Verdict::Known);
        assert_eq!(at("web", 22, format!("# note\n\nother {k1}\nweb,10.0.0.1 {k2} me@x\n")), changed(4));
        assert_eq!(at("web", 22, format!("web {k2}\nweb {k1}\n")), Verdict::Known);
        // another type on record is another key on record
        assert_eq!(at("web", 22, format!("web {r1}\n")), changed(1));
        // TABs, leading blanks, CR
        assert_eq!(at("web", 22, format!("\t web\t{}\r\n", k1.replace(' ', "\t"))), Verdict::Known);
        // patterns
        assert_eq!(at("web.lan", 22, format!("*.lan {k1}\n")), Verdict::Known);
        assert_eq!(at("10.0.0.7", 22, format!("10.0.0.? {k1}\n")), Verdict::Known);
        assert_eq!(at("web", 22, format!("!web,* {k1}\n")), Verdict::Unknown);
        assert_eq!(at("web", 22, format!("*,!web {k1}\n")), Verdict::Unknown);
        assert_eq!(at("web", 22, format!("!other {k1}\n")), Verdict::Unknown);
        // ports
        assert_eq!(at("web", 2222, format!("[web]:2222 {k1}\n")), Verdict::Known);
        assert_eq!(at("web", 2222, format!("[web]:2222 {k2}\nweb {k1}\n")), changed(1));
        assert_eq!(at("web", 2222, format!("web {k1}\n")), Verdict::Known);
        assert_eq!(at("web", 2222, format!("web {k2}\n")), Verdict::Unknown);
        assert_eq!(at("web", 22, format!("[web]:2222 {k1}\n")), Verdict::Unknown);
        // marks
        let revoked = |line| Verdict::Revoked { file: "/kh".into(), line };
        assert_eq!(at("web", 22, format!("web {k1}\n@revoked web {k1}\n")), revoked(2));
        assert_eq!(at("web", 22, format!("@revoked * {k1}\n")), revoked(1));
        assert_eq!(at("web", 2222, format!("@revoked web {k1}\n")), revoked(1));
        assert_eq!(at("web", 22, format!("@revoked web {k2}\nweb {k1}\n")), Verdict::Known);
        assert_eq!(at("web", 22, format!("@cert-authority web {k1}\n")), Verdict::Unknown);
        assert_eq!(at("web", 22, format!("@cert-authority web {k2}\nweb {k1}\n")), Verdict::Known);
        // bad lines: skipped unless they are about the host and nothing better is there
        let bad = |v: Verdict| matches!(v, Verdict::Unreadable { .. });
        assert_eq!(at("web", 22, "other ssh-ed25519 !!!\nother\n@x y\n".into()), Verdict::Unknown);
        assert!(bad(at("web", 22, "web ssh-ed25519 !!!\n".into())));
        assert!(bad(at("web", 22, "web\n".into())));
        assert!(bad(at("web", 22, format!("@future web {k1}\n"))));
        assert!(bad(at("web", 22, format!("@revoked web junk\nweb {k1}\n"))));
        assert!(bad(at("web", 22, format!("web ssh-rsa {}\n", STANDARD.encode(&ed(1).blob)))));
        assert_eq!(at("web", 22, format!("web ssh-ed25519 !!!\nweb {k1}\n")), Verdict::Known);
        assert_eq!(at("web", 22, format!("web 1024 35 12345\nweb {k1}\n")), Verdict::Known);
        // bytes that are no text, before and on the line
        let mut raw = b"\xff\xfe junk\nweb ".to_vec();
        raw.extend_from_slice(k1.as_bytes());
        raw.extend_from_slice(b" caf\xe9\n");
        let files = [File { path: "/kh".into(), text: Ok(raw) }];
        assert_eq!(verdict(&files, "web", 22, &ed(1)), Verdict::Known);
        // an unreadable file stops, whatever another one says
        let mut files = file(&format!("web {k1}\n"));
        files.push(File { path: "/no".into(), text: Err("denied".into()) });
        assert_eq!(
            verdict(&files, "web", 22, &ed(1)),
            Verdict::Unreadable { file: "/no".into(), why: "denied".into() }
        );
    }

    #[test]
    fn types_on_record_come_first() {
        let text =
            format!("web {}\n*.lan {}\nweb {}\n[web]:9 {}\n", b64(&rsa(1)), b64(&ed(2)), b64(&rsa(3)), b64(&ed(4)));
        assert_eq!(recorded_types(&file(&text), "web", 22), ["ssh-rsa"]);
        assert_eq!(recorded_types(&file(&text), "web", 9), ["ssh-ed25519"]);
        assert_eq!(recorded_types(&file(&text), "web", 10), [] as [String; 0]);
        let text = format!("{text}web {}\n@revoked * {}\n", b64(&ed(5)), b64(&rsa(1)));
        assert_eq!(recorded_types(&file(&text), "web", 22), ["ssh-ed25519"]);
        assert_eq!(recorded_types(&file(&text), "none", 22), [] as [String; 0]);
    }

    #[test]
    fn lists_of_revoked_keys() {
        let list = |text: &str| File { path: "/rl".into(), text: Ok(text.as_bytes().to_vec()) };
        assert_eq!(revoked(&list(&format!("# x\n{}\n", b64(&ed(2)))), &ed(1)), None);
        assert!(matches!(revoked(&list(&b64(&ed(1))), &ed(1)), Some(Verdict::Revoked { line: 1, .. })));
        let other = b64(&ed(2));
        assert_eq!(revoked(&list(&format!("\n  # x\n{other} al@x y\n")), &ed(1)), None);
        for bad in ["ssh-ed25519 AAAA!\n", "ssh-ed25519\n", "\u{feff}ssh-ed25519 AAAA\n"] {
            let stops = revoked(&list(&format!("{bad}{other}\n")), &ed(1));
            assert!(matches!(stops, Some(Verdict::Unreadable { ref why, .. }) if why.contains("line 1")), "{stops:?}");
        }
        assert!(matches!(revoked(&list("SSHKRL\n\0..."), &ed(1)), Some(Verdict::Unreadable { .. })));
    }

    #[test]
    fn a_pipe_is_not_an_empty_file() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let mut files = file(&format!("web {}\n", b64(&ed(1))));
        files.extend(read(&[pipe, "/dev/null".into()]));
        let verdict = verdict(&files, "web", 22, &ed(1));
        assert!(matches!(verdict, Verdict::Unreadable { ref why, .. } if why.contains("pipe")), "{verdict:?}");
        files.remove(1);
        assert_eq!(super::verdict(&files, "web", 22, &ed(1)), Verdict::Known, "a device is one");
    }

    #[test]
    fn learns_atomically_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/.ssh/known_hosts");
        std::thread::scope(|s| {
            for i in 0..8u16 {
                let path = &path;
                s.spawn(move || {
                    learn(path, &format!("h{}", i % 4), 22 + i % 2, &ed((i % 4) as u8), i % 2 == 1).unwrap()
                });
            }
        });
        let files = read(std::slice::from_ref(&path));
        let text = String::from_utf8(files[0].text.clone().unwrap()).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");
        for i in 0..4u16 {
            assert_eq!(verdict(&files, &format!("h{i}"), 22 + i % 2, &ed(i as u8)), Verdict::Known);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temp, no lock left");
        // a last line without its end, a link and its mode are respected
        let real = dir.path().join("real");
        std::fs::write(&real, format!("old {}", b64(&ed(9)))).unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o644)).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        learn(&link, "web", 22, &ed(1), false).unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), format!("old {}\nweb {}\n", b64(&ed(9)), b64(&ed(1))));
        assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o644);
        // a link's target need not be there yet; a chain of them, from another directory
        std::fs::create_dir(dir.path().join("dots")).unwrap();
        let (first, second) = (dir.path().join("first"), dir.path().join("dots/second"));
        std::os::unix::fs::symlink("dots/second", &first).unwrap();
        std::os::unix::fs::symlink("../made/target", &second).unwrap();
        for seed in [1, 2] {
            learn(&first, &format!("h{seed}"), 22, &ed(seed), false).unwrap();
            assert!(first.is_symlink() && second.is_symlink());
        }
        assert_eq!(std::fs::read_to_string(dir.path().join("made/target")).unwrap().lines().count(), 2);
        let round = dir.path().join("round");
        std::os::unix::fs::symlink("round", &round).unwrap();
        assert!(learn(&round, "web", 22, &ed(1), false).is_err() && round.is_symlink());
        // a device is not replaced by a file
        let device = dir.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &device).unwrap();
        learn(&device, "web", 22, &ed(1), false).unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
        assert_eq!(std::fs::read(&device).unwrap(), b"");
        for bad in ["a b", "a,b", "*", "", "@revoked", "a\nb"] {
            assert!(learn(&link, bad, 22, &ed(1), false).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_ssh_keygen_finds() {
        if std::process::Command::new("ssh-keygen").arg("-?").output().is_err() {
            println!("skipped: no ssh-keygen");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let run = |args: &[&str]| {
            std::process::Command::new("ssh-keygen").args(args).current_dir(dir.path()).output().unwrap()
        };
        assert!(run(&["-q", "-t", "ed25519", "-N", "", "-f", "k"]).status.success());
        let public = std::fs::read_to_string(dir.path().join("k.pub")).unwrap();
        let mut words = public.split_whitespace();
        let key = decode(words.next().unwrap().as_bytes(), words.next().unwrap().as_bytes()).unwrap();
        // our fingerprint is theirs
        let printed = String::from_utf8(run(&["-l", "-f", "k.pub"]).stdout).unwrap();
        assert!(printed.contains(&key.fingerprint()), "{printed}");
        // they find what we hash
        let ours = dir.path().join("ours");
        learn(&ours, "Web.example", 2222, &key, true).unwrap();
        assert!(run(&["-F", "[web.example]:2222", "-f", "ours"]).status.success());
        assert!(!run(&["-F", "web.example", "-f", "ours"]).status.success());
        // we find what they hash
        std::fs::write(dir.path().join("theirs"), format!("web,[web]:2222 {public}[::1]:22 {public}")).unwrap();
        assert!(run(&["-H", "-f", "theirs"]).status.success());
        let files = read(&[dir.path().join("theirs")]);
        assert!(files[0].text.as_ref().unwrap().starts_with(b"|1|"));
        for (host, port, want) in [("web", 22, true), ("WEB", 2222, true), ("web2", 22, false)] {
            assert_eq!(verdict(&files, host, port, &key) == Verdict::Known, want, "{host}:{port}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(text in "(@revoked |@cert-authority |@x )?[a|1*?!,\\[\\]:= ]{0,30}[ \t](ssh-ed25519|ssh-rsa|1)[ \t][A-Za-z0-9+/= ]{0,60}\n?", raw: Vec<u8>) {
            for text in [text.into_bytes(), raw] {
                let files = [File { path: "/kh".into(), text: Ok(text) }];
                verdict(&files, "a", 22, &ed(1));
                verdict(&files, "a", 2222, &ed(1));
                recorded_types(&files, "a", 2222);
                revoked(&files[0], &ed(1));
            }
        }
    }
}
