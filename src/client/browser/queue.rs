//! Owns the queue of copies, moves and deletes: what waits, what runs, how far it is, what failed. One after the other for
//! each pair of hosts. State alone: carrying a job out is `errands`, asking a person is `app/files.rs`.

use crate::client::files::Whose;
use crate::client::files::failures::Failures;
use crate::client::files::job::Conflict;
use crate::proto::control::{Failed, FileInfo, FileName, FilePath};
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Copy,
    Move,
    Delete,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Copy => "copy",
            Kind::Move => "move",
            Kind::Delete => "delete",
        }
    }
}

/// What is wanted, as it is carried out.
#[derive(Clone, PartialEq, Debug)]
pub struct Wanted {
    pub kind: Kind,
    pub from: Whose,
    pub dir: FilePath,
    pub names: Vec<FileName>,
    /// Where to; a delete goes nowhere.
    pub to: Whose,
    pub into: FilePath,
    /// One thing gets another name on its way.
    pub rename: Option<FileName>,
    pub conflict: Conflict,
}

#[derive(Clone, PartialEq, Debug)]
pub enum State {
    Queued,
    Running,
    /// It goes on by itself; why not now (escaped).
    Waiting(String),
    Done,
    /// It ended before its end: why (escaped).
    Failed(String),
    Cancelled,
}

/// A name that is taken: a person is asked.
#[derive(Clone, PartialEq, Debug)]
pub struct Asked {
    pub id: u64,
    pub path: FilePath,
    /// What comes, and what is there.
    pub new: FileInfo,
    pub old: FileInfo,
}

pub struct Job {
    pub id: u64,
    pub wanted: Wanted,
    pub state: State,
    pub asked: Option<Asked>,
    pub files: u64,
    pub bytes: u64,
    /// Files and bytes there are in all, once that is known.
    pub planned: Option<(u64, u64)>,
    /// What is under way; escaped.
    pub current: String,
    /// Bytes a second.
    pub speed: u64,
    pub failed: Failures,
    /// What is there of a large file, where it goes to.
    pub part: Option<FilePath>,
    pub skipped: u64,
    /// The first of what was skipped, within the destination.
    pub left: Vec<FilePath>,
    /// When its destination was looked at last while it runs.
    pub looked: Option<Duration>,
    /// Where its first file was done, and where it ended.
    pub begun: Option<Duration>,
    pub ended: Option<Duration>,
}

/// Jobs that are over and kept to be looked at.
const KEPT: usize = 50;

impl Job {
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Done | State::Failed(_) | State::Cancelled)
    }
    /// Not all of it is done: else another go would take whatever has those names by now.
    pub fn lacks(&self) -> bool {
        self.state != State::Done || !self.failed.is_empty()
    }
    fn is_under_way(&self) -> bool {
        matches!(self.state, State::Running | State::Waiting(_))
    }
    /// It writes, or may write, the same unfinished file as another one.
    fn writes_like(&self, other: &Job) -> bool {
        let (a, b) = (&self.wanted, &other.wanted);
        a.to.same_as(&b.to)
            && ((self.part.is_some() && self.part == other.part)
                || (a.from.same_as(&b.from) && a.dir == b.dir && a.into == b.into))
    }
    /// Between the same two hosts, whichever way.
    fn is_beside(&self, other: &(Whose, Whose)) -> bool {
        let (from, to) = (&self.wanted.from, &self.wanted.to);
        let (a, b) = (&other.0, &other.1);
        (from.same_as(a) && to.same_as(b)) || (from.same_as(b) && to.same_as(a))
    }
    /// 0 to 1; none = it is not known how much there is.
    pub fn share(&self) -> Option<f32> {
        if self.state == State::Done {
            return Some(1.0);
        }
        let (files, bytes) = self.planned?;
        // many small files take their time, too
        const EACH: u64 = 4096;
        let all = bytes.saturating_add(files.saturating_mul(EACH));
        let done = self.bytes.saturating_add(self.files.saturating_mul(EACH));
        (all > 0).then(|| (done as f64 / all as f64).clamp(0.0, 1.0) as f32)
    }
    /// Until it is done, as fast as it goes now.
    pub fn left(&self) -> Option<Duration> {
        let (_, bytes) = self.planned?;
        let rest = bytes.saturating_sub(self.bytes);
        (self.speed > 0 && self.state == State::Running).then(|| Duration::from_secs(rest / self.speed))
    }
    pub fn fail(&mut self, failed: impl IntoIterator<Item = Failed>) {
        for each in failed {
            self.failed.add(each);
        }
    }
}

