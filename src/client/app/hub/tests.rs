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
    assert_eq!(s.app.more_of(&web.place)[1], "ssh · pi@10.0.0.5:22 · (not connected) · #eu");
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
            Effect::Host(_, HostCommand::Create { create, tag, asks: true }) => Some((create.connection.clone(), tag)),
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
    // it is chosen once it is there; until then the cursor stays where it was
    let web = Place::Connection(HostId::local(), "c-web".into());
    assert_eq!(s.app.tree.chosen, Some(web));
    let mut with = book();
    with.connections.push(Connection { id: "c-new".into(), ..*made });
    s.host("local", HostEvent::Connections(Some(Arc::new(with))));
    assert_eq!(s.app.tree.chosen, Some(Place::Connection(HostId::local(), "c-new".into())));
    s.host("local", HostEvent::Connections(Some(Arc::new(book()))));

    choose(&mut s, "web");
    s.keys("y");
    let Change::Create(copy) = change(&mut s) else { panic!() };
    assert_eq!((copy.name.as_str(), copy.id.as_str(), copy.folder_id.as_deref()), ("web (copy)", "", Some("f-lab")));
    // each copy has a name of its own: before the first one is listed, and one of a copy too
    s.keys("y");
    let Change::Create(second) = change(&mut s) else { panic!() };
    assert_eq!(second.name, "web (copy 2)");
    s.app.hosts.get_mut(&HostId::local()).unwrap().changing.clear();
    let mut more = book();
    more.connections.push(Connection { id: "c-copy".into(), ..*copy });
    s.host("local", HostEvent::Connections(Some(Arc::new(more))));
    for (name, copied) in [("web", "web (copy 2)"), ("web (copy)", "web (copy 3)")] {
        choose(&mut s, name);
        s.keys("y");
        let Change::Create(copy) = change(&mut s) else { panic!() };
        assert_eq!(copy.name, copied);
    }
    s.app.hosts.get_mut(&HostId::local()).unwrap().changing.clear();
    s.host("local", HostEvent::Connections(Some(Arc::new(book()))));
    choose(&mut s, "web");
    s.keys("J");
    let Change::Move(to) = change(&mut s) else { panic!() };
    assert_eq!((to.ids, to.folder.as_deref(), to.before), (vec!["c-web".to_string()], Some("f-lab"), None));
    s.keys("K");
    let Change::Move(to) = change(&mut s) else { panic!() };
    assert_eq!(to.before.as_deref(), Some("c-db"));
    // several at once
    choose(&mut s, "web");
    s.keys("t t m");
    assert!(s.screen().contains("move 2 connections to"), "{}", s.screen());
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
    let tag = *s.app.hosts[&HostId::local()].changing.iter().next().unwrap();
    s.host("local", HostEvent::Booked { tag, result: Ok("c-new".into()) });
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

/// The bench on a screen of this size, with the tree in view and `name` chosen.
fn seen_at(cols: u16, rows: u16, name: &str) -> String {
    let mut s = bench();
    s.event(Event::Resize(crate::proto::ids::Size::new(cols, rows)));
    choose(&mut s, name);
    s.screen()
}

#[test]
fn how_it_stands_is_seen_at_any_width() {
    let wide = seen_at(120, 35, "web");
    assert!(wide.contains("> web          (not connected)"), "{wide}");
    assert!(wide.contains("ssh · pi@10.0.0.5:22 · (not connected)") && wide.contains("│#eu"), "{wide}");
    assert!(wide.lines().next().unwrap().starts_with(&format!("┌ hosts {}┐", "─".repeat(31))), "{wide}");
    // where panes want the room: in short, and the rest of it wrapped at the bottom
    let narrow = seen_at(100, 30, "web");
    assert!(narrow.contains("> web        off "), "{narrow}");
    for line in ["│ssh · pi@10.0.0.5:22", "│(not connected) · #eu"] {
        assert!(narrow.contains(line), "{line}: {narrow}");
    }
    let mut s = bench();
    let mut tagged = book();
    let leads = &mut tagged.connections[1].config.config;
    leads.insert("host".into(), json!("a-longer-name.example"));
    leads.remove("port");
    s.host("local", HostEvent::Connections(Some(Arc::new(tagged))));
    choose(&mut s, "web");
    let below: Vec<String> = s.screen().lines().skip(23).take(5).map(|l| l.chars().take(25).collect()).collect();
    let said = ["│web", "│ssh", "│pi@a-longer-name.example", "│(not connected) · #eu", "│"];
    assert_eq!(below.iter().map(|l| l.trim_end()).collect::<Vec<_>>(), said, "{}", s.screen());
    // as a drawer, and on a phone
    let drawer = seen_at(80, 24, "uart");
    assert!(drawer.contains("~ uart /dev/ttyUSB0 · 115200"), "{drawer}");
    assert!(drawer.contains("serial · /dev/ttyUSB0 · 115200"), "{drawer}");
    let small = seen_at(40, 12, "web");
    assert!(small.contains("│ssh · pi@10.0.0.5:22 · (not connected)│"), "{small}");
    assert!(small.contains("│#eu"), "the name gives way: {small}");
    // what the user has set is so
    let mut s = bench();
    s.app.settings.tree_width = 30;
    s.event(Event::Resize(crate::proto::ids::Size::new(140, 30)));
    assert_eq!(s.app.frame().tree.unwrap().width, 30);
}

#[test]
fn of_a_session_is_said_what_its_row_does_not_say() {
    let mut s = bench();
    let mut info = super::super::tests::info("s7", 80, 24);
    (info.title, info.cwd, info.state) = ("me@box: ~".into(), "/home/me/src".into(), "detached".into());
    let place = Place::Session(HostId::local(), "s7".parse().unwrap());
    s.host("local", HostEvent::Sessions(vec![info.clone()]));
    assert_eq!(s.app.more_of(&place), ["bash", "detached · /home/me/src · s7"]);
    info.name = "build".into();
    s.host("local", HostEvent::Sessions(vec![info]));
    assert_eq!(s.app.more_of(&place), ["bash", "me@box: ~ · detached · /home/me/src · s7"]);
}

#[test]
fn the_trees_keys_are_told_where_it_is() {
    let mut s = bench();
    let foot = |s: &Bench| s.screen().lines().nth(28).unwrap_or_default().to_string();
    assert!(foot(&s).starts_with("│. menu  ? keys  a new "), "{}", s.screen());
    choose(&mut s, "web");
    s.keys("?");
    assert!(s.has("the tree's keys") && s.has("t             select it, or no more"), "{}", s.screen());
    s.keys("'duplicate Enter");
    assert!(matches!(change(&mut s), Change::Create(_)), "it is done with the row");
    s.keys("/ 'w");
    assert!(foot(&s).starts_with("│Enter to the rows"), "{}", s.screen());
    s.keys("Escape q");
    assert!(!s.has(". menu"), "{}", s.screen());
    // from the list of all keys it is only shown where it is
    s.keys("C-b ? 'duplicate");
    assert!(s.has("y              in the tree      duplicate a connection"), "{}", s.screen());
    s.keys("Enter");
    assert!(s.app.tree.focused && s.has("in the tree y does it"), "{}", s.screen());
    assert!(!s.take().iter().any(|e| matches!(e, Effect::Host(_, HostCommand::Book { .. }))));
}

