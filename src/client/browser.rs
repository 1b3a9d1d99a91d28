//! Owns the two-column file browser as state: its columns, which of them has the keys, what is being typed. Leaves out
//! what its keys do (`app/files.rs`), drawing it (`view/browser.rs`) and the files themselves (`errands`).

pub mod column;
pub mod edits;
pub mod keys;
pub mod mode;
pub mod queue;
pub mod viewer;

use super::files::Whose;
use super::layer::field::Field;
use crate::proto::control::{FileName, FilePath};
use column::Column;

/// From this width on there is room for both columns beside each other.
pub const WIDE: u16 = 70;

pub struct Browser {
    pub columns: [Column; 2],
    /// Which of them has the keys.
    pub active: usize,
    /// The left column goes where the focused pane's shell goes.
    pub follow: bool,
    /// It was just opened: where the shell is was asked for, and nobody has moved since.
    pub settles: bool,
    /// It came back by itself: until then keys are thrown away, for they were meant for what was there before.
    pub calm: Option<std::time::Duration>,
    /// Where that was last.
    pub followed: Option<(Whose, String)>,
    /// A filter is being typed.
    pub typing: Option<Field>,
    /// The last click: which row of which column.
    pub clicked: Option<(usize, usize, std::time::Duration)>,
}

impl Browser {
    pub fn new(left: Whose, right: Whose) -> Browser {
        let column = |whose| Column::new(whose, FilePath::default());
        Browser {
            columns: [column(left), column(right)],
            active: 0,
            follow: false,
            settles: false,
            calm: None,
            followed: None,
            typing: None,
            clicked: None,
        }
    }

    pub fn here(&self) -> &Column {
        let [left, right] = &self.columns;
        if self.active == 0 { left } else { right }
    }
    pub fn here_mut(&mut self) -> &mut Column {
        let [left, right] = &mut self.columns;
        if self.active == 0 { left } else { right }
    }
    pub fn there(&self) -> &Column {
        let [left, right] = &self.columns;
        if self.active == 0 { right } else { left }
    }
    pub fn there_mut(&mut self) -> &mut Column {
        let [left, right] = &mut self.columns;
        if self.active == 0 { right } else { left }
    }

    /// The column that a listing belongs to; none = it is of a directory that was left.
    pub fn listing(&mut self, tag: u64) -> Option<&mut Column> {
        self.columns.iter_mut().find(|c| c.lists(tag))
    }
}

/// The directory that a path lies in; none = it is the root, or home before it is known which that is.
pub fn parent(path: &FilePath) -> Option<(FilePath, FileName)> {
    path.split()
}

/// `4.2K`, `31M`; bytes.
pub fn amount(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["", "K", "M", "G", "T", "P"] {
        if value < 999.5 || (unit.is_empty() && bytes < 1024) {
            let short = value < 9.95 && !unit.is_empty();
            return if short { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.0}E")
}

/// The same within a sentence: `42 bytes`, `31M`.
pub fn sized(bytes: u64) -> String {
    if bytes < 1024 { crate::text::count(bytes as usize, "byte") } else { amount(bytes) }
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn amounts_are_five_characters_at_most() {
        for (bytes, want) in
            [(0, "0"), (1023, "1023"), (1024, "1.0K"), (1 << 20, "1.0M"), (1000 << 10, "1.0M"), (31 << 20, "31M")]
        {
            assert_eq!(amount(bytes), want);
        }
        assert!([u64::MAX, 10_188, 10_239, 999_999, 1_048_575].iter().all(|b| amount(*b).len() <= 5));
    }
}
