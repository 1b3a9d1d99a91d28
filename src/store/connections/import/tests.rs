//! Owns the tests of every form of file, with hostile ones among them. Leaves out opening files.

use super::plan::{Base, Plan, plan};
use super::*;
use crate::store::connections::Book;
use serde_json::json;

fn file(name: &str, text: impl Into<Vec<u8>>) -> File {
    File { name: name.into(), bytes: text.into() }
}
fn imported(format: Format, text: impl Into<Vec<u8>>) -> Imported {
    read(format, &[file("f", text)], |_| panic!("no ssh_config")).unwrap()
}
fn names(all: &Imported) -> Vec<&str> {
    all.connections.iter().map(|c| c.name.as_str()).collect()
}
fn ssh(c: &Connection) -> Ssh {
    match c.config.kind() {
        Ok(Kind::Ssh(ssh)) => ssh,
        other => panic!("{other:?}"),
    }
}
fn says(all: &Imported, what: &str) {
    assert!(all.left_out.iter().any(|why| why.contains(what)), "{what}: {:#?}", all.left_out);
}
/// The folders of one, from the top.
fn place(all: &Imported, name: &str) -> String {
    let listed = Listed { folders: all.folders.clone(), connections: all.connections.clone(), told: None };
    listed.path(find::Found::Connection(all.connections.iter().find(|c| c.name == name).unwrap()))
}

#[test]
fn what_a_file_is() {
    let utf16 = |text: &str| {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
    };
    for (name, bytes, is) in [
        ("x", b"# mine\nHost a\n  Port 22\n".to_vec(), Some(Format::SshConfig)),
        ("x", b"Include=~/.ssh/more\n".to_vec(), Some(Format::SshConfig)),
        ("x", utf16("Windows Registry Editor Version 5.00\r\n"), Some(Format::Putty)),
        ("build", b"Present=1\nHostName=b\n".to_vec(), Some(Format::Putty)),
        ("x.json", b"\xef\xbb\xbf{\"version\":\"1\",\"connections\":[]}".to_vec(), Some(Format::Thub)),
        ("x.json", b"{\"version\":\"2\",\"children\":[]}".to_vec(), Some(Format::Termihub)),
        ("x.json", b"{\"a\":1}".to_vec(), None),
        ("x.json", b"{".to_vec(), None),
        ("x.csv", b"a".to_vec(), Some(Format::Csv)),
        ("x", b"name;host\n".to_vec(), Some(Format::Csv)),
        ("x", b"hello world\n".to_vec(), None),
        ("x", b"\x7fELF\0a,b;c\n".to_vec(), None),
        ("x", Vec::new(), None),
        ("x", vec![0xff, 0xfe, 0x00], None),
    ] {
        assert_eq!(detect(name, &bytes), is, "{name} {bytes:?}");
    }
}

#[test]
fn a_table() {
    let all = imported(
        Format::Csv,
        "\u{feff}Name;Host Name;PORT;User;Key-File;ProxyJump;Group;Tags;Password;Colour\r\n\
         build;b.example;2222;me;~/.ssh/b;gate;Lab / Boards;a,b;geheim;red\r\n\r\n\
         \"Größe \"\"x\"\"\nzwei\";me@c.example;;;;;Lab;;;\r\n\
         ;d.example;;;;;;;s;\r\n\
         bad;e;http;;;;;;;\r\n\
         worse;-oX;;;;;;;;\r\n\
         '-dash;f;;;id;;;;;\r\n",
    );
    assert_eq!(names(&all), ["build", "Größe \"x\"zwei", "d.example", "-dash"]);
    let build = ssh(&all.connections[0]);
    assert_eq!((build.dest().as_str(), build.key_path.as_deref()), ("me@b.example:2222", Some("~/.ssh/b")));
    assert_eq!(
        (build.proxy_jump.as_deref(), &all.connections[0].tags),
        (Some("gate"), &vec!["a".to_string(), "b".into()])
    );
    assert_eq!(place(&all, "build"), "Lab/Boards/build");
    assert_eq!(ssh(&all.connections[1]).dest(), "me@c.example");
    assert_eq!(all.folders.len(), 2, "one folder of a name");
    says(&all, "the column 'Colour': it is not known");
    says(&all, "line 7: bad: its port 'http' is no number");
    says(&all, "line 8: worse: host");
    says(&all, "line 9: -dash: comes without its keyPath");
    says(&all, "line 4: ");
    says(&all, "2 passwords are not taken");
    assert!(!format!("{all:?}").contains("geheim"));

    // without a header, by commas and tabs, with kinds
    let all = imported(Format::Csv, "web,w.example,22,root\nhost,h.example\n");
    assert_eq!((names(&all), ssh(&all.connections[0]).dest().as_str()), (vec!["web", "host"], "root@w.example:22"));
    let all = imported(
        Format::Csv,
        "name\ttype\thost\tport\nusb\tserial\t/dev/ttyUSB0\t115200\nt\tTelnet\tt\t23\nl\tlocal\t\t\nv\tvnc\th\t1\nc\tdocker\tweb\t\n",
    );
    let kinds: Vec<&str> = all.connections.iter().map(|c| c.config.kind.as_str()).collect();
    assert_eq!(kinds, ["serial", "telnet", "local", "vnc", "docker"], "unknown kinds are kept");
    assert_eq!(all.connections[0].leads_to(), "/dev/ttyUSB0 · 115200");
    // a quote that stays open
    let all = imported(Format::Csv, "name,host\na,b\nc,\"d\ne,f\n");
    assert_eq!(names(&all), ["a"]);
    says(&all, "line 3: its quote is not closed");
    for nothing in ["", "\n\n", ",,,\n;;", "name,host\n", "\"", "\"\n\""] {
        assert_eq!(names(&imported(Format::Csv, nothing)), [] as [&str; 0], "{nothing:?}");
    }
}

