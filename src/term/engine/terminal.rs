//! Owns the state of a terminal and its reset. Leaves out what each sequence does to it: see the files beside.

use super::charset::Charsets;
use super::cluster::Clusters;
use super::graphics::{Placements, Transfer};
use super::grid::Grid;
use super::look::{Look, Looks, Pen};
use super::mode::Flags;
use super::osc::Colors;
use super::tabs::Tabs;
use crate::proto::ids::Size;
use crate::term::history::History;
use crate::term::screen::{CELL_PIXELS, Event, MouseEncoding, MouseMode};
use std::collections::VecDeque;

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Place {
    pub row: usize,
    pub col: usize,
    /// The last column was written to: the next character wraps first.
    pub pending: bool,
}

/// What DECSC keeps (DEC STD 070: position, pen, sets, origin, wrap).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Saved {
    pub place: Place,
    pub pen: Pen,
    pub charsets: Charsets,
    pub origin: bool,
    /// A program did save it.
    pub kept: bool,
}

/// What each of the two screens has for itself.
pub(super) struct Page {
    pub grid: Grid,
    pub saved: Saved,
    /// Kitty keyboard flags in force, and those pushed before (at most [`Page::MOST_KEYS`]).
    pub keys: u8,
    pub keys_before: VecDeque<u8>,
    pub placements: Placements,
}

impl Page {
    pub const MOST_KEYS: usize = 16;
    fn new(size: Size, stamp: u64) -> Page {
        Page {
            grid: Grid::new(size, stamp),
            saved: Saved::default(),
            keys: 0,
            keys_before: VecDeque::new(),
            placements: Placements::default(),
        }
    }
}

/// Title and icon name.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Names {
    pub title: String,
    pub icon: String,
}

pub(super) struct Terminal {
    pub size: Size,
    /// The screen that is shown, and the other one.
    pub page: Page,
    pub other: Page,
    pub on_alt: bool,
    pub at: Place,
    pub pen: Pen,
    /// The pen packed; out of date while `stale`.
    pub look: Look,
    pub stale: bool,
    /// The look of what it erases, if it was asked for since.
    erased: Option<Look>,
    /// For putting texts together.
    pub scratch: String,
    pub looks: Looks,
    pub clusters: Clusters,
    /// Tables are cleaned beyond so many entries.
    pub clean_looks: usize,
    pub clean_clusters: usize,
    /// Scrolling region: rows `top..bottom`, columns `left..right`.
    pub top: usize,
    pub bottom: usize,
    pub left: usize,
    pub right: usize,
    pub flags: Flags,
    /// XTSAVE.
    pub saved_flags: Flags,
    pub mouse: MouseMode,
    pub encoding: MouseEncoding,
    pub saved_mouse: (MouseMode, MouseEncoding),
    pub saved_alt: bool,
    pub tabs: Tabs,
    pub charsets: Charsets,
    /// What REP repeats.
    pub last: Option<char>,
    /// The cell printed last: what comes may join it as long as the cursor stands behind it.
    pub join: Option<(usize, usize)>,
    /// It ends with a joiner (U+200D): what comes next belongs to it.
    pub joiner: bool,
    pub names: Names,
    pub names_before: Vec<Names>,
    pub directory: String,
    pub colors: Colors,
    pub colors_before: Vec<Colors>,
    /// DECSCUSR, 0 to 6.
    pub cursor_style: u16,
    /// DECSACE: attribute changes go by rectangle, not by stream.
    pub by_rectangle: bool,
    /// Protection was last set by SPA: every erasing heeds it, not only the selective ones.
    pub guarded: bool,
    /// DECSCL: 61 to 65.
    pub level: u16,
    /// A program has said DECSCL. Until then selective erasing does nothing and DECALN leaves the cursor, as on a VT100,
    /// and as in the terminals that know neither.
    pub leveled: bool,
    pub modify_other_keys: u8,
    /// XTPUSHSGR.
    pub pens_before: Vec<Pen>,
    pub history: History,
    /// A picture that is being sent in pieces, and the sizes of those sent (id, width, height).
    pub transfer: Transfer,
    pub images: Vec<(u32, u32, u32)>,
    /// Milliseconds since the epoch, as told last.
    pub time: u64,
    pub events: Vec<Event>,
    /// Bytes of answers to the piece of output that is being taken in.
    pub said: usize,
    /// How often that piece has changed the size.
    pub resized: usize,
    pub generation: u64,
    /// The private string of snapshots is understood.
    pub restoring: bool,
    /// Titles and colours have been restored once: what comes now goes on their stacks.
    pub restored_names: bool,
    pub restored_colors: bool,
    /// A program may change the size (DECCOLM, `CSI 8 t`).
    pub resizable: bool,
    /// A cell in pixels, width and height.
    pub cell_px: (u16, u16),
}

