//! SSH and deploy against a real OpenSSH server.

#[path = "ssh/forward.rs"]
mod forward;
#[path = "support/sshd.rs"]
mod sshd;

use sshd::Sshd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use thub::failure::Failure;
use thub::filesys::sftp::Remote;
use thub::filesys::{Fs, Wanted};
use thub::proto::control::{FileName, FilePath, FilesWrite};
use thub::proto::hello;
use thub::secret::Secret;
use thub::transport::ask::{Answered, Ask, KeyAsked, Nobody, SecretAsked};
use thub::transport::ssh::{self, Exit, Ssh};
use thub::transport::{DeployPolicy, deploy, reach};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const THUB: &str = env!("CARGO_BIN_EXE_thub");

/// Answers as told, and keeps what it was asked.
#[derive(Default)]
struct Person {
    trust: bool,
    secrets: Mutex<Vec<&'static str>>,
    deploy: bool,
    asked: Mutex<Vec<String>>,
    steps: Mutex<Vec<String>>,
}
impl Person {
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
    fn uploads(&self) -> usize {
        self.steps.lock().unwrap().iter().filter(|s| s.contains("uploading")).count()
    }
}
impl Ask for Person {
    fn host_key(&self, asked: &KeyAsked) -> Answered<'_, bool> {
        let KeyAsked { host, kind, fingerprint, .. } = asked;
        self.asked.lock().unwrap().push(format!("host_key {host} {kind} {fingerprint}"));
        Box::pin(async { Some(self.trust) })
    }
    fn secret(&self, asked: &SecretAsked) -> Answered<'_, Secret> {
        let SecretAsked { host, prompt, .. } = asked;
        self.asked.lock().unwrap().push(format!("secret {host} {prompt}"));
        let answer = self.secrets.lock().unwrap().pop().map(Secret::from);
        Box::pin(async { answer })
    }
    fn deploy(&self, host: &str, _: Option<&str>, offered: &str, steps: &[String]) -> Answered<'_, bool> {
        self.asked.lock().unwrap().push(format!("deploy {host} {offered} {}", steps.join(", ")));
        Box::pin(async { Some(self.deploy) })
    }
    fn progress(&self, step: &str, _: Option<f32>) {
        self.steps.lock().unwrap().push(step.to_string());
    }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async { tokio::time::timeout(Duration::from_secs(60), test).await.expect("a test takes no 2 minutes") })
}

async fn connect(config: &Path) -> Result<Ssh, Failure> {
    ssh::connect("test", Some(config), Arc::new(Nobody)).await
}

fn refused(result: Result<Ssh, Failure>) -> Failure {
    match result {
        Ok(_) => panic!("it must be refused"),
        Err(f) => {
            assert_eq!(f.code(), 4, "{f}");
            assert!(!f.hints.is_empty());
            f
        }
    }
}

