//! Owns what the terminals are fed: streams of the kinds that programs write, made anew each time and always the same.
//! After the kinds of vtebench, and what it leaves out: wide characters, emoji, long lines, scroll regions.

use crate::vary::Random;
use std::fmt::Write;
use thub::proto::ids::Size;

pub struct Load {
    pub name: &'static str,
    pub bytes: Vec<u8>,
}

type Make = fn(&mut Maker);

const KINDS: [(&str, Make); 15] = [
    ("ascii_log", ascii_log),
    ("light_cells", light_cells),
    ("dense_cells", dense_cells),
    ("truecolor", truecolor),
    ("cursor_motion", cursor_motion),
    ("scrolling", scrolling),
    ("scrolling_primary", scrolling_primary),
    ("scroll_region", scroll_region),
    ("scroll_region_ri", scroll_region_ri),
    ("alt_random", alt_random),
    ("cjk", cjk),
    ("emoji", emoji),
    ("unicode_mix", unicode_mix),
    ("long_line", long_line),
    ("sync_medium", sync_medium),
];

/// Of all kinds.
pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().map(|(name, _)| name)
}

/// Every kind for a screen of this size, each of `target` bytes and the rest of its last line or frame.
pub fn all(size: Size, target: usize) -> impl Iterator<Item = Load> {
    KINDS.into_iter().map(move |(name, make)| {
        let mut maker = Maker::new(size, target);
        make(&mut maker);
        Load { name, bytes: maker.out.into_bytes() }
    })
}

/// A line of a log, its end included.
pub fn log_line(random: &mut Random, out: &mut String) {
    let (m, s, ms) = (random.below(60), random.below(60), random.below(1000));
    let _ = write!(out, "2026-11-20T01:{m:02}:{s:02}.{ms:03}Z INFO  thub::");
    word(random, out);
    let _ = write!(out, " [{}] ", random.between(1, 9999));
    for i in 0..random.between(2, 12) {
        if i > 0 {
            out.push(' ');
        }
        word(random, out);
    }
    out.push_str("\r\n");
}

fn word(random: &mut Random, out: &mut String) {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=";
    for _ in 0..random.between(2, 11) {
        out.push(char::from(random.pick(LETTERS)));
    }
}

struct Maker {
    rows: usize,
    cols: usize,
    target: usize,
    random: Random,
    out: String,
}

/// `put!(maker, "format", ...)`: writing to a String cannot fail.
macro_rules! put {
    ($maker:expr, $($what:tt)*) => { let _ = write!($maker.out, $($what)*); };
}

impl Maker {
    fn new(size: Size, target: usize) -> Maker {
        let (rows, cols) = (usize::from(size.rows), usize::from(size.cols));
        Maker { rows, cols, target, random: Random::new(7), out: String::with_capacity(target + target / 4) }
    }

    fn fill(&mut self, mut piece: impl FnMut(&mut Maker, usize)) {
        for i in 0.. {
            if self.out.len() >= self.target {
                break;
            }
            piece(self, i);
        }
    }

    fn word(&mut self) {
        word(&mut self.random, &mut self.out);
    }

    fn go_anywhere(&mut self) {
        let (row, col) = (self.random.between(1, self.rows), self.random.between(1, self.cols));
        put!(self, "\x1b[{row};{col}H");
    }

    fn every_cell(&mut self, mut cell: impl FnMut(&mut Maker, usize, usize)) {
        self.out.push_str("\x1b[H");
        for row in 0..self.rows {
            for col in 0..self.cols {
                cell(self, row, col);
            }
        }
    }
}

fn letter(i: usize) -> char {
    char::from(b'a' + (i % 26) as u8)
}

fn ascii_log(m: &mut Maker) {
    m.fill(|m, _| log_line(&mut m.random, &mut m.out));
}

fn light_cells(m: &mut Maker) {
    m.fill(|m, i| m.every_cell(|m, _, _| m.out.push(letter(i))));
}

fn dense_cells(m: &mut Maker) {
    m.fill(|m, i| {
        m.every_cell(|m, row, col| {
            let n = i + row * 3 + col * 7;
            put!(m, "\x1b[38;5;{};48;5;{};1;3;4m{}", n % 156 + 100, 255 - n % 156, letter(i));
        });
    });
}

