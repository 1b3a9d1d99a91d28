//! Owns the questions that reaching a host raises, as events for the client, and who waits for their answers.

use super::Events;
use crate::client::host::{Answer, Env, HostEvent, HostId, HostState, Question};
use crate::secret::Secret;
use crate::transport::ask::{Answered, Ask, KeyAsked, SecretAsked};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Questions on their way to a person.
pub(super) struct Asker {
    host: HostId,
    env: Arc<Env>,
    events: Events,
    state: Mutex<(u64, HashMap<u64, oneshot::Sender<Answer>>)>,
}

impl Asker {
    pub(super) fn new(host: HostId, env: Arc<Env>, events: Events) -> Arc<Asker> {
        Arc::new(Asker { host, env, events, state: Mutex::default() })
    }
    pub(super) fn ask(&self, question: Question) -> oneshot::Receiver<Answer> {
        let (tx, rx) = oneshot::channel();
        let id = {
            let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
            state.0 += 1;
            let id = state.0;
            // nobody waits any longer for what was asked in a dial that was given up
            state.1.retain(|_, waits| !waits.is_closed());
            state.1.insert(id, tx);
            id
        };
        let _ = self.events.send((self.host.clone(), HostEvent::Ask { id, question }));
        rx
    }
    /// How many questions were asked so far.
    pub(super) fn asked(&self) -> u64 {
        self.state.lock().unwrap_or_else(|e| e.into_inner()).0
    }
    pub(super) fn answer(&self, id: u64, answer: Answer) {
        let tx = self.state.lock().unwrap_or_else(|e| e.into_inner()).1.remove(&id);
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
