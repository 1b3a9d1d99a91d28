//! Owns the client's state and what changes it: `update(Event) -> Vec<Effect>`. No I/O; the clock is passed in.
//! Leaves out drawing (view), the split tree (layout) and carrying out effects (driver).

pub mod back;
pub mod containers;
mod deploy;
mod device;
pub mod files;
mod find;
mod fresh;
mod gauging;
mod geometry;
mod hosts;
pub mod hub;
mod input;
mod keyboard;
mod look;
mod many;
mod mouse;
mod open;
mod ports;
mod rest;
mod start;
#[cfg(test)]
pub mod tests;

pub use geometry::{Frame, TREE_WIDEST};
pub use open::Target;
pub use start::{Inside, Setup, Solo};

use super::errands::{Errand, News};
use super::foresight::Foresight;
use super::gauges::Book;
use super::host::measured::Measured;
use super::host::{HostCommand, HostEvent, HostId, HostState};
use super::keymap::Keymap;
use super::layer::Layer;
use super::layout::{Border, PaneId};
use super::pane::Pane;
use super::shelf::Shelf;
use super::tabs::Tabs;
use super::tree::Tree;
use super::trips::Trips;
use crate::config::Config;
use crate::proto::control::{PortInfo, SessionInfo};
use crate::proto::ids::{SessionId, Size};
use crate::store::layout::Layout;
use crate::store::teams::Team;
use crate::term::input::{Key, Mouse};
use crate::term::screen::Colors;
use crate::transport::ssh::Lends;
use crate::transport::ssh::forward::Status;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    Key(Key),
    Mouse(Mouse),
    /// A piece of a paste; `last` ends it.
    Paste {
        bytes: Vec<u8>,
        last: bool,
    },
    /// The outer terminal has, or lost, the focus.
    Focus(bool),
    /// Bytes of the outer terminal nobody understood: for the program.
    Raw(Vec<u8>),
    Resize(Size),
    Host(HostId, HostEvent),
    /// What the outer terminal's text and background are; again when they change.
    Colors(Colors),
    /// A moment asked for by `deadline` has come.
    Tick,
    /// config.toml is another now.
    Config(Box<Config>),
    /// Team files and ssh_config as they are now.
    Sources(Box<Sources>),
    /// A file was read or written, as [`Effect::File`] asked.
    File(Box<hub::files::FileDone>),
    /// What became of an errand, by its number.
    Files(u64, News),
    /// The wall clock: HH:MM, and seconds since 1970.
    Time {
        clock: String,
        unix: i64,
    },
}

/// What hosts and connections the user's files name.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sources {
    pub teams: Vec<Team>,
    /// Names of ssh_config.
    pub known: Vec<String>,
}

/// What is wanted of the world.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    Host(HostId, HostCommand),
    /// Work on files; its news carry the number.
    Files(u64, Errand),
    /// To the outer terminal's clipboard.
    Copy(String),
    /// The outer terminal's title; escaped.
    Title(String),
    Bell,
    Save(Box<Layout>),
    /// Read or write a file of this machine; its end is [`Event::File`].
    File(Box<hub::files::FileWish>),
    Suspend,
    /// Whether clicks and the wheel are to come as input.
    Mouse(bool),
    /// The flags of kitty's keyboard protocol to be in force, where the outer terminal knows it.
    Keyboard(u8),
    /// Draw everything anew, whatever the outer terminal shows.
    Redraw,
    Quit(Farewell),
}

/// Why the client leaves, and what it says then.
#[derive(Clone, PartialEq, Debug)]
pub enum Farewell {
    Detached,
    /// The last session ended.
    Exited {
        code: Option<i32>,
        cause: Option<String>,
    },
    /// The one session that was asked for can't be shown.
    Failed(String),
}

