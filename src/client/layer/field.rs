//! Owns a line of text being typed. Leaves out whether it may be shown.

use crate::client::keymap::typed;
use crate::secret::Secret;
use crate::term::input::Key;

/// What is typed may be a secret: it is wiped with the field.
#[derive(Default)]
pub struct Field {
    text: Secret,
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
    pub fn take(&mut self) -> String {
        self.take_secret().expose().to_string()
    }
    pub fn take_secret(&mut self) -> Secret {
        std::mem::take(&mut self.text)
    }
    fn extend(&mut self, text: &str) {
        text.chars().filter(|c| !c.is_control()).for_each(|c| _ = self.text.push(c));
    }

    /// Whether the text is another now.
    pub fn key(&mut self, key: &Key, name: &str) -> bool {
        match name {
            "Backspace" | "C-h" => self.text.pop(),
            "C-u" => {
                self.text.clear();
                true
            }
            "C-w" => {
                let kept = self.text().trim_end().rfind(' ').map_or(0, |i| i + 1);
                self.text.truncate(kept);
                true
            }
            _ => match typed(key) {
                Some(c) => self.text.push(c),
                None => false,
            },
        }
    }

    /// The first line of a paste.
    pub fn insert(&mut self, text: &str) {
        let line = text.lines().next().unwrap_or("");
        self.extend(line);
    }
}