fn truecolor(m: &mut Maker) {
    m.fill(|m, i| {
        m.every_cell(|m, row, col| {
            let [r, g, b] = std::array::from_fn(|_| m.random.below(256));
            let c = char::from(b'!' + m.random.below(91) as u8);
            put!(m, "\x1b[38;2;{r};{g};{b};48;2;{};{};{}m{c}", row * 5 % 256, col * 3 % 256, i * 9 % 256);
        });
    });
}

fn cursor_motion(m: &mut Maker) {
    m.fill(|m, i| {
        m.go_anywhere();
        m.out.push(letter(i));
    });
}

fn scrolling(m: &mut Maker) {
    m.out.push_str("\x1b[?1049h");
    scrolling_primary(m);
    m.out.push_str("\x1b[?1049l");
}

fn scrolling_primary(m: &mut Maker) {
    m.fill(|m, _| m.out.push_str("y\r\n"));
}

fn scroll_region(m: &mut Maker) {
    let bottom = m.rows - 2;
    put!(m, "\x1b[?1049h\x1b[2;{bottom}r\x1b[{bottom};1H");
    m.fill(|m, _| m.out.push_str("line of text here\r\n"));
    m.out.push_str("\x1b[r\x1b[?1049l");
}

fn scroll_region_ri(m: &mut Maker) {
    put!(m, "\x1b[?1049h\x1b[2;{}r", m.rows - 2);
    m.fill(|m, _| {
        m.out.push_str("\x1b[2;1H\x1bM");
        m.word();
        m.out.push(' ');
        m.word();
        let (row, n, what) = (m.random.between(3, m.rows - 3), m.random.between(1, 3), m.random.pick(&['L', 'M']));
        put!(m, "\x1b[{row};1H\x1b[{n}{what}");
        m.word();
    });
    m.out.push_str("\x1b[r\x1b[?1049l");
}

fn alt_random(m: &mut Maker) {
    m.out.push_str("\x1b[?1049h");
    m.fill(|m, _| {
        m.go_anywhere();
        match m.random.below(6) {
            0 => {
                let color = m.random.below(256);
                put!(m, "\x1b[38;5;{color}m");
            }
            i => {
                let plain = ["0", "1", "31", "42", "7"][i - 1];
                put!(m, "\x1b[{plain}m");
            }
        }
        m.word();
        let after = match m.random.below(7) {
            2 => "\x1b[K",
            3 if m.random.one_in(20) => "\x1b[J",
            4 => "\x1b[4X",
            5 => "\x1b[3P",
            6 => "\x1b[2@",
            _ => "",
        };
        m.out.push_str(after);
    });
    m.out.push_str("\x1b[?1049l");
}

fn cjk(m: &mut Maker) {
    m.fill(|m, _| {
        for _ in 0..36 {
            let c = char::from_u32(m.random.between(0x4e00, 0x9fff) as u32);
            m.out.extend(c);
        }
        m.out.push_str("\r\n");
    });
}

fn emoji(m: &mut Maker) {
    const EMOJI: [&str; 10] = ["😀", "🎉", "🚀", "👍🏽", "👩‍💻", "❤️", "🇫🇷", "✈️", "👨‍👩‍👧‍👦", "🏳️‍🌈"];
    m.fill(|m, _| {
        for _ in 0..30 {
            m.out.push_str(m.random.pick(&EMOJI));
            if m.random.below(10) < 3 {
                m.out.push(' ');
            }
        }
        m.out.push_str("\r\n");
    });
}

fn unicode_mix(m: &mut Maker) {
    const WORDS: [&str; 9] =
        ["naïve", "żółć", "Ελληνικά", "привет", "日本語", "한국어", "│─└├", "e\u{301}a\u{300}", "→✓•…"];
    m.fill(|m, _| {
        for _ in 0..m.random.between(3, 14) {
            match m.random.below(WORDS.len() + 1) {
                0 => m.word(),
                i => m.out.push_str(WORDS[i - 1]),
            }
            m.out.push(' ');
        }
        m.out.push_str("\r\n");
    });
}

fn long_line(m: &mut Maker) {
    m.fill(|m, _| {
        m.word();
        m.out.push(' ');
    });
}

fn sync_medium(m: &mut Maker) {
    m.fill(|m, _| {
        m.out.push_str("\x1b[?2026h\x1b[H");
        for row in 0..m.rows {
            put!(m, "\x1b[{};1H\x1b[3{}m", row + 1, row % 8);
            let start = m.out.len();
            m.word();
            let word = m.out.split_off(start) + " ";
            m.out.push_str(&word.repeat(8));
        }
        m.out.push_str("\x1b[?2026l");
    });
}
