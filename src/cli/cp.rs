//! Owns the verb `cp`: what its words mean, links that are made again when they fall, and what is told. Leaves out the copying
//! (`client::files`).

use super::call::{Client, keep_alive};
use super::conn::meant;
use super::{Common, Cp};
use crate::client::files::job::{self, Choice, Conflict, Job, JobEnd, JobEvent, What};
use crate::client::files::{End, Up, Whose};
use crate::client::host::{Dialed, Env, HostId, answer_asked, dial_by, list_connections};
use crate::failure::{Failure, Kind};
use crate::link::Incoming;
use crate::proto::control::connections::Listed;
use crate::proto::control::{Fault, FileKind, FileName, FilePath, Place};
use crate::text::{escape, short};
use crate::transport::ssh;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

mod asked;
mod told;
use told::Told;

/// Between dials after a link fell: longer each time, up to the second.
const AGAIN: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(10));
/// A host that is away for so long is not waited for any more.
const AWAY: Duration = Duration::from_secs(600);
/// A refusal after the link fell may be the network's: it counts from here on.
const REFUSALS: u32 = 5;
/// Names of a directory that are copied one by one (`DIR/.`).
const NAMES: usize = 100_000;

/// What a word names.
#[derive(Clone, PartialEq, Debug)]
struct Named {
    /// None = this machine; `HOST` or `HOST/CONNECTION`.
    host: Option<String>,
    path: Vec<u8>,
}

/// `HOST:PATH`, `HOST/CONNECTION:PATH` or a path of this machine. What stands before the first colon is a host, unless the
/// word begins as a path does (`/`, `.`); one with colons of its own is put in brackets. `:PATH` is of the host of -H.
fn named(word: &OsStr, of: Option<&HostId>) -> Result<Named, Failure> {
    let bytes = word.as_bytes();
    let shown = || short(&String::from_utf8_lossy(bytes), 200);
    let here = |path: &[u8]| Ok(Named { host: None, path: path.to_vec() });
    if bytes.is_empty() {
        return Err(Failure::usage("an empty word names no file", "write . for this directory"));
    }
    if matches!(bytes.first(), Some(b'/' | b'.')) {
        return here(bytes);
    }
    // user@[fe80::1]:PATH, [user@host:22]:PATH
    let open = bytes.iter().position(|b| matches!(b, b'[' | b':')).filter(|at| bytes.get(*at) == Some(&b'['));
    let from = match open {
        Some(at) => match bytes.iter().skip(at).position(|b| *b == b']') {
            Some(length) => at + length,
            None => return here(bytes),
        },
        None => 0,
    };
    let Some(colon) = bytes.iter().skip(from).position(|b| *b == b':').map(|at| from + at) else { return here(bytes) };
    let (host, path) = (bytes.get(..colon).unwrap_or_default(), bytes.get(colon + 1..).unwrap_or_default());
    let whole = open == Some(0) && host.last() == Some(&b']');
    let host = if whole { host.get(1..host.len() - 1).unwrap_or_default() } else { host };
    let host = std::str::from_utf8(host)
        .map_err(|_| Failure::usage(format!("'{}' names no host", shown()), "a local path is written ./PATH"))?;
    let host = match (host, of) {
        ("", None) => {
            return Err(Failure::usage(
                format!("'{}' names no host", shown()),
                "write HOST:PATH, or say -H HOST; a local path is written ./PATH",
            ));
        }
        ("", Some(of)) => of.as_str(),
        (host, _) => host,
    };
    let path = match path {
        b"~" => b"".as_slice(),
        path => path.strip_prefix(b"~/").unwrap_or(path),
    };
    Ok(Named { host: Some(host.to_string()).filter(|h| h != "local"), path: path.to_vec() })
}

/// Links to the hosts that are named, each made once and kept.
struct Hosts<'a> {
    env: &'a Arc<Env>,
    common: &'a Common,
    no_agent: bool,
    books: HashMap<HostId, Listed>,
    /// Ends with why a host is given up.
    keepers: JoinSet<Failure>,
    ends: HashMap<Option<String>, End>,
}

