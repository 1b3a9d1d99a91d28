//! A window with ten busy sessions on a far host, over a line that gets slow, loses, breaks, goes silent and heals, again and
//! again: every capture is exact, every typed line arrives once, what is shown at the end is what is there, and nobody
//! has grown, spins or stays.
//!
//! `THUB_TEST_SOAK` is how many seconds of it (20 by default), `THUB_TEST_LINK` `proxy` or `cable` (a cable where that can
//! be), `THUB_TEST_SEED` what happens.

pub mod costs;
pub mod programs;

use crate::far::Far;
use crate::support::cable::{self, Cable};
use crate::support::home::finish;
use crate::support::network::Network;
use crate::support::proxy::{Line, Proxy};
use crate::support::tty::{cells, frame};
use crate::support::{Dice, Output, PATIENCE, Tty, children, state_of};
use costs::{HOLE, Has, IN_HOLES, QUIET, has, margin, processor};
use programs::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thub::proto::ids::Size;
use thub::safedir::SafeDir;
use thub::store::layout::{Dir, Layout, Node, Pane, Tab, Window};
use thub::term::engine::Engine;
use thub::term::screen::Style;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Line(Line, u64),
    /// In the middle of what flows.
    Cut(u64),
    Reset,
    /// Cut, and nobody is let in for so long.
    Refuse(Duration),
    /// Nothing passes and nothing ends: there, back.
    Hole(bool, bool, Duration),
    /// The window gets another size: columns, rows.
    Resize(u16, u16),
}

/// A network between here and this host, and the config that leads through it.
fn between(far: &Far, cable: Option<Cable>) -> (Network, PathBuf) {
    match cable {
        None => {
            let proxy = Proxy::start(far.sshd.port);
            proxy.line(Line::FREE);
            let config = far.through(&proxy);
            (Network::Proxy(proxy), config)
        }
        Some(cable) => {
            let alias = format!("HostKeyAlias [127.0.0.1]:{}", far.sshd.port);
            let to = format!("Host test\n  HostName {}\n  Port 22\n  {alias}\n", cable::THERE);
            (Network::Cable(cable), far.sshd.config(&to))
        }
    }
}

/// Every kind of trouble, in an order nobody chose. Holes are shorter than the 10 s after which a link is given up, and longer.
fn deck(dice: &mut Dice, long: bool) -> Vec<Trouble> {
    let ms = Duration::from_millis;
    let mut deck = Vec::new();
    for _ in 0..4 {
        let delay = [0, 2, 25, 100, 300][dice.below(5) as usize];
        let rate = [32_000, 125_000, 1_250_000, 12_500_000][dice.below(4) as usize];
        let loses = [0, 0, 200, 50, 25][dice.below(5) as usize];
        deck.push(Trouble::Line(Line { delay: ms(delay), rate, queue: 64 << dice.below(3) << 10 }, loses));
    }
    let ways = [(true, true), (true, false), (false, true)];
    let (there, back) = if long { ways[dice.below(3) as usize] } else { ways[0] };
    deck.push(Trouble::Hole(there, back, ms(if long { 300 + dice.below(7700) } else { 2200 + dice.below(1000) })));
    deck.push(Trouble::Cut(200 + dice.below(25_000)));
    deck.push(Trouble::Reset);
    deck.push(Trouble::Refuse(ms(300 + dice.below(2700))));
    if long {
        let (there, back) = ways[dice.below(3) as usize];
        deck.push(Trouble::Hole(there, back, ms(10_500 + dice.below(4000))));
    }
    let (cols, rows) = [(160, 50), (130, 44), (200, 60)][dice.below(3) as usize];
    deck.push(Trouble::Resize(cols, rows));
    for i in (1..deck.len()).rev() {
        deck.swap(i, dice.below(i as u64 + 1) as usize);
    }
    deck
}

/// An agent ends after this without a word from its client (`agent::SILENCE`).
const SILENCE: Duration = Duration::from_secs(120);
/// So many pages are looked back into, no more.
const PAGES: usize = 30;

