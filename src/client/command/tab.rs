//! Owns the bodies of the commands about tabs.

use crate::client::app::{App, Effect};
use crate::client::layer::field::Field;
use crate::client::layer::{Choice, Layer, Purpose};

pub fn new(app: &mut App) -> Vec<Effect> {
    let mut out = Vec::new();
    let host = app.current_host();
    app.new_tab(host, &mut out);
    out
}

pub fn start(app: &mut App) -> Vec<Effect> {
    let host = app.current_host();
    app.start_menu(host);
    Vec::new()
}

fn step(app: &mut App, by: usize) -> Vec<Effect> {
    let count = app.tabs.list.len();
    if count > 0 {
        let to = (app.tabs.active + by) % count;
        app.tabs.go(to);
        app.look_at_panes();
    }
    Vec::new()
}
pub fn next(app: &mut App) -> Vec<Effect> {
    step(app, 1)
}
pub fn previous(app: &mut App) -> Vec<Effect> {
    let count = app.tabs.list.len();
    step(app, count.saturating_sub(1))
}

pub fn last(app: &mut App) -> Vec<Effect> {
    match app.tabs.last_index() {
        Some(i) => {
            app.tabs.go(i);
            app.look_at_panes();
        }
        None => app.say("no tab was looked at before"),
    }
    Vec::new()
}

pub fn go(app: &mut App, index: usize) -> Vec<Effect> {
    if app.tabs.go(index) {
        app.look_at_panes();
    } else {
        app.say(format!("there is no tab {}", index + 1));
    }
    Vec::new()
}

pub fn tenth(app: &mut App) -> Vec<Effect> {
    let index = if app.tabs.list.len() >= 10 { 9 } else { 0 };
    go(app, index)
}

pub fn rename(app: &mut App) -> Vec<Effect> {
    if let Some(tab) = app.tabs.active() {
        let layer = Layer::rename_tab(tab.id, tab.name.as_deref().unwrap_or(""));
        app.layers.push(layer);
    }
    Vec::new()
}

pub fn ask(app: &mut App) -> Vec<Effect> {
    let (title, field) = ("go to tab (number or name)".into(), Field::default());
    app.layers.push(Layer::Prompt { title, field, purpose: Purpose::GoToTab });
    Vec::new()
}

pub fn close(app: &mut App) -> Vec<Effect> {
    let mut out = Vec::new();
    let Some(tab) = app.tabs.active() else { return out };
    let (id, panes) = (tab.id, tab.panes());
    let running = panes.iter().filter(|p| app.panes.get(p).is_some_and(|p| p.is_running())).count();
    if running > 0 && app.settings.confirm {
        let text = match running {
            1 => "Close the tab and end what runs in it?".to_string(),
            n => format!("Close the tab and end the {n} sessions in it?"),
        };
        app.layers.push(Layer::confirm(text, Choice::CloseTab(id)));
    } else {
        for pane in panes {
            app.close_pane(pane, &mut out);
        }
    }
    out
}