impl Hosts<'_> {
    async fn end(&mut self, host: &Option<String>) -> Result<End, Failure> {
        if let Some(end) = self.ends.get(host) {
            return Ok(end.clone());
        }
        let whose = match host {
            None => {
                self.connect(&HostId::local()).await?;
                Whose::host(HostId::local())
            }
            Some(word) => self.meant(word).await?,
        };
        let end = self.env.ups.end(whose);
        self.ends.insert(host.clone(), end.clone());
        Ok(end)
    }

    /// A host, one of its connections, or one of this machine's.
    async fn meant(&mut self, word: &str) -> Result<Whose, Failure> {
        let label = word.to_string();
        if let Some((host, connection)) = word.split_once('/') {
            let host = HostId::new(host);
            let list = match host.is_local() {
                true => "thub conn ls".to_string(),
                false => self.env.typed(&format!("thub conn ls -H {}", crate::text::shell(host.as_str()))),
            };
            let local = "a path of this machine that has a colon is written ./PATH";
            self.connect(&host).await.map_err(|f| f.hint(local))?;
            let book = self.book(&host).await?;
            let found = meant(book.find_connection(connection), connection, &list)?;
            let place = Place::of_connection(found.id.clone());
            return Ok(Whose { host, place, label });
        }
        // what ssh knows goes first: a name must not come to mean another machine
        if !word.contains('@') && !ssh::hosts(self.common.ssh_config.as_deref()).iter().any(|h| h == word) {
            let book = self.book(&HostId::local()).await?;
            let mut same = book
                .connections
                .iter()
                .filter(|c| c.name == word && matches!(c.config.kind.as_str(), "ssh" | "docker"));
            if let (Some(one), None) = (same.next(), same.next()) {
                let place = Place::of_connection(one.id.clone());
                return Ok(Whose { host: HostId::local(), place, label });
            }
        }
        let host = HostId::new(word);
        self.connect(&host).await?;
        Ok(Whose::host(host))
    }

    async fn book(&mut self, host: &HostId) -> Result<&Listed, Failure> {
        self.connect(host).await?;
        if !self.books.contains_key(host) {
            let env = self.env.clone();
            let up = env.ups.end(Whose::host(host.clone())).link().await;
            let up = up.ok_or_else(|| Failure::unreachable("the link fell", "try again"))?;
            let listed = list_connections(&up.link, up.stream()).await;
            let listed = listed.map_err(|f| failure(&f, "thub conn ls"))?;
            self.books.insert(host.clone(), listed);
        }
        Ok(self.books.entry(host.clone()).or_default())
    }

    async fn connect(&mut self, host: &HostId) -> Result<(), Failure> {
        if self.env.ups.end(Whose::host(host.clone())).is_up() {
            return Ok(());
        }
        if self.no_agent && !host.is_local() {
            self.env.go_without(host, false);
        }
        let client =
            Client::connect(self.env, host).await.map_err(|f| match f.hints.iter().any(|h| h.contains("deploy")) {
                true => f.hint("or go over plain SSH: --no-agent"),
                false => f,
            })?;
        let (env, host, dialed) = (self.env.clone(), host.clone(), client.dialed);
        let first = Kept::new(&env, &host, dialed);
        self.keepers.spawn(async move { keep(env, host, first).await });
        Ok(())
    }
}

/// A link that stands, and answers what is asked over it.
struct Kept {
    dialed: Dialed,
    /// Others hold it while the agent may ask.
    askable: Arc<()>,
}

impl Kept {
    fn new(env: &Env, host: &HostId, dialed: Dialed) -> Kept {
        let askable = Arc::new(());
        let target = dialed.without.as_ref().map(|w| w.target.clone());
        let far = !host.is_local() && target.is_none();
        env.ups.up(
            host,
            Up::new(dialed.link.clone(), far, target, {
                let askable = Arc::downgrade(&askable);
                Arc::new(move || Box::new(askable.upgrade()))
            }),
        );
        Kept { dialed, askable }
    }

    /// Serves it until it falls: why.
    async fn serve(mut self, host: &HostId) -> String {
        let through = (!host.is_local()).then(|| host.as_str().to_string());
        loop {
            tokio::select! {
                end = &mut self.dialed.ended => {
                    return end.map_or_else(|_| "the link is gone".into(), |e| escape(&e.to_string()));
                }
                Some(message) = self.dialed.incoming.recv() => {
                    let Incoming::Call { id, method, params } = message else { continue };
                    let out = self.dialed.link.out.clone();
                    if Arc::strong_count(&self.askable) == 1 {
                        let fault = Fault::new(Fault::REFUSED, "nothing was asked for that needs an answer");
                        crate::link::call::answer(&out, id, Err(fault));
                        continue;
                    }
                    answer_asked(out, id, method, params, super::ask::quietly(), through.clone());
                }
            }
        }
    }
}

