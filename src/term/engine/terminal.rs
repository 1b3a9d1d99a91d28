//! Owns vt100's screen together with what vt100 lacks: saved cursors, margins, charsets, modes, answers.
//! Leaves out the cutting into tokens, the strings of OSC, and snapshots.

use super::charset::{Charsets, drawn};
use super::guard::Sink;
use super::params::Csi;
use super::pen;
use super::replies::{self, ModeState};
use super::scroll::Scroll;
use crate::proto::ids::Size;
use crate::term::history::History;
use crate::term::screen::{Event, Style};
use std::io::Write;
use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};
use unicode_width::UnicodeWidthChar;

/// What DECSC keeps. vt100's own saved cursor is a scratch register of ours: its origin flag can't be read back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Saved {
    pub row: u16,
    /// The screen's width if a wrap was pending.
    pub col: u16,
    pub origin: bool,
    pub pen: Style,
    pub charsets: Charsets,
}

/// What vt100 doesn't tell of one of its two screens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Page {
    /// First and last row of the scrolling region.
    pub margins: (u16, u16),
    pub origin: bool,
    pub saved: Saved,
}

impl Page {
    pub fn new(size: Size) -> Page {
        Page { margins: (0, size.rows.saturating_sub(1)), origin: false, saved: Saved::default() }
    }
}

/// Default light grey on black.
const COLORS: ((u8, u8, u8), (u8, u8, u8)) = ((0xd0, 0xd0, 0xd0), (0, 0, 0));

pub(super) struct Terminal {
    pub parser: vt100::Parser<Scroll>,
    pub size: Size,
    pub primary: Page,
    pub alternate: Page,
    pub charsets: Charsets,
    /// What REP repeats.
    pub last: Option<char>,
    /// 1004
    pub focus: bool,
    /// 1007
    pub alt_scroll: bool,
    /// 2026
    pub sync: bool,
    pub title: String,
    pub directory: String,
    pub colors: ((u8, u8, u8), (u8, u8, u8)),
    pub generation: u64,
    pub events: Vec<Event>,
    /// The private string of snapshots is understood.
    pub restoring: bool,
    /// How often vt100 panicked.
    pub resets: u32,
    scratch: String,
    raw: Vec<u8>,
}

fn non_zero(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN)
}

fn parser(size: Size, history: History) -> vt100::Parser<Scroll> {
    vt100::Parser::new_with_callbacks(non_zero(size.rows), non_zero(size.cols), 0, Scroll::new(history))
}

impl Terminal {
    pub fn new(size: Size, lines: usize) -> Terminal {
        let size = size.clamped();
        Terminal {
            parser: parser(size, History::new(lines)),
            size,
            primary: Page::new(size),
            alternate: Page::new(size),
            charsets: Charsets::default(),
            last: None,
            focus: false,
            alt_scroll: true,
            sync: false,
            title: String::new(),
            directory: String::new(),
            colors: COLORS,
            generation: 0,
            events: Vec::new(),
            restoring: false,
            resets: 0,
            scratch: String::new(),
            raw: Vec::new(),
        }
    }

    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    pub fn page(&self) -> &Page {
        if self.screen().alternate_screen() { &self.alternate } else { &self.primary }
    }

    fn page_mut(&mut self) -> &mut Page {
        if self.screen().alternate_screen() { &mut self.alternate } else { &mut self.primary }
    }

    /// Hands bytes to vt100. A panic there costs the screen's content, never the process.
    pub fn forward(&mut self, bytes: &[u8]) {
        self.guarded(|parser| parser.process(bytes));
    }

    fn guarded(&mut self, work: impl FnOnce(&mut vt100::Parser<Scroll>)) {
        self.generation = self.generation.wrapping_add(1);
        let parser_ref = &mut self.parser;
        if catch_unwind(AssertUnwindSafe(|| work(parser_ref))).is_err() {
            let history = std::mem::replace(&mut self.parser.callbacks_mut().history, History::new(0));
            self.parser = parser(self.size, history);
            self.forget();
            self.resets += 1;
        }
    }

