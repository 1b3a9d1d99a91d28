//! Draws the layers: panels over everything else.

use super::{boxed, fill, ground, monitor, pane, ports, put, put_cut, put_right, wrap};
use crate::client::app::App;
use crate::client::app::back::Coming;
use crate::client::host::{HostId, Question};
use crate::client::layer::Layer;
use crate::client::layer::deploying::Deploying;
use crate::client::layer::picker::Picker;
use crate::client::layer::question::Asked;
use crate::client::tree::host_text;
use crate::term::screen::CursorShape;
use crate::text::{escape, short};
use crate::theme::Theme;
use crate::transport::ask::{SecretAsked, SecretKind};
use crate::transport::deploy::choose;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub(super) type Cursor = Option<(Position, CursorShape)>;

pub fn draw(app: &App, theme: &Theme, layer: &Layer, whole: Rect, buf: &mut Buffer) -> Cursor {
    match layer {
        Layer::Picker(p) => picker(theme, p, whole, buf),
        Layer::Confirm { text, .. } => {
            let lines = vec![(text.clone(), theme.text), ("y yes   n no".into(), theme.dim)];
            panel(theme, whole, "", theme.accent, &lines, buf);
            None
        }
        Layer::Prompt { title, field, .. } => {
            let area = place(whole, 50, 3);
            ground(buf, area, whole, theme.panel);
            let inner = boxed(buf, area, title, theme.border_focused, theme.accent);
            typed(inner, "", &escape(field.text()), theme.text, buf)
        }
        Layer::Question(asked) => question(theme, asked, whole, buf),
        Layer::Form(form) => super::form::draw(theme, form, whole, buf),
        Layer::Deploying(d) => {
            deploying(theme, d, whole, buf);
            None
        }
        Layer::Stop { host, why, hints, .. } => {
            let mut lines = vec![(why.clone(), theme.text), (String::new(), theme.text)];
            lines.extend(hints.iter().map(|h| (h.clone(), theme.text)));
            lines.push((String::new(), theme.text));
            lines.push(("Enter close".into(), theme.dim));
            panel(theme, whole, &format!("{}: stopped", host_text(host)), theme.error, &lines, buf);
            None
        }
        Layer::Back(back) => {
            let coming = app.hosts_coming(back);
            let line = |n: usize, (how, host, text): &(Coming, HostId, String), whole: bool| {
                let (mark, style) = match how {
                    Coming::There => ("●", theme.ok),
                    Coming::Working => ("◌", theme.text),
                    Coming::Away => ("○", theme.warn),
                };
                let style = if n == back.chosen { theme.chosen } else { style };
                let host = host_text(host);
                let room = if whole { 200 } else { 62usize.saturating_sub(host.width()).max(12) };
                (format!("{mark} {host}  {}", short(text, room)), style)
            };
            let list = |all: bool| -> Vec<(String, Style)> {
                coming.iter().enumerate().map(|(n, each)| line(n, each, all || n == back.chosen)).collect()
            };
            let room = usize::from(whole.height.saturating_sub(8)).max(1);
            // one line each, but for the one chosen, where they don't all have room
            let mut lines = Some(list(true)).filter(|all| rows(whole, all) <= room).unwrap_or_else(|| list(false));
            // the chosen one in sight, and the keys
            let from = (back.chosen + 1).saturating_sub(room).min(lines.len().saturating_sub(room));
            lines.drain(..from);
            lines.truncate(room);
            lines.push((String::new(), theme.text));
            lines.push(("r try again   a try all again   Esc go on".into(), theme.dim));
            let there = coming.iter().filter(|c| c.0 == Coming::There).count();
            let title = format!("hosts coming back: {there} of {}", coming.len());
            panel(theme, whole, &title, theme.accent, &lines, buf);
            None
        }
        Layer::Monitor(panel) => monitor::draw(app, theme, panel, whole, buf),
        Layer::Ports(p) => ports::draw(theme, p, whole, buf),
        Layer::Browser => super::browser::draw(app, theme, buf),
        Layer::Queue(p) => {
            super::queue::draw(app, theme, p, whole, buf);
            None
        }
        Layer::Viewer(v) => super::viewer::draw(app, theme, v, buf),
        Layer::Facts { title, lines } => {
            let wide = lines.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
            let mut all: Vec<(String, Style)> =
                lines.iter().map(|(name, value)| (format!("{name:>wide$}  {value}"), theme.text)).collect();
            all.push((String::new(), theme.text));
            all.push(("any key closes".into(), theme.dim));
            panel(theme, whole, title, theme.accent, &all, buf);
            None
        }
        Layer::Entry(entry) => {
            let area = place(whole, 60, 4);
            ground(buf, area, whole, theme.panel);
            let inner = boxed(buf, area, &entry.title, theme.border_focused, theme.accent);
            let (said, style) = match entry.check() {
                Ok(means) if means.is_empty() => ("Enter does it, Esc cancels".to_string(), theme.dim),
                Ok(means) => (means, theme.ok),
                // (nothing typed yet is no mistake)
                Err(why) if entry.field.text().is_empty() => (why, theme.dim),
                Err(why) => (why, theme.error),
            };
            if inner.height >= 2 {
                put_cut(buf, inner.x, inner.bottom() - 1, inner.width, &escape(&said), style);
            }
            let line = Rect { height: inner.height.min(1), ..inner };
            typed(line, "", &escape(entry.field.text()), theme.text, buf)
        }
        Layer::Numbers { .. } => {
            pane::numbers(app, theme, buf);
            None
        }
    }
}

