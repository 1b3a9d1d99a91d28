//! Owns the strings of OSC: titles, folders, colours, clipboard, notifications.
//! Leaves out everything that touches a cell (there is nothing left of OSC 8 in vt100's cells).

use super::params::number;
use super::replies;
use super::terminal::Terminal;
use crate::term::screen::{Event, palette};
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Longest title kept, in characters.
const MOST_TITLE: usize = 256;
/// Longest notification, in characters.
const MOST_NOTICE: usize = 1024;
/// Longest clipboard text, in bytes.
const MOST_CLIPBOARD: usize = 100_000;

/// Programs differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn printable(text: &[u8], most: usize) -> String {
    String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).take(most).collect()
}

impl Terminal {
    /// Carries out `ESC ] body`.
    pub(super) fn operating_system(&mut self, body: &[u8]) {
        let at = body.iter().position(|&b| b == b';').unwrap_or(body.len());
        let (selector, text) = body.split_at(at);
        let text = text.get(1..).unwrap_or_default();
        match selector {
            b"0" | b"2" => self.set_title(printable(text, MOST_TITLE)),
            b"4" => self.palette_query(text),
            b"7" => self.set_directory(text),
            b"9" => self.notify_9(text),
            b"10" | b"11" | b"12" => self.color_query(number(selector), text),
            b"52" => self.set_clipboard(text),
            b"777" => self.notify_777(text),
            _ => {}
        }
    }

    fn set_title(&mut self, title: String) {
        if title != self.title {
            self.title.clone_from(&title);
            self.generation = self.generation.wrapping_add(1);
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

    /// Only queries: a program's wish to change the user's colours is not granted. `OSC 10;?;?` asks for 10 and 11.
    fn color_query(&mut self, first: u16, text: &[u8]) {
        for (osc, word) in (first..=12).zip(text.split(|&b| b == b';')) {
            if word == b"?" {
                let color = if osc == 11 { self.colors.1 } else { self.colors.0 };
                self.reply(replies::color(osc, None, color));
            }
        }
    }

    fn palette_query(&mut self, text: &[u8]) {
        let mut words = text.split(|&b| b == b';');
        // 256 colours; more is a flood
        for _ in 0..256 {
            let (Some(index), Some(word)) = (words.next(), words.next()) else { return };
            if let (b"?", Ok(i)) = (word, u8::try_from(number(index))) {
                self.reply(replies::color(4, Some(i), palette(i)));
            }
        }
    }

    /// Which selection is meant doesn't matter; a query (`?`) is never answered.
    fn set_clipboard(&mut self, text: &[u8]) {
        let Some(at) = text.iter().position(|&b| b == b';') else { return };
        let data = text.get(at + 1..).unwrap_or_default();
        if data == b"?" || data.is_empty() {
            return;
        }
        let Ok(bytes) = BASE64.decode(data) else { return };
        if bytes.len() > MOST_CLIPBOARD {
            return;
        }
        if let Ok(text) = String::from_utf8(bytes) {
            self.events.push(Event::Clipboard(text));
        }
    }

    fn notify_9(&mut self, text: &[u8]) {
        // `9;4;..` and the like are ConEmu's progress bars and settings
        let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 && matches!(text.get(digits), None | Some(b';')) {
            return;
        }
        self.notify(printable(text, MOST_NOTICE));
    }

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
}

/// A bare path that [`path_of`] takes for this one; never longer than what it was made of.
pub(super) fn bare(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut pieces = path.split('%');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let escape = piece.len() >= 2 && piece.bytes().take(2).all(|b| b.is_ascii_hexdigit());
        out.push_str(if escape { "%25" } else { "%" });
        out.push_str(piece);
    }
    out
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
        for path in ["/a%b", "/a%41", "/%", "/%%4", "/x://y"] {
            assert_eq!(path_of(bare(path).as_bytes()).as_deref(), Some(path));
        }
        for bad in [&b"file://host"[..], b"relative", b"file:///a%0ab", b"file:///%ff", b""] {
            assert_eq!(path_of(bad), None);
        }
    }
}
