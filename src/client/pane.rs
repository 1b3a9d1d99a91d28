//! Owns a pane: what is known of the session it shows, its screen, where it is scrolled to, what is selected.
//! Leaves out where it lies (layout) and how it is drawn (view).

use super::find::Find;
use super::host::HostId;
use super::host::attached::Waiting;
use super::layout::PaneId;
use super::predict::Predictor;
use crate::proto::control::{SessionCreate, SessionInfo};
use crate::proto::ids::{Offset, SessionId, Size};
use crate::proto::notice::SessionExited;
use crate::term::engine::Engine;
use crate::term::screen::{Modes, MouseMode, Style};
use std::collections::BTreeMap;
use std::time::Duration;

/// How far a pane is in showing its session.
#[derive(Clone, PartialEq, Debug)]
pub enum Stage {
    /// Waits for its host, for the session's creation or for the attach.
    Starting,
    Live,
    Exited(SessionExited),
    /// Shows no session: why (lines, escaped), and whether the session is known to have ended.
    Gone {
        why: String,
        ended: bool,
    },
}

/// A prepared connection a pane was opened with.
#[derive(Clone, PartialEq, Debug)]
pub struct Prepared {
    pub id: String,
    /// Escaped.
    pub name: String,
}

pub struct Pane {
    pub id: PaneId,
    pub host: HostId,
    pub session: Option<SessionId>,
    /// What it is to show, or showed a session of: nothing else takes its place.
    pub prepared: Option<Prepared>,
    /// The same for what no connection is kept for: it is tried again as it was wanted.
    pub once: Option<Box<SessionCreate>>,
    /// Its session is one over plain SSH, opened on this host. It lives on this machine: while that host is reached in another
    /// way, `host` is this machine; opened as this machine's, both are.
    pub plain: Option<HostId>,
    pub stage: Stage,
    /// Started here as a plain shell: it closes with its shell.
    pub shell: bool,
    pub watch: bool,
    pub info: Option<Box<SessionInfo>>,
    pub engine: Engine,
    /// Output taken in, up to here.
    pub seen: Offset,
    /// Output has been taken in that the sender was not told of yet.
    pub fed: bool,
    /// A whole screen came that was not drawn yet.
    pub restored: bool,
    /// A screen of its session has come at least once.
    pub shown_once: bool,
    /// The tag of the creation this pane waits for.
    pub tag: Option<u64>,
    /// Typed before the session was there.
    pub ahead: Vec<u8>,
    /// Typed while the link is down, and not sent.
    pub held: Vec<u8>,
    /// Bytes typed since its host, which has no agent, fell silent: on their way, and not to be called back.
    pub afloat: usize,
    /// Of what was typed, what the session has not applied yet.
    pub waiting: Waiting,
    /// What its keys are going to show.
    pub predict: Predictor,
    /// Flags of the session's terminal (`proto::frame::tty`).
    pub tty: u8,
    /// Something to be read that belongs to this pane, and since when it is there.
    pub note: Option<(Duration, String)>,
    pub scroll: Option<Scroll>,
    pub selection: Option<Selection>,
    /// The size asked for last, and when.
    pub asked: Option<Size>,
    pub asked_at: Duration,
    pub typed_at: Option<Duration>,
    /// The program holds back drawing (mode 2026) since then.
    pub sync_since: Option<Duration>,
}

/// A cell that outlives its engine.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedCell {
    pub text: String,
    pub width: u8,
    pub style: Style,
}

/// A look back: history above a screen that stands still.
#[derive(Default)]
pub struct Scroll {
    /// Entered by the wheel: any key leaves and is typed.
    pub by_wheel: bool,
    /// Rows scrolled up.
    pub up: u64,
    /// Wanted once the history's length is known.
    pub wanted: u64,
    /// Lines of history there are; `None` = asked, not answered.
    pub total: Option<u64>,
    /// The screen as it was when the answer came.
    pub frozen: Vec<Vec<OwnedCell>>,
    /// Lines before this one are kept nowhere any more.
    pub floor: u64,
    /// Lines of history by number.
    pub lines: BTreeMap<u64, String>,
    /// Already asked for, `from..to`.
    pub asked: Option<(u64, u64)>,
    /// Of each row of `frozen`: the number of its line, and that line's characters before it.
    pub rows: Vec<(u64, usize)>,
    /// What is looked for.
    pub find: Option<Find>,
    /// Lines of the shell's prompts, oldest first; None = not asked for, or not answered.
    pub prompts: Option<Vec<u64>>,
    /// To a prompt (up or down), once it is known where they are.
    pub jump: Option<bool>,
}

/// Lines fetched at once.
pub const FETCH: u64 = 200;
/// Lines of history kept while scrolled.
const KEEP: usize = 20_000;

