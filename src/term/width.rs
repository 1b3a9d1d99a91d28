//! Owns how many columns a character takes: what `wcwidth` says, which is what programs count by.
//! Leaves out what several characters make together (mode 2027, `engine::print`).

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of a character: 0, 1 or 2. Unicode's (UAX 11, UTR 51), but where the `wcwidth` of C libraries says otherwise:
/// readline, ncurses and every other program place what comes next by that.
#[inline]
pub fn of(c: char) -> usize {
    match c {
        // what most text is made of, without a look into tables
        ' '..='~' | '\u{a0}'..='\u{2ff}' | '\u{370}'..='\u{482}' | '\u{2500}'..='\u{259f}' => 1,
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => 2,
        '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' => 2,
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{2010}'..='\u{2027}' | '\u{2190}'..='\u{2199}' | '\u{1f1e6}'..='\u{1f1ff}' => 1,
        '\u{1f300}'..='\u{1f320}' | '\u{1f337}'..='\u{1f37c}' | '\u{1f3f8}'..='\u{1f43e}' => 2,
        '\u{1f442}'..='\u{1f4fc}' | '\u{1f5fb}'..='\u{1f64f}' | '\u{1f680}'..='\u{1f6c5}' => 2,
        '\u{1f947}'..='\u{1f9ff}' => 2,
        _ => looked_up(c),
    }
}

fn looked_up(c: char) -> usize {
    exception(c).unwrap_or_else(|| c.width().unwrap_or(0).min(2))
}

/// Columns of what one cell shows.
pub fn of_text(text: &str) -> usize {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => of(c),
        (Some(first), _) => match text.width() {
            0 => of(first),
            width => width,
        },
        (None, _) => 0,
    }
}

/// Terminals take it to be of another width: those that go by Unicode's tables, and those that go by `wcwidth`.
pub fn is_doubtful(c: char) -> bool {
    exception(c).is_some()
}

fn exception(c: char) -> Option<usize> {
    let at = EXCEPTIONS.partition_point(|(_, last, _)| *last < c);
    EXCEPTIONS.get(at).filter(|(first, ..)| *first <= c).map(|(.., width)| *width)
}

