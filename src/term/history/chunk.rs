//! Owns how lines are packed: text, and beside it the stretches that look otherwise than plain and the cells that are
//! not one character of its usual width. Leaves out which lines are kept.

use crate::term::engine::cell::Cell;
use crate::term::engine::cluster::Clusters;
use crate::term::engine::look::{Key, Look, Looks, Pen, Pens};
use crate::term::engine::sgr;
use crate::term::width;

/// A chunk takes no new line once it is this long.
const CHUNK: usize = 64 << 10;
/// What a line costs beside its text.
const A_LINE: usize = 20;

/// Where a line ends, in each of a chunk's lists.
#[derive(Clone, Copy, Default, Debug)]
struct End {
    text: u32,
    runs: u32,
    odds: u32,
    /// What the tables held then: a line that is taken back takes along what was added for it.
    pens: u32,
    links: u32,
}

/// A stretch of text that is not plain.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u32,
    end: u32,
    pen: u32,
}

/// A cell whose text is not one character of the width characters have.
#[derive(Clone, Copy, Debug)]
struct Odd {
    start: u32,
    bytes: u8,
    width: u8,
}

/// Lines one after the other.
#[derive(Clone, Default, Debug)]
pub struct Chunk {
    /// Number of its first line.
    first: u64,
    /// UTF-8; positions in the lists beside count from its start.
    text: Vec<u8>,
    ends: Vec<End>,
    runs: Vec<Run>,
    odds: Vec<Odd>,
    /// What runs look like; a link is an index in `links`, from 1.
    pens: Pens,
    links: Vec<Box<str>>,
    /// Bytes of all addresses in it.
    link_bytes: usize,
}

impl Chunk {
    /// One without lines; the first will have this number.
    pub fn new(first: u64) -> Chunk {
        Chunk { first, ..Chunk::default() }
    }

    /// Number of its first line.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Number of the line after its last.
    pub fn past(&self) -> u64 {
        self.first + self.ends.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// No more lines should be begun here.
    pub fn is_full(&self) -> bool {
        self.text.len() >= CHUNK || self.runs.len() >= CHUNK / 8
    }

    /// Gives back what was allocated ahead: nothing more will come.
    pub fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.runs.shrink_to_fit();
        self.odds.shrink_to_fit();
        self.pens.shrink();
    }

    /// What it counts for against the limit of all lines' bytes.
    pub fn bytes(&self) -> usize {
        let lists =
            self.ends.len() * A_LINE + self.runs.len() * 12 + self.odds.len() * 8 + self.pens.len() * Pens::BYTES;
        self.text.len() + lists + self.links.len() * 16 + self.link_bytes
    }

    fn end_before(&self, i: usize) -> End {
        i.checked_sub(1).and_then(|i| self.ends.get(i)).copied().unwrap_or_default()
    }

    /// Line `i` of it, without sequences.
    pub fn text(&self, i: usize) -> Option<&str> {
        let (from, to) = (self.end_before(i), self.ends.get(i)?);
        std::str::from_utf8(self.text.get(from.text as usize..to.text as usize)?).ok()
    }

    fn runs(&self, i: usize) -> &[Run] {
        let to = self.ends.get(i).copied().unwrap_or_default();
        self.runs.get(self.end_before(i).runs as usize..to.runs as usize).unwrap_or_default()
    }

    fn odds(&self, i: usize) -> &[Odd] {
        let to = self.ends.get(i).copied().unwrap_or_default();
        self.odds.get(self.end_before(i).odds as usize..to.odds as usize).unwrap_or_default()
    }

    /// Line `i` of it with its SGR and OSC 8 sequences.
    pub fn formatted(&self, i: usize) -> Option<String> {
        let text = self.text(i)?;
        let runs = self.runs(i);
        if runs.is_empty() {
            return Some(text.to_string());
        }
        let start = self.end_before(i).text as usize;
        let mut out = Vec::with_capacity(text.len() + runs.len() * 16);
        let mut at = 0;
        let mut pen = Pen::PLAIN;
        for run in runs {
            let (from, to) = (run.start as usize - start, run.end as usize - start);
            if from > at {
                self.change(&mut pen, Pen::PLAIN, &mut out);
                out.extend_from_slice(text.as_bytes().get(at..from).unwrap_or_default());
            }
            self.change(&mut pen, self.pens.pen(run.pen), &mut out);
            out.extend_from_slice(text.as_bytes().get(from..to).unwrap_or_default());
            at = to;
        }
        self.change(&mut pen, Pen::PLAIN, &mut out);
        out.extend_from_slice(text.as_bytes().get(at..).unwrap_or_default());
        String::from_utf8(out).ok()
    }

