//! Owns the bodies of the commands about the session shown, and about leaving.

use crate::client::app::{App, Effect, Farewell};
use crate::client::host::{HostCommand, HostId, HostState};
use crate::client::layer::Layer;
use crate::text::count;

pub fn detach(app: &mut App) -> Vec<Effect> {
    let mut out = Vec::new();
    if !app.solo {
        out.push(Effect::Save(Box::new(app.saved())));
    }
    out.push(Effect::Quit(Farewell::Detached));
    out
}

pub fn rename(app: &mut App) -> Vec<Effect> {
    let Some(pane) = app.focused() else { return Vec::new() };
    if let Some(session) = pane.session.clone() {
        let name = pane.info.as_ref().map_or("", |i| i.name.as_str());
        let layer = Layer::rename_session(pane.host.clone(), session, name.to_string());
        app.layers.push(layer);
    }
    Vec::new()
}

/// What can be done with what the pane is connected to.
pub fn act(app: &mut App) -> Vec<Effect> {
    app.act_menu();
    Vec::new()
}

pub fn reconnect(app: &mut App) -> Vec<Effect> {
    let host = app.current_host();
    with(app, |app, out| app.reconnect(host, out))
}

/// Every host that this window shows or that was reached before, and is away.
pub fn reconnect_all(app: &mut App) -> Vec<Effect> {
    let shown = |id: &HostId| app.panes.values().any(|p| p.host == *id);
    let away = app.hosts.iter().filter(|(id, host)| match host.state {
        HostState::Lost { .. } | HostState::Failed { .. } => true,
        HostState::Offline => shown(id),
        _ => false,
    });
    let away: Vec<HostId> = away.map(|(id, _)| id.clone()).collect();
    app.say(match away.len() {
        0 => "no host is away".to_string(),
        n => format!("connecting {}", count(n, "host")),
    });
    away.into_iter().map(|host| Effect::Host(host, HostCommand::Connect)).collect()
}

pub fn start_again(app: &mut App) -> Vec<Effect> {
    let Some(pane) = app.tabs.focused() else { return Vec::new() };
    if !app.focused().is_some_and(|p| p.is_over()) {
        app.say("what this pane shows has not ended");
        return Vec::new();
    }
    with(app, |app, out| app.revive(pane, out))
}

pub fn start_all_again(app: &mut App) -> Vec<Effect> {
    let lost: Vec<_> = app.panes.values().filter(|p| p.is_lost_at_boot()).map(|p| p.id).collect();
    if lost.is_empty() {
        app.say("no pane shows what a restart of its machine has ended");
    }
    with(app, |app, out| lost.into_iter().for_each(|pane| app.revive(pane, out)))
}

pub fn update_agent(app: &mut App) -> Vec<Effect> {
    let host = app.current_host();
    if app.hosts.get(&host).is_some_and(|h| h.state.is_without_agent()) {
        return with(app, |app, out| app.with_agent(&host, out));
    }
    vec![Effect::Host(host, HostCommand::Update)]
}

pub fn without_agent(app: &mut App) -> Vec<Effect> {
    let host = app.current_host();
    if host.is_local() {
        app.say("this machine needs no SSH: open a host first");
        return Vec::new();
    }
    with(app, |app, out| app.without_agent(&host, out))
}

pub fn hosts_back(app: &mut App) -> Vec<Effect> {
    app.list_hosts();
    Vec::new()
}

pub fn drop_input(app: &mut App) -> Vec<Effect> {
    let Some(pane) = app.focused_mut() else { return Vec::new() };
    pane.held.clear();
    let ahead = std::mem::take(&mut pane.ahead).len();
    match pane.session.clone() {
        // (the answer says what was dropped)
        Some(session) if pane.is_live() => vec![Effect::Host(pane.host.clone(), HostCommand::DropInput { session })],
        _ if ahead > 0 => {
            app.say(format!("dropped: {}, never sent", count(ahead, "byte")));
            Vec::new()
        }
        _ => {
            app.say("nothing typed waits: nothing was dropped");
            Vec::new()
        }
    }
}

pub fn send_prefix(app: &mut App) -> Vec<Effect> {
    let mut out = Vec::new();
    let key = app.keymap.prefix.clone();
    app.send_key(&key, &mut out);
    out
}

pub fn paste(app: &mut App) -> Vec<Effect> {
    let mut out = Vec::new();
    if app.copied.is_empty() {
        app.say("nothing was copied yet: select with the mouse");
    } else if let Some(id) = app.tabs.focused() {
        let text = app.copied.clone().into_bytes();
        app.paste_into(id, text, &mut out);
    }
    out
}

pub fn scroll(app: &mut App) -> Vec<Effect> {
    look_back(app, 0)
}
pub fn scroll_page(app: &mut App) -> Vec<Effect> {
    let rows = app.tabs.focused().map_or(0, |p| i64::from(app.pane_size(p).rows.max(2)) - 1);
    look_back(app, rows)
}
fn look_back(app: &mut App, rows: i64) -> Vec<Effect> {
    let mut out = Vec::new();
    if let Some(id) = app.tabs.focused() {
        app.scroll(id, rows, false, &mut out);
    }
    out
}

fn with(app: &mut App, run: impl FnOnce(&mut App, &mut Vec<Effect>)) -> Vec<Effect> {
    let mut out = Vec::new();
    run(app, &mut out);
    out
}
pub fn find_back(app: &mut App) -> Vec<Effect> {
    with(app, |app, out| app.ask_pattern(false, out))
}
pub fn find_on(app: &mut App) -> Vec<Effect> {
    with(app, |app, out| app.ask_pattern(true, out))
}
pub fn next_match(app: &mut App) -> Vec<Effect> {
    with(app, |app, out| app.next_match(false, out))
}
pub fn previous_match(app: &mut App) -> Vec<Effect> {
    with(app, |app, out| app.next_match(true, out))
}
pub fn previous_prompt(app: &mut App) -> Vec<Effect> {
    with(app, |app, out| app.to_prompt(true, out))
}
pub fn next_prompt(app: &mut App) -> Vec<Effect> {
    with(app, |app, out| app.to_prompt(false, out))
}
