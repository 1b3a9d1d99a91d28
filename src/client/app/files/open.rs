//! Owns what opens from the browser: a file to be looked at, a shell in a directory.

use super::Effect;
use crate::client::app::App;
use crate::client::browser::viewer::Viewer;
use crate::client::errands::Errand;
use crate::client::files::Whose;
use crate::client::host::{HostCommand, HostId};
use crate::client::keymap::word;
use crate::client::layer::{Layer, Outcome};
use crate::client::pane::Pane;
use crate::client::view;
use crate::proto::control::connections::{Config, Connection, Docker};
use crate::proto::control::{FilePath, Place, SessionCreate};
use crate::term::input::Key;
use crate::term::keys;
use crate::text::short;

impl App {
    pub(super) fn view_file(&mut self, whose: &Whose, path: &FilePath, hex: Option<bool>, out: &mut Vec<Effect>) {
        let title = format!("{}: {path}", short(&whose.label, 40));
        let tag = self.errand(Errand::Read { whose: whose.clone(), path: path.clone() }, out);
        self.look_at(Viewer::new(title, hex, Some(tag)));
    }

    pub(super) fn look_at(&mut self, mut viewer: Viewer) {
        viewer.fit(view::viewer::columns(self.size));
        self.layers.push(Layer::Viewer(Box::new(viewer)));
    }

    /// The screen is another size.
    pub(in crate::client::app) fn fit_viewers(&mut self) {
        let columns = view::viewer::columns(self.size);
        for layer in &mut self.layers {
            if let Layer::Viewer(viewer) = layer {
                viewer.fit(columns);
            }
        }
    }

    pub(in crate::client::app) fn viewer_key(&mut self, key: &Key, out: &mut Vec<Effect>) {
        let room = usize::from(view::viewer::room(self.size));
        let key = &keys::simplified(key);
        let Some(Layer::Viewer(viewer)) = self.layers.last_mut() else { return };
        let outcome = viewer.key(key, &word(key), room);
        if let (Outcome::Close, Some(tag)) = (&outcome, viewer.tag) {
            out.push(Effect::Files(tag, Errand::Stop));
        }
        self.outcome(outcome, out);
    }

    /// Searches in files that are looked at go on.
    pub(in crate::client::app) fn seek_on(&mut self) {
        for layer in &mut self.layers {
            if let Layer::Viewer(viewer) = layer
                && viewer.is_seeking()
            {
                viewer.seek_on();
                self.dirty = true;
            }
        }
    }

    /// A shell of the column's host in its directory, in a tab of its own.
    pub(super) fn shell_there(&mut self, whose: Whose, path: FilePath, out: &mut Vec<Effect>) {
        let Ok(cwd) = String::from_utf8(path.as_bytes().to_vec()) else {
            return self.say("the directory's name is not UTF-8: no shell can be told to start there");
        };
        self.close_browser(out);
        let without = self.hosts.get(&whose.host).is_some_and(|h| h.state.is_without_agent());
        // of a host that is reached over SSH: a line for the login shell there
        let start = r#"cd -- "$1" && exec "${SHELL:-sh}" -l"#;
        let command = ["sh", "-c", start, "sh", &cwd].map(String::from).to_vec();
        let of = |id: &String| self.connection(&whose.host, id).is_some_and(|c| c.config.kind == "docker");
        let is_docker = whose.place.connection.as_ref().is_some_and(of);
        let create = match whose.place {
            place if place.is_here() && !without => SessionCreate { cwd, ..SessionCreate::default() },
            Place { docker: Some(docker), .. } => {
                // (it says itself where its programs begin)
                let docker = Docker { starting_directory: Some(cwd.clone()), command: None, ..*docker };
                let docker = Docker { mode: String::new(), ..docker };
                let config = Config::docker(&docker);
                let definition = Connection { name: whose.label.clone(), config, ..Connection::default() };
                SessionCreate { definition: Some(Box::new(definition)), ..SessionCreate::default() }
            }
            Place { connection: Some(connection), .. } if is_docker => {
                SessionCreate { connection: Some(connection), ..SessionCreate::default() }
            }
            Place { target, connection, ssh, .. } => {
                let definition = ssh.map(|ssh| {
                    let config = Config::ssh(&ssh);
                    Box::new(Connection { name: whose.label.clone(), config, ..Connection::default() })
                });
                SessionCreate { target, connection, definition, command, ..SessionCreate::default() }
            }
        };
        self.start_in_tab(whose.host, create, true, out);
    }

    /// A session in a tab of its own; returns the number of the wish.
    pub(in crate::client::app) fn start_in_tab(
        &mut self,
        host: HostId,
        create: SessionCreate,
        shell: bool,
        out: &mut Vec<Effect>,
    ) -> u64 {
        let pane = self.new_pane(host.clone());
        self.tabs.add_pane(pane);
        self.next_tag += 1;
        let (tag, size) = (self.next_tag, self.pane_size(pane));
        if let Some(p) = self.panes.get_mut(&pane) {
            let once = create.definition.is_some().then(|| Box::new(create.clone()));
            *p = Pane { tag: Some(tag), shell, once, ..Pane::new(pane, host.clone(), size) };
        }
        let from = create.connection.as_deref().and_then(|id| self.connection(&host, id));
        let asks = from.is_some_and(|c| c.config.kind == "ssh");
        let create = SessionCreate { size: Some(size), ..create };
        self.request(&host, HostCommand::Create { tag, create: Box::new(create), asks }, out);
        self.touch();
        self.look_at_panes();
        tag
    }
}
