//! Owns the cutting of a program's bytes into whole tokens: text, controls, escapes, CSI, OSC, DCS.
//! Leaves out what they mean. The engine behind never sees half a sequence, so all that a cut through the stream
//! leaves unfinished lies here, and [`Guard::unfinished`] says it in bytes.

/// Where the tokens go.
pub(super) trait Sink {
    /// Valid UTF-8 with no control but BS, TAB, LF, VT, FF and CR; no U+FE0F, no U+FFFD.
    fn text(&mut self, text: &str);
    /// BEL, SO or SI.
    fn control(&mut self, byte: u8);
    /// `body` = what follows ESC: intermediates, and one final byte.
    fn escape(&mut self, body: &[u8]);
    /// `body` = what follows `ESC [`, the final byte included.
    fn csi(&mut self, body: &[u8]);
    /// What stands between `ESC ]` and its end.
    fn osc(&mut self, body: &[u8]);
    /// What stands between `ESC P` and its end.
    fn dcs(&mut self, body: &[u8]);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    Csi,
    Osc,
    Dcs,
    /// A string nobody reads: APC, PM, SOS, `ESC k`, or one that grew too long. Lasts until ESC, CAN or SUB.
    Discard,
    /// The same for an OSC, which BEL ends too.
    DiscardOsc,
}

/// Longest CSI kept; a longer one is dropped.
const MOST_CSI: usize = 256;
/// Longest string kept: titles, folders and colours are short, all else is ignored anyway.
const MOST_STRING: usize = 4096;
/// OSC 52 may carry 100 KB of text, a third more in base64.
const MOST_CLIPBOARD: usize = 137 * 1024;

/// The tokenizer. Equal bytes give equal tokens however they are cut into pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    state: State,
    /// What has come since the introducer of the unfinished sequence.
    body: Vec<u8>,
    /// An unfinished UTF-8 character (ground state only).
    partial: Vec<u8>,
    scratch: String,
}

/// Whether a byte is text, or a control that the screen itself carries out.
fn is_plain(b: u8) -> bool {
    (b >= 0x20 && b != 0x7f) || (0x08..=0x0d).contains(&b)
}

