//! What is sent to a host before it has answered: a login with the key it took last time, and the first command.

use crate::login::{Account, Agent, PASSWORD, allow};
use crate::support::sshd::{self, Sshd, keygen};
use crate::{Person, run};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use thub::failure::Failure;
use thub::transport::ask::{Ask, Nobody};
use thub::transport::ssh::{self, Again, Note, Ssh};

/// As `ssh-keygen -l` names it.
fn fingerprint(sshd: &Sshd, name: &str) -> String {
    let printed = Command::new("ssh-keygen").arg("-lf").arg(sshd.at(&format!("{name}.pub"))).output().unwrap();
    String::from_utf8(printed.stdout).unwrap().split(' ').nth(1).unwrap().to_string()
}

/// The key it took, what the command printed, and what sshd says of it; else why not, and whether the guess may be why.
fn goes(
    sshd: &Sshd,
    config: &Path,
    known: &str,
    ask: Arc<dyn Ask>,
) -> Result<(Option<String>, String, String), (Failure, bool)> {
    let (mark, note) = (sshd.mark(), Arc::new(Note::default()));
    let again = |command: &'static str| Again {
        key: fingerprint(sshd, known),
        command: tokio::spawn(async move { Some(command.to_string()) }),
        note: note.clone(),
    };
    let done = run(async {
        let ssh: Ssh = ssh::connect_again("test", Some(config), ask.clone(), Some(again("echo ran"))).await?;
        let mut channel = ssh.exec_lending("echo ran").await?;
        let mut printed = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut channel, &mut printed).await.unwrap();
        let key = ssh.key().map(str::to_string);
        ssh.close().await;
        Ok((key, printed))
    });
    let (key, printed) = done.map_err(|failure| (failure, note.may_be_why()))?;
    sshd.wait_for(mark, "Disconnected from");
    Ok((key, printed, sshd.since(mark)))
}

