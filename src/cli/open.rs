//! Owns the verbs that open a terminal: the TUI, attach, new. Leaves out the TUI itself.

use super::call::{Client, STREAMS};
use super::{Attach, Common, New};
use crate::client::app::{Inside, Solo, Sources};
use crate::client::driver;
use crate::client::errands::run::Means;
use crate::client::host::{self, Dialed, Env, First, HostId};
use crate::client::tui::{self, Options};
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::paths::Paths;
use crate::proto::ids::{SessionId, Size};
use crate::safedir::SafeDir;
use crate::store::layout::Window;
use crate::store::{met, teams};
use crate::sys::watched_dirs;
use crate::text::escape;
use crate::theme::Theme;
use crate::transport::ssh;
use rustix::fs::inotify::WatchFlags;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A file of settings is another.
const WATCHED: WatchFlags = WatchFlags::CLOSE_WRITE.union(WatchFlags::MOVED_TO).union(WatchFlags::DELETE);

/// `thub [HOST]`
pub async fn tui(env: &Arc<Env>, common: &Common, open: Option<String>) -> Result<u8, Failure> {
    let mut hosts = open.iter().chain(&common.host);
    let first = hosts.next().map(HostId::new);
    if hosts.next().is_some() {
        return Err(Failure::usage(
            "thub is opened with one host",
            "name one; in it the tree (prefix b) has the others",
        ));
    }
    terminal()?;
    let state = SafeDir::open_or_create(env.paths.state_dir())?;
    let (window, saved, trouble) = Window::take(state)?;
    let mut options = options(env, None)?;
    let told = trouble.map(|f| f.line()).or(options.greeting.take());
    options.greeting = told;
    options.open_host = first;
    options.ssh_hosts = ssh::hosts(common.ssh_config.as_deref());
    options.sources = Some(watch_sources(env.paths.clone(), common.ssh_config.clone(), options.ssh_hosts.clone()));
    options.saved = saved;
    options.keep = Some(driver::keep_in(window));
    leave(crate::sys::as_task(tui::run(options)).await?)
}

/// `thub attach`
pub async fn attach(env: &Arc<Env>, host: &HostId, a: &Attach) -> Result<u8, Failure> {
    let size = terminal()?;
    let name = a.target.name();
    let first = (!host.is_local()).then(|| attaching_at_once(env, host, name, size, a.watch));
    let client = Client::connect_and(env, host, first).await?;
    let mut found = client.find(name).await?;
    // one that has lost its socket has it again within 5 s
    for _ in 0..6 {
        if found.1.state != "orphaned" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        found = client.find(found.0.as_str()).await?;
    }
    let (session, info) = found;
    if info.state == "orphaned" {
        return Err(Failure::new(
            Kind::TimedOut,
            format!(
                "session '{}' does not answer: its process {} is stopped, or has no time",
                escape(info.label()),
                info.pid
            ),
            "try again, or end it with `thub kill`",
        ));
    }
    if host.is_local() && std::env::var("THUB_SESSION").is_ok_and(|s| s == info.id) {
        return Err(Failure::usage(
            format!("this terminal is inside session '{}' itself", escape(info.label())),
            "detach first, or attach from another terminal",
        ));
    }
    // (an agent may begin one on a serial port again for who wants it)
    if info.state == "lost" && info.kind != "serial" {
        return Err(Failure::failed(
            format!("session '{}' is lost: {}", escape(info.label()), escape(&info.cause.unwrap_or_default())),
            "its screen and history went with its process",
        ));
    }
    remember(env, host, name, &session);
    solo(env, client.dialed, Solo { host: host.clone(), session, watch: a.watch }).await
}

/// For the next attach.
fn remember(env: &Env, host: &HostId, name: &str, session: &SessionId) {
    if !host.is_local() {
        let (name, id) = (name.to_string(), session.to_string());
        met::remember(&env.paths, host.as_str(), |met| drop(met.sessions.insert(name.clone(), id.clone())));
    }
}

/// In one flight with hello: the list of sessions, which tells what a name means, and an attach to what it meant last time.
fn attaching_at_once(env: &Arc<Env>, host: &HostId, name: &str, size: Option<Size>, watch: bool) -> First {
    let meant = met::recall(&env.paths, host.as_str()).sessions.remove(name).and_then(|id| id.parse().ok());
    let wanted: Vec<_> =
        meant.zip(size).map(|(id, size)| host::first_attach(env, id, size, watch, 2)).into_iter().collect();
    Arc::new(move |link| {
        let mut begun = host::attaching(link, &wanted);
        begun.list = Some(Box::pin(host::list_sessions(link, STREAMS)));
        begun
    })
}

/// `thub new` without -d
pub async fn new(env: &Arc<Env>, host: &HostId, new: &New) -> Result<u8, Failure> {
    let size = terminal()?;
    let mut create = super::sessions::create(new)?;
    create.size = create.size.or(size);
    let mut client = Client::connect(env, host).await?;
    create.connection = super::sessions::connection(&client, new).await?;
    let info = client.create(&create).await?;
    let session =
        info.id.parse().map_err(|_| Failure::failed("the agent's answer is not understood", "deploy it anew"))?;
    remember(env, host, info.label(), &session);
    solo(env, client.dialed, Solo { host: host.clone(), session, watch: false }).await
}

