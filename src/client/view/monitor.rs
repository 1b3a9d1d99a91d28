//! Draws a machine's gauges on the whole screen: ten minutes of each, cores, disks, interfaces, processes; and what the link
//! to it is like.

use super::gauge::{bar, filling, graph, level, meter, rate, size, sparks, uptime};
use super::layer::{Cursor, typed};
use super::status::rtt_text;
use super::{boxed, fill, put_cut, put_right, wrap};
use crate::client::app::{App, Host};
use crate::client::gauges::limits::Level;
use crate::client::gauges::{KEPT, Line, Seen, rates};
use crate::client::host::measured::{Measured, unknown};
use crate::client::host::{HostId, HostState};
use crate::client::keymap::shown;
use crate::client::layer::monitor::{Act, DEEDS, Panel, Sort};
use crate::client::tree::{age, state_text};
use crate::proto::gauges::{Gauges, Process};
use crate::sys::Tcp;
use crate::text::{count, escape, short};
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

/// A queue above this is to be seen.
const QUEUE: Duration = Duration::from_millis(100);
/// What a little bar shows in full, at least.
const FULL: Duration = Duration::from_millis(50);
/// From this width on lines over time stand side by side.
const PAIR: u16 = 60;

pub fn draw(app: &App, theme: &Theme, panel: &Panel, whole: Rect, buf: &mut Buffer) -> Cursor {
    fill(buf, whole, theme.panel);
    let title = app.name_of_spot(&panel.spot);
    let inner = boxed(buf, whole, &title, theme.border_focused, theme.accent);
    let inner = match inner.width {
        0..40 => inner,
        _ => Rect { x: inner.x + 1, width: inner.width - 2, ..inner },
    };
    if inner.height < 2 {
        return None;
    }
    let seen = app.seen_at(&panel.spot);
    let linked = app.linked(&panel.spot);
    let host = linked.as_ref().and_then(|id| app.hosts.get(id).map(|host| (id, host)));
    // what it showed last says nothing of now
    let there = host.is_none_or(|(_, h)| matches!(h.state, HostState::Online { .. }) && !h.silent);
    let now = seen.filter(|_| there).and_then(|s| s.current(app.now));
    let gauges = now.filter(|g| g.cpu.is_some() || g.mem_total > 0);
    let mut room = inner;
    head(app, theme, host, now, &mut room, buf);
    said(theme, seen, now, there, &mut room, buf);
    let foot = Rect { y: inner.bottom() - 1, height: 1, ..inner };
    room.height = room.height.saturating_sub(1);
    if let Some(seen) = seen.filter(|_| gauges.is_some() || !there) {
        lines_over_time(app, theme, seen, gauges, &mut room, buf);
    }
    let link = host.filter(|(id, _)| !id.is_local());
    let shows_link = link.is_some() && panel.link.unwrap_or(gauges.is_none_or(|g| g.top.is_empty()));
    // (who asks for the link is shown all of it)
    let asked = shows_link && panel.link == Some(true);
    if let Some(g) = gauges.filter(|_| !asked || room.height > ALL_OF_LINK) {
        // (so many rows are for the processes)
        let below = if asked { ALL_OF_LINK } else { (room.height / 2).clamp(4, 12) };
        let below = below.min(room.height);
        parts(theme, g, &mut room, below, buf);
    }
    let cursor = match (link, gauges) {
        (Some((id, host)), _) if shows_link => {
            draw_link(app, theme, id, host, room, buf);
            None
        }
        (_, Some(g)) => processes(theme, panel, g, room, buf),
        _ => None,
    };
    keys(theme, foot, link.is_some(), buf);
    cursor
}

