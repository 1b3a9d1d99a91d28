//! Owns what is said where the builds of client, agent and session differ and one of them does not know a call.
//! Leaves out which builds are used together (`transport/deploy/choose.rs`).

use super::HostId;
use crate::proto::control::{Fault, Older};
use crate::proto::hello;
use crate::text::{escape, shell, short, typed};
use std::path::Path;

/// One sentence that names both sides, and what to do; `None` = the fault is about something else. `agent` = the build
/// that the agent's hello named.
pub fn worded(fault: &Fault, host: &HostId, agent: &str, ssh_config: Option<&Path>) -> Option<(String, String)> {
    let said = short(&fault.message, 100);
    let deploy = typed(&format!("thub deploy {}", shell(host.as_str())), ssh_config);
    let (host, mine) = (escape(host.as_str()), hello::BUILD);
    Some(match fault.older()? {
        Older::Agent => (
            format!(
                "the agent on {host} (thub {}) is of an older build than this thub ({mine}): {said}",
                short(agent, 60)
            ),
            format!("`{deploy}` puts this build's agent there; sessions go on"),
        ),
        Older::Session => (
            format!("the session was started by an older thub build than this one ({mine}): {said}"),
            "it goes on as it is; sessions started from now on can do this".into(),
        ),
    })
}

/// A fault for a message line.
pub fn told(fault: &Fault, host: &HostId, agent: &str, ssh_config: Option<&Path>) -> String {
    worded(fault, host, agent, ssh_config)
        .map_or_else(|| escape(&fault.message), |(what, next)| format!("{what} ({next})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_named() {
        let host = HostId::new("box");
        let (what, next) =
            worded(&Fault::unknown_to_agent("session.search"), &host, "0.0.9", Some(Path::new("/a b"))).unwrap();
        assert!(what.contains("0.0.9") && what.contains(hello::BUILD) && what.contains("session.search"), "{what}");
        assert!(next.contains("`thub deploy box -F '/a b'`"));
        let (what, next) = worded(&Fault::unknown_to_session("session.search"), &host, hello::BUILD, None).unwrap();
        assert!(what.contains("session was started by an older") && !next.contains("deploy"), "{what} {next}");
        assert_eq!(worded(&Fault::new(Fault::UNKNOWN, "x"), &host, "", None), None);
        // what the first builds answered
        let of_first = Fault::new(Fault::UNKNOWN_METHOD, "a session knows no session.search");
        assert_eq!(of_first.older(), Some(Older::Session));
        let odd = told(&Fault::new(Fault::UNKNOWN_METHOD, "\u{1b}[2J"), &host, "\u{1b}c", None);
        assert!(!odd.contains('\u{1b}'), "{odd}");
    }
}