type Cells = Vec<Vec<(String, Style)>>;

/// Without what nobody sees of a blank cell: the terminal is not told of it.
fn seen(mut cells: Cells) -> Cells {
    for (_, style) in cells.iter_mut().flatten().filter(|(text, style)| text == " " && !style.inverse) {
        let Style { bg, underline, underline_color, strike, overline, .. } = *style;
        *style = Style { bg, underline, underline_color, strike, overline, ..Style::default() };
    }
    cells
}

struct Soak {
    tty: Tty,
    network: Network,
    far: Far,
    /// Sessions' processes by name.
    pids: BTreeMap<String, i32>,
    /// The tab that is shown, and the lines typed in each.
    tab: usize,
    lines: [usize; 2],
    /// The most of a processor anybody on the link had while nothing passed.
    in_holes: BTreeMap<String, f64>,
}

impl Soak {
    fn start(go: &Path) -> Option<Soak> {
        if !crate::support::sshd::here() {
            return None;
        }
        let cable = match std::env::var("THUB_TEST_LINK").as_deref() {
            Ok("proxy") => None,
            Ok("cable") => Some(Cable::new().expect("a cable needs root, ip and /dev/net/tun")),
            _ => Cable::new(),
        };
        let start = || {
            let listens = if cable.is_some() { format!("ListenAddress {}:22\n", cable::THERE) } else { String::new() };
            let far = Far::start(&format!("{listens}MaxStartups 200"), "Host test\n");
            let said = far.thub(&["deploy", "test"]);
            assert_eq!(said.code, 0, "{said:?}");
            let mut panes: [Vec<Node>; 2] = Default::default();
            let mut new = |name: &str, tab: usize, ring: usize, script: &str| {
                let (ring, history) = (ring.to_string(), HISTORY.to_string());
                let words = ["new", "-d", "-H", "test", "-n", name, "--ring", &ring, "--history", &history];
                let id = far.thub(&[&words[..], &["--", "sh", "-c", script]].concat()).ok();
                let pane = Pane { host: "test".into(), session: id.trim().into(), ..Pane::default() };
                panes[tab].push(Node::Pane(pane));
            };
            for (tab, (name, first)) in TYPED.iter().enumerate() {
                let script = format!("{first}echo up; n=0; while read l; do n=$((n+1)); echo \"got $n $l\"; done");
                new(name, tab, TYPED_RING, &script);
            }
            COUNTS.iter().for_each(|c| new(c.name, c.tab, RING, &c.script(go)));
            REDRAWS.iter().for_each(|(name, tab)| new(name, *tab, RING, &redraws(go)));
            let weigh = |nodes: Vec<Node>| nodes.into_iter().map(|n| (1, n)).collect::<Vec<_>>();
            let tabs = panes.map(|panes| {
                let rows = panes.chunks(3).map(|r| Node::Split { dir: Dir::Row, parts: weigh(r.to_vec()) }).collect();
                let root = Node::Split { dir: Dir::Column, parts: weigh(rows) };
                Tab { name: String::new(), root, focus: 0, zoomed: false }
            });
            let (window, ..) = Window::take(SafeDir::open_or_create(&far.home.at("state")).unwrap()).unwrap();
            window.save(&Layout { tabs: tabs.to_vec(), ..Layout::default() }).unwrap();
            far
        };
        let far = match &cable {
            Some(cable) => cable.there(start),
            None => start(),
        };
        let (network, config) = between(&far, cable);
        let tty = network.here(|| Tty::thub(&far.home, 160, 50, &["-F", config.to_str().unwrap()]));
        tty.until("the first tab", |s| {
            ["up", "slow-", "flood-", "frame "].iter().all(|w| s.iter().any(|l| l.contains(w)))
        });
        let mut soak =
            Soak { tty, network, far, pids: BTreeMap::new(), tab: 0, lines: [0; 2], in_holes: BTreeMap::new() };
        let names = TYPED.iter().map(|t| t.0).chain(COUNTS.iter().map(|c| c.name)).chain(REDRAWS.iter().map(|r| r.0));
        for name in names {
            let pid = soak.session(name)["pid"].as_i64().expect("a pid") as i32;
            soak.pids.insert(name.to_string(), pid);
        }
        Some(soak)
    }