impl Scroll {
    /// Moves by `rows` (up is positive), as far as there is history.
    pub fn by(&mut self, rows: i64) {
        let most = self.total.map_or(u64::MAX, |t| t.saturating_sub(self.floor));
        self.up = self.up.saturating_add_signed(rows).min(most);
    }

    /// The range to ask for so that the view of `rows` rows is whole, with some in reserve above.
    pub fn missing(&self, rows: u64) -> Option<(u64, u64)> {
        let total = self.total?;
        let top = total - self.up.min(total);
        let bottom = (top + rows).min(total);
        let top = top.max(self.floor);
        let hole = (top..bottom.max(top)).rev().find(|n| !self.lines.contains_key(n));
        let to = match hole {
            Some(n) => n + 1,
            None => {
                let first = (self.floor..top).rev().take(FETCH as usize / 2).find(|n| !self.lines.contains_key(n))?;
                first + 1
            }
        };
        let range = (to.saturating_sub(FETCH).max(self.floor), to);
        (self.asked != Some(range)).then_some(range)
    }

    pub fn keep(&mut self, from: u64, lines: Vec<String>) {
        // what was asked for and did not come is not there: it must not be asked for again and again
        // (the answer to what was asked for before may come only now: it says nothing of what is asked for since)
        let end = from.saturating_add(lines.len() as u64);
        let answers = |(asked, to): &(u64, u64)| lines.is_empty() || (from >= *asked && end <= *to);
        if let Some((asked, to)) = self.asked.take_if(|range| answers(range)) {
            let first = if lines.is_empty() { to } else { from };
            if first > asked {
                self.floor = self.floor.max(first.min(to));
            }
            for n in end..to {
                self.lines.insert(n, String::new());
            }
            self.by(0);
        }
        for (n, line) in (from..).zip(lines) {
            self.lines.insert(n, line);
        }
        while self.lines.len() > KEEP {
            self.lines.pop_last();
        }
    }
}

/// A selection: cells from one point to another, in reading order. A line is counted from the top of the screen
/// (0); those of history are negative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selection {
    pub from: (i64, u16),
    pub to: (i64, u16),
}

impl Selection {
    fn ordered(&self) -> ((i64, u16), (i64, u16)) {
        if self.from <= self.to { (self.from, self.to) } else { (self.to, self.from) }
    }
    pub fn contains(&self, line: i64, col: u16) -> bool {
        let (a, b) = self.ordered();
        (line, col) >= a && (line, col) <= b
    }
}

/// One line of history, parsed.
pub fn parse_line(line: &str) -> Vec<OwnedCell> {
    let cols = line.chars().count().clamp(1, usize::from(Size::MAX_SIDE)) as u16;
    let mut engine = blank(Size::new(cols, 2));
    engine.feed(line.as_bytes(), &mut Vec::new());
    let mut row = row_of(&engine, 0);
    while row.last().is_some_and(|c| c.text.is_empty() && c.style == Style::default() && c.width == 1) {
        row.pop();
    }
    row
}

pub fn row_of(engine: &Engine, row: u16) -> Vec<OwnedCell> {
    (0..engine.size().cols)
        .map(|col| {
            let c = engine.cell(row, col);
            OwnedCell { text: c.text.to_string(), width: c.width, style: c.style }
        })
        .collect()
}

/// A blank screen; history is asked of the session, not kept here.
pub fn blank(size: Size) -> Engine {
    Engine::with_history(size.clamped(), 0)
}

impl Pane {
    pub fn new(id: PaneId, host: HostId, size: Size) -> Pane {
        Pane {
            id,
            host,
            session: None,
            prepared: None,
            once: None,
            plain: None,
            stage: Stage::Starting,
            shell: false,
            watch: false,
            info: None,
            engine: blank(size),
            seen: 0,
            fed: false,
            restored: false,
            shown_once: false,
            tag: None,
            ahead: Vec::new(),
            held: Vec::new(),
            afloat: 0,
            waiting: Waiting::default(),
            predict: Predictor::default(),
            tty: 0,
            note: None,
            scroll: None,
            selection: None,
            asked: None,
            asked_at: Duration::ZERO,
            typed_at: None,
            sync_since: None,
        }
    }

    /// Holds what was foreseen against the screen; whether something is to be drawn anew.
    pub fn foresee(&mut self, now: Duration) -> bool {
        self.predict.look(&self.engine, now)
    }

    /// What was typed before its session was there, to be shown: `most` characters, escaped. Only of a shell that is new is
    /// it known that it would show it itself; else how much it is.
    pub fn ahead_shown(&self, most: usize) -> String {
        match self.shell && !self.shown_once {
            true => crate::text::short(&String::from_utf8_lossy(&self.ahead), most),
            false => crate::text::count(self.ahead.len(), "byte"),
        }
    }

