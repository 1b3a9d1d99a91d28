//! Owns the builds of thub that were put on this machine as agents: which are used, which go, how all of it goes.
//! Leaves out how they come (`transport::deploy`).
//!
//! `~/.local/share/thub/agents/BUILD` is a folder, or a symlink to `DIR/thub-agents/BUILD` where programs may not run in
//! the home. A running program outlives its file: what is in use is kept for whoever starts it again, not for itself.
//! What another machine uses (`used`) stays: where a home is shared, its programs run from the same files.

use super::used;
use crate::failure::Failure;
use crate::paths::Paths;
use crate::safedir::SafeDir;
use crate::store::rundir::{Entry, RunDir};
use crate::store::sessions;
use crate::text::escape;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// So many are kept though nobody runs them: the ones used last.
const KEPT: usize = 2;
/// And what came or was used more recently than this.
const YOUNG: Duration = Duration::from_secs(3600);
/// The folder in a directory of the user's choice, as the upload makes it.
const FOLDER: &str = "thub-agents";

/// What an uninstall came to.
#[derive(Debug, Default)]
pub struct Removed {
    pub builds: usize,
    /// Builds that stay, for other machines that share the home.
    pub kept: usize,
    /// Names of those machines, escaped.
    pub machines: BTreeSet<String>,
    /// Names of the sessions that go on.
    pub sessions: Vec<String>,
}

struct Build {
    /// In the agents' folder.
    path: PathBuf,
    /// Where it lies in truth.
    dir: PathBuf,
    used_last: SystemTime,
}

impl Build {
    fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }
}

fn agents_of(paths: &Paths) -> PathBuf {
    paths.home().join(".local/share/thub/agents")
}

fn list(paths: &Paths) -> io::Result<Vec<Build>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(agents_of(paths))? {
        let path = entry?.path();
        // a link to a folder that is gone is a build all the same
        let dir = path.canonicalize().unwrap_or_else(|_| path.clone());
        let used_last = std::fs::metadata(&dir).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        all.push(Build { path, dir, used_last });
    }
    all.sort_by_key(|b| std::cmp::Reverse(b.used_last));
    Ok(all)
}

/// Folders of programs that run now as this user; `None` where the system does not tell.
fn in_use() -> Option<HashSet<PathBuf>> {
    let me = rustix::process::geteuid().as_raw();
    let mut used = HashSet::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let number = entry.file_name().as_bytes().iter().all(u8::is_ascii_digit);
        if !number || !entry.metadata().is_ok_and(|m| m.uid() == me) {
            continue;
        }
        let Ok(exe) = std::fs::read_link(entry.path().join("exe")) else { continue };
        let exe = exe.as_os_str().as_bytes();
        let exe = Path::new(OsStr::from_bytes(exe.strip_suffix(b" (deleted)").unwrap_or(exe)));
        used.extend(exe.parent().map(Path::to_path_buf));
    }
    (!used.is_empty()).then_some(used)
}

/// Notes that this build is used now, on this machine.
pub fn note(paths: &Paths) {
    let mine = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_path_buf));
    let Ok(all) = list(paths) else { return };
    if let Some(mine) = all.iter().find(|b| Some(&b.dir) == mine.as_ref()) {
        let _ = std::fs::File::open(&mine.dir).and_then(|d| d.set_modified(SystemTime::now()));
        used::note(paths, mine.name(), &crate::sys::hostname());
    }
}

/// Removes builds that nobody runs beyond the two used last. What can't be told or removed stays.
pub fn collect(paths: &Paths) {
    let Ok(all) = list(paths) else { return };
    if all.len() <= KEPT {
        return;
    }
    let Some(used) = in_use() else { return };
    let elsewhere = used::elsewhere(paths);
    let now = SystemTime::now();
    for build in all.iter().skip(KEPT) {
        let old = now.duration_since(build.used_last).is_ok_and(|d| d > YOUNG);
        let free = !used.contains(&build.dir) && !elsewhere.contains_key(build.name());
        if old && free && !is_shared(&build.dir) && remove(build).is_ok() {
            used::forget(paths, Some(build.name()));
            tracing::info!(build = %escape(&build.path.to_string_lossy()), "an unused build is removed");
        }
    }
}

