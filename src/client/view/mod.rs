//! Draws: each file one part of the screen, as a function of the state; `out` makes the bytes.
pub mod browser;
pub mod canvas;
pub mod detail;
pub mod form;
pub mod gauge;
pub mod layer;
pub mod look;
mod monitor;
pub mod out;
pub mod pane;
pub mod ports;
pub mod queue;
pub mod status;
pub mod tabs;
pub mod tree;
pub mod viewer;

use super::app::{App, Frame};
use crate::term::screen::CursorShape;
use crate::theme::Theme;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Draws the whole screen; says where the cursor is to be, none = hidden.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer) -> Option<(Position, CursorShape)> {
    let frame = app.frame();
    let whole = buf.area;
    let cursor = pane::draw_all(app, theme, frame.body, buf);
    if let Some(area) = frame.tabs {
        tabs::draw(app, theme, area, buf);
    }
    // what is said lies over a drawer, and not behind it
    let over = frame.drawer && frame.tree.is_some() && app.message.is_some();
    if let Some(area) = frame.status {
        if !over {
            status::draw(app, theme, area, buf);
        }
    } else if let Some(message) = &app.message {
        // without a bar a message lies over the last line for as long as it lasts
        let line = Rect { y: whole.bottom().saturating_sub(1), height: whole.height.min(1), ..whole };
        fill(buf, line, theme.status);
        put(buf, line.x, line.y, line.width, &format!(" {}", message.text), theme.status);
    }
    let mut of_tree = None;
    if let Some(area) = frame.tree {
        of_tree = tree::draw(app, theme, area, buf);
        detail::draw(app, theme, buf);
    }
    if let (true, Some(area)) = (over, frame.status) {
        status::draw(app, theme, Rect { x: whole.x, width: whole.width, ..area }, buf);
    }
    let mut cursor = seen_cursor(app, frame, cursor).or(of_tree);
    if let Some((keys, since)) = &app.sequence
        && app.layers.is_empty()
        && app.now >= *since + super::app::WHICH_KEY
    {
        let panel = layer::which_key(app, theme, keys, whole, buf);
        cursor = cursor.filter(|(p, _)| !panel.contains(*p));
    }
    for each in &app.layers {
        cursor = layer::draw(app, theme, each, app.stage(), buf);
    }
    cursor.filter(|(p, _)| whole.contains(*p))
}

/// A program's cursor, unless the tree has the keys or covers it.
fn seen_cursor(app: &App, frame: Frame, cursor: Option<(Position, CursorShape)>) -> Option<(Position, CursorShape)> {
    let covers = |p: Position| frame.drawer && frame.tree.is_some_and(|t| t.contains(p));
    cursor.filter(|(p, _)| !app.tree.focused && !covers(*p))
}

/// Writes a text within `width` cells and the buffer; control characters are left out. Returns where it ended.
pub fn put(buf: &mut Buffer, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
    let area = buf.area;
    if y < area.y || y >= area.bottom() || x < area.x || x >= area.right() || width == 0 {
        return x;
    }
    let width = width.min(area.right() - x);
    cut_before(buf, x, y);
    // what lies under it gives the ground, not its effects: on a dimmed line an accent is none
    let style = style.remove_modifier(look::EVERY.difference(style.add_modifier));
    let style = Style { underline_color: style.underline_color.or(Some(Color::Reset)), ..style };
    let end = buf.set_stringn(x, y, text, usize::from(width), style).0;
    // nor where it leads to
    (x..end).for_each(|x| {
        if let Some(cell) = buf.cell_mut((x, y)) {
            look::set_link(cell, None);
        }
    });
    end
}

/// Like [`put`], with an ellipsis where the text is cut.
pub fn put_cut(buf: &mut Buffer, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
    if text.width() <= usize::from(width) {
        return put(buf, x, y, width, text, style);
    }
    let end = put(buf, x, y, width.saturating_sub(1), text, style);
    put(buf, end, y, width.min(1), "…", style)
}

/// A text that ends at the right edge of `area`'s first line; returns where it begins.
pub fn put_right(buf: &mut Buffer, area: Rect, text: &str, style: Style) -> u16 {
    let width = u16::try_from(text.width()).unwrap_or(u16::MAX).min(area.width);
    let x = area.right() - width;
    put(buf, x, area.y, width, text, style);
    x
}

/// A wide character that reaches into this place goes: half of one is nothing, and the terminal would show all of it.
fn cut_before(buf: &mut Buffer, x: u16, y: u16) {
    if let Some(before) = x.checked_sub(1)
        && let Some(cell) = buf.cell_mut((before, y))
        && is_wide(cell)
    {
        cell.set_symbol(" ");
    }
}

fn is_wide(cell: &Cell) -> bool {
    cell.symbol().len() > 1 && cell.symbol().width() > 1
}

