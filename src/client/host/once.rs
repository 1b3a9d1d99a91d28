//! Owns what a person answered for a login until it is known whether the host gets an agent: who then goes on without one
//! logs in a second time, from another process, and is not asked for the same password or passphrase again.
//!
//! Each answer is given again once, and only to a question of the same kind and words for the same host. An answer to a
//! host's own question is never kept: it may be a code that is good only once. Nothing is kept longer than the dial, nor
//! once the agent may be put there; what is let go of is wiped. Leaves out whom else to ask.

use crate::link::locked;
use crate::secret::Secret;
use crate::transport::ask::{Answered, Ask, KeyAsked, SecretAsked, SecretKind};
use std::sync::{Arc, Mutex};

/// Asks somebody else, and keeps the answers for a second login.
pub(super) struct Once {
    ask: Arc<dyn Ask>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What this login's questions were, and their answers.
    kept: Vec<(SecretAsked, Secret)>,
    phase: Phase,
}

#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Phase {
    /// The first login: answers are kept.
    #[default]
    Keeping,
    /// The second: they are given again.
    Giving,
    /// All is forgotten, and stays so.
    Over,
}

/// All is forgotten when this goes, however a dial ends.
pub(super) struct Dial(pub(super) Arc<Once>);

impl Drop for Dial {
    fn drop(&mut self) {
        self.0.forget();
    }
}

impl Once {
    pub(super) fn dial(ask: Arc<dyn Ask>) -> Dial {
        Dial(Arc::new(Once { ask, state: Mutex::default() }))
    }

    /// From here on it is the second login that asks.
    pub(super) fn again(&self) {
        let mut state = locked(&self.state);
        if state.phase == Phase::Keeping {
            state.phase = Phase::Giving;
        }
    }

    fn forget(&self) {
        *locked(&self.state) = State { kept: Vec::new(), phase: Phase::Over };
    }

    /// The answer that was given before; none where that was wrong.
    fn given(&self, asked: &SecretAsked) -> Option<Secret> {
        let mut state = locked(&self.state);
        if state.phase != Phase::Giving || asked.left.is_some() {
            return None;
        }
        let at = state.kept.iter().position(|(before, _)| same(before, asked))?;
        Some(state.kept.swap_remove(at).1)
    }

    /// Of several answers to a question the last one counts: those before were wrong.
    fn keep(&self, asked: SecretAsked, answer: &Secret) {
        let mut state = locked(&self.state);
        if state.phase == Phase::Keeping && asked.kind != SecretKind::Answer {
            state.kept.retain(|(before, _)| !same(before, &asked));
            state.kept.push((asked, answer.clone()));
        }
    }
}

fn same(a: &SecretAsked, b: &SecretAsked) -> bool {
    (a.kind, &a.host, &a.prompt) == (b.kind, &b.host, &b.prompt)
}

impl Ask for Once {
    fn secret(&self, asked: &SecretAsked) -> Answered<'_, Secret> {
        if let Some(answer) = self.given(asked) {
            return Box::pin(async { Some(answer) });
        }
        let asked = asked.clone();
        Box::pin(async move {
            let answer = self.ask.secret(&asked).await?;
            self.keep(asked, &answer);
            Some(answer)
        })
    }
    fn deploy(&self, host: &str, found: Option<&str>, offered: &str, steps: &[String]) -> Answered<'_, bool> {
        let answered = self.ask.deploy(host, found, offered, steps);
        Box::pin(async move {
            let answer = answered.await;
            if answer == Some(true) {
                self.forget();
            }
            answer
        })
    }
    fn host_key(&self, asked: &KeyAsked) -> Answered<'_, bool> {
        self.ask.host_key(asked)
    }
    fn said(&self, host: &str, text: &str) {
        self.ask.said(host, text);
    }
    fn somebody(&self) -> bool {
        self.ask.somebody()
    }
    fn directory(&self, host: &str, why: &str) -> Answered<'_, String> {
        self.ask.directory(host, why)
    }
    fn progress(&self, step: &str, done: Option<f32>) {
        self.ask.progress(step, done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with a number that counts up.
    #[derive(Default)]
    struct Person(Mutex<u32>);
    impl Ask for Person {
        fn secret(&self, _: &SecretAsked) -> Answered<'_, Secret> {
            let mut n = self.0.lock().unwrap();
            *n += 1;
            let answer = Secret::from(n.to_string().as_str());
            Box::pin(async { Some(answer) })
        }
        fn deploy(&self, _: &str, _: Option<&str>, _: &str, _: &[String]) -> Answered<'_, bool> {
            Box::pin(async { Some(true) })
        }
    }

    fn asked(kind: SecretKind, host: &str, left: Option<u32>) -> SecretAsked {
        SecretAsked { host: host.into(), prompt: "secret".into(), kind, left, ..SecretAsked::default() }
    }

    async fn say(once: &Once, kind: SecretKind, host: &str, left: Option<u32>) -> String {
        once.secret(&asked(kind, host, left)).await.unwrap().expose().to_string()
    }

    #[tokio::test]
    async fn an_answer_is_given_again_once_to_the_same_question() {
        use SecretKind::{Answer, Passphrase, Password};
        let dial = Once::dial(Arc::new(Person::default()));
        let once = dial.0.clone();
        for (kind, host, left, answer) in [
            (Password, "me@web", None, "1"),
            (Password, "me@web", Some(2), "2"),
            (Passphrase, "me@web", None, "3"),
            (Answer, "me@web", None, "4"),
            // nothing is given before the second login
            (Passphrase, "me@web", None, "5"),
        ] {
            assert_eq!(say(&once, kind, host, left).await, answer);
        }
        once.again();
        for (kind, host, left, answer) in [
            (Password, "me@other", None, "6"),
            (Answer, "me@web", None, "7"),
            // wrong there: a person has to say another one
            (Passphrase, "me@web", Some(2), "8"),
            (Passphrase, "me@web", None, "5"),
            (Passphrase, "me@web", None, "9"),
            (Password, "me@web", None, "2"),
            (Password, "me@web", None, "10"),
        ] {
            assert_eq!(say(&once, kind, host, left).await, answer);
        }
        assert!(locked(&once.state).kept.is_empty());
    }

    #[tokio::test]
    async fn nothing_is_kept_once_the_agent_is_put_there_nor_after_the_dial() {
        for deployed in [true, false] {
            let dial = Once::dial(Arc::new(Person::default()));
            let once = dial.0.clone();
            say(&once, SecretKind::Password, "me@web", None).await;
            assert_eq!(locked(&once.state).kept.len(), 1);
            if deployed {
                once.deploy("me@web", None, "b", &[]).await;
            } else {
                drop(dial);
            }
            assert!(locked(&once.state).kept.is_empty());
            once.again();
            say(&once, SecretKind::Password, "me@web", None).await;
            assert!(locked(&once.state).kept.is_empty());
        }
    }
}
