//! Owns config.toml: what can be set, its defaults, and telling what is wrong with line and hint.
//! Leaves out what the values do, and which keys and commands there are (`client::keymap`, `client::command`).

use crate::failure::Failure;
use crate::paths::Paths;
use crate::text::{escape, short};
pub use crate::theme::Problem;
use crate::theme::nearest;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::de::{DeTable, DeValue};

/// Largest config.toml, in bytes.
const MOST: u64 = 1 << 20;

/// Whose default keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Preset {
    #[default]
    Tmux,
    Screen,
}

/// Whose size a session has that several clients look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SizePolicy {
    /// That of the client that typed last.
    #[default]
    Latest,
    Smallest,
    Largest,
    /// That it was started with.
    Fixed,
}

/// When typed keys are shown before the host's answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Predict {
    /// Where the link is slow.
    #[default]
    Adaptive,
    On,
    Off,
}

/// When a host is marked: percent (and degrees Celsius) from which on it is limited, and from which on that is an error;
/// 0 = never.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub cpu: (u8, u8),
    pub mem: (u8, u8),
    pub disk: (u8, u8),
    pub swap: (u8, u8),
    pub temp: (u8, u8),
    /// It must have been there for so long.
    pub after: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            cpu: (0, 0),
            mem: (93, 98),
            disk: (90, 97),
            swap: (90, 0),
            temp: (90, 100),
            after: Duration::from_secs(30),
        }
    }
}

/// The user's settings, whole and checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    pub preset: Preset,
    /// As tmux writes keys; None = the preset's. Not yet checked to be a key.
    pub prefix: Option<String>,
    /// Keys to a command's name; neither is checked yet. An empty name takes the key away.
    pub keys: BTreeMap<String, String>,
    /// How long to wait after an Esc for the rest of a key's sequence.
    pub escape: Duration,
    pub mouse: bool,
    /// A name or path for `Theme::load`; `default` follows the terminal's light or dark.
    pub theme: String,
    pub tree: bool,
    /// Columns; 0 = by the screen's width.
    pub tree_width: u16,
    pub gauges: bool,
    pub limits: Limits,
    /// Ask before sessions are ended.
    pub confirm: bool,
    /// Lines a turn of the wheel moves.
    pub scroll_lines: u16,
    /// Copies go to the outer terminal's clipboard too (OSC 52).
    pub clipboard: bool,
    pub size_policy: SizePolicy,
    pub predict: Predict,
    /// What adaptive takes for a slow link: round trips longer than this.
    pub predict_above: Duration,
    /// Bytes of output a new session keeps for whoever comes back.
    pub ring: u64,
    /// Lines of scrollback a new session keeps.
    pub history: u32,
    /// Files of prepared connections that others keep: paths, `~/` for the home, else beside config.toml.
    pub team_files: Vec<String>,
    /// What new local sessions run; None = the user's own shell.
    pub shell: Option<String>,
    /// Where programs for other machines are downloaded from; None = this version's own release.
    pub release: Option<String>,
    /// The minisign public key of that release; None = the one this thub was built with.
    pub release_key: Option<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            preset: Preset::Tmux,
            prefix: None,
            keys: BTreeMap::new(),
            escape: Duration::from_millis(25),
            mouse: true,
            theme: "default".into(),
            tree: true,
            tree_width: 0,
            gauges: true,
            limits: Limits::default(),
            confirm: true,
            scroll_lines: 3,
            clipboard: true,
            size_policy: SizePolicy::Latest,
            predict: Predict::Adaptive,
            predict_above: Duration::from_millis(30),
            ring: 1 << 20,
            history: 10_000,
            team_files: Vec::new(),
            shell: None,
            release: None,
            release_key: None,
        }
    }
}

const DEFAULT_TOML: &str = r##"# thub's settings. Every line shows its default: take away the '#' before it to change it.
# A running thub reads this file again when it changes. `thub config check` tells what is wrong in it.

