//! What a frame costs: the whole client drawn into a buffer, and the bytes of what changed since the last one. Then
//! the two frames that matter most, a key's echo and a scrolled line, from bytes of output to bytes for the terminal,
//! beside the same drawn whole in the same run: a ratio tells more than a time.

use criterion::{Criterion, criterion_group, criterion_main};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::hint::black_box;
use std::time::{Duration, Instant};
use thub::client::app::{App, Effect, Event, Inside, Setup};
use thub::client::host::{HostCommand, HostEvent, HostId, HostState};
use thub::client::view;
use thub::client::view::canvas::Canvas;
use thub::client::view::out::{ColorDepth, Writer};
use thub::config::Config;
use thub::proto::control::SessionInfo;
use thub::proto::ids::{SessionId, Size};
use thub::term::keys;
use thub::theme::Theme;

const SIZE: Size = Size::new(160, 48);

/// Four panes and the tree, each pane full of coloured text, without a host behind it.
struct Client {
    app: App,
    made: Vec<SessionId>,
    seen: Vec<u64>,
}

impl Client {
    fn new() -> Client {
        let mut client = Client::start(SIZE, true);
        for keys in ["C-b %", "C-b \"", "C-b Left", "C-b \""] {
            client.keys(keys);
        }
        assert_eq!(client.made.len(), 4);
        for pane in 0..4 {
            for i in 0..100 {
                client.output(
                    pane,
                    &format!("\x1b[3{}mline {i}\x1b[0m of a program's output, \x1b[1mbold\x1b[m\r\n", i % 8),
                );
            }
        }
        client
    }
    /// One pane of 200x50 full of a log, beside the tree or alone.
    fn log(tree: bool) -> Client {
        let cols = 200 + if tree { Config::default().tree_width } else { 0 };
        let mut client = Client::start(Size::new(cols, 52), tree);
        for n in 0..120 {
            client.output(0, &log_line(n));
        }
        client
    }
    fn start(size: Size, tree: bool) -> Client {
        let setup = Setup {
            settings: Config { tree, ..Config::default() },
            size,
            solo: None,
            open_host: None,
            known: Vec::new(),
            ssh_config: None,
            saved: None,
            inside: Inside::default(),
        };
        let (app, effects) = App::new(setup);
        let mut client = Client { app, made: Vec::new(), seen: Vec::new() };
        client.perform(effects);
        client.host(HostEvent::State(HostState::Online { build: "1".into(), hostname: "box".into() }));
        client
    }
    fn keys(&mut self, keys: &str) {
        keys.split(' ').for_each(|k| self.event(Event::Key(keys::parse_name(k).expect("a key"))));
    }
    fn event(&mut self, event: Event) {
        let mut effects = self.app.update(event);
        effects.extend(self.app.taken());
        self.perform(effects);
    }
    fn host(&mut self, event: HostEvent) {
        self.event(Event::Host(HostId::local(), event));
    }
    /// Does as a host does.
    fn perform(&mut self, effects: Vec<Effect>) {
        let info = |id: &SessionId, size: Size| {
            Box::new(SessionInfo { id: id.to_string(), cols: size.cols, rows: size.rows, ..SessionInfo::default() })
        };
        for effect in effects {
            match effect {
                Effect::Host(_, HostCommand::Create { tag, create, .. }) => {
                    let id: SessionId = format!("s{}", self.made.len()).parse().expect("an id");
                    self.made.push(id.clone());
                    self.seen.push(0);
                    self.host(HostEvent::Created { tag, result: Ok(info(&id, create.size.unwrap_or(SIZE))) });
                }
                Effect::Host(_, HostCommand::Attach { session, size, .. }) => {
                    let info = info(&session, size);
                    self.host(HostEvent::Attached { session, info, again: false });
                }
                Effect::Host(_, HostCommand::Resize { session, size }) => {
                    self.host(HostEvent::Size { session, offset: 0, size });
                }
                Effect::Host(_, HostCommand::List) => self.host(HostEvent::Sessions(Vec::new())),
                _ => {}
            }
        }
    }
    fn output(&mut self, pane: usize, text: &str) {
        let (session, offset) = (self.made[pane].clone(), self.seen[pane]);
        self.seen[pane] += text.len() as u64;
        self.host(HostEvent::Output { session, offset, bytes: text.into() });
    }
    fn draw(&self, buf: &mut Buffer) {
        buf.reset();
        black_box(view::draw(&self.app, &Theme::default(), buf));
    }
}

