//! Owns what is said where the builds of client, agent and session differ and one of them does not know a call.
//! Leaves out which builds are used together (`transport/deploy/choose.rs`).

use super::HostId;
use crate::proto::control::{Fault, Older};
use crate::proto::hello;
use crate::text::{escape, short};

/// One sentence that names both sides, and what to do; `None` = the fault is about something else. `agent` = the build
/// that the agent's hello named.
pub fn worded(fault: &Fault, host: &HostId, agent: &str) -> Option<(String, String)> {
    let said = short(&fault.message, 100);
    let (host, mine) = (escape(host.as_str()), hello::BUILD);
    Some(match fault.older()? {
        Older::Agent => (
            format!(
                "the agent on {host} (thub {}) is of an older build than this thub ({mine}): {said}",
                short(agent, 60)
            ),
            format!("`thub deploy {host}` puts this build's agent there; sessions go on"),
        ),
        Older::Session => (
            format!("the session was started by an older thub build than this one ({mine}): {said}"),
            "it goes on as it is; sessions started from now on can do this".into(),
        ),
    })
}

/// A fault for a message line.
pub fn told(fault: &Fault, host: &HostId, agent: &str) -> String {
    worded(fault, host, agent).map_or_else(|| escape(&fault.message), |(what, next)| format!("{what} ({next})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_named() {
        let host = HostId::new("box");
        let (what, next) = worded(&Fault::unknown_to_agent("session.search"), &host, "0.0.9").unwrap();
        assert!(what.contains("0.0.9") && what.contains(hello::BUILD) && what.contains("session.search"), "{what}");
        assert!(next.contains("thub deploy box"));
        let (what, next) = worded(&Fault::unknown_to_session("session.search"), &host, hello::BUILD).unwrap();
        assert!(what.contains("session was started by an older") && !next.contains("deploy"), "{what} {next}");
        assert_eq!(worded(&Fault::new(Fault::UNKNOWN, "x"), &host, ""), None);
        // what the first builds answered
        let of_first = Fault::new(Fault::UNKNOWN_METHOD, "a session knows no session.search");
        assert_eq!(of_first.older(), Some(Older::Session));
        let odd = told(&Fault::new(Fault::UNKNOWN_METHOD, "\u{1b}[2J"), &host, "\u{1b}c");
        assert!(!odd.contains('\u{1b}'), "{odd}");
    }
}
