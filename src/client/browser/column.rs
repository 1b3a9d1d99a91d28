//! Owns one column of the browser: a directory's entries as they arrive, their order, what of them is shown, the cursor
//! and what is selected. State alone; 100,000 entries cost a key no more than ten do, but for a change of the order.
//!
//! `order` is all entries as they are sorted, `shown` those of them that hidden names and the filter leave: so a filter
//! never sorts, and a batch that arrives is put in by halving.

use crate::client::files::Whose;
use crate::proto::control::{FileInfo, FileKind, FileName, FilePath, ListEnd};
use std::cmp::Ordering;
use std::collections::HashSet;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sort {
    #[default]
    Name,
    /// Largest first.
    Size,
    /// Newest first.
    Time,
    /// By what follows the last dot.
    Kind,
}

impl Sort {
    pub fn next(self) -> Sort {
        match self {
            Sort::Name => Sort::Size,
            Sort::Size => Sort::Time,
            Sort::Time => Sort::Kind,
            Sort::Kind => Sort::Name,
        }
    }
    pub fn word(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Size => "size",
            Sort::Time => "time",
            Sort::Kind => "kind",
        }
    }
}

pub struct Entry {
    pub info: FileInfo,
    pub selected: bool,
    /// The name in small letters: what is sorted by and looked through.
    key: Box<str>,
}

impl Entry {
    fn new(info: FileInfo) -> Entry {
        let key = String::from_utf8_lossy(info.name.as_bytes()).to_lowercase().into();
        Entry { info, selected: false, key }
    }
    /// A directory, or a link that leads to one.
    pub fn is_dir(&self) -> bool {
        is_dir(&self.info)
    }
    /// Bytes of a file; what a directory or a link takes itself is no matter.
    fn size(&self) -> u64 {
        if self.info.kind == FileKind::File { self.info.size } else { 0 }
    }
    fn is_hidden(&self) -> bool {
        self.key.starts_with('.')
    }
    fn ending(&self) -> &str {
        match self.key.rsplit_once('.') {
            Some((before, ending)) if !before.is_empty() => ending,
            _ => "",
        }
    }
}

/// A directory, or a link that leads to one.
pub fn is_dir(info: &FileInfo) -> bool {
    info.kind == FileKind::Dir || info.link.as_ref().is_some_and(|l| l.kind == Some(FileKind::Dir))
}

/// A listing under way.
struct Listing {
    tag: u64,
    /// The same directory once more: what is shown stays until all of it is here.
    fresh: Option<Vec<FileInfo>>,
    /// Nobody asked for it: nothing is said of it.
    quiet: bool,
}

pub struct Column {
    pub whose: Whose,
    /// As it was asked for; once the host has answered absolute and without links. Empty = home.
    pub path: FilePath,
    listing: Option<Listing>,
    entries: Vec<Entry>,
    order: Vec<u32>,
    shown: Vec<u32>,
    /// Within what is shown.
    cursor: usize,
    /// The first row that is drawn.
    top: usize,
    /// A person moved: the cursor stays on its entry while others arrive.
    moved: bool,
    /// What the cursor goes to as soon as it is there.
    wanted: Option<FileName>,
    pub sort: Sort,
    pub reversed: bool,
    /// Names with a dot are shown.
    pub hidden: bool,
    filter: String,
    /// Of what is selected: how many are shown, their bytes, and how many are not.
    chosen: usize,
    chosen_bytes: u64,
    chosen_away: usize,
    /// Why it can't be listed, or not all of it; escaped.
    pub trouble: Option<String>,
    /// Its names that are none, and that there are more than a listing may have.
    pub end: ListEnd,
    /// Where one was before, and the name the cursor was on; the newest last.
    pub back: Vec<(Whose, FilePath)>,
}

/// Places kept to go back to.
const BACK: usize = 50;

impl Column {
    pub fn new(whose: Whose, path: FilePath) -> Column {
        Column {
            whose,
            path,
            listing: None,
            entries: Vec::new(),
            order: Vec::new(),
            shown: Vec::new(),
            cursor: 0,
            top: 0,
            moved: false,
            wanted: None,
            sort: Sort::default(),
            reversed: false,
            hidden: false,
            filter: String::new(),
            chosen: 0,
            chosen_bytes: 0,
            chosen_away: 0,
            trouble: None,
            end: ListEnd::default(),
            back: Vec::new(),
        }
    }

