//! Owns a question of a host and how a person answers it.

use super::field::Field;
use super::{Choice, Outcome};
use crate::client::host::{Answer, HostId, Question};
use crate::secret::NOT_TEXT;
use crate::term::input::Key;
use std::time::Duration;

pub struct Asked {
    pub host: HostId,
    pub id: u64,
    pub question: Question,
    pub field: Field,
    pub shown: Duration,
    /// It takes keys: what was being typed elsewhere has come to a pause.
    pub armed: bool,
    /// Until then keys are thrown away: they were meant for a question that was here before.
    pub hush: bool,
}

impl Asked {
    /// What is pasted is taken as it is, or not at all.
    pub(super) fn paste(&mut self, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.split(['\r', '\n']).next().is_some_and(|line| line.chars().any(char::is_control)) => {
                self.field.refuse("control characters in what was pasted: not taken");
            }
            Ok(text) => self.field.insert(text),
            Err(_) => self.field.refuse(NOT_TEXT),
        }
    }

    pub(super) fn key(&mut self, key: &Key, name: &str) -> Outcome {
        let answer = |a| Outcome::Choose(Choice::Answer(self.host.clone(), self.id, a));
        match (&self.question, name) {
            (_, "Escape" | "C-c") => answer(Answer::No),
            // half of it is never sent
            (Question::Secret { .. }, "Enter") if self.field.flaw().is_some() => Outcome::Stay,
            (Question::Secret { .. }, "Enter") => {
                Outcome::Choose(Choice::Answer(self.host.clone(), self.id, Answer::Secret(self.field.take_secret())))
            }
            (Question::Secret { .. }, _) => {
                self.field.key(key, name);
                Outcome::Stay
            }
            // trusting a key takes the letter, not a stray Enter
            (Question::HostKey { .. } | Question::Deploy { .. }, "y" | "Y") => answer(Answer::Yes),
            (Question::Deploy { .. }, "Enter") => answer(Answer::Yes),
            (Question::Deploy { .. }, "w" | "W") => answer(Answer::Without),
            (_, "n" | "N") => answer(Answer::No),
            _ => Outcome::Stay,
        }
    }
}
