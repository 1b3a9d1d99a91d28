//! What can be looked at of a link: the monitor panel, the status line, and what doctor says of a host.

use crate::far::Far;
use crate::support::Tty;
use crate::support::proxy::{Line, Proxy};
use crate::support::tty::frame;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

const LINE: Line = Line { delay: Duration::from_millis(100), rate: 4 << 20, queue: 1 << 20 };
/// What a round trip over it takes, ms: no less than the delay both ways, but for the moment between the sending and the look
/// at the clock. (A machine that is busy takes longer.)
const TRIP: std::ops::Range<f64> = 195.0..400.0;

/// `31ms` or `1.2s` behind a word, in ms.
fn ms_after(screen: &[String], word: &str) -> Option<f64> {
    let rest = screen.iter().find_map(|l| l.split_once(word))?.1;
    let took = rest.split_whitespace().next()?;
    let number = |unit: &str| took.strip_suffix(unit)?.parse::<f64>().ok();
    number("ms").or_else(|| number("s").map(|s| s * 1000.0))
}

#[test]
fn the_monitor_shows_what_a_slow_link_is_like() {
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    proxy.line(LINE);
    let config = far.through(&proxy);
    far.thub(&["new", "-d", "-H", "test", "-n", "one", "--", "sh", "-c", "echo first-line; exec cat"]).ok();
    let mut tty = Tty::thub(&far.home, 80, 24, &["-F", config.to_str().unwrap(), "test"]);
    tty.until_text("first-line");
    tty.type_("typed\r");
    tty.until("the echo, and cat's own line", |s| s.iter().filter(|l| l.contains("typed")).count() == 2);
    tty.prefix("M");
    tty.until_text("q close");
    tty.type_("l");
    // measured twice: what came in between is known
    let screen = tty.until("all figures", |s| {
        ["a second", "may be on their way", "longest"].iter().all(|w| s.iter().any(|l| l.contains(w)))
            && ms_after(s, "shortest").is_some()
    });
    let shown = frame(&screen);
    let shortest = ms_after(&screen, "shortest").unwrap();
    assert!(TRIP.contains(&shortest), "{shown}");
    assert!(ms_after(&screen, "longest").unwrap() >= shortest, "{shown}");
    assert!(ms_after(&screen, "│ rtt ").is_some_and(|ms| ms >= TRIP.start), "{shown}");
    // (the six keys, and what the terminal itself may have been asked)
    assert!(screen.iter().any(|l| l.contains("keys  6 typed, ")), "{shown}");
    assert!(screen.iter().any(|l| l.contains("shown ahead and underlined")), "{shown}");
    assert!(screen.iter().any(|l| l.contains(&format!("127.0.0.1 port {}", proxy.port))), "{shown}");
    assert!(screen.iter().any(|l| l.contains("@openssh.com")), "{shown}");
    if cfg!(target_os = "linux") {
        assert!(screen.iter().any(|l| l.contains("loss ") && l.contains("packets sent again")), "{shown}");
    }
    tty.type_("q");
    tty.until_no_text("q close");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
}

#[test]
fn a_silent_link_says_in_the_status_line_when_it_was_heard_last() {
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    let config = far.through(&proxy);
    far.thub(&["new", "-d", "-H", "test", "-n", "one", "--", "sh", "-c", "echo first-line; exec cat"]).ok();
    let mut tty = Tty::thub(&far.home, 80, 24, &["-F", config.to_str().unwrap(), "test"]);
    tty.until_text("first-line");
    proxy.stall(true);
    let last = |s: &[String]| s.last().cloned().unwrap_or_default();
    let screen = tty.until("that it is silent", |s| last(s).contains("silent, last heard "));
    assert!(
        last(&screen).contains("test  silent, last heard ") && last(&screen).contains(" s ago"),
        "{}",
        frame(&screen)
    );
    // the panel as well, and it counts on
    tty.prefix("M");
    tty.until_text("q close");
    tty.type_("l");
    let heard = |s: &[String]| ms_after(s, "│ heard ");
    let panel = tty.until("that in the panel", |s| heard(s).is_some() && s.iter().any(|l| l.contains("rtt   —")));
    let before = heard(&panel);
    tty.until("that it goes on", |s| heard(s) > before);
    proxy.stall(false);
    tty.until("all well again", |s| ms_after(s, "│ rtt ").is_some());
    tty.type_("q");
    tty.until("all well in the line", |s| s.iter().all(|l| !l.contains("q close") && !l.contains("heard")));
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
}

/// What doctor says of the host `name` of a config, by its topic.
fn doctor(far: &Far, config: &Path, name: &str) -> impl Fn(&str) -> Value {
    let said = far.home.thub(&["-F", config.to_str().unwrap(), "doctor", name, "--json"]).ok();
    let all: Vec<Value> = serde_json::from_str(&said).expect("a JSON array");
    move |what| all.iter().find(|f| f["what"] == what).unwrap_or_else(|| panic!("no {what}: {all:?}")).clone()
}

#[test]
fn doctor_measures_the_link() {
    let Some(far) = Far::deployed() else { return };
    let proxy = Proxy::start(far.sshd.port);
    proxy.line(LINE);
    let slow = far.through(&proxy);
    let of = doctor(&far, &slow, "test");
    let trip = of("round trip");
    let ms = |v: &Value, key: &str| v[key].as_f64().unwrap_or_else(|| panic!("no {key}: {v}"));
    assert!(TRIP.contains(&ms(&trip, "least_ms")), "{trip}");
    assert!(
        ms(&trip, "least_ms") <= ms(&trip, "median_ms") && ms(&trip, "median_ms") <= ms(&trip, "worst_ms"),
        "{trip}"
    );
    assert_eq!((trip["sent"].as_u64(), trip["answered"].as_u64()), (Some(10), Some(10)), "{trip}");
    // the proxy is near, and what lies behind it far: TCP tells that apart
    if cfg!(target_os = "linux") {
        assert!(ms(&trip, "tcp_ms") < 100.0, "{trip}");
        assert!(trip["level"] == "warn" && trip["said"].as_str().unwrap().contains("proxy on the way"), "{trip}");
        let loss = of("loss");
        assert!(loss["packets"].as_u64() > Some(10) && loss["resent"].is_u64(), "{loss}");
    }
    assert_eq!((of("echo")["echo"].as_str(), of("echo")["predict"].as_str()), (Some("underlined"), Some("adaptive")));
    let connecting = of("connecting");
    for step in ["key_exchange_ms", "login_ms", "agent_ms"] {
        assert!(ms(&connecting, step) >= TRIP.start, "{connecting}");
    }
    assert!(ms(&connecting, "config_ms") > 0.0 && ms(&connecting, "reach_ms") > 0.0, "{connecting}");
    let link = of("link");
    assert!(ms(&link, "ready_ms") >= 3.0 * TRIP.start && link["way"] == "direct", "{link}");
    assert!(link["address"].as_str().unwrap().contains(&proxy.port.to_string()), "{link}");
    assert!(link["cipher"].as_str().unwrap().contains("@openssh.com"), "{link}");

    // near, and through a jump host, whose TCP is not the host's
    let config = far.sshd.config("Host near\n  ProxyJump test\n");
    let of = doctor(&far, &config, "near");
    assert_eq!((of("link")["way"].as_str(), of("loss")["resent"].clone()), (Some("jump"), Value::Null));
    assert!(of("loss")["said"].as_str().unwrap().contains("jump host"), "{}", of("loss"));
    assert_eq!(of("echo")["echo"], "off");
    assert!(ms(&of("round trip"), "least_ms") < TRIP.start, "{}", of("round trip"));
}
