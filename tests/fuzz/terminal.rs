//! Owns what must hold of a terminal whatever it is fed: how an input is read, and the checks of it. Every check panics
//! with a message that begins with its own name. Leaves out where inputs come from, and what they may cost.
//!
//! ```text
//! input = COLS ROWS record*           one byte each: sizes 1 to 200 and 1 to 60
//! record = 0xfe COLS ROWS             a resize
//!        | 0xff                       a client attaches: the screen is said and read again
//!        | N byte{N + 1}              output
//! ```
#![allow(dead_code)]

#[path = "vary.rs"]
pub mod vary;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use thub::proto::ids::Size;
use thub::term::engine::Engine;
use thub::term::history;
use thub::term::screen::Event;
use vary::Random;

/// Lines of history kept: few, so that the oldest go.
pub const LINES: usize = 50;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    Feed(Vec<u8>),
    Resize(Size),
    Attach,
}

/// A terminal's size, and what happens to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    pub size: Size,
    pub steps: Vec<Step>,
}

impl Case {
    /// Reads an input; what is cut off at its end counts as far as it goes. None if it does not even have a size.
    pub fn parse(data: &[u8]) -> Option<Case> {
        let size = |[cols, rows]: [u8; 2]| Size::new(u16::from(cols) % 200 + 1, u16::from(rows) % 60 + 1);
        let (head, mut rest) = data.split_first_chunk::<2>()?;
        let mut case = Case { size: size(*head), steps: Vec::new() };
        while let Some((&op, more)) = rest.split_first() {
            rest = more;
            match op {
                0xfe => {
                    let Some((to, more)) = rest.split_first_chunk::<2>() else { break };
                    rest = more;
                    case.steps.push(Step::Resize(size(*to)));
                }
                0xff => case.steps.push(Step::Attach),
                n => {
                    let (now, more) = rest.split_at(rest.len().min(usize::from(n) + 1));
                    rest = more;
                    // records are short: pieces of one output are one
                    match case.steps.last_mut() {
                        Some(Step::Feed(bytes)) => bytes.extend_from_slice(now),
                        _ => case.steps.push(Step::Feed(now.to_vec())),
                    }
                }
            }
        }
        Some(case)
    }

    /// The input that reads as this case.
    pub fn to_bytes(&self) -> Vec<u8> {
        let side = |n: u16, most: u16| u8::try_from(n.clamp(1, most) - 1).unwrap_or(0);
        let size = |s: Size| [side(s.cols, 200), side(s.rows, 60)];
        let mut out = size(self.size).to_vec();
        for step in &self.steps {
            match step {
                Step::Resize(to) => {
                    out.push(0xfe);
                    out.extend(size(*to));
                }
                Step::Attach => out.push(0xff),
                Step::Feed(bytes) => {
                    for piece in bytes.chunks(254) {
                        out.push(u8::try_from(piece.len() - 1).unwrap_or(0));
                        out.extend_from_slice(piece);
                    }
                }
            }
        }
        out
    }

    /// All output, one piece after the other.
    pub fn output(&self) -> Vec<u8> {
        let feeds = self.steps.iter().filter_map(|step| match step {
            Step::Feed(bytes) => Some(bytes.as_slice()),
            _ => None,
        });
        feeds.collect::<Vec<_>>().concat()
    }
}

/// Two engines tell the same of everything but history and stamps.
fn same(a: &Engine, b: &Engine, how: &str) {
    let rest = |e: &Engine| (e.size(), e.cursor(), e.modes(), e.title().to_owned(), e.directory().to_owned());
    assert_eq!(rest(a), rest(b), "{how}: size, cursor, modes, title or folder");
    let size = a.size();
    for row in 0..size.rows {
        assert_eq!(a.row_wrapped(row), b.row_wrapped(row), "{how}: wrapped rows: {row}");
        for col in 0..size.cols {
            if a.cell(row, col) != b.cell(row, col) {
                // all of it says more than one cell
                assert_eq!(a.text_rows(), b.text_rows(), "{how}: text");
                assert_eq!(a.ansi_rows(), b.ansi_rows(), "{how}: styles");
                assert_eq!(a.cell(row, col), b.cell(row, col), "{how}: cells: {row},{col}");
            }
            assert_eq!(a.link(row, col), b.link(row, col), "{how}: links: {row},{col}");
        }
    }
}

