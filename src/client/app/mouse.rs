//! Owns what the mouse does: focus, borders, wheel, selection, tabs, tree; or it is the program's.

use super::input::Takes;
use super::{App, Drag, Effect};
use crate::client::layer::{Layer, Outcome};
use crate::client::layout::{Dir, PaneId};
use crate::client::pane::Selection;
use crate::client::view;
use crate::term::input::{Button, Mods, Mouse, MouseKind};
use crate::term::keys;
use crate::term::screen::MouseMode;
use ratatui::layout::Rect;

impl App {
    pub(super) fn mouse(&mut self, m: Mouse) -> Vec<Effect> {
        let mut out = Vec::new();
        if !self.settings.mouse {
            return out;
        }
        self.deeds += u64::from(m.kind == MouseKind::Press);
        let (x, y) = (m.col, m.row);
        if !self.layers.is_empty() {
            self.mouse_on_layer(&m, &mut out);
            return out;
        }
        match (m.kind, m.button) {
            (MouseKind::Press, Button::WheelUp) => self.wheel(true, x, y, &m, &mut out),
            (MouseKind::Press, Button::WheelDown) => self.wheel(false, x, y, &m, &mut out),
            (MouseKind::Press, button) => self.press(button, x, y, &m, &mut out),
            (MouseKind::Release, _) => self.released(x, y, &m, &mut out),
            (MouseKind::Motion, button) if button != Button::None => self.dragged(x, y, &m, &mut out),
            (MouseKind::Motion, _) => {
                if let Some((id, _, inner)) = self.pane_at(x, y)
                    && self.tabs.focused() == Some(id)
                    && self.panes.get(&id).is_some_and(|p| p.wants_mouse() && p.modes().mouse == MouseMode::AnyMotion)
                {
                    self.mouse_for_program(id, inner, &m, &mut out);
                }
            }
        }
        out
    }

    fn mouse_on_layer(&mut self, m: &Mouse, out: &mut Vec<Effect>) {
        let Some(layer) = self.layers.last_mut() else { return };
        if layer.unasked().is_some() {
            // (a list can be clicked as soon as it could be typed into)
            let takes = matches!(layer, Layer::Picker(_)) && m.kind == MouseKind::Press;
            if !takes || self.layer_takes_keys(self.last_key) != Takes::Yes {
                return;
            }
        }
        let Some(layer) = self.layers.last_mut() else { return };
        if matches!(layer, Layer::Browser) {
            return self.browser_mouse(m, out);
        }
        match (m.kind, m.button) {
            (MouseKind::Press, Button::WheelUp) => layer.step(-3),
            (MouseKind::Press, Button::WheelDown) => layer.step(3),
            (MouseKind::Press, Button::Left) => {
                let whole = self.stage();
                let outcome = match self.layers.last_mut() {
                    Some(layer) => layer.click(whole, m.col, m.row),
                    None => Outcome::Stay,
                };
                self.outcome(outcome, out);
            }
            _ => return,
        }
        self.dirty = true;
    }

    fn press(&mut self, button: Button, x: u16, y: u16, m: &Mouse, out: &mut Vec<Effect>) {
        let frame = self.frame();
        self.dirty = true;
        // (it may lie over the tree)
        if let Some(act) = view::detail::hit(self, x, y) {
            act.into_iter().for_each(|act| self.tree_act(act, out));
            return;
        }
        if let Some(tree) = frame.tree
            && tree.contains((x, y).into())
        {
            self.tree_click(tree, button, x, y, out);
            return;
        }
        if frame.drawer {
            self.look_at_panes();
        }
        if let Some(tabs) = frame.tabs
            && tabs.contains((x, y).into())
        {
            if let Some(i) = view::tabs::hit(self, tabs, x) {
                self.tabs.go(i);
                self.look_at_panes();
            } else if view::tabs::plus(self, tabs).is_some_and(|at| at.contains((x, y).into())) {
                let host = self.current_host();
                self.start_menu(host);
            }
            return;
        }
        if button == Button::Left
            && let Some(tab) = self.tabs.active()
            && self.bordered(tab)
        {
            let borders = tab.layout.borders(frame.body);
            if let Some(border) = borders.into_iter().find(|b| b.rect.contains((x, y).into())) {
                self.drag = Some(Drag::Border { border, last: (x, y) });
                return;
            }
        }
        let Some((id, _, inner)) = self.pane_at(x, y) else { return };
        self.go_to_pane(id);
        if !inner.contains((x, y).into()) {
            return;
        }
        let Some(pane) = self.panes.get_mut(&id) else { return };
        if pane.wants_mouse() && !m.mods.has(Mods::SHIFT) {
            self.drag = Some(Drag::Program(id));
            self.mouse_for_program(id, inner, m, out);
        } else if button == Button::Left {
            pane.selection = None;
            self.drag = Some(Drag::Select(id));
            let at = self.cell_at(id, inner, x, y);
            if let Some(pane) = self.panes.get_mut(&id) {
                pane.selection = Some(Selection { from: at, to: at });
            }
        } else if button == Button::Middle && !self.copied.is_empty() {
            let text = self.copied.clone().into_bytes();
            self.paste_into(id, text, out);
        }
    }

