//! Owns the terminals that are measured beside each other, behind one face. Leaves out what they are given.
#![allow(dead_code)]

use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::term::{Config, Term, test::TermSize};
use alacritty_terminal::vte;
use std::num::NonZeroU16;
use thub::proto::ids::Size;
use thub::term::engine::Engine;
use thub::term::screen::Event;

/// A terminal, or the parser of one.
pub trait Subject {
    /// Takes a program's output, cut anywhere.
    fn feed(&mut self, bytes: &[u8]);
    /// The screen's rows, trailing blanks trimmed; none of a bare parser.
    fn rows(&self) -> Vec<String>;
}

/// Makes a fresh one, by size and lines of history.
pub type Make = fn(Size, usize) -> Box<dyn Subject>;

pub const THUB: usize = 0;
pub const VT100: usize = 1;
pub const ALACRITTY: usize = 2;
pub const ENGINES: [(&str, Make); 4] =
    [("thub", Thub::boxed), ("vt100", Vt100::boxed), ("alacritty", Alacritty::boxed), ("vte", Bare::boxed)];

pub struct Thub {
    pub engine: Engine,
    events: Vec<Event>,
}

impl Thub {
    fn boxed(size: Size, lines: usize) -> Box<dyn Subject> {
        Box::new(Thub { engine: Engine::with_history(size, lines), events: Vec::new() })
    }
}

impl Subject for Thub {
    fn feed(&mut self, bytes: &[u8]) {
        self.engine.feed(bytes, &mut self.events);
        self.events.clear();
    }
    fn rows(&self) -> Vec<String> {
        self.engine.text_rows()
    }
}

/// The vt100 crate.
struct Vt100(vt100::Parser);

impl Vt100 {
    fn boxed(size: Size, lines: usize) -> Box<dyn Subject> {
        let side = |n: u16| NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN);
        Box::new(Vt100(vt100::Parser::new(side(size.rows), side(size.cols), lines)))
    }
}

impl Subject for Vt100 {
    fn feed(&mut self, bytes: &[u8]) {
        self.0.process(bytes);
    }
    fn rows(&self) -> Vec<String> {
        let screen = self.0.screen();
        let (rows, cols) = screen.size();
        let row = |row: u16| {
            let cells = (0..cols.get()).filter_map(|col| screen.cell(row, col));
            let texts = cells.filter(|c| !c.is_wide_continuation()).map(|c| match c.contents() {
                "" => " ",
                text => text,
            });
            texts.collect::<String>().trim_end_matches(' ').to_owned()
        };
        (0..rows.get()).map(row).collect()
    }
}

/// Alacritty's terminal, with the parser in front that it needs.
struct Alacritty {
    term: Term<VoidListener>,
    parser: vte::ansi::Processor,
}

impl Alacritty {
    fn boxed(size: Size, lines: usize) -> Box<dyn Subject> {
        let config = Config { scrolling_history: lines, ..Config::default() };
        let size = TermSize::new(usize::from(size.cols), usize::from(size.rows));
        Box::new(Alacritty { term: Term::new(config, &size, VoidListener), parser: vte::ansi::Processor::new() })
    }
}

impl Subject for Alacritty {
    fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
    }
    fn rows(&self) -> Vec<String> {
        let grid = self.term.grid();
        let row = |row: usize| {
            let mut text = String::new();
            for col in 0..grid.columns() {
                let cell = &grid[Line(row as i32)][Column(col)];
                if cell.flags.contains(Flags::WIDE_CHAR_SPACER) {
                    continue;
                }
                // a TAB it leaves in its cell, for copying
                text.push(if cell.c == '\t' { ' ' } else { cell.c });
                text.extend(cell.zerowidth().unwrap_or_default());
            }
            text.trim_end_matches(' ').to_owned()
        };
        (0..grid.screen_lines()).map(row).collect()
    }
}

/// What parsing alone costs: nothing is done with what is found.
struct Bare(vte::Parser);

struct Nobody;
impl vte::Perform for Nobody {}

impl Bare {
    fn boxed(_: Size, _: usize) -> Box<dyn Subject> {
        Box::new(Bare(vte::Parser::new()))
    }
}

impl Subject for Bare {
    fn feed(&mut self, bytes: &[u8]) {
        self.0.advance(&mut Nobody, bytes);
    }
    fn rows(&self) -> Vec<String> {
        Vec::new()
    }
}
