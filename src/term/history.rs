//! Owns the lines that have left a screen, numbered from the session's first. Leaves out the screen itself.
//! Stored as chunks of text with the ends of lines beside them: about the text's own bytes.

use std::collections::VecDeque;

/// Bytes of all kept lines together.
const MOST_BYTES: usize = 64 << 20;
/// A line longer than this goes on as a new line.
const MOST_LINE: usize = 64 << 10;
/// A chunk takes no new line once it is this long.
const CHUNK: usize = 64 << 10;

#[derive(Clone, Debug)]
struct Chunk {
    /// Number of its first line.
    first: u64,
    text: String,
    ends: Vec<u32>,
}

impl Chunk {
    fn line(&self, i: usize) -> Option<&str> {
        let end = usize::try_from(*self.ends.get(i)?).ok()?;
        let start = match i.checked_sub(1) {
            Some(before) => usize::try_from(*self.ends.get(before)?).ok()?,
            None => 0,
        };
        self.text.get(start..end)
    }
    fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * 4
    }
}

/// Scrollback: logical lines (wrapped rows joined) with their SGR sequences. Each line starts from the default pen
/// and ends with it.
#[derive(Clone, Debug)]
pub struct History {
    chunks: VecDeque<Chunk>,
    /// Number of the oldest line kept; the first chunk may still hold older ones.
    first: u64,
    end: u64,
    /// The last line goes on with the next row.
    open: bool,
    bytes: usize,
    most_lines: usize,
}

impl History {
    /// Keeps at most so many lines (and 64 MiB).
    pub fn new(most_lines: usize) -> History {
        History { chunks: VecDeque::new(), first: 0, end: 0, open: false, bytes: 0, most_lines }
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

    /// Line `n` with its SGR sequences; None if it is gone or to come.
    pub fn line(&self, n: u64) -> Option<&str> {
        if n < self.first || n >= self.end {
            return None;
        }
        let i = self.chunks.partition_point(|c| c.first <= n).checked_sub(1)?;
        let chunk = self.chunks.get(i)?;
        chunk.line(usize::try_from(n.checked_sub(chunk.first)?).ok()?)
    }

    /// All kept lines, oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        (self.first..self.end).filter_map(|n| self.line(n))
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

    /// Takes a row that left the screen; `wrapped` = its line goes on in the next one.
    pub fn push_row(&mut self, text: &str, wrapped: bool) {
        let continues = self.open && self.last_line_len().is_some_and(|len| len + text.len() <= MOST_LINE);
        self.open = wrapped;
        if self.most_lines == 0 {
            // still counted: numbers stay those of the session
            if !continues {
                self.end += 1;
                self.first = self.end;
            }
            return;
        }
        if !continues {
            if self.chunks.back().is_none_or(|c| c.text.len() >= CHUNK) {
                if let Some(full) = self.chunks.back_mut() {
                    full.text.shrink_to_fit();
                    full.ends.shrink_to_fit();
                }
                self.chunks.push_back(Chunk { first: self.end, text: String::new(), ends: Vec::new() });
            }
            self.end += 1;
        }
        let Some(chunk) = self.chunks.back_mut() else { return };
        let before = chunk.bytes();
        if continues {
            chunk.ends.pop();
        }
        // a line is a line, whoever calls
        for (i, piece) in text.split('\n').enumerate() {
            if i > 0 {
                chunk.text.push(' ');
            }
            chunk.text.push_str(piece);
        }
        chunk.ends.push(u32::try_from(chunk.text.len()).unwrap_or(u32::MAX));
        self.bytes += chunk.bytes() - before;
        self.trim();
    }

    /// Forgets all lines; their numbers are not given again.
    pub fn clear(&mut self) {
        self.chunks.clear();
        self.first = self.end;
        self.open = false;
        self.bytes = 0;
    }

    fn last_line_len(&self) -> Option<usize> {
        if self.most_lines == 0 {
            return Some(0);
        }
        if self.is_empty() {
            return None;
        }
        let chunk = self.chunks.back()?;
        chunk.line(chunk.ends.len().checked_sub(1)?).map(str::len)
    }

    fn trim(&mut self) {
        if self.len() > self.most_lines {
            self.first = self.end - self.most_lines as u64;
        }
        while let Some(chunk) = self.chunks.front() {
            let past = chunk.first + chunk.ends.len() as u64;
            // the newest chunk always stays
            let too_much = self.bytes > MOST_BYTES && self.chunks.len() > 1;
            if past > self.first && !too_much {
                break;
            }
            self.first = self.first.max(past);
            self.bytes = self.bytes.saturating_sub(chunk.bytes());
            self.chunks.pop_front();
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
            history.push_row(line, false);
        }
        history.open = open && !history.is_empty();
        Some(history)
    }
}

/// The text of a line without its SGR sequences.
pub fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_numbers() {
        let mut h = History::new(3);
        assert!(h.is_empty());
        for i in 0..5 {
            h.push_row(&format!("line {i}"), false);
        }
        assert_eq!((h.first(), h.end(), h.len()), (2, 5, 3));
        assert_eq!((h.line(1), h.line(2), h.line(4), h.line(5)), (None, Some("line 2"), Some("line 4"), None));
        h.push_row("wra", true);
        assert!(h.is_open());
        assert_eq!(h.line(5), Some("wra"));
        h.push_row("pped", false);
        assert_eq!((h.line(5), h.end(), h.is_open()), (Some("wrapped"), 6, false));
        h.clear();
        assert_eq!((h.first(), h.end(), h.line(5)), (6, 6, None));
        h.push_row("", false);
        assert_eq!(h.line(6), Some(""));
    }