/// The ground of a panel, parted from what lies beside it within `room` by a blank on the ground that is there, and by
/// what is left of words that it cuts.
pub fn ground(buf: &mut Buffer, area: Rect, room: Rect, style: Style) {
    let x = area.x.saturating_sub(1);
    let apart = Rect { x, width: area.right().saturating_add(1) - x, ..area }.intersection(room);
    for y in apart.y..apart.bottom() {
        cut_word(buf, apart.x, y, (room.x..apart.x).rev());
        cut_word(buf, apart.right().saturating_sub(1), y, apart.right()..room.right());
    }
    blank(buf, apart);
    fill(buf, area, style);
}

/// Blanks on the ground that is there.
fn blank(buf: &mut Buffer, area: Rect) {
    let area = area.intersection(buf.area);
    // (of the effects the one that is seen without a letter as well, and is part of the ground)
    let ground = |cell: &Cell| cell.style().remove_modifier(look::EVERY.difference(Modifier::REVERSED));
    for y in area.y..area.bottom() {
        // the second cell of a wide character says nothing of its ground
        let mut wide = area.x.checked_sub(1).and_then(|x| buf.cell((x, y))).filter(|c| is_wide(c)).map(ground);
        cut_before(buf, area.x, y);
        for x in area.x..area.right() {
            let Some(cell) = buf.cell_mut((x, y)) else { continue };
            let kept = wide.take().unwrap_or_else(|| ground(cell));
            wide = is_wide(cell).then_some(kept);
            cell.reset();
            cell.set_style(kept);
        }
        if let (Some(kept), Some(cell)) = (wide, buf.cell_mut((area.right(), y))) {
            cell.set_style(kept);
        }
    }
}

/// Blanks the rest of a word whose cell at `x` is about to go; a long one is more than a loose end, and stays.
fn cut_word(buf: &mut Buffer, x: u16, y: u16, rest: impl Iterator<Item = u16>) {
    const MOST: usize = 16;
    let in_word = |buf: &Buffer, x: u16| {
        let symbol = buf.cell((x, y)).map_or("", |cell| cell.symbol());
        symbol.width() == 1 && symbol.chars().all(char::is_alphanumeric)
    };
    if in_word(buf, x) {
        let loose: Vec<u16> = rest.take_while(|x| in_word(buf, *x)).take(MOST + 1).collect();
        for x in loose.iter().filter(|_| loose.len() <= MOST) {
            if let Some(cell) = buf.cell_mut((*x, y)) {
                cell.set_symbol(" ");
            }
        }
    }
}

/// Blanks in a style.
pub fn fill(buf: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(buf.area);
    for y in area.y..area.bottom() {
        cut_before(buf, area.x, y);
        for x in area.x..area.right() {
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.reset();
                cell.set_style(style);
            }
        }
    }
}

/// A frame around `area`, with a title on its top line; returns what is inside.
pub fn boxed(buf: &mut Buffer, area: Rect, title: &str, line: Style, title_style: Style) -> Rect {
    let area = area.intersection(buf.area);
    if area.width < 2 || area.height < 2 {
        return area;
    }
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    for x in area.x + 1..right {
        put(buf, x, area.y, 1, "─", line);
        put(buf, x, bottom, 1, "─", line);
    }
    for y in area.y + 1..bottom {
        put(buf, area.x, y, 1, "│", line);
        put(buf, right, y, 1, "│", line);
    }
    for (x, y, corner) in [(area.x, area.y, "┌"), (right, area.y, "┐"), (area.x, bottom, "└"), (right, bottom, "┘")]
    {
        put(buf, x, y, 1, corner, line);
    }
    if !title.is_empty() && area.width > 6 {
        put_cut(buf, area.x + 1, area.y, area.width - 2, &format!(" {title} "), title_style);
    }
    Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
}

