//! Owns the table of what control characters and sequences do. Leaves out how each does it.

use super::csi::Csi;
use super::look::Pen;
use super::mode::{Flags, mouse_encoding, mouse_mode};
use super::sgr;
use super::terminal::{Page, Terminal};
use crate::proto::ids::Size;
use crate::term::screen::{Event, MouseEncoding, MouseMode};

impl Terminal {
    /// C0, and those of C1 that stand alone.
    pub fn execute(&mut self, byte: u8) {
        match byte {
            0x07 => self.events.push(Event::Bell),
            0x08 => self.left(1),
            0x09 => self.tab(1),
            0x0a..=0x0c => self.line_feed(),
            0x0d => self.carriage_return(),
            0x0e => self.charsets.gl = 1,
            0x0f => self.charsets.gl = 0,
            0x84 => self.next_row(),
            0x85 => {
                self.next_row();
                self.at.col = self.line_start();
            }
            0x88 => self.tabs.set(self.at.col, true),
            0x8d => self.reverse_index(),
            0x8e => self.charsets.single = Some(2),
            0x8f => self.charsets.single = Some(3),
            0x96 => {
                self.repen(|pen| pen.protected = true);
                self.guarded = true;
            }
            0x97 => self.repen(|pen| pen.protected = false),
            0x9a => self.report_device(),
            _ => {}
        }
    }

    fn next_row(&mut self) {
        self.at.pending = false;
        self.index();
    }

    /// `ESC intermediates byte`.
    pub fn escape(&mut self, intermediates: &[u8], byte: u8) {
        match (intermediates, byte) {
            ([], b'7') => self.save_cursor(),
            ([], b'8') => self.restore_cursor(),
            ([], b'6') => self.back_index(),
            ([], b'9') => self.forward_index(),
            ([], b'=') => self.flags.set(Flags::APP_KEYPAD, true),
            ([], b'>') => self.flags.set(Flags::APP_KEYPAD, false),
            ([], b'D' | b'E' | b'H' | b'M' | b'N' | b'O' | b'V' | b'W' | b'Z') => self.execute(byte + 0x40),
            ([], b'c') => self.reset(),
            ([], b'l' | b'm') => {}
            ([], b'n') => self.charsets.gl = 2,
            ([], b'o') => self.charsets.gl = 3,
            ([b'#'], b'8') => self.align(),
            ([which @ (b'(' | b')' | b'*' | b'+' | b'-' | b'.' | b'/')], name) => self.charsets.designate(*which, name),
            // names of two bytes: those we know have none
            // sets whose name has two bytes are all of letters and signs of ASCII where it matters
            ([which @ (b'(' | b')' | b'*' | b'+'), _], _) => self.charsets.designate(*which, b'B'),
            _ => {}
        }
    }

