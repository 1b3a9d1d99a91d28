//! Owns where everything lies on the screen, and that sessions get the size of their panes.

use super::{App, Effect};
use crate::client::host::HostCommand;
use crate::client::layer::Layer;
use crate::client::layout::PaneId;
use crate::client::tabs::Tab;
use crate::proto::ids::Size;
use ratatui::layout::Rect;

/// The parts of the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    pub tabs: Option<Rect>,
    pub status: Option<Rect>,
    /// The tree lies beside the panes, or over them as a drawer.
    pub tree: Option<Rect>,
    pub drawer: bool,
    pub body: Rect,
}

/// From this width on the tree lies beside the panes.
pub const WIDE: u16 = 100;
/// Beside panes that keep 80 columns where they can, the tree takes what there is up to this; so does the drawer.
pub const TREE_WIDEST: u16 = 40;
/// And no less than this.
const TREE_LEAST: u16 = 26;
/// The widest panel but for those with long lines, and a blank on both sides of it; and of those.
const PANEL: u16 = 80;
const WIDE_PANEL: u16 = 94;

impl App {
    pub fn frame(&self) -> Frame {
        let whole = Rect::new(0, 0, self.size.cols, self.size.rows);
        let wide = whole.width >= WIDE;
        let empty = self.tabs.list.is_empty();
        let open = self.tree.open.unwrap_or(wide && !self.solo && self.settings.tree) || empty;
        // (what has the keys is in view, whatever the screen has become)
        let open = open || self.tree.focused;
        let width = Some(self.settings.tree_width).filter(|w| *w > 0).map(|w| w.max(12));
        let beside = open && wide;
        let (tree, mut body) = match (open, beside) {
            (false, _) => (None, whole),
            (true, true) => {
                let w = width.unwrap_or(whole.width.saturating_sub(80).clamp(TREE_LEAST, TREE_WIDEST));
                let w = w.min(whole.width / 2);
                let rest = Rect { x: whole.x + w, width: whole.width - w, ..whole };
                (Some(Rect { width: w, ..whole }), rest)
            }
            (true, false) => {
                let w = width.map_or(TREE_WIDEST, |w| w.saturating_add(8));
                (Some(Rect { width: w.min(whole.width), ..whole }), whole)
            }
        };
        // (beside a drawer: of words that it cut nobody would know what they say)
        let drawer = tree.filter(|_| !beside).map_or(0, |t: Rect| t.width);
        let seen = |line: Rect| {
            let hidden = drawer.min(line.width);
            Rect { x: line.x + hidden, width: line.width - hidden, height: 1, ..line }
        };
        let mut tabs = None;
        let chrome = !self.solo || self.tabs.list.len() > 1;
        if chrome && body.height >= 4 {
            tabs = Some(seen(body));
            body = Rect { y: body.y + 1, height: body.height - 1, ..body };
        }
        let mut status = None;
        if !self.solo && body.height >= 3 {
            status = Some(seen(Rect { y: body.bottom() - 1, ..body }));
            body.height -= 1;
        }
        Frame { tabs, status, tree, drawer: open && !beside, body }
    }

    /// Where panels lie: beside the tree, where there is room for all of one, and nothing lies over that.
    pub fn stage(&self) -> Rect {
        let whole = Rect::new(0, 0, self.size.cols, self.size.rows);
        if self.fills_the_screen() {
            return whole;
        }
        let Frame { tree, drawer, body, .. } = self.frame();
        let wants = if self.layers.iter().any(Layer::is_wide) { WIDE_PANEL } else { PANEL };
        let beside = tree.is_some() && !drawer && body.width >= wants;
        if beside { Rect { x: body.x, width: body.width, ..whole } } else { whole }
    }

    /// The rectangles of a tab's panes that are to be seen, borders included.
    pub fn areas(&self, tab: &Tab) -> Vec<(PaneId, Rect)> {
        let body = self.frame().body;
        if tab.zoomed { vec![(tab.focus, body)] } else { tab.layout.areas(body) }
    }

    /// Whether panes of this tab have borders: only where there is more than one to tell apart.
    pub fn bordered(&self, tab: &Tab) -> bool {
        !tab.zoomed && tab.panes().len() > 1
    }

