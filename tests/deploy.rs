//! How an agent comes to a host that is odd, or where somebody tampers with it: a real sshd, and a program that is small.
//! Whatever is done to it: nothing wrong runs, one sentence says so, the older agent stays, no temporary file is left.

#[allow(dead_code)]
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/sshd.rs"]
mod sshd;

use proxy::Proxy;
use sshd::Sshd;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use thub::failure::Failure;
use thub::proto::hello::BUILD;
use thub::transport::ask::{Answered, Ask, Nobody};
use thub::transport::deploy::{self, Offer, Release, programs};
use thub::transport::ssh;
use thub::transport::{DeployPolicy, reach};

const AGENTS: &str = ".local/share/thub/agents";

fn run<T>(test: impl Future<Output = T>) -> T {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async { tokio::time::timeout(Duration::from_secs(300), test).await.expect("a test ends") })
}

fn skip(what: &str) -> bool {
    assert_ne!(std::env::var("THUB_TEST_REAL").as_deref(), Ok("all"), "no {what}");
    println!("skipped: no {what}");
    true
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root() || !skip("root")
}

/// A program that says it is thub of this version, `more` bytes longer than it has to be; static.
fn program(dir: &Path, name: &str, stamp: &str, version: &str, more: usize) -> PathBuf {
    let (source, out) = (dir.join(format!("{name}.c")), dir.join(name));
    std::fs::create_dir_all(dir).unwrap();
    let stamp = if stamp.is_empty() { "none".into() } else { format!("\\001thub-program {stamp}\\001") };
    let code = format!(
        "#include <stdio.h>\n#include <string.h>\nconst volatile char stamp[] = \"{stamp}\";\n\
         int main(int c, char **v) {{ if (c > 1 && !strcmp(v[1], \"--version\")) puts(\"thub {version} (test)\"); \
         return stamp[0] == 'x'; }}\n"
    );
    std::fs::write(&source, code).unwrap();
    let ran = Command::new("cc").args(["-static", "-O1", "-o"]).arg(&out).arg(&source).output().expect("cc");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut file = std::fs::OpenOptions::new().append(true).open(&out).unwrap();
    let noise: Vec<u8> = (0..more as u32).map(|i| (i.wrapping_mul(2654435761) >> 13) as u8).collect();
    file.write_all(&noise).unwrap();
    out
}

const X86: &str = "x86_64-unknown-linux-musl";

fn here() -> &'static str {
    programs::target("Linux", std::env::consts::ARCH).expect("a target")
}

/// A host, and the program of this version that goes to it. An older agent lies there.
struct Host {
    sshd: Sshd,
    config: PathBuf,
    program: PathBuf,
}

impl Host {
    fn new(more: &str) -> Option<Host> {
        Host::with(more, 0)
    }
    fn with(more: &str, bytes: usize) -> Option<Host> {
        if !sshd::here() {
            return None;
        }
        let sshd = Sshd::start(more);
        let config = sshd.config("");
        let program = program(&sshd.at("here"), "thub", &format!("{BUILD} {}", here()), BUILD, bytes);
        let host = Host { sshd, config, program };
        std::fs::create_dir_all(host.old().parent().unwrap()).unwrap();
        std::fs::write(host.old(), "#!/bin/sh\necho the old agent\n").unwrap();
        std::fs::set_permissions(host.old(), PermissionsExt::from_mode(0o755)).unwrap();
        Some(host)
    }
    fn agents(&self) -> PathBuf {
        self.sshd.home().join(AGENTS)
    }
    fn old(&self) -> PathBuf {
        self.agents().join("0.0.1-older/thub")
    }
    fn placed(&self) -> PathBuf {
        self.agents().join(deploy::build_id()).join("thub")
    }
    fn offer(&self) -> Offer {
        Offer::from(Some(self.program.clone()))
    }
    async fn deploy_by(&self, config: &Path, offer: Offer, ask: &dyn Ask) -> Result<deploy::Agent, Failure> {
        let ssh = ssh::connect("test", Some(config), Arc::new(Nobody)).await?;
        let remote = deploy::find(&ssh).await?;
        let done = deploy::deploy(&ssh, &remote, offer, ask).await;
        ssh.close().await;
        done
    }
    async fn deploy(&self) -> Result<deploy::Agent, Failure> {
        self.deploy_by(&self.config, self.offer(), &Nobody).await
    }

