//! Draws the tree of hosts and sessions.

use super::layer::{Cursor, typed};
use super::{boxed, fill, first_of, put, put_cut, put_right, wrap};
use crate::client::app::App;
use crate::client::keymap::shown;
use crate::client::tree::deeds::{Act, DEEDS};
use crate::client::tree::{Mark, Row, Standing};
use crate::text::escape;
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

/// Beyond a limit of the settings.
pub const LIMITED: &str = "◐";
pub const ERROR: &str = "!";

pub fn standing_style(theme: &Theme, s: Standing) -> Style {
    match s {
        Standing::Offline => theme.tree_offline,
        Standing::Working => theme.accent,
        Standing::Online => theme.ok,
        Standing::Troubled | Standing::Limited => theme.warn,
        Standing::Error => theme.error,
    }
}

fn mark_style(theme: &Theme, m: Mark) -> Style {
    match m {
        Mark::None => theme.dim,
        Mark::Output => theme.mark_output,
        Mark::Bell => theme.mark_bell,
        Mark::Finished => theme.mark_done,
        Mark::Failed => theme.mark_failed,
    }
}

/// Lines at the bottom that say more of the chosen row, in a tree of this size: in a narrow one they are short.
fn more_lines(area: Rect) -> u16 {
    match area.height {
        0..12 => 0,
        12..16 => 2,
        16..20 => 3,
        24.. if area.width < 34 => 5,
        20.. => 4,
    }
}

/// Facts parted by ` · `, on lines of at most `width` cells: a line ends between two of them where it can.
fn flow(said: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for fact in said.split(" · ").filter(|f| !f.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.width() + 3 + fact.width() <= width => *line += &format!(" · {fact}"),
            _ => lines.extend(wrap(fact, width)),
        }
    }
    lines
}

/// Whether there is a line with keys at the foot: while they are the tree's.
fn has_foot(app: &App, area: Rect) -> bool {
    let hint = app.tabs.list.is_empty() && area.height >= 5;
    hint || (app.tree.focused && more_lines(area) > 0)
}

/// Keys and what they do, as many as there is room for; those that matter most where there is little.
fn draw_foot(app: &App, theme: &Theme, line: Rect, buf: &mut Buffer) {
    let mut words: Vec<(String, &str)> = match (app.tree.typing, app.tabs.list.is_empty()) {
        (true, _) => vec![("Enter".into(), "to the rows"), ("Esc".into(), "show all")],
        (_, true) => vec![("c".into(), "new shell"), ("d".into(), "leave")],
        _ => Vec::new(),
    };
    if !app.tree.typing {
        // (the new shell is among the words already)
        let told = |act: Act| app.tabs.list.is_empty() && act == Act::Shell;
        let all = DEEDS.iter().filter(|d| !d.word.is_empty() && !told(d.act));
        // (the panel beside it needs no word: it is there)
        let hidden = !super::detail::is_shown(app);
        let must = |act: Act| matches!(act, Act::Help | Act::Menu) || (act == Act::Detail && hidden);
        let (must, rest): (Vec<_>, Vec<_>) = all.partition(|d| must(d.act));
        words.extend(must.into_iter().chain(rest).map(|d| (shown(d.key()), d.word)));
    }
    let (mut x, mut first) = (line.x, true);
    for (key, word) in words {
        let gap = if first { 0 } else { 2 };
        let wide = gap + key.width() + 1 + word.width();
        if wide > usize::from(line.right().saturating_sub(x)) {
            continue;
        }
        x = put(buf, x + gap as u16, line.y, line.width, &key, theme.key);
        x = put(buf, x + 1, line.y, line.width, word, theme.dim);
        first = false;
    }
}

/// Where the rows lie within the tree's area.
pub fn list_area(app: &App, area: Rect) -> Rect {
    let mut list = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    };
    if app.tree.filter.is_some() && list.height > 1 {
        (list.y, list.height) = (list.y + 1, list.height - 1);
    }
    let more = more_lines(area);
    if has_foot(app, area) {
        list.height -= 1;
    }
    if app.tree.focused && more > 0 {
        list.height = list.height.saturating_sub(more + 1);
    }
    list
}

/// The first row shown, so that the chosen one is.
pub fn first_row(list: Rect, chosen: usize) -> usize {
    let room = usize::from(list.height).max(1);
    (chosen + 1).saturating_sub(room)
}

