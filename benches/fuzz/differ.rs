//! Owns the comparison with other terminals: the same plain stream to thub, vt100 and Alacritty's terminal, and the text
//! that each one shows. A difference is no failure: who is right is for a reader to say, with ECMA-48 and xterm at hand.
//!
//! The stream keeps to what all three do alike on purpose. Left out, as they differ by design:
//!
//! - zero-width characters, emoji sequences: what a cluster is as wide as, each one says otherwise
//! - REP, DECALN, DECSTR, IND, NEL, tab stops, charsets, left and right margins, rectangles: vt100 lacks them
//! - the alternate screen: vt100 keeps its content between visits by 47, Alacritty does not
//! - up and down with margins set, which Alacritty does not heed; ED 1 from row 2, where it forgets row 1
//! - DECSTBM without a CUP behind it: vt100 goes to the region's top; and a region of one line, which Alacritty takes
//! - a pending wrap under anything but text, CR and CUP: Alacritty keeps it through CUB, CUD, ED and ECH, where xterm and
//!   thub forget it, and erases one cell less for it
//! - resizes: three ways to reflow
//!
//! Known and accepted; seen all the same:
//!
//! - vt100 panics on some streams (a wide character on a screen of one column): such a case is skipped and counted
//! - a wide character that does not fit in the last column: Alacritty blanks that cell, vt100 leaves what was there
//! - half of a wide character erased (EL, ED, ECH, DCH): Alacritty may leave the glyph, vt100 blanks both halves
//! - DCH of more than there is: Alacritty takes cells left of the cursor too
//!
//! Not accepted: RI in row 1 above the margins. vt100 scrolls the region; xterm and Alacritty do nothing (in
//! ctlseqs' DECSTBM terms: only at the top margin does it scroll).

use crate::engines::{ALACRITTY, ENGINES, THUB, VT100};
use crate::minimise::ddmin;
use crate::terminal::vary::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use thub::proto::ids::Size;

/// Whole sequences: only whole ones are taken out when it is made smaller.
pub struct Stream {
    pub size: Size,
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
        let kind = |token: &Vec<u8>| match token.first() {
            Some(0x1b | b'\r') => {
                let said = token.escape_ascii().to_string().replace("\\x1b", "ESC ");
                said.chars().filter(|c| !c.is_ascii_digit() && *c != ';').collect()
            }
            Some(0x80..) => "wide".to_owned(),
            _ => "text".to_owned(),
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

/// What is not text goes to its place first: a wrap that is pending then, each one takes otherwise.
fn token(random: &mut Random, size: Size) -> Vec<u8> {
    let (rows, cols) = (usize::from(size.rows), usize::from(size.cols));
    let row = random.between(1, rows + 1);
    let to = format!("\x1b[{row};{}H", random.between(1, cols + 1));
    let n = random.between(1, 4);
    match random.below(16) {
        0..=4 => (0..random.between(1, 12)).map(|_| b'a' + random.below(26) as u8).collect(),
        5 | 6 => random.pick(&["漢", "字字", "日本語", "한국"]).into(),
        7 => random.pick(&["\r\n", "\r"]).into(),
        8 => to.into(),
        9 => (to + random.pick(&["\n", "\n\n", "\x08", "\t", "\x1bM", "\x1b7", "\x0b"])).into(),
        10 => format!("{to}\x1b[{n}{}", random.pick(&['C', 'D', 'G', 'd'])).into(),
        11 => format!("\x1b[r{to}\x1b[{n}{}", random.pick(&['A', 'B', 'E', 'F'])).into(),
        12 if row != 2 => format!("{to}\x1b[{}{}", random.below(3), random.pick(&['J', 'J', 'K'])).into(),
        12 => format!("{to}\x1b[{}K", random.below(3)).into(),
        13 => format!("{to}\x1b[{n}{}", random.pick(&['L', 'M', '@', 'P', 'X', 'S', 'T'])).into(),
        14 => format!("\x1b[{}m", random.pick(&["", "1", "7", "31", "42", "0"])).into(),
        _ if rows > 1 && random.one_in(2) => {
            let top = random.between(1, rows - 1);
            format!("\x1b[{top};{}r{to}", random.between(top + 1, rows)).into()
        }
        _ => (random.pick(&["\x1b[r", "\x1b8"]).to_owned() + &to).into(),
    }
}
