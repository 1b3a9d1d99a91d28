//! Owns the comparison with other terminals: the same plain stream to thub, vt100 and Alacritty's terminal, and the text
//! that each one shows. A difference is no failure: who is right is for a reader to say, with ECMA-48 and xterm at hand.
//!
//! The stream keeps to what all three do alike on purpose. Left out, as they differ by design:
//!
//! - zero-width characters, emoji sequences: what a cluster is as wide as, each one says otherwise
//! - REP, DECALN, DECSTR, tab stops, charsets, left and right margins, rectangles: vt100 lacks them
//! - the alternate screen: vt100 keeps its content between visits by 47, Alacritty does not
//! - resizes: three ways to reflow
//!
//! Known and accepted; they may be seen all the same:
//!
//! - vt100 panics on some streams (a wide character on a screen of one column): such a case is skipped and counted
//! - Alacritty leaves a wrap pending through BS, EL and ED where xterm clears it
//! - IL and DL: xterm and thub go to column 1, Alacritty stays, vt100 goes too
//! - half of a wide character that is erased or written over: a blank in its other half in xterm and Alacritty

use crate::engines::{ALACRITTY, ENGINES, THUB, VT100};
use crate::minimise::ddmin;
use crate::terminal::vary::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use thub::proto::ids::Size;

/// Whole sequences: only whole ones are taken out when it is made smaller.
pub struct Stream {
    size: Size,
    tokens: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    Same,
    /// The other two agree.
    ThubAlone,
    FromVt100,
    FromAlacritty,
    AllDiffer,
    /// One of the others panics.
    Skipped,
}

impl Stream {
    pub fn new(random: &mut Random) -> Stream {
        let size = match random.below(3) {
            0 => Size::new(80, 24),
            1 => Size::new(random.between(2, 12) as u16, random.between(2, 8) as u16),
            _ => Size::new(random.between(10, 40) as u16, random.between(3, 12) as u16),
        };
        let many = random.between(2, 60);
        Stream { size, tokens: (0..many).map(|_| token(random, size)).collect() }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.tokens.concat()
    }

    fn rows(&self) -> Option<[Vec<String>; 3]> {
        let shown = |engine: usize| {
            let (_, make) = ENGINES[engine];
            let mut subject = make(self.size, 50);
            self.tokens.iter().for_each(|token| subject.feed(token));
            subject.rows()
        };
        let thub = shown(THUB);
        let other = |engine| catch_unwind(AssertUnwindSafe(|| shown(engine))).ok();
        Some([thub, other(VT100)?, other(ALACRITTY)?])
    }

    pub fn verdict(&self) -> Verdict {
        let Some([thub, vt100, alacritty]) = self.rows() else { return Verdict::Skipped };
        match (thub == vt100, thub == alacritty, vt100 == alacritty) {
            (true, true, _) => Verdict::Same,
            (false, false, true) => Verdict::ThubAlone,
            (false, true, _) => Verdict::FromVt100,
            (true, false, _) => Verdict::FromAlacritty,
            _ => Verdict::AllDiffer,
        }
    }

    /// As few sequences as give the same verdict.
    pub fn minimised(&self, verdict: Verdict) -> Stream {
        let with = |tokens: &[Vec<u8>]| Stream { size: self.size, tokens: tokens.to_vec() };
        let tokens = ddmin(&self.tokens, 1000, |tokens| with(tokens).verdict() == verdict);
        with(&tokens)
    }

    /// The kinds of its sequences, their numbers left out: two streams of one shape most likely show one thing.
    pub fn shape(&self) -> String {
        let kind = |token: &Vec<u8>| match token.as_slice() {
            [0x1b, b'[', .., last] => format!("CSI {}", char::from(*last)),
            [0x1b, rest @ ..] => format!("ESC {}", rest.escape_ascii()),
            [c] if *c < 0x20 => c.escape_ascii().to_string(),
            text if text.is_ascii() => "text".to_owned(),
            _ => "wide".to_owned(),
        };
        self.tokens.iter().map(kind).collect::<Vec<_>>().join(", ")
    }

    /// Size, stream as a Rust byte string, and what each one shows.
    pub fn told(&self) -> String {
        let mut told = format!("{} b\"{}\"", self.size, self.bytes().escape_ascii());
        for ((name, _), rows) in ENGINES.iter().zip(self.rows().unwrap_or_default()) {
            let end = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
            told += &format!("\n    {name:10}{:?}", rows.get(..end).unwrap_or_default());
        }
        told
    }
}

fn token(random: &mut Random, size: Size) -> Vec<u8> {
    let row = |random: &mut Random| random.between(1, usize::from(size.rows) + 1);
    let col = |random: &mut Random| random.between(1, usize::from(size.cols) + 1);
    match random.below(16) {
        0..=4 => (0..random.between(1, 12)).map(|_| b'a' + random.below(26) as u8).collect(),
        5 | 6 => random.pick(&["漢", "字字", "日本語", "한국"]).into(),
        7 => random.pick(&[b"\r\n".as_slice(), b"\r", b"\n", b"\x08", b"\t", b"\r\n"]).into(),
        8 | 9 => format!("\x1b[{};{}H", row(random), col(random)).into(),
        10 => format!("\x1b[{}{}", random.below(4), random.pick(&['A', 'B', 'C', 'D', 'G', 'd'])).into(),
        11 => format!("\x1b[{}{}", random.below(3), random.pick(&['J', 'K'])).into(),
        12 => format!("\x1b[{}{}", random.between(1, 4), random.pick(&['L', 'M', '@', 'P', 'X', 'S', 'T'])).into(),
        13 => format!("\x1b[{}m", random.pick(&["", "1", "7", "31", "42", "0"])).into(),
        14 => {
            let (a, b) = (random.between(1, usize::from(size.rows)), random.between(1, usize::from(size.rows)));
            format!("\x1b[{};{}r", a.min(b), a.max(b)).into()
        }
        _ => random.pick(&[b"\x1bM".as_slice(), b"\x1bD", b"\x1bE", b"\x1b7", b"\x1b8", b"\x1b[r"]).into(),
    }
}
