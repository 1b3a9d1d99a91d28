//! Owns the lines that have left a screen, numbered from the session's first. Leaves out the screen itself, and how
//! lines are packed (`chunk`).

mod chunk;

use super::engine::cell::Cell;
use super::engine::cluster::Clusters;
use super::engine::csi::Csi;
use super::engine::look::{Look, Looks, Pen};
use super::engine::row::Row;
use super::engine::sgr;
use super::marks::Mark;
use chunk::Chunk;
use std::collections::VecDeque;

/// Bytes of all kept lines together, and beyond the usual number of lines so many a line.
const MOST_BYTES: usize = 64 << 20;
const MOST_BYTES_A_LINE: usize = 512;
/// A line longer than this goes on as a new line.
const MOST_LINE: usize = 64 << 10;
/// Marks kept.
const MOST_MARKS: usize = 20_000;

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
        let i = self.chunks.partition_point(|c| c.first() <= n).checked_sub(1)?;
        let chunk = self.chunks.get(i)?;
        Some((chunk, usize::try_from(n.checked_sub(chunk.first())?).ok()?))
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
            chunk.reopen();
            return Some(chunk);
        }
        if self.chunks.back().is_none_or(Chunk::is_full) {
            if let Some(full) = self.chunks.back_mut() {
                full.shrink();
            }
            self.chunks.push_back(Chunk::new(self.end - 1));
        }
        let chunk = self.chunks.back_mut()?;
        self.bytes -= chunk.bytes();
        Some(chunk)
    }

    /// Ends what [`History::begin`] began.
    fn done(&mut self) {
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.end_line();
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
        let Some(bytes) = chunk.push_plain(cells) else { return false };
        self.bytes += bytes;
        self.end += 1;
        self.open_cells = 0;
        if self.end - self.first > self.most_lines as u64 {
            self.first += 1;
            // chunks go whole, one in some hundred lines
            if self.chunks.front().is_some_and(|c| c.past() <= self.first) || !self.marks.is_empty() {
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
                chunk.push_text(text, pen, address);
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
        let before = chunk.bytes();
        let cells = chunk.pop(looks, clusters)?;
        self.bytes -= before;
        if chunk.is_empty() {
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
            let past = chunk.past();
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

/// Lines as a client of this protocol revision reads them: the first one knows SGR alone.
pub fn lines_for(revision: u32, lines: Vec<u8>) -> Vec<u8> {
    const LINK: &[u8] = b"\x1b]";
    if revision >= 2 || !lines.windows(LINK.len()).any(|w| w == LINK) {
        return lines;
    }
    let mut out = Vec::with_capacity(lines.len());
    let mut rest = lines.as_slice();
    while let Some(at) = rest.windows(LINK.len()).position(|w| w == LINK) {
        let (before, link) = rest.split_at(at);
        out.extend_from_slice(before);
        let end = link.windows(2).position(|w| w == b"\x1b\\").map_or(link.len(), |end| end + 2);
        rest = link.get(end..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
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
        let memory: usize = h.chunks.iter().map(Chunk::memory).sum();
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
        assert!(h.chunks.iter().all(Chunk::has_empty_tables));
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
        let linked = b"a\x1b]8;;http://example.com\x1b\\\x1b[1mb\x1b[m\x1b]8;;\x1b\\c\n".to_vec();
        assert_eq!(lines_for(1, linked.clone()), b"a\x1b[1mb\x1b[mc\n");
        assert_eq!(lines_for(2, linked.clone()), linked);
        assert_eq!(lines_for(0, b"a\x1b]8;;x".to_vec()), b"a");
        assert_eq!(plain("\u{1b}[31mred\u{1b}[m ü\u{1b}["), "red ü");
    }
}
