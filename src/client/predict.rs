//! Owns predicted echo: what typed keys are going to show, before the session answers, and whether it may be shown.
//! Pure: the clock is passed in. Leaves out how it is drawn (view) and how slow the link is (the host's task).
//!
//! Keys are *steps*: each puts a character, takes one away or moves the cursor. Whatever comes from the session, the longest
//! run of steps that the screen bears out is confirmed, the others are applied to the screen as it is now. A key whose
//! effect is not known (or Enter) is a *barrier*: what is typed behind it waits until the session has taken it in.
//!
//! Nothing is shown on trust alone: only once an echo has been seen at this place. Trust ends with each barrier, unless the
//! cursor comes to rest where echo was seen before: behind the same prompt, or at the beginning of an editor's next line.
//! A terminal that reads lines without echo (a password's prompt) shows nothing at all. One that reads lines is trusted by
//! nothing but what it has echoed at this very line: its echo may go off with the next, and nothing tells of it before.

mod foresee;
mod key;
mod row;

use super::pane::OwnedCell;
use crate::proto::frame::tty;
use crate::term::engine::Engine;
use key::{Key, read};
use row::{is_char, row_hash, row_text, text_of};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A key that the session has taken in shows within this, or was foreseen wrongly. Long enough for an editor to draw, and
/// with the round trip before it what is wrong is gone within one round trip and 50 ms.
const GRACE: Duration = Duration::from_millis(40);
/// A place is trusted once the cursor has stood there for so long: by then whatever belongs to it has come, flags included
/// (a session looks at them 15 ms after output once more).
const SETTLE: Duration = Duration::from_millis(20);
/// Longer input at once is a paste: its echo is not foreseen.
const PASTE: usize = 64;
/// Columns at a row's end in which an editor may begin to move the row sideways.
const MARGIN: usize = 4;
/// Keys foreseen at once.
const MOST: usize = 400;
/// Prompts remembered.
const PROMPTS: usize = 16;
/// A prompt is known once echo was seen behind it on so many lines: a program may ask for a name and a secret alike.
const TIMES: u32 = 2;
/// A prompt that speaks of such a thing is answered in the dark.
const SECRETS: [&str; 8] = ["passw", "passphrase", "passcode", "pin", "secret", "token", "otp", "verification"];

type Place = (u16, u16);

/// A key whose effect is foreseen.
#[derive(Clone, Debug)]
struct Step {
    key: Key,
    /// Bytes typed up to its end.
    end: u64,
    from: Place,
    /// The cursor behind it.
    to: Place,
    /// Where the cursor may be instead: at a row's end, before the wrap.
    or: Option<Place>,
    /// Its echo can be told from what was there before.
    news: bool,
    /// There was text to the right of it.
    amid: bool,
    /// The row as it is going to be ([`text_of`]), and as it would be if its end were not moved.
    row: u64,
    unmoved: u64,
    /// When the session was known to have taken it in.
    applied: Option<Duration>,
    shown: bool,
}

/// A key behind which nothing is foreseen until the session has taken it in.
#[derive(Clone, Debug)]
struct Barrier {
    end: u64,
    key: Key,
    from: Place,
    /// Echo was seen at the line that it ends.
    trusted: bool,
    alt: bool,
    applied: Option<Duration>,
    /// Where the cursor stands since when, if that is a place to go on at.
    stands: Option<(Place, Duration)>,
}

/// A row that is going to change.
struct Row {
    /// As it was when it was foreseen.
    base: Vec<OwnedCell>,
    cells: Vec<OwnedCell>,
}

/// A prompt behind which echo was seen.
#[derive(Clone, PartialEq, Debug)]
struct Prompt {
    text: String,
    flags: u8,
}

