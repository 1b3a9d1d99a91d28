//! Owns looking for something in a pane's history: the questions to the session, and where their answers lead.
//! Leaves out what is known of the answers (`client::find`).

use super::{App, Effect};
use crate::client::find::Find;
use crate::client::host::find::Found;
use crate::client::host::{HostCommand, HostId};
use crate::client::layer::Layer;
use crate::client::layout::PaneId;
use crate::proto::control::MarkInfo;
use crate::proto::ids::SessionId;
use crate::text::short;

impl App {
    /// Asks what to look for in the focused pane; it is looked back into, if it is not yet.
    pub fn ask_pattern(&mut self, down: bool, out: &mut Vec<Effect>) {
        let Some(id) = self.look_back(out) else { return };
        let title = if down { "find onwards (regular expression)" } else { "find back (regular expression)" };
        self.layers.push(Layer::search(id, down, title));
    }

    /// The focused pane, with its history in view.
    fn look_back(&mut self, out: &mut Vec<Effect>) -> Option<PaneId> {
        let id = self.tabs.focused()?;
        if self.panes.get(&id)?.scroll.is_none() {
            self.scroll(id, 0, false, out);
        }
        self.panes.get_mut(&id)?.scroll.as_mut()?.by_wheel = false;
        self.dirty = true;
        Some(id)
    }

    /// Looks for a pattern; an empty one is the one before. Without a capital letter in it case does not count.
    pub(super) fn search(&mut self, id: PaneId, down: bool, pattern: String, out: &mut Vec<Effect>) {
        let pattern = if pattern.is_empty() { self.sought.clone() } else { pattern };
        if pattern.is_empty() {
            return self.say("nothing was looked for yet");
        }
        self.next_tag += 1;
        let tag = self.next_tag;
        let Some(pane) = self.panes.get_mut(&id) else { return };
        let (Some(scroll), Some(session)) = (&mut pane.scroll, pane.session.clone()) else { return };
        scroll.find = Some(Find { tag, down, ..Find::default() });
        // what came after the view stood still is not to be seen in it
        let to = scroll.rows.last().map(|(n, _)| n + 1);
        let case = pattern.chars().any(char::is_uppercase);
        let ask = HostCommand::Search { session, tag, pattern: pattern.clone(), case, to };
        out.push(Effect::Host(pane.host.clone(), ask));
        self.sought = pattern;
        self.dirty = true;
    }

    /// A search was answered.
    pub(super) fn found(
        &mut self,
        host: &HostId,
        session: &SessionId,
        tag: u64,
        result: Result<Found, String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(id) = self.pane_of(host, session) else { return };
        let Some(scroll) = self.panes.get_mut(&id).and_then(|p| p.scroll.as_mut()) else { return };
        let Some(find) = scroll.find.as_mut().filter(|f| f.tag == tag) else { return };
        match result {
            Ok(found) => {
                let mut hits = found.hits;
                hits.sort_by_key(|h| h.line);
                (find.hits, find.more) = (Some(hits), found.more);
                self.show_found(id, out);
            }
            Err(why) => {
                scroll.find = None;
                self.say(short(&why, 200));
            }
        }
    }

    /// The first step, once both the hits and the view are there.
    pub(super) fn show_found(&mut self, id: PaneId, out: &mut Vec<Effect>) {
        let Some(scroll) = self.panes.get_mut(&id).and_then(|p| p.scroll.as_mut()) else { return };
        let due = |f: &mut Find| f.hits.is_some() && f.at.is_none();
        let Some(mut find) = scroll.find.take_if(|f| scroll.total.is_some() && due(f)) else { return };
        if let Some(hits) = &mut find.hits {
            hits.retain(|h| scroll.place(h.line).is_some());
        }
        let down = find.down;
        scroll.find = Some(find);
        self.step(id, down, out);
    }

    /// To the next line that matches, the way it was looked for, or back.
    pub fn next_match(&mut self, back: bool, out: &mut Vec<Effect>) {
        let Some(id) = self.tabs.focused() else { return };
        match self.panes.get(&id).and_then(|p| p.scroll.as_ref()?.find.as_ref()) {
            Some(find) => {
                let down = find.down != back;
                self.step(id, down, out);
            }
            None if self.sought.is_empty() => self.say("nothing was looked for yet"),
            // in another look back
            None => {
                if let Some(id) = self.look_back(out) {
                    self.search(id, back, String::new(), out);
                }
            }
        }
    }

    fn step(&mut self, id: PaneId, down: bool, out: &mut Vec<Effect>) {
        let rows = self.pane_size(id).rows;
        let Some(scroll) = self.panes.get_mut(&id).and_then(|p| p.scroll.as_mut()) else { return };
        let seen = scroll.seen(rows);
        let line = scroll.find.as_mut().and_then(|f| f.step(down, seen)).map(|h| (h.line, h.start));
        self.dirty = true;
        if let Some((line, column)) = line {
            scroll.show(line, column, rows);
            self.fetch_history(id, out);
        }
    }