#[test]
fn commands_streams_and_ends() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let config = sshd.config("");
    run(async {
        let ssh = connect(&config).await.unwrap();
        let (out, err, code) = ssh.output("echo out; echo err >&2; exit 7", 100).await.unwrap();
        // (this sshd's debug lines land there as well)
        assert!(out == b"out\n" && err.ends_with(b"err\n") && code == Some(7));
        assert!(ssh.output("yes | head -c 5000", 100).await.is_err(), "more than the limit");
        let (_, _, code) = ssh.output("kill -9 $$", 100).await.unwrap();
        assert_eq!(code, None);

        // both ways, more than any buffer holds
        let channel = ssh.exec("cat").await.unwrap();
        let (mut read, mut write) = tokio::io::split(channel);
        let sent: Vec<u8> = (0..20_000_000u32).map(|i| (i.wrapping_mul(2654435761) >> 13) as u8).collect();
        let copy = sent.clone();
        let writer = tokio::spawn(async move {
            for piece in copy.chunks(100_000) {
                write.write_all(piece).await.unwrap();
            }
            write.shutdown().await.unwrap();
            write
        });
        let mut got = Vec::new();
        read.read_to_end(&mut got).await.unwrap();
        assert!(got == sent);
        let channel = read.unsplit(writer.await.unwrap());
        assert_eq!(channel.wait().await, Exit::Code(0));

        // stderr is drained whether or not anybody reads, and its end is kept
        let (out, err, code) =
            ssh.output("yes error | head -c 5000000 >&2; echo last >&2; echo done", 100).await.unwrap();
        assert_eq!((&out[..], code), (&b"done\n"[..], Some(0)));
        assert!(err.len() == 4096 && err.ends_with(b"last\n"), "{}", err.len());

        // an unread channel stalls nobody
        let unread = ssh.exec("head -c 7000000 /dev/zero").await.unwrap();
        for _ in 0..3 {
            assert_eq!(ssh.output("echo hi", 100).await.unwrap().0, b"hi\n");
        }
        // one that floods without end only until it is dropped
        let flood = ssh.exec("exec cat /dev/zero").await.unwrap();
        drop(flood);
        assert_eq!(ssh.output("echo hi", 100).await.unwrap().0, b"hi\n");
        let mut got = Vec::new();
        let mut unread = unread;
        unread.read_to_end(&mut got).await.unwrap();
        assert_eq!(got.len(), 7_000_000);

        // more than is held for one: the host waits, and all of it comes once it is read
        let mut late = ssh.exec("head -c 30000000 /dev/zero").await.unwrap();
        late.read_u8().await.unwrap();
        let mut got = Vec::new();
        late.read_to_end(&mut got).await.unwrap();
        assert_eq!(got.len(), 29_999_999);

        // what was put back is read first
        let mut c = ssh.exec("echo world").await.unwrap();
        c.unread(b"hello ");
        let mut got = Vec::new();
        c.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"hello world\n");

        // the connection ends with the last handle
        let mark = sshd.mark();
        let clone = ssh.clone();
        drop((ssh, c, channel, unread));
        assert!(!clone.is_closed());
        clone.close().await;
        assert!(clone.is_closed());
        sshd.wait_for(mark, "Received disconnect");
        assert_eq!(clone.exec("true").await.err().unwrap().code(), 3);
    });
}

#[test]
fn dropping_the_last_handle_ends_the_connection() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let config = sshd.config("");
    run(async {
        let ssh = connect(&config).await.unwrap();
        let mut channel = ssh.exec("cat").await.unwrap();
        let mark = sshd.mark();
        drop(ssh);
        // the channel keeps it
        channel.write_all(b"x").await.unwrap();
        assert_eq!(channel.read_u8().await.unwrap(), b'x');
        drop(channel);
        tokio::task::spawn_blocking(move || sshd.wait_for(mark, "Connection closed by")).await.unwrap();
    });
}

#[test]
fn a_lost_connection_is_an_error_not_an_end() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let config = sshd.config("");
    run(async {
        let ssh = connect(&config).await.unwrap();
        let mut channel = ssh.exec("echo up; exec cat").await.unwrap();
        let mut up = [0; 3];
        channel.read_exact(&mut up).await.unwrap();
        sshd.crash();
        let e = channel.read_u8().await.unwrap_err();
        assert_eq!(e.kind(), std::io::ErrorKind::ConnectionAborted);
        assert_eq!(channel.wait().await, Exit::Unknown);
        ssh.closed().await;
        assert!(ssh.is_closed());
        assert_eq!(connect(&config).await.err().unwrap().code(), 3);
    });
}

