//! Owns the texts of cells that show more than one character: a letter with its marks, an emoji of several.
//! Leaves out which characters belong together.

use super::cell::Cell;
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// Bytes of a cluster; what goes beyond is dropped.
pub(in crate::term) const MOST: usize = 128;

#[derive(Default)]
pub(in crate::term) struct Clusters {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32, FixedState>,
    /// What a cell and a character joined to it became of late: cell and character as one number, cluster.
    steps: Vec<(u64, u32)>,
}

/// Steps remembered.
const STEPS: usize = 256;

/// A cell and a character as one number, and its place among the steps.
fn step(cell: Cell, c: char) -> (u64, usize) {
    let key = u64::from(cell.raw()) << 32 | u64::from(u32::from(c));
    (key, (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize)
}

impl Clusters {
    pub fn number(&mut self, text: &str) -> u32 {
        if let Some(n) = self.numbers.get(text) {
            return *n;
        }
        let n = self.texts.len() as u32;
        self.texts.push(text.into());
        self.numbers.insert(text.into(), n);
        n
    }
    /// The cluster that a cell and a character became before.
    #[inline]
    pub fn step(&self, cell: Cell, c: char) -> Option<u32> {
        let (key, slot) = step(cell, c);
        self.steps.get(slot).filter(|(k, _)| *k == key).map(|(_, n)| *n)
    }
    pub fn learn(&mut self, cell: Cell, c: char, number: u32) {
        if self.steps.is_empty() {
            self.steps.resize(STEPS, (u64::MAX, 0));
        }
        let (key, slot) = step(cell, c);
        if let Some(known) = self.steps.get_mut(slot) {
            *known = (key, number);
        }
    }
    #[inline]
    pub fn text(&self, n: u32) -> &str {
        self.texts.get(n as usize).map_or("", |t| t)
    }
    pub fn len(&self) -> usize {
        self.texts.len()
    }
    /// The cell in the next table.
    pub fn moved(&self, cell: Cell, new: &mut Clusters) -> Cell {
        match cell.cluster_index() {
            Some(n) => cell.with_cluster(new.number(self.text(n))),
            None => cell,
        }
    }
    /// Adds what a cell shows to a text: nothing for blanks and second halves.
    pub fn push(&self, cell: Cell, out: &mut String) {
        match (cell.one(), cell.cluster_index()) {
            (Some(c), _) => out.push(c),
            (None, Some(n)) => out.push_str(self.text(n)),
            (None, None) => {}
        }
    }
}