    /// What a reset of the screen resets beside vt100.
    fn forget(&mut self) {
        self.primary = Page::new(self.size);
        self.alternate = Page::new(self.size);
        self.charsets = Charsets::default();
        self.last = None;
        self.focus = false;
        self.alt_scroll = true;
        self.sync = false;
    }

    fn forward_fmt(&mut self, args: std::fmt::Arguments<'_>) {
        let mut raw = std::mem::take(&mut self.raw);
        raw.clear();
        let _ = raw.write_fmt(args);
        self.forward(&raw);
        self.raw = raw;
    }

    pub fn set_pen(&mut self, style: &Style) {
        let mut raw = std::mem::take(&mut self.raw);
        raw.clear();
        pen::write(style, &mut raw);
        self.forward(&raw);
        self.raw = raw;
    }

    pub fn resize(&mut self, size: Size) {
        let size = size.clamped();
        if size == self.size {
            return;
        }
        let alternate = self.screen().alternate_screen();
        if alternate {
            self.shift_saved(size, true);
            self.forward(b"\x1b[?47l");
        }
        self.shift_saved(size, false);
        // else a taller screen would get blank rows on top for every row that ever scrolled away
        self.parser.screen_mut().clear_scrollback();
        if alternate {
            self.forward(b"\x1b[?47h");
        }
        self.size = size;
        self.guarded(|parser| parser.set_size(non_zero(size.rows), non_zero(size.cols)));
        let bottom = size.rows.saturating_sub(1);
        self.primary.margins = (0, bottom);
        self.alternate.margins = (0, bottom);
    }

    /// A shrinking screen pushes rows off its top so that the cursor stays on it; the saved cursor goes with its row.
    /// Call with the page in question shown.
    fn shift_saved(&mut self, to: Size, alternate: bool) {
        let below = self.size.rows.saturating_sub(1).saturating_sub(self.screen().cursor_position().0);
        let pushed = self.size.rows.saturating_sub(to.rows).saturating_sub(below);
        let saved = if alternate { &mut self.alternate.saved } else { &mut self.primary.saved };
        saved.row = saved.row.saturating_sub(pushed).min(to.rows.saturating_sub(1));
        saved.col = saved.col.min(to.cols.saturating_sub(1));
    }

    /// Puts the cursor anywhere, whatever the margins; column = width means behind the last cell, a wrap pending.
    pub fn place(&mut self, row: u16, col: u16) {
        let last = self.size.cols.saturating_sub(1);
        let row = row.min(self.size.rows.saturating_sub(1));
        // unlike CUP these two ignore margins and origin in vt100
        self.forward_fmt(format_args!("\x1b[{}d\x1b[{}G", u32::from(row) + 1, u32::from(col.min(last)) + 1));
        if col <= last {
            return;
        }
        // a pending wrap comes of printing in the last cell only: print there what is there
        let pen = pen::of_screen(self.screen());
        let at = if self.screen().cell(row, last).is_some_and(vt100::Cell::is_wide_continuation) {
            last.saturating_sub(1)
        } else {
            last
        };
        let (text, style) = match self.screen().cell(row, at) {
            Some(cell) => (cell.contents().to_owned(), pen::of_cell(cell)),
            None => return,
        };
        self.set_pen(&style);
        if text.is_empty() {
            // a blank cell cannot be printed: print a space, erase it, come back
            self.forward(b" \x1b7\x08\x1b[X\x1b8");
        } else {
            self.forward_fmt(format_args!("\x1b[{}G{text}", u32::from(at) + 1));
        }
        self.set_pen(&pen);
    }

    fn save_cursor(&mut self) {
        let (row, col) = self.screen().cursor_position();
        let (pen, charsets) = (pen::of_screen(self.screen()), self.charsets);
        let page = self.page_mut();
        page.saved = Saved { row, col, origin: page.origin, pen, charsets };
    }

