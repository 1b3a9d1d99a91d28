//! Owns what only terminals with kitty's keyboard protocol tell: releases, modifiers by themselves, keys that others
//! can't tell apart; and which of it the outer terminal is asked for. Leaves out what a key does (`input`).

use super::{App, Effect};
use crate::client::layout::PaneId;
use crate::term::input::{Code, Exact, Key, KeyKind, Mods};
use crate::term::keys::{self, kitty};

/// So many fingers does nobody have; what was pressed before these was released unheard.
const MOST_PRESSED: usize = 16;

/// A key whose press went to a pane's program: its release goes there as well.
pub(super) struct Pressed {
    point: u32,
    code: Code,
    pane: PaneId,
}

impl Pressed {
    /// Modifiers may have come or gone since: only the key counts. Where its press came as text it is known by that.
    fn is(&self, code: Code, exact: &Exact) -> bool {
        self.point == exact.point || self.code == code
    }
}

impl App {
    /// A key that is no key to the TUI: a release, or a modifier by itself. False = it is one.
    pub(super) fn beside(&mut self, key: &Key, out: &mut Vec<Effect>) -> bool {
        let exact = key.exact();
        let pressed = self.pressed.iter().position(|p| p.is(key.code, &exact)).map(|at| self.pressed.remove(at));
        if key.kind == KeyKind::Release {
            // one that the TUI had taken is nobody's
            if let Some(pressed) = pressed {
                self.tell_key(pressed.pane, key, out);
            }
            return true;
        }
        if !exact.is_modifier() {
            return false;
        }
        let to_program = self.layers.is_empty() && self.sequence.is_none() && !self.tree.focused;
        let focused = self.focused().filter(|p| to_program && p.is_live() && p.scroll.is_none()).map(|p| p.id);
        if let Some(id) = focused {
            self.pressed_in(id, key);
            self.tell_key(id, key, out);
        }
        true
    }

    /// The key's press goes to this pane.
    pub(super) fn pressed_in(&mut self, pane: PaneId, key: &Key) {
        let exact = key.exact();
        self.pressed.retain(|p| !p.is(key.code, &exact));
        if self.pressed.len() >= MOST_PRESSED {
            self.pressed.remove(0);
        }
        self.pressed.push(Pressed { point: exact.point, code: key.code, pane });
    }

    /// Writes a key of no consequence here, if the pane's program has asked for such.
    fn tell_key(&mut self, id: PaneId, key: &Key, out: &mut Vec<Effect>) {
        let Some(pane) = self.panes.get(&id).filter(|p| p.is_live() && !p.watch) else { return };
        let mut bytes = Vec::new();
        keys::encode(key, &pane.modes(), &mut bytes);
        self.send(id, &bytes, out);
    }

    /// The key as the keymap is to see it outside of panels and sequences: what other terminals can't tell apart is the
    /// same (Ctrl-Shift-B is Ctrl-B), unless the focused program has asked to be told. Signs with Ctrl are the same
    /// even then, for the prefix may be known by another of their names (Ctrl-6 is Ctrl-^).
    pub(super) fn simplified(&self, key: &Key) -> Key {
        let asked = self.focused().is_some_and(|p| kitty::wanted(&p.modes()) != 0);
        let sign = matches!(key.code, Code::Char(c) if !c.is_alphabetic()) && key.mods.without(Mods::ALT) == Mods::CTRL;
        if asked && !sign { key.clone() } else { keys::simplified(key) }
    }

    /// Has the outer terminal tell keys as the program that gets them has asked for.
    pub(super) fn follow_keyboard(&mut self, out: &mut Vec<Effect>) {
        let to_program = self.layers.is_empty() && !self.tree.focused;
        let pane = self.focused().filter(|p| to_program && p.is_live() && !p.watch);
        let wanted = pane.map_or(0, |p| kitty::wanted(&p.modes()));
        if wanted != self.keyboard {
            self.keyboard = wanted;
            out.push(Effect::Keyboard(wanted));
        }
    }
}