    fn change(&self, pen: &mut Pen, to: Pen, out: &mut Vec<u8>) {
        if pen.link != to.link {
            let address = (to.link as usize).checked_sub(1).and_then(|i| self.links.get(i));
            out.extend_from_slice(b"\x1b]8;;");
            out.extend_from_slice(address.map_or("", |a| a).as_bytes());
            out.extend_from_slice(b"\x1b\\");
        }
        if pen.style != to.style {
            sgr::write(&to.style, out);
        }
        *pen = to;
    }

    /// The number of a pen here; its link, if it has one, is `address`.
    fn pen(&mut self, key: Key, address: Option<&str>) -> u32 {
        let link = address.map_or(0, |address| {
            // among the last ones only: in a flood of links all differ
            let recent = self.links.len().saturating_sub(16);
            let found = self.links.iter().enumerate().skip(recent).find(|(_, l)| &***l == address).map(|(i, _)| i);
            let i = found.unwrap_or_else(|| {
                self.link_bytes += address.len();
                self.links.push(address.into());
                self.links.len() - 1
            });
            i as u32 + 1
        });
        self.pens.number(key.with_link(link))
    }

    fn push_run(&mut self, start: usize, pen: u32) {
        let (start, end) = (start as u32, self.text.len() as u32);
        if start == end {
            return;
        }
        match self.runs.last_mut() {
            Some(run) if run.end == start && run.pen == pen && self.ends.last().is_none_or(|e| e.text < start) => {
                run.end = end;
            }
            _ => self.runs.push(Run { start, end, pen }),
        }
    }

    /// The last line goes on: what is added next belongs to it, until it is ended again.
    pub fn reopen(&mut self) {
        self.ends.pop();
    }

    /// What was added since the line before is a line.
    pub fn end_line(&mut self) {
        self.ends.push(End {
            text: self.text.len() as u32,
            runs: self.runs.len() as u32,
            odds: self.odds.len() as u32,
            pens: self.pens.len() as u32,
            links: self.links.len() as u32,
        });
    }

    /// Adds a whole line that is ASCII and plain, less the blanks at its end: by how much [`Chunk::bytes`] grew. None
    /// if it is not such a line, or the text is full.
    #[inline]
    pub fn push_plain(&mut self, cells: &[Cell]) -> Option<usize> {
        if self.text.len() >= CHUNK || !is_plain(cells) {
            return None;
        }
        let before = self.text.len();
        self.text.extend(cells.iter().map(ascii));
        let blank = self.text.iter().skip(before).rev().take_while(|b| **b == b' ').count();
        self.text.truncate(self.text.len() - blank);
        let end = self.ends.last().copied().unwrap_or_default();
        self.ends.push(End { text: self.text.len() as u32, ..end });
        Some(self.text.len() - before + A_LINE)
    }

    /// Adds text that looks like `pen` (but for its link, which is `address`).
    pub fn push_text(&mut self, text: &str, pen: Pen, address: Option<&str>) {
        let start = self.text.len();
        // a line is a line, whoever calls
        self.text.extend(text.bytes().map(|b| if b < 0x20 { b' ' } else { b }));
        if pen != Pen::PLAIN || address.is_some() {
            let number = self.pen(Key::of(&pen).unprotected(), address);
            self.push_run(start, number);
        }
    }