/// Breaks a text at blanks (or anywhere, where a word is too long) into lines of at most `width` cells; its
/// indentation stays.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let words = text.trim_start_matches(' ');
    let indent = (text.len() - words.len()).min(width / 2);
    let (mut lines, mut line) = (Vec::new(), " ".repeat(indent));
    let mut fresh = true;
    for word in words.split(' ') {
        if !fresh && line.width() + 1 + word.width() > width {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
        } else if !fresh {
            line.push(' ');
        }
        fresh = false;
        for c in word.chars() {
            if line.width() + c.width().unwrap_or(0) > width {
                lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

/// At most `most` of the lines; that there are more is seen at the end of the last.
pub fn first_of(mut lines: Vec<String>, most: usize) -> Vec<String> {
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            last.push('…');
        }
    }
    lines
}

/// Texts in lines of at most `room` columns with something between them, the first line so many shorter. None is broken
/// that fits into a line.
pub fn flow(texts: &[impl AsRef<str>], between: &str, shorter: usize, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for text in texts.iter().map(AsRef::as_ref) {
        let here = if lines.len() < 2 { room.saturating_sub(shorter) } else { room };
        if let Some(last) = lines.last_mut().filter(|last| !last.is_empty())
            && last.width() + between.width() + text.width() <= here
        {
            last.push_str(between);
            last.push_str(text);
            continue;
        }
        if lines.is_empty() && text.width() > here {
            lines.push(String::new());
        }
        lines.extend(wrap(text, room));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_the_ground_but_not_the_effects_under_it() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 3, 1));
        let area = buf.area;
        fill(&mut buf, area, Style::new().bg(Color::Blue).add_modifier(Modifier::DIM));
        put(&mut buf, 0, 0, 3, "a", Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
        assert_eq!((buf[(0, 0)].bg, buf[(0, 0)].modifier), (Color::Blue, Modifier::BOLD));
        assert_eq!(buf[(1, 0)].modifier, Modifier::DIM);
    }

    #[test]
    fn no_half_of_a_wide_character_is_left() {
        let row = |buf: &Buffer| (0..buf.area.width).map(|x| buf[(x, 0)].symbol().to_string()).collect::<Vec<_>>();
        let mut buf = Buffer::empty(Rect::new(0, 0, 8, 1));
        put(&mut buf, 0, 0, 8, "漢漢漢漢", Style::new());
        fill(&mut buf, Rect::new(3, 0, 2, 1), Style::new());
        assert_eq!(row(&buf), ["漢", " ", " ", " ", " ", " ", "漢", " "]);
        put(&mut buf, 0, 0, 8, "漢漢漢漢", Style::new());
        put(&mut buf, 1, 0, 1, "x", Style::new());
        assert_eq!(row(&buf), [" ", "x", "漢", " ", "漢", " ", "漢", " "]);
    }

    #[test]
    fn a_panel_leaves_no_loose_ends_beside_it() {
        let beside = |text: &str| {
            let mut buf = Buffer::empty(Rect::new(0, 0, 40, 1));
            let area = buf.area;
            put(&mut buf, 0, 0, 40, text, Style::new());
            ground(&mut buf, Rect::new(12, 0, 4, 1), area, Style::new());
            (0..40).map(|x| buf[(x, 0)].symbol().to_string()).collect::<String>().trim_end().to_string()
        };
        assert_eq!(beside("one two abcdefghijklmnop three"), "one two                  three");
        assert_eq!(beside("one two abc defghi three four"), "one two abc        three four");
        // more than an end, or none
        assert_eq!(beside("│0123456789abcdefghijklmnopqrstuvwxyz│"), "│                ghijklmnopqrstuvwxyz│");
        assert_eq!(beside("───────────────────────────────"), "───────────      ──────────────");
    }

    #[test]
    fn beside_a_panel_the_ground_is_as_it_was() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 12, 2));
        let area = buf.area;
        fill(&mut buf, area, Style::new().bg(Color::Blue));
        put(&mut buf, 0, 0, 12, "漢漢漢漢漢漢", Style::new().fg(Color::Red).add_modifier(Modifier::UNDERLINED));
        put(&mut buf, 1, 1, 10, "漢漢漢漢漢", Style::new());
        ground(&mut buf, Rect::new(4, 0, 4, 2), area, Style::new().bg(Color::White));
        for (x, y) in [(2, 0), (3, 0), (8, 0), (9, 0), (3, 1), (8, 1)] {
            let cell = &buf[(x, y)];
            assert_eq!((cell.symbol(), cell.bg), (" ", Color::Blue), "{x},{y}");
        }
        assert_eq!((buf[(3, 0)].modifier, buf[(8, 1)].modifier), (Modifier::empty(), Modifier::empty()));
        assert!((4..8).all(|x| buf[(x, 1)].bg == Color::White));
        // whole ones stay, halves don't
        let row = |y: u16| (0..12).map(|x| buf[(x, y)].symbol().to_string()).collect::<String>();
        assert_eq!((row(0).as_str(), row(1).as_str()), ("漢         漢 ", " 漢       漢  "));
    }

    #[test]
    fn texts_flow_into_lines() {
        assert_eq!(flow(&["a b", "c d", "e f", "g"], "  ", 0, 8), ["a b  c d", "e f  g"]);
        assert_eq!(flow(&["a b", "c d"], "  ", 2, 8), ["a b", "c d"]);
        assert_eq!(flow(&["longer", "c"], " · ", 6, 10), ["", "longer · c"]);
        assert_eq!(flow(&["a", "longer than that"], " · ", 0, 10), ["a", "longer", "than that"]);
        assert!(flow(&[""; 0], " ", 0, 5).is_empty());
    }

    #[test]
    fn texts_are_broken_at_blanks() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("  a bb ccc", 6), ["  a bb", "  ccc"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("漢字", 1), ["", "漢", "字"]);
    }
}
