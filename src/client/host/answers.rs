//! Owns the answers to what a target process asks of a person: of one on this machine itself, of one elsewhere through the
//! agent there. Leaves out who the person is, and when an agent may ask at all.

use crate::link::call;
use crate::link::conn::Outbox;
use crate::proto::control::{AskHostKey, AskSecret, Fault, Method, Secret, Trusted};
use crate::text::short;
use crate::transport::ask::{Ask, KeyAsked, SecretAsked, SecretKind};
use serde_json::Value;
use std::sync::Arc;

/// Asks, and sends the answer, on a task of its own. `through` = the host whose agent hands the question on: it sees what is
/// typed, whatever it says of it.
pub fn answer(out: Outbox, id: u64, method: String, params: Value, ask: Arc<dyn Ask>, through: Option<String>) {
    tokio::spawn(async move {
        let result = match method.as_str() {
            AskHostKey::NAME => match call::params::<AskHostKey>(params) {
                Ok(asked) => call::reply(Trusted { trust: ask.host_key(&key(asked, through)).await }),
                Err(fault) => Err(fault),
            },
            AskSecret::NAME => match call::params::<AskSecret>(params) {
                Ok(asked) => {
                    let answer = ask.secret(&secret(asked, through)).await;
                    call::reply(Secret { answer: answer.map(|s| s.expose().to_string()) })
                }
                Err(fault) => Err(fault),
            },
            other => Err(Fault::new(Fault::UNKNOWN_METHOD, short(other, 64))),
        };
        call::answer(&out, id, result);
    });
}

fn key(asked: AskHostKey, through: Option<String>) -> KeyAsked {
    let AskHostKey { host, kind, fingerprint, address, way, kept } = asked;
    match through {
        None => KeyAsked { host, address, way, kind, fingerprint, kept },
        Some(agent) => {
            let agent = short(&agent, 60);
            let way = [format!("a host that {agent} reaches"), way]
                .iter()
                .filter(|w| !w.is_empty())
                .cloned()
                .collect::<Vec<_>>();
            let kept = if kept.is_empty() { kept } else { format!("on {agent}, {kept}") };
            KeyAsked { host, address, way: way.join("; "), kind, fingerprint, kept }
        }
    }
}

fn secret(asked: AskSecret, through: Option<String>) -> SecretAsked {
    let AskSecret { host, prompt, echo, kind, left } = asked;
    match through {
        // (it runs on this machine, as this user: its word on what stays here is ours)
        None => SecretAsked { host, prompt, echo, kind: SecretKind::of(&kind), left },
        Some(agent) => {
            let (agent, host) = (short(&agent, 60), short(&host, 60));
            let kind = SecretKind::Answer;
            SecretAsked { host: format!("{agent}, on the way to {host},"), prompt, echo, kind, left }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sees_it_is_said_by_us() {
        let asked = AskSecret {
            host: "me@far".into(),
            prompt: "Passphrase:".into(),
            kind: "passphrase".into(),
            ..AskSecret::default()
        };
        assert_eq!(secret(asked.clone(), None).kind, SecretKind::Passphrase);
        let there = secret(asked, Some("build\u{1b}".into()));
        assert_eq!(there.kind, SecretKind::Answer, "what is typed is seen there");
        assert!(there.host.starts_with("build") && there.host.contains("me@far") && !there.host.contains('\u{1b}'));
        let asked = AskHostKey { host: "me@far".into(), kept: "~/.ssh/known_hosts".into(), ..AskHostKey::default() };
        assert_eq!(key(asked, Some("build".into())).kept, "on build, ~/.ssh/known_hosts");
    }
}
