//! Owns the style of a cell as vt100 keeps it and as SGR says it. Leaves out what a cell shows.

use super::params::number;
use crate::term::screen::{Color, Style, Underline};
use std::io::Write;

fn color(c: vt100::Color) -> Color {
    match c {
        vt100::Color::Default => Color::Default,
        vt100::Color::Idx(i) => Color::Index(i),
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

pub(super) fn of_cell(cell: &vt100::Cell) -> Style {
    Style {
        fg: color(cell.fgcolor()),
        bg: color(cell.bgcolor()),
        bold: cell.bold(),
        dim: cell.dim(),
        italic: cell.italic(),
        underline: if cell.underline() { Underline::Single } else { Underline::None },
        inverse: cell.inverse(),
        ..Style::PLAIN
    }
}

/// The style of what is printed next.
pub(super) fn of_screen(screen: &vt100::Screen) -> Style {
    Style {
        fg: color(screen.fgcolor()),
        bg: color(screen.bgcolor()),
        bold: screen.bold(),
        dim: screen.dim(),
        italic: screen.italic(),
        underline: if screen.underline() { Underline::Single } else { Underline::None },
        inverse: screen.inverse(),
        ..Style::PLAIN
    }
}

/// The SGR sequence that sets exactly this style, whatever was set before.
pub(super) fn write(style: &Style, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[0");
    for (on, code) in [
        (style.bold, 1),
        (style.dim, 2),
        (style.italic, 3),
        (style.underline != Underline::None, 4),
        (style.inverse, 7),
    ] {
        if on {
            let _ = write!(out, ";{code}");
        }
    }
    for (color, base) in [(style.fg, 30u16), (style.bg, 40)] {
        let _ = match color {
            Color::Default => Ok(()),
            Color::Index(i @ 0..=7) => write!(out, ";{}", base + u16::from(i)),
            Color::Index(i @ 8..=15) => write!(out, ";{}", base + 52 + u16::from(i)),
            Color::Index(i) => write!(out, ";{};5;{i}", base + 8),
            Color::Rgb(r, g, b) => write!(out, ";{};2;{r};{g};{b}", base + 8),
        };
    }
    out.push(b'm');
}

/// SGR parameters in a form vt100 understands: it takes `38:2::r:g:b` for nothing and the underline colour 58 for
/// whatever its numbers mean alone. None if nothing is left of them.
pub(super) fn normalize(numbers: &[u8]) -> Option<Vec<u8>> {
    let mut out: Vec<u16> = Vec::new();
    let mut params = numbers.split(|&b| b == b';');
    while let Some(param) = params.next() {
        let subs: Vec<u16> = param.split(|&b| b == b':').map(number).collect();
        match *subs.as_slice() {
            [4, 0] => out.push(24),
            [4, _] | [21] => out.push(4),
            [which @ (38 | 48), 2, .., r, g, b] => out.extend([which, 2, r, g, b]),
            [which @ (38 | 48), 5, i, ..] => out.extend([which, 5, i]),
            [which @ (38 | 48 | 58)] => {
                let kind = params.next().map_or(0, number);
                let count = match kind {
                    2 => 3,
                    5 => 1,
                    _ => 0,
                };
                let values: Vec<u16> = params.by_ref().take(count).map(number).collect();
                if which != 58 && values.len() == count && count > 0 {
                    out.extend([which, kind]);
                    out.extend(values);
                }
            }
            [n] => out.push(n),
            _ => {}
        }
    }
    if out.is_empty() {
        return None;
    }
    Some(out.iter().map(u16::to_string).collect::<Vec<_>>().join(";").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        let n = |s: &str| normalize(s.as_bytes()).map(|v| String::from_utf8(v).unwrap());
        assert_eq!(n("38:2::1:2:3").as_deref(), Some("38;2;1;2;3"));
        assert_eq!(n("38:2:1:2:3;1").as_deref(), Some("38;2;1;2;3;1"));
        assert_eq!(n("48:5:7").as_deref(), Some("48;5;7"));
        assert_eq!(n("58;5;1"), None);
        assert_eq!(n("58;2;1;2;3;1").as_deref(), Some("1"));
        assert_eq!(n("58:2::1:2:3;4:3").as_deref(), Some("4"));
        assert_eq!(n("4:0").as_deref(), Some("24"));
        assert_eq!(n(";38;5;200;21").as_deref(), Some("0;38;5;200;4"));
    }
}