    /// `thub` run on the far host itself: the network's troubles are nothing to it.
    fn thub(&self, args: &[&str]) -> Output {
        let mut command = self.far.home.thub_command(args);
        command.env("HOME", self.far.sshd.home()).current_dir(self.far.sshd.home());
        for name in ["THUB_RUN_DIR", "THUB_STATE_DIR", "THUB_CONFIG_DIR"] {
            command.env_remove(name);
        }
        finish(command, b"")
    }
    fn session(&self, name: &str) -> Value {
        let all: Vec<Value> = serde_json::from_str(&self.thub(&["ls", "--json"]).ok()).expect("a JSON array");
        all.into_iter().find(|s| s["name"] == name).expect("it is there")
    }

    fn show(&mut self, tab: usize) {
        self.tty.prefix(&(tab + 1).to_string());
        self.tab = tab;
    }

    /// Somebody types for so long, and looks at the other tab now and then.
    fn live(&mut self, dice: &mut Dice, long: Duration) {
        let end = Instant::now() + long;
        loop {
            if dice.below(12) == 0 {
                self.show(1 - self.tab);
            }
            self.lines[self.tab] += 1;
            self.tty.type_(format!("command {}.\r", self.lines[self.tab]));
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(20 + dice.below(400))));
        }
    }

    fn meets(&mut self, trouble: Trouble, dice: &mut Dice) {
        let moment = Duration::from_millis(300 + dice.below(2500));
        match trouble {
            Trouble::Line(line, loses) => self.network.line(line, loses),
            Trouble::Cut(after) => self.network.cut(after),
            Trouble::Reset => self.network.reset(),
            Trouble::Resize(cols, rows) => self.tty.resize(cols, rows),
            Trouble::Refuse(long) => {
                self.network.refuse(true);
                self.live(dice, long);
                self.network.refuse(false);
            }
            Trouble::Hole(there, back, long) => {
                self.network.hole(there, back);
                let (from, before) = (Instant::now(), self.used());
                self.live(dice, long);
                for (who, pid, then) in before.into_iter().filter(|_| there && back && long > HOLE) {
                    let share = processor(pid).saturating_sub(then).as_secs_f64() / from.elapsed().as_secs_f64();
                    let most = self.in_holes.entry(who).or_default();
                    *most = most.max(share);
                }
                self.network.hole(false, false);
            }
        }
        self.live(dice, moment);
    }

    /// Everybody whose memory counts: the client, the agents (at most this many at a time: the way changed), the sessions.
    fn everybody(&self) -> Vec<(String, i32)> {
        let mut all = vec![("client".to_string(), self.tty.pid())];
        all.extend(self.far.agents().into_iter().map(|p| ("agent".to_string(), p)));
        all.extend(self.pids.iter().map(|(name, pid)| (name.clone(), *pid)));
        all
    }
    /// Processor time of those whose work the link is.
    fn used(&self) -> Vec<(String, i32, Duration)> {
        let all = self.everybody().into_iter().filter(|(who, _)| !self.pids.contains_key(who));
        all.map(|(who, pid)| (who, pid, processor(pid))).collect()
    }
    /// Adds what they have now, where it is more.
    fn measure(&self, most: &mut BTreeMap<String, Has>) {
        for (name, pid) in self.everybody() {
            let has_most = most.entry(name).or_default();
            *has_most = has_most.most(has(pid));
        }
    }

    /// What a session's terminal shows, as cells.
    fn captured(&self, name: &str) -> Cells {
        let s = self.session(name);
        let mut engine = Engine::new(Size::new(s["cols"].as_u64().unwrap() as u16, s["rows"].as_u64().unwrap() as u16));
        for (i, row) in self.thub(&["capture", name, "--ansi"]).ok().lines().enumerate() {
            engine.feed(format!("\x1b[{};1H\x1b[m{row}", i + 1).as_bytes(), &mut Vec::new());
        }
        seen(cells(&engine))
    }

    /// Somewhere in the window is what this session's terminal shows, cell for cell.
    #[track_caller]
    fn shows_what_is_there(&self, name: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let (there, here) = (self.captured(name), seen(self.tty.cells()));
            let (cols, rows) = (there[0].len(), there.len());
            let at = |x: usize, y: usize| (0..rows).all(|r| here[y + r][x..x + cols] == there[r][..]);
            let (down, right) = ((here.len() + 1).saturating_sub(rows), (here[0].len() + 1).saturating_sub(cols));
            if (0..down).any(|y| (0..right).any(|x| at(x, y))) {
                return;
            }
            if Instant::now() > end {
                let text = |row: &[(String, Style)]| row.iter().map(|c| c.0.as_str()).collect::<String>();
                let first = text(&there[0]);
                let y = here.iter().position(|r| text(r).contains(first.trim_end()) && !first.trim().is_empty());
                let x = y.and_then(|y| (0..right).find(|x| text(&here[y][*x..*x + cols]) == first));
                let differs = x.zip(y).and_then(|(x, y)| {
                    let pairs = there.iter().flatten().zip(here[y..].iter().flat_map(|r| &r[x..x + cols]));
                    pairs.enumerate().find(|(_, (a, b))| a != b)
                });
                panic!(
                    "{name}, {cols}x{rows}, is not shown as it is; at {x:?} {y:?} cell, captured, shown: {differs:?}\n{}",
                    frame(&self.tty.screen())
                );
            }
        }
    }

    /// Every line once, in order: all that was ever printed by its length, what is kept byte for byte.
    fn count(&self, counts: &Counts) -> u64 {
        let name = counts.name;
        let got = self.thub(&["capture", name, "--all", "--raw"]);
        assert_eq!(got.code, 0, "{name}: {}", got.err);
        let tail = got.out.rsplit("done-").next().unwrap_or_default();
        let last: u64 = tail.trim_end().parse().unwrap_or_else(|_| panic!("{name} ends with {tail:?}"));
        let total = counts.length(last) + format!("done-{last}\r\n").len() as u64;
        assert_eq!(self.session(name)["offset"].as_u64(), Some(total), "{name}: {last} lines");
        let whole = got.bytes.len() as u64 == total;
        assert!(whole || got.bytes.len() >= RING, "{name}: {} of {total} bytes are kept", got.bytes.len());
        assert_eq!(whole, got.err.is_empty(), "{name}: what is lost is said: {:?}", got.err);
        // (the first line of what is kept is half a one)
        let from = if whole { 0 } else { got.bytes.windows(2).position(|w| w == b"\r\n").unwrap() + 2 };
        let kept = String::from_utf8(got.bytes[from..].to_vec()).expect("what was printed");
        let lines: Vec<&str> = kept.split_terminator("\r\n").collect();
        let first = last + 2 - lines.len() as u64;
        for (line, n) in lines.iter().zip(first..=last) {
            assert_eq!(*line, (counts.line)(n), "{name}: line {n}");
        }
        // and as a terminal shows it, with the history before
        let text = self.thub(&["capture", name, "--all"]).ok();
        let shown: Vec<&str> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
        assert!(shown.len() as u64 > last.min(HISTORY as u64), "{name}: {} lines in the history", shown.len());
        let plain = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
        for (line, n) in shown.iter().zip(last + 2 - shown.len() as u64..=last) {
            assert_eq!(*line, plain.replace_all(&(counts.line)(n), ""), "{name}: line {n} of the history");
        }
        assert_eq!(shown.last().copied(), Some(&*format!("done-{last}")), "{name}");
        last
    }

    /// Looked back into from the shown tab, what was typed is there in one piece, however little of it was shown when it came.
    fn can_be_looked_back_into(&self) {
        let said = regex::Regex::new(r"got (\d+) command \d+\.").unwrap();
        let numbers = |screen: &[String]| -> Vec<usize> {
            screen.iter().filter_map(|l| said.captures(l)?[1].parse().ok()).collect()
        };
        let mut first = numbers(&self.tty.screen()).first().copied().expect("something was typed");
        let mut up = "\x02\x1b[5~";
        for _ in 0..PAGES {
            if first == 1 {
                break;
            }
            self.tty.type_(up);
            up = "\x1b[5~";
            let screen = self.tty.until("a page before", |s| numbers(s).first().is_some_and(|n| *n < first));
            let page = numbers(&screen);
            let wanted: Vec<usize> = (page[0]..page[0] + page.len()).collect();
            assert!(page == wanted && page[0] + page.len() >= first, "before {first}\n{}", frame(&screen));
            first = page[0];
        }
    }

    /// Every line that was typed arrived once, in order.
    fn typed(&self, tab: usize) {
        let raw = self.thub(&["capture", TYPED[tab].0, "--all", "--raw"]).ok();
        // (what is typed next may be echoed before and behind)
        let said = regex::Regex::new(r"got (\d+) command (\d+)\.").unwrap();
        let got: Vec<(usize, usize)> =
            said.captures_iter(&raw).map(|c| (c[1].parse().unwrap(), c[2].parse().unwrap())).collect();
        for (i, got) in got.iter().enumerate() {
            assert_eq!(*got, (i + 1, i + 1), "typed in tab {}", tab + 1);
        }
        assert_eq!(got.len(), self.lines[tab], "typed in tab {}", tab + 1);
    }
}

