//! The verdict on a host's key beside that of the real `ssh`, against the same sshd.

use crate::support::sshd::{self, Sshd, keygen};
use crate::{Person, run};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use thub::transport::ask::KeyAsked;
use thub::transport::ssh;

/// From the mildest on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Verdict {
    Accepts,
    Asks,
    Refuses,
}
use Verdict::{Accepts, Asks, Refuses};

struct Row {
    name: &'static str,
    /// `{port}`, `{dir}`, `{ed}`, `{rsa}`, `{ecdsa}`, `{other}` (an ed25519 of somebody else), `{ca}`, `{ca2}`,
    /// `{ed-cert}` (a certificate of the host's key). It is written as Latin-1.
    known: &'static str,
    options: &'static str,
    /// What `ssh-keygen -s ca` makes of the host's key.
    certificate: &'static str,
    ssh: Verdict,
    thub: Verdict,
}

const fn row(name: &'static str, known: &'static str, options: &'static str, ssh: Verdict, thub: Verdict) -> Row {
    Row { name, known, options, certificate: "", ssh, thub }
}
const fn cert(name: &'static str, known: &'static str, certificate: &'static str, ssh: Verdict, thub: Verdict) -> Row {
    Row { name, known, options: "", certificate, ssh, thub }
}

const NAME: &str = "[127.0.0.1]:{port}";
const GOOD: &str = "-n 127.0.0.1";

