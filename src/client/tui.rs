//! Owns the client's loop: events in, effects out, frames drawn. Leaves out every decision (app) and every byte
//! (view::out, terminal).
//!
//! Idle: an event is drawn at once and nothing wakes up by itself. Busy: at most one frame each [`FRAME`], but the
//! echo of a key at once. While the outer terminal has not taken the last frame there is no new one.

use super::app::{App, Event, Farewell, Inside, Setup, Solo, Sources};
use super::driver::{Driver, KeepLayout, StartHost};
use super::errands::run::{Means, Runner};
use super::host::{HostEvent, HostId};
use super::inbox::Inbox;
use super::terminal::{Features, Terminal, TerminalEvent};
use super::undelivered::Undelivered;
use super::view::canvas::Canvas;
use super::view::out::{self, ColorDepth, Writer};
use crate::config::Config;
use crate::failure::Failure;
use crate::store::layout::Layout;
use crate::term::input::{Input, Parser, Reply};
use crate::term::screen::Colors;
use crate::theme::Theme;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use zeroize::Zeroize;

/// At most one frame in this time while output keeps coming.
const FRAME: Duration = Duration::from_millis(16);
/// So many frames may be drawn without a pause after a rest: a prompt that comes in two pieces is not made to wait.
const BURST: u32 = 3;
/// Bytes of a frame that is a small one.
const LITTLE: usize = 256;
/// Events are taken in for this long before keys are looked for again.
const WORK: Duration = Duration::from_millis(4);
/// Most events put in order at once.
const BATCH: usize = 1024;
/// An answer that has not come by then will not.
const ANSWER: Duration = Duration::from_secs(2);

/// What the client is started with.
pub struct Options {
    pub config: Config,
    /// What `config.theme` names; the default one turns light where the terminal is.
    pub theme: Theme,
    /// One session, full screen: `thub attach`, `thub new`.
    pub solo: Option<Solo>,
    /// `thub HOST`.
    pub open_host: Option<HostId>,
    /// The settings and their theme whenever config.toml was read again.
    pub changes: Option<mpsc::UnboundedReceiver<(Config, Theme)>>,
    /// Names of ssh_config, for the tree.
    /// Team files and ssh_config, whenever they are others.
    pub sources: Option<mpsc::UnboundedReceiver<Sources>>,
    pub ssh_hosts: Vec<String>,
    /// Named in place of the user's ssh_config.
    pub ssh_config: Option<PathBuf>,
    /// The layout as it was loaded, and who keeps it.
    pub saved: Option<Layout>,
    pub keep: Option<KeepLayout>,
    pub inside: Inside,
    /// Said when the TUI has come up; escaped.
    pub greeting: Option<String>,
    /// What work on files needs; none = there is none.
    pub means: Option<Means>,
    /// Starts a host's task, which sends its events (with its id) to the other end of `events`.
    pub start: StartHost,
    pub events: mpsc::UnboundedReceiver<(HostId, HostEvent)>,
}

/// How it ended, for the caller to say after the terminal is the user's again.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// For the user, and below it what was typed and did not arrive, a line for each host; escaped.
    pub text: String,
    /// The program's code, where one session was shown and it ended.
    pub code: Option<i32>,
    /// The signal that ended us, if one did.
    pub signal: Option<i32>,
}

