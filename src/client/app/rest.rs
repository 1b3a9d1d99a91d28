//! Owns what is still being typed of an answer that was understood already: who is used to ssh types `yes` and Enter where
//! one letter will do. Leaves out the answer.
//!
//! What follows the letter is held until it is known to be the rest of the word: then it is dropped, as it belongs neither
//! to the next question nor to a program. As soon as it is something else, it goes where it was typed to.

use super::{App, Effect};
use crate::client::keymap::word;
use crate::term::input::Key;
use crate::term::keys;
use std::time::Duration;

/// The next letter of a word comes within this.
const PAUSE: Duration = Duration::from_millis(700);

pub(super) struct Rest {
    left: &'static [&'static str],
    held: Vec<Key>,
    pub until: Duration,
}

impl App {
    /// A question that one letter answers was answered by this key.
    pub(super) fn answered_by(&mut self, key: &Key) {
        let left: &[&str] = match word(key).as_str() {
            "y" | "Y" => &["e", "s", "Enter"],
            "n" | "N" => &["o", "Enter"],
            _ => return,
        };
        self.rest = Some(Rest { left, held: Vec::new(), until: self.now + PAUSE });
    }

    pub(super) fn key(&mut self, key: Key) -> Vec<Effect> {
        let mut out = Vec::new();
        if let Some(mut rest) = self.rest.take() {
            let next = rest
                .left
                .split_first()
                .filter(|(next, _)| self.now <= rest.until && word(&keys::simplified(&key)) == **next);
            match next {
                Some((_, [])) => return out,
                Some((_, left)) => {
                    rest.held.push(key);
                    self.rest = Some(Rest { left, held: rest.held, until: self.now + PAUSE });
                    return out;
                }
                None => self.give_back(rest, &mut out),
            }
        }
        out.extend(self.key_now(key));
        out
    }

    fn give_back(&mut self, rest: Rest, out: &mut Vec<Effect>) {
        for key in rest.held {
            out.extend(self.key_now(key));
        }
    }

    /// It was no such word.
    pub(super) fn rest_due(&mut self, out: &mut Vec<Effect>) {
        if let Some(rest) = self.rest.take_if(|rest| rest.until <= self.now) {
            self.give_back(rest, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::app::Effect;
    use crate::client::app::Event;
    use crate::client::app::tests::Bench;
    use crate::client::host::{Answer, HostCommand, HostEvent, Question};
    use crate::client::layer::Layer;
    use crate::transport::ask::KeyAsked;

    /// A host key was asked about and answered with the letter, beside a shell that takes keys.
    fn answered() -> Bench {
        let mut s = Bench::full(80, 24);
        s.at(10.0);
        let question = Question::HostKey(KeyAsked { host: "me@nas".into(), ..KeyAsked::default() });
        s.host("nas", HostEvent::Ask { id: 5, question });
        s.at(11.0);
        s.keys("y");
        let yes = |e: &Effect| matches!(e, Effect::Host(_, HostCommand::Answer { id: 5, answer: Answer::Yes }));
        assert!(s.take().iter().any(yes));
        s
    }

    #[test]
    fn the_rest_of_yes_goes_nowhere() {
        let mut s = answered();
        s.at(11.2);
        s.keys("e");
        // the next question is there before the word is typed
        s.host("nas", HostEvent::Ask { id: 6, question: Question::Secret(Default::default()) });
        s.at(11.4);
        s.keys("s Enter");
        assert_eq!(s.typed(), [""; 0]);
        let Some(Layer::Question(asked)) = s.app.layers.last() else { panic!("it is asked") };
        assert_eq!(asked.field.text(), "");
    }

    #[test]
    fn what_is_no_such_word_arrives() {
        let mut s = answered();
        s.keys("'echo Enter");
        assert_eq!(s.typed().concat().replace("s1 ", ""), "echo\\r");
        let mut s = answered();
        s.keys("e");
        assert_eq!(s.typed(), [""; 0]);
        s.at(12.0);
        s.event(Event::Tick);
        assert_eq!(s.typed(), ["s1 e"], "nothing followed");
        s.keys("'s Enter");
        assert_eq!(s.typed().concat().replace("s1 ", ""), "s\\r");
    }
}