# Whose keys: "tmux" or "screen".
#preset = "tmux"

# The key before all other keys, as tmux writes it; left out, it is the preset's: C-b or C-a.
#prefix = "C-b"

# Milliseconds to wait after Esc for the rest of a key's sequence: 0 to 1000. Slow lines want more.
#escape_ms = 25

# Clicks, drags and the wheel; shift leaves them to the terminal you sit at.
#mouse = true

# Lines a turn of the wheel moves: 1 to 100.
#scroll_lines = 3

# `thub themes` lists them; "default" uses your terminal's own colours, light or dark.
# A file of your own: themes/NAME.toml beside this one, or a path.
#theme = "default"

# The tree of hosts and sessions at the left: shown from the start; its width in columns: 10 to 120, or 0: by the screen's.
#tree = true
#tree_width = 0

# CPU, memory, disk and network of the focused pane's host in the last line.
#gauges = true

# Ask before a session is ended.
#confirm = true

# What is copied goes to your terminal's clipboard as well (OSC 52).
#clipboard = true

# Whose size a session takes that is open in several places: "latest" (who typed last), "smallest", "largest".
#size_policy = "latest"

# Show what you type before a far host answers: "adaptive" (where round trips take longer than predict_above_ms), "on",
# "off". It is underlined until it is certain, where that takes long; passwords are never shown.
#predict = "adaptive"
#predict_above_ms = 30

# Output a new session keeps for whoever comes back, in bytes ("512K" and "4M" are understood): 64K to 1G.
#ring = "1M"

# Lines of scrollback a new session keeps: 0 to 1000000.
#history = 10000

# Connections that others prepare, in a file of a repository say: shown in the tree, read again when they change, never
# written, as in ["~/work/infra/connections.json"]. A path that begins neither with / nor with ~/ is looked for beside this file.
#team_files = []

# What a new local session runs; left out, it is your own shell.
#shell = "/bin/bash"

# When a host is marked "limited", and when that is an error: CPU, memory, its fullest disk and swap in percent, its hottest
# part in degrees Celsius, [0, 0] = never; after so many seconds above it (0 to 3600).
[monitoring]
#cpu = [0, 0]
#mem = [93, 98]
#disk = [90, 97]
#swap = [90, 0]
#temp = [90, 100]
#after_s = 30

# Where thub gets programs for hosts of another kind than this machine: thub-TARGET, SHA256SUMS and SHA256SUMS.minisig lie
# below the address ("{version}" in it is this version); and the minisign key they are signed with.
# Left out: the release of this version, and the key this thub was built with.
[deploy]
#release = "https://example.org/thub/{version}"
#release_key = "RW..."

# Keys after the prefix, and what they do; `thub keys` lists all names. "root KEY" needs no prefix, "" takes a key away.
[keys]
#"|" = "split-right"
#"C-a C-a" = "next-tab"
#"root F12" = "help"
"##;

/// The names there are, in the order of the file.
const NAMES: &[&str] = &[
    "preset",
    "prefix",
    "escape_ms",
    "mouse",
    "scroll_lines",
    "theme",
    "tree",
    "tree_width",
    "gauges",
    "confirm",
    "clipboard",
    "size_policy",
    "predict",
    "predict_above_ms",
    "ring",
    "history",
    "team_files",
    "shell",
    "monitoring",
    "deploy",
    "keys",
];

impl Config {
    /// Reads config.toml; without one all is as by default.
    ///
    /// # Errors
    /// The file cannot be read, or something in it is wrong: file, line and what to write instead.
    pub fn load(paths: &Paths) -> Result<Config, Failure> {
        match Config::read(paths)? {
            None => Ok(Config::default()),
            Some(text) => Config::parse(&text)
                .map_err(|problems| Problem::failure(&escape(&paths.config_file().to_string_lossy()), &problems)),
        }
    }

