//! Files over links to agents in this process.

use super::*;
use crate::agent::{Context, Defaults, run};
use crate::paths::Paths;
use crate::sys::Inherited;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub fn path(text: impl AsRef<Path>) -> FilePath {
    FilePath::new(text.as_ref().as_os_str().as_bytes()).unwrap()
}

/// A host of its own: an agent whose home is an empty directory.
pub struct Host {
    pub home: PathBuf,
    name: HostId,
    ups: Ups,
    _dir: tempfile::TempDir,
}

impl Host {
    pub fn new(ups: &Ups, name: &str) -> Host {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap().join("home");
        std::fs::create_dir(&home).unwrap();
        let host = Host { home, name: HostId::new(name), ups: ups.clone(), _dir: dir };
        host.connect();
        host
    }

    pub fn end(&self) -> End {
        self.ups.end(Whose::host(self.name.clone()))
    }

    /// The link falls.
    pub fn cut(&self) {
        let up = self.ups.of(&self.name).borrow().clone();
        up.into_iter().for_each(|up| up.link.close());
    }

    /// A link that stands; the one before, if any, is not cut by it.
    pub fn connect(&self) -> Link {
        self.connect_over(|far| far)
    }

    pub fn connect_over(&self, over: impl FnOnce(tokio::io::DuplexStream) -> tokio::io::DuplexStream) -> Link {
        let paths = Paths::from_vars(|_| None, Some(self.home.clone()), None, "machine", "boot").unwrap();
        let inherited = Inherited { umask: 0o022, core: None };
        let (host, defaults) = ("host".into(), Defaults::default());
        let ctx = Context { paths, local: true, host, inherited, defaults, ssh_config: None, taken: false };
        let (ours, theirs) = tokio::io::duplex(256 << 10);
        tokio::spawn(run(theirs, ctx));
        let (tx, _) = tokio::sync::mpsc::unbounded_channel();
        let (link, served) = Link::new(over(ours), false, tx);
        let (ups, name, closed) = (self.ups.clone(), self.name.clone(), link.clone());
        tokio::spawn(async move {
            served.await;
            let mine = ups.of(&name).borrow().as_ref().is_some_and(|up| up.link.is_closed());
            if mine {
                ups.down(&name);
            }
            closed.close();
        });
        self.ups.up(&self.name, Up::new(link.clone(), true, None, Arc::new(|| Box::new(()))));
        link
    }
}

pub fn with<F: Future<Output = ()>>(test: impl FnOnce(Ups) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test(Ups::default()));
}

#[test]
fn calls_listings_and_bytes() {
    with(|ups| async move {
        let host = Host::new(&ups, "far");
        let end = host.end();
        end.mkdir(&path("a/b"), true, None).await.unwrap();
        std::fs::write(host.home.join("a/x"), vec![7; 9 << 20]).unwrap();
        let mut listing = end.list(&path("a")).await.unwrap();
        assert_eq!(listing.real, path(host.home.join("a")));
        let mut names = Vec::new();
        while let Some(entries) = listing.next().await.unwrap() {
            names.extend(entries.into_iter().map(|e| (e.name.to_string(), e.kind)));
        }
        names.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(names, [("b".into(), FileKind::Dir), ("x".into(), FileKind::File)]);
        assert_eq!(listing.end.as_ref().unwrap().entries, 2);
        // more than the credit of one window
        let (info, mut reading) = end.read(&path("a/x"), 1, None).await.unwrap();
        assert_eq!(info.size, 9 << 20);
        let mut bytes = 0;
        while let Some(piece) = reading.next().await.unwrap() {
            bytes += piece.len();
        }
        assert_eq!(bytes, (9 << 20) - 1);
        assert_eq!(reading.end.unwrap().size, 9 << 20);
        end.rename(&path("a/x"), &path("a/y"), false).await.unwrap();
        end.chmod(&path("a/y"), 0o600).await.unwrap();
        assert_eq!(end.stat(&path("a/y"), false, false).await.unwrap().info.mode, 0o600);
        assert_eq!(end.look(&path("a/x")).await.unwrap(), None);
        let mut told = 0;
        let ended = end.delete(&path("a"), true, |line| told = line.files).await.unwrap();
        assert_eq!((ended, told), (WorkEnd::default(), 3));
        assert_eq!(end.delete(&path("nothing"), false, |_| {}).await.unwrap_err().code, Fault::UNKNOWN);
    });
}

