//! Owns the saved window: which tabs and panes a TUI showed, each window in a file of its own, with what it was
//! before. Leaves out the live split tree (`client::layout`), from and to which the client translates.
//!
//! In the state dir: `layout-N.json`, its generations `layout-N.json.1` to `.3` (1 the youngest), and
//! `layout-N.lock`, locked by the TUI whose window it is for as long as it lives.

use super::file::{Loaded, Store, Stored};
use crate::failure::Failure;
use crate::safedir::SafeDir;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::File;

/// Most windows of one user at a time.
pub const MOST_WINDOWS: usize = 100;
/// Most tabs, and most panes of one, that are taken from a file.
pub const MOST_TABS: usize = 1000;
pub const MOST_PANES: usize = 1000;
/// Most hosts that a tree keeps.
pub const MOST_HOSTS: usize = 500;
/// Deepest split taken from a file: the reader of JSON itself stops at 128.
pub const DEEPEST: usize = 40;
const GENERATIONS: u32 = 3;

/// A window.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Layout {
    pub version: u64,
    pub tabs: Vec<Tab>,
    /// Index of the tab shown.
    pub active: usize,
    pub tree_open: bool,
    /// Hosts with an agent that its tree keeps, there or not. From a file: escape to show.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tab {
    #[serde(default)]
    pub name: String,
    pub root: Node,
    /// Index of the focused pane, counted as the panes come in the tree.
    #[serde(default)]
    pub focus: usize,
    #[serde(default)]
    pub zoomed: bool,
}

/// A split or a pane.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    Split {
        dir: Dir,
        /// Each with its share of the room: its weight of the sum of all.
        parts: Vec<(u16, Node)>,
    },
    Pane(Pane),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dir {
    /// Side by side.
    Row,
    /// One above the other.
    Column,
}

/// What a pane showed: names only, as they were; none of them need be there any more. From a file: escape to show.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Pane {
    pub host: String,
    pub session: String,
    pub title: String,
    /// To start a new shell there, should the session be lost.
    pub cwd: String,
    /// The prepared connection that its session is of, or that is to be opened, by its id; `title` is its name then.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub connection: String,
    /// The session is one over plain SSH to `host`: it lives on this machine.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
}

impl Stored for Layout {
    const VERSION: u64 = 1;
    fn migrate(value: Value, from: u64) -> Result<Value, String> {
        migrate(value, from)
    }
}

/// Brings the JSON of an older version to this one. Pure.
pub fn migrate(value: Value, from: u64) -> Result<Value, String> {
    // 1 is the first there was
    Err(format!("there never was a version {from} of it, with {} in it", value.as_object().map_or(0, |o| o.len())))
}

impl Node {
    /// The panes in their order.
    pub fn panes(&self) -> Vec<&Pane> {
        let mut found = Vec::new();
        let mut todo = vec![self];
        while let Some(node) = todo.pop() {
            match node {
                Node::Pane(pane) => found.push(pane),
                Node::Split { parts, .. } => todo.extend(parts.iter().rev().map(|(_, n)| n)),
            }
        }
        found
    }

    /// Without empty splits, splits of one, weights of 0, more than [`MOST_PANES`], or deeper than [`DEEPEST`].
    fn checked(self, depth: usize, left: &mut usize) -> Option<Node> {
        match self {
            Node::Pane(pane) => {
                *left = left.checked_sub(1)?;
                Some(Node::Pane(pane))
            }
            Node::Split { .. } if depth >= DEEPEST => None,
            Node::Split { dir, parts } => {
                let mut parts: Vec<(u16, Node)> = parts
                    .into_iter()
                    .filter_map(|(weight, node)| Some((weight.max(1), node.checked(depth + 1, left)?)))
                    .collect();
                match parts.len() {
                    0 => None,
                    1 => parts.pop().map(|(_, node)| node),
                    _ => Some(Node::Split { dir, parts }),
                }
            }
        }
    }
}

impl Layout {
    /// What can be shown of it: limits kept, indexes in their lists.
    pub fn checked(self) -> Layout {
        let tabs: Vec<Tab> = self
            .tabs
            .into_iter()
            .take(MOST_TABS)
            .filter_map(|tab| {
                let mut left = MOST_PANES;
                let root = tab.root.checked(0, &mut left)?;
                let last = root.panes().len().saturating_sub(1);
                Some(Tab { focus: tab.focus.min(last), root, name: tab.name, zoomed: tab.zoomed })
            })
            .collect();
        let active = self.active.min(tabs.len().saturating_sub(1));
        let hosts = self.hosts.into_iter().take(MOST_HOSTS).collect();
        Layout { version: Layout::VERSION, tabs, active, tree_open: self.tree_open, hosts }
    }
}