#[test]
fn trouble_without_end_loses_nothing_and_costs_nothing() {
    let seconds = std::env::var("THUB_TEST_SOAK").ok().and_then(|s| s.parse::<u64>().ok()).unwrap_or(20);
    let mut dice = Dice::new();
    let dir = tempfile::tempdir().unwrap();
    let go = dir.path().join("go");
    std::fs::write(&go, "").unwrap();
    let Some(mut soak) = Soak::start(&go) else { return };
    let kind = if matches!(soak.network, Network::Cable(_)) { "cable" } else { "proxy" };
    let begun = Instant::now();
    let whole = Duration::from_secs(seconds);
    let (mut met, mut written, mut todo) = (0, 0, Vec::new());
    let (mut early, mut most) = (BTreeMap::<String, Has>::new(), BTreeMap::<String, Has>::new());
    while begun.elapsed() < whole {
        let trouble = match todo.pop() {
            Some(trouble) => trouble,
            None => {
                todo = deck(&mut dice, seconds >= 60);
                continue;
            }
        };
        if seconds > 20 {
            println!("{:6.1} {trouble:?}", begun.elapsed().as_secs_f64());
        }
        soak.meets(trouble, &mut dice);
        met += 1;
        written += soak.tty.log().len();
        soak.tty.forget();
        let part = begun.elapsed().as_secs_f64() / whole.as_secs_f64();
        soak.measure(&mut most);
        if part > 0.1 && (part < 0.3 || early.is_empty()) {
            soak.measure(&mut early);
        }
    }

    // it heals, and everybody comes to an end
    soak.network.heal();
    std::fs::remove_file(&go).unwrap();
    let healed = Instant::now();
    for tab in [0, 1] {
        soak.show(tab);
        let last = format!("got {0} command {0}.", soak.lines[tab]);
        soak.tty.until_text(&last);
        for counts in COUNTS.iter().filter(|c| c.tab == tab) {
            soak.thub(&["wait", counts.name, "--text", "^done-", "--timeout", "30"]).ok();
            soak.shows_what_is_there(counts.name);
        }
        for (name, _) in REDRAWS.iter().filter(|r| r.1 == tab) {
            soak.thub(&["wait", name, "--text", "^done-", "--timeout", "30"]).ok();
            soak.shows_what_is_there(name);
        }
        soak.shows_what_is_there(TYPED[tab].0);
    }
    let well = healed.elapsed();
    let mut printed = 0;
    for counts in COUNTS {
        printed += soak.count(counts);
    }
    for (name, _) in REDRAWS {
        let screen = soak.thub(&["capture", name]).ok();
        let rows: Vec<&str> = screen.lines().map(str::trim_end).collect();
        let last = rows[FULL_ROWS].strip_prefix("done-").unwrap_or_else(|| panic!("{name}\n{screen}"));
        for (i, row) in rows[..FULL_ROWS].iter().enumerate() {
            assert_eq!(*row, format!("row {} frame {last}", i + 1), "{name}");
        }
    }
    soak.typed(0);
    soak.typed(1);
    soak.can_be_looked_back_into();

    // nobody stays who is not needed, and nobody waits to be buried
    // (whose connection was forgotten on the way hears of nothing: it ends once it has heard nothing for 120 s, which is
    // longer than a short run)
    let end = Instant::now() + SILENCE + PATIENCE;
    while soak.far.agents().len() != 1 && (kind == "proxy" || seconds >= 60) {
        assert!(Instant::now() < end, "agents that nobody needs: {:?}", soak.far.agents());
        std::thread::sleep(Duration::from_millis(50));
    }
    let alone = healed.elapsed();
    let all =
        soak.everybody().into_iter().flat_map(|(name, pid)| children(pid).into_iter().map(move |c| (name.clone(), c)));
    let dead: Vec<(String, i32)> = all.filter(|(_, child)| state_of(*child) == 'Z').collect();
    assert!(dead.is_empty(), "{dead:?}");

    // a while in which nothing happens
    let before: Vec<(String, i32, Duration)> =
        soak.everybody().into_iter().map(|(n, p)| (n, p, processor(p))).collect();
    let from = Instant::now();
    std::thread::sleep(Duration::from_secs(5));
    let quiet = from.elapsed();
    let mut at_end = BTreeMap::new();
    soak.measure(&mut at_end);
    println!(
        "{kind}: {met} troubles in {:.0?}, {printed} numbered lines printed, {:?} typed, {} KiB drawn; well again after \
         {well:.1?}, one agent left after {alone:.0?}",
        begun.elapsed(),
        soak.lines,
        written >> 10
    );
    let mut wrong = Vec::new();
    println!("KiB of its own: early, most, end (all that is mapped); files; threads; of a processor in {quiet:.0?}");
    for (name, pid, then) in before {
        let used = processor(pid).saturating_sub(then).as_secs_f64() / quiet.as_secs_f64();
        let most = most.get(&name).copied().unwrap_or_default();
        // (there may have been no agent at those moments)
        let was = early.get(&name).copied().unwrap_or(most);
        let is = at_end[&name];
        println!(
            "{name:>10}: {} {} {} ({}); {} {}; {} {}; {:.2} %",
            was.anonymous,
            most.anonymous,
            is.anonymous,
            is.resident,
            was.files,
            is.files,
            was.threads,
            is.threads,
            used * 100.0
        );
        if is.anonymous > was.anonymous + margin(&name) {
            wrong.push(format!("{name} grew from {} to {} KiB", was.anonymous, is.anonymous));
        }
        // (a connection that is being made has a few)
        if is.files > was.files + 4 || is.threads > was.threads + 2 {
            wrong.push(format!("{name} holds {} files, {} threads: {was:?}", is.files, is.threads));
        }
        if used > QUIET {
            wrong.push(format!("{name} has {:.1} % of a processor though nothing happens", used * 100.0));
        }
    }
    println!("of a processor while nothing passed, at most: {:.3?}", soak.in_holes);
    for (who, share) in &soak.in_holes {
        if *share > IN_HOLES {
            wrong.push(format!("{who} had {:.1} % of a processor while nothing passed", share * 100.0));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    soak.tty.prefix("d");
    assert_eq!(soak.tty.wait_exit(), 0);
}
