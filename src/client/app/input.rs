//! Owns where a key goes: to the layer on top, a command, the tree, the history view, or the program.

use super::{App, Effect, Event, Farewell};
use crate::client::command::{self, Command};
use crate::client::foresight::Foresight;
use crate::client::host::{Answer, HostCommand, HostState, echoes};
use crate::client::keymap::{Found, word};
use crate::client::layer::back::Back;
use crate::client::layer::picker::Waits;
use crate::client::layer::{Choice, Layer, Outcome};
use crate::client::layout::PaneId;
use crate::client::pane::Stage;
use crate::term::input::Key;
use crate::term::keys;
use std::time::Duration;
use zeroize::Zeroize;

const REPEAT: Duration = Duration::from_millis(500);
/// A panel that nobody asked for takes keys only after a pause in the typing this long.
pub(super) const CALM: Duration = Duration::from_millis(700);
/// Most that is kept of what is typed before a session is there.
const AHEAD: usize = 64 * 1024;
/// Longest paste, bytes.
const PASTE: usize = 64 << 20;
/// A note stays at least this long.
const NOTE: Duration = Duration::from_secs(2);

/// What becomes of a key while a panel is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// The panel's.
    Yes,
    /// The program's.
    No,
    /// Nobody's: it was typed for a question that is gone.
    Drops,
}