    /// The text of config.toml; None where there is none. For `thub config check`.
    pub fn read(paths: &Paths) -> Result<Option<String>, Failure> {
        let path = paths.config_file();
        let shown = escape(&path.to_string_lossy());
        let refused = |what: String| Failure::failed(what, "put that file right, or move it away to use the defaults");
        match std::fs::metadata(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(refused(format!("cannot read {shown}: {e}"))),
            Ok(meta) if !meta.is_file() => return Err(refused(format!("{shown} is not a plain file"))),
            Ok(meta) if meta.len() > MOST => return Err(refused(format!("{shown} is larger than 1 MiB"))),
            Ok(_) => {}
        }
        let bytes = std::fs::read(&path).map_err(|e| refused(format!("cannot read {shown}: {e}")))?;
        let text = String::from_utf8(bytes).map_err(|_| refused(format!("{shown} is not UTF-8 text")))?;
        Ok(Some(text))
    }

    /// A commented file that changes nothing: for `thub config default`.
    pub fn default_toml() -> &'static str {
        DEFAULT_TOML
    }

    /// The settings a text makes, or all that is wrong in it, by line.
    pub fn parse(text: &str) -> Result<Config, Vec<Problem>> {
        let (config, problems) = Config::parse_what_can_be(text);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// The settings as far as they are right, and what is not: a running client goes on with those.
    pub fn parse_what_can_be(text: &str) -> (Config, Vec<Problem>) {
        // editors of other systems put a mark in front
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut config = Config::default();
        let file = match DeTable::parse(text) {
            Ok(file) => file,
            Err(e) => return (config, vec![Problem::of_toml(text, &e)]),
        };
        let mut problems = Vec::new();
        for (key, value) in file.get_ref() {
            let name = key.get_ref().as_ref();
            let span = value.span();
            if !NAMES.contains(&name) {
                let hint = match nearest(name, NAMES.iter().copied()) {
                    Some(n) => format!("did you mean '{n}'?"),
                    None => format!("settings are {}; `thub config default` explains them", NAMES.join(", ")),
                };
                problems.push(Problem::at(
                    text,
                    key.span(),
                    format!("there is no setting '{}'", short(name, 40)),
                    hint,
                ));
                continue;
            }
            if let Err((what, hint)) = config.set(name, value.get_ref()) {
                problems.push(Problem::at(text, span, format!("{name}: {what}"), hint));
            }
        }
        problems.sort_by_key(|p| p.line);
        (config, problems)
    }

    /// One setting; the error is what is wrong, and what to write.
    fn set(&mut self, name: &str, value: &DeValue<'_>) -> Result<(), (String, String)> {
        match name {
            "preset" => {
                self.preset = one_of(value, &[("tmux", Preset::Tmux), ("screen", Preset::Screen)])?;
            }
            "prefix" => self.prefix = Some(text_of(value, "prefix = \"C-b\"")?),
            "escape_ms" => self.escape = Duration::from_millis(number(value, 0..=1000)?),
            "mouse" => self.mouse = switch(value)?,
            "scroll_lines" => self.scroll_lines = number(value, 1..=100)? as u16,
            "theme" => self.theme = text_of(value, "theme = \"dark\"")?,
            "tree" => self.tree = switch(value)?,
            "tree_width" if number(value, 0..=0).is_ok() => self.tree_width = 0,
            "tree_width" => self.tree_width = number(value, 10..=120)? as u16,
            "gauges" => self.gauges = switch(value)?,
            "confirm" => self.confirm = switch(value)?,
            "clipboard" => self.clipboard = switch(value)?,
            "size_policy" => {
                let all = [
                    ("latest", SizePolicy::Latest),
                    ("smallest", SizePolicy::Smallest),
                    ("largest", SizePolicy::Largest),
                    ("fixed", SizePolicy::Fixed),
                ];
                self.size_policy = one_of(value, &all)?;
            }
            "predict" => {
                let all = [("adaptive", Predict::Adaptive), ("on", Predict::On), ("off", Predict::Off)];
                self.predict = one_of(value, &all)?;
            }
            "predict_above_ms" => self.predict_above = Duration::from_millis(number(value, 0..=60_000)?),
            "ring" => self.ring = bytes(value, 64 << 10..=1 << 30)?,
            "history" => self.history = number(value, 0..=1_000_000)? as u32,
            "team_files" => {
                let example = "team_files = [\"~/work/infra/connections.json\"]";
                let Some(all) = value.as_array() else { return Err(("is not a list".into(), example.into())) };
                self.team_files = all.iter().map(|v| text_of(v.get_ref(), example)).collect::<Result<_, _>>()?;
            }
            "shell" => {
                let shell = text_of(value, "shell = \"/bin/bash\"")?;
                if !shell.starts_with('/') {
                    let what = format!("'{}' is not the path of a program", short(&shell, 64));
                    return Err((what, "write the whole path, as in shell = \"/bin/bash\"".into()));
                }
                self.shell = Some(shell);
            }
            "monitoring" => self.limits.set(value)?,
            "deploy" => {
                let example = "[deploy] holds release = \"https://...\" and release_key = \"RW...\"";
                let Some(table) = value.as_table() else { return Err(("is not a table".into(), example.into())) };
                for (name, value) in table {
                    let text = Some(text_of(value.get_ref(), example)?);
                    match name.get_ref().as_ref() {
                        "release" => self.release = text,
                        "release_key" => self.release_key = text,
                        other => return Err((format!("there is no '{}'", short(other, 40)), example.into())),
                    }
                }
            }
            _ => {
                let example = "[keys] holds lines such as \"|\" = \"split-right\"";
                let Some(table) = value.as_table() else { return Err(("is not a table".into(), example.into())) };
                for (keys, command) in table {
                    let Some(command) = command.get_ref().as_str() else {
                        let what = format!("what '{}' does is not a text in quotes", short(keys.get_ref(), 40));
                        return Err((what, example.into()));
                    };
                    self.keys.insert(keys.get_ref().to_string(), command.to_string());
                }
            }
        }
        Ok(())
    }
}