    /// Nothing is half there: the older agent runs, no temp is left, and what has this build's name is whole.
    #[track_caller]
    fn is_whole(&self, what: &str) {
        let ran = Command::new(self.old()).output().unwrap();
        assert_eq!(ran.stdout, b"the old agent\n", "{what}: the older agent");
        let end = Instant::now() + Duration::from_secs(20);
        // (a connection that was cut ends there a moment later)
        let empty = |dir: &Path| std::fs::read_dir(dir).is_ok_and(|mut d| d.next().is_none());
        loop {
            let left = temps(&self.sshd.home());
            if left.is_empty() && !self.placed().parent().is_some_and(empty) {
                break;
            }
            assert!(Instant::now() < end, "{what}: {left:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    #[track_caller]
    fn has_nothing(&self, what: &str) {
        self.is_whole(what);
        assert!(!self.placed().exists(), "{what}: nothing has the name");
    }
    #[track_caller]
    fn has_it(&self, what: &str) {
        self.is_whole(what);
        assert!(std::fs::read(self.placed()).unwrap() == std::fs::read(&self.program).unwrap(), "{what}: it is whole");
    }
}

/// Temporary files of uploads below a directory.
fn temps(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            found.extend(temps(&path));
        } else if entry.file_name().to_string_lossy().starts_with(".thub.") {
            found.push(path);
        }
    }
    found
}

#[track_caller]
fn says(what: &str, done: Result<deploy::Agent, Failure>, words: &[&str]) -> Failure {
    let f = match done {
        Ok(agent) => panic!("{what}: it must fail, and is at {}", agent.path),
        Err(f) => f,
    };
    println!("{what}: {}", f.what);
    assert!(!f.what.contains('\n') && f.what.len() < 600 && !f.hints.is_empty(), "{what}: one sentence: {f}");
    for word in words {
        assert!(f.to_string().contains(word), "{what}: {word}: {f}");
    }
    f
}

#[test]
fn changed_before_or_on_the_way() {
    let Some(host) = Host::with("", 100_000) else { return };
    run(async {
        // a bit flipped on this machine, where the checksums beside it are right
        let sum = Command::new("sha256sum").arg("thub").current_dir(host.sshd.at("here")).output().unwrap();
        std::fs::write(host.sshd.at("here/SHA256SUMS"), sum.stdout).unwrap();
        let right = std::fs::read(&host.program).unwrap();
        let mut wrong = right.clone();
        let last = wrong.len() - 5;
        wrong[last] ^= 1;
        std::fs::write(&host.program, &wrong).unwrap();
        says("flipped here", host.deploy().await, &["SHA256SUMS", "not sent"]);
        host.has_nothing("flipped here");
        std::fs::write(&host.program, &right).unwrap();
        // an older version, which says so
        let old = program(&host.sshd.at("here"), "old", &format!("0.0.9 {}", here()), "0.0.9", 0);
        let done = host.deploy_by(&host.config, Offer::from(Some(old)), &Nobody).await;
        says("an older build", done, &["0.0.9", BUILD]);
        // one that does not say so, until it runs there; and one that is no thub
        let silent = program(&host.sshd.at("here"), "silent", "", "0.0.9", 0);
        let done = host.deploy_by(&host.config, Offer::from(Some(silent)), &Nobody).await;
        says("an older build in disguise", done, &["does not run", "thub 0.0.9"]);
        let done = host.deploy_by(&host.config, Offer::from(Some(PathBuf::from("/bin/true"))), &Nobody).await;
        says("no thub", done, &["does not run"]);
        host.has_nothing("other programs");
        host.deploy().await.unwrap();
        host.has_it("after all");
    });
    // in flight, behind the encryption
    let wrap = "ForceCommand tr X Y | sh -c \"$SSH_ORIGINAL_COMMAND\"";
    let Some(host) = Host::with(wrap, 100_000) else { return };
    run(async { says("flipped there", host.deploy().await, &["not what was sent"]) });
    host.has_nothing("flipped there");
    // in flight, before it: the connection ends
    let Some(host) = Host::with("", 2_000_000) else { return };
    let flipper = Flipper::start(host.sshd.port, 1_000_000);
    let config = through(&host, flipper);
    run(async { says("flipped on the wire", host.deploy_by(&config, host.offer(), &Nobody).await, &["connection"]) });
    host.has_nothing("flipped on the wire");
}

fn through(host: &Host, port: u16) -> PathBuf {
    host.sshd.config(&format!("Host test\n  Port {port}\n  HostKeyAlias [127.0.0.1]:{}\n", host.sshd.port))
}

/// A way that flips one bit of what goes to the server.
struct Flipper;
impl Flipper {
    fn start(to: u16, at: usize) -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut server = std::net::TcpStream::connect(("127.0.0.1", to)).unwrap();
            let (mut back, mut from) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut back);
                let _ = back.shutdown(std::net::Shutdown::Both);
            });
            let (mut piece, mut seen) = ([0; 4096], 0);
            while let Ok(n @ 1..) = client.read(&mut piece) {
                if (seen..seen + n).contains(&at) {
                    piece[at - seen] ^= 4;
                }
                seen += n;
                if server.write_all(&piece[..n]).is_err() {
                    break;
                }
            }
            let _ = server.shutdown(std::net::Shutdown::Both);
        });
        port
    }
}