#[test]
fn host_keys() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let config = sshd.config("");
    let known = sshd.at("known_hosts");
    let printed =
        std::process::Command::new("ssh-keygen").arg("-lf").arg(sshd.at("host_ed25519.pub")).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let fingerprint = printed.split_whitespace().nth(1).unwrap().to_string();
    run(async {
        // unknown, nobody there: refused with the fingerprint, nothing offered
        std::fs::remove_file(&known).unwrap();
        let mark = sshd.mark();
        let f = refused(connect(&config).await);
        assert!(f.what.contains(&fingerprint), "{f}");
        let log = sshd.refused_one(mark);
        assert!(!log.contains("userauth-request"), "{log}");
        assert!(!known.exists());
        // unknown, and a person says no
        let no = Arc::new(Person::default());
        refused(ssh::connect("test", Some(&config), no.clone()).await);
        assert_eq!(no.asked().len(), 1);
        assert!(no.asked()[0].contains(&fingerprint) && no.asked()[0].contains("ssh-ed25519"), "{:?}", no.asked());
        assert!(!known.exists());
        // unknown under StrictHostKeyChecking yes: refused without a question
        let yes = Arc::new(Person { trust: true, ..Person::default() });
        let strict = sshd.config("Host *\n  StrictHostKeyChecking yes\n");
        refused(ssh::connect("test", Some(&strict), yes.clone()).await);
        assert!(yes.asked().is_empty());
        // unknown, and a person says yes: learned, hashed where the config wants it, not asked again
        let hashing = sshd.config("Host *\n   HashKnownHosts yes\n");
        ssh::connect("test", Some(&hashing), yes.clone()).await.unwrap().close().await;
        assert_eq!(yes.asked().len(), 1);
        assert!(std::fs::read_to_string(&known).unwrap().starts_with("|1|"));
        connect(&config).await.unwrap();
        // a key on record of a type the server has as well: that one is negotiated
        sshd.know("host_rsa");
        connect(&config).await.unwrap();
        // changed: a hard stop under every setting, nothing asked, nothing offered, nothing written
        sshd.know("other");
        let before = std::fs::read(&known).unwrap();
        for setting in ["ask", "no", "accept-new", "yes"] {
            let config = sshd.config(&format!("Host *\n  StrictHostKeyChecking {setting}\n"));
            let mark = sshd.mark();
            let yes = Arc::new(Person { trust: true, ..Person::default() });
            let f = refused(ssh::connect("test", Some(&config), yes.clone()).await);
            assert!(f.what.contains("CHANGED") && f.what.contains(&format!("{}:1", known.display())), "{f}");
            assert!(f.what.contains(&fingerprint) && f.to_string().contains("ssh-keygen -f"), "{f}");
            assert!(yes.asked().is_empty());
            let log = sshd.refused_one(mark);
            assert!(!log.contains("userauth-request") && !log.contains("Accepted"), "{log}");
        }
        assert_eq!(std::fs::read(&known).unwrap(), before);
        // revoked
        let public = std::fs::read_to_string(sshd.at("host_ed25519.pub")).unwrap();
        std::fs::write(&known, format!("@revoked * {public}")).unwrap();
        assert!(refused(connect(&config).await).what.contains("revoked"));
        // accept-new learns without a question
        std::fs::write(&known, "").unwrap();
        let config = sshd.config("Host *\n  StrictHostKeyChecking accept-new\n");
        connect(&config).await.unwrap();
        assert!(std::fs::read_to_string(&known).unwrap().starts_with(&format!("[127.0.0.1]:{} ", sshd.port)));
    });
}