    fn restore_cursor(&mut self) {
        let saved = self.page().saved;
        if saved.origin != self.page().origin {
            self.set_origin(saved.origin);
        }
        self.charsets = saved.charsets;
        self.place(saved.row, saved.col);
        self.set_pen(&saved.pen);
    }

    fn set_origin(&mut self, on: bool) {
        self.forward(if on { b"\x1b[?6h" } else { b"\x1b[?6l" });
        self.page_mut().origin = on;
    }

    fn set_margins(&mut self, top: u16, bottom: u16) {
        let last = self.size.rows.saturating_sub(1);
        let (top, bottom) = (top.max(1) - 1, if bottom == 0 { last } else { (bottom - 1).min(last) });
        let margins = if top < bottom { (top, bottom) } else { (0, last) };
        self.page_mut().margins = margins;
        // vt100 goes to the region's top; it is the screen's unless origin mode is on
        self.forward_fmt(format_args!("\x1b[{};{}r\x1b[H", u32::from(margins.0) + 1, u32::from(margins.1) + 1));
    }

    /// The alternate screen is always entered blank, so that nothing of it matters while it is away.
    fn enter_alternate(&mut self) {
        self.forward(b"\x1b[?1049h");
        self.alternate = Page::new(self.size);
    }

    fn leave_alternate(&mut self) {
        self.forward(b"\x1b[?47l");
        self.alternate = Page::new(self.size);
    }

    fn set_mode(&mut self, mode: u16, on: bool) {
        let letter = if on { 'h' } else { 'l' };
        let alternate = self.screen().alternate_screen();
        match mode {
            1 | 25 | 1005 | 1006 | 2004 => self.forward_fmt(format_args!("\x1b[?{mode}{letter}")),
            6 => self.set_origin(on),
            9 | 1000 | 1002 | 1003 if on => self.forward_fmt(format_args!("\x1b[?{mode}h")),
            // in xterm each of them ends whichever was on
            9 | 1000 | 1002 | 1003 => self.forward(b"\x1b[?9;1000;1002;1003l"),
            47 | 1047 if on && !alternate => self.enter_alternate(),
            47 | 1047 if !on && alternate => self.leave_alternate(),
            1048 if on => self.save_cursor(),
            1048 => self.restore_cursor(),
            1049 if on => {
                if !alternate {
                    self.save_cursor();
                }
                self.enter_alternate();
            }
            1049 => {
                if alternate {
                    self.leave_alternate();
                }
                self.restore_cursor();
            }
            1004 => self.focus = on,
            1007 => self.alt_scroll = on,
            2026 => {
                self.sync = on;
                self.generation = self.generation.wrapping_add(1);
            }
            _ => {}
        }
    }

    fn mode_state(&self, mode: u16) -> ModeState {
        use vt100::{MouseProtocolEncoding as Encoding, MouseProtocolMode as Mouse};
        let screen = self.screen();
        match mode {
            1 => screen.application_cursor().into(),
            6 => self.page().origin.into(),
            7 => ModeState::AlwaysSet,
            9 => (screen.mouse_protocol_mode() == Mouse::Press).into(),
            12 => ModeState::AlwaysReset,
            25 => (!screen.hide_cursor()).into(),
            47 | 1047 | 1049 => screen.alternate_screen().into(),
            66 => screen.application_keypad().into(),
            1000 => (screen.mouse_protocol_mode() == Mouse::PressRelease).into(),
            1002 => (screen.mouse_protocol_mode() == Mouse::ButtonMotion).into(),
            1003 => (screen.mouse_protocol_mode() == Mouse::AnyMotion).into(),
            1004 => self.focus.into(),
            1005 => (screen.mouse_protocol_encoding() == Encoding::Utf8).into(),
            1006 => (screen.mouse_protocol_encoding() == Encoding::Sgr).into(),
            1007 => self.alt_scroll.into(),
            2004 => screen.bracketed_paste().into(),
            2026 => self.sync.into(),
            _ => ModeState::Unknown,
        }
    }