    /// There is no session for what was typed before it was there: why, and that it is not delivered.
    pub fn gone(&mut self, why: &str, ended: bool) {
        let lost = (!self.ahead.is_empty()).then(|| format!("\ntyped, not delivered: {}", self.ahead_shown(120)));
        self.ahead.clear();
        self.stage = Stage::Gone { why: format!("{why}{}", lost.unwrap_or_default()), ended };
    }

    /// A channel to another machine, held by a target process of this one, and shown among this one's; also where nothing is
    /// told of it any more.
    pub fn is_elsewhere(&self) -> bool {
        self.plain.as_ref().is_some_and(HostId::is_local)
            || (self.host.is_local() && self.info.as_ref().is_some_and(|i| !i.target.is_empty()))
    }

    /// It is to show a session of a prepared connection, and never had one.
    pub fn is_unopened(&self) -> bool {
        self.session.is_none() && self.prepared.is_some()
    }

    /// What it showed is known to have ended.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Gone { ended: true, .. } | Stage::Exited(_))
    }
    pub fn is_lost_at_boot(&self) -> bool {
        matches!(&self.stage, Stage::Gone { why, .. } if why.contains(SessionInfo::LOST_AT_BOOT))
    }
    pub fn is_live(&self) -> bool {
        self.stage == Stage::Live
    }
    /// Whether its program (as far as known) runs.
    pub fn is_running(&self) -> bool {
        self.is_live() || (self.stage == Stage::Starting && self.session.is_some())
    }
    pub fn modes(&self) -> Modes {
        self.engine.modes()
    }
    /// Whether the program wants the mouse.
    pub fn wants_mouse(&self) -> bool {
        self.is_live() && self.scroll.is_none() && self.modes().mouse != MouseMode::Off
    }

    /// What it shows, in a few words, escaped.
    pub fn title(&self) -> String {
        match (self.info.as_deref(), &self.prepared) {
            (Some(info), _) => title_of(info),
            (None, Some(prepared)) => prepared.name.clone(),
            (None, None) if let Some(kept) = self.once.as_ref().and_then(|o| o.definition.as_ref()) => {
                crate::text::short(&kept.name, 60)
            }
            (None, None) if !self.host.is_local() => crate::text::short(self.host.as_str(), 40),
            (None, None) => "shell".into(),
        }
    }

    /// The cells of a line as it is shown now; `None` = not fetched yet.
    pub fn line(&self, line: i64) -> Option<Vec<OwnedCell>> {
        if line < 0 {
            let scroll = self.scroll.as_ref()?;
            let n = scroll.total?.checked_sub(line.unsigned_abs())?;
            return scroll.lines.get(&n).map(|l| parse_line(l));
        }
        if let Some(scroll) = &self.scroll
            && scroll.total.is_some()
        {
            return scroll.frozen.get(usize::try_from(line).ok()?).cloned();
        }
        let row = u16::try_from(line).ok()?;
        (row < self.engine.size().rows).then(|| row_of(&self.engine, row))
    }

    /// Another size of the screen, or another screen of the session: what is selected stays the same text, wherever its
    /// line is wrapped then. It is selected no more if it has left the screen, or if a full screen was selected in, which
    /// is not wrapped but drawn anew. A look back has a screen of its own, which stands still.
    pub fn rescreen(&mut self, change: impl FnOnce(&mut Engine)) {
        let selection = self.selection.filter(|_| self.scroll.is_none());
        let (size, alt) = (self.engine.size(), self.modes().alt_screen);
        let ends = selection.map(|s| [s.from, s.to].map(|end| self.place_in_line(end)));
        change(&mut self.engine);
        let Some([from, to]) = ends else { return };
        if alt || self.modes().alt_screen {
            let same = alt && self.modes().alt_screen && size == self.engine.size();
            self.selection = selection.filter(|_| same);
            return;
        }
        let find = |end: Option<(u64, usize)>| end.and_then(|(line, cell)| self.engine.place_of(line, cell));
        self.selection = find(from)
            .zip(find(to))
            .map(|((from, first), (to, last))| Selection { from: (from.into(), first), to: (to.into(), last) });
    }

    /// The logical line of a place on the screen, and the cell in it.
    fn place_in_line(&self, (row, col): (i64, u16)) -> Option<(u64, usize)> {
        let row = u16::try_from(row).ok().filter(|row| *row < self.engine.size().rows)?;
        let (line, before) = self.engine.line_of(row);
        Some((line, before + usize::from(col)))
    }

    /// The selected text; trailing blanks of a line are left out, lines that were only wrapped are joined.
    pub fn selected(&self) -> String {
        let Some(selection) = self.selection else { return String::new() };
        let (from, to) = selection.ordered();
        let mut out = String::new();
        for line in from.0..=to.0 {
            let Some(cells) = self.line(line) else { continue };
            let first = if line == from.0 { usize::from(from.1) } else { 0 };
            let last = if line == to.0 { usize::from(to.1) + 1 } else { cells.len() };
            let mut text = String::new();
            for c in cells.iter().take(last).skip(first) {
                match (c.width, c.text.is_empty()) {
                    (0, _) => {}
                    (_, true) => text.push(' '),
                    _ => text.push_str(&c.text),
                }
            }
            let wrapped = self.scroll.is_none()
                && u16::try_from(line).is_ok_and(|r| r < self.engine.size().rows && self.engine.row_wrapped(r));
            if wrapped && line < to.0 {
                out.push_str(&text);
            } else {
                out.push_str(text.trim_end());
                if line < to.0 {
                    out.push('\n');
                }
            }
        }
        out
    }
}