#[test]
fn ways_to_log_in() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let d = sshd.dir.path().to_path_buf();
    sshd::keygen(&d, &["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "rsa"]);
    sshd::keygen(&d, &["-q", "-t", "ed25519", "-N", "open sesame", "-f", "locked"]);
    let allow = |names: &[&str]| {
        let keys =
            names.iter().map(|n| std::fs::read_to_string(d.join(format!("{n}.pub"))).unwrap()).collect::<String>();
        std::fs::write(d.join("authorized"), keys).unwrap();
    };
    let with = |key: &str| sshd.config(&format!("Host *\n  IdentityFile {{dir}}/{key}\nMatch final\n"));
    run(async {
        // a wrong key: refused, and the failure says what was tried
        allow(&["rsa", "locked"]);
        let f = refused(connect(&sshd.config("")).await);
        assert!(f.what.contains("/id") && f.what.contains("publickey") && f.what.contains("@test:"), "{f}");
        // RSA by SHA-2
        let mark = sshd.mark();
        let config = sshd.config("Host *\n  IdentityFile {dir}/rsa\n");
        connect(&config).await.unwrap();
        sshd.wait_for(mark, "Accepted publickey");
        assert!(sshd.since(mark).contains("RSA"));
        // a locked one: the third answer is right
        let person = Arc::new(Person::default());
        *person.secrets.lock().unwrap() = vec!["open sesame", "wrong", "wrong too"];
        ssh::connect("test", Some(&with("locked")), person.clone()).await.unwrap();
        assert_eq!(person.asked().len(), 3);
        assert!(person.asked()[0].contains("/locked"), "{:?}", person.asked());
        // nobody to ask: it says so
        let f = refused(connect(&with("locked")).await);
        assert!(f.what.contains("nobody to ask"), "{f}");
        // a locked key that the host would not take: no question
        allow(&["rsa"]);
        let person = Arc::new(Person::default());
        refused(ssh::connect("test", Some(&with("locked")), person.clone()).await);
        assert!(person.asked().is_empty(), "{:?}", person.asked());
        // a key that is not there, and one that is none
        std::fs::write(d.join("junk"), "hello").unwrap();
        let f = refused(connect(&sshd.config("Host *\n  IdentityFile {dir}/none\n  IdentityFile {dir}/junk\n")).await);
        assert!(f.what.contains("junk (not a key"), "{f}");
    });
}

#[test]
fn certificates_and_impatient_servers() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("TrustedUserCAKeys {dir}/ca.pub\nMaxAuthTries 2");
    let d = sshd.dir.path().to_path_buf();
    sshd::keygen(&d, &["-q", "-t", "ed25519", "-N", "", "-f", "ca"]);
    std::fs::write(d.join("authorized"), "").unwrap();
    run(async {
        let many = sshd.config("Host *\n  IdentityFile {dir}/other\n  IdentityFile {dir}/host_rsa\n");
        let f = refused(connect(&many).await);
        assert!(f.what.contains("Too many authentication failures"), "{f}");
        assert!(f.to_string().contains("IdentitiesOnly"), "{f}");
        let me = std::process::Command::new("id").arg("-un").output().unwrap();
        let me = String::from_utf8(me.stdout).unwrap();
        sshd::keygen(&d, &["-q", "-s", "ca", "-I", "me", "-n", me.trim(), "id.pub"]);
        let mark = sshd.mark();
        connect(&sshd.config("")).await.unwrap();
        assert!(sshd.wait_for(mark, "Accepted publickey").contains("CERT"));
    });
}

#[test]
fn keys_of_an_agent() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let socket = sshd.at("agent");
    let mut agent = std::process::Command::new("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // it prints where it listens once it does
    let mut said = [0; 1];
    std::io::Read::read_exact(agent.stdout.as_mut().unwrap(), &mut said).unwrap();
    let add = |key: &str| {
        let ran =
            std::process::Command::new("ssh-add").arg("-q").arg(sshd.at(key)).env("SSH_AUTH_SOCK", &socket).output();
        assert!(ran.unwrap().status.success());
    };
    add("other");
    add("id");
    let key = std::fs::read(sshd.at("id")).unwrap();
    std::fs::remove_file(sshd.at("id")).unwrap();
    let any = sshd.config("Host *\n  IdentityAgent {dir}/agent\n  IdentitiesOnly no\n");
    let only = sshd.config("Host *\n  IdentityAgent {dir}/agent\n");
    let third = sshd.config("Host *\n  IdentityAgent {dir}/agent\n  IdentityFile {dir}/host_rsa\nMatch final\n");
    run(async {
        let mark = sshd.mark();
        connect(&any).await.unwrap();
        // (its log may come after its answer)
        sshd.wait_for(mark, "Accepted publickey");
        // IdentitiesOnly: the .pub beside the missing file picks it
        let mark = sshd.mark();
        connect(&only).await.unwrap();
        sshd.wait_for(mark, "Accepted publickey");
        assert_eq!(sshd.since(mark).matches("trying public key file").count(), 2, "one key: asked, then signed");
        std::fs::write(sshd.at("authorized"), "").unwrap();
        let f = refused(connect(&any).await);
        assert!(f.what.contains("2 keys from the agent"), "{f}");
        let f = refused(connect(&third).await);
        assert!(f.what.contains("host_rsa"), "{f}");
    });
    drop(key);
    let _ = agent.kill();
    let _ = agent.wait();
}