/// A place of this size, a little above the middle.
pub(super) fn place(whole: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(whole.width), height.min(whole.height));
    Rect { x: whole.x + (whole.width - width) / 2, y: whole.y + (whole.height - height) / 3, width, height }
}

/// Like [`short`], but what is cut is its beginning: a question stands at the end.
fn ending(text: &str, most: usize) -> String {
    let text = escape(text);
    match text.chars().count().checked_sub(most) {
        None | Some(0) => text,
        Some(over) => format!("…{}", text.chars().skip(over + 1).collect::<String>()),
    }
}

/// Columns of text in a panel.
fn columns(whole: Rect) -> u16 {
    whole.width.saturating_sub(4).clamp(1, 72)
}

/// Rows that lines take in a panel.
pub(super) fn rows(whole: Rect, lines: &[(String, Style)]) -> usize {
    lines.iter().map(|(text, _)| wrap(text, usize::from(columns(whole))).len()).sum()
}

/// Lines in so many columns and rows. The last one, which says the keys or is typed into, is always there: where all have no
/// room empty ones give way to it, and then those before it.
fn fitting(lines: &[(String, Style)], columns: usize, rows: usize) -> Vec<(String, Style)> {
    let wrapped = |(text, style): &(String, Style)| -> Vec<_> {
        wrap(text, columns).into_iter().map(|line| (line, *style)).collect()
    };
    let Some((last, before)) = lines.split_last() else { return Vec::new() };
    let last = wrapped(last);
    let mut all: Vec<_> = before.iter().flat_map(wrapped).collect();
    let room = rows.saturating_sub(last.len());
    if all.len() > room {
        all.retain(|(text, _)| !text.is_empty());
    }
    if all.len() > room {
        all.truncate(room);
        if let Some((text, _)) = all.last_mut() {
            *text = "…".into();
        }
    }
    all.extend(last);
    all
}

/// A panel with lines of text; returns the place under the last of them.
fn panel(theme: &Theme, whole: Rect, title: &str, style: Style, lines: &[(String, Style)], buf: &mut Buffer) -> Rect {
    panel_from(theme, whole, (title, style), lines, 0, buf)
}

/// The same, no narrower than `least` columns of text: it stays where it is while its lines change.
pub(super) fn panel_from(
    theme: &Theme,
    whole: Rect,
    (title, style): (&str, Style),
    lines: &[(String, Style)],
    least: usize,
    buf: &mut Buffer,
) -> Rect {
    let most = columns(whole);
    let wrapped = fitting(lines, usize::from(most), usize::from(whole.height.saturating_sub(2)));
    let widest = wrapped.iter().map(|(l, _)| l.width()).max().unwrap_or(0).max(title.width() + 2).max(least);
    let width = u16::try_from(widest).unwrap_or(most).min(most) + 4;
    let area = place(whole, width, wrapped.len() as u16 + 2);
    ground(buf, area, whole, theme.panel);
    let inner = boxed(buf, area, title, style, style);
    let (x, room) = if inner.width > 2 { (inner.x + 1, inner.width - 2) } else { (inner.x, inner.width) };
    let mut y = inner.y;
    for (text, style) in wrapped.iter().take(usize::from(inner.height)) {
        put(buf, x, y, room, text, *style);
        y += 1;
    }
    Rect { x, y: y.saturating_sub(1), width: room, height: 1 }
}

