//! Predicted echo against programs at the other end of a slow link, which are played here: what is typed, what is seen and
//! when.

use super::*;
use crate::client::pane::row_of;
use crate::proto::ids::Size;

mod mends;
mod player;
mod programs;
mod record;

const SIZE: Size = Size { cols: 80, rows: 10 };
const COOKED: u8 = tty::ECHO | tty::ICANON;

/// A program at the other end: what it prints when a key arrives.
trait Program {
    fn start(&mut self) -> Vec<u8>;
    fn key(&mut self, key: u8) -> Vec<u8>;
    fn flags(&self) -> u8;
}

/// A shell with readline's ways: the tail is printed anew where something is inserted.
#[derive(Default)]
struct Shell {
    number: usize,
    line: Vec<u8>,
    at: usize,
    /// `read -s`, as the shell's own command `secret`.
    secret: bool,
    raw_secret: bool,
}

impl Shell {
    fn prompt(&mut self) -> Vec<u8> {
        self.number += 1;
        format!("~^{}^~ ", self.number).into_bytes()
    }
}

impl Program for Shell {
    fn start(&mut self) -> Vec<u8> {
        self.number = 7;
        self.prompt()
    }
    fn key(&mut self, key: u8) -> Vec<u8> {
        if self.secret {
            if key == b'\r' {
                self.secret = false;
                return [b"\r\n".to_vec(), self.prompt()].concat();
            }
            return Vec::new();
        }
        let tail = |s: &Shell| {
            let rest = s.line[s.at..].to_vec();
            let back = if rest.is_empty() { Vec::new() } else { format!("\x1b[{}D", rest.len()).into_bytes() };
            [rest, b"\x1b[K".to_vec(), back].concat()
        };
        match key {
            b'\r' => {
                let line = std::mem::take(&mut self.line);
                self.at = 0;
                if line.starts_with(b"secret") || line.starts_with(b"raw") {
                    self.secret = true;
                    self.raw_secret = line.starts_with(b"raw");
                    return b"\r\nPassword: ".to_vec();
                }
                [b"\r\n".to_vec(), self.prompt()].concat()
            }
            0x7f if self.at > 0 => {
                self.at -= 1;
                self.line.remove(self.at);
                [b"\x08".to_vec(), tail(self)].concat()
            }
            0x7f => b"\x07".to_vec(),
            // (arrows come as one byte here)
            0x80 if self.at > 0 => {
                self.at -= 1;
                b"\x08".to_vec()
            }
            0x81 if self.at < self.line.len() => {
                self.at += 1;
                b"\x1b[C".to_vec()
            }
            0x20..=0x7e => {
                self.line.insert(self.at, key);
                self.at += 1;
                if self.at == self.line.len() { vec![key] } else { [vec![key], tail(self)].concat() }
            }
            _ => Vec::new(),
        }
    }
    fn flags(&self) -> u8 {
        if self.secret && !self.raw_secret { tty::ICANON } else { 0 }
    }
}

/// An editor on the whole screen: in insert mode until Escape, then keys are commands.
struct Editor {
    lines: Vec<Vec<u8>>,
    insert: bool,
}

impl Program for Editor {
    fn start(&mut self) -> Vec<u8> {
        b"\x1b[?1049h\x1b[H\x1b[2J\x1b[2;1H~\x1b[3;1H~\x1b[10;1H-- INSERT --\x1b[1;1H".to_vec()
    }
    fn key(&mut self, key: u8) -> Vec<u8> {
        let row = self.lines.len();
        let Some(line) = self.lines.last_mut() else { return Vec::new() };
        match (self.insert, key) {
            (true, b'\r') => {
                self.lines.push(Vec::new());
                format!("\x1b[?25l\x1b[{};1H\x1b[K\x1b[10;60H{},1\x1b[{};1H\x1b[?25h", row + 1, row + 1, row + 1)
                    .into_bytes()
            }
            (true, 0x1b) => {
                self.insert = false;
                b"\x1b[10;1H\x1b[K\x1b[1;1H".to_vec()
            }
            (true, 0x7f) if !line.is_empty() => {
                line.pop();
                b"\x08\x1b[K".to_vec()
            }
            (true, 0x20..=0x7e) => {
                line.push(key);
                let col = line.len();
                format!("{}\x1b[10;60H{row},{col} \x1b[{row};{}H", char::from(key), col + 1).into_bytes()
            }
            (false, b'i') => {
                self.insert = true;
                b"\x1b[10;1H-- INSERT --\x1b[1;1H".to_vec()
            }
            (false, b'j') => b"\x1b[2;1H".to_vec(),
            _ => Vec::new(),
        }
    }
    fn flags(&self) -> u8 {
        0
    }
}

/// A program that leaves echo to its terminal.
struct Cat;

impl Program for Cat {
    fn start(&mut self) -> Vec<u8> {
        Vec::new()
    }
    fn key(&mut self, key: u8) -> Vec<u8> {
        match key {
            b'\r' => b"\r\n".to_vec(),
            key => vec![key],
        }
    }
    fn flags(&self) -> u8 {
        COOKED
    }
}