#[test]
fn through_commands_and_jump_hosts() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let piped = sshd.config("Host *\n  ProxyCommand /usr/sbin/sshd -i -f {dir}/sshd_config -E /dev/null # %h %p %r\n");
    let jumps = sshd.config(
        "Host far\n  ProxyJump near\nHost farther\n  ProxyJump near,far\nHost round\n  ProxyJump round2\n\
         Host round2\n  ProxyJump round\nHost deaf\n  ProxyJump near\n  Port 1\n",
    );
    run(async {
        let ssh = connect(&piped).await.unwrap();
        assert_eq!(ssh.output("echo hi", 100).await.unwrap().0, b"hi\n");
        drop(ssh);
        let broken = sshd.config("Host *\n  ProxyCommand sh -c \"echo no such way >&2; exit 1\"\n");
        let f = connect(&broken).await.err().unwrap();
        assert!(f.code() == 3 && f.what.contains("no such way"), "{f}");
        for host in ["far", "farther"] {
            let mark = sshd.mark();
            let ssh = ssh::connect(host, Some(&jumps), Arc::new(Nobody)).await.unwrap();
            assert_eq!(ssh.output("echo hi", 100).await.unwrap().0, b"hi\n");
            let hops = sshd.since(mark).matches("Accepted publickey").count();
            assert!(hops >= if host == "far" { 2 } else { 3 }, "{host}: {hops}");
            ssh.close().await;
        }
        let f = ssh::connect("round", Some(&jumps), Arc::new(Nobody)).await.err().unwrap();
        assert_eq!(f.code(), 2, "{f}");
        let f = ssh::connect("deaf", Some(&jumps), Arc::new(Nobody)).await.err().unwrap();
        assert_eq!(f.code(), 3, "{f}");
        assert!(f.to_string().contains("nothing answers there"), "{f}");
    });
}

#[test]
fn the_agent_comes_to_an_empty_home() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let config = sshd.config("");
    deployed(&sshd, &config);
}

/// fish and csh as the login shell, and rc files that talk.
#[test]
fn the_agent_comes_through_odd_shells() {
    if !sshd::here() {
        return;
    }
    for shell in ["fish", "tcsh", "bash"] {
        if std::process::Command::new(shell).args(["-c", "true"]).output().is_err() {
            assert_ne!(std::env::var("THUB_TEST_REAL").as_deref(), Ok("all"), "no {shell}");
            println!("skipped: no {shell}");
            continue;
        }
        let noise = if shell == "bash" { "echo Welcome; echo; echo thub/1 is not here; " } else { "" };
        let sshd = Sshd::start(&format!("ForceCommand {noise}exec {shell} -c \"$SSH_ORIGINAL_COMMAND\""));
        deployed(&sshd, &sshd.config(""));
    }
}

