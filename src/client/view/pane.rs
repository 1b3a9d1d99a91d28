//! Draws the panes: cells straight from the engine, borders with titles and states, notes.

use super::{boxed, fill, ground, look, put, put_cut, put_right, wrap};
use crate::client::app::{App, SIZE_MARK};
use crate::client::foresight::Foresight;
use crate::client::host::HostState;
use crate::client::host::attached::Waiting;
use crate::client::keymap::shown;
use crate::client::layout::PaneId;
use crate::client::pane::{OwnedCell, Pane, Stage};
use crate::client::tree::{host_text, state_text, unheard, unnamed};
use crate::term::screen::{self, CursorShape};
use crate::term::width;
use crate::text::{count, short};
use crate::theme::Theme;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use std::num::NonZeroU16;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

/// Draws the active tab's panes; says where the focused program's cursor is.
pub fn draw_all(app: &App, theme: &Theme, body: Rect, buf: &mut Buffer) -> Option<(Position, CursorShape)> {
    let Some(tab) = app.tabs.active() else {
        nothing(app, theme, body, buf);
        return None;
    };
    let bordered = app.bordered(tab);
    for (id, area) in app.areas(tab) {
        let Some(pane) = app.panes.get(&id) else { continue };
        let inner = app.inner(tab, area);
        let framed = bordered && inner != area;
        if framed {
            border(app, theme, pane, area, id == tab.focus, buf);
        }
        draw_pane(app, theme, pane, inner, framed, buf);
    }
    cursor(app)
}

/// The active tab's panes that are to be seen, and where their cells lie.
pub fn shown_panes(app: &App) -> impl Iterator<Item = (&Pane, Rect)> {
    let tab = app.tabs.active();
    let areas = tab.map(|tab| app.areas(tab)).unwrap_or_default();
    areas.into_iter().filter_map(move |(id, area)| Some((app.panes.get(&id)?, app.inner(tab?, area))))
}

/// Where the focused program's cursor is.
pub fn cursor(app: &App) -> Option<(Position, CursorShape)> {
    let focus = app.tabs.focused()?;
    let (pane, inner) = shown_panes(app).find(|(pane, _)| pane.id == focus)?;
    let free = inner.bottom().saturating_sub(u16::try_from(said(app, pane, inner).len()).unwrap_or(u16::MAX));
    // (what lies over its row is not the program's)
    cursor_of(pane, inner).filter(|(at, _)| at.y < free)
}

/// Whether within `inner` nothing is drawn but the pane's cells as they are in its engine, all of them: then
/// [`draw_row`] draws them as [`draw_all`] does.
pub fn is_plain(app: &App, pane: &Pane, inner: Rect) -> bool {
    let size = pane.engine.size();
    let there = |h: &crate::client::app::Host| matches!(h.state, HostState::Online { .. }) && !h.silent;
    pane.is_live()
        && pane.scroll.is_none()
        && pane.selection.is_none()
        && pane.note.is_none()
        && !pane.predict.is_shown()
        && app.waits(pane).is_none()
        && (size.cols, size.rows) == (inner.width, inner.height)
        && app.hosts.get(&pane.host).is_some_and(there)
}

/// One row of a plain pane, whatever was there.
pub fn draw_row(pane: &Pane, inner: Rect, row: u16, buf: &mut Buffer) {
    let (engine, recolored) = (&pane.engine, pane.engine.has_colors());
    let looks = |look: &screen::Style| {
        let mut look = *look;
        if recolored {
            engine.recolor(&mut look);
        }
        let mut cell = Cell::EMPTY;
        cell.set_style(style_of(&look));
        cell
    };
    let at = usize::from(inner.y + row) * usize::from(buf.area.width) + usize::from(inner.x);
    let Some(cells) = buf.content.get_mut(at..at + usize::from(inner.width)) else { return };
    let blank = engine.blank();
    let mut empty = looks(&blank.style);
    empty.set_symbol(symbol(&blank, 1));
    // neighbours mostly look the same
    let mut known = (blank.style, looks(&blank.style));
    let mut content = engine.row_cells(row);
    for (out, room) in cells.iter_mut().zip((1..=inner.width).rev()) {
        let Some((cell, link)) = content.next() else {
            if *out != empty {
                out.clone_from(&empty);
            }
            continue;
        };
        if cell.style != known.0 {
            known = (cell.style, looks(&cell.style));
        }
        let (text, looks) = (symbol(&cell, room), &known.1);
        // of a row that was drawn before most is as it was
        let colors = (looks.fg, looks.bg, looks.underline_color, looks.modifier);
        let same = (out.fg, out.bg, out.underline_color, out.modifier) == colors && out.symbol() == text;
        if same && link.is_none() && look::link_of(out).is_none() {
            continue;
        }
        out.clone_from(looks);
        out.set_symbol(text);
        look::set_link(out, link);
    }
}

