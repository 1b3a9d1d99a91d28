//! The book's changes, the shapes of its file, and several writers at once.

use super::*;
use serde_json::json;

fn folder(id: &str, parent: Option<&str>) -> Folder {
    Folder { id: id.into(), name: id.into(), parent_id: parent.map(str::to_string), ..Folder::default() }
}
fn connection(name: &str, folder: Option<&str>) -> Connection {
    Connection {
        name: name.into(),
        folder_id: folder.map(str::to_string),
        config: Config::local(&Local::default()),
        ..Connection::default()
    }
}
fn scratch() -> (tempfile::TempDir, SafeDir) {
    let top = tempfile::tempdir().unwrap();
    let dir = SafeDir::open_or_create(&top.path().join("state")).unwrap();
    (top, dir)
}
fn names(book: &Book) -> Vec<&str> {
    book.connections.iter().map(|c| c.name.as_str()).collect()
}

#[test]
fn a_fresh_machine_has_its_shell_until_it_is_taken_away() {
    let (_top, dir) = scratch();
    assert_eq!(names(&load(&dir).unwrap().0), ["Default Shell"]);
    change(&dir, |book| book.delete(&[DEFAULT_SHELL.into()])).0.unwrap();
    assert_eq!(load(&dir).unwrap().0, Book::empty());
}

#[test]
fn the_seeds_file_is_read_and_kept() {
    let (_top, dir) = scratch();
    let seed = json!({
        "version": "1",
        "folders": [{ "id": "folder-1", "name": "Serial Devices", "parentId": null, "isExpanded": false }],
        "connections": [
            { "id": "conn-1", "name": "Default Shell", "folderId": null,
              "config": { "type": "local", "config": { "shell": "/bin/bash" } } },
            { "id": "conn-2", "name": "/dev/ttyUSB0", "folderId": "folder-1",
              "config": { "type": "serial", "config": { "port": "/dev/ttyUSB0", "baud_rate": 115200 } } },
        ],
    });
    dir.write_atomic(FILE, seed.to_string().as_bytes()).unwrap();
    let (book, told) = load(&dir).unwrap();
    assert_eq!((told, book.folders.len(), names(&book)), (None, 1, vec!["Default Shell", "/dev/ttyUSB0"]));
    // a change that changes nothing writes the very same words
    let seen = FoldersUpdate { id: "folder-1".into(), is_expanded: Some(false), ..FoldersUpdate::default() };
    change(&dir, |book| book.update_folder(seen)).0.unwrap();
    let kept: Value = serde_json::from_slice(&dir.read(FILE, 1 << 20).unwrap()).unwrap();
    assert_eq!(kept, seed);
}

#[test]
fn older_and_foreign_shapes_are_read() {
    let (_top, dir) = scratch();
    let read = |text: Value| {
        dir.write_atomic(FILE, text.to_string().as_bytes()).unwrap();
        load(&dir).unwrap()
    };
    let local = json!({ "type": "local", "config": {} });
    let flat = json!({ "id": "a", "name": "A", "config": local });
    for version in [json!({ "connections": [flat] }), json!({ "version": 1, "connections": [flat], "folders": [] })] {
        assert_eq!(names(&read(version).0), ["A"]);
    }
    let nested = json!({ "version": "2", "agents": [{"id": "x"}], "children": [
        { "type": "folder", "name": "F", "isExpanded": true, "children": [
            { "type": "folder", "name": "G", "children": [{ "type": "connection", "name": "A", "config": local }] } ] },
        { "type": "connection", "name": "B", "config": local, "terminalOptions": { "color": "#ff0000" } } ] });
    let (book, told) = read(nested);
    assert_eq!((told, names(&book)), (None, vec!["A", "B"]));
    let inner = book.folder(book.connections[0].folder_id.as_deref().unwrap()).unwrap();
    assert_eq!((inner.name.as_str(), inner.parent_id.as_deref()), ("G", Some(book.folders[0].id.as_str())));
    assert_eq!(book.connections[1].terminal_options.color.as_deref(), Some("#ff0000"));
    assert!(book.more.contains_key("agents"), "kept for who knows it");
    // newer ones stay as they are
    for newer in [json!({"version": "2", "connections": []}), json!({"version": 7, "children": []})] {
        let (book, told) = read(newer.clone());
        assert!(told.unwrap().contains("newer"), "{newer}");
        assert_eq!(book, Book::empty());
        assert!(peek(&dir).unwrap_err().what.contains("newer"), "{newer}");
        assert_eq!(change(&dir, |b| b.create(connection("x", None))).0.unwrap_err().code, Fault::REFUSED);
        assert_eq!(serde_json::from_slice::<Value>(&dir.read(FILE, 1000).unwrap()).unwrap(), newer);
    }
}

