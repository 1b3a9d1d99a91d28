//! Every way to prove who we are, against a real sshd; and that a wrong one ends in a sentence.

use crate::support::sshd::{self, Sshd, keygen};
use crate::support::{is_root, skip, until};
use crate::{Person, run};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use thub::failure::Failure;
use thub::transport::ask::{Ask, Nobody};
use thub::transport::ssh::{self, Ssh};

async fn log_in(config: &Path, ask: Arc<dyn Ask>) -> Result<Ssh, Failure> {
    ssh::connect("test", Some(config), ask).await
}

/// In, and out again; what sshd says of it.
#[track_caller]
fn enters(sshd: &Sshd, config: &Path, ask: Arc<dyn Ask>) -> String {
    let mark = sshd.mark();
    run(async { log_in(config, ask).await.unwrap().close().await });
    until("its word on it", || {
        let log = sshd.since(mark);
        log.lines().find(|l| l.starts_with("Accepted ") && l.contains(" from ")).map(str::to_string)
    })
}

/// 4, one sentence that names the host, and what to do next.
#[track_caller]
fn refused(config: &Path, ask: Arc<dyn Ask>) -> String {
    let failure = run(async { log_in(config, ask).await }).err().expect("it must be refused");
    assert_eq!(failure.code(), 4, "{failure}");
    assert!(failure.what.contains("@test") && !failure.hints.is_empty(), "{failure}");
    assert!(!failure.to_string().contains('\u{1b}'));
    failure.to_string()
}

pub fn allow(sshd: &Sshd, names: &[&str]) {
    let keys: String = names.iter().map(|n| std::fs::read_to_string(sshd.at(&format!("{n}.pub"))).unwrap()).collect();
    std::fs::write(sshd.at("authorized"), keys).unwrap();
}

