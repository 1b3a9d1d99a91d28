//! Owns the answers a program gets. They are made of numbers and constants; no text a program has sent can enter one.
//! Leaves out when they are asked for.

use super::cell::Cell;
use super::csi::Csi;
use super::mode::{Flags, ModeState, fixed, mouse_encoding, mouse_mode};
use super::sgr;
use super::terminal::Terminal;
use crate::term::screen::MouseEncoding;
use std::io::Write;

/// DA1: a VT420 with what xterm says it has, and the clipboard (52).
const DEVICE: &[u8] = b"\x1b[?64;1;2;6;9;15;16;17;18;21;22;28;29;52c";
/// The same of a VT220 and a VT320 (DECSCL).
const DEVICE_62: &[u8] = b"\x1b[?62;1;2;6;9;15;22;29;52c";
const DEVICE_63: &[u8] = b"\x1b[?63;1;2;6;9;15;22;29;52c";
const DEVICE_61: &[u8] = b"\x1b[?1;2c";
/// DA2: a VT420; programs take the number for the version of an xterm that can do as much.
const DEVICE_2: &[u8] = b"\x1b[>41;354;0c";
/// DA3: no unit id.
const DEVICE_3: &[u8] = b"\x1bP!|00000000\x1b\\";
const VERSION: &[u8] = concat!("\x1bP>|thub(", env!("CARGO_PKG_VERSION"), ")\x1b\\").as_bytes();
const NO_SETTING: &[u8] = b"\x1bP0$r\x1b\\";
const NO_CAPABILITY: &[u8] = b"\x1bP0+r\x1b\\";

/// What XTGETTCAP tells: the name in hexadecimal digits, and the value.
const CAPABILITIES: &[(&str, &str)] = &[
    ("544E", "xterm-256color"),                                                           // TN
    ("436F", "256"),                                                                      // Co
    ("636F6C6F7273", "256"),                                                              // colors
    ("524742", "8/8/8"),                                                                  // RGB
    ("5463", ""),                                                                         // Tc
    ("5375", ""),                                                                         // Su
    ("536D756C78", "\\E[4:%p1%dm"),                                                       // Smulx
    ("536574756C63", "\\E[58:2::%p1%{65536}%/%d:%p1%{256}%/%{255}%&%d:%p1%{255}%&%d%;m"), // Setulc
    ("536D6F6C", "\\E[53m"),                                                              // Smol
    ("736D7878", "\\E[9m"),                                                               // smxx
    ("726D7878", "\\E[29m"),                                                              // rmxx
    ("5373", "\\E[%p1%d q"),                                                              // Ss
    ("5365", "\\E[2 q"),                                                                  // Se
    ("4D73", "\\E]52;%p1%s;%p2%s\\007"),                                                  // Ms
    ("53796E63", "\\E[?2026%?%p1%{1}%-%tl%eh%;"),                                         // Sync
    ("626365", ""),                                                                       // bce
    ("616D", ""),                                                                         // am
];

impl Terminal {
    fn say(&mut self, text: String) {
        self.reply(text.as_bytes());
    }

    pub fn report_device(&mut self) {
        self.reply(match self.level {
            61 => DEVICE_61,
            62 => DEVICE_62,
            63 => DEVICE_63,
            _ => DEVICE,
        });
    }
    pub fn report_device_2(&mut self) {
        self.reply(DEVICE_2);
    }
    pub fn report_device_3(&mut self) {
        self.reply(DEVICE_3);
    }
    pub fn report_version(&mut self) {
        self.reply(VERSION);
    }

    /// Where the cursor is, from 1; relative to the margins in origin mode.
    fn told(&self) -> (usize, usize) {
        let frame = self.frame();
        (self.at.row.saturating_sub(frame.top) + 1, self.at.col.saturating_sub(frame.left) + 1)
    }

    /// DSR.
    pub fn report_status(&mut self, what: u16) {
        match what {
            5 => self.reply(b"\x1b[0n"),
            6 => {
                let (row, col) = self.told();
                self.say(format!("\x1b[{row};{col}R"));
            }
            _ => {}
        }
    }