/// Runs the TUI until the user leaves, the last session ends or a signal comes.
///
/// # Errors
/// There is no terminal here, or the one session asked for can't be shown.
pub async fn run(options: Options) -> Result<Outcome, Failure> {
    let mut terminal = Terminal::open(Features { mouse: options.config.mouse })?;
    let var = |name: &str| std::env::var(name).ok();
    let mut writer = Writer::new(ColorDepth::from_env(var));
    writer.set_modern(out::is_modern(var));
    let ended = show(options, &mut terminal, writer).await;
    drop(terminal);
    let (farewell, signal, undelivered) = ended;
    let outcome = |text: &str, code| {
        let lines: Vec<&str> = std::iter::once(text).chain(undelivered.iter().map(String::as_str)).collect();
        Outcome { text: lines.join("\n"), code, signal }
    };
    match farewell {
        Some(Farewell::Failed(why)) => {
            let mut lines = why.lines().map(str::trim);
            let mut failure = Failure::failed(lines.next().unwrap_or("failed"), "`thub ls` lists what there is");
            for hint in lines.chain(undelivered.iter().map(String::as_str)) {
                failure = failure.hint(hint);
            }
            Err(failure)
        }
        Some(Farewell::Exited { cause: Some(cause), code }) => {
            Ok(outcome(&format!("[exited: {}]", crate::text::short(&cause, 200)), code))
        }
        Some(Farewell::Exited { code: Some(code), .. }) => Ok(outcome(&format!("[exited {code}]"), Some(code))),
        Some(Farewell::Exited { .. }) => Ok(outcome("[exited]", None)),
        Some(Farewell::Detached) | None => Ok(outcome("[detached]", None)),
    }
}

/// How it ended: why it left, the signal that ended it, and what was typed and did not arrive.
type Ended = (Option<Farewell>, Option<i32>, Vec<String>);