/// NAME stands for [`NAME`].
const ROWS: &[Row] = &[
    row("known", "NAME {ed}\n", "", Accepts, Accepts),
    row("unknown, ask", "", "", Asks, Asks),
    row("unknown, yes", "", "StrictHostKeyChecking yes", Refuses, Refuses),
    row("unknown, accept-new", "", "StrictHostKeyChecking accept-new", Accepts, Accepts),
    row("unknown, no", "", "StrictHostKeyChecking no", Accepts, Accepts),
    row("unknown, batch", "", "BatchMode yes", Refuses, Refuses),
    row("changed, ask", "NAME {other}\n", "", Refuses, Refuses),
    row("changed, yes", "NAME {other}\n", "StrictHostKeyChecking yes", Refuses, Refuses),
    row("changed, accept-new", "NAME {other}\n", "StrictHostKeyChecking accept-new", Refuses, Refuses),
    row("changed, no", "NAME {other}\n", "StrictHostKeyChecking no", Accepts, Refuses),
    row("another type is on record, and shown", "NAME {rsa}\n", "", Accepts, Accepts),
    row("another type is on record, and changed", "NAME {other-rsa}\n", "", Refuses, Refuses),
    row("only a type is on record that the host has not", "NAME {ecdsa}\n", "", Refuses, Refuses),
    row("right and wrong on record", "NAME {other}\nNAME {ed}\n", "", Accepts, Accepts),
    row("hashed", "{hashed-ed}\n", "", Accepts, Accepts),
    row("hashed, changed", "{hashed-other}\n", "", Refuses, Refuses),
    row("hashed, of another name", "{hashed-elsewhere}\n", "", Asks, Asks),
    row("the plain name for any port", "127.0.0.1 {ed}\n", "", Accepts, Accepts),
    row("the plain name, another key", "127.0.0.1 {other}\n", "", Asks, Asks),
    row("another port", "[127.0.0.1]:1 {ed}\n", "", Asks, Asks),
    row("wildcard", "[127.0.0.?]:* {ed}\n", "", Accepts, Accepts),
    row("wildcard, changed", "*,x {other}\n", "", Refuses, Refuses),
    row("negated with the port, not without", "*,!NAME {ed}\n", "", Accepts, Accepts),
    row("negated", "*,!NAME,!127.0.0.1 {ed}\n", "", Asks, Asks),
    row("revoked", "NAME {ed}\n@revoked * {ed}\n", "", Refuses, Refuses),
    row("another one revoked", "NAME {ed}\n@revoked * {other}\n", "", Accepts, Accepts),
    row("revoked for another name", "NAME {ed}\n@revoked elsewhere {ed}\n", "", Accepts, Accepts),
    row("a directory for a file", "", "UserKnownHostsFile {dir}", Asks, Refuses),
    row("a malformed line about the host", "NAME ssh-ed25519 !!!\n", "", Asks, Refuses),
    row("malformed lines about others", "x\n@y z\n\u{1}\nNAME {ed}\n", "", Accepts, Accepts),
    row("HostKeyAlias", "other {ed}\n", "HostKeyAlias Other", Accepts, Accepts),
    row("HostKeyAlias, the address is on record", "NAME {ed}\n", "HostKeyAlias other", Asks, Asks),
    row("the second file", "", "UserKnownHostsFile {dir}/none {dir}/second", Accepts, Accepts),
    row(
        "revoked in the second file",
        "NAME {ed}\n",
        "UserKnownHostsFile {dir}/known_hosts {dir}/revoking",
        Refuses,
        Refuses,
    ),
    row("the global file", "", "GlobalKnownHostsFile {dir}/second", Accepts, Accepts),
    row("changed in the global file", "", "GlobalKnownHostsFile {dir}/changed", Refuses, Refuses),
    row("/dev/null, ask", "NAME {ed}\n", "UserKnownHostsFile /dev/null", Asks, Asks),
    row("/dev/null, no", "NAME {ed}\n", "UserKnownHostsFile /dev/null\n  StrictHostKeyChecking no", Accepts, Accepts),
    row("RevokedHostKeys", "NAME {ed}\n", "RevokedHostKeys {dir}/list", Refuses, Refuses),
    row("RevokedHostKeys with others", "NAME {ed}\n", "RevokedHostKeys {dir}/otherlist", Accepts, Accepts),
    row("RevokedHostKeys, binary", "NAME {ed}\n", "RevokedHostKeys {dir}/krl", Refuses, Refuses),
    row("RevokedHostKeys, binary, with others", "NAME {ed}\n", "RevokedHostKeys {dir}/otherkrl", Accepts, Accepts),
    row("RevokedHostKeys, binary, by hashes", "NAME {ed}\n", "RevokedHostKeys {dir}/hashkrl", Refuses, Refuses),
    row("RevokedHostKeys, binary, cut off", "NAME {ed}\n", "RevokedHostKeys {dir}/cutkrl", Refuses, Refuses),
    row("RevokedHostKeys that is not there", "NAME {ed}\n", "RevokedHostKeys {dir}/none", Refuses, Refuses),
    row(
        "CheckHostIP, another key for the address",
        "[localhost]:{port} {ed}\nNAME {other}\n",
        "HostName localhost\n  AddressFamily inet\n  CheckHostIP yes",
        // (OpenSSH looks at no loopback address)
        Accepts,
        Refuses,
    ),
    row("NoHostAuthenticationForLocalhost", "NAME {other}\n", "NoHostAuthenticationForLocalhost yes", Accepts, Refuses),
    cert("authority", "@cert-authority NAME {ca}\n", GOOD, Accepts, Accepts),
    cert("authority, by the plain name", "@cert-authority 127.0.0.1 {ca}\n", GOOD, Accepts, Accepts),
    cert("authority for a pattern", "@cert-authority *,!x {ca}\n", GOOD, Accepts, Accepts),
    cert("authority for others", "@cert-authority x {ca}\n", GOOD, Asks, Asks),
    cert("authority, and no certificate", "@cert-authority * {ca}\n", "", Asks, Asks),
    cert("another authority", "@cert-authority * {ca2}\n", GOOD, Asks, Asks),
    cert("the authority's key as a host's", "NAME {ca}\n", GOOD, Refuses, Refuses),
    cert("expired", "@cert-authority * {ca}\n", "-n 127.0.0.1 -V 20200101:20200102", Asks, Refuses),
    cert(
        "expired, its key is on record",
        "@cert-authority * {ca}\nNAME {ed}\n",
        "-n 127.0.0.1 -V 20200101:20200102",
        Accepts,
        Accepts,
    ),
    cert(
        "expired, another key is on record",
        "@cert-authority * {ca}\nNAME {other}\n",
        "-n 127.0.0.1 -V 20200101:20200102",
        Refuses,
        Refuses,
    ),
    cert("not valid yet", "@cert-authority * {ca}\n", "-n 127.0.0.1 -V +1d:+2d", Asks, Refuses),
    cert("for another name", "@cert-authority * {ca}\n", "-n elsewhere", Asks, Refuses),
    cert("for a pattern", "@cert-authority * {ca}\n", "-n *", Asks, Refuses),
    cert("for several names", "@cert-authority * {ca}\n", "-n elsewhere,127.0.0.1", Accepts, Accepts),
    cert("for no name", "@cert-authority * {ca}\n", "", Accepts, Refuses),
    cert("authority revoked", "@cert-authority * {ca}\n@revoked * {ca}\n", GOOD, Refuses, Refuses),
    cert("certified key revoked", "@cert-authority * {ca}\n@revoked * {ed}\n", GOOD, Refuses, Refuses),
    Row {
        name: "authority in RevokedHostKeys",
        known: "@cert-authority * {ca}\n",
        options: "RevokedHostKeys {dir}/calist",
        certificate: GOOD,
        ssh: Refuses,
        thub: Refuses,
    },
    Row {
        name: "certificate in RevokedHostKeys, by serial",
        known: "@cert-authority * {ca}\n",
        options: "RevokedHostKeys {dir}/serialkrl",
        certificate: "-n 127.0.0.1 -z 77",
        ssh: Refuses,
        thub: Refuses,
    },
    Row {
        name: "certificate with another serial",
        known: "@cert-authority * {ca}\n",
        options: "RevokedHostKeys {dir}/serialkrl",
        certificate: "-n 127.0.0.1 -z 78",
        ssh: Accepts,
        thub: Accepts,
    },
    Row {
        name: "certificate in RevokedHostKeys, by key id",
        known: "@cert-authority * {ca}\n",
        options: "RevokedHostKeys {dir}/idkrl",
        certificate: "-n 127.0.0.1",
        ssh: Refuses,
        thub: Refuses,
    },
    Row {
        name: "HostKeyAlias names the principal",
        known: "@cert-authority other {ca}\n",
        options: "HostKeyAlias other",
        certificate: "-n other",
        ssh: Accepts,
        thub: Accepts,
    },
    Row {
        name: "HostKeyAlias, the certificate is for the address",
        known: "@cert-authority other {ca}\n",
        options: "HostKeyAlias other",
        certificate: GOOD,
        ssh: Asks,
        thub: Refuses,
    },
    cert("a user's certificate", "@cert-authority * {ca}\n", "USER -n 127.0.0.1", Asks, Refuses),
    cert("a critical option", "@cert-authority * {ca}\n", "-n 127.0.0.1 -O critical:x@y=z", Asks, Refuses),
    cert("signed with SHA-1", "@cert-authority * {ca-rsa}\n", "SHA1 -n 127.0.0.1", Asks, Refuses),
    cert("signed by RSA with SHA-2", "@cert-authority * {ca-rsa}\n", "SHA2 -n 127.0.0.1", Accepts, Accepts),
    // bytes that are no UTF-8 stand for themselves
    row("Latin-1 among the names", "h\u{f6}st,NAME {ed}\n", "", Accepts, Accepts),
    row("Latin-1 among the names, changed", "h\u{f6}st,NAME {other}\n", "", Refuses, Refuses),
    row(
        "Latin-1 among the names, changed, accept-new",
        "h\u{f6}st,NAME {other}\n",
        "StrictHostKeyChecking accept-new",
        Refuses,
        Refuses,
    ),
    row("Latin-1 among the names, revoked", "NAME {ed}\n@revoked h\u{f6}st,* {ed}\n", "", Refuses, Refuses),
    row("Latin-1 among the names, negated", "*,\u{f6},!h\u{f6},!NAME,!127.0.0.1 {other}\n", "", Asks, Asks),
    cert("Latin-1, authority revoked", "@cert-authority * {ca}\n@revoked \u{f6},* {ca}\n", GOOD, Refuses, Refuses),
    cert("Latin-1, authority", "@cert-authority h\u{f6},* {ca}\n", GOOD, Accepts, Accepts),
    // what ends a field, and what does not
    row("NUL behind the names, revoked", "NAME {ed}\n@revoked *\0 {ed}\n", "", Refuses, Refuses),
    row("NUL behind the names, changed", "NAME\0 {other}\n", "", Refuses, Refuses),
    row("NUL before the names", "\0NAME {ed}\n", "", Asks, Asks),
    row("NUL behind the mark", "NAME {ed}\n@revoked\0 * {ed}\n", "", Accepts, Refuses),
    row("NUL behind the type", "NAME ssh-ed25519\0 {ed-blob}\n", "", Asks, Refuses),
    row("CR for the end of a line", "# x\rNAME {ed}\r", "", Asks, Asks),
    row("CR before the name", "\rNAME {ed}\n", "", Asks, Asks),
    row("CR behind the key", "NAME {ed}\rNAME {ed}\n", "", Asks, Refuses),
    row("CR LF", "x {other}\r\nNAME {ed}\r\n", "", Accepts, Accepts),
    row("CR LF, revoked", "NAME {ed}\r\n@revoked * {ed}\r\n", "", Refuses, Refuses),
    cert("TAB behind the authority's mark", "@cert-authority\t* {ca}\n", GOOD, Asks, Refuses),
    cert("TABs alone", "@cert-authority\t*\t{ca-tab}\n", GOOD, Accepts, Accepts),
    // a certificate that is revoked takes its key with it
    row("a certificate of the key revoked", "NAME {ed}\n@revoked * {ed-cert}\n", "", Refuses, Refuses),
    row("a certificate that can't be read revoked", "NAME {ed}\n@revoked * {bad-cert}\n", "", Accepts, Refuses),
    row("a certificate as a host's key", "NAME {ed-cert}\n", "", Refuses, Refuses),
    cert("the certificate revoked", "@cert-authority * {ca}\n@revoked * {ed-cert}\n", GOOD, Refuses, Refuses),
    row("a certificate in RevokedHostKeys", "NAME {ed}\n", "RevokedHostKeys {dir}/certlist", Refuses, Refuses),
    Row {
        name: "a certificate in RevokedHostKeys, and shown",
        known: "@cert-authority * {ca}\n",
        options: "RevokedHostKeys {dir}/certlist",
        certificate: GOOD,
        ssh: Refuses,
        thub: Refuses,
    },
    // nowhere to keep a key
    row("no file, ask", "", "UserKnownHostsFile none", Refuses, Refuses),
    row("no file, accept-new", "", "UserKnownHostsFile none\n  StrictHostKeyChecking accept-new", Refuses, Refuses),
    row("no file, no", "", "UserKnownHostsFile none\n  StrictHostKeyChecking no", Refuses, Refuses),
    row(
        "no file, known in the global one",
        "",
        "UserKnownHostsFile none\n  GlobalKnownHostsFile {dir}/second",
        Accepts,
        Accepts,
    ),
    row(
        "no file, known in the global one by its plain name",
        "",
        "UserKnownHostsFile none\n  GlobalKnownHostsFile {dir}/plain",
        Accepts,
        Accepts,
    ),
    row(
        "no file, the global one is empty",
        "",
        "UserKnownHostsFile none\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking no",
        Refuses,
        Refuses,
    ),
    row("no name to keep it by", "", "HostKeyAlias a,b\n  StrictHostKeyChecking accept-new", Accepts, Refuses),
    // which of its keys a host is asked for
    row("a stale key of another type first", "NAME {other-rsa}\nNAME {ed}\n", "", Accepts, Accepts),
    row("a stale key of the best type, another right", "NAME {other}\nNAME {rsa}\n", "", Refuses, Refuses),
    row("of another type, by the plain name", "127.0.0.1 {rsa}\n", "", Asks, Asks),
    row("two types, one revoked", "NAME {rsa}\nNAME {ed}\n@revoked * {ed}\n", "", Accepts, Accepts),
    row("another type, revoked", "NAME {rsa}\n@revoked * {rsa}\n", "", Refuses, Refuses),
    cert(
        "authority, and a stale key of another type",
        "NAME {other-rsa}\n@cert-authority * {ca}\n",
        GOOD,
        Accepts,
        Accepts,
    ),
];

