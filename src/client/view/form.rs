//! Draws the form of a prepared connection.

use super::layer::{Cursor, place, typed};
use super::{boxed, fill, ground, put, put_cut};
use crate::client::layer::form::Form;
use crate::client::tree::host_text;
use crate::text::{escape, short};
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const WIDTH: u16 = 78;
/// Columns of the labels.
const LABELS: u16 = 16;
/// Lines under the fields: what is wrong or meant, and the keys.
const FOOT: u16 = 2;

fn area(form: &Form, whole: Rect) -> Rect {
    place(whole, WIDTH, u16::try_from(form.lines.len()).unwrap_or(u16::MAX).saturating_add(2 + FOOT))
}

/// The rows of the fields, and the first field shown.
fn list(form: &Form, inner: Rect) -> (Rect, usize) {
    let list = Rect { height: inner.height.saturating_sub(FOOT), ..inner };
    (list, (form.at + 1).saturating_sub(usize::from(list.height).max(1)))
}

fn inner(area: Rect) -> Rect {
    Rect { x: area.x + 1, y: area.y + 1, width: area.width.saturating_sub(2), height: area.height.saturating_sub(2) }
}

/// The field at a place of the screen.
pub fn line_at(form: &Form, whole: Rect, x: u16, y: u16) -> Option<usize> {
    let (list, first) = list(form, inner(area(form, whole)));
    let at = first + usize::from(y.checked_sub(list.y)?);
    (list.contains((x, y).into()) && at < form.lines.len()).then_some(at)
}

pub fn draw(theme: &Theme, form: &Form, whole: Rect, buf: &mut Buffer) -> Cursor {
    let area = area(form, whole);
    ground(buf, area, whole, theme.panel);
    let what = if form.is_new() { "new connection" } else { "connection" };
    let title = format!("{what} · {}", host_text(&form.host));
    boxed(buf, area, &title, theme.border_focused, theme.accent);
    let inner = inner(area);
    let (list, first) = list(form, inner);
    let labels = LABELS.min(inner.width / 3);
    let mut cursor = None;
    for ((n, line), y) in form.lines.iter().enumerate().skip(first).zip(list.y..list.bottom()) {
        let row = Rect { y, height: 1, ..list };
        let here = n == form.at;
        let is_wrong = form.wrong.iter().any(|w| w.field == line.field);
        let sign = if is_wrong { "!" } else { " " };
        let x = put(buf, row.x, y, 1, sign, theme.error);
        put_cut(buf, x, y, labels.saturating_sub(1), line.label, if here { theme.accent } else { theme.dim });
        let at = Rect { x: row.x + labels + 1, width: row.width.saturating_sub(labels + 1), ..row };
        let text = escape(line.text());
        match (here, line.is_choice()) {
            (true, true) => {
                let text = format!("‹ {} ›", if text.is_empty() { "as the settings say" } else { &text });
                fill(buf, at, theme.chosen);
                put_cut(buf, at.x, y, at.width, &text, theme.chosen);
            }
            (true, false) => cursor = typed(at, "", &text, theme.text, buf),
            (false, true) if text.is_empty() => drop(put_cut(buf, at.x, y, at.width, "as the settings say", theme.dim)),
            (false, _) => drop(put_cut(buf, at.x, y, at.width, &text, theme.text)),
        }
    }
    let (foot, style) = match (&form.failed, form.complaint(), form.lines.get(form.at)) {
        _ if form.doubted => ("not saved: Esc once more throws it away, C-s saves it".to_string(), theme.warn),
        _ if form.saving.is_some() => ("it is being saved".to_string(), theme.accent),
        (Some(why), ..) => (why.clone(), theme.error),
        (_, Some(wrong), _) => (short(&wrong.why, 200), theme.error),
        (_, _, Some(line)) => (line.hint.to_string(), theme.dim),
        _ => (String::new(), theme.dim),
    };
    if inner.height > FOOT {
        put_cut(buf, inner.x + 1, inner.bottom() - 2, inner.width.saturating_sub(1), &foot, style);
    }
    let keys = "C-s save   Enter next   ←→ choose   Esc leave";
    put_cut(buf, inner.x + 1, inner.bottom().saturating_sub(1), inner.width.saturating_sub(1), keys, theme.dim);
    cursor
}