async fn show(options: Options, terminal: &mut Terminal, mut writer: Writer) -> Ended {
    let Options {
        config: settings,
        mut theme,
        mut changes,
        mut sources,
        solo,
        open_host,
        ssh_hosts,
        ssh_config,
        saved,
        keep,
        inside,
        greeting,
        means,
        start,
        mut events,
    } = options;
    let begun = Instant::now();
    let (trouble_tx, mut trouble) = mpsc::unbounded_channel();
    let (files_tx, mut files) = mpsc::unbounded_channel();
    let (news_tx, mut news) = mpsc::unbounded_channel();
    let runner = means.map(|means| Runner::new(means, news_tx.clone()));
    let mut driver = Driver::new(start, runner, keep, trouble_tx, files_tx);
    let (size, escape) = (terminal.size(), settings.escape);
    let (mut app, first) =
        App::new(Setup { settings, size, solo, open_host, known: ssh_hosts, ssh_config, saved, inside });
    if let Some(greeting) = greeting {
        app.say(greeting);
    }
    driver.perform(first, terminal, &mut writer);
    // until the last of the answers is here (or long after) leaving waits a moment, so that no shell is given one
    let mut asked = Some(Instant::now());
    let mut question = Vec::new();
    writer.ask(&mut question);
    terminal.send(&question);
    let mut parser = Parser::new();
    let mut escape_at: Option<Instant> = None;
    let mut text_color = None;
    let mut canvas = Canvas::default();
    let mut paced = begun;
    let (mut clock_at, mut inputs) = (Instant::now(), Vec::new());
    let mut signal = None;
    let mut tick_at: Option<Duration> = None;
    let mut inbox = Inbox::default();
    // events were taken in since others had their turn
    let mut worked = false;
    let mut alarm = crate::sys::Clock::new();
    while driver.farewell.is_none() && signal.is_none() {
        // What is due is done here, by the clock: a timer that is due already is not ready at once, and in a flood of
        // events might never be. The timer below only wakes us up.
        let now = Instant::now();
        if now >= clock_at {
            let (event, until_next) = wall_clock();
            clock_at = now + until_next;
            driver.perform(app.update(event), terminal, &mut writer);
        }
        let passed = now.duration_since(begun);
        app.set_now(passed);
        if tick_at.is_some_and(|at| at <= passed) {
            driver.perform(app.update(Event::Tick), terminal, &mut writer);
            tick_at = app.deadline();
        }
        if escape_at.is_some_and(|at| at <= now) {
            parser.timeout(&mut inputs);
            escape_at = parser.pending().then_some(now + escape);
        }
        let typed = !inputs.is_empty();
        for input in inputs.drain(..) {
            let event = match input {
                Input::Key(key) => Event::Key(key),
                Input::Mouse(mouse) => Event::Mouse(mouse),
                Input::Paste { bytes, last } => Event::Paste { bytes, last },
                Input::Focus(on) => Event::Focus(on),
                Input::Raw(bytes) => Event::Raw(bytes),
                Input::Reply(reply) => {
                    asked = asked.filter(|_| !matches!(reply, Reply::Device(_)));
                    driver.afresh |= heed(&reply, &mut theme, &mut writer, terminal);
                    match colors(&reply, &mut text_color) {
                        Some(colors) => Event::Colors(colors),
                        None => continue,
                    }
                }
            };
            driver.perform(app.update(event), terminal, &mut writer);
        }
        if typed {
            // what was typed is on its way before anything else is looked at here
            tokio::task::yield_now().await;
        }
        // the first frames after a rest are drawn at once, the next ones a frame's time apart
        let due = if app.urgent || driver.afresh { now } else { paced };
        let wanted = (app.dirty || app.printed || driver.afresh) && !terminal.pending();
        if wanted && due <= now {
            let whole = std::mem::take(&mut driver.afresh);
            let mut bytes = Vec::new();
            canvas.draw(&app, &theme, app.size, whole, &mut writer, &mut bytes);
            terminal.send(&bytes);
            paced = after(paced, now, bytes.len());
            driver.perform(app.drawn(), terminal, &mut writer);
            continue;
        }
        if std::mem::take(&mut worked) {
            // while output keeps coming this task is never idle: without this, keys would only be looked for when its
            // budget is used up
            tokio::task::yield_now().await;
        }
        tick_at = tick_at.into_iter().chain(app.deadline()).min();
        let mut wake = clock_at.min(escape_at.unwrap_or(clock_at));
        wake = tick_at.map_or(wake, |at| wake.min(begun + at));
        if wanted {
            wake = wake.min(due);
        }
        alarm.aim(Some(wake.into_std()));
        tokio::select! {
            biased;
            event = terminal.next() => {
                app.set_now(begun.elapsed());
                match event {
                    TerminalEvent::Bytes(mut bytes) => {
                        parser.feed(&bytes, &mut inputs);
                        bytes.zeroize();
                        escape_at = parser.pending().then(|| Instant::now() + escape);
                    }
                    TerminalEvent::Resized(size) => {
                        // also where it is the size it was: between, cells were lost
                        driver.afresh = true;
                        driver.perform(app.update(Event::Resize(size)), terminal, &mut writer);
                    }
                    TerminalEvent::Drained => {}
                    TerminalEvent::Terminate(number) => signal = Some(number),
                    TerminalEvent::Continued => {
                        driver.afresh = true;
                        writer.forget();
                    }
                }
            }
            (config, new) = next(&mut changes) => {
                theme = new;
                driver.perform(app.update(Event::Config(Box::new(config))), terminal, &mut writer);
            }
            found = next(&mut sources) => {
                driver.perform(app.update(Event::Sources(Box::new(found))), terminal, &mut writer);
            }
            Some(why) = trouble.recv() => {
                app.say(format!("the layout could not be kept: {}", crate::text::short(&why, 200)));
            }
            Some(done) = files.recv() => {
                driver.perform(app.update(Event::File(Box::new(done))), terminal, &mut writer);
            }
            Some((tag, first)) = news.recv() => {
                let mut first = Some((tag, first));
                let work = Instant::now();
                while let Some((tag, each)) = first.take().or_else(|| news.try_recv().ok()) {
                    driver.perform(app.update(Event::Files(tag, each)), terminal, &mut writer);
                    if work.elapsed() >= WORK {
                        break;
                    }
                }
                worked = true;
            }
            Some((host, event)) = events.recv(), if inbox.is_empty() => {
                inbox.push(host, event, app.hot());
            }
            () = std::future::ready(()), if !inbox.is_empty() => {}
            () = alarm.struck() => {}
        }
        if inbox.is_empty() {
            continue;
        }
        app.set_now(begun.elapsed());
        for (host, event) in std::iter::from_fn(|| events.try_recv().ok()).take(BATCH) {
            inbox.push(host, event, app.hot());
        }
        let work = Instant::now();
        while let Some((host, event)) = inbox.pop() {
            driver.perform(app.update(Event::Host(host, event)), terminal, &mut writer);
            if work.elapsed() >= WORK {
                break;
            }
        }
        driver.perform(app.taken(), terminal, &mut writer);
        worked = true;
    }
    if signal.is_some() {
        // as if detached: nothing is ended; what the layout was is kept already
        driver.farewell.get_or_insert(Farewell::Detached);
    }
    if signal.is_none() && asked.is_some_and(|at| at.elapsed() < ANSWER) {
        await_answers(terminal, &mut parser).await;
    }
    let _ = tokio::time::timeout(Duration::from_millis(100), terminal.flush()).await;
    let mut undelivered = Undelivered::of(&app);
    while let Some((host, event)) = inbox.pop() {
        undelivered.heed(&host, &event);
    }
    let farewell = driver.finish(events, &mut undelivered).await;
    (farewell, signal, undelivered.lines())
}