impl App {
    pub(super) fn key_now(&mut self, key: Key) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.beside(&key, &mut out) {
            return out;
        }
        let before = self.last_key.replace(self.now);
        self.deeds += 1;
        let calm = before.is_none_or(|before| self.now >= before + CALM);
        let takes = self.layer_takes_keys(before);
        if takes == Takes::Drops {
            return out;
        }
        // what lies under a panel that takes no keys yet has them; a program only where nothing else lies over it
        if takes == Takes::No
            && let Some(at) = self.layers.iter_mut().rposition(|l| l.unasked().is_none())
        {
            self.dirty = true;
            let above = self.layers.split_off(at + 1);
            match self.layers.last_mut() {
                Some(Layer::Browser) => {
                    self.layers.extend(above);
                    self.browser_key(&key, &mut out);
                    return out;
                }
                // (it may be an answer: no part of it is for anything else)
                Some(Layer::Picker(picker)) if above.iter().any(Layer::is_question) => picker.spoil(),
                Some(Layer::Picker(_)) => self.layer_key(&key, calm, &mut out),
                _ => {}
            }
            self.layers.extend(above);
            return out;
        }
        let taken = |app: &App| takes == Takes::Yes && !app.layers.is_empty();
        if let Some(Layer::Back(_)) = self.layers.last()
            && taken(self)
            && !Back::takes(&word(&keys::simplified(&key)))
        {
            self.layers.pop();
            self.dirty = true;
        }
        if taken(self) {
            self.layer_key(&key, calm, &mut out);
            return out;
        }
        if let Some((mut keys, _)) = self.sequence.take() {
            self.dirty = true;
            // the prefix twice sends it; so does whatever the user bound to that
            if keys.is_empty() && self.is_prefix(&key) {
                self.send_key(&key, &mut out);
                return out;
            }
            let found = self.after_prefix(&mut keys, &key);
            match found {
                Found::Command(c) => self.run(c, &mut out),
                Found::More => self.sequence = Some((keys, self.now)),
                Found::Nothing => {}
            }
            return out;
        }
        if let Some(until) = self.repeat_until.take()
            && self.now <= until
            && let Found::Command(c) = self.after_prefix(&mut Vec::new(), &key)
            && c.repeat
        {
            self.run(c, &mut out);
            return out;
        }
        if self.is_prefix(&key) {
            self.sequence = Some((Vec::new(), self.now));
            self.dirty = true;
            return out;
        }
        let simple = self.simplified(&key);
        for key in std::iter::once(&key).chain((simple != key).then_some(&simple)) {
            if let Found::Command(c) = self.keymap.root(&[word(key)]) {
                self.run(c, &mut out);
                return out;
            }
        }
        if self.tree.focused {
            self.dirty = true;
            self.tree_key(&keys::simplified(&key), &mut out);
            return out;
        }
        self.pane_key(&key, &mut out);
        out
    }

    /// A key for the layer on top; `calm` = it comes after a pause.
    fn layer_key(&mut self, key: &Key, calm: bool, out: &mut Vec<Effect>) {
        self.dirty = true;
        if let Some(Layer::Picker(picker)) =
            self.layers.last_mut().filter(|l| matches!(l, Layer::Picker(p) if p.waits()))
        {
            match picker.waiting(&word(&keys::simplified(key)), calm) {
                Waits::Holds => return picker.hold(Event::Key(key.clone())),
                Waits::Now => return self.wait_no_longer(out),
                Waits::List if picker.holds() => self.say("what was typed behind it is not kept"),
                Waits::List => {}
            }
        }
        // those whose keys need the whole app
        let own: Option<fn(&mut App, &Key, &mut Vec<Effect>)> = match self.layers.last() {
            Some(Layer::Browser) => Some(App::browser_key),
            Some(Layer::Queue(_)) => Some(App::queue_key),
            Some(Layer::Viewer(_)) => Some(App::viewer_key),
            _ => None,
        };
        if let Some(own) = own {
            return own(self, key, out);
        }
        let key = keys::simplified(key);
        let letter = self.layers.last().is_some_and(Layer::takes_a_letter);
        let outcome = self.layers.last_mut().map_or(Outcome::Close, |l| l.key(&key));
        if let Some(Layer::Picker(picker)) = self.layers.last_mut() {
            picker.pressed(self.now);
        }
        if letter && !matches!(outcome, Outcome::Stay) {
            self.answered_by(&key);
        }
        self.outcome(outcome, out);
    }

    fn is_prefix(&self, key: &Key) -> bool {
        let simple = self.simplified(key);
        self.keymap.is_prefix(key) || (simple != *key && self.keymap.is_prefix(&simple))
    }

    /// What the keys since the prefix and this one mean: by itself, or else as a plain terminal would tell it.
    fn after_prefix(&self, keys: &mut Vec<String>, key: &Key) -> Found {
        keys.push(word(key));
        let found = self.keymap.after_prefix(keys);
        if !matches!(found, Found::Nothing) {
            return found;
        }
        keys.pop();
        keys.push(word(&keys::simplified(key)));
        self.keymap.after_prefix(keys)
    }

    /// A panel nobody asked for must not swallow (or be answered by) what is being typed into a program.
    pub(super) fn layer_takes_keys(&mut self, last_key: Option<Duration>) -> Takes {
        // into a program, or into a panel that lies under it
        let over = self.layers.len().saturating_sub(1);
        let typing = (self.focused().is_some_and(|p| p.is_live()) && !self.tree.focused)
            || self.layers.iter_mut().take(over).any(|l| l.unasked().is_none());
        let now = self.now;
        match self.layers.last_mut() {
            None => Takes::No,
            Some(layer) => {
                let hushes = layer.hushes();
                match layer.unasked() {
                    None => Takes::Yes,
                    Some((shown, armed)) => {
                        let calm_since = last_key.map_or(*shown, |k| k.max(*shown));
                        *armed |= (!typing && !hushes) || now >= calm_since + CALM;
                        match *armed {
                            true => Takes::Yes,
                            false if hushes => Takes::Drops,
                            false => Takes::No,
                        }
                    }
                }
            }
        }
    }

    pub fn run(&mut self, command: &'static Command, out: &mut Vec<Effect>) {
        self.dirty = true;
        out.extend((command.run)(self));
        self.repeat_until = command.repeat.then(|| self.now + REPEAT);
    }

    pub(super) fn outcome(&mut self, outcome: Outcome, out: &mut Vec<Effect>) {
        let stays = matches!(outcome, Outcome::Stay);
        match outcome {
            Outcome::Stay => {}
            Outcome::Close => {
                self.layers.pop();
            }
            Outcome::Choose(choice) => {
                self.layers.pop();
                self.choose(choice, out);
            }
            Outcome::Do(choice) => self.choose(choice, out),
        }
        // (what lay over a list that waits is gone)
        if !stays && matches!(self.layers.last(), Some(Layer::Picker(p)) if p.waits()) {
            self.renew_lists(out);
        }
    }

    pub(super) fn choose(&mut self, choice: Choice, out: &mut Vec<Effect>) {
        match choice {
            Choice::Command(c) => self.run(c, out),
            Choice::Go(target) => self.go(target, out),
            Choice::Join(pane, dir) => self.join(pane, dir),
            Choice::ClosePane(pane) => self.close_pane(pane, out),
            Choice::CloseTab(id) => {
                let panes = self.tabs.list.iter().find(|t| t.id == id).map(|t| t.panes()).unwrap_or_default();
                for pane in panes {
                    self.close_pane(pane, out);
                }
            }
            Choice::Kill(host, session) => self.end_session(&host, session, out),
            Choice::RenameTab(id, name) => {
                if let Some(tab) = self.tabs.list.iter_mut().find(|t| t.id == id) {
                    tab.name = (!name.trim().is_empty()).then_some(name);
                    self.touch();
                }
            }
            Choice::RenameSession(host, session, name) => match crate::proto::ids::check_name(&name) {
                Ok(()) => self.request(&host, HostCommand::Rename { session, name }, out),
                Err(why) => self.say(why),
            },
            Choice::Deed(host, session, deed) => self.deed(host, session, deed, out),
            Choice::Typed(host, session, deed, text) => self.act_on(host, session, deed, Some(text), out),
            Choice::Search(pane, down, pattern) => self.search(pane, down, pattern, out),
            Choice::GoToTab(text) => {
                let found = match text.trim().parse::<usize>() {
                    Ok(n) => self.tabs.go(n.wrapping_sub(1)),
                    Err(_) => {
                        let named = self.tabs.list.iter().position(|t| t.name.as_deref() == Some(text.trim()));
                        named.is_some_and(|i| self.tabs.go(i))
                    }
                };
                if !found {
                    self.say(format!("there is no tab '{}'", crate::text::short(&text, 40)));
                }
            }
            Choice::Answer(host, id, answer) => {
                if let (Answer::No, Some(h)) = (&answer, self.hosts.get_mut(&host)) {
                    h.queue.clear();
                }
                out.push(Effect::Host(host, HostCommand::Answer { id, answer }));
                if let Some(next) = self.layers.last_mut() {
                    next.comes_after_another(self.now);
                }
            }
            Choice::Paste(pane, bytes) => self.paste_now(pane, &bytes, out),
            Choice::Read(host, why) => {
                let nothing = self.panes.values().all(|p| !p.is_live());
                if self.solo && nothing {
                    let host = crate::text::short(host.as_str(), 60);
                    out.push(Effect::Quit(Farewell::Failed(format!("{host}: {why}"))));
                }
            }
            Choice::StopDeploy(host) => self.stop_deploy(host, out),
            Choice::WithoutAgent(host) => self.without_agent(&host, out),
            Choice::Forward(host, spec) => out.push(Effect::Host(host, HostCommand::Forward(spec))),
            Choice::ForwardPort(host, port) => out.push(Effect::Host(host, HostCommand::ForwardPort(port))),
            Choice::Unforward(host, id) => out.push(Effect::Host(host, HostCommand::Unforward(id))),
            Choice::Hub(wish) => self.wish(*wish, out),
            Choice::Named(wish, text) => self.wish_named(*wish, text, out),
            Choice::Book(host, change) => self.save_form(host, change, out),
            Choice::Open(host, connection) => self.open_once(host, *connection, out),
            Choice::Forget(host, tag) => out.push(Effect::Host(host, HostCommand::Forget { tag })),
            Choice::List(host, what, field) => self.list_for_form(host, what, field, out),
            Choice::FillIn(field, text) => {
                if let Some(Layer::Form(form)) = self.layers.last_mut() {
                    form.fill_in(field, &text);
                }
            }
            Choice::Retry(hosts, panel) => self.retry(hosts, panel, out),
            Choice::Files(wish) => self.file_wish(*wish, out),
            Choice::Entered(naming, text) => self.entered(*naming, text, out),
            Choice::Watch(by) => {
                let spots = self.spots();
                if let Some(Layer::Monitor(panel)) = self.layers.last_mut()
                    && !spots.is_empty()
                {
                    let at = spots.iter().position(|s| *s == panel.spot).map_or(0, |at| at as i64 + by);
                    let at = at.rem_euclid(spots.len() as i64) as usize;
                    spots.get(at).cloned().into_iter().for_each(|spot| panel.go(spot));
                }
            }
            Choice::CopyText(text) => {
                self.say(format!("{} copied", crate::text::count(text.chars().count(), "character")));
                self.copied.clone_from(&text);
                out.push(Effect::Copy(text));
            }
            Choice::Leave(farewell) => {
                self.files.leaving = true;
                out.push(Effect::Quit(farewell));
            }
            Choice::Pane(n) => {
                let pane = self.tabs.active().and_then(|t| t.panes().get(n).copied());
                if let Some(pane) = pane {
                    self.go_to_pane(pane);
                }
            }
        }
    }

    /// A key for the focused pane.
    fn pane_key(&mut self, key: &Key, out: &mut Vec<Effect>) {
        let Some(id) = self.tabs.focused() else { return };
        let now = self.now;
        let Some(pane) = self.panes.get_mut(&id) else { return };
        if pane.selection.take().is_some() {
            self.dirty = true;
        }
        if pane.note.as_ref().is_some_and(|(since, _)| *since + NOTE <= now) {
            pane.note = None;
            self.dirty = true;
        }
        let name = word(&keys::simplified(key));
        if pane.scroll.is_some() && self.scroll_key(id, &name, out) {
            return;
        }
        let Some(pane) = self.panes.get(&id) else { return };
        match (&pane.stage, name.as_str()) {
            (Stage::Exited(_) | Stage::Gone { .. }, "x" | "q") => self.close_pane(id, out),
            // what ran is neither run again nor closed by an Enter that was meant for it
            (Stage::Gone { .. }, "Enter") if !pane.is_over() || pane.session.is_none() => self.revive(id, out),
            (Stage::Exited(_) | Stage::Gone { .. }, "r") => self.revive(id, out),
            (Stage::Gone { .. }, "w") if !pane.host.is_local() && !pane.is_unopened() => {
                let host = pane.host.clone();
                self.without_agent(&host, out);
                self.revive(id, out);
            }
            (Stage::Exited(_) | Stage::Gone { .. }, _) => {}
            _ => self.send_key(key, out),
        }
    }

    /// A key while looking back. False = it is for the program.
    fn scroll_key(&mut self, id: PaneId, name: &str, out: &mut Vec<Effect>) -> bool {
        let looked_at = self.panes.get(&id).and_then(|p| p.scroll.as_ref()).is_some_and(|s| !s.by_wheel);
        if looked_at && let Some(c) = command::while_looking_back(name) {
            self.run(c, out);
            return true;
        }
        let page = i64::from(self.pane_size(id).rows.max(2) - 1);
        let Some(pane) = self.panes.get_mut(&id) else { return false };
        let Some(scroll) = &pane.scroll else { return false };
        let (by_wheel, up) = (scroll.by_wheel, i64::try_from(scroll.up).unwrap_or(i64::MAX));
        let rows = match name {
            "PageUp" | "C-b" => page,
            "PageDown" | "C-f" => -page,
            "C-u" if !by_wheel => page / 2,
            "C-d" if !by_wheel => -page / 2,
            "Up" | "k" | "C-y" if !by_wheel => 1,
            "Down" | "j" | "C-e" if !by_wheel => -1,
            "g" | "Home" if !by_wheel => i64::MAX / 2,
            "G" | "End" if !by_wheel => -up,
            _ => {
                pane.scroll = None;
                self.dirty = true;
                return matches!(name, "q" | "Escape" | "C-c" | "Enter") || name == "Space";
            }
        };
        self.scroll(id, rows, by_wheel, out);
        true
    }

    /// Types a key into the focused pane.
    pub fn send_key(&mut self, key: &Key, out: &mut Vec<Effect>) {
        let Some(pane) = self.focused() else { return };
        let mut bytes = Vec::new();
        keys::encode(key, &pane.modes(), &mut bytes);
        let id = pane.id;
        self.pressed_in(id, key);
        self.send(id, &bytes, out);
    }

    pub(super) fn type_bytes(&mut self, bytes: &[u8]) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.layers.is_empty()
            && !self.tree.focused
            && let Some(id) = self.tabs.focused()
        {
            self.send(id, bytes, &mut out);
        }
        out
    }

    /// Bytes for a pane's program; before there is one they wait.
    pub(super) fn send(&mut self, id: PaneId, bytes: &[u8], out: &mut Vec<Effect>) {
        let now = self.now;
        let Some(pane) = self.panes.get_mut(&id) else { return };
        if bytes.is_empty() {
            return;
        }
        if pane.watch {
            self.say("only watching: nothing typed is sent");
            return;
        }
        pane.typed_at = Some(now);
        // in a flood the answer to a key comes with the next screen, and that only once the one here is drawn
        self.urgent |= pane.restored || pane.fed;
        match (&pane.stage, &pane.session) {
            (Stage::Live, Some(session)) => {
                let host = self.hosts.get(&pane.host);
                let lost = host.is_some_and(|h| h.silent || !matches!(h.state, HostState::Online { .. }));
                if lost {
                    self.dirty = true;
                    if host.is_some_and(|h| h.state.is_without_agent()) {
                        // this machine's session takes it all the same
                        pane.afloat = pane.afloat.saturating_add(bytes.len());
                    } else if echoes(pane.tty) && pane.held.len() < AHEAD {
                        pane.held.extend_from_slice(bytes);
                    }
                }
                let foresight = self.hosts.get(&pane.host).map_or(Foresight::Off, |h| h.foresight);
                if foresight == Foresight::Off || pane.scroll.is_some() {
                    pane.predict.unforeseen(bytes.len());
                } else {
                    pane.predict.typed(bytes, &pane.engine, now);
                    if pane.predict.is_shown() {
                        (self.dirty, self.urgent) = (true, true);
                    }
                }
                let count = pane.predict.count();
                let input = HostCommand::Input { session: session.clone(), bytes: bytes.to_vec(), count };
                out.push(Effect::Host(pane.host.clone(), input));
            }
            (Stage::Starting, _) if pane.ahead.len() + bytes.len() <= AHEAD => {
                pane.ahead.extend_from_slice(bytes);
                self.dirty |= !pane.host.is_local();
            }
            (Stage::Starting, _) => self.say("too much is typed before there is a session: the rest is not kept"),
            _ => {}
        }
    }

    pub(super) fn paste(&mut self, mut bytes: Vec<u8>, last: bool) -> Vec<Effect> {
        let whole = self.pasting.get_or_insert_default();
        if whole.len() + bytes.len() <= PASTE {
            whole.extend_from_slice(&bytes);
        }
        bytes.zeroize();
        let mut out = Vec::new();
        if !last {
            return out;
        }
        let mut whole = self.pasting.take().unwrap_or_default();
        let takes = self.layer_takes_keys(self.last_key);
        let covered = self.layers.iter_mut().any(|l| l.unasked().is_none());
        if takes == Takes::Drops || (takes == Takes::No && covered) {
            for layer in &mut self.layers {
                if let Layer::Picker(picker) = layer {
                    picker.spoil();
                }
            }
            return out;
        }
        if takes == Takes::Yes {
            self.dirty = true;
            match self.layers.last_mut() {
                Some(Layer::Browser) => self.browser_paste(&String::from_utf8_lossy(&whole)),
                Some(layer) => layer.paste(&whole),
                None => {}
            }
            whole.zeroize();
        } else if !self.tree.focused
            && let Some(id) = self.tabs.focused()
        {
            self.paste_into(id, whole, &mut out);
        }
        out
    }

    /// Pastes, after asking where every line would be run at once.
    pub fn paste_into(&mut self, id: PaneId, bytes: Vec<u8>, out: &mut Vec<Effect>) {
        let Some(pane) = self.panes.get_mut(&id) else { return };
        pane.scroll = None;
        pane.selection = None;
        let lines = bytes.iter().filter(|b| matches!(b, b'\n' | b'\r')).count();
        let risky = lines > 1 && pane.is_live() && !pane.modes().bracketed_paste && !pane.modes().alt_screen;
        self.dirty = true;
        if risky && self.settings.confirm {
            let text = format!("Paste {lines} lines? The program may run each of them at once.");
            self.layers.push(Layer::confirm(text, Choice::Paste(id, bytes)));
        } else {
            self.paste_now(id, &bytes, out);
        }
    }

    fn paste_now(&mut self, id: PaneId, bytes: &[u8], out: &mut Vec<Effect>) {
        let Some(pane) = self.panes.get(&id) else { return };
        let mut encoded = Vec::with_capacity(bytes.len() + 12);
        keys::encode_paste(bytes, &pane.modes(), &mut encoded);
        self.send(id, &encoded, out);
    }
}
