//! Owns a copy or a move between two ends, to its end: where it makes sense, what a cut leaves to be done, what a move deletes.
//! Leaves out the bytes (`carry`), and where questions are asked.
//!
//! A copy is made of passes, and needs to remember nothing between them: what has the size and time of its source is there,
//! and a part says how far it is. So after a cut, or when the same is asked again another day, it goes on. A move deletes its
//! source afterwards: there what this job did not bring itself is compared by its bytes.
//!
//! # Layout
//! - `mod` (here)  the job and its steps
//! - `pass`        once through all of it
//! - `there`       what is there already
//! - `decide`      what becomes of a name that is taken
//! - `watch`       what is told meanwhile

mod decide;
mod pass;
mod there;
mod watch;

use super::carry::is_cut;
use super::failures::Failures;
use super::meter::Far;
use super::scan::is_below;
use super::{End, Whose};
use crate::proto::control::*;
use crate::proto::ids::{hex, random_bytes};
use decide::{NAMES, numbered};
use std::collections::{HashMap, HashSet};
use std::hash::RandomState;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
pub use watch::Watch;

/// Pause before a cut copy goes on, where the links stand: twice as long each time, to the most.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MOST: Duration = Duration::from_secs(10);
/// A host that lets each call come to nothing while its link stands is given up after so many.
const TRIES: u32 = 50;
/// A move looks so often whether all has arrived.
const LOOKS: u32 = 3;

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
    /// What came is on disk in the end, too, as far as the host has a word for that; of a move it always is, for the other one
    /// is deleted. Of a copy, as of cp, scp and rsync, it is not: the disk would often be what it waits for.
    pub sync: bool,
    pub conflict: Conflict,
    /// Nothing is done: what would be is told, and the directory they come into need not be there.
    pub dry: bool,
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
    /// In a dry run: a file or a link that would be copied, and whether it would replace another one.
    Would {
        path: FilePath,
        bytes: u64,
        replaces: bool,
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
    /// The first thousand of them: paths within the destination, untrusted.
    pub left: Vec<FilePath>,
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
    let Watch { mut meter, failed, failures, skipped, left, events, .. } = run.watch;
    let far = meter.far(Instant::now());
    let _ = events.send(JobEvent::Progress(far.clone()));
    JobEnd {
        files: far.files,
        bytes: far.bytes,
        carried: meter.carried_so_far(),
        failed,
        failures,
        skipped,
        left,
        unusable: run.unusable,
        fault,
    }
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
        if self.job.dry {
            return self.pass(true).await.map(drop);
        }
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
        let there = match there {
            Err(f) if self.job.dry && f.code == Fault::UNKNOWN => FilesStatted::default(),
            other => other?,
        };
        let source = source?;
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
        if asked && !self.job.dry && self.is_one(&real_dir, &real_into).await? {
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
