//! Owns what `thub doctor -H HOST` says of the link to it: how long connecting took, round trips, what TCP had to send again,
//! and what that does to typed keys. Leaves out the host's agent and machine (`there`).

use super::Finding;
use crate::client::foresight::Foresight;
use crate::client::host::Dialed;
use crate::client::host::measured::unknown;
use crate::config::{Config, Predict};
use crate::link::Incoming;
use crate::sys::Tcp;
use crate::text::short;
use crate::transport::ssh::{Look, Steps, Through};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PINGS: usize = 10;
const APART: Duration = Duration::from_millis(200);
/// Answers are waited for so long after the last ping.
const PATIENCE: Duration = Duration::from_secs(3);

/// A step of connecting that takes longer is worth a word.
const SLOW_STEP: Duration = Duration::from_secs(2);
/// Round trips above this are felt in every command.
const FAR: Duration = Duration::from_millis(300);
/// What an answer may take beyond TCP's own, or beyond the median, and nobody notices.
const BESIDE: Duration = Duration::from_millis(100);

/// Round trips, measured; the shortest first. `None` = the link fell meanwhile.
pub async fn trips(dialed: &mut Dialed) -> Option<Vec<Duration>> {
    let mut all = Vec::new();
    let mut sent = 0;
    let mut tick = tokio::time::interval(APART);
    let until = tokio::time::Instant::now() + APART * PINGS as u32 + PATIENCE;
    while all.len() < PINGS {
        tokio::select! {
            _ = tick.tick(), if sent < PINGS => {
                sent += 1;
                dialed.link.ping();
            }
            said = dialed.incoming.recv() => match said {
                Some(Incoming::Rtt(rtt)) => all.push(rtt),
                // (nothing else is asked of a verb)
                Some(_) => {}
                None => return None,
            },
            () = tokio::time::sleep_until(until) => break,
        }
    }
    all.sort();
    Some(all)
}

/// All of it, of a link whose agent answered at `ready`.
pub fn findings(look: &Look, ready: Instant, trips: &[Duration], config: &Config) -> Vec<Finding> {
    let tcp = look.tcp();
    vec![
        connecting(look.steps, ready.saturating_duration_since(look.ready)),
        round_trip(trips, tcp),
        loss(tcp, &look.through),
        echo(trips, config.predict, config.predict_above),
    ]
}

/// Which way a connection goes, for programs.
pub fn way(look: &Look) -> Vec<(&'static str, Value)> {
    let way = match look.through {
        Through::Nothing => "direct",
        Through::Host(_) => "jump",
        Through::ProxyCommand => "proxy-command",
    };
    let cipher = look.cipher().map(|c| short(&c, 60));
    vec![("way", json!(way)), ("address", json!(short(&look.address, 300))), ("cipher", json!(cipher))]
}

/// Milliseconds, to a tenth.
pub fn ms(took: Duration) -> Value {
    json!((took.as_secs_f64() * 10_000.0).round() / 10.0)
}

fn in_ms(took: Duration) -> String {
    match took.as_millis() {
        0..10 => format!("{:.1} ms", took.as_secs_f64() * 1000.0),
        whole => format!("{whole} ms"),
    }
}

/// The one in the middle of what is sorted.
fn median(trips: &[Duration]) -> Option<Duration> {
    trips.get(trips.len() / 2).copied()
}

fn connecting(steps: Steps, agent: Duration) -> Finding {
    let all = [
        ("ssh_config", "config_ms", steps.config, "a `Match exec` in ssh_config may run something slow"),
        ("reaching it", "reach_ms", steps.reach, "look at name lookup, a ProxyCommand or the jump host on the way"),
        ("key exchange", "key_exchange_ms", steps.key_exchange, "the host is busy or far"),
        (
            "login",
            "login_ms",
            steps.login,
            "the host may look up names (UseDNS in its sshd_config) or ask a slow service",
        ),
        ("agent", "agent_ms", agent, "its login shell's rc files or its disk may be slow"),
    ];
    let said: Vec<String> = all.iter().map(|(step, _, took, _)| format!("{step} {}", in_ms(*took))).collect();
    let mut said = said.join(", ");
    let slowest = all.iter().filter(|s| s.2 > SLOW_STEP).max_by_key(|s| s.2);
    if let Some((step, _, _, why)) = slowest {
        said.push_str(&format!("; {step} is slow: {why}"));
    }
    let level = if slowest.is_some() { "warn" } else { "ok" };
    let fields = all.iter().map(|(_, key, took, _)| (*key, ms(*took))).collect();
    Finding { fields, ..Finding::new("connecting", level, said) }
}

