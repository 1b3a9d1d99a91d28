//! Owns the bodies of the commands that show something: tree, pickers, palette, help.

use crate::client::app::hub::Wish;
use crate::client::app::{App, Effect, Host, Target};
use crate::client::command::COMMANDS;
use crate::client::gauges::Spot;
use crate::client::host::HostId;
use crate::client::layer::monitor;
use crate::client::layer::picker::{Item, Picker};
use crate::client::layer::ports::Panel;
use crate::client::layer::{Choice, Layer};
use crate::client::layout::Dir;
use crate::client::pane::{Pane, command_of};
use crate::client::tree::deeds::DEEDS;
use crate::client::tree::{Place, age, host_text, state_text};
use crate::client::view::tabs::label;
use crate::proto::control::SessionInfo;
use crate::proto::control::connections::DEFAULT_SHELL;
use crate::proto::ids::SessionId;
use crate::text::short;

pub fn tree(app: &mut App) -> Vec<Effect> {
    let shown = app.frame().tree.is_some();
    match (shown, app.tree.focused) {
        (true, true) if !app.tabs.list.is_empty() => {
            app.tree.open = Some(false);
            app.tree.focused = false;
        }
        (true, _) => app.tree.focused = true,
        (false, _) => {
            app.tree.open = Some(true);
            app.tree.focused = true;
            app.tree.chosen = None;
        }
    }
    app.touch();
    Vec::new()
}

fn tabs(app: &App, items: &mut Vec<Item>) {
    for (i, tab) in app.tabs.list.iter().enumerate() {
        let pane = app.panes.get(&tab.focus);
        let host = pane.map(|p| app.whereabouts(p, 40).unwrap_or_else(|| host_text(&p.host))).unwrap_or_default();
        let name = told_apart(label(app, tab), pane);
        let text = format!("tab {} {name}", i + 1);
        items.push(Item { text, aside: host, label: Some(name), choice: Choice::Go(Target::Tab(i)) });
    }
}

/// A name with as much of what the pane shows as it does not say itself. Escaped.
fn told_apart(name: String, pane: Option<&Pane>) -> String {
    let info = pane.and_then(|p| p.info.as_deref()).map(words_of).unwrap_or_default();
    let more: Vec<String> = info.into_iter().filter(|w| !name.contains(w.as_str())).collect();
    std::iter::once(name).chain(more).collect::<Vec<_>>().join("  ")
}

/// What tells a session from others, what says most first: its name, its program's title, the program, where it is. Escaped.
fn words_of(info: &SessionInfo) -> Vec<String> {
    let command = command_of(info);
    let mut words: Vec<String> = Vec::new();
    let cwd = last_of(&info.cwd);
    // (a program without a title has its name for one)
    let title = short(info.title.trim(), 40);
    let title = if command.starts_with(&title) { String::new() } else { title };
    // (what it was opened from is what people know it by; the command of a target or a port tells its address alone)
    let prepared = !info.target.is_empty() || !["", DEFAULT_SHELL].contains(&&*info.connection_id);
    let connection = if prepared { short(&info.connection, 40) } else { String::new() };
    for word in [short(info.name.trim(), 40), connection, title, command, cwd] {
        // (a prompt's title tells the directory, or the program's name)
        if !word.is_empty() && !words.iter().any(|w| w.contains(&word)) {
            words.push(word);
        }
    }
    words
}

/// The last two names of a path: `…/src/thub`.
fn last_of(path: &str) -> String {
    let names: Vec<&str> = path.split('/').filter(|n| !n.is_empty()).collect();
    match names.as_slice() {
        [.., above, last] if names.len() > 2 => short(&format!("…/{above}/{last}"), 40),
        _ => short(path, 40),
    }
}

fn sessions(app: &App, items: &mut Vec<Item>) {
    for (id, host) in &app.hosts {
        for info in app.sessions_told(id, host) {
            let Ok(session) = info.id.parse::<SessionId>() else { continue };
            let words = words_of(info);
            let age = || app.age_of(id, info).map(age).unwrap_or_default();
            // (since when it is lost is the news)
            let state = match host.tells() {
                true => format!("{} {}", short(&info.state, 20), age()),
                false => state_text(host, app.now),
            };
            let aside = format!("{} · {state}", host_text(id)).trim_end().to_string();
            // (found by all of it, in whatever order it is shown)
            let label = Some(words.join("  "));
            let choice = Choice::Go(Target::Session(id.clone(), session));
            items.push(Item { text: words.join("  "), aside, label, choice });
        }
    }
}