#[derive(Default)]
pub struct Predictor {
    /// Bytes typed, and of those what the session has taken in.
    typed: u64,
    applied: u64,
    steps: VecDeque<Step>,
    barrier: Option<Barrier>,
    /// Typed behind the barrier: the key, and the bytes typed up to its end.
    waiting: VecDeque<(u64, Key)>,
    trust: bool,
    /// Keys may be commands here, or stand elsewhere: a known prompt is no ground for trust until echo is seen or a line is over.
    doubt: bool,
    /// The cursor when nothing was under way any more, and what stood left of it ([`text_of`]).
    rest: Option<(Place, u64)>,
    /// Where the line that is edited begins, and its prompt.
    line: Option<(Place, Prompt)>,
    /// Echo was seen at that line.
    echoed: bool,
    prompts: VecDeque<(Prompt, u32)>,
    /// The program overwrites what is right of the cursor.
    overwrites: bool,
    /// The program goes on in the next row at a row's end: on the main screen, on the other one.
    wraps: [bool; 2],
    flags: u8,
    /// Rows as they are going to be, by row.
    rows: BTreeMap<u16, Row>,
    tally: Tally,
}

/// What became of the keys so far.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    pub keys: u64,
    /// Shown before the session's answer.
    pub shown: u64,
    /// Of those, taken back.
    pub wrong: u64,
}

impl Predictor {
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether anything is foreseen that [`Predictor::look`] has to come back to: when.
    pub fn due(&self) -> Option<Duration> {
        if let Some(step) = self.steps.front() {
            return step.applied.map(|at| at + GRACE);
        }
        let barrier = self.barrier.as_ref()?;
        let late = barrier.applied.map(|at| at + GRACE)?;
        Some(match barrier.stands.map(|(_, at)| at + SETTLE) {
            None => late,
            Some(settled) if matches!(barrier.key, Key::Other { .. }) => late.max(settled),
            Some(settled) => settled,
        })
    }

    /// Whether what is foreseen may be shown.
    pub fn is_shown(&self) -> bool {
        self.trust && !self.steps.is_empty() && !self.is_dark()
    }

    /// The cursor as it is going to be.
    pub fn cursor(&self) -> Option<Place> {
        self.steps.back().filter(|_| self.is_shown()).map(|s| s.to)
    }

    /// A row as it is going to be.
    pub fn row(&self, row: u16) -> Option<&[OwnedCell]> {
        self.rows.get(&row).filter(|_| self.is_shown()).map(|row| row.cells.as_slice())
    }

    /// The rows that are going to change.
    pub fn rows(&self) -> impl Iterator<Item = u16> {
        self.rows.keys().copied().filter(|_| self.is_shown())
    }

    fn is_dark(&self) -> bool {
        self.flags & tty::ICANON != 0 && self.flags & tty::ECHO == 0
    }

    /// ECHO and ICANON of the session's terminal, in order with its output.
    pub fn tty(&mut self, flags: u8) {
        if std::mem::replace(&mut self.flags, flags) != flags && self.is_dark() {
            self.trust = false;
        }
    }

    /// Whatever was foreseen is void: another screen, another size.
    pub fn reset(&mut self) {
        self.steps.clear();
        self.waiting.clear();
        self.rows.clear();
        self.line = None;
        self.rest = None;
        self.trust = false;
        self.barrier = (self.applied < self.typed).then_some(Barrier {
            end: self.typed,
            key: Key::Other { resumes: false },
            from: (0, 0),
            trusted: false,
            alt: false,
            applied: None,
            stands: None,
        });
    }

    /// Bytes on their way to the program so far.
    pub fn count(&self) -> u64 {
        self.typed
    }

    /// Bytes on their way to the program of which nothing is foreseen.
    pub fn unforeseen(&mut self, bytes: usize) {
        self.typed += bytes as u64;
        if !self.steps.is_empty() || self.barrier.is_some() {
            self.reset();
        }
    }

    /// Bytes that change no line: focus and colour reports.
    pub fn reported(&mut self, bytes: usize) {
        self.typed += bytes as u64;
    }