#[derive(Default)]
pub struct Queue {
    pub jobs: Vec<Job>,
}

impl Queue {
    /// Puts it at the end.
    pub fn add(&mut self, id: u64, wanted: Wanted) {
        self.jobs.push(Job {
            id,
            wanted,
            state: State::Queued,
            asked: None,
            files: 0,
            bytes: 0,
            planned: None,
            current: String::new(),
            speed: 0,
            failed: Failures::default(),
            part: None,
            skipped: 0,
            left: Vec::new(),
            looked: None,
            begun: None,
            ended: None,
        });
    }

    pub fn job(&mut self, id: u64) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|j| j.id == id)
    }

    /// The jobs whose turn it is now: they count as running from here on.
    pub fn due(&mut self, now: Duration) -> Vec<(u64, Wanted)> {
        let pair = |j: &Job| (j.wanted.from.clone(), j.wanted.to.clone());
        let mut busy: Vec<_> = self.jobs.iter().filter(|j| j.is_under_way()).map(pair).collect();
        let mut out = Vec::new();
        for job in self.jobs.iter_mut().filter(|j| j.state == State::Queued) {
            if !busy.iter().any(|other| job.is_beside(other)) {
                busy.push((job.wanted.from.clone(), job.wanted.to.clone()));
                job.state = State::Running;
                job.begun = Some(now);
                out.push((job.id, job.wanted.clone()));
            }
        }
        out
    }

    /// Once more, what is missing: what is there already is seen by size and time. False = it is not over, or done.
    pub fn again(&mut self, id: u64, new: u64) -> bool {
        let Some(at) = self.jobs.iter().position(|j| j.id == id && j.is_over() && j.lacks()) else { return false };
        let job = self.jobs.remove(at);
        self.add(new, job.wanted);
        true
    }

    /// Takes away what is over. Of those that did not come to their end: what they left of a large file.
    pub fn clear_finished(&mut self) -> Vec<(Whose, FilePath)> {
        let (open, over): (Vec<Job>, Vec<Job>) = std::mem::take(&mut self.jobs).into_iter().partition(|j| !j.is_over());
        self.jobs = open;
        // (another one may be at the same file: it goes on with what is there)
        let unused = |job: &Job| !self.jobs.iter().any(|open| open.writes_like(job));
        over.into_iter().filter(unused).filter_map(|job| Some((job.wanted.to, job.part?))).collect()
    }

    /// Keeps no more than so many that are over: the newest, and those that left some of a large file.
    pub fn forget_old(&mut self) {
        let past = |j: &Job| j.is_over() && j.part.is_none();
        let mut over = self.jobs.iter().filter(|j| past(j)).count();
        self.jobs.retain(|job| {
            let goes = over > KEPT && past(job);
            over -= usize::from(goes);
            !goes
        });
    }

    /// Jobs that are not over.
    pub fn open(&self) -> usize {
        self.jobs.iter().filter(|j| !j.is_over()).count()
    }

    /// For the status bar: `copy 43 %`; none where nothing goes on.
    pub fn brief(&self) -> Option<String> {
        let job = self.jobs.iter().find(|j| j.is_under_way())?;
        let word = job.wanted.kind.word();
        let more = match self.open() {
            1 => String::new(),
            n => format!(" +{}", n - 1),
        };
        Some(match (&job.asked, &job.state, job.share()) {
            (Some(_), ..) => format!("{word} asks{more}"),
            (_, State::Waiting(_), _) => format!("{word} waits{more}"),
            (.., Some(share)) => format!("{word} {:.0} %{more}", share * 100.0),
            _ => format!("{word} …{more}"),
        })
    }
}

/// The panel: which job is chosen, by its number, for rows come and go. The first one where it is gone.
#[derive(Clone, Default)]
pub struct Panel {
    pub chosen: Option<u64>,
}