#[test]
fn what_is_wrong_in_a_file_is_put_right() {
    let book: Book = serde_json::from_value(json!({
        "folders": [folder("a", Some("b")), folder("b", Some("a")), folder("c", Some("nowhere")), folder("../x", None),
                    folder("a", None), folder("d", Some("../x"))],
        "connections": [
            { "id": "a", "name": "same id as a folder", "config": { "type": "ssh", "config": { "host": "h", "password": "hunter2" } } },
            { "id": "BIG", "name": "no id", "folderId": "../x" }, { "id": "k", "name": "k", "folderId": "gone" } ],
    }))
    .unwrap();
    let book = book.sound();
    let all: HashSet<&String> =
        book.folders.iter().map(|f| &f.id).chain(book.connections.iter().map(|c| &c.id)).collect();
    assert_eq!(all.len(), 9, "{book:?}");
    assert!(all.iter().all(|id| usable(id)));
    assert!(!serde_json::to_string(&book).unwrap().contains("hunter2"));
    for f in &book.folders {
        assert!(book.depth(&f.id) <= DEEPEST, "{f:?}");
    }
    let x = &book.folders[3].id;
    assert_eq!(book.connections[1].folder_id.as_ref(), Some(x), "what was in it is in it still");
    assert_eq!(book.folders[5].parent_id.as_ref(), Some(x));
    assert_eq!(book.connections[2].folder_id, None);
    assert_eq!(book.clone().sound(), book);
    // as deep as it may be and one more
    let deep = (0..DEEPEST + 5).map(|n| folder(&format!("f{n}"), (n > 0).then(|| format!("f{}", n - 1)).as_deref()));
    let book = Book { folders: deep.collect(), ..Book::empty() }.sound();
    assert!(book.folders.iter().all(|f| book.depth(&f.id) <= DEEPEST));
}

#[test]
fn ids_that_are_none_are_the_same_each_time() {
    let (_top, dir) = scratch();
    let local = json!({ "type": "local", "config": {} });
    let text = json!({ "version": "1", "folders": [{ "name": "Lab" }, { "id": "My Lab", "name": "Lab" }], "connections": [
        { "name": "a", "config": local }, { "name": "a", "config": local }, { "id": "My_Server", "name": "b", "config": local } ] });
    dir.write_atomic(FILE, text.to_string().as_bytes()).unwrap();
    let first = load(&dir).unwrap().0;
    assert_eq!(first, load(&dir).unwrap().0);
    assert_eq!(first.connections.iter().map(|c| &c.id).collect::<HashSet<_>>().len(), 3);
    // what was seen can be changed
    let id = first.connections[2].id.clone();
    change(&dir, |book| book.delete(std::slice::from_ref(&id))).0.unwrap();
    assert_eq!(names(&load(&dir).unwrap().0), ["a", "a"]);
}