/// The state of the host, its build, and what there is one figure of.
fn head(
    app: &App,
    theme: &Theme,
    host: Option<(&HostId, &Host)>,
    g: Option<&Gauges>,
    room: &mut Rect,
    buf: &mut Buffer,
) {
    let (mut words, mut style, mut hints) = (Vec::new(), theme.ok, Vec::new());
    match host {
        None => words.push("online".to_string()),
        Some((id, host)) => match &host.state {
            HostState::Online { .. } if host.silent => {
                (words, style) =
                    (vec![format!("online, {}: nothing sent is answered", state_text(host, app.now))], theme.warn);
            }
            HostState::Online { hostname, .. } if host.unlinked => {
                let why = "no link: plain SSH, a new session makes it anew";
                (words, style) = (vec![why.into(), short(hostname, 60)], theme.warn);
            }
            HostState::Online { hostname, .. } if host.state.is_without_agent() => {
                words = vec!["online".into(), short(hostname, 60), "no agent: plain SSH".into()];
            }
            HostState::Online { build, hostname } => {
                words = vec!["online".into(), short(hostname, 60)];
                if !id.is_local() {
                    words.push(format!("thub {}", short(build, 40)));
                }
            }
            HostState::Deploying { step, .. } => (words, style) = (vec![short(step, 100)], theme.accent),
            HostState::Updating { why } => {
                (words, style) = (vec![format!("updating: {}", short(why, 200))], theme.accent);
            }
            HostState::Lost { why, .. } => (words, style) = (vec![format!("away: {}", short(why, 200))], theme.warn),
            HostState::Failed { why, hints: h, .. } => {
                (words, style) = (vec![short(why, 300)], theme.error);
                hints = h.iter().map(|h| short(h, 200)).collect();
            }
            HostState::Offline => (words, style) = (vec!["offline".into()], theme.dim),
            HostState::Connecting => (words, style) = (vec![state_text(host, app.now)], theme.accent),
        },
    }
    if let Some(g) = g {
        if g.uptime > 0 {
            words.push(format!("up {}", uptime(g.uptime)));
        }
        if let (Some(a), Some(b), Some(c)) = (g.load, g.load5, g.load15) {
            words.push(format!("load {a:.2} {b:.2} {c:.2}"));
        }
        if let Some(n) = g.processes {
            words.push(count(n as usize, "process").replace("processs", "processes"));
        }
    }
    let alive = host.map(|(_, h)| h.sessions.iter().filter(|s| s.is_alive()).count());
    words.extend(alive.map(|n| count(n, "session")));
    let width = usize::from(room.width);
    for line in flow(&words, "   ", width).into_iter().take(2) {
        line_of(room, &line, style, buf);
    }
    for hint in hints.iter().flat_map(|h| wrap(h, width)).take(3) {
        line_of(room, &hint, theme.text, buf);
    }
}

/// Why it is limited, or why there is nothing to be seen.
fn said(theme: &Theme, seen: Option<&Seen>, now: Option<&Gauges>, there: bool, room: &mut Rect, buf: &mut Buffer) {
    let alarm = seen.filter(|_| now.is_some()).map(|s| (&s.alarm, s.fault()));
    match alarm {
        Some((_, Some(fault))) => line_of(room, &format!("limited: {}", short(fault, 200)), theme.warn, buf),
        Some((alarm, None)) if alarm.level() > Level::Fine => {
            let (word, style) = match alarm.level() {
                Level::Error => ("error", theme.error),
                _ => ("limited", theme.warn),
            };
            line_of(room, &format!("{word}: {}", short(&alarm.words(), 300)), style, buf);
        }
        Some(_) => {}
        None if there => line_of(room, "no gauges yet", theme.dim, buf),
        None => {}
    }
}

/// One line of text, where there is still room for one.
fn line_of(room: &mut Rect, text: &str, style: Style, buf: &mut Buffer) {
    if room.height > 1 {
        put_cut(buf, room.x, room.y, room.width, text, style);
        (room.y, room.height) = (room.y + 1, room.height - 1);
    }
}

/// Words with so much between them, on lines of at most this width.
fn flow(words: &[String], between: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.iter().filter(|w| !w.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.width() + between.width() + word.width() <= width => {
                line.push_str(between);
                line.push_str(word);
            }
            _ => lines.push(word.clone()),
        }
    }
    lines
}

