//! What ssh_config asks for, seen by a real OpenSSH server: addresses, algorithms, renewals, the environment, and the
//! same without the program ssh. Leaves out how the file is read (`ssh_config`).

#[path = "support/sshd.rs"]
mod sshd;

use sshd::Sshd;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use thub::failure::Failure;
use thub::transport::ask::Nobody;
use thub::transport::ssh::{self, Ssh};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn run<T>(test: impl Future<Output = T>) -> T {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async { tokio::time::timeout(Duration::from_secs(90), test).await.expect("no test takes so long") })
}

async fn connect(config: &Path) -> Result<Ssh, Failure> {
    ssh::connect("test", Some(config), Arc::new(Nobody)).await
}

async fn says(config: &Path, command: &str) -> String {
    let ssh = connect(config).await.unwrap_or_else(|f| panic!("{f}"));
    let (out, _, _) = ssh.output(command, 10_000).await.unwrap();
    ssh.close().await;
    String::from_utf8(out).unwrap().trim().to_string()
}

#[test]
fn it_comes_from_the_address_asked_for() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    run(async {
        let from = "echo ${SSH_CONNECTION%% *}";
        assert_eq!(says(&sshd.config(""), from).await, "127.0.0.1");
        assert_eq!(says(&sshd.config("BindAddress 127.0.0.7"), from).await, "127.0.0.7");
        let f = connect(&sshd.config("AddressFamily inet6\nHostName 127.0.0.1")).await.err().unwrap();
        assert!(f.code() == 3, "{f}");
    });
}

#[test]
fn variables_are_sent_and_set() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("AcceptEnv OURS_* SET*");
    let config = sshd.config("SendEnv OURS_* CARGO_NEVER_SET\nSetEnv SET_A=\"two words\" SET_B==x OURS_NO=1 REFUSED=1");
    // the environment of a test's process is its threads' too: another process has the variables
    let exe = std::env::current_exe().unwrap();
    let ran = Command::new(exe)
        .args(["--exact", "variables_as_seen_there", "--nocapture"])
        .envs([("OURS_ONE", "1 \u{e4}"), ("OURS_NO", "2"), ("OTHER", "3")])
        .env("THUB_TEST_CONFIG", &config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.contains("seen:1 \u{e4}|1|unset|two words|=x|unset:"), "{said}");
}

/// The process of the test above.
#[test]
fn variables_as_seen_there() {
    let Some(config) = std::env::var_os("THUB_TEST_CONFIG") else { return };
    let show = "echo \"seen:$OURS_ONE|$OURS_NO|${OTHER-unset}|$SET_A|$SET_B|${REFUSED-unset}:\"";
    println!("{}", run(says(Path::new(&config), show)));
}

#[test]
fn algorithms_as_asked_for_within_what_is_safe() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("Ciphers +aes128-cbc\nMACs +hmac-sha1\nKexAlgorithms +diffie-hellman-group14-sha1");
    run(async {
        for (lines, seen) in [
            ("Ciphers aes128-ctr\nMACs hmac-sha2-256", "client->server cipher: aes128-ctr MAC: hmac-sha2-256 "),
            ("Ciphers ^aes256-ctr\nMACs ^hmac-sha2-512", "client->server cipher: aes256-ctr MAC: hmac-sha2-512 "),
            ("Ciphers aes128-cbc,chacha20-poly1305@openssh.com", "cipher: chacha20-poly1305@openssh.com"),
            ("MACs umac-64@openssh.com", "MAC: <implicit>"),
            ("KexAlgorithms ecdh-sha2-nistp384", "kex: algorithm: ecdh-sha2-nistp384"),
            (
                "KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group14-sha256",
                "diffie-hellman-group14-sha256",
            ),
        ] {
            let mark = sshd.mark();
            connect(&sshd.config(lines)).await.unwrap_or_else(|f| panic!("{lines}: {f}")).close().await;
            sshd.wait_for(mark, seen);
        }
        sshd.know("host_rsa");
        let mark = sshd.mark();
        connect(&sshd.config("HostKeyAlgorithms rsa-sha2-256")).await.unwrap().close().await;
        sshd.wait_for(mark, "kex: host key algorithm: rsa-sha2-256");
        for (lines, option) in [
            ("Ciphers aes128-cbc", "Ciphers"),
            ("KexAlgorithms diffie-hellman-group14-sha1", "KexAlgorithms"),
            ("HostKeyAlgorithms ssh-rsa", "HostKeyAlgorithms"),
            ("Ciphers aes128-ctr\nMACs hmac-sha1", "MACs"),
        ] {
            let mark = sshd.mark();
            let f = connect(&sshd.config(lines)).await.err().unwrap();
            assert!(f.code() == 4 && f.what.contains(option), "{f}");
            assert!(!sshd.since(mark).contains("SSH2_MSG_KEXINIT received"), "nothing was negotiated");
        }
        // a key of ours whose kind is not wanted is not offered
        sshd.know("host_ed25519");
        let mark = sshd.mark();
        let f = connect(&sshd.config("PubkeyAcceptedAlgorithms rsa-sha2-512")).await.err().unwrap();
        assert!(f.code() == 4 && f.what.contains("left out by PubkeyAcceptedAlgorithms"), "{f}");
        assert!(!sshd.since(mark).contains("ED25519 SHA256"), "it was offered");
    });
}