fn public(sshd: &Sshd, name: &str) -> String {
    let text = std::fs::read_to_string(sshd.at(&format!("{name}.pub"))).unwrap();
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// The real thing's: a program answers yes where it asks.
fn of_ssh(sshd: &Sshd, config: &Path) -> Verdict {
    let (asked, helper) = (sshd.at("asked"), sshd.at("askpass"));
    let _ = std::fs::remove_file(&asked);
    std::fs::write(&helper, format!("#!/bin/sh\necho x >> {}\necho yes\n", asked.display())).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = Command::new("ssh");
    command.arg("-F").arg(config).args(["-T", "test", "true"]).stdin(Stdio::null());
    command.env("SSH_ASKPASS", &helper).env("SSH_ASKPASS_REQUIRE", "force").process_group(0);
    let ran = command.output().unwrap();
    match (ran.status.success(), asked.exists()) {
        (true, false) => Accepts,
        (true, true) => Asks,
        (false, false) => Refuses,
        (false, true) => panic!("ssh asked, and did not log in: {}", String::from_utf8_lossy(&ran.stderr)),
    }
}

/// Ours; nothing is offered to the host before it, which the host's own log shows.
fn of_thub(sshd: &Arc<Sshd>, config: &Path, name: &str) -> (Verdict, String) {
    struct Watching {
        person: Person,
        sshd: Arc<Sshd>,
        mark: usize,
    }
    impl thub::transport::ask::Ask for Watching {
        fn host_key(&self, asked: &KeyAsked) -> thub::transport::ask::Answered<'_, bool> {
            let log = self.sshd.since(self.mark);
            assert!(!log.contains("userauth"), "offered before the answer: {log}");
            self.person.host_key(asked)
        }
    }
    let mark = sshd.mark();
    let person = Person { trust: true, ..Person::default() };
    let ask = Arc::new(Watching { person, sshd: sshd.clone(), mark });
    let done = run(async {
        let done = ssh::connect("test", Some(config), ask.clone()).await;
        if let Ok(ssh) = &done {
            ssh.close().await;
        }
        done
    });
    let asked = !ask.person.asked().is_empty();
    match done {
        Ok(_) => {
            // the log is where it is looked for
            sshd.wait_for(mark, "Accepted publickey");
            assert!(sshd.since(mark).contains("userauth-request"));
            (if asked { Asks } else { Accepts }, String::new())
        }
        Err(f) => {
            assert!(f.code() == 4 && !f.hints.is_empty() && !asked, "{name}: {f}");
            // (ssh's own connection before may end after ours has begun)
            let whole = |log: &str| log.split_once("software version thub").is_some_and(|(_, l)| l.contains("kex: "));
            let mut log = sshd.refused_one(mark);
            while !whole(&log) {
                let more = sshd.refused_one(mark + log.lines().count());
                log = format!("{log}\n{more}");
            }
            assert!(log.contains("kex: "), "{name}: {log}");
            assert!(!log.contains("userauth"), "{name}: offered without a verdict: {log}");
            (Refuses, f.what)
        }
    }
}