fn set(out: &mut Cell, cell: &screen::Cell<'_>, room: u16, style: Style, link: Option<&str>) {
    out.set_symbol(symbol(cell, room)).set_style(style);
    look::set_link(out, link);
}

/// The rows and columns within `inner` that lead somewhere, and where to: what of `buf` has a link.
pub fn links<'a>(
    pane: &'a Pane,
    inner: Rect,
    buf: &Buffer,
    mut learn: impl FnMut(NonZeroU16, &'a str),
    rows: impl Fn(u16) -> bool,
) {
    let (top, left) = origin(pane, inner);
    for y in (inner.y..inner.bottom()).filter(|y| rows(*y)) {
        let Ok(row) = u16::try_from(top + i64::from(y - inner.y)) else { continue };
        for x in inner.x..inner.right() {
            let number = buf.cell((x, y)).and_then(look::link_of);
            if let Some(number) = number
                && let Some(uri) = pane.engine.link(row, left + (x - inner.x))
            {
                learn(number, uri);
            }
        }
    }
}

/// No tab is left. (The tree says it too, where it covers this.)
fn nothing(app: &App, theme: &Theme, body: Rect, buf: &mut Buffer) {
    let covered = app.frame().tree.map_or(0, |t| t.right().saturating_sub(body.x).min(body.width));
    let body = Rect { x: body.x + covered, width: body.width - covered, ..body };
    if body.width < 16 {
        return;
    }
    let prefix = shown(app.keymap.prefix_word());
    fill(buf, body, theme.panel);
    let lines = ["No panes.".to_string(), "c  new shell".into(), "d  leave".into(), format!("{prefix} ?  all keys")];
    let x = body.x + (body.width - 16) / 2;
    let y = body.y + body.height.saturating_sub(lines.len() as u16) / 2;
    for (line, y) in lines.iter().zip(y..body.bottom()) {
        put(buf, x, y, 16, line, theme.dim);
    }
}

/// The line and column of the pane's content at the corner of `inner`: scrolled back, or a part of a larger screen
/// (the part the cursor is in).
pub fn origin(pane: &Pane, inner: Rect) -> (i64, u16) {
    if let Some(scroll) = &pane.scroll
        && scroll.total.is_some()
    {
        return (-i64::try_from(scroll.up).unwrap_or(i64::MAX), 0);
    }
    let (size, cursor) = (pane.engine.size(), pane.engine.cursor());
    let part = |have: u16, room: u16, at: u16| {
        if have <= room { 0 } else { (at + 1).saturating_sub(room).min(have - room) }
    };
    (i64::from(part(size.rows, inner.height, cursor.row)), part(size.cols, inner.width, cursor.col))
}

fn cursor_of(pane: &Pane, inner: Rect) -> Option<(Position, CursorShape)> {
    let cursor = pane.engine.cursor();
    if !cursor.visible || !pane.is_live() || pane.scroll.is_some() {
        return None;
    }
    let (top, left) = origin(pane, inner);
    let (row, col) = pane.predict.cursor().unwrap_or((cursor.row, cursor.col));
    let row = u16::try_from(i64::from(row) - top).ok()?;
    let col = col.checked_sub(left)?;
    (row < inner.height && col < inner.width).then(|| (Position { x: inner.x + col, y: inner.y + row }, cursor.shape))
}

/// Whether what is shown may be old: its host is not there, or does not answer.
pub fn is_stale(app: &App, pane: &Pane) -> bool {
    pane.is_live() && !app.answers(&pane.host)
}

