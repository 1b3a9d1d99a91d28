//! Draws the status bar: message or host, gauges, round trip, clock.

use super::gauge::{filling, level, rate, sparks};
use super::tree::standing_style;
use super::{fill, put_cut, put_right};
use crate::client::app::{App, Host};
use crate::client::gauges::limits::Level;
use crate::client::gauges::{Seen, rates};
use crate::client::host::{HostId, HostState};
use crate::client::keymap::shown;
use crate::client::tree::{standing, state_text, unnamed};
use crate::proto::control::Device;
use crate::text::short;
use crate::theme::Theme;
use crate::transport::ssh::forward::State;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::time::Duration;

/// `31ms`, `1.2s`.
pub fn rtt_text(rtt: Duration) -> String {
    match rtt.as_millis() {
        0 => "<1ms".into(),
        ms @ 1..1000 => format!("{ms}ms"),
        _ => format!("{:.1}s", rtt.as_secs_f32()),
    }
}

/// How it stands with a host, where there is room for more than a word: escaped.
fn state_line(id: &HostId, host: &Host, now: Duration) -> String {
    let heard = now.saturating_sub(host.heard).as_secs();
    match &host.state {
        // its output comes, and nothing gets there
        HostState::Online { .. } if host.silent && heard == 0 => "silent: nothing sent is answered".into(),
        HostState::Online { .. } if host.silent => format!("silent, last heard {heard} s ago"),
        HostState::Online { .. } if host.unlinked => "no link: a new session makes it anew".into(),
        HostState::Lost { why, .. } if !host.met => {
            let why = short(unnamed(id, why), 200);
            if why.starts_with("can't be reached") { why } else { format!("not reached: {why}") }
        }
        HostState::Lost { .. } => format!("lost, last heard {heard} s ago"),
        _ => state_text(host, now),
    }
}

/// What is limited, then the figures: those that matter least are the last.
fn gauges(theme: &Theme, seen: &Seen, now: Duration, add: &mut impl FnMut(&str, Style, bool) -> bool) {
    // (why says the panel)
    if seen.fault().is_some() {
        add("no gauges", theme.dim, false);
        return;
    }
    let Some(g) = seen.current(now) else { return };
    let limit = match seen.alarm.level() {
        Level::Fine => None,
        Level::Limited => Some(("limited", theme.warn)),
        Level::Error => Some(("error", theme.error)),
    };
    if let Some((word, style)) = limit {
        // (where there is no room for why, that it is so)
        let _ = add(&format!("{word}: {}", short(&seen.alarm.words(), 60)), style, false) || add(word, style, false);
    }
    if let Some(cpu) = g.cpu {
        let line = sparks(seen.last(|p| p.cpu, 5));
        let style = level(theme, cpu);
        // (what matters less is not shown in the place of what matters more)
        if !add(&format!("CPU {line} {cpu:.0}%"), style, false) && !add(&format!("CPU {cpu:.0}%"), style, false) {
            return;
        }
    }
    for (name, percent) in [("MEM", g.mem()), ("DISK", g.fullest().map(|d| d.percent()))] {
        if let Some(percent) = percent
            && !add(&format!("{name} {percent:.0}%"), filling(theme, percent), false)
        {
            return;
        }
    }
    if let (Some(rx), Some(tx)) = rates(g) {
        add(&format!("↓{} ↑{}", rate(rx), rate(tx)), theme.gauge_low, false);
    }
}

pub fn draw(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    fill(buf, area, theme.status);
    let mut right = area;
    if let Some(text) = app.files.queue.brief().filter(|_| right.width >= 30) {
        let x = put_right(buf, right, &format!(" {text} "), theme.accent);
        right.width = x.saturating_sub(area.x);
    }
    if let Some(message) = &app.message {
        put_cut(buf, area.x + 1, area.y, right.width.saturating_sub(1), &message.text, theme.accent);
        return;
    }
    let id = app.current_host();
    let host = app.hosts.get(&id);
    if !app.clock.is_empty() && area.width >= 20 {
        let x = put_right(buf, right, &format!(" {} ", app.clock), theme.status);
        right.width = x.saturating_sub(area.x);
    }
    // from the left: the host, then what there is room for
    let mut x = area.x + area.width.min(1);
    let mut add = |text: &str, style, must: bool| {
        let room = right.right().saturating_sub(x);
        let fits = must || text.chars().count() < usize::from(room);
        if fits {
            x = put_cut(buf, x, area.y, room, text, style);
            x = x.saturating_add(2).min(right.right());
        }
        fits
    };
    if let Some((keys, _)) = &app.sequence {
        let keys: Vec<String> =
            std::iter::once(app.keymap.prefix_word()).chain(keys.iter().map(String::as_str)).map(shown).collect();
        add(&format!("{} …", keys.join(" ")), theme.status_mode, true);
    }
    add(&app.current_place(), theme.text, true);
    let Some(host) = host else { return };
    let state = state_line(&id, host, app.now);
    // this machine is there in a moment: saying so would only flicker
    let soon = id.is_local() && host.state == HostState::Connecting;
    if !state.is_empty() && !soon {
        add(&state, standing_style(theme, standing(Some(host))), true);
    }
    if !matches!(host.state, HostState::Online { .. }) {
        return;
    }
    // what the pane is connected to, and what is on of it
    if let Some(device) = app.focused().and_then(|p| p.info.as_deref()?.device.as_deref()) {
        let style = if device.state == Device::WAITING { theme.warn } else { theme.accent };
        if device.state == Device::WAITING {
            add("waiting", style, true);
        }
        add(&short(&device.what, 60), theme.dim, false);
        for mark in device.marks.iter().take(8) {
            add(&short(mark, 40), style, false);
        }
    }
    if app.focused().and_then(|p| p.info.as_ref()).is_some_and(|info| info.root) {
        add("root", theme.warn, true);
    }
    let spot = app.focused().and_then(|p| app.spot_of_pane(p)).filter(|_| app.settings.gauges && !host.silent);
    if let Some(seen) = spot.as_ref().and_then(|s| app.seen_at(s)) {
        gauges(theme, seen, app.now, &mut add);
    }
    let forwards = host.forwards.iter().filter(|f| !matches!(f.state, State::Failed(_))).count();
    if forwards > 0 {
        add(&format!("⇄{forwards}"), theme.accent, false);
    }
    let lends = host.lends.words();
    if !lends.is_empty() {
        add(&format!("lends {lends}"), theme.accent, false);
    }
    if let Some(rtt) = host.rtt.filter(|_| !id.is_local() && !host.silent) {
        add(&format!("rtt {}", rtt_text(rtt)), theme.dim, false);
    }
}