/// A line being typed, its end in sight.
pub(super) fn typed(line: Rect, before: &str, text: &str, style: Style, buf: &mut Buffer) -> Cursor {
    let x = put(buf, line.x, line.y, line.width, before, style);
    let room = usize::from(line.right().saturating_sub(x + 1));
    let mut wide = text.width();
    let shown = text.char_indices().map(|(i, c)| {
        let at = i;
        let here = wide;
        wide -= c.width().unwrap_or(0).min(wide);
        (at, here)
    });
    let from = shown.into_iter().find(|(_, w)| *w <= room).map_or(text.len(), |(i, _)| i);
    let end = put(buf, x, line.y, line.right().saturating_sub(x), &text[from..], style);
    (line.height > 0).then_some((Position { x: end, y: line.y }, CursorShape::Default))
}

fn picker(theme: &Theme, p: &Picker, whole: Rect, buf: &mut Buffer) -> Cursor {
    let area = p.area(whole);
    ground(buf, area, whole, theme.panel);
    let list = p.list_area(area);
    let query = if list.y > area.y + 1 {
        boxed(buf, area, p.title(), theme.border_focused, theme.accent)
    } else {
        Rect { height: area.height.min(1), ..area }
    };
    let query = Rect { height: query.height.min(1), ..query };
    let cursor = typed(query, "> ", &escape(p.field.text()), theme.text, buf);
    if p.found.is_empty() {
        put_cut(buf, list.x + 1, list.y, list.width.saturating_sub(1), p.why_empty(), theme.dim);
    }
    for (line, y) in p.told_lines(list.width).iter().zip(query.y + 1..list.y) {
        put_cut(buf, list.x + list.width.min(1), y, list.width.saturating_sub(1), line, theme.text);
    }
    for (n, y, lines) in p.rows(list) {
        let Some(item) = p.found.get(n).and_then(|i| p.items.get(*i)) else { continue };
        let line = Rect { y, height: 1, ..list };
        let chosen = n == p.chosen;
        if chosen {
            fill(buf, Rect { height: (list.bottom() - y).min(lines.len() as u16), ..line }, theme.chosen);
        }
        let style = |own| if chosen { theme.chosen } else { own };
        let mut end = line.right();
        if item.has_aside(line.width) {
            let rest = Rect { width: line.width.saturating_sub(1), ..line };
            end = put_right(buf, rest, &item.aside, style(theme.dim));
        }
        let x = line.x + line.width.min(1);
        for (text, y) in lines.iter().zip(y..list.bottom()) {
            put_cut(buf, x, y, end.saturating_sub(x + 1), text, style(theme.text));
        }
    }
    cursor
}

fn question(theme: &Theme, asked: &Asked, whole: Rect, buf: &mut Buffer) -> Cursor {
    let plain = |t: String| (t, theme.text);
    match &asked.question {
        Question::HostKey(key) => {
            let (host, kind) = (short(&key.host, 100), short(&key.kind, 40));
            let mut lines = vec![
                plain(format!("{host} is not known yet. It shows this {kind} key:")),
                (short(&key.fingerprint, 120), theme.accent),
                plain("Trust it and keep it? Compare it with what the machine's owner says.".into()),
                (String::new(), theme.text),
                ("y yes   n no".into(), theme.dim),
            ];
            // as many of the facts as leave room for the question
            for (word, fact) in key.facts().into_iter().rev() {
                let line = (format!("{word}: {fact}"), theme.text);
                if rows(whole, &lines) + rows(whole, std::slice::from_ref(&line)) + 2 <= usize::from(whole.height) {
                    lines.insert(2, line);
                }
            }
            panel(theme, whole, "unknown host key", theme.warn, &lines, buf);
            None
        }
        Question::Deploy { host, found, offered, steps } => {
            let there = match found {
                Some(build) => format!("{} has {}.", short(host, 100), choose::verdict(build)),
                None => format!("{} has no thub yet.", short(host, 100)),
            };
            let mut lines = vec![plain(there), plain(format!("Put build {} there?", short(offered, 60)))];
            lines.extend(steps.iter().map(|s| (format!("  {}", short(s, 120)), theme.dim)));
            lines.push((String::new(), theme.text));
            lines.push(("y yes   n no   w connect without it".into(), theme.dim));
            panel(theme, whole, "agent", theme.accent, &lines, buf);
            None
        }
        Question::Secret(secret @ SecretAsked { host, prompt, echo, kind, .. }) => {
            let (title, does) = match kind {
                SecretKind::Passphrase => ("passphrase", "uses"),
                SecretKind::Password | SecretKind::Answer if *echo => ("question", "sends"),
                SecretKind::Password | SecretKind::Answer => ("secret", "sends"),
            };
            let flaw = asked.field.flaw().map(|flaw| format!("{flaw}; C-u, and type it anew"));
            let wrong = flaw.or_else(|| secret.wrong());
            let said = |most: usize, apart: bool| {
                let (host, prompt) = (short(host, most.min(100)), ending(prompt, most));
                let mut lines = match kind {
                    SecretKind::Passphrase => {
                        let stays = format!("It stays on this machine, and opens the key to log in to {host}.");
                        vec![plain(prompt), plain(stays)]
                    }
                    SecretKind::Password | SecretKind::Answer => {
                        vec![plain(format!("{host} will see the answer.")), plain(prompt)]
                    }
                };
                lines.extend(wrong.clone().map(|wrong| (wrong, theme.error)));
                lines.extend(apart.then(|| plain(String::new())));
                lines.push((format!("Enter {does} it   Esc cancels"), theme.dim));
                // where it is typed
                lines.push(plain(String::new()));
                lines
            };
            // in a small place the words are cut, not the line to type in
            let most = [(600, true), (200, true), (200, false), (60, false)];
            let fitting = most.into_iter().map(|(most, apart)| said(most, apart));
            let lines = fitting.into_iter().find(|lines| rows(whole, lines) + 2 <= usize::from(whole.height));
            let lines = lines.unwrap_or_else(|| said(30, false));
            let line = panel(theme, whole, title, theme.warn, &lines, buf);
            let text = asked.field.text();
            let text = if *echo { escape(text) } else { "•".repeat(text.chars().count()) };
            typed(line, "> ", &text, theme.accent, buf)
        }
    }
}

