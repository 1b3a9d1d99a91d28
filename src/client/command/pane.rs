//! Owns the bodies of the commands about panes and how they lie.

use crate::client::app::{App, Effect};
use crate::client::layer::{Choice, Layer};
use crate::client::layout::{Dir, Even, Way};
use std::time::Duration;

/// How long the panes' numbers stay.
const NUMBERS: Duration = Duration::from_millis(2000);

pub fn split_right(app: &mut App) -> Vec<Effect> {
    split(app, Dir::Row)
}
pub fn split_down(app: &mut App) -> Vec<Effect> {
    split(app, Dir::Column)
}
fn split(app: &mut App, dir: Dir) -> Vec<Effect> {
    let mut out = Vec::new();
    if app.has_room(dir) {
        app.split(dir, &mut out);
    }
    out
}

pub fn close(app: &mut App) -> Vec<Effect> {
    let mut out = Vec::new();
    let Some(pane) = app.focused() else { return out };
    let id = pane.id;
    if pane.is_running() && app.settings.confirm {
        let text = format!("Close the pane and end '{}'?", crate::text::short(&pane.title(), 40));
        app.layers.push(Layer::confirm(text, Choice::ClosePane(id)));
    } else {
        app.close_pane(id, &mut out);
    }
    out
}

pub fn detach(app: &mut App) -> Vec<Effect> {
    let mut out = Vec::new();
    if let Some(id) = app.tabs.focused() {
        app.detach_pane(id, &mut out);
    }
    out
}

pub fn zoom(app: &mut App) -> Vec<Effect> {
    if let Some(tab) = app.tabs.active_mut()
        && (tab.zoomed || tab.panes().len() > 1)
    {
        tab.zoomed = !tab.zoomed;
        app.touch();
    }
    Vec::new()
}

pub fn next(app: &mut App) -> Vec<Effect> {
    if let Some(tab) = app.tabs.active_mut() {
        let panes = tab.panes();
        let at = panes.iter().position(|p| *p == tab.focus).unwrap_or(0);
        tab.focus(panes[(at + 1) % panes.len()]);
        app.look_at_panes();
    }
    Vec::new()
}

pub fn last(app: &mut App) -> Vec<Effect> {
    let before = app.tabs.active().and_then(|t| t.recent.get(1).copied());
    match before {
        Some(pane) => app.go_to_pane(pane),
        None => app.say("no pane was looked at before"),
    }
    Vec::new()
}

pub fn numbers(app: &mut App) -> Vec<Effect> {
    if !app.tabs.list.is_empty() {
        app.layers.push(Layer::Numbers { until: app.now + NUMBERS });
    }
    Vec::new()
}

/// Whether there was a pane that way.
fn towards(app: &mut App, way: Way) -> bool {
    let body = app.frame().body;
    let found = app.tabs.active().and_then(|t| t.layout.towards(body, t.focus, way, |p| t.rank(p)));
    if let Some(pane) = found {
        app.go_to_pane(pane);
    }
    found.is_some()
}
pub fn left(app: &mut App) -> Vec<Effect> {
    towards(app, Way::Left);
    Vec::new()
}
pub fn right(app: &mut App) -> Vec<Effect> {
    towards(app, Way::Right);
    Vec::new()
}
pub fn up(app: &mut App) -> Vec<Effect> {
    towards(app, Way::Up);
    Vec::new()
}
pub fn down(app: &mut App) -> Vec<Effect> {
    towards(app, Way::Down);
    Vec::new()
}

/// `l` is "move right" to some fingers and "last window" to others: it is whichever there is.
pub fn right_or_last_tab(app: &mut App) -> Vec<Effect> {
    let body = app.frame().body;
    let at_the_edge = app.tabs.active().is_none_or(|t| {
        let area = t.layout.areas(body).into_iter().find(|(p, _)| *p == t.focus);
        t.zoomed || area.is_none_or(|(_, a)| a.right() >= body.right())
    });
    if at_the_edge { super::tab::last(app) } else { right(app) }
}

fn resize(app: &mut App, way: Way, by: u16) -> Vec<Effect> {
    let body = app.frame().body;
    let moved = app.tabs.active_mut().is_some_and(|t| {
        let focus = t.focus;
        !t.zoomed && t.layout.resize(body, focus, way, by)
    });
    if moved {
        app.touch();
    }
    Vec::new()
}
pub fn shrink_left(app: &mut App) -> Vec<Effect> {
    resize(app, Way::Left, 1)
}
pub fn grow_right(app: &mut App) -> Vec<Effect> {
    resize(app, Way::Right, 1)
}
pub fn shrink_up(app: &mut App) -> Vec<Effect> {
    resize(app, Way::Up, 1)
}
pub fn grow_down(app: &mut App) -> Vec<Effect> {
    resize(app, Way::Down, 1)
}
pub fn shrink_left_5(app: &mut App) -> Vec<Effect> {
    resize(app, Way::Left, 5)
}
pub fn grow_right_5(app: &mut App) -> Vec<Effect> {
    resize(app, Way::Right, 5)
}
pub fn shrink_up_5(app: &mut App) -> Vec<Effect> {
    resize(app, Way::Up, 5)
}
pub fn grow_down_5(app: &mut App) -> Vec<Effect> {
    resize(app, Way::Down, 5)
}

fn swap(app: &mut App, on: bool) -> Vec<Effect> {
    if let Some(tab) = app.tabs.active_mut() {
        let panes = tab.panes();
        let at = panes.iter().position(|p| *p == tab.focus).unwrap_or(0);
        let other = panes[if on { at + 1 } else { at + panes.len() - 1 } % panes.len()];
        tab.layout.swap(tab.focus, other);
        tab.zoomed = false;
        app.touch();
    }
    Vec::new()
}
pub fn swap_back(app: &mut App) -> Vec<Effect> {
    swap(app, false)
}
pub fn swap_on(app: &mut App) -> Vec<Effect> {
    swap(app, true)
}

pub fn rotate(app: &mut App) -> Vec<Effect> {
    if let Some(tab) = app.tabs.active_mut() {
        tab.layout.rotate();
        tab.zoomed = false;
        app.touch();
    }
    Vec::new()
}

pub fn break_out(app: &mut App) -> Vec<Effect> {
    let alone = app.tabs.active().is_none_or(|t| t.panes().len() < 2);
    if alone {
        app.say("the pane is alone in its tab already");
    } else if let Some(pane) = app.tabs.focused() {
        app.tabs.remove_pane(pane);
        app.tabs.add_pane(pane);
        app.touch();
    }
    Vec::new()
}

pub fn join(app: &mut App) -> Vec<Effect> {
    super::show::pick_beside(app, Dir::Row)
}
pub fn join_below(app: &mut App) -> Vec<Effect> {
    super::show::pick_beside(app, Dir::Column)
}

pub fn next_layout(app: &mut App) -> Vec<Effect> {
    let Some(tab) = app.tabs.active_mut() else { return Vec::new() };
    if tab.panes().len() < 2 {
        return Vec::new();
    }
    let how = Even::ALL[tab.even % Even::ALL.len()];
    tab.even = (tab.even + 1) % Even::ALL.len();
    tab.layout = tab.layout.arrange(how);
    tab.zoomed = false;
    app.say(how.name());
    app.touch();
    Vec::new()
}

pub fn even_out(app: &mut App) -> Vec<Effect> {
    if let Some(tab) = app.tabs.active_mut() {
        tab.layout.even_out();
        app.touch();
    }
    Vec::new()
}
