//! Owns news of a device that is away: the kernel tells of changes in its directory. Leaves out opening it, and looking now
//! and then whether there was news that nobody told.

use std::path::{Path, PathBuf};

/// Names come and go in some directories all the time: told no more often than this.
#[cfg(target_os = "linux")]
const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// Where it is seen that something came: the path's directory, and that of what a link leads to; of what is not there, the
/// next one above it.
fn places(path: &Path) -> Vec<PathBuf> {
    let there = |path: &Path| path.ancestors().skip(1).find(|dir| dir.is_dir()).map(Path::to_path_buf);
    let led = std::fs::read_link(path).ok().and_then(|to| Some(path.parent()?.join(to)));
    let mut all: Vec<PathBuf> =
        [Some(path.to_path_buf()), led].into_iter().flatten().filter_map(|p| there(&p)).collect();
    all.dedup();
    all
}

pub struct Watch {
    path: PathBuf,
    #[cfg(target_os = "linux")]
    told: Option<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>>,
}

impl Watch {
    pub fn new(path: &Path) -> Watch {
        Watch {
            path: path.to_path_buf(),
            #[cfg(target_os = "linux")]
            told: watch(&places(path)),
        }
    }

    /// What is watched is chosen anew: directories have come or gone, links lead elsewhere.
    pub fn renew(&mut self) {
        *self = Watch::new(&self.path);
    }

    /// It may be there by now. For ever where nothing can be told.
    #[cfg(target_os = "linux")]
    pub async fn told(&mut self) {
        use rustix::fs::inotify;
        let Some(told) = &self.told else { return std::future::pending().await };
        let Ok(mut ready) = told.readable().await else { return std::future::pending().await };
        // (news are taken last: who gives this up meanwhile is told again)
        tokio::time::sleep(PAUSE).await;
        let mut room = [std::mem::MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(told.get_ref(), &mut room);
        while events.next().is_ok() {}
        ready.clear_ready();
    }

    #[cfg(not(target_os = "linux"))]
    pub async fn told(&mut self) {
        let _ = places(&self.path);
        std::future::pending().await
    }
}

#[cfg(target_os = "linux")]
fn watch(places: &[PathBuf]) -> Option<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>> {
    use rustix::fs::inotify::WatchFlags;
    // (ATTRIB: who may open it is set once it is there)
    let what = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ATTRIB | WatchFlags::ONLYDIR;
    crate::sys::watched_dirs(places, what).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_where_something_is() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        assert_eq!(places(&at("x")), [dir.path()]);
        assert_eq!(places(&at("by-id/x")), [dir.path()]);
        std::fs::create_dir(at("by-id")).unwrap();
        assert_eq!(places(&at("by-id/x")), [at("by-id")]);
        std::os::unix::fs::symlink(at("pts/3"), at("a")).unwrap();
        assert_eq!(places(&at("a")), [dir.path()]);
        std::fs::create_dir(at("pts")).unwrap();
        assert_eq!(places(&at("a")), [dir.path().to_path_buf(), at("pts")]);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_comes_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("by-id/x");
        let mut watch = Watch::new(&path);
        for step in [0, 1] {
            if step == 0 {
                std::fs::create_dir(dir.path().join("by-id")).unwrap()
            } else {
                std::fs::write(&path, "").unwrap()
            }
            watch.told().await;
            watch.renew();
        }
    }
}
