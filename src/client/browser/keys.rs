//! Owns the table of the browser's keys: what each does, in words. Help comes from it. Leaves out doing it (`app/files.rs`).

use crate::client::keymap::{Deed, deed as d};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    Open,
    Up,
    Other,
    Select,
    SelectAll,
    Invert,
    Pattern,
    SelectNone,
    Hidden,
    Sort,
    Reverse,
    Filter,
    Copy,
    Move,
    Delete,
    MakeDir,
    Rename,
    Mode,
    View,
    Hex,
    Edit,
    Info,
    Host,
    GoTo,
    Home,
    Back,
    Bookmarks,
    Same,
    Yank,
    Shell,
    Queue,
    Follow,
    Again,
    Help,
    Close,
}

/// All there is, but for moving the cursor.
pub static DEEDS: &[Deed<Act>] = &[
    d(Act::Open, &["Enter", "l", "Right"], "open", "go into a directory, look at a file"),
    d(Act::Up, &["Backspace", "h", "Left", "C-h"], "", "to the directory it lies in"),
    d(Act::Other, &["Tab", "S-Tab"], "other side", "to the other column"),
    d(Act::Select, &["Space", "t", "Insert"], "select", "select it, or no more"),
    d(Act::Copy, &["c", "F5"], "copy", "copy what is selected to the other column"),
    d(Act::Move, &["m", "F6"], "move", "move it there"),
    d(Act::Rename, &["r", "S-F6"], "", "rename"),
    d(Act::MakeDir, &["n", "F7"], "new dir", "make a directory"),
    d(Act::Delete, &["D", "F8", "Delete"], "delete", "delete, directories with all in them"),
    d(Act::View, &["v", "F3"], "view", "look at it as text"),
    d(Act::Hex, &["x"], "", "look at its bytes"),
    d(Act::Edit, &["e", "F4"], "edit", "edit it with $VISUAL or $EDITOR"),
    d(Act::Info, &["i"], "", "what is known of it: owner, mode, times, room"),
    d(Act::Mode, &["p"], "", "set its permissions"),
    d(Act::Host, &["o", "@"], "host", "another host's files in this column"),
    d(Act::Bookmarks, &["b"], "", "bookmarks of this host"),
    d(Act::GoTo, &[":", "~", "C-l"], "", "go to a path"),
    d(Act::Home, &["H"], "", "go home"),
    d(Act::Back, &["-", "M-Left"], "", "back to where this column was before"),
    d(Act::Same, &["="], "", "the same directory in the other column"),
    d(Act::Yank, &["y"], "", "copy its path to the clipboard"),
    d(Act::Shell, &["!"], "", "open a shell in this directory"),
    d(Act::Follow, &["f"], "", "follow the shell's directory, or no more"),
    d(Act::Filter, &["/"], "filter", "only names with what is typed"),
    d(Act::Hidden, &["."], "", "show names with a dot, or no more"),
    d(Act::Sort, &["s"], "", "sort by name, size, time, kind"),
    d(Act::Reverse, &["S"], "", "the other way round"),
    d(Act::Pattern, &["+"], "", "select by a pattern: *.log"),
    d(Act::SelectAll, &["a", "C-a"], "", "select all"),
    d(Act::Invert, &["*"], "", "select what is not selected, and the other way round"),
    d(Act::SelectNone, &["T"], "", "select nothing"),
    d(Act::Again, &["R", "C-r"], "", "read the directory again"),
    d(Act::Queue, &["q"], "queue", "what is being copied, and what was"),
    d(Act::Help, &["?", "F1"], "help", "all keys"),
    d(Act::Close, &["Q", "Escape", "F10", "C-c"], "close", "close the browser; copies go on"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::keymap::{a_key_does_one_thing, act_of};

    #[test]
    fn a_key_of_the_browser_does_one_thing() {
        a_key_does_one_thing(DEEDS, &["j", "k", "g", "G", "Up", "Down", "PageUp", "PageDown", "Home", "End"]);
        let act = |key| act_of(DEEDS, key);
        assert_eq!((act("F5"), act("Z")), (Some(Act::Copy), None));
    }
}