#[test]
fn tabs_and_bar_say_whose_a_pane_is() {
    let mut s = super::super::tests::two_hosts_at(100, 24);
    let b = s.app.tabs.list[0].focus;
    let bar = |s: &Bench| s.screen().lines().last().unwrap_or_default().to_string();
    let line = |s: &Bench| s.screen().lines().next().unwrap_or_default().to_string();
    let gauges = crate::proto::notice::Gauges { cpu: Some(12.0), ..Default::default() };
    for host in ["local", "build-server"] {
        s.host(host, HostEvent::Gauges(Box::new(gauges.clone())));
    }
    assert!(line(&s).starts_with(" 1 bash·build-server "), "{}", s.screen());
    s.app.tabs.list[0].name = Some("mine".into());
    assert!(line(&s).starts_with(" 1 mine·build-server "), "a name does not say whose it is: {}", s.screen());
    assert!(bar(&s).contains("CPU"), "{}", s.screen());
    // a target that the host reaches
    let to = |s: &mut Bench, pane: crate::client::layout::PaneId, id: &str, connection: &str| {
        let info = s.app.panes.get_mut(&pane).unwrap().info.as_mut().unwrap();
        (info.target, info.connection_id, info.connection) = ("t1".into(), id.into(), connection.into());
    };
    to(&mut s, b, "", "pi@sensor-in-the-attic:2222");
    assert!(line(&s).starts_with(" 1 mine·pi@sensor-i… via build-s… "), "{}", s.screen());
    assert!(
        bar(&s).contains("pi@sensor-in-the-attic:2222 via build-server") && !bar(&s).contains("CPU"),
        "{}",
        bar(&s)
    );
    // and one that this machine reaches, by a connection
    let a = *s.app.panes.keys().find(|p| **p != b).unwrap();
    s.host("local", HostEvent::Connections(Some(Arc::new(book()))));
    s.app.tabs.list[0].focus(a);
    assert!(bar(&s).contains("this machine") && bar(&s).contains("CPU"), "{}", bar(&s));
    to(&mut s, a, "c-web", "old name");
    assert!(line(&s).starts_with("▌1 mine·web ") && line(&s).ends_with(" web"), "{}", s.screen());
    assert!(
        bar(&s).starts_with(" web") && !bar(&s).contains("this machine") && !bar(&s).contains("CPU"),
        "{}",
        bar(&s)
    );
    // a host without an agent is no target of itself
    to(&mut s, b, "", "build-server");
    let without = HostState::Online { build: String::new(), hostname: "box".into() };
    s.host("build-server", HostEvent::State(without));
    s.app.tabs.list[0].focus(b);
    assert!(bar(&s).starts_with(" build-server "), "{}", bar(&s));
}

/// What the menu of the chosen row offers, with its keys.
fn offered(s: &mut Bench) -> Vec<String> {
    s.keys(".");
    let Some(Layer::Picker(p)) = s.app.layers.last() else { panic!() };
    let all = p.items.iter().map(|i| format!("{}|{}", i.text, i.aside)).collect();
    s.keys("Escape");
    all
}

#[test]
fn a_menu_has_what_can_be_done_and_its_keys_do_it() {
    let mut s = bench();
    choose(&mut s, "web");
    s.keys(". y");
    let Change::Create(copy) = change(&mut s) else { panic!() };
    // the copy is chosen once it is there
    let tag = *s.app.hosts[&HostId::local()].changing.iter().next().unwrap();
    s.host("local", HostEvent::Booked { tag, result: Ok("c-copy".into()) });
    let mut with = book();
    with.connections.push(Connection { id: "c-copy".into(), ..*copy });
    s.host("local", HostEvent::Connections(Some(Arc::new(with))));
    assert_eq!(s.app.tree.chosen, Some(Place::Connection(HostId::local(), "c-copy".into())));
    // as is a folder: what is made next lies in it
    choose(&mut s, "web");
    s.keys("A 'Lab Enter");
    let Change::CreateFolder(folder) = change(&mut s) else { panic!() };
    let tag = *s.app.hosts[&HostId::local()].changing.iter().next().unwrap();
    s.host("local", HostEvent::Booked { tag, result: Ok("f-lab".into()) });
    let mut with = book();
    with.folders.push(Folder { id: "f-lab".into(), ..folder });
    s.host("local", HostEvent::Connections(Some(Arc::new(with))));
    assert_eq!(s.app.tree.chosen, Some(Place::Folder(HostId::local(), "f-lab".into())));
    // once something is typed, or / was pressed, keys are text
    choose(&mut s, "web");
    s.keys(". 'wy");
    assert!(s.has("> wy"), "{}", s.screen());
    s.keys("Escape . / 'y");
    assert!(s.has("> y"), "{}", s.screen());
    s.keys("Escape");
    assert!(!s.take().iter().any(|e| matches!(e, Effect::Host(_, HostCommand::Book { .. }))));
    // with several selected it is for those
    choose(&mut s, "web");
    s.keys("t t");
    choose(&mut s, "this machine");
    let selected = [
        "open them|Enter",
        "beside the focused pane||",
        "below the focused pane|-",
        "end their sessions|x",
        "move them to a folder|m",
        "delete them|D",
        "select nothing|T",
    ];
    assert_eq!(offered(&mut s), selected);
    s.keys(". m");
    assert!(s.has("move 2 connections to"), "{}", s.screen());
    s.keys("Escape . T");
    assert!(s.app.tree.selected.is_empty());
    // what others keep is not offered to be changed
    let mut listed = book();
    listed.connections.iter_mut().for_each(|c| c.id = format!("team-{}", c.id));
    let team = crate::store::teams::Team { path: "~/team.json".into(), name: "Our Lab".into(), listed };
    s.event(Event::Sources(Box::new(Sources { teams: vec![team], known: Vec::new() })));
    s.app.tree.chosen = Some(Place::Connection(HostId::new("team:~/team.json"), "team-c-web".into()));
    let theirs = [
        "connect: one more session|Enter",
        "end its sessions|x",
        "browse files|f",
        "beside the focused pane||",
        "below the focused pane|-",
        "write to a file|E",
    ];
    assert_eq!(offered(&mut s), theirs);
}

#[test]
fn a_hosts_menu_opens_ends_and_lets_go() {
    let mut s = two_hosts();
    s.app.tree.chosen = Some(Place::Host(HostId::new("nas")));
    let all = offered(&mut s);
    for item in ["new shell here|n", "end all its sessions|", "let go: end the connection, not the sessions|x"] {
        assert!(all.iter().any(|i| i == item), "{item}: {all:?}");
    }
    let info = |id: &str| super::super::tests::info(id, 80, 24);
    s.host("nas", HostEvent::Sessions(vec![info("n1"), info("n2"), info("n3")]));
    s.take();
    s.keys(". 'endall Enter");
    assert!(s.has("End 3 sessions on nas?"), "{}", s.screen());
    s.keys("y");
    let closed = s.take().into_iter().filter(|e| matches!(e, Effect::Host(_, HostCommand::Close { .. }))).count();
    assert_eq!(closed, 3);
    s.keys(". n");
    let made = |e: &Effect| matches!(e, Effect::Host(h, HostCommand::Create { .. }) if h.as_str() == "nas");
    assert!(s.take().iter().any(made));
}

