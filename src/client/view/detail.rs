//! Draws the panel of what is chosen in the tree: a host or a prepared connection, its state, gauges, sessions, and what can
//! be done with it. Leaves out doing it.

use super::gauge::{filling, level, meter, rate, sparks, uptime};
use super::{boxed, first_of, ground, put, put_cut, put_right, wrap};
use crate::client::app::{App, Host};
use crate::client::gauges::limits::Level;
use crate::client::gauges::{Seen, rates};
use crate::client::host::{HostId, HostState};
use crate::client::keymap::shown;
use crate::client::pane::command_of;
use crate::client::tree::deeds::{Act, key_of};
use crate::client::tree::{Place, age, host_text, sign_of, unheard};
use crate::proto::control::SessionInfo;
use crate::text::{count, short};
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

const WIDEST: u16 = 60;
/// With less beside the tree it is drawn over it, and only for who asks for it: the tree's own lines say what matters.
const LEAST: (u16, u16) = (32, 9);
/// Sessions listed at most.
const SESSIONS: usize = 12;
/// Lines of a reason at most.
const SAID: usize = 5;

/// A line of the panel: its text, what stands at its right edge.
struct Line(String, Style, String);

/// What can be done, in the order of its buttons.
const BUTTONS: [(Act, &str, &str); 3] =
    [(Act::Shell, "New Shell", "Shell"), (Act::Serial, "New Serial", "Serial"), (Act::EndAll, "Kill All", "Kill All")];
/// In a panel narrower than this they have short names.
const SHORT: u16 = 48;

/// Where it lies: beside the tree, over the panes; where there is too little, over the tree for who asks for it.
fn room(app: &App) -> Option<Rect> {
    let frame = app.frame();
    let tree = frame.tree?;
    let whole = Rect::new(0, 0, app.size.cols, app.size.rows);
    let bottom = frame.status.map_or(whole.bottom(), |s| s.y);
    let top = frame.tabs.map_or(0, |t| t.bottom());
    // (a blank beside the tree)
    let x = (tree.right() + 1).min(whole.right());
    let beside = Rect { x, y: top, width: whole.right() - x, height: bottom.saturating_sub(top) };
    let has_room = |room: &Rect| room.width >= LEAST.0 && room.height >= LEAST.1;
    match (app.tree.detail, has_room(&beside)) {
        (Some(false), _) | (None, false) => None,
        (_, true) => Some(beside),
        // (who types what is looked for sees what is found)
        (Some(true), false) if app.tree.typing => None,
        (Some(true), false) => Some(whole).filter(has_room),
    }
}

/// Whether it lies over the tree now.
pub fn covers(app: &App) -> bool {
    app.detailed().is_some() && room(app).is_some_and(|room| room.x == 0)
}

/// Whether it is shown, as far as there is something to tell.
pub fn is_shown(app: &App) -> bool {
    room(app).is_some()
}

/// The panel's place and its lines.
fn laid_out(app: &App, theme: &Theme, place: &Place) -> Option<(Rect, String, Style, Vec<Line>)> {
    let room = room(app)?;
    let width = room.width.min(WIDEST);
    let (title, style, mut lines) = lines(app, theme, place, usize::from(width.saturating_sub(4)))?;
    // (the frame, the buttons and a line before them)
    let most = usize::from(room.height).saturating_sub(4);
    if lines.len() > most {
        lines.retain(|l| !l.0.is_empty());
    }
    if lines.len() > most {
        lines.truncate(most.saturating_sub(1));
        lines.push(Line("…".into(), theme.dim, String::new()));
    }
    let height = (lines.len() + 4) as u16;
    Some((Rect { width, height: height.min(room.height), ..room }, title, style, lines))
}

pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer) {
    let Some(place) = app.detailed() else { return };
    let Some((area, title, style, lines)) = laid_out(app, theme, &place) else { return };
    ground(buf, area, buf.area, theme.panel);
    let inner = boxed(buf, area, &title, theme.border, style);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    for (Line(text, style, aside), y) in lines.iter().zip(inner.y..inner.bottom()) {
        let right = Rect { y, height: 1, ..inner };
        let end = if aside.is_empty() { inner.right() } else { put_right(buf, right, aside, theme.dim) };
        put_cut(buf, inner.x, y, end.saturating_sub(inner.x + u16::from(!aside.is_empty())), text, *style);
    }
    for (act, text, at) in buttons(app, &place, area) {
        let x = put(buf, at.x, at.y, at.width, "[", theme.dim);
        let x = put(buf, x, at.y, at.right().saturating_sub(x), &shown(key_of(act)), theme.accent);
        let x = put(buf, x, at.y, at.right().saturating_sub(x), &format!(" {text}"), theme.text);
        put(buf, x, at.y, at.right().saturating_sub(x), "]", theme.dim);
    }
}

