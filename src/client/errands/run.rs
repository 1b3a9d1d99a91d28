//! Owns carrying out errands: each is a task on a thread beside the one that reads keys and draws, and sends its news as they
//! come. A task that is let go of lets go of its streams with it.

use super::{Errand, News};
use crate::client::browser::queue::{Kind, Wanted};
use crate::client::browser::viewer;
use crate::client::files::job::Conflict;
use crate::client::files::{End, Ups, Whose, failures};
use crate::paths::Paths;
use crate::proto::control::{Failed, Fault, FileKind, FileName, FilePath};
use crate::store::bookmarks;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// Names that are worked on at once, where each is a round trip.
const TOGETHER: usize = 16;

/// What an errand needs to be carried out.
#[derive(Clone)]
pub struct Means {
    pub ups: Ups,
    pub paths: Paths,
}

/// Where an errand's news go.
#[derive(Clone)]
pub(super) struct Teller {
    tag: u64,
    news: mpsc::UnboundedSender<(u64, News)>,
}

impl Teller {
    pub fn tell(&self, news: News) {
        let _ = self.news.send((self.tag, news));
    }
}

/// An answer to a question of a job.
pub(super) struct Answer {
    pub ask: u64,
    pub what: Conflict,
    pub all: bool,
}

struct Running {
    task: AbortHandle,
    answers: Option<mpsc::UnboundedSender<Answer>>,
}

pub struct Runner {
    means: Means,
    news: mpsc::UnboundedSender<(u64, News)>,
    running: HashMap<u64, Running>,
    thread: Option<Handle>,
}

impl Runner {
    pub fn new(means: Means, news: mpsc::UnboundedSender<(u64, News)>) -> Runner {
        Runner { means, news, running: HashMap::new(), thread: None }
    }

    /// A thread of their own: what is copied and listed must not hold up keys. It goes with the process.
    fn thread(&mut self) -> Handle {
        let start = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            let handle = runtime.handle().clone();
            let run = move || runtime.block_on(std::future::pending::<()>());
            std::thread::Builder::new().name("thub-files".into()).spawn(run).ok().map(|_| handle)
        };
        // (no thread to be had: as well as it goes)
        self.thread.get_or_insert_with(|| start().unwrap_or_else(Handle::current)).clone()
    }

    pub fn take(&mut self, tag: u64, errand: Errand) {
        self.running.retain(|_, r| !r.task.is_finished());
        match errand {
            Errand::Stop => {
                if let Some(running) = self.running.remove(&tag) {
                    running.task.abort();
                }
            }
            Errand::Answer { ask, what, all } => {
                if let Some(answers) = self.running.get(&tag).and_then(|r| r.answers.as_ref()) {
                    let _ = answers.send(Answer { ask, what, all });
                }
            }
            // (a look at each start: for that alone there need be no thread)
            Errand::LeftEdits { open } => {
                let (paths, teller) = (self.means.paths.clone(), Teller { tag, news: self.news.clone() });
                tokio::task::spawn_blocking(move || teller.tell(News::LeftEdits(super::edit::left(&paths, &open))));
            }
            errand => {
                let (means, teller) = (self.means.clone(), Teller { tag, news: self.news.clone() });
                let (answers, asked) = mpsc::unbounded_channel();
                let is_job = matches!(errand, Errand::Run(_));
                let work = async move {
                    if let Err(fault) = carry_out(&means, errand, &teller, asked).await {
                        teller.tell(News::Failed(fault.message));
                    }
                };
                let task = self.thread().spawn(work).abort_handle();
                self.running.insert(tag, Running { task, answers: is_job.then_some(answers) });
            }
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.running.values().for_each(|r| r.task.abort());
    }
}

