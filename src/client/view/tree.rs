//! Draws the tree of hosts and sessions.

use super::{boxed, fill, put, put_cut, put_right};
use crate::client::app::App;
use crate::client::tree::{Mark, Row, Standing};
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

pub fn standing_style(theme: &Theme, s: Standing) -> Style {
    match s {
        Standing::Offline => theme.tree_offline,
        Standing::Working => theme.accent,
        Standing::Online => theme.ok,
        Standing::Troubled => theme.warn,
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

/// The first row shown, so that the chosen one is.
pub fn first_row(app: &App, area: Rect, rows: &[Row]) -> usize {
    let room = usize::from(area.height.saturating_sub(2)).max(1);
    (app.tree_index(rows) + 1).saturating_sub(room)
}

pub fn draw(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    fill(buf, area, theme.panel);
    let focused = app.tree.focused;
    let line = if focused { theme.border_focused } else { theme.border };
    let title = if focused { theme.accent } else { theme.dim };
    let mut inner = boxed(buf, area, "hosts", line, title);
    if app.tabs.list.is_empty() && inner.height >= 3 {
        inner.height -= 1;
        put_cut(buf, inner.x, inner.bottom(), inner.width, "c new shell  d leave", theme.dim);
    }
    let rows = app.tree_rows();
    let (chosen, first) = (app.tree_index(&rows), first_row(app, area, &rows));
    for ((i, row), y) in rows.iter().enumerate().skip(first).zip(inner.y..inner.bottom()) {
        let here = Rect { y, height: 1, ..inner };
        let base = if focused && i == chosen {
            fill(buf, here, theme.tree_selected);
            Some(theme.tree_selected)
        } else {
            None
        };
        let style = |own: Style| base.unwrap_or(own);
        // at the right edge: age or state, then the mark
        let sign = match (row.standing, row.mark) {
            (Some(Standing::Offline), _) => " ",
            (Some(Standing::Online), _) => "●",
            (Some(Standing::Working), _) => "◌",
            (Some(Standing::Troubled), _) => "○",
            (None, mark) => mark.sign(),
        };
        let sign_style = row.standing.map_or_else(|| mark_style(theme, row.mark), |s| standing_style(theme, s));
        let mut end = put_right(buf, here, sign, style(sign_style));
        let indent = row.depth * 2;
        let text_room = here.width.saturating_sub(indent + 4);
        if !row.aside.is_empty() && usize::from(text_room) > row.aside.width() + 6 {
            let rest = Rect { width: end.saturating_sub(here.x + 1), ..here };
            end = put_right(buf, rest, &row.aside, style(theme.dim));
        }
        let fold = match (row.fold, row.shown) {
            (Some(true), _) => "▾ ",
            (Some(false), _) => "▸ ",
            (None, true) => "▶ ",
            (None, false) => "  ",
        };
        let x = put(buf, here.x + indent, y, here.width.saturating_sub(indent), fold, style(theme.dim));
        let text_style = match row.standing {
            Some(Standing::Offline) => theme.tree_offline,
            Some(_) => theme.accent,
            None => theme.tree,
        };
        put_cut(buf, x, y, end.saturating_sub(x + 1), &row.text, style(text_style));
    }
}