    /// DSR with `?`.
    pub fn report_private_status(&mut self, csi: &Csi) {
        match csi.param(0) {
            6 => {
                let (row, col) = self.told();
                self.say(format!("\x1b[?{row};{col};1R"));
            }
            15 => self.reply(b"\x1b[?13n"),
            25 => self.reply(b"\x1b[?20n"),
            26 => self.reply(b"\x1b[?27;1;0;0n"),
            53 | 55 => self.reply(b"\x1b[?50n"),
            56 => self.reply(b"\x1b[?57;0n"),
            62 => self.reply(b"\x1b[0*{"),
            63 => self.say(format!("\x1bP{}!~0000\x1b\\", csi.param(1))),
            75 => self.reply(b"\x1b[?70n"),
            85 => self.reply(b"\x1b[?83n"),
            996 => {
                let dark = self.colors.is_dark();
                self.say(format!("\x1b[?997;{}n", if dark { 1 } else { 2 }));
            }
            _ => {}
        }
    }

    /// DECRQM.
    pub fn report_mode(&mut self, number: u16, private: bool) {
        // a VT220 and before know no such question
        if self.level < 63 {
            return;
        }
        let state = self.mode_state(number, private);
        let mark = if private { "?" } else { "" };
        self.say(format!("\x1b[{mark}{number};{}$y", state as u8));
    }

    fn mode_state(&self, number: u16, private: bool) -> ModeState {
        if private {
            if let Some(mode) = mouse_mode(number) {
                return (self.mouse == mode).into();
            }
            if let Some(encoding) = mouse_encoding(number) {
                return (self.encoding == encoding && encoding != MouseEncoding::Default).into();
            }
            match number {
                47 | 1047 | 1049 => return self.on_alt.into(),
                1048 => return ModeState::Set,
                _ => {}
            }
        }
        match Flags::of(number, private) {
            Some(flag) => self.flags.has(flag).into(),
            None => fixed(number, private),
        }
    }

    /// DECRQSS: settings by the end of the sequence that sets them.
    pub fn report_setting(&mut self, what: &[u8]) {
        match what {
            b"m" => {
                let mut out = b"\x1bP1$r".to_vec();
                sgr::parameters(&self.pen.style, &mut out);
                out.extend_from_slice(b"m\x1b\\");
                self.reply(&out);
            }
            b"r" => self.say(format!("\x1bP1$r{};{}r\x1b\\", self.top + 1, self.bottom)),
            b"s" => self.say(format!("\x1bP1$r{};{}s\x1b\\", self.left + 1, self.right)),
            b"\"q" => self.say(format!("\x1bP1$r{}\"q\x1b\\", u8::from(self.pen.protected))),
            b"\"p" => self.say(format!("\x1bP1$r{};1\"p\x1b\\", self.level.min(64))),
            b" q" => self.say(format!("\x1bP1$r{} q\x1b\\", self.cursor_style)),
            b"*x" => self.say(format!("\x1bP1$r{}*x\x1b\\", if self.by_rectangle { 2 } else { 0 })),
            b"t" => self.say(format!("\x1bP1$r{}t\x1b\\", self.size.rows)),
            b"$|" => self.say(format!("\x1bP1$r{}$|\x1b\\", self.size.cols)),
            b"*|" => self.say(format!("\x1bP1$r{}*|\x1b\\", self.size.rows)),
            b"$}" => self.reply(b"\x1bP1$r0$}\x1b\\"),
            b"$~" => self.reply(b"\x1bP1$r0$~\x1b\\"),
            _ => self.reply(NO_SETTING),
        }
    }

    /// XTGETTCAP: names in hexadecimal, separated by `;`. The names in the answer are ours.
    pub fn report_capabilities(&mut self, names: &[u8]) {
        for name in names.split(|b| *b == b';').take(64) {
            match CAPABILITIES.iter().find(|(n, _)| n.as_bytes().eq_ignore_ascii_case(name)) {
                Some((name, value)) => {
                    let mut out = format!("\x1bP1+r{name}").into_bytes();
                    if !value.is_empty() {
                        out.push(b'=');
                        for byte in value.bytes() {
                            let _ = write!(out, "{byte:02X}");
                        }
                    }
                    out.extend_from_slice(b"\x1b\\");
                    self.reply(&out);
                }
                None => {
                    // nobody asks on after the first one that is not there (xterm)
                    self.reply(NO_CAPABILITY);
                    return;
                }
            }
        }
    }

    /// XTWINOPS that ask. Titles are never told: a program could make a shell type them.
    pub fn report_window(&mut self, what: u16) {
        let (rows, cols) = (u32::from(self.size.rows), u32::from(self.size.cols));
        let (width, height) = (u32::from(self.cell_px.0), u32::from(self.cell_px.1));
        match what {
            11 => self.reply(b"\x1b[1t"),
            13 => self.reply(b"\x1b[3;0;0t"),
            14 => self.say(format!("\x1b[4;{};{}t", rows * height, cols * width)),
            15 => self.say(format!("\x1b[5;{};{}t", rows * height, cols * width)),
            16 => self.say(format!("\x1b[6;{height};{width}t")),
            18 => self.say(format!("\x1b[8;{rows};{cols}t")),
            19 => self.say(format!("\x1b[9;{rows};{cols}t")),
            20 => self.reply(b"\x1b]L\x1b\\"),
            21 => self.reply(b"\x1b]l\x1b\\"),
            _ => {}
        }
    }

