//! Owns what came from outside as text: [`Untrusted`], shown only through an escaping `Display`.
//! Leaves out the cells of panes, which are drawn, never printed.

use std::fmt;

/// A string from a host, a pane, a node or a file. Only its escaping [`fmt::Display`] reaches a person.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Untrusted(String);

impl Untrusted {
    pub fn new(s: impl Into<String>) -> Untrusted {
        Untrusted(s.into())
    }
    /// Bytes that need not be UTF-8.
    pub fn from_bytes(b: &[u8]) -> Untrusted {
        Untrusted(String::from_utf8_lossy(b).into_owned())
    }
    /// The text as it came: to compare or to send back, never to show.
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.0))
    }
}
impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", escape(&self.0))
    }
}

/// Controls, C1, bidi overrides and invisible characters become `\u{..}` (the usual ones `\n`, `\r`, `\t`);
/// at most 4096 characters are kept.
pub fn escape(s: &str) -> String {
    const MOST: usize = 4096;
    let mut out = String::with_capacity(s.len().min(MOST));
    for (i, c) in s.chars().enumerate() {
        if i == MOST {
            out.push('…');
            break;
        }
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_deceptive(c) => {
                use fmt::Write;
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// `1 byte`, `2 bytes`: a number and the noun it counts, which takes an s where there is another number than one.
pub fn count(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

/// Keeps the first `most` bytes of an argv, whole characters, and says with `…` that there was more.
pub fn shorten_words(words: &mut Vec<String>, most: usize) {
    let mut left = most;
    for i in 0..words.len() {
        let Some(word) = words.get_mut(i) else { return };
        if word.len() > left {
            let cut = (0..=left).rev().find(|n| word.is_char_boundary(*n)).unwrap_or(0);
            word.truncate(cut);
            word.push('…');
            return words.truncate(i + 1);
        }
        left -= word.len();
    }
}

/// A word as a person can paste it into a shell.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@:".contains(c);
    let is_plain = !word.is_empty() && word.chars().all(plain);
    if is_plain { word.to_string() } else { format!("'{}'", escape(word).replace('\'', "'\\''")) }
}

/// A command to be typed next, with the ssh_config that was named in place of the user's: thub and ssh take the same `-F`.
pub fn typed(command: &str, ssh_config: Option<&std::path::Path>) -> String {
    match ssh_config {
        Some(file) => format!("{command} -F {}", shell(&file.to_string_lossy())),
        None => command.to_string(),
    }
}

/// A command of thub's as it is typed here for a host; none = this machine.
pub fn typed_for(verb: &str, host: Option<&str>, ssh_config: Option<&std::path::Path>) -> String {
    match host {
        None => format!("thub {verb}"),
        Some(host) => typed(&format!("thub {verb} -H {}", shell(host)), ssh_config),
    }
}

/// The commands of thub's that a sentence of an agent's names, as they are typed where its host is a far one.
pub fn aimed(said: &str, typed: impl Fn(&str) -> String) -> String {
    const VERBS: [&str; 5] = ["attach", "kill", "serial", "containers", "ls"];
    VERBS.iter().fold(said.to_string(), |said, verb| {
        let command = typed(verb);
        ["`", "'"].iter().fold(said, |said, quote| {
            let parts: Vec<&str> = said.split(&format!("{quote}thub {verb}")).collect();
            let whole = |part: &&str| part.starts_with([' ', '\'', '`']);
            match parts.get(1..).is_some_and(|rest| !rest.is_empty() && rest.iter().all(whole)) {
                true => parts.join(&format!("{quote}{command}")),
                false => said.clone(),
            }
        })
    })
}

/// Like [`escape`], cut to one line of at most `most` characters.
pub fn short(s: &str, most: usize) -> String {
    let escaped = escape(s);
    if escaped.chars().count() <= most {
        return escaped;
    }
    let mut out: String = escaped.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// Characters that make a text look like another one: bidi controls, zero width, tags, line and paragraph separators.
pub fn is_deceptive(c: char) -> bool {
    matches!(u32::from(c),
        0x00ad | 0x034f | 0x061c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180e
        | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfeff | 0xffa0 | 0xfff9..=0xfffb
        | 0xe0000..=0xe0fff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_active_is_left() {
        let evil = "a\u{1b}]0;x\u{7}b\u{9b}31m\u{202e}c\u{200b}\n";
        let shown = Untrusted::new(evil).to_string();
        assert!(shown.chars().all(|c| !c.is_control() && !is_deceptive(c)), "{shown}");
        assert!(shown.starts_with("a\\u{1b}]0;x"));
    }

    #[test]
    fn long_ones_are_cut() {
        assert_eq!(escape(&"x".repeat(5000)).chars().count(), 4097);
        assert_eq!(short("hello", 3), "he…");
    }

    #[test]
    fn words_are_cut() {
        let cut = |words: &[&str], most| {
            let mut words: Vec<String> = words.iter().map(|w| w.to_string()).collect();
            shorten_words(&mut words, most);
            words
        };
        assert_eq!(cut(&["sh", "-c", "x"], 5), ["sh", "-c", "x"]);
        assert_eq!(cut(&["sh", "-c", "xyz", "more"], 5), ["sh", "-c", "x…"]);
        assert_eq!(cut(&["ää"], 3), ["ä…"]);
        assert_eq!(cut(&["a", "b"], 1), ["a", "…"]);
    }

    #[test]
    fn what_an_agent_names_is_typed_for_its_host() {
        let typed = |verb: &str| format!("thub {verb} -H hub");
        for (said, is) in [
            (
                "`thub attach b1` shows it, `thub attach --watch b1` only looks on, `thub kill b1` ends it",
                "`thub attach -H hub b1` shows it, `thub attach -H hub --watch b1` only looks on, `thub kill -H hub b1` ends it",
            ),
            (
                "cold is not running: 'thub containers start cold' starts it",
                "cold is not running: 'thub containers -H hub start cold' starts it",
            ),
            (
                "'thub containers' lists them; `thub serial` too",
                "'thub containers -H hub' lists them; `thub serial -H hub` too",
            ),
            ("`thub deploy hub` first, `thub lsx`, thub ls", "`thub deploy hub` first, `thub lsx`, thub ls"),
            ("", ""),
        ] {
            assert_eq!(aimed(said, typed), is);
        }
    }
}