#[test]
fn cut_at_fifty_places() {
    const BYTES: usize = 1_500_000;
    let Some(host) = Host::with("", BYTES) else { return };
    let whole = std::fs::metadata(&host.program).unwrap().len();
    let (mut failed, mut came) = (0, 0);
    run(async {
        for i in 0..50u64 {
            let proxy = Proxy::start(host.sshd.port);
            let config = through(&host, proxy.port);
            // a handshake has about 5000 bytes, both ways; the last cuts lie behind the upload
            proxy.cut_after(3000 + i * (whole + 12_000) / 50);
            match host.deploy_by(&config, host.offer(), &Nobody).await {
                Ok(_) => came += 1,
                Err(f) => {
                    failed += 1;
                    assert!(f.code() == 3 && !f.what.contains('\n'), "cut {i}: {f}");
                }
            }
            // (what the host has only just begun of it would find, and leave, the folder of the next one)
            let end = Instant::now() + Duration::from_secs(20);
            while host.sshd.pids().len() > 1 {
                assert!(Instant::now() < end, "cut {i}: the host ends what is cut");
                std::thread::sleep(Duration::from_millis(10));
            }
            host.is_whole(&format!("cut {i}"));
            if host.placed().exists() {
                host.has_it(&format!("cut {i}"));
                std::fs::remove_dir_all(host.placed().parent().unwrap()).unwrap();
            } else {
                // (the host may have only just begun when it is cut, and ends a moment later)
                let end = Instant::now() + Duration::from_secs(20);
                while host.placed().parent().unwrap().exists() {
                    assert!(Instant::now() < end, "cut {i}: no folder is left");
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        }
        println!("{failed} of 50 cut, {came} came through");
        assert!(failed >= 45, "{failed}");
        host.deploy().await.unwrap();
    });
    host.has_it("after 50 cuts");
}

#[test]
fn what_a_killed_host_left_goes_with_the_next() {
    let Some(host) = Host::new("") else { return };
    let dir = host.placed().parent().unwrap().to_path_buf();
    std::fs::create_dir_all(&dir).unwrap();
    let (old, new, other) =
        (dir.join(".thub.0123456789abcdef"), dir.join(".thub.fedcba9876543210"), dir.join(".thub.mine"));
    for file in [&old, &new, &other] {
        std::fs::write(file, "left").unwrap();
    }
    let ago = std::time::SystemTime::now() - Duration::from_secs(2 * 3600);
    for file in [&old, &other] {
        std::fs::File::options().write(true).open(file).unwrap().set_modified(ago).unwrap();
    }
    run(async { host.deploy().await.unwrap() });
    assert!(!old.exists(), "an old one of ours");
    assert!(new.exists(), "another upload may be under way");
    assert!(other.exists(), "no name of ours");
}

#[test]
fn squatted_names() {
    let Some(host) = Host::new("") else { return };
    let dir = host.placed().parent().unwrap().to_path_buf();
    run(async {
        // a directory in the agent's place
        std::fs::create_dir_all(host.placed().join("x")).unwrap();
        says("a directory", host.deploy().await, &["is a directory"]);
        host.is_whole("a directory");
        std::fs::remove_dir_all(&dir).unwrap();
        // a symlink in its place: replaced, and what it points at stays
        let victim = host.sshd.at("victim");
        std::fs::write(&victim, "mine").unwrap();
        std::fs::create_dir_all(&dir).unwrap();
        symlink(&victim, host.placed()).unwrap();
        host.deploy().await.unwrap();
        host.has_it("a symlink");
        assert!(std::fs::symlink_metadata(host.placed()).unwrap().is_file());
        assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
        std::fs::remove_file(host.placed()).unwrap();
        // to a directory
        std::fs::create_dir(host.sshd.at("trap")).unwrap();
        symlink(host.sshd.at("trap"), host.placed()).unwrap();
        host.deploy().await.unwrap();
        host.has_it("a symlink to a directory");
        assert_eq!(std::fs::read_dir(host.sshd.at("trap")).unwrap().count(), 0);
        // another program
        std::fs::write(host.placed(), "#!/bin/sh\ntouch \"$HOME/it-ran\"\necho; echo thub/1 0.1.0\n").unwrap();
        host.deploy().await.unwrap();
        host.has_it("a fake thub");
        assert!(!host.sshd.home().join("it-ran").exists(), "it never ran");
        // a file where the folder is to be
        std::fs::remove_dir_all(&dir).unwrap();
        std::fs::write(&dir, "squatted").unwrap();
        says("a file for a folder", host.deploy().await, &["can't be put there"]);
        assert_eq!(std::fs::read(&dir).unwrap(), b"squatted");
        std::fs::remove_file(&dir).unwrap();
        // a link to nowhere
        symlink("/nowhere/at/all", &dir).unwrap();
        host.deploy().await.unwrap();
        host.has_it("a link to nowhere");
    });
}

#[test]
fn parents_that_others_can_write() {
    let Some(host) = Host::new("") else { return };
    let open = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let home = host.sshd.home();
    run(async {
        for (part, mode) in [(".local", 0o777), (".local/share", 0o772), (".local/share/thub", 0o773), (AGENTS, 0o777)]
        {
            let path = home.join(part);
            let before = std::fs::metadata(&path).unwrap().permissions().mode();
            open(&path, mode);
            let f = says(part, host.deploy().await, &["others can write", "chmod go-w"]);
            assert_eq!(f.code(), 4);
            open(&path, before);
            host.has_nothing(part);
        }
        // the folder moved elsewhere by a symlink, into a place others can write to, and back into one they can't
        let elsewhere = host.sshd.at("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::rename(host.agents(), elsewhere.join("agents")).unwrap();
        symlink(elsewhere.join("agents"), host.agents()).unwrap();
        open(&elsewhere, 0o777);
        says("a symlink to an open place", host.deploy().await, &["others can write"]);
        host.has_nothing("a symlink to an open place");
        open(&elsewhere, 0o700);
        // where the link itself lies
        open(&home.join(".local/share"), 0o777);
        says("a symlink in an open place", host.deploy().await, &["others can write"]);
        host.has_nothing("a symlink in an open place");
        open(&home.join(".local/share"), 0o700);
        host.deploy().await.unwrap();
        host.has_it("a symlink to a place of one's own");
        std::fs::remove_dir_all(host.placed().parent().unwrap()).unwrap();
        if is_root() {
            chown(elsewhere.join("agents"), Some(12345), None).unwrap();
            says("somebody else's", host.deploy().await, &["not yours", "owner 12345"]);
            host.has_nothing("somebody else's");
        }
    });
}

#[test]
fn fakes_before_the_systems_tools() {
    let Some(host) = Host::new("ForceCommand PATH={dir}/fakes:$PATH; export PATH; eval \"$SSH_ORIGINAL_COMMAND\"")
    else {
        return;
    };
    let fakes = host.sshd.at("fakes");
    std::fs::create_dir(&fakes).unwrap();
    for name in
        ["uname", "sha256sum", "mv", "cat", "thub", "id", "ls", "mkdir", "chmod", "wc", "sync", "head", "rm", "ln"]
    {
        let path = fakes.join(name);
        std::fs::write(&path, format!("#!/bin/sh\ntouch {}/ran-{name}\necho fake\n", host.sshd.dir.path().display()))
            .unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    run(async { host.deploy().await.unwrap() });
    host.has_it("fakes");
    let ran = std::fs::read_dir(host.sshd.dir.path()).unwrap().flatten().map(|e| e.file_name());
    let ran: Vec<_> = ran.filter(|n| n.to_string_lossy().starts_with("ran-")).collect();
    assert!(ran.is_empty(), "{ran:?}");
    // a machine that is another one than it says
    let Some(host) = Host::new("") else { return };
    run(async {
        let ssh = ssh::connect("test", Some(&host.config), Arc::new(Nobody)).await.unwrap();
        let mut remote = deploy::find(&ssh).await.unwrap();
        let ran = format!("\u{1b}]0;x\u{7}$(touch {})", host.sshd.at("ran").display());
        remote.machine = thub::text::Untrusted::new(&*ran);
        let f =
            says("a fake uname", deploy::deploy(&ssh, &remote, host.offer(), &Nobody).await, &["does not run there"]);
        assert!(!f.to_string().contains('\u{1b}'));
    });
    assert!(!host.sshd.at("ran").exists());
    host.has_nothing("a fake uname");
}

/// A file system of its own on a directory, gone with this.
struct Mounted(PathBuf);
impl Mounted {
    fn on(dir: &Path, options: &str) -> Option<Mounted> {
        std::fs::create_dir_all(dir).unwrap();
        let ran = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir).output();
        match ran {
            Ok(ran) if ran.status.success() => Some(Mounted(dir.to_path_buf())),
            _ => {
                skip("right to mount");
                None
            }
        }
    }
}
impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn disks_that_are_full_read_only_or_noexec() {
    let Some(host) = Host::with("", 3_000_000) else { return };
    if !is_root() {
        return;
    }
    let home = host.sshd.home();
    std::fs::rename(home.join(".local"), host.sshd.at("kept")).unwrap();
    let Some(full) = Mounted::on(&home.join(".local"), "size=2m,mode=700") else { return };
    let old = |host: &Host| {
        std::fs::create_dir_all(host.old().parent().unwrap()).unwrap();
        std::fs::copy(host.sshd.at("kept/share/thub/agents/0.0.1-older/thub"), host.old()).unwrap();
    };
    old(&host);
    run(async {
        says("a full disk", host.deploy().await, &["No space left"]);
        host.has_nothing("a full disk");
        assert!(!host.placed().parent().unwrap().exists());
        Command::new("mount").args(["-o", "remount,ro"]).arg(&full.0).status().unwrap();
        let f = says("a read-only home", host.deploy().await, &["Read-only", "--no-agent"]);
        assert!(!f.to_string().contains("make room"), "{f}");
        host.has_nothing("a read-only home");
        drop(full);
        let Some(_noexec) = Mounted::on(&home.join(".local"), "mode=700") else { return };
        old(&host);
        // (the older one runs as long as everything may)
        host.is_whole("before");
        Command::new("mount").args(["-o", "remount,noexec"]).arg(home.join(".local")).status().unwrap();
        says("a noexec home", host.deploy().await, &["does not run there", "--dir DIR"]);
        assert!(temps(&home).is_empty() && !host.placed().exists());
        // a person is asked, and names one where it runs
        let place = host.sshd.at("place");
        std::fs::create_dir(&place).unwrap();
        let person = Person { answer: place.to_str().unwrap().into(), asked: Mutex::default() };
        let agent = host.deploy_by(&host.config, host.offer(), &person).await.unwrap();
        assert_eq!(person.asked.lock().unwrap().len(), 1);
        assert_eq!(agent.path, host.placed().to_str().unwrap());
        let there = place.join("thub-agents").join(deploy::build_id());
        assert_eq!(std::fs::read_link(host.placed().parent().unwrap()).unwrap(), there);
        assert!(std::fs::read(there.join("thub")).unwrap() == std::fs::read(&host.program).unwrap());
        // it is there now, by the same name as ever
        let again = Person { answer: String::new(), asked: Mutex::default() };
        host.deploy_by(&host.config, host.offer(), &again).await.unwrap();
        // the next build goes there unasked
        std::fs::rename(host.placed().parent().unwrap(), host.agents().join("0.0.2-other")).unwrap();
        host.deploy_by(&host.config, host.offer(), &again).await.unwrap();
        assert!(again.asked.lock().unwrap().is_empty());
        assert_eq!(std::fs::read_link(host.placed().parent().unwrap()).unwrap(), there);
        // a place others can write to is none
        std::fs::set_permissions(&place, PermissionsExt::from_mode(0o777)).unwrap();
        std::fs::remove_file(there.join("thub")).unwrap();
        let offer = Offer { dir: Some(place.to_str().unwrap().into()), ..host.offer() };
        says("an open place", host.deploy_by(&host.config, offer, &Nobody).await, &["others can write"]);
        assert!(temps(&place).is_empty());
        // nor is it where an earlier build lies
        std::fs::remove_file(host.placed().parent().unwrap()).unwrap();
        says("a place that was opened since", host.deploy().await, &["others can write"]);
        assert!(temps(&place).is_empty() && !there.join("thub").exists() && !host.placed().exists());
    });
}

struct Person {
    answer: String,
    asked: Mutex<Vec<String>>,
}
impl Ask for Person {
    fn directory(&self, host: &str, why: &str) -> Answered<'_, String> {
        self.asked.lock().unwrap().push(format!("{host} {why}"));
        Box::pin(async { Some(self.answer.clone()) })
    }
}

#[test]
fn accounts_that_run_nothing() {
    for (what, command, words) in [
        ("nologin", "/usr/sbin/nologin", "not available"),
        ("a forced command", "echo only this, always", "only this, always"),
        ("SFTP only", "internal-sftp", "sftp connections only"),
        ("nothing", "/bin/true", "runs no commands"),
    ] {
        let Some(host) = Host::new(&format!("ForceCommand {command}")) else { return };
        says(what, run(host.deploy()), &[words]);
        host.has_nothing(what);
    }
}

/// Nothing there can compute a hash: what was sent is read back.
#[test]
fn a_host_without_a_hash() {
    let hide = "for t in sha256sum shasum openssl sha256; do for d in /usr/bin /bin; do \
                if [ -e $d/$t ]; then mount --bind /dev/null $d/$t; fi; done; done";
    let Some(host) = Host::new(&format!("ForceCommand unshare -m sh -c '{hide}; eval \"$SSH_ORIGINAL_COMMAND\"'"))
    else {
        return;
    };
    let can = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|s| s.success());
    if !is_root() || (!can && skip("unshare")) {
        return;
    }
    run(async {
        host.deploy().await.unwrap();
        host.has_it("read back");
        let ino = std::fs::metadata(host.placed()).unwrap().ino();
        host.deploy().await.unwrap();
        assert_eq!(std::fs::metadata(host.placed()).unwrap().ino(), ino, "not sent again");
    });
}

/// A machine with busybox alone, as routers and containers have it.
#[test]
fn busybox_alone() {
    let Some(host) =
        Host::new("ForceCommand exec chroot {dir}/root /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"\nSetEnv HOME=/home")
    else {
        return;
    };
    if !is_root() || (!Path::new("/usr/bin/busybox").exists() && !Path::new("/bin/busybox").exists() && skip("busybox"))
    {
        return;
    }
    let root = host.sshd.at("root");
    // (a static busybox brings no libraries for thub, and names itself among what it is)
    let script = format!(
        "set -e; r={}; b=$(command -v busybox); mkdir -p $r/bin $r/usr/bin $r/home $r/dev $r/proc; cp $b $r/bin/busybox; \
         for l in $(for f in $b {}; do ldd $f 2>/dev/null; done | grep -o '/[^ )]*'); do mkdir -p $r$(dirname $l); cp $l $r$l; done; \
         for a in $($b --list | grep -vx busybox); do ln -sf busybox $r/bin/$a; done; echo root:x:0:0::/home:/bin/sh > $r/etc-passwd; \
         mkdir $r/etc; mv $r/etc-passwd $r/etc/passwd; echo root:x:0: > $r/etc/group; : > $r/dev/null; chmod 666 $r/dev/null",
        root.display(),
        host.program.display()
    );
    let ran = Command::new("sh").arg("-c").arg(script).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    // (the directory above is the test's own)
    let mut host = host;
    host.sshd.set_no_environment();
    run(async {
        let agent = host.deploy().await.unwrap();
        assert!(agent.path.starts_with("/home/.local"), "{}", agent.path);
        let there = root.join(agent.path.trim_start_matches('/'));
        assert!(std::fs::read(&there).unwrap() == std::fs::read(&host.program).unwrap());
        assert!(temps(&root).is_empty());
        let ino = std::fs::metadata(&there).unwrap().ino();
        host.deploy().await.unwrap();
        assert_eq!(std::fs::metadata(&there).unwrap().ino(), ino, "not sent again");
    });
}

/// A directory served over HTTP on this machine.
fn serve(dir: PathBuf) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = std::io::BufReader::new(stream.try_clone().unwrap());
            let (mut first, mut line) = (String::new(), String::new());
            let _ = std::io::BufRead::read_line(&mut lines, &mut first);
            while std::io::BufRead::read_line(&mut lines, &mut line).is_ok_and(|n| n > 2) {
                line.clear();
            }
            let name = first.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_string();
            let mut to = stream;
            let _ = match std::fs::read(dir.join(name.rsplit('/').next().unwrap_or_default())) {
                Ok(body) => {
                    write!(to, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())
                        .and_then(|()| to.write_all(&body))
                }
                Err(_) => write!(to, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            };
        }
    });
    format!("http://127.0.0.1:{port}")
}

