//! Owns how the client begins, and the layout as it is kept on disk.

use super::{App, Effect, Settings};
use crate::client::host::HostId;
use crate::client::keymap::Keymap;
use crate::client::layout::Node;
use crate::client::pane::Stage;
use crate::client::tabs::Tabs;
use crate::client::tree::Tree;
use crate::proto::ids::{SessionId, Size};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The layout as it is kept: tabs, splits, which sessions.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Saved {
    pub version: u32,
    pub tabs: Vec<SavedTab>,
    pub active: usize,
    pub tree: Option<bool>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SavedTab {
    #[serde(default)]
    pub name: Option<String>,
    pub layout: Node<Leaf>,
    /// Which of the panes, in the layout's order, has the focus.
    #[serde(default)]
    pub focus: usize,
    #[serde(default)]
    pub zoomed: bool,
}

/// What a pane shows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Leaf {
    pub host: String,
    #[serde(default)]
    pub session: Option<SessionId>,
    /// Started as a plain shell.
    #[serde(default)]
    pub shell: bool,
}

/// One session, the whole screen.
#[derive(Clone, PartialEq, Debug)]
pub struct Solo {
    pub host: HostId,
    pub session: SessionId,
    pub watch: bool,
}

/// What the client starts with.
#[derive(Clone, Debug)]
pub struct Setup {
    pub settings: Settings,
    pub size: Size,
    pub solo: Option<Solo>,
    /// `thub HOST`.
    pub open_host: Option<HostId>,
    /// Names of ssh_config.
    pub known: Vec<String>,
    pub saved: Option<Saved>,
}

const VERSION: u32 = 1;

impl App {
    /// The client as it begins, and the first things it wants.
    pub fn new(setup: Setup) -> (App, Vec<Effect>) {
        let s = &setup.settings;
        let (keymap, wrong) = Keymap::new(s.preset, s.prefix.as_deref(), &s.keys);
        let mut app = App {
            keymap,
            solo: setup.solo.is_some(),
            size: setup.size,
            now: Duration::ZERO,
            clock: String::new(),
            unix: 0,
            hosts: BTreeMap::new(),
            known: setup.known,
            panes: BTreeMap::new(),
            tabs: Tabs::default(),
            tree: Tree::default(),
            layers: Vec::new(),
            message: None,
            sequence: None,
            repeat_until: None,
            copied: String::new(),
            drag: None,
            dirty: true,
            urgent: false,
            changed: false,
            opening: None,
            pasting: None,
            last_key: None,
            next_pane: 0,
            next_tag: 0,
            title: String::new(),
            gauges_of: None,
            outer_focus: true,
            focus_told: None,
            last_bell: None,
            settings: setup.settings,
        };
        let mut out = Vec::new();
        match setup.solo {
            Some(solo) => {
                let pane = app.new_pane(solo.host);
                app.tabs.add_pane(pane);
                app.attach(pane, solo.session, solo.watch, &mut out);
            }
            None => app.restore(setup.saved.unwrap_or_default(), setup.open_host, &mut out),
        }
        if let Some(first) = wrong.first() {
            app.say(first.clone());
        }
        app.settle(&mut out);
        (app, out)
    }

    fn restore(&mut self, saved: Saved, open_host: Option<HostId>, out: &mut Vec<Effect>) {
        // this machine is always there
        self.ensure(&HostId::local(), out);
        self.tree.open = saved.tree;
        let mut to_attach = Vec::new();
        for tab in saved.tabs {
            let layout = tab.layout.map(&mut |leaf: Leaf| {
                let host = HostId::new(leaf.host);
                if let Some(s) = &leaf.session
                    && self.pane_of(&host, s).is_some()
                {
                    return None;
                }
                let pane = self.new_pane(host);
                if let Some(p) = self.panes.get_mut(&pane) {
                    p.shell = leaf.shell;
                    p.session.clone_from(&leaf.session);
                }
                to_attach.push((pane, leaf.session));
                Some(pane)
            });
            let Some(layout) = layout else { continue };
            let panes = layout.panes();
            let focus = panes.get(tab.focus).copied().unwrap_or(panes[0]);
            let new = self.tabs.add(layout, focus, true);
            new.name = tab.name;
            new.zoomed = tab.zoomed;
        }
        self.tabs.go(saved.active);
        self.tabs.last = None;
        for (pane, session) in to_attach {
            match session {
                Some(session) => self.attach(pane, session, false, out),
                None => {
                    if let Some(p) = self.panes.get_mut(&pane) {
                        p.stage = Stage::Gone { why: "there was no session here yet".into(), ended: true };
                    }
                }
            }
        }
        match open_host {
            Some(host) => self.open_host(&host, out),
            None if self.tabs.list.is_empty() => self.new_tab(HostId::local(), out),
            None => {}
        }
        self.changed = false;
    }

    /// The layout to keep.
    pub fn saved(&self) -> Saved {
        let tabs = self.tabs.list.iter().filter_map(|tab| {
            let panes = tab.panes();
            let layout = tab.layout.clone().map(&mut |id| {
                let p = self.panes.get(&id)?;
                let session = p.session.clone();
                Some(Leaf { host: p.host.as_str().to_string(), session, shell: p.shell })
            })?;
            let focus = panes.iter().position(|p| *p == tab.focus).unwrap_or(0);
            Some(SavedTab { name: tab.name.clone(), layout, focus, zoomed: tab.zoomed })
        });
        Saved { version: VERSION, tabs: tabs.collect(), active: self.tabs.active, tree: self.tree.open }
    }
}