async fn carry_out(
    means: &Means,
    errand: Errand,
    teller: &Teller,
    asked: mpsc::UnboundedReceiver<Answer>,
) -> Result<(), Fault> {
    let end = |whose: Whose| means.ups.end(whose);
    match errand {
        Errand::List { whose, path } => {
            let mut listing = end(whose).list(&path).await?;
            teller.tell(News::Listed(listing.real.clone()));
            while let Some(entries) = listing.next().await? {
                teller.tell(News::Entries(entries));
            }
            teller.tell(News::ListEnd(listing.end.unwrap_or_default()));
        }
        Errand::Facts { whose, path } => {
            let facts = end(whose).stat(&path, true, true).await?;
            teller.tell(News::Facts(Box::new(facts)));
        }
        Errand::MakeDir { whose, path } => {
            end(whose).mkdir(&path, false, None).await?;
            teller.tell(News::Done);
        }
        Errand::Rename { whose, dir, from, to } => {
            end(whose).rename(&dir.join(&from), &dir.join(&to), false).await?;
            teller.tell(News::Done);
        }
        Errand::Mode { whose, dir, names, mode } => {
            let end = end(whose);
            each(names, move |name| {
                let (end, path) = (end.clone(), dir.join(&name));
                async move { end.chmod(&path, mode).await.map_err(|f| named(&name, f)) }
            })
            .await?;
            teller.tell(News::Done);
        }
        Errand::Read { whose, path } => {
            let (info, mut reading) = end(whose).read(&path, 0, Some(viewer::MOST)).await?;
            teller.tell(News::Size(info.size));
            let mut had = 0;
            while let Some(bytes) = reading.next().await? {
                had += bytes.len() as u64;
                teller.tell(News::Bytes(bytes));
                // (more than was asked for is not wanted)
                if had >= viewer::MOST {
                    break;
                }
            }
            teller.tell(News::Read(had < viewer::MOST || had >= info.size));
        }
        Errand::Fetch { whose, dir, name } => super::edit::fetch(means, whose, dir, name, teller).await?,
        Errand::PutBack { edit, keep } => super::edit::put_back(means, *edit, keep, teller).await?,
        Errand::Forget { copy } => {
            let paths = means.paths.clone();
            let _ = tokio::task::spawn_blocking(move || crate::store::copies::forget(&paths, &copy)).await;
        }
        Errand::DropPart { whose, path } => drop(end(whose).delete(&path, false, |_| {}).await?),
        Errand::Run(wanted) if wanted.kind == Kind::Delete => delete(end(wanted.from.clone()), *wanted, teller).await?,
        Errand::Run(wanted) => super::copy::copy(means, *wanted, teller, asked).await?,
        Errand::Bookmarks { of, change } => {
            let paths = means.paths.clone();
            let done = tokio::task::spawn_blocking(move || match change {
                None => bookmarks::load(&paths, &of),
                Some((path, on)) => bookmarks::change(&paths, &of, &path, on),
            });
            let list = done.await.map_err(|e| Fault::new(Fault::INVALID, e.to_string()))?;
            teller.tell(News::Bookmarks(list.map_err(|f| Fault::new(Fault::INVALID, f.line()))?));
        }
        Errand::Paste { whose } => super::clip::paste(means, whose, teller).await?,
        // (those need no task)
        Errand::Stop | Errand::Answer { .. } | Errand::LeftEdits { .. } => {}
    }
    Ok(())
}

/// A failure that says what it is about; the name is escaped.
fn named(name: &FileName, fault: Fault) -> Fault {
    Fault { message: format!("'{name}': {}", fault.message), ..fault }
}

/// Does something with each name, some at once; what fails last is told, after all were tried.
async fn each<F: Future<Output = Result<(), Fault>> + Send + 'static>(
    names: Vec<FileName>,
    work: impl Fn(FileName) -> F,
) -> Result<(), Fault> {
    let mut set = JoinSet::new();
    let (mut failed, mut count) = (None, 0usize);
    let mut heed = |done: Result<Result<(), Fault>, _>| {
        if let Ok(Err(fault)) = done {
            (failed, count) = (Some(fault), count + 1);
        }
    };
    for name in names {
        if set.len() >= TOGETHER
            && let Some(done) = set.join_next().await
        {
            heed(done);
        }
        set.spawn(work(name));
    }
    while let Some(done) = set.join_next().await {
        heed(done);
    }
    match (failed, count) {
        (None, _) => Ok(()),
        (Some(fault), 1) => Err(fault),
        (Some(fault), n) => Err(Fault { message: format!("{}, and {} more", fault.message, n - 1), ..fault }),
    }
}

