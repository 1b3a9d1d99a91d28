//! Questions on the terminal a verb was started from.

use crate::support::sshd::{self, Sshd, keygen};
use crate::support::{Home, Tty, signal, until};
use rustix::process::Signal;
use rustix::termios::LocalModes;
use std::path::PathBuf;

struct Host {
    home: Home,
    sshd: Sshd,
    config: PathBuf,
    fingerprint: String,
}

/// A host that is not known yet, and takes a key with the passphrase `open sesame`.
fn host(more: &str) -> Option<Host> {
    if !sshd::here() {
        return None;
    }
    let sshd = Sshd::start(more);
    let d = sshd.dir.path();
    keygen(d, &["-q", "-t", "ed25519", "-N", "open sesame", "-f", "locked"]);
    std::fs::copy(d.join("locked.pub"), d.join("authorized")).unwrap();
    std::fs::remove_file(d.join("known_hosts")).unwrap();
    let config = sshd.config("Host *\n  IdentityFile {dir}/locked\n");
    let printed = std::process::Command::new("ssh-keygen").arg("-lf").arg(sshd.at("host_ed25519.pub")).output();
    let printed = String::from_utf8(printed.unwrap().stdout).unwrap();
    let fingerprint = printed.split_whitespace().nth(1).unwrap().to_string();
    Some(Host { home: Home::new(), sshd, config, fingerprint })
}

impl Host {
    fn shell(&self) -> Tty {
        Tty::shell(&self.home, 100, 40)
    }
    /// A line for the shell.
    fn line(&self, before: &str, words: &str) -> String {
        format!("{before}$THUB -F {} {words}; echo code=$?\r", self.config.display())
    }
}

fn echoes(tty: &Tty) -> bool {
    tty.termios().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
}

/// Waits until the text stands there so often.
#[track_caller]
fn times(tty: &Tty, text: &str, n: usize) {
    // a long line is cut by the terminal's edge
    tty.until(&format!("{text:?} {n} times"), |s| s.concat().matches(text).count() >= n);
}

#[test]
fn everything_a_verb_may_ask() {
    let Some(h) = host("Banner {dir}/banner") else { return };
    std::fs::write(h.sshd.at("banner"), "Only\u{1b}[31m friends\nmay enter\n").unwrap();
    let tty = h.shell();
    assert!(echoes(&tty));
    // standard input is a pipe: it asks all the same, and takes nothing of it for an answer
    tty.type_(h.line("echo yes-from-the-pipe | ", "run -H test -- cat"));
    times(&tty, "Type yes, no, or the fingerprint:", 1);
    let screen = tty.until_text(&h.fingerprint).concat();
    assert!(screen.contains("@test:") && screen.contains("is not known yet") && screen.contains("ssh-ed25519"));
    let screen = tty.until_text("Compare it with").concat();
    assert!(screen.contains(&format!("Address: 127.0.0.1 port {}", h.sshd.port)), "{screen}");
    assert!(screen.contains("Kept in: ") && screen.contains(&format!("as [127.0.0.1]:{}", h.sshd.port)), "{screen}");
    assert!(!echoes(&tty));
    assert!(!h.sshd.at("known_hosts").exists());
    tty.type_("perhaps\r");
    times(&tty, "Type yes, the fingerprint or no:", 1);
    tty.type_(format!("{}\r", h.fingerprint));
    // the host's banner, escaped, before the first secret
    times(&tty, "stays on this machine", 1);
    let screen = tty.screen().concat();
    assert!(screen.contains("says: Only\\u{1b}[31m friends") && screen.contains("says: may enter"), "{screen}");
    assert!(h.sshd.at("known_hosts").exists());
    tty.type_("mistaken\r");
    times(&tty, "stays on this machine", 2);
    assert!(tty.screen().concat().contains("that was wrong; 2 tries left"));
    tty.type_("opem\x7fn sesame\r");
    times(&tty, "Put it there? Type yes or no:", 1);
    tty.type_("yes\r");
    tty.until_text("yes-from-the-pipe");
    tty.until_text("code=0");
    tty.until("the terminal as it was", |_| echoes(&tty));
    let log = String::from_utf8_lossy(&tty.log()).into_owned();
    assert!(!log.contains("sesame") && !log.contains("mistaken"), "a secret was echoed");
    // and now nothing but the passphrase
    tty.type_("clear\r");
    tty.type_(h.line("", "ls -H test --json"));
    times(&tty, "stays on this machine", 1);
    tty.type_("open sesame\r");
    tty.until_text("code=0");
}