fn deployed(sshd: &Sshd, config: &Path) {
    let from = Some(Path::new(THUB));
    let reached = |ask: Arc<Person>, policy| {
        let from = Some(std::path::PathBuf::from(THUB));
        async move { reach("test", Some(config), ask, policy, from).await }
    };
    run(async {
        // nothing there: refused, or asked
        let person = Arc::new(Person::default());
        let f = reached(person.clone(), DeployPolicy::Never).await.err().unwrap();
        assert!(f.code() == 4 && f.to_string().contains("thub deploy test"), "{f}");
        assert!(person.asked().is_empty());
        assert_eq!(reached(person.clone(), DeployPolicy::Ask).await.err().unwrap().code(), 4);
        assert!(person.asked()[0].contains(&deploy::build_id()), "{:?}", person.asked());
        // (fish makes directories of its own)
        assert!(!sshd.home().join(".local/share/thub").exists(), "nothing is put there");
        // asked, and yes: the banner is the first thing read, and it talks
        let person = Arc::new(Person { deploy: true, ..Person::default() });
        let (ssh, mut agent) = reached(person.clone(), DeployPolicy::Ask).await.unwrap();
        assert!(person.uploads() > 0);
        let mut seen = Vec::new();
        while hello::find_banner(&seen).is_none() {
            assert!(agent.read_buf(&mut seen).await.unwrap() > 0);
        }
        assert_eq!(agent.exit(), None);
        agent.shutdown().await.unwrap();
        agent.wait().await;
        drop(agent);
        let dir = sshd.home().join(".local/share/thub/agents").join(deploy::build_id());
        let file = dir.join("thub");
        let stat = std::fs::metadata(&file).unwrap();
        assert_eq!(stat.permissions().mode() & 0o777, 0o755);
        assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(std::fs::read(&file).unwrap() == std::fs::read(THUB).unwrap());
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1, "no temp is left");
        // the second time: nothing uploaded, whichever way
        let mark = sshd.mark();
        let person = Arc::new(Person { deploy: true, ..Person::default() });
        reached(person.clone(), DeployPolicy::Always).await.unwrap().0.close().await;
        let remote = deploy::find(&ssh).await.unwrap();
        let agent = deploy::deploy(&ssh, &remote, from, &*person).await.unwrap();
        assert_eq!(agent.path, file.to_str().unwrap());
        assert_eq!(person.uploads(), 0);
        assert!(person.asked().is_empty());
        assert!(!sshd.since(mark).contains("sftp"), "{}", sshd.since(mark));
        assert_eq!(std::fs::metadata(&file).unwrap().ino(), stat.ino());
        // a damaged one is seen and put there anew
        std::fs::write(&file, b"\x7fELF damaged").unwrap();
        let remote = deploy::find(&ssh).await.unwrap();
        deploy::deploy(&ssh, &remote, from, &*person).await.unwrap();
        assert!(person.uploads() > 0);
        assert!(std::fs::read(&file).unwrap() == std::fs::read(THUB).unwrap());
        // a program that is no thub: said, and nothing is left of it
        let remote = deploy::find(&ssh).await.unwrap();
        let f = deploy::deploy(&ssh, &remote, Some(Path::new("/bin/true")), &*person).await.unwrap_err();
        assert!(f.what.contains("does not run"), "{f}");
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
        assert!(std::fs::read(&file).unwrap() == std::fs::read(THUB).unwrap());
        // a parent that others can write to
        let parent = sshd.home().join(".local");
        std::fs::set_permissions(&parent, std::fs::Permissions::from_mode(0o777)).unwrap();
        std::fs::remove_file(&file).unwrap();
        let remote = deploy::find(&ssh).await.unwrap();
        assert_eq!(remote.have, None);
        let f = deploy::deploy(&ssh, &remote, from, &*person).await.unwrap_err();
        assert!(f.code() == 4 && f.what.contains("/.local "), "{f}");
        assert!(!file.exists());
    });
}

#[test]
fn files_by_sftp() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let config = sshd.config("");
    let path = sshd.at("file");
    run(async {
        let ssh = connect(&config).await.unwrap();
        let fs = Fs::Sftp(Remote::new(ssh.sftp().await.unwrap()));
        let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
        let dir = FilePath::new(path.parent().unwrap().as_os_str().as_bytes()).unwrap();
        let file = dir.join(&FileName::new("file").unwrap());
        let write =
            || FilesWrite { name: FileName::new("file").unwrap(), part: "0".repeat(16), ..FilesWrite::default() };
        let dir = fs.dir(&dir).await.unwrap();
        let mut writer = dir.write(Wanted::of(&write()).unwrap()).await.unwrap();
        writer.write(bytes.clone()).await.unwrap();
        assert_eq!(writer.finish().await.unwrap().size, 3_000_000);
        assert!(std::fs::read(&path).unwrap() == bytes);
        assert!(dir.write(Wanted::of(&write()).unwrap()).await.is_err(), "never over a file that is there");
        let (_, mut reader) = fs.read(&file, 0, None).await.unwrap();
        let mut back = Vec::new();
        while let Some(piece) = reader.next().await.unwrap() {
            back.extend(piece);
        }
        assert!(back == bytes);
        assert!(dir.remove(vec![FileName::new("file").unwrap()]).await[0].is_ok());
        assert!(!path.exists());
    });
    // a server whose lengths lie
    let sshd = Sshd::start("Subsystem liar /bin/true\nForceCommand printf \"\\377\\377\\377\\377\\002aaaa\"; cat");
    let config = sshd.config("");
    run(async {
        let ssh = connect(&config).await.unwrap();
        assert_eq!(ssh.sftp().await.err().unwrap().code(), 1);
    });
}

#[test]
fn nobody_there() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    run(async {
        let f = ssh::connect(&format!("me@127.0.0.1:{}", free.port()), None, Arc::new(Nobody)).await.err().unwrap();
        assert!(f.code() == 3 && f.what.contains("refused"), "{f}");
        let f = ssh::connect("-oProxyCommand=x", None, Arc::new(Nobody)).await.err().unwrap();
        assert_eq!(f.code(), 2);
    });
}
