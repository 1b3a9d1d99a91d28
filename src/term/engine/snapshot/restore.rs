//! Owns the reading of what only a snapshot says: its private strings. What else is in it are standard sequences.
//! Nothing in them is believed: numbers are held within the screen, lists within their limits.

use crate::term::engine::cell::Cell;
use crate::term::engine::charset::{Charsets, Set};
use crate::term::engine::cluster;
use crate::term::engine::csi::Csi;
use crate::term::engine::graphics::{Apc, Placements};
use crate::term::engine::look::Pen;
use crate::term::engine::mode::{Flags, mouse_encoding, mouse_mode};
use crate::term::engine::osc::{Colors, Rgb};
use crate::term::engine::sgr;
use crate::term::engine::terminal::{Names, Page, Place, Saved, Terminal};
use crate::term::history::History;
use crate::term::marks::{Mark, MarkKind};
use crate::term::screen::Style;
use std::collections::VecDeque;

impl Terminal {
    /// Takes in one private string.
    pub fn restore_private(&mut self, fields: &[u8]) {
        let Ok(fields) = std::str::from_utf8(fields) else { return };
        let mut words = fields.split(';');
        let key = words.next().unwrap_or_default();
        let words: Vec<&str> = words.collect();
        let word = |i: usize| words.get(i).copied().unwrap_or_default();
        let rest = |i: usize| words.get(i..).unwrap_or_default().join(";");
        let number = |i: usize| word(i).parse::<usize>().unwrap_or(0);
        let is = |i: usize| word(i) == "1";
        let (rows, cols) = (self.rows(), self.cols());
        let numbers_alone: Option<Vec<u32>> = words.iter().map(|w| w.parse().ok()).collect();
        if numbers_alone.is_some_and(|n| self.restore_plain(key, &n)) {
            return;
        }
        match key {
            "p" => self.switch(is(0)),
            "g" => {
                let text = text(word(1));
                let look = {
                    self.dip();
                    self.look
                };
                // one character is said as itself
                if text.chars().nth(1).is_none() || text.len() > cluster::MOST {
                    return;
                }
                let cell = Cell::cluster(self.clusters.number(&text), look);
                self.put(cell, if number(0) == 2 { 2 } else { 1 });
                self.join = None;
            }
            "e" => {
                let look = self.erased();
                let (row, col) = (self.at.row, self.at.col);
                let row = self.page.grid.row_mut(row);
                row.reach(col + 1);
                if let Some(cell) = row.cells.get_mut(col) {
                    *cell = Cell::spacer(look);
                }
            }
            "w" => {
                for r in numbers::<usize>(word(0)).filter(|r| *r < rows) {
                    let row = self.page.grid.row_mut(r);
                    row.reach(cols);
                    row.wrapped = true;
                }
            }
            "m" => {
                let Some(kind) = word(2).bytes().next().and_then(MarkKind::of_letter) else { return };
                let time = word(4).parse().unwrap_or(0);
                let mark = Mark { line: 0, col: number(1) as u32, kind, exit: word(3).parse().ok(), time };
                if number(0) < rows {
                    self.page.grid.row_mut(number(0)).marks.push(mark);
                }
            }
            "i" => {
                if let Some(new) = Placements::from_fields(&words.join(";")) {
                    for placement in new.iter() {
                        self.page.placements.add(*placement);
                    }
                }
            }
            "k" => {
                let mut flags: VecDeque<u8> = numbers(word(0)).map(|n: u8| n & 31).take(Page::MOST_KEYS + 1).collect();
                self.page.keys = flags.pop_back().unwrap_or(0);
                self.page.keys_before = flags;
            }
            "s" => {
                let link = self.restored_link(word(8));
                self.page.saved = Saved {
                    place: Place { row: number(0).min(rows - 1), col: number(1).min(cols - 1), pending: is(2) },
                    origin: number(3) & 1 != 0,
                    kept: number(3) & 2 != 0,
                    charsets: charsets(word(4), word(5), word(6)),
                    pen: Pen { style: style(&rest(9)), protected: is(7), link },
                };
            }
            "o" => {
                self.flags = flags(word(0));
                self.saved_flags = flags(word(1));
            }
            "M" => {
                let mode = |i: usize| mouse_mode(number(i) as u16).unwrap_or_default();
                let encoding = |i: usize| mouse_encoding(number(i) as u16).unwrap_or_default();
                (self.mouse, self.encoding) = (mode(0), encoding(1));
                self.saved_mouse = (mode(2), encoding(3));
                self.saved_alt = is(4);
            }
            "x" => {
                if number(0) < number(1) && number(1) <= rows && number(2) < number(3) && number(3) <= cols {
                    (self.top, self.bottom, self.left, self.right) = (number(0), number(1), number(2), number(3));
                }
                self.cursor_style = number(4).min(6) as u16;
                (self.by_rectangle, self.guarded) = (is(5), is(6));
                self.level = number(7).clamp(61, 65) as u16;
                self.modify_other_keys = number(8).min(2) as u8;
                self.leveled = is(9);
            }
            "t" => {
                self.tabs.clear();
                for col in numbers(word(0)) {
                    self.tabs.set(col, true);
                }
            }
            "n" => self.charsets = charsets(word(0), word(1), word(2)),
            "T" => {
                // the one there was is pushed: the first is a fresh engine's
                let before = std::mem::replace(&mut self.names, Names { title: text(word(0)), icon: text(word(1)) });
                if self.restored_names && self.names_before.len() < Terminal::MOST_NAMES {
                    self.names_before.push(before);
                }
                self.restored_names = true;
            }
            "D" => self.directory = text(word(0)),
            "C" => {
                let before = std::mem::replace(&mut self.colors, restored_colors(&words));
                if self.restored_colors && self.colors_before.len() < Terminal::MOST_PENS {
                    self.colors_before.push(before);
                }
                self.restored_colors = true;
            }
            "P" if self.pens_before.len() < Terminal::MOST_PENS => {
                let link = self.restored_link(word(1));
                self.pens_before.push(Pen { style: style(&rest(2)), protected: is(0), link });
            }
            "I" => self.images.push((number(0) as u32, number(1) as u32, number(2) as u32)),
            "u" => {
                let mut apc = Apc::default();
                apc.feed(&unhex(word(0)));
                if let Some(command) = apc.finish() {
                    let _ = self.transfer.take(command);
                }
            }
            "h" => {
                let end = word(0).parse().unwrap_or(0).min(1 << 60);
                self.history = History::continuing(self.history.most_lines(), end, is(1), number(2));
            }
            "l" => {
                self.last = word(0).parse().ok().and_then(char::from_u32).filter(|c| *c != '\0');
                self.join = word(1).parse().ok().zip(word(2).parse().ok());
                self.joiner = is(3);
            }
            "c" => {
                self.at = Place { row: number(0).min(rows - 1), col: number(1).min(cols - 1), pending: is(2) };
            }
            _ => {}
        }
    }

