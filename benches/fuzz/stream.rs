//! Owns the making of streams that a terminal may stumble over: all kinds of sequences, broken ones too, with numbers at
//! the edges and characters of every width. Leaves out what is done with them.

use crate::terminal::vary::Random;
use crate::terminal::{Case, Step};
use thub::proto::ids::Size;

/// A terminal's size and a few pieces of output, with resizes and attaching clients between them.
pub fn case(random: &mut Random) -> Case {
    let mut case = Case { size: size(random), steps: Vec::new() };
    for _ in 0..random.between(1, 4) {
        match random.below(10) {
            0 | 1 => case.steps.push(Step::Resize(size(random))),
            2 => case.steps.push(Step::Attach),
            _ => {}
        }
        let tokens = random.between(1, 40);
        case.steps.push(Step::Feed(output(random, tokens)));
    }
    case
}

/// So many tokens.
pub fn output(random: &mut Random, tokens: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..tokens {
        token(random, &mut out);
    }
    // cut anywhere
    if random.one_in(4) {
        out.truncate(random.below(out.len() + 1));
    }
    out
}

/// Small ones mostly: their edges are near.
fn size(random: &mut Random) -> Size {
    let (cols, rows) = match random.below(10) {
        0 => (random.between(1, 3), random.between(1, 3)),
        1..=5 => (random.between(2, 12), random.between(2, 8)),
        6 | 7 => (random.between(10, 40), random.between(3, 15)),
        8 => (80, 24),
        _ => (random.between(1, 200), random.between(1, 60)),
    };
    Size::new(cols as u16, rows as u16)
}

pub fn token(random: &mut Random, out: &mut Vec<u8>) {
    match random.below(32) {
        0..=5 => text(random, out),
        6 | 7 => character(random, out),
        8 => out.push(random.below(0x20) as u8),
        9 => out.extend_from_slice(random.pick(&[b"\r\n".as_slice(), b"\n", b"\r", b"\t", b"\x08", b"\n\n\n"])),
        10 => broken_utf8(random, out),
        11 => c1(random, out),
        12 => escape(random, out),
        13..=15 => any_csi(random, out),
        16..=20 => known_csi(random, out),
        21 | 22 => sgr(random, out),
        23 | 24 => private_mode(random, out),
        25 => edge(random, out),
        26 => rectangle(random, out),
        27 => keyboard(random, out),
        28 | 29 => string(random, out),
        30 => out.extend_from_slice(random.pick(WHOLE)),
        _ => again(random, out),
    }
}

/// Sequences that only make sense as they are.
const WHOLE: &[&[u8]] = &[
    b"\x1bc",
    b"\x1b[!p",
    b"\x1b#8",
    b"\x1b7",
    b"\x1b8",
    b"\x1bM",
    b"\x1bD",
    b"\x1bE",
    b"\x1bH",
    b"\x1b[3g",
    b"\x1b[0g",
    b"\x1b[?5W",
    b"\x1b[?1049h",
    b"\x1b[?1049l",
    b"\x1b[?1047h",
    b"\x1b[?1047l",
    b"\x1b[?47h",
    b"\x1b[?47l",
    b"\x1b[?1048h",
    b"\x1b[?1048l",
    b"\x1b[?69h",
    b"\x1b[?69l",
    b"\x1b[?6h",
    b"\x1b[?6l",
    b"\x1b[?7l",
    b"\x1b[?7h",
    b"\x1b[4h",
    b"\x1b[4l",
    b"\x1b[20h",
    b"\x1b[20l",
    b"\x1b(0",
    b"\x1b)0",
    b"\x1b*0",
    b"\x1b+A",
    b"\x1b(B",
    b"\x1b%G",
    b"\x1b%@",
    b"\x0e",
    b"\x0f",
    b"\x1bN",
    b"\x1bO",
    b"\x1bn",
    b"\x1bo",
    b"\x1b~",
    b"\x1b#3",
    b"\x1b#6",
    b"\x1b[s",
    b"\x1b[u",
    b"\x1b[r",
    b"\x1b[2J",
    b"\x1b[3J",
    b"\x1b[?3h",
    b"\x1b[?40h",
    b"\x1b[?2026h",
    b"\x1b[?2026l",
    b"\x1b[#{",
    b"\x1b[#}",
    b"\x1b[22t",
    b"\x1b[23t",
    b"\x1b[c",
    b"\x1b[6n",
    b"\x1b[?996n",
    b"\x1b[?6n",
    b"\x1b[14t",
    b"\x1b[>q",
    b"\x1b]8;;\x1b\\",
];