    /// What a pane's border leaves of its area.
    pub fn inner(&self, tab: &Tab, area: Rect) -> Rect {
        if self.bordered(tab) && area.width >= 3 && area.height >= 3 {
            Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
        } else {
            area
        }
    }

    /// The size a pane has, or would have, for its session.
    pub fn pane_size(&self, pane: PaneId) -> Size {
        let rect = self.tabs.of_pane(pane).and_then(|i| {
            let tab = &self.tabs.list[i];
            let (_, area) = self.areas(tab).into_iter().find(|(id, _)| *id == pane)?;
            Some(self.inner(tab, area))
        });
        let rect = rect.unwrap_or(self.frame().body);
        Size::new(rect.width, rect.height).clamped()
    }

    /// The pane under a cell: its id, area and inner area.
    pub fn pane_at(&self, x: u16, y: u16) -> Option<(PaneId, Rect, Rect)> {
        let tab = self.tabs.active()?;
        let (id, area) = self.areas(tab).into_iter().find(|(_, a)| a.contains((x, y).into()))?;
        Some((id, area, self.inner(tab, area)))
    }

    /// Asks for the pane's size wherever a session of the active tab has another one than was asked for.
    pub(super) fn fit(&mut self, out: &mut Vec<Effect>) {
        let Some(tab) = self.tabs.active() else { return };
        let sizes: Vec<(PaneId, Size)> = self
            .areas(tab)
            .into_iter()
            .map(|(id, area)| {
                let inner = self.inner(tab, area);
                (id, Size::new(inner.width, inner.height))
            })
            .collect();
        for (id, size) in sizes {
            let now = self.now;
            // a host that is away hears of the size when it is back
            let online = self.panes.get(&id).is_some_and(|p| self.is_online(&p.host));
            let Some(pane) = self.panes.get_mut(&id).filter(|_| online) else { continue };
            // a pane without room keeps the size it had
            if size.rows == 0 || size.cols == 0 || pane.asked == Some(size.clamped()) {
                continue;
            }
            let size = size.clamped();
            if pane.is_live() {
                self.dirty = true;
                pane.asked = Some(size);
                pane.asked_at = now;
                if let (Some(session), false) = (&pane.session, pane.watch) {
                    let resize = HostCommand::Resize { session: session.clone(), size };
                    out.push(Effect::Host(pane.host.clone(), resize));
                }
            }
        }
    }

    /// The focused pane decides the size of its session.
    pub(super) fn claim_size(&mut self, out: &mut Vec<Effect>) {
        let Some(id) = self.tabs.focused() else { return };
        let size = self.pane_size(id);
        let now = self.now;
        let Some(pane) = self.panes.get_mut(&id) else { return };
        if pane.is_live() && !pane.watch && pane.engine.size() != size && pane.asked == Some(size) {
            pane.asked_at = now;
            if let Some(session) = &pane.session {
                let resize = HostCommand::Resize { session: session.clone(), size };
                out.push(Effect::Host(pane.host.clone(), resize));
            }
        }
    }

    /// Programs that asked for it hear which of them has the focus.
    pub(super) fn tell_focus(&mut self, out: &mut Vec<Effect>) {
        let now = if self.outer_focus && self.layers.is_empty() && !self.tree.focused {
            self.tabs.focused().filter(|id| self.panes.get(id).is_some_and(|p| p.is_live()))
        } else {
            None
        };
        if now == self.focus_told {
            return;
        }
        let old = std::mem::replace(&mut self.focus_told, now);
        for (id, on) in [(old, false), (now, true)] {
            let Some(pane) = id.and_then(|id| self.panes.get_mut(&id)) else { continue };
            let modes = pane.modes();
            if !modes.focus || !pane.is_live() || pane.watch {
                continue;
            }
            let mut bytes = Vec::new();
            crate::term::keys::encode_focus(on, &modes, &mut bytes);
            if let (Some(session), false) = (&pane.session, bytes.is_empty()) {
                pane.predict.reported(bytes.len());
                let count = pane.predict.count();
                let input = HostCommand::Input { session: session.clone(), bytes, count };
                out.push(Effect::Host(pane.host.clone(), input));
            }
        }
        if now.is_some() {
            self.claim_size(out);
        }
    }
}