pub fn draw(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) -> Cursor {
    fill(buf, area, theme.panel);
    let focused = app.tree.focused;
    let line = if focused { theme.border_focused } else { theme.border };
    let title = if focused { theme.accent } else { theme.dim };
    let name = match app.tree.selected.len() {
        0 => "hosts".to_string(),
        n => format!("hosts: {n} selected"),
    };
    let mut inner = boxed(buf, area, &name, line, title);
    let list = list_area(app, area);
    let mut cursor = None;
    if let Some(filter) = &app.tree.filter {
        let row = Rect { height: inner.height.min(1), ..inner };
        let at = typed(row, "/", &escape(filter.text()), theme.accent, buf);
        cursor = at.filter(|_| focused && app.tree.typing);
    }
    if has_foot(app, area) {
        inner.height -= 1;
        draw_foot(app, theme, Rect { y: inner.bottom(), height: 1, ..inner }, buf);
    }
    let rows = app.tree_rows();
    if rows.is_empty() {
        put_cut(buf, list.x, list.y, list.width, "nothing matches", theme.dim);
    }
    let chosen = app.tree_index(&rows);
    let first = first_row(list, chosen);
    if let Some(row) = rows.get(chosen).filter(|_| list.bottom() < inner.bottom() && focused) {
        let y = list.bottom();
        put(buf, inner.x, y, inner.width, &"─".repeat(usize::from(inner.width)), theme.border);
        let [name, said] = app.more_of(&row.place);
        let (room, width) = (usize::from(inner.bottom().saturating_sub(y + 1)), usize::from(inner.width));
        // (its name is in its row as well: with little room the rest goes first)
        let facts = flow(&said, width);
        let for_name = room.saturating_sub(facts.len()).clamp(usize::from(room > 2), (room / 2).max(1));
        let names = first_of(wrap(&name, width), for_name);
        let facts = first_of(facts, room - names.len());
        let lines = names.iter().map(|l| (l, theme.text)).chain(facts.iter().map(|l| (l, theme.dim)));
        for ((line, style), y) in lines.zip(y + 1..) {
            put_cut(buf, inner.x, y, inner.width, line, style);
        }
    }
    for ((i, row), y) in rows.iter().enumerate().skip(first).zip(list.y..list.bottom()) {
        draw_row(theme, row, Rect { y, height: 1, ..list }, focused && i == chosen, buf);
    }
    cursor
}

fn draw_row(theme: &Theme, row: &Row, here: Rect, chosen: bool, buf: &mut Buffer) {
    let y = here.y;
    let base = chosen.then_some(theme.tree_selected);
    if chosen {
        fill(buf, here, theme.tree_selected);
    }
    let style = |own: Style| base.unwrap_or(own);
    // at the right edge: age or state, then the mark
    let sign = match (row.standing, row.mark) {
        (Some(Standing::Offline), _) => " ",
        (Some(Standing::Online), _) => "●",
        (Some(Standing::Working), _) => "◌",
        (Some(Standing::Troubled), _) => "○",
        (Some(Standing::Limited), _) => LIMITED,
        (Some(Standing::Error), _) => ERROR,
        (None, mark) => mark.sign(),
    };
    let sign_style = row.standing.map_or_else(|| mark_style(theme, row.mark), |s| standing_style(theme, s));
    let mut end = put_right(buf, here, sign, style(sign_style));
    let indent = (row.depth * 2).min(here.width / 2);
    let signs = row.sign.width() as u16 + u16::from(!row.sign.is_empty());
    let text_room = here.width.saturating_sub(indent + signs + 4);
    // of what it is called at least so much is seen, and more of it where the rest can be said in short
    let most = if row.brief.is_empty() { 12 } else { 20 };
    let asides = [(&row.aside, most), (&row.brief, 12)];
    let fits = |(aside, most): &(&String, usize)| {
        !aside.is_empty() && usize::from(text_room) > aside.width() + row.text.width().min(*most)
    };
    if let Some((aside, _)) = asides.into_iter().find(fits) {
        let rest = Rect { width: end.saturating_sub(here.x + 1), ..here };
        end = put_right(buf, rest, aside, style(theme.dim));
    }
    let fold = match (row.fold, row.shown) {
        (Some(true), _) => "▾ ",
        (Some(false), _) => "▸ ",
        (None, true) => "▶ ",
        (None, false) => "  ",
    };
    let fold = if row.selected { "✓ " } else { fold };
    let fold_style = if row.selected || row.active { theme.accent } else { theme.dim };
    let mut x = put(buf, here.x + indent, y, here.width.saturating_sub(indent), fold, style(fold_style));
    if !row.sign.is_empty() {
        x = put(buf, x, y, end.saturating_sub(x), row.sign, style(theme.dim)) + 1;
    }
    let text_style = match row.standing {
        Some(Standing::Offline) => theme.tree_offline,
        Some(_) => theme.accent,
        None if row.active => theme.accent,
        None => theme.tree,
    };
    put_cut(buf, x, y, end.saturating_sub(x + 1), &row.text, style(text_style));
}