#[test]
fn a_listing_without_end_is_cut() {
    let info = |name: &str, owner: &str| FileInfo {
        name: FileName::new(name).unwrap(),
        owner: owner.into(),
        ..FileInfo::default()
    };
    // so many of the usual kind
    let mut taken = Taken::default();
    let (mut rounds, many) = (0, 1000);
    loop {
        let mut some = vec![info(&"n".repeat(100), "me"); many];
        rounds += 1;
        if !taken.cut(&mut some) {
            assert!(some.is_empty());
            break;
        }
    }
    assert_eq!((taken.entries, rounds), (FilesList::MOST, FilesList::MOST as usize / many + 1));
    // or of those that say much of themselves
    let mut taken = Taken::default();
    let mut some = vec![info("n", &"x".repeat(1 << 20)); 60];
    assert!(!taken.cut(&mut some) && some.len() == 47, "{}", some.len());
    assert!(!taken.cut(&mut some) && some.is_empty());
}

#[test]
fn a_link_that_comes_again_is_used() {
    with(|ups| async move {
        let host = Host::new(&ups, "far");
        let end = host.end();
        std::fs::write(host.home.join("x"), vec![7; 64 << 20]).unwrap();
        let (_, mut reading) = end.read(&path("x"), 0, None).await.unwrap();
        reading.next().await.unwrap();
        end.wait().await.unwrap().link.close();
        let gone = loop {
            match reading.next().await {
                Ok(bytes) => assert!(bytes.is_some(), "it does not end as if it were whole"),
                Err(f) => break f,
            }
        };
        assert_eq!(gone.code, Fault::GONE);
        assert!(!end.is_up());
        let x = path("x");
        let asked = end.stat(&x, false, false);
        let ((), asked) = tokio::join!(async { drop(host.connect()) }, asked);
        assert_eq!(asked.unwrap().info.size, 64 << 20);
    });
}

#[test]
fn below_a_tree_no_link_is_followed() {
    with(|ups| async move {
        let host = Host::new(&ups, "far");
        let end = host.end();
        for dir in ["tree/own", "elsewhere"] {
            std::fs::create_dir_all(host.home.join(dir)).unwrap();
        }
        std::fs::write(host.home.join("elsewhere/x"), "secret").unwrap();
        std::os::unix::fs::symlink("../elsewhere", host.home.join("tree/sub")).unwrap();
        std::os::unix::fs::symlink("../../elsewhere/x", host.home.join("tree/own/x")).unwrap();
        for file in ["sub/x", "own/x", "../elsewhere/x"] {
            let read = end.read_below(&path("tree"), &path(file), 0, None).await;
            assert!(matches!(read.err().map(|f| f.code), Some(Fault::WRONG_KIND | Fault::BAD_PARAMS)), "{file}");
        }
        for below in ["sub", "sub/new", ".."] {
            let name = FileName::new("y").unwrap();
            let part = "0123456789abcdef".into();
            let write = FilesWrite { dir: path("tree"), below: path(below), name, part, ..FilesWrite::default() };
            let written = end.write(write).await;
            assert!(matches!(written.err().map(|f| f.code), Some(Fault::WRONG_KIND | Fault::BAD_PARAMS)), "{below}");
        }
        assert_eq!(std::fs::read_dir(host.home.join("elsewhere")).unwrap().count(), 1);
    });
}