#[test]
fn a_connection_that_matches_is_shown_with_its_sessions() {
    let mut s = bench();
    let mut info = super::super::tests::info("s7", 80, 24);
    (info.connection_id, info.title) = ("c-db".into(), "psql".into());
    s.host("local", HostEvent::Sessions(vec![info]));
    s.keys("/ 'db");
    assert_eq!(rows(&s), ["this machine", "  Lab", "    >db", "      psql"]);
    s.keys("C-u 'psql");
    assert_eq!(rows(&s), ["this machine", "  Lab", "    >db", "      psql"]);
}

#[test]
fn folders_that_lead_nowhere_are_shown_once_or_not_at_all() {
    let mut s = bench();
    let folder = |id: &str, parent: Option<&str>| json!({ "id": id, "name": id, "parentId": parent });
    let twice = json!({ "folders": [folder("a", None), folder("a", Some("a")), folder("a", Some("a")), folder("b", Some("a"))] });
    s.host("local", HostEvent::Connections(Some(Arc::new(serde_json::from_value(twice).unwrap()))));
    assert_eq!(rows(&s)[1..], ["  a", "    b"]);
}

#[test]
fn while_a_filter_is_typed_keys_are_for_its_line_alone() {
    let mut s = bench();
    s.keys("/ 'web");
    assert!(matches!(&s.app.tree.chosen, Some(Place::Connection(_, id)) if id == "c-web"));
    for key in ["Delete", "S-Down", "S-Up", "Left", "Right", "F10", "F5", "Home", "M-x"] {
        s.keys(key);
        assert!(s.app.layers.is_empty() && s.app.tree.typing, "{key}: {}", s.screen());
        assert!(!s.take().iter().any(|e| matches!(e, Effect::Host(_, HostCommand::Book { .. }))), "{key}");
        assert_eq!(s.app.tree.filter.as_ref().unwrap().text(), "web", "{key}");
    }
    s.keys("'y");
    assert_eq!(s.app.tree.filter.as_ref().unwrap().text(), "weby");
    // up and down choose while it is typed
    s.keys("C-u 'lab PageDown Up PageUp");
    assert!(s.app.tree.typing);
    assert_eq!(s.app.tree.chosen, Some(Place::Host(HostId::local())));
}

#[test]
fn nothing_is_folded_while_it_is_looked_for() {
    let mut s = bench();
    let before = rows(&s);
    s.keys("/ 'uart Enter");
    let folder = Place::Folder(HostId::local(), "f-lab".into());
    for key in ["Space", "Left", "Enter", "Right", "h", "l", ". Enter"] {
        for place in [folder.clone(), Place::Host(HostId::local())] {
            s.app.tree.chosen = Some(place);
            s.keys(key);
            assert!(!s.take().iter().any(|e| matches!(e, Effect::Host(_, HostCommand::Book { .. }))), "{key}");
        }
    }
    s.keys("Escape");
    assert_eq!(rows(&s), before);
}

/// The same with a second host that keeps a book, and what was chosen on both.
fn two_hosts() -> Bench {
    let mut s = bench();
    let online = HostState::Online { build: "1".into(), hostname: "box".into() };
    s.host("nas", HostEvent::State(online));
    let theirs: Listed = serde_json::from_value(json!({ "folders": [{ "id": "f-n", "name": "Attic" }],
        "connections": [{ "id": "c-n", "name": "backup", "config": { "type": "local", "config": {} } }] }))
    .unwrap();
    s.host("nas", HostEvent::Connections(Some(Arc::new(theirs))));
    s.take();
    s
}

fn select(s: &mut Bench, names: &[&str]) {
    for name in names {
        choose(s, name);
        s.keys("t");
    }
}

fn changes(s: &mut Bench) -> Vec<(String, Change)> {
    let of = |e| match e {
        Effect::Host(host, HostCommand::Book { change, .. }) => Some((host.as_str().to_string(), *change)),
        _ => None,
    };
    s.take().into_iter().filter_map(of).collect()
}

#[test]
fn what_is_selected_is_acted_on_wherever_it_is() {
    let mut s = two_hosts();
    select(&mut s, &["db", "backup", "uart"]);
    s.keys("D");
    assert!(s.screen().contains("Delete 3 connections on 2 machines?"), "{}", s.screen());
    s.keys("y");
    let local = Change::Delete(vec!["c-uart".into(), "c-db".into()]);
    assert_eq!(changes(&mut s), [("local".into(), local), ("nas".into(), Change::Delete(vec!["c-n".into()]))]);
    assert!(s.app.tree.selected.is_empty());
    // one machine's are moved, and that others stay is said
    let mut s = two_hosts();
    select(&mut s, &["db", "backup"]);
    choose(&mut s, "Attic");
    s.keys("m");
    assert!(s.screen().contains("move 1 connection to (1 elsewhere stay)"), "{}", s.screen());
    s.keys("Enter");
    assert_eq!(changes(&mut s)[0].0, "nas");
    assert_eq!(s.app.tree.selected.len(), 1, "what stayed is selected");
    // what is folded or does not match is selected all the same: the title counts it
    s.keys("/ 'web Enter D");
    assert!(s.screen().contains("connection 'db'") && s.screen().contains("1 selected"), "{}", s.screen());
    s.keys("y");
    assert_eq!(changes(&mut s), [("local".into(), Change::Delete(vec!["c-db".into()]))]);
}

#[test]
fn what_has_gone_is_neither_selected_nor_chosen() {
    let mut s = two_hosts();
    select(&mut s, &["web", "backup"]);
    choose(&mut s, "web");
    let mut rest = book();
    rest.connections.retain(|c| c.id != "c-web");
    s.host("local", HostEvent::Connections(Some(Arc::new(rest.clone()))));
    assert_eq!(s.app.tree.selected.len(), 1);
    assert_eq!(s.app.tree.chosen, Some(Place::Connection(HostId::local(), "c-db".into())), "the next one");
    s.host("nas", HostEvent::State(HostState::Offline));
    assert!(s.app.tree.selected.is_empty());
    // keys are for the row again
    s.keys("D y");
    assert_eq!(change(&mut s), Change::Delete(vec!["c-db".into()]));
    // a host that goes leaves its own row to be chosen: what is new does not come to another one
    let mut s = two_hosts();
    choose(&mut s, "backup");
    s.host("nas", HostEvent::State(HostState::Offline));
    assert_eq!(s.app.tree.chosen, Some(Place::Host(HostId::new("nas"))));
    // a session that ended, the last of its folder
    choose(&mut s, "uart");
    rest.connections.retain(|c| c.id != "c-uart");
    s.host("local", HostEvent::Connections(Some(Arc::new(rest))));
    assert_eq!(s.app.tree.chosen, Some(Place::Connection(HostId::local(), "c-db".into())));
}

#[test]
fn what_lies_in_a_folder_goes_with_it_once() {
    let mut s = bench();
    select(&mut s, &["Lab", "Inner", "uart", "Default Shell"]);
    s.keys("D");
    s.keys("Down Enter");
    let gone = changes(&mut s).into_iter().map(|c| c.1).collect::<Vec<_>>();
    let folder = Change::DeleteFolder { id: "f-lab".into(), with_content: true };
    assert_eq!(gone, [Change::Delete(vec!["default-shell".into()]), folder]);
}

