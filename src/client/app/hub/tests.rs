//! Connections in the tree: keys in, wishes and rows out.

use super::super::Event;
use super::super::tests::Bench;
use super::*;
use crate::client::host::{HostEvent, HostState};
use serde_json::json;

fn book() -> Listed {
    serde_json::from_value(json!({
        "folders": [
            { "id": "f-lab", "name": "Lab", "parentId": null, "isExpanded": true },
            { "id": "f-in", "name": "Inner", "parentId": "f-lab", "isExpanded": true } ],
        "connections": [
            { "id": "default-shell", "name": "Default Shell", "config": { "type": "local", "config": {} } },
            { "id": "c-web", "name": "web", "folderId": "f-lab", "tags": ["eu"],
              "config": { "type": "ssh", "config": { "host": "10.0.0.5", "username": "pi", "port": 22 } },
              "terminalOptions": { "title": "the web", "color": "red" } },
            { "id": "c-db", "name": "db", "folderId": "f-lab", "config": { "type": "ssh", "config": { "host": "db" } } },
            { "id": "c-uart", "name": "uart", "folderId": "f-in",
              "config": { "type": "serial", "config": { "port": "/dev/ttyUSB0", "baud_rate": 115200 } } } ] }))
    .unwrap()
}

fn bench() -> Bench {
    let mut s = Bench::full(100, 30);
    s.host("local", HostEvent::Connections(Some(Arc::new(book()))));
    s.keys("C-b b g");
    s.take();
    s
}

fn rows(s: &Bench) -> Vec<String> {
    s.app
        .tree_rows()
        .iter()
        .filter(|r| r.place != Place::Known)
        .map(|r| format!("{}{}{}", "  ".repeat(r.depth.into()), r.sign, r.text))
        .collect()
}

fn choose(s: &mut Bench, name: &str) {
    let row =
        s.app.tree_rows().into_iter().find(|r| r.text == name).unwrap_or_else(|| panic!("{name} in {:?}", rows(s)));
    s.app.tree.chosen = Some(row.place);
}

