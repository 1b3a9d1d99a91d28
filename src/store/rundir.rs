//! Owns what lies in the run dir: a record for each session, its lock, its end.
//! Leaves out the sessions themselves.
//!
//! In the folder of this machine and boot: `ID.json` (locked by the session's process for life), `ID.sock`,
//! `ID.end` (how it ended: screen, history, ring), `ID.lost` (its process was killed), `names.lock`, `again.lock`,
//! `told.logout` (it was said that sessions end at logout).

use crate::failure::Failure;
use crate::paths::Paths;
use crate::proto::control::SessionInfo;
use crate::proto::ids::{Offset, SessionId, Size};
use crate::safedir::SafeDir;
use crate::sys;
use rustix::fs::{FlockOperation, Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Records of ended and lost sessions are kept this long.
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// And no more than this many.
const KEPT: usize = 200;
/// Largest record read.
const RECORD_LIMIT: usize = 1 << 20;
/// First bytes of an end record.
const END_MAGIC: &[u8; 12] = b"thub-end/1\n\0";

/// What a session's process says of itself on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    pub version: u32,
    pub machine: String,
    pub boot: String,
    /// Field 22 of /proc/PID/stat: tells this process from a later one of the same number.
    pub start_time: u64,
    pub info: SessionInfo,
}

impl Default for Record {
    fn default() -> Record {
        Record { version: 1, machine: String::new(), boot: String::new(), start_time: 0, info: SessionInfo::default() }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Lost {
    info: SessionInfo,
    /// Seconds since 1970.
    noticed: u64,
    /// The same in milliseconds since this boot.
    noticed_up: Option<u64>,
}

/// The head of an end record; screen, history, ring and marks follow in this order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EndHeader {
    pub info: SessionInfo,
    /// Seconds since 1970.
    pub ended: u64,
    /// The same in milliseconds since this boot; none = from an earlier build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_up: Option<u64>,
    pub ring_start: Offset,
    pub screen_len: u64,
    pub history_len: u64,
    pub ring_len: u64,
    /// Marks follow the ring.
    pub marks_len: u64,
}

/// What a session leaves behind, part by part.
#[derive(Clone, Copy, Default)]
pub struct Remains<'a> {
    pub screen: &'a [u8],
    pub history: &'a [u8],
    /// In two pieces, the older first.
    pub ring: (&'a [u8], &'a [u8]),
    /// JSON lines, each a `MarkInfo`.
    pub marks: &'a [u8],
}

/// How a session ended, open for reading.
pub struct End {
    pub header: EndHeader,
    file: File,
    body: u64,
}

impl End {
    pub fn size(&self) -> Size {
        Size { cols: self.header.info.cols, rows: self.header.info.rows }.clamped()
    }
    fn part(&self, from: u64, len: u64) -> io::Result<Vec<u8>> {
        let have = self.file.metadata()?.len();
        if self.body.saturating_add(from).saturating_add(len) > have {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the end record is cut short"));
        }
        let mut buf = vec![0; len as usize];
        self.file.read_exact_at(&mut buf, self.body + from)?;
        Ok(buf)
    }
    pub fn screen(&self) -> io::Result<Vec<u8>> {
        self.part(0, self.header.screen_len)
    }
    pub fn history(&self) -> io::Result<Vec<u8>> {
        self.part(self.header.screen_len, self.header.history_len)
    }
    /// Raw output from `offset` on, at most `most` bytes.
    pub fn ring(&self, offset: Offset, most: usize) -> io::Result<Vec<u8>> {
        let at = offset.saturating_sub(self.header.ring_start).min(self.header.ring_len);
        let n = (self.header.ring_len - at).min(most as u64);
        self.part(self.header.screen_len.saturating_add(self.header.history_len).saturating_add(at), n)
    }
    /// What the shell marked, as JSON lines.
    pub fn marks(&self) -> io::Result<Vec<u8>> {
        let before = self.header.screen_len.saturating_add(self.header.history_len);
        self.part(before.saturating_add(self.header.ring_len), self.header.marks_len)
    }
}

/// A session as the run dir shows it.
pub enum Entry {
    /// Its process holds the lock.
    Alive(Record),
    /// Its process was killed; `info.cause` says what is known.
    Lost(SessionInfo),
    Ended(EndHeader),
}

