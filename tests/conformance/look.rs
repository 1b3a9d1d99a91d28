//! Owns how a cell looks to a person, in words that two terminals can be compared by.

use thub::term::engine::Engine;
use thub::term::screen::{Color, Style, Underline};

/// What is seen of a style. Of a blank most is not: no letter shows its weight or, unless something is drawn in it, its
/// colour.
pub fn visible(text: &str, style: Style) -> Style {
    let mut seen = style;
    if text.is_empty() || text == " " {
        (seen.bold, seen.dim, seen.italic, seen.blink, seen.hidden) = (false, false, false, false, false);
        let drawn = seen.inverse || seen.strike || seen.overline || seen.underline != Underline::None;
        if !drawn {
            seen.fg = Color::Default;
        }
    }
    if seen.underline == Underline::None {
        seen.underline_color = Color::Default;
    }
    seen
}

/// `fg=1 bg=#102030 bold`; empty = plain. The order is fixed.
pub fn words(style: Style) -> String {
    let mut words = Vec::new();
    for (name, color) in [("fg", style.fg), ("bg", style.bg), ("ul", style.underline_color)] {
        match color {
            Color::Default => {}
            Color::Index(n) => words.push(format!("{name}={n}")),
            Color::Rgb(r, g, b) => words.push(format!("{name}=#{r:02x}{g:02x}{b:02x}")),
        }
    }
    let underline = match style.underline {
        Underline::None => "",
        Underline::Single => "underline",
        Underline::Double => "double",
        Underline::Curly => "curly",
        Underline::Dotted => "dotted",
        Underline::Dashed => "dashed",
    };
    let flags = [
        (style.bold, "bold"),
        (style.dim, "dim"),
        (style.italic, "italic"),
        (!underline.is_empty(), underline),
        (style.blink, "blink"),
        (style.inverse, "inverse"),
        (style.hidden, "hidden"),
        (style.strike, "strike"),
        (style.overline, "overline"),
    ];
    words.extend(flags.into_iter().filter(|(on, _)| *on).map(|(_, word)| word.to_string()));
    words.join(" ")
}

/// Runs of cells that are not plain: `ROW COL COUNT WORDS`, counted from 0; a wide character is two cells.
pub fn runs(engine: &Engine) -> Vec<String> {
    let size = engine.size();
    let mut runs = Vec::new();
    for row in 0..size.rows {
        let mut run: Option<(u16, u16, String)> = None;
        let mut looks = String::new();
        for col in 0..=size.cols {
            let cell = engine.cell(row, col);
            // a wide character's second cell looks as its first
            if col == size.cols {
                looks = String::new();
            } else if cell.width > 0 {
                looks = words(visible(&cell.text, cell.style));
            }
            match &mut run {
                Some((_, count, same)) if *same == looks => *count += 1,
                _ => {
                    runs.extend(run.take().map(|(at, count, looks)| format!("{row} {at} {count} {looks}")));
                    run = (!looks.is_empty()).then(|| (col, 1, looks.clone()));
                }
            }
        }
    }
    runs
}

#[test]
fn what_is_seen() {
    let mut engine = Engine::new(thub::proto::ids::Size::new(8, 2));
    engine.feed("\x1b[1;31;44ma \x1b[0m \x1b[7m中\r\n\x1b[0;1m   b".as_bytes(), &mut Vec::new());
    assert_eq!(runs(&engine), ["0 0 1 fg=1 bg=4 bold", "0 1 1 bg=4", "0 3 2 inverse", "1 3 1 bold"]);
}