#[test]
fn a_table_out_and_in() {
    let mut all = imported(
        Format::Csv,
        "name,type,host,port,user,key,jump,folder,tags\n=1+1,ssh,h,22,u,~/k,j,A/B,\"x,y\"\nl,local\n's,serial,/dev/tty0,9600\n",
    );
    all.connections[2].name = "'=x, \"y\"".into();
    let listed = Listed { folders: all.folders.clone(), connections: all.connections.clone(), told: None };
    let written = csv::written(&listed).unwrap();
    let text = String::from_utf8(written.bytes.clone()).unwrap();
    assert!(text.contains("\r\n'=1+1,ssh,") && written.left_out.is_empty(), "{text} {:?}", written.left_out);
    let again = imported(Format::Csv, written.bytes);
    let plain = |all: &Imported| {
        all.connections
            .iter()
            .map(|c| (c.name.clone(), c.config.clone(), c.tags.clone(), place(all, &c.name)))
            .collect::<Vec<_>>()
    };
    assert_eq!((plain(&again), again.left_out), (plain(&all), Vec::new()));
    let mut listed = listed;
    listed.connections[1].terminal_options.title = Some("t".into());
    assert!(csv::written(&listed).unwrap().left_out[0].contains("that l hold"));
}

#[test]
fn sessions_of_putty() {
    let reg = "Windows Registry Editor Version 5.00\r\n\r\n\
        [HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\Sessions]\r\n\r\n\
        [HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\Sessions\\Default%20Settings]\r\n\"HostName\"=\"\"\r\n\r\n\
        [HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\Sessions\\bastion%20%C3%BC]\r\n\
        \"HostName\"=\"jump@bastion.example\"\r\n\"PortNumber\"=dword:000008ae\r\n\"PublicKeyFile\"=\"C:\\\\keys\\\\b.ppk\"\r\n\
        \"Font\"=hex(7):43,00,\\\r\n  00,00\r\n\"broken\r\n\
        [HKEY_USERS\\S-1-5\\SOFTWARE\\SimonTatham\\PuTTY\\Sessions\\db]\r\n\
        \"Protocol\"=\"ssh\"\r\n\"HostName\"=\"db.internal\"\r\n\"PortNumber\"=dword:00000016\r\n\"UserName\"=\"root\"\r\n\
        \"ProxyMethod\"=dword:00000006\r\n\"ProxyHost\"=\"bastion ü\"\r\n\"ProxyPassword\"=\"geheim\"\r\n\
        \"AgentFwd\"=dword:00000001\r\n\"X11Forward\"=dword:00000001\r\n\"RemoteCommand\"=\"top \\\"-b\\\"\"\r\n\
        \"TerminalType\"=\"vt220\"\r\n\"LineCodePage\"=\"ISO-8859-15:1999 (Latin-9, \\\"euro\\\")\"\r\n\
        \"Environment\"=\"LANG=C,A=1\\\\,2\"\r\n\"PortForwardings\"=\"L8080=db:80\"\r\n\r\n\
        [HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\Sessions\\console]\r\n\"Protocol\"=\"serial\"\r\n\"SerialLine\"=\"/dev/ttyS0\"\r\n\
        \"SerialSpeed\"=dword:0001c200\r\n\"SerialParity\"=dword:00000002\r\n\"SerialStopHalfbits\"=dword:00000004\r\n\"SerialFlowControl\"=dword:00000002\r\n\
        [HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\Sessions\\win]\r\n\"Protocol\"=\"serial\"\r\n\"SerialLine\"=\"COM7\"\r\n\
        [HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\Sessions\\tel]\r\n\"Protocol\"=\"telnet\"\r\n\"HostName\"=\"t\"\r\n\"ProxyMethod\"=dword:00000002\r\n\
        [HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\Sessions\\su]\r\n\"Protocol\"=\"supdup\"\r\n\"HostName\"=\"t\"\r\n\
        [HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\Sessions\\none]\r\n\"Protocol\"=\"ssh\"\r\n\
        [HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\SshHostKeys]\r\n\"HostName\"=\"x\"\r\n";
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain(reg.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let all = imported(Format::Putty, utf16);
    assert_eq!(names(&all), ["bastion ü", "db", "console", "tel"]);
    let (bastion, db) = (ssh(&all.connections[0]), ssh(&all.connections[1]));
    assert_eq!((bastion.dest().as_str(), bastion.key_path), ("jump@bastion.example:2222", None));
    assert_eq!((db.dest().as_str(), db.proxy_jump.as_deref()), ("root@db.internal", Some("jump@bastion.example:2222")));
    assert_eq!((db.forward_agent, db.x11, db.command.as_deref()), (true, true, Some("top \"-b\"")));
    assert_eq!(db.env, [("LANG", "C"), ("A", "1,2")].map(|(n, v)| (n.to_string(), v.to_string())).into());
    let options = &all.connections[1].terminal_options;
    assert_eq!((options.term.as_deref(), options.encoding.as_deref()), (Some("vt220"), Some("iso-8859-15")));
    let console =
        json!({ "port": "/dev/ttyS0", "baudRate": 115200, "stopBits": 2, "parity": "even", "flowControl": "hardware" });
    assert_eq!(Value::Object(all.connections[2].config.config.clone()), console);
    for what in [
        "bastion ü: comes without its key C:\\keys\\b.ppk: `puttygen",
        "line 14: '\"broken' is no value",
        "db: comes without its port forwards",
        "'COM7' is no device's path",
        "tel: comes without its proxy",
        "su: it speaks supdup",
        "none: it names no host",
        "1 password is not taken",
    ] {
        says(&all, what);
    }
    assert_eq!(all.left_out.len(), 8, "{:#?}", all.left_out);

    // files of ~/.putty/sessions
    let one = file(
        "my%20host",
        "Present=1\nHostName=h\nPortNumber=22\nUserName=me\nProtocol=ssh\nPublicKeyFile=/home/me/.ssh/k\nProxyMethod=6\nProxyHost=gw\nProxyPort=80\n",
    );
    let all = read(
        Format::Putty,
        &[one, file("junk", "hello\n"), file("%", "Present=1\nHostName=%\nPortNumber=99999\n")],
        |_| panic!(),
    )
    .unwrap();
    let it = ssh(&all.connections[0]);
    assert_eq!((names(&all), it.dest().as_str(), it.proxy_jump.as_deref()), (vec!["my host"], "me@h", Some("gw:80")));
    assert_eq!(it.key_path.as_deref(), Some("/home/me/.ssh/k"));
    says(&all, "junk: it is no session");
    says(&all, "%: its port '99999' is none");
}

#[test]
fn files_of_termihub() {
    let flat = json!({ "version": "1", "folders": [{ "id": "folder-1", "name": "Targets", "parentId": null, "isExpanded": true }],
        "connections": [
            { "id": "a", "name": "pi", "folderId": "folder-1", "config": { "type": "ssh", "config": { "host": "127.0.0.1", "port": 2222,
                "username": "t", "authMethod": "password", "password": "geheim", "keyPath": null, "enableX11Forwarding": true } } },
            { "id": "b", "name": "tel", "config": { "type": "telnet", "config": { "host": "127.0.0.1", "port": 2323 } } },
            { "id": "c", "name": "plug", "config": { "type": "plugin:x:vnc", "config": { "inner": { "password": "geheim" } } } },
            { "id": "d", "name": 7 }, 5 ] });
    let all = imported(detect("c.json", flat.to_string().as_bytes()).unwrap(), flat.to_string());
    assert_eq!(names(&all), ["pi", "tel", "plug"]);
    assert_eq!((place(&all, "pi").as_str(), ssh(&all.connections[0]).x11), ("Targets/pi", true));
    says(&all, "2 passwords are not taken");
    assert!(all.left_out.len() == 3 && !format!("{all:?}").contains("geheim"), "{all:#?}");

    for version in ["2", "4"] {
        let nested = json!({ "version": version, "$encrypted": { "data": "geheim" },
            "agents": [{ "id": "x", "name": "hub", "config": { "host": "hub.example", "port": 22, "username": "me", "password": "geheim" } }],
            "children": [ { "type": "folder", "name": "Lab", "isExpanded": false, "children": [
                { "type": "connection", "name": "sh", "terminalOptions": null,
                  "config": { "type": "local", "config": { "shell": "bash", "startingDirectory": "" } } },
                { "type": "connection", "name": "env", "terminalOptions": { "color": "#ff0000", "fontSize": 12 },
                  "config": { "type": "ssh", "config": { "host": "e", "env": [{ "key": "A", "value": "1" }] } } } ] } ] });
        let all = imported(Format::Termihub, nested.to_string());
        assert_eq!((names(&all), place(&all, "sh").as_str()), (vec!["sh", "env", "hub"], "Lab/sh"));
        assert_eq!(ssh(&all.connections[1]).env, [("A".to_string(), "1".to_string())].into());
        assert_eq!(all.connections[1].terminal_options.more["fontSize"], 12, "kept as it is");
        assert!(!all.folders[0].is_expanded);
        says(&all, "encrypted passwords do not come");
        says(&all, "sh: comes with the user's own shell: 'bash' is no path");
        assert!(!format!("{all:?}").contains("geheim"));
    }
    // what is wrong in it costs nothing else
    let mut deep = json!({ "type": "connection", "name": "deepest", "config": { "type": "local", "config": {} } });
    for n in 0..33 {
        deep = json!({ "type": "folder", "name": format!("f{n}"), "children": [deep] });
    }
    let sh = json!({ "type": "connection", "name": "sh", "config": { "type": "local" } });
    let odd = json!({ "version": "2", "children": [5, { "type": "folder", "name": "odd", "children": 7 }, { "name": "x" }, deep, sh] });
    let all = imported(Format::Termihub, odd.to_string());
    assert_eq!((names(&all), all.folders.len()), (vec!["sh"], 33));
    for what in [
        "an entry without a name: it is neither",
        "folder odd: it is no list",
        "x: it is neither",
        "folder f0 and what is in it: folders go 32 deep",
    ] {
        says(&all, what);
    }
    for (bad, why) in [
        ("{\"version\":\"9\",\"children\":[]}", "newer termiHub"),
        ("[]", "no JSON object"),
        ("{", "no JSON"),
        ("{}", "neither"),
    ] {
        assert!(read(Format::Termihub, &[file("f", bad)], |_| panic!()).unwrap_err().contains(why), "{bad}");
    }
}

#[test]
fn our_own_file_out_and_in() {
    let mut book = Book::default();
    let lab = book.create_folder(Folder { name: "Lab".into(), ..Folder::default() }).unwrap();
    let inner = book
        .create_folder(Folder { name: "In".into(), parent_id: Some(lab), is_expanded: false, ..Folder::default() })
        .unwrap();
    let full: Connection = serde_json::from_value(json!({ "name": "full", "folderId": inner, "tags": ["a"], "later": [1],
        "config": { "type": "ssh", "config": { "host": "h", "port": 22, "username": "u", "keyPath": "~/k", "proxyJump": "j", "icon": 7 } },
        "terminalOptions": { "ringBufferSize": 8192, "title": "t", "more": true } })).unwrap();
    book.create(full).unwrap();
    let odd = json!({ "name": "odd", "config": { "type": "vnc", "config": { "deep": [{ "password": "geheim" }], "env": { "password": "kept" } } } });
    book.create(serde_json::from_value(odd).unwrap()).unwrap();
    let listed = Listed { folders: book.folders.clone(), connections: book.connections.clone(), told: None };
    let written = thub::written(&listed).unwrap();
    assert!(!String::from_utf8_lossy(&written.bytes).contains("geheim"));
    assert_eq!(detect("x", &written.bytes), Some(Format::Thub));

    // a team's file as it is
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("t.json"), &written.bytes).unwrap();
    let team = crate::store::teams::read("t.json", &dir.path().join("t.json"));
    assert_eq!((team.listed.told, team.listed.connections.len()), (None, 3));

    // on another machine everything is as it was, but for ids
    let all = imported(Format::Thub, written.bytes.clone());
    assert_eq!(all.left_out, [] as [String; 0]);
    let mut other = Book::default();
    let there =
        |book: &Book| Listed { folders: book.folders.clone(), connections: book.connections.clone(), told: None };
    let Plan { folders, connections, already, .. } = plan(&there(&other), &Base::default(), all.clone());
    assert_eq!(already, ["Default Shell"]);
    other.add(folders, connections).unwrap();
    let plain = |book: &Book| {
        let listed = there(book);
        let mut all: Vec<_> = listed
            .connections
            .iter()
            .map(|c| {
                let mut json = serde_json::to_value(c).unwrap();
                json["id"] = Value::Null;
                json["folderId"] = listed.path(find::Found::Connection(c)).into();
                json
            })
            .collect();
        all.extend(listed.folders.iter().map(|f| json!([listed.path(find::Found::Folder(f)), f.is_expanded])));
        all
    };
    let mut wanted = plain(&book);
    wanted[2]["config"]["config"]["deep"] = json!([{}]);
    assert_eq!(plain(&other), wanted);
    // and again: nothing
    let again = plan(&there(&other), &Base::default(), all);
    assert_eq!((again.folders.len(), again.connections.len(), again.already.len()), (0, 0, 3));

    let only = thub::within(&there(&other), &other.folders[1].id);
    assert_eq!((only.folders.len(), only.connections.len(), &only.folders[0].parent_id), (1, 1, &None));
}

