//! Owns which addresses of programs reach the outer terminal as links (OSC 8), and how they are said.
//! Leaves out which cells have them (`view::look`, `view::canvas`).
//!
//! An address is a program's word. A terminal opens it only when a person clicks, but what it is opened with differs, so
//! only schemes that terminals open anyway pass, in printable ASCII.

use super::Writer;
use std::num::NonZeroU16;

/// Longest address, in bytes: what VTE and iTerm2 take.
pub const MOST_LINK: usize = 2048;
const SCHEMES: [&str; 6] = ["http", "https", "ftp", "mailto", "file", "ssh"];

/// Whether the address may be said.
fn is_allowed(uri: &str) -> bool {
    let known = uri.split_once(':').is_some_and(|(scheme, _)| SCHEMES.iter().any(|s| s.eq_ignore_ascii_case(scheme)));
    known && uri.len() <= MOST_LINK && uri.bytes().all(|b| b.is_ascii_graphic())
}

impl Writer {
    /// Says before a frame where the cells of a number (`view::look`) lead to. Ignored where the terminal is not known to
    /// have links, or the address is none to pass on. Of two addresses with one number neither is shown.
    pub fn learn(&mut self, number: NonZeroU16, uri: &str) {
        if !self.modern || !is_allowed(uri) {
            return;
        }
        let known = self.links.entry(number).or_insert_with(|| Some(uri.to_string()));
        if known.as_deref() != Some(uri) {
            *known = None;
        }
    }

    /// Ends the link that is open, and begins another one.
    pub(super) fn link(&self, number: Option<NonZeroU16>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\x1b]8;");
        let uri = number.and_then(|n| Some((n, self.links.get(&n)?.as_deref()?)));
        if let Some((number, uri)) = uri {
            // the parts of one link, drawn one by one, are one for the terminal
            out.extend_from_slice(b"id=");
            super::number(number.get(), out);
            out.push(b';');
            out.extend_from_slice(uri.as_bytes());
        } else {
            out.push(b';');
        }
        out.extend_from_slice(b"\x1b\\");
    }
}

#[cfg(test)]
mod tests {
    use super::super::ColorDepth;
    use super::super::tests::text;
    use super::*;
    use crate::client::view::look;
    use ratatui::buffer::Buffer;

    fn writer(modern: bool) -> Writer {
        let mut w = Writer::new(ColorDepth::True);
        w.set_modern(modern);
        w
    }

    /// The frame of these cells, each said to lead there.
    fn frame(w: &mut Writer, prev: Option<&Buffer>, next: &Buffer, uris: &[&str]) -> String {
        for uri in uris {
            w.learn(look::link_number(uri), uri);
        }
        let mut out = Vec::new();
        w.emit(prev, next, None, &mut out);
        text(&out)
    }

    fn linked(line: &str, from: usize, to: usize, uri: &str) -> Buffer {
        let mut buf = Buffer::with_lines([line]);
        for cell in buf.content.iter_mut().take(to).skip(from) {
            look::set_link(cell, Some(uri));
        }
        buf
    }

    #[test]
    fn a_link_is_opened_and_closed() {
        let uri = "https://example.org/a;b";
        let number = look::link_number(uri);
        let (open, close) = (format!("\x1b]8;id={number};{uri}\x1b\\"), "\x1b]8;;\x1b\\");
        let mut w = writer(true);
        let plain = Buffer::with_lines(["see over there."]);
        assert!(frame(&mut w, None, &plain, &[]).ends_with("see over there."));
        let a = linked("see over there.", 4, 14, uri);
        let said = frame(&mut w, Some(&plain), &a, &[uri]);
        assert_eq!(said, format!("\x1b[1;5H{open}over there{close}"));
        // it ends with the frame also where the row does
        let b = linked("see over there.", 4, 15, uri);
        let said = frame(&mut w, Some(&a), &b, &[uri]);
        assert_eq!(said, format!("{open}.{close}"), "from where the cursor is");
        assert_eq!(frame(&mut w, Some(&b), &plain, &[]), "\x1b[1;5Hover there.");
        let said = frame(&mut w, None, &a, &[uri]);
        assert!(said.contains(&format!("{close}\x1b[r\x1b[H")), "one of a frame that was cut short: {said:?}");
    }

    #[test]
    fn only_addresses_that_are_harmless_to_say() {
        let long = format!("http://{}", "x".repeat(MOST_LINK));
        for uri in ["http:\x1b]52;c;eA==\x07", "javascript:alert(1)", "no scheme", "http://a b", "http://é", "", &long]
        {
            let mut w = writer(true);
            let said = frame(&mut w, None, &linked("text", 0, 4, uri), &[uri]);
            assert!(said.ends_with("text") && !said.contains("\x1b]8"), "{said:?}");
        }
        for uri in ["HTTP://A", "mailto:a@b", "file:///tmp", "ssh://h", "ftp://h", "https://h"] {
            let said = frame(&mut writer(true), None, &linked("text", 0, 4, uri), &[uri]);
            assert!(said.contains(uri));
            let said = frame(&mut writer(false), None, &linked("text", 0, 4, uri), &[uri]);
            assert!(!said.contains("\x1b]"), "{said:?}");
        }
    }

    #[test]
    fn of_two_with_one_number_neither_is_shown() {
        let mut w = writer(true);
        w.learn(look::link_number("http://a"), "http://b");
        let said = frame(&mut w, None, &linked("text", 0, 4, "http://a"), &["http://a"]);
        assert!(!said.contains("http"), "{said:?}");
    }
}
