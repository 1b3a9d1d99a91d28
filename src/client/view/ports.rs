//! Draws the panel of a host's forwards and of what could be forwarded.

use super::layer::{Cursor, place, typed};
use super::{boxed, fill, ground, put_cut};
use crate::client::layer::ports::{Panel, Row};
use crate::client::tree::host_text;
use crate::text::{escape, short};
use crate::theme::Theme;
use crate::transport::ssh::forward::{State, Status};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

const WIDTH: u16 = 92;

pub fn draw(theme: &Theme, p: &Panel, whole: Rect, buf: &mut Buffer) -> Cursor {
    let trouble = match p.rows.get(p.chosen) {
        Some(Row::Forward(f)) => trouble_of(f),
        _ => Vec::new(),
    };
    let lines = p.rows.len().max(1).max(p.refused.len() + 1) + trouble.len() + 3;
    let area = place(whole, WIDTH, u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(2));
    ground(buf, area, whole, theme.panel);
    let title = format!("forwards: {}", host_text(&p.host));
    let inner = boxed(buf, area, &title, theme.border_focused, theme.accent);
    let line =
        |n: u16| Rect { y: inner.y + n.min(inner.height.saturating_sub(1)), height: inner.height.min(1), ..inner };
    // the keys, and over them what is typed or wrong
    let foot = 2 + trouble.len() as u16;
    let room = inner.height.saturating_sub(foot).max(1);
    if !p.refused.is_empty() {
        put(buf, line(0), "none: the host is reached without an agent", theme.warn);
        for (n, text) in (1..room).zip(&p.refused) {
            put(buf, line(n), text, theme.text);
        }
        put(buf, line(inner.height.saturating_sub(1)), "q close", theme.dim);
        return None;
    }
    if p.rows.is_empty() {
        let none = match (p.told, p.away) {
            (true, false) => "none; nothing of yours listens there either",
            (true, true) => "none; when last heard, nothing of yours listened there either",
            (false, false) => "none; what listens there is not known yet",
            (false, true) => "none; what listens there is not known while the link is away",
        };
        put(buf, line(0), none, theme.dim);
    }
    let first = p.chosen.saturating_sub(usize::from(room) - 1);
    for ((n, row), at) in p.rows.iter().enumerate().skip(first).zip(0..room) {
        let (text, own) = match row {
            Row::Forward(f) => (forward(f, p.away), style(theme, f, p.away)),
            Row::Offer(o) => {
                let who = if o.command.is_empty() { String::new() } else { format!(" ({})", short(&o.command, 20)) };
                let listens = if p.away { "when last heard, listened there" } else { "listens there" };
                (format!("·  {listens}: {} port {}{who}", short(&o.address, 40), o.port), theme.dim)
            }
        };
        let chosen = n == p.chosen && p.field.is_none();
        if chosen {
            fill(buf, line(at), theme.chosen);
        }
        put(buf, line(at), &text, if chosen { theme.chosen } else { own });
    }
    for (at, text) in (inner.height.saturating_sub(foot)..).zip(&trouble) {
        put(buf, line(at), text, theme.warn);
    }
    let keys = line(inner.height.saturating_sub(1));
    match &p.field {
        Some(field) => {
            let hint = p
                .wrong
                .as_deref()
                .unwrap_or("L:8080:localhost:80, R:9000:localhost:3000, D:1080; Enter opens, Esc cancels");
            put(buf, keys, hint, if p.wrong.is_some() { theme.error } else { theme.dim });
            typed(line(inner.height.saturating_sub(2)), " add: ", &escape(field.text()), theme.text, buf)
        }
        None => {
            let what = match p.rows.get(p.chosen) {
                Some(Row::Offer(_)) => "Enter forwards it here   a add   q close",
                Some(Row::Forward(_)) => "x end it   a add   q close",
                None => "a add   q close",
            };
            put(buf, keys, what, theme.dim);
            None
        }
    }
}

fn put(buf: &mut Buffer, line: Rect, text: &str, style: Style) {
    put_cut(buf, line.x + line.width.min(1), line.y, line.width.saturating_sub(2), text, style);
}

fn style(theme: &Theme, f: &Status, away: bool) -> Style {
    match &f.state {
        State::Open | State::Opening if away => theme.warn,
        State::Open => theme.text,
        State::Opening => theme.dim,
        State::Waiting => theme.warn,
        State::Failed(_) => theme.error,
    }
}

fn forward(f: &Status, away: bool) -> String {
    let silent = if away && matches!(f.state, State::Open | State::Opening) { "the link is silent  " } else { "" };
    let state = match &f.state {
        State::Open => match f.connections {
            0 => String::new(),
            1 => "1 open".into(),
            n => format!("{n} open"),
        },
        State::Opening => "opening".into(),
        State::Waiting => "waits for the link".into(),
        State::Failed(_) => "failed".into(),
    };
    let moved = if f.up + f.down > 0 { format!("  ↑{} ↓{}", amount(f.up), amount(f.down)) } else { String::new() };
    let refused = if f.refused > 0 { format!("  {} refused", f.refused) } else { String::new() };
    format!("{}  {} → {}  {silent}{state}{moved}{refused}", f.spec.kind.letter(), f.from(), f.to())
}

fn trouble_of(f: &Status) -> Vec<String> {
    match &f.state {
        State::Failed(why) => {
            std::iter::once(why.what.clone()).chain(why.hints.iter().map(|h| format!("  {h}"))).collect()
        }
        State::Opening => f.trouble.iter().cloned().collect(),
        _ => f.trouble.iter().map(|t| format!("last refused: {t}")).collect(),
    }
}

/// `312`, `4.2K`, `31M`.
fn amount(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["", "K", "M", "G"] {
        if value < 1024.0 {
            return if value < 10.0 && !unit.is_empty() {
                format!("{value:.1}{unit}")
            } else {
                format!("{value:.0}{unit}")
            };
        }
        value /= 1024.0;
    }
    format!("{value:.1}T")
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn amounts_are_short() {
        for (bytes, want) in [(0, "0"), (1023, "1023"), (1024, "1.0K"), (31 << 20, "31M"), (3 << 40, "3.0T")] {
            assert_eq!(amount(bytes), want);
        }
    }
}
