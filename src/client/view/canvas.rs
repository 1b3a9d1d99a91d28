//! Owns what the outer terminal shows and what it was drawn from: whether a frame is drawn whole, or only the rows of
//! panes that are others than they were; and finding what scrolled.
//! Leaves out drawing (the other views) and the bytes (`out`).
//!
//! Drawn whole is always right. The short way is taken only where nothing came since the last frame but output
//! (`App::dirty` says so), and where every pane that has some shows nothing but its cells, then and now. A row counts as
//! unchanged while its stamp (`Engine::row_stamp`) is the one it had.

use super::out::{Shift, Writer};
use super::pane;
use crate::client::app::{App, Frame};
use crate::client::layout::PaneId;
use crate::client::pane::Pane;
use crate::proto::ids::Size;
use crate::term::screen::CursorShape;
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// The screen as it was drawn last.
#[derive(Default)]
pub struct Canvas {
    /// What the terminal shows; none before the first frame.
    shown: Option<Buffer>,
    /// Where the next frame is drawn, and which of its rows are those of `shown`.
    next: Buffer,
    synced: Vec<bool>,
    frame: Option<Frame>,
    focus: Option<PaneId>,
    panes: Vec<Painted>,
    /// Of every pane's program: they show in borders, tabs and the tree.
    titles: Vec<String>,
    /// Which rows the frame being drawn touched.
    rows: Vec<bool>,
    shifts: Vec<Shift>,
}

/// A pane as it was drawn.
#[derive(Default, Debug)]
struct Painted {
    id: Option<PaneId>,
    inner: Rect,
    generation: u64,
    /// Of its rows; empty unless it showed its cells and nothing else.
    stamps: Vec<u64>,
}

impl Canvas {
    /// Draws what the app shows now and appends to `out` what makes the terminal show it. `whole`: nothing is known of
    /// the terminal, or of what was drawn.
    pub fn draw(&mut self, app: &App, theme: &Theme, size: Size, whole: bool, writer: &mut Writer, out: &mut Vec<u8>) {
        let area = Rect::new(0, 0, size.cols, size.rows);
        let mut prev = self.shown.take().filter(|shown| shown.area == area && !whole);
        self.shifts.clear();
        if let Some(prev) = &mut prev
            && !app.dirty
            && self.only_output(app)
        {
            let cursor = self.patch(app, prev);
            let said = |y: u16| {
                let scrolled = self.shifts.iter().any(|s| (s.area.y..s.area.bottom()).contains(&y));
                scrolled || self.rows.get(usize::from(y)) == Some(&true)
            };
            teach_links(app, &self.next, writer, said);
            writer.update(prev, &self.next, &self.shifts, Some(&mut self.rows), cursor, out);
            copy_rows(&self.next, prev, &self.rows);
        } else {
            self.next.resize(area);
            self.next.reset();
            let cursor = super::draw(app, theme, &mut self.next);
            self.remember(app);
            teach_links(app, &self.next, writer, |_| true);
            match &mut prev {
                Some(prev) => writer.update(prev, &self.next, &self.shifts, None, cursor, out),
                None => writer.emit(None, &self.next, cursor, out),
            }
            let old = prev.replace(std::mem::take(&mut self.next));
            self.next = old.unwrap_or_default();
            self.synced.clear();
            self.synced.resize(usize::from(area.height), false);
        }
        self.shown = prev;
    }

    /// What the terminal shows: none before the first frame.
    pub fn shown(&self) -> Option<&Buffer> {
        self.shown.as_ref()
    }

    /// Whether the short way gives what drawing all would give.
    fn only_output(&self, app: &App) -> bool {
        let frame = app.frame();
        let covered = !app.layers.is_empty()
            || app.sequence.is_some()
            || (app.message.is_some() && frame.status.is_none())
            || (frame.drawer && frame.tree.is_some())
            || (frame.tree.is_some() && app.detailed().is_some());
        let titles = app.panes.values().map(|pane| pane.engine.title());
        if covered || !titles.eq(&self.titles) || self.frame != Some(frame) || self.focus != app.tabs.focused() {
            return false;
        }
        let mut painted = self.panes.iter();
        let known = pane::shown_panes(app).all(|(pane, inner)| {
            painted.next().is_some_and(|was| {
                was.id == Some(pane.id)
                    && was.inner == inner
                    && (was.generation == pane.engine.generation()
                        || (!was.stamps.is_empty() && pane::is_plain(app, pane, inner)))
            })
        });
        known && painted.next().is_none()
    }

    /// Draws the rows that are others than they were, over what `prev` shows.
    fn patch(&mut self, app: &App, prev: &Buffer) -> Option<(Position, CursorShape)> {
        self.next.resize(prev.area);
        self.rows.clear();
        self.rows.resize(usize::from(prev.area.height), false);
        for ((pane, inner), was) in pane::shown_panes(app).zip(&mut self.panes) {
            let generation = pane.engine.generation();
            if was.generation == generation {
                continue;
            }
            was.generation = generation;
            let stamps = stamps_of(pane);
            let shift = shift_of(inner, &was.stamps, &stamps);
            if let Some(shift) = shift {
                (shift.area.y..shift.area.bottom()).for_each(|y| sync_row(prev, &mut self.next, &mut self.synced, y));
                self.shifts.push(shift);
            }
            let up = shift.map_or(0, |shift| shift.up);
            let others = (0..inner.height).zip(stamps.iter().zip(&was.stamps)).filter(|(_, (new, old))| new != old);
            for (row, (new, _)) in others {
                let y = inner.y + row;
                sync_row(prev, &mut self.next, &mut self.synced, y);
                // what moved was drawn already
                let before = u16::try_from(i32::from(row) + up).ok();
                let before = before.filter(|before| was.stamps.get(usize::from(*before)) == Some(new));
                match before {
                    Some(before) => copy_cells(prev, &mut self.next, inner, inner.y + before, y),
                    None => pane::draw_row(pane, inner, row, &mut self.next),
                }
                if let Some(touched) = self.rows.get_mut(usize::from(y)) {
                    *touched = true;
                }
            }
            was.stamps = stamps;
        }
        super::seen_cursor(app, app.frame(), pane::cursor(app)).filter(|(at, _)| prev.area.contains(*at))
    }

