//! Draws the file browser: two columns, or the one that has the keys where there is no room for both; under them a message, or
//! what the keys do. Only the rows that are to be seen are looked at.

use super::layer::{Cursor, typed};
use super::{boxed, fill, put, put_cut, put_right};
use crate::client::app::App;
use crate::client::app::files::path_text;
use crate::client::browser::column::{Column, Entry, Sort};
use crate::client::browser::keys::DEEDS;
use crate::client::browser::{WIDE, amount, mode, sized};
use crate::client::keymap::shown;
use crate::proto::control::FileKind;
use crate::text::{count, escape, short};
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// From this height on the columns have headings.
const ROOMY: u16 = 12;
/// Columns of a size, of a time, of permissions and owner, each with the blank before it.
const SIZE: u16 = 7;
const TIME: u16 = 13;
const MODE: u16 = 10;
const OWNER: u16 = 11;
/// A name has at least so many before anything else is shown.
const NAME: u16 = 20;

/// Where the columns lie; none = it is not shown.
pub fn areas(app: &App) -> [Option<Rect>; 2] {
    let whole = Rect::new(0, 0, app.size.cols, app.size.rows.saturating_sub(1));
    let Some(browser) = &app.files.browser else { return [None, None] };
    if whole.width >= WIDE {
        let left = whole.width / 2;
        let right = Rect { x: left, width: whole.width - left, ..whole };
        return [Some(Rect { width: left, ..whole }), Some(right)];
    }
    if browser.active == 0 { [Some(whole), None] } else { [None, Some(whole)] }
}

/// Where a column's entries lie within its area.
pub fn list_area(area: Rect) -> Rect {
    let head = u16::from(area.height >= ROOMY);
    Rect {
        x: area.x + 1,
        y: area.y + 1 + head,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2 + head),
    }
}

/// Rows of a column that can be seen.
pub fn room(app: &App) -> usize {
    usize::from(list_area(Rect::new(0, 0, app.size.cols, app.size.rows.saturating_sub(1))).height)
}

pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer) -> Cursor {
    let Some(browser) = &app.files.browser else { return None };
    let whole = buf.area;
    fill(buf, whole, theme.panel);
    let mut cursor = None;
    for (side, (column, area)) in browser.columns.iter().zip(areas(app)).enumerate() {
        let Some(area) = area else { continue };
        let active = side == browser.active;
        draw_column(app, theme, column, area, active, buf);
        if let Some(field) = browser.typing.as_ref().filter(|_| active) {
            let foot = Rect {
                x: area.x + 1,
                y: area.bottom().saturating_sub(1),
                width: area.width.saturating_sub(2),
                height: 1,
            };
            fill(buf, foot, theme.panel);
            cursor = typed(foot, "/", &escape(field.text()), theme.accent, buf);
        }
    }
    let line = Rect { y: whole.bottom().saturating_sub(1), height: whole.height.min(1), ..whole };
    draw_line(app, theme, line, browser.follow, buf);
    cursor
}

/// The line at the bottom: a message, else what the keys do; how far the copies are.
pub(super) fn draw_line(app: &App, theme: &Theme, line: Rect, follow: bool, buf: &mut Buffer) {
    fill(buf, line, theme.status);
    let mut end = line.right();
    if let Some(text) = app.files.queue.brief() {
        end = put_right(buf, line, &format!(" {text} "), theme.accent);
    }
    if follow {
        let rest = Rect { width: end.saturating_sub(line.x), ..line };
        end = put_right(buf, rest, " follows ", theme.status_mode);
    }
    let room = end.saturating_sub(line.x + 1);
    if let Some(message) = &app.message {
        put_cut(buf, line.x + 1, line.y, room, &message.text, theme.accent);
        return;
    }
    // what there is room for; help always
    let mut words: Vec<(String, &str)> = Vec::new();
    let mut wide = 0;
    let all = DEEDS.iter().filter(|d| !d.word.is_empty());
    let (must, rest): (Vec<_>, Vec<_>) = all.partition(|d| matches!(d.word, "help" | "close"));
    for deed in must.iter().chain(&rest) {
        let key = shown(deed.key());
        let more = key.width() + deed.word.width() + 3;
        if wide + more <= usize::from(room) {
            wide += more;
            words.push((key, deed.word));
        }
    }
    words.sort_by_key(|(_, word)| DEEDS.iter().position(|d| d.word == *word));
    let mut x = line.x + 1;
    for (key, word) in words {
        x = put(buf, x, line.y, end.saturating_sub(x), &key, theme.key);
        x = put(buf, x + 1, line.y, end.saturating_sub(x + 1), word, theme.status) + 2;
    }
}

