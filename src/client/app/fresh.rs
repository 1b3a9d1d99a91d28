//! Owns starting something new from anywhere: the menu of kinds, the form that opens once or keeps, what a host has for its
//! fields. Leaves out the form itself (`layer/form`), and where sessions go once they run (`open.rs`).

use super::{App, Effect};
use crate::client::app::hub::Wish;
use crate::client::host::{HostCommand, HostId};
use crate::client::layer::form::{Form, Listing, Spot};
use crate::client::layer::picker::{Item, Picker};
use crate::client::layer::{Choice, Layer};
use crate::client::layout::PaneId;
use crate::client::tree::host_text;
use crate::proto::control::connections::Connection;
use crate::proto::control::{SessionCreate, SessionInfo};
use crate::proto::ids::SessionId;
use crate::text::{escape, short};

/// What can be started, each with its key and what a form of it is.
const KINDS: [(&str, &str, &str); 6] = [
    ("shell", "s", ""),
    ("command", "c", "local"),
    ("SSH target", "t", "ssh"),
    ("serial port", "p", "serial"),
    ("container", "d", "docker"),
    ("telnet host", "n", "telnet"),
];

impl App {
    /// The menu of what can be started on a host.
    pub(in crate::client) fn start_menu(&mut self, host: HostId) {
        let host = self.runs_on(&host);
        let wish = |kind: &'static str| match kind {
            "" => Wish::Shell(host.clone()),
            kind => Wish::Start(host.clone(), Some(kind)),
        };
        let item = |text: &str, key: &str, wish| Item {
            text: text.into(),
            aside: key.into(),
            label: None,
            choice: Choice::Hub(Box::new(wish)),
        };
        let mut items: Vec<Item> = KINDS.iter().map(|(text, key, kind)| item(text, key, wish(kind))).collect();
        items.push(item("on another host ...", "h", Wish::StartWhere));
        let title = format!("new on {} (a key, or / to search)", host_text(&host));
        self.layers.push(Layer::Picker(Picker::new(title, items).by_key()));
        self.dirty = true;
    }

    /// Which host the menu is to be for. One that is away is connected once something is started there.
    pub(super) fn ask_start_where(&mut self) {
        let known = self.known.iter().map(HostId::new).filter(|h| !self.hosts.contains_key(h));
        let all: Vec<HostId> = self.hosts.keys().cloned().chain(known).collect();
        let item = |host: &HostId| Item {
            text: host_text(host),
            aside: self.hosts.get(host).map(|h| crate::client::tree::state_text(h, self.now)).unwrap_or_default(),
            label: None,
            choice: Choice::Hub(Box::new(Wish::Start(host.clone(), None))),
        };
        let items = all.iter().map(item).collect();
        self.layers.push(Layer::Picker(Picker::new("new on which host?", items)));
    }

    pub(super) fn start_form(&mut self, host: HostId, kind: &'static str) {
        let book = self.book(&host);
        let all = book.map_or(&[][..], |book| &book.connections);
        let folders = book.into_iter().flat_map(|b| b.folders.iter().map(|f| (b.path(f), f.id.clone())));
        let field = (kind == "local").then_some("command");
        let form = Form::open(host.clone(), kind, field, all, folders.collect());
        self.layers.push(Layer::Form(Box::new(form)));
        self.dirty = true;
    }

    /// What a form says is started; the form stays until it runs.
    pub(super) fn open_once(&mut self, host: HostId, connection: Connection, out: &mut Vec<Effect>) {
        self.next_tag += 1;
        let tag = self.next_tag;
        let asks = connection.asks();
        let create =
            SessionCreate { size: Some(self.size), definition: Some(Box::new(connection)), ..SessionCreate::default() };
        if let Some(Layer::Form(form)) = self.layers.last_mut() {
            form.saving = Some(tag);
        }
        self.request(&host, HostCommand::Create { tag, create: Box::new(create), asks }, out);
        self.dirty = true;
    }

    /// What became of that; none = it was, and nothing is left to be done.
    pub(super) fn opened_once(
        &mut self,
        host: &HostId,
        tag: u64,
        made: Result<(SessionId, Box<SessionInfo>), String>,
        out: &mut Vec<Effect>,
    ) -> Option<Result<(SessionId, Box<SessionInfo>), String>> {
        let form = self.layers.iter().position(|l| matches!(l, Layer::Form(f) if f.opens && f.saving == Some(tag)));
        let Some(at) = form else { return Some(made) };
        self.dirty = true;
        match made {
            Ok((session, info)) => {
                let Layer::Form(form) = self.layers.remove(at) else { return None };
                let pane = self.pane_at_spot(host.clone(), form.spot());
                if let Some(p) = self.panes.get_mut(&pane) {
                    p.info = Some(info);
                }
                self.attach(pane, session, false, out);
                self.touch();
                self.look_at_panes();
            }
            Err(why) => {
                if let Some(Layer::Form(form)) = self.layers.get_mut(at) {
                    form.saving = None;
                    form.failed = Some(short(&why, 400));
                }
            }
        }
        None
    }

    /// One that was kept a moment ago is opened.
    pub(super) fn open_kept(&mut self, host: &HostId, id: String, form: &Form, out: &mut Vec<Effect>) {
        let pane = self.pane_at_spot(host.clone(), form.spot());
        self.start_new(pane, id, form.asks(), out);
        self.look_at_panes();
    }

    fn pane_at_spot(&mut self, host: HostId, spot: Spot) -> PaneId {
        let split = match spot {
            Spot::Split(dir) if !self.tabs.list.is_empty() && self.has_room(dir) => Some(dir),
            Spot::Split(_) | Spot::Tab => None,
        };
        let pane = self.new_pane(host);
        match split {
            Some(dir) => self.tabs.add_beside(pane, dir),
            None => drop(self.tabs.add_pane(pane)),
        }
        pane
    }

    /// Asks a host what it has for a field of the form on top.
    pub(super) fn list_for_form(&mut self, host: HostId, what: Listing, field: &'static str, out: &mut Vec<Effect>) {
        self.next_tag += 1;
        let mut socket = None;
        if let Some(Layer::Form(form)) = self.layers.last_mut() {
            form.listing = Some((self.next_tag, field));
            socket = form.said("socket").map(str::to_string);
        }
        let tag = self.next_tag;
        self.request(&host, HostCommand::Offer { tag, what, socket }, out);
        self.dirty = true;
    }

    /// It is chosen from; what is typed in the form stays as it is until then.
    pub(super) fn offered(&mut self, tag: u64, result: Result<Vec<(String, String)>, String>) {
        // (who has left the form, or sees something else by now, chooses nothing)
        let Some(Layer::Form(form)) = self.layers.last_mut() else { return };
        let Some((_, field)) = form.listing.take_if(|(asked, _)| *asked == tag) else { return };
        self.dirty = true;
        match result {
            Ok(all) if all.is_empty() => form.failed = Some("there is none there: type it where one is to come".into()),
            Ok(all) => {
                let item = |(value, about): (String, String)| Item {
                    text: escape(&value),
                    aside: short(&about, 60),
                    label: None,
                    choice: Choice::FillIn(field, value),
                };
                let title = format!("what {} has", host_text(&form.host));
                let items = all.into_iter().map(item).collect();
                self.layers.push(Layer::Picker(Picker::new(title, items).wide()));
            }
            Err(why) => form.failed = Some(short(&why, 400)),
        }
    }
}

#[cfg(test)]
mod tests;