#[test]
fn host_key_rows() {
    if !sshd::here() {
        return;
    }
    let sshd = Arc::new(Sshd::start("HostCertificate {dir}/certificate.pub"));
    let d = sshd.dir.path().to_path_buf();
    for (name, kind) in
        [("ecdsa", "ecdsa"), ("other-rsa", "rsa"), ("ca", "ed25519"), ("ca2", "ed25519"), ("ca-rsa", "rsa")]
    {
        keygen(&d, &["-q", "-t", kind, "-N", "", "-f", name]);
    }
    // (of some other authority, for some other name: it is the key in it that counts)
    keygen(&d, &["-q", "-I", "y", "-s", "ca2", "-h", "-n", "elsewhere", "host_ed25519.pub"]);
    let certificate = public(&sshd, "host_ed25519-cert");
    let keys: Vec<(String, String)> = [
        ("ed", "host_ed25519"),
        ("rsa", "host_rsa"),
        ("ecdsa", "ecdsa"),
        ("other", "other"),
        ("other-rsa", "other-rsa"),
        ("ca", "ca"),
        ("ca2", "ca2"),
        ("ca-rsa", "ca-rsa"),
    ]
    .map(|(word, file)| (format!("{{{word}}}"), public(&sshd, file)))
    .to_vec();
    let port = sshd.port.to_string();
    let fill = |text: &str| {
        let mut text = text.replace("NAME", NAME).replace("{ed-cert}", &certificate);
        text = text.replace("{bad-cert}", &certificate[..certificate.len() - 8]);
        text = text.replace("{ca-tab}", &public(&sshd, "ca").replace(' ', "\t"));
        text = text.replace("{ed-blob}", public(&sshd, "host_ed25519").split_once(' ').unwrap().1);
        for (word, key) in &keys {
            text = text.replace(word, key);
        }
        text.replace("{port}", &port).replace("{dir}", d.to_str().unwrap())
    };
    // hashed by ssh-keygen itself
    let hashed = |line: &str| {
        std::fs::write(d.join("hashing"), fill(line)).unwrap();
        keygen(&d, &["-q", "-H", "-f", "hashing"]);
        std::fs::read_to_string(d.join("hashing")).unwrap().trim().to_string()
    };
    let hashes = [
        ("{hashed-ed}", hashed("NAME {ed}\n")),
        ("{hashed-other}", hashed("NAME {other}\n")),
        ("{hashed-elsewhere}", hashed("elsewhere {ed}\n")),
    ];
    for (name, text) in [
        ("second", "NAME {ed}\n"),
        ("revoking", "@revoked * {ed}\n"),
        ("changed", "NAME {other}\n"),
        ("list", "# x\n{ed} me\n"),
        ("otherlist", "{other}\n"),
        ("calist", "{ca}\n"),
        ("certlist", "{other}\n{ed-cert} me\n"),
        ("plain", "127.0.0.1 {ed}\n"),
    ] {
        std::fs::write(d.join(name), fill(text)).unwrap();
    }
    keygen(&d, &["-q", "-k", "-f", "krl", "host_ed25519.pub"]);
    keygen(&d, &["-q", "-k", "-f", "otherkrl", "other.pub"]);
    let hash = Command::new("ssh-keygen").args(["-lf", "host_ed25519.pub"]).current_dir(&d).output().unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap().split_whitespace().nth(1).unwrap().to_string();
    for (name, spec) in [
        ("hashkrl", format!("hash: {hash}\n")),
        ("serialkrl", "serial: 3\nserial: 70-77\nserial: 1000\n".into()),
        ("idkrl", "id: x\n".into()),
    ] {
        std::fs::write(d.join("spec"), spec).unwrap();
        keygen(&d, &["-q", "-k", "-s", "ca.pub", "-f", name, "spec"]);
    }
    let whole = std::fs::read(d.join("krl")).unwrap();
    std::fs::write(d.join("cutkrl"), &whole[..whole.len() - 3]).unwrap();

    let mut milder = Vec::new();
    let mut table = String::new();
    for row in ROWS {
        let made = d.join("certificate.pub");
        let _ = std::fs::remove_file(&made);
        let wanted = !row.certificate.is_empty() || row.name == "for no name";
        if wanted {
            let (mut flags, mut ca, mut words) = (vec!["-h"], vec!["-s", "ca"], row.certificate);
            for (mark, sign) in [("SHA1 ", "ssh-rsa"), ("SHA2 ", "rsa-sha2-512")] {
                if let Some(rest) = words.strip_prefix(mark) {
                    (ca, words) = (vec!["-s", "ca-rsa", "-t", sign], rest);
                }
            }
            if let Some(rest) = words.strip_prefix("USER ") {
                (flags, words) = (vec![], rest);
            }
            let words: Vec<&str> = words.split_whitespace().collect();
            keygen(&d, &[&["-q", "-I", "x"][..], &ca, &flags, &words, &["host_ed25519.pub"]].concat());
            std::fs::rename(d.join("host_ed25519-cert.pub"), &made).unwrap();
        }
        let known = hashes.iter().fold(fill(row.known), |t, (word, line)| t.replace(word, line));
        let config = sshd.config(&format!("Host *\n  {}\n", fill(row.options)));
        let fresh = || {
            let latin: Vec<u8> = known.chars().map(|c| u8::try_from(c).unwrap()).collect();
            std::fs::write(d.join("known_hosts"), latin).unwrap();
        };
        fresh();
        let theirs = of_ssh(&sshd, &config);
        fresh();
        let (ours, why) = of_thub(&sshd, &config, row.name);
        table += &format!("{:50} ssh {:8} thub {:8} {why}\n", row.name, format!("{theirs:?}"), format!("{ours:?}"));
        if ours < theirs {
            milder.push(row.name);
        }
        if (theirs, ours) != (row.ssh, row.thub) {
            table += "    ^ not as expected\n";
        }
    }
    println!("{table}");
    assert!(milder.is_empty(), "milder than ssh: {milder:?}\n{table}");
    assert!(!table.contains("not as expected"), "{table}");
}