fn round_trip(trips: &[Duration], tcp: Option<Tcp>) -> Finding {
    let fields = |least: Value, median: Value, worst: Value| {
        vec![
            ("sent", json!(PINGS)),
            ("answered", json!(trips.len())),
            ("least_ms", least),
            ("median_ms", median),
            ("worst_ms", worst),
            ("tcp_ms", tcp.map_or(Value::Null, |t| ms(t.rtt))),
        ]
    };
    let (Some(least), Some(median), Some(worst)) = (trips.first(), median(trips), trips.last()) else {
        let said = format!(
            "no answer to {PINGS} pings within {} s: the way there is blocked or stands still; try another network",
            PATIENCE.as_secs()
        );
        return Finding {
            fields: fields(json!(null), json!(null), json!(null)),
            ..Finding::new("round trip", "bad", said)
        };
    };
    let kernel = tcp.map(|t| t.rtt);
    let mut said = format!("{} at least, {} in the median, {} at worst", in_ms(*least), in_ms(median), in_ms(*worst));
    if let Some(kernel) = kernel {
        said.push_str(&format!(" (TCP's own: {})", in_ms(kernel)));
    }
    let beside = |kernel: Duration| median >= kernel + BESIDE && median >= kernel * 2;
    let advice = if trips.len() < PINGS {
        Some(format!(
            "{} of {PINGS} pings were not answered: the link stands still at times; another network helps",
            PINGS - trips.len()
        ))
    } else if kernel.is_some_and(beside) {
        Some("the network itself answers at once: the host is busy, or a proxy on the way is far from it; look at its load with `uptime`".into())
    } else if *worst >= median * 3 && *worst >= median + BESIDE {
        Some(
            "they vary much: a weak Wi-Fi, or something else fills the line; end other transfers, or use a cable"
                .into(),
        )
    } else if median >= FAR {
        Some("the way is long: what is typed can be shown ahead, commands still wait that long; another network may be nearer".into())
    } else {
        None
    };
    let level = if advice.is_some() { "warn" } else { "ok" };
    if let Some(advice) = advice {
        said.push_str(&format!("; {advice}"));
    }
    Finding { fields: fields(ms(*least), ms(median), ms(*worst)), ..Finding::new("round trip", level, said) }
}

fn loss(tcp: Option<Tcp>, through: &Through) -> Finding {
    let fields = vec![("packets", json!(tcp.map(|t| t.sent))), ("resent", json!(tcp.map(|t| t.resent)))];
    let (level, said) = match tcp {
        None => ("ok", unknown(through).to_string()),
        Some(Tcp { sent, resent, .. }) => {
            let said = format!("{resent} of {sent} packets sent again");
            // one is chance
            match resent > 1 && u64::from(resent) * 100 >= u64::from(sent) {
                true => (
                    "warn",
                    format!(
                        "{said}: some are lost on the way, which makes keys stall; a cable or another network helps"
                    ),
                ),
                false => ("ok", said),
            }
        }
    };
    Finding { fields, ..Finding::new("loss", level, said) }
}