/// The buttons, and where each lies.
fn buttons(app: &App, place: &Place, area: Rect) -> Vec<(Act, &'static str, Rect)> {
    let (mut x, y) = (area.x + 2, area.bottom().saturating_sub(2));
    let mut all = Vec::new();
    let narrow = area.width < SHORT;
    for (act, text, short) in BUTTONS {
        let text = if narrow { short } else { text };
        if !app.can(act, place) {
            continue;
        }
        let width = (text.width() + shown(key_of(act)).width() + 3) as u16;
        if x + width > area.right().saturating_sub(1) {
            break;
        }
        all.push((act, text, Rect { x, y, width, height: 1 }));
        x += width + if narrow { 1 } else { 2 };
    }
    all
}

/// What a click there does; None = it is not on the panel.
pub fn hit(app: &App, x: u16, y: u16) -> Option<Option<Act>> {
    let place = app.detailed()?;
    // (its place does not depend on its colours)
    let (area, ..) = laid_out(app, &Theme::default(), &place)?;
    if !area.contains((x, y).into()) {
        return None;
    }
    Some(buttons(app, &place, area).into_iter().find(|b| b.2.contains((x, y).into())).map(|b| b.0))
}

/// A state in the seed's words, and what there is to say of it.
pub fn state_of(app: &App, host: &Host, seen: Option<&Seen>) -> (String, Level, String) {
    let state = |word: &str, level, said: String| (word.to_string(), level, said);
    match &host.state {
        HostState::Offline => state("offline", Level::Fine, "Enter connects it".into()),
        HostState::Connecting => state("connecting", Level::Fine, String::new()),
        HostState::Deploying { step, done, .. } => {
            let done = done.map(|d| format!("{:.0}% ", d * 100.0)).unwrap_or_default();
            state("deploying", Level::Fine, format!("{done}{}", short(step, 100)))
        }
        HostState::Updating { why } => state("updating", Level::Fine, short(why, 200)),
        HostState::Lost { why, retry } => {
            let left = (host.since + *retry).saturating_sub(app.now).as_secs();
            let said = format!("{}; retry in {left} s, {} now", short(why, 160), shown(key_of(Act::Rename)));
            state(if host.met { "waiting" } else { "not reached" }, Level::Limited, said)
        }
        HostState::Failed { why, hints, .. } => {
            let hint = hints.first().map(|h| format!("; {}", short(h, 160))).unwrap_or_default();
            state("error", Level::Error, format!("{}{hint}", short(why, 200)))
        }
        HostState::Online { .. } if host.silent => {
            state("limited", Level::Limited, format!("silent for {}: nothing sent is answered", unheard(host, app.now)))
        }
        HostState::Online { .. } if host.unlinked => {
            state("limited", Level::Limited, "the connection is gone: a new session makes it anew".into())
        }
        HostState::Online { .. } if host.state.is_without_agent() => {
            state("limited", Level::Limited, "no agent: sessions end with the connection".into())
        }
        HostState::Online { .. } => match seen.map(|s| &s.alarm).filter(|a| a.level() > Level::Fine) {
            Some(alarm) if alarm.level() == Level::Error => state("error", Level::Error, short(&alarm.words(), 200)),
            Some(alarm) => state("limited", Level::Limited, short(&alarm.words(), 200)),
            None => state("online", Level::Fine, String::new()),
        },
    }
}

fn lines(app: &App, theme: &Theme, place: &Place, width: usize) -> Option<(String, Style, Vec<Line>)> {
    match place {
        Place::Host(id) => Some(lines_of_host(app, theme, id, width)),
        Place::Connection(id, connection) => lines_of_connection(app, theme, id, connection, width),
        _ => None,
    }
}

fn style_of(theme: &Theme, host: Option<&Host>, level: Level) -> Style {
    match (host.map(|h| &h.state), level) {
        (None | Some(HostState::Offline), _) => theme.dim,
        (_, Level::Error) => theme.error,
        (_, Level::Limited) => theme.warn,
        (Some(HostState::Online { .. }), _) => theme.ok,
        _ => theme.accent,
    }
}