/// A host of another kind than this machine gets its program from the data dir or from the release, or a sentence.
#[test]
fn programs_for_another_machine() {
    let Some(host) = Host::new("") else { return };
    if std::env::consts::ARCH != "x86_64" {
        skip("x86_64");
        return;
    }
    run(async {
        let ssh = ssh::connect("test", Some(&host.config), Arc::new(Nobody)).await.unwrap();
        // (a glibc older than this test's own program needs)
        let mut remote = deploy::find(&ssh).await.unwrap();
        remote.libc = deploy::Libc::Glibc(2, 5);
        let data = host.sshd.at("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::set_permissions(&data, PermissionsExt::from_mode(0o700)).unwrap();
        let offer = Offer { programs: Some(data.join("programs")), ..Offer::default() };
        let deploy = async |offer: &Offer| deploy::deploy(&ssh, &remote, offer.clone(), &Nobody).await;
        // none
        let place = data.join("programs").join(BUILD).join(format!("thub-{X86}"));
        let words = ["glibc 2.5", place.to_str().unwrap(), "--from FILE", "cargo build --release --target"];
        says("no program", deploy(&offer).await, &words);
        // put there by hand
        let by_hand =
            program(&data.join("programs").join(BUILD), &format!("thub-{X86}"), &format!("{BUILD} {X86}"), BUILD, 0);
        deploy(&offer).await.unwrap();
        host.is_whole("by hand");
        assert!(std::fs::read(host.placed()).unwrap() == std::fs::read(&by_hand).unwrap());
        std::fs::remove_dir_all(host.placed().parent().unwrap()).unwrap();
        // of another version, of another target, of nothing
        for (stamp, word) in
            [("0.0.9 x86_64-unknown-linux-musl", "0.0.9"), (&format!("{BUILD} riscv"), "riscv"), ("", "does not say")]
        {
            program(&data.join("programs").join(BUILD), &format!("thub-{X86}"), stamp, BUILD, 0);
            says("a wrong program", deploy(&offer).await, &[word]);
        }
        // the real one says what it is built for
        if env!("THUB_TARGET") != X86 {
            std::fs::copy(env!("CARGO_BIN_EXE_thub"), &place).unwrap();
            says("the real one", deploy(&offer).await, &["is thub for", env!("THUB_TARGET")]);
        }
        std::fs::remove_dir_all(data.join("programs")).unwrap();

        // a release
        if Command::new("minisign").arg("-v").output().is_err() {
            skip("minisign");
            return;
        }
        let site = host.sshd.at("site");
        let right = program(&site, &format!("thub-{X86}"), &format!("{BUILD} {X86}"), BUILD, 500_000);
        let sign = |key: &str| {
            let sh = |script: &str| {
                let ran = Command::new("sh").arg("-c").arg(script).current_dir(&site).output().unwrap();
                assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            };
            sh(&format!("[ -e ../{key}.pub ] || minisign -G -W -f -p ../{key}.pub -s ../{key}.sec"));
            sh(&format!("sha256sum thub-* > SHA256SUMS; minisign -S -s ../{key}.sec -m SHA256SUMS"));
            let public = std::fs::read_to_string(host.sshd.at(&format!("{key}.pub"))).unwrap();
            public.lines().nth(1).unwrap().to_string()
        };
        let key = sign("release");
        let url = serve(site.clone());
        let with = |url: &str, key: &str| Offer {
            release: Some(Release { url: url.into(), key: key.into() }),
            ..offer.clone()
        };
        deploy(&with(&url, &key)).await.unwrap();
        host.is_whole("a release");
        assert!(std::fs::read(host.placed()).unwrap() == std::fs::read(&right).unwrap());
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
        // kept: the next host needs no network; and a bit flipped in it is seen
        let gone = || std::fs::remove_dir_all(host.placed().parent().unwrap()).unwrap();
        gone();
        deploy(&offer).await.unwrap();
        gone();
        let mut bytes = std::fs::read(&place).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&place, bytes).unwrap();
        says("flipped in the data dir", deploy(&offer).await, &["SHA256SUMS"]);
        host.has_nothing("flipped in the data dir");
        let fresh = || std::fs::remove_dir_all(data.join("programs")).unwrap();
        fresh();
        // another key's signature, a program changed behind it, an older release signed rightly, nobody there
        let other = sign("foreign");
        says("another key", deploy(&with(&url, &key)).await, &["not signed"]);
        sign("release");
        let mut bytes = std::fs::read(&right).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&right, &bytes).unwrap();
        says("changed on the site", deploy(&with(&url, &key)).await, &["not what its release says"]);
        program(&site, &format!("thub-{X86}"), &format!("0.0.9 {X86}"), "0.0.9", 0);
        sign("release");
        says("an older release", deploy(&with(&url, &key)).await, &["0.0.9"]);
        says(
            "no such site",
            deploy(&with("http://127.0.0.1:1", &other)).await,
            &["can't be downloaded", "--from FILE"],
        );
        says("no https", deploy(&with("http://example.org/thub", &key)).await, &["https"]);
        says("no key", deploy(&with(&url, "RWnonsense")).await, &["key"]);
        host.has_nothing("releases");
        let left = std::fs::read_dir(data.join("programs").join(BUILD)).into_iter().flatten().flatten().count();
        assert_eq!(left, 0, "nothing of them is kept");
    });
}