    /// Goes to another directory: nothing of the one before is left but the way back. Returns the listing that is to be
    /// let go of.
    pub fn enter(&mut self, whose: Whose, path: FilePath, wanted: Option<FileName>, tag: u64) -> Option<u64> {
        let old = self.listing.take().map(|l| l.tag);
        if whose != self.whose || path != self.path {
            self.back.push((self.whose.clone(), self.path.clone()));
            let over = self.back.len().saturating_sub(BACK);
            self.back.drain(..over);
        }
        (self.whose, self.path, self.wanted) = (whose, path, wanted);
        self.clear();
        self.filter.clear();
        self.trouble = None;
        self.end = ListEnd::default();
        self.listing = Some(Listing { tag, fresh: None, quiet: false });
        old
    }

    fn clear(&mut self) {
        self.entries = Vec::new();
        (self.order, self.shown) = (Vec::new(), Vec::new());
        (self.cursor, self.top, self.moved) = (0, 0, false);
        (self.chosen, self.chosen_bytes, self.chosen_away) = (0, 0, 0);
    }

    /// Lists the same directory once more; the cursor goes to `wanted` where that is there. Returns the listing that is to
    /// be let go of.
    pub fn again(&mut self, wanted: Option<FileName>, tag: u64) -> Option<u64> {
        let old = self.listing.take().map(|l| l.tag);
        self.wanted = wanted.or(self.wanted.take());
        let fresh = (!self.entries.is_empty()).then(Vec::new);
        self.trouble = None;
        self.listing = Some(Listing { tag, fresh, quiet: false });
        old
    }

    /// Lets go of what is under way, and of what came: it is listed anew, with the cursor on this name, when it is looked at
    /// again. Returns the listing that is to be let go of.
    pub fn leave(&mut self) -> Option<u64> {
        self.wanted = self.current().map(|e| e.info.name.clone()).or(self.wanted.take());
        self.clear();
        self.listing.take().map(|l| l.tag)
    }

    pub fn is_listing(&self) -> bool {
        self.listing.is_some()
    }
    /// What is under way takes place unseen.
    pub fn hush(&mut self) {
        if let Some(listing) = self.listing.as_mut() {
            listing.quiet = true;
        }
    }
    /// Whether a person is to know that it is being read.
    pub fn is_reading(&self) -> bool {
        self.listing.as_ref().is_some_and(|l| !l.quiet)
    }
    pub fn lists(&self, tag: u64) -> bool {
        self.listing.as_ref().is_some_and(|l| l.tag == tag)
    }

    /// Some more of it came.
    pub fn add(&mut self, infos: Vec<FileInfo>) {
        match self.listing.as_mut().and_then(|l| l.fresh.as_mut()) {
            Some(fresh) => fresh.extend(infos),
            None => self.insert(infos),
        }
    }

    /// All of it came; or no more of it, for this reason (escaped).
    pub fn ended(&mut self, end: ListEnd, trouble: Option<String>) {
        let fresh = self.listing.take().and_then(|l| l.fresh);
        if let Some(fresh) = fresh
            && trouble.is_none()
        {
            self.replace(fresh);
        }
        self.end = end;
        self.trouble = trouble;
    }

    /// What is there now in the place of what was: selected things stay so, and the cursor where it was.
    fn replace(&mut self, infos: Vec<FileInfo>) {
        let selected: HashSet<FileName> =
            self.entries.iter().filter(|e| e.selected).map(|e| e.info.name.clone()).collect();
        let at = self.cursor;
        let wanted = self.wanted.take().or_else(|| self.current().map(|e| e.info.name.clone()));
        self.entries = Vec::new();
        self.order.clear();
        self.shown.clear();
        (self.cursor, self.moved) = (0, false);
        self.insert(infos);
        for entry in self.entries.iter_mut().filter(|e| selected.contains(&e.info.name)) {
            entry.selected = true;
        }
        self.count_selected();
        // what is gone leaves the cursor where it stood
        self.cursor = at.min(self.shown.len().saturating_sub(1));
        self.moved = true;
        if let Some(name) = wanted {
            self.go_to(&name);
        }
    }