/// A key that can't be kept: one sentence, nothing is sent, and what was on record is whole.
#[test]
fn keys_that_can_not_be_kept() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let small = sshd.at("small");
    std::fs::create_dir(&small).unwrap();
    let mount =
        |words: &[&str]| Command::new("mount").args(words).arg(&small).output().is_ok_and(|o| o.status.success());
    if !mount(&["-t", "tmpfs", "-o", "size=8k,mode=0700", "none"]) {
        crate::support::skip("file system to fill (root mounts one)");
        return;
    }
    struct Mounted(std::path::PathBuf);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(&self.0).status();
        }
    }
    let _mounted = Mounted(small.clone());
    let known = small.join("known_hosts");
    let before = format!("elsewhere {}\n", public(&sshd, "other"));
    std::fs::write(&known, &before).unwrap();
    // a page is what is left, and then nothing
    std::fs::write(small.join("filler"), [0; 4096]).unwrap();
    let config =
        sshd.config("Host *\n  StrictHostKeyChecking accept-new\n  UserKnownHostsFile {dir}/small/known_hosts\n");
    let refused = || {
        let mark = sshd.mark();
        let done = run(async { ssh::connect("test", Some(&config), Arc::new(Person::default())).await });
        let failure = done.err().expect("it must be refused");
        assert!(failure.code() == 4 && failure.what.contains("can't be kept in"), "{failure}");
        assert!(!sshd.refused_one(mark).contains("userauth"));
        assert_eq!(std::fs::read_to_string(&known).unwrap(), before);
        assert_eq!(std::fs::read_dir(&small).unwrap().count(), 2, "a temp file is left");
        failure.what
    };
    let said = refused();
    assert!(said.contains("No space left"), "{said}");
    assert!(mount(&["-o", "remount,ro"]));
    let said = refused();
    assert!(said.contains("Read-only"), "{said}");
    assert!(mount(&["-o", "remount,rw"]));
    std::fs::remove_file(small.join("filler")).unwrap();
    run(async { ssh::connect("test", Some(&config), Arc::new(Person::default())).await.unwrap().close().await });
    assert!(std::fs::read_to_string(&known).unwrap().starts_with(&before));
}