    /// Typed at this pane and on its way to the program.
    pub fn typed(&mut self, bytes: &[u8], engine: &Engine, now: Duration) {
        if bytes.len() > PASTE {
            self.typed += bytes.len() as u64;
            return self.key(self.typed, Key::Other { resumes: false }, engine, now);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let (key, used) = read(rest);
            rest = rest.get(used..).unwrap_or_default();
            self.typed += used as u64;
            self.key(self.typed, key, engine, now);
        }
    }

    fn key(&mut self, end: u64, key: Key, engine: &Engine, now: Duration) {
        if key == Key::Nothing {
            return;
        }
        self.tally.keys += 1;
        if self.barrier.is_some() {
            if self.waiting.len() < MOST {
                self.waiting.push_back((end, key));
            }
            return;
        }
        if self.steps.len() >= MOST {
            return self.reset();
        }
        self.place(end, key, engine, now);
        self.tally.shown += u64::from(self.mark_shown());
    }

    /// Steps that are to be seen from here on; whether any is.
    fn mark_shown(&mut self) -> bool {
        let shown = self.is_shown();
        if shown {
            self.steps.iter_mut().for_each(|s| s.shown = true);
        }
        shown
    }

    fn place(&mut self, end: u64, key: Key, engine: &Engine, now: Duration) {
        let at = engine.cursor();
        if self.steps.is_empty() {
            let here = (at.row, at.col);
            if self.rest != Some((here, text_of(engine, here))) {
                // something else has moved the cursor since
                self.line = None;
                self.trust = !self.doubt && !engine.modes().alt_screen && self.is_known(engine, here);
            }
            if self.line.is_none() {
                self.line = Some((here, self.prompt(engine, here)));
                self.echoed = false;
            }
        }
        let from = self.steps.back().map_or((at.row, at.col), |s| s.to);
        match self.foresee(&key, from, engine) {
            Some(step) => {
                self.steps.push_back(Step { end, applied: (end <= self.applied).then_some(now), ..step });
            }
            None => {
                let alt = engine.modes().alt_screen;
                self.barrier = Some(Barrier { end, key, from, trusted: self.trust, alt, applied: None, stands: None });
            }
        }
    }

    /// The session has taken in what was typed, up to `count` ([`Predictor::count`]).
    pub fn applied(&mut self, count: u64) {
        self.applied = self.applied.max(count.min(self.typed));
    }

    /// To be called when output was taken in, when the session took input in, and when it is due. Says whether something
    /// is to be drawn anew.
    pub fn look(&mut self, engine: &Engine, now: Duration) -> bool {
        if self.steps.is_empty() && self.barrier.is_none() {
            return false;
        }
        let was = (self.is_shown(), self.steps.len());
        for s in self.steps.iter_mut().filter(|s| s.end <= self.applied && s.applied.is_none()) {
            s.applied = Some(now);
        }
        if let Some(b) = self.barrier.as_mut().filter(|b| b.end <= self.applied && b.applied.is_none()) {
            b.applied = Some(now);
        }
        let late = |at: Option<Duration>| at.is_some_and(|at| now >= at + GRACE);
        self.confirm(engine, now);
        if self.steps.front().is_some_and(|s| late(s.applied)) {
            self.tally.wrong += u64::from(self.steps.iter().any(|s| s.shown));
            if self.steps.iter().any(|s| s.or.is_some()) {
                self.wraps = [false; 2];
            }
            // its prompt is none to be trusted
            if let Some((_, prompt)) = &self.line {
                self.prompts.retain(|(known, _)| known != prompt);
            }
            self.reset();
        }
        while self.steps.is_empty()
            && let Some(b) = self.barrier.as_ref().filter(|b| b.applied.is_some())
        {
            let cursor = engine.cursor();
            let here = (cursor.row, cursor.col);
            let went_on = here.0 == b.from.0 + 1 && here.1 <= 2;
            if went_on && matches!(b.key, Key::Put(c) if is_char(&engine.cell(b.from.0, b.from.1).text, c)) {
                self.wraps.iter_mut().skip(usize::from(b.alt)).take(1).for_each(|w| *w = true);
            }
            let since = b.stands.filter(|(place, _)| *place == here).map_or(now, |(_, since)| since);
            let stands = self.resumes(b, engine).then_some((here, since));
            let settled = stands.is_some() && now >= since + SETTLE;
            let (late, is_other) = (late(b.applied), matches!(b.key, Key::Other { .. }));
            // (a place that came up only just now is waited for, late or not)
            let goes_on = match stands {
                Some(_) => settled && (late || !is_other),
                None => late,
            };
            let trust = b.trusted && settled;
            self.doubt = match b.key {
                Key::Enter => false,
                Key::Other { resumes: true } => self.doubt,
                _ => !trust,
            };
            if !goes_on {
                self.barrier.iter_mut().for_each(|b| b.stands = stands);
                break;
            }
            self.barrier = None;
            self.rest = None;
            self.line = None;
            self.land(trust, engine, now);
        }
        // what has come may be half an answer: until it is whole the rows stay as they are foreseen
        let half = was.1 == self.steps.len() && self.steps.front().is_some_and(|s| s.applied.is_some());
        match half {
            true => self.follow(engine),
            false => self.foresee_again(engine),
        }
        self.tally.shown += u64::from(self.mark_shown() && !was.0);
        was != (self.is_shown(), self.steps.len()) || self.is_shown()
    }