    fn insert(&mut self, infos: Vec<FileInfo>) {
        let on = self.shown.get(self.cursor).copied().filter(|_| self.moved);
        let first = self.entries.len() as u32;
        let found = self.wanted.as_ref().and_then(|w| infos.iter().position(|i| i.name == *w));
        self.entries.extend(infos.into_iter().map(Entry::new));
        let mut new: Vec<u32> = (first..self.entries.len() as u32).collect();
        let mut order = std::mem::take(&mut self.order);
        let mut shown = std::mem::take(&mut self.shown);
        new.sort_unstable_by(|a, b| self.compare(*a, *b));
        let seen: Vec<u32> = new.iter().copied().filter(|i| self.is_seen(*i)).collect();
        self.merge(&mut order, &new);
        self.merge(&mut shown, &seen);
        (self.order, self.shown) = (order, shown);
        if let Some(at) = found {
            self.wanted = None;
            self.put_on(first + at as u32);
            self.moved = true;
        } else if let Some(on) = on {
            self.put_on(on);
        }
    }

    /// Puts sorted numbers into sorted ones: each by halving, the rest moves along in one go.
    fn merge(&self, into: &mut Vec<u32>, new: &[u32]) {
        let mut hi = into.len();
        into.resize(hi + new.len(), 0);
        for (left, number) in new.iter().enumerate().rev() {
            let at = into.get(..hi).unwrap_or_default().partition_point(|o| self.compare(*o, *number).is_lt());
            into.copy_within(at..hi, at + left + 1);
            if let Some(place) = into.get_mut(at + left) {
                *place = *number;
            }
            hi = at;
        }
    }

    fn compare(&self, a: u32, b: u32) -> Ordering {
        let (Some(x), Some(y)) = (self.entries.get(a as usize), self.entries.get(b as usize)) else {
            return Ordering::Equal;
        };
        let by = match self.sort {
            Sort::Name => Ordering::Equal,
            Sort::Size => y.info.size.cmp(&x.info.size),
            Sort::Time => y.info.mtime_ms.cmp(&x.info.mtime_ms),
            Sort::Kind => x.ending().cmp(y.ending()),
        };
        let by = by.then_with(|| x.key.cmp(&y.key)).then_with(|| x.info.name.cmp(&y.info.name));
        let by = if self.reversed { by.reverse() } else { by };
        // directories come first whatever it is sorted by
        y.is_dir().cmp(&x.is_dir()).then(by).then(a.cmp(&b))
    }

    fn is_seen(&self, number: u32) -> bool {
        let Some(entry) = self.entries.get(number as usize) else { return false };
        (self.hidden || !entry.is_hidden()) && (self.filter.is_empty() || entry.key.contains(&self.filter))
    }

    /// Puts the cursor on an entry; where it is not shown it stays in its row.
    fn put_on(&mut self, number: u32) {
        let at = self.shown.binary_search_by(|o| self.compare(*o, number));
        self.cursor = at.unwrap_or(self.cursor).min(self.shown.len().saturating_sub(1));
    }

    pub fn set_sort(&mut self, sort: Sort, reversed: bool) {
        let on = self.shown.get(self.cursor).copied();
        (self.sort, self.reversed) = (sort, reversed);
        let mut order = std::mem::take(&mut self.order);
        order.sort_unstable_by(|a, b| self.compare(*a, *b));
        self.order = order;
        self.show(on);
    }

    pub fn set_hidden(&mut self, hidden: bool) {
        let on = self.shown.get(self.cursor).copied();
        self.hidden = hidden;
        self.show(on);
    }

    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Only names with this in them, however they are written.
    pub fn set_filter(&mut self, text: &str) {
        let on = self.shown.get(self.cursor).copied();
        let text = text.to_lowercase();
        let narrower = text.contains(&self.filter);
        self.filter = text;
        if narrower {
            let mut shown = std::mem::take(&mut self.shown);
            shown.retain(|i| self.is_seen(*i));
            self.shown = shown;
            self.after_show(on);
        } else {
            self.show(on);
        }
    }

