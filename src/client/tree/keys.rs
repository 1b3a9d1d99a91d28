//! Owns what keys and clicks do in the tree. Leaves out what becomes of connections (`app/hub.rs`).

use super::deeds::{Act, DEEDS};
use super::{Place, host_text};
use crate::client::app::hub::Wish;
use crate::client::app::{App, Effect, Target};
use crate::client::host::{HostCommand, HostId, HostState};
use crate::client::keymap::{act_of, shown, word};
use crate::client::layer::field::Field;
use crate::client::layer::monitor::Panel;
use crate::client::layer::picker::{Item, Picker};
use crate::client::layer::{Choice, Layer};
use crate::client::layout::Dir;
use crate::proto::ids::SessionId;
use crate::term::input::{Button, Key};
use crate::text::short;
use ratatui::layout::Rect;
use std::time::Duration;

/// A second click within this is a double click.
const DOUBLE: Duration = Duration::from_millis(400);

impl App {
    pub(in crate::client) fn tree_step(&mut self, by: i64) {
        let rows = self.tree_rows();
        let at = self.tree_index(&rows) as i64 + by;
        let at = at.clamp(0, rows.len().max(1) as i64 - 1) as usize;
        self.tree.chosen = rows.get(at).map(|r| r.place.clone());
    }

    /// A key for the filter's line. False = it is for the rows.
    fn filter_key(&mut self, key: &Key, name: &str) -> bool {
        let Some(field) = self.tree.filter.as_mut().filter(|_| self.tree.typing) else { return false };
        match name {
            "Escape" | "C-c" => (self.tree.filter, self.tree.typing) = (None, false),
            "Enter" | "Down" | "Tab" => {
                self.tree.typing = false;
                if field.text().is_empty() {
                    self.tree.filter = None;
                }
            }
            "Backspace" if field.text().is_empty() => (self.tree.filter, self.tree.typing) = (None, false),
            // they choose among what is there already
            "Up" | "PageUp" | "PageDown" => return false,
            _ => {
                // (no other key has its meaning for the rows: somebody is typing)
                if !field.key(key, name) {
                    return true;
                }
                // the first that matches by itself is chosen
                let text = field.text().to_lowercase();
                let rows = self.tree_rows();
                let first = rows.iter().find(|r| r.text.to_lowercase().contains(&text)).or(rows.first());
                self.tree.chosen = first.map(|r| r.place.clone());
            }
        }
        true
    }

    pub(in crate::client) fn tree_key(&mut self, key: &Key, out: &mut Vec<Effect>) {
        let name = word(key);
        (self.tree.awaited, self.tree.making) = (None, None);
        if self.filter_key(key, &name) {
            return;
        }
        match name.as_str() {
            "Up" | "k" => self.tree_step(-1),
            "Down" | "j" => self.tree_step(1),
            "PageUp" => self.tree_step(-10),
            "PageDown" => self.tree_step(10),
            "Home" | "g" => self.tree_step(-100_000),
            "End" | "G" => self.tree_step(100_000),
            "Escape" if self.tree.filter.is_some() => self.tree.filter = None,
            "Escape" if !self.tree.selected.is_empty() => self.tree.selected.clear(),
            // it lies over the tree
            "Escape" if crate::client::view::detail::covers(self) => self.tree.detail = None,
            // as the hint of the empty screen says
            "d" if self.tabs.list.is_empty() => {
                out.push(Effect::Quit(crate::client::app::Farewell::Detached));
            }
            name => {
                if let Some(act) = act_of(DEEDS, name) {
                    self.tree_act(act, out);
                }
            }
        }
    }

