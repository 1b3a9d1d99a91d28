//! Owns carrying out effects: commands go to their hosts' tasks, bytes to the outer terminal, the layout to its
//! keeper. Never blocks. Leaves out deciding anything.

use super::app::hub::files::{FileDone, FileWish};
use super::app::{Effect, Farewell};
use super::errands::run::Runner;
use super::host::{HostCommand, HostEvent, HostId, LAST_WORDS};
use super::terminal::Terminal;
use super::undelivered::Undelivered;
use super::view::out::Writer;
use super::{export, import};
use crate::store::layout::{Layout, Window};
use crate::text::short;
use crate::transport::ssh::config::me;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Starts the task of a host; its events come from there on.
pub type StartHost = Box<dyn FnMut(&HostId) -> mpsc::UnboundedSender<HostCommand> + Send>;
/// Keeps a layout on disk; may take its time, as it is called on a thread of its own.
pub type KeepLayout = Box<dyn FnMut(Layout) -> Result<(), String> + Send>;

/// What did not arrive in the time for last words is told within this.
const SAID: Duration = Duration::from_millis(200);

/// Reads or writes a file; blocks.
fn file(wish: FileWish) -> FileDone {
    let place = |path: &str| match path.strip_prefix("~/") {
        // (as a shell has it)
        Some(rest) => std::env::var_os("HOME").map_or_else(|| me().home, PathBuf::from).join(rest),
        None => Path::new(".").join(path),
    };
    match wish {
        FileWish::Read { host, folder, path } => {
            let file = place(&path);
            // (a pipe may never end; and what the terminal sends is no file)
            let read = match file.metadata() {
                Ok(about) if !about.is_file() && !about.is_dir() => {
                    Err(format!("{} is not a plain file", short(&path, 200)))
                }
                Err(e) => Err(format!("{} cannot be read: {e}", short(&path, 200))),
                Ok(_) => import::read(&file, None).map_err(|failure| failure.what),
            };
            FileDone::Read { host, folder, path, read }
        }
        FileWish::Write { path, bytes, said } => {
            FileDone::Written(export::put(&place(&path), &bytes, false).map(|()| said).map_err(|failure| failure.what))
        }
    }
}

/// Keeps layouts as a window of the state dir.
pub fn keep_in(window: Window) -> KeepLayout {
    Box::new(move |layout| {
        // without tabs only after a person closed the last one
        let kept = if layout.tabs.is_empty() { window.clear() } else { window.save(&layout) };
        kept.map_err(|e| e.line())
    })
}

pub struct Driver {
    hosts: HashMap<HostId, mpsc::UnboundedSender<HostCommand>>,
    start: StartHost,
    /// Who carries out errands; none where nobody browses.
    runner: Option<Runner>,
    /// The latest layout to keep; earlier ones may be skipped.
    save: Option<watch::Sender<Option<Layout>>>,
    files: mpsc::UnboundedSender<FileDone>,
    keeper: Option<tokio::task::JoinHandle<()>>,
    /// The next frame is to be drawn whole.
    pub afresh: bool,
    pub farewell: Option<Farewell>,
}

impl Driver {
    /// `trouble` hears of a layout that could not be kept, `files` how it went with files.
    pub fn new(
        start: StartHost,
        runner: Option<Runner>,
        keep: Option<KeepLayout>,
        trouble: mpsc::UnboundedSender<String>,
        files: mpsc::UnboundedSender<FileDone>,
    ) -> Driver {
        let (mut save, mut keeper) = (None, None);
        if let Some(mut keep) = keep {
            let (tx, mut rx) = watch::channel(None);
            save = Some(tx);
            keeper = Some(tokio::spawn(async move {
                while rx.changed().await.is_ok() {
                    let Some(latest) = rx.borrow_and_update().clone() else { continue };
                    let done = tokio::task::spawn_blocking(move || {
                        let result = keep(latest);
                        (keep, result)
                    });
                    match done.await {
                        Ok((back, result)) => {
                            keep = back;
                            if let Err(why) = result {
                                let _ = trouble.send(why);
                            }
                        }
                        Err(_) => return,
                    }
                }
            }));
        }
        Driver { hosts: HashMap::new(), start, runner, save, files, keeper, afresh: false, farewell: None }
    }

    pub fn perform(&mut self, effects: Vec<Effect>, terminal: &mut Terminal, writer: &mut Writer) {
        for effect in effects {
            self.one(effect, terminal, writer);
        }
    }

    fn one(&mut self, effect: Effect, terminal: &mut Terminal, writer: &mut Writer) {
        let mut bytes = Vec::new();
        match effect {
            Effect::Host(host, command) => self.tell(host, command),
            Effect::Files(tag, errand) => {
                if let Some(runner) = &mut self.runner {
                    runner.take(tag, errand);
                }
            }
            Effect::Copy(text) => {
                writer.clipboard(&text, &mut bytes);
            }
            Effect::Title(title) => writer.title(&title, &mut bytes),
            Effect::Bell => writer.bell(&mut bytes),
            Effect::Save(layout) => {
                if let Some(save) = &self.save {
                    save.send_replace(Some(*layout));
                }
            }
            Effect::File(wish) => {
                let files = self.files.clone();
                tokio::task::spawn_blocking(move || {
                    // (who asked may have left)
                    let _ = files.send(file(*wish));
                });
            }
            Effect::Mouse(on) => terminal.set_mouse(on),
            Effect::Keyboard(flags) => terminal.set_keyboard(flags),
            Effect::Suspend => terminal.suspend(),
            Effect::Redraw => self.afresh = true,
            Effect::Quit(farewell) => {
                self.farewell.get_or_insert(farewell);
            }
        }
        terminal.send(&bytes);
    }

    /// Sends to a host's task; one that is not there (or came to its end) is started.
    fn tell(&mut self, host: HostId, command: HostCommand) {
        let command = match self.hosts.get(&host) {
            Some(task) => match task.send(command) {
                Ok(()) => return,
                Err(back) => back.0,
            },
            None => command,
        };
        let task = (self.start)(&host);
        let _ = task.send(command);
        self.hosts.insert(host, task);
    }

    /// The end: waits until the last layout is kept. The hosts' tasks end as nobody talks to them any more, and have a
    /// moment for what was typed last: `events` ends with them, and `undelivered` hears them out.
    pub async fn finish(
        mut self,
        mut events: mpsc::UnboundedReceiver<(HostId, HostEvent)>,
        undelivered: &mut Undelivered,
    ) -> Option<Farewell> {
        drop(self.runner.take());
        self.hosts.clear();
        self.start = Box::new(|_| mpsc::unbounded_channel().0);
        drop(self.save.take());
        let heard = async {
            while let Some((host, event)) = events.recv().await {
                undelivered.heed(&host, &event);
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS + SAID, heard).await;
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.await;
        }
        self.farewell
    }
}