/// The state in a word, and why in the lines below it.
fn say_state(
    theme: &Theme,
    (word, level, said): (String, Level, String),
    host: Option<&Host>,
    width: usize,
    lines: &mut Vec<Line>,
) {
    let style = style_of(theme, host, level);
    let text = if said.is_empty() { word } else { format!("{word}: {said}") };
    lines.extend(first_of(wrap(&text, width), SAID).into_iter().map(|l| Line(l, style, String::new())));
}

fn lines_of_host(app: &App, theme: &Theme, id: &HostId, width: usize) -> (String, Style, Vec<Line>) {
    let host = app.hosts.get(id);
    let spot = app.spot_of_host(id);
    let seen = spot.as_ref().and_then(|s| app.seen_at(s));
    let mut lines = Vec::new();
    let Some(host) = host else {
        lines.push(Line("offline: not connected, Enter connects it".into(), theme.dim, String::new()));
        return (host_text(id), theme.dim, lines);
    };
    let state = state_of(app, host, seen);
    let title_style = style_of(theme, Some(host), state.1);
    say_state(theme, state, Some(host), width, &mut lines);
    if let HostState::Online { build, hostname } = &host.state {
        let address = short(&host.address, 80);
        let up = seen.and_then(|s| s.current(app.now)).filter(|g| g.uptime > 0);
        let words = [
            format!("Host {}", if address.is_empty() { short(hostname, 60) } else { address }),
            if build.is_empty() { "no agent".into() } else { format!("Agent {}", short(build, 40)) },
            up.map(|g| format!("Up {}", uptime(g.uptime))).unwrap_or_default(),
        ];
        lines.extend(flow(&words, width).into_iter().map(|l| Line(l, theme.text, String::new())));
    }
    if matches!(host.state, HostState::Online { .. }) {
        gauge_lines(app, theme, seen, width, &mut lines);
    }
    if host.tells() {
        session_lines(app, theme, id, &app.sessions_told(id, host).collect::<Vec<_>>(), &mut lines);
    } else if host.met {
        lines.push(Line("(connect to see sessions)".into(), theme.dim, String::new()));
    }
    (host_text(id), title_style, lines)
}

fn lines_of_connection(
    app: &App,
    theme: &Theme,
    id: &HostId,
    connection: &str,
    width: usize,
) -> Option<(String, Style, Vec<Line>)> {
    let (c, words) = app.connection_and_words(id, connection)?;
    let runs_on = app.runs_on(id);
    let host = app.hosts.get(&runs_on)?;
    let sessions: Vec<&SessionInfo> = host.sessions.iter().filter(|s| s.connection_id == c.id).collect();
    let mut lines = Vec::new();
    let via = if runs_on.is_local() { String::new() } else { format!("via {}", host_text(&runs_on)) };
    let kind = match c.config.kind.as_str() {
        "ssh" => "SSH →".to_string(),
        other => short(other, 20),
    };
    let about = [format!("{kind} {}", words.leads_to).trim().to_string(), via, words.tags.clone()];
    lines.extend(flow(&about, width).into_iter().map(|l| Line(l, theme.text, String::new())));
    let alive = sessions.iter().filter(|s| s.is_alive()).count();
    let spot = app.spot_of_connection(id, connection, false);
    let seen = spot.as_ref().and_then(|s| app.seen_at(s));
    let waits =
        sessions.iter().filter_map(|s| s.device.as_ref()).find(|d| d.state == crate::proto::control::Device::WAITING);
    let state = match (&host.state, waits) {
        (HostState::Online { .. }, Some(device)) => {
            ("waiting".into(), Level::Limited, device.why.as_ref().map(|w| short(w, 200)).unwrap_or_default())
        }
        (HostState::Online { .. }, None) if alive == 0 => ("(not connected)".into(), Level::Fine, String::new()),
        (HostState::Online { .. }, None) => match seen.and_then(Seen::fault) {
            Some(fault) => ("limited".into(), Level::Limited, short(fault, 200)),
            None => match seen.map(|s| &s.alarm).filter(|a| a.level() > Level::Fine) {
                Some(alarm) if alarm.level() == Level::Error => {
                    ("error".into(), Level::Error, short(&alarm.words(), 200))
                }
                Some(alarm) => ("limited".into(), Level::Limited, short(&alarm.words(), 200)),
                None => ("online".into(), Level::Fine, String::new()),
            },
        },
        _ => state_of(app, host, None),
    };
    let style = if alive == 0 { theme.dim } else { style_of(theme, Some(host), state.1) };
    let mut said = Vec::new();
    say_state(theme, state, Some(host), width, &mut said);
    if alive == 0 {
        said.iter_mut().for_each(|l| l.1 = theme.dim);
    }
    lines.extend(said);
    if spot.is_some() && c.config.kind != "local" {
        gauge_lines(app, theme, seen, width, &mut lines);
    }
    session_lines(app, theme, &runs_on, &sessions, &mut lines);
    Some((short(&c.name, 60), style, lines))
}