    /// `CSI ? u`.
    pub fn report_keys(&mut self) {
        self.say(format!("\x1b[?{}u", self.page.keys));
    }

    /// `CSI ? 4 m`.
    pub fn report_other_keys(&mut self) {
        self.say(format!("\x1b[>4;{}m", self.modify_other_keys));
    }

    /// XTSMGRAPHICS: nothing is drawn yet, so nothing is there to be asked for.
    pub fn report_graphics(&mut self, what: u16) {
        self.say(format!("\x1b[?{what};1;0S"));
    }

    /// DECREQTPARM (VT102).
    pub fn report_parameters(&mut self, what: u16) {
        self.say(format!("\x1b[{};1;1;128;128;1;0x", what + 2));
    }

    /// DECRQPSR: 1 = DECCIR, 2 = DECTABSR.
    pub fn report_presentation(&mut self, what: u16) {
        match what {
            1 => {
                let (row, col) = self.told();
                let s = &self.pen.style;
                let plain = crate::term::screen::Underline::None;
                let bits = [(s.bold, 1), (s.underline != plain, 2), (s.blink, 4), (s.inverse, 8)];
                let rend: u8 = 0x40 + bits.iter().filter(|(on, _)| *on).map(|(_, b)| b).sum::<u8>();
                let flags = [
                    (self.flags.has(Flags::ORIGIN), 1),
                    (self.charsets.single == Some(2), 2),
                    (self.charsets.single == Some(3), 4),
                    (self.at.pending, 8),
                ];
                let flag: u8 = 0x40 + flags.iter().filter(|(on, _)| *on).map(|(_, b)| b).sum::<u8>();
                let names: String = self.charsets.sets.iter().map(|s| char::from(s.name())).collect();
                self.say(format!(
                    "\x1bP1$u{row};{col};1;{};{};{};{};2;@;{names}\x1b\\",
                    char::from(rend),
                    if self.pen.protected { 'A' } else { '@' },
                    char::from(flag),
                    self.charsets.gl,
                ));
            }
            2 => {
                let stops: Vec<String> = self.tabs.all().map(|c| (c + 1).to_string()).collect();
                self.say(format!("\x1bP2$u{}\x1b\\", stops.join("/")));
            }
            _ => {}
        }
    }

    /// DECRQCRA (DEC STD 070): the negated sum of the characters of a rectangle, blanks as spaces.
    pub fn report_checksum(&mut self, csi: &Csi) {
        let mut sum = 0u16;
        let page = csi.param(1);
        let whole = page == 0 && csi.len() < 3;
        let rect = if whole { self.rectangle(&Csi::new(), 2) } else { self.rectangle(csi, 2) };
        if let Some(rect) = rect.filter(|_| page <= 1) {
            for r in rect.top..rect.bottom {
                let cells = &self.page.grid.row(r).cells;
                let cells = cells.get(rect.left..rect.right.min(cells.len())).unwrap_or_default();
                let blanks = rect.right - rect.left - cells.len();
                let of_row = self.sum(cells).wrapping_add(blanks as u32 * u32::from(b' '));
                sum = sum.wrapping_add(of_row as u16);
            }
        }
        self.say(format!("\x1bP{}!~{:04X}\x1b\\", csi.param(0), sum.wrapping_neg()));
    }

    /// Of the characters of these cells.
    fn sum(&self, cells: &[Cell]) -> u32 {
        let of = |c: &Cell| if c.is_blank() { u32::from(b' ') } else { c.code() };
        // ASCII is most of what there is, and quickly added up
        let plain = |c: &Cell| if c.raw() == 0 { u32::from(b' ') } else { c.raw() };
        let (all, sum) = cells.iter().fold((0, 0u32), |(all, sum), c| (all | c.raw(), sum.wrapping_add(plain(c))));
        if all < 0x80 {
            return sum;
        }
        let codes = cells.iter().map(|c| match c.cluster_index() {
            Some(n) => self.clusters.text(n).chars().fold(0, |sum: u32, c| sum.wrapping_add(c.into())),
            None => of(c),
        });
        codes.fold(0, u32::wrapping_add)
    }
}