    /// To the prompt before or after the top line. Where the prompts are is asked once in a look back.
    pub fn to_prompt(&mut self, up: bool, out: &mut Vec<Effect>) {
        let Some(id) = self.look_back(out) else { return };
        let Some(pane) = self.panes.get_mut(&id) else { return };
        let (Some(scroll), Some(session)) = (&mut pane.scroll, pane.session.clone()) else { return };
        if scroll.prompts.is_none() || scroll.total.is_none() {
            if scroll.prompts.is_none() && scroll.jump.is_none() {
                out.push(Effect::Host(pane.host.clone(), HostCommand::Marks { session }));
            }
            scroll.jump = Some(up);
            return;
        }
        scroll.jump = None;
        match scroll.prompt(up) {
            Some(line) => {
                scroll.move_to(line);
                self.fetch_history(id, out);
            }
            None if scroll.prompts.as_ref().is_some_and(Vec::is_empty) => {
                self.say("the shell marks no prompts here (OSC 133)");
            }
            None => self.say(if up { "no prompt before this one" } else { "no prompt after this one" }),
        }
    }

    /// The shell's marks are here.
    pub(super) fn marked(&mut self, host: &HostId, session: &SessionId, marks: &[MarkInfo], out: &mut Vec<Effect>) {
        let Some(id) = self.pane_of(host, session) else { return };
        let Some(scroll) = self.panes.get_mut(&id).and_then(|p| p.scroll.as_mut()) else { return };
        let mut lines: Vec<u64> = marks.iter().filter(|m| m.kind == MarkInfo::PROMPT).map(|m| m.line).collect();
        lines.sort_unstable();
        lines.dedup();
        scroll.prompts = Some(lines);
        self.jump_due(id, out);
    }