/// What the hosts that are there and the teams have prepared, as far as it can be opened.
fn connections(app: &App, items: &mut Vec<Item>, choice: impl Fn(HostId, String) -> Choice) {
    let books = app.hosts.keys().chain(app.teams.keys()).filter_map(|id| Some((id, app.book(id)?)));
    for (id, book) in books {
        let aside = format!("{} · connection", app.teams.get(id).map_or_else(|| host_text(id), |t| short(&t.name, 60)));
        for connection in book.connections.iter().filter(|c| book.words(&c.id).is_some_and(|w| !w.other)) {
            let choice = choice(id.clone(), connection.id.clone());
            items.push(Item { text: short(&connection.name, 100), aside: aside.clone(), label: None, choice });
        }
    }
}

fn hosts(app: &App, items: &mut Vec<Item>) {
    let known = app.known.iter().map(HostId::new).filter(|h| !app.hosts.contains_key(h));
    for id in app.hosts.keys().cloned().chain(known) {
        let state = app.hosts.get(&id).map(|h| state_text(h, app.now)).unwrap_or_default();
        items.push(Item {
            text: host_text(&id),
            label: Some(host_text(&id)),
            aside: format!("host {state}").trim_end().to_string(),
            choice: Choice::Go(Target::Host(id)),
        });
    }
}

fn pick(app: &mut App, title: &str, items: Vec<Item>) -> Vec<Effect> {
    app.layers.push(Layer::Picker(Picker::new(title, items)));
    Vec::new()
}

fn places(app: &App) -> Vec<Item> {
    let mut items = Vec::new();
    tabs(app, &mut items);
    sessions(app, &mut items);
    let alive = |h: &Host, id: &str| h.listed && h.sessions.iter().any(|s| s.is_alive() && s.connection_id == id);
    let runs = |host: &HostId, id: &str| app.hosts.get(&app.runs_on(host)).is_some_and(|h| alive(h, id));
    let mut closed = Vec::new();
    // (what runs may be told only while this list is looked at)
    connections(app, &mut closed, |host, id| Choice::Hub(Box::new(Wish::GoTo(host, id))));
    // (what runs is gone to, and stands there already)
    let is_closed = |item: &Item| match &item.choice {
        Choice::Hub(wish) => !matches!(&**wish, Wish::GoTo(host, id) if runs(host, id)),
        _ => true,
    };
    items.extend(closed.into_iter().filter(is_closed));
    hosts(app, &mut items);
    items
}

pub fn go_to(app: &mut App) -> Vec<Effect> {
    let picker = Picker::told_by_hosts("go to (or user@host:port)", app, places).or_typed(connect_to);
    app.layers.push(Layer::Picker(picker));
    Vec::new()
}
/// A host that no file names, as `thub HOST` takes it. (A plain word is looked for, and may be anything.)
fn host_typed(typed: &str) -> Option<HostId> {
    let plain = !typed.starts_with('-') && !typed.starts_with("team:");
    let is_one =
        plain && typed.contains(['@', '.', ':']) && !typed.contains(|c: char| c.is_whitespace() || c.is_control());
    is_one.then(|| HostId::new(typed))
}

fn connect_to(typed: &str) -> Option<Item> {
    host_typed(typed).map(|host| Item {
        text: format!("connect to {}", host_text(&host)),
        aside: "host".into(),
        label: None,
        choice: Choice::Go(Target::Host(host)),
    })
}
pub fn pick_tab(app: &mut App) -> Vec<Effect> {
    let mut items = Vec::new();
    tabs(app, &mut items);
    pick(app, "tabs", items)
}