enum News {
    Applied(u64),
    Output(Vec<u8>),
    Tty(u8),
}

/// A link with a program behind it and the predictor before it.
struct Play<P> {
    program: P,
    engine: Engine,
    predict: Predictor,
    rtt: u64,
    /// The program takes so long.
    thinks: u64,
    now: u64,
    typed: u64,
    applied: u64,
    /// What arrives when.
    coming: VecDeque<(u64, News)>,
    /// Everything ever seen.
    seen: Vec<String>,
}

impl<P: Program> Play<P> {
    fn new(mut program: P, rtt: u64) -> Play<P> {
        let mut engine = Engine::with_history(SIZE, 0);
        engine.feed(&program.start(), &mut Vec::new());
        let mut predict = Predictor::default();
        predict.tty(program.flags());
        Play {
            program,
            engine,
            predict,
            rtt,
            thinks: 1,
            now: 0,
            typed: 0,
            applied: 0,
            coming: VecDeque::new(),
            seen: Vec::new(),
        }
    }

    fn at(&self) -> Duration {
        Duration::from_millis(self.now)
    }

    fn key(&mut self, key: u8) {
        let bytes: &[u8] = match &key {
            0x80 => b"\x1b[D",
            0x81 => b"\x1b[C",
            _ => std::slice::from_ref(&key),
        };
        self.typed += bytes.len() as u64;
        let at = self.at();
        self.predict.typed(bytes, &self.engine, at);
        let arrives = self.now + self.rtt;
        let flags = self.program.flags();
        let out = self.program.key(key);
        self.coming.push_back((arrives, News::Applied(self.typed)));
        if !out.is_empty() {
            // Enter's answer comes in two pieces
            let half = if key == b'\r' { 2.min(out.len()) } else { out.len() };
            self.coming.push_back((arrives + self.thinks, News::Output(out[..half].to_vec())));
            if self.program.flags() != flags {
                self.coming.push_back((arrives + self.thinks, News::Tty(self.program.flags())));
            }
            if half < out.len() {
                self.coming.push_back((arrives + self.thinks + 1, News::Output(out[half..].to_vec())));
            }
        }
        self.look_at_it();
    }

    /// Time goes by.
    fn wait(&mut self, ms: u64) {
        let until = self.now + ms;
        loop {
            let next = self.coming.front().map(|(at, _)| *at);
            let due = self.predict.due().map(|d| d.as_millis() as u64);
            let Some(at) = [next, due].into_iter().flatten().min().filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            if next == Some(at) {
                match self.coming.pop_front().unwrap().1 {
                    News::Applied(to) => self.applied = to,
                    News::Output(bytes) => self.engine.feed(&bytes, &mut Vec::new()),
                    News::Tty(flags) => self.predict.tty(flags),
                }
            }
            let now = self.at();
            self.predict.applied(self.applied);
            self.predict.look(&self.engine, now);
            self.look_at_it();
        }
        self.now = until;
    }

    fn shown(&self) -> Vec<String> {
        (0..SIZE.rows)
            .map(|row| {
                let cells = self.predict.row(row).map_or_else(|| row_of(&self.engine, row), <[_]>::to_vec);
                assert_eq!(cells.len(), usize::from(SIZE.cols));
                cells
                    .iter()
                    .map(|c| if c.text.is_empty() { " " } else { &c.text })
                    .collect::<String>()
                    .trim_end()
                    .to_string()
            })
            .collect()
    }
    fn look_at_it(&mut self) {
        let shown = self.shown().join("\n");
        if self.seen.last() != Some(&shown) {
            self.seen.push(shown);
        }
    }

    /// Types text at a person's pace, and says how many of its letters were to be seen at once.
    fn types(&mut self, text: &str, pace: impl Fn(usize) -> u64) -> (usize, usize) {
        let (mut at_once, mut line) = (0, String::new());
        for (n, key) in text.bytes().enumerate() {
            self.key(key);
            if key == b'\r' {
                line.clear();
            } else {
                line.push(key.into());
                self.wait(15);
                at_once += usize::from(self.shown().iter().any(|row| row.trim_end().ends_with(line.trim_end())));
            }
            self.wait(pace(n));
        }
        (at_once, text.bytes().filter(|b| *b != b'\r').count())
    }
    fn settle(&mut self) {
        self.wait(self.rtt * 3);
        assert_eq!(self.predict.cursor(), None, "all is confirmed or dropped");
        assert!(self.predict.steps.is_empty() && self.predict.barrier.is_none());
    }
}

const TEXT: &str = "the quick brown fox jumps over lazy dogs while\rseven wizards mix strange potions beside quiet\r\
                    harbour lights before dawn the quick brown fox\rjumps over lazy dogs while seven wizards mix\r";

fn pace(n: usize) -> u64 {
    65 + (n as u64 * 37) % 170
}