    /// Adds cells to the text.
    pub fn push_cells(&mut self, cells: &[Cell], looks: &Looks, clusters: &Clusters) {
        // ASCII that looks plain is most of what there is
        if is_plain(cells) {
            self.text.extend(cells.iter().map(ascii));
            return;
        }
        let mut rest = cells;
        while let Some(first) = rest.first() {
            let n = rest.iter().position(|c| c.look != first.look).unwrap_or(rest.len());
            let (now, later) = rest.split_at(n);
            rest = later;
            let start = self.text.len();
            if now.iter().fold(0, |raw, c| raw | c.raw()) < 0x80 {
                self.text.extend(now.iter().map(ascii));
            } else {
                self.push_wider(now, clusters);
            }
            if first.look != Look::PLAIN {
                let key = looks.key(first.look).unprotected();
                if key != Key::PLAIN {
                    let number = self.pen(key, looks.address(key.link()));
                    self.push_run(start, number);
                }
            }
        }
    }

    /// Text that is not all ASCII.
    fn push_wider(&mut self, cells: &[Cell], clusters: &Clusters) {
        self.text.reserve(cells.len() * 3);
        for cell in cells {
            match (cell.raw(), cell.one()) {
                (0..0x80, _) => self.text.push(ascii(cell)),
                // one character has the width that it has everywhere
                (_, Some(c)) => {
                    let mut buf = [0; 4];
                    self.text.extend_from_slice(c.encode_utf8(&mut buf).as_bytes());
                }
                (_, None) => self.push_cluster(*cell, clusters),
            }
        }
    }

    fn push_cluster(&mut self, cell: Cell, clusters: &Clusters) {
        let Some(n) = cell.cluster_index() else { return };
        let (start, text) = (self.text.len() as u32, clusters.text(n));
        self.text.extend_from_slice(text.as_bytes());
        self.odds.push(Odd { start, bytes: text.len().min(255) as u8, width: cell.width() });
    }

    /// Takes the last line back out, and what the tables hold for it. None if there is none.
    pub fn pop(&mut self, looks: &mut Looks, clusters: &mut Clusters) -> Option<Vec<Cell>> {
        let i = self.ends.len().checked_sub(1)?;
        let cells = self.cells(i, looks, clusters);
        self.ends.pop();
        let last = self.ends.last().copied().unwrap_or_default();
        self.text.truncate(last.text as usize);
        self.runs.truncate(last.runs as usize);
        self.odds.truncate(last.odds as usize);
        self.pens.truncate(last.pens as usize);
        let gone = self.links.drain(last.links as usize..);
        self.link_bytes -= gone.map(|l| l.len()).sum::<usize>();
        Some(cells)
    }

    /// The cells of line `i` of it.
    fn cells(&self, i: usize, looks: &mut Looks, clusters: &mut Clusters) -> Vec<Cell> {
        let Some(text) = self.text(i) else { return Vec::new() };
        let start = self.end_before(i).text as usize;
        let mut runs = self.runs(i).iter().peekable();
        let mut odds = self.odds(i).iter().peekable();
        let mut cells = Vec::with_capacity(text.len());
        let (mut look, mut until) = (Look::PLAIN, 0);
        let mut at = 0;
        while let Some(c) = text.get(at..).and_then(|t| t.chars().next()) {
            let here = start + at;
            if here >= until {
                (look, until) = (Look::PLAIN, usize::MAX);
                while let Some(run) = runs.peek() {
                    if (run.end as usize) <= here {
                        runs.next();
                        continue;
                    }
                    if run.start as usize <= here {
                        let pen = self.pens.pen(run.pen);
                        let address = (pen.link as usize).checked_sub(1).and_then(|i| self.links.get(i));
                        let link = address.map_or(0, |a| looks.link(a));
                        look = looks.look(&Pen { link, ..pen });
                        until = run.end as usize;
                    } else {
                        until = run.start as usize;
                    }
                    break;
                }
            }
            let (cell, width, bytes) = match odds.peek() {
                Some(odd) if odd.start as usize == here => {
                    let bytes = usize::from(odd.bytes);
                    let text = text.get(at..at + bytes).unwrap_or_default();
                    let width = usize::from(odd.width);
                    odds.next();
                    let mut chars = text.chars();
                    match (chars.next(), chars.next()) {
                        (Some(c), None) => (Cell::char(c, look), width, bytes),
                        _ => (Cell::cluster(clusters.number(text), look), width, bytes.max(1)),
                    }
                }
                _ => (Cell::char(c, look), width::of(c).max(1), c.len_utf8()),
            };
            at += bytes;
            if width == 2 {
                cells.push(cell.widened());
                cells.push(Cell::tail(look));
            } else {
                cells.push(cell);
            }
        }
        cells
    }
}