/// Which of the fields beside the name there is room for: size, time, permissions, owner.
fn fields(width: u16) -> [bool; 4] {
    let mut left = width.saturating_sub(NAME + 2);
    [SIZE, TIME, MODE, OWNER].map(|wide| {
        let fits = left >= wide;
        left = if fits { left - wide } else { 0 };
        fits
    })
}

/// A text cut in its middle to so many columns: both ends of a path say something.
fn middle(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_string();
    }
    let (mut head, mut tail) = (String::new(), Vec::new());
    let (mut wide, third) = (0, most.saturating_sub(1) / 3);
    for c in text.chars() {
        if wide + c.width().unwrap_or(0) > third {
            break;
        }
        wide += c.width().unwrap_or(0);
        head.push(c);
    }
    for c in text.chars().rev() {
        if wide + 1 + c.width().unwrap_or(0) > most {
            break;
        }
        wide += c.width().unwrap_or(0);
        tail.push(c);
    }
    head.push('…');
    head.extend(tail.into_iter().rev());
    head
}

fn draw_column(app: &App, theme: &Theme, c: &Column, area: Rect, active: bool, buf: &mut Buffer) {
    let (line, title) = if active { (theme.border_focused, theme.accent) } else { (theme.border, theme.dim) };
    let most = usize::from(area.width.saturating_sub(4));
    let place = format!("{}: {}", short(&c.whose.label, 60), short(&path_text(&c.path), 400));
    boxed(buf, area, &middle(&place, most), line, title);
    let list = list_area(area);
    let shows = fields(list.width);
    if area.height >= ROOMY {
        let head = Rect { y: area.y + 1, height: 1, ..list };
        draw_head(theme, c, head, shows, buf);
    }
    let room = usize::from(list.height);
    let first = c.top(room);
    for (at, y) in (first..c.len()).zip(list.y..list.bottom()) {
        if let Some(entry) = c.row(at) {
            let here = Rect { y, height: 1, ..list };
            draw_row(app, theme, entry, here, shows, (active, at == c.cursor()), buf);
        }
    }
    if c.is_empty() {
        let (text, style) = match (&c.trouble, c.is_reading(), c.all()) {
            (Some(why), ..) => (why.clone(), theme.error),
            (_, true, _) => ("reading …".into(), theme.dim),
            (.., 0) => ("empty".into(), theme.dim),
            _ if !c.filter().is_empty() => ("nothing matches".into(), theme.dim),
            _ => ("nothing but names with a dot: . shows them".into(), theme.dim),
        };
        for (text, y) in super::wrap(&text, usize::from(list.width)).iter().zip(list.y..list.bottom()) {
            put(buf, list.x, y, list.width, text, style);
        }
    }
    draw_foot(theme, c, area, title, buf);
}

fn draw_head(theme: &Theme, c: &Column, head: Rect, shows: [bool; 4], buf: &mut Buffer) {
    let arrow = if c.reversed { "▴" } else { "▾" };
    let word = |text: &str, sort: Sort| if c.sort == sort { format!("{text}{arrow}") } else { text.to_string() };
    let mut end = head.right();
    let texts = [word("size", Sort::Size), word("changed", Sort::Time), "mode".into(), "owner".into()];
    let at_right = [true, false, false, false];
    let wide = [SIZE, TIME, MODE, OWNER];
    for n in (0..4).rev() {
        if let (Some(true), Some(wide), Some(text)) = (shows.get(n), wide.get(n), texts.get(n)) {
            let cell = Rect { x: end.saturating_sub(*wide - 1), width: *wide - 1, ..head };
            if at_right.get(n) == Some(&true) {
                put_right(buf, cell, text, theme.dim);
            } else {
                put_cut(buf, cell.x, cell.y, cell.width, text, theme.dim);
            }
            end = end.saturating_sub(*wide);
        }
    }
    let name = if c.sort == Sort::Kind { format!("name (by kind{arrow})") } else { word("name", Sort::Name) };
    put_cut(buf, head.x + 2, head.y, end.saturating_sub(head.x + 2), &name, theme.dim);
}