/// A host as the client knows it.
pub struct Host {
    pub state: HostState,
    /// When `state` came.
    pub since: Duration,
    pub sessions: Vec<SessionInfo>,
    /// They were told since it is there: until then nobody knows whether something runs.
    pub listed: bool,
    /// What is prepared there was told, or can't be.
    pub booked: bool,
    /// It was tried in vain since it was there last.
    pub missed: bool,
    /// When each of them began, seconds on this client's clock, as far as they tell how old they are.
    pub born: HashMap<String, i64>,
    /// Its folders and prepared connections, as it told them last; none while it is not there, and from an older agent.
    pub book: Option<Shelf>,
    /// Tags of changes to it that are not answered yet: lists from before are not looked at.
    pub changing: HashSet<u64>,
    /// Folders and names of connections that are made there, until a list has them.
    pub coming: Vec<(Option<String>, String)>,
    pub forwards: Vec<Status>,
    /// The person's ssh-agent and display, as far as it has them.
    pub lends: Lends,
    /// The name, address and port that were reached; escaped. Empty = this machine, or not known.
    pub address: String,
    /// What listens there, as it was told last; None = not told since somebody looks.
    pub ports: Option<Vec<PortInfo>>,
    pub rtt: Option<Duration>,
    /// Round trips of late, smoothed as TCP does (RFC 6298).
    pub srtt: Option<Duration>,
    pub trips: Trips,
    /// What the link is like, while somebody looks.
    pub link: Option<Box<Measured>>,
    /// How typed keys are shown there before the answer.
    pub foresight: Foresight,
    /// It was there once.
    pub met: bool,
    /// The last moment something was heard from it.
    pub heard: Duration,
    /// Silent for longer than a link should be.
    pub silent: bool,
    /// It has no agent, and the connection to it is gone: the next session makes it anew.
    pub unlinked: bool,
    /// Held until it is online.
    pub queue: Vec<HostCommand>,
    /// What was seen of each session: its output's length and its bells.
    pub looked: HashMap<String, (u64, u64)>,
    /// An agent is on its way there, and its panel was shown.
    pub deploying: bool,
    /// It had an agent: its sessions and connections live on, so it stays in the tree until a person takes it out.
    pub kept: bool,
}

/// A team file in the tree.
pub struct TeamFile {
    pub path: String,
    /// What it is called there.
    pub name: String,
    pub book: Shelf,
}

/// A line at the bottom that goes by itself.
pub struct Message {
    pub text: String,
    pub until: Duration,
    /// It tells of trouble with this host: once the host is there again it is no news any more.
    pub trouble: Option<HostId>,
}

/// What the pressed mouse button holds.
pub enum Drag {
    Border {
        border: Border,
        last: (u16, u16),
    },
    Select(PaneId),
    /// The program of this pane gets all until the button is released.
    Program(PaneId),
}

pub struct App {
    pub settings: Config,
    pub keymap: Keymap,
    pub solo: bool,
    pub size: Size,
    pub now: Duration,
    pub clock: String,
    pub unix: i64,
    pub hosts: BTreeMap<HostId, Host>,
    /// Named in place of the user's ssh_config: what is to be typed next names it, too.
    pub(super) ssh_config: Option<PathBuf>,
    /// Names of ssh_config.
    pub known: Vec<String>,
    /// Team files, each under a name that is no host's.
    pub teams: BTreeMap<HostId, TeamFile>,
    pub panes: BTreeMap<PaneId, Pane>,
    pub tabs: Tabs,
    pub tree: Tree,
    pub layers: Vec<Layer>,
    pub files: files::Files,
    pub message: Option<Message>,
    /// Keys since the prefix, and when the last was pressed.
    pub sequence: Option<(Vec<String>, Duration)>,
    pub repeat_until: Option<Duration>,
    /// What was copied last.
    pub copied: String,
    /// What was looked for last, in any pane.
    pub sought: String,
    pub drag: Option<Drag>,
    /// Something on the screen is another, and it may be anything.
    pub dirty: bool,
    /// Output of a pane that is to be seen came: at least its cells, cursor and title are others.
    pub printed: bool,
    /// Output that answers a key came: draw at once.
    pub urgent: bool,
    /// The tabs or splits are another than what was saved.
    changed: bool,
    /// The tab and the pane that were looked at when they were kept last.
    looks: (usize, Option<PaneId>),
    /// Panes that wait for a host's list.
    opening: Vec<open::Opening>,
    /// Hosts of the kept layout that are not there by then are listed.
    back_at: Option<Duration>,
    /// The kept layout is being brought back, and nothing of it is known to be alive yet.
    restoring: bool,
    /// `thub HOST`, where the kept layout shows that host: until a session there is seen to be alive.
    named: Option<HostId>,
    inside: Inside,
    pasting: Option<Vec<u8>>,
    last_key: Option<Duration>,
    /// Keys and clicks there were: what was asked for a while ago sees whether somebody went on meanwhile.
    deeds: u64,
    /// Of an answer that was understood already.
    rest: Option<rest::Rest>,
    /// Keys of which the release is still to come.
    pressed: Vec<keyboard::Pressed>,
    /// What the outer terminal was asked for last.
    keyboard: u8,
    /// Text and background of the outer terminal, once it has said so.
    colors: Option<Colors>,
    next_pane: u32,
    next_tag: u64,
    title: String,
    /// How machines stand, as far as somebody looks.
    pub gauges: Book,
    watched: gauging::Asked,
    /// Nobody had done anything here for long, when that was looked at last.
    was_idle: bool,
    /// When a person did something here last.
    used: Duration,
    ports_of: Option<HostId>,
    /// The list of containers that is waited for.
    containers_asked: Option<u64>,
    looks_at: Option<HostId>,
    outer_focus: bool,
    focus_told: Option<PaneId>,
    last_bell: Option<Duration>,
    /// When the sessions were last asked for, for the open tree.
    listed: Option<Duration>,
    /// When `unix` was right.
    unix_at: Duration,
}

