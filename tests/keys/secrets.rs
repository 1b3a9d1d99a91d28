//! What a person typed in secret is found nowhere afterwards: no file, no argument, no environment, no log at its
//! highest level, no memory of the client.

use crate::login::{Account, PASSWORD};
use crate::support::sshd::{self, Sshd, keygen};
use crate::support::{Home, Tty, until, with_variable};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

const PHRASE: &str = "open sesame 5% twice";
const PASTED: &str = "another phrase 6% pasted";

fn holds(bytes: &[u8], secret: impl AsRef<[u8]>) -> Option<usize> {
    let secret = secret.as_ref();
    bytes.windows(secret.len()).position(|w| w == secret)
}

/// Every file below that holds it.
fn files_with(dir: &Path, secret: &str, found: &mut Vec<PathBuf>) -> usize {
    let mut seen = 0;
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            seen += files_with(&path, secret, found);
        } else if kind.is_file() && entry.metadata().is_ok_and(|m| m.len() < 20 << 20) {
            seen += 1;
            if holds(&std::fs::read(&path).unwrap_or_default(), secret).is_some() {
                found.push(path);
            }
        }
    }
    seen
}

/// Places in a process's writable memory that hold it, with what stands around it.
fn in_memory(pid: i32, secret: impl AsRef<[u8]>) -> Vec<String> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut mem = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let (mut found, mut read) = (Vec::new(), 0usize);
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, flags) = (words.next().unwrap(), words.next().unwrap());
        if !flags.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut bytes = vec![0; (to - from) as usize];
        if mem.seek(SeekFrom::Start(from)).is_err() || mem.read_exact(&mut bytes).is_err() {
            continue;
        }
        read += bytes.len();
        let mut at = 0;
        while let Some(i) = holds(&bytes[at..], &secret) {
            let here = at + i;
            let around = &bytes[here.saturating_sub(48)..(here + 64).min(bytes.len())];
            found.push(format!("{:x} in {line}: {}", from + here as u64, around.escape_ascii()));
            at = here + 1;
        }
    }
    assert!(read > 1 << 20, "only {read} bytes of memory were read");
    found
}

/// What only the owner of a key file (made without a passphrase) knows, as it may lie in memory: the private numbers, and a
/// line of the file itself (openssh-key-v1, OpenSSH's PROTOCOL.key).
fn private_of(file: &Path) -> Vec<Vec<u8>> {
    use base64::Engine;
    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with('-')).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(lines.concat()).unwrap();
    let fields = |mut rest: &[u8]| {
        let mut all = Vec::new();
        while let Some((head, tail)) = rest.split_first_chunk::<4>() {
            let Some(field) = tail.get(..u32::from_be_bytes(*head) as usize) else { break };
            all.push(field.to_vec());
            rest = &tail[field.len()..];
        }
        all
    };
    let after_magic = &bytes[b"openssh-key-v1\0".len()..];
    let head = fields(after_magic);
    let skip: usize = head[..3].iter().map(|f| f.len() + 4).sum::<usize>() + 4;
    let [public, private] = fields(&after_magic[skip..])[..2].to_vec().try_into().unwrap();
    let public = fields(&public);
    let mut known: Vec<Vec<u8>> = fields(&private[8..]).into_iter().filter(|f| !public.contains(f)).collect();
    // the type and the comment are no secret; of an ed25519 key the public half follows
    known.retain(|f| f.len() >= 24);
    known.iter_mut().for_each(|f| {
        f.truncate(if f.len() == 64 { 32 } else { f.len() });
        let zeros = f.iter().take_while(|b| **b == 0).count();
        f.drain(..zeros);
    });
    assert!(!known.is_empty());
    // (the last whole line: in the middle of the private part)
    known.push(lines[lines.len() - 2].as_bytes().to_vec());
    known
}