    /// The longest run of steps that the screen bears out is done with.
    fn confirm(&mut self, engine: &Engine, now: Duration) {
        let at = engine.cursor();
        let at = (at.row, at.col);
        let arrived = self.steps.iter().take_while(|s| s.applied.is_some()).count();
        let run = (1..=arrived).rev().find(|n| {
            let Some(last) = self.steps.get(n - 1) else { return false };
            let is_whole = || {
                // what was moved comes after the key's own character: half of it is no answer, unless no more comes
                let moved = self.steps.iter().take(*n).any(|s| s.amid);
                let late = last.applied.is_some_and(|at| now >= at + GRACE);
                !moved || late || last.row == row_hash(engine, last.from.0)
            };
            (last.to == at || last.or == Some(at)) && self.is_borne_out(*n, engine) && is_whole()
        });
        let Some(run) = run else { return };
        // (one key: with more of them it can't be told)
        if let Some(s) = self.steps.front().filter(|s| run == 1 && s.amid && matches!(s.key, Key::Put(_))) {
            let there = row_hash(engine, s.from.0);
            if there != s.row || self.overwrites {
                self.overwrites = there == s.unmoved;
            }
        }
        let mut echoed = false;
        for step in self.steps.drain(..run) {
            echoed |= step.news;
        }
        if echoed && !self.is_dark() {
            (self.trust, self.doubt) = (true, false);
            if !std::mem::replace(&mut self.echoed, true) {
                self.learn();
            }
        }
        self.rest = Some((at, text_of(engine, at)));
    }

    /// Echo was seen behind the prompt of this line.
    fn learn(&mut self) {
        let Some((_, prompt)) = self.line.as_ref().filter(|(_, p)| !p.text.is_empty()) else { return };
        match self.prompts.iter_mut().find(|(known, _)| known == prompt) {
            Some((_, times)) => *times = times.saturating_add(1),
            None => {
                self.prompts.truncate(PROMPTS - 1);
                self.prompts.push_front((prompt.clone(), 1));
            }
        }
    }

    /// Whether what the first `n` steps have put is there.
    fn is_borne_out(&self, n: usize, engine: &Engine) -> bool {
        let mut put: Vec<(Place, Option<char>)> = Vec::new();
        for s in self.steps.iter().take(n) {
            match s.key {
                Key::Put(c) => {
                    // what is shifted by it is not looked at
                    put.retain(|(p, _)| p.0 != s.from.0 || p.1 < s.from.1);
                    put.push((s.from, Some(c)));
                }
                Key::Back => {
                    put.retain(|(p, _)| p.0 != s.to.0 || p.1 < s.to.1);
                    put.push((s.to, None));
                    if s.amid {
                        put.pop();
                    }
                }
                _ => {}
            }
        }
        put.iter().all(|((row, col), c)| {
            let cell = engine.cell(*row, *col);
            match c {
                Some(c) => is_char(&cell.text, *c),
                None => matches!(&*cell.text, "" | " "),
            }
        })
    }

