//! Draws a file being looked at, over all of the screen.

use super::layer::{Cursor, typed};
use super::{boxed, fill, put, put_cut, put_right};
use crate::client::app::App;
use crate::client::browser::amount;
use crate::client::browser::viewer::{MOST, Viewer};
use crate::proto::ids::Size;
use crate::text::escape;
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthChar;

/// Rows of a file that are seen.
pub fn room(size: Size) -> u16 {
    size.rows.saturating_sub(3).max(1)
}

/// Columns of a file that are seen.
pub fn columns(size: Size) -> usize {
    usize::from(size.cols.saturating_sub(2))
}

/// What is left of a line behind so many columns.
fn behind(text: &str, columns: usize) -> &str {
    let mut wide = 0;
    for (at, c) in text.char_indices() {
        if wide >= columns {
            return text.get(at..).unwrap_or_default();
        }
        wide += c.width().unwrap_or(0);
    }
    ""
}

pub fn draw(app: &App, theme: &Theme, v: &Viewer, buf: &mut Buffer) -> Cursor {
    let whole = buf.area;
    fill(buf, whole, theme.panel);
    let area = Rect { height: whole.height.saturating_sub(1), ..whole };
    let inner = boxed(buf, area, &v.title, theme.border_focused, theme.accent);
    let rows = usize::from(inner.height);
    let top = v.top(rows);
    let needle = v.sought.to_lowercase();
    for (row, y) in (top..top + rows).zip(inner.y..inner.bottom()) {
        let Some(text) = v.row(row) else { break };
        let found = !needle.is_empty() && text.to_lowercase().contains(&needle);
        let style = if found { theme.accent } else { theme.text };
        put(buf, inner.x, y, inner.width, behind(&text, v.left), style);
    }
    if v.bytes.is_empty() {
        let (text, style) = match (&v.trouble, v.tag) {
            (Some(why), _) => (why.as_str(), theme.error),
            (None, Some(_)) => ("reading …", theme.dim),
            (None, None) => ("empty", theme.dim),
        };
        for (text, y) in super::wrap(text, usize::from(inner.width)).iter().zip(inner.y..inner.bottom()) {
            put(buf, inner.x, y, inner.width, text, style);
        }
    }
    let line = Rect { y: whole.bottom().saturating_sub(1), height: whole.height.min(1), ..whole };
    fill(buf, line, theme.status);
    let state = match (&v.trouble, v.tag, v.whole) {
        (Some(_), ..) => "cut short".to_string(),
        (None, Some(_), _) => format!("{} of {} …", amount(v.bytes.len() as u64), amount(v.size)),
        (None, None, false) => format!("the first {} of {}", amount(MOST), amount(v.size)),
        (None, None, true) => amount(v.bytes.len() as u64),
    };
    let last = (top + rows).min(v.rows());
    let percent = if v.rows() == 0 { 100 } else { last * 100 / v.rows() };
    let end = put_right(buf, line, &format!(" {state} · {percent}% "), theme.status);
    let room = end.saturating_sub(line.x + 1);
    if let Some(field) = &v.typing {
        let here = Rect { width: room, ..line };
        return typed(here, "/", &escape(field.text()), theme.accent, buf);
    }
    match (&app.message, v.missed) {
        _ if v.is_seeking() => put_cut(buf, line.x + 1, line.y, room, "searching … Esc stops", theme.accent),
        (_, true) => put_cut(buf, line.x + 1, line.y, room, "not found", theme.warn),
        (Some(message), _) => {
            // (the way out is seen all the same)
            let x = put_cut(buf, line.x + 1, line.y, room, "q close  ", theme.status);
            put_cut(buf, x, line.y, (line.x + 1 + room).saturating_sub(x), &message.text, theme.accent)
        }
        _ => put_cut(buf, line.x + 1, line.y, room, "q close  / find  n next  x hex or text", theme.status),
    };
    None
}
