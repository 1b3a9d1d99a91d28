//! Owns a line being typed that is checked while it is typed. Leaves out what it is for.

use super::field::Field;
use super::{Choice, Outcome};
use crate::client::app::files::Naming;
use crate::term::input::Key;

pub struct Entry {
    pub title: String,
    pub field: Field,
    pub naming: Naming,
}

impl Entry {
    pub fn new(title: impl Into<String>, text: &str, naming: Naming) -> Entry {
        Entry { title: title.into(), field: Field::new(text), naming }
    }

    /// What it means as it stands, in words; or why nothing.
    pub fn check(&self) -> Result<String, String> {
        match self.field.flaw() {
            Some(flaw) => Err(flaw.to_string()),
            None => self.naming.check(self.field.text()),
        }
    }

    pub(super) fn key(&mut self, key: &Key, name: &str) -> Outcome {
        match name {
            "Escape" | "C-c" => Outcome::Close,
            "Enter" => match self.check() {
                Ok(_) => Outcome::Choose(Choice::Entered(Box::new(self.naming.clone()), self.field.take())),
                Err(_) => Outcome::Stay,
            },
            _ => {
                self.field.key(key, name);
                Outcome::Stay
            }
        }
    }
}