fn draw_pane(app: &App, theme: &Theme, pane: &Pane, inner: Rect, framed: bool, buf: &mut Buffer) {
    let blank = matches!(pane.stage, Stage::Starting | Stage::Gone { .. });
    let over = pane.seen > 0;
    if !blank || over {
        cells(app, theme, pane, inner, buf);
    }
    match &pane.stage {
        Stage::Exited(exit) => {
            let what = match (exit.exit_code, &exit.cause) {
                (_, Some(cause)) => short(cause, 100),
                (Some(code), None) => format!("exited {code}"),
                (None, None) => "exited".into(),
            };
            let again = if app.can_start_again(pane) { "r: start again   " } else { "" };
            let (what, keys) = (format!("[{what}]"), format!("{again}x: close"));
            // why it ended may be long: the keys are seen all the same
            if what.width() + 2 + keys.len() > usize::from(inner.width) && inner.height > 2 {
                last_line(theme, Rect { height: inner.height - 1, ..inner }, &what, theme.accent, buf);
                last_line(theme, inner, &keys, theme.accent, buf);
            } else {
                last_line(theme, inner, &format!("{what}  {keys}"), theme.accent, buf);
            }
        }
        Stage::Gone { why, ended } => {
            let again = match (ended, &pane.session) {
                (false, _) => "Enter: try again   ",
                (true, Some(_)) if !app.can_start_again(pane) => "",
                (true, Some(_)) => "r: start again   ",
                (true, None) if pane.is_unopened() => "Enter: try again   ",
                (true, None) => "Enter: new shell here   ",
            };
            let far = !pane.host.is_local() && !app.is_online(&pane.host) && !pane.is_unopened();
            let without = if far { "   w: connect without an agent" } else { "" };
            let lines = [
                (heading(app, pane), theme.accent),
                (why.clone(), theme.text),
                (format!("{again}x: close{without}"), theme.dim),
            ];
            centred(theme, inner, &lines, over, buf);
        }
        Stage::Starting => {
            if let Some(step) = waiting_for(app, pane) {
                centred(theme, inner, &[(heading(app, pane), theme.accent), (step, theme.dim)], over, buf);
            }
        }
        Stage::Live => {}
    }
    let said = said(app, pane, inner);
    for (up, line) in said.iter().rev().enumerate() {
        let up = u16::try_from(up).unwrap_or(u16::MAX);
        last_line(theme, Rect { height: inner.height.saturating_sub(up), ..inner }, line, theme.warn, buf);
    }
    if !framed && let Some(state) = state(app, pane, inner) {
        let line = Rect { height: inner.height.min(1), ..inner };
        put_right(buf, line, &format!(" {state} "), theme.warn.add_modifier(Modifier::REVERSED));
    }
}

/// What a pane that shows nothing yet is for.
fn heading(app: &App, pane: &Pane) -> String {
    match app.prepared_of(pane) {
        Some(prepared) if pane.host.is_local() => prepared.name,
        Some(prepared) => format!("{} · {}", host_text(&pane.host), prepared.name),
        None => host_text(&pane.host),
    }
}

/// The lines over the pane's last rows, from the top.
fn said(app: &App, pane: &Pane, inner: Rect) -> Vec<String> {
    let held = held(app, pane, inner);
    match &pane.note {
        // with what is held above it, where there is room
        Some((_, note)) if inner.height > 2 => {
            held.map(|h| lines_of(h, inner)).into_iter().flatten().chain([note.clone()]).collect()
        }
        Some((_, note)) => vec![note.clone()],
        None => held.map(|h| lines_of(h, inner)).unwrap_or_default(),
    }
}

/// What a pane that starts waits for; nothing where it will be there in a moment.
fn waiting_for(app: &App, pane: &Pane) -> Option<String> {
    let host = app.hosts.get(&pane.host);
    match host.map(|h| &h.state) {
        Some(HostState::Online { .. }) => {
            let heard = host.filter(|h| h.silent)?.heard;
            Some(format!("waits for the link: last heard {} s ago", app.now.saturating_sub(heard).as_secs()))
        }
        // (the panel says more)
        Some(HostState::Deploying { done, .. }) => Some(match done {
            Some(d) => format!("the agent is on its way there, {:.0}%", d * 100.0),
            None => "the agent is on its way there".into(),
        }),
        Some(HostState::Updating { why }) => Some(format!("updating: {}", short(why, 100))),
        Some(HostState::Lost { why, .. }) => Some(format!("{}; trying again", short(unnamed(&pane.host, why), 100))),
        _ if pane.host.is_local() => None,
        _ => Some("connecting".into()),
    }
}

