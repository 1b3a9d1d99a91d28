//! A file there and back, damaged in every way, and several writers at once.

use super::*;
use serde::Deserialize;

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Note {
    version: u64,
    text: String,
}
impl Stored for Note {
    const VERSION: u64 = 2;
    fn migrate(mut value: Value, _: u64) -> Result<Value, String> {
        // version 1 called it `line`
        let line = value.get("line").cloned().ok_or("no line")?;
        value["text"] = line;
        value["version"] = 2.into();
        Ok(value)
    }
}
fn note(text: &str) -> Note {
    Note { version: 2, text: text.into() }
}

fn scratch() -> (tempfile::TempDir, SafeDir) {
    let top = tempfile::tempdir().unwrap();
    let dir = SafeDir::open_or_create(&top.path().join("state")).unwrap();
    (top, dir)
}
fn names(dir: &SafeDir) -> Vec<String> {
    dir.list().unwrap().into_iter().filter(|n| !n.ends_with(".lock")).collect()
}

#[test]
fn there_and_back() {
    let (_top, dir) = scratch();
    let store = Store::new(&dir, "n.json");
    assert!(matches!(store.load::<Note>().unwrap(), Loaded::Missing));
    store.save(&note("one")).unwrap();
    store.save(&note("two")).unwrap();
    assert_eq!(store.load::<Note>().unwrap().usable().0, Some(note("two")));
    assert_eq!(names(&dir), ["n.json", "n.json.bak"]);
    assert!(String::from_utf8(dir.read("n.json.bak", 1000).unwrap()).unwrap().contains("one"));
    // the same once more leaves the copy before it in place
    store.save(&note("two")).unwrap();
    assert!(String::from_utf8(dir.read("n.json.bak", 1000).unwrap()).unwrap().contains("one"));
}

#[test]
fn every_truncation_is_survived_and_kept() {
    let (_top, dir) = scratch();
    let store = Store::new(&dir, "n.json");
    store.save(&note("one")).unwrap();
    store.save(&note("two")).unwrap();
    let whole = dir.read("n.json", 1000).unwrap();
    // without its last newline it is still whole
    for len in 0..whole.len() - 1 {
        dir.write_atomic("n.json", &whole[..len]).unwrap();
        let Loaded::Damaged { aside, backup, told } = store.load::<Note>().unwrap() else { panic!("{len}") };
        assert_eq!(dir.read(&aside, 1000).unwrap(), whole[..len]);
        assert_eq!(backup, Some(note("one")));
        assert!(told.to_string().contains(&aside), "{told}");
        assert_eq!(dir.stat("n.json").unwrap(), None);
    }
    // nothing of it in place, so the copy is what there is
    assert_eq!(store.load::<Note>().unwrap().usable().0, Some(note("one")));
}

#[test]
fn what_is_unreadable_is_never_replaced() {
    let (_top, dir) = scratch();
    let store = Store::new(&dir, "n.json");
    dir.write_atomic("n.json", b"precious").unwrap();
    store.save(&note("new")).unwrap();
    let kept = names(&dir).into_iter().find(|n| n.contains(".corrupt-")).unwrap();
    assert_eq!(dir.read(&kept, 100).unwrap(), b"precious");
    for junk in [&b"\xff\xfe\0"[..], b"[]", b"{}", b"{\"version\":\"x\"}", b"{\"version\":2}", &[b'['; 100_000]] {
        dir.write_atomic("n.json", junk).unwrap();
        assert!(matches!(store.load::<Note>().unwrap(), Loaded::Damaged { .. }));
    }
}

#[test]
fn what_is_newer_is_left_alone() {
    let (_top, dir) = scratch();
    let store = Store::new(&dir, "n.json");
    let newer = b"{\"version\": 3, \"text\": {}}";
    dir.write_atomic("n.json", newer).unwrap();
    assert!(matches!(store.load::<Note>().unwrap(), Loaded::Newer { version: 3, .. }));
    assert!(store.save(&note("old")).unwrap_err().what.contains("newer thub"));
    assert!(store.update(|_: Option<Note>, _| Ok((note("old"), ()))).is_err());
    assert_eq!(dir.read("n.json", 100).unwrap(), newer);
    assert_eq!(names(&dir), ["n.json"]);
}

#[test]
fn what_is_somebody_elses_is_left() {
    let (top, dir) = scratch();
    let store = Store::new(&dir, "notes.json");
    let other = top.path().join("other");
    std::fs::write(&other, "theirs").unwrap();
    std::os::unix::fs::symlink(&other, dir.path().join("notes.json")).unwrap();
    let note = Note { version: 2, text: "mine".into() };
    for failure in [store.save(&note).unwrap_err(), store.load::<Note>().unwrap_err()] {
        assert!(failure.to_string().contains("symbolic link"), "{failure}");
    }
    assert_eq!(std::fs::read(&other).unwrap(), b"theirs");
    if !rustix::process::geteuid().is_root() {
        return;
    }
    dir.remove("notes.json").unwrap();
    std::fs::write(dir.path().join("notes.json"), "theirs").unwrap();
    std::os::unix::fs::chown(dir.path().join("notes.json"), Some(12345), None).unwrap();
    for failure in [store.save(&note).unwrap_err(), store.load::<Note>().unwrap_err()] {
        assert!(failure.to_string().contains("belongs to another user"), "{failure}");
    }
    assert_eq!(std::fs::read(dir.path().join("notes.json")).unwrap(), b"theirs");
    assert_eq!(dir.list().unwrap().iter().filter(|n| n.contains("corrupt")).count(), 0);
    // nor is their copy gone on with
    let bak = dir.path().join("notes.json.bak");
    std::fs::rename(dir.path().join("notes.json"), &bak).unwrap();
    std::fs::write(&bak, "{\"version\": 2, \"text\": \"theirs\"}").unwrap();
    assert!(matches!(store.load::<Note>().unwrap(), Loaded::Missing));
}