/// Panes of the other tabs, sessions that no pane shows, connections and hosts: what is chosen comes beside the focused pane.
pub fn pick_beside(app: &mut App, dir: Dir) -> Vec<Effect> {
    let mut items = Vec::new();
    for (i, tab) in app.tabs.list.iter().enumerate().filter(|(i, _)| *i != app.tabs.active) {
        for pane in tab.panes().into_iter().filter_map(|id| app.panes.get(&id)) {
            let name = told_apart(app.title_of(pane), Some(pane));
            let place = app.whereabouts(pane, 40).unwrap_or_else(|| host_text(&pane.host));
            let aside = format!("{place} · tab {}", i + 1);
            items.push(Item { text: name, aside, label: None, choice: Choice::Join(pane.id, dir) });
        }
    }
    let beside = |place| Choice::Hub(Box::new(Wish::Beside(place, dir)));
    let mut more = Vec::new();
    sessions(app, &mut more);
    more.retain_mut(|item| match &item.choice {
        Choice::Go(Target::Session(host, session)) if app.pane_with(host, session).is_none() => {
            item.choice = beside(Place::Session(host.clone(), session.clone()));
            true
        }
        _ => false,
    });
    items.append(&mut more);
    connections(app, &mut items, |host, id| beside(Place::Connection(host, id)));
    hosts(app, &mut more);
    items.extend(more.into_iter().filter_map(|item| match item.choice {
        Choice::Go(Target::Host(host)) => Some(Item { aside: item.aside, ..shell_of(host, dir) }),
        _ => None,
    }));
    let title = match dir {
        Dir::Row => "beside this pane: which pane, session, connection or host?",
        Dir::Column => "below this pane: which pane, session, connection or host?",
    };
    let typed: fn(&str) -> Option<Item> = match dir {
        Dir::Row => |typed| host_typed(typed).map(|host| shell_of(host, Dir::Row)),
        Dir::Column => |typed| host_typed(typed).map(|host| shell_of(host, Dir::Column)),
    };
    app.layers.push(Layer::Picker(Picker::new(title, items).or_typed(typed)));
    Vec::new()
}

fn shell_of(host: HostId, dir: Dir) -> Item {
    Item {
        text: format!("new shell of {}", host_text(&host)),
        aside: "host".into(),
        label: None,
        choice: Choice::Hub(Box::new(Wish::Beside(Place::Host(host), dir))),
    }
}

pub fn pick_session(app: &mut App) -> Vec<Effect> {
    let mut items = Vec::new();
    sessions(app, &mut items);
    pick(app, "sessions", items)
}

fn commands(app: &App) -> Vec<Item> {
    COMMANDS
        .iter()
        .map(|c| Item {
            text: format!("{:<15}  {}", c.name, c.doc),
            aside: app.keymap.keys_of(c).join(", "),
            label: None,
            choice: Choice::Command(c),
        })
        .collect()
}
pub fn palette(app: &mut App) -> Vec<Effect> {
    let items = commands(app);
    pick(app, "commands", items)
}
pub fn help(app: &mut App) -> Vec<Effect> {
    let mut items = commands(app);
    // without room for all: what it does says more than its name
    let narrow = app.size.cols < 80;
    for (item, command) in items.iter_mut().zip(COMMANDS) {
        let keys = std::mem::take(&mut item.aside);
        item.label = Some(format!("{keys} {}", item.text));
        item.text = match narrow {
            true => format!("{keys:<10} {}", command.doc),
            false => format!("{keys:<14} {}", item.text),
        };
    }
    for deed in DEEDS {
        let (keys, doc) = (deed.shown(), deed.doc);
        items.push(Item {
            text: match narrow {
                true => format!("{keys:<10} tree: {doc}"),
                false => format!("{keys:<14} {:<15}  {doc}", "in the tree"),
            },
            aside: String::new(),
            label: Some(format!("{keys} in the tree {doc}")),
            choice: Choice::Hub(Box::new(Wish::Tree(deed.act))),
        });
    }
    let title = "keys and commands (type to search, Enter runs, Esc closes)";
    app.layers.push(Layer::Picker(Picker::new(title, items).wide()));
    Vec::new()
}

pub fn monitor(app: &mut App) -> Vec<Effect> {
    let spot = app.focused().and_then(|p| app.spot_of_pane(p));
    let spot = spot.unwrap_or_else(|| Spot::host(app.current_host()));
    app.layers.push(Layer::Monitor(Box::new(monitor::Panel::new(spot))));
    Vec::new()
}

pub fn containers(app: &mut App) -> Vec<Effect> {
    let host = app.current_host();
    let mut out = Vec::new();
    app.containers(&host, &mut out);
    out
}

pub fn ports(app: &mut App) -> Vec<Effect> {
    let host = app.current_host();
    if host.is_local() {
        app.say("forwards lead to another machine: go to a pane of it first");
        return Vec::new();
    }
    app.layers.push(Layer::Ports(Panel::new(host.clone())));
    app.refresh_ports(&host);
    Vec::new()
}

pub fn redraw(_: &mut App) -> Vec<Effect> {
    vec![Effect::Redraw]
}
pub fn suspend(_: &mut App) -> Vec<Effect> {
    vec![Effect::Suspend]
}