    fn restored_link(&mut self, field: &str) -> u32 {
        let address = text(field);
        if address.is_empty() { 0 } else { self.looks.link(&address) }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter_map(|b| char::from(b).to_digit(16)).map(|d| d as u8).collect();
    digits.chunks_exact(2).map(|p| p.iter().fold(0, |n, d| n << 4 | d)).collect()
}

fn text(field: &str) -> String {
    let text = String::from_utf8_lossy(&unhex(field)).into_owned();
    text.chars().filter(|c| !c.is_control()).collect()
}

fn numbers<T: std::str::FromStr>(field: &str) -> impl Iterator<Item = T> {
    field.split(',').filter_map(|n| n.parse().ok())
}

fn flags(field: &str) -> Flags {
    let mut flags = Flags(0);
    for word in field.split(',') {
        let (private, digits) = word.strip_prefix('?').map_or((false, word), |d| (true, d));
        if let Some(flag) = digits.parse().ok().and_then(|n| Flags::of(n, private)) {
            flags.set(flag, true);
        }
    }
    flags
}

fn charsets(names: &str, gl: &str, single: &str) -> Charsets {
    let mut c = Charsets::default();
    for (set, name) in c.sets.iter_mut().zip(unhex(names)) {
        *set = Set::named(name);
    }
    c.gl = gl.parse().unwrap_or(0).min(3);
    c.single = single.parse().ok().filter(|n| *n <= 3);
    c
}

fn style(parameters: &str) -> Style {
    let mut style = Style::PLAIN;
    // more of them than one sequence has: the last ones are colours, which stand together
    if let Some((csi, _)) = Csi::read(format!("{parameters}m").as_bytes()) {
        sgr::apply(&mut style, &csi);
    }
    style
}

fn rgb(field: &str) -> Option<Rgb> {
    match *unhex(field) {
        [r, g, b] => Some((r, g, b)),
        _ => None,
    }
}

fn restored_colors(words: &[&str]) -> Colors {
    let mut c = Colors::default();
    let word = |i: usize| words.get(i).copied().unwrap_or_default();
    if let (Some(fg), Some(bg)) = (rgb(word(0)), rgb(word(1))) {
        c.outer = (fg, bg);
    }
    for pair in word(2).split(',') {
        if let Some((i, color)) = pair.split_once('=')
            && let (Ok(i), Some(color)) = (i.parse(), rgb(color))
        {
            c.palette.insert(i, color);
        }
    }
    for (slot, field) in c.dynamic.iter_mut().zip(word(3).split(',')) {
        *slot = rgb(field);
    }
    for (slot, field) in c.special.iter_mut().zip(word(4).split(',')) {
        *slot = rgb(field);
    }
    c
}