fn text(random: &mut Random, out: &mut Vec<u8>) {
    for _ in 0..random.between(1, 14) {
        out.push(random.below(0x5f) as u8 + 0x20);
    }
}

/// Wide, combining, joined, selected, modified, invisible.
const CHARACTERS: &[&str] = &[
    "漢",
    "字",
    "한",
    "\u{1100}\u{1161}\u{11a8}",
    "ｗ",
    "é",
    "e\u{301}",
    "\u{301}",
    "\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}",
    "❤\u{fe0f}",
    "❤\u{fe0e}",
    "\u{fe0f}",
    "1\u{fe0f}\u{20e3}",
    "👍🏽",
    "🏽",
    "👩\u{200d}💻",
    "👨\u{200d}👩\u{200d}👧\u{200d}👦",
    "🏳\u{fe0f}\u{200d}🌈",
    "\u{200d}",
    "🇫🇷",
    "🇫",
    "🇫🇷🇩",
    "\u{200b}",
    "\u{ad}",
    "\u{2060}",
    "\u{feff}",
    "\u{fffd}",
    "\u{200e}",
    "\u{202e}",
    "שלום",
    "नि",
    "क्ष",
    "ก็",
    "\u{e000}",
    "\u{f0000}",
    "\u{10ffff}",
    "\u{e0067}\u{e007f}",
    "─┼│",
    "→✓•…",
    "\u{a0}",
    "\u{3000}",
    "\u{115f}",
    "\u{2028}",
    "ﷺ",
    "⸻",
    "①",
    "Ω",
];

