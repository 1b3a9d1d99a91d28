//! Owns the play: a recording behind a link of any length, in time that costs none, against the predictor and an engine; and
//! the count of what was to be seen when. Leaves out where recordings come from.

use super::super::Predictor;
use super::record::{Act, Recording, SECRET, SIZE, Said};
use crate::client::pane::row_of;
use crate::term::engine::Engine;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A key is to be seen within this, ms.
const SOON: u64 = 20;
/// A session looks at its terminal's flags so long after output, ms.
const ASKS: u64 = 15;

/// How keys are typed and how they travel; times in ms.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub rtt: u64,
    /// At most so much more, each time.
    pub jitter: u64,
    pub pauses: bool,
    /// The program takes so long.
    pub thinks: u64,
    /// Flags are told late, and output comes in pieces.
    pub ragged: bool,
    pub seed: u64,
}

pub const PLAIN: Way = Way { rtt: 200, jitter: 0, pauses: false, thinks: 1, ragged: false, seed: 11 };

/// What was seen.
#[derive(Clone, Default, Debug)]
pub struct Figures {
    /// Keys that put a character, and of those seen within 20 ms.
    pub text: usize,
    pub soon: usize,
    /// All keys, those that showed something wrong, and how long the longest of it stood, ms.
    pub keys: usize,
    pub wrong: usize,
    pub longest: u64,
    /// What was right and was taken back.
    pub flickers: usize,
    /// Letters of a secret that were seen.
    pub leaks: usize,
    /// For who mends: the first of what went wrong.
    pub told: Vec<String>,
}

impl Figures {
    pub fn add(&mut self, other: &Figures) {
        self.text += other.text;
        self.soon += other.soon;
        self.keys += other.keys;
        self.wrong += other.wrong;
        self.longest = self.longest.max(other.longest);
        self.flickers += other.flickers;
        self.leaks += other.leaks;
        let room = 12usize.saturating_sub(self.told.len());
        self.told.extend(other.told.iter().take(room).cloned());
    }
    pub fn share(&self) -> f64 {
        self.soon as f64 * 100.0 / self.text.max(1) as f64
    }
    pub fn wrong_share(&self) -> f64 {
        self.wrong as f64 * 100.0 / self.keys.max(1) as f64
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:5.1} % of {:4} seen within 20 ms; wrong {:4.1} % of {:4} keys, for {:3} ms at most; {} flickers, {} leaks",
            self.share(),
            self.text,
            self.wrong_share(),
            self.keys,
            self.longest,
            self.flickers,
            self.leaks
        )
    }
}

/// Numbers from a seed (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n.max(1)
    }
}

/// A screen as it is when all keys up to one are answered.
struct Truth {
    rows: Vec<Vec<String>>,
    cursor: (u16, u16),
}

fn glyph(text: &str) -> &str {
    if text.is_empty() { " " } else { text }
}

fn truth(engine: &Engine) -> Truth {
    let row = |r| row_of(engine, r).iter().map(|c| glyph(&c.text).to_string()).collect();
    let at = engine.cursor();
    Truth { rows: (0..SIZE.rows).map(row).collect(), cursor: (at.row, at.col) }
}

fn feed(engine: &mut Engine, said: &[Said]) {
    for said in said {
        if let Said::Output(bytes) = said {
            engine.feed(bytes, &mut Vec::new());
        }
    }
}

enum News {
    Applied(u64),
    Said(Said),
    /// The answer to a key is whole.
    Answered(usize),
}

/// A recording, and the screens that come of it.
pub struct Film {
    recording: Recording,
    truths: Vec<Truth>,
    /// Bytes typed up to each act's end.
    ends: Vec<u64>,
}

pub struct Play<'a> {
    recording: &'a Recording,
    way: Way,
    dice: Dice,
    truths: &'a [Truth],
    ends: &'a [u64],
    pub engine: Engine,
    pub predict: Predictor,
    now: u64,
    /// Acts typed, and acts whose answer has come.
    typed: usize,
    answered: usize,
    coming: VecDeque<(u64, News)>,
    /// What is on its way arrives in order.
    last: u64,
    /// Wrong since when: row, column, what.
    wrong: BTreeMap<(u16, u16, String), u64>,
    /// Cells foreseen at the last look, and the last act foreseen then.
    shown: Vec<(u16, u16, String)>,
    foreseen: usize,
    figures: Figures,
}