fn draw_row(
    app: &App,
    theme: &Theme,
    entry: &Entry,
    here: Rect,
    shows: [bool; 4],
    (active, chosen): (bool, bool),
    buf: &mut Buffer,
) {
    let info = &entry.info;
    let base = (active && chosen).then_some(theme.chosen);
    if let Some(style) = base {
        fill(buf, here, style);
    }
    let style = |own: Style| base.unwrap_or(own);
    let y = here.y;
    let mut end = here.right();
    let fields = [
        match entry.is_dir() {
            true => String::new(),
            false => amount(info.size),
        },
        if info.mtime_ms == 0 { String::new() } else { when(app, info.mtime_ms) },
        if info.mode == 0 && info.kind == FileKind::Link { String::new() } else { mode::text(info.mode) },
        if info.owner.is_empty() { info.uid.to_string() } else { short(&info.owner, 20) },
    ];
    let wide = [SIZE, TIME, MODE, OWNER];
    for n in (0..4).rev() {
        if let (Some(true), Some(wide), Some(text)) = (shows.get(n), wide.get(n), fields.get(n)) {
            let cell = Rect { x: end.saturating_sub(*wide - 1), width: *wide - 1, ..here };
            if n == 0 {
                put_right(buf, cell, text, style(theme.dim));
            } else {
                put_cut(buf, cell.x, y, cell.width, text, style(theme.dim));
            }
            end = end.saturating_sub(*wide);
        }
    }
    let (sign, own) = match info.kind {
        _ if entry.selected => ("✓", theme.accent),
        FileKind::Dir => ("/", theme.accent),
        FileKind::Link if info.link.as_ref().is_some_and(|l| l.kind.is_none()) => ("!", theme.warn),
        FileKind::Link => ("@", theme.dim),
        FileKind::Other => ("=", theme.dim),
        FileKind::File if info.mode & 0o111 != 0 => ("*", theme.ok),
        FileKind::File => (" ", theme.text),
    };
    // the cursor of the column without the keys is where it will go on
    let sign = if chosen && !active && sign == " " { "·" } else { sign };
    put(buf, here.x, y, 1, sign, style(if chosen && !active { theme.accent } else { own }));
    let text_style = match info.kind {
        _ if entry.selected => theme.accent,
        FileKind::Dir => theme.accent,
        FileKind::Link if entry.is_dir() => theme.accent,
        FileKind::Link | FileKind::Other => theme.text,
        FileKind::File => theme.text,
    };
    let x = here.x + 2;
    let room = end.saturating_sub(x);
    // (the ending of a long one says something)
    let name = middle(&info.name.to_string(), usize::from(room));
    let x = put(buf, x, y, room, &name, style(text_style));
    if let Some(link) = info.link.as_ref().filter(|_| end.saturating_sub(x) > 6) {
        let text = format!(" -> {}", short(&link.target.to_string(), 200));
        put_cut(buf, x, y, end.saturating_sub(x), &text, style(theme.dim));
    }
}

/// `Nov 20 14:02` of this year, else `2024-11-20`.
fn when(app: &App, ms: i64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = app.moment(ms);
    let near = (app.unix_now() - ms.div_euclid(1000)).abs() < 300 * 86_400;
    let month = text.get(5..7).and_then(|m| m.parse::<usize>().ok()).and_then(|m| MONTHS.get(m.wrapping_sub(1)));
    match (month, text.get(8..10), text.get(11..16)) {
        (Some(month), Some(day), Some(time)) if near => format!("{month} {day} {time}"),
        _ => text.split(' ').next().unwrap_or_default().to_string(),
    }
}

fn draw_foot(theme: &Theme, c: &Column, area: Rect, own: Style, buf: &mut Buffer) {
    let y = area.bottom().saturating_sub(1);
    let (chosen, bytes) = c.selected();
    let mut words = Vec::new();
    let mut style = own;
    // (why so few are seen comes first: what does not fit is cut)
    if !c.filter().is_empty() {
        words.push(format!("/{}", short(c.filter(), 30)));
    }
    if chosen > 0 {
        words.push(format!("{chosen} selected, {}", sized(bytes)));
        style = theme.accent;
    }
    if c.selected_away() > 0 {
        words.push(format!("{} selected not shown", c.selected_away()));
    }
    match c.len() == c.all() {
        true => words.push(count(c.all(), "entry").replace("entrys", "entries")),
        false => words.push(format!("{} of {} shown", c.len(), c.all())),
    }
    if c.is_reading() {
        words.push("reading …".into());
    }
    if c.end.more {
        words.push("there are more".into());
    }
    if c.end.unusable > 0 {
        words.push(format!("{} with names that are none", c.end.unusable));
    }
    if let Some(why) = c.trouble.as_ref().filter(|_| !c.is_empty()) {
        words.push(why.clone());
        style = theme.error;
    }
    let text = format!(" {} ", words.join(" · "));
    put_cut(buf, area.x + 1, y, area.width.saturating_sub(2), &text, style);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_keeps_both_ends() {
        assert_eq!(middle("/home/me/projects/thub/src", 14), "/hom…/thub/src");
        assert_eq!(middle("漢字漢字漢字.txt", 9), "漢…字.txt");
        assert_eq!(middle("abc", 3), "abc");
        assert!((0..20).all(|n| middle("漢字 and more of it", n).width() <= n.max(1)));
    }

    #[test]
    fn fields_come_as_there_is_room() {
        assert_eq!(fields(38), [true, false, false, false]);
        assert_eq!(fields(58), [true, true, true, false]);
        assert_eq!(fields(20), [false; 4]);
    }
}
