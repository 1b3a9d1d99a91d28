//! Owns the strings a program sends (OSC, DCS, APC) and the colours it sets. Leaves out the reading of bytes.

use super::graphics::{Action, Apc, Kind, Placement, Sixel, cells};
use super::terminal::Terminal;
use crate::term::marks::{Mark, MarkKind};
use crate::term::screen::{self, Event, palette};
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::collections::BTreeMap;

/// Longest title kept, in characters.
const MOST_TITLE: usize = 256;
/// Longest notification, in characters.
const MOST_NOTICE: usize = 1024;
/// Longest clipboard text, in bytes.
const MOST_CLIPBOARD: usize = 100_000;
/// Images of kitty's whose size is remembered, to be placed later.
const MOST_IMAGES: usize = 64;
/// Longest address of a link, in bytes (as VTE has it).
const MOST_LINK: usize = 2083;

pub(super) type Rgb = (u8, u8, u8);

/// Programs differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The colours a program is told, and those it has set itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Colors {
    /// The outer terminal's foreground and background.
    pub outer: (Rgb, Rgb),
    /// OSC 4.
    pub palette: BTreeMap<u8, Rgb>,
    /// OSC 10 to 19.
    pub dynamic: [Option<Rgb>; 10],
    /// OSC 5: bold, underline, blink, reverse, italic.
    pub special: [Option<Rgb>; 5],
}

impl Default for Colors {
    fn default() -> Colors {
        let before = screen::Colors::default();
        let outer = (before.text, before.back);
        Colors { outer, palette: BTreeMap::new(), dynamic: [None; 10], special: [None; 5] }
    }
}

impl Colors {
    /// Foreground (10), background (11), cursor (12) and so on.
    pub fn dynamic(&self, osc: u16) -> Rgb {
        let set = usize::from(osc).checked_sub(10).and_then(|i| self.dynamic.get(i)).copied().flatten();
        set.unwrap_or(match osc {
            11 | 14 | 16 | 18 | 19 if osc != 19 => self.outer.1,
            _ => self.outer.0,
        })
    }
    pub fn indexed(&self, i: u8) -> Rgb {
        self.palette.get(&i).copied().unwrap_or_else(|| palette(i))
    }
    pub fn is_dark(&self) -> bool {
        screen::Colors { text: self.outer.0, back: self.dynamic(11) }.dark()
    }
    /// What programs set is forgotten.
    pub fn reset(&mut self) {
        *self = Colors { outer: self.outer, ..Colors::default() };
    }
    /// XTPOPCOLORS: what was pushed, in the outer terminal of now.
    pub fn become_as(&mut self, before: Colors) {
        *self = Colors { outer: self.outer, ..before };
    }
    /// Whether any colour that cells show was set.
    pub fn are_set(&self) -> bool {
        !self.palette.is_empty() || self.dynamic.iter().take(2).any(Option::is_some)
    }
}

/// A colour as XParseColor takes it: `rgb:h/hh/hhh`, `#rgb` to `#rrrrggggbbbb`, `rgbi:` with fractions.
pub(super) fn parse_color(text: &[u8]) -> Option<Rgb> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(digits) = text.strip_prefix('#') {
        let n = digits.len() / 3;
        if digits.len() != n * 3 || !(1..=4).contains(&n) || !digits.is_ascii() {
            return None;
        }
        // the digits given are the highest ones
        let part = |i: usize| {
            let value = u32::from_str_radix(digits.get(i * n..(i + 1) * n)?, 16).ok()?;
            Some((value << (16 - 4 * n) >> 8) as u8)
        };
        return Some((part(0)?, part(1)?, part(2)?));
    }
    if let Some(parts) = text.strip_prefix("rgb:") {
        let mut parts = parts.split('/').map(|p| {
            let n = p.len() as u32;
            if !(1..=4).contains(&n) || !p.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            let value = u32::from_str_radix(p, 16).ok()?;
            // scaled: ff and ffff are the same
            Some(((value * 0xffff / ((1 << (4 * n)) - 1)) >> 8) as u8)
        });
        let color = (parts.next()??, parts.next()??, parts.next()??);
        return parts.next().is_none().then_some(color);
    }
    if let Some(parts) = text.strip_prefix("rgbi:") {
        let mut parts = parts.split('/').map(|p| {
            let value: f64 = p.parse().ok().filter(|v: &f64| (0.0..=1.0).contains(v))?;
            Some((value * 255.0).round() as u8)
        });
        let color = (parts.next()??, parts.next()??, parts.next()??);
        return parts.next().is_none().then_some(color);
    }
    None
}