/// Other machines may run what lies there, as in a home on a network: what they run can't be seen here, and what is removed
/// there is gone for those who run it (their sessions would die of SIGBUS).
fn is_shared(dir: &Path) -> bool {
    // statfs(2): NFS, SMB, CIFS, SMB2, AFS, Coda, Ceph, Lustre, GPFS, OCFS2, GFS2, FUSE
    #[cfg(target_os = "linux")]
    const SHARED: [u32; 12] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x5346_414f,
        0x7375_7245,
        0x00c3_6400,
        0x0bd0_0bd0,
        0x4750_4653,
        0x7461_636f,
        0x0116_1970,
        0x6573_5546,
    ];
    #[cfg(target_os = "linux")]
    return rustix::fs::statfs(dir).is_ok_and(|s| SHARED.contains(&(s.f_type as u32)));
    #[cfg(not(target_os = "linux"))]
    {
        let _ = dir;
        false
    }
}

/// A build and, where it lies elsewhere, its folder there.
fn remove(build: &Build) -> io::Result<()> {
    if !std::fs::symlink_metadata(&build.path)?.is_symlink() {
        return match std::fs::remove_dir_all(&build.path) {
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => std::fs::remove_file(&build.path),
            other => other,
        };
    }
    let above = build.dir.parent().filter(|p| p.file_name() == Some(OsStr::new(FOLDER)));
    // only what the upload makes: a symlink of the user's own may lead anywhere
    if let Some(above) = above
        && build.dir.file_name() == build.path.file_name()
        && std::fs::symlink_metadata(&build.dir).is_ok_and(|m| m.is_dir())
    {
        std::fs::remove_dir_all(&build.dir)?;
        let _ = std::fs::remove_dir(above);
    }
    std::fs::remove_file(&build.path)
}