/// ASCII that looks plain.
#[inline]
fn is_plain(cells: &[Cell]) -> bool {
    let all = cells.iter().fold((0, 0), |(raw, look), c| (raw | c.raw(), look | c.look.raw()));
    all.0 < 0x80 && all.1 == 0
}

#[inline]
fn ascii(cell: &Cell) -> u8 {
    if cell.raw() == 0 { b' ' } else { cell.raw() as u8 }
}

#[cfg(test)]
impl Chunk {
    /// Bytes allocated for text and ends of lines.
    pub fn memory(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * A_LINE
    }

    pub fn has_empty_tables(&self) -> bool {
        self.pens.len() == 0 && self.links.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::screen::{Color, Style};

    /// A plain line, then "ab" of which b is bold, a wide character that is a link, and a cluster.
    fn chunk(looks: &mut Looks, clusters: &mut Clusters) -> (Chunk, Vec<Cell>) {
        let link = looks.link("http://x/");
        let bold = looks.look(&Pen { style: Style { bold: true, ..Style::PLAIN }, ..Pen::PLAIN });
        let linked = looks.look(&Pen { link, style: Style { fg: Color::Index(1), ..Style::PLAIN }, ..Pen::PLAIN });
        let cells = vec![
            Cell::char('a', Look::PLAIN),
            Cell::char('b', bold),
            Cell::char('\u{4f60}', linked).widened(),
            Cell::tail(linked),
            Cell::cluster(clusters.number("e\u{301}"), Look::PLAIN),
        ];
        let mut chunk = Chunk::new(7);
        assert!(chunk.push_plain(&[Cell::char('x', Look::PLAIN), Cell::BLANK]).is_some());
        assert_eq!(chunk.push_plain(&cells), None);
        chunk.push_cells(&cells, looks, clusters);
        chunk.end_line();
        (chunk, cells)
    }

    #[test]
    fn lines_come_back_as_text_and_as_cells() {
        let (mut looks, mut clusters) = (Looks::default(), Clusters::default());
        let (mut chunk, cells) = chunk(&mut looks, &mut clusters);
        assert_eq!((chunk.first(), chunk.past()), (7, 9));
        assert_eq!((chunk.text(0), chunk.text(1), chunk.text(2)), (Some("x"), Some("ab\u{4f60}e\u{301}"), None));
        assert_eq!(chunk.formatted(0).as_deref(), Some("x"));
        let said = "a\u{1b}[0;1mb\u{1b}]8;;http://x/\u{1b}\\\u{1b}[0;31m\u{4f60}\u{1b}]8;;\u{1b}\\\u{1b}[me\u{301}";
        assert_eq!(chunk.formatted(1).as_deref(), Some(said));
        assert_eq!(chunk.pop(&mut looks, &mut clusters), Some(cells));
        assert!(chunk.has_empty_tables());
        assert_eq!(chunk.pop(&mut looks, &mut clusters), Some(vec![Cell::char('x', Look::PLAIN)]));
        assert_eq!((chunk.is_empty(), chunk.bytes()), (true, 0));
        assert_eq!(chunk.pop(&mut looks, &mut clusters), None);
    }

    #[test]
    fn a_line_may_go_on() {
        let mut chunk = Chunk::new(0);
        chunk.push_text("one\ttwo", Pen::PLAIN, None);
        chunk.end_line();
        chunk.reopen();
        chunk.push_text(" three", Pen::PLAIN, Some("http://y/"));
        chunk.end_line();
        assert_eq!((chunk.past(), chunk.text(0)), (1, Some("one two three")));
        assert_eq!(chunk.formatted(0).as_deref(), Some("one two\u{1b}]8;;http://y/\u{1b}\\ three\u{1b}]8;;\u{1b}\\"));
    }
}
