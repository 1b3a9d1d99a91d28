//! Owns what the hosts' events change.

use super::{App, ECHO, Effect, Farewell, Host};
use crate::client::find;
use crate::client::foresight::Foresight;
use crate::client::host::attached::{Settled, Waiting};
use crate::client::host::{HostCommand, HostEvent, HostId, HostState, echoes};
use crate::client::layer::Layer;
use crate::client::layer::picker::Led;
use crate::client::layout::PaneId;
use crate::client::pane::{Pane, Stage, blank, row_of};
use crate::client::shelf::Shelf;
use crate::client::trips::Trips;
use crate::proto::control::SessionInfo;
use crate::proto::ids::{Offset, SessionId, Size};
use crate::proto::notice::SessionExited;
use crate::term::engine::Engine;
use crate::text::{count, escape, short};
use crate::transport::ssh::Lends;
use std::time::Duration;

/// Bells closer together than this are one.
const BELL: Duration = Duration::from_millis(100);
/// A shell that ends this soon after a key was ended by that key: nobody needs to be told.
const BY_HAND: Duration = Duration::from_secs(3);
/// Most of a reason that is kept, characters: a host may say what it likes.
const REASON: usize = 800;
/// Longest text taken for the clipboard, bytes.
const CLIPBOARD: usize = 100 * 1024;