fn lines_over_time(app: &App, theme: &Theme, seen: &Seen, g: Option<&Gauges>, room: &mut Rect, buf: &mut Buffer) {
    let none = Gauges::default();
    let known = g.unwrap_or(&none);
    let or_none = |n: Option<String>| n.unwrap_or_else(|| "—".into());
    let percent = |p: Option<f32>| or_none(p.map(|p| format!("{p:.0}%")));
    let per = |n: Option<u64>| or_none(n.map(rate));
    let (rx, tx) = rates(known);
    let mem = (known.mem_total > 0).then(|| format!("{} of {}", size(known.mem_used), size(known.mem_total)));
    let styled = |p: Option<f32>| p.map_or(theme.dim, |p| level(theme, p));
    let io = seen.highest(|p| p.read).max(seen.highest(|p| p.written)).max(1024.0);
    let net = seen.highest(|p| p.rx).max(seen.highest(|p| p.tx)).max(1024.0);
    let four: [(String, Style, Line, f32); 4] = [
        (format!("CPU {}", percent(known.cpu)), styled(known.cpu), |p| p.cpu, 100.0),
        (
            format!("MEM {}   {}", percent(known.mem()), mem.unwrap_or_default()),
            known.mem().map_or(theme.dim, |p| filling(theme, p)),
            |p| p.mem,
            100.0,
        ),
        (
            format!("NET ↓{} ↑{}   most {}", per(rx), per(tx), rate(net as u64)),
            theme.gauge_low,
            |p| p.rx.zip(p.tx).map(|(a, b)| a + b),
            net,
        ),
        (
            format!(
                "DISK read {} written {}   most {}",
                per(known.disk_read),
                per(known.disk_written),
                rate(io as u64)
            ),
            theme.gauge_low,
            |p| p.read.zip(p.written).map(|(a, b)| a + b),
            io,
        ),
    ];
    let high = match room.height {
        0..14 => 0,
        14..19 => 1,
        19..26 => 2,
        26..32 => 3,
        _ => 5,
    };
    if high == 0 || room.width < PAIR {
        // figures alone, with the last moments
        let words: Vec<String> = vec![
            format!("CPU {} {}", sparks(seen.last(|p| p.cpu, 8)), percent(known.cpu)),
            format!("MEM {}", percent(known.mem())),
            format!("↓{} ↑{}", per(rx), per(tx)),
            format!("disk r{} w{}", per(known.disk_read), per(known.disk_written)),
        ];
        for line in flow(&words, "  ", usize::from(room.width)).into_iter().take(3) {
            line_of(room, &line, theme.text, buf);
        }
        return;
    }
    for pair in four.chunks(2) {
        let wide = (room.width - 3) / 2;
        for ((text, style, line, full), x) in pair.iter().zip([room.x, room.x + wide + 3]) {
            put_cut(buf, x, room.y, wide, text, *style);
            let area = Rect { x, y: room.y + 1, width: wide, height: high };
            let values = seen.line(*line, app.now, KEPT, usize::from(wide));
            graph(buf, area, &values, *full, *style, theme.dim);
        }
        let used = high + 1;
        (room.y, room.height) = (room.y + used, room.height - used);
    }
}

/// Cores, disks, interfaces, temperatures, pressure: as many lines as leave `below` of them.
fn parts(theme: &Theme, g: &Gauges, room: &mut Rect, below: u16, buf: &mut Buffer) {
    let width = usize::from(room.width);
    let mut rows: Vec<(String, Style)> = Vec::new();
    if g.cores.len() > 1 {
        let each: Vec<String> = match g.cores.len() {
            n if n * 8 <= width * 2 => {
                g.cores.iter().enumerate().map(|(i, c)| format!("{i}{} {c:>3.0}%", bar(*c))).collect()
            }
            _ => vec![sparks(g.cores.iter().copied())],
        };
        rows.extend(with_name("cores", &each, "  ", width).into_iter().take(2).map(|l| (l, theme.text)));
    }
    let full = |d: &crate::proto::gauges::Disk| {
        let of = format!("{} of {}", size(d.used), size(d.usable()));
        format!("{} {} {:.0}%  {of}", short(&d.mount, 40), meter(d.percent(), 8), d.percent())
    };
    let brief = |d: &crate::proto::gauges::Disk| format!("{} {:.0}%", short(&d.mount, 30), d.percent());
    let many = g.disks.len() * 40 > width * 2;
    let disks: Vec<String> = g.disks.iter().map(|d| if many || width < 60 { brief(d) } else { full(d) }).collect();
    let worst = g.fullest().map_or(theme.text, |d| if d.percent() >= 90.0 { theme.gauge_high } else { theme.text });
    rows.extend(with_name("disks", &disks, "  ", width).into_iter().take(3).map(|l| (l, worst)));
    let mut nets: Vec<&crate::proto::gauges::Net> = g.nets.iter().collect();
    nets.sort_by_key(|n| std::cmp::Reverse((n.is_own(), n.rx.unwrap_or(0).saturating_add(n.tx.unwrap_or(0)))));
    let nets: Vec<String> = nets
        .iter()
        .map(|n| {
            let per = |n: Option<u64>| n.map_or("—".into(), rate);
            format!("{} ↓{} ↑{}", short(&n.name, 20), per(n.rx), per(n.tx))
        })
        .collect();
    rows.extend(with_name("nets", &nets, "  ", width).into_iter().take(2).map(|l| (l, theme.text)));
    if let Some(swap) = g.swap() {
        rows.push((
            format!("swap   {} {swap:.0}%  {} of {}", meter(swap, 8), size(g.swap_used), size(g.swap_total)),
            theme.text,
        ));
    }
    let temps: Vec<String> = g.temps.iter().map(|t| format!("{} {:.0}°C", short(&t.name, 24), t.celsius)).collect();
    rows.extend(with_name("temps", &temps, "  ", width).into_iter().take(2).map(|l| (l, theme.text)));
    if let Some(p) = &g.pressure {
        let words = [
            format!("CPU {:.1}%", p.cpu_some),
            format!("memory {:.1}% (all {:.1}%)", p.mem_some, p.mem_full),
            format!("disk {:.1}% (all {:.1}%)", p.io_some, p.io_full),
        ];
        rows.extend(with_name("waits", &words, "  ", width).into_iter().take(1).map(|l| (l, theme.text)));
    }
    for (text, style) in rows {
        if room.height <= below {
            break;
        }
        line_of(room, &text, style, buf);
    }
}