/// Draws all of it once.
pub fn film(recording: Recording) -> Film {
    let mut all = Engine::with_history(SIZE, 0);
    feed(&mut all, &recording.start);
    let (mut truths, mut ends, mut typed) = (vec![truth(&all)], vec![0], 0);
    for act in &recording.acts {
        feed(&mut all, &act.said);
        truths.push(truth(&all));
        typed += act.bytes.len() as u64;
        ends.push(typed);
    }
    Film { recording, truths, ends }
}

/// Plays all of it.
pub fn play(film: &Film, way: Way) -> Figures {
    let Film { recording, truths, ends } = film;
    let mut engine = Engine::with_history(SIZE, 0);
    feed(&mut engine, &recording.start);
    let mut predict = Predictor::default();
    predict.tty(super::super::tty::ECHO | super::super::tty::ICANON);
    for said in &recording.start {
        if let Said::Tty(flags) = said {
            predict.tty(*flags);
        }
    }
    let mut play = Play {
        recording,
        way,
        dice: Dice(way.seed),
        truths,
        ends,
        engine,
        predict,
        now: 0,
        typed: 0,
        answered: 0,
        coming: VecDeque::new(),
        last: 0,
        wrong: BTreeMap::new(),
        shown: Vec::new(),
        foreseen: 0,
        figures: Figures::default(),
    };
    for (n, act) in recording.acts.iter().enumerate() {
        let gap = play.gap(act);
        play.act(n, act);
        play.wait(SOON - 5);
        play.count(n, act);
        play.wait(gap - (SOON - 5));
    }
    play.wait(way.rtt * 3 + way.jitter * 10 + 2000);
    assert!(
        play.predict.steps.is_empty() && play.predict.barrier.is_none(),
        "{}: all is confirmed or dropped",
        recording.name
    );
    play.figures
}

