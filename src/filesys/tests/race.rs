//! Somebody swaps a directory for a symlink, again and again, while work goes on in it: nothing comes to where the link leads.

use super::{Grow, Unpack, name, path, wanted};
use crate::filesys::delete::Delete;
use crate::filesys::local::Local;
use crate::filesys::{Fs, Wanted};
use crate::proto::bundle::{Entry, Record, encode, encode_bytes};
use crate::proto::control::{FileKind, WorkEnd};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Enough that each kind of work meets it at each of its steps.
const TRIES: usize = 500;

/// `dir` and `link` change places until it is let go of.
struct Swapper {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<u64>>,
}
impl Swapper {
    fn spawn(dir: PathBuf, link: PathBuf) -> Swapper {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut swapped = 0;
            while !stopped.load(Ordering::Relaxed) {
                if renameat_with(CWD, &dir, CWD, &link, RenameFlags::EXCHANGE).is_ok() {
                    swapped += 1;
                }
                std::thread::yield_now();
            }
            swapped
        });
        Swapper { stop, thread: Some(thread) }
    }
    fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

fn outside(root: &Path) -> Vec<String> {
    let names = std::fs::read_dir(root.join("outside")).unwrap();
    let mut names: Vec<_> = names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_swapped_directory_leads_nobody_astray() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let root = tmp.path().canonicalize().unwrap();
    let fs = Fs::Local(Local::new(&root, 0o022));
    std::fs::create_dir(root.join("outside")).unwrap();
    for kept in ["a", "b"] {
        std::fs::write(root.join("outside").join(kept), "kept").unwrap();
    }
    let mut bundle = Vec::new();
    for (path, kind) in [("sub", FileKind::Dir), ("sub/a", FileKind::File), ("sub/x", FileKind::File)] {
        let (path, size) = (super::path(path), if kind == FileKind::File { 3 } else { 0 });
        encode(&Record::Entry(Entry { path, kind, size, mode: 0o755, mtime_ms: 1, link: None }), &mut bundle);
        if kind == FileKind::File {
            encode_bytes(b"new", &mut bundle);
            encode(&Record::Whole, &mut bundle);
        }
    }
    encode(&Record::End(WorkEnd::default()), &mut bundle);
    let top = root.join("top");
    std::fs::create_dir_all(&top).unwrap();
    let mut swapped = 0;
    for round in 0..TRIES {
        let _ = std::fs::remove_file(top.join("sub"));
        let _ = std::fs::remove_dir_all(top.join("sub"));
        let _ = std::fs::remove_file(root.join("spare"));
        let _ = std::fs::remove_dir_all(root.join("spare"));
        std::fs::create_dir_all(top.join("sub")).unwrap();
        for name in ["a", "b"] {
            std::fs::write(top.join("sub").join(name), "to go").unwrap();
        }
        std::os::unix::fs::symlink(root.join("outside"), root.join("spare")).unwrap();
        let swapper = Swapper::spawn(top.join("sub"), root.join("spare"));
        runtime.block_on(async {
            let dir = fs.dir(&path(&top)).await.unwrap();
            match round % 3 {
                0 => {
                    let mut delete = Delete::new(dir, name("sub"));
                    while delete.step().await {}
                }
                1 => {
                    let mut unpack = Unpack::new(Grow::new(fs.clone(), dir, true));
                    unpack.feed(&bundle).await.unwrap();
                }
                _ => {
                    if let Ok(sub) = dir.sub(&name("sub")).await {
                        let wanted = Wanted { replace: true, ..wanted("a") };
                        let mut writer = sub.write(wanted).await.unwrap();
                        writer.write(b"new".to_vec()).await.unwrap();
                        writer.finish().await.unwrap();
                        let _ = sub.chmod(&name("a"), 0o777).await;
                    }
                }
            }
        });
        swapped += swapper.stop();
        assert_eq!(outside(&root), ["a", "b"], "round {round}");
        for kept in ["a", "b"] {
            assert_eq!(std::fs::read(root.join("outside").join(kept)).unwrap(), b"kept", "round {round}");
        }
    }
    assert!(swapped > TRIES as u64, "nobody swapped anything");
}
