//! Owns the table of the tree's keys: what each does, in words. Help, menus and the line at the tree's foot come from it.
//! Leaves out doing it (`keys.rs`).

use crate::client::keymap::{Deed, deed as d};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    Open,
    Beside,
    Below,
    New,
    Menu,
    Filter,
    Select,
    SelectNone,
    Shell,
    Start,
    End,
    EndAll,
    Serial,
    Monitor,
    Detail,
    Rename,
    NewFolder,
    Edit,
    Duplicate,
    Move,
    Delete,
    StepDown,
    StepUp,
    Import,
    Export,
    Browse,
    Fold,
    In,
    Out,
    Sort,
    Help,
    Leave,
}

/// All there is, but for moving up and down.
pub static DEEDS: &[Deed<Act>] = &[
    d(Act::Open, &["Enter", "o"], "open", "open it: a connection once more, a session, a host"),
    d(Act::Beside, &["|", "%"], "", "open it beside the focused pane"),
    d(Act::Below, &["-", "\""], "", "open it below the focused pane"),
    d(Act::New, &["a"], "new", "prepare a connection there"),
    d(Act::Menu, &[".", "F10"], "menu", "all that can be done with it"),
    d(Act::Filter, &["/"], "find", "find: show only what has what is typed"),
    d(Act::Select, &["t"], "select", "select it, or no more; then deeds are for all of them"),
    d(Act::SelectNone, &["T"], "", "select nothing"),
    d(Act::Fold, &["Space"], "", "fold or unfold what lies in it"),
    d(Act::Out, &["Left", "h"], "", "fold it; else to what it lies in"),
    d(Act::In, &["Right", "l"], "", "unfold it"),
    d(Act::Shell, &["n", "c"], "shell", "new shell on its host"),
    d(Act::Start, &["+"], "", "new on its host: shell, command, port, container"),
    d(Act::End, &["x"], "end", "end its sessions; let go of a host"),
    d(Act::EndAll, &["X"], "", "end all sessions of a host or connection"),
    d(Act::Serial, &["S"], "", "new serial session there"),
    d(Act::Monitor, &["M"], "", "how it stands with it: all gauges"),
    d(Act::Detail, &["v"], "view", "its panel: what it is and how it stands; or hide that"),
    d(Act::Rename, &["r"], "", "rename or edit it; connect a host again"),
    d(Act::Edit, &["e"], "", "edit a connection"),
    d(Act::Duplicate, &["y"], "", "duplicate a connection"),
    d(Act::NewFolder, &["A"], "", "make a folder"),
    d(Act::Move, &["m"], "", "move it to a folder"),
    d(Act::StepUp, &["K", "S-Up"], "", "one place up in its folder"),
    d(Act::StepDown, &["J", "S-Down"], "", "one place down in its folder"),
    d(Act::Delete, &["D", "Delete"], "", "delete connections and folders"),
    d(Act::Browse, &["f"], "files", "browse its files"),
    d(Act::Import, &["i"], "", "take over connections from a file"),
    d(Act::Export, &["E"], "", "write its connections to a file"),
    d(Act::Sort, &["s"], "", "by name, or as it is kept"),
    d(Act::Help, &["?", "F1"], "keys", "all keys"),
    d(Act::Leave, &["q", "Escape"], "", "back to the panes"),
];

/// The key that is shown for it.
pub fn key_of(act: Act) -> &'static str {
    DEEDS.iter().find(|d| d.act == act).map(Deed::key).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::keymap::{a_key_does_one_thing, act_of};

    #[test]
    fn a_key_of_the_tree_does_one_thing() {
        a_key_does_one_thing(DEEDS, &["j", "k", "g", "G", "Up", "Down", "PageUp", "PageDown", "Home", "End", "d"]);
        let act = |key| act_of(DEEDS, key);
        assert_eq!((act("S-Up"), act("Z"), key_of(Act::Delete)), (Some(Act::StepUp), None, "D"));
    }
}
