//! Owns THE table of commands: name, doc, default keys, what is done. Keys, palette, which-key panel and help come
//! from it. Leaves out how keys are looked up (keymap).

mod files;
mod pane;
mod session;
mod show;
mod tab;

use super::app::{App, Effect};

pub struct Command {
    pub name: &'static str,
    /// One line, for help.
    pub doc: &'static str,
    /// After the prefix; `root KEY` would be without it (none is taken by default).
    pub keys: &'static [&'static str],
    /// While a pane's history is looked at (and not by the wheel), without the prefix.
    pub back: &'static [&'static str],
    /// For half a second its keys work again without the prefix.
    pub repeat: bool,
    pub run: fn(&mut App) -> Vec<Effect>,
}

const fn c(
    name: &'static str,
    doc: &'static str,
    keys: &'static [&'static str],
    run: fn(&mut App) -> Vec<Effect>,
) -> Command {
    Command { name, doc, keys, back: &[], repeat: false, run }
}
const fn again(
    name: &'static str,
    doc: &'static str,
    keys: &'static [&'static str],
    run: fn(&mut App) -> Vec<Effect>,
) -> Command {
    Command { name, doc, keys, back: &[], repeat: true, run }
}
const fn back(
    name: &'static str,
    doc: &'static str,
    keys: &'static [&'static str],
    back: &'static [&'static str],
    run: fn(&mut App) -> Vec<Effect>,
) -> Command {
    Command { name, doc, keys, back, repeat: false, run }
}