/// Words under a name that stands before the first of their lines.
fn with_name(name: &str, words: &[String], between: &str, width: usize) -> Vec<String> {
    let lines = flow(words, between, width.saturating_sub(7).max(1));
    let head = |i: usize| if i == 0 { format!("{name:<7}") } else { " ".repeat(7) };
    lines.into_iter().enumerate().map(|(i, line)| head(i) + &line).collect()
}

fn processes(theme: &Theme, panel: &Panel, g: &Gauges, room: Rect, buf: &mut Buffer) -> Cursor {
    if room.height < 2 {
        return None;
    }
    let head = Rect { height: 1, ..room };
    if g.top.is_empty() {
        put_cut(buf, head.x, head.y, head.width, "no processes are told of it", theme.dim);
        return None;
    }
    let rows = panel.chosen(&g.top);
    let narrow = room.width < 56;
    let arrow = |sort: Sort, name: &str| match (panel.sort == sort, panel.turned) {
        (true, false) => format!("{name}▾"),
        (true, true) => format!("{name}▴"),
        _ => name.to_string(),
    };
    let columns = |pid: &str, user: &str, cpu: &str, mem: &str| match narrow {
        true => format!("{pid:>7} {cpu:>6} {mem:>6} "),
        false => format!("{pid:>8} {user:<10} {cpu:>6} {mem:>10}  "),
    };
    let names = columns(
        &arrow(Sort::Pid, "PID"),
        &arrow(Sort::User, "USER"),
        &arrow(Sort::Cpu, "CPU%"),
        &arrow(Sort::Mem, "MEM"),
    );
    fill(buf, head, theme.status);
    let names = names + &arrow(Sort::Command, "COMMAND");
    let x = put_cut(buf, head.x, head.y, head.width, &names, theme.status);
    let mut cursor = None;
    let word = panel.filter.text();
    if panel.typing || !word.is_empty() {
        let wide = (head.right().saturating_sub(x + 2)).min(30);
        let line = Rect { x: head.right() - wide, width: wide, ..head };
        let at = typed(line, "/", &escape(word), theme.status_mode, buf);
        cursor = at.filter(|_| panel.typing);
    }
    let list = Rect { y: room.y + 1, height: room.height - 1, ..room };
    let above = panel.above.min(rows.len().saturating_sub(usize::from(list.height)));
    if rows.len() > usize::from(list.height) && word.is_empty() && !panel.typing {
        let (first, last, all) = (above + 1, above + usize::from(list.height), rows.len());
        let room = usize::from(head.width).saturating_sub(names.width());
        let words = [format!(" {first} to {last} of {all} "), format!(" {first}-{last}/{all}")];
        // (behind all of the columns' names, or not at all)
        if let Some(more) = words.iter().find(|w| w.width() <= room) {
            put_right(buf, head, more, theme.status);
        }
    }
    if rows.is_empty() {
        put_cut(buf, list.x, list.y, list.width, "nothing matches", theme.dim);
    }
    for (p, y) in rows.iter().skip(above).zip(list.y..list.bottom()) {
        let Process { pid, user, cpu, rss, command } = p;
        let mem = if narrow { rate(*rss) } else { size(*rss) };
        let text = columns(&pid.to_string(), &short(user, 10), &format!("{cpu:.1}"), &mem);
        let style = if *cpu >= 90.0 { theme.gauge_mid } else { theme.text };
        put_cut(buf, list.x, y, list.width, &(text + &short(command, 300)), style);
    }
    cursor
}

