//! Owns a search through a terminal's lines, newest first, a batch at a time: lines are taken where the terminal is, and
//! may be looked at on another thread. Leaves out threads and the stream its findings go to.

use super::engine::Engine;
use super::history::History;
use crate::proto::control::{Hit, SearchEnd, Searched, SessionSearch};
use regex::{Regex, RegexBuilder};

/// Memory a regular expression may take, bytes, and its cache as well. (A line may take tens of milliseconds then.)
const REGEX: usize = 1 << 20;
/// Nested groups, repetitions and classes.
const NEST: u32 = 50;
/// Bytes found that wait to be taken: then it rests.
const READY: usize = 64 << 10;
/// Lines looked at in vain before it says that it lives.
const QUIET: u64 = 50_000;
/// What a line costs beside its bytes when it is taken.
const OVERHEAD: usize = 32;
/// Characters before a match that are shown of a long line.
const BEFORE: usize = 200;

/// Lines taken to be looked at, newest first, with their SGR sequences.
#[derive(Default)]
pub struct Batch(Vec<(u64, String)>);

/// A search on its way. What the screen shows at its beginning is part of it; of the history it needs to be lent the
/// present one each time: lines keep their numbers.
pub struct Search {
    regex: Regex,
    /// Lines of the screen, oldest first.
    screen: Vec<(u64, String)>,
    from: u64,
    /// All lines of the history from this one on have been looked at.
    next: u64,
    limit: u64,
    hits: u64,
    /// Lines since the last word.
    quiet: u64,
    over: bool,
    /// JSON lines (`proto::control::Searched`) to be sent.
    pub ready: Vec<u8>,
}

impl Search {
    /// A search as it was called for, in these lines as of now.
    ///
    /// # Errors
    /// The pattern is no regular expression, or too large a one: a sentence.
    pub fn new(call: &SessionSearch, history: &History, screen: &Engine) -> Result<Search, String> {
        let regex = compile(&call.pattern, call.case)?;
        let mut screen = screen_lines(history, screen);
        let to = call.to.unwrap_or(u64::MAX);
        screen.retain(|(n, _)| (call.from..to).contains(n));
        // a line that goes on in the screen is looked at there
        let end = history.end().saturating_sub(u64::from(history.is_open()));
        Ok(Search {
            regex,
            screen,
            from: call.from.max(history.first()),
            next: end.min(to),
            limit: call.limit.unwrap_or(SessionSearch::LIMIT).clamp(1, SessionSearch::MOST),
            hits: 0,
            quiet: 0,
            over: false,
            ready: Vec::new(),
        })
    }

    /// Number of the first line to be looked at, and of the next after the last.
    pub fn range(&self) -> (u64, u64) {
        let (first, last) = (self.screen.first().map(|l| l.0), self.screen.last().map(|l| l.0 + 1));
        let from = if self.from < self.next { self.from } else { first.unwrap_or(self.from) };
        (from, last.unwrap_or(self.next).max(from))
    }

    /// Nothing more will be found; what is ready is the rest.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// It could go on at once.
    pub fn has_work(&self) -> bool {
        !self.over && self.ready.len() < READY
    }

    /// Takes lines of about `most` bytes. Lines that the history has let go of meanwhile are its oldest: with the first
    /// that is missing the search comes to its end.
    pub fn take(&mut self, history: &History, most: usize) -> Batch {
        let mut lines = Vec::new();
        let mut bytes = 0;
        while bytes < most {
            let line = self.screen.pop().or_else(|| {
                let n = self.next.checked_sub(1).filter(|n| *n >= self.from)?;
                let text = history.text(n)?;
                self.next = n;
                Some((n, text.to_string()))
            });
            let Some((n, line)) = line else { break };
            bytes += line.len() + OVERHEAD;
            lines.push((n, line));
        }
        Batch(lines)
    }