fn character(random: &mut Random, out: &mut Vec<u8>) {
    for _ in 0..random.between(1, 4) {
        if random.one_in(8) {
            let any = (0..4).find_map(|_| char::from_u32(random.below(0x11_0000) as u32));
            out.extend_from_slice(any.unwrap_or('x').encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            out.extend_from_slice(random.pick(CHARACTERS).as_bytes());
        }
    }
}

fn broken_utf8(random: &mut Random, out: &mut Vec<u8>) {
    const BROKEN: &[&[u8]] = &[
        b"\xff",
        b"\xfe",
        b"\xc3",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\x80",
        b"\xbf\xbf",
        b"\xe2\x28\xa1",
        b"\xf0\x9f\x1b[m",
        b"\xef\xb8",
        b"\xef\xbf\xbd",
        b"\xe2\x80",
    ];
    out.extend_from_slice(random.pick(BROKEN));
}

/// As one byte, and as the character of that number.
fn c1(random: &mut Random, out: &mut Vec<u8>) {
    let byte = 0x80 + random.below(0x20) as u8;
    if random.one_in(2) {
        out.push(0xc2);
    }
    out.push(byte);
}

fn escape(random: &mut Random, out: &mut Vec<u8>) {
    out.push(0x1b);
    if random.one_in(3) {
        out.push(random.pick(b" #()*+-./%$&!\""));
    }
    out.push(0x30 + random.below(0x4f) as u8);
}

/// Nothing, small ones, those near an edge of the screen, of a byte, of two, of four and beyond.
fn number(random: &mut Random, out: &mut Vec<u8>) {
    const EDGES: &[&str] = &[
        "0",
        "1",
        "2",
        "79",
        "80",
        "81",
        "127",
        "128",
        "255",
        "256",
        "999",
        "9999",
        "16383",
        "16384",
        "32767",
        "32768",
        "65534",
        "65535",
        "65536",
        "2147483647",
        "4294967295",
        "4294967296",
        "99999999999999999999",
        "007",
        "",
    ];
    match random.below(8) {
        0 => {}
        1 => out.extend_from_slice(random.pick(EDGES).as_bytes()),
        2 => out.extend_from_slice(random.below(300).to_string().as_bytes()),
        _ => out.extend_from_slice(random.below(14).to_string().as_bytes()),
    }
}

fn numbers(random: &mut Random, out: &mut Vec<u8>) {
    let many = match random.below(20) {
        0 => random.between(10, 70),
        1..=9 => 1,
        _ => random.below(6),
    };
    for i in 0..many {
        if i > 0 {
            out.push(if random.one_in(8) { b':' } else { b';' });
        }
        number(random, out);
    }
}

fn any_csi(random: &mut Random, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[");
    if random.one_in(4) {
        out.push(random.pick(b"?><="));
    }
    numbers(random, out);
    if random.one_in(5) {
        out.push(random.pick(b" !\"#$%&'()*+,-./"));
    }
    // a control inside acts at once
    if random.one_in(20) {
        out.push(random.pick(b"\n\r\x08\x07\x18\x1a\x00\x7f\x0b"));
    }
    out.push(0x40 + random.below(0x3f) as u8);
}

fn known_csi(random: &mut Random, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[");
    match random.below(26) {
        0..=5 => {
            number(random, out);
            out.push(b';');
            number(random, out);
            out.push(random.pick(b"HHHfrrs"));
        }
        6 | 7 => {
            number(random, out);
            out.push(random.pick(b"ABCDEFGae`d"));
        }
        8 | 9 => {
            out.extend_from_slice(random.pick(&[b"".as_slice(), b"0", b"1", b"2", b"3", b"?", b"?1", b"?2"]));
            out.push(random.pick(b"JK"));
        }
        10..=13 => {
            number(random, out);
            out.push(random.pick(b"@PXLMST"));
        }
        14 => {
            number(random, out);
            out.extend_from_slice(random.pick(&[
                b" @".as_slice(),
                b" A",
                b"'}",
                b"'~",
                b" q",
                b"\"q",
                b"#p",
                b"$p",
                b"#q",
            ]));
        }
        15..=17 => {
            number(random, out);
            out.push(b'b');
        }
        18 | 19 => {
            number(random, out);
            out.push(random.pick(b"IZgW"));
        }
        20 => {
            numbers(random, out);
            out.push(random.pick(b"ntc"));
        }
        21 => {
            numbers(random, out);
            out.push(random.pick(b"hl"));
        }
        _ => {
            // above, below, left, right margins in reach
            let (a, b) = (random.between(1, 6), random.between(3, 12));
            out.extend_from_slice(format!("{a};{b}").as_bytes());
            out.push(random.pick(b"rrrs"));
        }
    }
}

fn sgr(random: &mut Random, out: &mut Vec<u8>) {
    const PARTS: &[&str] = &[
        "",
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "8",
        "9",
        "21",
        "22",
        "23",
        "24",
        "25",
        "27",
        "28",
        "29",
        "31",
        "39",
        "42",
        "49",
        "53",
        "55",
        "58;5;9",
        "58:5:9",
        "58:2::1:2:3",
        "58;2;1;2;3",
        "59",
        "90",
        "107",
        "38;5;1",
        "38:5:300",
        "48;5;255",
        "38;2;1;2;3",
        "48:2:1:2:3",
        "48:2::1:2:3",
        "38:2:0:1:2:3:4:5",
        "38;2;999;0;0",
        "38",
        "38;5",
        "48;2;1",
        "38;9;1",
        "4:0",
        "4:1",
        "4:2",
        "4:3",
        "4:4",
        "4:5",
        "4:9",
        "4:",
        ":",
        "73",
        "1000",
        "38:5",
        "38;2;;;",
    ];
    out.extend_from_slice(b"\x1b[");
    for i in 0..random.between(1, 4) {
        if i > 0 {
            out.push(b';');
        }
        out.extend_from_slice(random.pick(PARTS).as_bytes());
    }
    out.push(b'm');
}

fn private_mode(random: &mut Random, out: &mut Vec<u8>) {
    const MODES: &[u16] = &[
        1, 2, 3, 4, 5, 6, 6, 7, 7, 8, 9, 12, 25, 40, 45, 47, 66, 67, 69, 69, 80, 95, 1000, 1002, 1003, 1004, 1005,
        1006, 1007, 1015, 1016, 1034, 1045, 1047, 1048, 1049, 1049, 1070, 2004, 2026, 2027, 2031, 2048, 8452, 9001,
        65535,
    ];
    out.extend_from_slice(b"\x1b[?");
    for i in 0..random.between(1, 2) {
        if i > 0 {
            out.push(b';');
        }
        out.extend_from_slice(random.pick(MODES).to_string().as_bytes());
    }
    out.extend_from_slice(random.pick(&[b"h".as_slice(), b"h", b"h", b"l", b"l", b"s", b"r", b"$p"]));
}

/// To the last column, or past it, and something there.
fn edge(random: &mut Random, out: &mut Vec<u8>) {
    out.extend_from_slice(random.pick(&[
        b"\x1b[999C".as_slice(),
        b"\x1b[999;999H",
        b"\x1b[1;999H",
        b"\x1b[999C\x1b[D",
    ]));
    for _ in 0..random.between(1, 3) {
        if random.one_in(2) { character(random, out) } else { out.push(b'a' + random.below(26) as u8) }
    }
}

/// DECFRA, DECERA, DECSERA, DECCRA, DECCARA, DECRARA, DECSACE, DECRQCRA.
fn rectangle(random: &mut Random, out: &mut Vec<u8>) {
    const FINALS: &[&[u8]] = &[b"$x", b"$z", b"${", b"$v", b"$r", b"$t", b"*x", b"*y", b"$w", b"$u"];
    out.extend_from_slice(b"\x1b[");
    let last = random.pick(FINALS);
    if last == b"$x" || random.one_in(4) {
        out.extend_from_slice(random.pick(&["42;", "32;", "126;", "161;", "31;", "26080;", ";"]).as_bytes());
    }
    for i in 0..random.between(3, 9) {
        if i > 0 {
            out.push(b';');
        }
        number(random, out);
    }
    out.extend_from_slice(last);
}

/// The kitty protocol's stack, and xterm's modifyOtherKeys.
fn keyboard(random: &mut Random, out: &mut Vec<u8>) {
    out.extend_from_slice(random.pick(&[b"\x1b[>".as_slice(), b"\x1b[<", b"\x1b[=", b"\x1b[?"]));
    numbers(random, out);
    out.push(random.pick(b"uuuumn"));
}

/// OSC, DCS, APC, PM, SOS and screen's title, well ended, badly ended, or not at all.
fn string(random: &mut Random, out: &mut Vec<u8>) {
    const STARTS: &[&str] = &[
        "\x1b]0;",
        "\x1b]1;",
        "\x1b]2;",
        "\x1b]2;",
        "\x1b]4;1;?",
        "\x1b]4;300;rgb:1/2/3",
        "\x1b]7;file://h/a%20b",
        "\x1b]7;/",
        "\x1b]8;;http://a/",
        "\x1b]8;id=x;http://b/",
        "\x1b]8;;http://c/",
        "\x1b]8;id=x:y=z;",
        "\x1b]9;",
        "\x1b]9;4;1;50",
        "\x1b]10;?",
        "\x1b]11;?",
        "\x1b]11;#102030",
        "\x1b]12;red",
        "\x1b]52;c;aGVsbG8=",
        "\x1b]52;;",
        "\x1b]52;c;?",
        "\x1b]104",
        "\x1b]110",
        "\x1b]112;",
        "\x1b]133;A",
        "\x1b]133;D;1",
        "\x1b]777;notify;a;",
        "\x1b]1337;File=",
        "\x1b]",
        "\x1b]99999999999;",
        "\x1b];",
        "\x1bP",
        "\x1bP$qm",
        "\x1bP$qr",
        "\x1bP$q q",
        "\x1bP+q544e",
        "\x1bP1;2q#1~~@@vv",
        "\x1bP=1s",
        "\x1bP=2s",
        "\x1bP>thub;c;1;1",
        "\x1bP0;1|17/ab",
        "\x1b_Ga=T,f=24,s=1,v=1;AAAA",
        "\x1b_Gi=1,m=1;",
        "\x1b_",
        "\x1b^",
        "\x1bX",
        "\x1bk",
        "\u{9d}2;",
        "\u{90}",
        "\u{9f}G",
    ];
    const ENDS: &[&[u8]] = &[
        b"\x1b\\",
        b"\x1b\\",
        b"\x1b\\",
        b"\x07",
        b"\x07",
        b"\x9c",
        b"\xc2\x9c",
        b"\x18",
        b"\x1a",
        b"\x1b",
        b"\x1b[m",
        b"",
    ];
    out.extend_from_slice(random.pick(STARTS).as_bytes());
    match random.below(12) {
        0 => character(random, out),
        1 => out.push(random.below(0x100) as u8),
        2..=5 => text(random, out),
        6 if random.one_in(20) => {
            let long = random.pick(&[255_usize, 256, 1023, 1024, 4095, 4096, 5000, 20_000]);
            out.extend(std::iter::repeat_n(b'A', long));
        }
        _ => {}
    }
    out.extend_from_slice(random.pick(ENDS));
}

/// Some of what there was, once more.
fn again(random: &mut Random, out: &mut Vec<u8>) {
    let from = random.below(out.len());
    let piece = out[from..(from + random.below(60)).min(out.len())].to_vec();
    out.extend_from_slice(&piece);
}