    fn show(&mut self, on: Option<u32>) {
        self.shown = self.order.iter().copied().filter(|i| self.is_seen(*i)).collect();
        self.after_show(on);
    }

    fn count_selected(&mut self) {
        (self.chosen, self.chosen_bytes, self.chosen_away) = (0, 0, 0);
        for number in 0..self.entries.len() as u32 {
            let seen = self.is_seen(number);
            match self.entries.get(number as usize).filter(|e| e.selected) {
                Some(entry) if seen => {
                    self.chosen += 1;
                    self.chosen_bytes = self.chosen_bytes.saturating_add(entry.size());
                }
                Some(_) => self.chosen_away += 1,
                None => {}
            }
        }
    }

    fn after_show(&mut self, on: Option<u32>) {
        if self.chosen + self.chosen_away > 0 {
            self.count_selected();
        }
        match on.filter(|on| self.is_seen(*on)) {
            Some(on) => self.put_on(on),
            None => self.cursor = 0,
        }
    }

    /// Rows that are shown.
    pub fn len(&self) -> usize {
        self.shown.len()
    }
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
    /// Entries there are, shown or not.
    pub fn all(&self) -> usize {
        self.entries.len()
    }
    pub fn row(&self, at: usize) -> Option<&Entry> {
        self.entries.get(*self.shown.get(at)? as usize)
    }
    pub fn cursor(&self) -> usize {
        self.cursor
    }
    pub fn current(&self) -> Option<&Entry> {
        self.row(self.cursor)
    }

    pub fn step(&mut self, by: i64) {
        self.moved = true;
        self.wanted = None;
        let last = self.shown.len() as i64 - 1;
        self.cursor = (self.cursor as i64).saturating_add(by).clamp(0, last.max(0)) as usize;
    }
    pub fn go_to_row(&mut self, at: usize) {
        self.step(at as i64 - self.cursor as i64);
    }

    /// Puts the cursor on this name, now or once it arrives.
    pub fn go_to(&mut self, name: &FileName) {
        match self.entries.iter().position(|e| e.info.name == *name) {
            Some(at) => {
                self.put_on(at as u32);
                self.moved = true;
            }
            None => self.wanted = Some(name.clone()),
        }
    }

    /// The first row to be drawn where there is room for so many: it moves no more than it has to.
    pub fn top(&self, room: usize) -> usize {
        let room = room.max(1);
        let most = self.cursor.min(self.shown.len().saturating_sub(room));
        self.top.clamp((self.cursor + 1).saturating_sub(room), most.max((self.cursor + 1).saturating_sub(room)))
    }
    pub fn keep_in_sight(&mut self, room: usize) {
        self.top = self.top(room);
    }

    pub fn select(&mut self, at: usize, on: Option<bool>) {
        let Some(number) = self.shown.get(at) else { return };
        if let Some(entry) = self.entries.get_mut(*number as usize) {
            let on = on.unwrap_or(!entry.selected);
            match (entry.selected, on) {
                (false, true) => {
                    self.chosen += 1;
                    self.chosen_bytes = self.chosen_bytes.saturating_add(entry.size());
                }
                (true, false) => {
                    self.chosen -= 1;
                    self.chosen_bytes = self.chosen_bytes.saturating_sub(entry.size());
                }
                _ => {}
            }
            entry.selected = on;
        }
    }
    pub fn invert(&mut self) {
        (0..self.shown.len()).for_each(|at| self.select(at, None));
    }
    pub fn select_none(&mut self) {
        self.entries.iter_mut().for_each(|e| e.selected = false);
        (self.chosen, self.chosen_bytes, self.chosen_away) = (0, 0, 0);
    }
    /// Selects what is shown and matches (`*` and `?` as in a shell, however it is written); says how many are new.
    pub fn select_matching(&mut self, pattern: &str) -> usize {
        let (pattern, before) = (pattern.to_lowercase(), self.chosen);
        for at in 0..self.shown.len() {
            if self.row(at).is_some_and(|e| matches(&pattern, &e.key)) {
                self.select(at, Some(true));
            }
        }
        self.chosen - before
    }