/// What a session shows, in a few words, escaped: its name, else the title its program set (that is the program's name
/// where it set none), else its command.
pub fn title_of(info: &SessionInfo) -> String {
    let found = [info.name.as_str(), info.title.as_str()].into_iter().find(|t| !t.trim().is_empty());
    found.map_or_else(|| command_of(info), |t| crate::text::short(t, 60))
}

/// What a session does, in a few words, escaped: what runs in the foreground of its shell, or its own command, both as the
/// program's file name and its arguments.
pub fn command_of(info: &SessionInfo) -> String {
    if !info.running.trim().is_empty() {
        return crate::text::short(&info.running, 60);
    }
    let Some((program, args)) = info.command.split_first() else { return "shell".into() };
    let program = program.rsplit('/').next().unwrap_or(program).trim_start_matches('-');
    let mut text = program.to_string();
    for a in args {
        text.push(' ');
        text.push_str(a);
    }
    crate::text::short(&text, 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pane() -> Pane {
        let mut p = Pane::new(PaneId(1), HostId::local(), Size::new(10, 3));
        p.engine.feed(b"hello\r\nworld and more", &mut Vec::new());
        p
    }

    #[test]
    fn selects_in_reading_order_and_joins_wrapped_lines() {
        let mut p = pane();
        p.selection = Some(Selection { from: (1, 4), to: (0, 1) });
        assert_eq!(p.selected(), "ello\nworld");
        p.selection = Some(Selection { from: (1, 0), to: (2, 9) });
        assert_eq!(p.selected(), "world and more");
    }

    #[test]
    fn history_is_asked_for_where_it_is_missing() {
        let mut s = Scroll { total: Some(1000), up: 10, ..Scroll::default() };
        assert_eq!(s.missing(24), Some((800, 1000)));
        s.asked = Some((800, 1000));
        s.keep(800, (800..1000).map(|n| n.to_string()).collect());
        assert_eq!(s.missing(24), None);
        s.by(180);
        assert_eq!(s.missing(24), Some((600, 800)));
        s.by(5000);
        assert_eq!(s.up, 1000);
        assert_eq!(s.missing(24), Some((0, 24)));
        // the first 500 are gone for good
        s.asked = Some((400, 600));
        s.keep(500, (500..600).map(|n| n.to_string()).collect());
        assert_eq!((s.floor, s.up), (500, 500));
        assert_eq!(s.missing(24), None);
    }

    #[test]
    fn an_earlier_answer_takes_no_history_away() {
        let lines = |range: std::ops::Range<u64>| range.map(|n| n.to_string()).collect::<Vec<_>>();
        let mut s = Scroll { total: Some(502), up: 373, ..Scroll::default() };
        // asked for the newest, then, on a jump far up, for these: the first answer comes now
        s.asked = Some((0, 153));
        s.keep(302, lines(302..502));
        assert_eq!((s.floor, s.up, s.asked), (0, 373, Some((0, 153))));
        s.keep(0, lines(0..153));
        assert_eq!((s.floor, s.up, s.asked), (0, 373, None));
        assert_eq!(s.lines.len(), 353);
    }

    #[test]
    fn history_lines_keep_their_colours() {
        let cells = parse_line("\x1b[31mred\x1b[0m x");
        assert_eq!(cells.iter().map(|c| c.text.as_str()).collect::<String>().trim_end(), "redx".replace("dx", "d x"));
        assert_eq!(cells[0].style.fg, crate::term::screen::Color::Index(1));
    }

    #[test]
    fn commands_are_named_shortly() {
        let info = SessionInfo { command: vec!["/bin/cargo".into(), "build\x1b".into()], ..SessionInfo::default() };
        assert_eq!(command_of(&info), "cargo build\\u{1b}");
    }
}