    /// Looks at lines that were taken; an empty batch is the end.
    pub fn look_at(&mut self, batch: Batch) {
        if batch.0.is_empty() {
            self.end(false);
        }
        for (n, line) in batch.0 {
            if self.over {
                return;
            }
            self.look(n, &line);
        }
    }

    fn look(&mut self, n: u64, text: &str) {
        self.quiet += 1;
        if let Some(found) = self.regex.find(text) {
            self.hits += 1;
            self.say(&Searched { hit: Some(hit(n, text, found.range())), ..Searched::default() });
            if self.hits == self.limit {
                self.end(true);
            }
        } else if self.quiet >= QUIET {
            self.say(&Searched { down_to: Some(n), ..Searched::default() });
        }
    }

    fn end(&mut self, more: bool) {
        self.over = true;
        self.say(&Searched { end: Some(SearchEnd { hits: self.hits, more }), ..Searched::default() });
    }

    fn say(&mut self, what: &Searched) {
        self.quiet = 0;
        // (numbers and text: it can't fail)
        if let Ok(json) = serde_json::to_vec(what) {
            self.ready.extend_from_slice(&json);
            self.ready.push(b'\n');
        }
    }
}

/// A pattern, or the sentence that says what is wrong with it.
pub fn compile(pattern: &str, case: bool) -> Result<Regex, String> {
    let shown = crate::text::short(pattern, 60);
    if pattern.len() > SessionSearch::PATTERN {
        return Err(format!("'{shown}' is longer than a pattern may be: {} bytes", SessionSearch::PATTERN));
    }
    let built = RegexBuilder::new(pattern)
        .case_insensitive(!case)
        .size_limit(REGEX)
        .dfa_size_limit(REGEX)
        .nest_limit(NEST)
        .build();
    built.map_err(|e| match e {
        regex::Error::CompiledTooBig(_) => format!("'{shown}' is too large a regular expression"),
        e => {
            // the last line says what, those before it draw where
            let text = e.to_string();
            let why = text.lines().rev().find_map(|l| l.strip_prefix("error: ")).unwrap_or("it can't be read");
            format!("'{shown}' is no regular expression: {}", crate::text::short(why, 200))
        }
    })
}

fn hit(line: u64, text: &str, found: std::ops::Range<usize>) -> Hit {
    let count = |to: usize| text.get(..to).unwrap_or_default().chars().count();
    let (start, end, all) = (count(found.start), count(found.end), text.chars().count());
    let at = if all > Hit::TEXT && end > Hit::TEXT { start.saturating_sub(BEFORE) } else { 0 };
    let text = text.chars().skip(at).take(Hit::TEXT).collect();
    Hit { line, start: start as u64, end: end as u64, at: at as u64, text }
}

/// The logical lines a screen shows, with their numbers; blank ones at its end are left out. The first is joined to the
/// history's last where that goes on in it.
pub fn screen_lines(history: &History, screen: &Engine) -> Vec<(u64, String)> {
    let mut lines: Vec<(u64, String)> = Vec::new();
    // the alternate screen is no continuation of anything
    let open = history.is_open() && !screen.modes().alt_screen;
    let mut n = history.end().saturating_sub(u64::from(history.is_open()));
    let mut text = String::new();
    if history.is_open() {
        let before = history.text(n).unwrap_or_default().to_string();
        if open {
            text = before;
        } else {
            lines.push((n, before));
            n += 1;
        }
    }
    let rows = screen.size().rows;
    for row in 0..rows {
        let wraps = screen.row_wrapped(row) && row + 1 < rows;
        push_row(screen, row, wraps, &mut text);
        if !wraps {
            lines.push((n, std::mem::take(&mut text)));
            n += 1;
        }
    }
    while lines.last().is_some_and(|(_, l)| l.is_empty()) {
        lines.pop();
    }
    lines
}

