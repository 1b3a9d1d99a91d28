//! Owns what a row of cells tells: what stands where, and which of it is moved by what is typed. Leaves out keys.

use super::Place;
use crate::client::pane::OwnedCell;
use crate::term::engine::Engine;
use crate::term::screen::{Color, Style};
use std::hash::{DefaultHasher, Hasher};

/// So many blanks part what is typed from what is shown beside it.
pub(super) const GAP: usize = 4;

/// Whether a character that is seen is told by it from any other: not what a field of stars shows, nor what a program
/// shows at a key that is none of a text (`:` and `/` of a pager).
pub(super) fn tells(c: char) -> bool {
    c.is_alphanumeric() && !matches!(c, 'x' | 'X')
}

pub(super) fn hash<T: AsRef<str>>(cells: impl Iterator<Item = T>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for cell in cells {
        let text = cell.as_ref();
        hasher.write(if text.is_empty() { b" " } else { text.as_bytes() });
    }
    hasher.finish()
}

/// What a row shows, as a number.
pub(super) fn row_hash(engine: &Engine, row: u16) -> u64 {
    text_of(engine, (row, engine.size().cols))
}

/// What stands left of a place, as a number.
pub(super) fn text_of(engine: &Engine, (row, col): Place) -> u64 {
    let mut hasher = DefaultHasher::new();
    for col in 0..col {
        let cell = engine.cell(row, col);
        let text: &str = &cell.text;
        hasher.write(if text.is_empty() { b" " } else { text.as_bytes() });
    }
    hasher.finish()
}

pub(super) fn row_text(engine: &Engine, row: u16) -> String {
    let size = engine.size();
    let mut text = String::new();
    if row < size.rows {
        (0..size.cols).for_each(|col| text.push_str(&engine.cell(row, col).text));
    }
    text
}

pub(super) fn is_blank(cell: &OwnedCell) -> bool {
    cell.width == 1 && matches!(cell.text.as_str(), "" | " ")
}

pub(super) fn is_char(text: &str, c: char) -> bool {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), None) => first == c,
        (None, _) => c == ' ',
        _ => false,
    }
}

pub(super) fn shows(cell: &OwnedCell, c: char) -> bool {
    is_char(&cell.text, c)
}

/// Where the text that goes on at `col` ends: before the row's end, or before a gap. What is further right, such as a prompt
/// at the right edge, is not moved by what is typed.
pub(super) fn end_of(cells: &[OwnedCell], col: usize) -> usize {
    let mut end = col;
    for (n, cell) in cells.iter().enumerate().skip(col) {
        if !is_blank(cell) {
            end = n + 1;
        } else if n >= end + GAP - 1 {
            break;
        }
    }
    end
}

/// Whether what stands at `col` is only proposed: shells show what the line might become, fainter than what is typed.
pub(super) fn is_suggested(cells: &[OwnedCell], col: usize) -> bool {
    let is_faint = |style: &Style| {
        let grey = |r: u8, g: u8, b: u8| r == g && g == b && (0x30..=0xa0).contains(&r);
        style.dim
            || match style.fg {
                Color::Index(n) => n == 8 || (237..=248).contains(&n),
                Color::Rgb(r, g, b) => grey(r, g, b),
                Color::Default => false,
            }
    };
    let left = col.checked_sub(1).and_then(|c| cells.get(c));
    cells.get(col).is_some_and(|c| is_faint(&c.style)) && left.is_some_and(|c| !is_faint(&c.style))
}

/// Text that is typed looks as that left of it, where there is some.
pub(super) fn style_at(cells: &[OwnedCell], col: usize) -> Style {
    let left = col.checked_sub(1).and_then(|c| cells.get(c)).filter(|c| !is_blank(c));
    left.map_or_else(Style::default, |c| c.style)
}

/// Columns of the character left of `col`.
pub(super) fn before(cells: &[OwnedCell], col: usize) -> Option<usize> {
    let left = cells.get(col.checked_sub(1)?)?;
    match left.width {
        0 if col >= 2 => Some(2),
        0 => None,
        _ => Some(1),
    }
}
