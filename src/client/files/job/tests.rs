//! Copies between agents in this process, over links that are cut.

use super::super::Ups;
use super::super::tests::{Host, path, with};
use super::*;
use crate::client::files::carry::LARGE;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// All of a tree: mode, time and contents by path; links by where they lead.
fn tree(top: &Path) -> BTreeMap<Vec<u8>, (u32, i64, Vec<u8>)> {
    fn walk(top: &Path, dir: &Path, all: &mut BTreeMap<Vec<u8>, (u32, i64, Vec<u8>)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(top).unwrap().as_os_str().as_bytes().to_vec();
            let (mode, time) = (meta.mode() & 0o7777, meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000);
            if meta.is_symlink() {
                let to = std::fs::read_link(&path).unwrap();
                all.insert(name, (0, 0, to.as_os_str().as_bytes().to_vec()));
            } else if meta.is_dir() {
                all.insert(name, (mode, time, b"dir".to_vec()));
                walk(top, &path, all);
            } else {
                all.insert(name, (mode, time, std::fs::read(&path).unwrap()));
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(top, top, &mut all);
    all
}

fn noise(bytes: usize, seed: u32) -> Vec<u8> {
    let mut x = seed | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// A tree with whatever a tree may have.
fn grow(top: &Path) {
    let old = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH + Duration::from_millis(1_234_567_890_123));
    let file = |name: &[u8], bytes: &[u8], mode: u32| {
        let at = top.join(OsStr::from_bytes(name));
        std::fs::write(&at, bytes).unwrap();
        let f = std::fs::File::open(&at).unwrap();
        f.set_permissions(PermissionsExt::from_mode(mode)).unwrap();
        f.set_times(old).unwrap();
    };
    for dir in ["", "t", "t/empty", "t/deep/er", "t/closed"] {
        std::fs::create_dir_all(top.join(dir)).unwrap();
    }
    file(b"t/-rf", b"dash", 0o640);
    file(b"t/a\nb", b"line", 0o644);
    file(b"t/\xff\xfe", b"bytes", 0o755);
    file(b"t/nothing", b"", 0o600);
    file(b"t/deep/er/x", &noise(100_000, 1), 0o444);
    file(b"t/deep/large", &noise((LARGE + 3_000_001) as usize, 2), 0o600);
    file(b"t/closed/in", b"in", 0o400);
    for i in 0..500 {
        file(format!("t/deep/{i}").as_bytes(), &noise(i * 7, 3), 0o644);
    }
    symlink("../nowhere", top.join("t/link")).unwrap();
    symlink("/etc/passwd", top.join("t/deep/away")).unwrap();
    for (dir, mode) in [("t/closed", 0o555), ("t/empty", 0o711), ("t/deep", 0o750)] {
        let f = std::fs::File::open(top.join(dir)).unwrap();
        f.set_permissions(PermissionsExt::from_mode(mode)).unwrap();
        f.set_times(old).unwrap();
    }
}

fn job(from: &Host, to: &Host, names: &[&str]) -> Job {
    Job {
        from: from.end(),
        dir: path("src"),
        names: names.iter().map(|n| FileName::new(*n).unwrap()).collect(),
        to: to.end(),
        into: path("dst"),
        rename: None,
        moves: false,
        sync: false,
        conflict: Conflict::Refuse,
        dry: false,
    }
}

/// Runs one that asks nothing.
async fn ran(job: Job) -> (JobEnd, Vec<JobEvent>) {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let (_answers, answers) = mpsc::unbounded_channel();
    let end = run(job, tx, answers).await;
    let mut events = Vec::new();
    while let Ok(event) = rx.try_recv() {
        events.push(event);
    }
    (end, events)
}

fn two(ups: &Ups) -> (Host, Host) {
    let (a, b) = (Host::new(ups, "a"), Host::new(ups, "b"));
    std::fs::create_dir(b.home.join("dst")).unwrap();
    (a, b)
}

#[test]
fn a_tree_is_as_it_was_and_again_costs_nothing() {
    with(|ups| async move {
        let (a, b) = two(&ups);
        grow(&a.home.join("src"));
        let (end, events) = ran(job(&a, &b, &["t"])).await;
        assert!(end.is_whole(), "{end:?}");
        let there = tree(&b.home.join("dst"));
        let own = tree(&a.home.join("src"));
        for (name, what) in &own {
            assert_eq!(there.get(name), Some(what), "{}", name.escape_ascii());
        }
        assert_eq!(there.len(), own.len());
        let bytes: u64 = own.values().filter(|v| v.0 != 0 && v.2 != b"dir").map(|v| v.2.len() as u64).sum();
        assert!(events.contains(&JobEvent::Planned { files: own.len() as u64, bytes }));
        assert_eq!((end.files, end.bytes), (own.len() as u64, bytes));
        let (again, _) = ran(job(&a, &b, &["t"])).await;
        assert!(again.is_whole() && again.carried == 0, "{again:?}");
        assert_eq!((again.files, again.bytes), (end.files, end.bytes));
    });
}

/// A line that falls once it has carried so much, both ways together; `which` is told then.
fn falling(
    mut far: tokio::io::DuplexStream,
    most: usize,
    which: usize,
    fallen: mpsc::UnboundedSender<usize>,
) -> tokio::io::DuplexStream {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (near, mut ours) = tokio::io::duplex(64 << 10);
    tokio::spawn(async move {
        let (mut there, mut back) = (vec![0; 16 << 10], vec![0; 16 << 10]);
        let mut carried = 0;
        while carried < most {
            let (n, gone) = tokio::select! {
                n = far.read(&mut back) => {
                    let n = n.unwrap_or(0);
                    (n, ours.write_all(&back[..n]).await.is_err())
                }
                n = ours.read(&mut there) => {
                    let n = n.unwrap_or(0);
                    (n, far.write_all(&there[..n]).await.is_err())
                }
            };
            if n == 0 || gone {
                return;
            }
            carried += n;
        }
        drop((far, ours));
        let _ = fallen.send(which);
    });
    near
}

#[test]
fn cuts_cost_little_and_change_nothing() {
    with(|ups| async move {
        let (a, b) = two(&ups);
        grow(&a.home.join("src"));
        std::fs::write(a.home.join("src/big"), noise(48 << 20, 9)).unwrap();
        // one end or the other, wherever it just is: each link falls when it has carried so many MiB
        let mut links = [(&a, vec![17, 9, 2]), (&b, vec![20, 13, 5])];
        let (fallen, mut fell) = mpsc::unbounded_channel();
        let connect = |which: usize, host: &Host, most: Option<usize>| match most {
            Some(most) => host.connect_over(|far| falling(far, most << 20, which, fallen.clone())),
            None => host.connect(),
        };
        for (which, (host, limits)) in links.iter_mut().enumerate() {
            host.cut();
            connect(which, host, limits.pop());
        }
        let mut copying = tokio::spawn(ran(job(&a, &b, &["t", "big"])));
        let mut cuts = 0;
        let (end, _) = loop {
            tokio::select! {
                ended = &mut copying => break ended.unwrap(),
                which = fell.recv() => {
                    let which = which.unwrap();
                    cuts += 1;
                    let (host, limits) = &mut links[which];
                    connect(which, host, limits.pop());
                }
            }
        };
        assert!(end.is_whole() && cuts == 6, "{cuts} cuts, {end:?}");
        assert_eq!(tree(&a.home.join("src")), tree(&b.home.join("dst")));
        // each costs what lies behind a large file's last 4 MiB, and what was under way
        assert!(end.carried < end.bytes + cuts * (20 << 20), "{end:?}");
    });
}

#[test]
fn what_is_in_the_way_is_decided_on() {
    with(|ups| async move {
        let (a, b) = two(&ups);
        let put = |host: &Host, name: &str, text: &str, secs: u64| {
            let at = host.home.join(name);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(&at, text).unwrap();
            let time = std::time::UNIX_EPOCH + Duration::from_secs(secs);
            std::fs::File::open(&at).unwrap().set_modified(time).unwrap();
        };
        let texts = |dir: &str| {
            let all = tree(&b.home.join(dir));
            all.into_iter().map(|(n, v)| (String::from_utf8(n).unwrap(), String::from_utf8(v.2).unwrap())).collect()
        };
        for (name, secs) in [("old.txt", 100), ("new.txt", 300), ("same", 200)] {
            put(&a, &format!("src/{name}"), "ours", 200);
            put(&b, &format!("dst/{name}"), if name == "same" { "ours" } else { "theirs" }, secs);
        }
        put(&a, "src/dir/x", "ours", 200);
        put(&b, "dst/dir", "a file", 100);
        let names = ["old.txt", "new.txt", "same", "dir"];
        let after = |conflict| ran(Job { conflict, ..job(&a, &b, &names) });
        let all = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        let theirs: BTreeMap<String, String> =
            all(&[("dir", "a file"), ("new.txt", "theirs"), ("old.txt", "theirs"), ("same", "ours")]);

        let (end, _) = after(Conflict::Refuse).await;
        let mut failed: Vec<String> = end.failed.iter().map(|f| f.path.to_string()).collect();
        failed.sort();
        assert_eq!(failed, ["dir", "new.txt", "old.txt"]);
        assert!(end.failed.iter().all(|f| f.why.code == Fault::NAME_TAKEN));
        assert_eq!(texts("dst"), theirs);
        let (end, _) = after(Conflict::Skip).await;
        assert_eq!((end.skipped, end.failures), (2, 1));
        assert_eq!(texts("dst"), theirs);
        let (end, _) = after(Conflict::KeepBoth).await;
        assert_eq!((end.skipped, end.failures), (0, 1));
        let mut both = theirs.clone();
        both.extend(all(&[("new (2).txt", "ours"), ("old (2).txt", "ours")]));
        assert_eq!(texts("dst"), both);
        let (end, _) = after(Conflict::KeepBoth).await;
        assert_eq!((texts("dst"), end.carried), (both.clone(), 0), "not once more");
        after(Conflict::ReplaceOlder).await;
        both.insert("old.txt".into(), "ours".into());
        assert_eq!(texts("dst"), both);
        // asked: the one, then all that follow
        put(&b, "dst/old.txt", "theirs", 100);
        let (tx, mut rx) = mpsc::unbounded_channel();
        let (answer, answers) = mpsc::unbounded_channel();
        let wanted = Job { conflict: Conflict::Ask, ..job(&a, &b, &["new.txt", "old.txt"]) };
        let copying = tokio::spawn(run(wanted, tx, answers));
        let mut asked = 0;
        while let Some(event) = rx.recv().await {
            if let JobEvent::Asked { id, theirs, ours, .. } = event {
                asked += 1;
                assert_eq!((theirs.size, ours.size), (6, 4));
                answer.send((id, Choice { what: What::Replace, all: true })).unwrap();
            }
        }
        assert!(copying.await.unwrap().is_whole() && asked == 1);
        both.insert("new.txt".into(), "ours".into());
        assert_eq!(texts("dst"), both);
    });
}

#[test]
fn a_dry_run_tells_and_does_nothing() {
    with(|ups| async move {
        let (a, b) = two(&ups);
        std::fs::create_dir_all(a.home.join("src/t")).unwrap();
        for name in ["src/t/new", "src/taken"] {
            std::fs::write(a.home.join(name), "ours").unwrap();
        }
        std::fs::write(b.home.join("dst/taken"), "theirs").unwrap();
        let (before, own) = (tree(&b.home.join("dst")), tree(&a.home.join("src")));
        let dry = |conflict, into: &str| Job { dry: true, conflict, into: path(into), ..job(&a, &b, &["t", "taken"]) };
        let would = |events: Vec<JobEvent>| {
            let told = events.into_iter().filter_map(|event| match event {
                JobEvent::Would { path, bytes, replaces } => Some((path.to_string(), bytes, replaces)),
                _ => None,
            });
            let mut told: Vec<_> = told.collect();
            told.sort();
            told
        };
        let (end, events) = ran(dry(Conflict::Refuse, "dst")).await;
        assert_eq!((end.failures, end.carried, end.fault), (1, 0, None));
        assert_eq!(would(events), [("t/new".into(), 4, false)]);
        let (_, events) = ran(dry(Conflict::Replace, "dst")).await;
        assert_eq!(would(events), [("t/new".into(), 4, false), ("taken".into(), 4, true)]);
        // also into what would be made for it
        let (end, events) = ran(dry(Conflict::Refuse, "dst/made")).await;
        assert!(end.is_whole(), "{end:?}");
        assert_eq!(would(events), [("t/new".into(), 4, false), ("taken".into(), 4, false)]);
        assert!(tree(&b.home.join("dst")) == before && tree(&a.home.join("src")) == own);
    });
}

#[test]
fn a_move_takes_away_what_has_arrived_and_no_more() {
    with(|ups| async move {
        let (a, b) = two(&ups);
        grow(&a.home.join("src"));
        std::fs::write(a.home.join("src/one"), "1").unwrap();
        std::fs::write(b.home.join("dst/one"), "another").unwrap();
        let own = tree(&a.home.join("src"));
        let (end, _) = ran(Job { moves: true, conflict: Conflict::Skip, ..job(&a, &b, &["t", "one"]) }).await;
        assert_eq!((end.skipped, end.failures, end.left.len()), (1, 1, 1), "{end:?}");
        let there = tree(&b.home.join("dst"));
        assert!(own.iter().filter(|(n, _)| n.starts_with(b"t")).all(|(n, v)| there.get(n) == Some(v)));
        let left: Vec<_> = tree(&a.home.join("src")).into_keys().collect();
        assert_eq!(left, [b"one".to_vec()], "what was skipped stays");
        // within one place it is a matter of names
        let within = Job { from: b.end(), dir: path("dst"), into: path(""), moves: true, ..job(&a, &b, &["t"]) };
        let (end, _) = ran(within).await;
        assert!(end.is_whole() && end.carried == 0, "{end:?}");
        assert!(b.home.join("t/deep").exists() && !b.home.join("dst/t").exists());
    });
}

#[test]
fn a_move_takes_nothing_for_its_copy_that_has_other_bytes() {
    with(|ups| async move {
        let (a, b) = two(&ups);
        std::fs::create_dir(a.home.join("src")).unwrap();
        let time = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let put = |at: std::path::PathBuf, bytes: &[u8]| {
            std::fs::write(&at, bytes).unwrap();
            std::fs::File::options().write(true).open(&at).unwrap().set_modified(time).unwrap();
        };
        // the same in all that a listing says, and the last byte another; one of them of two pieces
        let (ours, names) = (vec![7; FilesHash::MOST as usize + 5], ["small", "large", "equal"]);
        put(a.home.join("src/large"), &ours);
        let mut theirs = ours.clone();
        *theirs.last_mut().unwrap() ^= 1;
        put(b.home.join("dst/large"), &theirs);
        put(a.home.join("src/small"), b"ours!!");
        put(b.home.join("dst/small"), b"theirs");
        for at in [a.home.join("src/equal"), b.home.join("dst/equal")] {
            put(at, b"the same");
        }
        let wanted = |conflict| Job { moves: true, conflict, ..job(&a, &b, &names) };
        let (end, _) = ran(wanted(Conflict::Skip)).await;
        assert_eq!((end.skipped, end.failures, end.carried), (2, 2, 0), "{end:?}");
        let left = |host: &Host, dir: &str| tree(&host.home.join(dir)).into_keys().collect::<Vec<_>>();
        assert_eq!(left(&a, "src"), [b"large".to_vec(), b"small".to_vec()], "what has no copy stays");
        let (end, _) = ran(Job { names: vec![FileName::new("small").unwrap()], ..wanted(Conflict::KeepBoth) }).await;
        assert!(end.is_whole(), "{end:?}");
        assert_eq!(std::fs::read(b.home.join("dst/small (2)")).unwrap(), b"ours!!");
        let (end, _) = ran(Job { names: vec![FileName::new("large").unwrap()], ..wanted(Conflict::Replace) }).await;
        assert!(end.is_whole(), "{end:?}");
        assert!(std::fs::read(b.home.join("dst/large")).unwrap() == ours);
        assert!(left(&a, "src").is_empty());
    });
}

#[test]
fn what_a_host_says_of_files_that_were_not_asked_for_is_not_kept() {
    let (events, mut told) = mpsc::unbounded_channel();
    let mut watch = Watch::new(events);
    watch.coming = [b"a".to_vec(), b"b".to_vec()].into();
    let why = Fault::new(Fault::REFUSED, "no");
    let fail = |watch: &mut Watch, path: &str| watch.failed_there(Failed { path: self::path(path), why: why.clone() });
    fail(&mut watch, "a/x");
    assert!(!watch.is_whole(&path("a")) && watch.is_whole(&path("b")));
    for n in 0..20_000 {
        fail(&mut watch, &format!("{n}/x"));
    }
    assert_eq!((watch.failures, watch.lacking.len()), (20_001, 1));
    assert!(!watch.is_whole(&path("b")), "nobody knows what that was");
    let events = std::iter::from_fn(|| told.try_recv().ok()).count();
    assert_eq!((events, watch.failed.len()), (10_000, 10_000));
}

#[test]
fn one_directory_under_two_names_loses_nothing() {
    with(|ups| async move {
        let (a, b) = two(&ups);
        grow(&a.home.join("src"));
        std::fs::create_dir(a.home.join("other")).unwrap();
        let names = || {
            tree(&a.home).into_iter().map(|(n, v)| (n, v.2)).filter(|(n, _)| !n.starts_with(b".")).collect::<Vec<_>>()
        };
        let own = names();
        let alias = crate::client::host::HostId::new("alias");
        let up = ups.of(&a.end().whose().host).borrow().clone().unwrap();
        ups.up(&alias, up);
        let other = ups.end(Whose::host(alias));
        for (into, moves) in [("src", true), ("src/t", true), ("src/t/deep", true), ("src/t/deep", false)] {
            let wanted = Job { to: other.clone(), into: path(into), moves, ..job(&a, &b, &["t"]) };
            let (end, _) = ran(wanted).await;
            assert_eq!(end.fault.as_ref().map(|f| f.code), Some(Fault::REFUSED), "{into}: {end:?}");
            assert!(names() == own, "{into}");
        }
        // elsewhere on the same machine it is a move like any other
        let wanted = Job { to: other, into: path("other"), moves: true, ..job(&a, &b, &["t"]) };
        let (end, _) = ran(wanted).await;
        assert!(end.is_whole(), "{end:?}");
        assert!(a.home.join("other/t/deep").exists() && !a.home.join("src/t").exists());
    });
}

#[test]
fn what_could_not_be_copied_beside_stays() {
    with(|ups| async move {
        let (a, b) = two(&ups);
        std::fs::create_dir_all(a.home.join("src")).unwrap();
        for name in ["x.txt", "y.txt"] {
            std::fs::write(a.home.join("src").join(name), "mine, and longer").unwrap();
            std::fs::write(b.home.join("dst").join(name), "theirs").unwrap();
        }
        // its copy can't be made: what has its name beside is taken away from under it, as a full disk would
        let full = b.home.join("dst");
        let wanted = Job { moves: true, conflict: Conflict::KeepBoth, ..job(&a, &b, &["x.txt", "y.txt"]) };
        let (events, mut told) = mpsc::unbounded_channel();
        let (_answers, asked) = mpsc::unbounded_channel();
        let source = a.home.join("src/x.txt");
        // a file that changes whenever it is looked at is never whole
        let changing = tokio::spawn(async move {
            let mut n = 0u64;
            loop {
                n += 1;
                let _ = std::fs::write(&source, format!("{n:>30}"));
                tokio::task::yield_now().await;
            }
        });
        let end = run(wanted, events, asked).await;
        changing.abort();
        while told.try_recv().is_ok() {}
        let left = a.home.join("src/x.txt").exists();
        let copied =
            std::fs::read_dir(&full).unwrap().flatten().any(|e| e.file_name().to_string_lossy().starts_with("x (2)"));
        assert!(left || copied, "it is somewhere: {end:?}");
        assert!(!a.home.join("src/y.txt").exists() && full.join("y (2).txt").exists(), "{end:?}");
    });
}

#[test]
fn within_one_place() {
    with(|ups| async move {
        let (_, b) = two(&ups);
        grow(&b.home.join("dst"));
        std::fs::write(b.home.join("dst/big.iso"), noise(LARGE as usize + 5, 1)).unwrap();
        let copy = |names: &[&str], into: &str, conflict| {
            ran(Job { dir: path("dst"), into: path(into), conflict, ..job(&b, &b, names) })
        };
        let (end, _) = copy(&["t"], "dst/t/deep", Conflict::Refuse).await;
        assert!(end.fault.unwrap().message.contains("into itself"));
        let (end, _) = copy(&["t"], "dst", Conflict::Refuse).await;
        assert!(end.fault.unwrap().message.contains("the same"));
        let (end, _) = copy(&["t", "big.iso"], "dst", Conflict::KeepBoth).await;
        assert!(end.is_whole(), "{end:?}");
        assert_eq!(tree(&b.home.join("dst/t (2)")), tree(&b.home.join("dst/t")));
        let big = |name| std::fs::read(b.home.join("dst").join(name)).unwrap();
        assert_eq!(big("big (2).iso"), big("big.iso"));
    });
}

#[test]
fn who_stops_can_go_on() {
    with(|ups| async move {
        let (a, b) = two(&ups);
        std::fs::create_dir(a.home.join("src")).unwrap();
        // (long enough to be stopped within)
        const SIZE: u64 = 400 << 20;
        std::fs::write(a.home.join("src/big"), noise(1 << 20, 5)).unwrap();
        std::fs::File::options().write(true).open(a.home.join("src/big")).unwrap().set_len(SIZE).unwrap();
        let (tx, mut rx) = mpsc::unbounded_channel();
        let (_answers, answers) = mpsc::unbounded_channel();
        let copying = tokio::spawn(run(job(&a, &b, &["big"]), tx, answers));
        let mut part = None;
        while let Some(event) = rx.recv().await {
            match event {
                JobEvent::Part(path) => part = path,
                JobEvent::Progress(far) if far.bytes > 16 << 20 => break,
                _ => {}
            }
        }
        copying.abort();
        let _ = copying.await;
        assert!(b.end().look(&part.unwrap()).await.unwrap().is_some());
        let (end, _) = ran(job(&a, &b, &["big"])).await;
        assert!(end.is_whole() && end.carried < SIZE - (10 << 20), "{end:?}");
        assert!(std::fs::read(b.home.join("dst/big")).unwrap() == std::fs::read(a.home.join("src/big")).unwrap());
        assert_eq!(std::fs::read_dir(b.home.join("dst")).unwrap().count(), 1, "no part is left");
    });
}

#[test]
fn numbers_go_before_endings() {
    let of = |name: &str| numbered(&FileName::new(name).unwrap(), 2).unwrap().to_string();
    assert_eq!([of("a.txt"), of("a"), of(".rc"), of("a.tar.gz")], ["a (2).txt", "a (2)", ".rc (2)", "a.tar (2).gz"]);
}

/// A line of this rate (bytes a second) and delay, with a queue that takes all.
async fn line(
    mut from: impl tokio::io::AsyncRead + Unpin + Send + 'static,
    mut to: impl tokio::io::AsyncWrite + Unpin + Send + 'static,
    rate: f64,
    delay: Duration,
) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (tx, mut rx) = mpsc::unbounded_channel::<(tokio::time::Instant, Vec<u8>)>();
    tokio::spawn(async move {
        let mut free = tokio::time::Instant::now();
        let mut buf = vec![0; 4096];
        while let Ok(n @ 1..) = from.read(&mut buf).await {
            free = free.max(tokio::time::Instant::now()) + Duration::from_secs_f64(n as f64 / rate);
            if tx.send((free + delay, buf[..n].to_vec())).is_err() {
                return;
            }
        }
    });
    while let Some((at, bytes)) = rx.recv().await {
        tokio::time::sleep_until(at).await;
        if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

#[test]
#[ignore = "takes its time, and this machine's"]
fn keys_do_not_wait_behind_a_copy() {
    for (rate, ms) in [(1.25e6, 20), (12.5e6, 5), (125e3, 100)] {
        with(|ups| async move {
            let (a, b) = two(&ups);
            let delay = Duration::from_millis(ms);
            let link = b.connect_over(|far| {
                let (near, ours) = tokio::io::duplex(64 << 10);
                let ((fr, fw), (or, ow)) = (tokio::io::split(far), tokio::io::split(ours));
                tokio::spawn(line(fr, ow, rate, delay));
                tokio::spawn(line(or, fw, rate, delay));
                near
            });
            let size = (rate * 10.0) as usize;
            std::fs::create_dir(a.home.join("src")).unwrap();
            std::fs::write(a.home.join("src/big"), noise(size, 5)).unwrap();
            for down in [false, true] {
                let mut wanted = job(&a, &b, &["big"]);
                if down {
                    wanted = Job { from: b.end(), dir: path("dst"), to: a.end(), into: path(""), ..wanted };
                }
                let begun = Instant::now();
                let copying = tokio::spawn(ran(wanted));
                let mut trips = Vec::new();
                while !copying.is_finished() {
                    let asked = Instant::now();
                    link.ping();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    while link.answered().is_none_or(|(at, _)| at < asked) && !copying.is_finished() {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    trips.extend(link.answered().map(|(_, rtt)| rtt));
                }
                let (end, _) = copying.await.unwrap();
                assert!(end.is_whole(), "{end:?}");
                trips.sort();
                let took = begun.elapsed().as_secs_f64();
                let used = size as f64 / took / rate;
                let at = |part: usize| trips[trips.len() * part / 100];
                // (on the slowest it is careful: a queue of one window is a second there)
                let least = if rate > 1e6 { 0.8 } else { 0.2 };
                // (a frame alone takes an eighth of a second on the slowest)
                let frame = Duration::from_secs_f64(crate::proto::frame::MAX_PIECE as f64 / rate);
                assert!(
                    at(95) <= 2 * delay + frame.max(Duration::from_millis(50)) && used > least,
                    "{:?} {used:.2}",
                    at(95)
                );
                println!(
                    "{rate} B/s, {delay:?}, down {down}: p50 {:?} p95 {:?} worst {:?}, {used:.2} of the line",
                    at(50),
                    at(95),
                    trips.last()
                );
            }
        });
    }
}