/// What was typed and may not have arrived, while the host is away: what was never sent, and what was, each with what
/// dropping it does.
fn held(app: &App, pane: &Pane, inner: Rect) -> Option<Vec<String>> {
    let away = !app.is_online(&pane.host) || app.hosts.get(&pane.host).is_some_and(|h| h.silent);
    if away && pane.stage == Stage::Starting && !pane.ahead.is_empty() && !pane.host.is_local() {
        let what = pane.ahead_shown(room_for_typed(inner));
        return Some(vec![format!("typed, not sent: {what}  ({} Del drops it)", shown(app.keymap.prefix_word()))]);
    }
    if !away || !pane.is_live() {
        return None;
    }
    if app.hosts.get(&pane.host).is_some_and(|h| h.state.is_without_agent()) {
        let typed = || vec![format!("{} typed since: they arrive if it answers again", count(pane.afloat, "byte"))];
        return (pane.afloat > 0).then(typed);
    }
    let Waiting { unsent, sent, doubted } = pane.waiting;
    let del = format!("{} Del", shown(app.keymap.prefix_word()));
    let mut said = Vec::new();
    if !pane.held.is_empty() || unsent > 0 {
        let what = match pane.held.is_empty() {
            true => count(unsent, "byte"),
            false => short(&String::from_utf8_lossy(&pane.held), room_for_typed(inner)),
        };
        said.push(format!("typed, not sent: {what}  ({del} drops it)"));
    }
    if sent > 0 {
        let bytes = count(sent, "byte");
        said.push(match (doubted >= sent, said.is_empty()) {
            (true, _) => format!("{bytes} sent may still arrive; dropped if not"),
            (false, true) => format!("{bytes} sent, not confirmed  ({del} drops what has not arrived)"),
            (false, false) => format!("{bytes} sent, not confirmed"),
        });
    }
    (!said.is_empty()).then_some(said)
}

/// Characters of what was typed: the keys after it are seen all the same.
fn room_for_typed(inner: Rect) -> usize {
    usize::from(inner.width.saturating_sub(40)).clamp(8, 60)
}

/// On one line, or each on its own where that is too narrow.
fn lines_of(said: Vec<String>, inner: Rect) -> Vec<String> {
    let one = said.join(" · ");
    let narrow = one.width() > usize::from(inner.width) && usize::from(inner.height) > said.len();
    if narrow { said } else { vec![one] }
}

/// What a person should know of a pane, in a few words.
pub fn state(app: &App, pane: &Pane, inner: Rect) -> Option<String> {
    if let Some(scroll) = &pane.scroll {
        return Some(match scroll.total {
            Some(total) => {
                let found = scroll.find.as_ref().map(|f| f.status() + "  ").unwrap_or_default();
                format!("{found}{}/{total}", scroll.up)
            }
            None if app.is_online(&pane.host) => return None,
            None => "no history while the host is away".into(),
        });
    }
    let host = app.hosts.get(&pane.host)?;
    let since = |t: Duration| app.now.saturating_sub(t).as_secs();
    if pane.is_live() {
        match &host.state {
            HostState::Lost { retry, .. } => {
                let left = (host.since + *retry).saturating_sub(app.now).as_secs_f32().ceil() as u64;
                let retry = if left == 0 { "retrying".to_string() } else { format!("retrying in {left} s") };
                return Some(format!("last heard {} s ago, {retry}", since(host.heard)));
            }
            HostState::Updating { .. } => return Some("updating, back in a moment".into()),
            HostState::Connecting | HostState::Deploying { .. } => {
                return Some(format!("last heard {} s ago, connecting again", since(host.heard)));
            }
            HostState::Failed { .. } | HostState::Offline => {
                return Some(format!("not connected: {} R connects", shown(app.keymap.prefix_word())));
            }
            HostState::Online { .. } if host.silent => {
                return Some(match since(host.heard) {
                    // its output comes, and nothing gets there
                    0 => "nothing sent is answered".to_string(),
                    heard => format!("last heard {heard} s ago"),
                });
            }
            HostState::Online { .. } => {}
        }
    }
    if let Some(waits) = app.waits(pane).filter(|_| pane.is_live()) {
        return Some(waits);
    }
    let size = pane.engine.size();
    let other = size.cols != inner.width || size.rows != inner.height;
    if pane.is_live() && other && app.now >= pane.asked_at + SIZE_MARK {
        return Some(format!("{size}"));
    }
    None
}