#[test]
fn no_secret_stays_on_the_disk() {
    let (top, dir) = scratch();
    let text = json!({ "version": "1", "folders": [], "connections": [
        { "id": "c", "name": "c", "savePassword": true, "Sudo-Password": "hunter2", "terminalOptions": { "x": { "clientSecret": "hunter2" } },
          "config": { "type": "ssh", "config": { "host": "h", "Password": "hunter2", "key_passphrase": "hunter2", "jumps": [{ "password": "hunter2" }],
                      "password": "${env:PW}", "env": { "DB_PASSWORD": "own" } } } } ] });
    dir.write_atomic(FILE, text.to_string().as_bytes()).unwrap();
    let (book, told) = load(&dir).unwrap();
    assert!(told.as_deref().is_some_and(|t| t.starts_with("5 secrets")), "{told:?}");
    let config = &book.connections[0].config.config;
    assert_eq!((config["password"].as_str(), config["env"]["DB_PASSWORD"].as_str()), (Some("${env:PW}"), Some("own")));
    assert_eq!(book.connections[0].more["savePassword"], true);
    assert_eq!(load(&dir).unwrap(), (book, None), "it is said once");
    for entry in std::fs::read_dir(top.path().join("state")).unwrap() {
        let path = entry.unwrap().path();
        assert!(!std::fs::read_to_string(&path).unwrap().contains("hunter2"), "{path:?}");
    }
}

#[test]
fn fields_have_one_name() {
    let (_top, dir) = scratch();
    let text = json!({ "version": "1", "folders": [], "connections": [
        { "id": "c", "name": "c", "config": { "type": "ssh", "config": { "host": "h", "key_path": "~/old", "jump": "j", "cwd": "/srv" } } } ] });
    dir.write_atomic(FILE, text.to_string().as_bytes()).unwrap();
    let patch = json!({ "config": { "config": { "keyPath": "~/new", "jump": "k" } } });
    change(&dir, |book| book.update("c", patch.as_object().cloned().unwrap())).0.unwrap();
    let Ok(Kind::Ssh(ssh)) = load(&dir).unwrap().0.connections[0].config.kind() else { panic!() };
    assert_eq!((ssh.key_path.as_deref(), ssh.starting_directory.as_deref()), (Some("~/new"), Some("/srv")));
    assert_eq!(ssh.proxy_jump.as_deref(), Some("j"), "the field's own name goes before an alias");
}

#[test]
fn who_only_looks_leaves_a_broken_file() {
    let (_top, dir) = scratch();
    dir.write_atomic(FILE, b"{ no").unwrap();
    assert_eq!(names(&peek(&dir).unwrap()), ["Default Shell"]);
    assert_eq!(dir.read(FILE, 100).unwrap(), b"{ no");
    let (_, told) = load(&dir).unwrap();
    assert!(told.is_some_and(|t| t.contains("kept as")));
    // who changes something is told as well, also where the change is refused
    for id in [DEFAULT_SHELL, "gone"] {
        dir.write_atomic(FILE, b"{ no").unwrap();
        let (result, told) = change(&dir, |book| book.delete(&[id.into()]));
        assert_eq!((result.is_ok(), told.is_some_and(|t| t.contains("kept as"))), (id != "gone", true));
    }
}

