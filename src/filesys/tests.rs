//! Files of this machine and of a real sftp-server, side by side: what holds here holds there.

mod hostile;
mod race;

use super::copy::Copy;
use super::delete::Delete;
use super::grow::{Grow, Unpack};
use super::local::Local;
use super::pack::{Have, Pack};
use super::sftp::Remote;
use super::{Fs, Tally, Wanted};
use crate::proto::bundle::{Entry, Record, encode};
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath, FilesWrite, WorkEnd};
use crate::transport::ssh::sftp::Sftp;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

const SERVER: &str = "/usr/lib/openssh/sftp-server";

pub fn name(text: &str) -> FileName {
    FileName::new(text).unwrap()
}
pub fn path(text: impl AsRef<Path>) -> FilePath {
    FilePath::new(text.as_ref().as_os_str().as_bytes()).unwrap()
}

/// Runs it on this machine's file system, and on one behind a real server; `root` is an empty directory.
fn each<F: Future<Output = ()>>(test: impl Fn(Fs, std::path::PathBuf) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        test(Fs::Local(Local::new(&root, 0o022)), root).await;
        if !Path::new(SERVER).exists() {
            assert_ne!(std::env::var("THUB_TEST_REAL").as_deref(), Ok("all"), "no sftp-server");
            eprintln!("skipped: no sftp-server");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (fs, _server) = server(&root).await;
        test(fs, root).await;
    });
}