/// Nothing of it is left, with the client still running.
#[track_caller]
fn nowhere(home: &Home, sshd: &Sshd, client: i32, secret: &str) {
    let mut found = Vec::new();
    let seen = files_with(home.dir(), secret, &mut found) + files_with(&sshd.home(), secret, &mut found);
    assert!(found.is_empty() && seen > 0, "{found:?}");
    let mut log = Vec::new();
    files_with(&home.at("state"), " ", &mut log);
    assert!(log.iter().any(|p| p.ends_with("thub.log")), "no log was written: {log:?}");
    let mut processes = home.processes();
    processes.extend(with_variable("HOME", &sshd.home()));
    assert!(processes.contains(&client));
    for pid in &processes {
        for what in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
            assert!(holds(&bytes, secret).is_none(), "{what} of {pid}");
        }
    }
    let limits = std::fs::read_to_string(format!("/proc/{client}/limits")).unwrap();
    let core = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    let left = in_memory(client, secret);
    assert!(left.is_empty(), "{} in memory:\n{}", left.len(), left.join("\n"));
}

#[test]
fn a_passphrase_typed_in_the_tui() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let d = sshd.dir.path();
    keygen(d, &["-q", "-t", "ed25519", "-N", "", "-f", "locked"]);
    let private = private_of(&sshd.at("locked"));
    keygen(d, &["-q", "-p", "-P", "", "-N", PHRASE, "-f", "locked"]);
    std::fs::copy(d.join("locked.pub"), d.join("authorized")).unwrap();
    let _ending = Ending(&sshd);
    let config = sshd.config("Host *\n  IdentityFile {dir}/locked\n");
    let mut home = Home::new();
    home.env.push(("THUB_LOG".into(), "trace".into()));
    let tty = Tty::thub(&home, 100, 30, &["-F", config.to_str().unwrap(), "test"]);
    let screen = tty.until_text("Passphrase for").concat();
    assert!(screen.contains("stays on this machine") && !screen.contains("will see"), "{screen}");
    // pasted, and wrong
    tty.type_(format!("\x1b[200~{PASTED}\x1b[201~"));
    tty.until_text(&"•".repeat(PASTED.len()));
    tty.type_("\r");
    tty.until_text("that was wrong; 2 tries left");
    // typed
    PHRASE.chars().for_each(|c| tty.type_(c.to_string()));
    tty.until_text(&"•".repeat(PHRASE.len()));
    // what is looked for is found as long as it is there
    assert!(!in_memory(tty.pid(), PHRASE).is_empty());
    tty.type_("\r");
    tty.until_text("Put build");
    tty.type_("y");
    tty.until_text("▶ ");
    nowhere(&home, &sshd, tty.pid(), PHRASE);
    nowhere(&home, &sshd, tty.pid(), PASTED);
    opened_and_gone(tty.pid(), &private);
    assert!(holds(&tty.log(), PHRASE).is_none(), "it was shown");
}

#[track_caller]
fn opened_and_gone(client: i32, private: &[Vec<u8>]) {
    for number in private {
        for (way, number) in [("", number.clone()), (", last byte first", number.iter().rev().copied().collect())] {
            let left = in_memory(client, number);
            assert!(left.is_empty(), "the key, {} times in memory{way}:\n{}", left.len(), left.join("\n"));
        }
    }
}

/// Nor is a key that needs no passphrase, of whatever kind.
#[test]
fn a_key_that_logs_in_is_gone_from_memory() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let d = sshd.dir.path();
    let _ending = Ending(&sshd);
    for (kind, phrase) in [("ed25519", ""), ("ecdsa", ""), ("rsa", ""), ("rsa", PHRASE)] {
        for old in ["k", "k.pub"] {
            let _ = std::fs::remove_file(d.join(old));
        }
        keygen(d, &["-q", "-t", kind, "-N", "", "-f", "k"]);
        let private = private_of(&sshd.at("k"));
        if !phrase.is_empty() {
            keygen(d, &["-q", "-p", "-P", "", "-N", phrase, "-f", "k"]);
        }
        std::fs::copy(d.join("k.pub"), d.join("authorized")).unwrap();
        let config = sshd.config("Host *\n  IdentityFile {dir}/k\n  IdentitiesOnly yes\n");
        let home = Home::new();
        let tty = Tty::thub(&home, 100, 30, &["-F", config.to_str().unwrap(), "test"]);
        if !phrase.is_empty() {
            tty.until_text("Passphrase for");
            tty.type_(format!("{phrase}\r"));
        }
        tty.until_text("Put build");
        opened_and_gone(tty.pid(), &private);
        tty.type_("n");
    }
}