#[test]
fn key_files() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let d = sshd.dir.path();
    let kinds: &[(&str, &[&str])] = &[
        ("ed25519", &["-t", "ed25519"]),
        ("ecdsa256", &["-t", "ecdsa", "-b", "256"]),
        ("ecdsa384", &["-t", "ecdsa", "-b", "384"]),
        ("ecdsa521", &["-t", "ecdsa", "-b", "521"]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("ecdsa-pem", &["-t", "ecdsa", "-m", "PEM"]),
        ("ecdsa-pkcs8", &["-t", "ecdsa", "-m", "PKCS8"]),
        ("rsa-pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
        ("rsa-pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"]),
    ];
    let mut failed = Vec::new();
    for (name, words) in kinds {
        for phrase in ["", "open sesame"] {
            let file = format!("{name}{}", if phrase.is_empty() { "" } else { "-locked" });
            keygen(d, &[&["-q", "-N", phrase, "-f", &file][..], words].concat());
            allow(&sshd, &[&file]);
            let config = sshd.config(&format!("Host *\n  IdentityFile {{dir}}/{file}\n"));
            // (what no longer is written since 2018: said, and how to get a file of today)
            if file == "ecdsa-pem-locked" {
                let said = refused(&config, Arc::new(Nobody));
                assert!(said.contains("old format") && said.contains("ssh-keygen -p"), "{said}");
                continue;
            }
            let person = Person::knowing(if phrase.is_empty() { &[] } else { &["wrong", "open sesame"] });
            let done = run(async { log_in(&config, person.clone()).await });
            let asked = person.asked();
            if let Err(f) = done {
                failed.push(format!("{file}: {f} {asked:?}"));
            }
            if asked.len() != if phrase.is_empty() { 0 } else { 2 } {
                failed.push(format!("{file}: asked {asked:?}"));
            }
            assert!(asked.iter().all(|a| a.contains("@test:") && a.contains(&file) && a.ends_with("|false")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));

    // a passphrase wrong three times, or as often as the config says; none after it
    allow(&sshd, &["ed25519-locked"]);
    for (line, times) in [("", 3), ("NumberOfPasswordPrompts 1", 1)] {
        let config = sshd.config(&format!("Host *\n  IdentityFile {{dir}}/ed25519-locked\n  {line}\n"));
        let person = Person::knowing(&["a", "b", "c", "d", "e"]);
        let said = refused(&config, person.clone());
        assert!(said.contains("ed25519-locked (wrong passphrase)") && said.contains("type it anew"), "{said}");
        assert_eq!(person.left(), [None, Some(2), Some(1)][..times]);
        assert_eq!(person.asked().len(), times);
    }
    // a key others can read is none; nor is one that is only half there
    allow(&sshd, &["ed25519"]);
    let config = sshd.config("Host *\n  IdentityFile {dir}/ed25519\n");
    std::fs::set_permissions(sshd.at("ed25519"), PermissionsExt::from_mode(0o644)).unwrap();
    let mark = sshd.mark();
    let said = refused(&config, Arc::new(Nobody));
    assert!(said.contains("ed25519 (others can read it") && said.contains("chmod 600"), "{said}");
    sshd.refused_one(mark);
    let theirs = Command::new("ssh").arg("-F").arg(&config).args(["-oBatchMode=yes", "test", "true"]).output().unwrap();
    assert!(!theirs.status.success(), "ssh refuses it as well");
    std::fs::set_permissions(sshd.at("ed25519"), PermissionsExt::from_mode(0o600)).unwrap();
    enters(&sshd, &config, Arc::new(Nobody));
    std::fs::rename(sshd.at("ed25519"), sshd.at("elsewhere")).unwrap();
    let said = refused(&config, Arc::new(Nobody));
    assert!(said.contains("the private key is not there"), "{said}");
    // a public key in the config picks the agent's
    let agent = Agent::start(&sshd, &[]);
    agent.add(&["elsewhere"]);
    for name in ["ed25519", "ed25519.pub"] {
        let with = format!("Host *\n  IdentityAgent {}\n  IdentityFile {{dir}}/{name}\n", agent.socket.display());
        enters(&sshd, &sshd.config(&with), Arc::new(Nobody));
    }
}

/// A real ssh-agent, ended when dropped.
pub struct Agent {
    child: Child,
    socket: PathBuf,
    dir: PathBuf,
}
impl Agent {
    pub fn start(sshd: &Sshd, env: &[(&str, &str)]) -> Agent {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let socket = sshd.at(&format!("agent.{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let mut command = Command::new("ssh-agent");
        command.args(["-D", "-a"]).arg(&socket).envs(env.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // it prints where it listens once it does
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 1]).unwrap();
        Agent { child, socket, dir: sshd.dir.path().to_path_buf() }
    }
    #[track_caller]
    pub fn add(&self, words: &[&str]) {
        let mut command = Command::new("ssh-add");
        command.arg("-q").args(words).current_dir(&self.dir).env("SSH_AUTH_SOCK", &self.socket);
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    pub fn config(&self, sshd: &Sshd, more: &str) -> PathBuf {
        let socket = self.socket.display();
        sshd.config(&format!("Host *\n  IdentityAgent {socket}\n  IdentitiesOnly no\n  {more}\n"))
    }
}
impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn agents() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("TrustedUserCAKeys {dir}/ca.pub");
    let d = sshd.dir.path();
    for name in ["a1", "a2", "a3", "certified", "ca"] {
        keygen(d, &["-q", "-t", "ed25519", "-N", "", "-f", name]);
    }
    // several keys, the third is taken; the ones before it cost no signature
    allow(&sshd, &["a3"]);
    let agent = Agent::start(&sshd, &[]);
    agent.add(&["a1", "a2", "a3"]);
    std::fs::remove_file(sshd.at("id")).unwrap();
    assert!(enters(&sshd, &agent.config(&sshd, ""), Arc::new(Nobody)).contains("publickey"));
    // none of them is: how many there were
    allow(&sshd, &["ca"]);
    let said = refused(&agent.config(&sshd, ""), Arc::new(Nobody));
    assert!(said.contains("3 keys from the agent"), "{said}");
    // a certificate in the agent
    let me = Command::new("id").arg("-un").output().unwrap();
    let me = String::from_utf8(me.stdout).unwrap();
    keygen(d, &["-q", "-s", "ca", "-I", "me", "-n", me.trim(), "certified.pub"]);
    let only = Agent::start(&sshd, &[]);
    only.add(&["certified"]);
    assert!(enters(&sshd, &only.config(&sshd, ""), Arc::new(Nobody)).contains("CERT"));
    // a certificate by CertificateFile, its key in the agent without one
    let bare = Agent::start(&sshd, &[]);
    std::fs::create_dir(sshd.at("sub")).unwrap();
    std::fs::rename(sshd.at("certified-cert.pub"), sshd.at("sub/cert.pub")).unwrap();
    bare.add(&["certified"]);
    let config = sshd.config("Host *\n  IdentityFile {dir}/certified\n  CertificateFile {dir}/sub/cert.pub\n");
    assert!(enters(&sshd, &config, Arc::new(Nobody)).contains("CERT"));
    let config = bare.config(&sshd, "CertificateFile {dir}/sub/cert.pub");
    assert!(enters(&sshd, &config, Arc::new(Nobody)).contains("CERT"), "the agent's key, the file's certificate");
    // the agent's owner says no (a program is asked), and the file's key is next
    allow(&sshd, &["a1", "a2"]);
    let no = Agent::start(&sshd, &[("SSH_ASKPASS", "/bin/false"), ("SSH_ASKPASS_REQUIRE", "force")]);
    no.add(&["-c", "a1"]);
    enters(&sshd, &no.config(&sshd, "IdentityFile {dir}/a2"), Arc::new(Nobody));
    let said = refused(&no.config(&sshd, ""), Arc::new(Nobody));
    assert!(said.contains("1 key from the agent"), "{said}");
    // a locked agent gives no key away
    drop(no);
    // gone, and one that answers nothing: the file's key is used
    let hanging = UnixListener::bind(sshd.at("hanging")).unwrap();
    let broken = UnixListener::bind(sshd.at("broken")).unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = broken.accept() {
            // a length that is a lie, and the end
            let _ = stream.write_all(&[0xff; 64]);
        }
    });
    for name in ["nothing-there", "hanging", "broken"] {
        let lines = format!("Host *\n  IdentityAgent {{dir}}/{name}\n  IdentityFile {{dir}}/a2\n");
        enters(&sshd, &sshd.config(&lines), Arc::new(Nobody));
    }
    drop(hanging);
}

/// A user with a password, and PAM that asks for it; both go with this.
pub struct Account {
    pub name: String,
    program: PathBuf,
    pam: PathBuf,
    _dir: tempfile::TempDir,
}

pub const PASSWORD: &str = "correct horse 7#";

impl Account {
    pub fn new(mark: &str) -> Option<Account> {
        if !sshd::here() {
            return None;
        }
        let unix = ["/lib", "/usr/lib"].iter().any(|lib| {
            std::fs::read_dir(lib)
                .into_iter()
                .flatten()
                .flatten()
                .any(|e| e.path().join("security/pam_unix.so").exists())
        });
        if !is_root() || !unix || !Path::new("/usr/sbin/useradd").exists() || !Path::new("/etc/pam.d").is_dir() {
            skip("user with a password (root, useradd and PAM make one)");
            return None;
        }
        let name = format!("thub-{mark}{}", std::process::id());
        let dir = tempfile::tempdir().unwrap();
        // the service is called as the program is
        let program = dir.path().join(&name);
        std::os::unix::fs::symlink("/usr/sbin/sshd", &program).unwrap();
        let pam = Path::new("/etc/pam.d").join(&name);
        std::fs::write(
            &pam,
            "auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_unix.so\nsession required pam_permit.so\n",
        )
        .unwrap();
        let account = Account { name, program, pam, _dir: dir };
        let mut useradd = Command::new("/usr/sbin/useradd");
        useradd.args(["--no-create-home", "--home-dir", "/", "--user-group", "--shell", "/bin/sh", &account.name]);
        until("useradd to work", || useradd.output().unwrap().status.success().then_some(()));
        account.set(PASSWORD);
        Some(account)
    }
    fn set(&self, password: &str) {
        until("chpasswd to work", || {
            let mut child = Command::new("chpasswd").stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let line = format!("{}:{password}\n", self.name);
            child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
            child.wait().unwrap().success().then_some(())
        });
    }
    pub fn sshd(&self, first: &str) -> Sshd {
        Sshd::start_as(&self.program, first, "")
    }
    pub fn config(&self, sshd: &Sshd, more: &str) -> PathBuf {
        sshd.config(&format!("Host *\n  User {}\n  {more}\n", self.name))
    }
}
impl Drop for Account {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.pam);
        let mut userdel = Command::new("/usr/sbin/userdel");
        userdel.arg(&self.name);
        let mut gone = || userdel.output().ok().and_then(|o| o.status.code()).filter(|c| [0, 6].contains(c));
        if std::thread::panicking() {
            let _ = gone();
        } else {
            until("userdel to work", gone);
        }
    }
}