    /// Does it with the chosen row.
    pub(in crate::client) fn tree_act(&mut self, act: Act, out: &mut Vec<Effect>) {
        match act {
            Act::Filter => {
                self.tree.filter.get_or_insert_with(Field::default);
                self.tree.typing = true;
                return;
            }
            Act::Sort => {
                self.tree.by_name = !self.tree.by_name;
                return self.say(if self.tree.by_name { "the tree is by name" } else { "the tree is as it is kept" });
            }
            Act::SelectNone => return self.tree.selected.clear(),
            Act::Detail => return self.tree_detail(),
            Act::Help => return self.tree_help(),
            Act::Leave if !self.tabs.list.is_empty() => return self.look_at_panes(),
            Act::Leave => return,
            _ => {}
        }
        let rows = self.tree_rows();
        let Some(row) = rows.get(self.tree_index(&rows)).cloned() else { return };
        let place = row.place.clone();
        match act {
            Act::Open if !self.tree.selected.is_empty() => self.open_selected(out),
            Act::Open => self.tree_open(&place, out),
            Act::Beside => self.open_all_beside(&place, Dir::Row, out),
            Act::Below => self.open_all_beside(&place, Dir::Column, out),
            Act::Fold => self.fold(&place, out),
            Act::Select => {
                if !self.tree.selected.remove(&place) && !matches!(place, Place::Known) {
                    self.tree.selected.insert(place);
                }
                self.tree_step(1);
            }
            Act::Out => match row.fold {
                Some(true) if !self.tree.is_filtered() => self.fold(&place, out),
                // to what it lies in
                _ => {
                    let at = self.tree_index(&rows);
                    let above = rows.iter().take(at).rev().find(|r| r.depth < row.depth);
                    self.tree.chosen = above.map(|r| r.place.clone()).or(Some(place));
                }
            },
            Act::In => match row.fold {
                Some(false) => self.fold(&place, out),
                _ => self.tree_step(1),
            },
            Act::Start => {
                let host = place.host().cloned().unwrap_or_else(HostId::local);
                self.start_menu(host);
            }
            Act::Shell => match place {
                Place::Connection(host, id) => self.open_connection(&host, &id, out),
                // (nothing runs on a file)
                Place::Host(host) | Place::Folder(host, _) if self.teams.contains_key(&host) => {}
                Place::Host(host) | Place::Session(host, _) | Place::Folder(host, _) => self.new_tab(host, out),
                Place::Known => {}
            },
            Act::End if !self.tree.selected.is_empty() => self.ask_to_kill_selected(out),
            Act::End => match place {
                Place::Session(host, session) => self.ask_to_kill(host, session, out),
                Place::Host(host) if !host.is_local() && !self.teams.contains_key(&host) => self.let_go(&host, out),
                Place::Connection(host, id) => self.ask_to_kill_of(&host, &id, out),
                _ => {}
            },
            Act::EndAll => match place {
                Place::Host(host) if !self.teams.contains_key(&host) => self.ask_to_kill_all_of(&host, out),
                Place::Connection(host, id) => self.ask_to_kill_of(&host, &id, out),
                _ => {}
            },
            Act::Serial if self.can(act, &place) => self.new_serial(&place),
            Act::Serial => {}
            Act::Monitor => match self.spot_of_row(&place, true) {
                Some(spot) => self.layers.push(Layer::Monitor(Box::new(Panel::new(spot)))),
                None => self.say("there are no gauges of that"),
            },
            Act::Rename => match place {
                Place::Session(host, session) => {
                    let name = self.hosts.get(&host).and_then(|h| h.session(&session)).map(|i| i.name.clone());
                    self.layers.push(Layer::rename_session(host, session, name.unwrap_or_default()));
                }
                Place::Host(host) | Place::Folder(host, _) if self.is_theirs(&host) => {}
                Place::Host(host) => self.reconnect(host, out),
                Place::Folder(host, id) => self.rename_folder(host, id),
                Place::Connection(host, id) => self.edit_connection(&host, &id),
                Place::Known => {}
            },
            act => self.hub_act(act, &place, out),
        }
    }

    /// Shows the panel of what is chosen, or hides it.
    fn tree_detail(&mut self) {
        let shown = crate::client::view::detail::is_shown(self);
        self.tree.detail = Some(!shown);
        self.dirty = true;
        if shown || self.detailed().is_some() {
            return;
        }
        // (a row of which there is nothing to tell, or no room on the whole screen)
        if !crate::client::view::detail::is_shown(self) {
            self.tree.detail = None;
            self.say("there is no room for it here");
        } else {
            self.say("hosts and connections have a panel: choose one of them");
        }
    }