    pub fn csi(&mut self, csi: &Csi) {
        match (csi.marker, csi.intermediate) {
            (0, 0) => self.plain(csi),
            (b'?', 0) => self.private(csi),
            (b'>', 0) => match csi.last {
                b'c' if csi.param(0) == 0 => self.report_device_2(),
                b'q' if csi.param(0) == 0 => self.report_version(),
                b'm' => match csi.params() {
                    [4] | [0] => self.modify_other_keys = 0,
                    [4, n, ..] => self.modify_other_keys = (*n).min(2) as u8,
                    _ => {}
                },
                b'n' if csi.param(0) == 4 => self.modify_other_keys = 0,
                b'u' => self.push_keys(csi.param(0)),
                _ => {}
            },
            (b'<', 0) if csi.last == b'u' => self.pop_keys(csi.count(0)),
            (b'=', 0) => match csi.last {
                b'c' if csi.param(0) == 0 => self.report_device_3(),
                b'u' => self.set_keys(csi.param(0), csi.param(1)),
                _ => {}
            },
            (0, b' ') => match csi.last {
                b'q' if csi.param(0) <= 6 => {
                    self.cursor_style = csi.param(0);
                    self.flags.set(Flags::BLINK, matches!(csi.param(0), 0 | 1 | 3 | 5));
                }
                b'@' => self.delete_columns(self.left, csi.count(0)),
                b'A' => self.insert_columns(self.left, csi.count(0)),
                _ => {}
            },
            (0, b'!') if csi.last == b'p' => self.soft_reset(),
            (0, b'"') => match csi.last {
                b'p' => self.set_level(csi.param(0)),
                b'q' => {
                    match csi.param(0) {
                        0 | 2 => self.repen(|pen| pen.protected = false),
                        1 => self.repen(|pen| pen.protected = true),
                        _ => return,
                    }
                    // a snapshot's pens are no program's word: it has told before what guards
                    self.guarded &= self.restoring;
                }
                _ => {}
            },
            (0, b'$') => match csi.last {
                b'p' => self.report_mode(csi.param(0), false),
                b'v' => self.copy_rectangle(csi),
                b'x' => self.fill_rectangle(csi),
                b'z' => self.erase_rectangle(csi, false),
                b'{' => self.erase_rectangle(csi, true),
                b'r' => self.change_rectangle(csi, false),
                b't' => self.change_rectangle(csi, true),
                b'w' => self.report_presentation(csi.param(0)),
                _ => {}
            },
            (b'?', b'$') if csi.last == b'p' => self.report_mode(csi.param(0), true),
            (0, b'*') => match csi.last {
                b'x' if csi.param(0) <= 2 => self.by_rectangle = csi.param(0) == 2,
                b'y' => self.report_checksum(csi),
                b'|' => self.ask_size(None, Some(csi.param(0))),
                _ => {}
            },
            (0, b'\'') => match csi.last {
                b'}' => self.insert_columns_here(csi.count(0)),
                b'~' => self.delete_columns_here(csi.count(0)),
                _ => {}
            },
            (0, b'#') => match csi.last {
                b'{' | b'p' if self.pens_before.len() < Terminal::MOST_PENS => self.pens_before.push(self.pen),
                b'}' | b'q' => {
                    if let Some(before) = self.pens_before.pop() {
                        self.repen(|pen| *pen = Pen { style: before.style, ..*pen });
                    }
                }
                b'P' if self.colors_before.len() < Terminal::MOST_PENS => {
                    self.colors_before.push(self.colors.clone());
                }
                b'Q' => {
                    if let Some(before) = self.colors_before.pop() {
                        self.colors.become_as(before);
                        self.touch();
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn insert_columns_here(&mut self, n: usize) {
        self.at.pending = false;
        self.insert_columns(self.at.col, n);
    }
    fn delete_columns_here(&mut self, n: usize) {
        self.at.pending = false;
        self.delete_columns(self.at.col, n);
    }

    #[inline]
    fn plain(&mut self, csi: &Csi) {
        match csi.last {
            b'm' => {
                self.stale = true;
                sgr::apply(&mut self.pen.style, csi);
            }
            b'H' | b'f' => self.goto(csi.count(0) - 1, csi.count(1) - 1),
            b'@' => self.insert_chars(csi.count(0)),
            b'A' => self.up(csi.count(0)),
            b'B' => self.down(csi.count(0)),
            b'C' => self.right(csi.count(0)),
            b'D' => self.left(csi.count(0)),
            b'E' => {
                self.down(csi.count(0));
                self.first_column();
            }
            b'F' => {
                self.up(csi.count(0));
                self.first_column();
            }
            b'G' | b'`' => self.goto_col(csi.count(0) - 1),
            b'I' => self.tab(csi.count(0)),
            b'J' => self.erase_display(csi.param(0), false),
            b'K' => self.erase_line(csi.param(0), false),
            b'L' => self.insert_lines(csi.count(0)),
            b'M' => self.delete_lines(csi.count(0)),
            b'P' => self.delete_chars(csi.count(0)),
            b'S' => self.scroll_up_apart(self.top, csi.count(0)),
            b'T' if csi.len() == 1 => self.scroll_down(self.top, csi.count(0)),
            b'^' => self.scroll_down(self.top, csi.count(0)),
            b'X' => self.erase_chars(csi.count(0)),
            b'Z' => self.back_tab(csi.count(0)),
            b'a' => {
                let from = self.frame().left;
                self.goto_col(self.at.col - from.min(self.at.col) + csi.count(0));
            }
            // a row of it: nobody asks for more (ncurses stays in a row, tmux too) but a flood
            b'b' => self.repeat(csi.count(0)),
            b'c' if csi.param(0) == 0 => self.report_device(),
            b'd' => self.goto_row(csi.count(0) - 1),
            b'e' => {
                let from = self.frame().top;
                self.goto_row(self.at.row - from.min(self.at.row) + csi.count(0));
            }
            b'g' => match csi.param(0) {
                0 => self.tabs.set(self.at.col, false),
                3 => self.tabs.clear(),
                _ => {}
            },
            b'h' | b'l' => {
                for n in csi.params() {
                    if let Some(flag) = Flags::of(*n, false) {
                        self.flags.set(flag, csi.last == b'h');
                    }
                }
            }
            b'n' => self.report_status(csi.param(0)),
            b'r' => self.set_rows(usize::from(csi.param(0)), usize::from(csi.param(1))),
            b's' if self.flags.has(Flags::MARGINS) => {
                self.set_columns(usize::from(csi.param(0)), usize::from(csi.param(1)));
            }
            b's' if csi.is_empty() => self.save_cursor(),
            b't' => self.window(csi),
            b'u' if csi.is_empty() => self.restore_cursor(),
            b'x' if csi.param(0) <= 1 => self.report_parameters(csi.param(0)),
            _ => {}
        }
    }

    fn first_column(&mut self) {
        self.at.col = if self.at.col >= self.left || self.flags.has(Flags::ORIGIN) { self.left } else { 0 };
    }

    fn private(&mut self, csi: &Csi) {
        match csi.last {
            b'h' | b'l' => {
                for n in csi.params() {
                    self.set_mode(*n, csi.last == b'h');
                }
            }
            b'J' if self.leveled => self.erase_display(csi.param(0), true),
            b'K' if self.leveled => self.erase_line(csi.param(0), true),
            b'W' if csi.param(0) == 5 => self.tabs = super::tabs::Tabs::new(self.cols()),
            b'm' if csi.param(0) == 4 => self.report_other_keys(),
            b'n' => self.report_private_status(csi),
            b'r' => self.restore_modes(csi),
            b's' => {
                for n in csi.params() {
                    self.save_mode(*n);
                }
            }
            b'u' => self.report_keys(),
            b'S' => self.report_graphics(csi.param(0)),
            _ => {}
        }
    }

    /// DECSET, DECRST.
    pub fn set_mode(&mut self, number: u16, on: bool) {
        if let Some(mode) = mouse_mode(number) {
            self.mouse = if on { mode } else { MouseMode::Off };
            return;
        }
        if let Some(encoding) = mouse_encoding(number) {
            if on {
                self.encoding = encoding;
            } else if self.encoding == encoding {
                self.encoding = MouseEncoding::Default;
            }
            return;
        }
        match number {
            47 => return self.switch(on),
            1047 => {
                if !on && self.on_alt {
                    self.wipe();
                }
                return self.switch(on);
            }
            1048 => {
                return if on { self.save_cursor() } else { self.restore_cursor() };
            }
            1049 => {
                if on && !self.on_alt {
                    self.save_cursor();
                    self.switch(true);
                    self.wipe();
                } else if !on && self.on_alt {
                    self.wipe();
                    self.switch(false);
                    self.restore_cursor();
                } else if !on && self.page.saved.kept {
                    // said twice: the cursor goes back again (xterm, tmux)
                    self.restore_cursor();
                }
                return;
            }
            _ => {}
        }
        let Some(flag) = Flags::of(number, true) else { return };
        let was = self.flags.has(flag);
        match flag {
            Flags::COLUMNS => return self.set_width(on),
            // only VT420s and later have side margins
            Flags::MARGINS if self.level < 64 => return,
            Flags::KEEP_SCREEN if self.level < 65 => return,
            _ => self.flags.set(flag, on),
        }
        match flag {
            Flags::ORIGIN => self.goto(0, 0),
            Flags::MARGINS if !on => self.reset_side_margins(),
            Flags::REVERSE if was != on => self.touch(),
            _ => {}
        }
    }

    /// Blanks the screen that is shown.
    fn wipe(&mut self) {
        let erased = self.erased();
        for r in 0..self.rows() {
            self.page.grid.blank(r, erased);
        }
        self.page.placements.clear();
    }

    /// DECCOLM: 80 or 132 columns where that is allowed (40) and nobody watches; the screen is cleared in any case, as in
    /// tmux and alacritty.
    fn set_width(&mut self, wide: bool) {
        if self.flags.has(Flags::ALLOW_COLUMNS) {
            self.flags.set(Flags::COLUMNS, wide);
            self.ask_size(Some(if wide { 132 } else { 80 }), None);
        }
        self.reset_margins();
        self.flags.set(Flags::MARGINS, false);
        if !self.flags.has(Flags::KEEP_SCREEN) {
            self.scroll_away();
            self.wipe();
        }
        let origin = self.flags.has(Flags::ORIGIN);
        self.flags.set(Flags::ORIGIN, false);
        self.goto(0, 0);
        self.flags.set(Flags::ORIGIN, origin);
    }

    /// A program asks for another size. 0 = the largest there is, which is the one there is.
    pub fn ask_size(&mut self, cols: Option<u16>, rows: Option<u16>) {
        let or = |asked: Option<u16>, have: u16| asked.filter(|n| *n > 0).unwrap_or(have);
        let size = Size { cols: or(cols, self.size.cols), rows: or(rows, self.size.rows) };
        let allowed = self.resizable && self.resized < Terminal::MOST_RESIZES;
        if allowed && size.is_valid() && size != self.size {
            self.resized += 1;
            self.resize(size, false);
            self.events.push(Event::Resized(size));
        }
    }

    /// XTSAVE.
    fn save_mode(&mut self, number: u16) {
        if mouse_mode(number).is_some() {
            self.saved_mouse.0 = self.mouse;
        } else if mouse_encoding(number).is_some() {
            self.saved_mouse.1 = self.encoding;
        } else if matches!(number, 47 | 1047 | 1049) {
            self.saved_alt = self.on_alt;
        } else if number == 1048 {
            self.save_cursor();
        } else if let Some(flag) = Flags::of(number, true) {
            self.saved_flags.set(flag, self.flags.has(flag));
        }
    }

    /// XTRESTORE.
    fn restore_modes(&mut self, csi: &Csi) {
        for n in csi.params() {
            if mouse_mode(*n).is_some() {
                self.mouse = self.saved_mouse.0;
            } else if mouse_encoding(*n).is_some() {
                self.encoding = self.saved_mouse.1;
            } else if matches!(n, 47 | 1047 | 1049) {
                let on = self.saved_alt;
                self.set_mode(*n, on);
            } else if *n == 1048 {
                self.restore_cursor();
            } else if let Some(flag) = Flags::of(*n, true) {
                let on = self.saved_flags.has(flag);
                self.set_mode(*n, on);
            }
        }
    }

    /// DECSCL: also a soft reset (VT510). Answers stay in 7 bits.
    fn set_level(&mut self, level: u16) {
        if (61..=65).contains(&level) {
            self.soft_reset();
            self.level = level;
            self.leveled = true;
        }
    }

    /// Kitty keyboard flags: `how` 1 = these, 2 = these too, 3 = not these.
    fn set_keys(&mut self, flags: u16, how: u16) {
        let flags = (flags & 31) as u8;
        self.page.keys = match how {
            0 | 1 => flags,
            2 => self.page.keys | flags,
            3 => self.page.keys & !flags,
            _ => return,
        };
    }
    fn push_keys(&mut self, flags: u16) {
        if self.page.keys_before.len() == Page::MOST_KEYS {
            self.page.keys_before.pop_front();
        }
        let before = self.page.keys;
        self.page.keys_before.push_back(before);
        self.page.keys = (flags & 31) as u8;
    }
    fn pop_keys(&mut self, n: usize) {
        for _ in 0..n.min(Page::MOST_KEYS + 1) {
            self.page.keys = self.page.keys_before.pop_back().unwrap_or(0);
        }
    }

    /// XTWINOPS: what asks is answered where the answer is made of numbers of ours; what would move windows is not done.
    fn window(&mut self, csi: &Csi) {
        match csi.param(0) {
            8 if csi.len() > 1 => self.ask_size(Some(csi.param(2)), Some(csi.param(1))),
            n @ 24.. => self.ask_size(None, Some(n)),
            11 | 13..=16 | 18..=21 => self.report_window(csi.param(0)),
            22 if self.names_before.len() < Terminal::MOST_NAMES => self.names_before.push(self.names.clone()),
            23 => {
                if let Some(before) = self.names_before.pop() {
                    match csi.param(1) {
                        1 => self.names.icon = before.icon,
                        2 => self.set_title(before.title),
                        _ => {
                            self.names.icon = before.icon;
                            self.set_title(before.title);
                        }
                    }
                }
            }
            _ => {}
        }
    }
}
