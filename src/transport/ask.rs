//! Owns the questions that reaching a machine may raise, without knowing a UI.

use std::future::Future;
use std::pin::Pin;

/// What a person answers, or nobody: `None` = there is nobody to ask, or it was cancelled.
pub type Answered<'a, T> = Pin<Box<dyn Future<Output = Option<T>> + Send + 'a>>;

/// Somebody who can be asked. Each question names the host that will see the answer.
pub trait Ask: Send + Sync {
    /// An unknown host key: trust and keep it?
    fn host_key(&self, host: &str, kind: &str, fingerprint: &str) -> Answered<'_, bool>;
    /// A secret; `echo` = may be shown while typed.
    fn secret(&self, host: &str, prompt: &str, echo: bool) -> Answered<'_, String>;
    /// No usable agent there: put this one there? `found` = the build that is there.
    fn deploy(&self, host: &str, found: Option<&str>, offered: &str, steps: &[String]) -> Answered<'_, bool>;
    /// Progress to show: what is being done, and how far (0 to 1).
    fn progress(&self, step: &str, done: Option<f32>);
}

/// Nobody is there: every question is answered with no.
pub struct Nobody;

impl Ask for Nobody {
    fn host_key(&self, _: &str, _: &str, _: &str) -> Answered<'_, bool> {
        Box::pin(async { None })
    }
    fn secret(&self, _: &str, _: &str, _: bool) -> Answered<'_, String> {
        Box::pin(async { None })
    }
    fn deploy(&self, _: &str, _: Option<&str>, _: &str, _: &[String]) -> Answered<'_, bool> {
        Box::pin(async { None })
    }
    fn progress(&self, _: &str, _: Option<f32>) {}
}
