//! Owns SGR: what its parameters do to a pen, and the sequence that says a pen. Leaves out where pens go.

use super::csi::Csi;
use crate::term::screen::{Color, Style, Underline};
use std::io::Write;

/// One parameter that needs no other (ECMA-48 8.3.117, xterm ctlseqs). False if it is not one of those.
pub(super) fn simple(s: &mut Style, n: u16) -> bool {
    match n {
        0 => *s = Style::PLAIN,
        1 => s.bold = true,
        2 => s.dim = true,
        3 => s.italic = true,
        4 => s.underline = Underline::Single,
        5 | 6 => s.blink = true,
        7 => s.inverse = true,
        8 => s.hidden = true,
        9 => s.strike = true,
        21 => s.underline = Underline::Double,
        22 => (s.bold, s.dim) = (false, false),
        23 => s.italic = false,
        24 => s.underline = Underline::None,
        25 => s.blink = false,
        27 => s.inverse = false,
        28 => s.hidden = false,
        29 => s.strike = false,
        30..=37 => s.fg = Color::Index((n - 30) as u8),
        39 => s.fg = Color::Default,
        40..=47 => s.bg = Color::Index((n - 40) as u8),
        49 => s.bg = Color::Default,
        53 => s.overline = true,
        55 => s.overline = false,
        59 => s.underline_color = Color::Default,
        90..=97 => s.fg = Color::Index((n - 82) as u8),
        100..=107 => s.bg = Color::Index((n - 92) as u8),
        _ => return false,
    }
    true
}

/// All parameters, colours in both forms: `38;5;n` and `38:2::r:g:b` (ITU-T T.416).
pub(in crate::term) fn apply(s: &mut Style, csi: &Csi) {
    let mut i = 0;
    while i < csi.len() {
        let n = csi.param(i);
        let mut end = i + 1;
        while end < csi.len() && csi.is_sub(end) {
            end += 1;
        }
        let subs = end - i - 1;
        match n {
            4 if subs > 0 => {
                let kind = u8::try_from(csi.param(i + 1)).ok().and_then(Underline::of_number);
                s.underline = kind.unwrap_or(Underline::Single);
            }
            38 | 48 | 58 => {
                let color = if subs > 0 {
                    match csi.param(i + 1) {
                        // the colour space may be left out
                        2 if subs >= 4 => rgb(csi, i + if subs >= 5 { 3 } else { 2 }),
                        5 if subs >= 2 => index(csi.param(i + 2)),
                        _ => None,
                    }
                } else {
                    match csi.param(i + 1) {
                        2 if end + 3 < csi.len() => {
                            end += 4;
                            rgb(csi, i + 2)
                        }
                        5 if end + 1 < csi.len() => {
                            end += 2;
                            index(csi.param(i + 2))
                        }
                        // what follows belongs to it all the same
                        2 | 5 => {
                            end = csi.len();
                            None
                        }
                        _ => None,
                    }
                };
                if let Some(color) = color {
                    match n {
                        38 => s.fg = color,
                        48 => s.bg = color,
                        _ => s.underline_color = color,
                    }
                }
            }
            _ if subs == 0 => drop(simple(s, n)),
            _ => {}
        }
        i = end;
    }
}

fn index(n: u16) -> Option<Color> {
    u8::try_from(n).ok().map(Color::Index)
}

fn rgb(csi: &Csi, at: usize) -> Option<Color> {
    let part = |i: usize| u8::try_from(csi.param(at + i)).ok();
    Some(Color::Rgb(part(0)?, part(1)?, part(2)?))
}

pub(super) fn flipped(u: Underline) -> Underline {
    if u == Underline::None { Underline::Single } else { Underline::None }
}

/// Parameters that set exactly this style, whatever was set before: `0;1;38:2::1:2:3`.
pub(in crate::term) fn parameters(style: &Style, out: &mut Vec<u8>) {
    out.push(b'0');
    let flags = [
        (style.bold, 1),
        (style.dim, 2),
        (style.italic, 3),
        (style.blink, 5),
        (style.inverse, 7),
        (style.hidden, 8),
        (style.strike, 9),
        (style.overline, 53),
    ];
    for (_, code) in flags.iter().filter(|(on, _)| *on) {
        let _ = write!(out, ";{code}");
    }
    match style.underline {
        Underline::None => {}
        Underline::Single => out.extend_from_slice(b";4"),
        other => {
            let _ = write!(out, ";4:{}", other as u8);
        }
    }
    for (color, base) in [(style.fg, 30u16), (style.bg, 40), (style.underline_color, 50)] {
        let _ = match color {
            Color::Default => Ok(()),
            Color::Index(i @ 0..=7) if base < 50 => write!(out, ";{}", base + u16::from(i)),
            Color::Index(i @ 8..=15) if base < 50 => write!(out, ";{}", base + 52 + u16::from(i)),
            // underline colours exist in the colon form only, for some terminals
            Color::Index(i) if base == 50 => write!(out, ";58:5:{i}"),
            Color::Rgb(r, g, b) if base == 50 => write!(out, ";58:2::{r}:{g}:{b}"),
            Color::Index(i) => write!(out, ";{};5;{i}", base + 8),
            Color::Rgb(r, g, b) => write!(out, ";{};2;{r};{g};{b}", base + 8),
        };
    }
}

/// The whole sequence.
pub(in crate::term) fn write(style: &Style, out: &mut Vec<u8>) {
    if *style == Style::PLAIN {
        out.extend_from_slice(b"\x1b[m");
        return;
    }
    out.extend_from_slice(b"\x1b[");
    parameters(style, out);
    out.push(b'm');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn styled(body: &str) -> Style {
        let mut s = Style::PLAIN;
        apply(&mut s, &Csi::read(body.as_bytes()).unwrap().0);
        s
    }

    #[test]
    fn both_forms_of_colours() {
        let red = Color::Rgb(255, 0, 1);
        for body in ["38;2;255;0;1m", "38:2::255:0:1m", "38:2:255:0:1m", "38:2:7:255:0:1m", "38:2::255:0:1:0:0m"] {
            assert_eq!(styled(body).fg, red, "{body}");
        }
        assert_eq!(styled("48;5;200;1m"), Style { bg: Color::Index(200), bold: true, ..Style::PLAIN });
        assert_eq!(
            styled("58:5:9;4:3m"),
            Style { underline_color: Color::Index(9), underline: Underline::Curly, ..Style::PLAIN }
        );
        for nothing in ["38m", "38;5m", "38;2;1;2m", "38:5m", "38;5;256m", "38;9;1m", "1:2m", "38;2;1;1;1;0m"] {
            let s = styled(nothing);
            assert_eq!(s.bg, Color::Default, "{nothing}");
        }
        assert_eq!(styled("1;2;3;4;5;7;8;9;53;0m"), Style::PLAIN);
    }

    #[test]
    fn said_and_read_again() {
        for body in ["1;2;3;4;5;7;8;9;53m", "4:3;58:2::1:2:3m", "21;97;107m", "38;5;7;48;2;1;2;3m", "4:5;58:5:3m", "m"]
        {
            let style = styled(body);
            let mut out = Vec::new();
            write(&style, &mut out);
            let mut back = Style { bold: true, ..Style::PLAIN };
            apply(&mut back, &Csi::read(&out[2..]).unwrap().0);
            assert_eq!(back, style, "{body}");
        }
    }
}