    /// The tree's keys; the one that is chosen is done.
    fn tree_help(&mut self) {
        let narrow = self.size.cols < 80;
        let wide = if narrow { 9 } else { 13 };
        let item = |keys: String, doc: &str, choice| Item {
            text: format!("{keys:<wide$} {doc}"),
            aside: String::new(),
            label: Some(format!("{keys} {doc}")),
            choice,
        };
        let deeds = DEEDS.iter().map(|d| item(d.shown(), d.doc, Choice::Hub(Box::new(Wish::Tree(d.act)))));
        let mut items: Vec<Item> = deeds.collect();
        let moves = ["Up", "Down", "PgUp", "g", "G"].map(shown).join(" ");
        items.push(item(moves, "move", Choice::Hub(Box::new(Wish::Tree(Act::Help)))));
        self.layers.push(Layer::Picker(Picker::new("the tree's keys (Enter does it)", items)));
        self.dirty = true;
    }

    /// Shows or hides what lies in it. A folder's state is kept where the folder is. Not while something is looked for: then
    /// all that matches is shown, and what was changed could not be seen.
    pub(in crate::client) fn fold(&mut self, place: &Place, out: &mut Vec<Effect>) {
        if self.tree.is_filtered() {
            return self.say("nothing is folded while it is looked for: Esc shows everything again");
        }
        match place {
            Place::Folder(host, id) => self.fold_folder(host, id, out),
            _ => self.tree.flip(place),
        }
    }

    fn tree_open(&mut self, place: &Place, out: &mut Vec<Effect>) {
        match place {
            Place::Session(host, session) => self.go(Target::Session(host.clone(), session.clone()), out),
            Place::Host(host) if self.is_online(host) || self.teams.contains_key(host) => self.fold(place, out),
            Place::Host(host) => self.go(Target::Host(host.clone()), out),
            Place::Connection(host, id) => self.open_connection(host, id, out),
            Place::Folder(..) | Place::Known => self.fold(place, out),
        }
    }

    pub(in crate::client) fn ask_to_kill(&mut self, host: HostId, session: SessionId, out: &mut Vec<Effect>) {
        let info = self.hosts.get(&host).and_then(|h| h.session(&session));
        let alive = info.is_none_or(|i| i.is_alive());
        let name = info.map_or_else(|| session.to_string(), |i| short(i.label(), 40));
        if alive && self.settings.confirm {
            let text = format!("End '{name}' on {}?", host_text(&host));
            self.layers.push(Layer::confirm(text, Choice::Kill(host, session)));
        } else {
            self.end_session(&host, session, out);
        }
    }

    /// Lets go of a host's link where no pane shows a session of it; of one that is offline, takes it out of the tree.
    pub(in crate::client) fn let_go(&mut self, host: &HostId, out: &mut Vec<Effect>) {
        if self.panes.values().any(|p| p.host == *host) {
            self.say(format!("{} is shown in panes: close them first", host_text(host)));
        } else if self.hosts.get(host).is_some_and(|h| h.state == HostState::Offline) {
            let before = self.rows_before();
            self.hosts.remove(host);
            self.follow_rows(&before);
            self.touch();
            self.say(format!("{} is listed no longer; what runs there goes on", host_text(host)));
        } else {
            out.push(Effect::Host(host.clone(), HostCommand::Disconnect));
        }
    }

    pub(in crate::client) fn tree_click(&mut self, area: Rect, button: Button, x: u16, y: u16, out: &mut Vec<Effect>) {
        let rows = self.tree_rows();
        let list = crate::client::view::tree::list_area(self, area);
        let first = crate::client::view::tree::first_row(list, self.tree_index(&rows));
        self.tree.focused = true;
        self.tree.typing = false;
        let inside = y >= list.y && y < list.bottom();
        let Some(row) = rows.get(first + usize::from(y.saturating_sub(list.y))).filter(|_| inside) else { return };
        let place = row.place.clone();
        let again = self.tree.clicked.take().is_some_and(|(at, when)| at == place && self.now < when + DOUBLE);
        self.tree.chosen = Some(place.clone());
        if button == Button::Right {
            return self.menu(&place);
        }
        let on_fold = row.fold.is_some() && x < list.x + row.depth * 2 + 2;
        match &place {
            // what opens something new does so on the second click
            Place::Connection(..) if !again => {
                if on_fold {
                    self.fold(&place, out);
                } else {
                    self.tree.clicked = Some((place, self.now));
                }
            }
            _ => self.tree_open(&place, out),
        }
    }
}