impl Terminal {
    pub const MOST_NAMES: usize = 10;
    pub const MOST_PENS: usize = 10;
    /// Changes of size that a piece of output (64 KiB) may make: each wraps all lines anew, which costs far more than the
    /// sequence that asks for it.
    pub const MOST_RESIZES: usize = 16;

    pub fn new(size: Size, lines: usize) -> Terminal {
        let size = size.clamped();
        let (rows, cols) = (usize::from(size.rows), usize::from(size.cols));
        let stamp = super::first_stamp();
        Terminal {
            size,
            page: Page::new(size, stamp),
            other: Page::new(size, stamp + (1 << 39)),
            on_alt: false,
            at: Place::default(),
            pen: Pen::PLAIN,
            look: Look::PLAIN,
            stale: false,
            erased: None,
            scratch: String::new(),
            looks: Looks::default(),
            clusters: Clusters::default(),
            clean_looks: CLEAN,
            clean_clusters: CLEAN,
            top: 0,
            bottom: rows,
            left: 0,
            right: cols,
            flags: Flags::new(),
            saved_flags: Flags::new(),
            mouse: MouseMode::Off,
            encoding: MouseEncoding::Default,
            saved_mouse: (MouseMode::Off, MouseEncoding::Default),
            saved_alt: false,
            tabs: Tabs::new(cols),
            charsets: Charsets::default(),
            last: None,
            join: None,
            joiner: false,
            names: Names::default(),
            names_before: Vec::new(),
            directory: String::new(),
            colors: Colors::default(),
            colors_before: Vec::new(),
            cursor_style: 0,
            by_rectangle: false,
            guarded: false,
            level: LEVEL,
            leveled: false,
            modify_other_keys: 0,
            pens_before: Vec::new(),
            history: History::new(lines),
            transfer: Transfer::default(),
            images: Vec::new(),
            time: 0,
            events: Vec::new(),
            said: 0,
            resized: 0,
            generation: 0,
            restoring: false,
            restored_names: false,
            restored_colors: false,
            resizable: false,
            cell_px: CELL_PIXELS,
        }
    }

    pub fn rows(&self) -> usize {
        self.page.grid.height()
    }
    pub fn cols(&self) -> usize {
        self.page.grid.cols()
    }

    /// The primary screen, shown or not.
    pub fn primary(&self) -> &Page {
        if self.on_alt { &self.other } else { &self.page }
    }
    pub fn alternate(&self) -> &Page {
        if self.on_alt { &self.page } else { &self.other }
    }

    /// The pen was changed.
    pub fn repen(&mut self, change: impl FnOnce(&mut Pen)) {
        change(&mut self.pen);
        self.stale = true;
    }

    /// Packs the pen if it was changed.
    #[inline]
    pub fn dip(&mut self) {
        if self.stale {
            self.stale = false;
            self.look = self.looks.look(&self.pen);
            self.erased = None;
        }
    }

    /// The look of what is erased now.
    pub fn erased(&mut self) -> Look {
        self.dip();
        match self.erased {
            Some(erased) => erased,
            None if self.look == Look::PLAIN => Look::PLAIN,
            None => {
                let erased = self.looks.erased(self.look);
                self.erased = Some(erased);
                erased
            }
        }
    }

    pub fn reply(&mut self, bytes: &[u8]) {
        self.said += bytes.len();
        if self.said > MOST_SAID {
            return;
        }
        self.events.push(Event::Reply(bytes.to_vec()));
    }

    /// Whether the margins leave the whole width.
    pub fn full_width(&self) -> bool {
        self.left == 0 && self.right == self.cols()
    }

    pub fn reset_margins(&mut self) {
        self.top = 0;
        self.bottom = self.rows();
        self.reset_side_margins();
    }
    pub fn reset_side_margins(&mut self) {
        self.left = 0;
        self.right = self.cols();
    }

