//! Owns editing a file: a copy comes here, an editor opens in a tab, what it left is put back; where the file became another
//! one meanwhile a person is asked. Nothing edited is lost: what is not put back stays in its copy, and that is said.

use super::{After, Effect, FileWish};
use crate::client::app::App;
use crate::client::app::input::CALM;
use crate::client::browser::edits::{Edit, Keep, Left, Open};
use crate::client::browser::sized;
use crate::client::errands::Errand;
use crate::client::files::Whose;
use crate::client::host::HostId;
use crate::client::layer::picker::{Item, Picker};
use crate::client::layer::{Choice, Layer};
use crate::client::layout::PaneId;
use crate::client::pane::{Pane, Stage};
use crate::proto::control::SessionCreate;
use crate::proto::control::{FileInfo, FileKind, FilePath};
use crate::proto::ids::SessionId;
use crate::text::{count, short};
use std::path::PathBuf;

/// Larger ones are no matter for an editor: 64 MiB.
pub const MOST: u64 = 64 << 20;

impl App {
    pub(super) fn fetch_to_edit(&mut self, whose: Whose, dir: FilePath, info: FileInfo, out: &mut Vec<Effect>) {
        if info.size > MOST {
            return self.say(format!("{} is too much to be edited (64M is the most)", sized(info.size)));
        }
        if info.kind == FileKind::Other {
            return self.say("it is no file: nothing to be edited");
        }
        let same = |o: &&Open| o.edit.whose == whose && o.edit.dir == dir && o.edit.name == info.name;
        let found = self.files.edits.iter().find(same);
        match found.and_then(|o| o.left.as_ref()) {
            Some(Left::Going) => return self.say("what was edited is on its way back still"),
            Some(_) => return self.ask_what_waits(),
            None => {}
        }
        let open = found.and_then(|o| o.session.clone());
        if let Some(pane) = open.and_then(|session| self.pane_of(&HostId::local(), &session)) {
            self.close_browser(out);
            self.go_to_pane(pane);
            return self.say("it is being edited already");
        }
        self.stop_fetching(out);
        let tag = self.errand(Errand::Fetch { whose, dir, name: info.name }, out);
        self.files.after.insert(tag, After::Edit);
        self.files.fetching = Some((tag, self.deeds));
    }

    /// A file that is on its way to be edited stays where it is. True = there was one.
    pub(super) fn stop_fetching(&mut self, out: &mut Vec<Effect>) -> bool {
        let Some((tag, _)) = self.files.fetching.take() else { return false };
        if self.files.after.remove(&tag).is_some() {
            out.push(Effect::Files(tag, Errand::Stop));
        }
        true
    }

    /// The copy is here: an editor opens it, in a tab of this machine.
    pub(super) fn edit_fetched(&mut self, edit: Box<Edit>, out: &mut Vec<Effect>) {
        // (nobody who does something else by now finds himself in an editor)
        let still = self.files.fetching.take().is_some_and(|(_, deeds)| deeds == self.deeds);
        if !still || !self.looks_at_browser() {
            self.say(format!(
                "'{}' is ready, but you went on: e once more edits it",
                short(&edit.name.to_string(), 60)
            ));
            self.errand(Errand::Forget { copy: edit.copy }, out);
            return;
        }
        self.close_browser(out);
        const EDITOR: &str = "exec ${VISUAL:-${EDITOR:-vi}} \"$1\"";
        let copy = edit.copy.to_string_lossy().into_owned();
        let command = ["/bin/sh", "-c", EDITOR, "edit", &copy].map(String::from).to_vec();
        let name = crate::proto::ids::check_name(&edit.name.to_string()).ok().map(|()| format!("edit {}", edit.name));
        let name = name.filter(|n| crate::proto::ids::check_name(n).is_ok());
        let create = SessionCreate { command, name, ..SessionCreate::default() };
        let tag = self.start_in_tab(HostId::local(), create, false, out);
        self.files.edits.push(Open { starting: Some(tag), session: None, left: None, edit: *edit });
    }

    /// An editor's session is there, or could not be started.
    pub(in crate::client::app) fn edit_started(&mut self, tag: u64, session: Option<&SessionId>) {
        let Some(at) = self.files.edits.iter().position(|o| o.starting == Some(tag)) else { return };
        match (session, self.files.edits.get_mut(at)) {
            (Some(session), Some(open)) => (open.starting, open.session) = (None, Some(session.clone())),
            _ => {
                self.files.edits.remove(at);
            }
        }
    }

    /// A session ended: true where it was an editor's, whose pane goes with it.
    pub(in crate::client::app) fn edit_ended(
        &mut self,
        session: &SessionId,
        code: Option<i32>,
        out: &mut Vec<Effect>,
    ) -> bool {
        let Some(at) = self.files.edits.iter().position(|o| o.session.as_ref() == Some(session)) else { return false };
        let Some(open) = self.files.edits.get_mut(at) else { return false };
        (open.session, open.left) = (None, Some(Left::Going));
        let edit = Box::new(open.edit.clone());
        let pane = self.pane_of(&HostId::local(), session);
        if code != Some(0) {
            self.files.edits.remove(at);
            // (what it says can be read in its pane)
            let copy = short(&edit.copy.to_string_lossy(), 200);
            self.say_long(format!("the editor failed: nothing was put back; the copy is {copy}"));
            return false;
        }
        if let Some(pane) = pane {
            self.close_editor(pane, out);
        }
        self.put_back(edit, Keep::Unless, out);
        true
    }

