//! Owns a copy or a move between two ends, to its end: what is there already, what is in the way, what a cut leaves to be
//! done. Leaves out the bytes (`carry`), and where questions are asked.
//!
//! A copy is made of passes, and needs to remember nothing between them: what has the size and time of its source is there,
//! and a part says how far it is. So after a cut, or when the same is asked again another day, it goes on. A move deletes its
//! source afterwards: there what this job did not bring itself is compared by its bytes.

use super::carry::{self, Item, LARGE, Way, is_cut};
use super::failures::Failures;
use super::meter::{Far, Meter};
use super::scan::{Chunk, Scan, add, count, is_below};
use super::{End, Whose};
use crate::filesys::pack::same_time;
use crate::proto::bundle::Entry;
use crate::proto::control::*;
use crate::proto::ids::{hex, random_bytes};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Files looked at together.
const TOGETHER: usize = 64;
/// Pause before a cut copy goes on, where the links stand: twice as long each time, to the most.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MOST: Duration = Duration::from_secs(10);
/// A host that lets each call come to nothing while its link stands is given up after so many.
const TRIES: u32 = 50;
/// A move looks so often whether all has arrived.
const LOOKS: u32 = 3;
/// Names tried for a copy beside another.
const NAMES: u32 = 1000;
/// Files that a move knows to be the same without comparing them again: 8 bytes each.
const KNOWN: usize = 500_000;

/// A copy or move of things between two ends.
#[derive(Clone)]
pub struct Job {
    pub from: End,
    /// The directory that has them.
    pub dir: FilePath,
    pub names: Vec<FileName>,
    pub to: End,
    /// The directory they come into, which is there.
    pub into: FilePath,
    /// One thing, under another name.
    pub rename: Option<FileName>,
    pub moves: bool,
    pub conflict: Conflict,
}

/// What becomes of a file whose name is taken by another one. (Directories are put together.)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Conflict {
    #[default]
    Ask,
    /// It fails.
    Refuse,
    Skip,
    Replace,
    /// Where the one there is older; else it is skipped.
    ReplaceOlder,
    /// The new one gets a number.
    KeepBoth,
}

