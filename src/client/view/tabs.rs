//! Draws the tab line: numbers, names, marks.

use super::tree::{ERROR, LIMITED};
use super::{fill, put, put_cut, put_right};
use crate::client::app::App;
use crate::client::gauges::limits::Level;
use crate::client::tabs::Tab;
use crate::proto::control::connections::check::Color;
use crate::text::short;
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
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
    let label = label(app, tab);
    let mut text = format!(" {} {label}", index + 1);
    // whose it is, where that is another machine and not said already
    if let Some(pane) = app.panes.get(&tab.focus)
        && let Some(place) = app.whereabouts(pane, BADGE)
        && app.whereabouts(pane, NAME).is_none_or(|place| place != label)
    {
        match tab.name.is_none() && app.is_called_as_its_target(pane) {
            true if pane.host.is_local() => {}
            true => text.push_str(&format!(" via {}", short(pane.host.as_str(), BADGE))),
            false => text.push_str(&format!("·{place}")),
        }
    }
    if tab.zoomed {
        text.push_str(" Z");
    }
    match (tab.bell, tab.output) {
        (true, _) => text.push_str(" ●"),
        (_, true) => text.push_str(" ▪"),
        _ => {}
    }
    match app.level_of_tab(tab) {
        Level::Fine => {}
        Level::Limited => text.push_str(&format!(" {LIMITED}")),
        Level::Error => text.push_str(&format!(" {ERROR}")),
    }
    text.push(' ');
    text
}

/// What there is room for, so that the active tab is among it.
struct Shown {
    /// Which tab, where, and what it says.
    tabs: Vec<(usize, Rect, String)>,
    /// The nearest tabs that are not shown, or not all of it, and the signs that say so.
    before: Option<(usize, Rect)>,
    after: Option<(usize, Rect)>,
}

fn shown(app: &App, area: Rect) -> Shown {
    let texts: Vec<String> = app.tabs.list.iter().enumerate().map(|(i, t)| text_of(app, i, t)).collect();
    let wide = |t: &String| u16::try_from(t.width()).unwrap_or(u16::MAX);
    let sum = |texts: &[String]| -> u32 { texts.iter().map(|t| u32::from(wide(t))).sum() };
    let sign = |x: u16| Rect { x, width: 1, height: 1, ..area };
    let mut room = area;
    let mut first = 0;
    let until = (app.tabs.active + 1).min(texts.len());
    // (a sign takes one column)
    let too_wide = |first: usize| {
        let signs = u32::from(first > 0) + u32::from(until < texts.len());
        sum(&texts[first..until]) + signs > u32::from(area.width)
    };
    while first < app.tabs.active && too_wide(first) {
        first += 1;
    }
    let before = (first > 0 && area.width > 0).then(|| (first - 1, sign(area.x)));
    if before.is_some() {
        (room.x, room.width) = (room.x + 1, room.width - 1);
    }
    let over = sum(texts.get(first..).unwrap_or_default()) > u32::from(room.width) && room.width > 0;
    room.width -= u16::from(over);
    let mut x = room.x;
    let (mut tabs, mut after) = (Vec::new(), None);
    for (i, text) in texts.into_iter().enumerate().skip(first) {
        let width = wide(&text).min(room.right() - x);
        if width < wide(&text) && after.is_none() {
            after = Some((i, sign(room.right())));
        }
        if width == 0 {
            break;
        }
        tabs.push((i, Rect { x, width, height: 1, ..area }, text));
        x += width;
    }
    // (the active one alone may be wider than all there is)
    let after = after.filter(|_| over).map(|(i, at)| (if i == app.tabs.active { i + 1 } else { i }, at));
    Shown { tabs, before, after: after.filter(|(i, _)| *i < app.tabs.list.len()) }
}

pub fn draw(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    fill(buf, area, theme.status);
    let mut end = area.x;
    let Shown { tabs, before, after } = shown(app, area);
    for (i, place, text) in tabs {
        let tab = &app.tabs.list[i];
        let style = match (i == app.tabs.active, tab.bell, tab.output) {
            (true, ..) => theme.tab_active,
            (_, true, _) => theme.mark_bell,
            (_, _, true) => theme.mark_output,
            _ => theme.tab,
        };
        put_cut(buf, place.x, place.y, place.width, &text, style);
        // (its sign has a colour of its own on the tab's ground)
        let level = app.level_of_tab(tab);
        if level > Level::Fine && text.width() <= usize::from(place.width) {
            let (sign, of) = if level == Level::Error { (ERROR, theme.error) } else { (LIMITED, theme.warn) };
            put(buf, place.right().saturating_sub(2), place.y, 1, sign, Style { bg: style.bg, ..of });
        }
        // (where there are colours at all)
        let color = app.panes.get(&tab.focus).and_then(|p| app.color_of(p)).filter(|_| theme.accent.fg.is_some());
        if let Some(color) = color {
            put(buf, place.x, place.y, 1, "▌", style.fg(shade(color)));
        }
        end = place.right();
    }
    for (hidden, at, sign) in
        [before.map(|(i, at)| (&app.tabs.list[..=i], at, "‹")), after.map(|(i, at)| (&app.tabs.list[i..], at, "›"))]
            .into_iter()
            .flatten()
    {
        // what is to be known of one that is not seen is known by the sign
        let style = match (hidden.iter().any(|t| t.bell), hidden.iter().any(|t| t.output)) {
            (true, _) => theme.mark_bell,
            (_, true) => theme.mark_output,
            _ => theme.accent,
        };
        put(buf, at.x, at.y, 1, sign, style);
        end = end.max(at.right());
    }
    if app.tabs.list.is_empty() {
        end = put(buf, area.x, area.y, area.width, " thub ", theme.accent);
    }
    if let Some(at) = plus(app, area) {
        put(buf, at.x, at.y, at.width, PLUS, theme.dim);
        end = end.max(at.right());
    }
    let host = format!("{} ", app.current_place());
    let room = area.right().saturating_sub(end);
    if usize::from(room) > host.width() + 2 {
        put_right(buf, area, &host, theme.dim);
    }
}

/// What starts something new, for the mouse.
const PLUS: &str = " + ";

/// Where it is, if there is room for it behind the tabs.
pub fn plus(app: &App, area: Rect) -> Option<Rect> {
    let Shown { tabs, after, .. } = shown(app, area);
    let x = tabs.last().map_or(area.x + 6, |(_, at, _)| at.right());
    let width = PLUS.width() as u16;
    (after.is_none() && !app.solo && x + width <= area.right()).then_some(Rect { x, width, height: 1, ..area })
}

/// A connection's colour as the outer terminal draws it.
pub fn shade(color: Color) -> ratatui::style::Color {
    match color {
        Color::Named(n) => ratatui::style::Color::Indexed(n),
        Color::Rgb(r, g, b) => ratatui::style::Color::Rgb(r, g, b),
    }
}

/// The tab at a column: at a sign the nearest one that is not seen.
pub fn hit(app: &App, area: Rect, x: u16) -> Option<usize> {
    let Shown { tabs, before, after } = shown(app, area);
    let tabs = tabs.into_iter().map(|(i, r, _)| (i, r));
    let mut all = before.into_iter().chain(after).chain(tabs);
    all.find(|(_, r)| x >= r.x && x < r.right()).map(|(i, _)| i)
}