fn number(text: &[u8]) -> Option<u16> {
    if text.is_empty() || text.len() > 5 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn printable(text: &[u8], most: usize) -> String {
    String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).take(most).collect()
}

impl Terminal {
    /// Carries out `ESC ] body`.
    pub fn osc(&mut self, body: &[u8]) {
        let at = body.iter().position(|&b| b == b';').unwrap_or(body.len());
        let (selector, text) = body.split_at(at);
        let text = text.get(1..).unwrap_or_default();
        let Some(selector) = number(selector) else { return };
        match selector {
            0 => {
                self.names.icon = printable(text, MOST_TITLE);
                self.set_title(printable(text, MOST_TITLE));
            }
            1 => self.names.icon = printable(text, MOST_TITLE),
            2 => self.set_title(printable(text, MOST_TITLE)),
            4 => self.palette(text, 0),
            5 => self.palette(text, 256),
            7 => self.set_directory(text),
            8 => self.set_link(text),
            9 => self.notify_9(text),
            10..=19 => self.dynamic_colors(selector, text),
            52 => self.set_clipboard(text),
            104 => self.reset_palette(text, 0),
            105 => self.reset_palette(text, 256),
            110..=119 => {
                if let Some(slot) = self.colors.dynamic.get_mut(usize::from(selector - 110)) {
                    *slot = None;
                    self.touch();
                }
            }
            133 => self.mark(text),
            777 => self.notify_777(text),
            _ => {}
        }
    }

    pub fn set_title(&mut self, title: String) {
        if title != self.names.title {
            self.names.title.clone_from(&title);
            self.events.push(Event::Title(title));
        }
    }

    fn set_directory(&mut self, uri: &[u8]) {
        let Some(path) = path_of(uri) else { return };
        if path != self.directory {
            self.directory.clone_from(&path);
            self.events.push(Event::Directory(path));
        }
    }

    /// `OSC 8 ; parameters ; address`: a link is its address; parts of one need no id to be the same.
    fn set_link(&mut self, text: &[u8]) {
        let Some(at) = text.iter().position(|&b| b == b';') else { return };
        let address = text.get(at + 1..).unwrap_or_default();
        let good = address.len() <= MOST_LINK && address.iter().all(|b| (0x20..0x7f).contains(b));
        let link = match std::str::from_utf8(address) {
            Ok(address) if good && !address.is_empty() => self.looks.link(address),
            _ => 0,
        };
        self.repen(|pen| pen.link = link);
    }

    /// `OSC 10;a;b` sets 10 and 11; `?` asks.
    fn dynamic_colors(&mut self, first: u16, text: &[u8]) {
        for (osc, word) in (first..=19).zip(text.split(|&b| b == b';')) {
            if word == b"?" {
                let color = self.colors.dynamic(osc);
                self.report_color(osc, None, color);
            } else if let (Some(color), Some(slot)) =
                (parse_color(word), self.colors.dynamic.get_mut(usize::from(osc - 10)))
            {
                *slot = Some(color);
                self.touch();
            }
        }
    }

    /// OSC 4 (`base` 0) and 5 (256): pairs of a number and a colour, or `?`.
    fn palette(&mut self, text: &[u8], base: u16) {
        let mut words = text.split(|&b| b == b';');
        // all of them twice; more is a flood
        for _ in 0..522 {
            let (Some(index), Some(word)) = (words.next(), words.next()) else { return };
            let Some(index) = number(index) else { return };
            let n = base.saturating_add(index);
            let osc = if base == 0 { 4 } else { 5 };
            if word == b"?" {
                let color = match (u8::try_from(n), n.checked_sub(256)) {
                    (Ok(i), _) => self.colors.indexed(i),
                    (_, Some(s)) if s < 5 => {
                        self.colors.special.get(usize::from(s)).copied().flatten().unwrap_or(self.colors.dynamic(10))
                    }
                    _ => continue,
                };
                self.report_color(osc, Some(index), color);
            } else if let Some(color) = parse_color(word) {
                if let Ok(i) = u8::try_from(n) {
                    self.colors.palette.insert(i, color);
                    self.touch();
                } else if let Some(slot) = self.colors.special.get_mut(usize::from(n - 256)) {
                    *slot = Some(color);
                }
            }
        }
    }