/// A row's text; where its line goes on below, with the blanks at its end (but for one that a wide character left).
fn push_row(screen: &Engine, row: u16, wraps: bool, text: &mut String) {
    let cols = screen.size().cols;
    for col in 0..cols {
        let cell = screen.cell(row, col);
        match (cell.width, &*cell.text) {
            (0, _) => {}
            (_, "") if wraps && col + 1 == cols && screen.cell(row + 1, 0).width == 2 => {}
            (_, "") => text.push(' '),
            (_, t) => text.push_str(t),
        }
    }
    if !wraps {
        text.truncate(text.trim_end_matches(' ').len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ids::Size;

    fn call(pattern: &str) -> SessionSearch {
        SessionSearch::new("k3f9".parse().unwrap(), 2, pattern)
    }

    fn answers(search: &Search) -> Vec<Searched> {
        let text = std::str::from_utf8(&search.ready).unwrap();
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    fn all(search: &mut Search, history: &History) {
        while search.has_work() {
            let batch = search.take(history, 4096);
            search.look_at(batch);
        }
    }

    fn found(call: &SessionSearch, engine: &Engine) -> (Vec<(u64, u64, u64)>, SearchEnd) {
        let mut search = Search::new(call, engine.history(), engine).unwrap();
        all(&mut search, engine.history());
        assert!(search.is_over());
        let mut all = answers(&search);
        let end = all.pop().unwrap().end.unwrap();
        (all.into_iter().map(|s| s.hit.unwrap()).map(|h| (h.line, h.start, h.end)).collect(), end)
    }

    fn engine(cols: u16, rows: u16, text: &str) -> Engine {
        let mut engine = Engine::with_history(Size::new(cols, rows), 1000);
        engine.feed(text.as_bytes(), &mut Vec::new());
        engine
    }

    #[test]
    fn newest_first_over_history_and_screen() {
        let text: String = (0..20).map(|n| format!("\x1b[3{}mline\x1b[m {n}\r\n", n % 8)).collect();
        let e = engine(20, 5, &text);
        let (hits, end) = found(&call("e 1[0-9]$"), &e);
        assert_eq!(hits, (10..20).rev().map(|n| (n, 3, 7)).collect::<Vec<_>>());
        assert_eq!(end, SearchEnd { hits: 10, more: false });
        let (hits, end) = found(&SessionSearch { limit: Some(3), ..call("LINE") }, &e);
        assert_eq!((hits, end.more), (vec![], false), "case counts");
        let (hits, end) = found(&SessionSearch { limit: Some(3), case: false, ..call("LINE") }, &e);
        assert_eq!((hits, end), (vec![(19, 0, 4), (18, 0, 4), (17, 0, 4)], SearchEnd { hits: 3, more: true }));
        let (hits, _) = found(&SessionSearch { from: 14, to: Some(18), ..call("line") }, &e);
        assert_eq!(hits.iter().map(|h| h.0).collect::<Vec<_>>(), [17, 16, 15, 14]);
    }

    #[test]
    fn a_wrapped_line_is_one_wherever_it_lies() {
        // two rows of it have left the screen, two have not
        let e = engine(10, 3, "first\r\n0123456789abcd efghijklmnopqrstuvwxyz\r\nend");
        assert_eq!((e.history().end(), e.history().is_open()), (2, true));
        assert_eq!(found(&call("9abcd efgh.*z"), &e).0, [(1, 9, 37)]);
        assert_eq!(found(&call("end"), &e).0, [(2, 0, 3)]);
        assert_eq!(found(&call("^first$"), &e).0, [(0, 0, 5)]);
        // blanks at a row's end are the line's
        let e = engine(4, 4, "ab  cd\r\nä你d");
        assert_eq!(screen_lines(e.history(), &e), [(0, "ab  cd".to_string()), (1, "ä你d".to_string())]);
        assert_eq!(found(&call("d$"), &e).0, [(1, 2, 3), (0, 5, 6)], "columns are characters");
        // the gap that a wide character leaves, which found no room in its row, is nobody's
        let e = engine(4, 4, "abc你d");
        assert_eq!(screen_lines(e.history(), &e), [(0, "abc你d".to_string())]);
    }

    #[test]
    fn it_goes_on_where_it_was_however_the_lines_move() {
        let text: String = (0..50).map(|n| format!("line {n}\r\n")).collect();
        let mut e = Engine::with_history(Size::new(20, 5), 30);
        e.feed(text.as_bytes(), &mut Vec::new());
        assert_eq!((e.history().first(), e.history().end()), (16, 46));
        let mut search = Search::new(&call("line"), e.history(), &e).unwrap();
        assert_eq!(search.range(), (16, 50));
        // (ten lines)
        let batch = search.take(e.history(), 10 * (OVERHEAD + 7));
        search.look_at(batch);
        assert!(!search.is_over());
        // others come, and push the oldest out
        e.feed("more\r\n".repeat(10).as_bytes(), &mut Vec::new());
        all(&mut search, e.history());
        let lines: Vec<u64> = answers(&search).into_iter().filter_map(|s| s.hit).map(|h| h.line).collect();
        assert_eq!(lines, (26..50).rev().collect::<Vec<_>>(), "each once, none that came later, none that is gone");
        assert!(search.is_over());
    }

    #[test]
    fn it_rests_while_nobody_takes_what_it_found() {
        let text = format!("{}\r\n", "x".repeat(900)).repeat(500);
        let e = engine(1000, 5, &text);
        let mut search = Search::new(&call("x"), e.history(), &e).unwrap();
        all(&mut search, e.history());
        assert!(!search.is_over() && !search.has_work());
        assert!(search.ready.len() < READY + 8000, "{}", search.ready.len());
        search.ready.clear();
        assert!(search.has_work());
    }

    #[test]
    fn long_lines_are_cut_around_the_match() {
        let mut history = History::new(10);
        history.push_formatted(&format!("{}needle{}", "ä".repeat(5000), "b".repeat(5000)));
        let e = engine(10, 2, "");
        let mut search = Search::new(&call("needle"), &history, &e).unwrap();
        all(&mut search, &history);
        let hit = answers(&search).remove(0).hit.unwrap();
        assert_eq!((hit.line, hit.start, hit.end, hit.at), (0, 5000, 5006, 4800));
        assert!(hit.text.chars().count() == Hit::TEXT && hit.text.chars().skip(200).take(6).eq("needle".chars()));
    }

    #[test]
    fn signs_of_life() {
        let mut history = History::new(usize::MAX);
        for _ in 0..120_000 {
            history.push_formatted("hay");
        }
        let e = engine(10, 2, "");
        let mut search = Search::new(&call("needle"), &history, &e).unwrap();
        all(&mut search, &history);
        let said = answers(&search);
        assert_eq!(said.iter().filter_map(|s| s.down_to).collect::<Vec<_>>(), [70_000, 20_000]);
        assert_eq!(said.last().unwrap().end, Some(SearchEnd::default()));
    }

    #[test]
    fn what_is_no_pattern_is_said_in_a_sentence() {
        for (pattern, what) in [
            ("(", "'(' is no regular expression: unclosed group"),
            ("a{2,1}", "no regular expression"),
            ("\\w{2000}\u{1b}", "too large"),
            ("x{1000}{1000}", "too large"),
        ] {
            let e = compile(pattern, true).unwrap_err();
            assert!(e.contains(what) && !e.contains('\n') && !e.contains('\u{1b}'), "{e}");
        }
        assert!(compile(&"(".repeat(60), true).is_err());
        assert!(compile(&"x".repeat(4097), true).unwrap_err().contains("4096"));
        assert!(compile(r"^\S+@\w+\.[a-z]{2,9}: (error|warning)\b", false).is_ok());
    }
}