impl Limits {
    fn set(&mut self, value: &DeValue<'_>) -> Result<(), Wrong> {
        let example =
            "[monitoring] holds lines such as disk = [90, 97]: limited from 90 percent on, an error from 97; 0 = never";
        let wrong = |what: String| (what, example.to_string());
        let Some(table) = value.as_table() else { return Err(wrong("is not a table".into())) };
        for (name, value) in table {
            let (name, value) = (name.get_ref().as_ref(), value.get_ref());
            let named = |(what, hint): Wrong| (format!("{name} {what}"), hint);
            let pair = || {
                let both = value.as_array().filter(|a| a.len() == 2);
                let both = both.ok_or_else(|| wrong(format!("{name} is not two numbers")))?;
                let most = if name == "temp" { 250 } else { 100 };
                let n = |at: usize| both.get(at).map_or(Ok(0), |v| number(v.get_ref(), 0..=most)).map_err(named);
                let (warn, error) = (n(0)? as u8, n(1)? as u8);
                if error != 0 && warn > error {
                    return Err(wrong(format!("{name}: an error ({error}) is not below what is limited ({warn})")));
                }
                Ok((warn, error))
            };
            match name {
                "cpu" => self.cpu = pair()?,
                "mem" => self.mem = pair()?,
                "disk" => self.disk = pair()?,
                "swap" => self.swap = pair()?,
                "temp" => self.temp = pair()?,
                "after_s" => self.after = Duration::from_secs(number(value, 0..=3600).map_err(named)?),
                other => {
                    let all = "cpu, mem, disk, swap, temp and after_s are";
                    return Err(wrong(format!("there is no '{}': {all}", short(other, 40))));
                }
            }
        }
        Ok(())
    }
}

/// All that is wrong in the text of a config.toml, by line; nothing if it is right.
pub fn check(text: &str) -> Vec<Problem> {
    Config::parse_what_can_be(text).1
}

type Wrong = (String, String);