/// What the outer terminal says of itself. True = everything looks another now.
fn heed(reply: &Reply, theme: &mut Theme, writer: &mut Writer, terminal: &mut Terminal) -> bool {
    let automatic = theme.name == Theme::auto(false).name || theme.name == Theme::auto(true).name;
    let light = match *reply {
        Reply::Mode { number: 2026, state } => {
            writer.set_sync(matches!(state, 1 | 2));
            return false;
        }
        Reply::Mode { number: 69, state } => {
            writer.set_margins(matches!(state, 1 | 2));
            return false;
        }
        Reply::Mode { number: 2031, state: 1 | 2 } => {
            let mut bytes = Vec::new();
            writer.watch_light(true, &mut bytes);
            terminal.send(&bytes);
            return false;
        }
        Reply::Keyboard(_) => {
            terminal.know_keyboard();
            return false;
        }
        Reply::Color { osc: 11, rgb } => !Colors { text: rgb, back: rgb }.dark(),
        Reply::Scheme { dark } => {
            // programs are told the colours themselves
            let mut bytes = Vec::new();
            writer.ask_colors(&mut bytes);
            terminal.send(&bytes);
            !dark
        }
        _ => return false,
    };
    if !automatic || theme.light == light {
        return false;
    }
    *theme = Theme::auto(light);
    true
}

/// The outer terminal's colours, once both are told. The text's comes first; where it doesn't, it is what can be read.
fn colors(reply: &Reply, text: &mut Option<(u8, u8, u8)>) -> Option<Colors> {
    match *reply {
        Reply::Color { osc: 10, rgb } => {
            *text = Some(rgb);
            None
        }
        Reply::Color { osc: 11, rgb: back } => {
            let dark = Colors { text: back, back }.dark();
            let readable = if dark { Colors::default().text } else { (0, 0, 0) };
            Some(Colors { text: text.take().unwrap_or(readable), back })
        }
        _ => None,
    }
}

