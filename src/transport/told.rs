//! Owns how a failure crosses a link: its words as they are, its kind by name. Leaves out who words it.

use crate::failure::{Failure, Kind};
use crate::proto::control::Told;
use crate::text::short;

const KINDS: [(Kind, &str); 6] = [
    (Kind::Usage, "usage"),
    (Kind::Failed, "failed"),
    (Kind::Unreachable, "unreachable"),
    (Kind::Refused, "refused"),
    (Kind::TimedOut, "timed-out"),
    (Kind::Internal, "internal"),
];
/// Characters of a sentence that came over a link, and how many hints of them.
const WORDS: usize = 2000;
const HINTS: usize = 8;

/// As it is sent.
pub fn tell(failure: &Failure) -> Told {
    let kind = KINDS.iter().find(|(k, _)| *k == failure.kind).map_or("failed", |(_, name)| name);
    Told { kind: kind.into(), what: failure.what.clone(), hints: failure.hints.clone(), hard: failure.hard }
}

/// As it was meant; what a person will read is escaped and short.
pub fn told(told: &Told) -> Failure {
    let kind = KINDS.iter().find(|(_, name)| *name == told.kind).map_or(Kind::Failed, |(k, _)| *k);
    let mut hints = told.hints.iter().take(HINTS).map(|h| short(h, WORDS));
    let mut failure = Failure::new(kind, short(&told.what, WORDS), hints.next().unwrap_or_else(|| "try again".into()));
    for hint in hints {
        failure = failure.hint(hint);
    }
    if told.hard { failure.hard() } else { failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (kind, _) in KINDS {
            let failure = Failure::new(kind, "it is so", "do this").hint("or that").hard();
            let back = told(&tell(&failure));
            assert_eq!((back.kind, back.code(), back.to_string()), (kind, failure.code(), failure.to_string()));
            assert!(back.hard);
        }
        let odd = told(&Told { kind: "from later".into(), what: "\u{1b}[2J".into(), ..Told::default() });
        assert_eq!(odd.kind, Kind::Failed);
        assert!(!odd.to_string().contains('\u{1b}') && !odd.hints.is_empty(), "{odd}");
    }
}