#[test]
fn blocks_of_ssh_config() {
    let with =
        |name: &str, ssh: Ssh| Connection { name: name.into(), config: Config::ssh(&ssh), ..Connection::default() };
    let h = |host: &str| Ssh { host: host.into(), ..Ssh::default() };
    let full = Ssh {
        host: "fe80::1%eth0".into(),
        port: 2222,
        username: "me".into(),
        key_path: Some("${env:HOME}/my keys/100%".into()),
        proxy_jump: Some("a@b:1,c".into()),
        forward_agent: true,
        x11: true,
        command: Some("echo 50% \"x\"".into()),
        env: [("A".to_string(), "b c".to_string()), ("B".into(), "quote\"".into())].into(),
        ..Ssh::default()
    };
    let folder = Folder { id: "f".into(), name: "Lab".into(), ..Folder::default() };
    let mut web = with("Web *1", h("w"));
    web.folder_id = Some("f".into());
    let local = Connection { name: "here".into(), config: Config::local(&Local::default()), ..Connection::default() };
    let variable = with("var", h("${env:H}"));
    let connections = vec![web, with("web 1", h("x")), with("full", full), local, variable];
    let written = ssh_config::written(&Listed { folders: vec![folder], connections, told: None });
    let text = String::from_utf8(written.bytes).unwrap();
    let wanted = "# Lab/Web *1\nHost Web-1\n  HostName w\n\n# web 1\nHost web-1-2\n  HostName x\n\n# full\nHost full\n  HostName fe80::1%%eth0\n\
        \x20 User me\n  Port 2222\n  IdentityFile \"${HOME}/my keys/100%%\"\n  ProxyJump a@b:1,c\n  ForwardAgent yes\n  ForwardX11 yes\n\
        \x20 RemoteCommand echo 50%% \"x\"\n  RequestTTY yes\n  SetEnv \"A=b c\"\n\n";
    assert_eq!(text, wanted);
    assert_eq!(written.left_out, ["ssh_config can't hold here, var", "ssh_config has no words for all that full hold"]);
}

