//! Owns themes: TOML in, named styles out; the built-in ones from `themes/`. And how a [`Problem`] in a file that a
//! person wrote is worded.
//! Leaves out where a style is used (the client's views) and how many colours there are (`client::view::out`).

use crate::failure::Failure;
use crate::text::{escape, short};
use ratatui::style::{Color, Modifier, Style};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// What is wrong in a file a person wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// One sentence, escaped.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    pub(crate) fn at(text: &str, span: Range<usize>, what: impl Into<String>, hint: impl Into<String>) -> Problem {
        let before = text.as_bytes().get(..span.start).unwrap_or(text.as_bytes());
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        Problem { line, what: what.into(), hint: hint.into() }
    }

    pub(crate) fn of_toml(text: &str, e: &toml::de::Error) -> Problem {
        let hint = "TOML is `name = value`; texts are in quotes, as in theme = \"dark\"";
        Problem::at(text, e.span().unwrap_or(0..0), escape(e.message()), hint)
    }

    /// All of them as one failure, the first three told.
    pub(crate) fn failure(path: &str, problems: &[Problem]) -> Failure {
        let told: Vec<String> = problems.iter().take(3).map(|p| format!("{}:{}: {}", path, p.line, p.what)).collect();
        let more = problems.len().saturating_sub(3);
        let what = told.join("\n") + &if more > 0 { format!("\nand {more} more") } else { String::new() };
        let mut hints = problems.iter().take(3).map(|p| p.hint.clone());
        let first = hints.next().unwrap_or_else(|| "`thub config default` shows all there is".into());
        hints.fold(Failure::usage(what, first), |f, h| if f.hints.contains(&h) { f } else { f.hint(h) })
    }
}

/// The word of the list that is likely meant: at most two letters away, or begun alike.
pub(crate) fn nearest<'a>(word: &str, list: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.chars().take(64).collect::<String>().to_lowercase().replace('-', "_");
    list.into_iter()
        .filter_map(|known| {
            let plain = known.to_lowercase().replace('-', "_");
            let far = distance(&word, &plain);
            let alike = word.len() >= 3 && (plain.starts_with(&word) || word.starts_with(&plain));
            (far <= 2.min(plain.len() / 2) || alike).then_some((far, known))
        })
        .min_by_key(|(far, _)| *far)
        .map(|(_, known)| known)
}