#[test]
fn changes() {
    let mut book = Book::empty();
    let f = book.create_folder(folder("", None).named("F")).unwrap();
    let g = book.create_folder(Folder { parent_id: Some(f.clone()), ..folder("", None).named("G") }).unwrap();
    let [a, b, c] = ["A", "B", "C"].map(|n| book.create(connection(n, Some(&g))).unwrap());
    assert_eq!(book.create(connection("X", Some("nowhere"))).unwrap_err().code, Fault::UNKNOWN);
    assert_eq!(book.create(connection(" ", None)).unwrap_err().code, Fault::BAD_PARAMS);
    // order within a folder
    book.put(&[c.clone(), a.clone()], Some(&f), None).unwrap();
    book.put(std::slice::from_ref(&b), Some(&f), Some(&a)).unwrap();
    assert_eq!(names(&book), ["C", "B", "A"]);
    // a folder with all that is in it, not into itself
    assert!(book.put(std::slice::from_ref(&f), Some(&g), None).is_err());
    assert!(book.put(&["gone".into()], None, None).is_err());
    book.put(std::slice::from_ref(&g), None, Some(&f)).unwrap();
    assert_eq!(book.folders.iter().map(|x| x.name.as_str()).collect::<Vec<_>>(), ["G", "F"]);
    // a folder goes where its update says; one that says nothing leaves it
    let update = |book: &mut Book, v: Value| book.update_folder(serde_json::from_value(v).unwrap());
    let place =
        |book: &Book, id: &str| (book.folder(id).unwrap().name.clone(), book.folder(id).unwrap().parent_id.clone());
    update(&mut book, json!({ "id": g, "parentId": f, "name": "Inner" })).unwrap();
    assert_eq!(place(&book, &g), ("Inner".into(), Some(f.clone())));
    update(&mut book, json!({ "id": g, "name": "G" })).unwrap();
    assert_eq!(place(&book, &g), ("G".into(), Some(f.clone())));
    let before = book.clone();
    for wrong in [json!({ "id": f, "parentId": g, "name": "x" }), json!({ "id": f, "parentId": "gone", "name": "x" })] {
        update(&mut book, wrong).unwrap_err();
    }
    update(&mut book, json!({ "id": a, "parentId": f })).unwrap_err();
    assert_eq!(book, before, "all of it or nothing");
    // (the place it has is no reason to put it behind the others)
    update(&mut book, json!({ "id": g, "parentId": null })).unwrap();
    book.put(std::slice::from_ref(&g), None, Some(&f)).unwrap();
    update(&mut book, json!({ "id": g, "parentId": null })).unwrap();
    assert_eq!(book.folders.iter().map(|x| x.name.as_str()).collect::<Vec<_>>(), ["G", "F"]);
    // a patch leaves what it does not name
    let patch = |v: Value| v.as_object().unwrap().clone();
    book.update(&a, patch(json!({ "tags": ["x"], "config": { "config": { "shell": "/bin/sh" } } }))).unwrap();
    book.update(&a, patch(json!({ "id": "other", "name": "A2", "config": { "config": { "env": { "K": "v" } } } })))
        .unwrap();
    book.update(&a, patch(json!({ "tags": null }))).unwrap();
    let Kind::Local(local) = book.connection(&a).unwrap().config.kind().unwrap() else { panic!() };
    assert_eq!((local.shell.as_deref(), local.env.len()), (Some("/bin/sh"), 1));
    assert_eq!(book.connection(&a).unwrap().name, "A2");
    let before = book.clone();
    assert!(book.update(&a, patch(json!({ "name": "" }))).is_err());
    assert!(book.update(&a, patch(json!({ "name": 7 }))).is_err());
    assert!(book.delete(&[a.clone(), "gone".into()]).is_err());
    assert_eq!(book, before);
    // a folder's content goes to its parent, or with it
    book.put(&[a.clone(), b.clone(), c.clone(), f.clone()], Some(&g), None).unwrap();
    book.put(std::slice::from_ref(&a), Some(&f), None).unwrap();
    let mut whole = book.clone();
    book.delete_folder(&f, false).unwrap();
    assert_eq!(book.connection(&a).unwrap().folder_id.as_ref(), Some(&g));
    whole.delete_folder(&g, true).unwrap();
    assert_eq!(whole, Book::empty());
}

