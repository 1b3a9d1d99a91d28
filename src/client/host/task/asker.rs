//! Owns the questions that reaching a host raises, as events for the client, and who waits for their answers.

use super::Events;
use crate::client::host::{Answer, Env, HostEvent, HostId, HostState, Question};
use crate::secret::Secret;
use crate::transport::ask::{Answered, Ask, KeyAsked, SecretAsked};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::oneshot;

/// Questions on their way to a person.
pub(super) struct Asker {
    host: HostId,
    env: Arc<Env>,
    events: Events,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of the last question.
    last: u64,
    /// Questions of dials.
    dials: u64,
    waits: HashMap<u64, oneshot::Sender<Answer>>,
}

impl Asker {
    pub(super) fn new(host: HostId, env: Arc<Env>, events: Events) -> Arc<Asker> {
        Arc::new(Asker { host, env, events, state: Mutex::default() })
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
    fn ask(&self, question: Question) -> oneshot::Receiver<Answer> {
        self.state().dials += 1;
        self.ask_for_agent(question).1
    }
    /// A question of the host's agent: no dial waits for it. With its number.
    pub(super) fn ask_for_agent(&self, question: Question) -> (u64, oneshot::Receiver<Answer>) {
        let (tx, rx) = oneshot::channel();
        let id = {
            let mut state = self.state();
            state.last += 1;
            let id = state.last;
            // nobody waits any longer for what was asked in a dial that was given up
            state.waits.retain(|_, waits| !waits.is_closed());
            state.waits.insert(id, tx);
            id
        };
        let _ = self.events.send((self.host.clone(), HostEvent::Ask { id, question }));
        (id, rx)
    }
    /// The answer is of no use any more.
    pub(super) fn take_back(&self, id: u64) {
        if self.state().waits.remove(&id).is_some() {
            let _ = self.events.send((self.host.clone(), HostEvent::Unasked { id }));
        }
    }
    /// How many questions dials asked so far.
    pub(super) fn asked(&self) -> u64 {
        self.state().dials
    }
    pub(super) fn answer(&self, id: u64, answer: Answer) {
        let tx = self.state().waits.remove(&id);
        if let Some(tx) = tx {
            let _ = tx.send(answer);
        }
    }
}

impl Ask for Asker {
    fn host_key(&self, asked: &KeyAsked) -> Answered<'_, bool> {
        let rx = self.ask(Question::HostKey(asked.clone()));
        Box::pin(async move { Some(rx.await.ok()? == Answer::Yes) })
    }
    fn secret(&self, asked: &SecretAsked) -> Answered<'_, Secret> {
        let rx = self.ask(Question::Secret(asked.clone()));
        Box::pin(async move {
            match rx.await.ok()? {
                Answer::Secret(s) => Some(s),
                _ => None,
            }
        })
    }
    fn deploy(&self, host: &str, found: Option<&str>, offered: &str, steps: &[String]) -> Answered<'_, bool> {
        let rx = self.ask(Question::Deploy {
            host: host.into(),
            found: found.map(Into::into),
            offered: offered.into(),
            steps: steps.to_vec(),
        });
        Box::pin(async move {
            let answer = rx.await.ok()?;
            if answer == Answer::Without {
                self.env.go_without(&self.host, true);
            }
            Some(answer == Answer::Yes)
        })
    }
    fn said(&self, host: &str, text: &str) {
        let what = format!("{host} says: {}", text.replace('\n', " | "));
        let _ = self.events.send((self.host.clone(), HostEvent::Failed { what }));
    }
    fn directory(&self, host: &str, why: &str) -> Answered<'_, String> {
        let prompt = format!("{why}: another directory there, absolute");
        let asked = SecretAsked { host: host.into(), prompt, echo: true, ..SecretAsked::default() };
        let rx = self.ask(Question::Secret(asked));
        Box::pin(async move {
            match rx.await.ok()? {
                Answer::Secret(path) => Some(path.expose().trim().to_string()).filter(|p| !p.is_empty()),
                _ => None,
            }
        })
    }
    fn progress(&self, step: &str, done: Option<f32>) {
        let state = HostState::Deploying { step: step.into(), done };
        let _ = self.events.send((self.host.clone(), HostEvent::State(state)));
    }
}