impl Entry {
    pub fn info(&self) -> &SessionInfo {
        match self {
            Entry::Alive(r) => &r.info,
            Entry::Lost(i) => i,
            Entry::Ended(h) => &h.info,
        }
    }
}

/// The run dir's folder of this machine and boot.
pub struct RunDir {
    path: PathBuf,
    root: PathBuf,
    dir: SafeDir,
    machine: String,
    boot: String,
}

/// A record's lock, held for life.
pub struct Held {
    _fd: OwnedFd,
}

fn seconds(t: SystemTime) -> u64 {
    t.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

impl RunDir {
    /// Opens it, making what is missing; refuses one that is not the user's alone.
    pub fn open(paths: &Paths) -> Result<RunDir, Failure> {
        let root = paths.run_dir().to_path_buf();
        let name = paths.boot_folder_name();
        let dir = SafeDir::open_or_create(&root)?.sub(name)?;
        Ok(RunDir {
            path: root.join(name),
            root,
            dir,
            machine: paths.machine_id().to_string(),
            boot: paths.boot_id().to_string(),
        })
    }

    pub fn path(&self) -> &PathBuf {
        &self.path
    }
    pub fn dir(&self) -> &SafeDir {
        &self.dir
    }
    pub fn machine(&self) -> &str {
        &self.machine
    }
    pub fn boot(&self) -> &str {
        &self.boot
    }
    /// Whether the path still leads to this folder.
    pub fn is_still_there(&self) -> bool {
        self.dir.is_still_there(&self.path)
    }

    /// Whether it was said, in this boot, that sessions here end at logout.
    pub fn told_of_logout(&self) -> bool {
        matches!(self.dir.stat("told.logout"), Ok(Some(_)))
    }
    /// It was, and needs not be said again.
    pub fn tell_of_logout(&self) -> io::Result<()> {
        self.dir.write_atomic("told.logout", b"")
    }

    /// Held while a name is looked for and taken.
    pub fn lock_names(&self, most: Duration) -> io::Result<File> {
        self.dir.lock("names.lock", most)
    }

    /// Held while a lost session is begun again, so that it is once.
    pub fn lock_again(&self, most: Duration) -> io::Result<File> {
        self.dir.lock("again.lock", most)
    }

    /// Writes a session's record and locks it. The lock is on the file before the file has its name.
    pub fn publish(&self, record: &Record) -> io::Result<Held> {
        let json = serde_json::to_vec(record)?;
        let name = format!("{}.json", record.info.id);
        let temp = format!("{}.json.tmp", record.info.id);
        let _ = rustix::fs::unlinkat(self.dir.as_fd(), temp.as_str(), rustix::fs::AtFlags::empty());
        let fd = rustix::fs::openat(
            self.dir.as_fd(),
            temp.as_str(),
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::from_raw_mode(0o600),
        )?;
        rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive)?;
        let mut file = File::from(fd);
        file.write_all(&json)?;
        rustix::fs::renameat(self.dir.as_fd(), temp.as_str(), self.dir.as_fd(), name.as_str())?;
        Ok(Held { _fd: OwnedFd::from(file) })
    }

    fn open_at(&self, name: &str) -> io::Result<File> {
        let fd = rustix::fs::openat(
            self.dir.as_fd(),
            name,
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK,
            Mode::empty(),
        )?;
        Ok(File::from(fd))
    }

    fn gone(&self, name: &str) {
        let _ = rustix::fs::unlinkat(self.dir.as_fd(), name, rustix::fs::AtFlags::empty());
    }

    /// One session by its id.
    pub fn entry(&self, id: &SessionId) -> Option<Entry> {
        // a record that is published anew while it is looked at is looked at again
        for _ in 0..3 {
            let found =
                self.ended(id).or_else(|| self.alive_or_lost(id)).or_else(|| self.ended(id)).or_else(|| self.lost(id));
            if found.is_some() || !matches!(self.dir.stat(&format!("{id}.json")), Ok(Some(_))) {
                return found;
            }
        }
        None
    }

    fn ended(&self, id: &SessionId) -> Option<Entry> {
        self.end(id).ok().map(|e| Entry::Ended(e.header))
    }

    fn lost(&self, id: &SessionId) -> Option<Entry> {
        let mut json = Vec::new();
        self.open_at(&format!("{id}.lost")).ok()?.take(RECORD_LIMIT as u64).read_to_end(&mut json).ok()?;
        Some(Entry::Lost(serde_json::from_slice::<Lost>(&json).ok()?.info))
    }

    fn alive_or_lost(&self, id: &SessionId) -> Option<Entry> {
        let name = format!("{id}.json");
        let file = self.open_at(&name).ok()?;
        let mut json = Vec::new();
        (&file).take(RECORD_LIMIT as u64).read_to_end(&mut json).ok()?;
        let record: Record = serde_json::from_slice(&json).ok()?;
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).is_err() {
            return Some(Entry::Alive(record));
        }
        // the lock is free: it has just ended, was published anew under another lock, or was killed
        if let Some(ended) = self.ended(id) {
            return Some(ended);
        }
        let same = rustix::fs::fstat(&file).ok().zip(self.dir.stat(&name).ok().flatten());
        #[allow(clippy::unnecessary_cast)] // the types differ between systems
        if same.is_none_or(|(a, b)| (a.st_dev as u64, a.st_ino as u64) != (b.device, b.inode)) {
            return None;
        }
        let mut info = record.info;
        info.state = "lost".into();
        info.clients = 0;
        info.cause = Some(format!("its process {} was killed from outside (no end was recorded)", info.pid));
        // only who takes the lock whole tidies up; where the disk is full it stays as it is, to be found again
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() && self.mark_lost(&info).is_ok() {
            self.gone(&name);
            self.gone(&format!("{id}.sock"));
        }
        Some(Entry::Lost(info))
    }

    fn mark_lost(&self, info: &SessionInfo) -> io::Result<()> {
        let lost = Lost { info: info.clone(), noticed: seconds(SystemTime::now()), noticed_up: Some(sys::boot_ms()) };
        self.dir.write_atomic(&format!("{}.lost", info.id), &serde_json::to_vec(&lost)?)
    }

    /// All sessions, oldest first. Tidies up on the way: what is too old, too many, or left behind by the killed.
    pub fn entries(&self) -> Vec<Entry> {
        self.take_over_other_boots();
        let mut ids: Vec<SessionId> = self
            .dir
            .list()
            .unwrap_or_default()
            .iter()
            .filter_map(|n| {
                n.strip_suffix(".json").or_else(|| n.strip_suffix(".end")).or_else(|| n.strip_suffix(".lost"))
            })
            .filter_map(|id| id.parse().ok())
            .collect();
        ids.sort();
        ids.dedup();
        let mut all: Vec<Entry> = ids.iter().filter_map(|id| self.entry(id)).collect();
        oldest_first(&mut all);
        all
    }

    /// Removes records that are too old or too many. Cheap where there is nothing to do: looks at names first.
    pub fn collect(&self) {
        let _ = self.dir.sweep();
        let names = self.dir.list().unwrap_or_default();
        let mut old: Vec<(u64, String)> = names
            .iter()
            .filter(|n| n.ends_with(".end") || n.ends_with(".lost"))
            .filter_map(|n| Some((seconds(self.dir.stat(n).ok()??.modified), n.clone())))
            .collect();
        old.sort();
        let now = seconds(SystemTime::now());
        let surplus = old.len().saturating_sub(KEPT);
        if surplus > 0 {
            // (a clock that was set back makes the newest look oldest)
            old.sort_by_cached_key(|(mtime, name)| (self.kept_since(name), *mtime));
        }
        let up = sys::boot_ms();
        for (i, (mtime, name)) in old.iter().enumerate() {
            // what seems old may be of just now: somebody has set the clock. What is of a time to come is of before that
            let seems = now.checked_sub(*mtime).is_none_or(|age| age > KEPT_FOR.as_secs());
            let is = || match self.kept_since(name) {
                Some(since) => up.saturating_sub(since) > KEPT_FOR.as_millis() as u64,
                None => *mtime <= now,
            };
            if i < surplus || (seems && is()) {
                self.gone(name);
            }
        }
        // left behind by a killed session: nobody holds a record of that id
        for name in &names {
            let id =
                [".sock", ".agent", ".xauth", ".end.tmp", ".json.tmp"].iter().find_map(|end| name.strip_suffix(end));
            let Some(id) = id else { continue };
            if !names.iter().any(|n| n.strip_suffix(".json") == Some(id))
                && self.open_at(&format!("{id}.json")).is_err()
            {
                let made = self.dir.stat(name).ok().flatten().map(|e| seconds(e.modified));
                // (a clock that was set back leaves what is of a time to come)
                let old = made.is_some_and(|t| now.checked_sub(t).is_none_or(|age| age > 10));
                if old {
                    self.gone(name);
                }
            }
        }
    }

    /// When the end of that name was recorded, milliseconds since this boot.
    fn kept_since(&self, name: &str) -> Option<u64> {
        let id: SessionId = name.split('.').next()?.parse().ok()?;
        match name.ends_with(".end") {
            true => self.end(&id).ok()?.header.ended_up,
            false => {
                let mut json = Vec::new();
                self.open_at(name).ok()?.take(RECORD_LIMIT as u64).read_to_end(&mut json).ok()?;
                serde_json::from_slice::<Lost>(&json).ok()?.noticed_up
            }
        }
    }

    /// Sessions of this machine's earlier boots: their processes are gone with it.
    fn take_over_other_boots(&self) {
        let Ok(root) = SafeDir::open_or_create(&self.root) else { return };
        for folder in root.list().unwrap_or_default() {
            if self.path.ends_with(&folder) || folder.len() != 16 {
                continue;
            }
            let Ok(other) = root.sub(&folder) else { continue };
            let names = other.list().unwrap_or_default();
            let mut ours = true;
            let had = names.iter().any(|n| n.ends_with(".json"));
            for name in &names {
                let Some(id) = name.strip_suffix(".json") else { continue };
                let Ok(json) = other.read(name, RECORD_LIMIT) else { continue };
                let Ok(record) = serde_json::from_slice::<Record>(&json) else { continue };
                if record.machine != self.machine || record.boot == self.boot {
                    ours = false;
                    break;
                }
                let mut info = record.info;
                info.state = "lost".into();
                info.clients = 0;
                info.cause = Some(SessionInfo::LOST_AT_BOOT.into());
                if self.mark_lost(&info).is_err() {
                    // (a full disk: next time)
                    ours = false;
                    break;
                }
                for end in ["json", "sock", "agent", "xauth"] {
                    let _ = other.remove(&format!("{id}.{end}"));
                }
            }
            // a folder of ends alone may be another machine's, but not when they are far past their time
            let past = || {
                let ends = [".end", ".lost", ".target", ".tsock", ".tagent"];
                let kept =
                    |n: &String| ends.iter().any(|end| n.ends_with(end)) || n == "names.lock" || n == "again.lock";
                let old = |n: &String| {
                    let modified = other.stat(n).ok().flatten().map(|e| e.modified);
                    modified.and_then(|m| SystemTime::now().duration_since(m).ok()).is_some_and(|d| d > 24 * KEPT_FOR)
                };
                names.iter().all(|n| kept(n) && old(n))
            };
            if ours && (had || past()) {
                let _ = other.sweep();
                for name in names {
                    let _ = other.remove(&name);
                }
                let _ = rustix::fs::unlinkat(root.as_fd(), folder.as_str(), rustix::fs::AtFlags::REMOVEDIR);
            }
        }
    }

    /// Opens a session's end record.
    pub fn end(&self, id: &SessionId) -> io::Result<End> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_string());
        let file = self.open_at(&format!("{id}.end"))?;
        let mut head = [0u8; 16];
        file.read_exact_at(&mut head, 0)?;
        let (magic, length) = head.split_at(12);
        if magic != END_MAGIC {
            return Err(bad("no end record"));
        }
        let length = u32::from_le_bytes(length.try_into().unwrap_or_default()) as usize;
        if length > RECORD_LIMIT {
            return Err(bad("the end record's head is too large"));
        }
        let mut json = vec![0; length];
        file.read_exact_at(&mut json, 16)?;
        let header = serde_json::from_slice(&json)?;
        Ok(End { header, file, body: 16 + length as u64 })
    }

    /// Writes how a session ended, whole or not at all; where the disk has no room, without the ring, or its code alone.
    pub fn write_end(&self, mut header: EndHeader, all: Remains<'_>) -> io::Result<()> {
        (header.ended, header.ended_up) = (seconds(SystemTime::now()), Some(sys::boot_ms()));
        let whole = self.try_write_end(&mut header, all);
        if whole.is_ok() {
            return whole;
        }
        header.ring_start += (all.ring.0.len() + all.ring.1.len()) as u64;
        self.try_write_end(&mut header, Remains { screen: all.screen, ..Remains::default() })
            .or_else(|_| self.try_write_end(&mut header, Remains::default()))
    }

    fn try_write_end(&self, header: &mut EndHeader, all: Remains<'_>) -> io::Result<()> {
        header.screen_len = all.screen.len() as u64;
        header.history_len = all.history.len() as u64;
        header.ring_len = (all.ring.0.len() + all.ring.1.len()) as u64;
        header.marks_len = all.marks.len() as u64;
        let json = serde_json::to_vec(header)?;
        let (name, temp) = (format!("{}.end", header.info.id), format!("{}.end.tmp", header.info.id));
        self.gone(&temp);
        let write = || -> io::Result<()> {
            let fd = rustix::fs::openat(
                self.dir.as_fd(),
                temp.as_str(),
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::from_raw_mode(0o600),
            )?;
            let mut file = File::from(fd);
            let mut head = END_MAGIC.to_vec();
            head.extend_from_slice(&(json.len() as u32).to_le_bytes());
            head.extend_from_slice(&json);
            for part in [&head[..], all.screen, all.history, all.ring.0, all.ring.1, all.marks] {
                file.write_all(part)?;
            }
            rustix::fs::renameat(self.dir.as_fd(), temp.as_str(), self.dir.as_fd(), name.as_str())?;
            Ok(())
        };
        let result = write();
        if result.is_err() {
            self.gone(&temp);
        }
        result
    }

    /// Removes all that is left of a session that is not alive.
    pub fn forget(&self, id: &SessionId) {
        for end in ["end", "lost"] {
            self.gone(&format!("{id}.{end}"));
        }
    }

    /// A living session takes its own things away.
    pub fn withdraw(&self, id: &SessionId) {
        for end in ["sock", "agent", "xauth", "json"] {
            self.gone(&format!("{id}.{end}"));
        }
    }
}

