//! Owns alacritty's recordings (alacritty_terminal/tests/ref of github.com/alacritty/alacritty), compared cell by cell with
//! the grid that alacritty made of each. THUB_ALACRITTY_REF names their folder.

use crate::accepted::hold_against;
use crate::look::{visible, words};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use thub::proto::ids::Size;
use thub::term::engine::Engine;
use thub::term::screen::{Color, Style, Underline};

/// What alacritty shows in a cell.
struct Wanted {
    /// Empty for a wide character's second cell.
    text: String,
    style: Style,
    link: Option<String>,
}

#[test]
fn alacritty() {
    let Some(dir) = std::env::var_os("THUB_ALACRITTY_REF") else {
        println!("skipped: THUB_ALACRITTY_REF does not name alacritty's alacritty_terminal/tests/ref");
        return;
    };
    let mut dirs: Vec<PathBuf> = std::fs::read_dir(&dir)
        .expect("THUB_ALACRITTY_REF")
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    dirs.sort();
    let (mut ran, mut wrong) = (BTreeSet::new(), BTreeMap::new());
    let (mut text_right, mut exact, mut count) = (0, 0, 0);
    println!("{:42} {:>7} {:>6} {:>6}  first difference", "recording", "cells", "text", "style");
    for dir in dirs {
        let name = dir.file_name().unwrap().to_string_lossy().into_owned();
        if !dir.join("grid.json").exists() {
            println!("{name:42} has no grid.json");
            continue;
        }
        let (size, grid) = read(&dir);
        let mut engine = Engine::new(size);
        engine.feed(&std::fs::read(dir.join("alacritty.recording")).expect("a recording"), &mut Vec::new());
        let (text, style, first) = compare(&engine, &grid);
        let cells = usize::from(size.cols) * usize::from(size.rows);
        println!("{name:42} {cells:>7} {text:>6} {style:>6}  {}", first.as_deref().unwrap_or(""));
        for (what, n) in [("text", text), ("style", style)] {
            ran.insert(format!("{name}.{what}"));
            if n > 0 {
                wrong.insert(format!("{name}.{what}"), format!("{n} cells"));
            }
        }
        count += 1;
        text_right += usize::from(text == 0);
        exact += usize::from(text == 0 && style == 0);
    }
    println!("alacritty: {text_right} of {count} with the same text, {exact} the same in every cell");
    assert!(count > 0, "no recording with a grid.json");
    hold_against("alacritty.accepted", &ran, &wrong);
}

/// Cells with another text, cells with the same text and another look, and the first of all.
fn compare(engine: &Engine, grid: &[Vec<Wanted>]) -> (usize, usize, Option<String>) {
    let (mut text, mut style, mut first) = (0, 0, None);
    for (row, cells) in grid.iter().enumerate() {
        for (col, want) in cells.iter().enumerate() {
            let (r, c) = (row as u16, col as u16);
            let cell = engine.cell(r, c);
            let got = if cell.text.is_empty() && cell.width > 0 { " " } else { &*cell.text };
            if got != want.text {
                text += 1;
                first.get_or_insert_with(|| format!("{row},{col}: {got:?}, not {:?}", want.text));
                continue;
            }
            // the second cell of a wide character is drawn with the first
            if got.is_empty() {
                continue;
            }
            let mut seen = visible(got, cell.style);
            // alacritty keeps neither
            (seen.blink, seen.overline) = (false, false);
            let wanted = visible(got, want.style);
            if seen != wanted {
                style += 1;
                first.get_or_insert_with(|| format!("{row},{col}: {:?}, not {:?}", words(seen), words(wanted)));
            } else if engine.link(r, c) != want.link.as_deref() {
                style += 1;
                first.get_or_insert_with(|| format!("{row},{col}: {:?}, not {:?}", engine.link(r, c), want.link));
            }
        }
    }
    (text, style, first)
}

fn read(dir: &Path) -> (Size, Vec<Vec<Wanted>>) {
    let json = |name: &str| -> Value {
        let text = std::fs::read(dir.join(name)).unwrap_or_else(|e| panic!("{}/{name}: {e}", dir.display()));
        serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}/{name}: {e}", dir.display()))
    };
    let size = json("size.json");
    let side = |name: &str| size[name].as_u64().unwrap() as u16;
    (Size::new(side("columns"), side("screen_lines")), screen(&json("grid.json")))
}

/// The rows of the screen. They are kept in a ring, the lowest at `zero`, those above it (history last) after it. (What
/// it says of `visible_lines` is one less in older files.)
fn screen(grid: &Value) -> Vec<Vec<Wanted>> {
    let raw = &grid["raw"];
    let rows = raw["inner"].as_array().expect("rows");
    let number = |value: &Value| value.as_u64().expect("a number") as usize;
    let (zero, visible) = (number(&raw["zero"]), number(&grid["lines"]));
    let row = |r: usize| {
        let cells = rows[(zero + visible - 1 - r) % rows.len()]["inner"].as_array().expect("cells");
        cells.iter().map(wanted).collect()
    };
    (0..visible).map(row).collect()
}