async fn solo(env: &Arc<Env>, dialed: Dialed, solo: Solo) -> Result<u8, Failure> {
    env.keep_together();
    let mut options = options(env, Some(dialed))?;
    options.solo = Some(solo);
    leave(crate::sys::as_task(tui::run(options)).await?)
}

/// Says how it ended, on the terminal that is the user's again.
fn leave(outcome: tui::Outcome) -> Result<u8, Failure> {
    if let Some(signal) = outcome.signal {
        return Ok(u8::try_from(128 + signal).unwrap_or(1));
    }
    println!("{}", outcome.text);
    Ok(0)
}

/// What every TUI starts with; `first` = a link that stands already.
fn options(env: &Arc<Env>, first: Option<Dialed>) -> Result<Options, Failure> {
    let (config, greeting) = read_config(&env.paths);
    let theme = Theme::load(&config.theme, env.paths.config_dir());
    let (theme, greeting) = match theme {
        Ok(theme) => (theme, greeting),
        Err(e) => (Theme::auto(false), greeting.or(Some(e.what))),
    };
    let (events_tx, events) = mpsc::unbounded_channel();
    let (env, mut first) = (env.clone(), first);
    Ok(Options {
        config,
        theme,
        solo: None,
        open_host: None,
        changes: Some(watch_config(env.paths.clone())),
        sources: None,
        ssh_hosts: Vec::new(),
        ssh_config: env.ssh_config.clone(),
        saved: None,
        keep: None,
        inside: Inside::from_env(|name| std::env::var(name).ok()),
        greeting,
        means: Some(Means { ups: env.ups.clone(), paths: env.paths.clone() }),
        start: Box::new(move |host| host::spawn(host.clone(), env.clone(), events_tx.clone(), first.take())),
        events,
    })
}

/// The settings as far as they are right, and what to say of the rest.
fn read_config(paths: &Paths) -> (Config, Option<String>) {
    match Config::read(paths) {
        Ok(None) => (Config::default(), None),
        Ok(Some(text)) => {
            let (config, problems) = Config::parse_what_can_be(&text);
            let said = problems.first().map(|p| format!("config.toml:{}: {} ({})", p.line, p.what, p.hint));
            (config, said)
        }
        Err(e) => (Config::default(), Some(e.what)),
    }
}

/// Reads config.toml and its theme again whenever something in their directory changes.
fn watch_config(paths: Paths) -> mpsc::UnboundedReceiver<(Config, Theme)> {
    let (tx, rx) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let Ok(fd) = watched_dirs(&[paths.config_dir(), &paths.themes_dir()], WATCHED) else { return };
        loop {
            let Ok(mut ready) = fd.readable().await else { return };
            // an editor writes in steps
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            let mut buf = [0u8; 4096];
            while rustix::io::read(fd.get_ref(), &mut buf).is_ok_and(|n| n > 0) {}
            ready.clear_ready();
            let (config, _) = read_config(&paths);
            let theme = Theme::load(&config.theme, paths.config_dir()).unwrap_or_else(|_| Theme::auto(false));
            if tx.send((config, theme)).is_err() {
                return;
            }
        }
    });
    rx
}

/// Reads the team files, and the names of ssh_config, now and whenever something beside them changes.
fn watch_sources(paths: Paths, ssh_config: Option<PathBuf>, known: Vec<String>) -> mpsc::UnboundedReceiver<Sources> {
    let (tx, rx) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut last = Sources { teams: Vec::new(), known };
        loop {
            let (config, _) = read_config(&paths);
            let place = |file: &String| teams::place(file, paths.home(), paths.config_dir());
            let parent = |p: PathBuf| p.parent().map(std::path::Path::to_path_buf);
            let mut dirs = vec![paths.config_dir().to_path_buf()];
            dirs.extend(config.team_files.iter().filter_map(|f| parent(place(f))));
            dirs.extend(match &ssh_config {
                Some(file) => std::path::absolute(file).ok().and_then(parent),
                None => Some(paths.home().join(".ssh")),
            });
            // watched first: what changes while it is read is read again
            let fd = watched_dirs(&dirs, WATCHED);
            let (files, at) = (config.team_files.clone(), ssh_config.clone());
            let places: Vec<PathBuf> = files.iter().map(place).collect();
            let read = tokio::task::spawn_blocking(move || Sources {
                teams: files.iter().zip(&places).map(|(f, p)| teams::read(f, p)).collect(),
                known: ssh::hosts(at.as_deref()),
            });
            let Ok(now) = read.await else { return };
            if now != last && tx.send(now.clone()).is_err() {
                return;
            }
            last = now;
            let Ok(fd) = fd else { return };
            if fd.readable().await.is_err() {
                return;
            }
            // an editor writes in steps
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    rx
}

/// There is a terminal, and its size: asked before anything is created.
fn terminal() -> Result<Option<Size>, Failure> {
    use rustix::fs::{Mode, OFlags};
    let tty =
        rustix::fs::open("/dev/tty", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).map_err(|_| {
            Failure::usage(
                "thub needs a terminal here and there is none",
                "use `thub new -d`, `thub send` and `thub capture` without one",
            )
        })?;
    let size = rustix::termios::tcgetwinsize(&tty).ok().map(|w| Size { rows: w.ws_row, cols: w.ws_col });
    Ok(size.filter(|s| s.rows > 0 && s.cols > 0).map(Size::clamped))
}