/// What lies where others can write is not run, by whatever command, and nothing is put beside it.
#[test]
fn no_agent_is_run_where_others_can_write() {
    let Some(host) = Host::new("") else { return };
    let (home, agents) = (host.sshd.home(), host.agents());
    let (build, ran) = (agents.join(deploy::build_id()), home.join("it-ran"));
    let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    std::fs::create_dir_all(&build).unwrap();
    let agent = format!("#!/bin/sh\ntouch \"$HOME/it-ran\"\nprintf \"\\nthub/1 {BUILD}\\n\"; cat\n");
    std::fs::write(host.placed(), &agent).unwrap();
    mode(&host.placed(), 0o755);
    run(async {
        let refused = async |what: &str, words: &[&str]| {
            for policy in [DeployPolicy::Never, DeployPolicy::Ask, DeployPolicy::Always] {
                let done = reach("test", Some(&host.config), Arc::new(Nobody), policy, host.offer()).await;
                let f = done.map(|_| ()).expect_err(what);
                println!("{what}: {}", f.what);
                assert_eq!(f.code(), 4, "{what}: {f}");
                assert!(words.iter().all(|w| f.to_string().contains(w)), "{what}: {f}");
                assert!(!ran.exists(), "{what}: it ran");
                assert!(std::fs::read(host.placed()).unwrap() == agent.as_bytes(), "{what}: nothing is put there");
            }
        };
        for (path, open) in [
            (&home.join(".local"), 0o777),
            (&home.join(".local/share/thub"), 0o777),
            (&agents, 0o772),
            (&build, 0o777),
            (&build, 0o1777),
            (&host.placed(), 0o757),
        ] {
            mode(path, open);
            let shown = path.to_str().unwrap();
            refused(shown, &["others can write", shown, "chmod go-w", "not run"]).await;
            mode(path, 0o755);
        }
        if is_root() {
            for path in [&host.placed(), &build, &agents] {
                chown(path, Some(12345), None).unwrap();
                refused("somebody else's", &["not yours", "owner 12345"]).await;
                chown(path, Some(0), None).unwrap();
            }
        }
        // another build that goes with this one is as good, and as bad
        let other = agents.join(format!("{BUILD}-ffffffffffff"));
        std::fs::rename(&build, &other).unwrap();
        mode(&other, 0o777);
        let done = reach("test", Some(&host.config), Arc::new(Nobody), DeployPolicy::Never, host.offer()).await;
        let f = done.map(|_| ()).expect_err("another build");
        assert!(f.code() == 4 && f.what.contains("others can write") && !ran.exists(), "{f}");
        mode(&other, 0o755);
        std::fs::rename(&other, &build).unwrap();
        // and it runs where nobody else can
        let reached = reach("test", Some(&host.config), Arc::new(Nobody), DeployPolicy::Never, host.offer()).await;
        reached.unwrap().0.close().await;
        assert!(ran.exists());
    });
}