fn wanted(cell: &Value) -> Wanted {
    let flags: Vec<&str> = cell["flags"].as_str().expect("flags").split(" | ").collect();
    let has = |name: &str| flags.contains(&name);
    let extra = &cell["extra"];
    let mut text = match cell["c"].as_str().expect("a character") {
        // where a tab went
        "\t" => " ".to_string(),
        _ if has("WIDE_CHAR_SPACER") => String::new(),
        c => c.to_string(),
    };
    text.extend(extra["zerowidth"].as_array().into_iter().flatten().filter_map(Value::as_str));
    let underlines = [
        ("UNDERLINE", Underline::Single),
        ("DOUBLE_UNDERLINE", Underline::Double),
        ("UNDERCURL", Underline::Curly),
        ("DOTTED_UNDERLINE", Underline::Dotted),
        ("DASHED_UNDERLINE", Underline::Dashed),
    ];
    let underline = underlines.into_iter().find(|(name, _)| has(name));
    let style = Style {
        fg: color(&cell["fg"]),
        bg: color(&cell["bg"]),
        underline_color: color(&extra["underline_color"]),
        underline: underline.map_or(Underline::None, |(_, u)| u),
        bold: has("BOLD") || has("DIM_BOLD"),
        dim: has("DIM") || has("DIM_BOLD"),
        italic: has("ITALIC") || has("BOLD_ITALIC"),
        inverse: has("INVERSE"),
        hidden: has("HIDDEN"),
        strike: has("STRIKEOUT"),
        ..Style::PLAIN
    };
    let link = &extra["hyperlink"];
    let uri = if link["uri"].is_string() { &link["uri"] } else { &link["inner"]["uri"] };
    Wanted { text, style, link: uri.as_str().map(str::to_string) }
}

fn color(value: &Value) -> Color {
    const NAMES: [&str; 8] = ["Black", "Red", "Green", "Yellow", "Blue", "Magenta", "Cyan", "White"];
    if let Some(n) = value["Indexed"].as_u64() {
        return Color::Index(n as u8);
    }
    if let Some(name) = value["Named"].as_str() {
        let (name, bright) = name.strip_prefix("Bright").map_or((name, 0), |n| (n, 8));
        let found = NAMES.iter().position(|n| *n == name);
        return found.map_or(Color::Default, |i| Color::Index(i as u8 + bright));
    }
    let rgb = &value["Spec"];
    match (rgb["r"].as_u64(), rgb["g"].as_u64(), rgb["b"].as_u64()) {
        (Some(r), Some(g), Some(b)) => Color::Rgb(r as u8, g as u8, b as u8),
        _ => Color::Default,
    }
}

#[test]
fn a_grid_is_read() {
    let cell = |c: &str, more: Value| {
        let mut cell = serde_json::json!({
            "c": c, "fg": {"Named": "Foreground"}, "bg": {"Named": "Background"}, "flags": "", "extra": null
        });
        cell.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        cell
    };
    let plain = |c: &str| cell(c, serde_json::json!({}));
    let top = serde_json::json!([
        cell(
            "e",
            serde_json::json!({"fg": {"Named": "BrightRed"}, "flags": "BOLD | UNDERCURL",
            "extra": {"zerowidth": ["\u{301}"], "underline_color": {"Indexed": 7}, "hyperlink": null}})
        ),
        cell("中", serde_json::json!({"flags": "WIDE_CHAR", "bg": {"Spec": {"r": 1, "g": 2, "b": 3}}})),
        cell(" ", serde_json::json!({"flags": "WIDE_CHAR_SPACER"})),
        plain("\t"),
    ]);
    let bottom = serde_json::json!([plain("x"), plain(" "), plain(" "), plain(" ")]);
    let old = serde_json::json!([plain("o"), plain("l"), plain("d"), plain(" ")]);
    let raw = serde_json::json!({
        "inner": [{"inner": top}, {"inner": old}, {"inner": bottom}], "zero": 2, "visible_lines": 1, "len": 3
    });
    let grid = screen(&serde_json::json!({ "raw": raw, "lines": 2 }));
    let text: Vec<String> = grid.iter().map(|r| r.iter().map(|c| c.text.as_str()).collect()).collect();
    assert_eq!(text, ["e\u{301}中 ", "x   "]);
    assert_eq!(words(grid[0][0].style), "fg=9 ul=7 bold curly");
    assert_eq!(words(grid[0][1].style), "bg=#010203");
    let mut engine = Engine::new(Size::new(4, 2));
    engine.feed("\x1b[91;1me\u{301}\x1b[0;48;2;1;2;3m中\x1b[m\r\ny".as_bytes(), &mut Vec::new());
    let (text, _, first) = compare(&engine, &grid);
    assert_eq!(text, 1, "{first:?}");
}