/// Reads until the outer terminal's last answer, for a moment at most.
async fn await_answers(terminal: &mut Terminal, parser: &mut Parser) {
    let read = async {
        loop {
            match terminal.next().await {
                TerminalEvent::Bytes(bytes) => {
                    let mut inputs = Vec::new();
                    parser.feed(&bytes, &mut inputs);
                    if inputs.iter().any(|i| matches!(i, Input::Reply(Reply::Device(_)))) {
                        return;
                    }
                }
                TerminalEvent::Terminate(_) => return,
                _ => {}
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(100), read).await;
}

/// The next one that comes; never, where none can come.
async fn next<T>(all: &mut Option<mpsc::UnboundedReceiver<T>>) -> T {
    if let Some(rx) = all
        && let Some(next) = rx.recv().await
    {
        return next;
    }
    *all = None;
    std::future::pending().await
}

/// When the frame after one of `bytes`, drawn `now`, may be drawn: as if each took its time; a rest saves up a few. Frames
/// drawn out of turn, for a key's echo, put the next one off by one frame and no more, however many they were.
fn after(paced: Instant, now: Instant, bytes: usize) -> Instant {
    // a frame of a few bytes (a title, a cursor, a short line) takes a part of a frame's time
    let cost = if bytes < LITTLE { FRAME / 8 } else { FRAME };
    (paced.max(now.checked_sub(FRAME * BURST).unwrap_or(now)) + cost).min(now + FRAME)
}

/// HH:MM and seconds since 1970, and when the minute changes.
fn wall_clock() -> (Event, Duration) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let unix = i64::try_from(now.as_secs()).unwrap_or(0);
    let local = ((unix + crate::sys::utc_offset(unix)) / 60).rem_euclid(24 * 60);
    let left = Duration::from_secs(60) - Duration::from_secs(now.as_secs() % 60);
    (Event::Time { clock: format!("{:02}:{:02}", local / 60, local % 60), unix }, left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::host::{HostCommand, HostState};
    use crate::proto::control::SessionInfo;
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;
    use std::path::PathBuf;

    #[test]
    fn frames_for_a_key_put_off_the_next_one_by_one_frame() {
        let now = Instant::now() + FRAME * 10;
        let mut paced = now;
        // a key, and a flood at once: fifty frames within as many milliseconds
        for n in 1..=50 {
            paced = after(paced, now + Duration::from_millis(n), 4000);
        }
        assert_eq!(paced, now + Duration::from_millis(50) + FRAME);
        // after a rest a few at once, and then one each
        let (later, mut paced) = (now + FRAME * 100, paced);
        for n in 1..=BURST {
            paced = after(paced, later, 4000);
            assert_eq!(paced <= later, n <= BURST, "{n}");
        }
        assert_eq!(after(paced, later, 4000), later + FRAME);
        assert_eq!(after(paced, later, 10), later + FRAME / 8);
    }

    /// A pseudo terminal of 80x24: its master, and the path of its other end.
    fn pty() -> (std::fs::File, PathBuf, OwnedFd) {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = PathBuf::from(ptsname(&master, Vec::new()).unwrap().into_string().unwrap());
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let keep = rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
        let size = rustix::termios::Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&keep, size).unwrap();
        (master.into(), path, keep)
    }

    /// A host whose sessions say what they hear.
    fn echo(events: mpsc::UnboundedSender<(HostId, HostEvent)>) -> StartHost {
        Box::new(move |host| {
            let (tx, mut rx) = mpsc::unbounded_channel();
            let (host, events) = (host.clone(), events.clone());
            tokio::spawn(async move {
                let mut at = 0;
                while let Some(command) = rx.recv().await {
                    let info = |id: &str| {
                        Box::new(SessionInfo { id: id.into(), cols: 80, rows: 22, ..SessionInfo::default() })
                    };
                    let event = match command {
                        HostCommand::Connect => {
                            HostEvent::State(HostState::Online { build: "1".into(), hostname: "box".into() })
                        }
                        HostCommand::List => HostEvent::Sessions(Vec::new()),
                        HostCommand::Create { tag, .. } => HostEvent::Created { tag, result: Ok(info("s1")) },
                        HostCommand::Attach { session, .. } => {
                            HostEvent::Attached { info: info(session.as_str()), session, again: false }
                        }
                        HostCommand::Input { session, bytes, .. } => {
                            let offset = at;
                            at += bytes.len() as u64;
                            HostEvent::Output { session, offset, bytes }
                        }
                        _ => continue,
                    };
                    let _ = events.send((host.clone(), event));
                }
            });
            tx
        })
    }

    fn options(start: StartHost, events: mpsc::UnboundedReceiver<(HostId, HostEvent)>) -> Options {
        Options {
            config: Config::default(),
            changes: None,
            sources: None,
            theme: Theme::default(),
            solo: None,
            open_host: None,
            ssh_hosts: Vec::new(),
            ssh_config: None,
            saved: None,
            keep: None,
            inside: Inside::default(),
            greeting: None,
            means: None,
            start,
            events,
        }
    }

    #[test]
    fn a_key_is_echoed_and_detach_leaves() {
        let (mut master, path, _keep) = pty();
        let mut reader = master.try_clone().unwrap();
        let person = std::thread::spawn(move || {
            let (mut seen, mut buf) = (String::new(), [0u8; 4096]);
            // where in all that was seen it ends, the first time from `from` on
            let mut until = |what: &str, from: usize, reader: &mut std::fs::File| {
                loop {
                    if let Some(at) = seen[from..].find(what) {
                        return from + at + what.len();
                    }
                    let n = reader.read(&mut buf).unwrap();
                    seen.push_str(&String::from_utf8_lossy(&buf[..n]));
                }
            };
            until("\x1b[c", 0, &mut reader);
            master.write_all(b"\x1b]11;rgb:0/0/0\x07\x1b[?2026;2$y\x1b[?2031;2$y\x1b[?0u\x1b[?62c").unwrap();
            until("\x1b[?2031h", 0, &mut reader);
            let asked = until("\x1b[>0u", 0, &mut reader);
            // it turned light: what it is now is asked
            master.write_all(b"\x1b[?997;2n").unwrap();
            let asked = until("\x1b]10;?\x1b\\\x1b]11;?\x1b\\", asked, &mut reader);
            // (the first frame may have come before)
            let drawn = until("this machine", 0, &mut reader).max(asked);
            master.write_all(b"echo-Q").unwrap();
            // each letter is a frame of its own or part of one, and this one is in nothing else that is drawn
            until("Q", drawn, &mut reader);
            master.write_all(b"\x02d").unwrap();
            (reader, master)
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ended = runtime.block_on(async {
            let (tx, rx) = mpsc::unbounded_channel();
            let mut terminal = Terminal::open_path(&path, Features { mouse: true }).unwrap();
            let writer = Writer::new(ColorDepth::True);
            let work = show(options(echo(tx), rx), &mut terminal, writer);
            tokio::time::timeout(Duration::from_secs(20), work).await.expect("it ends")
        });
        assert_eq!(ended, (Some(Farewell::Detached), None, Vec::new()));
        drop(person.join().unwrap());
    }

    #[test]
    fn colours_are_known_once_the_background_is() {
        let mut text = None;
        let color = |osc, rgb| Reply::Color { osc, rgb };
        assert_eq!(colors(&color(10, (1, 2, 3)), &mut text), None);
        assert_eq!(colors(&color(12, (9, 9, 9)), &mut text), None);
        let light = Colors { text: (1, 2, 3), back: (255, 255, 255) };
        assert_eq!(colors(&color(11, light.back), &mut text), Some(light));
        assert!(!light.dark());
        // of one that tells no colour of text it is not an older one's
        let dark = colors(&color(11, (0, 0, 0)), &mut text).unwrap();
        assert_eq!(dark, Colors { text: (0xd0, 0xd0, 0xd0), back: (0, 0, 0) });
        assert!(dark.dark());
    }

    #[test]
    fn the_clock_has_two_digits() {
        let (event, left) = wall_clock();
        assert!(matches!(event, Event::Time { clock, .. } if clock.len() == 5 && clock.as_bytes()[2] == b':'));
        assert!(left <= Duration::from_secs(60) && !left.is_zero());
    }
}