    /// After all was drawn: what of, and what scrolled since.
    fn remember(&mut self, app: &App) {
        self.frame = Some(app.frame());
        self.focus = app.tabs.focused();
        self.titles = app.panes.values().map(|pane| pane.engine.title().to_string()).collect();
        let before = std::mem::take(&mut self.panes);
        for (pane, inner) in pane::shown_panes(app) {
            let stamps = if pane::is_plain(app, pane, inner) { stamps_of(pane) } else { Vec::new() };
            if let Some(was) = before.iter().find(|was| was.id == Some(pane.id) && was.inner == inner) {
                self.shifts.extend(shift_of(inner, &was.stamps, &stamps));
            }
            self.panes.push(Painted { id: Some(pane.id), inner, generation: pane.engine.generation(), stamps });
        }
    }
}

/// Tells the writer where the links lead that it may come across in these rows.
fn teach_links(app: &App, next: &Buffer, writer: &mut Writer, rows: impl Fn(u16) -> bool) {
    if !writer.has_links() {
        return;
    }
    for (pane, inner) in pane::shown_panes(app) {
        pane::links(pane, inner, next, |number, uri| writer.learn(number, uri), &rows);
    }
}

fn stamps_of(pane: &Pane) -> Vec<u64> {
    (0..pane.engine.size().rows).map(|row| pane.engine.row_stamp(row)).collect()
}

/// Makes a row of `next` that of `shown`, once.
fn sync_row(shown: &Buffer, next: &mut Buffer, synced: &mut [bool], y: u16) {
    let Some(done) = synced.get_mut(usize::from(y)).filter(|done| !**done) else { return };
    *done = true;
    let stride = usize::from(shown.area.width);
    let row = usize::from(y) * stride..(usize::from(y) + 1) * stride;
    if let (Some(from), Some(to)) = (shown.content.get(row.clone()), next.content.get_mut(row)) {
        to.clone_from_slice(from);
    }
}

/// Copies the cells of `from`'s row to another row of `to`, as far as they are within `columns`.
fn copy_cells(from: &Buffer, to: &mut Buffer, columns: Rect, from_row: u16, to_row: u16) {
    let cells = |buf: &Buffer, y: u16| {
        let row = usize::from(y) * usize::from(buf.area.width);
        row + usize::from(columns.x)..row + usize::from(columns.right())
    };
    let (source, target) = (cells(from, from_row), cells(to, to_row));
    if let (Some(source), Some(target)) = (from.content.get(source), to.content.get_mut(target)) {
        target.clone_from_slice(source);
    }
}

fn copy_rows(from: &Buffer, to: &mut Buffer, which: &[bool]) {
    let stride = usize::from(from.area.width).max(1);
    let rows = from.content.chunks_exact(stride).zip(to.content.chunks_exact_mut(stride));
    for ((from, to), _) in rows.zip(which).filter(|(_, which)| **which) {
        to.clone_from_slice(from);
    }
}

fn shift_of(inner: Rect, old: &[u64], new: &[u64]) -> Option<Shift> {
    let (from, to, up) = scrolled(old, new)?;
    let (from, to) = (u16::try_from(from).ok()?, u16::try_from(to).ok()?);
    Some(Shift { area: Rect { y: inner.y + from, height: to - from, ..inner }, up })
}

/// The rows `from..to` that were scrolled, and by how many up (down, where negative): the way that explains most of those
/// that are others now. None where no row moved.
fn scrolled(old: &[u64], new: &[u64]) -> Option<(usize, usize, i32)> {
    if old.len() != new.len() {
        return None;
    }
    let first = old.iter().zip(new).position(|(o, n)| o != n)?;
    let last = old.iter().zip(new).rposition(|(o, n)| o != n)?;
    let (old, new) = (old.get(first..=last)?, new.get(first..=last)?);
    let (mut best, mut most) = (None, 0);
    for by in 1..old.len() {
        let (later_old, later_new) = (old.get(by..)?, new.get(by..)?);
        // each: what was there, what is here now, what was here
        for (was, is, here, sign) in [(later_old, new, old, 1), (old, later_new, later_old, -1)] {
            let moved = was.iter().zip(is).zip(here).enumerate();
            let mut moved = moved.filter(|(_, ((was, is), here))| was == is && is != here).map(|(i, _)| i);
            let Some(a) = moved.next() else { continue };
            let (count, b) = moved.fold((1, a), |(count, _), i| (count + 1, i));
            if count > most {
                most = count;
                // both ways the region reaches from the upper to the lower of the two places
                best = Some((first + a, first + b + by + 1, sign * i32::try_from(by).ok()?));
            }
        }
    }
    best
}

#[cfg(test)]
mod tests;