/// While the tree is open the sessions' titles and marks are at most this old.
const LIST: Duration = Duration::from_secs(5);

/// How long a message stays.
const MESSAGE: Duration = Duration::from_secs(4);
/// The which-key panel comes this long after the prefix.
pub const WHICH_KEY: Duration = Duration::from_millis(500);
/// Output this soon after a key is its echo.
const ECHO: Duration = Duration::from_millis(50);
/// A program that holds back drawing is not waited for longer.
const SYNC: Duration = Duration::from_millis(150);
/// A search in a file that is looked at goes on after this long: keys come between.
const SLICES: Duration = Duration::from_millis(1);
/// A size that is not what was asked for is marked after this long.
pub const SIZE_MARK: Duration = Duration::from_millis(600);

impl App {
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        let mut out = match event {
            Event::Key(key) => {
                let idle = self.is_idle();
                self.used = self.now;
                let out = self.key(key);
                self.dirty |= idle;
                // most keys are the program's: nothing here is another for them
                let sent = |e: &Effect| matches!(e, Effect::Host(_, HostCommand::Input { .. }));
                if !self.dirty && !out.is_empty() && out.iter().all(sent) {
                    return out;
                }
                out
            }
            Event::Mouse(mouse) => {
                self.used = self.now;
                self.mouse(mouse)
            }
            Event::Paste { bytes, last } => self.paste(bytes, last),
            Event::Raw(bytes) => self.type_bytes(&bytes),
            Event::Focus(on) => {
                self.outer_focus = on;
                self.used = self.now;
                // releases outside of the window are not heard
                self.pressed.clear();
                Vec::new()
            }
            Event::Resize(size) => {
                self.size = size;
                self.fit_viewers();
                self.dirty = true;
                Vec::new()
            }
            Event::Host(host, HostEvent::Output { session, offset, bytes }) => {
                // the one that comes in thousands: nothing but the screen changes
                self.output(&host, &session, offset, &bytes);
                let mut out = Vec::new();
                self.follow_keyboard(&mut out);
                return out;
            }
            Event::Host(host, event @ HostEvent::Applied { .. }) => return self.host_event(host, event),
            Event::Host(host, event) => {
                use HostEvent::{Connections, Sessions, State};
                let rows = matches!(event, Connections(_) | Sessions(_) | State(_));
                let before = if rows { self.rows_before() } else { Vec::new() };
                let listed = matches!(event, Sessions(_)).then(|| host.clone());
                let mut out = self.host_event(host, event);
                if rows {
                    self.follow_rows(&before);
                }
                if let Some(host) = listed {
                    self.follow_directory(&mut out);
                    self.settled(&host);
                }
                out
            }
            Event::Tick => {
                self.tick();
                let mut out = Vec::new();
                self.rest_due(&mut out);
                self.waited_due(&mut out);
                out
            }
            Event::Config(config) => self.configure(*config),
            Event::Sources(sources) => {
                let before = self.rows_before();
                self.sources(*sources);
                self.follow_rows(&before);
                Vec::new()
            }
            Event::File(done) => {
                self.file_done(*done);
                Vec::new()
            }
            Event::Files(tag, news) => self.file_news(tag, news),
            Event::Colors(colors) => self.recolor(colors),
            Event::Time { clock, unix } => {
                self.dirty |= clock != self.clock;
                self.clock = clock;
                self.unix = unix;
                self.unix_at = self.now;
                Vec::new()
            }
        };
        self.settle(&mut out);
        out
    }

    /// Makes everything else follow what was changed: sizes, focus reports, gauges, title, the saved layout.
    pub fn settle(&mut self, out: &mut Vec<Effect>) {
        self.fit(out);
        self.tell_focus(out);
        self.follow_keyboard(out);
        self.follow_gauges(out);
        self.follow_ports(out);
        self.follow_look(out);
        self.follow_lists(out);
        self.follow_directory(out);
        self.hold_back(out);
        let title = self.outer_title();
        if title != self.title {
            self.title = title.clone();
            out.push(Effect::Title(title));
        }
        // (where somebody looks is kept, too)
        let looks = (self.tabs.active, self.tabs.focused());
        self.changed |= std::mem::replace(&mut self.looks, looks) != looks;
        if std::mem::take(&mut self.changed) && !self.solo {
            out.push(Effect::Save(Box::new(self.saved())));
        }
    }

    /// Nobody leaves without a word while copies are under way.
    fn hold_back(&mut self, out: &mut Vec<Effect>) {
        let leaves = |e: &Effect| matches!(e, Effect::Quit(Farewell::Detached | Farewell::Exited { .. }));
        let Some(text) = self.under_way().filter(|_| !self.files.leaving) else { return };
        if let Some(at) = out.iter().position(leaves)
            && let Effect::Quit(farewell) = out.remove(at)
        {
            use super::layer::Choice;
            self.layers.retain(|l| !matches!(l, Layer::Confirm { choice: Choice::Leave(_), .. }));
            // (the last shell's end asks by itself)
            let asked = farewell == Farewell::Detached;
            let leave = Choice::Leave(farewell);
            self.layers.push(match asked {
                true => Layer::confirm_by_letter(text, leave),
                false => Layer::confirm_in_calm(text, leave, self.now),
            });
            self.dirty = true;
        }
    }

    /// To be called after a batch of events: new credit for output of panes that are not looked at, or that hold their
    /// frame back. What is looked at counts as taken in when it is drawn: so a flood comes as a screen a frame, and
    /// only the session's own process reads all of it.
    pub fn taken(&mut self) -> Vec<Effect> {
        let shown = self.visible_panes();
        self.seen(|pane| pane.fed && !pane.restored && (!shown.contains(&pane.id) || pane.sync_since.is_some()))
    }

    /// To be called when a frame was drawn: all that it could show is taken in.
    pub fn drawn(&mut self) -> Vec<Effect> {
        self.dirty = false;
        self.printed = false;
        self.urgent = false;
        self.seen(|pane| pane.fed || pane.restored)
    }

    fn seen(&mut self, which: impl Fn(&Pane) -> bool) -> Vec<Effect> {
        let mut out = Vec::new();
        for pane in self.panes.values_mut().filter(|p| which(p)) {
            (pane.fed, pane.restored) = (false, false);
            if let Some(session) = &pane.session {
                let seen = HostCommand::Seen { session: session.clone(), offset: pane.seen };
                out.push(Effect::Host(pane.host.clone(), seen));
            }
        }
        out
    }

    fn visible_panes(&self) -> Vec<PaneId> {
        self.tabs.active().map(|t| if t.zoomed { vec![t.focus] } else { t.panes() }).unwrap_or_default()
    }

    /// A round trip to a host took this long: whether its keys are worth being foreseen.
    pub(super) fn round_trip(&mut self, id: &HostId, rtt: Duration) {
        let (setting, above) = (self.settings.predict, self.settings.predict_above);
        let now = self.now;
        let Some(host) = self.hosts.get_mut(id) else { return };
        host.trips.add(rtt, now);
        let srtt = host.srtt.map_or(rtt, |old| (old * 7 + rtt) / 8);
        (host.rtt, host.srtt) = (Some(rtt), Some(srtt));
        host.foresight = host.foresight.at(setting, above, srtt);
    }

    fn tick(&mut self) {
        if self.message.as_ref().is_some_and(|m| m.until <= self.now) {
            self.message = None;
        }
        if let Some(Layer::Numbers { until }) = self.layers.last()
            && *until <= self.now
        {
            self.layers.pop();
        }
        self.list_hosts_due();
        self.seek_on();
        for pane in self.panes.values_mut() {
            if pane.sync_since.is_some_and(|t| t + SYNC <= self.now) {
                pane.sync_since = None;
            }
            if pane.predict.due().is_some_and(|t| t <= self.now) {
                pane.foresee(self.now);
            }
        }
        self.dirty = true;
    }

    /// When something on the screen changes by itself; none = never, and nothing needs to wake up.
    pub fn deadline(&self) -> Option<Duration> {
        let mut at: Vec<Duration> = Vec::new();
        at.extend(self.message.as_ref().map(|m| m.until));
        at.extend(self.back_at);
        at.extend(self.rest.as_ref().map(|rest| rest.until));
        // the tree is asked for anew only where somebody can answer
        if self.hosts.keys().any(|id| self.is_online(id)) {
            at.extend(self.listed.map(|t| t + LIST));
        }
        if let Some((_, since)) = &self.sequence {
            at.push(*since + WHICH_KEY);
        }
        if let Some(Layer::Numbers { until }) = self.layers.last() {
            at.push(*until);
        }
        if let Some(Layer::Picker(picker)) = self.layers.last() {
            at.extend(picker.waits_until());
        }
        if self.layers.iter().any(|l| matches!(l, Layer::Viewer(v) if v.is_seeking())) {
            at.push(self.now + SLICES);
        }
        for (id, host) in &self.hosts {
            let again = matches!(host.state, HostState::Connecting | HostState::Deploying { .. })
                && self.panes.values().any(|p| p.is_live() && p.host == *id);
            if again || matches!(host.state, HostState::Lost { .. }) || host.silent {
                // the next whole second since the state came
                let passed = self.now.saturating_sub(host.since).as_secs();
                at.push(host.since + Duration::from_secs(passed + 1));
            }
        }
        for pane in self.panes.values() {
            at.extend(pane.sync_since.map(|t| t + SYNC));
            at.extend(pane.predict.due());
            if pane.is_live() && pane.asked.is_some_and(|s| s != pane.engine.size()) {
                at.push(pane.asked_at + SIZE_MARK);
            }
        }
        at.into_iter().filter(|t| *t > self.now).min()
    }

    fn configure(&mut self, config: Config) -> Vec<Effect> {
        let (keymap, wrong) = Keymap::new(config.preset, config.prefix.as_deref(), &config.keys);
        let mouse = (config.mouse != self.settings.mouse).then_some(Effect::Mouse(config.mouse));
        self.keymap = keymap;
        self.settings = config;
        self.sequence = None;
        self.say(wrong.into_iter().next().unwrap_or_else(|| "the settings were read again".into()));
        mouse.into_iter().collect()
    }

    /// Each session shown here hears of the colours: it answers for them, and tells its program when it turns light or
    /// dark.
    fn recolor(&mut self, colors: Colors) -> Vec<Effect> {
        if self.colors.replace(colors) == Some(colors) {
            return Vec::new();
        }
        self.panes.values().filter(|p| p.is_live()).filter_map(|p| self.colors_for(p)).collect()
    }

    /// Nothing for who only watches: it changes nothing.
    fn colors_for(&self, pane: &Pane) -> Option<Effect> {
        let (session, colors) = (pane.session.clone().filter(|_| !pane.watch)?, self.colors?);
        Some(Effect::Host(pane.host.clone(), HostCommand::Colors { session, colors }))
    }

    pub fn set_now(&mut self, now: Duration) {
        self.now = now;
    }

    /// A sentence at the bottom that goes by itself; what it quotes must be escaped.
    pub fn say(&mut self, text: impl Into<String>) {
        self.message = Some(Message { text: text.into(), until: self.now + MESSAGE, trouble: None });
        self.dirty = true;
    }

    /// Like [`App::say`], for what takes longer to read.
    pub(super) fn say_long(&mut self, text: impl Into<String>) {
        self.say(text);
        if let Some(message) = &mut self.message {
            message.until = self.now + MESSAGE * 4;
        }
    }

    /// Like [`App::say`], of trouble with a host: it goes as soon as the host is there again.
    pub(super) fn say_trouble(&mut self, host: &HostId, text: &str) {
        let name = crate::text::short(host.as_str(), 40);
        // (what names it itself needs no name before it)
        let is_named = super::tree::unnamed(host, text) != text;
        self.say(if is_named { text.to_string() } else { format!("{name}: {text}") });
        if let Some(message) = &mut self.message {
            message.trouble = Some(host.clone());
        }
    }

    fn trouble_is_over(&mut self, host: &HostId) {
        if self.message.as_ref().is_some_and(|m| m.trouble.as_ref() == Some(host)) {
            self.message = None;
            self.dirty = true;
        }
    }

    pub fn focused(&self) -> Option<&Pane> {
        self.panes.get(&self.tabs.focused()?)
    }
    /// The session that gets the keys.
    pub fn hot(&self) -> Option<(&HostId, &SessionId)> {
        let pane = self.focused()?;
        Some((&pane.host, pane.session.as_ref()?))
    }
    pub fn focused_mut(&mut self) -> Option<&mut Pane> {
        self.panes.get_mut(&self.tabs.focused()?)
    }

    /// The host new things start on: the focused pane's, else this machine.
    pub fn current_host(&self) -> HostId {
        match self.focused() {
            Some(p) => p.host.clone(),
            None => HostId::local(),
        }
    }

    /// Where the focused pane's program works; escaped.
    pub fn current_place(&self) -> String {
        let place = self.focused().and_then(|p| self.whereabouts(p, 60));
        place.unwrap_or_else(|| super::tree::host_text(&HostId::local()))
    }

    fn outer_title(&self) -> String {
        match self.focused().map(|p| (p, self.whereabouts(p, 40))) {
            Some((p, None)) => self.title_of(p),
            Some((p, Some(place))) if self.is_called_as_its_target(p) => place,
            Some((p, Some(place))) => format!("{place}: {}", self.title_of(p)),
            None => "thub".into(),
        }
    }

    /// Changes of sessions that nobody is attached to are not told, nor where a shell is that does not say so: for the open
    /// tree, and for a browser that follows, they are asked for.
    fn follow_lists(&mut self, out: &mut Vec<Effect>) {
        let tree = self.frame().tree.is_some();
        let follows = self.follows_on().cloned();
        if !tree && follows.is_none() {
            self.listed = None;
            return;
        }
        if self.listed.is_some_and(|t| self.now < t + LIST) {
            return;
        }
        self.listed = Some(self.now);
        let wanted = |id: &HostId| (tree && self.tree.shows(id)) || follows.as_ref() == Some(id);
        for id in self.hosts.keys().filter(|id| self.is_online(id) && wanted(id)) {
            out.push(Effect::Host(id.clone(), HostCommand::List));
        }
    }

    /// Seconds since 1970, now.
    pub fn unix_now(&self) -> i64 {
        let passed = self.now.saturating_sub(self.unix_at).as_secs();
        self.unix + i64::try_from(passed).unwrap_or(0)
    }

    pub fn is_online(&self, host: &HostId) -> bool {
        self.hosts.get(host).is_some_and(|h| matches!(h.state, HostState::Online { .. }))
    }

    /// Whether it is there and its link is not silent.
    pub fn answers(&self, host: &HostId) -> bool {
        self.is_online(host) && self.hosts.get(host).is_some_and(|h| !h.silent)
    }

    /// The tabs or splits are another: to be saved.
    pub fn touch(&mut self) {
        self.changed = true;
        self.dirty = true;
    }
}