    fn close_editor(&mut self, pane: PaneId, out: &mut Vec<Effect>) {
        let looks = self.tabs.focused() == Some(pane) && self.layers.is_empty() && !self.tree.focused;
        self.close_pane(pane, out);
        // who looks at it goes back to where the file was chosen
        if self.files.browser.is_some() && looks {
            self.layers.push(Layer::Browser);
            if let Some(browser) = &mut self.files.browser {
                browser.calm = Some(self.now + CALM);
            }
            for side in 0..2 {
                self.read_again(side, None, out);
            }
        }
    }

    /// Sessions of this machine were told. At first what clients before this one have left of edits is looked for; then
    /// what becomes of an edit whose editor ended in no pane.
    pub(in crate::client::app) fn look_for_edits(&mut self, out: &mut Vec<Effect>) {
        if !self.solo && !self.files.looked_for_edits {
            self.files.looked_for_edits = true;
            let open = self.editors().into_iter().map(|(copy, _)| copy).collect();
            self.errand_then(Errand::LeftEdits { open }, After::LeftEdits, out);
        }
        if self.files.edits.is_empty() {
            return;
        }
        let editors = self.editors();
        let begins = |p: &&Pane| matches!(p.stage, Stage::Starting | Stage::Live);
        let shown: Vec<SessionId> = self.panes.values().filter(begins).filter_map(|p| p.session.clone()).collect();
        let runs = |session: &SessionId| shown.contains(session) || editors.iter().any(|(_, s)| s == session);
        let edits = self.files.edits.iter().filter_map(|o| o.session.clone());
        for session in edits.filter(|session| !runs(session)).collect::<Vec<_>>() {
            let told =
                self.hosts.get(&HostId::local()).and_then(|h| h.sessions.iter().find(|s| s.id == session.as_str()));
            if told.is_some_and(|info| info.exit_code == Some(0)) {
                self.edit_ended(&session, Some(0), out);
                continue;
            }
            let open = self.files.edits.iter_mut().find(|o| o.session.as_ref() == Some(&session));
            if let Some(open) = open {
                (open.session, open.left) = (None, Some(Left::Stayed));
                let name = short(&open.edit.name.to_string(), 60);
                self.say_long(format!("'{name}' was edited and not put back: the file browser asks"));
            }
        }
    }

    /// What the editors of this machine may have open, by the last word of their commands.
    fn editors(&self) -> Vec<(PathBuf, SessionId)> {
        let sessions = self.hosts.get(&HostId::local()).map(|h| h.sessions.as_slice()).unwrap_or_default();
        let over = |p: &Pane| matches!(p.stage, Stage::Exited(_));
        let live = sessions.iter().filter(|s| {
            let pane = self.panes.values().find(|p| p.session.as_ref().is_some_and(|id| id.as_str() == s.id));
            !matches!(s.state.as_str(), "exited" | "lost") && !pane.is_some_and(over)
        });
        live.filter_map(|s| Some((PathBuf::from(s.command.last()?), s.id.parse().ok()?))).collect()
    }

    /// Edits of clients that are gone: one whose editor runs still goes on as if nothing had been.
    pub(super) fn edits_left(&mut self, edits: Vec<Edit>) {
        let editors = self.editors();
        let mut stayed = Vec::new();
        for edit in edits {
            let session = editors.iter().find(|(copy, _)| *copy == edit.copy).map(|(_, session)| session.clone());
            let left = session.is_none().then_some(Left::Stayed);
            if left.is_some() {
                stayed.push(short(&edit.name.to_string(), 60));
            }
            self.files.edits.push(Open { starting: None, session, left, edit });
        }
        let said = match stayed.as_slice() {
            [] => return,
            [one] => format!("'{one}' was edited and not put back"),
            many => format!("{} were edited and not put back", count(many.len(), "file")),
        };
        if self.looks_at_browser() {
            return self.ask_what_waits();
        }
        self.say_long(format!("{said}: the file browser asks"));
    }

    /// The edit that has this copy.
    fn edit_of(&mut self, edit: &Edit) -> Option<&mut Open> {
        self.files.edits.iter_mut().find(|o| o.edit.copy == edit.copy)
    }

    /// Nothing of it is to be done any more.
    pub(super) fn edit_is_over(&mut self, edit: &Edit) {
        self.files.edits.retain(|o| o.edit.copy != edit.copy);
    }

    pub(super) fn give_up_edit(&mut self, edit: &Edit) {
        self.edit_is_over(edit);
        self.say_long(format!("what was edited stays in {}", short(&edit.copy.to_string_lossy(), 200)));
    }

