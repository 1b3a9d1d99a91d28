//! Owns the lines that have left a screen, numbered from the session's first. Leaves out the screen itself.
//! Packed: chunks of text, with the stretches beside it that look otherwise than plain.

use super::engine::cell::Cell;
use super::engine::cluster::Clusters;
use super::engine::csi::Csi;
use super::engine::look::{Look, Looks, Pen};
use super::engine::row::Row;
use super::engine::sgr;
use super::marks::Mark;
use super::screen::Style;
use super::width;
use std::collections::VecDeque;

/// Bytes of all kept lines together, and beyond the usual number of lines so many a line.
const MOST_BYTES: usize = 64 << 20;
const MOST_BYTES_A_LINE: usize = 512;
/// A line longer than this goes on as a new line.
const MOST_LINE: usize = 64 << 10;
/// A chunk takes no new line once it is this long.
const CHUNK: usize = 64 << 10;
/// Marks kept.
const MOST_MARKS: usize = 20_000;

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

#[derive(Clone, Default, Debug)]
struct Chunk {
    /// Number of its first line.
    first: u64,
    /// UTF-8; positions in the lists beside count from its start.
    text: Vec<u8>,
    ends: Vec<End>,
    runs: Vec<Run>,
    odds: Vec<Odd>,
    /// What runs look like; a link is an index in `links`, from 1.
    pens: Vec<Pen>,
    links: Vec<Box<str>>,
    /// Bytes of all addresses in it.
    link_bytes: usize,
}

impl Chunk {
    fn bytes(&self) -> usize {
        let lists = self.ends.len() * A_LINE + self.runs.len() * 12 + self.odds.len() * 8 + self.pens.len() * 64;
        self.text.len() + lists + self.links.len() * 16 + self.link_bytes
    }

    fn end_before(&self, i: usize) -> End {
        i.checked_sub(1).and_then(|i| self.ends.get(i)).copied().unwrap_or_default()
    }