    /// RIS. History stays, as in every terminal people use; titles and folder too.
    pub fn reset(&mut self) {
        if self.flags.has(Flags::COLUMNS) {
            self.ask_size(Some(80), None);
        }
        self.switch(false);
        self.scroll_away();
        let (grid, other) = (&mut self.page.grid, &mut self.other.grid);
        for g in [grid, other] {
            for r in 0..g.height() {
                g.blank(r, Look::PLAIN);
            }
        }
        self.history.close();
        for page in [&mut self.page, &mut self.other] {
            page.saved = Saved::default();
            page.keys = 0;
            page.keys_before.clear();
            page.placements.clear();
        }
        self.at = Place::default();
        self.repen(|pen| *pen = Pen::PLAIN);
        self.reset_margins();
        (self.flags, self.saved_flags) = (Flags::new(), Flags::new());
        (self.mouse, self.encoding) = (MouseMode::Off, MouseEncoding::Default);
        self.saved_mouse = (MouseMode::Off, MouseEncoding::Default);
        self.saved_alt = false;
        (self.tabs, self.charsets) = (Tabs::new(self.cols()), Charsets::default());
        (self.last, self.join, self.joiner) = (None, None, false);
        self.names_before.clear();
        self.colors.reset();
        self.colors_before.clear();
        self.pens_before.clear();
        self.cursor_style = 0;
        (self.by_rectangle, self.guarded) = (false, false);
        (self.level, self.leveled) = (LEVEL, false);
        self.modify_other_keys = 0;
        self.transfer = Transfer::default();
        self.images.clear();
    }

    /// DECSTR (VT510 "Soft Terminal Reset").
    pub fn soft_reset(&mut self) {
        self.flags.set(Flags::VISIBLE | Flags::AUTOWRAP, true);
        self.flags.set(
            Flags::INSERT
                | Flags::ORIGIN
                | Flags::KEYS_LOCKED
                | Flags::APP_CURSOR
                | Flags::APP_KEYPAD
                | Flags::MARGINS
                | Flags::NATIONAL
                | Flags::REVERSE_WRAP
                | Flags::REVERSE_WRAP_FAR,
            false,
        );
        self.reset_margins();
        self.repen(|pen| *pen = Pen::PLAIN);
        self.guarded = false;
        self.charsets = Charsets::default();
        self.page.saved = Saved::default();
        self.page.keys = 0;
        self.page.keys_before.clear();
        self.modify_other_keys = 0;
        self.at.pending = false;
        self.cursor_style = 0;
    }

    pub fn save_cursor(&mut self) {
        self.page.saved = Saved {
            place: self.at,
            pen: self.pen,
            charsets: self.charsets,
            origin: self.flags.has(Flags::ORIGIN),
            kept: true,
        };
    }

    pub fn restore_cursor(&mut self) {
        let saved = self.page.saved;
        self.flags.set(Flags::ORIGIN, saved.origin);
        self.charsets = saved.charsets;
        self.repen(|pen| *pen = saved.pen);
        let place = saved.place;
        let (row, col) = (place.row.min(self.rows() - 1), place.col.min(self.cols() - 1));
        self.at = Place { row, col, pending: place.pending && place.col == col };
        if saved.origin {
            // never outside of the margins (xterm)
            self.at.row = self.at.row.clamp(self.top, self.bottom - 1);
            self.at.col = self.at.col.clamp(self.left, self.right - 1);
        }
        self.join = None;
    }

    /// Every row of both screens looks otherwise now.
    pub fn touch(&mut self) {
        self.page.grid.touch();
        self.other.grid.touch();
    }

    /// Shows the other screen.
    pub fn switch(&mut self, alt: bool) {
        if alt != self.on_alt {
            self.on_alt = alt;
            std::mem::swap(&mut self.page, &mut self.other);
            self.join = None;
        }
    }

    /// Drops what no cell shows any more from the tables, once they have grown.
    pub fn clean(&mut self) {
        if self.looks.len() < self.clean_looks && self.clusters.len() < self.clean_clusters {
            return;
        }
        let old = std::mem::take(&mut self.looks);
        let mut moved = old.renewed();
        let old_clusters = std::mem::take(&mut self.clusters);
        let mut clusters = Clusters::default();
        for page in [&mut self.page, &mut self.other] {
            for row in page.grid.all_mut() {
                for cell in &mut row.cells {
                    let look = moved.look(cell.look);
                    *cell = old_clusters.moved(cell.with_look(look), &mut clusters);
                }
            }
            page.saved.pen = moved.pen(page.saved.pen);
        }
        self.pen = moved.pen(self.pen);
        for pen in &mut self.pens_before {
            *pen = moved.pen(*pen);
        }
        self.looks = moved.new;
        self.clusters = clusters;
        self.stale = true;
        self.clean_looks = CLEAN.max(self.looks.len() * 2);
        self.clean_clusters = CLEAN.max(self.clusters.len() * 2);
    }
}

/// What DECSCL says at first: a VT420.
const LEVEL: u16 = 64;
/// Bytes of answers to one piece of output (64 KiB): whoever asks for more is a flood, and gets no more.
const MOST_SAID: usize = 1 << 20;
/// Entries of a table before it is cleaned first.
const CLEAN: usize = 4096;