fn echo(trips: &[Duration], predict: Predict, above: Duration) -> Finding {
    let median = median(trips).unwrap_or_default();
    let foresight = Foresight::default().at(predict, above, median);
    let word = match foresight {
        Foresight::Off => "off",
        Foresight::Shown => "shown",
        Foresight::Marked => "underlined",
    };
    let setting = match predict {
        Predict::Adaptive => "adaptive",
        Predict::On => "on",
        Predict::Off => "off",
    };
    let said = format!("typed keys are {}", foresight.words(predict, above));
    let (level, said) = match predict == Predict::Off && median >= BESIDE {
        true => (
            "warn",
            format!(
                "{said}: each shows after {}; predict = \"adaptive\" in config.toml shows it at once",
                in_ms(median)
            ),
        ),
        false => ("ok", said),
    };
    let fields = vec![("echo", json!(word)), ("predict", json!(setting))];
    Finding { fields, ..Finding::new("echo", level, said) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(rtt: u64, resent: u32) -> Option<Tcp> {
        Some(Tcp { rtt: Duration::from_millis(rtt), sent: 200, resent })
    }
    fn took(ms: &[u64]) -> Vec<Duration> {
        ms.iter().map(|ms| Duration::from_millis(*ms)).collect()
    }
    fn field(f: &Finding, key: &str) -> Value {
        f.fields.iter().find(|(k, _)| *k == key).unwrap_or_else(|| panic!("no {key}")).1.clone()
    }

    #[test]
    fn what_is_bad_is_told_with_what_to_do() {
        let steady = took(&[40; PINGS]);
        let f = round_trip(&steady, tcp(39, 0));
        assert_eq!(
            (f.level, f.said.as_str()),
            ("ok", "40 ms at least, 40 ms in the median, 40 ms at worst (TCP's own: 39 ms)")
        );
        assert_eq!(
            (field(&f, "median_ms"), field(&f, "tcp_ms"), field(&f, "answered")),
            (json!(40.0), json!(39.0), json!(10))
        );
        let cases = [
            (took(&[]), None, "bad", "no answer"),
            (took(&[40; 7]), None, "warn", "3 of 10 pings"),
            (took(&[250; PINGS]), tcp(20, 0), "warn", "uptime"),
            (took(&[30, 30, 31, 31, 31, 32, 32, 40, 90, 400]), None, "warn", "Wi-Fi"),
            (took(&[600; PINGS]), tcp(590, 0), "warn", "the way is long"),
        ];
        for (trips, tcp, level, part) in cases {
            let f = round_trip(&trips, tcp);
            assert!(f.level == level && f.said.contains(part), "{trips:?}: {} {}", f.level, f.said);
        }
        assert_eq!(field(&round_trip(&[], None), "median_ms"), Value::Null);
    }

    #[test]
    fn loss_is_said_where_it_is_known() {
        let said = |tcp, through| {
            let f = loss(tcp, &through);
            (f.level, f.said.clone(), field(&f, "resent"))
        };
        assert_eq!(said(tcp(9, 1), Through::Nothing), ("ok", "1 of 200 packets sent again".into(), json!(1)));
        let (level, text, resent) = said(tcp(9, 7), Through::Nothing);
        assert!(level == "warn" && text.contains("7 of 200") && text.contains("cable") && resent == json!(7), "{text}");
        assert_eq!(said(None, Through::Host("door".into())).1, "not known through a jump host");
        assert_eq!(said(None, Through::ProxyCommand).2, Value::Null);
    }

    #[test]
    fn a_slow_step_is_named() {
        let s = Duration::from_secs;
        let quick = Steps { reach: s(1), ..Steps::default() };
        assert_eq!(connecting(quick, s(1)).level, "ok");
        let f = connecting(Steps { login: s(5), ..quick }, s(3));
        assert!(f.level == "warn" && f.said.contains("; login is slow") && f.said.contains("UseDNS"), "{}", f.said);
        assert_eq!((field(&f, "login_ms"), field(&f, "agent_ms")), (json!(5000.0), json!(3000.0)));
    }

    #[test]
    fn what_becomes_of_typed_keys() {
        let of = |ms: u64, predict| {
            let f = echo(&took(&[ms]), predict, Duration::from_millis(30));
            (field(&f, "echo").as_str().unwrap_or_default().to_string(), f.level)
        };
        assert_eq!(of(5, Predict::Adaptive), ("off".into(), "ok"));
        assert_eq!(of(50, Predict::Adaptive), ("shown".into(), "ok"));
        assert_eq!(of(200, Predict::Adaptive), ("underlined".into(), "ok"));
        assert_eq!(of(5, Predict::On), ("shown".into(), "ok"));
        assert_eq!(of(200, Predict::Off), ("off".into(), "warn"));
    }
}