    #[test]
    fn many_lines_in_little_memory() {
        let mut h = History::new(10_000);
        let line = "x".repeat(80);
        for _ in 0..25_000 {
            h.push_row(&line, false);
        }
        assert_eq!((h.first(), h.len()), (15_000, 10_000));
        assert!((15_000..25_000).all(|n| h.line(n) == Some(&line)));
        let memory: usize = h.chunks.iter().map(|c| c.text.capacity() + c.ends.capacity() * 4).sum();
        assert!(memory < 1_200_000, "{memory}");
    }

    #[test]
    fn bytes_are_capped() {
        let mut h = History::new(usize::MAX);
        let row = "y".repeat(60 << 10);
        for _ in 0..1300 {
            h.push_row(&row, false);
        }
        assert!(h.bytes <= MOST_BYTES + (1 << 20));
        assert_eq!(h.end(), 1300);
        assert_eq!(h.line(h.first()), Some(&*row));
        assert_eq!(h.line(1299), Some(&*row));
    }

    #[test]
    fn a_huge_line_is_cut() {
        let mut h = History::new(100);
        for _ in 0..1000 {
            h.push_row(&"z".repeat(200), true);
        }
        assert_eq!(h.lines().map(str::len).sum::<usize>(), 200_000);
        assert!(h.lines().all(|l| l.len() <= MOST_LINE));
        assert_eq!(h.len(), 4);
    }

    #[test]
    fn none_kept_is_counted_still() {
        let mut h = History::new(0);
        h.push_row("a", true);
        h.push_row("b", false);
        h.push_row("c", false);
        assert_eq!((h.first(), h.end()), (2, 2));
    }

    #[test]
    fn to_bytes_and_back() {
        let mut h = History::new(3);
        for line in ["a", "", "\u{1b}[31mred\u{1b}[m", "ü"] {
            h.push_row(line, false);
        }
        h.push_row("open", true);
        let back = History::from_bytes(&h.to_bytes(), 3).unwrap();
        assert!(back.lines().eq(h.lines()));
        assert_eq!((back.first(), back.end(), back.is_open()), (h.first(), h.end(), true));
        assert_eq!(back.line(4), Some("open"));
        for bad in [&b""[..], b"x", b"thub-history 1 -3\n", b"thub-history 2 0 0\n", b"\xff\n"] {
            assert!(History::from_bytes(bad, 3).is_none());
        }
        assert_eq!(plain("\u{1b}[31mred\u{1b}[m ü\u{1b}["), "red ü");
    }
}