#[test]
fn passwords() {
    let Some(account) = Account::new("pw") else { return };
    let sshd = account.sshd("PasswordAuthentication yes\nUsePAM no\nMaxAuthTries 4\nBanner {dir}/banner");
    std::fs::write(sshd.at("banner"), "hello\u{1b}]0;x\u{7}\nsecond\n").unwrap();
    allow(&sshd, &["other"]);
    let config = account.config(&sshd, "PubkeyAuthentication no");
    // the third is right; each question names the host; the banner comes once, before them, escaped
    let person = Person::knowing(&["wrong", "wrong too", PASSWORD]);
    assert!(enters(&sshd, &config, person.clone()).contains("password"));
    let asked = person.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    let at = format!("{}@test:{}", account.name, sshd.port);
    assert!(asked.iter().all(|a| *a == format!("{at}|{at}'s password|false")), "{asked:?}");
    assert_eq!(*person.told.lock().unwrap(), [format!("{at}|hello\\u{{1b}}]0;x\\u{{7}}\nsecond")]);
    // wrong for good: three questions and no more; or one
    let person = Person::knowing(&["a", "b", "c", PASSWORD]);
    let said = refused(&config, person.clone());
    assert!(said.contains("password: wrong 3 times"), "{said}");
    assert_eq!(person.left(), [None, Some(2), Some(1)]);
    let person = Person::knowing(&["a", PASSWORD]);
    refused(&account.config(&sshd, "PubkeyAuthentication no\n  NumberOfPasswordPrompts 1"), person.clone());
    assert_eq!(person.asked().len(), 1);
    // the server loses patience: its words, and what to do
    let person = Person::knowing(&["a", "b", "c"]);
    let with_keys = "IdentityFile {dir}/other\n  IdentityFile {dir}/host_ed25519\n  IdentityFile {dir}/host_rsa";
    allow(&sshd, &[]);
    let said = refused(&account.config(&sshd, with_keys), person.clone());
    assert!(said.contains("Too many authentication failures") && said.contains("IdentitiesOnly"), "{said}");
    assert!(person.asked().len() < 3);
    // PreferredAuthentications: the password first, keys not at all
    let person = Person::knowing(&[PASSWORD]);
    let mark = sshd.mark();
    enters(&sshd, &account.config(&sshd, "PreferredAuthentications password"), person);
    assert!(!sshd.since(mark).contains("method publickey"));
    // nobody, a person who leaves, and BatchMode
    assert!(refused(&config, Arc::new(Nobody)).contains("password: nobody to ask"));
    let gone = Person::knowing(&[]);
    assert!(refused(&config, gone.clone()).contains("cancelled"));
    assert_eq!(gone.asked().len(), 1);
    let batch = Person::knowing(&[PASSWORD]);
    refused(&account.config(&sshd, "PubkeyAuthentication no\n  BatchMode yes"), batch.clone());
    assert!(batch.asked().is_empty());
}

