//! Draws the queue of copies: each job with where from and to, how far it is, and what became of it.

use super::layer::place;
use super::{boxed, fill, flow, ground, put, put_cut};
use crate::client::app::App;
use crate::client::browser::queue::{Job, Kind, Panel, State};
use crate::client::browser::{amount, sized};
use crate::text::{count, short};
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

const WIDTH: u16 = 92;
/// Lines of a job where there is no room for more.
const LINES: u16 = 2;

const KEYS: [&str; 5] = ["c cancel", "r try again", "x clear what is over", "Enter details", "q close"];

pub fn draw(app: &App, theme: &Theme, panel: &Panel, whole: Rect, buf: &mut Buffer) {
    let jobs = &app.files.queue.jobs;
    let width = WIDTH.min(whole.width).saturating_sub(2);
    let keys = flow(&KEYS, "  ", 0, usize::from(width.saturating_sub(1)));
    let high = u16::try_from(keys.len()).unwrap_or(1);
    let most = whole.height.saturating_sub(2 + high);
    let chosen = panel.row(jobs);
    // all of each where there is room, else of the chosen one
    let mut all: Vec<Said> = jobs.iter().map(|job| said(theme, job, width, true)).collect();
    let sum = |all: &[Said]| all.iter().map(Said::height).fold(0u16, u16::saturating_add);
    if sum(&all) > most {
        let brief = jobs.iter().enumerate().map(|(at, job)| said(theme, job, width, at == chosen));
        all = brief.collect();
    }
    let area = place(whole, WIDTH, sum(&all).max(1).saturating_add(3 + high));
    ground(buf, area, whole, theme.panel);
    let title = match app.files.queue.open() {
        0 => "copies".to_string(),
        n => format!("copies: {n} under way or waiting"),
    };
    let inner = boxed(buf, area, &title, theme.border_focused, theme.accent);
    let foot = inner.bottom().saturating_sub(high).max(inner.y);
    for (line, y) in keys.iter().zip(foot..inner.bottom()) {
        put_cut(buf, inner.x + 1, y, inner.width.saturating_sub(1), line, theme.dim);
    }
    if jobs.is_empty() {
        put_cut(buf, inner.x + 1, inner.y, inner.width.saturating_sub(1), "nothing is being copied", theme.dim);
        return;
    }
    let mut first = chosen;
    while first > 0 && sum(all.get(first - 1..=chosen).unwrap_or_default()) <= foot - inner.y {
        first -= 1;
    }
    let mut y = inner.y;
    for (at, said) in all.iter().enumerate().skip(first) {
        // half of one is worse than a blank, but for the one that is looked at
        let height = said.height().min(foot - y);
        if height < said.height().min(LINES) {
            break;
        }
        draw_job(theme, said, Rect { y, height, ..inner }, at == chosen, buf);
        y += height;
    }
}

/// So many columns of a bar, filled so far.
fn bar(share: f32, wide: usize) -> String {
    let full = ((share * wide as f32) as usize).min(wide);
    format!("{}{}", "█".repeat(full), "░".repeat(wide - full))
}

/// `42 s`, `3 min`, `2 h`.
fn time_left(left: Duration) -> String {
    match left.as_secs() {
        0 => "less than 1 s".into(),
        s @ 1..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min", s.div_ceil(60)),
        s => format!("{:.1} h", s as f32 / 3600.0),
    }
}

/// What is said of a job, line by line.
struct Said {
    title: Vec<String>,
    /// How far it is: a bar and a number.
    bar: Option<(String, String)>,
    words: Vec<String>,
    style: Style,
}

impl Said {
    fn height(&self) -> u16 {
        u16::try_from(self.title.len() + self.words.len().max(1)).unwrap_or(u16::MAX)
    }
}

/// Columns that a job's lines keep free at the left, and at the right.
const MARGINS: (u16, u16) = (1, 1);
const INDENT: u16 = 3;

