//! Who a host is and who we are, against a real OpenSSH: host keys beside `ssh`'s own verdict, every way to log in,
//! questions on a terminal, secrets that are found nowhere.

#[path = "../support/mod.rs"]
mod support;

mod ahead;
mod hostkeys;
mod login;
mod secrets;
mod terminal;
mod tui;

use std::sync::Mutex;
use std::time::Duration;
use thub::secret::Secret;
use thub::transport::ask::{Answered, Ask, KeyAsked, SecretAsked};

/// Answers as told, and keeps what it was asked.
#[derive(Default)]
pub struct Person {
    pub trust: bool,
    /// From the end.
    pub secrets: Mutex<Vec<String>>,
    pub asked: Mutex<Vec<String>>,
    pub told: Mutex<Vec<String>>,
    /// Tries left, as said with each secret asked for.
    pub left: Mutex<Vec<Option<u32>>>,
}
impl Person {
    pub fn knowing(answers: &[&str]) -> std::sync::Arc<Person> {
        let secrets = Mutex::new(answers.iter().rev().map(|a| a.to_string()).collect());
        std::sync::Arc::new(Person { trust: true, secrets, ..Person::default() })
    }
    pub fn left(&self) -> Vec<Option<u32>> {
        self.left.lock().unwrap().clone()
    }
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}
impl Ask for Person {
    fn host_key(&self, asked: &KeyAsked) -> Answered<'_, bool> {
        let KeyAsked { host, kind, fingerprint, .. } = asked;
        self.asked.lock().unwrap().push(format!("host_key {host} {kind} {fingerprint}"));
        Box::pin(async { Some(self.trust) })
    }
    fn secret(&self, asked: &SecretAsked) -> Answered<'_, Secret> {
        let SecretAsked { host, prompt, echo, left, .. } = asked;
        self.left.lock().unwrap().push(*left);
        self.asked.lock().unwrap().push(format!("{host}|{prompt}|{echo}"));
        let answer = self.secrets.lock().unwrap().pop().and_then(Secret::from_text);
        Box::pin(async { answer })
    }
    fn said(&self, host: &str, text: &str) {
        self.told.lock().unwrap().push(format!("{host}|{text}"));
    }
}

pub fn run<T>(test: impl Future<Output = T>) -> T {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        tokio::time::timeout(Duration::from_secs(120), test).await.expect("a test takes no 2 minutes")
    })
}