/// Who goes on without an agent has the answer kept until the target process has logged in, and no longer.
#[test]
fn a_password_given_again_to_the_target_process() {
    let Some(account) = Account::new("again") else { return };
    let sshd = account.sshd("PasswordAuthentication yes\nUsePAM no");
    let _ending = Ending(&sshd);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(sshd.dir.path(), mode).unwrap();
    let config = account.config(&sshd, "PubkeyAuthentication no");
    let mut home = Home::new();
    home.env.push(("THUB_LOG".into(), "trace".into()));
    let tty = Tty::thub(&home, 100, 30, &["-F", config.to_str().unwrap(), "test"]);
    tty.until_text("password");
    tty.type_(PASSWORD);
    tty.until_text(&"•".repeat(PASSWORD.len()));
    tty.type_("\r");
    tty.until_text("Put build");
    assert!(!in_memory(tty.pid(), PASSWORD).is_empty(), "it is kept for w");
    tty.type_("w");
    tty.until_text("$");
    tty.type_("echo in-$((1+1))\r");
    tty.until_text("in-2");
    assert_eq!(sshd.since(0).matches("Accepted password for").count(), 2);
    nowhere(&home, &sshd, tty.pid(), PASSWORD);
    let targets = home.targets();
    assert_eq!(targets.len(), 1, "{targets:?}");
    for target in targets {
        let left = in_memory(target, PASSWORD);
        assert!(left.is_empty(), "{} in the target's memory:\n{}", left.len(), left.join("\n"));
    }
    tty.type_("exit\r");
    drop(tty);
    home.targets().into_iter().for_each(|pid| crate::support::signal(pid, rustix::process::Signal::TERM));
}

#[test]
fn a_password_typed_on_the_terminal() {
    let Some(account) = Account::new("sec") else { return };
    for (way, first) in [
        ("password", "PasswordAuthentication yes\nUsePAM no"),
        ("keyboard-interactive/pam", "PasswordAuthentication no\nKbdInteractiveAuthentication yes\nUsePAM yes"),
    ] {
        typed_on_the_terminal(&account, way, &account.sshd(first));
    }
}

/// What runs there ends with this, also where the test has failed: else its user could not go.
struct Ending<'a>(&'a Sshd);
impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let left = || with_variable("HOME", &self.0.home());
        left().into_iter().for_each(|pid| crate::support::signal(pid, rustix::process::Signal::KILL));
        crate::support::home::sweep(left);
    }
}

fn typed_on_the_terminal(account: &Account, way: &str, sshd: &Sshd) {
    let _ending = Ending(sshd);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(sshd.dir.path(), mode).unwrap();
    let own = |flag: &str| {
        let out = Command::new("id").args([flag, &account.name]).output().unwrap();
        String::from_utf8_lossy(&out.stdout).trim().parse().ok()
    };
    std::os::unix::fs::chown(sshd.home(), own("-u"), own("-g")).unwrap();
    let config = account.config(sshd, "PubkeyAuthentication no");
    let mut home = Home::new();
    home.env.push(("THUB_LOG".into(), "trace".into()));
    let tty = Tty::thub(&home, 100, 30, &["-F", config.to_str().unwrap(), "new", "-H", "test", "--", "/bin/sh"]);
    tty.until("a question", |s| s.concat().to_lowercase().contains("password:"));
    tty.type_(PASSWORD);
    until("it in memory, where it is looked for", || (!in_memory(tty.pid(), PASSWORD).is_empty()).then_some(()));
    tty.type_("\r");
    tty.until_text("Type yes or no:");
    tty.type_("yes\r");
    tty.until_text("$");
    tty.type_("echo in-$((1+1))\r");
    tty.until_text("in-2");
    assert!(sshd.since(0).contains(&format!("Accepted {way} for")));
    nowhere(&home, sshd, tty.pid(), PASSWORD);
    assert!(holds(&tty.log(), PASSWORD).is_none(), "it was shown");
    // its session ends with it, before its user goes
    tty.type_("exit\r");
    until("the session to end", || {
        let mut tty_ended = with_variable("HOME", &sshd.home());
        tty_ended.retain(|p| crate::support::words(*p).iter().any(|w| w == "session"));
        tty_ended.is_empty().then_some(())
    });
    drop(tty);
    crate::support::home::sweep(|| with_variable("HOME", &sshd.home()));
}
