//! What a frame costs: the whole client drawn into a buffer, and the bytes of what changed since the last one.

use criterion::{Criterion, criterion_group, criterion_main};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::hint::black_box;
use thub::client::app::{App, Effect, Event, Setup};
use thub::client::host::{HostCommand, HostEvent, HostId, HostState};
use thub::client::view;
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
        let setup = Setup {
            settings: Config::default(),
            size: SIZE,
            solo: None,
            open_host: None,
            known: Vec::new(),
            saved: None,
            inside: Default::default(),
        };
        let (app, effects) = App::new(setup);
        let mut client = Client { app, made: Vec::new(), seen: Vec::new() };
        client.perform(effects);
        client.host(HostEvent::State(HostState::Online { build: "1".into(), hostname: "box".into() }));
        for keys in ["C-b %", "C-b \"", "C-b Left", "C-b \""] {
            keys.split(' ').for_each(|k| client.event(Event::Key(keys::parse_name(k).expect("a key"))));
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
                Effect::Host(_, HostCommand::Create { tag, create }) => {
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

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = draw }
criterion_main!(benches);
