//! Owns a line of text being typed. Leaves out whether it may be shown.

use crate::client::keymap::typed;
use crate::secret::{Secret, TOO_LONG};
use crate::term::input::Key;

/// What is typed may be a secret: it is wiped with the field.
#[derive(Default)]
pub struct Field {
    text: Secret,
    /// Why it can't be sent: something of it was not taken.
    flaw: Option<&'static str>,
}

impl Field {
    pub fn new(text: &str) -> Field {
        let mut field = Field::default();
        field.extend(text);
        field
    }
    pub fn text(&self) -> &str {
        self.text.expose()
    }
    /// Why it can't be sent as it is; C-u empties the field and does away with that.
    pub fn flaw(&self) -> Option<&'static str> {
        self.flaw
    }
    pub fn refuse(&mut self, why: &'static str) {
        self.flaw = Some(why);
    }
    pub fn take(&mut self) -> String {
        self.take_secret().expose().to_string()
    }
    pub fn take_secret(&mut self) -> Secret {
        std::mem::take(&mut self.text)
    }
    /// All of it or nothing.
    fn extend(&mut self, text: &str) {
        let before = self.text.expose().len();
        if !text.chars().filter(|c| !c.is_control()).all(|c| self.text.push(c)) {
            self.text.truncate(before);
            self.refuse(TOO_LONG);
        }
    }

    /// Whether the text is another now.
    pub fn key(&mut self, key: &Key, name: &str) -> bool {
        match name {
            "Backspace" | "C-h" => self.text.pop(),
            "C-u" => {
                self.text.clear();
                self.flaw = None;
                true
            }
            "C-w" => {
                let kept = self.text().trim_end().rfind(' ').map_or(0, |i| i + 1);
                self.text.truncate(kept);
                true
            }
            _ => match typed(key) {
                Some(c) => {
                    if !self.text.push(c) {
                        self.refuse(TOO_LONG);
                    }
                    true
                }
                None => false,
            },
        }
    }

    /// The first line of a paste.
    pub fn insert(&mut self, text: &str) {
        let line = text.split(['\r', '\n']).next().unwrap_or("");
        self.extend(line);
    }
}