fn deploying(theme: &Theme, d: &Deploying, whole: Rect, buf: &mut Buffer) {
    let mut lines: Vec<(String, Style)> = d.done.iter().map(|s| (format!("✓ {}", short(s, 100)), theme.dim)).collect();
    let (style, keys) = match &d.failed {
        Some((why, hints)) => {
            lines.push((format!("✗ {}", short(&d.step, 100)), theme.error));
            lines.push((String::new(), theme.text));
            lines.push((why.clone(), theme.text));
            lines.extend(hints.iter().map(|h| (h.clone(), theme.text)));
            (theme.error, "Enter close   w connect without an agent")
        }
        None => {
            lines.push((format!("▸ {}", short(&d.step, 100)), theme.text));
            let share = d.share.unwrap_or(0.0).clamp(0.0, 1.0);
            const WIDE: usize = 40;
            let full = (share * WIDE as f32) as usize;
            let bar = format!("{}{}", "█".repeat(full), "░".repeat(WIDE - full));
            // always so many rows: the panel stands still
            lines.push(match d.share {
                Some(share) => (format!("  {bar} {:3.0}%", share * 100.0), theme.accent),
                None => (String::new(), theme.text),
            });
            lines.push((format!("  {}", short(&d.amount, 60)), theme.text));
            (theme.accent, "Esc stop, nothing stays there   h hide")
        }
    };
    lines.push((String::new(), theme.text));
    lines.push((keys.into(), theme.dim));
    panel(theme, whole, &format!("agent for {}", host_text(&d.host)), style, &lines, buf);
}

/// What may follow the prefix; returns where the panel lies.
pub fn which_key(app: &App, theme: &Theme, keys: &[String], whole: Rect, buf: &mut Buffer) -> Rect {
    let items = app.keymap.follow(keys);
    // one entry a command: its first key
    let mut entries: Vec<(String, &str)> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (key, command) in &items {
        if seen.contains(&command.name) || command.name.starts_with("tab-") || command.name.ends_with("-5") {
            continue;
        }
        seen.push(command.name);
        entries.push((key.clone(), command.name));
    }
    entries.push(("0-9".into(), "tab by number"));
    let room = whole.width.saturating_sub(2);
    // the longest name would like 26; narrow ones show twice as many
    let column: u16 = if room < 52 { 19 } else { 26 };
    let columns = (room / column).max(1);
    // where not all fit, those that do are the first ones
    let rows = (entries.len() as u16).div_ceil(columns).min(whole.height.saturating_sub(2));
    let height = (rows + 2).min(whole.height);
    let area = Rect { y: whole.bottom() - height, height, ..whole };
    fill(buf, area, theme.panel);
    let inner = boxed(buf, area, "keys after the prefix  (? lists all)", theme.border_focused, theme.accent);
    for (n, (key, name)) in entries.iter().enumerate() {
        let (col, row) = (n as u16 / rows.max(1), n as u16 % rows.max(1));
        let (x, y) = (inner.x + 1 + col * column, inner.y + row);
        if y >= inner.bottom() || x >= inner.right() {
            continue;
        }
        let room = (inner.right() - x).min(column - 1);
        let key_end = put(buf, x, y, room.min(6), key, theme.key);
        let x = key_end.max(x + 6);
        put_cut(buf, x, y, (inner.x + 1 + col * column + room).saturating_sub(x), name, theme.text);
    }
    area
}