/// The one change that was asked for.
fn change(s: &mut Bench) -> Change {
    let all = s.take();
    let found = all.into_iter().filter_map(|e| match e {
        Effect::Host(_, HostCommand::Book { change, .. }) => Some(*change),
        _ => None,
    });
    let mut found: Vec<Change> = found.collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn folders_connections_and_sessions_lie_in_each_other() {
    let mut s = bench();
    let expected = ["this machine", "  Lab", "    Inner", "      ~uart", "    >web", "    >db", "  $Default Shell"];
    assert_eq!(rows(&s), expected);
    let uart = s.app.tree_rows().into_iter().find(|r| r.text == "uart").unwrap();
    assert_eq!(uart.aside, "/dev/ttyUSB0 · 115200");
    let web = s.app.tree_rows().into_iter().find(|r| r.text == "web").unwrap();
    assert_eq!(web.more[1], "ssh · pi@10.0.0.5:22 · (not connected) · #eu");
    // its session lies under it, and is called and coloured as it says
    let pane = *s.app.panes.keys().next().unwrap();
    s.app.panes.get_mut(&pane).unwrap().info.as_mut().unwrap().connection_id = "c-web".into();
    let mut info = super::super::tests::info("s1", 80, 24);
    info.connection_id = "c-web".into();
    s.host("local", HostEvent::Sessions(vec![info]));
    assert_eq!(rows(&s)[4..6], ["    >web", "      the web"]);
    assert!(s.app.color_of(&s.app.panes[&pane]).is_some());
    // folding a folder is shown at once, and kept where it is
    choose(&mut s, "Lab");
    s.keys("Space");
    assert_eq!(rows(&s), ["this machine", "  Lab", "  $Default Shell"]);
    let Change::UpdateFolder(update) = change(&mut s) else { panic!() };
    assert_eq!((update.id.as_str(), update.is_expanded), ("f-lab", Some(false)));
    // what is looked for is found in there all the same
    s.keys("/ 'uart");
    assert_eq!(rows(&s), ["this machine", "  Lab", "    Inner", "      ~uart"]);
    assert_eq!(s.app.tree.chosen, Some(Place::Connection(HostId::local(), "c-uart".into())));
    s.keys("Escape");
    assert_eq!(rows(&s).len(), 3);
    // a host that goes takes with it what it keeps
    s.host("local", HostEvent::State(HostState::Offline));
    assert!(!rows(&s).iter().any(|r| r.contains("Lab")));
}

#[test]
fn a_connection_is_opened_again_and_again() {
    let mut s = bench();
    choose(&mut s, "web");
    s.keys("Enter");
    let created = |s: &mut Bench| {
        s.take().into_iter().find_map(|e| match e {
            Effect::Host(_, HostCommand::Create { create, tag }) => Some((create.connection.clone(), tag)),
            _ => None,
        })
    };
    let (connection, tag) = created(&mut s).unwrap();
    assert_eq!(connection.as_deref(), Some("c-web"));
    // it ended: r starts it from its connection in the same place
    let mut info = super::super::tests::info("s9", 80, 24);
    info.connection_id = "c-web".into();
    info.kind = "ssh".into();
    s.host("local", HostEvent::Created { tag, result: Ok(Box::new(info.clone())) });
    let session: SessionId = "s9".parse().unwrap();
    s.host("local", HostEvent::Attached { session: session.clone(), info: Box::new(info), again: false });
    let exit = crate::proto::notice::SessionExited { exit_code: None, cause: Some("connection lost".into()) };
    s.host("local", HostEvent::Exited { session, exit });
    s.take();
    let panes = s.app.panes.len();
    s.keys("r");
    assert_eq!(created(&mut s).unwrap().0.as_deref(), Some("c-web"));
    assert_eq!(s.app.panes.len(), panes);
}

#[test]
fn made_changed_moved_and_taken_away() {
    let mut s = bench();
    choose(&mut s, "web");
    // a new one comes where the chosen one is
    s.keys("a 'new C-s");
    let Change::Create(made) = change(&mut s) else { panic!() };
    assert_eq!((made.name.as_str(), made.folder_id.as_deref()), ("new", Some("f-lab")));
    // the form stays until it is known to be kept, and says why it is not
    assert!(matches!(s.app.layers.last(), Some(Layer::Form(f)) if f.saving.is_some()));
    let Some(Layer::Form(form)) = s.app.layers.last() else { panic!() };
    let tag = form.saving.unwrap();
    s.host("local", HostEvent::Booked { tag, result: Err("the disk is full".into()) });
    assert!(s.screen().contains("the disk is full"), "{}", s.screen());
    s.keys("C-s");
    change(&mut s);
    let Some(Layer::Form(form)) = s.app.layers.last() else { panic!() };
    let tag = form.saving.unwrap();
    s.host("local", HostEvent::Booked { tag, result: Ok("c-new".into()) });
    assert!(s.app.layers.is_empty());

    choose(&mut s, "web");
    s.keys("y");
    let Change::Create(copy) = change(&mut s) else { panic!() };
    assert_eq!((copy.name.as_str(), copy.id.as_str(), copy.folder_id.as_deref()), ("web (copy)", "", Some("f-lab")));
    s.keys("J");
    let Change::Move(to) = change(&mut s) else { panic!() };
    assert_eq!((to.ids, to.folder.as_deref(), to.before), (vec!["c-web".to_string()], Some("f-lab"), None));
    choose(&mut s, "db");
    s.keys("K");
    let Change::Move(to) = change(&mut s) else { panic!() };
    assert_eq!(to.before.as_deref(), Some("c-web"));
    // several at once
    choose(&mut s, "web");
    s.keys("t t m");
    assert!(s.screen().contains("move 2 things to"), "{}", s.screen());
    s.keys("Enter");
    let Change::Move(to) = change(&mut s) else { panic!() };
    assert_eq!((to.ids, to.folder), (vec!["c-web".to_string(), "c-db".into()], None));
    assert!(s.app.tree.selected.is_empty());
    // a folder with something in it asks what becomes of that
    choose(&mut s, "Lab");
    s.keys("D");
    assert!(s.screen().contains("with all that is in it"), "{}", s.screen());
    s.keys("Enter");
    assert_eq!(change(&mut s), Change::DeleteFolder { id: "f-lab".into(), with_content: false });
    choose(&mut s, "db");
    s.keys("D y");
    assert_eq!(change(&mut s), Change::Delete(vec!["c-db".into()]));
    choose(&mut s, "Inner");
    s.keys("r C-u 'Within Enter");
    let Change::UpdateFolder(update) = change(&mut s) else { panic!() };
    assert_eq!((update.id.as_str(), update.name.as_deref()), ("f-in", Some("Within")));
}

#[test]
fn a_menu_offers_what_the_keys_do() {
    let mut s = bench();
    choose(&mut s, "web");
    s.keys(".");
    let screen = s.screen();
    for offered in ["connect: one more session", "edit", "duplicate", "move to a folder", "delete", "new folder"] {
        assert!(screen.contains(offered), "{offered}: {screen}");
    }
    s.keys("'dupl Enter");
    assert!(matches!(change(&mut s), Change::Create(_)));
    assert!(s.app.layers.is_empty());
    // what comes from a host is never drawn as it came
    let mut bad = book();
    bad.connections[1].name = "x\u{1b}[31m\u{202e}y".into();
    s.host("local", HostEvent::Connections(Some(Arc::new(bad))));
    assert!(rows(&s).iter().any(|r| r.contains("\\u{1b}")));
}

#[test]
fn what_others_keep_is_shown_and_never_changed() {
    let mut s = bench();
    let mut listed = book();
    listed.connections.iter_mut().for_each(|c| c.id = format!("team-{}", c.id));
    let team = crate::store::teams::Team { path: "~/team.json".into(), name: "Our Lab".into(), listed };
    let known = vec!["other-host".to_string()];
    s.event(Event::Sources(Box::new(Sources { teams: vec![team], known })));
    let at = rows(&s).iter().position(|r| r == "Our Lab").unwrap();
    assert_eq!(rows(&s)[at + 1], "  Lab");
    assert!(s.app.known.contains(&"other-host".to_string()), "and ssh_config is read again");
    let web = || Place::Connection(HostId::new("team:~/team.json"), "team-c-web".into());
    for keys in ["e", "D", "m", "y", "J", "a", "A"] {
        s.app.tree.chosen = Some(web());
        s.keys(keys);
        assert!(s.app.layers.is_empty() && s.screen().contains("kept by others"), "{keys}: {}", s.screen());
        assert!(!s.take().iter().any(|e| matches!(e, Effect::Host(h, _) if h.as_str().starts_with("team:"))), "{keys}");
    }
    // it is opened on this machine, told as it is
    s.app.tree.chosen = Some(web());
    s.keys("Enter");
    let create = s.take().into_iter().find_map(|e| match e {
        Effect::Host(host, HostCommand::Create { create, .. }) if host.is_local() => Some(create),
        _ => None,
    });
    let create = create.expect("a session");
    assert_eq!((create.connection.as_deref(), create.definition.unwrap().name.as_str()), (None, "web"));
    // its session lies under it
    let mut info = super::super::tests::info("s7", 80, 24);
    info.connection_id = "team-c-web".into();
    s.host("local", HostEvent::Sessions(vec![info]));
    let at = rows(&s).iter().rposition(|r| r.ends_with(">web")).unwrap();
    assert!(rows(&s)[at + 1].starts_with("      "), "{:?}", rows(&s));
    // nobody is dialled for it
    for keys in ["x", "r", "Enter", ". Enter"] {
        s.app.tree.chosen = Some(Place::Host(HostId::new("team:~/team.json")));
        s.keys(keys);
        assert!(!s.take().iter().any(|e| matches!(e, Effect::Host(h, _) if h.as_str().starts_with("team:"))), "{keys}");
    }
}

#[test]
fn taken_over_and_written() {
    use crate::store::connections::import::{Format, Imported};
    use files::{FileDone, FileWish};
    let mut s = bench();
    let wish = |s: &mut Bench| {
        let mut all: Vec<FileWish> =
            s.take().into_iter().filter_map(|e| if let Effect::File(wish) = e { Some(*wish) } else { None }).collect();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    };
    choose(&mut s, "web");
    s.keys("i '~/.ssh/config Enter");
    let FileWish::Read { host, folder, path } = wish(&mut s) else { panic!() };
    assert_eq!((folder.as_deref(), path.as_str()), (Some("f-lab"), "~/.ssh/config"));
    let ssh = |name: &str| Connection {
        name: name.into(),
        config: Config::ssh(&Ssh { host: "db".into(), ..Ssh::default() }),
        ..Connection::default()
    };
    let imported =
        Imported { connections: vec![ssh("db"), ssh("new")], left_out: vec!["x: wrong".into()], folders: Vec::new() };
    let done = |read| {
        Event::File(Box::new(FileDone::Read { host: host.clone(), folder: folder.clone(), path: path.clone(), read }))
    };
    // a preview, and then all at once
    s.app.update(done(Ok((Format::SshConfig, imported.clone()))));
    let screen = s.screen();
    let Some(Layer::Confirm { text, .. }) = s.app.layers.last() else { panic!("{screen}") };
    let wanted = "Take over 1 connection from ~/.ssh/config (ssh-config)? Beside: 1 already there; x: wrong.";
    assert!(text == wanted && screen.contains("Take over 1 connection from"), "{text}\n{screen}");
    s.keys("y");
    let all = s.take();
    let tag = all.iter().find_map(|e| match e {
        Effect::Host(_, HostCommand::Book { tag, change }) => match &**change {
            Change::Add(many) => {
                assert_eq!(
                    many.connections.iter().map(|c| (c.name.as_str(), c.folder_id.as_deref())).collect::<Vec<_>>(),
                    [("new", Some("f-lab"))]
                );
                Some(*tag)
            }
            _ => None,
        },
        _ => None,
    });
    s.host("local", HostEvent::Booked { tag: tag.unwrap(), result: Ok(String::new()) });
    assert!(s.screen().contains("1 connection taken over"), "{}", s.screen());
    // nothing new, and what can't be read, are said
    let known = Imported { connections: vec![ssh("db")], ..Imported::default() };
    s.app.update(done(Ok((Format::Csv, known))));
    assert!(s.app.layers.is_empty() && s.screen().contains("nothing new in"), "{}", s.screen());
    s.app.update(done(Err("no such file".into())));
    assert!(s.screen().contains("no such file"));

    s.keys("E '/tmp/x.csv Enter");
    let FileWish::Write { path, bytes, said } = wish(&mut s) else { panic!() };
    let table = String::from_utf8(bytes).unwrap();
    assert!(
        path == "/tmp/x.csv" && table.contains("web,ssh,10.0.0.5,22,pi,,,Lab,eu") && table.contains("uart,serial"),
        "{table}"
    );
    assert!(!table.contains("Default Shell") && said.starts_with("3 connections in /tmp/x.csv"), "{said}");
    s.app.update(Event::File(Box::new(FileDone::Written(Ok(said)))));
    assert!(s.screen().contains("3 connections in"));
}
