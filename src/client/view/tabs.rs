//! Draws the tab line: numbers, names, marks.

use super::{fill, put, put_cut, put_right};
use crate::client::app::App;
use crate::client::tabs::Tab;
use crate::proto::control::connections::check::Color;
use crate::text::short;
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

/// Longest name, in cells.
const NAME: usize = 24;
/// Longest name of a host or target beside it.
const BADGE: usize = 12;

/// A tab's name: the user's, else what its focused pane shows; escaped.
pub fn label(app: &App, tab: &Tab) -> String {
    match (&tab.name, app.panes.get(&tab.focus)) {
        (Some(name), _) => short(name, NAME),
        (None, Some(pane)) => short(&app.title_of(pane), NAME),
        (None, None) => "empty".into(),
    }
}

fn text_of(app: &App, index: usize, tab: &Tab) -> String {
    let mut text = format!(" {} {}", index + 1, label(app, tab));
    // whose it is, where that is another machine
    if let Some(place) = app.panes.get(&tab.focus).and_then(|pane| app.whereabouts(pane, BADGE)) {
        text.push_str(&format!("·{place}"));
    }
    if tab.zoomed {
        text.push_str(" Z");
    }
    match (tab.bell, tab.output) {
        (true, _) => text.push_str(" ●"),
        (_, true) => text.push_str(" ▪"),
        _ => {}
    }
    text.push(' ');
    text
}

/// The first tab shown, so that the active one is, and where each lies.
fn places(app: &App, area: Rect) -> Vec<(usize, Rect, String)> {
    let texts: Vec<String> = app.tabs.list.iter().enumerate().map(|(i, t)| text_of(app, i, t)).collect();
    let wide = |t: &String| u16::try_from(t.width()).unwrap_or(u16::MAX);
    let mut first = 0;
    let until_active =
        |first: usize| -> u32 { texts.iter().take(app.tabs.active + 1).skip(first).map(|t| u32::from(wide(t))).sum() };
    while first < app.tabs.active && until_active(first) > u32::from(area.width) {
        first += 1;
    }
    let mut x = area.x;
    let mut out = Vec::new();
    for (i, text) in texts.into_iter().enumerate().skip(first) {
        if x >= area.right() {
            break;
        }
        let width = wide(&text).min(area.right() - x);
        out.push((i, Rect { x, y: area.y, width, height: 1 }, text));
        x += width;
    }
    out
}

pub fn draw(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    fill(buf, area, theme.status);
    let mut end = area.x;
    for (i, place, text) in places(app, area) {
        let tab = &app.tabs.list[i];
        let style = match (i == app.tabs.active, tab.bell, tab.output) {
            (true, ..) => theme.tab_active,
            (_, true, _) => theme.mark_bell,
            (_, _, true) => theme.mark_output,
            _ => theme.tab,
        };
        put_cut(buf, place.x, place.y, place.width, &text, style);
        // (where there are colours at all)
        let color = app.panes.get(&tab.focus).and_then(|p| app.color_of(p)).filter(|_| theme.accent.fg.is_some());
        if let Some(color) = color {
            put(buf, place.x, place.y, 1, "▌", style.fg(shade(color)));
        }
        end = place.right();
    }
    if app.tabs.list.is_empty() {
        end = put(buf, area.x, area.y, area.width, " thub ", theme.accent);
    }
    let host = format!("{} ", app.current_place());
    let room = area.right().saturating_sub(end);
    if usize::from(room) > host.width() + 2 {
        put_right(buf, area, &host, theme.dim);
    }
}

/// A connection's colour as the outer terminal draws it.
pub fn shade(color: Color) -> ratatui::style::Color {
    match color {
        Color::Named(n) => ratatui::style::Color::Indexed(n),
        Color::Rgb(r, g, b) => ratatui::style::Color::Rgb(r, g, b),
    }
}

/// The tab at a column.
pub fn hit(app: &App, area: Rect, x: u16) -> Option<usize> {
    places(app, area).into_iter().find(|(_, r, _)| x >= r.x && x < r.right()).map(|(i, ..)| i)
}