fn border(app: &App, theme: &Theme, pane: &Pane, area: Rect, focused: bool, buf: &mut Buffer) {
    let line = match (focused, is_stale(app, pane)) {
        (true, _) => theme.border_focused,
        (false, true) => theme.border_lost,
        (false, false) => theme.border,
    };
    let place = app.whereabouts(pane, 40);
    let title = match &place {
        None => app.title_of(pane),
        // (a connection that has no other title is named already)
        Some(place) if *place == app.title_of(pane) || app.is_called_as_its_target(pane) => place.clone(),
        Some(place) => format!("{place} · {}", app.title_of(pane)),
    };
    let style = if focused { theme.accent } else { theme.dim };
    let color = app.color_of(pane).filter(|_| theme.accent.fg.is_some());
    let style = color.map_or(style, |c| style.fg(super::tabs::shade(c)));
    let inner = boxed(buf, area, &title, line, style);
    // (without a border nothing covers what is watched)
    if let Some(state) = state(app, pane, inner).or_else(|| pane.watch.then(|| "watching".into())) {
        let text = format!(" {state} ");
        let width = area.width.saturating_sub(2);
        let wide = u16::try_from(text.width()).unwrap_or(u16::MAX);
        // the state is the news: it goes over the title's end, but not over whose it is
        let name = place.as_deref().unwrap_or_default();
        if let Some(brief) = brief(app, pane).filter(|_| name.width() + 3 + usize::from(wide) > usize::from(width)) {
            return narrow_heading(theme, Rect { height: 1, ..area }, (name, style), &brief, line, buf);
        }
        let x = area.right().saturating_sub(1 + wide.min(width));
        put_cut(buf, x, area.y, width, &text, theme.warn);
    }
}

/// How it stands with a pane's host in a word and an age; none where it is there, or nobody was told of it.
fn brief(app: &App, pane: &Pane) -> Option<String> {
    let host = app.hosts.get(&pane.host).filter(|_| pane.scroll.is_none() && is_stale(app, pane))?;
    let text = match host.state {
        HostState::Connecting | HostState::Deploying { .. } => format!("lost {}", unheard(host, app.now)),
        _ => state_text(host, app.now),
    };
    Some(text).filter(|text| !text.is_empty())
}

/// Whose a pane is and how it stands there, on the top line of its frame: of what there is no room for the name is cut.
fn narrow_heading(
    theme: &Theme,
    line: Rect,
    (name, style): (&str, Style),
    brief: &str,
    frame: Style,
    buf: &mut Buffer,
) {
    for x in line.x + 1..line.right().saturating_sub(1) {
        put(buf, x, line.y, 1, "─", frame);
    }
    let width = line.width.saturating_sub(2);
    let state = format!("· {brief} ");
    let wide = u16::try_from(state.width()).unwrap_or(u16::MAX).min(width);
    let mut x = line.x + 1;
    if width > wide + 4 {
        x = put(buf, x, line.y, 1, " ", style);
        x = put_cut(buf, x, line.y, width - wide - 2, name, style);
        x = put(buf, x, line.y, 1, " ", style);
    }
    put_cut(buf, x, line.y, line.right().saturating_sub(1 + x), &state, theme.warn);
}

fn last_line(theme: &Theme, inner: Rect, text: &str, style: Style, buf: &mut Buffer) {
    if inner.height == 0 {
        return;
    }
    let line = Rect { y: inner.bottom() - 1, height: 1, ..inner };
    fill(buf, line, theme.panel);
    put_cut(buf, line.x, line.y, line.width, text, style);
}