/// All checks.
pub fn check(data: &[u8]) {
    let Some(case) = Case::parse(data) else { return };
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    let mut random = Random::new(hasher.finish());
    pieces(&case, &mut random);
    attach(&case, &mut random);
}

/// An engine that is fed, and what it said.
struct Run {
    engine: Engine,
    events: Vec<Event>,
}

impl Run {
    fn new(size: Size) -> Run {
        Run { engine: Engine::with_history(size, LINES), events: Vec::new() }
    }
    fn feed<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>) {
        for piece in pieces {
            self.engine.feed(piece, &mut self.events);
        }
    }
    fn attach(&mut self) {
        self.engine = Engine::restore_with_history(self.engine.size(), &self.engine.snapshot(), LINES);
        self.events.clear();
    }
}

/// The same comes of it however the output is cut; and on the way what the engine tells fits together.
fn pieces(case: &Case, random: &mut Random) {
    let mut whole = Run::new(case.size);
    let mut bytes = Run::new(case.size);
    let mut cut = Run::new(case.size);
    let mut seen = Seen::default();
    for step in &case.steps {
        match step {
            Step::Resize(to) => {
                for run in [&mut whole, &mut bytes, &mut cut] {
                    run.engine.resize(*to);
                }
                seen = Seen::default();
            }
            Step::Attach => {
                for run in [&mut whole, &mut bytes, &mut cut] {
                    run.attach();
                }
                seen = Seen::default();
            }
            Step::Feed(output) => {
                whole.feed([output.as_slice()]);
                bytes.feed(output.chunks(1));
                let mut rest = output.as_slice();
                while !rest.is_empty() {
                    let (now, more) = rest.split_at(random.between(1, rest.len().min(40)));
                    rest = more;
                    cut.feed([now]);
                    // a look at each cell takes its time
                    if random.one_in(8) {
                        seen.look(&cut.engine);
                    }
                }
            }
        }
        sound(&whole.engine);
        seen.look(&cut.engine);
        same(&whole.engine, &bytes.engine, "byte by byte");
        same(&whole.engine, &cut.engine, "in pieces");
    }
    sound_rows(&whole.engine);
    for (run, how) in [(&bytes, "byte by byte"), (&cut, "in pieces")] {
        assert_eq!(whole.events, run.events, "{how}: events");
        let (a, b) = (whole.engine.history().to_bytes(), run.engine.history().to_bytes());
        assert_eq!(String::from_utf8_lossy(&a), String::from_utf8_lossy(&b), "{how}: history");
        assert_eq!(whole.engine.snapshot(), run.engine.snapshot(), "{how}: snapshot");
    }
}

