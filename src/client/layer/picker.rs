//! Owns a list with a search line: what matches, best first, and which one is chosen.

use super::field::Field;
use super::{Choice, Outcome};
use crate::client::app::App;
use crate::client::view::wrap;
use crate::term::input::Key;
use crate::text::escape;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::layout::Rect;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

/// Most keys that wait behind an Enter.
const AHEAD: usize = 4096;
/// Enter on something much like what is typed waits this long for what is it.
const AWHILE: Duration = Duration::from_secs(2);

pub struct Item {
    /// Escaped, as is `aside`.
    pub text: String,
    pub aside: String,
    /// What is searched; nothing = text and aside.
    pub label: Option<String>,
    pub choice: Choice,
}

impl Item {
    /// Whether what stands beside it is seen in so many columns.
    pub fn has_aside(&self, width: u16) -> bool {
        !self.aside.is_empty() && usize::from(width) > self.aside.width() + 12
    }

    /// All of its text in lines of a list so wide, and what stands beside it where that is not seen there.
    fn lines(&self, width: u16) -> Vec<String> {
        let room = usize::from(width.saturating_sub(2));
        if self.has_aside(width) {
            return wrap(&self.text, room.saturating_sub(self.aside.width() + 1));
        }
        let mut lines = wrap(&self.text, room);
        if !self.aside.is_empty() {
            lines.extend(wrap(&self.aside, room));
        }
        lines
    }
}

pub struct Picker {
    pub title: String,
    pub field: Field,
    pub items: Vec<Item>,
    /// Lines above the list that are not chosen from; escaped.
    pub told: Vec<String>,
    /// Indices of `items`, best first.
    pub found: Vec<usize>,
    pub chosen: usize,
    /// It is a question of this job of the queue, and goes with it.
    pub of_job: Option<u64>,
    /// It came by itself: since when it is there, and whether it takes keys yet.
    pub unasked: Option<(Duration, bool)>,
    /// Columns it takes where there is room.
    width: u16,
    /// While nothing is typed a key that stands beside an item chooses that; `/` begins to type.
    keyed: bool,
    /// What is offered, last, for a text that names something else than the items.
    typed: Option<fn(&str) -> Option<Item>>,
    /// So many of the items are not made of it.
    own: usize,
    /// What its items are made of: they are made anew when a host tells something else while it is open.
    of: Option<fn(&App) -> Vec<Item>>,
    /// A host has not told yet what it has.
    awaited: bool,
    /// Enter was pressed before what is looked for was told: it is chosen as soon as it is.
    ahead: Option<Ahead>,
}

/// What was typed behind an Enter that waits: it is meant for where that leads.
#[derive(Default)]
struct Ahead {
    keys: Vec<Key>,
    /// What is there is taken then.
    until: Option<Duration>,
}

impl Picker {
    pub fn new(title: impl Into<String>, items: Vec<Item>) -> Picker {
        let found = (0..items.len()).collect();
        Picker {
            title: title.into(),
            field: Field::default(),
            own: items.len(),
            items,
            told: Vec::new(),
            found,
            chosen: 0,
            of_job: None,
            unasked: None,
            width: 72,
            keyed: false,
            typed: None,
            of: None,
            awaited: false,
            ahead: None,
        }
    }

    /// A list of what hosts tell, as far as they have told it: `of` makes it.
    pub fn told_by_hosts(title: impl Into<String>, app: &App, of: fn(&App) -> Vec<Item>) -> Picker {
        Picker { of: Some(of), awaited: app.awaits_lists(), ..Picker::new(title, of(app)) }
    }

    /// The same list as it is told now: what is typed stays, and who has gone down in it stays where they are.
    /// Gives what Enter was pressed for before it was told, and the keys behind it: these alone where it is told nowhere.
    pub fn renewed(&mut self, app: &App, on_top: bool) -> (Option<Choice>, Vec<Key>) {
        let Some(of) = self.of else { return (None, Vec::new()) };
        let chosen = self.item().map(|item| item.choice.clone()).filter(|_| self.chosen > 0);
        self.items = of(app);
        self.own = self.items.len();
        self.find();
        if let Some(chosen) = chosen {
            let leads = |n: &usize| self.items.get(*n).is_some_and(|item| item.choice.leads_as(&chosen));
            self.chosen = self.found.iter().position(leads).unwrap_or(0);
        }
        self.awaited = app.awaits_lists();
        // (one that lies beneath a question waits on)
        let done = on_top && (!self.awaited || self.is_named());
        match self.ahead.take_if(|_| done) {
            Some(ahead) => (self.item().map(|item| item.choice.clone()), ahead.keys),
            None => (None, Vec::new()),
        }
    }

    /// A key was taken now: an Enter that waits does so from then on.
    pub fn pressed(&mut self, now: Duration) {
        if let Some(ahead) = &mut self.ahead {
            ahead.until.get_or_insert(now + AWHILE);
        }
    }