    /// A jump that waited, once both the prompts and the view are there.
    pub(super) fn jump_due(&mut self, id: PaneId, out: &mut Vec<Effect>) {
        let Some(scroll) = self.panes.get(&id).and_then(|p| p.scroll.as_ref()) else { return };
        if let Some(up) = scroll.jump
            && scroll.prompts.is_some()
            && scroll.total.is_some()
            && self.tabs.focused() == Some(id)
        {
            self.to_prompt(up, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Bench;
    use super::*;
    use crate::client::host::HostEvent;
    use crate::proto::control::Hit;

    fn session() -> SessionId {
        "s1".parse().unwrap()
    }
    /// Fifty lines above "live" and a prompt, looked back into.
    fn looking_back() -> Bench {
        let mut s = Bench::full(60, 12);
        s.output("local", "s1", "live\r\n$ ");
        s.keys("C-b [");
        history(&mut s, Vec::new());
        history(&mut s, (0..50).map(|n| format!("line {n}")).collect());
        s.take();
        s
    }
    fn history(s: &mut Bench, lines: Vec<String>) {
        s.host("local", HostEvent::History { session: session(), from: 0, total: 50, lines, open: false });
    }
    /// The search that is asked for.
    fn asked(s: &mut Bench) -> (u64, String, bool, Option<u64>) {
        let asked = s.take().into_iter().find_map(|e| match e {
            Effect::Host(_, HostCommand::Search { tag, pattern, case, to, .. }) => Some((tag, pattern, case, to)),
            _ => None,
        });
        asked.expect("a search")
    }
    fn answer(s: &mut Bench, tag: u64, lines: &[u64], more: bool) {
        let hit = |n: &u64| Hit { line: *n, start: 0, end: 4, ..Hit::default() };
        let found = Found { hits: lines.iter().rev().map(hit).collect(), more };
        s.host("local", HostEvent::Found { session: session(), tag, result: Ok(found) });
    }
    /// Rows of the pane.
    fn rows(s: &Bench) -> Vec<String> {
        s.screen().lines().skip(1).take(10).map(str::to_string).collect()
    }

    #[test]
    fn what_is_looked_for_is_gone_to_and_counted() {
        let mut s = looking_back();
        s.keys("? 'line");
        assert!(s.screen().contains("find back"), "{}", s.screen());
        s.keys("Enter");
        let (tag, pattern, case, to) = asked(&mut s);
        assert_eq!((pattern.as_str(), case), ("line", false), "without a capital case does not count");
        assert!(to.is_some_and(|to| to > 50), "as far as what is shown: {to:?}");
        assert!(rows(&s)[0].contains("searching  0/50"), "{}", s.screen());
        answer(&mut s, tag, &[3, 20, 40], false);
        // the newest first, in the middle of ten rows
        assert!(rows(&s)[0].starts_with("line 35") && rows(&s)[0].ends_with("3 of 3  15/50"), "{}", s.screen());
        assert_eq!(rows(&s)[5], "line 40");
        s.keys("n");
        assert!(rows(&s)[0].contains("2 of 3") && rows(&s)[5] == "line 20", "{}", s.screen());
        s.keys("N N");
        assert!(rows(&s)[0].contains("1 of 3") && rows(&s)[3] == "line 3", "round the end: {}", s.screen());
        // onwards, with a capital
        s.keys("/ 'Line Enter");
        let (tag, _, case, _) = asked(&mut s);
        assert!(case);
        // an answer to the question before is none to this one
        answer(&mut s, tag - 1, &[7], false);
        assert!(rows(&s)[0].contains("searching"), "{}", s.screen());
        answer(&mut s, tag, &[], false);
        assert!(rows(&s)[0].contains("no match"), "{}", s.screen());
        s.keys("n");
        assert!(rows(&s)[0].contains("no match"), "{}", s.screen());
        // nothing typed: what was looked for last
        s.keys("/ Enter");
        assert_eq!(asked(&mut s).1, "Line");
        assert!(s.typed().is_empty(), "nothing of it was for the program");
        s.keys("q a");
        assert_eq!(s.typed(), ["s1 a"]);
    }

    #[test]
    fn found_in_what_is_shown_and_marked_there() {
        let mut s = looking_back();
        s.keys("/ 'live Enter");
        let (tag, ..) = asked(&mut s);
        // the screen's first line is the history's next; the last is of a time that is not shown
        answer(&mut s, tag, &[50, 90], true);
        assert!(rows(&s)[0].starts_with("live") && rows(&s)[0].contains("1 of 1+  0/50"), "{}", s.screen());
        let (buffer, _) = s.buffer();
        let theme = crate::theme::Theme::default();
        let of = |x: u16| buffer.cell((x, 1)).unwrap().style();
        assert_eq!((of(0), of(3)), (of(0).patch(theme.selection), of(0)), "four characters");
        assert_ne!(of(4), of(3));
    }

    #[test]
    fn a_search_from_anywhere_waits_for_the_view() {
        let mut s = Bench::full(60, 12);
        s.output("local", "s1", "live");
        s.take();
        s.keys("C-b / 'x Enter");
        let (tag, _, _, to) = asked(&mut s);
        assert_eq!(to, None);
        answer(&mut s, tag, &[10], false);
        history(&mut s, Vec::new());
        assert!(rows(&s)[0].contains("1 of 1  45/50"), "{}", s.screen());
        // a pattern that is none
        s.keys("? '( Enter");
        let (tag, ..) = asked(&mut s);
        let why = "'(' is no regular expression: unclosed group".to_string();
        s.host("local", HostEvent::Found { session: session(), tag, result: Err(why) });
        assert!(s.screen().contains("unclosed group") && !rows(&s)[0].contains("searching"), "{}", s.screen());
        s.keys("Escape n");
        assert_eq!(s.typed(), ["s1 n"], "without a look back it is a letter");
    }

    #[test]
    fn from_prompt_to_prompt() {
        let mut s = looking_back();
        let marks = |lines: &[u64]| {
            let mark = |n: &u64| MarkInfo { line: *n, kind: MarkInfo::PROMPT.into(), ..MarkInfo::default() };
            let mut marks: Vec<MarkInfo> = lines.iter().map(mark).collect();
            marks.push(MarkInfo { line: 30, kind: MarkInfo::END.into(), ..MarkInfo::default() });
            HostEvent::Marks { session: session(), marks }
        };
        s.keys("{");
        let ask = Effect::Host(HostId::local(), HostCommand::Marks { session: session() });
        assert_eq!(s.take(), std::slice::from_ref(&ask));
        s.host("local", marks(&[5, 25, 51]));
        assert!(rows(&s)[0].starts_with("line 25"), "{}", s.screen());
        s.keys("{");
        assert!(rows(&s)[0].starts_with("line 5"), "{}", s.screen());
        s.keys("{");
        assert!(rows(&s)[0].starts_with("line 5") && s.screen().contains("no prompt before"), "{}", s.screen());
        s.keys("}");
        assert!(rows(&s)[0].starts_with("line 25"), "{}", s.screen());
        s.keys("}");
        assert!(rows(&s)[0].starts_with("live"), "the screen as it is: {}", s.screen());
        assert!(!s.take().contains(&ask), "asked once");
        // a shell that marks nothing
        s.keys("q C-b [ {");
        history(&mut s, Vec::new());
        s.host("local", marks(&[]));
        assert!(s.screen().contains("marks no prompts"), "{}", s.screen());
    }
}