/// First, last, columns: where glibc (2.36) differs from the `unicode-width` crate (0.2). Most are vowels of Indic
/// scripts, which take a column of their own; U+00AD is shown where a line is cut, says Unicode: one column, say all.
const EXCEPTIONS: &[(char, char, usize)] = &[
    ('\u{ad}', '\u{ad}', 1),
    ('\u{605}', '\u{605}', 1),
    ('\u{70f}', '\u{70f}', 1),
    ('\u{890}', '\u{891}', 1),
    ('\u{8e2}', '\u{8e2}', 1),
    ('\u{9be}', '\u{9be}', 1),
    ('\u{9d7}', '\u{9d7}', 1),
    ('\u{b3e}', '\u{b3e}', 1),
    ('\u{b57}', '\u{b57}', 1),
    ('\u{bbe}', '\u{bbe}', 1),
    ('\u{bd7}', '\u{bd7}', 1),
    ('\u{cc0}', '\u{cc0}', 1),
    ('\u{cc2}', '\u{cc2}', 1),
    ('\u{cc7}', '\u{cc8}', 1),
    ('\u{cca}', '\u{ccb}', 1),
    ('\u{cd5}', '\u{cd6}', 1),
    ('\u{d3e}', '\u{d3e}', 1),
    ('\u{d4e}', '\u{d4e}', 1),
    ('\u{d57}', '\u{d57}', 1),
    ('\u{dcf}', '\u{dcf}', 1),
    ('\u{ddf}', '\u{ddf}', 1),
    ('\u{1715}', '\u{1715}', 1),
    ('\u{1734}', '\u{1734}', 1),
    ('\u{17a4}', '\u{17a4}', 1),
    ('\u{17d8}', '\u{17d8}', 1),
    ('\u{1b35}', '\u{1b35}', 1),
    ('\u{1b3b}', '\u{1b3b}', 1),
    ('\u{1b3d}', '\u{1b3d}', 1),
    ('\u{1b43}', '\u{1b44}', 1),
    ('\u{1baa}', '\u{1baa}', 1),
    ('\u{1bf2}', '\u{1bf3}', 1),
    ('\u{2630}', '\u{2637}', 1),
    ('\u{268a}', '\u{268f}', 1),
    ('\u{2d7f}', '\u{2d7f}', 0),
    ('\u{302e}', '\u{302f}', 2),
    ('\u{3164}', '\u{3164}', 2),
    ('\u{3248}', '\u{324f}', 2),
    ('\u{a8fa}', '\u{a8fa}', 1),
    ('\u{a953}', '\u{a953}', 1),
    ('\u{a9c0}', '\u{a9c0}', 1),
    ('\u{ffa0}', '\u{ffa0}', 1),
    ('\u{fff9}', '\u{fffb}', 0),
    ('\u{111c0}', '\u{111c0}', 1),
    ('\u{111c2}', '\u{111c3}', 1),
    ('\u{11235}', '\u{11235}', 1),
    ('\u{1133e}', '\u{1133e}', 1),
    ('\u{1134d}', '\u{1134d}', 1),
    ('\u{11357}', '\u{11357}', 1),
    ('\u{114b0}', '\u{114b0}', 1),
    ('\u{114bd}', '\u{114bd}', 1),
    ('\u{115af}', '\u{115af}', 1),
    ('\u{116b6}', '\u{116b6}', 1),
    ('\u{1171e}', '\u{1171e}', 0),
    ('\u{11930}', '\u{11930}', 1),
    ('\u{1193d}', '\u{1193d}', 1),
    ('\u{1193f}', '\u{1193f}', 1),
    ('\u{11941}', '\u{11941}', 1),
    ('\u{11a84}', '\u{11a89}', 1),
    ('\u{11d46}', '\u{11d46}', 1),
    ('\u{13430}', '\u{13438}', 0),
    ('\u{16ff0}', '\u{16ff1}', 2),
    ('\u{1d165}', '\u{1d166}', 1),
    ('\u{1d16d}', '\u{1d172}', 1),
    ('\u{1d300}', '\u{1d356}', 1),
    ('\u{1d360}', '\u{1d376}', 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_in_order_and_needed() {
        assert!(EXCEPTIONS.windows(2).all(|w| w[0].1 < w[1].0));
        for (first, last, width) in EXCEPTIONS {
            for c in *first..=*last {
                assert_eq!(of(c), *width);
                assert_ne!(c.width(), Some(*width), "{c:?} needs no exception");
            }
        }
    }

    #[test]
    fn the_short_way_leads_to_the_same() {
        for c in '\0'..=char::MAX {
            assert_eq!(of(c), looked_up(c), "{:x}", c as u32);
        }
    }

    #[test]
    fn widths() {
        // Bengali, Tamil and Malayalam AA; Devanagari AA is told apart by nobody
        for c in ['\u{9be}', '\u{bbe}', '\u{d3e}', '\u{93e}', 'a', 'é', '\u{ad}', '☰', '─'] {
            assert_eq!(of(c), 1, "{c:?}");
        }
        for c in ['한', '中', '\u{3164}', '🙂', 'あ', '\u{4dc0}', '\u{9fff}'] {
            assert_eq!(of(c), 2, "{c:?}");
        }
        for c in ['\u{301}', '\u{200d}', '\u{fe0f}', '\u{1171}', '\0', '\x7f', '\u{9b}'] {
            assert_eq!(of(c), 0, "{c:?}");
        }
        assert_eq!(["", "\u{bbe}", "\u{bbe}\u{bcd}", "e\u{301}", "❤\u{fe0f}", "한"].map(of_text), [0, 1, 1, 1, 2, 2]);
    }
}
