//! Owns what happens to rows that fall off the top of the screen: they become history.
//! Leaves out how history is kept.

use crate::term::history::History;
use vt100::capture::{BasicFormattedCaptureState, RowContents};

/// vt100's callbacks; all but scrolling is done before vt100 sees a byte.
#[derive(Debug)]
pub(super) struct Scroll {
    pub history: History,
    row: String,
}

impl Scroll {
    pub fn new(history: History) -> Scroll {
        Scroll { history, row: String::new() }
    }
}

impl vt100::Callbacks for Scroll {
    fn on_scroll(&mut self, contents: RowContents<'_>, alternate_screen: bool) {
        if alternate_screen {
            return;
        }
        self.row.clear();
        let mut state = BasicFormattedCaptureState::new();
        let _ = contents.write_formatted_basic(&mut self.row, &mut state);
        // the row ends with its last cell's pen
        if self.row.rfind('\u{1b}').is_some_and(|i| !self.row.get(i..).unwrap_or("").starts_with("\u{1b}[m")) {
            self.row.push_str("\u{1b}[m");
        }
        // vt100 doesn't tell whether the row is wrapped, but its writer starts the next one with a newline if not
        let mut first = FirstIsNewline(false);
        let _ = contents.write_formatted_basic(&mut first, &mut state);
        self.history.push_row(&self.row, !first.0);
    }
}

/// Looks at the first character written and refuses the rest.
struct FirstIsNewline(bool);

impl std::fmt::Write for FirstIsNewline {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        self.0 = s.starts_with('\n');
        Err(std::fmt::Error)
    }
}