fn bringing(all: &[(&str, &str)]) -> Imported {
    let connections = all.iter().map(|(name, host)| {
        let config = Config::ssh(&Ssh { host: (*host).into(), ..Ssh::default() });
        Connection { name: (*name).into(), config, ..Connection::default() }
    });
    Imported { connections: connections.collect(), ..Imported::default() }
}

#[test]
fn names_and_twins() {
    let mut book = Book::default();
    let there =
        |book: &Book| Listed { folders: book.folders.clone(), connections: book.connections.clone(), told: None };
    let bring = || bringing(&[("web", "a"), ("web", "b"), ("web", "a"), ("db", "c")]);
    let first = plan(&there(&book), &Base::default(), bring());
    let named = |p: &Plan| p.connections.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(named(&first), ["web", "web (2)", "db"]);
    assert_eq!(first.renamed, [("web".to_string(), "web (2)".to_string())]);
    assert_eq!(first.left_out, ["web: it is there twice"]);
    book.add(first.folders, first.connections).unwrap();
    let second = plan(&there(&book), &Base::default(), bring());
    assert_eq!((named(&second), second.already.len()), (Vec::new(), 4));
    // another host of that name gets the next number
    assert_eq!(named(&plan(&there(&book), &Base::default(), bringing(&[("web", "z")]))), ["web (3)"]);
    // in a folder of its own none is taken, and the folder is made once
    let base = Base { id: None, below: vec!["A".into(), "B".into()] };
    let third = plan(&there(&book), &base, bring());
    assert_eq!((third.folders.len(), named(&third)), (2, vec!["web".to_string(), "web (2)".into(), "db".into()]));
    book.add(third.folders, third.connections).unwrap();
    let again = plan(&there(&book), &base, bring());
    assert_eq!((again.folders.len(), again.connections.len()), (0, 0));
    // a name as long as may be
    let long = "x".repeat(LONGEST_NAME);
    let both = plan(&there(&book), &Base::default(), bringing(&[(&long, "a"), (&long, "b")]));
    assert_eq!(named(&both)[1].chars().count(), LONGEST_NAME);
    assert!(named(&both)[1].ends_with("x (2)"));
    book.add(both.folders, both.connections).unwrap();
    let again = plan(&there(&book), &Base::default(), bringing(&[(&long, "a"), (&long, "b")]));
    assert_eq!((named(&again), again.already.len()), (Vec::new(), 2));
}