impl Play<'_> {
    fn gap(&mut self, act: &Act) -> u64 {
        let steady = 80 + self.dice.below(170);
        match act.bytes.as_slice() {
            b"\r" if self.way.pauses => 700 + self.dice.below(600),
            b" " if self.way.pauses && self.dice.below(5) == 0 => 400 + self.dice.below(600),
            _ => steady,
        }
    }

    fn act(&mut self, n: usize, act: &Act) {
        self.typed = n + 1;
        let before = self.wrong.len();
        if !act.bytes.is_empty() {
            self.figures.keys += 1;
            self.predict.typed(&act.bytes, &self.engine, Duration::from_millis(self.now));
        }
        let arrives = self.now + self.way.rtt + self.dice.below(self.way.jitter + 1);
        let mut at = self.last.max(arrives);
        // (the acknowledgement goes before all else)
        self.coming.push_back((at, News::Applied(self.ends[n + 1])));
        at += self.way.thinks;
        let mut flags = Vec::new();
        for said in &act.said {
            match said {
                Said::Tty(_) if self.way.ragged => flags.push(said.clone()),
                Said::Output(bytes) if self.way.ragged && bytes.len() > 1 => {
                    let cut = 1 + self.dice.below(bytes.len() as u64 - 1) as usize;
                    self.coming.push_back((at, News::Said(Said::Output(bytes[..cut].to_vec()))));
                    at += self.dice.below(4);
                    self.coming.push_back((at, News::Said(Said::Output(bytes[cut..].to_vec()))));
                }
                said => self.coming.push_back((at, News::Said(said.clone()))),
            }
        }
        // a session that saw them change only when it asked
        at += if flags.is_empty() { 0 } else { ASKS };
        self.coming.extend(flags.into_iter().map(|f| (at, News::Said(f))));
        self.coming.push_back((at, News::Answered(n + 1)));
        self.last = at;
        self.look(true);
        self.figures.wrong += usize::from(self.wrong.len() > before);
    }

    fn wait(&mut self, ms: u64) {
        let until = self.now + ms;
        loop {
            let next = self.coming.front().map(|(at, _)| *at);
            let due = self.predict.due().map(|d| d.as_millis() as u64);
            let Some(at) = [next, due].into_iter().flatten().min().filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            if next == Some(at) {
                match self.coming.pop_front().unwrap().1 {
                    News::Applied(to) => self.predict.applied(to),
                    News::Said(Said::Output(bytes)) => self.engine.feed(&bytes, &mut Vec::new()),
                    News::Said(Said::Tty(flags)) => self.predict.tty(flags),
                    News::Answered(n) => self.answered = n,
                }
            }
            self.predict.look(&self.engine, Duration::from_millis(self.now));
            self.look(false);
        }
        self.now = until;
    }

    /// Whether a key put its character, and that is to be seen now.
    fn count(&mut self, n: usize, act: &Act) {
        let text = std::str::from_utf8(&act.bytes).unwrap_or_default();
        let mut chars = text.chars();
        let (Some(c), None) = (chars.next(), chars.next()) else { return };
        let Truth { rows, cursor } = &self.truths[n + 1];
        let before = &self.truths[n];
        let wide = crate::term::width::of(c) as u16;
        let (row, Some(col)) = (cursor.0, cursor.1.checked_sub(wide)) else { return };
        let put = rows[usize::from(row)][usize::from(col)] == text && (row, col) == before.cursor;
        if c.is_control() || !put || act.secret {
            return;
        }
        self.figures.text += 1;
        let at = self.engine.cursor();
        let there = self.predict.cursor().unwrap_or((at.row, at.col)) == *cursor;
        self.figures.soon += usize::from(there && self.text(row, col) == text);
    }

    fn text(&self, row: u16, col: u16) -> String {
        match self.predict.row(row).and_then(|cells| cells.get(usize::from(col))) {
            Some(cell) => glyph(&cell.text).to_string(),
            None => glyph(&self.engine.cell(row, col).text).to_string(),
        }
    }

    /// Holds what is to be seen now against what is going to be.
    fn look(&mut self, typed: bool) {
        let last = self.predict.steps.back().map(|s| s.end);
        let foreseen = last.map_or(0, |end| self.ends.partition_point(|e| *e < end));
        let mut shown = Vec::new();
        for row in self.predict.rows() {
            for (col, cell) in self.predict.row(row).unwrap_or_default().iter().enumerate() {
                let col = col as u16;
                if glyph(&cell.text) != glyph(&self.engine.cell(row, col).text) && cell.width > 0 {
                    shown.push((row, col, glyph(&cell.text).to_string()));
                }
            }
        }
        let want = &self.truths[foreseen];
        let right = |(row, col, text): &(u16, u16, String), want: &Truth| {
            want.rows[usize::from(*row)][usize::from(*col)] == *text
        };
        let is_secret = self.recording.acts.get(foreseen.saturating_sub(1)).is_some_and(|a| a.secret);
        let mut told = Vec::new();
        for cell in &shown {
            if cell.2.starts_with(SECRET) || is_secret {
                self.figures.leaks += 1;
                told.push(format!("leak {cell:?}"));
            }
        }
        if !typed && foreseen <= self.foreseen {
            let was = &self.truths[self.foreseen];
            let gone = self
                .shown
                .iter()
                .find(|c| right(c, was) && self.answered < self.foreseen && self.text(c.0, c.1) != c.2);
            if let Some(c) = gone {
                told.push(format!("taken back {c:?}"));
                self.figures.flickers += 1;
            }
        }
        let mut wrong = BTreeMap::new();
        for cell in shown.iter().filter(|c| !right(c, want)) {
            let since = self.wrong.get(cell).copied();
            if since.is_none() {
                told.push(format!("wrong {cell:?}"));
            }
            wrong.insert(cell.clone(), since.unwrap_or(self.now));
        }
        for (cell, since) in &self.wrong {
            if !wrong.contains_key(cell) {
                self.figures.longest = self.figures.longest.max(self.now - since);
            }
        }
        if self.figures.told.len() < 12 && !told.is_empty() {
            let key = self.recording.acts.get(self.typed.saturating_sub(1)).map(|a| String::from_utf8_lossy(&a.bytes));
            let at = self.engine.cursor();
            let row = self.engine.text_rows().get(usize::from(at.row)).cloned().unwrap_or_default();
            told.truncate(3);
            self.figures.told.push(format!(
                "{} ms, key {} {key:?}, answered {}: {} (cursor {},{} of {row:?})",
                self.now,
                self.typed,
                self.answered,
                told.join(", "),
                at.row,
                at.col
            ));
        }
        (self.wrong, self.shown, self.foreseen) = (wrong, shown, foreseen);
    }
}