/// Keys are renewed over and over by a real sshd, and the host stays the same one.
#[test]
fn renewals() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("RekeyLimit 1M\nHostCertificate {dir}/certificate.pub");
    let d = sshd.dir.path().to_path_buf();
    keygen(&d, &["-q", "-t", "ed25519", "-N", "", "-f", "ca"]);
    keygen(&d, &["-q", "-I", "x", "-s", "ca", "-h", "-n", "127.0.0.1", "host_ed25519.pub"]);
    std::fs::rename(d.join("host_ed25519-cert.pub"), d.join("certificate.pub")).unwrap();
    for known in [public(&sshd, "host_ed25519"), public(&sshd, "host_rsa"), format!("CA {}", public(&sshd, "ca"))] {
        let line = match known.strip_prefix("CA ") {
            Some(ca) => format!("@cert-authority * {ca}\n"),
            None => format!("[127.0.0.1]:{} {known}\n", sshd.port),
        };
        std::fs::write(d.join("known_hosts"), &line).unwrap();
        let mark = sshd.mark();
        run(async {
            let ssh = ssh::connect("test", Some(&sshd.config("")), Arc::new(Person::default())).await.unwrap();
            let (out, _, code) = ssh.output("head -c 6000000 /dev/zero", 7_000_000).await.unwrap();
            assert_eq!((out.len(), code), (6_000_000, Some(0)), "{line}");
            ssh.close().await;
        });
        // the host told its other keys (hostkeys-00@openssh.com): what is on record stays what it was
        assert_eq!(std::fs::read_to_string(d.join("known_hosts")).unwrap(), line);
        let log = sshd.since(mark);
        assert!(log.matches("set_newkeys: rekeying").count() >= 4, "{line}: {log}");
    }
}