#[derive(Clone, PartialEq, Debug)]
pub enum JobEvent {
    /// What there is in all, what is there already included.
    Planned {
        files: u64,
        bytes: u64,
    },
    Progress(Far),
    /// It can't go on just now, and will by itself.
    Waiting {
        why: String,
    },
    Asked {
        id: u64,
        path: FilePath,
        theirs: Box<FileInfo>,
        ours: Box<FileInfo>,
    },
    /// Paths are within the destination, or the source's where it could not be looked at; untrusted.
    Failed(Failed),
    /// The file that has what is there of a large one: who gives the copy up may delete it.
    Part(Option<FilePath>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    Skip,
    Replace,
    /// Where the one there is older; else it is skipped.
    ReplaceOlder,
    KeepBoth,
    Cancel,
}

impl What {
    /// The same for all that follow; none = nothing follows.
    pub fn for_all(self) -> Option<Conflict> {
        match self {
            What::Skip => Some(Conflict::Skip),
            What::Replace => Some(Conflict::Replace),
            What::ReplaceOlder => Some(Conflict::ReplaceOlder),
            What::KeepBoth => Some(Conflict::KeepBoth),
            What::Cancel => None,
        }
    }
}

/// The answer to a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    pub what: What,
    /// And for all that follow.
    pub all: bool,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub struct JobEnd {
    /// What is there in the end, of what was asked for: files, links and directories, and bytes.
    pub files: u64,
    pub bytes: u64,
    /// Bytes that were copied for it.
    pub carried: u64,
    /// The first of them.
    pub failed: Failures,
    pub failures: u64,
    /// Left as they were, as was wanted.
    pub skipped: u64,
    /// Names that are none, and were left out.
    pub unusable: u64,
    /// Why it ended before its end.
    pub fault: Option<Fault>,
}

impl JobEnd {
    pub fn is_whole(&self) -> bool {
        self.failures == 0 && self.unusable == 0 && self.fault.is_none()
    }
}

/// Who is told how it goes.
pub struct Watch {
    events: mpsc::UnboundedSender<JobEvent>,
    meter: Meter,
    failed: Failures,
    failures: u64,
    skipped: u64,
    /// First names, in the destination, of what is to come there; and of those that which is not all there.
    coming: HashSet<Vec<u8>>,
    lacking: HashSet<Vec<u8>>,
    /// Something failed that is none of them: nobody knows what is not all there.
    lacks_any: bool,
    /// First names that were chosen beside what is there, and those that they stand for.
    beside: HashMap<Vec<u8>, Vec<u8>>,
}

/// The name of a path within a tree that lies at its top.
fn first_name(path: &FilePath) -> Vec<u8> {
    path.as_bytes().split(|b| *b == b'/').next().unwrap_or_default().to_vec()
}

impl Watch {
    fn new(events: mpsc::UnboundedSender<JobEvent>) -> Watch {
        Watch {
            events,
            meter: Meter::default(),
            failed: Failures::default(),
            failures: 0,
            skipped: 0,
            coming: HashSet::new(),
            lacking: HashSet::new(),
            lacks_any: false,
            beside: HashMap::new(),
        }
    }
    fn tell(&mut self) {
        if let Some(far) = self.meter.due(Instant::now()) {
            let _ = self.events.send(JobEvent::Progress(far));
        }
    }
    pub fn part(&mut self, bytes: u64) {
        self.meter.part(bytes);
        self.tell();
    }
    pub fn carried(&mut self, bytes: u64) {
        self.meter.carried(bytes);
    }
    pub fn current(&mut self, path: &FilePath) {
        self.meter.current(path);
    }
    pub fn done(&mut self, files: u64, bytes: u64) {
        self.meter.done(files, bytes);
        self.tell();
    }
    pub fn waiting(&mut self, why: &Fault) {
        let _ = self.events.send(JobEvent::Waiting { why: why.message.clone() });
    }
    pub fn part_at(&mut self, path: Option<FilePath>) {
        let _ = self.events.send(JobEvent::Part(path));
    }
    /// Paths are those of the destination.
    pub fn failed_there(&mut self, failed: Failed) {
        self.lacks(&failed.path);
        self.failures += 1;
        if let Some(failed) = self.failed.add(failed) {
            let _ = self.events.send(JobEvent::Failed(failed.clone()));
        }
    }
    fn lacks(&mut self, path: &FilePath) {
        let first = first_name(path);
        let meant = self.beside.get(&first).cloned();
        // (paths come from hosts: what was never asked for is not kept)
        self.lacks_any |= meant.is_none() && !self.coming.contains(&first);
        self.lacking.extend(meant);
        if self.coming.contains(&first) {
            self.lacking.insert(first);
        }
    }
    fn is_whole(&self, name: &FilePath) -> bool {
        !self.lacks_any && !self.lacking.contains(name.as_bytes())
    }
    fn again(&mut self) {
        self.meter.again();
        (self.failures, self.skipped) = (0, 0);
        self.failed.clear();
        self.lacking.clear();
        self.lacks_any = false;
    }
}

struct Run {
    job: Job,
    watch: Watch,
    answers: mpsc::UnboundedReceiver<(u64, Choice)>,
    /// For all that follow.
    conflict: Conflict,
    /// What was decided for one.
    decided: HashMap<FilePath, What>,
    asked: u64,
    /// First names as they are to be there.
    renamed: HashMap<FileName, FileName>,
    /// Names that were given to another place at once.
    moved: HashSet<FileName>,
    /// In a move: files that were brought, or compared, by what says so of them.
    known: HashSet<u64>,
    hasher: RandomState,
    unusable: u64,
    counting: JoinSet<()>,
    planned: bool,
}

/// Runs it to its end. Dropped, it ends within a moment: what is there of a large file stays as a part.
pub async fn run(
    job: Job,
    events: mpsc::UnboundedSender<JobEvent>,
    answers: mpsc::UnboundedReceiver<(u64, Choice)>,
) -> JobEnd {
    let watch = Watch::new(events);
    let mut run = Run {
        conflict: job.conflict,
        job,
        watch,
        answers,
        decided: HashMap::new(),
        asked: 0,
        renamed: HashMap::new(),
        moved: HashSet::new(),
        known: HashSet::new(),
        hasher: RandomState::new(),
        unusable: 0,
        counting: JoinSet::new(),
        planned: false,
    };
    let fault = run.all().await.err();
    let Watch { mut meter, failed, failures, skipped, events, .. } = run.watch;
    let far = meter.far(Instant::now());
    let _ = events.send(JobEvent::Progress(far.clone()));
    JobEnd {
        files: far.files,
        bytes: far.bytes,
        carried: meter.carried_so_far(),
        failed,
        failures,
        skipped,
        unusable: run.unusable,
        fault,
    }
}

fn cancelled() -> Fault {
    Fault::new(Fault::REFUSED, "cancelled")
}

/// Whether what is there is what would be copied.
fn is_same(entry: &Entry, there: &FileInfo) -> bool {
    match (entry.kind, there.kind) {
        (FileKind::File, FileKind::File) => entry.size == there.size && same_time(entry.mtime_ms, there.mtime_ms),
        (FileKind::Link, FileKind::Link) => there.link.as_ref().map(|l| &l.target) == entry.link.as_ref(),
        _ => false,
    }
}

/// What has a file's name there.
struct There {
    /// Without its names.
    info: FileInfo,
    /// It is what would be copied.
    same: bool,
}

/// Looks at what has an entry's name there; `source` = its own path, where bytes are to be compared.
async fn look_at(
    from: &End,
    source: Option<FilePath>,
    to: &End,
    path: FilePath,
    entry: &Entry,
) -> Result<Option<There>, Fault> {
    let Some(FileInfo { kind, size, mode, mtime_ms, link, .. }) = to.look(&path).await? else { return Ok(None) };
    let info = FileInfo { kind, size, mode, mtime_ms, link, ..FileInfo::default() };
    let mut same = is_same(entry, &info);
    if let Some(source) = source.filter(|_| same && kind == FileKind::File) {
        same = has_same_bytes(from, &source, to, &path, size).await?;
    }
    Ok(Some(There { info: FileInfo { link: None, ..info }, same }))
}

/// Whether two files of this size are the same throughout; one that can't be read is not.
async fn has_same_bytes(from: &End, source: &FilePath, to: &End, path: &FilePath, size: u64) -> Result<bool, Fault> {
    let mut at = 0;
    while at < size {
        let end = size.min(at.saturating_add(FilesHash::MOST));
        match tokio::join!(from.hash(source, at, Some(end)), to.hash(path, at, Some(end))) {
            (Ok(ours), Ok(theirs)) if ours == theirs && ours.bytes == end - at => at = end,
            (Err(why), _) | (_, Err(why)) if is_cut(&why) => return Err(why),
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The name with a number before its ending.
fn numbered(name: &FileName, number: u32) -> Option<FileName> {
    let bytes = name.as_bytes();
    let dot = bytes.iter().rposition(|b| *b == b'.').filter(|at| *at > 0).unwrap_or(bytes.len());
    let (stem, ending) = bytes.split_at(dot);
    FileName::new([stem, format!(" ({number})").as_bytes(), ending].concat()).ok()
}

impl Run {
    fn to_path(&self, below: &FilePath) -> FilePath {
        self.job.into.below(below)
    }

    /// Where a path of the source comes to be.
    fn there(&self, path: &FilePath) -> FilePath {
        let end = path.as_bytes().iter().position(|b| *b == b'/').unwrap_or(path.as_bytes().len());
        let (first, rest) = path.as_bytes().split_at(end);
        match FileName::new(first).ok().and_then(|first| self.renamed.get(&first)) {
            Some(name) => FilePath::new([name.as_bytes(), rest].concat()).unwrap_or_default(),
            None => path.clone(),
        }
    }

    async fn all(&mut self) -> Result<(), Fault> {
        self.prepare().await?;
        if self.job.moves && self.job.from.whose().same_as(self.job.to.whose()) {
            self.over_cuts(Step::Rename).await?;
        }
        let names: Vec<FileName> = self.job.names.iter().filter(|n| !self.moved.contains(*n)).cloned().collect();
        if names.is_empty() {
            return Ok(());
        }
        self.job.names = names;
        self.over_cuts(Step::Copy).await?;
        if !self.job.moves {
            return Ok(());
        }
        // what has come between is copied, too
        for _ in 0..LOOKS {
            if self.over_cuts(Step::Look).await? == 0 {
                break;
            }
            self.over_cuts(Step::Copy).await?;
        }
        self.over_cuts(Step::Delete).await.map(drop)
    }

    /// A step, and again after each cut, once both ends are there.
    async fn over_cuts(&mut self, step: Step) -> Result<u64, Fault> {
        let (mut pause, mut tries, mut carried) = (PAUSE, 0, self.watch.meter.carried_so_far());
        loop {
            let why = match step {
                Step::Rename => self.rename().await,
                Step::Copy => self.pass(false).await,
                Step::Look => self.pass(true).await,
                Step::Delete => self.delete().await,
            };
            let why = match why {
                Err(why) if is_cut(&why) => why,
                other => return other,
            };
            self.watch.waiting(&why);
            let now = self.watch.meter.carried_so_far();
            if now > carried {
                (pause, tries, carried) = (PAUSE, 0, now);
            }
            tries += 1;
            let was_up = self.job.from.is_up() && self.job.to.is_up();
            if was_up {
                if tries > TRIES {
                    return Err(why);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MOST);
            }
            for end in [&self.job.from, &self.job.to] {
                if end.wait().await.is_none() {
                    return Err(why);
                }
            }
        }
    }

    /// Looks whether it makes sense at all.
    async fn prepare(&mut self) -> Result<(), Fault> {
        let Job { from, dir, names, to, into, rename, .. } = &self.job;
        let (source, there) = tokio::join!(from.stat(dir, true, false), to.stat(into, true, false));
        let (source, there) = (source?, there?);
        let refused = |what: String| Err(Fault::new(Fault::REFUSED, what));
        let real = |statted: &FilesStatted, path: &FilePath| statted.real.clone().unwrap_or_else(|| path.clone());
        let (real_dir, real_into) = (real(&source, dir), real(&there, into));
        if let (Some(name), [one]) = (rename, names.as_slice()) {
            self.renamed.insert(one.clone(), name.clone());
        }
        let known = from.whose().same_as(to.whose());
        // one machine may have several names, and one directory several paths: what is moved onto itself would be deleted
        let within = |name: &FileName| {
            let own = real_dir.join(name);
            real_into == own || is_below(&real_into, &own)
        };
        let collides = names.iter().any(within) || real_into == real_dir;
        let asked = if known { self.job.moves && !collides } else { self.job.moves || collides };
        if asked && self.is_one(&real_dir, &real_into).await? {
            let into = self.job.into.clone();
            return refused(format!("'{into}' is, or lies in, what it is taken from: another way leads there"));
        }
        if !known {
            return Ok(());
        }
        for name in &self.job.names {
            let own = real_dir.join(name);
            if real_into == own || is_below(&real_into, &own) {
                return refused(format!("'{name}' can't be copied into itself"));
            }
        }
        if real_into != real_dir {
            return Ok(());
        }
        for name in &self.job.names.clone() {
            if self.renamed.get(name).is_some_and(|new| new != name) {
                continue;
            }
            if self.job.moves || self.job.conflict != Conflict::KeepBoth {
                return refused(format!("'{name}' and its copy are the same"));
            }
            let mut free = None;
            for number in 2..NAMES {
                let Some(new) = numbered(name, number) else { break };
                if self.job.to.look(&self.to_path(&new.clone().into())).await?.is_none() {
                    free = Some(new);
                    break;
                }
            }
            let Some(free) = free else { return refused(format!("'{name}': there is no name for a copy")) };
            self.renamed.insert(name.clone(), free);
        }
        Ok(())
    }

    /// Whether the destination is the source's directory, or lies in what is taken from it, whatever both are called: a
    /// directory made in the one is looked for in the other.
    async fn is_one(&self, real_dir: &FilePath, real_into: &FilePath) -> Result<bool, Fault> {
        let Job { from, dir, names, to, into, .. } = &self.job;
        let probe = format!(".thub-{}.probe", hex(&random_bytes::<8>()));
        let probe = FileName::new(probe).map_err(|e| Fault::new(Fault::INTERNAL, format!("{e:?}")))?;
        let made = into.join(&probe);
        match to.mkdir(&made, false, Some(0o700)).await {
            Ok(()) => {}
            // (nothing can be written there: that is said with the first file)
            Err(f) if is_cut(&f) => return Err(f),
            Err(_) => return Ok(false),
        }
        let mut places = Vec::new();
        if !names.iter().all(|n| self.renamed.get(n).is_some_and(|new| new != n)) {
            places.push(dir.join(&probe));
        }
        // the same absolute path, where it lies in what is taken
        if names.iter().map(|n| real_dir.join(n)).any(|own| *real_into == own || is_below(real_into, &own)) {
            places.push(real_into.join(&probe));
        }
        let mut one = Ok(false);
        for place in places {
            match from.look(&place).await {
                Ok(Some(_)) => one = Ok(true),
                Ok(None) => {}
                Err(f) if f.code == Fault::WRONG_KIND => {}
                Err(f) => one = Err(f),
            }
        }
        // (one that a cut leaves there is empty, and says whose it is)
        let _ = to.delete(&made, false, |_| {}).await;
        one
    }

    /// What can be moved by its name alone.
    async fn rename(&mut self) -> Result<u64, Fault> {
        for name in self.job.names.clone() {
            if self.moved.contains(&name) {
                continue;
            }
            let (old, new) = (self.job.dir.join(&name), self.to_path(&self.there(&name.clone().into())));
            self.watch.current(&old);
            match self.job.to.rename(&old, &new, false).await {
                Ok(()) => {}
                // (the answer before may have been lost)
                Err(f) if f.code == Fault::UNKNOWN && self.job.to.look(&new).await?.is_some() => {}
                Err(f) if is_cut(&f) => return Err(f),
                // it is copied, or whoever looks at it says what is wrong
                Err(_) => continue,
            }
            self.moved.insert(name);
            self.watch.done(1, 0);
        }
        Ok(0)
    }

    /// Goes through all of it, and carries over what is not there; or only looks. Answers what was not there.
    async fn pass(&mut self, looks: bool) -> Result<u64, Fault> {
        self.watch.again();
        self.watch.coming = self.job.names.iter().map(|n| first_name(&self.there(&n.clone().into()))).collect();
        self.unusable = 0;
        let moved = self.moved.len() as u64;
        self.watch.meter.done(moved, 0);
        let mut scan = Scan::open(&self.job.from, &self.job.dir, &self.job.names).await?;
        let (mut tops, mut dead, mut lacking, mut sum) = (HashMap::new(), None, 0, (moved, 0));
        loop {
            let chunk = scan.next().await?;
            sum = add(sum, &chunk.entries);
            if let Some(WorkEnd { fault: Some(fault), .. }) = &chunk.end {
                return Err(fault.clone());
            }
            if !self.planned {
                self.plan(chunk.end.is_some(), sum);
            }
            if let Some(end) = &chunk.end {
                self.unusable = end.unusable;
            }
            let ends = chunk.end.is_some();
            lacking += self.chunk(chunk, &mut tops, &mut dead, looks, lacking > 0).await?;
            if ends {
                return Ok(lacking);
            }
        }
    }

    /// Says what there is in all; what is much is counted beside.
    fn plan(&mut self, known: bool, (files, bytes): (u64, u64)) {
        self.planned = true;
        let events = self.watch.events.clone();
        if known {
            let _ = events.send(JobEvent::Planned { files, bytes });
            return;
        }
        let (from, dir, names) = (self.job.from.clone(), self.job.dir.clone(), self.job.names.clone());
        self.counting.spawn(async move {
            if let Ok((files, bytes)) = count(&from, &dir, &names).await {
                let _ = events.send(JobEvent::Planned { files, bytes });
            }
        });
    }

    async fn chunk(
        &mut self,
        chunk: Chunk,
        tops: &mut HashMap<Vec<u8>, Option<FileKind>>,
        dead: &mut Option<FilePath>,
        looks: bool,
        carried: bool,
    ) -> Result<u64, Fault> {
        let ends = chunk.end.is_some();
        for Failed { path, why } in chunk.failed {
            if is_cut(&why) {
                return Err(why);
            }
            let path = self.there(&path);
            self.watch.failed_there(Failed { path, why });
        }
        let found = self.found(&chunk.entries, tops).await?;
        let (mut small, mut large, mut lacking) = (Vec::new(), Vec::new(), 0);
        for (entry, there) in chunk.entries.into_iter().zip(found) {
            if dead.as_ref().is_some_and(|dead| is_below(&entry.path, dead)) {
                continue;
            }
            let to = self.there(&entry.path);
            let in_the_way = match (&entry.kind, &there) {
                (FileKind::Dir, Some(there)) => there.info.kind != FileKind::Dir,
                (_, Some(there)) => there.info.kind == FileKind::Dir,
                _ => false,
            };
            if in_the_way {
                let words = "what has that name there is of another kind";
                let why = Fault::new(Fault::NAME_TAKEN, format!("'{to}': {words}"));
                self.watch.failed_there(Failed { path: to, why });
                *dead = Some(entry.path);
                continue;
            }
            if entry.kind == FileKind::Dir {
                lacking += u64::from(there.is_none());
                continue;
            }
            let mut item = Item { entry, to, replace: false };
            if there.as_ref().is_some_and(|there| there.same) {
                self.knows(&item.entry, &item.to);
            }
            if let Some(there) = there
                && !self.goes(&mut item, there).await?
            {
                continue;
            }
            match item.entry.kind {
                FileKind::File if item.entry.size > LARGE => large.push(item),
                FileKind::File | FileKind::Link => small.push(item),
                _ => {
                    let why = Fault::new(Fault::WRONG_KIND, "it is neither a file, a directory nor a link");
                    self.watch.failed_there(Failed { path: item.to, why });
                }
            }
        }
        lacking += (small.len() + large.len()) as u64;
        if looks {
            return Ok(lacking);
        }
        let closed: Vec<(FilePath, Entry)> = chunk
            .closed
            .into_iter()
            .filter(|e| !dead.as_ref().is_some_and(|dead| e.path == *dead || is_below(&e.path, dead)))
            .map(|entry| (self.there(&entry.path), entry))
            .collect();
        let Job { from, dir, to, into, .. } = self.job.clone();
        let way = Way { from: &from, dir: &dir, to: &to, into: &into };
        let (count, bytes) = (small.len() as u64, small.iter().map(|item| item.entry.size).sum::<u64>());
        let before = self.watch.failures;
        let brought: Vec<u64> = small.iter().filter_map(|item| self.mark(&item.entry, &item.to)).collect();
        carry::small(&way, small, &mut self.watch).await?;
        self.watch.done(count.saturating_sub(self.watch.failures - before), bytes);
        if self.watch.failures == before {
            self.known.extend(brought);
        }
        for item in large {
            let (mark, before) = (self.mark(&item.entry, &item.to), self.watch.failures);
            self.large(&way, item).await?;
            self.known.extend(mark.filter(|_| self.watch.failures == before));
        }
        let (count, before) = (closed.len() as u64, self.watch.failures);
        // (what was carried before a cut may not be on disk yet, and a move deletes the other one)
        carry::dirs(&way, closed, ends && (carried || lacking > 0 || self.job.moves), &mut self.watch).await?;
        self.watch.done(count.saturating_sub(self.watch.failures - before), 0);
        Ok(lacking)
    }

    /// What a move remembers of a file that it has brought: while this is the same, so is the file. None = it remembers none
    /// (any more).
    fn mark(&self, entry: &Entry, to: &FilePath) -> Option<u64> {
        let remembers = self.job.moves && entry.kind == FileKind::File && self.known.len() < KNOWN;
        remembers.then(|| self.hasher.hash_one((&entry.path, to, entry.size, entry.mtime_ms)))
    }

    fn knows(&mut self, entry: &Entry, to: &FilePath) {
        self.known.extend(self.mark(entry, to));
    }

    /// The path whose bytes are to be compared with what is there under the other one, if they are.
    fn compared(&self, entry: &Entry, to: &FilePath) -> Option<FilePath> {
        let known = self.known.contains(&self.hasher.hash_one((&entry.path, to, entry.size, entry.mtime_ms)));
        (self.job.moves && !known).then(|| self.job.dir.below(&entry.path))
    }

    /// A large file: within one place its bytes need not come here.
    async fn large(&mut self, way: &Way<'_>, item: Item) -> Result<(), Fault> {
        let is_top = |path: &FilePath| !path.as_bytes().contains(&b'/');
        // (by path, so only where nobody but who asked has chosen it)
        if !way.from.whose().same_as(way.to.whose()) || !is_top(&item.entry.path) || !is_top(&item.to) {
            return carry::large(way, item, &mut self.watch).await;
        }
        self.watch.current(&item.entry.path);
        let (old, new) = (way.dir.below(&item.entry.path), way.into.below(&item.to));
        let mut failed = None;
        let (watch, mut before) = (&mut self.watch, 0);
        let ended = way.to.copy_within(&old, &new, item.replace, |line| {
            watch.carried(line.bytes.saturating_sub(std::mem::replace(&mut before, line.bytes)));
            watch.part(line.bytes);
            failed = line.failed.first().map(|f| f.why.clone()).or(failed.take());
        });
        let ended = ended.await.and_then(|end| end.fault.or(failed).map_or(Ok(()), Err));
        match ended {
            Ok(()) => self.watch.done(1, item.entry.size),
            Err(why) if is_cut(&why) || why.code == Fault::FULL => return Err(why),
            Err(why) => self.watch.failed_there(Failed { path: item.to, why }),
        }
        Ok(())
    }

    /// What has each one's name there already.
    async fn found(
        &mut self,
        entries: &[Entry],
        tops: &mut HashMap<Vec<u8>, Option<FileKind>>,
    ) -> Result<Vec<Option<There>>, Fault> {
        let first = |path: &FilePath| path.as_bytes().split(|b| *b == b'/').next().unwrap_or_default().to_vec();
        let is_top = |path: &FilePath| !path.as_bytes().contains(&b'/');
        let mut found: Vec<Option<There>> = entries.iter().map(|_| None).collect();
        for of_tops in [true, false] {
            let mut wanted = Vec::new();
            for (i, entry) in entries.iter().enumerate().filter(|(_, e)| is_top(&e.path) == of_tops) {
                // below what is not there, nothing is
                let below = of_tops || tops.get(&first(&entry.path)).is_some_and(|kind| *kind == Some(FileKind::Dir));
                if below {
                    wanted.push((i, entry));
                }
            }
            let mut under_way = JoinSet::new();
            let mut wanted = wanted.into_iter();
            loop {
                while under_way.len() < TOGETHER
                    && let Some((i, entry)) = wanted.next()
                {
                    let there = self.there(&entry.path);
                    let (source, path) = (self.compared(entry, &there), self.to_path(&there));
                    let (from, to, entry) = (self.job.from.clone(), self.job.to.clone(), entry.clone());
                    under_way.spawn(async move { (i, look_at(&from, source, &to, path, &entry).await) });
                }
                let Some(looked) = under_way.join_next().await else { break };
                let (i, looked) = looked.map_err(|e| Fault::new(Fault::INTERNAL, e.to_string()))?;
                let looked = match looked {
                    // (what is in the way of it is told of itself)
                    Err(f) if f.code == Fault::WRONG_KIND => None,
                    other => other?,
                };
                if let Some(slot) = found.get_mut(i) {
                    *slot = looked;
                }
            }
            if of_tops {
                for (entry, found) in entries.iter().zip(&found).filter(|(e, _)| is_top(&e.path)) {
                    tops.entry(entry.path.as_bytes().to_vec()).or_insert(found.as_ref().map(|f| f.info.kind));
                }
            }
        }
        Ok(found)
    }

    /// Whether a file is copied although something has its name there, and how.
    async fn goes(&mut self, item: &mut Item, there: There) -> Result<bool, Fault> {
        if there.same {
            self.watch.done(1, item.entry.size);
            return Ok(false);
        }
        let there = there.info;
        let older = there.mtime_ms < item.entry.mtime_ms;
        let what = match (self.decided.get(&item.entry.path), self.conflict) {
            (Some(what), _) => *what,
            (None, Conflict::Skip) => What::Skip,
            (None, Conflict::Replace) => What::Replace,
            (None, Conflict::ReplaceOlder) => What::ReplaceOlder,
            (None, Conflict::KeepBoth) => What::KeepBoth,
            (None, Conflict::Refuse) => {
                let why = Fault::new(Fault::NAME_TAKEN, format!("'{}' is there already, and is another one", item.to));
                self.watch.failed_there(Failed { path: item.to.clone(), why });
                return Ok(false);
            }
            (None, Conflict::Ask) => self.ask(item, there).await?,
        };
        match what {
            What::Replace | What::ReplaceOlder if older || what == What::Replace => {
                item.replace = true;
                Ok(true)
            }
            What::Skip | What::Replace | What::ReplaceOlder => {
                self.watch.skipped += 1;
                self.watch.lacks(&item.to);
                Ok(false)
            }
            What::KeepBoth => self.beside(item).await,
            What::Cancel => Err(cancelled()),
        }
    }

    /// Finds a name for it; not where it is there under one of them.
    async fn beside(&mut self, item: &mut Item) -> Result<bool, Fault> {
        let split = item.to.split();
        for number in 2..NAMES {
            let Some((dir, name)) = &split else { break };
            let Some(new) = numbered(name, number) else { break };
            let to = dir.join(&new);
            let source = self.compared(&item.entry, &to);
            match look_at(&self.job.from, source, &self.job.to, self.to_path(&to), &item.entry).await? {
                Some(there) if there.same => {
                    self.knows(&item.entry, &to);
                    self.watch.done(1, item.entry.size);
                    return Ok(false);
                }
                Some(_) => {}
                None => {
                    self.watch.beside.insert(first_name(&to), first_name(&item.to));
                    item.to = to;
                    return Ok(true);
                }
            }
        }
        let why = Fault::new(Fault::NAME_TAKEN, "there is no name for it beside the one that is there");
        self.watch.failed_there(Failed { path: item.to.clone(), why });
        Ok(false)
    }

    async fn ask(&mut self, item: &Item, there: FileInfo) -> Result<What, Fault> {
        self.asked += 1;
        let id = self.asked;
        let entry = &item.entry;
        let name = item.to.split().map(|(_, name)| name).unwrap_or_default();
        let ours = FileInfo {
            name,
            kind: entry.kind,
            size: entry.size,
            mode: entry.mode,
            mtime_ms: entry.mtime_ms,
            ..FileInfo::default()
        };
        let asked = JobEvent::Asked { id, path: item.to.clone(), theirs: Box::new(there), ours: Box::new(ours) };
        let _ = self.watch.events.send(asked);
        loop {
            let Some((to, choice)) = self.answers.recv().await else { return Err(cancelled()) };
            if to != id {
                continue;
            }
            match choice.what.for_all().filter(|_| choice.all) {
                Some(conflict) => self.conflict = conflict,
                None => drop(self.decided.insert(entry.path.clone(), choice.what)),
            }
            return Ok(choice.what);
        }
    }

    /// What was moved goes from where it was: all of a name, or nothing.
    async fn delete(&mut self) -> Result<u64, Fault> {
        for name in self.job.names.clone() {
            let there = self.there(&name.clone().into());
            if !self.watch.is_whole(&there) || self.unusable > 0 {
                let why = Fault::new(Fault::REFUSED, "not all of it was moved: it stays where it was, too");
                let failed = Failed { path: there, why };
                if !self.watch.failed.iter().any(|f| f.path == failed.path) {
                    self.watch.failed_there(failed);
                }
                continue;
            }
            let mut failed = None;
            let path = self.job.dir.join(&name);
            self.watch.current(&path);
            let ended = self.job.from.delete(&path, true, |line| {
                failed = line.failed.first().map(|f| f.why.clone()).or(failed.take());
            });
            match ended.await.and_then(|end| end.fault.or(failed).map_or(Ok(()), Err)) {
                Ok(()) => {}
                // (the answer before may have been lost)
                Err(why) if why.code == Fault::UNKNOWN => {}
                Err(why) if is_cut(&why) => return Err(why),
                Err(why) => self.watch.failed_there(Failed { path: there, why }),
            }
        }
        Ok(0)
    }
}

#[derive(Clone, Copy)]
enum Step {
    Rename,
    Copy,
    Look,
    Delete,
}

impl Job {
    /// Whose files it is about, for people.
    pub fn whose(&self) -> (&Whose, &Whose) {
        (self.from.whose(), self.to.whose())
    }
}

#[cfg(test)]
mod tests;