#[test]
fn cancelled_stopped_and_ended() {
    let Some(h) = host("") else { return };
    let tty = h.shell();
    // Ctrl-C at the key, at the passphrase: one sentence, 4, and the terminal as it was
    tty.type_(h.line("", "ls -H test"));
    times(&tty, "Type yes, no, or the fingerprint:", 1);
    tty.type_("\x03");
    tty.until_text("code=4");
    assert!(tty.screen().concat().contains("nobody accepted it") && echoes(&tty));
    h.sshd.know("host_ed25519");
    tty.type_("clear\r");
    tty.until_no_text("code=4");
    tty.type_(h.line("", "ls -H test"));
    times(&tty, "stays on this machine", 1);
    tty.type_("abc\x03");
    tty.until_text("code=4");
    let screen = tty.screen().concat();
    assert!(screen.contains("(its passphrase: cancelled)"), "{screen}");
    assert_eq!(screen.matches("stays on this machine").count(), 1, "cancelled is cancelled: {screen}");
    assert!(echoes(&tty));
    // wrong three times: no fourth
    tty.type_("clear\r");
    tty.until_no_text("code=4");
    tty.type_(h.line("", "ls -H test"));
    for n in 1..=3 {
        times(&tty, "Passphrase for", n);
        tty.until("no echo", |_| !echoes(&tty));
        tty.type_("wrong\r");
    }
    tty.until_text("code=4");
    let screen = tty.screen().concat();
    assert!(screen.contains("wrong passphrase") && screen.contains("that was wrong; 1 try left"), "{screen}");
    // stopped: the shell has its terminal back, and then it asks anew
    tty.type_("clear\r");
    tty.until_no_text("code=4");
    tty.type_(h.line("", "ls -H test --json"));
    times(&tty, "Passphrase for", 1);
    tty.type_("abc\x1a");
    tty.until_text("Stopped");
    tty.until("echo again", |_| echoes(&tty));
    tty.type_("fg; echo code=$?\r");
    times(&tty, "Passphrase for", 2);
    tty.until("no echo", |_| !echoes(&tty));
    tty.type_("\x03");
    tty.until_text("code=4");
    assert!(tty.screen().concat().contains("login was cancelled"));
    // two hosts ask one after the other, and cancelled is cancelled for both
    tty.type_("clear\r");
    tty.until_no_text("code=4");
    tty.type_(h.line("", "run -H test -H again -- true"));
    times(&tty, "Passphrase for", 1);
    tty.until("no echo", |_| !echoes(&tty));
    tty.type_("abc\x03");
    tty.until_text("code=255");
    let screen = tty.screen().concat();
    assert_eq!(screen.matches("Passphrase for").count(), 1, "{screen}");
    assert_eq!(screen.matches("login was cancelled").count(), 2, "{screen}");
    // ended from outside in the middle of a question
    for (which, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        tty.type_("clear\r");
        tty.until_no_text("code=");
        tty.type_(format!("$THUB -F {} ls -H test\r", h.config.display()));
        times(&tty, "Passphrase for", 1);
        tty.until("no echo", |_| !echoes(&tty));
        let asking = until("the verb", || {
            h.home.processes().into_iter().find(|p| crate::support::words(*p).iter().any(|w| w == "ls"))
        });
        signal(asking, which);
        tty.until("the terminal as it was", |s| echoes(&tty) && s.concat().matches("outer$").count() == 2);
        tty.type_("echo code=$?\r");
        tty.until_text(&format!("code={code}"));
    }
}

#[test]
fn nothing_is_asked_without_a_terminal() {
    let Some(h) = host("") else { return };
    let config = h.config.to_str().unwrap().to_string();
    let said = h.home.thub_in(&["-F", &config, "ls", "-H", "test"], b"yes\n").fails(4);
    assert!(said.contains(&h.fingerprint), "{said}");
    h.sshd.know("host_ed25519");
    let said = h.home.thub_in(&["-F", &config, "ls", "-H", "test"], b"open sesame\n").fails(4);
    assert!(said.contains("nobody to ask") && said.contains("where there is a terminal"), "{said}");
    // nor with BatchMode, terminal or not
    let batch = h.sshd.config("Host *\n  IdentityFile {dir}/locked\n  BatchMode yes\n");
    let tty = h.shell();
    tty.type_(format!("$THUB -F {} ls -H test; echo code=$?\r", batch.display()));
    tty.until_text("code=4");
    assert!(tty.screen().concat().contains("nobody to ask"));
    std::fs::remove_file(h.sshd.at("known_hosts")).unwrap();
    tty.type_(format!("clear; $THUB -F {} ls -H test; echo code=$?\r", batch.display()));
    tty.until_text("not on record");
}

/// A secret is taken whole or refused with a sentence: never cut, and never without what is no text.
#[test]
fn long_secrets_and_those_that_are_no_text() {
    let Some(h) = host("") else { return };
    h.sshd.know("host_ed25519");
    let phrase = "long ".repeat(600);
    let d = h.sshd.dir.path();
    keygen(d, &["-q", "-p", "-P", "open sesame", "-N", &phrase, "-f", "locked"]);
    let tty = h.shell();
    tty.type_(h.line("", "ls -H test"));
    times(&tty, "stays on this machine", 1);
    tty.until("no echo", |_| !echoes(&tty));
    tty.type_(b"caf\xe9\r");
    tty.until_text("that was not UTF-8 text");
    tty.type_(format!("{}\r", "x".repeat(40_000)));
    tty.until_text("that was longer than 32 KiB");
    tty.type_(format!("{phrase}x\r"));
    tty.until_text("that was wrong; 2 tries left");
    tty.type_(format!("{phrase}\r"));
    tty.until_text("Put it there? Type yes or no:");
    tty.type_("no\r");
    tty.until_text("code=");
    assert!(!String::from_utf8_lossy(&tty.log()).contains("long long"), "it was shown");
}