fn draw(c: &mut Criterion) {
    let mut client = Client::new();
    let blank = || Buffer::empty(Rect::new(0, 0, SIZE.cols, SIZE.rows));
    let (mut before, mut after) = (blank(), blank());
    c.bench_function("draw/view", |b| b.iter(|| client.draw(&mut before)));
    client.output(0, "one more line\r\n");
    client.draw(&mut after);
    let mut out = Vec::new();
    for (name, prev) in
        [("draw/emit all", None), ("draw/emit one pane scrolled", Some(&before)), ("draw/emit none", Some(&after))]
    {
        let mut writer = Writer::new(ColorDepth::True);
        c.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                writer.emit(prev, &after, None, &mut out);
            })
        });
        println!("{name}: {} bytes", out.len());
    }
    c.bench_function("draw/echo of a key", |b| {
        b.iter(|| {
            client.output(1, "x\x08");
            client.draw(&mut after);
        })
    });
}

/// A line of a log as programs write them.
fn log_line(n: usize) -> String {
    format!(
        "\r\n\x1b[2m2026-03-{:02}T10:{:02}:07.{:06}Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2mlink::conn\x1b[0m: frames until {}",
        n % 28 + 1,
        n % 60,
        n * 7919 % 1_000_000,
        n * 104_729
    )
}

/// Draws one frame and makes its bytes: the client, the bytes, whether all is drawn.
type Frame<'a> = dyn FnMut(&mut Client, &mut Vec<u8>) + 'a;

/// The median time and bytes of frames that each show one more piece of output.
fn frames(client: &mut Client, piece: &dyn Fn(usize) -> String, frame: &mut Frame<'_>) -> (Duration, usize) {
    const FRAMES: usize = 400;
    let mut out = Vec::new();
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    for n in 0..FRAMES {
        let piece = piece(n);
        out.clear();
        let start = Instant::now();
        client.output(0, &piece);
        frame(client, &mut out);
        times.push(start.elapsed());
        bytes.push(out.len());
        black_box(client.app.drawn());
    }
    times.sort();
    bytes.sort();
    (times[FRAMES / 2], bytes[FRAMES / 2])
}

fn short(_: &mut Criterion) {
    // over what is there another letter each time: a key that changes nothing would be cheap
    let key = |n: usize| if n % 100 == 99 { "\r".into() } else { ["x", "y"][n / 100 % 2].to_string() };
    let line = |n: usize| log_line(120 + n);
    let pieces: [(&str, &dyn Fn(usize) -> String); 2] = [("one key", &key), ("one scrolled line", &line)];
    println!("\nfrom output to bytes, a pane of 200x50       short            whole, no scrolling    ratio");
    for tree in [false, true] {
        for (name, piece) in pieces {
            let mut client = Client::log(tree);
            let (size, theme) = (client.app.size, Theme::default());
            let (mut canvas, mut writer) = (Canvas::default(), Writer::new(ColorDepth::True));
            let mut draw = |client: &mut Client, out: &mut Vec<u8>| {
                canvas.draw(&client.app, &theme, size, false, &mut writer, out);
            };
            draw(&mut client, &mut Vec::new());
            black_box(client.app.drawn());
            let short = frames(&mut client, piece, &mut draw);
            let mut client = Client::log(tree);
            let mut writer = Writer::new(ColorDepth::True);
            let (mut shown, mut next): (Option<Buffer>, _) = (None, Buffer::empty(Rect::default()));
            let whole = frames(&mut client, piece, &mut |client, out| {
                next.resize(Rect::new(0, 0, size.cols, size.rows));
                next.reset();
                let cursor = view::draw(&client.app, &theme, &mut next);
                writer.emit(shown.as_ref(), &next, cursor, out);
                let old = shown.replace(std::mem::take(&mut next));
                next = old.unwrap_or_default();
            });
            let name = format!("{name}{}", if tree { ", beside the tree" } else { "" });
            let ratio = short.0.as_secs_f64() / whole.0.as_secs_f64();
            println!(
                "{name:<36} {:>9.1?} {:>6} bytes  {:>9.1?} {:>6} bytes  {ratio:>8.3}",
                short.0, short.1, whole.0, whole.1
            );
        }
    }
    let client = Client::log(false);
    let pane = client.app.focused().expect("a pane");
    let start = Instant::now();
    const TIMES: u32 = 200;
    for _ in 0..TIMES {
        (0..50).for_each(|row| {
            black_box(pane.engine.row_stamp(row));
        });
    }
    println!("of that the stamps of all rows      {:>9.1?}", start.elapsed() / TIMES);
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = draw, short }
criterion_main!(benches);