fn keys(theme: &Theme, foot: Rect, link: bool, buf: &mut Buffer) {
    let told = DEEDS.iter().filter(|d| !d.word.is_empty() && (link || d.act != Act::Link));
    let words: Vec<String> = told.map(|d| format!("{} {}", shown(d.key()), d.word)).collect();
    let line = flow(&words, "  ", usize::from(foot.width)).into_iter().next().unwrap_or_default();
    put_cut(buf, foot.x, foot.y, foot.width, &line, theme.dim);
}

/// Where there is no room for all, lines with the highest number go first; those with 0 never.
struct Fact(String, Style, u8);

fn draw_link(app: &App, theme: &Theme, id: &HostId, host: &Host, room: Rect, buf: &mut Buffer) {
    let mut lines = Vec::new();
    facts(app, theme, id, host, &mut |text, style, rank| lines.push(Fact(text, style, rank)));
    while lines.len() > usize::from(room.height) {
        let Some(at) = (0..lines.len()).filter(|i| lines[*i].2 > 0).max_by_key(|i| lines[*i].2) else { break };
        lines.remove(at);
    }
    for (Fact(text, style, _), y) in lines.iter().zip(room.y..room.bottom()) {
        put_cut(buf, room.x, y, room.width, text, *style);
    }
}

fn facts(app: &App, theme: &Theme, id: &HostId, host: &Host, add: &mut impl FnMut(String, Style, u8)) {
    let online = matches!(host.state, HostState::Online { .. });
    let ago = format!("{} ago", age(app.now.saturating_sub(host.heard).as_secs() as i64));
    match host.rtt {
        _ if online && host.state.is_without_agent() => {
            add("link  not measured: another process here holds the connection".into(), theme.dim, 3);
            add(format!("heard {ago}"), theme.text, 3);
        }
        _ if online => link(app, theme, id, host, &ago, add),
        Some(_) => add(format!("rtt   —   last heard {ago}"), theme.dim, 1),
        None => {}
    }
    let alive = host.sessions.iter().filter(|s| s.is_alive()).count();
    match (online && !host.silent, alive) {
        (true, 1) => add("1 session runs".into(), theme.text, 6),
        (true, n) => add(format!("{} run", count(n, "session")), theme.text, 6),
        (false, n) => add(format!("{} ran when it was heard last", count(n, "session")), theme.dim, 6),
    }
}

/// Lines of all that is known of a link.
const ALL_OF_LINK: u16 = 13;

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
    add(format!("      {}{longest}", trips(host)), style(false), 5);
    let queue = rtt.zip(link.shortest).map(|(rtt, base)| rtt.saturating_sub(base));
    let may = measured.map(|m| format!("   {} may be on their way", size(m.credit))).filter(|_| there);
    let long = queue.is_some_and(|q| q > QUEUE);
    add(format!("queue {}{}", or_none(queue.map(rtt_text)), may.unwrap_or_default()), style(long), 3);
    let rate = link.rate.map(|rate| format!("{} a second", size(rate)));
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
fn trips(host: &Host) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_in_words() {
        let tcp = |resent| Tcp { rtt: Duration::ZERO, sent: 400, resent };
        assert_eq!(loss(tcp(0), 0), "none of 400 packets sent again");
        assert_eq!(loss(tcp(2), 0), "2 of 400 packets sent again (0.5%)");
        assert_eq!(loss(tcp(40), 3), "40 of 400 packets sent again (10.0%), 3 in the last second");
    }
}
