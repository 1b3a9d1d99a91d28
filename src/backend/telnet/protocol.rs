//! Owns telnet's bytes: commands and escapes (RFC 854), subnegotiation (855), what is agreed on (RFC 1143), window size
//! (1073), terminal type (1091). State in, bytes out. Pure. Leaves out the connection, and editing a line (`line.rs`).
//!
//! Agreed to are ECHO (857) and SUPPRESS-GO-AHEAD (858) of the host, SUPPRESS-GO-AHEAD, TERMINAL-TYPE and NAWS here, and
//! BINARY (856) both ways. Everything else is refused, the environment (1408, 1572: a user's name is nobody's business),
//! the character set (2066) and LINEMODE (1184) among it.
//!
//! A host may ask for as much as it likes. Each option is refused once until the host has changed its mind, and all answers
//! together come out of a budget which only text and keys fill again: nobody is answered for ever.

use crate::proto::ids::Size;

pub(super) const IAC: u8 = 255;
pub(super) const DONT: u8 = 254;
pub(super) const DO: u8 = 253;
pub(super) const WONT: u8 = 252;
pub(super) const WILL: u8 = 251;
pub(super) const SB: u8 = 250;
pub(super) const SE: u8 = 240;

pub const BREAK: u8 = 243;
pub const INTERRUPT: u8 = 244;
pub const ABORT: u8 = 238;
pub const SUSPEND: u8 = 237;
pub const END_OF_FILE: u8 = 236;

const BINARY: u8 = 0;
const ECHO: u8 = 1;
const SGA: u8 = 3;
const TIMING_MARK: u8 = 6;
const TERMINAL_TYPE: u8 = 24;
const NAWS: u8 = 31;

const IS: u8 = 0;
const SEND: u8 = 1;

/// A subnegotiation's bytes that are kept: none that is understood here has more than a few.
pub const SUB_MOST: usize = 4096;
/// Answers in a row, with neither text from the host nor a key between them.
pub const ANSWERS: u32 = 1024;

/// One side of an option (RFC 1143, 7).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Q {
    #[default]
    No,
    Yes,
    WantNo,
    WantNoOpposite,
    WantYes,
    WantYesOpposite,
}

#[derive(Clone, Copy, Default)]
struct Side {
    q: Q,
    /// It was refused since the other side last changed its mind.
    refused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Command,
    /// DO, DONT, WILL, WONT: the option follows.
    Option(u8),
    Sub,
    SubCommand,
}

/// The state of one connection.
pub struct Protocol {
    state: State,
    /// The last byte of text was a CR.
    after_cr: bool,
    sub: Vec<u8>,
    /// What the host does, what is done here; by option.
    theirs: [Side; 256],
    ours: [Side; 256],
    budget: u32,
    /// The host has negotiated: it speaks telnet.
    speaks: bool,
    /// What the host is to take, where that is not left to it: characters, or whole lines.
    wanted: Option<bool>,
    size: Size,
    /// Names of terminals, best first.
    terms: Vec<String>,
    next_term: usize,
}

impl Protocol {
    /// For a terminal of this name, as terminfo has it.
    pub fn new(term: &str, size: Size) -> Protocol {
        let good = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        let mut terms: Vec<String> = Vec::new();
        let plain = term.split('-').next().unwrap_or_default();
        for name in [term, plain, "vt100"] {
            if (1..=40).contains(&name.len()) && name.chars().all(good) && !terms.iter().any(|t| t == name) {
                terms.push(name.to_string());
            }
        }
        Protocol {
            state: State::Text,
            after_cr: false,
            sub: Vec::new(),
            theirs: [Side::default(); 256],
            ours: [Side::default(); 256],
            budget: ANSWERS,
            speaks: false,
            wanted: None,
            size,
            terms,
            next_term: 0,
        }
    }