/// Lines in the middle, broken where there is no room. `over` = something is shown there already: they get a ground and
/// a frame of their own. Else the ground is the terminal's, whatever the theme: so are their colours, where the theme's
/// are made for another one.
fn centred(theme: &Theme, inner: Rect, lines: &[(String, Style)], over: bool, buf: &mut Buffer) {
    let framed = over && inner.width > 8 && inner.height > 4;
    let width = usize::from(inner.width.saturating_sub(if framed { 6 } else { 2 }).clamp(1, 70));
    let wrapped = |text: &str| text.lines().flat_map(|l| wrap(l.trim(), width)).collect::<Vec<_>>();
    let mut blocks: Vec<(Vec<String>, Style)> = lines.iter().map(|(text, style)| (wrapped(text), *style)).collect();
    // the keys come last and are seen all the same: what is longest ends earlier
    let most = usize::from(if framed { inner.height - 2 } else { inner.height });
    while blocks.iter().map(|(lines, _)| lines.len()).sum::<usize>() > most
        && let Some((longest, _)) = blocks.iter_mut().max_by_key(|(lines, _)| lines.len()).filter(|(l, _)| l.len() > 1)
    {
        longest.pop();
        if let Some(last) = longest.last_mut() {
            let kept = last.trim_end_matches('…').chars().take(width.saturating_sub(1)).collect::<String>();
            *last = format!("{kept}…");
        }
    }
    let lines: Vec<(String, Style)> =
        blocks.into_iter().flat_map(|(lines, style)| lines.into_iter().map(move |l| (l, style))).collect();
    let high = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let widest = lines.iter().map(|(l, _)| l.width()).max().unwrap_or(0) as u16;
    let middle = |wide: u16| inner.x + inner.width.saturating_sub(wide) / 2;
    let mut room = inner;
    if framed {
        let (wide, high) = (widest + 4, high.saturating_add(2).min(inner.height));
        let area = Rect { x: middle(wide), y: inner.y + (inner.height - high) / 2, width: wide, height: high };
        ground(buf, area, inner, theme.panel);
        room = boxed(buf, area, "", theme.border, theme.border);
    } else {
        fill(buf, inner, Style::new());
    }
    let own = framed || theme.panel.bg.is_none_or(|bg| bg == Color::Reset);
    let y = room.y + room.height.saturating_sub(high) / 2;
    for ((line, style), y) in lines.iter().zip(y..room.bottom()) {
        let style = match *style {
            style if own => style,
            style if style == theme.accent => Style::new().add_modifier(Modifier::BOLD),
            style if style == theme.dim => Style::new().add_modifier(Modifier::DIM),
            _ => Style::new(),
        };
        let wide = u16::try_from(line.width()).unwrap_or(u16::MAX).min(inner.width);
        put_cut(buf, middle(wide), y, inner.width, line, style);
    }
}

fn cells(app: &App, theme: &Theme, pane: &Pane, inner: Rect, buf: &mut Buffer) {
    let (top, left) = origin(pane, inner);
    let stale = is_stale(app, pane);
    let size = pane.engine.size();
    let recolored = pane.engine.has_colors();
    let looking_back = pane.scroll.as_ref().is_some_and(|s| s.total.is_some());
    let marked = app.hosts.get(&pane.host).is_some_and(|h| h.foresight == Foresight::Marked);
    for row in 0..inner.height {
        let line = top + i64::from(row);
        let owned = if looking_back { pane.line(line) } else { None };
        let found = owned.as_ref().and_then(|cells| pane.scroll.as_ref()?.found(line, cells));
        let foreseen = u16::try_from(line).ok().filter(|_| !looking_back).and_then(|line| pane.predict.row(line));
        for col in 0..inner.width {
            let at = col + left;
            let (cell, link) = match (&owned, looking_back) {
                (Some(cells), _) => match cells.get(usize::from(at)) {
                    Some(c) => {
                        (screen::Cell { text: screen::Text::many(&c.text), width: c.width, style: c.style }, None)
                    }
                    None => continue,
                },
                (None, true) => continue,
                (None, false) => match u16::try_from(line) {
                    Ok(line) if line < size.rows && at < size.cols => {
                        (pane.engine.cell(line, at), pane.engine.link(line, at))
                    }
                    _ => continue,
                },
            };
            // what is going to stand there, where that is something else
            let foreseen = foreseen.and_then(|cells| cells.get(usize::from(at))).filter(|c| !is_same(c, &cell));
            let (cell, link) = match foreseen {
                Some(c) => (screen::Cell { text: screen::Text::many(&c.text), width: c.width, style: c.style }, None),
                None => (cell, link),
            };
            let mut look = cell.style;
            if recolored {
                pane.engine.recolor(&mut look);
            }
            let mut style = style_of(&look);
            if stale {
                style = style.add_modifier(Modifier::DIM);
            }
            if marked && foreseen.is_some_and(|c| !c.text.trim().is_empty()) {
                style = style.add_modifier(Modifier::UNDERLINED);
            }
            if let Some((columns, current)) = &found
                && columns.contains(&usize::from(at))
            {
                let mark = if *current { theme.selection } else { Style::new().add_modifier(Modifier::UNDERLINED) };
                style = style.patch(mark);
            }
            if pane.selection.is_some_and(|s| s.from != s.to && s.contains(line, at)) {
                style = style.patch(theme.selection);
            }
            let Some(out) = buf.cell_mut((inner.x + col, inner.y + row)) else { continue };
            set(out, &cell, inner.width - col, style, link);
        }
    }
}