    fn reset_palette(&mut self, text: &[u8], base: u16) {
        if text.is_empty() {
            if base == 0 {
                self.colors.palette.clear();
            }
            self.colors.special = [None; 5];
        }
        for word in text.split(|&b| b == b';').take(261) {
            let Some(n) = number(word).map(|n| base.saturating_add(n)) else { continue };
            if let Ok(i) = u8::try_from(n) {
                self.colors.palette.remove(&i);
            } else if let Some(slot) = self.colors.special.get_mut(usize::from(n - 256)) {
                *slot = None;
            }
        }
        self.touch();
    }

    fn report_color(&mut self, osc: u16, index: Option<u16>, (r, g, b): Rgb) {
        let index = index.map_or(String::new(), |i| format!("{i};"));
        let text = format!("\x1b]{osc};{index}rgb:{r:02x}{r:02x}/{g:02x}{g:02x}/{b:02x}{b:02x}\x1b\\");
        self.reply(text.as_bytes());
    }

    /// OSC 52: set alone; what the clipboard holds is nobody's business.
    fn set_clipboard(&mut self, text: &[u8]) {
        let Some(at) = text.iter().position(|&b| b == b';') else { return };
        let data = text.get(at + 1..).unwrap_or_default();
        if data == b"?" || data.is_empty() || data.len() > MOST_CLIPBOARD * 4 / 3 + 4 {
            return;
        }
        let Ok(bytes) = BASE64.decode(data) else { return };
        if let Ok(text) = String::from_utf8(bytes)
            && text.len() <= MOST_CLIPBOARD
        {
            self.events.push(Event::Clipboard(text));
        }
    }

    /// iTerm2's `OSC 9 ; text`.
    fn notify_9(&mut self, text: &[u8]) {
        // `9;4;..` and the like are ConEmu's progress bars and settings
        let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 && matches!(text.get(digits), None | Some(b';')) {
            return;
        }
        self.notify(printable(text, MOST_NOTICE));
    }

    /// rxvt's `OSC 777 ; notify ; title ; text`.
    fn notify_777(&mut self, text: &[u8]) {
        let Some(rest) = text.strip_prefix(b"notify;") else { return };
        let mut words = rest.splitn(2, |&b| b == b';').map(|w| printable(w, MOST_NOTICE / 2));
        let title = words.next().unwrap_or_default();
        let body = words.next().unwrap_or_default();
        self.notify(match (title.is_empty(), body.is_empty()) {
            (false, false) => format!("{title}: {body}"),
            (true, _) => body,
            (false, true) => title,
        });
    }

    fn notify(&mut self, text: String) {
        if !text.trim().is_empty() {
            self.events.push(Event::Notification(text));
        }
    }

    /// OSC 133 (FinalTerm): `A`, `B`, `C`, `D ; exit status`.
    fn mark(&mut self, text: &[u8]) {
        // no shell prompts there, and what is there is no line of the history
        if self.on_alt {
            return;
        }
        let mut words = text.split(|&b| b == b';');
        let Some(kind) = words.next().and_then(|w| match w {
            [letter] => MarkKind::of_letter(*letter),
            _ => None,
        }) else {
            return;
        };
        let exit = (kind == MarkKind::End)
            .then(|| words.next().and_then(|w| std::str::from_utf8(w).ok()?.parse::<i32>().ok()))
            .flatten();
        let (line, before) = self.line_of(self.at.row);
        let col = (before + self.at.col + usize::from(self.at.pending)) as u32;
        let mark = Mark { line, col, kind, exit, time: self.time };
        let here = (self.at.col + usize::from(self.at.pending)) as u32;
        self.page.grid.row_mut(self.at.row).mark(Mark { col: here, ..mark });
        self.events.push(Event::Mark(mark));
    }