/// In the order they were made.
pub fn oldest_first(all: &mut [Entry]) {
    all.sort_by(|a, b| a.info().oldest_first(b.info()));
}

/// Whether the process of a record is still that one.
pub fn same_process(record: &Record) -> bool {
    sys::process_start_time(record.info.pid as i32) == Some(record.start_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// And its paths in a boot of that name.
    fn home() -> (tempfile::TempDir, impl Fn(&str) -> Paths) {
        let home = tempfile::tempdir().unwrap();
        let at = home.path().canonicalize().unwrap();
        let paths = move |boot: &str| {
            Paths::from_vars(|n| (n == "HOME").then(|| at.clone().into()), None, None, "m", boot).unwrap()
        };
        (home, paths)
    }

    #[test]
    fn what_the_killed_left_goes() {
        let (_home, paths) = home();
        let run = RunDir::open(&paths("one")).unwrap();
        let old = run.dir().create_new(".tmp-00", 0o600).unwrap();
        old.set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();
        run.dir().create_new(".tmp-11", 0o600).unwrap();
        run.collect();
        assert_eq!(run.dir().stat(".tmp-00").unwrap(), None);
        assert!(run.dir().stat(".tmp-11").unwrap().is_some(), "it may be somebody's yet");
        // the folder of an earlier boot, with all that is in it
        let old = run.dir().create_new(".tmp-00", 0o600).unwrap();
        old.set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();
        run.dir().remove(".tmp-11").unwrap();
        assert_eq!(RunDir::open(&paths("two")).unwrap().entries().len(), 0);
        assert!(!run.path().exists());
    }

    /// A record as it is on disk, with another time.
    fn dated(run: &RunDir, id: &str, ended_up: Option<u64>, modified: SystemTime) {
        let info = SessionInfo { id: id.into(), ..SessionInfo::default() };
        run.write_end(EndHeader { info, ..EndHeader::default() }, Remains::default()).unwrap();
        let name = format!("{id}.end");
        if ended_up != Some(0) {
            let mut header = run.end(&id.parse().unwrap()).unwrap().header;
            header.ended_up = ended_up;
            run.try_write_end(&mut header, Remains::default()).unwrap();
        }
        let file = File::options().write(true).open(run.path().join(&name)).unwrap();
        file.set_modified(modified).unwrap();
    }

    #[test]
    fn ends_are_kept_for_an_hour_whatever_is_done_to_the_clock() {
        const DAY: Duration = Duration::from_secs(86_400);
        let (_home, paths) = home();
        let run = RunDir::open(&paths("one")).unwrap();
        let (now, up) = (SystemTime::now(), sys::boot_ms());
        // it ended just now, and the clock went three days on since; or back
        dated(&run, "forth", Some(0), now - 3 * DAY);
        dated(&run, "back", Some(0), now + 3 * DAY);
        // two hours ago, and the clock went back: it is of a time to come, and old all the same
        let before = up.checked_sub(2 * 3_600_000);
        if before.is_some() {
            dated(&run, "old", before, now + 3 * DAY);
            dated(&run, "plain", before, now - Duration::from_secs(7200));
        }
        // one of an earlier build goes by its time
        dated(&run, "earlier", None, now - Duration::from_secs(7200));
        run.collect();
        let left: Vec<String> = run.entries().iter().map(|e| e.info().id.clone()).collect();
        assert_eq!(left, ["back", "forth"]);
    }

    #[test]
    fn of_too_many_the_oldest_go_whatever_is_done_to_the_clock() {
        let (_home, paths) = home();
        let run = RunDir::open(&paths("one")).unwrap();
        let (now, up) = (SystemTime::now(), sys::boot_ms());
        // the later they ended, the older they seem: the clock goes back all the time
        for n in 0..KEPT as u64 + 2 {
            dated(&run, &format!("s{n}"), Some(up - 1000 + n), now - Duration::from_secs(n));
        }
        run.collect();
        let left: Vec<String> = run.entries().iter().map(|e| e.info().id.clone()).collect();
        assert_eq!(left.len(), KEPT);
        assert!(!left.iter().any(|id| id == "s0" || id == "s1"), "{left:?}");
    }

    #[test]
    fn they_are_listed_in_the_order_they_were_made() {
        let session = |id: &str, up: Option<u64>, created_ms: u64| SessionInfo {
            id: id.into(),
            created_up: up,
            created_ms,
            ..SessionInfo::default()
        };
        let lost = SessionInfo { cause: Some(SessionInfo::LOST_AT_BOOT.into()), ..session("boot", Some(9000), 10) };
        // the clock was set back before the third was made, and far ahead before the fourth
        let made = [lost, session("a", Some(1), 5000), session("b", Some(2), 5000), session("c", Some(3), 1000)];
        let made = made.into_iter().chain([session("d", Some(4), 900_000)]);
        let mut all: Vec<Entry> = made.rev().map(Entry::Lost).collect();
        oldest_first(&mut all);
        let order: Vec<&str> = all.iter().map(|e| e.info().id.as_str()).collect();
        assert_eq!(order, ["boot", "a", "b", "c", "d"]);
    }

    #[test]
    fn who_was_killed_is_found_until_that_is_kept() {
        let (_home, paths) = home();
        let run = RunDir::open(&paths("one")).unwrap();
        let info = SessionInfo { id: "a".into(), ..SessionInfo::default() };
        let (machine, boot) = (run.machine().to_string(), run.boot().to_string());
        drop(run.publish(&Record { machine, boot, info, ..Record::default() }).unwrap());
        // a directory in the way: it can't be written, as on a full disk
        run.dir().sub("a.lost").unwrap();
        let id: SessionId = "a".parse().unwrap();
        for _ in 0..2 {
            assert!(matches!(run.entry(&id), Some(Entry::Lost(_))));
        }
        run.dir().remove_dir("a.lost").unwrap();
        // the same after a boot
        let later = RunDir::open(&paths("two")).unwrap();
        later.dir().sub("a.lost").unwrap();
        assert_eq!(later.entries().len(), 0);
        assert!(run.dir().stat("a.json").unwrap().is_some());
        later.dir().remove_dir("a.lost").unwrap();
        assert_eq!(later.entries().len(), 1);
        assert!(!run.path().exists());
    }
}