#[test]
fn keys_are_renewed_as_often_as_asked_for() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    let config = sshd.config("RekeyLimit 1M");
    run(async {
        let mark = sshd.mark();
        let ssh = connect(&config).await.unwrap();
        let channel = ssh.exec("cat").await.unwrap();
        let (mut read, mut write) = tokio::io::split(channel);
        let sent: Vec<u8> = (0..8_000_000u32).map(|i| (i.wrapping_mul(2654435761) >> 13) as u8).collect();
        let copy = sent.clone();
        let writer = tokio::spawn(async move {
            write.write_all(&copy).await.unwrap();
            write.shutdown().await.unwrap();
        });
        let mut got = Vec::new();
        read.read_to_end(&mut got).await.unwrap();
        writer.await.unwrap();
        assert!(got == sent, "{} bytes of {}", got.len(), sent.len());
        ssh.close().await;
        let renewed = sshd.since(mark).matches("SSH2_MSG_NEWKEYS received").count();
        assert!((4..40).contains(&renewed), "{renewed} times");
    });
}

#[test]
fn what_would_be_less_strict_to_pass_over_stops() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("");
    run(async {
        let mark = sshd.mark();
        let f = connect(&sshd.config("KnownHostsCommand /bin/cat {dir}/known_hosts")).await.err().unwrap();
        assert!(f.code() == 2 && f.what.contains("KnownHostsCommand is not supported"), "{f}");
        let f = connect(&sshd.config("ProxyCommand nc %h %p\nProxyUseFdpass yes")).await.err().unwrap();
        assert!(f.code() == 2 && f.what.contains("ProxyUseFdpass is not supported"), "{f}");
        assert!(!sshd.since(mark).contains("Connection from"), "it was called");
    });
}

/// The whole way with a PATH that has no ssh: jump hosts, Match exec, tokens, an Include.
#[test]
fn without_the_program_ssh() {
    if !sshd::here() {
        return;
    }
    let sshd = Sshd::start("AcceptEnv WHERE");
    let included = sshd.at("included");
    std::fs::write(&included, "Match exec \"test %n = test\"\n  SetEnv WHERE=%n\n").unwrap();
    let config = sshd.config(&format!(
        "Include {}\nHost test\n  ProxyJump localhost:{{port}}\nMatch final host 127.0.0.1\n  BindAddress 127.0.0.8\n",
        included.display()
    ));
    let (exe, mark) = (std::env::current_exe().unwrap(), sshd.mark());
    let ran = Command::new(exe)
        .args(["--exact", "as_seen_without_ssh", "--nocapture"])
        .env("PATH", sshd.home())
        .env("THUB_TEST_NO_SSH", &config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.contains("seen:%n 127.0.0.1:"), "{said}");
    sshd.wait_for(mark, "Connection from 127.0.0.8");
}

/// The process of the test above.
#[test]
fn as_seen_without_ssh() {
    let Some(config) = std::env::var_os("THUB_TEST_NO_SSH") else { return };
    assert!(Command::new("ssh").arg("-V").output().is_err());
    println!("{}", run(says(Path::new(&config), "echo \"seen:$WHERE ${SSH_CONNECTION%% *}:\"")));
}
