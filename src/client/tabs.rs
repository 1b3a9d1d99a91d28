//! Owns the tabs: their order, names, split trees, which pane of each has the focus. Leaves out the panes themselves.

use super::layout::{Dir, Layout, Node, PaneId};

/// A tab of this client, for as long as it runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TabId(pub u32);

pub struct Tab {
    pub id: TabId,
    /// Given by the user; else the focused pane's title serves.
    pub name: Option<String>,
    pub layout: Layout,
    pub focus: PaneId,
    /// Panes that had the focus, the latest first.
    pub recent: Vec<PaneId>,
    pub zoomed: bool,
    /// Which of the even layouts `Space` takes next.
    pub even: usize,
    /// Output, or a bell, since it was last looked at.
    pub output: bool,
    pub bell: bool,
}

impl Tab {
    pub fn new(id: TabId, layout: Layout, focus: PaneId) -> Tab {
        Tab { id, name: None, layout, focus, recent: vec![focus], zoomed: false, even: 0, output: false, bell: false }
    }

    pub fn panes(&self) -> Vec<PaneId> {
        self.layout.panes()
    }

    pub fn focus(&mut self, pane: PaneId) {
        self.recent.retain(|p| *p != pane);
        self.recent.insert(0, pane);
        if self.focus != pane {
            self.focus = pane;
            self.zoomed = false;
        }
    }

    /// Smaller is more recent.
    pub fn rank(&self, pane: PaneId) -> usize {
        self.recent.iter().position(|p| *p == pane).unwrap_or(usize::MAX)
    }
}

#[derive(Default)]
pub struct Tabs {
    pub list: Vec<Tab>,
    pub active: usize,
    /// Looked at before the active one.
    pub last: Option<TabId>,
    next: u32,
}

impl Tabs {
    pub fn active(&self) -> Option<&Tab> {
        self.list.get(self.active)
    }
    pub fn active_mut(&mut self) -> Option<&mut Tab> {
        self.list.get_mut(self.active)
    }
    pub fn focused(&self) -> Option<PaneId> {
        self.active().map(|t| t.focus)
    }

    /// A new tab at the end; it becomes the active one if `go`.
    pub fn add(&mut self, layout: Layout, focus: PaneId, go: bool) -> &mut Tab {
        self.next += 1;
        let tab = Tab::new(TabId(self.next), layout, focus);
        self.list.push(tab);
        let at = self.list.len() - 1;
        if go {
            self.go(at);
        }
        &mut self.list[at]
    }

    pub fn add_pane(&mut self, pane: PaneId) -> &mut Tab {
        self.add(Node::Leaf(pane), pane, true)
    }

    /// A new tab at this place; the active one stays.
    pub fn insert_pane(&mut self, index: usize, pane: PaneId) {
        self.next += 1;
        let index = index.min(self.list.len());
        self.list.insert(index, Tab::new(TabId(self.next), Node::Leaf(pane), pane));
        if index <= self.active {
            self.active += 1;
        }
    }

    /// Puts a pane that is in no tab into a split of the focused one, or into a tab where there is none.
    pub fn add_beside(&mut self, pane: PaneId, dir: Dir) {
        let Some(tab) = self.active_mut() else {
            self.add_pane(pane);
            return;
        };
        tab.zoomed = false;
        tab.layout.split(tab.focus, dir, pane, false);
        tab.focus(pane);
    }

    pub fn go(&mut self, index: usize) -> bool {
        if index >= self.list.len() {
            return false;
        }
        if index != self.active {
            self.last = self.active().map(|t| t.id);
            self.active = index;
        }
        if let Some(tab) = self.active_mut() {
            tab.output = false;
            tab.bell = false;
        }
        true
    }

    pub fn of_pane(&self, pane: PaneId) -> Option<usize> {
        self.list.iter().position(|t| t.panes().contains(&pane))
    }

    pub fn last_index(&self) -> Option<usize> {
        let last = self.last?;
        self.list.iter().position(|t| t.id == last)
    }

    /// Takes a pane out of its tab, and the tab away with its last pane.
    pub fn remove_pane(&mut self, pane: PaneId) {
        let Some(index) = self.of_pane(pane) else { return };
        let tab = &mut self.list[index];
        tab.zoomed = false;
        tab.recent.retain(|p| *p != pane);
        let layout = std::mem::replace(&mut tab.layout, Node::Leaf(pane));
        match layout.remove(pane) {
            Some(rest) => {
                let panes = rest.panes();
                tab.layout = rest;
                if tab.focus == pane {
                    let next = tab.recent.iter().copied().find(|p| panes.contains(p)).unwrap_or(panes[0]);
                    tab.focus(next);
                }
            }
            None => self.remove(index),
        }
    }

    /// Takes a tab away; the one looked at before (else its neighbour) becomes active.
    pub fn remove(&mut self, index: usize) {
        if index >= self.list.len() {
            return;
        }
        let was_active = index == self.active;
        self.list.remove(index);
        if index < self.active {
            self.active -= 1;
        }
        if was_active {
            self.active = self.last_index().unwrap_or(index).min(self.list.len().saturating_sub(1));
            self.last = None;
            let at = self.active;
            self.go(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::layout::Dir;

    #[test]
    fn closing_goes_back_to_where_one_was() {
        let mut t = Tabs::default();
        for n in 0..4 {
            t.add_pane(PaneId(n));
        }
        t.go(1);
        t.go(3);
        t.remove_pane(PaneId(3));
        assert_eq!((t.active, t.list.len()), (1, 3));
        t.remove_pane(PaneId(0));
        assert_eq!(t.focused(), Some(PaneId(1)));
        t.list[0].layout.split(PaneId(1), Dir::Row, PaneId(9), false);
        t.list[0].focus(PaneId(9));
        t.remove_pane(PaneId(9));
        assert_eq!(t.focused(), Some(PaneId(1)));
    }

    #[test]
    fn a_pane_goes_from_tab_to_tab_and_takes_an_empty_one_along() {
        let mut t = Tabs::default();
        for n in 0..3 {
            t.add_pane(PaneId(n));
        }
        t.remove_pane(PaneId(0));
        t.add_beside(PaneId(0), Dir::Row);
        assert_eq!((t.list.len(), t.active, t.focused()), (2, 1, Some(PaneId(0))));
        assert_eq!(t.list[1].panes(), [PaneId(2), PaneId(0)]);
        let mut none = Tabs::default();
        none.add_beside(PaneId(7), Dir::Column);
        assert_eq!(none.focused(), Some(PaneId(7)));
    }
}