/// A window that is ours as long as this lives.
#[derive(Debug)]
pub struct Window {
    /// From 1.
    pub number: usize,
    dir: SafeDir,
    _lock: File,
}

impl Window {
    /// Takes the first window no living TUI has, and what it showed; puts that into the generations, once a run, so
    /// that whatever this run saves on a bad way out, the window as it was found is still there.
    ///
    /// The failure beside the layout is to be told to the user: the file could not be read or understood, or is a newer
    /// one's.
    ///
    /// # Errors
    /// The state dir cannot be used at all, or there are [`MOST_WINDOWS`] already.
    pub fn take(dir: SafeDir) -> Result<(Window, Option<Layout>, Option<Failure>), Failure> {
        let _ = dir.sweep();
        for number in 1..=MOST_WINDOWS {
            let Some(lock) = dir.try_lock(&format!("layout-{number}.lock"))? else { continue };
            let window = Window { number, dir, _lock: lock };
            // (also one that can't even be read: saving will say so again)
            let (found, told) = window.store().load::<Layout>().map_or_else(|e| (None, Some(e)), Loaded::usable);
            if let Some(found) = &found {
                // the disk may be full: the window is shown all the same, and saving will tell
                if let Err(e) = window.rotate(found) {
                    return Ok((window, Some(found.clone().checked()), told.or(Some(e))));
                }
            }
            return Ok((window, found.map(Layout::checked), told));
        }
        Err(Failure::failed(
            format!("{MOST_WINDOWS} windows of thub are open already"),
            "close one of them, or use `thub attach` for a single session",
        ))
    }

    fn name(&self) -> String {
        format!("layout-{}.json", self.number)
    }