    /// How many are selected of those that are shown, and the bytes of those that are files.
    pub fn selected(&self) -> (usize, u64) {
        (self.chosen, self.chosen_bytes)
    }
    /// How many are selected that hidden names or the filter leave out: nothing is done to them.
    pub fn selected_away(&self) -> usize {
        self.chosen_away
    }

    /// What an action is for: what is selected of what is shown, in that order, else the entry under the cursor.
    pub fn picked(&self) -> Vec<&FileInfo> {
        if self.chosen == 0 {
            return self.current().map(|e| &e.info).into_iter().collect();
        }
        let all = self.shown.iter().filter_map(|i| self.entries.get(*i as usize));
        all.filter(|e| e.selected).map(|e| &e.info).collect()
    }
}

/// Whether a name is what a pattern with `*` and `?` describes: all of it.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut i, mut j) = (0, 0);
    // where the last star was, and how much it has taken
    let mut star: Option<(usize, usize)> = None;
    while j < n.len() {
        match p.get(i) {
            Some('*') => {
                star = Some((i, j));
                i += 1;
            }
            Some(c) if *c == '?' || Some(c) == n.get(j) => (i, j) = (i + 1, j + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (i, j) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    p.get(i..).unwrap_or_default().iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::host::HostId;

    pub fn info(name: &str, kind: FileKind, size: u64) -> FileInfo {
        FileInfo { name: FileName::new(name).unwrap(), kind, size, ..FileInfo::default() }
    }
    fn column() -> Column {
        let whose = Whose::host(HostId::local());
        let mut c = Column::new(whose.clone(), FilePath::default());
        assert_eq!(c.enter(whose, FilePath::new("/a").unwrap(), None, 1), None);
        c
    }
    fn names(c: &Column) -> Vec<String> {
        (0..c.len()).map(|i| c.row(i).unwrap().info.name.to_string()).collect()
    }
    fn on(c: &Column) -> String {
        c.current().unwrap().info.name.to_string()
    }

    #[test]
    fn entries_find_their_place_as_they_come() {
        let mut c = column();
        c.add(vec![info("m", FileKind::File, 5), info("Zoo", FileKind::Dir, 0), info(".x", FileKind::File, 1)]);
        assert_eq!(names(&c), ["Zoo", "m"]);
        assert_eq!(on(&c), "Zoo");
        c.step(1);
        c.add(vec![info("B", FileKind::File, 9), info("a.rs", FileKind::File, 2), info("x.c", FileKind::File, 2)]);
        assert_eq!((names(&c), on(&c)), (["Zoo", "a.rs", "B", "m", "x.c"].map(String::from).to_vec(), "m".into()));
        c.set_sort(Sort::Size, false);
        assert_eq!((names(&c).join(" "), on(&c)), ("Zoo B m a.rs x.c".into(), "m".into()));
        c.set_sort(Sort::Size, true);
        assert_eq!(names(&c).join(" "), "Zoo x.c a.rs m B");
        c.set_sort(Sort::Kind, false);
        assert_eq!(names(&c).join(" "), "Zoo B m x.c a.rs");
        c.set_hidden(true);
        assert_eq!(names(&c).join(" "), "Zoo .x B m x.c a.rs");
        c.set_filter("X");
        assert_eq!((names(&c).join(" "), c.cursor()), (".x x.c".into(), 0));
        c.set_filter("xx");
        assert!(c.is_empty() && c.current().is_none() && c.picked().is_empty());
        c.set_filter("");
        assert_eq!((c.len(), c.all()), (6, 6));
    }

    #[test]
    fn one_that_is_closed_keeps_its_place_and_nothing_else() {
        let mut c = column();
        c.add(["a", "b", "c"].map(|n| info(n, FileKind::File, 10)).to_vec());
        c.go_to_row(1);
        assert_eq!((c.leave(), c.all(), c.len()), (Some(1), 0, 0));
        assert_eq!(c.again(None, 2), None);
        c.add(["c", "b", "a"].map(|n| info(n, FileKind::File, 10)).to_vec());
        assert_eq!((names(&c).join(" "), on(&c)), ("a b c".into(), "b".into()));
    }

    #[test]
    fn selections_stay_when_it_is_listed_again() {
        let mut c = column();
        c.add(["a", "b", "c", "d"].map(|n| info(n, FileKind::File, 10)).to_vec());
        c.ended(ListEnd::default(), None);
        c.select(1, None);
        assert_eq!(c.select_matching("?"), 3);
        assert_eq!(c.selected(), (4, 40));
        c.invert();
        assert_eq!(c.selected(), (0, 0));
        c.select(1, None);
        c.select(2, None);
        c.go_to_row(3);
        assert_eq!(c.again(None, 2), None);
        // nothing flickers while it comes
        c.add(vec![info("c", FileKind::File, 11), info("e", FileKind::File, 1)]);
        assert_eq!(names(&c).join(""), "abcd");
        c.ended(ListEnd::default(), None);
        assert_eq!((names(&c).join(""), c.selected(), c.cursor()), ("ce".into(), (1, 11), 1));
        assert_eq!(c.picked().len(), 1);
        // what is not shown is left alone
        c.add(vec![info(".h", FileKind::File, 3)]);
        c.set_hidden(true);
        c.select_matching(".h");
        assert_eq!((c.selected(), c.selected_away()), ((2, 14), 0));
        c.set_hidden(false);
        assert_eq!((c.selected(), c.selected_away(), c.picked().len()), ((1, 11), 1, 1));
        c.set_filter("e");
        assert_eq!((c.selected(), c.selected_away(), on(&c)), ((0, 0), 2, "e".into()));
        assert_eq!(c.picked()[0].name.to_string(), "e");
        c.set_filter("");
        // where that fails, what was known stays
        c.again(None, 3);
        c.ended(ListEnd::default(), Some("gone".into()));
        assert_eq!((names(&c).join(""), c.trouble.as_deref()), ("ce".into(), Some("gone")));
    }

    #[test]
    fn the_cursor_goes_to_what_it_waits_for_unless_somebody_moved() {
        let mut c = column();
        c.go_to(&FileName::new("k").unwrap());
        c.add(vec![info("a", FileKind::File, 1)]);
        c.add(vec![info("k", FileKind::File, 1), info("b", FileKind::File, 1)]);
        assert_eq!(on(&c), "k");
        c.go_to(&FileName::new("z").unwrap());
        c.step(-1);
        c.add(vec![info("z", FileKind::File, 1)]);
        assert_eq!(on(&c), "b");
    }

    #[test]
    fn the_window_moves_no_more_than_it_has_to() {
        let mut c = column();
        c.add((0..100).map(|n| info(&format!("{n:03}"), FileKind::File, 1)).collect());
        c.step(30);
        c.keep_in_sight(10);
        assert_eq!(c.top(10), 21);
        c.step(-5);
        c.keep_in_sight(10);
        assert_eq!(c.top(10), 21, "within");
        c.step(-10);
        c.keep_in_sight(10);
        assert_eq!(c.top(10), 15);
        c.step(1000);
        assert_eq!((c.cursor(), c.top(10), c.top(200)), (99, 90, 0));
    }

    #[test]
    fn a_hundred_thousand_entries_are_put_in_order_as_they_come() {
        let mut c = column();
        let begun = std::time::Instant::now();
        for batch in 0..200u64 {
            let of = (0..500u64).map(|n| {
                let at = (batch * 500 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
                info(&format!("file-{at:08}-{batch}-{n}"), FileKind::File, at)
            });
            c.add(of.collect());
        }
        assert_eq!(c.len(), 100_000);
        let all = names(&c);
        assert!(all.windows(2).all(|w| w[0] < w[1]));
        // (a debug build on a busy machine; a quadratic insertion takes minutes)
        assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
        c.step(50_000);
        c.set_filter("77");
        c.set_filter("777");
        assert!(names(&c).iter().all(|n| n.contains("777")));
    }

    #[test]
    fn patterns_are_a_shells() {
        for (pattern, name, is) in [
            ("*.rs", "a.rs", true),
            ("*.rs", "a.rsx", false),
            ("a?c*", "abcdef", true),
            ("*b*b*", "abcb", true),
            ("*", "", true),
            ("?", "", false),
            ("ä?", "äö", true),
        ] {
            assert_eq!(matches(pattern, name), is, "{pattern} {name}");
        }
    }
}