#[test]
fn a_folder_holds_each_name_once() {
    let mut book = Book::empty();
    let [f, g] = ["F", "G"].map(|n| book.create_folder(folder("", None).named(n)).unwrap());
    let a = book.create(connection("web", Some(&f))).unwrap();
    let b = book.create(connection("db", Some(&f))).unwrap();
    let c = book.create(connection("web", Some(&g))).unwrap();
    let patch = |v: Value| v.as_object().unwrap().clone();
    let before = book.clone();
    let taken = |result: Result<(), Fault>| {
        let fault = result.unwrap_err();
        assert_eq!(fault.code, Fault::NAME_TAKEN);
        assert!(fault.message.contains("'web'") && fault.message.contains("another name"), "{fault}");
    };
    taken(book.create(connection("web", Some(&f))).map(drop));
    taken(book.update(&b, patch(json!({ "name": "web" }))));
    taken(book.update(&c, patch(json!({ "folderId": f }))));
    taken(book.put(&[b.clone(), c.clone()], Some(&f), None));
    // two from two folders that have one name
    taken(book.put(&[a.clone(), c.clone()], None, None));
    assert_eq!(book, before, "nothing was changed");
    // a folder goes, whatever the names are of what it held
    let inner = book.create_folder(Folder { parent_id: Some(f.clone()), ..folder("", None).named("inner") }).unwrap();
    book.put(std::slice::from_ref(&c), Some(&inner), None).unwrap();
    book.delete_folder(&inner, false).unwrap();
    assert_eq!(names(&book), ["web", "db", "web (2)"]);
    book.update(&c, patch(json!({ "folderId": g, "name": "web" }))).unwrap();
    // its own name and place are nobody's else
    book.update(&a, patch(json!({ "name": "web", "folderId": f, "tags": ["x"] }))).unwrap();
    book.put(&[b, a], Some(&f), None).unwrap();
    // an import loses none of them
    let many = ["web", "web", "new", "new"].map(|n| connection(n, Some(&f))).to_vec();
    assert_eq!(book.add(vec![], many).unwrap().connections.len(), 4);
    assert_eq!(names(&book), ["web", "db", "web", "web (2)", "web (3)", "new", "new (2)"]);
}

#[test]
fn names_that_were_there_twice_are_in_nobodys_way() {
    let twice = ["a", "b"].map(|id| json!({ "id": id, "name": "web", "folderId": "f", "config": { "type": "local" } }));
    let all = json!({ "folders": [folder("f", None), folder("g", None)], "connections": twice });
    let mut book = serde_json::from_value::<Book>(all).unwrap().sound();
    let patch = |v: Value| v.as_object().unwrap().clone();
    assert_eq!(names(&book), ["web", "web"]);
    book.update("a", patch(json!({ "tags": ["x"] }))).unwrap();
    let both = ["b".to_string(), "a".to_string()];
    book.put(&both, Some("g"), None).unwrap();
    assert_eq!(book.connections.iter().map(|c| c.folder_id.as_deref()).collect::<Vec<_>>(), [Some("g"); 2]);
    book.delete_folder("g", false).unwrap();
    book.update("a", patch(json!({ "name": "db" }))).unwrap();
    assert_eq!(book.update("b", patch(json!({ "name": "db" }))).unwrap_err().code, Fault::NAME_TAKEN);
}

#[test]
fn a_flaw_that_was_there_before_is_in_nobodys_way() {
    let config = json!({ "type": "ssh", "config": { "host": "a b" } });
    let older =
        json!({ "id": "a", "name": "old", "tags": ["x,y"], "terminalOptions": { "term": " " }, "config": config });
    let mut book: Book = serde_json::from_value(json!({ "connections": [older] })).unwrap();
    let f = book.create_folder(folder("f", None)).unwrap();
    let patch = |v: Value| v.as_object().unwrap().clone();
    book.update("a", patch(json!({ "name": "new", "folderId": f }))).unwrap();
    let moved = book.connection("a").unwrap();
    assert_eq!((moved.name.as_str(), moved.folder_id.as_ref()), ("new", Some(&f)));
    // what is changed has to be right, whatever else is not
    for wrong in [
        json!({ "name": "" }),
        json!({ "tags": ["y,z"] }),
        json!({ "terminalOptions": { "color": "reddish" } }),
        json!({ "config": { "config": { "host": "c d" } } }),
        json!({ "config": { "config": { "keyPath": "id" } } }),
    ] {
        assert_eq!(book.update("a", patch(wrong.clone())).unwrap_err().code, Fault::BAD_PARAMS, "{wrong}");
    }
    // one after the other they are put right
    book.update("a", patch(json!({ "tags": ["x"] }))).unwrap();
    book.update("a", patch(json!({ "config": { "config": { "host": "a" } }, "terminalOptions": null }))).unwrap();
    assert_eq!(check(book.connection("a").unwrap()), []);
}

