//! Owns what a program writes in another encoding than UTF-8: turned into UTF-8 before anything of thub sees it, and what
//! is typed turned back. Leaves out which encoding it is: its connection says so. (WHATWG Encoding Standard)

use crate::proto::control::connections::check::encoding_of;
use encoding_rs::{CoderResult, Decoder, Encoder, EncoderResult, UTF_8};

/// Both directions of one session.
pub struct Encoding {
    from: Decoder,
    /// What is typed: UTF-8 that may come in pieces.
    typed: Decoder,
    to: Encoder,
    text: String,
}

impl Encoding {
    /// None where it is UTF-8, or no encoding that is known.
    pub fn named(label: &str) -> Option<Encoding> {
        let named = encoding_of(label).filter(|e| *e != UTF_8)?;
        Some(Encoding {
            from: named.new_decoder_without_bom_handling(),
            typed: UTF_8.new_decoder_without_bom_handling(),
            to: named.new_encoder(),
            text: String::new(),
        })
    }

    /// The program's bytes as UTF-8; what is none in its encoding becomes U+FFFD.
    pub fn output(&mut self, bytes: &[u8]) -> &str {
        decode(&mut self.from, bytes, &mut self.text);
        &self.text
    }

    /// What was typed in the program's encoding, appended; what it does not have becomes a question mark.
    pub fn input(&mut self, bytes: &[u8], into: &mut Vec<u8>) {
        decode(&mut self.typed, bytes, &mut self.text);
        let mut rest = self.text.as_str();
        while !rest.is_empty() {
            let most =
                self.to.max_buffer_length_from_utf8_without_replacement(rest.len()).unwrap_or(rest.len() * 4 + 16);
            let start = into.len();
            into.resize(start + most, 0);
            let room = into.get_mut(start..).unwrap_or_default();
            let (result, read, written) = self.to.encode_from_utf8_without_replacement(rest, room, false);
            into.truncate(start + written);
            rest = rest.get(read..).unwrap_or_default();
            if let EncoderResult::Unmappable(_) = result {
                into.push(b'?');
            }
        }
    }
}

fn decode(decoder: &mut Decoder, bytes: &[u8], text: &mut String) {
    text.clear();
    let mut rest = bytes;
    loop {
        text.reserve(decoder.max_utf8_buffer_length(rest.len()).unwrap_or(rest.len() * 3 + 16));
        let (result, read, _) = decoder.decode_to_string(rest, text, false);
        rest = rest.get(read..).unwrap_or_default();
        if result == CoderResult::InputEmpty {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_in_pieces() {
        let mut latin = Encoding::named("iso-8859-1").unwrap();
        assert_eq!(latin.output(b"caf\xe9\x1b[1m"), "café\x1b[1m");
        let mut sent = Vec::new();
        let typed = "né€☃\r".as_bytes();
        // a character may be cut anywhere
        for byte in typed {
            latin.input(&[*byte], &mut sent);
        }
        assert_eq!(sent, b"n\xe9\x80?\r", "windows-1252, which the standard takes that label for");
        let mut sjis = Encoding::named("shift_jis").unwrap();
        assert_eq!([sjis.output(b"\x93").to_string(), sjis.output(b"\xfa\x96\x7b").to_string()], ["", "日本"]);
        let mut sent = Vec::new();
        sjis.input("日本".as_bytes(), &mut sent);
        assert_eq!(sent, b"\x93\xfa\x96\x7b");
        for none in ["utf-8", "klingon", "utf-16le", "iso-2022-jp", "hz-gb-2312"] {
            assert!(Encoding::named(none).is_none(), "{none}");
        }
    }

    #[test]
    fn what_is_no_text_is_shown_as_that() {
        let mut sjis = Encoding::named("shift_jis").unwrap();
        assert_eq!(sjis.output(b"\xfd\xfdx"), "\u{fffd}\u{fffd}x");
        let mut sent = Vec::new();
        sjis.input(b"\xff\xfe\x80a", &mut sent);
        assert_eq!(sent.last(), Some(&b'a'));
        // a long one, whatever its buffers are
        let long = "é".repeat(100_000);
        let mut koi = Encoding::named("koi8-r").unwrap();
        sent.clear();
        koi.input(long.as_bytes(), &mut sent);
        assert_eq!(sent.len(), 100_000);
    }
}