    /// Whether the cursor has come to rest where letters are letters again.
    fn resumes(&self, b: &Barrier, engine: &Engine) -> bool {
        if self.is_dark() || !b.trusted {
            return false;
        }
        let at = engine.cursor();
        let here = (at.row, at.col);
        let modes = engine.modes();
        match b.key {
            Key::Enter if b.alt && modes.alt_screen && self.flags & tty::ICANON == 0 => {
                let below = at.row == b.from.0 + 1 || (at.row == b.from.0 && here != b.from && at.col < b.from.1);
                // (an editor's numbers of lines are as good as nothing)
                let is_free = |text: &str| text.is_empty() || text.bytes().all(|b| b == b' ' || b.is_ascii_digit());
                below
                    && at.visible
                    && (0..at.col).all(|c| is_free(&engine.cell(at.row, c).text))
                    && !(at.row.saturating_sub(1)..=at.row + 1).any(|row| is_secret(&row_text(engine, row)))
            }
            Key::Enter => !b.alt && !modes.alt_screen && here != b.from && self.is_known(engine, here),
            Key::Other { resumes: true } => !b.alt && !modes.alt_screen && self.is_known(engine, here),
            // a row's end: the text goes on in the next row
            Key::Put(_) => at.col <= 2 && here.0 >= b.from.0 && here != b.from,
            _ => false,
        }
    }

    /// Behind a barrier: what waited is placed where the cursor is now.
    fn land(&mut self, trust: bool, engine: &Engine, now: Duration) {
        let at = engine.cursor();
        let here = (at.row, at.col);
        // what the session has taken in meanwhile is on the screen, or soon will be: where, nobody knows
        let before = self.waiting.len();
        self.waiting.retain(|(end, _)| *end > self.applied);
        let lost = self.waiting.len() != before;
        let trust = trust && !lost;
        self.doubt |= lost;
        self.rest = trust.then(|| (here, text_of(engine, here)));
        self.trust = trust;
        if trust {
            self.line = Some((here, self.prompt(engine, here)));
            self.echoed = false;
        }
        while self.barrier.is_none()
            && let Some((end, key)) = self.waiting.pop_front()
        {
            self.place(end, key, engine, now);
        }
    }

    /// What stands left of a place, in which way.
    fn prompt(&self, engine: &Engine, (row, col): Place) -> Prompt {
        let mut text = String::new();
        for c in 0..col {
            let cell = engine.cell(row, c).text.to_string();
            let digit = cell.starts_with(|c: char| c.is_ascii_digit());
            match cell.as_str() {
                // a number that counts, or a clock
                _ if digit && text.ends_with('0') => {}
                _ if digit => text.push('0'),
                "" => text.push(' '),
                other => text.push_str(other),
            }
        }
        // a number in another column moves all the rest
        if text.trim().is_empty() {
            text.clear();
        }
        Prompt { text, flags: self.flags }
    }

    fn is_known(&self, engine: &Engine, here: Place) -> bool {
        if self.flags & tty::ICANON != 0 {
            return false;
        }
        let prompt = self.prompt(engine, here);
        let known = self.prompts.iter().any(|(known, times)| *times >= TIMES && *known == prompt);
        known && !prompt.text.is_empty() && !is_secret(&prompt.text)
    }
}

/// Whether a text speaks of what is typed in the dark.
fn is_secret(text: &str) -> bool {
    let lower = text.to_lowercase();
    SECRETS.iter().any(|s| lower.contains(s))
}

#[cfg(test)]
mod tests;