impl Guard {
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            match self.state {
                State::Ground => rest = self.ground(rest, sink),
                State::Osc | State::Dcs | State::Discard | State::DiscardOsc => rest = self.string(rest, sink),
                State::Escape | State::Csi => {
                    if self.sequence(byte, sink) {
                        rest = after;
                    }
                }
            }
        }
    }

    /// Bytes which, fed to a fresh guard, leave it as this one is.
    pub fn unfinished(&self) -> Vec<u8> {
        let (introducer, body): (&[u8], &[u8]) = match self.state {
            State::Ground => (b"", &self.partial),
            State::Escape => (b"\x1b", &self.body),
            State::Csi => (b"\x1b[", &self.body),
            State::Osc => (b"\x1b]", &self.body),
            State::Dcs => (b"\x1bP", &self.body),
            State::Discard => (b"\x1bX", b""),
            // an OSC without a number, which is ignored whatever follows
            State::DiscardOsc => (b"\x1b]?", b""),
        };
        [introducer, body].concat()
    }

    fn ground<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        if !self.partial.is_empty() {
            return self.continue_char(bytes, sink);
        }
        let len = bytes.iter().position(|&b| !is_plain(b)).unwrap_or(bytes.len());
        let (run, rest) = bytes.split_at(len);
        if !run.is_empty() {
            self.run(run, rest.is_empty(), sink);
        }
        let Some((&byte, after)) = rest.split_first() else { return rest };
        match byte {
            0x1b => self.begin(State::Escape),
            0x07 | 0x0e | 0x0f => sink.control(byte),
            _ => {}
        }
        after
    }

    /// Text. `at_end`: an unfinished character at its end may be finished by the next piece.
    fn run(&mut self, run: &[u8], at_end: bool, sink: &mut impl Sink) {
        // U+FE0F and U+FFFD both begin with 0xEF, so most text goes through untouched
        match std::str::from_utf8(run) {
            Ok(text) if text.is_ascii() || !run.contains(&0xef) => return sink.text(text),
            _ => {}
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let mut chunks = run.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            filter(chunk.valid(), &mut scratch);
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            let unfinished = std::str::from_utf8(invalid).is_err_and(|e| e.error_len().is_none());
            if at_end && unfinished && chunks.peek().is_none() {
                self.partial.extend_from_slice(invalid);
            } else {
                scratch.push(REPLACEMENT);
            }
        }
        if !scratch.is_empty() {
            sink.text(&scratch);
        }
        self.scratch = scratch;
    }

    /// Goes on with the character that the last piece left unfinished.
    fn continue_char<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if byte < 0x80 {
                self.partial.clear();
                sink.text(REPLACEMENT_TEXT);
                return rest;
            }
            self.partial.push(byte);
            rest = after;
            loop {
                match std::str::from_utf8(&self.partial) {
                    Ok(text) => {
                        let mut scratch = std::mem::take(&mut self.scratch);
                        scratch.clear();
                        filter(text, &mut scratch);
                        self.partial.clear();
                        if !scratch.is_empty() {
                            sink.text(&scratch);
                        }
                        self.scratch = scratch;
                        return rest;
                    }
                    Err(e) => match e.error_len() {
                        None => break,
                        Some(bad) => {
                            sink.text(REPLACEMENT_TEXT);
                            self.partial.drain(..bad.min(self.partial.len()));
                        }
                    },
                }
            }
        }
        rest
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.body.clear();
        // a huge clipboard shall not stay in memory for ever
        if self.body.capacity() > 2 * MOST_STRING {
            self.body.shrink_to(MOST_STRING);
        }
    }

    /// One byte of an escape or a CSI; false if it must be looked at again in the new state.
    fn sequence(&mut self, byte: u8, sink: &mut impl Sink) -> bool {
        match byte {
            0x1b => self.begin(State::Escape),
            0x18 | 0x1a => self.begin(State::Ground),
            0x08..=0x0d => {
                // controls inside a sequence act at once
                if let Ok(text) = std::str::from_utf8(&[byte]) {
                    sink.text(text);
                }
            }
            0x07 | 0x0e | 0x0f => sink.control(byte),
            0x00..=0x1f | 0x7f => {}
            // no sequence has such a byte: it is text after a broken one
            0x80.. => {
                self.begin(State::Ground);
                return false;
            }
            _ if self.state == State::Csi => {
                if self.body.len() < MOST_CSI {
                    self.body.push(byte);
                }
                if byte >= 0x40 {
                    self.state = State::Ground;
                    if self.body.len() < MOST_CSI {
                        let body = std::mem::take(&mut self.body);
                        sink.csi(&body);
                        self.body = body;
                    }
                }
            }
            b'[' if self.body.is_empty() => self.begin(State::Csi),
            b']' if self.body.is_empty() => self.begin(State::Osc),
            b'P' if self.body.is_empty() => self.begin(State::Dcs),
            // screen's title string; shown as text it would spoil the line
            b'X' | b'^' | b'_' | b'k' if self.body.is_empty() => self.begin(State::Discard),
            _ => {
                if self.body.len() < 4 {
                    self.body.push(byte);
                }
                if byte >= 0x30 {
                    self.state = State::Ground;
                    let body = std::mem::take(&mut self.body);
                    sink.escape(&body);
                    self.body = body;
                }
            }
        }
        true
    }

    fn string<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        let len = bytes.iter().position(|&b| b < 0x20).unwrap_or(bytes.len());
        let (run, rest) = bytes.split_at(len);
        self.keep(run);
        let Some((&byte, after)) = rest.split_first() else { return rest };
        let osc = matches!(self.state, State::Osc | State::DiscardOsc);
        match byte {
            0x18 | 0x1a => self.begin(State::Ground),
            // BEL ends an OSC; ESC ends all of them, and what follows is a sequence of its own (`\` does nothing)
            0x07 | 0x1b if byte == 0x1b || osc => {
                let body = std::mem::take(&mut self.body);
                match self.state {
                    State::Osc => sink.osc(&body),
                    State::Dcs => sink.dcs(&body),
                    _ => {}
                }
                self.body = body;
                self.begin(if byte == 0x1b { State::Escape } else { State::Ground });
            }
            _ => {}
        }
        after
    }

    /// Keeps a piece of a string, or gives the whole string up when it is too long.
    fn keep(&mut self, run: &[u8]) {
        let (most, discard) = match self.state {
            State::Osc => (MOST_STRING, State::DiscardOsc),
            State::Dcs => (MOST_STRING, State::Discard),
            _ => return,
        };
        self.body.extend_from_slice(run.get(..MOST_CLIPBOARD + 1).unwrap_or(run));
        let clipboard = discard == State::DiscardOsc && self.body.starts_with(b"52;");
        if self.body.len() > if clipboard { MOST_CLIPBOARD } else { most } {
            self.begin(discard);
        }
    }
}

/// What stands for bytes that are no UTF-8: the engine draws no U+FFFD, and a missing cell would shift the line.
const REPLACEMENT: char = '?';
const REPLACEMENT_TEXT: &str = "?";