#[test]
fn a_teams_file_that_is_another_keeps_what_is_folded() {
    let mut s = bench();
    let sources = |name: &str| {
        let mut listed = book();
        listed.connections[0].name = name.into();
        let team = crate::store::teams::Team { path: "~/team.json".into(), name: "Our Lab".into(), listed };
        Event::Sources(Box::new(Sources { teams: vec![team], known: Vec::new() }))
    };
    s.event(sources("one"));
    s.app.tree.chosen = Some(Place::Folder(HostId::new("team:~/team.json"), "f-lab".into()));
    s.keys("Space");
    let before = rows(&s);
    s.event(sources("two"));
    assert_eq!(rows(&s).len(), before.len());
    assert!(rows(&s).iter().any(|r| r.ends_with("two")));
    // r runs nothing there: it changes, everywhere else
    for place in ["f-lab", "c-web"] {
        let team = HostId::new("team:~/team.json");
        let place = if place.starts_with('f') {
            Place::Folder(team, place.into())
        } else {
            Place::Connection(team, place.into())
        };
        s.app.tree.chosen = Some(place);
        s.take();
        s.keys("r");
        assert!(s.screen().contains("kept by others") && s.app.layers.is_empty(), "{}", s.screen());
        assert!(!s.take().iter().any(|e| matches!(e, Effect::Host(_, HostCommand::Create { .. }))));
    }
}

#[test]
fn only_what_leads_away_may_ask_and_only_while_its_pane_is_there() {
    let mut s = bench();
    let created = |s: &mut Bench| {
        s.take().into_iter().find_map(|e| match e {
            Effect::Host(_, HostCommand::Create { tag, asks, .. }) => Some((tag, asks)),
            _ => None,
        })
    };
    choose(&mut s, "Default Shell");
    s.keys("Enter");
    assert!(!created(&mut s).unwrap().1);
    s.keys("C-b b");
    choose(&mut s, "web");
    s.keys("Enter");
    let (tag, asks) = created(&mut s).unwrap();
    assert!(asks);
    let question = |text: &str| {
        let asked = crate::transport::ask::SecretAsked { prompt: text.into(), ..Default::default() };
        crate::client::host::Question::Secret(asked)
    };
    s.host("local", HostEvent::Ask { id: 3, question: question("first:") });
    s.host("local", HostEvent::Ask { id: 4, question: question("second:") });
    s.host("local", HostEvent::Unasked { id: 3 });
    assert!(!s.screen().contains("first:") && s.screen().contains("second:"), "{}", s.screen());
    s.host("local", HostEvent::Unasked { id: 4 });
    assert!(s.app.layers.is_empty());
    let pane = s.app.panes.values().find(|p| p.tag == Some(tag)).unwrap().id;
    let mut out = Vec::new();
    s.app.close_pane(pane, &mut out);
    assert!(out.contains(&Effect::Host(HostId::local(), HostCommand::Forget { tag })), "{out:?}");
}