/// All of it in as many lines as that takes, or the beginning in two.
fn said(theme: &Theme, job: &Job, width: u16, all: bool) -> Said {
    let w = &job.wanted;
    let things = match w.names.as_slice() {
        [one] => short(&one.to_string(), 40),
        many => count(many.len(), "thing"),
    };
    let from = format!("{}:{}", short(&w.from.label, 30), short(&w.dir.to_string(), 100));
    let to = format!("{}:{}", short(&w.to.label, 30), short(&w.into.to_string(), 100));
    let word = w.kind.word();
    let parts = match w.kind {
        Kind::Delete => vec![format!("{word} {things} in {from}")],
        Kind::Copy | Kind::Move => vec![format!("{word} {things} "), from, format!("→ {to}")],
    };
    let room = usize::from(width.saturating_sub(MARGINS.0 + MARGINS.1));
    let title = if all { flow(&parts, " ", 0, room) } else { vec![parts.join(" ")] };
    let (words, own) = words(theme, job);
    let share = job.share().filter(|_| !job.is_over() && job.state != State::Queued);
    let wide = usize::from(width / 5).clamp(6, 20);
    let bar = share.map(|share| (bar(share, wide), format!(" {:3.0}%  ", share * 100.0)));
    let before = bar.as_ref().map_or(0, |(bar, percent)| bar.width() + percent.width());
    let room = usize::from(width.saturating_sub(INDENT + MARGINS.1));
    let words = if all { flow(&words, " · ", before, room) } else { vec![words.join(" · ")] };
    Said { title, bar, words, style: if job.is_over() || job.asked.is_some() { own } else { theme.dim } }
}

/// How it stands with a job: what matters most first.
fn words(theme: &Theme, job: &Job) -> (Vec<String>, Style) {
    let failed = job.failed.len();
    let (state, own) = match (&job.asked, &job.state) {
        (Some(_), _) => ("asks: Enter answers".to_string(), theme.warn),
        (_, State::Queued) => ("waits for its turn".into(), theme.dim),
        (_, State::Running) => (String::new(), theme.accent),
        (_, State::Waiting(why)) => (format!("waits: {why}"), theme.warn),
        (_, State::Done) if failed > 0 => (format!("! done, {failed} failed"), theme.error),
        (_, State::Done) => ("✓ done".into(), theme.ok),
        (_, State::Failed(why)) => (why.clone(), theme.error),
        (_, State::Cancelled) => ("cancelled".into(), theme.dim),
    };
    let mut words = Vec::new();
    if !state.is_empty() {
        words.push(state);
    }
    if failed > 0 && job.state != State::Done {
        words.push(format!("{failed} failed"));
    }
    if job.begun.is_some() {
        words.push(match job.planned.filter(|_| !job.is_over()) {
            Some((files, bytes)) if bytes > 0 => {
                format!("{} of {files}, {} of {}", job.files, amount(job.bytes), amount(bytes))
            }
            _ => format!("{}, {}", count(job.files as usize, "file"), sized(job.bytes)),
        });
    }
    if job.speed > 0 && job.state == State::Running && job.asked.is_none() {
        words.push(format!("{}/s", amount(job.speed)));
    }
    if let Some(left) = job.left().filter(|_| job.asked.is_none()) {
        words.push(format!("{} left", time_left(left)));
    }
    if let (Some(begun), Some(ended)) = (job.begun, job.ended) {
        words.push(format!("in {}", time_left(ended.saturating_sub(begun))));
    }
    if job.skipped > 0 {
        words.push(format!("{} skipped", job.skipped));
    }
    (words, if failed > 0 { theme.error } else { own })
}

fn draw_job(theme: &Theme, said: &Said, here: Rect, chosen: bool, buf: &mut Buffer) {
    let base = chosen.then_some(theme.chosen);
    if chosen {
        fill(buf, here, theme.chosen);
    }
    let style = |own: Style| base.unwrap_or(own);
    let (left, end) = (here.x + MARGINS.0, here.right().saturating_sub(MARGINS.1));
    let mut rows = here.y..here.bottom();
    for (line, y) in said.title.iter().zip(rows.by_ref()) {
        put_cut(buf, left, y, end.saturating_sub(left), line, style(theme.text));
    }
    let left = here.x + INDENT;
    let mut x = left;
    if let (Some((bar, percent)), false) = (&said.bar, rows.is_empty()) {
        x = put(buf, x, rows.start, end.saturating_sub(x), bar, style(theme.accent));
        x = put(buf, x, rows.start, end.saturating_sub(x), percent, style(theme.text));
    }
    for (line, y) in said.words.iter().zip(rows) {
        put_cut(buf, x, y, end.saturating_sub(x), line, style(said.style));
        x = left;
    }
}
