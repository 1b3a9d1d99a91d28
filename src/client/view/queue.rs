//! Draws the queue of copies: each job with where from and to, how far it is, and what became of it.

use super::layer::place;
use super::{boxed, fill, ground, put, put_cut};
use crate::client::app::App;
use crate::client::browser::queue::{Job, Kind, Panel, State};
use crate::client::browser::{amount, sized};
use crate::text::{count, short};
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::time::Duration;

const WIDTH: u16 = 92;
/// Lines of a job.
const LINES: u16 = 2;

pub fn draw(app: &App, theme: &Theme, panel: &Panel, whole: Rect, buf: &mut Buffer) {
    let jobs = &app.files.queue.jobs;
    let lines = u16::try_from(jobs.len()).unwrap_or(u16::MAX).saturating_mul(LINES).max(1).saturating_add(4);
    let area = place(whole, WIDTH, lines);
    ground(buf, area, whole, theme.panel);
    let title = match app.files.queue.open() {
        0 => "copies".to_string(),
        n => format!("copies: {n} under way or waiting"),
    };
    let inner = boxed(buf, area, &title, theme.border_focused, theme.accent);
    let keys = "c cancel  r try again  x clear what is over  Enter details  q close";
    let foot = inner.bottom().saturating_sub(1);
    put_cut(buf, inner.x + 1, foot, inner.width.saturating_sub(1), keys, theme.dim);
    if jobs.is_empty() {
        put_cut(buf, inner.x + 1, inner.y, inner.width.saturating_sub(1), "nothing is being copied", theme.dim);
        return;
    }
    let room = usize::from(inner.height.saturating_sub(1) / LINES).max(1);
    let chosen = panel.row(jobs);
    let first = (chosen + 1).saturating_sub(room);
    for (n, (at, job)) in jobs.iter().enumerate().skip(first).take(room).enumerate() {
        let y = inner.y + n as u16 * LINES;
        let here = Rect { y, height: LINES.min(foot.saturating_sub(y)), ..inner };
        draw_job(theme, job, here, at == chosen, buf);
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

fn draw_job(theme: &Theme, job: &Job, here: Rect, chosen: bool, buf: &mut Buffer) {
    let base = chosen.then_some(theme.chosen);
    if chosen {
        fill(buf, here, theme.chosen);
    }
    let style = |own: Style| base.unwrap_or(own);
    let w = &job.wanted;
    let things = match w.names.as_slice() {
        [one] => short(&one.to_string(), 40),
        many => count(many.len(), "thing"),
    };
    let from = format!("{}:{}", short(&w.from.label, 30), short(&w.dir.to_string(), 100));
    let to = format!("{}:{}", short(&w.to.label, 30), short(&w.into.to_string(), 100));
    let text = match w.kind {
        Kind::Delete => format!("delete {things} in {from}"),
        Kind::Copy => format!("copy {things}  {from} → {to}"),
        Kind::Move => format!("move {things}  {from} → {to}"),
    };
    let room = here.width.saturating_sub(2);
    put_cut(buf, here.x + 1, here.y, room, &text, style(theme.text));
    if here.height < LINES {
        return;
    }
    let (state, own) = match (&job.asked, &job.state) {
        (Some(_), _) => ("asks: Enter answers".to_string(), theme.warn),
        (_, State::Queued) => ("waits for its turn".into(), theme.dim),
        (_, State::Running) => (String::new(), theme.accent),
        (_, State::Waiting(why)) => (format!("waits: {why}"), theme.warn),
        (_, State::Done) => ("done".into(), theme.ok),
        (_, State::Failed(why)) => (why.clone(), theme.error),
        (_, State::Cancelled) => ("cancelled".into(), theme.dim),
    };
    let y = here.y + 1;
    let mut x = here.x + 3;
    let end = here.right().saturating_sub(1);
    if let Some(share) = job.share().filter(|_| !job.is_over() && job.state != State::Queued) {
        let wide = usize::from(here.width / 5).clamp(6, 20);
        x = put(buf, x, y, end.saturating_sub(x), &bar(share, wide), style(theme.accent));
        x = put(buf, x, y, end.saturating_sub(x), &format!(" {:3.0}%  ", share * 100.0), style(theme.text));
    }
    let mut words = Vec::new();
    if !state.is_empty() {
        words.push(state);
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
    let failed = job.failed.len();
    if failed > 0 {
        words.push(format!("{failed} failed"));
    }
    let own = if failed > 0 { theme.error } else { own };
    put_cut(
        buf,
        x,
        y,
        end.saturating_sub(x),
        &words.join(" · "),
        style(if job.is_over() || job.asked.is_some() { own } else { theme.dim }),
    );
}