#[test]
fn limits() {
    let many = |n: usize| (0..n).map(|n| format!("h{n},h{n}.example\n")).collect::<String>();
    let all = imported(Format::Csv, many(MOST + 3));
    assert_eq!(all.connections.len(), MOST);
    says(&all, "3 connections at the end: 20000 are taken at most");
    let wrong = format!("name,port\n{}", "x,y\n".repeat(MOST_SAID + 5));
    let all = imported(Format::Csv, wrong);
    assert_eq!((all.connections.len(), all.left_out.len()), (0, MOST_SAID + 1));
    says(&all, "5 more like these");
    let deep = (0..40).map(|n| n.to_string()).collect::<Vec<_>>().join("/");
    says(&imported(Format::Csv, format!("name,host,folder\na,b,{deep}\n")), "32 deep at most");
    // names that can't be shown
    let all = imported(Format::Csv, format!("name,host\na\u{202e}b\u{7},c\n{},d\n\u{200b},e\n", "n".repeat(300)));
    assert_eq!(names(&all), ["ab", &"n".repeat(200)]);
    says(&all, "no name that can be shown");
    // all of it fits into a book
    let many = imported(Format::Csv, many(MOST - 1));
    let p = plan(&Listed::default(), &Base { id: None, below: vec!["All".into()] }, many);
    let mut book = Book::default();
    book.add(p.folders, p.connections).unwrap();
    assert_eq!(book.connections.len(), MOST);
    let one_more = plan(&Listed::default(), &Base::default(), bringing(&[("x", "y")]));
    let before = book.clone();
    assert!(book.add(one_more.folders, one_more.connections).is_err());
    assert_eq!(book, before);
}

proptest::proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes: Vec<u8>, text: String, rows in "([a-z\";,\t\n'=]{0,12}\r?\n){0,6}", reg in "(\\[?\"?[A-Za-z\\\\%0-9=\":]{0,30}\n){0,6}") {
        let reg = format!("REGEDIT4\n[X\\Software\\SimonTatham\\PuTTY\\Sessions\\%4]\n{reg}");
        for bytes in [&bytes[..], text.as_bytes(), rows.as_bytes(), reg.as_bytes()] {
            let _ = detect("x", bytes);
            for format in Format::ALL {
                if let Ok(all) = read(format, &[file("%x%ff", bytes)], |_| Default::default()) {
                    for c in &all.connections {
                        assert_eq!(check::check(c), []);
                    }
                    let p = plan(&Listed::default(), &Base::default(), all);
                    let listed = Listed { folders: p.folders, connections: p.connections, told: None };
                    csv::written(&listed).unwrap();
                    ssh_config::written(&listed);
                    thub::written(&listed).unwrap();
                }
            }
        }
    }
}