    /// When an Enter takes what is there, should hosts tell nothing else till then.
    pub fn waits_until(&self) -> Option<Duration> {
        self.ahead.as_ref().filter(|_| !self.found.is_empty())?.until
    }

    /// What is there is taken, and the keys behind it.
    pub fn waited(&mut self) -> Option<(Choice, Vec<Key>)> {
        let choice = self.item()?.choice.clone();
        Some((choice, self.ahead.take()?.keys))
    }

    /// What it is called.
    pub fn title(&self) -> &str {
        match self.ahead {
            Some(_) if !self.found.is_empty() => "hosts tell what they have · Enter: go there now",
            _ => &self.title,
        }
    }

    /// What stands in an empty list.
    pub fn why_empty(&self) -> &'static str {
        match self.ahead {
            Some(_) => "not told yet: leads there as soon as it is · Esc leaves",
            None => "nothing matches",
        }
    }

    /// The chosen one is what is typed, and not only much like it: what is not told yet may be more so.
    fn is_named(&self) -> bool {
        let typed = self.field.text().trim();
        let has_it = |item: &Item| {
            let told = item.label.as_deref().unwrap_or(&item.text);
            told.eq_ignore_ascii_case(typed) || told.split_whitespace().any(|word| word.eq_ignore_ascii_case(typed))
        };
        self.chosen > 0 || typed.is_empty() || self.item().is_some_and(has_it)
    }

    fn item(&self) -> Option<&Item> {
        self.found.get(self.chosen).and_then(|i| self.items.get(*i))
    }

    /// With an item made of what is typed, where that makes sense.
    pub fn or_typed(self, typed: fn(&str) -> Option<Item>) -> Picker {
        Picker { typed: Some(typed), ..self }
    }

    /// With room for long lines.
    pub fn wide(self) -> Picker {
        Picker { width: 110, ..self }
    }
    pub fn is_wide(&self) -> bool {
        self.width > 72
    }

    /// A menu: what stands beside its items are keys, and they work.
    pub fn by_key(self) -> Picker {
        Picker { keyed: true, ..self }
    }

    /// With lines above the list.
    pub fn telling(self, told: Vec<String>) -> Picker {
        Picker { told, ..self }
    }

    /// A question of a job of the queue.
    pub fn of_job(self, job: u64) -> Picker {
        Picker { of_job: Some(job), ..self }
    }

    /// Nobody asked for it: it takes keys only after a pause in the typing.
    pub fn in_calm(self, now: Duration) -> Picker {
        Picker { unasked: Some((now, false)), ..self }
    }

    pub(super) fn key(&mut self, key: &Key, name: &str) -> Outcome {
        if self.keyed && self.field.text().is_empty() {
            if name == "/" {
                self.keyed = false;
                return Outcome::Stay;
            }
            if let Some(item) = self.items.iter().find(|i| i.aside == name && name != "Enter") {
                return Outcome::Choose(item.choice.clone());
            }
        }
        let too_soon = name == "Enter" && self.awaited && !self.is_named();
        let there = !self.found.is_empty();
        self.ahead.take_if(|_| !self.awaited);
        match &mut self.ahead {
            // (who looks at it may put right what they typed, or take what there is)
            Some(ahead) if ahead.keys.is_empty() && ["Backspace", "C-u", "C-w"].contains(&name) => self.ahead = None,
            Some(ahead) if ahead.keys.is_empty() && there && name == "Enter" => self.ahead = None,
            Some(_) if ["Escape", "C-c"].contains(&name) => {}
            Some(ahead) => {
                if ahead.keys.len() < AHEAD {
                    ahead.keys.push(key.clone());
                }
                return Outcome::Stay;
            }
            None if too_soon => {
                self.ahead = Some(Ahead::default());
                return Outcome::Stay;
            }
            None => {}
        }
        match name {
            "Escape" | "C-c" => return Outcome::Close,
            "Enter" => return self.choose(),
            "Up" | "C-p" | "C-k" => self.step(-1),
            "Down" | "C-n" | "C-j" | "Tab" => self.step(1),
            "PageUp" => self.step(-10),
            "PageDown" => self.step(10),
            _ => {
                if self.field.key(key, name) {
                    self.find();
                }
            }
        }
        Outcome::Stay
    }

    pub(super) fn paste(&mut self, text: &str) {
        self.field.insert(text);
        self.find();
    }

    fn choose(&self) -> Outcome {
        match self.item() {
            Some(item) => Outcome::Choose(item.choice.clone()),
            // (what is looked for may be told yet)
            None if self.of.is_some() => Outcome::Stay,
            None => Outcome::Close,
        }
    }

    pub(super) fn step(&mut self, by: i64) {
        let last = self.found.len() as i64 - 1;
        self.chosen = (self.chosen as i64 + by).clamp(0, last.max(0)) as usize;
    }

    fn find(&mut self) {
        self.chosen = 0;
        // (what was made of the text before)
        self.items.truncate(self.own);
        let listed = |text: &str| self.items.iter().any(|item| item.text == text);
        let text = self.field.text().trim();
        let made = self.typed.filter(|_| !listed(&escape(text))).and_then(|make| make(text));
        let made = made.filter(|made| !listed(&made.text));
        if self.field.text().is_empty() {
            self.found = (0..self.items.len()).collect();
            return;
        }
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(self.field.text(), CaseMatching::Smart, Normalization::Smart);
        let mut buf = Vec::new();
        let mut scored = Vec::new();
        for (i, item) in self.items.iter().enumerate() {
            let hay = item.label.clone().unwrap_or_else(|| format!("{} {}", item.text, item.aside));
            if let Some(score) = pattern.score(Utf32Str::new(&hay, &mut buf), &mut matcher) {
                // of those that match as well the one with less besides
                let rest = if item.label.is_some() { hay.len() } else { 0 };
                // what begins like this is most likely meant
                let other = !item.text.starts_with(self.field.text());
                scored.push((other, std::cmp::Reverse(score), rest, i));
            }
        }
        scored.sort_unstable();
        self.found = scored.into_iter().map(|(.., i)| i).collect();
        if let Some(made) = made {
            self.found.push(self.items.len());
            self.items.push(made);
        }
    }

    /// Where it lies on a screen.
    pub fn area(&self, whole: Rect) -> Rect {
        let width = whole.width.min(self.width.max(whole.width / 2));
        let most = 20.max(whole.height / 2);
        let mut rows = self.items.len() + self.told_lines(width.saturating_sub(2)).len() + 3;
        if rows < usize::from(most) {
            // the chosen one, whichever it is, is to have the lines it needs, and the panel to stay as it is
            let lines = self.items.iter().map(|item| item.lines(width.saturating_sub(2)).len());
            rows += lines.max().unwrap_or(1).saturating_sub(1);
        }
        let rows = u16::try_from(rows).unwrap_or(u16::MAX);
        let height = whole.height.min(rows.clamp(4, most));
        Rect { x: whole.x + (whole.width - width) / 2, y: whole.y + (whole.height - height) / 4, width, height }
    }

    /// What is told above a list of this width.
    pub fn told_lines(&self, width: u16) -> Vec<String> {
        let width = usize::from(width.saturating_sub(1));
        self.told.iter().flat_map(|line| crate::client::view::wrap(line, width)).collect()
    }

    /// The rows of the list, within `area`.
    pub fn list_area(&self, area: Rect) -> Rect {
        if area.height < 4 || area.width < 4 {
            return Rect { y: area.y + area.height.min(1), height: area.height.saturating_sub(1), ..area };
        }
        let told = self.told_lines(area.width - 2).len();
        let told = u16::try_from(told).unwrap_or(u16::MAX).min(area.height - 4);
        Rect { x: area.x + 1, y: area.y + 2 + told, width: area.width - 2, height: area.height - 3 - told }
    }

    /// What is seen of the list: each with its number in `found`, its first row and the lines of its text. The chosen one
    /// takes as many as it needs, so that what is cut can be read.
    pub fn rows(&self, list: Rect) -> Vec<(usize, u16, Vec<String>)> {
        let high = usize::from(list.height).max(1);
        let item = |n: usize| self.found.get(n).and_then(|i| self.items.get(*i));
        let chosen: Vec<String> = item(self.chosen).map_or_else(Vec::new, |i| i.lines(list.width));
        let first = (self.chosen + chosen.len()).saturating_sub(high).min(self.chosen);
        let (mut rows, mut y) = (Vec::new(), list.y);
        for (n, item) in (first..self.found.len()).filter_map(|n| Some((n, item(n)?))) {
            if y >= list.bottom() {
                break;
            }
            let lines = if n == self.chosen { chosen.clone() } else { vec![item.text.clone()] };
            let next = y.saturating_add(u16::try_from(lines.len()).unwrap_or(u16::MAX));
            rows.push((n, y, lines));
            y = next;
        }
        rows
    }

    pub(super) fn click(&mut self, whole: Rect, x: u16, y: u16) -> Outcome {
        let area = self.area(whole);
        if !area.contains((x, y).into()) {
            return Outcome::Close;
        }
        let list = self.list_area(area);
        if !list.contains((x, y).into()) {
            return Outcome::Stay;
        }
        let here = |(_, from, lines): &(usize, u16, Vec<String>)| (*from..).take(lines.len()).any(|row| row == y);
        let Some((at, ..)) = self.rows(list).into_iter().find(here) else { return Outcome::Stay };
        self.chosen = at;
        self.choose()
    }
}