    fn dragged(&mut self, x: u16, y: u16, m: &Mouse, out: &mut Vec<Effect>) {
        let body = self.frame().body;
        match self.drag.take() {
            Some(Drag::Border { border, last }) => {
                let by = match border.dir {
                    Dir::Row => i32::from(x) - i32::from(last.0),
                    Dir::Column => i32::from(y) - i32::from(last.1),
                };
                let moved =
                    self.tabs.active_mut().is_some_and(|tab| tab.layout.drag(body, &border.path, border.index, by));
                let last = if moved { (x, y) } else { last };
                if moved {
                    self.dirty = true;
                }
                self.drag = Some(Drag::Border { border, last });
            }
            Some(Drag::Select(id)) => {
                if let Some(inner) = self.inner_of(id) {
                    let at = self.cell_at(id, inner, x, y);
                    if let Some(s) = self.panes.get_mut(&id).and_then(|p| p.selection.as_mut()) {
                        s.to = at;
                    }
                    self.dirty = true;
                    // beyond the edge the history moves along
                    if y < inner.y {
                        self.scroll(id, 1, true, out);
                    } else if y >= inner.bottom() && self.panes.get(&id).is_some_and(|p| p.scroll.is_some()) {
                        self.scroll(id, -1, true, out);
                    }
                    self.drag = Some(Drag::Select(id));
                }
            }
            Some(Drag::Program(id)) => {
                if let Some(inner) = self.inner_of(id) {
                    self.mouse_for_program(id, inner, m, out);
                    self.drag = Some(Drag::Program(id));
                }
            }
            None => {}
        }
    }

    fn released(&mut self, x: u16, y: u16, m: &Mouse, out: &mut Vec<Effect>) {
        match self.drag.take() {
            Some(Drag::Border { .. }) => self.touch(),
            Some(Drag::Program(id)) => {
                if let Some(inner) = self.inner_of(id) {
                    self.mouse_for_program(id, inner, m, out);
                }
            }
            Some(Drag::Select(id)) => {
                self.dirty = true;
                let at = self.inner_of(id).map(|inner| self.cell_at(id, inner, x, y));
                let Some(pane) = self.panes.get_mut(&id) else { return };
                if let (Some(s), Some(at)) = (pane.selection.as_mut(), at) {
                    s.to = at;
                }
                if pane.selection.is_some_and(|s| s.from == s.to) {
                    pane.selection = None;
                    return;
                }
                let text = pane.selected();
                if !text.is_empty() {
                    self.copied.clone_from(&text);
                    self.say(format!("{} copied", crate::text::count(text.chars().count(), "character")));
                    out.push(Effect::Copy(text));
                }
            }
            None => {}
        }
    }

    fn wheel(&mut self, up: bool, x: u16, y: u16, m: &Mouse, out: &mut Vec<Effect>) {
        if let Some(tree) = self.frame().tree
            && tree.contains((x, y).into())
        {
            self.tree_step(if up { -1 } else { 1 });
            self.dirty = true;
            return;
        }
        let Some((id, _, inner)) = self.pane_at(x, y) else { return };
        let Some(pane) = self.panes.get(&id) else { return };
        let lines = i64::from(self.settings.scroll_lines.max(1));
        let modes = pane.modes();
        if pane.wants_mouse() && !m.mods.has(Mods::SHIFT) {
            self.mouse_for_program(id, inner, m, out);
        } else if pane.scroll.is_none() && pane.is_live() && modes.alt_screen {
            let mut bytes = Vec::new();
            if !pane.watch && keys::encode_wheel(up, self.settings.scroll_lines.max(1), &modes, &mut bytes) {
                self.send(id, &bytes, out);
            }
        } else {
            self.scroll(id, if up { lines } else { -lines }, true, out);
        }
    }

    fn inner_of(&self, id: PaneId) -> Option<Rect> {
        let tab = self.tabs.active()?;
        let (_, area) = self.areas(tab).into_iter().find(|(p, _)| *p == id)?;
        Some(self.inner(tab, area))
    }

    /// The line and column of a pane under a cell of the screen; beyond its edge the nearest.
    fn cell_at(&self, id: PaneId, inner: Rect, x: u16, y: u16) -> (i64, u16) {
        let col = x.clamp(inner.x, (inner.right().max(1) - 1).max(inner.x)) - inner.x;
        let row = y.clamp(inner.y, (inner.bottom().max(1) - 1).max(inner.y)) - inner.y;
        let Some(pane) = self.panes.get(&id) else { return (0, 0) };
        let (top, left) = view::pane::origin(pane, inner);
        (top + i64::from(row), left + col)
    }

    /// The mouse, seen from the program's screen.
    fn mouse_for_program(&mut self, id: PaneId, inner: Rect, m: &Mouse, out: &mut Vec<Effect>) {
        let (line, col) = self.cell_at(id, inner, m.col, m.row);
        let Some(pane) = self.panes.get(&id) else { return };
        if pane.watch {
            return;
        }
        let size = pane.engine.size();
        let row = u16::try_from(line.max(0)).unwrap_or(u16::MAX).min(size.rows - 1);
        let mut bytes = Vec::new();
        keys::encode_mouse(m, row, col.min(size.cols - 1), &pane.modes(), &mut bytes);
        self.send(id, &bytes, out);
    }
}