fn flow(words: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.iter().filter(|w| !w.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.width() + 3 + word.width() <= width => *line += &format!(" · {word}"),
            _ => lines.extend(wrap(word, width)),
        }
    }
    lines
}

/// CPU, memory, disk, network: a meter each, and the last minutes.
fn gauge_lines(app: &App, theme: &Theme, seen: Option<&Seen>, width: usize, lines: &mut Vec<Line>) {
    lines.push(Line(String::new(), theme.text, String::new()));
    let Some(seen) = seen else { return lines.push(Line("no gauges yet".into(), theme.dim, String::new())) };
    let Some(g) = seen.current(app.now).filter(|_| seen.fault().is_none()) else {
        let why = seen.fault().map_or("no gauges just now".into(), |f| format!("no gauges: {}", short(f, 200)));
        return lines.extend(first_of(wrap(&why, width), SAID).into_iter().map(|l| Line(l, theme.dim, String::new())));
    };
    let wide = if width >= 44 { 10 } else { 6 };
    let columns = width.saturating_sub(wide + 12).min(30);
    let last = |of| {
        let values = seen.line(of, app.now, crate::client::gauges::KEPT, columns);
        // (what is not known is no line)
        values.into_iter().map(|v| v.map_or(" ".to_string(), |v| sparks(std::iter::once(v)))).collect::<String>()
    };
    let mut row = |name: &str, percent: Option<f32>, beside: String| {
        let Some(percent) = percent else { return };
        let text = format!("{name:<5}{} {percent:>3.0}%", meter(percent, wide));
        let style = if name == "CPU" { level(theme, percent) } else { filling(theme, percent) };
        lines.push(Line(text, style, beside));
    };
    row("CPU", g.cpu, last(|p| p.cpu));
    row("MEM", g.mem(), last(|p| p.mem));
    row("Disk", g.fullest().map(|d| d.percent()), g.fullest().map(|d| short(&d.mount, columns)).unwrap_or_default());
    if let (Some(rx), Some(tx)) = rates(g) {
        lines.push(Line(format!("Net  ↓{} ↑{}", rate(rx), rate(tx)), theme.text, String::new()));
    }
}

fn session_lines(app: &App, theme: &Theme, host: &HostId, sessions: &[&SessionInfo], lines: &mut Vec<Line>) {
    lines.push(Line(String::new(), theme.text, String::new()));
    let alive = sessions.iter().filter(|s| s.is_alive()).count();
    let text = match alive {
        0 => "No sessions".to_string(),
        n => format!("Sessions ({n} active)"),
    };
    lines.push(Line(text, theme.title, String::new()));
    let row = |info: &&SessionInfo| {
        let what = match &info.device {
            Some(device) => format!("{} · {}", short(&device.what, 60), short(&device.state, 20)),
            None if info.target.is_empty() => format!("{} · {}", short(&command_of(info), 60), short(&info.state, 20)),
            None => format!("SSH → {} · {}", short(&info.connection, 40), short(&info.state, 20)),
        };
        let name = if info.name.is_empty() { String::new() } else { format!("{}: ", short(&info.name, 30)) };
        let style = if info.is_alive() { theme.text } else { theme.dim };
        Line(
            format!("{} {name}{what}", sign_of(&info.kind)),
            style,
            app.age_of(host, info).map(age).unwrap_or_default(),
        )
    };
    lines.extend(sessions.iter().take(SESSIONS).map(row));
    if sessions.len() > SESSIONS {
        lines.push(Line(
            format!("  and {} more", count(sessions.len() - SESSIONS, "session")),
            theme.dim,
            String::new(),
        ));
    }
}
