//! Owns a list with a search line: what matches, best first, and which one is chosen.

use super::field::Field;
use super::{Choice, Outcome};
use crate::client::app::{App, Event};
use crate::client::view::wrap;
use crate::term::input::Key;
use crate::text::escape;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::layout::Rect;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

/// Most that waits behind an Enter: keys, and bytes of pastes.
const AHEAD: usize = 64 << 10;
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
    held: Held,
    /// Bytes of it.
    weight: usize,
    /// A part of it is gone: none of it is typed anywhere.
    spoilt: bool,
    /// What is there is taken then.
    until: Option<Duration>,
}

/// Keys and pastes, in their order.
pub type Held = Vec<Event>;

/// Where a waiting Enter leads; none = nowhere, as no host told of that. With what was typed behind it, and whether a part
/// of that is lost.
pub type Led = (Option<Choice>, Held, bool);

/// Whose a key is while an Enter waits.
pub enum Waits {
    /// It is held.
    Holds,
    /// The list's, as ever.
    List,
    /// It asks for what is there.
    Now,
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
    /// Gives where an Enter leads that has waited for this.
    pub fn renewed(&mut self, app: &App, on_top: bool) -> Option<Led> {
        let of = self.of?;
        let chosen = self.item().map(|item| item.choice.clone()).filter(|_| self.chosen > 0);
        let was_empty = self.found.is_empty();
        self.items = of(app);
        self.own = self.items.len();
        self.find();
        if let Some(chosen) = chosen {
            let leads = |n: &usize| self.items.get(*n).is_some_and(|item| item.choice.leads_as(&chosen));
            self.chosen = self.found.iter().position(leads).unwrap_or(0);
        }
        self.awaited = app.awaits_lists();
        if was_empty && let Some(ahead) = &mut self.ahead {
            ahead.until = Some(app.now + AWHILE);
        }
        // (one that lies beneath a question waits on)
        let done = on_top && (!self.awaited || self.is_named());
        let ahead = self.ahead.take_if(|_| done)?;
        Some((self.item().map(|item| item.choice.clone()), ahead.held, ahead.spoilt))
    }

    /// Whether an Enter waits.
    pub fn waits(&self) -> bool {
        self.ahead.is_some()
    }

    /// Enter was pressed now, or before: if it waits, it does so from then on.
    pub fn pressed(&mut self, now: Duration) {
        if let Some(ahead) = &mut self.ahead {
            ahead.until.get_or_insert(now + AWHILE);
        }
    }

    /// When it takes what is there, should hosts tell nothing else till then.
    pub fn waits_until(&self) -> Option<Duration> {
        self.ahead.as_ref().filter(|_| !self.found.is_empty())?.until
    }

    /// What is there is taken. Of what is only a little like it nobody knows that it is meant: nothing is typed there.
    pub fn waited(&mut self) -> Option<Led> {
        let item = self.item()?;
        let (choice, text) = (item.choice.clone(), self.field.text().trim().to_lowercase());
        let is_like = item.label.as_deref().unwrap_or(&item.text).to_lowercase().contains(&text);
        let ahead = self.ahead.take()?;
        Some(match is_like {
            true => (Some(choice), ahead.held, ahead.spoilt),
            false => (Some(choice), Held::new(), ahead.spoilt || !ahead.held.is_empty()),
        })
    }

    /// Whose a key is while an Enter waits: all that comes in one go with it was typed ahead; who looks at the list for a
    /// moment may leave it, put right what they typed, or take what there is.
    pub fn waiting(&mut self, name: &str, calm: bool) -> Waits {
        let Some(ahead) = self.ahead.as_ref().filter(|_| calm) else { return Waits::Holds };
        match name {
            "Escape" | "C-c" => Waits::List,
            "Enter" if !self.found.is_empty() => Waits::Now,
            "Backspace" | "C-u" | "C-w" if ahead.held.is_empty() => {
                self.ahead = None;
                Waits::List
            }
            _ => Waits::Holds,
        }
    }

    /// It was typed behind an Enter that waits.
    pub fn hold(&mut self, event: Event) {
        let Some(ahead) = &mut self.ahead else { return };
        ahead.weight += match &event {
            Event::Paste { bytes, .. } => bytes.len(),
            _ => 1,
        };
        if ahead.weight > AHEAD {
            return self.spoil();
        }
        if !ahead.spoilt {
            ahead.held.push(event);
        }
    }

    /// What was typed behind it is not whole.
    pub fn spoil(&mut self) {
        if let Some(ahead) = &mut self.ahead {
            ahead.held.clear();
            ahead.spoilt = true;
        }
    }

    /// Something was typed behind it.
    pub fn holds(&self) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| ahead.spoilt || !ahead.held.is_empty())
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
        if name == "Enter" && self.awaited && !self.is_named() && self.ahead.is_none() {
            self.ahead = Some(Ahead::default());
            return Outcome::Stay;
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
        if self.waits() {
            return self.hold(Event::Paste { bytes: text.into(), last: true });
        }
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