fn one_of<T: Copy>(value: &DeValue<'_>, all: &[(&str, T)]) -> Result<T, Wrong> {
    let names: Vec<String> = all.iter().map(|(n, _)| format!("\"{n}\"")).collect();
    let hint = format!("it is one of {}", names.join(", "));
    let Some(word) = value.as_str() else { return Err(("is not a text in quotes".into(), hint)) };
    let found = all.iter().find(|(n, _)| *n == word).map(|(_, v)| *v);
    found.ok_or_else(|| (format!("'{}' is none of them", short(word, 40)), hint))
}

fn text_of(value: &DeValue<'_>, example: &str) -> Result<String, Wrong> {
    let hint = || format!("write a text in quotes, as in {example}");
    let text = value.as_str().ok_or_else(|| ("is not a text in quotes".to_string(), hint()))?;
    if text.is_empty() || text.len() > 4096 || text.contains(char::is_control) {
        return Err(("is empty, too long or not printable".into(), hint()));
    }
    Ok(text.to_string())
}

fn switch(value: &DeValue<'_>) -> Result<bool, Wrong> {
    value.as_bool().ok_or_else(|| ("is not true or false".into(), "write true or false, without quotes".into()))
}

fn number(value: &DeValue<'_>, range: RangeInclusive<u64>) -> Result<u64, Wrong> {
    let found = value.as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
    found.filter(|n| range.contains(n)).ok_or_else(|| {
        ("is not a number that it can be".into(), format!("write a number from {} to {}", range.start(), range.end()))
    })
}

