//! Owns the tab stops. Leaves out the cursor.

/// A stop every eight columns, until a program says otherwise (HTS, TBC).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tabs {
    stops: Vec<bool>,
}

impl Tabs {
    pub fn new(cols: usize) -> Tabs {
        let mut tabs = Tabs { stops: Vec::new() };
        tabs.resize(cols);
        tabs
    }
    /// Columns that come to have the usual stops.
    pub fn resize(&mut self, cols: usize) {
        let have = self.stops.len();
        self.stops.truncate(cols);
        self.stops.extend((have..cols).map(|c| c % 8 == 0));
    }
    pub fn set(&mut self, col: usize, on: bool) {
        if let Some(stop) = self.stops.get_mut(col) {
            *stop = on;
        }
    }
    pub fn clear(&mut self) {
        self.stops.fill(false);
    }
    /// The first stop right of a column, and before `end`.
    pub fn next(&self, col: usize, end: usize) -> Option<usize> {
        (col + 1..end.min(self.stops.len())).find(|c| self.stops.get(*c) == Some(&true))
    }
    /// The last stop left of a column, and not before `start`.
    pub fn back(&self, col: usize, start: usize) -> Option<usize> {
        (start..col.min(self.stops.len())).rev().find(|c| self.stops.get(*c) == Some(&true))
    }
    /// All stops, from 0.
    pub fn all(&self) -> impl Iterator<Item = usize> {
        self.stops.iter().enumerate().filter(|(_, on)| **on).map(|(i, _)| i)
    }
}