/// A real server, over pipes; it ends with what is returned.
pub async fn server(root: &Path) -> (Fs, tokio::process::Child) {
    use std::process::Stdio;
    let mut child = tokio::process::Command::new(SERVER)
        .args(["-u", "0022"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let io = tokio::io::join(child.stdout.take().unwrap(), child.stdin.take().unwrap());
    (Fs::Sftp(Remote::new(Sftp::start(io, "host".into()).await.unwrap())), child)
}

fn wanted(file: &str) -> Wanted {
    let write = FilesWrite { name: name(file), part: "0123456789abcdef".into(), ..FilesWrite::default() };
    Wanted { mode: Some(0o640), mtime_ms: Some(1_700_000_000_000), ..Wanted::of(&write).unwrap() }
}

async fn write(fs: &Fs, dir: &Path, wanted: Wanted, bytes: &[u8]) -> Result<FileInfo, Fault> {
    let mut writer = fs.dir(&path(dir)).await?.write(wanted).await?;
    let at = usize::try_from(writer.at()).unwrap();
    for piece in bytes[at.min(bytes.len())..].chunks(100_000) {
        writer.write(piece.to_vec()).await?;
    }
    writer.finish().await
}

async fn read(fs: &Fs, file: &Path, from: u64, to: Option<u64>) -> Result<Vec<u8>, Fault> {
    let (_, mut reader) = fs.read(&path(file), from, to).await?;
    let mut all = Vec::new();
    while let Some(bytes) = reader.next().await? {
        all.extend(bytes);
    }
    Ok(all)
}

async fn list(fs: &Fs, dir: &Path) -> Vec<FileInfo> {
    let mut listing = fs.dir(&path(dir)).await.unwrap().list();
    let mut all = Vec::new();
    while let Some(batch) = listing.next().await.unwrap() {
        assert_eq!(batch.unusable, 0);
        all.extend(batch.entries);
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

async fn delete(fs: &Fs, file: &Path) -> WorkEnd {
    let (dir, name) = fs.parent("deleting", &path(file)).await.unwrap();
    let mut delete = Delete::new(dir, name);
    while delete.step().await {}
    end(&mut delete.tally)
}

fn end(tally: &mut Tally) -> WorkEnd {
    let told = tally.line().failed;
    if !told.is_empty() {
        eprintln!("{told:?}");
    }
    tally.end(None)
}

async fn packed(fs: &Fs, dir: &Path, contents: bool, have: Have) -> Vec<u8> {
    let mut pack = Pack::new(fs.dir(&path(dir)).await.unwrap(), Vec::new(), contents, have);
    let mut out = Vec::new();
    while pack.next(&mut out).await {}
    out
}

async fn unpacked(fs: &Fs, dir: &Path, bundle: &[u8], replace: bool) -> (WorkEnd, u64) {
    let mut unpack = Unpack::new(Grow::new(fs.clone(), fs.dir(&path(dir)).await.unwrap(), replace));
    let mut ended = false;
    for piece in bundle.chunks(10_007) {
        ended = unpack.feed(piece).await.unwrap();
    }
    assert!(ended);
    let files = unpack.grow.tally.done_so_far().0;
    (end(&mut unpack.grow.tally), files)
}

/// Many bytes that are not the same everywhere.
fn noise(many: usize) -> Vec<u8> {
    (0..many).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[test]
fn what_a_cut_has_left_of_a_bundle_is_gone_once_it_comes_again() {
    each(|fs, root| async move {
        let (from, to) = (root.join("from"), root.join("to"));
        std::fs::create_dir(&from).unwrap();
        std::fs::create_dir(&to).unwrap();
        let sizes = [("small", 100), ("odd", 200), ("large", super::SMALL as usize + 5)];
        for (name, size) in sizes {
            std::fs::write(from.join(name), noise(size)).unwrap();
            // (SFTP tells whole seconds)
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
            std::fs::File::open(from.join(name)).unwrap().set_modified(time).unwrap();
        }
        let part = |name: &str| {
            let meta = std::fs::metadata(from.join(name)).unwrap();
            let mtime_ms = meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000;
            let entry = Entry { path: path(name), size: meta.len(), mtime_ms, ..Entry::default() };
            let name = FileName::new(name).unwrap();
            to.join(super::grow::part_of(&name, &entry).to_string())
        };
        std::fs::write(part("small"), "left by a cut, and longer than what comes: ".repeat(10)).unwrap();
        std::fs::write(part("large"), noise(6 << 20)).unwrap();
        // nobody can take that away so easily
        std::fs::create_dir(part("odd")).unwrap();
        let bundle = packed(&fs, &from, true, Have::default()).await;
        let (end, files) = unpacked(&fs, &to, &bundle, false).await;
        assert!(end.failed == 0 && files == 3, "{end:?}");
        for (name, size) in sizes {
            assert!(std::fs::read(to.join(name)).unwrap() == noise(size), "{name}");
        }
        std::fs::remove_dir(part("odd")).unwrap();
        assert_eq!(std::fs::read_dir(&to).unwrap().count(), 3);
    });
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    each(|fs, root| async move {
        let bytes = noise(1_000_000);
        let info = write(&fs, &root, wanted("a"), &bytes).await.unwrap();
        assert_eq!((info.size, info.mode, info.mtime_ms), (1_000_000, 0o640, 1_700_000_000_000));
        assert_eq!(std::fs::read(root.join("a")).unwrap(), bytes);
        let meta = std::fs::metadata(root.join("a")).unwrap();
        assert_eq!((meta.mode() & 0o7777, meta.mtime()), (0o640, 1_700_000_000));
        assert_eq!(write(&fs, &root, wanted("a"), b"x").await.unwrap_err().code, Fault::NAME_TAKEN);
        let over = Wanted { replace: true, ..wanted("a") };
        write(&fs, &root, over, b"new").await.unwrap();
        assert_eq!(std::fs::read(root.join("a")).unwrap(), b"new");
        let usual = Wanted { mode: None, mtime_ms: None, ..wanted("usual") };
        assert_eq!(write(&fs, &root, usual, b"").await.unwrap().mode, 0o644, "as the umask has it");
        // somebody takes the name meanwhile: what was written is there for another try
        let mut late = fs.dir(&path(&root)).await.unwrap().write(wanted("late")).await.unwrap();
        late.write(b"late".to_vec()).await.unwrap();
        std::fs::write(root.join("late"), "first").unwrap();
        assert_eq!(late.finish().await.unwrap_err().code, Fault::NAME_TAKEN);
        assert_eq!(std::fs::read(root.join("late")).unwrap(), b"first");
        write(&fs, &root, Wanted { replace: true, ..wanted("late") }, b"late").await.unwrap();
        std::fs::remove_file(root.join("late")).unwrap();

        std::fs::create_dir(root.join("dir")).unwrap();
        let over = Wanted { replace: true, ..wanted("dir") };
        assert_eq!(write(&fs, &root, over, b"x").await.unwrap_err().code, Fault::WRONG_KIND);
        let short = Wanted { size: Some(9), keep: false, ..wanted("short") };
        assert_eq!(write(&fs, &root, short, b"12345678").await.unwrap_err().code, Fault::BAD_PARAMS);
        let names: Vec<_> = list(&fs, &root).await.into_iter().map(|i| i.name.to_string()).collect();
        // (a part that nobody wants may go a moment later where another machine is asked to)
        assert!(names.iter().all(|n| ["a", "dir", "usual"].contains(&n.as_str()) || n.ends_with(".part")), "{names:?}");
    });
}

#[test]
fn what_is_replaced_stays_its_owners() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    use std::os::unix::fs::MetadataExt;
    each(|fs, dir| async move {
        // (over SFTP it is the server's matter)
        if matches!(fs, Fs::Sftp(_)) {
            return;
        }
        let old = dir.join("shared");
        std::fs::write(&old, "old").unwrap();
        std::os::unix::fs::chown(&old, Some(1234), Some(2345)).unwrap();
        let replace = Wanted { replace: true, mode: Some(0o640), ..wanted("shared") };
        write(&fs, &dir, replace, b"new").await.unwrap();
        let now = std::fs::metadata(&old).unwrap();
        assert_eq!((now.uid(), now.gid(), now.mode() & 0o7777), (1234, 2345, 0o640));
        assert_eq!(std::fs::read(&old).unwrap(), b"new");
    });
}

#[test]
fn a_cut_one_goes_on() {
    each(|fs, root| async move {
        let bytes = noise(9 << 20);
        let want = Wanted { size: Some(bytes.len() as u64), ..wanted("big") };
        let mut writer = fs.dir(&path(&root)).await.unwrap().write(want.clone()).await.unwrap();
        writer.write(bytes[..6 << 20].to_vec()).await.unwrap();
        if let Fs::Local(_) = fs {
            let dir = fs.dir(&path(&root)).await.unwrap();
            assert_eq!(dir.write(want.clone()).await.err().unwrap().code, Fault::BUSY, "one writes it");
        }
        assert!(writer.written() >= 2 << 20);
        drop(writer);
        let writer = fs.dir(&path(&root)).await.unwrap().write(want.clone()).await.unwrap();
        assert_eq!(writer.at(), (6 << 20) - FilesWrite::BACK);
        drop(writer);
        write(&fs, &root, want, &bytes).await.unwrap();
        assert!(std::fs::read(root.join("big")).unwrap() == bytes);
        let longer = Wanted { size: Some(3), ..wanted("small") };
        std::fs::write(root.join(".thub-0123456789abcdef.part"), "longer").unwrap();
        std::fs::set_permissions(root.join(".thub-0123456789abcdef.part"), PermissionsExt::from_mode(0o600)).unwrap();
        write(&fs, &root, longer, b"new").await.unwrap();
        assert_eq!(std::fs::read(root.join("small")).unwrap(), b"new");
    });
}

#[test]
fn a_part_that_is_none_is_refused() {
    each(|fs, root| async move {
        let part = root.join(".thub-0123456789abcdef.part");
        std::fs::write(root.join("victim"), "as it was").unwrap();
        std::os::unix::fs::symlink("victim", &part).unwrap();
        assert_eq!(write(&fs, &root, wanted("a"), b"x").await.unwrap_err().code, Fault::REFUSED);
        std::fs::remove_file(&part).unwrap();
        std::fs::create_dir(&part).unwrap();
        assert!(write(&fs, &root, wanted("a"), b"x").await.is_err());
        std::fs::remove_dir(&part).unwrap();
        if let Fs::Local(_) = fs {
            std::fs::hard_link(root.join("victim"), &part).unwrap();
            assert_eq!(write(&fs, &root, wanted("a"), b"x").await.unwrap_err().code, Fault::REFUSED);
            std::fs::remove_file(&part).unwrap();
            std::fs::write(&part, "").unwrap();
            std::fs::set_permissions(&part, PermissionsExt::from_mode(0o666)).unwrap();
            assert_eq!(write(&fs, &root, wanted("a"), b"x").await.unwrap_err().code, Fault::REFUSED);
        }
        assert_eq!(std::fs::read(root.join("victim")).unwrap(), b"as it was");
    });
}

#[test]
fn files_are_read() {
    each(|fs, root| async move {
        let bytes = noise(5_000_001);
        std::fs::write(root.join("a"), &bytes).unwrap();
        std::os::unix::fs::symlink("a", root.join("link")).unwrap();
        assert!(read(&fs, &root.join("a"), 0, None).await.unwrap() == bytes);
        assert!(read(&fs, &root.join("link"), 4_999_999, None).await.unwrap() == bytes[4_999_999..]);
        assert!(read(&fs, &root.join("a"), 70_000, Some(200_000)).await.unwrap() == bytes[70_000..200_000]);
        assert!(read(&fs, &root.join("a"), 9_000_000, None).await.unwrap().is_empty());
        assert!(
            !read(&fs, Path::new("/proc/self/status"), 0, None).await.unwrap().is_empty(),
            "its length is told as 0"
        );
        assert_eq!(read(&fs, &root, 0, None).await.unwrap_err().code, Fault::WRONG_KIND);
        assert_eq!(read(&fs, &root.join("none"), 0, None).await.unwrap_err().code, Fault::UNKNOWN);
        let dir = fs.dir(&path(&root)).await.unwrap();
        assert_eq!(
            dir.read(&name("link"), 0, None).await.err().unwrap().code,
            Fault::WRONG_KIND,
            "no link is followed in work"
        );
        if let Fs::Local(_) = fs {
            let fifo = root.join("fifo");
            rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
            assert_eq!(read(&fs, &fifo, 0, None).await.unwrap_err().code, Fault::WRONG_KIND);
        }
    });
}

#[test]
fn what_is_there_is_told() {
    each(|fs, root| async move {
        use std::ffi::OsStr;
        std::fs::write(root.join(OsStr::from_bytes(b"\xff\xfe")), "ab").unwrap();
        std::fs::write(root.join("a\n\u{1b}[2J"), "").unwrap();
        std::fs::create_dir(root.join("dir")).unwrap();
        std::os::unix::fs::symlink("dir", root.join("led")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("lost")).unwrap();
        let all = list(&fs, &root).await;
        let kinds: Vec<_> = all.iter().map(|i| (i.name.as_bytes(), i.kind)).collect();
        let (file, dir, link) = (FileKind::File, FileKind::Dir, FileKind::Link);
        let told: [(&[u8], FileKind); 5] =
            [(b"a\n\x1b[2J", file), (b"dir", dir), (b"led", link), (b"lost", link), (b"\xff\xfe", file)];
        assert_eq!(kinds, told);
        let led = all[2].link.as_ref().unwrap();
        assert_eq!((led.target.as_bytes(), led.kind), (&b"dir"[..], Some(FileKind::Dir)));
        assert_eq!(all[3].link.as_ref().unwrap().kind, None);
        assert_eq!((all[4].size, all[4].uid), (2, rustix::process::getuid().as_raw()));
        assert!(!all[4].owner.is_empty(), "who runs a test has a name");

        let stat = fs.stat(&path("led"), true, true).await.unwrap();
        assert_eq!((stat.info.name.to_string(), stat.info.kind), ("led".into(), FileKind::Link), "from the home on");
        assert_eq!(stat.real.unwrap(), path(root.join("dir")));
        let space = stat.space.unwrap();
        assert!(space.total >= space.free && space.free > 0);
        assert_eq!(fs.stat(&path("/"), false, false).await.unwrap().info.kind, FileKind::Dir);
        assert_eq!(fs.real(&path("")).await.unwrap(), path(&root));
        assert_eq!(fs.stat(&path("none"), false, false).await.unwrap_err().code, Fault::UNKNOWN);
        assert_eq!(fs.dir(&path("lost")).await.err().unwrap().code, Fault::UNKNOWN);
        assert_eq!(fs.dir(&path("led")).await.unwrap().info(&name("x")).await.err().unwrap().code, Fault::UNKNOWN);
    });
}

#[test]
fn names_change() {
    each(|fs, root| async move {
        std::fs::write(root.join("a"), "a").unwrap();
        std::fs::write(root.join("b"), "b").unwrap();
        fs.mkdir(&path("x/y/z"), true, Some(0o751)).await.unwrap();
        fs.mkdir(&path("x/y/z"), true, None).await.unwrap();
        assert_eq!(fs.mkdir(&path("x"), false, None).await.unwrap_err().code, Fault::NAME_TAKEN);
        assert_eq!(fs.mkdir(&path("a"), true, None).await.unwrap_err().code, Fault::WRONG_KIND);
        assert_eq!(fs.mkdir(&path("no/x"), false, None).await.unwrap_err().code, Fault::UNKNOWN);
        assert_eq!(std::fs::metadata(root.join("x/y/z")).unwrap().mode() & 0o7777, 0o751);

        assert_eq!(fs.rename(&path("a"), &path("b"), false).await.unwrap_err().code, Fault::NAME_TAKEN);
        assert_eq!(fs.rename(&path("x"), &path("b"), false).await.unwrap_err().code, Fault::NAME_TAKEN);
        assert_eq!(std::fs::read(root.join("b")).unwrap(), b"b");
        fs.rename(&path("a"), &path("b"), true).await.unwrap();
        assert_eq!(std::fs::read(root.join("b")).unwrap(), b"a");
        fs.rename(&path("b"), &path("x/y/c"), false).await.unwrap();
        fs.rename(&path("x/y"), &path("moved"), false).await.unwrap();
        assert_eq!(std::fs::read(root.join("moved/c")).unwrap(), b"a");
        assert_eq!(fs.rename(&path("none"), &path("x/n"), false).await.unwrap_err().code, Fault::UNKNOWN);
        assert_eq!(fs.rename(&path("x/.."), &path("n"), false).await.unwrap_err().code, Fault::BAD_PARAMS);

        let dir = fs.dir(&path("moved")).await.unwrap();
        dir.chmod(&name("c"), 0o4711).await.unwrap();
        assert_eq!(std::fs::metadata(root.join("moved/c")).unwrap().mode() & 0o7777, 0o4711);
        dir.symlink(&name("l"), &path("/nowhere"), false).await.unwrap();
        assert_eq!(dir.read_link(&name("l")).await.unwrap(), path("/nowhere"));
        assert_eq!(dir.read_link(&name("c")).await.unwrap_err().code, Fault::WRONG_KIND);
        assert_eq!(dir.chmod(&name("l"), 0o777).await.unwrap_err().code, Fault::WRONG_KIND);
        assert_eq!(dir.symlink(&name("l"), &path("c"), false).await.unwrap_err().code, Fault::NAME_TAKEN);
        dir.symlink(&name("l"), &path("c"), true).await.unwrap();
        assert_eq!(dir.read_link(&name("l")).await.unwrap(), path("c"));
        assert!(dir.symlink(&name("z"), &path("c"), true).await.is_err(), "a directory is not replaced");

        assert_eq!(dir.remove(vec![name("z")]).await[0].as_ref().unwrap_err().code, Fault::WRONG_KIND);
        assert_eq!(fs.dir(&path("")).await.unwrap().rmdir(&name("moved")).await.unwrap_err().code, Fault::NAME_TAKEN);
        assert!(dir.rmdir(&name("z")).await.is_ok());
    });
}

#[test]
fn a_tree_is_deleted_and_nothing_else() {
    each(|fs, root| async move {
        std::fs::create_dir_all(root.join("outside/kept")).unwrap();
        std::fs::write(root.join("outside/kept/file"), "kept").unwrap();
        std::fs::create_dir_all(root.join("tree/a/b/c")).unwrap();
        for i in 0..700 {
            std::fs::write(root.join(format!("tree/a/{i}")), "x").unwrap();
        }
        std::os::unix::fs::symlink(root.join("outside"), root.join("tree/a/led")).unwrap();
        std::os::unix::fs::symlink("../outside", root.join("tree/led")).unwrap();
        std::os::unix::fs::symlink("outside", root.join("top")).unwrap();
        assert_eq!(delete(&fs, &root.join("tree")).await, WorkEnd::default());
        assert!(!root.join("tree").exists());
        assert_eq!(delete(&fs, &root.join("top")).await, WorkEnd::default());
        assert!(std::fs::symlink_metadata(root.join("top")).is_err());
        assert_eq!(std::fs::read(root.join("outside/kept/file")).unwrap(), b"kept");
        assert_eq!(delete(&fs, &root.join("none")).await.failed, 1);
    });
}

#[test]
fn a_tree_goes_through_a_bundle() {
    each(|fs, root| async move {
        let from = root.join("from");
        std::fs::create_dir_all(from.join("sub/empty")).unwrap();
        for i in 0..600 {
            std::fs::write(from.join(format!("sub/{i}")), noise(i * 7)).unwrap();
        }
        std::fs::write(from.join("large"), noise(700_000)).unwrap();
        std::os::unix::fs::symlink("/nowhere", from.join("link")).unwrap();
        std::fs::set_permissions(from.join("sub/7"), PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::set_permissions(from.join("sub/8"), PermissionsExt::from_mode(0o4755)).unwrap();
        std::fs::set_permissions(from.join("sub/empty"), PermissionsExt::from_mode(0o500)).unwrap();
        let bundle = packed(&fs, &from, true, Have::default()).await;
        std::fs::create_dir(root.join("to")).unwrap();
        assert_eq!(unpacked(&fs, &root.join("to"), &bundle, false).await, (WorkEnd::default(), 604));
        assert!(std::fs::read(root.join("to/large")).unwrap() == noise(700_000));
        for i in [0, 7, 599] {
            assert!(std::fs::read(root.join(format!("to/sub/{i}"))).unwrap() == noise(i * 7));
        }
        let (was, is) = (from.join("sub"), root.join("to/sub"));
        for file in ["", "7", "empty"] {
            let (was, is) = (was.join(file).metadata().unwrap(), is.join(file).metadata().unwrap());
            assert_eq!((was.mode(), was.mtime()), (is.mode(), is.mtime()), "{file}");
        }
        let mode = std::fs::metadata(root.join("to/sub/8")).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o755, "nothing comes that runs as somebody");
        assert_eq!(std::fs::read_link(root.join("to/link")).unwrap(), Path::new("/nowhere"));
        assert_eq!(list(&fs, &root.join("to/sub")).await.len(), 601, "no part is left");

        // the other side says what it has: nothing but what differs comes again
        let mut have = Have::default();
        assert!(have.feed(&packed(&fs, &root.join("to"), false, Have::default()).await).unwrap());
        std::fs::write(from.join("sub/7"), "another").unwrap();
        let again = packed(&fs, &from, true, have).await;
        assert!(again.len() < 2000, "{}", again.len());
        let (end, _) = unpacked(&fs, &root.join("to"), &again, true).await;
        assert_eq!(end, WorkEnd::default());
        assert_eq!(std::fs::read(root.join("to/sub/7")).unwrap(), b"another");
        let (end, _) = unpacked(&fs, &root.join("to"), &again, false).await;
        assert_eq!(end.failed, 2, "the file and the link are there");
    });
}

#[test]
fn a_file_that_does_not_say_how_long_it_is_comes_whole() {
    each(|fs, root| async move {
        let dir = fs.dir(&path("/proc/self")).await.unwrap();
        let names = ["status", "limits"].map(name);
        let mut pack = Pack::new(dir, names.to_vec(), true, Have::default());
        let mut bundle = Vec::new();
        while pack.next(&mut bundle).await {}
        let (end, files) = unpacked(&fs, &root, &bundle, false).await;
        assert_eq!((end, files), (WorkEnd::default(), 2));
        let limits = std::fs::read_to_string(root.join("limits")).unwrap();
        assert!(limits.contains("Max open files"), "{limits}");
        // and within one file system
        let mut copy = Copy::plan(&fs, &path("/proc/self/limits"), &path("copy"), false).await.unwrap();
        while copy.step().await.unwrap() {}
        assert_eq!(std::fs::read_to_string(root.join("copy")).unwrap(), limits);
        // asked for by name, as its entry says
        let mut wants = super::pack::Wants::default();
        let mut said = Vec::new();
        encode(&Record::Entry(Entry { path: path("limits"), kind: FileKind::File, ..Entry::default() }), &mut said);
        encode(&Record::End(WorkEnd::default()), &mut said);
        assert!(wants.feed(&said).unwrap());
        let mut pick = super::pack::Pick::new(fs.dir(&path("/proc/self")).await.unwrap(), wants);
        let mut bundle = Vec::new();
        while pick.next(&mut bundle).await {}
        let (end, _) = unpacked(&fs, &root, &bundle, true).await;
        assert_eq!(end, WorkEnd::default());
        assert_eq!(std::fs::read_to_string(root.join("limits")).unwrap(), limits);
    });
}

/// A bundle of a directory and a file in it, or of the file alone.
fn of_dir(dir: &str, mode: Option<u32>, file: &str) -> Vec<u8> {
    let mut bundle = Vec::new();
    if let Some(mode) = mode {
        let entry =
            Entry { path: path(dir), kind: FileKind::Dir, mode, mtime_ms: 1_600_000_000_000, ..Entry::default() };
        encode(&Record::Entry(entry), &mut bundle);
    }
    if !file.is_empty() {
        let entry =
            Entry { path: path(format!("{dir}/{file}")), kind: FileKind::File, mode: 0o600, ..Entry::default() };
        encode(&Record::Entry(entry), &mut bundle);
        encode(&Record::Whole, &mut bundle);
    }
    encode(&Record::End(WorkEnd::default()), &mut bundle);
    bundle
}

#[test]
fn a_directory_that_is_there_stays_as_it_is() {
    each(|fs, root| async move {
        let about = |dir: &str| {
            let meta = std::fs::metadata(root.join(dir)).unwrap();
            (meta.mode() & 0o7777, meta.mtime())
        };
        for mode in [0o711, 0o700] {
            let own = format!("own{mode:o}");
            std::fs::create_dir(root.join(&own)).unwrap();
            std::fs::set_permissions(root.join(&own), PermissionsExt::from_mode(mode)).unwrap();
            let was = about(&own);
            let (end, files) = unpacked(&fs, &root, &of_dir(&own, Some(0o755), ""), true).await;
            assert_eq!((end, files, about(&own)), (WorkEnd::default(), 1, was));
            unpacked(&fs, &root, &of_dir(&own, Some(0o755), "file"), true).await;
            assert_eq!(about(&own).0, mode);
        }
        // one that came with a file, before it was cut, is known
        unpacked(&fs, &root, &of_dir("cut", None, "file"), true).await;
        assert_eq!(about("cut").0 & 0o777, 0o700, "nobody else's until it is whole");
        unpacked(&fs, &root, &of_dir("cut", Some(0o2755), ""), true).await;
        assert_eq!(about("cut"), (0o755, 1_600_000_000));
        // and a new one gets what it had
        unpacked(&fs, &root, &of_dir("new", Some(0o750), "file"), true).await;
        assert_eq!(about("new"), (0o750, 1_600_000_000));
    });
}

#[test]
fn a_bundle_leads_nowhere_else() {
    each(|fs, root| async move {
        std::fs::create_dir(root.join("outside")).unwrap();
        std::fs::create_dir(root.join("in")).unwrap();
        let mut bundle = Vec::new();
        let mut put = |path: &str, kind: FileKind, link: Option<&str>| {
            let (path, link) = (super::tests::path(path), link.map(super::tests::path));
            encode(&Record::Entry(Entry { path, kind, size: 0, mode: 0o644, mtime_ms: 0, link }), &mut bundle);
            if kind == FileKind::File {
                encode(&Record::Whole, &mut bundle);
            }
        };
        for bad in ["../outside/a", "/etc/thub-test", "", "a/../../outside/b", "a//b", "."] {
            put(bad, FileKind::File, None);
        }
        put("led", FileKind::Link, Some("../outside"));
        put("led/c", FileKind::File, None);
        put("led/d", FileKind::Dir, None);
        put("good", FileKind::File, None);
        encode(&Record::End(WorkEnd::default()), &mut bundle);
        let (end, files) = unpacked(&fs, &root.join("in"), &bundle, true).await;
        assert_eq!((end.unusable, end.failed, files), (6, 2, 2));
        assert_eq!(std::fs::read_dir(root.join("outside")).unwrap().count(), 0);
        assert!(root.join("in/good").exists() && !Path::new("/etc/thub-test").exists());
    });
}

#[test]
fn a_tree_is_copied() {
    each(|fs, root| async move {
        let copy = async |from: &str, to: &str, replace: bool| {
            let mut copy = Copy::plan(&fs, &path(from), &path(to), replace).await?;
            while copy.step().await? {}
            Ok::<WorkEnd, Fault>(end(&mut copy.grow.tally))
        };
        std::fs::create_dir_all(root.join("a/sub")).unwrap();
        std::fs::write(root.join("a/small"), "small").unwrap();
        std::fs::write(root.join("a/sub/large"), noise(3_000_000)).unwrap();
        std::os::unix::fs::symlink("small", root.join("a/link")).unwrap();
        assert_eq!(copy("a", "b", false).await.unwrap(), WorkEnd::default());
        assert!(std::fs::read(root.join("b/sub/large")).unwrap() == noise(3_000_000));
        assert_eq!(std::fs::read_link(root.join("b/link")).unwrap(), Path::new("small"));
        assert_eq!(copy("a", "b", false).await.unwrap_err().code, Fault::NAME_TAKEN);
        assert_eq!(copy("a", "b", true).await.unwrap(), WorkEnd::default());
        assert_eq!(copy("a/small", "one", false).await.unwrap(), WorkEnd::default());
        assert_eq!(std::fs::read(root.join("one")).unwrap(), b"small");
        assert_eq!(copy("a", "a/sub/a", false).await.unwrap_err().code, Fault::REFUSED);
        assert_eq!(copy("a", "a", true).await.unwrap_err().code, Fault::REFUSED);
        assert_eq!(copy("a", "one", true).await.unwrap_err().code, Fault::NAME_TAKEN);
        assert_eq!(copy("none", "c", false).await.unwrap_err().code, Fault::UNKNOWN);
    });
}

#[tokio::test]
async fn a_disk_that_hangs_does_not_take_all_threads() {
    use super::local::{THREADS, blocking};
    use std::sync::{Arc, Condvar, Mutex};
    let (tx, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let disk = Arc::new((Mutex::new(true), Condvar::new()));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..THREADS * 3 {
        let (tx, disk) = (tx.clone(), disk.clone());
        calls.spawn(blocking(move || {
            tx.send(()).unwrap();
            drop(disk.1.wait_while(disk.0.lock().unwrap(), |hangs| *hangs));
            Ok(())
        }));
    }
    for _ in 0..THREADS {
        begun.recv().await.unwrap();
    }
    tokio::task::spawn_blocking(|| ()).await.expect("others have a thread");
    assert!(begun.try_recv().is_err(), "the rest wait for their turn");
    *disk.0.lock().unwrap() = false;
    disk.1.notify_all();
    assert!(calls.join_all().await.iter().all(Result::is_ok));
}

/// A small file system of its own; gone with this.
struct Mounted(std::path::PathBuf);
impl Mounted {
    /// None where nobody may.
    fn at(dir: &Path, size: &str) -> Option<Mounted> {
        std::fs::create_dir(dir).unwrap();
        let options = format!("size={size}");
        let mount =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", &options, "thub-test"]).arg(dir).output();
        if mount.is_ok_and(|m| m.status.success()) {
            return Some(Mounted(dir.to_path_buf()));
        }
        assert_ne!(std::env::var("THUB_TEST_REAL").as_deref(), Ok("all"), "no mount");
        eprintln!("skipped: nothing can be mounted");
        None
    }
}
impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_says_so_and_keeps_the_part() {
    each(|fs, root| async move {
        let Some(disk) = Mounted::at(&root.join("disk"), "1m") else { return };
        let why = write(&fs, &disk.0, wanted("big"), &noise(2 << 20)).await.unwrap_err();
        assert_eq!(why.code, Fault::FULL, "{why}");
        let names: Vec<_> = list(&fs, &disk.0).await.into_iter().map(|i| i.name.to_string()).collect();
        assert_eq!(names, [".thub-0123456789abcdef.part"]);
        let (end, _) = unpacked(
            &fs,
            &disk.0,
            &{
                let mut bundle = Vec::new();
                let entry = Entry { path: path("a"), kind: FileKind::File, size: 9, mode: 0o600, ..Entry::default() };
                encode(&Record::Entry(entry), &mut bundle);
                encode(&Record::Bytes(b"some text".to_vec()), &mut bundle);
                encode(&Record::Whole, &mut bundle);
                encode(&Record::End(WorkEnd::default()), &mut bundle);
                bundle
            },
            false,
        )
        .await;
        assert_eq!(end.failed, 1);
    });
}

#[test]
fn what_is_mounted_in_a_tree_is_not_deleted() {
    each(|fs, root| async move {
        std::fs::create_dir_all(root.join("tree/sub")).unwrap();
        let Some(disk) = Mounted::at(&root.join("tree/disk"), "1m") else { return };
        std::fs::write(disk.0.join("kept"), "kept").unwrap();
        let end = delete(&fs, &root.join("tree")).await;
        assert_eq!(end.failed, 1);
        assert!(disk.0.join("kept").exists() && !root.join("tree/sub").exists());
        if let Fs::Sftp(_) = fs {
            return;
        }
        // the top itself may be one: it is emptied, and stays
        assert_eq!(delete(&fs, &disk.0).await.failed, 1);
        assert!(disk.0.exists() && !disk.0.join("kept").exists());
        // renaming goes no further than a file system does, where it is told why
        std::fs::write(root.join("a"), "").unwrap();
        let code = fs.rename(&path("a"), &path("tree/disk/a"), false).await.unwrap_err().code;
        assert_eq!(code, Fault::OTHER_DISK);
    });
}