/// Takes all of it away: the builds, and, where no session runs, what agents and sessions wrote; then the folders that
/// are empty. Sessions that run go on, and their records stay; so does what other machines use that share the home.
///
/// # Errors
/// What can't be removed, and why.
pub fn uninstall(paths: &Paths) -> Result<Removed, Failure> {
    let mut removed = Removed::default();
    let agents = agents_of(paths);
    let failed = |path: &Path, e: io::Error| {
        Failure::failed(format!("{} can't be removed: {e}", escape(&path.to_string_lossy())), "look at its permissions")
    };
    let elsewhere = used::elsewhere(paths);
    match list(paths) {
        Ok(all) => {
            for build in &all {
                if let Some(machines) = elsewhere.get(build.name()) {
                    removed.kept += 1;
                    removed.machines.extend(machines.iter().cloned());
                    continue;
                }
                remove(build).map_err(|e| failed(&build.path, e))?;
                removed.builds += 1;
            }
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed(&agents, e)),
    }
    used::forget(paths, None);
    let run = RunDir::open(paths)?;
    let alive = run.entries().into_iter().filter_map(|e| match e {
        Entry::Alive(record) => {
            Some(escape(if record.info.name.is_empty() { &record.info.id } else { &record.info.name }))
        }
        Entry::Lost(_) | Entry::Ended(_) => None,
    });
    removed.sessions = alive.collect();
    if removed.sessions.is_empty() {
        if let Ok(Some(dir)) = SafeDir::open(paths.state_dir()) {
            let _ = sessions::clear(&dir, run.machine());
        }
        let root = paths.run_root();
        std::fs::remove_dir_all(&root).map_err(|e| failed(&root, e))?;
        let state = paths.state_dir();
        // a layout beside it: this machine is somebody's client as well, and the log is that one's
        let only_log = std::fs::read_dir(state)
            .is_ok_and(|all| all.flatten().all(|e| e.file_name() == "log" || e.file_name() == "run"));
        if only_log && elsewhere.is_empty() {
            for name in ["thub.log", "thub.log.1"] {
                let _ = std::fs::remove_file(paths.log_dir().join(name));
            }
            let _ = std::fs::remove_dir(paths.log_dir());
        }
    }
    // only those that nothing is in: `remove_dir` refuses the others
    let local = paths.home().join(".local");
    let state = local.join("state");
    let (data, share) = (local.join("share/thub"), local.join("share"));
    for dir in [&agents, &data, &share, &state.join("thub/run"), &state.join("thub"), &state, &local] {
        let _ = std::fs::remove_dir(dir);
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn home() -> (tempfile::TempDir, Paths) {
        let home = tempfile::tempdir().unwrap();
        let at = home.path().canonicalize().unwrap();
        let paths = Paths::from_vars(|n| (n == "HOME").then(|| at.clone().into()), None, None, "m", "b").unwrap();
        (home, paths)
    }

    fn put(dir: &Path, hours: u64) {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("thub"), "x").unwrap();
        let ago = SystemTime::now() - Duration::from_secs(hours * 3600);
        std::fs::File::open(dir).unwrap().set_modified(ago).unwrap();
    }

    #[test]
    fn unused_builds_go_and_used_ones_stay() {
        let (_home, paths) = home();
        let agents = agents_of(&paths);
        collect(&paths);
        let away = paths.home().join("away/thub-agents");
        for (name, hours) in [("a", 0), ("b", 2), ("c", 3), ("d", 4)] {
            put(&agents.join(name), hours);
        }
        put(&away.join("e"), 5);
        symlink(away.join("e"), agents.join("e")).unwrap();
        // a symlink of somebody's own
        put(&paths.home().join("own"), 6);
        symlink(paths.home().join("own"), agents.join("f")).unwrap();
        // one that runs
        put(&agents.join("g"), 7);
        std::fs::copy("/bin/sleep", agents.join("g/thub")).unwrap();
        let ago = SystemTime::now() - Duration::from_secs(7 * 3600);
        std::fs::File::open(agents.join("g")).unwrap().set_modified(ago).unwrap();
        // (another test's fork may hold the copy open for a moment)
        let mut running = loop {
            match std::process::Command::new(agents.join("g/thub")).arg("60").spawn() {
                Err(e) if e.kind() == io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
                other => break other.unwrap(),
            }
        };
        collect(&paths);
        let left = || {
            let mut names: Vec<_> =
                std::fs::read_dir(&agents).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        running.kill().unwrap();
        running.wait().unwrap();
        assert_eq!(left(), ["a", "b", "g"]);
        assert!(!away.exists() && paths.home().join("away").exists());
        assert!(paths.home().join("own/thub").exists(), "what we did not make stays");
        collect(&paths);
        assert_eq!(left(), ["a", "b"]);
        // all of them
        symlink("/nowhere", agents.join("h")).unwrap();
        let removed = uninstall(&paths).unwrap();
        assert_eq!((removed.builds, removed.sessions.len()), (3, 0));
        assert!(!paths.home().join(".local").exists(), "no empty folder is left");
        assert_eq!(uninstall(&paths).unwrap().builds, 0);
        // what is somebody else's stays
        std::fs::create_dir_all(paths.home().join(".local/share/other")).unwrap();
        put(&agents.join("a"), 0);
        uninstall(&paths).unwrap();
        assert!(paths.home().join(".local/share/other").exists() && !paths.data_dir().exists());
    }

    #[test]
    fn a_home_that_machines_share() {
        let (_home, here) = home();
        let at = here.home().to_path_buf();
        let there = Paths::from_vars(|n| (n == "HOME").then(|| at.clone().into()), None, None, "other", "b").unwrap();
        let agents = agents_of(&here);
        for (paths, build, name) in
            [(&here, "a", "here"), (&here, "b", "here"), (&there, "b", "there\u{1b}[2J"), (&there, "d", "")]
        {
            used::note(paths, OsStr::new(build), name);
        }
        drop(RunDir::open(&there).unwrap());
        std::fs::write(there.run_root().join("x.sock"), "").unwrap();
        std::fs::create_dir_all(here.log_dir()).unwrap();
        std::fs::write(here.log_dir().join("thub.log"), "x").unwrap();
        // b and d are the oldest, and run nowhere that is seen here
        for (build, hours) in [("a", 2), ("c", 3), ("b", 4), ("d", 5), ("e", 6)] {
            put(&agents.join(build), hours);
        }
        collect(&here);
        let left = || ["a", "b", "c", "d", "e"].map(|b| agents.join(b).exists());
        assert_eq!(left(), [true, true, true, true, false]);
        let removed = uninstall(&here).unwrap();
        assert_eq!(left(), [false, true, false, true, false]);
        assert_eq!(removed.kept, 2);
        let machines: Vec<_> = removed.machines.iter().collect();
        assert!(machines.len() == 2 && !machines.iter().any(|m| m.contains('\u{1b}')), "{machines:?}");
        assert!(there.run_root().exists() && here.log_dir().join("thub.log").exists(), "it is the other one's as well");
        // the last one leaves nothing
        let removed = uninstall(&there).unwrap();
        assert_eq!((removed.builds, removed.kept), (2, 0));
        assert!(!at.join(".local").exists());
    }
}
