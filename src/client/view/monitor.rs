//! Draws how it stands with a host: its gauges, and what the link to it is like.

use super::layer::{panel_from, rows};
use super::status::{bar, rtt_text};
use crate::client::app::{App, Host};
use crate::client::host::measured::{Measured, unknown};
use crate::client::host::{HostId, HostState};
use crate::client::tree::{age, host_text, state_text};
use crate::sys::Tcp;
use crate::text::{count, short};
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::time::Duration;

/// Columns of text for what changes every second.
const WIDTH: usize = 66;
/// A queue above this is to be seen.
const QUEUE: Duration = Duration::from_millis(100);

/// What a little bar shows in full, at least.
const FULL: Duration = Duration::from_millis(50);

/// Where there is no room for all, lines with the highest number go first; those with 0 never.
struct Line(String, Style, u8);

pub fn draw(app: &App, theme: &Theme, id: &HostId, whole: Rect, buf: &mut Buffer) {
    let mut lines = lines(app, theme, id);
    let least = if lines.len() > 9 { WIDTH } else { 0 };
    let drawn = |lines: &[Line]| lines.iter().map(|l| (l.0.clone(), l.1)).collect::<Vec<_>>();
    while rows(whole, &drawn(&lines)) + 2 > usize::from(whole.height) {
        let Some(at) = (0..lines.len()).filter(|i| lines[*i].2 > 0).max_by_key(|i| lines[*i].2) else { break };
        lines.remove(at);
    }
    panel_from(theme, whole, (&host_text(id), theme.accent), &drawn(&lines), least, buf);
}

fn lines(app: &App, theme: &Theme, id: &HostId) -> Vec<Line> {
    let Some(host) = app.hosts.get(id) else { return vec![Line("offline".into(), theme.dim, 0)] };
    let mut lines = Vec::new();
    let mut add = |text: String, style: Style, rank: u8| lines.push(Line(text, style, rank));
    match &host.state {
        HostState::Online { .. } if host.silent => {
            add(format!("online, {}: nothing sent is answered", state_text(host, app.now)), theme.warn, 0);
        }
        HostState::Online { hostname, .. } if host.unlinked => {
            let what = format!("no link   {}   plain SSH: a new session makes it anew", short(hostname, 60));
            add(what, theme.warn, 0);
        }
        HostState::Online { hostname, .. } if host.state.is_without_agent() => {
            add(format!("online   {}   no agent: plain SSH", short(hostname, 60)), theme.ok, 0);
        }
        HostState::Online { build, hostname } => {
            add(format!("online   {}   thub {}", short(hostname, 60), short(build, 40)), theme.ok, 0);
        }
        HostState::Deploying { step, .. } => add(short(step, 100), theme.accent, 0),
        HostState::Updating { why } => add(format!("updating: {}", short(why, 200)), theme.accent, 0),
        HostState::Lost { why, .. } => add(format!("away: {}", short(why, 200)), theme.warn, 0),
        HostState::Failed { why, hints, .. } => {
            add(short(why, 300), theme.error, 0);
            for hint in hints {
                add(format!("  {}", short(hint, 200)), theme.text, 0);
            }
        }
        HostState::Offline => add("offline".into(), theme.dim, 0),
        HostState::Connecting => add(state_text(host, app.now), theme.accent, 0),
    }
    // what it showed last says nothing of now
    let online = matches!(host.state, HostState::Online { .. });
    let there = online && !host.silent;
    let ago = format!("{} ago", age(app.now.saturating_sub(host.heard).as_secs() as i64));
    let heard = format!("last heard {ago}");
    match &host.gauges {
        Some(g) if there => {
            let mem = |b: u64| format!("{:.1} GiB", b as f64 / f64::from(1 << 30));
            add(format!("CPU   {} {:.0}%   load {:.2}", bar(g.cpu), g.cpu, g.load), theme.text, 4);
            let of = format!("{} of {}", mem(g.mem_used), mem(g.mem_total));
            add(format!("MEM   {} {:.0}%   {of}", bar(g.mem()), g.mem()), theme.text, 4);
            add(format!("up    {}", age(i64::try_from(g.uptime).unwrap_or(0))), theme.text, 8);
        }
        Some(_) => {
            add(format!("CPU   —   {heard}"), theme.dim, 4);
            add("MEM   —".into(), theme.dim, 4);
        }
        None => {}
    }
    match host.rtt {
        _ if id.is_local() => {}
        _ if online && host.state.is_without_agent() => {
            add("link  not measured: another process here holds the connection".into(), theme.dim, 3);
            add(format!("heard {ago}"), theme.text, 3);
        }
        _ if online => link(app, theme, id, host, &ago, &mut add),
        Some(_) if host.gauges.is_none() => add(format!("rtt   —   {heard}"), theme.dim, 1),
        Some(_) => add("rtt   —".into(), theme.dim, 1),
        None => {}
    }
    let alive = host.sessions.iter().filter(|s| s.is_alive()).count();
    match (there, alive) {
        (true, 1) => add("1 session runs".into(), theme.text, 6),
        (true, n) => add(format!("{} run", count(n, "session")), theme.text, 6),
        (false, n) => add(format!("{} ran when it was heard last", count(n, "session")), theme.dim, 6),
    }
    add(String::new(), theme.text, 9);
    add("any key closes".into(), theme.dim, 0);
    lines
}