/// Keeps a link to a host: one that falls is made again, until that is of no use.
async fn keep(env: Arc<Env>, host: HostId, first: Kept) -> Failure {
    let mut kept = Some(first);
    loop {
        if let Some(kept) = kept.take() {
            let why = kept.serve(&host).await;
            tracing::debug!(why, "the link is over");
            env.ups.down(&host);
        }
        let (mut pause, mut refusals, since) = (AGAIN.0, 0, Instant::now());
        let dialed = loop {
            match dial_by(&host, &env, super::ask::quietly(), env.deploy, None).await {
                Ok(dialed) => break dialed,
                Err(failure) => {
                    refusals += u32::from(failure.kind == Kind::Refused);
                    let of_no_use = failure.hard || failure.kind == Kind::Usage || refusals > REFUSALS;
                    if of_no_use || since.elapsed() > AWAY {
                        return failure;
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(AGAIN.1);
        };
        if !host.is_local() {
            tokio::spawn(keep_alive(dialed.link.clone()));
        }
        kept = Some(Kept::new(&env, &host, dialed));
    }
}

/// What a fault is to the command line.
fn failure(fault: &Fault, next: &str) -> Failure {
    let kind = match fault.code {
        Fault::REFUSED => Kind::Refused,
        Fault::GONE => Kind::Unreachable,
        Fault::TIMEOUT => Kind::TimedOut,
        Fault::BAD_PARAMS => Kind::Usage,
        _ => Kind::Failed,
    };
    let hint = match fault.code {
        Fault::UNKNOWN => "look at the path: a relative one begins at the home directory of the host".into(),
        Fault::UNKNOWN_METHOD => "its agent is of an older build: `thub deploy HOST` puts this one there".into(),
        _ => next.to_string(),
    };
    Failure::new(kind, escape(&fault.message), hint)
}

const NEXT: &str = "the same command again goes on where it was";

/// Where it comes to.
struct Dest {
    end: End,
    into: FilePath,
    rename: Option<FileName>,
}

fn file_path(path: Vec<u8>) -> Result<FilePath, Failure> {
    FilePath::new(path).map_err(|e| Failure::usage(e.to_string(), "write a path"))
}

/// A path as its host is to be asked for it: this machine's begin where we stand.
fn absolute(named: &Named) -> Result<FilePath, Failure> {
    if named.host.is_some() || named.path.first() == Some(&b'/') {
        return file_path(named.path.clone());
    }
    let here = std::env::current_dir()?;
    file_path([here.as_os_str().as_bytes(), b"/", &named.path].concat())
}

/// What is there, wherever a link leads; none = nothing.
async fn look(end: &End, path: &FilePath) -> Result<Option<(FileKind, bool)>, Failure> {
    let found = end.look(path).await.map_err(|f| failure(&f, NEXT))?;
    Ok(found.map(|info| match info.link {
        Some(link) => (link.kind.unwrap_or(FileKind::Link), true),
        None => (info.kind, false),
    }))
}

impl Dest {
    /// `makes`: what is to be a directory is made where it is not there.
    async fn of(hosts: &mut Hosts<'_>, named: &Named, sources: usize, makes: bool) -> Result<Dest, Failure> {
        let end = hosts.end(&named.host).await?;
        let path = absolute(named)?;
        let shown = || short(&path.to_string(), 200);
        match look(&end, &path).await? {
            Some((FileKind::Dir, _)) => return Ok(Dest { end, into: path, rename: None }),
            Some(_) if sources > 1 || named.path.ends_with(b"/") => {
                return Err(Failure::usage(
                    format!("'{}' is no directory", shown()),
                    "name a directory, or one source alone",
                ));
            }
            None if named.path.ends_with(b"/") => {
                if makes {
                    let made = end.mkdir(&path, false, None).await;
                    made.map_err(|f| failure(&f, "make the directories above it first"))?;
                }
                return Ok(Dest { end, into: path, rename: None });
            }
            None if sources > 1 => {
                return Err(Failure::usage(
                    format!("there is no directory '{}'", shown()),
                    format!("write '{}/' to have it made", shown()),
                ));
            }
            Some(_) | None => {}
        }
        let none = || Failure::usage(format!("'{}' names no file", shown()), "name a file or a directory");
        let (into, name) = path.split().ok_or_else(none)?;
        Ok(Dest { end, into, rename: Some(name) })
    }
}

/// What is copied in one go: things of one directory.
struct Group {
    end: End,
    dir: FilePath,
    names: Vec<FileName>,
    /// One, under another name.
    rename: Option<FileName>,
}

impl Group {
    async fn of(hosts: &mut Hosts<'_>, named: &Named) -> Result<Group, Failure> {
        let end = hosts.end(&named.host).await?;
        // (with a slash behind it a link would be what it leads to, and have no name)
        let bare = named.path.iter().rposition(|b| *b != b'/').map_or(1, |last| last + 1);
        let named = &Named { path: named.path.get(..bare).unwrap_or_default().to_vec(), ..named.clone() };
        let path = absolute(named)?;
        let wrong = |f: Fault| failure(&f, NEXT);
        // DIR/. = all in it
        if named.path.ends_with(b"/.") || named.path == b"." {
            let mut listing = end.list(&path).await.map_err(wrong)?;
            let (mut names, dir) = (Vec::new(), listing.real.clone());
            while let Some(entries) = listing.next().await.map_err(wrong)? {
                names.extend(entries.into_iter().map(|e| e.name));
            }
            let ended = listing.end.take().unwrap_or_default();
            if let Some(fault) = ended.fault {
                return Err(wrong(fault));
            }
            if ended.more || names.len() >= NAMES {
                return Err(Failure::usage(
                    format!("'{}' holds too many files to be named one by one", short(&path.to_string(), 200)),
                    "copy the directory itself",
                ));
            }
            return Ok(Group { end, dir, names, rename: None });
        }
        let statted = end.stat(&path, true, false).await.map_err(wrong)?;
        let is_link = statted.info.link.as_ref().is_some_and(|link| link.kind.is_some());
        // a link that is named is what it leads to, under its own name
        let (own, real) = (path.split(), statted.real.as_ref().and_then(FilePath::split));
        let (place, rename) = match (own, real) {
            (Some((_, own)), Some(real)) if is_link => (real, Some(own)),
            (Some(own), _) => (own, None),
            (None, Some(real)) => (real, None),
            (None, None) => {
                return Err(Failure::usage(
                    format!("'{}' has no name that its copy could have", short(&path.to_string(), 200)),
                    "write '/.' behind it to copy all that is in it",
                ));
            }
        };
        Ok(Group { end, dir: place.0, names: vec![place.1], rename })
    }
}

pub async fn cp(env: &Arc<Env>, common: &Common, cp: &Cp) -> Result<u8, Failure> {
    let of = (!common.host.is_empty()).then(|| super::call::host(common)).transpose()?;
    let sources = cp.sources.iter().map(|word| named(word, of.as_ref())).collect::<Result<Vec<_>, _>>()?;
    let dest = named(&cp.dest, of.as_ref())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut hosts = Hosts {
        env,
        common,
        no_agent: cp.no_agent,
        books: HashMap::new(),
        keepers: JoinSet::new(),
        ends: HashMap::new(),
    };
    let ready = async {
        // every question is asked, and every word looked at, before anything is copied
        let mut groups: Vec<Group> = Vec::new();
        for source in &sources {
            let group = Group::of(&mut hosts, source).await?;
            match groups.last_mut() {
                Some(last)
                    if last.end.whose() == group.end.whose()
                        && last.dir == group.dir
                        && last.rename.is_none()
                        && group.rename.is_none() =>
                {
                    last.names.extend(group.names);
                }
                _ => groups.push(group),
            }
        }
        let things = groups.iter().map(|g| g.names.len()).sum();
        let dest = Dest::of(&mut hosts, &dest, things, !cp.dry_run).await?;
        Ok::<_, Failure>((groups, dest))
    };
    let (groups, dest) = tokio::select! {
        ready = ready => ready?,
        _ = interrupted.recv() => return Ok(INTERRUPTED),
    };
    let mut told = Told::new(common.json, cp.quiet || cp.dry_run);
    let mut ends = Vec::new();
    // (what is asked for a script nobody would see)
    let somebody = std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && super::ask::here();
    let mut conflict = cp.conflict();
    if conflict == Conflict::Refuse && somebody && !common.json && !cp.dry_run {
        conflict = Conflict::Ask;
    }
    for group in groups {
        if group.names.is_empty() {
            continue;
        }
        let job = Job {
            from: group.end,
            dir: group.dir,
            names: group.names,
            to: dest.end.clone(),
            into: dest.into.clone(),
            rename: dest.rename.clone().or(group.rename),
            moves: false,
            sync: false,
            conflict,
            dry: cp.dry_run,
        };
        let (events_tx, mut events) = mpsc::unbounded_channel();
        let (answers, answered) = mpsc::unbounded_channel();
        let mut running = std::pin::pin!(job::run(job, events_tx, answered));
        let mut question: Option<Question> = None;
        told.begin();
        let end = loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => match event {
                    JobEvent::Asked { id, path, theirs, ours } => {
                        told.asking(true);
                        question = Some(Box::pin(async move { (id, asked::ask(path, theirs, ours).await) }));
                    }
                    event => told.event(event),
                },
                (id, choice) = answer(&mut question) => {
                    question = None;
                    told.asking(false);
                    if choice.what == What::Cancel {
                        eprintln!("thub: stopped; {NEXT}");
                        return Ok(INTERRUPTED);
                    }
                    if choice.all {
                        conflict = choice.what.for_all().unwrap_or(conflict);
                    }
                    // (it waits for it)
                    let _ = answers.send((id, choice));
                }
                end = &mut running => break end,
                Some(given_up) = hosts.keepers.join_next() => {
                    told.pause();
                    return Err(match given_up {
                        Ok(failure) => failure.hint(NEXT),
                        Err(e) => Failure::from(anyhow::Error::from(e)),
                    });
                }
                _ = interrupted.recv() => {
                    told.pause();
                    eprintln!("thub: stopped; {NEXT}");
                    return Ok(INTERRUPTED);
                }
            }
        };
        while let Ok(event) = events.try_recv() {
            told.event(event);
        }
        let over = end.fault.is_some();
        ends.push(end);
        if over {
            break;
        }
    }
    ended(told, ends, conflict)
}

/// A question of a job that somebody is asked just now: its number, and the answer.
type Question = Pin<Box<dyn Future<Output = (u64, Choice)>>>;

/// The answer, where there is a question.
async fn answer(question: &mut Option<Question>) -> (u64, Choice) {
    match question {
        Some(question) => question.await,
        None => std::future::pending().await,
    }
}

/// As a shell says of what SIGINT ended.
const INTERRUPTED: u8 = 130;

fn ended(told: Told, ends: Vec<JobEnd>, conflict: Conflict) -> Result<u8, Failure> {
    let mut all = JobEnd::default();
    for end in ends {
        all.files += end.files;
        all.bytes += end.bytes;
        all.carried += end.carried;
        all.failures += end.failures;
        all.skipped += end.skipped;
        all.unusable += end.unusable;
        all.fault = end.fault;
    }
    told.end(&all);
    if let Some(fault) = &all.fault {
        return Err(failure(fault, NEXT));
    }
    if all.unusable > 0 {
        eprintln!("thub: {} files have names that are none, or could not be looked at", all.unusable);
    }
    if all.failures > 0 {
        let next = match conflict {
            Conflict::Refuse => {
                "what is there already is left alone, unless --force, --update, --skip or --keep-both says otherwise"
            }
            _ => NEXT,
        };
        return Err(Failure::failed(
            format!("{} could not be copied", crate::text::count(all.failures as usize, "file")),
            next,
        ));
    }
    Ok(u8::from(all.unusable > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(word: &str) -> (Option<String>, String) {
        let named = named(OsStr::new(word), Some(&HostId::new("given"))).unwrap();
        (named.host, String::from_utf8(named.path).unwrap())
    }

    #[test]
    fn words_and_whose_they_are() {
        let here = |path: &str| (None, path.to_string());
        let there = |host: &str, path: &str| (Some(host.to_string()), path.to_string());
        assert_eq!(words("a/b"), here("a/b"));
        assert_eq!(words("./a:b"), here("./a:b"));
        assert_eq!(words("/a:b"), here("/a:b"));
        assert_eq!(words("../a:b"), here("../a:b"));
        assert_eq!(words("web:a:b"), there("web", "a:b"));
        assert_eq!(words("me@web:"), there("me@web", ""));
        assert_eq!(words("web:~/a"), there("web", "a"));
        assert_eq!(words("web:~"), there("web", ""));
        assert_eq!(words("web:/~/a"), there("web", "/~/a"));
        assert_eq!(words("hub/my lab/pi:/etc"), there("hub/my lab/pi", "/etc"));
        assert_eq!(words("[me@web:2222]:/x"), there("me@web:2222", "/x"));
        assert_eq!(words("me@[fe80::1]:x"), there("me@[fe80::1]", "x"));
        assert_eq!(words("a[1]"), here("a[1]"));
        assert_eq!(words("[x"), here("[x"));
        assert_eq!(words(":x"), there("given", "x"));
        assert_eq!(words("local:x"), here("x"));
        assert!(named(OsStr::new(":x"), None).is_err());
        assert!(named(OsStr::new(""), None).is_err());
        assert!(named(OsStr::from_bytes(b"\xff:x"), None).is_err());
        assert_eq!(named(OsStr::from_bytes(b"\xff"), None).unwrap().path, b"\xff");
    }
}