    pub fn reply(&mut self, bytes: impl Into<Vec<u8>>) {
        self.events.push(Event::Reply(bytes.into()));
    }

    fn reply_cursor(&mut self, extended: bool) {
        let (row, col) = self.screen().cursor_position();
        let page = self.page();
        let row = if page.origin { row.saturating_sub(page.margins.0) } else { row };
        let col = col.min(self.size.cols.saturating_sub(1));
        self.reply(replies::cursor(row.saturating_add(1), col.saturating_add(1), extended));
    }

    /// DECSTR.
    fn soft_reset(&mut self) {
        let (row, col) = self.screen().cursor_position();
        self.set_origin(false);
        self.set_margins(0, 0);
        self.forward(b"\x1b[?25h\x1b[?1l\x1b>\x1b[m");
        self.charsets = Charsets::default();
        self.page_mut().saved = Saved::default();
        self.place(row, col);
    }

    /// REP. At most a line: 65535 of them would cost a millisecond for eight bytes.
    fn repeat(&mut self, count: u16) {
        let Some(last) = self.last else { return };
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend(std::iter::repeat_n(last, usize::from(count.min(self.size.cols))));
        self.forward(scratch.as_bytes());
        self.scratch = scratch;
    }

    fn tabs(&mut self, count: u16, back: bool) {
        let (_, col) = self.screen().cursor_position();
        let (stop, last) = (col / 8, self.size.cols.saturating_sub(1));
        let stop = if back {
            // in the middle of two stops the first step leads to the one before
            (col.div_ceil(8)).saturating_sub(count)
        } else {
            stop.saturating_add(count)
        };
        self.forward_fmt(format_args!("\x1b[{}G", u32::from(stop.saturating_mul(8).min(last)) + 1));
    }

    fn pass(&mut self, body: &[u8]) {
        let mut raw = std::mem::take(&mut self.raw);
        raw.clear();
        raw.extend_from_slice(b"\x1b[");
        raw.extend_from_slice(body);
        self.forward(&raw);
        self.raw = raw;
    }

    fn sgr(&mut self, body: &[u8], numbers: &[u8]) {
        let odd = numbers.contains(&b':') || numbers.windows(2).any(|w| w == b"58" || w == b"21");
        if !odd {
            return self.pass(body);
        }
        if let Some(mut normal) = pen::normalize(numbers) {
            normal.push(b'm');
            self.pass(&normal);
        }
    }

    fn plain_csi(&mut self, c: &Csi<'_>, body: &[u8]) {
        match c.last {
            b'J' if c.param(0) == 3 => {
                self.parser.callbacks_mut().history.clear();
                self.generation = self.generation.wrapping_add(1);
            }
            // more than one number would be xterm's highlight tracking
            b'T' if c.params().count() > 1 => {}
            // vt100 clamps their counts to the screen itself
            b'@' | b'A'..=b'H' | b'J'..=b'M' | b'P' | b'S' | b'T' | b'X' | b'`' | b'd' | b'f' => self.pass(body),
            b'm' => self.sgr(body, c.numbers),
            b'r' => self.set_margins(c.param(0), c.param(1)),
            b'a' => self.forward_fmt(format_args!("\x1b[{}C", c.count(0))),
            b'e' => self.forward_fmt(format_args!("\x1b[{}B", c.count(0))),
            b'I' => self.tabs(c.count(0), false),
            b'Z' => self.tabs(c.count(0), true),
            b'b' => self.repeat(c.count(0)),
            b's' if c.numbers.is_empty() => self.save_cursor(),
            b'u' if c.numbers.is_empty() => self.restore_cursor(),
            b'c' if c.param(0) == 0 => self.reply(replies::DEVICE),
            b'n' if c.param(0) == 5 => self.reply(replies::STATUS),
            b'n' if c.param(0) == 6 => self.reply_cursor(false),
            b't' if c.param(0) == 18 => self.reply(replies::size(8, self.size.rows, self.size.cols)),
            b't' if c.param(0) == 19 => self.reply(replies::size(9, self.size.rows, self.size.cols)),
            _ => {}
        }
    }
}