/// What the link is like; as many lines whatever is known, so that nothing jumps.
fn link(app: &App, theme: &Theme, id: &HostId, host: &Host, ago: &str, add: &mut impl FnMut(String, Style, u8)) {
    let none = Measured::default();
    let measured = host.link.as_deref();
    let link = measured.unwrap_or(&none);
    let there = !host.silent;
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "—".into());
    let style = |bad: bool| match (there, bad) {
        (false, _) => theme.dim,
        (true, true) => theme.warn,
        (true, false) => theme.text,
    };
    let rtt = host.rtt.filter(|_| there);
    let mut trip = format!("rtt   {}", or_none(rtt.map(rtt_text)));
    if there {
        for (word, took) in
            [("smoothed", host.srtt), ("shortest", link.shortest), ("TCP's own", link.tcp.map(|t| t.rtt))]
        {
            trip.push_str(&took.map(|t| format!("   {word} {}", rtt_text(t))).unwrap_or_default());
        }
    }
    add(trip, style(false), 1);
    let longest = host.trips.longest().filter(|_| there);
    let longest = longest.map(|t| format!("   longest {}", rtt_text(t))).unwrap_or_default();
    add(format!("      {}{longest}", sparks(host)), style(false), 5);
    let queue = rtt.zip(link.shortest).map(|(rtt, base)| rtt.saturating_sub(base));
    let may = measured.map(|m| format!("   {} may be on their way", bytes(m.credit))).filter(|_| there);
    let long = queue.is_some_and(|q| q > QUEUE);
    add(format!("queue {}{}", or_none(queue.map(rtt_text)), may.unwrap_or_default()), style(long), 3);
    let rate = link.rate.map(|rate| format!("{} a second", bytes(rate)));
    add(format!("comes {}", or_none(rate)), style(false), 3);
    // (what is sent again while nothing is answered is news)
    let lost = match (measured, link.tcp) {
        (None, _) => "—".into(),
        (Some(_), Some(tcp)) => loss(tcp, link.resent),
        (Some(link), None) => unknown(&link.through).to_string(),
    };
    let lost_style = if link.resent > 0 { theme.warn } else { theme.text };
    add(format!("loss  {lost}"), lost_style, 2);
    let keys = app.tally(id);
    add(format!("keys  {} typed, {} shown ahead, {} wrong", keys.keys, keys.shown, keys.wrong), theme.text, 3);
    add(format!("      {}", host.foresight.words(app.settings.predict, app.settings.predict_above)), theme.dim, 7);
    add(format!("heard {ago}"), if there { theme.text } else { theme.warn }, 2);
    add(format!("way   {}", or_none(measured.map(|m| short(&m.address, 200)))), theme.text, 5);
    add(format!("      {}", or_none(link.cipher.as_deref().map(|c| short(c, 60)))), theme.dim, 8);
}

/// Round trips of late as little bars: how far each is above the shortest. A full one is the longest, or twice the shortest.
fn sparks(host: &Host) -> String {
    let least = host.trips.iter().min().unwrap_or_default();
    let longest = host.trips.longest().unwrap_or_default();
    let full = (longest - least).max(least).max(FULL).as_secs_f32();
    host.trips.iter().map(|t| bar((t - least).as_secs_f32() / full * 100.0)).collect()
}

/// How much had to be sent again, of all that TCP sent and in the last second.
fn loss(tcp: Tcp, now: u32) -> String {
    let share = f64::from(tcp.resent) / f64::from(tcp.sent.max(1)) * 100.0;
    let now = if now > 0 { format!(", {now} in the last second") } else { String::new() };
    match tcp.resent {
        0 => format!("none of {} sent again", count(tcp.sent as usize, "packet")),
        n => format!("{n} of {} sent again ({share:.1}%){now}", count(tcp.sent as usize, "packet")),
    }
}

/// `512 B`, `12.3 KiB`, `1.0 MiB`.
fn bytes(n: u64) -> String {
    match n {
        0..1024 => format!("{n} B"),
        0x400..0x10_0000 => format!("{:.1} KiB", n as f64 / 1024.0),
        _ => format!("{:.1} MiB", n as f64 / f64::from(1 << 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_in_words() {
        assert_eq!([0, 1023, 1024, 65_536, 1 << 20].map(bytes), ["0 B", "1023 B", "1.0 KiB", "64.0 KiB", "1.0 MiB"]);
        let tcp = |resent| Tcp { rtt: Duration::ZERO, sent: 400, resent };
        assert_eq!(loss(tcp(0), 0), "none of 400 packets sent again");
        assert_eq!(loss(tcp(2), 0), "2 of 400 packets sent again (0.5%)");
        assert_eq!(loss(tcp(40), 3), "40 of 400 packets sent again (10.0%), 3 in the last second");
    }
}
