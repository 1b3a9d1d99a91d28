//! Owns the questions that reaching a machine may raise, without knowing a UI.

use crate::secret::Secret;
use crate::text::short;
use std::future::Future;
use std::pin::Pin;

/// Who sees a secret that is asked for. Set by our own code where it asks, never read out of a prompt's words: a host
/// may word its questions as it likes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SecretKind {
    /// An answer in the host's own words' stead (keyboard-interactive, RFC 4256): it may be good only once.
    #[default]
    Answer,
    /// The account's password: the host sees it.
    Password,
    /// It opens a key file on the machine that asks, and stays there.
    Passphrase,
}

impl SecretKind {
    /// As it is called on the wire; empty = an answer.
    pub fn word(self) -> &'static str {
        match self {
            SecretKind::Answer => "",
            SecretKind::Password => "password",
            SecretKind::Passphrase => "passphrase",
        }
    }
    /// What is not known is taken for what the host will see.
    pub fn of(word: &str) -> SecretKind {
        match word {
            "password" => SecretKind::Password,
            "passphrase" => SecretKind::Passphrase,
            _ => SecretKind::Answer,
        }
    }
}

/// A secret that is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SecretAsked {
    /// `user@host`: whom it is for.
    pub host: String,
    pub prompt: String,
    /// May be shown while typed.
    pub echo: bool,
    pub kind: SecretKind,
    /// What was answered before was wrong, and so many tries are left, this one included.
    pub left: Option<u32>,
}

impl SecretAsked {
    /// What is said of the answer before.
    pub fn wrong(&self) -> Option<String> {
        let left = self.left?;
        let what = if self.kind == SecretKind::Answer { "not accepted" } else { "wrong" };
        Some(format!("that was {what}; {left} {} left", if left == 1 { "try" } else { "tries" }))
    }
}

/// A host key that nobody knows yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyAsked {
    /// `user@host`, as every question names it.
    pub host: String,
    /// Where it was reached: the name asked for, the address that answered, the port; or what it was reached through.
    pub address: String,
    /// Which jump host it is and on the way to whom; empty = the host itself.
    pub way: String,
    /// As in known_hosts (ssh-ed25519).
    pub kind: String,
    pub fingerprint: String,
    /// The file that gets the key, and the name it gets there; empty = it is not kept.
    pub kept: String,
}

impl KeyAsked {
    /// What is told beside the key: each a word and what it stands for. Escaped, and no longer than a panel can show.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let kept = if self.kept.is_empty() { "nowhere: no UserKnownHostsFile is named" } else { &self.kept };
        let facts = [("It is", &*self.way), ("Address", &*self.address), ("Kept in", kept)];
        facts.into_iter().filter(|(_, fact)| !fact.is_empty()).map(|(word, fact)| (word, short(fact, 300))).collect()
    }
}

/// What a person answers, or nobody: `None` = there is nobody to ask, or it was cancelled.
pub type Answered<'a, T> = Pin<Box<dyn Future<Output = Option<T>> + Send + 'a>>;

/// Somebody who can be asked. Each question names the host that will see the answer. What is not said otherwise is
/// answered by nobody.
pub trait Ask: Send + Sync {
    /// An unknown host key: trust and keep it?
    fn host_key(&self, _asked: &KeyAsked) -> Answered<'_, bool> {
        Box::pin(async { None })
    }
    /// A secret.
    fn secret(&self, _asked: &SecretAsked) -> Answered<'_, Secret> {
        Box::pin(async { None })
    }
    /// No usable agent there: put this one there? `found` = the build that is there.
    fn deploy(&self, _host: &str, _found: Option<&str>, _offered: &str, _steps: &[String]) -> Answered<'_, bool> {
        Box::pin(async { None })
    }
    /// What the host says before it asks (SSH's banner): escaped, its lines kept.
    fn said(&self, _host: &str, _text: &str) {}
    /// Is there anybody? Then a question without an answer was cancelled; else another may be asked first.
    fn somebody(&self) -> bool {
        true
    }
    /// The agent can't lie in the home there, and why: an absolute path of another directory for it?
    fn directory(&self, _host: &str, _why: &str) -> Answered<'_, String> {
        Box::pin(async { None })
    }
    /// Progress to show: what is being done, and how far (0 to 1).
    fn progress(&self, _step: &str, _done: Option<f32>) {}
}

/// Nobody is there: every question is answered with no.
pub struct Nobody;

impl Ask for Nobody {
    fn somebody(&self) -> bool {
        false
    }
}
