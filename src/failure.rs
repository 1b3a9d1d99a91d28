//! Owns how a failure is worded for people: [`Failure`], its exit code, what to do next.
//! The only place that words errors for people. Leaves out where they come from.

use std::fmt;

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Wrong use: exit 2.
    Usage,
    /// It failed there: exit 1.
    Failed,
    /// The host can't be reached: exit 3.
    Unreachable,
    /// Authentication, host key, permission: exit 4.
    Refused,
    /// exit 124
    TimedOut,
    /// A promise of our own is broken: exit 1.
    Internal,
}

/// One sentence of what is wrong, then what to do next.
#[derive(Debug)]
pub struct Failure {
    pub kind: Kind,
    /// One sentence, escaped already where it quotes a host.
    pub what: String,
    /// What to do next; at least one.
    pub hints: Vec<String>,
    /// A stop that must be read before anything goes on: a changed host key.
    pub hard: bool,
}

impl Failure {
    pub fn new(kind: Kind, what: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { kind, what: what.into(), hints: vec![hint.into()], hard: false }
    }
    pub fn usage(what: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::new(Kind::Usage, what, hint)
    }
    pub fn failed(what: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::new(Kind::Failed, what, hint)
    }
    pub fn refused(what: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::new(Kind::Refused, what, hint)
    }
    pub fn unreachable(what: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::new(Kind::Unreachable, what, hint)
    }
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }
    /// All of it in one line.
    pub fn line(&self) -> String {
        std::iter::once(&self.what).chain(&self.hints).map(String::as_str).collect::<Vec<_>>().join("; ")
    }
    pub fn hard(mut self) -> Failure {
        self.hard = true;
        self
    }
    /// The exit code of the command line's contract.
    pub fn code(&self) -> u8 {
        match self.kind {
            Kind::Failed | Kind::Internal => 1,
            Kind::Usage => 2,
            Kind::Unreachable => 3,
            Kind::Refused => 4,
            Kind::TimedOut => 124,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for hint in &self.hints {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl From<anyhow::Error> for Failure {
    fn from(e: anyhow::Error) -> Failure {
        match e.downcast::<Failure>() {
            Ok(f) => f,
            Err(e) => Failure::failed(
                crate::text::escape(&format!("{e:#}")),
                "run the command again with THUB_LOG=debug and look into the log (`thub doctor` tells where)",
            ),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Failure {
        Failure::from(anyhow::Error::from(e))
    }
}