#[test]
fn steps_are_counted_from_where_it_is_by_then() {
    let mut s = bench();
    let mut long = book();
    let more = |n: usize| {
        let at = json!({ "id": format!("c-{n}"), "name": format!("n{n}"), "folderId": "f-lab" });
        serde_json::from_value::<Connection>(at).unwrap()
    };
    long.connections.extend((0..3).map(more));
    s.host("local", HostEvent::Connections(Some(Arc::new(long.clone()))));
    choose(&mut s, "web");
    s.keys("J J");
    let moves: Vec<(u64, Option<String>)> = s
        .take()
        .into_iter()
        .filter_map(|e| match e {
            Effect::Host(_, HostCommand::Book { tag, change }) => match *change {
                Change::Move(to) => Some((tag, to.before)),
                other => panic!("{other:?}"),
            },
            _ => None,
        })
        .collect();
    let before: Vec<Option<&str>> = moves.iter().map(|m| m.1.as_deref()).collect();
    assert_eq!(before, [Some("c-0"), Some("c-1")]);
    let shown =
        |s: &Bench| rows(s).into_iter().filter(|r| r.starts_with("    ") && !r.contains("uart")).collect::<Vec<_>>();
    let after = ["    Inner", "    >db", "    ?n0", "    >web", "    ?n1", "    ?n2"];
    assert_eq!(shown(&s), after, "it is there at once");
    // a list from before both are made changes nothing; the one behind them says how it is
    s.host("local", HostEvent::Booked { tag: moves[0].0, result: Ok(String::new()) });
    s.host("local", HostEvent::Connections(Some(Arc::new(long.clone()))));
    assert_eq!(shown(&s), after);
    s.host("local", HostEvent::Booked { tag: moves[1].0, result: Err("the disk is full".into()) });
    s.host("local", HostEvent::Connections(Some(Arc::new(long.clone()))));
    assert_eq!(shown(&s)[1], "    >web");
    // moved out of sight: the next one is chosen
    choose(&mut s, "Inner");
    s.keys("Space");
    choose(&mut s, "web");
    s.keys("m 'inner Enter");
    assert_eq!(s.app.tree.chosen, Some(Place::Connection(HostId::local(), "c-db".into())));
    // a host that went is asked anew: what was not answered is waited for no longer
    s.host("local", HostEvent::State(HostState::Offline));
    let online = HostState::Online { build: "1".into(), hostname: "box".into() };
    s.host("local", HostEvent::State(online));
    s.host("local", HostEvent::Connections(Some(Arc::new(long))));
    assert_eq!(shown(&s)[1], "    >web");
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

#[test]
fn what_could_not_be_opened_is_tried_again_and_nothing_else_takes_its_place() {
    let asked = |s: &mut Bench| -> Vec<(String, Option<String>, u64)> {
        let of = |e| match e {
            Effect::Host(host, HostCommand::Create { create, tag, .. }) => {
                Some((host.as_str().to_string(), create.connection.clone(), tag))
            }
            _ => None,
        };
        s.take().into_iter().filter_map(of).collect()
    };
    let mut s = bench();
    choose(&mut s, "db");
    s.keys("Enter");
    let [(_, _, tag)] = asked(&mut s)[..] else { panic!() };
    // a reason with advice is there to its last word, and so are the keys
    let why = format!(
        "db: {} or name the right one with IdentityFile in its form\nnot known here",
        "no key is taken: ".repeat(12)
    );
    s.host("local", HostEvent::Created { tag, result: Err(why) });
    let screen = s.screen();
    for seen in
        [" db ", "not opened: db: no key", "IdentityFile in its form", "not known here", "Enter: try again   x: close"]
    {
        assert!(screen.contains(seen), "{seen}: {screen}");
    }
    assert!(!screen.contains("new shell") && !screen.contains("\\n"), "{screen}");
    let tab = |s: &Bench| s.screen().lines().next().unwrap().to_string();
    assert!(tab(&s).contains(" 2 db "), "{screen}");
    s.event(Event::Resize(crate::proto::ids::Size::new(100, 7)));
    assert!(s.screen().contains("Enter: try again   x: close"), "{}", s.screen());
    s.event(Event::Resize(crate::proto::ids::Size::new(100, 30)));
    s.keys("Enter");
    let [(host, connection, tag)] = &asked(&mut s)[..] else { panic!() };
    assert_eq!((host.as_str(), connection.as_deref()), ("local", Some("c-db")));
    s.host("local", HostEvent::Created { tag: *tag, result: Err("no route".into()) });
    // the next client knows it still, before the host has told its connections
    let saved = serde_json::to_string(&s.app.saved()).unwrap();
    let setup = super::super::tests::setup(100, 30);
    let mut s = Bench::new(super::super::Setup { saved: Some(serde_json::from_str(&saved).unwrap()), ..setup });
    s.host("local", HostEvent::State(HostState::Online { build: "1".into(), hostname: "box".into() }));
    s.answer();
    assert!(s.screen().contains("it was not open yet") && tab(&s).contains(" 2 db "), "{}", s.screen());
    // who goes to it, from wherever, goes there
    s.app.tabs.go(0);
    let tabs = s.app.tabs.list.len();
    let mut out = Vec::new();
    s.app.go_to_connection(&HostId::local(), "c-db", &mut out);
    assert_eq!((s.app.tabs.active, s.app.tabs.list.len()), (1, tabs));
    s.effects.extend(out);
    assert_eq!(asked(&mut s)[0].1.as_deref(), Some("c-db"));
    assert!(tab(&s).contains(" 2 db "), "{}", s.screen());

    // its host went away before it was there: with the host it comes back, as what it is
    let mut s = two_hosts();
    choose(&mut s, "backup");
    s.keys("Enter");
    assert_eq!(asked(&mut s).len(), 1);
    s.host("nas", HostEvent::State(HostState::Failed { why: "no route".into(), hints: vec![], hard: false }));
    assert!(s.screen().contains("nas · backup") && !s.screen().contains("without an agent"), "{}", s.screen());
    s.host("nas", HostEvent::State(HostState::Online { build: "1".into(), hostname: "box".into() }));
    assert_eq!(asked(&mut s)[0].1.as_deref(), Some("c-n"));
}

#[test]
fn what_a_pane_showed_of_a_connection_is_opened_again_where_its_session_is_gone() {
    use super::super::tests::{info, setup};
    let online = || HostEvent::State(HostState::Online { build: "1".into(), hostname: "box".into() });
    for (host, id, name) in [("local", "c-db", "db"), ("nas", "c-n", "backup")] {
        let mut s = two_hosts();
        choose(&mut s, name);
        s.keys("Enter");
        let asked = |s: &mut Bench| {
            let of = |e| match e {
                Effect::Host(host, HostCommand::Create { create, tag, .. }) => {
                    Some((host.as_str().to_string(), create.connection.clone(), tag))
                }
                _ => None,
            };
            s.take().into_iter().find_map(of).unwrap()
        };
        let (_, _, tag) = asked(&mut s);
        let made = crate::proto::control::SessionInfo {
            connection_id: id.into(),
            connection: name.into(),
            title: "me@there: ~".into(),
            target: if host == "local" { "t-1".into() } else { String::new() },
            ..info("s9", 80, 24)
        };
        let session: SessionId = "s9".parse().unwrap();
        s.host(host, HostEvent::Created { tag, result: Ok(Box::new(made.clone())) });
        s.host(host, HostEvent::Attached { session: session.clone(), info: Box::new(made), again: false });
        // it is killed while no window shows it
        let saved = serde_json::to_string(&s.app.saved()).unwrap();
        let mut s = Bench::new(super::super::Setup { saved: serde_json::from_str(&saved).unwrap(), ..setup(100, 30) });
        s.host("local", online());
        s.host("nas", online());
        let gone = HostEvent::AttachFailed { session, why: "there is no session s9".into(), ended: true };
        s.host(host, gone);
        s.take();
        let screen = s.screen();
        let heading = if host == "local" { format!("   {name}\n") } else { format!("nas · {name}") };
        assert!(screen.contains(&heading) && screen.contains("r: start again"), "{screen}");
        assert!(screen.lines().next().unwrap().contains(&format!(" 2 {name}")), "{screen}");
        // the next window, too
        let before: crate::store::layout::Layout = serde_json::from_str(&saved).unwrap();
        assert_eq!(s.app.saved().tabs[1], before.tabs[1]);
        s.keys("r");
        let (at, connection, _) = asked(&mut s);
        assert_eq!((at.as_str(), connection.as_deref()), (host, Some(id)), "no shell of another machine");
    }
}

#[test]
fn a_session_of_a_connection_stays_under_it_once_its_host_is_there_without_an_agent() {
    use super::super::tests::info;
    let mut s = bench();
    let of = |id: &str, connection: &str| crate::proto::control::SessionInfo {
        connection_id: connection.into(),
        target: "t-1".into(),
        state: "detached".into(),
        title: id.into(),
        ..info(id, 80, 24)
    };
    let there = vec![of("s7", "c-web"), of("s8", ""), of("s9", "c-db")];
    s.host("local", HostEvent::Sessions(there.clone()));
    choose(&mut s, "s9");
    s.keys("Enter");
    s.answer();
    let shown = s.app.tabs.focused().unwrap();
    // the host is named: a shell there is what is free and was started for it alone
    s.app.open_host(&HostId::new("rowc"), &mut Vec::new());
    s.host("rowc", HostEvent::State(HostState::Online { build: String::new(), hostname: "rowc".into() }));
    s.host("local", HostEvent::Sessions(there.clone()));
    s.host("rowc", HostEvent::Sessions(there.clone()));
    let panes = || s.app.panes.values().filter_map(|p| Some((p.host.as_str(), p.session.as_ref()?.as_str())));
    assert_eq!(panes().filter(|p| p.0 == "rowc").collect::<Vec<_>>(), [("rowc", "s8")]);
    let at = rows(&s).iter().position(|r| r == "rowc").unwrap();
    assert_eq!(rows(&s)[at + 1..], ["  s8"]);
    let [.., web, s7, db, s9, _] = &rows(&s)[..at] else { panic!() };
    assert_eq!([web, s7, db, s9].map(String::as_str), ["    >web", "      s7", "    >db", "      s9"]);
    let before = s.app.panes.len();
    s.keys("C-b b");
    choose(&mut s, "s9");
    s.keys("Enter");
    assert_eq!((s.app.tabs.focused(), s.app.panes.len()), (Some(shown), before));
    // a kept window may show one of them as its host's
    let pane = s.app.new_pane(HostId::new("rowc"));
    s.app.tabs.add_pane(pane);
    s.app.attach(pane, "s7".parse().unwrap(), false, &mut Vec::new());
    s.keys("C-b 1 C-b b");
    choose(&mut s, "s7");
    assert!(s.app.tree_rows().iter().any(|r| r.text == "s7" && r.shown));
    s.keys("Enter");
    assert_eq!((s.app.tabs.focused(), s.app.panes.len()), (Some(pane), before + 1));
}

#[test]
fn what_is_taken_in_beside_a_pane_is_found_by_what_its_row_says() {
    use super::super::tests::info;
    let mut s = bench();
    let of = |id: &str, running: &str| crate::proto::control::SessionInfo {
        title: "me@box: ~".into(),
        running: running.into(),
        cwd: "/home/me/src/thub".into(),
        connection: "sensor".into(),
        target: if id == "r2" { "t-1".into() } else { String::new() },
        ..info(id, 80, 24)
    };
    s.host("nas", HostEvent::State(HostState::Online { build: "1".into(), hostname: "box".into() }));
    s.host("nas", HostEvent::Sessions(vec![of("r1", "sleep 501"), of("r2", "vim notes")]));
    for id in ["r1", "r2"] {
        s.app.open_session(&HostId::new("nas"), &id.parse().unwrap(), &mut Vec::new());
    }
    let row = |s: &mut Bench, typed: &str| {
        s.keys("C-b 1 C-b @");
        s.keys(&format!("'{}", typed.replace(' ', " Space '")));
        let screen = s.screen();
        s.keys("Escape");
        let from = screen.lines().skip_while(|l| !l.contains("beside this pane")).skip(2);
        from.map(|l| l.to_string()).next().unwrap_or_default()
    };
    for (typed, wanted) in [
        ("new shell", &["new shell of"][..]),
        ("shell of nas", &["new shell of nas"]),
        ("sleep", &["sleep 501", "…/src/thub", "nas · tab 2"]),
        ("vim", &["vim notes", "sensor via nas · tab 3"]),
    ] {
        let row = row(&mut s, typed);
        assert!(wanted.iter().all(|w| row.contains(w)), "{typed}: {row}");
    }
    // a host that no file names, as C-b g takes it
    s.keys("C-b 1 C-b _ 'pi@lab:2222 Enter");
    let lab = HostId::new("pi@lab:2222");
    assert!(s.app.tabs.active().unwrap().panes().iter().any(|p| s.app.panes[p].host == lab));
}

#[test]
fn what_is_prepared_is_gone_to_by_a_few_letters() {
    let mut s = bench();
    s.keys("C-b g 'uart");
    assert!(s.screen().contains("this machine · connection"), "{}", s.screen());
    s.take();
    s.keys("Enter");
    let opened = s.take().into_iter().any(|e| matches!(&e, Effect::Host(_, HostCommand::Create { create, .. }) if create.connection.as_deref() == Some("c-uart")));
    assert!(opened, "a session of it is started");
    // what runs is gone to, and not started once more
    let mut info = super::super::tests::info("s7", 80, 24);
    (info.connection_id, info.connection) = ("c-web".into(), "web".into());
    s.host("local", HostEvent::Sessions(vec![info]));
    s.keys("C-b g 'web");
    assert!(!s.screen().contains("· connection"), "{}", s.screen());
}

/// A host tells what it keeps before it tells what it runs, or the list comes while somebody chooses: what runs is gone to
/// all the same.
#[test]
fn what_runs_is_gone_to_however_late_it_is_told() {
    let running = || {
        let mut info = super::super::tests::info("s7", 80, 24);
        (info.connection_id, info.connection, info.state) = ("c-web".into(), "web".into(), "detached".into());
        info
    };
    let asked = |s: &mut Bench| -> Vec<String> {
        let of = |e| match e {
            Effect::Host(host, HostCommand::Create { .. }) => Some(format!("{} create", host.as_str())),
            Effect::Host(host, HostCommand::Attach { session, .. }) => Some(format!("{} {session}", host.as_str())),
            _ => None,
        };
        s.take().into_iter().filter_map(of).collect()
    };
    let come = |s: &mut Bench| {
        let online = HostState::Online { build: "1".into(), hostname: "nas".into() };
        s.app.ensure(&HostId::new("nas"), &mut Vec::new());
        s.host("nas", HostEvent::State(online));
        s.host("nas", HostEvent::Connections(Some(Arc::new(book()))));
        s.take();
    };
    // told while the list is looked at
    let mut s = Bench::full(100, 30);
    come(&mut s);
    s.keys("C-b g 'web");
    s.host("nas", HostEvent::Sessions(vec![running()]));
    s.keys("Enter");
    assert_eq!(asked(&mut s), ["nas s7"]);
    // told after it was chosen: what is typed meanwhile is for it, and asking twice makes no second one
    for told in [vec![running()], vec![]] {
        let mut s = Bench::full(100, 30);
        come(&mut s);
        s.keys("C-b g 'web Enter 'ls");
        assert_eq!(asked(&mut s), [""; 0], "nobody knows yet what runs there");
        s.keys("C-b g 'web Enter");
        assert_eq!(s.app.tabs.list.len(), 2, "{}", s.screen());
        s.host("nas", HostEvent::Sessions(told.clone()));
        let wanted = if told.is_empty() { "nas create" } else { "nas s7" };
        assert_eq!(asked(&mut s), [wanted]);
        assert_eq!(s.app.focused().unwrap().ahead, b"ls");
    }
    // it came again: what ran before is not what runs now
    let mut s = Bench::full(100, 30);
    come(&mut s);
    s.host("nas", HostEvent::Sessions(vec![running()]));
    s.host("nas", HostEvent::State(HostState::Lost { why: "no route".into(), retry: Default::default() }));
    come(&mut s);
    s.keys("C-b g 'web Enter");
    assert_eq!(asked(&mut s), [""; 0]);
    // and where it goes away again nothing waits for ever
    s.host("nas", HostEvent::State(HostState::Failed { why: "no".into(), hints: vec![], hard: false }));
    assert!(matches!(s.app.focused().unwrap().stage, crate::client::pane::Stage::Gone { .. }), "{}", s.screen());
}

#[test]
fn a_host_connected_without_its_agent_is_connected_with_it_again() {
    use super::super::tests::info;
    let mut s = bench();
    let nas = || HostId::new("nas");
    let without = HostState::Online { build: String::new(), hostname: "nas".into() };
    s.app.open_session(&nas(), &"r1".parse().unwrap(), &mut Vec::new());
    s.host("nas", HostEvent::State(without.clone()));
    let far = crate::proto::control::SessionInfo { target: "t-1".into(), kind: "ssh".into(), ..info("s9", 80, 24) };
    s.host("nas", HostEvent::Sessions(vec![far.clone()]));
    // what its agent runs is not said to be gone
    let session: SessionId = "r1".parse().unwrap();
    let fails = HostEvent::AttachFailed { session, why: "there is no session r1".into(), ended: true };
    s.host("nas", fails.clone());
    let screen = s.screen();
    assert!(screen.contains("it needs the agent") && !screen.contains("no session"), "{screen}");
    assert!(screen.contains("Enter: try again") && !screen.contains("start again"), "{screen}");
    // and this one lives on this machine
    s.app.open_session(&nas(), &"s9".parse().unwrap(), &mut Vec::new());
    s.host("nas", HostEvent::Attached { session: "s9".parse().unwrap(), info: Box::new(far), again: false });
    s.keys("C-b b");
    choose(&mut s, "nas");
    s.take();
    s.keys("a");
    assert!(s.screen().contains("nas is connected without an agent: its connections"), "{}", s.screen());
    s.keys("r");
    assert!(s.screen().contains("without an agent: update-agent connects with one"), "{}", s.screen());
    s.keys(".");
    assert!(!s.screen().contains("connect without an agent"), "{}", s.screen());
    s.keys("/ 'connect Space 'with Enter");
    let session: SessionId = "s9".parse().unwrap();
    let asked: Vec<(String, HostCommand)> = s
        .take()
        .into_iter()
        .filter_map(
            |e| if let Effect::Host(host, command) = e { Some((host.as_str().to_string(), command)) } else { None },
        )
        .collect();
    let at = |host: &str, wanted: fn(&HostCommand) -> bool| asked.iter().any(|(h, c)| h == host && wanted(c));
    assert!(at("nas", |c| *c == HostCommand::With), "{asked:?}");
    assert!(at("nas", |c| matches!(c, HostCommand::Detach { .. })), "{asked:?}");
    assert!(at("local", |c| matches!(c, HostCommand::Attach { .. })), "{asked:?}");
    assert!(s.app.pane_of(&HostId::local(), &session).is_some());
    // it is there: so is what waited for it
    s.host("nas", HostEvent::State(HostState::Online { build: "1".into(), hostname: "nas".into() }));
    let again = |e: &Effect| matches!(e, Effect::Host(h, HostCommand::Attach { session, .. }) if *h == nas() && session.as_str() == "r1");
    assert!(s.take().iter().any(again));
    // the command is another way there
    s.host("nas", HostEvent::State(without));
    let pane = s.app.pane_of(&nas(), &"r1".parse().unwrap()).unwrap();
    s.app.go_to_pane(pane);
    s.keys("C-b : 'update-agent Enter");
    assert!(s.take().contains(&Effect::Host(nas(), HostCommand::With)));
}

/// A session over plain SSH is its host's, whatever becomes of the way there, and in the next window, too.
#[test]
fn a_session_over_plain_ssh_stays_its_hosts() {
    use super::super::tests::{info, setup};
    let (nas, session): (_, SessionId) = (HostId::new("nas"), "s9".parse().unwrap());
    let without = || HostEvent::State(HostState::Online { build: String::new(), hostname: "nas".into() });
    let mut s = bench();
    s.app.open_session(&nas, &session, &mut Vec::new());
    s.host("nas", without());
    let far = crate::proto::control::SessionInfo { target: "t-1".into(), kind: "ssh".into(), ..info("s9", 80, 24) };
    s.host("nas", HostEvent::Attached { session: session.clone(), info: Box::new(far), again: false });
    s.app.with_agent(&nas, &mut Vec::new());
    assert!(s.app.pane_of(&HostId::local(), &session).is_some());
    let saved = s.app.saved();
    // a person thinks better of it
    s.take();
    s.host("nas", without());
    assert!(s.app.pane_of(&nas, &session).is_some());
    let asked = |s: &mut Bench, host: &str, wanted: fn(&HostCommand) -> bool| {
        let all = std::mem::take(&mut s.effects);
        all.iter().any(|e| matches!(e, Effect::Host(h, c) if h.as_str() == host && wanted(c)))
    };
    assert!(asked(&mut s, "nas", |c| matches!(c, HostCommand::Attach { .. })));
    for saved in [saved, s.app.saved()] {
        let mut s = Bench::new(super::super::Setup { saved: Some(saved), ..setup(100, 30) });
        s.host("nas", without());
        let fails =
            HostEvent::AttachFailed { session: session.clone(), why: "there is no session s9".into(), ended: true };
        s.host("nas", fails);
        let pane = s.app.pane_of(&nas, &session).unwrap();
        s.app.go_to_pane(pane);
        let screen = s.screen();
        assert!(screen.contains("no session s9") && !screen.contains("needs the agent"), "{screen}");
        s.take();
        s.keys("r");
        assert!(asked(&mut s, "nas", |c| matches!(c, HostCommand::Create { .. })), "{screen}");
    }
}

#[test]
fn one_that_was_opened_as_this_machines_is_not_taken_for_a_shell_of_it() {
    use super::super::tests::{info, setup};
    let session: SessionId = "s9".parse().unwrap();
    let mut s = bench();
    s.app.open_session(&HostId::local(), &session, &mut Vec::new());
    let far = crate::proto::control::SessionInfo { target: "t-1".into(), kind: "ssh".into(), ..info("s9", 80, 24) };
    s.host("local", HostEvent::Attached { session: session.clone(), info: Box::new(far), again: false });
    let mut s = Bench::new(super::super::Setup { saved: Some(s.app.saved()), ..setup(100, 30) });
    s.host("local", HostEvent::State(HostState::Online { build: "1".into(), hostname: "box".into() }));
    s.host("local", HostEvent::AttachFailed { session: session.clone(), why: "no session s9".into(), ended: true });
    let Some(pane) = s.app.pane_of(&HostId::local(), &session) else { return };
    s.app.go_to_pane(pane);
    assert!(!s.has("start again"), "{}", s.screen());
    s.take();
    s.app.revive(pane, &mut Vec::new());
    assert!(s.has("over plain SSH: open that host"), "{}", s.screen());
}

#[test]
fn a_targets_pane_is_split_into_two_of_it() {
    let mut s = super::super::tests::two_hosts_at(100, 24);
    let host = HostId::new("build-server");
    s.host("build-server", HostEvent::Connections(Some(Arc::new(book()))));
    let pane = s.app.tabs.list[0].focus;
    s.app.go_to_pane(pane);
    s.take();
    let asked = |s: &mut Bench| -> Vec<String> {
        s.keys("C-b %");
        let all = s.take().into_iter();
        all.filter_map(|e| match e {
            Effect::Host(h, HostCommand::Create { create, .. }) if h == host => Some(create.connection),
            _ => None,
        })
        .flatten()
        .collect()
    };
    assert!(asked(&mut s).is_empty());
    s.app.go_to_pane(pane);
    let info = s.app.panes.get_mut(&pane).unwrap().info.as_mut().unwrap();
    (info.target, info.connection_id) = ("t1".into(), "c-db".into());
    assert_eq!(asked(&mut s), ["c-db"]);
}

#[test]
fn the_heading_of_a_target_names_it_as_its_tab_does() {
    let mut s = super::super::tests::two_hosts_at(100, 24);
    let pane = s.app.tabs.list[0].focus;
    let heading = |s: &Bench| s.screen().lines().nth(1).unwrap_or_default().to_string();
    assert!(heading(&s).contains(" build-server · bash "), "{}", s.screen());
    let info = s.app.panes.get_mut(&pane).unwrap().info.as_mut().unwrap();
    (info.target, info.connection) = ("t1".into(), "sensor".into());
    assert!(heading(&s).contains(" sensor via build-server · bash "), "{}", s.screen());
}

#[test]
fn the_form_can_be_read_in_a_small_place() {
    let mut s = Bench::full(40, 12);
    s.host("local", HostEvent::Connections(Some(Arc::new(book()))));
    s.app.layers.push(Layer::Form(Box::new(crate::client::layer::form::Form::new(HostId::local(), None, &[]))));
    let words =
        |s: &Bench| -> String { s.screen().lines().map(|l| l.trim_matches(['│', ' ']).to_string() + " ").collect() };
    assert!(s.has("more ▾") && !s.has("▴") && words(&s).contains("Esc leave"), "{}", s.screen());
    s.keys("'x Enter Right");
    for _ in 0..6 {
        s.keys("Down");
    }
    assert!(s.has("▴") && s.has("more ▾"), "{}", s.screen());
    assert!(s.has("Lend ssh-agent"), "{}", s.screen());
    for _ in 0..20 {
        s.keys("Down");
    }
    assert!(s.has("▴") && !s.has("▾"), "{}", s.screen());
    // what is wrong is read to its end
    s.keys("Up Up Up 'x Space 'y");
    let Some(Layer::Form(form)) = s.app.layers.last() else { panic!() };
    let why = form.complaint().unwrap().why.clone();
    assert!(why.len() > 40 && words(&s).contains(&why), "{why} {}", s.screen());
    s.keys("Escape");
    assert!(words(&s).contains("not saved: Esc once more throws it away, C-s saves it"), "{}", s.screen());
}

/// A session over plain SSH is one of this machine's: its host need not be there for it.
#[test]
fn a_session_over_plain_ssh_is_shown_and_ended_while_its_host_is_away() {
    use super::super::tests::info;
    let (nas, session): (_, SessionId) = (HostId::new("nas"), "s9".parse().unwrap());
    let away = || {
        let mut s = bench();
        let far = crate::proto::control::SessionInfo { target: "t-1".into(), kind: "ssh".into(), ..info("s9", 80, 24) };
        s.host("local", HostEvent::Sessions(vec![far.clone()]));
        s.app.open_session(&nas, &session, &mut Vec::new());
        s.host("nas", HostEvent::State(HostState::Online { build: String::new(), hostname: "nas".into() }));
        s.host("nas", HostEvent::Sessions(vec![far.clone()]));
        s.host("nas", HostEvent::Attached { session: session.clone(), info: Box::new(far), again: false });
        let lost = || HostState::Lost { why: "gone".into(), retry: std::time::Duration::from_secs(9) };
        s.host("nas", HostEvent::State(lost()));
        s
    };
    let asked = |out: Vec<Effect>| -> Vec<(String, HostCommand)> {
        let of =
            |e| if let Effect::Host(host, command) = e { Some((host.as_str().to_string(), command)) } else { None };
        out.into_iter().filter_map(of).collect()
    };
    let fails = || HostState::Failed { why: "no route".into(), hints: Vec::new(), hard: false };
    for gone in [false, true] {
        let mut s = away();
        if gone {
            // nothing was there yet when it failed
            s.app.panes.values_mut().find(|p| p.host == nas).unwrap().stage = crate::client::pane::Stage::Starting;
            s.host("nas", HostEvent::State(fails()));
        }
        let mut out = Vec::new();
        s.app.end_session(&HostId::local(), session.clone(), &mut out);
        let asked = asked(out);
        assert!(asked.contains(&("local".into(), HostCommand::Close { session: session.clone() })), "{asked:?}");
        assert!(!asked.iter().any(|(_, c)| *c == HostCommand::Connect), "{asked:?}");
        assert!(s.app.pane_with(&HostId::local(), &session).is_none());
    }
    let mut s = away();
    s.app.panes.values_mut().find(|p| p.host == nas).unwrap().stage = crate::client::pane::Stage::Starting;
    s.host("nas", HostEvent::State(fails()));
    let (mut out, panes) = (Vec::new(), s.app.panes.len());
    s.app.open_session(&HostId::local(), &session, &mut out);
    let asked = asked(out);
    assert!(asked.iter().any(|(h, c)| h == "local" && matches!(c, HostCommand::Attach { .. })), "{asked:?}");
    assert!(!asked.iter().any(|(_, c)| *c == HostCommand::Connect), "{asked:?}");
    assert_eq!((s.app.panes.len(), s.app.pane_of(&HostId::local(), &session)), (panes, s.app.tabs.focused()));
}

/// Every plain shell comes from the connection "Default Shell", which nobody opened.
#[test]
fn a_plain_shell_is_not_kept_as_a_connection() {
    use super::super::tests::{info, setup};
    let mut s = two_hosts();
    let shell = crate::proto::control::SessionInfo {
        connection_id: DEFAULT_SHELL.into(),
        connection: "Default Shell".into(),
        title: "me@box: ~".into(),
        ..info("r7", 80, 24)
    };
    s.app.open_session(&HostId::new("nas"), &"r7".parse().unwrap(), &mut Vec::new());
    s.host("nas", HostEvent::Attached { session: "r7".parse().unwrap(), info: Box::new(shell), again: false });
    let saved = s.app.saved();
    let s = Bench::new(super::super::Setup { saved: Some(saved), ..setup(100, 30) });
    let tabs = s.screen().lines().next().unwrap().to_string();
    assert!(tabs.contains(" 2 nas ") && !s.has("Default Shell"), "{}", s.screen());
}

#[test]
fn what_a_connection_showed_keeps_its_pane_where_nothing_else_is_left() {
    use super::super::tests::setup;
    use crate::store::layout as disk;
    let kept = |session: &str| {
        let pane = disk::Pane {
            host: "nas".into(),
            session: session.into(),
            title: "backup".into(),
            connection: "c-n".into(),
            ..disk::Pane::default()
        };
        let tab = disk::Tab { name: String::new(), root: disk::Node::Pane(pane), focus: 0, zoomed: false };
        Some(disk::Layout { tabs: vec![tab], ..disk::Layout::default() })
    };
    let online = || HostEvent::State(HostState::Online { build: "1".into(), hostname: "box".into() });
    for (session, open_host) in [("a", None), ("a", Some("nas")), ("", None)] {
        let open_host = open_host.map(HostId::new);
        let mut s = Bench::new(super::super::Setup { saved: kept(session), open_host, ..setup(100, 30) });
        s.host("local", online());
        s.host("nas", online());
        if let Ok(session) = session.parse() {
            s.take();
            s.host("nas", HostEvent::AttachFailed { session, why: "it ended".into(), ended: true });
        }
        s.answer();
        let tabs = s.screen().lines().next().unwrap().to_string();
        assert!(tabs.contains(" 1 backup") && tabs.contains(" 2 "), "{session}: {}", s.screen());
        assert!(s.app.focused().is_some_and(Pane::is_live), "{}", s.screen());
    }
}

#[test]
fn what_is_not_opened_yet_is_named_by_its_target() {
    let mut s = super::super::tests::two_hosts_at(100, 24);
    let host = HostId::new("build-server");
    s.host("build-server", HostEvent::Connections(Some(Arc::new(book()))));
    s.app.open_connection(&host, "c-db", &mut Vec::new());
    let line = |s: &Bench, n: usize| s.screen().lines().nth(n).unwrap().to_string();
    let last = |s: &Bench| s.screen().lines().last().unwrap().to_string();
    assert!(last(&s).contains("db via build-server") && !last(&s).contains("CPU"), "{}", s.screen());
    assert!(line(&s, 0).contains(" db via build-server "), "{}", s.screen());
    s.app.settle(&mut Vec::new());
    assert_eq!(s.app.title, "db via build-server");
    // a shell of the host is the host's
    s.app.open_connection(&host, crate::proto::control::connections::DEFAULT_SHELL, &mut Vec::new());
    s.app.settle(&mut Vec::new());
    assert!(last(&s).starts_with(" build-server") && !last(&s).contains(" via "), "{}", s.screen());
}