    /// It did not get there: it is asked about when the browser is opened next.
    pub(super) fn not_put_back(&mut self, edit: &Edit, why: &str) {
        let (why, copy) = (short(why, 200), short(&edit.copy.to_string_lossy(), 200));
        if let Some(open) = self.edit_of(edit) {
            open.left = Some(Left::Failed(why.clone()));
        }
        self.say_long(format!("not put back: {why}; what was edited is in {copy}; the file browser can try again"));
    }

    pub(super) fn put_back(&mut self, edit: Box<Edit>, keep: Keep, out: &mut Vec<Effect>) {
        if keep == Keep::Theirs {
            self.edit_is_over(&edit);
            let copy = edit.copy.clone();
            self.errand(Errand::Forget { copy }, out);
            return self.say(format!("'{}' is as it is there", short(&edit.name.to_string(), 60)));
        }
        if let Some(open) = self.edit_of(&edit) {
            open.left = Some(Left::Going);
        }
        self.ensure(&edit.whose.host.clone(), out);
        self.errand_then(Errand::PutBack { edit: edit.clone(), keep }, After::PutBack(edit), out);
    }

    /// Somebody else changed the file while it was edited here: who is in the browser is asked, else whoever opens it next.
    pub(super) fn differs(&mut self, edit: Box<Edit>, now: Option<Box<FileInfo>>) {
        if let Some(open) = self.edit_of(&edit) {
            open.left = Some(Left::Differs(now.clone()));
        }
        if self.looks_at_browser() {
            return self.ask_what_to_keep(edit, now);
        }
        let name = short(&edit.name.to_string(), 60);
        self.say_long(format!("'{name}' was changed meanwhile: the file browser asks what to keep"));
    }

    /// What is still to be asked is; what is not answered is asked again when the browser is opened next.
    pub(super) fn ask_what_waits(&mut self) {
        let left = |o: &Open| Some((Box::new(o.edit.clone()), o.left.clone()?));
        for (edit, left) in self.files.edits.iter().filter_map(left).collect::<Vec<_>>() {
            match left {
                Left::Going => {}
                Left::Differs(now) => self.ask_what_to_keep(edit, now),
                Left::Failed(why) => self.ask_to_put_back_again(edit, why),
                Left::Stayed => self.ask_what_stayed(edit),
            }
        }
    }

    /// Of a client before this one.
    fn ask_what_stayed(&mut self, edit: Box<Edit>) {
        let item = |text: &str, aside: String, wish| Item {
            text: text.into(),
            aside,
            label: None,
            choice: Choice::Files(Box::new(wish)),
        };
        let was = format!("was {} of {}", sized(edit.was.size), self.moment(edit.was.mtime_ms));
        let items = vec![
            item("put it back", was, FileWish::Keep(edit.clone(), Keep::Unless)),
            item("leave it: the next start asks again", String::new(), FileWish::GiveUp(edit.clone())),
            item(
                "delete it: what was edited is thrown away",
                String::new(),
                FileWish::Keep(edit.clone(), Keep::Theirs),
            ),
        ];
        let (name, of) = (short(&edit.name.to_string(), 40), short(&edit.whose.label, 40));
        let picker = Picker::new(format!("'{name}' of {of} was edited and not put back"), items).wide();
        self.layers.push(Layer::Picker(picker.in_calm(self.now)));
    }

    fn ask_to_put_back_again(&mut self, edit: Box<Edit>, why: String) {
        let item = |text: &str, aside: String, wish| Item {
            text: text.into(),
            aside,
            label: None,
            choice: Choice::Files(Box::new(wish)),
        };
        let items = vec![
            item("try again", why, FileWish::Keep(edit.clone(), Keep::Unless)),
            item("save mine beside it, under another name", String::new(), FileWish::Keep(edit.clone(), Keep::Beside)),
            item("leave it in its copy on this machine", String::new(), FileWish::GiveUp(edit.clone())),
        ];
        let name = short(&edit.name.to_string(), 40);
        let picker = Picker::new(format!("'{name}' was edited and not put back"), items).wide();
        self.layers.push(Layer::Picker(picker.in_calm(self.now)));
    }

    fn ask_what_to_keep(&mut self, edit: Box<Edit>, now: Option<Box<FileInfo>>) {
        let theirs = match &now {
            Some(info) => format!("{} of {}", sized(info.size), self.moment(info.mtime_ms)),
            None => "it is gone".into(),
        };
        let was = format!("was {} of {}", sized(edit.was.size), self.moment(edit.was.mtime_ms));
        let item = |text: &str, aside: String, keep| Item {
            text: text.into(),
            aside,
            label: None,
            choice: Choice::Files(Box::new(FileWish::Keep(edit.clone(), keep))),
        };
        let items = vec![
            item("save mine beside it, under another name", String::new(), Keep::Beside),
            item("keep mine: what is there is replaced", was, Keep::Mine),
            item("keep theirs: what was edited here is thrown away", theirs, Keep::Theirs),
        ];
        let name = short(&edit.name.to_string(), 40);
        let picker = Picker::new(format!("'{name}' was changed by somebody else"), items).wide();
        self.layers.push(Layer::Picker(picker.in_calm(self.now)));
    }
}
