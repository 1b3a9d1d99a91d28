//! Owns a question of a host and how a person answers it.

use super::field::Field;
use super::{Choice, Outcome};
use crate::client::host::{Answer, HostId, Question};
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
    pub(super) fn key(&mut self, key: &Key, name: &str) -> Outcome {
        let answer = |a| Outcome::Choose(Choice::Answer(self.host.clone(), self.id, a));
        match (&self.question, name) {
            (_, "Escape" | "C-c") => answer(Answer::No),
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