/// A number, or one with K, M or G.
fn bytes(value: &DeValue<'_>, range: RangeInclusive<u64>) -> Result<u64, Wrong> {
    let wrong = || {
        let hint = format!("write bytes from {}K to {}G, as in \"4M\"", range.start() >> 10, range.end() >> 30);
        ("is not a size that it can be".to_string(), hint)
    };
    let Some(text) = value.as_str() else { return number(value, range.clone()).map_err(|_| wrong()) };
    let digits = text.trim_end_matches(['K', 'M', 'G', 'k', 'm', 'g']);
    let shift = match text.get(digits.len()..) {
        Some("") => 0,
        Some("K" | "k") => 10,
        Some("M" | "m") => 20,
        Some("G" | "g") => 30,
        _ => return Err(wrong()),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let number: Option<u64> = if plain { digits.parse().ok() } else { None };
    let size = number.and_then(|n| n.checked_mul(1 << shift)).filter(|n| range.contains(n));
    size.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_changes_nothing_and_shows_the_defaults() {
        assert_eq!(Config::parse(DEFAULT_TOML), Ok(Config::default()));
        // with the '#' taken away it says what is so anyway, but for what has no default
        let told: String = DEFAULT_TOML
            .lines()
            .map(|l| match l.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
                _ => format!("{l}\n"),
            })
            .collect();
        let mut config = Config::parse(&told).unwrap();
        for name in NAMES {
            assert!(
                told.contains(&format!("{name} =")) || told.contains(&format!("\n[{name}]\n")),
                "{name} is not explained"
            );
        }
        assert_eq!((config.prefix.take(), config.shell.take()), (Some("C-b".into()), Some("/bin/bash".into())));
        assert_eq!(std::mem::take(&mut config.keys).len(), 3);
        assert!(config.release.take().is_some() && config.release_key.take().is_some());
        assert_eq!(config, Config::default());
    }

    #[test]
    fn values() {
        let text = "\u{feff}preset = \"screen\"\nring = \"512K\"\nhistory = 0x10\nescape_ms = 0\nsize_policy = \"smallest\"\n\
                    [keys]\nF = \"files\"\n";
        let c = Config::parse(text).unwrap();
        assert_eq!((c.preset, c.ring, c.history, c.size_policy), (Preset::Screen, 512 << 10, 16, SizePolicy::Smallest));
        assert_eq!(c.keys.get("F").map(String::as_str), Some("files"));
        assert_eq!(Config::parse("ring = 100_000").unwrap().ring, 100_000);
        assert_eq!(Config::parse(""), Ok(Config::default()));
    }

    #[test]
    fn limits_of_gauges() {
        let limits = Config::parse("[monitoring]\ndisk = [80, 0]\ntemp = [95, 110]\nafter_s = 0\n").unwrap().limits;
        assert_eq!((limits.disk, limits.temp, limits.after), ((80, 0), (95, 110), Duration::ZERO));
        assert_eq!(limits.mem, Limits::default().mem);
        for bad in ["disk = 90", "disk = [90]", "disk = [90, 101]", "disk = [90, 80]", "disc = [1, 2]", "after_s = -1"]
        {
            let wrong = Config::parse(&format!("[monitoring]\n{bad}\n")).unwrap_err();
            assert!(
                wrong.len() == 1 && ["[90, 97]", "write a number from 0"].iter().any(|h| wrong[0].hint.contains(h)),
                "{bad}: {wrong:?}"
            );
        }
    }

    #[test]
    fn problems_carry_line_and_hint() {
        for (text, line, what, hint) in [
            ("mouse = true\n\nprefx = \"C-a\"", 3, "'prefx'", "'prefix'"),
            ("zebra = 1", 1, "'zebra'", "settings are"),
            ("mouse = \"yes\"", 1, "mouse:", "without quotes"),
            ("preset = \"vim\"", 1, "'vim'", "\"screen\""),
            ("scroll_lines = 0", 1, "scroll_lines", "from 1 to 100"),
            ("scroll_lines = -3", 1, "scroll_lines", "from 1 to 100"),
            ("history = 99999999999999999999999", 1, "history", "from 0"),
            ("ring = \"12\"", 1, "ring", "\"4M\""),
            ("ring = \"99999999999999G\"", 1, "ring", "\"4M\""),
            ("ring = \"MM\"", 1, "ring", "\"4M\""),
            ("shell = \"bash\"", 1, "'bash'", "/bin/bash"),
            ("prefix = \"\"", 1, "prefix", "in quotes"),
            ("keys = 1", 1, "table", "split-right"),
            ("[keys]\nx = 1", 1, "'x'", "split-right"),
            ("mouse = true\nmouse = false", 2, "", ""),
            ("mouse", 1, "", "TOML"),
            ("a\u{1b}[31m = 1", 1, "", ""),
        ] {
            let problems = check(text);
            assert!(!problems.is_empty(), "{text}");
            let p = &problems[0];
            assert!(p.line == line && p.what.contains(what) && p.hint.contains(hint), "{text}: {p:?}");
            assert!(!p.what.contains(char::is_control) && !p.hint.is_empty());
        }
        let (config, problems) = Config::parse_what_can_be("mouse = false\nb = 1\ntree = 2\nconfirm = false");
        assert_eq!((config.mouse, config.confirm, problems.len()), (false, false, 2));
    }

    #[test]
    fn files() {
        let dir = tempfile::tempdir().unwrap();
        let var = |n: &str| (n == "THUB_CONFIG_DIR").then(|| dir.path().into());
        let paths = Paths::from_vars(var, Some("/h".into()), None, "m", "b").unwrap();
        assert_eq!(Config::load(&paths).unwrap(), Config::default());
        std::fs::write(paths.config_file(), "mouse = false\ntheem = \"x\"\n").unwrap();
        let failure = Config::load(&paths).unwrap_err();
        assert!(failure.what.contains("config.toml:2: "), "{failure}");
        assert!(failure.to_string().contains("'theme'") && failure.code() == 2);
        std::fs::write(paths.config_file(), b"\xff\xfe").unwrap();
        assert!(Config::load(&paths).unwrap_err().what.contains("UTF-8"));
        std::fs::remove_file(paths.config_file()).unwrap();
        std::fs::create_dir(paths.config_file()).unwrap();
        assert!(Config::load(&paths).unwrap_err().what.contains("plain file"));
    }
}