#[test]
fn what_is_older_is_brought_forward() {
    let (_top, dir) = scratch();
    let store = Store::new(&dir, "n.json");
    dir.write_atomic("n.json", b"{\"version\": 1, \"line\": \"old\"}").unwrap();
    assert_eq!(store.load::<Note>().unwrap().usable().0, Some(note("old")));
    dir.write_atomic("n.json", b"{\"version\": 1}").unwrap();
    assert!(matches!(store.load::<Note>().unwrap(), Loaded::Damaged { .. }));
}

#[test]
fn updates_lose_nothing() {
    let (_top, dir) = scratch();
    std::thread::scope(|scope| {
        for t in 0..4 {
            let dir = &dir;
            scope.spawn(move || {
                for i in 0..10 {
                    let add = |old: Option<Note>, _| {
                        let old = old.map(|n| n.text).unwrap_or_default();
                        Ok((note(&format!("{old}{t}.{i} ")), ()))
                    };
                    Store::new(dir, "n.json").update(add).unwrap();
                }
            });
        }
    });
    let text = Store::new(&dir, "n.json").load::<Note>().unwrap().usable().0.unwrap().text;
    assert_eq!(text.split_whitespace().count(), 40);
}

#[derive(Serialize, Deserialize)]
struct Anything {
    version: u64,
    what: Value,
}
impl Stored for Anything {
    const VERSION: u64 = 2;
}

#[test]
fn what_could_not_be_read_again_is_not_saved() {
    let (_top, dir) = scratch();
    let store = Store::new(&dir, "n.json");
    store.save(&note("small")).unwrap();
    let failure = store.save(&note(&"x".repeat(MOST))).unwrap_err();
    assert!(failure.to_string().contains("16 MiB"), "{failure}");
    assert_eq!(store.load::<Note>().unwrap().usable().0, Some(note("small")));
    assert_eq!(names(&dir), ["n.json"]);
    // nor what nests deeper than is read
    let deep =
        |depth| Anything { version: 2, what: (1..depth).fold(Value::Null, |in_it, _| Value::Array(vec![in_it])) };
    let store = Store::new(&dir, "deep.json");
    store.save(&deep(DEEPEST)).unwrap();
    let failure = store.save(&deep(DEEPEST + 1)).unwrap_err();
    assert!(failure.to_string().contains("127 deep"), "{failure}");
    let Loaded::Read(kept) = store.load::<Anything>().unwrap() else { panic!() };
    assert_eq!(kept.what, deep(DEEPEST).what);
}

#[test]
fn a_copy_that_is_newer_is_left_as_well() {
    let (_top, dir) = scratch();
    let store = Store::new(&dir, "n.json");
    let newer = b"{\"version\": 3, \"text\": {}}";
    dir.write_atomic("n.json.bak", newer).unwrap();
    let Loaded::Newer { version: 3, told } = store.load::<Note>().unwrap() else { panic!() };
    assert!(told.what.contains("n.json.bak"), "{told}");
    assert!(store.save(&note("old")).unwrap_err().what.contains("newer thub"));
    assert!(store.update(|_: Option<Note>, _| Ok((note("old"), ()))).is_err());
    assert_eq!((names(&dir), dir.read("n.json.bak", 100).unwrap()), (vec!["n.json.bak".to_string()], newer.to_vec()));
}

#[test]
fn what_the_killed_left_goes_with_a_save() {
    let (_top, dir) = scratch();
    let old = dir.create_new(".tmp-00", 0o600).unwrap();
    old.set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();
    Store::new(&dir, "n.json").save(&note("one")).unwrap();
    assert_eq!(dir.stat(".tmp-00").unwrap(), None);
}

#[test]
fn a_change_that_fails_saves_nothing() {
    let (_top, dir) = scratch();
    let store = Store::new(&dir, "n.json");
    let failed: Result<(), Failure> = store.update(|_: Option<Note>, _| Err(Failure::usage("no", "no")));
    assert!(failed.is_err());
    assert!(names(&dir).is_empty());
}

#[test]
fn a_full_disk_is_said() {
    let (_top, dir) = scratch();
    let failure = Store::new(&dir, "n.json").cannot("save", &io::Error::from_raw_os_error(libc::ENOSPC));
    assert!(failure.to_string().contains("make room"), "{failure}");
}