/// Deletes what was picked: directories with all in them. What fails is told, the rest goes on.
async fn delete(end: End, wanted: Wanted, teller: &Teller) -> Result<(), Fault> {
    let (files, bytes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let failures = Arc::new(AtomicUsize::new(0));
    let one = |name: FileName| {
        let (end, path, teller) = (end.clone(), wanted.dir.join(&name), teller.clone());
        let (files, bytes, failures) = (files.clone(), bytes.clone(), failures.clone());
        async move {
            let tell = |current: FilePath| {
                let (files, bytes) = (files.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed));
                teller.tell(News::Progress { files, bytes, current, speed: 0 });
            };
            let within = |failed: &Failed| {
                let path = failed.path.names().unwrap_or_default();
                let path = path.iter().fold(FilePath::from(name.clone()), |p, n| p.join(n));
                Failed { path, why: failed.why.clone() }
            };
            let done = async {
                let Some(info) = end.look(&path).await? else { return Ok(()) };
                let (mut had, mut had_bytes) = (0, 0);
                let progress = |p: &crate::proto::control::FilesProgress| {
                    files.fetch_add(p.files.saturating_sub(had), Ordering::Relaxed);
                    bytes.fetch_add(p.bytes.saturating_sub(had_bytes), Ordering::Relaxed);
                    (had, had_bytes) = (p.files.max(had), p.bytes.max(had_bytes));
                    // (a host may tell as many as it likes: nobody reads them all)
                    let told = failures.fetch_add(p.failed.len(), Ordering::Relaxed);
                    if !p.failed.is_empty() && told < failures::MOST {
                        teller.tell(News::FailedFor(p.failed.iter().map(within).collect()));
                    }
                    tell(FilePath::from(name.clone()));
                };
                let is_dir = info.kind == FileKind::Dir;
                let ended = end.delete(&path, is_dir, progress).await?;
                if !is_dir {
                    files.fetch_add(1, Ordering::Relaxed);
                    bytes.fetch_add(info.size, Ordering::Relaxed);
                    tell(FilePath::from(name.clone()));
                }
                ended.fault.map_or(Ok(()), Err)
            };
            if let Err(why) = done.await {
                teller.tell(News::FailedFor(vec![Failed { path: FilePath::from(name.clone()), why }]));
            }
            Ok(())
        }
    };
    let mut names = wanted.names.clone();
    // (one after the other where there is much in each)
    while !names.is_empty() {
        let rest = names.split_off(names.len().min(TOGETHER));
        let mut set = Vec::new();
        for name in names {
            set.push(one(name));
        }
        join_all(set).await?;
        names = rest;
    }
    let (files, bytes) = (files.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed));
    teller.tell(News::Over { files, bytes, skipped: 0, left: Vec::new(), failed: None, fault: None });
    Ok(())
}

/// All of them at once, within this task.
async fn join_all<F: Future<Output = Result<(), Fault>>>(work: Vec<F>) -> Result<(), Fault> {
    let mut work: Vec<std::pin::Pin<Box<F>>> = work.into_iter().map(Box::pin).collect();
    let mut failed = Ok(());
    std::future::poll_fn(|cx| {
        work.retain_mut(|f| match f.as_mut().poll(cx) {
            std::task::Poll::Ready(done) => {
                if failed.is_ok() {
                    failed = done;
                }
                false
            }
            std::task::Poll::Pending => true,
        });
        if work.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    failed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::files::tests::{Host, path, with};
    use crate::client::host::HostId;

    /// What an errand failed of.
    async fn failed(means: &Means, errand: Errand) -> String {
        let (news, mut told) = mpsc::unbounded_channel();
        let mut runner = Runner::new(means.clone(), news);
        runner.take(7, errand);
        match told.recv().await {
            Some((7, News::Failed(why))) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failure_on_this_disk_says_what_to_do() {
        with(|ups| async move {
            let top = tempfile::tempdir().unwrap();
            let paths = Paths::from_vars(|n| (n == "HOME").then(|| top.path().into()), None, None, "m", "b").unwrap();
            let means = Means { ups: ups.clone(), paths: paths.clone() };
            bookmarks::change(&paths, "local", &path("/srv"), true).unwrap();
            std::fs::write(paths.state_dir().join("bookmarks.json"), "{ no").unwrap();
            let why = failed(&means, Errand::Bookmarks { of: "local".into(), change: None }).await;
            assert!(why.contains("cannot be understood") && why.contains("kept as"), "{why}");
            // there is no room for an edit's copy
            let host = Host::new(&ups, "far");
            std::fs::write(host.home.join("a"), "x").unwrap();
            std::fs::write(paths.state_dir().join("edits"), "").unwrap();
            let told = crate::store::copies::create(&paths, "a").err().unwrap();
            assert!(!told.hints.is_empty());
            let (whose, name) = (Whose::host(HostId::new("far")), FileName::new("a").unwrap());
            let why = failed(&means, Errand::Fetch { whose, dir: path(""), name }).await;
            assert_eq!(why, told.line());
        });
    }
}