/// U+FE0F makes vt100 0.18 panic; U+FFFD it does not draw.
fn filter(text: &str, out: &mut String) {
    let mut pieces = text.split(['\u{fe0f}', '\u{fffd}']);
    let mut at = pieces.next().map_or(0, |first| {
        out.push_str(first);
        first.len()
    });
    for piece in pieces {
        if text.get(at..).is_some_and(|t| t.starts_with('\u{fffd}')) {
            out.push(REPLACEMENT);
        }
        out.push_str(piece);
        at += '\u{fffd}'.len_utf8() + piece.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Default, PartialEq, Debug)]
    struct Tokens(Vec<(char, Vec<u8>)>);

    impl Tokens {
        fn push(&mut self, kind: char, bytes: &[u8]) {
            // text may come in any number of pieces
            match self.0.last_mut() {
                Some((k, last)) if *k == kind && kind == 't' => last.extend_from_slice(bytes),
                _ => self.0.push((kind, bytes.to_vec())),
            }
        }
    }
    impl Sink for Tokens {
        fn text(&mut self, text: &str) {
            assert!(!text.contains(['\u{fe0f}', '\u{fffd}', '\u{1b}', '\u{7f}']));
            self.push('t', text.as_bytes());
        }
        fn control(&mut self, byte: u8) {
            self.push('c', &[byte]);
        }
        fn escape(&mut self, body: &[u8]) {
            self.push('e', body);
        }
        fn csi(&mut self, body: &[u8]) {
            self.push('[', body);
        }
        fn osc(&mut self, body: &[u8]) {
            self.push(']', body);
        }
        fn dcs(&mut self, body: &[u8]) {
            self.push('P', body);
        }
    }

    fn tokens(pieces: &[&[u8]]) -> Tokens {
        let (mut guard, mut tokens) = (Guard::default(), Tokens::default());
        for piece in pieces {
            guard.feed(piece, &mut tokens);
        }
        tokens
    }

    /// Bytes that are likely to be interesting.
    pub fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            3 => proptest::collection::vec(any::<u8>(), 0..6),
            2 => "[a-z]{0,6}".prop_map(String::into_bytes),
            4 => proptest::sample::select(vec![
                "\u{1b}", "\u{1b}[", "\u{1b}]", "\u{1b}P", "\u{1b}\\", "\u{7}", "é", "漢", "❤\u{fe0f}", "\u{fffd}", "31m", "2;5H", "0;t",
                "\u{1b}X", "\r\n", "\u{18}", "\u{1b}[3", "\u{1b}(0", "\u{e}", "\u{300}",
            ])
            .prop_map(|s| s.as_bytes().to_vec()),
        ];
        proptest::collection::vec(piece, 0..24).prop_map(|v| v.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]
        #[test]
        fn cuts_change_nothing(bytes in stream(), a in 0usize..80, b in 0usize..80) {
            let (a, b) = (a.min(bytes.len()), b.min(bytes.len()));
            let (a, b) = (a.min(b), a.max(b));
            let whole = tokens(&[&bytes]);
            prop_assert_eq!(&tokens(&[&bytes[..a], &bytes[a..b], &bytes[b..]]), &whole);
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(&tokens(&single), &whole);
        }

        #[test]
        fn the_unfinished_part_restores_the_guard(bytes in stream(), cut in 0usize..80) {
            let cut = cut.min(bytes.len());
            let (mut one, mut none) = (Guard::default(), Tokens::default());
            one.feed(&bytes[..cut], &mut none);
            let mut two = Guard::default();
            let mut silent = Tokens::default();
            two.feed(&one.unfinished(), &mut silent);
            prop_assert_eq!(silent.0.len(), 0);
            let (mut left, mut right) = (Tokens::default(), Tokens::default());
            one.feed(&bytes[cut..], &mut left);
            two.feed(&bytes[cut..], &mut right);
            left.0.retain(|t| t.0 != ']' || !t.1.starts_with(b"?"));
            right.0.retain(|t| t.0 != ']' || !t.1.starts_with(b"?"));
            prop_assert_eq!(left, right);
        }
    }

    #[test]
    fn filtering() {
        let all = tokens(&["a\u{fe0f}b\u{fffd}c".as_bytes(), b"\xff\xe2\x9d", b"\x1b[m"]);
        assert_eq!(all.0[0], ('t', b"ab?c??".to_vec()));
        assert_eq!(tokens(&[b"\xef", b"\xb8", b"\x8f"]).0.len(), 0);
    }

    #[test]
    fn long_strings_are_given_up() {
        let long = vec![b'x'; MOST_STRING + 1];
        assert_eq!(tokens(&[b"\x1b]0;", &long, b"\x07ok"]).0, vec![('t', b"ok".to_vec())]);
        assert_eq!(tokens(&[b"\x1bP", &long, b"\x07\x1b\\ok"]).0.last(), Some(&('t', b"ok".to_vec())));
        let long = vec![b'x'; 100 * 1024];
        assert_eq!(tokens(&[b"\x1b]52;c;", &long, b"\x07ok"]).0.len(), 2);
    }
}