impl Sink for Terminal {
    fn text(&mut self, text: &str) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let text = if self.charsets.drawing() {
            scratch.clear();
            scratch.extend(text.chars().map(drawn));
            scratch.as_str()
        } else {
            text
        };
        self.forward(text.as_bytes());
        let printed = |c: &char| !c.is_control() && c.width().unwrap_or(0) > 0;
        if let Some(last) = text.chars().rev().find(printed) {
            self.last = Some(last);
        }
        self.scratch = scratch;
    }

    fn control(&mut self, byte: u8) {
        match byte {
            0x07 => self.events.push(Event::Bell),
            0x0e => self.charsets.shifted = true,
            0x0f => self.charsets.shifted = false,
            _ => {}
        }
    }

    fn escape(&mut self, body: &[u8]) {
        match *body {
            [b'7'] => self.save_cursor(),
            [b'8'] => self.restore_cursor(),
            [b'='] => self.forward(b"\x1b="),
            [b'>'] => self.forward(b"\x1b>"),
            [b'M'] => self.forward(b"\x1bM"),
            [b'D'] => self.forward(b"\n"),
            [b'E'] => self.forward(b"\r\n"),
            [b'Z'] => self.reply(replies::DEVICE),
            [b'c'] => {
                self.forward(b"\x1bc");
                self.forget();
            }
            [set @ (b'(' | b')'), name] => self.charsets.designate(set, name),
            _ => {}
        }
    }

    fn csi(&mut self, body: &[u8]) {
        let Some(c) = Csi::parse(body) else { return };
        match (c.marker, c.intermediate, c.last) {
            (0, 0, _) => self.plain_csi(&c, body),
            (b'?', 0, b'h' | b'l') => {
                for mode in c.params() {
                    self.set_mode(mode, c.last == b'h');
                }
            }
            (b'?', 0, b'J') if c.param(0) == 3 => {}
            (b'?', 0, b'J' | b'K') => self.pass(body),
            (b'?', 0, b'n') if c.param(0) == 6 => self.reply_cursor(true),
            (b'?', 0, b'n') if c.param(0) == 996 => self.reply(replies::scheme(self.colors.1)),
            (b'?', 0, b'u') => self.reply(replies::KEYBOARD),
            (b'?', b'$', b'p') => {
                let mode = c.param(0);
                self.reply(replies::mode(true, mode, self.mode_state(mode)));
            }
            (0, b'$', b'p') => {
                let state = if matches!(c.param(0), 4 | 20) { ModeState::AlwaysReset } else { ModeState::Unknown };
                self.reply(replies::mode(false, c.param(0), state));
            }
            (0, b' ', b'q') if c.param(0) <= 6 => self.pass(body),
            (0, b'!', b'p') => self.soft_reset(),
            (b'>', 0, b'c') if c.param(0) == 0 => self.reply(replies::DEVICE_SECONDARY),
            (b'=', 0, b'c') if c.param(0) == 0 => self.reply(replies::DEVICE_TERTIARY),
            (b'>', 0, b'q') if c.param(0) == 0 => self.reply(replies::VERSION),
            _ => {}
        }
    }

    fn osc(&mut self, body: &[u8]) {
        self.operating_system(body);
    }

    fn dcs(&mut self, body: &[u8]) {
        if self.restoring
            && let Some(fields) = body.strip_prefix(super::snapshot::PRIVATE)
        {
            return self.restore_private(fields);
        }
        if body.starts_with(b"$q") {
            self.reply(replies::NO_SETTING);
        } else if body.starts_with(b"+q") {
            self.reply(replies::NO_CAPABILITY);
        }
    }
}
