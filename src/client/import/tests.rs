//! Owns the tests of files that are opened, and of hosts of ssh_config. Leaves out the other forms.

use super::*;
use crate::proto::control::connections::Kind;

fn brought(text: &str) -> (Vec<(String, Ssh)>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _inside = runtime.enter();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    std::fs::write(&file, text).unwrap();
    let (format, imported) = read(&file, None).unwrap();
    assert_eq!(format, Format::SshConfig);
    let all = imported.connections.iter().map(|c| match c.config.kind() {
        Ok(Kind::Ssh(ssh)) => (c.name.clone(), ssh),
        other => panic!("{other:?}"),
    });
    let shown = file.to_string_lossy().into_owned();
    (all.collect(), imported.left_out.iter().map(|why| why.replace(&shown, "FILE")).collect())
}

#[test]
fn hosts_come_with_what_is_said_of_them() {
    let (all, left_out) = brought(
        "Host build b?ld *.lab\n  HostName %h.example.com\n  Port 2222\n  IdentityFile ~/.ssh/build\n  IdentityFile %d/keys/%n\n\
         Host inner\n  ProxyJump me@build:2200,[::1]\n  ForwardAgent yes\n  ForwardX11 yes\n  RemoteCommand tmux attach -t %n\n\
         \x20 SetEnv A=1 \"B=two words\"\n  IdentityFile ${HOME}/.ssh/inner\n\
         Match host inner\n  User deploy\n\
         Host old\n  ProxyCommand nc %h %p\n  LocalForward 8080 db:80\n\
         Host *\n  User root\n",
    );
    let build = Ssh {
        host: "build.example.com".into(),
        port: 2222,
        username: "root".into(),
        key_path: Some("~/.ssh/build".into()),
        ..Ssh::default()
    };
    let inner = Ssh {
        host: "inner".into(),
        username: "deploy".into(),
        key_path: Some("${env:HOME}/.ssh/inner".into()),
        proxy_jump: Some("me@build:2200,[::1]".into()),
        forward_agent: true,
        x11: true,
        command: Some("tmux attach -t inner".into()),
        env: [("A", "1"), ("B", "two words")].map(|(n, v)| (n.to_string(), v.to_string())).into(),
        ..Ssh::default()
    };
    let old = Ssh { host: "old".into(), username: "root".into(), ..Ssh::default() };
    assert_eq!(all, [("build".to_string(), build), ("inner".to_string(), inner), ("old".to_string(), old)]);
    assert_eq!(
        left_out,
        ["build: comes without its other 1 IdentityFile", "old: comes without its ProxyCommand, forwards"]
    );
}

#[test]
fn wrong_lines_cost_no_other_ones_and_nothing_is_run() {
    let dir = tempfile::tempdir().unwrap();
    let ran = dir.path().join("ran");
    let (all, left_out) = brought(&format!(
        "Host a\n  Port none\n  Nonsense 1\n  User \"x\n  User me\nMatch exec \"touch {}\"\n  Port 99\nMatch nothing\n  Port 98\n\
         Host b\n  HostName -oProxyCommand=x\nHost c\n  Include {}/*\n",
        ran.display(),
        dir.path().display()
    ));
    assert_eq!(all.iter().map(|(name, ssh)| (name.as_str(), ssh.port)).collect::<Vec<_>>(), [("a", 0), ("c", 0)]);
    assert_eq!(all[0].1.username, "me");
    assert!(!ran.exists());
    let said = |what: &str| assert!(left_out.iter().any(|why| why.contains(what)), "{what}: {left_out:#?}");
    for what in
        ["FILE:2: port", "FILE:3: there is no option nonsense", "FILE:4:", "FILE:8: Match", "b: host", "`Match exec`"]
    {
        said(what);
    }
    assert_eq!(left_out.iter().filter(|why| why.contains("FILE:3:")).count(), 1, "{left_out:#?}");
}

#[test]
fn circles_and_floods_end() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("all");
    let line = format!("Include {0}\nInclude {0}\nHost x\n", at.display());
    std::fs::write(&at, &line).unwrap();
    let (all, left_out) = brought(&line);
    assert!(all.len() <= 1 && !left_out.is_empty(), "{all:?} {left_out:?}");
    let hosts: String = (0..300).map(|n| format!("Host h{n}\n")).collect();
    assert_eq!(brought(&hosts).0.len(), 300);
}

#[test]
fn files_and_directories() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir_all(at("putty/sessions")).unwrap();
    std::fs::write(at("putty/randomseed"), "x").unwrap();
    std::fs::write(at("putty/sessions/a%20b"), "Present=1\nHostName=h\nProtocol=ssh\n").unwrap();
    std::fs::write(at("putty/sessions/c"), "Present=1\nHostName=i\nProtocol=telnet\n").unwrap();
    for place in ["putty", "putty/sessions"] {
        let (format, all) = read(&at(place), None).unwrap();
        let names: Vec<&str> = all.connections.iter().map(|c| c.name.as_str()).collect();
        assert_eq!((format, names), (Format::Putty, vec!["a b", "c"]));
    }
    let (_, one) = read(&at("putty/sessions/a%20b"), None).unwrap();
    assert_eq!(one.connections[0].name, "a b");
    assert!(read(&at("putty"), Some(Format::Csv)).unwrap_err().what.contains("is a directory"));
    assert!(read(dir.path(), None).unwrap_err().what.contains("looks like nothing"));
    assert!(read(&at("none"), None).unwrap_err().what.contains("cannot be read"));
    let long = std::fs::File::create(at("long.csv")).unwrap();
    long.set_len(MOST_BYTES as u64 + 1).unwrap();
    assert!(read(&at("long.csv"), None).unwrap_err().what.contains("longer than 16 MiB"));
}