/// A named program that would be waited for without an end.
#[test]
fn a_fifo_is_not_sent() {
    let Some(host) = Host::new("") else { return };
    let fifo = host.sshd.at("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let ran = Command::new(env!("CARGO_BIN_EXE_thub"))
        .args(["deploy", "test", "--from", fifo.to_str().unwrap(), "-F", host.config.to_str().unwrap()])
        .env("HOME", host.sshd.at("client"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.code() == Some(2) && said.contains("no regular file"), "{said}");
    host.has_nothing("a fifo");
}

/// What rc files do to the upload is not put on the disk or on the account.
#[test]
fn rc_files_that_are_in_the_way() {
    // (as bash does for a command of sshd's, with that file)
    let with = |rc: &str| format!("ForceCommand {rc}; eval \"$SSH_ORIGINAL_COMMAND\"");
    let Some(host) =
        Host::new(&with("case \"$SSH_ORIGINAL_COMMAND\" in *noclobber*|*'.thub.$x'*) head -c 1000 >/dev/null;; esac"))
    else {
        return;
    };
    let f = says("input is read", run(host.deploy()), &["only", "came there", "bashrc"]);
    assert!(!f.to_string().contains("full"), "{f}");
    host.has_nothing("input is read");
    let Some(host) = Host::new(&with("PATH=")) else { return };
    let f = says("no PATH", run(host.deploy()), &["does not find sh", "PATH"]);
    assert!(!f.to_string().contains("SFTP"), "{f}");
    host.has_nothing("no PATH");
}