    /// Says what is wished before the host has said anything: at telnet's own port, where it may wait for that.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        self.speaks = true;
        match self.wanted {
            None => self.ask(DO, SGA, out),
            Some(characters) => self.ask_for(characters, out),
        }
        self.ask(WILL, TERMINAL_TYPE, out);
        self.ask(WILL, NAWS, out);
    }

    /// Takes what came: text goes to `text`, answers to `out`.
    pub fn receive(&mut self, bytes: &[u8], text: &mut Vec<u8>, out: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.state == State::Text && byte != IAC && !self.after_cr {
                // all that is text is copied at once
                let end = rest
                    .iter()
                    .position(|b| *b == IAC || *b == b'\r')
                    .map_or(rest.len(), |at| at + usize::from(rest.get(at) == Some(&b'\r')));
                let (plain, after) = rest.split_at(end);
                text.extend_from_slice(plain);
                self.after_cr = plain.last() == Some(&b'\r') && !self.is_on(false, BINARY);
                self.earn(plain.len());
                rest = after;
                continue;
            }
            rest = after;
            self.state = match self.state {
                State::Text if byte == IAC => State::Command,
                State::Text => {
                    self.text(byte, text);
                    State::Text
                }
                State::Command => match byte {
                    IAC => {
                        self.text(IAC, text);
                        State::Text
                    }
                    DO | DONT | WILL | WONT => State::Option(byte),
                    SB => {
                        self.sub.clear();
                        State::Sub
                    }
                    // nothing else asks for anything: NOP, GA, a data mark, what is for hosts
                    _ => State::Text,
                },
                State::Option(verb) => {
                    self.heard(verb, byte, out);
                    State::Text
                }
                State::Sub if byte == IAC => State::SubCommand,
                State::Sub => {
                    self.keep(byte);
                    State::Sub
                }
                State::SubCommand => match byte {
                    IAC => {
                        self.keep(IAC);
                        State::Sub
                    }
                    SE => {
                        self.subnegotiated(out);
                        State::Text
                    }
                    // its end is missing: a command begins
                    DO | DONT | WILL | WONT => State::Option(byte),
                    SB => {
                        self.sub.clear();
                        State::Sub
                    }
                    _ => State::Text,
                },
            };
        }
    }

    fn text(&mut self, byte: u8, text: &mut Vec<u8>) {
        // CR NUL is a CR (RFC 854)
        let is_cr = byte == b'\r' && !self.is_on(false, BINARY);
        let was_cr = std::mem::replace(&mut self.after_cr, is_cr);
        if !(was_cr && byte == 0) {
            text.push(byte);
        }
        self.earn(1);
    }

    fn keep(&mut self, byte: u8) {
        if self.sub.len() < SUB_MOST {
            self.sub.push(byte);
        }
    }

    fn earn(&mut self, bytes: usize) {
        let more = u32::try_from(bytes).unwrap_or(ANSWERS);
        self.budget = self.budget.saturating_add(more).min(ANSWERS);
    }

    fn spend(&mut self) -> bool {
        let left = self.budget.checked_sub(1);
        self.budget = left.unwrap_or(0);
        left.is_some()
    }

    fn side(&mut self, is_ours: bool, option: u8) -> &mut Side {
        let sides = if is_ours { &mut self.ours } else { &mut self.theirs };
        &mut sides[usize::from(option)]
    }

    fn is_on(&self, is_ours: bool, option: u8) -> bool {
        let sides = if is_ours { &self.ours } else { &self.theirs };
        sides[usize::from(option)].q == Q::Yes
    }

    /// Asks for an option, or to end it.
    fn ask(&mut self, verb: u8, option: u8, out: &mut Vec<u8>) {
        let is_ours = verb == WILL || verb == WONT;
        let on = verb == WILL || verb == DO;
        let side = self.side(is_ours, option);
        let (next, say) = match (side.q, on) {
            (Q::No, true) => (Q::WantYes, true),
            (Q::WantNo, true) => (Q::WantNoOpposite, false),
            (Q::WantYesOpposite, true) => (Q::WantYes, false),
            (Q::Yes, false) => (Q::WantNo, true),
            (Q::WantYes, false) => (Q::WantYesOpposite, false),
            (Q::WantNoOpposite, false) => (Q::WantNo, false),
            (as_it_is, _) => (as_it_is, false),
        };
        side.q = next;
        if say {
            out.extend([IAC, verb, option]);
        }
    }

    /// What the host says of an option (RFC 1143, 7).
    fn heard(&mut self, verb: u8, option: u8, out: &mut Vec<u8>) {
        // each is a wish of its own (RFC 860), and no is an answer to it as well; who says yes is taken by telnetd for one
        // that edits lines whenever a terminal there is not raw
        if option == TIMING_MARK {
            if verb == DO && self.spend() {
                out.extend([IAC, WONT, TIMING_MARK]);
            }
            return;
        }
        let is_ours = verb == DO || verb == DONT;
        let on = verb == DO || verb == WILL;
        let known: &[u8] = if is_ours { &[BINARY, SGA, TERMINAL_TYPE, NAWS] } else { &[BINARY, ECHO, SGA] };
        let [yes, no] = if is_ours { [WILL, WONT] } else { [DO, DONT] };
        let side = *self.side(is_ours, option);
        let (q, say) = match (side.q, on) {
            (Q::No, true) if known.contains(&option) => (Q::Yes, Some(yes)),
            (Q::No, true) if side.refused => (Q::No, None),
            (Q::No, true) => (Q::No, Some(no)),
            (Q::Yes, false) => (Q::No, Some(no)),
            (Q::Yes, true) | (Q::No, false) => (side.q, None),
            // (on: it answers no with yes, which is an error of its own; it is off then)
            (Q::WantNo, _) => (Q::No, None),
            (Q::WantNoOpposite, true) => (Q::Yes, None),
            (Q::WantNoOpposite, false) => (Q::WantYes, Some(yes)),
            (Q::WantYes, true) => (Q::Yes, None),
            (Q::WantYesOpposite, true) => (Q::WantNo, Some(no)),
            (Q::WantYes | Q::WantYesOpposite, false) => (Q::No, None),
        };
        if say.is_some() && !self.spend() {
            return;
        }
        let refused = on && q == Q::No;
        *self.side(is_ours, option) = Side { q, refused };
        if let Some(verb) = say {
            out.extend([IAC, verb, option]);
        }
        if is_ours && option == NAWS && q == Q::Yes && side.q != Q::Yes && self.spend() {
            self.say_size(out);
        }
        // a host that negotiates knows telnet: now what is wished here is of use to it
        if !std::mem::replace(&mut self.speaks, true) {
            self.begin(out);
        }
    }

    fn subnegotiated(&mut self, out: &mut Vec<u8>) {
        if self.sub.as_slice() != [TERMINAL_TYPE, SEND] || !self.is_on(true, TERMINAL_TYPE) || !self.spend() {
            return;
        }
        // one after the other, the last one twice, then from the first on again (RFC 1091)
        let at = self.next_term.min(self.terms.len().saturating_sub(1));
        self.next_term = if self.next_term >= self.terms.len() { 0 } else { self.next_term + 1 };
        let name = self.terms.get(at).map_or("unknown", |name| name);
        out.extend([IAC, SB, TERMINAL_TYPE, IS]);
        out.extend(name.bytes());
        out.extend([IAC, SE]);
    }

    fn say_size(&self, out: &mut Vec<u8>) {
        out.extend([IAC, SB, NAWS]);
        for byte in self.size.cols.to_be_bytes().into_iter().chain(self.size.rows.to_be_bytes()) {
            out.extend(std::iter::repeat_n(byte, if byte == IAC { 2 } else { 1 }));
        }
        out.extend([IAC, SE]);
    }

    /// The terminal has another size; said where the host wants to know.
    pub fn resize(&mut self, size: Size, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.size, size) != size && self.is_on(true, NAWS) {
            self.say_size(out);
        }
    }

    /// What is typed, as it goes over the line: a CR is CR NUL.
    pub fn send(&mut self, typed: &[u8], out: &mut Vec<u8>) {
        self.earn(typed.len());
        let binary = self.is_on(true, BINARY);
        for &byte in typed {
            match byte {
                IAC => out.extend([IAC, IAC]),
                b'\r' if !binary => out.extend(b"\r\0"),
                byte => out.push(byte),
            }
        }
    }

    /// The end of a line that was edited here.
    pub fn send_line_end(&self, out: &mut Vec<u8>) {
        out.extend(b"\r\n");
    }

    /// One of the commands that stand by themselves.
    pub fn command(&self, command: u8, out: &mut Vec<u8>) {
        out.extend([IAC, command]);
    }

    /// The host is to take characters as they are typed, or whole lines; none = as it likes. Who has not shown that it
    /// speaks telnet is asked for nothing yet.
    pub fn prefer(&mut self, wanted: Option<bool>, out: &mut Vec<u8>) {
        let was = std::mem::replace(&mut self.wanted, wanted);
        if self.speaks && was != wanted {
            // (as it likes: it may take characters again, if it was asked not to)
            self.ask_for(wanted.unwrap_or(true), out);
        }
    }

    fn ask_for(&mut self, characters: bool, out: &mut Vec<u8>) {
        let verb = if characters { DO } else { DONT };
        self.ask(verb, SGA, out);
        self.ask(verb, ECHO, out);
    }

    /// The host echoes what is typed.
    pub fn echoes(&self) -> bool {
        self.is_on(false, ECHO)
    }

    /// It echoes, or may: it has been asked to and has not answered yet, or it has not shown that it can be asked.
    pub fn may_echo(&self) -> bool {
        !self.speaks || matches!(self.theirs[usize::from(ECHO)].q, Q::Yes | Q::WantYes)
    }

    /// The host takes each character by itself.
    pub fn takes_characters(&self) -> bool {
        self.is_on(false, SGA)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { rows: 24, cols: 80 };

    fn fresh() -> Protocol {
        Protocol::new("xterm-256color", SIZE)
    }
    /// One that has begun, and what it said is out of the way.
    fn begun() -> Protocol {
        let mut p = fresh();
        p.begin(&mut Vec::new());
        p
    }
    fn receive(p: &mut Protocol, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut text, mut out) = (Vec::new(), Vec::new());
        p.receive(bytes, &mut text, &mut out);
        (text, out)
    }
    fn answers(p: &mut Protocol, bytes: &[u8]) -> Vec<u8> {
        receive(p, bytes).1
    }

    #[test]
    fn text_as_it_is_meant() {
        for (come, meant) in [
            (&b"a\r\nb"[..], &b"a\r\nb"[..]),
            (b"a\r\0b\0", b"a\rb\0"),
            (b"\r\r\0\0", b"\r\r\0"),
            (b"\xff\xff\xff\xf1x\xff\xf9", b"\xffx"),
            (b"\r\xff\xf1\0x", b"\rx"),
            (b"\xff\xfa\x01junk\xff\xff\xff\xf0x", b"x"),
            // its end is missing: what follows is read
            (b"\xff\xfa\x01junk\xff\xf1x", b"x"),
        ] {
            assert_eq!(receive(&mut fresh(), come).0, meant, "{come:?}");
            // cut at each place
            for at in 0..come.len() {
                let mut p = fresh();
                let mut text = receive(&mut p, &come[..at]).0;
                text.extend(receive(&mut p, &come[at..]).0);
                assert_eq!(text, meant, "{come:?} at {at}");
            }
        }
    }

    #[test]
    fn eight_bits_both_ways() {
        let all: Vec<u8> = (0..=255).collect();
        let mut p = begun();
        let mut out = Vec::new();
        p.send(&all, &mut out);
        // (the other side reads it as this one does)
        assert_eq!(receive(&mut fresh(), &out).0, all);
        let (_, said) = receive(&mut p, &[IAC, WILL, BINARY, IAC, DO, BINARY]);
        assert_eq!(said, [IAC, DO, BINARY, IAC, WILL, BINARY]);
        out.clear();
        p.send(b"\r\xff", &mut out);
        assert_eq!(out, b"\r\xff\xff");
        assert_eq!(receive(&mut p, b"\r\0").0, b"\r\0");
    }

    #[test]
    fn nothing_is_said_to_a_host_that_may_not_know_telnet() {
        let mut p = fresh();
        assert_eq!(receive(&mut p, b"220 mail\r\n"), (b"220 mail\r\n".to_vec(), Vec::new()));
        p.resize(Size { rows: 5, cols: 6 }, &mut Vec::new());
        let said = answers(&mut p, &[IAC, WILL, ECHO]);
        assert_eq!(
            said,
            [IAC, DO, ECHO, IAC, DO, SGA, IAC, WILL, TERMINAL_TYPE, IAC, WILL, NAWS],
            "it does: so the rest is said, once"
        );
        assert_eq!(answers(&mut p, &[IAC, WILL, SGA]), b"");
        assert!(p.echoes() && p.takes_characters());
    }

    #[test]
    fn the_size_is_said_where_it_is_wanted() {
        let mut p = begun();
        let mut out = Vec::new();
        p.resize(Size { rows: 255, cols: 0x1ff }, &mut out);
        assert_eq!(out, b"");
        let size = [IAC, SB, NAWS, 1, 255, 255, 0, 255, 255, IAC, SE];
        assert_eq!(answers(&mut p, &[IAC, DO, NAWS]), size);
        p.resize(Size { rows: 255, cols: 0x1ff }, &mut out);
        assert_eq!(out, b"", "the same");
        p.resize(SIZE, &mut out);
        assert_eq!(out, [IAC, SB, NAWS, 0, 80, 0, 24, IAC, SE]);
        out.clear();
        assert_eq!(answers(&mut p, &[IAC, DONT, NAWS]), [IAC, WONT, NAWS]);
        p.resize(Size { rows: 1, cols: 1 }, &mut out);
        assert_eq!(out, b"");
    }

    #[test]
    fn names_of_the_terminal_one_after_the_other() {
        let mut p = begun();
        let asked = [IAC, SB, TERMINAL_TYPE, SEND, IAC, SE];
        assert_eq!(answers(&mut p, &asked), b"", "not agreed on");
        assert_eq!(answers(&mut p, &[IAC, DO, TERMINAL_TYPE]), b"", "it was offered");
        let mut name = || String::from_utf8(answers(&mut p, &asked)[4..].split(|b| *b == IAC).next().unwrap().into());
        let names: Vec<String> = std::iter::repeat_with(|| name().unwrap()).take(5).collect();
        assert_eq!(names, ["xterm-256color", "xterm", "vt100", "vt100", "xterm-256color"]);
        // a name that is none is not handed on
        let mut p = Protocol::new("a\u{ff}\u{f0}b", SIZE);
        p.begin(&mut Vec::new());
        answers(&mut p, &[IAC, DO, TERMINAL_TYPE]);
        assert_eq!(answers(&mut p, &asked), [&[IAC, SB, TERMINAL_TYPE, IS][..], b"vt100", &[IAC, SE]].concat());
    }

    #[test]
    fn who_the_user_is_is_never_said() {
        let mut p = begun();
        // X-DISPLAY-LOCATION, ENVIRON, AUTHENTICATION, NEW-ENVIRON, CHARSET, LINEMODE
        for option in [35, 36, 37, 39, 42, 34] {
            assert_eq!(answers(&mut p, &[IAC, DO, option]), [IAC, WONT, option]);
            assert_eq!(answers(&mut p, &[IAC, WILL, option]), [IAC, DONT, option]);
            assert_eq!(answers(&mut p, &[IAC, SB, option, SEND, IAC, SE]), b"");
            assert_eq!(answers(&mut p, &[IAC, SB, option, SEND, 0, b'U', b'S', b'E', b'R', IAC, SE]), b"");
        }
    }

    #[test]
    fn an_option_is_refused_once() {
        let mut p = begun();
        assert_eq!(answers(&mut p, &[IAC, WILL, 99].repeat(1000)), [IAC, DONT, 99]);
        assert_eq!(answers(&mut p, &[IAC, WONT, 99]), b"");
        assert_eq!(answers(&mut p, &[IAC, WILL, 99].repeat(2)), [IAC, DONT, 99]);
        // echo is turned off and on for passwords
        assert_eq!(answers(&mut p, &[IAC, WILL, ECHO].repeat(2)), [IAC, DO, ECHO]);
        assert!(p.echoes());
        assert_eq!(answers(&mut p, &[IAC, WONT, ECHO].repeat(2)), [IAC, DONT, ECHO]);
        assert!(!p.echoes());
    }

    #[test]
    fn two_that_change_their_minds_at_once_agree() {
        let mut p = begun();
        // both ask to end SGA, and then for it again, before anything has been answered
        answers(&mut p, &[IAC, WILL, SGA]);
        let mut out = Vec::new();
        p.ask_for(false, &mut out);
        p.ask_for(true, &mut out);
        assert_eq!(out, [IAC, DONT, SGA, IAC, DO, ECHO]);
        assert_eq!(answers(&mut p, &[IAC, WONT, SGA]), [IAC, DO, SGA]);
        assert_eq!(answers(&mut p, &[IAC, WILL, SGA]), b"");
        assert!(p.takes_characters() && p.may_echo() && !p.echoes());
        assert_eq!(answers(&mut p, &[IAC, WONT, ECHO]), b"");
        assert!(!p.may_echo());
    }

    #[test]
    fn floods_are_not_answered_for_ever() {
        let mut p = begun();
        // (all of what can be asked, each turned on and off)
        let mut flood = Vec::new();
        for verbs in [[WILL, DO], [WONT, DONT]] {
            for option in 0..=255 {
                flood.extend(verbs.map(|verb| [IAC, verb, option]).concat());
            }
        }
        flood.extend([IAC, DO, TERMINAL_TYPE, IAC, SB, TERMINAL_TYPE, SEND, IAC, SE, IAC, DO, TIMING_MARK]);
        let mut said = 0;
        for _ in 0..2000 {
            said += answers(&mut p, &flood).len();
        }
        assert!(said < 24 * ANSWERS as usize, "{said}");
        assert!(answers(&mut p, &flood).is_empty());
        // text fills it up again: what an honest host asks is answered
        receive(&mut p, b"login: ");
        assert_eq!(answers(&mut p, &[IAC, WILL, 77]).len() + answers(&mut p, &[IAC, WONT, 77, IAC, WILL, 77]).len(), 6);
    }

    #[test]
    fn a_subnegotiation_without_end_takes_no_room() {
        let mut p = begun();
        receive(&mut p, &[IAC, SB, TERMINAL_TYPE]);
        for _ in 0..100 {
            receive(&mut p, &[SEND; 100_000]);
        }
        assert!(p.sub.capacity() <= 2 * SUB_MOST);
        assert_eq!(answers(&mut p, &[IAC, SE]), b"");
        assert_eq!(receive(&mut p, b"on").0, b"on");
    }
}