/// Whether a cell shows what was foreseen: then it is drawn as it is.
fn is_same(foreseen: &OwnedCell, cell: &screen::Cell<'_>) -> bool {
    let text: &str = &cell.text;
    foreseen.width == cell.width
        && (foreseen.text == text || (foreseen.text.trim().is_empty() && text.trim().is_empty()))
}

/// What may stand in a cell: nothing active, nothing wider than the cells it was given.
fn symbol<'a>(cell: &'a screen::Cell<'_>, room: u16) -> &'a str {
    let text: &str = &cell.text;
    if text.is_empty() || cell.width == 0 || u16::from(cell.width) > room {
        return " ";
    }
    if text.len() == 1 && text.as_bytes()[0].is_ascii_graphic() {
        return text;
    }
    if text.chars().any(char::is_control) {
        return if cell.width == 1 { "\u{fffd}" } else { " " };
    }
    if width::of_text(text) != usize::from(cell.width) {
        // a heart that a program counts as one column, though its emoji takes two: the bare character then
        let first = text.chars().next().map_or(0, char::len_utf8);
        let bare = text.get(..first).unwrap_or_default();
        return match cell.width {
            width if width::of_text(bare) == usize::from(width) => bare,
            1 => "\u{fffd}",
            _ => " ",
        };
    }
    text
}

fn style_of(style: &screen::Style) -> Style {
    let color = |c: screen::Color| match c {
        screen::Color::Default => Color::Reset,
        screen::Color::Index(i) => Color::Indexed(i),
        screen::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    };
    let mut modifier = look::underlined(style.underline);
    for (on, m) in [
        (style.bold, Modifier::BOLD),
        (style.dim, Modifier::DIM),
        (style.italic, Modifier::ITALIC),
        (style.blink, Modifier::SLOW_BLINK),
        (style.inverse, Modifier::REVERSED),
        (style.hidden, Modifier::HIDDEN),
        (style.strike, Modifier::CROSSED_OUT),
        (style.overline, look::OVERLINED),
    ] {
        if on {
            modifier |= m;
        }
    }
    let line = color(style.underline_color);
    Style::new().fg(color(style.fg)).bg(color(style.bg)).underline_color(line).add_modifier(modifier)
}

/// The numbers of the panes, over them.
pub fn numbers(app: &App, theme: &Theme, buf: &mut Buffer) {
    let Some(tab) = app.tabs.active() else { return };
    let order: Vec<PaneId> = tab.panes();
    for (id, area) in app.areas(tab) {
        let n = order.iter().position(|p| *p == id).unwrap_or(0) + 1;
        let text = format!(" {n} ");
        let style = if id == tab.focus { theme.tab_active } else { theme.chosen };
        let x = area.x + area.width.saturating_sub(text.len() as u16) / 2;
        put(buf, x, area.y + area.height / 2, area.right().saturating_sub(x), &text, style);
    }
}