#[test]
fn a_book_of_too_many_is_left_as_it_is() {
    let (_top, dir) = scratch();
    let one = json!({ "name": "n", "config": { "type": "local", "config": {} } });
    for list in ["folders", "connections"] {
        let text = |many: usize| json!({ "version": "1", list: vec![&one; many] }).to_string();
        let too_many = text(MOST + 1);
        dir.write_atomic(FILE, too_many.as_bytes()).unwrap();
        let told = load(&dir).unwrap().1.unwrap();
        assert!(told.contains("more than 20000"), "{told}");
        let aside = dir.list().unwrap().into_iter().rfind(|n| n.contains(".corrupt-")).unwrap();
        assert_eq!(dir.read(&aside, 16 << 20).unwrap(), too_many.as_bytes(), "{told}");
        // nor are they made one by one of the nested shape
        let one = json!({ "type": &list[..list.len() - 1], "name": "n" });
        let why = flattened(json!({ "children": vec![one; MOST + 2] })).unwrap_err();
        assert!(why.contains("more than 20000"), "{why}");
        // as many as are kept, all of one name and without an id: nobody waits for that
        dir.write_atomic(FILE, text(MOST).as_bytes()).unwrap();
        let (book, told) = load(&dir).unwrap();
        assert_eq!((book.folders.len().max(book.connections.len()), told), (MOST, None));
    }
}

trait Named {
    fn named(self, name: &str) -> Self;
}
impl Named for Folder {
    fn named(self, name: &str) -> Folder {
        Folder { name: name.into(), ..self }
    }
}

#[test]
fn an_import_brings_all_or_nothing() {
    let mut book = Book::default();
    // the child before its parent; ids that are taken already
    let folders = vec![folder("b", Some("a")), folder("a", None)];
    let added = book.add(folders, vec![connection("one", Some("b")), connection("two", None)]).unwrap();
    assert_eq!(book.folder(&added.folders[0]).unwrap().parent_id.as_ref(), Some(&added.folders[1]));
    assert_eq!(book.connection(&added.connections[0]).unwrap().folder_id.as_ref(), Some(&added.folders[0]));
    assert_eq!(names(&book), ["Default Shell", "one", "two"]);
    for (folders, connections) in [
        (vec![folder("a", Some("b")), folder("b", Some("a"))], vec![]),
        (vec![folder("a", None), folder("a", None)], vec![]),
        (vec![], vec![connection("fine", None), connection("", None)]),
    ] {
        assert!(book.clone().add(folders, connections).is_err());
    }
}

#[test]
fn two_writers_lose_nothing_of_each_others() {
    let (_top, dir) = scratch();
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let dir = &dir;
            scope.spawn(move || {
                for i in 0..100 {
                    change(dir, |book| book.create(connection(&format!("{writer}.{i}"), None))).0.unwrap();
                }
            });
        }
    });
    let (book, told) = load(&dir).unwrap();
    assert_eq!((book.connections.len(), told), (201, None));
    for writer in 0..2 {
        let own: Vec<usize> =
            names(&book).iter().filter_map(|n| n.strip_prefix(&format!("{writer}."))?.parse().ok()).collect();
        assert_eq!(own, (0..100).collect::<Vec<_>>(), "in their order");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_told_from_one_that_may_not() {
    let (_top, dir) = scratch();
    // a directory in the lock's place: as any trouble of the disk
    dir.sub(&format!("{FILE}.lock")).unwrap();
    let fault = change(&dir, |book| book.delete(&[DEFAULT_SHELL.into()])).0.unwrap_err();
    assert_eq!(fault.code, Fault::INTERNAL, "{fault}");
    dir.remove_dir(&format!("{FILE}.lock")).unwrap();
    dir.write_atomic(FILE, b"{\"version\": 99}").unwrap();
    let fault = change(&dir, |book| book.delete(&[DEFAULT_SHELL.into()])).0.unwrap_err();
    assert_eq!(fault.code, Fault::REFUSED, "{fault}");
}

#[test]
fn a_refused_change_saves_nothing() {
    let (_top, dir) = scratch();
    let fault = change(&dir, |book| book.delete(&["gone".into()])).0.unwrap_err();
    assert_eq!(fault.code, Fault::UNKNOWN);
    assert_eq!(dir.stat(FILE).unwrap(), None);
}