/// A restored engine is the same, wherever the output was cut, and stays so under the bytes that follow. Sizes are
/// another matter: after a resize a client is told the screen anew, so it is compared until the next one.
fn attach(case: &Case, random: &mut Random) {
    let mut run = Run::new(case.size);
    // a short input is cut everywhere, so that it breaks the same thing each time
    let short = case.output().len() <= 48;
    for step in &case.steps {
        let output = match step {
            Step::Resize(to) => {
                run.engine.resize(*to);
                continue;
            }
            Step::Attach => {
                run.attach();
                continue;
            }
            Step::Feed(output) => output,
        };
        let mut cuts: Vec<usize> = match short {
            true => (0..=output.len()).collect(),
            false => (0..2).map(|_| random.below(output.len() + 1)).collect(),
        };
        cuts.sort_unstable();
        cuts.push(output.len());
        run.events.clear();
        let mut restored: Vec<(usize, Run)> = Vec::new();
        let mut from = 0;
        for (i, to) in cuts.iter().copied().enumerate() {
            let piece = output.get(from..to).unwrap_or_default();
            from = to;
            run.feed([piece]);
            for (_, other) in &mut restored {
                other.feed([piece]);
                if !short || to == output.len() {
                    same(&run.engine, &other.engine, "after restoring");
                }
            }
            if i + 1 == cuts.len() {
                break;
            }
            let snapshot = run.engine.snapshot();
            let engine = Engine::restore_with_history(run.engine.size(), &snapshot, LINES);
            same(&run.engine, &engine, "restored");
            assert_eq!(shown(&snapshot), shown(&engine.snapshot()), "restored: its snapshot");
            assert!(engine.history().is_empty(), "restored: it has a history");
            restored.push((run.events.len(), Run { engine, events: Vec::new() }));
        }
        let snapshot = run.engine.snapshot();
        for (before, other) in &restored {
            assert_eq!(run.events.get(*before..), Some(&*other.events), "after restoring: events");
            assert_eq!(shown(&snapshot), shown(&other.engine.snapshot()), "after restoring: snapshot");
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// What an engine tells must make sense.
pub fn sound(engine: &Engine) {
    let (size, cursor) = (engine.size(), engine.cursor());
    assert!(size.is_valid(), "sound: {size}");
    assert!(cursor.row < size.rows && cursor.col < size.cols, "sound: {cursor:?} lies outside of {size}");
    for row in 0..size.rows {
        let mut half = false;
        for col in 0..size.cols {
            let cell = engine.cell(row, col);
            assert_eq!(cell.width == 0, half, "sound: half of a wide character at {row},{col}: {cell:?}");
            assert!(cell.width <= 2, "sound: {cell:?}");
            assert!(cell.width > 0 || cell.text.is_empty(), "sound: text in a second half: {cell:?}");
            assert!(cell.width < 2 || !cell.text.is_empty(), "sound: nothing is wide: {cell:?}");
            assert!(!cell.text.chars().any(char::is_control), "sound: a control in a cell: {cell:?}");
            half = cell.width == 2;
        }
        assert!(!half, "sound: row {row} ends in half of a wide character");
    }
    assert_eq!(engine.cell(size.rows, 0).text, "", "sound: a cell below the screen");
    assert_eq!(engine.cell(0, size.cols).text, "", "sound: a cell right of the screen");
    assert!(!engine.row_wrapped(size.rows), "sound: a row below the screen");
    assert!(engine.title().chars().all(|c| !c.is_control()), "sound: a control in the title");
    assert!(engine.title().chars().count() <= 256, "sound: a long title");
    assert!(engine.directory().chars().all(|c| !c.is_control()), "sound: a control in the folder");
    let history = engine.history();
    assert!(history.len() <= LINES, "sound: more history than was asked for");
    for line in history.lines() {
        assert!(!history::plain(&line).chars().any(char::is_control), "sound: a control in history: {line:?}");
    }
}

/// So must the ways to say its rows.
fn sound_rows(engine: &Engine) {
    let rows = usize::from(engine.size().rows);
    assert_eq!((engine.text_rows().len(), engine.ansi_rows().len()), (rows, rows), "sound: rows");
    for (ansi, text) in engine.ansi_rows().iter().zip(engine.text_rows()) {
        assert_eq!(history::plain(ansi).trim_end_matches(' '), text, "sound: the two ways to say a row");
    }
}

/// What one engine has told of its changes.
#[derive(Default)]
struct Seen {
    stamps: HashMap<u64, u64>,
    last: Option<(u64, u64)>,
}

impl Seen {
    /// Equal stamps mean equal cells, and an equal generation an equal screen.
    fn look(&mut self, engine: &Engine) {
        let size = engine.size();
        let mut screen = DefaultHasher::new();
        let cursor = engine.cursor();
        (cursor.row, cursor.col, cursor.visible).hash(&mut screen);
        for row in 0..size.rows {
            let mut hasher = DefaultHasher::new();
            for col in 0..size.cols {
                let cell = engine.cell(row, col);
                (&*cell.text, cell.width, cell.style, engine.link(row, col)).hash(&mut hasher);
            }
            let (stamp, cells) = (engine.row_stamp(row), hasher.finish());
            assert!(stamp != 0, "stamps: 0");
            let before = *self.stamps.entry(stamp).or_insert(cells);
            assert!(before == cells, "stamps: one stamp, two rows: {:?}", engine.ansi_rows());
            cells.hash(&mut screen);
        }
        let screen = screen.finish();
        if let Some((generation, before)) = self.last
            && generation == engine.generation()
        {
            assert!(before == screen, "generation: the screen changed, the number did not");
        }
        self.last = Some((engine.generation(), screen));
    }
}