pub static COMMANDS: &[Command] = &[
    c("new-tab", "new tab with a shell on the same host", &["c"], tab::new),
    c("new", "new: shell, command, target, port, container, telnet", &["C", "+"], tab::start),
    c("next-tab", "next tab", &["n"], tab::next),
    c("previous-tab", "previous tab", &["p"], tab::previous),
    c("last-tab", "the tab looked at before", &["Tab"], tab::last),
    c("rename-tab", "rename the tab", &[","], tab::rename),
    c("close-tab", "close the tab, ending what runs in it", &["&"], tab::close),
    c("go-to-tab", "go to a tab by number or name", &["'"], tab::ask),
    c("pick-tab", "choose among the tabs", &["w", "f"], show::pick_tab),
    c("split-right", "split side by side", &["%", "|"], pane::split_right),
    c("split-down", "split one above the other", &["\"", "-"], pane::split_down),
    c("close-pane", "close the pane, ending what runs in it", &["x"], pane::close),
    c("detach-pane", "take the pane away; its session goes on", &["D"], pane::detach),
    c("zoom", "the pane alone on the screen, and back", &["z"], pane::zoom),
    c("next-pane", "next pane", &["o"], pane::next),
    c("last-pane", "the pane looked at before", &[";"], pane::last),
    c("number-panes", "show the panes' numbers: a digit goes there", &["q"], pane::numbers),
    again("focus-left", "go to the pane on the left", &["Left"], pane::left),
    again("focus-right", "go to the pane on the right", &["Right"], pane::right),
    again("focus-up", "go to the pane above", &["Up"], pane::up),
    again("focus-down", "go to the pane below", &["Down"], pane::down),
    c("move-left", "go to the pane on the left", &["h"], pane::left),
    c("move-down", "go to the pane below", &["j"], pane::down),
    c("move-up", "go to the pane above", &["k"], pane::up),
    c("move-right", "the pane on the right; where there is none, the last tab", &["l"], pane::right_or_last_tab),
    again("resize-left", "move the border left", &["C-Left"], pane::shrink_left),
    again("resize-right", "move the border right", &["C-Right"], pane::grow_right),
    again("resize-up", "move the border up", &["C-Up"], pane::shrink_up),
    again("resize-down", "move the border down", &["C-Down"], pane::grow_down),
    again("resize-left-5", "move the border left by 5", &["M-Left"], pane::shrink_left_5),
    again("resize-right-5", "move the border right by 5", &["M-Right"], pane::grow_right_5),
    again("resize-up-5", "move the border up by 5", &["M-Up"], pane::shrink_up_5),
    again("resize-down-5", "move the border down by 5", &["M-Down"], pane::grow_down_5),
    c("swap-back", "swap with the pane before", &["{"], pane::swap_back),
    c("swap-on", "swap with the next pane", &["}"], pane::swap_on),
    c("rotate", "every pane moves on by one place", &["C-o"], pane::rotate),
    c("break-pane", "the pane becomes a tab", &["!"], pane::break_out),
    c("join-pane", "take a pane, session or host in, side by side", &["@"], pane::join),
    c("join-below", "the same, one above the other", &["_"], pane::join_below),
    c("next-layout", "next of the even layouts", &["Space"], pane::next_layout),
    c("even-out", "give all panes the same room", &["E"], pane::even_out),
    c("tab-1", "tab 1", &["1"], |a| tab::go(a, 0)),
    c("tab-2", "tab 2", &["2"], |a| tab::go(a, 1)),
    c("tab-3", "tab 3", &["3"], |a| tab::go(a, 2)),
    c("tab-4", "tab 4", &["4"], |a| tab::go(a, 3)),
    c("tab-5", "tab 5", &["5"], |a| tab::go(a, 4)),
    c("tab-6", "tab 6", &["6"], |a| tab::go(a, 5)),
    c("tab-7", "tab 7", &["7"], |a| tab::go(a, 6)),
    c("tab-8", "tab 8", &["8"], |a| tab::go(a, 7)),
    c("tab-9", "tab 9", &["9"], |a| tab::go(a, 8)),
    c("tab-10", "tab 10; where there is none, the first", &["0"], tab::tenth),
    c("detach", "leave; everything goes on", &["d"], session::detach),
    c("rename-session", "rename the session", &["$"], session::rename),
    c("reconnect", "connect the host again now", &["R"], session::reconnect),
    c("reconnect-all", "connect all hosts that are away again now", &[], session::reconnect_all),
    c("act", "act on the pane's serial port, container or telnet host", &["a"], session::act),
    c("start-again", "start what the pane showed again, as it was", &[], session::start_again),
    c("start-again-all", "start all again that a restart of their machine has ended", &[], session::start_all_again),
    c("update-agent", "put this build's agent on the host, go over to it", &[], session::update_agent),
    c("without-agent", "connect the host over plain SSH, without an agent", &[], session::without_agent),
    c("hosts-back", "how the hosts of this window come back", &[], session::hosts_back),
    c("drop-input", "drop what was typed while the link is down", &["Delete"], session::drop_input),
    c("send-prefix", "send the prefix key to the program", &[], session::send_prefix),
    c("paste", "paste what was copied last", &["]"], session::paste),
    c("scroll", "look back into the history", &["["], session::scroll),
    c("scroll-up", "look back by a page", &["PageUp"], session::scroll_page),
    back("find-back", "look for a pattern, back into the history", &["/"], &["?"], session::find_back),
    back("find-on", "look for a pattern, onwards from what is seen", &[], &["/"], session::find_on),
    back("next-match", "the next line with what was looked for", &[], &["n"], session::next_match),
    back("previous-match", "the same, the other way", &[], &["N"], session::previous_match),
    back("previous-prompt", "back to the shell's prompt before", &[], &["{"], session::previous_prompt),
    back("next-prompt", "on to the shell's next prompt", &[], &["}"], session::next_prompt),
    c("tree", "show, go to or hide the tree", &["b", "e"], show::tree),
    c("go-to", "go to anything: hosts, sessions, tabs", &["g"], show::go_to),
    c("pick-session", "choose among the sessions", &["s"], show::pick_session),
    c("monitor", "how it stands with the host and the link to it", &["M"], show::monitor),
    c("files", "browse files: two columns, of any hosts", &["F"], files::browse),
    c("copies", "what is being copied, and what was", &[], files::copies),
    c("paste-file", "paste the path of a file made of the clipboard", &["C-v"], files::paste),
    c("containers", "containers of the host: open, start, stop", &[], show::containers),
    c("ports", "forwards of the host, and what listens there", &["P"], show::ports),
    c("palette", "search the commands", &[":", "C-p"], show::palette),
    c("help", "list keys and commands", &["?"], show::help),
    c("redraw", "draw everything anew", &["r"], show::redraw),
    c("suspend", "stop thub for a while (fg brings it back)", &["C-z"], show::suspend),
];

pub fn by_name(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|c| c.name == name)
}

/// What a key does while a pane's history is looked at.
pub fn while_looking_back(key: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|c| c.back.contains(&key))
}

/// Its place in the table.
pub fn index_of(command: &Command) -> usize {
    COMMANDS.iter().position(|c| c.name == command.name).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_once_and_plain() {
        for (i, c) in COMMANDS.iter().enumerate() {
            assert_eq!(index_of(c), i, "{} is there twice", c.name);
            assert!(c.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", c.name);
            assert!(!c.doc.is_empty() && c.doc.len() < 60, "{}", c.doc);
        }
    }
}