    /// Carries out `ESC P body` (but sixels, which are not kept).
    pub fn dcs(&mut self, body: &[u8]) {
        if self.restoring
            && let Some(fields) = body.strip_prefix(super::snapshot::PRIVATE)
        {
            return self.restore_private(fields);
        }
        if let Some(what) = body.strip_prefix(b"$q") {
            self.report_setting(what);
        } else if let Some(names) = body.strip_prefix(b"+q") {
            self.report_capabilities(names);
        }
    }

    /// A sixel picture has ended: the place it takes is kept, and the cursor goes below it (as in xterm).
    pub fn sixel(&mut self, sixel: Sixel) {
        let Some((width, height)) = sixel.finish() else { return };
        let (cols, rows) = cells(width, height, self.cell_px);
        let placement = Placement { cols, rows, width_px: width, height_px: height, ..Placement::default() };
        self.show(placement, true);
    }

    fn show(&mut self, placement: Placement, moves: bool) {
        let (cols, rows) = (usize::from(placement.cols), usize::from(placement.rows));
        let placed = Placement { row: self.at.row as i64, col: self.at.col as u16, ..placement };
        self.page.placements.add(placed);
        if !moves {
            return;
        }
        // within one screen, whatever the picture says
        self.index_by(rows.min(self.rows()).saturating_sub(1));
        if placed.kind == Kind::Sixel {
            self.line_feed();
            self.carriage_return();
        } else {
            self.at.col = (self.at.col + cols).min(self.cols() - 1);
        }
        self.at.pending = false;
    }

    /// `ESC _ G` has ended. Never answered: pictures are not drawn yet, and to those who ask (`a=q`) silence says so,
    /// so that they fall back to something that is (kitty graphics protocol, "Querying support").
    pub fn kitty_graphics(&mut self, apc: Apc) {
        let Some(command) = apc.finish().and_then(|c| self.transfer.take(c)) else { return };
        let sent = command.size();
        if let (Some((width, height)), true) = (sent, command.id != 0) {
            self.images.retain(|(id, ..)| *id != command.id);
            if self.images.len() >= MOST_IMAGES {
                self.images.remove(0);
            }
            self.images.push((command.id, width, height));
            if matches!(command.action, Action::Transmit | Action::TransmitAndPut) {
                self.page.placements.forget_image(command.id);
            }
        }
        match command.action {
            Action::TransmitAndPut | Action::Put if command.unicode == 0 => {
                let known = self.images.iter().find(|(id, ..)| *id == command.id).map(|(_, w, h)| (*w, *h));
                let Some(size) = sent.or(known) else { return };
                let (cols, rows) = command.cells(size, self.cell_px);
                let (width_px, height_px) = command.shown(size);
                let placement = Placement {
                    kind: Kind::Kitty,
                    id: command.id,
                    image_number: command.image_number,
                    placement: command.placement,
                    cols,
                    rows,
                    width_px,
                    height_px,
                    z: command.z,
                    ..Placement::default()
                };
                if command.parent == 0 {
                    self.show(placement, command.cursor == 0);
                }
            }
            Action::Delete => {
                let at = (self.at.row as u16, self.at.col as u16);
                self.page.placements.delete(&command, at);
            }
            _ => {}
        }
    }
}

/// The path of `file://host/path` or of a bare path: percent-decoded, absolute, printable.
fn path_of(uri: &[u8]) -> Option<String> {
    let uri = std::str::from_utf8(uri).ok()?;
    let path = match uri.split_once("://") {
        Some((_, rest)) if !uri.starts_with('/') => rest.get(rest.find('/')?..)?,
        _ => uri,
    };
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&b, after)) = rest.split_first() {
        let hex = |i: usize| after.get(i).and_then(|&h| char::from(h).to_digit(16));
        match (b, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(b);
                rest = after;
            }
        }
    }
    let path = String::from_utf8(bytes).ok()?;
    (path.starts_with('/') && !path.chars().any(char::is_control)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(path_of(b"file://host/home/a%20b").as_deref(), Some("/home/a b"));
        assert_eq!(path_of(b"file:///x%zz%e4%bd%a0").as_deref(), Some("/x%zz你"));
        assert_eq!(path_of(b"/bare").as_deref(), Some("/bare"));
        for bad in [&b"file://host"[..], b"relative", b"file:///a%0ab", b"file:///%ff", b""] {
            assert_eq!(path_of(bad), None);
        }
    }
}