    fn text(&self, i: usize) -> Option<&str> {
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

    /// The line with its SGR and OSC 8 sequences.
    fn formatted(&self, i: usize) -> Option<String> {
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
            self.change(&mut pen, self.pens.get(run.pen as usize).copied().unwrap_or_default(), &mut out);
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

    /// The number of a pen here. A few different ones are in use at a time, mostly.
    fn pen(&mut self, pen: Pen, address: Option<&str>) -> u32 {
        let link = address.map_or(0, |address| {
            // as with pens below: a flood of links all differ
            let recent = self.links.len().saturating_sub(16);
            let found = self.links.iter().enumerate().skip(recent).find(|(_, l)| &***l == address).map(|(i, _)| i);
            let i = found.unwrap_or_else(|| {
                self.link_bytes += address.len();
                self.links.push(address.into());
                self.links.len() - 1
            });
            i as u32 + 1
        });
        let pen = Pen { protected: false, link, ..pen };
        // looked for among the last ones only: those of a picture made of text all differ
        let recent = self.pens.len().saturating_sub(16);
        let found = self.pens.iter().enumerate().skip(recent).find(|(_, p)| **p == pen).map(|(i, _)| i);
        found.unwrap_or_else(|| {
            self.pens.push(pen);
            self.pens.len() - 1
        }) as u32
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

    /// Adds cells to the text.
    fn push_cells(&mut self, cells: &[Cell], looks: &Looks, clusters: &Clusters) {
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
                let pen = looks.pen(first.look);
                if pen.style != Style::PLAIN || pen.link != 0 {
                    let number = self.pen(pen, looks.address(pen.link));
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

    /// The cells of a line.
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
                        let pen = self.pens.get(run.pen as usize).copied().unwrap_or_default();
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

/// Scrollback: logical lines (wrapped rows joined), their looks, links and marks.
#[derive(Clone, Debug)]
pub struct History {
    chunks: VecDeque<Chunk>,
    /// Number of the oldest line kept; the first chunk may still hold older ones.
    first: u64,
    end: u64,
    /// The last line goes on with the next row.
    open: bool,
    /// Cells of the last line, while it is open.
    open_cells: usize,
    bytes: usize,
    most_lines: usize,
    marks: VecDeque<Mark>,
}

impl History {
    /// Keeps at most so many lines (and 64 MiB, or 512 bytes a line if that is more).
    pub fn new(most_lines: usize) -> History {
        History {
            chunks: VecDeque::new(),
            first: 0,
            end: 0,
            open: false,
            open_cells: 0,
            bytes: 0,
            most_lines,
            marks: VecDeque::new(),
        }
    }

    /// One that goes on where another one, whose lines are elsewhere, stands.
    pub(in crate::term) fn continuing(most_lines: usize, end: u64, open: bool, open_cells: usize) -> History {
        History { first: end, end, open, open_cells, ..History::new(most_lines) }
    }

    pub(in crate::term) fn most_lines(&self) -> usize {
        self.most_lines
    }

    /// Number of the oldest line kept.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Number the next line will have.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// How many lines are kept.
    pub fn len(&self) -> usize {
        usize::try_from(self.end.saturating_sub(self.first)).unwrap_or(usize::MAX)
    }

    pub fn is_empty(&self) -> bool {
        self.first == self.end
    }

    /// Whether the last line is unfinished: its rest is still on the screen (or was cut off there).
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Cells of the last line that have left the screen, while it is open.
    pub(in crate::term) fn open_cells(&self) -> usize {
        if self.open { self.open_cells } else { 0 }
    }

    fn find(&self, n: u64) -> Option<(&Chunk, usize)> {
        if n < self.first || n >= self.end {
            return None;
        }
        let i = self.chunks.partition_point(|c| c.first <= n).checked_sub(1)?;
        let chunk = self.chunks.get(i)?;
        Some((chunk, usize::try_from(n.checked_sub(chunk.first)?).ok()?))
    }

    /// Line `n` with its SGR and OSC 8 sequences; it starts from the default pen and ends with it. None if it is gone or
    /// to come.
    pub fn line(&self, n: u64) -> Option<String> {
        let (chunk, i) = self.find(n)?;
        chunk.formatted(i)
    }

    /// Line `n` without them.
    pub fn text(&self, n: u64) -> Option<&str> {
        let (chunk, i) = self.find(n)?;
        chunk.text(i)
    }

    /// All kept lines, oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = String> {
        (self.first..self.end).filter_map(|n| self.line(n))
    }

    /// OSC 133 marks in the lines kept, oldest first.
    pub fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.marks.iter()
    }

    /// Lines `from..to` (None = to the end) as bytes, each ended by a line feed: the number of the first, the number
    /// the next new line will have, and the bytes.
    pub fn range(&self, from: u64, to: Option<u64>) -> (u64, u64, Vec<u8>) {
        let to = to.unwrap_or(u64::MAX).min(self.end);
        let from = from.max(self.first).min(to);
        let mut bytes = Vec::new();
        for line in (from..to).filter_map(|n| self.line(n)) {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        (from, self.end, bytes)
    }

    /// Begins a line, or goes on with the open one. None if nothing is kept of it.
    fn begin(&mut self, more: usize) -> Option<&mut Chunk> {
        // counted in cells, so that lines have the same numbers where none are kept
        let continues = self.open && self.open_cells + more <= MOST_LINE;
        if !continues {
            self.end += 1;
            self.open_cells = 0;
        }
        if self.most_lines == 0 {
            // still counted: numbers stay those of the session
            self.first = self.end;
            return None;
        }
        if continues {
            if self.is_empty() {
                // its start is elsewhere
                return None;
            }
            let chunk = self.chunks.back_mut()?;
            self.bytes -= chunk.bytes();
            chunk.ends.pop();
            return Some(chunk);
        }
        if self.chunks.back().is_none_or(|c| c.text.len() >= CHUNK || c.runs.len() >= CHUNK / 8) {
            if let Some(full) = self.chunks.back_mut() {
                full.text.shrink_to_fit();
                full.ends.shrink_to_fit();
                full.runs.shrink_to_fit();
                full.odds.shrink_to_fit();
                full.pens.shrink_to_fit();
            }
            self.chunks.push_back(Chunk { first: self.end - 1, ..Chunk::default() });
        }
        let chunk = self.chunks.back_mut()?;
        self.bytes -= chunk.bytes();
        Some(chunk)
    }

    /// Ends what [`History::begin`] began.
    fn done(&mut self) {
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.ends.push(End {
                text: chunk.text.len() as u32,
                runs: chunk.runs.len() as u32,
                odds: chunk.odds.len() as u32,
                pens: chunk.pens.len() as u32,
                links: chunk.links.len() as u32,
            });
            self.bytes += chunk.bytes();
        }
        self.trim();
    }

    /// Takes a row that left the screen.
    pub(in crate::term) fn push(&mut self, row: &Row, looks: &Looks, clusters: &Clusters) {
        let mut cells = row.cells.as_slice();
        if !row.wrapped && !self.open && row.marks.is_empty() && self.push_plain(cells) {
            return;
        }
        if !row.wrapped {
            // blanks at a line's end are nobody's text
            let plain = |c: &Cell| matches!(c.raw(), 0 | 0x20) && c.look == Look::PLAIN;
            let used = cells.iter().rposition(|c| !plain(c)).map_or(0, |i| i + 1);
            cells = cells.get(..used).unwrap_or_default();
        }
        self.push_line(cells, row.wrapped, &row.marks, looks, clusters);
    }

    /// The same for a line of its own that is ASCII and plain, which most are. False if it is not.
    #[inline]
    fn push_plain(&mut self, cells: &[Cell]) -> bool {
        let Some(chunk) = self.chunks.back_mut() else { return false };
        if chunk.text.len() >= CHUNK || !is_plain(cells) {
            return false;
        }
        let before = chunk.text.len();
        chunk.text.extend(cells.iter().map(ascii));
        let blank = chunk.text.iter().skip(before).rev().take_while(|b| **b == b' ').count();
        chunk.text.truncate(chunk.text.len() - blank);
        let end = chunk.ends.last().copied().unwrap_or_default();
        chunk.ends.push(End { text: chunk.text.len() as u32, ..end });
        self.bytes += chunk.text.len() - before + A_LINE;
        self.end += 1;
        self.open_cells = 0;
        if self.end - self.first > self.most_lines as u64 {
            self.first += 1;
            // chunks go whole, one in some hundred lines
            if self.chunks.front().is_some_and(|c| c.first + c.ends.len() as u64 <= self.first)
                || !self.marks.is_empty()
            {
                self.trim();
            }
        }
        true
    }

    /// Takes cells of a line; `open` = it goes on.
    pub(in crate::term) fn push_line(
        &mut self,
        cells: &[Cell],
        open: bool,
        marks: &[Mark],
        looks: &Looks,
        clusters: &Clusters,
    ) {
        if let Some(chunk) = self.begin(cells.len()) {
            chunk.push_cells(cells, looks, clusters);
            self.done();
        }
        if !marks.is_empty() && self.most_lines > 0 {
            let (line, before) = (self.end.saturating_sub(1), self.open_cells as u32);
            self.marks.extend(marks.iter().map(|m| Mark { line, col: before.saturating_add(m.col), ..*m }));
            while self.marks.len() > MOST_MARKS {
                self.marks.pop_front();
            }
        }
        let spacer = cells.last().is_some_and(|c| c.is_spacer());
        self.open_cells += cells.len() - usize::from(spacer);
        self.open = open;
    }

    /// Takes a line as [`History::line`] gives it.
    pub fn push_formatted(&mut self, line: &str) {
        self.open = false;
        let mut pieces: Vec<(Pen, Option<&str>, &str)> = Vec::new();
        let (mut pen, mut address, mut rest) = (Pen::PLAIN, None, line);
        while !rest.is_empty() {
            let at = rest.find('\u{1b}').unwrap_or(rest.len());
            let (text, after) = rest.split_at(at);
            if !text.is_empty() {
                pieces.push((pen, address, text));
            }
            rest = after;
            if let Some(body) = after.strip_prefix("\u{1b}[")
                && let Some((csi, n)) = Csi::read(body.as_bytes())
            {
                if csi.last == b'm' {
                    sgr::apply(&mut pen.style, &csi);
                }
                rest = body.get(n..).unwrap_or_default();
            } else if let Some((body, after)) = after.strip_prefix("\u{1b}]8;;").and_then(|b| b.split_once("\u{1b}\\"))
            {
                address = (!body.is_empty()).then_some(body);
                rest = after;
            } else if let Some(after) = after.strip_prefix('\u{1b}') {
                rest = after;
            }
        }
        let len = pieces.iter().map(|(.., t)| t.len()).sum();
        if let Some(chunk) = self.begin(len) {
            for (pen, address, text) in pieces {
                let start = chunk.text.len();
                // a line is a line, whoever calls
                chunk.text.extend(text.bytes().map(|b| if b < 0x20 { b' ' } else { b }));
                if pen != Pen::PLAIN || address.is_some() {
                    let number = chunk.pen(pen, address);
                    chunk.push_run(start, number);
                }
            }
            self.done();
        }
    }

    /// Takes the newest line back out: its cells and marks. None if there is none.
    pub(in crate::term) fn pop(
        &mut self,
        looks: &mut Looks,
        clusters: &mut Clusters,
    ) -> Option<(Vec<Cell>, Vec<Mark>)> {
        if self.is_empty() {
            return None;
        }
        let chunk = self.chunks.back_mut()?;
        let i = chunk.ends.len().checked_sub(1)?;
        let cells = chunk.cells(i, looks, clusters);
        self.bytes -= chunk.bytes();
        chunk.ends.pop();
        let last = chunk.ends.last().copied().unwrap_or_default();
        chunk.text.truncate(last.text as usize);
        chunk.runs.truncate(last.runs as usize);
        chunk.odds.truncate(last.odds as usize);
        chunk.pens.truncate(last.pens as usize);
        let gone = chunk.links.drain(last.links as usize..);
        chunk.link_bytes -= gone.map(|l| l.len()).sum::<usize>();
        if chunk.ends.is_empty() {
            self.chunks.pop_back();
        } else {
            self.bytes += chunk.bytes();
        }
        self.end -= 1;
        self.open = false;
        self.open_cells = 0;
        let mut marks = Vec::new();
        while let Some(mark) = self.marks.pop_back_if(|m| m.line >= self.end) {
            marks.push(mark);
        }
        marks.reverse();
        Some((cells, marks))
    }

    /// The last line does not go on any more.
    pub(in crate::term) fn close(&mut self) {
        self.open = false;
    }

    /// Forgets all lines; their numbers are not given again.
    pub fn clear(&mut self) {
        self.chunks.clear();
        self.marks.clear();
        self.first = self.end;
        self.open = false;
        self.bytes = 0;
    }

    fn trim(&mut self) {
        if self.len() > self.most_lines {
            self.first = self.end - self.most_lines as u64;
        }
        let most = MOST_BYTES.max(self.most_lines.saturating_mul(MOST_BYTES_A_LINE));
        while let Some(chunk) = self.chunks.front() {
            let past = chunk.first + chunk.ends.len() as u64;
            // the newest chunk always stays
            let too_much = self.bytes > most && self.chunks.len() > 1;
            if past > self.first && !too_much {
                break;
            }
            self.first = self.first.max(past);
            self.bytes = self.bytes.saturating_sub(chunk.bytes());
            self.chunks.pop_front();
        }
        while self.marks.front().is_some_and(|m| m.line < self.first) {
            self.marks.pop_front();
        }
    }

    /// All of it: a head line, then the lines. For the record of a session that has ended.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = format!("thub-history 1 {} {}\n", self.first, u8::from(self.open)).into_bytes();
        for line in self.lines() {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        out
    }

    /// The reverse of [`History::to_bytes`], keeping at most `most_lines`. None if it is no such record.
    pub fn from_bytes(bytes: &[u8], most_lines: usize) -> Option<History> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once('\n')?;
        let mut words = head.strip_prefix("thub-history 1 ")?.split(' ');
        // far from the end of u64, so that counting on cannot overflow
        let first = words.next()?.parse::<u64>().ok().filter(|n| *n < 1 << 60)?;
        let open = words.next() == Some("1");
        let mut history = History { first, end: first, ..History::new(most_lines) };
        for line in body.split_terminator('\n') {
            history.push_formatted(line);
        }
        history.open = open && !history.is_empty();
        Some(history)
    }
}

/// The text of a line without its SGR and OSC 8 sequences.
pub fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        out.push_str(before);
        rest = match after.strip_prefix(']') {
            Some(link) => link.split_once("\u{1b}\\").map_or("", |(_, rest)| rest),
            None => after.split_once('m').map_or("", |(_, rest)| rest),
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str, wrapped: bool) -> Row {
        let mut row = Row { wrapped, ..Row::default() };
        row.put_ascii(0, text.as_bytes(), Look::PLAIN);
        row
    }

    fn push(h: &mut History, text: &str, wrapped: bool) {
        h.push(&row(text, wrapped), &Looks::default(), &Clusters::default());
    }

    #[test]
    fn lines_and_numbers() {
        let mut h = History::new(3);
        assert!(h.is_empty());
        for i in 0..5 {
            h.push_formatted(&format!("line {i}"));
        }
        assert_eq!((h.first(), h.end(), h.len()), (2, 5, 3));
        assert_eq!(
            (h.line(1), h.line(2), h.line(4), h.line(5)),
            (None, Some("line 2".into()), Some("line 4".into()), None)
        );
        push(&mut h, "wra", true);
        assert!(h.is_open());
        assert_eq!(h.text(5), Some("wra"));
        push(&mut h, "pped", false);
        assert_eq!((h.text(5), h.end(), h.is_open()), (Some("wrapped"), 6, false));
        h.clear();
        assert_eq!((h.first(), h.end(), h.text(5)), (6, 6, None));
        push(&mut h, "", false);
        assert_eq!(h.text(6), Some(""));
    }

    #[test]
    fn many_lines_in_little_memory() {
        let mut h = History::new(10_000);
        let line = "x".repeat(80);
        for _ in 0..25_000 {
            push(&mut h, &line, false);
        }
        assert_eq!((h.first(), h.len()), (15_000, 10_000));
        assert!((15_000..25_000).all(|n| h.text(n) == Some(&line)));
        let memory: usize = h.chunks.iter().map(|c| c.text.capacity() + c.ends.capacity() * 12).sum();
        assert!(memory < 1_200_000, "{memory}");
    }

    #[test]
    fn bytes_are_capped() {
        let mut h = History::new(100_000);
        let row = "y".repeat(60 << 10);
        for _ in 0..1300 {
            push(&mut h, &row, false);
        }
        assert!(h.bytes <= MOST_BYTES + (1 << 20));
        assert_eq!(h.end(), 1300);
        assert_eq!(h.text(h.first()), Some(&*row));
        assert_eq!(h.text(1299), Some(&*row));
    }

    #[test]
    fn what_looks_were_kept_for_goes_with_its_line() {
        let (mut looks, mut clusters) = (Looks::default(), Clusters::default());
        let mut h = History::new(100);
        push(&mut h, "first", false);
        let before = h.bytes;
        for i in 0..10_000u32 {
            let link = looks.link(&format!("http://x/{i}"));
            let look = looks.look(&Pen { link, ..Pen::PLAIN });
            let mut row = Row::default();
            row.put_ascii(0, b"x", look);
            h.push(&row, &looks, &clusters);
            assert!(h.bytes > before + 10, "links are counted");
            assert_eq!(h.pop(&mut looks, &mut clusters).map(|(cells, _)| cells.len()), Some(1));
        }
        assert_eq!(h.bytes, before);
        assert!(h.chunks.iter().all(|c| c.pens.is_empty() && c.links.is_empty()));
    }

    #[test]
    fn a_huge_line_is_cut() {
        let mut h = History::new(100);
        for _ in 0..1000 {
            push(&mut h, &"z".repeat(200), true);
        }
        assert_eq!(h.lines().map(|l| l.len()).sum::<usize>(), 200_000);
        assert!(h.lines().all(|l| l.len() <= MOST_LINE));
        assert_eq!(h.len(), 4);
    }

    #[test]
    fn none_kept_is_counted_still() {
        let mut h = History::new(0);
        push(&mut h, "a", true);
        push(&mut h, "b", false);
        push(&mut h, "c", false);
        assert_eq!((h.first(), h.end()), (2, 2));
    }

    #[test]
    fn to_bytes_and_back() {
        let mut h = History::new(3);
        for line in ["a", "", "\u{1b}[0;31mred\u{1b}[m", "ü"] {
            h.push_formatted(line);
        }
        push(&mut h, "open", true);
        let back = History::from_bytes(&h.to_bytes(), 3).unwrap();
        assert!(back.lines().eq(h.lines()));
        assert_eq!((back.first(), back.end(), back.is_open()), (h.first(), h.end(), true));
        assert_eq!(back.text(4), Some("open"));
        for bad in [&b""[..], b"x", b"thub-history 1 -3\n", b"thub-history 2 0 0\n", b"\xff\n"] {
            assert!(History::from_bytes(bad, 3).is_none());
        }
        assert_eq!(plain("\u{1b}[31mred\u{1b}[m ü\u{1b}["), "red ü");
    }
}