/// Why something failed, with what can be done: as many lines as it has, escaped.
fn reason(why: &str) -> String {
    let lines: Vec<String> = why.lines().map(|line| escape(line.trim())).collect();
    let text = lines.join("\n");
    match text.char_indices().nth(REASON) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Why a session of an agent's is not there for who connected without it.
fn needs_agent(host: &HostId) -> String {
    let host = short(host.as_str(), 40);
    format!("it needs the agent: {host} is connected without one\nupdate-agent in the palette connects with it")
}

impl Host {
    pub fn new(now: Duration) -> Host {
        Host {
            state: HostState::Offline,
            since: now,
            sessions: Vec::new(),
            listed: false,
            booked: false,
            missed: false,
            born: Default::default(),
            book: None,
            changing: Default::default(),
            coming: Vec::new(),
            forwards: Vec::new(),
            lends: Lends::default(),
            address: String::new(),
            ports: None,
            rtt: None,
            srtt: None,
            trips: Trips::default(),
            link: None,
            foresight: Foresight::default(),
            met: false,
            heard: now,
            silent: false,
            unlinked: false,
            queue: Vec::new(),
            looked: Default::default(),
            deploying: false,
            kept: false,
        }
    }

    /// What is known of it is so now: it is there, or goes over to another build and is back in a moment.
    pub fn tells(&self) -> bool {
        matches!(self.state, HostState::Online { .. } | HostState::Updating { .. })
    }

    pub fn session(&self, id: &SessionId) -> Option<&SessionInfo> {
        self.sessions.iter().find(|s| s.id == id.as_str())
    }
}

/// What a host that is coming has is waited for this long.
const COMES: Duration = Duration::from_secs(5);

impl App {
    pub fn pane_of(&self, host: &HostId, session: &SessionId) -> Option<PaneId> {
        self.panes.values().find(|p| p.session.as_ref() == Some(session) && p.host == *host).map(|p| p.id)
    }

    /// The pane that shows it, whichever host that is under: a session over plain SSH is one of this machine's, and can be
    /// shown as its host's, too.
    pub fn pane_with(&self, host: &HostId, session: &SessionId) -> Option<PaneId> {
        self.pane_of(host, session).or_else(|| {
            let target = &self.hosts.get(&HostId::local())?.session(session)?.target;
            let is_it = |p: &&Pane| {
                p.session.as_ref() == Some(session)
                    && (host.is_local() || p.host.is_local())
                    && p.info.as_ref().is_none_or(|i| i.target == *target)
            };
            self.panes.values().find(is_it).filter(|_| !target.is_empty()).map(|p| p.id)
        })
    }

    fn shown(&mut self, host: &HostId, session: &SessionId) -> Option<&mut Pane> {
        self.panes.values_mut().find(|p| p.session.as_ref() == Some(session) && p.host == *host)
    }

    fn is_visible(&self, pane: PaneId) -> bool {
        self.tabs.active().is_some_and(|t| if t.zoomed { t.focus == pane } else { t.panes().contains(&pane) })
    }

    pub(super) fn output(&mut self, host: &HostId, session: &SessionId, offset: Offset, bytes: &[u8]) {
        let now = self.now;
        let Some(pane) = self.shown(host, session) else { return };
        // bytes are told by offset: what a screen already held is not fed again
        let known = pane.seen.saturating_sub(offset).min(bytes.len() as u64) as usize;
        pane.seen = pane.seen.max(offset + bytes.len() as u64);
        pane.fed = true;
        let fresh = &bytes[known..];
        if fresh.is_empty() {
            return;
        }
        // what a program says besides cells was fired by the session's own screen
        pane.engine.feed(fresh, &mut Vec::new());
        pane.foresee(now);
        let echo = pane.typed_at.is_some_and(|t| now < t + ECHO);
        let holds = pane.modes().sync;
        pane.sync_since = match (holds, pane.sync_since) {
            (false, _) => None,
            (true, since) => since.or(Some(now)),
        };
        let id = pane.id;
        if let Some(h) = self.hosts.get_mut(host) {
            h.heard = now;
            // how long ago that was is shown then
            self.dirty |= h.silent || !matches!(h.state, HostState::Online { .. });
        }
        if self.is_visible(id) {
            if !holds {
                self.printed = true;
                self.urgent |= echo;
            }
        } else if let Some(i) = self.tabs.of_pane(id)
            && !self.tabs.list[i].output
        {
            self.tabs.list[i].output = true;
            self.dirty = true;
        }
    }

    pub(super) fn host_event(&mut self, id: HostId, event: HostEvent) -> Vec<Effect> {
        let now = self.now;
        let host = self.hosts.entry(id.clone()).or_insert_with(|| Host::new(now));
        // (whether it is silent its task says: what comes from there does not tell that anything arrives; without an agent
        // there much comes from this machine)
        let here = host.silent && host.state.is_without_agent();
        if !here
            && !matches!(
                event,
                HostEvent::State(_)
                    | HostEvent::Silent(_)
                    | HostEvent::Unlinked
                    | HostEvent::Link(_)
                    | HostEvent::Pending { .. }
                    | HostEvent::Dropped { .. }
                    | HostEvent::Forwards(_)
                    | HostEvent::Failed { .. }
            )
        {
            host.heard = now;
        }
        let mut out = Vec::new();
        let was_dirty = std::mem::replace(&mut self.dirty, true);
        let lists = matches!(
            event,
            HostEvent::State(_)
                | HostEvent::Sessions(_)
                | HostEvent::Connections(_)
                | HostEvent::Unasked { .. }
                | HostEvent::Failed { .. }
        );
        match event {
            HostEvent::State(state) => {
                self.host_state(&id, state, &mut out);
                self.refresh_ports(&id);
            }
            HostEvent::Sessions(list) => self.sessions(&id, list, &mut out),
            HostEvent::Connections(book) => {
                host.booked = true;
                if let Some(told) = book.as_ref().and_then(|b| b.told.clone()) {
                    self.say_long(short(&told, 300));
                }
                // (one that has gone meanwhile tells nothing any more; behind the last change comes a list with all of them)
                if self.is_online(&id)
                    && let Some(host) = self.hosts.get_mut(&id).filter(|h| h.changing.is_empty())
                {
                    host.book = book.map(Shelf::new);
                    host.coming.clear();
                }
            }
            HostEvent::Booked { tag, result } => self.booked(&id, tag, result, &mut out),
            HostEvent::Rtt(rtt) => self.round_trip(&id, rtt),
            HostEvent::Link(link) => host.link = Some(link),
            HostEvent::Unlinked => (host.unlinked, host.silent) = (true, false),
            HostEvent::Silent(quiet) => {
                host.unlinked = false;
                host.heard = now.saturating_sub(quiet);
                let before = std::mem::replace(&mut host.silent, !quiet.is_zero());
                if before != host.silent {
                    self.panes.values_mut().filter(|p| p.host == id).for_each(|p| p.afloat = 0);
                }
                if quiet.is_zero() {
                    // what was held back is sent now
                    self.panes.values_mut().filter(|p| p.host == id).for_each(|p| p.held.clear());
                }
                self.refresh_ports(&id);
            }
            HostEvent::Gauges(g) => self.gauges.add(&id, g, now, &self.settings.limits),
            HostEvent::Forwards(list) => self.forwards(&id, list),
            HostEvent::Containers { tag, result } => self.containers_told(&id, tag, result),
            HostEvent::Reached { lends, address } => (host.lends, host.address) = (lends, address),
            HostEvent::Ports(list) => {
                host.ports = Some(list);
                self.refresh_ports(&id);
            }
            HostEvent::Output { session, offset, bytes } => self.output(&id, &session, offset, &bytes),
            HostEvent::Screen { session, to, size, bytes } => {
                if let Some(pane) = self.shown(&id, &session) {
                    let new = Engine::restore_with_history(size.clamped(), &bytes, 0);
                    pane.rescreen(|engine| *engine = new);
                    pane.seen = to;
                    pane.foresee(now);
                    // the first screen is waited for: no frame's time is lost on it
                    let first = !std::mem::replace(&mut pane.shown_once, true);
                    pane.restored = true;
                    pane.sync_since = None;
                    let echo = pane.typed_at.is_some_and(|t| now < t + ECHO);
                    self.urgent |= first || echo;
                }
            }
            HostEvent::Size { session, size, .. } => {
                if let Some(pane) = self.shown(&id, &session) {
                    pane.rescreen(|engine| engine.resize(size.clamped()));
                    pane.predict.reset();
                }
            }
            HostEvent::Attached { session, info, again } => self.attached(&id, &session, info, again, &mut out),
            HostEvent::AttachFailed { session, why, ended } => {
                let without = host.state.is_without_agent();
                if let Some(pane) = self.shown(&id, &session) {
                    // (this machine's agent does not know what another one runs: it may be alive there)
                    let elsewhere = without && pane.plain.is_none();
                    if ended && elsewhere {
                        pane.gone(&needs_agent(&id), false);
                    } else {
                        pane.gone(&reason(&why), ended);
                    }
                }
                self.leave_if_nothing(&why, &mut out);
            }
            HostEvent::Tty { session, flags } => {
                if let Some(pane) = self.shown(&id, &session) {
                    pane.tty = flags;
                    pane.predict.tty(flags);
                    pane.foresee(now);
                    if !echoes(flags) {
                        pane.held.clear();
                    }
                }
            }
            HostEvent::Exited { session, exit } => self.exited(&id, &session, exit, &mut out),
            HostEvent::Changed { session, info } => {
                if let Some(known) = host.sessions.iter_mut().find(|s| s.id == session.as_str()) {
                    known.clone_from(&info);
                }
                if let Some(pane) = self.shown(&id, &session) {
                    pane.info = Some(info);
                }
            }
            HostEvent::Bell { session } => self.bell(&id, &session, &mut out),
            HostEvent::Clipboard { session, text } => {
                if self.settings.clipboard && text.len() <= CLIPBOARD && self.pane_of(&id, &session).is_some() {
                    self.say(format!("{} copied {}", short(id.as_str(), 40), count(text.chars().count(), "character")));
                    self.copied.clone_from(&text);
                    out.push(Effect::Copy(text));
                }
            }
            HostEvent::Notified { session, text } => {
                self.mark_bell(&id, &session);
                self.say(format!("{}: {}", short(id.as_str(), 40), short(&text, 200)));
            }
            HostEvent::Pending { session, waiting } => {
                if let Some(pane) = self.shown(&id, &session) {
                    pane.waiting = waiting;
                    if waiting.unsent == 0 {
                        pane.held.clear();
                    }
                }
            }
            HostEvent::Applied { session, count } => {
                // no news where nothing was foreseen: an answer to each key, and nothing to be drawn
                self.dirty = was_dirty;
                if let Some(pane) = self.shown(&id, &session) {
                    pane.predict.applied(count);
                    self.dirty |= pane.foresee(now);
                }
            }
            HostEvent::Dropped { session, dropped, sent } => {
                // (that some may still arrive is shown for as long as it may)
                let said = match (dropped, sent) {
                    (0, 0) => Some("nothing typed waits: nothing was dropped".to_string()),
                    (0, _) => None,
                    (n, _) => Some(format!("dropped: {}, never sent", count(n, "byte"))),
                };
                if let Some(pane) = self.shown(&id, &session) {
                    pane.predict.reset();
                    pane.note = said.map(|said| (now, said));
                }
            }
            HostEvent::Settled { session, settled: Settled { dropped, arrived } } => {
                if let Some(pane) = self.shown(&id, &session) {
                    let said = match (dropped, arrived) {
                        (n, 0) => format!("dropped: {}, nothing of it had arrived", count(n, "byte")),
                        (0, n) => format!("not dropped: {} had arrived already", count(n, "byte")),
                        (n, arrived) => {
                            format!("dropped: {}; {} had arrived already", count(n, "byte"), count(arrived, "byte"))
                        }
                    };
                    pane.note = Some((now, said));
                }
            }
            HostEvent::Undelivered { session, bytes } => {
                if let Some(pane) = self.shown(&id, &session) {
                    let text = short(&String::from_utf8_lossy(&bytes), 120);
                    pane.note = Some((now, format!("typed, may not have arrived: {text}")));
                    pane.held.clear();
                }
            }
            HostEvent::Created { tag, result } => self.created(&id, tag, result, &mut out),
            HostEvent::Offered { tag, result } => self.offered(tag, result),
            HostEvent::History { session, from, total, lines, open } => {
                if let Some(pane) = self.shown(&id, &session) {
                    let rows = 0..pane.engine.size().rows;
                    if let Some(scroll) = &mut pane.scroll {
                        if scroll.total.is_none() {
                            let wraps: Vec<bool> = rows.clone().map(|row| pane.engine.row_wrapped(row)).collect();
                            scroll.total = Some(total);
                            scroll.frozen = rows.map(|row| row_of(&pane.engine, row)).collect();
                            scroll.rows = find::rows(total, open, &scroll.frozen, &wraps);
                            scroll.up = scroll.wanted.min(total);
                        }
                        scroll.keep(from, lines);
                    }
                }
                if let Some(pane) = self.pane_of(&id, &session) {
                    self.fetch_history(pane, &mut out);
                    self.show_found(pane, &mut out);
                    self.jump_due(pane, &mut out);
                }
            }
            HostEvent::Found { session, tag, result } => self.found(&id, &session, tag, result, &mut out),
            HostEvent::Marks { session, marks } => self.marked(&id, &session, &marks, &mut out),
            HostEvent::Said { what } => self.say_long(what),
            HostEvent::Failed { what } => {
                // (it may have been its list: nobody waits for that any more)
                host.booked = true;
                self.say_trouble(&id, &short(&what, 200));
            }
            HostEvent::Ask { id: question_id, question } => {
                let layer = Layer::question(id, question_id, question, now);
                // the first that asked is answered first
                let at = self.layers.iter().position(Layer::is_question).unwrap_or(self.layers.len());
                self.layers.insert(at, layer);
            }
            HostEvent::Unasked { id: question_id } => self.take_back(&id, |n| n == question_id),
        }
        self.see_what_is_left(&mut out);
        if lists {
            self.renew_lists(&mut out);
        }
        out
    }

    /// Hosts tell something else while a list of what they tell is open.
    pub(super) fn renew_lists(&mut self, out: &mut Vec<Effect>) {
        let mut layers = std::mem::take(&mut self.layers);
        let mut led = None;
        let top = layers.len().saturating_sub(1);
        for (i, layer) in layers.iter_mut().enumerate() {
            if let Layer::Picker(picker) = layer {
                led = picker.renewed(self, i == top).or(led);
            }
        }
        self.layers = layers;
        match led {
            Some(led) => self.go_ahead(led, out),
            None => self.waited_due(out),
        }
    }

    /// The list on top leads where it does, and what was typed behind it goes there.
    fn go_ahead(&mut self, (choice, held, spoilt): Led, out: &mut Vec<Effect>) {
        let Some(choice) = choice else {
            if spoilt || !held.is_empty() {
                self.say("no host told of that: what was typed behind it is not kept");
            }
            return;
        };
        self.layers.pop();
        self.choose(choice, out);
        if spoilt {
            self.say("what was typed behind it is not kept");
        }
        for event in held {
            out.extend(self.update(event));
        }
    }

    /// A list has waited long enough for hosts.
    pub(super) fn waited_due(&mut self, out: &mut Vec<Effect>) {
        if let Some(Layer::Picker(picker)) = self.layers.last_mut()
            && picker.waits_until().is_some_and(|until| until <= self.now)
        {
            self.wait_no_longer(out);
        }
    }

    /// What the list on top has is taken.
    pub(super) fn wait_no_longer(&mut self, out: &mut Vec<Effect>) {
        if let Some(Layer::Picker(picker)) = self.layers.last_mut()
            && let Some(led) = picker.waited()
        {
            self.go_ahead(led, out);
        }
    }

    /// A host that is there has not told yet what runs on it, or what is prepared there; or it is just coming, which one
    /// that was tried in vain is not.
    pub fn awaits_lists(&self) -> bool {
        use HostState::{Connecting, Deploying, Online, Updating};
        let awaited = |h: &Host| match &h.state {
            Connecting | Deploying { .. } => !h.missed && self.now < h.since + COMES,
            Online { .. } | Updating { .. } => !h.listed || !(h.booked || self.solo || h.state.is_without_agent()),
            _ => false,
        };
        self.hosts.values().any(awaited)
    }

    /// The host's questions with these numbers are asked no longer.
    fn take_back(&mut self, id: &HostId, which: impl Fn(u64) -> bool) {
        let gone = |l: &Layer| matches!(l, Layer::Question(a) if a.host == *id && which(a.id));
        // the rest of a secret must not go to the program below
        let cut_off = self.layers.last().is_some_and(|l| gone(l) && l.holds_secret());
        self.layers.retain(|l| !gone(l));
        if cut_off {
            let why = format!("{} asks no longer: what was typed is thrown away", short(id.as_str(), 100));
            let mut stop = Layer::stop(id.clone(), why, Vec::new());
            stop.comes_after_another(self.now);
            self.layers.push(stop);
        }
    }

    fn host_state(&mut self, id: &HostId, state: HostState, out: &mut Vec<Effect>) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(id) else { return };
        let was_online = matches!(host.state, HostState::Online { .. });
        host.state = state.clone();
        host.since = now;
        if !matches!(state, HostState::Online { .. }) {
            self.gauges.is_away(id);
            host.changing.clear();
            host.coming.clear();
        }
        host.listed &= was_online;
        host.booked &= was_online;
        host.missed = match state {
            HostState::Online { .. } => false,
            HostState::Lost { .. } | HostState::Failed { .. } => true,
            _ => host.missed,
        };
        if matches!(state, HostState::Online { .. }) {
            host.met = true;
            host.heard = now;
            (host.silent, host.unlinked) = (false, false);
            // nor is the way the same
            host.link = None;
            host.trips.clear();
        }
        if matches!(state, HostState::Online { .. }) && !state.is_without_agent() && !id.is_local() {
            self.changed |= !std::mem::replace(&mut host.kept, true);
        }
        if state.is_without_agent() {
            // what an agent kept there only that agent can tell; sessions over plain SSH live on this machine
            host.book = None;
            host.sessions.retain(|s| !s.target.is_empty());
        }
        if !matches!(state, HostState::Connecting | HostState::Deploying { .. }) {
            self.take_back(id, |_| true);
        }
        self.show_deploy(id, &state);
        match state {
            HostState::Online { .. } => {
                if state.is_without_agent() {
                    self.show_plain_as(id, id, out);
                }
                self.trouble_is_over(id);
                self.hosts_are_back();
                let Some(host) = self.hosts.get_mut(id) else { return };
                let queue = std::mem::take(&mut host.queue);
                if !was_online {
                    self.read_files_again_of(id, out);
                }
                out.extend(queue.into_iter().map(|c| Effect::Host(id.clone(), c)));
                out.push(Effect::Host(id.clone(), HostCommand::List));
                if !self.solo {
                    out.push(Effect::Host(id.clone(), HostCommand::Connections));
                }
                // what the host's failure had taken away comes back by itself
                let back: Vec<PaneId> = self
                    .panes
                    .values()
                    .filter(|p| p.host == *id && matches!(p.stage, Stage::Gone { ended: false, .. }))
                    .map(|p| p.id)
                    .collect();
                for pane in back {
                    self.revive(pane, out);
                }
            }
            HostState::Failed { why, hints, hard } => {
                let why = escape(&why);
                let told = hints.iter().fold(why.clone(), |t, h| format!("{t}\n  {}", escape(h)));
                self.give_up(id, &told, out);
                if hard {
                    let hints = hints.iter().map(|h| escape(h)).collect();
                    self.layers.push(Layer::stop(id.clone(), why, hints));
                } else {
                    self.leave_if_nothing(&told, out);
                    self.say_trouble(id, &short(&why, 300));
                }
            }
            HostState::Offline => self.give_up(id, "not connected", out),
            HostState::Lost { .. }
            | HostState::Updating { .. }
            | HostState::Connecting
            | HostState::Deploying { .. } => {}
        }
    }

    /// Panes that were waiting for this host no longer do.
    fn give_up(&mut self, id: &HostId, why: &str, out: &mut Vec<Effect>) {
        if let Some(host) = self.hosts.get_mut(id) {
            host.queue.clear();
            // what it keeps and runs it alone can tell
            host.book = None;
            host.sessions.clear();
        }
        for pane in self.panes.values_mut().filter(|p| p.host == *id && p.stage == Stage::Starting) {
            pane.gone(why, false);
            pane.tag = None;
            // it is attached anew when its time has come: not twice
            if let Some(session) = &pane.session {
                out.push(Effect::Host(id.clone(), HostCommand::Detach { session: session.clone() }));
            }
        }
        self.opening.retain(|o| o.host != *id);
    }

    /// A client for one session leaves when there is nothing to show.
    fn leave_if_nothing(&mut self, why: &str, out: &mut Vec<Effect>) {
        let nothing = self.panes.values().all(|p| matches!(p.stage, Stage::Gone { .. }));
        if self.solo && nothing {
            out.push(Effect::Quit(Farewell::Failed(why.to_string())));
        }
    }

    fn sessions(&mut self, id: &HostId, mut list: Vec<SessionInfo>, out: &mut Vec<Effect>) {
        // the host lists them as it finds them
        list.sort_by(SessionInfo::oldest_first);
        let in_panes: Vec<String> = self
            .panes
            .values()
            .filter(|p| p.host == *id)
            .filter_map(|p| p.session.as_ref().map(|s| s.as_str().to_string()))
            .collect();
        let Some(host) = self.hosts.get_mut(id) else { return };
        // (from before it went)
        if matches!(host.state, HostState::Offline | HostState::Failed { .. }) {
            return;
        }
        // (by no clock that anybody sets, there or here)
        let now = i64::try_from(self.now.as_secs()).unwrap_or(0);
        let born = |i: &SessionInfo| Some((i.id.clone(), now - i64::try_from(i.age_s).ok().filter(|a| *a > 0)?));
        host.born = list.iter().filter_map(born).collect();
        for info in &list {
            let looked = (info.offset, info.bells);
            if in_panes.contains(&info.id) {
                host.looked.insert(info.id.clone(), looked);
            } else {
                host.looked.entry(info.id.clone()).or_insert(looked);
            }
        }
        host.looked.retain(|id, _| list.iter().any(|i| i.id == *id));
        host.sessions = list.clone();
        host.listed = true;
        for pane in self.panes.values_mut().filter(|p| p.host == *id) {
            let Some(session) = &pane.session else { continue };
            if let Some(info) = list.iter().find(|i| i.id == session.as_str()) {
                pane.info = Some(Box::new(info.clone()));
            }
        }
        self.open_asked(id, out);
        if id.is_local() {
            self.look_for_edits(out);
        }
    }

    fn attached(
        &mut self,
        id: &HostId,
        session: &SessionId,
        info: Box<SessionInfo>,
        again: bool,
        out: &mut Vec<Effect>,
    ) {
        if again {
            self.trouble_is_over(id);
        }
        let without = self.hosts.get(id).is_some_and(|h| h.state.is_without_agent());
        let Some(pane) = self.shown(id, session) else {
            // closed while the attach was under way
            out.push(Effect::Host(id.clone(), HostCommand::Detach { session: session.clone() }));
            return;
        };
        let size = Size { rows: info.rows, cols: info.cols }.clamped();
        if !again {
            pane.engine = blank(size);
            pane.predict.reset();
            pane.seen = 0;
        }
        // one word is a shell, or as good as one: the pane closes with it
        pane.shell = info.kind == "shell" && info.command.len() <= 1;
        // (of one that was opened as this machine's it is kept only that it was one)
        if !id.is_local() || pane.plain.is_none() {
            pane.plain = ((without || id.is_local()) && !info.target.is_empty()).then(|| id.clone());
        }
        pane.info = Some(info);
        pane.stage = Stage::Live;
        // it is sent now
        pane.held.clear();
        self.restoring = false;
        let Some(pane) = self.shown(id, session) else { return };
        let pane = pane.id;
        let colors = self.panes.get(&pane).and_then(|p| self.colors_for(p));
        out.extend(colors);
        let Some(pane) = self.panes.get_mut(&pane) else { return };
        let ahead = std::mem::take(&mut pane.ahead);
        if !ahead.is_empty() && !pane.watch {
            pane.predict.unforeseen(ahead.len());
            let count = pane.predict.count();
            out.push(Effect::Host(id.clone(), HostCommand::Input { session: session.clone(), bytes: ahead, count }));
        }
    }

    fn created(&mut self, id: &HostId, tag: u64, result: Result<Box<SessionInfo>, String>, out: &mut Vec<Effect>) {
        let pane = self.panes.values().find(|p| p.tag == Some(tag)).map(|p| p.id);
        let made = result.and_then(|info| match info.id.parse::<SessionId>() {
            Ok(session) => Ok((session, info)),
            Err(e) => Err(e.to_string()),
        });
        self.edit_started(tag, made.as_ref().ok().map(|(session, _)| session));
        let Some(made) = self.opened_once(id, tag, made, out) else { return };
        match (pane, made) {
            (Some(pane), Ok((session, info))) => {
                if let Some(p) = self.panes.get_mut(&pane) {
                    p.tag = None;
                    p.info = Some(info);
                }
                self.attach(pane, session, false, out);
                self.touch();
            }
            (Some(pane), Err(why)) => {
                if let Some(p) = self.panes.get_mut(&pane) {
                    p.tag = None;
                    let what = if p.prepared.is_some() || p.once.is_some() { "not opened" } else { "no shell" };
                    p.gone(&format!("{what}: {}", reason(&why)), true);
                }
                self.leave_if_nothing(&why, out);
            }
            // its pane was closed in the meantime
            (None, Ok((session, _))) => out.push(Effect::Host(id.clone(), HostCommand::Close { session })),
            (None, Err(_)) => {}
        }
    }

    fn exited(&mut self, id: &HostId, session: &SessionId, exit: SessionExited, out: &mut Vec<Effect>) {
        if id.is_local() && self.edit_ended(session, exit.exit_code, out) {
            return;
        }
        let (now, last_of_solo) = (self.now, self.solo && self.panes.len() == 1);
        let Some(pane) = self.shown(id, session) else { return };
        let by_hand = pane.typed_at.is_some_and(|t| now < t + BY_HAND);
        let quiet = pane.shell && exit.cause.is_none() && (exit.exit_code == Some(0) || by_hand);
        let (pane_id, shell) = (pane.id, pane.shell);
        pane.stage = Stage::Exited(exit.clone());
        pane.predict.reset();
        pane.held.clear();
        pane.waiting = Waiting::default();
        if last_of_solo {
            out.push(Effect::Quit(Farewell::Exited { code: exit.exit_code, cause: exit.cause }));
            return;
        }
        if quiet {
            let last = self.panes.len() == 1;
            self.close_pane(pane_id, out);
            if last {
                out.push(Effect::Quit(Farewell::Exited { code: exit.exit_code, cause: None }));
            }
        } else if !shell && let Some(i) = self.tabs.of_pane(pane_id) {
            // a command's end is news where it is not looked at
            let active = i == self.tabs.active;
            self.tabs.list[i].output |= !active;
        }
    }

    fn mark_bell(&mut self, id: &HostId, session: &SessionId) {
        let Some(pane) = self.pane_of(id, session) else { return };
        if let Some(i) = self.tabs.of_pane(pane)
            && i != self.tabs.active
        {
            self.tabs.list[i].bell = true;
        }
    }

    fn bell(&mut self, id: &HostId, session: &SessionId, out: &mut Vec<Effect>) {
        self.mark_bell(id, session);
        if self.last_bell.is_none_or(|t| t + BELL <= self.now) {
            self.last_bell = Some(self.now);
            out.push(Effect::Bell);
        }
    }
}