/// Letters to insert, drop, change or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let get = |i: usize, j: usize| rows.get(i).and_then(|r| r.get(j)).copied().unwrap_or(usize::MAX / 2);
            let change = usize::from(a.get(i - 1) != b.get(j - 1));
            let mut best = (get(i - 1, j) + 1)
                .min(row.get(j - 1).copied().unwrap_or(usize::MAX / 2) + 1)
                .min(get(i - 1, j - 1) + change);
            if i > 1 && j > 1 && a.get(i - 1) == b.get(j - 2) && a.get(i - 2) == b.get(j - 1) {
                best = best.min(get(i - 2, j - 2) + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows.last().and_then(|r| r.last()).copied().unwrap_or(0)
}

/// The table of styles: field, what it is for. The names in a theme's file are these.
macro_rules! styles {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Named styles. What a theme's file leaves out is as in `default`.
        #[derive(Clone, PartialEq, Debug)]
        pub struct Theme {
            pub name: String,
            /// Made for a light background.
            pub light: bool,
            $($(#[doc = $doc])* pub $name: Style,)*
        }

        /// The styles' names, as in a theme's file.
        pub const STYLES: &[&str] = &[$(stringify!($name)),*];

        impl Theme {
            fn bare(name: &str) -> Theme {
                Theme { name: name.into(), light: false, $($name: Style::new(),)* }
            }
            fn style_mut(&mut self, name: &str) -> Option<&mut Style> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }
        }
    };
}

styles! {
    /// Plain text of panels, the tree, the status line.
    text,
    /// What matters less: ages, hints, counts.
    dim,
    /// The one colour that draws the eye.
    accent,
    /// A name over a panel or pane.
    title,
    /// Around panes and panels.
    border,
    /// Around the pane that gets the keys.
    border_focused,
    /// Around a pane whose host is out of reach.
    border_lost,
    /// The line at the bottom.
    status,
    /// What it says of the prefix, copy mode, broadcast.
    status_mode,
    /// A tab that is not shown.
    tab,
    /// The one that is.
    tab_active,
    /// A hidden tab with new output.
    mark_output,
    mark_bell,
    /// A program waits for input.
    mark_waiting,
    /// A program ended well.
    mark_done,
    /// A program ended badly.
    mark_failed,
    ok,
    warn,
    error,
    /// Text being selected or copied.
    selection,
    /// What a search found.
    found,
    /// The one of them the cursor is on.
    found_current,
    tree,
    tree_selected,
    /// A host in the tree that is not connected.
    tree_offline,
    /// A panel that lies over the rest.
    panel,
    /// The chosen line of a list in a panel.
    chosen,
    /// Letters that match what was typed.
    matched,
    /// A field to type into.
    input,
    /// A key, as help shows it.
    key,
    button,
    button_focused,
    /// A gauge: below two thirds, below nine tenths, above.
    gauge_low,
    gauge_mid,
    gauge_high,
    /// Echo that was guessed and not yet confirmed.
    predicted,
}

/// Name and text of the built-in themes.
const BUILT_IN: &[(&str, &str)] = &[
    ("default", include_str!("../themes/default.toml")),
    ("default-light", include_str!("../themes/default-light.toml")),
    ("dark", include_str!("../themes/dark.toml")),
    ("light", include_str!("../themes/light.toml")),
    ("high-contrast", include_str!("../themes/high-contrast.toml")),
    ("gruvbox-dark", include_str!("../themes/gruvbox-dark.toml")),
    ("gruvbox-light", include_str!("../themes/gruvbox-light.toml")),
    ("solarized-dark", include_str!("../themes/solarized-dark.toml")),
    ("solarized-light", include_str!("../themes/solarized-light.toml")),
    ("nord", include_str!("../themes/nord.toml")),
    ("dracula", include_str!("../themes/dracula.toml")),
    ("catppuccin-mocha", include_str!("../themes/catppuccin-mocha.toml")),
    ("catppuccin-latte", include_str!("../themes/catppuccin-latte.toml")),
    ("tokyo-night", include_str!("../themes/tokyo-night.toml")),
];

/// Largest theme file, in bytes.
const MOST: u64 = 256 * 1024;

impl Default for Theme {
    fn default() -> Theme {
        Theme::auto(false)
    }
}

impl Theme {
    /// The default theme, in the colours of the user's own palette, for a light or dark background.
    pub fn auto(light: bool) -> Theme {
        let name = if light { "default-light" } else { "default" };
        Theme::built_in(name).unwrap_or_else(|| Theme::bare("default"))
    }

    /// A built-in theme by name.
    pub fn built_in(name: &str) -> Option<Theme> {
        let (name, text) = BUILT_IN.iter().find(|(n, _)| *n == name)?;
        let base = match *name {
            "default" => Theme::bare("default"),
            _ => Theme::built_in("default")?,
        };
        Theme::parse_on(base, name, text).ok()
    }

    /// A theme by name, from `CONFIG/themes/NAME.toml` if there is one, else built in; or, with a `/` in it, the file
    /// at that path (`~/` is home; relative ones count from the config dir).
    ///
    /// # Errors
    /// A usage failure with file and line of what is wrong, or the nearest name.
    pub fn load(name: &str, config_dir: &Path) -> Result<Theme, Failure> {
        let is_path = name.contains('/');
        let path = match name.strip_prefix("~/").zip(std::env::var_os("HOME")) {
            Some((rest, home)) => Path::new(&home).join(rest),
            None if is_path => config_dir.join(name),
            None => config_dir.join("themes").join(format!("{name}.toml")),
        };
        let shown = escape(&path.to_string_lossy());
        match std::fs::metadata(&path) {
            Ok(meta) if !meta.is_file() || meta.len() > MOST => Err(Failure::usage(
                format!("{shown} is no theme: it is not a plain file, or larger than {} KiB", MOST / 1024),
                "`thub themes` lists those there are",
            )),
            Ok(_) => {
                let text = std::fs::read_to_string(&path).map_err(|e| {
                    Failure::failed(format!("cannot read {shown}: {e}"), "look at that file, or choose another theme")
                })?;
                let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
                Theme::parse(&stem, &text).map_err(|problems| Problem::failure(&shown, &problems))
            }
            Err(_) => Theme::built_in(name).filter(|_| !is_path).ok_or_else(|| {
                let names = Theme::names(config_dir);
                let meant = nearest(name, names.iter().map(String::as_str));
                let hint = match meant {
                    Some(n) => format!("did you mean '{n}'? `thub themes` lists all"),
                    None => "`thub themes` lists those there are".into(),
                };
                Failure::usage(format!("there is no theme '{}' (nor {shown})", short(name, 64)), hint)
            }),
        }
    }

    /// The names there are: built in and in the config dir, sorted, each once.
    pub fn names(config_dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = BUILT_IN.iter().map(|(n, _)| n.to_string()).collect();
        for entry in std::fs::read_dir(config_dir.join("themes")).into_iter().flatten().flatten().take(1000) {
            if let Some(name) = entry.file_name().to_str().and_then(|n| n.strip_suffix(".toml")) {
                names.push(name.to_string());
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// A theme from the text of its file; what it leaves out is as in the default for its `light`.
    pub fn parse(name: &str, text: &str) -> Result<Theme, Vec<Problem>> {
        let light = DeTable::parse(text)
            .ok()
            .and_then(|t| t.get_ref().get("light").and_then(|v| v.get_ref().as_bool()))
            .unwrap_or(false);
        Theme::parse_on(Theme::auto(light), name, text)
    }

    fn parse_on(base: Theme, name: &str, text: &str) -> Result<Theme, Vec<Problem>> {
        let mut theme = Theme { name: name.to_string(), light: false, ..base };
        let file = DeTable::parse(text).map_err(|e| vec![Problem::of_toml(text, &e)])?;
        let mut problems = Vec::new();
        let mut palette: BTreeMap<&str, Color> = BTreeMap::new();
        if let Some(table) = file.get_ref().get("palette").and_then(|v| v.get_ref().as_table()) {
            for (key, value) in table {
                match value.get_ref().as_str().and_then(color) {
                    Some(c) => drop(palette.insert(key.get_ref().as_ref(), c)),
                    None => problems.push(Problem::at(
                        text,
                        value.span(),
                        format!("palette.{} is no colour", short(key.get_ref(), 40)),
                        COLORS,
                    )),
                }
            }
        }
        for (key, value) in file.get_ref() {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("name", DeValue::String(_)) | ("palette", DeValue::Table(_)) => {}
                ("light", DeValue::Boolean(light)) => theme.light = *light,
                ("styles", DeValue::Table(styles)) => {
                    for (key, value) in styles {
                        let name = key.get_ref().as_ref();
                        let Some(slot) = theme.style_mut(name) else {
                            let hint = match nearest(name, STYLES.iter().copied()) {
                                Some(n) => format!("did you mean '{n}'?"),
                                None => format!("a theme's styles are {}", STYLES.join(", ")),
                            };
                            let what = format!("there is no style '{}'", short(name, 40));
                            problems.push(Problem::at(text, key.span(), what, hint));
                            continue;
                        };
                        match value.get_ref().as_str().ok_or(None).and_then(|s| style(s, &palette).map_err(Some)) {
                            Ok(style) => *slot = style,
                            Err(word) => {
                                let what = match word {
                                    Some(word) => format!("{name}: '{}' is no colour and no effect", short(&word, 40)),
                                    None => format!("{name} is not a text in quotes"),
                                };
                                problems.push(Problem::at(text, value.span(), what, COLORS));
                            }
                        }
                    }
                }
                (other, _) => {
                    let what = match other {
                        "name" | "light" | "palette" | "styles" => format!("{other} has the wrong kind of value"),
                        _ => format!("a theme has no '{}'", short(other, 40)),
                    };
                    let hint = "a theme has name = \"...\", light = true or false, [palette] and [styles]";
                    problems.push(Problem::at(text, key.span(), what, hint));
                }
            }
        }
        problems.sort_by_key(|p| p.line);
        if problems.is_empty() { Ok(theme) } else { Err(problems) }
    }
}

const COLORS: &str = "write colour, `on` background, effects, as in \"bright-blue on #303030 bold\": colours are default, \
                      black, red, green, yellow, blue, magenta, cyan, white, each also bright-, 0 to 255, #rrggbb or a \
                      name of [palette]; effects bold, dim, italic, underline, reverse, crossed";

fn color(word: &str) -> Option<Color> {
    Some(match word {
        "default" | "reset" => Color::Reset,
        "black" => Color::Indexed(0),
        "red" => Color::Indexed(1),
        "green" => Color::Indexed(2),
        "yellow" => Color::Indexed(3),
        "blue" => Color::Indexed(4),
        "magenta" => Color::Indexed(5),
        "cyan" => Color::Indexed(6),
        "white" => Color::Indexed(7),
        _ => {
            if let Some(Color::Indexed(n @ 0..=7)) = word.strip_prefix("bright-").and_then(color) {
                return Some(Color::Indexed(n + 8));
            }
            if let Some(hex) = word.strip_prefix('#') {
                let good = hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit());
                let n = good.then(|| u32::from_str_radix(hex, 16).ok())??;
                let [_, r, g, b] = n.to_be_bytes();
                return Some(Color::Rgb(r, g, b));
            }
            let digits = word.bytes().all(|b| b.is_ascii_digit());
            return digits.then(|| word.parse().ok())?.map(Color::Indexed);
        }
    })
}

/// `COLOUR [on COLOUR] [EFFECT...]`; the word that is none of it is the error.
fn style(text: &str, palette: &BTreeMap<&str, Color>) -> Result<Style, String> {
    // all effects not named are off: a style is whole, whatever it is put over
    let mut style = Style::new();
    let mut background = false;
    for word in text.split_whitespace() {
        let effect = match word {
            "on" => {
                background = true;
                continue;
            }
            "bold" => Some(Modifier::BOLD),
            "dim" => Some(Modifier::DIM),
            "italic" => Some(Modifier::ITALIC),
            "underline" => Some(Modifier::UNDERLINED),
            "reverse" => Some(Modifier::REVERSED),
            "crossed" => Some(Modifier::CROSSED_OUT),
            _ => None,
        };
        if let Some(effect) = effect {
            style = style.add_modifier(effect);
            continue;
        }
        let Some(color) = palette.get(word).copied().or_else(|| color(word)) else { return Err(word.to_string()) };
        style = if std::mem::take(&mut background) { style.bg(color) } else { style.fg(color) };
    }
    if background { Err("on".into()) } else { Ok(style) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_theme_is_right() {
        for (name, text) in BUILT_IN {
            if let Err(problems) = Theme::parse(name, text) {
                panic!("themes/{name}.toml: {problems:?}");
            }
            let theme = Theme::built_in(name).unwrap();
            assert_eq!(theme.name, *name);
            assert_ne!(theme.selection, Style::new(), "{name}");
        }
        assert!(Theme::auto(true).light && !Theme::auto(false).light);
    }

    #[test]
    fn the_default_keeps_to_the_users_palette() {
        for light in [false, true] {
            let mut theme = Theme::auto(light);
            for name in STYLES {
                let style = *theme.style_mut(name).unwrap();
                for c in [style.fg, style.bg].into_iter().flatten() {
                    assert!(matches!(c, Color::Reset | Color::Indexed(0..16)), "{name}: {c:?}");
                }
                // in 16 colours and in none a chosen line must still be seen
                if matches!(*name, "selection" | "tree_selected" | "chosen" | "tab_active" | "button_focused") {
                    assert!(style.add_modifier.intersects(Modifier::REVERSED | Modifier::BOLD), "{name}");
                }
            }
        }
    }

    #[test]
    fn a_theme_of_ones_own() {
        let text = "light = true\n[palette]\nink = \"#102030\"\n[styles]\naccent = \"ink on 7 bold underline\"\n";
        let theme = Theme::parse("mine", text).unwrap();
        let want = Style::new().fg(Color::Rgb(16, 32, 48)).bg(Color::Indexed(7));
        assert_eq!(theme.accent, want.add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
        assert_eq!(theme.error, Theme::auto(true).error);
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("themes")).unwrap();
        std::fs::write(dir.path().join("themes/mine.toml"), text).unwrap();
        assert_eq!(Theme::load("mine", dir.path()).unwrap(), theme);
        assert_eq!(Theme::load("themes/mine.toml", dir.path()).unwrap(), theme);
        assert!(Theme::names(dir.path()).contains(&"mine".to_string()));
        std::fs::write(dir.path().join("themes/mine.toml"), "[styles]\nacent = \"red\"\nok = \"rde\"").unwrap();
        let failure = Theme::load("mine", dir.path()).unwrap_err();
        assert!(failure.what.contains("mine.toml:2: ") && failure.to_string().contains("'accent'"), "{failure}");
    }

    #[test]
    fn problems_carry_line_and_hint() {
        for (text, line, what) in [
            ("[styles]\naccent = \"rad\"", 2, "'rad'"),
            ("[styles]\n\naccent = 7", 3, "quotes"),
            ("[styles]\naccent = \"red on\"", 2, "'on'"),
            ("[styles]\naccent = \"300\"", 2, "'300'"),
            ("[styles]\naccent = \"#12345é\"", 2, "#12345"),
            ("[palette]\nx = \"y\"", 2, "palette.x"),
            ("colour = 1", 1, "'colour'"),
            ("light = 1", 1, "wrong kind"),
            ("[styles\n", 1, ""),
        ] {
            let problems = Theme::parse("t", text).unwrap_err();
            assert_eq!(problems[0].line, line, "{text}");
            assert!(problems[0].what.contains(what) && !problems[0].hint.is_empty(), "{problems:?}");
        }
        let none = Theme::load("gruvbox-drak", Path::new("/none")).unwrap_err();
        assert!(none.to_string().contains("'gruvbox-dark'"), "{none}");
        assert!(Theme::load("../../etc/passwd", Path::new("/none")).is_err());
    }

    #[test]
    fn nearest_words() {
        let list = ["prefix", "mouse", "scroll_lines"];
        assert_eq!(nearest("prefx", list), Some("prefix"));
        assert_eq!(nearest("moues", list), Some("mouse"));
        assert_eq!(nearest("scroll", list), Some("scroll_lines"));
        assert_eq!(nearest("scroll-lines", list), Some("scroll_lines"));
        assert_eq!(nearest("zebra", list), None);
        assert_eq!(nearest("", list), None);
    }
}