#[test]
fn two_factors_and_several_rounds() {
    let Some(account) = Account::new("pam") else { return };
    let pam = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication yes\nLogLevel DEBUG2\n";
    let at = |sshd: &Sshd| format!("{}@test:{}", account.name, sshd.port);
    // keyboard-interactive alone, after a wrong answer
    let sshd = account.sshd(pam);
    let config = account.config(&sshd, "PubkeyAuthentication no\n  PasswordAuthentication no");
    let person = Person::knowing(&["wrong", PASSWORD]);
    assert!(enters(&sshd, &config, person.clone()).contains("keyboard-interactive"));
    let asked = person.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].starts_with(&at(&sshd)) && asked[0].ends_with("Password:|false"), "{asked:?}");
    let person = Person::knowing(&["a", "b", "c", PASSWORD]);
    assert!(refused(&config, person.clone()).contains("keyboard-interactive: wrong 3 times"));
    assert_eq!(person.left(), [None, Some(2), Some(1)]);
    // a key, then the person: and the other way round
    for (order, wrong) in [
        ("publickey,keyboard-interactive", false),
        ("keyboard-interactive,publickey", false),
        ("publickey,keyboard-interactive", true),
    ] {
        let sshd = account.sshd(&format!("{pam}AuthenticationMethods {order}"));
        let config = account.config(&sshd, "");
        let person = Person::knowing(if wrong { &["a", "b", "c", "d"] } else { &[PASSWORD] });
        if wrong {
            let said = refused(&config, person.clone());
            assert!(said.contains("publickey passed; keyboard-interactive"), "{said}");
            assert_eq!(person.asked().len(), 3);
        } else {
            enters(&sshd, &config, person.clone());
            assert_eq!(person.asked().len(), 1);
        }
    }
    // the right password, and no key for the second factor
    let sshd = account.sshd(&format!("{pam}AuthenticationMethods keyboard-interactive,publickey"));
    allow(&sshd, &["other"]);
    let person = Person::knowing(&[PASSWORD, PASSWORD, PASSWORD]);
    let said = refused(&account.config(&sshd, ""), person.clone());
    assert!(said.contains("it takes publickey"), "{said}");
    assert_eq!(person.asked().len(), 1);
    // a password that must be changed: several rounds, and the words between them
    let sshd = account.sshd(pam);
    let config = account.config(&sshd, "PubkeyAuthentication no\n  PasswordAuthentication no");
    let expire = Command::new("chage").args(["-d", "0", &account.name]).status();
    assert!(expire.is_ok_and(|s| s.success()));
    let new = "another horse 8%";
    let person = Person::knowing(&[PASSWORD, PASSWORD, new, new]);
    enters(&sshd, &config, person.clone());
    let asked = person.asked();
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert!(asked[1].contains("urrent") && asked[2].contains("ew password") && asked[3].contains("etype"), "{asked:?}");
    let person = Person::knowing(&[new]);
    enters(&sshd, &config, person);
}