impl Panel {
    /// The row it is in.
    pub fn row(&self, jobs: &[Job]) -> usize {
        jobs.iter().position(|j| Some(j.id) == self.chosen).unwrap_or(0)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn whose(host: &str) -> Whose {
        Whose::host(crate::client::host::HostId::new(host))
    }
    pub fn wanted(from: &str, to: &str) -> Wanted {
        Wanted {
            kind: Kind::Copy,
            from: whose(from),
            dir: FilePath::new("/a").unwrap(),
            names: vec![FileName::new("x").unwrap()],
            to: whose(to),
            into: FilePath::new("/b").unwrap(),
            rename: None,
            conflict: Conflict::Ask,
        }
    }

    #[test]
    fn a_pair_of_hosts_has_one_job_at_a_time() {
        let mut q = Queue::default();
        for (id, (from, to)) in [("a", "b"), ("b", "a"), ("a", "c"), ("a", "b")].into_iter().enumerate() {
            q.add(id as u64, wanted(from, to));
        }
        let due = |q: &mut Queue| q.due(Duration::ZERO).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!(due(&mut q), [0, 2]);
        assert!(due(&mut q).is_empty());
        q.job(0).unwrap().state = State::Waiting("no link".into());
        assert!(due(&mut q).is_empty(), "one that waits keeps its turn");
        q.job(0).unwrap().state = State::Failed("no".into());
        assert_eq!(due(&mut q), [1]);
        assert_eq!(q.open(), 3);
        // once more: at the end; but not what is done
        q.job(2).unwrap().state = State::Done;
        assert!(!q.again(2, 11));
        q.job(2).unwrap().state = State::Running;
        assert!(q.again(0, 9) && !q.again(1, 10));
        assert_eq!(q.jobs.iter().map(|j| j.id).collect::<Vec<_>>(), [1, 2, 3, 9]);
        q.job(2).unwrap().state = State::Done;
        q.clear_finished();
        assert_eq!(q.jobs.len(), 3);
    }

    #[test]
    fn parts_that_an_open_job_goes_on_with_stay() {
        let mut q = Queue::default();
        for id in 1..=3 {
            q.add(id, wanted("a", if id == 3 { "c" } else { "b" }));
            q.job(id).unwrap().part = FilePath::new("/b/.x.part").ok();
            q.job(id).unwrap().state = State::Cancelled;
        }
        // the same files again: it has not come to that part yet
        q.add(4, wanted("a", "b"));
        let dropped = q.clear_finished();
        assert_eq!(dropped, [(whose("c"), FilePath::new("/b/.x.part").unwrap())]);
        assert_eq!(q.jobs.len(), 1);
    }

    #[test]
    fn what_is_over_is_kept_for_a_while() {
        let mut q = Queue::default();
        for id in 0..KEPT as u64 + 10 {
            q.add(id, wanted("a", "b"));
            q.job(id).unwrap().state = if id == 1 { State::Running } else { State::Done };
        }
        q.job(0).unwrap().part = FilePath::new("/b/.x.part").ok();
        q.forget_old();
        assert_eq!(q.jobs.len(), KEPT + 2);
        assert_eq!(q.jobs.iter().map(|j| j.id).take(3).collect::<Vec<_>>(), [0, 1, 10]);
    }

    #[test]
    fn it_says_how_far_it_is() {
        let mut q = Queue::default();
        assert_eq!(q.brief(), None);
        q.add(1, wanted("a", "b"));
        assert_eq!(q.brief(), None, "its turn has not come");
        q.due(Duration::ZERO);
        assert_eq!(q.brief().unwrap(), "copy …");
        let job = q.job(1).unwrap();
        (job.planned, job.bytes, job.files, job.speed) = (Some((1, 1 << 20)), 1 << 19, 0, 1 << 18);
        assert_eq!(job.left(), Some(Duration::from_secs(2)));
        assert_eq!(q.brief().unwrap(), "copy 50 %");
        q.add(2, wanted("a", "b"));
        assert_eq!(q.brief().unwrap(), "copy 50 % +1");
    }
}