    fn store(&self) -> Store<'_> {
        Store::new(&self.dir, &self.name())
    }

    /// The youngest generation becomes what was found now, unless it is that already.
    fn rotate(&self, found: &Layout) -> Result<(), Failure> {
        let generation = |n: u32| format!("{}.{n}", self.name());
        if self.generation(1).as_ref() == Some(found) {
            return Ok(());
        }
        for n in (1..GENERATIONS).rev() {
            if self.dir.stat(&generation(n))?.is_some() {
                self.dir.rename(&generation(n), &generation(n + 1))?;
            }
        }
        let bytes = serde_json::to_vec_pretty(found).map_err(std::io::Error::other)?;
        Ok(self.dir.write_durable(&generation(1), &bytes)?)
    }

    /// The window as it was found `n` runs ago: 1 to 3. None where there is none that can be read.
    pub fn generation(&self, n: u32) -> Option<Layout> {
        match Store::new(&self.dir, &format!("{}.{n}", self.name())).peek() {
            Ok(Loaded::Read(layout)) => Some(layout),
            _ => None,
        }
    }

    /// Keeps the window as it is now. One with no tab is not kept over one that has some: the last thing a run sees
    /// on a bad way out is often nothing at all; [`Window::clear`] is for a person who closed all.
    pub fn save(&self, layout: &Layout) -> Result<(), Failure> {
        if layout.tabs.is_empty() {
            return Ok(());
        }
        let layout = Layout { version: Layout::VERSION, ..layout.clone() };
        self.store().save(&layout)
    }

    /// The user closed everything: the next run starts with an empty window. The generations stay.
    pub fn clear(&self) -> Result<(), Failure> {
        self.store().save(&Layout { version: Layout::VERSION, ..Layout::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pane(session: &str) -> Node {
        Node::Pane(Pane { host: "local".into(), session: session.into(), ..Pane::default() })
    }
    fn layout(session: &str) -> Layout {
        let parts = vec![(2, pane(session)), (1, pane("b"))];
        let root = Node::Split { dir: Dir::Row, parts };
        let tab = Tab { name: "t".into(), root, focus: 1, zoomed: false };
        Layout { version: 1, tabs: vec![tab], active: 0, tree_open: true, hosts: Vec::new() }
    }
    fn open(top: &tempfile::TempDir) -> (Window, Option<Layout>, Option<Failure>) {
        Window::take(SafeDir::open_or_create(&top.path().join("state")).unwrap()).unwrap()
    }

    #[test]
    fn a_window_comes_back() {
        let top = tempfile::tempdir().unwrap();
        let (window, found, told) = open(&top);
        assert!(found.is_none() && told.is_none() && window.number == 1);
        window.save(&layout("a")).unwrap();
        // a second TUI has a window of its own
        let (second, found, _) = open(&top);
        assert!(second.number == 2 && found.is_none());
        second.save(&layout("x")).unwrap();
        drop(window);
        let (window, found, _) = open(&top);
        assert!(window.number == 1 && found == Some(layout("a")));
        drop((window, second));
        assert_eq!(open(&top).0.number, 1);
    }

    #[test]
    fn history_is_not_overwritten_by_a_bad_way_out() {
        let top = tempfile::tempdir().unwrap();
        for session in ["a", "b", "c", "d", "e"] {
            let (window, _, _) = open(&top);
            // within a run only the file itself changes
            window.save(&layout("junk")).unwrap();
            window.save(&layout(session)).unwrap();
        }
        let (window, found, _) = open(&top);
        assert_eq!(found, Some(layout("e")));
        let generations: Vec<_> = (1..=4).map(|n| window.generation(n)).collect();
        assert_eq!(generations, [Some(layout("e")), Some(layout("d")), Some(layout("c")), None]);
        window.save(&Layout::default()).unwrap();
        drop(window);
        let (window, found, _) = open(&top);
        assert_eq!(found, Some(layout("e")), "an empty one is not kept");
        assert_eq!(window.generation(2), Some(layout("d")), "the same is not kept twice");
        window.clear().unwrap();
        drop(window);
        assert_eq!(open(&top).1.unwrap().tabs, []);
    }

    #[test]
    fn damaged_and_newer_files() {
        let top = tempfile::tempdir().unwrap();
        let (window, _, _) = open(&top);
        window.save(&layout("a")).unwrap();
        window.save(&layout("b")).unwrap();
        let path = top.path().join("state/layout-1.json");
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, &text[..text.len() / 2]).unwrap();
        drop(window);
        let (window, found, told) = open(&top);
        assert_eq!(found, Some(layout("a")), "the copy before it");
        assert!(told.unwrap().to_string().contains(".corrupt-"));
        drop(window);
        std::fs::write(&path, "{\"version\": 99}").unwrap();
        let (window, found, told) = open(&top);
        assert!(found.is_none() && told.unwrap().what.contains("newer"));
        assert!(window.save(&layout("c")).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"version\": 99}");
        // one that can't even be read keeps nobody from a window
        drop(window);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("theirs", &path).unwrap();
        let (window, found, told) = open(&top);
        assert!(found.is_none() && told.unwrap().what.contains("symbolic link"));
        assert!(window.save(&layout("c")).is_err());
        assert_eq!(std::fs::read_link(&path).unwrap(), std::path::Path::new("theirs"));
    }

    #[test]
    fn the_form_on_disk_stays() {
        let text = r#"{"version":1,"tabs":[{"name":"t","root":{"split":{"dir":"row","parts":[
            [2,{"pane":{"host":"local","session":"a","title":"","cwd":""}}],
            [1,{"pane":{"host":"local","session":"b"}}]]}},"focus":1,"zoomed":false}],
            "active":0,"tree_open":true,"of a later thub":[1]}"#;
        assert_eq!(serde_json::from_str::<Layout>(text).unwrap(), layout("a"));
    }

    #[test]
    fn limits_are_kept() {
        let mut deep = pane("x");
        for _ in 0..2 * DEEPEST {
            deep = Node::Split { dir: Dir::Column, parts: vec![(0, deep), (0, pane("y"))] };
        }
        let many = Node::Split { dir: Dir::Row, parts: (0..5000).map(|_| (1, pane("z"))).collect() };
        let none = Node::Split { dir: Dir::Row, parts: vec![] };
        let one = Node::Split { dir: Dir::Row, parts: vec![(7, pane("only")), (1, none.clone())] };
        let tab = |root| Tab { name: String::new(), root, focus: 99_999, zoomed: true };
        let tabs = vec![tab(deep), tab(many), tab(none), tab(one)];
        let hosts = (0..5000).map(|n| n.to_string()).collect();
        let checked = Layout { version: 1, tabs, active: 77, tree_open: false, hosts }.checked();
        assert_eq!(checked.hosts.len(), MOST_HOSTS);
        assert_eq!(checked.tabs.len(), 3);
        assert_eq!(checked.active, 2);
        assert_eq!(checked.tabs[0].root.panes().len(), DEEPEST);
        assert_eq!(checked.tabs[1].root.panes().len(), MOST_PANES);
        assert_eq!(checked.tabs[1].focus, MOST_PANES - 1);
        assert_eq!(checked.tabs[2].root, pane("only"));
    }
}