/// Who is asked to trust a key knows where it was found, whose way it is on, and where it goes.
#[test]
fn a_question_says_where_the_host_is() {
    struct Told(std::sync::Mutex<Vec<KeyAsked>>);
    impl thub::transport::ask::Ask for Told {
        fn host_key(&self, asked: &KeyAsked) -> thub::transport::ask::Answered<'_, bool> {
            self.0.lock().unwrap().push(asked.clone());
            Box::pin(async { Some(true) })
        }
    }
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("AllowTcpForwarding yes");
    std::fs::remove_file(sshd.at("known_hosts")).unwrap();
    let config = sshd.config(
        "Host one\n  HostKeyAlias one\n  HostName localhost\n  AddressFamily inet\nHost two\n  HostKeyAlias two\n\
         Host far\n  HostKeyAlias far\n  ProxyJump one,two\n",
    );
    let told = Arc::new(Told(std::sync::Mutex::default()));
    run(async { ssh::connect("far", Some(&config), told.clone()).await.unwrap().close().await });
    let told = told.0.lock().unwrap();
    let port = sshd.port;
    let at = |name: &str| told.iter().find(|k| k.host.contains(&format!("@{name}:"))).unwrap().clone();
    assert_eq!(told.len(), 3, "{told:?}");
    let (one, two, far) = (at("one"), at("two"), at("far"));
    assert_eq!(one.address, format!("localhost (127.0.0.1) port {port}"));
    assert_eq!(one.way, format!("jump host 1 of 2 on the way to {}", far.host));
    assert_eq!(two.address, format!("127.0.0.1 port {port}, through {}", one.host));
    assert_eq!(two.way, format!("jump host 2 of 2 on the way to {}", far.host));
    assert_eq!((far.address, far.way), (format!("127.0.0.1 port {port}, through {}", two.host), String::new()));
    assert_eq!(far.kept, format!("{}, as far", sshd.at("known_hosts").display()));
    let known = std::fs::read_to_string(sshd.at("known_hosts")).unwrap();
    for name in ["one", "two", "far"] {
        assert!(known.lines().any(|l| l.starts_with(&format!("{name} "))), "{known}");
    }
}

/// A key that no line could keep: who reads that learns which option is in the way, and is not asked first.
#[test]
fn keys_that_nothing_could_keep() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    std::fs::remove_file(sshd.at("known_hosts")).unwrap();
    for (options, why, option) in [
        ("HostKeyAlias a,b", "`a,b` is no name", "HostKeyAlias"),
        ("HostKeyAlias \"a b\"", "`a b` is no name", "HostKeyAlias"),
        ("UserKnownHostsFile none", "UserKnownHostsFile is none", "GlobalKnownHostsFile"),
    ] {
        for strict in ["ask", "accept-new", "no"] {
            let config = sshd.config(&format!("Host *\n  {options}\n  StrictHostKeyChecking {strict}\n"));
            let person = Arc::new(Person { trust: true, ..Person::default() });
            let failure = run(async { ssh::connect("test", Some(&config), person.clone()).await }).err().unwrap();
            assert!(failure.code() == 4 && failure.what.contains(why), "{failure}");
            assert!(failure.hints.iter().any(|h| h.contains(option)), "{failure}");
            assert!(person.asked().is_empty() && !sshd.at("known_hosts").exists(), "{failure}");
        }
    }
}
