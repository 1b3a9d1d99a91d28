//! Owns a line of text being typed. Leaves out whether it may be shown.

use crate::client::keymap::typed;
use crate::term::input::Key;

/// Longest text taken.
const MOST: usize = 1024;

#[derive(Default)]
pub struct Field {
    text: String,
}

impl Field {
    pub fn new(text: &str) -> Field {
        Field { text: text.chars().filter(|c| !c.is_control()).collect() }
    }
    pub fn text(&self) -> &str {
        &self.text
    }
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Whether the text is another now.
    pub fn key(&mut self, key: &Key, name: &str) -> bool {
        match name {
            "Backspace" | "C-h" => self.text.pop().is_some(),
            "C-u" => {
                self.text.clear();
                true
            }
            "C-w" => {
                let kept = self.text.trim_end().rfind(' ').map_or(0, |i| i + 1);
                self.text.truncate(kept);
                true
            }
            _ => match typed(key) {
                Some(c) if self.text.len() < MOST => {
                    self.text.push(c);
                    true
                }
                _ => false,
            },
        }
    }

    /// The first line of a paste.
    pub fn insert(&mut self, text: &str) {
        let line = text.lines().next().unwrap_or("");
        self.text.extend(line.chars().filter(|c| !c.is_control()).take(MOST.saturating_sub(self.text.len())));
    }
}
