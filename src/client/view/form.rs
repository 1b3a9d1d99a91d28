//! Draws the form of a prepared connection.

use super::layer::{Cursor, place, typed};
use super::{boxed, fill, flow, ground, put, put_cut, put_right, wrap};
use crate::client::layer::form::Form;
use crate::client::tree::host_text;
use crate::text::{escape, short};
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

const WIDTH: u16 = 78;
/// Columns of the labels.
const LABELS: u16 = 16;
/// What is wrong or meant takes at most so many lines.
const SAID: usize = 4;
/// Fields that are seen whatever is said under them.
const LEAST: u16 = 3;

fn area(form: &Form, whole: Rect) -> Rect {
    let foot = u16::try_from(foot(form, WIDTH.min(whole.width)).len()).unwrap_or(u16::MAX);
    let lines = u16::try_from(form.lines.len()).unwrap_or(u16::MAX);
    place(whole, WIDTH, lines.saturating_add(2).saturating_add(foot))
}

/// What is wrong with the form or meant by its field: how bad that is, and the words.
fn said(form: &Form) -> (Said, String) {
    match (&form.failed, form.complaint(), form.lines.get(form.at)) {
        _ if form.doubted => (Said::Doubt, "not saved: Esc once more throws it away, C-s saves it".to_string()),
        _ if form.saving.is_some() && form.opens => (Said::News, "it is being opened".to_string()),
        _ if form.saving.is_some() => (Said::News, "it is being saved".to_string()),
        _ if form.listing.is_some() => (Said::News, "asking what is there".to_string()),
        (Some(why), ..) => (Said::Error, why.clone()),
        (_, Some(wrong), _) => (Said::Error, short(&wrong.why, 200)),
        (_, _, Some(line)) => (Said::Hint, line.hint.to_string()),
        _ => (Said::Hint, String::new()),
    }
}

#[derive(Clone, Copy)]
enum Said {
    Doubt,
    News,
    Error,
    Hint,
    Keys,
}

/// The lines under the fields of a form so wide: what is said, and the keys.
fn foot(form: &Form, width: u16) -> Vec<(Said, String)> {
    let room = usize::from(width.saturating_sub(3));
    let (how, text) = said(form);
    let mut lines = wrap(&text, room);
    if lines.len() > SAID {
        lines.truncate(SAID);
        lines.last_mut().into_iter().for_each(|last| last.push('…'));
    }
    let mut keys = match form.opens {
        true => vec!["Enter open once", "C-s keep and open", "Tab next"],
        false => vec!["C-s save", "Enter next"],
    };
    match form.lines.get(form.at) {
        Some(line) if line.is_choice() => keys.push("←→ choose"),
        Some(line) if line.listing.is_some() => keys.push("C-Space what is there"),
        _ => {}
    }
    keys.push("Esc leave");
    let keys = flow(&keys, "   ", 0, room);
    let keys = keys.into_iter().map(|line| (Said::Keys, line));
    lines.into_iter().map(|line| (how, line)).chain(keys).collect()
}

/// The rows of the fields, and the first field shown.
fn list(form: &Form, inner: Rect) -> (Rect, usize) {
    let foot = u16::try_from(foot(form, inner.width + 2).len()).unwrap_or(u16::MAX);
    let height = inner.height.saturating_sub(foot).max(LEAST.min(inner.height));
    let list = Rect { height, ..inner };
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
    let what = match (form.opens, form.is_new()) {
        (true, _) => "new",
        (_, true) => "new connection",
        _ => "connection",
    };
    let inner = inner(area);
    let (list, first) = list(form, inner);
    // what is not seen of the fields
    let below = form.lines.len().saturating_sub(first + usize::from(list.height));
    let [above, below] = [(first, '▴'), (below, '▾')].map(|(more, sign)| match more {
        0 => String::new(),
        more => format!(" {more} more {sign} "),
    });
    let title = format!("{what} · {}", host_text(&form.host));
    let room = usize::from(area.width).saturating_sub(4 + above.width());
    boxed(buf, area, &short(&title, room), theme.border_focused, theme.accent);
    for (text, y) in [(above, area.y), (below, area.bottom().saturating_sub(1))] {
        if area.width > 20 {
            put_right(buf, Rect { y, height: 1, width: area.width - 1, ..area }, &text, theme.accent);
        }
    }
    let labels = LABELS.min(inner.width * 2 / 5);
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
    for (line, y) in foot(form, area.width).into_iter().zip(list.bottom()..inner.bottom()) {
        let (how, text) = line;
        let style = match how {
            Said::Doubt => theme.warn,
            Said::News => theme.accent,
            Said::Error => theme.error,
            Said::Hint | Said::Keys => theme.dim,
        };
        put_cut(buf, inner.x + 1, y, inner.width.saturating_sub(1), &text, style);
    }
    cursor
}