/// An sshd that takes certificates of `uca` alone, none of the keys themselves; and the name to certify.
fn certified_only(first: &str) -> (Sshd, String) {
    let sshd = Sshd::start_as(Path::new("/usr/sbin/sshd"), first, "TrustedUserCAKeys {dir}/uca.pub");
    keygen(sshd.dir.path(), &["-q", "-t", "ed25519", "-N", "", "-f", "uca"]);
    std::fs::write(sshd.at("authorized"), "").unwrap();
    let me = Command::new("id").arg("-un").output().unwrap();
    (sshd, String::from_utf8(me.stdout).unwrap().trim().to_string())
}

/// Does OpenSSH's own ssh log in so? (No question can be answered.)
fn theirs(config: &Path) -> bool {
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(config).args(["-oBatchMode=yes", "test", "true"]).stdin(Stdio::null());
    ssh.output().unwrap().status.success()
}

#[test]
fn a_certificate_beside_a_locked_key() {
    if !sshd::here() {
        return;
    }
    let (sshd, me) = certified_only("");
    let d = sshd.dir.path();
    // (what PKCS#8 and PEM lock says nothing of the public half: it comes from the file beside it, or not at all)
    let kinds: &[(&str, &[&str])] = &[
        ("new", &["-t", "ed25519"]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("pkcs8", &["-t", "ecdsa", "-m", "PKCS8"]),
        ("mute", &["-t", "ecdsa", "-m", "PKCS8"]),
    ];
    for (name, words) in kinds {
        keygen(d, &[&["-q", "-N", "open sesame", "-f", name][..], words].concat());
        keygen(d, &["-q", "-s", "uca", "-I", "x", "-n", &me, &format!("{name}.pub")]);
        if *name == "mute" {
            std::fs::remove_file(sshd.at("mute.pub")).unwrap();
        }
        let config = sshd.config(&format!("Host *\n  IdentityFile {{dir}}/{name}\n"));
        let person = Person::knowing(&["wrong", "open sesame"]);
        assert!(enters(&sshd, &config, person.clone()).contains("CERT"), "{name}");
        let asked = person.asked();
        assert!(asked.len() == 2 && asked.iter().all(|a| a.contains(&format!("/{name}|"))), "{name}: {asked:?}");
    }
    // what the host takes neither with nor without is not worth a question
    keygen(d, &["-q", "-s", "uca", "-I", "x", "-n", "somebody-else", "new.pub"]);
    let person = Person::knowing(&["open sesame"]);
    refused(&sshd.config("Host *\n  IdentityFile {dir}/new\n"), person.clone());
    assert_eq!(person.asked(), [""; 0]);
}

#[test]
fn an_rsa_certificate_in_a_file() {
    if !sshd::here() {
        return;
    }
    // (sshd names every hash it knows, even where it takes only one: that is for the client's config to say)
    let (sha256, only) = ("PubkeyAcceptedAlgorithms rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-256");
    for (line, hash) in [("", "rsa-sha2-512"), (sha256, only)] {
        let (sshd, me) = certified_only(&format!("{line}\nLogLevel DEBUG3"));
        let d = sshd.dir.path();
        keygen(d, &["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "rsa"]);
        keygen(d, &["-q", "-s", "uca", "-I", "x", "-n", &me, "rsa.pub"]);
        let config = sshd.config(&format!("Host *\n  {line}\n  IdentityFile {{dir}}/rsa\n"));
        assert!(theirs(&config));
        let mark = sshd.mark();
        assert!(enters(&sshd, &config, Arc::new(Nobody)).contains("RSA-CERT"));
        let log = sshd.since(mark);
        assert!(log.contains(&format!("{hash}-cert-v01@openssh.com")), "{log}");
        assert!(!log.contains("ssh-rsa-cert-v01@openssh.com"), "nothing with SHA-1: {log}");
    }
}

#[test]
fn several_certificates_of_one_key() {
    if !sshd::here() {
        return;
    }
    let (sshd, me) = certified_only("");
    let d = sshd.dir.path();
    for (name, phrase) in [("open", ""), ("locked", "open sesame")] {
        keygen(d, &["-q", "-t", "ed25519", "-N", phrase, "-f", name]);
        for (file, who) in [("wrong", "somebody-else"), ("good", &me)] {
            keygen(d, &["-q", "-s", "uca", "-I", "x", "-n", who, &format!("{name}.pub")]);
            std::fs::rename(sshd.at(&format!("{name}-cert.pub")), sshd.at(&format!("{name}.{file}"))).unwrap();
        }
        let files = format!("CertificateFile {{dir}}/{name}.wrong\n  CertificateFile {{dir}}/{name}.good");
        let config = sshd.config(&format!("Host *\n  IdentityFile {{dir}}/{name}\n  {files}\n"));
        let person = Person::knowing(&[phrase][..usize::from(!phrase.is_empty())]);
        assert!(!phrase.is_empty() || theirs(&config));
        assert!(enters(&sshd, &config, person.clone()).contains("CERT"), "{name}");
        assert_eq!(person.asked().len(), usize::from(!phrase.is_empty()));
    }
    // the key in the agent, the certificates in files
    let agent = Agent::start(&sshd, &[]);
    agent.add(&["open"]);
    let config = agent.config(&sshd, "CertificateFile {dir}/open.wrong\n  CertificateFile {dir}/open.good");
    assert!(theirs(&config));
    assert!(enters(&sshd, &config, Arc::new(Nobody)).contains("CERT"));
}

#[test]
fn which_of_our_keys_may_be_shown() {
    if !sshd::here() {
        return;
    }
    let (sshd, me) = certified_only("LogLevel DEBUG3");
    let d = sshd.dir.path();
    keygen(d, &["-q", "-t", "ed25519", "-N", "", "-f", "ed"]);
    keygen(d, &["-q", "-s", "uca", "-I", "x", "-n", &me, "ed.pub"]);
    keygen(d, &["-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", "rsa"]);
    let agent = Agent::start(&sshd, &[]);
    let certificates = Agent::start(&sshd, &[]);
    certificates.add(&["ed"]);
    std::fs::create_dir(sshd.at("bare")).unwrap();
    for name in ["ed", "ed.pub"] {
        std::fs::copy(sshd.at(name), sshd.at(&format!("bare/{name}"))).unwrap();
    }
    agent.add(&["bare/ed", "rsa"]);
    let kind = "ssh-ed25519-cert-v01@openssh.com";
    let ways = [
        sshd.config(&format!("Host *\n  PubkeyAcceptedAlgorithms {kind}\n  IdentityFile {{dir}}/ed\n")),
        agent.config(&sshd, &format!("PubkeyAcceptedAlgorithms {kind}\n  CertificateFile {{dir}}/ed-cert.pub")),
        certificates.config(&sshd, &format!("PubkeyAcceptedAlgorithms {kind}")),
    ];
    // (ssh passes over the agent's key in the second, and then has nothing to sign with)
    assert!(theirs(&ways[0]) && theirs(&ways[2]));
    for config in ways {
        let mark = sshd.mark();
        assert!(enters(&sshd, &config, Arc::new(Nobody)).contains("CERT"));
        let log = sshd.since(mark);
        assert!(!log.contains("pkalg ssh-ed25519 "), "the key alone is not shown: {log}");
    }
    // only the key, not its certificate
    let only = "PubkeyAcceptedAlgorithms ssh-ed25519";
    let ways = [
        sshd.config(&format!("Host *\n  {only}\n  IdentityFile {{dir}}/ed\n")),
        agent.config(&sshd, &format!("{only}\n  CertificateFile {{dir}}/ed-cert.pub")),
        certificates.config(&sshd, only),
    ];
    for config in &ways {
        assert!(!theirs(config));
        let mark = sshd.mark();
        let said = refused(config, Arc::new(Nobody));
        assert!(said.contains("certificate left out by PubkeyAcceptedAlgorithms"), "{said}");
        let log = sshd.refused_one(mark);
        assert!(!log.contains(&format!("pkalg {kind}")), "{log}");
    }
    // RSA with the hash that both take; the server prefers the other one
    allow(&sshd, &["rsa"]);
    for hash in ["rsa-sha2-256", "rsa-sha2-512"] {
        let line = format!("PubkeyAcceptedAlgorithms {hash}");
        let ways =
            [sshd.config(&format!("Host *\n  {line}\n  IdentityFile {{dir}}/rsa\n")), agent.config(&sshd, &line)];
        for config in ways {
            assert!(theirs(&config));
            let mark = sshd.mark();
            enters(&sshd, &config, Arc::new(Nobody));
            assert!(sshd.since(mark).contains(&format!("pkalg {hash} ")), "{}", sshd.since(mark));
        }
    }
    // RequiredRSASize
    let small = "RequiredRSASize 4096\n  IdentityFile {dir}/rsa";
    let ways = [sshd.config(&format!("Host *\n  {small}\n")), agent.config(&sshd, small)];
    for config in ways {
        assert!(!theirs(&config));
        let mark = sshd.mark();
        let said = refused(&config, Arc::new(Nobody));
        assert!(said.contains("3072 bits") && said.contains("RequiredRSASize"), "{said}");
        let log = sshd.refused_one(mark);
        assert!(!log.contains("pkalg rsa"), "{log}");
    }
    enters(&sshd, &sshd.config("Host *\n  RequiredRSASize 3072\n  IdentityFile {dir}/rsa\n"), Arc::new(Nobody));
}

#[test]
fn too_many_wrong_answers() {
    let Some(account) = Account::new("max") else { return };
    let sshd = account.sshd("PasswordAuthentication yes\nUsePAM no\nMaxAuthTries 2");
    let person = Person::knowing(&["a", "b", "c"]);
    let said = refused(&account.config(&sshd, "PubkeyAuthentication no"), person.clone());
    assert_eq!(person.asked().len(), 2);
    assert!(said.contains("Too many authentication failures"), "{said}");
    assert!(said.contains("password: wrong 2 times") && said.contains("type it anew"), "{said}");
    assert!(!said.contains("IdentitiesOnly"), "no key was shown: {said}");
    // a key that is refused counts as well: both are said
    allow(&sshd, &[]);
    let person = Person::knowing(&["a", "b", "c"]);
    let said = refused(&account.config(&sshd, ""), person.clone());
    assert_eq!(person.asked().len(), 1);
    assert!(said.contains("password: wrong)") && said.contains("type it anew"), "{said}");
    assert!(said.contains("IdentitiesOnly"), "{said}");
}
