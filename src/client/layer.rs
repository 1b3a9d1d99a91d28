//! Owns the stack of modals: the top one takes the event first. State in, outcome out; nothing here knows the app.

pub mod back;
pub mod deploying;
pub mod entry;
pub mod field;
pub mod form;
pub mod monitor;
pub mod picker;
pub mod ports;
pub mod question;

use super::app::files::{FileWish, Naming};
use super::app::hub::Wish;
use super::app::{Farewell, Target};
use super::book::Change;
use super::browser::queue;
use super::browser::viewer::Viewer;
use super::command::Command;
use super::host::{Answer, HostId, Question};
use super::keymap::{typed, word};
use super::layout::{Dir, PaneId};
use super::tabs::TabId;
use crate::proto::control::connections::Connection;
use crate::proto::control::{Deed, PortInfo};
use crate::proto::ids::SessionId;
use crate::term::input::Key;
use crate::transport::ssh::forward::spec::Spec;
use back::Back;
use deploying::Deploying;
use entry::Entry;
use field::Field;
use form::{Form, Listing};
use picker::Picker;
use question::Asked;
use ratatui::layout::Rect;
use std::time::Duration;

/// What was chosen in a layer.
#[derive(Clone)]
pub enum Choice {
    Command(&'static Command),
    Go(Target),
    /// A pane comes into a split of the focused one.
    Join(PaneId, Dir),
    ClosePane(PaneId),
    CloseTab(TabId),
    Kill(HostId, SessionId),
    RenameTab(TabId, String),
    RenameSession(HostId, SessionId, String),
    /// One of what can be done with what a session is connected to.
    Deed(HostId, SessionId, &'static Deed),
    /// The same with what it takes.
    Typed(HostId, SessionId, &'static Deed, String),
    /// A pattern to look for in a pane: onwards, or back.
    Search(PaneId, bool, String),
    /// By number, or by name.
    GoToTab(String),
    Answer(HostId, u64, Answer),
    Paste(PaneId, Vec<u8>),
    /// A hard stop was read.
    Read(HostId, String),
    /// The pane with this number.
    Pane(usize),
    /// No agent is put there after all.
    StopDeploy(HostId),
    /// Plain SSH instead.
    WithoutAgent(HostId),
    Forward(HostId, Spec),
    /// What listens there, to a port here.
    ForwardPort(HostId, PortInfo),
    Unforward(HostId, u64),
    /// Something with connections and folders.
    Hub(Box<Wish>),
    /// The same with the name it needs.
    Named(Box<Wish>, String),
    /// A form's change to a host's connections.
    Book(HostId, Change),
    /// Open it once; the form stays until it is there.
    Open(HostId, Box<Connection>),
    /// Not any more, after all.
    Forget(HostId, u64),
    /// What a host has for a field of the form.
    List(HostId, Listing, &'static str),
    /// One of that, for the form.
    FillIn(&'static str, String),
    /// Connect these hosts now; the panel stays.
    Retry(Vec<HostId>, Back),
    /// Something with files.
    Files(Box<FileWish>),
    /// The same with what was typed for it.
    Entered(Box<Naming>, String),
    CopyText(String),
    /// Another machine's gauges: so many on.
    Watch(i64),
    /// Leave, whatever goes on.
    Leave(Farewell),
}

impl Choice {
    /// Whether both lead to the very same place.
    pub fn leads_as(&self, other: &Choice) -> bool {
        match (self, other) {
            (Choice::Go(a), Choice::Go(b)) => a == b,
            (Choice::Hub(a), Choice::Hub(b)) => a == b,
            _ => false,
        }
    }
}

pub enum Outcome {
    Stay,
    Close,
    Choose(Choice),
    /// Chosen, and the layer stays.
    Do(Choice),
}

/// What a prompt's text is for.
pub enum Purpose {
    Tab(TabId),
    Session(HostId, SessionId),
    GoToTab,
    Search(PaneId, bool),
    Act(HostId, SessionId, &'static Deed),
    Wish(Box<Wish>),
}

pub enum Layer {
    /// A list with a search line: palette, help, picker.
    Picker(Picker),
    Confirm {
        text: String,
        choice: Choice,
        /// What can't be undone takes the letter, not a stray Enter.
        letter: bool,
        /// It came by itself: since when it is there, and whether it takes keys yet.
        unasked: Option<(Duration, bool)>,
    },
    Prompt {
        title: String,
        field: Field,
        purpose: Purpose,
    },
    Question(Box<Asked>),
    /// A prepared connection being made or changed.
    Form(Box<Form>),
    /// An agent on its way to a host.
    Deploying(Box<Deploying>),
    /// Must be read: only Close.
    Stop {
        host: HostId,
        why: String,
        hints: Vec<String>,
        shown: Option<Duration>,
        armed: bool,
        hush: bool,
    },
    /// The hosts of a window that comes back.
    Back(Back),
    /// How it stands with a machine: the whole screen.
    Monitor(Box<monitor::Panel>),
    /// A host's forwards.
    Ports(ports::Panel),
    /// The file browser; its state is the app's, for it outlives the layer.
    Browser,
    /// What is being copied.
    Queue(queue::Panel),
    /// A file being looked at.
    Viewer(Box<Viewer>),
    /// Facts with their names, escaped; to be read.
    Facts {
        title: String,
        lines: Vec<(String, String)>,
    },
    /// A line that is checked while it is typed.
    Entry(Box<Entry>),
    /// The panes' numbers, for a moment.
    Numbers {
        until: Duration,
    },
}

impl Layer {
    /// Its lines are long.
    pub fn is_wide(&self) -> bool {
        match self {
            Layer::Picker(picker) => picker.is_wide(),
            Layer::Ports(_) | Layer::Queue(_) => true,
            _ => false,
        }
    }

    pub fn question(host: HostId, id: u64, question: Question, now: Duration) -> Layer {
        Layer::Question(Box::new(Asked {
            host,
            id,
            question,
            field: Field::default(),
            shown: now,
            armed: false,
            hush: false,
        }))
    }
    pub fn stop(host: HostId, why: String, hints: Vec<String>) -> Layer {
        Layer::Stop { host, why, hints, shown: None, armed: false, hush: false }
    }
    pub fn confirm(text: String, choice: Choice) -> Layer {
        Layer::Confirm { text, choice, letter: false, unasked: None }
    }
    /// The same for what can't be undone: only `y` does it.
    pub fn confirm_by_letter(text: String, choice: Choice) -> Layer {
        Layer::Confirm { text, choice, letter: true, unasked: None }
    }
    /// The same where it comes by itself: what was being typed is neither its answer nor anybody's input.
    pub fn confirm_in_calm(text: String, choice: Choice, now: Duration) -> Layer {
        Layer::Confirm { text, choice, letter: true, unasked: Some((now, false)) }
    }
    pub fn rename_session(host: HostId, session: SessionId, name: String) -> Layer {
        let (title, field) = ("name of the session".into(), Field::new(&name));
        Layer::Prompt { title, field, purpose: Purpose::Session(host, session) }
    }
    pub fn rename_tab(tab: TabId, name: &str) -> Layer {
        let (title, field) = ("name of the tab (empty: by itself)".into(), Field::new(name));
        Layer::Prompt { title, field, purpose: Purpose::Tab(tab) }
    }

    /// A line for a wish that needs a name.
    pub fn ask(title: String, text: &str, wish: Wish) -> Layer {
        Layer::Prompt { title, field: Field::new(text), purpose: Purpose::Wish(Box::new(wish)) }
    }

    /// A line for what an act takes.
    pub fn act(title: String, host: HostId, session: SessionId, deed: &'static Deed) -> Layer {
        Layer::Prompt { title, field: Field::default(), purpose: Purpose::Act(host, session, deed) }
    }

    pub fn search(pane: PaneId, down: bool, title: &str) -> Layer {
        Layer::Prompt { title: title.into(), field: Field::default(), purpose: Purpose::Search(pane, down) }
    }

    pub fn is_question(&self) -> bool {
        matches!(self, Layer::Question(_))
    }
    /// A host's question that one letter answers.
    pub fn takes_a_letter(&self) -> bool {
        matches!(self, Layer::Question(a) if !matches!(a.question, Question::Secret { .. }))
    }
    pub fn is_question_of(&self, host: &HostId) -> bool {
        matches!(self, Layer::Question(a) if a.host == *host)
    }

    /// Something secret is being typed into it.
    pub fn holds_secret(&self) -> bool {
        matches!(self, Layer::Question(a) if matches!(a.question, Question::Secret { .. }) && !a.field.text().is_empty())
    }
    /// It came where another question was: what is still typed for that one is neither its answer nor a program's input.
    pub fn comes_after_another(&mut self, now: Duration) {
        match self {
            Layer::Question(a) => (a.shown, a.armed, a.hush) = (now, false, true),
            Layer::Stop { shown, armed, hush, .. } => (*shown, *armed, *hush) = (Some(now), false, true),
            _ => {}
        }
    }
    pub fn hushes(&self) -> bool {
        match self {
            Layer::Stop { hush, .. } => *hush,
            Layer::Question(a) => a.hush,
            Layer::Confirm { unasked, .. } => unasked.is_some(),
            _ => false,
        }
    }

    /// The panel of an agent's way to a host.
    pub fn deploying(&mut self, host: &HostId) -> Option<&mut Deploying> {
        match self {
            Layer::Deploying(d) if d.host == *host => Some(d),
            _ => None,
        }
    }

    /// For a panel nobody asked for: since when it is there, and whether it takes keys yet.
    pub fn unasked(&mut self) -> Option<(&Duration, &mut bool)> {
        const LONG_AGO: &Duration = &Duration::ZERO;
        match self {
            Layer::Question(a) => Some((&a.shown, &mut a.armed)),
            Layer::Deploying(d) => Some((&d.shown, &mut d.armed)),
            Layer::Back(b) => Some((&b.shown, &mut b.armed)),
            Layer::Picker(Picker { unasked: Some((shown, armed)), .. })
            | Layer::Confirm { unasked: Some((shown, armed)), .. } => Some((shown, armed)),
            Layer::Stop { shown, armed, .. } => Some((shown.as_ref().unwrap_or(LONG_AGO), armed)),
            _ => None,
        }
    }

    pub fn key(&mut self, key: &Key) -> Outcome {
        let name = word(key);
        match self {
            Layer::Picker(p) => p.key(key, &name),
            Layer::Confirm { choice, letter, .. } => match name.as_str() {
                "Enter" if *letter => Outcome::Stay,
                "y" | "Y" | "Enter" => Outcome::Choose(choice.clone()),
                "n" | "N" | "q" | "Escape" | "C-c" => Outcome::Close,
                _ => Outcome::Stay,
            },
            Layer::Prompt { field, purpose, .. } => match name.as_str() {
                "Escape" | "C-c" => Outcome::Close,
                "Enter" => {
                    let text = field.take();
                    Outcome::Choose(match purpose {
                        Purpose::Tab(id) => Choice::RenameTab(*id, text),
                        Purpose::Session(host, id) => Choice::RenameSession(host.clone(), id.clone(), text),
                        Purpose::Search(pane, down) => Choice::Search(*pane, *down, text),
                        Purpose::Act(host, id, deed) => Choice::Typed(host.clone(), id.clone(), deed, text),
                        Purpose::GoToTab => Choice::GoToTab(text),
                        Purpose::Wish(wish) => Choice::Named(wish.clone(), text),
                    })
                }
                _ => {
                    field.key(key, &name);
                    Outcome::Stay
                }
            },
            Layer::Question(asked) => asked.key(key, &name),
            Layer::Form(form) => form.key(key, &name),
            Layer::Deploying(d) => d.key(&name),
            Layer::Stop { host, why, .. } => match name.as_str() {
                "Enter" | "Escape" | "c" => Outcome::Choose(Choice::Read(host.clone(), why.clone())),
                _ => Outcome::Stay,
            },
            Layer::Back(b) => b.key(&name),
            Layer::Monitor(panel) => panel.key(key, &name),
            Layer::Facts { .. } => Outcome::Close,
            Layer::Entry(entry) => entry.key(key, &name),
            // (their keys need what only the app knows)
            Layer::Browser | Layer::Queue(_) | Layer::Viewer(_) => Outcome::Stay,
            Layer::Ports(p) => p.key(key, &name),
            Layer::Numbers { .. } => match typed(key).and_then(|c| c.to_digit(10)) {
                Some(n) => Outcome::Choose(Choice::Pane((n as usize).wrapping_sub(1))),
                None => Outcome::Close,
            },
        }
    }

    pub fn paste(&mut self, bytes: &[u8]) {
        let text = || String::from_utf8_lossy(bytes);
        match self {
            Layer::Picker(p) => p.paste(&text()),
            Layer::Prompt { field, .. } => field.insert(&text()),
            Layer::Ports(p) => p.paste(&text()),
            Layer::Monitor(p) => p.paste(&text()),
            Layer::Form(form) => form.paste(&text()),
            Layer::Entry(entry) => entry.field.insert(&text()),
            Layer::Viewer(viewer) => {
                if let Some(field) = &mut viewer.typing {
                    field.insert(&text());
                }
            }
            Layer::Question(a) if matches!(a.question, Question::Secret { .. }) => a.paste(bytes),
            _ => {}
        }
    }

    /// The wheel.
    pub fn step(&mut self, by: i64) {
        match self {
            Layer::Picker(p) => p.step(by),
            Layer::Ports(p) => p.step(by.signum()),
            Layer::Monitor(p) => p.step(by),
            Layer::Viewer(v) => v.step(by),
            _ => {}
        }
    }

    /// A click on the screen of this size.
    pub fn click(&mut self, whole: Rect, x: u16, y: u16) -> Outcome {
        match self {
            Layer::Picker(p) => p.click(whole, x, y),
            Layer::Form(form) => {
                if let Some(at) = crate::client::view::form::line_at(form, whole, x, y) {
                    form.go(at);
                }
                Outcome::Stay
            }
            Layer::Numbers { .. } | Layer::Facts { .. } => Outcome::Close,
            _ => Outcome::Stay,
        }
    }
}