#[test]
fn a_key_and_a_command_at_once() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("LogLevel DEBUG1");
    for name in ["a", "b"] {
        keygen(sshd.dir.path(), &["-q", "-t", "ed25519", "-N", "", "-f", name]);
    }
    keygen(sshd.dir.path(), &["-q", "-t", "ed25519", "-N", "open sesame", "-f", "locked"]);
    let config = sshd.config("Host *\n  IdentityFile {dir}/b\n  IdentityFile {dir}/a\n");
    let times = |log: &str, what: &str| log.lines().filter(|l| l.contains(what)).count();

    // the one that was taken is shown before those that come first, and not asked about before
    allow(&sshd, &["a"]);
    let (key, printed, log) = goes(&sshd, &config, "a", Arc::new(Nobody)).unwrap();
    assert_eq!((key, printed.as_str()), (Some(fingerprint(&sshd, "a")), "ran\n"));
    assert_eq!((times(&log, "Postponed publickey"), times(&log, "userauth-request")), (0, 1), "{log}");
    assert_eq!(times(&log, "ctype session"), 1, "{log}");

    // it is not taken any more: what came ahead with it is not done, and the next key does
    allow(&sshd, &["b"]);
    let (key, printed, log) = goes(&sshd, &config, "a", Arc::new(Nobody)).unwrap();
    assert_eq!((key, printed.as_str()), (Some(fingerprint(&sshd, "b")), "ran\n"), "{log}");
    assert_eq!(times(&log, "ctype session"), 1, "{log}");

    // it is not there any more
    let (key, printed, _) = goes(&sshd, &config, "locked", Arc::new(Nobody)).unwrap();
    assert_eq!((key, printed.as_str()), (Some(fingerprint(&sshd, "b")), "ran\n"));

    // a passphrase is asked for only once the host says it would take the key
    let config = sshd.config("Host *\n  IdentityFile {dir}/locked\n  IdentityFile {dir}/a\n");
    allow(&sshd, &["a"]);
    let person = Person::knowing(&["open sesame"]);
    let (key, printed, _) = goes(&sshd, &config, "locked", person.clone()).unwrap();
    assert_eq!((key, printed.as_str()), (Some(fingerprint(&sshd, "a")), "ran\n"));
    assert_eq!(person.asked(), [""; 0]);
    allow(&sshd, &["locked"]);
    assert_eq!(goes(&sshd, &config, "locked", person.clone()).unwrap().1, "ran\n");
    assert_eq!(person.asked().len(), 1);

    // none is taken: as refused as ever, and not for the guess
    allow(&sshd, &["b"]);
    let (failure, why) = goes(&sshd, &config, "a", Arc::new(Nobody)).err().unwrap();
    assert!(failure.code() == 4 && failure.what.contains("refused every way tried") && !why, "{failure}");

    // a key of the agent, and an RSA one, whose hash the host has to name first
    keygen(sshd.dir.path(), &["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "rsa"]);
    allow(&sshd, &["rsa"]);
    let agent = Agent::start(&sshd, &[]);
    agent.add(&["a", "b", "rsa"]);
    let (key, printed, log) = goes(&sshd, &agent.config(&sshd, ""), "rsa", Arc::new(Nobody)).unwrap();
    assert_eq!((key, printed.as_str()), (Some(fingerprint(&sshd, "rsa")), "ran\n"));
    assert_eq!((times(&log, "Postponed publickey"), times(&log, "userauth-request")), (0, 1), "{log}");
    // its owner says no
    let no = Agent::start(&sshd, &[("SSH_ASKPASS", "/bin/false"), ("SSH_ASKPASS_REQUIRE", "force")]);
    no.add(&["-c", "a"]);
    allow(&sshd, &["a", "b"]);
    let config = no.config(&sshd, "IdentityFile {dir}/b");
    let (key, printed, _) = goes(&sshd, &config, "a", Arc::new(Nobody)).unwrap();
    assert_eq!((key, printed.as_str()), (Some(fingerprint(&sshd, "b")), "ran\n"));
}

/// A certificate and its key are two: what was taken is shown, whichever comes first.
#[test]
fn a_key_with_a_certificate_that_the_host_does_not_take() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("LogLevel DEBUG1\nMaxAuthTries 1");
    let d = sshd.dir.path();
    for name in ["a", "ca"] {
        keygen(d, &["-q", "-t", "ed25519", "-N", "", "-f", name]);
    }
    keygen(d, &["-q", "-s", "ca", "-I", "me", "-n", "root", "a.pub"]);
    allow(&sshd, &["a"]);
    let config = sshd.config("Host *\n  IdentityFile {dir}/a\n");
    let (key, printed, log) = goes(&sshd, &config, "a", Arc::new(Nobody)).unwrap();
    assert_eq!((key, printed.as_str()), (Some(fingerprint(&sshd, "a")), "ran\n"), "{log}");
}

#[test]
fn a_host_that_hangs_up_on_a_guess() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("MaxAuthTries 1");
    for name in ["a", "b"] {
        keygen(sshd.dir.path(), &["-q", "-t", "ed25519", "-N", "", "-f", name]);
    }
    allow(&sshd, &["b"]);
    let config = sshd.config("Host *\n  IdentityFile {dir}/b\n  IdentityFile {dir}/a\n");
    let (failure, why) = goes(&sshd, &config, "a", Arc::new(Nobody)).err().unwrap();
    assert!(why, "{failure}");
    // a person who was asked something is not asked again
    let config = sshd.config("Host *\n  IdentityFile {dir}/a\n");
    let person = Person::knowing(&[]);
    std::fs::remove_file(sshd.at("known_hosts")).unwrap();
    let (failure, why) = goes(&sshd, &config, "a", person.clone()).err().unwrap();
    assert!(!why && person.asked().len() == 1, "{failure} {:?}", person.asked());
}

#[test]
fn a_key_that_is_one_factor_of_two() {
    let Some(account) = Account::new("ahead") else { return };
    let sshd = account.sshd("AuthenticationMethods publickey,password\nPasswordAuthentication yes\nUsePAM no");
    let person = Person::knowing(&[PASSWORD]);
    let (key, printed, _) = goes(&sshd, &account.config(&sshd, ""), "id", person.clone()).unwrap();
    assert_eq!((key, printed.as_str()), (None, "ran\n"));
    assert_eq!(person.asked().len(), 1);
}