#[test]
fn typing_is_seen_at_once_without_pauses() {
    let mut play = Play::new(Shell::default(), 200);
    let (at_once, all) = play.types(TEXT, pace);
    assert!(at_once * 100 >= all * 90, "a shell: {at_once} of {all}");
    play.settle();
    assert_eq!(play.predict.tally().wrong, 0);

    let mut play = Play::new(Editor { lines: vec![vec![]], insert: true }, 200);
    let (at_once, all) = play.types(TEXT, pace);
    assert!(at_once * 100 >= all * 90, "an editor: {at_once} of {all}");
    play.settle();
    assert_eq!(play.predict.tally().wrong, 0);

    let mut play = Play::new(Cat, 200);
    let (at_once, all) = play.types(TEXT, pace);
    assert!(at_once * 100 >= all * 80, "cat: {at_once} of {all}");
    play.settle();
    assert_eq!(play.predict.tally().wrong, 0);
}

#[test]
fn what_is_seen_is_what_comes() {
    // changes in the middle of a line: insert, take back, move
    let mut play = Play::new(Shell::default(), 200);
    let keys = b"echo hullo\x80\x80\x80\x7fe\x81\x81\x81 world\x80\x80XY\x7f\x7f\x81\x81!\r";
    for (n, key) in keys.iter().enumerate() {
        play.key(*key);
        play.wait(pace(n));
    }
    play.settle();
    assert!(play.shown()[0].ends_with("echo hello world!"), "{:?}", play.shown());
    assert_eq!(play.predict.tally().wrong, 0);
    assert!(play.predict.tally().shown > 20, "{:?}", play.predict.tally());
}

#[test]
fn passwords_stay_dark() {
    for (way, flags) in [("secret", "no echo"), ("raw", "keys one by one")] {
        for rtt in [60, 200, 500] {
            for ahead in [false, true] {
                let mut play = Play::new(Shell::default(), rtt);
                play.types("one two three\rfour five\r", pace);
                play.types(&format!("{way}\r"), pace);
                if !ahead {
                    play.wait(3 * rtt);
                }
                let seen = play.seen.len();
                play.types("QWXZ\r", pace);
                play.settle();
                let told = play.seen[seen..].iter().find(|s| s.contains(['Q', 'W', 'X', 'Z']));
                assert_eq!(told, None, "{flags}, {rtt} ms, typed ahead: {ahead}");
                let (at_once, all) = play.types("and so on\r", pace);
                assert!(at_once * 2 > all, "and then as before: {at_once} of {all}");
            }
        }
    }
}

#[test]
fn commands_of_an_editor_are_not_shown_as_text() {
    let mut play = Play::new(Editor { lines: vec![vec![]], insert: true }, 200);
    play.types("hello there", pace);
    play.key(0x1b);
    play.wait(150);
    let seen = play.seen.len();
    for key in *b"jjjj" {
        play.key(key);
        play.wait(120);
    }
    play.settle();
    assert!(!play.seen[seen..].iter().any(|s| s.contains("jj")), "{:?}", play.seen.last());
}

#[test]
fn what_is_wrong_goes_within_a_round_trip_and_50_ms() {
    let mut play = Play::new(Shell::default(), 200);
    play.types("some words", pace);
    play.settle();
    // the program goes without a word: what is typed is not echoed any more
    play.program.secret = true;
    play.program.raw_secret = true;
    play.key(b'X');
    assert!(play.shown()[0].ends_with("X"));
    play.wait(249);
    assert!(play.shown()[0].ends_with("some words"), "{:?}", play.shown());
    assert_eq!(play.predict.tally().wrong, 1);
    play.key(b'Y');
    play.wait(1000);
    assert!(!play.seen.iter().any(|s| s.contains('Y')), "trust is gone");
}

#[test]
fn wide_letters_and_odd_input_are_borne() {
    let mut play = Play::new(Cat, 100);
    play.types("abc", pace);
    let now = play.at();
    for bytes in ["日本".as_bytes(), b"\xff\xfe", b"\x1b", b"\x1b[", b"\x1b[200~", &[b'x'; 500], "e\u{301}".as_bytes()]
    {
        play.predict.typed(bytes, &play.engine, now);
        play.predict.applied(play.predict.count());
        play.predict.look(&play.engine, now + Duration::from_secs(1));
    }
    play.predict.reset();
    for size in [Size::new(1, 1), Size::new(2, 1), Size::new(500, 200)] {
        let mut engine = Engine::with_history(size, 0);
        let mut p = Predictor::default();
        for n in 0..2000u32 {
            let key = [b'a', 0x7f, b'\r', b' ', b'\t'][(n % 5) as usize];
            p.typed(&[key], &engine, Duration::from_millis(n.into()));
            if n % 3 == 0 {
                engine.feed(&[key], &mut Vec::new());
            }
            p.applied(p.count().saturating_sub((n % 7).into()));
            p.look(&engine, Duration::from_millis((n * 11).into()));
            let _ = (p.row(0).map(<[_]>::len), p.cursor(), p.rows().count());
        }
    }
}
